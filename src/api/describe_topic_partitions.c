/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeTopicPartitions: topics in the order of their names, page by page
 * (KIP-966). A page ends after so many partitions, also within a topic; the
 * cursor says where the next begins.
 */
#include <stdlib.h>

#include "api/authorize.h"
#include "api/request.h"
#include "api/topics.h"
#include "meta/image.h"

#define PAGE_MAX 2000

struct page {
	struct request *rq;
	struct describe_topic_partitions_rsp *out;
	int32_t left;
};

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

/* False when the page is full: the cursor stands where it goes on. */
static bool
add_partitions(struct page *pg, const struct image_topic *t, int32_t first,
    struct describe_topic_partitions_rsp_topic *a)
{
	int32_t node = pg->rq->core->settings.node_id;
	for (int32_t i = first; i < t->partitions; i++) {
		if (pg->left-- == 0) {
			pg->out->next_cursor = arena_zalloc(pg->rq->arena, sizeof(*pg->out->next_cursor));
			pg->out->next_cursor->topic_name = a->name;
			pg->out->next_cursor->partition_index = i;
			return false;
		}
		struct describe_topic_partitions_rsp_partition *p =
		    WIRE_ADD(pg->rq->arena, a->partitions, describe_topic_partitions_rsp_partition);
		p->partition_index = i;
		p->leader_id = node;
		p->leader_epoch = image_leader_epoch(pg->rq->image, t, i);
		*ARRAY_ADD(pg->rq->arena, p->replica_nodes) = node;
		*ARRAY_ADD(pg->rq->arena, p->isr_nodes) = node;
		if (is_offline(pg->rq, t, i))
			*ARRAY_ADD(pg->rq->arena, p->offline_replicas) = node;
		/* Empty, not null: the Java client reads them without asking. */
		p->eligible_leader_replicas.n = p->last_known_elr.n = 0;
	}
	return true;
}

static bool
one(struct page *pg, struct name name, int32_t first)
{
	enum kerr err;
	const struct image_topic *t = find_topic(pg->rq, name, NULL, &err);
	struct describe_topic_partitions_rsp_topic *a =
	    WIRE_ADD(pg->rq->arena, pg->out->topics, describe_topic_partitions_rsp_topic);
	a->name = name;
	if (t == NULL) {
		a->error_code = (int16_t)err;
		return true;
	}
	a->topic_id = t->id;
	a->is_internal = t->internal;
	a->topic_authorized_operations = operations_on(pg->rq, ACL_TOPIC, name);
	return add_partitions(pg, t, first, a);
}

/* Whoever names topics goes on at one of them. */
static bool
cursor_fits(const struct describe_topic_partitions_req *in)
{
	bool there = in->cursor == NULL || in->topics.n <= 0;
	for (int32_t i = 0; i < in->topics.n && !there; i++)
		there = name_eq(in->topics.v[i].name, in->cursor->topic_name);
	return there && (in->cursor == NULL || in->cursor->partition_index >= 0);
}

static enum api_turn
refuse(struct request *rq, const struct describe_topic_partitions_req *in,
    struct describe_topic_partitions_rsp *out)
{
	ARRAY_FOREACH(const struct describe_topic_partitions_req_topic, ask, in->topics) {
		struct describe_topic_partitions_rsp_topic *a =
		    WIRE_ADD(rq->arena, out->topics, describe_topic_partitions_rsp_topic);
		a->name = ask->name;
		a->error_code = KERR_INVALID_REQUEST;
	}
	return API_ANSWER;
}

enum api_turn
api_describe_topic_partitions(struct request *rq, const void *vin, void *vout)
{
	const struct describe_topic_partitions_req *in = vin;
	struct page pg = { .rq = rq, .out = vout, .left = in->response_partition_limit };
	struct { struct name *v; int32_t n; } names = { NULL, 0 };
	uint32_t tenant = request_tenant(rq);
	if (!cursor_fits(in))
		return refuse(rq, in, vout);
	pg.left = pg.left < 1 ? 1 : pg.left > PAGE_MAX ? PAGE_MAX : pg.left;
	const struct image_topic *t = in->topics.n > 0 ? NULL : image_next_topic(rq->image, tenant, STR_NULL);
	for (; t != NULL; t = image_next_topic(rq->image, tenant, t->name.s))
		if (sees_topic(rq, t->name))
			*ARRAY_ADD(rq->arena, names) = t->name;
	ARRAY_FOREACH(const struct describe_topic_partitions_req_topic, ask, in->topics)
		*ARRAY_ADD(rq->arena, names) = ask->name;
	if (names.n > 0)
		qsort(names.v, (size_t)names.n, sizeof(*names.v), by_name);
	for (int32_t i = 0; i < names.n; i++) {
		int order = in->cursor == NULL ? 1 : str_cmp(names.v[i].s, in->cursor->topic_name.s);
		bool twice = i > 0 && name_eq(names.v[i - 1], names.v[i]);
		int32_t first = order == 0 ? in->cursor->partition_index : 0;
		if (order >= 0 && !twice && !one(&pg, names.v[i], first))
			break;
	}
	return API_ANSWER;
}
