# SPDX-License-Identifier: Apache-2.0
"""What a name leaves behind when it ends: nothing that its next owner would inherit."""
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from harness import Broker, Failed


@pytest.fixture(scope="module")
def broker():
    b = Broker("group.initial.rebalance.delay.ms: 0\noffsets.retention.check.interval.ms: 300").start()
    b.user("anna")
    b.user("bert")
    yield b
    b.remove()


def may(broker, user, op, path):
    return broker.ctl("why", user, op, path, check=False).returncode == 0


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def commit(broker, user, group, topic):
    c = Consumer({**broker.conf(user), "group.id": group})
    c.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    c.close()


def test_rules_of_a_topics_owner_die_with_it(broker):
    broker.ctl("topic", "create", "short", "--owner", "anna")
    broker.ctl("setfacl", "-m", "user:bert:r", "/main/topics/short", conf="anna")
    assert may(broker, "bert", "read", "/main/topics/short")
    broker.ctl("topic", "delete", "short")
    broker.restart()
    broker.ctl("topic", "create", "short")
    assert not may(broker, "bert", "read", "/main/topics/short")
    broker.ctl("topic", "delete", "short")


def test_rules_of_a_groups_owner_die_with_it(broker):
    broker.ctl("topic", "create", "t", "--owner", "anna")
    commit(broker, "anna", "made-by-use", "t")
    broker.ctl("setfacl", "-m", "user:bert:r", "/main/groups/made-by-use", conf="anna")
    assert may(broker, "bert", "read", "/main/groups/made-by-use")
    broker.ctl("group", "delete", "made-by-use")
    commit(broker, "admin", "made-by-use", "t")
    assert not may(broker, "bert", "read", "/main/groups/made-by-use")
    broker.restart()
    until(lambda: not may(broker, "bert", "read", "/main/groups/made-by-use"))


def test_rules_go_where_a_group_ends_by_itself(broker):
    commit(broker, "anna", "fading", "t")
    broker.ctl("setfacl", "-m", "user:bert:r", "/main/groups/fading", conf="anna")
    assert "bert" in broker.ctl("getfacl", "/main/groups/fading").stdout
    broker.ctl("topic", "delete", "t")
    until(lambda: "fading" not in broker.ctl("group", "list").stdout)
    broker.ctl("topic", "create", "t")
    commit(broker, "admin", "fading", "t")
    until(lambda: not may(broker, "bert", "read", "/main/groups/fading"))


def test_a_reserved_name_is_kept_until_it_is_deleted(broker):
    broker.ctl("group", "create", "kept", "--owner", "anna")
    broker.ctl("setfacl", "-m", "user:bert:r", "/main/groups/kept", conf="anna")
    broker.restart()
    assert may(broker, "bert", "read", "/main/groups/kept")
    assert may(broker, "anna", "read", "/main/groups/kept")
    broker.ctl("group", "delete", "kept")
    assert "kept" not in broker.ctl("ls", "/main/groups").stdout
    with pytest.raises(Failed):
        broker.ctl("group", "delete", "kept")
    commit(broker, "admin", "kept", "t")
    assert not may(broker, "bert", "read", "/main/groups/kept")


def test_who_stands_in_rules_needs_an_heir(broker):
    """A rule alone, nothing owned: his namesake would have what was allowed to him."""
    broker.user("ruled")
    broker.ctl("topic", "create", "of-rules")
    broker.ctl("setfacl", "-m", "user:ruled:r", "topics/of-rules")
    with pytest.raises(Failed) as e:
        broker.ctl("user", "delete", "ruled")
    assert "stands in rules" in str(e.value)
    broker.ctl("user", "delete", "ruled", "--purge")
    assert "ruled" not in broker.ctl("getfacl", "topics/of-rules").stdout


def test_the_quotas_of_a_user_end_with_him(broker):
    """His namesake begins with what everybody has; the default and others' quotas stay."""
    for name in ("gone", "stays"):
        broker.user(name)
        broker.ctl("quota", "set", f"users/{name}", "producer_byte_rate=1048576")
    broker.ctl("quota", "set", "users/gone", "consumer_byte_rate=1048576", "--client-id", "c")
    broker.ctl("quota", "set", "users/*", "producer_byte_rate=2097152")
    broker.ctl("user", "delete", "gone")
    left = broker.ctl("quota", "show").stdout
    assert "gone" not in left and "stays" in left and " * " in left, left
    broker.ctl("user", "create", "gone", "--conf", broker.dir / "again.conf")
    assert "gone" not in broker.ctl("quota", "show").stdout


def test_a_stop_finds_expiry_at_work():
    """Its timer is off before the threads go that it hands its work to."""
    b = Broker("offsets.retention.check.interval.ms: 1").start()
    for _ in range(6):
        b.restart()
    b.remove()
