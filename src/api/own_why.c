/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why: the decision that a request of that user would meet now, by the same
 * function, explained as far as the asker may know.
 */
#include "api/own_why.h"

#include "acl/change.h"
#include "acl/text.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "api/session.h"
#include "base/buf.h"
#include "base/clock.h"
#include "meta/image.h"

enum kerr
why_take_object(struct request *rq, struct str text, struct question *q, struct str *ret_message)
{
	struct acl_path path;
	struct why why;
	uint32_t tenant = 0;
	if (acl_path_parse(rq->arena, text, &path, &why) != 0) {
		*ret_message = arena_str(rq->arena, str_from(why.text));
		return KERR_INVALID_REQUEST;
	}
	enum kerr err = path.type == ACL_ROOT ? KERR_NONE : own_tenant(rq, path.tenant, &tenant);
	if (err != KERR_NONE)
		return err;
	if (path.star || path.type == ACL_USER || !acl_op_valid(path.type, q->op)) {
		*ret_message = STR("this operation does not exist on such a path");
		return KERR_INVALID_REQUEST;
	}
	q->object = (struct acl_object){ path.type, NAME(tenant, path.name), NULL };
	if (path.type == ACL_GROUP) {
		q->unloaded = group_unloaded(rq, q->object.name); /* in this order, as it may be loaded in between */
		q->object.node = group_node(rq, q->object.name);
	}
	return KERR_NONE;
}

enum kerr
why_take_host(struct str text, struct addr *ret, struct str *ret_message)
{
	*ret = (struct addr){ .family = 0 };
	if (text.p == NULL || addr_parse(text, ret) == 0)
		return KERR_NONE;
	*ret_message = STR("the host is no address");
	return KERR_INVALID_REQUEST;
}

static enum kerr
take_user(struct request *rq, const struct why_req *in, struct question *q, struct str *ret_message)
{
	const struct acl_image *acl = image_acl(rq->image);
	struct acl_who asker;
	struct acl_answer a;
	struct addr host;
	caller(rq, &asker);
	struct name user = in->user.p == NULL ? rq->session->principal.user :
	    NAME(q->object.name.tenant, in->user);
	/* An operator of main asks about himself in another tenant, too. */
	if (in->user.p != NULL && asker.is_operator &&
	    acl_tenant_user(acl_image_tenant(acl, user.tenant), in->user) == NULL &&
	    str_eq(in->user, asker.user.s))
		user = asker.user;
	enum kerr err = why_take_host(in->host, &host, ret_message);
	if (err != KERR_NONE)
		return err;
	if (!acl_may_ask_why(acl, &asker, user, &a))
		return own_denied(rq, &asker, &a);
	acl_who_named(acl, user, host, clock_wall_ms(), &q->who);
	if (name_eq(user, asker.user) && !asker.is_operator)
		q->who.is_operator = false; /* who came by a token is asked about as such */
	return KERR_NONE;
}

struct str
why_rule(struct request *rq, const struct acl_binding *rule)
{
	struct buf b;
	struct str text = STR_NULL;
	buf_init(&b, 65536);
	if (acl_rule_text_format(&b, rule, UINT32_C(1) << rule->op) == 0)
		text = arena_str(rq->arena, buf_str(&b));
	buf_free(&b);
	return text;
}

struct why_reason
why_reason(struct request *rq, const struct acl_answer *a)
{
	struct why_reason r = { .step = str_from(acl_step_name(a->step)), .rule = STR_NULL, .class = STR_NULL,
		.bits = STR_NULL };
	if (a->rule != NULL)
		r.rule = why_rule(rq, &a->rule->b);
	if (a->need != 0 && a->node != NULL) {
		r.class = str_from(acl_class_name(a->cls));
		r.bits = arena_printf(rq->arena, "%s%s%s", a->need & ACL_R ? "r" : "",
		    a->need & ACL_W ? "w" : "", a->need & ACL_X ? "x" : "");
	}
	return r;
}

bool
why_decide(const struct acl_image *acl, const struct question *q, struct acl_answer *ret)
{
	enum acl_type type = q->object.type;
	if (q->op == ACL_CREATE && (type == ACL_TOPIC || type == ACL_GROUP || type == ACL_TXN))
		return acl_check_create(acl, &q->who, &q->object, ret);
	return acl_check(acl, &q->who, q->op, &q->object, ret);
}

bool
why_hangs_on_owner(const struct acl_image *acl, const struct question *q, const struct acl_answer *a)
{
	if (!q->unloaded || q->object.node != NULL ||
	    acl_tenant_node(acl_image_tenant(acl, q->object.name.tenant), ACL_GROUP, q->object.name.s) != NULL)
		return false;
	return a->step == ACL_STEP_DIRECTORY || a->step == ACL_STEP_NOTHING;
}

static void
tell_steps(struct request *rq, const struct question *q, const struct acl_answer *a, struct why_rsp *out)
{
	char lines[ACL_EXPLAIN_STEPS][1024];
	size_t n = acl_explain_steps(image_acl(rq->image), &q->who, a, lines[0], sizeof(lines[0]), ACL_EXPLAIN_STEPS);
	for (size_t i = 0; i < n; i++)
		*ARRAY_ADD(rq->arena, out->steps) = arena_str(rq->arena, str_from(lines[i]));
}

enum api_turn
api_why(struct request *rq, const void *vin, void *vout)
{
	const struct why_req *in = vin;
	struct why_rsp *out = vout;
	const struct acl_image *acl = image_acl(rq->image);
	struct question q = { .op = (enum acl_op)in->operation };
	struct acl_who asker;
	struct acl_answer a;
	char line[1024];
	bool hidden = false;
	enum kerr err = why_take_object(rq, in->path, &q, &out->error_message);
	if (err == KERR_NONE)
		err = take_user(rq, in, &q, &out->error_message);
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	(void)why_decide(acl, &q, &a);
	caller(rq, &asker);
	acl_explain_to(acl, &asker, &q.who, &a, line, sizeof(line), &hidden);
	/* A request would be told to come again, too; and "not visible" would tell a name that is reserved from others. */
	if (why_hangs_on_owner(acl, &q, &a) || (hidden && q.unloaded)) {
		out->error_code = (int16_t)change_code(CHANGE_LOADING);
		out->error_message = change_text(rq, CHANGE_LOADING, &(struct why){ "" });
		return API_ANSWER;
	}
	out->sentence = arena_str(rq->arena, str_from(line));
	if (hidden)
		out->allowed = a.allow;
	else {
		struct why_reason r = why_reason(rq, &a);
		out->allowed = a.allow;
		out->step = r.step;
		out->rule = r.rule;
		out->class = r.class;
		out->bits = r.bits;
		out->path = in->path;
		if (in->explain)
			tell_steps(rq, &q, &a, out);
	}
	return API_ANSWER;
}
