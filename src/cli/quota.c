/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotas by Kafka's own requests. Whose they are is said by a path: the tenant,
 * one of its users, or every user that has none of his own ('*'); those of addresses
 * are the installation's, on /. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl/text.h"
#include "base/addr.h"
#include "cli/cli.h"
#include "cli/tree.h"
#include "cli/usage.h"
#include "wire/kerr.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_ANY = 2 };

/* Whose quotas: the entity of Kafka's requests. */
struct whose {
	struct str tenant;
	struct str user;		/* null: the tenant itself, or the default of users */
	bool users;			/* the path names users */
	bool all;			/* there is no path */
	bool root;			/* the path is / */
	const char *client;		/* --client-id, or NULL */
	const char *ip;			/* --ip, or NULL */
};

static int
whose_path(struct cli *cli, const char *text, struct whose *ret)
{
	struct acl_path path;
	struct why why;
	struct str whole;
	int status = tree_path(cli, text, &whole);
	if (status != 0)
		return status;
	if (acl_path_parse(cli->arena, whole, &path, &why) != 0)
		return cli_complain(CLI_USAGE, "%s: %s", cli_escape(cli, whole), why.text);
	bool every = path.star && path.name.n == 0;
	ret->root = path.type == ACL_ROOT;
	if ((path.type != ACL_USER && path.type != ACL_TENANT && !ret->root) || (path.star && !every))
		return cli_complain(CLI_USAGE, "%s: quotas are on /TENANT, /TENANT/users/USER, "
		    "'/TENANT/users/*', and on / those of addresses", cli_escape(cli, str_from(text)));
	ret->users = path.type == ACL_USER;
	ret->user = ret->users && !every ? path.name : STR_NULL;
	ret->tenant = path.tenant;
	return 0;
}

/* Whether the options are fit for the path. set: it must say whose they are. */
static int
check_whose(struct cli *cli, const struct whose *w, bool set)
{
	struct addr addr;
	if (w->ip != NULL && !w->root)
		return cli_complain(CLI_USAGE, "quotas of addresses are on /: schlossctl quota %s / --ip %s",
		    set ? "set" : "show", cli_escape(cli, str_from(w->ip)));
	if (w->root && w->client != NULL)
		return cli_complain(CLI_USAGE, "a client id is of a user or a tenant: /TENANT/users/USER --client-id ID");
	if (w->root && w->ip == NULL && set)
		return cli_complain(CLI_USAGE, "/: whose? --ip ADDRESS, or --ip '*' for each that has none of its own");
	if (w->ip != NULL && strcmp(w->ip, "*") != 0 && addr_parse(str_from(w->ip), &addr) != 0)
		return cli_complain(CLI_USAGE, "--ip %s: an address is expected, like 192.0.2.7 or 2001:db8::1, "
		    "or '*' for each that has none of its own", cli_escape(cli, str_from(w->ip)));
	return 0;
}

/* Without a path: all that are set within the tenant. */
static int
whose_all(struct cli *cli, struct whose *ret)
{
	int status = cli_path_tenant(cli, &ret->tenant);
	ret->all = true;
	return status;
}

/* The options, and the path where there is one (or at least `least` words). */
static int
read_whose(struct cli *cli, struct args *args, int least, int most, struct whose *ret)
{
	*ret = (struct whose){ .user = STR_NULL };
	args_option(args, "--client-id", &ret->client);
	args_option(args, "--ip", &ret->ip);
	int status = args_end(args, least, most);
	if (status == 0)
		status = args->n == 0 ? whose_all(cli, ret) : whose_path(cli, args->v[0], ret);
	return status != 0 ? status : check_whose(cli, ret, least > 0);
}

/* An address, or null: Kafka's default. */
static struct str
ip_of(const struct whose *w)
{
	return strcmp(w->ip, "*") == 0 ? STR_NULL : str_from(w->ip);
}

static int
open_whose(struct cli *cli, const struct whose *w)
{
	/* The tenant's own, and those of addresses, are the installation's to give: asked from where we are. */
	return w->users || w->all || w->client != NULL ? cli_open_in(cli, w->tenant) : cli_open(cli);
}

/* "key=value"; nothing behind '=' removes. */
static int
take_value(const char *text, const struct whose *w, struct alter_client_quotas_req_op *op)
{
	struct str value = str_from(text);
	char *end;
	if (!str_cut(&value, '=', &op->key) || op->key.n == 0)
		return cli_complain(CLI_USAGE, "\"%s\" is not QUOTA=VALUE", text);
	op->remove = value.n == 0;
	op->value = op->remove ? 0 : strtod(value.p, &end);
	if (!op->remove && (*end != '\0' || !(op->value >= 0)))
		return cli_complain(CLI_USAGE, "\"%s\": a number is expected behind =, or nothing to remove the "
		    "quota", text);
	if (str_is(op->key, "connection_creation_rate") && w->ip == NULL)
		return cli_complain(CLI_USAGE, "connection_creation_rate is of addresses: schlossctl quota set / --ip "
		    "ADDRESS %s", text);
	return 0;
}

static void
add_entity(struct cli *cli, struct alter_client_quotas_req_entry *entry, const char *type,
    struct str name)
{
	struct alter_client_quotas_req_entity *e =
	    WIRE_ADD(cli->arena, entry->entity, alter_client_quotas_req_entity);
	e->entity_type = str_from(type);
	e->entity_name = NAME(0, name);
}

static void
add_entities(struct cli *cli, struct alter_client_quotas_req_entry *entry, const struct whose *w)
{
	if (w->ip != NULL)
		add_entity(cli, entry, "ip", ip_of(w));
	else if (w->users)
		add_entity(cli, entry, "user", w->user);
	else if (w->client == NULL)
		add_entity(cli, entry, "tenant", w->tenant);
	if (w->client != NULL)
		add_entity(cli, entry, "client-id",
		    strcmp(w->client, "*") == 0 ? STR_NULL : str_from(w->client));
}

static const char *
whose_text(const struct whose *w, const char *path)
{
	return w->ip == NULL ? path : ip_of(w).p == NULL ? "addresses that have none of their own" : w->ip;
}

static int
quota_set(struct cli *cli, struct args *args)
{
	struct alter_client_quotas_req in;
	struct alter_client_quotas_rsp out;
	struct whose w;
	int status = read_whose(cli, args, 2, 100, &w);
	if (status != 0)
		return status;
	wire_defaults(&alter_client_quotas_req_msg, &in);
	struct alter_client_quotas_req_entry *entry =
	    WIRE_ADD(cli->arena, in.entries, alter_client_quotas_req_entry);
	add_entities(cli, entry, &w);
	for (int i = 1; status == 0 && i < args->n; i++)
		status = take_value(args->v[i], &w, WIRE_ADD(cli->arena, entry->ops, alter_client_quotas_req_op));
	if (status == 0)
		status = open_whose(cli, &w);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_ALTER_CLIENT_QUOTAS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.entries.n; i++)
		status = cli_answer(cli, cli_escape(cli, str_from(args->v[0])), out.entries.v[i].error_code,
		    out.entries.v[i].error_message);
	if (status == 0)
		print_done(&cli->print, "The quotas of %s are set.", whose_text(&w, args->v[0]));
	if (status == 0 && w.users && w.user.p != NULL)
		cli_warn_of_nobody(cli, w.tenant, w.user);
	return status;
}

static void
add_component(struct cli *cli, struct describe_client_quotas_req *in, const char *type, int match,
    struct str name)
{
	struct describe_client_quotas_req_component *c =
	    WIRE_ADD(cli->arena, in->components, describe_client_quotas_req_component);
	c->entity_type = str_from(type);
	c->match_type = (int8_t)match;
	c->match = NAME(0, name);
}

static void
add_components(struct cli *cli, struct describe_client_quotas_req *in, const struct whose *w)
{
	if (w->users)
		add_component(cli, in, "user", w->user.p != NULL ? MATCH_EXACT : MATCH_DEFAULT, w->user);
	else if (w->ip != NULL)
		add_component(cli, in, "ip", ip_of(w).p != NULL ? MATCH_EXACT : MATCH_DEFAULT, ip_of(w));
	else if (w->root)
		add_component(cli, in, "ip", MATCH_ANY, STR_NULL);
	else if (w->client == NULL && !w->all)
		add_component(cli, in, "tenant", MATCH_EXACT, w->tenant);
	if (w->client != NULL && strcmp(w->client, "*") == 0)
		add_component(cli, in, "client-id", MATCH_DEFAULT, STR_NULL);
	else if (w->client != NULL)
		add_component(cli, in, "client-id", MATCH_EXACT, str_from(w->client));
}

static struct str
entity_text(const struct describe_client_quotas_rsp_entry *entry, const char *type)
{
	for (int32_t i = 0; i < entry->entity.n; i++)
		if (str_is(entry->entity.v[i].entity_type, type))
			return entry->entity.v[i].entity_name.s.p != NULL ? entry->entity.v[i].entity_name.s : STR("*");
	return STR_NULL;
}

/* What there is of one limit, and whose limit is met first. */
static void
show_use(struct cli *cli, const struct tenant_usage_rsp *usage, struct str quota, struct str *used, struct str *binds)
{
	const struct tenant_usage_rsp_row *row = usage == NULL ? NULL : usage_row(usage, quota); /* of none: none */
	*used = row == NULL ? STR_NULL : usage_number(cli, row->used);
	*binds = row == NULL ? STR_NULL : row->binds;
}

/* A user's, as they hold for him, whoever's they are: his own, those of every user, his tenant's. */
static void
show_user(struct cli *cli, struct print_table *t, const struct whose *w, const struct tenant_usage_rsp *usage)
{
	for (int32_t i = 0; i < usage->tenants.v[0].rows.n; i++) {
		const struct tenant_usage_rsp_row *row = &usage->tenants.v[0].rows.v[i];
		if (row->binds.p == NULL)
			continue;
		struct str *cell = print_row(t);
		cell[0] = row->limit > 0 ? STR_NULL : w->tenant; /* whose limit it is */
		cell[1] = w->user;
		cell[2] = cell[3] = STR_NULL;
		cell[4] = row->what;
		cell[5] = row->limit > 0 ? arena_printf(cli->arena, "%.15g", row->limit) : STR_NULL;
		show_use(cli, usage, row->what, &cell[6], &cell[7]);
	}
}

static void
show_entry(struct cli *cli, struct print_table *t, const struct describe_client_quotas_rsp_entry *entry,
    const struct tenant_usage_rsp *usage)
{
	for (int32_t i = 0; i < entry->values.n; i++) {
		struct str *cell = print_row(t);
		cell[0] = entity_text(entry, "tenant");
		cell[1] = entity_text(entry, "user");
		cell[2] = entity_text(entry, "client-id");
		cell[3] = entity_text(entry, "ip");
		cell[4] = entry->values.v[i].key;
		cell[5] = arena_printf(cli->arena, "%.15g", entry->values.v[i].value);
		show_use(cli, usage, entry->values.v[i].key, &cell[6], &cell[7]);
	}
}

/* Others would be shown nothing, as if there were none. */
static int
check_operator(struct cli *cli)
{
	struct id_req in;
	struct id_rsp out;
	wire_defaults(&id_req_msg, &in);
	int status = cli_call(cli, WIRE_KEY_ID, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "id", out.error_code, out.error_message);
	if (status == 0 && !out.operator)
		status = cli_answer(cli, "/", KERR_CLUSTER_AUTHORIZATION_FAILED, STR("quotas of addresses are for operators"));
	return status;
}

/* What is set on it. */
static int
ask_set(struct cli *cli, const struct whose *w, const char *what, struct describe_client_quotas_rsp *ret)
{
	struct describe_client_quotas_req in;
	wire_defaults(&describe_client_quotas_req_msg, &in);
	add_components(cli, &in, w);
	int status = cli_call(cli, WIRE_KEY_DESCRIBE_CLIENT_QUOTAS, &in, ret);
	return status != 0 ? status : cli_answer(cli, what, ret->error_code, ret->error_message);
}

/* What is used, where it is asked about one tenant or user, and whoever asks may know; else tenants.n is 0. */
static int
ask_used(struct cli *cli, const struct whose *w, struct tenant_usage_rsp *ret)
{
	bool one = !w->all && !w->root && w->client == NULL && (!w->users || w->user.p != NULL);
	int status = one ? usage_ask(cli, w->tenant, w->user, ret) : 0;
	if (!one || status != 0 || ret->error_code != 0)
		ret->tenants.n = 0;
	return status;
}

static void
show_all(struct cli *cli, struct print_table *t, const struct whose *w, const struct describe_client_quotas_rsp *set,
    const struct tenant_usage_rsp *used)
{
	bool of_user = used->tenants.n > 0 && w->users;
	if (of_user)
		show_user(cli, t, w, used);
	for (int32_t i = 0; i < set->entries.n; i++) {
		const struct describe_client_quotas_rsp_entry *entry = &set->entries.v[i];
		struct str of = entity_text(entry, "tenant");
		bool shown = of_user && entity_text(entry, "client-id").p == NULL;
		if (!shown && (of.p == NULL || str_eq(of, w->tenant))) /* an operator is told of all tenants */
			show_entry(cli, t, entry, of_user ? NULL : used);
	}
}

static int
quota_show(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "tenant", PRINT_TEXT }, { "user", PRINT_TEXT }, { "client_id", PRINT_TEXT },
		{ "ip", PRINT_TEXT }, { "quota", PRINT_TEXT }, { "value", PRINT_NUMBER }, { "used", PRINT_NUMBER },
		{ "binds", PRINT_TEXT },
	};
	struct describe_client_quotas_rsp set;
	struct tenant_usage_rsp used;
	struct whose w;
	struct print_table t;
	int status = read_whose(cli, args, 0, 1, &w);
	if (status == 0)
		status = open_whose(cli, &w);
	if (status == 0 && w.root)
		status = check_operator(cli);
	if (status == 0)
		status = ask_set(cli, &w, w.all ? "quota" : cli_escape(cli, str_from(args->v[0])), &set);
	if (status == 0)
		status = ask_used(cli, &w, &used);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "quotas", columns, 8);
	show_all(cli, &t, &w, &set, &used);
	if (t.first == NULL && !w.root) /* is there such a tenant? */
		status = cli_open_in(cli, w.tenant);
	if (status == 0)
		print_table(&cli->print, &t);
	return status;
}

const struct verb quota_verbs[] = {
	{ "quota", "set", quota_set,
	    "/TENANT | /TENANT/users/USER | '/TENANT/users/*' | / [--client-id ID | --ip ADDRESS|'*'] QUOTA=VALUE ...",
	    "set quotas: producer_byte_rate, consumer_byte_rate, request_percentage, controller_mutation_rate, "
	    "partitions, connections, groups, producer_ids, in_flight_bytes, of a tenant stored_bytes, on / connection_creation_rate of an address; "
	    "QUOTA= removes one", true },
	{ "quota", "show", quota_show,
	    "[/TENANT | /TENANT/users/USER | '/TENANT/users/*' | /] [--client-id ID | --ip ADDRESS|'*']",
	    "quotas that are set; of one tenant or user, what is used of them and whose limit binds" },
	{ .name = NULL },
};
