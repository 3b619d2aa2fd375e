/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/mem.h"
#include "tenant/limits.h"
#include "tenant/tenant.h"

static void
names_of_tenants(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "main", "a-1", "abcdefghijklmnopqrstuvwxyz01234" };
	static const char *const bad[] = { "", "1a", "-a", "A", "aB", "a_b", "a.b", "a/b", "a b",
		"\xc3\xa4", "abcdefghijklmnopqrstuvwxyz012345" };
	struct why why;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_ok(tenant_name_check(str_from(good[i]), &why));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tenant_name_check(str_from(bad[i]), &why), ERR_INVAL);
}

static void
a_name_is_joined_injectively(void **state)
{
	(void)state;
	struct arena *a = arena_create(1 << 20);
	static const struct { uint32_t tenant; const char *name, *joined; } rows[] = {
		{ 0, "orders", "orders" }, { 0, "", "" }, { 0, "a/b", "0/a/b" }, { 0, "/", "0//" },
		{ 0, "3/x", "0/3/x" }, { 3, "orders", "3/orders" }, { 3, "", "3/" },
		{ 3, "a/b", "3/a/b" }, { 10, "/", "10//" }, { 4294967295u, "x", "4294967295/x" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct name n = NAME(rows[i].tenant, str_from(rows[i].name)), back;
		struct str j = tenant_join(a, n);
		assert_true(str_is(j, rows[i].joined));
		assert_ok(tenant_split(j, &back));
		assert_true(name_eq(n, back));
		assert_true(j.n <= n.s.n + TENANT_JOIN_MORE);
	}
	arena_destroy(&a);
}

static void
what_is_never_written_is_corrupt(void **state)
{
	(void)state;
	static const char *const bad[] = { "0/a", "0/", "/a", "03/a", "00/a/b", "x/a", "-1/a", "+3/a",
		" 3/a", "4294967296/a", "99999999999999999999/a" };
	struct name back = NAME(77, STR("kept"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tenant_split(str_from(bad[i]), &back), ERR_CORRUPT);
	assert_int_equal(back.tenant, 77);
}

/* Every pair of short names over a nasty alphabet: equal when joined only if equal. */
static void
no_two_names_join_to_the_same(void **state)
{
	(void)state;
	enum { COUNT = 3 * 156 };
	static const char alphabet[] = "0/3a1";
	struct arena *a = arena_create(1 << 20);
	struct str joined[COUNT];
	struct name names[COUNT];
	int n = 0;
	for (uint32_t t = 0; t < 3; t++)
		for (int len = 0; len <= 3; len++) {
			int all = len == 0 ? 1 : len == 1 ? 5 : len == 2 ? 25 : 125;
			for (int k = 0; k < all; k++, n++) {
				char text[4] = "";
				for (int i = 0, r = k; i < len; i++, r /= 5)
					text[i] = alphabet[r % 5];
				names[n] = NAME(t == 2 ? 30 : t, arena_str(a, (struct str){ text, (size_t)len }));
				joined[n] = tenant_join(a, names[n]);
			}
		}
	assert_int_equal(n, COUNT);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_false(str_eq(joined[i], joined[j]));
	arena_destroy(&a);
}

static void
limits_bound_what_is_set_on_a_topic(void **state)
{
	(void)state;
	struct limits l;
	struct why why = { "" };
	limits_default(&l);
	assert_ok(limits_check(&l, STR("segment.bytes"), 1048576, &why));
	assert_int_equal(limits_check(&l, STR("segment.bytes"), 1048575, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "limits.topic.segment.bytes.min"));
	assert_non_null(strstr(why.text, "1048576"));
	assert_ok(limits_check(&l, STR("max.message.bytes"), 16777216, &why));
	assert_int_equal(limits_check(&l, STR("max.message.bytes"), 16777217, &why), ERR_LIMIT);
	assert_int_equal(limits_check(&l, STR("min.cleanable.dirty.ratio"), 0.05, &why), ERR_LIMIT);
	assert_ok(limits_check(&l, STR("retention.ms"), 1, &why));
	l.v[LIMIT_SEGMENT_MS] = 5;
	assert_ok(limits_check(&l, STR("segment.ms"), 5, &why));
	assert_ok(limits_check_partitions(&l, 1000, 20000, &why));
	assert_int_equal(limits_check_partitions(&l, 1001, 2000, &why), ERR_LIMIT);
	assert_int_equal(limits_check_partitions(&l, 1, 20001, &why), ERR_LIMIT);
}

TEST_MAIN(T(names_of_tenants), T(a_name_is_joined_injectively),
    T(what_is_never_written_is_corrupt), T(no_two_names_join_to_the_same),
    T(limits_bound_what_is_set_on_a_topic))
