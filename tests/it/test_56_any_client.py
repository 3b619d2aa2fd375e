# SPDX-License-Identifier: Apache-2.0
"""One day of a client, whichever it is: every codec that it has, two members that share and leave, a restart of the
broker between, and who comes later goes on where the others stopped. Over TLS and SCRAM.

Each client is a program that is a producer or a member. A producer says "ready CODEC ..." and then for each line
"CODEC FIRST END" that it reads "sent" when vFIRST to vEND (without it) are acknowledged; a value is that and
what can be compressed. A member prints the first word of each value that it was given, and leaves, having committed,
when it reads a line.
"""
import json
import os
import pathlib
import struct
import subprocess

import foreign
import pytest
from harness import Broker, run
from test_51_clients import until

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4


class Program:
    def __init__(self, broker, name, argv, env):
        self.out, self.err = broker.tmp / f"{name}.out", broker.tmp / f"{name}.err"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=out, stderr=err, text=True,
                                            env={**os.environ, **env})

    def lines(self):
        """Those that are whole."""
        return self.out.read_text().split("\n")[:-1]

    def wants(self, what):
        """Waits until what() of its output is true; ends early with what it said where it is gone."""
        def there():
            assert self.process.poll() is None, self.err.read_text()[-3000:]
            return what(self.lines())
        until(there, lambda: self.err.read_text()[-3000:])

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        self.say("end")
        self.close()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0, self.err.read_text()[-3000:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def codecs_of(home):
    """The codecs of the batches in a stopped broker's segments."""
    seen = set()
    for p in range(PARTITIONS):
        for path in (home / f"day-{p}").glob("*.log"):
            raw, at = path.read_bytes(), 0
            while at + 61 <= len(raw) and (n := struct.unpack_from(">i", raw, at + 8)[0]) > 0:
                seen.add(NUMBERS[struct.unpack_from(">h", raw, at + 21)[0] & 7])
                at += 12 + n
    return seen


class Day:
    """start(role): argv and environment of a producer or a member."""

    def __init__(self, broker, start):
        self.broker, self.start, self.programs, self.members, self.sent = broker, start, [], [], 0

    def program(self, role, name):
        argv, env = self.start(role)
        self.programs.append(Program(self.broker, name, argv, env))
        return self.programs[-1]

    def member(self):
        self.members.append(self.program("consume", f"member-{len(self.members)}"))
        return self.members[-1]

    def send(self, codec, count=20):
        had = len(self.producer.lines())
        self.producer.say(f"{codec} {self.sent} {self.sent + count}")
        self.sent += count
        self.producer.wants(lambda lines: len(lines) > had)

    def arrived(self):
        def missing():
            return {f"v{i}" for i in range(self.sent)} - {v for m in self.members for v in m.lines()}
        until(lambda: not missing(), lambda: f"{sorted(missing())[:9]} are missing; {self.members[-1].err.read_text()[-2000:]}")

    def run(self):
        self.producer, one = self.program("produce", "producer"), self.member()
        self.producer.wants(lambda lines: lines)
        codecs = self.producer.lines()[0].split()[1:]
        for codec in codecs:
            self.send(codec)
        self.arrived()

        two = self.member()

        def both_have_more():
            had = len(one.lines()), len(two.lines())
            self.send("none")
            self.arrived()
            return len(one.lines()) > had[0] and len(two.lines()) > had[1]
        until(both_have_more, lambda: two.err.read_text()[-2000:])

        self.broker.restart()
        until(both_have_more, lambda: two.err.read_text()[-2000:])
        one.end()
        self.send(codecs[-1])
        self.arrived()
        two.end()

        last = self.sent
        three = self.member()
        self.send("none")
        self.arrived()
        three.end()
        assert sorted(three.lines()) == sorted(f"v{i}" for i in range(last, self.sent)), "what was committed came again"
        self.producer.close()
        self.broker.stop()
        assert codecs_of(self.broker.dir / "data") == set(codecs)


@pytest.fixture
def day():
    b = Broker("group.initial.rebalance.delay.ms: 0").start()
    b.ctl("topic", "create", "day", "-p", str(PARTITIONS))
    days = []

    def of(start):
        days.append(Day(b, start))
        days[0].run()
    yield b, of
    for p in days[0].programs if days else ():
        p.kill()
    b.remove()


@pytest.mark.parametrize("version", [foreign.KAFKA, "2.8.2"])
def test_java(day, tmp_path, version):
    broker, run_day = day
    client = foreign.had(foreign.any_client_java, tmp_path, version)
    run_day(lambda role: ([*client, role, broker.dir / "admin.properties", "day", "them"], {}))


@pytest.mark.parametrize("version", [None, (0, 11, 0)])
def test_kafka_python(day, tmp_path, version):
    broker, run_day = day
    conf = {**broker.python_conf(), **({"api_version": version} if version else {})}
    (tmp_path / "conf.json").write_text(json.dumps(conf))
    run_day(lambda role: (["/usr/bin/python3", HERE / "any_client.py", role, tmp_path / "conf.json", "day", "them"], {}))


@pytest.mark.parametrize("name", ["kafkajs", "platformatic"])
def test_node(day, tmp_path, name):
    broker, run_day = day
    modules = foreign.had(foreign.node_modules, "kafkajs@2.2.4", "@platformatic/kafka@1.34.0")
    if name == "platformatic" and int(run("node", "-p", "process.versions.node.split('.')[0]").stdout) < 20:
        pytest.skip("@platformatic/kafka needs Node 20")
    c = broker.conf()
    (tmp_path / "conf.json").write_text(json.dumps({
        "brokers": [broker.address], "ca": c["ssl.ca.location"], "mechanism": c["sasl.mechanisms"].upper(),
        "user": c["sasl.username"], "password": c["sasl.password"]}))
    run_day(lambda role: (["node", HERE / "any_client.js", name, role, tmp_path / "conf.json", "day", "them"],
                          {"NODE_PATH": str(modules / "node_modules")}))
