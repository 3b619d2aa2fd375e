# SPDX-License-Identifier: Apache-2.0
"""Every way to log in, through the whole broker: tickets of a real KDC, client certificates, PLAIN,
both SCRAMs; with kcat, librdkafka in Python, and schlossctl. And every way to fail."""
import contextlib
import os
import re
import socket
import ssl
import subprocess
import time

import pytest
import twin
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from harness import ROOT, SCHLOSSCTL, Broker, free_port, run
from hostile import closed, eventually

KDC = ROOT / "tests/unit/security/kdc.sh"
FAILED = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


class Site:
    """A broker with a listener for each kind of login, and a realm."""

    def __init__(self, tmp):
        self.realm = tmp / "realm"
        self.realm.mkdir()
        p = run("sh", KDC, "start", self.realm, check=False)
        if p.returncode == 77:
            pytest.skip(p.stdout.strip())
        assert p.returncode == 0, p.stdout + p.stderr
        self.b = b = Broker()
        self.ports = {name: free_port() for name in ("tickets", "certificates", "passwords")}
        at = {name: f"address: 127.0.0.1:{port}\nadvertised: localhost:{port}\n" for name, port in self.ports.items()}
        b.add_listener("tickets", at["tickets"] + "protocol: SASL_SSL\nmechanisms: [GSSAPI]\n"
                       f"sasl.kerberos.keytab: {self.realm}/localhost.keytab\n"
                       'sasl.kerberos.principal.to.local.rules: "RULE:[2:$1-$2](^svc-host1$)s/.*/anna/, DEFAULT"')
        b.add_listener("certificates", at["certificates"] + "protocol: SSL\n"
                       'ssl.principal.mapping.rules: "RULE:^CN=([a-z]+),O=Works$/$1/"')
        b.add_listener("passwords", at["passwords"] + "protocol: SASL_SSL\nmechanisms: [PLAIN, SCRAM-SHA-256, SCRAM-SHA-512]")
        b.start(env={"KRB5_CONFIG": f"{self.realm}/krb5.conf"})
        b.ctl("topic", "create", "t")
        b.ctl("chmod", "--force", "777", "/main/topics/t")
        b.ctl("user", "create", "anna", "--password", "secret", *[w for m in (
            "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "GSSAPI", "TLS") for w in ("--mechanism", m)])
        b.ctl("user", "create", "olaf", "--password", "secret", "--mechanism", "SCRAM-SHA-256")

    def close(self):
        run("sh", KDC, "stop", self.realm, check=False)
        self.b.remove()

    def conf(self, listener, **more):
        base = {"bootstrap.servers": f"localhost:{self.ports[listener]}", "ssl.ca.location": str(self.b.dir / "tls/ca.pem"),
                "security.protocol": "SSL" if listener == "certificates" else "SASL_SSL"}
        return {**base, **{k.replace("_", "."): str(v) for k, v in more.items()}}

    def ticket(self, user="anna", realm="EXAMPLE.TEST", password=None):
        """Gets one; the environment that shows it to a client."""
        cache = self.realm / f"cache-{user.replace('/', '-')}-{realm}"
        env = {"KRB5_CONFIG": f"{self.realm}/krb5.conf", "KRB5CCNAME": f"FILE:{cache}"}
        run("kinit", f"{user}@{realm}", stdin=(password or user) + "\n", env=env)
        return env

    def tickets(self):
        return self.conf("tickets", sasl_mechanisms="GSSAPI", sasl_kerberos_service_name="kafka",
                         sasl_kerberos_kinit_cmd="/bin/true")

    def certificate(self, subject, days="2", ca=None, usage=None):
        """Key and certificate for a client, signed by the site's authority or by another; usage: its extendedKeyUsage."""
        path = self.b.tmp / f"client{abs(hash((subject, days, ca, usage)))}"
        path.mkdir()
        authority = ca or self.b.dir / "tls"
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "key.pem",
            "-out", path / "csr.pem", "-subj", subject)
        (path / "ext").write_text(f"extendedKeyUsage={usage}\n" if usage else "")
        run("openssl", "x509", "-req", "-in", path / "csr.pem", "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key",
            "-CAcreateserial", "-days", days, "-extfile", path / "ext", "-out", path / "cert.pem")
        return self.conf("certificates", ssl_certificate_location=path / "cert.pem", ssl_key_location=path / "key.pem")

    def stranger(self):
        path = self.b.tmp / "stranger"
        if not path.exists():
            path.mkdir()
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                path / "ca.key", "-out", path / "ca.pem", "-subj", "/CN=Stranger", "-days", "2")
        return path

    def password(self, mechanism, user="anna", password="secret"):
        return self.conf("passwords", sasl_mechanisms=mechanism, sasl_username=user, sasl_password=password)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("logins"))
    yield s
    s.close()


def write(site, name, conf):
    path = site.b.tmp / f"{name}.conf"
    path.write_text("".join(f"{k}={v}\n" for k, v in conf.items()))
    return path


def works(site, conf, env=None):
    """A record by kcat, the topic by librdkafka in Python (which has no environment of its own: a child),
    a question by schlossctl."""
    path = write(site, "client", conf)
    p = run("kcat", "-F", path, "-P", "-t", "t", stdin="hello\n", env=env, check=False, timeout=30)
    assert p.returncode == 0, p.stderr
    code = ("import sys\nfrom confluent_kafka.admin import AdminClient\n"
            "c = dict(l.strip().split('=', 1) for l in open(sys.argv[1]))\n"
            "print(sorted(AdminClient(c).list_topics(timeout=20).topics))\n")
    out = run("/usr/bin/python3", "-c", code, path, env=env, timeout=40).stdout
    assert "'t'" in out
    return run(SCHLOSSCTL, "-F", path, "id", env=env).stdout


def refused(conf, seconds=20):
    """The error that a client is told: soon, and it gets nothing."""
    errors = []
    p = Producer({**conf, "error_cb": errors.append})
    end = time.monotonic() + seconds
    while not errors and time.monotonic() < end:
        with pytest.raises(KafkaException):
            p.list_topics(timeout=0.3)
        p.poll(0.1)
    assert errors and {e.code() for e in errors} <= FAILED, [str(e) for e in errors]


def test_a_ticket(site):
    assert "anna" in works(site, site.tickets(), site.ticket())


def test_a_ticket_of_somebody_unknown(site):
    env = site.ticket("root")
    path = write(site, "unknown", site.tickets())
    p = run("kcat", "-F", path, "-L", "-m", "5", env=env, check=False, timeout=30)
    assert p.returncode != 0 and "uthenti" in p.stderr, p.stderr


def test_a_ticket_of_a_mapped_name(site):
    """sasl.kerberos.principal.to.local.rules: what comes in is anna, who owns what it makes."""
    p = run(SCHLOSSCTL, "-F", write(site, "mapped", site.tickets()), "id", env=site.ticket("svc/host1", password="svc"))
    assert "anna" in p.stdout


def test_a_ticket_of_another_realm(site):
    """anna@OTHER.TEST is trusted by the KDC, and is not our anna."""
    env = site.ticket("anna", "OTHER.TEST")
    path = write(site, "foreign", site.tickets())
    p = run("kcat", "-F", path, "-L", "-m", "5", env=env, check=False, timeout=30)
    assert p.returncode != 0 and "uthenti" in p.stderr, p.stderr


def test_no_ticket(site):
    path = write(site, "none", site.tickets())
    env = {"KRB5_CONFIG": f"{site.realm}/krb5.conf", "KRB5CCNAME": f"FILE:{site.realm}/nothing"}
    p = run("kcat", "-F", path, "-L", "-m", "5", env=env, check=False, timeout=30)
    assert p.returncode != 0


def test_no_ticket_for_schlossctl(site):
    env = {"KRB5_CONFIG": f"{site.realm}/krb5.conf", "KRB5CCNAME": f"FILE:{site.realm}/nothing"}
    p = run(SCHLOSSCTL, "-F", write(site, "none", site.tickets()), "id", check=False, env=env)
    assert (p.returncode, p.stdout) == (3, "") and p.stderr.startswith("schlossctl: no login by Kerberos: ")
    assert p.stderr.endswith("; is there a ticket (klist)?\n")


def test_a_kdc_that_does_not_answer(site):
    """schlossctl gives the login up in time, wherever libkrb5 waits, and says whose KDC it is and where."""
    env = site.ticket()
    with contextlib.ExitStack() as opened:
        ports = [opened.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(4)]
        real = (site.realm / "krb5.conf").read_text()
        lines = "\n".join(f"\t\tkdc = 127.0.0.1:{port}" for port in ports)
        env["KRB5_CONFIG"] = f"{site.realm}/deaf.conf"
        (site.realm / "deaf.conf").write_text(re.sub("(?m)^\t\tkdc = .*$", lines, real))
        begin = time.monotonic()
        p = run(SCHLOSSCTL, "-F", write(site, "deaf", site.tickets()), "id", check=False, env=env, timeout=120)
        took = time.monotonic() - begin
    assert (p.returncode, p.stdout) == (3, "")
    assert p.stderr == ("schlossctl: no ticket for the login, as kafka/localhost, within 20 s: no KDC of EXAMPLE.TEST answers; "
                        f"krb5.conf names {', '.join(f'127.0.0.1:{port}' for port in ports)}\n")
    assert 20 <= took < 40


def test_a_certificate(site):
    assert "anna" in works(site, site.certificate("/O=Works/CN=anna"))


@pytest.mark.parametrize("subject", ["/O=Works/CN=nobody", "/O=Elsewhere/CN=anna", "/CN=anna", "/O=Works/CN=olaf"])
def test_certificates_that_name_nobody(site, subject):
    """Unknown, mapped by no rule, or a user whose record does not list TLS."""
    refused(site.certificate(subject))


def test_certificates_of_strangers(site):
    refused(site.certificate("/O=Works/CN=anna", ca=site.stranger()))


def test_an_expired_certificate(site):
    refused(site.certificate("/O=Works/CN=anna", days="-1"))


def test_a_certificate_for_something_else(site):
    """A server's certificate, or a mail signer's, is no client's; one for clients is, as is one for anything."""
    for usage in ("serverAuth", "emailProtection"):
        refused(site.certificate("/O=Works/CN=anna", usage=usage))
    assert "anna" in works(site, site.certificate("/O=Works/CN=anna", usage="clientAuth,serverAuth"))


def test_no_certificate(site):
    refused(site.conf("certificates"))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_passwords(site, mechanism):
    assert "anna" in works(site, site.password(mechanism))
    refused(site.password(mechanism, password="wrong"))
    refused(site.password(mechanism, user="nobody"))


OLD = {"api_version_request": "false", "broker_version_fallback": "0.10.0"}		# clients of before SaslAuthenticate


def old(conf):
    return {**conf, **{k.replace("_", "."): v for k, v in OLD.items()}}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"])
def test_tokens_as_old_clients_send_them(site, mechanism):
    """After SaslHandshake 0 they have a length in front of them and no header; who fails is hung up on, and no more."""
    env = site.ticket() if mechanism == "GSSAPI" else None
    good = site.tickets() if mechanism == "GSSAPI" else site.password(mechanism)
    p = run("kcat", "-F", write(site, "old", old(good)), "-L", "-m", "10", env=env, check=False, timeout=30)
    assert p.returncode == 0 and 'topic "t"' in p.stdout, p.stderr
    if mechanism == "GSSAPI":
        env = site.ticket("anna", "OTHER.TEST")
        p = run("kcat", "-F", write(site, "old", old(good)), "-L", "-m", "3", env=env, check=False, timeout=30)
        assert p.returncode != 0, p.stdout
    else:
        refused(old(site.password(mechanism, password="wrong")))
    assert site.b.process.poll() is None
    p = run("kcat", "-F", write(site, "new", site.password("SCRAM-SHA-256")), "-L", "-m", "10", check=False, timeout=30)
    assert p.returncode == 0, p.stderr


RAW = """
import sys, kafka
conf = dict(line.strip().split("=", 1) for line in open(sys.argv[1]))
kafka.KafkaProducer(bootstrap_servers=conf["bootstrap.servers"], security_protocol="SASL_SSL", ssl_cafile=conf["ssl.ca.location"],
                    sasl_mechanism=conf["sasl.mechanisms"], sasl_plain_username=conf.get("sasl.username"),
                    sasl_plain_password=conf.get("sasl.password")).send("t", b"raw").get(20)
"""


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"])
def test_raw_tokens_of_kafka_python(site, mechanism):
    """It knows no SaslAuthenticate, and after its last token takes what comes for the answer to its first request, but for
    what its mechanism lets it wait for."""
    if mechanism == "GSSAPI":
        pytest.importorskip("gssapi", reason="no python3-gssapi")
    conf = site.tickets() if mechanism == "GSSAPI" else site.password(mechanism)
    p = run("/usr/bin/python3", "-c", RAW, write(site, "raw", conf), env=site.ticket(), check=False, timeout=60)
    assert p.returncode == 0, p.stderr


def test_a_ticket_without_a_handshake(site):
    """A first frame that begins as a ticket does is one where tickets are taken, and nothing anywhere else or later;
    Go's clients, who send good ones, are test_95_auth_page.py's."""
    ca = ssl.create_default_context(cafile=site.b.dir / "tls/ca.pem")
    ticket = b"\x60\x82\x02\xb8" + bytes(700)

    def connect(listener):
        return twin.Client("127.0.0.1", site.ports[listener], server_hostname="localhost", ssl_context=ca, timeout=30)
    for versions in (False, True):
        begin = len(site.b.log)
        with connect("tickets") as c:
            if versions:
                c.call("api_versions", 2)
            c.send_frame(ticket)
            assert closed(c.sock)
        eventually(lambda begin=begin: re.search("mechanism=GSSAPI .*login refused: ", site.b.log[begin:]))
    begin = len(site.b.log)
    with connect("passwords") as c:
        c.send_frame(ticket)
        assert closed(c.sock)
    with connect("passwords") as c:
        assert c.call("sasl_handshake", 1, mechanism="PLAIN")["error_code"] == 0
        c.send_frame(ticket)
        assert closed(c.sock)
    with connect("passwords") as c:
        assert c.sasl_plain("anna", "secret")["error_code"] == 0
        c.send_frame(ticket)
        assert closed(c.sock)
    assert "GSSAPI" not in site.b.log[begin:]


def test_a_mechanism_that_the_user_lacks(site):
    refused(site.password("PLAIN", "olaf"))
    refused(site.password("SCRAM-SHA-512", "olaf"))
    assert "olaf" in works(site, site.password("SCRAM-SHA-256", "olaf"))


def test_a_mechanism_that_the_listener_lacks(site):
    refused({**site.password("PLAIN"), "bootstrap.servers": site.b.address})


def test_the_locked_are_let_in_by_nothing(site):
    certificate, ticket = site.certificate("/O=Works/CN=anna", days="3"), site.ticket()
    site.b.ctl("user", "lock", "anna")
    try:
        refused(site.password("SCRAM-SHA-256"))
        refused(certificate)
        path = write(site, "locked", site.tickets())
        p = run("kcat", "-F", path, "-L", "-m", "5", env=ticket, check=False, timeout=30)
        assert p.returncode != 0
    finally:
        site.b.ctl("user", "unlock", "anna")
    assert AdminClient(certificate).list_topics(timeout=20)


def test_a_server_that_the_client_does_not_trust(site):
    refused({**site.password("SCRAM-SHA-256"), "ssl.ca.location": str(site.stranger() / "ca.pem")})


def test_openssl_without_sasl_is_hung_up_on(site):
    p = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{site.ports['passwords']}", "-quiet"],
                       input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=30, env=os.environ, check=False)
    assert b"HTTP" not in p.stdout
