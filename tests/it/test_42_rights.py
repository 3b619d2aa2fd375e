# SPDX-License-Identifier: Apache-2.0
"""Rules about rights that need more than one request: what ends with what, and when a right is gone."""
import shutil
import sqlite3
import struct
import tempfile
import time

import pytest
from matrix import PASSWORD, Connection, Site, Thing, binding
from matrix_asks import ANY_RULE, ASKS


@pytest.fixture(scope="module")
def site():
    s = Site(cells=False)
    s.users("main", ["olga", "stan", "rita"])
    s.users("main", ["tina"], "admins")
    s.open = s.make_open("main")
    yield s
    s.remove()


def rules(site, name):
    """(principal, operation) of the rules on the name, as the operator sees them; modes left out."""
    answer = site.do("describe_acls", 3, resource_type_filter=1, resource_name_filter=name, pattern_type_filter=3,
                     principal_filter=None, host_filter=None, operation=1, permission_type=1)
    return {(a["principal"], a["operation"]) for r in answer["resources"] for a in r["acls"]
            if a["principal"] in ("User:rita", "User:stan")}


def make(site, name):
    site.do("create_topics", 7, topics=[{"name": name, "num_partitions": 1, "replication_factor": 1}])
    site.set(f"/main/topics/{name}", owner="olga", mode=0o700)


def test_an_owners_rule_dies_with_its_topic(site):
    """Also after a restart; an administrator's outlives the name, even where the owner set it once more."""
    topic = Thing("topic", "hers")
    make(site, "hers")
    site.do("create_acls", 3, creations=[binding("allow User:rita READ", topic)])
    answer = site.connection("olga").call("create_acls", 3, creations=[
        binding("allow User:stan READ", topic), binding("allow User:rita READ", topic)])[0]
    assert [r["error_code"] for r in answer["results"]] == [0, 0]
    assert rules(site, "hers") == {("User:stan", 3), ("User:rita", 3)}
    site.do("delete_topics", 5, topic_names=["hers"])
    assert rules(site, "hers") == {("User:rita", 3)}
    site.restart()
    make(site, "hers")
    assert rules(site, "hers") == {("User:rita", 3)}
    site.do("delete_topics", 5, topic_names=["hers"])


def node(site, path):
    return {n["path"]: n for n in site.do("tree_list", 0, tenant=path.split("/")[1], path=path)["nodes"]}.get(path)


def stored(site, pattern):
    """Paths of the metadata on disk; of a copy, for the broker's own is locked."""
    with tempfile.TemporaryDirectory() as there:
        for name in site.broker.dir.glob("data/meta.db*"):
            shutil.copy(name, there)
        db = sqlite3.connect(f"{there}/meta.db")
        found = [path for path, in db.execute("SELECT path FROM node WHERE path GLOB ?", (pattern,))]
        db.close()
        return found


def code(answer, *path):
    for step in path:
        answer = answer[step]
    return answer["error_code"]


def group_rule(site, user):
    answer = site.connection(user).call("create_acls", 3, creations=[
        binding("allow User:stan READ", Thing("group", "hergroup"))])[0]
    return answer["results"][0]["error_code"]


def test_an_owners_rule_dies_with_its_group(site):
    """A group that came to be by use, and one that was reserved: neither leaves anything to the next owner."""
    site.commit("hergroup", site.open, "olga")
    assert group_rule(site, "olga") == 0 and rules(site, "hergroup") == {("User:stan", 3)}
    site.do("delete_groups", 2, groups_names=["hergroup"])
    assert rules(site, "hergroup") == set()
    site.do("group_create", 0, group="hergroup", owner="olga")
    assert group_rule(site, "olga") == 0
    site.do("delete_groups", 2, groups_names=["hergroup"])
    assert rules(site, "hergroup") == set()
    assert "/main/groups/hergroup" not in [n["path"] for n in site.do("tree_list", 0, path="/main/groups")["nodes"]]
    assert site.do("delete_groups", 2, 69, groups_names=["hergroup"])["results"][0]["error_code"] == 69


def test_a_reserved_group_stays_until_it_is_deleted(site):
    """Its offsets may come and go, the broker may start anew."""
    site.do("group_create", 0, group="kept", owner="olga")
    site.restart()
    assert "/main/groups/kept" in [n["path"] for n in site.do("tree_list", 0, path="/main/groups")["nodes"]]
    deleted = site.connection("stan").call("delete_groups", 2, groups_names=["kept"])[0]
    assert deleted["results"][0]["error_code"] == 30
    deleted = site.connection("olga").call("delete_groups", 2, groups_names=["kept"])[0]
    assert deleted["results"][0]["error_code"] == 0


def test_chmod_of_what_one_does_not_see_changes_nothing_else(site):
    """Not the first thing below it that one may change."""
    make(site, "hers")
    answer = site.connection("olga").call("tree_set", 0, changes=[
        {"path": "/main/topics", "mode_clear": 0o777, "mode_set": 0o777, "force": True}])[0]
    assert answer["results"][0]["error_code"] == 91 and answer["results"][0]["nodes"] == 0
    assert node(site, "/main/topics/hers")["mode"] == 0o700
    site.do("delete_topics", 5, topic_names=["hers"])


# Users.

def test_no_password_is_stored(site):
    """Of a password there are keys; of our own tools' passwords too."""
    site.broker.ctl("user", "create", "withpass", "--password", PASSWORD)
    files = [p for p in site.broker.dir.rglob("*") if p.is_file()]
    assert files and not any(PASSWORD.encode() in p.read_bytes() for p in files)


def test_only_operators_touch_an_operators_record(site):
    """Whoever administers main may make users, but no operators, and may not re-key or lock one."""
    tina = site.connection("tina")
    mine = {"mechanisms": ["SCRAM-SHA-256"], "keys": site.keys}

    def alter(**change):
        return code(tina.call("user_alter", 0, changes=[change])[0], "results", 0)
    assert alter(action=0, user="hers", **mine) == 0
    for more in ({"teams": ["admins"]}, {"locked": 1}, {"expires_ms": 1}):	# what has no effect is not taken
        assert alter(action=0, user="nobody", **mine, **more) == 42
    assert alter(action=0, user="boss", operator=1, **mine) == 31
    assert alter(action=1, user="admin", locked=1) == 31
    assert alter(action=1, user="admin", keys=site.keys) == 31
    assert alter(action=2, user="admin", chown_to="tina") == 31
    keyed = tina.call("alter_user_scram_credentials", 0, deletions=[], upsertions=[
        {"name": "admin", "mechanism": 1, "iterations": 4096, "salt": b"salty", "salted_password": b"x" * 32}])[0]
    assert code(keyed, "results", 0) == 31
    assert code(tina.call("team_alter", 0, changes=[{"action": 2, "team": "admins", "users": ["admin"]}])[0],
                "results", 0) == 31
    site.team("main", "chiefs")
    site.do("team_alter", 0, changes=[{"action": 2, "team": "chiefs", "users": ["admin"]}])
    for action, users in ((3, ["admin"]), (1, [])):		# leaving a team, and its end
        answer = tina.call("team_alter", 0, changes=[{"action": action, "team": "chiefs", "users": users}])[0]
        assert code(answer, "results", 0) == 31
    me = site.connection("admin").call("id", 0, user=None)[0]
    assert me["operator"] and "chiefs" in me["teams"]


def seconds_until_cut(site, change):
    """From the answer to the change until a connection that asks nothing is cut; one that asks is refused at once."""
    site.users("main", ["brief"])
    ask = ASKS["list_offsets", "topic"]
    idle, busy = Connection(site, "brief"), Connection(site, "brief")
    for at in (idle, busy):
        assert ask.judge(at.call("list_offsets", 5, **ask.request(site.open, 5))[0], site.open) == "0"
    idle.client.sock.settimeout(5)
    site.do("user_alter", 0, changes=[{"user": "brief", **change}])
    changed = time.monotonic()
    answer = busy.call("list_offsets", 5, **ask.request(site.open, 5))[0]
    assert answer is None or ask.judge(answer, site.open) == "29"
    try:
        assert idle.client.sock.recv(1) == b""
    except OSError:
        pass
    seconds = time.monotonic() - changed
    for at in (idle, busy):
        at.close()
    if change["action"] != 2:
        site.do("user_alter", 0, changes=[{"user": "brief", "action": 2}])
    return seconds


@pytest.mark.parametrize("change", ["delete", "lock", "key", "expire"])
def test_a_user_who_is_gone_loses_his_connections(site, change):
    """Within a second. A machine that is busy may be late once; the broker would be every time."""
    changes = {"delete": {"action": 2}, "lock": {"action": 1, "locked": 1}, "key": {"action": 1, "keys": site.keys},
               "expire": {"action": 1, "expires_ms": 1}}
    took = [seconds_until_cut(site, changes[change])]
    while took[-1] >= 1 and len(took) < 5:
        took.append(seconds_until_cut(site, changes[change]))
    assert took[-1] < 1, took


# Tenants.

def tenant(site, name, **value):
    return site.do("tenant_alter", 0, tenant=name, admin="boss", admin_mechanisms=["SCRAM-SHA-256"], keys=site.keys,
                   **value)


def test_a_new_tenant(site):
    """Its first administrator owns it; the modes are those of schloss-acl(5); a number is used once."""
    first = tenant(site, "acme", action=0)["number"]
    told = {n["path"]: (n["owner"], n["team"], n["mode"], n["create_mode"])
            for n in site.do("tree_list", 0, tenant="acme", path="/acme", recursive=True)["nodes"]}
    assert told == {
        "/acme": ("boss", "admins", 0o770, -1), "/acme/topics": ("boss", "admins", 0o770, 0o740),
        "/acme/groups": ("boss", "admins", 0o772, 0o740), "/acme/txns": ("boss", "admins", 0o772, 0o740)}
    site.do("create_topics", 7, inside="acme", topics=[{"name": "t", "num_partitions": 1, "replication_factor": 1}])
    site.rules("acme", [binding("allow User:* ALL", Thing("topic", "t"))])
    site.do("delete_topics", 5, inside="acme", topic_names=["t"])
    site.connections.pop(("admin", "acme")).close()
    word = site.do("tenant_alter", 0, tenant="acme", action=1)["confirm"]
    site.do("tenant_alter", 0, tenant="acme", action=5, confirm=word)
    second = tenant(site, "acme", action=0)["number"]
    assert second > first
    assert [n["path"] for n in site.do("tree_list", 0, tenant="acme", path="/acme/topics")["nodes"]] == ["/acme/topics"]
    left = site.do("describe_acls", 3, inside="acme", **{**ANY_RULE, "resource_name_filter": "t"})
    assert left["resources"] == []


def test_producer_ids_are_global(site):
    tenant(site, "ids", action=0)
    seen = [site.do("init_producer_id", 4, inside=inside, transactional_id=None)["producer_id"]
            for inside in (None, "ids") for _ in range(5)]
    assert len(set(seen)) == 10


def test_main_cannot_be_deleted(site):
    answer = site.connection("admin").call("tenant_alter", 0, tenant="main", action=1, purge=True)[0]
    assert answer["error_code"] != 0
    assert node(site, "/main") is not None


def test_internal_topics(site):
    """Operators see and read them; nobody writes, trims or deletes them, by whatever client id."""
    offsets = Thing("topic", "__consumer_offsets")
    site.rules("main", [binding("allow User:* ALL on topic prefixed __", offsets)])
    for user in ("admin", "tina"):
        at = Connection(site, user)
        at.open()
        at.client.client_id = "__admin_client"
        see = "0" if user == "admin" else "29"
        for what, want in ((("metadata", "topic"), see), (("fetch", "topic"), see), (("list_offsets", "topic"), see),
                           (("produce", "topic"), "29"), (("delete_records", "topic"), "29"),
                           (("delete_topics", "topic"), "29"), (("create_partitions", "topic"), "29"),
                           (("incremental_alter_configs", "topic"), "29"), (("create_topics", "topic"), "29")):
            version = {"fetch": 12, "produce": 9, "metadata": 9, "delete_topics": 5}.get(what[0], 1)
            version = max(version, site.schema[what[0]].lo)
            answer = at.call(what[0], version, **ASKS[what].request(offsets, version))[0]
            assert ASKS[what].judge(answer, offsets) == want, (user, what)
        dirs = [at.call("describe_log_dirs", 4, topics=topics)[0]["results"][0]["topics"]
                for topics in (None, [{"topic": "__consumer_offsets", "partitions": [0]}])]
        assert ["__consumer_offsets" in {t["name"] for t in d} for d in dirs] == [user == "admin"] * 2
        at.close()
    path, admin = "/main/topics/__consumer_offsets", site.connection("admin")
    before = node(site, path)
    for change, want in (({"path": path, "owner": "tina"}, 42), ({"path": path, "mode_set": 0o700}, 42),
                         ({"path": "/main/topics", "team": "admins", "recursive": True}, 0)):
        assert code(admin.call("tree_set", 0, changes=[change])[0], "results", 0) == want, change
    assert node(site, path) == before
    tenant(site, "away", action=0)
    answer = site.do("metadata", 9, 3, inside="away", topics=[{"name": "__consumer_offsets"}],
                     allow_auto_topic_creation=False)
    assert code(answer, "topics", 0) == 3


def test_odd_names_of_groups(site):
    """Any UTF-8, also / and controls; in paths %XX. The empty one is error 24."""
    odd = "a/b \u00e4\n%"
    site.commit(odd, site.open)
    assert odd in [g["group_id"] for g in site.do("list_groups", 4)["groups"]]
    assert "/main/groups/a%2Fb%20\u00e4%0A%25" in [n["path"] for n in site.do("tree_list", 0, path="/main/groups")["nodes"]]
    join = ASKS["join_group", "group"].request(Thing("group", ""), 9)
    assert code(site.connection("admin").call("join_group", 9, **join)[0]) == 24
    site.do("delete_groups", 2, groups_names=[odd])


# Nodes and rules.

def test_an_operators_teams_are_operators_business(site):
    """Who administers main puts others into teams and out of them, but no operator, and ends no team that one is in."""
    ADD, REMOVE, CREATE, DELETE = 2, 3, 0, 1

    def alter(who, action, team, *users):
        told = site.connection(who).call("team_alter", 0, changes=[{"action": action, "team": team, "users": list(users)}])[0]
        return told["error_code"] or told["results"][0]["error_code"]
    assert [alter("tina", CREATE, "movers"), alter("tina", ADD, "movers", "stan"), alter("tina", REMOVE, "movers", "stan")] == [0, 0, 0]
    assert [alter("tina", ADD, "movers", "admin"), alter("tina", ADD, "movers", "stan", "admin")] == [31, 31]
    assert alter("admin", ADD, "movers", "admin") == 0
    assert [alter("tina", REMOVE, "movers", "admin"), alter("tina", DELETE, "movers")] == [31, 31]
    assert [alter("admin", REMOVE, "movers", "admin"), alter("tina", DELETE, "movers")] == [0, 0]


def test_who_may_ask_for_settings_is_told_of_what_he_sees(site):
    """Of topics that have some: the right on the tenant shows none that is hidden from him."""
    make(site, "private")
    site.rules("main", [binding("allow User:rita DESCRIBE_CONFIGS on tenant literal kafka-cluster", site.open),
                        binding("allow User:rita DESCRIBE", site.open)])
    told = site.connection("rita").call("list_config_resources", 1, resource_types=[2])[0]
    names = {r["resource_name"] for r in told["config_resources"]}
    assert told["error_code"] == 0 and site.open.name in names and "private" not in names, names
    site.do("delete_topics", 5, topic_names=["private"])


def test_joining_a_group_costs_no_metadata(site):
    """Its owner lies beside its state: the tree on disk knows nothing of it."""
    site.commit("byuse", site.open, "olga")
    assert node(site, "/main/groups/byuse")["owner"] == "olga" and node(site, "/main/groups/byuse")["by_use"]
    assert not [p for p in stored(site, "*byuse*")]
    site.set("/main/groups/byuse", mode=0o750)
    assert stored(site, "/tenants/0/groups/byuse")
    site.do("delete_groups", 2, groups_names=["byuse"])
    assert not stored(site, "/tenants/0/groups/byuse")


def test_a_right_that_is_gone_ends_a_waiting_fetch(site):
    """It waits with the right, and is answered without it when the record comes."""
    make(site, "waited")
    site.rules("main", [binding("allow User:rita READ", Thing("topic", "waited"))])
    rita = site.connection("rita")
    ask = {**ASKS["fetch", "topic"].request(Thing("topic", "waited"), 12), "max_wait_ms": 300000, "min_bytes": 1}
    rita.call("metadata", 9, topics=[])
    rita.client.send("fetch", 12, ask)
    site.do("delete_acls", 3, filters=[{**ANY_RULE, "resource_name_filter": "waited", "resource_type_filter": 2}])
    site.do("produce", 9, **ASKS["produce", "topic"].request(Thing("topic", "waited"), 9))
    answer = rita.client.answer("fetch", 12)[1]["responses"][0]["partitions"][0]
    assert (answer["error_code"], answer["records"]) == (29, b"")


def test_a_right_that_is_gone_is_gone_for_the_next_request(site):
    """However often the same connection had it before: what was allowed is kept for one image alone."""
    topic, group = Thing("topic", "again"), Thing("group", "again", open=site.open)
    make(site, "again")
    site.do("group_create", 0, group="again", owner="olga")
    rita = site.connection("rita")

    def code_of(api, version, about, *path):
        return code(rita.call(api, version, **ASKS[api, about.type].request(about, version))[0], *path)

    def codes():
        return (code_of("produce", 9, topic, "responses", 0, "partition_responses", 0),
                code_of("fetch", 12, topic, "responses", 0, "partitions", 0),
                code_of("metadata", 12, topic, "topics", 0),
                code_of("offset_commit", 9, group, "topics", 0, "partitions", 0))
    for round in range(2):
        assert codes() == (29, 29, 29, 30), round
        site.rules("main", [binding(f"allow User:rita {op}", topic) for op in ("READ", "WRITE")] +
                   [binding("allow User:rita READ", group)])
        for _ in range(3):
            assert codes() == (0, 0, 0, 0), round
        site.rules("main", [binding(f"deny User:rita {op}", thing)
                            for op, thing in (("WRITE", topic), ("READ", topic), ("READ", group))])
        assert codes() == (29, 29, 0, 30), round
        site.rules("main", [binding("deny User:rita DESCRIBE", topic)])
        assert codes() == (29, 29, 29, 30), round
        site.do("delete_acls", 3, filters=[{**ANY_RULE, "resource_name_filter": "again"}])
    site.do("delete_topics", 5, topic_names=["again"])
    site.do("delete_groups", 2, groups_names=["again"])


def test_an_unknown_version_of_our_own_is_answered_with_the_range(site):
    at = Connection(site, "stan")
    at.open()
    raw = struct.pack(">hhih", 20010, 7, 1, -1) + b"\0\0\0\0"
    at.client.send_frame(raw)
    _, answer = at.client.schema["id"].decode_response(0, at.client.read_frame())
    assert answer["error_code"] == 35 and "0 to 0" in answer["error_message"]
    at.close()
    nobody = Connection(site, None)
    nobody.open()
    nobody.client.send_frame(raw)
    with pytest.raises((EOFError, OSError)):
        nobody.client.read_frame()
    nobody.close()


def test_filtering_a_list_is_no_denial(site):
    """What a list leaves out is not in the log; what was asked for by name is, once."""
    make(site, "unlisted")
    before = len(site.broker.log)
    site.connection("stan").call("metadata", 9, topics=None)
    site.connection("stan").call("tree_list", 0, path="/main", recursive=True)
    site.connection("stan").call("metadata", 9, topics=[{"name": "unlisted"}], allow_auto_topic_creation=False)
    site.connection("stan").call("metadata", 9, topics=[{"name": "unlisted"}], allow_auto_topic_creation=False)
    said = [line for line in site.broker.log[before:].split("\n") if "unlisted" in line]
    assert len(said) == 1 and "stan" in said[0]


def test_refused_requests_pay_too(site):
    """And a delay that was told is kept: the connection reads nothing before it is over."""
    site.do("alter_client_quotas", 1, entries=[{"entity": [{"entity_type": "user", "entity_name": "stan"}], "ops": [
        {"key": "producer_byte_rate", "value": 100.0, "remove": False}]}])
    make(site, "refused")
    at = Connection(site, "stan")
    answer = at.call("produce", 9, **ASKS["produce", "topic"].request(Thing("topic", "refused"), 9))[0]
    told = time.monotonic()
    assert answer["responses"][0]["partition_responses"][0]["error_code"] == 29 and answer["throttle_time_ms"] > 100
    assert at.call("metadata", 9, topics=[])[0] is not None
    assert time.monotonic() - told > answer["throttle_time_ms"] / 1000 - 0.1
    at.close()
    site.do("alter_client_quotas", 1, entries=[{"entity": [{"entity_type": "user", "entity_name": "stan"}], "ops": [
        {"key": "producer_byte_rate", "value": 0.0, "remove": True}]}])


def test_modes_can_be_kept_from_tools():
    """acl.describe.modes: false leaves the rules alone."""
    s = Site(cells=False, settings="acl.describe.modes: false")
    try:
        make_rule = binding("allow User:x READ", Thing("topic", "t"))
        s.do("create_topics", 7, topics=[{"name": "t", "num_partitions": 1, "replication_factor": 1}])
        s.rules("main", [make_rule])
        told = s.do("describe_acls", 3, **ANY_RULE)["resources"]
        assert [(r["resource_name"], [a["principal"] for a in r["acls"]]) for r in told] == [("t", ["User:x"])]
    finally:
        s.remove()


# Who may change what.

@pytest.fixture(scope="module")
def changing(site):
    """A topic that olga owns, and stan sees; rita has every operation on it by a rule."""
    site.team("main", "crew")
    site.team("main", "tools")
    site.do("team_alter", 0, changes=[{"action": 2, "team": "crew", "users": ["olga"]}])
    make(site, "changing")
    site.rules("main", [binding("allow User:rita ALL", Thing("topic", "changing")),
                        binding("allow User:stan DESCRIBE", Thing("topic", "changing"))])
    return "/main/topics/changing"


CHANGES = {
    "chmod": ({"mode_clear": 0o777, "mode_set": 0o750}, {"olga", "tina", "admin"}),
    "chgrp": ({"team": "crew"}, {"olga", "tina", "admin"}),
    "chgrp to another's team": ({"team": "tools"}, {"tina", "admin"}),
    "chown": ({"owner": "stan"}, {"tina", "admin"}),
    "chown and chmod": ({"owner": "olga", "mode_set": 0o700}, {"tina", "admin"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_who_changes_a_node(site, changing, what):
    """x on the node, or every operation by a rule, gives none of it."""
    change, allowed = CHANGES[what]
    for user in ("olga", "stan", "rita", "tina", "admin"):
        answer = site.connection(user).call("tree_set", 0, changes=[{"path": changing, **change}], dry_run=True)[0]
        assert code(answer, "results", 0) == (0 if user in allowed else 31), user


@pytest.mark.parametrize("what", ["literal", "prefixed", "any"])
def test_who_changes_rules(site, changing, what):
    """Literal ones on a node are its owner's to make, to see and to delete; all others the administrator's."""
    on = {"literal": "", "prefixed": " on topic prefixed changing", "any": " on topic literal *"}[what]
    rule = binding(f"allow User:nobody READ{on}", Thing("topic", "changing"))
    names = {"resource_type_filter": 2, "resource_name_filter": rule["resource_name"], "operation": 3,
             "pattern_type_filter": rule["resource_pattern_type"], "principal_filter": "User:nobody",
             "host_filter": "*", "permission_type": 3}
    for user in ("stan", "rita", "olga", "tina", "admin"):
        want = 0 if user in ("tina", "admin") or (user, what) == ("olga", "literal") else 31
        made = site.connection(user).call("create_acls", 3, creations=[rule])[0]
        assert code(made, "results", 0) == want, user
        site.rules("main", [rule])
        seen = site.connection(user).call("describe_acls", 3, **names)[0]
        assert (seen["error_code"], len(seen["resources"])) == (want, int(want == 0)), user
        gone = site.connection(user).call("delete_acls", 3, filters=[names])[0]["filter_results"][0]
        assert (gone["error_code"], len(gone["matching_acls"])) == (want, int(want == 0)), user
        site.do("delete_acls", 3, filters=[names])


def test_a_filter_of_many_names_is_the_administrators(site, changing):
    """An owner names his node; what else would match is not told."""
    for wide in ({}, {"resource_type_filter": 2}, {"resource_type_filter": 2, "pattern_type_filter": 3},
                 {"resource_name_filter": "changing", "resource_type_filter": 2}):
        gone = site.connection("olga").call("delete_acls", 3, filters=[{**ANY_RULE, **wide}])[0]["filter_results"][0]
        assert (gone["error_code"], gone["matching_acls"]) == (31, []), wide
        seen = site.connection("olga").call("describe_acls", 3, **{**ANY_RULE, **wide})[0]
        assert (seen["error_code"], seen["resources"]) == (31, []), wide


def test_making_a_topic_by_asking_for_it(site):
    """It takes CREATE as well as DESCRIBE, and belongs to who asked."""
    for version in (1, 12):
        name = f"asked{version}"
        site.rules("main", [binding(f"allow User:stan DESCRIBE on topic prefixed {name}", site.open),
                            binding(f"allow User:rita ALL on topic prefixed {name}", site.open)])
        asked = {"topics": [{"name": name}], **({"allow_auto_topic_creation": True} if version > 3 else {})}
        assert code(site.connection("stan").call("metadata", version, **asked)[0], "topics", 0) == 29
        assert code(site.connection("olga").call("metadata", version, **asked)[0], "topics", 0) == 29
        assert code(site.connection("tina").call("metadata", 9, **{**asked, "allow_auto_topic_creation": False})[0],
                    "topics", 0) == 3
        assert code(site.connection("rita").call("metadata", version, **asked)[0], "topics", 0) == 0
        assert node(site, f"/main/topics/{name}")["owner"] == "rita"


def test_an_ipv4_address_is_one_through_ipv6_too(site):
    """A listener on all addresses sees IPv4 peers as mapped ones: rules and `id` speak of the plain address."""
    text = site.broker.yaml.read_text()
    plain = f'address: "127.0.0.1:{site.broker.port}"'
    assert text.count(plain) == 1
    site.hang_up()
    site.broker.stop()
    site.broker.yaml.write_text(text.replace(plain, f'address: "*:{site.broker.port}"'))
    site.broker.start()
    make(site, "mapped")
    site.rules("main", [binding("allow User:rita READ from 127.0.0.1", Thing("topic", "mapped")),
                        binding("allow User:rita WRITE from 127.0.0.0/8", Thing("topic", "mapped"))])
    for what in (("fetch", "topic"), ("produce", "topic")):
        answer = site.connection("rita").call(what[0], 9, **ASKS[what].request(Thing("topic", "mapped"), 9))[0]
        assert ASKS[what].judge(answer, None) == "0", what
    assert site.connection("rita").call("id", 0, user=None)[0]["host"] == "127.0.0.1"
    site.connection("stan").call("metadata", 9, topics=[{"name": "mapped"}], allow_auto_topic_creation=False)
    assert "::ffff" not in site.broker.log


def test_nobody_inherits_a_users_name(site):
    """Who owns something, be it a directory or a group by use, is deleted with an heir or with all of it."""
    tenant(site, "heirs", action=0)
    site.users("heirs", ["anna", "heir"])
    site.make_open("heirs")

    def delete(user, **how):
        return site.connection("admin").call("user_alter", 0, tenant="heirs", changes=[
            {"action": 2, "user": user, **how}])[0]["results"][0]["error_code"]

    def owner(path):
        return node(site, f"/heirs{path}")["owner"]
    assert delete("boss") == 44
    assert delete("boss", chown_to="heir") == 0
    assert [owner(p) for p in ("", "/topics", "/groups", "/txns")] == ["heir"] * 4
    site.users("heirs", ["boss"])
    assert site.connection("boss@heirs").call("user_list", 0, users=None)[0]["error_code"] == 31
    for how, left in (({"chown_to": "heir"}, "heir"), ({"purge": True}, "")):
        site.commit("annas", Thing("topic", "open"), "anna@heirs")
        assert owner("/groups/annas") == "anna"
        assert delete("anna") == 44
        assert delete("anna", **how) == 0
        assert owner("/groups/annas") == left
        site.users("heirs", ["anna"])
        assert owner("/groups/annas") == left
        site.connections.pop(("anna@heirs", None)).close()
        site.do("delete_groups", 2, inside="heirs", groups_names=["annas"])


# Limits: each level, each key, on the wire.

def limit(site, entity, key, value, inside=None):
    site.do("alter_client_quotas", 1, inside=inside, entries=[{
        "entity": [{"entity_type": t, "entity_name": n} for t, n in entity],
        "ops": [{"key": key, "value": value or 0.0, "remove": value is None}]}])


ENTITIES = {
    "tenant": [("tenant", "limited")], "user": [("user", "anna")], "any user": [("user", None)],
    "client": [("client-id", "twin")], "any client": [("client-id", None)],
    "any user, a client": [("user", None), ("client-id", "twin")], "any user, any client": [("user", None), ("client-id", None)],
    "user and client": [("user", "anna"), ("client-id", "twin")], "user, any client": [("user", "anna"), ("client-id", None)],
}


@pytest.fixture(scope="module")
def limited(site):
    tenant(site, "limited", action=0)
    site.users("limited", ["anna", "other"])
    return site.make_open("limited")


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_entity_has_its_limit(site, limited, entity):
    """It binds who it names, and is gone when it is removed."""
    request = ASKS["produce", "topic"].request(limited, 9)

    def throttled(user, client_id="twin"):
        at = Connection(site, user)
        at.open()
        at.client.client_id = client_id
        answer = at.call("produce", 9, **request)[0]
        at.close()
        return answer["throttle_time_ms"] > 0
    assert not throttled("anna@limited")
    limit(site, ENTITIES[entity], "producer_byte_rate", 50.0, None if entity == "tenant" else "limited")
    assert throttled("anna@limited")
    if entity == "user":
        assert not throttled("other@limited")
    if entity in ("client", "user and client", "any user, a client"):
        assert not throttled("anna@limited", "another")
    assert not throttled("admin" if entity == "tenant" else "olga")
    limit(site, ENTITIES[entity], "producer_byte_rate", None, None if entity == "tenant" else "limited")


def test_the_most_specific_limit_counts(site, limited):
    """Of the eight entities that can name a connection, in Kafka's order (design of Kafka, "Quotas")."""
    order = ["user and client", "user, any client", "user", "any user, a client", "any user, any client", "any user", "client",
             "any client"]
    assert {*order, "tenant"} == set(ENTITIES)
    request = ASKS["produce", "topic"].request(limited, 9)

    def throttled():
        at = Connection(site, "anna@limited")
        at.open()
        at.client.client_id = "twin"
        answer = at.call("produce", 9, **request)[0]
        at.close()
        return answer["throttle_time_ms"] > 0
    # The weakest is tight, and each one above it in turn is wide: the strongest that is set decides. A user's own is
    # above his client ids' limits as well, and so the wide one must be there for it to be seen (PROTOCOL.md, 20).
    for weak, strong in zip(order[::-1], order[-2::-1]):
        limit(site, ENTITIES[weak], "producer_byte_rate", 50.0, "limited")
        assert throttled(), weak
        limit(site, ENTITIES[strong], "producer_byte_rate", 1e9, "limited")
        nested = "client" not in weak and "client" in strong
        assert throttled() == nested, (weak, strong)
        limit(site, ENTITIES[weak], "producer_byte_rate", None if nested else 50.0, "limited")
        assert not throttled(), (weak, strong)
    for entity in order:
        limit(site, ENTITIES[entity], "producer_byte_rate", None, "limited")


@pytest.mark.parametrize("key,value,api,version", [
    ("consumer_byte_rate", 1.0, "fetch", 12), ("request_percentage", 0.002, "metadata", 9),
    ("controller_mutation_rate", 0.01, "create_topics", 7)])
def test_every_key_limits_something(site, limited, key, value, api, version):
    site.do("produce", 9, inside="limited", **ASKS["produce", "topic"].request(limited, 9))
    site.rules("limited", [binding("allow User:anna CREATE on topic prefixed anna", limited)])
    limit(site, ENTITIES["user"], key, value, "limited")
    at = Connection(site, "anna@limited")
    topics = [{"name": f"annas{i}", "num_partitions": 3, "replication_factor": 1} for i in range(3)]
    request = {"topics": topics[:1]} if api == "create_topics" else ASKS[api, "topic"].request(limited, version)
    answer = at.call(api, version, **request)[0]
    assert answer["throttle_time_ms"] > 0
    at.close()
    if api == "create_topics":		# what is in debt makes nothing more
        refused = Connection(site, "anna@limited")
        answer = refused.call(api, version, topics=topics[1:2])[0]
        refused.close()
        assert code(answer, "topics", 0) == 89
    limit(site, ENTITIES["user"], key, None, "limited")
