# SPDX-License-Identifier: Apache-2.0
"""Whoever may connect may send anything: before the login, and frames after it.

The bystander's records (hostile.Site) must come and go all the while, and be as prompt as ever at the end.
"""
import base64
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import hostile
import libssl
import pytest
import twin
from harness import SCHLOSSD, free_port, run
from hostile import API_VERSIONS, SASL_AUTHENTICATE, SASL_HANDSHAKE, client_hello, closed, eventually, frame, header, send_and_see

MIB = 1 << 20


# Nothing here makes the broker ask for more at once, whatever lengths are announced: the sanitizer ends it where it does.
AT_ONCE = {"ASAN_OPTIONS": hostile.LEAN["ASAN_OPTIONS"] + ":max_allocation_size_mb=48"}


@pytest.fixture(scope="module")
def everyone():
    s = hostile.Site(env=AT_ONCE)
    yield s
    s.remove()


@pytest.fixture
def site(everyone):
    with everyone.meanwhile():
        yield everyone
    everyone.undisturbed()


def test_a_bystander_who_is_kept_waiting_is_noticed(everyone):
    """Also where he is served as soon as the attack is over: the other tests rest on it."""
    with pytest.raises(AssertionError, match="of the bystander's"), everyone.meanwhile(within=0.5):
        os.kill(everyone.broker.process.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(everyone.broker.process.pid, signal.SIGCONT)


# ---- before the login ----

@pytest.mark.parametrize("bytes_", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\0" * 4096,
    bytes(random.Random(1).randrange(256) for _ in range(4096)),
    frame(header(API_VERSIONS, 0)),
    b"\x16\x03\x01\xff\xff" + b"\x01" * 2000,
    b"\x16\x03\x01\x00\x05\x01\x00\xff\xff\xff",
    b"\x80\x2e\x01\x00\x02" + b"\0" * 40,
], ids=["http", "ssh", "zeros", "noise", "plain kafka", "long record", "hello lie", "sslv2"])
def test_what_is_no_tls_is_closed(site, bytes_):
    with site.tcp() as s:
        s.sendall(bytes_)
        why = f"peer={s.getsockname()[0]}:{s.getsockname()[1]} closed: "
        s.shutdown(socket.SHUT_WR)
        assert closed(s)
    eventually(lambda: why in site.broker.log)


def test_tls_where_none_is_spoken_is_closed(site):
    """The first bytes of a handshake are a length of 369 MB to a plain listener."""
    b = hostile.Site(hostile.SETTINGS)
    try:
        b.broker.stop()
        port = free_port()
        b.broker.add_listener("PLAIN", f"address: 127.0.0.1:{port}\nprotocol: PLAINTEXT\n"
                              "allow.plaintext: true\nallow.anonymous: true")
        b.broker.start(env=hostile.LEAN)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
            assert closed(s)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert closed(s)
        b.undisturbed()
    finally:
        b.remove()


@pytest.mark.parametrize("length", [-1, -2 ** 31, 2 ** 31 - 1, 64 * 1024 + 1, 100 * MIB])
def test_a_frame_before_the_login_is_at_most_64_kib(site, length):
    with site.tls() as c:
        c.sock.sendall(struct.pack(">i", length))
        assert closed(c.sock)


def test_a_frame_before_the_login_may_be_64_kib(site):
    with site.tls() as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        room = 64 * 1024 - 14 - len(header(SASL_AUTHENTICATE, 1))
        answer = send_and_see(c, frame(header(SASL_AUTHENTICATE, 1) + struct.pack(">i", room) + bytes(room)))
        assert struct.unpack_from(">h", answer, 4)[0] == 58


def test_only_three_apis_before_the_login(site):
    for api in site.schema:
        with site.tls() as c:
            raw = api.encode_request(api.hi, {}, 1)
            answer = send_and_see(c, frame(raw))
            assert (answer is not None) == (api.name in ("api_versions", "sasl_handshake", "sasl_authenticate")), api.name


def test_few_requests_before_the_login(site):
    with site.tls() as c:
        for i in range(16):
            assert c.call("api_versions", 0)["error_code"] == 0
        assert send_and_see(c, frame(header(API_VERSIONS, 0))) is None


def test_tokens_without_a_mechanism(site):
    with site.tls() as c:
        assert c.call("sasl_authenticate", 2, auth_bytes=b"\0admin\0admin")["error_code"] == 34
        assert c.sasl_scram(*site.login)["error_code"] == 0


def test_a_mechanism_is_chosen_once(site):
    with site.tls() as c:
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
        assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-512")["error_code"] == 34


def test_mechanisms_that_are_none(site):
    for name in ["", "scram-sha-256", "ANONYMOUS", "EXTERNAL", "GSSAPI", "PLAIN\0", "X" * 30000]:
        with site.tls() as c:
            assert c.call("sasl_handshake", 1, mechanism=name)["error_code"] == 33, name[:20]


TOKENS = [
    b"", b"\0", b"n,,", b"n,,n=admin", b"n,,n=admin,r=", b"y,,n=admin,r=abc", b"p=tls-unique,,n=admin,r=abc",
    b"n,a=root,n=admin,r=abcdefgh", b"n,,m=ext,n=admin,r=abcdefgh", b"n,,n=a=dmin,r=abcdefgh",
    b"n,,n=" + b"a" * 60000 + b",r=abcdefgh", b"n,,n=admin,r=" + b"z" * 60000, b"n,,n=\xff\xfe,r=abcdefgh",
    b"n,,n=admin,r=abc\0def", b"," * 60000, b"n,,n=admin,r=abcdefgh" + b",x=y" * 15000]


def test_first_tokens_that_are_none(site):
    """All at once, for who fails waits ever longer for the answer."""
    def refused(token):
        with site.tls(60) as c:
            assert c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")["error_code"] == 0
            answer = c.call("sasl_authenticate", 2, auth_bytes=token)
            if answer["error_code"] == 0:  # a challenge, as for any name: no login yet
                assert answer["auth_bytes"].startswith(b"r=")
                answer = c.call("sasl_authenticate", 2, auth_bytes=token)
            return answer["error_code"] == 58 and closed(c.sock)
    with ThreadPoolExecutor(len(TOKENS)) as pool:
        for token, fine in zip(TOKENS, pool.map(refused, TOKENS)):
            assert fine, token[:60]


def test_a_login_again_is_of_the_same_user(site):
    site.broker.user("other", "--password", "not the same")
    with site.client() as c:
        assert c.sasl_scram("other", "not the same")["error_code"] == 58
        assert closed(c.sock)
    with site.client() as c:
        assert c.sasl_scram(*site.login)["error_code"] == 0
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        for _ in range(6):		# what is counted before a login is not added up
            hostile.eventually(lambda: c.sasl_scram(*site.login)["error_code"] == 0)	# once a second: 34 between
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1


def test_nothing_is_allocated_by_what_a_length_promises(site):
    """A hundred connections promise 100 MiB each (after the login) or 64 KiB (before it), and send little."""
    before = site.resident()
    clients = [site.client() for _ in range(10)] + [site.tls() for _ in range(40)]
    for i, c in enumerate(clients):
        c.sock.sendall(struct.pack(">i", 100 * MIB if i < 10 else 65536) + bytes(500))
    site.undisturbed()
    held = site.resident() - before
    for c in clients:
        c.close()
    assert held < 50 * MIB, held


def test_a_declared_array_is_not_allocated(site):
    """CVE-2022-34917 and its kin: counts of elements, nowhere near the bytes that came."""
    before = site.resident()
    for count in (2 ** 31 - 1, 1000000, -2):
        with site.client() as c:
            assert send_and_see(c, frame(header(3, 1) + struct.pack(">i", count))) is None
    with site.tls() as c:
        assert send_and_see(c, frame(header(SASL_AUTHENTICATE, 1) + struct.pack(">i", 2 ** 31 - 1))) is None
    assert site.resident() - before < 50 * MIB


def test_a_handshake_has_a_deadline_of_its_own():
    """Which is not that of the login, and ends what says nothing as well as what began."""
    s = hostile.Site(hostile.SETTINGS + "\nlogin.tls.timeout.ms: 1000\nlogin.timeout.ms: 600000")
    try:
        with s.meanwhile():
            silent, half, unlogged = s.tcp(), s.tcp(), s.tls()
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            assert closed(silent) and closed(half)
            assert unlogged.call("api_versions", 0)["error_code"] == 0
        s.undisturbed()
    finally:
        s.remove()


def test_the_clock_runs_against_the_slow():
    """Deadlines hold whatever trickles in: before a handshake, within it, and within a login."""
    s = hostile.Site(hostile.SETTINGS + "\nlogin.tls.timeout.ms: 1500\nlogin.timeout.ms: 3000")
    try:
        silent, half, unlogged, slow = s.tcp(), s.tcp(), s.tls(), s.tls()
        ends = [f"peer=127.0.0.1:{x.getsockname()[1]} closed: {why} took too long" for x, why in (
            (silent, "the TLS handshake"), (half, "the TLS handshake"), (unlogged.sock, "the login"), (slow.sock, "the login"))]
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        raw, gone = frame(header(API_VERSIONS, 0)) * 200, False
        for i in range(len(raw)):  # a byte now and then: no progress may count
            try:
                slow.sock.sendall(raw[i:i + 1])
                time.sleep(0.02)
            except OSError:
                gone = True
                break
        assert gone
        for sock in (silent, half, unlogged.sock):
            assert closed(sock)
        eventually(lambda: all(end in s.broker.log for end in ends))
        s.undisturbed()
    finally:
        s.remove()


def test_others_are_served_while_many_are_slow(site):
    """For as long as these say no more: silent, within a handshake, before and within a login, within a request, and
    before an answer that they do not read."""
    slow = []
    for _ in range(8):
        silent, half, unlogged, login, request, deaf = site.tcp(), site.tcp(), site.tls(), site.tls(), site.client(), site.client()
        half.sendall(client_hello(site)[:50])
        login.sock.sendall(frame(header(SASL_HANDSHAKE, 1) + b"\0\x0dSCRAM-SHA-256") + frame(header(SASL_AUTHENTICATE, 1))[:9])
        request.sock.sendall((struct.pack(">i", MIB) + bytes(MIB))[:MIB // 2])
        deaf.sock.sendall(frame(header(API_VERSIONS, 0)) * 1000)
        slow += [silent, half, unlogged, login, request, deaf]
    n = len(site.trips)
    eventually(lambda: len(site.trips) >= n + 20, 120)
    for c in slow:
        c.close()


def test_a_failed_login_is_one_answer_and_late(site):
    """Whoever it would have been, and whatever is wrong: the same bytes, not before 100 ms and for the second time
    not before 200. Where tokens have no frames of Kafka's, the end is all that comes, as late."""
    wrong = {"unknown": "nobody", "no name": "a/b", "password": "real", "locked": "locked", "mechanism": "bycert"}
    for user, more in (("real", ()), ("locked", ()), ("bycert", ("--mechanism", "TLS"))):
        site.broker.ctl("user", "create", user, "--password", "secret", *more)
    site.broker.ctl("user", "lock", "locked")
    told = {}
    for turn in (1, 2):
        for what, user in wrong.items():
            with site.tls() as c:
                c.call("sasl_handshake", 1, mechanism="SCRAM-SHA-256")
                scram = twin.Scram(user, "secret" if user != "real" else "Secret", "SCRAM-SHA-256")
                first = c.call("sasl_authenticate", 2, auth_bytes=scram.first())
                assert first["error_code"] == 0, what
                c.send("sasl_authenticate", 2, {"auth_bytes": scram.final(first["auth_bytes"])})
                sent = time.monotonic()
                told[what, turn] = c.read_frame()
                assert time.monotonic() - sent > 0.095 * turn, what
                assert closed(c.sock)
    assert len(set(told.values())) == 1 and struct.unpack_from(">h", told["unknown", 1], 5)[0] == 58, told
    for user in ("raw-nobody", "real"):
        with site.tls() as c:
            assert c.call("sasl_handshake", 0, mechanism="SCRAM-SHA-512")["error_code"] == 0
            scram = twin.Scram(user, "Secret", "SCRAM-SHA-512")
            c.send_frame(scram.first())
            c.send_frame(scram.final(c.read_frame()))
            sent = time.monotonic()
            with pytest.raises((EOFError, OSError)):
                c.read_frame()
            assert time.monotonic() - sent > 0.095, user


def test_a_challenge_does_not_tell_who_exists():
    """Whichever program of ours made the keys: the same iterations, and a salt as long, as for a name that is none."""
    s = hostile.Site()
    b = s.broker

    def challenge(user, mechanism):
        with s.tls() as c:
            assert c.call("sasl_handshake", 1, mechanism=mechanism)["error_code"] == 0
            told = c.call("sasl_authenticate", 2, auth_bytes=twin.Scram(user, "", mechanism).first())["auth_bytes"]
            parts = dict(p.split("=", 1) for p in told.decode().split(","))
            return parts["i"], len(base64.b64decode(parts["s"])), sorted(parts)

    try:
        b.ctl("user", "create", "created", "--password", "secret")
        b.ctl("user", "create", "changed", "--password", "secret")
        b.ctl("user", "passwd", "changed", "--password", "Secret")
        b.ctl("user", "create", "lost", "--password", "secret")
        b.stop()
        run(SCHLOSSD, "passwd", "-c", b.yaml, "lost", stdin="found\n")
        b.start(env=s.env)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            told = {user: challenge(user, mechanism) for user in ("admin", "created", "changed", "lost", "nobody")}
            assert all(t == told["nobody"] for t in told.values()), told
    finally:
        s.remove()


def test_places_are_kept_for_where_operators_come_from():
    """A flood pushes out who else is about to log in, and not who comes from an address that an operator had."""
    s = hostile.Site(hostile.SETTINGS + "\nnum.network.threads: 1\nlogin.max.connections: 20")
    try:
        s.broker.user("plain", "--password", "plain")
        for source, login in (("127.0.0.2", s.login), ("127.0.0.3", ("plain", "plain"))):
            with s.tls(source=source) as c:
                assert c.sasl_scram(*login)["error_code"] == 0
        operator, user = s.tls(source="127.0.0.2"), s.tls(source="127.0.0.3")
        with s.meanwhile():
            flood = [s.tcp(source="127.0.0.4") for _ in range(40)]
            assert closed(user.sock)
            assert operator.sasl_scram(*s.login)["error_code"] == 0
        for c in (*flood, operator):
            c.close()
        s.undisturbed()
    finally:
        s.remove()


def test_caps_by_address_and_in_all():
    s = hostile.Site(hostile.SETTINGS + "\nnum.network.threads: 1\nlogin.max.connections: 20\n"
                     "login.max.connections.per.ip: 30\nmax.connections.per.ip: 60")
    try:
        own = s.connections()
        first = [s.tcp(10) for _ in range(20)]
        eventually(lambda: s.connections() == own + 20)
        more = [s.tcp(10) for _ in range(5)]
        for sock in first[:5]:  # the oldest go
            assert closed(sock)
        with s.client() as c:  # and somebody who logs in finds a place
            assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        assert closed(first[5])
        for sock in first + more:
            sock.close()
        eventually(lambda: s.connections() <= own)
        work = [s.client() for _ in range(60 - own - 3)]
        late = [s.tcp(3) for _ in range(10)]
        assert sum(closed(sock) for sock in late) >= 7
        s.undisturbed()
        for c in work + late:
            c.close()
    finally:
        s.remove()


def test_a_full_house_of_strangers_is_no_siege():
    """max.connections itself: those who have not logged in make way, those who have stay."""
    s = hostile.Site(hostile.SETTINGS + "\nnum.network.threads: 2\nmax.connections: 20\n"
                     "login.max.connections: 20")
    try:
        work = [s.client() for _ in range(8)]
        with s.meanwhile():
            strangers = [s.tcp(10) for _ in range(30)]
            late = s.client()
            for c in work + [late]:
                assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        s.undisturbed()
        for c in work + [late]:
            c.close()
        for sock in strangers:
            sock.close()
    finally:
        s.remove()


def test_many_handshakes_without_an_end(site):
    """Started, cut off at any byte, reset: nothing stays."""
    hello = client_hello(site)
    before = site.resident()
    for i in range(300):
        with site.tcp() as s:
            s.sendall(hello[:1 + i * len(hello) // 300])
            if i % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: site.connections() <= 4)
    assert site.resident() - before < 50 * MIB


def test_names_of_servers_that_are_none(site):
    hello = client_hello(site, "abcdefghijklmnop.example")
    for name in (b"\0" * 24, b"\xff" * 24, b"../../../../etc/passwd\n\n", b"%n%n%n%n%n%n%n%n%n%n%n%n"):
        raw = hello.replace(b"abcdefghijklmnop.example", name)
        with site.tcp() as s:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            assert closed(s)


def test_spoilt_handshakes(site):
    rng, hello = random.Random(3), client_hello(site)
    for _ in range(150):
        raw = bytearray(hello)
        for _ in range(rng.choice([1, 3, 20])):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        with site.tcp() as s:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            assert closed(s)


def openssl(site, *args, stdin):
    return subprocess.run(["openssl", "s_client", "-connect", site.broker.address, *args], input=stdin,
                          capture_output=True, timeout=60, check=False)


def test_old_tls_and_renegotiation(site):
    for version in ("-tls1", "-tls1_1"):
        assert openssl(site, version, "-cipher", "DEFAULT:@SECLEVEL=0", stdin=b"").returncode != 0
    p = openssl(site, "-tls1_2", stdin=b"R\n")
    assert b"no renegotiation" in (p.stdout + p.stderr).lower(), p.stderr[-500:]


@pytest.mark.parametrize("kind", [libssl.KEY_UPDATE_ON, libssl.KEY_UPDATE_REQUESTED], ids=["new keys", "for both"])
def test_a_flood_of_key_updates_is_cut_off(site, kind):
    """A few are anybody's right, between requests; without end and nothing between them they are only work.

    OpenSSL handles them inside of one read for as long as they come: nobody else was served meanwhile."""
    why = "the peer changes keys, or asks for handshakes, without end"
    seen = site.broker.log.count(why)
    with libssl.client(site) as c:
        for _ in range(20):
            assert c.sock.new_keys(kind)
            assert c.call("api_versions", 0)["error_code"] == 0
        end = time.monotonic() + 30
        while c.sock.new_keys(kind):
            assert time.monotonic() < end, "it takes new keys without end"
    eventually(lambda: site.broker.log.count(why) == seen + 1)
    eventually(lambda: site.connections() <= 4)


def test_records_of_one_byte(site):
    """Each is 23 bytes on the wire and work for the cipher: they are read on, but not without a pause for others."""
    raw = frame(header(API_VERSIONS, 3, tags=b"\0") + b"\x02a\x02a\x01\x00\xa0\x9c\x01" + bytes(20000))
    for version in (libssl.TLS12, libssl.TLS13):
        with libssl.client(site, version) as c:
            for byte in raw:
                c.sock.sendall(bytes([byte]))
            site.undisturbed()
            assert struct.unpack_from(">ih", c.read_frame()) == (7, 0)


def test_no_session_is_taken_up_again(site):
    """No ticket is given, so there is nothing to begin early with."""
    with site.client() as c:
        assert c.call("metadata", 9, topics=None)["controller_id"] == 1
        assert c.sock.session is None or not c.sock.session.has_ticket
    for version in ("-tls1_2", "-tls1_3"):
        p = openssl(site, version, "-reconnect", stdin=b"")
        assert b"Reused" not in p.stdout and b"session ticket" not in p.stdout.lower()


def test_an_end_without_notice(site):
    """The stream is cut off, not ended: what was asked whole is done, the half is not."""
    for version in (libssl.TLS12, libssl.TLS13):
        c = libssl.client(site, version)
        c.send("create_topics", 5, {"timeout_ms": 10000, "topics": [
            {"name": f"last-wish-{version}", "num_partitions": 1, "replication_factor": 1}]})
        c.sock.sendall(struct.pack(">i", 1000) + bytes(500))
        c.sock.sock.shutdown(socket.SHUT_WR)
        while c.sock.recv(65536):
            pass
        c.close()
        eventually(lambda v=version: f"last-wish-{v}" in site.broker.ctl("topic", "list").stdout)
    with libssl.client(site) as c:
        assert c.sock.notify() and c.sock.recv(1) == b""


def test_a_chain_of_certificates_without_end(tmp_path):
    """Three hundred of them are no chain of a client's."""
    s = hostile.Site()
    try:
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out",
            tmp_path / "cert.pem", "-subj", "/CN=somebody", "-days", "2")
        (tmp_path / "chain.pem").write_text((tmp_path / "cert.pem").read_text() * 300)
        port = free_port()
        s.broker.stop()
        s.broker.configure(f"ssl.truststore.location: {s.broker.dir}/tls/ca.pem")
        s.broker.add_listener("CERTS", f"address: 127.0.0.1:{port}\nprotocol: SSL\nclient.auth: required")
        s.broker.start(env=hostile.LEAN)
        before = s.resident()
        for _ in range(20):
            p = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-cert", tmp_path / "cert.pem", "-key",
                    tmp_path / "key.pem", "-cert_chain", tmp_path / "chain.pem", check=False, stdin="")
            assert p.returncode != 0
        assert s.broker.log.count("excessive message size") == 20
        assert s.resident() - before < 50 * MIB
        s.undisturbed()
    finally:
        s.remove()


# ---- frames after it ----

@pytest.mark.parametrize("length", [-1, -2 ** 31, 2 ** 31 - 1, 100 * MIB + 1, 0, 1, 7])
def test_lengths_that_are_none(site, length):
    with site.client() as c:
        c.sock.sendall(struct.pack(">i", length) + bytes(max(0, min(length, 7))))
        assert closed(c.sock)


def test_a_byte_at_a_time(site):
    with site.client() as c:
        for byte in frame(header(API_VERSIONS, 0)):
            c.sock.sendall(bytes([byte]))
        assert struct.unpack_from(">ih", c.read_frame()) == (7, 0)


def test_half_a_frame_and_a_reset(site):
    for n in (1, 3, 4, 5, 500):
        c = site.client()
        c.sock.sendall((struct.pack(">i", 1000) + bytes(1000))[:n])
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    eventually(lambda: site.connections() <= 4)


def test_ten_thousand_in_a_row(site):
    """Pipelined, more than a connection may have unanswered: answered all, in order."""
    with site.client() as c:
        pid = os.fork()
        if pid == 0:
            try:
                c.sock.sendall(b"".join(frame(header(API_VERSIONS, 0, i)) for i in range(10000)))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        for i in range(10000):
            assert struct.unpack_from(">i", c.read_frame())[0] == i


def test_large_requests_in_a_row(site):
    """More than is read in a turn: what TLS has received already is not forgotten."""
    raw = frame(header(API_VERSIONS, 3, tags=b"\0") + b"\x02a\x02a\x01\x00\x80\x80\x40" + bytes(1 << 20))
    with site.client() as c:
        for _ in range(25):
            c.sock.sendall(raw * 8)
            for _ in range(8):
                assert struct.unpack_from(">ih", c.read_frame()) == (7, 0)


def test_answers_that_nobody_reads(site):
    before = site.resident()
    c = site.client(timeout=3)
    raw, sent = frame(header(API_VERSIONS, 0)) * 1000, 0
    try:
        while sent < 3000:
            c.sock.sendall(raw)
            sent += 1
    except (TimeoutError, ssl.SSLError):
        pass
    assert sent < 3000, "it read without end"
    assert site.resident() - before < 50 * MIB
    site.undisturbed()
    c.close()


def test_apis_and_versions_that_are_none(site):
    """Kafka's own from broker to broker among them: an operator, too, is hung up on."""
    known = {a.key for a in site.schema}
    for key in (-1, 32767, -32768, 100, *(k for k in range(93) if k not in known)):
        assert key not in known
        with site.client() as c:
            assert send_and_see(c, frame(header(key, 0) + bytes(50))) is None, key
    assert not known & {4, 5, 6, 7, 27, 52, 53, 54, 56, 58, 59, 62, 63, 67}
    for name in ("produce", "fetch", "metadata", "offset_commit", "sasl_authenticate"):
        for version in (-1, site.schema[name].hi + 1, 99, 32767):
            with site.client() as c:
                assert send_and_see(c, frame(header(site.schema[name].key, version, tags=b"\0") + bytes(50))) is None, (name, version)
    for version in (5, 99, -1, 32767):
        with site.client() as c:
            answer = send_and_see(c, frame(header(API_VERSIONS, version) + b"\1\1\0" * 4))
            assert struct.unpack_from(">ih", answer) == (7, 35), version
            assert c.call("metadata", 9, topics=None)["controller_id"] == 1


@pytest.mark.parametrize("correlation", [0, -1, 2 ** 31 - 1, -2 ** 31])
def test_any_correlation_is_given_back(site, correlation):
    with site.client() as c:
        answer = send_and_see(c, frame(header(API_VERSIONS, 0, correlation)))
        assert struct.unpack_from(">i", answer)[0] == correlation


@pytest.mark.parametrize("client_id", [None, b"", b"x" * 32767, b"\xff\xfe\0\n\x1b[31m", b"../../etc"],
                         ids=["null", "empty", "long", "binary", "path"])
def test_any_client_id_is_taken(site, client_id):
    with site.client() as c:
        answer = send_and_see(c, frame(header(API_VERSIONS, 0, client_id=client_id)))
        assert struct.unpack_from(">ih", answer) == (7, 0)
    assert b"\x1b[31m" not in site.broker.log.encode()


@pytest.mark.parametrize("tags", [
    b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x80\x80\x00",
    b"\x01\x00\xff\xff\xff\xff\x07", b"\x01\x00\x7f", b"\x02\x01\x00\x00\x00", b"\x02\x00\x00\x00\x00",
    b"\x90\x4f" + b"".join(bytes([0x80 | i & 0x7f, 1 + (i >> 7), 0]) for i in range(127)), b"",
], ids=["count", "ten bytes", "long zero", "size", "size lie", "order", "twice", "short", "none"])
def test_tags_of_a_header_that_are_none(site, tags):
    with site.client() as c:
        c.sock.sendall(frame(header(3, 9, tags=tags)))
        assert closed(c.sock)


def test_noise_after_the_login(site):
    """Spoilt requests of every API: an answer, or the end of this connection."""
    rng, before = random.Random(60), site.resident()
    for api in site.schema:
        raw = api.encode_request(api.hi, {}, 1)
        for _ in range(4):
            spoilt = bytearray(raw + bytes(rng.randrange(40)))
            for _ in range(rng.choice([0, 1, 4])):
                spoilt[rng.randrange(8, len(spoilt))] = rng.choice([0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
            c = site.client()
            c.sock.sendall(frame(bytes(spoilt)))
            c.sock.settimeout(0.05)
            closed(c.sock)
            c.close()
    assert site.resident() - before < 80 * MIB


def test_bytes_behind_a_request_are_ignored(site):
    """As Kafka does. This is Metadata 13 for all topics, as librdkafka 2.15 really sends it: three bytes too long."""
    c = site.client()
    raw = header(3, 13, tags=b"\0") + bytes.fromhex("00000000010000")
    for _ in range(2):
        answer = send_and_see(c, frame(raw))
        assert answer is not None and answer[:4] == struct.pack(">i", 7)
        assert len(answer) > 40
