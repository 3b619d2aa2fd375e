/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants, for operators: TenantAlter. Making one is a user's matter as well (own_users.c); what happens to
 * one that is there is one change, and its deletion has two of them: the mark, which lets nobody in any more
 * and gives a word, and the end, which takes that word.
 */
#include "acl/change.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "meta/tenants.h"

enum { ACTION_CREATE, ACTION_MARK, ACTION_SUSPEND, ACTION_RESUME, ACTION_RENAME, ACTION_DELETE };

static enum api_turn
altered(struct request *rq)
{
	const struct tenant_alter *c = rq->state;
	struct tenant_alter_rsp *out = rq->out;
	out->error_code = (int16_t)own_result(rq, c->change.result, &c->change.why, &out->error_message);
	if (out->error_code == 0)
		out->confirm = c->ret_confirm;
	return API_ANSWER;
}

static enum api_turn
alter(struct request *rq, const struct tenant_alter_req *in, enum tenant_change_kind kind)
{
	struct tenant_alter *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	tenant_alter_init(c);
	c->kind = kind;
	c->name = in->tenant;
	c->new_name = in->new_name.p == NULL ? STR("") : in->new_name;
	c->purge = in->purge;
	return change_submit(rq, &c->change, altered);
}

static enum api_turn
deleted(struct request *rq)
{
	const struct tenant_delete *c = rq->state;
	struct tenant_alter_rsp *out = rq->out;
	out->error_code = (int16_t)own_result(rq, c->change.result, &c->change.why, &out->error_message);
	return API_ANSWER;
}

static enum api_turn
delete(struct request *rq, const struct tenant_alter_req *in)
{
	struct tenant_delete *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	tenant_delete_init(c);
	c->name = in->tenant;
	c->confirm = in->confirm.p == NULL ? STR("") : in->confirm;
	return change_submit(rq, &c->change, deleted);
}

enum api_turn
api_tenant_alter(struct request *rq, const void *vin, void *vout)
{
	const struct tenant_alter_req *in = vin;
	struct tenant_alter_rsp *out = vout;
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	if (!acl_may_install(image_acl(rq->image), &w, &a)) {
		out->error_code = (int16_t)own_denied(rq, &w, &a);
		return API_ANSWER;
	}
	if (in->action == ACTION_CREATE)
		return own_make_tenant(rq, in, out);
	if (in->tenant.p != NULL)
		switch (in->action) {
		case ACTION_MARK:	return alter(rq, in, TENANT_MARK);
		case ACTION_SUSPEND:	return alter(rq, in, TENANT_SUSPEND);
		case ACTION_RESUME:	return alter(rq, in, TENANT_RESUME);
		case ACTION_RENAME:	return alter(rq, in, TENANT_RENAME);
		case ACTION_DELETE:	return delete(rq, in);
		}
	out->error_code = KERR_INVALID_REQUEST;
	return API_ANSWER;
}
