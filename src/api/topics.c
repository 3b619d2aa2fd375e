/* SPDX-License-Identifier: Apache-2.0 */
#include "api/topics.h"

#include "api/authorize.h"
#include "api/memo.h"
#include "api/session.h"
#include "base/err.h"
#include "meta/image.h"
#include "meta/topics.h"

static const struct image_topic *
by_id(struct request *rq, const struct uuid *id, enum kerr *ret_err)
{
	const struct image_topic *t = image_topic_by_id(rq->image, id);
	/* Another tenant's topic is no topic; one that may not be seen neither. */
	if (t == NULL || t->name.tenant != request_tenant(rq) || !sees_asked_topic(rq, t->name)) {
		*ret_err = KERR_UNKNOWN_TOPIC_ID;
		return NULL;
	}
	*ret_err = may_topic(rq, t->name);
	return *ret_err == KERR_NONE ? t : NULL;
}

/* The gate is asked before it is looked for. */
static const struct image_topic *
by_name(struct request *rq, struct name name, enum kerr *ret_err)
{
	struct acl_object o = { ACL_TOPIC, name, NULL };
	struct memo_item *kept = may_kept(rq, rq->row->topic, &o);
	*ret_err = KERR_NONE;
	if (kept != NULL && kept->topic != NULL)
		return kept->topic;
	*ret_err = may_topic(rq, name);
	if (*ret_err != KERR_NONE)
		return NULL;
	const struct image_topic *t = image_topic(rq->image, name);
	if (t == NULL)
		*ret_err = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	kept = may_kept(rq, rq->row->topic, &o);
	if (kept != NULL)
		kept->topic = t;
	return t;
}

const struct image_topic *
find_topic(struct request *rq, struct name name, const struct uuid *id, enum kerr *ret_err)
{
	if (id != NULL && !uuid_is_zero(id))
		return by_id(rq, id, ret_err);
	if (id != NULL) {
		*ret_err = KERR_UNKNOWN_TOPIC_ID;
		return NULL;
	}
	return by_name(rq, name, ret_err);
}

enum kerr
topic_missing(struct name name, enum kerr err, struct why *ret_why)
{
	ret_why->text[0] = '\0';
	return err == KERR_UNKNOWN_TOPIC_OR_PARTITION && topic_name_check(name.s, ret_why) != 0
	    ? KERR_INVALID_TOPIC_EXCEPTION : err;
}

static void
drop_partition(void *object)
{
	struct partition *p = object;
	partition_put(&p);
}

struct partition *
find_partition(struct request *rq, const struct image_topic *topic, int32_t index,
    int32_t current_epoch, enum kerr *ret_err)
{
	struct partition *p = index < 0 || index >= topic->partitions ? NULL
	    : store_find(rq->core->store, &topic->id, index);
	if (p == NULL) {
		*ret_err = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		return NULL;
	}
	arena_link(rq->arena, drop_partition, p);
	if (current_epoch < 0)
		return p;
	int32_t ours = partition_epoch(p);
	if (current_epoch == ours)
		return p;
	*ret_err = current_epoch < ours ? KERR_FENCED_LEADER_EPOCH : KERR_UNKNOWN_LEADER_EPOCH;
	return NULL;
}

bool
is_offline(struct request *rq, const struct image_topic *topic, int32_t index)
{
	struct partition *p = store_find(rq->core->store, &topic->id, index);
	bool yes = p != NULL && partition_failed(p);
	partition_put(&p);
	return yes;
}

enum kerr
kerr_of_log(int err)
{
	switch (err) {
	case 0:			return KERR_NONE;
	case ERR_NOTFOUND:	return KERR_OFFSET_OUT_OF_RANGE;
	case ERR_CLOSED:	return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	case ERR_CORRUPT:	return KERR_CORRUPT_MESSAGE;
	}
	return KERR_KAFKA_STORAGE_ERROR;
}
