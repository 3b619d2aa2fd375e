# SPDX-License-Identifier: Apache-2.0
"""Every field of every request at its extremes: an answer that can be read, and nothing else happens.

The requests are those of the authorization matrix; in each, one field after the other is set to what no client sends."""
import copy
import re
import types

import hostile
import pytest
import twin
from hostile import frame, header, send_and_see
from matrix_asks import ASKS, RECORDS
from test_40_matrix import all_codes

NUMBERS = {"i8": 7, "i16": 15, "u16": 16, "i32": 31, "u32": 32, "i64": 63, "broker": 31, "kerr": 15}
TEXTS = ["", "\0", ".", "..", "../../../../tmp/x", "/", "a/b", "a\nb 2026-01-01T00:00:00.000Z crit forged",
         "a\r\x1b[31m", "\x9b31m", "\u202ecod.exe", "a\u2028b", "%s%n%d", "__consumer_offsets", "x" * 249, "x" * 250, "x" * 32767, "ü" * 200, "*", "User:*", "-1", "9" * 400]
FLOATS = [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 5e-324, 1.7e308]
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (crit|err|warn|notice|info|debug) "
                      "[^\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*")
# Logs in, or ends what the test stands on: these have tests of their own.
NOT_HERE = {"sasl_handshake", "sasl_authenticate", "tenant_alter"}


@pytest.fixture(scope="module")
def everyone():
    s = hostile.Site(hostile.SETTINGS + "\nauto.create.topics.enable: true")
    s.broker.user("victim")
    s.broker.ctl("team", "create", "victims")
    yield s
    s.remove()


@pytest.fixture
def site(everyone):
    yield everyone
    everyone.undisturbed()


def extremes(node):
    if node.type in NUMBERS:
        bits = NUMBERS[node.type]
        if node.type[0] == "u":
            return [0, 2 ** bits - 1]
        return [-2 ** bits, -2, -1, 0, 1, 2 ** bits - 1]
    if node.type == "f64":
        return FLOATS
    if node.type == "bytes":
        return [b"", b"\0", b"\xff" * 100, bytes(70000)]
    if node.type == "uuid":
        return [bytes(16), b"\xff" * 16]
    if node.type in ("bool", "struct", "records"):
        return []
    return TEXTS + ([None] if node.null_from is not None else [])


def places(nodes, version, value, path=()):
    """(path, node) of every single value in the request, within the first of each array."""
    for n in nodes:
        if not n.lo <= version <= n.hi:
            continue
        held = value.setdefault(n.name, twin.default(n))
        if n.array and held and n.type == "struct":
            yield from places(n.children, version, held[0], (*path, n.name, 0))
        elif n.array and held is not None:
            yield (*path, n.name), n
        elif n.type == "struct" and held is not None:
            yield from places(n.children, version, held, (*path, n.name))
        elif n.type != "struct":
            yield (*path, n.name), n


def with_value(request, path, value):
    out = at = copy.deepcopy(request)
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return out


class Sweep:
    def __init__(self, site):
        self.site, self.n, self.told, self.client = site, 0, [], site.client()

    def asks(self):
        """Each of the matrix, with an object that is there; what makes a topic finds it made, or makes it again."""
        for (name, what), one in ASKS.items():
            if name in NOT_HERE:
                continue
            uuid = self.topic()
            topic = "topic" in what or what in ("id", "old", "configs", "replica", "list")
            o = types.SimpleNamespace(type="topic" if topic else "group", name="swept" if topic else "victim",
                                      id=uuid, path="/main/topics/swept", tenant="main", key="victim", token=None,
                                      open=types.SimpleNamespace(name="swept", id=uuid))
            for version in sorted({self.site.schema[name].lo, self.site.schema[name].hi}):
                request = one.request(o, version)
                try:
                    self.site.schema[name].encode_request(version, request, 1)
                except twin.Bad:
                    continue  # it needs a newer version
                if not self.answered(self.site.schema[name], version, copy.deepcopy(request)):
                    assert version < self.site.schema[name].hi, name
                    continue  # asks for what the old form could not say
                yield self.site.schema[name], version, what, request

    def topic(self):
        with self.site.client() as c:
            c.call("create_topics", 5, topics=[{"name": "swept", "num_partitions": 1, "replication_factor": 1}],
                   timeout_ms=10000)
            return c.call("metadata", 12, topics=[{"name": "swept"}])["topics"][0]["topic_id"]

    def answered(self, api, version, request):
        """False where the broker hung up. A join that had to wait for others would not be answered: a group for each."""
        self.n += 1
        if api.name == "join_group" and request["group_id"] in ("victim", "swept"):
            request["group_id"] = f"group-{self.n}"
        raw = frame(api.encode_request(version, request, self.n))
        self.client.sock.settimeout(20)
        try:
            answer = send_and_see(self.client, raw)
        except TimeoutError:
            answer = None
        if answer is None:
            self.client.close()
            self.client = self.site.client()
            return False
        correlation, told = api.decode_response(version, answer)
        assert -1 not in all_codes(told), (api.name, version, request, told)  # "unknown error": nobody knows what to do then
        return correlation == self.n


def test_every_field_at_its_extremes(site):
    sweep, unanswered = Sweep(site), []
    for api, version, what, request in sweep.asks():
        for path, node in list(places(api.messages["request"], version, request)):
            for value in extremes(node):
                if api.name == "produce" and path[-1] == "acks" and value == 0:
                    continue  # it is not answered: test_65 has it
                if not sweep.answered(api, version, with_value(request, path, [value] if node.array else value)):
                    unanswered.append((api.name, version, what, ".".join(map(str, path)), value))
    sweep.client.close()
    assert sweep.n > 3000 and unanswered == []
    sane(site)


# What each must be answered where there is a right answer.

def topic_of(partitions, name="swept", key="name", **more):
    return {"topics": [{key: name, "partitions": [{**more, **p} for p in partitions]}]}


def fetch(**more):
    partition = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    of_it = {k: more.pop(k) for k in list(more) if k in ("partition", "fetch_offset", "partition_max_bytes",
                                                         "current_leader_epoch")}
    return {"replica_id": -1, "max_wait_ms": 0, "min_bytes": 0, "max_bytes": 1000, "isolation_level": 0, "rack_id": "",
            "topics": [{"topic": "swept", "partitions": [{**partition, **of_it}]}], **more}


def join(**more):
    return {"group_id": "extreme", "session_timeout_ms": 6000, "rebalance_timeout_ms": 6000, "member_id": "",
            "group_instance_id": "one", "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b""}],
            **more}


def create(name="made", partitions=1, replicas=1, assignments=(), configs=()):
    return {"timeout_ms": 1000, "validate_only": False, "topics": [
        {"name": name, "num_partitions": partitions, "replication_factor": replicas,
         "assignments": [{"partition_index": i, "broker_ids": b} for i, b in assignments],
         "configs": [{"name": k, "value": v} for k, v in configs]}]}


def commit(note, **more):
    return {"group_id": "noted", "generation_id_or_member_epoch": -1, "member_id": "", "topics": [
        {"name": "swept", "partitions": [{"partition_index": 0, "committed_offset": 1, "committed_metadata": note, **more}]}]}


def alter(key, value, operation=0):
    return {"validate_only": False, "resources": [{"resource_type": 2, "resource_name": "swept", "configs": [
        {"name": key, "config_operation": operation, "value": value}]}]}


def scram(**more):
    return {"deletions": [], "upsertions": [{"name": "victim", "mechanism": 1, "iterations": 4096, "salt": bytes(16),
                                             "salted_password": bytes(32), **more}]}


def quota(value, key="producer_byte_rate"):
    return {"validate_only": False, "entries": [{"entity": [{"entity_type": "user", "entity_name": "victim"}],
                                                 "ops": [{"key": key, "value": value, "remove": False}]}]}


I32, I64 = 2 ** 31 - 1, 2 ** 63 - 1
RIGHT = [
    # API, version, where its code stands, [(request, code), ...]
    ("fetch", 11, "responses.0.partitions.0.error_code", [
        (fetch(min_bytes=I32, max_wait_ms=1), 0), (fetch(min_bytes=-1, max_wait_ms=-1), 0),
        (fetch(max_bytes=0), 0), (fetch(max_bytes=-1), 0), (fetch(max_bytes=I32), 0),
        (fetch(partition_max_bytes=-1), 0), (fetch(partition_max_bytes=I32), 0), (fetch(isolation_level=7), 0),
        (fetch(replica_id=0), 29), (fetch(replica_id=I32), 29),
        (fetch(fetch_offset=-1), 1), (fetch(fetch_offset=-I64 - 1), 1), (fetch(fetch_offset=I64), 1),
        (fetch(partition=-1), 3), (fetch(partition=I32), 3), (fetch(current_leader_epoch=99), 75)]),
    ("list_offsets", 7, "topics.0.partitions.0.error_code", [
        ({"replica_id": -1, "isolation_level": 0, **topic_of([{"partition_index": i, "timestamp": t}])}, code)
        for i, t, code in ((0, I64, 0), (0, -I64 - 1, 35), (0, -99, 35), (-1, -1, 3), (I32, -1, 3))]),
    ("offset_for_leader_epoch", 4, "topics.0.partitions.0.error_code", [
        ({"replica_id": -1, **topic_of([{"partition": 0, "leader_epoch": e, "current_leader_epoch": c}], key="topic")}, code)
        for e, c, code in ((I32, -1, 0), (-I32 - 1, -1, 0), (-2, -1, 0), (0, I32, 75))]),
    ("join_group", 5, "error_code", [
        (join(session_timeout_ms=n), 26) for n in (-1, 0, 5999, 1800001, I32, -I32 - 1)] + [
        (join(group_id=""), 24), (join(protocol_type=""), 23), (join(protocols=[]), 23),
        (join(member_id="nobody"), 25), (join(member_id="x" * 32767), 25),
        (join(rebalance_timeout_ms=I32), 0), (join(group_id="lost", rebalance_timeout_ms=-I32 - 1), 0)]),
    ("heartbeat", 4, "error_code", [
        ({"group_id": g, "generation_id": n, "member_id": "nobody"}, code)
        for g, n, code in (("extreme", I32, 25), ("extreme", -I32 - 1, 25), ("none", 1, 25))]),
    ("create_topics", 7, "topics.0.error_code", [
        (create(partitions=n), 37) for n in (0, -2, -I32 - 1, I32, 100001)] + [
        (create(replicas=n), 38) for n in (0, -2, 2, 2 ** 15 - 1, -2 ** 15)] + [
        (create(partitions=-1, replicas=-1, assignments=a), 39) for a in (
            [(0, [2])], [(0, [])], [(0, [1, 1])], [(1, [1])], [(-1, [1])], [(0, [1]), (0, [1])], [(I32, [1])])] + [
        (create(assignments=[(0, [1])]), 42)] + [
        (create(configs=[c]), 40) for c in (
            ("retention.ms", None), ("retention.ms", ""), ("retention.ms", "9" * 400), ("retention.ms", "-2"),
            ("no.such", "1"), ("", ""), ("segment.bytes", "-1"), ("cleanup.policy", "x" * 30000),
            ("min.cleanable.dirty.ratio", "nan"), ("min.cleanable.dirty.ratio", "1e999"))] + [
        (create(name=n), 17) for n in ("", ".", "..", "../up", "a/b", "a\0b", "a b", "\u00fc", "x" * 250, "a\n")] + [
        (create(name="__consumer_offsets"), 29)]),
    ("offset_commit", 8, "topics.0.partitions.0.error_code", [
        (commit("x" * 4096), 0), (commit(None), 0), (commit("x" * 4097), 12), (commit("\u00fc" * 3000), 12),
        (commit("", partition_index=-1), 3), (commit("", partition_index=I32), 3)]),
    ("offset_commit", 2, "topics.0.partitions.0.error_code", [
        ({**commit("kept"), "retention_time_ms": n}, 0) for n in (I64, I64 - 10 ** 12)]),
    ("delete_records", 2, "topics.0.partitions.0.error_code", [
        ({"timeout_ms": 1000, **topic_of([{"partition_index": i, "offset": n}])}, code)
        for i, n, code in ((0, -2, 1), (0, -I64 - 1, 1), (0, I64, 1), (-1, 0, 3), (I32, 0, 3))]),
    ("incremental_alter_configs", 1, "responses.0.error_code", [
        (alter("no.such", "1"), 40), (alter("retention.ms", "9" * 400), 40), (alter("retention.ms", None), 42),
        (alter("retention.ms", "1", 99), 42), (alter("retention.ms", "1", -128), 42), (alter("retention.ms", "1", 2), 40),
        (alter("retention.ms", " 86400000 "), 0)]),
    ("alter_configs", 2, "responses.0.error_code", [
        ({"resources": [{"resource_type": 2, "resource_name": "swept", "configs": [{"name": "retention.ms", "value": v}]}],
          "validate_only": False}, code) for v, code in ((" 86400000 ", 0), ("86 400", 40))]),
    ("fetch", 11, "error_code", [(fetch(session_id=I32, session_epoch=I32), 70)]),
    ("alter_user_scram_credentials", 0, "results.0.error_code", [
        (scram(iterations=n), 93) for n in (I32, -I32 - 1, -1, 0, 4095, 16385)] + [
        (scram(mechanism=m), 33) for m in (0, 3, 127, -128)] + [
        (scram(name=n), 93) for n in ("",)]),
    ("alter_client_quotas", 1, "entries.0.error_code", [
        (quota(v), 42) for v in (float("nan"), float("-inf"), -1.0, 0.0)] + [(quota(1.0, "no.such"), 42)]),
]


def test_extremes_have_the_right_answer(site):
    Sweep(site).topic()
    with site.client() as c:
        c.call("produce", 9, acks=-1, timeout_ms=10000, topic_data=[
            {"name": "swept", "partition_data": [{"index": 0, "records": RECORDS}]}])
        told = []
        for api, version, where, requests in RIGHT:
            for request, code in requests:
                answer = c.call(api, version, **request)
                for step in where.split("."):
                    answer = answer[int(step)] if step.isdigit() else answer[step]
                if answer != code:
                    told.append((api, request, answer, code))
    assert told == []
    kept = site.client().call("offset_fetch", 5, group_id="noted", topics=[{"name": "swept", "partition_indexes": [0]}])
    assert kept["topics"][0]["partitions"][0]["metadata"] == "kept"


def test_as_many_elections_as_are_promised(site):
    """100,000 partitions, of one topic or of as many, and not one more of either."""
    def codes(c, *topics):
        out = c.call("elect_leaders", 2, election_type=0, topic_partitions=[
            {"topic": f"t{i}", "partitions": range(n)} for i, n in enumerate(topics)], timeout_ms=1000)
        return out["error_code"], [len(t["partition_result"]) for t in out["replica_election_results"]]
    with site.client() as c:
        assert codes(c, 100_000) == (0, [100_000])
        assert codes(c, 99_999, 1, 0) == (0, [99_999, 1, 0])
        assert codes(c, 100_001) == (42, [])
        assert codes(c, 99_999, 2) == (42, [])
        assert codes(c, *[0] * 100_001) == (42, [])


def test_what_waits_for_ever_is_gone_with_its_client(site):
    """Fetches and joins that would wait for 25 days, and whose clients leave."""
    Sweep(site).topic()
    calm = site.connections()
    for i in range(20):
        c = site.client()
        c.send("fetch", 11, fetch(max_wait_ms=I32, min_bytes=I32, max_bytes=I32))
        late = site.client()
        late.send("join_group", 3, {k: v for k, v in join(group_id=f"wait-{i // 2}", rebalance_timeout_ms=I32).items()
                                    if k != "group_instance_id"})
        for one in (c, late):
            one.close()
    hostile.eventually(lambda: site.connections() <= calm)


# Names

def test_names_stay_where_they_belong(site):
    """No name of a topic becomes a path, whichever way it is made; groups may be called anything."""
    data = site.broker.dir / "data"

    def elsewhere():
        return {p for p in site.broker.tmp.rglob("*") if data not in p.parents} | {p for p in data.iterdir() if p.is_file()}
    before = elsewhere()
    with site.client() as c:
        for name in TEXTS + ["a" * 249]:
            c.call("metadata", 9, topics=[{"name": name}], allow_auto_topic_creation=True)
            c.call("offset_commit", 8, **{**commit("x"), "group_id": name})
        groups = {g["group_id"] for g in c.call("list_groups", 4, states_filter=[])["groups"]}
    assert set(TEXTS) - {""} <= groups
    assert elsewhere() == before
    assert all(re.fullmatch(r"[\w.-]{1,249}-\d+|\.[\w-]+-\d+\.[0-9a-f]+-delete", p.name, re.ASCII) for p in data.iterdir()
               if p.is_dir() and p.name not in ("journal", "lost+found")), sorted(p.name for p in data.iterdir())
    assert (data / ("a" * 249 + "-0")).is_dir() or "a" * 249 not in [t for t in site.broker.ctl("topic", "list").stdout.split()]
    listed = site.broker.ctl("group", "list").stdout
    assert "\x1b" not in listed and "\r" not in listed and "crit forged" in listed
    assert not any(line.startswith("b 2026") for line in listed.split("\n"))
    assert set(site.broker.ctl("group", "list", "-o", "json").stdout) & set("\x1b\r\0") == set()
    site.restart()
    with site.client() as c:
        assert groups == {g["group_id"] for g in c.call("list_groups", 4, states_filter=[])["groups"]}
    sane(site)


@pytest.mark.parametrize("api, version, request_", [
    ("metadata", 9, {"topics": [{"name": "\udcff\udcfe"}]}),
    ("create_topics", 5, {"topics": [{"name": "a\udc80", "num_partitions": 1, "replication_factor": 1}], "timeout_ms": 1}),
    ("heartbeat", 4, {"group_id": "\udced\udca0\udc80", "generation_id": 1, "member_id": ""}),
    ("describe_groups", 5, {"groups": ["\udcc0\udc80"]}),
    ("offset_commit", 8, {"group_id": "\udcf8\udc88\udc80\udc80\udc80", "generation_id_or_member_epoch": -1}),
], ids=["topic", "new topic", "surrogate", "long zero", "five bytes"])
def test_names_that_are_no_utf8(site, api, version, request_):
    """The end of the connection: there is no such name that an answer could repeat."""
    with site.client() as c:
        assert send_and_see(c, frame(site.schema[api].encode_request(version, request_, 7))) is None
    sane(site)


def test_denied_names_are_one_line_each(site):
    """Who may nothing has his attempts written down; not his words as they are."""
    conf = site.broker.conf("victim")
    c = site.tls()
    assert c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"] == 0
    lines = site.broker.log.count("\n")
    for name in TEXTS:
        c.call("metadata", 9, topics=[{"name": name}])
        c.call("describe_groups", 5, groups=[name])
        c.call("create_topics", 5, topics=[{"name": name, "num_partitions": 1, "replication_factor": 1}], timeout_ms=1)
    c.close()
    assert site.broker.log.count("\n") > lines + 10
    sane(site)


def sane(site):
    log = site.broker.log
    for word in ("runtime error", "ALARM", "Sanitizer"):
        assert word not in log, log[log.index(word) - 1000:][:3000]
    for line in log.rstrip("\n").split("\n"):
        assert LOG_LINE.fullmatch(line), line
    site.bounded()
