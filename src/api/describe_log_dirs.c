/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeLogDirs: the partitions of the caller's tenant with their sizes. The
 * real path, and what the file system holds, are for operators.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "meta/image.h"

#define NEUTRAL_PATH "/data"

static void
add_partition(struct request *rq, const struct image_topic *t, int32_t index,
    struct describe_log_dirs_rsp_topic *a)
{
	struct partition *p = index < 0 || index >= t->partitions ? NULL
	    : store_find(rq->core->store, &t->id, index);
	if (p == NULL)
		return;
	struct describe_log_dirs_rsp_partition *ap =
	    WIRE_ADD(rq->arena, a->partitions, describe_log_dirs_rsp_partition);
	ap->partition_index = index;
	ap->partition_size = (int64_t)partition_size(p);
	partition_put(&p);
}

static struct describe_log_dirs_rsp_topic *
add_topic(struct request *rq, const struct image_topic *t, struct describe_log_dirs_rsp_dir *dir)
{
	struct describe_log_dirs_rsp_topic *a = WIRE_ADD(rq->arena, dir->topics, describe_log_dirs_rsp_topic);
	a->name = t->name;
	return a;
}

/* Who may describe the tenant sees all of it; internal topics are not of the tenant. */
static bool
shown(struct request *rq, const struct image_topic *t)
{
	return !t->internal || sees_topic(rq, t->name);
}

static void
all(struct request *rq, struct describe_log_dirs_rsp_dir *dir)
{
	uint32_t tenant = request_tenant(rq);
	const struct image_topic *t = image_next_topic(rq->image, tenant, STR_NULL);
	for (; t != NULL; t = image_next_topic(rq->image, tenant, t->name.s)) {
		if (!shown(rq, t))
			continue;
		struct describe_log_dirs_rsp_topic *a = add_topic(rq, t, dir);
		for (int32_t i = 0; i < t->partitions; i++)
			add_partition(rq, t, i, a);
	}
}

/* Where it is, and how full: what cannot be asked stays -1, as the schema has it. */
static void
place(struct request *rq, struct describe_log_dirs_rsp_dir *dir)
{
	uint64_t room, total;
	dir->log_dir = STR(NEUTRAL_PATH);
	if (caller_limited(rq))
		return;
	dir->log_dir = str_from(store_path(rq->core->store));
	if (store_space(rq->core->store, &room, &total) == 0) {
		dir->total_bytes = (int64_t)total;
		dir->usable_bytes = (int64_t)room;
	}
}

enum api_turn
api_describe_log_dirs(struct request *rq, const void *vin, void *vout)
{
	const struct describe_log_dirs_req *in = vin;
	struct describe_log_dirs_rsp *out = vout;
	out->error_code = (int16_t)may_cluster(rq);
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	struct describe_log_dirs_rsp_dir *dir = WIRE_ADD(rq->arena, out->results, describe_log_dirs_rsp_dir);
	place(rq, dir);
	if (in->topics.n < 0)
		all(rq, dir);
	ARRAY_FOREACH(const struct describe_log_dirs_req_topic, ask, in->topics) {
		const struct image_topic *t = image_topic(rq->image, ask->topic);
		if (t == NULL || !shown(rq, t))
			continue;
		struct describe_log_dirs_rsp_topic *a = add_topic(rq, t, dir);
		ARRAY_FOREACH(const int32_t, index, ask->partitions)
			add_partition(rq, t, *index, a);
	}
	return API_ANSWER;
}
