/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan is carried out in steps that each rest on those before: teams, users in them, topics, nodes that belong to
 * users, rules and quotas; then the end of what goes. What the caller is himself is changed last, as it may
 * end his login. A step that fails ends the run: what was done stays, and a second run finds what is missing. */
#include <stdio.h>
#include <string.h>

#include "cli/site_do.h"
#include "wire/kerr.h"

bool
site_makes(const struct site_change *c)
{
	return c->have == NULL && c->want->attr.n == 0;
}

bool
site_ends(const struct site_change *c)
{
	return c->want == NULL && c->have->attr.n == 0;
}

struct str
site_work_tenant(const struct site_plan *p, int32_t at, int32_t *ret_end)
{
	const struct site_change *v = p->changes.v;
	struct str tenant = v[at].want != NULL ? v[at].want->tenant : v[at].have->tenant;
	int32_t end = at + 1;
	while (end < p->changes.n && str_eq(tenant, v[end].want != NULL ? v[end].want->tenant : v[end].have->tenant))
		end++;
	*ret_end = end;
	return tenant;
}

void
site_want_thing(const struct site_plan *p, const struct site_fact *f, int32_t *ret_at, int32_t *ret_end)
{
	const struct site_fact *v = p->want->facts.v, *first = site_find(p->want, f->tenant, f->kind, f->name, STR(""));
	int32_t at = first == NULL ? 0 : (int32_t)(first - v), end = at;
	while (first != NULL && end < p->want->facts.n && v[end].kind == f->kind && str_eq(v[end].tenant, f->tenant) &&
	    str_eq(v[end].name, f->name))
		end++;
	*ret_at = at;
	*ret_end = end;
}

int
site_result(const struct site_work *w, const struct site_fact *f, int kerr, struct str message)
{
	struct cli *cli = w->plan->cli;
	const char *what = site_fact_text(cli, f);
	if (kerr != 0 && f->line > 0 && w->only_ask)
		what = arena_printf(cli->arena, "%s:%u:%u: %s", w->plan->want->file, f->line, f->column, what).p;
	return cli_answer(cli, what, kerr, message);
}

/* ---- tenants ---- */

static int
make_tenant(struct site_plan *p, struct str tenant)
{
	struct cli *cli = p->cli;
	struct tenant_alter_req in;
	struct tenant_alter_rsp out;
	struct user_alter_req_change admin = { .action = 0 };
	struct site_fact user = { .tenant = tenant, .kind = SITE_USER, .name = site_first_user(p, tenant) };
	wire_defaults(&tenant_alter_req_msg, &in);
	site_take_mechanisms(p, &user, false, &admin);
	if (!site_is_barred(p, &user)) /* else they come with what bars him: nobody logs in before */
		site_take_keys(p, &user, false, &admin);
	in.tenant = tenant;
	in.admin = user.name;
	in.admin_mechanisms.v = admin.mechanisms.v;
	in.admin_mechanisms.n = admin.mechanisms.n;
	ARRAY_FOREACH(const struct user_alter_req_key, k, admin.keys) {
		struct tenant_alter_req_key *to = WIRE_ADD(cli->arena, in.keys, tenant_alter_req_key);
		to->mechanism = k->mechanism;
		to->salt = k->salt;
		to->iterations = k->iterations;
		to->stored_key = k->stored_key;
		to->server_key = k->server_key;
	}
	int status = cli_call(cli, WIRE_KEY_TENANT_ALTER, &in, &out);
	if (status == 0)
		status = cli_answer(cli, arena_printf(cli->arena, "tenant %s", cli_escape(cli, tenant)).p, out.error_code,
		    out.error_message);
	if (status == 0)
		*ARRAY_ADD(cli->arena, p->made) = tenant;
	return status;
}

int
site_make_tenants(struct site_plan *p)
{
	int status = 0;
	for (int32_t i = 0; status == 0 && i < p->changes.n; i++)
		if (site_makes(&p->changes.v[i]) && p->changes.v[i].want->kind == SITE_TENANT)
			status = make_tenant(p, p->changes.v[i].want->tenant);
	return status == 0 && p->made.n > 0 ? site_plan_make(p) : status;
}

/* ---- all of it ---- */

static int
run_tenant(struct site_work *w)
{
	static int (*const steps[])(struct site_work *) = {
		site_do_teams, site_do_users, site_do_memberships, site_do_alterations, site_do_topics, site_do_growth,
		site_do_settings, site_do_nodes, site_do_rules, site_do_quotas,
		site_end_rules, site_end_memberships, site_end_users, site_end_groups, site_end_teams, site_end_topics,
	};
	struct site_plan *p = w->plan;
	int status = cli_open_in(p->cli, w->tenant.n > 0 ? w->tenant : p->self.tenant_name);
	for (size_t i = 0; status == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		status = steps[i](w);
	return status;
}

static int
run_changes(struct site_plan *p, bool self)
{
	int status = 0;
	for (int32_t at = 0, end; status == 0 && at < p->changes.n; at = end) {
		struct site_work w = { .plan = p, .self = self, .from = at };
		w.tenant = site_work_tenant(p, at, &end);
		w.to = end;
		status = self ? site_do_alterations(&w) : run_tenant(&w);
	}
	return status;
}

/* What of the caller himself is left for the end. */
static bool
is_for_the_end(const struct site_plan *p, const struct site_change *c)
{
	const struct site_fact *f = c->want != NULL ? c->want : c->have;
	return f->kind == SITE_USER && f->attr.n > 0 && str_eq(f->tenant, p->self.tenant_name) && str_eq(f->name, p->self.user);
}

static int32_t
undone(const struct site_plan *p)
{
	int32_t n = 0;
	ARRAY_FOREACH(const struct site_change, c, p->changes)
		n += !is_for_the_end(p, c);
	return n;
}

static int
stopped(struct site_plan *p, int32_t planned, int status)
{
	if (status == CLI_UNREACHED || site_plan_make(p) != 0)
		return cli_complain(status, "stopped: what was done stays, and a second run goes on from there");
	return cli_complain(status, "stopped: %d of %d changes are done and stay, a second run goes on from there; "
	    "schlossctl apply --dry-run shows what is missing", planned - p->changes.n, planned);
}

/* It was looked at, and then changed: who changed the same in between is not overwritten unnoticed. */
static int
verify(struct site_plan *p)
{
	int status = site_plan_make(p);
	if (status != 0 || undone(p) == 0)
		return status;
	cli_complain(CLI_REFUSED, "somebody else changed the same meanwhile, and this is not as the file says:");
	ARRAY_FOREACH(const struct site_change, c, p->changes)
		if (!is_for_the_end(p, c))
			fprintf(stderr, "  %s\n", site_fact_text(p->cli, c->have != NULL ? c->have : c->want));
	return CLI_REFUSED;
}

int
site_plan_run(struct site_plan *p)
{
	int32_t planned = p->changes.n;
	int status = site_make_tenants(p);
	if (status == 0)
		status = run_changes(p, false);
	if (status != 0)
		return stopped(p, planned, status);
	status = verify(p);
	return status == 0 ? run_changes(p, true) : status;
}
