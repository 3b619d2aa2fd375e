/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: for operators. A tenant is made together with its administrator. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/secret.h"

enum { TENANT_CREATE = 0, TENANT_DELETE = 1 };

static int
send_alter(struct cli *cli, struct tenant_alter_req *in)
{
	struct tenant_alter_rsp out;
	const char *what = arena_printf(cli->arena, "tenant %s", cli_escape(cli, in->tenant)).p;
	int status = cli_call(cli, WIRE_KEY_TENANT_ALTER, in, &out);
	return status != 0 ? status : cli_answer(cli, what, out.error_code, out.error_message);
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
		status = send_alter(cli, &in);
	}
	if (status == 0) {
		print_done(&cli->print, "Tenant %s is made; %s administers it.", args->v[0], admin);
		status = secret_deliver(cli, &s, admin, in.tenant);
	}
	mem_cleanse(keys, sizeof(keys));
	secret_clear(&s);
	return status;
}

static int
tenant_delete(struct cli *cli, struct args *args)
{
	struct tenant_alter_req in;
	wire_defaults(&tenant_alter_req_msg, &in);
	in.action = TENANT_DELETE;
	in.purge = args_flag(args, "--purge");
	int status = args_end(args, 1, 1);
	if (status != 0)
		return status;
	in.tenant = str_from(args->v[0]);
	status = send_alter(cli, &in);
	if (status == 0)
		print_done(&cli->print, "Tenant %s is deleted.", args->v[0]);
	return status;
}

/* Nothing where it is not told. */
static struct str
told(struct cli *cli, int32_t n)
{
	return n < 0 ? STR_NULL : print_number(&cli->print, n);
}

static int
tenant_list(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "number", PRINT_NUMBER }, { "users", PRINT_NUMBER },
		{ "topics", PRINT_NUMBER }, { "groups", PRINT_NUMBER }, { "cluster_id", PRINT_TEXT },
	};
	struct tenant_list_req in;
	struct tenant_list_rsp out;
	struct print_table t;
	wire_defaults(&tenant_list_req_msg, &in);
	int status = args_end(args, 0, 0);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_TENANT_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "tenants", out.error_code, out.error_message);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "tenants", columns, 6);
	for (int32_t i = 0; i < out.tenants.n; i++) {
		const struct tenant_list_rsp_tenant *one = &out.tenants.v[i];
		struct str *cell = print_row(&t);
		cell[0] = one->name;
		cell[1] = told(cli, one->number);
		cell[2] = told(cli, one->users);
		cell[3] = told(cli, one->topics);
		cell[4] = told(cli, one->groups);
		cell[5] = one->cluster_id;
	}
	print_table(&cli->print, &t);
	return 0;
}

const struct verb tenant_verbs[] = {
	{ "tenant", "create", tenant_create,
	    "NAME --admin USER [--password P | --password-file FILE] [--conf FILE]",
	    "make a tenant with its first administrator" },
	{ "tenant", "delete", tenant_delete, "NAME [--purge]",
	    "delete a tenant; --purge: with its topics and all records" },
	{ "tenant", "list", tenant_list, "", "the tenants" },
	{ .name = NULL },
};
