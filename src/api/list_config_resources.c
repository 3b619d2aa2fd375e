/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListConfigResources (KIP-1142): what DescribeConfigs can be asked of, by the caller: the topics that he sees, and the
 * broker. Of what else Kafka has settings for (loggers, groups, client metrics) there is nothing here.
 */
#include "api/authorize.h"
#include "api/configs.h"
#include "api/request.h"
#include "meta/image.h"

enum { OF_LOGGER = 8, OF_METRICS = 16, OF_GROUP = 32 };

static bool
known(int8_t type)
{
	return type == CONFIG_OF_TOPIC || type == CONFIG_OF_BROKER || type == OF_LOGGER || type == OF_METRICS ||
	    type == OF_GROUP;
}

static void
add(struct request *rq, int8_t type, struct name name)
{
	struct list_config_resources_rsp *out = rq->out;
	struct list_config_resources_rsp_resource *r =
	    WIRE_ADD(rq->arena, out->config_resources, list_config_resources_rsp_resource);
	r->resource_type = type;
	r->resource_name = name;
}

static void
add_topics(struct request *rq)
{
	uint32_t tenant = request_tenant(rq);
	const struct image_topic *t = image_next_topic(rq->image, tenant, STR_NULL);
	for (; t != NULL; t = image_next_topic(rq->image, tenant, t->name.s))
		if (sees_topic(rq, t->name))
			add(rq, CONFIG_OF_TOPIC, t->name);
}

enum api_turn
api_list_config_resources(struct request *rq, const void *vin, void *vout)
{
	const struct list_config_resources_req *in = vin;
	struct list_config_resources_rsp *out = vout;
	bool flag = request_flag(rq, FLAG_list_config_resources_names_types);
	bool topics = flag && in->resource_types.n <= 0, broker = topics;
	out->error_code = (int16_t)may_cluster(rq);
	ARRAY_FOREACH(const int8_t, type, in->resource_types) {
		topics = topics || *type == CONFIG_OF_TOPIC;
		broker = broker || *type == CONFIG_OF_BROKER;
		if (out->error_code == KERR_NONE && !known(*type))
			out->error_code = KERR_UNSUPPORTED_VERSION;
	}
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	if (topics)
		add_topics(rq);
	if (broker)
		add(rq, CONFIG_OF_BROKER, NAME(request_tenant(rq),
		    arena_printf(rq->arena, "%d", rq->core->settings.node_id)));
	return API_ANSWER;
}
