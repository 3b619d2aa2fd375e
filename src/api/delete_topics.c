/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteTopics, by name or by id. By name: what may not be deleted is 29, there
 * or not. By id: what is not seen is no topic (100), and its name is not told.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "api/topics.h"
#include "meta/image.h"
#include "meta/topics.h"

struct deletion {
	struct topics_delete change;
	int32_t *answers;
	double partitions;
};

static enum api_turn
deleted(struct request *rq)
{
	struct deletion *d = rq->state;
	struct delete_topics_rsp *out = rq->out;
	for (int32_t i = 0; i < d->change.n; i++) {
		enum change_result r = d->change.change.result != CHANGE_OK ? d->change.change.result
		    : d->change.topics[i].result;
		struct delete_topics_rsp_response *a = &out->responses.v[d->answers[i]];
		a->error_code = (int16_t)change_code(r);
		a->error_message = change_text(rq, r, &d->change.change.why);
	}
	mutations_charge(rq, d->partitions);
	return API_ANSWER;
}

/* A topic that may be deleted, if it is there at all, joins the change. */
static void
one(struct request *rq, struct deletion *d, struct name name, const struct uuid *id, bool twice)
{
	struct delete_topics_rsp *out = rq->out;
	struct delete_topics_rsp_response *a = WIRE_ADD(rq->arena, out->responses, delete_topics_rsp_response);
	bool by_id = name.s.p == NULL;
	enum kerr err;
	a->name = name;
	a->topic_id = *id;
	const struct image_topic *t = find_topic(rq, name, by_id ? id : NULL, &err);
	if (twice || by_id == uuid_is_zero(id)) /* by one of both */
		err = KERR_INVALID_REQUEST;
	else if (t != NULL && !rq->core->settings.delete_topics)
		err = request_flag(rq, FLAG_delete_topics_knows_disabled) ? KERR_TOPIC_DELETION_DISABLED : KERR_INVALID_REQUEST;
	else if (t != NULL && request_flag(rq, FLAG_delete_topics_knows_throttling) && mutations_over(rq))
		err = KERR_THROTTLING_QUOTA_EXCEEDED;
	else if (t != NULL)
		err = KERR_NONE;
	a->error_code = (int16_t)err;
	if (by_id && err == KERR_TOPIC_AUTHORIZATION_FAILED)
		a->name = image_topic_by_id(rq->image, id)->name; /* seen, so told */
	if (err != KERR_NONE)
		return;
	a->name = NAME(t->name.tenant, arena_str(rq->arena, t->name.s));
	a->topic_id = t->id;
	d->partitions += t->partitions;
	d->answers[d->change.n] = out->responses.n - 1;
	d->change.topics[d->change.n++] = (struct topic_gone){ .name = a->name, .id = t->id };
}

enum api_turn
api_delete_topics(struct request *rq, const void *vin, void *vout)
{
	static const struct uuid none;
	const struct delete_topics_req *in = vin;
	struct deletion *d = rq->state = arena_zalloc(rq->arena, sizeof(*d));
	bool ids = request_flag(rq, FLAG_delete_topics_by_topic_id);
	int32_t n = ids ? in->topics.n : in->topic_names.n;
	size_t most = n > 0 ? (size_t)n : 0;
	(void)vout;

	struct name *names = arena_zalloc(rq->arena, (most + 1) * sizeof(*names));
	for (size_t i = 0; i < most; i++)
		names[i] = ids ? in->topics.v[i].name : in->topic_names.v[i];
	const uint8_t *repeated = names_repeated(rq->arena, names, (int32_t)most);
	d->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*d->answers));
	d->change.topics = arena_zalloc(rq->arena, (most + 1) * sizeof(*d->change.topics));
	for (size_t i = 0; i < most; i++) {
		bool named = names[i].s.p != NULL;
		if (!named || repeated[i] != 2)
			one(rq, d, names[i], ids ? &in->topics.v[i].topic_id : &none, named && repeated[i] != 0);
	}
	if (d->change.n == 0)
		return API_ANSWER;
	topics_delete_init(&d->change);
	return change_submit(rq, &d->change.change, deleted);
}
