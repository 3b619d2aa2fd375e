/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetForLeaderEpoch: where an epoch ended (KIP-320), to find truncation. */
#include "api/request.h"
#include "api/topics.h"

static void
answer(struct request *rq, const struct image_topic *topic,
    const struct offset_for_leader_epoch_req_partition *in,
    struct offset_for_leader_epoch_rsp_partition *a)
{
	enum kerr err;
	struct partition *p = find_partition(rq, topic, in->partition, in->current_leader_epoch, &err);
	if (p == NULL)
		a->error_code = (int16_t)err;
	else
		partition_epoch_end(p, in->leader_epoch, &a->leader_epoch, &a->end_offset);
}

enum api_turn
api_offset_for_leader_epoch(struct request *rq, const void *vin, void *vout)
{
	const struct offset_for_leader_epoch_req *in = vin;
	struct offset_for_leader_epoch_rsp *out = vout;
	ARRAY_FOREACH(const struct offset_for_leader_epoch_req_topic, t, in->topics) {
		enum kerr err;
		const struct image_topic *topic = find_topic(rq, t->topic, NULL, &err);
		struct offset_for_leader_epoch_rsp_topic *rt =
		    WIRE_ADD(rq->arena, out->topics, offset_for_leader_epoch_rsp_topic);
		rt->topic = t->topic;
		ARRAY_FOREACH(const struct offset_for_leader_epoch_req_partition, p, t->partitions) {
			struct offset_for_leader_epoch_rsp_partition *a =
			    WIRE_ADD(rq->arena, rt->partitions, offset_for_leader_epoch_rsp_partition);
			a->partition = p->partition;
			if (topic == NULL)
				a->error_code = (int16_t)err;
			else
				answer(rq, topic, p, a);
		}
	}
	return API_ANSWER;
}
