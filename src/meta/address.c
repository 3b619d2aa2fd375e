/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each field is escaped as a part of a path, the fields are joined by '/', and the whole is escaped as one part, so that
 * a name with a '/' in it is no other's. Nothing that was not made here is read.
 */
#include "meta/address.h"

#include "base/err.h"
#include "meta/record.h"

struct str
address_of_rule(struct arena *arena, const struct acl_binding *rule)
{
	struct str name = record_path_part(arena, rule->name), who = record_path_part(arena, rule->principal);
	struct str host = record_path_part(arena, rule->host);
	return record_path_part(arena, arena_printf(arena, "%d/%d/%d/%d/%.*s/%.*s/%.*s", rule->type, rule->pattern,
	    rule->op, rule->permission, STR_ARG(name), STR_ARG(who), STR_ARG(host)));
}

int
address_rule(struct arena *arena, struct str address, struct acl_binding *ret)
{
	struct str p[7];
	int64_t code[4];
	for (int i = 0; i < 7; i++)
		if (str_cut(&address, '/', &p[i]) != (i < 6) || record_path_name(arena, p[i], &p[i]) != 0)
			return ERR_CORRUPT;
	for (int i = 0; i < 4; i++)
		if (str_to_i64(p[i], 0, 127, &code[i]) != 0)
			return ERR_CORRUPT;
	*ret = (struct acl_binding){ (int8_t)code[0], (int8_t)code[1], (int8_t)code[2], (int8_t)code[3],
		p[4], p[5], p[6] };
	return 0;
}

struct str
address_of_quota(struct arena *arena, const struct quota_entity *e)
{
	struct str user = record_path_part(arena, e->user), client = record_path_part(arena, e->client);
	struct str ip = record_path_part(arena, e->ip);
	if (!e->has_user && !e->has_client && !e->has_ip)
		return STR("-");
	return record_path_part(arena, arena_printf(arena, "%s%.*s%s%s%.*s%s%.*s", e->has_user ? "u" : "",
	    STR_ARG(user), e->has_user && e->has_client ? "/" : "", e->has_client ? "c" : "", STR_ARG(client),
	    e->has_ip ? "i" : "", STR_ARG(ip)));
}

int
address_quota(struct arena *arena, struct str address, struct quota_entity *ret)
{
	struct str rest = str_is(address, "-") ? STR_NULL : address, part;
	ret->has_user = ret->has_client = ret->has_ip = false;
	ret->user = ret->client = ret->ip = STR_NULL;
	while (rest.p != NULL && rest.n > 0) {
		str_cut(&rest, '/', &part);
		if (part.n == 0)
			return ERR_CORRUPT;
		struct str value = STR_NULL, raw = { part.p + 1, part.n - 1 };
		if (raw.n > 0 && record_path_name(arena, raw, &value) != 0)
			return ERR_CORRUPT;
		*(part.p[0] == 'u' ? &ret->has_user : part.p[0] == 'c' ? &ret->has_client : &ret->has_ip) = true;
		*(part.p[0] == 'u' ? &ret->user : part.p[0] == 'c' ? &ret->client : &ret->ip) = value;
	}
	return 0;
}
