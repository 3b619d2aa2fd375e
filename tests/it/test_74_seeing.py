# SPDX-License-Identifier: Apache-2.0
"""Who is connected, and closing connections: what is told is true, to those whom it is for, and nothing of others."""
import contextlib
import json
import ssl
import time

import confluent_kafka as ck
import pytest
import twin
from harness import Broker

PASSWORD = "a pass of many words"


class Seen(Broker):
    def told(self, *words, conf="admin"):
        return json.loads(self.ctl("-o", "json", *words, conf=conf).stdout)

    def client(self, user, tenant=None):
        """A connection of a user's, which says nothing by itself."""
        tls = ssl.create_default_context(cafile=self.conf()["ssl.ca.location"])
        c = twin.Client("127.0.0.1", self.port, ssl_context=tls, server_hostname="127.0.0.1", client_id=f"{user}-1")
        name = f"{user}@{tenant}" if tenant else user
        assert c.sasl_scram(name, PASSWORD)["error_code"] == 0
        return c

    def of(self, user, *words, conf="admin"):
        return [c for c in self.told("connections", *words, conf=conf) if c["user"] == user]


@pytest.fixture(scope="module")
def site():
    b = Seen("audit.file: audit.log\naudit.sync.ms: 0\nnum.network.threads: 2\n")
    b.start()
    for name in ("anna", "bert", "tina"):
        b.user(name, "--password", PASSWORD)
    b.ctl("team", "add", "admins", "tina")
    b.ctl("tenant", "create", "acme", "--admin", "boss", "--password", PASSWORD, "--conf", b.dir / "boss.conf")
    yield b
    b.remove()


@contextlib.contextmanager
def connected(site, *users):
    clients = [site.client(*u) if isinstance(u, tuple) else site.client(u) for u in users]
    try:
        yield clients
    finally:
        for c in clients:
            c.close()


def hung_up(client, seconds=1.0):
    client.sock.settimeout(seconds)
    try:
        return client.sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def test_what_is_told_is_true(site):
    with connected(site, "anna") as (c,):
        c.call("api_versions", 3, client_software_name="a-client", client_software_version="1.2.3")
        c.call("metadata", 12, topics=[])
        time.sleep(0.3)
        (row,) = site.of("anna")
        host, port = c.sock.getsockname()
        assert (row["from"], row["tenant"], row["mechanism"]) == (f"{host}:{port}", "main", "SCRAM-SHA-256")
        assert (row["tls"], row["cipher"]) == (c.sock.version(), c.sock.cipher()[0])
        assert (row["client"], row["version"], row["client_id"]) == ("a-client", "1.2.3", "anna-1")
        assert 300 <= row["idle_ms"] < 60_000 and row["throttle_ms"] == 0 and row["requests"] == 0
        assert abs(time.time() - time.mktime(time.strptime(row["since"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
        assert 0 < row["rate_in"] < 100_000 and 0 < row["rate_out"] < 100_000
        assert row["listener"] in site.yaml.read_text()
    assert site.of("anna") == []


def test_a_waiting_request_and_its_memory_show(site):
    site.ctl("topic", "create", "waits", "--owner", "anna")
    with connected(site, "anna") as (c,):
        c.send("fetch", 4, {"replica_id": -1, "max_wait_ms": 20_000, "min_bytes": 1, "max_bytes": 1 << 20, "topics": [
            {"topic": "waits", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 16}]}]})
        time.sleep(0.3)
        (row,) = site.of("anna")
        assert row["requests"] == 1 and row["memory"] > 0
        began = time.monotonic()
        assert site.told("kill", row["id"])[0]["closed"] == "1"
        assert hung_up(c) and time.monotonic() - began < 3	# the program's own start is in it
    assert site.of("anna") == []


def test_a_throttled_one_shows(site):
    site.ctl("quota", "set", "users/bert", "request_percentage=0.01")
    with connected(site, "bert") as (c,):
        for _ in range(4):
            c.call("metadata", 12, topics=None)
        (row,) = site.of("bert")
        assert 0 < row["throttle_ms"] <= 10_000
    site.ctl("quota", "set", "users/bert", "request_percentage=")


def test_groups_of_a_consumer(site):
    site.ctl("topic", "create", "read", "--owner", "anna")
    c = ck.Consumer({**site.conf("anna"), "group.id": "readers", "session.timeout.ms": 6000})
    c.subscribe(["read"])
    end = time.monotonic() + 30
    while not c.assignment() and time.monotonic() < end:
        c.poll(0.2)
    rows = site.of("anna")
    assert [r["groups"] for r in rows if r["groups"]] == [["readers"]]
    assert {r["client"] for r in rows} == {"confluent-kafka-python"}
    # An administrator who may not see the group is not told of it; its owner is.
    site.ctl("group", "create", "other")
    mine = [r["groups"] for r in site.of("anna", conf="anna") if r["groups"]]
    assert mine == [["readers"]]
    site.ctl("chmod", "0700", "groups/readers")
    site.ctl("setfacl", "-m", "deny:user:tina:describe", "groups/readers")
    assert [r["groups"] for r in site.of("anna", conf="tina") if r["groups"]] == []
    c.close()


def test_who_sees_which_connections(site):
    with connected(site, "anna", "bert"), contextlib.closing(site.speak()):
        assert {r["user"] for r in site.told("connections")} >= {"admin", "anna", "bert"}
        assert all(r["user"] == "anna" for r in site.told("connections", conf="anna"))
        assert {r["user"] for r in site.told("connections", conf="tina")} >= {"admin", "anna", "bert", "tina"}
        assert {r["user"] for r in site.told("connections", "--user", "bert")} == {"bert"}
        denied = site.ctl("connections", "--user", "bert", conf="anna", check=False)
        assert (denied.returncode, denied.stdout) == (4, "")
        with contextlib.closing(site.speak("anna")) as c:
            answer = c.call("connection_list", 0)
            assert {r["number"] for r in answer["connections"]} == {-1}
            assert c.call("connection_list", 0, after="0" * 16)["error_code"] in (0, 42)
            assert c.call("connection_list", 0, after="1")["error_code"] == 42
            assert c.call("connection_list", 0, tenant="acme")["error_code"] == 31
            assert c.call("connection_list", 0, tenant="nope")["error_code"] == 31


def test_tenants_do_not_see_each_other(site):
    """Neither who is connected, nor that anybody is."""
    with connected(site, "anna", ("boss", "acme")) as (_, boss):
        theirs = site.told("connections", conf="boss")
        assert {(r["user"], r["tenant"]) for r in theirs} == {("boss", "acme")}
        assert "boss" not in {r["user"] for r in site.told("connections", conf="tina")}
        assert {r["tenant"] for r in site.told("connections")} == {"main", "acme"}
        assert {r["user"] for r in site.told("connections", "--tenant", "acme")} == {"boss"}
        annas = site.of("anna")[0]["id"]
        p, q = (site.ctl("kill", i, conf="boss", check=False) for i in (annas, "0" * 16))
        assert p.returncode == q.returncode == 4 and p.stderr.replace(annas, "0" * 16) == q.stderr
        p, q = (site.ctl("kill", "--tenant", t, "--user", "anna", conf="boss", check=False) for t in ("main", "nope"))
        assert p.returncode == q.returncode == 4 and p.stderr == q.stderr
        assert site.told("kill", "--user", "anna", conf="boss")[0]["closed"] == "0"
        assert len(site.of("anna")) == 1
        assert site.told("kill", "--tenant", "acme", "--user", "boss")[0]["closed"] == "1"
        assert hung_up(boss)


def test_a_login_under_way_is_the_operators_matter(site):
    tls = ssl.create_default_context(cafile=site.conf()["ssl.ca.location"])
    c = twin.Client("127.0.0.1", site.port, ssl_context=tls, server_hostname="127.0.0.1")
    c.call("api_versions", 3, client_software_name="early", client_software_version="1")
    (row,) = [r for r in site.told("connections") if r["user"] is None]
    assert (row["client"], row["mechanism"]) == ("early", None)
    assert [r for r in site.told("connections", conf="tina") if r["user"] is None] == []
    assert site.ctl("kill", row["id"], conf="tina", check=False).returncode == 4
    site.ctl("kill", row["id"])
    assert hung_up(c)
    c.close()


def test_who_may_kill(site):
    with connected(site, "anna", "anna", "bert") as (one, two, bert):
        mine = site.of("anna")
        his = site.of("bert")[0]["id"]
        boss = site.speak("admin")
        operators = [r["id"] for r in site.told("connections") if r["user"] == "admin" and r["client_id"] == "twin"]
        absent = site.ctl("kill", "0" * 16, conf="anna", check=False)
        for conf, target in (("anna", his), ("anna", operators[0])):
            p = site.ctl("kill", target, conf=conf, check=False)
            assert p.returncode == 4 and p.stderr.replace(target, "0" * 16) == absent.stderr
        assert site.ctl("kill", "--user", "bert", conf="anna", check=False).returncode == 4
        for words in (("kill", operators[0]), ("kill", "--user", "admin")):
            p = site.ctl(*words, conf="tina", check=False)
            assert p.returncode == 4, p.stdout
        assert boss.call("metadata", 12, topics=[])["cluster_id"]
        boss.close()
        site.ctl("kill", mine[0]["id"], conf="anna")
        assert hung_up(one, 0.5) != hung_up(two, 0.5)
        assert site.told("kill", "--user", "anna", conf="tina")[0]["closed"] == "1"
        assert hung_up(one) and hung_up(two) and not hung_up(bert, 0.3)
        assert site.told("kill", "--user", "bert")[0]["closed"] == "1"
        assert hung_up(bert)
        assert site.told("kill", "--user", "bert")[0]["closed"] == "0"


def test_a_user_ends_his_own_others(site):
    """All but the one that asks."""
    with connected(site, "anna", "anna") as (one, two):
        assert one.call("connection_kill", 0, user="anna")["closed"] == 1
        assert hung_up(two)
        me = one.call("connection_list", 0)["connections"]
        assert len(me) == 1
        answer = one.call("connection_kill", 0, connection=me[0]["id"])
        assert (answer["error_code"], answer["closed"]) == (42, 0) and "of this request" in answer["error_message"]
        for words in ({}, {"connection": "x", "user": "anna"}):
            assert one.call("connection_kill", 0, **words)["error_code"] == 42


def test_what_was_killed_is_in_the_audit_log(site):
    with connected(site, "anna") as (c,):
        (row,) = site.of("anna")
        site.ctl("kill", row["id"], conf="tina")
        site.ctl("kill", "--user", "anna")
    lines = [json.loads(line) for line in (site.dir / "audit.log").read_text().splitlines()]
    one, all_ = [line for line in lines if line["what"] == "killed"][-2:]
    assert one["whose"]["user"] == "anna" and one["whose"]["connection"] > 0 and one["user"] == "tina"
    assert all_["whose"] == {"tenant": "main", "user": "anna"} and all_["user"] == "admin"
    site.ctl("audit", "verify", site.dir / "audit.log")


def test_many_are_told_page_by_page(site):
    """Each once, also while others come and go; and all of a user are closed."""
    clients = [site.client("anna") for _ in range(450)]
    try:
        rows = site.of("anna")
        assert len(rows) == 450 and len({r["id"] for r in rows}) == 450 and len({r["from"] for r in rows}) == 450
        for c in clients[::3]:
            c.close()
        time.sleep(0.5)
        assert {r["from"] for r in site.of("anna")} == {
            "%s:%d" % c.sock.getsockname() for i, c in enumerate(clients) if i % 3}
        with contextlib.closing(site.speak("bert")) as c:
            answer = c.call("connection_list", 0)
            assert len(answer["connections"]) == 1 and answer["next"] is None	# nobody counts others by pages
        began = time.monotonic()
        assert site.told("kill", "--user", "anna")[0]["closed"] == "300"
        assert all(hung_up(c) for i, c in enumerate(clients) if i % 3) and time.monotonic() - began < 10
        assert site.of("anna") == []
    finally:
        for c in clients:
            c.close()
