# SPDX-License-Identifier: Apache-2.0
"""Each setting of a topic, set and then seen to work: in the answers, or in the files. (compression.type: test_21_batches.py;
flush=ack: the tests of faults; limits: test_45_limits.py.)"""
import struct
import time

import hostile
import pytest
from hostile import eventually
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from test_61_faults import batch, end_of, fetch, produce, read_all

TOO_LARGE, INVALID_TIMESTAMP = 10, 32
HOUR = 3600000
SETTINGS = hostile.SETTINGS + "\nlog.retention.check.interval.ms: 200"


@pytest.fixture(scope="module")
def site():
    s = hostile.Site(SETTINGS)
    yield s
    s.remove()


@pytest.fixture
def wire(site):
    with site.client() as c:
        yield c


def now():
    return int(time.time() * 1000)


def keyed(*records, at=None):
    """A batch of (key, value) pairs; value None: a tombstone."""
    b = DefaultRecordBatchBuilder(magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
                                  base_sequence=-1, batch_size=1 << 26)
    for i, (key, value) in enumerate(records):
        b.append(i, timestamp=now() if at is None else at, key=key, value=value, headers=[])
    return bytes(b.build())


def create(site, topic, *settings):
    site.broker.ctl("topic", "create", topic, *(x for s in settings for x in ("-c", s)))


def alter(site, topic, setting):
    site.broker.ctl("topic", "alter", topic, "-c", setting)


def files(site, topic, ending):
    return sorted((site.broker.dir / f"data/{topic}-0").glob(f"*{ending}"))


def put(client, topic, *batches):
    for b in batches:
        assert produce(client, topic, b) == 0


def start_of(client, topic):
    return end_of(client, topic, timestamp=-2)


def records(client, topic):
    """(offset, key, value, timestamp) of all that are there."""
    at, end, out = start_of(client, topic), end_of(client, topic), []
    while at < end:
        err, data = fetch(client, topic, at)
        assert err == 0 and data, (err, at, end)
        pos = 0
        while pos + 61 <= len(data):
            n = 12 + struct.unpack_from(">i", data, pos + 8)[0]
            at = max(at, struct.unpack_from(">q", data, pos)[0] + struct.unpack_from(">i", data, pos + 23)[0] + 1)
            out += [(r.offset, r.key, r.value, r.timestamp) for r in DefaultRecordBatch(data[pos:pos + n])]
            pos += n
    return out


def values(client, topic):
    return {key: value for _, key, value, _ in records(client, topic)}


# ---- segments ----

def test_segment_bytes(site, wire):
    create(site, "by-size", "segment.bytes=3000")
    put(wire, "by-size", *[batch([b"x" * 800])] * 6)  # three to a segment
    eventually(lambda: len(files(site, "by-size", ".log")) == 2)
    alter(site, "by-size", "segment.bytes=1000000")
    put(wire, "by-size", *[batch([b"x" * 800])] * 6)
    assert len(files(site, "by-size", ".log")) == 2


def test_segment_ms_and_jitter(site, wire):
    """The age of a segment is what lies between its first record and the newest one."""
    t = now() - 10 * HOUR
    found = {}
    for topic, *settings in (("no-age",), ("by-age", "segment.ms=60000"), ("by-chance", "segment.ms=60000", "segment.jitter.ms=60000"),
                             ("by-lag", "cleanup.policy=compact", "max.compaction.lag.ms=60000")):
        create(site, topic, *settings, "flush=os", "retention.ms=-1")
        put(wire, topic, *[keyed((b"k", b"v"), at=t + 10000 * i) for i in range(60)])
        found[topic] = len(files(site, topic, ".log"))
    assert (found["no-age"], found["by-age"], found["by-lag"]) == (1, 9, 9)  # seven to a segment
    assert found["by-chance"] > 9


def test_segment_index_bytes(site, wire):
    create(site, "by-index", "index.interval.bytes=0", "segment.index.bytes=80")
    put(wire, "by-index", *[batch([b"x"])] * 25)
    eventually(lambda: len(files(site, "by-index", ".log")) == 3)
    assert max(f.stat().st_size for f in files(site, "by-index", ".index")) <= 80


def test_index_interval_bytes(site, wire):
    create(site, "dense", "index.interval.bytes=1000")
    create(site, "sparse", "index.interval.bytes=1000000")
    for topic in ("dense", "sparse"):
        put(wire, topic, *[batch([b"x" * 500])] * 40)
    wire.close()
    site.restart()
    assert [f.stat().st_size // 8 for f in files(site, "dense", ".index")] == [19]
    assert sum(f.stat().st_size for f in files(site, "sparse", ".index")) == 0


# ---- deletion ----

def test_retention_ms(site, wire):
    create(site, "old", "flush=os")
    put(wire, "old", keyed((b"k", b"v"), at=now() - 2 * HOUR), keyed((b"k", b"v"), at=now() - HOUR))
    time.sleep(0.5)
    assert start_of(wire, "old") == 0
    alter(site, "old", f"retention.ms={HOUR // 2}")
    eventually(lambda: start_of(wire, "old") == 2)
    put(wire, "old", keyed((b"k", b"v")))
    time.sleep(0.5)
    assert [r[0] for r in records(wire, "old")] == [2]


def test_retention_ms_of_records_without_a_time(site, wire):
    create(site, "timeless", "flush=os", "retention.ms=2000")
    put(wire, "timeless", keyed((b"k", b"v"), at=-1))
    time.sleep(0.5)
    assert start_of(wire, "timeless") == 0
    eventually(lambda: start_of(wire, "timeless") == 1)


def test_retention_bytes(site, wire):
    create(site, "large", "segment.bytes=10000", "retention.bytes=25000")
    put(wire, "large", *[batch([b"x" * 4000])] * 20)
    eventually(lambda: start_of(wire, "large") > 0)
    time.sleep(0.5)
    size = read_all(wire, "large")[1]
    assert 25000 <= size < 35000, size


def test_file_delete_delay_ms(site, wire):
    create(site, "lingering", "flush=os", "file.delete.delay.ms=3000", "retention.ms=60000")
    put(wire, "lingering", keyed((b"k", b"v"), at=now() - HOUR))
    eventually(lambda: files(site, "lingering", ".log.deleted"))
    seen = time.monotonic()
    eventually(lambda: not files(site, "lingering", ".deleted"))
    assert time.monotonic() - seen > 2
    create(site, "gone", "file.delete.delay.ms=3000")
    site.broker.ctl("topic", "delete", "gone")
    seen = time.monotonic()
    left = lambda: [d for d in (site.broker.dir / "data").iterdir() if d.name.endswith("-delete")]  # noqa: E731
    assert left()
    eventually(lambda: not left())
    assert 2 < time.monotonic() - seen < 20


# ---- compaction ----

def checkpointed(site):
    """A restart, so that all that was written lies before the recovery point."""
    site.restart()
    return site.client()


def filled(client, topic, n=40, key=b"k"):
    """So much of one key that segments of 1000 bytes are closed."""
    put(client, topic, *[keyed((key, b"%d" % i)) for i in range(n)])


def test_compaction_and_its_lags(site, wire):
    """Of each key the newest value, at its offset; not before its time, and after it whatever the ratio says."""
    both = ["segment.bytes=1000", "cleanup.policy=compact"]
    create(site, "c-now", *both, "min.cleanable.dirty.ratio=0")
    create(site, "c-later", *both, "min.cleanable.dirty.ratio=0", "min.compaction.lag.ms=3600000")
    create(site, "c-never", *both, "min.cleanable.dirty.ratio=1", "cleanup.policy=delete")
    create(site, "c-must", *both, "min.cleanable.dirty.ratio=1", "max.compaction.lag.ms=2000")
    topics = ["c-now", "c-later", "c-never", "c-must"]
    for t in topics:
        put(wire, t, keyed((b"first", b"1"), (b"kept", b"2")))
        filled(wire, t)
    want = {b"first": b"1", b"kept": b"2", b"k": b"39"}
    with checkpointed(site) as c:
        eventually(lambda: len(records(c, "c-now")) < 20)
        eventually(lambda: len(records(c, "c-must")) < 20)
        for t in topics:
            assert values(c, t) == want, t
            assert [r[0] for r in records(c, t)][:2] == [0, 1] and records(c, t)[-1][0] == 41
        assert len(records(c, "c-later")) == len(records(c, "c-never")) == 42
        alter(site, "c-later", "min.compaction.lag.ms=0")
        alter(site, "c-never", "cleanup.policy=compact")
        eventually(lambda: len(records(c, "c-later")) < 20)
        eventually(lambda: len(records(c, "c-never")) < 20)  # all of it is dirty: a ratio of 1
        assert values(c, "c-later") == values(c, "c-never") == want


def test_min_cleanable_dirty_ratio(site, wire):
    create(site, "ratio", "segment.bytes=1000", "cleanup.policy=compact", "min.cleanable.dirty.ratio=0.9")
    put(wire, "ratio", *[keyed((b"%d" % i, b"x" * 50)) for i in range(40)])
    with checkpointed(site) as c:
        eventually(lambda: "compacted" in "".join(x for x in site.broker.log.split("\n") if "ratio-0" in x))
        filled(c, "ratio", 20)
    with checkpointed(site) as c:
        time.sleep(1)
        before = len(records(c, "ratio"))
        assert before == 60  # a third is new: not enough
        alter(site, "ratio", "min.cleanable.dirty.ratio=0.1")
        eventually(lambda: len(records(c, "ratio")) < before)
        assert len(values(c, "ratio")) == 41


def test_delete_retention_ms(site, wire):
    for topic, ms in (("marked", HOUR), ("unmarked", 1)):
        create(site, topic, "segment.bytes=1000", "cleanup.policy=compact", "min.cleanable.dirty.ratio=0",
               f"delete.retention.ms={ms}")
        put(wire, topic, keyed((b"gone", b"1")), keyed((b"gone", None)))
        filled(wire, topic)
    with checkpointed(site) as c:
        for topic in ("marked", "unmarked"):
            eventually(lambda t=topic: len(records(c, t)) < 20)
            filled(c, topic)
    with checkpointed(site) as c:
        eventually(lambda: b"gone" not in values(c, "unmarked"))
        eventually(lambda: len(records(c, "marked")) < 20)
        assert values(c, "marked")[b"gone"] is None
        assert values(c, "unmarked")[b"k"] == b"39"


def test_compacted_and_deleted(site, wire):
    create(site, "both", "segment.bytes=1000", "cleanup.policy=compact,delete", "min.cleanable.dirty.ratio=0",
           f"retention.ms={HOUR}")
    put(wire, "both", *[keyed((b"old", b"%d" % i), at=now() - 2 * HOUR) for i in range(20)])
    filled(wire, "both")
    eventually(lambda: start_of(wire, "both") > 0)
    with checkpointed(site) as c:
        eventually(lambda: len(records(c, "both")) < 20)
        start = start_of(c, "both")
        assert 10 < start < 50
        assert values(c, "both")[b"k"] == b"39"
        alter(site, "both", "cleanup.policy=compact")
        alter(site, "both", "retention.ms=1")
        time.sleep(0.7)
        assert start_of(c, "both") == start  # nothing goes by time any more


# ---- what is taken ----

def test_max_message_bytes(site, wire):
    create(site, "small", "max.message.bytes=1000")
    assert produce(wire, "small", batch([b"x" * 2000])) == TOO_LARGE
    assert produce(wire, "small", batch([b"x" * 500])) == 0
    alter(site, "small", "max.message.bytes=3000")
    assert produce(wire, "small", batch([b"x" * 2000])) == 0


def test_message_timestamps(site, wire):
    create(site, "bounded", "message.timestamp.before.max.ms=60000", "message.timestamp.after.max.ms=60000")
    for ms, want in ((-HOUR, INVALID_TIMESTAMP), (HOUR, INVALID_TIMESTAMP), (-30000, 0), (30000, 0)):
        assert produce(wire, "bounded", keyed((b"k", b"v"), at=now() + ms)) == want, ms
    alter(site, "bounded", f"message.timestamp.before.max.ms={2 * HOUR}")
    alter(site, "bounded", f"message.timestamp.after.max.ms={2 * HOUR}")
    for ms in (-HOUR, HOUR):
        assert produce(wire, "bounded", keyed((b"k", b"v"), at=now() + ms)) == 0
    create(site, "stamped", "message.timestamp.type=LogAppendTime", "message.timestamp.before.max.ms=1")
    before = now()
    put(wire, "stamped", keyed((b"k", b"v"), (b"l", b"w"), at=now() - HOUR))
    assert all(before <= r[3] <= now() for r in records(wire, "stamped"))
    assert end_of(wire, "stamped", timestamp=before) == 0
    alter(site, "stamped", "message.timestamp.type=CreateTime")
    alter(site, "stamped", f"message.timestamp.before.max.ms={2 * HOUR}")
    put(wire, "stamped", keyed((b"k", b"v"), at=now() - HOUR))
    assert records(wire, "stamped")[-1][3] < before


# ---- when it is on the disk ----

def test_flush(shim, tmp_path):
    """When the files of a partition are synced, by the settings; before the first checkpoint, which syncs all."""
    s = hostile.Site(env=hostile.preloaded(shim, tmp_path))
    topics = {"os": ["flush=os", "flush.ms=1", "flush.messages=1"], "far": ["flush=interval", "flush.ms=600000"],
              "ms": ["flush=interval", "flush.ms=700"], "messages": ["flush=interval", "flush.ms=600000", "flush.messages=3"]}
    syncs = tmp_path / "syncs"

    def synced():
        told = syncs.read_text().split("\n")
        return {t: sum(f"/{t}-0/" in x and x.endswith(".log") for x in told) for t in topics}

    try:
        with s.client() as c:
            for t, settings in topics.items():
                create(s, t, *settings)
            syncs.touch()
            for t in topics:
                put(c, t, batch([b"one"]))
            time.sleep(0.2)
            assert synced() == {"os": 0, "far": 0, "ms": 0, "messages": 0}
            eventually(lambda: synced()["ms"] == 1, 5)
            for _ in range(2):
                assert synced()["messages"] == 0
                put(c, "messages", batch([b"more"]))
            eventually(lambda: synced()["messages"] == 1, 5)
            time.sleep(1)
            assert synced() == {"os": 0, "far": 0, "ms": 1, "messages": 1}
            alter(s, "far", "flush.ms=1")
            eventually(lambda: synced()["far"] == 1, 5)
            alter(s, "os", "flush=ack")
            eventually(lambda: synced()["os"] == 1, 5)
    finally:
        s.remove()
