/* SPDX-License-Identifier: Apache-2.0
 *
 * Teams and users of a plan, made so by the same requests that `user` and `team` send, many at a time. Users are
 * made with what they log in by; a lock and an expiry come in the same request, which is one commit: at no time, and
 * wherever a run stops, does somebody log in who may not. */
#include <string.h>

#include "cli/site_do.h"
#include "wire/kerr.h"

#define BATCH 200

enum { CREATE = 0, ALTER = 1, DELETE = 2 };			/* UserAlter */
enum { TEAM_CREATE = 0, TEAM_DELETE = 1, TEAM_ADD = 2, TEAM_REMOVE = 3 };	/* TeamAlter */

/* A request that fills, and what each of its parts is about. */
struct users_batch {
	struct site_work *w;
	struct user_alter_req in;
	ARRAY(const struct site_fact *) of;
};

static void
users_begin(struct users_batch *b, struct site_work *w)
{
	*b = (struct users_batch){ .w = w };
	wire_defaults(&user_alter_req_msg, &b->in);
	b->in.tenant = w->tenant;
}

static struct user_alter_req_change *
users_add(struct users_batch *b, int action, const struct site_fact *f)
{
	struct arena *arena = b->w->plan->cli->arena;
	struct user_alter_req_change *c = WIRE_ADD(arena, b->in.changes, user_alter_req_change);
	c->action = (int8_t)action;
	c->user = f->name;
	*ARRAY_ADD(arena, b->of) = f;
	return c;
}

static int
users_send(struct users_batch *b)
{
	struct site_work *w = b->w;
	struct cli *cli = w->plan->cli;
	struct user_alter_rsp out;
	int status = 0;
	if (b->in.changes.n > 0)
		status = cli_call(cli, WIRE_KEY_USER_ALTER, &b->in, &out);
	if (status == 0 && b->in.changes.n > 0)
		status = cli_answer(cli, "users", out.error_code, out.error_message);
	for (int32_t i = 0; status != CLI_UNREACHED && b->in.changes.n > 0 && i < out.results.n && i < b->of.n; i++)
		if (site_result(w, b->of.v[i], out.results.v[i].error_code, out.results.v[i].error_message) != 0)
			status = CLI_REFUSED;
	users_begin(b, w);
	return status;
}

/* Where it is full, or last. */
static int
users_flush(struct users_batch *b, bool last)
{
	return last || b->in.changes.n >= BATCH ? users_send(b) : 0;
}

struct teams_batch {
	struct site_work *w;
	struct team_alter_req in;
	ARRAY(const struct site_fact *) of;
};

static void
teams_begin(struct teams_batch *b, struct site_work *w)
{
	*b = (struct teams_batch){ .w = w };
	wire_defaults(&team_alter_req_msg, &b->in);
	b->in.tenant = w->tenant;
}

static void
teams_add(struct teams_batch *b, int action, struct str team, const struct site_fact *f)
{
	struct arena *arena = b->w->plan->cli->arena;
	struct team_alter_req_change *c = WIRE_ADD(arena, b->in.changes, team_alter_req_change);
	c->action = (int8_t)action;
	c->team = team;
	if (f->kind == SITE_USER)
		*ARRAY_ADD(arena, c->users) = f->name;
	*ARRAY_ADD(arena, b->of) = f;
}

static int
teams_flush(struct teams_batch *b, bool last)
{
	struct site_work *w = b->w;
	struct cli *cli = w->plan->cli;
	struct team_alter_rsp out;
	if (b->in.changes.n <= 0 || (!last && b->in.changes.n < BATCH))
		return 0;
	int status = cli_call(cli, WIRE_KEY_TEAM_ALTER, &b->in, &out);
	if (status == 0)
		status = cli_answer(cli, "teams", out.error_code, out.error_message);
	for (int32_t i = 0; status != CLI_UNREACHED && i < out.results.n && i < b->of.n; i++)
		if (site_result(w, b->of.v[i], out.results.v[i].error_code, out.results.v[i].error_message) != 0)
			status = CLI_REFUSED;
	teams_begin(b, w);
	return status;
}

/* ---- facts ---- */

/* "teams/NAME", "mechanisms/NAME": the name, where the attribute is one of these. */
static bool
part_of(const struct site_fact *f, const char *attr, struct str *ret)
{
	struct str rest = f->attr, head;
	if (!str_cut(&rest, '/', &head) || !str_is(head, attr))
		return false;
	*ret = rest;
	return true;
}

void
site_take_keys(const struct site_plan *p, const struct site_fact *user, bool changed_only, struct user_alter_req_change *to)
{
	struct arena *arena = p->cli->arena;
	int32_t at, end;
	site_want_thing(p, user, &at, &end);
	for (; at < end; at++) {
		const struct site_fact *f = &p->want->facts.v[at], *have;
		struct site_key key;
		struct str mech;
		if (!part_of(f, "keys", &mech) || site_key_parse(arena, f->value, &key) != 0)
			continue;
		have = site_find(&p->have, f->tenant, f->kind, f->name, f->attr);
		if (changed_only && have != NULL && str_eq(have->value, f->value))
			continue;
		struct user_alter_req_key *k = WIRE_ADD(arena, to->keys, user_alter_req_key);
		k->mechanism = mech;
		k->salt = key.salt;
		k->iterations = key.iterations;
		k->stored_key = key.stored;
		k->server_key = key.server;
	}
}

void
site_take_mechanisms(const struct site_plan *p, const struct site_fact *user, bool with_have,
    struct user_alter_req_change *to)
{
	struct arena *arena = p->cli->arena;
	int32_t at, end;
	struct str mech;
	to->mechanisms.n = 0;
	site_want_thing(p, user, &at, &end);
	for (; at < end; at++)
		if (part_of(&p->want->facts.v[at], "mechanisms", &mech))
			*ARRAY_ADD(arena, to->mechanisms) = mech;
	ARRAY_FOREACH(const struct site_fact, f, p->have.facts) {
		if (!with_have || f->kind != SITE_USER || !str_eq(f->tenant, user->tenant) || !str_eq(f->name, user->name))
			continue;
		if (part_of(f, "mechanisms", &mech) &&
		    site_find(p->want, f->tenant, f->kind, f->name, f->attr) == NULL)
			*ARRAY_ADD(arena, to->mechanisms) = mech;
	}
}

static struct str
want_value(const struct site_plan *p, const struct site_fact *f, const char *attr)
{
	const struct site_fact *v = site_find(p->want, f->tenant, f->kind, f->name, str_from(attr));
	return v == NULL ? STR_NULL : v->value;
}

static bool
is_self(const struct site_plan *p, const struct site_fact *f)
{
	return str_eq(f->tenant, p->self.tenant_name) && str_eq(f->name, p->self.user);
}

/* ---- steps ---- */

int
site_do_teams(struct site_work *w)
{
	struct teams_batch b;
	int status = 0;
	teams_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (site_makes(c) && c->want->kind == SITE_TEAM)
			teams_add(&b, TEAM_CREATE, c->want->name, c->want);
		status = teams_flush(&b, i + 1 == w->to);
	}
	return status;
}

/* What of a user bars him, or will: his lock and expiry. */
static void
take_bars(const struct site_plan *p, const struct site_fact *user, bool locked, bool expires,
    struct user_alter_req_change *to)
{
	int64_t at = 0;
	if (locked)
		to->locked = str_is(want_value(p, user, "locked"), "true");
	if (expires) {
		struct str when = want_value(p, user, "expires");
		(void)(when.n > 0 && site_time_parse(when, &at));
		to->expires_ms = at;
	}
}

bool
site_is_barred(const struct site_plan *p, const struct site_fact *user)
{
	return want_value(p, user, "locked").n > 0 || want_value(p, user, "expires").n > 0;
}

static void
add_made(struct users_batch *b, const struct site_fact *f)
{
	const struct site_plan *p = b->w->plan;
	struct user_alter_req_change *c = users_add(b, CREATE, f);
	struct str primary = want_value(p, f, "primary-team");
	site_take_mechanisms(p, f, false, c);
	site_take_keys(p, f, false, c);
	c->primary_team = primary.n > 0 ? primary : STR_NULL;
	if (str_is(want_value(p, f, "operator"), "true"))
		c->operator = 1;
	if (site_is_barred(p, f))
		take_bars(p, f, true, true, users_add(b, ALTER, f));
}

int
site_do_users(struct site_work *w)
{
	struct site_plan *p = w->plan;
	struct users_batch b;
	int status = 0;
	users_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_fact *f = p->changes.v[i].want;
		if (site_makes(&p->changes.v[i]) && f->kind == SITE_USER)
			add_made(&b, f);
		status = users_flush(&b, i + 1 == w->to);
	}
	return status;
}

int
site_do_memberships(struct site_work *w)
{
	struct site_plan *p = w->plan;
	struct teams_batch b;
	struct str team;
	int status = 0;
	teams_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_fact *f = p->changes.v[i].want;
		bool adds = f != NULL && p->changes.v[i].have == NULL && f->kind == SITE_USER && part_of(f, "teams", &team);
		bool made_with = adds && !site_has(&p->have, f->tenant, SITE_USER, f->name) &&
		    str_eq(want_value(p, f, "primary-team"), team);
		if (adds && !made_with)
			teams_add(&b, TEAM_ADD, team, f);
		status = teams_flush(&b, i + 1 == w->to);
	}
	return status;
}

/* What of a user who was there is to be another. */
struct alteration {
	const struct site_fact *user;
	bool keys, mechanisms, primary, locked, expires;
};

static void
note_alteration(struct alteration *a, const struct site_plan *p, const struct site_change *c)
{
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	bool made = !site_has(&p->have, f->tenant, SITE_USER, f->name);
	struct str part;
	a->user = f;
	a->locked |= str_is(f->attr, "locked") && !made;
	a->expires |= str_is(f->attr, "expires") && !made;
	a->primary |= str_is(f->attr, "primary-team") && f->value.n > 0 && !made;
	a->mechanisms |= part_of(f, "mechanisms", &part) && !made;
	a->keys |= part_of(f, "keys", &part) && !made;
}

/* Keys first: with them come the mechanisms that they are for. A locked user is locked before anything else
 * of him changes, and let in last. */
static void
add_alteration(struct users_batch *b, const struct alteration *a)
{
	struct site_plan *p = b->w->plan;
	struct user_alter_req_change *c;
	if (a->keys)
		site_take_keys(p, a->user, true, users_add(b, ALTER, a->user));
	if (a->keys || a->mechanisms)
		site_take_mechanisms(p, a->user, !site_prunes(p, a->user->tenant), users_add(b, ALTER, a->user));
	if (!a->primary && !a->locked && !a->expires)
		return;
	c = users_add(b, ALTER, a->user);
	if (a->primary)
		c->primary_team = want_value(p, a->user, "primary-team");
	take_bars(p, a->user, a->locked, a->expires, c);
}

static bool
same_user(const struct site_change *a, const struct site_change *b)
{
	const struct site_fact *x = a->want != NULL ? a->want : a->have, *y = b->want != NULL ? b->want : b->have;
	return x->kind == y->kind && str_eq(x->name, y->name);
}

int
site_do_alterations(struct site_work *w)
{
	struct site_plan *p = w->plan;
	struct users_batch b;
	int status = 0;
	users_begin(&b, w);
	for (int32_t i = w->from, end; status == 0 && i < w->to; i = end) {
		struct alteration a = { .user = NULL };
		for (end = i; end < w->to && same_user(&p->changes.v[i], &p->changes.v[end]); end++)
			note_alteration(&a, p, &p->changes.v[end]);
		bool goes = site_ends(&p->changes.v[i]);
		if (a.user->kind == SITE_USER && !goes && is_self(p, a.user) == w->self)
			add_alteration(&b, &a);
		status = users_flush(&b, end == w->to);
	}
	return status;
}

int
site_end_memberships(struct site_work *w)
{
	struct teams_batch b;
	struct str team;
	int status = 0;
	teams_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (c->want == NULL && c->have->kind == SITE_USER && part_of(c->have, "teams", &team))
			teams_add(&b, TEAM_REMOVE, team, c->have);
		status = teams_flush(&b, i + 1 == w->to);
	}
	return status;
}

int
site_end_users(struct site_work *w)
{
	struct users_batch b;
	int status = 0;
	users_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (site_ends(c) && c->have->kind == SITE_USER)
			users_add(&b, DELETE, c->have)->purge = true;
		status = users_flush(&b, i + 1 == w->to);
	}
	return status;
}

int
site_end_teams(struct site_work *w)
{
	struct teams_batch b;
	int status = 0;
	teams_begin(&b, w);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (site_ends(c) && c->have->kind == SITE_TEAM)
			teams_add(&b, TEAM_DELETE, c->have->name, c->have);
		status = teams_flush(&b, i + 1 == w->to);
	}
	return status;
}
