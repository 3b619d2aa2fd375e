/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths of the permission tree: ls, chmod, chown, chgrp; and id. A mode in any
 * notation goes over the wire as the bits that it clears and those that it sets,
 * so that one request changes many nodes. */
#include "cli/tree.h"

#include <stdio.h>
#include <string.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "base/buf.h"
#include "wire/kerr.h"

#define PAGE 1000

static const char *
text_of(struct cli *cli, const struct buf *b)
{
	return arena_str(cli->arena, buf_str(b)).p;
}

/* What is looked for in the tree and is not there: where it is. */
static const char *
elsewhere(const char *text)
{
	static const struct { const char *one, *many, *where; } rows[] = {
		{ "user", "users", "schlossctl user list shows the users; users/NAME, and 'users/*', are paths for quotas" },
		{ "team", "teams", "schlossctl team list shows the teams" },
		{ "tenant", "tenants", "schlossctl tenant list shows the tenants" },
		{ "quota", "quotas", "schlossctl quota show shows the quotas" },
		{ "rule", "rules", "schlossctl getfacl PATH shows the rules on a path" },
		{ "acl", "acls", "schlossctl getfacl PATH shows the rules on a path" },
		{ "topic", "topic", "schlossctl topic list shows the topics, and their directory is topics" },
		{ "group", "group", "schlossctl group list shows the groups, and their directory is groups" },
	};
	struct str rest = str_from(text), part;
	int parts = 1;
	if (text[0] == '/')
		rest = (struct str){ text + 1, rest.n - 1 };
	if (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	while (str_cut(&rest, '/', &part))
		parts++;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parts == (text[0] == '/' ? 2 : 1) && (str_is(part, rows[i].one) || str_is(part, rows[i].many)))
			return rows[i].where;
	return NULL;
}

int
tree_path(struct cli *cli, const char *text, struct str *ret)
{
	struct acl_path path;
	struct why why;
	struct str tenant, whole = str_from(text);
	if (text[0] != '/') {
		int status = cli_path_tenant(cli, &tenant);
		if (status != 0)
			return status;
		whole = arena_printf(cli->arena, "/%.*s/%s", STR_ARG(tenant), text);
	}
	const char *shown = cli_escape(cli, str_from(text));
	if (acl_path_parse(cli->arena, whole, &path, &why) == 0) {
		*ret = whole;
		return 0;
	}
	if (elsewhere(text) != NULL)
		return cli_complain(CLI_USAGE, "%s is no path: %s", shown, elsewhere(text));
	if (strchr(text, '/') == NULL)
		return cli_complain(CLI_USAGE, "%s is no path: a topic's is topics/%s, a group's groups/%s", shown,
		    shown, shown);
	return cli_complain(CLI_USAGE, "%s: %s", shown, why.text);
}

/* Users have paths for their quotas, but stand in no tree. */
static int
no_node(struct cli *cli, const char *text, const struct acl_path *path)
{
	struct str tenant = text[0] == '/' ? path->tenant : str_from(cli->tenant);
	const char *in = tenant.n == 0 ? "" : arena_printf(cli->arena, "--tenant %.*s ", STR_ARG(tenant)).p;
	return cli_complain(CLI_USAGE, "%s has no owner, no mode and no rules, it is a path for quotas\n"
	    "  schlossctl %suser list%s%s shows %s, schlossctl quota show %s%s%s the quotas",
	    cli_escape(cli, str_from(text)), in, path->star ? "" : " ", path->star ? "" : cli_escape(cli, path->name),
	    path->star ? "the users" : "the user", path->star ? "'" : "", cli_escape(cli, str_from(text)),
	    path->star ? "'" : "");
}

int
tree_node_path(struct cli *cli, const char *text, struct str *ret)
{
	struct acl_path path;
	struct why why;
	struct str whole;
	int status = tree_path(cli, text, &whole);
	if (status == 0 && acl_path_parse(cli->arena, whole, &path, &why) == 0 && path.type == ACL_USER)
		return no_node(cli, text, &path);
	if (status == 0)
		*ret = whole;
	return status;
}

int
tree_path_of(struct cli *cli, const char *directory, const char *name, struct str *ret)
{
	static const struct { const char *directory; enum acl_type type; } types[] = {
		{ "topics", ACL_TOPIC }, { "groups", ACL_GROUP }, { "txns", ACL_TXN },
	};
	struct str tenant;
	struct buf out;
	int status = cli_path_tenant(cli, &tenant);
	for (size_t i = 0; status == 0 && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].directory, directory) != 0)
			continue;
		buf_init(&out, 65536);
		if (acl_path_format(&out, types[i].type, tenant, str_from(name)) != 0)
			status = cli_complain(CLI_USAGE, "the name is too long");
		*ret = str_from(text_of(cli, &out));
		buf_free(&out);
	}
	return status;
}

static int
mode_bits(const char *text, int16_t *ret_clear, int16_t *ret_set)
{
	struct why why;
	unsigned clear, set;
	if (acl_mode_masks(str_from(text), &clear, &set, &why) != 0)
		return cli_complain(CLI_USAGE, "mode %s: %s", text, why.text);
	*ret_clear = (int16_t)clear;
	*ret_set = (int16_t)set;
	return 0;
}

int
tree_mode_check(const char *mode)
{
	int16_t clear, set;
	return mode_bits(mode, &clear, &set);
}

/* Owners are users of the path's tenant. */
static void
hint_of_owner(struct cli *cli, const struct tree_change *change)
{
	struct acl_path path;
	struct why why;
	if (acl_path_parse(cli->arena, change->path, &path, &why) == 0)
		cli_hint_login(cli, path.tenant, str_from(change->owner), NULL, NULL);
}

int
tree_change(struct cli *cli, const struct tree_change *change)
{
	struct tree_set_req in;
	struct tree_set_rsp out;
	wire_defaults(&tree_set_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	struct tree_set_req_change *c = WIRE_ADD(cli->arena, in.changes, tree_set_req_change);
	c->path = change->path;
	c->owner = str_from(change->owner);
	c->team = str_from(change->team);
	c->recursive = change->recursive;
	c->force = change->force;
	int status = change->mode == NULL ? 0 : mode_bits(change->mode, &c->mode_clear, &c->mode_set);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_TREE_SET, &in, &out);
	const char *path = cli_escape(cli, change->path);
	if (status == 0)
		status = cli_answer(cli, path, out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, path, out.results.v[i].error_code, out.results.v[i].error_message);
	if (status == CLI_REFUSED && change->owner != NULL)
		hint_of_owner(cli, change);
	return status;
}

/* "USER", "USER:TEAM" or ":TEAM"; a colon is in no name. */
static void
owner_and_team(struct cli *cli, struct tree_change *change)
{
	struct str team = str_from(change->owner), owner;
	(void)str_cut(&team, ':', &owner);
	change->owner = owner.n > 0 ? arena_str(cli->arena, owner).p : NULL;
	change->team = team.n > 0 ? arena_str(cli->arena, team).p : NULL;
}

/* chmod, chown and chgrp differ in which member their first word fills. */
static int
change_paths(struct cli *cli, struct args *args, size_t member)
{
	struct tree_change change = { .recursive = args_flag(args, "-R|--recursive") };
	change.force = args_flag(args, "--force");
	int status = args_end(args, 2, 1000);
	if (status != 0)
		return status;
	*(const char **)((char *)&change + member) = args->v[0];
	if (change.owner != NULL)
		owner_and_team(cli, &change);
	if (change.mode == NULL && change.owner == NULL && (change.team == NULL || change.team[0] == '\0'))
		return cli_complain(CLI_USAGE, "an empty name is nobody's: chmod u= or g= takes the rights of the owner "
		    "or of the team away");
	for (int i = 1; status == 0 && i < args->n; i++) {
		status = tree_node_path(cli, args->v[i], &change.path);
		if (status == 0)
			status = tree_change(cli, &change);
	}
	return status;
}

/* chmod(1) takes -x for a mode, and so do we: no option has its letters. */
static void
take_minus_modes(struct cli *cli, struct args *args)
{
	for (int i = 0; i < args->n && strcmp(args->v[i], "--") != 0; i++) {
		const char *word = args->v[i];
		size_t n = word[0] == '-' ? strspn(word + 1, "rwx") : 0;
		if (n > 0 && (word[n + 1] == '\0' || word[n + 1] == ','))
			args->v[i] = (char *)(uintptr_t)arena_printf(cli->arena, "a%s", word).p;
	}
}

static int
run_chmod(struct cli *cli, struct args *args)
{
	take_minus_modes(cli, args);
	return change_paths(cli, args, offsetof(struct tree_change, mode));
}

static int
run_chown(struct cli *cli, struct args *args)
{
	return change_paths(cli, args, offsetof(struct tree_change, owner));
}

static int
run_chgrp(struct cli *cli, struct args *args)
{
	return change_paths(cli, args, offsetof(struct tree_change, team));
}

static void
ls_row(struct cli *cli, struct print_table *t, const struct tree_list_rsp_node *node)
{
	char mode[ACL_MODE_TEXT];
	struct str *cell = print_row(t);
	cell[0] = arena_str(cli->arena, str_from(acl_mode_format((unsigned)node->mode & 0777, mode)));
	cell[1] = print_name(node->owner);
	cell[2] = print_name(node->team);
	cell[3] = node->by_use ? STR("by-use") : STR_NULL;
	if (node->create_mode >= 0)
		cell[3] = arena_printf(cli->arena, "create:%04o", (unsigned)node->create_mode & 0777);
	cell[4] = node->path;
}

static int
ls_pages(struct cli *cli, struct tree_list_req *in, struct print_table *t)
{
	struct tree_list_rsp out;
	do {
		int status = cli_call(cli, WIRE_KEY_TREE_LIST, in, &out);
		if (status != 0)
			return status;
		for (int32_t i = 0; i < out.nodes.n; i++) /* groups may be missing: what is known, then that */
			ls_row(cli, t, &out.nodes.v[i]);
		status = cli_answer(cli, cli_escape(cli, in->path), out.error_code, out.error_message);
		if (status != 0)
			return status;
		if (out.nodes.n > 0)
			in->after = out.nodes.v[out.nodes.n - 1].path;
	} while (out.more && out.nodes.n > 0);
	return in->after.p != NULL ? 0 : cli_complain(CLI_REFUSED, "%s: there is no such path, or none that you "
	    "may see\n  schlossctl ls -R shows those that you may see", cli_escape(cli, in->path));
}

/* The root has no owner and no mode: below it are the tenants that one may see. */
static int
ls_root(struct cli *cli, struct tree_list_req *in, struct print_table *t)
{
	struct tenant_list_req ask;
	struct tenant_list_rsp tenants;
	struct tree_list_rsp out;
	wire_defaults(&tenant_list_req_msg, &ask);
	int status = cli_call(cli, WIRE_KEY_TENANT_LIST, &ask, &tenants);
	if (status == 0)
		status = cli_answer(cli, "/", tenants.error_code, tenants.error_message);
	for (int32_t i = 0; status == 0 && i < tenants.tenants.n; i++) {
		in->path = arena_printf(cli->arena, "/%.*s", STR_ARG(tenants.tenants.v[i].name));
		in->after = STR_NULL;
		if (in->recursive) {
			status = ls_pages(cli, in, t);
			continue;
		}
		in->limit = 1;
		status = cli_call(cli, WIRE_KEY_TREE_LIST, in, &out);
		if (status == 0 && out.error_code == 0 && out.nodes.n == 1 && str_eq(out.nodes.v[0].path, in->path))
			ls_row(cli, t, &out.nodes.v[0]);
	}
	return status;
}

static int
run_ls(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "mode", PRINT_TEXT }, { "owner", PRINT_TEXT }, { "team", PRINT_TEXT }, { "note", PRINT_TEXT },
		{ "path", PRINT_TEXT },
	};
	struct tree_list_req in;
	struct print_table t;
	struct str tenant;
	wire_defaults(&tree_list_req_msg, &in);
	in.recursive = args_flag(args, "-R|--recursive");
	in.limit = PAGE;
	in.tenant = cli_tenant_field(cli);
	int status = args_end(args, 0, 1);
	if (status == 0 && args->n == 1)
		status = tree_node_path(cli, args->v[0], &in.path);
	else if (status == 0) {
		status = cli_path_tenant(cli, &tenant);
		in.path = arena_printf(cli->arena, "/%.*s", STR_ARG(tenant));
	}
	print_table_init(&t, &cli->print, "nodes", columns, 5);
	if (status == 0)
		status = str_is(in.path, "/") ? ls_root(cli, &in, &t) : ls_pages(cli, &in, &t);
	if (status == 0 || t.first != NULL)
		print_table(&cli->print, &t);
	return status;
}

static struct str
join_words(struct cli *cli, const struct str *v, int32_t n)
{
	struct str s = STR_NULL;
	for (int32_t i = 0; i < n; i++)
		s = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(s), i > 0 ? "," : "", STR_ARG(v[i]));
	return s;
}

static int
run_id(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "user", PRINT_TEXT }, { "tenant", PRINT_TEXT }, { "primary_team", PRINT_TEXT },
		{ "teams", PRINT_LIST }, { "operator", PRINT_BOOL }, { "mechanism", PRINT_TEXT },
		{ "host", PRINT_TEXT },
	};
	struct id_req in;
	struct id_rsp out;
	struct print_table t;
	wire_defaults(&id_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	int status = args_end(args, 0, 1);
	in.user = args->n == 1 ? str_from(args->v[0]) : STR_NULL;
	if (status == 0)
		status = cli_open_in(cli, STR_NULL); /* says where there is no such tenant */
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_ID, &in, &out);
	if (status == 0)
		status = cli_answer(cli, args->n == 1 ? cli_escape(cli, in.user) : "id", out.error_code,
		    out.error_message);
	if (status == CLI_REFUSED)
		cli_hint_login(cli, in.tenant, in.user, "id", NULL);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "users", columns, 7);
	struct str *cell = print_row(&t);
	cell[0] = out.user;
	cell[1] = out.tenant_name;
	cell[2] = out.primary_team;
	cell[3] = join_words(cli, out.teams.v, out.teams.n);
	cell[4] = print_bool(out.operator);
	cell[5] = out.mechanism;
	cell[6] = out.host;
	print_table(&cli->print, &t);
	return 0;
}

const struct verb tree_verbs[] = {
	{ NULL, "ls", run_ls, "[-R] [PATH]", "nodes of the tree with mode, owner and team" },
	{ NULL, "chmod", run_chmod, "[-R] [--force] MODE PATH ...", "change modes: 0640, g+w, o=", true },
	{ NULL, "chown", run_chown, "[-R] USER[:TEAM] PATH ...", "change owners", true },
	{ NULL, "chgrp", run_chgrp, "[-R] TEAM PATH ...", "change teams", true },
	{ NULL, "id", run_id, "[USER]", "who you are, or somebody else is" },
	{ .name = NULL },
};
