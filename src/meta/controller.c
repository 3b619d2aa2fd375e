/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue, a thread, and for each change: plan, commit, carry out, publish,
 * report. The new image is the old one with the planned nodes applied, by the
 * same code that loads them, so what is published is what a restart would find.
 *
 * A commit that failed half-way, or whose outcome is unknown, is settled by reading the
 * tree again: what is stored holds, is published, and decides how the change
 * ended. Where even that fails the change ends as unknown, and no other is begun
 * before the tree could be read: what was asked of an image that may be wrong
 * must not be granted.
 */
#include "meta/controller.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/array.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/worker.h"
#include "meta/load.h"

#define TRIAL_GENERATIONS (UINT64_C(1) << 63)

struct controller {
	struct controller_config config;
	struct lock lock;
	pthread_cond_t wake;
	struct change *head, **tail;
	bool stop;
	uint64_t generation, trials;
	bool doubt;			/* the image may differ from what is stored */
	pthread_t thread;
};

struct plan {
	struct controller *controller;
	struct arena *arena;
	struct image *image;
	const struct image *before;
	ARRAY(struct meta_op) ops;
	int err;
	struct why why;
};

int
change_code(enum change_result result)
{
	static const int codes[] = {
#define X(name, code, text) code,
#include "meta/results.def"
#undef X
	};
	return codes[result];
}

static const char *
change_text(enum change_result result)
{
	static const char *const texts[] = {
#define X(name, code, text) text,
#include "meta/results.def"
#undef X
	};
	return texts[result];
}

/* ---- plans ---- */

const struct image *
plan_image(const struct plan *p)
{
	return p->image;
}

const struct image *
plan_before(const struct plan *p)
{
	return p->before;
}

const struct controller_config *
plan_config(const struct plan *p)
{
	return &p->controller->config;
}

struct arena *
plan_arena(struct plan *p)
{
	return p->arena;
}

static void
plan_op(struct plan *p, struct str path, struct str value)
{
	struct meta_op *op = ARRAY_ADD(p->arena, p->ops);
	op->kind = value.p == NULL ? META_DELETE : META_PUT;
	op->path = path;
	op->value = value;
	int err = image_apply(&p->image, path, value, &p->why);
	if (p->err == 0)
		p->err = err;
}

static struct str
path_of(struct plan *p, const char *fmt, va_list ap)
{
	char path[8192];
	int n = vsnprintf(path, sizeof(path), fmt, ap);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		p->err = why_set(&p->why, ERR_LIMIT, "a name is too long");
		return STR("/");
	}
	return arena_str(p->arena, str_from(path));
}

void
plan_put(struct plan *p, struct buf *value, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str path = path_of(p, fmt, ap);
	va_end(ap);
	if (p->err == 0)
		plan_op(p, path, arena_str(p->arena, buf_str(value)));
	buf_free(value);
}

void
plan_delete(struct plan *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str path = path_of(p, fmt, ap);
	va_end(ap);
	if (p->err == 0)
		plan_op(p, path, STR_NULL);
}

/* ---- one change ---- */

static enum change_result
result_of(int err)
{
	return err == ERR_UNKNOWN ? CHANGE_UNKNOWN_OUTCOME : err == ERR_INVAL || err == ERR_CORRUPT ||
	    err == ERR_LIMIT ? CHANGE_BAD_REQUEST : CHANGE_STORAGE;
}

static void
image_release(void *object)
{
	struct image *im = object;
	image_unref(&im);
}

static void
publish(struct controller *c, struct image *next)
{
	image_set_generation(next, ++c->generation);
	rcu_retire(c->config.rcu, image_release, rcu_publish(*c->config.image, next));
	if (c->config.published != NULL)
		c->config.published(c->config.arg, next);
}

/* A multi holds a bounded number of operations: a change with more (a topic's
 * node is one) is committed in several, each whole. ret_open: some of it may stand. */
static int
commit(struct controller *c, const struct plan *p, bool *ret_open)
{
	int32_t at = 0;
	int err = 0;
	for (; at < p->ops.n && err == 0; at += META_OPS_MAX) {
		int n = p->ops.n - at < META_OPS_MAX ? p->ops.n - at : META_OPS_MAX;
		err = meta_multi_wait(c->config.meta, p->ops.v + at, n);
	}
	*ret_open = err == ERR_UNKNOWN || at > META_OPS_MAX;
	return err;
}

/* Partitions of topics that were committed but not made before a crash; leads all. */
static int
make_missing(struct controller *c, const struct image *im, int64_t *ret_behind, struct why *why)
{
	const struct image_tenant *tenant = NULL;
	while ((tenant = image_next_tenant(im, tenant)) != NULL) {
		const struct image_topic *t = image_next_topic(im, tenant->number, STR_NULL);
		for (; t != NULL; t = image_next_topic(im, tenant->number, t->name.s)) {
			int err = topic_partitions_make(c->config.store, im, t, ret_behind, why);
			if (err != 0)
				return err;
		}
	}
	return 0;
}

/* No leader epoch goes back: where the directory knows of an older era than its logs or topics
 * have seen (its file was lost, or comes from a backup), it is raised until all can be led. */
static int
begin_leading(struct controller *c, struct image **im, struct why *why)
{
	struct store *store = c->config.store;
	int64_t behind = 0, none = 0;
	image_raise_era(im, store_era(store));
	int err = make_missing(c, *im, &behind, why);
	if (err != 0 || behind == 0)
		return err;
	int32_t era = image_era(*im);
	if (behind >= INT32_MAX - era)
		return why_set(why, ERR_LIMIT, "leader-epoch cannot be raised from %d by %lld, as a log or topic asks for",
		    era, (long long)behind);
	era += (int32_t)behind;
	image_raise_era(im, era);
	ev_warn(c->config.ev, "leader-epoch said %d where logs or topics know of %d: raised", store_era(store), era);
	err = store_raise_era(store, era);
	return err == 0 ? make_missing(c, *im, &none, why) : why_set(why, err, "leader-epoch: %s", err_text(err));
}

/* Partitions that no topic has, as many as fit. */
struct strays {
	const struct image *image;
	int n;
	struct {
		struct uuid topic;
		int32_t index;
	} v[64];
};

static int
note_stray(struct partition *p, void *arg)
{
	struct strays *s = arg;
	const struct image_topic *t = image_topic_by_id(s->image, partition_topic(p));
	if (t != NULL && partition_index(p) < t->partitions)
		return 0;
	s->v[s->n].topic = *partition_topic(p);
	s->v[s->n++].index = partition_index(p);
	return s->n == (int)(sizeof(s->v) / sizeof(s->v[0]));
}

/* A crash between the end of a topic in the metadata and the end of its files leaves them, as
 * does older metadata. Its name must be free again; but what it holds is nobody's to throw away. */
static void
set_strays_aside(struct controller *c, const struct image *im)
{
	struct strays s;
	int moved;
	do {
		s = (struct strays){ .image = im };
		moved = 0;
		(void)store_each(c->config.store, note_stray, &s);
		for (int i = 0; i < s.n; i++)
			moved += store_set_aside(c->config.store, &s.v[i].topic, s.v[i].index) == 0;
	} while (moved > 0);
}

/* What is stored holds: publishes it where it is not the image already. ret_happened:
 * whether ops stand there. On failure nobody knows, until it is tried again. */
static int
settle(struct controller *c, const struct plan *p, bool *ret_happened)
{
	struct image *stored = NULL;
	struct why why = { "" };
	int64_t behind = 0;
	c->doubt = true;
	int err = load_image(c->config.meta, c->config.defaults, p->ops.v, p->ops.n, &stored,
	    ret_happened, &why);
	if (err != 0) {
		ev_err(c->config.ev, "metadata could not be read again, no change is taken until it can: %s", why.text);
		return err;
	}
	image_keep_generations(stored, atomic_load(c->config.image));
	image_raise_era(&stored, store_era(c->config.store));
	if (make_missing(c, stored, &behind, &why) != 0)
		ev_err(c->config.ev, "a partition could not be made: %s", why.text);
	publish(c, stored);
	c->doubt = false;
	return 0;
}

static void
fail(struct change *change, int err)
{
	change->result = result_of(err);
	why_set(&change->why, err, "metadata: %s", err_text(err));
}

/* True where the change holds. */
static bool
commit_or_settle(struct controller *c, struct change *change, const struct plan *p)
{
	bool open, happened = false;
	int err = commit(c, p, &open);
	if (err == 0)
		return true;
	ev_err(c->config.ev, "metadata could not be written: %s", err_text(err));
	if (open && settle(c, p, &happened) != 0)
		err = ERR_UNKNOWN;
	else if (happened)
		return true;
	else if (err == ERR_UNKNOWN)
		err = ERR_IO; /* it is known now */
	fail(change, err);
	return false;
}

/* Each node once, as it stands in the tree and as it will; 0, or it cannot be read. */
static int
nodes_of(struct controller *c, struct plan *p, struct change_node **ret_nodes, int *ret_n)
{
	struct map *seen = map_create();
	struct change_node *nodes = arena_zalloc(p->arena, (size_t)p->ops.n * sizeof(*nodes));
	int err = 0, n = 0;
	for (int32_t i = 0; i < p->ops.n && err == 0; i++) {
		const struct meta_op *op = &p->ops.v[i];
		struct change_node *node = map_get(seen, NAME(0, op->path));
		struct buf was;
		if (node == NULL) {
			node = &nodes[n++];
			node->path = op->path;
			(void)map_put(seen, NAME(0, op->path), node);
			buf_init(&was, META_NODE_MAX);
			err = meta_get(c->config.meta, op->path, &was);
			node->before = err == 0 ? arena_str(p->arena, buf_str(&was)) : STR_NULL;
			buf_free_secret(&was);
			err = err == ERR_NOTFOUND ? 0 : err;
		}
		node->after = op->kind == META_PUT ? op->value : STR_NULL;
	}
	map_destroy(&seen);
	*ret_nodes = nodes;
	*ret_n = n;
	return err;
}

/* Whoever listens is told what is about to be, and may refuse. */
static bool
begins(struct controller *c, struct change *change, struct plan *p)
{
	struct change_node *nodes;
	int n;
	if (c->config.begins == NULL)
		return true;
	int err = nodes_of(c, p, &nodes, &n);
	if (err != 0)
		fail(change, err);
	else if (c->config.begins(c->config.arg, change, p->image, nodes, n) == 0)
		return true;
	else
		change->result = CHANGE_AUDIT;
	return false;
}

static void
plan_it(struct change *change, struct plan *p)
{
	change->result = change->plan(change, p);
	if (change->result == CHANGE_OK && p->err != 0) {
		change->result = result_of(p->err);
		change->why = p->why;
	}
}

/* A trial's image has a generation of its own: what somebody remembers of one must hold for no other. */
static void
try_it(struct controller *c, struct change *change, struct plan *p)
{
	struct image *before = change->trial->image;
	plan_it(change, p);
	if (change->result != CHANGE_OK || p->image == before)
		return;
	image_set_generation(p->image, TRIAL_GENERATIONS + ++c->trials);
	change->trial->image = p->image;
	p->image = before;
}

/* Plans it on the image that is current, and commits. True where it holds. */
static bool
plan_and_commit(struct controller *c, struct change *change, struct plan *p)
{
	plan_it(change, p);
	if (change->result != CHANGE_OK || p->ops.n == 0)
		return change->result == CHANGE_OK;
	if (!begins(c, change, p))
		return false;
	bool holds = commit_or_settle(c, change, p);
	if (c->config.ends != NULL)
		c->config.ends(c->config.arg, change->result);
	return holds;
}

static void
run(struct controller *c, struct change *change)
{
	struct plan p = { .controller = c, .arena = arena_create(SIZE_MAX) };
	bool happened;
	int err = c->doubt ? settle(c, &p, &happened) : 0;
	p.before = change->trial != NULL ? change->trial->image : atomic_load(c->config.image);
	p.image = image_ref(p.before);
	if (err != 0)
		fail(change, ERR_IO);
	else if (change->trial != NULL)
		try_it(c, change, &p);
	else if (plan_and_commit(c, change, &p)) {
		if (change->carry_out != NULL)
			change->carry_out(change, &p);
		if (p.image != atomic_load(c->config.image)) {
			publish(c, p.image);
			p.image = NULL;
		}
	}
	if (change->result != CHANGE_OK && change->why.text[0] == '\0')
		why_set(&change->why, 0, "%s", change_text(change->result));
	image_unref(&p.image);
	arena_wipe(p.arena); /* keys and secrets went through it */
	arena_destroy(&p.arena);
	change->done(change);
}

static void *
work(void *arg)
{
	struct controller *c = arg;
	lock_take(&c->lock);
	for (;;) {
		while (c->head == NULL && !c->stop)
			lock_wait(&c->lock, &c->wake);
		struct change *change = c->head;
		if (change == NULL)
			break;
		c->head = change->next;
		if (c->head == NULL)
			c->tail = &c->head;
		lock_drop(&c->lock);
		run(c, change);
		lock_take(&c->lock);
	}
	lock_drop(&c->lock);
	return NULL;
}

void
controller_submit(struct controller *c, struct change *change)
{
	change->next = NULL;
	change->result = CHANGE_OK;
	change->why.text[0] = '\0';
	lock_take(&c->lock);
	*c->tail = change;
	c->tail = &change->next;
	pthread_cond_signal(&c->wake);
	lock_drop(&c->lock);
}

/* ---- a later era ---- */

static enum change_result
era_plan(struct change *change, struct plan *p)
{
	(void)change;
	image_raise_era(&p->image, store_era(p->controller->config.store));
	return CHANGE_OK;
}

/* Leads all by it. */
static void
era_carry_out(struct change *change, struct plan *p)
{
	struct controller *c = p->controller;
	int64_t behind = 0;
	struct why why = { "" };
	(void)change;
	if (p->image != atomic_load(c->config.image) && make_missing(c, p->image, &behind, &why) != 0)
		ev_err(c->config.ev, "a partition could not be made: %s", why.text);
}

void
era_change_init(struct change *change)
{
	change->plan = era_plan;
	change->carry_out = era_carry_out;
}

/* ---- start and stop ---- */

int
controller_create(const struct controller_config *config, struct controller **ret, struct why *why)
{
	struct image *first = NULL;
	bool happened;
	int err = load_image(config->meta, config->defaults, NULL, 0, &first, &happened, why);
	struct controller *c = MEM_NEW(struct controller);
	c->config = *config;
	if (err == 0 && image_tenant(first, 0) == NULL)
		err = why_set(why, ERR_CORRUPT, "the metadata has no tenant main (was the directory made by schlossd init?)");
	if (err == 0) {
		set_strays_aside(c, first);
		err = begin_leading(c, &first, why);
	}
	if (err == 0)
		store_claimed(config->store);
	if (err != 0) {
		image_unref(&first);
		mem_free(c);
		return err;
	}
	image_set_generation(first, ++c->generation);
	atomic_store(config->image, first);
	lock_init(&c->lock, LOCK_CONTROLLER);
	lock_cond_init(&c->wake);
	c->tail = &c->head;
	c->thread = thread_start("controller", work, c);
	*ret = c;
	return 0;
}

void
controller_destroy(struct controller **controller)
{
	struct controller *c = *controller;
	if (c == NULL)
		return;
	lock_take(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	lock_drop(&c->lock);
	pthread_join(c->thread, NULL);
	rcu_retire(c->config.rcu, image_release, rcu_publish(*c->config.image, NULL));
	pthread_cond_destroy(&c->wake);
	lock_free(&c->lock);
	mem_free(c);
	*controller = NULL;
}

/* ---- waiting for one change ---- */

struct waited {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool over;
};

static void
wake_waiter(struct change *change)
{
	struct waited *w = change->arg;
	pthread_mutex_lock(&w->mutex);
	w->over = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

enum change_result
controller_run(struct controller *c, struct change *change)
{
	struct waited w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	change->done = wake_waiter;
	change->arg = &w;
	controller_submit(c, change);
	pthread_mutex_lock(&w.mutex);
	while (!w.over)
		pthread_cond_wait(&w.cond, &w.mutex);
	pthread_mutex_unlock(&w.mutex);
	return change->result;
}
