/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegation tokens. One is a node below its tenant, with the keys of its login but not the HMAC that they were
 * made of. It ends with whatever ends what it was made by: a user who is deleted or given other keys (plan.h),
 * a tenant that is deleted; whom a lock keeps out his tokens do not let in, and nothing is written for that.
 */
#include "meta/tokens.h"

#include "acl/change.h"
#include "base/mem.h"
#include "meta/plan.h"
#include "meta/record.h"
#include "meta/scram_record.h"

/* ---- who may ---- */

static bool
renews(const struct image_token *t, struct name user)
{
	if (user.tenant != t->id.tenant)
		return false;
	for (uint32_t i = 0; i < t->renewers_n; i++)
		if (str_eq(t->renewers[i], user.s))
			return true;
	return str_eq(t->owner, user.s);
}

bool
token_concerns(const struct image_token *t, struct name user)
{
	return renews(t, user) || (user.tenant == t->id.tenant && user.s.n > 0 && str_eq(t->requester, user.s));
}

static bool
counts(const struct acl_who *who)
{
	return !who->gone && !who->anonymous;
}

bool
token_may_end(const struct image *im, const struct acl_who *who, const struct image_token *t)
{
	return counts(who) && (renews(t, who->user) ||
	    acl_may_user(image_acl(im), who, NAME(t->id.tenant, t->owner), false, NULL));
}

bool
token_may_see(const struct image *im, const struct acl_who *who, bool administers, const struct image_token *t)
{
	return counts(who) && (token_concerns(t, who->user) ||
	    (administers && acl_admin_may_user(image_acl(im), who, NAME(t->id.tenant, t->owner))));
}

/* ---- nodes ---- */

static void
put_token(struct plan *p, const struct image_token *t)
{
	struct buf b;
	buf_init(&b, META_NODE_MAX);
	record_begin(&b);
	record_add(&b, "owner", t->owner);
	if (t->requester.n > 0)
		record_add(&b, "requester", t->requester);
	for (uint32_t i = 0; i < t->renewers_n; i++)
		record_add(&b, "renewer", t->renewers[i]);
	record_add_int(&b, "issued", t->issued_ms);
	record_add_int(&b, "expires", t->expires_ms);
	record_add_int(&b, "max", t->max_ms);
	record_add_scram(plan_arena(p), &b, t->scram);
	plan_put(p, &b, "/tenants/%u/tokens/%.*s", t->id.tenant, STR_ARG(t->id.s));
}

static void
delete_token(struct plan *p, const struct image_token *t)
{
	struct str id = arena_str(plan_arena(p), t->id.s);
	plan_delete(p, "/tenants/%u/tokens/%.*s", t->id.tenant, STR_ARG(id));
}

void
tokens_delete_of(struct plan *p, struct name owner)
{
	const struct image_token *t = NULL;
	struct image *held = image_ref(plan_image(p)); /* what is deleted moves the plan's on */
	while ((t = image_next_token_of(held, owner, t)) != NULL)
		delete_token(p, t);
	image_unref(&held);
}

/* The next of his name is not to renew what was entrusted to him. */
static void
forget_renewer(struct plan *p, const struct image_token *t, struct str user)
{
	struct image_token next = *t;
	struct str *left = arena_zalloc(plan_arena(p), (t->renewers_n + 1) * sizeof(*left));
	next.renewers = left;
	next.renewers_n = 0;
	for (uint32_t i = 0; i < t->renewers_n; i++)
		if (!str_eq(t->renewers[i], user))
			left[next.renewers_n++] = t->renewers[i];
	if (str_eq(t->requester, user))
		next.requester = STR("");
	put_token(p, &next);
	mem_cleanse(&next, sizeof(next));
}

void
tokens_forget_user(struct plan *p, struct name user)
{
	const struct image_token *t = NULL;
	struct image *held = image_ref(plan_image(p));
	tokens_delete_of(p, user);
	while ((t = image_next_token(held, user.tenant, t)) != NULL)
		if (token_concerns(t, user) && !str_eq(t->owner, user.s))
			forget_renewer(p, t, user.s);
	image_unref(&held);
}

void
tokens_delete_all(struct plan *p, uint32_t tenant)
{
	const struct image_token *t = NULL;
	struct image *held = image_ref(plan_image(p));
	while ((t = image_next_token(held, tenant, t)) != NULL)
		delete_token(p, t);
	image_unref(&held);
	if (image_token_secret(plan_image(p), tenant) != NULL)
		plan_delete(p, "/tenants/%u/secrets/tokens", tenant);
}

/* ---- changes ---- */

static enum change_result
plan_secret(const struct token_secret_change *c, struct plan *p)
{
	struct buf b;
	if (acl_image_tenant(image_acl(plan_image(p)), c->tenant) == NULL)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (image_token_secret(plan_image(p), c->tenant) != NULL)
		return CHANGE_OK; /* somebody was faster */
	buf_init(&b, META_NODE_MAX);
	record_begin(&b);
	record_add(&b, "bytes", record_hex(plan_arena(p), c->bytes, sizeof(c->bytes)));
	plan_put(p, &b, "/tenants/%u/secrets/tokens", c->tenant);
	return CHANGE_OK;
}

static enum change_result
secret_plan(struct change *change, struct plan *p)
{
	struct token_secret_change *c = CONTAINER_OF(change, struct token_secret_change, change);
	enum change_result r = plan_secret(c, p);
	mem_cleanse(c->bytes, sizeof(c->bytes));
	return r;
}

void
token_secret_init(struct token_secret_change *c)
{
	c->change.plan = secret_plan;
	c->change.carry_out = NULL;
}

/* Whether who asked is still there; and, where the owner is somebody else, may still ask. */
static bool
still_may_create(const struct image *im, const struct token_create *c)
{
	const struct acl_image *acl = image_acl(im);
	struct name owner = NAME(c->id.tenant, c->owner);
	struct acl_who who;
	acl_who_of(acl, &c->by, c->now_ms, &who);
	if (who.gone)
		return false;
	return name_eq(who.user, owner) || acl_may_user(acl, &who, owner, false, NULL);
}

/* How many tokens of the owner's have not expired. */
static int32_t
held_by(const struct image *im, struct name owner, int64_t now_ms)
{
	const struct image_token *t = NULL;
	int32_t n = 0;
	while ((t = image_next_token_of(im, owner, t)) != NULL)
		if (t->expires_ms > now_ms)
			n++;
	return n;
}

static void
delete_expired_of(struct plan *p, struct name owner, int64_t now_ms)
{
	struct image *held = image_ref(plan_image(p));
	const struct image_token *t = NULL;
	while ((t = image_next_token_of(held, owner, t)) != NULL)
		if (t->expires_ms <= now_ms)
			delete_token(p, t);
	image_unref(&held);
}

enum change_result
token_create_ask(const struct image *im, const struct token_create *c)
{
	struct name owner = NAME(c->id.tenant, c->owner);
	const struct acl_tenant *t = acl_image_tenant(image_acl(im), owner.tenant);
	if (t == NULL || acl_tenant_user(t, owner.s) == NULL)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (!still_may_create(im, c))
		return CHANGE_SECURITY;
	return held_by(im, owner, c->now_ms) >= c->most ? CHANGE_POLICY : CHANGE_OK;
}

static enum change_result
plan_create(struct token_create *c, struct plan *p)
{
	struct name owner = NAME(c->id.tenant, c->owner);
	enum change_result r = token_create_ask(plan_image(p), c);
	if (r != CHANGE_OK)
		return r;
	delete_expired_of(p, owner, c->now_ms);
	bool own = name_eq(c->by.user, owner);
	struct image_token next = { .id = c->id, .owner = c->owner, .issued_ms = c->now_ms,
		.requester = own || c->by.user.tenant != owner.tenant ? STR("") : c->by.user.s,
		.renewers = c->renewers.v, .renewers_n = (uint32_t)c->renewers.n,
		.expires_ms = c->expires_ms, .max_ms = c->max_ms };
	memcpy(next.scram, c->keys, sizeof(next.scram));
	put_token(p, &next);
	mem_cleanse(&next, sizeof(next));
	return CHANGE_OK;
}

static enum change_result
create_plan(struct change *change, struct plan *p)
{
	struct token_create *c = CONTAINER_OF(change, struct token_create, change);
	enum change_result r = plan_create(c, p);
	mem_cleanse(c->keys, sizeof(c->keys));
	return r;
}

void
token_create_init(struct token_create *c)
{
	c->change.plan = create_plan;
	c->change.carry_out = NULL;
}

static enum change_result
alter_plan(struct change *change, struct plan *p)
{
	struct token_alter *c = CONTAINER_OF(change, struct token_alter, change);
	const struct image_token *t = image_token(plan_image(p), c->id);
	struct acl_who who;
	acl_who_of(image_acl(plan_image(p)), &c->by, c->now_ms, &who);
	if (t == NULL || t->expires_ms <= c->now_ms)
		return CHANGE_RESOURCE_NOT_FOUND;
	if (!token_may_end(plan_image(p), &who, t))
		return CHANGE_SECURITY;
	if (c->expires_ms < 0) {
		delete_token(p, t);
		c->ret_expires_ms = c->now_ms;
		return CHANGE_OK;
	}
	struct image *held = image_ref(plan_image(p));
	struct image_token next = *t;
	next.expires_ms = c->expires_ms < t->max_ms ? c->expires_ms : t->max_ms;
	c->ret_expires_ms = next.expires_ms;
	put_token(p, &next);
	mem_cleanse(&next, sizeof(next));
	image_unref(&held);
	return CHANGE_OK;
}

void
token_alter_init(struct token_alter *c)
{
	c->change.plan = alter_plan;
	c->change.carry_out = NULL;
}

static enum change_result
sweep_plan(struct change *change, struct plan *p)
{
	struct tokens_sweep *c = CONTAINER_OF(change, struct tokens_sweep, change);
	struct image *held = image_ref(plan_image(p));
	const struct image_tenant *it = NULL;
	while ((it = image_next_tenant(held, it)) != NULL) {
		const struct image_token *t = NULL;
		while ((t = image_next_token(held, it->number, t)) != NULL) {
			if (t->expires_ms > c->now_ms)
				continue;
			delete_token(p, t);
			c->ret_gone++;
		}
	}
	image_unref(&held);
	return CHANGE_OK;
}

void
tokens_sweep_init(struct tokens_sweep *c)
{
	c->change.plan = sweep_plan;
	c->change.carry_out = NULL;
}
