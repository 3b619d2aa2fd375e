/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TopicRecover: partitions whose log failed are read again by one job off the
 * loop, and served if they are whole (or by force: then under the next leader epoch). Those
 * that are well are left alone. After a partition of __consumer_offsets its groups are loaded anew.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/groups.h"
#include "api/topics.h"
#include "base/err.h"
#include "meta/image.h"

struct mend {
	struct partition *p;
	struct topic_recover_rsp_partition *answer;
	int err;
};

struct mends {
	struct job job;
	struct request *rq;
	struct change era;
	bool force, internal;
	ARRAY(struct mend) list;
};

static void
run(struct job *job)
{
	struct mends *m = CONTAINER_OF(job, struct mends, job);
	ARRAY_FOREACH(struct mend, one, m->list)
		one->err = partition_recover(one->p, m->force);
	request_wake(m->rq);
}

static void
tell(struct mends *m, const struct mend *one)
{
	struct topic_recover_rsp_partition *a = one->answer;
	struct log_ends ends;
	partition_ends(one->p, &ends);
	a->log_start = ends.log_start;
	a->end = ends.end;
	a->error_code = (int16_t)kerr_of_log(one->err);
	if (one->err == ERR_CORRUPT)
		a->error_message = STR("records that were acknowledged cannot be read: a restart may find them in "
		    "the journal; --force gives them up");
	else if (one->err != 0)
		a->error_message = str_from(err_text(one->err));
	else if (m->internal)
		groups_reload(m->rq->core->groups, a->partition_index);
}

static enum api_turn
answer(struct request *rq)
{
	struct mends *m = rq->state;
	ARRAY_FOREACH(const struct mend, one, m->list)
		tell(m, one);
	return API_ANSWER;
}

/* Who gave records up has begun an era: clients are to hear of the leader epochs in it. */
static enum api_turn
done(struct request *rq)
{
	struct mends *m = rq->state;
	if (store_era(rq->core->store) <= image_era(rq->image))
		return answer(rq);
	era_change_init(&m->era);
	return change_submit(rq, &m->era, answer);
}

/* Internal topics belong to the installation: whoever may change that may mend them. */
static const struct image_topic *
topic_of(struct request *rq, struct name name, enum kerr *ret_err)
{
	const struct image_topic *t = acl_is_internal(name) ? image_topic(rq->image, name) : NULL;
	if (t == NULL)
		return find_topic(rq, name, NULL, ret_err);
	*ret_err = may_cluster(rq);
	return *ret_err == KERR_NONE ? t : NULL;
}

static bool
wanted(const struct topic_recover_req *in, int32_t index)
{
	for (int32_t i = 0; i < in->partitions.n; i++)
		if (in->partitions.v[i] == index)
			return true;
	return in->partitions.n < 0;
}

static void
collect(struct request *rq, struct mends *m, const struct image_topic *t, const struct topic_recover_req *in,
    struct topic_recover_rsp *out)
{
	for (int32_t i = 0; i < t->partitions; i++) {
		enum kerr err;
		struct partition *p = wanted(in, i) ? find_partition(rq, t, i, -1, &err) : NULL;
		if (p == NULL || !partition_failed(p))
			continue;
		*ARRAY_ADD(rq->arena, m->list) = (struct mend){ .p = p };
		WIRE_ADD(rq->arena, out->partitions, topic_recover_rsp_partition)->partition_index = i;
	}
	for (int32_t i = 0; i < m->list.n; i++)
		m->list.v[i].answer = &out->partitions.v[i];
}

enum api_turn
api_topic_recover(struct request *rq, const void *vin, void *vout)
{
	const struct topic_recover_req *in = vin;
	struct topic_recover_rsp *out = vout;
	struct mends *m = rq->state = arena_zalloc(rq->arena, sizeof(*m));
	enum kerr err = KERR_NONE;
	const struct image_topic *t = topic_of(rq, in->topic, &err);
	if (t == NULL) {
		out->error_code = (int16_t)err;
		return API_ANSWER;
	}
	for (int32_t i = 0; i < in->partitions.n; i++)
		if (in->partitions.v[i] < 0 || in->partitions.v[i] >= t->partitions)
			out->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (out->error_code != 0)
		return API_ANSWER;
	m->rq = rq;
	m->force = in->force;
	m->internal = t->internal;
	m->job.run = run;
	collect(rq, m, t, in, out);
	if (m->list.n == 0)
		return API_ANSWER;
	if (workers_submit(rq->core->workers, &m->job) == 0)
		return request_park(rq, done, NULL, UINT64_MAX, false);
	out->error_code = KERR_REQUEST_TIMED_OUT;
	out->partitions.n = 0;
	return API_ANSWER;
}
