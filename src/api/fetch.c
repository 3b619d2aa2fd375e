/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch. One pass over the partitions asked for collects what lies in memory;
 * where a partition's bytes are on the disk only, a read is started and the pass
 * is repeated when it has ended, now finding the bytes. Where in all there is
 * less than min_bytes and no error, the request waits on all its partitions
 * until one has more or max_wait is over, and then begins a new pass. Every
 * pass asks the permissions of its own moment.
 *
 * Quotas: of many that wait or read at the same time, each could still find its bucket
 * full. So what is to be read from the disk is promised before, and who finds the bucket
 * empty when he wakes waits on, and is answered with nothing where max_wait is over.
 *
 * Limits: max_bytes for all, partition_max_bytes for each, but the first batch
 * found goes out whatever its size (KIP-74), so that no consumer is stuck.
 */
#include "api/authorize.h"
#include "api/request.h"
#include "api/session.h"
#include "api/topics.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define BATCH_USUAL	(64u << 10)	/* bytes; of a batch that comes whatever its size */

/* One partition of the request, in the order asked. */
struct place {
	struct log_waiter waiter;
	struct request *rq;
	struct log_read_job cold;
	const struct fetch_req_topic *topic;
	const struct fetch_req_partition *in;
	struct partition *p;		/* of the last pass; the arena holds it */
	bool queued, reading, has_cold;
};

struct fetch {
	struct place *places;
	int32_t n;
	_Atomic int reads;		/* cold reads under way, and one while they start */
	uint64_t deadline;
	size_t left;			/* of max_bytes, in this pass */
	size_t bytes;			/* found in this pass */
	bool failed;			/* an error to report: do not wait */
	bool cold;			/* reads were started in this pass */
	size_t cold_max;		/* bytes that they may bring */
};

static enum api_turn begin(struct request *rq);
static enum api_turn pass(struct request *rq);

static void
has_data(struct log_waiter *w, int err)
{
	(void)err; /* the next pass finds out */
	request_wake(CONTAINER_OF(w, struct place, waiter)->rq);
}

static void
has_read(struct log_read_job *job)
{
	struct place *pl = CONTAINER_OF(job, struct place, cold);
	struct fetch *s = pl->rq->state;
	if (atomic_fetch_sub(&s->reads, 1) == 1)
		request_wake_last(pl->rq);
}

static void
start_read(struct fetch *s, struct place *pl, size_t max, bool at_least_one)
{
	log_buf_put(pl->cold.buf);
	pl->cold = (struct log_read_job){ .p = pl->p, .offset = pl->in->fetch_offset,
		.max_bytes = max, .at_least_one = at_least_one, .done = has_read };
	atomic_fetch_add(&s->reads, 1);
	pl->reading = partition_read_cold(&pl->cold) == 0;
	if (!pl->reading)
		atomic_fetch_sub(&s->reads, 1); /* the disk is busy: nothing this time */
	s->cold = s->cold || pl->reading;
	if (pl->reading)
		s->cold_max += at_least_one && max < BATCH_USUAL ? BATCH_USUAL : max;
}

/* The bytes that a cold read brought; good for one pass, for the next one's
 * answer is a new one. */
static int
take_cold(struct request *rq, struct place *pl, struct log_read *ret)
{
	pl->has_cold = false;
	ret->ends = pl->cold.ends;
	if (pl->cold.buf != NULL) {
		struct piece piece = log_buf_bytes(pl->cold.buf);
		log_buf_link(pl->cold.buf, rq->arena);
		pieces_add(rq->arena, &ret->pieces, piece.p, piece.n);
		ret->bytes = piece.n;
		pl->cold.buf = NULL;
	}
	return pl->cold.err;
}

/* What nobody took: the connection was closed meanwhile, or the topic deleted. Who has it read
 * and goes pays for it as if he had stayed. */
static void
drop_cold(void *arg)
{
	struct request *rq = arg;
	struct fetch *s = rq->state;
	double bytes = 0;
	for (int32_t i = 0; i < s->n; i++) {
		struct log_buf *buf = s->places[i].cold.buf;
		bytes += buf == NULL ? 0 : log_buf_bytes(buf).n;
		log_buf_put(buf);
	}
	quota_settle(&rq->held, bytes, request_now(rq));
}

static int
read_place(struct request *rq, struct fetch *s, struct place *pl, struct log_read *ret)
{
	bool first = s->bytes == 0;
	size_t max = pl->in->partition_max_bytes < 0 ? 0 : (size_t)pl->in->partition_max_bytes;
	if (max > s->left)
		max = s->left;
	if (pl->has_cold)
		return take_cold(rq, pl, ret);
	int err = partition_read(pl->p, pl->in->fetch_offset, max, first, rq->arena, ret);
	if (err != ERR_AGAIN)
		return err;
	start_read(s, pl, max, first);
	return 0;
}

static enum kerr
kerr_of_read(int err)
{
	switch (err) {
	case 0:			return KERR_NONE;
	case ERR_NOTFOUND:	return KERR_OFFSET_OUT_OF_RANGE;
	case ERR_CLOSED:	return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	case ERR_CORRUPT:	return KERR_CORRUPT_MESSAGE;
	}
	return KERR_KAFKA_STORAGE_ERROR;
}

/* A log that others wrote since the client fetched last (KIP-595): where they part. */
static bool
diverges(const struct place *pl, struct fetch_rsp_partition *a)
{
	int32_t epoch;
	int64_t end;
	if (pl->in->last_fetched_epoch < 0)
		return false;
	partition_epoch_end(pl->p, pl->in->last_fetched_epoch, &epoch, &end);
	if (epoch < 0) {
		a->error_code = KERR_OFFSET_OUT_OF_RANGE;
		return true;
	}
	if (epoch == pl->in->last_fetched_epoch && end >= pl->in->fetch_offset)
		return false;
	a->diverging_epoch.epoch = epoch;
	a->diverging_epoch.end_offset = end;
	return true;
}

static void
answer_place(struct request *rq, struct fetch *s, struct place *pl,
    const struct image_topic *topic, enum kerr err, struct fetch_rsp_partition *a)
{
	struct log_read got = { 0 };
	a->partition_index = pl->in->partition;
	a->high_watermark = -1;
	a->records.n = 0; /* empty, not null: some clients cannot read null */
	pl->p = topic == NULL ? NULL : find_partition(rq, topic, pl->in->partition,
	    pl->in->current_leader_epoch, &err);
	if (pl->p == NULL) {
		a->error_code = err;
		s->failed = true;
		return;
	}
	if (diverges(pl, a)) {
		s->failed = true;
		return;
	}
	int rc = read_place(rq, s, pl, &got);
	a->error_code = kerr_of_read(rc);
	a->high_watermark = got.ends.high_watermark;
	a->last_stable_offset = got.ends.high_watermark;
	a->log_start_offset = got.ends.log_start;
	if (rc != 0) {
		s->failed = true;
		return;
	}
	if (got.pieces.n > 0)
		a->records = got.pieces;
	s->bytes += got.bytes;
	s->left -= got.bytes < s->left ? got.bytes : s->left;
}

static void
answer_topic(struct request *rq, struct fetch *s, const struct fetch_req_topic *t,
    struct place *places, struct fetch_rsp *out)
{
	bool by_id = request_flag(rq, FLAG_fetch_by_topic_id);
	enum kerr err;
	const struct image_topic *topic = find_topic(rq, t->topic, by_id ? &t->topic_id : NULL, &err);
	struct fetch_rsp_topic *rt = WIRE_ADD(rq->arena, out->responses, fetch_rsp_topic);
	rt->topic = t->topic;
	rt->topic_id = t->topic_id;
	ARRAY_SIZE(rq->arena, rt->partitions, t->partitions.n < 0 ? 0 : t->partitions.n);
	for (int32_t i = 0; i < rt->partitions.n; i++) {
		wire_defaults_of(&fetch_rsp_partition_type, &rt->partitions.v[i]);
		answer_place(rq, s, &places[i], topic, err, &rt->partitions.v[i]);
	}
}

static void
unqueue(struct request *rq)
{
	struct fetch *s = rq->state;
	for (int32_t i = 0; i < s->n; i++) {
		if (s->places[i].queued)
			partition_wait_cancel(s->places[i].p, &s->places[i].waiter);
		s->places[i].queued = false;
	}
}

static enum api_turn
reads_done(struct request *rq)
{
	struct fetch *s = rq->state;
	for (int32_t i = 0; i < s->n; i++) {
		s->places[i].has_cold = s->places[i].reading;
		s->places[i].reading = false;
	}
	return pass(rq);
}

static enum api_turn
woken(struct request *rq)
{
	unqueue(rq);
	return begin(rq);
}

/* Waits until some partition has what is missing to min_bytes. */
static enum api_turn
wait_for_data(struct request *rq, struct fetch *s, uint32_t missing)
{
	quota_release(&rq->held); /* too little to be answered: nobody pays for it yet */
	for (int32_t i = 0; i < s->n; i++) {
		struct place *pl = &s->places[i];
		struct log_ends ends;
		partition_ends(pl->p, &ends);
		list_init(&pl->waiter.hook);
		pl->waiter.fire = has_data;
		/* What is there already counts: the rest is to come behind it. */
		pl->queued = partition_wait_data(pl->p, &pl->waiter,
		    ends.high_watermark > pl->in->fetch_offset ? ends.high_watermark
		    : pl->in->fetch_offset, missing) == 0;
		if (!pl->queued)
			request_wake(rq); /* it came just now */
	}
	enum api_turn turn = request_park(rq, woken, unqueue, s->deadline, false);
	rq->for_others = true;
	return turn;
}

/* Where its bucket has nothing (any more) it waits until there is something again. */
static enum api_turn
begin(struct request *rq)
{
	struct quota_link *quota = rq->session->quota;
	struct fetch *s = rq->state;
	struct fetch_rsp *out = rq->out;
	uint64_t now = request_now(rq), owed = 0;
	if (quota != NULL) {
		quota_client(quota, rq->header.client_id);
		owed = quota_delay(quota, QUOTA_FETCH, now);
	}
	if (owed == 0)
		return pass(rq);
	out->responses.n = 0;
	if (now >= s->deadline || rq->session->stopping)
		return API_ANSWER;
	enum api_turn turn = request_park(rq, woken, unqueue,
	    now + owed < s->deadline ? now + owed : s->deadline, false);
	rq->for_others = true;
	return turn;
}

/* Waits for the disk; what that will bring is promised at once, as far as it is known. */
static enum api_turn
wait_for_reads(struct request *rq, struct fetch *s)
{
	struct quota_link *quota = rq->session->quota;
	size_t bytes = s->cold_max < s->left ? s->cold_max : s->left;
	if (quota != NULL) {
		quota_client(quota, rq->header.client_id);
		quota_release(&rq->held);
		rq->held = quota_hold(quota, QUOTA_FETCH, (double)bytes);
	}
	return request_park_last(rq, reads_done);
}

/* Bytes that one answer may have. */
static size_t
most_at_once(struct request *rq, const struct fetch_req *in)
{
	size_t most = in->max_bytes < 0 ? 0 : (size_t)in->max_bytes;
	if (most > (size_t)rq->core->settings.fetch_max_bytes)
		most = (size_t)rq->core->settings.fetch_max_bytes;
	uint64_t burst = rq->session->quota == NULL ? UINT64_MAX : quota_most(rq->session->quota, QUOTA_FETCH);
	return most < burst ? most : (size_t)burst;
}

static enum api_turn
pass(struct request *rq)
{
	const struct fetch_req *in = rq->in;
	struct fetch_rsp *out = rq->out;
	struct fetch *s = rq->state;
	struct place *at = s->places;
	size_t min = in->min_bytes < 0 ? 0 : (size_t)in->min_bytes;

	out->responses.n = 0;
	out->responses.v = NULL;
	s->left = most_at_once(rq, in);
	s->bytes = s->cold_max = 0;
	s->failed = s->cold = false;
	atomic_store(&s->reads, 1);
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics) {
		answer_topic(rq, s, t, at, out);
		at += t->partitions.n < 0 ? 0 : t->partitions.n;
	}
	if (s->cold && atomic_fetch_sub(&s->reads, 1) > 1)
		return wait_for_reads(rq, s);
	if (s->cold)
		return reads_done(rq);
	if (s->failed || s->bytes >= min || s->n == 0 || request_now(rq) >= s->deadline ||
	    rq->session->stopping)
		return API_ANSWER;
	return wait_for_data(rq, s, (uint32_t)(min - s->bytes));
}

/* Only brokers replicate, and they do not come through this listener. */
static enum api_turn
refuse_replica(struct request *rq, const struct fetch_req *in, struct fetch_rsp *out)
{
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics) {
		struct fetch_rsp_topic *rt = WIRE_ADD(rq->arena, out->responses, fetch_rsp_topic);
		rt->topic = t->topic;
		rt->topic_id = t->topic_id;
		ARRAY_FOREACH(const struct fetch_req_partition, p, t->partitions) {
			struct fetch_rsp_partition *a = WIRE_ADD(rq->arena, rt->partitions, fetch_rsp_partition);
			a->partition_index = p->partition;
			a->high_watermark = -1;
			a->error_code = KERR_TOPIC_AUTHORIZATION_FAILED;
			a->records.n = 0;
		}
	}
	return API_ANSWER;
}

enum api_turn
api_fetch(struct request *rq, const void *vin, void *vout)
{
	const struct fetch_req *in = vin;
	struct fetch *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	struct place *at;

	if ((in->replica_id >= 0 || in->replica_state.replica_id >= 0) && may_cluster(rq) != KERR_NONE)
		return refuse_replica(rq, in, vout);
	if (in->session_epoch > 0) { /* of a session that nobody was given here */
		((struct fetch_rsp *)vout)->error_code = KERR_FETCH_SESSION_ID_NOT_FOUND;
		return API_ANSWER;
	}
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics)
		s->n += t->partitions.n < 0 ? 0 : t->partitions.n;
	at = s->places = arena_zalloc(rq->arena, (size_t)s->n * sizeof(*s->places));
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics) {
		ARRAY_FOREACH(const struct fetch_req_partition, p, t->partitions) {
			at->rq = rq;
			at->topic = t;
			at->in = p;
			at++;
		}
	}
	arena_link(rq->arena, drop_cold, rq);
	uint64_t wait = in->max_wait_ms < 0 ? 0 : (uint64_t)in->max_wait_ms * NS_PER_MS;
	s->deadline = request_now(rq) + wait;
	return begin(rq);
}
