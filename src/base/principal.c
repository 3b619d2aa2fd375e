/* SPDX-License-Identifier: Apache-2.0 */
/* What is well-formed UTF-8 has its C1 controls in the two bytes C2 80..9F and nowhere else, so
 * bytes can be looked at one by one. */
#include "base/principal.h"

static bool
user_byte_ok(struct str s, size_t i)
{
	uint8_t c = (uint8_t)s.p[i];
	if (c == 0xc2)
		return (uint8_t)s.p[i + 1] >= 0xa0;
	return c >= 0x20 && c != 0x7f && strchr("/,:\"\\", c) == NULL;
}

int
user_name_check(struct str s, struct why *why)
{
	if (s.n == 0)
		return why_set(why, ERR_INVAL, "a user's name is empty");
	if (s.n > USER_NAME_MAX)
		return why_set(why, ERR_INVAL, "a user's name has %zu bytes, at most %d are allowed",
		    s.n, USER_NAME_MAX);
	if (!str_is_utf8(s))
		return why_set(why, ERR_INVAL, "a user's name is not UTF-8");
	if (s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return why_set(why, ERR_INVAL, "a user's name begins or ends with a space");
	if (str_is(s, "*") || str_is(s, "ANONYMOUS"))
		return why_set(why, ERR_INVAL, "no user can be called %.*s: rules mean "
		    "something else by it", STR_ARG(s));
	for (size_t i = 0; i < s.n; i++)
		if (!user_byte_ok(s, i))
			return why_set(why, ERR_INVAL, "a user's name must not have control "
			    "characters or any of / , : \" \\");
	return 0;
}
