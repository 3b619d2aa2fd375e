/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is connected, and closing connections: by our own requests, page by page. */
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

static struct str
version_of(struct str tls, struct str *ret_cipher)
{
	struct str version = STR_NULL;
	*ret_cipher = STR_NULL;
	if (tls.p != NULL) {
		*ret_cipher = tls;
		str_cut(ret_cipher, ' ', &version);
	}
	return version;
}

static struct str
words(struct cli *cli, const struct connection_list_rsp_connection *c)
{
	struct str s = STR_NULL;
	for (int32_t i = 0; i < c->groups.n; i++)
		s = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(s), i > 0 ? "," : "", STR_ARG(c->groups.v[i]));
	return s;
}

enum { ID, USER, TENANT, FROM, LISTENER, MECHANISM, TLS, CIPHER, CLIENT, VERSION, CLIENT_ID, SINCE, IDLE, IN, OUT, THROTTLE,
	MEMORY, REQUESTS, GROUPS, COLUMNS };

static void
connection_row(struct cli *cli, struct print_table *t, const struct connection_list_rsp_connection *c)
{
	struct print *p = &cli->print;
	struct str *cell = print_row(t);
	cell[ID] = c->id;
	cell[USER] = c->user;
	cell[TENANT] = c->tenant;
	cell[FROM] = c->peer;
	cell[LISTENER] = c->listener;
	cell[MECHANISM] = c->mechanism;
	cell[TLS] = version_of(c->tls, &cell[CIPHER]);
	cell[CLIENT] = c->software_name;
	cell[VERSION] = c->software_version;
	cell[CLIENT_ID] = print_name(c->client_id);
	cell[SINCE] = cli_when(cli, c->since_ms);
	cell[IDLE] = print_number(p, c->idle_ms);
	cell[IN] = print_number(p, c->rate_in);
	cell[OUT] = print_number(p, c->rate_out);
	cell[THROTTLE] = print_number(p, c->throttle_ms);
	cell[MEMORY] = print_number(p, c->memory);
	cell[REQUESTS] = print_number(p, c->requests);
	cell[GROUPS] = words(cli, c);
}

static int
run_connections(struct cli *cli, struct args *args)
{
	static const struct print_column columns[COLUMNS] = {
		[ID] = { "id", PRINT_TEXT }, [USER] = { "user", PRINT_TEXT }, [TENANT] = { "tenant", PRINT_TEXT },
		[FROM] = { "from", PRINT_TEXT }, [LISTENER] = { "listener", PRINT_TEXT },
		[MECHANISM] = { "mechanism", PRINT_TEXT }, [TLS] = { "tls", PRINT_TEXT }, [CIPHER] = { "cipher", PRINT_TEXT },
		[CLIENT] = { "client", PRINT_TEXT }, [VERSION] = { "version", PRINT_TEXT },
		[CLIENT_ID] = { "client_id", PRINT_TEXT }, [SINCE] = { "since", PRINT_TEXT },
		[IDLE] = { "idle_ms", PRINT_NUMBER }, [IN] = { "rate_in", PRINT_NUMBER }, [OUT] = { "rate_out", PRINT_NUMBER },
		[THROTTLE] = { "throttle_ms", PRINT_NUMBER }, [MEMORY] = { "memory", PRINT_NUMBER },
		[REQUESTS] = { "requests", PRINT_NUMBER }, [GROUPS] = { "groups", PRINT_LIST },
	};
	struct connection_list_req in;
	struct connection_list_rsp out;
	struct print_table t;
	struct progress progress = { .what = "connections" };
	uint64_t seen = 0;
	const char *user = NULL;
	wire_defaults(&connection_list_req_msg, &in);
	args_option(args, "--user", &user);
	int status = args_end(args, 0, 0);
	if (status != 0)
		return status;
	in.tenant = cli_tenant_field(cli);
	in.user = str_from(user);
	print_table_init(&t, &cli->print, "connections", columns, COLUMNS);
	do {
		status = cli_call(cli, WIRE_KEY_CONNECTION_LIST, &in, &out);
		if (status == 0)
			status = cli_answer(cli, "connections", out.error_code, out.error_message);
		for (int32_t i = 0; status == 0 && i < out.connections.n; i++)
			connection_row(cli, &t, &out.connections.v[i]);
		progress_at(&progress, seen += status == 0 ? (uint64_t)out.connections.n : 0);
		in.after = out.next;
	} while (status == 0 && in.after.p != NULL);
	progress_end(&progress);
	if (status == 0)
		print_table(&cli->print, &t);
	return status;
}

static int
run_kill(struct cli *cli, struct args *args)
{
	struct connection_kill_req in;
	struct connection_kill_rsp out;
	const char *user = NULL;
	wire_defaults(&connection_kill_req_msg, &in);
	args_option(args, "--user", &user);
	int status = args_end(args, user != NULL ? 0 : 1, user != NULL ? 0 : 1);
	if (status != 0)
		return status;
	in.tenant = cli_tenant_field(cli);
	in.user = str_from(user);
	in.connection = user != NULL ? STR_NULL : str_from(args->v[0]);
	const char *what = cli_escape(cli, str_from(user != NULL ? user : args->v[0]));
	status = cli_call(cli, WIRE_KEY_CONNECTION_KILL, &in, &out);
	if (status == 0)
		status = cli_answer(cli, what, out.error_code, out.error_message);
	if (status == CLI_REFUSED && user != NULL)
		cli_hint_login(cli, in.tenant, in.user, "kill --user", NULL);
	if (status == 0)
		print_told(&cli->print, "closed", print_number(&cli->print, out.closed).p, out.closed == 1 ?
		    "%lld connection is closed." : "%lld connections are closed.", (long long)out.closed);
	return status;
}

const struct verb connection_verbs[] = {
	{ NULL, "connections", run_connections, "[--user USER]", "who is connected, from where, and what goes on there" },
	{ NULL, "kill", run_kill, "CONNECTION | --user USER", "close a connection, or all of a user" },
	{ .name = NULL },
};
