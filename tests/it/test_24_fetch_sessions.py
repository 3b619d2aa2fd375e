# SPDX-License-Identifier: Apache-2.0
"""Fetch sessions (KIP-227): what a client tells once and hears once. What is asked here by Reader was asked Apache Kafka
4.3.1 as well, with the same answers, where nothing else is said."""
import threading
import time
import uuid

import pytest
from matrix_asks import batch

BY_NAME, BY_ID = 12, 18


@pytest.fixture
def admin(shared):
    with shared.speak() as c:
        yield c


def make(admin, partitions=4):
    """A new topic's name and id."""
    name = f"s-{uuid.uuid4().hex[:8]}"
    t = admin.call("create_topics", 7, topics=[{"name": name, "num_partitions": partitions, "replication_factor": 1}],
                   timeout_ms=10000)["topics"][0]
    assert t["error_code"] == 0
    return name, t["topic_id"]


def produce(admin, topic, partition):
    a = admin.call("produce", 9, transactional_id=None, acks=-1, timeout_ms=30000, topic_data=[
        {"name": topic, "partition_data": [{"index": partition, "records": batch()}]}])
    assert a["responses"][0]["partition_responses"][0]["error_code"] == 0


class Reader:
    """A client's side of a session."""

    def __init__(self, client, topic, version=BY_NAME):
        self.client, (self.name, self.id), self.version = client, topic, version
        self.session, self.epoch = 0, 0

    def topic(self, **more):
        return {"topic": self.name, "topic_id": self.id, **more}

    def send(self, asked=(), forgotten=(), session=None, epoch=None, wait=0, least=1, most=1 << 20, version=None):
        """asked: partition -> offset."""
        partitions = [{"partition": p, "fetch_offset": o, "partition_max_bytes": 1 << 20} for p, o in dict(asked).items()]
        self.client.send("fetch", version or self.version, dict(
            replica_id=-1, max_wait_ms=wait, min_bytes=least, max_bytes=most, rack_id="",
            session_id=self.session if session is None else session, session_epoch=self.epoch if epoch is None else epoch,
            topics=[self.topic(partitions=partitions)] if partitions else [],
            forgotten_topics_data=[self.topic(partitions=list(forgotten))] if forgotten else []))

    def answer(self, version=None):
        """(error, partition -> (error, bytes are there, high watermark)), in the order of the answer."""
        a = self.client.answer("fetch", version or self.version)[1]
        self.session = a["session_id"]
        if a["error_code"] == 0:
            self.epoch += 1
        parts = [p for t in a["responses"] for p in t["partitions"]]
        return a["error_code"], {p["partition_index"]: (p["error_code"], len(p["records"] or b"") > 0,
                                                        -1 if p["error_code"] else p["high_watermark"]) for p in parts}

    def fetch(self, asked=(), forgotten=(), **more):
        self.send(asked, forgotten, **more)
        return self.answer(more.get("version"))


QUIET, FULL = (0, False, 0), (0, True, 1)


@pytest.mark.parametrize("version", [7, 11, BY_NAME, BY_ID])
def test_only_what_is_new_is_told(admin, shared, version):
    topic = make(admin)
    with shared.speak() as client:
        r = Reader(client, topic, version)
        assert r.fetch({0: 0, 1: 0, 2: 0}) == (0, {0: QUIET, 1: QUIET, 2: QUIET})
        first = r.session
        assert first > 0
        assert r.fetch() == (0, {})
        produce(admin, topic[0], 1)
        assert r.fetch() == (0, {1: FULL})
        assert r.fetch() == (0, {1: FULL})  # from where it stood
        assert r.fetch({1: 1}) == (0, {})  # the high watermark was told
        produce(admin, topic[0], 3)
        assert r.fetch() == (0, {})
        assert r.fetch({3: 0}) == (0, {3: FULL})  # a new one
        assert r.fetch({3: 1}, forgotten=[0, 1]) == (0, {})
        produce(admin, topic[0], 0)
        assert r.fetch() == (0, {})  # forgotten
        assert r.fetch({0: 1}) == (0, {0: (0, False, 1)})  # again a new one
        assert r.session == first and r.epoch == 10


def test_a_session_waits_for_any_of_its_partitions(admin, shared):
    topic = make(admin)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 0, 1: 0, 2: 0, 3: 0})[0] == 0
        for p in (2, 0, 3):
            r.send(wait=30000)
            later = threading.Timer(0.3, produce, (admin, topic[0], p))
            began = time.monotonic()
            later.start()
            assert r.answer() == (0, {p: FULL})
            later.join()
            assert time.monotonic() - began < 20
            assert r.fetch({p: 1}) == (0, {})
        began = time.monotonic()
        assert r.fetch(wait=400) == (0, {})
        assert time.monotonic() - began >= 0.39


def test_a_session_waits_for_enough(admin, shared):
    topic = make(admin)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 0, 1: 0})[0] == 0
        size = len(batch())
        r.send(wait=30000, least=2 * size)
        produce(admin, topic[0], 0)
        time.sleep(0.3)
        produce(admin, topic[0], 1)
        assert r.answer() == (0, {0: FULL, 1: FULL})


def test_who_was_not_served_comes_first(admin, shared):
    """From the first answer on; Kafka begins to take turns with the second."""
    topic = make(admin)
    for p in range(4):
        produce(admin, topic[0], p)
    with shared.speak() as client:
        r = Reader(client, topic)
        told = [[p for p, (_, there, _) in r.fetch({p: 0 for p in range(4)}, most=1)[1].items() if there]]
        told += [[p for p, (_, there, _) in r.fetch(most=1)[1].items() if there] for _ in range(5)]
        assert told == [[0], [1], [2], [3], [0], [1]]


def test_what_is_no_session(admin, shared):
    topic = make(admin)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 0}, session=4711, epoch=1) == (70, {})
        assert r.session == 0
        r.epoch = 0
        assert r.fetch({0: 0})[0] == 0
        own = r.session
        assert r.fetch(epoch=2) == (71, {}) and r.session == 0
        assert r.fetch(session=own, epoch=1, version=BY_ID) == (106, {})
        assert r.fetch(session=own, epoch=1) == (0, {}) and r.session == own  # nothing was spent by what failed
        assert r.fetch(session=own, epoch=1) == (71, {})
        # Ended: a whole answer, without a session.
        assert r.fetch({0: 0}, session=own, epoch=-1) == (0, {0: QUIET}) and r.session == 0
        assert r.fetch(session=own, epoch=2) == (70, {})
        # Begun anew in place of the other.
        assert r.fetch({0: 0}, session=0, epoch=0) == (0, {0: QUIET})
        one = r.session
        assert r.fetch({0: 0, 1: 0}, session=one, epoch=0) == (0, {0: QUIET, 1: QUIET})
        two = r.session
        assert two not in (0, one)
        assert r.fetch(session=one, epoch=1) == (70, {})
        # All forgotten: no session any more.
        assert r.fetch(forgotten=[0, 1], session=two, epoch=1) == (0, {}) and r.session == 0
        assert r.fetch(session=two, epoch=2) == (70, {})


def test_errors_are_told_each_time(admin, shared):
    topic = make(admin, 1)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 7, 5: 0}) == (0, {0: (1, False, -1), 5: (3, False, -1)})
        assert r.fetch() == (0, {0: (1, False, -1), 5: (3, False, -1)})
        assert r.fetch({0: 0}, forgotten=[5]) == (0, {0: QUIET})
        assert r.fetch() == (0, {})


def test_a_session_ends_with_its_connection(admin, shared):
    """Ours alone: Kafka keeps it for other connections of the same user."""
    topic = make(admin)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 0})[0] == 0
        with shared.speak() as other:
            stranger = Reader(other, topic)
            assert stranger.fetch(session=r.session, epoch=1) == (70, {})
        assert r.fetch() == (0, {})


def test_what_happens_meanwhile_is_told(admin, shared):
    """A topic that goes, and rights that go, of partitions that the session only waits for."""
    doomed, kept = make(admin), make(admin)
    shared.user("watcher")
    shared.ctl("setfacl", "-m", "user:watcher:r", f"/main/topics/{doomed[0]}", f"/main/topics/{kept[0]}")
    with shared.speak("watcher") as client:
        r, other = Reader(client, doomed), Reader(client, kept)
        assert r.fetch({0: 0, 1: 0}) == (0, {0: QUIET, 1: QUIET})
        r.send(wait=30000)
        time.sleep(0.2)
        shared.ctl("topic", "delete", doomed[0])
        error, parts = r.answer()
        assert error == 0 and parts and {p[0] for p in parts.values()} <= {3, 29}
        assert other.fetch({0: 0, 1: 0}) == (0, {0: QUIET, 1: QUIET})
        shared.ctl("setfacl", "-b", f"/main/topics/{kept[0]}")
        assert other.fetch() == (0, {0: (29, False, -1), 1: (29, False, -1)})
        produce(admin, kept[0], 0)
        assert other.fetch() == (0, {0: (29, False, -1), 1: (29, False, -1)})
        shared.ctl("setfacl", "-m", "user:watcher:r", f"/main/topics/{kept[0]}")
        assert other.fetch() == (0, {0: FULL, 1: QUIET})
    # By id, a topic that was made again is another.
    doomed = make(admin, 1)
    with shared.speak() as client:
        r = Reader(client, doomed, BY_ID)
        assert r.fetch({0: 0}) == (0, {0: QUIET})
        shared.ctl("topic", "delete", doomed[0])
        shared.ctl("topic", "create", doomed[0])
        assert r.fetch() == (0, {0: (100, False, -1)})


def test_records_that_are_deleted_under_a_session(admin, shared):
    topic = make(admin, 1)
    with shared.speak() as client:
        r = Reader(client, topic)
        assert r.fetch({0: 0}) == (0, {0: QUIET})
        for _ in range(3):
            produce(admin, topic[0], 0)
        admin.call("delete_records", 2, timeout_ms=10000, topics=[
            {"name": topic[0], "partitions": [{"partition_index": 0, "offset": 2}]}])
        assert r.fetch() == (0, {0: (1, False, -1)})
        assert r.fetch({0: 2}) == (0, {0: (0, True, 3)})


def test_sessions_have_room_for_so_many(broker):
    """A sixty-fourth of memory.max for all and a quarter of that for one; who finds no room is served without a session."""
    broker.stop()
    broker.yaml.write_text(broker.yaml.read_text() + "memory.max: 268435456\n")
    broker.start()

    def begin(client, n):
        """A session of partitions that are not there; its number."""
        client.send("fetch", BY_NAME, dict(
            replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000, rack_id="", session_id=0, session_epoch=0,
            topics=[{"topic": "none", "partitions": [
                {"partition": p, "fetch_offset": 0, "partition_max_bytes": 1} for p in range(n)]}]))
        a = client.answer("fetch", BY_NAME)[1]
        assert a["error_code"] == 0 and [len(t["partitions"]) for t in a["responses"]] == [n]
        return a["session_id"]

    with broker.speak() as one, broker.speak() as two, broker.speak() as three, broker.speak() as four, broker.speak() as five:
        few, many = 1000, 256 * 2**20 // 64 // 4 // 200
        assert begin(one, many) == 0
        while many - few > 1:
            n = (few + many) // 2
            few, many = (n, many) if begin(one, n) > 0 else (few, n)
        assert few * 500 > 2**20  # not far more than it is
        own = begin(one, few)
        assert own > 0
        # One more in a session that is full: it is over, and the client begins anew.
        r = Reader(one, ("none", None))
        assert r.fetch({few: 0}, session=own, epoch=1) == (70, {})
        assert r.fetch(session=own, epoch=2) == (70, {})
        for client in (one, two, three, four):
            assert begin(client, few) > 0
        assert begin(five, 4) == 0  # what a quarter has left is less than one
        four.close()
        for _ in range(500):
            if begin(five, 4) > 0:
                break
            time.sleep(0.01)
        else:
            raise AssertionError("the room of a connection that is gone is not given back")
