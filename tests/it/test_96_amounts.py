# SPDX-License-Identifier: Apache-2.0
"""Limits of idempotent producers, and of the memory that connections hold.

Whoever invents producers by the thousand meets his own ceiling, is told which, and what is known goes on; whoever takes no
answers waits. Another tenant does not notice."""
import contextlib
import itertools
import socket
import threading
import time
from concurrent import futures

import pytest
from confluent_kafka import KafkaError, Producer
from harness import Broker
from hostile import eventually, frame
from test_49_amounts import OVER, shown, usage
from test_61_faults import batch, error_of, produce_request

STORM = 10**9		# ids that the broker gave to nobody


@pytest.fixture(scope="module")
def site():
    b = Broker("log.retention.check.interval.ms: 500\nproducer.id.expiration.ms: 600000\n")
    b.start()
    for name in ("acme", "other"):
        b.ctl("tenant", "create", name, "--admin", "ada", "--conf", b.dir / f"{name}.conf")
    b.ctl("user", "create", "bob", "--team", "admins", "--conf", b.dir / "bob.conf", conf="acme")
    yield b
    b.remove()


@pytest.fixture
def b(site):
    """With the topics orders of each tenant, which ada owns, and bobs, which bob does; all may write to both."""
    for name in ("acme", "other"):
        site.ctl("topic", "create", "orders", "-p", "2", conf=name)
        site.ctl("topic", "create", "bobs", conf=name)
        site.ctl("chmod", "766", f"/{name}/topics/orders", f"/{name}/topics/bobs", conf=name)
    site.ctl("chown", "bob", "/acme/topics/bobs", conf="acme")
    yield site
    for path in ("/acme", "/acme/users/bob", "/acme/users/ada", "/acme/users/*"):
        site.ctl("quota", "set", path, "producer_ids=")
    for name in ("acme", "other"):
        there = site.ctl("topic", "list", conf=name).stdout
        for topic in ("orders", "bobs"):
            if topic in there:
                site.ctl("--tenant", name, "topic", "delete", topic)
    eventually(lambda: usage(site, "acme")["producer_ids"][0] == 0)


def send(c, pid, sequence=0, topic="orders", partition=0):
    told = c.call("produce", 9, transactional_id=None, acks=-1, timeout_ms=30000, topic_data=[
        {"name": topic, "partition_data": [{"index": partition, "records": batch([b"x"], pid, sequence)}]}])
    p = told["responses"][0]["partition_responses"][0]
    return p["error_code"], p["error_message"]


def limited(b, path, n):
    b.ctl("quota", "set", path, f"producer_ids={n}")
    time.sleep(1.5)		# the first count


def test_a_storm_meets_the_tenants_ceiling(b):
    """Who is known goes on, new ones are refused with a sentence; the other tenant's come and go."""
    limited(b, "/acme", 50)
    with b.speak("acme") as c, b.speak("other") as other:
        pid, theirs = (s.call("init_producer_id", 2, transaction_timeout_ms=1000)["producer_id"] for s in (c, other))
        assert send(c, pid)[0] == send(other, theirs)[0] == 0
        slowest, stop = [0.0], threading.Event()

        def goes_on():
            n = 1
            while not stop.is_set():
                began = time.monotonic()
                assert send(other, theirs, n)[0] == 0 and send(other, 2 * STORM + n)[0] == 0
                slowest[0] = max(slowest[0], time.monotonic() - began)
                n += 1
            slowest.append(n)
        bystander = threading.Thread(target=goes_on)
        bystander.start()
        told = [send(c, STORM + i, partition=i % 2) for i in range(3000)]
        stop.set()
        bystander.join()
        assert [e for e, _ in told].count(0) == 49 and {e for e, _ in told[49:]} == {OVER}
        assert told[-1][1] == "tenant acme has 50 of at most 50 producer_ids"
        assert len(slowest) == 2 and slowest[1] > 60 and slowest[0] < 2
        time.sleep(2.2)		# counted anew, twice: the same
        assert send(c, STORM + 10**6)[0] == OVER
        for n in (1, 2, 2):		# also what is sent again
            assert send(c, pid, n) == (0, None)
        assert send(c, pid, 9)[0] == 45
        assert send(c, pid, partition=1)[0] == OVER	# another partition has to remember it as well
        assert send(c, -1, -1)[0] == 0		# of none
        assert shown(b, "/acme")["producer_ids"] == usage(b, "acme")["producer_ids"] + ("tenant",) == (50, 50, "tenant")
        assert b.log.count("at most 50 producer_ids") == 1 and "Produce of ada of tenant acme refused: tenant acme has 50 of" in b.log
        assert "other" not in [line for line in b.log.split("\n") if "producer_ids" in line][0]
        b.ctl("quota", "set", "/acme", "producer_ids=51")
        assert send(c, STORM + 10**6)[0] == 0 and send(c, STORM + 10**6 + 1)[0] == OVER


def test_a_restart_knows_them(b):
    """Before the first request: from snapshots where the stop was clean, from the log where it was not."""
    limited(b, "/acme", 5)
    with b.speak("acme") as c:
        assert [send(c, STORM + i, partition=i % 2)[0] for i in range(7)] == [0] * 5 + [OVER] * 2
    for end in (b.stop, b.kill):
        end()
        b.start()
        with b.speak("acme") as c:
            assert send(c, STORM + 10)[0] == OVER and send(c, STORM)[0] == 0
            assert shown(b, "/acme")["producer_ids"] == (5, 5, "tenant")


def test_a_deleted_topic_gives_room(b):
    limited(b, "/acme", 5)
    with b.speak("acme") as c:
        assert [send(c, STORM + i, topic="bobs")[0] for i in range(6)] == [0] * 5 + [OVER]
        assert send(c, STORM)[0] == OVER
        b.ctl("--tenant", "acme", "topic", "delete", "bobs")
        eventually(lambda: send(c, STORM)[0] == 0, 5)
        assert [send(c, STORM + i)[0] for i in range(1, 6)] == [0] * 4 + [OVER]


def test_silence_gives_room(b):
    """As producer.id.expiration.ms has it."""
    b.configure("producer.id.expiration.ms: 1500")
    limited(b, "/acme", 5)
    b.restart()
    with b.speak("acme") as c:
        assert [send(c, STORM + i)[0] for i in range(6)] == [0] * 5 + [OVER]
        eventually(lambda: send(c, STORM + 6)[0] == 0, 10)
    b.configure("producer.id.expiration.ms: 600000")
    b.restart()


def test_an_owners_ceiling(b):
    """It is of whose topic it is, whoever writes; and holds beside the tenant's."""
    limited(b, "/acme", 6)
    limited(b, "/acme/users/*", 50)
    limited(b, "/acme/users/bob", 3)
    with b.speak("acme") as ada, b.speak("bob") as bob:
        assert [send(c, STORM + i, topic="bobs")[0] for i, c in enumerate((ada, bob, ada, bob, ada))] == [0] * 3 + [OVER] * 2
        assert send(ada, STORM + 9, topic="bobs")[1] == "user bob has 3 of at most 3 producer_ids"
        assert shown(b, "/acme/users/bob")["producer_ids"] == (3, 3, "user")
        assert [send(bob, STORM + i)[0] for i in range(4)] == [0] * 3 + [OVER]	# into ada's, who has no such limit
        assert send(bob, STORM + 9)[1] == "tenant acme has 6 of at most 6 producer_ids"
        assert shown(b, "/acme/users/ada")["producer_ids"] == (3, 50, "tenant")
        b.ctl("chown", "ada", "/acme/topics/bobs", conf="acme")
        b.ctl("quota", "set", "/acme", "producer_ids=7")
        eventually(lambda: usage(b, "acme")["producer_ids"][0] == 6 and shown(b, "/acme/users/bob")["producer_ids"][0] == 0)
        eventually(lambda: send(ada, STORM + 9, topic="bobs")[0] == 0, 5)


def test_what_clients_make_of_it(b):
    """librdkafka: the program is told, nothing is fatal, and once there is room the same producer writes on."""
    limited(b, "/acme", 1)
    told = []
    with b.speak("acme") as c:
        assert send(c, STORM)[0] == 0
    p = Producer({**b.conf("acme"), "enable.idempotence": True, "linger.ms": 0, "error_cb": lambda e: told.append(e)})

    def write():
        got = []
        p.produce("orders", b"v", partition=0, on_delivery=lambda err, msg: got.append(err))
        p.flush(20)
        return got
    [err] = write()
    assert err is not None and err.code() == KafkaError.POLICY_VIOLATION, err
    b.ctl("quota", "set", "/acme", "producer_ids=2")
    time.sleep(0.2)
    eventually(lambda: write() == [None], 20)
    assert write() == [None] and not [e for e in told if e.fatal()]


def test_it_is_set_as_the_others(b, tmp_path):
    """By Kafka's own request, by a file of the site; and not for client ids, nor in halves."""
    with b.speak("acme") as c:
        def alter(key, value, user="bob"):
            told = c.call("alter_client_quotas", 1, entries=[{"entity": [{"entity_type": "user", "entity_name": user}],
                          "ops": [{"key": key, "value": value, "remove": False}]}], validate_only=False)["entries"][0]
            return told["error_code"]
        assert alter("producer_ids", 7.0) == 0 and alter("producer_ids", 1.5) == 42 and alter("producer_ids", -1.0) == 42
    assert shown(b, "/acme/users/bob")["producer_ids"] == (0, 7, "user")
    refused = b.ctl("quota", "set", "/acme/users/bob", "--client-id", "x", "producer_ids=5", check=False)
    assert refused.returncode == 4 and "users and tenants" in refused.stderr
    text = b.ctl("export", conf="acme").stdout
    assert "producer_ids: 7" in text
    file = tmp_path / "acme.yaml"
    file.write_text(text.replace("producer_ids: 7", "producer_ids: 8"))
    assert "producer_ids" in b.ctl("diff", file, conf="acme", check=False).stdout
    b.ctl("apply", file, conf="acme")
    assert shown(b, "/acme/users/bob")["producer_ids"] == (0, 8, "user")


# ---- memory ----

MIB = 1 << 20
MUCH = 40


@pytest.fixture(scope="module")
def memory(site):
    """A topic of 16 MB in both tenants, that all may read and write."""
    for name in ("acme", "other"):
        site.ctl("topic", "create", "much", "-c", "flush=os", "-c", "max.message.bytes=8000000", conf=name)
        site.ctl("chmod", "766", f"/{name}/topics/much", conf=name)
        with site.speak(name) as c:
            for _ in range(64):
                assert put(c, 250_000) == 0
    yield site


@pytest.fixture
def m(memory):
    yield memory
    for path in ("/acme", "/acme/users/bob", "/acme/users/eve", "/acme/users/*"):
        memory.ctl("quota", "set", path, "in_flight_bytes=")


def written(n):
    return produce_request("much", batch([bytes(n)]))


def put(c, n):
    return error_of(c.call("produce", 9, **written(n)))


def ask(c):
    c.send("fetch", 11, dict(replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=50 * MIB, topics=[
        {"topic": "much", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 50 * MIB}]}]))


def ask_much(c):
    """More than the kernel between us holds."""
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    for _ in range(MUCH):
        ask(c)


def records_of(c):
    """Bytes of one answer."""
    return len(c.answer("fetch", 11)[1]["responses"][0]["partitions"][0]["records"])


def held(b, path):
    return shown(b, path)["in_flight_bytes"]


def stays_above(b, path, n):
    """The kernel takes no more either."""
    before = held(b, path)[0]
    time.sleep(0.5)
    return held(b, path)[0] == before > n


@contextlib.contextmanager
def several(b, conf, n):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(b.speak(conf)) for _ in range(n)]


@contextlib.contextmanager
def bystander(b, conf="other"):
    """Whoever is no part of it writes and reads all the while; the longest of it, in seconds."""
    took, stop = [], threading.Event()

    def work():
        with b.speak(conf) as c:
            while not stop.is_set():
                began = time.monotonic()
                assert put(c, 1000) == 0
                ask(c)
                assert records_of(c) > 0
                took.append(time.monotonic() - began)
    t = threading.Thread(target=work)
    t.start()
    try:
        yield took
    finally:
        stop.set()
        t.join()
    assert took and max(took) < 20, took	# who waits for the slow waits for longer: they are closed after a minute


def test_slow_readers_meet_the_tenants_limit(m):
    """What they take no answers for is two thirds of it, of one user; who goes on finds room, also in their tenant."""
    limit = 6 * MIB
    m.ctl("quota", "set", "/acme", f"in_flight_bytes={limit}")
    with several(m, "acme", 8) as slow, bystander(m):
        for c in slow:
            ask_much(c)
        time.sleep(2)
        used, most, binds = held(m, "/acme")
        assert most == limit and binds == "tenant" and limit // 3 < used < limit, used
        assert usage(m, "acme")["in_flight_bytes"] == (used, limit)
        eventually(lambda: "in_flight_bytes" in m.log, 5)
        with bystander(m, "bob"):
            time.sleep(2)
        assert 300_000 < held(m, "/acme")[0] < limit
        with futures.ThreadPoolExecutor(len(slow)) as pool:	# each is answered, some with less
            sizes = list(itertools.chain(*pool.map(lambda c: [records_of(c) for _ in range(MUCH)], slow)))
        assert 200_000 < min(sizes) < max(sizes) <= limit // 12 + 250_000, (min(sizes), max(sizes))
        eventually(lambda: held(m, "/acme")[0] == 0)
    lines = [line for line in m.log.split("\n") if "in_flight_bytes" in line]
    assert len(lines) == 1 and "requests of ada of tenant acme wait: tenant acme has" in lines[0], lines
    assert f"of at most {limit} in_flight_bytes (said once a minute)" in lines[0]


def test_a_users_limit(m):
    """Requests by halves: those that have begun end, one after the other; the tenant's others do not wait."""
    limit = 2 * MIB
    m.ctl("quota", "set", "/acme", f"in_flight_bytes={50 * MIB}")
    m.ctl("quota", "set", "/acme/users/*", f"in_flight_bytes={40 * MIB}")
    m.ctl("quota", "set", "/acme/users/bob", f"in_flight_bytes={limit}")
    go_on = threading.Event()

    def write(c):
        raw = frame(c.schema["produce"].encode_request(9, written(1_500_000), 7))
        c.sock.sendall(raw[:MIB])
        go_on.wait(60)
        c.sock.sendall(raw[MIB:])
        return error_of(c.answer("produce", 9)[1])
    with several(m, "bob", 12) as writers, bystander(m), bystander(m, "acme"), futures.ThreadPoolExecutor(12) as pool:
        done = [pool.submit(write, c) for c in writers]
        eventually(lambda: held(m, "/acme/users/bob")[0] > 1_500_000)
        time.sleep(1)
        # One that is received, and the beginnings of others.
        assert held(m, "/acme/users/bob")[0] < 3 * limit and held(m, "/acme/users/bob")[1:] == (limit, "user")
        assert held(m, "/acme/users/ada")[1:] == (40 * MIB, "tenant")	# of which bob has more
        go_on.set()
        assert [d.result(60) for d in done] == [0] * 12
    eventually(lambda: held(m, "/acme/users/bob")[0] == 0)


def test_what_never_has_room(m):
    """A request larger than the limit ends its connection, and the log says why; a higher limit holds at once."""
    m.ctl("user", "create", "eve", "--team", "admins", "--conf", m.dir / "eve.conf", conf="acme")
    m.ctl("quota", "set", "/acme/users/*", f"in_flight_bytes={MIB}")
    for _ in range(3):
        with m.speak("eve") as c, pytest.raises((EOFError, OSError)):
            put(c, 3 * MIB)
    lines = [line for line in m.log.split("\n") if "eve" in line and "in_flight_bytes" in line]
    assert len(lines) == 1 and "bytes of eve of tenant acme refused: user eve has" in lines[0]
    with m.speak("eve") as c:
        assert put(c, MIB // 2) == 0
        m.ctl("quota", "set", "/acme/users/eve", f"in_flight_bytes={8 * MIB}")
        time.sleep(0.2)
        assert put(c, 3 * MIB) == 0


def test_a_limit_that_changes_wakes_who_waits(m):
    m.ctl("quota", "set", "/acme/users/bob", f"in_flight_bytes={MIB}")
    with several(m, "bob", 6) as slow, m.speak("bob") as c:
        for s in slow:
            ask_much(s)
        eventually(lambda: stays_above(m, "/acme/users/bob", MIB))
        for _ in range(30):	# what is held goes up and down: one comes when there is no room
            told = []
            t = threading.Thread(target=lambda out=told: out.append(put(c, 10)))
            t.start()
            t.join(1)
            if not told:
                break
        assert not told
        m.ctl("quota", "set", "/acme/users/bob", "in_flight_bytes=")
        t.join(10)
        assert told == [0]
