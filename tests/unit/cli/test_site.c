/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdlib.h>

#include "cli/site.h"

static struct arena *arena;

static struct str
said(const char *text)
{
	struct site_whose w;
	return site_whose_parse(arena, str_from(text), &w) == 0 ? site_whose_text(arena, &w) : STR("refused");
}

static void
whose_quotas_are_written_in_one_way(void **state)
{
	static const char *const fine[] = { "tenant", "users/anna", "users/*", "users/%2A", "clients/*", "clients/a%2Fb%25",
		"users/anna/clients/x y", "users/*/clients/*", "addresses/*", "addresses/192.0.2.7" };
	static const char *const wrong[] = { "", "users", "users/", "users//clients/x", "users/a/b", "clients/x/users/a", "tenant/x",
		"users/a/addresses/1", "addresses/1/clients/x", "clients/%41", "clients/%2", "clients/a%2a", "group/x", "users/a/clients/x/clients/y" };
	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_string_equal(said(fine[i]).p, fine[i]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_string_equal(said(wrong[i]).p, "refused");
}

static void
times_are_written_in_one_way(void **state)
{
	static const struct { int64_t ms; const char *text; } rows[] = {
		{ 0, "never" }, { 4102444800000, "2100-01-01T00:00:00Z" }, { 4102444800007, "2100-01-01T00:00:00.007Z" },
		{ INT64_MAX, "9223372036854775807" },
	};
	static const char *const wrong[] = { "", "soon", "2100-02-30T00:00:00Z", "2100-01-01", "2100-01-01T00:00:00", "0", "-1",
		"2100-01-01T00:00:00.1Z", "2100-01-01T00:00:00ZZ" };
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(site_time(arena, rows[i].ms).p, rows[i].text);
		assert_ok(site_time_parse(str_from(rows[i].text), &ms));
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_not_equal(site_time_parse(str_from(wrong[i]), &ms), 0);
}

static void
numbers_are_the_shortest_that_are_the_same(void **state)
{
	static const double values[] = { 1, 0.1, 1.0 / 3, 1e-7, 9007199254740993.0, 1e300, 12.5 };
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_true(strtod(site_number(arena, values[i]).p, NULL) == values[i]);
	assert_str(site_number(arena, 0.1), "0.1");
	assert_str(site_number(arena, 1000000), "1000000");
}

static void
keys_are_read_as_they_are_written(void **state)
{
	static const char *const wrong[] = { "", "8192", "1 QQ== QQ== QQ==", "8192 QQ== QQ==", "8192 QQ== QQ== QQ== QQ==",
		"8192 QQ= QQ== QQ==", "8192  QQ== QQ==", "8192 QR== QQ== QQ==", "8192 QQ== QQ== Q!==", "99999999 QQ== QQ== QQ==" };
	struct site_key key = { 8192, { (const uint8_t *)"salt", 4 }, { (const uint8_t *)"stored", 6 }, { (const uint8_t *)"", 1 } }, same;
	struct str text = site_key_text(arena, &key);
	(void)state;
	assert_str(text, "8192 c2FsdA== c3RvcmVk AA==");
	assert_ok(site_key_parse(arena, text, &same));
	assert_int_equal(same.salt.n, 4);
	assert_memory_equal(same.stored.p, "stored", 6);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_not_equal(site_key_parse(arena, str_from(wrong[i]), &same), 0);
}

static void
say(struct site *s, enum site_kind kind, const char *name, const char *attr, const char *value)
{
	site_add(s, STR("acme"), kind, str_from(name), str_from(attr), str_from(value));
}

/* A default is no difference where the broker tells of none; keys are, but where they are to be kept. */
static void
what_differs(void **state)
{
	struct site have = { .arena = arena }, want = { .arena = arena };
	site_changes changes;
	(void)state;
	say(&have, SITE_USER, "anna", "", "");
	say(&have, SITE_USER, "anna", "keys/SCRAM-SHA-256", "x");
	say(&have, SITE_USER, "anna", "teams/crew", "");
	say(&want, SITE_USER, "anna", "", "");
	say(&want, SITE_USER, "anna", "locked", "false");
	say(&want, SITE_USER, "anna", "expires", "never");
	site_sort(&have);
	site_sort(&want);
	site_diff(arena, &have, &want, true, &changes);
	assert_int_equal(changes.n, 1);
	assert_str(changes.v[0].have->attr, "teams/crew");
	assert_null(changes.v[0].want);
	site_diff(arena, &have, &want, false, &changes);
	assert_int_equal(changes.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(whose_quotas_are_written_in_one_way), T(times_are_written_in_one_way), T(numbers_are_the_shortest_that_are_the_same),
		T(keys_are_read_as_they_are_written), T(what_differs),
	};
	arena = arena_create(SIZE_MAX);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_destroy(&arena);
	return failed;
}
