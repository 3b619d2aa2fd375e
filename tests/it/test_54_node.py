# SPDX-License-Identifier: Apache-2.0
"""kafkajs and @platformatic/kafka against Schloss: topics, records with gzip, a group; over TLS and SCRAM."""
import json

import foreign
import pytest
from harness import Broker, run

KAFKAJS = """
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')
const fs = require('fs')
const c = JSON.parse(process.argv[2])
const kafka = new Kafka({ brokers: c.brokers, ssl: { ca: [fs.readFileSync(c.ca)] }, logLevel: logLevel.ERROR,
	sasl: { mechanism: c.mechanism, username: c.user, password: c.password } })
async function main () {
	const admin = kafka.admin(); await admin.connect()
	await admin.createTopics({ topics: [{ topic: c.topic, numPartitions: 2 }] })
	const producer = kafka.producer({ idempotent: true }); await producer.connect()
	await producer.send({ topic: c.topic, compression: CompressionTypes.GZIP, messages: ['a', 'b', 'c'].map(value => ({ value })) })
	await producer.disconnect()
	const consumer = kafka.consumer({ groupId: 'g-' + c.topic }); await consumer.connect()
	await consumer.subscribe({ topics: [c.topic], fromBeginning: true })
	const got = []
	await new Promise(resolve => consumer.run({ eachMessage: async ({ message }) => {
		got.push(message.value.toString()); if (got.length === 3) resolve() } }))
	await consumer.disconnect()
	console.log(JSON.stringify(got.sort())); await admin.disconnect()
}
main().catch(e => { console.error(e); process.exit(1) })
"""

PLATFORMATIC = """
const { Admin, Producer, Consumer, stringSerializers, stringDeserializers } = require('@platformatic/kafka')
const fs = require('fs')
const c = JSON.parse(process.argv[2])
const common = { clientId: 'p', bootstrapBrokers: c.brokers, tls: { ca: fs.readFileSync(c.ca) },
	sasl: { mechanism: c.mechanism, username: c.user, password: c.password } }
async function main () {
	const admin = new Admin(common)
	await admin.createTopics({ topics: [c.topic], partitions: 2, replicas: 1 }); await admin.close()
	const producer = new Producer({ ...common, serializers: stringSerializers, compression: 'gzip' })
	await producer.send({ messages: ['a', 'b', 'c'].map(value => ({ topic: c.topic, value })) }); await producer.close()
	const consumer = new Consumer({ ...common, groupId: 'g-' + c.topic, deserializers: stringDeserializers })
	const stream = await consumer.consume({ topics: [c.topic], mode: 'earliest', autocommit: true })
	const got = []
	for await (const m of stream) { got.push(m.value); if (got.length === 3) break }
	await consumer.close(true)
	console.log(JSON.stringify(got.sort()))
}
main().catch(e => { console.error(e); process.exit(1) })
"""


@pytest.fixture(scope="module")
def modules():
    return foreign.had(foreign.node_modules, "kafkajs@2.2.4", "@platformatic/kafka@1.34.0")


@pytest.fixture(scope="module")
def site(modules):
    b = Broker("group.initial.rebalance.delay.ms: 0").start()
    yield b
    b.remove()


@pytest.mark.parametrize("name, script", [("kafkajs", KAFKAJS), ("platformatic", PLATFORMATIC)], ids=["kafkajs", "platformatic"])
def test_topics_records_and_a_group(modules, site, name, script):
    if name == "platformatic" and int(run("node", "-p", "process.versions.node.split('.')[0]").stdout) < 20:
        pytest.skip("@platformatic/kafka needs Node 20")
    path = modules / f"{name}.js"
    path.write_text(script)
    conf = site.conf()
    told = {"brokers": [site.address], "ca": conf["ssl.ca.location"], "mechanism": conf["sasl.mechanisms"].upper(),
            "user": conf["sasl.username"], "password": conf["sasl.password"], "topic": f"by-{name}"}
    out = run("node", path, json.dumps(told), timeout=120).stdout
    assert json.loads(out.strip().split("\n")[-1]) == ["a", "b", "c"]
