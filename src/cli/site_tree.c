/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes and rules of a plan. The directories and the tenant come last: what they give away may be what the rest
 * is done by. */
#include <string.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "cli/site_do.h"
#include "wire/kerr.h"

#define BATCH 200

/* ---- nodes ---- */

struct setting_nodes {
	struct site_work *w;
	struct tree_set_req in;
	ARRAY(const struct site_fact *) of;
};

static void
nodes_begin(struct setting_nodes *s, struct site_work *w)
{
	*s = (struct setting_nodes){ .w = w };
	wire_defaults(&tree_set_req_msg, &s->in);
	s->in.tenant = w->tenant;
}

static const struct site_fact *
attr_of(const struct site_plan *p, const struct site_fact *f, const char *attr)
{
	return site_find(p->want, f->tenant, SITE_NODE, f->name, str_from(attr));
}

/* Owner and team: as the file says; where it says nothing, nobody's is what this run makes (and not the caller's), and
 * what was there, where that is to go. */
static struct str
who_of(const struct site_plan *p, const struct site_fact *f, const char *attr)
{
	const struct site_fact *want = attr_of(p, f, attr);
	bool ours = site_prunes(p, f->tenant) || !site_has(&p->have, f->tenant, SITE_NODE, f->name);
	return want != NULL ? want->value : ours ? STR("") : STR_NULL;
}

static int16_t
mode_of(const struct site_plan *p, const struct site_fact *f)
{
	const struct site_fact *want = attr_of(p, f, "mode");
	struct why why;
	unsigned mode;
	return want == NULL || acl_mode_parse(want->value, 0, &mode, &why) != 0 ? -1 : (int16_t)mode;
}

static void
nodes_add(struct setting_nodes *s, const struct site_fact *f)
{
	struct site_plan *p = s->w->plan;
	struct tree_set_req_change *c = WIRE_ADD(p->cli->arena, s->in.changes, tree_set_req_change);
	int16_t mode = mode_of(p, f);
	c->path = site_path(p->cli->arena, f->tenant, f->name);
	c->owner = who_of(p, f, "owner");
	c->team = who_of(p, f, "team");
	c->force = true; /* the file says what it gives away */
	if (mode >= 0) {
		c->mode_clear = 0777;
		c->mode_set = mode;
	}
	*ARRAY_ADD(p->cli->arena, s->of) = f;
}

static int
nodes_flush(struct setting_nodes *s, bool last)
{
	struct site_work *w = s->w;
	struct tree_set_rsp out;
	if (s->in.changes.n <= 0 || (!last && s->in.changes.n < BATCH))
		return 0;
	int status = cli_call(w->plan->cli, WIRE_KEY_TREE_SET, &s->in, &out);
	if (status == 0)
		status = cli_answer(w->plan->cli, "nodes", out.error_code, out.error_message);
	for (int32_t i = 0; status != CLI_UNREACHED && i < out.results.n && i < s->of.n; i++)
		if (site_result(w, s->of.v[i], out.results.v[i].error_code, out.results.v[i].error_message) != 0)
			status = CLI_REFUSED;
	nodes_begin(s, w);
	return status;
}

/* Reserves a group's name; *ret_there: one of that name was made by use, and becomes a node by being set. */
static int
make_group(struct site_work *w, const struct site_fact *f, bool *ret_there)
{
	struct site_plan *p = w->plan;
	struct cli *cli = p->cli;
	struct group_create_req in;
	struct group_create_rsp out;
	struct acl_path path;
	struct why why;
	if (acl_path_parse(cli->arena, site_path(cli->arena, f->tenant, f->name), &path, &why) != 0)
		return cli_complain(CLI_USAGE, "%s", why.text);
	wire_defaults(&group_create_req_msg, &in);
	in.tenant = f->tenant;
	in.group = path.name;
	in.owner = who_of(p, f, "owner");
	in.team = who_of(p, f, "team");
	in.mode = mode_of(p, f);
	int status = cli_call(cli, WIRE_KEY_GROUP_CREATE, &in, &out);
	*ret_there = status == 0 && out.error_code == KERR_INVALID_REQUEST;
	return status != 0 || *ret_there ? status : site_result(w, f, out.error_code, out.error_message);
}

static bool
is_directory(const struct site_fact *f)
{
	return f->name.n == 1 || memchr(f->name.p, '/', f->name.n) == NULL;
}

static const struct site_fact *
node_at(const struct site_plan *p, int32_t i)
{
	const struct site_change *c = &p->changes.v[i];
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	return f->kind == SITE_NODE && site_has(p->want, f->tenant, SITE_NODE, f->name) ? f : NULL;
}

static int
do_node(struct setting_nodes *s, const struct site_fact *f)
{
	bool there = true;
	int status = 0;
	if (str_starts(f->name, STR("groups/")) && !site_has(&s->w->plan->have, f->tenant, SITE_NODE, f->name))
		status = make_group(s->w, f, &there);
	if (status == 0 && there)
		nodes_add(s, f);
	return status == 0 ? nodes_flush(s, false) : status;
}

/* From the end, as "/" is the first of all. */
static int
do_nodes(struct site_work *w, bool directories)
{
	const struct site_fact *last = NULL;
	struct setting_nodes s;
	int status = 0;
	nodes_begin(&s, w);
	for (int32_t i = w->to - 1; status == 0 && i >= w->from; i--) {
		const struct site_fact *f = node_at(w->plan, i);
		if (f == NULL || is_directory(f) != directories || (last != NULL && str_eq(last->name, f->name)))
			continue;
		last = f;
		status = do_node(&s, f);
	}
	return status == 0 ? nodes_flush(&s, true) : status;
}

int
site_do_nodes(struct site_work *w)
{
	int status = do_nodes(w, false);
	return status == 0 ? do_nodes(w, true) : status;
}

int
site_end_groups(struct site_work *w)
{
	struct cli *cli = w->plan->cli;
	int status = 0;
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		struct delete_groups_req in;
		struct delete_groups_rsp out;
		struct acl_path path;
		struct why why;
		if (!site_ends(c) || c->have->kind != SITE_NODE ||
		    acl_path_parse(cli->arena, site_path(cli->arena, c->have->tenant, c->have->name), &path, &why) != 0)
			continue;
		wire_defaults(&delete_groups_req_msg, &in);
		*ARRAY_ADD(cli->arena, in.groups_names) = NAME(0, path.name);
		status = cli_call(cli, WIRE_KEY_DELETE_GROUPS, &in, &out);
		for (int32_t k = 0; status == 0 && k < out.results.n; k++)
			status = site_result(w, c->have, out.results.v[k].error_code, STR_NULL);
	}
	return status;
}

/* ---- rules ---- */

struct adding_rules {
	struct create_acls_req in;
	ARRAY(const struct site_fact *) of;
};

static int
rules_flush(struct site_work *w, struct adding_rules *a)
{
	struct create_acls_rsp out;
	int status = a->of.n > 0 ? cli_call(w->plan->cli, WIRE_KEY_CREATE_ACLS, &a->in, &out) : 0;
	for (int32_t i = 0; status != CLI_UNREACHED && a->of.n > 0 && i < out.results.n && i < a->of.n; i++)
		if (site_result(w, a->of.v[i], out.results.v[i].error_code, out.results.v[i].error_message) != 0)
			status = CLI_REFUSED;
	*a = (struct adding_rules){ .of.n = 0 };
	wire_defaults(&create_acls_req_msg, &a->in);
	return status;
}

int
site_do_rules(struct site_work *w)
{
	struct arena *arena = w->plan->cli->arena;
	struct adding_rules a = { .of.n = 0 };
	struct acl_binding b;
	struct why why;
	int status = rules_flush(w, &a);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_fact *f = w->plan->changes.v[i].want;
		if (f == NULL || !site_is_rule(f))
			continue;
		if (site_rule(arena, f, &b, &why) != 0)
			return cli_complain(CLI_USAGE, "%s: %s", site_fact_text(w->plan->cli, f), why.text);
		struct create_acls_req_creation *c = WIRE_ADD(arena, a.in.creations, create_acls_req_creation);
		c->resource_type = b.type;
		c->resource_name = NAME(0, b.name);
		c->resource_pattern_type = b.pattern;
		c->principal = b.principal;
		c->host = b.host;
		c->operation = b.op;
		c->permission_type = b.permission;
		c->until_ms = b.until_ms;
		c->of_owner = f->kind == SITE_OWN_RULE;
		*ARRAY_ADD(arena, a.of) = f;
		if (a.of.n >= BATCH)
			status = rules_flush(w, &a);
	}
	return status == 0 ? rules_flush(w, &a) : status;
}

struct ending_rules {
	struct delete_acls_req in;
	ARRAY(const struct site_fact *) of;
};

static int
ends_flush(struct site_work *w, struct ending_rules *e)
{
	struct delete_acls_rsp out;
	int status = e->of.n > 0 ? cli_call(w->plan->cli, WIRE_KEY_DELETE_ACLS, &e->in, &out) : 0;
	for (int32_t i = 0; status != CLI_UNREACHED && e->of.n > 0 && i < out.filter_results.n && i < e->of.n; i++)
		if (site_result(w, e->of.v[i], out.filter_results.v[i].error_code, out.filter_results.v[i].error_message) != 0)
			status = CLI_REFUSED;
	*e = (struct ending_rules){ .of.n = 0 };
	wire_defaults(&delete_acls_req_msg, &e->in);
	return status;
}

int
site_end_rules(struct site_work *w)
{
	struct arena *arena = w->plan->cli->arena;
	struct ending_rules e = { .of.n = 0 };
	struct acl_binding b;
	struct why why;
	int status = ends_flush(w, &e);
	for (int32_t i = w->from; status == 0 && i < w->to; i++) {
		const struct site_change *c = &w->plan->changes.v[i];
		if (c->want != NULL || !site_is_rule(c->have) || site_rule(arena, c->have, &b, &why) != 0)
			continue;
		struct delete_acls_req_filter *f = WIRE_ADD(arena, e.in.filters, delete_acls_req_filter);
		f->resource_type_filter = b.type;
		f->resource_name_filter = NAME(0, b.name);
		f->pattern_type_filter = b.pattern;
		f->principal_filter = b.principal;
		f->host_filter = b.host;
		f->operation = b.op;
		f->permission_type = b.permission;
		*ARRAY_ADD(arena, e.of) = c->have;
		if (e.of.n >= BATCH)
			status = ends_flush(w, &e);
	}
	return status == 0 ? ends_flush(w, &e) : status;
}
