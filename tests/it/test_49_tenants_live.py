# SPDX-License-Identifier: Apache-2.0
"""What happens to a tenant that is there: suspended, resumed, renamed, marked and deleted, and who is told what."""
import base64
import json
import ssl
import time

import pytest
import twin
from harness import Broker, free_port

JOIN = dict(group_id="readers", session_timeout_ms=30000, rebalance_timeout_ms=30000, member_id="", protocol_type="consumer")


@pytest.fixture(scope="module")
def b():
    b = Broker("audit.file: audit.log\naudit.sync.ms: 0\n")
    b.add_listener("open", f"address: 127.0.0.1:{free_port()}\nprotocol: PLAINTEXT\nallow.plaintext: true\nallow.anonymous: true")
    b.start()
    b.ctl("tenant", "create", "other", "--admin", "olga", "--conf", b.dir / "olga.conf")
    b.ctl("topic", "create", "theirs", conf="olga")
    yield b
    b.remove()


def make(b, name):
    """A tenant with its administrator, a user, a topic with a record, a group with an offset, a token."""
    b.ctl("tenant", "create", name, "--admin", "ada", "--conf", b.dir / f"{name}.conf")
    b.ctl("topic", "create", "orders", "-c", "file.delete.delay.ms=0", conf=name)
    b.kcat("-P", "-t", "orders", conf=name, stdin=f"payload-of-{name}\n")
    with b.speak(name) as c:
        done = c.call("offset_commit", 7, group_id="billing", generation_id_or_member_epoch=-1, member_id="", topics=[
            {"name": "orders", "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}]}])
        assert done["topics"][0]["partitions"][0]["error_code"] == 0
        made = c.call("create_delegation_token", 3, owner_principal_type=None, owner_principal_name=None, renewers=[],
                      max_lifetime_ms=-1)
        assert made["error_code"] == 0
    return made["token_id"], base64.b64encode(made["hmac"]).decode()


def tenants(b):
    return {t["name"]: t for t in json.loads(b.ctl("-o", "json", "tenant", "list").stdout)}


def connect(b, conf="admin"):
    ca = b.conf(conf)["ssl.ca.location"]
    return twin.Client("127.0.0.1", b.port, server_hostname="127.0.0.1", ssl_context=ssl.create_default_context(cafile=ca))


def refusal(b, user, password, **how):
    """Of a login that fails: all that the client is told, and the connection ends."""
    with connect(b) as c:
        told = c.sasl_scram(user, password, **how)
        if told["error_code"] == 0:
            return None
        with pytest.raises((EOFError, OSError)):
            c.call("api_versions", 3, client_software_name="x", client_software_version="1")
        return told


def ends(c, within):
    """Whether the peer closes; what was asked is not answered."""
    c.sock.settimeout(within)
    try:
        return c.sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def waiting(b, conf):
    """Connections of all kinds: idle, in a Fetch that waits, in a JoinGroup that waits."""
    idle, fetch, join = (b.speak(conf) for _ in range(3))
    assert idle.call("metadata", 9, topics=[])["brokers"]
    fetch.send("fetch", 11, dict(max_wait_ms=30000, min_bytes=1, max_bytes=1 << 20, topics=[
        {"topic": "orders", "partitions": [{"partition": 0, "fetch_offset": 1, "partition_max_bytes": 1 << 20}]}]))
    given = join.call("join_group", 5, **JOIN, protocols=[{"name": "range", "metadata": b""}])
    assert given["error_code"] == 79
    join.send("join_group", 5, {**JOIN, "member_id": given["member_id"], "protocols": [{"name": "range", "metadata": b""}]})
    return [idle, fetch, join]


def test_a_suspended_tenant_lets_nobody_in_and_loses_nothing(b):
    token = make(b, "acme")
    conf = b.conf("acme")
    user, password = conf["sasl.username"], conf["sasl.password"]
    inside = waiting(b, "acme")
    outside = b.speak("olga")
    began = time.monotonic()
    b.ctl("tenant", "suspend", "acme")
    assert all(ends(c, 1) for c in inside) and time.monotonic() - began < 3
    assert outside.call("metadata", 9, topics=[])["brokers"]

    wrong = refusal(b, user, "wrong")
    assert wrong == refusal(b, user, password) == refusal(b, "nobody@acme", password) == refusal(b, "nobody@nowhere", "x")
    assert refusal(b, user, password, mechanism="SCRAM-SHA-512") == wrong
    assert refusal(b, token[0], token[1], token=True) == wrong
    # A locked user is told the same.
    b.ctl("user", "create", "lockedone", "--password", "pw")
    b.ctl("user", "lock", "lockedone")
    assert refusal(b, "lockedone", "pw") == wrong

    assert {n: t["state"] for n, t in tenants(b).items()} == {"main": "open", "other": "open", "acme": "suspended"}
    assert json.loads(b.ctl("-o", "json", "tenant", "show", "acme").stdout)[0]["state"] == "suspended"
    assert "orders" in b.ctl("topic", "list", "--tenant", "acme").stdout		# an operator looks into it
    b.ctl("tenant", "suspend", "acme")		# once more is nothing
    b.restart()
    assert refusal(b, user, password) == wrong
    b.ctl("tenant", "resume", "acme")
    assert refusal(b, user, password) is None
    assert refusal(b, token[0], token[1], token=True) is None
    assert b.kcat("-C", "-t", "orders", "-e", "-q", conf="acme").stdout == "payload-of-acme\n"
    with b.speak("acme") as c:
        kept = c.call("offset_fetch", 7, group_id="billing", topics=None)
        assert kept["topics"][0]["partitions"][0]["committed_offset"] == 1
    said = [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
    states = [r["after"].get("state") for r in said if r.get("what") == "tenant" and r["before"] is not None]
    assert states[:2] == ["suspended", None]
    why = {r.get("reason") for r in said if r.get("what") == "login-failed"}
    assert any("suspended" in (w or "") for w in why), why
    outside.close()


def test_who_logs_in_while_it_is_suspended_is_too_late(b):
    """Between the first word of a login, when the record was looked at, and the last."""
    make(b, "slow")
    conf = b.conf("slow")
    with connect(b) as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        scram = twin.Scram(conf["sasl.username"], conf["sasl.password"], "SCRAM-SHA-256")
        first = c.call("sasl_authenticate", 2, auth_bytes=scram.first())
        assert first["error_code"] == 0
        b.ctl("tenant", "suspend", "slow")
        last = c.call("sasl_authenticate", 2, auth_bytes=scram.final(first["auth_bytes"]))
        assert last["error_code"] == 58 and last["auth_bytes"] == b""
    b.ctl("tenant", "resume", "slow")
    b.delete_tenant("slow", "--purge")


def test_only_operators_and_never_main(b):
    for verb in (("suspend",), ("resume",), ("rename", "new"), ("delete", "--purge")):
        words = [verb[0], "other", *verb[1:]]
        refused = b.ctl("tenant", *words, conf="olga", check=False)
        assert refused.returncode == 4 and "tenant other" in refused.stderr, refused.stderr
        refused = b.ctl("tenant", verb[0], "main", *verb[1:], check=False)
        assert refused.returncode == 4 and "main" in refused.stderr
        refused = b.ctl("tenant", verb[0], "nothere", *verb[1:], check=False)
        assert refused.returncode == 4
    assert {t["state"] for t in tenants(b).values()} == {"open"}


def test_nobody_comes_in_without_a_name_either(b):
    """The listener that lets people in by nothing is of main, which is never suspended; a listener bound to another is."""
    with twin.Client("127.0.0.1", int(b.yaml.read_text().split("open:\n    address: 127.0.0.1:")[1].split("\n")[0])) as c:
        assert c.call("api_versions", 3, client_software_name="x", client_software_version="1")["error_code"] == 0
    port = free_port()
    b.ctl("tenant", "create", "bound", "--admin", "bea", "--conf", b.dir / "bound.conf")
    b.stop()
    b.add_listener("bound", f"address: 127.0.0.1:{port}\nprotocol: PLAINTEXT\nallow.plaintext: true\nallow.anonymous: true\ntenant: bound")
    b.start()

    def asks():
        try:
            with twin.Client("127.0.0.1", port) as c:
                return c.call("metadata", 9, topics=[])["cluster_id"]
        except (EOFError, OSError):
            return None
    cluster = tenants(b)["bound"]["cluster_id"]
    assert asks() == cluster
    b.ctl("tenant", "suspend", "bound")
    assert asks() is None
    b.ctl("tenant", "resume", "bound")
    assert asks() == cluster


def test_a_renamed_tenant_is_the_same_under_another_name(b):
    make(b, "before")
    was = tenants(b)["before"]
    b.ctl("quota", "set", "/before", "producer_byte_rate=1000000")
    taken = b.ctl("tenant", "rename", "before", "other", check=False)
    assert taken.returncode == 4 and "exists already" in taken.stderr
    assert b.ctl("tenant", "rename", "before", "No Name", check=False).returncode == 4
    inside = waiting(b, "before")
    b.ctl("tenant", "rename", "before", "after")
    assert all(ends(c, 1) for c in inside)
    now = tenants(b)
    assert "before" not in now and {**now["after"], "name": "before"} == was | {"groups": now["after"]["groups"]}
    conf = b.conf("before")
    assert refusal(b, conf["sasl.username"], conf["sasl.password"])["error_code"] == 58
    text = (b.dir / "before.conf").read_text().replace("ada@before", "ada@after")
    for step in ("running", "started again"):
        (b.dir / "after.conf").write_text(text)
        assert b.kcat("-C", "-t", "orders", "-e", "-q", conf="after").stdout == "payload-of-before\n", step
        me = json.loads(b.ctl("-o", "json", "id", conf="after").stdout)[0]
        assert (me["user"], me["tenant"], me["teams"]) == ("ada", "after", ["admins"])
        paths = b.ctl("ls", "-R", "/after").stdout
        assert "/after/topics/orders" in paths and "before" not in paths
        assert "billing" in b.ctl("group", "list", conf="after").stdout
        assert "1000000" in b.ctl("quota", "show", "/after").stdout
        assert "/after/topics/orders" in b.ctl("why", "ada", "read", "/after/topics/orders", conf="after").stdout
        assert b.ctl("ls", "/before", check=False).returncode == 4
        if step == "running":
            b.restart()
    b.ctl("tenant", "create", "before", "--admin", "bob", "--password", "pw")	# the name is free, and is not the old one
    assert tenants(b)["before"]["number"] > was["number"]
    b.delete_tenant("before")


def test_a_deletion_takes_two_steps(b):
    make(b, "ends")
    conf = b.conf("ends")
    refused = b.ctl("tenant", "delete", "ends", check=False)
    assert refused.returncode == 4 and "--purge" in refused.stderr
    assert b.ctl("tenant", "delete", "ends", "--confirm", "ends-1", check=False).returncode == 4
    inside = waiting(b, "ends")
    told = b.ctl("tenant", "delete", "ends", "--purge").stdout
    assert all(ends(c, 1) for c in inside)
    assert tenants(b)["ends"]["state"] == "deleting"
    assert refusal(b, conf["sasl.username"], conf["sasl.password"])["error_code"] == 58
    word = told.split("--confirm ")[1].split(";")[0]
    b.ctl("tenant", "resume", "ends")		# somebody thinks better of it: the word is void
    assert refusal(b, conf["sasl.username"], conf["sasl.password"]) is None
    again = b.ctl("tenant", "delete", "ends", "--purge").stdout.split("--confirm ")[1].split(";")[0]
    assert again != word
    for wrong in (word, "ends", ""):
        assert b.ctl("tenant", "delete", "ends", "--confirm", wrong, check=False).returncode == 4
    assert "orders" in b.ctl("topic", "list", "--tenant", "ends").stdout
    b.restart()		# the mark outlives it
    assert tenants(b)["ends"]["state"] == "deleting"
    b.ctl("tenant", "delete", "ends", "--confirm", again)
    assert "ends" not in tenants(b)


def test_a_topic_that_came_after_the_mark_is_not_erased(b):
    """Nobody has agreed to that: the word of a mark without --purge ends a tenant without topics."""
    b.ctl("tenant", "create", "fills", "--admin", "zoe", "--conf", b.dir / "fills.conf")
    word = b.ctl("tenant", "delete", "fills").stdout.split("--confirm ")[1].split(";")[0]
    b.ctl("--tenant", "fills", "topic", "create", "late")
    p = b.ctl("tenant", "delete", "fills", "--confirm", word, check=False)
    assert p.returncode == 4 and "has got topics since it was marked: mark it again, with --purge" in p.stderr
    assert "late" in b.ctl("--tenant", "fills", "topic", "list").stdout
    again = b.ctl("tenant", "delete", "fills", "--purge").stdout.split("--confirm ")[1].split(";")[0]
    assert again == f"{word}-purge"
    b.ctl("tenant", "delete", "fills", "--confirm", again)
    assert "fills" not in tenants(b)


def found(b, words, leave=()):
    """Which words stand in which files of the data directory, but for those left out."""
    data = b.dir / "data"
    files = [p for p in data.rglob("*") if p.is_file() and not any(part.startswith(leave) for part in p.relative_to(data).parts)]
    return {(w, p.relative_to(data).parts[0]) for p in files for w in words if w.encode() in p.read_bytes()} | {
        (w, "a name") for p in data.rglob("*") for w in words if w in p.name}


def test_nothing_but_the_audit_is_left_of_a_deleted_tenant(b):
    """Of names, users and keys in the metadata, and of records in the files of topics; of its groups, tombstones."""
    words = ["zzgone", "zzuser", "zzteam", "zztopic", "zzclient", "zzreserved", "zzrecord"]
    b.ctl("tenant", "create", "zzgone", "--admin", "zzuser", "--conf", b.dir / "zz.conf")
    b.ctl("topic", "create", "zztopic", "-c", "file.delete.delay.ms=0", "-c", "flush.messages=1", conf="zz")
    b.ctl("team", "create", "zzteam", conf="zz")
    b.ctl("quota", "set", "/zzgone", "--client-id", "zzclient", "producer_byte_rate=1000000")
    b.ctl("group", "create", "zzreserved", conf="zz")
    b.ctl("setfacl", "-m", "user:zzuser:r", "/zzgone/topics/zz*", conf="zz")
    for i in range(3):
        b.kcat("-P", "-t", "zztopic", conf="zz", stdin=f"zzrecord-{i}\n")
    with b.speak("zz") as c:
        for group in ("zzgroup", "zzother"):
            done = c.call("offset_commit", 7, group_id=group, generation_id_or_member_epoch=-1, member_id="", topics=[
                {"name": "zztopic", "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}]}])
            assert done["topics"][0]["partitions"][0]["error_code"] == 0
    b.restart()		# records lie in their segments
    inside = waiting_in(b, "zz", "zzgroup")
    before = found(b, words)
    assert {w for w, _ in before} == set(words) and ("zzuser", "meta.db") in before
    b.delete_tenant("zzgone", "--purge")
    # Of the journal and of the groups' topic later use makes nothing; see schloss-tenants(7).
    left = ("journal", "__consumer_offsets")
    end = time.monotonic() + 20
    while found(b, words, left) and time.monotonic() < end:
        time.sleep(0.2)
    assert found(b, words, left) == set()
    read = b.kcat("-C", "-t", "__consumer_offsets", "-o", "beginning", "-e", "-q", "-f", "%k %S\\n").stdout
    last = {}
    for line in read.split("\n"):
        if "zz" in line:
            last[line.rsplit(" ", 1)[0]] = line.rsplit(" ", 1)[1]
    assert len(last) >= 4 and set(last.values()) == {"-1"}, last
    assert "zzuser" in (b.dir / "audit.log").read_text()
    inside.close()


def waiting_in(b, conf, group):
    """A member of the group, whose session has not ended."""
    c = b.speak(conf)
    assert c.call("join_group", 3, group_id=group, session_timeout_ms=300000, rebalance_timeout_ms=1000, member_id="",
                  protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}])["error_code"] == 0
    return c
