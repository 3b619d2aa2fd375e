/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts: their order, how two sites differ, and how facts are told. */
#include "cli/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[SITE_KINDS] = {
	"tenant", "team", "user", "topic", "node", "rule", "owner-rule", "quota",
};

static const struct site_attr attrs[] = {
	{ SITE_USER, "expires", FORM_TIME, "never" },
	{ SITE_USER, "keys", FORM_MAP, NULL },
	{ SITE_USER, "locked", FORM_FLAG, "false" },
	{ SITE_USER, "mechanisms", FORM_LIST, NULL },
	{ SITE_USER, "operator", FORM_FLAG, "false" },
	{ SITE_USER, "primary-team", FORM_TEXT, "" },
	{ SITE_USER, "teams", FORM_LIST, NULL },
	{ SITE_TOPIC, "partitions", FORM_NUMBER, NULL },
	{ SITE_TOPIC, "settings", FORM_MAP, NULL },
	{ SITE_NODE, "mode", FORM_MODE, NULL },
	{ SITE_NODE, "owner", FORM_TEXT, "" },
	{ SITE_NODE, "team", FORM_TEXT, "" },
};

const struct site_attr *
site_attr(enum site_kind kind, struct str name)
{
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
		if (attrs[i].kind == kind && str_is(name, attrs[i].name))
			return &attrs[i];
	return NULL;
}

struct site_fact *
site_add(struct site *s, struct str tenant, enum site_kind kind, struct str name, struct str attr, struct str value)
{
	struct site_fact *f = ARRAY_ADD(s->arena, s->facts);
	*f = (struct site_fact){ .tenant = tenant, .kind = kind, .name = name, .attr = attr, .value = value };
	return f;
}

int
site_compare(const struct site_fact *a, const struct site_fact *b)
{
	int c = str_cmp(a->tenant, b->tenant);
	if (c == 0)
		c = (int)a->kind - (int)b->kind;
	if (c == 0)
		c = str_cmp(a->name, b->name);
	return c == 0 ? str_cmp(a->attr, b->attr) : c;
}

static int
by_place(const void *a, const void *b)
{
	return site_compare(a, b);
}

void
site_sort(struct site *s)
{
	if (s->facts.n > 0)
		qsort(s->facts.v, (size_t)s->facts.n, sizeof(*s->facts.v), by_place);
}

const struct site_fact *
site_find(const struct site *s, struct str tenant, enum site_kind kind, struct str name, struct str attr)
{
	const struct site_fact key = { .tenant = tenant, .kind = kind, .name = name, .attr = attr };
	return s->facts.n <= 0 ? NULL : bsearch(&key, s->facts.v, (size_t)s->facts.n, sizeof(key), by_place);
}

bool
site_has(const struct site *s, struct str tenant, enum site_kind kind, struct str name)
{
	return site_find(s, tenant, kind, name, STR("")) != NULL;
}

static bool
is_secret(const struct site_fact *f)
{
	return f->kind == SITE_USER && str_starts(f->attr, STR(KEYS));
}

/* The attribute, and of several the one: "mechanisms TLS". */
static const char *
attr_text(struct cli *cli, const struct site_fact *f)
{
	struct str rest = f->attr, head;
	if (f->kind != SITE_USER && f->kind != SITE_TOPIC)
		return cli_escape(cli, f->attr);
	str_cut(&rest, '/', &head);
	return rest.p == NULL ? cli_escape(cli, head) :
	    arena_printf(cli->arena, "%s %s", cli_escape(cli, head), cli_escape(cli, rest)).p;
}

static const char *
value_text(struct cli *cli, const struct site_fact *f)
{
	return is_secret(f) ? "(secret)" : f->value.n == 0 ? "" : cli_escape(cli, f->value);
}

static const char *
place_text(struct cli *cli, const struct site_fact *f)
{
	const char *tenant = f->tenant.n == 0 ? "/" : cli_escape(cli, f->tenant);
	struct str s = f->kind == SITE_TENANT ? arena_printf(cli->arena, "tenant %s", tenant) :
	    arena_printf(cli->arena, "%s %s %s", tenant, kinds[f->kind], cli_escape(cli, f->name));
	return f->attr.n == 0 ? s.p : arena_printf(cli->arena, "%s: %s", s.p, attr_text(cli, f)).p;
}

const char *
site_fact_text(struct cli *cli, const struct site_fact *f)
{
	const char *value = value_text(cli, f);
	return value[0] == '\0' ? place_text(cli, f) :
	    arena_printf(cli->arena, "%s %s", place_text(cli, f), value).p;
}

/* Where one side is silent: whether the other says what holds then. */
static bool
is_default(const struct site_fact *f)
{
	const struct site_attr *a = site_attr(f->kind, f->attr);
	return a != NULL && a->dflt != NULL && str_is(f->value, a->dflt);
}

void
site_diff(struct arena *arena, const struct site *have, const struct site *want, bool keep_keys, site_changes *ret)
{
	int32_t h = 0, w = 0;
	*ret = (site_changes){ .n = 0 };
	while (h < have->facts.n || w < want->facts.n) {
		const struct site_fact *a = h < have->facts.n ? &have->facts.v[h] : NULL;
		const struct site_fact *b = w < want->facts.n ? &want->facts.v[w] : NULL;
		int c = a == NULL ? 1 : b == NULL ? -1 : site_compare(a, b);
		h += c <= 0;
		w += c >= 0;
		bool same = c == 0 ? str_eq(a->value, b->value) :
		    c < 0 ? is_default(a) || (keep_keys && is_secret(a)) : is_default(b);
		if (!same)
			*ARRAY_ADD(arena, *ret) = (struct site_change){ c <= 0 ? a : NULL, c >= 0 ? b : NULL };
	}
}

/* Only rules that do not end have no value where two are compared. */
static const char *
end_text(struct cli *cli, const struct site_fact *f)
{
	return site_is_rule(f) && f->value.n == 0 ? "without end" : value_text(cli, f);
}

static void
print_line(struct cli *cli, const struct site_change *c)
{
	if (c->have == NULL || c->want == NULL)
		printf("%c %s\n", c->have == NULL ? '+' : '-', site_fact_text(cli, c->have == NULL ? c->want : c->have));
	else
		printf("~ %s %s -> %s\n", place_text(cli, c->have), end_text(cli, c->have), end_text(cli, c->want));
}

void
site_print_changes(struct cli *cli, const char *name, const site_changes *changes)
{
	static const struct print_column columns[] = {
		{ "change", PRINT_TEXT }, { "tenant", PRINT_TEXT }, { "kind", PRINT_TEXT }, { "name", PRINT_TEXT },
		{ "attribute", PRINT_TEXT }, { "before", PRINT_TEXT }, { "after", PRINT_TEXT },
	};
	struct print_table t;
	print_table_init(&t, &cli->print, name, columns, 7);
	ARRAY_FOREACH(const struct site_change, c, *changes) {
		const struct site_fact *f = c->have != NULL ? c->have : c->want;
		if (cli->print.form != PRINT_JSON) {
			print_line(cli, c);
			continue;
		}
		struct str *cell = print_row(&t);
		cell[0] = c->have == NULL ? STR("add") : c->want == NULL ? STR("remove") : STR("change");
		cell[1] = print_name(f->tenant);
		cell[2] = str_from(kinds[f->kind]);
		cell[3] = print_name(f->name);
		cell[4] = print_name(f->attr);
		cell[5] = c->have != NULL ? str_from(value_text(cli, c->have)) : STR_NULL;
		cell[6] = c->want != NULL ? str_from(value_text(cli, c->want)) : STR_NULL;
	}
	if (cli->print.form == PRINT_JSON)
		print_table(&cli->print, &t);
}
