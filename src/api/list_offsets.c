/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets: the ends of a partition, or the first record at or after a time.
 * Ends are answered at once; times may need the disk, so all look-ups of a
 * request are started together and the request waits for the last of them.
 * The epoch in an answer is that of the offset, not the current one.
 */
#include "api/request.h"
#include "api/topics.h"
#include "base/err.h"

enum {
	LATEST = -1,
	EARLIEST = -2,
	MAX_TIMESTAMP = -3,
	EARLIEST_LOCAL = -4,
	LATEST_TIERED = -5,
	EARLIEST_PENDING_UPLOAD = -6,
};

/* Each since a version of its own (KIP-734, 405, 1005, 1023). */
static const int16_t since[] = { [-LATEST] = 1, [-EARLIEST] = 1, [-MAX_TIMESTAMP] = 7,
	[-EARLIEST_LOCAL] = 8, [-LATEST_TIERED] = 9, [-EARLIEST_PENDING_UPLOAD] = 11 };

struct lookup {
	struct log_lookup_job job;
	struct request *rq;
	struct list_offsets_rsp_partition *answer;
	struct lookup *next;
};

struct lookups {
	struct lookup *head;
	_Atomic int open;		/* not done, and one while they are being started */
};

static void
looked_up(struct log_lookup_job *job)
{
	struct lookup *l = CONTAINER_OF(job, struct lookup, job);
	struct lookups *all = l->rq->state;
	if (atomic_fetch_sub(&all->open, 1) == 1)
		request_wake(l->rq);
}

static enum api_turn
answer_lookups(struct request *rq)
{
	struct lookups *all = rq->state;
	for (struct lookup *l = all->head; l != NULL; l = l->next) {
		if (l->job.err == 0) {
			l->answer->timestamp = l->job.ret_time;
			l->answer->offset = l->job.ret_offset;
			l->answer->leader_epoch = l->job.ret_epoch;
		} else if (l->job.err != ERR_NOTFOUND) /* no such record is no error: -1, -1 */
			l->answer->error_code = kerr_of_log(l->job.err);
	}
	return API_ANSWER;
}

static void
start_lookup(struct request *rq, struct partition *p, int64_t time,
    struct list_offsets_rsp_partition *answer)
{
	struct lookups *all = rq->state;
	if (all == NULL) {
		all = rq->state = arena_zalloc(rq->arena, sizeof(*all));
		atomic_init(&all->open, 1);
	}
	struct lookup *l = arena_zalloc(rq->arena, sizeof(*l));
	l->job = (struct log_lookup_job){ .p = p, .time = time, .done = looked_up,
		.what = time == MAX_TIMESTAMP ? LOG_LOOKUP_MAX_TIME : LOG_LOOKUP_TIME };
	l->rq = rq;
	l->answer = answer;
	l->next = all->head;
	atomic_fetch_add(&all->open, 1);
	int err = partition_lookup(&l->job);
	if (err != 0) {
		atomic_fetch_sub(&all->open, 1);
		answer->error_code = KERR_REQUEST_TIMED_OUT;
		return;
	}
	all->head = l;
}

static void
answer_end(struct partition *p, int64_t offset, struct list_offsets_rsp_partition *answer)
{
	answer->offset = offset;
	answer->leader_epoch = partition_epoch_at(p, offset);
}

static void
answer_partition(struct request *rq, const struct image_topic *topic,
    const struct list_offsets_req_partition *in, struct list_offsets_rsp_partition *answer)
{
	enum kerr err;
	struct log_ends ends;
	struct partition *p = find_partition(rq, topic, in->partition_index,
	    in->current_leader_epoch, &err);
	if (p == NULL) {
		answer->error_code = err;
		return;
	}
	if (in->timestamp < 0 && (in->timestamp < EARLIEST_PENDING_UPLOAD ||
	    rq->header.version < since[-in->timestamp])) {
		answer->error_code = KERR_UNSUPPORTED_VERSION;
		return;
	}
	partition_ends(p, &ends);
	switch (in->timestamp) {
	case LATEST:
		answer_end(p, ends.high_watermark, answer);
		answer->leader_epoch = ends.leader_epoch;
		break;
	case EARLIEST:
	case EARLIEST_LOCAL:
		answer_end(p, ends.log_start, answer);
		break;
	case LATEST_TIERED:
	case EARLIEST_PENDING_UPLOAD:
		break; /* nothing is tiered: -1 */
	default:
		start_lookup(rq, p, in->timestamp, answer);
	}
}

enum api_turn
api_list_offsets(struct request *rq, const void *vin, void *vout)
{
	const struct list_offsets_req *in = vin;
	struct list_offsets_rsp *out = vout;

	ARRAY_FOREACH(const struct list_offsets_req_topic, t, in->topics) {
		enum kerr err;
		const struct image_topic *topic = find_topic(rq, t->name, NULL, &err);
		struct list_offsets_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, list_offsets_rsp_topic);
		rt->name = t->name;
		ARRAY_SIZE(rq->arena, rt->partitions, t->partitions.n < 0 ? 0 : t->partitions.n);
		for (int32_t i = 0; i < rt->partitions.n; i++) {
			struct list_offsets_rsp_partition *a = &rt->partitions.v[i];
			wire_defaults_of(&list_offsets_rsp_partition_type, a);
			a->partition_index = t->partitions.v[i].partition_index;
			if (topic == NULL)
				a->error_code = err;
			else
				answer_partition(rq, topic, &t->partitions.v[i], a);
		}
	}
	struct lookups *all = rq->state;
	if (all == NULL || atomic_fetch_sub(&all->open, 1) == 1)
		return all == NULL ? API_ANSWER : answer_lookups(rq);
	return request_park(rq, answer_lookups, NULL, UINT64_MAX, false);
}
