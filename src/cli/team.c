/* SPDX-License-Identifier: Apache-2.0
 *
 * Teams: groups of users, for modes and for rules (Team:NAME). */
#include "cli/cli.h"

enum { TEAM_CREATE = 0, TEAM_DELETE = 1, TEAM_ADD = 2, TEAM_REMOVE = 3 };

static int
no_team(struct cli *cli, struct str team)
{
	const char *name = cli_escape(cli, team);
	return cli_complain(CLI_REFUSED, "there is no team %s\n  schlossctl team create %s makes it", name, name);
}

int
cli_team_exists(struct cli *cli, struct str team)
{
	struct team_list_req in;
	struct team_list_rsp out;
	wire_defaults(&team_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.teams.n = 0;
	*ARRAY_ADD(cli->arena, in.teams) = team;
	int status = cli_call(cli, WIRE_KEY_TEAM_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "teams", out.error_code, out.error_message);
	return status != 0 || out.teams.n > 0 ? status : no_team(cli, team);
}

static bool
listed(const struct team_list_rsp *out, struct str team)
{
	ARRAY_FOREACH(const struct team_list_rsp_team, t, out->teams)
		if (str_eq(t->name, team))
			return true;
	return false;
}

static int
change(struct cli *cli, struct args *args, int action, const char *done)
{
	struct team_alter_req in;
	struct team_alter_rsp out;
	bool users = action == TEAM_ADD || action == TEAM_REMOVE;
	int status = args_end(args, users ? 2 : 1, users ? 1000 : 1);
	if (status != 0)
		return status;
	wire_defaults(&team_alter_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	struct team_alter_req_change *c = WIRE_ADD(cli->arena, in.changes, team_alter_req_change);
	c->action = (int8_t)action;
	c->team = str_from(args->v[0]);
	for (int i = 1; i < args->n; i++)
		*ARRAY_ADD(cli->arena, c->users) = str_from(args->v[i]);
	if (users)
		status = cli_team_exists(cli, c->team);
	if (status != 0)
		return status;
	status = cli_call(cli, WIRE_KEY_TEAM_ALTER, &in, &out);
	const char *what = arena_printf(cli->arena, "team %s", cli_escape(cli, c->team)).p;
	if (status == 0)
		status = cli_answer(cli, what, out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, what, out.results.v[i].error_code, out.results.v[i].error_message);
	for (int i = 1; status == CLI_REFUSED && i < args->n; i++)
		cli_hint_login(cli, in.tenant, str_from(args->v[i]), NULL, NULL);
	if (status == 0)
		print_done(&cli->print, "Team %s %s.", args->v[0], done);
	return status;
}

static int
team_create(struct cli *cli, struct args *args)
{
	return change(cli, args, TEAM_CREATE, "is made");
}

static int
team_delete(struct cli *cli, struct args *args)
{
	return change(cli, args, TEAM_DELETE, "is deleted");
}

static int
team_add(struct cli *cli, struct args *args)
{
	return change(cli, args, TEAM_ADD, "has them in it");
}

static int
team_remove(struct cli *cli, struct args *args)
{
	return change(cli, args, TEAM_REMOVE, "has them no more");
}

static int
team_list(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "members", PRINT_LIST },
	};
	struct team_list_req in;
	struct team_list_rsp out;
	struct print_table t;
	wire_defaults(&team_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.teams.n = -1;
	int status = args_end(args, 0, 1000);
	for (int i = 0; status == 0 && i < args->n; i++)
		*ARRAY_ADD(cli->arena, in.teams) = str_from(args->v[i]);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_TEAM_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "teams", out.error_code, out.error_message);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "teams", columns, 2);
	for (int32_t i = 0; i < out.teams.n; i++) {
		const struct team_list_rsp_team *team = &out.teams.v[i];
		struct str *cell = print_row(&t);
		cell[0] = team->name;
		for (int32_t k = 0; k < team->members.n; k++)
			cell[1] = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(cell[1]), k > 0 ? "," : "",
			    STR_ARG(team->members.v[k]));
	}
	print_table(&cli->print, &t);
	for (int i = 0; i < args->n; i++)
		if (!listed(&out, str_from(args->v[i])))
			status = no_team(cli, str_from(args->v[i]));
	return status;
}

const struct verb team_verbs[] = {
	{ "team", "create", team_create, "NAME", "make a team", true },
	{ "team", "add", team_add, "TEAM USER ...", "put users into a team", true },
	{ "team", "remove", team_remove, "TEAM USER ...", "take users out of a team", true },
	{ "team", "delete", team_delete, "TEAM", "delete a team", true },
	{ "team", "list", team_list, "[TEAM ...]", "teams with their members" },
	{ .name = NULL },
};
