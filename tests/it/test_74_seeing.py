# SPDX-License-Identifier: Apache-2.0
"""Who is connected, and closing connections: what is told is true, to those whom it is for, and nothing of others."""
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import ssl
import struct
import subprocess
import termios
import threading
import time

import confluent_kafka as ck
import harness
import pytest
import twin
from harness import Broker
from hostile import eventually

PASSWORD = "a pass of many words"


class Seen(Broker):
    def told(self, *words, conf="admin"):
        return json.loads(self.ctl("-o", "json", *words, conf=conf).stdout)

    def client(self, user, tenant=None):
        """A connection of a user's, which says nothing by itself."""
        tls = ssl.create_default_context(cafile=self.conf()["ssl.ca.location"])
        c = twin.Client("127.0.0.1", self.port, ssl_context=tls, server_hostname="127.0.0.1", client_id=f"{user}-1")
        name = f"{user}@{tenant}" if tenant else user
        assert c.sasl_scram(name, PASSWORD)["error_code"] == 0
        return c

    def of(self, user, *words, conf="admin"):
        return [c for c in self.told("connections", *words, conf=conf) if c["user"] == user]


@pytest.fixture(scope="module")
def site():
    b = Seen("audit.file: audit.log\naudit.sync.ms: 0\nnum.network.threads: 2\n")
    b.start()
    for name in ("anna", "bert", "tina"):
        b.user(name, "--password", PASSWORD)
    b.ctl("team", "add", "admins", "tina")
    b.ctl("tenant", "create", "acme", "--admin", "boss", "--password", PASSWORD, "--conf", b.dir / "boss.conf")
    yield b
    b.remove()


@contextlib.contextmanager
def connected(site, *users):
    clients = [site.client(*u) if isinstance(u, tuple) else site.client(u) for u in users]
    try:
        yield clients
    finally:
        for c in clients:
            c.close()


def hung_up(client, seconds=1.0):
    client.sock.settimeout(seconds)
    try:
        return client.sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def test_what_is_told_is_true(site):
    with connected(site, "anna") as (c,):
        c.call("api_versions", 3, client_software_name="a-client", client_software_version="1.2.3")
        c.call("metadata", 12, topics=[])
        time.sleep(0.3)
        (row,) = site.of("anna")
        host, port = c.sock.getsockname()
        assert (row["from"], row["tenant"], row["mechanism"]) == (f"{host}:{port}", "main", "SCRAM-SHA-256")
        assert (row["tls"], row["cipher"]) == (c.sock.version(), c.sock.cipher()[0])
        assert (row["client"], row["version"], row["client_id"]) == ("a-client", "1.2.3", "anna-1")
        assert 300 <= row["idle_ms"] < 60_000 and row["throttle_ms"] == 0 and row["requests"] == 0
        assert abs(time.time() - time.mktime(time.strptime(row["since"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
        assert 0 < row["rate_in"] < 100_000 and 0 < row["rate_out"] < 100_000
        assert row["listener"] in site.yaml.read_text()
    assert site.of("anna") == []


def test_a_waiting_request_and_its_memory_show(site):
    site.ctl("topic", "create", "waits", "--owner", "anna")
    with connected(site, "anna") as (c,):
        c.send("fetch", 4, {"replica_id": -1, "max_wait_ms": 20_000, "min_bytes": 1, "max_bytes": 1 << 20, "topics": [
            {"topic": "waits", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 16}]}]})
        time.sleep(0.3)
        (row,) = site.of("anna")
        assert row["requests"] == 1 and row["memory"] > 0
        began = time.monotonic()
        assert site.told("kill", row["id"])[0]["closed"] == "1"
        assert hung_up(c) and time.monotonic() - began < 3	# the program's own start is in it
    assert site.of("anna") == []


def test_a_throttled_one_shows(site):
    site.ctl("quota", "set", "users/bert", "request_percentage=0.01")
    with connected(site, "bert") as (c,):
        c.sock.settimeout(60)  # the login is paid for first
        c.call("metadata", 12, topics=None)
        (row,) = site.of("bert")
        assert 0 < row["throttle_ms"] <= 10_000
    site.ctl("quota", "set", "users/bert", "request_percentage=")
    eventually(lambda: site.of("bert") == [])  # it is not read, and so not missed, before


def test_groups_of_a_consumer(site):
    site.ctl("topic", "create", "read", "--owner", "anna")
    c = ck.Consumer({**site.conf("anna"), "group.id": "readers", "session.timeout.ms": 6000})
    c.subscribe(["read"])
    end = time.monotonic() + 30
    while not c.assignment() and time.monotonic() < end:
        c.poll(0.2)
    rows = site.of("anna")
    assert [r["groups"] for r in rows if r["groups"]] == [["readers"]]
    assert {r["client"] for r in rows} == {"confluent-kafka-python"}
    # An administrator who may not see the group is not told of it; its owner is.
    site.ctl("group", "create", "other")
    mine = [r["groups"] for r in site.of("anna", conf="anna") if r["groups"]]
    assert mine == [["readers"]]
    site.ctl("chmod", "0700", "groups/readers")
    site.ctl("setfacl", "-m", "deny:user:tina:describe", "groups/readers")
    assert [r["groups"] for r in site.of("anna", conf="tina") if r["groups"]] == []
    c.close()


def test_who_sees_which_connections(site):
    with connected(site, "anna", "bert"), contextlib.closing(site.speak()):
        assert {r["user"] for r in site.told("connections")} >= {"admin", "anna", "bert"}
        assert all(r["user"] == "anna" for r in site.told("connections", conf="anna"))
        assert {r["user"] for r in site.told("connections", conf="tina")} >= {"admin", "anna", "bert", "tina"}
        assert {r["user"] for r in site.told("connections", "--user", "bert")} == {"bert"}
        denied = site.ctl("connections", "--user", "bert", conf="anna", check=False)
        assert (denied.returncode, denied.stdout) == (4, "")
        with contextlib.closing(site.speak("anna")) as c:
            answer = c.call("connection_list", 0)
            assert {r["number"] for r in answer["connections"]} == {-1}
            assert c.call("connection_list", 0, after="0" * 16)["error_code"] in (0, 42)
            assert c.call("connection_list", 0, after="1")["error_code"] == 42
            assert c.call("connection_list", 0, tenant="acme")["error_code"] == 31
            assert c.call("connection_list", 0, tenant="nope")["error_code"] == 31


def test_tenants_do_not_see_each_other(site):
    """Neither who is connected, nor that anybody is."""
    with connected(site, "anna", ("boss", "acme")) as (_, boss):
        theirs = site.told("connections", conf="boss")
        assert {(r["user"], r["tenant"]) for r in theirs} == {("boss", "acme")}
        assert "boss" not in {r["user"] for r in site.told("connections", conf="tina")}
        assert {r["tenant"] for r in site.told("connections")} == {"main", "acme"}
        assert {r["user"] for r in site.told("connections", "--tenant", "acme")} == {"boss"}
        annas = site.of("anna")[0]["id"]
        p, q = (site.ctl("kill", i, conf="boss", check=False) for i in (annas, "0" * 16))
        assert p.returncode == q.returncode == 4 and p.stderr.replace(annas, "0" * 16) == q.stderr
        p, q = (site.ctl("kill", "--tenant", t, "--user", "anna", conf="boss", check=False) for t in ("main", "nope"))
        assert p.returncode == q.returncode == 4 and p.stderr == q.stderr
        assert site.told("kill", "--user", "anna", conf="boss")[0]["closed"] == "0"
        assert len(site.of("anna")) == 1
        assert site.told("kill", "--tenant", "acme", "--user", "boss")[0]["closed"] == "1"
        assert hung_up(boss)


def test_a_login_under_way_is_the_operators_matter(site):
    tls = ssl.create_default_context(cafile=site.conf()["ssl.ca.location"])
    c = twin.Client("127.0.0.1", site.port, ssl_context=tls, server_hostname="127.0.0.1")
    c.call("api_versions", 3, client_software_name="early", client_software_version="1")
    (row,) = [r for r in site.told("connections") if r["user"] is None]
    assert (row["client"], row["mechanism"]) == ("early", None)
    assert [r for r in site.told("connections", conf="tina") if r["user"] is None] == []
    assert site.ctl("kill", row["id"], conf="tina", check=False).returncode == 4
    site.ctl("kill", row["id"])
    assert hung_up(c)
    c.close()


def test_who_may_kill(site):
    with connected(site, "anna", "anna", "bert") as (one, two, bert):
        mine = site.of("anna")
        his = site.of("bert")[0]["id"]
        boss = site.speak("admin")
        operators = [r["id"] for r in site.told("connections") if r["user"] == "admin" and r["client_id"] == "twin"]
        absent = site.ctl("kill", "0" * 16, conf="anna", check=False)
        for conf, target in (("anna", his), ("anna", operators[0])):
            p = site.ctl("kill", target, conf=conf, check=False)
            assert p.returncode == 4 and p.stderr.replace(target, "0" * 16) == absent.stderr
        assert site.ctl("kill", "--user", "bert", conf="anna", check=False).returncode == 4
        for words in (("kill", operators[0]), ("kill", "--user", "admin")):
            p = site.ctl(*words, conf="tina", check=False)
            assert p.returncode == 4, p.stdout
        assert boss.call("metadata", 12, topics=[])["cluster_id"]
        boss.close()
        site.ctl("kill", mine[0]["id"], conf="anna")
        assert hung_up(one, 0.5) != hung_up(two, 0.5)
        assert site.told("kill", "--user", "anna", conf="tina")[0]["closed"] == "1"
        assert hung_up(one) and hung_up(two) and not hung_up(bert, 0.3)
        assert site.told("kill", "--user", "bert")[0]["closed"] == "1"
        assert hung_up(bert)
        assert site.told("kill", "--user", "bert")[0]["closed"] == "0"


def test_a_user_ends_his_own_others(site):
    """All but the one that asks."""
    with connected(site, "anna", "anna") as (one, two):
        assert one.call("connection_kill", 0, user="anna")["closed"] == 1
        assert hung_up(two)
        me = one.call("connection_list", 0)["connections"]
        assert len(me) == 1
        answer = one.call("connection_kill", 0, connection=me[0]["id"])
        assert (answer["error_code"], answer["closed"]) == (42, 0) and "of this request" in answer["error_message"]
        for words in ({}, {"connection": "x", "user": "anna"}):
            assert one.call("connection_kill", 0, **words)["error_code"] == 42


def test_what_was_killed_is_in_the_audit_log(site):
    with connected(site, "anna") as (c,):
        (row,) = site.of("anna")
        site.ctl("kill", row["id"], conf="tina")
        site.ctl("kill", "--user", "anna")
    lines = [json.loads(line) for line in (site.dir / "audit.log").read_text().splitlines()]
    one, all_ = [line for line in lines if line["what"] == "killed"][-2:]
    assert one["whose"]["user"] == "anna" and one["whose"]["connection"] > 0 and one["user"] == "tina"
    assert all_["whose"] == {"tenant": "main", "user": "anna"} and all_["user"] == "admin"
    site.ctl("audit", "verify", site.dir / "audit.log")


def test_many_are_told_page_by_page(site):
    """Each once, also while others come and go; and all of a user are closed."""
    clients = [site.client("anna") for _ in range(450)]
    try:
        rows = site.of("anna")
        assert len(rows) == 450 and len({r["id"] for r in rows}) == 450 and len({r["from"] for r in rows}) == 450
        for c in clients[::3]:
            c.close()
        time.sleep(0.5)
        assert {r["from"] for r in site.of("anna")} == {
            "%s:%d" % c.sock.getsockname() for i, c in enumerate(clients) if i % 3}
        with contextlib.closing(site.speak("bert")) as c:
            answer = c.call("connection_list", 0)
            assert len(answer["connections"]) == 1 and answer["next"] is None	# nobody counts others by pages
        began = time.monotonic()
        assert site.told("kill", "--user", "anna")[0]["closed"] == "300"
        assert all(hung_up(c) for i, c in enumerate(clients) if i % 3) and time.monotonic() - began < 10
        assert site.of("anna") == []
    finally:
        for c in clients:
            c.close()


# ---- top ----

def work(site, user, topic, requests=50):
    with connected(site, user) as (c,):
        for _ in range(requests):
            c.call("metadata", 12, topics=[{"name": topic}])


def test_rates_are_told_of_tenants_users_and_topics(site):
    site.ctl("topic", "create", "busy", "-p", "2", "--owner", "anna")
    site.ctl("topic", "create", "still", "--owner", "bert")
    producer = ck.Producer(site.conf("anna"))
    for i in range(400):
        producer.produce("busy", bytes(1000), partition=i % 2)
    producer.flush(30)
    work(site, "anna", "busy", 200)
    rows = {r["name"]: r for r in site.told("top", "--batch")}
    anna = rows["anna"]
    assert 400_000 / 21 < anna["bytes_in"] < 450_000 and 200 / 21 < anna["requests"] < 400
    assert 0 < anna["cpu_percent"] < 100 and anna["tenant"] == "main"
    tenants = {r["name"]: r for r in site.told("top", "--batch", "--of", "tenants")}
    assert tenants["main"]["bytes_in"] >= anna["bytes_in"] * 0.9
    topics = {r["name"]: r for r in site.told("top", "--batch", "--of", "topics", "-d", "1")}
    assert topics["busy"]["records"] == 400 and topics["busy"]["bytes"] > 400_000 and topics["still"]["records"] == 0
    assert topics["busy"]["records_in"] == 0


def test_a_topic_that_grows_and_the_order(site):
    producer = ck.Producer(site.conf("anna"))
    site.ctl("topic", "create", "grows", "--owner", "anna")
    end = time.monotonic() + 6

    def go():
        while time.monotonic() < end:
            producer.produce("grows", bytes(100))
            producer.flush(10)
            time.sleep(0.01)
    t = threading.Thread(target=go)
    t.start()
    text = site.ctl("top", "--batch", "--of", "topics", "-d", "2", "-n", "2").stdout
    t.join()
    first, second = text.strip().split("\n\n")
    for part in (first, second):
        lines = part.split("\n")
        assert lines[0].split() == ["NAME", "TENANT", "RECORDS-IN", "GROWS", "RECORDS", "BYTES"]
        assert lines[1].split()[0] == "grows" and 5 < int(lines[1].split()[2]) < 1000
    names = [r["name"] for r in site.told("top", "--batch", "--of", "topics", "--sort", "name", "-d", "1")]
    assert names == sorted(names)


def test_who_is_told_which_rates(site):
    for user in ("anna", "bert"):
        work(site, user, "busy")
    with connected(site, ("boss", "acme")) as (c,):
        c.call("metadata", 12, topics=[])
    assert {r["name"] for r in site.told("top", "--batch", conf="anna")} == {"anna"}
    assert {r["name"] for r in site.told("top", "--batch", conf="tina")} >= {"anna", "bert"}
    assert {(r["tenant"], r["name"]) for r in site.told("top", "--batch", conf="boss")} == {("acme", "boss")}
    assert {r["name"] for r in site.told("top", "--batch", "--of", "tenants", conf="boss")} == {"acme"}
    assert {r["tenant"] for r in site.told("top", "--batch", "--of", "tenants")} >= {"main", "acme"}
    assert "bert" not in site.ctl("top", "--batch", "--of", "topics", "-d", "1", conf="boss").stdout
    assert {r["name"] for r in site.told("top", "--batch", "--of", "topics", "-d", "1", conf="boss")} == set()
    assert "still" not in {r["name"] for r in site.told("top", "--batch", "--of", "topics", "-d", "1", conf="anna")}
    p = site.ctl("top", "--batch", "--of", "tenants", conf="anna", check=False)
    assert (p.returncode, p.stdout) == (4, "")


@pytest.mark.parametrize("words, said", [
    (["top"], "top needs a terminal; --batch prints tables"), (["top", "-n", "3"], "-n is for --batch"),
    (["top", "--of", "cats"], "--of: tenants, users or topics"), (["top", "--sort", "size"], "--sort: name, in"),
])
def test_top_without_a_terminal_says_so(site, words, said):
    p = site.ctl(*words, check=False)
    assert p.returncode == 2 and said in p.stderr and p.stdout == ""


class Screen:
    """A program in a terminal of its own."""

    def __init__(self, *argv, rows=24, columns=80, env=None):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.text, self.seen = "", 0
        self.process = subprocess.Popen([str(a) for a in argv], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        preexec_fn=self.own, env={**os.environ, "TERM": "xterm", **(env or {})})

    def own(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, what, seconds=20):
        """What has come since the last call, up to what is looked for."""
        end = time.monotonic() + seconds
        while (at := self.text.find(what, self.seen)) < 0:
            assert time.monotonic() < end, f"no {what!r} in {self.text[self.seen:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")
        start, self.seen = self.seen, at + len(what)
        return self.text[start:self.seen]

    def rest(self):
        """All that comes within a moment."""
        end = time.monotonic() + 2
        while time.monotonic() < end and select.select([self.master], [], [], 0.3)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")

    def press(self, keys):
        os.write(self.master, keys.encode())

    def ended(self, seconds=10):
        """Its status; the terminal is as it was."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self.rest()
        code = self.process.returncode
        self.rest()
        assert termios.tcgetattr(self.slave) == self.before
        assert self.text.count("\x1b[?1049h") == self.text.count("\x1b[?1049l") >= 1
        assert self.text.rindex("\x1b[?25h") > self.text.rindex("\x1b[?25l")
        os.close(self.master)
        os.close(self.slave)
        return code


def top(site, *words, **how):
    return Screen(harness.SCHLOSSCTL, "-F", site.dir / "admin.conf", "top", "-d", "1", *words, **how)


def test_top_in_a_terminal(site):
    work(site, "anna", "busy")
    s = top(site)
    s.until("schlossctl top: users by in")
    assert "anna" in s.until("\x1b[J")
    s.press("r")
    s.until("users by requests", 0.9)	# the order changes at once
    s.press("3")
    s.until("topics by requests")
    s.press("1n")
    s.until("tenants by name")
    s.until("main")
    s.resize(5, 30)
    os.kill(s.process.pid, signal.SIGWINCH)
    s.rest()
    lines = s.text[:s.text.rindex("\x1b[J")]
    lines = lines[lines.rindex("\x1b[H") + 3:].replace("\x1b[K", "").split("\r\n")
    assert len(lines) <= 5 and all(len(line) <= 30 for line in lines)
    s.press("q")
    assert s.ended() == 0


@pytest.mark.parametrize("how, code", [("\x03", -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP),
                                       ("\x1c", -signal.SIGQUIT)])
def test_every_way_out_of_top_restores_the_terminal(site, how, code):
    s = top(site)
    s.until("\x1b[J")
    if isinstance(how, str):
        s.press(how)
    else:
        os.kill(s.process.pid, how)
    assert s.ended() == code


def test_top_stops_and_goes_on(site):
    s = top(site)
    s.until("\x1b[J")
    os.kill(s.process.pid, signal.SIGTSTP)
    s.until("\x1b[?1049l")
    time.sleep(0.3)
    assert termios.tcgetattr(s.slave) == s.before
    os.kill(s.process.pid, signal.SIGCONT)
    s.until("schlossctl top")
    s.press("q")
    assert s.ended() == 0


def test_top_ends_when_the_broker_does():
    b = Seen().start()
    try:
        s = top(b)
        s.until("\x1b[J")
        b.kill()
        assert s.ended(30) == 3
    finally:
        b.remove()


# ---- group lag ----

def lag(site, *groups, conf="admin"):
    return {(r["group"], r["topic"], r["partition"]): r for r in site.told("group", "lag", *groups, conf=conf)}


def test_lag_by_partition_and_member(site):
    site.ctl("topic", "create", "late", "-p", "3", "--owner", "anna")
    producer = ck.Producer(site.conf("anna"))
    for i in range(12):
        producer.produce("late", b"x", partition=i % 2)
    producer.flush(30)
    member = ck.Consumer({**site.conf("anna"), "group.id": "slow", "client.id": "snail", "enable.auto.commit": False,
                          "auto.offset.reset": "earliest"})
    member.subscribe(["late"])
    end = time.monotonic() + 30
    while len(member.assignment()) < 3 and time.monotonic() < end:
        member.poll(0.2)
    member.commit(offsets=[ck.TopicPartition("late", 0, 4)], asynchronous=False)
    rows = lag(site, "slow")
    assert {k: (r["committed"], r["end"], r["lag"]) for k, r in rows.items()} == {
        ("slow", "late", 0): (4, 6, 2), ("slow", "late", 1): (None, 6, None), ("slow", "late", 2): (None, 0, None)}
    assert {(r["host"], r["client_id"]) for r in rows.values()} == {("/127.0.0.1", "snail")}
    assert len({r["member"] for r in rows.values()}) == 1 and rows["slow", "late", 0]["member"].startswith("snail")
    # One more member than there are partitions: those without any are rows, too.
    others = [ck.Consumer({**site.conf("anna"), "group.id": "slow", "client.id": "idle", "enable.auto.commit": False}) for _ in range(3)]
    for c in others:
        c.subscribe(["late"])
    end = time.monotonic() + 40
    while time.monotonic() < end:
        for c in (member, *others):
            c.poll(0.1)
        rows = site.told("group", "lag", "slow")
        if len(rows) == 4 and len({r["member"] for r in rows}) == 4:
            break
    assert sorted((r["topic"] or "", r["partition"]) for r in rows if r["topic"]) == [("late", 0), ("late", 1), ("late", 2)]
    assert [(r["partition"], r["lag"], r["end"]) for r in rows if r["topic"] is None] == [(None, None, None)]
    for c in (member, *others):
        c.close()
    (row,) = site.told("group", "lag", "slow")
    assert (row["committed"], row["lag"], row["member"]) == (4, 2, None)


def test_lag_of_all_groups_and_of_none(site):
    site.ctl("topic", "create", "hers", "--owner", "bert")
    c = ck.Consumer({**site.conf("bert"), "group.id": "still"})
    c.commit(offsets=[ck.TopicPartition("hers", 0, 0)], asynchronous=False)
    c.close()
    assert {"slow", "still"} <= {r["group"] for r in site.told("group", "lag")}
    assert {r["group"] for r in site.told("group", "lag", conf="bert")} == {"still"}
    p = site.ctl("group", "lag", "slow", "still", conf="bert", check=False)
    assert p.returncode == 4 and "slow" in p.stderr and "still" in p.stdout


def test_pages_of_rates_tell_nothing_twice_and_drop_nothing(site):
    """By where a page would have ended."""
    with connected(site, "tina") as (c,):
        def told(what, after, client):
            answer = client.call("rate_list", 0, tenant=None, what=what, after=after)
            return answer["error_code"], [(r["tenant"], r["name"]) for r in answer["rows"]]
        boss = site.speak()
        assert ("main", "") in told(0, None, boss)[1] and ("main", "admin") in told(1, None, boss)[1]
        assert ("main", "") not in told(0, "main/", boss)[1]
        assert ("main", "admin") not in told(1, "main/admin", boss)[1]
        for what in (0, 1, 2):
            for after in ("gone/", "gone/x", "", "/"):
                assert told(what, after, boss) == (42, []), (what, after)
                assert told(what, "acme/", c) == told(what, "gone/", c) == (42, [])


# ---- tail ----

@pytest.fixture(scope="module")
def told(site):
    """A topic with a record of each codec, of binary, and of nothing."""
    site.ctl("topic", "create", "told", "-p", "2", "--owner", "anna")
    for i, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        p = ck.Producer({**site.conf("anna"), "compression.codec": codec})
        p.produce("told", f"{codec} " * 40, key=f"k{i}", partition=i % 2, timestamp=1_700_000_000_000 + i,
                  headers=[("h", b"v"), ("none", None)])
        assert p.flush(30) == 0
    p = ck.Producer(site.conf("anna"))
    p.produce("told", b"\x1b[2J\xff\x00end", key=None, partition=1, timestamp=1_700_000_000_005)
    p.produce("told", None, key=b"", partition=1, timestamp=1_700_000_000_006)
    assert p.flush(30) == 0
    return "told"


def test_tail_shows_records_of_every_codec(site, told):
    lines = site.ctl("tail", told, conf="anna").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["0:0", "1:0", "0:1", "1:1", "0:2", "1:2", "1:3"]
    for i, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        assert lines[i] == f'{i % 2}:{i // 2} 2023-11-14T22:13:20.00{i}Z "k{i}" "{(codec + " ") * 40}" h="v" none=null'
    assert lines[5].endswith(' null "\\x1b[2J\\xff\\x00end"') and lines[6].endswith(' "" null')


def test_tail_begins_where_it_is_told(site, told):
    def first(*words):
        return [line.split()[0] for line in site.ctl("tail", told, *words, conf="anna").stdout.splitlines()]
    assert first("-n", "2") == ["1:2", "1:3"] and first("-n", "0") == []
    assert first("--partition", "0") == ["0:0", "0:1", "0:2"] and first("--partition", "0", "-n", "1") == ["0:2"]
    assert first("--partition", "1", "--offset", "2") == ["1:2", "1:3"]
    assert first("--partition", "1", "--offset", "begin", "-n", "1") == ["1:0"] and first("--offset", "end") == []
    assert sorted(first("--offset", "begin")) == ["0:0", "0:1", "0:2", "1:0", "1:1", "1:2", "1:3"]
    for words, code, said in ((["--partition", "7"], 4, "partitions 0 to 1"), (["--offset", "3"], 2, "with --partition"),
                              (["--partition", "0", "--offset", "99"], 4, "offsets 0 to 3"), (["-o", "json"], 2, "no JSON")):
        p = site.ctl("tail", told, *words, conf="anna", check=False)
        assert p.returncode == code and said in p.stderr, p.stderr


def test_tail_takes_the_right_to_read(site, told):
    p, q = (site.ctl("tail", t, conf="bert", check=False) for t in (told, "nope"))
    assert p.returncode == q.returncode == 4 and p.stdout == "" and p.stderr.replace(told, "nope") == q.stderr
    assert site.ctl("tail", "absent", check=False).returncode == 4
    assert "absent" not in site.ctl("topic", "list").stdout


def test_tail_follows_until_it_is_interrupted(site, told):
    p = subprocess.Popen([harness.SCHLOSSCTL, "-F", site.dir / "anna.conf", "tail", told, "-n", "1", "-f"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline().startswith("1:3 ")
        site.kcat("-P", "-t", told, "-p", "0", conf="anna", stdin="more\n")
        assert '"more"' in p.stdout.readline()
        p.send_signal(signal.SIGINT)
        assert p.communicate(timeout=10) == ("", "") and p.returncode == 0
    finally:
        p.kill()


def test_tail_of_so_many_ends_with_the_last_of_them(site):
    site.ctl("topic", "create", "few", "-p", "1", "--owner", "anna")
    site.kcat("-P", "-t", "few", "-p", "0", conf="anna", stdin="one\n")
    p = subprocess.Popen([harness.SCHLOSSCTL, "-F", site.dir / "anna.conf", "tail", "few", "--offset", "begin", "-n", "2", "-f"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert '"one"' in p.stdout.readline()
        site.kcat("-P", "-t", "few", "-p", "0", conf="anna", stdin="two\nthree\n")
        out, err = p.communicate(timeout=10)
        assert '"two"' in out and "three" not in out and (err, p.returncode) == ("", 0)
    finally:
        p.kill()


def test_tail_ends_at_the_second_interrupt_whatever_it_waits_for(site):
    p = subprocess.Popen([harness.SCHLOSSCTL, "-F", site.dir / "anna.conf", "tail", "few", "-n", "1", "-f"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline()
        site.process.send_signal(signal.SIGSTOP)
        time.sleep(0.7)	# so that a request is under way
        p.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert p.poll() is None
        p.send_signal(signal.SIGINT)
        assert p.wait(3) == -signal.SIGINT
    finally:
        site.process.send_signal(signal.SIGCONT)
        p.kill()
        p.communicate()


def test_tail_shows_all_whatever_an_answer_holds(site):
    """By a quota an answer has less than a partition: the others come in it without bytes, and later with them."""
    site.ctl("topic", "create", "wide", "-p", "3", "--owner", "anna")
    p = ck.Producer({**site.conf("anna"), "batch.size": 65536, "compression.codec": "none"})
    for i in range(3 * 22):
        p.produce("wide", b"%06d" % i + b"x" * 50_000, partition=i % 3)
        p.poll(0)
    assert p.flush(60) == 0
    site.ctl("quota", "set", "users/anna", "consumer_byte_rate=1000000")
    try:
        lines = site.ctl("tail", "wide", "--offset", "begin", conf="anna").stdout.splitlines()
    finally:
        site.ctl("quota", "set", "users/anna", "consumer_byte_rate=")
    assert sorted(line.split()[0] for line in lines) == sorted(f"{i}:{k}" for i in range(3) for k in range(22))


# ---- terminals ----

def in_a_terminal(site, *words, **how):
    s = Screen(harness.SCHLOSSCTL, "-F", site.dir / "admin.conf", *words, **how)
    s.process.wait(20)
    s.rest()
    os.close(s.master)
    os.close(s.slave)
    return s.text.replace("\r\n", "\n")


def test_json_moves_no_text_either(site):
    odd = "a\u0085\u009bb\u2028\u202ec\u2066 ü 名 𝔘\u00a0"
    tls = ssl.create_default_context(cafile=site.conf()["ssl.ca.location"])
    c = twin.Client("127.0.0.1", site.port, ssl_context=tls, server_hostname="127.0.0.1", client_id=odd)
    try:
        assert c.sasl_scram("bert", PASSWORD)["error_code"] == 0
        c.call("metadata", 12, topics=[])
        text = site.ctl("-o", "json", "connections").stdout
    finally:
        c.close()
    assert odd in [row["client_id"] for row in json.loads(text)], text
    assert not set(text) & set("\u0085\u009b\u2028\u202e\u2066") and "ü 名 𝔘\u00a0" in text and "\\u202e" in text


def test_tables_fit_the_terminal_and_no_pipe(site):
    owner = "ünlimited-" * 6
    site.user(owner, "--password", PASSWORD)
    whole = site.ctl("user", "list").stdout
    wide = site.ctl("what-can", "anna").stdout
    longest = max(len(line) for line in wide.splitlines())
    shown = in_a_terminal(site, "what-can", "anna", columns=longest - 5, env={"NO_COLOR": "1"})
    assert "\x1b" not in shown and len(shown.splitlines()) == len(wide.splitlines())
    for a, b in zip(shown.splitlines(), wide.splitlines()):
        assert len(a) <= longest - 5 and (a == b or (a.endswith("...") and b.startswith(a[:-3])))
    assert "..." in shown and in_a_terminal(site, "user", "list", columns=500, env={"NO_COLOR": "1"}) == whole
    site.ctl("user", "delete", owner, "--purge")


def test_heads_are_bold_where_there_are_colours(site):
    shown = in_a_terminal(site, "topic", "list", columns=200)
    assert shown.startswith("\x1b[1mNAME") and shown.count("\x1b[1m") == shown.count("\x1b[0m") == 1
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in in_a_terminal(site, "topic", "list", columns=200, env=env)
    assert "\x1b" not in site.ctl("topic", "list").stdout


def test_long_work_shows_how_far_it_is(site):
    fifo = site.dir / "slow"
    os.mkfifo(fifo)
    lines = (site.dir / "audit.log").read_bytes().splitlines(keepends=True)

    def feed():
        with open(fifo, "wb", buffering=0) as f:
            for i, line in enumerate(lines[:10]):
                f.write(line)
                time.sleep(0.3 if i < 5 else 0)
    t = threading.Thread(target=feed)
    t.start()
    text = in_a_terminal(site, "audit", "verify", "--offline", fifo)
    t.join()
    bar = text.index("\raudit verify: ")
    assert text.index("\r\x1b[K", bar) < text.index("10 lines, number 1 to 10, are as they were written")
    with open(os.devnull, "w") as null:
        t = threading.Thread(target=feed)
        t.start()
        p = subprocess.run([harness.SCHLOSSCTL, "audit", "verify", "--offline", fifo], stdout=null, stderr=subprocess.PIPE)
        t.join()
    assert p.returncode == 0 and p.stderr == b""
