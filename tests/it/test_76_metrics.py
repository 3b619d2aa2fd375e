# SPDX-License-Identifier: Apache-2.0
"""Health and metrics over HTTPS: who sees what, in which form, and what hostile peers get."""
import base64
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from harness import BUILD, ROOT, SCHLOSSD, Broker, Failed, free_port, run
from hostile import eventually, preloaded
from issuer import Issuer
from manual import examples
from test_59_tokens import options
from test_63_full_disk import Disk


class Watched(Broker):
    """With a listener for scrapers; get() is curl."""

    def __init__(self, settings="", lines="", protocol="HTTPS"):
        self.web = free_port()
        super().__init__(settings, listener=("watch", f"address: 127.0.0.1:{self.web}\nprotocol: {protocol}\n{lines}"))
        self.scheme = protocol.lower()

    @property
    def ca(self):
        return self.conf()["ssl.ca.location"]

    def curl(self, path, *args, user=None, check=True):
        if user:
            c = self.conf(user)
            args = ("-u", f"{c['sasl.username']}:{c['sasl.password']}", *args)
        return run("curl", "-sS", "--max-time", "30", "--cacert", self.ca, "-i", *args,
                   f"{self.scheme}://127.0.0.1:{self.web}{path}", check=check)

    def get(self, path, *args, user=None):
        """(status, headers, body)"""
        head, _, body = self.curl(path, *args, user=user).stdout.partition("\n\n")
        lines = head.replace("\r", "").split("\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body

    def metrics(self, *args, user="admin"):
        status, headers, body = self.get("/metrics", *args, user=user)
        assert status == 200, body
        return Samples(body)

    def raw(self):
        context = ssl.create_default_context(cafile=self.ca)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.web), timeout=30), server_hostname="127.0.0.1")


class Samples:
    """An exposition; each family once, whole, and what it says of itself before it."""

    def __init__(self, text):
        self.text, self.samples, self.types, current = text, [], {}, None
        for line in text.split("\n")[:-1]:
            m = re.fullmatch(r"# (TYPE|HELP) (\S+) (.+)", line)
            if m:
                current = m[2]
                if m[1] == "TYPE":
                    assert current not in self.types, f"{current} comes twice"
                    self.types[current] = m[3]
                continue
            if line == "# EOF":
                continue
            m = re.fullmatch(r'([a-z_]+)(?:\{(.*)\})? (\S+)', line)
            assert m, line
            assert m[1].startswith(current), line
            labels = {k: re.sub(r"\\(.)", lambda e: "\n" if e[1] == "n" else e[1], v)
                      for k, v in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', m[2] or "")}
            self.samples.append((m[1], labels, float(m[3])))

    def all(self, name, **labels):
        return [(have, v) for n, have, v in self.samples if n == name and all(have.get(k) == w for k, w in labels.items())]

    def one(self, name, **labels):
        found = self.all(name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0][1]

    def values(self, label):
        return {have[label] for _, have, _ in self.samples if label in have}


@pytest.fixture
def b():
    b = Watched()
    yield b
    b.remove()


def produce(b, topic, n, conf="admin"):
    b.kcat("-P", "-t", topic, conf=conf, stdin="".join(f"record {i}\n" for i in range(n)))


def consume(b, group, topic, conf="admin"):
    b.kcat("-G", group, "-e", "-X", "auto.offset.reset=earliest", topic, conf=conf)


def test_an_operator_sees_what_there_is(b):
    b.start()
    b.ctl("topic", "create", "orders", "-p", "3")
    produce(b, "orders", 100)
    consume(b, "billing", "orders")
    produce(b, "orders", 11)
    m = b.metrics()
    assert m.one("kafka_brokers") == 1
    assert m.one("kafka_topic_partitions", topic="orders", tenant="main") == 3
    parts = m.all("kafka_topic_partition_current_offset", topic="orders")
    assert sorted(have["partition"] for have, _ in parts) == ["0", "1", "2"] and sum(v for _, v in parts) == 111
    for name, each in (("oldest_offset", 0), ("leader", 1), ("in_sync_replica", 1), ("replicas", 1),
                       ("leader_is_preferred", 1), ("under_replicated_partition", 0)):
        assert [v for _, v in m.all(f"kafka_topic_partition_{name}", topic="orders")] == [each] * 3, name
    assert m.one("kafka_server_brokertopicmetrics_messagesin_total", topic="orders") == 111
    assert sum(v for _, v in m.all("kafka_log_log_size", topic="orders")) > 111
    lag = m.all("kafka_consumergroup_lag", consumergroup="billing", topic="orders", tenant="main")
    assert len(lag) >= 1 and sum(v for _, v in lag) <= 11
    assert m.one("kafka_consumergroup_lag_sum", consumergroup="billing", topic="orders") == sum(v for _, v in lag)
    committed = sum(v for _, v in m.all("kafka_consumergroup_current_offset", consumergroup="billing"))
    assert committed == 100 == m.one("kafka_consumergroup_current_offset_sum", consumergroup="billing")
    assert m.one("kafka_consumergroup_members", consumergroup="billing") == 0
    # As the quotas count them: with heads of requests, and without.
    assert m.one("kafka_server_brokertopicmetrics_bytesin_total", tenant="main") > 111 * 8
    assert m.one("kafka_server_brokertopicmetrics_bytesout_total", tenant="main") > 100 * 8
    made = m.one("kafka_server_brokertopicmetrics_totalproducerequests_total", tenant="main")
    assert made >= 2 and made == m.one("kafka_network_requestmetrics_requests_total", request="Produce")
    assert m.one("kafka_network_requestmetrics_totaltimems_count", request="Produce") == made
    assert m.one("schloss_request_seconds_bucket", request="Produce", le="+Inf") == made == m.one("schloss_request_seconds_count", request="Produce")
    below = [v for have, v in m.all("schloss_request_seconds_bucket", request="Produce")]
    assert below == sorted(below) and m.one("schloss_request_seconds_sum", request="Produce") > 0
    assert m.one("schloss_log_journal_commits_total") > 0 and m.one("schloss_disk_free_bytes") > 0
    assert m.one("kafka_controller_kafkacontroller_offlinepartitionscount") == 0
    assert m.one("schloss_certificate_expiry_timestamp_seconds", listener="watch") > time.time() + 86400
    assert m.one("process_resident_memory_bytes") > 1e6 and m.one("process_open_fds") > 10
    assert m.one("schloss_logins_total", listener="watch", mechanism="PLAIN") == 1
    assert m.one("schloss_logins_total", listener="main", mechanism="SCRAM-SHA-256") + \
        sum(v for _, v in m.all("schloss_logins_total", listener="main", mechanism="SCRAM-SHA-512")) == m.one("schloss_tenant_logins_total", tenant="main")


def test_numbers_rise_by_what_is_done(b):
    b.start()
    b.ctl("topic", "create", "orders")
    b.user("bob")
    before = b.metrics()
    b.kcat("-P", "-t", "orders", conf="bob", stdin="x\n", check=False)
    run("curl", "-s", "--cacert", b.ca, "-u", "bob:wrong", f"https://127.0.0.1:{b.web}/metrics", check=False)
    after = b.metrics()

    def rise(name, **labels):
        return after.one(name, **labels) - sum(v for _, v in before.all(name, **labels))
    assert rise("schloss_denied_total", tenant="main") >= 1
    assert rise("schloss_logins_refused_total", listener="watch", mechanism="PLAIN") == 1
    assert rise("schloss_tenant_topics", tenant="main") == 0
    b.ctl("topic", "create", "more", "-p", "5")
    assert b.metrics().one("schloss_tenant_partitions", tenant="main") - before.one("schloss_tenant_partitions", tenant="main") == 5
    b.ctl("quota", "set", "/main", "producer_byte_rate=20000")
    produce(b, "more", 20000)
    m = b.metrics()
    assert m.one("schloss_throttled_total", tenant="main") > 0 and m.one("schloss_throttle_seconds_total", tenant="main") > 0
    assert m.one("schloss_quota_limit", tenant="main", quota="producer_byte_rate") == 20000
    assert m.one("schloss_quota_rate", tenant="main", quota="producer_byte_rate") > 0


def test_a_tenant_sees_its_own_and_operators_all(b):
    b.yaml.write_text(b.yaml.read_text().replace("protocol: HTTPS\n", "protocol: HTTPS\n    tenant: from-login\n", 1))
    b.start()
    for tenant, admin in (("acme", "ada"), ("other", "otto")):
        b.ctl("tenant", "create", tenant, "--admin", admin, "--conf", b.dir / f"{admin}.conf")
        b.ctl("topic", "create", f"of-{tenant}", conf=admin)
        produce(b, f"of-{tenant}", 7, conf=admin)
        consume(b, f"group-{tenant}", f"of-{tenant}", conf=admin)
    b.ctl("topic", "create", "of-main")
    m = b.metrics(user="ada")
    assert m.values("tenant") == {"acme"} and m.values("topic") == {"of-acme"} and m.values("consumergroup") == {"group-acme"}
    for word in ("other", "otto", "of-main", "schloss_connections", "process_", "schloss_log_", "__consumer_offsets", "listener="):
        assert word not in m.text, word
    assert m.one("kafka_topic_partition_current_offset", topic="of-acme") == 7
    assert m.one("kafka_consumergroup_lag_sum", consumergroup="group-acme") == 0
    everything = b.metrics()
    assert everything.values("tenant") == {"main", "acme", "other"}
    assert {"of-main", "of-acme", "of-other", "__consumer_offsets"} <= everything.values("topic")
    assert everything.one("kafka_topic_partition_current_offset", tenant="other", topic="of-other") == 7
    # Who administers nothing is told no, in the log as well; and is let in by a rule of Kafka's.
    b.ctl("user", "create", "bob", "--conf", b.dir / "bob.conf", conf="ada")
    status, _, body = b.get("/metrics", user="bob")
    assert status == 403 and "of-acme" not in body
    eventually(lambda: re.search(r"notice .*denied: bob.* /acme ", b.log))
    b.ctl("setfacl", "-m", "user:bob:describe", "/acme", conf="ada")
    m = b.metrics(user="bob")
    assert m.values("tenant") == {"acme"} and m.values("topic") == set() == m.values("consumergroup")
    assert m.one("schloss_tenant_topics", tenant="acme") == 1
    b.ctl("setfacl", "-m", "user:bob:describe", "/acme/topics/of-*", conf="ada")
    m = b.metrics(user="bob")
    assert m.values("topic") == {"of-acme"} and m.values("consumergroup") == set()


def test_both_formats(b):
    b.start()
    b.ctl("topic", "create", "orders")
    produce(b, "orders", 3)
    consume(b, 'a "group" \\ of mine', "orders")
    accept = {
        "": "openmetrics", "*/*": "openmetrics", "text/plain": "plain", "text/plain;version=0.0.4;q=0.3,*/*;q=0.1": "plain",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": "openmetrics",
    }
    for header, form in accept.items():
        status, headers, body = b.get("/metrics", "-H", f"Accept: {header}" if header else "Accept:", user="admin")
        assert status == 200
        if form == "openmetrics":
            assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8", header
            assert len(list(openmetrics(body))) > 60             # by the word of another reader, who is strict
            assert body.endswith("# EOF\n") and "# TYPE schloss_requests counter\n" in body
        else:
            assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8", header
            assert "# EOF" not in body and "# TYPE schloss_requests_total counter\n" in body
            text = body
        m = Samples(body)
        assert m.one("kafka_consumergroup_lag_sum", consumergroup='a "group" \\ of mine') == 0
        assert headers["cache-control"] == "no-store" and "set-cookie" not in headers and "access-control-allow-origin" not in headers
    checked = run("promtool", "check", "metrics", stdin=text, check=False)
    # Names of others are not ours to choose; nothing else is found.
    found = [line for line in (checked.stdout + checked.stderr).split("\n") if line and not line.startswith("kafka_")]
    assert found == []


def test_who_proves_nothing_sees_health_alone(b):
    b.start()
    for path in ("/livez", "/readyz"):
        assert b.get(path)[0::2] == (200, "ok\n")
    status, headers, body = b.get("/metrics")
    assert status == 401 and headers["www-authenticate"].startswith("basic") and "kafka_" not in body
    assert b.get("/metrics", "-u", "admin:wrong")[0] == 401
    assert b.get("/metrics", "-H", "Authorization: Bearer x.y.z")[0] == 401
    assert b.get("/metrics", "-H", "Authorization: Negotiate abcd")[0] == 401
    assert b.get("/nothing")[0] == 404 and b.get("/metrics", "-X", "POST")[0] == 405
    assert b.get("/metrics", "-X", "OPTIONS", "-H", "Origin: https://evil.example")[0] == 405


def test_a_failed_login_is_late_and_in_the_audit_log():
    b = Watched("audit.file: audit.log\naudit.sync.ms: 0\n")
    try:
        b.start()
        lines = lambda: [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
        times = []
        for _ in range(4):
            began = time.monotonic()
            assert b.get("/metrics", "-u", "nobody:guess")[0] == 401
            times.append(time.monotonic() - began)
        assert times[0] >= 0.1 and times[3] >= 0.7, times
        refused = [r for r in lines() if r["what"] == "login-failed"]
        assert len(refused) == 4 and refused[0]["user"] == "nobody" and refused[0]["listener"] == "watch" and refused[0]["mechanism"] == "PLAIN"
        # One login for all that comes on a connection; another password is another login.
        c = b.conf()
        url, good = f"https://127.0.0.1:{b.web}/metrics", f"{c['sasl.username']}:{c['sasl.password']}"
        run("curl", "-sS", "--fail", "--cacert", b.ca, "-o", b.tmp / "out", "-u", good, url, url, url)
        assert len([r for r in lines() if r["what"] == "login" and r["listener"] == "watch"]) == 1
        p = run("curl", "-sS", "--cacert", b.ca, "-o", b.tmp / "out", "-w", "%{http_code} ", "-u", good, url,
                "--next", "-sS", "--cacert", b.ca, "-o", b.tmp / "out", "-w", "%{http_code} ", "-u", "admin:other", url)
        assert p.stdout.split() == ["200", "401"]
        b.user("bob")
        assert b.get("/metrics", user="bob")[0] == 403
        eventually(lambda: [r for r in lines() if r["what"] == "denied" and r["user"] == "bob" and r["object"] == "/main"])
    finally:
        b.remove()


def test_a_user_who_is_locked_is_out_at_once(b):
    b.start()
    b.user("bob")
    b.ctl("setfacl", "-m", "user:bob:describe", "/main")
    c = b.conf("bob")
    ask = "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + base64.b64encode(
        f"bob:{c['sasl.password']}".encode()).decode() + "\r\n\r\n"
    with b.raw() as s:
        s.sendall(ask.encode())
        assert response(s)[0] == 200
        b.ctl("user", "lock", "bob")
        s.sendall(ask.encode())
        assert response(s)[0] == 401


def asks(b, name):
    """A scrape by that user on a connection that stays."""
    c = b.conf(name)
    login = base64.b64encode(f"{c['sasl.username']}:{c['sasl.password']}".encode()).decode()
    return f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n\r\n".encode()


def test_who_is_locked_while_his_password_is_checked_stays_out(shim, tmp_path):
    """What was found of him when the check began is of long ago when it ends."""
    b = Watched("audit.file: audit.log\naudit.sync.ms: 0\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    try:
        b.start(env=preloaded(shim, notes))
        b.user("bob")
        b.ctl("setfacl", "-m", "user:bob:describe", "/main")
        with b.raw() as s:
            (notes / "checked").write_text("all of them")
            s.sendall(asks(b, "bob"))
            for _ in range(3):  # the same loop, which has read the other one then
                assert b.get("/livez")[0] == 200
            b.ctl("user", "lock", "bob")
            (notes / "checked").unlink()
            assert response(s)[0] == 401
        lines = [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
        refused = [r for r in lines if r["what"] == "login-failed"]
        assert [(r["user"], r["mechanism"], r["listener"]) for r in refused] == [("bob", "PLAIN", "watch")]
        assert refused[0]["reason"] == "the user was deleted, locked or given new keys meanwhile"
    finally:
        (notes / "checked").unlink(missing_ok=True)
        b.remove()


def test_a_login_does_not_outlive_its_tenant(b):
    """One that is remembered with its connection neither: not under a name that the tenant has no more, nor in another one that
    has it now; and who comes back with a tenant that was suspended logs in again."""
    b.yaml.write_text(b.yaml.read_text().replace("protocol: HTTPS\n", "protocol: HTTPS\n    tenant: from-login\n", 1))
    b.configure("audit.file: audit.log\naudit.sync.ms: 0")
    b.start()
    logins = lambda: [r for r in map(json.loads, (b.dir / "audit.log").read_text().splitlines())
                      if r["what"] == "login" and r["listener"] == "watch"]
    b.ctl("tenant", "create", "acme", "--admin", "ada", "--conf", b.dir / "ada.conf")
    ask = asks(b, "ada")
    with b.raw() as s:
        def status():
            s.sendall(ask)
            return response(s)[0]
        assert [status(), status()] == [200, 200] and len(logins()) == 1
        b.ctl("tenant", "suspend", "acme")
        b.ctl("tenant", "resume", "acme")
        assert status() == 200 and len(logins()) == 2
        b.ctl("tenant", "rename", "acme", "zenith")
        assert status() == 401
        b.ctl("tenant", "rename", "zenith", "acme")
        assert status() == 200
        b.delete_tenant("acme")
        b.ctl("tenant", "create", "acme", "--admin", "ada", "--conf", b.dir / "new.conf")
        assert status() == 401


def test_logins_over_http_count_among_the_connections(b):
    """That a user and a tenant may have: together with those of Kafka's protocol, each once, as long as it is there."""
    b.yaml.write_text(b.yaml.read_text().replace("protocol: HTTPS\n", "protocol: HTTPS\n    connections.max.reauth.ms: 1\n", 1))
    b.configure("audit.file: audit.log\naudit.sync.ms: 0")
    b.start()
    b.user("bob")
    b.ctl("setfacl", "-m", "user:bob:describe", "/main")
    b.ctl("quota", "set", "/main/users/bob", "connections=1")
    ask = asks(b, "bob")
    with b.raw() as s, b.raw() as other:
        for _ in range(3):  # a login each, of which the one before has gone
            s.sendall(ask)
            assert response(s)[0] == 200
        other.sendall(ask)
        status, body = response(other)
        assert status == 429 and body.decode() == "user bob has 1 of at most 1 connections\n"
        assert b.ctl("topic", "list", conf="bob", check=False).returncode != 0
        assert b.metrics().one("schloss_requests_total", tenant="main") > 0  # nobody else notices
        s.close()
        def comes():
            other.sendall(ask)
            return response(other)[0] == 200
        eventually(comes)
    eventually(lambda: b.ctl("topic", "list", conf="bob", check=False).returncode == 0)
    lines = [json.loads(line) for line in (b.dir / "audit.log").read_text().splitlines()]
    assert [r["reason"] for r in lines if r["what"] == "login-failed" and r["listener"] == "watch"][0] == "the limit of connections"
    assert "a login of bob of tenant main refused: user bob has 1 of at most 1 connections" in b.log


def response(s):
    """(status, body) of one answer on a connection that stays."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        assert more, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length:
        while len(body) < int(length[1]):
            body += s.recv(65536)
        return status, body
    while not body.endswith(b"\r\n0\r\n\r\n"):
        more = s.recv(65536)
        assert more
        body += more
    return status, body


def test_a_client_certificate(b):
    b.yaml.write_text(b.yaml.read_text().replace("protocol: HTTPS\n", "protocol: HTTPS\n    client.auth: requested\n"
                                                 "    ssl.truststore.location: tls/ca.pem\n"
                                                 "    ssl.principal.mapping.rules: 'RULE:^CN=([^,]+).*$/$1/'\n", 1))
    made = run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", b.tmp / "k.pem", "-out", b.tmp / "r.pem", "-subj", "/CN=prom")
    assert made.returncode == 0
    ca = next(p for p in (b.dir / "tls").iterdir() if "ca" in p.name and "key" in p.name)
    run("openssl", "x509", "-req", "-in", b.tmp / "r.pem", "-CA", b.dir / "tls/ca.pem", "-CAkey", ca, "-CAcreateserial",
        "-out", b.tmp / "c.pem", "-days", "2")
    b.start()
    cert = ("--cert", b.tmp / "c.pem", "--key", b.tmp / "k.pem")
    assert b.get("/metrics", *cert)[0] == 401
    b.ctl("user", "create", "prom", "--mechanism", "TLS")
    assert b.get("/metrics", *cert)[0] == 403
    b.ctl("setfacl", "-m", "user:prom:describe", "/main")
    status, _, body = b.get("/metrics", *cert)
    assert status == 200 and 'schloss_requests_total{tenant="main"}' in body
    assert b.get("/livez")[0] == 200 and b.get("/metrics", user="admin")[0] == 200


def test_a_token(tmp_path):
    issuer = Issuer()
    (tmp_path / "keys.json").write_text(issuer.jwks())
    b = Watched(options(f"file://{tmp_path}/keys.json"), "mechanisms: [OAUTHBEARER, PLAIN]")
    try:
        b.start()
        b.ctl("user", "create", "anna", "--mechanism", "OAUTHBEARER")

        def bearer(token):
            return b.get("/metrics", "-H", f"Authorization: Bearer {token}")
        assert bearer(issuer.token("anna"))[0] == 403
        b.ctl("setfacl", "-m", "user:anna:describe", "/main")
        status, _, body = bearer(issuer.token("anna"))
        assert status == 200 and 'schloss_requests_total{tenant="main"}' in body
        for wrong in (issuer.token("bert"), issuer.token("anna", life=-3600), issuer.token("anna", aud="else"), issuer.token("anna")[:-4] + "AAAA", "a.b.c"):
            status, headers, _ = bearer(wrong)
            assert status == 401 and headers["www-authenticate"].startswith("bearer")
        assert b.metrics().one("schloss_logins_refused_total", listener="watch", mechanism="OAUTHBEARER") == 5
        # It holds for its connection until the token ends.
        ask = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {issuer.token('anna', life=3)}\r\n\r\n".encode()
        with b.raw() as s:
            s.sendall(ask)
            assert response(s)[0] == 200
            eventually(lambda: s.sendall(ask) or response(s)[0] == 401, 60)
    finally:
        b.remove()


def test_a_plain_listener_has_no_logins():
    b = Watched(protocol="HTTP")
    try:
        with pytest.raises(Failed, match="allow.plaintext"):
            b.start()
        b.kill()
        b.yaml.write_text(b.yaml.read_text().replace("protocol: HTTP\n", "protocol: HTTP\n    allow.plaintext: true\n", 1))
        b.start()
        assert b.get("/readyz")[0] == 200
        assert b.get("/metrics")[0] == 403 and b.get("/metrics", user="admin")[0] == 403
    finally:
        b.remove()


def test_not_ready_says_why(tmp_path):
    disk = Disk(tmp_path / "disk", 1)
    b = Watched(f"audit.file: {disk.path}/audit.log\naudit.sync.ms: 0\n")
    try:
        b.start()
        assert b.get("/readyz")[0] == 200
        disk.leave(0)

        def refuses():
            b.ctl("id", check=False)                            # lines to be written
            return b.get("/readyz")[0] == 503
        eventually(refuses, 60)
        assert "audit log" in b.get("/readyz")[2] and b.get("/livez")[0] == 200
        assert b.get("/metrics", user="admin")[0] == 503        # nobody is let in untold
        disk.foreign().unlink()
        eventually(lambda: b.get("/readyz")[0] == 200)
        assert b.get("/metrics", user="admin")[0] == 200
    finally:
        try:
            b.remove()
        finally:
            disk.unmount()


def test_not_ready_while_it_starts(b, shim, tmp_path):
    """Before the log is read health is answered, and nothing else."""
    b.start()
    b.ctl("topic", "create", "orders")
    produce(b, "orders", 10)
    b.kill()
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "held").write_text(str(b.dir))
    b.start(wait=False, env=preloaded(shim, notes))
    eventually(lambda: b.curl("/readyz", check=False).returncode == 0)
    status, headers, body = b.get("/readyz")
    assert status == 503 and "starting" in body and headers["retry-after"]
    assert b.get("/livez")[0] == 200 and b.get("/metrics", user="admin")[0] == 503
    (notes / "held").unlink()
    eventually(lambda: b.get("/readyz")[0] == 200)
    assert b.metrics().one("kafka_topic_partition_current_offset", topic="orders") == 10


def test_not_ready_while_it_stops(b):
    """Until the last client is gone, whose answers nobody takes."""
    b.start()
    with b.speak() as slow:
        slow.sock.settimeout(1)
        request = slow.schema["metadata"].encode_request(12, {"topics": None}, 7, "slow")
        frames = (struct.pack(">i", len(request)) + request) * 200
        with pytest.raises((TimeoutError, ssl.SSLError)):
            for _ in range(3000):
                slow.sock.sendall(frames)
        b.process.send_signal(signal.SIGTERM)
        eventually(lambda: b.get("/readyz")[0] == 503, 4)
        assert "stopping" in b.get("/readyz")[2] and b.get("/livez")[0] == 200
        assert b.get("/metrics", user="admin")[0] == 503
    b.process.wait(20)


HOSTILE = [
    (b"\x16\x03\x01 nonsense\r\n\r\n", 501), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", 413),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(100)) + b"\r\n", 431),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400), (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
]


def test_hostile_requests(b):
    b.start()
    for request, status in HOSTILE:
        with b.raw() as s:
            s.sendall(request)
            assert response(s)[0] == status, request[:60]
            try:
                assert s.recv(1) == b"", request[:60]
            except (ConnectionError, ssl.SSLError):
                pass
    # A byte at a time, several in a row, an old client; and each is answered.
    with b.raw() as s:
        for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n":
            s.sendall(bytes([byte]))
        assert response(s)[0] == 200
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"HEAD /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while more := s.recv(65536):
            data += more
        assert data.count(b"HTTP/1.1 200 OK\r\n") == 4 and data.count(b"ok\n") == 3
    with b.raw() as s:
        s.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert response(s)[0] == 200 and s.recv(1) == b""


def test_who_asks_thousands_of_times_at_once_keeps_nobody_waiting(b):
    """Also where the rest of what he asked lies in the TLS layer, of which the socket tells nothing."""
    b.start()
    n, data, told = 4000, b"", 0

    def asked():
        with b.raw() as s:
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            return response(s)[0]
    with b.raw() as s:
        requests = b"".join(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"nothing" if i % 3 else b"livez") for i in range(n))
        s.setblocking(False)
        while data.count(b"HTTP/1.1 ") < n:
            # One thread does both: OpenSSL lets no two use one connection at once.
            assert s.pending() or any(select.select([s], [s] if requests else [], [], 30))
            with contextlib.suppress(ssl.SSLWantWriteError):
                requests = requests[s.send(requests[:8192]):] if requests else b""
            with contextlib.suppress(ssl.SSLWantReadError):
                more = s.recv(16384)
                assert more, b.log[-2000:]
                data += more
            if told < 5 and data.count(b"HTTP/1.1 ") > told * n // 8:
                assert asked() == 200
                told += 1
    assert told == 5
    assert [int(x) for x in re.findall(rb"HTTP/1.1 (\d+)", data)] == [404 if i % 3 else 200 for i in range(n)]


def test_the_slow_are_closed_and_others_served(b):
    b.start()
    slow = []
    for i in range(32):
        s = b.raw()
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        slow.append(s)
    # No more from one address; then time takes them.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        b.raw()
    end = time.monotonic() + 25
    closed = 0
    for s in slow:
        s.settimeout(max(0.1, end - time.monotonic()))
        try:
            closed += s.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            closed += 1
        s.close()
    assert closed == 32
    assert b.get("/livez")[0] == 200
    assert "the request took too long" in b.log


def test_ten_thousand_partitions(b):
    b.start()
    for i in range(10):
        b.ctl("topic", "create", f"wide-{i}", "-p", "1000")
    m = b.metrics()
    assert len(m.all("kafka_topic_partition_current_offset")) >= 10000
    # Who does not read it on holds nobody up, and not for ever.
    c = b.conf()
    token = base64.b64encode(f"{c['sasl.username']}:{c['sasl.password']}".encode()).decode()
    stuck = []
    for _ in range(3):
        s = b.raw()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n\r\n".encode())
        s.recv(1)
        stuck.append(s)
    status, headers, body = b.get("/metrics", user="admin")
    assert status == 503 and "too many scrapes" in body and headers["retry-after"]
    assert b.get("/readyz")[0] == 200
    for s in stuck:
        s.close()
    eventually(lambda: b.get("/metrics", user="admin")[0] == 200)


def test_a_new_certificate_is_taken_by_a_reload(b):
    b.start()
    before = ssl.get_server_certificate(("127.0.0.1", b.web))
    run(SCHLOSSD, "cert", "-c", b.yaml)
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: ssl.get_server_certificate(("127.0.0.1", b.web)) != before)
    assert b.get("/livez")[0] == 200


def test_the_examples_of_the_manual(b, tmp_path):
    """A listener, a user for a scraper, and Prometheus's own word that its configuration is one."""
    listener, commands, prometheus = examples("schloss-metrics.7", "DESCRIPTION")
    assert listener[0] == "listeners:" and "*:9308" in listener[2]
    text = re.sub(r"(?ms)^  watch:\n(    .*?\n)+", "", b.yaml.read_text())
    shown = "\n".join(listener[1:]).replace("*:9308", f"127.0.0.1:{b.web}")
    b.yaml.write_text(text.replace("listeners:\n", f"listeners:\n{shown}\n", 1))
    b.start()
    b.ctl("topic", "create", "orders")
    produce(b, "orders", 5)
    consume(b, "billing", "orders")
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "SCHLOSSCTL_CONF": str(b.dir / "admin.conf")}
    for command in commands:
        run("bash", "-c", f"cd {b.dir} && {command}", env=env)
    m = b.metrics(user="prom")
    assert m.values("topic") == {"orders"} and m.values("consumergroup") == {"billing"} and "schloss_connections" not in m.text
    (tmp_path / "password").write_text("x")
    written = "\n".join(prometheus).replace("/etc/prometheus/schloss-ca.pem", b.ca).replace("/etc/prometheus/schloss-password", f"{tmp_path}/password")
    (tmp_path / "prometheus.yml").write_text(written + f"\nrule_files: [{ROOT}/contrib/prometheus/schloss.rules.yml]\n")
    said = run("promtool", "check", "config", tmp_path / "prometheus.yml").stdout
    assert "SUCCESS: 11 rules found" in said


def test_a_stop_amid_scrapes_and_logins(b):
    """Whatever is under way ends, and nothing of it is looked at again: a sanitizer watches."""
    b.start()
    b.ctl("topic", "create", "wide", "-p", "400")
    c = b.conf()
    logins = [base64.b64encode(pair.encode()).decode() for pair in (f"{c['sasl.username']}:{c['sasl.password']}", "nobody:guess")]
    conns = [b.raw() for _ in range(12)]
    for i, s in enumerate(conns):
        s.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {logins[i % 3 > 0]}\r\n\r\n".encode())
    b.stop()
    for s in conns:
        s.close()


def test_a_broken_certificate_leaves_the_old_one(b):
    b.start()
    before = ssl.get_server_certificate(("127.0.0.1", b.web))
    (b.dir / "tls/server.pem").write_text("nonsense\n")
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "reload: health: " in b.log)
    assert ssl.get_server_certificate(("127.0.0.1", b.web)) == before and b.get("/livez")[0] == 200


def test_what_waits_for_a_start_is_told_with_each_reload(b):
    """Compared with what is served, which is of the start, not with what the last reload has read."""
    b.start()
    text = b.yaml.read_text()
    waits = "reload: listener watch: what is served over HTTP changes with the next start, but for certificates"
    taken = "configuration and certificates were read again"

    def reload():
        before, told = b.log.count(taken), b.log.count(waits)
        b.process.send_signal(signal.SIGHUP)
        eventually(lambda: b.log.count(taken) == before + 1)
        return b.log.count(waits) - told

    assert reload() == 0
    b.yaml.write_text(text.replace("protocol: HTTPS\n", "protocol: HTTPS\n    connections.max.reauth.ms: 5000\n"))
    assert [reload(), reload(), reload()] == [1, 1, 1]
    b.yaml.write_text(text)
    assert reload() == 0


def test_no_reload_makes_one_kind_of_listener_of_the_other(b):
    """Nothing is taken of the file, and it says what to do; which works."""
    b.start()
    text = b.yaml.read_text()
    as_it_was = "everything stays as it was"
    https = text.replace("    protocol: HTTPS\n", "")
    other = free_port()
    for changed, why in (
            (https, "watch: listener watch has its name or address, and speaks HTTP until the next start"),
            (https.replace("  watch:\n", "  new:\n"), "new: listener watch has its name or address, and speaks HTTP"),
            (https.replace(f":{b.web}", f":{other}"), "watch: listener watch has its name or address, and speaks HTTP"),
            (text.replace(f":{b.web}", f":{other}").replace(f":{b.port}", f":{b.web}"), "main: listener watch has its name or address"),
            (text.replace(f":{b.web}", f":{other}").replace(f":{b.port}", f":{free_port()}").replace(f":{other}", f":{b.port}"),
             "watch: listener main has its name or address, and speaks Kafka's protocol until the next start")):
        b.yaml.write_text(changed + "\nlog.level: debug\n")
        before = b.log.count(as_it_was)
        b.process.send_signal(signal.SIGHUP)
        eventually(lambda n=before: b.log.count(as_it_was) == n + 1)
        said = [line for line in b.log.split("\n") if as_it_was in line][-1]
        assert "reload: health: " + why in said and "restart, or take another name and address" in said, said
        assert b.get("/livez")[0] == 200 and " debug " not in b.log
        b.ctl("topic", "list")
    b.yaml.write_text(https)
    b.restart()
    b.ctl("topic", "list")
