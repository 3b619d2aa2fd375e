/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines about denials fold: section 9. */
#include "fixture.h"

#include "acl/denials.h"

#define SEC UINT64_C(1000000000)

struct told {
	int n;
	uint64_t count, total;
	char line[64];
};

static void
tell(void *arg, struct str line, uint64_t count)
{
	struct told *t = arg;
	t->n++;
	t->count = count;
	t->total += count;
	snprintf(t->line, sizeof(t->line), "%.*s", STR_ARG(line));
}

static void
deny(struct acl_denials *d, const struct castle *c, const char *who, const char *topic, uint64_t now)
{
	struct acl_who w = user(c, 0, who);
	struct acl_answer a = { .op = ACL_READ, .object = obj(ACL_TOPIC, 0, topic) };
	acl_denials_add(d, &w, &a, str_from(topic), now);
}

static void
a_denial_is_told_once_then_counted_by_the_minute(void **state)
{
	struct castle *c = *state;
	struct told t = { 0 };
	struct acl_denials *d = acl_denials_create(100, 60, false, tell, &t);
	for (uint64_t i = 0; i < 50; i++)
		deny(d, c, "carl", "orders", 100 * SEC + i);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.count, 0);
	assert_string_equal(t.line, "orders");
	acl_denials_tick(d, 159 * SEC);
	assert_int_equal(t.n, 1);
	acl_denials_tick(d, 160 * SEC);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.count, 49);
	acl_denials_tick(d, 300 * SEC);		/* nothing more: forgotten */
	assert_int_equal(t.n, 2);
	deny(d, c, "carl", "orders", 301 * SEC);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.count, 0);
	deny(d, c, "carl", "orders", 362 * SEC);	/* without a tick as well */
	assert_int_equal(t.n, 4);
	assert_int_equal(t.count, 1);
	deny(d, c, "carl", "orders", 361 * SEC);	/* a clock read a little earlier */
	assert_int_equal(t.n, 4);
	acl_denials_destroy(&d);
	assert_null(d);
}

static void
who_operation_and_node_are_told_apart(void **state)
{
	struct castle *c = *state;
	struct told t = { 0 };
	struct acl_denials *d = acl_denials_create(100, 60, false, tell, &t);
	deny(d, c, "carl", "orders", 1);
	deny(d, c, "bert", "orders", 1);
	deny(d, c, "carl", "order", 1);
	deny(d, c, "carlo", "rders", 1);
	assert_int_equal(t.n, 4);
	struct acl_who w = user(c, 0, "carl");
	struct acl_answer a = { .op = ACL_WRITE, .object = obj(ACL_TOPIC, 0, "orders") };
	acl_denials_add(d, &w, &a, STR("w"), 1);
	a.object.name.tenant = 3;
	acl_denials_add(d, &w, &a, STR("w"), 1);
	a.object.type = ACL_GROUP;
	acl_denials_add(d, &w, &a, STR("w"), 1);
	w.user.tenant = 3;
	acl_denials_add(d, &w, &a, STR("w"), 1);
	assert_int_equal(t.n, 8);
	acl_denials_destroy(&d);
}

static void
memory_is_bounded_and_no_count_is_lost(void **state)
{
	struct castle *c = *state;
	struct told t = { 0 };
	struct acl_denials *d = acl_denials_create(10, 60, false, tell, &t);
	char name[32];
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		deny(d, c, "carl", name, SEC);
		deny(d, c, "carl", name, SEC);
	}
	/* Every first one, and the repeats of those that made room. */
	assert_int_equal(t.n, 1000 + 990);
	assert_int_equal(t.total, 990);
	acl_denials_tick(d, 100 * SEC);
	assert_int_equal(t.total, 1000);
	acl_denials_destroy(&d);
}

static void
what_is_known_is_counted_without_a_line(void **state)
{
	struct castle *c = *state;
	struct told t = { 0 };
	struct acl_denials *d = acl_denials_create(10, 4, true, tell, &t);
	struct acl_who w = user(c, 0, "carl");
	struct acl_answer a = { .op = ACL_READ, .object = obj(ACL_TOPIC, 0, "orders") };
	assert_false(acl_denials_count(d, &w, &a, SEC));
	acl_denials_add(d, &w, &a, STR("orders"), SEC);
	assert_string_equal(t.line, "orde");		/* as long as it may be */
	assert_true(acl_denials_count(d, &w, &a, SEC));
	assert_int_equal(t.n, 1);
	assert_true(acl_denials_count(d, &w, &a, 61 * SEC));	/* the line that is due is told */
	assert_int_equal(t.n, 2);
	assert_int_equal(t.count, 2);
	assert_true(acl_denials_count(d, &w, &a, 61 * SEC));
	w.host.b[0]++;
	assert_false(acl_denials_count(d, &w, &a, SEC));	/* from elsewhere */
	acl_denials_tick(d, UINT64_MAX);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.total, 3);
	acl_denials_destroy(&d);
}

TEST_MAIN(CT(what_is_known_is_counted_without_a_line), CT(a_denial_is_told_once_then_counted_by_the_minute),
    CT(who_operation_and_node_are_told_apart), CT(memory_is_bounded_and_no_count_is_lost))
