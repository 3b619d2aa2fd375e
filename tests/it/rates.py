# SPDX-License-Identifier: Apache-2.0
"""Connections that send as fast as they are let, and what came through: for test_44_bills.py and tests/long/quotas.

    with Rates() as rates:
        scenarios = [rates.produce("p10", 10), rates.fetch("f1", 1)]
        rates.run(scenarios, 20)
        print([s.sum(20) / s.want / 20 for s in scenarios])

Bytes are counted as the client sees them, whole frames; request time by what the broker's process has
used of its processors.
"""
import collections
import itertools
import os
import pathlib
import threading
import time

import hostile
import twin
from test_61_faults import batch, error_of, produce_request

TOPIC = "paid"
BURST_S = 0.5  # what the rate gives in this time may come at once


class Scenario:
    """work(client): one round trip, and the bytes that count. want: what may come through in a second, bytes or processors."""

    def __init__(self, name, users, connections, want, work):
        self.name, self.users, self.connections, self.want, self.work = name, users, connections, want, work
        self.done, self.failed = [], []  # (when, bytes, connection); what went wrong

    def sum(self, seconds):
        return sum(n for at, n, _ in self.done if at <= seconds)

    def largest(self):
        return max(n for _, n, _ in self.done)

    def turns(self):
        """Of the connection that came to its turn the fewest times, and of the one that did most often."""
        turns = collections.Counter(i for _, _, i in self.done)
        return min(turns[i] for i in range(self.connections)), max(turns.values())


class Rates:
    """A broker, and users with limits of their own."""

    def __init__(self):
        self.site = hostile.Site(f"{hostile.SETTINGS}\nmax.connections.per.ip: 2000\nlogin.max.connections.per.ip: 1000")
        self.broker = self.site.broker
        self.topic("main")
        with self.site.client() as c:
            for _ in range(60):
                assert error_of(c.call("produce", 9, **produce_request(TOPIC, batch([bytes(500)] * 100)))) == 0
        self.offsets = 60 * 100

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.site.remove()

    # Who, and what he may

    def users(self, *names, tenant="main"):
        for name in names:
            self.broker.ctl("--tenant", tenant, "user", "create", name, "--conf", self.broker.dir / f"{name}.conf")
        return names

    def limit(self, entity, **values):
        with self.site.client() as c:
            told = c.call("alter_client_quotas", 1, entries=[{
                "entity": [{"entity_type": t, "entity_name": n} for t, n in entity],
                "ops": [{"key": k, "value": v, "remove": False} for k, v in values.items()]}])
        assert told["entries"][0]["error_code"] == 0, told

    def connect(self, user):
        login = self.broker.conf(user)
        c = self.site.tls(timeout=60)
        assert c.sasl_scram(login["sasl.username"], login["sasl.password"])["error_code"] == 0
        return c

    def topic(self, tenant):
        self.broker.ctl("--tenant", tenant, "topic", "create", TOPIC, "-p", "4", "-c", "flush=os", "-c", "retention.bytes=50000000")
        self.broker.ctl("chmod", "0766", f"/{tenant}/topics/{TOPIC}")

    # What they do: each gives a scenario for run()

    def produce(self, name, connections, rate=1e6, size=16000, entity=None, invents=False, tenant="main", users=1, want=None):
        """By users who share the connections; entity: whose limit it is, if not the first user's. invents: a client id each time."""
        names = self.users(*(f"{name}-{i}" for i in range(users)), tenant=tenant)
        self.limit(entity or [("user", names[0])], producer_byte_rate=rate)
        api = self.site.schema["produce"]
        raw = api.encode("request", 9, produce_request(TOPIC, batch([bytes(size)])))
        numbers = itertools.count()

        def work(client):
            frame = api.request_header(9, 1, f"{name}-{next(numbers)}" if invents else name) + raw
            client.send_frame(frame)
            answer = api.decode_response(9, client.read_frame())[1]
            assert error_of(answer) == 0, answer
            return 4 + len(frame)
        return Scenario(name, names, connections, want or rate, work)

    def fetch(self, name, connections, rate=1e6, size=100_000):
        names = self.users(f"{name}-0")
        self.limit([("user", names[0])], consumer_byte_rate=rate)
        api, starts = self.site.schema["fetch"], itertools.count(0, 37)

        def work(client):
            client.send_frame(api.encode_request(12, dict(
                replica_id=-1, max_wait_ms=1000, min_bytes=1, max_bytes=50_000_000, topics=[{"topic": TOPIC, "partitions": [
                    {"partition": 0, "fetch_offset": next(starts) % (self.offsets // 2), "partition_max_bytes": size}]}]), 1, name))
            frame = client.read_frame()
            answer = api.decode_response(12, frame)[1]
            assert not any(p["error_code"] for t in answer["responses"] for p in t["partitions"]), answer
            return 4 + len(frame)
        return Scenario(name, names, connections, rate, work)

    def time(self, name, connections, percent=10.0):
        """What their requests have taken is told by run(). Each is little to send and much to look at, or a client on
        a busy machine could not ask for what it may have."""
        names = self.users(f"{name}-0")
        self.limit([("user", names[0])], request_percentage=percent)
        packed = batch([bytes(900_000 if connections <= 10 else 90_000)], compression=1)
        raw = self.site.schema["produce"].encode_request(9, produce_request(TOPIC, packed), 1, name)

        def work(client):
            client.send_frame(raw)
            return len(client.read_frame())
        return Scenario(name, names, connections, percent / 100, work)

    def of_bytes(self):
        """The rates that the model promises to hold, for one run."""
        scenarios = [make(f"{kind}-{n}", n) for n in (1, 10, 100)
                     for kind, make in (("produce", self.produce), ("fetch", self.fetch))]
        scenarios.append(self.produce("invents", 10, invents=True))
        # A limit for each of a user's client ids, and as many ids as requests: thirty-two of them have a bucket.
        scenarios.append(self.produce("invents-all", 10, rate=20_000, size=2000, invents=True, want=32 * 20_000,
                                      entity=[("user", "invents-all-0"), ("client-id", None)]))
        self.broker.ctl("tenant", "create", "acme", "--admin", "tina", "--conf", self.broker.dir / "tina.conf")
        self.topic("acme")
        scenarios.append(self.produce("tenant", 10, users=2, tenant="acme", entity=[("tenant", "acme")]))
        return scenarios

    def cpu(self):
        """Seconds of processor that the broker has used."""
        fields = pathlib.Path(f"/proc/{self.broker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # All at once

    def run(self, scenarios, seconds):
        """Runs them side by side; the processor time that the broker took meanwhile."""
        jobs = [(s, i, self.connect(s.users[i % len(s.users)])) for s in scenarios for i in range(s.connections)]
        begin = used = 0

        def go():
            nonlocal begin, used
            begin, used = time.monotonic(), self.cpu()
        # All at once, or the first take the burst of all while the last are not there yet.
        gate = threading.Barrier(len(jobs) + 1, action=go)

        def work(s, i, client):
            gate.wait()
            try:
                while (now := time.monotonic() - begin) < seconds:
                    n = s.work(client)
                    s.done.append((time.monotonic() - begin, n, i))
            except (AssertionError, OSError, EOFError, twin.Bad) as e:
                s.failed.append(f"connection {i} after {now:.1f} s: {e!r}")
        threads = [threading.Thread(target=work, args=j) for j in jobs]
        for t in threads:
            t.start()
        gate.wait()
        time.sleep(max(0, begin + seconds - time.monotonic()))
        used = self.cpu() - used
        for t in threads:
            t.join()
        for _, _, client in jobs:
            client.close()
        return used
