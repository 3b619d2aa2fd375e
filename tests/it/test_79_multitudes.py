# SPDX-License-Identifier: Apache-2.0
"""What one tenant has by the hundred thousand, or does without end, is that tenant's: the bystander of another one works
all the while, and the broker starts again with it."""
import concurrent.futures
import contextlib
import threading
import time

import pytest
from hostile import eventually
from test_61_faults import batch, error_of, produce_request
from test_64_greed import Peak
from test_69_memory import MIB, TINA, fetch_all, noise, noisy_site, noisy_tenant

MANY, AT_ONCE = 100_000, 20_000
HELD_MAX = 400 * MIB	# of a broker with a sanitizer, for the largest request and what is kept of it
TOPIC, LITERAL, PREFIXED, READ, DENY, ALLOW = 2, 3, 4, 3, 2, 3


@pytest.fixture(scope="module")
def site():
    s = noisy_site()
    s.undisturbed()
    yield s
    s.remove()


def ask(site, name, version, who=TINA, **value):
    with noise(site, 1, who, timeout=120) as (c,):
        return c.call(name, version, **value)


def started_again(site):
    site.restart()
    site.undisturbed()


def rule(i):
    return {"resource_type": TOPIC, "resource_name": f"team{i % 1000}.topic{i // 100}", "resource_pattern_type": (LITERAL, PREFIXED)[i % 3 > 0],
            "principal": f"User:user{i % 10000}", "host": "*", "operation": READ, "permission_type": ALLOW if i % 5 else DENY}


def test_a_hundred_thousand_rules(site):
    """How long a decision among them takes is counted in test_image.c; here, what making and reading them does to others."""
    with site.meanwhile():
        for at in range(0, MANY, AT_ONCE):
            told = ask(site, "create_acls", 3, creations=[rule(i) for i in range(at, at + AT_ONCE)])["results"]
            assert {a["error_code"] for a in told} == {0}
    site.undisturbed()
    everything = {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1, "principal_filter": None,
                  "host_filter": None, "operation": 1, "permission_type": 1}
    with site.meanwhile(), Peak(site) as held:
        found = ask(site, "describe_acls", 3, **everything)
    rules = {(r["resource_name"], r["pattern_type"], a["principal"], a["permission_type"]) for r in found["resources"]
             for a in r["acls"] if a["principal"].startswith("User:user")}
    wanted = {(x["resource_name"], x["resource_pattern_type"], x["principal"], x["permission_type"]) for x in map(rule, range(MANY))}
    assert found["error_code"] == 0 and rules == wanted
    assert held.bytes < HELD_MAX, held.bytes
    started_again(site)
    with site.meanwhile():
        gone = ask(site, "delete_acls", 3, filters=[{**everything, "resource_type_filter": TOPIC}])["filter_results"][0]
    assert (gone["error_code"], len(gone["matching_acls"])) == (0, MANY)
    started_again(site)


def test_a_hundred_thousand_users(site):
    """Each with keys: who is one of them logs in as quickly as before, also behind a restart."""
    name, password = TINA
    with site.meanwhile():
        for at in range(0, MANY, AT_ONCE):
            told = ask(site, "alter_user_scram_credentials", 0, deletions=[], upsertions=[
                {"name": f"u{i}", "mechanism": 1, "iterations": 4096, "salt": b"salt%d" % i, "salted_password": bytes(32)}
                for i in range(at, at + AT_ONCE)])["results"]
            assert {a["error_code"] for a in told} == {0}
    site.undisturbed()
    site.broker.ctl("--tenant", "acme", "user", "passwd", "u77777", "--password", "another 1")
    started_again(site)
    with site.meanwhile():
        ask(site, "metadata", 9, ("u77777@acme", "another 1"), topics=[])
        listed = site.broker.ctl("--tenant", "acme", "-o", "json", "user", "list").stdout
    assert listed.count('"u') >= MANY
    ask(site, "metadata", 9, (name, password), topics=[])


@contextlib.contextmanager
def busy(site, who, *works):
    """Each of works goes on on connections of its own until the block ends; how often each was done. What the end of
    their tenant does to them is no failure."""
    over, done = threading.Event(), [0] * len(works)

    def go_on(i, work):
        while not over.is_set():
            try:
                with noise(site, 1, who) as (c,):
                    while not over.is_set():
                        work(c)
                        done[i] += 1
            except (OSError, EOFError, AssertionError):
                over.wait(0.2)
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        jobs = [pool.submit(go_on, i, w) for i, w in enumerate(works)]
        try:
            yield done
        finally:
            over.set()
    for j in jobs:
        j.result()


def produce(c):
    assert error_of(c.call("produce", 9, **produce_request("much", batch([bytes(1000)])))) == 0


def fetch(c):
    c.call("fetch", 11, **fetch_all())


def test_quotas_that_change_all_the_time(site):
    """Up, down and away, of the tenant, a user and a client id, while they work: nothing sticks, neither for them nor for others."""
    def flap(c):
        flap.turn = (flap.turn + 1) % 3
        op = {"key": "producer_byte_rate", "value": (1e9, 1e3, 0)[flap.turn], "remove": flap.turn == 2}
        told = c.call("alter_client_quotas", 1, validate_only=False, entries=[
            {"entity": [{"entity_type": "user", "entity_name": name}, *more], "ops": [op]}
            for name in (None, "tina") for more in ([], [{"entity_type": "client-id", "entity_name": "twin"}])])
        assert {e["error_code"] for e in told["entries"]} == {0}
    flap.turn = 0
    with site.meanwhile(), busy(site, TINA, flap, produce, fetch) as done:
        eventually(lambda: done[0] >= 200 and done[1] and done[2], 120)
    with noise(site, 1) as (c,):
        while flap.turn != 2:
            flap(c)
        for _ in range(20):	# what is left of a debt to the smallest quota is not owed any more
            produce(c)
    assert site.broker.ctl("--tenant", "acme", "-o", "json", "quota", "show", "users/tina").stdout.count("producer_byte_rate") == 0
    site.undisturbed()


def test_a_tenant_is_deleted_under_load(site):
    """Several times, its clients producing, reading and coming again all the while."""
    who = "zoe@leaves", "zoes own 1"
    for _ in range(3):
        noisy_tenant(site, who)
        with site.meanwhile(), busy(site, who, produce, produce, fetch, fetch, make_topics) as done:
            eventually(lambda done=done: all(done), 60)
            site.broker.delete_tenant("leaves", "--purge")
            before = list(done)
            eventually(lambda before=before, done=done: sum(done) - sum(before) <= 5)
        site.undisturbed()
        assert "leaves" not in site.broker.ctl("tenant", "list").stdout
    started_again(site)


def make_topics(c):
    make_topics.n += 1
    c.call("create_topics", 7, timeout_ms=30000, topics=[
        {"name": f"t{make_topics.n}", "num_partitions": 10, "replication_factor": 1}])


make_topics.n = 0


def test_failed_logins_by_the_thousand(site):
    """From forty addresses, each as fast as it is let: who knows the password logs in meanwhile."""
    failed = []

    def guess(n):
        for i in range(25):
            try:
                with site.tls(source=f"127.0.1.{n}") as c:
                    told = c.sasl_scram(f"user{i}@acme", f"guess {i}")
                    failed.append(told["error_code"])
            except (OSError, EOFError):
                failed.append(None)
    begin = time.monotonic()
    with site.meanwhile(), concurrent.futures.ThreadPoolExecutor(40) as pool:
        jobs = [pool.submit(guess, n) for n in range(1, 41)]
        while not all(j.done() for j in jobs):
            ask(site, "metadata", 9, topics=[])
        for j in jobs:
            j.result()
    assert len(failed) == 1000 and set(failed) <= {58, None} and failed.count(58) > 500, (failed, time.monotonic() - begin)
    site.undisturbed()
