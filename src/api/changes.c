/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change under way cannot be called back: the request is parked without an
 * `abandon`, so it and its arena live until the controller's answer has come.
 */
#include "api/changes.h"

#include <stdlib.h>

#include "api/auditing.h"
#include "api/authorize.h"
#include "api/bounds.h"
#include "api/rehearse.h"
#include "api/session.h"

static void
change_done(struct change *change)
{
	request_wake(change->arg);
}

enum api_turn
change_submit(struct request *rq, struct change *change, enum api_turn (*resume)(struct request *))
{
	return change_submit_then(rq, change, change_done, resume);
}

enum api_turn
change_submit_then(struct request *rq, struct change *change, void (*done)(struct change *change),
    enum api_turn (*resume)(struct request *))
{
	change->arena = rq->arena;
	change->arg = rq;
	change->done = done;
	change->by = auditing_by(rq);
	change->trial = rehearse_trial(rq);
	controller_submit(rq->core->controller, change);
	return request_park(rq, resume, NULL, UINT64_MAX, false);
}

struct str
change_text(struct request *rq, enum change_result result, const struct why *why)
{
	static const char *const texts[] = {
#define X(name, code, text) [CHANGE_##name] = text,
#include "meta/results.def"
#undef X
	};
	if (result == CHANGE_OK)
		return STR_NULL;
	if (result == CHANGE_AMOUNT)
		bounds_tell(rq, QUOTA_PARTITIONS, why->text);
	return why->text[0] != '\0' ? arena_str(rq->arena, str_from(why->text)) : str_from(texts[result]);
}

static int
by_name(const void *va, const void *vb)
{
	const struct name *a = *(const struct name *const *)va, *b = *(const struct name *const *)vb;
	int order = str_cmp(a->s, b->s);
	if (order == 0)
		order = a->tenant < b->tenant ? -1 : a->tenant > b->tenant;
	if (order != 0)
		return order;
	return a < b ? -1 : a > b;
}

const uint8_t *
names_repeated(struct arena *arena, const struct name *names, int32_t n)
{
	size_t count = n > 0 ? (size_t)n : 0;
	uint8_t *out = arena_zalloc(arena, count + 1);
	const struct name **sorted = arena_zalloc(arena, (count + 1) * sizeof(*sorted));
	for (size_t i = 0; i < count; i++)
		sorted[i] = &names[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < count; i++) {
		if (!name_eq(*sorted[i - 1], *sorted[i]))
			continue;
		if (out[sorted[i - 1] - names] == 0)
			out[sorted[i - 1] - names] = 1;
		out[sorted[i] - names] = 2;
	}
	return out;
}

bool
mutations_over(struct request *rq)
{
	uint64_t delay = quota_delay(rq->session->quota, QUOTA_MUTATE, request_now(rq));
	if (delay > rq->throttle_ns)
		rq->throttle_ns = delay;
	return delay > 0;
}

void
mutations_charge(struct request *rq, double partitions)
{
	if (rq->rehearsal != NULL)
		return; /* none were */
	uint64_t delay = quota_charge(rq->session->quota, QUOTA_MUTATE, partitions, request_now(rq));
	if (delay > rq->throttle_ns)
		rq->throttle_ns = delay;
}

bool
caller_limited(struct request *rq)
{
	struct acl_who w;
	caller(rq, &w);
	return !w.is_operator;
}
