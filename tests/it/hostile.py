# SPDX-License-Identifier: Apache-2.0
"""What the tests with hostile input share: a bystander, raw connections, frames made by hand."""
import concurrent.futures
import contextlib
import pathlib
import socket
import ssl
import struct
import threading
import time

import twin
from confluent_kafka import Consumer, Producer, TopicPartition
from harness import Broker, run

# The sanitizer keeps what was freed for a while; that would hide what the broker itself holds.
LEAN = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=8:malloc_context_size=5"}
SETTINGS = "group.initial.rebalance.delay.ms: 0"
PROMPT_S, PATIENCE_S = 2, 30
MEANWHILE_S = 10        # of a record while others attack: with sanitizers, on two cores that the attack uses, too
GROWTH_MAX = 300 << 20  # of the broker with a sanitizer, which keeps what is free: bombs leave most, 257 MiB
API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36


def preloaded(shim, directory):
    """The environment of a broker whose disk and clock obey the files in directory (shim.c)."""
    return {"LD_PRELOAD": str(shim), "SHIM_DIR": str(directory),
            "ASAN_OPTIONS": LEAN["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}


class Site:
    """A broker and somebody who goes on working whatever others send to it."""

    def __init__(self, settings=SETTINGS, broker=None, env=None):
        self.broker = broker or Broker(settings)
        self.env = {**LEAN, **(env or {})}
        self.broker.start(env=self.env)
        self.schema = twin.Schema()
        self.broker.ctl("topic", "create", "calm")
        conf = self.broker.conf()
        self.context = ssl.create_default_context(cafile=conf["ssl.ca.location"])
        self.login = conf["sasl.username"], conf["sasl.password"]
        self.producer = Producer({**conf, "linger.ms": 0})
        self.consumer = Consumer({**conf, "group.id": "calm", "enable.auto.commit": False})
        self.consumer.assign([TopicPartition("calm", 0, 0)])
        self.n, self.turn, self.trips = 0, threading.Lock(), []
        self.begin()

    def begin(self):
        """Clients have connected, and what the broker holds then is where growth begins."""
        self.there_and_back()
        self.calm = self.resident()

    def undisturbed(self, within=PROMPT_S):
        """One more record of the bystander's, there and back, in its place and in time, and memory is bounded. It may
        be late once: a machine that others use, too, stops now and then."""
        late = self.there_and_back()
        if late > within:
            again = self.there_and_back()
            assert again <= within, f"{late:.1f} s, and {again:.1f} s once more, for a record of the bystander's"
        self.bounded()

    @contextlib.contextmanager
    def meanwhile(self, within=MEANWHILE_S):
        """Whatever is done in the block, records of the bystander's come and go all the time, each in time; there is
        always one. How long each took is in trips."""
        over, self.trips = threading.Event(), []

        def go_on():
            while not over.is_set():
                self.trips.append(self.there_and_back())
                over.wait(0.1)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            job = pool.submit(go_on)
            try:
                yield
            finally:
                over.set()
            job.result()
        assert max(self.trips) <= within, f"{max(self.trips):.1f} s for one of {len(self.trips)} records of the bystander's"

    def there_and_back(self):
        """How long that took."""
        with self.turn:
            return self.one_trip()

    def one_trip(self):
        failed, begin = [], time.monotonic()
        self.producer.produce("calm", b"%d" % self.n, on_delivery=lambda e, m: e and failed.append(e))
        assert self.producer.flush(PATIENCE_S) == 0 and not failed, failed
        m = None
        while m is None and time.monotonic() < begin + PATIENCE_S:
            m = self.consumer.poll(1)
        assert m is not None and m.error() is None, m and m.error()
        assert (m.value(), m.offset()) == (b"%d" % self.n, self.n)
        self.n += 1
        assert self.broker.process.poll() is None
        return time.monotonic() - begin

    def bounded(self):
        grown = self.resident() - self.calm
        assert grown < GROWTH_MAX, f"the broker has grown by {grown >> 20} MiB"

    def resident(self):
        """What the broker holds in memory, bytes."""
        status = pathlib.Path(f"/proc/{self.broker.process.pid}/status").read_text()
        return int(next(x for x in status.split("\n") if x.startswith("VmRSS")).split()[1]) * 1024

    def connections(self, port=None):
        """Sockets that the broker has accepted and not closed; of the client with that port, or of all."""
        whose = f"( sport = :{self.broker.port}{f' and dport = :{port}' if port else ''} )"
        out = run("ss", "-Htn", "state", "established", whose).stdout
        return len(out.strip().split("\n")) if out.strip() else 0

    def remove(self):
        self.consumer.close()
        self.broker.remove()

    def restart(self):
        self.broker.stop()
        self.broker.start(env=self.env)
        self.begin()

    # Connections, ever less finished

    def client(self, timeout=30):
        c = self.tls(timeout)
        assert c.sasl_scram(*self.login)["error_code"] == 0
        return c

    def tls(self, timeout=30, source=None):
        """A handshake, and no login."""
        return twin.Client("127.0.0.1", self.broker.port, schema=self.schema, ssl_context=self.context,
                           server_hostname="127.0.0.1", timeout=timeout, source=source)

    def tcp(self, timeout=30, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.broker.port), timeout=timeout, source_address=(source, 0))


def client_hello(site, name="127.0.0.1"):
    out = ssl.MemoryBIO()
    tls = site.context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def closed(sock):
    """True when the broker hangs up, by whatever means, before the socket's time-out."""
    try:
        while sock.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except (ConnectionError, ssl.SSLError, OSError):
        return True


def send_and_see(client, raw):
    """Sends bytes as they are; the answer's frame, or None where the broker hung up instead."""
    try:
        client.sock.sendall(raw)
        return client.read_frame()
    except (EOFError, ConnectionError, ssl.SSLError):
        return None


def frame(raw):
    return struct.pack(">i", len(raw)) + raw


def header(key, version, correlation=7, client_id=b"hostile", tags=None):
    """tags: the bytes of a flexible header behind the client id."""
    n = struct.pack(">h", len(client_id)) if client_id is not None else b"\xff\xff"
    return struct.pack(">hhi", key, version, correlation) + n + (client_id or b"") + (tags or b"")


def eventually(what, seconds=30):
    """Waits until what() is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come to it"
        time.sleep(0.05)
