/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConnectionList: a page is gathered by a walk through the loops (roster.h), each of which copies what it has into the
 * request's arena. Names of tenants, and which groups may be told of, are looked up when it is back on its own loop, in the
 * image of then; where the caller may see less by then, he sees nothing. A page ends by the connections that it tells of, never by those
 * that were passed over, so that nobody counts others by it.
 */
#include "api/own_connections.h"

#include "acl/change.h"
#include "api/authorize.h"
#include "api/session.h"
#include "base/clock.h"
#include "coord/coord.h"
#include "meta/image.h"
#include "security/tls.h"

#define PAGE 200

/* A connection as its loop saw it. */
struct seen {
	struct connection_list_rsp_connection row;
	uint32_t tenant;
	ARRAY(struct session_member) members;
};

struct gather {
	struct walk walk;
	struct reach reach;
	ARRAY(struct seen) seen;
};

/* ---- who may ---- */

bool
reach_is_somebody(const struct session *s)
{
	return s->phase == SESSION_READY || s->phase == SESSION_RENEW;
}

enum kerr
reach_of(struct request *rq, struct str tenant, struct str user, struct reach *ret)
{
	const struct session *s = rq->session;
	struct acl_who w;
	struct acl_answer a;
	uint32_t number;
	caller(rq, &w);
	enum kerr err = own_tenant(rq, tenant, &number);
	if (err != KERR_NONE)
		return err;
	*ret = (struct reach){ .user = NAME(number, arena_str(rq->arena, user)), .by_user = user.p != NULL, .number = s->number };
	if (w.is_operator && !w.gone) {
		ret->all = tenant.p == NULL && user.p == NULL;
		return KERR_NONE;
	}
	if (acl_is_admin(image_acl(rq->image), &w, number))
		return KERR_NONE;
	bool own = number == w.user.tenant && (user.p == NULL || str_eq(user, w.user.s));
	if (!own)
		return acl_may_admin(image_acl(rq->image), &w, number, &a) ? KERR_NONE : own_denied(rq, &w, &a);
	ret->asking = w.anonymous;
	ret->by_user = true;
	ret->user.s = arena_str(rq->arena, w.user.s);
	return KERR_NONE;
}

bool
reach_has(const struct reach *r, const struct session *s)
{
	if (r->all)
		return true;
	if (r->asking)
		return s->number == r->number;
	return reach_is_somebody(s) && s->principal.user.tenant == r->user.tenant &&
	    (!r->by_user || str_eq(s->principal.user.s, r->user.s));
}

/* ---- on each loop ---- */

static struct str
text(struct arena *arena, const char *s)
{
	return s == NULL || s[0] == '\0' ? STR_NULL : arena_str(arena, str_from(s));
}

static void
copy_who(struct arena *arena, const struct session *s, struct seen *ret)
{
	struct connection_list_rsp_connection *row = &ret->row;
	ret->tenant = s->principal.user.tenant;
	if (!reach_is_somebody(s))
		return;
	row->user = arena_str(arena, s->principal.user.s);
	row->mechanism = text(arena, s->principal.mechanism);
	if (s->quota != NULL)
		row->client_id = arena_str(arena, quota_client_now(s->quota));
	for (const struct session_member *m = s->members; m != NULL; m = m->next)
		*ARRAY_ADD(arena, ret->members) = (struct session_member){ NULL, arena_str(arena, m->group),
			arena_str(arena, m->member_id) };
}

static void
copy_numbers(const struct session *s, struct connection_list_rsp_connection *row)
{
	struct conn_look look;
	uint64_t now = loop_now(conn_loop(s->conn));
	conn_look(s->conn, &look);
	row->since_ms = clock_wall_ms() - (int64_t)((now - conn_since(s->conn)) / NS_PER_MS);
	row->idle_ms = (int64_t)((now - look.active) / NS_PER_MS);
	row->rate_in = (int64_t)look.rate_in;
	row->rate_out = (int64_t)look.rate_out;
	row->throttle_ms = look.muted_until == 0 ? 0 : (int64_t)((look.muted_until - now + NS_PER_MS - 1) / NS_PER_MS);
	row->memory = (int64_t)look.memory;
	row->requests = (int32_t)look.requests;
}

static bool
copy_one(struct walk *walk, struct session *s)
{
	struct gather *g = CONTAINER_OF(walk, struct gather, walk);
	struct arena *arena = walk->rq->arena;
	char id[ROSTER_ID_MAX];
	if (!reach_has(&g->reach, s))
		return true;
	struct seen *seen = ARRAY_ADD(arena, g->seen);
	struct connection_list_rsp_connection *row = &seen->row;
	row->id = arena_str(arena, str_from(roster_id(walk->loop, s->number, id)));
	row->number = (int64_t)s->number;
	row->peer = arena_str(arena, conn_event(s->conn)->value);
	row->listener = arena_str(arena, s->listener->name);
	row->tls = s->listener->tls ? text(arena, tls_cipher(conn_transport(s->conn))) : STR_NULL;
	if (s->software != NULL) {
		row->software_name = text(arena, s->software);
		row->software_version = text(arena, s->software + strlen(s->software) + 1);
	}
	copy_who(arena, s, seen);
	copy_numbers(s, row);
	return g->seen.n < PAGE;
}

/* ---- back again ---- */

struct wanted_member {
	struct str id;
	bool there;
};

static void
look_for_member(const struct group *group, void *arg)
{
	struct wanted_member *m = arg;
	m->there = group_member_by_id(group, m->id) != NULL;
}

/* Those that it is a member of still, and that the caller may see. */
static void
tell_groups(struct request *rq, const struct seen *seen, struct connection_list_rsp_connection *row)
{
	for (int32_t i = 0; i < seen->members.n && rq->core->coord != NULL; i++) {
		struct name group = NAME(seen->tenant, seen->members.v[i].group);
		struct wanted_member m = { seen->members.v[i].member_id, false };
		struct acl_object o = { ACL_GROUP, group, group_node(rq, group) };
		if (may_quietly(rq, ACL_DESCRIBE, &o) && coord_look(rq->core->coord, group, look_for_member, &m) == KERR_NONE &&
		    m.there)
			*ARRAY_ADD(rq->arena, row->groups) = group.s;
	}
}

static void
tell_one(struct request *rq, const struct seen *seen, bool is_operator, struct connection_list_rsp *out)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), seen->tenant);
	if (t == NULL)
		return; /* deleted: it is about to go */
	struct connection_list_rsp_connection *row = WIRE_ADD(rq->arena, out->connections, connection_list_rsp_connection);
	*row = seen->row;
	row->tenant = acl_tenant_name(t);
	if (!is_operator)
		row->number = -1;
	tell_groups(rq, seen, row);
}

static bool
same_reach(const struct reach *a, const struct reach *b)
{
	return a->all == b->all && a->by_user == b->by_user && a->asking == b->asking && name_eq(a->user, b->user);
}

static enum api_turn
gathered(struct request *rq)
{
	const struct connection_list_req *in = rq->in;
	struct connection_list_rsp *out = rq->out;
	struct gather *g = rq->state;
	struct reach now;
	struct acl_who w;
	char id[ROSTER_ID_MAX];
	walk_bill(&g->walk);
	enum kerr err = reach_of(rq, in->tenant, in->user, &now);
	if (err == KERR_NONE && !same_reach(&now, &g->reach))
		err = KERR_CLUSTER_AUTHORIZATION_FAILED;
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	caller(rq, &w);
	for (int32_t i = 0; i < g->seen.n; i++)
		tell_one(rq, &g->seen.v[i], w.is_operator, out);
	if (!g->walk.complete)
		out->next = arena_str(rq->arena, str_from(roster_id(g->walk.loop, g->walk.after, id)));
	return API_ANSWER;
}

enum api_turn
api_connection_list(struct request *rq, const void *vin, void *vout)
{
	const struct connection_list_req *in = vin;
	struct connection_list_rsp *out = vout;
	struct gather *g = arena_zalloc(rq->arena, sizeof(*g));
	enum kerr err = reach_of(rq, in->tenant, in->user, &g->reach);
	if (err == KERR_NONE && in->after.p != NULL &&
	    !roster_id_parse(rq->core->rosters, in->after, &g->walk.loop, &g->walk.after))
		err = KERR_INVALID_REQUEST;
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	rq->state = g;
	g->walk.rq = rq;
	g->walk.each = copy_one;
	return walk_begin(&g->walk, gathered);
}
