/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TenantUsage: what is used beside what may be. Rates are those of the buckets, over the last seconds;
 * amounts are counted for the answer; memory is what connections hold now, and its limit what they could
 * hold, which hangs on the others.
 */
#include "acl/change.h"
#include "api/authorize.h"
#include "api/own.h"
#include "api/usage.h"
#include "meta/image.h"
#include "net/payers.h"

/* One row of each has both. */
struct measured {
	struct request *rq;
	struct tenant_usage_rsp_tenant *out;
	struct name user;		/* null: the tenant */
	double used[2][QUOTA_KEYS];	/* of the tenant, of the user */
	double limit[2][QUOTA_KEYS];
};

static struct tenant_usage_rsp_row *
add_row(struct measured *m, const char *what, double used, double limit)
{
	struct tenant_usage_rsp_row *row = WIRE_ADD(m->rq->arena, m->out->rows, tenant_usage_rsp_row);
	row->what = str_from(what);
	row->used = used;
	row->limit = limit;
	return row;
}

static void
measure(struct measured *m, struct name of, double used[QUOTA_KEYS], double limit[QUOTA_KEYS], struct usage *ret)
{
	struct broker_core *core = m->rq->core;
	struct quota_usage rates = { .connections = 0 };
	usage_count(core, m->rq->image, of, ret);
	(void)quota_usage(core->quota, of, request_now(m->rq), &rates);
	for (int k = 0; k < QUOTA_RATES; k++)
		used[k] = rates.rate[k];
	used[QUOTA_STORED] = (double)ret->stored_bytes;
	used[QUOTA_PARTITIONS] = (double)ret->partitions;
	used[QUOTA_GROUPS] = (double)ret->groups;
	used[QUOTA_PRODUCERS] = (double)ret->producers;
	used[QUOTA_CONNECTIONS] = rates.connections;
	used[QUOTA_MEMORY] = 0;
	for (int i = 0; i < PAYER_KINDS && core->payers != NULL; i++) {
		int64_t held, most;
		payers_usage(core->payers, of, (enum payer_for)i, &held, &most);
		used[QUOTA_MEMORY] += (double)held;
	}
	for (int k = 0; k < QUOTA_KEYS; k++)
		limit[k] = rates.limit[k];
}

/* Of a tenant's partitions also an option's, which bounds those of every tenant. */
static double
limit_of(const struct measured *m, int key)
{
	double limit = m->limit[m->user.s.p != NULL][key], most = m->rq->core->settings.limits.v[LIMIT_PARTITIONS];
	bool bounded = key == QUOTA_PARTITIONS && m->user.s.p == NULL && (!(limit > 0) || limit > most);
	return bounded ? most : limit;
}

/* Of two limits the one of which more is used. */
static struct str
binding(const struct measured *m, int key)
{
	double tenant = m->limit[0][key] > 0 ? m->used[0][key] / m->limit[0][key] : -1;
	double user = m->user.s.p != NULL && m->limit[1][key] > 0 ? m->used[1][key] / m->limit[1][key] : -1;
	if (tenant < 0 && user < 0)
		return STR_NULL;
	return user >= tenant ? STR("user") : STR("tenant");
}

static int32_t
count_users(const struct acl_tenant *t)
{
	int32_t n = 0;
	const struct acl_user *u = acl_tenant_next_user(t, STR(""));
	for (; u != NULL; u = acl_tenant_next_user(t, u->name))
		n++;
	return n;
}

static int32_t
count_teams(const struct acl_tenant *t)
{
	int32_t n = 0;
	struct str team = acl_tenant_next_team(t, STR(""));
	for (; team.p != NULL; team = acl_tenant_next_team(t, team))
		n++;
	return n;
}

static void
add_memory(struct measured *m)
{
	static const char *const names[PAYER_KINDS] = {
		[PAYER_FRAMES] = "memory_of_requests", [PAYER_HELD] = "memory_of_connections" };
	for (int i = 0; i < PAYER_KINDS && m->rq->core->payers != NULL; i++) {
		int64_t used, most;
		payers_usage(m->rq->core->payers, m->user, (enum payer_for)i, &used, &most);
		add_row(m, names[i], (double)used, (double)most);
	}
}

static void
add_tenant(struct request *rq, const struct image_tenant *it, struct str user, struct tenant_usage_rsp *out)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), it->number);
	struct measured *m = arena_zalloc(rq->arena, sizeof(*m));
	struct usage u;
	m->rq = rq;
	m->user = NAME(it->number, user);
	m->out = WIRE_ADD(rq->arena, out->tenants, tenant_usage_rsp_tenant);
	m->out->name = it->name;
	measure(m, NAME(it->number, STR_NULL), m->used[0], m->limit[0], &u);
	if (user.p != NULL)
		measure(m, m->user, m->used[1], m->limit[1], &u);
	if (user.p == NULL) {
		add_row(m, "users", count_users(t), 0);
		add_row(m, "teams", count_teams(t), 0);
	}
	add_row(m, "topics", (double)u.topics, 0);
	int of = user.p != NULL;
	for (int k = 0; k < QUOTA_KEYS; k++)
		if (k != QUOTA_CONNECT)
			add_row(m, quota_key_name((enum quota_key)k), m->used[of][k], limit_of(m, k))->binds = binding(m, k);
	add_memory(m);
}

/* The tenant's figures for who describes it; a user's for himself and for who administers it. */
static bool
may_see(struct request *rq, const struct acl_who *w, uint32_t tenant, struct str user, struct acl_answer *ret)
{
	struct acl_object o = { ACL_TENANT, NAME(tenant, STR("")), NULL };
	if (user.p != NULL)
		return name_eq(NAME(tenant, user), w->user) || acl_may_admin(image_acl(rq->image), w, tenant, ret);
	return acl_check(image_acl(rq->image), w, ACL_DESCRIBE, &o, ret);
}

enum api_turn
api_tenant_usage(struct request *rq, const void *vin, void *vout)
{
	const struct tenant_usage_req *in = vin;
	struct tenant_usage_rsp *out = vout;
	struct acl_who w;
	struct acl_answer a;
	uint32_t only;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &only);
	if (out->error_code != 0)
		return API_ANSWER;
	caller(rq, &w);
	if (!may_see(rq, &w, only, in->user, &a)) {
		out->error_code = (int16_t)own_denied(rq, &w, &a);
		return API_ANSWER;
	}
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), only);
	if (in->user.p != NULL && acl_tenant_user(t, in->user) == NULL) {
		out->error_code = KERR_RESOURCE_NOT_FOUND;
		out->error_message = STR("there is no such user");
		return API_ANSWER;
	}
	bool all = w.is_operator && in->tenant.p == NULL && in->user.p == NULL;
	const struct image_tenant *it = image_next_tenant(rq->image, NULL);
	for (; it != NULL; it = image_next_tenant(rq->image, it))
		if (all || it->number == only)
			add_tenant(rq, it, in->user, out);
	return API_ANSWER;
}
