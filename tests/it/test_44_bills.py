# SPDX-License-Identifier: Apache-2.0
"""Who pays for a request, and how much: rates, client ids, requests without an answer, work on other threads."""
import random
import time

import hostile
import pytest
from rates import BURST_S, Rates
from test_61_faults import batch, end_of, error_of, produce, produce_request

WINDOW_S = 2


@pytest.fixture(scope="module")
def site():
    s = hostile.Site(f"{hostile.SETTINGS}\nquota.window.num: {WINDOW_S + 1}")
    for user in ("sleeper", "changed", "large", "twins", "silent", "packer", "reader"):
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


def test_rates_hold_on_the_wire():
    """With 1, 10 and 100 connections, invented client ids, and users who share a tenant's; tests/long/quotas is longer."""
    with Rates() as rates:
        scenarios = rates.of_bytes()
        rates.run(scenarios, 5)
        for s in scenarios:
            assert not s.failed, (s.name, s.failed)
            # The burst at the beginning, and at the end one request in debt.
            most, least = s.want * (5 + BURST_S) + s.largest(), s.want * 5
            assert 0.85 * least <= s.sum(5) <= 1.05 * most, (s.name, s.sum(5) / s.want)
            fewest, most_often = s.turns()
            assert most_often <= 4 * fewest + 4, f"{s.name}: some wait {fewest} turns while others had {most_often}"
        for n in (1, 100):
            s = rates.time(f"time-{n}", n)
            used = rates.run([s], 4)
            assert not s.failed and 0.5 <= used / (s.want * (4 + BURST_S)) <= 1.3, (s.name, used)
            fewest, most_often = s.turns()
            assert most_often <= 4 * fewest + 4, s.name


def test_what_many_wait_for_comes_by_their_rate(site):
    """Thirty consumers are asleep at the end; what comes is each one's, but the user's bucket is one."""
    limit(site, [("user", "sleeper")], "consumer_byte_rate", 100_000.0)
    with site.client() as c:
        end = end_of(c, "paid", 3)
        sleepers = [at(site, "sleeper") for _ in range(30)]
        for s in sleepers:
            s.send("fetch", 12, dict(replica_id=-1, max_wait_ms=2000, min_bytes=1, max_bytes=1 << 20, topics=[
                {"topic": "paid", "partitions": [{"partition": 3, "fetch_offset": end, "partition_max_bytes": 1 << 20}]}]))
        begin = time.monotonic()
        assert produce(c, "paid", batch([bytes(50_000)]), partition=3) == 0
    got = empty = 0
    for s in sleepers:
        answer = s.answer("fetch", 12)[1]
        records = sum(len(p["records"]) for t in answer["responses"] for p in t["partitions"])
        got += records
        empty += not records
        assert records or (answer["throttle_time_ms"] > 0 and not answer["responses"] and not answer["error_code"])
        s.close()
    taken = time.monotonic() - begin
    assert 100_000 <= got <= 100_000 * (taken + BURST_S) + 51_000, (got, taken)
    assert empty and taken < 10, (empty, taken)


def told_at_once(client, request):
    begin = time.monotonic()
    answer = client.call("produce", 9, **request)
    assert error_of(answer) == 0
    return answer["throttle_time_ms"], time.monotonic() - begin


def test_one_window_bounds_a_delay(site):
    """What is larger than a burst goes through in debt; the delay is told at once and then kept, and is never longer."""
    limit(site, [("user", "large")], "producer_byte_rate", 1000.0)
    request = produce_request("paid", batch([bytes(200_000)]))
    with at(site, "large") as c:
        for _ in range(2):
            told, took = told_at_once(c, request)
            assert WINDOW_S * 1000 - 500 < told <= WINDOW_S * 1000 and took < 1, (told, took)
            begin = time.monotonic()
            assert c.call("metadata", 9, topics=[])["throttle_time_ms"] == 0
            assert WINDOW_S - 0.1 < time.monotonic() - begin < WINDOW_S + 2


def test_a_limit_changes_under_open_connections(site):
    request = produce_request("paid", batch([bytes(20_000)]))
    with at(site, "changed") as one, at(site, "changed") as two:
        assert told_at_once(one, request)[0] == told_at_once(two, request)[0] == 0
        limit(site, [("user", "changed")], "producer_byte_rate", 20_000.0)
        assert 400 <= told_at_once(one, request)[0] <= 600  # a second's worth, less the burst
        limit(site, [("user", "changed")], "producer_byte_rate", 20e6)
        assert told_at_once(two, request)[0] < 600
        # It goes when the debt has become the burst again, and adds a millisecond to it: by the old rate a second.
        assert told_at_once(two, request)[0] <= 20
        limit(site, [("user", "changed")], "producer_byte_rate", None)
        assert told_at_once(one, request)[0] == 0


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


def test_a_connection_for_each_fetch_gains_nothing(site):
    """Each is nearly as large as the burst, and its connection is gone as soon as the answer is there, or before."""
    rate = 200_000
    request = dict(replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=1 << 20, topics=[
        {"topic": "paid", "partitions": [{"partition": 5, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]}])
    with site.client() as c:
        assert produce(c, "paid", batch([bytes(90_000)]), partition=5) == 0
    limit(site, [("user", "reader")], "consumer_byte_rate", float(rate))
    got, n, begin = 0, 0, time.monotonic()
    while time.monotonic() - begin < 5:
        with at(site, "reader") as c:
            c.send("fetch", 12, request)
            if n % 3 < 2:
                got += len(c.read_frame())
            n += 1
    taken = time.monotonic() - begin
    assert 200_000 <= got <= 1.05 * rate * (taken + BURST_S) + 91_000, (got, taken, n)


def test_an_address_connects_at_its_rate(site):
    """However the address is written; the first window's worth at once. Who is there stays."""
    limit(site, [("ip", "::ffff:127.0.0.1")], "connection_creation_rate", 4.0)
    with site.client() as c:
        told = c.call("describe_client_quotas", 1, strict=True, components=[
            {"entity_type": "ip", "match_type": 0, "match": "::ffff:127.0.0.1"}])
        assert [e["entity_name"] for x in told["entries"] for e in x["entity"]] == ["127.0.0.1"]
        begin, served = time.monotonic(), 0
        while (taken := time.monotonic() - begin) < 3:
            with site.tcp(1) as s:
                try:
                    s.sendall(hostile.client_hello(site))
                    served += bool(s.recv(1))
                except OSError:
                    pass
        assert 4 * taken <= served <= 4 * (taken + WINDOW_S) + 1, (served, taken)
        assert "refused a connection from 127.0.0.1: connection_creation_rate is reached" in site.broker.log
        told = c.call("alter_client_quotas", 1, entries=[{"entity": [{"entity_type": "ip", "entity_name": "127.0.0.1"}], "ops": [
            {"key": "connection_creation_rate", "value": 0.0, "remove": True}]}])
        assert told["entries"][0]["error_code"] == 0
    for _ in range(20):
        site.client().close()
