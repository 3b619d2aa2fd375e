# SPDX-License-Identifier: Apache-2.0
"""Cases that need a broker of their own: memory over connections and partitions, a restart after kill -9.

Each returns the figures of one peer, points for a plot where there are any, and why they end where they do, if that is
before all that was asked for.
"""
import dataclasses
import resource
import signal
import subprocess
import time

from cases import Void

POLLED = 10_000				# idle partitions, of which a fetch session asks
RESTARTED = 10_000			# partitions of the broker that is killed
A_PROCESS = 18_000			# connections of one generator


@dataclasses.dataclass
class Alone:
    row: str
    name: str
    kind: str				# the method of Lonely
    tls: bool
    unit: str
    goal: object
    rounds: int = 1			# at most
    always: bool = False
    flush: str = "ack"

    def title(self):
        return f"{self.name}, {'TLS + SCRAM' if self.tls else 'plain text'}"

    @staticmethod
    def floor():
        return ""


ALONE = [
    Alone("13", f"restart after kill -9, {RESTARTED:,} partitions, 10 GB", "restart", False, "s until all are served", 2, rounds=3),
    Alone("14", "connections, memory of each", "connections", False, "KiB each", {"KiB each": 1.5, "connections": 19000}),
    Alone("14", "connections, memory of each", "connections", True, "KiB each", {"KiB each": 17, "connections": 19000}),
    Alone("15", "partitions, memory of each", "partitions", False, "KiB each",
          {"KiB each": 2, "partitions": 100_000, "us a fetch over 10,000 idle": 50}),
]


def slope(points):
    """KiB each, between the first and the last."""
    (a, x), (b, y) = points[0], points[-1]
    return (y - x) * 1024 / (b - a) if b > a else 0


def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


class Lonely:
    """make: a function that makes a fresh peer; scale: what part of the sizes, 1 but for trying it out."""

    def __init__(self, build, scale):
        self.build, self.scale = build, scale

    def restart(self, make, case):
        n, megabytes = max(int(RESTARTED * self.scale), 4), max(int(10_000 * self.scale), 10)
        peer = make("")
        try:
            peer.start()
            peer.topic("t", n)
            before = peer.load(case.tls, "produce", "t", "-p", n, "-s", 1000, "-m", megabytes)["messages"]
            peer.stop(signal.SIGKILL)
            began = time.monotonic()
            first = peer.start(600)
            after = peer.served("t", n, 600)
            took, cpu = time.monotonic() - began, peer.cpu()
            if before != after or peer.load(False, "verify", "t", "-p", n)["messages"] != before:
                raise Void(f"{peer.name}: {before:.0f} messages were acknowledged, {after:.0f} are there after kill -9")
            return {case.unit: took, "s until the first answer": first, "c-s until then": cpu}, None, None
        finally:
            peer.remove()

    def connections(self, make, case):
        """As many as the limit of descriptors lets a process have. What the kernel holds for sockets is not counted."""
        limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000, 100_000)
        steps = [int(limit * self.scale * part) for part in (0.05, 0.25, 0.5, 0.75, 1)]
        peer, held = make(f"max.connections: {limit + 1000}\nmax.connections.per.ip: {limit + 1000}\n"), []
        try:
            peer.start()
            peer.prepare()
            points = [(0, peer.resident() / 1024)]
            for n in steps:
                while points[-1][0] < n:
                    more = min(n - points[-1][0], A_PROCESS)
                    p = subprocess.Popen([self.build / "bench/load", "-F", peer.conf(case.tls), "-c", str(more), "idle", "-"],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    held.append(p)
                    if not p.stdout.readline():
                        return {case.unit: slope(points[1:] or points), "connections": points[-1][0]}, points, last_line(p.stderr.read().decode())
                    time.sleep(3)
                    points.append((points[-1][0] + more, peer.resident() / 1024))
            return {case.unit: slope(points[1:]), "connections": points[-1][0], "MiB resident": points[-1][1]}, points, None
        finally:
            for p in held:
                p.stdin.close()
            for p in held:
                p.wait()
            peer.remove()

    def partitions(self, make, case):
        """Topics of a thousand; then one of many that have nothing, asked by a fetch session."""
        steps = [int(n * self.scale) for n in (1000, 5000, 10_000, 20_000, 40_000, 70_000, 100_000)]
        polled, peer = max(int(POLLED * self.scale), 1), make("")
        try:
            peer.start()
            peer.prepare()
            points, made, figures, why = [(0, peer.resident() / 1024)], 0, {}, None
            for n in steps:
                try:
                    while made < n:
                        more = min(n - made, 1000)
                        peer.topic(f"p{made}", more)
                        made += more
                    time.sleep(2)
                    points.append((made, peer.resident() / 1024))
                    if made >= polled and not figures:
                        figures = self.poll(peer, case, polled)
                        made += polled
                except RuntimeError as e:	# it takes no more, or is no more
                    why = last_line(str(e)) if peer.alive() else f"it ended by itself, with {made:,} partitions"
                    break
            return {case.unit: slope(points[1:] or points), "partitions": points[-1][0], "MiB resident": points[-1][1]} | figures, points, why
        finally:
            peer.remove()

    def poll(self, peer, case, polled):
        peer.topic("polled", polled)
        before = peer.cpu()
        r = peer.load(case.tls, "poll", "polled", "-c", 1, "-p", polled, "-t", 5)
        return {"us a fetch over 10,000 idle": (peer.cpu() - before) / r["requests"] * 1e6, "p50 ms a fetch": r["p50_ms"]}
