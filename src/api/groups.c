/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's hands. Appends go to the shard's partition as one batch.
 * Answers to parked requests are copied into the request's arena under the shard's
 * lock (nobody else touches it then: its loop waits for the wake, and abandoning
 * takes the same lock first), and wait for their barrier.
 *
 * A shard's timers have one home loop; a message moves its timer there. Where a
 * log fails under an answer or an append, the shard is emptied and loaded again,
 * as soon as its log works (groups_work.c); until then clients are told that it
 * is being loaded, and come again.
 */
#include "api/groups.h"

#include "api/groups_impl.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "meta/topics.h"
#include "wire/batch_build.h"

#define FEW		8		/* records without memory of their own */
#define BATCH_MAX	(64u << 20)
#define TELL_FULL_NS	(60 * NS_PER_SEC)

/* ---- what the coordinator asks for ---- */

/* Nearly always on a loop, whose turn wakes those who write, once for all; who does this elsewhere calls store_go(). */
static int
append(void *ctx, int32_t shard, const struct coord_record *records, int n, int64_t wall_ms,
    int64_t *ret_end)
{
	struct groups *g = ctx;
	struct batch_entry few[FEW], *e = n <= FEW ? few : mem_alloc((size_t)n * sizeof(*e));
	struct append_result res;
	struct buf b;
	for (int i = 0; i < n; i++) {
		e[i].key = (struct str){ (const char *)records[i].key.p, records[i].key.n };
		e[i].value = (struct str){ (const char *)records[i].value.p, records[i].value.n };
	}
	buf_init(&b, BATCH_MAX);
	int err = batch_build(&b, e, n, wall_ms);
	if (err == 0)
		err = partition_append(g->homes[shard].partition, &(struct append){ .batch = b.p, .n = b.n,
		    .leader_epoch = -1, .more = true }, &res);
	if (err == 0)
		*ret_end = res.end;
	else if (err != ERR_AGAIN && err != ERR_NOSPACE)
		groups_want(&g->homes[shard]);
	buf_free(&b);
	if (e != few)
		mem_free(e);
	return err;
}

static struct str
own(struct request *rq, struct str s)
{
	return arena_str(rq->arena, s);
}

static struct bytes
own_bytes(struct request *rq, struct bytes b)
{
	struct str s = own(rq, (struct str){ b.p == NULL ? "" : (const char *)b.p, b.n });
	return (struct bytes){ (const uint8_t *)s.p, s.n };
}

static void
joined(void *ctx, void *cookie, const struct group_joined *a, int64_t barrier)
{
	struct parked *p = cookie;
	struct request *rq = p->rq;
	struct join_group_rsp *out = rq->out;
	(void)ctx;
	out->error_code = (int16_t)a->err;
	out->generation_id = a->generation;
	out->protocol_type = own(rq, a->protocol_type);
	out->protocol_name = own(rq, a->protocol);
	out->leader = own(rq, a->leader);
	out->member_id = own(rq, a->member_id);
	out->skip_assignment = a->skip_assignment;
	ARRAY_FOREACH(const struct group_member_view, m, a->members) {
		struct join_group_rsp_member *o = WIRE_ADD(rq->arena, out->members, join_group_rsp_member);
		o->member_id = own(rq, m->member_id);
		o->group_instance_id = own(rq, m->instance_id);
		o->metadata = own_bytes(rq, m->metadata);
	}
	groups_wake_behind(p, barrier);
}

static void
synced(void *ctx, void *cookie, const struct group_synced *a, int64_t barrier)
{
	struct parked *p = cookie;
	struct request *rq = p->rq;
	struct sync_group_rsp *out = rq->out;
	(void)ctx;
	out->error_code = (int16_t)a->err;
	out->protocol_type = own(rq, a->protocol_type);
	out->protocol_name = own(rq, a->protocol);
	out->assignment = own_bytes(rq, a->assignment);
	groups_wake_behind(p, barrier);
}

/* Once a minute at most: who makes groups without end is refused without end. */
static void
full(void *ctx, uint32_t tenant, bool all)
{
	struct groups *g = ctx;
	struct broker_core *core = g->config.core;
	uint64_t now = clock_mono_ns(), due = atomic_load(&g->tell_full_ns);
	uint64_t before = atomic_fetch_add(&g->refused, 1);
	if (now < due || !atomic_compare_exchange_strong(&g->tell_full_ns, &due, now + TELL_FULL_NS))
		return;
	atomic_store(&g->refused, 0);
	const struct image_tenant *t = image_tenant(rcu_read(*core->image), tenant);
	struct str name = t == NULL ? STR("?") : t->name;
	ev_warn(core->log, "consumer groups %s%.*s have used up %s of the %lld bytes that groups may take (by "
	    "memory.max): new ones, or what makes one larger, are refused (%llu since this was last said)",
	    all ? "of all tenants, asked by " : "of tenant ", STR_ARG(name), all ? "all" : "the half for one tenant",
	    (long long)g->config.coord.memory_max, (unsigned long long)before);
}

/* ---- timers ---- */

static void
tick(struct timer *timer, uint64_t now)
{
	struct home *h = CONTAINER_OF(timer, struct home, timer);
	atomic_store(&h->armed, UINT64_MAX);
	coord_tick(h->groups->coord, h->index, (struct coord_time){ now, clock_wall_ms() });
}

static void
arm(struct post *post)
{
	struct home *h = CONTAINER_OF(post, struct home, post);
	atomic_store(&h->posted, false);
	uint64_t when = atomic_load(&h->armed);
	if (when != UINT64_MAX && (!timer_is_set(&h->timer) || h->timer.when > when))
		timer_set(loop_timers(h->loop), &h->timer, when);
}

static void
wake_at(void *ctx, int32_t shard, uint64_t when)
{
	struct groups *g = ctx;
	struct home *h = &g->homes[shard];
	if (when >= atomic_load(&h->armed))
		return; /* it looks earlier anyway */
	atomic_store(&h->armed, when);
	if (!atomic_exchange(&h->posted, true))
		loop_post(h->loop, &h->post);
}

static void
expire_run(struct job *job)
{
	struct groups *g = CONTAINER_OF(job, struct groups, expire_job);
	struct coord_time t = { clock_mono_ns(), clock_wall_ms() };
	for (int32_t i = 0; i < g->config.coord.shards && !atomic_load(&g->quiet); i++)
		coord_expire(g->coord, i, t);
	store_go(g->config.core->store);
	atomic_store(&g->expiring, false);
}

static void
expire_due(struct timer *timer, uint64_t now)
{
	struct groups *g = CONTAINER_OF(timer, struct groups, expire_timer);
	timer_set(loop_timers(g->config.loops[0]), timer, now + (uint64_t)g->config.expire_every_ms * NS_PER_MS);
	if (atomic_exchange(&g->expiring, true))
		return;
	g->expire_job.run = expire_run;
	if (workers_submit(g->config.core->workers, &g->expire_job) != 0)
		atomic_store(&g->expiring, false);
}

static void
expire_begin(struct post *post)
{
	struct groups *g = CONTAINER_OF(post, struct groups, expire_post);
	g->expire_timer.fire = expire_due;
	timer_set(loop_timers(g->config.loops[0]), &g->expire_timer,
	    loop_now(g->config.loops[0]) + (uint64_t)g->config.expire_every_ms * NS_PER_MS);
}

static void
expire_end(struct post *post)
{
	struct groups *g = CONTAINER_OF(post, struct groups, expire_end_post);
	timer_cancel(loop_timers(g->config.loops[0]), &g->expire_timer);
	lock_take(&g->lock);
	g->expired_last = true;
	pthread_cond_signal(&g->wake);
	lock_drop(&g->lock);
}

/* Takes the timer off its loop, which runs on: the workers it hands jobs to are
 * about to go. */
static void
expire_stop(struct groups *g)
{
	g->expire_end_post.run = expire_end;
	loop_post(g->config.loops[0], &g->expire_end_post);
	lock_take(&g->lock);
	while (!g->expired_last)
		lock_wait(&g->lock, &g->wake);
	lock_drop(&g->lock);
}

/* ---- start and stop ---- */

static int
make_topic(const struct groups_config *f, struct why *why)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct topic_setting settings[] = { { STR("cleanup.policy"), STR("compact") },
		{ STR("compression.type"), STR("producer") },
		{ STR("segment.bytes"), arena_printf(arena, "%lld", (long long)f->segment_bytes) } };
	struct topic_new t = { .name = NAME(0, STR("__consumer_offsets")), .partitions = f->coord.shards,
		.replication = -1, .settings = { settings, 3 }, .owner = STR(""), .team = STR(""),
		.mode = 0, .internal = true, .assignments = { NULL, -1 } };
	struct topics_create c = { .topics = &t, .n = 1, .change.arena = arena };
	topics_create_init(&c);
	enum change_result r = controller_run(f->core->controller, &c.change);
	int err = 0;
	if (r != CHANGE_OK || (t.result != CHANGE_OK && t.result != CHANGE_TOPIC_EXISTS))
		err = why_set(why, ERR_IO, "__consumer_offsets: %s", r != CHANGE_OK ? c.change.why.text : t.why.text);
	arena_destroy(&arena);
	return err;
}

/* The number of partitions is the topic's, once it is made: groups lie by it. */
static int
open_partitions(struct groups *g, struct why *why)
{
	struct broker_core *core = g->config.core;
	const struct image_topic *t = image_topic(atomic_load(core->image), NAME(0, STR("__consumer_offsets")));
	if (t == NULL)
		return why_set(why, ERR_NOTFOUND, "there is no topic __consumer_offsets");
	g->config.coord.shards = t->partitions;
	g->homes = mem_zalloc((size_t)t->partitions * sizeof(*g->homes));
	for (int32_t i = 0; i < t->partitions; i++) {
		struct home *h = &g->homes[i];
		h->groups = g;
		h->index = i;
		h->loop = g->config.loops[(unsigned)i % g->config.loops_n];
		h->wanted = true;
		h->timer.fire = tick;
		h->post.run = arm;
		atomic_store(&h->armed, UINT64_MAX);
		h->partition = store_find(core->store, &t->id, i);
		if (h->partition == NULL)
			return why_set(why, ERR_NOTFOUND, "partition %d of __consumer_offsets is not there", i);
	}
	return 0;
}

int
groups_start(const struct groups_config *config, struct groups **ret, struct why *why)
{
	struct groups *g = MEM_NEW(struct groups);
	g->config = *config;
	lock_init(&g->lock, LOCK_GROUPS);
	lock_cond_init(&g->wake);
	int err = 0;
	if (image_topic(atomic_load(config->core->image), NAME(0, STR("__consumer_offsets"))) == NULL)
		err = make_topic(config, why);
	if (err == 0)
		err = open_partitions(g, why);
	if (err != 0) {
		groups_stop(&g);
		return err;
	}
	struct coord_io io = { g, append, joined, synced, groups_ended, full, wake_at };
	g->coord = coord_create(&g->config.coord, &io);
	for (int32_t i = 0; i < g->config.coord.shards; i++)
		coord_load_begin(g->coord, i);
	g->config.core->coord = g->coord;
	g->config.core->groups = g;
	g->thread = thread_start("groups", groups_work, g);
	g->running = true;
	g->expire_post.run = expire_begin;
	loop_post(g->config.loops[0], &g->expire_post);
	*ret = g;
	return 0;
}

void
groups_quiet(struct groups *g)
{
	if (g == NULL)
		return;
	bool running = g->running;
	atomic_store(&g->quiet, true);
	groups_work_stop(g);
	if (running)
		expire_stop(g);
}

void
groups_leave(struct groups *g)
{
	for (int32_t i = 0; i < g->config.coord.shards; i++)
		coord_unload(g->coord, i);
}

void
groups_stop(struct groups **groups)
{
	struct groups *g = *groups;
	if (g == NULL)
		return;
	groups_quiet(g);
	while (atomic_load(&g->expiring))
		sched_yield();
	for (int32_t i = 0; g->homes != NULL && i < g->config.coord.shards; i++)
		if (g->homes[i].partition != NULL)
			partition_put(&g->homes[i].partition);
	coord_destroy(&g->coord);
	g->config.core->coord = NULL;
	g->config.core->groups = NULL;
	mem_free(g->homes);
	for (struct ended *e = g->ended, *next; e != NULL; e = next) {
		next = e->next;
		mem_free(e);
	}
	pthread_cond_destroy(&g->wake);
	lock_free(&g->lock);
	mem_free(g);
	*groups = NULL;
}

void
groups_forget_topic(struct groups *g, struct name topic)
{
	coord_forget_topic(g->coord, topic, (struct coord_time){ clock_mono_ns(), clock_wall_ms() });
	store_go(g->config.core->store);
}

struct ending {
	struct arena *arena;
	ARRAY(struct name) groups;
	ARRAY(struct str) members;
};

static void
note_group(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct ending *e = arg;
	(void)owner;
	*ARRAY_ADD(e->arena, e->groups) = NAME(group->name.tenant, arena_str(e->arena, group->name.s));
}

static void
note_members(const struct group *group, void *arg)
{
	struct ending *e = arg;
	e->members.n = 0;
	LIST_FOREACH(hook, &group->members)
		*ARRAY_ADD(e->arena, e->members) = arena_str(e->arena, str_from(CONTAINER_OF(hook, struct member, hook)->id));
}

/* Its members' connections have been closed, but their sessions may not have ended. */
void
groups_forget_tenant(struct groups *g, uint32_t tenant)
{
	struct ending e = { .arena = arena_create(SIZE_MAX) };
	struct coord_time t = { clock_mono_ns(), clock_wall_ms() };
	int64_t barrier;
	(void)coord_list(g->coord, tenant, note_group, &e); /* of a shard that is being loaded they expire */
	ARRAY_FOREACH(const struct name, group, e.groups) {
		if (coord_look(g->coord, *group, note_members, &e) != KERR_NONE)
			continue;
		ARRAY_FOREACH(const struct str, member, e.members)
			(void)coord_leave(g->coord, *group, *member, STR_NULL, t, &barrier);
		(void)coord_delete_group(g->coord, *group, t, &barrier);
	}
	arena_destroy(&e.arena);
	store_go(g->config.core->store);
}

void
groups_reload(struct groups *g, int32_t shard)
{
	if (shard < g->config.coord.shards)
		groups_want(&g->homes[shard]);
}
