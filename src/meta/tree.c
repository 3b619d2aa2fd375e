/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions, rules, quotas, options of the broker, producer ids. A rule's
 * path is the rule itself, so that adding one twice is one rule; a quota's path
 * is its entity.
 */
#include "meta/tree.h"

#include <stdio.h>

#include "meta/address.h"
#include "meta/plan.h"
#include "meta/record.h"

#define PRODUCER_BLOCK 1000

/* ---- nodes ---- */

static void
record_node(struct buf *b, const struct acl_node *node)
{
	record_begin(b);
	record_add(b, "owner", node->owner);
	record_add(b, "team", node->team);
	record_add_int(b, "mode", node->mode);
	record_add_int(b, "create", node->create_mode);
}

/* A topic's node is part of its own record: everything else of it is kept. */
static void
put_topic_node(struct plan *p, struct name name, const struct acl_node *node)
{
	const struct image_topic *t = image_topic(plan_image(p), name);
	if (t != NULL)
		topic_put(p, t, node);
}

void
tree_put_node(struct plan *p, uint32_t tenant, enum acl_type type, struct str name,
    const struct acl_node *node)
{
	static const struct { enum acl_type type; const char *dir, *name; } places[] = {
		{ ACL_GROUP, "groups", NULL }, { ACL_TXN, "txns", NULL }, { ACL_TENANT, "dirs", "tenant" },
		{ ACL_TOPICS, "dirs", "topics" }, { ACL_GROUPS, "dirs", "groups" }, { ACL_TXNS, "dirs", "txns" },
	};
	struct buf b;
	if (type == ACL_TOPIC) {
		put_topic_node(p, NAME(tenant, name), node);
		return;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].type != type)
			continue;
		struct str part = places[i].name != NULL ? str_from(places[i].name)
		    : record_path_part(plan_arena(p), name);
		buf_init(&b, META_NODE_MAX);
		record_node(&b, node);
		plan_put(p, &b, "/tenants/%u/%s/%.*s", tenant, places[i].dir, STR_ARG(part));
	}
}

static bool
is_as_seen(const struct node_change *n, const struct acl_node *now)
{
	if (n->before == NODE_ANY)
		return true;
	if (n->before == NODE_NONE || now == NULL)
		return n->before == NODE_NONE && now == NULL;
	return str_eq(now->owner, n->seen.owner) && str_eq(now->team, n->seen.team) &&
	    now->mode == n->seen.mode && now->create_mode == n->seen.create_mode;
}

/* The node before this change: what the change itself has written to it is nobody else's doing. */
static const struct acl_node *
node_before(struct plan *p, const struct node_change *n)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_before(p)), n->name.tenant);
	return t == NULL ? NULL : acl_tenant_node(t, n->type, n->name.s);
}

static enum change_result
plan_node(struct plan *p, struct node_change *n)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), n->name.tenant);
	if (t == NULL)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (!is_as_seen(n, node_before(p, n)))
		return CHANGE_CHANGED;
	if (n->type == ACL_TOPIC && image_topic(plan_image(p), n->name) == NULL)
		return CHANGE_NOT_FOUND;
	if (n->node.owner.n > 0 && acl_tenant_user(t, n->node.owner) == NULL) {
		why_set(&n->why, 0, "there is no user '%.*s'", STR_ARG(n->node.owner));
		return CHANGE_RESOURCE_NOT_FOUND;
	}
	if (n->node.team.n > 0 && !acl_tenant_has_team(t, n->node.team)) {
		why_set(&n->why, 0, "there is no team '%.*s'", STR_ARG(n->node.team));
		return CHANGE_RESOURCE_NOT_FOUND;
	}
	tree_put_node(p, n->name.tenant, n->type, n->name.s, &n->node);
	return CHANGE_OK;
}

/* All nodes or none: a recursive chmod that fails half-way would leave a tree
 * that nobody asked for. */
static enum change_result
nodes_plan(struct change *change, struct plan *p)
{
	struct nodes_change *c = CONTAINER_OF(change, struct nodes_change, change);
	for (int32_t i = 0; i < c->n; i++) {
		c->nodes[i].result = plan_node(p, &c->nodes[i]);
		if (c->nodes[i].result != CHANGE_OK) {
			change->why = c->nodes[i].why;
			return c->nodes[i].result;
		}
	}
	return CHANGE_OK;
}

void
nodes_change_init(struct nodes_change *c)
{
	c->change.plan = nodes_plan;
	c->change.carry_out = NULL;
}

/* ---- names that end ---- */

static enum change_result
names_end_plan(struct change *change, struct plan *p)
{
	struct names_end *c = CONTAINER_OF(change, struct names_end, change);
	for (int32_t i = 0; i < c->n; i++) {
		struct name name = c->names[i];
		const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), name.tenant);
		bool kept = t != NULL && acl_tenant_node(t, ACL_GROUP, name.s) != NULL;
		if (t == NULL || (kept && !c->reserved_too))
			continue;
		rules_delete_owned(p, name, ACL_GROUP);
		struct str part = record_path_part(plan_arena(p), name.s);
		if (kept)
			plan_delete(p, "/tenants/%u/groups/%.*s", name.tenant, STR_ARG(part));
	}
	return CHANGE_OK;
}

void
names_end_init(struct names_end *c)
{
	c->change.plan = names_end_plan;
	c->change.carry_out = NULL;
}

/* ---- rules ---- */

void
rules_put_one(struct plan *p, uint32_t tenant, const struct acl_binding *binding, bool by_owner, bool ended)
{
	struct buf b;
	struct str part = address_of_rule(plan_arena(p), binding);
	buf_init(&b, 128);
	/* A broker that passed over the end would give for ever what was given for a day. */
	if (binding->until_ms != 0)
		record_begin_strict(&b);
	else
		record_begin(&b);
	if (by_owner)
		record_add_int(&b, "by.owner", 1);
	if (binding->until_ms != 0)
		record_add_int(&b, "until", binding->until_ms);
	if (ended)
		record_add_int(&b, "ended", 1);
	plan_put(p, &b, "/tenants/%u/rules/%.*s", tenant, STR_ARG(part));
}

void
rules_delete_one(struct plan *p, uint32_t tenant, const struct acl_binding *b)
{
	struct str part = address_of_rule(plan_arena(p), b);
	plan_delete(p, "/tenants/%u/rules/%.*s", tenant, STR_ARG(part));
}

struct all_rules {
	struct plan *plan;
	bool by_owner;			/* only those that an owner set */
	ARRAY(struct acl_binding) found;
};

static int
collect_rule(const struct acl_rule *rule, void *arg)
{
	struct all_rules *all = arg;
	struct arena *a = plan_arena(all->plan);
	if (all->by_owner && !rule->by_owner)
		return 0;
	struct acl_binding *b = ARRAY_ADD(a, all->found);
	*b = rule->b;
	b->name = arena_str(a, b->name);
	b->principal = arena_str(a, b->principal);
	b->host = arena_str(a, b->host);
	return 0;
}

static void
rules_delete_found(struct plan *p, uint32_t tenant, const struct acl_binding *filter, bool by_owner)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), tenant);
	struct all_rules all = { .plan = p, .by_owner = by_owner };
	(void)acl_tenant_rules(t, filter, collect_rule, &all);
	ARRAY_FOREACH(const struct acl_binding, b, all.found)
		rules_delete_one(p, tenant, b);
}

void
rules_delete_owned(struct plan *p, struct name name, enum acl_type type)
{
	struct acl_binding filter = { .type = (int8_t)type, .pattern = ACL_LITERAL, .op = ACL_OP_ANY,
		.permission = ACL_PERMISSION_ANY, .name = name.s };
	rules_delete_found(p, name.tenant, &filter, true);
}

static int
set_by_administrator(const struct acl_rule *rule, void *arg)
{
	(void)arg;
	return !rule->by_owner;
}

/* Of two equal rules the administrator's stays, as the image has it. */
static bool
is_owners(struct plan *p, uint32_t tenant, const struct acl_rule *rule, bool by_owner)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), tenant);
	return by_owner && (t == NULL || acl_tenant_rules(t, &rule->b, set_by_administrator, NULL) == 0);
}

/* A rule of an owner ends with the node, which may have ended, or be another's, since it was
 * asked for. A group without a node is the coordinator's: its owner is asked when this is done. */
static bool
owner_stays(struct plan *p, uint32_t tenant, const struct rule_change *r)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), tenant);
	const struct acl_node *n = t == NULL ? NULL
	    : acl_tenant_node(t, (enum acl_type)r->binding.type, r->binding.name);
	if (!r->by_owner || r->owner.p == NULL)
		return true;
	return n != NULL && str_eq(n->owner, r->owner);
}

/* With the end that it has already a rule stays as it is, ended or not, so that what getfacl shows can be set again;
 * but none is made that has ended before it begins. */
static enum change_result
put_rule(struct plan *p, const struct rules_add *c, struct rule_change *r, const struct acl_rule *rule)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), c->tenant);
	const struct acl_rule *now = t == NULL ? NULL : acl_tenant_rule(t, rule);
	bool same_end = now != NULL && now->b.until_ms == rule->b.until_ms;
	if (!owner_stays(p, c->tenant, r))
		return CHANGE_SECURITY;
	if (!same_end && acl_rule_is_over(rule, c->now_ms)) {
		why_set(&r->why, 0, "the rule would have ended already");
		return CHANGE_BAD_REQUEST;
	}
	/* One of another end is another's will: an owner's, who must not make an administrator's rule last. */
	bool by_owner = now == NULL || !same_end ? r->by_owner : is_owners(p, c->tenant, rule, r->by_owner);
	rules_put_one(p, c->tenant, &rule->b, by_owner, same_end && now->ended);
	return CHANGE_OK;
}

static enum change_result
rules_add_plan(struct change *change, struct plan *p)
{
	struct rules_add *c = CONTAINER_OF(change, struct rules_add, change);
	for (int32_t i = 0; i < c->n; i++) {
		struct rule_change *r = &c->rules[i];
		struct acl_rule *rule;
		if (r->result != CHANGE_OK)
			continue;
		if (acl_rule_create(&r->binding, r->by_owner, &rule, &r->why) != 0) {
			r->result = CHANGE_BAD_REQUEST;
			continue;
		}
		r->result = put_rule(p, c, r, rule);
		acl_rule_unref(&rule);
	}
	return CHANGE_OK;
}

void
rules_add_init(struct rules_add *c)
{
	c->change.plan = rules_add_plan;
	c->change.carry_out = NULL;
}

static enum change_result
rules_delete_plan(struct change *change, struct plan *p)
{
	struct rules_delete *c = CONTAINER_OF(change, struct rules_delete, change);
	for (int32_t i = 0; i < c->n; i++)
		rules_delete_one(p, c->tenant, &c->rules[i]);
	return CHANGE_OK;
}

void
rules_delete_init(struct rules_delete *c)
{
	c->change.plan = rules_delete_plan;
	c->change.carry_out = NULL;
}

/* ---- quotas ---- */

static enum change_result
plan_quota(struct plan *p, struct quota_set *s, bool validate_only)
{
	struct quota_values v = { 0 };
	struct buf b;
	char text[64];
	bool any = false;
	(void)quota_image_get(image_quotas(plan_image(p)), &s->entity, &v);
	for (int i = 0; i < QUOTA_KEYS; i++) {
		if (!s->named[i])
			continue;
		if (s->values.v[i] != 0 &&
		    quota_entity_check(&s->entity, (enum quota_key)i, s->values.v[i], &s->why) != 0)
			return CHANGE_BAD_REQUEST;
		v.v[i] = s->values.v[i];
	}
	if (validate_only)
		return CHANGE_OK;
	buf_init(&b, 4096);
	record_begin(&b);
	for (int i = 0; i < QUOTA_KEYS; i++) {
		if (v.v[i] == 0)
			continue;
		any = true;
		snprintf(text, sizeof(text), "%.17g", v.v[i]);
		record_add(&b, quota_key_name((enum quota_key)i), str_from(text));
	}
	struct str part = address_of_quota(plan_arena(p), &s->entity);
	if (any)
		plan_put(p, &b, "/tenants/%u/quotas/%.*s", s->entity.tenant, STR_ARG(part));
	else {
		plan_delete(p, "/tenants/%u/quotas/%.*s", s->entity.tenant, STR_ARG(part));
		buf_free(&b);
	}
	return CHANGE_OK;
}

static enum change_result
quotas_plan(struct change *change, struct plan *p)
{
	struct quotas_change *c = CONTAINER_OF(change, struct quotas_change, change);
	for (int32_t i = 0; i < c->n; i++)
		if (c->sets[i].result == CHANGE_OK)
			c->sets[i].result = plan_quota(p, &c->sets[i], c->validate_only);
	return CHANGE_OK;
}

void
quotas_change_init(struct quotas_change *c)
{
	c->change.plan = quotas_plan;
	c->change.carry_out = NULL;
}

/* ---- the end of a tenant ---- */

/* The image moves with each deletion, so the next is looked up in the new one. */
static void
nodes_delete_all(struct plan *p, uint32_t tenant, enum acl_type type, const char *dir)
{
	struct str name = STR("");
	for (;;) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), tenant);
		if (acl_tenant_next_node(t, type, name, &name) == NULL)
			return;
		name = arena_str(plan_arena(p), name);
		struct str part = record_path_part(plan_arena(p), name);
		plan_delete(p, "/tenants/%u/%s/%.*s", tenant, dir, STR_ARG(part));
	}
}

/* Those of a user, by himself and with his client ids; user NULL: all of the tenant. */
void
quotas_delete_of(struct plan *p, uint32_t tenant, struct str user)
{
	struct quota_image *q = quota_image_ref(image_quotas(plan_image(p)));
	struct quota_entity e;
	struct quota_values v;
	struct str pos = STR("");
	while (quota_image_next(q, &pos, &e, &v)) {
		if (e.tenant != tenant || (user.p != NULL && !(e.has_user && str_eq(e.user, user))))
			continue;
		struct str part = address_of_quota(plan_arena(p), &e);
		plan_delete(p, "/tenants/%u/quotas/%.*s", tenant, STR_ARG(part));
	}
	quota_image_unref(&q);
}

void
tree_delete_all(struct plan *p, uint32_t tenant)
{
	static const char *const dirs[] = { "tenant", "topics", "groups", "txns" };
	rules_delete_found(p, tenant, NULL, false);
	quotas_delete_of(p, tenant, STR_NULL);
	nodes_delete_all(p, tenant, ACL_GROUP, "groups");
	nodes_delete_all(p, tenant, ACL_TXN, "txns");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		plan_delete(p, "/tenants/%u/dirs/%s", tenant, dirs[i]);
}

/* ---- options of the broker ---- */

static enum change_result
options_plan(struct change *change, struct plan *p)
{
	struct options_change *c = CONTAINER_OF(change, struct options_change, change);
	for (int32_t i = 0; i < c->n; i++) {
		const struct option_set *o = &c->options[i];
		struct str part = record_path_part(plan_arena(p), o->name);
		struct buf b;
		if (o->value.p == NULL) {
			plan_delete(p, "/broker/%.*s", STR_ARG(part));
			continue;
		}
		buf_init(&b, META_NODE_MAX);
		record_begin(&b);
		record_add(&b, "value", o->value);
		plan_put(p, &b, "/broker/%.*s", STR_ARG(part));
	}
	return CHANGE_OK;
}

void
options_change_init(struct options_change *c)
{
	c->change.plan = options_plan;
	c->change.carry_out = NULL;
}

/* ---- producer ids ---- */

static enum change_result
block_plan(struct change *change, struct plan *p)
{
	struct producer_block *c = CONTAINER_OF(change, struct producer_block, change);
	const struct image *im = plan_image(p);
	c->ret_first = image_next_producer_id(im);
	c->ret_count = PRODUCER_BLOCK;
	if (c->ret_first > INT64_MAX - PRODUCER_BLOCK)
		return CHANGE_POLICY;
	plan_counters(p, image_next_tenant_number(im), c->ret_first + PRODUCER_BLOCK);
	return CHANGE_OK;
}

void
producer_block_init(struct producer_block *c)
{
	c->change.plan = block_plan;
	c->change.carry_out = NULL;
}
