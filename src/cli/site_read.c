/* SPDX-License-Identifier: Apache-2.0
 *
 * A site from a file: every key is known, every value is what it says, and what is named is there or comes from
 * the broker, which is looked at later. The first thing that is wrong ends it. */
#include <stdlib.h>
#include <string.h>

#include "acl/text.h"
#include "base/principal.h"
#include "broker/yaml.h"
#include "cli/site.h"
#include "security/cred.h"

#define SITE_MAX_BYTES (64 * 1024 * 1024)
#define SITE_MAX_NODES 4000000

struct site_reader {
	struct site *site;
	struct arena *arena;
	struct why *why;
	struct str tenant;
};

static struct site_fact *
add(struct site_reader *r, const struct yaml_node *at, enum site_kind kind, struct str name, struct str attr, struct str value)
{
	struct site_fact *f = site_add(r->site, r->tenant, kind, name, attr, value);
	f->line = at->value_line;
	f->column = at->value_column;
	return f;
}

static int
expect(struct site_reader *r, const struct yaml_node *n, enum yaml_kind kind)
{
	static const char *const what[] = {
		[YAML_TEXT] = "one value is expected", [YAML_LIST] = "a list is expected: lines that begin with -",
		[YAML_MAP] = "\"name: value\" lines are expected",
	};
	return n->kind == kind ? 0 : yaml_blame_value(n, r->why, "%s", what[kind]);
}

/* ---- values, as an export writes them ---- */

static int
take_mode(struct site_reader *r, const struct yaml_node *n, struct str *ret)
{
	struct why why;
	unsigned mode;
	if (acl_mode_parse(n->text, 0, &mode, &why) != 0)
		return yaml_blame_value(n, r->why, "%s", why.text);
	*ret = arena_printf(r->arena, "%04o", mode);
	return 0;
}

static int
take_value(struct site_reader *r, const struct yaml_node *n, enum site_form form, struct str *ret)
{
	int64_t number;
	int err = expect(r, n, YAML_TEXT);
	*ret = n->text;
	if (err != 0)
		return err;
	switch (form) {
	case FORM_NUMBER:
		if (str_to_i64(n->text, 1, INT32_MAX, &number) != 0)
			return yaml_blame_value(n, r->why, "a number from 1 to %d is expected", INT32_MAX);
		*ret = arena_printf(r->arena, "%lld", (long long)number);
		return 0;
	case FORM_FLAG:
		if (!str_is(n->text, "true") && !str_is(n->text, "false"))
			return yaml_blame_value(n, r->why, "true or false is expected");
		return 0;
	case FORM_TIME:
		if (site_time_parse(n->text, &number) != 0)
			return yaml_blame_value(n, r->why, "a time is expected, like 2027-03-31T18:00:00Z, or never");
		*ret = site_time(r->arena, number);
		return 0;
	case FORM_MODE:
		return take_mode(r, n, ret);
	default:
		return 0;
	}
}

static int
take_name(struct site_reader *r, const struct yaml_node *at, enum site_kind kind, struct str name, bool is_key)
{
	struct why why = { "" };
	struct acl_path path;
	struct buf b;
	int err = 0;
	if (kind == SITE_TEAM)
		err = acl_team_name_check(name, &why);
	else if (kind == SITE_USER)
		err = user_name_check(name, &why);
	else if (kind == SITE_TOPIC || kind == SITE_NODE) {
		struct str rel = kind == SITE_NODE ? name : arena_printf(r->arena, "topics/%.*s", STR_ARG(name));
		struct str whole = site_path(r->arena, r->tenant, rel);
		err = acl_path_parse(r->arena, whole, &path, &why);
		buf_init(&b, ACL_TEXT_MAX);
		if (err == 0 && (path.star || path.type == ACL_USER || path.type == ACL_ROOT ||
		    acl_path_format(&b, path.type, path.tenant, path.name) != 0 || !str_eq(buf_str(&b), whole)))
			err = why_set(&why, ERR_INVAL, kind == SITE_TOPIC ? "no topic can be called so" :
			    "no node of the tree is written so: /, topics, groups, txns, topics/NAME, groups/NAME, txns/NAME");
		buf_free(&b);
	}
	if (err == 0)
		return 0;
	return is_key ? yaml_blame(at, r->why, "%s", why.text) : yaml_blame_value(at, r->why, "%s", why.text);
}

/* ---- things ---- */

/* One of a list or a map below an attribute: a mechanism, a team, a key, a setting. */
static int
take_part(struct site_reader *r, const struct site_attr *a, struct str name, const struct yaml_node *n)
{
	struct str value = STR(""), part = a->form == FORM_LIST ? n->text : n->key;
	struct site_key k;
	enum mech mech;
	int err = expect(r, n, YAML_TEXT);
	if (err != 0)
		return err;
	if (part.n == 0)
		return yaml_blame_value(n, r->why, "the name is empty");
	if (strcmp(a->name, "mechanisms") == 0 && mech_parse(part, &mech) != 0)
		return yaml_blame_value(n, r->why, "there is no such mechanism");
	if (strcmp(a->name, "teams") == 0)
		err = take_name(r, n, SITE_TEAM, part, false);
	if (strcmp(a->name, "keys") == 0 && (mech_parse(part, &mech) != 0 || site_key_parse(r->arena, n->text, &k) != 0))
		err = yaml_blame_value(n, r->why, "a key is expected, as an export writes it");
	r->site->keys |= strcmp(a->name, "keys") == 0;
	if (a->form == FORM_MAP)
		value = n->text;
	if (err == 0)
		add(r, n, a->kind, name, arena_printf(r->arena, "%s/%.*s", a->name, STR_ARG(part)), value);
	return err;
}

static int
take_attributes(struct site_reader *r, enum site_kind kind, const struct yaml_node *thing)
{
	bool complete = kind != SITE_TOPIC;
	add(r, thing, kind, thing->key, STR(""), STR(""));
	for (const struct yaml_node *n = thing->child; n != NULL; n = n->next) {
		const struct site_attr *a = site_attr(kind, n->key);
		struct str value;
		int err = 0;
		if (a == NULL)
			return yaml_blame(n, r->why, "%.*s is not known here", STR_ARG(n->key));
		complete |= strcmp(a->name, "partitions") == 0;
		if (a->form == FORM_LIST || a->form == FORM_MAP) {
			err = expect(r, n, a->form == FORM_LIST ? YAML_LIST : YAML_MAP);
			for (const struct yaml_node *part = n->child; err == 0 && part != NULL; part = part->next)
				err = take_part(r, a, thing->key, part);
		} else {
			err = take_value(r, n, a->form, &value);
			if (err == 0)
				add(r, n, kind, thing->key, n->key, value);
		}
		if (err != 0)
			return err;
	}
	return complete ? 0 : yaml_blame(thing, r->why, "partitions are missing: of how many is the topic?");
}

static int
take_quotas(struct site_reader *r, const struct yaml_node *thing)
{
	struct site_whose w;
	bool site = r->tenant.n == 0;
	int err = 0;
	if (site_whose_parse(r->arena, thing->key, &w) != 0 || w.ip.there != site)
		return yaml_blame(thing, r->why, site ? "addresses/ADDRESS is expected, or addresses/*" :
		    "tenant, users/USER, clients/ID or users/USER/clients/ID is expected, with * for those that have none of their own");
	for (const struct yaml_node *n = thing->child; err == 0 && n != NULL; n = n->next) {
		char *end;
		err = expect(r, n, YAML_TEXT);
		double value = err == 0 ? strtod(n->text.p, &end) : 0;
		if (err == 0 && (end == n->text.p || *end != '\0' || !(value > 0)))
			err = yaml_blame_value(n, r->why, "a number above 0 is expected");
		if (err == 0)
			add(r, n, SITE_QUOTA, thing->key, n->key, site_number(r->arena, value));
	}
	return err;
}

struct one_rule {
	struct site_reader *r;
	const struct yaml_node *at;
	enum site_kind kind;
	struct str name;
};

/* Each operation of a line is a fact, so that taking one away is one change; its end is the value, so that another
 * end is a change of it, too. */
static int
take_binding(const struct acl_binding *b, void *arg)
{
	struct one_rule *one = arg;
	struct acl_rule *rule;
	struct buf text;
	int err = acl_rule_create(b, false, &rule, one->r->why);
	if (err != 0)
		return err;
	buf_init(&text, ACL_TEXT_MAX);
	struct str end = site_rule_end(one->r->arena, b->until_ms);
	rule->b.until_ms = 0;
	err = acl_rule_text_format(&text, &rule->b, UINT32_C(1) << rule->b.op);
	if (err == 0)
		add(one->r, one->at, one->kind, one->name, arena_str(one->r->arena, buf_str(&text)), end);
	buf_free(&text);
	acl_rule_unref(&rule);
	return err;
}

static int
take_rules(struct site_reader *r, enum site_kind kind, const struct yaml_node *thing)
{
	struct one_rule one = { r, NULL, kind, thing->key };
	struct acl_path path;
	struct acl_binding on;
	struct why why = { "" };
	struct buf b;
	struct str whole = site_path(r->arena, r->tenant, thing->key);
	int err = acl_path_parse(r->arena, whole, &path, &why);
	if (err == 0)
		err = acl_path_binding(&path, &on, &why);
	if (err != 0)
		return yaml_blame(thing, r->why, "%s", why.text);
	if (kind == SITE_OWN_RULE && (on.pattern != ACL_LITERAL || on.type == ACL_TENANT || str_is(on.name, "*")))
		return yaml_blame(thing, r->why, "an owner's rules are of one topic, group or transactional id");
	buf_init(&b, ACL_TEXT_MAX);
	if (acl_binding_path(&b, r->tenant, &on) != 0 || !str_eq(buf_str(&b), whole))
		err = yaml_blame(thing, r->why, "this path is written %.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	for (const struct yaml_node *n = thing->child; err == 0 && n != NULL; n = n->next) {
		one.at = n;
		err = expect(r, n, YAML_TEXT);
		if (err != 0)
			return err;
		err = acl_rule_text_parse(r->arena, n->text, &on, take_binding, &one, &why);
		if (err != 0)
			return yaml_blame_value(n, r->why, "%s", arena_str(r->arena,
			    str_from(why.text[0] != '\0' ? why.text : r->why->text)).p);
	}
	return err;
}

static int
take_thing(struct site_reader *r, enum site_kind kind, const struct yaml_node *n)
{
	bool rule = kind == SITE_RULE || kind == SITE_OWN_RULE;
	int err = expect(r, n, kind == SITE_TEAM ? YAML_TEXT : rule ? YAML_LIST : YAML_MAP);
	if (err != 0)
		return err;
	if (rule)
		return take_rules(r, kind, n);
	if (kind == SITE_QUOTA)
		return take_quotas(r, n);
	err = take_name(r, n, kind, kind == SITE_TEAM ? n->text : n->key, kind != SITE_TEAM);
	if (err == 0 && kind == SITE_TEAM)
		add(r, n, SITE_TEAM, n->text, STR(""), STR(""));
	else if (err == 0)
		err = take_attributes(r, kind, n);
	return err;
}

static int
take_section(struct site_reader *r, const struct yaml_node *section)
{
	static const struct { const char *name; enum site_kind kind; } sections[] = {
		{ "teams", SITE_TEAM }, { "users", SITE_USER }, { "topics", SITE_TOPIC }, { "nodes", SITE_NODE },
		{ "rules", SITE_RULE }, { "owner-rules", SITE_OWN_RULE }, { "quotas", SITE_QUOTA },
	};
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!str_is(section->key, sections[i].name))
			continue;
		int err = expect(r, section, sections[i].kind == SITE_TEAM ? YAML_LIST : YAML_MAP);
		for (const struct yaml_node *n = section->child; err == 0 && n != NULL; n = n->next)
			err = take_thing(r, sections[i].kind, n);
		return err;
	}
	return yaml_blame(section, r->why, "%.*s is not known here", STR_ARG(section->key));
}

static int
take_tenant(struct site_reader *r, const struct yaml_node *t)
{
	struct acl_path path;
	struct why why = { "" };
	struct str whole = arena_printf(r->arena, "/%.*s", STR_ARG(t->key));
	if (acl_path_parse(r->arena, whole, &path, &why) != 0 || path.type != ACL_TENANT || !str_eq(path.tenant, t->key))
		return yaml_blame(t, r->why, "no tenant can be called so%s%s", why.text[0] != '\0' ? ": " : "", why.text);
	r->tenant = t->key;
	add(r, t, SITE_TENANT, STR(""), STR(""), STR(""));
	int err = expect(r, t, YAML_MAP);
	for (const struct yaml_node *n = t->child; err == 0 && n != NULL; n = n->next)
		err = take_section(r, n);
	return err;
}

static int
take_top(struct site_reader *r, const struct yaml_node *top)
{
	const struct yaml_node *version = yaml_get(top, "schloss-site");
	if (version == NULL)
		return yaml_blame(top, r->why, "this is no site: \"schloss-site: " SITE_VERSION "\" is missing");
	if (version->kind != YAML_TEXT || !str_is(version->text, SITE_VERSION))
		return yaml_blame_value(version, r->why, "this version is not known here, but " SITE_VERSION);
	for (const struct yaml_node *n = top->child; n != NULL; n = n->next) {
		bool tenants = str_is(n->key, "tenants");
		int err = 0;
		if (n == version)
			continue;
		if (!tenants && !str_is(n->key, "quotas"))
			return yaml_blame(n, r->why, "%.*s is not known here", STR_ARG(n->key));
		r->tenant = STR("");
		err = tenants ? expect(r, n, YAML_MAP) : take_section(r, n);
		for (const struct yaml_node *t = n->child; tenants && err == 0 && t != NULL; t = t->next)
			err = take_tenant(r, t);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The same may be said in two ways: a rule by itself, and by another of the same path. */
static int
check_twice(struct site_reader *r)
{
	struct site *s = r->site;
	int32_t n = 0;
	for (int32_t i = 0; i < s->facts.n; i++) {
		struct site_fact *f = &s->facts.v[i];
		if (n == 0 || site_compare(&s->facts.v[n - 1], f) != 0)
			s->facts.v[n++] = *f;
		else if (!site_is_rule(f) || !str_eq(s->facts.v[n - 1].value, f->value))
			return why_set(r->why, ERR_INVAL, "%s:%u:%u: this stands twice: also in line %u", s->file, f->line, f->column,
			    s->facts.v[n - 1].line);
	}
	s->facts.n = n;
	return 0;
}

int
site_read(const char *file, struct arena *arena, struct site *ret, struct why *why)
{
	static const struct yaml_limits limits = { SITE_MAX_BYTES, SITE_MAX_NODES };
	struct site s = { .arena = arena, .file = file };
	struct site_reader r = { .site = &s, .arena = arena, .why = why };
	struct yaml_node *top;
	int err = yaml_load_within(file, &limits, arena, &top, why);
	if (err == 0)
		err = take_top(&r, top);
	if (err == 0) {
		site_sort(&s);
		err = check_twice(&r);
	}
	if (err == 0)
		*ret = s;
	return err;
}
