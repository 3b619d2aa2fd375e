/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, modes, rules and answers as text. */
#include "fixture.h"

#include "acl/text.h"

static void
paths_are_parsed_and_written(void **state)
{
	(void)state;
	static const struct { const char *text; enum acl_type type; const char *tenant, *name; } rows[] = {
		{ "/", ACL_ROOT, "", "" }, { "/acme", ACL_TENANT, "acme", "" },
		{ "/acme/topics", ACL_TOPICS, "acme", "" }, { "/acme/groups", ACL_GROUPS, "acme", "" },
		{ "/acme/txns", ACL_TXNS, "acme", "" },
		{ "/acme/topics/orders", ACL_TOPIC, "acme", "orders" },
		{ "/a-1/groups/a.b_c-d", ACL_GROUP, "a-1", "a.b_c-d" },
		{ "/acme/txns/pay-1", ACL_TXN, "acme", "pay-1" },
		{ "/acme/users/anna@REALM", ACL_USER, "acme", "anna@REALM" },
		{ "/acme/groups/a%2Fb%20%25%2A%0A", ACL_GROUP, "acme", "a/b %*\n" },
		{ "/acme/groups/J\xc3\xb6rg", ACL_GROUP, "acme", "J\xc3\xb6rg" },
	};
	struct arena *arena = arena_create(1 << 20);
	struct why why;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acl_path p;
		struct buf out;
		buf_init(&out, 1024);
		assert_ok(acl_path_parse(arena, s(rows[i].text), &p, &why));
		assert_int_equal(p.type, rows[i].type);
		assert_true(str_is(p.tenant, rows[i].tenant));
		assert_true(str_is(p.name, rows[i].name));
		assert_false(p.star);
		assert_ok(acl_path_format(&out, p.type, p.tenant, p.name));
		assert_true(str_is(buf_str(&out), rows[i].text));
		buf_free(&out);
	}
	struct acl_path p;
	assert_ok(acl_path_parse(arena, s("/acme/"), &p, &why));
	assert_int_equal(p.type, ACL_TENANT);
	assert_ok(acl_path_parse(arena, s("/acme/topics/"), &p, &why));
	assert_int_equal(p.type, ACL_TOPICS);
	assert_ok(acl_path_parse(arena, s("/acme/topics/%6frders"), &p, &why));
	assert_str(p.name, "orders");
	assert_ok(acl_path_parse(arena, s("/acme/groups/%00"), &p, &why));
	assert_int_equal(p.name.n, 1);
	assert_ok(acl_path_parse(arena, s("/acme/topics/ord*"), &p, &why));
	assert_str(p.name, "ord");
	assert_true(p.star);
	arena_destroy(&arena);
}

static void
odd_paths_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "acme", "//", "//topics", "/Acme", "/acme/nix",
		"/acme/topics/a/b", "/acme/topics//", "/acme/topics/%", "/acme/topics/%2", "/acme/topics/%g0",
		"/acme/topics/%2g", "/acme/topics/%ff", "/acme/topics/\xff", "/acme/topics/a*b",
		"/acme/topics/**", "/acme/users", "/ac me", "/%61cme",
		"/abcdefghijklmnopqrstuvwxyz012345" };
	struct arena *arena = arena_create(1 << 20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct acl_path p = { .type = ACL_TOKEN };
		struct why why = { "" };
		if (acl_path_parse(arena, s(bad[i]), &p, &why) != ERR_INVAL)
			fail_msg("\"%s\" is taken", bad[i]);
		assert_int_equal(p.type, ACL_TOKEN);
		assert_true(why.text[0] != '\0');
	}
	arena_destroy(&arena);
}

static void
every_name_comes_back_from_its_path(void **state)
{
	(void)state;
	struct arena *arena = arena_create(1 << 20);
	for (int c = 0; c < 0x250; c++) {
		char name[8] = "x";
		size_t n = 1;
		if (c < 0x80) {
			name[n++] = (char)c;
		} else {
			name[n++] = (char)(0xc0 | c >> 6);
			name[n++] = (char)(0x80 | (c & 0x3f));
		}
		struct acl_path p;
		struct buf out;
		buf_init(&out, 1024);
		assert_ok(acl_path_format(&out, ACL_GROUP, s("main"), (struct str){ name, n }));
		for (size_t i = 0; i < out.n; i++)
			assert_true(out.p[i] > 0x20 && out.p[i] != 0x7f);
		assert_ok(acl_path_parse(arena, buf_str(&out), &p, NULL));
		assert_true(str_eq(p.name, (struct str){ name, n }));
		assert_false(p.star);
		buf_free(&out);
	}
	arena_destroy(&arena);
}

static void
modes_are_octal_letters_or_clauses(void **state)
{
	(void)state;
	static const struct { const char *text; unsigned old, want; } rows[] = {
		{ "0640", 0, 0640 }, { "640", 0777, 0640 }, { "0", 0, 9999 }, { "000", 0777, 0 },
		{ "rw-r-----", 0, 0640 }, { "---------", 0777, 0 }, { "rwxrwxrwx", 0, 0777 },
		{ "g+w", 0640, 0660 }, { "g+w,o-r", 0644, 0660 }, { "o=", 0777, 0770 },
		{ "u=rw,g=r,o=", 0777, 0640 }, { "a+r", 0, 0444 }, { "+x", 0, 0111 },
		{ "ug+rw-x", 0770, 0660 }, { "go-rwx", 0777, 0700 }, { "u+rwx", 0, 0700 },
		{ "8", 0, 9999 }, { "1000", 0, 9999 }, { "00640", 0, 9999 }, { "", 0, 9999 },
		{ "g", 0, 9999 }, { "g+q", 0, 9999 }, { "g+w,", 0, 9999 }, { ",g+w", 0, 9999 },
		{ "z+r", 0, 9999 }, { "rw-r--r-", 0, 9999 }, { "wr-r-----", 0, 9999 }, { "g+w o-r", 0, 9999 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned got = 9999, clear, set;
		struct why why;
		int err = acl_mode_parse(s(rows[i].text), rows[i].old, &got, &why);
		if (got != rows[i].want || (err == 0) != (rows[i].want != 9999))
			fail_msg("\"%s\" gives %o", rows[i].text, got);
		if (err == 0) {
			assert_ok(acl_mode_masks(s(rows[i].text), &clear, &set, NULL));
			assert_int_equal((rows[i].old & ~clear) | set, rows[i].want);
		}
	}
	for (unsigned mode = 0; mode <= 0777; mode++) {
		char text[ACL_MODE_TEXT];
		unsigned back;
		assert_ok(acl_mode_parse(s(acl_mode_format(mode, text)), 0, &back, NULL));
		assert_int_equal(back, mode);
	}
}

struct got {
	uint32_t ops;
	struct acl_binding b;
	int n;
};

static int
collect(const struct acl_binding *b, void *arg)
{
	struct got *g = arg;
	g->ops |= 1u << b->op;
	g->b = *b;
	g->n++;
	return 0;
}

static void
rules_are_lines_that_come_back(void **state)
{
	(void)state;
	static const struct { const char *line, *principal, *host; int permission, n; } rows[] = {
		{ "user:bert:r", "User:bert", "*", 3, 1 }, { "user:bert:rw", "User:bert", "*", 3, 2 },
		{ "user:*:rwx", "User:*", "*", 3, 5 }, { "team:billing:x", "Team:billing", "*", 3, 3 },
		{ "deny:user:bert:w", "User:bert", "*", 2, 1 },
		{ "user:bert:r@10.0.0.0/8", "User:bert", "10.0.0.0/8", 3, 1 },
		{ "user:bert:r@2001:db8::1", "User:bert", "2001:db8::1", 3, 1 },
		{ "user:anna@REALM:all", "User:anna@REALM", "*", 3, 1 },
		{ "user:a%20b:read+describe", "User:a b", "*", 3, 2 },
		{ "user:a%25:create", "User:a%", "*", 3, 1 },
		{ "user:bert:r until 2027-03-31T18:00:00Z", "User:bert", "*", 3, 1 },
		{ "deny:team:billing:rw@10.0.0.0/8 until 2027-03-31T18:00:00.250Z", "Team:billing", "10.0.0.0/8", 2, 2 },
	};
	struct acl_binding on = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .name = s("orders") };
	struct arena *arena = arena_create(1 << 20);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct got g = { 0 };
		struct why why = { "" };
		struct buf out;
		if (acl_rule_text_parse(arena, s(rows[i].line), &on, collect, &g, &why) != 0)
			fail_msg("%s: %s", rows[i].line, why.text);
		assert_int_equal(g.n, rows[i].n);
		assert_true(str_is(g.b.principal, rows[i].principal));
		assert_true(str_is(g.b.host, rows[i].host));
		assert_int_equal(g.b.permission, rows[i].permission);
		assert_str(g.b.name, "orders");
		buf_init(&out, 1024);
		assert_ok(acl_rule_text_format(&out, &g.b, g.ops));
		assert_true(str_is(buf_str(&out), rows[i].line));
		buf_free(&out);
	}
	struct got g = { 0 };
	assert_ok(acl_rule_text_parse(arena, s("# path: /main/topics/orders"), &on, collect, &g, NULL));
	assert_ok(acl_rule_text_parse(arena, s("  "), &on, collect, &g, NULL));
	assert_ok(acl_rule_text_parse(arena, s(" allow:user:bert:r--\n"), &on, collect, &g, NULL));
	assert_int_equal(g.n, 1);
	on.type = ACL_GROUP;
	g = (struct got){ 0 };
	assert_ok(acl_rule_text_parse(arena, s("user:bert:r-x"), &on, collect, &g, NULL));
	assert_int_equal(g.ops, 1 << ACL_READ | 1 << ACL_DELETE | 1 << ACL_ALTER |
	    1 << ACL_ALTER_CONFIGS);
	arena_destroy(&arena);
}

static void
a_bad_line_makes_no_rule(void **state)
{
	(void)state;
	static const char *const bad[] = { "user:bert:r until ", "user:bert:r until tomorrow",
		"user:bert:r until 2027-02-31T00:00:00Z", "user:bert:r until 1970-01-01T00:00:00Z",
		"user:bert:r until 2027-03-31T18:00:00", "x", "user", "user:", "user:bert", "user:bert:", "user::r",
		"group:a:r", "user:bert:q", "user:bert:read+", "user:bert:+read", "user:bert:---",
		"user:bert:r@", "user:bert:r@host", "user:bert:r@10.0.0.1/8", "deny:bert:r",
		"user:a%:r", "user:a%ff:r", "team:A:r", "user:bert:read+idempotent-write",
		"user:bert:rwx+read", "user:ANONYMOUS:r", "user:bert:rwxr" };
	struct acl_binding on = { .type = ACL_TOPIC, .pattern = ACL_LITERAL, .name = s("orders") };
	struct arena *arena = arena_create(1 << 20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct got g = { 0 };
		struct why why = { "" };
		if (acl_rule_text_parse(arena, s(bad[i]), &on, collect, &g, &why) != ERR_INVAL)
			fail_msg("\"%s\" is taken", bad[i]);
		assert_int_equal(g.n, 0);
		assert_true(why.text[0] != '\0');
	}
	arena_destroy(&arena);
}

static void
a_rule_stands_on_a_path(void **state)
{
	(void)state;
	static const struct { const char *path; int type, pattern; const char *name; } rows[] = {
		{ "/acme", ACL_TENANT, ACL_LITERAL, ACL_CLUSTER_NAME },
		{ "/acme/topics/orders", ACL_TOPIC, ACL_LITERAL, "orders" },
		{ "/acme/topics/ord*", ACL_TOPIC, ACL_PREFIXED, "ord" },
		{ "/acme/groups/*", ACL_GROUP, ACL_LITERAL, "*" },
		{ "/acme/groups/a%2A*", ACL_GROUP, ACL_PREFIXED, "a*" },
	};
	struct arena *arena = arena_create(1 << 20);
	struct acl_path p;
	struct acl_binding b;
	struct why why;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		buf_init(&out, 1024);
		assert_ok(acl_path_parse(arena, s(rows[i].path), &p, &why));
		assert_ok(acl_path_binding(&p, &b, &why));
		assert_int_equal(b.type, rows[i].type);
		assert_int_equal(b.pattern, rows[i].pattern);
		assert_true(str_is(b.name, rows[i].name));
		assert_ok(acl_binding_path(&out, s("acme"), &b));
		assert_true(str_is(buf_str(&out), rows[i].path));
		buf_free(&out);
	}
	assert_ok(acl_path_parse(arena, s("/acme/topics"), &p, &why));
	assert_int_equal(acl_path_binding(&p, &b, &why), ERR_INVAL);
	/* A group that is really called "*" must not become all groups. */
	assert_ok(acl_path_parse(arena, s("/acme/groups/%2A"), &p, &why));
	assert_int_equal(acl_path_binding(&p, &b, &why), ERR_INVAL);
	assert_ok(acl_path_parse(arena, s("/acme/users/anna"), &p, &why));
	assert_int_equal(acl_path_binding(&p, &b, &why), ERR_INVAL);
	arena_destroy(&arena);
}

static void
says(const struct castle *c, uint32_t tenant, const char *name, enum acl_op op, enum acl_type type,
    const char *object, const char *want)
{
	char out[512];
	struct acl_answer a;
	struct acl_who who = user(c, tenant, name);
	struct acl_object o = obj(type, 0, object);
	acl_check(c->image, &who, op, &o, &a);
	assert_string_equal(acl_explain(c->image, &who, &a, out, sizeof(out)), want);
}

static void
passes(const struct castle *c, const char *name, enum acl_op op, enum acl_type type, const char *object, const char *want)
{
	char out[ACL_EXPLAIN_STEPS][256], all[1024] = "";
	struct acl_answer a;
	struct acl_who who = user(c, 0, name);
	struct acl_object o = obj(type, 0, object);
	if (op == ACL_CREATE)
		acl_check_create(c->image, &who, &o, &a);
	else
		acl_check(c->image, &who, op, &o, &a);
	size_t n = acl_explain_steps(c->image, &who, &a, out[0], sizeof(out[0]), ACL_EXPLAIN_STEPS);
	for (size_t i = 0; i < n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s\n", out[i]);
	assert_string_equal(all, want);
}

static void
steps_are_what_was_passed(void **state)
{
	struct castle *c = *state;
	passes(c, "bert", ACL_WRITE, ACL_TOPIC, "orders", "bert is a user of main, no operator, in team billing\n"
	    "no rule denies or allows to write /main/topics/orders\n");
}

static void
an_answer_is_a_sentence(void **state)
{
	struct castle *c = *state;
	says(c, 0, "bert", ACL_WRITE, ACL_TOPIC, "orders", "denied: bert has no w on "
	    "/main/topics/orders (mode rw-r----- owner anna team billing: team)");
	says(c, 0, "carl", ACL_READ, ACL_TOPIC, "orders", "denied: carl has no r on "
	    "/main/topics/orders (mode rw-r----- owner anna team billing: other)");
	says(c, 0, "anna", ACL_WRITE, ACL_TOPIC, "orders", "allowed: anna has w on "
	    "/main/topics/orders (mode rw-r----- owner anna team billing: owner)");
	says(c, 0, "admin", ACL_WRITE, ACL_TOPIC, "orders",
	    "allowed: admin may write /main/topics/orders: an operator");
	says(c, 0, "carl", ACL_CREATE, ACL_TOPIC, "new", "denied: carl may not create "
	    "/main/topics/new: it needs w on /main/topics (mode rwxrwx--- owner boss team admins: other)");
	says(c, 0, "carl", ACL_WRITE, ACL_TOPIC, "a\nb", "denied: carl may not write "
	    "/main/topics/a%0Ab: there is no such node, and no rule for the name");
	says(c, 0, "boss", ACL_DESCRIBE, ACL_TOPIC, "orders", "allowed: boss may describe "
	    "/main/topics/orders: r on /main/topics (mode rwxrwx--- owner boss team admins: owner)");
	says(c, 3, "anna", ACL_READ, ACL_TOPIC, "orders", "denied: anna@acme may not read "
	    "/main/topics/orders: that is another tenant's, or nobody's");
	rule(c, ACL_DENY, "Team:billing", ACL_READ, ACL_TOPIC, ACL_PREFIXED, "ord");
	says(c, 0, "bert", ACL_READ, ACL_TOPIC, "orders", "denied: bert may not read "
	    "/main/topics/orders: rule deny:team:billing:r on /main/topics/ord*");
	struct acl_who bert = user(c, 0, "bert");
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	struct acl_answer a;
	char out[512];
	acl_may_chmod(c->image, &bert, &o, &a);
	assert_string_equal(acl_explain(c->image, &bert, &a, out, sizeof(out)),
	    "denied: bert may not alter /main/topics/orders: that is for the owner and those with x "
	    "on /main (mode rw-r----- owner anna team billing: team)");
	assert_string_equal(acl_explain(c->image, &bert, &a, out, 12), "denied: ber");
}

static void
why_says_only_not_visible_of_what_one_may_not_see(void **state)
{
	struct castle *c = *state;
	static const char *const names[] = { "orders", "no-such-topic" };
	char out[512], want[128];
	bool hidden;
	struct acl_answer a;
	struct acl_who carl = user(c, 0, "carl"), bert = user(c, 0, "bert"), boss = user(c, 0, "boss");
	for (size_t i = 0; i < 2; i++) {
		struct acl_object o = obj(ACL_TOPIC, 0, names[i]);
		acl_check(c->image, &carl, ACL_READ, &o, &a);
		snprintf(want, sizeof(want), "denied: /main/topics/%s is not visible to carl", names[i]);
		assert_string_equal(acl_explain_to(c->image, &carl, &carl, &a, out, sizeof(out), &hidden),
		    want);
		assert_true(hidden);
		acl_explain_to(c->image, &boss, &carl, &a, out, sizeof(out), &hidden);
		assert_false(hidden);
	}
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	acl_check(c->image, &bert, ACL_WRITE, &o, &a);
	acl_explain_to(c->image, &bert, &bert, &a, out, sizeof(out), &hidden);
	assert_false(hidden);
	assert_non_null(strstr(out, "has no w"));
}

/* Both without seeing it: who administers has a right to know, and a yes gives away nothing. */
static void
why_says_all_to_administrators_and_of_what_is_allowed(void **state)
{
	struct castle *c = *state;
	char out[512];
	bool hidden;
	struct acl_answer a;
	struct acl_who carl = user(c, 0, "carl"), boss = user(c, 0, "boss");
	struct acl_object o = obj(ACL_TOPIC, 0, "orders");
	rule(c, ACL_DENY, "User:*", ACL_DESCRIBE, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_false(acl_visible(c->image, &boss, &o));
	acl_check(c->image, &carl, ACL_READ, &o, &a);
	acl_explain_to(c->image, &boss, &carl, &a, out, sizeof(out), &hidden);
	assert_false(hidden);
	assert_non_null(strstr(out, "denied: carl has no r"));
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_LITERAL, "orders");
	assert_false(acl_visible(c->image, &carl, &o));
	acl_check(c->image, &carl, ACL_READ, &o, &a);
	acl_explain_to(c->image, &carl, &carl, &a, out, sizeof(out), &hidden);
	assert_false(hidden);
	assert_non_null(strstr(out, "allowed: carl may read"));
}

static void
operations_have_kafkas_names_and_short_ones(void **state)
{
	(void)state;
	static const struct { const char *word; int op; } rows[] = {
		{ "READ", ACL_READ }, { "read", ACL_READ }, { "DESCRIBE_CONFIGS", ACL_DESCRIBE_CONFIGS },
		{ "DescribeConfigs", ACL_DESCRIBE_CONFIGS }, { "describe-configs", ACL_DESCRIBE_CONFIGS },
		{ "All", ACL_ALL }, { "r", ACL_READ }, { "w", ACL_WRITE }, { "x", ACL_ALTER },
		{ "IdempotentWrite", ACL_IDEMPOTENT_WRITE },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum acl_op op;
		assert_ok(acl_op_parse(s(rows[i].word), &op));
		assert_int_equal(op, rows[i].op);
	}
	enum acl_op op;
	assert_int_equal(acl_op_parse(s(""), &op), ERR_INVAL);
	assert_int_equal(acl_op_parse(s("rea"), &op), ERR_INVAL);
	assert_string_equal(acl_op_name((enum acl_op)50), "unknown");
	assert_string_equal(acl_type_name((enum acl_type)50), "unknown");
	assert_string_equal(acl_step_name((enum acl_step)50), "unknown");
	assert_string_equal(acl_step_name(ACL_STEP_DENY_RULE), "deny-rule");
	assert_string_equal(acl_class_name(ACL_CLASS_TEAM), "team");
	assert_string_equal(acl_class_name((enum acl_class)3), "unknown");
}

TEST_MAIN(T(paths_are_parsed_and_written), T(odd_paths_are_refused),
    T(every_name_comes_back_from_its_path), T(modes_are_octal_letters_or_clauses),
    T(rules_are_lines_that_come_back), T(a_bad_line_makes_no_rule), T(a_rule_stands_on_a_path),
    CT(an_answer_is_a_sentence), CT(steps_are_what_was_passed), CT(why_says_only_not_visible_of_what_one_may_not_see),
    CT(why_says_all_to_administrators_and_of_what_is_allowed),
    T(operations_have_kafkas_names_and_short_ones))
