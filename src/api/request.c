/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parking and waking. A wake may come from any thread, and before the request's
 * own turn is over: it posts once to the loop, and only the loop looks at the
 * request. A request that ends while its post is under way is freed by the post.
 */
#include "api/request.h"

#include "api/dispatch.h"
#include "api/session.h"

static void
deadline_due(struct timer *timer, uint64_t now)
{
	struct request *rq = CONTAINER_OF(timer, struct request, deadline);
	(void)now;
	rq->by_deadline = true;
	dispatch_resume(rq);
}

static void
woken(struct post *post)
{
	struct request *rq = CONTAINER_OF(post, struct request, post);
	atomic_store(&rq->posted, false);
	if (rq->awaits_last)
		return; /* for what it waited for before */
	if (rq->ended)
		request_free(rq);
	else if (rq->parked)
		dispatch_resume(rq);
}

static void
woken_last(struct post *post)
{
	struct request *rq = CONTAINER_OF(post, struct request, last);
	rq->awaits_last = false;
	if (!rq->ended)
		dispatch_resume(rq);
	else if (!atomic_load(&rq->posted))
		request_free(rq);
}

enum api_turn
request_park(struct request *rq, enum api_turn (*resume)(struct request *),
    void (*abandon)(struct request *), uint64_t deadline_ns, bool overtake)
{
	rq->resume = resume;
	rq->abandon = abandon;
	rq->overtake = overtake;
	rq->outlives = abandon == NULL;
	rq->by_deadline = rq->for_others = false;
	rq->deadline.fire = deadline_due;
	if (deadline_ns != UINT64_MAX)
		timer_set(loop_timers(rq->loop), &rq->deadline, deadline_ns);
	return API_WAIT;
}

void
request_wake(struct request *rq)
{
	if (!atomic_exchange(&rq->posted, true)) {
		rq->post.run = woken;
		loop_post(rq->loop, &rq->post);
	}
}

enum api_turn
request_park_last(struct request *rq, enum api_turn (*resume)(struct request *))
{
	rq->awaits_last = true;
	return request_park(rq, resume, NULL, UINT64_MAX, false);
}

void
request_wake_last(struct request *rq)
{
	rq->last.run = woken_last;
	loop_post(rq->loop, &rq->last);
}

void
request_end(struct request *rq)
{
	timer_cancel(loop_timers(rq->loop), &rq->deadline);
	list_del(&rq->hook);
	rq->parked = false;
	rq->ended = true;
	if (!atomic_load(&rq->posted) && !rq->outlives)
		request_free(rq);
}

void
request_free(struct request *rq)
{
	if (rq->in != NULL && rq->header.api->req->type->secret)
		wire_wipe(rq->header.api->req->type, rq->in);
	struct arena *arena = rq->arena; /* the request itself lies in it */
	if (rq->out != NULL && rq->header.api->rsp->type->secret)
		arena_wipe(arena); /* the answer's bytes, too */
	arena_destroy(&arena);
}

struct request *
request_make(struct session *s, const uint8_t *frame, size_t n)
{
	struct arena *arena = arena_create_in(loop_arenas(conn_loop(s->conn)), s->core->settings.arena_max);
	struct request *rq = arena_zalloc(arena, sizeof(*rq));
	rq->arena = arena;
	rq->session = s;
	rq->core = s->core;
	rq->loop = conn_loop(s->conn);
	rq->image = rcu_read(*s->core->image);
	rq->frame = frame;
	rq->frame_n = rq->bytes_in = n;
	rq->answer_version = -1;
	rq->came = loop_now(rq->loop);
	list_init(&rq->hook);
	list_add(&s->requests, &rq->hook);
	return rq;
}

bool
request_flag(const struct request *rq, enum api_flag flag)
{
	return api_flag_holds(flag, rq->header.version);
}

uint32_t
request_tenant(const struct request *rq)
{
	return rq->session->tenant;
}

uint64_t
request_now(const struct request *rq)
{
	return loop_now(rq->loop);
}
