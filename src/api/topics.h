/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

/* Finding what a request names, with the protocol's error where it is not there. */

struct image_topic;

/* The topic, or NULL with *ret_err: not allowed goes before not there, so that
 * existence is never told. By id (id not zero): invisible is UNKNOWN_TOPIC_ID. */
const struct image_topic *find_topic(struct request *rq, struct name name,
    const struct uuid *id, enum kerr *ret_err);

/* The error to tell of a topic that find_topic() by name gave err for: one that can never
 * exist is INVALID_TOPIC_EXCEPTION, at which clients give up, with the reason in *ret_why. */
enum kerr topic_missing(struct name name, enum kerr err, struct why *ret_why);

/* A reference to one partition's log, dropped with the request's arena; NULL
 * with *ret_err. current_epoch: what the client believes (-1: it does not say). */
struct partition *find_partition(struct request *rq, const struct image_topic *topic,
    int32_t index, int32_t current_epoch, enum kerr *ret_err);

/* Whether a partition's log has failed and waits for `topic recover`: then its replica here is told as
 * offline. It leads nevertheless, as there is none else and what lies before the failure is read. */
bool is_offline(struct request *rq, const struct image_topic *topic, int32_t index);

/* The error for a failed append, read or look-up of the log. */
enum kerr kerr_of_log(int err);
