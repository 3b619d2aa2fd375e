/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for what may block: it loads shards (in order at the start; later
 * those whose log had failed, again and again until that works), and has the
 * rules removed that owners had set on groups that ended. A crash may come
 * between a group's end and that, so once all is loaded the rules are searched
 * for groups that are no more.
 */
#include "api/groups_impl.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "meta/tree.h"

#define RETRY_MS	500u
#define RETRY_MAX	6u		/* doublings: half a minute */

void
groups_want(struct home *h)
{
	struct groups *g = h->groups;
	lock_take(&g->lock);
	h->wanted = true;
	pthread_cond_signal(&g->wake);
	lock_drop(&g->lock);
}

void
groups_ended(void *ctx, struct name name)
{
	struct groups *g = ctx;
	struct ended *e = mem_alloc(sizeof(*e) + name.s.n);
	memcpy(e->text, name.s.p, name.s.n);
	e->name = NAME(name.tenant, ((struct str){ e->text, name.s.n }));
	lock_take(&g->lock);
	e->next = g->ended;
	g->ended = e;
	pthread_cond_signal(&g->wake);
	lock_drop(&g->lock);
}

/* ---- loading ---- */

/* Empties the shard if it is in use, and loads it; where that fails it is tried later. */
static void
load(struct groups *g, struct home *h)
{
	struct event *log = g->config.core->log;
	(void)coord_doubt(g->coord, h->index);
	int err = groups_load(h);
	if (err == 0 && h->failures > 0)
		ev_notice(log, "__consumer_offsets-%d: loaded, its groups are served again", h->index);
	if (err != 0 && h->failures == 0)
		ev_err(log, "__consumer_offsets-%d: its groups are not served until it can be loaded: %s", h->index,
		    err == ERR_AGAIN ? "its log has failed (schlossctl topic recover)" : err_text(err));
	h->failures = err == 0 ? 0 : h->failures < RETRY_MAX ? h->failures + 1 : h->failures;
	if (err == 0)
		return;
	lock_take(&g->lock);
	h->wanted = true;
	h->retry_ns = clock_mono_ns() + ((uint64_t)RETRY_MS << h->failures) * NS_PER_MS;
	lock_drop(&g->lock);
}

/* One that is due, or how long until one is (UINT64_MAX: none is wanted). Locked. */
static struct home *
take_wanted(struct groups *g, uint64_t *ret_wait_ns)
{
	uint64_t now = clock_mono_ns(), wait = UINT64_MAX;
	for (int32_t i = 0; i < g->config.coord.shards; i++) {
		struct home *h = &g->homes[i];
		if (h->wanted && h->retry_ns <= now) {
			h->wanted = false;
			return h;
		}
		if (h->wanted && h->retry_ns - now < wait)
			wait = h->retry_ns - now;
	}
	*ret_wait_ns = wait;
	return NULL;
}

/* ---- rules of groups that ended ---- */

static void
remove_rules(struct groups *g, struct ended *list)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct names_end c = { .change.arena = arena };
	int32_t n = 0;
	for (const struct ended *e = list; e != NULL; e = e->next)
		n++;
	c.names = arena_alloc(arena, (size_t)n * sizeof(*c.names));
	for (const struct ended *e = list; e != NULL; e = e->next)
		c.names[c.n++] = e->name;
	names_end_init(&c);
	if (controller_run(g->config.core->controller, &c.change) != CHANGE_OK)
		ev_err(g->config.core->log, "rules of groups that ended could not be removed: %s", c.change.why.text);
	for (struct ended *e = list, *next; e != NULL; e = next) {
		next = e->next;
		mem_free(e);
	}
	arena_destroy(&arena);
}

struct sweep {
	struct groups *groups;
	const struct acl_tenant *tenant;
	struct arena *arena;
};

static int
sweep_rule(const struct acl_rule *rule, void *arg)
{
	struct sweep *s = arg;
	struct group_owner owner;
	struct name name = NAME(acl_tenant_number(s->tenant), rule->b.name);
	if (rule->by_owner && acl_tenant_node(s->tenant, ACL_GROUP, name.s) == NULL &&
	    !coord_group_owner(s->groups->coord, name, s->arena, &owner))
		groups_ended(s->groups, name);
	return 0;
}

static void
sweep(struct groups *g)
{
	struct broker_core *core = g->config.core;
	struct rcu_reader *reader = rcu_join(core->rcu);
	struct sweep s = { .groups = g, .arena = arena_create(SIZE_MAX) };
	struct acl_binding filter = { .type = ACL_GROUP, .pattern = ACL_LITERAL, .op = ACL_OP_ANY,
		.permission = ACL_PERMISSION_ANY };
	rcu_enter(core->rcu, reader);
	const struct acl_image *im = image_acl(rcu_read(*core->image));
	struct str at = STR("");
	while ((s.tenant = acl_image_next(im, at)) != NULL) {
		(void)acl_tenant_rules(s.tenant, &filter, sweep_rule, &s);
		at = acl_tenant_name(s.tenant);
	}
	rcu_leave(core->rcu, reader);
	rcu_part(core->rcu, &reader);
	arena_destroy(&s.arena);
}

/* ---- the thread ---- */

/* What is to be done next, done without the lock. Locked; false: nothing now. */
static bool
work_once(struct groups *g, uint64_t *ret_wait_ns)
{
	struct home *h = take_wanted(g, ret_wait_ns);
	struct ended *list = h == NULL ? g->ended : NULL;
	bool sweeps = h == NULL && list == NULL && !g->swept && *ret_wait_ns == UINT64_MAX;
	if (h == NULL && list == NULL && !sweeps)
		return false;
	if (list != NULL)
		g->ended = NULL;
	g->swept = g->swept || sweeps;
	lock_drop(&g->lock);
	if (h != NULL)
		load(g, h);
	else if (list != NULL)
		remove_rules(g, list);
	else
		sweep(g);
	lock_take(&g->lock);
	return true;
}

void *
groups_work(void *arg)
{
	struct groups *g = arg;
	uint64_t wait;
	lock_take(&g->lock);
	while (!g->stop) {
		if (work_once(g, &wait))
			continue;
		if (wait == UINT64_MAX)
			lock_wait(&g->lock, &g->wake);
		else
			(void)lock_wait_ms(&g->lock, &g->wake, (unsigned)(wait / NS_PER_MS) + 1);
	}
	lock_drop(&g->lock);
	return NULL;
}

void
groups_work_stop(struct groups *g)
{
	lock_take(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->wake);
	lock_drop(&g->lock);
	if (g->running)
		pthread_join(g->thread, NULL);
	g->running = false;
}
