/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of rules. A rule past its end decides nothing, whatever stands in the image: acl_check() holds it against
 * the clock. What is written here is for all else: that an allow rule has ended is marked, so that it stays ended if
 * the clock is set back, and with the image that this publishes all that waits is asked again, as where a rule was
 * deleted. A day later the rule goes. A deny rule is not marked: with the clock set back it denies again.
 */
#include "meta/plan.h"
#include "meta/tree.h"

#define RULES_AT_ONCE 1000

struct due {
	struct arena *arena;
	ARRAY(const struct acl_rule *) rules;	/* of the image that is held */
};

static int
is_due(const struct acl_rule *rule, void *arg)
{
	(void)rule;
	(void)arg;
	return 1;
}

bool
rules_are_due(const struct image *image, int64_t now_ms)
{
	const struct image_tenant *it = NULL;
	while ((it = image_next_tenant(image, it)) != NULL) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(image), it->number);
		if (t != NULL && acl_tenant_rules_due(t, now_ms, is_due, NULL) != 0)
			return true;
	}
	return false;
}

static int
collect(const struct acl_rule *rule, void *arg)
{
	struct due *d = arg;
	*ARRAY_ADD(d->arena, d->rules) = rule;
	return d->rules.n >= RULES_AT_ONCE;
}

static void
end_one(struct plan *p, struct rules_end *c, uint32_t tenant, const struct acl_rule *rule)
{
	if (rule->b.permission == ACL_ALLOW && !rule->ended) {
		rules_put_one(p, tenant, &rule->b, rule->by_owner, true);
		c->ret_ended++;
	} else {
		rules_delete_one(p, tenant, &rule->b);
		c->ret_gone++;
	}
}

static enum change_result
end_plan(struct change *change, struct plan *p)
{
	struct rules_end *c = CONTAINER_OF(change, struct rules_end, change);
	struct image *held = image_ref(plan_image(p)); /* the plan's moves with each that is written */
	const struct image_tenant *it = NULL;
	while ((it = image_next_tenant(held, it)) != NULL && c->ret_ended + c->ret_gone < RULES_AT_ONCE) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(held), it->number);
		struct due d = { .arena = plan_arena(p), .rules = { NULL, 0 } };
		if (t != NULL)
			(void)acl_tenant_rules_due(t, c->now_ms, collect, &d);
		for (int32_t i = 0; i < d.rules.n; i++)
			end_one(p, c, it->number, d.rules.v[i]);
	}
	image_unref(&held);
	return CHANGE_OK;
}

void
rules_end_init(struct rules_end *c)
{
	c->change.plan = end_plan;
	c->change.carry_out = NULL;
}
