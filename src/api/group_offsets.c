/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OffsetCommit, OffsetFetch, OffsetDelete. The group's right is asked once, the
 * topics' one by one; what was read or written is told when it is durable. That
 * a partition has no offset is no error: it is -1.
 */
#include "api/authorize.h"
#include "api/bounds.h"
#include "api/changes.h"
#include "api/groups.h"
#include "api/session.h"
#include "api/topics.h"
#include "base/mem.h"

/* ---- commit ---- */

static void
commit_failed(struct request *rq)
{
	struct offset_commit_rsp *out = rq->out;
	ARRAY_FOREACH(struct offset_commit_rsp_topic, t, out->topics)
		ARRAY_FOREACH(struct offset_commit_rsp_partition, p, t->partitions)
			if (p->error_code == KERR_NONE)
				p->error_code = KERR_COORDINATOR_NOT_AVAILABLE;
}

/* How many of the items are its partitions'. */
static int32_t
collect_topic(struct request *rq, const struct offset_commit_req_topic *t, struct coord_commit *items)
{
	enum kerr err;
	bool by_id = request_flag(rq, FLAG_offset_commit_by_topic_id);
	const struct image_topic *topic = find_topic(rq, t->name, by_id ? &t->topic_id : NULL, &err);
	for (int32_t i = 0; i < t->partitions.n; i++) {
		const struct offset_commit_req_partition *p = &t->partitions.v[i];
		items[i] = (struct coord_commit){ .partition = p->partition_index, .offset = p->committed_offset,
			.leader_epoch = p->committed_leader_epoch, .metadata = p->committed_metadata };
		if (topic == NULL)
			items[i].err = err;
		else if (p->partition_index < 0 || p->partition_index >= topic->partitions)
			items[i].err = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		if (topic != NULL)
			items[i].topic = arena_str(rq->arena, topic->name.s);
	}
	return t->partitions.n < 0 ? 0 : t->partitions.n;
}

static void
answer_commits(struct request *rq, const struct offset_commit_req *in, const struct coord_commit *items,
    enum kerr err, struct offset_commit_rsp *out)
{
	ARRAY_FOREACH(const struct offset_commit_req_topic, t, in->topics) {
		struct offset_commit_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, offset_commit_rsp_topic);
		rt->name = t->name;
		rt->topic_id = t->topic_id;
		ARRAY_FOREACH(const struct offset_commit_req_partition, p, t->partitions) {
			struct offset_commit_rsp_partition *rp = WIRE_ADD(rq->arena, rt->partitions,
			    offset_commit_rsp_partition);
			rp->partition_index = p->partition_index;
			rp->error_code = (int16_t)(items == NULL ? err : (items++)->err);
		}
	}
}

enum api_turn
api_offset_commit(struct request *rq, const void *vin, void *vout)
{
	const struct offset_commit_req *in = vin;
	int32_t n = 0, at = 0;
	int64_t barrier = -1;
	enum kerr err = may_group(rq, in->group_id);
	if (err == KERR_NONE && !bounds_allow_group(rq, in->group_id))
		err = KERR_INVALID_COMMIT_OFFSET_SIZE; /* as where the memory of groups is used up */
	if (err != KERR_NONE) {
		answer_commits(rq, in, NULL, err, vout);
		return API_ANSWER;
	}
	ARRAY_FOREACH(const struct offset_commit_req_topic, t, in->topics)
		n += t->partitions.n < 0 ? 0 : t->partitions.n;
	struct coord_commit *items = arena_zalloc(rq->arena, (size_t)n * sizeof(*items));
	bool any = false;
	ARRAY_FOREACH(const struct offset_commit_req_topic, t, in->topics)
		for (int32_t end = at + collect_topic(rq, t, items + at); at < end; at++)
			any |= items[at].err == KERR_NONE;
	struct group_caller caller_ = { in->member_id, in->group_instance_id,
		in->generation_id_or_member_epoch };
	int64_t retention = request_flag(rq, FLAG_offset_commit_retention) ? in->retention_time_ms : -1;
	if (any) /* else the group is not even made */
		(void)coord_commit(rq->core->coord, in->group_id, &caller_, groups_maker(rq), retention,
		    items, n, groups_time(rq), &barrier);
	answer_commits(rq, in, items, KERR_NONE, vout);
	return groups_answer(rq, in->group_id, barrier, commit_failed);
}

/* ---- fetch ---- */

/* One group's answer in the making; the older form has the same fields at the
 * top of the response, and is filled from this one. */
struct fetching {
	struct request *rq;
	struct offset_fetch_rsp_group *out;
	struct offset_fetch_rsp_group_topic *topic;
};

static void
add_offset(const struct offset *o, void *arg)
{
	struct fetching *f = arg;
	struct offset_fetch_rsp_group_partition *p = WIRE_ADD(f->rq->arena, f->topic->partitions,
	    offset_fetch_rsp_group_partition);
	p->partition_index = o->partition;
	p->committed_offset = o->offset;
	p->committed_leader_epoch = o->leader_epoch;
	p->metadata = arena_str(f->rq->arena, o->metadata.p == NULL ? STR("") : o->metadata);
}

/* Offsets come grouped by topic; those that may not be seen are left out. */
static void
add_any_offset(const struct offset *o, void *arg)
{
	struct fetching *f = arg;
	struct name name = NAME(request_tenant(f->rq), o->topic);
	if (f->topic == NULL || !str_eq(f->topic->name.s, o->topic)) {
		f->topic = NULL;
		if (!sees_topic(f->rq, name))
			return;
		const struct image_topic *t = image_topic(f->rq->image, name);
		f->topic = WIRE_ADD(f->rq->arena, f->out->topics, offset_fetch_rsp_group_topic);
		f->topic->name = NAME(name.tenant, arena_str(f->rq->arena, o->topic));
		if (t != NULL)
			f->topic->topic_id = t->id;
	}
	add_offset(o, f);
}

static void
refuse_partitions(struct fetching *f, const int32_t *v, int32_t n, enum kerr err)
{
	struct offset none = { .offset = -1, .leader_epoch = -1, .metadata = STR("") };
	for (int32_t i = 0; i < n; i++) {
		none.partition = v[i];
		add_offset(&none, f);
		f->topic->partitions.v[f->topic->partitions.n - 1].error_code = (int16_t)err;
	}
}

static void
fetch_topic(struct fetching *f, struct name group, const struct offset_fetch_req_group_topic *t,
    struct group_barriers *need)
{
	struct request *rq = f->rq;
	enum kerr err = KERR_NONE;
	bool by_id = request_flag(rq, FLAG_offset_fetch_by_topic_id);
	struct name name = t->name;
	f->topic = WIRE_ADD(rq->arena, f->out->topics, offset_fetch_rsp_group_topic);
	f->topic->name = t->name;
	f->topic->topic_id = t->topic_id;
	if (by_id) {
		const struct image_topic *topic = find_topic(rq, t->name, &t->topic_id, &err);
		if (topic != NULL)
			name = topic->name;
	} else /* offsets of a topic that is gone may still be read */
		err = may_topic(rq, t->name);
	if (err != KERR_NONE) {
		refuse_partitions(f, t->partition_indexes.v, t->partition_indexes.n, err);
		return;
	}
	for (int32_t i = 0; i < t->partition_indexes.n; i++) {
		int64_t one = -1;
		err = coord_fetch_one(rq->core->coord, group, name.s, t->partition_indexes.v[i], add_offset, f, &one);
		groups_need(rq, need, group, one);
		if (err != KERR_NONE)
			f->out->error_code = (int16_t)err;
	}
}

static void
fetch_group(struct request *rq, const struct offset_fetch_req_group *in,
    struct offset_fetch_rsp_group *out, struct group_barriers *need)
{
	struct fetching f = { rq, out, NULL };
	enum kerr err = may_group(rq, in->group_id);
	out->group_id = in->group_id;
	if (err == KERR_NONE && in->topics.n < 0) {
		int64_t one = -1;
		err = coord_fetch_all(rq->core->coord, in->group_id, add_any_offset, &f, &one);
		groups_need(rq, need, in->group_id, one);
	}
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return;
	ARRAY_FOREACH(const struct offset_fetch_req_group_topic, t, in->topics)
		fetch_topic(&f, in->group_id, t, need);
	if (out->error_code != KERR_NONE)
		out->topics.n = 0;
}

static void
fetch_failed(struct request *rq)
{
	struct offset_fetch_rsp *out = rq->out;
	out->error_code = KERR_NOT_COORDINATOR;
	out->topics.n = 0;
	ARRAY_FOREACH(struct offset_fetch_rsp_group, g, out->groups) {
		g->error_code = KERR_NOT_COORDINATOR;
		g->topics.n = 0;
	}
}

/* The form of one group. The oldest version has no error of its own: it stands at
 * every partition then, for an empty answer would be taken for "no offsets". */
static void
to_old_form(struct request *rq, const struct offset_fetch_req *in,
    const struct offset_fetch_rsp_group *g, struct offset_fetch_rsp *out)
{
	out->error_code = g->error_code;
	ARRAY_FOREACH(const struct offset_fetch_rsp_group_topic, t, g->topics) {
		struct offset_fetch_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, offset_fetch_rsp_topic);
		rt->name = t->name;
		ARRAY_FOREACH(const struct offset_fetch_rsp_group_partition, p, t->partitions) {
			struct offset_fetch_rsp_partition *rp = WIRE_ADD(rq->arena, rt->partitions,
			    offset_fetch_rsp_partition);
			*rp = (struct offset_fetch_rsp_partition){ p->partition_index, p->committed_offset,
				p->committed_leader_epoch, p->metadata, p->error_code };
		}
	}
	if (g->error_code == KERR_NONE || request_flag(rq, FLAG_offset_fetch_top_level_error))
		return;
	ARRAY_FOREACH(const struct offset_fetch_req_topic, t, in->topics) {
		struct offset_fetch_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, offset_fetch_rsp_topic);
		rt->name = t->name;
		ARRAY_FOREACH(const int32_t, p, t->partition_indexes) {
			struct offset_fetch_rsp_partition *rp = WIRE_ADD(rq->arena, rt->partitions,
			    offset_fetch_rsp_partition);
			*rp = (struct offset_fetch_rsp_partition){ *p, -1, -1, STR(""), g->error_code };
		}
	}
}

/* Which groups are asked for all that they have, and were so before: some bytes each. */
static const uint8_t *
repeated_groups(struct request *rq, const struct offset_fetch_req *in)
{
	size_t most = in->groups.n > 0 ? (size_t)in->groups.n : 0, n = 0;
	struct name *names = arena_zalloc(rq->arena, (most + 1) * sizeof(*names));
	size_t *at = arena_zalloc(rq->arena, (most + 1) * sizeof(*at));
	uint8_t *out = arena_zalloc(rq->arena, most + 1);
	for (size_t i = 0; i < most; i++) {
		if (in->groups.v[i].topics.n >= 0)
			continue;
		names[n] = in->groups.v[i].group_id;
		at[n++] = i;
	}
	const uint8_t *repeated = names_repeated(rq->arena, names, (int32_t)n);
	for (size_t k = 0; k < n; k++)
		out[at[k]] = repeated[k];
	return out;
}

enum api_turn
api_offset_fetch(struct request *rq, const void *vin, void *vout)
{
	const struct offset_fetch_req *in = vin;
	struct offset_fetch_rsp *out = vout;
	struct group_barriers *need = arena_zalloc(rq->arena, sizeof(*need));
	if (request_flag(rq, FLAG_offset_fetch_many_groups)) {
		const uint8_t *repeated = repeated_groups(rq, in);
		ARRAY_FOREACH(const struct offset_fetch_req_group, g, in->groups)
			if (repeated[g - in->groups.v] != 2)
				fetch_group(rq, g, WIRE_ADD(rq->arena, out->groups, offset_fetch_rsp_group), need);
		return groups_answer_all(rq, need, fetch_failed);
	}
	struct offset_fetch_req_group one = { .group_id = in->group_id, .topics = { NULL, in->topics.n < 0 ? -1 : 0 } };
	struct offset_fetch_rsp_group got = { .error_code = 0 };
	ARRAY_FOREACH(const struct offset_fetch_req_topic, t, in->topics) {
		struct offset_fetch_req_group_topic *gt = ARRAY_ADD(rq->arena, one.topics);
		gt->name = t->name;
		gt->partition_indexes.v = t->partition_indexes.v;
		gt->partition_indexes.n = t->partition_indexes.n;
	}
	fetch_group(rq, &one, &got, need);
	to_old_form(rq, in, &got, out);
	return groups_answer_all(rq, need, fetch_failed);
}

/* ---- delete ---- */

static void
delete_failed(struct request *rq)
{
	((struct offset_delete_rsp *)rq->out)->error_code = KERR_NOT_COORDINATOR;
}

enum api_turn
api_offset_delete(struct request *rq, const void *vin, void *vout)
{
	const struct offset_delete_req *in = vin;
	struct offset_delete_rsp *out = vout;
	int64_t barrier = -1;
	ARRAY(struct coord_commit) items = { NULL, 0 };
	enum kerr err = may_member(rq, in->group_id);
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	ARRAY_FOREACH(const struct offset_delete_req_topic, t, in->topics) {
		(void)find_topic(rq, t->name, NULL, &err);
		ARRAY_FOREACH(const struct offset_delete_req_partition, p, t->partitions)
			*ARRAY_ADD(rq->arena, items) = (struct coord_commit){ .topic = t->name.s,
				.partition = p->partition_index, .err = err };
	}
	out->error_code = (int16_t)coord_delete_offsets(rq->core->coord, in->group_id, items.v, items.n,
	    groups_time(rq), &barrier);
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	const struct coord_commit *at = items.v;
	ARRAY_FOREACH(const struct offset_delete_req_topic, t, in->topics) {
		struct offset_delete_rsp_topic *rt = WIRE_ADD(rq->arena, out->topics, offset_delete_rsp_topic);
		rt->name = t->name;
		ARRAY_FOREACH(const struct offset_delete_req_partition, p, t->partitions) {
			struct offset_delete_rsp_partition *rp = WIRE_ADD(rq->arena, rt->partitions,
			    offset_delete_rsp_partition);
			rp->partition_index = p->partition_index;
			rp->error_code = (int16_t)(at++)->err;
		}
	}
	return groups_answer(rq, in->group_id, barrier, delete_failed);
}
