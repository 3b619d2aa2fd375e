/* SPDX-License-Identifier: Apache-2.0 */
/* Names are checked by an allow rule over bytes; user names are well-formed UTF-8
 * first, so that C1 controls are the two bytes C2 80..9F and nothing else. */
#include "security/names.h"

#include <string.h>

static bool
user_byte_ok(uint8_t c)
{
	return c >= 0x20 && c != 0x7f && strchr("/,:\"\\", c) == NULL;
}

bool
user_name_valid(struct str s)
{
	if (s.n == 0 || s.n > USER_NAME_MAX || !str_is_utf8(s))
		return false;
	if (s.p[0] == ' ' || s.p[s.n - 1] == ' ' || str_is(s, "*") || str_is(s, "ANONYMOUS"))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (!user_byte_ok(c))
			return false;
		if (c == 0xc2 && (uint8_t)s.p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

bool
tenant_name_valid(struct str s)
{
	if (s.n == 0 || s.n > TENANT_NAME_MAX || s.p[0] < 'a' || s.p[0] > 'z')
		return false;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

void
login_name_split(struct str login, struct str *ret_user, struct str *ret_tenant)
{
	const char *at = login.n == 0 ? NULL : memrchr(login.p, '@', login.n);
	if (at == NULL) {
		*ret_user = login;
		*ret_tenant = STR("main");
		return;
	}
	size_t n = (size_t)(at - login.p);
	*ret_user = (struct str){ login.p, n };
	*ret_tenant = (struct str){ at + 1, login.n - n - 1 };
}
