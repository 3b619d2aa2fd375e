/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from topic to an array of its partitions' offsets, sorted by partition:
 * a group commits to few topics and, within one, to runs of partitions. The
 * topics are also in a list, in the order they came, for a stable walk.
 */
#include "coord/offsets.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

/* What one takes beside its array and its name: itself, and its place in the map. */
#define TOPIC_BYTES	256u
#define NOTE_BYTES	17u		/* of an allocation that is not empty */
#define AT_FIRST	4u		/* places */

struct topic {
	struct list hook;
	struct str name;		/* owned */
	struct offset *v;
	size_t n, cap;
	size_t notes, counted;		/* bytes: of the metadata, of all of it */
};

struct offsets {
	struct map *topics;
	struct list order;
	struct topic *last;		/* asked for last, as is likely the next one */
	size_t count;
	struct share *share;
};

static struct str
dup_str(struct str s)
{
	return s.p == NULL ? STR_NULL : (struct str){ str_dup(s), s.n };
}

static void
free_str(struct str s)
{
	mem_free((void *)(uintptr_t)s.p);
}

struct offsets *
offsets_create(struct share *share)
{
	struct offsets *o = MEM_NEW(struct offsets);
	o->topics = map_create();
	list_init(&o->order);
	o->share = share;
	return o;
}

static size_t
note_bytes(struct str metadata)
{
	return metadata.p == NULL ? 0 : metadata.n + NOTE_BYTES;
}

/* Takes note of what the topic takes now: its array as if it were to grow at once, so that each
 * offset adds as much as was asked for. */
static void
topic_count(struct offsets *o, struct topic *t)
{
	size_t places = t->cap > 2 * t->n ? t->cap : 2 * t->n;
	share_count(o->share, &t->counted, TOPIC_BYTES + t->name.n + places * sizeof(*t->v) + t->notes);
}

static void
topic_free(struct offsets *o, struct topic *t)
{
	share_count(o->share, &t->counted, 0);
	for (size_t i = 0; i < t->n; i++)
		free_str(t->v[i].metadata);
	mem_free(t->v);
	free_str(t->name);
	mem_free(t);
}

void
offsets_destroy(struct offsets **offsets)
{
	if (*offsets == NULL)
		return;
	LIST_FOREACH(hook, &(*offsets)->order)
		topic_free(*offsets, CONTAINER_OF(hook, struct topic, hook));
	map_destroy(&(*offsets)->topics);
	mem_free(*offsets);
	*offsets = NULL;
}

/* The first place whose partition is >= partition. */
static size_t
place(const struct topic *t, int32_t partition)
{
	size_t lo = 0, hi = t->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (t->v[mid].partition < partition)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct topic *
find(const struct offsets *co, struct str name)
{
	struct offsets *o = (struct offsets *)(uintptr_t)co;	/* what was asked for is not part of its value */
	if (o->last == NULL || !str_eq(o->last->name, name))
		o->last = map_get(o->topics, NAME(0, name));
	return o->last;
}

static struct topic *
topic_for(struct offsets *o, struct str name)
{
	struct topic *t = find(o, name);
	if (t != NULL)
		return t;
	t = MEM_NEW(struct topic);
	t->name = dup_str(name);
	map_put(o->topics, NAME(0, t->name), t);
	list_add(&o->order, &t->hook);
	return t;
}

size_t
offsets_need(const struct offsets *o, const struct offset *new, bool listed)
{
	const struct offset *old = offsets_get(o, new->topic, new->partition);
	size_t note = note_bytes(new->metadata), had = old == NULL ? 0 : note_bytes(old->metadata);
	if (old != NULL)
		return note > had ? note - had : 0;
	listed = listed || find(o, new->topic) != NULL;
	return note + (listed ? 2 * sizeof(*new) : TOPIC_BYTES + new->topic.n + AT_FIRST * sizeof(*new));
}

void
offsets_put(struct offsets *o, const struct offset *new)
{
	struct topic *t = topic_for(o, new->topic);
	size_t i = place(t, new->partition);
	if (i < t->n && t->v[i].partition == new->partition) {
		t->notes -= note_bytes(t->v[i].metadata);
		free_str(t->v[i].metadata);
	} else {
		if (t->n == t->cap) {
			t->cap = t->cap == 0 ? AT_FIRST : t->cap * 2;
			t->v = mem_realloc(t->v, t->cap * sizeof(*t->v));
		}
		memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof(*t->v));
		t->n++;
		o->count++;
	}
	t->v[i] = *new;
	t->v[i].topic = t->name;
	t->v[i].metadata = dup_str(new->metadata);
	t->notes += note_bytes(new->metadata);
	topic_count(o, t);
}

const struct offset *
offsets_get(const struct offsets *o, struct str topic, int32_t partition)
{
	const struct topic *t = find(o, topic);
	size_t i = t == NULL ? 0 : place(t, partition);
	return t != NULL && i < t->n && t->v[i].partition == partition ? &t->v[i] : NULL;
}

static void
topic_drop(struct offsets *o, struct topic *t)
{
	map_del(o->topics, NAME(0, t->name));
	o->last = NULL;
	list_del(&t->hook);
	topic_free(o, t);
}

bool
offsets_del(struct offsets *o, struct str topic, int32_t partition)
{
	struct topic *t = find(o, topic);
	size_t i = t == NULL ? 0 : place(t, partition);
	if (t == NULL || i == t->n || t->v[i].partition != partition)
		return false;
	t->notes -= note_bytes(t->v[i].metadata);
	free_str(t->v[i].metadata);
	memmove(&t->v[i], &t->v[i + 1], (t->n - i - 1) * sizeof(*t->v));
	o->count--;
	if (--t->n == 0)
		topic_drop(o, t);
	else
		topic_count(o, t);
	return true;
}

/* In one pass: thousands of partitions may go at once. */
void
offsets_prune(struct offsets *o, bool (*gone)(const struct offset *o, void *arg), void *arg)
{
	LIST_FOREACH(hook, &o->order) {
		struct topic *t = CONTAINER_OF(hook, struct topic, hook);
		size_t kept = 0;
		for (size_t i = 0; i < t->n; i++) {
			if (gone(&t->v[i], arg)) {
				t->notes -= note_bytes(t->v[i].metadata);
				free_str(t->v[i].metadata);
			} else
				t->v[kept++] = t->v[i];
		}
		o->count -= t->n - kept;
		t->n = kept;
		if (kept == 0)
			topic_drop(o, t);
		else
			topic_count(o, t);
	}
}

size_t
offsets_count(const struct offsets *o)
{
	return o->count;
}

const struct offset *
offsets_next(const struct offsets *o, const struct offset *after)
{
	const struct list *next = o->order.next;
	if (after != NULL) {
		const struct topic *t = find(o, after->topic);
		if (after + 1 < t->v + t->n)
			return after + 1;
		next = t->hook.next;
	}
	return next == &o->order ? NULL : CONTAINER_OF(next, struct topic, hook)->v;
}
