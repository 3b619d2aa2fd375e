/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "net/payers.h"

/*
 * Limits of amounts (tenant/quota.h) as requests meet them: what does not fit is refused with a sentence for the
 * client, and the log names the limit once a minute. Who works in another tenant than his own, an operator, is
 * not bound by either's.
 */
bool bounds_allow(struct request *rq, enum quota_key key, double more, struct str *ret_message);
/* Whether the group is there or may be made. */
bool bounds_allow_group(struct request *rq, struct name group);
/* Whether a partition of the topic may know one more idempotent producer, and that it does: of the tenant's, and of the
 * topic's owner's, whoever produces. */
bool bounds_allow_producer(struct request *rq, struct name topic, struct str *ret_message);
void bounds_add_producer(struct request *rq, struct name topic);
/* One more connection of the user, by whichever protocol: its link; NULL: too many, which the log of ev is told.
 * Operators always come in: who else would raise the limit? */
struct quota_link *bounds_open(const struct broker_core *core, const struct principal *p, const struct event *ev, uint64_t now_ns,
    struct arena *arena, struct str *ret_message);
/* For the limit of memory, which refuses nothing: requests wait, but for a frame (else 0) that will never have room. */
void bounds_tell_memory(const struct session *s, const struct payer_bound *bound, size_t frame);
/* For a limit that a change of the metadata has met: why says which. */
void bounds_tell(struct request *rq, enum quota_key key, const char *why);
