/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why: the decision that a request of that user would meet now, by the same
 * function, explained as far as the asker may know.
 */
#include "acl/change.h"
#include "acl/text.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "api/session.h"
#include "base/buf.h"
#include "base/clock.h"
#include "meta/image.h"

struct question {
	struct acl_object object;
	struct acl_who who;		/* asked about */
	enum acl_op op;
	bool unloaded;			/* whose the group is, if it was made by use, is not known */
};

/* The object of the path, in the tenant that the path names. */
static enum kerr
take_object(struct request *rq, const struct why_req *in, struct question *q, struct str *ret_message)
{
	struct acl_path path;
	struct why why;
	uint32_t tenant = 0;
	if (acl_path_parse(rq->arena, in->path, &path, &why) != 0) {
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

static enum kerr
take_user(struct request *rq, const struct why_req *in, struct question *q, struct str *ret_message)
{
	const struct acl_image *acl = image_acl(rq->image);
	struct acl_who asker;
	struct acl_answer a;
	struct addr host = { .family = 0 };
	caller(rq, &asker);
	struct name user = in->user.p == NULL ? rq->session->principal.user :
	    NAME(q->object.name.tenant, in->user);
	/* An operator of main asks about himself in another tenant, too. */
	if (in->user.p != NULL && asker.is_operator &&
	    acl_tenant_user(acl_image_tenant(acl, user.tenant), in->user) == NULL &&
	    str_eq(in->user, asker.user.s))
		user = asker.user;
	if (in->host.p != NULL && addr_parse(in->host, &host) != 0) {
		*ret_message = STR("the host is no address");
		return KERR_INVALID_REQUEST;
	}
	if (!acl_may_ask_why(acl, &asker, user, &a))
		return own_denied(rq, &asker, &a);
	acl_who_named(acl, user, host, clock_wall_ms(), &q->who);
	return KERR_NONE;
}

static void
fill(struct request *rq, const struct acl_answer *a, struct why_rsp *out)
{
	static const char *const classes[] = { "owner", "team", "other" };
	struct buf b;
	buf_init(&b, 65536);
	out->allowed = a->allow;
	out->step = str_from(acl_step_name(a->step));
	if (a->rule != NULL && acl_rule_text_format(&b, &a->rule->b, UINT32_C(1) << a->rule->b.op) == 0)
		out->rule = arena_str(rq->arena, buf_str(&b));
	buf_free(&b);
	if (a->need != 0 && a->node != NULL) {
		out->class = str_from(classes[a->cls]);
		out->bits = arena_printf(rq->arena, "%s%s%s", a->need & ACL_R ? "r" : "",
		    a->need & ACL_W ? "w" : "", a->need & ACL_X ? "x" : "");
	}
}

/* Whether whose the group is could change the answer, and is not known. */
static bool
hangs_on_owner(const struct acl_image *acl, const struct question *q, const struct acl_answer *a)
{
	if (!q->unloaded || q->object.node != NULL ||
	    acl_tenant_node(acl_image_tenant(acl, q->object.name.tenant), ACL_GROUP, q->object.name.s) != NULL)
		return false;
	return a->step == ACL_STEP_DIRECTORY || a->step == ACL_STEP_NOTHING;
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
	enum kerr err = take_object(rq, in, &q, &out->error_message);
	if (err == KERR_NONE)
		err = take_user(rq, in, &q, &out->error_message);
	out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	bool create = q.op == ACL_CREATE && (q.object.type == ACL_TOPIC || q.object.type == ACL_GROUP ||
	    q.object.type == ACL_TXN);
	if (create)
		(void)acl_check_create(acl, &q.who, &q.object, &a);
	else
		(void)acl_check(acl, &q.who, q.op, &q.object, &a);
	if (hangs_on_owner(acl, &q, &a)) { /* a request would be told to come again, too */
		out->error_code = (int16_t)change_code(CHANGE_LOADING);
		out->error_message = change_text(rq, CHANGE_LOADING, &(struct why){ "" });
		return API_ANSWER;
	}
	caller(rq, &asker);
	acl_explain_to(acl, &asker, &q.who, &a, line, sizeof(line), &hidden);
	out->sentence = arena_str(rq->arena, str_from(line));
	if (hidden)
		out->allowed = a.allow;
	else {
		fill(rq, &a, out);
		out->path = in->path;
	}
	return API_ANSWER;
}
