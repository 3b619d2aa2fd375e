# SPDX-License-Identifier: Apache-2.0
"""Two tenants with the same names of everything: neither is there for the other, by any API.

What beta has of its own is called zzbeta. Whoever administers the other tenant sends every request
of the matrix with the names that both have, with real effects, and with beta's ids: nothing of beta may be in
an answer, nothing of it may change, and what is beta's must be answered like what is nowhere.
"""
import contextlib

import pytest
import twin
from matrix import OPS, Connection, Refused, Site, Thing, binding, no_errors, read_table
from matrix_asks import ANY_RULE, ASKS, RECORDS

APIS = read_table()[1]
ONLY_BETA = b"zzbeta"
RANDOM = b"\x5a" * 16
PROTOCOLS = [{"name": "range", "metadata": b"zzbeta-metadata"}]
# As the disk has them: a tenant's number is nobody's business.
JOINED = [f"{n}/{name}".encode() for n in range(4) for name in ("open", "orders", "billing", "pay-1")]


class Tenant:
    """What each of them has: topics open and orders, a group billing with one member, users, rules, quotas."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.inside = None if name == "main" else name
        site.team(name, "crew")
        site.users(name, ["anna"], "crew")
        site.users(name, ["tina"], "admins")
        self.topics = {}
        self.member = None
        self.fill()
        self.topic = Thing("topic", "orders", name)
        self.rule("allow User:anna ALL", self.topic)
        self.rule("allow User:anna READ", Thing("group", "open", name))
        self.rule("allow User:anna WRITE", Thing("txn", "pay-1", name))

    def do(self, api, version, *fine, **value):
        return self.site.do(api, version, *fine, inside=self.inside, **value)

    def rule(self, text, thing):
        self.site.rules(self.name, [binding(text, thing)])

    def fill(self):
        """Makes what is missing: the other one's requests are real."""
        made = self.do("create_topics", 7, 36, topics=[
            {"name": n, "num_partitions": 1, "replication_factor": 1} for n in ("open", "orders")])
        new = any(t["error_code"] == 0 for t in made["topics"])
        if new:
            told = self.do("metadata", 12, topics=[{"name": "open"}, {"name": "orders"}])["topics"]
            self.topics = {t["name"]: Thing("topic", t["name"], self.name, id=t["topic_id"]) for t in told}
            for t in self.topics.values():
                t.open = self.topics["open"]
                self.site.set(t.path, team="admins", mode=0o770)
        for group in ("billing", "open"):
            made = self.site.do("group_create", 0, 42, tenant=self.name, group=group)
            if made["error_code"] == 0:
                self.site.set(f"/{self.name}/groups/{group}", team="admins", mode=0o770)
        for group in ("billing", "open"):
            request = ASKS["offset_commit", "group"].request(Thing("group", group, open=self.topics["orders"]), 9)
            self.do("offset_commit", 9, 25, **request)	# 25: it has a member

    def own(self):
        """What has its like nowhere else."""
        self.do("create_topics", 7, topics=[{"name": "zzbeta-topic", "num_partitions": 2, "replication_factor": 1,
                                            "configs": [{"name": "retention.ms", "value": "7654321"}]}])
        self.do("produce", 9, acks=-1, timeout_ms=10000, topic_data=[
            {"name": n, "partition_data": [{"index": 0, "records": RECORDS}]} for n in ("zzbeta-topic", "orders")])
        self.site.team(self.name, "zzbeta-team")
        self.site.users(self.name, ["zzbeta-user"], "zzbeta-team")
        self.rule("allow User:zzbeta-user READ on topic prefixed zzbeta", self.topic)
        self.do("alter_client_quotas", 1, entries=[
            {"entity": [{"entity_type": "client-id", "entity_name": "zzbeta-client"}],
             "ops": [{"key": "producer_byte_rate", "value": 1e9, "remove": False}]}])
        self.at = Connection(self.site, f"tina@{self.name}")
        self.at.call("metadata", 9, topics=[])
        self.at.client.client_id = "zzbeta-client"
        joined = no_errors(self.at.call("join_group", 3, **{
            **ASKS["join_group", "old"].request(Thing("group", "billing"), 3), "session_timeout_ms": 300000,
            "protocols": PROTOCOLS})[0])
        self.member = joined["member_id"]
        no_errors(self.at.call("sync_group", 3, group_id="billing", generation_id=1, member_id=self.member, assignments=[
            {"member_id": self.member, "assignment": b"zzbeta-assignment"}])[0])
        no_errors(self.at.call("offset_commit", 7, group_id="billing", generation_id_or_member_epoch=1,
                               member_id=self.member, topics=[{"name": "orders", "partitions": [
                                   {"partition_index": 0, "committed_offset": 0, "committed_metadata": "zzbeta-note"}]}])[0])
        self.secrets = [ONLY_BETA, b"7654321", self.member.encode(), *(t.id for t in self.topics.values()),
                        self.do("describe_cluster", 1)["cluster_id"].encode()]

    def print(self):
        """All that is to be seen of it, in one value."""
        partitions = [{"partition_index": 0, "timestamp": -1}]
        topics = self.do("metadata", 12, topics=None, include_topic_authorized_operations=True)
        names = [t["name"] for t in topics["topics"]]
        return [
            topics,
            self.do("list_offsets", 7, replica_id=-1, topics=[{"name": n, "partitions": partitions} for n in names]),
            self.do("describe_configs", 4, resources=[
                {"resource_type": 2, "resource_name": n, "configuration_keys": None} for n in names]),
            self.do("list_groups", 4),
            self.do("describe_groups", 5, groups=["billing", "open"]),
            [self.do("offset_fetch", 9, groups=[{"group_id": g, "topics": None}]) for g in ("billing", "open")],
            self.do("describe_acls", 3, **ANY_RULE),
            self.do("describe_client_quotas", 1, components=[], strict=False),
            self.do("describe_user_scram_credentials", 0, users=None),
            self.do("describe_delegation_token", 3, owners=None),
            self.do("list_config_resources", 1, resource_types=[]),
            self.do("list_config_resources", 1, resource_types=[2]),
            self.site.do("user_list", 0, tenant=self.name, users=None),
            self.site.do("team_list", 0, tenant=self.name, teams=None),
            self.site.do("tree_list", 0, tenant=self.name, path=f"/{self.name}", recursive=True),
            self.do("fetch", 12, max_wait_ms=0, max_bytes=1 << 20, topics=[{"topic": "orders", "partitions": [
                {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]}]),
            no_errors(self.at.call("heartbeat", 3, group_id="billing", generation_id=1, member_id=self.member)[0]),
        ]


@pytest.fixture(scope="module")
def site():
    s = Site(cells=False)
    yield s
    s.remove()


@pytest.fixture(scope="module")
def world(site):
    for name in ("acme", "beta"):
        site.do("tenant_alter", 0, tenant=name, action=0, admin="boss", admin_mechanisms=["SCRAM-SHA-256"],
                keys=site.keys)
    tenants = {name: Tenant(site, name) for name in ("main", "acme", "beta")}
    tenants["beta"].own()
    return tenants


def login(user, tenant):
    return user if tenant == "main" else f"{user}@{tenant}"


def found(raw, beta):
    """What of beta is in the bytes."""
    return [s for s in beta.secrets if s in raw]


def same_names(api):
    """Objects that both tenants have, as the request of this line names them."""
    if api.type == "topic":
        return ["orders"]
    return {"group": ["billing", "open"], "txn": ["pay-1"]}.get(api.type, [""])


@pytest.mark.parametrize("name", ["acme", "main"])
@pytest.mark.parametrize("api", APIS, ids=str)
def test_every_api_with_the_same_names(site, world, api, name):
    """As the tenant's administrator, as a user: allowed or not, only their own things answer and change."""
    mine, beta = world[name], world["beta"]
    before = beta.print()
    for version in api.versions:
        for user in ("tina", "anna"):
            mine.fill()
            for object_name in same_names(api):
                o = Thing(api.type, object_name, name, id=mine.topics["orders"].id, open=mine.topics["open"])
                request = {**api.ask.request(o, version)}
                request.pop("validate_only", None)
                answer, raw = site.connection(login(user, name)).call(api.api, version, **request)
                assert answer is not None, f"v{version}: closed"
                assert not found(raw, beta), f"v{version} {user}: {raw}"
                assert not [j for j in JOINED if j in raw], f"v{version} {user}: {raw}"
                if answer.get("member_id"):
                    mine.do("leave_group", 3, group_id=object_name, members=[
                        {"member_id": answer["member_id"], "group_instance_id": None}])
    assert beta.print() == before


BY_ID = [a for a in APIS if a.what == "id"]


@pytest.mark.parametrize("name", ["acme", "main"])
@pytest.mark.parametrize("api", BY_ID, ids=str)
def test_topic_ids_of_the_other_tenant(site, world, api, name):
    mine, beta = world[name], world["beta"]
    before = beta.print()
    for version in api.versions:
        for user in ("tina", "anna", *(["admin"] if name == "main" else [])):
            got = []
            for uuid in (beta.topics["orders"].id, RANDOM):
                o = Thing("topic", "orders", name, id=uuid, open=mine.topics["open"])
                answer, raw = site.connection(login(user, name)).call(api.api, version, **api.ask.request(o, version))
                assert api.ask.judge(answer, o) == "100", (user, version)
                got.append(raw.replace(uuid, b"ID"))
            assert got[0] == got[1], (user, version)
    assert beta.print() == before


def member_requests(group, member):
    return {
        "join_group": lambda v: {"group_id": group, "session_timeout_ms": 6000, "member_id": member,
                                 "protocol_type": "consumer", "protocols": PROTOCOLS},
        "sync_group": lambda v: {"group_id": group, "generation_id": 1, "member_id": member, "assignments": []},
        "heartbeat": lambda v: {"group_id": group, "generation_id": 1, "member_id": member},
        "leave_group": lambda v: {"group_id": group, "member_id": member} if v < 3 else
        {"group_id": group, "members": [{"member_id": member, "group_instance_id": None}]},
        "offset_commit": lambda v: {
            "group_id": group, "generation_id_or_member_epoch": 1, "member_id": member, "topics": [
                {"name": "orders", "partitions": [{"partition_index": 0, "committed_offset": 5,
                                                   "committed_metadata": "stolen"}]}]},
    }


@pytest.mark.parametrize("name", ["acme", "main"])
@pytest.mark.parametrize("api", ["join_group", "sync_group", "heartbeat", "leave_group", "offset_commit"])
def test_member_ids_of_the_other_tenant(site, world, api, name):
    """Used on the group of the same name: they are like any id that was never given."""
    beta = world["beta"]
    before = beta.print()
    nobody = "x" * len(beta.member)
    at = site.connection(login("tina", name))
    for version in range(site.schema[api].lo, min(site.schema[api].hi, 9) + 1):
        got = []
        for member in (beta.member, nobody):
            answer, raw = at.call(api, version, **member_requests("billing", member)[api](version))
            assert "25" in str(answer), (version, answer)
            got.append(raw.replace(member.encode(), b"MEMBER"))
        assert got[0] == got[1], version
    assert beta.print() == before


OWN = {
    "tree_list": {"path": "/NAME"},
    "tree_set": {"changes": [{"path": "/NAME/topics/orders", "mode_set": 0o777}]},
    "why": {"user": "anna", "operation": OPS["READ"], "path": "/NAME/topics/orders"},
    "team_alter": {"changes": [{"action": 1, "team": "crew", "users": []}]},
    "team_list": {"teams": None},
    "user_alter": {"changes": [{"action": 2, "user": "anna", "purge": True}]},
    "user_list": {"users": None},
    "user_keys": {"users": None, "after": None},
    "tenant_alter": {"action": 1, "purge": True},
    "group_create": {"group": "new"},
    "id": {"user": "anna"},
    "enter": {},
}


@pytest.mark.parametrize("name", ["acme", "main"])
@pytest.mark.parametrize("api", OWN)
def test_naming_the_other_tenant(site, world, api, name):
    """It is refused as one that is not there, in the tenant field and in paths."""
    beta = world["beta"]
    before = beta.print()
    for user in ("tina", "anna"):
        got = []
        for tenant in ("beta", "gone"):
            value = eval(repr(OWN[api]).replace("NAME", tenant))
            raw = site.connection(login(user, name)).call(api, 0, tenant=tenant, **value)[1]
            got.append(raw.replace(tenant.encode(), b"NAME"))
            assert b"\0\x1f" in raw, (user, tenant, raw)	# 31
        assert got[0] == got[1], user
    assert beta.print() == before


def test_only_operators_see_that_there_are_others(site, world):
    for name in ("acme", "main"):
        told = site.connection(login("tina", name)).call("tenant_list", 0)[0]["tenants"]
        assert [(t["name"], t["number"]) for t in told] == [(name, -1)]
        assert min(told[0][n] for n in ("users", "topics", "groups")) > 0
        for user in ("anna", "tina"):		# what one does not see is not counted for him
            counts = site.connection(login(user, name)).call("tenant_list", 0)[0]["tenants"][0]
            assert (counts["users"] == -1) == (counts["topics"] == -1) == (counts["groups"] == -1) == (user == "anna")
        assert site.connection(login("tina", name)).call("tenant_list", 0, tenant="beta")[0]["error_code"] == 31
    assert [t["name"] for t in site.do("tenant_list", 0, tenant="acme")["tenants"]] == ["acme"]
    clusters = [t["cluster_id"] for t in site.do("tenant_list", 0)["tenants"]]
    assert len(clusters) == len(set(clusters)) == 3


def test_passwords_and_locks_are_of_one_tenant(site, world):
    for change in ({"locked": 1}, {"locked": 0}):
        site.do("user_alter", 0, tenant="acme", changes=[{"action": 1, "user": "anna", **change}])
        with pytest.raises(Refused) if change["locked"] else contextlib.nullcontext():
            fresh = Connection(site, "anna@acme")
            fresh.open()
            fresh.close()
        answer = site.connection("anna@beta").call("metadata", 9, topics=[])[0]
        assert answer is not None
    site.connections.pop(("anna@acme", None)).close()
    site.do("user_alter", 0, tenant="acme", changes=[{"action": 0, "user": "acmes", "keys": site.keys,
                                                      "mechanisms": ["SCRAM-SHA-256"]}])
    for other in ("acmes", "acmes@beta", "acmes@acme@beta", "acmes@gone"):
        with pytest.raises(Refused) as refused:
            Connection(site, other).open()
        assert refused.value.args[0]["error_code"] == 58


def test_rules_and_quotas_are_of_one_tenant(site, world):
    """A rule in acme gives anna of main nothing; a client id that is slow there is not slow here."""
    site.do("create_topics", 7, topics=[{"name": "ruled", "num_partitions": 1, "replication_factor": 1}])
    world["acme"].do("create_topics", 7, topics=[{"name": "ruled", "num_partitions": 1, "replication_factor": 1}])
    world["acme"].rule("allow User:anna WRITE", Thing("topic", "ruled", "acme"))
    world["acme"].do("alter_client_quotas", 1, entries=[
        {"entity": [{"entity_type": "client-id", "entity_name": "twin"}],
         "ops": [{"key": "producer_byte_rate", "value": 100.0, "remove": False}]}])
    request = ASKS["produce", "topic"].request(Thing("topic", "ruled"), 9)
    told = {}
    for user in ("anna@acme", "anna", "admin"):
        answer = site.connection(user).call("produce", 9, **request)[0]
        told[user] = answer["responses"][0]["partition_responses"][0]["error_code"], answer["throttle_time_ms"] > 0
    assert told == {"anna@acme": (0, True), "anna": (29, False), "admin": (0, False)}
    world["acme"].do("alter_client_quotas", 1, entries=[
        {"entity": [{"entity_type": "client-id", "entity_name": "twin"}],
         "ops": [{"key": "producer_byte_rate", "value": 0.0, "remove": True}]}])


def test_transactional_ids_are_of_one_tenant(site, world):
    site.do("delete_acls", 3, filters=[{**ANY_RULE, "resource_type_filter": 5}])
    site.set("/main/txns", mode=0o770)
    for user, want in (("anna@acme", "42"), ("anna@beta", "42"), ("anna", "53")):
        for what in (("init_producer_id", "txn"), ("find_coordinator", "txn")):
            answer = site.connection(user).call(what[0], 4, **ASKS[what].request(Thing("txn", "pay-1"), 4))[0]
            assert ASKS[what].judge(answer, None) == want, (user, what)


def test_a_schema_has_no_name_without_a_tenant():
    """Whatever is a name in a message is scoped; the rest says why it is opaque. The generator refuses others."""
    names = 0
    for api in twin.Schema():
        for nodes in api.messages.values():
            names += sum(1 for n in every(nodes) if n.type in twin.SCOPED)
    assert names > 70


def every(nodes):
    for n in nodes:
        yield n
        yield from every(n.children or [])
