/* SPDX-License-Identifier: Apache-2.0
 *
 * What all verbs share: the connection, made when it is first needed; whose
 * names are meant; and errors that end with what to do next. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "cli/rehearse.h"
#include "wire/kerr.h"

int
cli_complain(int status, const char *fmt, ...)
{
	va_list ap;
	(void)fflush(stdout); /* what was done stands before what was not */
	fputs("schlossctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

const char *
cli_escape(struct cli *cli, struct str s)
{
	size_t size = s.n * 4 + 8;
	return str_escape(s, arena_alloc(cli->arena, size), size);
}

/* Whether the tenant has that user: 1, 0, or -1 where we may not know. */
static int
has_user(struct cli *cli, struct str tenant, struct str user)
{
	struct user_list_req in;
	struct user_list_rsp out;
	wire_defaults(&user_list_req_msg, &in);
	in.tenant = tenant;
	in.users.n = 0;
	*ARRAY_ADD(cli->arena, in.users) = user;
	return cli_call(cli, WIRE_KEY_USER_LIST, &in, &out) != 0 || out.error_code != 0 ? -1 : out.users.n > 0;
}

void
cli_warn_of_nobody(struct cli *cli, struct str tenant, struct str user)
{
	if (has_user(cli, tenant, user) != 0)
		return;
	cli_complain(CLI_OK, "warning: there is no user %s; it counts from when there is one",
	    cli_escape(cli, user));
	cli_hint_login(cli, tenant, user, NULL, NULL);
}

bool
cli_is_login(struct cli *cli, struct str tenant, struct str user, struct str *ret_name,
    struct str *ret_tenant)
{
	struct acl_path path;
	struct why why;
	const char *at = user.n > 0 ? memrchr(user.p, '@', user.n) : NULL;
	if (at == NULL || at == user.p)
		return false;
	struct str behind = { at + 1, (size_t)(user.p + user.n - at - 1) };
	if (acl_path_parse(cli->arena, arena_printf(cli->arena, "/%.*s", STR_ARG(behind)), &path, &why) != 0 ||
	    path.type != ACL_TENANT || !str_eq(path.tenant, behind))
		return false;
	int there = has_user(cli, tenant, user);
	if (there > 0 || (there < 0 && (cli->props.user == NULL || !str_is(user, cli->props.user))))
		return false;
	*ret_name = (struct str){ user.p, (size_t)(at - user.p) };
	*ret_tenant = behind;
	return true;
}

void
cli_hint_login(struct cli *cli, struct str tenant, struct str user, const char *command, const char *rest)
{
	struct str name, behind;
	if (!cli_is_login(cli, tenant, user, &name, &behind))
		return;
	(void)fflush(stdout);
	fprintf(stderr, "  is it %s of the tenant %.*s? ", cli_escape(cli, name), STR_ARG(behind));
	if (command == NULL)
		fprintf(stderr, "there the name stands alone, and elsewhere he is nobody\n");
	else
		fprintf(stderr, "schlossctl --tenant %.*s %s %s%s%s\n", STR_ARG(behind), command, cli_escape(cli, name),
		    rest != NULL ? " " : "", rest != NULL ? rest : "");
}

struct name
cli_name(const char *s)
{
	return NAME(0, str_from(s));
}

struct str
cli_tenant_field(const struct cli *cli)
{
	return str_from(cli->tenant);
}

int
cli_open(struct cli *cli)
{
	struct why why = { "" };
	struct conn_misses misses = { .arena = cli->arena };
	if (cli->conn != NULL)
		return 0;
	const char *file = cli->file != NULL ? cli->file : props_default(cli->arena);
	if (file == NULL)
		return cli_complain(CLI_UNREACHED, "there is no client file: name one by -F FILE");
	if (props_load(file, cli->arena, &cli->props, &why) == 0 &&
	    conn_open(&cli->props, &misses, &cli->conn, &why) == 0)
		return 0;
	cli_complain(CLI_UNREACHED, "%s", cli_escape(cli, str_from(why.text)));
	ARRAY_FOREACH(const struct str, miss, misses.v)
		fprintf(stderr, "  %s\n", cli_escape(cli, *miss));
	return CLI_UNREACHED;
}

int
cli_call(struct cli *cli, int key, const void *in, void *ret)
{
	struct why why;
	int status = cli_open(cli);
	if (status != 0)
		return status;
	if (cli->dry_run && key != WIRE_KEY_ENTER) /* which changes nothing but what names of this connection mean */
		return rehearse_call(cli, key, in, ret);
	if (conn_call(cli->conn, cli->arena, key, in, ret, &why) != 0)
		return cli_complain(CLI_UNREACHED, "%s", cli_escape(cli, str_from(why.text)));
	return 0;
}

int
cli_own_tenant(struct cli *cli)
{
	struct id_req in;
	struct id_rsp out;
	if (cli->own_tenant.p != NULL)
		return 0;
	wire_defaults(&id_req_msg, &in);
	int status = cli_call(cli, WIRE_KEY_ID, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "id", out.error_code, out.error_message);
	if (status == 0)
		cli->own_tenant = out.tenant_name;
	return status;
}

int
cli_path_tenant(struct cli *cli, struct str *ret)
{
	if (cli->tenant != NULL) {
		*ret = str_from(cli->tenant);
		return 0;
	}
	int status = cli_own_tenant(cli);
	if (status == 0)
		*ret = cli->own_tenant;
	return status;
}

int
cli_open_in(struct cli *cli, struct str tenant)
{
	struct enter_req in;
	struct enter_rsp out;
	if (tenant.p == NULL)
		tenant = str_from(cli->tenant);
	if (tenant.p == NULL || str_eq(tenant, cli->entered))
		return cli_open(cli);
	int status = cli_own_tenant(cli);
	if (status != 0 || (cli->entered.p == NULL && str_eq(tenant, cli->own_tenant)))
		return status;
	wire_defaults(&enter_req_msg, &in);
	in.tenant = tenant;
	status = cli_call(cli, WIRE_KEY_ENTER, &in, &out);
	if (status == 0)
		status = cli_answer(cli, arena_printf(cli->arena, "tenant %s", cli_escape(cli, tenant)).p,
		    out.error_code, out.error_message);
	if (status == 0)
		cli->entered = tenant;
	return status;
}

/* What to do next, for errors where it is the same every time. */
static const struct {
	int kerr;
	const char *hint;
} hints[] = {
	{ KERR_TOPIC_AUTHORIZATION_FAILED, "schlossctl id says who you are, schlossctl why USER OPERATION topics/NAME what is missing" },
	{ KERR_GROUP_AUTHORIZATION_FAILED, "schlossctl id says who you are, schlossctl why USER OPERATION groups/NAME what is missing" },
	{ KERR_CLUSTER_AUTHORIZATION_FAILED, "this needs x on the tenant, or (for / and a tenant's own limits) an "
	    "operator; schlossctl id says who you are" },
	{ KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "schlossctl id says who you are, schlossctl why USER "
	    "OPERATION txns/NAME what is missing" },
	{ KERR_UNKNOWN_TOPIC_OR_PARTITION, "schlossctl topic list shows those that you may see" },
	{ KERR_TOPIC_ALREADY_EXISTS, "schlossctl topic alter changes it" },
	{ KERR_NON_EMPTY_GROUP, "stop its members first; schlossctl group describe shows them" },
	{ KERR_GROUP_ID_NOT_FOUND, "schlossctl group list shows those that you may see, and "
	    "schlossctl ls groups names that are reserved" },
	{ KERR_INVALID_CONFIG, "schlossctl topic describe NAME --all shows all settings" },
	{ KERR_RESOURCE_NOT_FOUND, "schlossctl user list, team list, tenant list and ls -R show what you may see" },
	{ KERR_DUPLICATE_RESOURCE, "schlossctl user list, team list and tenant list show those that there are; "
	    "user passwd sets a new password" },
	{ KERR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, "tokens are had over TLS, by who has logged in as a user by "
	    "his own credential" },
	{ KERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED, "for others tokens are made by who has x on the tenant, and for "
	    "operators by operators" },
	{ KERR_DELEGATION_TOKEN_OWNER_MISMATCH, "its owner, his renewers, and who has x on the tenant give it another end" },
	{ KERR_UNSUPPORTED_SASL_MECHANISM, "mechanisms of a user are SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, GSSAPI, "
	    "TLS and OAUTHBEARER" },
};

int
cli_answer(struct cli *cli, const char *what, int kerr, struct str message)
{
	if (kerr == 0)
		return 0;
	const char *text = message.n > 0 ? cli_escape(cli, message) : kerr_text(kerr);
	cli_complain(CLI_REFUSED, "%s: %s (%s)", what, text, kerr_name(kerr));
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].kerr == kerr)
			fprintf(stderr, "  %s\n", hints[i].hint);
	return CLI_REFUSED;
}

struct str
cli_when(struct cli *cli, int64_t ms)
{
	char text[32];
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return print_number(&cli->print, ms);
	return arena_str(cli->arena, str_from(text));
}

struct str
cli_operations(struct cli *cli, int32_t bits)
{
	struct str s = STR_NULL;
	for (int op = 0; op <= ACL_OP_LAST; op++)
		if (((uint32_t)bits >> op & 1) != 0)
			s = arena_printf(cli->arena, "%.*s%s%s", STR_ARG(s), s.n > 0 ? "," : "", acl_op_name((enum acl_op)op));
	return s;
}
