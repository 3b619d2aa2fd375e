# SPDX-License-Identifier: Apache-2.0
"""Small requests that ask for much: what one logged-in client may cost everybody else."""
import gzip
import struct
import threading

import hostile
import pytest
from hostile import frame, send_and_see
from test_21_batches import batch_of
from test_68_groups_faults import commit, committed, heartbeat
from test_68_groups_faults import join as join_alone
from test_68_groups_faults import settled

MIB = 1 << 20


@pytest.fixture(scope="module")
def everyone():
    s = hostile.Site(hostile.SETTINGS + "\nnum.network.threads: 1")
    s.broker.ctl("topic", "create", "wide", "-p", "1000")
    s.broker.ctl("topic", "create", "bombed")
    yield s
    s.remove()


@pytest.fixture
def site(everyone):
    with everyone.meanwhile():
        yield everyone
    everyone.undisturbed()


class Peak:
    """The most that the broker held within a block, above what it held before."""

    def __init__(self, site):
        self.site, self.bytes, self.over = site, 0, threading.Event()

    def watch(self):
        while not self.over.wait(0.005):
            self.bytes = max(self.bytes, self.site.resident() - self.before)

    def __enter__(self):
        self.before = self.site.resident()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def ask(site, name, version, **value):
    """The answer to one request on a connection of its own, and its size."""
    with site.client(60) as c:
        raw = send_and_see(c, frame(site.schema[name].encode_request(version, value, 7)))
        return site.schema[name].decode_response(version, raw)[1], len(raw)


def join(group, **more):
    return {"group_id": group, "session_timeout_ms": 30000, "rebalance_timeout_ms": 1000, "member_id": "",
            "group_instance_id": "one", "protocol_type": "consumer", **more}


def test_as_many_protocols_as_a_request_holds(site):
    """Each was compared with each: the square of a hundred thousand."""
    many = [{"name": f"p{i}", "metadata": b""} for i in range(100000)]
    assert ask(site, "join_group", 5, **join("many", protocols=many))[0]["error_code"] == 42
    few = ask(site, "join_group", 5, **join("many", protocols=many[:32]))[0]
    assert (few["error_code"], few["protocol_name"]) == (0, "p0")


def test_a_subscription_is_kept_and_so_it_is_bounded(site):
    with Peak(site) as held:
        for i in range(3):
            big = [{"name": "range", "metadata": bytes(20 * MIB)}]
            assert ask(site, "join_group", 5, **join(f"big-{i}", protocols=big))[0]["error_code"] == 42
    assert site.resident() - held.before < 50 * MIB
    fine = [{"name": "range", "metadata": bytes(65537)}]
    assert ask(site, "join_group", 5, **join("fine", protocols=fine))[0]["error_code"] == 0


def test_what_is_asked_twice_is_answered_once(site):
    """Seven bytes of a question, fifty thousand of an answer."""
    one = ask(site, "metadata", 9, topics=[{"name": "wide"}])
    assert len(one[0]["topics"][0]["partitions"]) == 1000
    uuid = ask(site, "metadata", 12, topics=[{"name": "wide"}])[0]["topics"][0]["topic_id"]
    with Peak(site) as held:
        assert ask(site, "metadata", 9, topics=[{"name": "wide"}] * 20000) == one
        by_id = ask(site, "metadata", 12, topics=[{"name": None, "topic_id": uuid}] * 20000)[0]["topics"]
        assert [t["topic_id"] for t in by_id] == [uuid]
        for v, wanted in ((4, 2), (1, 1)):
            kinds = [{"resource_type": k, "resource_name": n, "configuration_keys": None}
                     for k, n in ((2, "wide"), (4, "1"))[:wanted]]
            assert len(ask(site, "describe_configs", v, resources=kinds * 20000)[0]["results"]) == wanted
        assert len(ask(site, "describe_groups", 5, groups=["calm"] * 100000)[0]["groups"]) == 1
        all_of = {"group_id": "calm", "topics": None}
        assert len(ask(site, "offset_fetch", 8, groups=[all_of] * 100000, require_stable=False)[0]["groups"]) == 1
    assert held.bytes < 150 * MIB, held.bytes


def test_filters_as_long_as_a_request(site):
    states = ["Stable"] * 100000
    assert ask(site, "list_groups", 5, states_filter=states, types_filter=states)[0]["groups"] == []
    assert ask(site, "list_groups", 5, states_filter=states + ["empty"], types_filter=["Classic"])[0]["error_code"] == 0


def test_a_hundred_thousand_partitions_in_a_fetch(site):
    """Kafka allows it: each has its answer, and the first its records."""
    topic = ask(site, "metadata", 12, topics=[{"name": "calm"}])[0]["topics"][0]["topic_id"]
    ask_for = [{"partition": i, "fetch_offset": 0, "partition_max_bytes": 100} for i in (*range(50000), *[0] * 50000)]
    with Peak(site) as held:
        answer, _ = ask(site, "fetch", 13, max_wait_ms=500, min_bytes=1, max_bytes=1000, isolation_level=0,
                        topics=[{"topic_id": topic, "partitions": ask_for}], rack_id="")
    told = answer["responses"][0]["partitions"]
    assert [p["partition_index"] for p in told] == [p["partition"] for p in ask_for]
    assert {p["error_code"] for p in told[1:50000]} == {3}
    assert {p["error_code"] for p in told[50000:]} == {0} and len(told[0]["records"]) > 0
    assert sum(len(p["records"] or b"") for p in told) < 20000
    assert held.bytes < 150 * MIB, held.bytes


def test_filters_times_rules(site):
    """Each filter is compared with each rule: 146 KB of filters stopped a loop for minutes where there were many rules."""
    rule = {"resource_type": 2, "resource_pattern_type": 3, "principal": "User:u", "host": "*", "operation": 3,
            "permission_type": 3}
    made = ask(site, "create_acls", 3, creations=[{**rule, "resource_name": f"n{i}"} for i in range(5000)])[0]
    assert {a["error_code"] for a in made["results"]} == {0}

    def delete(n, who):
        one = {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1, "principal_filter": who,
               "host_filter": None, "operation": 1, "permission_type": 1}
        return ask(site, "delete_acls", 3, filters=[one] * n)[0]["filter_results"]
    told = [a["error_code"] for a in delete(5000, "User:nobody")]
    assert told[:990] == [0] * 990 and set(told[1010:]) == {42}
    found = delete(30, "User:u")  # each finds them all, until what may be answered is used up
    assert {len(a["matching_acls"]) for a in found[:9]} == {5000}
    assert found[-1]["error_code"] == 42
    assert ask(site, "describe_acls", 3, resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
               principal_filter="User:u", host_filter=None, operation=1, permission_type=1)[0]["resources"] == []


@pytest.mark.parametrize("api, field, one", [
    ("create_topics", "topics", {"name": "t", "num_partitions": 1, "replication_factor": 1}),
    ("create_partitions", "topics", {"name": "t", "count": 2}),
    ("alter_configs", "resources", {"resource_type": 2}), ("incremental_alter_configs", "resources", {"resource_type": 2}),
    ("create_acls", "creations", {}), ("alter_client_quotas", "entries", {}),
    ("alter_user_scram_credentials", "deletions", {}), ("alter_user_scram_credentials", "upsertions", {}),
    ("user_alter", "changes", {}), ("team_alter", "changes", {})])
def test_more_changes_than_are_taken(site, api, field, one):
    """Four bytes of a change take two kilobytes until it is refused."""
    version, said = site.schema[api].hi, site.broker.log.count("of more than 20000 things")
    with site.client() as c, Peak(site) as held:
        assert send_and_see(c, frame(site.schema[api].encode_request(version, {field: [one] * 20001}, 7))) is None
    assert held.bytes < 100 * MIB, held.bytes
    assert site.broker.log.count("of more than 20000 things") == said + 1
    ask(site, api, version, **{field: [one] * 20000})


def test_records_deleted_of_many_partitions(site):
    """One write keeps where they all begin now, not one each; by and by that was a worker for a minute."""
    cuts = [{"partition_index": i % 1001, "offset": 0} for i in range(200000)]
    told = ask(site, "delete_records", 2, timeout_ms=1000, topics=[{"name": "wide", "partitions": cuts}])[0]
    told = told["topics"][0]["partitions"]
    assert {p["error_code"] for p in told if p["partition_index"] < 1000} == {0}
    assert {(p["error_code"], p["low_watermark"]) for p in told if p["partition_index"] == 1000} == {(3, -1)}


def zeros_by_zstd(size):
    """A frame with a window of 8 MiB and blocks of 128 KiB, each one byte that is repeated (RFC 8878)."""
    blocks = size >> 17
    return b"\x28\xb5\x2f\xfd\x00\x68" + b"".join(
        struct.pack("<I", 1 << 20 | 1 << 1 | (i == blocks - 1))[:3] + b"\0" for i in range(blocks))


def test_an_assignment_by_hand_of_many(site):
    """Each partition was looked for among all."""
    def create(assignments):
        topic = {"name": "assigned", "num_partitions": -1, "replication_factor": -1, "assignments": assignments}
        told = ask(site, "create_topics", 7, topics=[topic], timeout_ms=1000, validate_only=True)[0]
        return told["topics"][0]["error_code"]
    many = [{"partition_index": i, "broker_ids": [1]} for i in range(100001)]
    assert create(many[:100000]) == 0
    assert create(many) == create(many[1:100000]) == create(many[:99999] + many[:1]) == 39


def bomb(codec, size=60 * MIB):
    """A batch whose records are so many zeros: no record, but that shows only when it is unpacked."""
    return batch_of(zeros_by_zstd(size), 4) if codec == "zstd" else batch_of(gzip.compress(bytes(size), 9), 1)


def produce(bombs):
    return {"acks": 1, "timeout_ms": 1000, "topic_data": [
        {"name": "bombed", "partition_data": [{"index": 0, "records": b} for b in bombs]}]}


def test_many_bombs_in_a_request(site):
    """A few at a time: what one request unpacks at once is bounded, and others' work comes in between."""
    with Peak(site) as held:
        answer = ask(site, "produce", 9, **produce([bomb("gzip")] * 24))[0]
    assert {p["error_code"] for p in answer["responses"][0]["partition_responses"]} == {87}
    assert held.bytes < 300 * MIB, held.bytes


def test_more_bombs_than_the_loop_may_look_at(site):
    """40,000 of them in 80 MB: the loop unpacks the first few only, then serves others."""
    raw = site.schema["produce"].encode_request(9, produce([bomb("zstd")] * 40000), 7)
    with site.client(60) as c:
        c.sock.sendall(frame(raw))
        site.undisturbed()
        site.client().close()


def flood(client, prefix):
    """Groups by commit until one is refused: how many, and the code."""
    for i in range(20000):
        code = commit(client, f"{prefix}{i}", 1)
        if code != 0:
            return i, code
    raise AssertionError("nothing is refused")


def test_more_groups_than_memory():
    """What is new is refused with what clients report; what is there goes on; another tenant has its own half."""
    s = hostile.Site(hostile.SETTINGS + f"\nmemory.max: {16 * MIB}")
    try:
        ctl = s.broker.ctl
        ctl("tenant", "create", "acme", "--admin", "tina", "--password", "tinas own 1")
        ctl("--tenant", "acme", "topic", "create", "calm")
        with s.client() as c:
            old = join_alone(c, "old")
            with s.meanwhile():
                n, code = flood(c, "g")
            assert code == 28 and 200 < n < 2000, (n, code)
            ask_for = join("new", protocols=[{"name": "range", "metadata": b"m"}])
            assert c.call("join_group", 5, **ask_for)["error_code"] == 81
            assert not any(g["group_id"] == "new" for g in c.call("list_groups", 4)["groups"])
            assert heartbeat(c, old) == 0
            assert commit(c, "old", 5, old["member_id"], old["generation_id"]) == 0
            assert commit(c, "g0", 2) == 0
        said = "consumer groups of tenant main have used up the half for one tenant"
        assert s.broker.log.count(said) == 1
        with s.tls() as c:
            assert c.sasl_scram("tina@acme", "tinas own 1")["error_code"] == 0
            assert commit(c, "g0", 1) == 0
        s.undisturbed()
        s.restart()  # nothing that was taken is refused then
        with s.client() as c:
            for i in range(n):
                assert settled(lambda i=i: committed(c, f"g{i}"), lambda told: told[0]) == (0, 2 if i == 0 else 1), i
            assert heartbeat(c, old) == 0
            assert commit(c, "new", 1) == 28
            assert c.call("delete_groups", 2, groups_names=["g1"])["results"][0]["error_code"] == 0
            assert commit(c, "new", 1) == 0
    finally:
        s.remove()
