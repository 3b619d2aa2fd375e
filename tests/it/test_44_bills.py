# SPDX-License-Identifier: Apache-2.0
"""Who pays for a request, and how much: rates, client ids, requests without an answer, work on other threads."""
import random
import threading
import time

import hostile
import pytest
from test_61_faults import batch, error_of, fetch, produce, produce_request

RATE, BURST_S = 300_000, 0.5


@pytest.fixture(scope="module")
def site():
    s = hostile.Site(hostile.SETTINGS)
    for user in ("writer", "reader", "twins", "silent", "packer"):
        s.broker.user(user)
    for topic in ("paid", "packed"):
        s.broker.ctl("topic", "create", topic, "-p", "24", "-c", "flush=os")
        s.broker.ctl("chmod", "0766", f"/main/topics/{topic}")
    yield s
    s.remove()


def at(site, user):
    c = site.tls()
    login = site.broker.conf(user)
    assert c.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
    return c


def limit(site, entity, key, value):
    with site.client() as c:
        told = c.call("alter_client_quotas", 1, entries=[{
            "entity": [{"entity_type": t, "entity_name": n} for t, n in entity],
            "ops": [{"key": key, "value": value or 0.0, "remove": value is None}]}])
    assert told["entries"][0]["error_code"] == 0, told


def test_rates_hold_on_the_wire(site):
    """Three connections each write and read at what their user may, all together; a debt is paid before the next."""
    part = batch([bytes(20000)])
    with site.client() as c:
        for _ in range(40):
            assert error_of(c.call("produce", 9, **produce_request("paid", batch([bytes(20000)] * 5), 1))) == 0
    limit(site, [("user", "writer")], "producer_byte_rate", float(RATE))
    limit(site, [("user", "reader")], "consumer_byte_rate", float(RATE))
    done = {"writer": [], "reader": []}
    clients = [(u, at(site, u)) for u in done for _ in range(3)]
    begin = time.monotonic()
    end = begin + 6

    def work(user, client):
        offset = 0
        while time.monotonic() < end:
            if user == "writer":
                assert produce(client, "paid", part) == 0
                n = len(part)
            else:
                err, records = fetch(client, "paid", offset % 200, 1)
                assert err == 0 and records
                n = len(records)
                offset += 7
            done[user].append((time.monotonic(), n))
    threads = [threading.Thread(target=work, args=c) for c in clients]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for _, c in clients:
        c.close()
    for user, what in done.items():
        # Each may have one request in debt at the end, and the first ones shared the burst.
        taken = max(t for t, _ in what) - begin
        largest = max(n for _, n in what)
        assert sum(n for _, n in what) <= RATE * (taken + BURST_S) * 1.1 + 3 * largest, (user, taken)
        assert sum(n for _, n in what) >= RATE * taken * 0.6, (user, taken)


def test_a_request_is_paid_by_its_own_client_id(site):
    """Requests of two ids follow each other on one connection; the first waits for the disk while the second comes."""
    site.broker.ctl("topic", "create", "synced")
    site.broker.ctl("chmod", "0766", "/main/topics/synced")
    limit(site, [("user", "twins"), ("client-id", "slow")], "producer_byte_rate", 2000.0)
    request = produce_request("synced", batch([bytes(4000)]))
    with at(site, "twins") as c:
        for name in ("slow", "fast", "slow", "fast"):
            c.client_id = name
            c.send("produce", 9, request)
        told = [c.answer("produce", 9)[1] for _ in range(4)]
    assert [error_of(t) for t in told] == [0] * 4
    assert [t["throttle_time_ms"] > 0 for t in told] == [True, False, True, False], told


def test_who_wants_no_answer_pays_too(site):
    limit(site, [("user", "silent")], "producer_byte_rate", 10000.0)
    with at(site, "silent") as c:
        c.call("metadata", 9, topics=[])
        begin = time.monotonic()
        c.send("produce", 9, {**produce_request("paid", batch([bytes(20000)]), 2), "acks": 0})
        c.correlation -= 1  # it has no answer
        c.send("metadata", 9, {"topics": []})
        assert c.answer("metadata", 9) is not None
        assert time.monotonic() - begin > 1  # two seconds' worth, less the burst


def test_work_on_other_threads_is_paid(site):
    """A topic that wants gzip has it made by a worker; that counts in the time of who sent the records."""
    site.broker.ctl("topic", "alter", "packed", "-c", "compression.type=gzip")
    records = batch([random.Random(1).randbytes(200000)])
    told = {}
    for topic in ("paid", "packed"):
        limit(site, [("user", "packer")], "request_percentage", 1.0)
        with at(site, "packer") as c:
            answer = c.call("produce", 9, acks=-1, timeout_ms=30000, topic_data=[{"name": topic, "partition_data": [
                {"index": i, "records": records} for i in range(4)]}])
            assert {p["error_code"] for p in answer["responses"][0]["partition_responses"]} == {0}
            told[topic] = answer["throttle_time_ms"]
        limit(site, [("user", "packer")], "request_percentage", None)
    assert told["packed"] > 300, told
