/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows are gathered first, so that columns can be aligned. Whatever the broker
 * sent is escaped: no name can forge a line or move the cursor. */
#include "cli/print.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "cli/term.h"

#define LAST_MIN 8u	/* columns that the last one keeps */

void
print_table_init(struct print_table *t, struct print *p, const char *name,
    const struct print_column *columns, size_t width)
{
	*t = (struct print_table){ .name = name, .columns = columns, .width = width, .arena = p->arena };
	t->tail = &t->first;
}

struct str *
print_row(struct print_table *t)
{
	struct print_row *row = arena_zalloc(t->arena, sizeof(*row) + t->width * sizeof(row->cell[0]));
	*t->tail = row;
	t->tail = &row->next;
	return row->cell;
}

struct str
print_number(struct print *p, long long v)
{
	return arena_printf(p->arena, "%lld", v);
}

struct str
print_bool(bool v)
{
	return v ? STR("true") : STR("false");
}

struct str
print_name(struct str s)
{
	return s.n > 0 ? s : STR_NULL;
}

/* As one visible token; "-" for null and nothing. */
static const char *
shown(struct print *p, struct str s)
{
	if (s.n == 0)
		return "-";
	size_t size = s.n * 4 + 8;
	return str_escape(s, arena_alloc(p->arena, size), size);
}

/* Characters, not bytes: enough for aligning names in most scripts. */
static size_t
columns_of(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* So many characters of it, the last three of which are dots where it is longer. */
static void
put_short(FILE *out, const char *text, size_t columns)
{
	size_t n = columns_of(text), at = 0;
	size_t keep = n <= columns ? n : columns < 3 ? 0 : columns - 3;
	for (size_t seen = 0; text[at] != '\0'; at++) {
		seen += ((unsigned char)text[at] & 0xc0) != 0x80;
		if (seen > keep)
			break;
	}
	fprintf(out, "%.*s%s", (int)at, text, n <= columns ? "" : "...");
}

static void
put_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	size_t n = columns_of(text), pad = width > n ? width - n : 0;
	if (right)
		fprintf(out, "%*s", (int)pad, "");
	put_short(out, text, width);
	if (!right && !last)
		fprintf(out, "%*s", (int)pad, "");
	fputs(last ? "" : "  ", out);
}

/* The last column gives way where a terminal is not wide enough, down to its head. A pipe has no width. */
static void
fit(struct print *p, const struct print_table *t, size_t *width)
{
	size_t columns = (size_t)term_columns(p->out), others = 0, last = t->width - 1;
	size_t least = strlen(t->columns[last].name) > LAST_MIN ? strlen(t->columns[last].name) : LAST_MIN;
	for (size_t i = 0; i < last; i++)
		others += width[i] + 2;
	size_t room = columns > others + least ? columns - others : least;
	if (columns > 0 && width[last] > room && t->columns[last].kind != PRINT_NUMBER)
		width[last] = room;
}

static void
table_text(struct print *p, const struct print_table *t)
{
	size_t width[PRINT_COLUMNS_MAX];
	bool bold = term_colours(p->out);
	for (size_t i = 0; i < t->width; i++) {
		width[i] = strlen(t->columns[i].name);
		for (const struct print_row *r = t->first; r != NULL; r = r->next) {
			size_t n = columns_of(shown(p, r->cell[i]));
			width[i] = n > width[i] ? n : width[i];
		}
	}
	fit(p, t, width);
	fputs(bold ? "\033[1m" : "", p->out);
	for (size_t i = 0; i < t->width; i++) {
		char head[64];
		snprintf(head, sizeof(head), "%s", t->columns[i].name);
		for (char *c = head; *c != '\0'; c++)
			*c = *c == '_' ? '-' : (char)toupper((unsigned char)*c);
		put_cell(p->out, head, width[i], t->columns[i].kind == PRINT_NUMBER, i + 1 == t->width);
	}
	fputs(bold ? "\033[0m\n" : "\n", p->out);
	for (const struct print_row *r = t->first; r != NULL; r = r->next) {
		for (size_t i = 0; i < t->width; i++)
			put_cell(p->out, shown(p, r->cell[i]), width[i],
			    t->columns[i].kind == PRINT_NUMBER, i + 1 == t->width);
		fputc('\n', p->out);
	}
}

/* What would move the cursor or turn the text around, of two or three bytes of UTF-8. Returns how many these were. */
static size_t
json_code(FILE *out, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0xe0 ? 2 : 3;
	unsigned code = n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu) :
	    (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	fprintf(out, "\\u%04x", code);
	return n;
}

static void
json_string(FILE *out, struct str s)
{
	bool utf8 = str_is_utf8(s);
	fputc('"', out);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			fprintf(out, "\\u%04x", c);
		else if (str_moves_text((struct str){ s.p + i, s.n - i }))
			i += json_code(out, (struct str){ s.p + i, s.n - i }) - 1;
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void
json_list(FILE *out, struct str s, char between)
{
	struct str part;
	bool first = true;
	fputc('[', out);
	while (s.p != NULL && s.n > 0) {
		str_cut(&s, between, &part);
		if (!first)
			fputs(", ", out);
		first = false;
		json_string(out, part);
	}
	fputc(']', out);
}

static void
json_cell(FILE *out, enum print_kind kind, struct str s)
{
	if (kind == PRINT_LIST || kind == PRINT_LINES)
		json_list(out, s, kind == PRINT_LIST ? ',' : '\n');
	else if (s.p == NULL)
		fputs("null", out);
	else if (kind == PRINT_TEXT)
		json_string(out, s);
	else
		fwrite(s.p, 1, s.n, out);
}

static void
table_json(struct print *p, const struct print_table *t)
{
	fputc('[', p->out);
	for (const struct print_row *r = t->first; r != NULL; r = r->next) {
		fputs(r == t->first ? "\n  {" : ",\n  {", p->out);
		for (size_t i = 0; i < t->width; i++) {
			fprintf(p->out, "%s\"%s\": ", i > 0 ? ", " : "", t->columns[i].name);
			json_cell(p->out, t->columns[i].kind, r->cell[i]);
		}
		fputc('}', p->out);
	}
	fputs(t->first != NULL ? "\n]" : "]", p->out);
}

void
print_open(struct print *p)
{
	p->open = true;
	p->parts = 0;
	if (p->form == PRINT_JSON)
		fputs("{\n", p->out);
}

void
print_table(struct print *p, const struct print_table *t)
{
	if (p->form == PRINT_JSON) {
		if (p->open)
			fprintf(p->out, "%s\"%s\": ", p->parts > 0 ? ",\n" : "", t->name);
		table_json(p, t);
		if (!p->open)
			fputc('\n', p->out);
	} else {
		if (p->open && p->parts > 0)
			fputc('\n', p->out);
		table_text(p, t);
	}
	p->parts++;
}

void
print_close(struct print *p)
{
	p->open = false;
	if (p->form == PRINT_JSON)
		fputs("\n}\n", p->out);
}

#define SENTENCE_MAX 8192	/* with a path in it */

static void __attribute__((format(printf, 4, 0)))
say(struct print *p, const char *key, const char *more, const char *fmt, va_list ap)
{
	char text[SENTENCE_MAX];
	if (p->quiet)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (p->form == PRINT_JSON)
		*ARRAY_ADD(p->arena, p->done) = (struct print_sentence){ arena_str(p->arena, str_from(text)),
			str_from(key), arena_str(p->arena, str_from(more)) };
	else
		fprintf(p->out, "%s\n", text);
	mem_cleanse(text, sizeof(text)); /* it may tell a password */
}

void
print_done(struct print *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say(p, NULL, NULL, fmt, ap);
	va_end(ap);
}

void
print_told(struct print *p, const char *key, const char *more, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say(p, key, more, fmt, ap);
	va_end(ap);
}

void
print_end(struct print *p, bool failed)
{
	if (p->form != PRINT_JSON || p->parts > 0 || (failed && p->done.n == 0))
		return;
	fputc('[', p->out);
	for (int32_t i = 0; i < p->done.n; i++) {
		const struct print_sentence *s = &p->done.v[i];
		fputs(i == 0 ? "\n  {\"done\": " : ",\n  {\"done\": ", p->out);
		json_string(p->out, s->text);
		if (s->key.p != NULL) {
			fprintf(p->out, ", \"%.*s\": ", STR_ARG(s->key));
			json_string(p->out, s->more);
			mem_cleanse((char *)(uintptr_t)s->more.p, s->more.n);
		}
		fputc('}', p->out);
		mem_cleanse((char *)(uintptr_t)s->text.p, s->text.n);
	}
	fputs(p->done.n > 0 ? "\n]\n" : "]\n", p->out);
}
