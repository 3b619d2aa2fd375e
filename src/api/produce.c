/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce: check each batch, append it to its partition, answer when all of
 * them are durable.
 *
 * A batch is validated before any lock is taken, a large compressed one by a
 * worker, of one request a few at a time: others' work comes in between. Nothing of the request is appended before all of it has been
 * checked, so that its order is kept. Appending returns at once;
 * what follows is waiting: first, where too much is unwritten, for room (the
 * connection reads nothing meanwhile: that is the back-pressure), then for
 * durability. acks=0 is not answered; where it fails the connection is closed,
 * which is all that the protocol has for it.
 */
#include "api/authorize.h"
#include "api/batches.h"
#include "api/bounds.h"
#include "api/request.h"
#include "api/session.h"
#include "api/topics.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/batch.h"

#define CHECKS_AT_A_TIME	2	/* that one request has workers do */

enum stage {
	STAGE_DONE,		/* answered, well or badly */
	STAGE_CHECK,		/* a worker is to look at it */
	STAGE_LOOK,		/* a worker does */
	STAGE_ROOM,		/* to be appended, once there is room */
	STAGE_DURABLE,		/* appended, waits for the disk */
};

struct item {
	struct log_waiter waiter;
	struct request *rq;
	enum stage stage;
	int err;			/* of the wait */
	bool queued, fired;		/* the waiter is, or was, in the partition's list; its turn has come */
	struct name topic;
	struct partition *p;
	int64_t end;			/* of what was appended */
	struct intake *in;
	struct produce_rsp_partition *answer;
};

struct produce {
	ARRAY(struct item) items;
	/* Not fired or checked yet, and one while they are set up: if all others have fired by the
	 * end of that, the last of them has left the waking to whoever takes that one off. */
	_Atomic int waiting;
	struct request *rq;
	int16_t acks;
	uint64_t deadline;
	bool failed;
	int32_t nameable;		/* of all its intakes */
	size_t at_once;
	int32_t first, next;		/* the items that workers have been given last end before next */
};

static void
fired(struct log_waiter *w, int err)
{
	struct item *it = CONTAINER_OF(w, struct item, waiter);
	struct produce *s = it->rq->state;
	it->err = err;
	it->fired = true;
	if (atomic_fetch_sub(&s->waiting, 1) == 1)
		request_wake(it->rq);
}

static void
ready_to_wait(struct produce *s, struct item *it)
{
	list_init(&it->waiter.hook);
	it->waiter.fire = fired;
	it->err = 0;
	it->fired = false;
	atomic_fetch_add(&s->waiting, 1);
}

/* Whether it waits, after all. */
static void
waits(struct produce *s, struct item *it, bool queued)
{
	it->queued = queued;
	if (!queued)
		atomic_fetch_sub(&s->waiting, 1);
}

static void
fail(struct produce *s, struct item *it, enum kerr err)
{
	it->stage = STAGE_DONE;
	it->answer->error_code = err;
	s->failed = true;
}

static enum kerr
kerr_of_verdict(enum append_verdict v)
{
	switch (v) {
	case APPEND_OLD_DUPLICATE:	return KERR_DUPLICATE_SEQUENCE_NUMBER;
	case APPEND_OUT_OF_ORDER:	return KERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
	case APPEND_OLD_EPOCH:		return KERR_INVALID_PRODUCER_EPOCH;
	case APPEND_NEW:
	case APPEND_DUPLICATE:
		break;
	}
	return KERR_NOT_LEADER_OR_FOLLOWER;
}

/* Storage errors as the version knows them; never 45, which clients take as a
 * reason to begin a new sequence and write twice. */
static enum kerr
kerr_of_append(struct request *rq, int err)
{
	if (err == ERR_CLOSED)
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	return request_flag(rq, FLAG_produce_storage_error) ? KERR_KAFKA_STORAGE_ERROR
	    : KERR_NOT_LEADER_OR_FOLLOWER;
}

/* Bytes of tenants that have a limit of them; of who works in another's, nobody's. */
static void
count_stored(struct request *rq, const struct item *it)
{
	if (rq->session->quota != NULL && rq->session->principal.user.tenant == it->topic.tenant)
		quota_link_add(rq->session->quota, QUOTA_STORED, (double)it->in->n);
}

static int
append_batch(struct produce *s, struct item *it, bool known, struct append_result *ret)
{
	ready_to_wait(s, it);
	int err = partition_append(it->p, &(struct append){ .batch = it->in->batch, .n = it->in->n,
	    .leader_epoch = -1, .waiter = s->acks == 0 ? NULL : &it->waiter, .more = true, .known = known }, ret);
	waits(s, it, err == 0 && s->acks != 0 && ret->waiting);
	return err;
}

/* The first batch of a producer that the partition does not know. ERR_LIMIT: failed, it may know no more. The error
 * is final: a client that tried again later could find its second batch in the log before its first. */
static int
append_stranger(struct request *rq, struct produce *s, struct item *it, struct append_result *ret)
{
	struct str message;
	if (!bounds_allow_producer(rq, it->topic, &message)) {
		fail(s, it, KERR_POLICY_VIOLATION);
		it->answer->error_message = message;
		return ERR_LIMIT;
	}
	int err = append_batch(s, it, false, ret);
	if (err == 0 && ret->stranger)
		bounds_add_producer(rq, it->topic);
	return err;
}

static void
append_item(struct request *rq, struct produce *s, struct item *it)
{
	struct append_result res;
	struct log_ends ends;
	/* It has waited: what was allowed then may not be now. */
	enum kerr denied = rq->frame == NULL ? may_topic(rq, it->topic) : KERR_NONE;
	if (denied != KERR_NONE) {
		fail(s, it, denied);
		return;
	}
	int err = append_batch(s, it, true, &res);
	if (err == ERR_CONFLICT && res.stranger) {
		err = append_stranger(rq, s, it, &res);
		if (it->stage == STAGE_DONE)
			return;
	}
	if (err == ERR_AGAIN) {
		it->stage = STAGE_ROOM;
		return;
	}
	if (err == ERR_CONFLICT) { /* clients want to know whether what they wrote before is gone */
		partition_ends(it->p, &ends);
		it->answer->log_start_offset = ends.log_start;
	}
	if (err != 0) {
		fail(s, it, err == ERR_CONFLICT ? kerr_of_verdict(res.verdict) : kerr_of_append(rq, err));
		return;
	}
	if (res.verdict == APPEND_NEW)
		count_stored(rq, it);
	it->answer->base_offset = res.base;
	it->answer->log_start_offset = res.log_start;
	if (batch_is_append_time(it->in->batch) || res.append_ms >= 0)
		it->answer->log_append_time_ms = res.append_ms >= 0 ? res.append_ms
		    : batch_max_timestamp(it->in->batch);
	it->stage = s->acks == 0 ? STAGE_DONE : STAGE_DURABLE;
	it->end = res.end;
}

/* Asks the partition to fire the item's waiter; false where there is nothing to
 * wait for (any more): it is so already, or the log has failed meanwhile. */
static bool
queue_item(struct produce *s, struct item *it)
{
	ready_to_wait(s, it);
	int err = it->stage == STAGE_ROOM ? partition_wait_room(it->p, &it->waiter)
	    : partition_wait_durable(it->p, &it->waiter, it->end);
	waits(s, it, err == 0);
	if (err != 0 && err != ERR_EXISTS)
		it->err = err;
	return err == 0;
}

/* What became of an item that waited for durability. */
static void
finish_item(struct request *rq, struct produce *s, struct item *it)
{
	struct log_ends ends;
	if (it->err != 0)
		fail(s, it, it->err == ERR_CLOSED ? KERR_UNKNOWN_TOPIC_OR_PARTITION
		    : KERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
	else if (it->fired)
		it->stage = STAGE_DONE;
	else {
		partition_ends(it->p, &ends);
		if (ends.high_watermark >= it->end)
			it->stage = STAGE_DONE;
		else if (rq->by_deadline)
			fail(s, it, KERR_REQUEST_TIMED_OUT);
	}
}

static void
drop_waiters(struct request *rq)
{
	struct produce *s = rq->state;
	ARRAY_FOREACH(struct item, it, s->items)
		if (it->queued)
			partition_wait_cancel(it->p, &it->waiter);
}

static enum api_turn go_on(struct request *rq);

/* Waits for everything that is not done. A batch lies in the frame, which is gone
 * when the handler returns: what is still to be appended is copied. */
static enum api_turn
wait_for_rest(struct request *rq, struct produce *s)
{
	bool appended = true;
	ARRAY_FOREACH(struct item, it, s->items) {
		if (it->stage == STAGE_ROOM && rq->frame != NULL)
			intake_keep(rq, it->in);
		appended = appended && it->stage != STAGE_ROOM;
		if (it->stage != STAGE_DONE && !it->queued)
			(void)queue_item(s, it);
	}
	if (atomic_fetch_sub(&s->waiting, 1) == 1)
		request_wake(rq);
	return request_park(rq, go_on, drop_waiters, s->deadline, appended);
}

static enum api_turn
answer(struct produce *s)
{
	if (s->acks != 0)
		return API_ANSWER;
	return s->failed ? API_CLOSE : API_SILENT;
}

static enum api_turn
go_on(struct request *rq)
{
	struct produce *s = rq->state;
	bool done = true;
	drop_waiters(rq);
	atomic_store(&s->waiting, 1);
	ARRAY_FOREACH(struct item, it, s->items) {
		it->queued = false;
		if (it->stage == STAGE_ROOM && rq->by_deadline)
			fail(s, it, KERR_REQUEST_TIMED_OUT);
		else if (it->stage == STAGE_ROOM)
			append_item(rq, s, it);
		else if (it->stage == STAGE_DURABLE)
			finish_item(rq, s, it);
		done = done && it->stage == STAGE_DONE;
	}
	return done ? answer(s) : wait_for_rest(rq, s);
}

static void
add_item(struct request *rq, struct produce *s, const struct image_topic *topic, struct name name,
    const struct produce_req_partition *in, struct produce_rsp_partition *out, enum kerr err)
{
	struct partition *p = topic == NULL ? NULL : find_partition(rq, topic, in->index, -1, &err);
	struct item it = { .rq = rq, .stage = STAGE_ROOM, .topic = name, .p = p, .answer = out };
	out->index = in->index;
	if (p == NULL) {
		out->error_code = err;
		s->failed = true;
		return;
	}
	it.in = arena_zalloc(rq->arena, sizeof(*it.in));
	it.in->owner = s;
	it.in->nameable = &s->nameable;
	it.in->at_once = &s->at_once;
	if (!intake_begin(rq, topic, &in->records, it.in, out))
		it.stage = STAGE_CHECK;
	else if (it.in->err != KERR_NONE)
		fail(s, &it, it.in->err);
	*ARRAY_ADD(rq->arena, s->items) = it;
}

static void
add_topic(struct request *rq, struct produce *s, const struct produce_req_topic *t,
    struct produce_rsp *out)
{
	enum kerr err;
	const struct image_topic *topic = find_topic(rq, t->name, NULL, &err);
	struct produce_rsp_topic *rt = WIRE_ADD(rq->arena, out->responses, produce_rsp_topic);
	rt->name = t->name;
	ARRAY_SIZE(rq->arena, rt->partition_responses, t->partition_data.n < 0 ? 0 : t->partition_data.n);
	for (int32_t i = 0; i < rt->partition_responses.n; i++) {
		struct produce_rsp_partition *a = &rt->partition_responses.v[i];
		wire_defaults_of(&produce_rsp_partition_type, a);
		a->base_offset = -1;
		add_item(rq, s, topic, t->name, &t->partition_data.v[i], a, err);
	}
}

static enum api_turn
append_all(struct request *rq, struct produce *s)
{
	bool done = true;
	atomic_store(&s->waiting, 1);
	ARRAY_FOREACH(struct item, it, s->items) {
		if (it->stage == STAGE_ROOM)
			append_item(rq, s, it);
		done = done && it->stage == STAGE_DONE;
	}
	return done ? answer(s) : wait_for_rest(rq, s);
}

/* ---- what workers check ---- */

static enum api_turn check_some(struct request *rq, struct produce *s);

static enum api_turn
some_checked(struct request *rq)
{
	struct produce *s = rq->state;
	for (int32_t i = s->first; i < s->next; i++) {
		struct item *it = &s->items.v[i];
		if (it->stage != STAGE_LOOK)
			continue;
		it->stage = STAGE_ROOM;
		intake_end(rq, it->in, it->answer);
		if (it->in->err != KERR_NONE)
			fail(s, it, it->in->err);
	}
	return check_some(rq, s);
}

static void
checked(struct intake *in)
{
	struct produce *s = in->owner;
	if (atomic_fetch_sub(&s->waiting, 1) == 1)
		request_wake(s->rq);
}

/* The next ones. A worker cannot be called back, so the request outlives its connection
 * until they are done. */
static enum api_turn
check_some(struct request *rq, struct produce *s)
{
	int submitted = 0;
	atomic_store(&s->waiting, 1);
	s->first = s->next;
	for (; s->next < s->items.n && submitted < CHECKS_AT_A_TIME; s->next++) {
		struct item *it = &s->items.v[s->next];
		if (it->stage != STAGE_CHECK)
			continue;
		it->stage = STAGE_LOOK;
		submitted++;
		atomic_fetch_add(&s->waiting, 1);
		intake_submit(rq, it->in, checked);
	}
	if (submitted == 0)
		return append_all(rq, s);
	if (atomic_fetch_sub(&s->waiting, 1) == 1)
		request_wake(rq);
	return request_park(rq, some_checked, NULL, UINT64_MAX, false);
}

/* The frame goes when the handler returns: what is still needed of it is copied. */
static enum api_turn
check_rest(struct request *rq, struct produce *s)
{
	ARRAY_FOREACH(struct item, it, s->items)
		if (it->stage == STAGE_CHECK || it->stage == STAGE_ROOM)
			intake_keep(rq, it->in);
	return check_some(rq, s);
}

/* Whether the tenant may store as much more. All of the request, or nothing: a part would be half of what
 * a program thinks of as one. */
static bool
has_place(struct request *rq, struct str *ret_message)
{
	struct session *s = rq->session;
	if (s->quota == NULL || quota_link_fits(s->quota, QUOTA_STORED, (double)rq->bytes_in))
		return true;
	return bounds_allow(rq, QUOTA_STORED, (double)rq->bytes_in, ret_message);
}

/* Behind the gate: who may write nothing is not told what the tenant has. The error is final: a program is told at
 * once, and retention has its own time. */
static void
look_for_place(struct request *rq, struct produce *s)
{
	struct str message = STR_NULL;
	bool any = false;
	ARRAY_FOREACH(const struct item, it, s->items)
		any = any || it->stage != STAGE_DONE;
	if (!any || has_place(rq, &message))
		return;
	ARRAY_FOREACH(struct item, it, s->items) {
		if (it->stage == STAGE_DONE)
			continue;
		fail(s, it, KERR_POLICY_VIOLATION);
		it->answer->error_message = message;
	}
}

/* An error of the whole request, which the response has no field for. */
static enum api_turn
refuse(struct request *rq, const struct produce_req *in, struct produce_rsp *out, enum kerr err)
{
	ARRAY_FOREACH(const struct produce_req_topic, t, in->topic_data) {
		struct produce_rsp_topic *rt = WIRE_ADD(rq->arena, out->responses, produce_rsp_topic);
		rt->name = t->name;
		ARRAY_FOREACH(const struct produce_req_partition, p, t->partition_data) {
			struct produce_rsp_partition *a = WIRE_ADD(rq->arena, rt->partition_responses,
			    produce_rsp_partition);
			a->index = p->index;
			a->base_offset = -1;
			a->error_code = err;
		}
	}
	return in->acks == 0 ? API_CLOSE : API_ANSWER;
}

enum api_turn
api_produce(struct request *rq, const void *vin, void *vout)
{
	const struct produce_req *in = vin;
	struct produce_rsp *out = vout;
	struct produce *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	enum kerr err = KERR_NONE;

	s->rq = rq;
	s->acks = in->acks;
	s->nameable = INTAKE_NAMEABLE;
	s->at_once = INTAKE_AT_ONCE;
	s->deadline = request_now(rq) + (uint64_t)(in->timeout_ms < 0 ? 0 : in->timeout_ms) * NS_PER_MS;
	if (request_flag(rq, FLAG_produce_too_old))
		err = KERR_UNSUPPORTED_VERSION;
	else if (in->acks < -1 || in->acks > 1)
		err = KERR_INVALID_REQUIRED_ACKS;
	else if (in->transactional_id.s.p != NULL)
		err = may_txn(rq, in->transactional_id);
	if (err != KERR_NONE)
		return refuse(rq, in, out, err);
	ARRAY_FOREACH(const struct produce_req_topic, t, in->topic_data)
		add_topic(rq, s, t, out);
	look_for_place(rq, s);
	ARRAY_FOREACH(const struct item, it, s->items)
		if (it->stage == STAGE_CHECK)
			return check_rest(rq, s);
	return append_all(rq, s);
}
