/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replacement is cut into parts once, literal text or group, and matches
 * are replaced from left to right. Behind an empty match the search goes on one
 * character later, behind any other at its end, where an empty match may follow:
 * so, as in Java, ".*" replaced everywhere is replaced twice.
 */
#include "security/subst.h"

#include "base/mem.h"
#include "security/rx.h"

#define PARTS_MAX 64
#define REPLACEMENTS_MAX 64

struct part {
	int group;			/* -1: text */
	struct str text;		/* view of subst.replacement */
};

struct subst {
	struct rx *rx;
	char *replacement;
	unsigned n;
	struct part parts[PARTS_MAX];
};

static int
add_part(struct subst *s, int group, struct str text, struct why *why)
{
	if (s->n == PARTS_MAX)
		return why_set(why, ERR_LIMIT, "the replacement has too many parts");
	s->parts[s->n++] = (struct part){ group, text };
	return 0;
}

/* At a '$': the group, and how many bytes it takes; 0 bytes: none. */
static size_t
group_ref(const struct subst *s, struct str in, size_t at, int *ret_group)
{
	unsigned v = 0;
	size_t n = 0;
	for (size_t i = at + 1; i < in.n && in.p[i] >= '0' && in.p[i] <= '9'; i++) {
		unsigned wider = v * 10 + (unsigned)(in.p[i] - '0');
		if (wider > rx_groups(s->rx) || (i > at + 1 && v == 0))
			break;
		v = wider;
		n = i - at + 1;
	}
	*ret_group = (int)v;
	return n;
}

static int
parse_replacement(struct subst *s, struct str in, bool literal_refs, struct why *why)
{
	int err = 0;
	for (size_t i = 0; i < in.n && err == 0;) {
		int group = -1;
		size_t n = 1;
		if (in.p[i] == '\\' && ++i == in.n)
			return why_set(why, ERR_INVAL, "the replacement ends in a backslash");
		else if (in.p[i] == '$' && (i == 0 || in.p[i - 1] != '\\')) {
			n = group_ref(s, in, i, &group);
			if (n == 0 && !(literal_refs && rx_groups(s->rx) > 0))
				return why_set(why, ERR_INVAL, "at byte %zu of the replacement: "
				    "the pattern has no such group", i + 1);
			if (n == 0)
				n = 1, group = -1;
		}
		err = add_part(s, group, (struct str){ in.p + i, n }, why);
		i += n;
	}
	return err;
}

/* Text of one byte each becomes runs. */
static void
join_parts(struct subst *s)
{
	unsigned o = 0;
	for (unsigned i = 0; i < s->n; i++) {
		struct part *last = o == 0 ? NULL : &s->parts[o - 1];
		if (last != NULL && last->group < 0 && s->parts[i].group < 0 &&
		    last->text.p + last->text.n == s->parts[i].text.p)
			last->text.n += s->parts[i].text.n;
		else
			s->parts[o++] = s->parts[i];
	}
	s->n = o;
}

int
subst_compile(struct str pattern, struct str replacement, bool literal_refs,
    struct subst **ret, struct why *why)
{
	struct subst *s = MEM_NEW(struct subst);
	s->replacement = str_dup(replacement.p == NULL ? STR("") : replacement);
	int err = rx_compile(pattern, &s->rx, why);
	if (err == 0)
		err = parse_replacement(s, str_from(s->replacement), literal_refs, why);
	if (err != 0) {
		subst_destroy(&s);
		return err;
	}
	join_parts(s);
	*ret = s;
	return 0;
}

void
subst_destroy(struct subst **subst)
{
	if (*subst == NULL)
		return;
	rx_destroy(&(*subst)->rx);
	mem_free((*subst)->replacement);
	mem_free(*subst);
	*subst = NULL;
}

int
subst_matches(const struct subst *s, struct str in)
{
	struct rx_match m;
	return rx_full(s->rx, in, &m);
}

static int
add_replacement(const struct subst *s, struct str in, const struct rx_match *m, struct buf *ret)
{
	int err = 0;
	for (unsigned i = 0; i < s->n && err == 0; i++) {
		const struct part *part = &s->parts[i];
		struct str text = part->text;
		if (part->group >= 0) {
			size_t from = m->group[part->group].start, to = m->group[part->group].end;
			text = from > to ? STR("") : (struct str){ in.p + from, to - from };
		}
		err = buf_add_str(ret, text);
	}
	return err;
}

/* The next character's place behind at. */
static size_t
step_over(struct str in, size_t at)
{
	at++;
	while (at < in.n && ((unsigned char)in.p[at] & 0xc0) == 0x80)
		at++;
	return at;
}

int
subst_apply(const struct subst *s, struct str in, bool all, struct buf *ret)
{
	size_t from = 0, copied = 0;
	struct rx_match m;
	int err;

	for (unsigned i = 0; from <= in.n; i++) {
		err = rx_find(s->rx, in, from, &m);
		if (err == ERR_NOTFOUND)
			break;
		if (err == 0 && i == REPLACEMENTS_MAX)
			err = ERR_LIMIT;
		if (err == 0)
			err = buf_add(ret, in.p + copied, m.group[0].start - copied);
		if (err == 0)
			err = add_replacement(s, in, &m, ret);
		if (err != 0)
			return err;
		copied = m.group[0].end;
		from = m.group[0].end > m.group[0].start ? copied : step_over(in, copied);
		if (!all)
			break;
	}
	return buf_add(ret, in.p + copied, in.n - copied);
}
