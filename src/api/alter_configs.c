/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlterConfigs and IncrementalAlterConfigs, brought to one form: a list of
 * resources with settings, each to be set, unset, appended to or subtracted
 * from. AlterConfigs unsets what it does not name. All topics go to the
 * controller as one change, then the broker's options as another; each resource
 * has its own answer. Of the broker's options those that are the defaults of
 * topics can be set at run time.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/configs.h"
#include "api/request.h"
#include "base/err.h"
#include "meta/image.h"
#include "meta/topics.h"
#include "meta/tree.h"

/* One resource, whichever request it came with. */
struct resource {
	int8_t type;
	struct name name;
	struct topic_alter alter;	/* settings; of a broker too */
	int16_t error_code;
	struct str error_message;
};

struct altering {
	ARRAY(struct resource) resources;
	bool validate_only, replace;
	struct topics_alter topics;
	int32_t *answers;		/* which resource each topic of the change is */
	struct options_change options;
	struct { struct option_set *v; int32_t n; } sets;
	enum api_turn (*answer)(struct request *rq);
};

static void
refuse(struct resource *r, enum kerr err, struct str text)
{
	r->error_code = (int16_t)err;
	r->error_message = text;
}

/* ---- the broker's options ---- */

static int
runtime_option(struct str name, enum topic_key *ret)
{
	for (int i = 0; i < TOPIC_KEYS; i++) {
		if (name.n > 0 && str_is(name, topic_keys[i].synonym)) {
			*ret = (enum topic_key)i;
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

static enum kerr
check_option(const struct topic_alteration *a, struct why *why)
{
	enum topic_key key;
	if (runtime_option(a->name, &key) != 0) {
		why_set(why, 0, "%.*s cannot be set at run time", STR_ARG(a->name));
		return KERR_INVALID_REQUEST;
	}
	if (a->op == TOPIC_APPEND || a->op == TOPIC_SUBTRACT) {
		why_set(why, 0, "options of the broker are set or deleted");
		return KERR_INVALID_CONFIG;
	}
	if (a->op == TOPIC_SET && (a->value.p == NULL || topic_value_check(key, a->value, why) != 0)) {
		if (a->value.p == NULL)
			why_set(why, 0, "%.*s needs a value", STR_ARG(a->name));
		return KERR_INVALID_CONFIG;
	}
	return KERR_NONE;
}

static bool
named(const struct resource *r, struct str name)
{
	ARRAY_FOREACH(const struct topic_alteration, a, r->alter.settings)
		if (str_eq(a->name, name))
			return true;
	return false;
}

static void
note_options(struct request *rq, struct altering *s, struct resource *r)
{
	struct why why = { "" };
	for (int32_t i = 0; i < r->alter.settings.n; i++) {
		enum kerr err = check_option(&r->alter.settings.v[i], &why);
		for (int32_t k = 0; k < i && err == KERR_NONE; k++)
			if (str_eq(r->alter.settings.v[k].name, r->alter.settings.v[i].name))
				err = KERR_INVALID_REQUEST;
		if (err != KERR_NONE) {
			refuse(r, err, arena_str(rq->arena, str_from(why.text[0] != '\0' ? why.text
			    : "an option is named twice")));
			return;
		}
	}
	struct str value, name = STR_NULL;
	while (s->replace && (name = image_next_broker_option(rq->image, name, &value)).p != NULL)
		if (!named(r, name))
			*ARRAY_ADD(rq->arena, s->sets) = (struct option_set){ arena_str(rq->arena, name), STR_NULL };
	ARRAY_FOREACH(const struct topic_alteration, a, r->alter.settings)
		*ARRAY_ADD(rq->arena, s->sets) = (struct option_set){ a->name,
			a->op == TOPIC_SET ? a->value : STR_NULL };
}

/* ---- the way of both ---- */

static enum api_turn
options_altered(struct request *rq)
{
	struct altering *s = rq->state;
	enum change_result r = s->options.change.result;
	ARRAY_FOREACH(struct resource, res, s->resources)
		if (r != CHANGE_OK && res->type == CONFIG_OF_BROKER && res->error_code == 0)
			refuse(res, (enum kerr)change_code(r), change_text(rq, r, &s->options.change.why));
	return s->answer(rq);
}

static enum api_turn
alter_options(struct request *rq)
{
	struct altering *s = rq->state;
	if (s->sets.n == 0 || s->validate_only)
		return s->answer(rq);
	s->options.options = s->sets.v;
	s->options.n = s->sets.n;
	options_change_init(&s->options);
	return change_submit(rq, &s->options.change, options_altered);
}

static enum api_turn
topics_altered(struct request *rq)
{
	struct altering *s = rq->state;
	for (int32_t i = 0; i < s->topics.n; i++) {
		struct topic_alter *t = &s->topics.topics[i];
		enum change_result r = s->topics.change.result != CHANGE_OK ? s->topics.change.result : t->result;
		refuse(&s->resources.v[s->answers[i]], (enum kerr)change_code(r), change_text(rq, r, &t->why));
	}
	return alter_options(rq);
}

static enum api_turn
alter(struct request *rq)
{
	struct altering *s = rq->state;
	size_t most = (size_t)s->resources.n;
	s->topics.topics = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->topics.topics));
	s->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->answers));
	for (int32_t i = 0; i < s->resources.n; i++) {
		struct resource *r = &s->resources.v[i];
		struct str text = r->error_message;
		enum kerr err = config_gate(rq, r->type, r->name, &text);
		if (err != KERR_NONE)
			refuse(r, err, text);
		if (r->error_code != KERR_NONE)
			continue;
		if (r->type == CONFIG_OF_BROKER) {
			note_options(rq, s, r);
			continue;
		}
		r->alter.name = r->name;
		r->alter.id = image_topic(rq->image, r->name)->id; /* the gate has found it */
		r->alter.replace = s->replace;
		s->answers[s->topics.n] = i;
		s->topics.topics[s->topics.n++] = r->alter;
	}
	if (s->topics.n == 0)
		return alter_options(rq);
	topics_alter_init(&s->topics);
	s->topics.validate_only = s->validate_only;
	s->topics.limited = caller_limited(rq);
	s->topics.limits = &rq->core->settings.limits;
	return change_submit(rq, &s->topics.change, topics_altered);
}

/* The same resource twice in a request has no order that could be meant. */
static void
refuse_repeated(struct request *rq, struct altering *s)
{
	struct name *names = arena_zalloc(rq->arena, ((size_t)s->resources.n + 1) * sizeof(*names));
	for (int32_t i = 0; i < s->resources.n; i++)
		names[i] = NAME((uint32_t)(uint8_t)s->resources.v[i].type, s->resources.v[i].name.s);
	const uint8_t *repeated = names_repeated(rq->arena, names, s->resources.n);
	for (int32_t i = 0; i < s->resources.n; i++)
		if (repeated[i] != 0)
			refuse(&s->resources.v[i], KERR_INVALID_REQUEST, STR("the resource is named more than once"));
}

/* ---- the two requests ---- */

static enum api_turn
answer_whole(struct request *rq)
{
	struct altering *s = rq->state;
	struct alter_configs_rsp *out = rq->out;
	ARRAY_FOREACH(const struct resource, r, s->resources) {
		struct alter_configs_rsp_response *a = WIRE_ADD(rq->arena, out->responses, alter_configs_rsp_response);
		a->error_code = r->error_code;
		a->error_message = r->error_message;
		a->resource_type = r->type;
		a->resource_name = r->name;
	}
	return API_ANSWER;
}

static enum api_turn
answer_incremental(struct request *rq)
{
	struct altering *s = rq->state;
	struct incremental_alter_configs_rsp *out = rq->out;
	ARRAY_FOREACH(const struct resource, r, s->resources) {
		struct incremental_alter_configs_rsp_response *a =
		    WIRE_ADD(rq->arena, out->responses, incremental_alter_configs_rsp_response);
		a->error_code = r->error_code;
		a->error_message = r->error_message;
		a->resource_type = r->type;
		a->resource_name = r->name;
	}
	return API_ANSWER;
}

static struct resource *
add_resource(struct request *rq, struct altering *s, int8_t type, struct name name)
{
	struct resource *r = ARRAY_ADD(rq->arena, s->resources);
	r->type = type;
	r->name = name;
	return r;
}

enum api_turn
api_alter_configs(struct request *rq, const void *vin, void *vout)
{
	const struct alter_configs_req *in = vin;
	struct altering *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	(void)vout;
	s->answer = answer_whole;
	s->replace = true;
	s->validate_only = in->validate_only;
	ARRAY_FOREACH(const struct alter_configs_req_resource, from, in->resources) {
		struct resource *r = add_resource(rq, s, from->resource_type, from->resource_name);
		ARRAY_FOREACH(const struct alter_configs_req_config, c, from->configs)
			*ARRAY_ADD(rq->arena, r->alter.settings) = (struct topic_alteration){ c->name, str_trim(c->value),
				c->value.p == NULL ? TOPIC_UNSET : TOPIC_SET };
	}
	refuse_repeated(rq, s);
	return alter(rq);
}

enum api_turn
api_incremental_alter_configs(struct request *rq, const void *vin, void *vout)
{
	/* Kafka's numbers: 0 set, 1 delete, 2 append, 3 subtract. */
	static const enum topic_alter_op ops[] = { TOPIC_SET, TOPIC_UNSET, TOPIC_APPEND, TOPIC_SUBTRACT };
	const struct incremental_alter_configs_req *in = vin;
	struct altering *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	(void)vout;
	s->answer = answer_incremental;
	s->validate_only = in->validate_only;
	ARRAY_FOREACH(const struct incremental_alter_configs_req_resource, from, in->resources) {
		struct resource *r = add_resource(rq, s, from->resource_type, from->resource_name);
		ARRAY_FOREACH(const struct incremental_alter_configs_req_config, c, from->configs) {
			bool known = c->config_operation >= 0 && c->config_operation <= 3;
			enum topic_alter_op op = known ? ops[c->config_operation] : TOPIC_SET;
			*ARRAY_ADD(rq->arena, r->alter.settings) = (struct topic_alteration){ c->name,
				str_trim(c->value), op };
			if (!known || (op != TOPIC_UNSET && c->value.p == NULL))
				refuse(r, KERR_INVALID_REQUEST, STR("an operation is not known, or lacks its value"));
		}
	}
	refuse_repeated(rq, s);
	return alter(rq);
}
