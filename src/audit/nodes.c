/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's path says what it is (doc/FORMATS.md, meta.db); its lines become the members of "before" and
 * "after", those that are the same in both left out, a key that comes more than once an array.
 */
#include "audit/nodes.h"

#include <stdio.h>
#include <string.h>

#include "acl/image.h"
#include "acl/rule.h"
#include "acl/text.h"
#include "base/array.h"
#include "base/err.h"
#include "meta/address.h"
#include "meta/record.h"

#define PARTS_MAX 4
#define LIST_MAX 64

struct node {
	struct arena *arena;
	const struct acl_image *image, *next;
	struct str part[PARTS_MAX];
	int parts;
	struct str tenant;		/* its name */
	struct str name;		/* the last part, unescaped */
	bool has_before, has_after;
	struct record before, after;
	struct record_out *out;
};

/* ---- what may be shown ---- */

static const char *const shown[] = {
	"name", "owner", "cluster.id", "state", "team", "mode", "create", "id", "partitions", "internal", "generation",
	"operator", "locked", "expires", "mechanism", "primary", "by.owner", "value", "producer_byte_rate",
	"consumer_byte_rate", "request_percentage", "controller_mutation_rate", "connection_creation_rate", "stored_bytes",
	"connections", "groups", "producer_ids", "in_flight_bytes", "requester",
	"renewer", "issued", "max", "until", "ended",
};

static bool
is_shown(struct str key)
{
	if (str_starts(key, STR("config.")))
		return true;
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (str_is(key, shown[i]))
			return true;
	return false;
}

static struct str
value_of(struct node *n, const struct record_field *f)
{
	int64_t mode;
	if (!is_shown(f->key))
		return STR("*");
	if ((str_is(f->key, "mode") || str_is(f->key, "create")) && str_to_i64(f->value, 0, 0777, &mode) == 0)
		return arena_printf(n->arena, "%04o", (unsigned)mode);
	return f->value;
}

/* ---- fields ---- */

/* The next value of a key from *at on; NULL: no more. */
static const struct record_field *
next_of(const struct record *r, struct str key, int32_t *at)
{
	while (*at < r->fields.n) {
		const struct record_field *f = &r->fields.v[(*at)++];
		if (str_eq(f->key, key))
			return f;
	}
	return NULL;
}

static bool
same_in(const struct record *a, const struct record *b, struct str key)
{
	int32_t i = 0, k = 0;
	for (;;) {
		const struct record_field *x = next_of(a, key, &i), *y = next_of(b, key, &k);
		if (x == NULL || y == NULL)
			return x == y;
		if (!str_eq(x->value, y->value))
			return false;
	}
}

static int32_t
count_of(const struct record *r, struct str key)
{
	int32_t at = 0, n = 0;
	while (next_of(r, key, &at) != NULL)
		n++;
	return n;
}

/* Keys are the broker's own words, but a later version may have written others. */
static const char *
key_text(struct node *n, struct str key)
{
	char text[128];
	str_escape(key, text, sizeof(text));
	for (char *p = text; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			*p = '?';
	return arena_str(n->arena, str_from(text)).p;
}

static void
out_values(struct node *n, const struct record *r, struct str key)
{
	int32_t at = 0, many = count_of(r, key), told = 0;
	const char *text = key_text(n, key);
	const struct record_field *f;
	if (many == 1) {
		f = next_of(r, key, &at);
		out_str(n->out, text, value_of(n, f));
		return;
	}
	out_open(n->out, text, '[');
	while ((f = next_of(r, key, &at)) != NULL && told++ < LIST_MAX)
		out_str(n->out, NULL, value_of(n, f));
	if (many > LIST_MAX)
		out_str(n->out, NULL, arena_printf(n->arena, "and %d more", many - LIST_MAX));
	out_close(n->out, ']');
}

static void
out_record(struct node *n, const char *what, bool there, const struct record *r, const struct record *other)
{
	if (!there) {
		out_str(n->out, what, STR_NULL);
		return;
	}
	out_open(n->out, what, '{');
	for (int32_t i = 0; i < r->fields.n; i++) {
		struct str key = r->fields.v[i].key;
		int32_t at = 0;
		if (next_of(r, key, &at) == &r->fields.v[i] && !str_is(key, "era") && !same_in(r, other, key))
			out_values(n, r, key);
	}
	out_close(n->out, '}');
}

/* Whether all that differs begins so, or is one of these words. */
static bool
only_differs(const struct node *n, const char *prefix, const char *const *of)
{
	const struct record *both[] = { &n->before, &n->after };
	for (int i = 0; i < 2; i++) {
		for (int32_t k = 0; k < both[i]->fields.n; k++) {
			struct str key = both[i]->fields.v[k].key;
			bool fine = prefix != NULL && str_starts(key, str_from(prefix));
			for (const char *const *w = of; w != NULL && *w != NULL && !fine; w++)
				fine = str_is(key, *w);
			if (!fine && !same_in(&n->before, &n->after, key))
				return false;
		}
	}
	return true;
}

/* ---- which thing it is ---- */

static void
out_object(struct node *n, enum acl_type type)
{
	struct buf b;
	buf_init(&b, 8192);
	if (acl_path_format(&b, type, n->tenant, n->name) == 0)
		out_str(n->out, "object", buf_str(&b));
	buf_free(&b);
}

static enum audit_what
topic_what(const struct node *n)
{
	static const char *const node[] = { "owner", "team", "mode", NULL };
	if (!n->has_before || !n->has_after)
		return AUDIT_TOPIC;
	return only_differs(n, NULL, node) ? AUDIT_PERMISSION :
	    only_differs(n, "config.", NULL) ? AUDIT_CONFIG : AUDIT_TOPIC;
}

static void
dir_object(struct node *n)
{
	static const struct { const char *name; enum acl_type type; } dirs[] = {
		{ "tenant", ACL_TENANT }, { "topics", ACL_TOPICS }, { "groups", ACL_GROUPS }, { "txns", ACL_TXNS },
	};
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (str_is(n->name, dirs[i].name))
			out_object(n, dirs[i].type);
}

static void
tenant_object(struct node *n)
{
	out_object(n, ACL_TENANT);
}

static void
topic_object(struct node *n)
{
	out_object(n, ACL_TOPIC);
}

static void
group_object(struct node *n)
{
	out_object(n, ACL_GROUP);
}

static void
txn_object(struct node *n)
{
	out_object(n, ACL_TXN);
}

static void
user_object(struct node *n)
{
	out_object(n, ACL_USER);
}

static void
team_object(struct node *n)
{
	out_str(n->out, "object", arena_printf(n->arena, "/%.*s/teams/%.*s", STR_ARG(n->tenant), STR_ARG(n->name)));
}

static void
token_object(struct node *n)
{
	out_str(n->out, "object", arena_printf(n->arena, "/%.*s/tokens/%.*s", STR_ARG(n->tenant), STR_ARG(n->name)));
}

/* The path of a rule is the rule. */
static void
rule_object(struct node *n)
{
	struct acl_binding rule;
	struct buf b;
	if (address_rule(n->arena, n->name, &rule) != 0)
		return;
	buf_init(&b, 262144);
	if (acl_binding_path(&b, n->tenant, &rule) == 0)
		out_str(n->out, "object", buf_str(&b));
	buf_consume(&b, b.n);
	if (acl_rule_text_format(&b, &rule, UINT32_C(1) << rule.op) == 0)
		out_str(n->out, "rule", buf_str(&b));
	buf_free(&b);
}

static struct str
or_star(struct str s)
{
	return s.p == NULL ? STR("*") : s;
}

static void
quota_object(struct node *n)
{
	struct quota_entity e;
	if (address_quota(n->arena, n->name, &e) != 0)
		return;
	if (e.has_ip)
		out_str(n->out, "object", STR("/"));
	else if (e.has_user)
		out_str(n->out, "object", arena_printf(n->arena, "/%.*s/users/%.*s", STR_ARG(n->tenant), STR_ARG(or_star(e.user))));
	else
		out_str(n->out, "object", arena_printf(n->arena, "/%.*s", STR_ARG(n->tenant)));
	if (e.has_client)
		out_str(n->out, "client_id", or_star(e.client));
	if (e.has_ip)
		out_str(n->out, "ip", or_star(e.ip));
}

static void
option_object(struct node *n)
{
	out_str(n->out, "object", STR("/"));
	out_str(n->out, "option", n->name);
}

static const struct {
	const char *first, *third;	/* parts of the path; the second is the tenant's number */
	int parts;
	enum audit_what what;
	void (*object)(struct node *n);
} kinds[] = {
	{ "tenants", NULL,	2, AUDIT_TENANT, tenant_object },
	{ "tenants", "dirs",	4, AUDIT_PERMISSION, dir_object },
	{ "tenants", "topics",	4, AUDIT_TOPIC, topic_object },
	{ "tenants", "groups",	4, AUDIT_PERMISSION, group_object },
	{ "tenants", "txns",	4, AUDIT_PERMISSION, txn_object },
	{ "tenants", "users",	4, AUDIT_USER, user_object },
	{ "tenants", "teams",	4, AUDIT_TEAM, team_object },
	{ "tenants", "tokens",	4, AUDIT_TOKEN, token_object },
	{ "tenants", "rules",	4, AUDIT_RULE, rule_object },
	{ "tenants", "quotas",	4, AUDIT_QUOTA, quota_object },
	{ "broker",  NULL,	2, AUDIT_CONFIG, option_object },
};

static bool
cut_path(struct node *n, struct str path)
{
	struct str rest = path, part;
	if (rest.n < 2 || rest.p[0] != '/')
		return false;
	rest = (struct str){ path.p + 1, path.n - 1 };
	while (rest.p != NULL && n->parts < PARTS_MAX) {
		str_cut(&rest, '/', &part);
		n->part[n->parts++] = part;
	}
	return rest.p == NULL && record_path_name(n->arena, n->part[n->parts - 1], &n->name) == 0;
}

static void
find_tenant(struct node *n)
{
	int64_t number;
	n->tenant = STR("?");
	if (n->parts < 2 || !str_is(n->part[0], "tenants") || str_to_i64(n->part[1], 0, UINT32_MAX - 1, &number) != 0)
		return;
	const struct acl_tenant *t = acl_image_tenant(n->image, (uint32_t)number);
	if (t == NULL)
		t = acl_image_tenant(n->next, (uint32_t)number);
	struct str name = record_get(n->has_after ? &n->after : &n->before, "name");
	if (t != NULL)
		n->tenant = acl_tenant_name(t);
	else if (n->parts == 2 && name.p != NULL)
		n->tenant = name; /* the tenant's own node, which is not in the image yet, or not any more */
	else
		n->tenant = n->part[1];
}

static void
out_node(struct node *n, struct str path, const struct audit_by *by)
{
	static const struct audit_by nobody = { .api = { NULL, 0 } };
	size_t kind = 0, count = sizeof(kinds) / sizeof(kinds[0]);
	enum audit_what what = AUDIT_METADATA;
	while (kind < count && (kinds[kind].parts != n->parts || !str_is(n->part[0], kinds[kind].first) ||
	    (kinds[kind].third != NULL && !str_is(n->part[2], kinds[kind].third))))
		kind++;
	if (kind < count)
		what = kinds[kind].object == topic_object ? topic_what(n) : kinds[kind].what;
	out_begin(n->out, what);
	out_by(n->out, by == NULL ? &nobody : by);
	if (kind == count) {
		out_str(n->out, "object", path);
		return;
	}
	kinds[kind].object(n);
	out_record(n, "before", n->has_before, &n->before, &n->after);
	out_record(n, "after", n->has_after, &n->after, &n->before);
}

bool
node_record(const struct acl_image *image, const struct acl_image *next, struct str path, struct str before, struct str after,
    const struct audit_by *by, struct record_out *ret)
{
	struct node n = { .arena = arena_create(SIZE_MAX), .image = image, .next = next, .out = ret };
	bool told = !str_is(path, "/next") && !str_is(path, "/audit") && !str_eq(before, after);
	if (before.p == NULL && after.p == NULL)
		told = false; /* deleted, and was not there */
	if (told) {
		n.has_before = before.p != NULL && record_parse(n.arena, before, &n.before) == 0;
		n.has_after = after.p != NULL && record_parse(n.arena, after, &n.after) == 0;
		if (cut_path(&n, path)) {
			find_tenant(&n);
			out_node(&n, path, by);
		} else {
			out_begin(ret, AUDIT_METADATA);
			out_str(ret, "object", path);
		}
	}
	arena_destroy(&n.arena);
	return told;
}
