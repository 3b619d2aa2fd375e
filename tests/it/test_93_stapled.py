# SPDX-License-Identifier: Apache-2.0
"""OCSP stapling: what the server's authority says of its certificate goes with the handshake, as long as it holds."""
import datetime
import re
import signal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from harness import SCHLOSSD, Broker, free_port, run
from hostile import eventually
from test_91_reload import AS_IT_WAS, TAKEN

HOUR = datetime.timedelta(hours=1)


class Authority:
    """Makes a server's certificate, and says what becomes of it."""

    def __init__(self, cn="authority"):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), self.named(cn)
        self.certificate = self.sign(self.name, self.key, x509.BasicConstraints(True, None))

    @staticmethod
    def named(cn):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])

    def sign(self, subject, key, *extensions):
        now = datetime.datetime.utcnow()
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now - HOUR).not_valid_after(now + 2400 * HOUR))
        for e in extensions:
            b = b.add_extension(e, critical=isinstance(e, x509.BasicConstraints))
        return b.sign(self.key, hashes.SHA256())

    def server(self, path, chain=True):
        """A file with key, certificate and its issuer."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.sign(self.named("localhost"), key, x509.SubjectAlternativeName([x509.DNSName("localhost")]))
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()) +
                         cert.public_bytes(serialization.Encoding.PEM) +
                         (self.certificate.public_bytes(serialization.Encoding.PEM) if chain else b""))
        path.chmod(0o600)
        return cert

    def delegate(self, *usages):
        """Somebody else's key and certificate, for what is named."""
        key = ec.generate_private_key(ec.SECP256R1())
        more = [x509.ExtendedKeyUsage(list(usages))] if usages else []
        return key, self.sign(self.named("responder"), key, *more)

    def says(self, cert, status=ocsp.OCSPCertStatus.GOOD, hours=96.0, since=-1.0, by=None, digest=None):
        now = datetime.datetime.utcnow()
        revoked = status == ocsp.OCSPCertStatus.REVOKED
        b = ocsp.OCSPResponseBuilder().add_response(
            cert=cert, issuer=self.certificate, algorithm=digest or hashes.SHA1(), cert_status=status, this_update=now + since * HOUR,
            next_update=None if hours is None else now + hours * HOUR, revocation_time=now - HOUR if revoked else None,
            revocation_reason=None)
        responder = by[1] if by else self.certificate
        b = b.responder_id(ocsp.OCSPResponderEncoding.HASH, responder)
        if by:
            b = b.certificates([by[1]])
        return b.sign(by[0] if by else self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Site:
    def __init__(self):
        self.b = b = Broker()
        self.port = free_port()
        self.ca = Authority()
        self.keys, self.file = b.dir / "tls/public.pem", b.dir / "tls/public.ocsp"
        self.cert = self.ca.server(self.keys)
        (b.tmp / "ca.pem").write_bytes(self.ca.certificate.public_bytes(serialization.Encoding.PEM))
        self.file.write_bytes(self.ca.says(self.cert))
        b.add_listener("public", f"address: 127.0.0.1:{self.port}\nprotocol: SASL_SSL\nssl.keystore.location: {self.keys}\n"
                       f"ssl.ocsp.response.location: {self.file}")

    def given(self, *words, port=None):
        """What a client that asks gets: None, or the words that OpenSSL has for it."""
        out = run("openssl", "s_client", "-connect", f"127.0.0.1:{port or self.port}", "-servername", "localhost", "-status",
                  "-CAfile", str(self.b.tmp / "ca.pem"), *words, stdin="", check=False).stdout
        assert "OCSP response" in out, out
        return None if "OCSP response: no response sent" in out else out

    def reload(self, line=TAKEN):
        before = self.b.log.count(line)
        self.b.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.b.log.count(line) > before)


@pytest.fixture
def site():
    s = Site()
    yield s
    s.b.remove()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_who_asks_is_given_it(site, version):
    site.b.start()
    said = site.given(version)
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said
    assert f"{site.cert.serial_number:X}" in said and "Verify return code: 0 (ok)" in said
    # A listener with a certificate of its own has no part in it.
    assert site.given(version, port=site.b.port) is None


def test_a_listener_takes_that_of_the_broker_with_its_certificate(site):
    site.b.configure(f"ssl.ocsp.response.location: {site.file}\nssl.keystore.location: {site.keys}")
    own = Authority("own")
    own.server(site.b.dir / "tls/own.pem")
    port = free_port()
    site.b.add_listener("own", f"address: 127.0.0.1:{port}\nprotocol: SASL_SSL\nssl.keystore.location: {site.b.dir}/tls/own.pem")
    site.b.start()
    eventually(lambda: site.given() is not None)
    assert site.given(port=site.b.port) is not None and site.given(port=port) is None


def test_a_new_one_is_taken_by_a_reload(site):
    site.b.start()
    before = site.given()
    by = site.ca.delegate(ExtendedKeyUsageOID.OCSP_SIGNING)
    site.file.write_bytes(site.ca.says(site.cert, by=by, digest=hashes.SHA256(), hours=400))
    site.reload()
    after = site.given()
    assert "Cert Status: good" in after and "CN=responder" in after.replace(" ", "") and "CN=responder" not in before.replace(" ", "")


def test_one_that_is_over_is_given_to_nobody(site):
    """A broker starts with it all the same: who fetches it may be late."""
    site.file.write_bytes(site.ca.says(site.cert, hours=-0.5))
    p = run(SCHLOSSD, "-t", "-c", site.b.yaml, check=False)
    assert p.returncode == 0 and "public.ocsp: the response is over, and is given to nobody" in p.stderr
    site.b.start()
    assert site.given() is None
    eventually(lambda: "listener public: ssl.ocsp.response.location is over" in site.b.log)
    site.file.write_bytes(site.ca.says(site.cert, hours=24))
    site.reload()
    assert site.given() is not None
    eventually(lambda: re.search(r"listener public: ssl.ocsp.response.location ends in 2\d hours", site.b.log))


def test_it_ends_while_the_broker_runs(site):
    site.file.write_bytes(site.ca.says(site.cert, hours=20 / 3600))
    site.b.start()
    assert site.given() is not None
    eventually(lambda: site.given() is None, 60)


def flipped(der):
    """Its signature is none."""
    return der[:-1] + bytes([der[-1] ^ 1])


WRONG = {
    "no OCSP response in DER": lambda s: b"no response",
    "it is about another certificate": lambda s: s.ca.says(s.ca.server(s.b.tmp / "other.pem")),
    "it is not signed by the certificate's issuer": lambda s: flipped(s.ca.says(s.cert)),
    "not signed by the certificate's issuer": lambda s: s.ca.says(s.cert, by=s.ca.delegate()),	# not made for that
    "signed by the certificate's issuer": lambda s: s.ca.says(s.cert, by=Authority("foreign").delegate(ExtendedKeyUsageOID.OCSP_SIGNING)),
    "the authority says that the certificate is revoked": lambda s: s.ca.says(s.cert, ocsp.OCSPCertStatus.REVOKED),
    "the authority does not know the certificate": lambda s: s.ca.says(s.cert, ocsp.OCSPCertStatus.UNKNOWN),
    "it does not hold yet": lambda s: s.ca.says(s.cert, since=1),
    "it does not say until when it holds": lambda s: s.ca.says(s.cert, hours=None),
    "unauthorized": lambda s: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        .public_bytes(serialization.Encoding.DER),
    "too large for an OCSP response": lambda s: bytes(70000),
    "No such file": lambda s: None,
}


def test_what_is_wrong_is_said_and_the_one_before_stays(site):
    site.b.start()
    for reason, made in WRONG.items():
        wrong = made(site)
        site.file.unlink(missing_ok=True)
        if wrong is not None:
            site.file.write_bytes(wrong)
        p = run(SCHLOSSD, "-t", "-c", site.b.yaml, check=False)
        assert p.returncode != 0 and re.search(f"listener public: .*{site.file}: .*{reason}", p.stderr), (reason, p.stderr)
        site.reload(AS_IT_WAS)
        assert reason in site.b.log and "Cert Status: good" in site.given(), reason


def test_an_issuer_is_needed(site):
    cert = site.ca.server(site.keys, chain=False)
    site.file.write_bytes(site.ca.says(cert))
    p = run(SCHLOSSD, "-t", "-c", site.b.yaml, check=False)
    assert p.returncode != 0 and "issuer is not in the chain" in p.stderr
