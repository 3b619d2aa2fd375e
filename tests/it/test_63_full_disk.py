# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, to the last byte."""
import errno
import os
import shutil
import time

import hostile
import pytest
from harness import Broker, run
from hostile import eventually
from test_61_faults import (AFTER_APPEND, MIB, NOT_LEADER, OUT_OF_ORDER, STORAGE, batch, end_of, error_of, produce,
                            produce_request, read_all)

class Disk:
    """A small file system, and somebody else's file on it."""

    def __init__(self, path, mib):
        self.path = path
        self.path.mkdir()
        p = run("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", self.path, check=False)
        if p.returncode != 0:
            pytest.skip(f"mounting is not allowed here: {p.stderr.strip()}")

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def leave(self, room):
        """The foreign file grows until this much is free, or shrinks; the broker may take some of it
        meanwhile."""
        size = max(0, self.foreign().stat().st_size if self.foreign().exists() else 0) + self.free() - room
        fd = os.open(self.foreign(), os.O_WRONLY | os.O_CREAT)
        try:
            os.ftruncate(fd, 0)
            while size > 0:
                try:
                    os.posix_fallocate(fd, 0, size)
                    break
                except OSError as e:
                    assert e.errno == errno.ENOSPC
                    size -= 4096
        finally:
            os.close(fd)

    def foreign(self):
        return self.path / "foreign"

    def unmount(self):
        run("umount", "-l", self.path, check=False)


@pytest.fixture
def full(tmp_path):
    disk = Disk(tmp_path / "disk", 160)
    b = Broker(f"log.dirs: {disk.path}/data\nlog.reserve.bytes: 4194304\nlog.journal.bytes: 67108864\n"
               "log.retention.check.interval.ms: 500\nlog.segment.delete.delay.ms: 0\n" + hostile.SETTINGS)
    shutil.copytree(b.dir / "data", disk.path / "data")
    (disk.path / "data").chmod(0o700)
    s = hostile.Site(broker=b)
    s.disk = disk
    try:
        yield s
    finally:
        s.remove()
        disk.unmount()


def fill(site, client, topic, pid, sequence):
    """Batches of 1 MB, eight on their way at a time, until one is refused; what was acknowledged."""
    acked, refused = 0, []
    while not refused:
        assert acked < 300
        for i in range(8):
            client.send("produce", 9, produce_request(
                topic, batch([b"x" * 1000000], pid, sequence + acked + i)))
        for _ in range(8):
            err = error_of(client.answer("produce", 9)[1])
            if err == 0:
                assert not refused, "taken behind one that was refused"
                acked += 1
            else:
                refused.append(err)
    return acked, refused


def test_a_full_disk(full):
    disk, b = full.disk, full.broker
    b.ctl("topic", "create", "big", "-c", "segment.bytes=4194304", "-c", "flush=os",
          "-c", "file.delete.delay.ms=0")
    b.ctl("topic", "create", "doomed")
    with full.client() as c:
        pid = c.call("init_producer_id", 2, transaction_timeout_ms=1000)["producer_id"]
        disk.leave(64 * MIB)  # much more than twice the soft limit, at which writing goes on again
        acked, refused = fill(full, c, "big", pid, 0)
        assert acked > 30 and set(refused) <= {STORAGE, AFTER_APPEND}, (acked, refused)
        eventually(lambda: produce(c, "big", batch([b"x"], pid, acked)) == STORAGE)
        assert produce(c, "big", batch([b"x"]), version=3) == NOT_LEADER
        assert produce(c, "calm", batch([b"x"])) == STORAGE
        assert produce(c, "big", batch([b"x" * 100000], pid, acked + 1)) == STORAGE  # 45 would mean a new sequence
        assert OUT_OF_ORDER not in refused

        def the_rest_goes_on(n):
            assert read_all(c, "big")[0] == list(range(acked))
            a = c.call("offset_commit", 2, group_id="g", member_id="", topics=[{"name": "big", "partitions": [
                {"partition_index": 0, "committed_offset": n, "committed_metadata": ""}]}])
            return (a["topics"][0]["partitions"][0]["error_code"] == 0 and
                    b.ctl("chmod", f"06{n}0", "/main/topics/big", check=False).returncode == 0)

        assert the_rest_goes_on(4)
        disk.leave(0)  # others took the last byte
        eventually(lambda: the_rest_goes_on(6))
        b.ctl("topic", "delete", "doomed")
        a = c.call("delete_records", 1, timeout_ms=10000, topics=[
            {"name": "big", "partitions": [{"partition_index": 0, "offset": 1}]}])
        assert a["topics"][0]["partitions"][0]["error_code"] == 0
        assert end_of(c, "big", timestamp=-2) == 1
        assert produce(c, "big", batch([b"x"], pid, acked)) == STORAGE

        # Retention makes room, and writing goes on by itself.
        disk.leave(2 * MIB)
        eventually(lambda: b.ctl("topic", "alter", "big", "-c", "retention.bytes=5000000", check=False).returncode == 0)
        eventually(lambda: produce(c, "big", batch([b"x"], pid, acked)) == 0)
        assert end_of(c, "big") == acked + 1
        assert end_of(c, "big", timestamp=-2) > 1
        disk.foreign().unlink()
        full.undisturbed()
        assert produce(c, "big", batch([b"x" * 1000], pid, acked + 1)) == 0
    full.restart()
    with full.client() as c:
        assert end_of(c, "big") == acked + 2
        a = c.call("offset_fetch", 5, group_id="g", topics=[{"name": "big", "partition_indexes": [0]}])
        assert a["topics"][0]["partitions"][0]["committed_offset"] == 6


def test_a_start_on_a_full_disk_loses_nothing(full):
    with full.client() as c:
        for i in range(20):
            assert produce(c, "calm", batch([b"%d" % i])) == 0
    end = full.n + 20
    for kill in (False, True):
        full.disk.leave(0)
        full.broker.kill() if kill else full.broker.stop()
        full.broker.start(wait=False, env=full.env)
        time.sleep(1)
        if full.broker.process.poll() is not None:  # it may say why and end, but not delete
            assert "no space left" in full.broker.log
            full.disk.foreign().unlink()
            full.broker.start(env=full.env)
        else:
            full.broker.wait_ready()
            full.disk.foreign().unlink()
        with full.client() as c:
            assert read_all(c, "calm")[0] == list(range(end))
            eventually(lambda: produce(c, "calm", batch([b"more"])) == 0)
        end += 1
