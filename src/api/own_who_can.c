/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WhoCan: the decision, asked for each user of the tenant in turn, by the same function that a request meets. A
 * page is as many users as are asked about without holding up the loop, whatever they may.
 */
#include "acl/change.h"
#include "acl/image.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "api/own_why.h"
#include "base/clock.h"
#include "meta/image.h"

#define USERS_A_PAGE 1000

enum kind { KIND_USER, KIND_WITHOUT_RECORD, KIND_ANONYMOUS };

struct who_can {
	struct request *rq;
	struct question q;
	struct addr host;
	const struct acl_tenant *tenant;	/* whose users are asked about */
	struct who_can_rsp *out;
};

/* The path of the node whose bits decided; null: no bits did. */
static struct str
node_path(const struct who_can *w, const struct acl_answer *a)
{
	return a->need == 0 || a->node == NULL ? STR_NULL :
	    own_path(w->rq, w->tenant, a->node_type, a->object.name.s, false);
}

/* False: it cannot be told yet. */
static bool
ask_about(struct who_can *w, enum kind kind, struct str name)
{
	const struct acl_image *acl = image_acl(w->rq->image);
	struct acl_answer a;
	acl_who_named(acl, NAME(acl_tenant_number(w->tenant), name), w->host, clock_wall_ms(), &w->q.who);
	bool allowed = why_decide(acl, &w->q, &a);
	if (why_hangs_on_owner(acl, &w->q, &a))
		return false;
	if (!allowed)
		return true;
	struct who_can_rsp_user *row = WIRE_ADD(w->rq->arena, w->out->users, who_can_rsp_user);
	struct why_reason r = why_reason(w->rq, &a);
	row->kind = (int8_t)kind;
	row->user = name;
	row->step = r.step;
	row->rule = r.rule;
	row->class = r.class;
	row->bits = r.bits;
	row->node = node_path(w, &a);
	return true;
}

static bool
ask_page(struct who_can *w, struct str after)
{
	const struct acl_user *u;
	struct str at = after.p == NULL ? STR("") : after;
	if (after.p == NULL && !(ask_about(w, KIND_WITHOUT_RECORD, STR("")) &&
	    ask_about(w, KIND_ANONYMOUS, STR("ANONYMOUS"))))
		return false;
	for (int i = 0; i < USERS_A_PAGE && (u = acl_tenant_next_user(w->tenant, at)) != NULL; i++) {
		at = u->name;
		if (!ask_about(w, KIND_USER, u->name))
			return false;
	}
	if (acl_tenant_next_user(w->tenant, at) != NULL)
		w->out->next = at;
	return true;
}

/* Others are asked about, so it takes x on /T; for / to be an operator. */
static enum kerr
may_ask(struct request *rq, const struct question *q)
{
	struct acl_who asker;
	struct acl_answer a;
	caller(rq, &asker);
	bool may = q->object.type == ACL_ROOT ? acl_may_install(image_acl(rq->image), &asker, &a) :
	    acl_may_admin(image_acl(rq->image), &asker, q->object.name.tenant, &a);
	return may ? KERR_NONE : own_denied(rq, &asker, &a);
}

enum api_turn
api_who_can(struct request *rq, const void *vin, void *vout)
{
	const struct who_can_req *in = vin;
	struct who_can_rsp *out = vout;
	struct who_can w = { .rq = rq, .q = { .op = (enum acl_op)in->operation }, .out = out };
	enum kerr err = why_take_object(rq, in->path, &w.q, &out->error_message);
	if (err == KERR_NONE)
		err = why_take_host(in->host, &w.host, &out->error_message);
	if (err == KERR_NONE)
		err = may_ask(rq, &w.q);
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	w.tenant = acl_image_tenant(image_acl(rq->image), w.q.object.name.tenant);
	if (!ask_page(&w, in->after)) {
		out->users.n = 0;
		out->error_code = (int16_t)change_code(CHANGE_LOADING);
		out->error_message = change_text(rq, CHANGE_LOADING, &(struct why){ "" });
	}
	return API_ANSWER;
}
