# SPDX-License-Identifier: Apache-2.0
"""schlossctl as somebody meets it who has not read the manual."""
import json

import pytest
from harness import Broker, SCHLOSSCTL, run


@pytest.fixture(scope="module")
def site():
    b = Broker()
    b.start()
    b.user("anna")
    b.user("bert")
    b.ctl("team", "create", "shop")
    b.ctl("team", "add", "shop", "anna")
    b.ctl("topic", "create", "orders", "--owner", "bert")
    yield b
    b.remove()


def rules(site, path="topics/orders", *more):
    return [r["rule"] for r in json.loads(site.ctl("getfacl", path, "-o", "json", *more).stdout)]


def test_a_rule_that_says_what_the_mode_says_is_seen_and_removed(site):
    """Or it would stand, unseen, when the owner changes."""
    site.ctl("chmod", "0700", "topics/orders")
    site.ctl("setfacl", "-m", "user:bert:rw", "topics/orders")
    assert rules(site) == ["user:bert:rw"]
    site.ctl("setfacl", "--set-file", "-", "topics/orders", stdin="team:shop:r\n")
    assert rules(site) == ["team:shop:r"]
    site.ctl("chown", "anna", "topics/orders")
    assert site.ctl("why", "bert", "write", "topics/orders", check=False).returncode == 1
    site.ctl("setfacl", "-b", "topics/orders")
    assert rules(site) == []


def test_rules_are_seen_where_modes_are_kept_from_tools():
    b = Broker("acl.describe.modes: false")
    try:
        b.start()
        b.user("anna")
        b.ctl("topic", "create", "t", "--owner", "anna")
        b.ctl("setfacl", "-m", "user:anna:r", "topics/t")
        assert rules(b, "topics/t") == ["user:anna:r"]
    finally:
        b.remove()


def test_owner_and_team_in_one_word(site):
    def now():
        node = json.loads(site.ctl("ls", "topics/orders", "-o", "json").stdout)[0]
        return node["owner"], node["team"]
    site.ctl("chown", "anna:shop", "topics/orders")
    assert now() == ("anna", "shop")
    site.ctl("chown", "bert:", "topics/orders")
    assert now() == ("bert", "shop")
    site.ctl("chown", ":admins", "topics/orders")
    assert now() == ("bert", "admins")
    refused = site.ctl("chown", "anna:none", "topics/orders", check=False)
    assert refused.returncode == 4 and "'none'" in refused.stderr and now() == ("bert", "admins")


def test_all_quotas(site):
    def shown(*path):
        return {(r["tenant"], r["user"], r["client_id"], r["quota"], r["value"])
                for r in json.loads(site.ctl("quota", "show", "-o", "json", *path).stdout)}
    site.ctl("quota", "set", "/main", "producer_byte_rate=5000000")
    site.ctl("quota", "set", "users/anna", "consumer_byte_rate=1000")
    site.ctl("quota", "set", "/main/users/*", "--client-id", "x", "request_percentage=20")
    of_anna = {(None, "anna", None, "consumer_byte_rate", 1000)}
    of_x = {(None, "*", "x", "request_percentage", 20)}
    assert shown() == {("main", None, None, "producer_byte_rate", 5000000)} | of_anna | of_x
    assert shown("--client-id", "x") == of_x
    assert shown("users/anna") == shown("/main/users/anna") == of_anna


@pytest.mark.parametrize("words, status, said", [
    (["ls", "topics/none"], 4, "there is no such path, or none that you may see"),
    (["id", "nobody"], 4, "nobody: there is no such user"),
    (["topic", "alter", "orders", "retention.ms=1000"], 2, "-c retention.ms=1000 sets it"),
    (["topic", "help"], 2, "topic has no verb help"),
    (["frob", "--help"], 2, "there is no frob"),
    (["quota", "show", "topics/orders"], 2, "quotas are on"),
])
def test_the_next_step_is_said(site, words, status, said):
    p = site.ctl(*words, check=False)
    assert (p.returncode, p.stdout) == (status, "") and said in p.stderr


def test_a_user_who_is_none_is_told_of(site):
    p = site.ctl("why", "nobody", "read", "topics/orders", check=False)
    assert p.returncode == 1 and p.stdout.startswith("denied: nobody (without a user record) has no r on ")
    assert "record" not in site.ctl("why", "anna", "read", "topics/orders", check=False).stdout


@pytest.mark.parametrize("words, there, absent", [
    (["--help"], ["topic  create", "A first quarter"], []),
    (["help"], ["topic  create", "A first quarter"], []),
    (["quota", "--help"], ["schlossctl quota set", "schlossctl quota show"], ["topic"]),
    (["help", "quota"], ["schlossctl quota set", "schlossctl quota show"], ["topic"]),
    (["quota", "set", "-h"], ["schlossctl quota set"], ["quota show"]),
    (["help", "quota", "set"], ["schlossctl quota set"], ["quota show"]),
    (["chown", "--help"], ["USER[:TEAM]"], ["chgrp"]),
])
def test_help_is_asked_for_in_any_way(words, there, absent):
    """It needs no broker."""
    p = run(SCHLOSSCTL, *words)
    assert all(t in p.stdout for t in there) and not any(a in p.stdout for a in absent) and p.stderr == ""
