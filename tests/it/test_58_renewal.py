# SPDX-License-Identifier: Apache-2.0
"""Logins that end, and are renewed on the same connection (KIP-368): what may be sent when, by whom, for how long;
and Java's and librdkafka's own renewals."""
import json
import ssl
import time

import foreign
import pytest
import twin
from harness import Broker, free_port
from hostile import closed, eventually
from test_56_any_client import HERE, Program
from test_65_bad_batches import batch, record

TERM_MS = 1500


@pytest.fixture(scope="module")
def broker():
    """Listeners whose logins hold for one and a half seconds, for good as far as the listener goes, and an hour."""
    b = Broker("connections.max.reauth.ms: 1500\ngroup.initial.rebalance.delay.ms: 0\nlog.level: debug\nlogin.timeout.ms: 4000\n"
               "login.tls.timeout.ms: 4000")
    b.ports = {name: free_port() for name in ("endless", "hour")}
    for name, ms in (("endless", 0), ("hour", 3600000)):
        b.add_listener(name, f"address: 127.0.0.1:{b.ports[name]}\nprotocol: SASL_SSL\nconnections.max.reauth.ms: {ms}\n"
                       "mechanisms: [SCRAM-SHA-256, SCRAM-SHA-512, PLAIN]")
    b.start()
    b.ctl("topic", "create", "t", "-p", "1")
    b.user("other", "--password", "not the same")
    yield b
    b.remove()


def connect(b, port=None):
    c = b.conf()
    return twin.Client("127.0.0.1", port or b.port, server_hostname="127.0.0.1", timeout=30,
                       ssl_context=ssl.create_default_context(cafile=c["ssl.ca.location"]))


def login(b, port=None, user=None):
    """A connection, and the last answer of its login."""
    client = connect(b, port)
    c = b.conf()
    last = client.sasl_scram(*(user or (c["sasl.username"], c["sasl.password"])))
    assert last["error_code"] == 0, last
    return client, last


def me(b):
    c = b.conf()
    return c["sasl.username"], c["sasl.password"]


def is_over(client, ms):
    """Waits until a login that holds so long has ended, by the clock and nothing else."""
    end = time.monotonic() + ms / 1000 + 0.05
    while (left := end - time.monotonic()) > 0:
        time.sleep(left)
    return client


def refused(client, name, version, **value):
    client.send(name, version, value)
    return closed(client.sock)


def test_the_client_is_told_how_long_it_holds(broker):
    for port, ms in ((None, TERM_MS), (broker.ports["endless"], 0), (broker.ports["hour"], 3600000)):
        client, last = login(broker, port)
        with client:
            assert last["session_lifetime_ms"] == ms


def test_who_does_not_know_of_it_is_told_nothing_and_is_held_to_it(broker):
    """SaslAuthenticate 0 has no place for it, raw tokens neither."""
    with connect(broker) as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        scram = twin.Scram(*me(broker), "SCRAM-SHA-256")
        first = c.call("sasl_authenticate", 0, auth_bytes=scram.first())
        last = c.call("sasl_authenticate", 0, auth_bytes=scram.final(first["auth_bytes"]))
        assert last["error_code"] == 0 and not last.get("session_lifetime_ms")
        assert refused(is_over(c, TERM_MS), "metadata", 9, topics=None)


@pytest.mark.parametrize("name,version,value", [("metadata", 9, {"topics": None}), ("api_versions", 2, {}),
                                                ("list_groups", 2, {})])
def test_when_it_has_ended_only_a_renewal_is_taken(broker, name, version, value):
    client, _ = login(broker)
    with client as c:
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        assert refused(is_over(c, TERM_MS), name, version, **value)
    eventually(lambda: "after the login has ended, which was not renewed" in broker.log)


def test_renewed_before_and_after_it_has_ended(broker):
    client, _ = login(broker)
    with client as c:
        for wait in (TERM_MS - 400, TERM_MS, TERM_MS + 500):
            is_over(c, wait)
            last = c.sasl_scram(*me(broker))
            assert (last["error_code"], last["session_lifetime_ms"]) == (0, TERM_MS)
            assert c.call("metadata", 9, topics=None)["controller_id"] == 1


def test_half_a_renewal_is_none(broker):
    """Behind SaslHandshake comes SaslAuthenticate, whether the login before has ended or not."""
    client, _ = login(broker)
    with client as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        assert refused(c, "metadata", 9, topics=None)
    client, _ = login(broker)
    with client as c:
        is_over(c, TERM_MS)
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        assert refused(c, "api_versions", 2)


def test_a_renewal_has_a_deadline_and_a_number_of_requests(broker):
    port = broker.ports["endless"]
    client, _ = login(broker, port)
    with client as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        assert closed(c.sock)
    assert "the login was not renewed in time" in broker.log
    client, _ = login(broker, port)
    with client as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        for _ in range(16):
            assert c.call("api_versions", 2)["error_code"] == 0
        assert refused(c, "api_versions", 2)


def test_once_a_second(broker):
    client, _ = login(broker, broker.ports["endless"])
    with client as c:
        assert c.sasl_scram(*me(broker))["error_code"] == 0
        begin = time.monotonic()
        answer = c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"]
        assert answer == 34 or time.monotonic() - begin > 1
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        eventually(lambda: c.sasl_scram(*me(broker))["error_code"] == 0)


def test_raw_tokens_renew_nothing(broker):
    client, _ = login(broker, broker.ports["endless"])
    with client as c:
        assert c.call("sasl_handshake", 0, mechanism="SCRAM-SHA-256")["error_code"] == 34
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1


def test_the_same_user_by_the_same_mechanism(broker):
    """Else the connection ends, whatever was proved; the user's other connections stay."""
    port = broker.ports["endless"]
    for reason, again in (
            ("a login is renewed by the same user only", lambda c: c.sasl_scram("other", "not the same")),
            ("wrong password", lambda c: c.sasl_scram(me(broker)[0], "wrong")),
            ("a login is renewed by the same mechanism only", lambda c: c.sasl_scram(*me(broker), "SCRAM-SHA-512")),
            ("a login is renewed by the same mechanism only", lambda c: c.sasl_plain(*me(broker)))):
        bystander, _ = login(broker, port)
        client, _ = login(broker, port)
        before = broker.log.count(f"login refused: {reason}")
        with client as c, bystander:
            assert again(c)["error_code"] == 58, reason
            assert closed(c.sock)
            assert bystander.call("metadata", 9, topics=None)["controller_id"] == 1
        eventually(lambda: broker.log.count(f"login refused: {reason}") > before)


def test_guessing_by_renewals_is_guessing(broker):
    """The second failure of the same pair waits longer than the first, here as at a login."""
    broker.user("guessed", "--password", "secret one")
    took = []
    for _ in range(4):
        client, _ = login(broker, broker.ports["endless"], ("other", "not the same"))
        with client as c:
            begin = time.monotonic()
            assert c.sasl_scram("guessed", "wrong")["error_code"] == 58
            took.append(time.monotonic() - begin)
    assert took[0] >= 0.1 and took[3] >= 0.8, took


def produce(client, value):
    return client.send("produce", 8, {"transactional_id": None, "acks": -1, "timeout_ms": 30000, "topic_data": [
        {"name": "t", "partition_data": [{"index": 0, "records": batch(record(value))}]}]})


def test_what_was_asked_before_is_answered_first(broker):
    """Records that wait for the disk and a fetch that waits for records, then the renewal: in this order."""
    client, _ = login(broker)
    with client as c:
        asked = [produce(c, b"x") for _ in range(5)]
        asked.append(c.send("fetch", 4, fetch_of(max_wait_ms=300)))
        asked.append(c.send("sasl_handshake", 1, {"mechanism": "SCRAM-SHA-256"}))
        names = [("produce", 8)] * 5 + [("fetch", 4), ("sasl_handshake", 1)]
        assert [c.answer(*name)[0] for name in names] == asked
        scram = twin.Scram(*me(broker), "SCRAM-SHA-256")
        first = c.call("sasl_authenticate", 2, auth_bytes=scram.first())
        assert c.call("sasl_authenticate", 2, auth_bytes=scram.final(first["auth_bytes"]))["error_code"] == 0
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1


def fetch_of(max_wait_ms, offset=1 << 40):
    return {"replica_id": -1, "max_wait_ms": max_wait_ms, "min_bytes": 1 << 20, "max_bytes": 1 << 20, "isolation_level": 0,
            "topics": [{"topic": "t", "partitions": [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20}]}]}


def test_what_waits_when_it_ends_waits_no_longer(broker):
    """A fetch for an hour is answered with what there is; nothing that comes later goes to who logged in until then."""
    with login(broker)[0] as other:
        end = other.call("list_offsets", 1, replica_id=-1, topics=[{"name": "t", "partitions": [
            {"partition_index": 0, "timestamp": -1}]}])["topics"][0]["partitions"][0]["offset"]
    client, _ = login(broker)
    with client as c:
        begin = time.monotonic()
        sent = c.send("fetch", 4, fetch_of(3600000, end))
        got, answer = c.answer("fetch", 4)
        assert got == sent and answer["responses"][0]["partitions"][0]["error_code"] == 0
        assert TERM_MS / 1000 - 0.5 < time.monotonic() - begin < 30
        assert c.sasl_scram(*me(broker))["error_code"] == 0
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1


def test_no_longer_than_the_user(broker):
    """The end of a user's record bounds it where that comes first, and is told."""
    broker.user("brief", "--password", "secret one")
    broker.ctl("user", "expire", "brief", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200)))
    _, last = login(broker, broker.ports["endless"], ("brief", "secret one"))
    assert 7000000 < last["session_lifetime_ms"] <= 7200000
    _, last = login(broker, broker.ports["hour"], ("brief", "secret one"))
    assert last["session_lifetime_ms"] == 3600000


# ---- clients ----

@pytest.fixture
def short(tmp_path):
    """A broker whose logins hold for six seconds, and what tells how many were renewed."""
    b = Broker("connections.max.reauth.ms: 6000\ngroup.initial.rebalance.delay.ms: 0\nlog.level: debug").start()
    b.ctl("topic", "create", "day", "-p", "1")
    programs = []
    yield b, programs
    for p in programs:
        p.kill()
    b.remove()


def renewals(b):
    return b.log.count("login renewed")


@pytest.mark.parametrize("version", [foreign.KAFKA])
def test_java_renews(short, tmp_path, version):
    b, programs = short
    client = foreign.had(foreign.any_client_java, tmp_path, version)
    conf = tmp_path / "client.properties"
    conf.write_text((b.dir / "admin.properties").read_text() + "\nfetch.max.wait.ms=100\n")
    for role in ("produce", "consume"):
        programs.append(Program(b, role, [*client, role, conf, "day", "them"], {}))
    producer, member = programs
    producer.wants(lambda lines: lines)
    sent = 0

    def both():
        nonlocal sent
        producer.say(f"none {sent} {sent + 5}")
        sent += 5
        producer.wants(lambda lines: len(lines) > sent // 5)
        return renewals(b) >= 4
    eventually(both, 90)
    member.wants(lambda lines: {f"v{i}" for i in range(sent)} <= set(lines))
    member.end()
    producer.close()


def test_librdkafka_renews(short, tmp_path):
    """From 2.2 on; what Debian 12 has is closed when its login has ended, and comes again."""
    b, programs = short
    modules = foreign.had(foreign.python_modules, "confluent-kafka==2.11.1")
    (tmp_path / "conf.json").write_text(json.dumps(b.conf()))
    argv = ["/usr/bin/python3", HERE / "renewing.py", tmp_path / "conf.json", "day"]
    programs.append(Program(b, "new", argv, {"PYTHONPATH": str(modules)}))
    eventually(lambda: renewals(b) >= 2, 60)
    said = programs[0].lines()
    assert said[0] == "librdkafka 2.11.1" and said[1:] == [str(i) for i in range(len(said) - 1)]
    programs[0].end()


def test_debians_librdkafka_comes_again(short, tmp_path):
    b, programs = short
    (tmp_path / "conf.json").write_text(json.dumps(b.conf()))
    programs.append(Program(b, "old", ["/usr/bin/python3", HERE / "renewing.py", tmp_path / "conf.json", "day"], {}))
    eventually(lambda: "after the login has ended" in b.log, 60)
    had = len(programs[0].lines())
    eventually(lambda: len(programs[0].lines()) > had + 20)
    assert not [line for line in programs[0].lines()[1:] if not line.isdigit()]
    programs[0].end()
