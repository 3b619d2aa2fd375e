# SPDX-License-Identifier: Apache-2.0
"""schlossctl before anybody answers it: brokers that hang, certificates and keys that are not taken."""
import concurrent.futures
import contextlib
import os
import pty
import re
import socket
import ssl
import struct
import threading
import time

import pytest
from harness import SCHLOSSCTL, Broker, free_port, run
from hostile import preloaded


@pytest.fixture(scope="module")
def site():
    b = Broker()
    port = free_port()
    b.add_listener("plain", f"address: 127.0.0.1:{port}\nprotocol: SASL_PLAINTEXT\nallow.plaintext: true\n"
                   "mechanisms: [SCRAM-SHA-256]")
    b.plain = port
    b.start()
    yield b
    b.remove()


def client_file(b, name, **change):
    """The administrator's, but for what is changed; underscores are dots, None takes a line out."""
    conf = {**b.conf(), **{k.replace("_", "."): v for k, v in change.items()}}
    path = b.tmp / f"{name}.conf"
    path.write_text("".join(f"{k}={v}\n" for k, v in conf.items() if v is not None))
    return path


# ---- brokers that hang ----

def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def frame(s):
    head = take(s, 4)
    return head + take(s, struct.unpack(">i", head)[0])


@contextlib.contextmanager
def hanging(answers=0, broker=None, tls=None):
    """The port of what takes a connection, speaks TLS where it has a context, hands that many requests to the
    broker and its answers back, and then says nothing."""
    over = threading.Event()

    def serve(server):
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as opened:
            c, _ = server.accept()
            opened.enter_context(c)
            if tls:
                c = opened.enter_context(tls.wrap_socket(c, server_side=True))
            if answers:
                real = opened.enter_context(socket.create_connection(("127.0.0.1", broker)))
            for _ in range(answers):
                real.sendall(frame(c))
                c.sendall(frame(real))
            over.wait()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a large request does not fit into it
        t = threading.Thread(target=serve, args=(server,))
        t.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            t.join()


@contextlib.contextmanager
def full():
    """The port of one who takes no more connections: what is sent there is dropped."""
    with socket.socket() as s, contextlib.ExitStack() as opened:
        s.bind(("127.0.0.1", 0))
        s.listen(0)
        for _ in range(4):
            c = opened.enter_context(socket.socket())
            c.setblocking(False)
            c.connect_ex(s.getsockname())
        yield s.getsockname()[1]


def asked(conf, *words, env=None):
    """What schlossctl says, and after how long."""
    begin = time.monotonic()
    p = run(SCHLOSSCTL, "-F", conf, *(words or ("topic", "list")), check=False, timeout=120, env=env)
    assert (p.returncode, p.stdout) == (3, ""), p.stderr
    return p.stderr, time.monotonic() - begin


def test_a_broker_that_hangs_is_given_up_with_the_step_that_it_hangs_at(site):
    """Each for as long as that step may take: within the time of the ones that hang, together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.dir / "tls/server.pem")
    plain = {"security_protocol": "SASL_PLAINTEXT"}
    with full() as dead, hanging() as silent, hanging(tls=context) as behind_tls, hanging() as deaf, \
            hanging(1, site.plain) as no_login, hanging(2, site.plain) as half_a_login:
        rows = [("the TCP connection", 10, dead, {}), ("the TLS handshake", 10, silent, {}),
                ("ApiVersions", 10, behind_tls, {}), ("ApiVersions", 10, deaf, plain),
                ("the login", 20, no_login, plain), ("the login", 20, half_a_login, plain)]
        with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
            jobs = [pool.submit(asked, client_file(site, f"hang{i}", bootstrap_servers=f"127.0.0.1:{port}", **more))
                    for i, (_, _, port, more) in enumerate(rows)]
            for (what, seconds, port, _), job in zip(rows, jobs):
                said, took = job.result()
                assert said.startswith(f"schlossctl: no answer to {what} from 127.0.0.1:{port} within {seconds} s: perhaps "), said
                assert took >= seconds


@pytest.mark.parametrize("answers, what, words", [
    (4, "Metadata", ("topic", "list")),
    (5, "CreateAcls", ("setfacl", *(w for k in range(3) for w in ("-m", ",".join(f"user:{k}{i}:r" for i in range(9000)))), "/main/topics/t")),
], ids=["an answer", "a request that is not taken"])
def test_silence_after_the_login(site, shim, tmp_path, answers, what, words):
    """The clock is the test's: nobody waits for a minute here."""
    (tmp_path / "hurry").write_text("1")
    with hanging(answers, site.plain) as port:
        conf = client_file(site, "late", bootstrap_servers=f"127.0.0.1:{port}", security_protocol="SASL_PLAINTEXT")
        said, took = asked(conf, *words, env=preloaded(shim, tmp_path))
    assert said == f"schlossctl: no answer to {what} from 127.0.0.1:{port} within 60 s: perhaps the broker hangs\n"
    assert took < 50


def test_each_of_several_servers_has_its_reason(site):
    """A line each, also where a later one took the connection and failed behind it; and none where one serves."""
    def servers(*list_, **more):
        return client_file(site, "several", bootstrap_servers=" , ".join(list_), **more)
    closed = f"127.0.0.1:{free_port()}"
    refused = f"  no connection to {closed}: Connection refused\n"
    conf = servers(closed, "nonsense", "none.invalid:9", closed)
    said, took = asked(conf)
    first, *lines = said.splitlines(True)
    assert first == f"schlossctl: {conf}: bootstrap.servers: none of the 4 takes a connection; is the broker running there?\n"
    assert lines[:2] + lines[3:] == [refused, '  "nonsense" is not HOST:PORT\n', refused] and lines[2].startswith("  none.invalid: ")
    assert took >= 3    # who refuses may be starting
    said, _ = asked(servers(closed, f"127.0.0.1:{site.plain}"))
    assert said.startswith("schlossctl: 127.0.0.1: TLS: ") and said.endswith("\n" + refused) and said.count("\n") == 2
    p = run(SCHLOSSCTL, "-F", servers(closed, site.address), "id")
    assert "admin" in p.stdout and p.stderr == ""


def test_who_refuses_is_not_asked_again_for_longer_because_others_hang(site):
    closed = f"127.0.0.1:{free_port()}"
    with full() as dead:
        said, took = asked(client_file(site, "mixed", bootstrap_servers=f"127.0.0.1:{dead},{closed}"))
    assert said.count(f"\n  no answer to the TCP connection from 127.0.0.1:{dead} within 10 s: ") == 1
    assert said.endswith(f"\n  no connection to {closed}: Connection refused\n") and 10 <= took < 60


# ---- certificates and keys that are not taken ----

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words):
    run("openssl", *words)


class Certificates:
    """A listener that wants client certificates, and authorities to make them."""

    def __init__(self, versions):
        self.b = b = Broker(f"ssl.enabled.protocols: {versions}")
        self.port = free_port()
        b.add_listener("certificates", f"address: 127.0.0.1:{self.port}\nprotocol: SSL\n"
                       'ssl.principal.mapping.rules: "RULE:^CN=([a-z]+),O=Works$/$1/"')
        b.start()
        b.ctl("user", "create", "anna", "--mechanism", "TLS")
        self.stranger = b.tmp / "stranger"
        self.stranger.mkdir()
        openssl("req", "-x509", *EC, "-keyout", self.stranger / "ca.key", "-out", self.stranger / "ca.pem",
                "-subj", "/CN=Stranger", "-days", "2")
        self.made = 0

    def client(self, subject="/O=Works/CN=anna", days="2", usage="clientAuth", authority=None):
        """Key and certificate in one directory."""
        self.made += 1
        path = self.b.tmp / f"client{self.made}"
        path.mkdir()
        authority = authority or self.b.dir / "tls"
        openssl("req", *EC, "-keyout", path / "key.pem", "-out", path / "csr.pem", "-subj", subject)
        (path / "ext").write_text(f"extendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", path / "csr.pem", "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key",
                "-CAcreateserial", "-days", days, "-extfile", path / "ext", "-out", path / "cert.pem")
        return path

    def ask(self, client, key=None, stdin=None, **more):
        """id by this certificate; the client file it stands in is self.conf."""
        shown = {"ssl_certificate_location": client / "cert.pem", "ssl_key_location": key or client / "key.pem"} if client else {}
        self.conf = client_file(self.b, "client", bootstrap_servers=f"127.0.0.1:{self.port}", security_protocol="SSL",
                                **shown, **more)
        return run(SCHLOSSCTL, "-F", self.conf, "id", check=False, stdin=stdin)


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def certificates(request):
    c = Certificates(request.param)
    c.version = request.param
    yield c
    c.b.remove()


@pytest.mark.parametrize("more, said", [
    ({"authority": "stranger"}, "its authority is none of those in the listener's ssl.truststore.location"),
    ({"days": "-1"}, "it has expired by the broker's clock"),
    ({"usage": "serverAuth"}, "it is none for a client (extendedKeyUsage lacks clientAuth)"),
])
def test_a_certificate_that_is_refused(certificates, more, said):
    """The reason is the broker's, and no login is talked of."""
    c = certificates
    client = c.client(**{**more, **({"authority": c.stranger} if "authority" in more else {})})
    p = c.ask(client)
    assert (p.returncode, p.stderr) == (3, f"schlossctl: {c.conf}: 127.0.0.1:{c.port} refused the certificate of "
                                        f"ssl.certificate.location={client}/cert.pem: {said}\n")


def test_no_certificate_where_one_is_wanted(certificates):
    c = certificates
    p = c.ask(None)
    perhaps = "perhaps " if c.version == "TLSv1.2" else ""
    assert (p.returncode, p.stderr) == (3, f"schlossctl: {c.conf}: {perhaps}127.0.0.1:{c.port} wants a client certificate: "
                                        "ssl.certificate.location and ssl.key.location there name it\n")


def test_a_certificate_of_nobody(certificates):
    """The broker closes without a word, as after every login that fails."""
    p = certificates.ask(certificates.client(subject="/O=Works/CN=paul"))
    assert p.returncode == 3 and "perhaps no user may log in by this certificate" in p.stderr, p.stderr
    assert "anna" in certificates.ask(certificates.client()).stdout


def encrypted(client, form):
    """The key of that client behind the password "secret", in a form that OpenSSL writes."""
    path = client / f"{form}.pem"
    run("openssl", form, "-in", client / "key.pem", "-out", path, *{
        "pkcs8": ("-topk8", "-passout", "pass:secret"), "ec": ("-aes128", "-passout", "pass:secret")}[form])
    return path


def at_a_terminal(conf, typed):
    """id, for somebody who sits there and types a line when he is asked: the exit status, and all that he saw."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(SCHLOSSCTL, [str(SCHLOSSCTL), "-F", str(conf), "id"])
    seen = b""
    with contextlib.suppress(OSError), open(fd, "r+b", buffering=0) as terminal:
        while more := os.read(fd, 4096):
            seen += more
            if typed and b"phrase:" in seen:
                terminal.write(typed + b"\n")
                typed = None
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.mark.parametrize("form", ["pkcs8", "ec"])
def test_a_key_that_is_encrypted(certificates, form):
    """Its password stands in the client file, or is typed where somebody can; nobody is asked in vain."""
    c = certificates
    client = c.client()
    key = encrypted(client, form)
    assert "anna" in c.ask(client, key, ssl_key_password="secret").stdout
    p = c.ask(client, key, ssl_key_password="wrong")
    assert (p.returncode, p.stderr) == (3, f"schlossctl: {c.conf}: ssl.key.location={key}: ssl.key.password there does not open the key\n")
    p = c.ask(client, key, stdin="")
    assert (p.returncode, p.stderr) == (3, f"schlossctl: {c.conf}: ssl.key.location={key}: the key is encrypted: "
                                        "ssl.key.password there opens it\n")
    status, seen = at_a_terminal(c.conf, b"secret")
    assert status == 0 and re.search("(?m)^anna ", seen), seen
    status, seen = at_a_terminal(c.conf, b"guess")
    assert status == 3 and "the key is encrypted" in seen, seen
    _, seen = at_a_terminal(client_file(c.b, "wrong", bootstrap_servers=f"127.0.0.1:{c.port}", security_protocol="SSL",
                                        ssl_certificate_location=client / "cert.pem", ssl_key_location=key,
                                        ssl_key_password="wrong"), None)
    assert "does not open the key" in seen and "phrase" not in seen
