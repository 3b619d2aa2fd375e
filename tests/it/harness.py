# SPDX-License-Identifier: Apache-2.0
"""Real broker processes for the tests: make, start, kill, ask.

A Broker is a directory made by `schlossd init`, a process, and the commands an administrator
has. The programs come from $SCHLOSS_BUILD (set by ./runtests).
"""
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SCHLOSS_BUILD", ROOT / "build/test"))
SCHLOSSD = BUILD / "schlossd"
SCHLOSSCTL = BUILD / "schlossctl"
SANITIZED = "detect_leaks=1:abort_on_error=0:exitcode=99"


# Below those that the kernel gives to outgoing connections, one of which would take it while a broker is down.
PORTS = itertools.cycle(range(12000, 32000))
next(itertools.islice(PORTS, random.randrange(20000), None))


def free_port():
    """Not the same again before all others."""
    for port in PORTS:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Failed(Exception):
    """A command of ours ended badly; str() has what it printed."""


def run(*argv, check=True, timeout=60, stdin=None, env=None):
    p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout,
                       input=stdin, env={**os.environ, **(env or {})})
    if check and p.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p


class Broker:
    """settings: lines of YAML that are appended to the file that init wrote."""

    def __init__(self, settings="", listener=None):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="schloss-it-"))
        self.dir = self.tmp / "b"
        self.port = free_port()
        self.process = None
        run(SCHLOSSD, "init", self.dir, "--listen", f"127.0.0.1:{self.port}")
        self.yaml = self.dir / "schlossd.yaml"
        if settings:
            self.configure(settings)
        if listener:
            self.add_listener(*listener)

    def configure(self, settings):
        """Top-level keys replace those that are there."""
        text = self.yaml.read_text()
        for line in settings.strip().split("\n"):
            key = re.match(r"([\w.]+):", line)
            if key:
                text = re.sub(rf"(?m)^{re.escape(key.group(1))}:.*\n", "", text)
        self.yaml.write_text(text.rstrip("\n") + "\n" + settings.strip() + "\n")

    def add_listener(self, name, lines):
        """One more entry of the listeners map; lines without indentation."""
        body = "".join(f"    {line}\n" for line in lines.strip().split("\n"))
        text = self.yaml.read_text()
        self.yaml.write_text(re.sub(r"(?m)^listeners:\n", f"listeners:\n  {name}:\n{body}", text, count=1))

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log(self):
        path = self.tmp / "log"
        return path.read_text() if path.exists() else ""

    def start(self, wait=True, env=None, under=()):
        """under: a program that runs it, with its arguments. What is preloaded reads files that no broker knows of."""
        if "SHIM_DIR" in (env or {}):
            self.configure("sandbox: never")
        out = open(self.tmp / "log", "a")
        self.process = subprocess.Popen(
            [*under, SCHLOSSD, "-c", self.yaml], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            env={**os.environ, "ASAN_OPTIONS": SANITIZED, "UBSAN_OPTIONS": "print_stacktrace=1",
                 **(env or {})})
        out.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"schlossd ended with {self.process.returncode}\n{self.log[-4000:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed(f"schlossd does not listen\n{self.log[-4000:]}")

    def stop(self, seconds=20):
        """SIGTERM; a clean end and no finding of a sanitizer, or Failed."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise Failed(f"schlossd does not stop\n{self.log[-4000:]}") from None
        self.process = None
        if code != 0:
            raise Failed(f"schlossd ended with {code}\n{self.log[-6000:]}")
        if " was refused, " in self.log:
            raise Failed(f"schlossd needed what its sandbox refuses\n{self.log[-6000:]}")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        try:
            self.stop()
        finally:
            self.kill()
            shutil.rmtree(self.tmp, ignore_errors=True)

    # What an administrator does.

    def ctl(self, *args, conf="admin", check=True, stdin=None):
        return run(SCHLOSSCTL, "-F", self.dir / f"{conf}.conf", *args, check=check, stdin=stdin)

    def user(self, name, *args):
        """Makes a user; conf(name) is its client file from then on."""
        self.ctl("user", "create", name, "--conf", self.dir / f"{name}.conf", *args)
        return self.conf(name)

    def delete_tenant(self, name, *options):
        """Both steps: the mark tells the word that the second takes."""
        told = json.loads(self.ctl("-o", "json", "tenant", "delete", name, *options).stdout)
        return self.ctl("tenant", "delete", name, "--confirm", told[0]["confirm"])

    def conf(self, name="admin"):
        """A client file as librdkafka's properties."""
        lines = (self.dir / f"{name}.conf").read_text().split("\n")
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def python_conf(self, name="admin"):
        """The same for kafka-python."""
        c = self.conf(name)
        return dict(bootstrap_servers=c["bootstrap.servers"], security_protocol="SASL_SSL",
                    ssl_cafile=c["ssl.ca.location"], sasl_mechanism=c["sasl.mechanisms"],
                    sasl_plain_username=c["sasl.username"], sasl_plain_password=c["sasl.password"])

    def speak(self, name="admin"):
        """A connection for what clients cannot ask."""
        import twin  # of tests/wire: not everybody who makes a broker has that in his path
        c = self.conf(name)
        client = twin.Client("127.0.0.1", self.port, server_hostname="127.0.0.1",
                             ssl_context=ssl.create_default_context(cafile=c["ssl.ca.location"]))
        assert client.sasl_scram(c["sasl.username"], c["sasl.password"])["error_code"] == 0
        return client

    def kcat(self, *args, conf="admin", stdin=None, check=True, timeout=60):
        return run("kcat", "-F", self.dir / f"{conf}.conf", *args, stdin=stdin, check=check,
                   timeout=timeout)
