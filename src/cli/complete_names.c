/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that the broker has, by the requests of the lists. Who may not see them gets
 * none: what a request answers is what its caller may know. */
#include <string.h>

#include "acl/acl.h"
#include "cli/complete.h"

#define PAGES_MAX 20	/* of a directory: nobody reads twenty thousand names */

static void
offer_topics(struct cli *cli, struct str typed)
{
	struct metadata_req in;
	struct metadata_rsp out;
	wire_defaults(&metadata_req_msg, &in);
	in.allow_auto_topic_creation = false;
	in.topics.n = -1;
	if (cli_open_in(cli, STR_NULL) != 0 || cli_call(cli, WIRE_KEY_METADATA, &in, &out) != 0)
		return;
	for (int32_t i = 0; i < out.topics.n; i++)
		if (!out.topics.v[i].is_internal)
			complete_offer(out.topics.v[i].name.s, typed);
}

static void
offer_groups(struct cli *cli, struct str typed)
{
	struct list_groups_req in;
	struct list_groups_rsp out;
	wire_defaults(&list_groups_req_msg, &in);
	if (cli_open_in(cli, STR_NULL) != 0 || cli_call(cli, WIRE_KEY_LIST_GROUPS, &in, &out) != 0)
		return;
	for (int32_t i = 0; i < out.groups.n; i++)
		complete_offer(out.groups.v[i].group_id.s, typed);
}

/* before: what stands in front of each. */
static void
offer_users(struct cli *cli, struct str tenant, struct str before, struct str typed)
{
	struct user_list_req in;
	struct user_list_rsp out;
	wire_defaults(&user_list_req_msg, &in);
	in.tenant = tenant;
	in.users.n = -1;
	if (cli_call(cli, WIRE_KEY_USER_LIST, &in, &out) != 0)
		return;
	for (int32_t i = 0; i < out.users.n; i++)
		complete_offer(before.n == 0 ? out.users.v[i].name :
		    arena_printf(cli->arena, "%.*s%.*s", STR_ARG(before), STR_ARG(out.users.v[i].name)), typed);
}

static void
offer_teams(struct cli *cli, struct str typed)
{
	struct team_list_req in;
	struct team_list_rsp out;
	wire_defaults(&team_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.teams.n = -1;
	if (cli_call(cli, WIRE_KEY_TEAM_LIST, &in, &out) != 0)
		return;
	for (int32_t i = 0; i < out.teams.n; i++)
		complete_offer(out.teams.v[i].name, typed);
}

/* path: as the beginning of one. */
static void
offer_tenants(struct cli *cli, bool path, struct str typed)
{
	struct tenant_list_req in;
	struct tenant_list_rsp out;
	wire_defaults(&tenant_list_req_msg, &in);
	if (cli_call(cli, WIRE_KEY_TENANT_LIST, &in, &out) != 0)
		return;
	for (int32_t i = 0; i < out.tenants.n; i++)
		complete_offer(path ? arena_printf(cli->arena, "/%.*s/", STR_ARG(out.tenants.v[i].name)) : out.tenants.v[i].name, typed);
}

/* Behind a directory's name a slash stands, as a shell writes it. drop: bytes in front that were not typed. */
static void
offer_node(struct cli *cli, const struct tree_list_rsp_node *node, size_t drop, struct str typed)
{
	bool directory = node->kind == ACL_TOPICS || node->kind == ACL_GROUPS || node->kind == ACL_TXNS;
	if (node->path.n <= drop)
		return;
	struct str shown = { node->path.p + drop, node->path.n - drop };
	complete_offer(directory ? arena_printf(cli->arena, "%.*s/", STR_ARG(shown)) : shown, typed);
}

/* What lies in a directory, whose whole path it is. */
static void
offer_directory(struct cli *cli, struct str directory, size_t drop, struct str typed)
{
	struct tree_list_req in;
	struct tree_list_rsp out;
	wire_defaults(&tree_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.path = directory;
	for (int page = 0; page < PAGES_MAX; page++) {
		if (cli_call(cli, WIRE_KEY_TREE_LIST, &in, &out) != 0)
			return;
		for (int32_t i = 0; i < out.nodes.n; i++)
			if (out.nodes.v[i].path.n > directory.n) /* it stands there itself */
				offer_node(cli, &out.nodes.v[i], drop, typed);
		if (!out.more || out.nodes.n == 0)
			return;
		in.after = out.nodes.v[out.nodes.n - 1].path;
	}
}

/* One part of a path at a time; a relative one is in the own tenant. */
static void
offer_paths(struct cli *cli, struct str typed)
{
	struct str tenant, whole = typed;
	size_t drop = 0;
	if (typed.n == 0 || typed.p[0] != '/') {
		if (cli_path_tenant(cli, &tenant) != 0)
			return;
		whole = arena_printf(cli->arena, "/%.*s/%.*s", STR_ARG(tenant), STR_ARG(typed));
		drop = whole.n - typed.n;
	}
	const char *last = memrchr(whole.p, '/', whole.n);
	struct str directory = { whole.p, (size_t)(last - whole.p) };
	struct str users = STR("/users"), rest = { whole.p + 1, whole.n - 1 };
	if (directory.n == 0) {
		offer_tenants(cli, true, typed);
	} else if (directory.n > users.n && memcmp(last - users.n, users.p, users.n) == 0) {
		str_cut(&rest, '/', &tenant);
		offer_users(cli, drop > 0 ? cli_tenant_field(cli) : tenant,
		    (struct str){ whole.p + drop, (size_t)(last + 1 - whole.p) - drop }, typed);
	} else {
		offer_directory(cli, directory, drop, typed);
	}
}

static void
offer_table(enum complete_kind kind, struct str typed)
{
	static const char *const operations[] = {
#define X(name, code, text) text,
#include "acl/ops.def"
#undef X
	};
	static const char *const quotas[] = {
		"producer_byte_rate=",
		"consumer_byte_rate=",
		"request_percentage=",
		"controller_mutation_rate=",
		"connection_creation_rate=",
		"stored_bytes=",
		"partitions=",
		"connections=",
		"groups=",
		"producer_ids=",
		"in_flight_bytes=",
	};
	bool ops = kind == COMPLETE_OPERATIONS;
	size_t n = ops ? sizeof(operations) / sizeof(operations[0]) : sizeof(quotas) / sizeof(quotas[0]);
	for (size_t i = 0; i < n; i++)
		complete_offer(str_from(ops ? operations[i] : quotas[i]), typed);
}

void
complete_names(struct cli *cli, enum complete_kind kind, struct str typed)
{
	switch (kind) {
	case COMPLETE_TOPICS:
		offer_topics(cli, typed);
		break;
	case COMPLETE_GROUPS:
		offer_groups(cli, typed);
		break;
	case COMPLETE_USERS:
		offer_users(cli, cli_tenant_field(cli), STR(""), typed);
		break;
	case COMPLETE_TEAMS:
		offer_teams(cli, typed);
		break;
	case COMPLETE_TENANTS:
		offer_tenants(cli, false, typed);
		break;
	case COMPLETE_PATHS:
		offer_paths(cli, typed);
		break;
	default:
		offer_table(kind, typed);
	}
}
