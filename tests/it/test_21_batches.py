# SPDX-License-Identifier: Apache-2.0
"""Batches with codecs: what the topic asks for lies on the disk; large ones are checked aside, in order."""
import random
import ssl
import struct
import zlib

import pytest
import twin
from confluent_kafka import Consumer, Producer, TopicPartition

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def produce(broker, topic, values, **settings):
    """Errors by value, in the order of their answers."""
    told = []
    p = Producer({**broker.conf(), "linger.ms": 50, "message.max.bytes": 200_000_000, **settings})
    for v in values:
        p.produce(topic, v, key=b"k", callback=lambda e, m: told.append(e.code() if e else 0))
    assert p.flush(60) == 0
    return told


def consume(broker, topic, n):
    c = Consumer({**broker.conf(), "group.id": "reader", "enable.auto.commit": False, "fetch.message.max.bytes": 200_000_000})
    c.assign([TopicPartition(topic, 0, 0)])
    out = []
    while len(out) < n:
        m = c.poll(30)
        assert m is not None and m.error() is None, (m and m.error(), len(out))
        out.append(m.value())
    c.close()
    return out


def stored_codecs(broker, topic):
    """The codec of each batch of partition 0, as it lies on the disk."""
    out = []
    for path in sorted((broker.dir / "data" / f"{topic}-0").glob("*.log")):
        data, at = path.read_bytes(), 0
        while at + 61 <= len(data):
            length, = struct.unpack_from(">i", data, at + 8)
            if length == 0:
                break
            out.append(struct.unpack_from(">h", data, at + 21)[0] & 7)
            at += 12 + length
    return out


@pytest.mark.parametrize("wanted", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_a_topics_codec_is_what_is_stored(shared, wanted):
    topic = f"as-{wanted}"
    shared.ctl("topic", "create", topic, "-c", f"compression.type={wanted}")
    values = [b"the same again %d" % i for i in range(200)]
    for codec in CODECS:
        assert set(produce(shared, topic, values, **{"compression.codec": codec})) == {0}
    assert consume(shared, topic, 1000) == values * 5
    shared.restart()
    assert set(stored_codecs(shared, topic)) == {CODECS[wanted.replace("uncompressed", "none")]}
    assert consume(shared, topic, 1000) == values * 5


def test_what_grows_by_another_codec_is_held_to_the_limit(shared):
    shared.ctl("topic", "create", "narrow", "-c", "compression.type=uncompressed", "-c", "max.message.bytes=20000")
    assert produce(shared, "narrow", [b"x" * 100_000], **{"compression.codec": "gzip"}) == [10]
    assert produce(shared, "narrow", [b"x" * 10_000], **{"compression.codec": "gzip"}) == [0]


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_large_batches_keep_their_order(shared, codec):
    """Large ones are checked by workers, small ones at once: they stay in line all the same."""
    topic = f"large-{codec}"
    shared.ctl("topic", "create", topic)
    rng = random.Random(7)
    values = [b"%06d" % i + bytes(rng.choice([10, 500_000])) for i in range(60)]
    told = produce(shared, topic, values, **{"compression.codec": codec, "enable.idempotence": True,
                                             "linger.ms": 0, "batch.num.messages": 1})
    assert told == [0] * 60
    assert consume(shared, topic, 60) == values


def test_bombs_are_refused_while_others_work(shared):
    shared.ctl("topic", "create", "target")
    shared.ctl("topic", "create", "bystander")
    bomb = bytes(80_000_000)
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        assert produce(shared, "target", [bomb], **{"compression.codec": codec}) == [10]
        assert produce(shared, "bystander", [b"fine"]) == [0]
    assert consume(shared, "bystander", 4) == [b"fine"] * 4


def test_a_client_that_goes_while_its_batch_is_checked(shared):
    """The worker's answer finds nobody; nothing is lost of others, nothing is used after its end."""
    shared.ctl("topic", "create", "gone")
    for _ in range(5):
        p = Producer({**shared.conf(), "message.max.bytes": 200_000_000, "compression.codec": "zstd", "acks": 0})
        p.produce("gone", bytes(40_000_000))
        p.poll(0.2)
        p.purge()
        del p
    assert produce(shared, "gone", [b"still fine"]) == [0]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_old_produce_is_refused_in_its_own_words(shared, version):
    shared.ctl("topic", "create", f"old-{version}")
    c = shared.conf()
    with twin.Client("127.0.0.1", shared.port, server_hostname="127.0.0.1",
                     ssl_context=ssl.create_default_context(cafile=c["ssl.ca.location"])) as client:
        ranges = {k["api_key"]: k for k in client.call("api_versions", 0)["api_keys"]}
        assert ranges[0]["min_version"] == 0
        assert client.sasl_scram(c["sasl.username"], c["sasl.password"])["error_code"] == 0
        answer = client.call("produce", version, acks=1, timeout_ms=1000, topic_data=[
            {"name": f"old-{version}", "partition_data": [{"index": 0, "records": b"\0" * 30}, {"index": 1}]}])
        assert [p["error_code"] for p in answer["responses"][0]["partition_responses"]] == [35, 35]
        assert client.call("metadata", 9, topics=None)["controller_id"] == 1


def zigzag(n):
    return twin.varint(n << 1 ^ n >> 63)


def keyed_by(keys, codec=0):
    """A batch with a record for each key, which may be None."""
    records = b""
    for i, key in enumerate(keys):
        body = b"\0\0" + zigzag(i) + (zigzag(-1) if key is None else zigzag(len(key)) + key) + zigzag(1) + b"v\0"
        records += zigzag(len(body)) + body
    return batch_of(zlib.compress(records, wbits=31) if codec else records, codec, len(keys))


def batch_of(records, codec, count=1):
    """A batch with the bytes of its records as they are."""
    after = struct.pack(">hiqqqhii", codec, count - 1, 0, 0, -1, -1, -1, count) + records
    return struct.pack(">qiibI", 0, 9 + len(after), -1, 2, crc32c(after)) + after


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 & -(crc & 1))
    return crc ^ 0xffffffff


def test_every_record_that_is_wrong_is_named(shared):
    """At most 1000 beside the first of each batch, whoever looked: the loop, or a worker at much that was packed."""
    shared.ctl("topic", "create", "keyed", "-p", "3", "-c", "cleanup.policy=compact")
    some = [None if i % 3 else b"k" for i in range(900)]
    large = [None] * 600 + [bytes(300_000)]
    c = shared.conf()
    with twin.Client("127.0.0.1", shared.port, server_hostname="127.0.0.1",
                     ssl_context=ssl.create_default_context(cafile=c["ssl.ca.location"])) as client:
        assert client.sasl_scram(c["sasl.username"], c["sasl.password"])["error_code"] == 0
        answer = client.call("produce", 11, acks=1, timeout_ms=1000, topic_data=[{"name": "keyed", "partition_data": [
            {"index": 0, "records": keyed_by(some)}, {"index": 1, "records": keyed_by(large, 1)},
            {"index": 2, "records": keyed_by([b"k"])}]}])["responses"][0]["partition_responses"]
        assert [p["error_code"] for p in answer] == [87, 87, 0]
        named = [[e["batch_index"] for e in p["record_errors"]] for p in answer]
        assert named[0] == [i for i in range(900) if i % 3]
        assert named[1] == list(range(1000 - 599 + 1)) and named[2] == []
        assert {e["batch_index_error_message"] for e in answer[0]["record_errors"]} == {
            "a compacted topic takes records with a key only"}
