/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop over the calls: decode, handle, and where that waits, go on when it is woken. What a call submits is planned by
 * the controller on the trial's image (meta/controller.h) and handed back; nothing is kept between requests, so who
 * rehearses a second call sends the first one again.
 *
 * Only what is on the list can be carried: APIs that ask, and those whose every change goes through change_submit(),
 * as Metadata's does where it makes topics.
 * Whatever would act by itself (end a group, cut a log, close a connection) is not on it, and is refused. A call that
 * cannot be decoded is refused, too, here without closing the connection: nobody has lost his place in a stream.
 */
#include "api/rehearse.h"

#include <string.h>

#include "api/dispatch.h"
#include "api/session.h"
#include "base/err.h"
#include "base/mem.h"
#include "meta/image.h"

#define CALLS_MAX	100
#define BODIES_MAX	(256 * 1024)
#define HELD_A_BYTE	32	/* bytes of an image that a byte of a call may make, about */

struct rehearsal {
	struct wire_header header;		/* of Rehearse itself */
	const struct api_row *row;
	const struct rehearse_req *in;
	struct rehearse_rsp *out;
	int32_t at;
	const struct image *before;
	struct change_trial trial;
};

static const int16_t may_be_carried[] = {
	WIRE_KEY_METADATA, WIRE_KEY_DESCRIBE_ACLS, WIRE_KEY_DESCRIBE_CONFIGS, WIRE_KEY_DESCRIBE_CLIENT_QUOTAS,
	WIRE_KEY_ID, WIRE_KEY_TREE_LIST, WIRE_KEY_USER_LIST, WIRE_KEY_TEAM_LIST, WIRE_KEY_TENANT_LIST,
	WIRE_KEY_CREATE_TOPICS, WIRE_KEY_DELETE_TOPICS, WIRE_KEY_CREATE_PARTITIONS, WIRE_KEY_INCREMENTAL_ALTER_CONFIGS,
	WIRE_KEY_CREATE_ACLS, WIRE_KEY_DELETE_ACLS, WIRE_KEY_ALTER_CLIENT_QUOTAS,
	WIRE_KEY_ALTER_USER_SCRAM_CREDENTIALS, WIRE_KEY_TREE_SET, WIRE_KEY_USER_ALTER, WIRE_KEY_TEAM_ALTER,
	WIRE_KEY_TENANT_ALTER, WIRE_KEY_GROUP_CREATE,
};

static bool
is_carried(int16_t key)
{
	for (size_t i = 0; i < sizeof(may_be_carried) / sizeof(may_be_carried[0]); i++)
		if (may_be_carried[i] == key)
			return true;
	return false;
}

/* Bodies may have had keys in them. */
static void
drop(void *object)
{
	struct rehearsal *r = object;
	struct image *before = (struct image *)(uintptr_t)r->before;
	image_unref(&before);
	image_unref(&r->trial.image);
	ARRAY_FOREACH(const struct rehearse_req_call, call, r->in->calls)
		mem_cleanse((uint8_t *)(uintptr_t)call->body.p, call->body.n);
}

struct change_trial *
rehearse_trial(struct request *rq)
{
	return rq->rehearsal == NULL ? NULL : &rq->rehearsal->trial;
}

/* Of the whole; in no call's answer. */
static enum api_turn
refuse(struct request *rq, enum kerr err, const char *text)
{
	struct rehearsal *r = rq->rehearsal;
	r->out->error_code = (int16_t)err;
	r->out->error_message = arena_str(rq->arena, str_from(text));
	return API_ANSWER;
}

/* ---- one call ---- */

static enum api_turn
decode(struct request *rq, const struct rehearse_req_call *call)
{
	const struct wire_api *api = rq->header.api;
	struct reader r = reader_of(call->body.p, call->body.n);
	rq->in = arena_alloc(rq->arena, api->req->type->size);
	if (wire_decode(api->req, call->api_version, &r, rq->arena, request_tenant(rq), rq->in) != 0 || dispatch_too_much(rq)) {
		rq->in = NULL;
		return refuse(rq, KERR_INVALID_REQUEST, "a call cannot be read, or is of too many things");
	}
	rq->out = arena_alloc(rq->arena, api->rsp->type->size);
	wire_defaults(api->rsp, rq->out);
	return API_NEXT;
}

static enum api_turn
begin_call(struct request *rq)
{
	struct rehearsal *r = rq->rehearsal;
	const struct rehearse_req_call *call = &r->in->calls.v[r->at];
	const struct wire_api *api = is_carried(call->api_key) ? wire_api_find(call->api_key) : NULL;
	if (api == NULL)
		return refuse(rq, KERR_INVALID_REQUEST, "there is no dry run of that");
	if (call->api_version < api->lo || call->api_version > api->hi)
		return refuse(rq, KERR_UNSUPPORTED_VERSION, "a call is of a version that is not known here");
	rq->row = api_find(call->api_key);
	rq->header.key = call->api_key;
	rq->header.version = call->api_version;
	rq->header.api = api;
	rq->state = NULL;
	rq->image = r->trial.image;
	enum api_turn turn = decode(rq, call);
	return turn == API_NEXT ? rq->row->handler(rq, rq->in, rq->out) : turn;
}

/* ---- all of them ---- */

/* The request is Rehearse again. */
static enum api_turn
end(struct request *rq)
{
	struct rehearsal *r = rq->rehearsal;
	bool refused = r->out->error_code != 0;
	int err = refused ? 0 : wire_encode_whole(rq->header.api->rsp, rq->header.version, rq->arena, request_tenant(rq), rq->out,
	    &r->out->body);
	if (err != 0) { /* as answer.c says of it */
		ev_crit(conn_event(rq->session->conn), "ALARM: the answer to a rehearsed %s version %d could not be made: %s",
		    rq->header.api->name, rq->header.version, err_text(err));
		return API_CLOSE;
	}
	rq->rehearsal = NULL;
	rq->row = r->row;
	rq->header = r->header;
	rq->in = (void *)(uintptr_t)r->in;
	rq->out = r->out;
	return r->in->compare && !refused ? rehearse_compare(rq, r->before, r->trial.image, r->out) : API_ANSWER;
}

/* turn: what the call at r->at has come to. */
static enum api_turn
go_on(struct request *rq, enum api_turn turn)
{
	struct rehearsal *r = rq->rehearsal;
	while (turn == API_ANSWER && r->out->error_code == 0 && ++r->at < r->in->calls.n)
		turn = begin_call(rq);
	return turn == API_ANSWER ? end(rq) : turn;
}

enum api_turn
rehearse_resume(struct request *rq)
{
	rq->image = rq->rehearsal->trial.image;
	return go_on(rq, rq->resume(rq));
}

enum api_turn
api_rehearse(struct request *rq, const void *vin, void *vout)
{
	struct rehearsal *r = rq->rehearsal = arena_zalloc(rq->arena, sizeof(*r));
	size_t bytes = 0;
	*r = (struct rehearsal){ .header = rq->header, .row = rq->row, .in = vin, .out = vout,
		.before = image_ref(rq->image), .trial.image = image_ref(rq->image) };
	arena_link(rq->arena, drop, r);
	ARRAY_FOREACH(const struct rehearse_req_call, call, r->in->calls)
		bytes += call->body.n;
	rq->beside = bytes * HELD_A_BYTE;
	if (r->in->calls.n < 1)
		return go_on(rq, refuse(rq, KERR_INVALID_REQUEST, "there is nothing to rehearse"));
	if (r->in->calls.n > CALLS_MAX || bytes > BODIES_MAX)
		return go_on(rq, refuse(rq, KERR_INVALID_REQUEST, "that is too much for one dry run"));
	return go_on(rq, begin_call(rq));
}
