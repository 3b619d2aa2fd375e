/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteRecords: the start of a partition moves up. One checkpoint keeps all of a
 * request; it is synced, so they are done by one job off the loop.
 */
#include "api/request.h"
#include "api/topics.h"
#include "base/err.h"
#include "meta/image.h"

struct cut {
	struct partition *p;
	int64_t offset;
	struct delete_records_rsp_partition *answer;
};

struct cuts {
	struct job job;
	struct request *rq;
	ARRAY(struct cut) list;
};

static void
run(struct job *job)
{
	struct cuts *c = CONTAINER_OF(job, struct cuts, job);
	struct partition *moved = NULL;
	ARRAY_FOREACH(struct cut, cut, c->list) {
		int64_t start = -1;
		int err = partition_move_start(cut->p, cut->offset, &start);
		cut->answer->low_watermark = start;
		cut->answer->error_code = (int16_t)kerr_of_log(err);
		moved = err == 0 ? cut->p : moved;
	}
	int err = moved == NULL ? 0 : partition_keep_starts(moved);
	ARRAY_FOREACH(struct cut, cut, c->list) {
		if (err == 0 || cut->answer->error_code != KERR_NONE)
			continue;
		cut->answer->low_watermark = -1;
		cut->answer->error_code = (int16_t)kerr_of_log(err);
	}
	request_wake(c->rq);
}

static enum api_turn
done(struct request *rq)
{
	(void)rq;
	return API_ANSWER;
}

static void
note(struct request *rq, struct cuts *c, const struct image_topic *topic,
    const struct delete_records_req_partition *in, struct delete_records_rsp_partition *a)
{
	enum kerr err;
	struct partition *p = find_partition(rq, topic, in->partition_index, -1, &err);
	if (p == NULL)
		a->error_code = (int16_t)err;
	else if (in->offset < -1)
		a->error_code = KERR_OFFSET_OUT_OF_RANGE;
	else if ((topic->config.log.cleanup & LOG_CLEANUP_DELETE) == 0)
		a->error_code = KERR_POLICY_VIOLATION; /* compacted only: Kafka refuses as well */
	else
		*ARRAY_ADD(rq->arena, c->list) = (struct cut){ p, in->offset, a };
}

enum api_turn
api_delete_records(struct request *rq, const void *vin, void *vout)
{
	const struct delete_records_req *in = vin;
	struct delete_records_rsp *out = vout;
	struct cuts *c = arena_zalloc(rq->arena, sizeof(*c));
	c->rq = rq;
	ARRAY_FOREACH(const struct delete_records_req_topic, t, in->topics) {
		enum kerr err;
		const struct image_topic *topic = find_topic(rq, t->name, NULL, &err);
		struct delete_records_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, delete_records_rsp_topic);
		rt->name = t->name;
		ARRAY_SIZE(rq->arena, rt->partitions, t->partitions.n < 0 ? 0 : t->partitions.n);
		for (int32_t i = 0; i < rt->partitions.n; i++) {
			struct delete_records_rsp_partition *a = &rt->partitions.v[i];
			a->partition_index = t->partitions.v[i].partition_index;
			a->low_watermark = -1;
			if (topic == NULL)
				a->error_code = (int16_t)err;
			else
				note(rq, c, topic, &t->partitions.v[i], a);
		}
	}
	c->job.run = run;
	if (c->list.n == 0)
		return API_ANSWER;
	if (workers_submit(rq->core->workers, &c->job) != 0) {
		ARRAY_FOREACH(struct cut, cut, c->list)
			cut->answer->error_code = KERR_REQUEST_TIMED_OUT;
		return API_ANSWER;
	}
	return request_park(rq, done, NULL, UINT64_MAX, false);
}
