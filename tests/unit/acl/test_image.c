/* SPDX-License-Identifier: Apache-2.0 */
/* Images: versions that share, and an index that stays quick when large. */
#include "fixture.h"

#include "base/buf.h"

#include <stdlib.h>

static void
a_change_leaves_the_old_version(void **state)
{
	struct castle *c = *state;
	struct acl_image *old = acl_image_ref(c->image);
	struct acl_who anna;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	set_node(c, 0, ACL_TOPIC, "orders", "carl", "", 0600);
	rule(c, ACL_DENY, "User:*", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	CHANGE(c, 0, acl_tenant_del_user(t, s("anna")));
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	struct principal p = { .user = NAME(0, s("anna")), .user_generation = 1 };
	acl_who_of(old, &p, 0, &anna);
	assert_true(acl_check(old, &anna, ACL_READ, &o, NULL));
	assert_int_equal(acl_tenant_rule_count(acl_image_tenant(old, 0)), 0);
	acl_image_unref(&old);
	assert_null(old);
}

static void
tenants_are_found_by_number_and_name(void **state)
{
	struct castle *c = *state;
	const struct acl_tenant *tenant = acl_image_tenant_named(c->image, s("acme"));
	assert_int_equal(acl_tenant_number(tenant), 3);
	assert_ptr_equal(tenant, acl_image_tenant(c->image, 3));
	CHANGE(c, 3, acl_tenant_rename(t, s("apex")));
	assert_null(acl_image_tenant_named(c->image, s("acme")));
	tenant = acl_image_tenant_named(c->image, s("apex"));
	assert_int_equal(acl_tenant_number(tenant), 3);
	assert_non_null(acl_tenant_user(tenant, s("otto")));		/* what is inside stays */
	assert_str(acl_tenant_name(acl_image_next(c->image, s(""))), "apex");
	assert_str(acl_tenant_name(acl_image_next(c->image, s("apex"))), "main");
	assert_null(acl_image_next(c->image, s("main")));
	struct acl_image *next = acl_image_del_tenant(c->image, 3);
	assert_null(acl_image_tenant(next, 3));
	assert_null(acl_image_tenant_named(next, s("apex")));
	assert_non_null(acl_image_tenant(c->image, 3));
	acl_image_unref(&next);
}

static void
users_and_teams_are_walked_in_order(void **state)
{
	struct castle *c = *state;
	static const char *const want[] = { "admin", "anna", "bert", "boss", "carl" };
	const struct acl_tenant *tenant = acl_image_tenant(c->image, 0);
	struct str at = s("");
	for (size_t i = 0; i < 5; i++) {
		const struct acl_user *u = acl_tenant_next_user(tenant, at);
		assert_true(str_is(u->name, want[i]));
		at = u->name;
	}
	assert_null(acl_tenant_next_user(tenant, at));
	assert_true(acl_user_in(acl_tenant_user(tenant, s("bert")), s("billing")));
	assert_false(acl_user_in(acl_tenant_user(tenant, s("carl")), s("billing")));
	assert_false(acl_user_in(acl_tenant_user(tenant, s("carl")), s("")));
	CHANGE(c, 0, acl_tenant_set_team(t, s("billing")));
	tenant = acl_image_tenant(c->image, 0);
	assert_str(acl_tenant_next_team(tenant, s("")), "admins");
	assert_str(acl_tenant_next_team(tenant, s("admins")), "billing");
	assert_null(acl_tenant_next_team(tenant, s("billing")).p);
	CHANGE(c, 0, acl_tenant_del_team(t, s("billing")));
	assert_false(acl_tenant_has_team(acl_image_tenant(c->image, 0), s("billing")));
}

static void
a_users_strings_are_copied(void **state)
{
	struct castle *c = *state;
	char name[] = "dora", team[] = "ops", second[] = "dev";
	struct str teams[] = { str_from(team), str_from(second) };
	struct acl_user u = { .name = s(name), .generation = 7, .team = s(team), .teams = teams,
		.n_teams = 2, .mechanisms = 5, .expires_ms = 99 };
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	memset(name, 'x', 4);
	memset(team, 'x', 3);
	memset(second, 'x', 3);
	const struct acl_user *got = acl_tenant_user(acl_image_tenant(c->image, 0), s("dora"));
	assert_str(got->team, "ops");
	assert_str(got->teams[0], "ops");
	assert_str(got->teams[1], "dev");
	assert_int_equal(got->generation, 7);
	assert_int_equal(got->mechanisms, 5);
	assert_int_equal(got->expires_ms, 99);
}

/* Section 6 */

static size_t
count(const struct castle *c)
{
	return acl_tenant_rule_count(acl_image_tenant(c->image, 0));
}

static void
a_rule_set_by_the_right_of_ownership_dies_with_its_node(void **state)
{
	struct castle *c = *state;
	add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "orders", "User:carl", "*", ACL_READ,
	    ACL_ALLOW, true));
	add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "orders", "User:carl", "*", ACL_WRITE,
	    ACL_ALLOW, true));
	add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "orders", "User:dora", "*", ACL_READ,
	    ACL_ALLOW, true));
	add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "orders", "User:carl", "*", ACL_ALTER,
	    ACL_ALLOW, false));
	add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "other", "User:carl", "*", ACL_READ,
	    ACL_ALLOW, true));
	assert_int_equal(count(c), 5);
	CHANGE(c, 0, acl_tenant_del_node(t, ACL_TOPIC, s("orders")));
	assert_int_equal(count(c), 2);
	assert_null(acl_tenant_node(acl_image_tenant(c->image, 0), ACL_TOPIC, s("orders")));
	set_node(c, 0, ACL_TOPIC, "orders", "bert", "", 0600);	/* the next owner of the name */
	assert_false(may(c, "carl", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "carl", ACL_WRITE, ACL_TOPIC, "orders"));
	assert_true(may(c, "carl", ACL_ALTER, ACL_TOPIC, "orders"));	/* set by x on /T */
}

static void
an_equal_rule_stays_and_an_administrators_outlives(void **state)
{
	struct castle *c = *state;
	for (int i = 0; i < 3; i++) {
		add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, "orders", "User:carl", "*",
		    ACL_READ, ACL_ALLOW, i != 1));
		assert_int_equal(count(c), 1);
	}
	CHANGE(c, 0, acl_tenant_del_node(t, ACL_TOPIC, s("orders")));
	assert_int_equal(count(c), 1);
}

static void
rules_are_removed_one_by_one(void **state)
{
	struct castle *c = *state;
	static const char *const hosts[] = { "*", "10.0.0.1", "10.0.0.0/8" };
	for (int i = 0; i < 3; i++)
		add_rule_by(c, 0, make_rule(ACL_GROUP, ACL_PREFIXED, "g", "User:carl", hosts[i],
		    ACL_READ, ACL_ALLOW, false));
	for (int i = 0; i < 3; i++) {
		struct acl_rule *r = make_rule(ACL_GROUP, ACL_PREFIXED, "g", "User:carl", hosts[i],
		    ACL_READ, ACL_ALLOW, true);
		CHANGE(c, 0, acl_tenant_del_rule(t, r));
		assert_int_equal(count(c), 2 - i);
		CHANGE(c, 0, acl_tenant_del_rule(t, r));
		assert_int_equal(count(c), 2 - i);
		acl_rule_unref(&r);
	}
}

static void
rules_of_one_principal_on_one_name_are_bounded(void **state)
{
	struct castle *c = *state;
	struct acl_tenant *next = (struct acl_tenant *)0x1;
	for (int i = 0; i <= ACL_RULES_PER_TARGET; i++) {
		char host[32];
		snprintf(host, sizeof(host), "10.0.%d.%d", i / 256, i % 256);
		struct acl_rule *r = make_rule(ACL_TOPIC, ACL_LITERAL, "t", "User:a", host, ACL_READ,
		    ACL_ALLOW, false);
		if (i < ACL_RULES_PER_TARGET) {
			add_rule_by(c, 0, r);
			continue;
		}
		assert_int_equal(acl_tenant_add_rule(acl_image_tenant(c->image, 0), r, &next),
		    ERR_LIMIT);
		assert_ptr_equal(next, (struct acl_tenant *)0x1);
		acl_rule_unref(&r);
	}
}

static int
add_up(const struct acl_rule *r, void *arg)
{
	(void)r;
	return ++*(int *)arg == 7 ? 7 : 0;
}

static void
a_walk_over_rules_filters_and_stops(void **state)
{
	struct castle *c = *state;
	int n = 0;
	char name[16];
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "t%d", i % 5);
		rule(c, ACL_ALLOW, i % 2 ? "User:carl" : "User:bert", i < 10 ? ACL_READ : ACL_WRITE,
		    ACL_TOPIC, ACL_LITERAL, name);
	}
	struct acl_binding f = { .type = ACL_TYPE_ANY, .pattern = ACL_PATTERN_ANY, .op = ACL_READ,
		.permission = ACL_PERMISSION_ANY, .principal = s("User:carl") };
	assert_int_equal(acl_tenant_rules(acl_image_tenant(c->image, 0), &f, add_up, &n), 0);
	assert_int_equal(n, 5);
	n = 0;
	assert_int_equal(acl_tenant_rules(acl_image_tenant(c->image, 0), NULL, add_up, &n), 7);
	assert_int_equal(n, 7);
}

/* The index against a walk over all rules, on names that share beginnings. */

struct oracle {
	const struct acl_who *who;
	enum acl_op op;
	struct str name;
	bool deny, allow;
};

static int
oracle_match(const struct acl_rule *r, void *arg)
{
	struct oracle *o = arg;
	bool name = r->b.pattern == ACL_PREFIXED ? str_starts(o->name, r->b.name) :
	    str_eq(o->name, r->b.name) || str_is(r->b.name, "*");
	bool principal = str_is(r->b.principal, "User:*") ||
	    (str_starts(r->b.principal, STR("User:")) &&
	    str_is(o->who->user.s, r->b.principal.p + 5)) ||
	    (str_starts(r->b.principal, STR("Team:")) &&
	    acl_user_in(o->who->record, s(r->b.principal.p + 5)));
	bool *found = r->b.permission == ACL_DENY ? &o->deny : &o->allow;
	if (r->b.type == ACL_TOPIC && name && principal && acl_rule_applies(r, &o->who->host, o->op))
		*found = true;
	return 0;
}

static void
random_name(char *out, int max, const char *alphabet)
{
	int n = 1 + rand() % max;
	for (int i = 0; i < n; i++)
		out[i] = alphabet[rand() % (int)strlen(alphabet)];
	out[n] = '\0';
}

static void
the_index_finds_what_a_walk_finds(void **state)
{
	struct castle *c = *state;
	static const char *const principals[] = { "User:anna", "User:*", "Team:billing", "User:x" };
	static const char *const users[] = { "anna", "bert", "carl" };
	char name[16];
	int denied = 0, allowed = 0;
	srand(7);
	for (int i = 0; i < 120; i++) {
		random_name(name, 6, "ab\x01");
		rule(c, rand() % 2 ? ACL_ALLOW : ACL_DENY, principals[rand() % 4],
		    rand() % 2 ? ACL_READ : ACL_DESCRIBE, ACL_TOPIC,
		    rand() % 3 && i != 60 ? ACL_PREFIXED : ACL_LITERAL, i == 60 ? "*" : name);
	}
	for (int i = 0; i < 3000; i++) {
		struct acl_who who = user(c, 0, users[rand() % 3]);
		random_name(name, 8, "ab\x01");
		struct oracle o = { .who = &who, .op = rand() % 2 ? ACL_READ : ACL_DESCRIBE, .name = s(name) };
		const struct acl_tenant *t = acl_image_tenant(c->image, 0);
		acl_tenant_rules(t, NULL, oracle_match, &o);
		struct acl_found r = acl_tenant_find_rules(t, &who, o.op, ACL_TOPIC, o.name, NULL);
		assert_int_equal(r.deny != NULL, o.deny);
		assert_true(r.deny == NULL || r.deny->b.permission == ACL_DENY);
		assert_true(r.allow == NULL || r.allow->b.permission == ACL_ALLOW);
		if (!o.deny)
			assert_int_equal(r.allow != NULL, o.allow);
		denied += o.deny;
		allowed += !o.deny && o.allow;
	}
	assert_true(denied > 100 && allowed > 100);
}

/* 100,000 rules, 10,000 users: a check costs a few dozen lookups. */
static void
a_check_does_not_grow_with_the_number_of_rules(void **state)
{
	struct castle *c = *state;
	char name[64], principal[64];
	struct acl_tenant *big = acl_tenant_ref(acl_image_tenant(c->image, 0)), *next;
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "team%d.topic%d", i % 1000, i / 100);
		snprintf(principal, sizeof(principal), "User:user%d", i % 10000);
		struct acl_rule *r = make_rule(ACL_TOPIC, i % 3 ? ACL_PREFIXED : ACL_LITERAL, name,
		    principal, "*", ACL_READ, i % 5 ? ACL_ALLOW : ACL_DENY, false);
		assert_ok(acl_tenant_add_rule(big, r, &next));
		acl_rule_unref(&r);
		acl_tenant_unref(&big);
		big = next;
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		struct acl_user u = { .name = s(name), .generation = 1 };
		next = acl_tenant_set_user(big, &u);
		acl_tenant_unref(&big);
		big = next;
	}
	assert_int_equal(acl_tenant_rule_count(big), 100000);
	CHANGE(c, 0, ((void)t, big));
	unsigned most = 0;
	for (int i = 0; i < 10000; i += 7) {
		unsigned steps = 0;
		snprintf(name, sizeof(name), "user%d", i);
		struct acl_who who = user(c, 0, name);
		snprintf(name, sizeof(name), "team%d.topic%d.suffix", i % 1000, i / 10);
		acl_tenant_find_rules(acl_image_tenant(c->image, 0), &who, ACL_READ, ACL_TOPIC, s(name), &steps);
		most = steps > most ? steps : most;
	}
	assert_true(most > 0);
	assert_true(most <= 30);
}

static struct acl_rule *
ending(const char *principal, int permission, int64_t until_ms, bool by_owner)
{
	struct acl_rule *r = make_rule(ACL_TOPIC, ACL_LITERAL, "orders", principal, "*", ACL_READ, permission, by_owner);
	r->b.until_ms = until_ms;
	return r;
}

static int
note_due(const struct acl_rule *rule, void *arg)
{
	struct buf *b = arg;
	return buf_printf(b, "%s@%d ", rule->b.principal.p + 5, (int)rule->b.until_ms);
}

static void
due(struct castle *c, int64_t now_ms, const char *want)
{
	struct buf b;
	buf_init(&b, 256);
	assert_ok(acl_tenant_rules_due(acl_image_tenant(c->image, 0), now_ms, note_due, &b));
	assert_true(str_is(buf_str(&b), want));
	buf_free(&b);
}

static void
rules_come_due_in_the_order_of_their_ends(void **state)
{
	struct castle *c = *state;
	struct acl_rule *carl = ending("User:carl", ACL_ALLOW, 3000, false);
	add_rule_by(c, 0, acl_rule_ref(carl));
	add_rule_by(c, 0, ending("User:bert", ACL_ALLOW, 2000, true));
	add_rule_by(c, 0, ending("User:dora", ACL_DENY, 1000, false));
	rule(c, ACL_ALLOW, "User:emil", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	due(c, 1999, "");
	due(c, 2999, "bert@2000 ");
	due(c, 3000, "bert@2000 carl@3000 ");
	due(c, 1000 + ACL_RULE_RESTS_MS, "bert@2000 carl@3000 dora@1000 ");
	add_rule_by(c, 0, ending("User:bert", ACL_ALLOW, 4000, true)); /* another end takes its place */
	assert_int_equal(acl_tenant_rule_count(acl_image_tenant(c->image, 0)), 4);
	due(c, 4000, "carl@3000 bert@4000 ");
	CHANGE(c, 0, acl_tenant_del_owned_rules(t, ACL_TOPIC, s("orders")));
	due(c, 4000, "carl@3000 ");
	struct acl_rule *seen = ending("User:carl", ACL_ALLOW, 3000, false);
	seen->ended = true;
	add_rule_by(c, 0, seen);
	due(c, 3000 + ACL_RULE_RESTS_MS - 1, "dora@1000 ");
	CHANGE(c, 0, acl_tenant_del_rule(t, carl));
	due(c, 3000 + ACL_RULE_RESTS_MS, "dora@1000 ");
	acl_rule_unref(&carl);
}

TEST_MAIN(CT(rules_come_due_in_the_order_of_their_ends), CT(a_change_leaves_the_old_version), CT(tenants_are_found_by_number_and_name),
    CT(users_and_teams_are_walked_in_order), CT(a_users_strings_are_copied),
    CT(a_rule_set_by_the_right_of_ownership_dies_with_its_node),
    CT(an_equal_rule_stays_and_an_administrators_outlives), CT(rules_are_removed_one_by_one),
    CT(rules_of_one_principal_on_one_name_are_bounded), CT(a_walk_over_rules_filters_and_stops),
    CT(the_index_finds_what_a_walk_finds), CT(a_check_does_not_grow_with_the_number_of_rules))
