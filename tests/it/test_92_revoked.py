# SPDX-License-Identifier: Apache-2.0
"""Client certificates that were revoked: lists of ssl.crl.location, taken by a reload."""
import datetime
import signal
import ssl

import pytest
import twin
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from harness import SCHLOSSD, Broker, free_port, run
from hostile import eventually
from test_91_reload import AS_IT_WAS, TAKEN

SCHEMA = twin.Schema()
DAY = datetime.timedelta(days=1)


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


class Authority:
    """Signs certificates and says which of them hold no longer."""

    def __init__(self, cn, above=None):
        self.key, self.name, self.above = ec.generate_private_key(ec.SECP256R1()), name(cn), above
        self.certificate = self.sign(self.name, self.key.public_key(), above or self, ca=True)
        self.revoked = []

    @staticmethod
    def sign(subject, public, by, ca=False):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(by.name).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
                .add_extension(x509.BasicConstraints(ca, None), critical=True).sign(by.key, hashes.SHA256()))

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def client(self, path, cn):
        """A file with key, certificate and what is between it and the root."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.sign(name(cn), key.public_key(), self)
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()) +
                         cert.public_bytes(serialization.Encoding.PEM) + (self.pem() if self.above else b""))
        return path, cert

    def crl(self, days=30.0, key=None):
        now = datetime.datetime.utcnow()
        crl = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(now - 40 * DAY).next_update(now + days * DAY)
        for cert in self.revoked:
            crl = crl.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(cert.serial_number)
                                              .revocation_date(now - DAY).build())
        return crl.sign(key or self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Site:
    def __init__(self):
        self.b = b = Broker()
        self.port = free_port()
        self.root = Authority("root")
        self.middle = Authority("middle", self.root)
        (b.dir / "tls/clients.pem").write_bytes(self.root.pem())
        self.lists = b.dir / "tls/crl.pem"
        self.tell()
        b.add_listener("certs", f"address: 127.0.0.1:{self.port}\nprotocol: SSL\nunknown.users: allow\n"
                       f"ssl.truststore.location: {b.dir}/tls/clients.pem")
        b.configure(f"ssl.crl.location: {self.lists}")
        self.good = self.middle.client(b.tmp / "good.pem", "good")
        self.bad = self.middle.client(b.tmp / "bad.pem", "bad")

    def tell(self, *lists):
        self.lists.write_bytes(b"".join(lists) or self.root.crl() + self.middle.crl())

    def come(self, who):
        tls = ssl.create_default_context(cafile=self.b.dir / "tls/ca.pem")
        tls.load_cert_chain(who[0])
        c = twin.Client("127.0.0.1", self.port, schema=SCHEMA, ssl_context=tls, server_hostname="localhost", timeout=20)
        works(c)
        return c

    def comes(self, who):
        try:
            self.come(who).close()
        except (OSError, EOFError):
            return False
        return True

    def reload(self, line=TAKEN):
        before = self.b.log.count(line)
        self.b.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.b.log.count(line) > before)


def works(c):
    assert c.call("api_versions", 0)["error_code"] == 0


@pytest.fixture
def site():
    s = Site()
    yield s
    s.b.remove()


def test_a_certificate_is_revoked(site):
    """From the reload on it is refused; whoever is connected by it stays until then (schlossctl user lock ends that)."""
    site.b.start()
    with site.come(site.bad) as there:
        site.middle.revoked.append(site.bad[1])
        site.tell()
        assert site.comes(site.bad)  # nobody has read it yet
        site.reload()
        assert (site.comes(site.bad), site.comes(site.good)) == (False, True)
        works(there)
    site.b.restart()
    assert (site.comes(site.bad), site.comes(site.good)) == (False, True)
    site.middle.revoked.clear()
    site.tell()
    site.reload()
    assert site.comes(site.bad)


def test_an_authority_between_is_revoked(site):
    site.root.revoked.append(site.middle.certificate)
    site.tell()
    site.b.start()
    assert not site.comes(site.good)


def test_where_nobody_can_say(site):
    """A list that is missing, over, or signed by another key: all of its authority are refused, in time it is told of."""
    site.b.start()
    assert site.comes(site.good) and "ssl.crl.location" not in site.b.log
    site.tell(site.root.crl())
    site.reload()
    assert not site.comes(site.good)
    site.tell(site.root.crl(), site.middle.crl(key=site.root.key))
    site.reload()
    assert not site.comes(site.good)
    site.tell(site.root.crl(), site.middle.crl(days=1.49))
    site.reload()
    assert site.comes(site.good)
    eventually(lambda: "listener certs: a list of ssl.crl.location ends in 35 hours" in site.b.log)
    site.tell(site.root.crl(), site.middle.crl(days=-1))
    site.reload()
    assert not site.comes(site.good)
    eventually(lambda: "listener certs: a list of ssl.crl.location is over" in site.b.log)


def test_a_file_that_is_none(site):
    """At the start, by -t, and at a reload, which changes nothing then; also where it ends in the middle of a list."""
    site.b.start()
    for text in (b"", b"nothing\n", site.root.pem(), site.root.crl() + site.middle.crl()[:-60]):
        site.lists.write_bytes(text)
        assert "no certificate revocation lists in PEM" in run(SCHLOSSD, "-c", site.b.yaml, "-t", check=False).stderr, text
        site.reload(AS_IT_WAS)
        assert site.comes(site.good)
    assert f"reload: listeners: certs: {site.lists}: no certificate revocation lists in PEM" in site.b.log
