/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch. One pass over the partitions asked for collects what lies in memory;
 * where a partition's bytes are on the disk only, a read is started and the pass
 * is repeated when it has ended, now finding the bytes. Where in all there is
 * less than min_bytes and no error, the request waits on all its partitions
 * until one has more or max_wait is over, and then begins a new pass. Every
 * pass asks the permissions of its own moment.
 *
 * With a session (fetch_session.h) the partitions are those that are due when the request comes or
 * become so while it waits, and only what is new is answered.
 *
 * Quotas: of many that wait or read at the same time, each could still find its bucket
 * full. So what is to be read from the disk is promised before, and who finds the bucket
 * empty when he wakes waits on, and is answered with nothing where max_wait is over.
 *
 * Limits: max_bytes for all, partition_max_bytes for each, but the first batch
 * found goes out whatever its size (KIP-74), so that no consumer is stuck.
 */
#include "api/authorize.h"
#include "api/fetch_session.h"
#include "api/request.h"
#include "api/session.h"
#include "api/topics.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define BATCH_USUAL	(64u << 10)	/* bytes; of a batch that comes whatever its size */

/* A partition to look at. */
struct place {
	struct list hook;		/* of the request's, in the order of the answer */
	struct log_waiter waiter;
	struct request *rq;
	struct log_read_job cold;
	struct name topic;
	const struct uuid *id;
	const struct fetch_req_partition *in;
	struct fetch_node *node;	/* of the session; NULL: there is none */

	/* Of the last pass. */
	struct partition *p;		/* the arena holds it */
	struct fetch_ends ends;
	bool failed;			/* an error to report, or where logs part */
	bool has_bytes;
	bool queued, reading, has_cold;
};

struct fetch {
	struct list places;
	struct fetch_session *session;	/* or NULL */
	bool tells_all;			/* not only what is new */
	_Atomic int reads;		/* cold reads under way, and one while they start */
	uint64_t deadline;

	/* Of this pass. */
	const struct place *found;	/* whose topic is the next two */
	const struct image_topic *topic;
	enum kerr topic_err;
	size_t left;			/* of max_bytes */
	size_t bytes;			/* found */
	bool failed;			/* an error to report: do not wait */
	bool cold;			/* reads were started */
	bool has_read;			/* by the pass before: this one takes what they brought */
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

/* All reads together bring no more than may be answered, and one round of them is enough: for
 * whom there is nothing left it is another time. */
static void
start_read(struct fetch *s, struct place *pl, size_t max, bool at_least_one)
{
	size_t left = s->cold_max < s->left ? s->left - s->cold_max : 0;
	at_least_one = at_least_one && !s->cold;
	max = max < left ? max : left;
	if (s->has_read || (max == 0 && !at_least_one))
		return;
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
	LIST_FOREACH(hook, &s->places) {
		struct log_buf *buf = CONTAINER_OF(hook, struct place, hook)->cold.buf;
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

static bool
same_topic(struct name topic, const struct uuid *id, const struct place *pl)
{
	return name_eq(topic, pl->topic) && uuid_eq(id, pl->id);
}

/* Asked once for the partitions of a topic that stand together. */
static const struct image_topic *
topic_of(struct request *rq, struct fetch *s, const struct place *pl, enum kerr *ret_err)
{
	if (s->found == NULL || !same_topic(s->found->topic, s->found->id, pl)) {
		bool by_id = request_flag(rq, FLAG_fetch_by_topic_id);
		s->topic_err = KERR_NONE;
		s->topic = find_topic(rq, pl->topic, by_id ? pl->id : NULL, &s->topic_err);
		s->found = pl;
	}
	*ret_err = s->topic_err;
	return s->topic;
}

/* KERR_NONE, also where logs part; the bytes that were found are in a->records. */
static enum kerr
look_at(struct request *rq, struct fetch *s, struct place *pl, struct fetch_rsp_partition *a)
{
	struct log_read got = { 0 };
	enum kerr err;
	const struct image_topic *topic = topic_of(rq, s, pl, &err);
	pl->p = topic == NULL ? NULL : find_partition(rq, topic, pl->in->partition,
	    pl->in->current_leader_epoch, &err);
	pl->failed = true;
	if (pl->p == NULL)
		return err;
	if (diverges(pl, a))
		return (enum kerr)a->error_code;
	int rc = read_place(rq, s, pl, &got);
	a->high_watermark = a->last_stable_offset = got.ends.high_watermark;
	a->log_start_offset = got.ends.log_start;
	if (rc != 0)
		return kerr_of_read(rc);
	if (got.pieces.n > 0)
		a->records = got.pieces;
	pl->has_bytes = got.bytes > 0;
	s->bytes += got.bytes;
	s->left -= got.bytes < s->left ? got.bytes : s->left;
	pl->failed = false;
	return KERR_NONE;
}

static struct fetch_rsp_partition *
add_answer(struct request *rq, struct fetch_rsp *out, const struct place *pl)
{
	struct fetch_rsp_topic *t = out->responses.n > 0 ? &out->responses.v[out->responses.n - 1] : NULL;
	if (t == NULL || !same_topic(t->topic, &t->topic_id, pl)) {
		t = WIRE_ADD(rq->arena, out->responses, fetch_rsp_topic);
		t->topic = pl->topic;
		t->topic_id = *pl->id;
	}
	return ARRAY_ADD(rq->arena, t->partitions);
}

static void
answer_place(struct request *rq, struct fetch *s, struct place *pl, struct fetch_rsp *out)
{
	struct fetch_rsp_partition a;
	wire_defaults_of(&fetch_rsp_partition_type, &a);
	a.partition_index = pl->in->partition;
	a.high_watermark = -1;
	a.records.n = 0; /* empty, not null: some clients cannot read null */
	pl->has_bytes = false;
	a.error_code = (int16_t)look_at(rq, s, pl, &a);
	s->failed = s->failed || pl->failed;
	pl->ends = pl->failed ? (struct fetch_ends){ -1, -1 } /* its end is news */
	    : (struct fetch_ends){ a.high_watermark, a.log_start_offset };
	if (s->tells_all || pl->failed || pl->has_bytes || fetch_node_is_news(pl->node, &pl->ends))
		*add_answer(rq, out, pl) = a;
}

static void
unqueue(struct request *rq)
{
	struct fetch *s = rq->state;
	if (s->session != NULL)
		fetch_session_park(s->session, NULL);
	LIST_FOREACH(hook, &s->places) {
		struct place *pl = CONTAINER_OF(hook, struct place, hook);
		if (pl->queued)
			partition_wait_cancel(pl->p, &pl->waiter);
		pl->queued = false;
	}
}

static enum api_turn
reads_done(struct request *rq)
{
	struct fetch *s = rq->state;
	LIST_FOREACH(hook, &s->places) {
		struct place *pl = CONTAINER_OF(hook, struct place, hook);
		pl->has_cold = pl->reading;
		pl->reading = false;
	}
	s->has_read = true;
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
	LIST_FOREACH(hook, &s->places) {
		struct place *pl = CONTAINER_OF(hook, struct place, hook);
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
	if (s->session != NULL)
		fetch_session_park(s->session, rq);
	enum api_turn turn = request_park(rq, woken, unqueue, s->deadline, false);
	rq->for_others = true;
	return turn;
}

/* looked: the answer is that of a pass. Partitions with bytes go behind those without, which have
 * waited for longer when there is not room for all. */
static enum api_turn
answer(struct request *rq, struct fetch *s, bool looked)
{
	struct fetch_rsp *out = rq->out;
	if (s->session == NULL)
		return API_ANSWER;
	for (int with_bytes = 0; with_bytes <= 1; with_bytes++) {
		LIST_FOREACH(hook, &s->places) {
			struct place *pl = CONTAINER_OF(hook, struct place, hook);
			bool still = !looked || pl->failed || pl->has_bytes;
			if (pl->has_bytes == with_bytes)
				fetch_session_keep(s->session, pl->node, looked ? &pl->ends : NULL, still ? NULL : pl->p);
		}
	}
	out->session_id = fetch_session_id(s->session);
	if (!looked && fetch_session_is_new(s->session)) { /* it would have to answer all */
		fetch_session_destroy(&rq->session->fetches);
		out->session_id = 0;
	}
	return API_ANSWER;
}

static void
add_place(struct request *rq, struct fetch *s, struct name topic, const struct uuid *id,
    const struct fetch_req_partition *in, struct fetch_node *node)
{
	struct place *pl = arena_zalloc(rq->arena, sizeof(*pl));
	pl->rq = rq;
	pl->topic = topic;
	pl->id = id;
	pl->in = in;
	pl->node = node;
	list_add(&s->places, &pl->hook);
}

static void
add_due(struct request *rq, struct fetch *s)
{
	struct fetch_node *node;
	while (s->session != NULL && (node = fetch_session_next(s->session, rq->image)) != NULL)
		add_place(rq, s, node->topic, &node->id, &node->in, node);
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
	s->has_read = false;
	if (owed == 0) {
		add_due(rq, s);
		return pass(rq);
	}
	out->responses.n = 0;
	if (now >= s->deadline || session_hurries(rq->session))
		return answer(rq, s, false);
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
	rq->beside += s->cold_max;
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
	size_t room = conn_room(rq->session->conn);
	most = most < room ? most : room;
	return most < burst ? most : (size_t)burst;
}

static enum api_turn
pass(struct request *rq)
{
	const struct fetch_req *in = rq->in;
	struct fetch_rsp *out = rq->out;
	struct fetch *s = rq->state;
	size_t min = in->min_bytes < 0 ? 0 : (size_t)in->min_bytes;

	out->responses.n = 0;
	out->responses.v = NULL;
	s->left = most_at_once(rq, in);
	s->bytes = s->cold_max = 0;
	s->failed = s->cold = false;
	s->found = NULL;
	atomic_store(&s->reads, 1);
	LIST_FOREACH(hook, &s->places)
		answer_place(rq, s, CONTAINER_OF(hook, struct place, hook), out);
	if (s->cold && atomic_fetch_sub(&s->reads, 1) > 1)
		return wait_for_reads(rq, s);
	if (s->cold)
		return reads_done(rq);
	bool empty = s->session == NULL && list_empty(&s->places);
	if (s->failed || s->bytes >= min || empty || request_now(rq) >= s->deadline || session_hurries(rq->session))
		return answer(rq, s, true);
	return wait_for_data(rq, s, (uint32_t)(min - s->bytes));
}

static void
add_asked(struct request *rq, struct fetch *s, const struct fetch_req *in)
{
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics)
		ARRAY_FOREACH(const struct fetch_req_partition, p, t->partitions)
			add_place(rq, s, t->topic, &t->topic_id, p, NULL);
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

	list_init(&s->places);
	if ((in->replica_id >= 0 || in->replica_state.replica_id >= 0) && may_cluster(rq) != KERR_NONE)
		return refuse_replica(rq, in, vout);
	enum kerr err = fetch_session_begin(rq, in, &s->session);
	if (err != KERR_NONE) {
		((struct fetch_rsp *)vout)->error_code = (int16_t)err;
		return API_ANSWER;
	}
	s->tells_all = s->session == NULL || fetch_session_is_new(s->session);
	if (s->session == NULL)
		add_asked(rq, s, in);
	arena_link(rq->arena, drop_cold, rq);
	uint64_t wait = in->max_wait_ms < 0 ? 0 : (uint64_t)in->max_wait_ms * NS_PER_MS;
	s->deadline = request_now(rq) + wait;
	return begin(rq);
}
