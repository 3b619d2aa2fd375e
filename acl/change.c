/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes are asked in one order: gone, operator, foreign, administrator of the
 * tenant, owner of the node; what a kind of change does not accept is left out.
 * Rules give none of these rights, so the administrator's is read from the mode
 * of /T; a deny rule can take it away. Seeing the rules of a node is asked here of
 * its owner only: whoever else sees them has DESCRIBE on /T, which x is not.
 */
#include "acl/change.h"

#include "acl/image.h"

struct ask {
	const struct acl_who *who;
	const struct acl_tenant *tenant;
	struct acl_answer a;
};

static struct ask
ask(const struct acl_image *image, const struct acl_who *who, const struct acl_object *object)
{
	return (struct ask){
		.who = who,
		.tenant = acl_image_tenant(image, object->name.tenant),
		.a = { .op = ACL_ALTER, .object = *object },
	};
}

static bool
end(struct ask *q, bool allow, enum acl_step step, struct acl_answer *ret)
{
	q->a.allow = allow;
	q->a.step = step;
	if (ret != NULL)
		*ret = q->a;
	return allow;
}

/* True where the question ends before anybody's rights in the tenant count. */
static bool
gates_end(struct ask *q)
{
	if (q->who->gone)
		q->a.step = ACL_STEP_GONE;
	else if (q->tenant == NULL)
		q->a.step = ACL_STEP_FOREIGN;
	else if (q->who->is_operator)
		q->a.step = ACL_STEP_OPERATOR;
	else if (q->who->user.tenant != q->a.object.name.tenant)
		q->a.step = ACL_STEP_FOREIGN;
	return q->a.step != ACL_STEP_UNASKED;
}

static bool
gate_end(struct ask *q, struct acl_answer *ret)
{
	return end(q, q->a.step == ACL_STEP_OPERATOR, q->a.step, ret);
}

static void
look_at(struct ask *q, enum acl_type type, const struct acl_node *node, uint8_t need)
{
	q->a.node = node;
	q->a.node_type = type;
	q->a.need = need;
	q->a.cls = acl_class(q->who, node, q->a.object.name.tenant);
}

static bool
administers(struct ask *q)
{
	look_at(q, ACL_TENANT, acl_tenant_node(q->tenant, ACL_TENANT, STR("")), ACL_X);
	if ((q->a.node->mode >> (6 - 3 * q->a.cls) & ACL_X) == 0)
		return false;
	q->a.rule = acl_tenant_find_rules(q->tenant, q->who, ACL_ALTER, ACL_TENANT,
	    STR(ACL_CLUSTER_NAME), NULL).deny;
	return q->a.rule == NULL;
}

static enum acl_step
refusal(const struct ask *q)
{
	return q->a.rule != NULL ? ACL_STEP_DENY_RULE : ACL_STEP_NOTHING;
}

static bool
end_admin(struct ask *q, struct acl_answer *ret)
{
	if (gates_end(q))
		return gate_end(q, ret);
	if (administers(q))
		return end(q, true, ACL_STEP_ADMIN, ret);
	return end(q, false, refusal(q), ret);
}

/* Whether who owns the node that the question is about. */
static bool
owns(struct ask *q)
{
	const struct acl_object *o = &q->a.object;
	if (o->type != ACL_TOPIC && o->type != ACL_GROUP && o->type != ACL_TXN)
		return false;
	const struct acl_node *node = acl_tenant_node(q->tenant, o->type, o->name.s);
	if (node == NULL)
		node = o->node;
	if (node == NULL)
		return false;
	look_at(q, o->type, node, 0);
	return q->a.cls == ACL_CLASS_OWNER;
}

/* The administrator's right, or with owner_may the owner's. */
static bool
end_owner(struct ask *q, bool owner_may, struct acl_answer *ret)
{
	if (gates_end(q))
		return gate_end(q, ret);
	if (administers(q))
		return end(q, true, ACL_STEP_ADMIN, ret);
	enum acl_step no = refusal(q);
	if (owns(q) && owner_may) {
		q->a.rule = NULL;
		return end(q, true, ACL_STEP_OWNER, ret);
	}
	return end(q, false, no, ret);
}

bool
acl_is_admin(const struct acl_image *image, const struct acl_who *who, uint32_t tenant)
{
	return acl_may_admin(image, who, tenant, NULL);
}

bool
acl_may_admin(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    struct acl_answer *ret)
{
	struct acl_object object = { .type = ACL_TENANT, .name = NAME(tenant, STR("")) };
	struct ask q = ask(image, who, &object);
	return end_admin(&q, ret);
}

bool
acl_may_chmod(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret)
{
	if (object->type == ACL_ROOT)
		return acl_may_install(image, who, ret);
	struct ask q = ask(image, who, object);
	return end_owner(&q, true, ret);
}

bool
acl_may_chgrp(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct str team, struct acl_answer *ret)
{
	if (object->type == ACL_ROOT)
		return acl_may_install(image, who, ret);
	struct ask q = ask(image, who, object);
	return end_owner(&q, team.n == 0 || acl_user_in(who->record, team), ret);
}

bool
acl_may_chown(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret)
{
	if (object->type == ACL_ROOT)
		return acl_may_install(image, who, ret);
	struct ask q = ask(image, who, object);
	return end_admin(&q, ret);
}

bool
acl_may_rule(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    const struct acl_binding *rule, const struct acl_node *node, bool *ret_by_owner,
    struct acl_answer *ret)
{
	struct acl_object object = {
		.type = (enum acl_type)rule->type, .name = NAME(tenant, rule->name), .node = node,
	};
	struct acl_answer a;
	struct ask q = ask(image, who, &object);
	bool one_name = rule->pattern == ACL_LITERAL && !str_is(rule->name, "*");
	bool allow = one_name ? end_owner(&q, true, &a) : end_admin(&q, &a);
	if (ret_by_owner != NULL)
		*ret_by_owner = allow && a.step == ACL_STEP_OWNER;
	if (ret != NULL)
		*ret = a;
	return allow;
}

bool
acl_may_see_rules(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    const struct acl_binding *filter, const struct acl_node *node, struct acl_answer *ret)
{
	struct acl_object object = {
		.type = (enum acl_type)filter->type, .name = NAME(tenant, filter->name), .node = node,
	};
	struct ask q = ask(image, who, &object);
	q.a.op = ACL_DESCRIBE;
	if (gates_end(&q))
		return gate_end(&q, ret);
	bool one_name = filter->pattern == ACL_LITERAL && filter->name.p != NULL && !str_is(filter->name, "*");
	bool allow = one_name && owns(&q);
	return end(&q, allow, allow ? ACL_STEP_OWNER : ACL_STEP_NOTHING, ret);
}

/* Whether the record is an operator's, which others do not touch whatever they administer. */
static bool
is_above(const struct acl_who *who, const struct acl_tenant *t, struct str user)
{
	const struct acl_user *u = acl_tenant_user(t, user);
	return !who->is_operator && u != NULL && u->is_operator;
}

bool
acl_admin_may_user(const struct acl_image *image, const struct acl_who *who, struct name user)
{
	return !is_above(who, acl_image_tenant(image, user.tenant), user.s);
}

bool
acl_may_user(const struct acl_image *image, const struct acl_who *who, struct name user,
    bool to_operator, struct acl_answer *ret)
{
	struct acl_object object = { .type = ACL_USER, .name = user };
	struct ask q = ask(image, who, &object);
	if (gates_end(&q) && q.a.step != ACL_STEP_OPERATOR)
		return gate_end(&q, ret);
	if (to_operator && user.tenant != 0)
		return end(&q, false, ACL_STEP_NO_SUCH, ret);
	if ((to_operator && !who->is_operator) || is_above(who, q.tenant, user.s))
		return end(&q, false, ACL_STEP_OPERATORS_ONLY, ret);
	return end_admin(&q, ret);
}

bool
acl_may_install(const struct acl_image *image, const struct acl_who *who, struct acl_answer *ret)
{
	struct acl_object root = { .type = ACL_ROOT };
	struct ask q = ask(image, who, &root);
	if (who->gone)
		return end(&q, false, ACL_STEP_GONE, ret);
	return end(&q, who->is_operator,
	    who->is_operator ? ACL_STEP_OPERATOR : ACL_STEP_OPERATORS_ONLY, ret);
}

bool
acl_may_ask_why(const struct acl_image *image, const struct acl_who *who, struct name user,
    struct acl_answer *ret)
{
	struct acl_object object = { .type = ACL_USER, .name = user };
	struct ask q = ask(image, who, &object);
	q.a.op = ACL_DESCRIBE;
	if (!who->gone && name_eq(who->user, user))
		return end(&q, true, ACL_STEP_SELF, ret);
	return end_admin(&q, ret);
}

int
acl_mode_check(enum acl_type type, unsigned mode, bool force, struct why *why)
{
	unsigned owner = mode >> 6, team = mode >> 3 & 7, other = mode & 7;
	if (mode > 0777)
		return why_set(why, ERR_INVAL, "mode %o has bits beyond 0777", mode);
	if ((other & ~team) != 0)
		return why_set(why, ERR_INVAL, "mode %04o gives other more than the team: "
		    "use a deny rule for the team instead (setfacl deny:team:...)", mode);
	if ((team & ~owner) != 0)
		return why_set(why, ERR_INVAL, "mode %04o gives the team more than the owner: "
		    "use a deny rule for the owner instead (setfacl deny:user:...)", mode);
	if ((type == ACL_TOPIC || type == ACL_GROUP || type == ACL_TXN) && (other & ACL_X) != 0 &&
	    !force)
		return why_set(why, ERR_INVAL, "mode %04o lets every user of the tenant %s; "
		    "say --force if that is meant", mode, type == ACL_TOPIC ?
		    "alter, configure and delete this topic" : type == ACL_GROUP ?
		    "delete this group" : "abort transactions of this id");
	return 0;
}
