/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image says which topics there are, the log how large they are, the coordinator which groups. Groups with
 * a node are counted by it, the others where they are.
 */
#include "api/usage.h"

#include "acl/image.h"
#include "base/map.h"
#include "base/mem.h"

static void
count_partitions(const struct broker_core *core, const struct image_topic *t, struct usage *u)
{
	for (int32_t i = 0; i < t->partitions; i++) {
		struct partition *p = store_find(core->store, &t->id, i);
		if (p == NULL)
			continue;
		u->stored_bytes += partition_size(p);
		u->producers += partition_producers(p);
		partition_put(&p);
	}
}

static bool
is_owner(const struct acl_node *node, struct str owner)
{
	return owner.p == NULL || (node != NULL && str_eq(node->owner, owner));
}

struct counting {
	const struct acl_tenant *tenant;
	struct str owner;
	uint64_t n;
	struct map *by_owner;		/* of uint64_t; NULL: not wanted */
};

static void
count_for(struct counting *c, struct str owner, uint64_t more)
{
	struct name key = NAME(acl_tenant_number(c->tenant), owner);
	c->n += more;
	if (c->by_owner == NULL || owner.n == 0 || more == 0)
		return;
	uint64_t *n = map_get(c->by_owner, key);
	if (n == NULL) {
		struct { uint64_t n; char text[]; } *one = mem_zalloc(sizeof(*one) + owner.n);
		memcpy(one->text, owner.p, owner.n);
		n = &one->n;
		map_put(c->by_owner, NAME(key.tenant, ((struct str){ one->text, owner.n })), n);
	}
	*n += more;
}

static void
count_used(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct counting *c = arg;
	struct str name = owner == NULL ? STR("") : owner->owner;
	if (acl_tenant_node(c->tenant, ACL_GROUP, group->name.s) == NULL &&
	    (c->owner.p == NULL || str_eq(name, c->owner)))
		count_for(c, name, 1);
}

static void
count_nodes(struct counting *c)
{
	struct str name = STR("");
	const struct acl_node *node;
	while ((node = acl_tenant_next_node(c->tenant, ACL_GROUP, name, &name)) != NULL)
		if (is_owner(node, c->owner))
			count_for(c, node->owner, 1);
}

static void
count_groups(const struct broker_core *core, struct counting *c)
{
	count_nodes(c);
	if (core->coord != NULL)
		(void)coord_list(core->coord, acl_tenant_number(c->tenant), count_used, c);
}

void
usage_count(const struct broker_core *core, const struct image *image, struct name of, struct usage *ret)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(image), of.tenant);
	struct counting c = { .tenant = t, .owner = of.s };
	*ret = (struct usage){ .topics = 0 };
	if (t == NULL)
		return;
	const struct image_topic *topic = image_next_topic(image, of.tenant, STR_NULL);
	for (; topic != NULL; topic = image_next_topic(image, of.tenant, topic->name.s)) {
		if (!is_owner(acl_tenant_node(t, ACL_TOPIC, topic->name.s), of.s))
			continue;
		ret->topics++;
		ret->partitions += (uint64_t)topic->partitions;
		count_partitions(core, topic, ret);
	}
	count_groups(core, &c);
	ret->groups = c.n;
}

/* ---- against limits ---- */

/* What was counted, of the tenant and of its users. */
static void
report(const struct broker_core *core, struct counting *c, enum quota_key key)
{
	size_t pos = 0;
	struct name owner;
	quota_report(core->quota, NAME(acl_tenant_number(c->tenant), STR_NULL), key, (double)c->n);
	for (uint64_t *n; (n = map_next(c->by_owner, &pos, &owner)) != NULL;) {
		quota_report(core->quota, owner, key, (double)*n);
		map_del(c->by_owner, owner);
		mem_free(n);
	}
	map_destroy(&c->by_owner);
}

/* What the partitions of the tenant's topics have, in one walk. */
static void
report_topics(const struct broker_core *core, const struct image *image, const struct acl_tenant *tenant)
{
	uint32_t number = acl_tenant_number(tenant);
	struct counting producers = { .tenant = tenant, .by_owner = map_create() };
	struct usage all = { .topics = 0 };
	const struct image_topic *t = image_next_topic(image, number, STR_NULL);
	for (; t != NULL; t = image_next_topic(image, number, t->name.s)) {
		const struct acl_node *node = acl_tenant_node(tenant, ACL_TOPIC, t->name.s);
		uint64_t before = all.producers;
		count_partitions(core, t, &all);
		count_for(&producers, node == NULL ? STR("") : node->owner, all.producers - before);
	}
	quota_report(core->quota, NAME(number, STR_NULL), QUOTA_STORED, (double)all.stored_bytes);
	report(core, &producers, QUOTA_PRODUCERS);
}

static struct name
key_of(uint32_t tenant)
{
	return NAME(tenant, STR(""));
}

/* The groups of these tenants, in one walk over those of all: arg is a map of struct counting. */
static void
count_meant(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct counting *c = map_get(arg, key_of(group->name.tenant));
	if (c != NULL)
		count_used(group, owner, c);
}

static void
add_tenant(struct map *tenants, const struct acl_tenant *t)
{
	struct counting *c = MEM_NEW(struct counting);
	*c = (struct counting){ .tenant = t, .owner = STR_NULL, .by_owner = map_create() };
	count_nodes(c);
	map_put(tenants, key_of(acl_tenant_number(t)), c);
}

static void
report_all_groups(const struct broker_core *core, struct map *tenants)
{
	size_t pos = 0;
	struct name key;
	if (core->coord != NULL && map_count(tenants) > 0)
		(void)coord_list(core->coord, COORD_ALL_TENANTS, count_meant, tenants);
	for (struct counting *c; (c = map_next(tenants, &pos, &key)) != NULL;) {
		report(core, c, QUOTA_GROUPS);
		map_del(tenants, key);
		mem_free(c);
	}
}

/* A tenant's entries lie together in the image of quotas. */
void
usage_recount(const struct broker_core *core, const struct image *image)
{
	struct quota_entity e;
	struct quota_values v;
	struct str pos = STR("");
	uint32_t counted = UINT32_MAX;	/* the tenant whose topics were counted last */
	struct map *tenants = map_create();
	quota_recount(core->quota);
	while (quota_image_next(image_quotas(image), &pos, &e, &v)) {
		const struct acl_tenant *t = acl_image_tenant(image_acl(image), e.tenant);
		if (t == NULL)
			continue;
		if ((v.v[QUOTA_STORED] > 0 || v.v[QUOTA_PRODUCERS] > 0) && e.tenant != counted) {
			report_topics(core, image, t);
			counted = e.tenant;
		}
		if (v.v[QUOTA_GROUPS] > 0 && map_get(tenants, key_of(e.tenant)) == NULL)
			add_tenant(tenants, t);
	}
	report_all_groups(core, tenants);
	map_destroy(&tenants);
}
