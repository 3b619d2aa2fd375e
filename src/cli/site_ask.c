/* SPDX-License-Identifier: Apache-2.0
 *
 * A site from the broker, by the requests that the other verbs use, in pages where there are many. Who does not
 * see all of a tenant is told so: half an export would be taken for the whole. */
#include <string.h>
#include <time.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "cli/site.h"
#include "wire/kerr.h"

#define PAGE 1000			/* nodes of the tree in one answer */
#define TOPICS_A_PAGE 100
#define LOADING_TRIES 100		/* a tenth of a second each: groups are being loaded after a start */

struct asking {
	struct cli *cli;
	struct site *site;
	struct str tenant;
	ARRAY(struct str) topics;
	int32_t seen, groups;		/* topics, those that are the broker's own included; groups that are reserved */
};

static struct site_fact *
add(struct asking *a, enum site_kind kind, struct str name, struct str attr, struct str value)
{
	return site_add(a->site, a->tenant, kind, name, attr, value);
}

static struct str
part(struct asking *a, const char *attr, struct str name)
{
	return arena_printf(a->cli->arena, "%s/%.*s", attr, STR_ARG(name));
}

/* ---- users and teams ---- */

static void
add_user(struct asking *a, const struct user_list_rsp_user *u)
{
	add(a, SITE_USER, u->name, STR(""), STR(""));
	if (u->operator)
		add(a, SITE_USER, u->name, STR("operator"), STR("true"));
	if (u->locked)
		add(a, SITE_USER, u->name, STR("locked"), STR("true"));
	if (u->expires_ms != 0)
		add(a, SITE_USER, u->name, STR("expires"), site_time(a->cli->arena, u->expires_ms));
	if (u->primary_team.n > 0)
		add(a, SITE_USER, u->name, STR("primary-team"), u->primary_team);
	ARRAY_FOREACH(const struct str, team, u->teams)
		add(a, SITE_USER, u->name, part(a, "teams", *team), STR(""));
	ARRAY_FOREACH(const struct str, mech, u->mechanisms)
		add(a, SITE_USER, u->name, part(a, "mechanisms", *mech), STR(""));
}

static int
ask_users(struct asking *a)
{
	struct user_list_req in;
	struct user_list_rsp out;
	wire_defaults(&user_list_req_msg, &in);
	in.tenant = a->tenant;
	in.users.n = -1;
	int status = cli_call(a->cli, WIRE_KEY_USER_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(a->cli, cli_escape(a->cli, a->tenant), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.users.n; i++)
		add_user(a, &out.users.v[i]);
	return status;
}

static int
ask_teams(struct asking *a)
{
	struct team_list_req in;
	struct team_list_rsp out;
	wire_defaults(&team_list_req_msg, &in);
	in.tenant = a->tenant;
	in.teams.n = -1;
	int status = cli_call(a->cli, WIRE_KEY_TEAM_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(a->cli, "teams", out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.teams.n; i++)
		add(a, SITE_TEAM, out.teams.v[i].name, STR(""), STR(""));
	return status;
}

static void
add_keys(struct asking *a, const struct user_keys_rsp_user *u)
{
	ARRAY_FOREACH(const struct user_keys_rsp_key, k, u->keys) {
		const struct site_key key = { k->iterations, k->salt, k->stored_key, k->server_key };
		add(a, SITE_USER, u->name, part(a, "keys", k->mechanism), site_key_text(a->cli->arena, &key));
	}
}

static int
ask_keys(struct asking *a)
{
	struct user_keys_req in;
	struct user_keys_rsp out;
	wire_defaults(&user_keys_req_msg, &in);
	in.tenant = a->tenant;
	in.users.n = -1;
	do {
		int status = cli_call(a->cli, WIRE_KEY_USER_KEYS, &in, &out);
		if (status == 0)
			status = cli_answer(a->cli, "keys", out.error_code, out.error_message);
		if (status != 0)
			return status;
		ARRAY_FOREACH(const struct user_keys_rsp_user, u, out.users)
			add_keys(a, u);
		in.after = out.next;
	} while (in.after.p != NULL);
	return 0;
}

/* ---- the tree ---- */

static void
add_node(struct asking *a, const struct tree_list_rsp_node *n)
{
	size_t own = a->tenant.n + 1;
	struct str name = n->path.n > own ? (struct str){ n->path.p + own + 1, n->path.n - own - 1 } : STR("/");
	if (n->by_use) /* goes with its last offset */
		return;
	a->groups += n->kind == ACL_GROUP;
	add(a, SITE_NODE, name, STR(""), STR(""));
	add(a, SITE_NODE, name, STR("mode"), arena_printf(a->cli->arena, "%04o", (unsigned)n->mode & 0777));
	if (n->owner.n > 0)
		add(a, SITE_NODE, name, STR("owner"), n->owner);
	if (n->team.n > 0)
		add(a, SITE_NODE, name, STR("team"), n->team);
	if (n->kind == ACL_TOPIC) /* whose names are written as they are */
		*ARRAY_ADD(a->cli->arena, a->topics) = (struct str){ name.p + 7, name.n - 7 };
}

/* One page; groups that are being loaded are waited for, as their reserved names may be among them. */
static int
ask_page(struct asking *a, struct tree_list_req *in, struct tree_list_rsp *out)
{
	static const struct timespec tenth = { .tv_nsec = 100 * 1000 * 1000 };
	for (int i = 0;; i++) {
		int status = cli_call(a->cli, WIRE_KEY_TREE_LIST, in, out);
		if (status == 0 && out->error_code == KERR_COORDINATOR_LOAD_IN_PROGRESS && i < LOADING_TRIES) {
			nanosleep(&tenth, NULL);
			continue;
		}
		return status != 0 ? status : cli_answer(a->cli, cli_escape(a->cli, in->path), out->error_code, out->error_message);
	}
}

static int
ask_nodes(struct asking *a)
{
	struct tree_list_req in;
	struct tree_list_rsp out;
	wire_defaults(&tree_list_req_msg, &in);
	in.tenant = a->tenant;
	in.path = site_path(a->cli->arena, a->tenant, STR("/"));
	in.recursive = true;
	in.limit = PAGE;
	do {
		int status = ask_page(a, &in, &out);
		if (status != 0)
			return status;
		ARRAY_FOREACH(const struct tree_list_rsp_node, n, out.nodes)
			add_node(a, n);
		if (out.nodes.n > 0)
			in.after = out.nodes.v[out.nodes.n - 1].path;
	} while (out.more && out.nodes.n > 0);
	return 0;
}

/* ---- topics ---- */

static struct name
topic_name(const struct asking *a, int32_t i)
{
	return NAME(0, a->topics.v[i]);
}

/* The broker's own topics have no place in a site: they and their nodes make themselves. */
static void
forget_internal(struct asking *a, struct str topic)
{
	struct str node = arena_printf(a->cli->arena, "topics/%.*s", STR_ARG(topic));
	int32_t n = 0;
	for (int32_t i = 0; i < a->site->facts.n; i++) {
		const struct site_fact *f = &a->site->facts.v[i];
		if (f->kind != SITE_NODE || !str_eq(f->tenant, a->tenant) || !str_eq(f->name, node))
			a->site->facts.v[n++] = *f;
	}
	a->site->facts.n = n;
}

static int
ask_partitions(struct asking *a, int32_t from, int32_t to)
{
	struct metadata_req in;
	struct metadata_rsp out;
	wire_defaults(&metadata_req_msg, &in);
	in.allow_auto_topic_creation = false;
	in.topics.n = 0;
	for (int32_t i = from; i < to; i++)
		WIRE_ADD(a->cli->arena, in.topics, metadata_req_topic)->name = topic_name(a, i);
	int status = cli_call(a->cli, WIRE_KEY_METADATA, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.topics.n; i++) {
		const struct metadata_rsp_topic *t = &out.topics.v[i];
		if (t->error_code == KERR_UNKNOWN_TOPIC_OR_PARTITION) /* was deleted in between */
			continue;
		status = cli_answer(a->cli, arena_printf(a->cli->arena, "topic %s", cli_escape(a->cli, t->name.s)).p,
		    t->error_code, STR_NULL);
		if (status == 0 && t->is_internal) {
			forget_internal(a, t->name.s);
			continue;
		}
		add(a, SITE_TOPIC, t->name.s, STR(""), STR(""));
		add(a, SITE_TOPIC, t->name.s, STR("partitions"), arena_printf(a->cli->arena, "%d", t->partitions.n));
	}
	return status;
}

#define RESOURCE_TOPIC 2
#define SOURCE_TOPIC 1

static int
ask_settings(struct asking *a, int32_t from, int32_t to)
{
	struct describe_configs_req in;
	struct describe_configs_rsp out;
	wire_defaults(&describe_configs_req_msg, &in);
	for (int32_t i = from; i < to; i++) {
		struct describe_configs_req_resource *r =
		    WIRE_ADD(a->cli->arena, in.resources, describe_configs_req_resource);
		r->resource_type = RESOURCE_TOPIC;
		r->resource_name = topic_name(a, i);
		r->configuration_keys.n = -1;
	}
	int status = cli_call(a->cli, WIRE_KEY_DESCRIBE_CONFIGS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++) {
		const struct describe_configs_rsp_result *r = &out.results.v[i];
		if (r->error_code == KERR_UNKNOWN_TOPIC_OR_PARTITION)
			continue;
		status = cli_answer(a->cli, arena_printf(a->cli->arena, "settings of topic %s",
		    cli_escape(a->cli, r->resource_name.s)).p, r->error_code, r->error_message);
		for (int32_t k = 0; status == 0 && k < r->configs.n; k++)
			if (r->configs.v[k].config_source == SOURCE_TOPIC)
				add(a, SITE_TOPIC, r->resource_name.s, part(a, "settings", r->configs.v[k].name),
				    r->configs.v[k].value.p == NULL ? STR("") : r->configs.v[k].value);
	}
	return status;
}

/* Among the first n, which are sorted: nodes stand before rules. */
static bool
has_node(const struct site *s, int32_t n, const struct site_fact *rule)
{
	struct site first = *s;
	first.facts.n = n;
	return site_has(&first, rule->tenant, SITE_NODE, rule->name);
}

/* Settings of what is not among the topics (any more) are not told, and rules of owners of what has no node: groups
 * that were made by use end with what they have read. */
static void
forget_strays(struct asking *a)
{
	struct site *s = a->site;
	int32_t n = 0;
	site_sort(s);
	for (int32_t i = 0; i < s->facts.n; i++) {
		const struct site_fact *f = &s->facts.v[i];
		bool stray = f->kind == SITE_TOPIC && f->attr.n > 0 && (n == 0 || s->facts.v[n - 1].kind != SITE_TOPIC ||
		    !str_eq(s->facts.v[n - 1].tenant, f->tenant) || !str_eq(s->facts.v[n - 1].name, f->name));
		stray |= f->kind == SITE_OWN_RULE && !has_node(s, n, f);
		if (!stray)
			s->facts.v[n++] = *f;
	}
	s->facts.n = n;
}

static int
ask_topics(struct asking *a)
{
	int status = 0;
	a->seen = a->topics.n;
	for (int32_t i = 0; status == 0 && i < a->topics.n; i += TOPICS_A_PAGE) {
		int32_t to = a->topics.n - i < TOPICS_A_PAGE ? a->topics.n : i + TOPICS_A_PAGE;
		status = ask_partitions(a, i, to);
		if (status == 0)
			status = ask_settings(a, i, to);
	}
	return status;
}

/* ---- rules and quotas ---- */

static void
add_rule(struct asking *a, const struct acl_binding *b, bool of_owner)
{
	struct arena *arena = a->cli->arena;
	size_t own = a->tenant.n + 1;
	struct buf path, text;
	buf_init(&path, ACL_TEXT_MAX);
	buf_init(&text, ACL_TEXT_MAX);
	struct acl_binding endless = *b;
	endless.until_ms = 0;
	if (acl_binding_path(&path, a->tenant, b) == 0 && acl_rule_text_format(&text, &endless, UINT32_C(1) << b->op) == 0) {
		struct str whole = arena_str(arena, buf_str(&path));
		struct str name = whole.n > own ? (struct str){ whole.p + own + 1, whole.n - own - 1 } : STR("/");
		add(a, of_owner ? SITE_OWN_RULE : SITE_RULE, name, arena_str(arena, buf_str(&text)),
		    site_rule_end(arena, b->until_ms));
	}
	buf_free(&path);
	buf_free(&text);
}

static int
ask_rules(struct asking *a)
{
	struct describe_acls_req in;
	struct describe_acls_rsp out;
	wire_defaults(&describe_acls_req_msg, &in);
	in.resource_type_filter = 1; /* any */
	in.pattern_type_filter = ACL_PATTERN_ANY;
	in.operation = ACL_OP_ANY;
	in.permission_type = ACL_PERMISSION_ANY;
	in.rules_only = true;
	int status = cli_call(a->cli, WIRE_KEY_DESCRIBE_ACLS, &in, &out);
	if (status == 0)
		status = cli_answer(a->cli, "rules", out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.resources.n; i++) {
		const struct describe_acls_rsp_resource *r = &out.resources.v[i];
		for (int32_t k = 0; k < r->acls.n; k++) {
			const struct acl_binding b = { r->resource_type, r->pattern_type, r->acls.v[k].operation,
				r->acls.v[k].permission_type, r->resource_name.s, r->acls.v[k].principal, r->acls.v[k].host,
				r->acls.v[k].until_ms };
			add_rule(a, &b, r->acls.v[k].of_owner);
		}
	}
	return status;
}

/* Whose they are; false where they are of another tenant. */
static bool
take_entity(const struct asking *a, const struct describe_client_quotas_rsp_entry *e, struct site_whose *ret)
{
	struct site_whose w = { .tenant = false };
	bool of_site = a->tenant.n == 0;
	ARRAY_FOREACH(const struct describe_client_quotas_rsp_entity, one, e->entity) {
		struct str name = one->entity_name.s;
		bool dflt = name.p == NULL;
		if (str_is(one->entity_type, "tenant") && (of_site || !str_eq(name, a->tenant)))
			return false;
		w.tenant |= str_is(one->entity_type, "tenant");
		if (str_is(one->entity_type, "user")) {
			w.user.there = true;
			w.user.dflt = dflt;
			w.user.name = name;
		} else if (str_is(one->entity_type, "client-id")) {
			w.client.there = true;
			w.client.dflt = dflt;
			w.client.name = name;
		} else if (str_is(one->entity_type, "ip")) {
			w.ip.there = true;
			w.ip.dflt = dflt;
			w.ip.name = name;
		}
	}
	*ret = w;
	return w.ip.there == of_site;
}

static int
ask_quotas(struct asking *a)
{
	struct describe_client_quotas_req in;
	struct describe_client_quotas_rsp out;
	struct site_whose w;
	wire_defaults(&describe_client_quotas_req_msg, &in);
	int status = cli_call(a->cli, WIRE_KEY_DESCRIBE_CLIENT_QUOTAS, &in, &out);
	if (status == 0)
		status = cli_answer(a->cli, "quotas", out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.entries.n; i++) {
		const struct describe_client_quotas_rsp_entry *e = &out.entries.v[i];
		if (!take_entity(a, e, &w))
			continue;
		struct str name = site_whose_text(a->cli->arena, &w);
		for (int32_t k = 0; k < e->values.n; k++)
			add(a, SITE_QUOTA, name, e->values.v[k].key, site_number(a->cli->arena, e->values.v[k].value));
	}
	return status;
}

/* ---- tenants ---- */

static int
hidden(struct asking *a, const struct tenant_list_rsp_tenant *t)
{
	bool topics = t->topics > a->seen;
	if (!topics && t->groups <= a->groups)
		return 0;
	return cli_complain(CLI_REFUSED, "tenant %s: you see %d of its %d %s, and half a tenant is none\n"
	    "  this needs r on its directories: schlossctl ls shows their owner and team", cli_escape(a->cli, t->name),
	    topics ? a->seen : a->groups, topics ? t->topics : t->groups, topics ? "topics" : "reserved groups");
}

static int
ask_tenant(struct cli *cli, const struct tenant_list_rsp_tenant *t, bool keys, struct site *site)
{
	struct asking a = { .cli = cli, .site = site, .tenant = t->name };
	static int (*const steps[])(struct asking *) = {
		ask_users, ask_teams, ask_nodes, ask_topics, ask_rules, ask_quotas,
	};
	int status = cli_open_in(cli, t->name);
	add(&a, SITE_TENANT, STR(""), STR(""), STR(""));
	for (size_t i = 0; status == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		status = steps[i](&a);
	if (status == 0)
		status = hidden(&a, t);
	if (status == 0 && keys)
		status = ask_keys(&a);
	return status;
}

/* Quotas of addresses: operators are told of them wherever they look; others are told nothing. */
static int
ask_installation(struct cli *cli, struct site *site)
{
	struct asking a = { .cli = cli, .site = site, .tenant = STR("") };
	int status = cli_own_tenant(cli);
	if (status == 0)
		status = cli_open_in(cli, cli->own_tenant);
	return status == 0 ? ask_quotas(&a) : status;
}

/* No file says so, and what is applied elsewhere is open: who exports is to know. */
static void
warn_of_state(struct cli *cli, const struct tenant_list_rsp_tenant *t)
{
	if (!str_is(t->state, "open") && t->state.n > 0)
		fprintf(stderr, "schlossctl: tenant %s is %s here, which is not in the file: where it is made by it, it is open\n",
		    cli_escape(cli, t->name), cli_escape(cli, t->state));
}

/* like: those of that site alone, and null names all. */
static int
ask(struct cli *cli, struct str tenant, const struct site *like, bool keys, struct site *ret)
{
	struct tenant_list_req in;
	struct tenant_list_rsp out;
	struct site s = { .arena = cli->arena, .keys = keys };
	bool installation = like != NULL ? like->facts.n > 0 && like->facts.v[0].tenant.n == 0 : tenant.p == NULL;
	wire_defaults(&tenant_list_req_msg, &in);
	in.tenant = tenant;
	int status = cli_call(cli, WIRE_KEY_TENANT_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, tenant.p == NULL ? "tenants" : cli_escape(cli, tenant), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.tenants.n; i++)
		if (like == NULL || site_has(like, out.tenants.v[i].name, SITE_TENANT, STR("")))
			status = ask_tenant(cli, &out.tenants.v[i], keys, &s);
	for (int32_t i = 0; like == NULL && status == 0 && i < out.tenants.n; i++)
		warn_of_state(cli, &out.tenants.v[i]);
	if (status == 0 && installation)
		status = ask_installation(cli, &s);
	if (status == 0) {
		struct asking a = { .cli = cli, .site = &s };
		forget_strays(&a);
		*ret = s;
	}
	return status;
}

int
site_ask(struct cli *cli, struct str tenant, bool keys, struct site *ret)
{
	return ask(cli, tenant, NULL, keys, ret);
}

int
site_ask_like(struct cli *cli, const struct site *want, struct site *ret)
{
	return ask(cli, STR_NULL, want, want->keys, ret);
}
