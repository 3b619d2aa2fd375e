/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose access would be another: acl_compare() of what was and what would be, on a worker, as it may take a while and
 * reads nothing but images. An operator is told of each tenant; who administers one, of his; else the asker is told of
 * himself, for how others may use what he owns is the administrator's to know. Groups made by use are noted before, on
 * the loop, from the coordinator; those of a shard that is not loaded yet are missing, and the answer is called cut.
 */
#include "acl/change.h"
#include "acl/compare.h"
#include "api/authorize.h"
#include "api/own.h"
#include "api/rehearse.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/worker.h"
#include "coord/coord.h"
#include "meta/image.h"

#define LOOKS_MAX	400000	/* of a comparison, a tenth of a second or so */
#define ROWS_MAX	2000

struct pair {
	struct acl_comparison c;
	ARRAY(struct acl_by_use) by_use;
};

struct comparing {
	struct job job;
	struct request *rq;
	struct rehearse_rsp *out;
	const struct image *before, *after;
	ARRAY(struct pair) pairs;
	const struct acl_tenant *tenant;	/* whose pair it is at */
	uint64_t cpu_ns;
};

struct noting {
	struct pair *pair;
	struct arena *arena;
};

static void
note(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct noting *n = arg;
	if (owner == NULL)
		return;
	*ARRAY_ADD(n->arena, n->pair->by_use) = (struct acl_by_use){ ACL_GROUP, arena_str(n->arena, group->name.s),
		{ .owner = arena_str(n->arena, owner->owner), .mode = owner->mode,
		    .team = arena_str(n->arena, owner->team.p == NULL ? STR("") : owner->team) } };
}

static void
add_pair(struct request *rq, struct comparing *w, uint32_t tenant, struct str only)
{
	struct pair *p = ARRAY_ADD(rq->arena, w->pairs);
	struct noting n = { p, rq->arena };
	p->c = (struct acl_comparison){ .before = image_acl(w->before), .after = image_acl(w->after), .tenant = tenant,
		.was_open = image_tenant_is_open(w->before, tenant), .is_open = image_tenant_is_open(w->after, tenant),
		.now_ms = clock_wall_ms(), .only = only };
	if (rq->core->coord != NULL && coord_list(rq->core->coord, tenant, note, &n) != KERR_NONE)
		w->out->cut = true;
	p->c.by_use = p->by_use.v;
	p->c.n_by_use = p->by_use.n;
}

/* Of each tenant that one of the images has and that is another in the other one. */
static void
add_pairs(struct request *rq, struct comparing *w)
{
	const struct acl_image *was = image_acl(w->before), *is = image_acl(w->after);
	const struct image_tenant *t = NULL;
	while ((t = image_next_tenant(w->after, t)) != NULL)
		if (acl_image_tenant(was, t->number) != acl_image_tenant(is, t->number) ||
		    image_tenant_is_open(w->before, t->number) != image_tenant_is_open(w->after, t->number))
			add_pair(rq, w, t->number, STR_NULL);
	while ((t = image_next_tenant(w->before, t)) != NULL)
		if (acl_image_tenant(is, t->number) == NULL)
			add_pair(rq, w, t->number, STR_NULL);
}

static int
add_row(const struct acl_difference *d, void *arg)
{
	struct comparing *w = arg;
	if (w->out->changes.n == ROWS_MAX)
		return 1;
	struct rehearse_rsp_change *row = WIRE_ADD(w->rq->arena, w->out->changes, rehearse_rsp_change);
	row->kind = (int8_t)d->subject;
	row->user = arena_str(w->rq->arena, d->user);
	row->path = own_path(w->rq, w->tenant, d->type, d->name, false);
	row->gained = (int32_t)d->gained;
	row->lost = (int32_t)d->lost;
	return 0;
}

static void
compare(struct job *job)
{
	struct comparing *w = CONTAINER_OF(job, struct comparing, job);
	uint64_t began = clock_thread_cpu_ns();
	for (int32_t i = 0; i < w->pairs.n; i++) {
		struct acl_comparison *c = &w->pairs.v[i].c;
		w->tenant = acl_image_tenant(c->after, c->tenant);
		if (w->tenant == NULL)
			w->tenant = acl_image_tenant(c->before, c->tenant);
		c->most = LOOKS_MAX / (size_t)w->pairs.n;
		if (w->tenant != NULL && !acl_compare(c, w->rq->arena, add_row, w))
			w->out->cut = true;
	}
	w->cpu_ns = clock_thread_cpu_ns() - began;
	request_wake(w->rq);
}

static enum api_turn
compared(struct request *rq)
{
	const struct comparing *w = rq->state;
	rq->cpu_ns += w->cpu_ns;
	return API_ANSWER;
}

enum api_turn
rehearse_compare(struct request *rq, const struct image *before, const struct image *after, struct rehearse_rsp *out)
{
	struct comparing *w = rq->state = arena_zalloc(rq->arena, sizeof(*w));
	struct acl_who asker;
	w->job.run = compare;
	w->rq = rq;
	w->out = out;
	w->before = before;
	w->after = after;
	rq->image = before; /* what he may know does not hang on what he tries */
	caller(rq, &asker);
	out->only_own = !acl_is_admin(image_acl(before), &asker, request_tenant(rq));
	if (asker.is_operator)
		add_pairs(rq, w);
	else
		add_pair(rq, w, request_tenant(rq), out->only_own ? asker.user.s : STR_NULL);
	if (workers_submit(rq->core->workers, &w->job) == 0)
		return request_park(rq, compared, NULL, UINT64_MAX, false);
	out->error_code = KERR_REQUEST_TIMED_OUT;
	out->error_message = STR("the broker is busy: ask again");
	return API_ANSWER;
}
