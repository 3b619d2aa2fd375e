/* SPDX-License-Identifier: Apache-2.0
 *
 * Dry runs: each request of a verb goes inside Rehearse, behind those before it, so that the verb sees what it would
 * see; the last time the broker is asked whose access would be another. Nothing else leaves the connection: a request
 * that the broker does not rehearse is refused there, and an older broker does not know Rehearse. */
#include "cli/rehearse.h"

#include <stdio.h>

#include "wire/codec.h"
#include "wire/kerr.h"

static int
ask(struct cli *cli, bool compare, struct rehearse_rsp *ret)
{
	struct rehearse_req in;
	struct why why;
	wire_defaults(&rehearse_req_msg, &in);
	in.calls.v = cli->rehearsed.v;
	in.calls.n = cli->rehearsed.n;
	in.compare = compare;
	if (conn_call(cli->conn, cli->arena, WIRE_KEY_REHEARSE, &in, ret, &why) != 0)
		return cli_complain(CLI_UNREACHED, "%s\n  a broker from before --dry-run ends the connection",
		    cli_escape(cli, str_from(why.text)));
	return cli_answer(cli, "--dry-run", ret->error_code, ret->error_message);
}

int
rehearse_call(struct cli *cli, int key, const void *in, void *ret)
{
	struct rehearse_rsp out;
	int version = conn_version(cli->conn, key);
	struct rehearse_req_call *call = ARRAY_ADD(cli->arena, cli->rehearsed);
	call->api_key = (int16_t)key;
	call->api_version = (int16_t)version;
	if (version < wire_api_find(key)->lo || wire_encode_whole(wire_api_find(key)->req, version, cli->arena, 0, in, &call->body) != 0)
		return cli_complain(CLI_UNREACHED, "--dry-run: the broker does not know this request");
	int status = ask(cli, false, &out);
	if (status != 0)
		return status;
	struct reader r = reader_of(out.body.p, out.body.n);
	if (wire_decode(wire_api_find(key)->rsp, version, &r, cli->arena, 0, ret) != 0)
		return cli_complain(CLI_UNREACHED, "--dry-run: the broker's answer cannot be read");
	return 0;
}

static struct str
user_of(struct cli *cli, const struct rehearse_rsp_change *c)
{
	if (c->kind != 1)
		return c->user;
	return cli->print.form == PRINT_JSON ? STR_NULL : STR("(no record)");
}

static void
print_changes(struct cli *cli, const struct rehearse_rsp *out)
{
	static const struct print_column columns[] = {
		{ "user", PRINT_TEXT }, { "gains", PRINT_LIST }, { "loses", PRINT_LIST }, { "path", PRINT_TEXT },
	};
	struct print_table t;
	print_table_init(&t, &cli->print, "changes", columns, 4);
	ARRAY_FOREACH(const struct rehearse_rsp_change, c, out->changes) {
		struct str *cell = print_row(&t);
		cell[0] = user_of(cli, c);
		cell[1] = cli_operations(cli, c->gained);
		cell[2] = cli_operations(cli, c->lost);
		cell[3] = c->path;
	}
	if (t.first != NULL || cli->print.form == PRINT_JSON)
		print_table(&cli->print, &t);
}

/* What was left out is said beside the table, in both forms: a program must not take it for the whole. */
static void
print_limits(const struct rehearse_rsp *out)
{
	(void)fflush(stdout);
	if (out->only_own)
		fprintf(stderr, "schlossctl: only your own access was compared: others' is told to who administers the tenant\n");
	if (out->cut)
		fprintf(stderr, "schlossctl: there may be more: not everything was compared\n");
}

int
rehearse_tell(struct cli *cli)
{
	struct rehearse_rsp out;
	int status = cli->rehearsed.n == 0 ? 0 : ask(cli, true, &out);
	if (status != 0 || cli->rehearsed.n == 0)
		return status;
	print_changes(cli, &out);
	if (cli->print.form != PRINT_JSON)
		printf("%sNothing was changed: this was a dry run.\n", out.changes.n > 0 ? "" :
		    out.only_own ? "Your own access would be the same. " : "Nobody's access would be another. ");
	print_limits(&out);
	return 0;
}
