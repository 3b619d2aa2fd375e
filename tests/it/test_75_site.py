# SPDX-License-Identifier: Apache-2.0
"""A site as a file: what is exported and applied is the same again, to the byte; and a file that is wrong changes nothing."""
import base64
import json
import os
import re
import ssl
import stat
import threading
import time

import pytest
import twin
from harness import SCHLOSSCTL, Broker, free_port, run
from matrix import PASSWORD, keys
from test_58_tokens import Client

# What a reader of YAML takes for something else, what moves a terminal, what ends a line.
ODD = ["yes", "No", "on", "null", "~", "1e3", "0x1F", "0777", ".inf", "- dash", "# none", "a # b", "&anchor", "*alias",
       "!tag", "%41", "%", "@at", "`tick", "|", ">", "?", "= x", "{brace}", "[list]", "it's", "ü ñ 名前", "𝔘", "<<", "---", "...",
       "schloss-site", "tenants", "x" * 200]
# Groups and client ids may have what names of users may not.
ODDER = [*ODD, "*", "12:30:45", " lead", "trail ", "a: b", "a:", ": b", 'quote"d', "back\\slash", "a,b", "a/b", "new\nline", "tab\tx", "\r", "\x01\x7f",
         "\u0085\u00a0", "\u2028\u2029", "\u202e", "\ufeff", "x" * 3000]
TEAMS = ["yes", "no", "null", "true", "on", "y", "n", "crew"]
TOPICS = ["1e3", "yes", ".5", "0x10", "-", "_", "null", "T.o-p_ic", "y" * 249]
MANY = 1000


def ask(client, api, version=0, **value):
    answer = client.call(api, version, **value)
    wrong = [one for v in answer.values() if isinstance(v, list) for one in v if one.get("error_code")]
    assert answer.get("error_code", 0) == 0 and wrong == [], (api, answer.get("error_message"), wrong[:5])
    return answer


def make_tenant(client, name, users):
    """What there can be, under odd names; the users have one password."""
    tenant = {"tenant": name}
    ask(client, "team_alter", changes=[{"action": 0, "team": t, "users": []} for t in TEAMS], **tenant)
    for at in range(0, len(users), 200):
        ask(client, "user_alter", changes=[
            {"action": 0, "user": u, "mechanisms": ["SCRAM-SHA-256", *(["TLS"] if i % 3 == 0 else [])], "keys": keys(),
             "primary_team": TEAMS[i % 8] if i % 2 else None} for i, u in enumerate(users[at:at + 200])], **tenant)
    ask(client, "team_alter", changes=[{"action": 2, "team": t, "users": users[i::40]} for i, t in enumerate(TEAMS)], **tenant)
    ask(client, "user_alter", changes=[{"action": 1, "user": "locked", "locked": 1},
                                       {"action": 1, "user": "late", "expires_ms": 4102444800123}], **tenant)
    ask(client, "enter", **tenant)
    ask(client, "create_topics", 7, timeout_ms=60000, validate_only=False, topics=[
        {"name": t, "num_partitions": 1 + i % 3, "replication_factor": -1, "assignments": [],
         "configs": [{"name": "retention.ms", "value": str(1000 + i)}, {"name": "cleanup.policy", "value": "compact"}][:i % 3]}
        for i, t in enumerate(TOPICS)])
    for i, group in enumerate(ODDER):
        ask(client, "group_create", group=group, owner=users[i], team=TEAMS[i % 8], mode=0o640, **tenant)
    ask(client, "tree_set", changes=[{"path": f"/{name}/topics/{t}", "owner": users[i], "team": TEAMS[i % 8], "mode_clear": 0o777,
                                      "mode_set": [0o640, 0o711, 0][i % 3], "force": True} for i, t in enumerate(TOPICS)], **tenant)
    ask(client, "tree_set", changes=[{"path": f"/{name}/{p}", "owner": "", "team": ""} for p in ("topics/null", "groups/null")], **tenant)
    ask(client, "tree_set", changes=[{"path": f"/{name}/txns", "mode_clear": 0o777, "mode_set": 0o700}], **tenant)
    who = [f"User:{u}" for u in ODD] + ["Team:yes", "User:*", "User:nobody at all"]
    ask(client, "create_acls", 3, creations=[
        {"resource_type": 2 + i % 2, "resource_name": ODDER[i] if i % 2 else TOPICS[i % len(TOPICS)], "resource_pattern_type": 3 + i // 2 % 2,
         "principal": w, "host": ["*", "10.0.0.0/8", "::1"][i % 3], "operation": op, "permission_type": 2 + i % 2}
        for i, w in enumerate(who) for op in (3, 4, 7) if op != 7 and (i % 2 == 0 or op != 4)])
    user, cid = (lambda n: {"entity_type": "user", "entity_name": n}), (lambda n: {"entity_type": "client-id", "entity_name": n})
    # Of what is everybody's there is enough: by less, whoever exports the site would wait for a second at each request.
    ask(client, "alter_client_quotas", 1, validate_only=False, entries=[
        {"entity": e, "ops": [{"key": "request_percentage", "value": v, "remove": False}]} for e, v in
        [([user(n)], 0.1 + i) for i, n in enumerate(users[:40])] + [([user(None)], 100 / 3), ([cid(None)], 50), ([cid("tiny")], 1e-7)] +
        [([cid(n[:1000])], 12.5) for n in ODDER] + [([user("late"), cid(n[:1000])], 7) for n in ODDER] + [([user(None), cid(None)], 30)]])
    ask(client, "enter", tenant="main")


def make_site(broker):
    client = broker.speak()
    everybody = {}
    for n, name in enumerate(("acme", "null", "main")):
        if name != "main":
            broker.ctl("tenant", "create", name, "--admin", "boss", "--password", PASSWORD)
        users = [*ODD, "late", "locked", *(f"user{i:04d}" for i in range(MANY if n == 0 else 30))]
        make_tenant(client, name, users)
        everybody[name] = [u for u in users if u != "locked"]
    address = {"entity_type": "ip", "entity_name": "192.0.2.7"}, {"entity_type": "ip", "entity_name": None}
    tenant = {"entity_type": "tenant", "entity_name": "acme"}
    ask(client, "alter_client_quotas", 1, validate_only=False, entries=[
        *({"entity": [e], "ops": [{"key": "connection_creation_rate", "value": 7 if e["entity_name"] else 1000, "remove": False}]}
          for e in address),
        {"entity": [tenant], "ops": [{"key": "producer_byte_rate", "value": 1 << 53, "remove": False}]}])
    return everybody


def site_broker():
    return Broker().start()


def exported(broker, name, *more, conf="admin"):
    file = broker.tmp / name
    broker.ctl("export", *more, "--file", file, conf=conf)
    return file.read_bytes()


def plain(broker, *more, conf="admin"):
    return broker.ctl("export", *more, conf=conf).stdout


@pytest.fixture(scope="module")
def first():
    b = site_broker()
    try:
        b.everybody = make_site(b)
        yield b
    finally:
        b.remove()


@pytest.fixture
def broker():
    b = site_broker()
    yield b
    b.remove()


def test_what_is_applied_is_exported_again(first, broker):
    """Byte for byte, and everyone logs in: show 6."""
    text = exported(first, "site.yaml", "--with-keys")
    assert stat.S_IMODE(os.stat(first.tmp / "site.yaml").st_mode) == 0o600
    assert text.count(b"SCRAM-SHA-256: ") > MANY and exported(first, "again.yaml", "--with-keys") == text
    dry = broker.ctl("apply", first.tmp / "site.yaml", "--dry-run").stdout
    assert "+ tenant acme" in dry and "nothing was done" in dry and "acme" not in broker.ctl("tenant", "list").stdout
    done = broker.ctl("apply", first.tmp / "site.yaml").stdout
    assert re.search(r"(?m)^\d+ changes are done\.$", done) and "8192 " not in done, done[-500:]
    before, mine = broker.dir / "admin.conf", first.dir / "admin.conf"
    password = re.search(r"(?m)^sasl\.password=.*", mine.read_text())[0]
    before.write_text(re.sub(r"(?m)^sasl\.password=.*", lambda _: password, before.read_text()))
    assert exported(broker, "again.yaml", "--with-keys") == text
    assert broker.ctl("apply", first.tmp / "site.yaml").stdout == "Nothing to change: it is as the file says.\n"
    assert broker.ctl("diff", first.tmp / "site.yaml").stdout == ""
    broker.restart()
    assert exported(broker, "third.yaml", "--with-keys") == text
    refused = [f"{u}@{t}" for t, users in first.everybody.items() for u in users if not logs_in(broker, u, t)]
    assert refused == []
    assert not logs_in(broker, "locked", "acme") and not logs_in(broker, "user0000", "acme", "another password")


def logs_in(broker, user, tenant, password=PASSWORD):
    context = ssl.create_default_context(cafile=broker.conf()["ssl.ca.location"])
    client = twin.Client("127.0.0.1", broker.port, server_hostname="127.0.0.1", ssl_context=context)
    try:
        return client.sasl_scram(f"{user}@{tenant}", password)["error_code"] == 0
    finally:
        client.sock.close()


def test_it_is_yaml_to_others(first):
    """Each name is read as the text that it is by a library that knows all of YAML 1.1."""
    yaml = pytest.importorskip("yaml")
    site = yaml.safe_load(plain(first))
    assert site["schloss-site"] == 1 and list(site["tenants"]) == sorted(site["tenants"])
    acme = site["tenants"]["acme"]
    assert all(isinstance(n, str) for n in [*acme["users"], *acme["topics"], *acme["nodes"], *acme["quotas"], *acme["teams"]])
    assert {n.encode().decode() for n in acme["users"]} == {*first.everybody["acme"], "locked", "boss"}
    assert acme["users"]["late"]["expires"] == "2100-01-01T00:00:00.123Z"
    assert "keys" not in acme["users"]["boss"] and acme["quotas"]["users/late/clients/a%2Fb"] == {"request_percentage": 7}


# ---- errors ----

SMALL = """schloss-site: 1
tenants:
  acme:
    teams:
      - crew
    users:
      boss:
        mechanisms:
          - SCRAM-SHA-256
        teams:
          - crew
    topics:
      orders:
        partitions: 2
        settings:
          retention.ms: 1000
    nodes:
      /:
        owner: boss
        team: crew
        mode: 0770
      topics/orders:
        owner: boss
        mode: rw-r-----
    rules:
      topics/orders:
        - user:boss:rw
    quotas:
      users/boss:
        producer_byte_rate: 1000
"""

WRONG = {
    "schloss-site: 1": [("schloss-site: 2", "site.yaml:1:15: this version is not known here"), ("site: 1", "site.yaml:1:1: ")],
    "tenants:": [("tenant:", "site.yaml:2:1: tenant is not known here")],
    "  acme:": [("  Acme:", "site.yaml:3:3: no tenant can be called so"), ("  acme: &x", "anchors")],
    "    teams:\n      - crew\n": [("    team: crew\n", "site.yaml:4:5: team is not known here"),
                                   ("    teams: crew\n", "site.yaml:4:12: a list is expected"),
                                   ("    teams:\n      - crew\n      - crew\n", "site.yaml:6:9: this stands twice: also in line 5"),
                                   ("    teams: []\n", "there is no such team")],
    "          - SCRAM-SHA-256": [("          - SCRAM", "site.yaml:9:13: there is no such mechanism")],
    "        partitions: 2": [("        partitions: -1", "site.yaml:14:21: a number from 1"), ("        # none", "partitions are missing")],
    "retention.ms: 1000": [("retention.ms: soon", "retention.ms"), ("retention.msec: 1", "retention.msec")],
    "mode: 0770": [("mode: 0780", "site.yaml:21:15: "), ("mode: 0707", "other"), ("colour: red", "site.yaml:21:9: colour")],
    "topics/orders:\n        owner: boss": [("topics/others:\n        owner: boss", "there is no such topic"),
                                            ("topics/orders:\n        owner: ghost", "site.yaml:23:16: acme node topics/orders: owner ghost: there is no such user")],
    "user:boss:rw": [("user:boss:fly", "site.yaml:27:11: "), ("boss:rw", "site.yaml:27:11: ")],
    "      users/boss:": [("      user/boss:", "site.yaml:29:7: tenant, users/USER")],
    "producer_byte_rate: 1000": [("producer_byte_rate: 0", "site.yaml:30:29: a number above 0"),
                                 ("producer_byte_rat: 1", "quotas are"), ("producer_byte_rate: 1.5", "whole")],
}


@pytest.fixture(scope="module")
def quiet():
    b = site_broker()
    yield b
    b.remove()


@pytest.mark.parametrize("right, wrong, said", [(r, w, s) for r, many in WRONG.items() for w, s in many])
def test_an_error_anywhere_changes_nothing(quiet, right, wrong, said):
    """The last lines included, of a tenant that is not there yet."""
    file = quiet.tmp / "site.yaml"
    before = plain(quiet)
    assert SMALL.count(right) == 1
    file.write_text(SMALL.replace(right, wrong))
    p = quiet.ctl("apply", file, check=False)
    assert p.returncode in (2, 4) and said in p.stderr, p.stderr + p.stdout
    assert plain(quiet) == before and "acme" not in before


@pytest.mark.parametrize("text", ["", "[]", "schloss-site: 1\ntenants: {acme: {users: {a: {keys: {SCRAM-SHA-256: x}}}}}", "\xff", "a: " * 50,
                                  "schloss-site: 1\n" + "x: {}\n" * 2, "?"])
def test_what_is_no_site_is_said(quiet, text):
    file = quiet.tmp / "site.yaml"
    file.write_bytes(text.encode("latin-1"))
    for words in (("apply", file), ("diff", file), ("diff", file, file)):
        p = quiet.ctl(*words, check=False)
        assert p.returncode == 2 and "site.yaml" in p.stderr and p.stdout == ""


# ---- applying ----

def apply(broker, text, *more, check=True, conf="admin"):
    file = broker.tmp / "wanted.yaml"
    file.write_text(text)
    return broker.ctl("apply", file, *more, check=check, conf=conf)


def test_what_there_is_can_change(broker):
    """Keys stay where the file has none; what it does not name stays until it is to go."""
    apply(broker, SMALL)
    assert apply(broker, SMALL).stdout.startswith("Nothing to change")
    broker.ctl("--tenant", "acme", "user", "passwd", "boss", "--password", PASSWORD)
    assert logs_in(broker, "boss", "acme")
    more = SMALL.replace("partitions: 2", "partitions: 3").replace("retention.ms: 1000", "retention.bytes: 5").replace("0770", "0750") \
        .replace("user:boss:rw", "user:boss:r").replace("      - crew\n    users", "      - crew\n      - tools\n    users") \
        .replace("          - crew\n", "          - crew\n          - tools\n        primary-team: tools\n        expires: 2099-01-01T00:00:00Z\n")
    said = apply(broker, more)
    assert "~ acme topic orders: partitions 2 -> 3\n" in said.stdout and "are left alone" in said.stderr
    assert "primary-team crew -> tools" in said.stdout
    now = plain(broker, "acme")
    assert "retention.bytes: \"5\"" in now and "retention.ms: \"1000\"" in now and "user:boss:rw" in now and logs_in(broker, "boss", "acme")
    dry = apply(broker, more, "--prune", "--dry-run").stdout
    assert "- acme topic orders: settings retention.ms 1000\n" in dry and plain(broker, "acme") == now
    plan = re.search(r"Plan (\w+), ", dry)[1]
    assert apply(broker, more, "--prune", "--if-plan", "00" + plan[2:], check=False).returncode == 4 and plain(broker, "acme") == now
    apply(broker, more, "--prune", "--if-plan", plan)
    now = plain(broker, "acme")
    assert "retention.ms" not in now and "user:boss:r\n" in now and logs_in(broker, "boss", "acme")
    assert apply(broker, more, "--prune").stdout.startswith("Nothing to change")
    lower = apply(broker, more.replace("partitions: 3", "partitions: 1"), check=False)
    assert lower.returncode == 2 and "never taken away" in lower.stderr


def test_what_goes(broker):
    """Users, teams, groups and topics that the file does not name; never oneself."""
    apply(broker, SMALL)
    before = plain(broker, "acme")
    for words in (("team", "create", "gone"), ("user", "create", "gone", "--password", PASSWORD), ("topic", "create", "gone"),
                  ("group", "create", "gone"), ("setfacl", "-m", "user:gone:r", "topics/orders"),
                  ("quota", "set", "/acme/users/gone", "request_percentage=1")):
        broker.ctl("--tenant", "acme", *words)
    assert plain(broker, "acme").count("gone") > 6
    apply(broker, before)
    assert plain(broker, "acme").count("gone") > 6
    apply(broker, before, "--prune")
    assert plain(broker, "acme") == before
    own = plain(broker, "main")
    p = apply(broker, own.replace("admin:", "admin2:").replace("owner: admin", "owner: admin2"), "--prune", check=False)
    assert p.returncode == 2 and "that is you" in p.stderr and plain(broker, "main") == own


def test_a_run_that_stops_is_gone_on_with(broker):
    """What only shows while it is done: a user in more teams than anybody can be in."""
    teams = [f"t{i:03d}" for i in range(200)]
    text = SMALL.replace("      - crew\n    users", "".join(f"      - {t}\n" for t in ["crew", *teams]) + "    users")
    many = text.replace("          - crew\n", "".join(f"          - {t}\n" for t in ["crew", *teams]))
    p = apply(broker, many, check=False)
    done = re.search(r"stopped: (\d+) of (\d+) changes are done and stay", p.stderr)
    assert p.returncode == 4 and done and 100 < int(done[1]) < int(done[2]), p.stderr
    apply(broker, text)
    assert apply(broker, text).stdout.startswith("Nothing to change")
    assert "      orders:\n        partitions: 2\n" in plain(broker, "acme")


def test_who_is_locked_is_so_from_the_beginning(broker):
    """A run that stops in a later step has made nobody who may log in and should not."""
    (key,) = keys()
    key = " ".join([str(key["iterations"]), *(base64.b64encode(key[k]).decode() for k in ("salt", "stored_key", "server_key"))])
    with_key = f"        mechanisms:\n          - SCRAM-SHA-256\n        keys:\n          SCRAM-SHA-256: {key}\n"
    teams = [f"t{i:03d}" for i in range(200)]
    text = SMALL.replace("      - crew\n    users", "".join(f"      - {t}\n" for t in ["crew", *teams]) + "    users")
    text = text.replace("          - crew\n", "".join(f"          - {t}\n" for t in ["crew", *teams]))
    text = text.replace("    topics:\n", f"      fine:\n{with_key}      late:\n        expires: 2020-01-01T00:00:00Z\n{with_key}"
                        f"      shut:\n        locked: true\n{with_key}    topics:\n", 1)
    text = text.replace("      boss:\n        mechanisms:\n          - SCRAM-SHA-256\n", f"      boss:\n        locked: true\n{with_key}", 1)
    p = apply(broker, text, check=False)
    assert p.returncode == 4 and "stopped: " in p.stderr, p.stderr
    assert [u for u in ("boss", "fine", "late", "shut") if logs_in(broker, u, "acme")] == ["fine"]
    fewer = "".join(f"          - {t}\n" for t in teams)
    apply(broker, text.replace(fewer, ""))
    now = plain(broker, "acme")
    assert now.count("        locked: true\n") == 2 and re.search(r'expires: "?2020-01-01T00:00:00', now)
    assert [u for u in ("boss", "fine", "late", "shut") if logs_in(broker, u, "acme")] == ["fine"]
    for u in ("boss", "shut"):
        broker.ctl("--tenant", "acme", "user", "unlock", u)
        assert logs_in(broker, u, "acme")


def test_who_was_overwritten_is_told(broker):
    """Others set a node that the file sets, again and again: one of them is always next."""
    apply(broker, SMALL)
    stop = threading.Event()

    def other(client):
        while not stop.is_set():
            client.call("tree_set", 0, tenant="acme", changes=[{"path": "/acme/topics/orders", "mode_clear": 0o777, "mode_set": 0o600}])
    others = [threading.Thread(target=other, args=[broker.speak()]) for _ in range(4)]
    try:
        for one in others:
            one.start()
        end, p = time.monotonic() + 120, None  # they must meet, which no single try can promise
        while (p is None or p.returncode == 0) and time.monotonic() < end:
            p = apply(broker, SMALL.replace("rw-r-----", "rwxr-----"), check=False)
    finally:
        stop.set()
        for one in others:
            one.join()
    assert p.returncode == 4 and "somebody else changed the same meanwhile" in p.stderr, p.stdout + p.stderr
    assert "acme node topics/orders: mode 0600" in p.stderr


def test_a_rule_of_an_owner_ends_with_its_node(broker):
    """Also where both came from a file: the next owner of a name inherits nothing."""
    apply(broker, SMALL.replace("    rules:\n", "    owner-rules:\n"))
    assert "owner-rules:\n      topics/orders:\n        - user:boss:rw\n" in plain(broker, "acme")
    broker.ctl("--tenant", "acme", "setfacl", "-m", "user:boss:alter", "topics/orders")
    broker.ctl("--tenant", "acme", "topic", "delete", "orders")
    broker.ctl("--tenant", "acme", "topic", "create", "orders")
    assert broker.ctl("--tenant", "acme", "getfacl", "topics/orders").stdout.split("\n")[-2:] == ["user:boss:alter", ""]
    broker.ctl("user", "create", "olga", "--conf", broker.dir / "olga.conf")
    broker.ctl("topic", "create", "hers", "--owner", "olga")
    broker.ctl("setfacl", "-m", "user:admin:r", "topics/hers", conf="olga")
    assert "owner-rules:\n      topics/hers:\n        - user:admin:r\n" in plain(broker, "main")


def test_a_tenant_that_is_not_open_is_warned_of(broker):
    """The file does not say so, and what is made by it is open."""
    apply(broker, SMALL + SMALL[SMALL.index("  acme:"):].replace("acme", "other"))
    assert broker.ctl("export").stderr == ""
    broker.ctl("tenant", "suspend", "acme")
    for words in ((), ("acme",), ("--file", broker.tmp / "site.yaml")):
        p = broker.ctl("export", *words)
        assert "tenant acme is suspended" in p.stderr and p.stderr.count("\n") == 1
    broker.ctl("tenant", "delete", "other", "--purge")
    said = broker.ctl("export").stderr
    assert "tenant acme is suspended" in said and "tenant other is deleting" in said
    assert broker.ctl("export", "main").stderr == ""


# ---- who may ----

def test_who_may_export(first):
    """Operators all, an administrator his tenant, others nothing; keys are told of in the audit log."""
    first.ctl("user", "create", "mary", "--conf", first.dir / "mary.conf")
    first.ctl("user", "create", "adam", "--conf", first.dir / "adam.conf")
    first.ctl("team", "add", "admins", "adam")
    for words in (("export",), ("export", "main"), ("export", "acme"), ("export", "--with-keys", "--file", first.tmp / "no.yaml")):
        p = first.ctl(*words, conf="mary", check=False)
        assert p.returncode == 4 and p.stdout == "" and not (first.tmp / "no.yaml").exists()
    text = plain(first, conf="adam")
    assert "\n  main:\n" in text and "\n  acme:\n" not in text and "addresses/" not in text
    assert plain(first, "main", conf="adam") == text
    for tenant in ("acme", "nowhere"):
        assert first.ctl("export", tenant, conf="adam", check=False).returncode == 4
    with_keys = exported(first, "adams.yaml", "--with-keys", conf="adam").decode()
    assert "      adam:\n        keys:\n" in with_keys and "      admin:\n        mechanisms:\n" in with_keys
    assert "tenants:\n  acme:" in plain(first, "acme") and "  main:" not in plain(first, "acme")


def test_keys_are_told_of_and_go_by_no_token_and_no_plaintext():
    port = free_port()
    b = Broker("audit.file: audit.log",
               listener=("bare", f"address: 127.0.0.1:{port}\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true")).start()
    try:
        exported(b, "site.yaml")
        lines = [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
        assert [x for x in lines if x["what"] == "keys"] == []
        exported(b, "site.yaml", "--with-keys")
        lines = [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
        (line,) = [x for x in lines if x["what"] == "keys"]
        assert (line["user"], line["of"], line["users"]) == ("admin", "main", 1)
        conf = (b.dir / "admin.conf").read_text()
        conf = conf.replace(str(b.port), str(port)).replace("SASL_SSL", "SASL_PLAINTEXT")
        (b.dir / "bare.conf").write_text(conf)
        p = b.ctl("export", "--with-keys", "--file", b.tmp / "no.yaml", conf="bare", check=False)
        assert p.returncode == 2 and "TLS" in p.stderr and not (b.tmp / "no.yaml").exists()
        client = twin.Client("127.0.0.1", port)
        assert client.sasl_scram("admin", b.conf()["sasl.password"])["error_code"] == 0
        answer = client.call("user_keys", 0, tenant=None, users=None, after=None)
        assert answer["error_code"] == 31 and answer["users"] == []
        by_token = Client(b)
        conf = b.conf("admin")
        assert by_token.login(conf["sasl.username"], conf["sasl.password"]) == 0
        token = by_token.create()
        assert by_token("user_keys", 0, tenant=None, users=None, after=None)["error_code"] == token["error_code"] == 0
        by_token = Client(b)
        assert by_token.login(token["token_id"], base64.b64encode(token["hmac"]).decode(), token=True) == 0
        answer = by_token("user_keys", 0, tenant=None, users=None, after=None)
        assert answer["error_code"] == 31 and answer["users"] == [] and "by his own credential" in answer["error_message"]
        os.remove(b.tmp / "site.yaml")
        (b.tmp / "site.yaml").mkdir()
        assert b.ctl("export", "--file", b.tmp / "site.yaml", check=False).returncode == 4
    finally:
        b.remove()


@pytest.mark.parametrize("api, more", [("user_list", {}), ("user_keys", {"after": None})])
def test_a_request_names_so_many_users_and_no_more(quiet, api, more):
    client = quiet.speak()
    for n, error in ((500, 0), (501, 42)):
        answer = client.call(api, 0, tenant=None, users=["admin", *(f"u{i}" for i in range(n - 1))], **more)
        assert (answer["error_code"], [u["name"] for u in answer["users"]]) == (error, [] if error else ["admin"])
    quiet.ctl("user", "create", "nobody", "--conf", quiet.dir / "nobody.conf")
    assert quiet.speak("nobody").call(api, 0, tenant=None, users=["u"] * 501, **more)["error_code"] == 31
    quiet.ctl("user", "delete", "nobody")


# ---- diff ----

def test_diff_is_as_diff(quiet):
    a, b = quiet.tmp / "a.yaml", quiet.tmp / "b.yaml"
    a.write_text(SMALL)
    b.write_text(SMALL.replace("partitions: 2", "partitions: 3").replace("user:boss:rw", "user:boss:w"))
    p = run(SCHLOSSCTL, "diff", a, b, check=False)
    assert (p.returncode, p.stdout) == (1, "~ acme topic orders: partitions 2 -> 3\n- acme rule topics/orders: user:boss:r\n")
    assert (lambda q: (q.returncode, q.stdout))(run(SCHLOSSCTL, "diff", a, a, check=False)) == (0, "")
    told = json.loads(run(SCHLOSSCTL, "-o", "json", "diff", a, b, check=False).stdout)
    assert [t["change"] for t in told] == ["change", "remove"] and told[0]["after"] == "3"
    assert quiet.ctl("diff", a, check=False).returncode == 1
    assert run(SCHLOSSCTL, "diff", a, quiet.tmp / "none.yaml", check=False).returncode == 2


def test_json_is_one_document(quiet):
    (quiet.tmp / "a.yaml").write_text(SMALL)
    dry = json.loads(quiet.ctl("-o", "json", "apply", quiet.tmp / "a.yaml", "--dry-run").stdout)
    assert {"change": "add", "tenant": "acme", "kind": "team", "name": "crew", "attribute": None, "before": None, "after": ""} in dry
    assert quiet.ctl("-o", "json", "export", check=False).returncode == 2
    assert json.loads(quiet.ctl("-o", "json", "export", "--file", quiet.tmp / "x.yaml").stdout)[0]["done"]
