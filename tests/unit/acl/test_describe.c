/* SPDX-License-Identifier: Apache-2.0 */
/* Modes as Kafka's tools see them: section 8. */
#include "fixture.h"

#include "acl/describe.h"

struct seen {
	char text[4096];
};

static int
write_down(const struct acl_binding *b, void *arg)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);
	assert_int_equal(b->permission, ACL_ALLOW);
	assert_int_equal(b->pattern, ACL_LITERAL);
	assert_str(b->host, "*");
	snprintf(seen->text + n, sizeof(seen->text) - n, "%s:%.*s %.*s %s\n",
	    acl_type_name((enum acl_type)b->type), STR_ARG(b->name), STR_ARG(b->principal),
	    acl_op_name((enum acl_op)b->op));
	return 0;
}

static void
shows(enum acl_type type, const char *name, unsigned mode, const char *want)
{
	struct acl_node node = { .owner = s("anna"), .team = s("billing"), .mode = (uint16_t)mode };
	struct seen seen = { "" };
	assert_ok(acl_describe_node(type, s(name), &node, write_down, &seen));
	assert_string_equal(seen.text, want);
}

static void
modes_appear_as_allow_bindings(void **state)
{
	(void)state;
	shows(ACL_TOPIC, "t", 0640,
	    "topic:t User:anna read\ntopic:t User:anna write\ntopic:t User:anna describe-configs\n"
	    "topic:t Team:billing read\ntopic:t Team:billing describe-configs\n");
	shows(ACL_TOPIC, "t", 0704,
	    "topic:t User:anna read\ntopic:t User:anna write\ntopic:t User:anna delete\n"
	    "topic:t User:anna alter\ntopic:t User:anna alter-configs\n"
	    "topic:t User:* read\ntopic:t User:* describe-configs\n");
	/* The owner always sees. */
	shows(ACL_TOPIC, "t", 0, "topic:t User:anna describe\ntopic:t User:anna describe-configs\n");
	shows(ACL_GROUP, "g", 0500, "group:g User:anna read\ngroup:g User:anna delete\n"
	    "group:g User:anna alter-configs\n");
	shows(ACL_TXN, "x", 0210, "transactional id:x User:anna write\n"
	    "transactional id:x Team:billing describe\n");
	shows(ACL_TENANT, "", 0740,
	    "cluster:kafka-cluster User:anna alter\ncluster:kafka-cluster User:anna alter-configs\n"
	    "cluster:kafka-cluster Team:billing describe\n"
	    "cluster:kafka-cluster Team:billing describe-configs\n");
	shows(ACL_GROUP, "*", 0777, ""); /* would read as every group */
	shows(ACL_TOPICS, "", 0640,
	    "cluster:kafka-cluster User:anna create\ntopic:* User:anna describe\n"
	    "topic:* User:anna describe-configs\ntopic:* Team:billing describe\n"
	    "topic:* Team:billing describe-configs\n");
}

static void
a_node_without_owner_or_team_has_no_binding_for_them(void **state)
{
	(void)state;
	struct acl_node node = { .mode = 0777 };
	struct seen seen = { "" };
	acl_describe_node(ACL_TXN, s("x"), &node, write_down, &seen);
	assert_string_equal(seen.text, "transactional id:x User:* write\n");
}

/* What DescribeAcls shows is what the gate does, in both directions. */

struct claim {
	const struct castle *c;
	int n;
};

static int
holds(const struct acl_binding *b, void *arg)
{
	struct claim *claim = arg;
	static const char *const users[] = { "anna", "bert", "boss", "carl" };
	claim->n++;
	for (size_t i = 0; i < 4; i++) {
		struct acl_who w = user(claim->c, 0, users[i]);
		bool named = str_is(b->principal, "User:*") ||
		    (str_starts(b->principal, STR("User:")) &&
		    str_eq(w.user.s, (struct str){ b->principal.p + 5, b->principal.n - 5 })) ||
		    (str_starts(b->principal, STR("Team:")) &&
		    acl_user_in(w.record, (struct str){ b->principal.p + 5, b->principal.n - 5 }));
		struct acl_object o = { .type = (enum acl_type)b->type, .name = NAME(0, b->name) };
		if (str_is(b->name, "*"))
			o.name.s = s("orders");
		if (named)
			assert_true(acl_check(claim->c->image, &w, (enum acl_op)b->op, &o, NULL));
	}
	return 0;
}

static int
covers(const struct acl_binding *b, void *arg)
{
	struct acl_binding *want = arg;
	struct acl_rule *r = NULL;
	struct addr host = { 0 };
	acl_rule_create(b, false, &r, NULL);
	bool yes = r != NULL && acl_rule_applies(r, &host, (enum acl_op)want->op) &&
	    (str_eq(b->principal, want->principal) || str_is(b->principal, "User:*") ||
	    str_is(b->principal, "Team:billing"));
	acl_rule_unref(&r);
	return yes;
}

static void
describe_acls_tells_the_truth(void **state)
{
	struct castle *c = *state;
	for (unsigned mode = 0; mode <= 0777; mode++) {
		if (acl_mode_check(ACL_TOPIC, mode, true, NULL) != 0)
			continue;
		struct claim claim = { .c = c };
		set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", mode);
		const struct acl_tenant *t = acl_image_tenant(c->image, 0);
		assert_ok(acl_describe_modes(t, NULL, holds, &claim));
		assert_true(claim.n > 0);
		/* And whatever anna and bert may do to it is shown. */
		for (int op = ACL_READ; op <= ACL_ALTER_CONFIGS; op++) {
			struct acl_binding want = { .op = (int8_t)op, .principal = s("User:anna") };
			const struct acl_node *n = acl_tenant_node(t, ACL_TOPIC, s("orders"));
			if (may(c, "anna", (enum acl_op)op, ACL_TOPIC, "orders"))
				assert_true(acl_describe_node(ACL_TOPIC, s("orders"), n, covers, &want));
			want.principal = s("User:bert");
			if (may(c, "bert", (enum acl_op)op, ACL_TOPIC, "orders"))
				assert_true(acl_describe_node(ACL_TOPIC, s("orders"), n, covers, &want));
		}
	}
}

static void
a_filter_narrows_the_modes(void **state)
{
	struct castle *c = *state;
	struct seen seen = { "" };
	struct acl_binding f = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .op = ACL_READ,
		.permission = ACL_PERMISSION_ANY };
	assert_ok(acl_describe_modes(acl_image_tenant(c->image, 0), &f, write_down, &seen));
	assert_string_equal(seen.text, "topic:orders User:anna read\ntopic:orders Team:billing read\n");
	f.permission = ACL_DENY;
	seen.text[0] = '\0';
	assert_ok(acl_describe_modes(acl_image_tenant(c->image, 0), &f, write_down, &seen));
	assert_string_equal(seen.text, "");
}

static void
a_full_match_names_the_chmod(void **state)
{
	struct castle *c = *state;
	static const struct { int type; const char *name, *principal; int op; const char *want; } rows[] = {
		{ ACL_TOPIC, "orders", "Team:billing", ACL_READ, "schlossctl chmod g-r /main/topics/orders" },
		{ ACL_TOPIC, "orders", "User:anna", ACL_WRITE, "schlossctl chmod u-w /main/topics/orders" },
		{ ACL_TENANT, ACL_CLUSTER_NAME, "User:boss", ACL_CREATE, "schlossctl chmod u-w /main/topics" },
		{ ACL_TENANT, ACL_CLUSTER_NAME, "Team:admins", ACL_ALTER, "schlossctl chmod g-x /main" },
		{ ACL_TOPIC, "*", "Team:admins", ACL_DESCRIBE, "schlossctl chmod g-r /main/topics" },
		{ ACL_GROUP, "g", "User:*", ACL_READ, "schlossctl chmod o-r /main/groups/g" },
		{ ACL_TOPIC, "orders", "User:bert", ACL_READ, NULL },
		{ ACL_TOPIC, "nix", "User:anna", ACL_READ, NULL },
	};
	struct acl_node node = { .owner = s("x"), .mode = 0444 };
	char out[256];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acl_binding f = { .type = (int8_t)rows[i].type, .pattern = ACL_LITERAL,
			.op = (int8_t)rows[i].op, .permission = ACL_ALLOW, .name = s(rows[i].name),
			.principal = s(rows[i].principal), .host = s("*") };
		bool got = acl_describe_chmod(acl_image_tenant(c->image, 0), &f, &node, out, sizeof(out));
		assert_int_equal(got, rows[i].want != NULL);
		if (got)
			assert_string_equal(out, rows[i].want);
		f.host = STR_NULL;	/* not in full */
		assert_false(acl_describe_chmod(acl_image_tenant(c->image, 0), &f, &node, out,
		    sizeof(out)));
	}
}

TEST_MAIN(T(modes_appear_as_allow_bindings),
    T(a_node_without_owner_or_team_has_no_binding_for_them), CT(describe_acls_tells_the_truth),
    CT(a_filter_narrows_the_modes), CT(a_full_match_names_the_chmod))
