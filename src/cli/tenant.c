/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: for operators. A tenant is made together with its administrator. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/secret.h"
#include "cli/usage.h"

/* TenantAlter's actions. */
enum { TENANT_CREATE, TENANT_MARK, TENANT_SUSPEND, TENANT_RESUME, TENANT_RENAME, TENANT_DELETE };

static int
send_alter(struct cli *cli, struct tenant_alter_req *in, struct tenant_alter_rsp *out)
{
	const char *what = arena_printf(cli->arena, "tenant %s", cli_escape(cli, in->tenant)).p;
	int status = cli_call(cli, WIRE_KEY_TENANT_ALTER, in, out);
	return status != 0 ? status : cli_answer(cli, what, out->error_code, out->error_message);
}

static void
add_keys(struct cli *cli, struct tenant_alter_req *in, const struct scram_key keys[SCRAM_HASHES])
{
	static const char *const names[] = { "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN" };
	for (size_t i = 0; i < 3; i++)
		*ARRAY_ADD(cli->arena, in->admin_mechanisms) = str_from(names[i]);
	for (int i = 0; i < SCRAM_HASHES; i++) {
		size_t n = scram_hash_len((enum scram_hash)i);
		struct tenant_alter_req_key *k = WIRE_ADD(cli->arena, in->keys, tenant_alter_req_key);
		k->mechanism = str_from(names[i]);
		k->iterations = (int32_t)keys[i].iterations;
		k->salt = (struct bytes){ keys[i].salt, keys[i].salt_len };
		k->stored_key = (struct bytes){ keys[i].stored, n };
		k->server_key = (struct bytes){ keys[i].server, n };
	}
}

static int
tenant_create(struct cli *cli, struct args *args)
{
	struct tenant_alter_req in;
	struct tenant_alter_rsp out;
	struct secret s = { .given = NULL };
	struct scram_key keys[SCRAM_HASHES];
	const char *admin = NULL;
	wire_defaults(&tenant_alter_req_msg, &in);
	secret_options(args, &s);
	args_option(args, "--admin", &admin);
	int status = args_end(args, 1, 1);
	if (status == 0 && admin == NULL)
		status = cli_complain(CLI_USAGE, "--admin USER is missing: who will administer %s?", args->v[0]);
	if (status == 0)
		status = cli_open(cli);
	if (status == 0)
		status = secret_check_conf(cli, &s, admin, str_from(args->v[0]));
	if (status == 0)
		status = secret_get(cli, &s);
	if (status == 0)
		status = secret_keys(&s, keys);
	if (status == 0) {
		in.tenant = str_from(args->v[0]);
		in.action = TENANT_CREATE;
		in.admin = str_from(admin);
		add_keys(cli, &in, keys);
		status = send_alter(cli, &in, &out);
	}
	if (status == 0) {
		print_done(&cli->print, "Tenant %s is made; %s administers it.", args->v[0], admin);
		status = secret_deliver(cli, &s, admin, in.tenant);
	}
	mem_cleanse(keys, sizeof(keys));
	secret_clear(&s);
	return status;
}

/* What takes a tenant's name and nothing else, or one word more. */
static int
alter(struct cli *cli, struct args *args, int action, int words)
{
	struct tenant_alter_req in;
	struct tenant_alter_rsp out;
	wire_defaults(&tenant_alter_req_msg, &in);
	int status = args_end(args, words, words);
	if (status != 0)
		return status;
	in.action = (int8_t)action;
	in.tenant = str_from(args->v[0]);
	if (words > 1)
		in.new_name = str_from(args->v[1]);
	return send_alter(cli, &in, &out);
}

static int
tenant_suspend(struct cli *cli, struct args *args)
{
	int status = alter(cli, args, TENANT_SUSPEND, 1);
	if (status == 0)
		print_done(&cli->print, "Tenant %s is suspended: nobody logs in, its connections end, its records stay.", args->v[0]);
	return status;
}

static int
tenant_resume(struct cli *cli, struct args *args)
{
	int status = alter(cli, args, TENANT_RESUME, 1);
	if (status == 0)
		print_done(&cli->print, "Tenant %s is open.", args->v[0]);
	return status;
}

static int
tenant_rename(struct cli *cli, struct args *args)
{
	int status = alter(cli, args, TENANT_RENAME, 2);
	if (status == 0)
		print_done(&cli->print, "Tenant %s is now %s; its connections end, and log in anew. Where a listener of "
		    "schlossd.yaml says tenant: %s, change it before the next start.", args->v[0], args->v[1], args->v[0]);
	return status;
}

static int
tenant_delete(struct cli *cli, struct args *args)
{
	struct tenant_alter_req in;
	struct tenant_alter_rsp out;
	const char *word = NULL;
	wire_defaults(&tenant_alter_req_msg, &in);
	in.purge = args_flag(args, "--purge");
	args_option(args, "--confirm", &word);
	int status = args_end(args, 1, 1);
	if (status != 0)
		return status;
	in.action = word == NULL ? TENANT_MARK : TENANT_DELETE;
	in.tenant = str_from(args->v[0]);
	in.confirm = word == NULL ? STR_NULL : str_from(word);
	status = send_alter(cli, &in, &out);
	if (status == 0 && word != NULL)
		print_done(&cli->print, "Tenant %s is deleted.", args->v[0]);
	else if (status == 0)
		print_told(&cli->print, "confirm", cli_escape(cli, out.confirm), "Tenant %s is marked: nobody logs in, and its "
		    "connections end. To delete it and all that it has: schlossctl tenant delete %s --confirm %s; to keep "
		    "it: schlossctl tenant resume %s", args->v[0], args->v[0], cli_escape(cli, out.confirm), args->v[0]);
	return status;
}

/* Nothing where it is not told. */
static struct str
told(struct cli *cli, int32_t n)
{
	return n < 0 ? STR_NULL : print_number(&cli->print, n);
}

static int
print_tenants(struct cli *cli, struct str only)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "number", PRINT_NUMBER }, { "state", PRINT_TEXT }, { "users", PRINT_NUMBER },
		{ "topics", PRINT_NUMBER }, { "groups", PRINT_NUMBER }, { "cluster_id", PRINT_TEXT },
	};
	struct tenant_list_req in;
	struct tenant_list_rsp out;
	struct print_table t;
	wire_defaults(&tenant_list_req_msg, &in);
	in.tenant = only;
	int status = cli_call(cli, WIRE_KEY_TENANT_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, only.p == NULL ? "tenants" : cli_escape(cli, only), out.error_code, out.error_message);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "tenants", columns, 7);
	for (int32_t i = 0; i < out.tenants.n; i++) {
		const struct tenant_list_rsp_tenant *one = &out.tenants.v[i];
		struct str *cell = print_row(&t);
		cell[0] = one->name;
		cell[1] = told(cli, one->number);
		cell[2] = one->state;
		cell[3] = told(cli, one->users);
		cell[4] = told(cli, one->topics);
		cell[5] = told(cli, one->groups);
		cell[6] = one->cluster_id;
	}
	print_table(&cli->print, &t);
	return 0;
}

static int
tenant_list(struct cli *cli, struct args *args)
{
	int status = args_end(args, 0, 0);
	return status != 0 ? status : print_tenants(cli, STR_NULL);
}

static int
tenant_show(struct cli *cli, struct args *args)
{
	int status = args_end(args, 1, 1);
	return status != 0 ? status : print_tenants(cli, str_from(args->v[0]));
}

static int
tenant_usage(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "tenant", PRINT_TEXT }, { "what", PRINT_TEXT }, { "used", PRINT_NUMBER }, { "limit", PRINT_NUMBER },
	};
	struct tenant_usage_rsp out;
	struct print_table t;
	int status = args_end(args, 0, 1);
	if (status == 0)
		status = usage_ask(cli, args->n > 0 ? str_from(args->v[0]) : STR_NULL, STR_NULL, &out);
	if (status == 0)
		status = cli_answer(cli, args->n > 0 ? cli_escape(cli, str_from(args->v[0])) : "usage", out.error_code, out.error_message);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "usage", columns, 4);
	for (int32_t i = 0; i < out.tenants.n; i++) {
		for (int32_t k = 0; k < out.tenants.v[i].rows.n; k++) {
			const struct tenant_usage_rsp_row *row = &out.tenants.v[i].rows.v[k];
			struct str *cell = print_row(&t);
			cell[0] = out.tenants.v[i].name;
			cell[1] = row->what;
			cell[2] = usage_number(cli, row->used);
			cell[3] = row->limit > 0 ? usage_number(cli, row->limit) : STR_NULL;
		}
	}
	print_table(&cli->print, &t);
	return 0;
}

const struct verb tenant_verbs[] = {
	{ "tenant", "create", tenant_create,
	    "NAME --admin USER [--password P | --password-file FILE] [--conf FILE]",
	    "make a tenant with its first administrator", true },
	{ "tenant", "delete", tenant_delete, "NAME [--purge | --confirm WORD]",
	    "mark a tenant for deletion (--purge: also one with topics), which tells the word; with it: delete it", true },
	{ "tenant", "list", tenant_list, "", "the tenants" },
	{ "tenant", "show", tenant_show, "NAME", "one tenant" },
	{ "tenant", "suspend", tenant_suspend, "NAME", "let nobody of a tenant in, and end its connections; nothing is lost", true },
	{ "tenant", "resume", tenant_resume, "NAME", "let them in again, and take the mark of a deletion away", true },
	{ "tenant", "rename", tenant_rename, "NAME NEW", "give a tenant another name; its connections end, and log in anew", true },
	{ "tenant", "usage", tenant_usage, "[NAME]", "what a tenant has and uses, beside its limits" },
	{ .name = NULL },
};
