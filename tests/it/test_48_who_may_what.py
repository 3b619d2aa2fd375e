# SPDX-License-Identifier: Apache-2.0
"""who-can and what-can tell of many what why tells of one: they are held to it, and their pages to being whole."""
import itertools
import json

import pytest
from harness import Broker
from hostile import Site
from test_68_groups_faults import commit, settled

USERS = ("admin", "anna", "bert", "carla", "dora", "emil", "locked")
PATHS = ("topics/orders", "topics/logs-secret", "topics/absent", "groups/billing", "groups/new", "topics", "groups", "/main",
         "topics/__consumer_offsets")
OPERATIONS = ("read", "write", "create", "delete", "alter", "describe", "describe-configs", "alter-configs")


@pytest.fixture(scope="module")
def site():
    b = Broker().start()
    for user in USERS[1:]:
        b.user(user, "--password", "a pass of many words")
    b.ctl("team", "create", "billing")
    b.ctl("team", "add", "billing", "carla")
    b.ctl("user", "lock", "locked")
    for topic in ("orders", "logs-secret"):
        b.ctl("topic", "create", topic, "-p", "1", "--owner", "anna")
    b.ctl("chgrp", "billing", "topics/orders")
    b.ctl("chmod", "0740", "topics/orders")
    b.ctl("group", "create", "billing", "--owner", "carla")
    b.ctl("setfacl", "-m", "user:bert:read", "-m", "deny:user:dora:all", "topics/orders")
    b.ctl("setfacl", "-m", "user:bert:write", "-m", "user:locked:write", "topics/logs-*")
    b.ctl("setfacl", "-m", "deny:user:bert:write", "topics/logs-secret")
    b.ctl("setfacl", "-m", "team:billing:alter@10.0.0.0/8", "topics/*")
    b.ctl("setfacl", "-m", "user:emil:create", "-m", "user:emil:describe", "/main")
    yield b
    b.remove()


def may(site, user, op, path, *more):
    return site.ctl("why", user, op, path, *more, check=False).returncode == 0


def who_can(site, op, path, *more):
    return {u["user"]: u for u in json.loads(site.ctl("-o", "json", "who-can", op, path, *more).stdout)}


def what_can(site, user, *more, conf="admin"):
    told = json.loads(site.ctl("-o", "json", "what-can", user, *more, conf=conf).stdout)
    return {n["path"]: n["operations"] for n in told["nodes"]}, {(r["path"], r["rule"]) for r in told["rules"]}


def named(site, op, path):
    """Who-can of an operation that such a path may not have."""
    done = site.ctl("-o", "json", "who-can", op, path, check=False)
    return {u["user"] for u in json.loads(done.stdout)} if done.returncode == 0 else None


@pytest.mark.parametrize("path", PATHS)
def test_who_can_agrees_with_why(site, path):
    for op in OPERATIONS:
        answers = {user: site.ctl("why", user, op, path, check=False).returncode for user in USERS}
        seen = named(site, op, path)
        if seen is None:
            assert set(answers.values()) == {4}, (op, answers)
        else:
            assert seen & set(USERS) == {user for user, code in answers.items() if code == 0}, op


@pytest.mark.parametrize("user", USERS)
def test_what_can_agrees_with_why(site, user):
    nodes, _ = what_can(site, user)
    for path, op in itertools.product(PATHS, OPERATIONS):
        full = path if path.startswith("/") else f"/main/{path}"
        there = full not in ("/main/topics/absent", "/main/groups/new")
        told = not (op == "create" and full.count("/") == 3) and not (op == "write" and full in ("/main/topics", "/main/groups"))
        if there and told:
            assert (op in nodes.get(full, [])) == may(site, user, op, path), (op, path)


def test_who_can_says_through_what(site):
    seen = who_can(site, "read", "topics/orders")
    assert seen["admin"]["step"] == "operator"
    assert (seen["anna"]["class"], seen["anna"]["bits"], seen["anna"]["path"]) == ("owner", "r", "/main/topics/orders")
    assert (seen["carla"]["step"], seen["carla"]["class"]) == ("mode", "team")
    assert (seen["bert"]["step"], seen["bert"]["rule"], seen["bert"]["class"]) == ("allow-rule", "user:bert:r", None)
    assert set(seen) == {"admin", "anna", "bert", "carla"}
    assert "carla" not in who_can(site, "alter", "topics/orders")
    assert who_can(site, "alter", "topics/orders", "--host", "10.1.2.3")["carla"]["rule"].endswith("@10.0.0.0/8")


def test_what_anybody_can_is_told(site):
    """Of whom a listener lets in without a record, too."""
    site.ctl("setfacl", "-m", "user:*:read", "topics/logs-open-*")
    users = json.loads(site.ctl("-o", "json", "who-can", "read", "topics/logs-open-1").stdout)
    assert {None} | set(USERS[:-1]) == {u["user"] for u in users}
    assert "(no record)" in site.ctl("who-can", "read", "topics/logs-open-1").stdout
    site.ctl("setfacl", "-x", "user:*:read", "topics/logs-open-*")


def test_what_can_tells_of_names_to_come(site):
    _, rules = what_can(site, "bert")
    assert rules == {("/main/topics/logs-*", "user:bert:w")}	# the deny is on a topic that there is, and shows there
    _, rules = what_can(site, "carla")
    assert rules == {("/main/topics/*", "team:billing:alter@10.0.0.0/8")}
    nodes, _ = what_can(site, "bert")
    assert "/main/topics/logs-secret" not in nodes or "write" not in nodes["/main/topics/logs-secret"]


def test_only_administrators_ask_about_others(site):
    for words in (("who-can", "read", "topics/orders"), ("what-can", "anna"), ("who-can", "read", "/")):
        done = site.ctl(*words, conf="bert", check=False)
        assert (done.returncode, done.stdout) == (4, ""), words
    nodes, rules = what_can(site, "bert", conf="bert")
    assert "/main/topics/orders" in nodes and rules
    site.ctl("setfacl", "-m", "deny:user:bert:read", "topics/hush-*")
    assert ("/main/topics/hush-*", "deny:user:bert:r") in what_can(site, "bert")[1]
    assert ("/main/topics/hush-*", "deny:user:bert:r") not in what_can(site, "bert", conf="bert")[1]


def test_of_whom_there_is_not_nothing_is_told(site):
    for words in (("what-can", "ghost"), ("who-can", "fly", "topics/orders"), ("who-can", "read"), ("who-can", "read", "/nowhere"),
                  ("what-can", "anna", "--host", "example.org")):
        done = site.ctl(*words, check=False)
        assert done.returncode in (2, 4) and done.stdout == "" and done.stderr.strip(), words


def test_a_tenant_is_asked_about_by_its_administrator(site):
    site.ctl("tenant", "create", "acme", "--admin", "boss", "--password", "a pass of many words")
    site.ctl("user", "create", "anna", "--tenant", "acme", "--password", "a pass of many words")
    assert set(who_can(site, "create", "/acme/topics")) == {"boss"}
    nodes, _ = what_can(site, "boss", "--tenant", "acme")
    assert set(nodes) == {"/acme", "/acme/topics", "/acme/groups", "/acme/txns"}
    nodes, _ = what_can(site, "anna", "--tenant", "acme")
    assert not any("orders" in path for path in nodes)		# main's anna owns it


def test_pages_are_whole():
    """More users, topics and groups than one answer is asked about, each told once."""
    s = Site()
    try:
        users = [f"u{i:04d}" for i in range(2345)]
        topics = [f"t{i:03d}" for i in range(510)]
        groups = [f"g{i:04d}" for i in range(1205)]
        with s.client() as c:
            for i in range(0, len(users), 95):
                made = c.call("user_alter", 0, changes=[{"action": 0, "user": u, "mechanisms": ["GSSAPI"]} for u in users[i:i + 95]])
                assert {r["error_code"] for r in made["results"]} == {0}
            for i in range(0, len(topics), 102):
                made = c.call("create_topics", 5, topics=[{"name": t, "num_partitions": 1, "replication_factor": 1}
                                                          for t in topics[i:i + 102]], timeout_ms=60000)
                assert {t["error_code"] for t in made["topics"]} == {0}
            for g in groups:
                assert settled(lambda g=g: commit(c, g, 1)) == 0
        seen = json.loads(s.broker.ctl("-o", "json", "who-can", "create", "groups").stdout)
        assert [u["user"] for u in seen if u["user"] and u["user"].startswith("u")] == users
        paths = [n["path"] for n in json.loads(s.broker.ctl("-o", "json", "what-can", "admin").stdout)["nodes"]]
        assert len(paths) == len(set(paths))
        assert [p for p in paths if p.startswith("/main/topics/t")] == [f"/main/topics/{t}" for t in topics]
        assert [p for p in paths if p.startswith("/main/groups/g")] == [f"/main/groups/{g}" for g in groups]
    finally:
        s.remove()
