/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateTopics: each topic for itself. What may not be made, and what is named
 * twice, is answered here; the rest goes to the controller as one change, and
 * the answers come back beside the topics.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "api/topic_settings.h"
#include "meta/image.h"
#include "meta/topics.h"

struct creation {
	struct topics_create change;
	int32_t *answers;		/* place of each topic's answer */
};

static void
refuse(struct create_topics_rsp_topic *a, enum kerr err, struct str text)
{
	a->error_code = (int16_t)err;
	a->error_message = text;
}

/* False where it was answered. */
static bool
check(struct request *rq, const struct create_topics_req_topic *t, uint8_t repeated,
    struct create_topics_rsp_topic *a)
{
	enum kerr err = may_topic(rq, t->name);
	if (err != KERR_NONE)
		refuse(a, err, STR("Authorization failed."));
	else if (repeated != 0)
		refuse(a, KERR_INVALID_REQUEST, STR("the topic is named more than once"));
	else if (acl_is_internal(t->name))
		refuse(a, KERR_INVALID_TOPIC_EXCEPTION, STR("the name is reserved for the broker"));
	else if (request_flag(rq, FLAG_create_topics_knows_throttling) && mutations_over(rq))
		refuse(a, KERR_THROTTLING_QUOTA_EXCEEDED, STR("the quota of controller mutations is used up"));
	else
		return true;
	return false;
}

static void
fill(struct request *rq, const struct create_topics_req_topic *in, const struct acl_node *node,
    struct topic_new *t)
{
	*t = (struct topic_new){ .name = in->name, .partitions = in->num_partitions,
		.replication = in->replication_factor, .owner = node->owner, .team = node->team,
		.mode = node->mode };
	ARRAY_FOREACH(const struct create_topics_req_assignment, a, in->assignments)
		*ARRAY_ADD(rq->arena, t->assignments) = (struct topic_assignment){ a->partition_index,
			a->broker_ids.v, a->broker_ids.n };
	ARRAY_FOREACH(const struct create_topics_req_config, c, in->configs)
		*ARRAY_ADD(rq->arena, t->settings) = (struct topic_setting){ c->name, str_trim(c->value) };
}

static void
add_config(struct request *rq, enum topic_key key, const struct topic_overrides *set,
    struct create_topics_rsp_topic *a)
{
	struct setting_source from[3];
	topic_setting_sources(rq, key, set, from);
	struct create_topics_rsp_config *c = WIRE_ADD(rq->arena, a->configs, create_topics_rsp_config);
	c->name = str_from(topic_keys[key].name);
	c->value = from[0].value;
	c->config_source = (int8_t)from[0].source;
}

/* The settings that hold, for who may see them; also of a topic only tried. */
static void
add_configs(struct request *rq, const struct topic_new *t, struct create_topics_rsp_topic *a)
{
	struct acl_object o = { ACL_TOPIC, t->name, NULL };
	struct topic_overrides set = { { NULL } };
	enum topic_key key;
	if (!may_quietly(rq, ACL_DESCRIBE_CONFIGS, &o)) {
		a->topic_config_error_code = KERR_TOPIC_AUTHORIZATION_FAILED;
		return;
	}
	a->num_partitions = t->partitions;
	a->replication_factor = 1;
	for (int32_t i = 0; i < t->settings.n; i++)
		if (topic_key_find(t->settings.v[i].name, &key) == 0)
			set.v[key] = arena_str(rq->arena, t->settings.v[i].value).p;
	for (int i = 0; i < TOPIC_KEYS; i++)
		add_config(rq, (enum topic_key)i, &set, a);
}

static enum api_turn
created(struct request *rq)
{
	struct creation *c = rq->state;
	struct create_topics_rsp *out = rq->out;
	double partitions = 0;
	for (int32_t i = 0; i < c->change.n; i++) {
		struct topic_new *t = &c->change.topics[i];
		struct create_topics_rsp_topic *a = &out->topics.v[c->answers[i]];
		enum change_result r = c->change.change.result != CHANGE_OK ? c->change.change.result : t->result;
		if (r != CHANGE_OK) {
			refuse(a, (enum kerr)change_code(r), change_text(rq, r,
			    r == t->result ? &t->why : &c->change.change.why));
			continue;
		}
		a->topic_id = t->id;
		partitions += c->change.validate_only ? 0 : t->partitions;
		if (request_flag(rq, FLAG_create_topics_returns_configs))
			add_configs(rq, t, a);
	}
	mutations_charge(rq, partitions);
	return API_ANSWER;
}

static const uint8_t *
repeated_topics(struct request *rq, const struct create_topics_req *in)
{
	size_t n = in->topics.n > 0 ? (size_t)in->topics.n : 0;
	struct name *names = arena_zalloc(rq->arena, (n + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = in->topics.v[i].name;
	return names_repeated(rq->arena, names, (int32_t)n);
}

enum api_turn
api_create_topics(struct request *rq, const void *vin, void *vout)
{
	const struct create_topics_req *in = vin;
	struct create_topics_rsp *out = vout;
	const uint8_t *repeated = repeated_topics(rq, in);
	size_t most = in->topics.n > 0 ? (size_t)in->topics.n : 0;
	struct creation *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	struct acl_who w;

	caller(rq, &w);
	struct acl_node node = acl_new_node(image_acl(rq->image), &w, ACL_TOPIC, request_tenant(rq));
	node.owner = arena_str(rq->arena, node.owner);
	node.team = arena_str(rq->arena, node.team);
	c->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*c->answers));
	c->change.topics = arena_zalloc(rq->arena, (most + 1) * sizeof(*c->change.topics));
	for (size_t i = 0; i < most; i++) {
		const struct create_topics_req_topic *t = &in->topics.v[i];
		if (repeated[i] == 2)
			continue;
		struct create_topics_rsp_topic *a = WIRE_ADD(rq->arena, out->topics, create_topics_rsp_topic);
		a->name = t->name;
		if (!check(rq, t, repeated[i], a))
			continue;
		c->answers[c->change.n] = out->topics.n - 1;
		fill(rq, t, &node, &c->change.topics[c->change.n++]);
	}
	if (c->change.n == 0)
		return API_ANSWER;
	topics_create_init(&c->change);
	c->change.validate_only = in->validate_only;
	c->change.limited = !w.is_operator;
	c->change.limits = &rq->core->settings.limits;
	return change_submit(rq, &c->change.change, created);
}
