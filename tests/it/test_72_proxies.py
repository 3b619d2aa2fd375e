# SPDX-License-Identifier: Apache-2.0
"""Connections that come by a proxy: who they count as, from whom that is believed, and what a proxy may send.

127.0.0.2 is the proxy's address here; what comes from 127.0.0.1 is nobody's. HAProxy itself comes last."""
import json
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

import pytest
import twin
from harness import SCHLOSSD, Broker, Failed, free_port, run
from hostile import client_hello, closed, eventually

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fuzz"))
from proxy_corpus import SEEDS, SIGNATURE, TLVS, header  # noqa: E402  pylint: disable=wrong-import-position

PROXY, LIMIT_S = "127.0.0.2", 2
SETTINGS = f"""login.max.connections.per.ip: 5
proxy.protocol.timeout.ms: {LIMIT_S * 1000}
proxy.protocol.max.connections: 20
audit.file: audit.log
audit.sync.ms: 0"""


class Site:
    def __init__(self):
        self.b = Broker(SETTINGS)
        self.port = free_port()
        self.b.add_listener("behind", f"address: 127.0.0.1:{self.port}\nproxy.protocol.from: [{PROXY}, 127.9.0.0/16]")
        self.b.start()
        self.b.ctl("topic", "create", "t")
        conf = self.b.conf()
        self.context = ssl.create_default_context(cafile=conf["ssl.ca.location"])
        self.login = conf["sasl.username"], conf["sasl.password"]
        self.schema = twin.Schema()

    def tcp(self, source=PROXY, first=b""):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        s.sendall(first)
        return s

    def client(self, first, source=PROXY):
        """A handshake behind these bytes."""
        return twin.Client("127.0.0.1", self.port, schema=self.schema, ssl_context=self.context, before=first,
                           timeout=20, source=source)

    def logged_in(self, first, source=PROXY):
        c = self.client(first, source)
        assert c.sasl_scram(*self.login)["error_code"] == 0
        return c

    def audited(self, **want):
        lines = [json.loads(x) for x in (self.b.dir / "audit.log").read_text().splitlines()]
        return [x for x in lines if want.items() <= x.items()]

    def logins(self, address, what="login"):
        """How many the audit log tells of from there."""
        there = f"[{address}]:" if ":" in address else f"{address}:"
        return sum(x["from"].startswith(there) for x in self.audited(what=what))


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.b.remove()


def ipv4(text, port=4711, more=b""):
    return header(0x21, 0x11, socket.inet_aton(text) + bytes([10, 0, 0, 99]) + struct.pack(">HH", port, 9093) + more)


def ipv6(text, port=4711):
    return header(0x21, 0x21, socket.inet_pton(socket.AF_INET6, text) + bytes(16) + struct.pack(">HH", port, 9093))


def test_the_clients_address_is_what_counts(site):
    """In the log, in the audit log, and for rules."""
    for first, text in ((ipv4("10.1.2.3"), "10.1.2.3"), (ipv6("2001:db8::7"), "2001:db8::7"), (ipv6("::ffff:10.3.2.1"), "10.3.2.1"),
                        (ipv4("10.1.2.4", more=TLVS), "10.1.2.4")):
        with site.logged_in(first):
            pass
        eventually(lambda t=text: site.logins(t))
    site.b.ctl("user", "create", "anna", "--password", "secret")
    site.b.ctl("setfacl", "-m", "user:anna:r,deny:user:anna:r@10.7.0.0/16,deny:user:anna:describe@10.7.0.0/16", "/main/topics/t")
    for address, code in (("10.7.1.1", 29), ("10.8.1.1", 0)):
        with site.client(ipv4(address)) as c:
            assert c.sasl_scram("anna", "secret")["error_code"] == 0
            assert c.call("metadata", 9, topics=[{"name": "t"}])["topics"][0]["error_code"] == code, address
    with site.client(ipv4("10.5.5.5", 777)) as c:
        assert c.sasl_scram("anna", "wrong")["error_code"] == 58
    eventually(lambda: "peer=10.5.5.5:777" in site.b.log)
    eventually(lambda: site.logins("10.5.5.5", "login-failed") == 1)


def test_what_a_proxy_says_of_itself_counts_as_its_own(site):
    for name in ("local", "local-with", "unspec", "unix", "udp"):
        with site.logged_in(SEEDS[name]):
            pass
    eventually(lambda: site.logins(PROXY) == 5)
    with site.logged_in(SEEDS["local"], source="127.9.1.1"):
        pass
    eventually(lambda: site.logins("127.9.1.1") == 1)


def test_a_header_may_come_in_pieces(site):
    whole = ipv4("10.6.6.6", more=bytes(3000))
    with socket.create_connection(("127.0.0.1", site.port), timeout=20, source_address=(PROXY, 0)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(30):
            s.sendall(whole[i:i + 1])
            time.sleep(0.01)
        s.sendall(whole[30:-1])
        time.sleep(0.05)
        s.sendall(whole[-1:] + client_hello(site))  # and what follows it with its last byte
        assert s.recv(1) == b"\x16"


def test_a_listed_address_without_a_header(site):
    for first, why in ((client_hello(site), "no PROXY header"), (b"\0\0\0\x10", "no PROXY header"), (SEEDS["v1"], "version 1 of the PROXY header"),
                       (SEEDS["too-large"], "a PROXY header that is too long"), (SEEDS["short"], "too short for its addresses"),
                       (SEEDS["family"], "unknown kind of address"), (SEEDS["command"], "unknown command")):
        with site.tcp(first=first) as s:
            begin = time.monotonic()
            assert closed(s) and time.monotonic() - begin < LIMIT_S / 2, why
        eventually(lambda w=why: any(f"proxy={PROXY}" in x and w in x for x in site.b.log.splitlines()))


def test_a_stranger_is_not_believed(site):
    """His header ends his connection, and is no way around his address."""
    for name, seed in SEEDS.items():
        if seed.startswith(SIGNATURE):
            with site.tcp("127.0.0.1", seed if len(seed) > 20 else seed + bytes(64)) as s:
                assert closed(s), name
    with pytest.raises((ssl.SSLError, OSError)):
        site.client(ipv4("10.66.6.6"), source="127.0.0.1")
    with site.logged_in(b"", source="127.0.0.1"):
        pass
    assert site.logins("10.66.6.6") == 0 and "10.66.6.6" not in site.b.log


def test_who_says_nothing_has_a_deadline(site):
    for first in (b"", SIGNATURE, ipv4("10.1.1.1", more=bytes(100))[:-1]):
        with site.tcp(first=first) as s:
            begin = time.monotonic()
            assert closed(s)
            assert LIMIT_S - 0.1 <= time.monotonic() - begin < LIMIT_S + 5
    eventually(lambda: "no whole PROXY header came in time" in site.b.log)


def test_caps_by_address_are_the_clients(site):
    """A proxy may have more connections than one address, each client no more; and those of whom nothing is known yet have
    a number of their own, of which the oldest goes."""
    crowd = [site.tcp(first=ipv4(f"10.20.0.{i}")) for i in range(12)]
    with site.logged_in(ipv4("10.20.1.1")):
        pass
    one = [site.tcp(first=ipv4("10.30.0.1")) for _ in range(5)]
    with site.tcp(first=ipv4("10.30.0.1")) as s:
        assert closed(s)
    eventually(lambda: "refused a connection from 10.30.0.1: login.max.connections.per.ip is reached" in site.b.log)
    for s in crowd + one:
        s.close()
    silent = [site.tcp() for _ in range(21)]
    assert closed(silent[0])
    silent[-1].settimeout(0.2)
    assert not closed(silent[-1])
    with site.logged_in(ipv4("10.20.1.2")):
        pass
    for s in silent:
        s.close()


def test_creation_rate_is_the_clients(site):
    site.b.ctl("quota", "set", "/", "--ip", "10.40.0.1", "connection_creation_rate=1")
    try:
        def refused():
            with site.tcp(first=ipv4("10.40.0.1")) as s:
                s.settimeout(0.2)
                return closed(s)
        eventually(refused)
        assert "refused a connection from 10.40.0.1: connection_creation_rate is reached" in site.b.log
        with site.logged_in(ipv4("10.40.0.2")):
            pass
    finally:
        site.b.ctl("quota", "set", "/", "--ip", "10.40.0.1", "connection_creation_rate=")


def test_addresses_that_many_share_wait_no_longer(site):
    """By login.penalty.exempt, which a reload takes; others wait longer each time."""
    def third(address):
        for _ in range(3):
            with site.client(ipv4(address)) as c:
                c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")
                scram = twin.Scram("shared", "wrong", "SCRAM-SHA-256")
                first = c.call("sasl_authenticate", 2, auth_bytes=scram.first())
                begin = time.monotonic()
                assert c.call("sasl_authenticate", 2, auth_bytes=scram.final(first["auth_bytes"]))["error_code"] == 58
        return time.monotonic() - begin
    site.b.configure("login.penalty.exempt: [10.50.0.0/24]")
    site.b.process.send_signal(signal.SIGHUP)
    eventually(lambda: "were read again" in site.b.log)
    assert third("10.50.0.1") >= 0.095 and third("10.50.1.1") >= 0.395
    assert min(third(f"10.50.0.{i}") for i in range(2, 5)) < 0.35  # one of them, for the machine is others', too
    site.b.configure("login.penalty.exempt: [10.50.0.0/7]")
    site.b.process.send_signal(signal.SIGHUP)
    eventually(lambda: 'login.penalty.exempt: "10.50.0.0/7" is neither an address nor a block' in site.b.log)


def test_a_stop_does_not_wait_for_a_header():
    s = Site()
    try:
        files = pathlib.Path(f"/proc/{s.b.process.pid}/fd")
        before = len(list(files.iterdir()))
        waiting = [s.tcp() for _ in range(3)]
        eventually(lambda: len(list(files.iterdir())) == before + 3)
        s.b.stop(LIMIT_S)
        assert all(closed(w) for w in waiting)
    finally:
        s.b.remove()


def test_what_a_start_refuses():
    for words, why in (("[10.0.0.1/8]", "10.0.0.1/8"), ("[proxy.example]", "proxy.example")):
        b = Broker()
        try:
            b.add_listener("behind", f"address: 127.0.0.1:{free_port()}\nproxy.protocol.from: {words}")
            with pytest.raises(Failed, match=f'proxy.protocol.from: "{why}" is neither an address nor a block'):
                run(SCHLOSSD, "-t", "-c", b.yaml)
        finally:
            b.remove()


def test_haproxy(site, tmp_path):
    """The proxy that the protocol comes from, with its health checks, in front of a client."""
    front, told = free_port(), site.b.log.count("PROXY header")
    (tmp_path / "haproxy.cfg").write_text(f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend kafka
    bind 127.0.0.1:{front}
    default_backend schloss
backend schloss
    source {PROXY}
    server one 127.0.0.1:{site.port} send-proxy-v2-ssl-cn check inter 200ms
""")
    with subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", tmp_path / "haproxy.cfg"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as proxy:
        try:
            def up():
                try:
                    with twin.Client("127.0.0.1", front, schema=site.schema, ssl_context=site.context, source="127.0.0.7") as c:
                        return c.sasl_scram(*site.login)["error_code"] == 0
                except OSError:
                    return False
            eventually(up)
            time.sleep(1)  # a few health checks
        finally:
            proxy.terminate()
    eventually(lambda: site.logins("127.0.0.7") == 1)
    assert site.b.log.count("PROXY header") == told  # nothing to say of health checks
