/* SPDX-License-Identifier: Apache-2.0 */
/* Names are checked by an allow rule over bytes. */
#include "security/names.h"

#include <string.h>

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
