/* SPDX-License-Identifier: Apache-2.0 */
#include "meta/record.h"

#define VERSION_LINE "v1\n"
#define STRICT_LINE "v2\n"		/* as long */

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '%';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX becomes the byte; the result is never longer. */
static int
unescape(struct arena *arena, struct str s, struct str *ret)
{
	char *out = arena_alloc(arena, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			out[n++] = s.p[i];
			continue;
		}
		int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int lo = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
		if (hi < 0 || lo < 0)
			return ERR_CORRUPT;
		out[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	out[n] = '\0';
	*ret = (struct str){ out, n };
	return 0;
}

int
record_parse(struct arena *arena, struct str text, struct record *ret)
{
	struct record r = { .fields = { NULL, 0 } };
	struct str line, key;
	r.strict = str_starts(text, STR(STRICT_LINE));
	if (!r.strict && !str_starts(text, STR(VERSION_LINE)))
		return text.n > 0 && text.p[0] == 'v' ? ERR_UNSUPPORTED : ERR_CORRUPT;
	text.p += sizeof(VERSION_LINE) - 1;
	text.n -= sizeof(VERSION_LINE) - 1;
	while (text.p != NULL && text.n > 0) {
		str_cut(&text, '\n', &line);
		if (!str_cut(&line, '=', &key))
			return ERR_CORRUPT;
		struct record_field *f = ARRAY_ADD(arena, r.fields);
		f->key = arena_str(arena, key);
		int err = unescape(arena, line, &f->value);
		if (err != 0)
			return err;
	}
	*ret = r;
	return 0;
}

struct str
record_get(const struct record *r, const char *key)
{
	ARRAY_FOREACH(const struct record_field, f, r->fields)
		if (str_is(f->key, key))
			return f->value;
	return STR_NULL;
}

int
record_int(const struct record *r, const char *key, int64_t dflt, int64_t *ret)
{
	struct str v = record_get(r, key);
	if (v.p == NULL) {
		*ret = dflt;
		return 0;
	}
	return str_to_i64(v, INT64_MIN, INT64_MAX, ret) == 0 ? 0 : ERR_CORRUPT;
}

bool
record_flag(const struct record *r, const char *key)
{
	return str_is(record_get(r, key), "1");
}

void
record_begin(struct buf *out)
{
	(void)buf_add(out, VERSION_LINE, sizeof(VERSION_LINE) - 1);
}

void
record_begin_strict(struct buf *out)
{
	(void)buf_add(out, STRICT_LINE, sizeof(STRICT_LINE) - 1);
}

static void
add_escaped(struct buf *out, struct str s, bool slash)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (is_plain(c) && (c != '/' || !slash))
			(void)buf_add(out, &c, 1);
		else
			(void)buf_printf(out, "%%%02x", c);
	}
}

void
record_add(struct buf *out, const char *key, struct str value)
{
	(void)buf_printf(out, "%s=", key);
	add_escaped(out, value, false);
	(void)buf_add(out, "\n", 1);
}

void
record_add_int(struct buf *out, const char *key, int64_t value)
{
	(void)buf_printf(out, "%s=%ld\n", key, (long)value);
}

struct str
record_path_part(struct arena *arena, struct str name)
{
	struct buf b;
	buf_init(&b, 3 * name.n + 1);
	add_escaped(&b, name, true);
	struct str part = arena_str(arena, buf_str(&b));
	buf_free(&b);
	return part;
}

int
record_path_name(struct arena *arena, struct str part, struct str *ret)
{
	return unescape(arena, part, ret);
}

struct str
record_hex(struct arena *arena, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	char *out = arena_alloc(arena, 2 * n + 1);
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
	return (struct str){ out, 2 * n };
}

int
record_unhex(struct str hex, void *out, size_t max, size_t *ret_n)
{
	uint8_t *b = out;
	if (hex.n % 2 != 0 || hex.n / 2 > max)
		return ERR_CORRUPT;
	for (size_t i = 0; i < hex.n / 2; i++) {
		int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return ERR_CORRUPT;
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret_n = hex.n / 2;
	return 0;
}
