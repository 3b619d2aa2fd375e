# SPDX-License-Identifier: Apache-2.0
"""Brokers that are measured: Schloss, and Apache Kafka with the same listeners, key, user, rights and quotas."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
SUITE = "TLS_AES_128_GCM_SHA256"
USER, PASSWORD = "loader", "loader-secret"
PLENTY = ("producer_byte_rate=100000000000", "consumer_byte_rate=100000000000", "request_percentage=100000")


def run(*argv, **more):
    try:
        return subprocess.run([str(a) for a in argv], check=True, text=True, capture_output=True, **more).stdout
    except subprocess.CalledProcessError as e:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {e.stdout[-500:]}{e.stderr[-2000:]}") from None


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def machine():
    """CPU seconds of all processes and the kernel since the start, and those that the host took away."""
    with open("/proc/stat", encoding="ascii") as f:
        w = [int(x) for x in f.readline().split()[1:9]]
    return (sum(w) - w[3] - w[4] - w[7]) / TICK, w[7] / TICK


class Peer:
    """One broker: a PLAINTEXT listener that trusts everybody, and one of TLS and SASL for a user with limits."""

    def __init__(self, build, parent):
        self.build, self.parent = build, pathlib.Path(tempfile.mkdtemp(prefix="schloss-bench-", dir=parent))
        self.tls, self.plain, self.other = free_ports(3)
        self.process = None

    def start(self, limit=120):
        """Seconds until the first answer."""
        began = time.monotonic()
        with open(self.parent / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([str(a) for a in self.command()], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.plain), timeout=5) as s:
                    s.sendall(bytes.fromhex("0000000b001200000000000100017a"))
                    if s.recv(4):
                        return time.monotonic() - began
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() - began > limit:
                sys.exit(f"{self.name} does not start:\n" + (self.parent / "log").read_text()[-2000:])
            time.sleep(0.001)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.parent, ignore_errors=True)

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICK

    def settle(self, limit=60):
        """Waits until it has done what it does behind answers: making and removing a thousand partitions, for one."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < 0.2:
                return

    def resident(self):
        """KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def conf(self, tls):
        return self.parent / ("user.conf" if tls else "plain.conf")

    def rdkafka_conf(self, tls):
        """Debian's librdkafka does not log in to Kafka 4 by SCRAM."""
        return self.parent / ("rdkafka.conf" if tls else "plain.conf")

    def load(self, tls, *words):
        """What the generator says."""
        return {k: float(v) for k, v in (w.split("=") for w in run(self.build / "bench/load", "-F", self.conf(tls), *words).split())}

    @contextlib.contextmanager
    def awake(self, topic):
        """Meanwhile two records a second are written there: Schloss lets go of its tails after ten seconds without any, and
        consumers who keep up with nobody are none."""
        with subprocess.Popen([self.build / "bench/load", "-F", self.conf(False), "produce", topic, "-c", "1", "-b", "1", "-s", "100",
                               "-r", "2", "-t", "3600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            try:
                yield
            finally:
                p.kill()

    def served(self, topic, partitions, limit=120):
        """Waits until all its partitions are; the number of records in it."""
        end = time.monotonic() + limit
        while True:
            try:
                return self.load(False, "ends", topic, "-c", 1, "-p", partitions)["messages"]
            except RuntimeError:
                if time.monotonic() > end or not self.alive():
                    raise
                time.sleep(0.02)

    def ctl(self, *args):
        return run(self.build / "schlossctl", "-F", self.admin(), *args)

    def write_confs(self, ca):
        (self.parent / "plain.conf").write_text(f"bootstrap.servers=127.0.0.1:{self.plain}\nsecurity.protocol=PLAINTEXT\n")
        for path, mechanism in ((self.conf(True), "SCRAM-SHA-256"), (self.rdkafka_conf(True), "PLAIN")):
            path.write_text(f"bootstrap.servers=127.0.0.1:{self.tls}\nsecurity.protocol=SASL_SSL\nssl.ca.location={ca}\n"
                            f"sasl.mechanism={mechanism}\nsasl.username={USER}\nsasl.password={PASSWORD}\n")


class Schloss(Peer):
    name = "Schloss"

    def __init__(self, build, parent, settings=""):
        super().__init__(build, parent)
        self.dir, self.reserved = self.parent / "b", 0
        run(build / "schlossd", "init", self.dir, "--listen", f"127.0.0.1:{self.tls}")
        path = self.dir / "schlossd.yaml"
        text = path.read_text().replace("listeners:\n", f"""listeners:
  PLAIN:
    address: 127.0.0.1:{self.plain}
    protocol: PLAINTEXT
    allow.plaintext: true
    allow.anonymous: true
""", 1).replace("SCRAM-SHA-512]", "SCRAM-SHA-512, PLAIN]")
        path.write_text(text + f"ssl.cipher.suites: {SUITE}\n" + settings)
        self.write_confs(self.dir / "tls/ca.pem")

    def take_rsa_key(self):
        """Instead of the one that init made; before it starts."""
        tls = self.dir / "tls"
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", tls / "rsa.key", "-out", tls / "rsa.csr", "-subj", "/CN=broker",
            "-addext", "subjectAltName=IP:127.0.0.1")
        cert = run("openssl", "x509", "-req", "-in", tls / "rsa.csr", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key", "-days", "2",
                   "-copy_extensions", "copy")
        (tls / "server.pem").write_text((tls / "rsa.key").read_text() + cert)

    def command(self):
        return [self.build / "schlossd", "-c", self.dir / "schlossd.yaml"]

    def admin(self):
        return self.dir / "admin.conf"

    def prepare(self):
        """The user whom the gates know, once the broker runs for the first time."""
        run(self.build / "schlossctl", "-F", self.admin(), "user", "create", USER, "--password-file", "-", "--conf",
            self.parent / "made.conf", input=PASSWORD + "\n")
        self.ctl("quota", "set", f"users/{USER}", *PLENTY)

    def topic(self, name, partitions=4, *settings):
        self.ctl("topic", "create", name, "-p", partitions, *[x for s in settings for x in ("-c", s)])
        self.ctl("chmod", "--force", "777", f"/main/topics/{name}")

    def groups(self, n):
        """Groups load-0 ... that everybody may use. A stranger owns nothing, not even a group that he made by use."""
        for i in range(self.reserved, n):
            self.ctl("group", "create", f"load-{i}", "--mode", "777")
        self.reserved = max(self.reserved, n)

    def flush_offsets(self, flush):
        """How commits are flushed, which is the broker's default: no client may change __consumer_offsets."""
        path = self.dir / "schlossd.yaml"
        text = re.sub(r"^log\.flush: .*\n", "", path.read_text(), flags=re.M) + f"log.flush: {flush}\n"
        if text != path.read_text():
            path.write_text(text)
            self.stop()
            self.start()

    def version(self):
        return "Schloss " + run("git", "describe", "--always", "--dirty", cwd=ROOT).strip()


LOG4J = """status = warn
rootLogger.level = info
rootLogger.appenderRef.f.ref = f
appender.f.type = File
appender.f.name = f
appender.f.fileName = {}
appender.f.layout.type = PatternLayout
appender.f.layout.pattern = [%d] %p %m (%c)%n
"""
LOGGING = "".join(f"<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>{a}</artifactId><version>2.25.1</version></dependency>"
                  for a in ("log4j-api", "log4j-core", "log4j-slf4j-impl", "log4j-1.2-api"))


def fetch_kafka(build, version):
    """Its jars, by Maven, once."""
    os.environ["SCHLOSS_BUILD"] = str(build)
    sys.path.insert(0, str(ROOT / "tests/it"))
    import foreign  # pylint: disable=import-error,import-outside-toplevel
    return foreign.jars("kafka-broker", "kafka-tools", "kafka_2.13", version=version, more=LOGGING)


class Kafka(Peer):
    """Apache Kafka, one node, heap and flags as its own scripts set them."""
    name = "Apache Kafka"
    JVM = ["-Xms1G", "-Xmx1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
           "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]

    def __init__(self, build, parent, jars, keys):
        """keys: a directory with ca.pem and server.pem, as `schlossd init` makes them."""
        super().__init__(build, parent)
        self.jars = jars
        shutil.copy(keys / "server.pem", self.parent / "server.pem")
        shutil.copy(keys / "ca.pem", self.parent / "ca.pem")
        (self.parent / "log4j2.properties").write_text(LOG4J.format(self.parent / "server.log"))
        p = self.parent / "server.properties"
        p.write_text(self.properties())
        uuid = self.java("kafka.tools.StorageTool", "random-uuid").strip().splitlines()[-1]
        self.java("kafka.tools.StorageTool", "format", "-t", uuid, "-c", p, "--standalone", "--add-scram",
                  f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]")
        self.write_confs(self.parent / "ca.pem")

    def tool(self, name):
        """The class, which moved from one package to the other between two versions."""
        for jar in sorted(self.jars.glob("kafka*.jar")):
            with zipfile.ZipFile(jar) as z:
                for package in ("org/apache/kafka/tools", "kafka/admin"):
                    if f"{package}/{name}.class" in z.namelist():
                        return f"{package}/{name}".replace("/", ".")
        raise RuntimeError(f"this Apache Kafka has no {name}")

    def java(self, *words):
        return run("java", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", *self.log4j(), *words)

    def log4j(self):
        return [f"-Dlog4j2.configurationFile={self.parent / 'log4j2.properties'}"]

    def properties(self):
        addresses = f"PLAINTEXT://127.0.0.1:{self.plain},SASL_SSL://127.0.0.1:{self.tls},CONTROLLER://127.0.0.1:{self.other}"
        login = "org.apache.kafka.common.security"
        return f"""process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{self.other}
listeners={addresses}
advertised.listeners={addresses}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs={self.parent / 'data'}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
ssl.keystore.type=PEM
ssl.keystore.location={self.parent / 'server.pem'}
ssl.truststore.type=PEM
ssl.truststore.location={self.parent / 'ca.pem'}
ssl.enabled.protocols=TLSv1.3
ssl.cipher.suites={SUITE}
"""

    def command(self):
        return ["java", *self.JVM, *self.log4j(), "-cp", f"{self.jars}/*", "kafka.Kafka", self.parent / "server.properties"]

    def admin(self):
        return self.parent / "plain.conf"

    def prepare(self):
        where = ["--bootstrap-server", f"127.0.0.1:{self.plain}"]
        self.java(self.tool("ConfigCommand"), *where, "--alter", "--entity-type", "users", "--entity-name", USER,
                  "--add-config", ",".join(PLENTY))
        self.java(self.tool("AclCommand"), *where, "--add", "--force", "--allow-principal", f"User:{USER}",
                  "--operation", "All", "--topic", "*", "--group", "*")

    def topic(self, name, partitions=4, *settings):
        """Its words for `flush`: none for `os`, one record for `ack`."""
        words = {"flush=os": [], "flush=ack": ["flush.messages=1"]}
        self.ctl("topic", "create", name, "-p", partitions, *[x for s in settings for w in words.get(s, [s]) for x in ("-c", w)])
        self.served(name, partitions)	# it answers 6, not its leader, until its parts have heard of it

    def groups(self, n):
        pass

    def flush_offsets(self, flush):
        """Its offsets' topic is made when somebody first asks for a group."""
        self.topic("offsets", 1)
        self.load(False, "commit", "offsets", "-c", 1, "-t", 0.1)
        self.ctl("topic", "delete", "offsets")
        self.ctl("topic", "alter", "__consumer_offsets", *(("-c", "flush.messages=1") if flush == "ack" else ("-d", "flush.messages")))

    def version(self):
        jar = next(self.jars.glob("kafka-clients-*.jar"))
        return "Apache Kafka " + re.fullmatch(r"kafka-clients-(.*)\.jar", jar.name)[1]
