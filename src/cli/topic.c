/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics, by Kafka's own requests; only an owner named at creation goes by ours. */
#include <stdio.h>
#include <string.h>

#include "acl/text.h"
#include "cli/cli.h"
#include "cli/tree.h"
#include "wire/kerr.h"

#define TIMEOUT_MS 60000
#define RESOURCE_TOPIC 2
enum { CONFIG_SET = 0, CONFIG_DELETE = 1 };

static const char *
what(struct cli *cli, const char *name)
{
	return arena_printf(cli->arena, "topic %s", cli_escape(cli, str_from(name))).p;
}

/* "key=value" into its parts. */
static int
split_setting(const char *text, struct str *ret_key, struct str *ret_value)
{
	*ret_value = str_from(text);
	if (str_cut(ret_value, '=', ret_key) && ret_key->n > 0)
		return 0;
	return cli_complain(CLI_USAGE, "-c: \"%s\" is not SETTING=VALUE", text);
}

struct create {
	struct create_topics_req in;
	struct create_topics_req_topic *topic;
	struct tree_change change;
	bool changes;
};

static int
create_arguments(struct cli *cli, struct args *args, struct create *c)
{
	const char *partitions = NULL, *setting;
	int64_t n = -1;
	wire_defaults(&create_topics_req_msg, &c->in);
	c->in.timeout_ms = TIMEOUT_MS;
	c->topic = WIRE_ADD(cli->arena, c->in.topics, create_topics_req_topic);
	c->topic->replication_factor = -1;
	c->changes |= args_option(args, "--owner", &c->change.owner);
	c->changes |= args_option(args, "--team", &c->change.team);
	c->changes |= args_option(args, "--mode", &c->change.mode);
	if (args_option(args, "-p|--partitions", &partitions)) {
		int status = args_number("-p", partitions, 1, INT32_MAX, &n);
		if (status != 0)
			return status;
	}
	while (args_option(args, "-c|--config", &setting)) {
		struct create_topics_req_config *config =
		    WIRE_ADD(cli->arena, c->topic->configs, create_topics_req_config);
		int status = split_setting(setting, &config->name, &config->value);
		if (status != 0)
			return status;
	}
	c->topic->num_partitions = (int32_t)n;
	int status = c->change.mode != NULL ? tree_mode_check(c->change.mode) : 0;
	if (status == 0)
		status = args_end(args, 1, 1);
	if (status == 0)
		c->topic->name = cli_name(args->v[0]);
	return status;
}

/* It was made, but not as it was asked for: so it goes again, and what was wrong
 * can be mended and the command be given once more. */
static int
uncreate(struct cli *cli, const char *name, int status)
{
	struct delete_topics_req in;
	struct delete_topics_rsp out;
	wire_defaults(&delete_topics_req_msg, &in);
	in.timeout_ms = TIMEOUT_MS;
	WIRE_ADD(cli->arena, in.topics, delete_topics_req_topic)->name = cli_name(name);
	if (status == CLI_UNREACHED || cli_call(cli, WIRE_KEY_DELETE_TOPICS, &in, &out) != 0 ||
	    out.responses.n != 1 || out.responses.v[0].error_code != 0)
		return cli_complain(status, "%s was made all the same and belongs to you: schlossctl chown, chgrp and "
		    "chmod change that", what(cli, name));
	return status;
}

static int
topic_create(struct cli *cli, struct args *args)
{
	struct create c = { .changes = false };
	struct create_topics_rsp out;
	int status = create_arguments(cli, args, &c);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_CREATE_TOPICS, &c.in, &out);
	for (int32_t i = 0; status == 0 && i < out.topics.n; i++)
		status = cli_answer(cli, what(cli, args->v[0]), out.topics.v[i].error_code,
		    out.topics.v[i].error_message);
	if (status == 0 && c.changes) {
		status = tree_path_of(cli, "topics", args->v[0], &c.change.path);
		if (status == 0)
			status = tree_change(cli, &c.change);
		if (status != 0)
			status = uncreate(cli, args->v[0], status);
	}
	if (status == 0)
		print_done(&cli->print, "Topic %s is made.", args->v[0]);
	return status;
}

static int
ask_metadata(struct cli *cli, const char *name, struct metadata_rsp *ret)
{
	struct metadata_req in;
	wire_defaults(&metadata_req_msg, &in);
	in.allow_auto_topic_creation = false;
	if (name != NULL)
		WIRE_ADD(cli->arena, in.topics, metadata_req_topic)->name = cli_name(name);
	else
		in.topics.n = -1;
	int status = cli_open_in(cli, STR_NULL);
	return status != 0 ? status : cli_call(cli, WIRE_KEY_METADATA, &in, ret);
}

static int
topic_list(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "partitions", PRINT_NUMBER }, { "internal", PRINT_BOOL },
		{ "id", PRINT_TEXT },
	};
	struct metadata_rsp out;
	struct print_table t;
	bool internal = args_flag(args, "--internal");
	int status = args_end(args, 0, 0);
	if (status == 0)
		status = ask_metadata(cli, NULL, &out);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "topics", columns, 4);
	for (int32_t i = 0; i < out.topics.n; i++) {
		const struct metadata_rsp_topic *topic = &out.topics.v[i];
		char id[UUID_TEXT];
		if (topic->is_internal && !internal)
			continue;
		struct str *cell = print_row(&t);
		cell[0] = topic->name.s;
		cell[1] = print_number(&cli->print, topic->partitions.n);
		cell[2] = print_bool(topic->is_internal);
		cell[3] = arena_str(cli->arena, str_from(uuid_format(&topic->topic_id, id)));
	}
	print_table(&cli->print, &t);
	return 0;
}

/* One end of every partition; NULL cells stay where the broker gives none. */
static int
ask_offsets(struct cli *cli, const struct metadata_rsp_topic *topic, int64_t timestamp,
    struct list_offsets_rsp *ret)
{
	struct list_offsets_req in;
	wire_defaults(&list_offsets_req_msg, &in);
	in.replica_id = -1;
	struct list_offsets_req_topic *t = WIRE_ADD(cli->arena, in.topics, list_offsets_req_topic);
	t->name = topic->name;
	for (int32_t i = 0; i < topic->partitions.n; i++) {
		struct list_offsets_req_partition *p =
		    WIRE_ADD(cli->arena, t->partitions, list_offsets_req_partition);
		p->partition_index = topic->partitions.v[i].partition_index;
		p->timestamp = timestamp;
	}
	return cli_call(cli, WIRE_KEY_LIST_OFFSETS, &in, ret);
}

static struct str
offset_cell(struct cli *cli, const struct list_offsets_rsp *rsp, int32_t partition)
{
	for (int32_t i = 0; rsp->topics.n == 1 && i < rsp->topics.v[0].partitions.n; i++) {
		const struct list_offsets_rsp_partition *p = &rsp->topics.v[0].partitions.v[i];
		if (p->partition_index == partition && p->error_code == 0)
			return print_number(&cli->print, p->offset);
	}
	return STR_NULL;
}

/* An offline replica that leads: its log has failed, and waits for `topic recover`. */
static const char *
state_of(const struct metadata_rsp_partition *p)
{
	if (p->error_code != 0)
		return kerr_name(p->error_code);
	for (int32_t i = 0; i < p->offline_replicas.n; i++)
		if (p->offline_replicas.v[i] == p->leader_id)
			return "failed";
	return "ok";
}

static int
show_partitions(struct cli *cli, const struct metadata_rsp_topic *topic)
{
	static const struct print_column columns[] = {
		{ "partition", PRINT_NUMBER }, { "leader", PRINT_NUMBER }, { "epoch", PRINT_NUMBER },
		{ "first_offset", PRINT_NUMBER }, { "next_offset", PRINT_NUMBER }, { "state", PRINT_TEXT },
	};
	struct list_offsets_rsp first, next;
	struct print_table t;
	int status = ask_offsets(cli, topic, -2, &first);
	if (status == 0)
		status = ask_offsets(cli, topic, -1, &next);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "partitions", columns, 6);
	for (int32_t i = 0; i < topic->partitions.n; i++) {
		const struct metadata_rsp_partition *p = &topic->partitions.v[i];
		struct str *cell = print_row(&t);
		cell[0] = print_number(&cli->print, p->partition_index);
		cell[1] = print_number(&cli->print, p->leader_id);
		cell[2] = print_number(&cli->print, p->leader_epoch);
		cell[3] = offset_cell(cli, &first, p->partition_index);
		cell[4] = offset_cell(cli, &next, p->partition_index);
		cell[5] = str_from(state_of(p));
	}
	print_table(&cli->print, &t);
	return 0;
}

static const char *
source_name(int source)
{
	static const char *const names[] = { "?", "topic", "broker", "broker", "file", "default" };
	return source >= 1 && source <= 5 ? names[source] : names[0];
}

static int
show_settings(struct cli *cli, const char *name, bool all)
{
	static const struct print_column columns[] = {
		{ "setting", PRINT_TEXT }, { "value", PRINT_TEXT }, { "source", PRINT_TEXT },
	};
	struct describe_configs_req in;
	struct describe_configs_rsp out;
	struct print_table t;
	wire_defaults(&describe_configs_req_msg, &in);
	struct describe_configs_req_resource *r =
	    WIRE_ADD(cli->arena, in.resources, describe_configs_req_resource);
	r->resource_type = RESOURCE_TOPIC;
	r->resource_name = cli_name(name);
	r->configuration_keys.n = -1;
	int status = cli_call(cli, WIRE_KEY_DESCRIBE_CONFIGS, &in, &out);
	if (status != 0 || out.results.n != 1)
		return status;
	if (out.results.v[0].error_code != 0) /* may see the topic, not its settings */
		return 0;
	print_table_init(&t, &cli->print, "settings", columns, 3);
	for (int32_t i = 0; i < out.results.v[0].configs.n; i++) {
		const struct describe_configs_rsp_config *c = &out.results.v[0].configs.v[i];
		if (!all && c->config_source != 1)
			continue;
		struct str *cell = print_row(&t);
		cell[0] = c->name;
		cell[1] = c->value;
		cell[2] = str_from(source_name(c->config_source));
	}
	print_table(&cli->print, &t);
	return 0;
}

static int
topic_describe(struct cli *cli, struct args *args)
{
	struct metadata_rsp out;
	bool all = args_flag(args, "-a|--all");
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = ask_metadata(cli, args->v[0], &out);
	for (int32_t i = 0; status == 0 && i < out.topics.n; i++)
		status = cli_answer(cli, what(cli, args->v[0]), out.topics.v[i].error_code, STR_NULL);
	if (status != 0 || out.topics.n != 1)
		return status;
	print_open(&cli->print);
	status = show_partitions(cli, &out.topics.v[0]);
	if (status == 0)
		status = show_settings(cli, args->v[0], all);
	print_close(&cli->print);
	return status;
}

static int
alter_settings(struct cli *cli, const char *name, struct incremental_alter_configs_req *in)
{
	struct incremental_alter_configs_rsp out;
	int status = cli_call(cli, WIRE_KEY_INCREMENTAL_ALTER_CONFIGS, in, &out);
	for (int32_t i = 0; status == 0 && i < out.responses.n; i++)
		status = cli_answer(cli, what(cli, name), out.responses.v[i].error_code,
		    out.responses.v[i].error_message);
	return status;
}

static int
alter_partitions(struct cli *cli, const char *name, int64_t count)
{
	struct create_partitions_req in;
	struct create_partitions_rsp out;
	wire_defaults(&create_partitions_req_msg, &in);
	in.timeout_ms = TIMEOUT_MS;
	struct create_partitions_req_topic *t =
	    WIRE_ADD(cli->arena, in.topics, create_partitions_req_topic);
	t->name = cli_name(name);
	t->count = (int32_t)count;
	t->assignments.n = -1;
	int status = cli_call(cli, WIRE_KEY_CREATE_PARTITIONS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, what(cli, name), out.results.v[i].error_code,
		    out.results.v[i].error_message);
	return status;
}

static int
alter_arguments(struct cli *cli, struct args *args, struct incremental_alter_configs_req *in,
    int64_t *ret_count)
{
	const char *text;
	int status = 0;
	wire_defaults(&incremental_alter_configs_req_msg, in);
	struct incremental_alter_configs_req_resource *r =
	    WIRE_ADD(cli->arena, in->resources, incremental_alter_configs_req_resource);
	r->resource_type = RESOURCE_TOPIC;
	while (status == 0 && args_option(args, "-c|--config", &text)) {
		struct incremental_alter_configs_req_config *c =
		    WIRE_ADD(cli->arena, r->configs, incremental_alter_configs_req_config);
		c->config_operation = CONFIG_SET;
		status = split_setting(text, &c->name, &c->value);
	}
	while (args_option(args, "-d|--default", &text)) {
		struct incremental_alter_configs_req_config *c =
		    WIRE_ADD(cli->arena, r->configs, incremental_alter_configs_req_config);
		c->config_operation = CONFIG_DELETE;
		c->name = str_from(text);
	}
	if (status == 0 && args_option(args, "-p|--partitions", &text))
		status = args_number("-p", text, 1, INT32_MAX, ret_count);
	if (status == 0)
		status = args_end(args, 1, 1);
	if (status == 0 && *ret_count == 0 && r->configs.n == 0)
		status = cli_complain(CLI_USAGE, "nothing to change: -c SETTING=VALUE, -d SETTING or -p N");
	if (status == 0)
		r->resource_name = cli_name(args->v[0]);
	return status;
}

static int
topic_alter(struct cli *cli, struct args *args)
{
	struct incremental_alter_configs_req in;
	int64_t count = 0;
	int status = alter_arguments(cli, args, &in, &count);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0 && count > 0)
		status = alter_partitions(cli, args->v[0], count);
	if (status == 0 && in.resources.v[0].configs.n > 0)
		status = alter_settings(cli, args->v[0], &in);
	if (status == 0)
		print_done(&cli->print, "Topic %s is changed.", args->v[0]);
	return status;
}

static int
topic_delete(struct cli *cli, struct args *args)
{
	struct delete_topics_req in;
	struct delete_topics_rsp out;
	wire_defaults(&delete_topics_req_msg, &in);
	in.timeout_ms = TIMEOUT_MS;
	int status = args_end(args, 1, 1000);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	for (int i = 0; status == 0 && i < args->n; i++)
		WIRE_ADD(cli->arena, in.topics, delete_topics_req_topic)->name = cli_name(args->v[i]);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_DELETE_TOPICS, &in, &out);
	if (status != 0)
		return status;
	for (int32_t i = 0; i < out.responses.n && i < args->n; i++) {
		const struct delete_topics_rsp_response *r = &out.responses.v[i];
		const char *name = r->name.s.p != NULL ? cli_escape(cli, r->name.s) : args->v[i];
		if (cli_answer(cli, arena_printf(cli->arena, "topic %s", name).p, r->error_code,
		    r->error_message) != 0)
			status = CLI_REFUSED;
		else
			print_done(&cli->print, "Topic %s is deleted.", name);
	}
	return status;
}

/* "NAME" or "NAME:PARTITION"; a topic's name has no colon. */
static int
recover_arguments(struct cli *cli, struct args *args, struct topic_recover_req *in)
{
	int64_t partition;
	wire_defaults(&topic_recover_req_msg, in);
	in->partitions.n = -1;
	in->force = args_flag(args, "--force");
	int status = args_end(args, 1, 1);
	if (status != 0)
		return status;
	char *name = (char *)(uintptr_t)arena_str(cli->arena, str_from(args->v[0])).p;
	char *colon = strrchr(name, ':');
	if (colon != NULL) {
		*colon = '\0';
		in->partitions.n = 0;
		status = args_number("PARTITION", colon + 1, 0, INT32_MAX, &partition);
		if (status == 0)
			*ARRAY_ADD(cli->arena, in->partitions) = (int32_t)partition;
	}
	in->topic = cli_name(name);
	return status;
}

static int
topic_recover(struct cli *cli, struct args *args)
{
	struct topic_recover_req in;
	struct topic_recover_rsp out;
	int status = recover_arguments(cli, args, &in);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_TOPIC_RECOVER, &in, &out);
	if (status == 0)
		status = cli_answer(cli, what(cli, in.topic.s.p), out.error_code, out.error_message);
	if (status != 0)
		return status;
	for (int32_t i = 0; i < out.partitions.n; i++) {
		const struct topic_recover_rsp_partition *p = &out.partitions.v[i];
		const char *name = arena_printf(cli->arena, "partition %s:%d", in.topic.s.p, p->partition_index).p;
		if (cli_answer(cli, name, p->error_code, p->error_message) != 0)
			status = CLI_REFUSED;
		else
			print_done(&cli->print, "Partition %s:%d is served again, offsets %lld to %lld.", in.topic.s.p,
			    p->partition_index, (long long)p->log_start, (long long)p->end - 1);
	}
	if (out.partitions.n == 0)
		print_done(&cli->print, "Topic %s: no partition has failed.", in.topic.s.p);
	return status;
}

const struct verb topic_verbs[] = {
	{ "topic", "create", topic_create,
	    "NAME [-p PARTITIONS] [--owner USER] [--team TEAM] [--mode MODE] [-c SETTING=VALUE] ...",
	    "make a topic", true },
	{ "topic", "list", topic_list, "[--internal]", "the topics that you may see" },
	{ "topic", "describe", topic_describe, "NAME [--all]", "partitions, offsets and settings" },
	{ "topic", "alter", topic_alter, "NAME [-p PARTITIONS] [-c SETTING=VALUE] ... [-d SETTING] ...",
	    "set settings, return them to the default (-d), add partitions", true },
	{ "topic", "delete", topic_delete, "NAME ...", "delete topics with their records", true },
	{ "topic", "recover", topic_recover, "NAME[:PARTITION] [--force]",
	    "serve partitions again whose disk had failed" },
	{ .name = NULL },
};
