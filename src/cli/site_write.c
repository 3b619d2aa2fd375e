/* SPDX-License-Identifier: Apache-2.0
 *
 * A site as YAML, written by hand and not by a library, whose next version might write the same
 * otherwise. What could be read as something else than the text that it is stands in quotes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acl/text.h"
#include "cli/site.h"

#define KEY_MAX 1000			/* a longer key must be announced by '?' (YAML 1.2, 7.4.2: 1024 characters) */

static const char *const sections[SITE_KINDS] = {
	NULL, "teams", "users", "topics", "nodes", "rules", "owner-rules", "quotas",
};

struct site_writer {
	const struct site *site;
	struct buf *out;
	struct arena *arena;		/* of what is needed on the way */
	int err;
};

static void
put(struct site_writer *w, const char *text)
{
	if (w->err == 0)
		w->err = buf_add(w->out, text, strlen(text));
}

static void
indent(struct site_writer *w, int depth)
{
	for (int i = 0; i < depth; i++)
		put(w, "  ");
}

/* Words that YAML 1.1, which many readers speak, takes for something else. */
static bool
is_reserved(struct str s)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0)
			return true;
	return false;
}

/* Begins with a letter or '/', and has nothing that means anything to YAML where it stands. */
static bool
is_plain(struct str s)
{
	if (s.n == 0 || (!isalpha((unsigned char)s.p[0]) && s.p[0] != '/') || s.p[s.n - 1] == ':' || is_reserved(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && memchr("/._-:+@%*", s.p[i], 9) == NULL)
			return false;
	return true;
}

/* The character at p, whose text is UTF-8; its length to *ret_n. */
static uint32_t
code_point(const char *p, size_t *ret_n)
{
	const unsigned char *u = (const unsigned char *)p;
	*ret_n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t c = *ret_n == 1 ? u[0] : u[0] & (0x7fu >> *ret_n);
	for (size_t i = 1; i < *ret_n; i++)
		c = c << 6 | (u[i] & 0x3f);
	return c;
}

/* Between double quotes: all that a reader, or a terminal, might take for more than itself is a number. */
static void
quoted(struct site_writer *w, struct str s)
{
	put(w, "\"");
	for (size_t i = 0, n; w->err == 0 && i < s.n; i += n) {
		uint32_t c = code_point(s.p + i, &n);
		if (c == '"' || c == '\\')
			w->err = buf_printf(w->out, "\\%c", (int)c);
		else if (c < 0x20 || (c >= 0x7f && c <= 0xa0))
			w->err = buf_printf(w->out, "\\x%02X", c);
		else if (c == 0xfeff || (c & 0xfffe) == 0xfffe || str_moves_text((struct str){ s.p + i, s.n - i }))
			w->err = buf_printf(w->out, "\\U%08X", c);
		else
			w->err = buf_add(w->out, s.p + i, n);
	}
	put(w, "\"");
}

static void
scalar(struct site_writer *w, struct str s)
{
	if (w->err == 0 && !str_is_utf8(s))
		w->err = ERR_INVAL;
	else if (w->err == 0 && is_plain(s))
		w->err = buf_add(w->out, s.p, s.n);
	else if (w->err == 0)
		quoted(w, s);
}

/* A key with its colon; what follows is a value on the same line, or deeper lines. */
static void
key(struct site_writer *w, int depth, struct str s)
{
	bool long_one = s.n * 10 > KEY_MAX; /* each byte may become ten */
	indent(w, depth);
	if (long_one)
		put(w, "? ");
	scalar(w, s);
	if (long_one) {
		put(w, "\n");
		indent(w, depth);
	}
	put(w, ":");
}

static bool
is_number(const struct site_fact *f)
{
	const struct site_attr *a = site_attr(f->kind, f->attr);
	return f->kind == SITE_QUOTA || (a != NULL && (a->form == FORM_NUMBER || a->form == FORM_FLAG));
}

static void
value(struct site_writer *w, const struct site_fact *f)
{
	put(w, " ");
	if (is_number(f))
		w->err = w->err == 0 ? buf_add_str(w->out, f->value) : w->err;
	else
		scalar(w, f->value);
	put(w, "\n");
}

static bool
same_thing(const struct site_fact *a, const struct site_fact *b)
{
	return a->kind == b->kind && str_eq(a->tenant, b->tenant) && str_eq(a->name, b->name);
}

/* Facts from at on that are of the same thing. */
static int32_t
thing_end(const struct site *s, int32_t at)
{
	int32_t end = at + 1;
	while (end < s->facts.n && same_thing(&s->facts.v[at], &s->facts.v[end]))
		end++;
	return end;
}

/* "settings/retention.ms" stands below settings, whose line is written before its first. */
static void
attribute(struct site_writer *w, int depth, const struct site_fact *f, struct str *last)
{
	struct str rest = f->attr, head;
	bool nested = f->kind != SITE_QUOTA && str_cut(&rest, '/', &head);
	if (!nested) {
		key(w, depth, f->attr);
		value(w, f);
		return;
	}
	if (!str_eq(head, *last)) {
		key(w, depth, head);
		put(w, "\n");
	}
	*last = head;
	const struct site_attr *a = site_attr(f->kind, head);
	if (a != NULL && a->form == FORM_LIST) {
		indent(w, depth + 1);
		put(w, "- ");
		scalar(w, rest);
		put(w, "\n");
	} else {
		key(w, depth + 1, rest);
		value(w, f);
	}
}

static void
thing(struct site_writer *w, int depth, int32_t at, int32_t end)
{
	const struct site_fact *f = w->site->facts.v;
	struct str last = STR("");
	key(w, depth, f[at].name);
	put(w, f[at].attr.n == 0 && end == at + 1 ? " {}\n" : "\n");
	for (int32_t i = at; i < end; i++)
		if (f[i].attr.n > 0)
			attribute(w, depth + 1, &f[i], &last);
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Rules of one path, those that differ in the operation alone on one line. */
static void
rules(struct site_writer *w, int depth, int32_t at, int32_t end)
{
	const struct site_fact *f = w->site->facts.v;
	ARRAY(struct acl_binding) all = { .n = 0 };
	ARRAY(struct str) lines = { .n = 0 };
	struct why why;
	for (int32_t i = at; i < end && w->err == 0; i++)
		w->err = site_rule(w->arena, &f[i], ARRAY_ADD(w->arena, all), &why);
	for (int32_t i = 0; i < all.n && w->err == 0; i++) {
		const struct acl_binding *a = &all.v[i];
		uint32_t ops = 0;
		struct buf b;
		for (int32_t k = i; k < all.n && a->op != 0; k++) {
			struct acl_binding *o = &all.v[k];
			if (o->op == 0 || o->permission != a->permission || !str_eq(o->principal, a->principal) || !str_eq(o->host, a->host) ||
			    o->until_ms != a->until_ms)
				continue;
			ops |= UINT32_C(1) << o->op;
			if (k > i)
				o->op = 0;
		}
		if (ops == 0)
			continue;
		buf_init(&b, ACL_TEXT_MAX);
		w->err = acl_rule_text_format(&b, a, ops);
		*ARRAY_ADD(w->arena, lines) = arena_str(w->arena, buf_str(&b));
		buf_free(&b);
	}
	if (lines.n > 0)
		qsort(lines.v, (size_t)lines.n, sizeof(*lines.v), by_text);
	key(w, depth, f[at].name);
	put(w, "\n");
	ARRAY_FOREACH(const struct str, line, lines) {
		indent(w, depth + 1);
		put(w, "- ");
		scalar(w, *line);
		put(w, "\n");
	}
}

static void
team(struct site_writer *w, int depth, const struct site_fact *f)
{
	indent(w, depth);
	put(w, "- ");
	scalar(w, f->name);
	put(w, "\n");
}

/* Sections of one tenant; returns where it ended. */
static int32_t
tenant(struct site_writer *w, int depth, int32_t at)
{
	const struct site *s = w->site;
	struct str name = s->facts.v[at].tenant;
	enum site_kind last = SITE_TENANT;
	while (at < s->facts.n && str_eq(s->facts.v[at].tenant, name)) {
		const struct site_fact *f = &s->facts.v[at];
		int32_t end = thing_end(s, at);
		if (f->kind != last && sections[f->kind] != NULL) {
			key(w, depth, str_from(sections[f->kind]));
			put(w, "\n");
		}
		last = f->kind;
		if (f->kind == SITE_TEAM)
			team(w, depth + 1, f);
		else if (site_is_rule(f))
			rules(w, depth + 1, at, end);
		else if (f->kind != SITE_TENANT)
			thing(w, depth + 1, at, end);
		at = end;
	}
	return at;
}

int
site_write(const struct site *s, struct buf *out)
{
	struct site_writer w = { .site = s, .out = out, .arena = arena_create(SIZE_MAX) };
	int32_t at = 0;
	put(&w, "schloss-site: " SITE_VERSION "\n");
	if (s->facts.n > 0 && s->facts.v[0].tenant.n == 0)
		at = tenant(&w, 0, 0);
	if (at < s->facts.n)
		put(&w, "tenants:\n");
	while (at < s->facts.n && w.err == 0) {
		bool empty = s->facts.v[at].kind == SITE_TENANT &&
		    (at + 1 == s->facts.n || !str_eq(s->facts.v[at].tenant, s->facts.v[at + 1].tenant));
		key(&w, 1, s->facts.v[at].tenant);
		put(&w, empty ? " {}\n" : "\n");
		at = tenant(&w, 2, at);
	}
	arena_destroy(&w.arena);
	return w.err;
}
