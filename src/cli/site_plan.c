/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be done so that the broker has what a file says. All that can be known to fail is found here, before
 * anything is changed: names that nobody has, what no request can change, and (site_plan_try) what the broker
 * would refuse of topics, settings and quotas, of which only it knows the rules. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acl/acl.h"
#include "acl/change.h"
#include "acl/text.h"
#include "base/clock.h"
#include "cli/site.h"
#include "cli/site_do.h"
#include "wire/kerr.h"

static int __attribute__((format(printf, 3, 4)))
blame(const struct site_plan *p, const struct site_fact *f, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	const char *what = site_fact_text(p->cli, f);
	return f->line == 0 ? cli_complain(CLI_USAGE, "%s: %s", what, text) :
	    cli_complain(CLI_USAGE, "%s:%u:%u: %s: %s", p->want->file, f->line, f->column, what, text);
}

bool
site_prunes(const struct site_plan *p, struct str tenant)
{
	ARRAY_FOREACH(const struct str, made, p->made)
		if (str_eq(*made, tenant))
			return true;
	return p->prune;
}

/* Whether there is, or will be, such a thing. */
static bool
will_be(const struct site_plan *p, struct str tenant, enum site_kind kind, struct str name)
{
	return site_has(p->want, tenant, kind, name) ||
	    (!site_prunes(p, tenant) && site_has(&p->have, tenant, kind, name));
}

/* ---- what goes ---- */

/* Whether something that the file does not name can go by itself: directories stay, a topic's node goes with it, a
 * primary team goes with the membership. */
static bool
can_go(const struct site_plan *p, const struct site_fact *f)
{
	if (f->kind == SITE_TENANT || (f->kind == SITE_USER && str_is(f->attr, "primary-team")))
		return false;
	if (f->attr.n > 0 && (f->kind == SITE_USER || f->kind == SITE_TOPIC || f->kind == SITE_NODE) &&
	    !site_has(p->want, f->tenant, f->kind, f->name))
		return false; /* with the thing itself */
	return f->kind != SITE_NODE || f->attr.n > 0 || str_starts(f->name, STR("groups/"));
}

/* The same rule, of the other kind: of two that are equal an administrator's is the one that counts. */
static bool
is_twin(const struct site_plan *p, const struct site_change *c)
{
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	if (!site_is_rule(f) || (c->want != NULL && f->kind == SITE_RULE))
		return false;
	return site_find(c->want != NULL ? &p->have : p->want, f->tenant, f->kind == SITE_RULE ? SITE_OWN_RULE : SITE_RULE,
	    f->name, f->attr) != NULL;
}

/* What a file gives until a time that is over, it gives no more. */
static bool
has_ended(const struct site_change *c)
{
	int64_t until_ms = c->want == NULL || !site_is_rule(c->want) ? 0 : site_rule_until(c->want);
	return until_ms != 0 && until_ms <= clock_wall_ms();
}

static void
choose(struct site_plan *p)
{
	site_changes all;
	site_diff(p->cli->arena, &p->have, p->want, true, &all);
	p->changes.n = 0;
	p->left = 0;
	ARRAY_FOREACH(const struct site_change, c, all) {
		if (is_twin(p, c) || has_ended(c))
			continue;
		if (c->want != NULL)
			*ARRAY_ADD(p->cli->arena, p->changes) = *c;
		else if (can_go(p, c->have)) {
			if (site_prunes(p, c->have->tenant))
				*ARRAY_ADD(p->cli->arena, p->changes) = *c;
			else
				p->left++;
		}
	}
}

/* ---- what cannot be ---- */

static int
check_operator(const struct site_plan *p, const struct site_change *c, const struct site_fact *f)
{
	if (site_has(&p->have, f->tenant, SITE_USER, f->name))
		return blame(p, f, "a user who is there %s: delete him, or set operator: %s",
		    c->have == NULL ? "does not become an operator" : "stays an operator", c->have != NULL ? "true" : "false");
	return str_is(f->tenant, "main") ? 0 : blame(p, f, "operators are users of main");
}

static bool
is_member(const struct site_plan *p, const struct site_fact *f)
{
	struct str member = arena_printf(p->cli->arena, "teams/%.*s", STR_ARG(f->value));
	return site_find(p->want, f->tenant, SITE_USER, f->name, member) != NULL ||
	    site_find(&p->have, f->tenant, SITE_USER, f->name, member) != NULL;
}

static int
check_user(const struct site_plan *p, const struct site_change *c)
{
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	struct str rest = f->attr, head;
	str_cut(&rest, '/', &head);
	if (str_is(head, "operator"))
		return check_operator(p, c, f);
	if (c->want == NULL && f->attr.n == 0 && str_eq(f->name, p->self.user) && str_eq(f->tenant, p->self.tenant_name))
		return blame(p, f, "that is you, and you would not go on");
	if (c->want == NULL)
		return 0;
	if (str_is(head, "teams") && !will_be(p, f->tenant, SITE_TEAM, rest))
		return blame(p, f, "there is no such team");
	if (str_is(head, "primary-team") && f->value.n > 0 && !is_member(p, f))
		return blame(p, f, "he is not in this team");
	return 0;
}

/* Whose it is to be. */
static int
check_holders(const struct site_plan *p, const struct site_fact *f)
{
	if (str_is(f->attr, "owner") && f->value.n > 0 && !will_be(p, f->tenant, SITE_USER, f->value))
		return blame(p, f, "there is no such user");
	if (str_is(f->attr, "team") && f->value.n > 0 && !will_be(p, f->tenant, SITE_TEAM, f->value))
		return blame(p, f, "there is no such team");
	return 0;
}

static int
check_node(const struct site_plan *p, const struct site_fact *f)
{
	struct acl_path path;
	struct why why = { "" };
	unsigned mode;
	int status = check_holders(p, f);
	if (status != 0)
		return status;
	if (acl_path_parse(p->cli->arena, site_path(p->cli->arena, f->tenant, f->name), &path, &why) != 0)
		return blame(p, f, "%s", why.text);
	if (str_is(f->attr, "mode") && (acl_mode_parse(f->value, 0, &mode, &why) != 0 ||
	    acl_mode_check(path.type, mode, true, &why) != 0))
		return blame(p, f, "%s", why.text);
	if (f->attr.n > 0 || site_has(&p->have, f->tenant, SITE_NODE, f->name))
		return 0;
	if (path.type == ACL_TOPIC && !will_be(p, f->tenant, SITE_TOPIC, path.name))
		return blame(p, f, "there is no such topic");
	return path.type == ACL_TXN ? blame(p, f, "a transactional id has no node before it is used") : 0;
}

static int
check_rule(const struct site_plan *p, const struct site_fact *f)
{
	return f->kind != SITE_OWN_RULE || will_be(p, f->tenant, SITE_NODE, f->name) ? 0 :
	    blame(p, f, "an owner's rule ends with its node, and there is none");
}

static int
check_topic(const struct site_plan *p, const struct site_change *c)
{
	int64_t have, want;
	if (c->have == NULL || c->want == NULL || !str_is(c->want->attr, "partitions"))
		return 0;
	if (str_to_i64(c->have->value, 0, INT32_MAX, &have) == 0 && str_to_i64(c->want->value, 0, INT32_MAX, &want) == 0 &&
	    want >= have)
		return 0;
	return blame(p, c->want, "it has %.*s, and partitions are never taken away", STR_ARG(c->have->value));
}

/* The owner of the tenant's node, or an administrator of any kind: who is made with the tenant. */
struct str
site_first_user(const struct site_plan *p, struct str tenant)
{
	const struct site_fact *owner = site_find(p->want, tenant, SITE_NODE, STR("/"), STR("owner"));
	if (owner != NULL && site_has(p->want, tenant, SITE_USER, owner->value))
		return owner->value;
	ARRAY_FOREACH(const struct site_fact, f, p->want->facts)
		if (f->kind == SITE_USER && str_eq(f->tenant, tenant))
			return f->name;
	return STR_NULL;
}

static int
check_tenant(const struct site_plan *p, const struct site_fact *f)
{
	if (!p->self.operator)
		return blame(p, f, "there is none that you may see, and only operators make one");
	if (site_first_user(p, f->tenant).p == NULL)
		return blame(p, f, "it has no users: who would administer it?");
	return 0;
}

static int
check(const struct site_plan *p)
{
	int status = 0;
	ARRAY_FOREACH(const struct site_change, c, p->changes) {
		const struct site_fact *f = c->want != NULL ? c->want : c->have;
		int wrong = 0;
		if (f->kind == SITE_USER)
			wrong = check_user(p, c);
		else if (f->kind == SITE_TOPIC)
			wrong = check_topic(p, c);
		else if (f->kind == SITE_NODE && c->want != NULL)
			wrong = check_node(p, f);
		else if (site_is_rule(f) && c->want != NULL)
			wrong = check_rule(p, f);
		else if (f->kind == SITE_TENANT && c->want != NULL)
			wrong = check_tenant(p, f);
		if (wrong != 0)
			status = wrong;
	}
	return status;
}

static int
who_am_i(struct site_plan *p)
{
	struct id_req in;
	wire_defaults(&id_req_msg, &in);
	int status = cli_call(p->cli, WIRE_KEY_ID, &in, &p->self);
	return status == 0 ? cli_answer(p->cli, "id", p->self.error_code, p->self.error_message) : status;
}

int
site_plan_make(struct site_plan *p)
{
	int status = who_am_i(p);
	if (status == 0)
		status = site_ask_like(p->cli, p->want, &p->have);
	if (status != 0)
		return status;
	choose(p);
	return check(p);
}

/* ---- what the broker would refuse ---- */

/* A tenant that is not there cannot be asked: its topics, under names that nobody has, and its quotas are asked
 * about in the caller's own. */
static struct str
where_to_ask(const struct site_plan *p, struct str tenant)
{
	return tenant.n == 0 || !site_has(&p->have, tenant, SITE_TENANT, STR("")) ? p->self.tenant_name : tenant;
}

int
site_plan_try(struct site_plan *p)
{
	int status = 0;
	for (int32_t at = 0, end; status == 0 && at < p->changes.n; at = end) {
		struct site_work w = { .plan = p, .only_ask = true };
		w.tenant = site_work_tenant(p, at, &end);
		w.from = at;
		w.to = end;
		w.elsewhere = !str_eq(where_to_ask(p, w.tenant), w.tenant) && w.tenant.n > 0;
		status = cli_open_in(p->cli, where_to_ask(p, w.tenant));
		if (status == 0)
			status = site_do_topics(&w);
		if (status == 0 && !w.elsewhere)
			status = site_do_settings(&w);
		if (status == 0)
			status = site_do_quotas(&w);
	}
	return status;
}
