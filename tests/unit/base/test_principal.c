/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/principal.h"

static void
names_that_users_may_have(void **state)
{
	(void)state;
	static const struct str good[] = {
		{ "a", 1 }, { "anna", 4 }, { "Anna B", 6 }, { "a@b", 3 }, { "anna@REALM", 10 },
		{ "svc-1_x.y", 9 }, { "j\xc3\xb6rg", 5 }, { "J\xc3\xb6rg K.", 8 }, { "\xc2\xa0", 2 },
		{ "\xc3\x82\xc2\xa0", 4 }, { "User", 4 }, { "**", 2 }, { "a=b;c", 5 }, { "a%b", 3 },
		{ "anonymous", 9 }, { "~", 1 },
	};
	struct why why = { "untouched" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(user_name_check(good[i], &why), 0);
	assert_string_equal(why.text, "untouched");
}

static void
names_that_nobody_may_have(void **state)
{
	(void)state;
#define BYTES "a user's name must not have control characters or any of / , : \" \\"
#define SPACE "a user's name begins or ends with a space"
	static const struct {
		struct str name;
		const char *why;
	} bad[] = {
		{ { "", 0 }, "a user's name is empty" }, { { NULL, 0 }, "a user's name is empty" },
		{ { " a", 2 }, SPACE }, { { "a ", 2 }, SPACE }, { { " ", 1 }, SPACE },
		{ { "a/b", 3 }, BYTES }, { { "a,b", 3 }, BYTES }, { { "a:b", 3 }, BYTES },
		{ { "a\"b", 3 }, BYTES }, { { "a\\b", 3 }, BYTES }, { { "a\nb", 3 }, BYTES },
		{ { "a\0b", 3 }, BYTES }, { { "a\x1f", 2 }, BYTES }, { { "a\x7f", 2 }, BYTES },
		{ { "a\x1b[0m", 5 }, BYTES }, { { "\xc2\x80", 2 }, BYTES }, { { "a\xc2\x9f", 3 }, BYTES },
		{ { "a\xff", 2 }, "a user's name is not UTF-8" },
		{ { "\xc3", 1 }, "a user's name is not UTF-8" },
		{ { "a\xc2", 2 }, "a user's name is not UTF-8" },
		{ { "*", 1 }, "no user can be called *: rules mean something else by it" },
		{ { "ANONYMOUS", 9 }, "no user can be called ANONYMOUS: rules mean something else by it" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct why why;
		assert_int_equal(user_name_check(bad[i].name, &why), ERR_INVAL);
		assert_string_equal(why.text, bad[i].why);
		assert_int_equal(user_name_check(bad[i].name, NULL), ERR_INVAL);
	}
}

static void
names_end_somewhere(void **state)
{
	(void)state;
	char longest[USER_NAME_MAX + 1];
	struct why why;
	assert_int_equal(USER_NAME_MAX, 200);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(user_name_check((struct str){ longest, USER_NAME_MAX }, &why), 0);
	assert_int_equal(user_name_check((struct str){ longest, USER_NAME_MAX + 1 }, &why), ERR_INVAL);
	assert_string_equal(why.text, "a user's name has 201 bytes, at most 200 are allowed");
}

TEST_MAIN(T(names_that_users_may_have), T(names_that_nobody_may_have), T(names_end_somewhere))
