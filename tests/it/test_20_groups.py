# SPDX-License-Identifier: Apache-2.0
"""Consumer groups with the Python clients: joining, leaving, committing, restarts."""
import threading
import time

import confluent_kafka
import kafka


def consumer(broker, group, **more):
    return confluent_kafka.Consumer({**broker.conf(), "group.id": group, "auto.offset.reset": "earliest",
                                     "enable.auto.commit": False, "session.timeout.ms": 6000,
                                     "heartbeat.interval.ms": 500, **more})


def produce(broker, topic, values):
    p = confluent_kafka.Producer(broker.conf())
    for i, v in enumerate(values):
        p.produce(topic, v, partition=i % 4)
    assert p.flush(20) == 0


def poll(c, n, seconds=30):
    """n values, or what came within the time."""
    got, end = [], time.monotonic() + seconds
    while len(got) < n and time.monotonic() < end:
        m = c.poll(0.2)
        if m is not None and not m.error():
            got.append(m.value().decode())
    return got


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_two_members_share_and_hand_over(shared):
    shared.ctl("topic", "create", "share", "-p", "4")
    produce(shared, "share", [f"a{i}" for i in range(40)])
    one, two = consumer(shared, "gshare"), consumer(shared, "gshare")
    one.subscribe(["share"])
    first = poll(one, 40)
    assert sorted(first) == sorted(f"a{i}" for i in range(40))
    one.commit(asynchronous=False)
    two.subscribe(["share"])

    def balanced():
        one.poll(0.1)
        two.poll(0.1)
        return len(one.assignment()) == 2 and len(two.assignment()) == 2
    wait_for(balanced)
    two.close()

    def alone():
        one.poll(0.1)
        return len(one.assignment()) == 4
    wait_for(alone)
    produce(shared, "share", ["b0", "b1", "b2", "b3"])
    assert sorted(poll(one, 4)) == ["b0", "b1", "b2", "b3"]
    one.close()


def test_commits_survive_a_restart_and_the_group_its_generation(broker):
    broker.ctl("topic", "create", "keep", "-p", "4")
    produce(broker, "keep", [f"a{i}" for i in range(20)])
    c = consumer(broker, "gkeep", **{"session.timeout.ms": 30000})
    rebalances = []
    c.subscribe(["keep"], on_assign=lambda _c, p: rebalances.append(len(p)))
    assert len(poll(c, 20)) == 20
    c.commit(asynchronous=False)
    broker.restart()
    produce(broker, "keep", ["b0", "b1"])
    assert sorted(poll(c, 2)) == ["b0", "b1"]
    assert rebalances == [4], "a stable group outlives a restart without a rebalance"
    c.commit(asynchronous=False)
    c.close()
    broker.kill()
    broker.start()
    again = consumer(broker, "gkeep")
    again.subscribe(["keep"])
    produce(broker, "keep", ["c0"])
    assert poll(again, 1) == ["c0"]
    again.close()


def test_a_silent_member_is_dropped(shared):
    shared.ctl("topic", "create", "silent", "-p", "4")
    one = consumer(shared, "gsilent", **{"group.instance.id": "one"})
    one.subscribe(["silent"])
    wait_for(lambda: one.poll(0.1) is None and len(one.assignment()) == 4)
    before = time.monotonic()
    one.close()  # a static member that closes does not leave
    kept = shared.ctl("-o", "json", "group", "describe", "gsilent").stdout
    assert '"instance":"one"' in kept.replace(" ", "") or time.monotonic() - before > 5, kept
    two = consumer(shared, "gsilent", **{"group.instance.id": "two"})
    two.subscribe(["silent"])
    wait_for(lambda: two.poll(0.1) is None and len(two.assignment()) == 4)
    two.close()


def test_kafka_python_member(shared):
    shared.ctl("topic", "create", "kp", "-p", "4")
    produce(shared, "kp", [f"a{i}" for i in range(12)])
    c = kafka.KafkaConsumer("kp", group_id="gkp", auto_offset_reset="earliest", consumer_timeout_ms=8000,
                            enable_auto_commit=False, **shared.python_conf())
    got = []
    for m in c:
        got.append(m.value.decode())
        if len(got) == 12:
            break
    assert sorted(got) == sorted(f"a{i}" for i in range(12))
    c.commit()
    assert c.committed(kafka.TopicPartition("kp", 0)) == 3
    c.close()


def test_many_members_at_once(shared):
    shared.ctl("topic", "create", "crowd", "-p", "4")
    members = [consumer(shared, "gcrowd") for _ in range(4)]
    stop = threading.Event()

    def run(c):
        while not stop.is_set():
            c.poll(0.1)
    threads = [threading.Thread(target=run, args=(c,)) for c in members]
    for c, t in zip(members, threads):
        c.subscribe(["crowd"])
        t.start()
    try:
        wait_for(lambda: sorted(len(c.assignment()) for c in members) == [1, 1, 1, 1])
    finally:
        stop.set()
        for t in threads:
            t.join()
        for c in members:
            c.close()


def test_list_describe_delete(shared):
    shared.ctl("topic", "create", "life", "-p", "4")
    c = consumer(shared, "glife")
    c.subscribe(["life"])
    wait_for(lambda: c.poll(0.1) is None and len(c.assignment()) == 4)
    assert "glife" in shared.ctl("group", "list").stdout
    described = shared.ctl("group", "describe", "glife").stdout
    assert "Stable" in described and "rdkafka" in described
    busy = shared.ctl("group", "delete", "glife", check=False)
    assert busy.returncode != 0
    c.close()
    wait_for(lambda: shared.ctl("group", "delete", "glife", check=False).returncode == 0)
    assert "glife" not in shared.ctl("group", "list").stdout


def test_strangers_cannot_join(shared):
    shared.user("outsider")
    shared.ctl("topic", "create", "closed", "-p", "1", "--owner", "admin")
    c = confluent_kafka.Consumer({**shared.conf("outsider"), "group.id": "gclosed", "auto.offset.reset": "earliest"})
    c.subscribe(["closed"])
    errors = []
    end = time.monotonic() + 15
    while not errors and time.monotonic() < end:
        m = c.poll(0.2)
        if m is not None and m.error():
            errors.append(m.error().code())
    assert errors and errors[0] == confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
    c.close()
