/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait: a JoinGroup or SyncGroup for the coordinator, then every
 * answer for its barriers, one log after the other. Where a log fails first, the
 * shard is loaded again and the request says so.
 */
#include "api/authorize.h"
#include "api/groups_impl.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/err.h"

struct coord_time
groups_time(struct request *rq)
{
	return (struct coord_time){ request_now(rq), clock_wall_ms() };
}

const struct group_owner *
groups_maker(struct request *rq)
{
	struct acl_who who;
	struct group_owner *o = arena_zalloc(rq->arena, sizeof(*o));
	caller(rq, &who);
	struct acl_node node = acl_new_node(image_acl(rq->image), &who, ACL_GROUP, request_tenant(rq));
	*o = (struct group_owner){ arena_str(rq->arena, node.owner), arena_str(rq->arena, node.team), node.mode };
	return o;
}

void
groups_need(struct request *rq, struct group_barriers *need, struct name group, int64_t barrier)
{
	int32_t shard = coord_shard_of(rq->core->coord, group);
	if (barrier < 0)
		return;
	ARRAY_FOREACH(struct group_barrier, b, need->v) {
		if (b->shard != shard)
			continue;
		b->end = barrier > b->end ? barrier : b->end;
		return;
	}
	*ARRAY_ADD(rq->arena, need->v) = (struct group_barrier){ group, shard, barrier };
}

static void
durable(struct log_waiter *w, int err)
{
	struct parked *p = CONTAINER_OF(w, struct parked, waiter);
	p->err = err;
	request_wake(p->rq);
}

/* The request is woken, now where that log has failed, unless there is nothing to wait for: ERR_EXISTS. */
static int
wait_for(struct parked *p, int64_t barrier)
{
	list_init(&p->waiter.hook);
	p->waiter.fire = durable;
	int err = barrier < 0 ? ERR_EXISTS
	    : partition_wait_durable(p->home->partition, &p->waiter, barrier);
	p->queued = err == 0;
	if (err != 0 && err != ERR_EXISTS) {	/* it failed before we could wait */
		p->err = err;
		request_wake(p->rq);
	}
	return err;
}

void
groups_wake_behind(struct parked *p, int64_t barrier)
{
	if (wait_for(p, barrier) == ERR_EXISTS)
		request_wake(p->rq);
}

static struct parked *
park_state(struct request *rq, void (*failed)(struct request *rq))
{
	struct parked *p = arena_zalloc(rq->arena, sizeof(*p));
	p->rq = rq;
	p->failed = failed;
	rq->state = p;
	return p;
}

static void
abandon_wait(struct request *rq)
{
	struct parked *p = rq->state;
	if (p->queued)
		partition_wait_cancel(p->home->partition, &p->waiter);
}

static enum api_turn resume(struct request *rq);

/* Parks for the next barrier that is not durable yet. */
static enum api_turn
next_barrier(struct request *rq)
{
	struct parked *p = rq->state;
	while (p->need != NULL && p->at < p->need->v.n) {
		const struct group_barrier *b = &p->need->v.v[p->at++];
		p->home = &rq->core->groups->homes[b->shard];
		if (wait_for(p, b->end) == ERR_EXISTS)
			continue;
		return request_park(rq, resume, abandon_wait, UINT64_MAX, false);
	}
	return API_ANSWER;
}

/* For those who look at connections. */
static void
note_member(struct request *rq)
{
	const struct join_group_rsp *out = rq->out;
	if (rq->header.key == WIRE_KEY_JOIN_GROUP && out->error_code == KERR_NONE)
		session_speaks_for(rq->session, ((const struct join_group_req *)rq->in)->group_id.s, out->member_id);
}

static enum api_turn
resume(struct request *rq)
{
	struct parked *p = rq->state;
	abandon_wait(rq);
	p->queued = false;
	/* Others may have been waited for: for how long, nobody knows. */
	enum kerr err = p->denied == NULL ? KERR_NONE : may_group(rq, p->group);
	if (err != KERR_NONE) {
		p->denied(rq, err);
		return API_ANSWER;
	}
	if (p->err == 0) {
		note_member(rq);
		return next_barrier(rq);
	}
	/* At once, or others would be told what the log has lost. */
	(void)coord_doubt(rq->core->coord, p->home->index);
	groups_want(p->home);
	p->failed(rq);
	return API_ANSWER;
}

static void
abandon(struct request *rq)
{
	struct parked *p = rq->state;
	coord_abandon(rq->core->coord, p->group, p, groups_time(rq));
	abandon_wait(rq);
}

enum api_turn
groups_answer_all(struct request *rq, const struct group_barriers *need,
    void (*failed)(struct request *rq))
{
	park_state(rq, failed)->need = need;
	return next_barrier(rq);
}

enum api_turn
groups_answer(struct request *rq, struct name group, int64_t barrier,
    void (*failed)(struct request *rq))
{
	struct group_barriers *need = arena_zalloc(rq->arena, sizeof(*need));
	groups_need(rq, need, group, barrier);
	return groups_answer_all(rq, need, failed);
}

enum api_turn
groups_park(struct request *rq, struct name group, void (*run)(struct request *rq),
    void (*failed)(struct request *rq), void (*denied)(struct request *rq, enum kerr err))
{
	struct groups *g = rq->core->groups;
	struct parked *p = park_state(rq, failed);
	p->denied = denied;
	p->group = group;
	p->home = &g->homes[coord_shard_of(g->coord, group)];
	/* The answer may come inside of run(), or on another thread before it has
	 * returned: nothing of the request is touched after it but by the loop. */
	run(rq);
	return request_park(rq, resume, abandon, UINT64_MAX, false);
}
