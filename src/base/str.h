/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A string that somebody else owns: pointer and length, no terminator. A null
 * string (the protocol's null) has p == NULL; an empty one has p != NULL.
 */
struct str {
	const char *p;
	size_t n;
};

/* A qualified name: which tenant's, and the plain name that clients see. This
 * pair is how every topic, group, transactional id and user is named inside. */
struct name {
	uint32_t tenant;
	struct str s;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define STR_NULL ((struct str){ NULL, 0 })
#define NAME(t, str) ((struct name){ (t), (str) })

/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) ((int)(s).n), ((s).p == NULL ? "" : (s).p)

static inline struct str
str_from(const char *cstr)
{
	return (struct str){ cstr, cstr == NULL ? 0 : strlen(cstr) };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_from(cstr));
}

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool
name_eq(struct name a, struct name b)
{
	return a.tenant == b.tenant && str_eq(a.s, b.s);
}

/* Bytewise order; a prefix sorts before the longer string. Inline, as each step down a tree is one. */
static inline int
str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

/* A terminated copy on the heap; free with mem_free(). A null string gives NULL. */
char *str_dup(struct str s);

/* Cuts s at the first sep: *ret_head is what stands before it, s itself what
 * follows. Without a sep the head is all of s, s becomes null, and false is
 * returned; so `while (s.p != NULL) str_cut(&s, ',', &head)` sees every part. */
bool str_cut(struct str *s, char sep, struct str *ret_head);

/* Without white space (space, tab, CR, LF) at both ends. */
struct str str_trim(struct str s);

/* Decimal numbers, the whole string; ERR_INVAL, or ERR_LIMIT outside min..max. */
int str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret);

/* Whether s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/* Whether s begins with a character that is UTF-8 and yet moves what a terminal or a reader of
 * lines shows: the second set of controls (U+0080-9F, one of them begins an escape),
 * separators of lines (U+2028, 2029), marks and changes of direction (U+200E, 200F, 202A-E, 2066-9). */
bool str_moves_text(struct str s);

/* Writes s into out as one printable, terminated token: control bytes, DEL,
 * the backslash, what moves text, and bytes that are no UTF-8 become \xNN. Truncates with "...".
 * For log lines: what a client chose must not forge a second line. */
char *str_escape(struct str s, char *out, size_t size);
