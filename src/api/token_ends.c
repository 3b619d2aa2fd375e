/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RenewDelegationToken and ExpireDelegationToken: a later or an earlier end. Both name the token by its HMAC, so
 * who asks holds it already; that it is not his to end is said after that it has ended, as in Kafka.
 * And the end of sessions that began by a token.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/session.h"
#include "api/tokens.h"
#include "base/clock.h"
#include "base/mem.h"

/* Both answers look alike. */
struct answer {
	int16_t *error_code;
	int64_t *expires_ms;
};

static struct answer
answer_of(struct request *rq)
{
	if (rq->header.key == WIRE_KEY_RENEW_DELEGATION_TOKEN) {
		struct renew_delegation_token_rsp *out = rq->out;
		return (struct answer){ &out->error_code, &out->expiry_timestamp_ms };
	}
	struct expire_delegation_token_rsp *out = rq->out;
	return (struct answer){ &out->error_code, &out->expiry_timestamp_ms };
}

static enum kerr
code_of(enum change_result r)
{
	if (r == CHANGE_RESOURCE_NOT_FOUND)
		return KERR_DELEGATION_TOKEN_NOT_FOUND;
	return r == CHANGE_SECURITY ? KERR_DELEGATION_TOKEN_OWNER_MISMATCH : (enum kerr)change_code(r);
}

static enum api_turn
altered(struct request *rq)
{
	const struct token_alter *c = rq->state;
	struct answer a = answer_of(rq);
	*a.error_code = (int16_t)code_of(c->change.result);
	if (c->change.result == CHANGE_OK)
		*a.expires_ms = c->ret_expires_ms;
	return API_ANSWER;
}

/* The token that is meant, if the caller may give it another end. */
static enum kerr
find(struct request *rq, struct bytes hmac, const struct image_token **ret)
{
	const struct image_token *t;
	struct acl_who w;
	enum kerr err = tokens_gate(rq);
	if (err != KERR_NONE)
		return err;
	*ret = t = image_token_by_hmac(rq->image, request_tenant(rq), hmac.p, hmac.n);
	if (t == NULL)
		return KERR_DELEGATION_TOKEN_NOT_FOUND;
	if (t->expires_ms <= clock_wall_ms())
		return KERR_DELEGATION_TOKEN_EXPIRED;
	caller(rq, &w);
	return token_may_end(rq->image, &w, t) ? KERR_NONE : KERR_DELEGATION_TOKEN_OWNER_MISMATCH;
}

/* period: from now on, -1: the end. */
static enum api_turn
alter(struct request *rq, struct bytes hmac, int64_t period_ms)
{
	const struct image_token *t;
	struct token_alter *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	enum kerr err = find(rq, hmac, &t);
	if (err != KERR_NONE) {
		*answer_of(rq).error_code = (int16_t)err;
		if (err == KERR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED)
			*answer_of(rq).expires_ms = -1;
		return API_ANSWER;
	}
	c->by = tokens_asker(rq);
	c->id = NAME(t->id.tenant, arena_str(rq->arena, t->id.s));
	c->now_ms = clock_wall_ms();
	c->expires_ms = period_ms < 0 ? -1 : period_ms < t->max_ms - c->now_ms ? c->now_ms + period_ms : t->max_ms;
	token_alter_init(c);
	return change_submit(rq, &c->change, altered);
}

enum api_turn
api_renew_delegation_token(struct request *rq, const void *vin, void *vout)
{
	const struct renew_delegation_token_req *in = vin;
	int64_t most = atomic_load(&rq->core->tokens.expiry_ms);
	(void)vout;
	return alter(rq, in->hmac, in->renew_period_ms > 0 && in->renew_period_ms < most ? in->renew_period_ms : most);
}

enum api_turn
api_expire_delegation_token(struct request *rq, const void *vin, void *vout)
{
	const struct expire_delegation_token_req *in = vin;
	(void)vout;
	return alter(rq, in->hmac, in->expiry_time_period_ms < 0 ? -1 : in->expiry_time_period_ms);
}

/* ---- sessions ---- */

/* Beside the session: few have one. */
struct token_end {
	struct timer timer;
	struct session *session;
};

static void
token_ends(struct timer *timer, uint64_t now)
{
	struct token_end *e = CONTAINER_OF(timer, struct token_end, timer);
	(void)now;
	if (!token_session_stays(e->session))
		conn_close(e->session->conn, "the delegation token has ended");
}

bool
token_session_stays(struct session *s)
{
	char text[UUID_TEXT];
	const struct name id = NAME(s->principal.user.tenant, str_from(uuid_format(&s->principal.token, text)));
	const struct image_token *t = image_token(rcu_read(*s->core->image), id);
	int64_t left = t == NULL ? 0 : t->expires_ms - clock_wall_ms();
	if (left <= 0)
		return false;
	if (s->token_end == NULL) {
		s->token_end = MEM_NEW(struct token_end);
		s->token_end->timer.fire = token_ends;
		s->token_end->session = s;
	}
	struct loop *loop = conn_loop(s->conn);
	timer_set(loop_timers(loop), &s->token_end->timer, loop_now(loop) + (uint64_t)left * NS_PER_MS);
	return true;
}

void
token_session_closed(struct session *s)
{
	if (s->token_end == NULL)
		return;
	timer_cancel(loop_timers(conn_loop(s->conn)), &s->token_end->timer);
	mem_free(s->token_end);
	s->token_end = NULL;
}
