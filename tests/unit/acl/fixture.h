/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small castle. main: admin is an operator, boss owns the tenant, anna owns
 * the topic orders (team billing, mode 0640), bert is in billing, carl in
 * nothing. acme (number 3): otto owns it, an anna lives there too.
 */
#include "../test.h"

#include <stdio.h>

#include "acl/change.h"
#include "acl/image.h"
#include "base/mem.h"

struct castle {
	struct acl_image *image;
};

static inline struct str
s(const char *text)
{
	return str_from(text);
}

/* Changes the tenant by a function that gives a new version. */
#define CHANGE(castle, number, call) do { \
	const struct acl_tenant *t = acl_image_tenant((castle)->image, (number)); \
	struct acl_tenant *changed_ = (call); \
	struct acl_image *next_ = acl_image_set_tenant((castle)->image, changed_); \
	acl_image_unref(&(castle)->image); \
	(castle)->image = next_; \
} while (0)

static inline void
add_user(struct castle *c, uint32_t tenant, const char *name, const char *team, bool operator_)
{
	struct str teams[1] = { str_from(team) };
	struct acl_user u = {
		.name = str_from(name), .generation = 1, .is_operator = operator_,
		.team = str_from(team), .teams = teams, .n_teams = *team != '\0',
	};
	CHANGE(c, tenant, acl_tenant_set_user(t, &u));
}

static inline void
set_node(struct castle *c, uint32_t tenant, enum acl_type type, const char *name,
    const char *owner, const char *team, unsigned mode)
{
	struct acl_node node = {
		.owner = str_from(owner), .team = str_from(team), .mode = (uint16_t)mode,
		.create_mode = 0740,
	};
	CHANGE(c, tenant, acl_tenant_set_node(t, type, str_from(name), &node));
}

/* An add or a removal of a rule that must be well-formed. */
static inline struct acl_rule *
make_rule(int type, int pattern, const char *name, const char *principal, const char *host,
    int op, int permission, bool by_owner)
{
	struct why why = { "" };
	struct acl_rule *r = NULL;
	struct acl_binding b = {
		.type = (int8_t)type, .pattern = (int8_t)pattern, .op = (int8_t)op,
		.permission = (int8_t)permission, .name = str_from(name),
		.principal = str_from(principal), .host = str_from(host),
	};
	if (acl_rule_create(&b, by_owner, &r, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

static inline void
add_rule_by(struct castle *c, uint32_t tenant, struct acl_rule *rule)
{
	struct acl_tenant *next = NULL;
	assert_ok(acl_tenant_add_rule(acl_image_tenant(c->image, tenant), rule, &next));
	acl_rule_unref(&rule);
	CHANGE(c, tenant, ((void)t, next));
}

static inline void
rule(struct castle *c, int permission, const char *principal, int op, int type, int pattern,
    const char *name)
{
	add_rule_by(c, 0, make_rule(type, pattern, name, principal, "*", op, permission, false));
}

static inline struct acl_who
user(const struct castle *c, uint32_t tenant, const char *name)
{
	struct principal p = {
		.user = NAME(tenant, str_from(name)), .mechanism = "", .user_generation = 1,
		.host = { .family = 4, .b = { 10, 0, 0, 7 } },
	};
	struct acl_who who;
	if (str_is(p.user.s, "ANONYMOUS")) {
		p.anonymous = true;
		p.user_generation = 0;
	}
	acl_who_of(c->image, &p, 1000, &who);
	return who;
}

static inline struct acl_object
obj(enum acl_type type, uint32_t tenant, const char *name)
{
	return (struct acl_object){ .type = type, .name = NAME(tenant, str_from(name)) };
}

/* May a user of main do that in main? */
static inline bool
may(const struct castle *c, const char *name, enum acl_op op, enum acl_type type,
    const char *object)
{
	struct acl_who who = user(c, 0, name);
	struct acl_object o = obj(type, 0, object);
	return acl_check(c->image, &who, op, &o, NULL);
}

static inline enum acl_step
step(const struct castle *c, const char *name, enum acl_op op, enum acl_type type,
    const char *object)
{
	struct acl_who who = user(c, 0, name);
	struct acl_object o = obj(type, 0, object);
	struct acl_answer a;
	acl_check(c->image, &who, op, &o, &a);
	return a.step;
}

static inline int
castle_up(void **state)
{
	struct castle *c = MEM_NEW(struct castle);
	c->image = acl_image_create();
	add_user(c, 0, "admin", "", true);
	add_user(c, 0, "boss", "admins", false);
	add_user(c, 0, "anna", "billing", false);
	add_user(c, 0, "bert", "billing", false);
	add_user(c, 0, "carl", "", false);
	set_node(c, 0, ACL_TENANT, "", "boss", "admins", 0770);
	set_node(c, 0, ACL_TOPICS, "", "boss", "admins", 0770);
	set_node(c, 0, ACL_GROUPS, "", "boss", "admins", 0772);
	set_node(c, 0, ACL_TXNS, "", "boss", "admins", 0772);
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0640);
	struct acl_image *next = acl_image_set_tenant(c->image,
	    acl_tenant_create(3, s("acme"), s("otto")));
	acl_image_unref(&c->image);
	c->image = next;
	add_user(c, 3, "otto", "admins", false);
	add_user(c, 3, "anna", "", false);
	set_node(c, 3, ACL_TOPIC, "orders", "otto", "", 0600);
	*state = c;
	return 0;
}

static inline int
castle_down(void **state)
{
	struct castle *c = *state;
	acl_image_unref(&c->image);
	mem_free(c);
	return 0;
}

#define CT(fn) cmocka_unit_test_setup_teardown(fn, castle_up, castle_down)
