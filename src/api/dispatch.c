/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a request, read from top to bottom. A step may answer and stop;
 * nothing reaches a handler except through all of them.
 *
 * Failures: a frame that is no request, a request that is not legal in the
 * connection's phase, and a message that cannot be decoded close the
 * connection, as Kafka does: the peer is broken or hostile and there is no field
 * for an error. A name of another tenant in a response closes it too, with an alarm.
 */
#include "api/dispatch.h"

#include "api/answer.h"
#include "api/rehearse.h"
#include "api/request.h"
#include "api/session.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/table.h"

#define CHANGES_MAX	20000	/* things that one request may change */

/* ---- the steps ---- */

static enum api_turn
read_header(struct request *rq)
{
	struct reader r = reader_of(rq->frame, rq->frame_n);
	if (wire_header_decode(&r, &rq->header) != 0)
		return API_CLOSE;
	if (rq->header.supported) {
		rq->frame = r.p;
		rq->frame_n = reader_left(&r);
	}
	return API_NEXT;
}

static enum api_turn
find_api(struct request *rq)
{
	rq->row = api_find(rq->header.key);
	if (rq->row == NULL)
		return API_CLOSE;
	if (rq->header.supported)
		return API_NEXT;
	return answer_unsupported(rq);
}

/* A tenant is deleted or suspended before its connections are closed: until then they find
 * nothing of it, not even what every handler takes for granted. Looked up once for each image. */
static bool
tenant_is_there(const struct request *rq)
{
	uint64_t *seen = &rq->session->tenant_seen, now = image_generation(rq->image) + 1;
	if (*seen != now && image_tenant(rq->image, request_tenant(rq)) != NULL &&
	    session_tenant_stays(rq->session, rq->image))
		*seen = now;
	return *seen == now;
}

/* A token without a frame of Kafka's (login.c) has no row: it is part of a login, which is
 * nobody's yet. */
static bool
may_go_on(const struct request *rq)
{
	return rq->row == NULL || rq->row->phase != API_PHASE_READY || tenant_is_there(rq);
}

/* Which rows are legal in which phase of the connection. */
static enum api_turn
check_phase(struct request *rq)
{
	const struct session *s = rq->session;
	bool may = false;
	switch (rq->row->phase) {
	case API_PHASE_ANY:
		may = session_may_ask(s);
		break;
	case API_PHASE_LOGIN:
		may = session_may_login(s);
		break;
	case API_PHASE_READY:
		may = session_may_work(s) && tenant_is_there(rq);
		break;
	}
	if (!may && session_is_over(s))
		ev_info(conn_event(s->conn), "%s after the login has ended, which was not renewed",
		    rq->header.api->name);
	return may ? API_NEXT : API_CLOSE;
}

/* Whose buckets this request and what it does count in. The client id lies in the
 * frame, which is gone when a request parks; then its arena is others' already. What is
 * produced counts at once: a hundred that wait for the disk would all have been let in. */
static enum api_turn
find_buckets(struct request *rq)
{
	struct quota_link *quota = rq->session->quota;
	rq->header.client_id = arena_str(rq->arena, rq->header.client_id);
	if (quota != NULL)
		quota_client(quota, rq->header.client_id);
	if (quota != NULL && rq->row->bill == API_BILL_PRODUCE)
		quota_charge(quota, QUOTA_PRODUCE, (double)rq->bytes_in, request_now(rq));
	if (rq->row->bill != API_BILL_NONE)
		session_moves_records(rq->session);
	return API_NEXT;
}

static bool
changes_metadata(int16_t key)
{
	switch (key) {
	case WIRE_KEY_CREATE_TOPICS:
	case WIRE_KEY_CREATE_PARTITIONS:
	case WIRE_KEY_ALTER_CONFIGS:
	case WIRE_KEY_INCREMENTAL_ALTER_CONFIGS:
	case WIRE_KEY_CREATE_ACLS:
	case WIRE_KEY_ALTER_CLIENT_QUOTAS:
	case WIRE_KEY_ALTER_USER_SCRAM_CREDENTIALS:
	case WIRE_KEY_USER_ALTER:
	case WIRE_KEY_TEAM_ALTER:
	case WIRE_KEY_TREE_SET:
	case WIRE_KEY_REHEARSE:
		return true;
	}
	return false;
}

bool
dispatch_too_much(const struct request *rq)
{
	const struct wire_type *t = rq->header.api->req->type;
	bool many = false;
	if (!changes_metadata(rq->header.key))
		return false;
	for (uint16_t i = 0; i < t->n; i++) {
		const struct wire_array *a = (const void *)((const char *)rq->in + t->fields[i].off);
		many = many || ((t->fields[i].flags & WIRE_F_ARRAY) != 0 && a->n > CHANGES_MAX);
	}
	return many;
}

/* Bytes behind the message are ignored, as Kafka does: librdkafka 2.15 sends
 * three in the Metadata request for all topics. */
static enum api_turn
decode(struct request *rq)
{
	const struct wire_api *api = rq->header.api;
	struct reader r = reader_of(rq->frame, rq->frame_n);
	rq->in = arena_alloc(rq->arena, api->req->type->size);
	int err = wire_decode(api->req, rq->header.version, &r, rq->arena, request_tenant(rq), rq->in);
	if (err != 0) {
		rq->in = NULL;
		ev_info(conn_event(rq->session->conn), "%s version %d: %s", api->name,
		    rq->header.version, err_text(err));
		return API_CLOSE;
	}
	if (dispatch_too_much(rq)) {
		ev_info(conn_event(rq->session->conn), "%s of more than %d things", api->name, CHANGES_MAX);
		return API_CLOSE;
	}
	rq->out = arena_alloc(rq->arena, api->rsp->type->size);
	wire_defaults(api->rsp, rq->out);
	rq->decoded = arena_used(rq->arena);
	return API_NEXT;
}

static enum api_turn
handle(struct request *rq)
{
	return rq->row->handler(rq, rq->in, rq->out);
}

static enum api_turn (*const pipeline[])(struct request *rq) = {
	read_header,		/* what do they ask */
	find_api,		/* is there such a thing, in this version */
	check_phase,		/* is it legal now */
	find_buckets,		/* who pays */
	decode,			/* names get the connection's tenant here */
	handle,			/* authorize by the row, then do it */
};

/* ---- after the handler ---- */

/* A frame lies in a buffer that others use, or nobody for long: a password must not stay
 * there. What was decoded of it goes with the request (request_free()). */
static void
wipe_frame(const struct request *rq, const uint8_t *frame, size_t n)
{
	if (rq->header.api != NULL && rq->header.api->req->type->secret)
		mem_cleanse((uint8_t *)(uintptr_t)frame, n);
}

void
dispatch_settle(struct request *rq, enum api_turn turn)
{
	struct session *s = rq->session;
	switch (turn) {
	case API_NEXT:
	case API_ANSWER:
		answer_send(rq);
		break;
	case API_SILENT:
		answer_none(rq);
		break;
	case API_RAW:
		break;
	case API_WAIT:
		rq->parked = true;
		rq->frame = NULL;
		conn_reply_holds(rq->reply, rq->decoded + rq->beside); /* the arena may be a worker's now */
		if (!rq->overtake)
			conn_hold(s->conn);
		break;
	case API_CLOSE:
		request_end(rq);
		session_close(s);
		break;
	}
}

void
dispatch(struct session *s, const uint8_t *frame, size_t n)
{
	struct request *rq = request_make(s, frame, n);
	enum api_turn turn = API_NEXT;

	rq->reply = conn_reply_begin(s->conn);
	for (size_t i = 0; turn == API_NEXT && i < sizeof(pipeline) / sizeof(pipeline[0]); i++)
		turn = pipeline[i](rq);
	wipe_frame(rq, frame, n);
	rq->cpu_ns += conn_take_time_ns(s->conn);
	dispatch_settle(rq, turn);
}

void
dispatch_resume(struct request *rq)
{
	struct session *s = rq->session;
	struct conn *conn = s->conn; /* it stays until the end of the turn */
	bool held = !rq->overtake;

	s->around_ns += conn_take_time_ns(conn);
	conn_begin(conn);
	timer_cancel(loop_timers(rq->loop), &rq->deadline);
	rq->parked = rq->outlives = false;
	rq->image = rcu_read(*rq->core->image);
	enum api_turn turn = API_CLOSE;
	if (may_go_on(rq))
		turn = rq->rehearsal != NULL ? rehearse_resume(rq) : rq->resume(rq);
	else if (rq->abandon != NULL)
		rq->abandon(rq);
	rq->cpu_ns += conn_take_time_ns(conn);
	if (held && turn != API_WAIT && turn != API_CLOSE)
		conn_resume(conn);
	dispatch_settle(rq, turn);
	/* Parked anew: it has taken a hold of its own. */
	if (held && turn == API_WAIT)
		conn_resume(conn);
	conn_end(conn);
}
