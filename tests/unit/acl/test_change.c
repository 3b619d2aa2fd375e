/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change what: section 6 of the model, and modes. */
#include "fixture.h"

static bool
chmod_by(struct castle *c, const char *name, struct acl_object o)
{
	struct acl_who w = user(c, 0, name);
	return acl_may_chmod(c->image, &w, &o, NULL);
}

static void
chmod_needs_the_owner_or_x_on_the_tenant(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0);	/* even without a bit */
	assert_true(chmod_by(c, "anna", o));
	assert_true(chmod_by(c, "boss", o));
	assert_true(chmod_by(c, "admin", o));
	assert_false(chmod_by(c, "bert", o));
	assert_false(chmod_by(c, "carl", o));
	assert_false(chmod_by(c, "ANONYMOUS", o));
	assert_false(chmod_by(c, "bert", obj(ACL_TOPIC, 0, "no-such-topic")));
}

static void
x_on_a_node_or_alter_by_a_rule_gives_none_of_these(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders"), t = obj(ACL_TENANT, 0, "");
	struct acl_who bert = user(c, 0, "bert");
	struct acl_binding b = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .name = s("orders") };
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0777);
	rule(c, ACL_ALLOW, "User:bert", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "orders");
	rule(c, ACL_ALLOW, "User:bert", ACL_ALL, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_false(acl_may_chmod(c->image, &bert, &o, NULL));
	assert_false(acl_may_chmod(c->image, &bert, &t, NULL));
	assert_false(acl_may_chgrp(c->image, &bert, &o, s("billing"), NULL));
	assert_false(acl_may_chown(c->image, &bert, &o, NULL));
	assert_false(acl_may_rule(c->image, &bert, 0, &b, NULL, NULL, NULL));
	assert_false(acl_is_admin(c->image, &bert, 0));
	assert_false(acl_may_user(c->image, &bert, NAME(0, s("carl")), false, NULL));
}

static void
an_owner_gives_the_node_only_to_a_team_he_is_in(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_who anna = user(c, 0, "anna"), boss = user(c, 0, "boss");
	assert_true(acl_may_chgrp(c->image, &anna, &o, s("billing"), NULL));
	assert_false(acl_may_chgrp(c->image, &anna, &o, s("admins"), NULL));
	assert_true(acl_may_chgrp(c->image, &boss, &o, s("billing"), NULL));
}

static void
chown_needs_x_on_the_tenant(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_who anna = user(c, 0, "anna"), boss = user(c, 0, "boss");
	assert_false(acl_may_chown(c->image, &anna, &o, NULL));
	assert_true(acl_may_chown(c->image, &boss, &o, NULL));
}

static void
modes_of_directories_need_x_on_the_tenant(void **state)
{
	struct castle *c = *state;
	static const enum acl_type dirs[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	for (size_t i = 0; i < 4; i++) {
		set_node(c, 0, dirs[i], "", i == 0 ? "boss" : "anna", "billing",
		    i == 0 ? 0700 : 0777);
		assert_false(chmod_by(c, "anna", obj(dirs[i], 0, "")));
		assert_true(chmod_by(c, "boss", obj(dirs[i], 0, "")));
	}
	assert_false(chmod_by(c, "boss", obj(ACL_ROOT, 0, "")));
	assert_true(chmod_by(c, "admin", obj(ACL_ROOT, 0, "")));
}

static void
literal_rules_on_a_node_are_its_owners(void **state)
{
	struct castle *c = *state;
	struct acl_who anna = user(c, 0, "anna"), boss = user(c, 0, "boss");
	struct acl_node node = { .owner = s("anna"), .mode = 0700 };
	bool by_owner = false;
	static const struct {
		int8_t type, pattern;
		const char *name;
		bool anna;
	} rows[] = {
		{ ACL_TOPIC, ACL_LITERAL, "orders", true }, { ACL_TOPIC, ACL_PREFIXED, "orders", false },
		{ ACL_TOPIC, ACL_LITERAL, "*", false }, { ACL_TOPIC, ACL_LITERAL, "other", false },
		{ ACL_GROUP, ACL_LITERAL, "orders", false },
		{ ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acl_binding b = { .type = rows[i].type, .pattern = rows[i].pattern,
			.name = s(rows[i].name) };
		by_owner = false;
		assert_int_equal(acl_may_rule(c->image, &anna, 0, &b, NULL, &by_owner, NULL),
		    rows[i].anna);
		assert_int_equal(by_owner, rows[i].anna);
		assert_true(acl_may_rule(c->image, &boss, 0, &b, NULL, &by_owner, NULL));
		assert_false(by_owner);
	}
	struct acl_binding g = { .type = ACL_GROUP, .pattern = ACL_LITERAL, .name = s("made-by-use") };
	assert_true(acl_may_rule(c->image, &anna, 0, &g, &node, &by_owner, NULL));
	assert_true(by_owner);
	g.name = s("*");		/* the owner of a group of that name does not own all */
	assert_false(acl_may_rule(c->image, &anna, 0, &g, &node, &by_owner, NULL));
}

static bool
sees_rules(struct castle *c, const char *name, enum acl_type type, enum acl_pattern pattern, struct str on)
{
	struct acl_who w = user(c, 0, name);
	struct acl_binding f = { .type = (int8_t)type, .pattern = (int8_t)pattern, .name = on };
	return acl_may_see_rules(c->image, &w, 0, &f, NULL, NULL);
}

/* What administrators see is asked of DESCRIBE on the tenant: x on it lists no rules. */
static void
literal_rules_on_a_node_are_seen_by_its_owner(void **state)
{
	struct castle *c = *state;
	struct acl_who anna = user(c, 0, "anna"), acmes = user(c, 3, "anna"), gone = user(c, 0, "anna");
	struct acl_binding f = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .name = s("orders") };
	struct acl_node node = { .owner = s("anna"), .mode = 0 };
	struct acl_answer a;
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0);	/* even without a bit */
	set_node(c, 0, ACL_TENANT, "", "boss", "admins", 0110);
	rule(c, ACL_DENY, "User:anna", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "orders");
	rule(c, ACL_ALLOW, "User:bert", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_true(sees_rules(c, "anna", ACL_TOPIC, ACL_LITERAL, s("orders")));
	assert_true(sees_rules(c, "admin", ACL_TOPIC, ACL_LITERAL, s("orders")));
	assert_false(sees_rules(c, "bert", ACL_TOPIC, ACL_LITERAL, s("orders")));	/* of the team */
	assert_false(sees_rules(c, "boss", ACL_TOPIC, ACL_LITERAL, s("orders")));
	assert_false(sees_rules(c, "carl", ACL_TOPIC, ACL_LITERAL, s("orders")));
	assert_false(sees_rules(c, "ANONYMOUS", ACL_TOPIC, ACL_LITERAL, s("orders")));
	assert_false(acl_may_see_rules(c->image, &acmes, 0, &f, NULL, NULL));
	gone.gone = true;
	assert_false(acl_may_see_rules(c->image, &gone, 0, &f, NULL, NULL));
	assert_false(sees_rules(c, "anna", ACL_TOPIC, ACL_LITERAL, s("other")));
	assert_false(sees_rules(c, "anna", ACL_GROUP, ACL_LITERAL, s("orders")));
	assert_false(sees_rules(c, "anna", ACL_TYPE_ANY, ACL_LITERAL, s("orders")));
	assert_false(sees_rules(c, "anna", ACL_TOPIC, ACL_PREFIXED, s("orders")));
	assert_false(sees_rules(c, "anna", ACL_TOPIC, ACL_PATTERN_ANY, s("orders")));
	assert_false(sees_rules(c, "anna", ACL_TOPIC, ACL_PATTERN_MATCH, s("orders")));
	assert_false(sees_rules(c, "anna", ACL_TOPIC, ACL_LITERAL, STR_NULL));

	/* A group by use; one that is called "*" does not make all groups its owner's. */
	f = (struct acl_binding){ .type = ACL_GROUP, .pattern = ACL_LITERAL, .name = s("made-by-use") };
	assert_true(acl_may_see_rules(c->image, &anna, 0, &f, &node, &a));
	assert_int_equal(a.step, ACL_STEP_OWNER);
	f.name = s("*");
	assert_false(acl_may_see_rules(c->image, &anna, 0, &f, &node, &a));
	assert_int_equal(a.step, ACL_STEP_NOTHING);
	f.name = STR_NULL;
	assert_false(acl_may_see_rules(c->image, &anna, 0, &f, &node, NULL));
}

static void
only_operators_touch_an_operators_record(void **state)
{
	struct castle *c = *state;
	struct acl_who boss = user(c, 0, "boss"), admin = user(c, 0, "admin"),
	    anna = user(c, 0, "anna"), otto = user(c, 3, "otto");
	struct acl_answer a;
	assert_true(acl_may_user(c->image, &boss, NAME(0, s("anna")), false, NULL));
	assert_true(acl_may_user(c->image, &boss, NAME(0, s("new")), false, NULL));
	assert_false(acl_may_user(c->image, &anna, NAME(0, s("new")), false, NULL));
	assert_false(acl_may_user(c->image, &boss, NAME(0, s("admin")), false, &a));
	assert_int_equal(a.step, ACL_STEP_OPERATORS_ONLY);
	assert_false(acl_may_user(c->image, &boss, NAME(0, s("anna")), true, NULL));
	assert_true(acl_may_user(c->image, &admin, NAME(0, s("admin")), false, NULL));
	assert_true(acl_may_user(c->image, &admin, NAME(0, s("anna")), true, NULL));
	assert_false(acl_may_user(c->image, &admin, NAME(3, s("anna")), true, NULL));
	assert_true(acl_may_user(c->image, &otto, NAME(3, s("anna")), false, NULL));
	assert_true(acl_admin_may_user(c->image, &boss, NAME(0, s("anna"))));
	assert_true(acl_admin_may_user(c->image, &boss, NAME(0, s("new"))));
	assert_false(acl_admin_may_user(c->image, &boss, NAME(0, s("admin"))));
	assert_true(acl_admin_may_user(c->image, &admin, NAME(0, s("admin"))));
	assert_true(acl_admin_may_user(c->image, &otto, NAME(3, s("anna"))));
	assert_false(acl_may_user(c->image, &otto, NAME(0, s("anna")), false, NULL));
	assert_false(acl_may_user(c->image, &boss, NAME(3, s("anna")), false, NULL));
}

static void
tenants_and_the_installation_are_the_operators(void **state)
{
	struct castle *c = *state;
	struct acl_who boss = user(c, 0, "boss"), admin = user(c, 0, "admin"), otto = user(c, 3, "otto");
	assert_false(acl_may_install(c->image, &boss, NULL));
	assert_false(acl_may_install(c->image, &otto, NULL));
	assert_true(acl_may_install(c->image, &admin, NULL));
	assert_true(acl_is_admin(c->image, &boss, 0));
	assert_true(acl_is_admin(c->image, &admin, 3));
	assert_true(acl_is_admin(c->image, &otto, 3));
	assert_false(acl_is_admin(c->image, &otto, 0));
	assert_false(acl_is_admin(c->image, &boss, 3));
}

static void
a_deny_rule_takes_the_administration_away(void **state)
{
	struct castle *c = *state;
	struct acl_who boss = user(c, 0, "boss"), admin = user(c, 0, "admin");
	struct acl_answer a;
	rule(c, ACL_DENY, "Team:admins", ACL_ALTER, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_false(acl_may_admin(c->image, &boss, 0, &a));
	assert_int_equal(a.step, ACL_STEP_DENY_RULE);
	assert_true(acl_may_admin(c->image, &admin, 0, NULL));
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	assert_true(chmod_by(c, "anna", o));
}

static void
why_is_free_about_oneself(void **state)
{
	struct castle *c = *state;
	struct acl_who bert = user(c, 0, "bert"), boss = user(c, 0, "boss");
	assert_true(acl_may_ask_why(c->image, &bert, NAME(0, s("bert")), NULL));
	assert_false(acl_may_ask_why(c->image, &bert, NAME(0, s("anna")), NULL));
	assert_false(acl_may_ask_why(c->image, &bert, NAME(3, s("bert")), NULL));
	assert_true(acl_may_ask_why(c->image, &boss, NAME(0, s("anna")), NULL));
}

static void
who_is_gone_changes_nothing(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_who admin = user(c, 0, "admin"), anna = user(c, 0, "anna");
	admin.gone = anna.gone = true;
	assert_false(acl_may_chmod(c->image, &anna, &o, NULL));
	assert_false(acl_may_chown(c->image, &admin, &o, NULL));
	assert_false(acl_may_install(c->image, &admin, NULL));
	assert_false(acl_may_ask_why(c->image, &anna, NAME(0, s("anna")), NULL));
}

static void
modes_fall_from_owner_to_other(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode <= 01000; mode++) {
		unsigned o = mode >> 6 & 7, t = mode >> 3 & 7, r = mode & 7;
		bool want = mode <= 0777 && (r & t) == r && (t & o) == t;
		assert_int_equal(acl_mode_check(ACL_TOPIC, mode, true, NULL) == 0, want);
	}
	struct why why = { "" };
	assert_int_equal(acl_mode_check(ACL_TOPIC, 0604, false, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "deny rule"));
	assert_ok(acl_mode_check(ACL_GROUPS, 0772, false, &why));
}

static void
x_for_other_on_a_name_needs_force(void **state)
{
	(void)state;
	static const enum acl_type names[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
	struct why why = { "" };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(acl_mode_check(names[i], 0777, false, &why), ERR_INVAL);
		assert_non_null(strstr(why.text, "--force"));
		assert_ok(acl_mode_check(names[i], 0777, true, &why));
	}
	acl_mode_check(ACL_TOPIC, 0777, false, &why);
	assert_non_null(strstr(why.text, "delete this topic"));
	assert_ok(acl_mode_check(ACL_TOPICS, 0777, false, &why));
}

TEST_MAIN(CT(chmod_needs_the_owner_or_x_on_the_tenant),
    CT(x_on_a_node_or_alter_by_a_rule_gives_none_of_these),
    CT(an_owner_gives_the_node_only_to_a_team_he_is_in), CT(chown_needs_x_on_the_tenant),
    CT(modes_of_directories_need_x_on_the_tenant), CT(literal_rules_on_a_node_are_its_owners),
    CT(literal_rules_on_a_node_are_seen_by_its_owner),
    CT(only_operators_touch_an_operators_record),
    CT(tenants_and_the_installation_are_the_operators),
    CT(a_deny_rule_takes_the_administration_away), CT(why_is_free_about_oneself),
    CT(who_is_gone_changes_nothing), CT(modes_fall_from_owner_to_other),
    CT(x_for_other_on_a_name_needs_force))
