/* SPDX-License-Identifier: Apache-2.0
 *
 * How far consumer groups are behind, by Kafka's own requests: what its kafka-consumer-groups --describe tells. Each
 * partition that a member has or that was committed for is a row, and each member that has none. */
#include <stdlib.h>

#include "cli/cli.h"
#include "wire/reader.h"

#define LATEST (-1)

/* A partition of a group; partition -1: a member that has none. */
struct behind {
	struct str topic;
	int32_t partition;
	int64_t committed, end;		/* -1: not known */
	const struct describe_groups_rsp_member *member;	/* NULL: nobody has it */
};

struct lag {
	struct cli *cli;
	struct print_table table;
	struct str group;
	ARRAY(struct behind) rows;
};

static struct behind *
row_of(struct lag *l, struct str topic, int32_t partition)
{
	ARRAY_FOREACH(struct behind, b, l->rows)
		if (b->partition == partition && str_eq(b->topic, topic))
			return b;
	struct behind *b = ARRAY_ADD(l->cli->arena, l->rows);
	*b = (struct behind){ topic, partition, -1, -1, NULL };
	return b;
}

/* The "consumer" protocol's assignment: a version, then topics with their partitions, then what is the client's. False
 * where it is another thing, of which nothing is told. */
static bool
take_assignment(struct lag *l, const struct describe_groups_rsp_member *m)
{
	struct reader r = reader_of(m->member_assignment.p, m->member_assignment.n);
	bool any = false;
	(void)reader_i16(&r);
	for (int32_t topics = reader_i32(&r); topics > 0 && r.err == 0; topics--) {
		struct str topic = reader_str(&r, false);
		for (int32_t n = reader_i32(&r); n > 0 && r.err == 0; n--) {
			int32_t partition = reader_i32(&r);
			if (r.err == 0)
				row_of(l, topic, partition)->member = m;
			any = any || r.err == 0;
		}
	}
	return any;
}

static void
take_members(struct lag *l, const struct describe_groups_rsp_group *g)
{
	ARRAY_FOREACH(const struct describe_groups_rsp_member, m, g->members)
		if (!str_is(g->protocol_type, "consumer") || !take_assignment(l, m))
			*ARRAY_ADD(l->cli->arena, l->rows) = (struct behind){ STR_NULL, -1, -1, -1, m };
}

static const char *
what(struct lag *l)
{
	return arena_printf(l->cli->arena, "group %s", cli_escape(l->cli, l->group)).p;
}

static int
ask_members(struct lag *l)
{
	struct describe_groups_req in;
	struct describe_groups_rsp out;
	wire_defaults(&describe_groups_req_msg, &in);
	*ARRAY_ADD(l->cli->arena, in.groups) = NAME(0, l->group);
	int status = cli_call(l->cli, WIRE_KEY_DESCRIBE_GROUPS, &in, &out);
	if (status != 0 || out.groups.n != 1)
		return status;
	status = cli_answer(l->cli, what(l), out.groups.v[0].error_code, out.groups.v[0].error_message);
	if (status == 0)
		take_members(l, &out.groups.v[0]);
	return status;
}

static int
ask_committed(struct lag *l)
{
	struct offset_fetch_req in;
	struct offset_fetch_rsp out;
	wire_defaults(&offset_fetch_req_msg, &in);
	struct offset_fetch_req_group *g = WIRE_ADD(l->cli->arena, in.groups, offset_fetch_req_group);
	g->group_id = NAME(0, l->group);
	g->topics.n = -1;
	int status = cli_call(l->cli, WIRE_KEY_OFFSET_FETCH, &in, &out);
	if (status != 0 || out.groups.n != 1)
		return status;
	status = cli_answer(l->cli, what(l), out.groups.v[0].error_code, STR_NULL);
	ARRAY_FOREACH(const struct offset_fetch_rsp_group_topic, t, out.groups.v[0].topics)
		ARRAY_FOREACH(const struct offset_fetch_rsp_group_partition, p, t->partitions)
			if (status == 0 && p->committed_offset >= 0)
				row_of(l, t->name.s, p->partition_index)->committed = p->committed_offset;
	return status;
}

static int
ask_ends(struct lag *l)
{
	struct list_offsets_req in;
	struct list_offsets_rsp out;
	struct list_offsets_req_topic *t = NULL;
	wire_defaults(&list_offsets_req_msg, &in);
	in.replica_id = -1;
	ARRAY_FOREACH(const struct behind, b, l->rows) {
		if (b->partition < 0)
			continue;
		if (t == NULL || !str_eq(t->name.s, b->topic)) {
			t = WIRE_ADD(l->cli->arena, in.topics, list_offsets_req_topic);
			t->name = NAME(0, b->topic);
		}
		struct list_offsets_req_partition *p = WIRE_ADD(l->cli->arena, t->partitions, list_offsets_req_partition);
		p->partition_index = b->partition;
		p->timestamp = LATEST;
	}
	if (in.topics.n == 0)
		return 0;
	int status = cli_call(l->cli, WIRE_KEY_LIST_OFFSETS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.topics.n; i++)
		ARRAY_FOREACH(const struct list_offsets_rsp_partition, p, out.topics.v[i].partitions)
			if (p->error_code == 0)
				row_of(l, out.topics.v[i].name.s, p->partition_index)->end = p->offset;
	return status;
}

static int
by_place(const void *va, const void *vb)
{
	const struct behind *a = va, *b = vb;
	int order = (a->partition < 0) - (b->partition < 0);
	if (order == 0)
		order = str_cmp(a->topic, b->topic);
	return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static void
tell(struct lag *l)
{
	struct print *p = &l->cli->print;
	ARRAY_FOREACH(const struct behind, b, l->rows) {
		struct str *cell = print_row(&l->table);
		cell[0] = l->group;
		if (b->partition >= 0) {
			cell[1] = b->topic;
			cell[2] = print_number(p, b->partition);
		}
		if (b->committed >= 0)
			cell[3] = print_number(p, b->committed);
		if (b->end >= 0)
			cell[4] = print_number(p, b->end);
		if (b->committed >= 0 && b->end >= 0)
			cell[5] = print_number(p, b->end - b->committed);
		if (b->member != NULL) {
			cell[6] = b->member->member_id;
			cell[7] = b->member->client_host;
			cell[8] = b->member->client_id;
		}
	}
}

static int
one_group(struct lag *l, struct str group)
{
	l->group = group;
	l->rows.n = 0;
	l->rows.v = NULL;
	int status = ask_members(l);
	if (status == 0)
		status = ask_committed(l);
	if (status == 0 && l->rows.n > 0) { /* by topic: one entry each is asked for */
		qsort(l->rows.v, (size_t)l->rows.n, sizeof(*l->rows.v), by_place);
		status = ask_ends(l);
	}
	if (status == 0)
		tell(l);
	return status;
}

/* One that goes meanwhile is passed over, after saying so. */
static int
all_groups(struct lag *l)
{
	struct list_groups_req in;
	struct list_groups_rsp out;
	wire_defaults(&list_groups_req_msg, &in);
	int status = cli_call(l->cli, WIRE_KEY_LIST_GROUPS, &in, &out), worst = 0;
	if (status == 0)
		status = cli_answer(l->cli, "groups", out.error_code, STR_NULL);
	for (int32_t i = 0; (status == 0 || status == CLI_REFUSED) && i < out.groups.n; i++) {
		status = one_group(l, out.groups.v[i].group_id.s);
		worst = status != 0 ? status : worst;
	}
	return status != 0 ? status : worst;
}

static int
group_lag(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "group", PRINT_TEXT }, { "topic", PRINT_TEXT }, { "partition", PRINT_NUMBER }, { "committed", PRINT_NUMBER },
		{ "end", PRINT_NUMBER }, { "lag", PRINT_NUMBER }, { "member", PRINT_TEXT }, { "host", PRINT_TEXT },
		{ "client_id", PRINT_TEXT },
	};
	struct lag l = { .cli = cli };
	int status = args_end(args, 0, 1000);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status != 0)
		return status;
	int worst = 0;
	print_table_init(&l.table, &cli->print, "lag", columns, sizeof(columns) / sizeof(columns[0]));
	if (args->n == 0)
		worst = all_groups(&l);
	for (int i = 0; i < args->n && worst != CLI_UNREACHED; i++) {
		status = one_group(&l, str_from(args->v[i]));
		worst = status != 0 ? status : worst;
	}
	if (worst == 0 || l.table.first != NULL)
		print_table(&cli->print, &l.table);
	return worst;
}

const struct verb lag_verbs[] = {
	{ "group", "lag", group_lag, "[NAME ...]", "how far groups are behind, by partition and member" },
	{ .name = NULL },
};
