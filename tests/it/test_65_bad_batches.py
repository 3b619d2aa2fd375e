# SPDX-License-Identifier: Apache-2.0
"""Batches that no client makes: each field of the head at its extremes, records that lie, codecs that go wrong.

One request has them all, good ones among them: each has its own answer, and only the good ones are in the log."""
import gzip
import struct

import hostile
import pytest
from confluent_kafka import Consumer, TopicPartition
from test_21_batches import crc32c, zigzag

FIELDS = {"base_offset": "q", "length": "i", "leader_epoch": "i", "magic": "b", "crc": "I", "attributes": "h",
          "last_delta": "i", "base_time": "q", "max_time": "q", "producer": "q", "epoch": "h", "sequence": "i",
          "count": "i"}
I16, I32, I64 = 2 ** 15 - 1, 2 ** 31 - 1, 2 ** 63 - 1
FINE, OUT_OF_RANGE, CORRUPT, TOO_LARGE, OLD, CODEC, INVALID = 0, 32, 2, 10, 43, 76, 87
NOW = 1_700_000_000_000


def record(value=b"v", key=b"k", offset=0, time=0, headers=b"\0", size=None, key_size=None):
    body = b"\0" + zigzag(time) + zigzag(offset)
    body += zigzag(-1 if key is None else len(key)) if key_size is None else key_size
    body += (key or b"") + (zigzag(-1) if value is None else zigzag(len(value)) + value) + headers
    return (zigzag(len(body)) if size is None else size) + body


def batch(records=None, **said):
    """A good batch of one record, but for what is said otherwise; the checksum fits unless it is said, too."""
    records = record() if records is None else records
    f = {"base_offset": 0, "length": 49 + len(records), "leader_epoch": -1, "magic": 2, "attributes": 0,
         "last_delta": 0, "base_time": NOW, "max_time": NOW, "producer": -1, "epoch": -1, "sequence": -1, "count": 1,
         **said}
    put = lambda names: b"".join(struct.pack(">" + FIELDS[n], f[n]) for n in names)  # noqa: E731
    after = put(list(FIELDS)[5:]) + records
    f.setdefault("crc", crc32c(after))
    return put(list(FIELDS)[:5]) + after


TEN = b"\x80" * 9 + b"\x01"       # a varint longer than any number here
XERIAL = b"\x82SNAPPY\0\0\0\0\1\0\0\0\1"
GZIPPED = gzip.compress(record())
LZ4_EMPTY = b"\x04\x22\x4d\x18\x60\x70\x73\0\0\0\0"

HEADS = [
    ("base_offset", {1: INVALID, -1: INVALID, I64: INVALID, -I64 - 1: INVALID}),
    ("length", {-1: INVALID, 0: INVALID, 48: INVALID, 1000: INVALID, I32: INVALID, -I32 - 1: INVALID}),
    ("leader_epoch", {-1: FINE, 0: FINE, 7: FINE, I32: FINE, -I32 - 1: FINE}),
    ("magic", {0: OLD, 1: OLD, 3: CORRUPT, 127: CORRUPT, -1: CORRUPT, -128: CORRUPT}),
    ("crc", {0: CORRUPT, 2 ** 32 - 1: CORRUPT}),
    ("attributes", {5: CODEC, 6: CODEC, 7: CODEC, 8: FINE, 0x10: INVALID, 0x20: INVALID, 0x30: INVALID, 0x40: INVALID,
                    0x80: INVALID, I16: CODEC, -I16 - 1: INVALID, -1: CODEC}),
    ("last_delta", {1: INVALID, -1: INVALID, I32: INVALID, -I32 - 1: INVALID}),
    ("base_time", {I64: OUT_OF_RANGE, -I64 - 1: OUT_OF_RANGE, 0: FINE, -1: FINE, -2: FINE}),
    ("max_time", {I64: FINE, -I64 - 1: FINE, 0: FINE, -1: FINE}),
    ("producer", {0: INVALID, I64: INVALID, -2: FINE, -I64 - 1: FINE}),
    ("epoch", {0: FINE, I16: FINE, -I16 - 1: FINE}),
    ("sequence", {0: FINE, I32: FINE, -I32 - 1: FINE}),
    ("count", {0: INVALID, -1: INVALID, 2: INVALID, I32: INVALID, -I32 - 1: INVALID}),
]
OTHERS = [
    ("nothing", None, INVALID), ("no bytes", b"", INVALID), ("one byte", b"\0", CORRUPT),
    ("half a head", batch()[:60], CORRUPT), ("a head alone", batch(b""), INVALID),
    ("a byte too few", batch()[:-1], INVALID), ("a byte too many", batch() + b"\0", INVALID),
    ("two batches", batch() + batch(), INVALID), ("megabytes", batch(record(bytes(1 << 20))), TOO_LARGE),
    ("producer without sequence", batch(producer=1, epoch=0), INVALID),
    ("producer without epoch", batch(producer=1, sequence=0), INVALID),
    ("transaction without producer", batch(attributes=0x10), INVALID),
    ("transaction", batch(attributes=0x10, producer=1, epoch=0, sequence=0), 42),
    # What a record says of itself
    ("record too long", batch(record(size=zigzag(1000))), INVALID),
    ("record too short", batch(record(size=zigzag(3))), INVALID),
    ("record of -1", batch(record(size=zigzag(-1))), INVALID),
    ("record of 2^31-1", batch(record(size=zigzag(I32))), INVALID),
    ("record of ten bytes' length", batch(record(size=TEN)), INVALID),
    ("record whose length has no end", batch(b"\x80" * 100), INVALID),
    ("offset", batch(record(offset=1)), INVALID), ("offset -1", batch(record(offset=-1)), INVALID),
    ("offset 2^31-1", batch(record(offset=I32)), INVALID),
    ("time", batch(record(time=I64)), OUT_OF_RANGE), ("time before", batch(record(time=-I64)), OUT_OF_RANGE),
    ("time 0", batch(record(time=-NOW)), FINE), ("no time", batch(record(time=-NOW - 1)), FINE),
    ("key of -2", batch(record(key_size=zigzag(-2))), INVALID),
    ("key of 2^31-1", batch(record(key_size=zigzag(I32))), INVALID),
    ("key of ten bytes' length", batch(record(key_size=TEN)), INVALID),
    ("key null", batch(record(key=None)), FINE), ("value null", batch(record(value=None)), FINE),
    ("all empty", batch(record(b"", b"")), FINE),
    ("headers -1", batch(record(headers=zigzag(-1))), INVALID),
    ("headers that are not there", batch(record(headers=zigzag(1))), INVALID),
    ("headers 2^31-1", batch(record(headers=zigzag(I32))), INVALID),
    ("header without a name", batch(record(headers=zigzag(1) + zigzag(-1) + zigzag(-1))), INVALID),
    ("header of -2", batch(record(headers=zigzag(1) + zigzag(0) + zigzag(-2))), INVALID),
    ("header null", batch(record(headers=zigzag(1) + zigzag(0) + zigzag(-1))), FINE),
    ("bytes behind the headers", batch(record(headers=b"\0x")), INVALID),
    ("attributes of a record", batch(record().replace(b"\0", b"\x7f", 1)), FINE),
    ("one more record than said", batch(record() + record(offset=1)), INVALID),
    ("one record less than said", batch(count=2, last_delta=1), INVALID),
    # Codecs
    ("gzip", batch(GZIPPED, attributes=1), FINE), ("gzip cut", batch(GZIPPED[:-9], attributes=1), CORRUPT),
    ("gzip and more", batch(GZIPPED + b"x", attributes=1), CORRUPT), ("gzip noise", batch(b"noise", attributes=1), CORRUPT),
    ("gzip in gzip", batch(gzip.compress(GZIPPED), attributes=1), INVALID), ("gzip of nothing", batch(b"", attributes=1), CORRUPT),
    ("gzip's checksum", batch(GZIPPED[:-8] + b"\0" * 8, attributes=1), CORRUPT),
    ("snappy noise", batch(b"\xff\xff\xff\xff\xff\xff", attributes=2), CORRUPT),
    ("snappy that promises 4 GiB", batch(b"\xff\xff\xff\xff\x0f\0x", attributes=2), TOO_LARGE),
    ("snappy that copies from before", batch(b"\x04\x01\x05", attributes=2), CORRUPT),
    ("xerial chunk -1", batch(XERIAL + b"\xff\xff\xff\xff", attributes=2), CORRUPT),
    ("xerial chunk 2^31-1", batch(XERIAL + b"\x7f\xff\xff\xffx", attributes=2), CORRUPT),
    ("xerial without a chunk", batch(XERIAL, attributes=2), INVALID),
    ("lz4 noise", batch(b"\x04\x22\x4d\x18noise", attributes=3), CORRUPT),
    ("lz4 of nothing", batch(LZ4_EMPTY, attributes=3), INVALID), ("lz4 cut", batch(LZ4_EMPTY[:-3], attributes=3), CORRUPT),
    ("zstd noise", batch(b"\x28\xb5\x2f\xfdnoise", attributes=4), CORRUPT),
    ("zstd with a window of 1 GiB", batch(b"\x28\xb5\x2f\xfd\x00\xa0\x01\0\0", attributes=4), CORRUPT),
    ("zstd that promises 2^62", batch(b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 62) + b"\x01\0\0", attributes=4),
     CORRUPT),
]
ALL = [(f"{name} {n}", batch(**{name: n}), code) for name, codes in HEADS for n, code in codes.items()] + OTHERS


@pytest.fixture(scope="module")
def site():
    s = hostile.Site()
    s.broker.ctl("topic", "create", "t")
    yield s
    s.remove()


def produce(site, version, batches):
    """The code of each, of one request, in one partition."""
    with site.client() as c:
        answer = c.call("produce", version, acks=1, timeout_ms=10000, topic_data=[
            {"name": "t", "partition_data": [{"index": 0, "records": b} for b in batches]}])
    return [p["error_code"] for p in answer["responses"][0]["partition_responses"]]


def test_every_batch_has_its_answer_and_only_good_ones_are_kept(site):
    site.broker.ctl("topic", "alter", "t", "-c", "retention.ms=-1") # some are of 1970
    told = produce(site, 11, [b for _, b, _ in ALL])
    assert {name: code for (name, _, _), code in zip(ALL, told)} == {name: code for name, _, code in ALL}
    fine = sum(code == FINE for _, _, code in ALL)
    site.undisturbed()
    site.restart()
    c = Consumer({**site.broker.conf(), "group.id": "reader", "enable.auto.commit": False})
    c.assign([TopicPartition("t", 0, 0)])
    got = [c.poll(30) for _ in range(fine)]
    assert [m.offset() for m in got] == list(range(fine)) and {m.error() for m in got} == {None}
    assert c.get_watermark_offsets(TopicPartition("t", 0), timeout=30) == (0, fine)
    c.close()


def test_what_the_broker_says_of_a_batch_is_not_the_clients(site):
    """Offset and leader epoch are ours; so is the greatest time."""
    assert produce(site, 11, [batch(leader_epoch=99, max_time=I64)]) == [0]
    with site.client() as c:
        end = c.call("list_offsets", 7, replica_id=-1, isolation_level=0, topics=[
            {"name": "t", "partitions": [{"partition_index": 0, "timestamp": -1}]}])
        end = end["topics"][0]["partitions"][0]
        got = c.call("fetch", 11, replica_id=-1, max_wait_ms=1000, min_bytes=1, max_bytes=100000, isolation_level=0,
                     topics=[{"topic": "t", "partitions": [{"partition": 0, "fetch_offset": end["offset"] - 1,
                                                            "partition_max_bytes": 100000}]}], rack_id="")
    raw = got["responses"][0]["partitions"][0]["records"]
    offset, _, epoch = struct.unpack_from(">qii", raw)
    assert (offset, epoch) == (end["offset"] - 1, end["leader_epoch"]) and epoch != 99
    assert struct.unpack_from(">q", raw, 35)[0] == NOW


def test_a_producer_out_of_order_learns_where_the_log_begins(site):
    """By that it knows whether what it wrote before is gone."""
    assert produce(site, 9, [batch(producer=4321, epoch=0, sequence=0)]) == [0]
    with site.client() as c:
        told = c.call("produce", 9, acks=1, timeout_ms=10000, topic_data=[
            {"name": "t", "partition_data": [{"index": 0, "records": batch(producer=4321, epoch=0, sequence=7)}]}])
    told = told["responses"][0]["partition_responses"][0]
    assert (told["error_code"], told["base_offset"], told["log_start_offset"]) == (45, -1, 0)


def test_zstd_is_for_those_who_know_it(site):
    assert produce(site, 6, [batch(b"\x28\xb5\x2f\xfd", attributes=4)]) == [CODEC]


@pytest.mark.parametrize("acks", [-2, 2, 127, 32767, -32768])
def test_acknowledgements_that_are_none(site, acks):
    with site.client() as c:
        answer = c.call("produce", 9, acks=acks, timeout_ms=1000, topic_data=[
            {"name": "t", "partition_data": [{"index": 0, "records": batch()}]}])
    assert answer["responses"][0]["partition_responses"][0]["error_code"] == 21


def test_who_wants_no_answer_learns_it_by_the_end(site):
    """With acks=0 a refusal has no other words than a closed connection."""
    with site.client() as c:
        good = {"acks": 0, "timeout_ms": 1000, "topic_data": [
            {"name": "t", "partition_data": [{"index": 0, "records": batch()}]}]}
        c.send("produce", 9, good)
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        good["topic_data"][0]["partition_data"][0]["records"] = batch(crc=0)
        c.send("produce", 9, good)
        assert hostile.closed(c.sock)
    site.undisturbed()
