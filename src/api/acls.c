/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeAcls and CreateAcls. Rules belong to the caller's tenant. A literal
 * rule on a node is its owner's to make and to see; all others take x on the
 * tenant, or to be seen DESCRIBE.
 */
#include "api/acls.h"

#include "acl/change.h"
#include "acl/describe.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/groups.h"
#include "api/session.h"
#include "base/clock.h"
#include "meta/tree.h"

struct acl_binding
acls_copy(struct request *rq, const struct acl_binding *b)
{
	struct acl_binding c = *b;
	c.name = arena_str(rq->arena, b->name);
	c.principal = arena_str(rq->arena, b->principal);
	c.host = arena_str(rq->arena, b->host);
	return c;
}

/* The one group that a literal rule, or a filter of such, is about. */
struct about_group {
	bool unloaded;			/* and so its owner by use may be missing */
	const struct acl_node *node;	/* made by use; or NULL */
};

static struct about_group
group_of(struct request *rq, const struct acl_binding *b)
{
	struct about_group g = { .node = NULL };
	struct name name = NAME(request_tenant(rq), b->name);
	if (b->type != ACL_GROUP || b->pattern != ACL_LITERAL || b->name.p == NULL || str_is(b->name, "*"))
		return g;
	g.unloaded = group_unloaded(rq, name); /* in this order, or it could be loaded in between */
	g.node = group_node(rq, name);
	return g;
}

enum change_result
acls_may(struct request *rq, const struct acl_binding *b, bool *ret_by_owner)
{
	struct acl_who w;
	struct acl_answer a;
	struct about_group g = group_of(rq, b);
	caller(rq, &w);
	if (acl_may_rule(image_acl(rq->image), &w, request_tenant(rq), b, g.node, ret_by_owner, &a))
		return CHANGE_OK;
	if (g.unloaded)
		return CHANGE_LOADING;
	note_denial(rq, &w, &a);
	return CHANGE_SECURITY;
}

/* ---- DescribeAcls ---- */

struct describing {
	struct request *rq;
	struct describe_acls_rsp *out;
	bool ends;			/* says which rules end with their node, or at some time */
	int64_t now_ms;
};

static bool
same_place(const struct describe_acls_rsp_resource *r, const struct acl_binding *b)
{
	return r->resource_type == b->type && r->pattern_type == b->pattern && str_eq(r->resource_name.s, b->name);
}

/* Rules come in the order of their places: those of one place stand together. */
static int
describe(const struct acl_binding *from, void *arg)
{
	struct describing *d = arg;
	struct arena *arena = d->rq->arena;
	struct acl_binding b = acls_copy(d->rq, from);
	struct describe_acls_rsp_resource *r = d->out->resources.n > 0
	    ? &d->out->resources.v[d->out->resources.n - 1] : NULL;
	if (r == NULL || !same_place(r, &b)) {
		r = WIRE_ADD(arena, d->out->resources, describe_acls_rsp_resource);
		r->resource_type = b.type;
		r->resource_name = NAME(request_tenant(d->rq), b.name);
		r->pattern_type = b.pattern;
	}
	struct describe_acls_rsp_acl *a = WIRE_ADD(arena, r->acls, describe_acls_rsp_acl);
	a->principal = b.principal;
	a->host = b.host;
	a->operation = b.op;
	a->permission_type = b.permission;
	return 0;
}

static int
describe_rule(const struct acl_rule *rule, void *arg)
{
	struct describing *d = arg;
	if (!d->ends && acl_rule_is_over(rule, d->now_ms))
		return 0;		/* Kafka's tools could not tell that it decides nothing */
	int err = describe(&rule->b, arg);
	const struct describe_acls_rsp_resource *r = &d->out->resources.v[d->out->resources.n - 1];
	if (d->ends) {
		r->acls.v[r->acls.n - 1].of_owner = rule->by_owner;
		r->acls.v[r->acls.n - 1].until_ms = rule->b.until_ms;
	}
	return err;
}

/* Who owns what the filter names needs no right on the tenant; for others it is its
 * DESCRIBE that is missing, and that is logged. */
static enum kerr
may_describe(struct request *rq, const struct acl_binding *filter)
{
	struct acl_who w;
	struct about_group g = group_of(rq, filter);
	caller(rq, &w);
	if (acl_may_see_rules(image_acl(rq->image), &w, request_tenant(rq), filter, g.node, NULL))
		return KERR_NONE;
	if (g.unloaded && !may_cluster_quietly(rq))
		return KERR_COORDINATOR_LOAD_IN_PROGRESS;
	return may_cluster(rq);
}

enum api_turn
api_describe_acls(struct request *rq, const void *vin, void *vout)
{
	const struct describe_acls_req *in = vin;
	struct describing d = { rq, vout, in->rules_only, clock_wall_ms() };
	struct acl_binding f = ACLS_BINDING(in->resource_type_filter, in->pattern_type_filter,
	    in->resource_name_filter.s, in->principal_filter, in->host_filter, in->operation,
	    in->permission_type);
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), request_tenant(rq));
	struct why why;
	d.out->error_code = (int16_t)may_describe(rq, &f);
	if (d.out->error_code != KERR_NONE || t == NULL)
		return API_ANSWER;
	if (acl_filter_check(&f, &why) != 0) {
		d.out->error_code = KERR_INVALID_REQUEST;
		d.out->error_message = arena_str(rq->arena, str_from(why.text));
		return API_ANSWER;
	}
	(void)acl_tenant_rules(t, &f, describe_rule, &d);
	if (rq->core->settings.describe_modes && !in->rules_only)
		(void)acl_describe_modes(t, &f, describe, &d);
	return API_ANSWER;
}

/* ---- CreateAcls ---- */

struct adding {
	struct rules_add rules;
	struct str user;		/* who asked */
};

/* A group by use may have ended while its owner's rule was made: then nobody else would take
 * the rule away, and the next owner of the name would inherit it. What is not loaded has not ended. */
static bool
group_stays(struct request *rq, const struct adding *a, const struct rule_change *r)
{
	struct name name = NAME(a->rules.tenant, r->binding.name);
	struct group_owner o;
	if (!r->by_owner || r->owner.p != NULL || rq->core->groups == NULL)
		return true;
	if (coord_group_owner(rq->core->coord, name, rq->arena, &o) && str_eq(o.owner, a->user))
		return true;
	if (coord_known(rq->core->coord, name) != KERR_NONE)
		return true;
	groups_ended(rq->core->groups, name);
	return false;
}

/* On the controller's thread, so that it is done where the connection has gone, too: of the
 * request only the arena and the core may be touched. */
static void
rules_made(struct change *change)
{
	struct request *rq = change->arg;
	struct adding *a = rq->state;
	for (int32_t i = 0; change->result == CHANGE_OK && i < a->rules.n; i++) {
		struct rule_change *r = &a->rules.rules[i];
		if (r->result == CHANGE_OK && !group_stays(rq, a, r))
			r->result = CHANGE_SECURITY;
	}
	request_wake(rq);
}

/* Of one name, which has a node of its own: what an owner can set. */
static bool
ends_with_node(const struct acl_binding *b)
{
	return b->pattern == ACL_LITERAL && b->type != ACL_TENANT && !str_is(b->name, "*");
}

static enum api_turn
created(struct request *rq)
{
	const struct rules_add *c = &((const struct adding *)rq->state)->rules;
	struct create_acls_rsp *out = rq->out;
	for (int32_t i = 0; i < c->n; i++) {
		const struct rule_change *r = &c->rules[i];
		enum change_result res = r->result != CHANGE_OK ? r->result : c->change.result;
		if (res == CHANGE_OK)
			out->results.v[i].until_ms = r->binding.until_ms;
		if (res == CHANGE_OK || out->results.v[i].error_code != 0)
			continue;
		out->results.v[i].error_code = (int16_t)change_code(res);
		out->results.v[i].error_message = change_text(rq, res,
		    res == c->change.result ? &c->change.why : &r->why);
	}
	return API_ANSWER;
}

enum api_turn
api_create_acls(struct request *rq, const void *vin, void *vout)
{
	const struct create_acls_req *in = vin;
	struct create_acls_rsp *out = vout;
	struct adding *adding = rq->state = arena_zalloc(rq->arena, sizeof(*adding));
	struct rules_add *c = &adding->rules;
	size_t most = in->creations.n > 0 ? (size_t)in->creations.n : 0;
	bool any = false;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), request_tenant(rq));
	c->tenant = request_tenant(rq);
	c->now_ms = clock_wall_ms();
	c->rules = arena_zalloc(rq->arena, (most + 1) * sizeof(*c->rules));
	for (c->n = 0; c->n < in->creations.n; c->n++) {
		const struct create_acls_req_creation *from = &in->creations.v[c->n];
		struct rule_change *r = &c->rules[c->n];
		struct create_acls_rsp_result *a = WIRE_ADD(rq->arena, out->results, create_acls_rsp_result);
		struct acl_rule *rule;
		r->binding = ACLS_BINDING(from->resource_type, from->resource_pattern_type,
		    from->resource_name.s, from->principal, from->host, from->operation, from->permission_type);
		r->binding.until_ms = from->until_ms;
		if (acl_rule_create(&r->binding, false, &rule, &r->why) != 0)
			r->result = CHANGE_BAD_REQUEST;
		else {
			acl_rule_unref(&rule);
			r->result = acls_may(rq, &r->binding, &r->by_owner);
			const struct acl_node *n = acl_tenant_node(t, (enum acl_type)r->binding.type, r->binding.name);
			r->by_owner = r->by_owner || (from->of_owner && n != NULL && ends_with_node(&r->binding));
			r->owner = n == NULL ? STR_NULL : arena_str(rq->arena, n->owner);
		}
		a->error_code = (int16_t)change_code(r->result);
		a->error_message = change_text(rq, r->result, &r->why);
		any = any || r->result == CHANGE_OK;
	}
	if (!any)
		return API_ANSWER;
	adding->user = arena_str(rq->arena, rq->session->principal.user.s);
	rules_add_init(c);
	return change_submit_then(rq, &c->change, rules_made, created);
}
