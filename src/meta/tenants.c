/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants that are there: suspended, resumed, renamed, deleted in two steps. All but the last write the
 * tenant's one node. The word that confirms a deletion is the tenant's name and the generation that the
 * mark gave it: it fits no other tenant, and not this one marked another time.
 */
#include "meta/tenants.h"

#include "meta/plan.h"
#include "meta/record.h"
#include "tenant/tenant.h"

static void
put_tenant(struct plan *p, const struct image_tenant *t)
{
	struct buf b;
	buf_init(&b, 4096);
	record_begin(&b);
	record_add(&b, "name", t->name);
	record_add(&b, "owner", t->owner);
	record_add(&b, "cluster.id", str_from(t->cluster_id));
	if (t->state != TENANT_OPEN)
		record_add(&b, "state", str_from(tenant_state_name(t->state)));
	if (t->generation != 0)
		record_add_int(&b, "generation", (int64_t)t->generation);
	plan_put(p, &b, "/tenants/%u", t->number);
}

void
tenant_put_new(struct plan *p, uint32_t number, struct str name, struct str owner)
{
	struct image_tenant t = { .number = number, .name = name, .owner = owner };
	struct uuid id = uuid_make();
	uuid_format(&id, t.cluster_id);
	put_tenant(p, &t);
}

/* ---- suspend, resume, rename, mark ---- */

static enum change_result
suspend(struct tenant_alter *c, struct image_tenant *t)
{
	if (t->state == TENANT_ENDING) {
		why_set(&c->change.why, 0, "tenant '%.*s' is marked for deletion, and lets nobody in", STR_ARG(c->name));
		return CHANGE_POLICY;
	}
	t->state = TENANT_SUSPENDED;
	return CHANGE_OK;
}

static enum change_result
rename_to(struct tenant_alter *c, struct plan *p, struct image_tenant *t)
{
	if (tenant_name_check(c->new_name, &c->change.why) != 0)
		return CHANGE_BAD_REQUEST;
	if (acl_image_tenant_named(image_acl(plan_image(p)), c->new_name) != NULL) {
		why_set(&c->change.why, 0, "tenant '%.*s' exists already", STR_ARG(c->new_name));
		return CHANGE_DUPLICATE;
	}
	t->name = c->new_name;
	return CHANGE_OK;
}

static enum change_result
mark(struct tenant_alter *c, struct plan *p, struct image_tenant *t)
{
	if (!c->purge && image_next_topic(plan_image(p), t->number, STR_NULL) != NULL) {
		why_set(&c->change.why, 0, "tenant '%.*s' still has topics: delete them first, or say --purge",
		    STR_ARG(c->name));
		return CHANGE_POLICY;
	}
	t->state = TENANT_ENDING;
	return CHANGE_OK;
}

/* It says what it agrees to: between mark and end somebody may have made a topic. */
static struct str
word_of(struct arena *arena, struct str name, uint64_t generation, bool purge)
{
	return arena_printf(arena, "%.*s-%llu%s", STR_ARG(name), (unsigned long long)generation, purge ? "-purge" : "");
}

static const char *
never_of_main(enum tenant_change_kind kind)
{
	switch (kind) {
	case TENANT_SUSPEND:	return "main cannot be suspended: operators are its users, and nobody could resume it";
	case TENANT_RESUME:	return "main is never suspended";
	case TENANT_RENAME:	return "main cannot be renamed";
	case TENANT_MARK:
		break;
	}
	return "main cannot be deleted";
}

/* Borrowed from the image in hand; NULL: there is none. */
static const struct image_tenant *
tenant_named(struct plan *p, struct str name)
{
	const struct acl_tenant *t = acl_image_tenant_named(image_acl(plan_image(p)), name);
	return t == NULL ? NULL : image_tenant(plan_image(p), acl_tenant_number(t));
}

static enum change_result
tenant_alter_plan(struct change *change, struct plan *p)
{
	struct tenant_alter *c = CONTAINER_OF(change, struct tenant_alter, change);
	const struct image_tenant *now = tenant_named(p, c->name);
	enum change_result r = CHANGE_OK;
	if (now == NULL)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (now->number == TENANT_MAIN) {
		why_set(&change->why, 0, "%s", never_of_main(c->kind));
		return CHANGE_BAD_REQUEST;
	}
	struct image_tenant next = *now;
	switch (c->kind) {
	case TENANT_SUSPEND:	r = suspend(c, &next); break;
	case TENANT_RESUME:	next.state = TENANT_OPEN; break;
	case TENANT_RENAME:	r = rename_to(c, p, &next); break;
	case TENANT_MARK:	r = mark(c, p, &next); break;
	}
	if (r != CHANGE_OK)
		return r;
	/* Once more is nothing new: nobody's word is taken away. */
	if (next.state != now->state || c->kind == TENANT_RENAME) {
		next.generation = image_next_generation(plan_image(p));
		put_tenant(p, &next);
	}
	c->ret_confirm = c->kind == TENANT_MARK ? word_of(change->arena, c->name, next.generation, c->purge) : STR_NULL;
	return CHANGE_OK;
}

void
tenant_alter_init(struct tenant_alter *c)
{
	c->change.plan = tenant_alter_plan;
	c->change.carry_out = NULL;
}

/* ---- delete ---- */

/* The image moves with each deletion: the first that is left is always the next. */
static void
end_topics(struct tenant_delete *c, struct plan *p, uint32_t number)
{
	const struct image_topic *t;
	while ((t = image_next_topic(plan_image(p), number, STR_NULL)) != NULL)
		topic_plan_end(p, c->change.arena, t, ARRAY_ADD(c->change.arena, c->topics));
}

static void
tenant_delete_carry_out(struct change *change, struct plan *p)
{
	struct tenant_delete *c = CONTAINER_OF(change, struct tenant_delete, change);
	const struct controller_config *config = plan_config(p);
	ARRAY_FOREACH(const struct topic_gone, g, c->topics)
		topic_files_end(p, g); /* its groups go as a whole */
	if (config->tenant_gone != NULL)
		config->tenant_gone(config->arg, c->ret_number);
	(void)store_checkpoint(config->store); /* the one that is there names its topics; another comes anyway */
}

static void
end_users_and_teams(struct plan *p, uint32_t number)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(plan_image(p)), number);
	struct str user = STR(""), team = STR("");
	for (const struct acl_user *u; (u = acl_tenant_next_user(t, user)) != NULL;) {
		user = arena_str(plan_arena(p), u->name);
		struct str part = record_path_part(plan_arena(p), user);
		plan_delete(p, "/tenants/%u/users/%.*s", number, STR_ARG(part));
		t = acl_image_tenant(image_acl(plan_image(p)), number);
	}
	while ((team = acl_tenant_next_team(t, team)).p != NULL) {
		team = arena_str(plan_arena(p), team);
		plan_delete(p, "/tenants/%u/teams/%.*s", number, STR_ARG(team));
		t = acl_image_tenant(image_acl(plan_image(p)), number);
	}
}

/* Users first, the tenant itself last: should a large one end half deleted, nobody can work in
 * it any more, and deleting it again does the rest. */
static enum change_result
tenant_delete_plan(struct change *change, struct plan *p)
{
	struct tenant_delete *c = CONTAINER_OF(change, struct tenant_delete, change);
	const struct image_tenant *t = tenant_named(p, c->name);
	if (t == NULL)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (t->state != TENANT_ENDING) {
		why_set(&change->why, 0, "tenant '%.*s' is not marked for deletion", STR_ARG(c->name));
		return CHANGE_BAD_REQUEST;
	}
	bool purge = str_eq(c->confirm, word_of(plan_arena(p), t->name, t->generation, true));
	if (!purge && !str_eq(c->confirm, word_of(plan_arena(p), t->name, t->generation, false))) {
		why_set(&change->why, 0, "that is not the word for deleting tenant '%.*s'", STR_ARG(c->name));
		return CHANGE_BAD_REQUEST;
	}
	if (!purge && image_next_topic(plan_image(p), t->number, STR_NULL) != NULL) {
		why_set(&change->why, 0, "tenant '%.*s' has got topics since it was marked: mark it again, with --purge", STR_ARG(c->name));
		return CHANGE_POLICY;
	}
	uint32_t number = c->ret_number = t->number;
	tokens_delete_all(p, number);
	end_users_and_teams(p, number);
	end_topics(c, p, number);
	tree_delete_all(p, number);
	plan_delete(p, "/tenants/%u", number);
	return CHANGE_OK;
}

void
tenant_delete_init(struct tenant_delete *c)
{
	c->change.plan = tenant_delete_plan;
	c->change.carry_out = tenant_delete_carry_out;
}
