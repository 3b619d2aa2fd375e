# SPDX-License-Identifier: Apache-2.0
"""TLS sessions that clients resume: by a ticket, where it was given, for as long as it is good, and as nobody.

The two clients are Python's ssl and openssl(1), which keep tickets by different rules."""
import ssl
import subprocess
import time

import hostile
import pytest
import twin
from harness import Broker, free_port, run
from hostile import eventually
from test_13_options import reload

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SCHEMA = twin.Schema()
HOUR = 3600
TICK_S = 5  # how often main looks at the clock
SASL_FAILED = 58


class Site:
    """A broker that gives tickets, with a listener for each way to ask for client certificates."""

    def __init__(self, **start):
        self.b = b = Broker("ssl.session.tickets: always")
        b.configure(f"ssl.truststore.location: {b.dir}/tls/ca.pem")
        self.ports = {"main": b.port}
        for name, lines in {"other": "protocol: SASL_SSL", "asks": "protocol: SASL_SSL\nclient.auth: requested",
                            "demands": "protocol: SASL_SSL\nclient.auth: required"}.items():
            self.ports[name] = free_port()
            b.add_listener(name, f"address: 127.0.0.1:{self.ports[name]}\n{lines}")
        b.start(**start)
        b.user("ulf")
        self.broker = b

    def context(self, version, cert=False):
        c = ssl.create_default_context(cafile=self.b.dir / "tls/ca.pem")
        c.minimum_version = c.maximum_version = version
        if cert:
            c.load_cert_chain(self.certificate())
        return c

    def certificate(self):
        """One that the listeners take."""
        both, authority = self.b.tmp / "client.pem", self.b.dir / "tls"
        if not both.exists():
            key, csr, cert = (self.b.tmp / f"client.{x}" for x in ("key", "csr", "crt"))
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
                "-subj", "/CN=ulf")
            run("openssl", "x509", "-req", "-in", csr, "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key",
                "-CAcreateserial", "-days", "2", "-out", cert)
            both.write_text(key.read_text() + cert.read_text())
        return both

    def connect(self, context, session=None, listener="main", name="localhost"):
        return twin.Client("127.0.0.1", self.ports[listener], schema=SCHEMA, ssl_context=context, server_hostname=name,
                           session=session, timeout=30)

    def log_in(self, c, user="ulf"):
        conf = self.b.conf(user)
        return c.sasl_scram(conf["sasl.username"], conf["sasl.password"])["error_code"]

    def visit(self, context, session=None, **where):
        """Comes, logs in and goes: whether the session was resumed, and the one that it leaves."""
        with self.connect(context, session, **where) as c:
            assert self.log_in(c) == 0  # a ticket of TLS 1.3 comes behind the handshake
            return c.sock.session_reused, c.sock.session


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.b.remove()


@pytest.fixture(params=VERSIONS, ids=lambda v: v.name)
def context(request, site):
    return site.context(request.param)


@pytest.fixture
def session(site, context):
    """One that was left at the main listener."""
    reused, left = site.visit(context)
    assert not reused and left.has_ticket and 0 < left.ticket_lifetime_hint <= HOUR
    return left


def test_a_session_is_resumed(site, context, session):
    for _ in range(3):
        reused, session = site.visit(context, session)
        assert reused


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes(site, version, tmp_path):
    kept = tmp_path / "session"

    def connect(*args):
        p = subprocess.Popen(["openssl", "s_client", "-connect", site.b.address, version, *args], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eventually(kept.exists)  # it writes it when the ticket has come
        out, _ = p.communicate(timeout=60)
        return b"Reused, TLSv1" in out, b"Early data was accepted" in out

    assert connect("-servername", "localhost", "-sess_out", kept) == (False, False)
    (tmp_path / "early").write_bytes(b"\0\0\0\x0b\0\x12\0\0\0\0\0\0\0\1z")
    early = ["-early_data", tmp_path / "early"] if version == "-tls1_3" else []
    assert connect("-servername", "localhost", "-sess_in", kept, *early) == (True, False)
    assert connect("-servername", "broker.example.org", "-sess_in", kept) == (False, False)


def test_not_on_another_listener(site, context, session):
    assert not site.visit(context, session, listener="other")[0]


def test_not_by_another_server_name(site, context, session):
    for name in ("127.0.0.1", None):  # of which neither is one for TLS
        context.check_hostname = name is not None
        assert not site.visit(context, session, name=name or "")[0]
    assert site.visit(context, session)[0]


@pytest.mark.parametrize("listener", ["asks", "demands"])
def test_a_certificate_that_is_asked_for_is_not_skipped(site, context, session, listener):
    """CVE-2025-23419: a session from where none was asked for."""
    if listener == "asks":
        assert site.visit(context, session, listener="asks")[0] is False
        return
    with pytest.raises((ssl.SSLError, ConnectionError)), site.connect(context, session, listener="demands") as c:
        site.log_in(c)


@pytest.mark.parametrize("listener", ["asks", "demands"])
def test_a_certificate_that_was_shown_is_not_kept(site, context, listener):
    """The other way round, and on the same listener."""
    with_cert = site.context(context.minimum_version, cert=True)
    for there in (listener, "main", "other"):
        reused, left = site.visit(with_cert, listener=listener)
        assert not reused and not left.has_ticket
        assert not site.visit(with_cert, left, listener=there)[0]


def test_who_comes_back_is_nobody(site, context, session):
    """Until he logs in, which he may not where he was locked meanwhile."""
    with site.connect(context, session) as c:
        assert c.sock.session_reused
        with pytest.raises((EOFError, ConnectionError)):
            c.call("metadata", 9, topics=None)
    _, session = site.visit(context)
    site.b.ctl("user", "lock", "ulf")
    try:
        with site.connect(context, session) as c:
            assert c.sock.session_reused
            assert site.log_in(c) == SASL_FAILED
    finally:
        site.b.ctl("user", "unlock", "ulf")


def test_not_after_a_reload(site, context, session):
    reload(site, "log.level: info")
    reused, session = site.visit(context, session)
    assert not reused
    assert site.visit(context, session)[0]


def test_never_where_the_administrator_says_so(site):
    context = site.context(ssl.TLSVersion.TLSv1_3)
    session = site.visit(context)[1]
    reload(site, "ssl.session.tickets: never")
    reused, left = site.visit(context, session)
    assert not reused and not left.has_ticket
    reload(site, "ssl.session.tickets: auto")  # init makes a key with which it does not pay
    reused, left = site.visit(context, session)
    assert not reused and not left.has_ticket
    reload(site, "ssl.session.tickets: always")
    assert site.visit(context)[1].has_ticket


def test_an_end_by_the_clock(shim, tmp_path):
    """A key is replaced after four hours and forgotten an hour later; a day after a full handshake there is another,
    whatever tickets came between."""
    s = Site(env={**hostile.preloaded(shim, tmp_path), "SHIM_PASSED": "1"})

    def passed(hours):
        (tmp_path / "passed").write_text(str(int(hours * HOUR)))
    try:
        context = s.context(ssl.TLSVersion.TLSv1_3)
        session = s.visit(context)[1]
        for n in range(1, 27):  # each ticket is younger than its hour
            (tmp_path / "skew").write_text(str(int(0.95 * n * HOUR)))
            reused, session = s.visit(context, session)
            assert reused == (0.95 * n < 24), n
        (tmp_path / "skew").unlink()
        old = [s.visit(context)[1] for _ in range(60)]
        passed(4.1)
        time.sleep(2 * TICK_S)
        assert s.visit(context, old.pop())[0]
        young = s.visit(context)[1]
        passed(5.2)
        while s.visit(context, old.pop())[0]:
            time.sleep(1)
        assert s.visit(context, young)[0]
    finally:
        s.b.remove()
