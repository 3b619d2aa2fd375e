# SPDX-License-Identifier: Apache-2.0
"""What is compared: each case is one kind of load, with its goal, and how a run of it is made and judged."""
import dataclasses
import os
import time

from peers import machine, run

PARTITIONS = 4
GENERATOR_BEHIND = "the rate is too high"


class Void(Exception):
    """A run that lost, repeated or changed something: it has no figures, and the comparison ends."""


@dataclasses.dataclass
class Case:
    row: str				# in the table of goals
    name: str
    kind: str				# the method of Runs that makes a run
    tls: bool
    flush: str
    unit: str				# of the first figure, which the goal is for
    goal: object			# a number, or {name of a figure: number}
    always: bool = True			# or only where all are asked for
    words: tuple = ()			# for the generator

    def title(self):
        return f"{self.name}, {'TLS + SCRAM + ACL + quota' if self.tls else 'plain text'}, flush {self.flush}"

    def floor(self):
        """What bench/floor calls the same thing, if it has it."""
        return self.kind + ("-tls" if self.tls else "") if self.kind in ("produce", "fetch") else ""


def both(rows, name, kind, unit, goals, flushes, seldom=(), words=()):
    """The same in plain text and by TLS, under each flush policy; under some of them only where all are asked for.
    What has both policies may take 30 % more where it syncs before it acknowledges."""
    more = {"ack": 1.3} if "os" in flushes else {}
    return [Case(row, name, kind, tls, flush, unit, goal * more.get(flush, 1), flush in flushes, words)
            for row, tls, goal in zip(rows, (False, True), goals) for flush in (*flushes, *seldom)]


ONE = ("-b", 1, "-s", 100)
CASES = [
    *both(("1", "2"), "produce 256 KiB batches of 1,000-byte records", "produce", "c-s/GB", (0.35, 0.85), ("os", "ack")),
    *both(("3", "4"), "fetch 1 MiB at a time, caught up", "fetch", "c-s/GB", (0.22, 0.65), ("os",)),
    *both(("5", "5"), "100-byte records by librdkafka", "small", "c-s/million", (0.07, 0.11), ("os",), ("ack",)),
    *both(("6", "6"), "one record a request, 64 connections, as fast as it goes", "saturate", "us/request", (8, 12), ("os",),
          words=("-c", 64, "-k", 1, *ONE)),
    *both(("6b", "6b"), "one record a request, one connection, 10,000/s", "steady", "% of a core", (45, 55), ("ack",),
          words=("-c", 1, "-r", 10000, *ONE)),
    Case("7", "acknowledgements at 1,000/s", "latency", False, "os", "p50 ms", {"p50 ms": 0.15, "p99 ms": 0.4, "p99.9 ms": 1},
         words=("-c", 10, "-r", 1000, "-b", 1, "-s", 1000)),
    Case("7", "acknowledgements at 1,000/s", "latency", True, "os", "p50 ms", {"p50 ms": 0.15, "p99 ms": 0.4, "p99.9 ms": 1},
         always=False, words=("-c", 10, "-r", 1000, "-b", 1, "-s", 1000)),
    Case("8", "acknowledgements at 1,000/s", "latency", False, "ack", "p50 ms", {"p50 ms": 0.35, "p99 ms": 0.8, "p99.9 ms": 4},
         words=("-c", 10, "-r", 1000, "-b", 1, "-s", 1000)),
    Case("9", "acknowledgements at 10,000/s", "latency", True, "ack", "p50 ms", {"p50 ms": 0.5, "p99 ms": 1.5, "p99.9 ms": 5},
         always=False, words=("-c", 10, "-r", 10000, "-b", 5000, "-s", 1000)),
]


class Runs:
    """Makes runs of cases against a peer. Each has a topic of its own; what it wrote is read back and verified."""

    def __init__(self, build, seconds):
        self.build, self.seconds, self.made = build, seconds, 0

    def load(self, peer, tls, *words):
        out = run(self.build / "bench/load", "-F", peer.conf(tls), *words)
        return {k: float(v) for k, v in (w.split("=") for w in out.split())}

    def measured(self, peer, work):
        """What work() returns, and the seconds of processors that it took until all was on disk."""
        broker, (everything, stolen), began = peer.cpu(), machine(), time.monotonic()
        r = work()
        r["took"] = time.monotonic() - began
        os.sync()
        after, stolen_after = machine()
        r |= {"broker": peer.cpu() - broker, "others": after - everything - r["client_cpu"],
              "stolen": (stolen_after - stolen) / (time.monotonic() - began) / os.cpu_count()}
        return r

    def fresh(self, peer, case):
        self.made += 1
        name = f"t{self.made}"
        peer.topic(name, PARTITIONS, f"flush={case.flush}", "file.delete.delay.ms=0")
        return name

    def verify(self, peer, topic, messages, *words):
        try:
            got = self.load(peer, False, "verify", topic, "-p", PARTITIONS, *words)["messages"]
        except RuntimeError as e:
            raise Void(f"{peer.name}, {topic}: {e}") from None
        if got != messages:
            raise Void(f"{peer.name}, {topic}: {messages:.0f} messages were acknowledged, {got:.0f} are there")

    def written(self, peer, case, words):
        """One run of the generator that writes, verified."""
        topic = self.fresh(peer, case)
        r = self.measured(peer, lambda: self.load(peer, case.tls, "produce", topic, "-p", PARTITIONS, *words))
        self.verify(peer, topic, r["messages"])
        peer.ctl("topic", "delete", topic)
        return r

    # Kinds of cases: rate None is as fast as it goes, to warm up and to see how fast that is.

    def produce(self, peer, case, rate, seconds):
        pace = ("-r", rate) if rate else ()
        r = self.written(peer, case, ("-b", 262144, "-s", 1000, "-t", seconds, *pace))
        return self.cost(r, r["bytes"] / 1e9, case.unit), r["messages"] / r["took"]

    def fetch(self, peer, case, rate, seconds):
        topic = self.fresh(peer, case)
        self.load(peer, False, "produce", topic, "-p", PARTITIONS, "-s", 1000, "-m", 400)
        pace = ("-r", rate) if rate else ()
        r = self.measured(peer, lambda: self.load(peer, case.tls, "fetch", topic, "-p", PARTITIONS, "-t", seconds, *pace))
        peer.ctl("topic", "delete", topic)
        return self.cost(r, r["bytes"] / 1e9, case.unit), r["mb_s"]

    def small(self, peer, case, rate, seconds):
        messages = int((rate or 100_000) * seconds)
        topic = self.fresh(peer, case)

        def work():
            out = run(self.build / "bench/small", peer.rdkafka_conf(case.tls), topic, messages, 100, PARTITIONS, int(rate or 0))
            return {k: float(v) for k, v in (w.split("=") for w in out.split())}
        r = self.measured(peer, work)
        self.verify(peer, topic, r["messages"], "-e")
        peer.ctl("topic", "delete", topic)
        return self.cost(r, r["messages"] / 1e6, case.unit), r["messages"] / r["took"]

    def saturate(self, peer, case, _, seconds):
        r = self.written(peer, case, (*case.words, "-t", seconds))
        figures = self.cost(r, r["requests"] / 1e6, case.unit)
        return figures | {"requests/s": r["requests"] / r["took"], "p50 ms": r["p50_ms"], "p99 ms": r["p99_ms"]}, 0

    def steady(self, peer, case, _, seconds):
        r = self.written(peer, case, (*case.words, "-t", seconds))
        return self.cost(r, r["took"] / 100, case.unit) | {"p50 ms": r["p50_ms"], "p99 ms": r["p99_ms"], "p99.9 ms": r["p999_ms"]}, 0

    def latency(self, peer, case, _, seconds):
        r = self.written(peer, case, (*case.words, "-t", seconds))
        return {"p50 ms": r["p50_ms"], "p99 ms": r["p99_ms"], "p99.9 ms": r["p999_ms"], "max ms": r["max_ms"],
                "% of a core": 100 * r["broker"] / r["took"], "stolen": r["stolen"]}, 0

    @staticmethod
    def cost(r, amount, unit):
        return {unit: r["broker"] / amount, f"all but client {unit}": r["others"] / amount, "client, cores": r["client_cpu"] / r["took"],
                "stolen": r["stolen"]}

    def one(self, peer, case, rate, seconds=None):
        """(figures, rate of work). Figures are None where the peer could not keep up with the offered load."""
        try:
            return getattr(self, case.kind)(peer, case, rate, seconds or self.seconds)
        except RuntimeError as e:
            if GENERATOR_BEHIND in str(e):
                return None, 0
            raise
