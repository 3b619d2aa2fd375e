# SPDX-License-Identifier: Apache-2.0
"""A partition whose disk failed: refused by name, brought back by a command, its records as they were."""
import json

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from harness import Failed


def produce(broker, topic, values):
    told = []
    p = Producer({**broker.conf(), "message.timeout.ms": 4000, "linger.ms": 0, "batch.num.messages": 1})
    for v in values:
        p.produce(topic, v, callback=lambda e, m: told.append(e is None))
        p.flush()
    return told


def consume(broker, topic, n):
    c = Consumer({**broker.conf(), "group.id": "r", "enable.auto.commit": False})
    c.assign([TopicPartition(topic, 0, 0)])
    got = [c.poll(20) for _ in range(n)]
    c.close()
    return [m and m.value() for m in got]


@pytest.fixture(scope="module")
def failed(shared):
    """The partition's directory goes away under the broker; the next segment cannot be made."""
    shared.ctl("topic", "create", "frail", "-c", "segment.bytes=20000", "-c", "flush=os")
    shared.ctl("topic", "create", "sound")
    good = [b"%04d" % i + bytes(4000) for i in range(3)]
    assert produce(shared, "frail", good) == [True] * 3
    home, away = shared.dir / "data/frail-0", shared.tmp / "away"
    home.rename(away)
    told = produce(shared, "frail", [b"more" + bytes(4000)] * 8)
    assert not told[-1]
    away.rename(home)
    return good, told


def states(broker, topic):
    """As an administrator sees them, and as clients are told: the replica of a failed one is offline, and leads."""
    shown = json.loads(broker.ctl("-o", "json", "topic", "describe", topic).stdout)["partitions"]
    with broker.speak() as c:
        m, = c.call("metadata", 9, topics=[{"name": topic}])["topics"]
        d, = c.call("describe_topic_partitions", 0, topics=[{"name": topic}], cursor=None,
                    response_partition_limit=99)["topics"]
    for t in (m, d):
        told = {p["partition_index"]: (p["error_code"], p["leader_id"], p["offline_replicas"]) for p in t["partitions"]}
        assert told == {p["partition"]: (0, 1, [] if p["state"] == "ok" else [1]) for p in shown}
    return [p["state"] for p in shown]


def test_it_is_shown(shared, failed):
    assert states(shared, "frail") == ["failed"]
    assert states(shared, "sound") == ["ok"]


def test_others_go_on(shared, failed):
    assert produce(shared, "frail", [b"more"]) == [False]
    assert "frail-0" in shared.log
    assert produce(shared, "sound", [b"fine"]) == [True]
    assert "no partition has failed" in shared.ctl("topic", "recover", "sound").stdout


def test_it_comes_back_with_what_was_acknowledged(shared, failed):
    good, told = failed
    out = shared.ctl("topic", "recover", "frail:0").stdout
    assert "Partition frail:0 is served again" in out
    assert "no partition has failed" in shared.ctl("topic", "recover", "frail").stdout
    assert states(shared, "frail") == ["ok"]
    assert produce(shared, "frail", [b"again"]) == [True]
    n = 3 + sum(told) + 1
    got = consume(shared, "frail", n)
    assert got[:3] == good and got[-1] == b"again"
    shared.restart()
    assert consume(shared, "frail", n) == got


def epochs(c, topic):
    t, = c.call("metadata", 9, topics=[{"name": topic}])["topics"]
    return [p["leader_epoch"] for p in sorted(t["partitions"], key=lambda p: p["partition_index"])]


def test_what_is_given_up_is_noticed(shared):
    """By force records that were acknowledged go: the leader epoch rises, or who has read them would miss as many others."""
    def end_of(c, epoch, current=-1):
        t, = c.call("offset_for_leader_epoch", 4, replica_id=-1, topics=[{"topic": "torn", "partitions": [
            {"partition": 0, "current_leader_epoch": current, "leader_epoch": epoch}]}])["topics"]
        p, = t["partitions"]
        return p["error_code"] or p["end_offset"]

    shared.ctl("topic", "create", "torn")
    assert produce(shared, "torn", [b"%04d" % i + bytes(400) for i in range(10)]) == [True] * 10
    shared.stop()
    log, = (shared.dir / "data/torn-0").glob("*.log")
    data = bytearray(log.read_bytes())
    data[data.index(b"0006") + 9] ^= 1
    log.write_bytes(data)
    shared.start()
    with shared.speak() as c:
        before, others = epochs(c, "torn"), epochs(c, "sound")
        assert end_of(c, before[0]) == 10
        t, = c.call("fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000, isolation_level=0, topics=[
            {"topic": "torn", "partitions": [{"partition": 0, "current_leader_epoch": before[0], "fetch_offset": 6,
                                              "partition_max_bytes": 1000}]}])["responses"]
        assert t["partitions"][0]["error_code"] == 2, "CORRUPT_MESSAGE"
    assert states(shared, "torn") == ["failed"]
    with pytest.raises(Failed, match="--force"):
        shared.ctl("topic", "recover", "torn")
    with shared.speak() as c:
        assert epochs(c, "torn") == before
    assert "offsets 0 to 5" in shared.ctl("topic", "recover", "torn", "--force").stdout
    assert states(shared, "torn") == ["ok"]
    with shared.speak() as c:
        assert (epochs(c, "torn"), epochs(c, "sound")) == ([before[0] + 1], [others[0] + 1])
        assert end_of(c, before[0], before[0]) == 74, "FENCED_LEADER_EPOCH: ask for the metadata again"
        assert end_of(c, before[0], before[0] + 1) == 6
        assert produce(shared, "torn", [b"new"] * 6) == [True] * 6
        assert (end_of(c, before[0]), end_of(c, before[0] + 1)) == (6, 12)
    shared.restart()
    with shared.speak() as c:
        assert (epochs(c, "torn"), end_of(c, before[0])) == ([before[0] + 1], 6)


def test_what_is_not_there(shared):
    for args in (["no-such"], ["sound:7"], ["sound:x"], []):
        with pytest.raises(Failed):
            shared.ctl("topic", "recover", *args)


def test_owners_may_and_strangers_may_not(shared):
    shared.user("olga")
    shared.user("stan")
    shared.ctl("chown", "olga", "/main/topics/sound")
    shared.ctl("topic", "recover", "sound", conf="olga")
    with pytest.raises(Failed, match="TOPIC_AUTHORIZATION_FAILED|not allowed"):
        shared.ctl("topic", "recover", "sound", conf="stan")
    shared.ctl("topic", "recover", "__consumer_offsets")
    with pytest.raises(Failed):
        shared.ctl("topic", "recover", "__consumer_offsets", conf="olga")
