# SPDX-License-Identifier: Apache-2.0
"""Mistakes that other brokers made and had to tell the world about. README.md beside this has all of them; here are
those that no other file asks for: secrets that are read back, settings that are code, denials that get lost,
records that end in another topic."""
import signal
import struct

import hostile
import pytest
from harness import Broker, run
from matrix import Connection, Site
from test_61_faults import batch, error_of, fetch, produce_request

SECRET = "hidden-word"


@pytest.fixture(scope="module")
def site():
    s = hostile.Site(f"{hostile.SETTINGS}\nssl.key.password: {SECRET}")
    yield s
    s.remove()


@pytest.fixture(scope="module")
def wire(site):
    with site.client() as c:
        yield c


# ---- secrets ----

@pytest.mark.parametrize("keys", [None, ["ssl.key.password"]], ids=["all", "by name"])
def test_no_answer_has_a_secret(site, wire, keys):
    """The operator himself, by every version: it is there, marked as one, without its value."""
    for version in range(1, 5):
        wire.send("describe_configs", version, {
            "resources": [{"resource_type": 4, "resource_name": "1", "configuration_keys": keys}],
            "include_synonyms": True, "include_documentation": True})
        raw = wire.read_frame()
        assert SECRET.encode() not in raw, version
        told = site.schema["describe_configs"].decode_response(version, raw)[1]["results"][0]["configs"]
        row, = (c for c in told if c["name"] == "ssl.key.password")
        assert row["value"] is None and row["is_sensitive"], version
        assert not any(s["value"] for s in row["synonyms"]), version
    assert SECRET not in site.broker.log


def test_a_secret_is_not_set_through_a_client(site, wire):
    """Nor is what was sent as one in the answer or in the log."""
    for api, value in (("alter_configs", {"name": "ssl.key.password", "value": "sent-word"}),
                       ("incremental_alter_configs", {"name": "ssl.key.password", "config_operation": 0, "value": "sent-word"})):
        answer = wire.call(api, 1, validate_only=False, resources=[
            {"resource_type": 4, "resource_name": "1", "configs": [value]}])["responses"][0]
        assert answer["error_code"] != 0 and "sent-word" not in str(answer), answer
    assert "sent-word" not in site.broker.log


# ---- settings ----

CODE = {
    "sasl.jaas.config": 'com.sun.security.auth.module.JndiLoginModule required user.provider.url="ldap://127.0.0.1:1/x";',
    "listener.name.main.scram-sha-256.sasl.jaas.config": "x.y.Z required;",
    "ssl.engine.factory.class": "x.y.Z", "principal.builder.class": "x.y.Z", "metric.reporters": "x.y.Z",
    "config.providers": "file", "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    "sasl.oauthbearer.token.endpoint.url": "file:///etc/passwd", "sasl.oauthbearer.jwks.endpoint.url": "http://127.0.0.1:1/",
}

OF_THE_FILE = "sasl.oauthbearer.jwks.endpoint.url"


@pytest.mark.parametrize("name", CODE)
def test_no_setting_is_code(site, wire, name):
    """Classes, modules, providers and addresses to fetch from are no settings, of the broker or of a topic. Where keys of
    tokens are is said in the broker's own file alone."""
    for kind, resource in ((4, "1"), (4, ""), (2, "calm")):
        for api, how in (("alter_configs", {}), ("incremental_alter_configs", {"config_operation": 0})):
            answer = wire.call(api, 1, validate_only=False, resources=[
                {"resource_type": kind, "resource_name": resource, "configs": [
                    {"name": name, "value": CODE[name], **how}]}])["responses"][0]
            assert answer["error_code"] in (40, 42), (kind, api, answer)
    told = wire.call("describe_configs", 4, resources=[
        {"resource_type": k, "resource_name": r, "configuration_keys": None} for k, r in ((4, "1"), (2, "calm"))])
    seen = [c for r in told["results"] for c in r["configs"] if c["name"] == name]
    if name == OF_THE_FILE:
        assert [(c["read_only"], c["value"]) for c in seen] == [(True, None)]
    else:
        assert seen == []


@pytest.mark.parametrize("value", ["${file:/etc/passwd:root}", "${env:HOME}", "${dir:/etc:passwd}", "$HOME", "file:///etc/passwd"])
def test_a_value_is_not_replaced(site, wire, value):
    """What looks like a place to read from is text: refused, or kept as it is."""
    name = "leader.replication.throttled.replicas"
    for api, how in (("alter_configs", {}), ("incremental_alter_configs", {"config_operation": 0})):
        answer = wire.call(api, 1, validate_only=False, resources=[
            {"resource_type": 2, "resource_name": "calm", "configs": [{"name": name, "value": value, **how}]}])
        code = answer["responses"][0]["error_code"]
        told = wire.call("describe_configs", 4, resources=[
            {"resource_type": 2, "resource_name": "calm", "configuration_keys": [name]}])["results"][0]["configs"]
        assert (code, told[0]["value"]) in ((0, value), (40, "")), (api, told)


# ---- denials ----

ANNA = {"principal": "User:anna", "host": "*"}
ALLOW, DENY, READ, WRITE, DESCRIBE, ALL = 3, 2, 3, 4, 8, 2
ANY = {"resource_type_filter": 2, "pattern_type_filter": 1, "principal_filter": "User:anna", "host_filter": None}


def rule(name, op, permission, pattern=3):
    return {"resource_type": 2, "resource_name": name, "resource_pattern_type": pattern, "operation": op,
            "permission_type": permission, **ANNA}


def test_a_denial_outlives_what_is_removed_around_it(site):
    """In the image that is published and in the one that is loaded: other rules of the same user and the same
    name come and go, one by one and by a filter, and the one that denies goes only by itself."""
    site.broker.user("anna")
    site.broker.ctl("topic", "create", "denied")
    login = site.broker.conf("anna")

    def may():
        with site.tls() as c:
            assert c.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
            wrote = error_of(c.call("produce", 9, **produce_request("denied", batch([b"x"]))))
            return fetch(c, "denied", 0)[0], wrote

    def change(made=(), gone=()):
        with site.client() as c:
            if made:
                answer = c.call("create_acls", 3, creations=list(made))
                assert not any(r["error_code"] for r in answer["results"]), answer
            removed = 0
            for g in gone:
                told = c.call("delete_acls", 3, filters=[{**ANY, **g}])["filter_results"][0]
                assert told["error_code"] == 0, told
                removed += len(told["matching_acls"])
            return removed
    change([rule("denied", READ, DENY), rule("den", ALL, ALLOW, 4), rule("denied", WRITE, ALLOW),
            rule("denied", READ, ALLOW), rule("denied", DESCRIBE, ALLOW), rule("*", ALL, ALLOW), rule("*", WRITE, DENY),
            rule("denie", WRITE, DENY, 4)])
    steps = [
        (dict(operation=WRITE, permission_type=DENY, resource_name_filter="denie"), (29, 29)),
        (dict(operation=WRITE, permission_type=DENY, resource_name_filter="*", pattern_type_filter=3), (29, 0)),
        (dict(operation=READ, permission_type=ALLOW, resource_name_filter="denied"), (29, 0)),
        (dict(operation=ALL, permission_type=ALLOW, resource_name_filter="*", pattern_type_filter=3), (29, 0)),
        (dict(operation=1, permission_type=ALLOW, resource_name_filter="denied", pattern_type_filter=3), (29, 0)),
    ]
    assert may() == (29, 29)
    for i, (gone, want) in enumerate(steps):
        assert change(gone=[gone]) == (2 if gone["operation"] == 1 else 1), i
        assert may() == want, i
        if i in (1, 4):
            site.broker.kill()
            site.broker.start(env=site.env)
            assert may() == want, i
    assert change(gone=[dict(operation=READ, permission_type=DENY, resource_name_filter="denied")]) == 1
    assert may() == (0, 0)


# ---- buffers ----

def values(records):
    """The first record's value of each batch, by hand: short keys and lengths only."""
    at, out = 0, []
    while at + 61 <= len(records):
        length, = struct.unpack_from(">i", records, at + 8)
        out.append(records[at + 61:at + 12 + length])
        at += 12 + length
    return out


def test_no_record_ends_in_another_topic(site):
    """Many requests in a row, for many topics, that wait and that do not: the bytes of one are never another's,
    whenever the buffer that they came in is used again."""
    topics = [f"own{i}" for i in range(6)]
    for i, name in enumerate(topics):
        site.broker.ctl("topic", "create", name, "-c", "flush=" + ("ack" if i % 2 else "os"))
    sent = {name: [] for name in topics}
    clients = [site.client(), site.client()]
    try:
        for n in range(120):
            name = topics[n * 7 % len(topics)]
            text = f"<{name}:{n}>".encode() * (1 + n * 37 % 400)
            sent[name].append(text)
            clients[n % 2].send("produce", 9, {**produce_request(name, batch([text])), "acks": 1 if n % 3 else -1})
        for n in range(120):
            assert error_of(clients[n % 2].answer("produce", 9)[1]) == 0, n
        for name in topics:
            got, at = [], 0
            while len(got) < len(sent[name]):
                err, records = fetch(clients[0], name, at)
                assert err == 0 and records
                got += values(records)
                at = len(got)
            for text in sent[name]:
                assert sum(text in g for g in got) >= 1, (name, text[:20])
            others = [t.encode() for t in topics if t != name]
            assert not any(o in g for g in got for o in others), name
    finally:
        for c in clients:
            c.close()


def memory_has(pid, needles):
    """Which of them stand anywhere in the process. What a sanitizer reserves is not read."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, may = line.split()[:2]
            lo, hi = (int(x, 16) for x in where.split("-"))
            if "w" not in may or hi - lo > 256 << 20:
                continue
            mem.seek(lo)
            try:
                data = mem.read(hi - lo)
            except OSError:
                continue
            found |= {n for n in needles if n in data}
    return found


@pytest.mark.parametrize("kind", ["EC", "RSA", "RSA, traditional", "RSA, encrypted"])
def test_no_key_stays_as_text_in_memory(kind):
    """What the file of the certificate says of the key is not there once it is read, at the start or by a reload; nor is
    the password that the administrator logs in by, which SCRAM never tells. The last line may be: OpenSSL's decoder of base64
    frees it as it is."""
    b = Broker()
    try:
        pem, key = b.dir / "tls/server.pem", b.tmp / "key.pem"
        if kind != "EC":
            request, certificate = b.tmp / "request", b.tmp / "certificate"
            run("openssl", "genrsa", *(["-traditional"] if "trad" in kind else []), "-out", key, "2048")
            run("openssl", "req", "-new", "-key", key, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-out", request)
            run("openssl", "x509", "-req", "-in", request, "-CA", b.dir / "tls/ca.pem", "-CAkey", b.dir / "tls/ca.key",
                "-copy_extensions", "copy", "-CAcreateserial", "-out", certificate)
            if "encrypted" in kind:
                run("openssl", "pkcs8", "-topk8", "-in", key, "-out", b.tmp / "sealed", "-passout", "pass:open it")
                key = b.tmp / "sealed"
                b.configure("ssl.key.password: open it")
            pem.write_text(certificate.read_text() + key.read_text())
        body = pem.read_text().split("PRIVATE KEY-----")[1].split("-----")[0].split()
        secrets = [line.encode() for line in body[:-1] if len(line) > 15] + [b.conf()["sasl.password"].encode()]
        b.start()
        for _ in range(2):
            b.ctl("topic", "list")
            hostile.eventually(lambda: not memory_has(b.process.pid, secrets), 5)
            b.process.send_signal(signal.SIGHUP)
            hostile.eventually(lambda: "were read again" in b.log)
        assert memory_has(b.process.pid, [b"topic"])
    except PermissionError as e:
        pytest.skip(f"the memory of a process that is not dumpable is root's: {e}")
    finally:
        b.remove()


def test_no_password_stays_in_memory():
    """Of a broker that has nothing else to do, whose buffers nothing writes over."""
    password, wrong, salted = b"never seen again 1", b"never seen again 2", b"never seen again 3 (32 bytes..)."
    s = Site(cells=False)

    def gone(secret):		# the answer leaves a moment before its request goes
        hostile.eventually(lambda: not memory_has(s.broker.process.pid, [secret]), 5)
    try:
        text = s.broker.yaml.read_text()
        s.broker.yaml.write_text(text.replace("[SCRAM-SHA-256, SCRAM-SHA-512]", "[SCRAM-SHA-256, SCRAM-SHA-512, PLAIN]"))
        s.restart()
        s.broker.ctl("user", "create", "paul", "--password-file", "-", stdin=password.decode())
        for given, code in ((password, 0), (wrong, 58)):
            c = Connection(s, None)
            c.open()
            c.call("sasl_handshake", 1, mechanism="PLAIN")
            assert c.call("sasl_authenticate", 2, auth_bytes=b"\0paul\0" + given)[0]["error_code"] == code
            gone(given)
            c.close()
        s.do("alter_user_scram_credentials", 0, deletions=[], upsertions=[
            {"name": "paul", "mechanism": 1, "iterations": 4096, "salt": b"salty", "salted_password": salted}])
        gone(salted)
        assert memory_has(s.broker.process.pid, [b"paul"])
    except PermissionError as e:
        pytest.skip(f"the memory of a process that is not dumpable is root's: {e}")
    finally:
        s.remove()
