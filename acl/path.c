/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths: at most three parts, cut at '/'; the third is a name, unescaped into
 * the arena. A table maps directories to types, both ways. Input is bounded
 * before anything is copied; every refusal says what was expected.
 */
#include <stdio.h>

#include "acl/escape.h"
#include "acl/text.h"

static const struct {
	const char *dir;
	enum acl_type type, dir_type;	/* of a name in it; of itself */
} dirs[] = {
	{ "topics", ACL_TOPIC, ACL_TOPICS },
	{ "groups", ACL_GROUP, ACL_GROUPS },
	{ "txns", ACL_TXN, ACL_TXNS },
	{ "users", ACL_USER, ACL_TYPE_ANY },	/* has no node of its own */
};
#define DIRS (sizeof(dirs) / sizeof(dirs[0]))

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* How many bytes at s stand as they are: 0 where the first must be escaped. */
static size_t
plain(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	if (c <= 0x20 || c == 0x7f || strchr("/%*:#\"", c) != NULL)
		return 0;
	if (c < 0x80)
		return 1;
	if (str_moves_text(s))
		return 0;
	for (size_t n = 2; n <= 4 && n <= s.n; n++)
		if (str_is_utf8((struct str){ s.p, n }))
			return n;
	return 0;
}

int
acl_escape(struct buf *out, struct str s)
{
	while (s.n > 0) {
		size_t n = plain(s);
		int err = n > 0 ? buf_add(out, s.p, n) :
		    buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.p[0]);
		if (err != 0)
			return err;
		n = n > 0 ? n : 1;
		s = (struct str){ s.p + n, s.n - n };
	}
	return 0;
}

int
acl_unescape(struct arena *arena, struct str s, struct str *ret, struct why *why)
{
	char *p = arena_alloc(arena, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			p[n++] = s.p[i];
			continue;
		}
		int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
		int low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return why_set(why, ERR_INVAL, "a %% is not followed by two hex digits; "
			    "a %% itself is written %%25");
		p[n++] = (char)(high * 16 + low);
		i += 2;
	}
	p[n] = '\0';
	struct str whole = { p, n };
	if (!str_is_utf8(whole))
		return why_set(why, ERR_INVAL, "a name is not UTF-8");
	*ret = whole;
	return 0;
}

static int
check_tenant(struct str tenant, struct why *why)
{
	bool ok = tenant.n > 0 && tenant.n <= 31;
	for (size_t i = 0; ok && i < tenant.n; i++) {
		char c = tenant.p[i];
		ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
	}
	return ok ? 0 : why_set(why, ERR_INVAL,
	    "a path begins with / and the name of a tenant, like /main/topics/orders");
}

/* The third part: a name, perhaps with a bare '*' at its end. */
static int
parse_name(struct arena *arena, struct str text, struct acl_path *p, struct why *why)
{
	if (memchr(text.p, '/', text.n) != NULL)
		return why_set(why, ERR_INVAL, "a path has at most three parts; "
		    "a / in a name is written %%2F");
	p->star = text.p[text.n - 1] == '*';
	text.n -= p->star;
	if (memchr(text.p, '*', text.n) != NULL)
		return why_set(why, ERR_INVAL, "a * stands only at the end of a path; "
		    "one in a name is written %%2A");
	return acl_unescape(arena, text, &p->name, why);
}

static int
parse_below(struct arena *arena, struct str dir, struct str name, struct acl_path *p,
    struct why *why)
{
	for (size_t i = 0; i < DIRS; i++) {
		if (!str_is(dir, dirs[i].dir) || (name.p != NULL && name.n == 0))
			continue;
		p->type = name.n > 0 ? dirs[i].type : dirs[i].dir_type;
		if (name.n > 0)
			return parse_name(arena, name, p, why);
		if (p->type == ACL_TYPE_ANY)
			return why_set(why, ERR_INVAL, "name a user: /main/users/anna");
		return 0;
	}
	return why_set(why, ERR_INVAL,
	    "the second part of a path is topics, groups, txns or users");
}

int
acl_path_parse(struct arena *arena, struct str text, struct acl_path *ret, struct why *why)
{
	struct acl_path p = { .type = ACL_ROOT, .tenant = STR(""), .name = STR("") };
	struct str tenant, dir, rest = text;
	if (text.n > ACL_TEXT_MAX)
		return why_set(why, ERR_LIMIT, "the path is longer than %d bytes", ACL_TEXT_MAX);
	if (text.n == 0 || text.p[0] != '/')
		return why_set(why, ERR_INVAL, "a path begins with /, like /main/topics/orders");
	rest = (struct str){ rest.p + 1, rest.n - 1 };
	if (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (text.n > 1) {
		int err;
		bool below = str_cut(&rest, '/', &tenant);
		if ((err = check_tenant(tenant, why)) != 0)
			return err;
		p.tenant = arena_str(arena, tenant);
		p.type = ACL_TENANT;
		if (below) {
			str_cut(&rest, '/', &dir);
			if ((err = parse_below(arena, dir, rest, &p, why)) != 0)
				return err;
		}
	}
	*ret = p;
	return 0;
}

int
acl_path_format(struct buf *out, enum acl_type type, struct str tenant, struct str name)
{
	if (type == ACL_ROOT)
		return buf_add(out, "/", 1);
	int err = buf_printf(out, "/%.*s", STR_ARG(tenant));
	for (size_t i = 0; err == 0 && i < DIRS; i++) {
		if (type == dirs[i].dir_type)
			err = buf_printf(out, "/%s", dirs[i].dir);
		if (type != dirs[i].type)
			continue;
		err = buf_printf(out, "/%s/", dirs[i].dir);
		if (err == 0)
			err = acl_escape(out, name);
	}
	return err;
}

int
acl_binding_path(struct buf *out, struct str tenant, const struct acl_binding *b)
{
	bool all = b->pattern == ACL_LITERAL && str_is(b->name, "*") && b->type != ACL_TENANT;
	int err = acl_path_format(out, (enum acl_type)b->type, tenant, all ? STR("") : b->name);
	return err == 0 && (all || b->pattern == ACL_PREFIXED) ? buf_add(out, "*", 1) : err;
}

int
acl_path_binding(const struct acl_path *path, struct acl_binding *ret, struct why *why)
{
	struct acl_binding b = { .type = (int8_t)path->type, .pattern = ACL_LITERAL,
		.name = path->name };
	if (path->type == ACL_TENANT) {
		b.name = STR(ACL_CLUSTER_NAME);
	} else if (path->type != ACL_TOPIC && path->type != ACL_GROUP && path->type != ACL_TXN) {
		return why_set(why, ERR_INVAL, "rules stand on /TENANT and on names in topics, "
		    "groups and txns; for all names write /TENANT/topics/*");
	} else if (path->star) {
		b.pattern = path->name.n > 0 ? ACL_PREFIXED : ACL_LITERAL;
		b.name = path->name.n > 0 ? path->name : STR("*");
	} else if (str_is(path->name, "*")) {
		return why_set(why, ERR_INVAL, "what is really called * has no rules of its own: in a rule "
		    "* means every name; use chmod");
	}
	*ret = b;
	return 0;
}
