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
#define SNAPSHOT_MAX	(UINT64_C(1) << 30)

struct sent {
	int32_t first, last;		/* sequences */
	int64_t base, end;		/* offsets */
	int64_t time;
};

struct producer {
	struct list hook;
	uint8_t key[8];
	int16_t epoch;
	uint32_t saved;			/* in which saving it is, or need not be */
	uint64_t seen_ns;
	unsigned n, next;		/* ring */
	struct sent sent[KEPT];
};

struct producers {
	struct map *by_id;
	struct list by_age;		/* the one that was silent for longest comes first */
	struct producers_budget *budget;
	struct list *looking;		/* where an expiry goes on; NULL: at the first */
	struct producers_saving *saving;
	uint32_t savings;
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

static void put_producer(const struct producers_saving *s, const struct producer *one, struct buf *out, int *err);

/* It leaves its place in the list, where others may be on their way. */
static void
leave(struct producers *ps, struct producer *one)
{
	if (ps->looking == &one->hook)
		ps->looking = one->hook.next;
	if (ps->saving != NULL && ps->saving->at == &one->hook)
		ps->saving->at = one->hook.next;
	list_del(&one->hook);
}

/* It changes, or goes: a saving that has not come to it counts it no more. */
static void
leave_saving(struct producers *ps, struct producer *one, bool goes)
{
	struct producers_saving *s = ps->saving;
	if (s == NULL || one->saved == ps->savings)
		return;
	if (!goes)
		put_producer(s, one, &s->late, &s->err);
	one->saved = ps->savings;
	s->left--;
}

static void
forget(struct producers *ps, struct producer *one)
{
	map_del(ps->by_id, key_of(one->key));
	leave_saving(ps, one, true);
	leave(ps, one);
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
	ps->saving = NULL;	/* it looks at the generation before it comes back */
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
	if (one == NULL) {
		ret->stranger = true;
		return 0;
	}
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
	one->saved = ps->savings;
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
	leave_saving(ps, one, false);
	leave(ps, one);
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

bool
producers_expire(struct producers *ps, int64_t before_ms, uint64_t before_ns)
{
	unsigned n = 0;
	if (ps->looking == NULL)
		ps->looking = ps->by_age.next;
	while (ps->looking != &ps->by_age && n++ < PRODUCERS_STEP) {
		struct producer *one = CONTAINER_OF(ps->looking, struct producer, hook);
		if (one->seen_ns >= before_ns) {
			ps->looking = &ps->by_age;	/* and those behind it were seen later */
			break;
		}
		ps->looking = one->hook.next;
		if (newest(one)->time < before_ms)
			forget(ps, one);
	}
	bool more = ps->looking != &ps->by_age;
	if (!more)
		ps->looking = NULL;
	return more;
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
	be_put(p + 8, (uint16_t)one->epoch, 2);
	be_put(p + 10, (uint32_t)s->last, 4);
	be_put(p + 14, (uint64_t)(s->end - 1), 8);
	be_put(p + 22, (uint64_t)(s->end - 1 - s->base), 4);
	be_put(p + 26, (uint64_t)s->time, 8);
	be_put(p + 34, UINT32_MAX, 4);	/* no coordinator epoch */
	be_put(p + 38, UINT64_MAX, 8);	/* no open transaction */
}

static void
put_producer(const struct producers_saving *s, const struct producer *one, struct buf *out, int *err)
{
	uint8_t entry[SNAPSHOT_ENTRY];
	/* The last one comes last: of equal ids it is the one that Kafka would keep. */
	for (unsigned i = one->seen_ns >= s->since_ns ? one->n : 1; i > 0 && *err == 0; i--) {
		put_entry(entry, one, &one->sent[(one->next + KEPT - i) % KEPT]);
		*err = buf_add(out, entry, sizeof(entry));
	}
}

void
producers_save_begin(struct producers *ps, uint64_t since_ns, struct producers_saving *s)
{
	static const uint8_t head[SNAPSHOT_HEAD] = { 0, 1 };
	*s = (struct producers_saving){ .since_ns = since_ns, .at = ps->by_age.next,
		.left = map_count(ps->by_id) };
	buf_init(&s->out, SNAPSHOT_MAX);
	buf_init(&s->late, SNAPSHOT_MAX);
	s->err = buf_add(&s->out, head, sizeof(head));
	s->taken = mem_alloc((s->left < PRODUCERS_STEP ? s->left + 1 : PRODUCERS_STEP) * sizeof(*s->taken));
	ps->saving = s;
	ps->savings++;
}

bool
producers_save_take(struct producers *ps, struct producers_saving *s)
{
	s->taken_n = 0;
	if (ps->saving != s)
		return false;
	for (unsigned n = 0; s->left > 0 && n < PRODUCERS_STEP; n++) {
		struct producer *one = CONTAINER_OF(s->at, struct producer, hook);
		s->at = one->hook.next;
		if (one->saved == ps->savings)
			continue;
		one->saved = ps->savings;
		s->left--;
		s->taken[s->taken_n++] = *one;
	}
	if (s->left == 0)
		ps->saving = NULL;
	return s->left > 0;
}

void
producers_save_stop(struct producers *ps)
{
	ps->saving = NULL;
}

void
producers_save_put(struct producers_saving *s)
{
	for (size_t i = 0; i < s->taken_n; i++)
		put_producer(s, &s->taken[i], &s->out, &s->err);
	s->taken_n = 0;
}

int
producers_save_finish(struct producers_saving *s)
{
	if (s->err == 0)
		s->err = buf_add(&s->out, s->late.p == NULL ? (const uint8_t *)"" : s->late.p, s->late.n);
	if (s->err != 0)
		return s->err;
	uint8_t *p = s->out.p;
	be_put(p + 6, (s->out.n - SNAPSHOT_HEAD) / SNAPSHOT_ENTRY, 4);
	be_put(p + 2, crc32c(0, p + SNAPSHOT_CRC_FROM, s->out.n - SNAPSHOT_CRC_FROM), 4);
	return 0;
}

void
producers_save_free(struct producers_saving *s)
{
	mem_free(s->taken);
	s->taken = NULL;
	buf_free(&s->out);
	buf_free(&s->late);
}

int
producers_decode(struct producers *ps, const void *data, size_t n, uint64_t now_ns)
{
	const uint8_t *p = data;
	if (n < SNAPSHOT_HEAD || be_get(p, 2) != 1 ||
	    be_get(p + 2, 4) != crc32c(0, p + SNAPSHOT_CRC_FROM, n - SNAPSHOT_CRC_FROM))
		return ERR_CORRUPT;
	uint64_t count = be_get(p + 6, 4);
	if (count != (n - SNAPSHOT_HEAD) / SNAPSHOT_ENTRY || (n - SNAPSHOT_HEAD) % SNAPSHOT_ENTRY != 0)
		return ERR_CORRUPT;
	p += SNAPSHOT_HEAD;
	for (uint64_t i = 0; i < count; i++, p += SNAPSHOT_ENTRY) {
		int32_t last = (int32_t)be_get(p + 10, 4), delta = (int32_t)be_get(p + 22, 4);
		int64_t offset = (int64_t)be_get(p + 14, 8);
		/* A producer that only wrote markers has no sequence: nothing to keep. */
		if (last < 0 || delta < 0 || offset < delta || offset == INT64_MAX)
			continue;
		struct sent s = { (int32_t)(((uint32_t)last - (uint32_t)delta) & INT32_MAX), last,
			offset - delta, offset + 1, (int64_t)be_get(p + 26, 8) };
		remember(ps, p, (int16_t)be_get(p + 8, 2), &s, now_ns);
	}
	return 0;
}
