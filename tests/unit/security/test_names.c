/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <string.h>

#include "security/names.h"

static void
users(void **state)
{
	(void)state;
	char longest[USER_NAME_MAX + 1];
	static const struct str good[] = {
		{ "a", 1 }, { "anna", 4 }, { "Anna B", 6 }, { "a@b", 3 }, { "svc-1_x.y", 9 },
		{ "j\xc3\xb6rg", 5 }, { "\xc2\xa0", 2 }, { "User", 4 }, { "**", 2 }, { "a=b;c", 5 },
	};
	static const struct str bad[] = {
		{ "", 0 }, { NULL, 0 }, { " a", 2 }, { "a ", 2 }, { " ", 1 }, { "a/b", 3 }, { "a,b", 3 },
		{ "a:b", 3 }, { "a\"b", 3 }, { "a\\b", 3 }, { "a\nb", 3 }, { "a\0b", 3 }, { "a\x7f", 2 },
		{ "a\x1b[0m", 5 }, { "a\xc2\x85", 3 }, { "a\xff", 2 }, { "\xc3", 1 }, { "*", 1 },
		{ "ANONYMOUS", 9 },
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(user_name_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(user_name_valid(bad[i]));
	memset(longest, 'x', sizeof(longest));
	assert_true(user_name_valid((struct str){ longest, USER_NAME_MAX }));
	assert_false(user_name_valid((struct str){ longest, USER_NAME_MAX + 1 }));
}

static void
tenants(void **state)
{
	(void)state;
	const char *x63 = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	assert_true(tenant_name_valid(STR("acme-2")));
	assert_true(tenant_name_valid((struct str){ x63, 31 }));
	assert_false(tenant_name_valid((struct str){ x63, 32 }));
	assert_false(tenant_name_valid(STR("a.b")));
	assert_false(tenant_name_valid(STR("-a")));
	assert_false(tenant_name_valid(STR("A")));
	assert_false(tenant_name_valid(STR("")));
	assert_false(tenant_name_valid(STR("a\0")));
}

static void
logins(void **state)
{
	(void)state;
	struct str user, tenant;
	login_name_split(STR("anna"), &user, &tenant);
	assert_str(user, "anna");
	assert_str(tenant, "main");
	login_name_split(STR("anna@x@acme"), &user, &tenant);
	assert_str(user, "anna@x");
	assert_str(tenant, "acme");
	login_name_split(STR("anna@"), &user, &tenant);
	assert_str(user, "anna");
	assert_str(tenant, "");
	login_name_split(STR("@acme"), &user, &tenant);
	assert_str(user, "");
	login_name_split(STR_NULL, &user, &tenant);
	assert_int_equal(user.n, 0);
}

TEST_MAIN(T(users), T(tenants), T(logins))
