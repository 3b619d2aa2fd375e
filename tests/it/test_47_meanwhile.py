# SPDX-License-Identifier: Apache-2.0
"""Rights that go between the gate and the change: whoever asks without end gets no more by it than by asking once."""
import threading

import pytest
from hostile import eventually
from matrix import Connection, Site, Thing, binding

ASKERS = 6


@pytest.fixture(scope="module")
def site():
    s = Site(cells=False)
    s.users("main", ["olga", "stan"])
    s.users("main", ["tina"], "admins")
    s.open = s.make_open("main")
    yield s
    s.remove()


class Flood:
    """Many who ask for the same without end; codes: the results that there were, once it is over."""

    def __init__(self, site, user, api, version, results, **value):
        self.codes, self.over, self.begun = set(), False, threading.Barrier(ASKERS + 1)

        def ask():
            c = Connection(site, user)
            c.open()
            self.begun.wait()
            while not self.over:
                answer = c.call(api, version, **value)[0]
                self.codes |= {r["error_code"] for r in answer[results]}
            c.close()
        self.threads = [threading.Thread(target=ask) for _ in range(ASKERS)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.begun.wait()
        return self

    def __exit__(self, *error):
        self.over = True
        for t in self.threads:
            t.join()


def make(site, name):
    site.do("create_topics", 7, topics=[{"name": name, "num_partitions": 1, "replication_factor": 1}])
    site.set(f"/main/topics/{name}", owner="olga", mode=0o700)


@pytest.mark.parametrize("n", range(3))
def test_a_record_that_becomes_an_operators(site, n):
    """Who administers main waits for it with keys of his own."""
    with Flood(site, "tina", "user_alter", 0, "results", changes=[{"action": 1, "user": f"boss{n}", "keys": site.keys}]) as f:
        site.do("user_alter", 0, changes=[{"action": 0, "user": f"boss{n}", "operator": 1, "mechanisms": ["PLAIN"]}])
    assert f.codes == {31, 91} or f.codes == {31}
    told = site.do("user_list", 0, users=[f"boss{n}"])["users"][0]
    assert (told["operator"], told["mechanisms"]) == (True, ["PLAIN"])


@pytest.mark.parametrize("n", range(3))
def test_an_owner_does_not_come_back(site, n):
    """A chmod that was decided before the chown does not undo it."""
    make(site, f"given{n}")
    path = f"/main/topics/given{n}"
    with Flood(site, "olga", "tree_set", 0, "results", changes=[{"path": path, "mode_clear": 0o777, "mode_set": 0o700}]):
        site.set(path, owner="stan")
    nodes = {n["path"]: n for n in site.do("tree_list", 0, path="/main/topics")["nodes"]}
    assert nodes[path]["owner"] == "stan"


@pytest.mark.parametrize("n", range(3))
@pytest.mark.parametrize("kind", ["topic", "group", "group by use"])
def test_no_rule_is_made_for_the_next_owner(site, kind, n):
    """By who owned what has just ended."""
    name = f"ended{n}"
    thing = Thing(kind.split()[0], name)
    if kind == "topic":
        make(site, name)
    elif kind == "group":
        site.do("group_create", 0, group=name, owner="olga")
    else:
        site.commit(name, site.open, "olga")
    with Flood(site, "olga", "create_acls", 3, "results", creations=[binding("allow User:olga READ", thing)]):
        if kind == "topic":
            site.do("delete_topics", 5, topic_names=[name])
        else:
            site.do("delete_groups", 2, groups_names=[name])
    eventually(lambda: site.do(		# at once, but for a group by use: that has ended before
        "describe_acls", 3, resource_type_filter=2 if kind == "topic" else 3, resource_name_filter=name, pattern_type_filter=3,
        principal_filter=None, host_filter=None, operation=1, permission_type=1)["resources"] == [],
               5 if kind == "group by use" else 0)


def test_a_node_named_twice_is_nobody_elses_doing(site):
    """What a change writes first is not taken for another's, which it would ask about again and again."""
    make(site, "twice")
    path = "/main/topics/twice"
    told = site.do("tree_set", 0, changes=[{"path": path, "mode_clear": 0o777, "mode_set": mode} for mode in (0o700, 0o740)])
    assert [r["error_code"] for r in told["results"]] == [0, 0]
    nodes = {n["path"]: n for n in site.do("tree_list", 0, path="/main/topics")["nodes"]}
    assert nodes[path]["mode"] == 0o740
