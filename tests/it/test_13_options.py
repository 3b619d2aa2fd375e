# SPDX-License-Identifier: Apache-2.0
"""What schlossd.yaml says is what the broker does: a probe for each option that no other test is about.

tests/lint/lint.py holds that every option is named in some test."""
import os
import pathlib
import select
import signal
import socket
import ssl
import time

import hostile
import pytest
import twin
from harness import free_port, run
from hostile import closed, eventually
from test_65_bad_batches import batch, record

ODD = f"""{hostile.SETTINGS}
delete.topic.enable: false
offsets.topic.num.partitions: 3
offsets.topic.segment.bytes: 2097152
socket.request.max.bytes: 300000
fetch.max.bytes: 2500
group.max.size: 2
offset.metadata.max.bytes: 10
num.network.threads: 3
quota.window.num: 3
quota.window.size.seconds: 2
log.reserve.bytes: 3145728
log.open.files.max: 64"""


@pytest.fixture(scope="module")
def odd():
    s = hostile.Site(ODD)
    yield s
    s.remove()


@pytest.fixture
def own():
    """Makes a site of the test's own."""
    made = []

    def make(settings, listeners=(), env=None):
        broker = hostile.Broker(f"{hostile.SETTINGS}\n{settings}")
        for name, lines in listeners:
            broker.add_listener(name, lines)
        made.append(hostile.Site(broker=broker, env=env))
        return made[0]
    yield make
    for s in made:
        s.remove()


def reload(site, settings):
    before = site.broker.log.count("were read again")
    site.broker.configure(settings)
    site.broker.process.send_signal(signal.SIGHUP)
    eventually(lambda: site.broker.log.count("were read again") > before)


def configs(client, kind, name, keys=None):
    told = client.call("describe_configs", 4, include_synonyms=False, include_documentation=False, resources=[
        {"resource_type": kind, "resource_name": name, "configuration_keys": keys}])["results"][0]
    assert told["error_code"] == 0, told
    return {c["name"]: (c["value"], c["config_source"]) for c in told["configs"]}


def test_topics_are_not_deleted(odd):
    """73, before version 3 the nearest that clients knew; who may not delete learns nothing by it."""
    odd.broker.ctl("topic", "create", "stays")
    with odd.client() as c:
        for version, code in ((1, 42), (2, 42), (3, 73), (5, 73)):
            told = c.call("delete_topics", version, topic_names=["stays", "none"], timeout_ms=1000)["responses"]
            assert {t["name"]: t["error_code"] for t in told} == {"stays": code, "none": 3}, version
        topics = [{"name": "stays", "topic_id": bytes(16)}]
        assert c.call("delete_topics", 6, topics=topics, timeout_ms=1000)["responses"][0]["error_code"] == 73
    odd.broker.user("stranger", "--password", "stranger")
    with odd.tls() as c:
        assert c.sasl_scram("stranger", "stranger")["error_code"] == 0
        told = c.call("delete_topics", 5, topic_names=["stays", "none"], timeout_ms=1000)["responses"]
        assert [t["error_code"] for t in told] == [29, 29]
    assert "stays" in odd.broker.ctl("topic", "list").stdout
    assert odd.broker.ctl("topic", "delete", "stays", check=False).returncode != 0


def test_the_topic_of_offsets(odd):
    with odd.client() as c:
        assert configs(c, 2, "__consumer_offsets")["segment.bytes"][0] == "2097152"
        topics = c.call("metadata", 9, topics=[{"name": "__consumer_offsets"}])["topics"]
        assert len(topics[0]["partitions"]) == 3


def test_a_group_has_so_many_members(odd):
    def join(c):
        return c.call("join_group", 3, group_id="full", session_timeout_ms=10000, rebalance_timeout_ms=1000, member_id="",
                      protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}])["error_code"]

    with odd.client() as one, odd.client() as two, odd.client() as three:
        assert join(one) == 0
        two.send("join_group", 3, dict(
            group_id="full", session_timeout_ms=10000, rebalance_timeout_ms=1000, member_id="", protocol_type="consumer",
            protocols=[{"name": "range", "metadata": b""}]))
        eventually(lambda: "PreparingRebalance" in odd.broker.ctl("group", "describe", "full").stdout)
        assert join(three) == 81
        assert two.answer("join_group", 3)[1]["error_code"] == 0


def commit(client, group, metadata=""):
    told = client.call("offset_commit", 2, group_id=group, generation_id_or_member_epoch=-1, member_id="", retention_time_ms=-1,
                       topics=[{"name": "calm", "partitions": [
                           {"partition_index": 0, "committed_offset": 1, "committed_metadata": metadata}]}])
    return told["topics"][0]["partitions"][0]["error_code"]


def test_the_note_beside_an_offset(odd):
    with odd.client() as c:
        assert (commit(c, "noted", "x" * 10), commit(c, "noted", "x" * 11)) == (0, 12)


def fetch(client, topic, partitions=(0,), most=1 << 20):
    told = client.call("fetch", 11, replica_id=-1, max_wait_ms=500, min_bytes=1, max_bytes=most, isolation_level=0, rack_id="",
                       session_id=0, session_epoch=-1, topics=[{"topic": topic, "partitions": [
                           {"partition": p, "fetch_offset": 0, "partition_max_bytes": most} for p in partitions]}])
    return [p["records"] or b"" for p in told["responses"][0]["partitions"]]


def produce(client, topic, raw, partitions=(0,)):
    told = client.call("produce", 9, transactional_id=None, acks=1, timeout_ms=10000, topic_data=[
        {"name": topic, "partition_data": [{"index": p, "records": raw} for p in partitions]}])
    assert {p["error_code"] for p in told["responses"][0]["partition_responses"]} == {0}


def test_what_one_fetch_is_answered(odd):
    odd.broker.ctl("topic", "create", "much")
    with odd.client() as c:
        raw = batch(record(value=b"x" * 1000))
        for _ in range(5):
            produce(c, "much", raw)
        assert len(fetch(c, "much")[0]) == 2 * len(raw), "2500 bytes hold two of them"


def test_what_one_request_holds(odd):
    for length, ends in ((300000, False), (300001, True)):
        with odd.client() as c:
            raw = hostile.header(3, 1) + b"\0" * (length - len(hostile.header(3, 1)))
            answered = hostile.send_and_see(c, hostile.frame(raw)) is not None
            assert answered != ends, length


def threads(site):
    return sorted(p.read_text().strip() for p in pathlib.Path(f"/proc/{site.broker.process.pid}/task").glob("*/comm"))


def test_event_loops(odd):
    assert [t for t in threads(odd) if t.startswith("loop")] == ["loop0", "loop1", "loop2"]


def test_a_quota_delays_for_its_windows(odd):
    """For all but the present one: two of two seconds."""
    odd.broker.user("slow", "--password", "slow")
    odd.broker.ctl("topic", "create", "slowly", "--owner", "slow")
    odd.broker.ctl("quota", "set", "/main/users/slow", "producer_byte_rate=100")
    with odd.tls() as c:
        assert c.sasl_scram("slow", "slow")["error_code"] == 0
        told = c.call("produce", 9, transactional_id=None, acks=1, timeout_ms=10000, topic_data=[
            {"name": "slowly", "partition_data": [{"index": 0, "records": batch(record(value=b"x" * 20000))}]}])
    assert 3000 < told["throttle_time_ms"] <= 4000  # from when the request came, not from when it is answered


def test_the_reserve_on_the_disk(odd):
    assert (odd.broker.dir / "data/ballast").stat().st_blocks * 512 == 3145728


def test_segments_held_open(odd):
    def held():
        links = pathlib.Path(f"/proc/{odd.broker.process.pid}/fd").iterdir()
        return sum(".log" in os.readlink(link) for link in links if link.is_symlink())

    odd.broker.ctl("topic", "create", "wide", "-p", "150", "-c", "flush=os")
    with odd.client() as c:
        produce(c, "wide", batch(), range(150))
        assert all(fetch(c, "wide", [p])[0] for p in range(150))
    eventually(lambda: 0 < held() <= 64)


# Of a new topic that does not say: the option, a value, the topic's setting.
DEFAULTS = {
    "min.insync.replicas": ("2", "min.insync.replicas"),
    "log.cleanup.policy": ("compact", "cleanup.policy"),
    "compression.type": ("lz4", "compression.type"),
    "log.flush": ("interval", "flush"),
    "log.flush.interval.messages": ("77", "flush.messages"),
    "log.flush.interval.ms": ("78", "flush.ms"),
    "message.max.bytes": ("70000", "max.message.bytes"),
    "log.message.timestamp.type": ("LogAppendTime", "message.timestamp.type"),
    "log.message.timestamp.before.max.ms": ("79", "message.timestamp.before.max.ms"),
    "log.message.timestamp.after.max.ms": ("80", "message.timestamp.after.max.ms"),
    "log.retention.ms": ("8100000", "retention.ms"),
    "log.retention.bytes": ("82000000", "retention.bytes"),
    "log.segment.bytes": ("8300000", "segment.bytes"),
    "log.roll.ms": ("8400000", "segment.ms"),
    "log.roll.jitter.ms": ("85", "segment.jitter.ms"),
    "log.index.interval.bytes": ("86", "index.interval.bytes"),
    "log.index.size.max.bytes": ("870000", "segment.index.bytes"),
    "log.segment.delete.delay.ms": ("88", "file.delete.delay.ms"),
    "log.cleaner.delete.retention.ms": ("89", "delete.retention.ms"),
    "log.cleaner.min.compaction.lag.ms": ("90", "min.compaction.lag.ms"),
    "log.cleaner.max.compaction.lag.ms": ("91000", "max.compaction.lag.ms"),
    "log.cleaner.min.cleanable.ratio": ("0.25", "min.cleanable.dirty.ratio"),
}


def test_what_a_topic_takes_from_the_file():
    b = hostile.Broker("".join(f"{option}: {value}\n" for option, (value, _) in DEFAULTS.items()) +
                       "num.partitions: 3\ndefault.replication.factor: 1")
    try:
        b.start()
        conf = b.conf()
        context = ssl.create_default_context(cafile=conf["ssl.ca.location"])
        with twin.Client("127.0.0.1", b.port, ssl_context=context, server_hostname="127.0.0.1", timeout=30) as c:
            assert c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"] == 0
            told = c.call("create_topics", 7, timeout_ms=10000, validate_only=False, topics=[
                {"name": "plain", "num_partitions": -1, "replication_factor": -1}])["topics"][0]
            assert (told["error_code"], told["num_partitions"], told["replication_factor"]) == (0, 3, 1)
            of_topic, of_broker = configs(c, 2, "plain"), configs(c, 4, "1")
    finally:
        b.remove()
    for option, (value, setting) in DEFAULTS.items():
        assert (option, of_topic[setting]) == (option, (value, 4)), "the source is the file"
        assert (option, of_broker[option][0]) == (option, value)


def test_the_silent_go(own):
    """Without a handshake, without a login, and long after it; by default that takes 10, 20 and 600 seconds."""
    s = own("login.tls.timeout.ms: 300\nlogin.timeout.ms: 1500\nconnections.max.idle.ms: 3000")
    began = time.monotonic()
    silent = {"login.tls.timeout.ms": s.tcp(8), "login.timeout.ms": s.tls(8).sock, "connections.max.idle.ms": s.client(8).sock}
    ended = []
    for option, sock in silent.items():
        assert closed(sock), option
        ended.append(time.monotonic() - began)
    assert ended[1] >= 1.4 and ended[2] >= 2.9, ended


def handshake(site, version):
    context = ssl.create_default_context(cafile=site.broker.conf()["ssl.ca.location"])
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", site.broker.port), timeout=10) as sock:
        try:
            with context.wrap_socket(sock, server_hostname="127.0.0.1"):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def test_versions_of_tls(own):
    s = own("ssl.enabled.protocols: [TLSv1.2]")
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    assert (handshake(s, old), handshake(s, new)) == (True, False)
    reload(s, "ssl.enabled.protocols: [TLSv1.3]")
    assert (handshake(s, old), handshake(s, new)) == (False, True)


def log_in_doubled(client, user, password):
    """The code of a login that sends its nonce twice."""
    scram = twin.Scram(user, password, "SCRAM-SHA-256")
    assert client.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
    first = client.call("sasl_authenticate", 2, auth_bytes=scram.first())["auth_bytes"]
    return client.call("sasl_authenticate", 2, auth_bytes=scram.final(first, twice=True))["error_code"]


def at(site, port, context=None):
    return twin.Client("127.0.0.1", port, schema=site.schema, ssl_context=context or site.context,
                       server_hostname="127.0.0.1", timeout=30)


def test_listeners_and_what_all_of_them_take(own):
    """sasl.enabled.mechanisms where mechanisms says nothing; allow.double.nonce."""
    port = free_port()
    s = own("sasl.enabled.mechanisms: [SCRAM-SHA-256, PLAIN]", [
        ("strict", f"address: 127.0.0.1:{port}\nallow.double.nonce: false")])
    with at(s, port) as c:
        told = c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-512")
        assert (told["error_code"], set(told["mechanisms"])) == (33, {"SCRAM-SHA-256", "PLAIN"})
    with at(s, port) as c:
        assert c.sasl_scram(*s.login)["error_code"] == 0
    with s.tls() as c:
        assert c.sasl_scram(*s.login, mechanism="SCRAM-SHA-512")["error_code"] == 0, "main says so itself"
    for where, code in ((s.broker.port, 0), (port, 58)):
        with at(s, where) as c:
            assert (where, log_in_doubled(c, *s.login)) == (where, code)


def test_names_without_a_record(own):
    """A certificate of our authority whose name is no user: in where unknown.users says so, and then as nobody's."""
    ports = {"deny": free_port(), "allow": free_port()}
    s = own("", [(f"certs-{word}", f"address: 127.0.0.1:{port}\nprotocol: SSL\nunknown.users: {word}")
                 for word, port in ports.items()])
    tls, path = s.broker.dir / "tls", s.broker.tmp
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "key.pem",
        "-out", path / "csr.pem", "-subj", "/CN=somebody")
    run("openssl", "x509", "-req", "-in", path / "csr.pem", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key", "-CAcreateserial",
        "-days", "2", "-out", path / "cert.pem")
    context = ssl.create_default_context(cafile=tls / "ca.pem")
    context.load_cert_chain(path / "cert.pem", path / "key.pem")
    with at(s, ports["allow"], context) as c:
        told = c.call("metadata", 9, topics=[{"name": "calm"}])
        assert told["topics"][0]["error_code"] == 29
    with at(s, ports["deny"], context) as c:
        with pytest.raises((EOFError, OSError)):
            c.call("metadata", 9, topics=[{"name": "calm"}])
    assert "certs-allow lets in names that have no user record" in s.broker.log
    assert "certs-deny lets in" not in s.broker.log


@pytest.mark.parametrize("option, log_in", [
    ("max.connections", True), ("max.connections.per.ip", True), ("login.max.connections", False),
    ("login.max.connections.per.ip", False)])
def test_numbers_of_connections_by_reload(own, option, log_in):
    """More than the bound do not stand at once; after a reload they do."""
    s = own("num.network.threads: 1\nlogin.tls.timeout.ms: 600000\nlogin.timeout.ms: 600000")
    s.broker.user("plain", "--password", "plain")
    opened = []

    def open_one():
        if not log_in:
            return s.tcp(source="127.0.0.9")  # where no operator comes from: places are kept for those
        c = s.tls(source="127.0.0.9")
        c.sasl_scram("plain", "plain")
        return c.sock

    def open_all(n):
        for c in opened:
            c.close()
        opened.clear()
        eventually(lambda: s.connections() <= 4)
        for _ in range(n):
            try:
                opened.append(open_one())
            except (EOFError, OSError):
                pass

    def ended():
        """How many the broker has closed, of those that say something in half a second."""
        return sum(closed(c) for c in select.select(opened, [], [], 0.5)[0]) if opened else 0

    open_all(40)
    assert (len(opened), ended()) == (40, 0)
    reload(s, f"{option}: 16" + ("\nlogin.max.connections: 8" if option == "max.connections" else ""))
    open_all(40)
    eventually(lambda: len(opened) - ended() <= 16)
    reload(s, f"{option}: 1000")
    open_all(40)
    assert (len(opened), ended()) == (40, 0)
    for c in opened:
        c.close()


def test_offsets_are_kept_for_so_long(own, shim, tmp_path):
    """offsets.retention.minutes, on a clock that is set forward."""
    s = own("offsets.retention.minutes: 2\noffsets.retention.check.interval.ms: 200", env=hostile.preloaded(shim, tmp_path))

    def committed(c):
        told = c.call("offset_fetch", 5, group_id="kept", topics=[{"name": "calm", "partition_indexes": [0]}])
        return told["topics"][0]["partitions"][0]["committed_offset"]

    with s.client() as c:
        assert commit(c, "kept") == 0
        (tmp_path / "skew").write_text("60")
        time.sleep(1)  # several looks
        assert committed(c) == 1
        (tmp_path / "skew").write_text("180")
        eventually(lambda: committed(c) == -1)
