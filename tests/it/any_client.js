// SPDX-License-Identifier: Apache-2.0

// A producer or a member of a group by kafkajs or @platformatic/kafka, for test_56_any_client.py, which says what is spoken.
// usage: node any_client.js kafkajs|platformatic produce|consume CONF.json TOPIC GROUP
const fs = require('fs')
const lines = require('readline').createInterface({ input: process.stdin })
const [name, role, file, topic, group] = process.argv.slice(2)
const conf = JSON.parse(fs.readFileSync(file))
const tls = { ca: [fs.readFileSync(conf.ca)] }
const sasl = { mechanism: conf.mechanism, username: conf.user, password: conf.password }
const say = text => fs.writeSync(1, text + '\n')
const got = value => say(value.toString().split(' ')[0])

function kafkajs () {
	const { Kafka, CompressionTypes, logLevel } = require('kafkajs')
	const kafka = new Kafka({ brokers: conf.brokers, ssl: tls, sasl, logLevel: logLevel.ERROR,
		retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 30 } })
	return {
		codecs: ['none', 'gzip'], // the others are packages of their own
		async producer () {
			const p = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
			await p.connect()
			return {
				send: (codec, messages) => p.send({ topic, messages, acks: -1, compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None }),
				end: () => p.disconnect()
			}
		},
		async member () {
			const c = kafka.consumer({ groupId: group, sessionTimeout: 10000, heartbeatInterval: 300, maxWaitTimeInMs: 200 })
			await c.connect()
			await c.subscribe({ topics: [topic], fromBeginning: true })
			await c.run({ eachMessage: async ({ message }) => got(message.value) })
			return () => c.disconnect()
		}
	}
}

function platformatic () {
	const { Producer, Consumer, compressionsAlgorithms, stringSerializers, stringDeserializers } = require('@platformatic/kafka')
	const common = { clientId: 'p', bootstrapBrokers: conf.brokers, tls, sasl, retries: 50, retryDelay: 200 }
	return {
		codecs: Object.keys(compressionsAlgorithms).filter(c => compressionsAlgorithms[c].available),
		async producer () {
			const by = {}
			return {
				send (codec, messages) {
					by[codec] ??= new Producer({ ...common, serializers: stringSerializers, compression: codec })
					return by[codec].send({ messages: messages.map(m => ({ topic, ...m })), acks: -1 })
				},
				end: () => Promise.all(Object.values(by).map(p => p.close()))
			}
		},
		async member () {
			const c = new Consumer({ ...common, groupId: group, deserializers: stringDeserializers,
				sessionTimeout: 10000, heartbeatInterval: 300, rebalanceTimeout: 10000, maxWaitTime: 200 })
			const stream = await c.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: true })
			stream.on('data', m => got(m.value))
			return () => c.close(true)
		}
	}
}

async function main () {
	const client = (name === 'kafkajs' ? kafkajs : platformatic)()
	if (role === 'produce') {
		const p = await client.producer()
		say(`ready ${client.codecs.join(' ')}`)
		for await (const line of lines) {
			const [codec, first, end] = line.split(' ')
			const messages = []
			for (let i = Number(first); i < Number(end); i++) messages.push({ key: `k${i}`, value: `v${i} ${'.'.repeat(200)}` })
			await p.send(codec, messages)
			say('sent')
		}
		await p.end()
	} else {
		const leave = await client.member()
		lines.once('line', async () => { await leave(); process.exit(0) })
	}
}
main().catch(e => { console.error(e); process.exit(1) })
