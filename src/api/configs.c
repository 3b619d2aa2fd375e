/* SPDX-License-Identifier: Apache-2.0 */
/* The gate of settings: each resource for itself. */
#include "api/configs.h"

#include "api/authorize.h"
#include "api/topics.h"
#include "meta/image.h"

static enum kerr
broker_gate(struct request *rq, struct name name, struct str *ret_text)
{
	int64_t id = rq->core->settings.node_id;
	enum kerr err = may_cluster(rq);
	if (err != KERR_NONE)
		return err;
	if (name.s.n > 0 && (str_to_i64(name.s, 0, INT32_MAX, &id) != 0 || id != rq->core->settings.node_id)) {
		*ret_text = STR("there is no such broker");
		return KERR_INVALID_REQUEST;
	}
	return KERR_NONE;
}

static enum kerr
topic_gate(struct request *rq, struct name name, struct str *ret_text)
{
	enum kerr err;
	struct why why;
	if (find_topic(rq, name, NULL, &err) != NULL)
		return KERR_NONE;
	err = topic_missing(name, err, &why);
	if (why.text[0] != '\0')
		*ret_text = arena_str(rq->arena, str_from(why.text));
	return err;
}

enum kerr
config_gate(struct request *rq, int8_t type, struct name name, struct str *ret_text)
{
	*ret_text = STR_NULL;
	if (type == CONFIG_OF_BROKER)
		return broker_gate(rq, name, ret_text);
	if (type == CONFIG_OF_TOPIC)
		return topic_gate(rq, name, ret_text);
	*ret_text = STR("settings are of topics and of brokers");
	return KERR_INVALID_REQUEST;
}
