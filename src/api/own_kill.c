/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConnectionKill: one by its name, on its own loop, or all of a user, loop by loop, some dozens a turn. One that the caller may not
 * see is like one that is not there. What is closed abandons what it waits for. The line for the audit log goes first: without it
 * nothing is closed.
 */
#include "acl/change.h"
#include "acl/image.h"
#include "api/auditing.h"
#include "api/authorize.h"
#include "api/own_connections.h"
#include "api/session.h"
#include "meta/image.h"

#define A_TURN 32	/* connections that are closed: each has a TLS state to be freed */

struct killing {
	struct walk walk;
	struct reach reach;
	uint64_t number;		/* the one; 0: all of the user */
	const struct audit_by *by;
	struct str by_text;		/* for the broker's log: who closes it */
	bool is_operator;
	enum kerr err;
	int32_t closed;
};

static bool
is_operators(const struct session *s)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rcu_read(*s->core->image)), s->principal.user.tenant);
	const struct acl_user *u = t == NULL ? NULL : acl_tenant_user(t, s->principal.user.s);
	return u != NULL && u->is_operator;
}

static bool
is_own(const struct killing *k, const struct session *s)
{
	return k->reach.by_user && str_eq(k->reach.user.s, s->principal.user.s);
}

static struct str
tenant_of(const struct session *s)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rcu_read(*s->core->image)), s->principal.user.tenant);
	return t == NULL ? STR_NULL : acl_tenant_name(t);
}

static void
close_one(struct killing *k, struct session *s)
{
	ev_notice(conn_event(s->conn), "closed by %.*s", STR_ARG(k->by_text));
	k->closed++;
	conn_close(s->conn, NULL);
}

/* The one that is named, and the way ends. */
static bool
kill_named(struct walk *walk, struct session *s)
{
	struct killing *k = CONTAINER_OF(walk, struct killing, walk);
	k->err = KERR_RESOURCE_NOT_FOUND;
	if (s->number != k->number || !reach_has(&k->reach, s))
		return false;
	if (s->number == k->reach.number)
		k->err = KERR_INVALID_REQUEST;
	else if (!k->is_operator && !is_own(k, s) && is_operators(s))
		k->err = KERR_CLUSTER_AUTHORIZATION_FAILED;
	else if (!auditing_kill(s->core, k->by, tenant_of(s), s->principal.user.s, s->number))
		k->err = KERR_UNKNOWN_SERVER_ERROR;
	else {
		k->err = KERR_NONE;
		close_one(k, s);
	}
	return false;
}

static bool
kill_of_user(struct walk *walk, struct session *s)
{
	struct killing *k = CONTAINER_OF(walk, struct killing, walk);
	if (!reach_has(&k->reach, s) || s->number == k->reach.number)
		return true;
	close_one(k, s);
	walk->pause = k->closed % A_TURN == 0;
	return true;
}

static enum api_turn
killed(struct request *rq)
{
	struct connection_kill_rsp *out = rq->out;
	struct killing *k = rq->state;
	walk_bill(&k->walk);
	out->closed = k->closed;
	out->error_code = (int16_t)k->err;
	if (k->err == KERR_RESOURCE_NOT_FOUND)
		out->error_message = STR("there is no such connection");
	else if (k->err == KERR_INVALID_REQUEST)
		out->error_message = STR("that is the connection of this request");
	else if (k->err == KERR_CLUSTER_AUTHORIZATION_FAILED)
		out->error_message = STR("only operators close an operator's connection");
	else if (k->err != KERR_NONE)
		out->error_message = STR("the audit log cannot be written");
	return API_ANSWER;
}

/* All of a user: his own, or it needs what changing the user needs. */
static enum kerr
may_kill_user(struct request *rq, const struct killing *k)
{
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	if (name_eq(k->reach.user, w.user) || acl_may_user(image_acl(rq->image), &w, k->reach.user, false, &a))
		return KERR_NONE;
	return own_denied(rq, &w, &a);
}

static enum kerr
take(struct request *rq, const struct connection_kill_req *in, struct killing *k)
{
	enum kerr err = reach_of(rq, in->tenant, in->user, &k->reach);
	struct acl_who w;
	if (err != KERR_NONE)
		return err;
	if ((in->connection.p == NULL) == (in->user.p == NULL))
		return KERR_INVALID_REQUEST;
	if (in->connection.p == NULL)
		return may_kill_user(rq, k);
	caller(rq, &w);
	k->is_operator = w.is_operator;
	if (!roster_id_parse(rq->core->rosters, in->connection, &k->walk.loop, &k->number) || k->number == 0)
		return KERR_RESOURCE_NOT_FOUND;
	k->walk.one = true;
	k->walk.after = k->number - 1;
	return KERR_NONE;
}

enum api_turn
api_connection_kill(struct request *rq, const void *vin, void *vout)
{
	struct connection_kill_rsp *out = vout;
	struct killing *k = arena_zalloc(rq->arena, sizeof(*k));
	const struct acl_tenant *t;
	rq->state = k;
	k->walk.rq = rq;
	k->err = take(rq, vin, k);
	if (k->err == KERR_NONE) {
		k->by = auditing_by(rq);
		k->by_text = arena_str(rq->arena, rq->session->principal.user.s);
		t = acl_image_tenant(image_acl(rq->image), k->reach.user.tenant);
		if (k->number == 0 && !auditing_kill(rq->core, k->by, t == NULL ? STR_NULL : acl_tenant_name(t), k->reach.user.s, 0))
			k->err = KERR_UNKNOWN_SERVER_ERROR;
	}
	if (k->err != KERR_NONE) {
		enum api_turn turn = killed(rq);
		if (k->err == KERR_CLUSTER_AUTHORIZATION_FAILED || k->err == KERR_INVALID_REQUEST)
			out->error_message = STR_NULL;
		return turn;
	}
	k->walk.each = k->number != 0 ? kill_named : kill_of_user;
	if (k->number != 0)
		k->err = KERR_RESOURCE_NOT_FOUND; /* until it is found */
	return walk_begin(&k->walk, killed);
}
