/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/uuid.h"

static void
cut_sees_every_part(void **state)
{
	(void)state;
	struct str s = STR("a,,b"), head;
	assert_true(str_cut(&s, ',', &head));
	assert_str(head, "a");
	assert_true(str_cut(&s, ',', &head));
	assert_str(head, "");
	assert_false(str_cut(&s, ',', &head));
	assert_str(head, "b");
	assert_null(s.p);
}

static void
numbers_are_exact(void **state)
{
	(void)state;
	int64_t v = 7;
	assert_ok(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MIN);
	assert_ok(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MAX);
	v = 7;
	assert_int_equal(str_to_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &v), ERR_LIMIT);
	assert_int_equal(str_to_i64(STR("99999999999999999999999"), 0, 9, &v), ERR_LIMIT);
	assert_int_equal(str_to_i64(STR(""), 0, 9, &v), ERR_INVAL);
	assert_int_equal(str_to_i64(STR("-"), -9, 9, &v), ERR_INVAL);
	assert_int_equal(str_to_i64(STR(" 1"), 0, 9, &v), ERR_INVAL);
	assert_int_equal(str_to_i64(STR("1x"), 0, 9, &v), ERR_INVAL);
	assert_int_equal(str_to_i64(STR("10"), 0, 9, &v), ERR_LIMIT);
	assert_int_equal(v, 7);
}

static void
utf8_is_strict(void **state)
{
	(void)state;
	assert_true(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x94\x92")));
	assert_false(str_is_utf8(STR("\xc0\x80")));		/* overlong */
	assert_false(str_is_utf8(STR("\xed\xa0\x80")));		/* surrogate */
	assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));	/* past U+10FFFF */
	assert_false(str_is_utf8(STR("\xe2\x82")));		/* cut off */
	assert_false(str_is_utf8(STR("\xff")));
}

static void
escape_leaves_one_line(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(str_escape(STR("a\nb\\\x1b\xc3\xbc"), out, sizeof(out)),
	    "a\\x0ab\\x5c\\x1b\xc3\xbc");
	assert_string_equal(str_escape(STR("\xc2\x9b" "1\xe2\x80\xae\xe2\x80\xa9" "2"), out, sizeof(out)),
	    "\\xc2\\x9b1\\xe2\\x80\\xae\\xe2...");
	assert_true(str_moves_text(STR("\xc2\x80")) && str_moves_text(STR("\xe2\x81\xa9 and on")));
	assert_false(str_moves_text(STR("\xc2\xa0")) || str_moves_text(STR("\xe2\x80\x90")) ||
	    str_moves_text(STR("\xe2\x80")) || str_moves_text(STR("")));
	char small[12];
	assert_string_equal(str_escape(STR("0123456789abcdef"), small, sizeof(small)),
	    "01234567...");
	assert_string_equal(str_escape(STR_NULL, out, sizeof(out)), "");
}

static void
order_and_trim(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_int_equal(str_cmp(STR(""), STR_NULL), 0);
	assert_str(str_trim(STR(" \t x y\r\n")), "x y");
}

static void
uuid_round_trip(void **state)
{
	(void)state;
	char text[UUID_TEXT];
	for (int i = 0; i < 1000; i++) {
		struct uuid u = uuid_make(), v;
		assert_int_not_equal(uuid_format(&u, text)[0], '-');
		assert_ok(uuid_parse(str_from(text), &v));
		assert_true(uuid_eq(&u, &v));
	}
	struct uuid v;
	assert_int_equal(uuid_parse(STR("AAAAAAAAAAAAAAAAAAAAAB"), &v), ERR_INVAL);
	assert_int_equal(uuid_parse(STR("AAAAAAAAAAAAAAAAAAAAA="), &v), ERR_INVAL);
	assert_int_equal(uuid_parse(STR("short"), &v), ERR_INVAL);
}

static void
why_keeps_the_reason(void **state)
{
	(void)state;
	struct why why;
	assert_int_equal(why_set(&why, ERR_INVAL, "line %d", 3), ERR_INVAL);
	why_prefix(&why, "%s", "a.yaml");
	assert_string_equal(why.text, "a.yaml: line 3");
	assert_string_equal(err_text(ERR_NOSPACE), "no space left");
	assert_string_equal(err_text(-12345), "unknown error");
}

TEST_MAIN(T(cut_sees_every_part), T(numbers_are_exact), T(utf8_is_strict),
    T(escape_leaves_one_line), T(order_and_trim), T(uuid_round_trip), T(why_keeps_the_reason))
