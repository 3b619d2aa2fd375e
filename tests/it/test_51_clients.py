# SPDX-License-Identifier: Apache-2.0
"""kcat, librdkafka in Python and kafka-python as people use them: codecs both ways, groups whose members
come and go, old protocol versions, and a broker that restarts in the middle. All over TLS and SCRAM."""
import collections
import signal
import subprocess
import time

import confluent_kafka
import kafka
import pytest
from load import Load

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
VALUES = [f"{i} " + "value " * 20 for i in range(500)]


def read_all(broker, topic, count):
    """By librdkafka in Python, with each CRC checked by the client."""
    c = confluent_kafka.Consumer({**broker.conf(), "group.id": "reader", "check.crcs": True,
                                  "enable.auto.commit": False})
    c.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    got, end = [], time.monotonic() + 60
    while len(got) < count and time.monotonic() < end:
        m = c.poll(0.5)
        if m is not None and not m.error():
            got.append(m.value().decode())
    c.close()
    return got


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_between_kcat_and_librdkafka(shared, codec):
    ours, theirs = f"kcat-{codec}", f"python-{codec}"
    for topic in (ours, theirs):
        shared.ctl("topic", "create", topic, "-p", "1")
    text = "".join(v + "\n" for v in VALUES)
    shared.kcat("-P", "-t", ours, "-z", codec, stdin=text)
    assert read_all(shared, ours, len(VALUES)) == VALUES
    p = confluent_kafka.Producer({**shared.conf(), "compression.codec": codec, "linger.ms": 20})
    for v in VALUES:
        p.produce(theirs, v)
    assert p.flush(60) == 0
    assert shared.kcat("-C", "-t", theirs, "-e", "-q", "-X", "check.crcs=true").stdout == text


@pytest.mark.parametrize("version", [None, (0, 11, 0), (1, 0, 0), (1, 1, 0), (2, 1, 0), (2, 5, 0)])
def test_kafka_python_of_many_ages(shared, version):
    """Which requests it sends follows from api_version; up to 0.11 also SASL without its own requests."""
    conf = {**shared.python_conf(), **({"api_version": version} if version else {})}
    topic = "aged-" + ("new" if version is None else "".join(map(str, version)))
    shared.ctl("topic", "create", topic, "-p", "1")
    p = kafka.KafkaProducer(**conf, compression_type="gzip", acks="all")
    sent = [p.send(topic, key=b"k", value=v.encode()) for v in VALUES[:50]]
    p.flush(60)
    assert [f.get(60).offset for f in sent] == list(range(50))
    p.close()
    c = kafka.KafkaConsumer(topic, **conf, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False)
    got, end = [], time.monotonic() + 60
    while len(got) < 50 and time.monotonic() < end:
        for records in c.poll(500).values():
            got += [r.value.decode() for r in records]
    assert got == VALUES[:50]
    c.commit()
    where = kafka.TopicPartition(topic, 0)
    assert c.committed(where) == 50
    assert c.end_offsets([where]) == {where: 50}
    c.close()


class Member:
    """kcat as a member of a group, a process of its own; its output is what it was given."""

    def __init__(self, broker, group, topic):
        self.path = broker.tmp / f"member-{time.monotonic_ns()}"
        self.log = broker.tmp / (self.path.name + ".err")
        with open(self.path, "w") as out, open(self.log, "w") as err:
            self.process = subprocess.Popen(
                ["kcat", "-F", broker.dir / "admin.conf", "-u", "-X", "auto.offset.reset=earliest",
                 "-X", "auto.commit.interval.ms=200", "-X", "session.timeout.ms=10000", "-f", "%s\\n",
                 "-G", group, topic], stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def got(self):
        return self.path.read_text().split()

    def leave(self):
        """As by ^C: commits and says good-bye."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0, self.log.read_text()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def until(what, why, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, why()
        time.sleep(0.1)


def test_members_come_and_go_and_nothing_is_left_out(shared):
    """Each record reaches some member, whoever joins or leaves meanwhile; after a good-bye none comes twice."""
    shared.ctl("topic", "create", "flow", "-p", "6")
    p, sent, members = confluent_kafka.Producer(shared.conf()), [], []

    def send(count):
        for _ in range(count):
            sent.append(f"v{len(sent)}")
            p.produce("flow", sent[-1], partition=len(sent) % 6)
        assert p.flush(60) == 0

    def got():
        return set().union(*(m.got() for m in members))

    def arrived():
        until(lambda: got() == set(sent), lambda: f"{len(sent) - len(got())} missing: {sorted(set(sent) - got())[:9]}")
    try:
        for _ in range(3):
            members.append(Member(shared, "flow", "flow"))
            send(120)
            arrived()
        members[0].leave()
        send(120)
        arrived()
        members[1].leave()
        members[2].leave()
        members.append(Member(shared, "flow", "flow"))
        send(120)
        arrived()
        members[3].leave()
        last = collections.Counter(members[3].got())
        assert set(last) == set(sent[-120:]), "what was committed came again"
    finally:
        for m in members:
            m.kill()


def test_restarts_in_the_middle_lose_and_double_nothing(broker):
    """Once as an administrator does it, once as the kernel does it; producers with idempotence never notice."""
    broker.ctl("topic", "create", "through", "-p", "4")
    load = Load(broker, "through", **{"enable.idempotence": True}).start()
    try:
        for end in (broker.stop, broker.kill):
            have = load.count()
            until(lambda: load.count() > have + 200, lambda: broker.log[-2000:])
            end()
            broker.start()
        have = load.count()
        until(lambda: load.count() > have + 200, lambda: broker.log[-2000:])
    finally:
        load.stop()
    sums = load.check()
    assert sums["acknowledged"] > 600
    assert (sums["lost"], sums["twice"], sums["disorder"], sums["undelivered"]) == (0, 0, 0, 0), sums


def test_a_consumer_lives_through_a_restart(broker):
    """A member keeps its place: what was committed before does not come again, what comes after does."""
    broker.ctl("topic", "create", "on", "-p", "1")
    broker.kcat("-P", "-t", "on", stdin="".join(f"a{i}\n" for i in range(100)))
    c = confluent_kafka.Consumer({**broker.conf(), "group.id": "on", "auto.offset.reset": "earliest", "log_level": 0,
                                  "reconnect.backoff.max.ms": 200,
                                  "enable.auto.commit": False, "session.timeout.ms": 20000})
    c.subscribe(["on"])
    got = []

    def arrived(count):
        got.extend(m.value().decode() for m in c.consume(200, 0.2) if not m.error())
        return len(got) >= count
    until(lambda: arrived(100), lambda: str(got))
    c.commit(asynchronous=False)
    broker.restart()
    broker.kcat("-P", "-t", "on", stdin="".join(f"b{i}\n" for i in range(100)))
    until(lambda: arrived(200), lambda: str(got))
    c.commit(asynchronous=False)
    assert c.committed([confluent_kafka.TopicPartition("on", 0)], timeout=30)[0].offset == 200
    c.close()
    assert got == [f"{c}{i}" for c in "ab" for i in range(100)]


def test_kcat_asks_by_time_and_speaks_of_keys_and_headers(shared):
    shared.ctl("topic", "create", "rich", "-p", "1")
    shared.kcat("-P", "-t", "rich", "-K", ":", "-H", "colour=blue", "-H", "empty", stdin="k:v\n")
    out = shared.kcat("-C", "-t", "rich", "-e", "-q", "-f", "%k|%s|%h|%T\\n").stdout.strip()
    key, value, headers, stamp = out.split("|")
    assert (key, value, headers) == ("k", "v", "colour=blue,empty=NULL")
    assert "offset 0" in shared.kcat("-Q", "-t", f"rich:0:{stamp}").stdout
    assert "offset -1" in shared.kcat("-Q", "-t", f"rich:0:{int(stamp) + 1}").stdout
