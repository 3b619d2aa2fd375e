/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent into a tree, then the tree into a program. Patterns come
 * from the configuration, but are bounded all the same: length, depth, sets,
 * and the program, which counted repetition makes longer. The first error
 * stops the parse; it is said with its byte.
 */
#include <string.h>

#include "base/mem.h"
#include "security/rx_private.h"

#define DEPTH_MAX 32
#define WRITES_MAX 20000

enum kind { EMPTY, LEAF, CAT, ALT, REPEAT, GROUP };

struct node {
	enum kind kind;
	struct rx_inst leaf;
	struct node *a, *b;
	unsigned min, max;		/* REPEAT; max UINT_MAX: no end */
	bool lazy;
	unsigned group;			/* GROUP; 0: does not capture */
};

#define NO_END UINT32_MAX

struct parser {
	struct str in;
	size_t at;
	unsigned depth, nodes_n, writes;
	struct node *nodes;		/* 4 * RX_PATTERN_MAX of them */
	struct rx *rx;
	struct why *why;
	int err;
};

static struct node *parse_alt(struct parser *p);

static struct node *
fail(struct parser *p, const char *what)
{
	if (p->err == 0)
		p->err = why_set(p->why, ERR_INVAL, "at byte %zu of the pattern: %s", p->at + 1,
		    what);
	return &p->nodes[0]; /* EMPTY */
}

static struct node *
node(struct parser *p, enum kind kind)
{
	if (p->nodes_n == 4 * RX_PATTERN_MAX)
		return fail(p, "the pattern is too large");
	struct node *n = &p->nodes[p->nodes_n++];
	n->kind = kind;
	return n;
}

static bool
more(const struct parser *p)
{
	return p->err == 0 && p->at < p->in.n;
}

static bool
next_is(const struct parser *p, char c)
{
	return more(p) && p->in.p[p->at] == c;
}

static bool
take(struct parser *p, char c)
{
	if (!next_is(p, c))
		return false;
	p->at++;
	return true;
}

uint32_t
rx_decode(struct str in, size_t at, size_t *ret_n)
{
	const uint8_t *b = (const uint8_t *)in.p + at;
	size_t n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? b[0] : b[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (b[i] & 0x3f);
	*ret_n = n;
	return c;
}

static uint32_t
take_char(struct parser *p)
{
	size_t n;
	uint32_t c = rx_decode(p->in, p->at, &n);
	p->at += n;
	return c;
}

static struct node *
leaf(struct parser *p, enum rx_op op, uint32_t c)
{
	struct node *n = node(p, LEAF);
	n->leaf = (struct rx_inst){ .op = op, .c = c, .x = (uint16_t)c };
	return n;
}

static struct rx_set *
new_set(struct parser *p, unsigned *ret_index)
{
	struct rx *rx = p->rx;
	if (rx->sets_n == RX_SETS_MAX) {
		fail(p, "too many character classes");
		*ret_index = 0;
		return &rx->sets[0];
	}
	*ret_index = rx->sets_n;
	return &rx->sets[rx->sets_n++];
}

static void
add_range(struct parser *p, struct rx_set *set, uint32_t lo, uint32_t hi)
{
	if (lo > hi)
		fail(p, "the range is backwards");
	else if (set->n == RX_RANGES_MAX)
		fail(p, "the class has too many parts");
	else {
		set->range[set->n].lo = lo;
		set->range[set->n++].hi = hi;
	}
}

/* \d \w \s and, as what lies between their ranges, \D \W \S. False: c is none. */
static bool
add_class(struct parser *p, struct rx_set *set, char c)
{
	static const struct {
		char name;
		unsigned n;
		uint8_t range[4][2];
	} classes[] = {
		{ 'd', 1, { { '0', '9' } } },
		{ 'w', 4, { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
		{ 's', 2, { { '\t', '\r' }, { ' ', ' ' } } },
	};
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		uint32_t from = 0;
		if ((c | 0x20) != classes[i].name)
			continue;
		for (unsigned r = 0; r < classes[i].n; r++) {
			const uint8_t *range = classes[i].range[r];
			if (c == classes[i].name)
				add_range(p, set, range[0], range[1]);
			else
				add_range(p, set, from, range[0] - 1u);
			from = range[1] + 1u;
		}
		if (c != classes[i].name)
			add_range(p, set, from, 0x10ffff);
		return true;
	}
	return false;
}

/* The character that an escape stands for; the backslash is behind us. */
static uint32_t
escaped_char(struct parser *p)
{
	static const char names[] = "tnrf", values[] = "\t\n\r\f";
	char c = p->in.p[p->at];
	const char *named = c == '\0' ? NULL : strchr(names, c);
	bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	if (named == NULL && alnum) {
		fail(p, "this escape is not supported");
		return 0;
	}
	if (named == NULL)
		return take_char(p);
	p->at++;
	return (uint32_t)values[named - names];
}

/* One end of a range, or a whole class (then false). */
static bool
set_char(struct parser *p, struct rx_set *set, uint32_t *ret)
{
	if (next_is(p, '[') || (next_is(p, '&') && p->at + 1 < p->in.n && p->in.p[p->at + 1] == '&')) {
		fail(p, "nested classes are not supported");
		return false;
	}
	if (!take(p, '\\')) {
		*ret = take_char(p);
		return true;
	}
	if (!more(p)) {
		fail(p, "nothing after the backslash");
		return false;
	}
	if (add_class(p, set, p->in.p[p->at])) {
		p->at++;
		return false;
	}
	*ret = escaped_char(p);
	return true;
}

static struct node *
parse_set(struct parser *p)
{
	unsigned index;
	struct rx_set *set = new_set(p, &index);
	set->negated = take(p, '^');
	if (next_is(p, ']'))
		return fail(p, "the class is empty");
	while (more(p) && !next_is(p, ']')) {
		uint32_t lo, hi;
		if (!set_char(p, set, &lo))
			continue;
		hi = lo;
		bool range = next_is(p, '-') && p->at + 1 < p->in.n && p->in.p[p->at + 1] != ']';
		if (range) {
			p->at++;
			if (!set_char(p, set, &hi))
				return fail(p, "a class cannot end a range");
		}
		add_range(p, set, lo, hi);
	}
	if (!take(p, ']'))
		return fail(p, "the class has no end");
	return leaf(p, RX_SET, index);
}

static struct node *
parse_escape(struct parser *p)
{
	unsigned index;
	if (!more(p))
		return fail(p, "nothing after the backslash");
	if (strchr("dDwWsS", p->in.p[p->at]) != NULL && p->in.p[p->at] != '\0') {
		add_class(p, new_set(p, &index), p->in.p[p->at]);
		p->at++;
		return leaf(p, RX_SET, index);
	}
	return leaf(p, RX_CHAR, escaped_char(p));
}

static struct node *
parse_group(struct parser *p)
{
	unsigned group = 0;
	if (take(p, '?')) {
		if (!take(p, ':'))
			return fail(p, "of (? ) only (?: ) is supported");
	} else {
		if (p->rx->groups == RX_GROUPS - 1)
			return fail(p, "more than nine groups");
		group = ++p->rx->groups;
	}
	if (++p->depth > DEPTH_MAX)
		return fail(p, "groups are nested too deeply");
	struct node *inside = parse_alt(p);
	p->depth--;
	if (!take(p, ')'))
		return fail(p, "the group has no end");
	struct node *n = node(p, GROUP);
	n->group = group;
	n->a = inside;
	return n;
}

static struct node *
parse_atom(struct parser *p)
{
	char c = p->in.p[p->at];
	if (c == '\0' || strchr("*+?{", c) != NULL)
		return fail(p, "nothing to repeat");
	if (take(p, '('))
		return parse_group(p);
	if (take(p, '['))
		return parse_set(p);
	if (take(p, '\\'))
		return parse_escape(p);
	if (take(p, '.'))
		return leaf(p, RX_ANY, 0);
	if (take(p, '^'))
		return leaf(p, RX_BEGIN, 0);
	if (take(p, '$'))
		return leaf(p, RX_END, 0);
	return leaf(p, RX_CHAR, take_char(p));
}

static unsigned
take_number(struct parser *p)
{
	unsigned v = 0;
	size_t from = p->at;
	for (; more(p) && p->in.p[p->at] >= '0' && p->in.p[p->at] <= '9'; p->at++)
		v = v > RX_REPEAT_MAX ? v : v * 10 + (unsigned)(p->in.p[p->at] - '0');
	if (p->at == from)
		fail(p, "a number is expected here");
	else if (v > RX_REPEAT_MAX)
		fail(p, "at most 255 repetitions");
	return v;
}

/* Behind an atom: whether it repeats, and how often. */
static bool
parse_quantifier(struct parser *p, unsigned *ret_min, unsigned *ret_max)
{
	*ret_min = 0;
	*ret_max = NO_END;
	if (take(p, '*'))
		return true;
	if (take(p, '+')) {
		*ret_min = 1;
		return true;
	}
	if (take(p, '?')) {
		*ret_max = 1;
		return true;
	}
	if (!take(p, '{'))
		return false;
	*ret_min = *ret_max = take_number(p);
	if (take(p, ','))
		*ret_max = next_is(p, '}') ? NO_END : take_number(p);
	if (!take(p, '}') || *ret_max < *ret_min)
		fail(p, "bad repetition");
	return true;
}

static struct node *
parse_repeat(struct parser *p)
{
	unsigned min, max;
	struct node *atom = parse_atom(p);
	if (!parse_quantifier(p, &min, &max))
		return atom;
	struct node *n = node(p, REPEAT);
	n->a = atom;
	n->min = min;
	n->max = max;
	n->lazy = take(p, '?');
	if (next_is(p, '+') || next_is(p, '*') || next_is(p, '{') || next_is(p, '?'))
		return fail(p, "only one quantifier, and none is possessive");
	return n;
}

static struct node *
parse_cat(struct parser *p)
{
	struct node *all = NULL;
	while (more(p) && !next_is(p, '|') && !next_is(p, ')')) {
		struct node *one = parse_repeat(p);
		if (all == NULL) {
			all = one;
			continue;
		}
		struct node *n = node(p, CAT);
		n->a = all;
		n->b = one;
		all = n;
	}
	return all == NULL ? &p->nodes[0] : all;
}

static struct node *
parse_alt(struct parser *p)
{
	struct node *all = parse_cat(p);
	while (take(p, '|')) {
		struct node *other = parse_cat(p);
		struct node *n = node(p, ALT);
		n->a = all;
		n->b = other;
		all = n;
	}
	return all;
}

static unsigned
emit(struct parser *p, enum rx_op op, unsigned x)
{
	struct rx *rx = p->rx;
	if (rx->n == RX_PROGRAM_MAX) {
		fail(p, "the pattern is too large");
		return 0;
	}
	rx->program[rx->n] = (struct rx_inst){ .op = op, .x = (uint16_t)x };
	return rx->n++;
}

static void write_node(struct parser *p, const struct node *n);

/* A split whose way into the body is preferred, or, where lazy, the way past it. */
static void
set_split(struct rx *rx, unsigned at, unsigned body, unsigned past, bool lazy)
{
	rx->program[at].x = (uint16_t)(lazy ? past : body);
	rx->program[at].y = (uint16_t)(lazy ? body : past);
}

static void
write_repeat(struct parser *p, const struct node *n)
{
	struct rx *rx = p->rx;
	for (unsigned i = 0; i < n->min && p->err == 0; i++)
		write_node(p, n->a);
	if (n->max == NO_END) {
		unsigned split = emit(p, RX_SPLIT, 0);
		write_node(p, n->a);
		emit(p, RX_JUMP, split);
		set_split(rx, split, split + 1, rx->n, n->lazy);
		return;
	}
	/* a?a?a? as (a(a(a)?)?)?: each split goes past all the rest. */
	unsigned first = rx->n;
	for (unsigned i = n->min; i < n->max && p->err == 0; i++) {
		unsigned split = emit(p, RX_SPLIT, 0);
		rx->program[split].c = 1; /* one of these, to be set below */
		write_node(p, n->a);
	}
	for (unsigned i = first; i < rx->n; i++) {
		if (rx->program[i].op == RX_SPLIT && rx->program[i].c == 1) {
			set_split(rx, i, i + 1, rx->n, n->lazy);
			rx->program[i].c = 0;
		}
	}
}

static void
write_alt(struct parser *p, const struct node *n)
{
	struct rx *rx = p->rx;
	unsigned split = emit(p, RX_SPLIT, 0);
	write_node(p, n->a);
	unsigned jump = emit(p, RX_JUMP, 0);
	set_split(rx, split, split + 1, rx->n, false);
	write_node(p, n->b);
	rx->program[jump].x = (uint16_t)rx->n;
}

static void
write_node(struct parser *p, const struct node *n)
{
	if (p->err != 0)
		return;
	if (++p->writes > WRITES_MAX) { /* (?:){255} nested writes nothing, but often */
		fail(p, "the pattern is too large");
		return;
	}
	switch (n->kind) {
	case EMPTY:
		break;
	case LEAF: {
		unsigned at = emit(p, n->leaf.op, n->leaf.x);
		p->rx->program[at].c = n->leaf.c;
		break;
	}
	case CAT:
		write_node(p, n->a);
		write_node(p, n->b);
		break;
	case ALT:
		write_alt(p, n);
		break;
	case REPEAT:
		write_repeat(p, n);
		break;
	case GROUP:
		if (n->group > 0)
			emit(p, RX_SAVE, 2 * n->group);
		write_node(p, n->a);
		if (n->group > 0)
			emit(p, RX_SAVE, 2 * n->group + 1);
		break;
	}
}

static int
compile(struct parser *p)
{
	node(p, EMPTY);
	if (p->in.n > RX_PATTERN_MAX || !str_is_utf8(p->in)) {
		fail(p, "longer than 512 bytes, or no UTF-8");
		return p->err;
	}
	const struct node *all = parse_alt(p);
	if (more(p))
		fail(p, "a ) without its (");
	emit(p, RX_SAVE, 0);
	write_node(p, all);
	emit(p, RX_SAVE, 1);
	emit(p, RX_MATCH, 0);
	return p->err;
}

int
rx_compile(struct str pattern, struct rx **ret, struct why *why)
{
	struct rx *rx = MEM_NEW(struct rx);
	struct parser p = { .in = pattern, .rx = rx, .why = why };

	p.nodes = mem_zalloc(4 * RX_PATTERN_MAX * sizeof(*p.nodes));
	rx->program = mem_zalloc(RX_PROGRAM_MAX * sizeof(*rx->program));
	rx->sets = mem_zalloc(RX_SETS_MAX * sizeof(*rx->sets));
	int err = compile(&p);
	mem_free(p.nodes);
	if (err != 0) {
		rx_destroy(&rx);
		return err;
	}
	rx->program = mem_realloc(rx->program, rx->n * sizeof(*rx->program));
	rx->sets = mem_realloc(rx->sets, rx->sets_n * sizeof(*rx->sets));
	*ret = rx;
	return 0;
}

void
rx_destroy(struct rx **rx)
{
	if (*rx == NULL)
		return;
	mem_free((*rx)->program);
	mem_free((*rx)->sets);
	mem_free(*rx);
	*rx = NULL;
}

unsigned
rx_groups(const struct rx *rx)
{
	return rx->groups;
}
