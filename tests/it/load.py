# SPDX-License-Identifier: Apache-2.0
"""Producers that write numbered values while a broker is ill-treated, and the checker behind them."""
import collections
import random
import threading
import time

import confluent_kafka


LARGE_EVERY = 500       # records; such a one has a large key: its batch is written from where it lies
NOISE = random.Random(1).randbytes(300_000)


class Load:
    """Producers on one topic from start() to stop(); what was acknowledged is remembered with its time."""

    def __init__(self, broker, topic, partitions=4, producers=2, **conf):
        self.broker, self.topic, self.partitions = broker, topic, partitions
        self.conf = {"linger.ms": 2, "message.timeout.ms": 120000, "reconnect.backoff.max.ms": 200,
                     "log_level": 0, **conf}
        self.acked = [collections.defaultdict(list) for _ in range(producers)]
        self.ending = threading.Event()
        self.late = 0
        self.threads = [threading.Thread(target=self.produce, args=(i,)) for i in range(producers)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def stop(self):
        self.ending.set()
        for t in self.threads:
            t.join()

    def produce(self, seed):
        rnd, n, mine = random.Random(seed), 0, self.acked[seed]
        p = confluent_kafka.Producer({**self.broker.conf(), **self.conf})

        def delivered(err, msg):
            if err is None:
                mine[msg.partition()].append((msg.value().decode(), time.monotonic()))
        while not self.ending.is_set():
            try:
                key = NOISE[rnd.randrange(len(NOISE)):] if n % LARGE_EVERY == 0 else None
                p.produce(self.topic, f"{seed}-{n}", key, partition=rnd.randrange(self.partitions), on_delivery=delivered)
                n += 1
            except BufferError:
                pass
            p.poll(0)
            if n % 50 == 0:
                time.sleep(0.002)
        self.late += p.flush(120)

    def count(self):
        return sum(len(v) for mine in self.acked for v in list(mine.values()))

    def consume(self):
        """Everything in the topic, by partition, in order."""
        c = confluent_kafka.Consumer({**self.broker.conf(), "group.id": "check", "enable.auto.commit": False,
                                      "enable.partition.eof": True, "check.crcs": True})
        c.assign([confluent_kafka.TopicPartition(self.topic, i, 0) for i in range(self.partitions)])
        got, ends = collections.defaultdict(list), set()
        while len(ends) < self.partitions:
            m = c.poll(30)
            assert m is not None, "the log cannot be read to its end"
            if m.error():
                assert m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, m.error()
                ends.add(m.partition())
            else:
                got[m.partition()].append(m.value().decode())
        c.close()
        return got

    def check(self, excused=lambda when: False):
        """What became of it, as counts; excused(time) says which acknowledged records may be lost."""
        got, sums = self.consume(), collections.Counter(acknowledged=0, lost=0, excused=0, twice=0, disorder=0)
        for p in range(self.partitions):
            seen = collections.Counter(got[p])
            sums["twice"] += sum(n - 1 for n in seen.values())
            for seed, mine in enumerate(self.acked):
                sums["acknowledged"] += len(mine[p])
                for value, when in mine[p]:
                    if value not in seen:
                        sums["excused" if excused(when) else "lost"] += 1
                numbers = [int(v.split("-")[1]) for v in got[p] if v.startswith(f"{seed}-")]
                sums["disorder"] += sum(1 for a, b in zip(numbers, numbers[1:]) if b < a)
        sums["undelivered"] = self.late
        return sums
