/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "security/names.h"

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

TEST_MAIN(T(tenants), T(logins))
