/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what: why, who-can, what-can. The broker decides, by the function that
 * requests meet; here its answers are only told, page by page where there are many.
 */
#include <stdio.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/tree.h"
#include "wire/kerr.h"

static int
take_operation(const char *text, enum acl_op *ret)
{
	if (acl_op_parse(str_from(text), ret) == 0)
		return 0;
	return cli_complain(CLI_USAGE, "\"%s\" is no operation: read, write, create, delete, alter, "
	    "describe, alter-configs, describe-configs", text);
}

/* ---- why ---- */

/* The tenant of a user is the path's: there it is asked of him. */
static void
hint_of_why(struct cli *cli, const struct why_req *in, const char *operation)
{
	struct acl_path path;
	struct why why;
	struct str name, tenant;
	struct buf there;
	if (acl_path_parse(cli->arena, in->path, &path, &why) != 0 ||
	    !cli_is_login(cli, path.tenant, in->user, &name, &tenant))
		return;
	buf_init(&there, 65536);
	if (acl_path_format(&there, path.type, tenant, path.name) == 0) {
		(void)fflush(stdout);
		fprintf(stderr, "  is it %s of the tenant %.*s? schlossctl why %s %s %.*s\n", cli_escape(cli, name),
		    STR_ARG(tenant), cli_escape(cli, name), operation, STR_ARG(buf_str(&there)));
	}
	buf_free(&there);
}

static void
why_json(struct cli *cli, const struct why_rsp *out)
{
	static const struct print_column columns[] = {
		{ "allowed", PRINT_BOOL }, { "step", PRINT_TEXT }, { "rule", PRINT_TEXT }, { "class", PRINT_TEXT },
		{ "bits", PRINT_TEXT }, { "path", PRINT_TEXT }, { "sentence", PRINT_TEXT }, { "steps", PRINT_LINES },
	};
	struct print_table t;
	print_table_init(&t, &cli->print, "why", columns, 8);
	struct str *cell = print_row(&t);
	cell[0] = print_bool(out->allowed);
	cell[1] = out->step;
	cell[2] = out->rule;
	cell[3] = out->class;
	cell[4] = out->bits;
	cell[5] = out->path;
	cell[6] = out->sentence;
	for (int32_t i = 0; i < out->steps.n; i++)
		cell[7] = i == 0 ? out->steps.v[i] : arena_printf(cli->arena, "%.*s\n%.*s", STR_ARG(cell[7]), STR_ARG(out->steps.v[i]));
	print_table(&cli->print, &t);
}

/* The steps before it, where they were asked for: the sentence is the last one. */
static void
why_text(struct cli *cli, const struct why_rsp *out)
{
	for (int32_t i = 0; i < out->steps.n; i++)
		printf("%d. %s\n", i + 1, cli_escape(cli, out->steps.v[i]));
	printf("%s\n", cli_escape(cli, out->sentence));
}

static int
run_why(struct cli *cli, struct args *args)
{
	struct why_req in;
	struct why_rsp out;
	enum acl_op op;
	const char *host = NULL;
	wire_defaults(&why_req_msg, &in);
	args_option(args, "--host", &host);
	in.explain = args_flag(args, "--explain");
	int status = args_end(args, 3, 3);
	if (status != 0)
		return status;
	status = take_operation(args->v[1], &op);
	if (status != 0)
		return status;
	in.tenant = cli_tenant_field(cli);
	in.user = str_from(args->v[0]);
	in.operation = (int8_t)op;
	in.host = str_from(host);
	status = tree_node_path(cli, args->v[2], &in.path);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_WHY, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "why", out.error_code, out.error_message);
	if (status == CLI_REFUSED && out.error_code == KERR_CLUSTER_AUTHORIZATION_FAILED)
		hint_of_why(cli, &in, args->v[1]);
	if (status != 0)
		return status;
	if (cli->print.form == PRINT_JSON)
		why_json(cli, &out);
	else
		why_text(cli, &out);
	if (!out.allowed)
		hint_of_why(cli, &in, args->v[1]);
	return out.allowed ? CLI_OK : CLI_NO;
}

/* ---- who-can ---- */

static void
who_row(struct cli *cli, struct print_table *t, const struct who_can_rsp_user *u)
{
	struct str *cell = print_row(t);
	cell[0] = u->kind != 1 ? u->user : cli->print.form == PRINT_JSON ? STR_NULL : STR("(no record)");
	cell[1] = u->step;
	cell[2] = u->rule;
	cell[3] = u->class;
	cell[4] = u->bits;
	cell[5] = u->node;
}

static int
run_who_can(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "user", PRINT_TEXT }, { "step", PRINT_TEXT }, { "rule", PRINT_TEXT }, { "class", PRINT_TEXT },
		{ "bits", PRINT_TEXT }, { "path", PRINT_TEXT },
	};
	struct who_can_req in;
	struct who_can_rsp out;
	struct print_table t;
	enum acl_op op;
	const char *host = NULL;
	wire_defaults(&who_can_req_msg, &in);
	args_option(args, "--host", &host);
	int status = args_end(args, 2, 2);
	if (status == 0)
		status = take_operation(args->v[0], &op);
	if (status == 0)
		status = tree_node_path(cli, args->v[1], &in.path);
	if (status != 0)
		return status;
	in.operation = (int8_t)op;
	in.host = str_from(host);
	print_table_init(&t, &cli->print, "users", columns, 6);
	do {
		status = cli_call(cli, WIRE_KEY_WHO_CAN, &in, &out);
		if (status == 0)
			status = cli_answer(cli, cli_escape(cli, in.path), out.error_code, out.error_message);
		for (int32_t i = 0; status == 0 && i < out.users.n; i++)
			who_row(cli, &t, &out.users.v[i]);
		in.after = out.next;
	} while (status == 0 && in.after.p != NULL);
	if (status == 0)
		print_table(&cli->print, &t);
	return status;
}

/* ---- what-can ---- */

static void
what_rows(struct cli *cli, const struct what_can_rsp *out, struct print_table *nodes, struct print_table *rules)
{
	for (int32_t i = 0; i < out->nodes.n; i++) {
		struct str *cell = print_row(nodes);
		cell[0] = out->nodes.v[i].path;
		cell[1] = cli_operations(cli, out->nodes.v[i].operations);
	}
	for (int32_t i = 0; i < out->rules.n; i++) {
		struct str *cell = print_row(rules);
		cell[0] = out->rules.v[i].path;
		cell[1] = out->rules.v[i].text;
	}
}

static int
run_what_can(struct cli *cli, struct args *args)
{
	static const struct print_column of_nodes[] = { { "path", PRINT_TEXT }, { "operations", PRINT_LIST } };
	static const struct print_column of_rules[] = { { "path", PRINT_TEXT }, { "rule", PRINT_TEXT } };
	struct what_can_req in;
	struct what_can_rsp out;
	struct print_table nodes, rules;
	const char *host = NULL;
	wire_defaults(&what_can_req_msg, &in);
	args_option(args, "--host", &host);
	int status = args_end(args, 0, 1);
	if (status != 0)
		return status;
	in.tenant = cli_tenant_field(cli);
	in.user = args->n == 1 ? str_from(args->v[0]) : STR_NULL;
	in.host = str_from(host);
	print_table_init(&nodes, &cli->print, "nodes", of_nodes, 2);
	print_table_init(&rules, &cli->print, "rules", of_rules, 2);
	do { /* groups may be missing: what is known, then that */
		status = cli_call(cli, WIRE_KEY_WHAT_CAN, &in, &out);
		if (status != 0)
			return status;
		what_rows(cli, &out, &nodes, &rules);
		status = cli_answer(cli, args->n == 1 ? args->v[0] : "what-can", out.error_code, out.error_message);
		in.after = out.next;
	} while (status == 0 && in.after.p != NULL);
	if (status == 0 || nodes.first != NULL) {
		print_open(&cli->print);
		print_table(&cli->print, &nodes);
		if (rules.first != NULL || cli->print.form == PRINT_JSON)
			print_table(&cli->print, &rules);
		print_close(&cli->print);
	}
	return status;
}

const struct verb who_verbs[] = {
	{ NULL, "why", run_why, "USER OPERATION PATH [--host ADDRESS] [--explain]",
	    "may the user do that? 0: yes, 1: no; and the reason" },
	{ NULL, "who-can", run_who_can, "OPERATION PATH [--host ADDRESS]", "users who may do that, and through what" },
	{ NULL, "what-can", run_what_can, "[USER] [--host ADDRESS]",
	    "what a user may do on each node, and on names to come" },
	{ .name = NULL },
};
