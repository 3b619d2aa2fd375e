/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

char *
str_dup(struct str s)
{
	if (s.p == NULL)
		return NULL;
	char *copy = mem_alloc(s.n + 1);
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

bool
str_cut(struct str *s, char sep, struct str *ret_head)
{
	const char *at = s->n == 0 ? NULL : memchr(s->p, sep, s->n);
	if (at == NULL) {
		*ret_head = *s;
		*s = STR_NULL;
		return false;
	}
	size_t n = (size_t)(at - s->p);
	*ret_head = (struct str){ s->p, n };
	*s = (struct str){ at + 1, s->n - n - 1 };
	return true;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

int
str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	size_t i = neg ? 1 : 0;
	int64_t v = 0;
	if (i == s.n)
		return ERR_INVAL;
	for (; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_INVAL;
		/* Negative accumulation, because -INT64_MIN has no int64_t. */
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return ERR_LIMIT;
	}
	if (!neg && __builtin_sub_overflow(0, v, &v))
		return ERR_LIMIT;
	if (v < min || v > max)
		return ERR_LIMIT;
	*ret = v;
	return 0;
}

/* The length of the well-formed UTF-8 sequence at p, or 0. */
static size_t
utf8_len(const uint8_t *p, size_t n)
{
	static const struct { uint8_t lo, hi, len, lo2, hi2; } rows[] = {
		{ 0x00, 0x7f, 1, 0x80, 0xbf }, { 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		if (p[0] < rows[r].lo || p[0] > rows[r].hi)
			continue;
		if (rows[r].len > n)
			return 0;
		if (rows[r].len > 1 && (p[1] < rows[r].lo2 || p[1] > rows[r].hi2))
			return 0;
		for (size_t i = 2; i < rows[r].len; i++)
			if ((p[i] & 0xc0) != 0x80)
				return 0;
		return rows[r].len;
	}
	return 0;
}

bool
str_is_utf8(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	for (size_t i = 0; i < s.n;) {
		size_t n = p[i] < 0x80 ? 1 : utf8_len(p + i, s.n - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

bool
str_moves_text(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	if (s.n >= 2 && p[0] == 0xc2)
		return p[1] >= 0x80 && p[1] < 0xa0;
	if (s.n < 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

char *
str_escape(struct str s, char *out, size_t size)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t o = 0;
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_len(p + i, s.n - i);
		bool plain = n > 1 ? !str_moves_text((struct str){ s.p + i, n }) : (n == 1 && p[i] >= 0x20 && p[i] != 0x7f && p[i] != '\\');
		size_t need = plain ? n : 4;
		if (o + need + 4 > size) {
			if (size >= o + 4)
				memcpy(out + o, "...", 3), o += 3;
			break;
		}
		if (plain)
			memcpy(out + o, p + i, n);
		else
			snprintf(out + o, 5, "\\x%02x", p[i]);
		o += need;
		i += plain ? n : 1;
	}
	if (size > 0)
		out[o] = '\0';
	return out;
}
