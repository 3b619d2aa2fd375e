# SPDX-License-Identifier: Apache-2.0
"""Disks that fail (full ones: test_63_full_disk.py), files that are spoilt or foreign, clocks that jump, no descriptors."""
import os
import pathlib
import resource
import signal
import socket
import sqlite3
import struct
import time

import hostile
import pytest
from harness import SCHLOSSD, run
from hostile import eventually
from kafka.record.default_records import DefaultRecordBatchBuilder

MIB = 1 << 20
OUT_OF_ORDER, STORAGE, NOT_LEADER, AFTER_APPEND = 45, 56, 6, 20


def batch(values, pid=-1, sequence=-1, compression=0):
    b = DefaultRecordBatchBuilder(magic=2, compression_type=compression, is_transactional=0, producer_id=pid,
                                  producer_epoch=-1 if pid < 0 else 0, base_sequence=sequence,
                                  batch_size=64 * MIB)
    for i, v in enumerate(values):
        b.append(i, timestamp=int(time.time() * 1000), key=None, value=v, headers=[])
    return bytes(b.build())


def produce_request(topic, records, partition=0):
    return dict(transactional_id=None, acks=-1, timeout_ms=30000, topic_data=[
        {"name": topic, "partition_data": [{"index": partition, "records": records}]}])


def error_of(answer):
    return answer["responses"][0]["partition_responses"][0]["error_code"]


def produce(client, topic, records, version=9, partition=0):
    return error_of(client.call("produce", version, **produce_request(topic, records, partition)))


def fetch(client, topic, offset, partition=0):
    """(error, bytes)"""
    a = client.call("fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=8 * MIB, topics=[
        {"topic": topic, "partitions": [{"partition": partition, "fetch_offset": offset,
                                         "partition_max_bytes": 8 * MIB}]}])
    p = a["responses"][0]["partitions"][0]
    return p["error_code"], p["records"]


def end_of(client, topic, partition=0, timestamp=-1):
    a = client.call("list_offsets", 7, replica_id=-1, isolation_level=0, topics=[
        {"name": topic, "partitions": [{"partition_index": partition, "timestamp": timestamp}]}])
    return a["topics"][0]["partitions"][0]["offset"]


def read_all(client, topic, partition=0):
    """Base offsets of all batches, and how many bytes."""
    at, bases, size = end_of(client, topic, partition, -2), [], 0
    end = end_of(client, topic, partition)
    while at < end:
        err, data = fetch(client, topic, at, partition)
        assert err == 0 and data, (err, at, end)
        pos = 0
        while pos + 61 <= len(data):
            base, length = struct.unpack_from(">qi", data, pos)
            if pos + 12 + length > len(data):
                break
            at = base + struct.unpack_from(">i", data, pos + 23)[0] + 1
            bases.append(base)
            pos += 12 + length
        size += pos
    return bases, size


# ---- a disk that fails ----

@pytest.fixture
def sick(shim, tmp_path):
    """A broker whose disk fails, and whose clock jumps, when the test says so."""
    s = hostile.Site(hostile.SETTINGS + "\nlog.retention.check.interval.ms: 500\nlog.segment.delete.delay.ms: 0",
                     env=hostile.preloaded(shim, tmp_path))
    s.notes = tmp_path
    yield s
    for name in ("eio", "skew", "slow", "held", "unread"):
        (tmp_path / name).unlink(missing_ok=True)
    s.remove()


def test_who_goes_while_it_is_read_for_him(sick):
    """What comes from the disk then is nobody's, and is freed: the sanitizer looks at the end."""
    sick.broker.ctl("topic", "create", "gone")
    with sick.client() as c:
        assert produce(c, "gone", batch([bytes(1000)] * 1000)) == 0
    sick.restart()
    (sick.notes / "unread").write_text("/gone-0/")
    c = sick.client()
    port = c.sock.getsockname()[1]
    assert sick.connections(port) == 1
    c.send("fetch", 11, dict(replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=MIB, topics=[
        {"topic": "gone", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": MIB}]}]))
    time.sleep(0.5)
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    eventually(lambda: sick.connections(port) == 0)
    (sick.notes / "unread").unlink()
    with sick.client() as c:
        assert len(fetch(c, "gone", 0)[1]) > 1000000
    sick.restart()


def test_a_partition_whose_disk_fails(sick):
    """20 for those who wait, 56 afterwards; other partitions live; a restart brings it back whole."""
    sick.broker.ctl("topic", "create", "ill", "-c", "flush=interval", "-c", "flush.messages=1")
    with sick.client() as c:
        assert produce(c, "ill", batch([b"before"])) == 0
        (sick.notes / "eio").write_text("/ill-0/")
        assert produce(c, "ill", batch([b"during"])) in (0, AFTER_APPEND)
        eventually(lambda: produce(c, "ill", batch([b"after"])) == STORAGE)
        assert produce(c, "ill", batch([b"after"]), version=3) == NOT_LEADER
        sick.undisturbed()
        assert fetch(c, "ill", 0)[0] == 0
        (sick.notes / "eio").unlink()
        assert produce(c, "ill", batch([b"still"])) == STORAGE  # a sync is not tried again
    sick.restart()
    with sick.client() as c:
        bases, _ = read_all(c, "ill")
        assert bases == list(range(len(bases))) and len(bases) >= 1
        assert produce(c, "ill", batch([b"again"])) == 0


def test_the_journal_fails(sick):
    """Every partition under `ack` is offline; those without it live; nothing acknowledged is lost."""
    sick.broker.ctl("topic", "create", "free", "-c", "flush=os")
    with sick.client() as c:
        pid = c.call("init_producer_id", 2, transaction_timeout_ms=1000)["producer_id"]
        assert produce(c, "calm", batch([b"kept"], pid, 0)) == 0
        end = end_of(c, "calm")
        (sick.notes / "eio").write_text("/journal/")
        for i in range(3):  # on their way at once: the first waited, none is taken behind it
            c.send("produce", 9, produce_request("calm", batch([b"lost"], pid, 1 + i)))
        codes = [error_of(c.answer("produce", 9)[1]) for _ in range(3)]
        assert codes[0] == AFTER_APPEND and set(codes) <= {AFTER_APPEND, STORAGE}, codes
        assert produce(c, "calm", batch([b"after"], pid, 4)) == STORAGE
        assert produce(c, "free", batch([b"fine"])) == 0
        assert end_of(c, "calm") == end
    (sick.notes / "eio").unlink()
    sick.broker.stop()
    sick.broker.start(env=sick.env)
    with sick.client() as c:
        assert end_of(c, "calm") in (end, end + 1, end + 2, end + 3)
        assert read_all(c, "calm")[0] == list(range(end_of(c, "calm")))
        assert produce(c, "calm", batch([b"again"])) == 0
        assert read_all(c, "free")[0] == [0]


def test_a_clock_that_jumps(sick):
    """A day ahead and back: what is young stays, and the log says that deleting pauses."""
    sick.broker.ctl("topic", "create", "young", "-c", "retention.ms=3600000", "-c", "segment.bytes=1048576")
    with sick.client() as c:
        for _ in range(4):
            assert produce(c, "young", batch([b"x" * 600000])) == 0
        for skew in ("86400", "-86400", "0"):
            said = sick.broker.log.count("clock jumped")
            (sick.notes / "skew").write_text(skew)
            eventually(lambda: sick.broker.log.count("clock jumped") > said)
            assert fetch(c, "young", 3)[0] == 0
        sick.undisturbed()
        time.sleep(1.2)  # two rounds of retention
        assert end_of(c, "young", timestamp=-2) == 0
        assert read_all(c, "young")[0] == [0, 1, 2, 3]


# ---- files ----

def segments(broker, topic):
    return sorted((broker.dir / "data" / f"{topic}-0").glob("*.log"))


@pytest.fixture
def site():
    s = hostile.Site()
    yield s
    s.remove()


def test_a_corrupt_segment(site):
    """Damage in what was durable is not cut away: what lies before is served, the rest says so."""
    b = site.broker
    b.ctl("topic", "create", "spoilt", "-c", "segment.bytes=1048576")
    with site.client() as c:
        for i in range(6):
            assert produce(c, "spoilt", batch([b"x" * 400000])) == 0
    b.stop()
    paths = segments(b, "spoilt")
    assert len(paths) == 3
    data = bytearray(paths[1].read_bytes())
    data[1000] ^= 1
    paths[1].write_bytes(data)
    sizes = [p.stat().st_size for p in paths]
    b.start(env=site.env)
    with site.client() as c:
        assert fetch(c, "spoilt", 0)[0] == 0
        err, data = fetch(c, "spoilt", 2)
        assert (err, data) == (2, b""), (err, data)
        assert fetch(c, "spoilt", 0)[0] == 0
    site.undisturbed()
    assert "spoilt-0" in b.log
    assert [p.stat().st_size for p in paths][:2] == sizes[:2], "damage was cut away"
    site.restart()
    assert [p.stat().st_size for p in paths][:2] == sizes[:2], "damage was cut away"


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
def test_indexes_are_only_hints(site, clean):
    b = site.broker
    b.ctl("topic", "create", "hints", "-c", "segment.bytes=1048576", "-c", "index.interval.bytes=100")
    with site.client() as c:
        for i in range(30):
            assert produce(c, "hints", batch([b"x" * 100000])) == 0
    b.stop() if clean else b.kill()
    directory = b.dir / "data/hints-0"
    for i, path in enumerate(sorted(directory.glob("*index")) + sorted(directory.glob("*.snapshot"))):
        if i % 3 == 0:
            path.unlink()
        elif i % 3 == 1:
            path.write_bytes(os.urandom(4096))
        else:
            path.write_bytes(b"")
    b.start(env=site.env)
    with site.client() as c:
        assert read_all(c, "hints")[0] == list(range(30))
        for at in (0, 7, 29):
            err, data = fetch(c, "hints", at)
            assert err == 0 and struct.unpack_from(">q", data)[0] == at
        assert produce(c, "hints", batch([b"more"])) == 0
    site.undisturbed()


def test_foreign_files_are_left_alone(site):
    b = site.broker
    b.stop()
    data = b.dir / "data"
    made = ["notes.txt", "calm-0/notes.txt", "calm-0/00000000000000000000.log.bak", "calm-0/x.index",
            "core", "journal/readme", ".hidden"]
    for name in made:
        (data / name).write_bytes(b"foreign")
    (data / "no-partition").mkdir()
    (data / "strange-99").mkdir()
    (data / "strange-99/00000000000000000000.log").write_bytes(b"foreign" * 100)
    (data / "calm-0/sub").mkdir()
    (data / "loop").symlink_to(data)
    b.start(env=site.env)
    site.undisturbed()
    site.restart()
    for name in made:
        assert (data / name).read_bytes() == b"foreign", name
    assert (data / "no-partition").is_dir() and (data / "calm-0/sub").is_dir()


def test_what_no_topic_knows_of_is_set_aside(site):
    """A crash between the end of a topic in the metadata and the end of its files: the name is free again, and what
    was there is kept."""
    b = site.broker
    b.ctl("topic", "create", "halfway", "-p", "2")
    b.kcat("-P", "-t", "halfway", "-p", "1", stdin="kept\n")
    b.stop()
    db = sqlite3.connect(b.dir / "data/meta.db")
    db.execute("DELETE FROM node WHERE path='/tenants/0/topics/halfway'")
    db.commit()
    db.close()
    b.start(env=site.env)
    assert b.log.count("no topic knows of") == 2
    assert b"kept" in next((b.dir / "data").glob("halfway-1.*-stray/*.log")).read_bytes()
    b.ctl("topic", "create", "halfway", "-p", "2")
    assert b.kcat("-C", "-t", "halfway", "-e", "-q").stdout == ""
    site.restart()
    assert b.log.count("no topic knows of") == 2
    assert len(list((b.dir / "data").glob("halfway-*-stray"))) == 2


def test_a_second_broker_finds_the_directory_taken(site):
    """Also while the first one hangs, and not any more once it was killed."""
    b = site.broker
    b.process.send_signal(signal.SIGSTOP)
    try:
        p = run(SCHLOSSD, "-c", b.yaml, check=False)
        assert p.returncode == 1 and "another broker" in p.stderr
    finally:
        b.process.send_signal(signal.SIGCONT)
    site.undisturbed()
    b.kill()
    b.start(env=site.env)
    site.undisturbed()


def test_no_descriptors_left(site):
    """Connections wait or are refused, those that are there work; afterwards all is well."""
    b = site.broker
    pid = b.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, hard))
    sockets = [site.tcp(5) for _ in range(30)]
    try:
        eventually(lambda: "cannot accept" in b.log)
        site.undisturbed()
    finally:
        for s in sockets:
            s.close()
    with site.client() as c:
        assert end_of(c, "calm") == site.n
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert b.log.count("cannot accept") < 400
    b.ctl("topic", "create", "after", "-p", "5")
    site.undisturbed()
