# SPDX-License-Identifier: Apache-2.0
"""schlossctl before anybody answers it: brokers that hang, certificates and keys that are not taken."""
import concurrent.futures
import contextlib
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


def asked(conf, env=None):
    """What schlossctl says, and after how long."""
    begin = time.monotonic()
    p = run(SCHLOSSCTL, "-F", conf, "topic", "list", check=False, timeout=120, env=env)
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


def test_an_answer_that_does_not_come_after_the_login(site, shim, tmp_path):
    """The clock is the test's: nobody waits for a minute here."""
    (tmp_path / "hurry").write_text("1")
    with hanging(4, site.plain) as port:
        conf = client_file(site, "late", bootstrap_servers=f"127.0.0.1:{port}", security_protocol="SASL_PLAINTEXT")
        said, took = asked(conf, env=preloaded(shim, tmp_path))
    assert said == f"schlossctl: no answer to Metadata from 127.0.0.1:{port} within 60 s: perhaps the broker hangs\n"
    assert took < 50
