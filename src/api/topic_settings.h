/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "meta/topic_config.h"

/* Where a value comes from, and what it is: Kafka's numbers (DescribeConfigs). */
enum config_source {
	CONFIG_TOPIC = 1,
	CONFIG_DYNAMIC_BROKER = 2,
	CONFIG_DYNAMIC_CLUSTER = 3,
	CONFIG_STATIC_BROKER = 4,
	CONFIG_DEFAULT = 5,
};

enum config_type {
	CONFIG_BOOLEAN = 1,
	CONFIG_STRING = 2,
	CONFIG_INT = 3,
	CONFIG_LONG = 5,
	CONFIG_DOUBLE = 6,
	CONFIG_LIST = 7,
};

struct setting_source {
	struct str name, value;
	enum config_source source;
};

/* All values of one setting, the one that holds first; at most three. Views of
 * the image and of set. */
int topic_setting_sources(struct request *rq, enum topic_key key, const struct topic_overrides *set,
    struct setting_source ret[3]);
enum config_type topic_setting_type(enum topic_key key);
