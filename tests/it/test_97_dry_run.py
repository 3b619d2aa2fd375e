# SPDX-License-Identifier: Apache-2.0
"""--dry-run: what it says is what happens, and nothing happens. Then Rehearse itself, in the hands of others."""
import json
import pathlib
import sqlite3
import sys

import pytest
from harness import ROOT, Broker
from hostile import eventually
from manual import examples

sys.path.insert(0, str(ROOT / "tests/wire"))
import twin  # noqa: E402

SCHEMA = twin.Schema()
OPS = ["read", "write", "create", "delete", "alter", "describe", "cluster-action", "describe-configs", "alter-configs",
       "idempotent-write", "create-tokens", "describe-tokens"]


def made():
    """main: anna (billing) owns orders, bert has nothing, readers is a group that anna has made by use. acme: otto, fred."""
    b = Broker()
    b.start()
    b.ctl("team", "create", "billing")
    b.ctl("team", "create", "night")
    b.user("anna", "--team", "billing")
    b.user("bert")
    b.ctl("topic", "create", "orders", "--owner", "anna", "--team", "billing")
    b.ctl("topic", "create", "bills", "--owner", "anna", "--mode", "600")
    b.ctl("setfacl", "-m", "user:bert:r", "topics/bills")
    b.kcat("-P", "-t", "orders", conf="anna", stdin="one\n")
    b.kcat("-G", "readers", "-e", "-X", "auto.offset.reset=earliest", "orders", conf="anna")
    b.ctl("tenant", "create", "acme", "--admin", "otto", "--conf", b.dir / "otto.conf")
    b.ctl("--tenant", "acme", "user", "create", "fred")
    b.ctl("--tenant", "acme", "topic", "create", "orders", "--owner", "fred")
    return b


@pytest.fixture
def own():
    b = made()
    yield b
    b.remove()


@pytest.fixture(scope="module")
def b():
    """For those that change nothing: each of them finds it as the one before did."""
    b = made()
    yield b
    b.remove()


def stored(b):
    """All that the metadata say, byte for byte."""
    found = [p for p in pathlib.Path(b.dir).rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    assert len(found) == 1
    with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True) as db:
        return list(db.iterdump())


def access(c):
    """{(user, path): operations} of everybody in all tenants, as what-can tells them."""
    out = {}
    for tenant in c.call("tenant_list", 0, tenant=None)["tenants"]:
        users = c.call("user_list", 0, tenant=tenant["name"], users=None)["users"] if tenant["state"] == "open" else []
        for user in [u["name"] for u in users] + ["ANONYMOUS"] * bool(users):
            told = c.call("what_can", 0, tenant=tenant["name"], user=user)
            assert told["error_code"] == 0 and told["next"] is None
            out.update({(user, n["path"]): {OPS[i - 3] for i in range(3, 15) if n["operations"] >> i & 1} for n in told["nodes"]})
    return out


def changes(b, *command, conf="admin"):
    """What a dry run says, in the form of difference()."""
    rows = json.loads(b.ctl("-o", "json", *command, "--dry-run", conf=conf).stdout)
    return {(r["user"], r["path"]): (set(r["gains"]), set(r["loses"])) for r in rows if r["user"] is not None}


def operators(c):
    return {u["name"] for u in c.call("user_list", 0, users=None)["users"] if u["operator"]}


def difference(before, after, but):
    """but: who is an operator before and after may everything, and is not told of."""
    out = {}
    for key in (k for k in before.keys() | after.keys() if k[0] not in but):
        was, now = before.get(key, set()), after.get(key, set())
        if was != now:
            out[key] = (now - was, was - now)
    return out


DAY = [
    ("chmod", "o+r", "topics/orders"),
    ("chmod", "g+w", "topics/orders", "topics/bills"),
    ("team", "add", "billing", "bert"),
    ("team", "remove", "billing", "bert"),
    ("team", "add", "night", "bert", "anna"),
    ("chgrp", "night", "topics/bills"),
    ("chmod", "g+r", "topics/bills"),
    ("chown", "bert:night", "topics/orders"),
    ("chmod", "-R", "g+rw", "topics"),
    ("chmod", "o+rw", "topics"),
    ("chmod", "o=", "/main"),
    ("setfacl", "-m", "user:bert:rw,deny:user:anna:r", "topics/orders"),
    ("setfacl", "-m", "user:*:r", "topics/*"),
    ("setfacl", "-x", "deny:user:anna:r", "topics/orders"),
    ("setfacl", "-b", "topics/*"),
    ("setfacl", "-m", "team:night:r", "groups/readers"),
    ("user", "create", "carl", "--team", "night"),
    ("user", "passwd", "carl", "--password", "secret"),
    ("user", "lock", "bert"),
    ("user", "unlock", "bert"),
    ("user", "expire", "anna", "2020-01-01"),
    ("user", "expire", "anna", "never"),
    ("user", "delete", "carl"),
    ("topic", "create", "new", "--owner", "bert", "--mode", "644", "-p", "3"),
    ("topic", "alter", "new", "-c", "retention.ms=86400000", "-p", "5"),
    ("topic", "delete", "new"),
    ("group", "create", "kept", "--owner", "bert", "--mode", "640"),
    ("quota", "set", "/main/users/bert", "producer_byte_rate=1000"),
    ("user", "create", "zoe", "--operator"),
    ("user", "delete", "anna", "--chown-to", "bert"),
    ("team", "delete", "billing"),
    ("--tenant", "acme", "chmod", "o+r", "topics/orders"),
    ("--tenant", "acme", "setfacl", "-m", "user:otto:r", "topics/orders"),
    ("--tenant", "acme", "user", "create", "gina"),
    ("tenant", "suspend", "acme"),
    ("tenant", "resume", "acme"),
    ("tenant", "create", "third", "--admin", "ines"),
    ("tenant", "delete", "third", "--purge"),
]


def test_what_it_says_is_what_happens_and_nothing_happens(own):
    """A day of an administrator, each of whose commands is rehearsed before it is given."""
    told = 0
    with own.speak() as c:
        before = access(c)
        for command in DAY:
            kept, all_along = stored(own), operators(c)
            said = changes(own, *command)
            assert stored(own) == kept, command
            own.ctl(*command)
            after = access(c)
            said.pop(("zoe", "/"), None) # of which what-can has no row
            assert said == difference(before, after, all_along & operators(c)), command
            told += len(said) > 0
            before = after
    assert told > 25


def test_what_is_refused_is_refused_alike(b):
    rows = [
        ("chmod", "o+r", "topics/none"), ("chmod", "o+x", "topics/orders"), ("chown", "ghost", "topics/orders"),
        ("team", "add", "nobody", "bert"), ("team", "create", "billing"), ("user", "create", "anna"), ("user", "delete", "anna"),
        ("user", "delete", "admin"), ("topic", "create", "orders"), ("topic", "create", "a/b"), ("topic", "delete", "none"),
        ("topic", "alter", "orders", "-p", "1"), ("topic", "alter", "orders", "-c", "segment.bytes=1"),
        ("topic", "create", "odd", "--owner", "ghost"), ("group", "create", "readers"), ("tenant", "suspend", "none"),
        ("tenant", "create", "acme", "--admin", "otto"), ("setfacl", "-x", "user:bert:w", "topics/orders"),
        ("quota", "set", "/main/users/bert", "producer_byte_rate=-1"), ("tenant", "delete", "acme", "--confirm", "no"),
    ]
    kept = stored(b)
    for conf in ("admin", "bert"):
        for command in rows:
            rehearsed = b.ctl(*command, "--dry-run", conf=conf, check=False)
            meant = b.ctl(*command, conf=conf, check=False)
            assert (rehearsed.returncode, rehearsed.stderr) == (meant.returncode, meant.stderr), command
            assert meant.returncode != 0 and rehearsed.stdout == "", command
    assert stored(b) == kept


def test_requests_of_one_verb_build_upon_each_other(b):
    """A user and his team, a topic and its owner, two paths: the second request needs what the first one makes."""
    assert changes(b, "user", "create", "carl", "--team", "billing", "--team", "night")[("carl", "/main/topics/orders")][0] == {
        "read", "describe", "describe-configs"}
    assert ("bert", "/main/topics/new") in changes(b, "topic", "create", "new", "--owner", "bert", "--team", "night")
    said = changes(b, "setfacl", "-m", "user:bert:w", "topics/orders", "topics/bills", "topics/to-come")
    assert {path for _, path in said} == {"/main/topics/orders", "/main/topics/bills", "/main/topics/to-come"}
    many = b.ctl("chmod", "o+r", *["topics/orders"] * 101, "--dry-run", check=False)
    assert many.returncode == 4 and "too much for one dry run" in many.stderr


def test_what_a_person_sees(b):
    said = b.ctl("setfacl", "-m", "user:bert:w", "topics/orders", "--dry-run")
    assert said.stdout == ("USER  GAINS           LOSES  PATH\nbert  write,describe  -      /main/topics/orders\n"
                           "Nothing was changed: this was a dry run.\n")
    said = b.ctl("topic", "alter", "orders", "-p", "3", "--dry-run")
    assert said.stdout == "Nobody's access would be another. Nothing was changed: this was a dry run.\n"
    assert b.ctl("-o", "json", "topic", "alter", "orders", "-p", "3", "--dry-run").stdout == "[]\n"
    said = b.ctl("user", "create", "carl", "--conf", b.dir / "carl.conf", "--dry-run")
    assert "password" not in said.stdout and not (b.dir / "carl.conf").exists()
    said = b.ctl("group", "delete", "readers", "--dry-run", check=False)
    assert said.returncode == 2 and "--dry-run is unknown here" in said.stderr
    assert "[--dry-run]" in b.ctl("help", "chmod").stdout and "--dry-run" not in b.ctl("help", "group", "delete").stdout
    assert "--dry-run" in b.ctl("complete", "--", "chmod", "--d").stdout
    assert "--dry-run" not in b.ctl("complete", "--", "group", "delete", "--d").stdout


def test_the_manuals_example():
    b = Broker()
    try:
        b.start()
        b.ctl("team", "create", "billing")
        b.ctl("user", "create", "anna", "--team", "billing")
        b.ctl("user", "create", "bert")
        b.ctl("topic", "create", "orders", "--owner", "anna", "--team", "billing")
        (command, *shown), = examples("schlossctl.1", "DRY RUNS")
        assert b.ctl(*command.removeprefix("$ schlossctl ").split()).stdout.splitlines() == shown
    finally:
        b.remove()


def test_who_is_told_of_whom(b):
    """An owner changes what is his and learns of nobody but himself; who administers a tenant, of his tenant alone."""
    said = b.ctl("chmod", "o+rw,u-w", "topics/orders", "--dry-run", conf="anna", check=False)
    assert said.returncode == 4 # other may not have what the owner has not
    said = b.ctl("chmod", "u-w", "topics/orders", "--dry-run", conf="anna")
    assert said.stdout.split("\n")[1].split() == ["anna", "-", "write", "/main/topics/orders"]
    said = b.ctl("chmod", "o+r", "topics/orders", "--dry-run", conf="anna")
    assert said.stdout == "Your own access would be the same. Nothing was changed: this was a dry run.\n"
    assert "only your own access was compared" in said.stderr
    assert {user for user, _ in changes(b, "chmod", "o+r", "topics/orders", conf="otto")} == {"otto", "ANONYMOUS"}
    assert {path for _, path in changes(b, "chmod", "o=", "/acme", conf="otto")} <= {
        "/acme", "/acme/topics", "/acme/groups", "/acme/txns", "/acme/topics/orders"}


def test_much_is_cut_and_said_to_be(own):
    for i in range(6):
        names = [f"user-{i}-{k}" for k in range(200)]
        with own.speak() as c:
            answer = c.call("user_alter", 0, tenant="acme", changes=[
                {"action": 0, "user": n, "mechanisms": ["GSSAPI"]} for n in names])
            assert {r["error_code"] for r in answer["results"]} == {0}
    said = own.ctl("tenant", "suspend", "acme", "--dry-run")
    assert "there may be more" in said.stderr and said.stdout.count("\n") == 2002
    assert own.ctl("tenant", "show", "acme").stdout.split("\n")[1].split()[2] == "open"


# ---- the request ----

def body(api, version=0, **value):
    return SCHEMA[api].encode("request", version, value)


def carried(api, version=0, **value):
    return {"api_key": SCHEMA[api].key, "api_version": version, "body": body(api, version, **value)}


def rehearse(c, *calls, compare=False):
    return c.call("rehearse", 0, calls=list(calls), compare=compare)


def chmod(path, set_, clear=0):
    return carried("tree_set", changes=[{"path": path, "mode_set": set_, "mode_clear": clear}])


def test_only_what_changes_metadata_or_asks_is_carried(b):
    """Whatever acts by itself is not; nor a rehearsal in a rehearsal."""
    may = {"metadata", "describe_acls", "describe_configs", "describe_client_quotas", "id", "tree_list", "user_list", "team_list",
           "tenant_list", "create_topics", "delete_topics", "create_partitions", "incremental_alter_configs", "create_acls",
           "delete_acls", "alter_client_quotas", "alter_user_scram_credentials", "tree_set", "user_alter", "team_alter",
           "tenant_alter", "group_create"}
    kept = stored(b)
    with b.speak() as c:
        for api in SCHEMA:
            for noise in (b"", b"\0" * 200, b"\xff" * 200):
                answer = rehearse(c, {"api_key": api.key, "api_version": api.hi, "body": noise}, compare=True)
                if api.name not in may:
                    assert answer["error_code"] == 42 and "no dry run of that" in answer["error_message"], api.name
        for key in (-1, 32767, 20099):
            assert rehearse(c, {"api_key": key, "api_version": 0, "body": b""})["error_code"] == 42
        assert rehearse(c, {"api_key": 3, "api_version": 99, "body": b""})["error_code"] == 35
        assert rehearse(c)["error_code"] == 42
        assert rehearse(c, *[carried("id")] * 100)["error_code"] == 0
        assert rehearse(c, *[carried("id")] * 101)["error_code"] == 42
        assert rehearse(c, {"api_key": 20010, "api_version": 0, "body": body("id") + bytes(256 * 1024)})["error_code"] == 42
    assert stored(b) == kept


def test_a_right_that_was_tried_gives_none(own):
    """What the gate remembers of a rehearsal must hold for nothing that is meant, on the same connection."""
    own.ctl("chmod", "0000", "topics/orders")
    with own.speak("anna") as c:
        for _ in range(3):
            granted = rehearse(c, chmod("/main/topics/orders", 0o600), carried("metadata", 9, topics=[{"name": "orders"}],
                               include_topic_authorized_operations=True))
            told, _ = SCHEMA["metadata"].decode("response", 9, granted["body"])
            assert told["topics"][0]["topic_authorized_operations"] & (1 << 3 | 1 << 4) == (1 << 3 | 1 << 4)
            fetched = c.call("fetch", 12, replica_id=-1, max_wait_ms=0, max_bytes=1000, topics=[{"topic": "orders", "partitions": [
                {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]}])
            assert fetched["responses"][0]["partitions"][0]["error_code"] == 29
            told = c.call("metadata", 9, topics=[{"name": "orders"}], include_topic_authorized_operations=True)
            assert told["topics"][0]["topic_authorized_operations"] & (1 << 3 | 1 << 4) == 0


def test_who_tries_his_own_end_stays(b):
    with b.speak() as c:
        answer = rehearse(c, carried("user_alter", changes=[{"action": 0, "user": "zoe", "operator": 1, "mechanisms": ["PLAIN"]}]),
                          carried("user_alter", changes=[{"action": 1, "user": "admin", "locked": 1}]),
                          carried("tree_set", changes=[{"path": "/main/topics/orders", "mode_set": 4}]), compare=True)
        results = SCHEMA["tree_set"].decode("response", 0, answer["body"])[0]["results"]
        assert results[0]["error_code"] != 0 # locked, he may nothing
        assert {r["user"] for r in answer["changes"]} == {"zoe", "admin"}
        assert c.call("tree_list", 0, path="/main/topics")["error_code"] == 0 # he is still one who may
    with b.speak("otto") as c:
        rehearse(c, carried("user_alter", changes=[{"action": 2, "user": "otto", "purge": True}]), carried("id"), compare=True)
        assert c.call("id", 0)["user"] == "otto"


def test_it_may_be_cut_off(b):
    """A connection that ends in the middle, over and over: nothing is changed, and nothing leaks (the sanitizer says)."""
    kept = stored(b)
    many = [{"path": f"/main/topics/{t}", "mode_set": 0o40, "recursive": False} for t in ("orders", "bills")] * 500
    for i in range(40):
        with b.speak() as c:
            for _ in range(3):
                c.send("rehearse", 0, {"calls": [carried("tree_set", changes=many)] * 5, "compare": i % 2 == 0})
    eventually(lambda: b.ctl("id").returncode == 0)
    assert stored(b) == kept


def test_nothing_of_it_is_told_as_a_change(own, tmp_path):
    own.stop()
    own.configure(f"audit.file: {tmp_path}/audit.log\naudit.allows: [/main]")
    own.start()
    own.ctl("chmod", "o+r", "topics/orders", "--dry-run")
    own.ctl("topic", "create", "new", "--dry-run")
    own.ctl("topic", "create", "new", "--dry-run", conf="bert", check=False)
    own.ctl("team", "create", "meant")

    def lines():
        return [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    eventually(lambda: "meant" in (tmp_path / "audit.log").read_text())
    told = [x for x in lines() if "orders" in json.dumps(x) or "new" in json.dumps(x)]
    assert [x for x in told if x["what"] != "denied"] == []


def test_topics_that_are_made_by_asking_are_not(own):
    own.stop()
    own.configure("auto.create.topics.enable: true")
    own.start()
    kept = stored(own)
    with own.speak() as c:
        answer = rehearse(c, carried("metadata", 9, topics=[{"name": "invented"}], allow_auto_topic_creation=True),
                          carried("metadata", 9, topics=[{"name": "invented"}], allow_auto_topic_creation=False))
        assert SCHEMA["metadata"].decode("response", 9, answer["body"])[0]["topics"][0]["error_code"] == 0
        assert stored(own) == kept
        told = c.call("metadata", 9, topics=[{"name": "invented"}], allow_auto_topic_creation=False)
        assert told["topics"][0]["error_code"] == 3


def test_no_change_is_charged(own):
    own.user("tina", "--team", "admins")
    own.ctl("quota", "set", "/main/users/tina", "controller_mutation_rate=1")

    def topic(name, partitions):
        return dict(topics=[{"name": name, "num_partitions": partitions, "replication_factor": 1, "assignments": [], "configs": []}],
                    timeout_ms=10000)
    with own.speak("tina") as c:
        for i in range(5):
            answer = rehearse(c, carried("create_topics", 7, **topic(f"tried-{i}", 100)))
            assert answer["throttle_time_ms"] == 0
            assert SCHEMA["create_topics"].decode("response", 7, answer["body"])[0]["topics"][0]["error_code"] == 0
        meant = c.call("create_topics", 7, **topic("meant", 100))
        assert meant["topics"][0]["error_code"] == 0 and meant["throttle_time_ms"] > 5000 # which would be told of the others


def test_what_is_tried_is_billed(own):
    """The loop's time and the worker's: who rehearses all day pays for it like for any request."""
    own.ctl("quota", "set", "/main/users/anna", "request_percentage=1")
    with own.speak("anna") as c:
        throttled = 0
        for _ in range(30):
            throttled += rehearse(c, *[chmod("/main/topics/orders", 4)] * 20, compare=True)["throttle_time_ms"] > 0
            if throttled:
                break
        assert throttled
