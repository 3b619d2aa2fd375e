/* SPDX-License-Identifier: Apache-2.0 */
/* CreatePartitions: the number of a topic's partitions rises, never falls. */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "api/topics.h"
#include "meta/image.h"
#include "meta/topics.h"

struct growth {
	struct topics_grow change;
	int32_t *answers;
	double partitions;
};

static enum api_turn
grown(struct request *rq)
{
	struct growth *g = rq->state;
	struct create_partitions_rsp *out = rq->out;
	for (int32_t i = 0; i < g->change.n; i++) {
		struct topic_grow *t = &g->change.topics[i];
		enum change_result r = g->change.change.result != CHANGE_OK ? g->change.change.result : t->result;
		struct create_partitions_rsp_result *a = &out->results.v[g->answers[i]];
		a->error_code = (int16_t)change_code(r);
		a->error_message = change_text(rq, r, &t->why);
	}
	if (!g->change.validate_only)
		mutations_charge(rq, g->partitions);
	return API_ANSWER;
}

static void
one(struct request *rq, struct growth *g, const struct create_partitions_req_topic *in, bool twice)
{
	struct create_partitions_rsp *out = rq->out;
	struct create_partitions_rsp_result *a = WIRE_ADD(rq->arena, out->results, create_partitions_rsp_result);
	enum kerr err;
	const struct image_topic *t = find_topic(rq, in->name, NULL, &err);
	if (t != NULL)
		err = twice ? KERR_INVALID_REQUEST
		    : request_flag(rq, FLAG_create_partitions_knows_throttling) && mutations_over(rq)
		    ? KERR_THROTTLING_QUOTA_EXCEEDED : KERR_NONE;
	a->name = in->name;
	a->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return;
	g->partitions += in->count > t->partitions ? in->count - t->partitions : 0;
	struct topic_grow *grow = &g->change.topics[g->change.n];
	*grow = (struct topic_grow){ .name = in->name, .id = t->id, .count = in->count };
	grow->assignments.n = in->assignments.n < 0 ? -1 : 0;
	ARRAY_FOREACH(const struct create_partitions_req_assignment, as, in->assignments)
		*ARRAY_ADD(rq->arena, grow->assignments) = (struct topic_assignment){ 0, as->broker_ids.v,
			as->broker_ids.n };
	g->answers[g->change.n++] = out->results.n - 1;
}

enum api_turn
api_create_partitions(struct request *rq, const void *vin, void *vout)
{
	const struct create_partitions_req *in = vin;
	struct growth *g = rq->state = arena_zalloc(rq->arena, sizeof(*g));
	size_t most = in->topics.n > 0 ? (size_t)in->topics.n : 0;
	(void)vout;

	struct name *names = arena_zalloc(rq->arena, (most + 1) * sizeof(*names));
	for (size_t i = 0; i < most; i++)
		names[i] = in->topics.v[i].name;
	const uint8_t *repeated = names_repeated(rq->arena, names, (int32_t)most);
	g->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*g->answers));
	g->change.topics = arena_zalloc(rq->arena, (most + 1) * sizeof(*g->change.topics));
	for (size_t i = 0; i < most; i++)
		if (repeated[i] != 2)
			one(rq, g, &in->topics.v[i], repeated[i] != 0);
	if (g->change.n == 0)
		return API_ANSWER;
	topics_grow_init(&g->change);
	g->change.validate_only = in->validate_only;
	g->change.limited = caller_limited(rq);
	g->change.limits = &rq->core->settings.limits;
	return change_submit(rq, &g->change.change, grown);
}
