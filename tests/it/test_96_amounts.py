# SPDX-License-Identifier: Apache-2.0
"""Limits of idempotent producers: of a tenant, and of the topics that a user owns.

Whoever invents them by the thousand meets his own ceiling, is told which, and what is known goes on; another tenant
does not notice."""
import threading
import time

import pytest
from confluent_kafka import KafkaError, Producer
from harness import Broker
from hostile import eventually
from test_49_amounts import OVER, shown, usage
from test_61_faults import batch

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
