/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SaslHandshake, SaslAuthenticate, and raw tokens: three wrappings of the same
 * steps (security/sasl.h). A step that is worked on elsewhere parks its request;
 * a failure is answered when the penalty is over, with one text for all causes,
 * and then the connection ends.
 */
#include "api/login.h"

#include <arpa/inet.h>

#include "api/answer.h"
#include "api/auditing.h"
#include "api/bounds.h"
#include "api/dispatch.h"
#include "api/request.h"
#include "api/session.h"
#include "api/stays.h"
#include "api/told.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define GSS_TOKEN 0x60		/* how a ticket begins (RFC 2743 section 3.1), and no API's key */

static void
checked(void *arg)
{
	struct session *s = arg;
	request_wake(s->login_rq);
}

/* A login is renewed by SaslAuthenticate, not by raw tokens, and once a second at most, as
 * in Kafka: keys are derived for it. */
static bool
may_begin(const struct request *rq)
{
	const struct session *s = rq->session;
	if (s->phase != SESSION_READY)
		return s->phase == SESSION_START;
	return request_flag(rq, FLAG_sasl_handshake_wrapped_tokens) &&
	    (s->renewal_began == 0 || request_now(rq) - s->renewal_began >= NS_PER_SEC);
}

static void
begin(struct session *s)
{
	s->login = sasl_login_create(&s->listener->login, &s->core->sasl, conn_peer(s->conn),
	    conn_event(s->conn), checked, s);
	sasl_login_came_by(s->login, session_server_name(s));
	if (s->phase == SESSION_READY)
		sasl_login_renews(s->login, &s->principal);
}

enum api_turn
api_sasl_handshake(struct request *rq, const void *vin, void *vout)
{
	const struct sasl_handshake_req *in = vin;
	struct sasl_handshake_rsp *out = vout;
	struct session *s = rq->session;
	struct str names[MECH_COUNT];
	unsigned n = sasl_listener_mechanisms(&s->listener->login, names, MECH_COUNT);
	for (unsigned i = 0; i < n; i++)
		*ARRAY_ADD(rq->arena, out->mechanisms) = names[i];
	if (!may_begin(rq)) {
		out->error_code = KERR_ILLEGAL_SASL_STATE;
		return API_ANSWER;
	}
	if (s->login == NULL)
		begin(s);
	if (sasl_login_mechanism(s->login, in->mechanism) != 0) {
		out->error_code = KERR_UNSUPPORTED_SASL_MECHANISM;
		return API_ANSWER;
	}
	if (s->phase == SESSION_READY)
		session_renew(s);
	else
		session_move(s, request_flag(rq, FLAG_sasl_handshake_wrapped_tokens) ? SESSION_TOKENS : SESSION_RAW);
	return API_ANSWER;
}

/* How long the login holds: as the listener says, and to the end of what it was proved by;
 * 0: for good. */
static int64_t
lifetime_ms(const struct session *s)
{
	int64_t most = s->listener->reauth_ms, end = sasl_login_expires_ms(s->login);
	if (end == 0)
		return most;
	int64_t now = clock_wall_ms(), left = end > now ? end - now : 1;
	return most != 0 && most < left ? most : left;
}

/* A client takes its time between two steps. */
static const char *
too_late(const struct session *s)
{
	return stays_too_late(rcu_read(*s->core->image), sasl_login_principal(s->login));
}

/* Among the connections that the user and his tenant may have; one that is renewed has it. */
static bool
find_place(struct session *s, struct arena *arena, struct str *ret_message)
{
	const struct principal *p = sasl_login_principal(s->login);
	if (s->phase == SESSION_RENEW)
		return true;
	s->quota = bounds_open(s->core, p, conn_event(s->conn), loop_now(conn_loop(s->conn)), arena, ret_message);
	if (s->quota == NULL)
		auditing_login_failed(s, p->user.s, p->mechanism, "the limit of connections");
	return s->quota != NULL;
}

/* Each must stand in the audit log, where there is one that must be written: false where it cannot. */
static bool
accept_login(struct session *s, int64_t *ret_lifetime_ms)
{
	const struct principal *p = sasl_login_principal(s->login);
	if (!auditing_login(s, p, s->phase == SESSION_RENEW)) {
		if (s->phase != SESSION_RENEW)
			quota_close(&s->quota);
		return false;
	}
	*ret_lifetime_ms = lifetime_ms(s);
	session_ready(s, p, *ret_lifetime_ms);
	sasl_login_destroy(&s->login);
	return true;
}

static void
note_failure(struct session *s)
{
	const char *mechanism, *reason;
	struct str who;
	if (sasl_login_refused(s->login, &who, &mechanism, &reason))
		auditing_login_failed(s, who, mechanism, reason);
}

/* ---- the wrapped form ---- */

static enum api_turn
failed(struct request *rq)
{
	struct sasl_authenticate_rsp *out = rq->out;
	struct session *s = rq->session;
	out->error_code = KERR_SASL_AUTHENTICATION_FAILED;
	out->error_message = STR("Authentication failed: the user, the password or the mechanism is wrong");
	sasl_login_destroy(&s->login);
	conn_drain(s->conn);
	return API_ANSWER;
}

static void
audit_too_late(struct session *s, const char *reason)
{
	const struct principal *p = sasl_login_principal(s->login);
	auditing_login_failed(s, p->user.s, p->mechanism, reason);
}

static enum api_turn
come_too_late(struct request *rq, const char *reason)
{
	struct sasl_authenticate_rsp *out = rq->out;
	audit_too_late(rq->session, reason);
	out->auth_bytes = (struct bytes){ (const uint8_t *)"", 0 };
	return failed(rq);
}

/* Not of the errors by which clients know that a password is wrong: they come again. */
static enum api_turn
not_now(struct request *rq, enum kerr err, struct str message)
{
	struct sasl_authenticate_rsp *out = rq->out;
	struct session *s = rq->session;
	out->error_code = (int16_t)err;
	out->error_message = message;
	out->auth_bytes = (struct bytes){ (const uint8_t *)"", 0 };
	sasl_login_destroy(&s->login);
	conn_drain(s->conn);
	return API_ANSWER;
}

static void
nothing(struct request *rq)
{
	(void)rq;
}

static enum api_turn resumed(struct request *rq);

/* The login belongs to the session, which ends it; its post arrives by itself. */
static enum api_turn
act(struct request *rq, const struct sasl_turn *turn)
{
	struct sasl_authenticate_rsp *out = rq->out;
	struct session *s = rq->session;
	struct str bytes = turn->out, message;
	note_failure(s);
	switch (turn->step) {
	case SASL_STEP_WAIT:
		return request_park(rq, resumed, nothing, UINT64_MAX, false);
	case SASL_STEP_FAILED:
		return request_park(rq, failed, nothing, turn->not_before, false);
	case SASL_STEP_DONE:
	case SASL_STEP_CONTINUE:
		break;
	}
	bytes = arena_str(rq->arena, bytes);
	out->auth_bytes = (struct bytes){ (const uint8_t *)(bytes.p == NULL ? "" : bytes.p), bytes.n };
	if (turn->step == SASL_STEP_CONTINUE)
		return API_ANSWER;
	const char *late = too_late(s);
	if (late != NULL)
		return come_too_late(rq, late);
	if (!find_place(s, rq->arena, &message))
		return not_now(rq, KERR_THROTTLING_QUOTA_EXCEEDED, message);
	if (!accept_login(s, &out->session_lifetime_ms))
		return not_now(rq, KERR_KAFKA_STORAGE_ERROR,
		    STR("the audit log cannot be written, and nobody is let in without a line there: try again later"));
	return API_ANSWER;
}

static enum api_turn
resumed(struct request *rq)
{
	struct sasl_turn turn;
	sasl_login_resume(rq->session->login, request_now(rq), &turn);
	return act(rq, &turn);
}

enum api_turn
api_sasl_authenticate(struct request *rq, const void *vin, void *vout)
{
	const struct sasl_authenticate_req *in = vin;
	struct sasl_authenticate_rsp *out = vout;
	struct session *s = rq->session;
	struct sasl_turn turn;
	if ((s->phase != SESSION_TOKENS && s->phase != SESSION_RENEW) || s->login == NULL) {
		out->error_code = KERR_ILLEGAL_SASL_STATE;
		out->error_message = STR("SaslHandshake comes first");
		return API_ANSWER;
	}
	s->login_rq = rq;
	sasl_login_step(s->login, (struct str){ (const char *)in->auth_bytes.p, in->auth_bytes.n },
	    request_now(rq), &turn);
	return act(rq, &turn);
}

/* ---- raw tokens ---- */

/* Kafka sends nothing after the last token of a ticket, and clients take what comes for the answer to their next
 * request. Those of other mechanisms wait for one, which may be empty. */
static bool
raw_is_silent(const struct session *s, const struct sasl_turn *turn)
{
	return turn->step == SASL_STEP_DONE && str_is(str_from(s->principal.mechanism), "GSSAPI");
}

static void
raw_send(struct request *rq, struct str token)
{
	uint8_t *p = arena_alloc(rq->arena, token.n + 4);
	uint32_t be = htonl((uint32_t)token.n);
	struct pieces pieces = { NULL, 0 };
	memcpy(p, &be, 4);
	if (token.n > 0)
		memcpy(p + 4, token.p, token.n);
	pieces_add(rq->arena, &pieces, p, (uint32_t)token.n + 4);
	conn_reply_send(rq->reply, &pieces, (void (*)(void *))request_end, rq);
}

static enum api_turn raw_resumed(struct request *rq);

static enum api_turn
raw_failed(struct request *rq)
{
	(void)rq;
	return API_CLOSE;
}

static enum api_turn
raw_act(struct request *rq, const struct sasl_turn *turn)
{
	struct session *s = rq->session;
	note_failure(s);
	switch (turn->step) {
	case SASL_STEP_WAIT:
		return request_park(rq, raw_resumed, nothing, UINT64_MAX, false);
	case SASL_STEP_FAILED:
		return request_park(rq, raw_failed, nothing, turn->not_before, false);
	case SASL_STEP_DONE:
	case SASL_STEP_CONTINUE:
		break;
	}
	struct str message, token = arena_str(rq->arena, turn->out); /* it goes with the login */
	int64_t lifetime;
	const char *late = turn->step == SASL_STEP_DONE ? too_late(s) : NULL;
	if (late != NULL)
		audit_too_late(s, late);
	if (turn->step == SASL_STEP_DONE && (late != NULL || !find_place(s, rq->arena, &message) ||
	    !accept_login(s, &lifetime)))
		return API_CLOSE;
	if (raw_is_silent(s, turn))
		return API_SILENT;
	raw_send(rq, token);
	return API_RAW;
}

static enum api_turn
raw_resumed(struct request *rq)
{
	struct sasl_turn turn;
	sasl_login_resume(rq->session->login, request_now(rq), &turn);
	return raw_act(rq, &turn);
}

bool
login_bare_ticket(struct session *s, const uint8_t *p, size_t n)
{
	if (!s->listener->sasl || n == 0 || p[0] != GSS_TOKEN)
		return false;
	if (s->login == NULL)
		begin(s);
	if (sasl_login_mechanism(s->login, STR("GSSAPI")) != 0)
		return false;
	session_move(s, SESSION_RAW);
	return true;
}

void
login_raw_token(struct session *s, const uint8_t *p, size_t n)
{
	struct request *rq = request_make(s, p, n);
	struct sasl_turn turn;
	rq->reply = conn_reply_begin(s->conn);
	s->login_rq = rq;
	sasl_login_step(s->login, (struct str){ (const char *)p, n }, request_now(rq), &turn);
	mem_cleanse((uint8_t *)(uintptr_t)p, n);
	dispatch_settle(rq, raw_act(rq, &turn));
}
