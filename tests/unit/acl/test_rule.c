/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings, filters, and names of users and teams. */
#include "fixture.h"

static struct acl_binding
binding(int type, int pattern, const char *name, const char *principal, const char *host, int op,
    int permission)
{
	return (struct acl_binding){
		.type = (int8_t)type, .pattern = (int8_t)pattern, .op = (int8_t)op,
		.permission = (int8_t)permission, .name = str_from(name),
		.principal = str_from(principal), .host = str_from(host),
	};
}

static void
refused(struct acl_binding b, const char *because)
{
	struct why why = { "" };
	struct acl_rule *r = NULL;
	if (acl_rule_create(&b, false, &r, &why) != ERR_INVAL)
		fail_msg("made, though: %s", because);
	assert_null(r);
	if (strstr(why.text, because) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, because);
}

static void
a_rule_is_refused_with_a_precise_reason(void **state)
{
	(void)state;
	refused(binding(ACL_USER, 3, "x", "User:a", "*", ACL_READ, 3), "rules stand on");
	refused(binding(ACL_TOPIC, ACL_PATTERN_MATCH, "x", "User:a", "*", ACL_READ, 3), "pattern");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "*", ACL_READ, 1), "allow or deny");
	refused(binding(ACL_TOPIC, 3, "", "User:a", "*", ACL_READ, 3), "name is empty");
	refused(binding(ACL_TOPIC, 3, "\xff", "User:a", "*", ACL_READ, 3), "UTF-8");
	refused(binding(ACL_TENANT, 3, "x", "User:a", "*", ACL_ALTER, 3), "kafka-cluster");
	refused(binding(ACL_TOPIC, 4, "*", "User:a", "*", ACL_READ, 3), "literal *");
	refused(binding(ACL_TOPIC, 3, "x", "anna", "*", ACL_READ, 3), "no type");
	refused(binding(ACL_TOPIC, 3, "x", "Group:a", "*", ACL_READ, 3), "type is unknown");
	refused(binding(ACL_TOPIC, 3, "x", "User:", "*", ACL_READ, 3), "empty");
	refused(binding(ACL_TOPIC, 3, "x", "User:CN=a,O=b", "*", ACL_READ, 3), "must not have");
	refused(binding(ACL_TOPIC, 3, "x", "User:ANONYMOUS", "*", ACL_READ, 3), "class other");
	refused(binding(ACL_TOPIC, 3, "x", "Team:*", "*", ACL_READ, 3), "team's name");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "host.example", ACL_READ, 3), "not looked up");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "10.0.0.1/8", ACL_READ, 3), "behind its prefix");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "", ACL_READ, 3), "host");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "*", ACL_OP_ANY, 3), "unknown");
	refused(binding(ACL_TOPIC, 3, "x", "User:a", "*", 99, 3), "unknown");
	refused(binding(ACL_GROUP, 3, "x", "User:a", "*", ACL_WRITE, 3), "group has no operation write");
	refused(binding(ACL_TENANT, 3, ACL_CLUSTER_NAME, "User:a", "*", ACL_CLUSTER_ACTION, 3),
	    "brokers");
	char longest[1026];
	memset(longest, 'a', 1025);
	longest[1025] = '\0';
	refused(binding(ACL_TOPIC, 3, longest, "User:a", "*", ACL_READ, 3), "1024");
}

static bool
names(const char *principal, int permission, const struct acl_who *who)
{
	struct acl_binding b = binding(ACL_TOPIC, 3, "x", principal, "*", ACL_READ, permission);
	struct acl_rule *r;
	assert_int_equal(acl_rule_create(&b, false, &r, NULL), 0);
	bool yes = acl_rule_names(r, who);
	acl_rule_unref(&r);
	return yes;
}

static void
a_rule_names_a_user_his_teams_and_everybody(void **state)
{
	(void)state;
	struct str teams[] = { STR("billing"), STR("tools") };
	struct acl_user record = { .name = STR("anna"), .teams = teams, .n_teams = 2 };
	struct acl_who anna = { .user = NAME(0, STR("anna")), .record = &record };
	struct acl_who bare = { .user = NAME(0, STR("anna")) };
	struct acl_who nobody = { .user = NAME(0, STR("ANONYMOUS")), .anonymous = true };
	assert_true(names("User:anna", ACL_ALLOW, &anna));
	assert_true(names("User:*", ACL_ALLOW, &anna));
	assert_true(names("Team:tools", ACL_ALLOW, &anna));
	assert_false(names("Team:too", ACL_ALLOW, &anna));
	assert_false(names("User:ann", ACL_ALLOW, &anna));
	assert_false(names("User:tools", ACL_ALLOW, &anna));
	assert_true(names("User:anna", ACL_ALLOW, &bare));
	assert_false(names("Team:tools", ACL_ALLOW, &bare));
	assert_true(names("User:ANONYMOUS", ACL_DENY, &nobody));
	assert_true(names("User:*", ACL_DENY, &nobody));
	assert_false(names("Team:tools", ACL_DENY, &nobody));
}

static void
a_deny_rule_may_name_anonymous(void **state)
{
	(void)state;
	struct acl_rule *r = make_rule(ACL_TOPIC, 3, "x", "User:ANONYMOUS", "*", ACL_READ, ACL_DENY,
	    false);
	acl_rule_unref(&r);
	assert_null(r);
}

static void
hosts_have_one_form(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "*", "*" }, { "10.0.0.1", "10.0.0.1" }, { "10.0.0.1/32", "10.0.0.1" },
		{ "::ffff:10.0.0.1", "10.0.0.1" }, { "10.0.0.0/8", "10.0.0.0/8" },
		{ "2001:DB8::/32", "2001:db8::/32" }, { "::1/128", "::1" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acl_rule *r = make_rule(ACL_TOPIC, 3, "x", "User:a", rows[i][0], ACL_READ, 3, 0);
		assert_true(str_is(r->b.host, rows[i][1]));
		acl_rule_unref(&r);
	}
}

static void
names_of_teams(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "billing", "a1._-" };
	static const char *const bad[] = { "", "A", "1a", "-a", "a b", "a:b", "\xc3\xa4" };
	char name[65];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_ok(acl_team_name_check(s(good[i]), NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(acl_team_name_check(s(bad[i]), NULL), ERR_INVAL);
	memset(name, 'a', 64);
	assert_ok(acl_team_name_check((struct str){ name, 63 }, NULL));
	assert_int_equal(acl_team_name_check((struct str){ name, 64 }, NULL), ERR_INVAL);
}

/* Kafka's filter semantics, row by row: which of the rules a filter finds. */
static void
filters_match_as_kafkas(void **state)
{
	(void)state;
	const struct acl_binding rules[] = {
		binding(ACL_TOPIC, 3, "orders", "User:a", "*", ACL_READ, 3),
		binding(ACL_TOPIC, 4, "ord", "User:a", "*", ACL_READ, 3),
		binding(ACL_TOPIC, 3, "*", "User:b", "*", ACL_WRITE, 2),
		binding(ACL_TOPIC, 4, "orders", "User:a", "10.0.0.1", ACL_READ, 3),
		binding(ACL_GROUP, 3, "orders", "User:a", "*", ACL_READ, 3),
	};
	static const struct { int8_t type, pattern; const char *name; unsigned want; } rows[] = {
		{ 1, 1, NULL, 0x1f }, { 2, 1, NULL, 0x0f }, { 3, 1, NULL, 0x10 }, { 2, 2, NULL, 0x0f },
		{ 2, 3, NULL, 0x05 }, { 2, 4, NULL, 0x0a }, { 2, 1, "orders", 0x09 },
		{ 2, 2, "orders", 0x0f }, { 2, 3, "orders", 0x01 }, { 2, 4, "orders", 0x08 },
		{ 2, 2, "ordeal", 0x06 }, { 2, 2, "ord", 0x06 }, { 2, 2, "x", 0x04 },
		{ 2, 3, "*", 0x04 }, { 2, 1, "ord", 0x02 }, { 4, 1, NULL, 0 }, { 1, 3, "orders", 0x11 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acl_binding f = { .type = rows[i].type, .pattern = rows[i].pattern, .op = 1,
			.permission = 1, .name = str_from(rows[i].name) };
		assert_ok(acl_filter_check(&f, NULL));
		unsigned got = 0;
		for (size_t k = 0; k < 5; k++)
			got |= (unsigned)acl_filter_match(&f, &rules[k]) << k;
		if (got != rows[i].want)
			fail_msg("row %zu: %x", i, got);
	}
	struct acl_binding f = { .type = 1, .pattern = 1, .op = 1, .permission = 1,
		.host = s("10.0.0.1/32") };
	assert_true(acl_filter_match(&f, &rules[3]));
	assert_false(acl_filter_match(&f, &rules[0]));
	f.host = STR_NULL;
	f.principal = s("User:b");
	assert_true(acl_filter_match(&f, &rules[2]));
	f.op = ACL_READ;
	assert_false(acl_filter_match(&f, &rules[2]));
	f.op = 1;
	f.permission = 3;
	assert_false(acl_filter_match(&f, &rules[2]));
}

static void
unknown_codes_in_a_filter_are_refused(void **state)
{
	(void)state;
	const struct acl_binding ok = { .type = 1, .pattern = 1, .op = 1, .permission = 1 };
	struct acl_binding f = ok;
	assert_ok(acl_filter_check(&f, NULL));
	static const int8_t bad[] = { 0, -1, 100 };
	for (size_t i = 0; i < 3; i++) {
		f = ok;
		f.type = bad[i];
		assert_int_equal(acl_filter_check(&f, NULL), ERR_INVAL);
		f = ok;
		f.pattern = bad[i];
		assert_int_equal(acl_filter_check(&f, NULL), ERR_INVAL);
		f = ok;
		f.op = bad[i];
		assert_int_equal(acl_filter_check(&f, NULL), ERR_INVAL);
		f = ok;
		f.permission = bad[i];
		assert_int_equal(acl_filter_check(&f, NULL), ERR_INVAL);
	}
}

static void
an_exact_filter_leaves_nothing_open(void **state)
{
	(void)state;
	struct acl_binding f = binding(ACL_TOPIC, 3, "x", "User:a", "*", ACL_READ, 3), g = f;
	assert_true(acl_filter_exact(&f));
	g.name = STR_NULL;
	assert_false(acl_filter_exact(&g));
	g = f;
	g.pattern = ACL_PATTERN_MATCH;
	assert_false(acl_filter_exact(&g));
	g = f;
	g.host = STR_NULL;
	assert_false(acl_filter_exact(&g));
	g = f;
	g.op = 1;
	assert_false(acl_filter_exact(&g));
}

TEST_MAIN(T(a_rule_is_refused_with_a_precise_reason),
    T(a_rule_names_a_user_his_teams_and_everybody), T(a_deny_rule_may_name_anonymous),
    T(hosts_have_one_form), T(names_of_teams), T(filters_match_as_kafkas),
    T(unknown_codes_in_a_filter_are_refused), T(an_exact_filter_leaves_nothing_open))
