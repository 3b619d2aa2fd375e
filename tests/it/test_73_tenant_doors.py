# SPDX-License-Identifier: Apache-2.0
"""Which tenant a connection is in, by the TLS server name that it came by, its certificate or its ticket; and where it is told to
come again. The names resolve to nothing: what counts is what the client says in its ClientHello."""
import json
import ssl

import pytest
import twin
from harness import ROOT, SCHLOSSD, Broker, Failed, free_port, run
from hostile import closed, eventually

KDC = ROOT / "tests/unit/security/kdc.sh"
BINDS = "tenant.server.names: [acme=kafka.acme.example, 'acme=*.pool.acme.example', bravo=kafka.bravo.example, gone=kafka.gone.example]"
RULES = 'tenant.certificate.rules: "RULE:^CN=[a-z]+,O=Acme$/acme/, RULE:^CN=[a-z]+,O=Bravo$/bravo/"\n' \
        'ssl.principal.mapping.rules: "RULE:^CN=([a-z]+),O=.*$/$1/"'
LISTENERS = {
    "fixed": BINDS + "\ntenant.advertised: [bravo=bravo.outside.example:19093]",
    "login": BINDS + "\ntenant: from-login",
    "named": BINDS + "\ntenant: from-server-name",
    "certificates": f"{BINDS}\nprotocol: SSL\n{RULES}",
}


class Site:
    def __init__(self):
        self.b = Broker()
        self.ports = {name: free_port() for name in LISTENERS}
        for name, lines in LISTENERS.items():
            self.b.add_listener(name, f"address: 127.0.0.1:{self.ports[name]}\nadvertised: front.example:9093\n{lines}")
        self.b.start()
        self.schema = twin.Schema()
        for tenant in ("acme", "bravo"):
            self.b.ctl("tenant", "create", tenant, "--admin", "anna", "--password", f"{tenant}-secret", "--conf", self.b.dir / f"{tenant}.conf")
            self.b.ctl("user", "create", "cert", "--password", "secret", "--mechanism", "TLS", conf=tenant)
        rows = json.loads(self.b.ctl("-o", "json", "tenant", "list").stdout)
        self.clusters = {row["cluster_id"]: row["name"] for row in rows}
        self.b.ctl("user", "create", "anna", "--password", "main-secret", "--mechanism", "SCRAM-SHA-256")

    def context(self, certificate=None, tls12=False):
        context = ssl.create_default_context(cafile=self.b.dir / "tls/ca.pem")
        context.check_hostname = False  # the server's certificate is another story
        if tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        return context

    def connect(self, listener, name, certificate=None, **more):
        return twin.Client("127.0.0.1", self.ports[listener], schema=self.schema, timeout=20, server_hostname=name or "127.0.0.1",
                           ssl_context=self.context(certificate, **more))

    def certificate(self, organization):
        path = self.b.tmp / organization
        if not path.exists():
            path.mkdir()
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "key.pem",
                "-out", path / "csr.pem", "-subj", f"/O={organization}/CN=cert")
            run("openssl", "x509", "-req", "-in", path / "csr.pem", "-CA", self.b.dir / "tls/ca.pem", "-CAkey",
                self.b.dir / "tls/ca.key", "-CAcreateserial", "-days", "2", "-out", path / "cert.pem")
        return path

    def tenant(self, c):
        """Of a connection that is logged in: which cluster it sees."""
        return self.clusters[c.call("describe_cluster", 0)["cluster_id"]]

    def log_in(self, listener, name, login, password, **more):
        """The tenant that it is in, or the answer's error."""
        with self.connect(listener, name, **more) as c:
            told = c.sasl_scram(login, password)
            return told["error_code"] or self.tenant(c)

    def show(self, listener, name, organization):
        """The same for a certificate; None: the broker hung up."""
        with self.connect(listener, name, self.certificate(organization)) as c:
            try:
                return self.tenant(c)
            except (EOFError, OSError):
                return None


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.b.remove()


def test_a_server_name_says_in_which_tenant_a_password_counts(site):
    acme, bravo = "kafka.acme.example", "kafka.bravo.example"
    for name, password, want in ((acme, "acme-secret", "acme"), ("KAFKA.Acme.Example", "acme-secret", "acme"), (acme, "bravo-secret", 58),
                                 ("one.pool.acme.example", "acme-secret", "acme"), ("a.b.pool.acme.example", "acme-secret", 58),
                                 (bravo, "bravo-secret", "bravo"), (bravo, "main-secret", 58), (None, "main-secret", "main"),
                                 ("other.example", "main-secret", "main"), (None, "acme-secret", 58), ("kafka.gone.example", "main-secret", 58)):
        assert site.log_in("fixed", name, "anna", password) == want, (name, password)
        assert site.log_in("fixed", name, "anna", password, tls12=True) == want, (name, password)
    assert site.log_in("named", acme, "anna", "acme-secret") == "acme"
    for name in (None, "other.example"):
        for password in ("main-secret", "acme-secret"):
            assert site.log_in("named", name, "anna", password) == 58
    assert "the client came by no server name that is a tenant's" in site.b.log


def test_login_name_and_server_name_must_agree(site):
    acme, bravo = "kafka.acme.example", "kafka.bravo.example"
    for name, login, password, want in ((acme, "anna@acme", "acme-secret", "acme"), (None, "anna@acme", "acme-secret", "acme"),
                                        (bravo, "anna@acme", "acme-secret", 58), (acme, "anna@main", "main-secret", 58),
                                        (acme, "anna", "main-secret", 58), (acme, "anna", "acme-secret", 58), (None, "anna", "main-secret", "main")):
        assert site.log_in("login", name, login, password) == want, (name, login)
    assert "the login name and the server name are of two tenants" in site.b.log


def test_every_refusal_is_the_same(site):
    """Neither which names are bound nor which tenants there are is told: the same bytes for all."""
    told = set()
    for name in ("kafka.acme.example", "kafka.gone.example", "other.example"):
        with site.connect("named", name) as c:
            c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")
            scram = twin.Scram("nobody", "wrong", "SCRAM-SHA-256")
            first = c.call("sasl_authenticate", 2, auth_bytes=scram.first())
            assert first["error_code"] == 0
            c.send("sasl_authenticate", 2, {"auth_bytes": scram.final(first["auth_bytes"])})
            told.add(c.read_frame())
            assert closed(c.sock)
    assert len(told) == 1


def test_a_certificate_is_good_where_its_rule_says(site):
    acme, bravo = "kafka.acme.example", "kafka.bravo.example"
    for name, organization, want in ((acme, "Acme", "acme"), (bravo, "Bravo", "bravo"), (bravo, "Acme", None), (acme, "Bravo", None),
                                     (None, "Acme", None),  # without a name it is the listener's tenant's, main's
                                     (acme, "Else", None), (None, "Else", None)):
        assert site.show("certificates", name, organization) == want, (name, organization)
    site.b.ctl("user", "create", "cert", "--password", "main-secret", "--mechanism", "TLS")
    assert site.show("certificates", None, "Else") == "main"
    assert site.show("certificates", acme, "Else") is None  # a name alone decides nothing
    assert "the server name is another tenant's than the certificate, ticket or token" in site.b.log
    assert "the listener is another tenant's than the certificate, ticket or token" in site.b.log


def told(c):
    """What Metadata, FindCoordinator and DescribeCluster say, which is one."""
    metadata = c.call("metadata", 9, topics=[])["brokers"]
    found = c.call("find_coordinator", 4, key_type=0, coordinator_keys=["g"])["coordinators"]
    single = c.call("find_coordinator", 2, key="g", key_type=0)
    cluster = c.call("describe_cluster", 0)["brokers"]
    all_of = {(b["host"], b["port"]) for b in (*metadata, *found, single, *cluster)}
    assert len(all_of) == 1, all_of
    return all_of.pop()


def test_a_client_is_sent_back_to_where_it_came_from(site):
    for listener, name, login, password, want in (
            ("fixed", "Kafka.acme.example", "anna", "acme-secret", ("kafka.acme.example", 9093)),
            ("fixed", "two.pool.acme.example", "anna", "acme-secret", ("two.pool.acme.example", 9093)),
            ("fixed", "kafka.bravo.example", "anna", "bravo-secret", ("bravo.outside.example", 19093)),
            ("fixed", None, site.b.conf()["sasl.username"], site.b.conf()["sasl.password"], ("front.example", 9093)),
            ("login", None, "anna@acme", "acme-secret", ("front.example", 9093))):
        with site.connect(listener, name) as c:
            assert c.sasl_scram(login, password)["error_code"] == 0
            assert told(c) == want, (listener, name)


def test_a_resumed_session_is_in_its_name_again(site):
    """A ticket does not carry a client to another tenant, and loses it nothing of its own."""
    site.b.configure("ssl.session.tickets: always")
    site.b.restart()
    for tls12 in (True, False):
        context, session = site.context(tls12=tls12), None
        for turn in range(2):
            with twin.Client("127.0.0.1", site.ports["fixed"], schema=site.schema, ssl_context=context, timeout=20,
                             server_hostname="kafka.acme.example", session=session) as c:
                assert c.sasl_scram("anna", "acme-secret")["error_code"] == 0
                assert site.tenant(c) == "acme" and c.sock.session_reused == bool(turn)
                session = c.sock.session
        with twin.Client("127.0.0.1", site.ports["fixed"], schema=site.schema, ssl_context=context, timeout=20,
                         server_hostname="kafka.bravo.example", session=session) as c:
            assert not c.sock.session_reused and c.sasl_scram("anna", "acme-secret")["error_code"] == 58


def test_tickets_of_a_realm(tmp_path):
    """A ticket of a bound realm counts in its tenant alone, by a client that knows nothing of it."""
    p = run("sh", KDC, "start", tmp_path, check=False)
    if p.returncode == 77:
        pytest.skip(p.stdout.strip())
    b, ports = Broker(), {"free": free_port(), "main": free_port()}
    try:
        kerberos = f"protocol: SASL_SSL\nmechanisms: [GSSAPI]\nsasl.kerberos.keytab: {tmp_path}/localhost.keytab\ntenant.realms: [acme=EXAMPLE.TEST]\n"
        b.add_listener("tickets", f"address: 127.0.0.1:{ports['free']}\nadvertised: localhost:{ports['free']}\ntenant: from-login\n{kerberos}")
        b.add_listener("elsewhere", f"address: 127.0.0.1:{ports['main']}\nadvertised: localhost:{ports['main']}\n{kerberos}")
        b.start(env={"KRB5_CONFIG": f"{tmp_path}/krb5.conf"})
        b.ctl("tenant", "create", "acme", "--admin", "carla", "--conf", b.dir / "carla.conf")
        b.ctl("user", "create", "anna", "--password", "secret", "--mechanism", "GSSAPI", conf="carla")
        b.ctl("user", "create", "anna", "--password", "secret", "--mechanism", "GSSAPI")
        b.ctl("topic", "create", "theirs", conf="carla")
        b.ctl("chmod", "--force", "777", "/acme/topics/theirs", conf="carla")
        env = {"KRB5_CONFIG": f"{tmp_path}/krb5.conf", "KRB5CCNAME": f"FILE:{tmp_path}/cache"}
        run("kinit", "anna@EXAMPLE.TEST", stdin="anna\n", env=env)
        base = ["-X", "security.protocol=SASL_SSL", "-X", "sasl.mechanisms=GSSAPI", "-X", "sasl.kerberos.service.name=kafka",
                "-X", "sasl.kerberos.kinit.cmd=/bin/true", "-X", f"ssl.ca.location={b.dir}/tls/ca.pem"]
        seen = run("kcat", "-b", f"localhost:{ports['free']}", *base, "-L", env=env)
        assert '"theirs"' in seen.stdout
        assert run("kcat", "-b", f"localhost:{ports['main']}", *base, "-L", "-m", "5", env=env, check=False).returncode != 0
        eventually(lambda: "the listener is another tenant's than the certificate, ticket or token" in b.log)
    finally:
        run("sh", KDC, "stop", tmp_path, check=False)
        b.remove()


def test_what_a_start_refuses():
    for lines, why in (
            ("tenant: from-server-name", "tenant: from-server-name needs TLS and tenant.server.names"),
            ("tenant.server.names: [acme=Kafka.Example]", 'tenant.server.names: "acme=Kafka.Example" is not TENANT=NAME'),
            ("tenant.server.names: [acme=a.b, bravo=a.b]", "tenant.server.names: a.b stands twice"),
            ("tenant.server.names: [acme=a.b]\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true", "tenant.server.names: needs TLS"),
            ("tenant.server.names: [acme=a.b]\nprotocol: SSL\nclient.auth: none\nallow.anonymous: true", "tenant.server.names: needs a login"),
            ("tenant.realms: [acme=A.B]", "tenant.realms: needs the mechanism GSSAPI"),
            ('tenant.certificate.rules: "RULE:x/y/"', "tenant.certificate.rules: needs protocol SSL"),
            ('protocol: SSL\ntenant.certificate.rules: "RULE:((/y/"', "tenant.certificate.rules: "),
            ("tenant.advertised: [acme]", 'tenant.advertised: "acme" is not TENANT=HOST:PORT'),
            ("tenant.advertised: [acme=host]", "tenant.advertised: \"host\" is not HOST:PORT"),
            ("tenant.advertised: ['acme=*:1']", "tenant.advertised: clients cannot connect"),
            ("tenant.advertised: [acme=a:1, acme=b:1]", "tenant.advertised: tenant acme stands twice")):
        b = Broker()
        try:
            b.add_listener("door", f"address: 127.0.0.1:{free_port()}\n{lines}")
            with pytest.raises(Failed) as failed:
                run(SCHLOSSD, "-t", "-c", b.yaml)
            assert why in str(failed.value), str(failed.value)
        finally:
            b.remove()
