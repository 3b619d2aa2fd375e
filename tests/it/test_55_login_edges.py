# SPDX-License-Identifier: Apache-2.0
"""Logins at their edges: tickets that are too old for the broker's clock, and servers that a client must not trust.

The traps of libsasl2 (A-T) are test_sasl.c's and test_gssapi.c's in tests/unit/security, by their letters.
"""
import re
import signal
import socket

import pytest
from harness import ROOT, SCHLOSSCTL, Broker, free_port, run
from hostile import eventually, preloaded
from test_50_logins import KDC, refused


def test_every_trap_has_its_test():
    """README.md has the table; here that each letter is in the list of those that run."""
    text = "".join((ROOT / "tests/unit/security" / name).read_text() for name in ("test_sasl.c", "test_gssapi.c"))
    letters = set()
    for name in re.findall(r"^(t_\w+)\(void \*\*", text, re.M):
        assert f"S({name})" in text, name
        letters |= set(re.match(r"t((?:_[a-t](?=_))+)", name).group(1).replace("_", ""))
    assert letters == set("abcdefghijklmnopqrst")


# ---- tickets ----

@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    path = tmp_path_factory.mktemp("realm")
    p = run("sh", KDC, "start", path, check=False)
    if p.returncode == 77:
        pytest.skip(p.stdout.strip())
    assert p.returncode == 0, p.stdout + p.stderr
    yield path
    run("sh", KDC, "stop", path, check=False)


def test_tickets_and_a_clock_that_is_wrong(realm, shim, tmp_path):
    """Twenty minutes ahead, all tickets are refused, with the reason in the log and none for the client, and the
    broker lives; when the clock is right again so are they. One for five minutes has ended by that clock."""
    b = Broker()
    port = free_port()
    b.add_listener("tickets", f"address: 127.0.0.1:{port}\nadvertised: localhost:{port}\nprotocol: SASL_SSL\n"
                   f"mechanisms: [GSSAPI]\nsasl.kerberos.keytab: {realm}/localhost.keytab")
    try:
        b.start(env={"KRB5_CONFIG": f"{realm}/krb5.conf", **preloaded(shim, tmp_path)})
        b.ctl("user", "create", "anna", "--mechanism", "GSSAPI", "--password", "x")
        conf = tmp_path / "tickets.conf"
        conf.write_text(f"bootstrap.servers=localhost:{port}\nssl.ca.location={b.dir}/tls/ca.pem\nsecurity.protocol=SASL_SSL\n"
                        "sasl.mechanisms=GSSAPI\nsasl.kerberos.service.name=kafka\nsasl.kerberos.kinit.cmd=/bin/true\n")

        def login(life):
            cache = {"KRB5_CONFIG": f"{realm}/krb5.conf", "KRB5CCNAME": f"FILE:{tmp_path}/cache-{life}"}
            run("kinit", "-l", life, "anna", stdin="anna\n", env=cache)
            # Longer than who has failed is made to wait.
            return run("kcat", "-F", conf, "-L", "-m", "13", env=cache, check=False, timeout=60)
        assert login("5m").returncode == 0
        (tmp_path / "skew").write_text("1200")
        for life, what in (("5m", r"expired|[Cc]lock skew"), ("10h", "[Cc]lock skew")):
            before = len(b.log)

            def refused():		# an attempt may end before it comes so far, and the one before be told late
                p = login(life)
                assert p.returncode != 0 and "uthentication failed" in p.stderr, (p.stderr, b.log[before:])
                assert not re.search("skew|expired", p.stderr), p.stderr
                return re.search(f"listener=tickets .*mechanism=GSSAPI detail=.*({what}).* login refused", b.log[before:])
            eventually(refused, 120)
        (tmp_path / "skew").unlink()
        eventually(lambda: login("10h").returncode == 0, 120)
    finally:
        b.remove()


# ---- servers ----

PYTHON = """
import ssl
import sys
import kafka
c = dict(line.strip().split("=", 1) for line in open(sys.argv[1]))
try:
    kafka.KafkaProducer(bootstrap_servers=c["bootstrap.servers"], security_protocol="SASL_SSL", ssl_cafile=c["ssl.ca.location"],
                        sasl_mechanism=c["sasl.mechanisms"], sasl_plain_username=c["sasl.username"],
                        sasl_plain_password=c["sasl.password"], api_version_auto_timeout_ms=3000)
except (kafka.errors.NoBrokersAvailable, ssl.SSLCertVerificationError):
    sys.exit(9)
"""


def trusted_by_nobody(b, name, words, said, **change):
    """kcat, librdkafka in Python, kafka-python and schlossctl: each refuses the server, ours with the reason and
    what to do; the broker's log says it, too."""
    conf = {**b.conf(), **{k.replace("_", "."): str(v) for k, v in change.items()}}
    path = b.tmp / f"{name}.conf"
    path.write_text("".join(f"{k}={v}\n" for k, v in conf.items()))
    p = run("kcat", "-F", path, "-L", "-m", "3", check=False, timeout=30)
    assert p.returncode != 0 and re.search("certificate|SSL", p.stderr), p.stderr
    refused(conf)
    assert run("/usr/bin/python3", "-c", PYTHON, path, check=False, timeout=60).returncode == 9
    p = run(SCHLOSSCTL, "-F", path, "id", check=False)
    assert p.returncode == 3 and re.search(words, p.stderr) and p.stdout == "", p.stderr
    eventually(lambda: said in b.log)


def test_servers_that_no_client_trusts():
    """Of another name, of another authority, past its time; and then the right one, by SIGHUP."""
    b = Broker()
    port = free_port()
    b.add_listener("elsewhere", f"address: 127.0.0.2:{port}\nprotocol: SASL_SSL\nmechanisms: [SCRAM-SHA-256]")
    try:
        b.start()
        trusted_by_nobody(b, "name", "IP address mismatch; .*schlossd cert --name",
                          "the client does not trust our certificate", bootstrap_servers=f"127.0.0.2:{port}")
        other = b.tmp / "other"
        other.mkdir()
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            other / "ca.key", "-out", other / "ca.pem", "-subj", "/CN=Schloss", "-days", "2")
        trusted_by_nobody(b, "authority", "(issuer|self-signed|signature).*; ssl.ca.location there",
                          "the client does not know the authority of our certificate", ssl_ca_location=other / "ca.pem")
        tls = b.dir / "tls"
        good = (tls / "server.pem").read_bytes()
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", other / "key.pem",
            "-out", other / "csr.pem", "-subj", "/CN=127.0.0.1")
        (other / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
        run("openssl", "x509", "-req", "-in", other / "csr.pem", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key",
            "-CAcreateserial", "-days", "-1", "-extfile", other / "ext", "-out", other / "cert.pem")
        reload(b, (other / "cert.pem").read_bytes() + (other / "key.pem").read_bytes())
        trusted_by_nobody(b, "time", "expired; look at the clocks", "our certificate has expired by the client's clock")
        reload(b, good)
        assert "admin" in b.ctl("id").stdout
    finally:
        b.remove()


@pytest.mark.parametrize("option", ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"])
def test_files_that_are_no_certificates(tmp_path, option):
    empty, conf = tmp_path / "empty.pem", tmp_path / "x.conf"
    empty.write_text("nothing\n")
    with socket.create_server(("127.0.0.1", 0)) as s:
        for path, words in ((tmp_path / "nowhere.pem", "No such file or directory$"), (empty, "[a-z ]{5,}$")):
            conf.write_text(f"bootstrap.servers=127.0.0.1:{s.getsockname()[1]}\nsecurity.protocol=SSL\n{option}={path}\n")
            p = run(SCHLOSSCTL, "-F", conf, "id", check=False)
            assert p.returncode == 3 and re.search(f"^schlossctl: {conf}: {option}={path}: {words}", p.stderr), p.stderr


def reload(b, pem):
    line = "configuration and certificates were read again"
    before = b.log.count(line)
    (b.dir / "tls/server.pem").write_bytes(pem)
    b.process.send_signal(signal.SIGHUP)
    eventually(lambda: b.log.count(line) > before)
