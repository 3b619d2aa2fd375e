/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Pike machine: all ways through the program advance together, one code point
 * at a time, in order of preference, and no instruction is entered twice at
 * one place. So the time is at most input x program, whatever either is; a
 * budget bounds that product too, and running out of it is ERR_LIMIT.
 */
#include <string.h>

#include "base/mem.h"
#include "security/rx_private.h"

#define BUDGET 2000000
#define SLOTS (2 * RX_GROUPS)
#define UNSET UINT16_MAX

struct thread {
	uint16_t pc;
	uint16_t slot[SLOTS];
};

struct threads {
	unsigned n;
	struct thread *v;
	uint32_t *seen;			/* by pc: the turn in which it was added */
};

struct machine {
	const struct rx *rx;
	struct str in;
	bool full;			/* the match must reach the end */
	uint32_t turn;
	uint64_t spent;
	struct threads now, next;
};

static bool
set_has(const struct rx_set *set, uint32_t c)
{
	bool in = false;
	for (unsigned i = 0; i < set->n; i++)
		in |= c >= set->range[i].lo && c <= set->range[i].hi;
	return in != set->negated;
}

static bool
accepts(const struct rx *rx, const struct rx_inst *inst, uint32_t c)
{
	switch (inst->op) {
	case RX_CHAR:
		return c == inst->c;
	case RX_ANY: /* Java's line terminators */
		return c != '\n' && c != '\r' && c != 0x85 && c != 0x2028 && c != 0x2029;
	case RX_SET:
		return set_has(&rx->sets[inst->x], c);
	default:
		return false;
	}
}

/* Adds where pc leads without input, in order of preference. As deep as the
 * program is long, at most. */
static void
add(struct machine *m, struct threads *to, uint16_t pc, size_t at, uint16_t *slot)
{
	const struct rx_inst *inst = &m->rx->program[pc];
	if (to->seen[pc] == m->turn)
		return;
	to->seen[pc] = m->turn;
	m->spent++;
	switch (inst->op) {
	case RX_JUMP:
		add(m, to, inst->x, at, slot);
		break;
	case RX_SPLIT:
		add(m, to, inst->x, at, slot);
		add(m, to, inst->y, at, slot);
		break;
	case RX_SAVE: {
		uint16_t old = slot[inst->x];
		slot[inst->x] = (uint16_t)at;
		add(m, to, pc + 1, at, slot);
		slot[inst->x] = old;
		break;
	}
	case RX_BEGIN:
		if (at == 0)
			add(m, to, pc + 1, at, slot);
		break;
	case RX_END:
		if (at == m->in.n)
			add(m, to, pc + 1, at, slot);
		break;
	default:
		to->v[to->n].pc = pc;
		memcpy(to->v[to->n++].slot, slot, SLOTS * sizeof(*slot));
	}
}

static void
take_match(const struct machine *m, const struct thread *t, struct rx_match *ret)
{
	ret->groups = m->rx->groups;
	for (unsigned g = 0; g < RX_GROUPS; g++) {
		bool set = t->slot[2 * g] != UNSET && t->slot[2 * g + 1] != UNSET;
		ret->group[g].start = set ? t->slot[2 * g] : 1;
		ret->group[g].end = set ? t->slot[2 * g + 1] : 0;
	}
}

/* One turn at byte `at`, where c stands (n bytes; 0 at the end). True: a match
 * was found, better than any before; those less preferred are dropped. */
static bool
turn(struct machine *m, size_t at, uint32_t c, size_t n, struct rx_match *ret)
{
	m->turn++;
	m->next.n = 0;
	for (unsigned i = 0; i < m->now.n; i++) {
		struct thread *t = &m->now.v[i];
		const struct rx_inst *inst = &m->rx->program[t->pc];
		if (inst->op == RX_MATCH) {
			if (m->full && at < m->in.n)
				continue;
			take_match(m, t, ret);
			return true;
		}
		if (n > 0 && accepts(m->rx, inst, c))
			add(m, &m->next, t->pc + 1, at + n, t->slot);
	}
	return false;
}

static void
start(struct machine *m, size_t at)
{
	uint16_t slot[SLOTS];
	for (unsigned i = 0; i < SLOTS; i++)
		slot[i] = UNSET;
	add(m, &m->now, 0, at, slot);
}

static int
run(struct machine *m, size_t from, struct rx_match *ret)
{
	bool found = false;
	/* next's marks become now's: a new start is the least preferred. */
	for (size_t at = from, n = 0;; at += n) {
		uint32_t c = at < m->in.n ? rx_decode(m->in, at, &n) : (n = 0, 0);
		if (!found && (at == from || !m->full))
			start(m, at);
		found |= turn(m, at, c, n, ret);
		struct threads old = m->now;
		m->now = m->next;
		m->next = old;
		if (m->spent > BUDGET)
			return ERR_LIMIT;
		if (n == 0 || (m->now.n == 0 && (found || m->full)))
			return found ? 0 : ERR_NOTFOUND;
	}
}

static int
match(const struct rx *rx, struct str in, size_t from, bool full, struct rx_match *ret)
{
	struct machine m = { .rx = rx, .in = in, .full = full, .turn = 1 };
	if (in.n > RX_INPUT_MAX)
		return ERR_LIMIT;
	if (!str_is_utf8(in) || from > in.n)
		return ERR_INVAL;
	m.now.v = mem_zalloc(rx->n * sizeof(*m.now.v));
	m.next.v = mem_zalloc(rx->n * sizeof(*m.next.v));
	m.now.seen = mem_zalloc(rx->n * sizeof(*m.now.seen));
	m.next.seen = mem_zalloc(rx->n * sizeof(*m.next.seen));
	int err = run(&m, from, ret);
	mem_free(m.now.v);
	mem_free(m.next.v);
	mem_free(m.now.seen);
	mem_free(m.next.seen);
	return err;
}

int
rx_full(const struct rx *rx, struct str in, struct rx_match *ret)
{
	return match(rx, in, 0, true, ret);
}

int
rx_find(const struct rx *rx, struct str in, size_t from, struct rx_match *ret)
{
	return match(rx, in, from, false, ret);
}
