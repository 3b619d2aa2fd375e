/* SPDX-License-Identifier: Apache-2.0 */
/* The decision; each test is a sentence of the model, named after it. */
#include "fixture.h"

/* Section 1 */

static void
an_operator_is_a_record_of_main_with_the_flag(void **state)
{
	struct castle *c = *state;
	struct acl_object there = obj(ACL_TOPIC, 3, "orders");
	add_user(c, 3, "admin", "", true);
	struct acl_who here = user(c, 0, "admin"), false_one = user(c, 3, "admin");
	assert_true(acl_check(c->image, &here, ACL_DELETE, &there, NULL));
	assert_false(acl_check(c->image, &false_one, ACL_DELETE, &there, NULL));
	assert_false(false_one.is_operator);
}

/* His name, and nothing of the flag. */
static void
a_token_is_no_operator(void **state)
{
	struct castle *c = *state;
	struct principal p = { .user = NAME(0, s("admin")), .user_generation = 1, .token = { { 1 } } };
	struct acl_object root = obj(ACL_ROOT, 0, "");
	struct acl_who who;
	acl_who_of(c->image, &p, 0, &who);
	assert_false(who.gone || who.is_operator);
	assert_false(acl_check(c->image, &who, ACL_ALTER, &root, NULL));
	p.token = (struct uuid){ { 0 } };
	acl_who_of(c->image, &p, 0, &who);
	assert_true(who.is_operator && acl_check(c->image, &who, ACL_ALTER, &root, NULL));
}

static void
a_mapped_name_without_a_record_has_no_teams(void **state)
{
	struct castle *c = *state;
	struct principal p = { .user = NAME(0, s("host7")), .unknown_ok = true };
	struct acl_who who;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	acl_who_of(c->image, &p, 0, &who);
	assert_false(who.gone);
	assert_null(who.record);
	assert_false(acl_visible(c->image, &who, &o));
	p.user_generation = 1;		/* had a record, which was deleted since */
	acl_who_of(c->image, &p, 0, &who);
	assert_true(who.gone);
	p.user_generation = 0;
	p.unknown_ok = false;
	acl_who_of(c->image, &p, 0, &who);
	assert_true(who.gone);
	p.user.s = s("anna");		/* got a record since: log in again */
	p.unknown_ok = true;
	acl_who_of(c->image, &p, 0, &who);
	assert_true(who.gone);
}

/* Section 3: the table of operations */

struct row {
	enum acl_op op;
	unsigned bits;			/* any of them suffices */
};

/* Every mode of one class gives exactly what the table says. */
static void
check_rows(struct castle *c, enum acl_type type, const struct row *rows, size_t n)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		set_node(c, 0, type, "it", "x", "x", bits);
		for (size_t i = 0; i < n; i++) {
			bool want = (rows[i].bits & bits) != 0;
			if (may(c, "carl", rows[i].op, type, "it") != want)
				fail_msg("type %d op %d bits %o", type, rows[i].op, bits);
		}
	}
}

#define ROWS(c, type, ...) do { \
	static const struct row rows_[] = { __VA_ARGS__ }; \
	check_rows((c), (type), rows_, sizeof(rows_) / sizeof(rows_[0])); \
} while (0)

static void
an_operation_needs_its_bits_on_a_topic(void **state)
{
	ROWS(*state, ACL_TOPIC, { ACL_READ, 4 }, { ACL_WRITE, 2 }, { ACL_DELETE, 1 },
	    { ACL_ALTER, 1 }, { ACL_ALTER_CONFIGS, 1 }, { ACL_DESCRIBE, 7 },
	    { ACL_DESCRIBE_CONFIGS, 7 }, { ACL_CREATE, 0 });
}

static void
an_operation_needs_its_bits_on_a_group(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_GROUPS, "", "boss", "admins", 0770);
	ROWS(c, ACL_GROUP, { ACL_READ, 4 }, { ACL_WRITE, 0 }, { ACL_DELETE, 1 },
	    { ACL_ALTER, 1 }, { ACL_ALTER_CONFIGS, 1 }, { ACL_DESCRIBE, 7 },
	    { ACL_DESCRIBE_CONFIGS, 7 }, { ACL_CREATE, 0 });
}

static void
an_operation_needs_its_bits_on_a_transactional_id(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TXNS, "", "boss", "admins", 0770);
	ROWS(c, ACL_TXN, { ACL_READ, 0 }, { ACL_WRITE, 2 }, { ACL_DELETE, 1 },
	    { ACL_ALTER, 1 }, { ACL_ALTER_CONFIGS, 1 }, { ACL_DESCRIBE, 7 },
	    { ACL_DESCRIBE_CONFIGS, 7 }, { ACL_CREATE, 0 });
}

static void
an_operation_needs_its_bits_on_the_tenant(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TOPICS, "", "boss", "admins", 0770);
	ROWS(c, ACL_TENANT, { ACL_READ, 0 }, { ACL_WRITE, 0 }, { ACL_CREATE, 0 },
	    { ACL_DELETE, 1 }, { ACL_ALTER, 1 }, { ACL_ALTER_CONFIGS, 1 }, { ACL_DESCRIBE, 4 },
	    { ACL_DESCRIBE_CONFIGS, 4 }, { ACL_CLUSTER_ACTION, 0 });
}

static void
w_on_the_directory_creates(void **state)
{
	struct castle *c = *state;
	static const enum acl_type kinds[][2] = {
		{ ACL_TOPICS, ACL_TOPIC }, { ACL_GROUPS, ACL_GROUP }, { ACL_TXNS, ACL_TXN },
	};
	for (size_t i = 0; i < 3; i++)
		for (unsigned bits = 0; bits < 8; bits++) {
			set_node(c, 0, kinds[i][0], "", "x", "x", bits);
			assert_int_equal(may(c, "carl", ACL_CREATE, kinds[i][1], "new"),
			    (bits & 2) != 0);
			if (i == 0)
				assert_int_equal(may(c, "carl", ACL_CREATE, ACL_TENANT, ""),
				    (bits & 2) != 0);
		}
}

static void
r_on_the_directory_sees_every_name(void **state)
{
	struct castle *c = *state;
	assert_false(may(c, "carl", ACL_DESCRIBE, ACL_TOPIC, "orders"));
	set_node(c, 0, ACL_TOPICS, "", "x", "x", 0004);
	assert_int_equal(step(c, "carl", ACL_DESCRIBE, ACL_TOPIC, "orders"), ACL_STEP_DIRECTORY);
	assert_true(may(c, "carl", ACL_DESCRIBE_CONFIGS, ACL_TOPIC, "orders"));
	assert_false(may(c, "carl", ACL_READ, ACL_TOPIC, "orders"));
	assert_true(may(c, "carl", ACL_READ, ACL_TOPICS, ""));
}

static void
every_login_has_idempotent_write(void **state)
{
	struct castle *c = *state;
	assert_int_equal(step(c, "carl", ACL_IDEMPOTENT_WRITE, ACL_TENANT, ""), ACL_STEP_LOGIN);
	rule(c, ACL_DENY, "User:carl", ACL_IDEMPOTENT_WRITE, ACL_TENANT, ACL_LITERAL,
	    ACL_CLUSTER_NAME);
	assert_false(may(c, "carl", ACL_IDEMPOTENT_WRITE, ACL_TENANT, ""));
	assert_true(may(c, "bert", ACL_IDEMPOTENT_WRITE, ACL_TENANT, ""));
}

static void
cluster_action_is_never_given_on_a_client_listener(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "User:boss", ACL_ALL, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_int_equal(step(c, "admin", ACL_CLUSTER_ACTION, ACL_TENANT, ""), ACL_STEP_NEVER);
	assert_int_equal(step(c, "boss", ACL_CLUSTER_ACTION, ACL_TENANT, ""), ACL_STEP_NEVER);
}

static void
directories_never_shut_their_children(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TENANT, "", "boss", "admins", 0);
	set_node(c, 0, ACL_TOPICS, "", "boss", "admins", 0);
	assert_true(may(c, "anna", ACL_WRITE, ACL_TOPIC, "orders"));
	assert_true(may(c, "bert", ACL_READ, ACL_TOPIC, "orders"));
}

static void
x_on_the_tenant_gives_no_r_or_w_by_itself(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TOPICS, "", "nobody", "", 0);
	assert_true(may(c, "boss", ACL_ALTER, ACL_TENANT, ""));
	assert_false(may(c, "boss", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "boss", ACL_WRITE, ACL_TOPIC, "orders"));
	assert_false(may(c, "boss", ACL_DESCRIBE, ACL_TOPIC, "orders"));
	assert_false(may(c, "boss", ACL_DELETE, ACL_TOPIC, "orders"));
}

/* Section 3: a name without a node */

static void
r_or_w_on_the_directory_gives_describe_of_a_name_without_a_node(void **state)
{
	struct castle *c = *state;
	for (unsigned bits = 0; bits < 8; bits++) {
		set_node(c, 0, ACL_TOPICS, "", "x", "x", bits);
		assert_int_equal(may(c, "carl", ACL_DESCRIBE, ACL_TOPIC, "nix"), (bits & 6) != 0);
		assert_false(may(c, "carl", ACL_READ, ACL_TOPIC, "nix"));
		assert_false(may(c, "carl", ACL_WRITE, ACL_TOPIC, "nix"));
		assert_false(may(c, "carl", ACL_DELETE, ACL_TOPIC, "nix"));
	}
}

static void
w_on_groups_gives_read_of_a_group_without_a_node(void **state)
{
	struct castle *c = *state;
	for (unsigned bits = 0; bits < 8; bits++) {
		set_node(c, 0, ACL_GROUPS, "", "x", "x", bits);
		assert_int_equal(may(c, "carl", ACL_READ, ACL_GROUP, "g"), (bits & 2) != 0);
		assert_int_equal(may(c, "carl", ACL_DESCRIBE, ACL_GROUP, "g"), (bits & 6) != 0);
		assert_false(may(c, "carl", ACL_DELETE, ACL_GROUP, "g"));
	}
}

static void
w_on_txns_gives_write_of_an_id_without_a_node(void **state)
{
	struct castle *c = *state;
	for (unsigned bits = 0; bits < 8; bits++) {
		set_node(c, 0, ACL_TXNS, "", "x", "x", bits);
		assert_int_equal(may(c, "carl", ACL_WRITE, ACL_TXN, "t"), (bits & 2) != 0);
		assert_false(may(c, "carl", ACL_DELETE, ACL_TXN, "t"));
	}
}

static void
existence_is_never_consulted(void **state)
{
	struct castle *c = *state;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		assert_int_equal(may(c, "carl", (enum acl_op)op, ACL_TOPIC, "orders"),
		    may(c, "carl", (enum acl_op)op, ACL_TOPIC, "no-such-topic"));
}

static void
a_node_made_by_use_is_passed_in(void **state)
{
	struct castle *c = *state;
	struct acl_node node = { .owner = s("anna"), .team = s("billing"), .mode = 0740 };
	struct acl_object g = { .type = ACL_GROUP, .name = NAME(0, s("g")), .node = &node };
	struct acl_who anna = user(c, 0, "anna"), bert = user(c, 0, "bert"),
	    carl = user(c, 0, "carl");
	assert_true(acl_check(c->image, &anna, ACL_DELETE, &g, NULL));
	assert_true(acl_check(c->image, &bert, ACL_READ, &g, NULL));
	assert_false(acl_check(c->image, &bert, ACL_DELETE, &g, NULL));
	assert_false(acl_check(c->image, &carl, ACL_READ, &g, NULL));
	assert_false(acl_check(c->image, &carl, ACL_DESCRIBE, &g, NULL));
	set_node(c, 0, ACL_GROUP, "g", "carl", "", 0700);	/* one in the image goes before */
	assert_true(acl_check(c->image, &carl, ACL_READ, &g, NULL));
	assert_false(acl_check(c->image, &anna, ACL_READ, &g, NULL));
}

static void
a_new_tenant_has_its_modes(void **state)
{
	struct castle *c = *state;
	const struct acl_tenant *t = acl_image_tenant(c->image, 3);
	static const struct { enum acl_type type; unsigned mode; } want[] = {
		{ ACL_TENANT, 0770 }, { ACL_TOPICS, 0770 }, { ACL_GROUPS, 0772 }, { ACL_TXNS, 0772 },
	};
	for (size_t i = 0; i < 4; i++) {
		const struct acl_node *n = acl_tenant_node(t, want[i].type, s(""));
		assert_int_equal(n->mode, want[i].mode);
		assert_int_equal(n->create_mode, 0740);
		assert_str(n->owner, "otto");
		assert_str(n->team, "admins");
	}
	assert_true(acl_tenant_has_team(t, s("admins")));
}

static void
a_new_node_belongs_to_its_maker_and_his_primary_team(void **state)
{
	struct castle *c = *state;
	struct acl_who anna = user(c, 0, "anna"), carl = user(c, 0, "carl"),
	    admin = user(c, 0, "admin");
	struct acl_node n = acl_new_node(c->image, &anna, ACL_GROUP, 0);
	assert_str(n.owner, "anna");
	assert_str(n.team, "billing");
	assert_int_equal(n.mode, 0740);
	n = acl_new_node(c->image, &carl, ACL_TOPIC, 0);
	assert_str(n.owner, "carl");
	assert_int_equal(n.team.n, 0);
	n = acl_new_node(c->image, &admin, ACL_TOPIC, 3);
	assert_str(n.owner, "otto");
}

/* Section 4 */

static void
one_the_operator_is_allowed(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_DENY, "User:*", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "*");
	assert_int_equal(step(c, "admin", ACL_READ, ACL_TOPIC, "orders"), ACL_STEP_OPERATOR);
	assert_true(may(c, "admin", ACL_ALTER, ACL_ROOT, ""));
}

static void
two_a_matching_deny_rule_denies_before_any_allow(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "User:anna", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "orders");
	rule(c, ACL_DENY, "User:anna", ACL_WRITE, ACL_TOPIC, ACL_PREFIXED, "ord");
	assert_int_equal(step(c, "anna", ACL_WRITE, ACL_TOPIC, "orders"), ACL_STEP_DENY_RULE);
	assert_true(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
}

static void
three_an_allow_rule_gives_kafkas_implied_operations(void **state)
{
	struct castle *c = *state;
	static const enum acl_op ops[] = { ACL_READ, ACL_WRITE, ACL_DELETE, ACL_ALTER };
	for (size_t i = 0; i < 4; i++) {
		char name[] = { 't', (char)('0' + i), '\0' };
		rule(c, ACL_ALLOW, "User:carl", ops[i], ACL_TOPIC, ACL_LITERAL, name);
		assert_int_equal(step(c, "carl", ACL_DESCRIBE, ACL_TOPIC, name),
		    ACL_STEP_ALLOW_RULE);
		assert_false(may(c, "carl", ACL_DESCRIBE_CONFIGS, ACL_TOPIC, name));
	}
	rule(c, ACL_ALLOW, "User:carl", ACL_ALTER_CONFIGS, ACL_TOPIC, ACL_LITERAL, "u");
	assert_true(may(c, "carl", ACL_DESCRIBE_CONFIGS, ACL_TOPIC, "u"));
	assert_false(may(c, "carl", ACL_DESCRIBE, ACL_TOPIC, "u"));
	rule(c, ACL_ALLOW, "User:carl", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "v");
	assert_true(may(c, "carl", ACL_ALTER_CONFIGS, ACL_TOPIC, "v"));
	assert_true(may(c, "carl", ACL_CREATE, ACL_TOPIC, "v"));
}

static void
deny_rules_imply_nothing_but_all(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_DENY, "User:bert", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_false(may(c, "bert", ACL_READ, ACL_TOPIC, "orders"));
	assert_true(may(c, "bert", ACL_DESCRIBE, ACL_TOPIC, "orders"));
	rule(c, ACL_DENY, "User:bert", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_false(may(c, "bert", ACL_DESCRIBE, ACL_TOPIC, "orders"));
}

static void
four_the_mode_counts_for_owner_else_team_else_other(void **state)
{
	struct castle *c = *state;
	assert_int_equal(step(c, "anna", ACL_WRITE, ACL_TOPIC, "orders"), ACL_STEP_MODE);
	assert_true(may(c, "bert", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "bert", ACL_WRITE, ACL_TOPIC, "orders"));
	assert_false(may(c, "carl", ACL_READ, ACL_TOPIC, "orders"));
	/* The first class that is his counts alone, as for files. */
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0067);
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "bert", ACL_DELETE, ACL_TOPIC, "orders"));
	assert_true(may(c, "carl", ACL_DELETE, ACL_TOPIC, "orders"));
}

static void
five_what_nothing_allows_is_denied(void **state)
{
	struct castle *c = *state;
	struct acl_who carl = user(c, 0, "carl");
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_answer a;
	assert_false(acl_check(c->image, &carl, ACL_READ, &o, &a));
	assert_int_equal(a.step, ACL_STEP_NOTHING);
	assert_int_equal(a.cls, ACL_CLASS_OTHER);
	assert_int_equal(a.need, ACL_R);
	assert_int_equal(a.node->mode, 0640);
	assert_null(a.rule);
}

static void
deny_rules_on_the_new_name_come_before_any_allow(void **state)
{
	struct castle *c = *state;
	struct acl_who boss = user(c, 0, "boss");
	struct acl_object o = obj(ACL_TOPIC, 0, "secret-1");
	struct acl_answer a;
	rule(c, ACL_ALLOW, "User:boss", ACL_CREATE, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_true(acl_check_create(c->image, &boss, &o, &a));
	rule(c, ACL_DENY, "User:*", ACL_CREATE, ACL_TOPIC, ACL_PREFIXED, "secret-");
	assert_false(acl_check_create(c->image, &boss, &o, &a));
	assert_int_equal(a.step, ACL_STEP_DENY_RULE);
	assert_false(acl_check(c->image, &boss, ACL_CREATE, &o, NULL));
	assert_true(may(c, "boss", ACL_CREATE, ACL_TOPIC, "public-1"));
}

/* Joining a new group makes it, and so does writing by a new transactional id. */
static void
who_may_not_make_a_name_does_not_by_use(void **state)
{
	struct castle *c = *state;
	struct acl_who carl = user(c, 0, "carl");
	struct acl_node used = { .owner = STR("carl"), .team = STR(""), .mode = 0700 };
	struct acl_object o = obj(ACL_GROUP, 0, "secret-1");
	struct acl_answer a;
	rule(c, ACL_ALLOW, "User:carl", ACL_ALL, ACL_GROUP, ACL_PREFIXED, "secret-");
	rule(c, ACL_ALLOW, "User:carl", ACL_ALL, ACL_TXN, ACL_PREFIXED, "secret-");
	assert_true(may(c, "carl", ACL_READ, ACL_GROUP, "secret-1"));
	rule(c, ACL_DENY, "User:*", ACL_CREATE, ACL_GROUP, ACL_PREFIXED, "secret-");
	rule(c, ACL_DENY, "User:*", ACL_CREATE, ACL_TXN, ACL_PREFIXED, "secret-");
	assert_false(acl_check(c->image, &carl, ACL_READ, &o, &a));
	assert_int_equal(a.step, ACL_STEP_DENY_RULE);
	assert_false(may(c, "carl", ACL_WRITE, ACL_TXN, "secret-1"));
	assert_true(may(c, "carl", ACL_DESCRIBE, ACL_GROUP, "secret-1"));
	assert_true(may(c, "carl", ACL_DELETE, ACL_GROUP, "secret-1"));
	o.node = &used;
	assert_true(acl_check(c->image, &carl, ACL_READ, &o, NULL));
	set_node(c, 0, ACL_GROUP, "secret-1", "carl", "", 0700);
	assert_true(may(c, "carl", ACL_READ, ACL_GROUP, "secret-1"));
}

static void
create_is_given_by_a_rule_on_the_name_or_on_the_cluster(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "User:carl", ACL_CREATE, ACL_TOPIC, ACL_PREFIXED, "carl-");
	assert_true(may(c, "carl", ACL_CREATE, ACL_TOPIC, "carl-1"));
	assert_false(may(c, "carl", ACL_CREATE, ACL_TOPIC, "other"));
	rule(c, ACL_ALLOW, "User:carl", ACL_CREATE, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_true(may(c, "carl", ACL_CREATE, ACL_TOPIC, "other"));
	set_node(c, 0, ACL_GROUPS, "", "x", "x", 0);
	assert_false(may(c, "carl", ACL_CREATE, ACL_GROUP, "g"));
	rule(c, ACL_DENY, "User:boss", ACL_CREATE, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	assert_false(may(c, "boss", ACL_CREATE, ACL_TOPIC, "other"));
}

static void
hosts_are_a_star_an_address_or_a_block(void **state)
{
	struct castle *c = *state;
	static const struct { const char *host; bool want; } rows[] = {
		{ "*", true }, { "10.0.0.7", true }, { "10.0.0.8", false }, { "10.0.0.0/8", true },
		{ "11.0.0.0/8", false }, { "::ffff:10.0.0.7", true }, { "::/0", false },
		{ "0.0.0.0/0", true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[] = { 't', (char)('0' + i), '\0' };
		add_rule_by(c, 0, make_rule(ACL_TOPIC, ACL_LITERAL, name, "User:carl", rows[i].host,
		    ACL_READ, ACL_ALLOW, false));
		assert_int_equal(may(c, "carl", ACL_READ, ACL_TOPIC, name), rows[i].want);
	}
}

static void
principals_are_a_user_everybody_or_a_team(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "Team:billing", ACL_WRITE, ACL_TOPIC, ACL_LITERAL, "a");
	rule(c, ACL_ALLOW, "User:bert", ACL_WRITE, ACL_TOPIC, ACL_LITERAL, "b");
	rule(c, ACL_ALLOW, "User:*", ACL_WRITE, ACL_TOPIC, ACL_LITERAL, "c");
	assert_true(may(c, "anna", ACL_WRITE, ACL_TOPIC, "a"));
	assert_true(may(c, "bert", ACL_WRITE, ACL_TOPIC, "a"));
	assert_false(may(c, "carl", ACL_WRITE, ACL_TOPIC, "a"));
	assert_true(may(c, "bert", ACL_WRITE, ACL_TOPIC, "b"));
	assert_false(may(c, "anna", ACL_WRITE, ACL_TOPIC, "b"));
	assert_true(may(c, "carl", ACL_WRITE, ACL_TOPIC, "c"));
}

static void
patterns_are_literal_prefixed_or_a_star(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_PREFIXED, "ab");
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_PREFIXED, "abcde");
	rule(c, ACL_ALLOW, "User:bert", ACL_READ, ACL_TOPIC, ACL_PREFIXED, "abcd");
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_LITERAL, "abc");
	assert_true(may(c, "carl", ACL_READ, ACL_TOPIC, "ab"));
	assert_true(may(c, "carl", ACL_READ, ACL_TOPIC, "abcdx"));
	assert_true(may(c, "carl", ACL_READ, ACL_TOPIC, "abcdefg"));
	assert_true(may(c, "bert", ACL_READ, ACL_TOPIC, "abcdefg"));
	assert_false(may(c, "bert", ACL_READ, ACL_TOPIC, "abc"));
	assert_false(may(c, "carl", ACL_READ, ACL_TOPIC, "a"));
	assert_false(may(c, "carl", ACL_READ, ACL_GROUP, "ab") &&
	    step(c, "carl", ACL_READ, ACL_GROUP, "ab") == ACL_STEP_ALLOW_RULE);
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_LITERAL, "*");
	assert_true(may(c, "carl", ACL_READ, ACL_TOPIC, "z"));
}

static void
anonymous_has_the_class_other_and_nothing_else(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TOPIC, "open", "anna", "", 0644);
	set_node(c, 0, ACL_TOPIC, "his", "ANONYMOUS", "", 0600);
	rule(c, ACL_ALLOW, "User:*", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_true(may(c, "ANONYMOUS", ACL_READ, ACL_TOPIC, "open"));
	assert_false(may(c, "ANONYMOUS", ACL_WRITE, ACL_TOPIC, "open"));
	assert_false(may(c, "ANONYMOUS", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "ANONYMOUS", ACL_READ, ACL_TOPIC, "his"));
	rule(c, ACL_DENY, "User:*", ACL_READ, ACL_TOPIC, ACL_LITERAL, "open");
	assert_false(may(c, "ANONYMOUS", ACL_READ, ACL_TOPIC, "open"));
}

static void
an_owner_always_sees_the_node(void **state)
{
	struct castle *c = *state;
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0);
	assert_int_equal(step(c, "anna", ACL_DESCRIBE, ACL_TOPIC, "orders"), ACL_STEP_OWNER);
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	assert_false(may(c, "bert", ACL_DESCRIBE, ACL_TOPIC, "orders"));
}

static void
a_user_of_another_tenant_may_nothing(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders"), nowhere = obj(ACL_TOPIC, 9, "orders");
	struct acl_who anna3 = user(c, 3, "anna"), admin = user(c, 0, "admin");
	struct acl_answer a;
	rule(c, ACL_ALLOW, "User:*", ACL_ALL, ACL_TOPIC, ACL_LITERAL, "*");
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		assert_false(acl_check(c->image, &anna3, (enum acl_op)op, &o, NULL));
	assert_false(acl_check(c->image, &anna3, ACL_READ, &o, &a));
	assert_int_equal(a.step, ACL_STEP_FOREIGN);
	assert_false(acl_check(c->image, &admin, ACL_READ, &nowhere, NULL));
}

static void
the_answer_is_a_struct_with_the_rule(void **state)
{
	struct castle *c = *state;
	struct acl_who carl = user(c, 0, "carl");
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_answer a;
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_PREFIXED, "ord");
	assert_true(acl_check(c->image, &carl, ACL_READ, &o, &a));
	assert_int_equal(a.step, ACL_STEP_ALLOW_RULE);
	assert_str(a.rule->b.name, "ord");
	assert_str(a.rule->b.principal, "User:carl");
	assert_int_equal(a.op, ACL_READ);
	assert_true(name_eq(a.object.name, o.name));
}

/* Sections 2 and 5 */

static void
internal_topics_are_read_by_operators_and_written_by_nobody(void **state)
{
	struct castle *c = *state;
	static const char *const name = "__consumer_offsets";
	rule(c, ACL_ALLOW, "User:boss", ACL_ALL, ACL_TOPIC, ACL_LITERAL, name);
	assert_true(may(c, "admin", ACL_READ, ACL_TOPIC, name));
	assert_true(may(c, "admin", ACL_DESCRIBE, ACL_TOPIC, name));
	assert_false(may(c, "admin", ACL_WRITE, ACL_TOPIC, name));
	assert_false(may(c, "admin", ACL_DELETE, ACL_TOPIC, name));
	assert_false(may(c, "admin", ACL_ALTER, ACL_TOPIC, name));
	assert_false(may(c, "admin", ACL_CREATE, ACL_TOPIC, name));
	assert_false(may(c, "boss", ACL_READ, ACL_TOPIC, name));
	assert_false(may(c, "boss", ACL_DESCRIBE, ACL_TOPIC, name));
	assert_false(acl_is_internal(NAME(3, s(name))));
}

static void
the_installation_is_the_operators(void **state)
{
	struct castle *c = *state;
	rule(c, ACL_ALLOW, "User:boss", ACL_ALL, ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME);
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++) {
		assert_false(may(c, "boss", (enum acl_op)op, ACL_ROOT, ""));
		assert_int_equal(may(c, "admin", (enum acl_op)op, ACL_ROOT, ""),
		    acl_op_valid(ACL_ROOT, (enum acl_op)op));
	}
}

/* Section 7 */

static void
a_user_deleted_locked_expired_or_rekeyed_may_nothing(void **state)
{
	struct castle *c = *state;
	struct acl_user u = { .name = s("anna"), .generation = 2 };
	assert_true(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	CHANGE(c, 0, acl_tenant_set_user(t, &u));		/* another key */
	assert_int_equal(step(c, "anna", ACL_READ, ACL_TOPIC, "orders"), ACL_STEP_GONE);
	u.generation = 1;
	u.locked = true;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	u.locked = false;
	u.expires_ms = 1001;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	assert_true(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	u.expires_ms = 1000;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	CHANGE(c, 0, acl_tenant_del_user(t, s("anna")));
	assert_false(may(c, "anna", ACL_READ, ACL_TOPIC, "orders"));
	struct acl_user locked = { .name = s("admin"), .generation = 1, .is_operator = true,
		.locked = true };
	CHANGE(c, 0, acl_tenant_set_user(t, &locked));
	assert_false(user(c, 0, "admin").is_operator);
	assert_false(may(c, "admin", ACL_READ, ACL_TOPIC, "orders"));
	CHANGE(c, 0, acl_tenant_del_user(t, s("admin")));
	assert_false(may(c, "admin", ACL_READ, ACL_TOPIC, "orders"));
}

static struct acl_who
named(const struct castle *c, uint32_t tenant, const char *name, int64_t now_ms)
{
	struct acl_who w;
	struct addr host = { .family = 4, .b = { 10, 0, 0, 7 } };
	acl_who_named(c->image, NAME(tenant, s(name)), host, now_ms, &w);
	return w;
}

/* Without a login to compare with: whoever could not log in now may nothing, as he would find. */
static void
who_is_asked_about_is_as_he_would_log_in(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_user u = { .name = s("anna"), .generation = 2 };
	struct acl_user admin = { .name = s("admin"), .generation = 1, .is_operator = true };
	struct acl_answer a;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	struct acl_who w = named(c, 0, "anna", 1000);
	assert_true(acl_check(c->image, &w, ACL_READ, &o, &a));
	u.expires_ms = 1001;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	assert_false(named(c, 0, "anna", 1000).gone);
	assert_true(named(c, 0, "anna", 1001).gone);
	u.expires_ms = 0;
	u.locked = true;
	CHANGE(c, 0, acl_tenant_set_user(t, &u));
	w = named(c, 0, "anna", 1000);
	assert_false(acl_check(c->image, &w, ACL_READ, &o, &a));
	assert_int_equal(a.step, ACL_STEP_GONE);
	assert_true(named(c, 0, "admin", 1000).is_operator);
	admin.locked = true;
	CHANGE(c, 0, acl_tenant_set_user(t, &admin));
	w = named(c, 0, "admin", 1000);
	assert_false(w.is_operator);
	assert_false(acl_check(c->image, &w, ACL_READ, &o, &a));
	add_user(c, 3, "chief", "", true);
	assert_false(named(c, 3, "chief", 1000).is_operator);
	assert_false(named(c, 0, "nobody", 1000).gone);		/* rules may name him: he may come */
	assert_true(named(c, 77, "anna", 1000).gone);
	assert_true(named(c, 0, "ANONYMOUS", 1000).anonymous);
}

/* KIP-430 */

static void
authorized_operations_are_kafkas_bits(void **state)
{
	struct castle *c = *state;
	struct acl_object o = obj(ACL_TOPIC, 0, "orders"), t = obj(ACL_TENANT, 0, ""),
	    g = obj(ACL_GROUP, 0, "g");
	struct acl_who bert = user(c, 0, "bert"), admin = user(c, 0, "admin"),
	    carl = user(c, 0, "carl");
	assert_int_equal(acl_operations(c->image, &bert, &o), 1 << 3 | 1 << 8 | 1 << 10);
	assert_int_equal(acl_operations(c->image, &admin, &o), 0xdf8);
	assert_int_equal(acl_operations(c->image, &admin, &t), 0x1da0);
	assert_int_equal(acl_operations(c->image, &carl, &t), 1 << 12);
	assert_int_equal(acl_operations(c->image, &admin, &g), 1 << 3 | 1 << 6 | 1 << 8 | 3 << 10);
}

static void
an_operation_that_a_type_does_not_have_is_denied_to_everybody(void **state)
{
	struct castle *c = *state;
	assert_int_equal(step(c, "admin", ACL_WRITE, ACL_GROUP, "g"), ACL_STEP_NO_SUCH);
	assert_int_equal(step(c, "admin", ACL_ALL, ACL_TOPIC, "g"), ACL_STEP_NO_SUCH);
	assert_int_equal(step(c, "admin", ACL_READ, (enum acl_type)99, "g"), ACL_STEP_NO_SUCH);
	assert_int_equal(step(c, "admin", (enum acl_op)77, ACL_TOPIC, "g"), ACL_STEP_NO_SUCH);
}

static struct acl_rule *
until(int permission, const char *principal, int op, int64_t until_ms)
{
	struct acl_rule *r = make_rule(ACL_TOPIC, ACL_LITERAL, "orders", principal, "*", op, permission, false);
	r->b.until_ms = until_ms;
	return r;
}

static bool
carl_may(const struct castle *c, enum acl_op op, int64_t now_ms, struct acl_answer *ret)
{
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_who w = named(c, 0, "carl", now_ms);
	return acl_check(c->image, &w, op, &o, ret);
}

static void
a_rule_past_its_end_gives_and_denies_nothing(void **state)
{
	struct castle *c = *state;
	struct acl_answer a;
	add_rule_by(c, 0, until(ACL_ALLOW, "User:carl", ACL_READ, 2000));
	assert_true(carl_may(c, ACL_READ, 1999, &a));
	assert_int_equal(a.step, ACL_STEP_ALLOW_RULE);
	assert_null(a.ended);
	assert_false(carl_may(c, ACL_READ, 2000, &a));
	assert_int_equal(a.step, ACL_STEP_NOTHING);
	assert_int_equal(a.ended->b.until_ms, 2000);
	assert_false(carl_may(c, ACL_DESCRIBE, 2000, &a)); /* which it implied */
	rule(c, ACL_ALLOW, "User:*", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_true(carl_may(c, ACL_READ, 2000, &a)); /* by the other, behind the one that has ended */
	add_rule_by(c, 0, until(ACL_DENY, "User:carl", ACL_READ, 3000));
	assert_false(carl_may(c, ACL_READ, 2999, &a));
	assert_int_equal(a.step, ACL_STEP_DENY_RULE);
	assert_true(carl_may(c, ACL_READ, 3000, &a));
	assert_false(carl_may(c, ACL_READ, 2999, NULL)); /* the clock was set back: it denies again */
}

static void
an_allow_rule_that_was_seen_to_end_stays_ended(void **state)
{
	struct castle *c = *state;
	struct acl_rule *r = until(ACL_ALLOW, "User:carl", ACL_READ, 2000);
	r->ended = true;
	add_rule_by(c, 0, r);
	assert_false(carl_may(c, ACL_READ, 1000, NULL));
	add_rule_by(c, 0, until(ACL_ALLOW, "User:carl", ACL_READ, 2000)); /* made anew, it is not */
	assert_true(carl_may(c, ACL_READ, 1000, NULL));
}

TEST_MAIN(CT(a_rule_past_its_end_gives_and_denies_nothing), CT(an_allow_rule_that_was_seen_to_end_stays_ended),
    CT(an_operator_is_a_record_of_main_with_the_flag), CT(a_token_is_no_operator),
    CT(a_mapped_name_without_a_record_has_no_teams),
    CT(an_operation_needs_its_bits_on_a_topic), CT(an_operation_needs_its_bits_on_a_group),
    CT(an_operation_needs_its_bits_on_a_transactional_id),
    CT(an_operation_needs_its_bits_on_the_tenant), CT(w_on_the_directory_creates),
    CT(r_on_the_directory_sees_every_name), CT(every_login_has_idempotent_write),
    CT(cluster_action_is_never_given_on_a_client_listener),
    CT(directories_never_shut_their_children), CT(x_on_the_tenant_gives_no_r_or_w_by_itself),
    CT(r_or_w_on_the_directory_gives_describe_of_a_name_without_a_node),
    CT(w_on_groups_gives_read_of_a_group_without_a_node),
    CT(w_on_txns_gives_write_of_an_id_without_a_node), CT(existence_is_never_consulted),
    CT(a_node_made_by_use_is_passed_in), CT(a_new_tenant_has_its_modes),
    CT(a_new_node_belongs_to_its_maker_and_his_primary_team), CT(one_the_operator_is_allowed),
    CT(two_a_matching_deny_rule_denies_before_any_allow),
    CT(three_an_allow_rule_gives_kafkas_implied_operations),
    CT(deny_rules_imply_nothing_but_all),
    CT(four_the_mode_counts_for_owner_else_team_else_other),
    CT(five_what_nothing_allows_is_denied), CT(deny_rules_on_the_new_name_come_before_any_allow),
    CT(who_may_not_make_a_name_does_not_by_use),
    CT(create_is_given_by_a_rule_on_the_name_or_on_the_cluster),
    CT(hosts_are_a_star_an_address_or_a_block), CT(principals_are_a_user_everybody_or_a_team),
    CT(patterns_are_literal_prefixed_or_a_star),
    CT(anonymous_has_the_class_other_and_nothing_else), CT(an_owner_always_sees_the_node),
    CT(a_user_of_another_tenant_may_nothing), CT(the_answer_is_a_struct_with_the_rule),
    CT(internal_topics_are_read_by_operators_and_written_by_nobody),
    CT(the_installation_is_the_operators),
    CT(a_user_deleted_locked_expired_or_rekeyed_may_nothing), CT(who_is_asked_about_is_as_he_would_log_in),
    CT(authorized_operations_are_kafkas_bits),
    CT(an_operation_that_a_type_does_not_have_is_denied_to_everybody))
