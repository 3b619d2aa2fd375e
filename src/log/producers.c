/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from producer id to a ring of its last five batches. Sequences wrap from
 * 2^31-1 to 0. They are in a list by age, in memory and in the snapshot. A producer that is not known may begin anywhere: after an expiry or
 * a lost snapshot that is what works for all clients.
 */
#include "log/producers.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "log/head.h"

#define KEPT		5u
#define SNAPSHOT_HEAD	10u		/* version, CRC, count */
#define SNAPSHOT_CRC_FROM 6u
#define SNAPSHOT_ENTRY	46u

struct sent {
	int32_t first, last;		/* sequences */
	int64_t base, end;		/* offsets */
	int64_t time;
};

struct producer {
	struct list hook;
	uint8_t key[8];
	int16_t epoch;
	uint64_t seen_ns;
	unsigned n, next;		/* ring */
	struct sent sent[KEPT];
};

struct producers {
	struct map *by_id;
	struct list by_age;		/* the one that was silent for longest comes first */
	struct producers_budget *budget;
};

struct producers *
producers_create(struct producers_budget *budget)
{
	struct producers *ps = MEM_NEW(struct producers);
	ps->by_id = map_create();
	list_init(&ps->by_age);
	ps->budget = budget;
	return ps;
}

static struct name
key_of(const uint8_t *id)
{
	return NAME(0, ((struct str){ (const char *)id, 8 }));
}

static void
forget(struct producers *ps, struct producer *one)
{
	map_del(ps->by_id, key_of(one->key));
	list_del(&one->hook);
	mem_free(one);
	if (ps->budget != NULL)
		atomic_fetch_sub_explicit(&ps->budget->n, 1, memory_order_relaxed);
}

void
producers_destroy(struct producers **pps)
{
	struct producers *ps = *pps;
	if (ps == NULL)
		return;
	LIST_FOREACH(h, &ps->by_age)
		forget(ps, CONTAINER_OF(h, struct producer, hook));
	map_destroy(&ps->by_id);
	mem_free(ps);
	*pps = NULL;
}

static int32_t
sequence_plus(int32_t sequence, int32_t n)
{
	return (int32_t)(((uint32_t)sequence + (uint32_t)n) & INT32_MAX);
}

static const struct sent *
newest(const struct producer *one)
{
	return &one->sent[(one->next + KEPT - 1) % KEPT];
}

static const struct sent *
oldest(const struct producer *one)
{
	return &one->sent[(one->next + KEPT - one->n) % KEPT];
}

static int
refuse(struct append_result *ret, enum append_verdict verdict)
{
	ret->verdict = verdict;
	return ERR_CONFLICT;
}

static bool
find_duplicate(const struct producer *one, int32_t first, int32_t last, struct append_result *ret)
{
	for (unsigned i = 0; i < one->n; i++) {
		const struct sent *s = &one->sent[i];
		if (s->first != first || s->last != last)
			continue;
		ret->verdict = APPEND_DUPLICATE;
		ret->base = s->base;
		ret->end = s->end;
		ret->append_ms = s->time;
		return true;
	}
	return false;
}

int
producers_check(const struct producers *ps, const uint8_t *head, struct append_result *ret)
{
	int32_t first = head_sequence(head);
	ret->verdict = APPEND_NEW;
	if (head_producer(head) < 0 || first < 0)
		return 0;
	const struct producer *one = map_get(ps->by_id, key_of(head + 43));
	if (one == NULL)
		return 0;
	int16_t epoch = head_producer_epoch(head);
	if (epoch < one->epoch)
		return refuse(ret, APPEND_OLD_EPOCH);
	if (epoch > one->epoch)
		return first == 0 ? 0 : refuse(ret, APPEND_OUT_OF_ORDER);
	int32_t last = sequence_plus(first, head_last_delta(head));
	if (find_duplicate(one, first, last, ret))
		return 0;
	if (first == sequence_plus(newest(one)->last, 1))
		return 0;
	/* Before everything that is remembered: it was in the log once. */
	uint32_t back = ((uint32_t)oldest(one)->first - (uint32_t)last) & INT32_MAX;
	bool old = one->n == KEPT && back > 0 && back < UINT32_C(1) << 30;
	return refuse(ret, old ? APPEND_OLD_DUPLICATE : APPEND_OUT_OF_ORDER);
}

static struct producer *
add(struct producers *ps, const uint8_t *id)
{
	struct producers_budget *b = ps->budget;
	if (b != NULL && map_count(ps->by_id) >= PRODUCERS_LEAST &&
	    atomic_load_explicit(&b->n, memory_order_relaxed) >= b->max)
		forget(ps, CONTAINER_OF(ps->by_age.next, struct producer, hook));
	struct producer *one = MEM_NEW(struct producer);
	list_init(&one->hook);
	memcpy(one->key, id, 8);
	map_put(ps->by_id, key_of(one->key), one);
	if (b != NULL)
		atomic_fetch_add_explicit(&b->n, 1, memory_order_relaxed);
	return one;
}

static void
remember(struct producers *ps, const uint8_t *id, int16_t epoch, const struct sent *s,
    uint64_t now_ns)
{
	struct producer *one = map_get(ps->by_id, key_of(id));
	if (one == NULL)
		one = add(ps, id);
	list_del(&one->hook);
	list_add(&ps->by_age, &one->hook);
	if (one->epoch != epoch)
		one->n = one->next = 0;
	one->epoch = epoch;
	one->seen_ns = now_ns;
	one->sent[one->next] = *s;
	one->next = (one->next + 1) % KEPT;
	if (one->n < KEPT)
		one->n++;
}

void
producers_note(struct producers *ps, const uint8_t *head, uint64_t now_ns)
{
	int32_t first = head_sequence(head);
	if (head_producer(head) < 0 || first < 0)
		return;
	struct sent s = { first, sequence_plus(first, head_last_delta(head)), head_base(head),
		head_end(head), head_max_time(head) };
	remember(ps, head + 43, head_producer_epoch(head), &s, now_ns);
}

void
producers_expire(struct producers *ps, int64_t before_ms, uint64_t before_ns)
{
	LIST_FOREACH(h, &ps->by_age) {
		struct producer *one = CONTAINER_OF(h, struct producer, hook);
		if (newest(one)->time < before_ms && one->seen_ns < before_ns)
			forget(ps, one);
	}
}

int64_t
producers_newest(const struct producers *ps, const uint8_t *head)
{
	const struct producer *one = head_producer(head) < 0 ? NULL :
	    map_get(ps->by_id, key_of(head + 43));
	return one == NULL ? -1 : newest(one)->end;
}

size_t
producers_count(const struct producers *ps)
{
	return map_count(ps->by_id);
}

/* ---- the file ---- */

static void
put_entry(uint8_t *p, const struct producer *one, const struct sent *s)
{
	memcpy(p, one->key, 8);
	head_put(p + 8, (uint16_t)one->epoch, 2);
	head_put(p + 10, (uint32_t)s->last, 4);
	head_put(p + 14, (uint64_t)(s->end - 1), 8);
	head_put(p + 22, (uint64_t)(s->end - 1 - s->base), 4);
	head_put(p + 26, (uint64_t)s->time, 8);
	head_put(p + 34, UINT32_MAX, 4);	/* no coordinator epoch */
	head_put(p + 38, UINT64_MAX, 8);	/* no open transaction */
}

void
producers_encode(const struct producers *ps, uint64_t since_ns, struct buf *out)
{
	size_t start = out->n, n = 0;
	uint8_t entry[SNAPSHOT_ENTRY], head[SNAPSHOT_HEAD] = { 0, 1 };
	if (buf_add(out, head, sizeof(head)) != 0)
		return;
	for (const struct list *h = ps->by_age.next; h != &ps->by_age; h = h->next) {
		const struct producer *one = CONTAINER_OF(h, struct producer, hook);
		/* The last one comes last: of equal ids it is the one that Kafka would keep. */
		for (unsigned i = one->seen_ns >= since_ns ? one->n : 1; i > 0; i--, n++) {
			put_entry(entry, one, &one->sent[(one->next + KEPT - i) % KEPT]);
			if (buf_add(out, entry, sizeof(entry)) != 0)
				return;
		}
	}
	uint8_t *p = out->p + start;
	head_put(p + 6, n, 4);
	head_put(p + 2, crc32c(0, p + SNAPSHOT_CRC_FROM, out->n - start - SNAPSHOT_CRC_FROM), 4);
}

int
producers_decode(struct producers *ps, const void *data, size_t n, uint64_t now_ns)
{
	const uint8_t *p = data;
	if (n < SNAPSHOT_HEAD || head_be(p, 2) != 1 ||
	    head_be(p + 2, 4) != crc32c(0, p + SNAPSHOT_CRC_FROM, n - SNAPSHOT_CRC_FROM))
		return ERR_CORRUPT;
	uint64_t count = head_be(p + 6, 4);
	if (count != (n - SNAPSHOT_HEAD) / SNAPSHOT_ENTRY || (n - SNAPSHOT_HEAD) % SNAPSHOT_ENTRY != 0)
		return ERR_CORRUPT;
	p += SNAPSHOT_HEAD;
	for (uint64_t i = 0; i < count; i++, p += SNAPSHOT_ENTRY) {
		int32_t last = (int32_t)head_be(p + 10, 4), delta = (int32_t)head_be(p + 22, 4);
		int64_t offset = (int64_t)head_be(p + 14, 8);
		/* A producer that only wrote markers has no sequence: nothing to keep. */
		if (last < 0 || delta < 0 || offset < delta || offset == INT64_MAX)
			continue;
		struct sent s = { (int32_t)(((uint32_t)last - (uint32_t)delta) & INT32_MAX), last,
			offset - delta, offset + 1, (int64_t)head_be(p + 26, 8) };
		remember(ps, p, (int16_t)head_be(p + 8, 2), &s, now_ns);
	}
	return 0;
}
