/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RateList: what the buckets of tenants and users have seen (tenant/quota.h), and how far the logs of topics have come. In order of
 * tenants and names, so many names a turn, of which those are told that have done something: a page ends by names that the caller
 * may see, and so says nothing of others.
 */
#include "acl/change.h"
#include "acl/image.h"
#include "api/authorize.h"
#include "api/own.h"
#include "api/session.h"
#include "log/partition.h"
#include "meta/image.h"

#define NAMES_A_PAGE 500
#define PARTITIONS_A_PAGE 2000

enum { OF_TENANTS, OF_USERS, OF_TOPICS, OF_KINDS };

struct rates {
	struct request *rq;
	struct acl_who who;
	struct rate_list_rsp *out;
	bool all;			/* tenants */
	uint32_t only;
	struct str after_tenant, after;	/* of the page before; null: none */
	int names, partitions;		/* looked at */
};

static bool
page_is_full(const struct rates *r)
{
	return r->names >= NAMES_A_PAGE || r->partitions >= PARTITIONS_A_PAGE;
}

static struct rate_list_rsp_row *
add_row(struct rates *r, struct str tenant, struct str name)
{
	struct rate_list_rsp_row *row = WIRE_ADD(r->rq->arena, r->out->rows, rate_list_rsp_row);
	row->tenant = tenant;
	row->name = name;
	row->rate_in = row->rate_out = row->requests = row->cpu = row->records = row->bytes = -1;
	return row;
}

/* A user, or with a null string his tenant. */
static void
add_usage(struct rates *r, struct str tenant, struct name name)
{
	struct quota_usage u = { .requests = 0 };
	r->names++;
	if (!quota_usage(r->rq->core->quota, name, request_now(r->rq), &u) || !(u.requests > 0))
		return;
	struct rate_list_rsp_row *row = add_row(r, tenant, name.s.p == NULL ? STR("") : name.s);
	row->rate_in = (int64_t)u.rate[QUOTA_PRODUCE];
	row->rate_out = (int64_t)u.rate[QUOTA_FETCH];
	row->requests = (int64_t)(u.requests * 1000);
	row->cpu = (int64_t)(u.rate[QUOTA_REQUEST] * 1000);
	for (int k = 0; k < QUOTA_RATES; k++)
		if ((int64_t)(u.delay_ns[k] / 1000000) > row->delay_ms)
			row->delay_ms = (int64_t)(u.delay_ns[k] / 1000000);
}

static bool
may_see_topic(struct rates *r, const struct image_topic *t)
{
	struct acl_object o = { ACL_TOPIC, t->name, NULL };
	return r->who.is_operator || may_quietly(r->rq, ACL_DESCRIBE, &o);
}

static void
add_topic(struct rates *r, struct str tenant, const struct image_topic *t)
{
	struct log_ends ends;
	r->names++;
	struct rate_list_rsp_row *row = add_row(r, tenant, t->name.s);
	row->records = row->bytes = 0;
	for (int32_t i = 0; i < t->partitions; i++, r->partitions++) {
		struct partition *p = store_find(r->rq->core->store, &t->id, i);
		if (p == NULL)
			continue;
		partition_ends(p, &ends);
		row->records += ends.high_watermark;
		row->bytes += (int64_t)partition_size(p);
		partition_put(&p);
	}
}

/* ---- one tenant ---- */

/* Where a page ends: false. */
static bool
users_of(struct rates *r, const struct acl_tenant *t)
{
	uint32_t number = acl_tenant_number(t);
	if (r->who.is_operator || acl_is_admin(image_acl(r->rq->image), &r->who, number)) {
		const struct acl_user *u = acl_tenant_next_user(t, r->after);
		for (; u != NULL && !page_is_full(r); u = acl_tenant_next_user(t, r->after)) {
			add_usage(r, acl_tenant_name(t), NAME(number, u->name));
			r->after = u->name;
		}
		return u == NULL;
	}
	if (!r->who.anonymous)
		add_usage(r, acl_tenant_name(t), r->who.user);
	return true;
}

static bool
topics_of(struct rates *r, const struct acl_tenant *t)
{
	uint32_t number = acl_tenant_number(t);
	struct str after = r->after.n == 0 ? STR_NULL : r->after;
	const struct image_topic *it = image_next_topic(r->rq->image, number, after);
	for (; it != NULL && !page_is_full(r); it = image_next_topic(r->rq->image, number, it->name.s)) {
		if (!may_see_topic(r, it))
			continue; /* nor may its name be where a page ends */
		add_topic(r, acl_tenant_name(t), it);
		r->after = it->name.s;
	}
	return it == NULL;
}

static bool
tenant_itself(struct rates *r, const struct acl_tenant *t)
{
	if (r->who.is_operator || acl_is_admin(image_acl(r->rq->image), &r->who, acl_tenant_number(t)))
		add_usage(r, acl_tenant_name(t), NAME(acl_tenant_number(t), STR_NULL));
	return true;
}

/* ---- the way ---- */

static bool (*const go_through[OF_KINDS])(struct rates *r, const struct acl_tenant *t) = {
	[OF_TENANTS] = tenant_itself, [OF_USERS] = users_of, [OF_TOPICS] = topics_of,
};

/* In the order of the image; the ones before that of the last page are through. Where that is not there (any more) nobody
 * knows where to go on, and half of it would be taken for all. */
static enum kerr
go(struct rates *r, int what)
{
	bool passing = r->after_tenant.p != NULL;
	const struct image_tenant *it = image_next_tenant(r->rq->image, NULL);
	for (; it != NULL; it = image_next_tenant(r->rq->image, it)) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(r->rq->image), it->number);
		bool here = passing && str_eq(it->name, r->after_tenant);
		if (t == NULL || (!r->all && it->number != r->only) || (passing && !here))
			continue;
		passing = false;
		if (here && what == OF_TENANTS)
			continue; /* the page before ended with it */
		if (!here)
			r->after = STR("");
		if (!go_through[what](r, t) || page_is_full(r)) {
			r->out->next = arena_printf(r->rq->arena, "%.*s/%.*s", STR_ARG(it->name), STR_ARG(r->after));
			return KERR_NONE;
		}
	}
	return passing ? KERR_INVALID_REQUEST : KERR_NONE;
}

static enum kerr
take(struct rates *r, const struct rate_list_req *in)
{
	struct acl_answer a;
	enum kerr err = own_tenant(r->rq, in->tenant, &r->only);
	if (err != KERR_NONE)
		return err;
	caller(r->rq, &r->who);
	r->who.is_operator = r->who.is_operator && !r->who.gone;
	r->all = r->who.is_operator && in->tenant.p == NULL;
	if (in->what < 0 || in->what >= OF_KINDS)
		return KERR_INVALID_REQUEST;
	if (in->what == OF_TENANTS && !acl_may_admin(image_acl(r->rq->image), &r->who, r->only, &a))
		return own_denied(r->rq, &r->who, &a);
	r->after = in->after;
	if (in->after.p != NULL)
		str_cut(&r->after, '/', &r->after_tenant);
	if (r->after.p == NULL)
		r->after = STR("");
	return KERR_NONE;
}

enum api_turn
api_rate_list(struct request *rq, const void *vin, void *vout)
{
	const struct rate_list_req *in = vin;
	struct rate_list_rsp *out = vout;
	struct rates r = { .rq = rq, .out = out };
	enum kerr err = take(&r, in);
	if (err == KERR_NONE)
		err = go(&r, in->what);
	out->error_code = (int16_t)err;
	return API_ANSWER;
}
