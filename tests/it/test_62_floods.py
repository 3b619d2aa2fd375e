# SPDX-License-Identifier: Apache-2.0
"""Floods of what is legal: the broker works for those who make them as much as their quota gives, and for others as ever.

One tenant has a twentieth of a core by its quota and memory is bounded. It asks, on several connections and without end, for what is dearest;
the bystander of another tenant goes on meanwhile. What a single such request costs is in test_64_greed.py, who holds
memory in test_69_memory.py, rates to the percent in test_44_bills.py and tests/long/quotas."""
import contextlib
import ctypes
import os
import resource
import socket
import statistics
import struct
import threading
import time

import pytest
from hostile import API_VERSIONS, closed, eventually, frame, header
from kafka.record.default_records import DefaultRecordBatchBuilder
from test_21_batches import batch_of
from test_61_faults import batch, error_of, produce_request
from test_64_greed import Peak
from test_69_memory import LARGEST, MIB, TINA, fetch_all, noise, noisy_site, taken, within_bound

SHARE = 0.05            # of a core, by the quota
SHARE_MAX = 0.15        # more than this nobody takes by it; without the quota a flood takes what there is
BEGIN_S, FLOOD_S = 3, 6
GZIP, ZSTD = 1, 4
HEAD = 61              # bytes of a batch before its records


@pytest.fixture(scope="module")
def site():
    s = noisy_site()
    limit(s, SHARE)
    yield s
    s.remove()


def limit(site, share):
    site.broker.ctl("quota", "set", "/acme", f"request_percentage={100 * share:.0f}", "producer_byte_rate=50000000")


class Flood:
    """The same frames again and again on some connections, so many under way on each, whose answers are as long as the first one's;
    done: answers."""

    def __init__(self, site, raw, connections, at_once):
        self.site, self.raw, self.connections, self.at_once = site, frame(raw) * at_once, connections, at_once
        self.over, self.done, self.failed = threading.Event(), 0, []

    def ask(self, c):
        size = 0
        try:
            while not self.over.is_set():
                c.sock.sendall(self.raw)
                size, first = (size, 0) if size else (4 + len(c.read_frame()), 1)
                left = size * (self.at_once - first)
                while left > 0:
                    got = len(c.sock.recv(min(left, MIB)))
                    assert got > 0, "the broker closed the connection"
                    left -= got
                self.done += self.at_once
        except Exception as e:  # pylint: disable=broad-except
            if not self.over.is_set():
                self.failed.append(e)

    @contextlib.contextmanager
    def running(self):
        with noise(self.site, self.connections) as clients:
            threads = [threading.Thread(target=self.ask, args=(c,)) for c in clients]
            for t in threads:
                t.start()
            try:
                yield
            finally:
                self.over.set()
                for c in clients:
                    c.sock.shutdown(socket.SHUT_RDWR)  # it may have to wait for long
                for t in threads:
                    t.join()
        assert self.failed == []


class Share:
    """Of a core, what the broker uses within a block."""

    def __init__(self, site):
        self.site = site

    def used(self):
        with open(f"/proc/{self.site.broker.process.pid}/stat", encoding="ascii") as f:
            words = f.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        self.before, self.begin = self.used(), time.monotonic()
        return self

    def __exit__(self, *_):
        self.share = (self.used() - self.before) / (time.monotonic() - self.begin)


def endure(site, name, version, value, connections=4, at_once=1):
    """value: of the request, or its bytes. No time is measured but that which the broker has worked."""
    raw = value if isinstance(value, bytes) else site.schema[name].encode_request(version, value, 7)
    flood = Flood(site, raw, connections, at_once)
    with site.meanwhile(), Share(site) as calm:
        time.sleep(FLOOD_S / 2)
    slow = 10 * statistics.median(site.trips) + 1
    with Peak(site) as held, site.meanwhile(), flood.running():
        time.sleep(BEGIN_S)  # what may come at once
        with Share(site) as loud:
            time.sleep(FLOOD_S)
    share = loud.share - calm.share
    assert flood.done > 0
    assert share < SHARE_MAX, f"{share:.2f} of a core more than {calm.share:.2f}; {flood.done} answers"
    assert statistics.median(site.trips) < slow
    within_bound(held)
    site.undisturbed()


def ask(site, name, version, **value):
    with noise(site, 1) as (c,):
        return c.call(name, version, **value)


def codes_of_produce(answer):
    return {p["error_code"] for t in answer["responses"] for p in t["partition_responses"]}


def test_the_largest_requests(site):
    endure(site, "produce", 9, produce_request("much", batch([bytes(LARGEST - 4096)])))
    with noise(site, 1) as (c,):
        c.sock.sendall(struct.pack(">i", LARGEST) + bytes(100))
        assert closed(c.sock)
    eventually(lambda: "no request, or too large a one" in site.broker.log)


def test_the_smallest_requests(site):
    endure(site, "api_versions", 0, header(API_VERSIONS, 0, client_id=None), at_once=100)


def test_ten_thousand_topics_in_a_metadata_request(site):
    made = [{"name": f"one-of-many-{i}", "num_partitions": 1, "replication_factor": 1} for i in range(1000)]
    told = ask(site, "create_topics", 7, topics=made, timeout_ms=60000)["topics"]
    assert {t["error_code"] for t in told} == {0}
    value = {"topics": [{"name": f"one-of-many-{i}"} for i in range(10000)], "allow_auto_topic_creation": False}
    told = ask(site, "metadata", 9, **value)["topics"]
    assert [t["error_code"] for t in told].count(0) == 1000 and [t["error_code"] for t in told].count(3) == 9000
    endure(site, "metadata", 9, value)


def test_a_hundred_thousand_partitions_in_a_fetch(site):
    """The thousand of one topic a hundred times."""
    asked = [{"partition": i, "fetch_offset": 0, "partition_max_bytes": MIB} for i in range(1000)]
    value = {**fetch_all(), "min_bytes": 0, "topics": [{"topic": "wide", "partitions": asked}] * 100}
    told = ask(site, "fetch", 11, **value)["responses"]
    assert sum(len(t["partitions"]) for t in told) == 100_000
    assert {p["error_code"] for t in told for p in t["partitions"]} == {0}
    endure(site, "fetch", 11, value)


def many_headers():
    b = DefaultRecordBatchBuilder(magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
                                  base_sequence=-1, batch_size=MIB)
    b.append(0, timestamp=1, key=None, value=b"v", headers=[(f"h{i}", b"of no use") for i in range(100)])
    return bytes(b.build())


def by_zstd(records):
    """The batch again, packed as well as zstd can: to a thirty-thousandth."""
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compress.restype = ctypes.c_size_t
    lib.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out, raw = ctypes.create_string_buffer(MIB), records[HEAD:]
    n = lib.ZSTD_compress(out, MIB, raw, len(raw), 19)
    return batch_of(out.raw[:n], ZSTD)


@pytest.mark.parametrize("what, partitions, records", [
    ("headers", 1000, many_headers()), ("gzip", 20, batch([bytes(900_000)], compression=GZIP)),
    ("zstd", 20, by_zstd(batch([bytes(900_000)])))], ids=lambda x: x if isinstance(x, str) else "")
def test_batches_of_much_work(site, what, partitions, records):
    """One record with a hundred headers for each partition; a megabyte of zeros that takes a kilobyte."""
    assert len(records) < 2000, what
    value = produce_request("wide", records)
    value["topic_data"][0]["partition_data"] = [{"index": i, "records": records} for i in range(partitions)]
    assert codes_of_produce(ask(site, "produce", 9, **value)) == {0}
    endure(site, "produce", 9, value)


def test_a_thousand_slow_readers(site):
    """Each asks for all there is and takes nothing; in the end one of them does. No quota holds them back."""
    limit(site, 10)
    many = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * many)), hard))
    with noise(site, 1) as (c,):
        for _ in range(20):
            assert error_of(c.call("produce", 9, **produce_request("much", batch([bytes(250_000)] * 4)))) == 0
        offset = int(c.call("list_offsets", 5, replica_id=-1, isolation_level=0, topics=[
            {"name": "much", "partitions": [{"partition_index": 0, "timestamp": -1}]}])["topics"][0]["partitions"][0]["offset"]) - 80
    with Peak(site) as held, site.meanwhile(), noise(site, many, TINA) as clients:
        for c in clients:
            c.send("fetch", 11, fetch_all(offset))
        time.sleep(2)
        site.undisturbed()
        assert taken(clients[0], offset) > offset
    limit(site, SHARE)
    within_bound(held)
    site.undisturbed()
