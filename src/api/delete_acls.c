/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteAcls: the rules that each filter matches, all of them by one change.
 * Who does not administer the tenant must name one node, literally, whose rules
 * are his to change. A filter that names in full what stands for a mode is
 * answered with the command that would change the mode.
 *
 * A filter is compared with every rule of the tenant, on the loop. What the filters of one
 * request may cost is bounded; those beyond are refused, and can be sent again by themselves.
 */
#include "acl/change.h"
#include "acl/describe.h"
#include "api/acls.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "meta/tree.h"

#define STEPS_MAX	5000000u	/* comparisons of a filter with a rule, in one request */
#define STEPS_A_MATCH	100u		/* that a rule found costs, for it is copied and answered */

struct deleting {
	struct request *rq;
	size_t steps;
	struct rules_delete change;
	struct { struct acl_binding *v; int32_t n; } rules;
	struct delete_acls_rsp_filter_result *answer;	/* of the filter at hand */
};

static int
note(const struct acl_rule *rule, void *arg)
{
	struct deleting *d = arg;
	struct arena *arena = d->rq->arena;
	struct acl_binding b = acls_copy(d->rq, &rule->b);
	struct delete_acls_rsp_match *m = WIRE_ADD(arena, d->answer->matching_acls, delete_acls_rsp_match);
	m->resource_type = b.type;
	m->resource_name = NAME(request_tenant(d->rq), b.name);
	m->pattern_type = b.pattern;
	m->principal = b.principal;
	m->host = b.host;
	m->operation = b.op;
	m->permission_type = b.permission;
	*ARRAY_ADD(arena, d->rules) = b;
	d->steps += STEPS_A_MATCH;
	return 0;
}

static enum change_result
may_filter(struct request *rq, const struct acl_binding *f)
{
	struct acl_who w;
	bool by_owner;
	caller(rq, &w);
	if (acl_is_admin(image_acl(rq->image), &w, request_tenant(rq)))
		return CHANGE_OK;
	if (f->name.p == NULL || f->pattern != ACL_LITERAL || f->type == ACL_TYPE_ANY)
		return CHANGE_SECURITY;
	return acls_may(rq, f, &by_owner);
}

static void
fail(struct deleting *d, enum kerr err, const char *text)
{
	d->answer->error_code = (int16_t)err;
	d->answer->error_message = arena_str(d->rq->arena, str_from(text));
}

static void
one(struct deleting *d, const struct acl_tenant *t, const struct delete_acls_req_filter *in)
{
	struct acl_binding f = ACLS_BINDING(in->resource_type_filter, in->pattern_type_filter,
	    in->resource_name_filter.s, in->principal_filter, in->host_filter, in->operation,
	    in->permission_type);
	struct why why = { "" };
	char command[1024];
	if (acl_filter_check(&f, &why) != 0) {
		fail(d, KERR_INVALID_REQUEST, why.text);
		return;
	}
	enum change_result may = may_filter(d->rq, &f);
	if (may == CHANGE_SECURITY)
		why_set(&why, 0, "not allowed to change these rules");
	if (may != CHANGE_OK) {
		d->answer->error_code = (int16_t)change_code(may);
		d->answer->error_message = change_text(d->rq, may, &why);
		return;
	}
	if (d->steps > STEPS_MAX) {
		fail(d, KERR_INVALID_REQUEST, "too many filters for so many rules: send them in several requests");
		return;
	}
	d->steps += 1 + acl_tenant_rule_count(t);
	(void)acl_tenant_rules(t, &f, note, d);
	const struct acl_node *by_use = f.type == ACL_GROUP && f.name.p != NULL
	    ? group_node(d->rq, NAME(request_tenant(d->rq), f.name)) : NULL;
	if (d->answer->matching_acls.n == 0 && acl_describe_chmod(t, &f, by_use, command, sizeof(command))) {
		why_set(&why, 0, "this is no rule but a mode: %s", command);
		fail(d, KERR_INVALID_REQUEST, why.text);
	}
}

static enum api_turn
deleted(struct request *rq)
{
	struct deleting *d = rq->state;
	struct delete_acls_rsp *out = rq->out;
	enum change_result r = d->change.change.result;
	if (r == CHANGE_OK)
		return API_ANSWER;
	ARRAY_FOREACH(struct delete_acls_rsp_filter_result, a, out->filter_results) {
		if (a->matching_acls.n <= 0)
			continue;
		a->error_code = (int16_t)change_code(r);
		a->error_message = change_text(rq, r, &d->change.change.why);
		a->matching_acls.n = 0;
	}
	return API_ANSWER;
}

enum api_turn
api_delete_acls(struct request *rq, const void *vin, void *vout)
{
	const struct delete_acls_req *in = vin;
	struct delete_acls_rsp *out = vout;
	struct deleting *d = rq->state = arena_zalloc(rq->arena, sizeof(*d));
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), request_tenant(rq));
	d->rq = rq;
	ARRAY_FOREACH(const struct delete_acls_req_filter, f, in->filters) {
		d->answer = WIRE_ADD(rq->arena, out->filter_results, delete_acls_rsp_filter_result);
		one(d, t, f);
	}
	if (d->rules.n == 0)
		return API_ANSWER;
	d->change.tenant = request_tenant(rq);
	d->change.rules = d->rules.v;
	d->change.n = d->rules.n;
	rules_delete_init(&d->change);
	return change_submit(rq, &d->change.change, deleted);
}
