/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

struct image_topic;

/* The one batch of a partition's records, checked by the topic's rules and as it
 * is to be appended (LogAppendTime set). Errors name the record in answer. */
enum kerr batches_accept(struct request *rq, const struct image_topic *topic,
    const struct pieces *records, const uint8_t **ret_batch, size_t *ret_n,
    struct produce_rsp_partition *answer);
