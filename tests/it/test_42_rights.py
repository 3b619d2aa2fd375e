# SPDX-License-Identifier: Apache-2.0
"""Rules about rights that need more than one request: what ends with what, and when a right is gone."""
import pytest
from matrix import Site, Thing, binding


@pytest.fixture
def site():
    s = Site(cells=False)
    s.users("main", ["olga", "stan", "rita"])
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


def group_rule(site, user):
    answer = site.connection(user).call("create_acls", 3, creations=[
        binding("allow User:stan READ", Thing("group", "hers"))])[0]
    return answer["results"][0]["error_code"]


def test_an_owners_rule_dies_with_its_group(site):
    """A group that came to be by use, and one that was reserved: neither leaves anything to the next owner."""
    site.open = site.make_open("main")
    site.commit("hers", site.open, "olga")
    assert group_rule(site, "olga") == 0 and rules(site, "hers") == {("User:stan", 3)}
    site.do("delete_groups", 2, groups_names=["hers"])
    assert rules(site, "hers") == set()
    site.do("group_create", 0, group="hers", owner="olga")
    assert group_rule(site, "olga") == 0
    site.do("delete_groups", 2, groups_names=["hers"])
    assert rules(site, "hers") == set()
    assert "/main/groups/hers" not in [n["path"] for n in site.do("tree_list", 0, path="/main/groups")["nodes"]]
    site.restart()
    assert rules(site, "hers") == set()
    assert site.do("delete_groups", 2, 69, groups_names=["hers"])["results"][0]["error_code"] == 69


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
    node, = [n for n in site.do("tree_list", 0, path="/main/topics")["nodes"] if n["path"].endswith("/hers")]
    assert node["mode"] == 0o700
