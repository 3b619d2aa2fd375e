# SPDX-License-Identifier: Apache-2.0
"""A producer that librdkafka renews the login of, for test_58_renewal.py: a record each 50 ms, until a line is read.

usage: renewing.py CONF.json TOPIC     prints the offset of each
"""
import json
import select
import sys

import confluent_kafka


def told(error, message):
    print(error or message.offset(), flush=True)


producer = confluent_kafka.Producer(json.load(open(sys.argv[1])))
print(f"librdkafka {confluent_kafka.libversion()[0]}", flush=True)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    producer.produce(sys.argv[2], b"again", on_delivery=told)
    producer.poll(0)
producer.flush(30)
