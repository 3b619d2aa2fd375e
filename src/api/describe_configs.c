/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeConfigs: of topics what holds and where it comes from; of the broker
 * its options, those marked public to tenants, all to operators. What was set at
 * run time goes before what the file says. A broker without a name stands for the whole
 * cluster: it has what was set at run time, and nothing else.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/configs.h"
#include "api/request.h"
#include "api/topic_settings.h"
#include "meta/image.h"

struct asked {
	struct request *rq;
	const struct describe_configs_req *in;
	const struct describe_configs_req_resource *resource;
	struct describe_configs_rsp_result *out;
};

static bool
wanted(const struct asked *a, struct str name)
{
	if (a->resource->configuration_keys.n <= 0) /* an empty list asks for all, as in Kafka */
		return true;
	ARRAY_FOREACH(const struct str, key, a->resource->configuration_keys)
		if (str_eq(*key, name))
			return true;
	return false;
}

/* from: what holds, then what it hides. */
static struct describe_configs_rsp_config *
add(const struct asked *a, struct str name, const struct setting_source *from, int n)
{
	struct arena *arena = a->rq->arena;
	struct describe_configs_rsp_config *c = WIRE_ADD(arena, a->out->configs, describe_configs_rsp_config);
	c->name = name;
	c->value = from[0].value;
	c->config_source = (int8_t)from[0].source;
	for (int i = 0; a->in->include_synonyms && i < n; i++) {
		struct describe_configs_rsp_synonym *s = WIRE_ADD(arena, c->synonyms, describe_configs_rsp_synonym);
		s->name = from[i].name;
		s->value = from[i].value;
		s->source = (int8_t)from[i].source;
	}
	return c;
}

static void
topic(const struct asked *a)
{
	const struct image_topic *t = image_topic(a->rq->image, a->resource->resource_name);
	for (int i = 0; i < TOPIC_KEYS; i++) {
		struct setting_source from[3];
		struct str name = str_from(topic_keys[i].name);
		if (!wanted(a, name))
			continue;
		int n = topic_setting_sources(a->rq, (enum topic_key)i, &t->set, from);
		struct describe_configs_rsp_config *c = add(a, name, from, n);
		c->config_type = (int8_t)topic_setting_type((enum topic_key)i);
		if (a->in->include_documentation)
			c->documentation = str_from(topic_keys[i].doc);
	}
}

/* Set at run time, in the file, by default; those that are not there are left out. */
static int
option_sources(const struct asked *a, const struct core_option *o, struct setting_source from[3])
{
	struct str set = image_broker_option(a->rq->image, o->name);
	int n = 0;
	if (set.p != NULL)
		from[n++] = (struct setting_source){ o->name, set, CONFIG_DYNAMIC_BROKER };
	if (!str_eq(o->value, o->def) || (o->value.p == NULL) != (o->def.p == NULL))
		from[n++] = (struct setting_source){ o->name, o->value, CONFIG_STATIC_BROKER };
	from[n++] = (struct setting_source){ o->name, o->def, CONFIG_DEFAULT };
	for (int i = 0; o->sensitive && i < n; i++)
		from[i].value = STR_NULL;
	return n;
}

static bool
runtime_option(struct str name)
{
	for (int i = 0; i < TOPIC_KEYS; i++)
		if (str_is(name, topic_keys[i].synonym))
			return true;
	return false;
}

static void
broker(const struct asked *a)
{
	struct core_option o;
	bool tenant = caller_limited(a->rq);
	const struct broker_core *core = a->rq->core;
	bool whole = a->resource->resource_name.s.n == 0;
	for (size_t i = 0; core->option != NULL && core->option(core, i, a->rq->arena, &o); i++) {
		struct setting_source from[3];
		if ((tenant && !o.is_public) || !wanted(a, o.name))
			continue;
		int n = option_sources(a, &o, from);
		if (whole && from[0].source != CONFIG_DYNAMIC_BROKER)
			continue;
		if (whole) {
			from[0].source = CONFIG_DYNAMIC_CLUSTER;
			n = 1;
		}
		struct describe_configs_rsp_config *c = add(a, o.name, from, n);
		c->is_sensitive = o.sensitive;
		c->read_only = !runtime_option(o.name);
		c->config_type = (int8_t)o.type;
		if (a->in->include_documentation)
			c->documentation = o.doc;
	}
}

/* Each resource once: its answer is a thousand times its question. */
static const uint8_t *
repeated_resources(struct request *rq, const struct describe_configs_req *in)
{
	size_t n = in->resources.n > 0 ? (size_t)in->resources.n : 0;
	struct name *names = arena_zalloc(rq->arena, (n + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = NAME((uint32_t)(uint8_t)in->resources.v[i].resource_type, in->resources.v[i].resource_name.s);
	return names_repeated(rq->arena, names, (int32_t)n);
}

enum api_turn
api_describe_configs(struct request *rq, const void *vin, void *vout)
{
	const struct describe_configs_req *in = vin;
	struct describe_configs_rsp *out = vout;
	const uint8_t *repeated = repeated_resources(rq, in);
	ARRAY_FOREACH(const struct describe_configs_req_resource, r, in->resources) {
		if (repeated[r - in->resources.v] == 2)
			continue;
		struct describe_configs_rsp_result *res = WIRE_ADD(rq->arena, out->results, describe_configs_rsp_result);
		struct asked a = { rq, in, r, res };
		res->resource_type = r->resource_type;
		res->resource_name = r->resource_name;
		res->error_code = (int16_t)config_gate(rq, r->resource_type, r->resource_name, &res->error_message);
		if (res->error_code != KERR_NONE)
			continue;
		if (r->resource_type == CONFIG_OF_TOPIC)
			topic(&a);
		else
			broker(&a);
	}
	return API_ANSWER;
}
