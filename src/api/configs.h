/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

/* What the three APIs of settings have in common. */

/* Kafka's types of resources that have settings. */
enum config_resource {
	CONFIG_OF_TOPIC = 2,
	CONFIG_OF_BROKER = 4,
};

/* Whether the caller may do the row's operation on this resource; for a topic by
 * its name, there or not. What is no resource here is INVALID_REQUEST, with a
 * sentence. */
enum kerr config_gate(struct request *rq, int8_t type, struct name name, struct str *ret_text);
