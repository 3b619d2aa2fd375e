/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joined form is injective because the number is written in one way only
 * (decimal, no leading zeros) and ends at the first '/'; a bare name has none.
 * What could not have been written is corrupt, never guessed at.
 */
#include "tenant/tenant.h"

#include <inttypes.h>

#define TENANT_NAME_MAX 31

int
tenant_name_check(struct str name, struct why *why)
{
	bool ok = name.n > 0 && name.n <= TENANT_NAME_MAX && name.p[0] >= 'a' && name.p[0] <= 'z';
	for (size_t i = 0; ok && i < name.n; i++) {
		char c = name.p[i];
		ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
	}
	if (!ok)
		return why_set(why, ERR_INVAL,
		    "a tenant's name is a small letter, then at most %d of a-z 0-9 -",
		    TENANT_NAME_MAX - 1);
	return 0;
}

static const char *const states[TENANT_STATES] = { "open", "suspended", "deleting" };

const char *
tenant_state_name(enum tenant_state state)
{
	return states[state];
}

int
tenant_state_parse(struct str s, enum tenant_state *ret)
{
	for (int i = 0; i < TENANT_STATES; i++)
		if (str_is(s, states[i])) {
			*ret = (enum tenant_state)i;
			return 0;
		}
	return ERR_INVAL;
}

size_t
tenant_join_prefix(struct name name, char out[TENANT_JOIN_MORE])
{
	char number[TENANT_JOIN_MORE];
	size_t digits = 0;
	if (name.tenant == TENANT_MAIN && (name.s.n == 0 || memchr(name.s.p, '/', name.s.n) == NULL))
		return 0;
	for (uint32_t n = name.tenant; digits == 0 || n > 0; n /= 10)
		number[digits++] = (char)('0' + n % 10);
	for (size_t i = 0; i < digits; i++)
		out[i] = number[digits - 1 - i];
	out[digits] = '/';
	return digits + 1;
}

struct str
tenant_join(struct arena *arena, struct name name)
{
	char prefix[TENANT_JOIN_MORE];
	size_t n = tenant_join_prefix(name, prefix);
	if (n == 0)
		return arena_str(arena, name.s);
	char *p = arena_alloc(arena, n + name.s.n + 1);
	memcpy(p, prefix, n);
	if (name.s.n > 0)
		memcpy(p + n, name.s.p, name.s.n);
	p[n + name.s.n] = '\0';
	return (struct str){ p, n + name.s.n };
}

int
tenant_split(struct str s, struct name *ret)
{
	struct str rest = s, head;
	int64_t number;
	if (!str_cut(&rest, '/', &head)) {
		*ret = NAME(TENANT_MAIN, s);
		return 0;
	}
	for (size_t i = 0; i < head.n; i++)
		if (head.p[i] < '0' || head.p[i] > '9')
			return ERR_CORRUPT;
	if (str_to_i64(head, 0, UINT32_MAX, &number) != 0 || (head.n > 1 && head.p[0] == '0'))
		return ERR_CORRUPT;
	if (number == TENANT_MAIN && (rest.n == 0 || memchr(rest.p, '/', rest.n) == NULL))
		return ERR_CORRUPT;
	*ret = NAME((uint32_t)number, rest);
	return 0;
}
