# SPDX-License-Identifier: Apache-2.0
"""Logins by tokens (OAUTHBEARER, RFC 7628) of an issuer that the tests start: what lets in, what does not and is told
alike; where keys come from, and when; clients that have them.

What tokens are good, trap by trap, is test_jwt.c's.
"""
import contextlib
import itertools
import json
import re
import signal
import ssl
import time

import confluent_kafka
import foreign
import pytest
import twin
from confluent_kafka.admin import AdminClient
from harness import SCHLOSSD, Broker, Failed, free_port, run
from hostile import closed, eventually
from issuer import AUDIENCE, ISSUER, Issuer, Key, Server, b64
from test_52_java import TOOLS, Tools, jars, there_and_back  # noqa: F401  jars: a fixture
from test_58_renewal import is_over

ADDRESSES = itertools.count()
REFUSAL = b'{"status":"invalid_token"}'


def options(url, **more):
    more = {"sasl.oauthbearer.expected.issuer": ISSUER, "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.jwks.endpoint.url": url, **more}
    return "".join(f'{k}: "{v}"\n' if isinstance(v, str) else f"{k}: {v}\n" for k, v in more.items())


class Site:
    def __init__(self, tmp):
        self.issuer = Issuer()
        self.file = tmp / "keys.json"
        self.file.write_text(self.issuer.jwks())
        self.b = b = Broker("group.initial.rebalance.delay.ms: 0\n" + options(f"file://{self.file}", **{
            "sasl.oauthbearer.clock.skew.seconds": 5}))
        self.ports = {}
        for name, lines in (("tokens", ""), ("anybody", "unknown.users: allow"), (
                "mapped", 'sasl.oauthbearer.principal.mapping.rules: "RULE:^([a-z]+)@works$/$1/"\n'
                'sasl.oauthbearer.required.scope: [kafka, write]'), ("login", "tenant: from-login")):
            port = self.ports[name] = free_port()
            b.add_listener(name, f"address: 127.0.0.1:{port}\nadvertised: localhost:{port}\nprotocol: SASL_SSL\n"
                           f"mechanisms: [OAUTHBEARER, SCRAM-SHA-256]\n{lines}")
        b.start()
        b.ctl("topic", "create", "t", "-p", "1")
        b.ctl("user", "create", "anna", "--mechanism", "OAUTHBEARER")
        b.ctl("user", "create", "olaf", "--password", "secret one", "--mechanism", "SCRAM-SHA-256")
        b.ctl("chmod", "--force", "777", "/main/topics/t")

    def connect(self, listener="tokens", source=None):
        ca = self.b.conf()["ssl.ca.location"]
        return twin.Client("127.0.0.1", self.ports[listener], server_hostname="127.0.0.1", timeout=30, source=source,
                           ssl_context=ssl.create_default_context(cafile=ca))

    def conf(self, listener="tokens", **more):
        return {"bootstrap.servers": f"localhost:{self.ports[listener]}", "security.protocol": "SASL_SSL",
                "ssl.ca.location": self.b.conf()["ssl.ca.location"], "sasl.mechanisms": "OAUTHBEARER", **more}


def message(token, authzid="", extensions=""):
    return f"n,{authzid and 'a=' + authzid},\x01auth=Bearer {token}\x01{extensions}\x01".encode()


def say(client, raw):
    shake = client.call("sasl_handshake", 1, mechanism="OAUTHBEARER")
    assert shake["error_code"] == 0, shake
    return client.call("sasl_authenticate", 2, auth_bytes=raw)


@contextlib.contextmanager
def logged_in(site, token, listener="tokens", **more):
    with site.connect(listener) as c:
        last = say(c, message(token, **more))
        assert (last["error_code"], last["auth_bytes"]) == (0, b""), last
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        yield c, last


def somewhere():
    n = next(ADDRESSES)
    return f"127.0.{1 + n // 250}.{1 + n % 250}"


def refused(site, token, reason, listener="tokens", **more):
    """The same words and the same failure, whatever is wrong; the reason is in the log alone. Each time from an address of
    its own, because of a row of failures not all are logged, and they wait ever longer."""
    before = site.b.log.count("login refused: " + reason)
    with site.connect(listener, somewhere()) as c:
        first = say(c, message(token, **more))
        assert (first["error_code"], first["auth_bytes"]) == (0, REFUSAL), (reason, first)
        last = c.call("sasl_authenticate", 2, auth_bytes=b"\x01")
        assert (last["error_code"], last["auth_bytes"]) == (58, b""), (reason, last)
        assert closed(c.sock)
    eventually(lambda: site.b.log.count("login refused: " + reason) > before)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("tokens"))
    yield s
    s.b.remove()


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_a_token_of_each_kind(site, alg):
    with logged_in(site, site.issuer.token(alg=alg)) as (_, last):
        assert 0 < last["session_lifetime_ms"] <= 300000
    with logged_in(site, site.issuer.token(alg=alg), authzid="anna", extensions="traceId=1\x01logicalCluster=a b\x01"):
        pass


def test_a_login_ends_with_its_token(site):
    """Then nothing but a renewal is taken, by another token of the same user; skew is no part of it."""
    with logged_in(site, site.issuer.token(life=3)) as (c, last):
        assert last["session_lifetime_ms"] <= 3000
        is_over(c, 3000)
        last = say(c, message(site.issuer.token(life=3)))
        assert last["error_code"] == 0 and c.call("metadata", 9, topics=None)["controller_id"] == 1
        is_over(c, 3000)
        c.send("metadata", 9, {"topics": None})
        assert closed(c.sock)


def test_no_renewal_by_anothers_token(site):
    site.b.ctl("user", "create", "berta", "--mechanism", "OAUTHBEARER")
    with logged_in(site, site.issuer.token()) as (c, _):
        assert say(c, message(site.issuer.token("berta")))["auth_bytes"] == REFUSAL
        assert c.call("sasl_authenticate", 2, auth_bytes=b"\x01")["error_code"] == 58
        assert closed(c.sock)


def test_a_proof_of_a_name_is_no_right(site):
    """The user must be there and its record must list the mechanism; unknown.users: allow lets the unknown in alone."""
    refused(site, site.issuer.token("nobody"), "no such user")
    refused(site, site.issuer.token("olaf"), "the user may not log in by this mechanism")
    refused(site, site.issuer.token("admin"), "the user may not log in by this mechanism")
    refused(site, site.issuer.token(), "asked to act as another user", authzid="admin")
    with logged_in(site, site.issuer.token("nobody"), "anybody"):
        pass
    refused(site, site.issuer.token("olaf"), "the user may not log in by this mechanism", "anybody")


def test_the_locked_and_the_deleted(site):
    b = site.b
    b.ctl("user", "create", "lena", "--mechanism", "OAUTHBEARER")
    with logged_in(site, site.issuer.token("lena")) as (c, _):
        b.ctl("user", "lock", "lena")
        assert closed(c.sock)
    refused(site, site.issuer.token("lena"), "the user is locked")
    b.ctl("user", "unlock", "lena")
    with logged_in(site, site.issuer.token("lena")) as (c, _):
        b.ctl("user", "delete", "lena")
        assert closed(c.sock)
    refused(site, site.issuer.token("lena"), "no such user")


def test_tokens_that_are_none(site):
    """One of each kind, over the wire: all are told alike."""
    good, i = site.issuer.token(), site.issuer
    head, body, sig = good.split(".")
    stranger = Key("rs256", "RS256")
    later = int(time.time()) + 3600
    for bad in (f"{head}.{body}.", f"{b64(b'{}')}.{body}.{sig}",
                f"{b64(json.dumps({'alg': 'none'}).encode())}.{body}.", f"{head}.{body}.{sig[:-4]}AAAA",
                i.token(key=stranger), i.token(header={"alg": "HS256"}), i.token(header={"alg": "ES256", "kid": "es256"}),
                i.token(header={"crit": ["exp"]}), i.token(header={"jku": "https://evil.example/"}),
                i.token(header={"jwk": stranger.jwk()}, key=stranger), i.token(header={"x5u": "https://evil.example/"}),
                i.token(iss="https://evil.example"), i.token(aud="other"), i.token(life=-6), i.token(exp=None),
                i.token(nbf=later), i.token(iat=later), i.token(sub=None), i.token(sub=["anna"]),
                i.token(x=json.loads("[" * 9 + "]" * 9)), "a.b.c", "...", "a" * 16000):
        refused(site, bad, "")
    with site.connect() as c:	# within the skew; a session of a millisecond may be over before it is used
        last = say(c, message(i.token(life=-3)))
        assert (last["error_code"], last["session_lifetime_ms"]) == (0, 1)


@pytest.mark.parametrize("raw", [b"", b"\x01", b"n,,\x01\x01", b"n,,\x01auth=Basic eA==\x01\x01", b"\0anna\0secret",
                                 b"p=tls-unique,,\x01auth=Bearer a.b.c\x01\x01", b"n,,\x01auth=Bearer " + b"a" * 16385 + b"\x01\x01",
                                 b"n,,\x01auth=Bearer a.b.c\x01\x01 ", b"\x01" * 30000])
def test_messages_that_are_none(site, raw):
    with site.connect(source=somewhere()) as c:
        answer = say(c, raw)
        assert (answer["error_code"], answer["auth_bytes"]) == (58, b"")
        assert closed(c.sock)


def test_rules_and_scopes(site):
    works = {"scope": "kafka read write"}
    with logged_in(site, site.issuer.token("anna@works", **works), "mapped"):
        pass
    with logged_in(site, site.issuer.token("anna@works", scope=["write", "kafka"]), "mapped", authzid="anna"):
        pass
    refused(site, site.issuer.token("anna", **works), "no rule maps this token to a user", "mapped")
    refused(site, site.issuer.token("anna@works", scope="kafka"), "the token lacks a scope that is required", "mapped")


def test_claims_by_other_names(served):
    """As other issuers have them: who it is, and what for."""
    _, of = served
    site = of(**{"sasl.oauthbearer.sub.claim.name": "preferred_username", "sasl.oauthbearer.scope.claim.name": "scp",
                 "sasl.oauthbearer.required.scope": "write"})
    eventually(lambda: "3 keys" in site.b.log)
    with logged_in(site, site.issuer.token("17", preferred_username="anna", scp="read write")):
        pass
    refused(site, site.issuer.token("17", preferred_username="anna", scope="write"), "the token lacks a scope that is required")
    refused(site, site.issuer.token("anna", scp=["write"]), "the token names nobody")


def test_a_token_names_no_tenant(site):
    """Where login names do, tokens are main's; nobody becomes another tenant's by what an issuer writes."""
    site.b.ctl("tenant", "create", "acme", "--admin", "boss", "--conf", site.b.dir / "boss.conf")
    with logged_in(site, site.issuer.token(), "login"):
        pass
    refused(site, site.issuer.token("anna@acme"), "a certificate, ticket or token names no tenant", "login")


def reload(b, line="configuration and certificates were read again"):
    before = b.log.count(line)
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: b.log.count(line) > before)


def test_keys_are_read_again(site):
    """New keys count from the reload on and old ones no longer; a file that is no good leaves all as it is."""
    old = site.issuer.keys["RS256"]
    new = site.issuer.keys["RS256"] = Key("next", "RS256")
    try:
        refused(site, site.issuer.token(), "the token is signed by a key that is not there")
        site.file.write_text(site.issuer.jwks())
        reload(site.b)
        with logged_in(site, site.issuer.token()):
            pass
        refused(site, site.issuer.token(key=old), "the token is signed by a key that is not there")
        for broken in ("", "{}", '{"keys": []}', "{" * 100000):
            site.file.write_text(broken)
            reload(site.b, f"reload: logins: {site.file}: ")
            with logged_in(site, site.issuer.token(key=new)):
                pass
    finally:
        site.issuer.keys["RS256"] = old
        site.file.write_text(site.issuer.jwks())
        reload(site.b)


def test_what_a_start_refuses(tmp_path):
    keys = tmp_path / "keys.json"
    issuer = Issuer()
    keys.write_text(issuer.jwks())
    listener = "address: 127.0.0.1:{}\nprotocol: {}\nmechanisms: [OAUTHBEARER]"
    for words, protocol, settings in (
            ("OAUTHBEARER shows tokens: it needs protocol SASL_SSL", "SASL_PLAINTEXT\nallow.plaintext: true", options(f"file://{keys}")),
            ("jwks.endpoint.url must be set", "SASL_SSL", ""),
            ("expected.issuer must be set", "SASL_SSL", f'sasl.oauthbearer.jwks.endpoint.url: "file://{keys}"'),
            ("expected.audience must be set", "SASL_SSL",
             f'sasl.oauthbearer.jwks.endpoint.url: "file://{keys}"\nsasl.oauthbearer.expected.issuer: x'),
            ("is neither file:///PATH nor https://HOST/PATH", "SASL_SSL", options("http://localhost/keys")),
            ("a user in front of it", "SASL_SSL", options("https://a:b@localhost/keys")),
            (f"{tmp_path}/nothing: not found", "SASL_SSL", options(f"file://{tmp_path}/nothing")),
            (f"the authorities of its host, {tmp_path}/nothing: ", "SASL_SSL", options("https://localhost/keys", **{
                "sasl.oauthbearer.jwks.endpoint.truststore.location": str(tmp_path / "nothing")})),
            ("sasl.oauthbearer.principal.mapping.rules: ", "SASL_SSL", options(f"file://{keys}", **{"sasl.oauthbearer.principal.mapping.rules": "RULE:"}))):
        b = Broker(settings)
        b.add_listener("tokens", listener.format(free_port(), protocol))
        try:
            p = run(SCHLOSSD, "-t", "-c", b.yaml, check=False)
            assert p.returncode != 0 and words in p.stderr, (words, p.stderr)
            with pytest.raises(Failed):
                b.start()
            assert words in b.log, b.log
            b.process = None
        finally:
            b.remove()


# ---- keys from an address ----

@pytest.fixture
def served(tmp_path):
    """An issuer behind HTTPS, and brokers that fetch from it: of(url, ...) makes one."""
    server = Server(Issuer(), tmp_path)
    brokers = []

    def of(path="/keys", ca=None, **more):
        b = Broker(options(server.url + path, **{
            "sasl.oauthbearer.jwks.endpoint.truststore.location": str(ca or server.ca),
            "sasl.oauthbearer.jwks.endpoint.refresh.ms": 1000, **more}))
        s = Site.__new__(Site)
        s.b, s.issuer, s.ports = b, server.issuer, {"tokens": free_port()}
        b.add_listener("tokens", f"address: 127.0.0.1:{s.ports['tokens']}\nadvertised: localhost:{s.ports['tokens']}\n"
                       "protocol: SASL_SSL\nmechanisms: [OAUTHBEARER]")
        brokers.append(b.start())
        b.ctl("user", "create", "anna", "--mechanism", "OAUTHBEARER")
        return s
    yield server, of
    for b in brokers:
        b.remove()
    server.close()


FETCHED = "the keys of tokens cannot be fetched"


def test_keys_are_fetched_and_fetched_again(served):
    server, of = served
    site = of()
    eventually(lambda: "3 keys" in site.b.log)
    with logged_in(site, site.issuer.token()):
        pass
    site.issuer.keys["RS256"] = Key("next", "RS256")
    asked = len(server.asked)
    eventually(lambda: len(server.asked) >= asked + 2)
    with logged_in(site, site.issuer.token()):
        pass


def test_whatever_an_address_answers_the_keys_stay(served):
    """A redirect is not followed, and what is no JWK Set, or too much, or never ends, changes nothing."""
    server, of = served
    site = of()
    eventually(lambda: "3 keys" in site.b.log)

    def endless(h):
        h.send_response(200)
        h.end_headers()
        while True:
            h.wfile.write(b" " * 65536)
    for words, get in (
            ("HTTP status 302: redirects are not followed", lambda h: h.answer("", 302, Location=server.url + "/elsewhere")),
            ("HTTP status 500", lambda h: h.answer("{}", 500)), ("HTTP status 404", lambda h: h.answer("", 404)),
            ("it is no JSON object", lambda h: h.answer("<html>")), ("none of its 0 keys", lambda h: h.answer('{"keys":[]}')),
            ("more than 1048576 bytes", endless), ("nested too deeply", lambda h: h.answer("[" * 100000)),
            ("(Empty reply|closed|SSL_read|reset|eof)", lambda h: h.connection.close())):
        server.get = get
        begin = len(site.b.log)
        eventually(lambda: re.search(f"{FETCHED}: {server.url}/keys: .*{words}.*; the old ones stay", site.b.log[begin:]), 60)
        with logged_in(site, site.issuer.token()):
            pass
        server.get = lambda h: h.answer(server.issuer.jwks())
        eventually(lambda: "3 keys" in site.b.log[begin:], 60)
        # After a failure the next attempt is as soon as refresh.ms says, where that is less than half a minute.
    assert "/elsewhere" not in server.asked


def test_hosts_that_are_not_trusted(served, tmp_path):
    """Of another authority, or of another name."""
    server, of = served
    other = tmp_path / "other"
    other.mkdir()
    stranger = Server(Issuer(), other, name="elsewhere")
    try:
        site = of(ca=stranger.ca)
        eventually(lambda: FETCHED in site.b.log and "certificate" in site.b.log)
        refused(site, site.issuer.token(), "the keys of tokens have not been fetched yet")
        port, stranger_url = server.port, stranger.url
        server.url = stranger_url
        site = of(ca=stranger.ca)
        eventually(lambda: FETCHED in site.b.log and ("subject name" in site.b.log or "match" in site.b.log))
        refused(site, site.issuer.token(), "the keys of tokens have not been fetched yet")
        server.url = f"https://localhost:{port}"
        assert not stranger.asked and not server.asked
    finally:
        stranger.close()


def test_a_start_does_not_wait_for_it_and_a_stop_ends_it(served):
    """The address takes the connection and says nothing."""
    server, of = served
    server.get = lambda h: time.sleep(30)
    site = of()
    refused(site, site.issuer.token(), "the keys of tokens have not been fetched yet")
    eventually(lambda: server.asked)
    begin = time.monotonic()
    site.b.stop()
    assert time.monotonic() - begin < 4


def test_an_unknown_key_is_fetched_early_and_once(served):
    """A flood of tokens by keys that nobody has makes one fetch a minute; the one that brings the key is not far."""
    server, of = served
    site = of(**{"sasl.oauthbearer.jwks.endpoint.refresh.ms": 3600000})
    eventually(lambda: "3 keys" in site.b.log)
    stranger = Key("unknown", "EdDSA")
    for _ in range(20):
        refused(site, site.issuer.token(key=stranger), "")
    assert server.asked == ["/keys"]
    site.issuer.keys["RS256"] = Key("next", "RS256")
    eventually(lambda: len(server.asked) == 2, 90)
    eventually(lambda: site.b.log.count("3 keys") == 2)
    with logged_in(site, site.issuer.token()):
        pass
    assert len(server.asked) == 2


# ---- clients ----

def test_librdkafka_by_callback(site):
    """Debian's librdkafka: a record, and the topic."""
    conf = {**site.conf(), "oauth_cb": lambda _: (site.issuer.token(), time.time() + 300)}
    p = confluent_kafka.Producer(conf)
    told = []
    p.produce("t", b"by token", on_delivery=lambda e, m: told.append(e))
    p.poll(0)
    assert p.flush(30) == 0 and told == [None]
    admin = AdminClient(conf)
    admin.poll(0)
    assert "t" in admin.list_topics(timeout=30).topics


def test_kcat_with_a_token_that_nobody_signed(site):
    """librdkafka's own: alg none, for trials."""
    p = run("kcat", "-L", "-m", "5", *[w for k, v in site.conf().items() for w in ("-X", f"{k}={v}")],
            "-X", "enable.sasl.oauthbearer.unsecure.jwt=true", "-X", "sasl.oauthbearer.config=principal=anna",
            check=False, timeout=60)
    assert p.returncode != 0, p.stdout
    assert "login refused: the token is signed by another algorithm" in site.b.log, p.stderr


def test_kafka_python(site):
    import kafka

    class Provider(kafka.oauth.abstract.AbstractTokenProvider):
        def token(self):
            return site.issuer.token(alg="ES256")
    p = kafka.KafkaProducer(bootstrap_servers=f"localhost:{site.ports['tokens']}", security_protocol="SASL_SSL",
                            ssl_cafile=site.conf()["ssl.ca.location"], sasl_mechanism="OAUTHBEARER",
                            sasl_oauth_token_provider=Provider())
    assert p.send("t", b"by token").get(30).topic == "t"
    p.close()


OIDC = """
import sys, json, confluent_kafka
p = confluent_kafka.Producer(json.load(open(sys.argv[1])))
told = []
p.produce("t", b"x", on_delivery=lambda e, m: told.append(str(e)))
p.flush(30)
print(told)
"""


def test_librdkafka_fetches_tokens(site, tmp_path):
    """method=oidc: the client goes to the token endpoint itself, and again before its token ends."""
    modules = foreign.had(foreign.python_modules, "confluent-kafka==2.11.1")
    server = Server(site.issuer, tmp_path)
    try:
        (tmp_path / "conf.json").write_text(json.dumps({**site.conf(), "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": "anna", "sasl.oauthbearer.client.secret": "s", "https.ca.location": str(server.ca),
            "sasl.oauthbearer.token.endpoint.url": server.url + "/token", "sasl.oauthbearer.scope": "kafka"}))
        p = run("/usr/bin/python3", "-c", OIDC, tmp_path / "conf.json", env={"PYTHONPATH": str(modules)}, timeout=60)
        assert p.stdout.strip() == "['None']", p.stdout + p.stderr
        assert server.asked == ["/token"]
    finally:
        server.close()


def test_java(jars, site, tmp_path):
    """Its own login from the token endpoint; the tools of Apache Kafka with it."""
    server = Server(site.issuer, tmp_path)
    try:
        props = tmp_path / "java.properties"
        props.write_text("\n".join([
            "security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER", "ssl.truststore.type=PEM",
            f"ssl.truststore.location={site.b.dir}/tls/ca.pem",
            "sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
            f"sasl.oauthbearer.token.endpoint.url={server.url}/token",
            "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            'clientId="anna" clientSecret="s" scope="kafka" '
            f'ssl.truststore.type="PEM" ssl.truststore.location="{server.ca}";']) + "\n")
        tools = Tools(jars, f"localhost:{site.ports['tokens']}", props,
                      [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={server.url}/token"])
        tools(TOOLS + "ConsoleProducer", "--topic", "t", stdin="one\n")
        assert "/token" in server.asked
        site.b.ctl("topic", "create", "java", "--owner", "anna")
        there_and_back(tools, "java", "none")
    finally:
        server.close()


KAFKAJS = """
const { Kafka, logLevel } = require('kafkajs')
const fs = require('fs')
const c = JSON.parse(process.argv[2])
const kafka = new Kafka({ brokers: [c.broker], ssl: { ca: [fs.readFileSync(c.ca)] }, logLevel: logLevel.ERROR,
	retry: { retries: 2 }, sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: c.token }) } })
async function main () {
	const producer = kafka.producer(); await producer.connect()
	console.log(JSON.stringify(await producer.send({ topic: 't', messages: [{ value: 'a' }] })))
	await producer.disconnect()
}
main().catch(e => { console.error(e); process.exit(1) })
"""


def test_kafkajs(site):
    modules = foreign.had(foreign.node_modules, "kafkajs@2.2.4", "@platformatic/kafka@1.34.0")
    conf = {"broker": f"localhost:{site.ports['tokens']}", "ca": site.conf()["ssl.ca.location"]}
    for token, good in ((site.issuer.token(alg="EdDSA"), True), (site.issuer.token("nobody"), False)):
        before = site.b.log.count("login refused: no such user")
        p = run("node", "-e", KAFKAJS, "x", json.dumps({**conf, "token": token}), check=False, timeout=60,
                env={"NODE_PATH": str(modules / "node_modules")})
        assert (p.returncode == 0) == good, p.stdout + p.stderr
        # It does not read what it is told and goes on, until it is hung up on.
        assert good or site.b.log.count("login refused: no such user") > before, p.stderr
