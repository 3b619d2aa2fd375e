/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out: charge, encode, queue, mute. The response lies in the request's
 * arena (records are pieces of the log's chunks, held by the arena), so the
 * request is freed when the socket or the cipher has taken the last byte.
 */
#include "api/answer.h"

#include "api/api_versions.h"
#include "api/session.h"
#include "api/tally.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* Kafka tells delays in ms and rounds up: the client must not come too early. */
static int32_t
delay_ms(uint64_t ns)
{
	return (int32_t)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* A field at the top of the response, by its name in the schema; NULL: it has none. */
static void *
field_named(struct request *rq, const char *name)
{
	const struct wire_type *t = rq->header.api->rsp->type;
	for (uint16_t i = 0; i < t->n; i++)
		if (strcmp(t->fields[i].name, name) == 0)
			return (char *)rq->out + t->fields[i].off;
	return NULL;
}

static void
tell_throttle(struct request *rq)
{
	/* Without a delay it is what it is by default. */
	int32_t *field = rq->throttle_ns == 0 ? NULL : field_named(rq, "throttle_time_ms");
	if (field != NULL)
		*field = delay_ms(rq->throttle_ns);
}

static void
ask_delay(struct request *rq, uint64_t ns)
{
	if (ns > rq->throttle_ns)
		rq->throttle_ns = ns;
}

/* Request time counts for everybody: the handler's, and whatever else the connection has
 * taken of the loop since the last bill (this answer's way out is on the next one). The bytes
 * of a Produce were charged when it came (dispatch.c). */
static void
charge(struct request *rq)
{
	struct session *s = rq->session;
	uint64_t now = request_now(rq);
	if (s->quota == NULL || rq->row == NULL) /* that of a raw token */
		return; /* the login is on the first bill after it */
	quota_client(s->quota, rq->header.client_id); /* another's may have come in between */
	ask_delay(rq, quota_charge(s->quota, QUOTA_REQUEST, (double)(rq->cpu_ns + s->around_ns), now));
	s->around_ns = 0;
	if (rq->row->bill == API_BILL_PRODUCE)
		ask_delay(rq, quota_delay(s->quota, QUOTA_PRODUCE, now));
}

/* What a Fetch brings is counted as it goes out, all of it. True where that asks for a longer
 * delay than the answer tells. */
static bool
charge_fetched(struct request *rq, const struct pieces *answer)
{
	struct quota_link *quota = rq->session->quota;
	uint64_t told = rq->throttle_ns;
	size_t bytes = 0;
	rq->beside = 0;
	if (rq->row->bill != API_BILL_FETCH)
		return false;
	for (int32_t i = 0; i < answer->n; i++)
		bytes += answer->v[i].n;
	rq->beside = bytes;
	if (quota == NULL)
		return false;
	quota_release(&rq->held);
	ask_delay(rq, quota_charge(quota, QUOTA_FETCH, (double)bytes, request_now(rq)));
	return rq->throttle_ns > told;
}

static void
sent(void *arg)
{
	request_end(arg);
}

static int
encode(struct request *rq, struct pieces *ret)
{
	const struct wire_api *api = rq->header.api;
	int version = rq->answer_version >= 0 ? rq->answer_version : rq->header.version;
	struct writer w;
	writer_init(&w, rq->arena);
	uint8_t *length = writer_hole(&w);
	wire_header_answer(&w, api, version, rq->header.correlation);
	int err = wire_encode(api->rsp, version, &w, request_tenant(rq), rq->out);
	if (err != 0)
		return err;
	writer_fill(length, (int32_t)w.n - 4);
	return writer_finish(&w, ret);
}

void
answer_send(struct request *rq)
{
	struct session *s = rq->session;
	struct pieces pieces;
	charge(rq);
	tell_throttle(rq);
	int err = encode(rq, &pieces);
	if (err == 0 && charge_fetched(rq, &pieces)) {
		tell_throttle(rq);
		err = encode(rq, &pieces);
	}
	if (err != 0) {
		/* A foreign name must never leave; anything else is a bug of ours. */
		ev_crit(conn_event(s->conn), "ALARM: the answer to %s version %d could not be made: %s",
		    rq->header.api->name, rq->header.version, err_text(err));
		request_end(rq);
		session_close(s);
		return;
	}
	tally_answered(rq);
	if (rq->throttle_ns > 0)
		conn_mute(s->conn, request_now(rq) + rq->throttle_ns);
	conn_reply_holds(rq->reply, arena_used(rq->arena) + rq->beside);
	conn_reply_send(rq->reply, &pieces, sent, rq);
	/* The next request may wait for a bucket already, and now for a peer who may take his time. */
	if (s->quota != NULL && conn_is_choked(s->conn))
		quota_step_aside(s->quota);
}

void
answer_none(struct request *rq)
{
	struct session *s = rq->session;
	charge(rq);
	tally_answered(rq);
	if (rq->throttle_ns > 0)
		conn_mute(s->conn, request_now(rq) + rq->throttle_ns);
	conn_reply_none(rq->reply);
	request_end(rq);
}

/* Own APIs are not in ApiVersions: the answer says what there is, in its oldest form. */
static enum api_turn
answer_range(struct request *rq)
{
	const struct wire_api *api = rq->header.api;
	rq->answer_version = api->lo;
	rq->out = arena_zalloc(rq->arena, api->rsp->type->size);
	wire_defaults(api->rsp, rq->out);
	int16_t *code = field_named(rq, "error_code");
	struct str *text = field_named(rq, "error_message");
	if (code == NULL || text == NULL)
		return API_CLOSE;
	*code = KERR_UNSUPPORTED_VERSION;
	*text = arena_printf(rq->arena, "%s has the versions %d to %d here", api->name, api->lo, api->hi);
	return API_ANSWER;
}

enum api_turn
answer_unsupported(struct request *rq)
{
	const struct wire_api *api = rq->header.api;
	if (api != NULL && api->own && session_may_work(rq->session))
		return answer_range(rq);
	if (rq->header.key != WIRE_KEY_API_VERSIONS)
		return API_CLOSE;
	rq->answer_version = 0;
	rq->out = arena_zalloc(rq->arena, rq->header.api->rsp->type->size);
	wire_defaults(rq->header.api->rsp, rq->out);
	api_versions_fill(rq, rq->out, KERR_UNSUPPORTED_VERSION);
	return API_ANSWER;
}
