# SPDX-License-Identifier: Apache-2.0
"""Limits of how much there may be: stored bytes, partitions, connections, groups; of tenants and of users.

Whoever meets one is told which, what he has is left alone, and nobody else's is.
"""
import json
import time

import pytest
from harness import Broker
from hostile import eventually
from test_65_bad_batches import batch as made
from test_65_bad_batches import record

OVER = 44


@pytest.fixture(scope="module")
def b():
    b = Broker("log.retention.check.interval.ms: 1000\nlimits.topic.segment.bytes.min: 16384\n")
    b.start()
    for name in ("acme", "other"):
        b.ctl("tenant", "create", name, "--admin", "ada", "--conf", b.dir / f"{name}.conf")
        b.ctl("topic", "create", "orders", "-c", "segment.bytes=16384", "-c", "file.delete.delay.ms=0", conf=name)
        b.ctl("user", "create", "bob", "--team", "admins", "--conf", b.dir / f"bob-{name}.conf", conf=name)
    yield b
    b.remove()


@pytest.fixture(autouse=True)
def no_limits(b):
    yield
    unset = [f"{q}=" for q in ("partitions", "connections", "groups")]
    b.ctl("quota", "set", "/acme", "stored_bytes=", *unset)
    for whose in ("bob", "*"):
        b.ctl("quota", "set", f"/acme/users/{whose}", *unset)


def usage(b, tenant, conf="admin"):
    rows = json.loads(b.ctl("-o", "json", "tenant", "usage", tenant, conf=conf).stdout)
    return {r["what"]: (r["used"], r["limit"]) for r in rows if r["tenant"] == tenant}


def shown(b, path, conf="admin"):
    """Of quota show: what is used, the limit, whose binds."""
    return {r["quota"]: (r["used"], r["value"], r["binds"]) for r in json.loads(b.ctl("-o", "json", "quota", "show", path, conf=conf).stdout)}


def batch(n):
    now = int(time.time() * 1000)
    return made(record(b"v" * n), base_time=now, max_time=now)


def produce(c, *batches, topic="orders"):
    told = c.call("produce", 9, acks=-1, timeout_ms=5000, topic_data=[
        {"name": topic, "partition_data": [{"index": 0, "records": one} for one in batches[:1]]}, *(
            {"name": topic, "partition_data": [{"index": 0, "records": one}]} for one in batches[1:])])
    return [(p["error_code"], p["error_message"]) for t in told["responses"] for p in t["partition_responses"]]


def offsets(c, topic="orders"):
    def at(when):
        told = c.call("list_offsets", 5, replica_id=-1, topics=[
            {"name": topic, "partitions": [{"partition_index": 0, "timestamp": when}]}])
        return told["topics"][0]["partitions"][0]["offset"]
    return at(-2), at(-1)


def test_stored_bytes(b):
    """Refused as a whole, with a sentence; the other tenant writes on; what is deleted makes room."""
    b.ctl("quota", "set", "/acme", "stored_bytes=200000")
    time.sleep(1.5)		# the first count
    with b.speak("acme") as c, b.speak("other") as other:
        went = 0
        for _ in range(50):
            [(error, message)] = produce(c, batch(10000))
            if error:
                break
            went += 1
        assert error == OVER and "stored_bytes" in message and "200000" in message, message
        assert 14 <= went <= 20
        assert [e for e, _ in produce(c, batch(10000), batch(10000))] == [OVER] * 2
        before = offsets(c)
        assert produce(c, batch(30000), batch(10)) [0][0] == OVER		# all of it or nothing
        assert offsets(c) == before == (0, went)
        assert produce(other, batch(10000)) == [(0, None)]
        b.ctl("user", "create", "nemo", "--conf", b.dir / "nemo-acme.conf", conf="acme")
        with b.speak("nemo-acme") as nemo:	# who may write nothing is not told what there is
            assert produce(nemo, batch(30000)) == [(29, None)]
        b.ctl("user", "delete", "nemo", conf="acme")
        used, limit, binds = shown(b, "/acme")["stored_bytes"]
        assert limit == 200000 and 150000 < used <= 200000 and binds == "tenant"
        assert usage(b, "acme")["stored_bytes"] == (used, limit)
        assert usage(b, "acme", conf="acme")["stored_bytes"] == (used, limit)
        assert [line for line in b.log.split("\n") if "stored_bytes" in line and "acme" in line][0].count("200000") == 1
        said = b.log.count("at most 200000 stored_bytes")
        for _ in range(20):
            assert produce(c, batch(30000))[0][0] == OVER
        assert b.log.count("at most 200000 stored_bytes") == said, "once a minute"
        b.ctl("topic", "alter", "orders", "-c", "retention.bytes=20000", conf="acme")
        eventually(lambda: produce(c, batch(10000))[0][0] == 0, 20)
        assert offsets(c)[0] > 0
        b.restart()
    with b.speak("acme") as c:		# what is stored is known before the first request
        b.ctl("quota", "set", "/acme", "stored_bytes=1000")
    b.restart()
    with b.speak("acme") as c:
        assert produce(c, batch(10))[0][0] == OVER


def create(c, name, partitions=1, validate=False):
    told = c.call("create_topics", 5, topics=[{"name": name, "num_partitions": partitions, "replication_factor": 1}],
                  timeout_ms=5000, validate_only=validate)["topics"][0]
    return told["error_code"], told["error_message"]


def test_partitions(b):
    """Of the tenant, and of the topics that one user owns; at both at once."""
    has = usage(b, "acme")["partitions"][0]
    b.ctl("quota", "set", "/acme", f"partitions={has + 6}")
    b.ctl("quota", "set", "/acme/users/*", "partitions=4")
    with b.speak("bob-acme") as bob, b.speak("acme") as ada:
        assert create(bob, "one", 3)[0] == 0
        error, message = create(bob, "two", 2, validate=True)
        assert error == OVER and "bob" in message and "4 partitions" in message
        assert create(bob, "two", 2) == (error, message)
        grown = bob.call("create_partitions", 1, topics=[{"name": "one", "count": 5, "assignments": None}], timeout_ms=5000, validate_only=False)
        assert grown["results"][0]["error_code"] == OVER
        several = [{"name": f"t{i}", "num_partitions": 1, "replication_factor": 1} for i in range(3)]
        for validate in (True, False):  # each counts with those before it
            told = bob.call("create_topics", 5, topics=several, timeout_ms=5000, validate_only=validate)["topics"]
            assert [t["error_code"] for t in told] == [0, OVER, OVER]
        assert "with these there would be 5" in told[1]["error_message"]
        used, limit, binds = shown(b, "/acme/users/bob")["partitions"]
        assert (used, limit, binds) == (4, 4, "user")
        error, message = create(ada, "three", 3)
        assert error == OVER and f"{has + 6} partitions" in message
        assert create(ada, "three", 2)[0] == 0
        assert shown(b, "/acme")["partitions"] == (has + 6, has + 6, "tenant")
        assert "of tenant acme refused" in b.log and "(quota partitions)" in b.log
    with b.speak("other") as other:
        assert create(other, "three", 9)[0] == 0


def enter(b, conf):
    """A login by hand: the connection and the answer."""
    import ssl

    import twin
    c = b.conf(conf)
    at = twin.Client("127.0.0.1", b.port, server_hostname="127.0.0.1",
                     ssl_context=ssl.create_default_context(cafile=c["ssl.ca.location"]))
    return at, at.sasl_scram(c["sasl.username"], c["sasl.password"])


def test_connections(b):
    b.ctl("quota", "set", "/acme", "connections=5")
    b.ctl("quota", "set", "/acme/users/bob", "connections=2")
    inside = []
    for conf, lets in (("bob-acme", 2), ("acme", 3)):
        for _ in range(lets):
            at, told = enter(b, conf)
            assert told["error_code"] == 0
            inside.append(at)
        for _ in range(5):
            at, told = enter(b, conf)
            assert told["error_code"] == 89 and told["auth_bytes"] == b""
            with pytest.raises((EOFError, OSError)):
                at.call("metadata", 9, topics=[])
            whose = "user bob has 2 of at most 2" if conf == "bob-acme" else "tenant acme has 5 of at most 5"
            assert told["error_message"] == f"{whose} connections"
    assert shown(b, "/acme/users/bob")["connections"] == (2, 2, "user")
    assert usage(b, "acme")["connections"] == (5, 5)
    for at in inside:
        assert at.call("metadata", 9, topics=[])["brokers"]
    with b.speak("other") as other:
        assert other.call("metadata", 9, topics=[])["brokers"]
    inside.pop(0).close()
    eventually(lambda: usage(b, "acme")["connections"][0] == 4)
    at, told = enter(b, "bob-acme")
    assert told["error_code"] == 0
    at.close()
    for at in inside:
        at.close()
    assert b.log.count("2 of at most 2 connections") == 1 and b.log.count("5 of at most 5 connections") == 1


def test_operators_always_come_in(b):
    """Or nobody could raise the limit."""
    b.ctl("user", "create", "mona", "--conf", b.dir / "mona.conf")
    b.ctl("quota", "set", "/main", "connections=1")
    with b.speak("mona") as mona, b.speak() as admin:
        assert mona.call("metadata", 9, topics=[])["brokers"] and admin.call("metadata", 9, topics=[])["brokers"]
        at, told = enter(b, "mona")
        assert told["error_code"] == 89
        at.close()
    b.ctl("quota", "set", "/main", "connections=")


def commit(c, group):
    told = c.call("offset_commit", 7, group_id=group, generation_id_or_member_epoch=-1, member_id="", topics=[
        {"name": "orders", "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}]}])
    return told["topics"][0]["partitions"][0]["error_code"]


def join(c, group):
    told = c.call("join_group", 3, group_id=group, session_timeout_ms=10000, rebalance_timeout_ms=1000, member_id="",
                  protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}])
    return told["error_code"]


def test_groups(b):
    """Who invents them by the hundred has as many as he may; the other tenant does not notice."""
    b.ctl("quota", "set", "/acme", "groups=20")
    b.ctl("quota", "set", "/acme/users/bob", "groups=5")
    time.sleep(1.5)
    with b.speak("bob-acme") as bob, b.speak("acme") as ada, b.speak("other") as other:
        told = [commit(bob, f"bob-{i}") for i in range(200)]
        assert told.count(0) == 5 and set(told[5:]) == {28}
        told = [commit(ada, f"ada-{i}") for i in range(200)]
        assert told.count(0) == 15 and set(told[15:]) == {28}
        assert join(ada, "joined") == 81 and join(bob, "joined") == 81
        time.sleep(2.2)		# counted anew, twice: the same
        assert commit(bob, "bob-more") == 28 and commit(bob, "bob-0") == 0 and join(ada, "ada-0") == 0
        assert shown(b, "/acme/users/bob")["groups"] == (5, 5, "user")
        assert shown(b, "/acme")["groups"] == (20, 20, "tenant")
        assert [commit(other, f"g-{i}") for i in range(30)] == [0] * 30
        assert bob.call("delete_groups", 1, groups_names=["bob-1"])["results"][0]["error_code"] == 0
        eventually(lambda: commit(bob, "bob-next") == 0, 10)


def test_what_is_used_is_told_to_who_may_know(b):
    """An operator is told of all, the tenant's administrator of his, a user of himself; nobody else of anything."""
    b.ctl("user", "create", "eve", "--conf", b.dir / "eve.conf", conf="acme")
    assert {r["tenant"] for r in json.loads(b.ctl("-o", "json", "tenant", "usage").stdout)} == {"main", "acme", "other"}
    assert {r["tenant"] for r in json.loads(b.ctl("-o", "json", "tenant", "usage", conf="acme").stdout)} == {"acme"}
    own = usage(b, "acme")
    assert (own["users"][0], own["teams"][0], own["users"][1]) == (3, 1, None) and own["topics"][0] >= 1
    assert own["partitions"][1] == 20000 and own["memory_of_requests"][1] > 0	# an option's, and what is free of it
    for words in (("tenant", "usage"), ("tenant", "usage", "acme"), ("tenant", "usage", "other")):
        refused = b.ctl(*words, conf="eve", check=False)
        assert refused.returncode == 4, refused.stdout
    b.ctl("quota", "set", "/acme", "consumer_byte_rate=1000000")
    assert shown(b, "/acme/users/eve", conf="acme")["consumer_byte_rate"] == (0, None, "tenant")
    b.ctl("quota", "set", "/acme", "consumer_byte_rate=")


def test_what_is_no_amount(b):
    for path, quota, says in (
            ("/acme/users/bob", "stored_bytes=5", "quota of tenants"), ("/acme", "groups=1.5", "whole one"),
            ("/acme", "partitions=-1", "number"), ("/", "connections=5", "whose")):
        refused = b.ctl("quota", "set", path, quota, check=False)
        assert refused.returncode in (2, 4) and says in refused.stderr, refused.stderr
    refused = b.ctl("quota", "set", "/acme/users/bob", "--client-id", "x", "groups=5", check=False)
    assert refused.returncode == 4 and "users and tenants" in refused.stderr
