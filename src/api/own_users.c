/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and teams, and the first user of a tenant. What may not be is answered at once; the rest of a
 * request is one change (users), or one after the other (teams). Groups that a
 * user made by use are no metadata: where he is deleted, those that are to be
 * kept become nodes first, or the next user of his name would own them.
 */
#include "acl/change.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "api/session.h"
#include "meta/image.h"
#include "meta/tree.h"
#include "meta/users.h"

#define ALTERATIONS_MAX 5	/* of one user in one change: primary team, lock, expiry, mechanisms, keys */
enum { ACTION_CREATE, ACTION_ALTER, ACTION_DELETE };	/* of UserAlter */

/* Which result each user_change belongs to. */
struct user_work {
	struct users_change change;
	struct nodes_change kept;	/* groups of users who are deleted, before that */
	ARRAY(struct node_change) groups;
	ARRAY(struct user_change) list;
	int32_t *row;			/* of the result */
};

static enum kerr
take_mechanisms(const struct str *v, int32_t n, uint32_t *ret)
{
	*ret = 0;
	for (int32_t i = 0; i < n; i++) {
		enum mech mech;
		if (mech_parse(v[i], &mech) != 0)
			return KERR_UNSUPPORTED_SASL_MECHANISM;
		*ret |= MECH_BIT(mech);
	}
	return KERR_NONE;
}

/* One key as it came; false where it cannot be one. */
static bool
take_key(struct str mechanism, struct bytes salt, int32_t iterations, struct bytes stored,
    struct bytes server, struct user_change *c)
{
	int h = str_is(mechanism, "SCRAM-SHA-256") ? SCRAM_SHA_256 :
	    str_is(mechanism, "SCRAM-SHA-512") ? SCRAM_SHA_512 : SCRAM_HASHES;
	if (h == SCRAM_HASHES || c->has_key[h])
		return false;
	size_t n = scram_hash_len((enum scram_hash)h);
	struct scram_key *k = &c->keys[h];
	if (salt.n == 0 || salt.n > sizeof(k->salt) || stored.n != n || server.n != n ||
	    iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX)
		return false;
	k->iterations = (uint32_t)iterations;
	k->salt_len = (uint8_t)salt.n;
	memcpy(k->salt, salt.p, salt.n);
	memcpy(k->stored, stored.p, n);
	memcpy(k->server, server.p, n);
	c->has_key[h] = true;
	return true;
}

static void
add_user_change(struct request *rq, struct user_work *w, int32_t row, const struct user_change *c)
{
	*ARRAY_ADD(rq->arena, w->list) = *c;
	w->row[w->list.n - 1] = row;
}

/* An alteration is one change for each thing that it names. */
static enum kerr
plan_alter(struct request *rq, struct user_work *w, int32_t row,
    const struct user_alter_req_change *in, struct user_change c)
{
	int32_t before = w->list.n;
	if (in->teams.n >= 0 || in->operator >= 0 || in->expires_ms < -1)
		return KERR_INVALID_REQUEST;
	if (in->primary_team.p != NULL) {
		c.kind = USER_SET_TEAM;
		add_user_change(rq, w, row, &c);
	}
	if (in->locked >= 0) {
		c.kind = in->locked ? USER_LOCK : USER_UNLOCK;
		add_user_change(rq, w, row, &c);
	}
	if (in->expires_ms >= 0) {
		c.kind = USER_EXPIRE;
		c.expires_ms = in->expires_ms;
		add_user_change(rq, w, row, &c);
	}
	if (in->mechanisms.n >= 0) {
		c.kind = USER_SET_MECHANISMS;
		add_user_change(rq, w, row, &c);
	}
	if (in->keys.n > 0) {
		c.kind = USER_SET_KEYS;
		add_user_change(rq, w, row, &c);
	}
	return w->list.n > before ? KERR_NONE : KERR_INVALID_REQUEST;
}

struct heritage {
	struct request *rq;
	struct user_work *work;
	const struct user_change *change;
	bool any;
};

static void
inherit(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct heritage *h = arg;
	struct arena *arena = h->rq->arena;
	const struct acl_tenant *t = acl_image_tenant(image_acl(h->rq->image), group->name.tenant);
	if (owner == NULL || !str_eq(owner->owner, h->change->user.s) ||
	    acl_tenant_node(t, ACL_GROUP, group->name.s) != NULL)
		return;
	h->any = true;
	*ARRAY_ADD(arena, h->work->groups) = (struct node_change){ .type = ACL_GROUP, .before = NODE_NONE,
		.name = NAME(group->name.tenant, arena_str(arena, group->name.s)),
		.node = { .owner = h->change->chown_to.n > 0 ? h->change->chown_to : STR(""),
			.team = arena_str(arena, owner->team.p == NULL ? STR("") : owner->team),
			.mode = owner->mode } };
}

/* The groups that he made by use, as they are to be without him. */
static enum kerr
bequeath(struct request *rq, struct user_work *w, const struct user_change *c, struct str *ret_message)
{
	struct heritage h = { rq, w, c, false };
	int32_t before = w->groups.n;
	if (user_is_last_operator(rq->image, c->user)) { /* refused while his groups are still his */
		*ret_message = STR("this is the only operator who can log in: make another one first");
		return KERR_POLICY_VIOLATION;
	}
	enum kerr err = coord_list(rq->core->coord, c->user.tenant, inherit, &h);
	if (err == KERR_NONE && h.any && !c->purge && c->chown_to.n == 0) {
		*ret_message = arena_printf(rq->arena, "'%.*s' owns groups: say --chown-to USER or --purge",
		    STR_ARG(c->user.s));
		err = KERR_POLICY_VIOLATION;
	}
	if (err != KERR_NONE)
		w->groups.n = before;
	return err;
}

/* For fields that making and deleting do not heed. */
static bool
asks_for_more(const struct user_alter_req_change *in)
{
	return in->teams.n >= 0 || in->locked >= 0 || in->expires_ms >= 0;
}

static enum kerr
plan_user(struct request *rq, struct user_work *w, int32_t row, uint32_t tenant,
    const struct user_alter_req_change *in, struct str *ret_message)
{
	struct user_change c = { .user = NAME(tenant, in->user), .is_operator = in->operator == 1,
		.team = in->primary_team.p == NULL ? STR("") : in->primary_team,
		.purge = in->purge, .chown_to = in->chown_to };
	struct acl_who who;
	struct acl_answer a;
	enum kerr err = take_mechanisms(in->mechanisms.v, in->mechanisms.n, &c.mechanisms);
	caller(rq, &who);
	c.by_operator = who.is_operator;
	if (!acl_may_user(image_acl(rq->image), &who, c.user, c.is_operator, &a))
		return own_denied(rq, &who, &a);
	for (int32_t i = 0; err == KERR_NONE && i < in->keys.n; i++) {
		const struct user_alter_req_key *k = &in->keys.v[i];
		if (!take_key(k->mechanism, k->salt, k->iterations, k->stored_key, k->server_key, &c))
			err = KERR_UNACCEPTABLE_CREDENTIAL;
	}
	if (err != KERR_NONE)
		return err;
	if (in->action == ACTION_ALTER)
		return plan_alter(rq, w, row, in, c);
	if (in->action != ACTION_CREATE && in->action != ACTION_DELETE)
		return KERR_INVALID_REQUEST;
	if (asks_for_more(in)) {
		*ret_message = STR("teams are joined by TeamAlter; a lock and an expiry are alterations");
		return KERR_INVALID_REQUEST;
	}
	c.kind = in->action == ACTION_CREATE ? USER_CREATE : USER_DELETE;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	if (c.kind == USER_DELETE && acl_tenant_user(t, in->user) != NULL)
		err = bequeath(rq, w, &c, ret_message);
	if (err == KERR_NONE)
		add_user_change(rq, w, row, &c);
	return err;
}

static enum api_turn
users_changed(struct request *rq)
{
	struct user_work *w = rq->state;
	struct user_alter_rsp *out = rq->out;
	for (int32_t i = 0; i < w->list.n; i++) {
		const struct user_change *c = &w->list.v[i];
		struct user_alter_rsp_result *r = &out->results.v[w->row[i]];
		enum change_result result = c->result != CHANGE_OK ? c->result : w->change.change.result;
		const struct why *why = c->result != CHANGE_OK ? &c->why : &w->change.change.why;
		if (r->error_code == 0)
			r->error_code = (int16_t)own_result(rq, result, why, &r->error_message);
	}
	return API_ANSWER;
}

static enum api_turn
groups_kept(struct request *rq)
{
	struct user_work *w = rq->state;
	struct user_alter_rsp *out = rq->out;
	if (w->kept.change.result == CHANGE_OK)
		return change_submit(rq, &w->change.change, users_changed);
	for (int32_t i = 0; i < w->list.n; i++) {
		struct user_alter_rsp_result *r = &out->results.v[w->row[i]];
		r->error_code = (int16_t)own_result(rq, w->kept.change.result, &w->kept.change.why, &r->error_message);
	}
	return API_ANSWER;
}

enum api_turn
api_user_alter(struct request *rq, const void *vin, void *vout)
{
	const struct user_alter_req *in = vin;
	struct user_alter_rsp *out = vout;
	struct user_work *w = rq->state = arena_zalloc(rq->arena, sizeof(*w));
	uint32_t tenant;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	if (out->error_code != 0)
		return API_ANSWER;
	w->row = arena_zalloc(rq->arena, ((size_t)in->changes.n * ALTERATIONS_MAX + 1) * sizeof(*w->row));
	for (int32_t i = 0; i < in->changes.n; i++) {
		struct user_alter_rsp_result *r = WIRE_ADD(rq->arena, out->results, user_alter_rsp_result);
		r->user = in->changes.v[i].user;
		r->error_code = (int16_t)plan_user(rq, w, i, tenant, &in->changes.v[i],
		    &r->error_message);
	}
	if (w->list.n == 0)
		return API_ANSWER;
	users_change_init(&w->change);
	w->change.users = w->list.v;
	w->change.n = w->list.n;
	if (w->groups.n == 0)
		return change_submit(rq, &w->change.change, users_changed);
	nodes_change_init(&w->kept);
	w->kept.nodes = w->groups.v;
	w->kept.n = w->groups.n;
	return change_submit(rq, &w->kept.change, groups_kept);
}

static void
list_user(struct request *rq, const struct acl_user *u, struct user_list_rsp *out)
{
	struct user_list_rsp_user *row = WIRE_ADD(rq->arena, out->users, user_list_rsp_user);
	row->name = u->name;
	row->operator = u->is_operator;
	row->locked = u->locked;
	row->expires_ms = u->expires_ms;
	if (u->team.n > 0)
		row->primary_team = u->team;
	for (uint32_t i = 0; i < u->n_teams; i++)
		*ARRAY_ADD(rq->arena, row->teams) = u->teams[i];
	for (int m = 0; m < MECH_COUNT; m++)
		if (u->mechanisms & MECH_BIT(m))
			*ARRAY_ADD(rq->arena, row->mechanisms) = str_from(mech_name((enum mech)m));
}

static bool
wanted(const struct str *v, int32_t n, struct str name)
{
	for (int32_t i = 0; i < n; i++)
		if (str_eq(v[i], name))
			return true;
	return n < 0;
}

enum api_turn
api_user_list(struct request *rq, const void *vin, void *vout)
{
	const struct user_list_req *in = vin;
	struct user_list_rsp *out = vout;
	struct acl_who w;
	struct acl_answer a;
	uint32_t tenant;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	if (out->error_code != 0)
		return API_ANSWER;
	caller(rq, &w);
	if (!acl_may_admin(image_acl(rq->image), &w, tenant, &a)) {
		out->error_code = (int16_t)own_denied(rq, &w, &a);
		return API_ANSWER;
	}
	if (in->users.n > OWN_USERS_MAX) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = STR("more users are named than one request may ask for: ask for all of them, or for 500");
		return API_ANSWER;
	}
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	const struct acl_user *u = acl_tenant_next_user(t, STR(""));
	for (; u != NULL; u = acl_tenant_next_user(t, u->name))
		if (wanted(in->users.v, in->users.n, u->name))
			list_user(rq, u, out);
	return API_ANSWER;
}

/* ---- teams ---- */

struct team_work {
	ARRAY(struct team_change) list;
	int32_t *row;
	int32_t next;
};

static enum api_turn
teams_changed(struct request *rq)
{
	struct team_work *w = rq->state;
	struct team_alter_rsp *out = rq->out;
	const struct change *c = &w->list.v[w->next].change;
	struct team_alter_rsp_result *r = &out->results.v[w->row[w->next]];
	if (r->error_code == 0)
		r->error_code = (int16_t)own_result(rq, c->result, &c->why, &r->error_message);
	if (++w->next == w->list.n)
		return API_ANSWER;
	return change_submit(rq, &w->list.v[w->next].change, teams_changed);
}

/* An operator's teams are operators' business, whoever administers main. */
static bool
may_regroup(struct request *rq, uint32_t tenant, const struct team_alter_req_change *in)
{
	const struct acl_image *acl = image_acl(rq->image);
	const struct acl_tenant *t = acl_image_tenant(acl, tenant);
	struct str name = STR("");
	struct acl_who who;
	bool fine = true;
	caller(rq, &who);
	ARRAY_FOREACH(const struct str, user, in->users)
		fine = fine && acl_may_user(acl, &who, NAME(tenant, *user), false, NULL);
	for (const struct acl_user *u; in->action == TEAM_DELETE && t != NULL &&
	    (u = acl_tenant_next_user(t, name)) != NULL; name = u->name)
		if (acl_user_in(u, in->team))
			fine = fine && acl_may_user(acl, &who, NAME(tenant, u->name), false, NULL);
	return fine;
}

static enum kerr
plan_team(struct request *rq, struct team_work *w, int32_t row, uint32_t tenant,
    const struct team_alter_req_change *in)
{
	static const enum team_change_kind kinds[] = { TEAM_CREATE, TEAM_DELETE, TEAM_ADD, TEAM_REMOVE };
	if (in->action < 0 || in->action > 3)
		return KERR_INVALID_REQUEST;
	enum team_change_kind kind = kinds[in->action];
	bool alone = kind == TEAM_CREATE || kind == TEAM_DELETE;
	if (!alone && in->users.n <= 0)
		return KERR_INVALID_REQUEST;
	if (!may_regroup(rq, tenant, in))
		return KERR_CLUSTER_AUTHORIZATION_FAILED;
	bool by_operator = !caller_limited(rq);
	for (int32_t i = 0; i < (alone ? 1 : in->users.n); i++) {
		struct team_change *c = ARRAY_ADD(rq->arena, w->list);
		team_change_init(c);
		c->kind = kind;
		c->by_operator = by_operator;
		c->tenant = tenant;
		c->team = in->team;
		c->user = alone ? STR("") : in->users.v[i];
		w->row[w->list.n - 1] = row;
	}
	return KERR_NONE;
}

enum api_turn
api_team_alter(struct request *rq, const void *vin, void *vout)
{
	const struct team_alter_req *in = vin;
	struct team_alter_rsp *out = vout;
	struct team_work *w = rq->state = arena_zalloc(rq->arena, sizeof(*w));
	struct acl_who who;
	struct acl_answer a;
	uint32_t tenant;
	size_t most = 1;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	caller(rq, &who);
	if (out->error_code == 0 && !acl_may_admin(image_acl(rq->image), &who, tenant, &a))
		out->error_code = (int16_t)own_denied(rq, &who, &a);
	if (out->error_code != 0)
		return API_ANSWER;
	for (int32_t i = 0; i < in->changes.n; i++)
		most += 1 + (size_t)(in->changes.v[i].users.n > 0 ? in->changes.v[i].users.n : 0);
	w->row = arena_zalloc(rq->arena, most * sizeof(*w->row));
	for (int32_t i = 0; i < in->changes.n; i++) {
		struct team_alter_rsp_result *r = WIRE_ADD(rq->arena, out->results, team_alter_rsp_result);
		r->team = in->changes.v[i].team;
		r->error_code = (int16_t)plan_team(rq, w, i, tenant, &in->changes.v[i]);
	}
	return w->list.n == 0 ? API_ANSWER : change_submit(rq, &w->list.v[0].change, teams_changed);
}

enum api_turn
api_team_list(struct request *rq, const void *vin, void *vout)
{
	const struct team_list_req *in = vin;
	struct team_list_rsp *out = vout;
	struct acl_who w;
	uint32_t tenant;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	if (out->error_code != 0)
		return API_ANSWER;
	caller(rq, &w);
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	bool all = acl_may_admin(image_acl(rq->image), &w, tenant, NULL);
	struct str team = acl_tenant_next_team(t, STR(""));
	for (; team.p != NULL; team = acl_tenant_next_team(t, team)) {
		/* Who does not administer sees the teams that he is in. */
		if (!wanted(in->teams.v, in->teams.n, team) || (!all && !acl_user_in(w.record, team)))
			continue;
		struct team_list_rsp_team *row = WIRE_ADD(rq->arena, out->teams, team_list_rsp_team);
		row->name = team;
		const struct acl_user *u = acl_tenant_next_user(t, STR(""));
		for (; u != NULL; u = acl_tenant_next_user(t, u->name))
			if (acl_user_in(u, team))
				*ARRAY_ADD(rq->arena, row->members) = u->name;
	}
	return API_ANSWER;
}

/* ---- tenants ---- */

static enum api_turn
tenant_made(struct request *rq)
{
	const struct tenant_create *c = rq->state;
	struct tenant_alter_rsp *out = rq->out;
	out->error_code = (int16_t)own_result(rq, c->change.result, &c->change.why, &out->error_message);
	if (out->error_code == 0)
		out->number = (int32_t)c->ret_number;
	return API_ANSWER;
}

enum api_turn
own_make_tenant(struct request *rq, const struct tenant_alter_req *in, struct tenant_alter_rsp *out)
{
	struct tenant_create *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	tenant_create_init(c);
	c->name = in->tenant;
	c->admin.kind = USER_CREATE;
	c->admin.user = NAME(0, in->admin);
	c->admin.team = STR("");
	enum kerr err = in->admin.p == NULL || in->tenant.p == NULL ? KERR_INVALID_REQUEST :
	    take_mechanisms(in->admin_mechanisms.v, in->admin_mechanisms.n, &c->admin.mechanisms);
	for (int32_t i = 0; err == KERR_NONE && i < in->keys.n; i++) {
		const struct tenant_alter_req_key *k = &in->keys.v[i];
		if (!take_key(k->mechanism, k->salt, k->iterations, k->stored_key, k->server_key, &c->admin))
			err = KERR_UNACCEPTABLE_CREDENTIAL;
	}
	out->error_code = (int16_t)err;
	return err != KERR_NONE ? API_ANSWER : change_submit(rq, &c->change, tenant_made);
}
