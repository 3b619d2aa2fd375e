# SPDX-License-Identifier: Apache-2.0
"""A backup of a broker at work, and the broker that is made of it."""
import base64
import hashlib
import json
import os
import pwd
import re
import shutil
import threading
import time

import confluent_kafka as ck
import harness
import pytest
import twin
from confluent_kafka.admin import AdminClient, NewTopic
from harness import SCHLOSSD, Broker, run
from hostile import eventually, preloaded
from test_32_producers import new_id, send
from test_58_tokens import Client
from test_63_full_disk import Disk

PASSWORD = "a pass of many words"
SETTINGS = """\
audit.file: audit.log
log.retention.check.interval.ms: 500
log.segment.delete.delay.ms: 0
group.initial.rebalance.delay.ms: 0
offsets.topic.num.partitions: 4
"""


class Kept(Broker):
    """A broker, and others that are made of its backups: with its configuration and its port, while it is stopped."""

    def backup(self, name="backup", **more):
        return self.ctl("backup", self.tmp / name, **more)

    def restore(self, name="backup", check=True):
        return run(SCHLOSSD, "restore", "-c", self.yaml, self.tmp / name, check=check)

    def forget(self):
        """The data directory goes, as with its disk."""
        shutil.rmtree(self.dir / "data")

    def again(self, name="backup"):
        self.stop()
        self.forget()
        self.restore(name)
        return self.start()

    def pinned(self):
        return list((self.dir / "data").glob(".backup.*"))

    def files(self, topic):
        return list((self.dir / "data").glob(f"{topic}-0/*.log"))


@pytest.fixture
def b():
    broker = Kept(SETTINGS)
    broker.start()
    yield broker
    broker.remove()


def produce(b, topic, values, key=None, conf="admin", **more):
    told = []
    p = ck.Producer({**b.conf(conf), "linger.ms": 0, **more})
    for v in values:
        p.produce(topic, v, key=key and key(v), callback=lambda e, m: told.append((e, m)))
    assert p.flush(30) == 0 and not [e for e, _ in told if e]
    return {m.offset(): m.value() for _, m in told}


def consume(b, topic, n, conf="admin", group="reader", at=0, **more):
    """n records from an offset on, by their offsets."""
    c = ck.Consumer({**b.conf(conf), "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "error", **more})
    c.assign([ck.TopicPartition(topic, 0, at)])
    got = {}
    end = time.monotonic() + 30
    while len(got) < n and time.monotonic() < end:
        m = c.poll(1)
        assert m is None or m.error() is None, m.error()
        if m is not None:
            got[m.offset()] = m.value()
    c.close()
    return got


def test_the_whole_way(b):
    b.ctl("topic", "create", "orders")
    sent = produce(b, "orders", [b"%d" % i for i in range(100)])
    said = b.backup().stdout
    assert "keys of users" in said
    eventually(lambda: b.pinned() == [])
    place = b.tmp / "backup"
    assert place.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in place.rglob("*") if p.is_file()} == {0o600}
    produce(b, "orders", [b"later"])
    b.again()
    assert consume(b, "orders", 100) == sent
    assert produce(b, "orders", [b"next"]) == {100: b"next"}



# ---- at work ----

class Load:
    """Somebody who produces to a topic, one batch after the other, until the end; what was acknowledged, by offsets."""

    def __init__(self, b, topic, **more):
        self.acknowledged, self.wrong, self.on = {}, [], True
        self.producer = ck.Producer({**b.conf(), "linger.ms": 0, "enable.idempotence": True, "message.timeout.ms": 30000, **more})
        self.topic = topic
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def told(self, err, m):
        if err:
            self.wrong.append(err)
        else:
            self.acknowledged[m.offset()] = m.value()

    def run(self):
        i = 0
        while self.on:
            for _ in range(10):
                self.producer.produce(self.topic, b"%d " % i + b"x" * 500, key=b"%d" % (i % 7), callback=self.told)
                i += 1
            self.producer.flush(30)

    def stop(self):
        self.on = False
        self.thread.join(60)
        assert not self.wrong


def commit(b, topic, offset, group="workers", conf="admin"):
    c = ck.Consumer({**b.conf(conf), "group.id": group, "enable.auto.commit": False})
    c.commit(offsets=[ck.TopicPartition(topic, 0, offset)], asynchronous=False)
    c.close()


def committed(b, topic, group="workers", conf="admin"):
    c = ck.Consumer({**b.conf(conf), "group.id": group, "enable.auto.commit": False})
    (p,) = c.committed([ck.TopicPartition(topic, 0)], timeout=30)
    c.close()
    return p.offset


def ends(b, topic):
    c = ck.Consumer({**b.conf(), "group.id": "ends"})
    low, high = c.get_watermark_offsets(ck.TopicPartition(topic, 0), timeout=30)
    c.close()
    return low, high


class Group(threading.Thread):
    """It commits what is the end, again and again: no copy of it may be ahead of the records."""

    def __init__(self, b, topic):
        super().__init__(daemon=True)
        self.b, self.topic, self.on, self.last, self.wrong = b, topic, True, -1, None
        self.start()

    def run(self):
        c = ck.Consumer({**self.b.conf(), "group.id": "workers", "enable.auto.commit": False})
        try:
            while self.on:
                high = c.get_watermark_offsets(ck.TopicPartition(self.topic, 0), timeout=30)[1]
                c.commit(offsets=[ck.TopicPartition(self.topic, 0, high)], asynchronous=False)
                self.last = high
        except ck.KafkaException as e:
            self.wrong = e
        c.close()

    def stop(self):
        self.on = False
        self.join(60)
        assert self.wrong is None


def churn(b, on):
    """Topics come and go."""
    admin = AdminClient(b.conf())
    i = 0
    while on():
        (f,) = admin.create_topics([NewTopic(f"brief-{i}", 2)]).values()
        f.result(30)
        (f,) = admin.delete_topics([f"brief-{i}"]).values()
        f.result(30)
        i += 1


def test_under_load(b):
    b.ctl("topic", "create", "orders", "-c", "segment.bytes=100000")
    b.ctl("topic", "create", "brief", "-c", "segment.bytes=50000", "-c", "retention.bytes=100000")
    b.ctl("topic", "create", "table", "-c", "segment.bytes=50000", "-c", "cleanup.policy=compact", "-c",
          "min.cleanable.dirty.ratio=0.01")
    b.ctl("topic", "create", "quick", "-c", "flush=os")
    loads = {t: Load(b, t) for t in ("orders", "brief", "table", "quick")}
    group = Group(b, "orders")
    working = [True]
    coming_and_going = threading.Thread(target=churn, args=(b, lambda: working[0]), daemon=True)
    coming_and_going.start()
    try:
        eventually(lambda: all(len(l.acknowledged) > 500 for l in loads.values()) and group.last > 500, 60)
        for i in range(3):
            before = {t: dict(l.acknowledged) for t, l in loads.items()}
            known = group.last
            b.backup(f"backup-{i}")
    finally:
        working[0] = False
        coming_and_going.join(60)
        group.stop()
        for l in loads.values():
            l.stop()
    b.again("backup-2")
    for topic in ("orders", "quick"):
        got = consume(b, topic, ends(b, topic)[1])
        assert {o: v for o, v in got.items() if o in before[topic]} == before[topic], topic
        assert all(loads[topic].acknowledged[o] == v for o, v in got.items()), topic    # and nothing else
    assert known <= committed(b, "orders") <= ends(b, "orders")[1]
    low, high = ends(b, "brief")
    got = consume(b, "brief", high - low, at=low)
    assert sorted(got) == list(range(low, high)) and high > max(before["brief"])
    assert all(loads["brief"].acknowledged[o] == v for o, v in got.items())
    low, high = ends(b, "table")
    last = {v: o for o, v in before["table"].items() if o > max(before["table"]) - 7}
    got = read_table(b, high)
    assert all(o in got or any(n > o and k == before["table"][o].split()[0] for n, k in got.items()) for o in last.values())
    for topic in loads:     # and all of them take more
        assert len(produce(b, topic, [b"more"], key=lambda v: b"k", **{"enable.idempotence": True})) == 1
    assert "damaged" not in b.log and "not read" not in b.log


def read_table(b, high):
    """What is left of a compacted topic."""
    c = ck.Consumer({**b.conf(), "group.id": "table", "enable.auto.commit": False, "enable.partition.eof": True,
                     "auto.offset.reset": "earliest"})
    c.assign([ck.TopicPartition("table", 0, 0)])
    got = {}
    end = time.monotonic() + 30
    while time.monotonic() < end:
        m = c.poll(1)
        if m is not None and m.error() is not None:
            assert m.error().code() == ck.KafkaError._PARTITION_EOF
            break
        if m is not None:
            got[m.offset()] = m.value()
    c.close()
    assert max(got) == high - 1
    return got


def test_who_and_what_is_as_it_was(b):
    """Users with their passwords, permissions, quotas, settings, tenants, groups, log starts and producers."""
    b.user("anna", "--password", PASSWORD)
    b.user("bert", "--password", PASSWORD)
    b.ctl("tenant", "create", "acme", "--admin", "boss", "--password", PASSWORD, "--conf", b.dir / "boss.conf")
    b.ctl("topic", "create", "orders", "--owner", "anna", "-c", "retention.ms=77000000")
    b.ctl("topic", "create", "orders", conf="boss")
    b.ctl("setfacl", "-m", "user:bert:r", "topics/orders")
    b.ctl("quota", "set", "users/bert", "producer_byte_rate=123456")
    sent = produce(b, "orders", [b"%d" % i for i in range(20)], conf="anna")
    theirs = produce(b, "orders", [b"acme %d" % i for i in range(20)], conf="boss")
    commit(b, "orders", 7, "readers", conf="anna")
    with b.speak() as c:
        c.call("delete_records", 2, topics=[{"name": "orders", "partitions": [{"partition_index": 0, "offset": 5}]}],
               timeout_ms=9000)
        ids = {c.call("init_producer_id", 4)["producer_id"] for _ in range(3)}
    asked = [("export", "--with-keys", "--file", b.tmp / "site.yaml"), ("topic", "describe", "orders"), ("quota", "show", "users/bert"), ("tenant", "list"),
             ("getfacl", "topics/orders"), ("group", "list")]
    before = [b.ctl(*a).stdout for a in asked]
    keys = (b.tmp / "site.yaml").read_text()
    b.backup()
    b.ctl("user", "passwd", "anna", "--password", "another one now")
    b.ctl("topic", "delete", "orders")
    b.ctl("user", "delete", "bert", "--purge")
    b.again()
    b.ctl(*asked[0])
    assert (b.tmp / "site.yaml").read_text() == keys
    assert [b.ctl(*a).stdout for a in asked[2:]] == before[2:]
    assert ends(b, "orders") == (5, 20)
    assert consume(b, "orders", 15, at=5, conf="anna", group="x") == {o: v for o, v in sent.items() if o >= 5}
    assert consume(b, "orders", 20, conf="boss", group="x") == theirs
    assert consume(b, "orders", 1, at=10, conf="bert", group="bert")
    assert committed(b, "orders", "readers", conf="anna") == 7
    assert b.ctl("topic", "delete", "orders", conf="bert", check=False).returncode == 4
    with b.speak() as c:
        assert c.call("init_producer_id", 4)["producer_id"] > max(ids)
        rows = c.call("offset_for_leader_epoch", 4, replica_id=-1, topics=[{"topic": "orders", "partitions": [
            {"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}]}])["topics"][0]["partitions"][0]
        assert rows["end_offset"] == 20     # another epoch begins there
    produce(b, "orders", [b"on"], conf="anna")


def test_sequences_go_on(b):
    """A batch that was acknowledged before, and is sent again, is known to be there."""
    b.ctl("topic", "create", "orders")
    with b.speak() as c:
        pid = new_id(c)
        first = [send(c, "orders", pid, 3 * i) for i in range(4)]
        assert [e for e, _ in first] == [0] * 4
        b.backup()
    b.again()
    with b.speak() as c:
        assert send(c, "orders", pid, 9) == first[3]
        assert send(c, "orders", pid, 12) == (0, 12)
        assert send(c, "orders", pid, 30)[0] == 45


def test_what_is_done_between_logs_and_metadata(b):
    """The logs of a moment and the metadata of a later one: what a backup is made of that takes long."""
    for topic in ("orders", "anew", "gone", "grows"):
        b.ctl("topic", "create", topic)
        produce(b, topic, [b"%d" % i for i in range(10)])
    b.backup("logs")
    for topic in ("anew", "gone"):
        b.ctl("topic", "delete", topic)
    b.ctl("topic", "create", "anew")
    b.ctl("topic", "create", "new")
    b.ctl("topic", "alter", "grows", "-p", "3")
    b.kill()
    b.start()       # another era, which the new topic is counted from
    b.ctl("topic", "create", "newer")
    for topic in ("orders", "anew", "new", "newer"):
        produce(b, topic, [b"later"])
    b.backup("metadata")
    b.stop()
    b.forget()
    data = b.dir / "data"
    shutil.copytree(b.tmp / "logs/data", data)
    for name in ("meta.db", "leader-epoch"):
        shutil.copy(b.tmp / "metadata/data" / name, data / name)
    b.start()
    assert [t["name"] for t in json.loads(b.ctl("-o", "json", "topic", "list").stdout)] == ["anew", "grows", "new", "newer", "orders"]
    assert [ends(b, t) for t in ("orders", "grows", "anew", "new", "newer")] == [(0, 10), (0, 10), (0, 0), (0, 0), (0, 0)]
    for topic in ("orders", "anew", "new", "newer"):
        assert list(produce(b, topic, [b"more"])) == [10 if topic == "orders" else 0]
    assert len(list(data.glob("*-stray"))) == 2


def test_the_order_in_which_it_is_held(b):
    """What others refer to comes after those who do: groups, logs, metadata, the era (doc/adr/014)."""
    for topic in ("Orders", "orders"):
        b.ctl("topic", "create", topic)
        produce(b, topic, [b"x"])
        commit(b, topic, 1)
    with b.speak() as c:
        paths = list(listed(c, begin(c)))
    kinds = ["groups" if p.startswith("__consumer_offsets-") else "logs" if "/" in p else p for p in paths]
    assert list(dict.fromkeys(kinds)) == ["groups", "logs", "checkpoint", "format", "login.secret", "meta.db", "leader-epoch"]
    assert kinds == sorted(kinds, key=list(dict.fromkeys(kinds)).index)


def test_with_little_memory(b):
    b.configure("memory.max: 67108864")
    b.restart()
    b.ctl("topic", "create", "orders")
    sent = produce(b, "orders", [b"%d" % i * 50000 for i in range(100)])
    b.backup()
    b.again()
    assert consume(b, "orders", 100) == sent


# ---- who may, and what is held for how long ----

def begin(c):
    """Of a connection: what is held, once it is ready."""
    state = c.call("backup_begin", 0, id=None)
    assert state["error_code"] == 0, state
    eventually(lambda: c.call("backup_begin", 0, id=state["id"])["ready"])
    return c.call("backup_begin", 0, id=state["id"])


def read(c, state, number, length):
    out = b""
    while len(out) < length:
        a = c.call("backup_read", 0, id=state["id"], file=number, offset=len(out), length=length - len(out))
        assert a["error_code"] == 0 and a["data"], a
        out += a["data"]
    return out


def listed(c, state):
    """Number and length by path."""
    rows = read(c, state, 0, state["list_bytes"]).decode().splitlines()
    assert len(rows) == state["files"]
    return {row.split(" ", 1)[1]: (i, int(row.split()[0])) for i, row in enumerate(rows, 1)}


def test_what_is_held_stays(b):
    """The topic is deleted, compacted, emptied and goes on while it is read; what is read is what was there."""
    for topic in ("orders", "gone"):
        b.ctl("topic", "create", topic, "-c", "segment.bytes=20000", "-c", "file.delete.delay.ms=0")
        produce(b, topic, [b"%d" % i + b"x" * 1000 for i in range(60)], **{"batch.num.messages": 1})
    with b.speak() as c:
        state = begin(c)
        assert len(b.pinned()) == 1
        held = {p: v for p, v in listed(c, state).items() if p.startswith(("orders-0/", "gone-0/"))}
        first = {p: read(c, state, *v) for p, v in held.items() if v[1] > 0}
        assert len([p for p in first if p.endswith(".log")]) > 4
        b.ctl("topic", "delete", "gone")
        b.ctl("topic", "alter", "orders", "-c", "retention.bytes=20000")
        produce(b, "orders", [b"x" * 1000] * 60, **{"batch.num.messages": 1})
        eventually(lambda: not b.files("gone") and len(b.files("orders")) < 4)
        assert {p: read(c, state, *v) for p, v in held.items() if v[1] > 0} == first
        assert c.call("backup_end", 0, id=state["id"])["error_code"] == 0
        eventually(lambda: b.pinned() == [])
        assert c.call("backup_read", 0, id=state["id"], file=0, offset=0, length=10)["error_code"] == 91


def test_a_client_that_is_killed_holds_nothing(b):
    b.ctl("topic", "create", "orders")
    produce(b, "orders", [b"x" * 1000] * 100)
    with b.speak() as c:
        begin(c)
        assert len(b.pinned()) == 1
    eventually(lambda: b.pinned() == [])
    c = b.speak()       # and in the middle of its making
    assert c.call("backup_begin", 0, id=None)["error_code"] == 0
    c.close()
    eventually(lambda: b.pinned() == [])
    b.backup()


def test_who_says_nothing_for_a_minute_holds_nothing(b, shim, tmp_path):
    """The connection stays, and may begin another one."""
    b.stop()
    b.start(env={**preloaded(shim, tmp_path), "SHIM_PASSED": "1"})
    with b.speak() as c:
        state = begin(c)
        for passed in (40, 80):
            (tmp_path / "passed").write_text(str(passed))
            read(c, state, 0, 10)
        (tmp_path / "passed").write_text("150")
        eventually(lambda: b.pinned() == [])
        assert c.call("backup_read", 0, id=state["id"], file=0, offset=0, length=10)["error_code"] == 91
        assert "nobody has read for a minute" in b.log
        begin(c)


def test_a_start_removes_what_is_held(b):
    b.ctl("topic", "create", "orders")
    sent = produce(b, "orders", [b"%d" % i for i in range(10)])
    with b.speak() as c:
        begin(c)
        b.kill()
    assert len(b.pinned()) == 1
    b.start()
    eventually(lambda: b.pinned() == [])
    assert consume(b, "orders", 10) == sent
    with b.speak() as c:
        begin(c)
        b.stop()
    assert b.pinned() == []
    b.start()


def test_one_at_a_time(b):
    with b.speak() as one, b.speak() as two:
        state = begin(one)
        assert two.call("backup_begin", 0, id=None)["error_code"] == 92
        assert one.call("backup_begin", 0, id=None)["error_code"] == 92
        said = b.backup(check=False)
        assert said.returncode == 4 and "another backup is under way" in said.stderr
        assert not (b.tmp / "backup").exists()
        for api, words in (("backup_begin", {}), ("backup_read", {"file": 0, "offset": 0, "length": 1}), ("backup_end", {})):
            assert two.call(api, 0, id=state["id"], **words)["error_code"] == 91     # it is the other's
        assert one.call("backup_end", 0, id=state["id"])["error_code"] == 0
        codes = []      # the next one begins when what the last one has held is gone, and is not told of another one
        eventually(lambda: codes.append(two.call("backup_begin", 0, id=None)["error_code"]) or codes[-1] == 0)
        assert set(codes) <= {0, 7}
    for i in range(3):
        b.backup(f"next-{i}")


def test_what_is_asked_for_is_bounded(b):
    """Numbers that are none, offsets behind the end, more than there may be at once."""
    b.ctl("topic", "create", "orders")
    produce(b, "orders", [b"x" * 100000] * 30)
    with b.speak() as c:
        state = begin(c)
        for file in (-1, -2**63, state["files"] + 1, 2**63 - 1):
            assert c.call("backup_read", 0, id=state["id"], file=file, offset=0, length=9)["error_code"] == 42
        for offset, length in ((-1, 9), (0, -1), (-2**63, -2**31)):
            assert c.call("backup_read", 0, id=state["id"], file=1, offset=offset, length=length)["error_code"] == 42
        number, size = next(v for p, v in listed(c, state).items() if p == "orders-0/00000000000000000000.log")
        assert size > 2 << 20
        a = c.call("backup_read", 0, id=state["id"], file=number, offset=0, length=2**31 - 1)
        assert a["error_code"] == 0 and len(a["data"]) == 1 << 20
        for offset in (size, 2**62):
            a = c.call("backup_read", 0, id=state["id"], file=number, offset=offset, length=9)
            assert (a["error_code"], a["data"]) == (0, b"") or a["error_code"] == 56, a
        assert c.call("backup_read", 0, id="../" * 9, file=0, offset=0, length=9)["error_code"] == 91


def test_who_may_not(b):
    b.user("anna", "--password", PASSWORD)
    b.user("tina", "--password", PASSWORD)
    b.ctl("team", "add", "admins", "tina")
    b.ctl("tenant", "create", "acme", "--admin", "boss", "--password", PASSWORD, "--conf", b.dir / "boss.conf")
    for who in ("anna", "tina", "boss"):
        said = b.backup(conf=who, check=False)
        assert said.returncode == 4 and "CLUSTER_AUTHORIZATION_FAILED" in said.stderr
        assert not (b.tmp / "backup").exists() and b.pinned() == []
    with b.speak() as c:
        state = begin(c)
        for who in ("anna", "tina"):
            with b.speak(who) as d:
                for api, words in (("backup_begin", {}), ("backup_read", {"file": 0, "offset": 0, "length": 1}), ("backup_end", {})):
                    assert d.call(api, 0, id=state["id"], **words)["error_code"] == 31
        assert c.call("backup_begin", 0, id=state["id"])["ready"]


def test_not_without_tls():
    b = Kept(SETTINGS, listener=("plain", "address: 127.0.0.1:0\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true\nmechanisms: [SCRAM-SHA-256]"))
    port = harness.free_port()
    b.yaml.write_text(b.yaml.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    b.start()
    try:
        conf = b.conf()
        with twin.Client("127.0.0.1", port) as c:
            assert c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"] == 0
            a = c.call("backup_begin", 0, id=None)
            assert a["error_code"] == 31 and "TLS" in a["error_message"]
        assert b.pinned() == []
    finally:
        b.remove()


def test_not_by_a_token(b):
    """Not even by a token of an operator's."""
    conf = b.conf()
    c = Client(b)
    assert c.login(conf["sasl.username"], conf["sasl.password"]) == 0
    token = c.create()
    d = Client(b)
    assert d.login(token["token_id"], base64.b64encode(token["hmac"]).decode(), token=True) == 0
    assert c("backup_begin", 0, id=None)["error_code"] == 0
    state = c("backup_begin", 0, id=None)
    assert state["error_code"] == 92
    for api, words in (("backup_begin", {}), ("backup_read", {"file": 0, "offset": 0, "length": 1}), ("backup_end", {})):
        assert d(api, 0, id="x", **words)["error_code"] == 31


def test_it_is_told_in_the_audit_log(b):
    b.backup()
    lines = [json.loads(l) for l in (b.dir / "audit.log").read_text().splitlines()]
    (line,) = [l for l in lines if l["what"] == "backup"]
    assert line["user"] == "admin" and line["from"].startswith("127.0.0.1"), line


def test_a_failed_log_is_said_and_not_left_out(b):
    b.ctl("topic", "create", "frail", "-c", "segment.bytes=20000", "-c", "flush=os")
    produce(b, "frail", [b"x" * 4000] * 3)
    home, away = b.dir / "data/frail-0", b.tmp / "away"
    home.rename(away)
    p = ck.Producer({**b.conf(), "linger.ms": 0, "message.timeout.ms": 4000, "batch.num.messages": 1})
    for _ in range(8):
        p.produce("frail", b"x" * 4000)
        p.flush(10)
    away.rename(home)
    said = b.backup(check=False)
    assert said.returncode == 4 and "frail-0" in said.stderr and "topic recover" in said.stderr
    assert not (b.tmp / "backup").exists() and b.pinned() == []
    b.ctl("topic", "recover", "frail")
    b.backup()


# ---- where it goes, and what comes back ----

def test_places_that_are_refused(b):
    taken = b.tmp / "taken"
    taken.mkdir()
    (taken / "somebodys").write_text("own")
    said = b.backup("taken", check=False)
    assert said.returncode == 2 and "is not empty" in said.stderr
    assert [p.name for p in taken.iterdir()] == ["somebodys"]
    empty = b.tmp / "empty"
    empty.mkdir(mode=0o755)
    b.backup("empty")
    assert empty.stat().st_mode & 0o777 == 0o700
    said = b.restore("empty", check=False)
    assert said.returncode == 1 and "in use by a running schlossd" in said.stderr
    b.stop()
    said = b.restore("empty", check=False)
    assert said.returncode == 1 and "is not empty" in said.stderr
    b.start()


def signed(text):
    """The last line made anew, as by somebody who changes a manifest on purpose."""
    body = "".join(l for l in text.splitlines(True) if not l.startswith("end "))
    n = sum(l.startswith("file ") for l in body.splitlines())
    return body + f"end {n} {hashlib.sha256(body.encode()).hexdigest()}\n"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewritten(change):
    def spoil(place):
        m = place / "manifest"
        m.write_text(signed(change(m.read_text())))
    return spoil


def linked(place):
    log = next(place.glob("data/orders-0/*.log"))
    log.rename(place / "elsewhere")
    log.symlink_to(place / "elsewhere")


def linked_directory(place):
    (place / "data/orders-0").rename(place / "elsewhere")
    (place / "data/orders-0").symlink_to(place / "elsewhere")


def newer_metadata(place):
    db = place / "data/meta.db"
    run("sqlite3", db, "PRAGMA user_version = 99")
    m = place / "manifest"
    lines = [f"file {hashlib.sha256(db.read_bytes()).hexdigest()} {db.stat().st_size} meta.db\n" if l.endswith(" meta.db\n") else l
             for l in m.read_text().splitlines(True)]
    m.write_text(signed("".join(lines)))


LOG = "00000000000000000000.log"
BROKEN = {
    "unfinished": (lambda p: (p / "manifest").unlink(), "has no manifest"),
    "no manifest's end": (lambda p: (p / "manifest").write_text((p / "manifest").read_text()[:-80]), "its end is missing"),
    "a manifest that was changed": (lambda p: (p / "manifest").write_text(
        (p / "manifest").read_text().replace("broker 0", "broker 1")), "the hash is another one"),
    "a newer format": (rewritten(lambda t: t.replace("schloss-backup 1", "schloss-backup 2")), "newer schlossctl"),
    "a newer log": (lambda p: ((p / "data/format").write_text("schloss-log 2\n"), rewritten(lambda t: re.sub(
        r"file \w+ \d+ format", f"file {hashlib.sha256(b'schloss-log 2' + bytes([10])).hexdigest()} 14 format", t))(p)),
        "newer broker"),
    "newer metadata": (newer_metadata, "newer"),
    "a file is missing": (lambda p: (p / "data/orders-0" / LOG).unlink(), "is not whole"),
    "a file is cut": (lambda p: os.truncate(p / "data/orders-0" / LOG, 100), "100 bytes"),
    "a byte is another": (lambda p: flip(p / "data/orders-0" / LOG), "its hash is another one"),
    "a byte of the metadata": (lambda p: flip(p / "data/login.secret"), "its hash is another one"),
    "a path that leads out": (rewritten(lambda t: t.replace(" orders-0/", " ../orders-0/")), "might leave its directory"),
    "a path from the root": (rewritten(lambda t: t.replace(" login.secret", " /login.secret")), "might leave its directory"),
    "no metadata": (rewritten(lambda t: "".join(l for l in t.splitlines(True) if not l.endswith(" meta.db\n"))), "has no meta.db"),
    "a link": (linked, "no plain file"),
    "a link to a directory": (linked_directory, "is no directory"),
}


@pytest.fixture(scope="module")
def kept():
    b = Kept(SETTINGS)
    b.start()
    b.ctl("topic", "create", "orders")
    b.sent = produce(b, "orders", [b"%d" % i * 50 for i in range(100)])
    b.backup()
    b.stop()
    b.forget()
    yield b
    b.remove()


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_backup_is_refused(kept, how):
    spoil, words = BROKEN[how]
    place = kept.tmp / "broken"
    shutil.copytree(kept.tmp / "backup", place, symlinks=True)
    try:
        spoil(place)
        said = kept.restore("broken", check=False)
        assert said.returncode == 1 and words in said.stderr, said.stderr
        assert not (kept.dir / "data").exists()
    finally:
        shutil.rmtree(place)


def test_nothing_is_left_of_what_does_not_fit(kept, tmp_path):
    """The disk is full midway: what was there before is there, and nothing that would start."""
    disk = Disk(tmp_path / "disk", 1)
    before = kept.yaml.read_text()
    try:
        kept.configure(f"log.dirs: {disk.path}")
        (disk.path / "filler").write_bytes(b"x" * ((1 << 20) - 24576))
        (disk.path / "lost+found").mkdir()
        assert "filler" in kept.restore(check=False).stderr
        (disk.path / "filler").rename(disk.path / "lost+found/filler")
        said = kept.restore(check=False)
        assert said.returncode == 1 and "no space left" in said.stderr, said.stderr
        assert {p.name for p in disk.path.iterdir()} <= {".lock", "lost+found"}
        said = run(SCHLOSSD, "-c", kept.yaml, check=False)
        assert said.returncode != 0 and "has no meta.db" in said.stderr
    finally:
        kept.yaml.write_text(before)
        disk.unmount()


def test_a_copy_that_was_killed_does_not_start(kept):
    """Half a restore has no metadata under their name; the next one says what is in the way."""
    data = kept.dir / "data"
    shutil.copytree(kept.tmp / "backup/data", data)
    (data / "meta.db").rename(data / "meta.db.tmp")
    try:
        assert "has no meta.db" in run(SCHLOSSD, "-c", kept.yaml, check=False).stderr
        assert "is not empty" in kept.restore(check=False).stderr
    finally:
        shutil.rmtree(data)


def test_it_is_restored_for_the_brokers_user(kept):
    """Started as root: the backup is root's alone, the files become the user's."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    before = kept.yaml.read_text()
    kept.tmp.chmod(0o755)
    kept.dir.chmod(0o755)
    try:
        kept.configure("user: nobody")
        kept.restore()
        who = pwd.getpwnam("nobody")
        data = kept.dir / "data"
        for p in [data, *data.rglob("*")]:
            st = p.stat()
            assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (who.pw_uid, who.pw_gid, 0o700 if p.is_dir() else 0o600), p
    finally:
        kept.yaml.write_text(before)
        shutil.rmtree(kept.dir / "data", ignore_errors=True)


def test_a_broker_without_room_for_it_says_so(tmp_path):
    """The copy of the metadata does not fit: nothing is held, and the broker goes on."""
    disk = Disk(tmp_path / "disk", 160)
    b = Kept(SETTINGS + f"log.dirs: {disk.path}/data\nlog.reserve.bytes: 1048576\nlog.journal.bytes: 67108864\n")
    try:
        shutil.copytree(b.dir / "data", disk.path / "data")
        (disk.path / "data").chmod(0o700)
        b.start()
        for i in range(40):
            b.ctl("topic", "create", f"t{i}")
        disk.leave(8192)
        said = b.backup(check=False)
        assert said.returncode == 4, said.stderr
        assert "no space left" in said.stderr or "full" in said.stderr, said.stderr
        assert list((disk.path / "data").glob(".backup.*")) == []
        disk.foreign().unlink()
        eventually(lambda: b.backup("again", check=False).returncode == 0 or shutil.rmtree(b.tmp / "again", ignore_errors=True))
    finally:
        try:
            b.remove()
        finally:
            disk.unmount()
