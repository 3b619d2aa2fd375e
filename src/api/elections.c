/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ElectLeaders and ListPartitionReassignments where there is one broker: it leads what there is, so that no election
 * is needed, and no replica is on its way. They are about the installation and asked as such (`/`).
 */
#include "api/authorize.h"
#include "api/request.h"
#include "meta/image.h"
#include "meta/topics.h"

enum { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };

/* Partitions that one request may name, and topics: each has its answer, also where it is denied. */
#define ELECTIONS_MAX 100000

/* ---- elections ---- */

static struct elect_leaders_rsp_result *
result_for(struct request *rq, struct name topic)
{
	struct elect_leaders_rsp *out = rq->out;
	struct elect_leaders_rsp_result *r = WIRE_ADD(rq->arena, out->replica_election_results, elect_leaders_rsp_result);
	r->topic = topic;
	return r;
}

static void
tell(struct request *rq, struct elect_leaders_rsp_result *r, int32_t partition, enum kerr err, struct str text)
{
	struct elect_leaders_rsp_partition *a = WIRE_ADD(rq->arena, r->partition_result, elect_leaders_rsp_partition);
	a->partition_id = partition;
	a->error_code = (int16_t)err;
	a->error_message = text;
}

/* One answer for each that was named, whatever it is. */
static void
tell_all(struct request *rq, const struct elect_leaders_req *in, enum kerr err, struct str text)
{
	ARRAY_FOREACH(const struct elect_leaders_req_topic, t, in->topic_partitions) {
		struct elect_leaders_rsp_result *r = result_for(rq, t->topic);
		ARRAY_FOREACH(const int32_t, p, t->partitions)
			tell(rq, r, *p, err, text);
	}
}

static void
elect(struct request *rq, const struct elect_leaders_req_topic *in)
{
	const struct image_topic *t = image_topic(rq->image, in->topic);
	struct elect_leaders_rsp_result *r = result_for(rq, in->topic);
	/* Once, and not of a name that is longer than a topic's: the answer would be longer than the question. */
	struct str absent = t != NULL || in->topic.s.n > TOPIC_NAME_MAX ? STR("No such topic")
	    : arena_printf(rq->arena, "No such topic as %.*s", STR_ARG(in->topic.s));
	ARRAY_FOREACH(const int32_t, p, in->partitions) {
		if (t == NULL)
			tell(rq, r, *p, KERR_UNKNOWN_TOPIC_OR_PARTITION, absent);
		else if (*p < 0 || *p >= t->partitions)
			tell(rq, r, *p, KERR_UNKNOWN_TOPIC_OR_PARTITION,
			    arena_printf(rq->arena, "No such partition as %.*s-%d", STR_ARG(in->topic.s), *p));
		else
			tell(rq, r, *p, KERR_ELECTION_NOT_NEEDED, STR("there is one replica, and it leads"));
	}
}

static bool
too_many(const struct elect_leaders_req *in)
{
	int64_t n = 0;
	ARRAY_FOREACH(const struct elect_leaders_req_topic, t, in->topic_partitions)
		n += t->partitions.n;
	return n > ELECTIONS_MAX || in->topic_partitions.n > ELECTIONS_MAX;
}

/* Of all topics, those partitions are told whose leader has changed: none. */
static void
elect_all(struct request *rq)
{
	uint32_t tenant = request_tenant(rq);
	const struct image_topic *t = image_next_topic(rq->image, tenant, STR_NULL);
	for (; t != NULL; t = image_next_topic(rq->image, tenant, t->name.s))
		(void)result_for(rq, t->name);
}

enum api_turn
api_elect_leaders(struct request *rq, const void *vin, void *vout)
{
	const struct elect_leaders_req *in = vin;
	struct elect_leaders_rsp *out = vout;
	struct str text = STR_NULL;
	if (too_many(in)) {
		out->error_code = KERR_INVALID_REQUEST;
		return API_ANSWER;
	}
	out->error_code = (int16_t)may_cluster(rq);
	/* Where nothing is named nothing is wrong, as in Kafka. */
	if (out->error_code == KERR_NONE && in->topic_partitions.n != 0 && in->election_type != ELECT_PREFERRED &&
	    in->election_type != ELECT_UNCLEAN) {
		out->error_code = KERR_INVALID_REQUEST;
		text = arena_printf(rq->arena, "there is no election of type %d", in->election_type);
	}
	if (out->error_code != KERR_NONE)
		tell_all(rq, in, (enum kerr)out->error_code, text);
	else if (in->topic_partitions.n < 0)
		elect_all(rq);
	ARRAY_FOREACH(const struct elect_leaders_req_topic, t, in->topic_partitions)
		if (out->error_code == KERR_NONE)
			elect(rq, t);
	return API_ANSWER;
}

/* ---- reassignments ---- */

enum api_turn
api_list_partition_reassignments(struct request *rq, const void *vin, void *vout)
{
	struct list_partition_reassignments_rsp *out = vout;
	(void)vin;
	out->error_code = (int16_t)may_cluster(rq);
	return API_ANSWER;
}
