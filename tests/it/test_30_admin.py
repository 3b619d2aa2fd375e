# SPDX-License-Identifier: Apache-2.0
"""Administration with Kafka's own tools and schlossctl: topics, settings, rules, quotas, keys, modes."""
import hashlib
import json
import os

import pytest
import twin
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic
from kafka.admin import (ACL, ACLFilter, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern,
                         ResourcePatternFilter, ResourceType)
import kafka.admin as kadmin


def code(future):
    """The error code of a confluent future, 0 where it went well."""
    try:
        future.result(20)
    except KafkaException as e:
        return e.args[0].code()
    return 0


def codes(futures):
    return {str(k): code(v) for k, v in futures.items()}


@pytest.fixture(scope="module")
def admin(shared):
    return AdminClient(shared.conf())


@pytest.fixture(scope="module")
def anna(shared):
    shared.user("anna")
    return AdminClient(shared.conf("anna"))


@pytest.fixture(scope="module")
def python(shared):
    client = KafkaAdminClient(**shared.python_conf())
    yield client
    client.close()


def speak(broker, user="admin"):
    """A connection for what neither client can ask."""
    return broker.speak(user)


@pytest.fixture(scope="module")
def wire(shared):
    with speak(shared) as client:
        yield client


def settings(client, topic):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return client.describe_configs([resource])[resource].result(20)


# Topics.

def test_topics_are_made_listed_and_deleted(admin):
    assert codes(admin.create_topics([NewTopic("t-one", 3, 1), NewTopic("t-two", 1, 1)])) == \
        {"t-one": 0, "t-two": 0}
    topics = admin.list_topics(timeout=20).topics
    assert len(topics["t-one"].partitions) == 3
    assert codes(admin.delete_topics(["t-one", "t-two", "t-none"])) == {"t-one": 0, "t-two": 0, "t-none": 3}
    assert "t-one" not in admin.list_topics(timeout=20).topics


def test_errors_of_creation_are_kafkas(admin):
    assert code(admin.create_topics([NewTopic("e-one", 1, 1)])["e-one"]) == 0
    assert code(admin.create_topics([NewTopic("e-one", 1, 1)])["e-one"]) == 36
    assert code(admin.create_topics([NewTopic("bad name", 1, 1)])["bad name"]) == 17
    assert code(admin.create_topics([NewTopic("e-two", 0, 1)])["e-two"]) == 37
    assert code(admin.create_topics([NewTopic("e-two", 1, 3)])["e-two"]) == 38
    assert code(admin.create_topics([NewTopic("e-two", 1, 1, config={"no.such": "1"})])["e-two"]) == 40
    assert code(admin.create_topics([NewTopic("e-two", 1, 1, config={"retention.ms": "x"})])["e-two"]) == 40
    assert "e-two" not in admin.list_topics(timeout=20).topics


def test_creation_can_be_tried(admin):
    assert code(admin.create_topics([NewTopic("tried", 2, 1)], validate_only=True)["tried"]) == 0
    assert "tried" not in admin.list_topics(timeout=20).topics


def test_partitions_only_become_more(admin, wire):
    admin.create_topics([NewTopic("grow", 2, 1)])["grow"].result(20)
    assert code(admin.create_partitions([NewPartitions("grow", 4)])["grow"]) == 0
    assert len(admin.list_topics(timeout=20).topics["grow"].partitions) == 4
    assert code(admin.create_partitions([NewPartitions("grow", 3)])["grow"]) == 37
    assert code(admin.create_partitions([NewPartitions("grow-none", 3)])["grow-none"]) == 3
    for count in (-2 ** 31, -1, 0, 4, 100001, 2 ** 31 - 1):
        answer = wire.call("create_partitions", 3, timeout_ms=1000, validate_only=False, topics=[
            {"name": "grow", "count": count, "assignments": None}])
        assert answer["results"][0]["error_code"] == 37, count


def test_strangers_learn_nothing_of_topics(admin, anna):
    admin.create_topics([NewTopic("hidden", 1, 1)])["hidden"].result(20)
    assert codes(anna.delete_topics(["hidden", "not-there"])) == {"hidden": 29, "not-there": 29}
    assert codes(anna.create_topics([NewTopic("hidden", 1, 1), NewTopic("fresh", 1, 1)])) == \
        {"hidden": 29, "fresh": 29}
    for topic in ("hidden", "not-there"):
        with pytest.raises(KafkaException) as e:
            settings(anna, topic)
        assert e.value.args[0].code() == 29


def test_the_maker_owns_the_topic(shared, admin, anna):
    shared.ctl("acl", "add", "/main", "user:anna:create", check=False)
    shared.ctl("team", "create", "makers")
    shared.ctl("team", "add", "makers", "anna")
    shared.ctl("chgrp", "makers", "/main/topics")
    assert code(anna.create_topics([NewTopic("annas", 1, 1)])["annas"]) == 0
    listing = shared.ctl("ls", "/main/topics/annas").stdout
    assert "anna" in listing and "makers" in listing and "rwxr-----" in listing
    assert code(anna.delete_topics(["annas"])["annas"]) == 0


def test_topics_by_id(shared, wire, admin, anna):
    admin.create_topics([NewTopic("ided", 1, 1)])["ided"].result(20)
    topic, = wire.call("describe_topic_partitions", 0, topics=[{"name": "ided"}],
                       response_partition_limit=100, cursor=None)["topics"]
    assert topic["error_code"] == 0 and len(topic["partitions"]) == 1

    def delete(client, uuid):
        answer = client.call("delete_topics", 6, topics=[{"name": None, "topic_id": uuid}], timeout_ms=1000)
        return answer["responses"][0]
    shared.user("blind")
    with speak(shared, "blind") as stranger:
        refused = delete(stranger, topic["topic_id"])
        assert refused["error_code"] == 100 and refused["name"] is None
        shared.ctl("chmod", "0664", "/main/topics/ided")
        refused = delete(stranger, topic["topic_id"])
        assert refused["error_code"] == 29 and refused["name"] == "ided"
    assert delete(wire, b"\1" * 16)["error_code"] == 100
    gone = delete(wire, topic["topic_id"])
    assert gone["error_code"] == 0 and gone["name"] == "ided"


def test_pages_of_partitions(wire, admin):
    for name in ("page-a", "page-b"):
        admin.create_topics([NewTopic(name, 3, 1)])[name].result(20)
    seen, cursor = [], None
    asked = [{"name": "page-b"}, {"name": "page-a"}]
    while True:
        answer = wire.call("describe_topic_partitions", 0, topics=asked, response_partition_limit=2,
                           cursor=cursor)
        seen += [(t["name"], p["partition_index"]) for t in answer["topics"] for p in t["partitions"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == [(t, i) for t in ("page-a", "page-b") for i in range(3)]


def test_a_topic_named_twice(wire):
    topic = {"name": "doubled", "num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": []}
    answer = wire.call("create_topics", 7, topics=[topic, topic], timeout_ms=1000, validate_only=False)
    assert [t["error_code"] for t in answer["topics"]] == [42]


def test_created_topics_tell_their_settings(wire):
    topic = {"name": "told", "num_partitions": -1, "replication_factor": -1, "assignments": [],
             "configs": [{"name": "retention.ms", "value": "123456"}]}
    answer, = wire.call("create_topics", 7, topics=[topic], timeout_ms=1000, validate_only=False)["topics"]
    assert answer["error_code"] == 0 and answer["num_partitions"] >= 1 and answer["topic_id"] != bytes(16)
    assert {c["name"]: (c["value"], c["config_source"]) for c in answer["configs"]}["retention.ms"] == \
        ("123456", 1)


def test_records_are_trimmed(shared, admin, wire, anna):
    admin.create_topics([NewTopic("trim", 1, 1)])["trim"].result(20)
    shared.kcat("-P", "-t", "trim", stdin="a\nb\nc\n")

    def trim(client, offset):
        answer = client.call("delete_records", 2, timeout_ms=1000, topics=[
            {"name": "trim", "partitions": [{"partition_index": 0, "offset": offset}]}])
        return answer["topics"][0]["partitions"][0]
    with speak(shared, "anna") as stranger:
        assert trim(stranger, 2)["error_code"] == 29
    assert trim(wire, 99)["error_code"] == 1
    assert trim(wire, 2) == {"partition_index": 0, "low_watermark": 2, "error_code": 0}
    assert shared.kcat("-C", "-t", "trim", "-e", "-o", "beginning").stdout == "c\n"


def test_idempotent_producers_have_ids(shared):
    for i in range(3):
        p = Producer({**shared.conf(), "enable.idempotence": True})
        errors = []
        p.produce("idem", b"x", on_delivery=lambda e, m: errors.append(e))
        assert p.flush(20) == 0
        assert errors == [None]
    out = shared.kcat("-C", "-t", "idem", "-e", "-o", "beginning").stdout
    assert out == "x\nx\nx\n"


def test_transactions_are_refused(shared):
    p = Producer({**shared.conf(), "transactional.id": "tx"})
    with pytest.raises(KafkaException):
        p.init_transactions(5)


def test_log_dirs(shared, admin, wire):
    admin.create_topics([NewTopic("sized", 2, 1)])["sized"].result(20)
    shared.kcat("-P", "-t", "sized", stdin="a\n")
    answer = wire.call("describe_log_dirs", 4, topics=None)
    sizes = {t["name"]: sum(p["partition_size"] for p in t["partitions"])
             for t in answer["results"][0]["topics"]}
    assert answer["results"][0]["log_dir"].startswith(str(shared.dir))
    assert sizes["sized"] > 0
    there = os.statvfs(shared.dir)
    assert answer["results"][0]["total_bytes"] == there.f_blocks * there.f_frsize
    assert 0 < answer["results"][0]["usable_bytes"] <= there.f_blocks * there.f_frsize
    with speak(shared, "anna") as stranger:
        assert stranger.call("describe_log_dirs", 4, topics=None)["error_code"] == 31


def test_where_an_epoch_ended(shared, admin, wire):
    admin.create_topics([NewTopic("epochs", 1, 1)])["epochs"].result(20)
    shared.kcat("-P", "-t", "epochs", stdin="a\nb\n")
    epoch = wire.call("describe_topic_partitions", 0, topics=[{"name": "epochs"}], cursor=None,
                      response_partition_limit=9)["topics"][0]["partitions"][0]["leader_epoch"]
    answer = wire.call("offset_for_leader_epoch", 4, replica_id=-1, topics=[{"topic": "epochs", "partitions": [
        {"partition": 0, "current_leader_epoch": -1, "leader_epoch": epoch}]}])
    assert answer["topics"][0]["partitions"][0]["end_offset"] == 2
    for last, offset, want in ((-1, 2, (0, -1, -1)), (epoch, 2, (0, -1, -1)), (epoch, 3, (0, epoch, 2)), (epoch + 1, 0, (1, -1, -1))):
        got = wire.call("fetch", 12, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000, isolation_level=0, topics=[
            {"topic": "epochs", "partitions": [{"partition": 0, "fetch_offset": offset, "last_fetched_epoch": last,
                                                "partition_max_bytes": 1000}]}])["responses"][0]["partitions"][0]
        assert (got["error_code"], got["diverging_epoch"]["epoch"], got["diverging_epoch"]["end_offset"]) == want


FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH = 74, 75


def test_what_a_restart_keeps(broker):
    """Partitions, records, what was deleted of them; the leader epoch after a clean stop, and one more after a kill."""
    broker.ctl("topic", "create", "kept", "-p", "5")
    for n, (end, want) in enumerate([(None, 0), ("stop", 0), ("kill", 1), ("kill", 2), ("stop", 2)]):
        if end is not None:
            broker.kill() if end == "kill" else broker.stop()
            broker.start()
        with speak(broker) as c:
            if end is None:
                broker.kcat("-P", "-t", "kept", "-p", "0", stdin="a\nb\nc\n")
                c.call("delete_records", 2, timeout_ms=1000, topics=[
                    {"name": "kept", "partitions": [{"partition_index": 0, "offset": 1}]}])
            m = c.call("metadata", 9, topics=[{"name": "kept"}])
            found = {p["partition_index"]: p["leader_epoch"] for p in m["topics"][0]["partitions"]}
            assert (m["controller_id"], found) == (1, dict.fromkeys(range(5), want)), end

            def of(timestamp):
                a = c.call("list_offsets", 7, replica_id=-1, isolation_level=0, topics=[
                    {"name": "kept", "partitions": [{"partition_index": 0, "timestamp": timestamp}]}])["topics"][0]["partitions"][0]
                return a["offset"], a["leader_epoch"]
            assert (of(-2), of(-1)) == ((1, 0), (3 + max(n - 1, 0), [0, 0, 0, 1, 2][n]))
            if n > 0:
                broker.kcat("-P", "-t", "kept", "-p", "0", stdin=f"{n}\n")
            ends = [c.call("offset_for_leader_epoch", 4, replica_id=-1, topics=[{"topic": "kept", "partitions": [
                {"partition": 0, "current_leader_epoch": -1, "leader_epoch": e}]}])["topics"][0]["partitions"][0]["end_offset"]
                for e in range(4)]
            assert ends == [[3, -1, -1, -1], [4, -1, -1, -1], [4, 5, -1, -1], [4, 5, 6, -1], [4, 5, 7, -1]][n]
            for epoch, code in ((want, 0), (want + 1, UNKNOWN_LEADER_EPOCH), (want - 1, FENCED_LEADER_EPOCH)):
                if epoch < 0:
                    continue
                got = c.call("fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000, isolation_level=0, topics=[
                    {"topic": "kept", "partitions": [{"partition": 0, "current_leader_epoch": epoch, "fetch_offset": 1,
                                                      "partition_max_bytes": 1000}]}])["responses"][0]["partitions"][0]
                assert got["error_code"] == code, (end, epoch)
    assert broker.kcat("-C", "-t", "kept", "-p", "0", "-e", "-o", "beginning").stdout == "b\nc\n1\n2\n3\n4\n"


def told_epochs(c, topic):
    """As Metadata has them; DescribeTopicPartitions says the same."""
    m, = c.call("metadata", 9, topics=[{"name": topic}])["topics"]
    d, = c.call("describe_topic_partitions", 0, topics=[{"name": topic}], cursor=None, response_partition_limit=99)["topics"]
    both = [sorted((p["partition_index"], p["leader_epoch"]) for p in t["partitions"]) for t in (m, d)]
    assert both[0] == both[1] and m["error_code"] == 0
    return [epoch for _, epoch in both[0]]


def fenced_by(c, topic, partition, epoch):
    """What Fetch, ListOffsets and OffsetForLeaderEpoch answer to who believes in this epoch: one code."""
    p = {"partition": partition, "current_leader_epoch": epoch}
    answers = [
        c.call("fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000, isolation_level=0, topics=[
            {"topic": topic, "partitions": [{**p, "fetch_offset": 0, "partition_max_bytes": 1000}]}])["responses"],
        c.call("list_offsets", 7, replica_id=-1, isolation_level=0, topics=[
            {"name": topic, "partitions": [{"partition_index": partition, "current_leader_epoch": epoch, "timestamp": -1}]}])["topics"],
        c.call("offset_for_leader_epoch", 4, replica_id=-1, topics=[
            {"topic": topic, "partitions": [{**p, "leader_epoch": 0}]}])["topics"]]
    code, = {a[0]["partitions"][0]["error_code"] for a in answers}
    return code


def test_leader_epochs_are_each_partitions_own(broker):
    """0 when it is made, of an old topic too; one more after each kill that found it, and none after a clean stop."""
    def check(a, b):
        with speak(broker) as c:
            assert (told_epochs(c, "a"), told_epochs(c, "b")) == (a, b)
            assert told_epochs(c, "__consumer_offsets")[0] == a[0], "it was there from the first start on"
            for topic, epochs in (("a", a), ("b", b)):
                for partition, epoch in enumerate(epochs):
                    assert fenced_by(c, topic, partition, epoch) == fenced_by(c, topic, partition, -1) == 0
                    assert fenced_by(c, topic, partition, epoch + 1) == UNKNOWN_LEADER_EPOCH
                    assert epoch == 0 or fenced_by(c, topic, partition, epoch - 1) == FENCED_LEADER_EPOCH
        shown = json.loads(broker.ctl("-o", "json", "topic", "describe", "a").stdout)
        assert [p["epoch"] for p in shown["partitions"]] == a, shown

    broker.ctl("topic", "create", "a", "-p", "1")
    with speak(broker) as c:
        assert told_epochs(c, "a") == [0]
    broker.kill()
    broker.start()
    broker.ctl("topic", "create", "b", "-p", "1")
    with speak(broker) as c:
        done = c.call("create_partitions", 2, timeout_ms=1000, validate_only=False, topics=[
            {"name": "a", "count": 2, "assignments": None}])["results"]
        assert done[0]["error_code"] == 0
    check([1, 0], [0])
    for end, want in ((broker.stop, ([1, 0], [0])), (broker.kill, ([2, 1], [1])), (broker.kill, ([3, 2], [2])),
                      (broker.stop, ([3, 2], [2]))):
        end()
        broker.start()
        check(*want)
    # What is written has the epoch of its partition, and a name that is used again begins anew.
    for topic, partition, epoch in (("a", "0", 3), ("a", "1", 2), ("b", "0", 2)):
        broker.kcat("-P", "-t", topic, "-p", partition, stdin="x\n")
        with speak(broker) as c:
            last = c.call("list_offsets", 7, replica_id=-1, isolation_level=0, topics=[
                {"name": topic, "partitions": [{"partition_index": int(partition), "timestamp": -1}]}])["topics"][0]["partitions"][0]
            assert (last["offset"], last["leader_epoch"]) == (1, epoch)
    broker.ctl("topic", "delete", "b")
    broker.ctl("topic", "create", "b", "-p", "1")
    check([3, 2], [0])


def test_no_leader_epoch_goes_back(broker):
    """The metadata come from an older backup, and the directory's file from none: logs say how late it is."""
    broker.ctl("topic", "create", "old", "-p", "1")
    broker.stop()
    kept = {f.name: f.read_bytes() for f in (broker.dir / "data").glob("meta.db*")}
    for _ in range(2):
        broker.start()
        broker.kill()
    broker.start()
    broker.ctl("topic", "create", "new", "-p", "1")
    broker.kcat("-P", "-t", "old", stdin="x\n")
    broker.stop()
    for f in (broker.dir / "data").glob("meta.db*"):
        f.unlink()
    for name, data in kept.items():
        (broker.dir / "data" / name).write_bytes(data)
    broker.start()
    with speak(broker) as c:
        assert told_epochs(c, "old") == [2]
    broker.stop()
    (broker.dir / "data/leader-epoch").unlink()
    broker.start()
    with speak(broker) as c:
        assert told_epochs(c, "old") == [2]
    assert (broker.dir / "data/leader-epoch").read_text() == "2\n"
    assert "leader-epoch is missing" in broker.log


# Settings.

def test_settings_of_topics(admin):
    admin.create_topics([NewTopic("conf", 1, 1, config={"retention.ms": "5000"})])["conf"].result(20)
    s = settings(admin, "conf")
    assert s["retention.ms"].value == "5000" and s["retention.ms"].source == 1
    assert s["segment.bytes"].value == "1073741824" and s["segment.bytes"].source == 5
    assert not s["retention.ms"].is_sensitive and not s["retention.ms"].is_read_only
    change = ConfigResource(ConfigResource.Type.TOPIC, "conf", set_config={"cleanup.policy": "compact"})
    assert code(admin.alter_configs([change])[change]) == 0
    s = settings(admin, "conf")
    assert s["cleanup.policy"].value == "compact"
    assert s["retention.ms"].source == 5, "AlterConfigs replaces all"


def test_errors_of_settings(admin):
    admin.create_topics([NewTopic("conf2", 1, 1)])["conf2"].result(20)

    def alter(name, value, topic="conf2"):
        r = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config={name: value})
        return code(admin.alter_configs([r])[r])
    assert alter("no.such.setting", "1") == 40
    assert alter("segment.bytes", "many") == 40
    assert alter("retention.ms", "1", topic="conf-none") == 3


def test_settings_of_the_broker(admin, wire):
    resource = ConfigResource(ConfigResource.Type.BROKER, "1")
    s = admin.describe_configs([resource])[resource].result(20)
    assert s["node.id"].value == "1"
    assert not any("password" in n and v.value for n, v in s.items())
    change = ConfigResource(ConfigResource.Type.BROKER, "1", set_config={"log.retention.ms": "777000"})
    assert code(admin.alter_configs([change])[change]) == 0
    admin.create_topics([NewTopic("inherits", 1, 1)])["inherits"].result(20)
    assert settings(admin, "inherits")["retention.ms"].value == "777000"
    assert settings(admin, "inherits")["retention.ms"].source == 2
    whole = wire.call("describe_configs", 4, include_synonyms=True, include_documentation=False, resources=[
        {"resource_type": 4, "resource_name": "", "configuration_keys": None}])["results"][0]["configs"]
    assert [(c["name"], c["value"], c["config_source"]) for c in whole] == [("log.retention.ms", "777000", 3)]
    bad = ConfigResource(ConfigResource.Type.BROKER, "1", set_config={"node.id": "2"})
    assert code(admin.alter_configs([bad])[bad]) == 42
    nothing = ConfigResource(ConfigResource.Type.BROKER, "1")
    assert code(admin.alter_configs([nothing])[nothing]) == 0
    assert settings(admin, "inherits")["retention.ms"].source == 5


def test_settings_one_by_one(admin, wire):
    admin.create_topics([NewTopic("steps", 1, 1, config={"retention.ms": "5000"})])["steps"].result(20)

    def alter(*changes, topic="steps"):
        configs = [{"name": n, "config_operation": op, "value": v} for n, op, v in changes]
        answer = wire.call("incremental_alter_configs", 1, validate_only=False, resources=[
            {"resource_type": 2, "resource_name": topic, "configs": configs}])
        return answer["responses"][0]["error_code"]
    assert alter(("segment.ms", 0, "60000000")) == 0
    assert settings(admin, "steps")["retention.ms"].value == "5000", "what is not named stays"
    assert alter(("cleanup.policy", 2, "compact")) == 0
    assert set(settings(admin, "steps")["cleanup.policy"].value.split(",")) == {"delete", "compact"}
    assert alter(("cleanup.policy", 3, "delete")) == 0
    assert settings(admin, "steps")["cleanup.policy"].value == "compact"
    assert alter(("retention.ms", 2, "1")) == 40, "no list"
    assert alter(("retention.ms", 1, None)) == 0
    assert settings(admin, "steps")["retention.ms"].source == 5
    assert alter(("retention.ms", 0, "1"), ("retention.ms", 0, "2")) == 42
    assert alter(("retention.ms", 9, "1")) == 42


def test_strangers_change_no_settings(admin, anna):
    admin.create_topics([NewTopic("conf3", 1, 1)])["conf3"].result(20)
    r = ConfigResource(ConfigResource.Type.TOPIC, "conf3", set_config={"retention.ms": "1"})
    assert code(anna.alter_configs([r])[r]) == 29
    b = ConfigResource(ConfigResource.Type.BROKER, "1", set_config={"log.retention.ms": "1"})
    assert code(anna.alter_configs([b])[b]) == 31


# Rules.

def rule(principal, operation, topic, permission=ACLPermissionType.ALLOW):
    return ACL(principal=principal, host="*", operation=operation, permission_type=permission,
               resource_pattern=ResourcePattern(ResourceType.TOPIC, topic))


def found(client, topic, principal=None):
    acls, _ = client.describe_acls(ACLFilter(
        principal=principal, host=None, operation=ACLOperation.ANY, permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.TOPIC, topic, kadmin.ACLResourcePatternType.LITERAL)))
    return {(a.principal, a.operation.name, a.permission_type.name) for a in acls}


def test_rules_come_work_and_go(shared, python):
    shared.user("ruled")
    python.create_topics([kadmin.NewTopic("rules", 1, 1)])
    refused = shared.kcat("-P", "-t", "rules", conf="ruled", stdin="x\n", check=False)
    assert refused.returncode != 0
    made = python.create_acls([rule("User:ruled", ACLOperation.WRITE, "rules")])
    assert len(made["succeeded"]) == 1
    assert ("User:ruled", "WRITE", "ALLOW") in found(python, "rules")
    shared.kcat("-P", "-t", "rules", conf="ruled", stdin="x\n")
    python.create_acls([rule("User:ruled", ACLOperation.WRITE, "rules", ACLPermissionType.DENY)])
    assert shared.kcat("-P", "-t", "rules", conf="ruled", stdin="x\n", check=False).returncode != 0
    deleted = python.delete_acls([ACLFilter(
        principal="User:ruled", host=None, operation=ACLOperation.ANY, permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.TOPIC, "rules",
                                               kadmin.ACLResourcePatternType.LITERAL))])
    assert len(deleted[0][1]) == 2
    assert not any(p == "User:ruled" for p, _, _ in found(python, "rules"))


def test_modes_show_as_rules_and_stay(shared, python):
    python.create_topics([kadmin.NewTopic("moded", 1, 1)])
    shared.ctl("chmod", "0666", "/main/topics/moded")
    assert ("User:*", "READ", "ALLOW") in found(python, "moded")
    answer = python.delete_acls([ACLFilter(
        principal="User:*", host="*", operation=ACLOperation.READ, permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePatternFilter(ResourceType.TOPIC, "moded",
                                               kadmin.ACLResourcePatternType.LITERAL))])
    assert "InvalidRequest" in str(answer[0][2])
    assert ("User:*", "READ", "ALLOW") in found(python, "moded")


def test_owners_rule_their_topics_only(shared, python):
    shared.user("owner")
    python.create_topics([kadmin.NewTopic("owned", 1, 1), kadmin.NewTopic("foreign", 1, 1)])
    shared.ctl("chown", "owner", "/main/topics/owned")
    mine = KafkaAdminClient(**shared.python_conf("owner"))
    made = mine.create_acls([rule("User:anyone", ACLOperation.READ, "owned"),
                             rule("User:anyone", ACLOperation.READ, "foreign")])
    mine.close()
    assert [a.resource_pattern.resource_name for a in made["succeeded"]] == ["owned"]
    assert len(made["failed"]) == 1
    assert not any(p == "User:anyone" for p, _, _ in found(python, "foreign"))


# Quotas, keys, the tree: schlossctl.

def test_quotas(shared):
    shared.user("slow")
    shared.ctl("quota", "set", "/main/users/slow", "producer_byte_rate=1000000")
    assert "producer_byte_rate" in shared.ctl("quota", "show", "/main/users/slow").stdout
    shared.ctl("quota", "set", "/main/users/slow", "producer_byte_rate=")
    assert "1000000" not in shared.ctl("quota", "show", "/main/users/slow", check=False).stdout
    assert shared.ctl("quota", "set", "/main/users/slow", "no_such_rate=1", check=False).returncode != 0
    refused = shared.ctl("quota", "set", "/main/users/slow", "producer_byte_rate=1", conf="slow", check=False)
    assert refused.returncode != 0


def test_a_new_password(shared):
    shared.user("keyed")
    assert shared.kcat("-L", conf="keyed").returncode == 0
    shared.ctl("user", "passwd", "keyed", "--password", "another-secret-1")
    assert shared.kcat("-L", "-m", "5", conf="keyed", check=False).returncode != 0
    lines = (shared.dir / "keyed.conf").read_text().split("\n")
    (shared.dir / "keyed.conf").write_text("\n".join(
        "sasl.password=another-secret-1" if x.startswith("sasl.password=") else x for x in lines))
    assert shared.kcat("-L", conf="keyed").returncode == 0


def test_scram_keys_by_the_protocol(shared, wire):
    shared.user("scrammed")

    def told(*names):
        answer = wire.call("describe_user_scram_credentials", 0, users=[{"name": n} for n in names])
        assert answer["error_code"] == 0
        return {r["user"]: (r["error_code"], {c["mechanism"] for c in r["credential_infos"]})
                for r in answer["results"]}

    def upsert(name, mechanism=1, iterations=4096, user=None):
        salted = hashlib.pbkdf2_hmac("sha256", b"secret", b"salty", max(iterations, 1))
        one = {"name": name, "mechanism": mechanism, "iterations": iterations, "salt": b"salty",
               "salted_password": salted}
        return one

    def alter(client, upsertions=(), deletions=()):
        answer = client.call("alter_user_scram_credentials", 0, deletions=list(deletions),
                             upsertions=list(upsertions))
        return {r["user"]: r["error_code"] for r in answer["results"]}
    assert told("scrammed", "nobody") == {"scrammed": (0, {1, 2}), "nobody": (91, set())}
    assert alter(wire, [upsert("bykafka")]) == {"bykafka": 0}
    assert told("bykafka") == {"bykafka": (0, {1})}
    assert alter(wire, [upsert("bykafka", iterations=100)]) == {"bykafka": 93}
    assert alter(wire, [upsert("bykafka", mechanism=7)]) == {"bykafka": 33}
    assert alter(wire, [upsert("bykafka"), upsert("bykafka")]) == {"bykafka": 92}
    assert alter(wire, deletions=[{"name": "bykafka", "mechanism": 2}]) == {"bykafka": 91}
    assert alter(wire, deletions=[{"name": "bykafka", "mechanism": 1}]) == {"bykafka": 0}
    assert told("bykafka") == {"bykafka": (91, set())}
    with speak(shared, "scrammed") as stranger:
        assert alter(stranger, [upsert("admin")]) == {"admin": 31}


def test_modes_decide(shared):
    shared.user("moved")
    shared.ctl("topic", "create", "modes", "-p", "1")
    assert shared.kcat("-P", "-t", "modes", conf="moved", stdin="x\n", check=False).returncode != 0
    shared.ctl("chmod", "0666", "/main/topics/modes")
    shared.kcat("-P", "-t", "modes", conf="moved", stdin="x\n")
    shared.ctl("chmod", "o-w", "/main/topics/modes")
    assert shared.kcat("-P", "-t", "modes", conf="moved", stdin="x\n", check=False).returncode != 0
    assert "rw-rw-r--" in shared.ctl("ls", "/main/topics/modes").stdout
    assert shared.ctl("chmod", "0777", "/main/topics/modes", conf="moved", check=False).returncode != 0
    assert shared.ctl("why", "moved", "read", "/main/topics/modes").returncode == 0
    why = shared.ctl("why", "moved", "write", "/main/topics/modes", check=False)
    assert why.returncode == 1 and "other" in why.stdout


def test_a_tenant_that_is_gone_takes_its_connections(broker):
    """An operator's connection that entered it as well; the broker goes on."""
    broker.ctl("tenant", "create", "brief", "--admin", "boss", "--conf", broker.dir / "boss.conf")
    with speak(broker) as inside, speak(broker) as outside:
        assert inside.call("enter", 0, tenant="brief")["error_code"] == 0
        topic = {"name": "theirs", "num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": []}
        made = inside.call("create_topics", 7, topics=[topic], timeout_ms=1000, validate_only=False)
        assert made["topics"][0]["error_code"] == 0
        listed = outside.call("describe_topic_partitions", 0, topics=[], response_partition_limit=9, cursor=None)
        assert "theirs" not in [t["name"] for t in listed["topics"]]
        deleted = inside.call("delete_topics", 6, topics=[{"name": "theirs", "topic_id": bytes(16)}],
                              timeout_ms=1000)
        assert deleted["responses"][0]["error_code"] == 0
        broker.delete_tenant("brief")
        with pytest.raises((EOFError, OSError)):
            inside.call("describe_cluster", 1, include_cluster_authorized_operations=False, endpoint_type=1)
        assert outside.call("describe_cluster", 1, include_cluster_authorized_operations=False,
                            endpoint_type=1)["error_code"] == 0


def test_tenants_administer_themselves_only(broker):
    """Rules, quotas, keys and settings of one tenant are not there for the other."""
    broker.ctl("tenant", "create", "acme", "--admin", "boss", "--conf", broker.dir / "boss.conf")
    broker.user("mainuser")
    rule_of = {"resource_type": 2, "resource_name": "shared-name", "resource_pattern_type": 3,
               "principal": "User:x", "host": "*", "operation": 3, "permission_type": 3}
    every = dict(resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
                 principal_filter=None, host_filter=None, operation=1, permission_type=1)

    def rules(client):
        answer = client.call("describe_acls", 3, **every)
        assert answer["error_code"] == 0
        return {(r["resource_name"], a["principal"]) for r in answer["resources"] for a in r["acls"]}

    def quotas(client):
        answer = client.call("describe_client_quotas", 1, components=[], strict=False)
        assert answer["error_code"] == 0
        return [e["entity_name"] for entry in answer["entries"] for e in entry["entity"]]
    with speak(broker) as main, speak(broker) as acme:
        assert acme.call("enter", 0, tenant="acme")["error_code"] == 0
        assert acme.call("create_acls", 3, creations=[rule_of])["results"][0]["error_code"] == 0
        assert ("shared-name", "User:x") in rules(acme)
        assert ("shared-name", "User:x") not in rules(main)
        user = {"entity": [{"entity_type": "user", "entity_name": "x"}],
                "ops": [{"key": "producer_byte_rate", "value": 1e6, "remove": False}]}
        assert acme.call("alter_client_quotas", 1, entries=[user], validate_only=False)["entries"][0]["error_code"] == 0
        assert "x" in quotas(acme) and "x" not in quotas(main)
        named = acme.call("describe_user_scram_credentials", 0, users=None)
        assert [r["user"] for r in named["results"]] == ["boss"]
        gone = main.call("delete_acls", 3, filters=[{**every}])["filter_results"][0]
        assert gone["error_code"] == 0 and not gone["matching_acls"]
        assert ("shared-name", "User:x") in rules(acme)


def test_quotas_refuse_nonsense_and_strangers(shared, wire):
    shared.user("curious")

    def alter(client, entity, key="producer_byte_rate", value=1000.0):
        entry = {"entity": [{"entity_type": t, "entity_name": n} for t, n in entity],
                 "ops": [{"key": key, "value": value, "remove": False}]}
        return client.call("alter_client_quotas", 1, entries=[entry], validate_only=True)["entries"][0]["error_code"]
    assert alter(wire, [("user", "anna")]) == 0
    assert alter(wire, [("user", None), ("client-id", None)]) == 0
    assert alter(wire, [("user", "a"), ("user", "b")]) == 42
    assert alter(wire, [("planet", "mars")]) == 42
    assert alter(wire, []) == 42
    assert alter(wire, [("user", "anna")], value=float("nan")) == 42
    assert alter(wire, [("user", "anna")], value=-1.0) == 42
    assert alter(wire, [("ip", "10.0.0.1")], key="connection_creation_rate") == 0
    assert alter(wire, [("ip", "no address")], key="connection_creation_rate") == 42
    with speak(shared, "curious") as stranger:
        assert alter(stranger, [("user", "curious")]) == 31
        assert alter(stranger, [("ip", "10.0.0.1")], key="connection_creation_rate") == 31
        assert stranger.call("describe_client_quotas", 1, components=[], strict=False)["error_code"] == 31
        everything = dict(resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
                          principal_filter=None, host_filter=None, operation=1, permission_type=1)
        assert stranger.call("describe_acls", 3, **everything)["error_code"] == 31
        assert stranger.call("delete_acls", 3, filters=[everything])["filter_results"][0]["error_code"] == 31


def test_a_tenant_sees_public_options_only(shared, wire):
    broker = [{"resource_type": 4, "resource_name": "1", "configuration_keys": None}]
    ask = dict(resources=broker, include_synonyms=True, include_documentation=True)
    everything = wire.call("describe_configs", 4, **ask)["results"][0]
    assert everything["error_code"] == 0
    names = {c["name"] for c in everything["configs"]}
    assert {"log.dirs", "node.id", "num.io.threads"} <= names
    shared.ctl("chmod", "o+r", "/main", check=False)
    shared.user("teamed", "--team", "admins")
    with speak(shared, "teamed") as tenant:
        seen = tenant.call("describe_configs", 4, **ask)["results"][0]
    assert seen["error_code"] == 0
    public = {c["name"] for c in seen["configs"]}
    assert "node.id" in public and "log.dirs" not in public and "num.io.threads" not in public


def sample(node, random, depth=0):
    """Some value of the field, often an odd one."""
    def one():
        if node.type == "struct":
            return {c.name: sample(c, random, depth + 1) for c in node.children}
        if node.type in ("bytes", "records"):
            return random.choice([b"", b"\0\xff", b"x" * 40])
        if node.type == "uuid":
            return random.choice([bytes(16), b"\7" * 16])
        if node.type == "bool":
            return random.random() < 0.5
        if node.type == "f64":
            return random.choice([0.0, -1.0, 1e300, float("nan"), float("inf")])
        if node.type in twin.FIXED:
            return random.choice([0, 1, 2, 3, 4, 7, 100] + ([-1] if node.type[0] != "u" else []))
        return random.choice(["", "a", "/main/topics/a", "/", "main", "user", "ip", "SCRAM-SHA-256", "%", "x" * 300,
                              "retention.ms", "\u00e4\u0000", "User:*", "*", "producer_byte_rate"])
    if node.null_from is not None and random.random() < 0.15:
        return None
    if node.array:
        return [one() for _ in range(random.choice([0, 1, 1, 2, 3]))]
    return one()


def test_odd_requests_do_no_harm(broker):
    """Whatever decodes is answered, or ends its connection: never the broker."""
    import random as randoms
    random = randoms.Random(30)
    schema = twin.Schema()
    broker.user("odd")
    broker.ctl("topic", "create", "a", "-p", "2")
    skip = {"sasl_handshake", "sasl_authenticate", "fetch", "join_group", "sync_group", "produce"}
    for user in ("admin", "odd"):
        client = speak(broker, user)
        client.sock.settimeout(20)
        for api in schema:
            for _ in range(6):
                if api.name in skip:
                    continue
                version = random.randint(api.lo, api.hi)
                value = {n.name: sample(n, random) for n in api.messages["request"]}
                try:
                    client.call(api.name, version, **value)
                except (EOFError, OSError):
                    assert broker.process.poll() is None, (api.name, version, value)
                    client.close()
                    client = speak(broker, user)
                except twin.Bad as e:
                    assert e.what not in ("corrupt", "short"), (api.name, version, value)
        client.close()
    broker.stop()
    broker.start()


def test_a_request_of_many_steps_leaves_its_connection_usable(wire):
    steps = [{"action": 0, "team": f"many{i}", "users": []} for i in range(3)]
    for _ in range(2):
        answer = wire.call("team_alter", 0, tenant=None, changes=steps)
        assert len(answer["results"]) == 3
    assert wire.call("id", 0, tenant=None, user=None)["user"] == "admin"


def test_operators_are_regrouped_by_operators(shared):
    shared.ctl("team", "create", "plain")
    shared.user("deputy", "--team", "admins")
    with speak(shared, "deputy") as deputy:
        def add(user):
            change = {"action": 2, "team": "plain", "users": [user]}
            return deputy.call("team_alter", 0, tenant=None, changes=[change])["results"][0]["error_code"]
        assert add("deputy") == 0
        assert add("admin") == 31
