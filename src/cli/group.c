/* SPDX-License-Identifier: Apache-2.0
 *
 * Consumer groups, by Kafka's own requests; reserving a name goes by ours. */
#include <string.h>

#include "acl/text.h"
#include "cli/cli.h"
#include "wire/kerr.h"

#define LATEST (-1)

static const char *
what(struct cli *cli, struct str name)
{
	return arena_printf(cli->arena, "group %s", cli_escape(cli, name)).p;
}

static int
group_list(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "state", PRINT_TEXT }, { "protocol", PRINT_TEXT },
		{ "type", PRINT_TEXT },
	};
	struct list_groups_req in;
	struct list_groups_rsp out;
	struct print_table t;
	wire_defaults(&list_groups_req_msg, &in);
	int status = args_end(args, 0, 0);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_LIST_GROUPS, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "groups", out.error_code, STR_NULL);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "groups", columns, 4);
	for (int32_t i = 0; i < out.groups.n; i++) {
		struct str *cell = print_row(&t);
		cell[0] = out.groups.v[i].group_id.s;
		cell[1] = out.groups.v[i].group_state;
		cell[2] = print_name(out.groups.v[i].protocol_type);
		cell[3] = out.groups.v[i].group_type;
	}
	print_table(&cli->print, &t);
	return 0;
}

/* The next offset of a partition, or -1. */
static int64_t
next_offset(const struct list_offsets_rsp *ends, struct str topic, int32_t partition)
{
	for (int32_t i = 0; i < ends->topics.n; i++) {
		const struct list_offsets_rsp_topic *t = &ends->topics.v[i];
		for (int32_t k = 0; str_eq(t->name.s, topic) && k < t->partitions.n; k++)
			if (t->partitions.v[k].partition_index == partition && t->partitions.v[k].error_code == 0)
				return t->partitions.v[k].offset;
	}
	return -1;
}

static int
ask_ends(struct cli *cli, const struct offset_fetch_rsp_group *group, struct list_offsets_rsp *ret)
{
	struct list_offsets_req in;
	wire_defaults(&list_offsets_req_msg, &in);
	in.replica_id = -1;
	for (int32_t i = 0; i < group->topics.n; i++) {
		const struct offset_fetch_rsp_group_topic *from = &group->topics.v[i];
		struct list_offsets_req_topic *t = WIRE_ADD(cli->arena, in.topics, list_offsets_req_topic);
		t->name = from->name;
		for (int32_t k = 0; k < from->partitions.n; k++) {
			struct list_offsets_req_partition *p =
			    WIRE_ADD(cli->arena, t->partitions, list_offsets_req_partition);
			p->partition_index = from->partitions.v[k].partition_index;
			p->timestamp = LATEST;
		}
	}
	return cli_call(cli, WIRE_KEY_LIST_OFFSETS, &in, ret);
}

static void
offset_row(struct cli *cli, struct print_table *t, struct str topic,
    const struct offset_fetch_rsp_group_partition *p, int64_t next)
{
	struct str *cell = print_row(t);
	cell[0] = topic;
	cell[1] = print_number(&cli->print, p->partition_index);
	if (p->committed_offset >= 0)
		cell[2] = print_number(&cli->print, p->committed_offset);
	if (next >= 0)
		cell[3] = print_number(&cli->print, next);
	if (p->committed_offset >= 0 && next >= 0)
		cell[4] = print_number(&cli->print, next - p->committed_offset);
}

static int
show_offsets(struct cli *cli, struct name group)
{
	static const struct print_column columns[] = {
		{ "topic", PRINT_TEXT }, { "partition", PRINT_NUMBER }, { "committed", PRINT_NUMBER },
		{ "next_offset", PRINT_NUMBER }, { "lag", PRINT_NUMBER },
	};
	struct offset_fetch_req in;
	struct offset_fetch_rsp out;
	struct list_offsets_rsp ends;
	struct print_table t;
	wire_defaults(&offset_fetch_req_msg, &in);
	struct offset_fetch_req_group *g = WIRE_ADD(cli->arena, in.groups, offset_fetch_req_group);
	g->group_id = group;
	g->topics.n = -1;
	int status = cli_call(cli, WIRE_KEY_OFFSET_FETCH, &in, &out);
	if (status == 0 && out.groups.n == 1)
		status = cli_answer(cli, what(cli, group.s), out.groups.v[0].error_code, STR_NULL);
	if (status != 0 || out.groups.n != 1)
		return status;
	status = ask_ends(cli, &out.groups.v[0], &ends);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "offsets", columns, 5);
	for (int32_t i = 0; i < out.groups.v[0].topics.n; i++) {
		const struct offset_fetch_rsp_group_topic *topic = &out.groups.v[0].topics.v[i];
		for (int32_t k = 0; k < topic->partitions.n; k++)
			offset_row(cli, &t, topic->name.s, &topic->partitions.v[k],
			    next_offset(&ends, topic->name.s, topic->partitions.v[k].partition_index));
	}
	print_table(&cli->print, &t);
	return 0;
}

static void
show_group(struct cli *cli, const struct describe_groups_rsp_group *g)
{
	static const struct print_column group_columns[] = {
		{ "name", PRINT_TEXT }, { "state", PRINT_TEXT }, { "protocol", PRINT_TEXT },
		{ "assignor", PRINT_TEXT }, { "members", PRINT_NUMBER },
	};
	static const struct print_column member_columns[] = {
		{ "member", PRINT_TEXT }, { "instance", PRINT_TEXT }, { "client_id", PRINT_TEXT },
		{ "host", PRINT_TEXT },
	};
	struct print_table t;
	print_table_init(&t, &cli->print, "group", group_columns, 5);
	struct str *cell = print_row(&t);
	cell[0] = g->group_id.s;
	cell[1] = g->group_state;
	cell[2] = print_name(g->protocol_type);
	cell[3] = print_name(g->protocol_data);
	cell[4] = print_number(&cli->print, g->members.n);
	print_table(&cli->print, &t);
	print_table_init(&t, &cli->print, "members", member_columns, 4);
	for (int32_t i = 0; i < g->members.n; i++) {
		cell = print_row(&t);
		cell[0] = g->members.v[i].member_id;
		cell[1] = g->members.v[i].group_instance_id;
		cell[2] = g->members.v[i].client_id;
		cell[3] = g->members.v[i].client_host;
	}
	print_table(&cli->print, &t);
}

static int
group_describe(struct cli *cli, struct args *args)
{
	struct describe_groups_req in;
	struct describe_groups_rsp out;
	wire_defaults(&describe_groups_req_msg, &in);
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status != 0)
		return status;
	*ARRAY_ADD(cli->arena, in.groups) = cli_name(args->v[0]);
	status = cli_call(cli, WIRE_KEY_DESCRIBE_GROUPS, &in, &out);
	if (status == 0 && out.groups.n == 1)
		status = cli_answer(cli, what(cli, str_from(args->v[0])), out.groups.v[0].error_code,
		    out.groups.v[0].error_message);
	if (status != 0 || out.groups.n != 1)
		return status;
	print_open(&cli->print);
	show_group(cli, &out.groups.v[0]);
	status = show_offsets(cli, cli_name(args->v[0]));
	print_close(&cli->print);
	return status;
}

static int
group_create(struct cli *cli, struct args *args)
{
	struct group_create_req in;
	struct group_create_rsp out;
	const char *owner = NULL, *team = NULL, *text = NULL;
	unsigned mode;
	struct why why;
	wire_defaults(&group_create_req_msg, &in);
	args_option(args, "--owner", &owner);
	args_option(args, "--team", &team);
	if (args_option(args, "--mode", &text)) {
		if (acl_mode_parse(str_from(text), 0, &mode, &why) != 0)
			return cli_complain(CLI_USAGE, "--mode %s: %s", text, why.text);
		in.mode = (int16_t)mode;
	}
	int status = args_end(args, 1, 1);
	if (status != 0)
		return status;
	in.tenant = cli_tenant_field(cli);
	in.group = str_from(args->v[0]);
	in.owner = str_from(owner);
	in.team = str_from(team);
	status = cli_call(cli, WIRE_KEY_GROUP_CREATE, &in, &out);
	if (status == 0)
		status = cli_answer(cli, what(cli, in.group), out.error_code, out.error_message);
	if (status == CLI_REFUSED && owner != NULL)
		cli_hint_login(cli, in.tenant, in.owner, NULL, NULL);
	if (status == 0)
		print_done(&cli->print, "Group %s is reserved: schlossctl ls groups shows it.", args->v[0]);
	return status;
}

static int
group_delete(struct cli *cli, struct args *args)
{
	struct delete_groups_req in;
	struct delete_groups_rsp out;
	wire_defaults(&delete_groups_req_msg, &in);
	int status = args_end(args, 1, 1000);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	for (int i = 0; status == 0 && i < args->n; i++)
		*ARRAY_ADD(cli->arena, in.groups_names) = cli_name(args->v[i]);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_DELETE_GROUPS, &in, &out);
	if (status != 0)
		return status;
	for (int32_t i = 0; i < out.results.n; i++) {
		struct str name = out.results.v[i].group_id.s;
		if (cli_answer(cli, what(cli, name), out.results.v[i].error_code, STR_NULL) != 0)
			status = CLI_REFUSED;
		else
			print_done(&cli->print, "Group %s is deleted.", cli_escape(cli, name));
	}
	return status;
}

const struct verb group_verbs[] = {
	{ "group", "list", group_list, "", "the consumer groups that you may see" },
	{ "group", "describe", group_describe, "NAME", "state, members, offsets and lag" },
	{ "group", "create", group_create, "NAME [--owner USER] [--team TEAM] [--mode MODE]",
	    "reserve a name, so that nobody else makes the group by joining", true },
	{ "group", "delete", group_delete, "NAME ...", "delete groups without members, with their offsets" },
	{ .name = NULL },
};
