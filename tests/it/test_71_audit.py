# SPDX-License-Identifier: Apache-2.0
"""The audit log: what stands in it, what happens when it cannot be written, and that tampering is found."""
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import time

import pytest
from harness import BUILD, SCHLOSSD, Broker, run
from hostile import eventually
from manual import examples
from test_63_full_disk import Disk

class Audited(Broker):
    def __init__(self, settings="", file=None):
        super().__init__(f"audit.file: {file or 'audit.log'}\naudit.sync.ms: 0\n{settings}")
        self.file = file or self.dir / "audit.log"

    def lines(self, **want):
        """Those whose members are as wanted."""
        rows = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [r for r in rows if all(k in r and r[k] == v for k, v in want.items())]

    def line(self, **want):
        eventually(lambda: self.lines(**want))
        return self.lines(**want)[-1]

    def verify(self, *args, check=False):
        return self.ctl("audit", "verify", *(args or (self.file,)), check=check)

    def is_fine(self, *args):
        p = self.verify(*args)
        assert p.returncode == 0, p.stderr
        return p.stdout

    def fault(self, *args):
        p = self.verify(*args)
        assert p.returncode == 1, p.stdout + p.stderr
        return p.stderr


def chain(text):
    """As doc/FORMATS.md says how to check a file without us: the hash after each line."""
    before, out = None, []
    for line in text.splitlines():
        body, digest = re.fullmatch(r'(.*),"hash":"([0-9a-f]{64})"\}', line).groups()
        if before is None:
            before = json.loads(line)["prev"]
        assert hashlib.sha256(bytes.fromhex(before) + body.encode()).hexdigest() == digest
        before = digest
        out.append(digest)
    return out


@pytest.fixture
def b():
    b = Audited("audit.allows: [/main/topics/seen*]\naudit.topic: true\nauto.create.topics.enable: true\n")
    yield b
    b.remove()


def test_the_end_of_a_rule_is_told(b):
    """By nobody: it was the clock."""
    b.start()
    b.ctl("setfacl", "-m", "user:anna:r", "--until", "3s", "/main/topics/orders")
    made = b.line(what="rule", object="/main/topics/orders")
    assert made["user"] == "admin" and int(made["after"]["until"]) > 0
    over = b.line(what="rule", object="/main/topics/orders", after={"ended": "1"})
    assert over["rule"] == "user:anna:r" and over.get("user") is None and over["before"] == {}


def test_every_change_says_who_from_where_before_and_after(b):
    b.start()
    b.ctl("topic", "create", "orders", "-c", "retention.ms=1000")
    made = b.line(what="topic", object="/main/topics/orders")
    assert (made["user"], made["tenant"], made["mechanism"], made["api"]) == ("admin", "main", "SCRAM-SHA-256", "CreateTopics")
    assert made["from"].startswith("127.0.0.1:") and made["listener"] == "main" and made["client"] == "schlossctl"
    login = b.line(what="login", connection=made["connection"])
    assert (login["user"], login["from"]) == ("admin", made["from"])
    assert made["before"] is None and made["after"]["config.retention.ms"] == "1000" and made["after"]["mode"] == "0740"
    b.ctl("topic", "alter", "orders", "-c", "retention.ms=2000")
    altered = b.line(what="config", object="/main/topics/orders")
    assert (altered["before"], altered["after"]) == ({"config.retention.ms": "1000"}, {"config.retention.ms": "2000"})
    b.ctl("topic", "alter", "orders", "-p", "3")
    assert b.line(what="topic", before={"partitions": "1"})["after"] == {"partitions": "3"}

    b.user("anna")
    assert b.line(what="user", object="/main/users/anna")["before"] is None
    b.ctl("user", "lock", "anna")
    assert b.line(what="user", object="/main/users/anna")["after"]["locked"] == "1"
    b.ctl("user", "unlock", "anna")
    b.ctl("team", "create", "crew")
    assert b.line(what="team")["object"] == "/main/teams/crew"
    b.ctl("team", "add", "crew", "anna")
    joined = b.line(what="user", api="TeamAlter")
    assert joined["before"] == {} and joined["after"] == {"primary": "crew", "team": "crew"}

    b.ctl("chmod", "0700", "/main/topics/orders")
    assert b.line(what="permission", before={"mode": "0740"})["after"] == {"mode": "0700"}
    b.ctl("chown", "anna", "/main/topics/orders")
    assert b.line(what="permission", before={"owner": "admin"})["after"] == {"owner": "anna"}
    b.ctl("setfacl", "-m", "user:anna:w@10.0.0.0/8", "/main/topics/ord*")
    given = b.line(what="rule")
    assert (given["object"], given["rule"], given["before"]) == ("/main/topics/ord*", "user:anna:w@10.0.0.0/8", None)
    b.ctl("setfacl", "-x", "user:anna:w@10.0.0.0/8", "/main/topics/ord*")
    assert b.line(what="rule", after=None)["rule"] == given["rule"]
    b.ctl("quota", "set", "/main/users/anna", "producer_byte_rate=1000")
    b.ctl("quota", "set", "/main/users/anna", "producer_byte_rate=")
    assert b.line(what="quota", after=None)["before"] == {"producer_byte_rate": "1000"}

    b.ctl("token", "create", "--lifetime", "1d")
    token = b.line(what="token", before=None)
    assert token["object"].startswith("/main/tokens/") and token["after"]["owner"] == "admin"
    assert int(token["after"]["expires"]) > 0 and token["after"]["scram-sha-256"] == "*"
    b.ctl("token", "expire", token["object"].split("/")[-1])
    assert b.line(what="token", after=None)["object"] == token["object"]

    b.ctl("tenant", "create", "acme", "--admin", "ada", "--conf", b.dir / "ada.conf")
    assert b.line(what="tenant", object="/acme")["after"]["owner"] == "ada"
    b.delete_tenant("acme")
    gone = b.lines(user="admin", after=None)
    assert {r["object"] for r in gone} >= {"/acme", "/acme/users/ada"}
    b.ctl("user", "delete", "anna", "--chown-to", "admin")
    assert b.line(what="user", after=None)["object"] == "/main/users/anna"
    b.ctl("topic", "delete", "orders")
    assert b.line(what="topic", after=None)["object"] == "/main/topics/orders"
    # What nobody asked for by a request of its own has its user, too.
    b.kcat("-P", "-t", "fresh", stdin="x\n")
    assert b.line(what="topic", object="/main/topics/fresh")["api"] == "Metadata"

    chain(b.file.read_text())
    assert [r["seq"] for r in b.lines()] == list(range(1, len(b.lines()) + 1))
    assert b.file.stat().st_mode & 0o777 == 0o600


def test_a_reload_says_what_it_changed(b):
    b.start()
    b.configure("log.level: debug\nssl.key.password: hidden\n")
    b.process.send_signal(signal.SIGHUP)
    line = b.line(what="config", option="log.level")
    assert (line["api"], line["before"], line["after"]) == ("reload", "info", "debug")
    assert b.line(option="ssl.key.password")["after"] == "*"
    assert "hidden" not in b.file.read_text()


def test_denials_and_what_is_allowed(b):
    b.start()
    for name in ("orders", "seen1", "unseen"):
        b.ctl("topic", "create", name)
    b.user("anna")
    b.ctl("setfacl", "-m", "user:anna:r", "/main/topics/seen1")
    b.ctl("setfacl", "-m", "user:anna:r", "/main/topics/unseen")
    with b.speak("anna") as c:
        for _ in range(50):
            for name in ("orders", "seen1", "unseen"):
                c.call("list_offsets", 1, replica_id=-1, topics=[
                    {"name": name, "partitions": [{"partition_index": 0, "timestamp": -1}]}])
    denied = b.line(what="denied", user="anna")
    assert (denied["object"], denied["operation"], denied["step"]) == ("/main/topics/orders", "describe", "nothing-allows")
    assert (denied["class"], denied["mode"], denied["owner"]) == ("other", "rwxr-----", "admin")
    sentence = b.ctl("why", "anna", "describe", "/main/topics/orders", check=False).stdout
    assert denied["needs"] == "rwx" and "r, w or x" in sentence
    allowed = b.line(what="allowed", user="anna")
    assert (allowed["object"], allowed["step"], allowed["rule"]) == ("/main/topics/seen1", "allow-rule", "user:anna:r")
    b.stop()  # what was folded is told at the end
    assert sum(r.get("times", 1) for r in b.lines(what="denied", user="anna")) == 50
    assert sum(r.get("times", 1) for r in b.lines(what="allowed", user="anna")) == 50
    assert len(b.lines(what="denied")) == 2
    assert not [r for r in b.lines(what="allowed") if r["object"] != "/main/topics/seen1" and r["user"] == "anna"]


def test_failed_logins_and_no_secret(b):
    b.start()
    b.user("anna")
    conf = b.dir / "anna.conf"
    password = b.conf("anna")["sasl.password"]
    conf.write_text(conf.read_text().replace(password, "Wr0ng-Passw0rd-typed"))
    assert b.ctl("id", conf="anna", check=False).returncode == 3
    failed = b.line(what="login-failed", user="anna")
    assert failed["mechanism"].startswith("SCRAM") and failed["reason"] and failed["from"].startswith("127.0.0.1:")
    conf.write_text(conf.read_text().replace("sasl.username=anna", 'sasl.username=an"na\\\u2028{}'))
    b.ctl("id", conf="anna", check=False)
    eventually(lambda: len(b.lines(what="login-failed")) >= 2)
    b.ctl("user", "passwd", "anna", "--conf", b.dir / "again.conf")
    with b.speak() as c:
        c.call("alter_user_scram_credentials", 0, deletions=[], upsertions=[
            {"name": "anna", "mechanism": 1, "iterations": 4096, "salt": b"S4ltS4ltS4lt", "salted_password": b"K" * 32}])
    b.stop()
    text = b.file.read_text()
    chain(text)
    db = sqlite3.connect(b.dir / "data/meta.db")
    keys = [v.decode() for v, in db.execute("SELECT value FROM node WHERE path GLOB '*/users/*'")]
    db.close()
    secrets = [password, "Wr0ng-Passw0rd-typed", b.conf()["sasl.password"], "S4ltS4lt", b"S4ltS4lt".hex(), "K" * 8]
    for record in keys:
        for key in re.findall(r"^scram-[^=]*=\d+:(.*)$", record, re.M):
            secrets += key.split(":")
    assert len(secrets) > 10
    for secret in secrets:
        assert secret not in text, secret


def test_the_topic_is_for_operators(b):
    b.start()
    b.user("anna")
    b.ctl("setfacl", "-m", "user:anna:all", "/main/topics/*")
    assert "authorization failed" in b.kcat("-C", "-t", "__audit", "-e", conf="anna", check=False).stderr.lower()
    assert b.kcat("-P", "-t", "__audit", stdin="forged\n", check=False).returncode != 0
    got = b.kcat("-C", "-t", "__audit", "-o", "beginning", "-e").stdout.splitlines()
    text = b.file.read_text().splitlines()
    assert set(got) <= set(text) and len(got) > 5
    assert got == text[text.index(got[0]):][:len(got)]
    assert b.ctl("topic", "delete", "__audit", check=False).returncode != 0


def test_verify_finds_what_was_done_to_the_file(b):
    b.start()
    for i in range(10):
        b.ctl("topic", "create", f"t{i}")
    good = b.file.read_text()
    lines = good.splitlines(keepends=True)
    n = len(lines) - 5
    assert "are as they were written" in b.is_fine()

    def tampered(text):
        """The copy is looked at, for the broker writes on: this login, too."""
        copy = b.dir / "copy"
        copy.write_text(text)
        return b.fault(copy)
    assert f":{n + 1}: this line was changed" in tampered(good.replace(lines[n], lines[n].replace("127.0.0.1", "127.0.0.2")))
    assert f":{n + 1}: before this line number {n + 1} is missing" in tampered("".join(lines[:n] + lines[n + 1:]))
    assert ": before this line number" in tampered("".join(lines[:n] + [lines[n + 1], lines[n]] + lines[n + 2:]))
    assert "the end was cut off" in tampered("".join(lines[:-3]))
    assert "a file begins with an opening" in tampered("".join(lines[1:]))
    assert "has no end" in tampered(good[:-20])
    assert "the end was cut off" in tampered("")

    # The whole of it made anew, each hash right.
    before, forged = "0" * 64, ""
    for line in good.replace('"user":"admin"', '"user":"mallo"').splitlines():
        body = line[:line.rindex(',"hash"')]
        before = hashlib.sha256(bytes.fromhex(before) + body.encode()).hexdigest()
        forged += f'{body},"hash":"{before}"}}\n'
    b.stop()
    chain(forged)
    copy = b.dir / "copy"
    copy.write_text(forged)
    p = b.verify("--offline", copy)
    assert p.returncode == 0 and "cannot be told" in p.stdout
    head = f"{len(lines)}:{chain(good)[-1]}"
    assert f":{len(lines)}: this is not the line that the broker wrote" in b.fault("--head", head, copy)
    assert b.is_fine("--head", head, b.file)
    b.file.write_text(forged)
    b.start()
    assert "audit.log is not as the broker left it" in b.log
    assert b.line(what="open", why="start")["found"]
    b.fault()


def test_rotation(b):
    b.start()
    old = b.dir / "audit.log.1"
    b.file.rename(old)
    b.process.send_signal(signal.SIGHUP)
    eventually(b.file.exists)
    opening = b.line(what="open")
    assert opening["prev"] == chain(old.read_text())[-1] and opening["why"] == "file"
    b.ctl("topic", "create", "orders")
    b.restart()
    b.is_fine(old, b.file)
    assert "No line is known from elsewhere" not in b.is_fine(b.file)
    assert b.file.read_text().splitlines()[0] == json.dumps(opening, separators=(",", ":"))
    old.write_text("".join(old.read_text().splitlines(keepends=True)[:-1]))
    assert f"{b.file}:1: before this line" in b.fault(old, b.file)


def test_rotation_needs_no_configuration_that_can_be_read(b):
    b.start()
    old = b.dir / "audit.log.1"
    b.file.rename(old)
    b.configure("no.such.option: 1\n")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "everything stays as it was" in b.log)
    eventually(b.file.exists)
    assert b.line(what="open")["prev"] == chain(old.read_text())[-1]


def test_a_copy_that_fails_is_told_once_and_refuses_nothing(b):
    if os.path.exists("/run/systemd/journal/socket"):
        pytest.skip("there is a journald here, and it would take the lines")
    b.configure("audit.journald: true\n")
    b.start()
    b.ctl("topic", "create", "orders")
    assert b.log.count("could not be copied to journald") == 1
    b.is_fine()


def test_the_examples_of_the_page(b):
    b.start()
    b.file.rename(b.dir / "audit.log.1")
    b.process.send_signal(signal.SIGHUP)
    eventually(b.file.exists)
    b.user("bert")
    b.ctl("user", "list", conf="bert", check=False)
    b.line(what="denied")
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf")}
    blocks = examples("schloss-audit.5", "EXAMPLES")
    assert len(blocks) == 3
    for command in ("\n".join(block) for block in blocks):
        if command.startswith("jq") and shutil.which("jq") is None:
            continue
        p = run("bash", "-ec", f"cd {b.dir}\n{command}", env=env)
        assert "hash" in p.stdout or "are as they were written" in p.stdout and "WRITTEN" in p.stdout


def test_status_is_for_operators(b):
    b.start()
    b.user("anna")
    assert b.ctl("audit", "status", conf="anna", check=False).returncode == 4
    row = json.loads(b.ctl("-o", "json", "audit", "status").stdout)[0]
    assert (row["state"], row["failure"], row["lost"]) == ("ok", "refuse", 0)
    assert row["written"].split(":")[1] in b.file.read_text()


def test_a_kill_leaves_a_file_that_can_be_verified(b):
    """Whatever was written stands; what the metadata know of it is at most audit.sync.ms (0 here) and a second old."""
    b.start()
    for i in range(5):
        for k in range(3):
            b.ctl("topic", "create", f"t{i}-{k}")
        b.kill()
        assert b.file.read_text().endswith("\n")
        if i == 3:
            with open(b.file, "a") as f:  # what a power loss may leave
                f.write('{"time":"2026-')
        b.start()
        assert "not as the broker left it" not in b.log
        told = b.is_fine()
        assert ("cut short by a crash" in told) == (i >= 3)
    for line in b.file.read_text().splitlines():
        assert line == '{"time":"2026-' or json.loads(line)


@pytest.fixture(params=["refuse", "count"])
def full(request, tmp_path):
    disk = Disk(tmp_path / "disk", 1)
    b = Audited(f"audit.failure: {request.param}\naudit.queue.bytes: 65536\n",
                disk.path / "audit.log")
    b.disk, b.policy = disk, request.param
    yield b
    try:
        b.remove()
    finally:
        disk.unmount()


def test_a_full_disk(full):
    """What must be audited is refused, logins included; or it goes on, and the gap is told of."""
    b = full
    b.start()
    b.user("anna")
    admin = b.speak()
    b.disk.leave(0)

    def create(name):
        return admin.call("create_topics", 5, timeout_ms=10000, topics=[
            {"name": name, "num_partitions": 1, "replication_factor": 1}])["topics"][0]
    # The blocks that it has may hold some lines more.
    made = []
    for i in range(200):
        made.append(create(f"t{i}")["error_code"])
        if "cannot be written" in b.log:
            break
    assert "audit.log cannot be written: no space left" in b.log
    if b.policy == "refuse":
        eventually(lambda: create("no")["error_code"] == 56)
        assert "audit log" in create("no")["error_message"]
        assert b.ctl("id", conf="anna", check=False).returncode == 3
        assert "no" not in [t["name"] for t in admin.call("metadata", 1, topics=None)["topics"]]
    else:
        for i in range(300):
            assert create(f"more{i}")["error_code"] == 0
        assert b.ctl("id", conf="anna").returncode == 0
        status = json.loads(b.ctl("-o", "json", "audit", "status").stdout)[0]
        assert status["state"] == "failing" and status["lost"] > 0
    b.disk.foreign().unlink()
    eventually(lambda: "is written again" in b.log)
    assert create("again")["error_code"] == 0
    assert b.ctl("id", conf="anna").returncode == 0
    b.line(what="topic", object="/main/topics/again")
    assert not b.lines(object="/main/topics/no")
    if b.policy == "count":
        lost = b.line(what="gap")["lost"]
        assert lost == json.loads(b.ctl("-o", "json", "audit", "status").stdout)[0]["lost"]
        assert len(b.lines(what="topic")) < len(made) + 300
    admin.close()
    b.is_fine()


def test_a_reload_mends_a_broker_that_refuses(full):
    if full.policy == "count":
        pytest.skip("it refuses nothing")
    b = full
    b.start()
    admin = b.speak()
    b.disk.leave(0)
    for i in range(200):
        if admin.call("create_topics", 5, timeout_ms=10000, topics=[
                {"name": f"t{i}", "num_partitions": 1, "replication_factor": 1}])["topics"][0]["error_code"] == 56:
            break
    assert b.ctl("id", check=False).returncode == 3
    b.configure("audit.failure: count\n")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: b.ctl("id", check=False).returncode == 0)
    admin.close()
    b.disk.foreign().unlink()


def test_what_cannot_be_is_said_at_the_start():
    b = Audited(file="/dev/full/audit.log")
    try:
        b.start(wait=False)
        assert b.process.wait(20) != 0
        assert "audit.file: /dev/full/audit.log cannot be written" in b.log
        b.process = None
        b.configure("audit.file: audit.log\naudit.allows: [orders]\n")
        p = run(SCHLOSSD, "-c", b.yaml, "-t", check=False)
        assert p.returncode != 0 and "audit.allows: orders" in p.stderr + p.stdout
        for option in ("audit.topic: true", "audit.journald: true", "audit.allows: [/main]"):
            b.yaml.write_text(re.sub(r"(?m)^audit\..*\n", "", b.yaml.read_text()) + option + "\n")
            p = run(SCHLOSSD, "-c", b.yaml, "-t", check=False)
            assert p.returncode != 0 and f"{option.split(':')[0]}: audit.file must be set" in p.stderr + p.stdout
    finally:
        b.remove()


def test_the_chain_is_kept(b):
    """The metadata know the head: of a stopped broker the last line."""
    b.start()
    time.sleep(1.5)
    b.stop()
    db = sqlite3.connect(b.dir / "data/meta.db")
    (value,), = db.execute("SELECT value FROM node WHERE path = '/audit'")
    db.close()
    kept = dict(line.split("=") for line in value.decode().splitlines() if "=" in line)
    assert kept == {"head": f"{b.lines()[-1]['seq']}:{chain(b.file.read_text())[-1]}", "ended": "1"}
    assert b.lines()[-1]["what"] == "close"
