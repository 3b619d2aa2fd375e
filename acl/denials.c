/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding denials: a map from (who, operation, node) to a count, and the same
 * entries in a list, oldest told first. The first denial is told at once; what
 * repeats is told once a minute with its count; an entry with nothing to tell
 * for a minute goes. Lines to tell are taken out under the lock and told after.
 */
#include "acl/denials.h"

#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

#define FOLD_NS (UINT64_C(60) * 1000000000)
#define NAME_CUT 256			/* bytes of a name that count */

struct entry {
	struct list hook;
	struct name key;
	uint64_t told_ns;
	uint64_t count;			/* since then */
	struct str line;
	char bytes[];
};

struct acl_denials {
	struct lock lock;
	struct map *map;
	struct list entries;
	size_t max, line_max;
	bool by_host;
	void (*emit)(void *arg, struct str line, uint64_t count);
	void *arg;
};

/* A line to tell once the lock is dropped. */
struct news {
	struct list hook;
	uint64_t count;
	size_t n;
	char line[];
};

struct acl_denials *
acl_denials_create(size_t max, size_t line_max, bool by_host,
    void (*emit)(void *arg, struct str line, uint64_t count), void *arg)
{
	struct acl_denials *d = MEM_NEW(struct acl_denials);
	lock_init(&d->lock, LOCK_DENIALS);
	d->map = map_create();
	list_init(&d->entries);
	d->max = max > 0 ? max : 1;
	d->line_max = line_max;
	d->by_host = by_host;
	d->emit = emit;
	d->arg = arg;
	return d;
}

static void
forget(struct acl_denials *d, struct entry *e)
{
	map_del(d->map, e->key);
	list_del(&e->hook);
	mem_free((void *)(uintptr_t)e->line.p);
	mem_free(e);
}

void
acl_denials_destroy(struct acl_denials **denials)
{
	struct acl_denials *d = *denials;
	*denials = NULL;
	if (d == NULL)
		return;
	LIST_FOREACH(hook, &d->entries)
		forget(d, CONTAINER_OF(hook, struct entry, hook));
	map_destroy(&d->map);
	lock_free(&d->lock);
	mem_free(d);
}

static void
note(struct list *news, struct str line, uint64_t count)
{
	struct news *item = mem_zalloc(sizeof(*item) + line.n + 1);
	item->count = count;
	item->n = line.n;
	memcpy(item->line, line.p, line.n);
	list_add(news, &item->hook);
}

static void
tell(struct acl_denials *d, struct list *news)
{
	LIST_FOREACH(hook, news) {
		struct news *item = CONTAINER_OF(hook, struct news, hook);
		d->emit(d->arg, (struct str){ item->line, item->n }, item->count);
		list_del(hook);
		mem_free(item);
	}
}

/* What has been counted goes to the news; the entry is the youngest again. */
static void
settle(struct acl_denials *d, struct entry *e, struct list *news, uint64_t now_ns)
{
	if (e->count > 0)
		note(news, e->line, e->count);
	e->count = 0;
	e->told_ns = now_ns;
	list_del(&e->hook);
	list_add(&d->entries, &e->hook);
}

static struct str
cut(struct str s)
{
	return (struct str){ s.p, s.n < NAME_CUT ? s.n : NAME_CUT };
}

/* Who, operation and node as bytes; the lengths keep names apart. */
static void
make_key(struct buf *key, const struct acl_denials *d, const struct acl_who *who, const struct acl_answer *a)
{
	struct str user = cut(who->user.s), name = cut(a->object.name.s);
	uint32_t head[] = { who->user.tenant, (uint32_t)a->op, (uint32_t)a->object.type,
		a->object.name.tenant, (uint32_t)user.n };
	buf_add(key, head, sizeof(head));
	if (d->by_host)
		buf_add(key, &who->host, sizeof(who->host));
	buf_add_str(key, user);
	buf_add_str(key, name);
}

static struct entry *
entry_create(struct acl_denials *d, struct str key, struct str line, uint64_t now_ns)
{
	struct entry *e = mem_zalloc(sizeof(*e) + key.n);
	struct str text = { line.p, line.n < d->line_max ? line.n : d->line_max };
	memcpy(e->bytes, key.p, key.n);
	e->key = NAME(0, ((struct str){ e->bytes, key.n }));
	e->line = (struct str){ str_dup(text), text.n };
	e->told_ns = now_ns;
	list_add(&d->entries, &e->hook);
	map_put(d->map, e->key, e);
	return e;
}

/* Threads read the clock at slightly different times. */
static bool
due(const struct entry *e, uint64_t now_ns)
{
	return now_ns > e->told_ns && now_ns - e->told_ns >= FOLD_NS;
}

/* One more of it. */
static void
repeat(struct acl_denials *d, struct entry *e, struct list *news, uint64_t now_ns)
{
	e->count++;
	if (due(e, now_ns))
		settle(d, e, news, now_ns);
}

static struct entry *
oldest(struct acl_denials *d)
{
	return CONTAINER_OF(d->entries.next, struct entry, hook);
}

void
acl_denials_add(struct acl_denials *d, const struct acl_who *who, const struct acl_answer *answer,
    struct str line, uint64_t now_ns)
{
	struct list news;
	struct buf key;
	list_init(&news);
	buf_init(&key, 4096);
	make_key(&key, d, who, answer);

	lock_take(&d->lock);
	struct entry *e = map_get(d->map, NAME(0, buf_str(&key)));
	if (e == NULL) {
		if (map_count(d->map) >= d->max) {
			settle(d, oldest(d), &news, now_ns);
			forget(d, CONTAINER_OF(d->entries.prev, struct entry, hook));
		}
		e = entry_create(d, buf_str(&key), line, now_ns);
		note(&news, e->line, 0);
	} else
		repeat(d, e, &news, now_ns);
	lock_drop(&d->lock);
	buf_free(&key);
	tell(d, &news);
}

bool
acl_denials_count(struct acl_denials *d, const struct acl_who *who, const struct acl_answer *answer, uint64_t now_ns)
{
	struct list news;
	struct buf key;
	list_init(&news);
	buf_init(&key, 4096);
	make_key(&key, d, who, answer);
	lock_take(&d->lock);
	struct entry *e = map_get(d->map, NAME(0, buf_str(&key)));
	if (e != NULL)
		repeat(d, e, &news, now_ns);
	lock_drop(&d->lock);
	buf_free(&key);
	tell(d, &news);
	return e != NULL;
}

void
acl_denials_tick(struct acl_denials *d, uint64_t now_ns)
{
	struct list news;
	list_init(&news);
	lock_take(&d->lock);
	while (!list_empty(&d->entries) && due(oldest(d), now_ns)) {
		struct entry *e = oldest(d);
		if (e->count > 0)
			settle(d, e, &news, now_ns);
		else
			forget(d, e);
	}
	lock_drop(&d->lock);
	tell(d, &news);
}
