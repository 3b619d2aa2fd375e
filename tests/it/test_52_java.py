# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own console tools against Schloss, with the properties that init wrote."""
import json
import os
import re
import time

import foreign
import pytest
from confluent_kafka import Producer
from harness import Broker, Failed, run

TOOLS = "org.apache.kafka.tools."
CONSUMER, GROUPS = TOOLS + "consumer.ConsoleConsumer", TOOLS + "consumer.group.ConsumerGroupCommand"


@pytest.fixture(scope="module")
def jars():
    return foreign.had(foreign.kafka_jars)


class Tools:
    def __init__(self, jars, address, properties, options=(), env=None):
        self.jars, self.address, self.properties, self.options, self.env = jars, address, properties, options, env

    def __call__(self, name, *args, stdin=None, check=True):
        p = run("java", "-XX:TieredStopAtLevel=1", "-Xmx256m", *self.options, "-cp", f"{self.jars}/*", name,
                "--bootstrap-server", self.address, "--command-config", self.properties, *args, stdin=stdin,
                check=False, timeout=120, env=self.env)
        if check and p.returncode != 0:
            raise Failed(f"{name} {args}: exit {p.returncode}\n{p.stdout}\n{p.stderr}")
        return p.stdout + ("" if check else p.stderr)


@pytest.fixture(scope="module")
def admin(jars):
    b = Broker("group.initial.rebalance.delay.ms: 0").start()
    yield Tools(jars, b.address, b.dir / "admin.properties"), b
    b.remove()


def there_and_back(tools, topic, codec):
    tools(TOOLS + "ConsoleProducer", "--topic", topic, "--command-property", f"compression.type={codec}",
          stdin="one\ntwo\n")
    out = tools(CONSUMER, "--topic", topic, "--from-beginning", "--max-messages", "2", "--timeout-ms", "60000",
                "--group", f"g-{topic}")
    assert sorted(line for line in out.split("\n") if line in ("one", "two")) == ["one", "two"]


def test_topics_records_and_groups(admin):
    tools, _ = admin
    tools(TOOLS + "TopicCommand", "--create", "--topic", "jt", "--partitions", "3")
    assert "PartitionCount: 3" in tools(TOOLS + "TopicCommand", "--describe", "--topic", "jt")
    there_and_back(tools, "jt", "zstd")
    lines = [line.split() for line in tools(GROUPS, "--describe", "--group", "g-jt").split("\n") if line.startswith("g-jt")]
    assert sum(int(line[3]) for line in lines) == 2 and {line[5] for line in lines} == {"0"}, lines
    tools(TOOLS + "TopicCommand", "--delete", "--topic", "jt")
    assert "jt" not in tools(TOOLS + "TopicCommand", "--list").split()


CONFIGS = "kafka.admin.ConfigCommand"


def test_settings(admin):
    tools, b = admin
    b.ctl("topic", "create", "set")
    tools(CONFIGS, "--alter", "--entity-type", "topics", "--entity-name", "set", "--add-config", "retention.ms=3600000")
    assert "retention.ms=3600000" in tools(CONFIGS, "--describe", "--entity-type", "topics", "--entity-name", "set")


def quotas(b):
    return {(r["user"] or "", r["client_id"] or "", r["quota"], r["value"]) for r in json.loads(b.ctl("quota", "show", "-o", "json").stdout)}


# How kafka-configs names an entity, and what schlossctl and it say of it.
ENTITIES = [
    (["--entity-type", "users", "--entity-name", "paul"], ("paul", ""), "user-principal 'paul'"),
    (["--entity-type", "users", "--entity-default"], ("*", ""), "default user-principal"),
    (["--client-defaults"], ("", "*"), "default client-id"),
    (["--user", "paul", "--client", "app"], ("paul", "app"), "user-principal 'paul', client-id 'app'"),
    (["--user-defaults", "--client", "app"], ("*", "app"), "default user-principal, client-id 'app'"),
]


def test_quotas(admin):
    """What kafka-configs sets schlossctl shows, what it describes is what there is, and what it removes is gone."""
    tools, b = admin
    b.user("paul")
    for i, (entity, (user, client), said) in enumerate(ENTITIES):
        rate = 1_000_000 + i
        tools(CONFIGS, "--alter", *entity, "--add-config", f"producer_byte_rate={rate},request_percentage=50.5")
        assert (user, client, "producer_byte_rate", rate) in quotas(b), quotas(b)
        told = tools(CONFIGS, "--describe", *entity)
        line = re.search(rf"(?m)^Quota configs for (the )?{said} are (.*)$", told)
        assert line, told
        assert f"producer_byte_rate={rate}.0" in line.group(2) and "request_percentage=50.5" in line.group(2), told
    every = tools(CONFIGS, "--describe", "--entity-type", "users", "--entity-type", "clients")
    assert "user-principal 'paul', client-id 'app'" in every and "default user-principal, client-id 'app'" in every, every
    entity, (user, client), _ = ENTITIES[0]
    tools(CONFIGS, "--alter", *entity, "--delete-config", "producer_byte_rate")
    assert {q[2] for q in quotas(b) if q[:2] == (user, client)} == {"request_percentage"}
    b.ctl("quota", "set", "/main/users/paul", "consumer_byte_rate=77", "request_percentage=")
    assert "consumer_byte_rate=77" in tools(CONFIGS, "--describe", *entity)
    refused = tools(CONFIGS, "--alter", *entity, "--add-config", "producer_byte_rate=0", check=False)
    assert "InvalidRequestException" in refused, refused
    for entity, (user, client), _ in ENTITIES[1:3]: # defaults, which hold for the tests that follow, too
        tools(CONFIGS, "--alter", *entity, "--delete-config", "producer_byte_rate,request_percentage")
        assert not {q for q in quotas(b) if q[:2] == (user, client)}


def test_quotas_of_addresses(admin):
    tools, b = admin
    for entity in (["--ip", "10.1.2.3"], ["--entity-type", "ips", "--entity-default"]):
        tools(CONFIGS, "--alter", *entity, "--add-config", "connection_creation_rate=50")
        assert "connection_creation_rate=50" in tools(CONFIGS, "--describe", *entity)
        tools(CONFIGS, "--alter", *entity, "--delete-config", "connection_creation_rate")
        assert "connection_creation_rate=50" not in tools(CONFIGS, "--describe", *entity)


def test_a_quota_of_kafka_configs_holds(admin):
    """Set and lifted by Kafka's tool while a client is connected; the client hears of it."""
    tools, b = admin
    b.ctl("topic", "create", "metered", "-c", "flush=os")
    told = []
    p = Producer({**b.conf(), "linger.ms": 0, "client.id": "meter"}, throttle_cb=lambda e: told.append(e.throttle_time))

    def send():
        told.clear()
        for _ in range(3):
            p.produce("metered", os.urandom(200_000))
            assert p.flush(60) == 0
            p.poll(0)
        return bool([t for t in told if t > 0])
    assert not send()
    tools(CONFIGS, "--alter", "--user-defaults", "--client", "meter", "--add-config", "producer_byte_rate=50000")
    assert send()
    tools(CONFIGS, "--alter", "--user-defaults", "--client", "meter", "--delete-config", "producer_byte_rate")
    p.produce("metered", b"")
    p.flush(60)
    assert not send()


def test_passwords_by_kafka_configs(admin):
    """Keys are told without what they are; a password set so is the one to log in with, until it is taken away."""
    tools, b = admin
    b.user("sven", "--password", "the first one")
    entity = ["--entity-type", "users", "--entity-name", "sven"]
    tools(CONFIGS, "--alter", *entity, "--add-config", "SCRAM-SHA-256=[iterations=8192,password=the second one]")
    told = tools(CONFIGS, "--describe", *entity)
    assert re.search("SCRAM credential configs for user-principal 'sven' are .*SCRAM-SHA-256=iterations=8192", told), told
    assert not re.search("(?i)salt|key", told)
    assert b.kcat("-L", conf="sven", check=False).returncode != 0
    conf = (b.dir / "sven.conf").read_text()
    (b.dir / "sven.conf").write_text(conf.replace("the first one", "the second one"))
    assert b.kcat("-L", conf="sven").returncode == 0
    tools(CONFIGS, "--alter", *entity, "--delete-config", "SCRAM-SHA-256")
    assert "SCRAM-SHA-256" not in tools(CONFIGS, "--describe", *entity)
    assert b.kcat("-L", conf="sven", check=False).returncode != 0


def test_rules(admin):
    """kafka-acls gives a right and takes it; `schlossctl why` sees both."""
    tools, b = admin
    b.ctl("topic", "create", "ruled")
    b.user("rosa")
    acls = TOOLS + "AclCommand"
    rule = ["--allow-principal", "User:rosa", "--operation", "Read", "--topic", "ruled"]
    assert b.ctl("why", "rosa", "read", "/main/topics/ruled", check=False).returncode == 1
    tools(acls, "--add", *rule)
    assert b.ctl("why", "rosa", "read", "/main/topics/ruled").returncode == 0
    assert "User:rosa" in tools(acls, "--list", "--topic", "ruled")
    tools(acls, "--remove", "--force", *rule)
    assert b.ctl("why", "rosa", "read", "/main/topics/ruled", check=False).returncode == 1


def test_the_log_of_offsets_is_readable_by_kafka(admin, tmp_path):
    """Through a consumer with its formatters, and from the file; our own records there (key 20000) are passed over."""
    tools, b = admin
    b.ctl("topic", "create", "told", "-p", "1")
    tools(TOOLS + "ConsoleProducer", "--topic", "told", stdin="one\ntwo\n")
    tools(CONSUMER, "--topic", "told", "--from-beginning", "--max-messages", "2", "--timeout-ms", "60000", "--group", "g-told")

    def read(formatter):
        out = tools(CONSUMER, "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "8000",
                    "--formatter", TOOLS + "consumer." + formatter, check=False)
        records, at = [], out.find("{")  # one behind the other, on one line
        while out.startswith("{", at):
            record, at = json.JSONDecoder().raw_decode(out, at)
            records.append(record)
        return [r for r in records if r["key"]["data"]["group"] == "g-told"]
    offsets = [r for r in read("OffsetsMessageFormatter") if r["key"]["data"]["topic"] == "told"]
    assert offsets and offsets[-1]["key"]["type"] == 1 and offsets[-1]["value"]["version"] == 3, offsets
    last = offsets[-1]["value"]["data"]
    assert (last["offset"], last["leaderEpoch"], last["metadata"]) == (2, 0, ""), offsets
    groups = read("GroupMetadataMessageFormatter")
    full = [g["value"]["data"] for g in groups if g["value"]["data"]["members"]]
    assert full and {g["key"]["type"] for g in groups} == {2} and {g["value"]["version"] for g in groups} == {3}
    assert full[0]["protocolType"] == "consumer" and full[0]["generation"] == 1
    assert full[0]["members"][0]["memberId"] == full[0]["leader"] and full[0]["members"][0]["assignment"]
    assert not groups[-1]["value"]["data"]["members"], "the last record is of the group that all have left"


def test_a_refusal_is_understood(admin):
    tools, b = admin
    b.ctl("topic", "create", "closed")
    b.ctl("user", "create", "nina", "--conf", b.dir / "nina.properties")
    nina = Tools(tools.jars, b.address, b.dir / "nina.properties")
    assert "does not exist" in nina(TOOLS + "TopicCommand", "--describe", "--topic", "closed", check=False)
    assert "closed" not in nina(TOOLS + "TopicCommand", "--list").split()
    assert "AuthorizationException" in nina(TOOLS + "AclCommand", "--list", check=False)


def test_kafka_reads_our_files(admin):
    """Kafka's own tool finds every batch, index, snapshot and checkpoint to be right: of segments that were rolled,
    compacted, and written before and after a kill."""
    tools, b = admin
    settings = ["-c", "segment.bytes=20000", "-c", "index.interval.bytes=1000"]
    b.ctl("topic", "create", "plain", *settings)
    b.ctl("topic", "create", "comp", *settings, "-c", "cleanup.policy=compact", "-c", "min.cleanable.dirty.ratio=0.01")
    b.configure("log.retention.check.interval.ms: 300\nlog.segment.delete.delay.ms: 0")
    for kill in (False, True, False):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            p = Producer({**b.conf(), "enable.idempotence": True, "compression.codec": codec, "linger.ms": 5})
            for i in range(400):
                for t in ("plain", "comp"):
                    p.produce(t, os.urandom(20) if i % 9 else None, key=b"%d" % (i % 50), headers=[("h", b"x")], partition=0)
                if i % 20 == 0:
                    p.flush(30)
            assert p.flush(30) == 0
        b.kill() if kill else b.stop()
        b.start()
        time.sleep(1)
    b.stop()
    for t in ("plain", "comp"):
        home = b.dir / f"data/{t}-0"
        files = sorted(str(f) for f in home.iterdir() if f.suffix in (".log", ".index", ".timeindex", ".snapshot"))
        assert len(files) > 15 and {f.rsplit(".", 1)[1] for f in files} == {"log", "index", "timeindex", "snapshot"}
        out = run("java", "-Xmx256m", "-cp", f"{tools.jars}/*", TOOLS + "DumpLogSegments", "--deep-iteration",
                  "--print-data-log", "--files", ",".join(files), timeout=120).stdout
        # A batch that is kept for its producer alone has a time, and no record that has it.
        bad = [line for line in out.split("\n") if re.search(r"ismatch|isvalid: false|rror|xception|Non-consecutive", line)
               and not (t == "comp" and "timestamp mismatch" in line)]
        assert not bad, bad
        offsets = [int(x) for x in re.findall(r"(?m)^\| offset: (\d+)", out)]
        assert offsets == sorted(set(offsets)) and (offsets == list(range(6000)) if t == "plain" else offsets[-1] == 5999)
        assert (len(offsets) == 6000) == (t == "plain")
        assert len(set(re.findall(r"(?m)^producerId: (\d+)", out))) == 15
        epochs = (home / "leader-epoch-checkpoint").read_text().split("\n")
        assert epochs[:3] == ["0", "2", "0 0"] and epochs[3].split() == ["1", "4000"]
        assert re.fullmatch(r"version: 0\ntopic_id: [\w-]{22}\n?", (home / "partition.metadata").read_text())
    b.start()
