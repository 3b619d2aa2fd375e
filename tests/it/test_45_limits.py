# SPDX-License-Identifier: Apache-2.0
"""What is bounded for all but operators, on the wire; and whose address a client is told."""
import pytest
import twin
from harness import free_port
from hostile import SETTINGS, Site
from test_65_bad_batches import batch, record

POLICY = 44
LIMITS = """limits.topic.segment.bytes.min: 2000000
limits.topic.segment.ms.min: 120000
limits.topic.segment.index.bytes.min: 200000
limits.topic.min.cleanable.dirty.ratio.min: 0.25
limits.topic.max.message.bytes.max: 500000
limits.topic.file.delete.delay.ms.max: 90000
limits.topic.partitions.request.max: 6
limits.topic.partitions.max: 80"""
# A setting, what is just allowed, what is just not.
BOUNDS = {"segment.bytes": ("2000000", "1999999"), "segment.ms": ("120000", "119999"),
          "segment.index.bytes": ("200000", "199999"),
          "min.cleanable.dirty.ratio": ("0.25", "0.24"), "max.message.bytes": ("500000", "500001"),
          "file.delete.delay.ms": ("90000", "90001")}


@pytest.fixture(scope="module")
def site():
    s = Site(f"{SETTINGS}\n{LIMITS}")
    s.broker.ctl("tenant", "create", "acme", "--admin", "tina", "--conf", s.broker.dir / "tina.conf")
    s.acme = free_port()
    s.broker.add_listener("acme", f"address: 127.0.0.1:{s.acme}\nadvertised: acme.example.org:7777\ntenant: acme\n"
                          "protocol: SASL_SSL\nmechanisms: [SCRAM-SHA-256]")
    s.broker.user("tom", "--team", "admins")
    s.restart()
    yield s
    s.remove()


@pytest.fixture(scope="module")
def users(site):
    """Connections of an operator, of who administers main, and of who administers the tenant acme."""
    made = {}
    for name, port in (("admin", site.broker.port), ("tom", site.broker.port), ("tina", site.acme)):
        login = site.broker.conf(name)
        made[name] = twin.Client("127.0.0.1", port, schema=site.schema, ssl_context=site.context,
                                 server_hostname="127.0.0.1", timeout=30)
        told = made[name].sasl_scram(login["sasl.username"].split("@")[0], login["sasl.password"])
        assert told["error_code"] == 0
    yield made
    for c in made.values():
        c.close()


def create(client, name, partitions=1, **settings):
    told = client.call("create_topics", 7, timeout_ms=10000, topics=[
        {"name": name, "num_partitions": partitions, "replication_factor": 1,
         "configs": [{"name": k.replace("_", "."), "value": v} for k, v in settings.items()]}])
    return told["topics"][0]["error_code"], told["topics"][0]["error_message"]


def alter(client, name, key, value, incremental):
    how = {"config_operation": 0} if incremental else {}
    told = client.call("incremental_alter_configs" if incremental else "alter_configs", 1, validate_only=False, resources=[
        {"resource_type": 2, "resource_name": name, "configs": [{"name": key, "value": value, **how}]}])
    return told["responses"][0]["error_code"]


def delete(client, *names):
    told = client.call("delete_topics", 5, topic_names=list(names), timeout_ms=10000)
    assert {r["error_code"] for r in told["responses"]} == {0}


@pytest.mark.parametrize("key", BOUNDS)
def test_settings_have_their_bounds(users, key):
    fine, bad = BOUNDS[key]
    code, why = create(users["tom"], "bounded", **{key: bad})
    assert code == POLICY and f"limits.topic.{key}" in why, why
    assert create(users["tom"], "bounded", **{key: fine})[0] == 0
    for incremental in (True, False):
        assert alter(users["tom"], "bounded", key, bad, incremental) == POLICY
        assert alter(users["tom"], "bounded", key, fine, incremental) == 0
        assert alter(users["admin"], "bounded", key, bad, incremental) == 0, "operators may"
    delete(users["admin"], "bounded")


def made(client, tried=False, **partitions):
    """Makes, or tries to make, topics with so many partitions by one request; the codes."""
    told = client.call("create_topics", 7, timeout_ms=10000, validate_only=tried, topics=[
        {"name": n, "num_partitions": p, "replication_factor": 1} for n, p in partitions.items()])["topics"]
    return [{t["name"]: t["error_code"] for t in told}[n] for n in partitions]


def grown(client, tried=False, **counts):
    told = client.call("create_partitions", 3, timeout_ms=10000, validate_only=tried, topics=[
        {"name": n, "count": c, "assignments": None} for n, c in counts.items()])["results"]
    return [{t["name"]: t["error_code"] for t in told}[n] for n in counts]


def test_partitions_of_a_request_have_a_bound(users):
    """Over all its topics, whether it is tried or done: what does not fit is refused, the rest made."""
    tom, admin = users["tom"], users["admin"]
    assert made(tom, one=7) == [POLICY]
    for tried in (True, False):
        assert made(tom, tried, a=3, b=3, c=1) == [0, 0, POLICY], tried
    for tried in (True, False):
        assert grown(tom, tried, a=7, b=6) == [0, POLICY], tried
        assert grown(tom, tried, b=11) == [POLICY], tried
    assert made(admin, c=7) == [0]
    assert grown(admin, c=15) == [0]
    delete(admin, "a", "b", "c")


def test_partitions_of_a_tenant_have_a_bound(site, users):
    """Others' do not count; an operator's do, and are not refused; what was deleted counts no more."""
    site.broker.ctl("--tenant", "acme", "topic", "create", "first", "-p", "74")
    tina = users["tina"]
    for tried in (True, False):
        assert made(tina, tried, a=5, b=1, c=1, d=1) == [0, 0, POLICY, POLICY], tried
    assert grown(tina, b=2) == [POLICY]
    assert made(users["tom"], elsewhere=6) == [0]
    delete(users["admin"], "elsewhere")
    delete(tina, "a")
    assert grown(tina, b=2) == [0]
    assert made(tina, d=5) == [POLICY]
    assert made(tina, d=4) == [0]


# ---- addresses ----

def test_a_client_is_told_the_address_of_its_own_listener(site, users):
    """By each API that tells one: never another listener's, which may be another tenant's."""
    for user, want in (("admin", ("127.0.0.1", site.broker.port)), ("tina", ("acme.example.org", 7777))):
        c = users[user]
        told = [c.call("metadata", v, topics=[])["brokers"] for v in (1, 9, 12)]
        told += [c.call("describe_cluster", v)["brokers"] for v in (0, 1, 2)]
        told += [c.call("find_coordinator", 6, key_type=0, coordinator_keys=["g"])["coordinators"],
                 [c.call("find_coordinator", 2, key_type=0, key="g")]]
        assert [[(x["host"], x["port"]) for x in t] for t in told] == [[want]] * len(told), told


def test_quotas_hold_after_a_start(broker):
    """Those that were set before it, though nothing has been changed since."""
    broker.ctl("topic", "create", "slow")
    broker.ctl("quota", "set", "/main", "producer_byte_rate=1000")
    broker.restart()
    with broker.speak() as c:
        told = c.call("produce", 9, acks=-1, timeout_ms=5000, topic_data=[
            {"name": "slow", "partition_data": [{"index": 0, "records": batch(record(b"v" * 50000))}]}])
        assert told["responses"][0]["partition_responses"][0]["error_code"] == 0 and told["throttle_time_ms"] > 1000
