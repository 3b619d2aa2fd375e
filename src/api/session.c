/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From accept to close. On a listener without SASL the certificate says who it
 * is (or nobody does, where that is allowed), and the session is ready at once;
 * else it goes through the login. Which move is legal stands in one table.
 *
 * When the connection goes, what is parked is abandoned; what cannot be called
 * back lives on by itself until it is woken (request.h).
 */
#include "api/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/auditing.h"
#include "api/backups.h"
#include "api/bounds.h"
#include "api/dispatch.h"
#include "api/fetch_session.h"
#include "api/login.h"
#include "api/memo.h"
#include "api/roster.h"
#include "api/stays.h"
#include "api/tally.h"
#include "api/told.h"
#include "api/tokens.h"
#include "base/be.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/listener.h"
#include "security/tls.h"

#define LOGIN_REQUESTS_MAX 16		/* before the login is complete */
#define LOOK_AGAIN_NS NS_PER_SEC	/* whether limits have changed, or those before have left */

static const unsigned may_follow[SESSION_PHASES] = {
#define FROM(p) (1u << SESSION_##p)
	[SESSION_START] = 0,
	[SESSION_TOKENS] = FROM(START),
	[SESSION_RAW] = FROM(START),
	[SESSION_READY] = FROM(START) | FROM(TOKENS) | FROM(RAW) | FROM(RENEW),
	[SESSION_RENEW] = FROM(READY),
#undef FROM
};

void
session_move(struct session *s, enum session_phase to)
{
	if ((may_follow[to] & (1u << s->phase)) == 0) {
		fprintf(stderr, "<2>session: no way from phase %d to %d\n", s->phase, to);
		abort();
	}
	s->phase = to;
}

bool
session_may_login(const struct session *s)
{
	return s->listener->sasl && s->phase != SESSION_RAW;
}

bool
session_may_ask(const struct session *s)
{
	return s->phase != SESSION_RAW && !session_is_over(s);
}

bool
session_may_work(const struct session *s)
{
	return s->phase == SESSION_READY && !session_is_over(s);
}

bool
session_is_over(const struct session *s)
{
	return s->login_until != 0 && loop_now(conn_loop(s->conn)) >= s->login_until;
}

bool
session_hurries(const struct session *s)
{
	return s->stopping || session_is_over(s);
}

/* What waits for others is answered now, with what there is. */
static void
wake_those_who_wait(struct session *s)
{
	LIST_FOREACH(hook, &s->requests) {
		struct request *rq = CONTAINER_OF(hook, struct request, hook);
		if (rq->parked && rq->for_others)
			request_wake(rq);
	}
}

/* The login has ended: a Fetch that waits brings nothing of later. The client may have
 * its renewal on the way, so the connection stays until something else comes (dispatch.c).
 * A renewal has as long as a login. */
static void
term_ends(struct timer *timer, uint64_t now)
{
	struct session *s = CONTAINER_OF(timer, struct session, term);
	(void)now;
	if (s->phase == SESSION_RENEW)
		conn_close(s->conn, "the login was not renewed in time");
	else
		wake_those_who_wait(s);
}

static void
set_term(struct session *s, uint64_t when)
{
	struct timers *timers = loop_timers(conn_loop(s->conn));
	s->term.fire = term_ends;
	if (when == 0)
		timer_cancel(timers, &s->term);
	else
		timer_set(timers, &s->term, when);
}

void
session_renew(struct session *s)
{
	session_move(s, SESSION_RENEW);
	s->renewal_began = loop_now(conn_loop(s->conn));
	set_term(s, s->renewal_began + s->listener->login_ns);
	if (s->listener->tls)
		tls_wipe_read(conn_transport(s->conn), true);
}

static uint64_t
until(const struct session *s, int64_t ms)
{
	uint64_t now = loop_now(conn_loop(s->conn)), most = (UINT64_MAX - now) / NS_PER_MS;
	return now + ((uint64_t)ms < most ? (uint64_t)ms : most) * NS_PER_MS;
}

void
session_ready(struct session *s, const struct principal *p, int64_t lifetime_ms)
{
	struct broker_core *core = s->core;
	bool first = s->phase != SESSION_RENEW;
	/* The same one when it is renewed, and requests may be looking at his name. */
	if (first) {
		s->user = str_dup(p->user.s);
		s->tenant = p->user.tenant;
		s->tenant_generation = stays_generation(rcu_read(*core->image), s->tenant);
	}
	memo_destroy(&s->memo);
	s->principal = *p;
	s->principal.user.s.p = s->user;
	s->login_until = lifetime_ms == 0 ? 0 : until(s, lifetime_ms);
	set_term(s, s->login_until);
	s->login_requests = 0; /* the next login is counted for itself */
	session_move(s, SESSION_READY);
	if (s->listener->tls && s->moves_records)
		tls_wipe_read(conn_transport(s->conn), false); /* no more passwords to come */
	if (!uuid_is_zero(&p->token))
		(void)token_session_stays(s); /* its end is looked for from now on */
	if (!first) {
		ev_debug(conn_event(s->conn), "login renewed");
		return;
	}
	if (s->counts != NULL) {
		s->tally = tally_tenant(s->counts, s->tenant);
		tally_add(&s->tally->v[TALLY_LOGINS], 1);
	}
	conn_set_payer(s->conn, s->principal.user);
	conn_set_ready(s->conn);
	listener_logged_in(s->conn);
	struct acl_who who;
	acl_who_of(image_acl(rcu_read(*core->image)), &s->principal, 0, &who);
	if (who.is_operator)
		listener_vouch(s->conn);
	ev_debug(conn_event(s->conn), "logged in as %.*s by %s", STR_ARG(s->principal.user.s),
	    s->principal.mechanism);
}

void
session_moves_records(struct session *s)
{
	if (s->moves_records)
		return;
	s->moves_records = true;
	if (s->listener->tls)
		tls_wipe_read(conn_transport(s->conn), false);
}

bool
session_tenant_stays(const struct session *s, const struct image *image)
{
	return stays_tenant(image, s->principal.user.tenant, s->tenant_generation);
}

bool
session_user_stays(struct session *s)
{
	const struct image *image = rcu_read(*s->core->image);
	if (s->phase != SESSION_READY && s->phase != SESSION_RENEW)
		return true;
	return stays_user(image, &s->principal, s->tenant_generation) && (uuid_is_zero(&s->principal.token) || token_session_stays(s));
}

static bool
may_stay(struct session *s, const struct principal *p, const char **ret_reason)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct str message;
	if (!image_tenant_is_open(rcu_read(*s->core->image), p->user.tenant))
		*ret_reason = "the tenant is suspended or marked for deletion";
	else if ((s->quota = bounds_open(s->core, p, conn_event(s->conn), loop_now(conn_loop(s->conn)), arena, &message)) == NULL)
		*ret_reason = "the limit of connections";
	arena_destroy(&arena);
	return s->quota != NULL;
}

/* Without SASL: by certificate, or as nobody. */
static bool
admit_by_certificate(struct session *s)
{
	const struct core_listener *l = s->listener;
	struct principal p = { .anonymous = true, .mechanism = "", .host = *conn_peer(s->conn),
		.user = NAME(l->login.tenant, STR("ANONYMOUS")) };
	char subject[1024], name[256];
	const char *reason = "a certificate is needed";
	int err = !l->tls ? ERR_NOTFOUND
	    : tls_peer_subject(conn_transport(s->conn), subject, sizeof(subject));
	if (err == 0)
		err = sasl_certificate(&l->login, &s->core->sasl, session_server_name(s), str_from(subject),
		    conn_peer(s->conn), conn_event(s->conn), name, &p, &reason);
	else if (err == ERR_NOTFOUND && l->anonymous)
		err = 0;
	if (err == 0 && !may_stay(s, &p, &reason))
		err = ERR_CLOSED;
	if (err != 0) {
		auditing_login_failed(s, err == ERR_DENIED ? str_from(subject) : STR_NULL, "TLS", reason);
		return false;
	}
	if (!auditing_login(s, &p, false)) {
		quota_close(&s->quota);
		return false;
	}
	session_ready(s, &p, 0);
	return true;
}

static void *
session_opened(struct conn *conn, void *arg)
{
	const struct core_listener *l = arg;
	struct session *s = MEM_NEW(struct session);
	s->conn = conn;
	s->listener = l;
	s->core = l->core;
	s->number = atomic_fetch_add_explicit(&l->core->connections, 1, memory_order_relaxed) + 1;
	s->counts = tallies_loop(l->core->tallies, conn_loop(conn));
	s->tenant = l->login.tenant;
	s->principal.user = NAME(l->login.tenant, STR(""));
	list_init(&s->requests);
	if (l->sasl || admit_by_certificate(s)) {
		roster_enter(s);
		return s;
	}
	mem_free(s);
	return NULL;
}

/* Keeps the next frame waiting while its bucket is in debt, and while others wait for it who
 * came before (model section 9). */
static uint64_t
session_admit(struct conn *conn, void *arg, const uint8_t *p, size_t n)
{
	struct session *s = arg;
	const struct api_row *row = n < 2 ? NULL : api_find((int16_t)be_get(p, 2));
	uint64_t now = loop_now(conn_loop(conn));
	if (s->quota == NULL || row == NULL || s->phase != SESSION_READY)
		return 0;
	/* Request time is what all need. */
	struct quota_ask asks[2] = { { QUOTA_PRODUCE, (double)n }, { QUOTA_REQUEST, -1 } };
	if (row->bill == API_BILL_FETCH)
		asks[0] = (struct quota_ask){ QUOTA_FETCH, -1 };
	unsigned first = row->bill == API_BILL_NONE;
	uint64_t wait = quota_admit(s->quota, asks + first, 2 - first, now);
	return wait < LOOK_AGAIN_NS ? wait : LOOK_AGAIN_NS;
}

static void
session_frame(struct conn *conn, void *arg, const uint8_t *p, size_t n)
{
	struct session *s = arg;
	if (s->phase != SESSION_READY && ++s->login_requests > LOGIN_REQUESTS_MAX) {
		conn_close(conn, "too many requests for a login");
		return;
	}
	if (s->phase == SESSION_RAW || (s->phase == SESSION_START && login_bare_ticket(s, p, n)))
		login_raw_token(s, p, n);
	else
		dispatch(s, p, n);
}

/* What the last answer took on its way out, and what nobody waits for any more, is on no other bill. */
static void
pay_rest(struct session *s)
{
	uint64_t ns = s->around_ns + conn_take_time_ns(s->conn);
	if (s->quota == NULL)
		return;
	LIST_FOREACH(hook, &s->requests) {
		const struct request *rq = CONTAINER_OF(hook, struct request, hook);
		ns += rq->parked ? rq->cpu_ns : 0;
	}
	quota_charge(s->quota, QUOTA_REQUEST, (double)ns, clock_mono_ns());
}

static void
session_closed(struct conn *conn, void *arg)
{
	struct session *s = arg;
	(void)conn;
	s->closing = true;
	roster_leave(s);
	pay_rest(s);
	set_term(s, 0);
	sasl_login_destroy(&s->login); /* first: a check that ends now would wake its request */
	LIST_FOREACH(hook, &s->requests) {
		struct request *rq = CONTAINER_OF(hook, struct request, hook);
		list_del(hook);
		if (!rq->parked)
			continue; /* its reply ends it */
		if (rq->abandon != NULL)
			rq->abandon(rq);
		request_end(rq);
	}
	backups_forget(s->core->backups, s->number);
	fetch_session_destroy(&s->fetches);
	token_session_closed(s);
	quota_close(&s->quota);
	memo_destroy(&s->memo);
	session_forget(s);
	mem_free(s->user);
	mem_free(s);
}

void
session_stop(struct conn *conn)
{
	struct session *s = conn_session(conn);
	if (s == NULL || (s->phase != SESSION_READY && s->phase != SESSION_RENEW)) {
		conn_close(conn, NULL);
		return;
	}
	s->stopping = true;
	conn_drain(conn);
	wake_those_who_wait(s);
}

void
session_close(struct session *s)
{
	conn_close(s->conn, NULL);
}

static void
session_bounded(struct conn *conn, void *session, const struct payer_bound *bound, size_t frame)
{
	const struct session *s = session;
	(void)conn;
	bounds_tell_memory(s, bound, frame);
}

const struct conn_ops session_ops = { session_opened, session_admit, session_frame, session_closed, session_bounded };
