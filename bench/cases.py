# SPDX-License-Identifier: Apache-2.0
"""What is compared: each case is one kind of load, with its goal, and how a run of it is made and judged."""
import dataclasses
import os
import shutil
import time

from peers import machine, run
from watch import profile

PARTITIONS = 4
HOT = 40				# megabytes: who keeps up finds them in the tail of Schloss, 96 MiB
WIDE = 1000				# partitions of row 10
GROUPS = 100				# of row 17
DAY = 9.26e6				# records a second of row 11, of
DAY_BYTES = 219				# each
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
    *[Case("10", f"16 KiB batches spread over {WIDE:,} partitions, synced against unsynced", "spread", tls, "ack and os", "% of unsynced", 70,
           always=False) for tls in (False, True)],
    Case("11", "LinkedIn's average day of 2015: 9.26 M records of 219 bytes a second", "day", False, "os", "cores at 2.03 GB/s",
         {"cores at 2.03 GB/s": 0.75, "s until on disk": 1, "records/s": DAY}, always=False),
    Case("16", "full TLS 1.3 and SCRAM logins", "logins", True, "os", "logins/s and core", 2500, always=False),
    *[Case("17", f"offset commits, one group a connection, {GROUPS} groups", "commits", tls, flush, "commits/s and core", goal, always=False)
      for flush, goal in (("os", 60000), ("ack", 20000)) for tls in (False, True)],
]


class Runs:
    """Makes runs of cases against a peer. Each has a topic of its own; what it wrote is read back and verified."""

    def __init__(self, build, seconds):
        self.build, self.seconds, self.made, self.reached = build, seconds, 0, {}
        self.profiling, self.profile = False, []	# where the time went, of the last run while the first was set

    def measured(self, peer, work):
        """What work() returns, and the seconds of processors that it took until all was on disk."""
        broker, (everything, stolen), began = peer.cpu(), machine(), time.monotonic()
        if self.profiling:
            r, self.profile = profile(peer, work)
        else:
            r = work()
        r["took"] = time.monotonic() - began
        os.sync()
        r["synced"] = time.monotonic() - began - r["took"]
        after, stolen_after = machine()
        r |= {"broker": peer.cpu() - broker, "others": after - everything - r["client_cpu"],
              "stolen": (stolen_after - stolen) / (time.monotonic() - began) / os.cpu_count()}
        return r

    def fresh(self, peer, flush, partitions=PARTITIONS):
        self.made += 1
        name = f"t{self.made}"
        peer.topic(name, partitions, f"flush={flush}", "file.delete.delay.ms=0")
        if partitions > PARTITIONS:
            peer.settle()
        return name

    def verify(self, peer, topic, messages, *words, partitions=PARTITIONS):
        try:
            got = peer.load(False, "verify", topic, "-p", partitions, *words)["messages"]
        except RuntimeError as e:
            raise Void(f"{peer.name}, {topic}: {e}") from None
        if got != messages:
            raise Void(f"{peer.name}, {topic}: {messages:.0f} messages were acknowledged, {got:.0f} are there")

    def written(self, peer, case, words, flush=None, partitions=PARTITIONS):
        """One run of the generator that writes, verified."""
        topic = self.fresh(peer, flush or case.flush, partitions)
        r = self.measured(peer, lambda: peer.load(case.tls, "produce", topic, "-p", partitions, *words))
        self.verify(peer, topic, r["messages"], partitions=partitions)
        peer.ctl("topic", "delete", topic)
        return r

    # Kinds of cases: rate None is as fast as it goes, to warm up and to see how fast that is.

    def produce(self, peer, case, rate, seconds):
        pace = ("-r", rate) if rate else ()
        r = self.written(peer, case, ("-b", 262144, "-s", 1000, "-t", seconds, *pace))
        return self.cost(r, r["bytes"] / 1e9, case.unit), r["messages"] / r["took"]

    def fetch(self, peer, case, rate, seconds):
        topic = self.fresh(peer, case.flush)
        peer.load(False, "produce", topic, "-p", PARTITIONS, "-s", 1000, "-m", HOT)
        other = self.fresh(peer, case.flush, 1)
        pace = ("-r", rate) if rate else ()
        with peer.awake(other):
            r = self.measured(peer, lambda: peer.load(case.tls, "fetch", topic, "-p", PARTITIONS, "-t", seconds, *pace))
        peer.ctl("topic", "delete", topic, other)
        return self.cost(r, r["bytes"] / 1e9, case.unit), r["mb_s"]

    def small(self, peer, case, rate, seconds):
        messages = int((rate or 100_000) * seconds)
        topic = self.fresh(peer, case.flush)

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

    def spread(self, peer, case, _, seconds):
        """Unsynced and synced, as fast as each goes, one after the other, every second time the other way round."""
        order = ("os", "ack") if self.made % 4 < 2 else ("ack", "os")
        r = {flush: self.written(peer, case, ("-b", 16384, "-s", 1000, "-t", seconds), flush, WIDE) for flush in order}
        return {case.unit: 100 * r["ack"]["mb_s"] / r["os"]["mb_s"], "synced MB/s": r["ack"]["mb_s"], "unsynced MB/s": r["os"]["mb_s"],
                "synced c-s/GB": r["ack"]["broker"] / r["ack"]["bytes"] * 1e9,
                "unsynced c-s/GB": r["os"]["broker"] / r["os"]["bytes"] * 1e9, "stolen": max(x["stolen"] for x in r.values())}, 0

    def day(self, peer, case, rate, seconds):
        """At the rate of that day where the peer reached it, else as fast as it goes: what a second of that day takes then follows
        from the bytes."""
        room = shutil.disk_usage(peer.parent).free / 2 / (DAY * DAY_BYTES)
        pace = ("-r", DAY) if rate and self.reached[peer.name] > DAY else ()
        r = self.written(peer, case, ("-b", 1000000, "-s", DAY_BYTES - 10, "-t", min(seconds, room), *pace))
        self.reached[peer.name] = r["messages"] / r["took"]
        return {case.unit: r["broker"] / r["bytes"] * DAY * DAY_BYTES, "s until on disk": r["synced"], "records/s": r["messages"] / r["took"],
                "GB/s": r["bytes"] / r["took"] / 1e9, "client, cores": r["client_cpu"] / r["took"], "stolen": r["stolen"]}, r["messages"] / r["took"]

    def logins(self, peer, case, _, seconds):
        r = self.measured(peer, lambda: peer.load(case.tls, "logins", "-", "-c", 4, "-t", seconds))
        return {case.unit: r["requests"] / r["broker"], "ms a login": r["broker"] / r["requests"] * 1e3, "logins/s": r["requests"] / r["took"],
                "client, cores": r["client_cpu"] / r["took"], "stolen": r["stolen"]}, 0

    def commits(self, peer, case, _, seconds):
        """The generator asks in the end what is kept, and fails where that is not what was acknowledged last."""
        peer.groups(GROUPS)
        peer.flush_offsets(case.flush)
        topic = self.fresh(peer, "os")
        r = self.measured(peer, lambda: peer.load(case.tls, "commit", topic, "-c", GROUPS, "-t", seconds))
        peer.ctl("topic", "delete", topic)
        return {case.unit: r["requests"] / r["broker"], "us a commit": r["broker"] / r["requests"] * 1e6, "commits/s": r["requests"] / r["took"],
                "p50 ms": r["p50_ms"], "p99 ms": r["p99_ms"], "client, cores": r["client_cpu"] / r["took"], "stolen": r["stolen"]}, 0

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
