# SPDX-License-Identifier: Apache-2.0
"""Where Kafka's rules trap their users. That filters find what Kafka's find is test_33_kafka_answers' matter."""

import pytest
from harness import Broker

TOPIC, LITERAL, PREFIXED, ANY, MATCH, ALLOW, DENY = 2, 3, 4, 1, 2, 3, 2
READ, WRITE, DESCRIBE, ALL, ANYTHING = 3, 4, 8, 2, 1


@pytest.fixture(scope="module")
def site():
    b = Broker().start()
    for name in ("anna", "bert"):
        b.user(name)
    for topic in ("orders", "orders-eu", "other"):
        b.ctl("topic", "create", topic)
    yield b
    b.remove()


@pytest.fixture
def admin(site):
    c = site.speak()
    yield c
    c.call("delete_acls", 3, filters=[found(ANY, None, "User:anna"), found(ANY, None, "User:*")])
    c.close()


def rule(name, pattern, op, permission=ALLOW, principal="User:anna", host="*"):
    return {"resource_type": TOPIC, "resource_name": name, "resource_pattern_type": pattern, "operation": op,
            "permission_type": permission, "principal": principal, "host": host}


def found(pattern, name, principal=None, **more):
    return {"resource_type_filter": TOPIC, "resource_name_filter": name, "pattern_type_filter": pattern,
            "principal_filter": principal, "host_filter": None, "operation": ANYTHING, "permission_type": ANYTHING, **more}


def make(admin, *rules):
    return [(r["error_code"], r["error_message"]) for r in admin.call("create_acls", 3, creations=list(rules))["results"]]


def listed(admin, pattern, name):
    out = admin.call("describe_acls", 3, **found(pattern, name, "User:anna"))
    assert out["error_code"] == 0, out
    return {(r["resource_name"], r["pattern_type"]) for r in out["resources"]}


def reads(c, topic):
    return c.call("list_offsets", 5, replica_id=-1, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -1}]}])["topics"][0]["partitions"][0]["error_code"]


def test_a_prefixed_star_is_refused(admin):
    """In Kafka it is taken, and covers only names that begin with a star: false comfort, or a denial of nothing."""
    for permission in (ALLOW, DENY):
        [(code, text)] = make(admin, rule("*", PREFIXED, READ, permission))
        assert code == 42 and "literal *" in text, text
    assert make(admin, rule("*x", PREFIXED, READ), rule("*", LITERAL, READ)) == [(0, None), (0, None)]
    assert listed(admin, PREFIXED, "*") == set()
    assert listed(admin, ANY, "*") == {("*", LITERAL)}


def test_what_covers_a_topic_is_listed_by_match(admin):
    """The plain listing, by the literal name, hides prefixes and the star, as Kafka's does; match shows all that decides."""
    assert {c for c, _ in make(admin, rule("orders", LITERAL, READ), rule("ord", PREFIXED, WRITE), rule("*", LITERAL, DESCRIBE),
                               rule("orders-e", PREFIXED, READ), rule("orders", PREFIXED, DESCRIBE))} == {0}
    assert listed(admin, LITERAL, "orders") == {("orders", LITERAL)}
    assert listed(admin, PREFIXED, "orders") == {("orders", PREFIXED)}
    assert listed(admin, ANY, "orders") == {("orders", LITERAL), ("orders", PREFIXED)}
    assert listed(admin, MATCH, "orders") == {("orders", LITERAL), ("orders", PREFIXED), ("ord", PREFIXED), ("*", LITERAL)}
    assert listed(admin, MATCH, "orders-eu") == {("orders", PREFIXED), ("ord", PREFIXED), ("*", LITERAL), ("orders-e", PREFIXED)}
    assert listed(admin, MATCH, "or") == {("*", LITERAL)}
    assert listed(admin, MATCH, None) == listed(admin, ANY, None) and len(listed(admin, ANY, None)) == 5


def test_deletion_by_match_takes_what_covers(admin):
    """And by any only those of the name; what stands for modes stays, whatever the filter."""
    make(admin, rule("orders", LITERAL, READ), rule("ord", PREFIXED, WRITE), rule("*", LITERAL, DESCRIBE), rule("other", LITERAL, READ))

    def delete(pattern, name):
        [out] = admin.call("delete_acls", 3, filters=[found(pattern, name, "User:anna")])["filter_results"]
        assert out["error_code"] == 0
        return {(m["resource_name"], m["pattern_type"]) for m in out["matching_acls"]}
    assert delete(ANY, "orders-eu") == set()
    assert delete(MATCH, "orders-eu") == {("ord", PREFIXED), ("*", LITERAL)}
    assert delete(ANY, "orders") == {("orders", LITERAL)}
    assert listed(admin, ANY, None) == {("other", LITERAL)}
    modes = {**found(MATCH, "orders"), "principal_filter": "User:admin"}
    shown = admin.call("describe_acls", 3, **modes)["resources"]
    [out] = admin.call("delete_acls", 3, filters=[modes])["filter_results"]
    assert (out["error_code"], out["matching_acls"]) == (0, []) and shown
    assert admin.call("describe_acls", 3, **modes)["resources"] == shown


@pytest.mark.parametrize("denial", [("orders", LITERAL, "User:anna"), ("ord", PREFIXED, "User:anna"), ("*", LITERAL, "User:*"),
                                    ("orders", LITERAL, "User:*"), ("ord", PREFIXED, "User:*")])
def test_a_denial_has_its_effect_at_once(site, admin, denial):
    """On a connection that is open, over every allow rule and its own right as the owner; and its end has, too."""
    name, pattern, principal = denial
    site.ctl("chown", "anna", "topics/orders")
    c = site.speak("anna")
    assert {r for r, _ in make(admin, rule("orders", LITERAL, ALL), rule("*", LITERAL, ALL))} == {0}
    assert reads(c, "orders") == 0
    assert make(admin, rule(name, pattern, ALL, DENY, principal)) == [(0, None)]
    assert reads(c, "orders") == 29
    assert reads(c, "other") == (29 if name == "*" else 0)
    admin.call("delete_acls", 3, filters=[found(pattern, name, principal, permission_type=DENY)])
    assert reads(c, "orders") == 0
    c.close()


def test_a_rule_takes_no_default_away(site, admin):
    """In Kafka with allow.everyone the first rule for one shuts all others out; here rules only say what they say."""
    site.ctl("chmod", "744", "topics/orders")
    bert = site.speak("bert")
    assert reads(bert, "orders") == 0
    assert make(admin, rule("orders", LITERAL, READ)) == [(0, None)]
    assert reads(bert, "orders") == 0
    bert.close()


def test_kafkas_implied_operations(site, admin):
    """READ gives DESCRIBE, a denial of READ does not take it, a denial of ALL does."""
    site.ctl("chown", "admin", "topics/other")
    site.ctl("chmod", "700", "topics/other")
    c = site.speak("anna")
    assert reads(c, "other") == 29
    make(admin, rule("other", LITERAL, READ))
    assert reads(c, "other") == 0
    make(admin, rule("other", LITERAL, READ, DENY))
    assert reads(c, "other") == 0
    make(admin, rule("other", LITERAL, ALL, DENY))
    assert reads(c, "other") == 29
    c.close()
