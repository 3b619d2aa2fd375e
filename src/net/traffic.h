/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Bytes of a connection, in two slots of ten seconds: counted by the read and by the write, for people to see. */
enum traffic_way { TRAFFIC_IN, TRAFFIC_OUT, TRAFFIC_WAYS };

#define TRAFFIC_SLOT_NS (UINT64_C(10) * 1000000000)

struct traffic {
	uint64_t end;			/* of the slot at hand, monotonic ns */
	uint64_t now[TRAFFIC_WAYS], last[TRAFFIC_WAYS];
};

/* The slot is over. */
static inline void
traffic_turn(struct traffic *t, uint64_t now_ns)
{
	for (int i = 0; i < TRAFFIC_WAYS; i++) {
		t->last[i] = now_ns < t->end + TRAFFIC_SLOT_NS ? t->now[i] : 0;
		t->now[i] = 0;
	}
	t->end = now_ns + TRAFFIC_SLOT_NS;
}

static inline void
traffic_count(struct traffic *t, enum traffic_way way, uint64_t bytes, uint64_t now_ns)
{
	if (now_ns >= t->end)
		traffic_turn(t, now_ns);
	t->now[way] += bytes;
}

/* Bytes a second, over the last 10 to 20 s, or since the beginning where that is later. */
static inline uint64_t
traffic_rate(const struct traffic *t, enum traffic_way way, uint64_t since_ns, uint64_t now_ns)
{
	if (now_ns >= t->end + TRAFFIC_SLOT_NS || t->end == 0)
		return 0;
	uint64_t begin = t->end - TRAFFIC_SLOT_NS, sum = t->now[way];
	if (now_ns < t->end) {
		sum += t->last[way];
		begin = begin > TRAFFIC_SLOT_NS ? begin - TRAFFIC_SLOT_NS : 0;
	}
	begin = begin > since_ns ? begin : since_ns;
	uint64_t ms = (now_ns - begin) / 1000000;
	return sum * 1000 / (ms > 1000 ? ms : 1000);
}
