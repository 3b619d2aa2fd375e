/* SPDX-License-Identifier: Apache-2.0
 *
 * Delegation tokens by Kafka's own requests, which name one by its HMAC. That is a password, so here a token is
 * named by its id, and the HMAC is asked of the broker, who tells it to whom it is told anyway: command lines are
 * seen by everybody on the machine. */
#include <string.h>

#include "cli/cli.h"
#include "security/base64.h"

#define USER_TYPE "User"

/* "90s", "30m", "12h", "7d": ms. */
static int
parse_period(const char *option, const char *text, int64_t *ret)
{
	if (args_period(text, ret) == 0)
		return 0;
	return cli_complain(CLI_USAGE, "%s %s: a time is expected, like 90s, 30m, 12h or 7d", option, text);
}

/* ---- showing ---- */

static const struct print_column columns[] = {
	{ "id", PRINT_TEXT }, { "owner", PRINT_TEXT }, { "made_by", PRINT_TEXT }, { "renewers", PRINT_LIST },
	{ "issued", PRINT_TEXT }, { "expires", PRINT_TEXT }, { "ends_at_latest", PRINT_TEXT }, { "hmac", PRINT_TEXT },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static struct str
hmac_text(struct cli *cli, struct bytes hmac)
{
	char *text = arena_zalloc(cli->arena, BASE64_LEN(hmac.n) + 1);
	return (struct str){ text, base64_encode(hmac.p, hmac.n, text) };
}

static void
row(struct cli *cli, struct print_table *t, const struct describe_delegation_token_rsp_token *k, bool secret)
{
	struct str *cell = print_row(t);
	cell[0] = k->token_id;
	cell[1] = k->principal_name.s;
	cell[2] = print_name(k->token_requester_principal_name.s);
	ARRAY_FOREACH(const struct describe_delegation_token_rsp_renewer, r, k->renewers)
		cell[3] = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(cell[3]), cell[3].n > 0 ? "," : "",
		    STR_ARG(r->principal_name.s));
	cell[4] = cli_when(cli, k->issue_timestamp);
	cell[5] = cli_when(cli, k->expiry_timestamp);
	cell[6] = cli_when(cli, k->max_timestamp);
	if (secret)
		cell[7] = hmac_text(cli, k->hmac);
}

/* ---- asking ---- */

/* Of these users (0: of all), what the caller may see. */
static int
describe(struct cli *cli, char **users, int n, struct describe_delegation_token_rsp *ret)
{
	struct describe_delegation_token_req in;
	wire_defaults(&describe_delegation_token_req_msg, &in);
	in.owners.n = n > 0 ? 0 : -1;
	for (int i = 0; i < n; i++) {
		struct describe_delegation_token_req_owner *o =
		    WIRE_ADD(cli->arena, in.owners, describe_delegation_token_req_owner);
		o->principal_type = STR(USER_TYPE);
		o->principal_name = cli_name(users[i]);
	}
	int status = cli_open_in(cli, STR_NULL);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_DESCRIBE_DELEGATION_TOKEN, &in, ret);
	return status != 0 ? status : cli_answer(cli, "delegation tokens", ret->error_code, STR_NULL);
}

/* The id as it was told, or the part of it before the tenant. */
static bool
is_token(struct str id, const char *said)
{
	size_t n = strlen(said);
	return str_is(id, said) || (id.n > n && id.p[n] == '@' && memcmp(id.p, said, n) == 0);
}

static int
find(struct cli *cli, const char *id, struct bytes *ret_hmac)
{
	struct describe_delegation_token_rsp all;
	int status = describe(cli, NULL, 0, &all);
	if (status != 0)
		return status;
	ARRAY_FOREACH(const struct describe_delegation_token_rsp_token, t, all.tokens) {
		if (!is_token(t->token_id, id))
			continue;
		*ret_hmac = t->hmac;
		return 0;
	}
	return cli_complain(CLI_REFUSED, "there is no delegation token %s that you may see\n"
	    "  schlossctl token list shows those that you may", cli_escape(cli, str_from(id)));
}

/* ---- verbs ---- */

static int
create_request(struct cli *cli, struct args *args, struct create_delegation_token_req *in)
{
	const char *owner = NULL, *renewer = NULL, *lifetime = NULL;
	int status = 0;
	wire_defaults(&create_delegation_token_req_msg, in);
	in->max_lifetime_ms = -1;
	args_option(args, "--owner", &owner);
	while (args_option(args, "--renewer", &renewer)) {
		struct create_delegation_token_req_renewer *r =
		    WIRE_ADD(cli->arena, in->renewers, create_delegation_token_req_renewer);
		r->principal_type = STR(USER_TYPE);
		r->principal_name = cli_name(renewer);
	}
	if (args_option(args, "--lifetime", &lifetime))
		status = parse_period("--lifetime", lifetime, &in->max_lifetime_ms);
	if (owner != NULL) {
		in->owner_principal_type = STR(USER_TYPE);
		in->owner_principal_name = cli_name(owner);
	}
	if (status == 0)
		status = args_end(args, 0, 0);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0 && owner == NULL && cli->entered.p != NULL)
		status = cli_complain(CLI_USAGE, "whose? --owner USER: you are no user of tenant %s",
		    cli_escape(cli, cli->entered));
	return status;
}

static int
token_create(struct cli *cli, struct args *args)
{
	struct create_delegation_token_req in;
	struct create_delegation_token_rsp out;
	struct print_table t;
	int status = create_request(cli, args, &in);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_CREATE_DELEGATION_TOKEN, &in, &out);
	if (status != 0)
		return status;
	status = cli_answer(cli, "delegation token", out.error_code, STR_NULL);
	if (status == CLI_REFUSED && in.owner_principal_name.s.p != NULL)
		cli_hint_login(cli, cli_tenant_field(cli), in.owner_principal_name.s, NULL, NULL);
	if (status != 0)
		return status;
	struct describe_delegation_token_rsp_token k = {
		.principal_name = out.principal_name, .token_id = out.token_id, .hmac = out.hmac,
		.token_requester_principal_name = out.token_requester_principal_name,
		.issue_timestamp = out.issue_timestamp_ms, .expiry_timestamp = out.expiry_timestamp_ms,
		.max_timestamp = out.max_timestamp_ms,
	};
	ARRAY_FOREACH(const struct create_delegation_token_req_renewer, r, in.renewers)
		WIRE_ADD(cli->arena, k.renewers, describe_delegation_token_rsp_renewer)->principal_name = r->principal_name;
	print_table_init(&t, &cli->print, "tokens", columns, COLUMNS);
	row(cli, &t, &k, true);
	print_table(&cli->print, &t);
	return 0;
}

static int
token_list(struct cli *cli, struct args *args)
{
	struct describe_delegation_token_rsp out;
	struct print_table t;
	bool secret = args_flag(args, "--hmac");
	int status = args_end(args, 0, 1000);
	if (status == 0)
		status = describe(cli, args->v, args->n, &out);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "tokens", columns, secret ? COLUMNS : COLUMNS - 1);
	ARRAY_FOREACH(const struct describe_delegation_token_rsp_token, k, out.tokens)
		row(cli, &t, k, secret);
	print_table(&cli->print, &t);
	return 0;
}

static int
token_renew(struct cli *cli, struct args *args)
{
	struct renew_delegation_token_req in;
	struct renew_delegation_token_rsp out;
	const char *period = NULL;
	wire_defaults(&renew_delegation_token_req_msg, &in);
	in.renew_period_ms = -1;
	int status = args_option(args, "--for", &period) ? parse_period("--for", period, &in.renew_period_ms) : 0;
	if (status == 0)
		status = args_end(args, 1, 1);
	if (status == 0)
		status = find(cli, args->v[0], &in.hmac);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_RENEW_DELEGATION_TOKEN, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "delegation token", out.error_code, STR_NULL);
	if (status == 0)
		print_done(&cli->print, "Token %s holds until %s.", cli_escape(cli, str_from(args->v[0])),
		    cli_when(cli, out.expiry_timestamp_ms).p);
	return status;
}

static int
token_expire(struct cli *cli, struct args *args)
{
	struct expire_delegation_token_req in;
	struct expire_delegation_token_rsp out;
	const char *period = NULL;
	wire_defaults(&expire_delegation_token_req_msg, &in);
	in.expiry_time_period_ms = -1;
	int status = args_option(args, "--in", &period) ? parse_period("--in", period, &in.expiry_time_period_ms) : 0;
	if (status == 0)
		status = args_end(args, 1, 1);
	if (status == 0)
		status = find(cli, args->v[0], &in.hmac);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_EXPIRE_DELEGATION_TOKEN, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "delegation token", out.error_code, STR_NULL);
	if (status == 0 && period != NULL)
		print_done(&cli->print, "Token %s holds until %s.", cli_escape(cli, str_from(args->v[0])),
		    cli_when(cli, out.expiry_timestamp_ms).p);
	else if (status == 0)
		print_done(&cli->print, "Token %s is gone.", cli_escape(cli, str_from(args->v[0])));
	return status;
}

const struct verb token_verbs[] = {
	{ "token", "create", token_create, "[--owner USER] [--renewer USER] ... [--lifetime 7d]",
	    "make a delegation token: a login for a while, by its id and HMAC" },
	{ "token", "list", token_list, "[--hmac] [USER ...]", "delegation tokens that you may see" },
	{ "token", "renew", token_renew, "ID [--for 1d]", "put a token's end off" },
	{ "token", "expire", token_expire, "ID [--in 1h]", "end a token, now or soon; its connections end" },
	{ .name = NULL },
};
