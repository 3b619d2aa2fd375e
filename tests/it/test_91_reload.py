# SPDX-License-Identifier: Apache-2.0
"""SIGHUP on a broker at work: what the file says of listeners and logins holds for who comes from then on, nobody who is
there is dropped, and of a file with anything wrong in it nothing is taken.

Certificates, JWKS, limits and log levels by reload: test_55, test_57, test_59, test_13, test_10, test_71."""
import json
import re
import signal
import socket
import ssl

import pytest
import twin
from harness import Broker, free_port, run
from hostile import eventually
from issuer import Issuer
from test_59_tokens import options

SCHEMA = twin.Schema()
TAKEN = "configuration and certificates were read again"
AS_IT_WAS = "everything stays as it was"


@pytest.fixture
def b():
    b = Broker().start()
    b.second = free_port()
    yield b
    b.remove()


def reload(b, line=TAKEN):
    before = b.log.count(line)
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: b.log.count(line) > before)


def add(b, name, port, lines="protocol: SASL_SSL"):
    b.add_listener(name, f"address: 127.0.0.1:{port}\n{lines}")


def take_away(b, name):
    text = b.yaml.read_text()
    b.yaml.write_text(re.sub(rf"(?m)^  {name}:\n(    .*\n)+", "", text))


def log_in(b, port, mechanism=None):
    c = twin.Client("127.0.0.1", port, schema=SCHEMA, server_hostname="localhost", timeout=20,
                    ssl_context=ssl.create_default_context(cafile=b.dir / "tls/ca.pem"))
    conf = b.conf()
    if mechanism == "PLAIN":
        assert c.call("sasl_handshake", 1, mechanism="PLAIN")["error_code"] == 0
        plain = f"\0{conf['sasl.username']}\0{conf['sasl.password']}".encode()
        assert c.call("sasl_authenticate", 2, auth_bytes=plain)["error_code"] == 0
    else:
        assert c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"] == 0
    return c


def with_last(text, name, lines):
    """One more listener, behind the others."""
    end = [m.end() for m in re.finditer(r"(?m)^  [a-z]+:\n(    .*\n)+", text)][-1]
    body = "".join(f"    {line}\n" for line in lines.split("\n"))
    return f"{text[:end]}  {name}:\n{body}{text[end:]}"


def works(c):
    """The port that it is told."""
    return c.call("metadata", 9, topics=[])["brokers"][0]["port"]


def is_shut(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_listener_comes_and_goes(b):
    with log_in(b, b.port) as first:
        add(b, "second", b.second)
        reload(b)
        assert "listeners.second" not in b.log
        with log_in(b, b.second) as c:
            assert (works(c), works(first)) == (b.second, b.port)
            take_away(b, "second")
            reload(b)
            assert "listener second: closed; who came by it stays" in b.log
            assert is_shut(b.second)
            assert (works(c), works(first)) == (b.second, b.port)
            add(b, "second", b.second)  # and again, with who is left of the old one
            reload(b)
            with log_in(b, b.second) as again:
                assert (works(again), works(c)) == (b.second, b.second)
    with log_in(b, b.port):
        pass


def test_the_audit_log_tells_of_listeners():
    b = Broker()
    b.configure(f"audit.file: {b.dir}/audit.log")
    b.start()
    second = free_port()
    try:
        def told():
            lines = [json.loads(line) for line in (b.dir / "audit.log").read_text().split("\n") if line]
            return [(x["option"], x.get("before"), x.get("after")) for x in lines if x.get("listener") == "second" and "option" in x]
        add(b, "second", second)
        reload(b)
        eventually(lambda: told() == [("address", None, f"127.0.0.1:{second}")])
        take_away(b, "second")
        reload(b)
        eventually(lambda: told()[1:] == [("address", f"127.0.0.1:{second}", None)])
    finally:
        b.remove()


def test_a_listener_moves(b):
    add(b, "second", b.second)
    reload(b)
    new = free_port()
    with log_in(b, b.second) as c:
        take_away(b, "second")
        add(b, "second", new)
        reload(b)
        assert is_shut(b.second)
        with log_in(b, new) as moved:
            assert (works(c), works(moved)) == (b.second, new)


def test_settings_of_a_listener(b):
    """Mechanisms, names and rules for who comes; who is there keeps what they came by, and the socket stays."""
    add(b, "second", b.second, "protocol: SASL_SSL\nmechanisms: [SCRAM-SHA-256]")
    reload(b)

    def handshake(c, mechanism):
        return c.call("sasl_handshake", 1, mechanism=mechanism)["error_code"]

    def fresh():
        return twin.Client("127.0.0.1", b.second, schema=SCHEMA, server_hostname="localhost", timeout=20,
                           ssl_context=ssl.create_default_context(cafile=b.dir / "tls/ca.pem"))

    with log_in(b, b.second) as old, fresh() as waiting, fresh() as c:
        assert handshake(c, "PLAIN") == 33
        take_away(b, "second")
        add(b, "second", b.second, "protocol: SASL_SSL\nmechanisms: [PLAIN]\nadvertised: other.example.org:7")
        reload(b)
        assert "listener second: its settings have changed, for connections from now on" in b.log
        assert handshake(waiting, "PLAIN") == 33  # it came before
        with fresh() as c2:
            assert handshake(c2, "SCRAM-SHA-256") == 33
        with log_in(b, b.second, "PLAIN") as new:
            assert (works(old), works(new)) == (b.second, 7)


def test_whose_a_listener_is(b):
    """From everybody's to main's alone, and back; and one whose tenant was made anew."""
    def may(user, port):
        conf = b.conf(user)
        with twin.Client("127.0.0.1", port, schema=SCHEMA, server_hostname="localhost", timeout=20,
                         ssl_context=ssl.create_default_context(cafile=b.dir / "tls/ca.pem")) as c:
            return c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"] == 0

    def acme():
        b.ctl("tenant", "create", "acme", "--admin", "tina", "--conf", b.dir / "tina.conf")

    def tenant(name):
        take_away(b, "second")
        add(b, "second", b.second, f"protocol: SASL_SSL\ntenant: {name}")
        reload(b)
    acme()
    tenant("from-login")
    assert may("tina", b.second) and may("admin", b.second)
    tenant("main")
    assert not may("tina", b.second) and may("admin", b.second)
    tenant("from-login")
    assert may("tina", b.second)
    tenant("acme")
    b.delete_tenant("acme")
    (b.dir / "tina.conf").unlink()
    acme()
    conf = (b.dir / "tina.conf").read_text()
    (b.dir / "tina.conf").write_text(conf.replace("tina@acme", "tina"))
    assert not may("tina", b.second)
    reload(b)
    assert may("tina", b.second)


def test_rules_from_certificates(b):
    """The same certificate is another user after a reload of the mapping."""
    key, csr, cert = (b.tmp / f"c.{x}" for x in ("key", "csr", "crt"))
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
        "-subj", "/CN=ulf")
    run("openssl", "x509", "-req", "-in", csr, "-CA", b.dir / "tls/ca.pem", "-CAkey", b.dir / "tls/ca.key", "-CAcreateserial",
        "-days", "2", "-out", cert)
    tls = ssl.create_default_context(cafile=b.dir / "tls/ca.pem")
    tls.load_cert_chain(cert, key)
    b.configure(f"ssl.truststore.location: {b.dir}/tls/ca.pem")
    add(b, "second", b.second, "protocol: SSL\nunknown.users: allow")
    reload(b)

    def come():
        c = twin.Client("127.0.0.1", b.second, schema=SCHEMA, ssl_context=tls, server_hostname="localhost", timeout=20)
        c.call("create_topics", 5, topics=[{"name": "none", "num_partitions": 1, "replication_factor": 1, "assignments": [],
                                            "configs": []}], timeout_ms=1000, validate_only=False)  # a denial is told of
        return c
    with come() as old:
        eventually(lambda: "CN=ulf" in b.log)
        b.configure('ssl.principal.mapping.rules: "RULE:^CN=(.*)$/team-$1/"')
        reload(b)
        assert "team-ulf" not in b.log
        with come():
            eventually(lambda: "team-ulf" in b.log)
        works(old)


class Tokens:
    """A broker that takes the keys of tokens from the first of some files."""

    def __init__(self, tmp):
        self.issuer = Issuer()
        self.files = [tmp / f"{name}.json" for name in ("first", "second")]
        for file in self.files:
            file.write_text(self.issuer.jwks())
        self.b, self.port = Broker(options(f"file://{self.files[0]}")), free_port()
        add(self.b, "tokens", self.port, "protocol: SASL_SSL\nmechanisms: [OAUTHBEARER]\nunknown.users: allow")
        self.text = self.b.yaml.read_text()
        self.b.start()

    def come(self):
        ca = self.b.dir / "tls/ca.pem"
        with twin.Client("127.0.0.1", self.port, schema=SCHEMA, server_hostname="localhost", timeout=20,
                         ssl_context=ssl.create_default_context(cafile=ca)) as c:
            assert c.call("sasl_handshake", 1, mechanism="OAUTHBEARER")["error_code"] == 0
            message = f"n,,\x01auth=Bearer {self.issuer.token('anna')}\x01\x01".encode()
            return c.call("sasl_authenticate", 2, auth_bytes=message)["error_code"]


@pytest.fixture
def tokens(tmp_path):
    t = Tokens(tmp_path)
    yield t
    t.b.remove()


def test_keys_of_tokens_from_another_file(tokens):
    """The one of before may go; the one that is named may not."""
    b, (first, second) = tokens.b, tokens.files
    assert tokens.come() == 0
    b.yaml.write_text(tokens.text.replace(str(first), str(second)))
    reload(b)
    first.unlink()
    reload(b)
    assert tokens.come() == 0
    second.unlink()
    reload(b, AS_IT_WAS)
    assert tokens.come() == 0


def test_keys_of_tokens_that_a_bad_file_names(tokens):
    """Nothing is left of them."""
    b, (first, second) = tokens.b, tokens.files
    b.yaml.write_text(tokens.text.replace(str(first), str(second)))
    b.yaml.write_text(with_last(b.yaml.read_text(), "zz", f"address: 127.0.0.1:{free_port()}\ntenant: nobodys"))
    reload(b, AS_IT_WAS)
    assert "there is no tenant 'nobodys'" in b.log
    assert [line for line in b.log.split("\n") if str(second) in line and " keys" in line]  # it had been read
    second.unlink()
    b.yaml.write_text(tokens.text)
    reload(b)
    assert tokens.come() == 0


def test_of_a_bad_file_nothing_is_taken(b):
    """Whatever is wrong is found before anything is exchanged, also what is right in the same file, and what was made
    for it is unmade: the address of a listener that did not come to be is free."""
    add(b, "good", b.second)
    broken = b.dir / "tls/broken.pem"
    broken.write_text("no certificate\n")
    text = b.yaml.read_text()
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    for lines, why in ((f"address: 127.0.0.1:{free_port()}\nssl.keystore.location: {broken}", "no certificate in PEM"),
                       (f"address: 127.0.0.1:{port}", "another program listens there"),
                       (f"address: 127.0.0.1:{free_port()}\ntenant: nobodys", "there is no tenant 'nobodys'")):
        b.yaml.write_text(text)
        b.add_listener("zz", lines)
        b.configure("log.level: debug")
        with log_in(b, b.port) as c:
            before = b.log.count(AS_IT_WAS)
            b.process.send_signal(signal.SIGHUP)
            eventually(lambda n=before: b.log.count(AS_IT_WAS) > n)
            said = [line for line in b.log.split("\n") if AS_IT_WAS in line][-1]
            assert "reload: listeners: zz: " in said and why in said, said
            works(c)
        assert is_shut(b.second) and " debug " not in b.log and TAKEN not in b.log
    taken.close()
    b.yaml.write_text(text)
    reload(b)
    with log_in(b, b.second):
        pass
    eventually(lambda: b.log.count("listener good: 127.0.0.1:") == 1)


def test_a_listener_is_not_renamed(b):
    b.yaml.write_text(b.yaml.read_text().replace("  main:\n", "  other:\n"))
    reload(b, "reload: listeners: other: its address is that of listener main; restart, or remove that one by a reload "
           f"before this one; {AS_IT_WAS}")
    with log_in(b, b.port) as c:
        works(c)


def test_many_reloads_under_work(b):
    """Requests go on and on, over reloads that add, change and remove listeners."""
    b.ctl("topic", "create", "busy")
    with log_in(b, b.port) as c:
        for i in range(12):
            take_away(b, "second")
            if i % 3:
                add(b, "second", b.second, f"protocol: SASL_SSL\nadvertised: h{i}.example.org:{i + 1}")
            b.process.send_signal(signal.SIGHUP)
            for _ in range(20):
                assert works(c) == b.port
            eventually(lambda n=i: b.log.count(TAKEN) == n + 1)
    with log_in(b, b.second) as c:
        assert works(c) == 12
