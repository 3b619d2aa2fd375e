# SPDX-License-Identifier: Apache-2.0
"""A producer or a member of a group by kafka-python, for test_56_any_client.py, which says what is spoken.

usage: any_client.py produce|consume CONF.json TOPIC GROUP     CONF: arguments of KafkaProducer and KafkaConsumer
"""
import json
import select
import sys

import kafka
import kafka.codec


def say(text):
    print(text, flush=True)


def produce(conf, topic):
    old = tuple(conf.get("api_version", ())) or (9,)
    by = {}
    say(" ".join(["ready none gzip"] + [c for c, since in (("snappy", (0, 8)), ("lz4", (0, 8)), ("zstd", (2, 1)))
                                        if getattr(kafka.codec, f"has_{c}")() and old >= since]))
    for line in sys.stdin:
        codec, first, end = line.split()
        if codec not in by:
            by[codec] = kafka.KafkaProducer(**conf, acks="all", retries=20, linger_ms=5,
                                            compression_type=None if codec == "none" else codec)
        sent = [by[codec].send(topic, key=b"k%d" % i, value=b"v%d " % i + b"." * 200) for i in range(int(first), int(end))]
        for s in sent:
            s.get(60)
        say("sent")
    for p in by.values():
        p.close()


def consume(conf, topic, group):
    c = kafka.KafkaConsumer(topic, **conf, group_id=group, auto_offset_reset="earliest", session_timeout_ms=10000,
                            heartbeat_interval_ms=300, auto_commit_interval_ms=300)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for records in c.poll(100).values():
            for r in records:
                say(r.value.decode().split()[0])
    c.close()


conf = json.load(open(sys.argv[2]))
if "api_version" in conf:
    conf["api_version"] = tuple(conf["api_version"])
if sys.argv[1] == "produce":
    produce(conf, sys.argv[3])
else:
    consume(conf, *sys.argv[3:])
