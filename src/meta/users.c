/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, teams, tenants. A user's record has a generation that rises whenever
 * what he logged in with is no longer what would let him in (new keys, a lock,
 * other mechanisms): connections of an older generation are closed.
 */
#include "meta/users.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/principal.h"
#include "meta/image_tokens.h"
#include "meta/meta_sqlite.h"
#include "meta/plan.h"
#include "meta/record.h"
#include "meta/scram_record.h"
#include "meta/topics.h"
#include "security/scram_keys.h"
#include "tenant/tenant.h"

/* A user's record in hand: what is written is read first, so nothing is lost. */
struct draft {
	struct acl_user u;
	struct cred c;
	struct str teams[ACL_TEAMS_MAX];
};

/* Behind record_begin(). */
static void
record_user(struct arena *arena, struct buf *b, const struct draft *d)
{
	record_add_int(b, "generation", (int64_t)d->c.generation);
	if (d->u.is_operator)
		record_add_int(b, "operator", 1);
	if (d->c.locked)
		record_add_int(b, "locked", 1);
	if (d->c.expires_ms != 0)
		record_add_int(b, "expires", d->c.expires_ms);
	for (int m = 0; m < MECH_COUNT; m++)
		if (d->c.mechanisms & MECH_BIT(m))
			record_add(b, "mechanism", str_from(mech_name((enum mech)m)));
	if (d->u.team.n > 0)
		record_add(b, "primary", d->u.team);
	for (uint32_t i = 0; i < d->u.n_teams; i++)
		record_add(b, "team", d->teams[i]);
	record_add_scram(arena, b, d->c.scram);
}

static void
put_user(struct plan *p, struct name user, const struct draft *d)
{
	struct buf b;
	struct str part = record_path_part(plan_arena(p), user.s);
	buf_init(&b, META_NODE_MAX);
	record_begin(&b);
	record_user(plan_arena(p), &b, d);
	plan_put(p, &b, "/tenants/%u/users/%.*s", user.tenant, STR_ARG(part));
}

/* False where there is no such user. */
static bool
read_user(struct plan *p, struct name user, struct draft *ret)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), user.tenant);
	const struct acl_user *u = t == NULL ? NULL : acl_tenant_user(t, user.s);
	memset(ret, 0, sizeof(*ret));
	ret->u.team = STR("");
	if (u == NULL)
		return false;
	image_cred(plan_image(p), user, 0, &ret->c);
	ret->u = *u;
	ret->u.team = arena_str(plan_arena(p), u->team);
	for (uint32_t i = 0; i < u->n_teams; i++)
		ret->teams[i] = arena_str(plan_arena(p), u->teams[i]);
	return true;
}

static void
new_generation(struct plan *p, struct draft *d)
{
	d->c.generation = image_next_generation(plan_image(p));
}

static bool
in_team(const struct draft *d, struct str team)
{
	for (uint32_t i = 0; i < d->u.n_teams; i++)
		if (str_eq(d->teams[i], team))
			return true;
	return false;
}

static void
put_team(struct plan *p, uint32_t tenant, struct str team)
{
	struct buf b;
	buf_init(&b, 64);
	record_begin(&b);
	plan_put(p, &b, "/tenants/%u/teams/%.*s", tenant, STR_ARG(team));
}

/* ---- what may happen to a user ---- */

static enum change_result
create_user(struct plan *p, struct user_change *x, struct draft *d, bool exists)
{
	if (exists) {
		why_set(&x->why, 0, "user '%.*s' exists already", STR_ARG(x->user.s));
		return CHANGE_DUPLICATE;
	}
	if (user_name_check(x->user.s, &x->why) != 0 ||
	    (x->team.n > 0 && acl_team_name_check(x->team, &x->why) != 0))
		return CHANGE_BAD_REQUEST;
	if (x->is_operator && x->user.tenant != 0) {
		why_set(&x->why, 0, "operators are users of main");
		return CHANGE_BAD_REQUEST;
	}
	d->c.mechanisms = x->mechanisms;
	d->u.is_operator = x->is_operator;
	for (int h = 0; h < SCRAM_HASHES; h++)
		if (x->has_key[h])
			d->c.scram[h] = x->keys[h];
	if (x->team.n > 0) {
		put_team(p, x->user.tenant, x->team);
		d->u.team = d->teams[0] = x->team;
		d->u.n_teams = 1;
	}
	new_generation(p, d);
	put_user(p, x->user, d);
	return CHANGE_OK;
}

static enum change_result
no_user(struct user_change *x)
{
	why_set(&x->why, 0, "there is no user '%.*s'", STR_ARG(x->user.s));
	return CHANGE_RESOURCE_NOT_FOUND;
}

static enum change_result
set_keys(struct plan *p, struct user_change *x, struct draft *d, bool exists)
{
	if (!exists && !x->make)
		return no_user(x);
	if (!exists && user_name_check(x->user.s, &x->why) != 0)
		return CHANGE_BAD_CREDENTIAL;
	tokens_delete_of(p, x->user);	/* first: what the old keys made does not outlive them */
	for (int h = 0; h < SCRAM_HASHES; h++) {
		if (!x->has_key[h])
			continue;
		d->c.scram[h] = x->keys[h];
		d->c.mechanisms |= MECH_BIT(scram_hash_mech((enum scram_hash)h));
	}
	/* PLAIN is checked against the same keys; a listener that offers it decides. */
	d->c.mechanisms |= MECH_BIT(MECH_PLAIN);
	new_generation(p, d);
	put_user(p, x->user, d);
	return CHANGE_OK;
}

static enum change_result
delete_key(struct plan *p, struct user_change *x, struct draft *d, bool exists)
{
	for (int h = 0; h < SCRAM_HASHES; h++) {
		if (!x->has_key[h])
			continue;
		if (!exists || d->c.scram[h].iterations == 0) {
			why_set(&x->why, 0, "the user has no such credential");
			return CHANGE_RESOURCE_NOT_FOUND;
		}
		memset(&d->c.scram[h], 0, sizeof(d->c.scram[h]));
		d->c.mechanisms &= ~MECH_BIT(scram_hash_mech((enum scram_hash)h));
	}
	tokens_delete_of(p, x->user);
	new_generation(p, d);
	put_user(p, x->user, d);
	return CHANGE_OK;
}

bool
user_is_last_operator(const struct image *image, struct name user)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(image), 0);
	const struct acl_user *u = user.tenant == 0 ? acl_tenant_user(t, user.s) : NULL;
	if (u == NULL || !u->is_operator)
		return false;
	for (u = acl_tenant_next_user(t, STR("")); u != NULL; u = acl_tenant_next_user(t, u->name))
		if (u->is_operator && !u->locked && u->expires_ms == 0 && u->mechanisms != 0 &&
		    !str_eq(u->name, user.s))
			return false;
	return true;
}

static bool
is_last_operator(struct plan *p, struct user_change *x)
{
	if (!user_is_last_operator(plan_image(p), x->user))
		return false;
	why_set(&x->why, 0, "'%.*s' is the only operator who can log in: make another one first",
	    STR_ARG(x->user.s));
	return true;
}

static enum change_result
lock_user(struct plan *p, struct user_change *x, struct draft *d, bool exists)
{
	bool shuts_out = x->kind == USER_LOCK || (x->kind == USER_EXPIRE && x->expires_ms != 0);
	if (!exists)
		return no_user(x);
	if (shuts_out && is_last_operator(p, x))
		return CHANGE_POLICY;
	if (x->kind == USER_SET_MECHANISMS)
		d->c.mechanisms = x->mechanisms;
	else if (x->kind == USER_EXPIRE)
		d->c.expires_ms = x->expires_ms;
	else
		d->c.locked = x->kind == USER_LOCK;
	new_generation(p, d);
	put_user(p, x->user, d);
	return CHANGE_OK;
}

/* Of the teams that he is in, the one that what he makes belongs to. */
static enum change_result
set_team(struct plan *p, struct user_change *x, struct draft *d, bool exists)
{
	if (!exists)
		return no_user(x);
	if (!in_team(d, x->team)) {
		why_set(&x->why, 0, "'%.*s' is not in the team '%.*s'", STR_ARG(x->user.s), STR_ARG(x->team));
		return CHANGE_RESOURCE_NOT_FOUND;
	}
	d->u.team = x->team;
	put_user(p, x->user, d);
	return CHANGE_OK;
}

/* Nodes of a tenant that have an owner, or a team, get another, or none. */
struct handover {
	uint32_t tenant;
	bool of_team;
	struct str from, to;
};

static bool
concerns(const struct handover *h, const struct acl_node *n)
{
	return n != NULL && str_eq(h->of_team ? n->team : n->owner, h->from);
}

static void
give_node(struct plan *p, const struct handover *h, enum acl_type type, struct str name,
    const struct acl_node *node)
{
	struct acl_node next = *node;
	*(h->of_team ? &next.team : &next.owner) = h->to.n > 0 ? h->to : STR("");
	tree_put_node(p, h->tenant, type, arena_str(plan_arena(p), name), &next);
}

/* The tenant itself and its directories. */
static bool
give_directories(struct plan *p, const struct handover *h, bool write)
{
	static const enum acl_type types[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	bool any = false;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), h->tenant);
		const struct acl_node *n = acl_tenant_node(t, types[i], STR(""));
		if (!concerns(h, n))
			continue;
		any = true;
		if (write)
			give_node(p, h, types[i], STR(""), n);
	}
	return any;
}

/* All of them; true if there are any. */
static bool
give_nodes(struct plan *p, const struct handover *h, bool write)
{
	static const enum acl_type kinds[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
	bool any = give_directories(p, h, write);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct str name = STR("");
		const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), h->tenant);
		const struct acl_node *n = acl_tenant_next_node(t, kinds[k], name, &name);
		for (; n != NULL; n = acl_tenant_next_node(t, kinds[k], name, &name)) {
			if (!concerns(h, n))
				continue;
			any = true;
			if (!write)
				continue;
			name = arena_str(plan_arena(p), name);
			give_node(p, h, kinds[k], name, n);
			t = acl_image_tenant(image_acl(plan_image(p)), h->tenant);
		}
	}
	return any;
}

struct rules_of {
	struct plan *plan;
	struct str principal;
	ARRAY(struct acl_binding) found;
};

static int
find_rules(const struct acl_rule *rule, void *arg)
{
	struct rules_of *r = arg;
	struct arena *a = plan_arena(r->plan);
	if (!str_eq(rule->b.principal, r->principal))
		return 0;
	struct acl_binding *b = ARRAY_ADD(a, r->found);
	*b = rule->b;
	b->name = arena_str(a, b->name);
	b->principal = arena_str(a, b->principal);
	b->host = arena_str(a, b->host);
	return 0;
}

/* Rules that name a principal, copied: they outlive the image. */
static void
rules_naming(struct plan *p, const struct acl_tenant *t, struct rules_of *r)
{
	r->plan = p;
	(void)acl_tenant_rules(t, NULL, find_rules, r);
}

static enum change_result
delete_user(struct plan *p, struct user_change *x, bool exists)
{
	const struct handover h = { x->user.tenant, false, x->user.s, x->chown_to };
	if (!exists)
		return no_user(x);
	if (is_last_operator(p, x))
		return CHANGE_POLICY;
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), x->user.tenant);
	struct rules_of r = { .principal = arena_printf(plan_arena(p), "User:%.*s", STR_ARG(x->user.s)) };
	rules_naming(p, t, &r);
	if (x->chown_to.n > 0 && acl_tenant_user(t, x->chown_to) == NULL) {
		why_set(&x->why, 0, "there is no user '%.*s' to give them to", STR_ARG(x->chown_to));
		return CHANGE_RESOURCE_NOT_FOUND;
	}
	bool owns = give_nodes(p, &h, false);
	if ((owns && !x->purge && x->chown_to.n == 0) || (r.found.n > 0 && !x->purge && x->chown_to.n == 0)) {
		why_set(&x->why, 0, "'%.*s' %s: say --chown-to USER or --purge", STR_ARG(x->user.s),
		    owns ? "owns something in the tree" : "stands in rules");
		return CHANGE_POLICY;
	}
	if (owns)
		give_nodes(p, &h, true);
	ARRAY_FOREACH(const struct acl_binding, b, r.found)
		rules_delete_one(p, x->user.tenant, b);
	quotas_delete_of(p, x->user.tenant, x->user.s);	/* not for his next namesake */
	tokens_forget_user(p, x->user);
	struct str part = record_path_part(plan_arena(p), x->user.s);
	plan_delete(p, "/tenants/%u/users/%.*s", x->user.tenant, STR_ARG(part));
	return CHANGE_OK;
}

/* Asked here again: a record may have become an operator's since the gate was passed. */
static enum change_result
operators_only(const struct draft *d, bool by_operator, struct why *why)
{
	if (!d->u.is_operator || by_operator)
		return CHANGE_OK;
	why_set(why, 0, "only operators change an operator's record");
	return CHANGE_SECURITY;
}

static enum change_result
plan_user(struct plan *p, struct user_change *x)
{
	struct draft d;
	bool exists = read_user(p, x->user, &d);
	enum change_result r = operators_only(&d, x->by_operator, &x->why);
	if (r != CHANGE_OK) {
		mem_cleanse(&d.c, sizeof(d.c));
		return r;
	}
	switch (x->kind) {
	case USER_CREATE:	r = create_user(p, x, &d, exists); break;
	case USER_DELETE:	r = delete_user(p, x, exists); break;
	case USER_SET_KEYS:	r = set_keys(p, x, &d, exists); break;
	case USER_DELETE_KEY:	r = delete_key(p, x, &d, exists); break;
	case USER_SET_TEAM:	r = set_team(p, x, &d, exists); break;
	case USER_LOCK:
	case USER_UNLOCK:
	case USER_EXPIRE:
	case USER_SET_MECHANISMS: r = lock_user(p, x, &d, exists); break;
	}
	mem_cleanse(&d.c, sizeof(d.c));
	return r;
}

static enum change_result
users_plan(struct change *change, struct plan *p)
{
	struct users_change *c = CONTAINER_OF(change, struct users_change, change);
	for (int32_t i = 0; i < c->n; i++)
		if (c->users[i].result == CHANGE_OK)
			c->users[i].result = plan_user(p, &c->users[i]);
	return CHANGE_OK;
}

void
users_change_init(struct users_change *c)
{
	c->change.plan = users_plan;
	c->change.carry_out = NULL;
}

/* ---- teams ---- */

static enum change_result
join_team(struct draft *d, struct str team)
{
	if (in_team(d, team))
		return CHANGE_OK;
	if (d->u.n_teams == ACL_TEAMS_MAX)
		return CHANGE_POLICY;
	d->teams[d->u.n_teams++] = team;
	if (d->u.team.n == 0)
		d->u.team = team;
	return CHANGE_OK;
}

static void
leave_team(struct draft *d, struct str team)
{
	for (uint32_t i = 0; i < d->u.n_teams; i++)
		if (str_eq(d->teams[i], team))
			d->teams[i--] = d->teams[--d->u.n_teams];
	if (str_eq(d->u.team, team))
		d->u.team = d->u.n_teams > 0 ? d->teams[0] : STR("");
}

static enum change_result
team_member(struct plan *p, struct team_change *c, bool add)
{
	struct draft d;
	struct name user = NAME(c->tenant, c->user);
	if (!read_user(p, user, &d)) {
		why_set(&c->change.why, 0, "there is no user '%.*s'", STR_ARG(c->user));
		return CHANGE_RESOURCE_NOT_FOUND;
	}
	enum change_result r = operators_only(&d, c->by_operator, &c->change.why);
	if (r == CHANGE_OK && add)
		r = join_team(&d, c->team);
	else if (r == CHANGE_OK)
		leave_team(&d, c->team);
	if (r == CHANGE_OK && add)
		put_team(p, c->tenant, c->team);
	if (r == CHANGE_OK)
		put_user(p, user, &d);
	mem_cleanse(&d.c, sizeof(d.c));
	return r;
}

/* What belonged to it or named it goes too, or the next team of that name would inherit: nobody
 * loses a right by that which he has not lost with the team. */
static enum change_result
team_delete(struct plan *p, struct team_change *c)
{
	const struct handover h = { c->tenant, true, c->team, STR("") };
	struct rules_of r = { .principal = arena_printf(plan_arena(p), "Team:%.*s", STR_ARG(c->team)) };
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), c->tenant);
	struct str user = STR("");
	if (t == NULL || !acl_tenant_has_team(t, c->team))
		return CHANGE_RESOURCE_NOT_FOUND;
	for (const struct acl_user *u; (u = acl_tenant_next_user(t, user)) != NULL;) {
		user = arena_str(plan_arena(p), u->name);
		if (!acl_user_in(u, c->team))
			continue;
		c->user = user;
		enum change_result left = team_member(p, c, false);
		if (left != CHANGE_OK)
			return left;
		t = acl_image_tenant(image_acl(plan_image(p)), c->tenant);
	}
	rules_naming(p, t, &r);
	ARRAY_FOREACH(const struct acl_binding, b, r.found)
		rules_delete_one(p, c->tenant, b);
	give_nodes(p, &h, true);
	plan_delete(p, "/tenants/%u/teams/%.*s", c->tenant, STR_ARG(c->team));
	return CHANGE_OK;
}

static enum change_result
team_plan(struct change *change, struct plan *p)
{
	struct team_change *c = CONTAINER_OF(change, struct team_change, change);
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), c->tenant);
	if (t == NULL || acl_team_name_check(c->team, &change->why) != 0)
		return CHANGE_BAD_REQUEST;
	switch (c->kind) {
	case TEAM_CREATE:
		if (acl_tenant_has_team(t, c->team)) {
			why_set(&change->why, 0, "team '%.*s' exists already", STR_ARG(c->team));
			return CHANGE_DUPLICATE;
		}
		put_team(p, c->tenant, c->team);
		return CHANGE_OK;
	case TEAM_DELETE:
		return team_delete(p, c);
	case TEAM_ADD:
	case TEAM_REMOVE:
		break;
	}
	return team_member(p, c, c->kind == TEAM_ADD);
}

void
team_change_init(struct team_change *c)
{
	c->change.plan = team_plan;
	c->change.carry_out = NULL;
}

/* ---- tenants ---- */

void
plan_counters(struct plan *p, uint32_t tenant, int64_t producer_id)
{
	struct buf b;
	buf_init(&b, 256);
	record_begin(&b);
	record_add_int(&b, "tenant", tenant);
	record_add_int(&b, "producer.id", producer_id);
	record_add_int(&b, "generation", (int64_t)image_next_generation(plan_image(p)));
	plan_put(p, &b, "/next");
}

static enum change_result
tenant_create_plan(struct change *change, struct plan *p)
{
	struct tenant_create *c = CONTAINER_OF(change, struct tenant_create, change);
	const struct image *im = plan_image(p);
	if (tenant_name_check(c->name, &change->why) != 0)
		return CHANGE_BAD_REQUEST;
	if (acl_image_tenant_named(image_acl(im), c->name) != NULL) {
		why_set(&change->why, 0, "tenant '%.*s' exists already", STR_ARG(c->name));
		return CHANGE_DUPLICATE;
	}
	c->ret_number = image_next_tenant_number(im);
	plan_counters(p, c->ret_number + 1, image_next_producer_id(im));
	tenant_put_new(p, c->ret_number, c->name, c->admin.user.s);
	c->admin.user.tenant = c->ret_number;
	c->admin.kind = USER_CREATE;
	c->admin.team = STR("admins");
	enum change_result r = plan_user(p, &c->admin);
	if (r != CHANGE_OK)
		change->why = c->admin.why;
	return r;
}

void
tenant_create_init(struct tenant_create *c)
{
	c->change.plan = tenant_create_plan;
	c->change.carry_out = NULL;
}

/* ---- the first user, and a lost password: without a running broker ---- */

struct offline {
	struct buf b[8];
	struct meta_op ops[8];
	int n;
	ARRAY(struct meta_op) gone;	/* nodes that go, before */
};

static void
offline_put(struct offline *o, const char *path)
{
	o->ops[o->n] = (struct meta_op){ .kind = META_PUT, .path = str_from(path),
		.value = buf_str(&o->b[o->n]) };
	o->n++;
}

static struct buf *
offline_begin(struct offline *o)
{
	struct buf *b = &o->b[o->n];
	buf_init(b, META_NODE_MAX);
	record_begin(b);
	return b;
}

static int
offline_write(const char *file, struct offline *o, struct why *why)
{
	struct meta *meta;
	int err = meta_sqlite_open(file, &meta, why);
	if (err == 0) {
		for (int32_t at = 0; at < o->gone.n && err == 0; at += META_OPS_MAX)
			err = meta_multi_wait(meta, o->gone.v + at,
			    o->gone.n - at < META_OPS_MAX ? o->gone.n - at : META_OPS_MAX);
		if (err == 0)
			err = meta_multi_wait(meta, o->ops, o->n);
		if (err != 0)
			why_set(why, err, "%s: %s", file, err_text(err));
		meta_close(&meta);
	}
	for (int i = 0; i < o->n; i++)
		buf_free_secret(&o->b[i]);
	return err;
}

int
meta_init(const char *file, const struct meta_first_user *admin, struct why *why)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct offline o = { .n = 0 };
	struct uuid id = uuid_make();
	char text[UUID_TEXT];
	struct buf *b = offline_begin(&o);
	record_add(b, "name", STR("main"));
	record_add(b, "owner", admin->name);
	record_add(b, "cluster.id", str_from(uuid_format(&id, text)));
	offline_put(&o, "/tenants/0");
	b = offline_begin(&o);
	record_add_int(b, "tenant", 1);
	offline_put(&o, "/next");
	offline_begin(&o);
	offline_put(&o, "/tenants/0/teams/admins");
	struct draft d = { .u = { .is_operator = true, .team = STR("admins"), .n_teams = 1 },
		.c = { .mechanisms = admin->mechanisms, .generation = 1 }, .teams = { STR("admins") } };
	memcpy(d.c.scram, admin->scram, sizeof(d.c.scram));
	record_user(arena, offline_begin(&o), &d);
	struct str part = record_path_part(arena, admin->name);
	offline_put(&o, arena_printf(arena, "/tenants/0/users/%.*s", STR_ARG(part)).p);
	int err = offline_write(file, &o, why);
	mem_cleanse(&d, sizeof(d));
	arena_destroy(&arena);
	return err;
}

struct offline_load {
	struct image *image;
};

static int
offline_node(struct str path, struct str value, int64_t version, void *arg)
{
	struct offline_load *l = arg;
	(void)version;
	(void)image_apply(&l->image, path, value, NULL);
	return 0;
}

/* As with new keys at run time. */
static void
offline_end_tokens(struct offline *o, struct arena *arena, const struct image *im, struct name owner)
{
	const struct image_token *t = NULL;
	while ((t = image_next_token_of(im, owner, t)) != NULL)
		*ARRAY_ADD(arena, o->gone) = (struct meta_op){ .kind = META_DELETE,
			.path = arena_printf(arena, "/tenants/%u/tokens/%.*s", owner.tenant, STR_ARG(t->id.s)) };
}

int
meta_set_keys(const char *file, struct name user, const struct scram_key keys[SCRAM_HASHES],
    struct why *why)
{
	struct meta *meta;
	struct offline_load l = { image_create(NULL) };
	struct offline o = { .n = 0 };
	struct arena *arena = arena_create(SIZE_MAX);
	struct draft d = { .u = { .team = STR("") } };
	int err = meta_sqlite_open(file, &meta, why);
	if (err == 0) {
		err = meta_walk(meta, offline_node, &l, why);
		meta_close(&meta);
	}
	const struct acl_tenant *t = acl_image_tenant(image_acl(l.image), user.tenant);
	const struct acl_user *u = t == NULL ? NULL : acl_tenant_user(t, user.s);
	if (err == 0 && u == NULL)
		err = why_set(why, ERR_NOTFOUND, "there is no user '%.*s'", STR_ARG(user.s));
	if (err == 0) {
		offline_end_tokens(&o, arena, l.image, user);
		image_cred(l.image, user, 0, &d.c);
		d.u = *u;
		for (uint32_t i = 0; i < u->n_teams; i++)
			d.teams[i] = u->teams[i];
		memcpy(d.c.scram, keys, sizeof(d.c.scram));
		d.c.mechanisms |= MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512) | MECH_BIT(MECH_PLAIN);
		d.c.locked = false;
		d.c.expires_ms = 0;
		d.c.generation = image_next_generation(l.image);
		record_user(arena, offline_begin(&o), &d);
		struct str part = record_path_part(arena, user.s);
		offline_put(&o, arena_printf(arena, "/tenants/%u/users/%.*s", user.tenant, STR_ARG(part)).p);
		err = offline_write(file, &o, why);
	}
	mem_cleanse(&d, sizeof(d));
	image_unref(&l.image);
	arena_destroy(&arena);
	return err;
}
