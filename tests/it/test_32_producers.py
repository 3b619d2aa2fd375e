# SPDX-License-Identifier: Apache-2.0
"""Idempotent producers, by their own words: what is sent again is answered with its first offset, also after a restart."""
import hostile
import pytest
from hostile import eventually
from test_61_faults import batch, end_of, produce_request

OUT_OF_ORDER, OLD_DUPLICATE = 45, 46


@pytest.fixture
def site():
    s = hostile.Site(hostile.SETTINGS + "\nlog.retention.check.interval.ms: 200")
    yield s
    s.remove()


def send(client, topic, pid, sequence, n=3):
    """(error, base offset)"""
    records = batch([b"x"] * n, pid, sequence)
    p = client.call("produce", 9, **produce_request(topic, records))["responses"][0]["partition_responses"][0]
    return p["error_code"], p["base_offset"]


def new_id(client):
    return client.call("init_producer_id", 2, transaction_timeout_ms=1000)["producer_id"]


def test_five_batches_are_known(site):
    with site.client() as c:
        pid = new_id(c)
        site.broker.ctl("topic", "create", "five")
        for i in range(7):
            assert send(c, "five", pid, 3 * i) == (0, 3 * i)
        for i in (2, 6, 3, 4, 5):
            assert send(c, "five", pid, 3 * i) == (0, 3 * i)
        assert send(c, "five", pid, 3)[0] == OLD_DUPLICATE
        assert send(c, "five", pid, 24)[0] == OUT_OF_ORDER
        assert send(c, "five", pid, 18, n=2)[0] == OUT_OF_ORDER
        assert send(c, "five", pid, 21) == (0, 21)
        assert end_of(c, "five") == 24


@pytest.mark.parametrize("how", ["stop", "kill", "checkpoint"])
def test_they_are_known_after_a_restart(site, how):
    """However the broker ended: right after its checkpoint, too, when none of them is read again."""
    b = site.broker
    with site.client() as c:
        pid = new_id(c)
        b.ctl("topic", "create", "again")
        for i in range(7):
            assert send(c, "again", pid, 3 * i) == (0, 3 * i)
    if how == "checkpoint":
        b.restart()
        b.kill()
    else:
        b.stop() if how == "stop" else b.kill()
    b.start(env=site.env)
    with site.client() as c:
        for i in range(2, 7):
            assert send(c, "again", pid, 3 * i) == (0, 3 * i)
        assert send(c, "again", pid, 24)[0] == OUT_OF_ORDER
        assert send(c, "again", pid, 21) == (0, 21)
        assert end_of(c, "again") == 24
        assert new_id(c) > pid


def test_more_ids_than_memory(site):
    """A million ids of one client do not cost more memory than a sixteenth of what the broker may have; others' producers
    stay known."""
    b = site.broker
    b.configure("memory.max: 67108864")
    site.restart()
    most = 67108864 // 16 // 384
    b.ctl("topic", "create", "many", "-p", "100", "-c", "flush=os")
    b.ctl("topic", "create", "honest")
    with site.client() as c:
        pid = new_id(c)
        assert send(c, "honest", pid, 0) == (0, 0)
        for turn in range(3 * most // 100):
            parts = [{"index": i, "records": batch([b"x"], 10**9 + 100 * turn + i, 0)} for i in range(100)]
            a = c.call("produce", 9, transactional_id=None, acks=1, timeout_ms=30000,
                       topic_data=[{"name": "many", "partition_data": parts}])
            assert {p["error_code"] for p in a["responses"][0]["partition_responses"]} == {0}
        assert send(c, "honest", pid, 0) == (0, 0)
        assert send(c, "honest", pid, 6)[0] == OUT_OF_ORDER
    b.stop()
    sizes = [(f.stat().st_size - 10) // 46 for f in (b.dir / "data").glob("many-*/*.snapshot")]
    assert len(sizes) == 100 and most // 2 < sum(sizes) <= most, sum(sizes)
    b.start(env=site.env)


def test_they_are_forgotten(site):
    """When their last record is older than producer.id.expiration.ms, and they have been silent for as long."""
    site.broker.configure("producer.id.expiration.ms: 1500")
    site.restart()
    site.broker.ctl("topic", "create", "late")
    with site.client() as c:
        pid = new_id(c)
        assert send(c, "late", pid, 0) == (0, 0)
        assert send(c, "late", pid, 0) == (0, 0)
        eventually(lambda: send(c, "late", pid, 9) == (0, 3))  # any sequence may begin
        assert send(c, "late", pid, 9) == (0, 3)
