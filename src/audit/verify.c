/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line by line: is it one, has it the next number, is its hash the one over the hash before. A number that
 * does not follow is told before the hash, which then cannot fit: that lines are missing says more than
 * that one does not follow. A chain that fits throughout may have been made anew as a whole: that only
 * shows at the heads, lines known from elsewhere.
 */
#include "audit/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

void
verify_begin(struct verify *v)
{
	memset(v, 0, sizeof(*v));
	buf_init(&v->rest, AUDIT_LINE_MAX);
}

void
verify_free(struct verify *v)
{
	buf_free(&v->rest);
}

int
verify_expect(struct verify *v, const struct audit_head *head)
{
	if (head->seq == 0)
		return 0;
	if (v->heads_n == VERIFY_HEADS_MAX)
		return ERR_LIMIT;
	v->heads[v->heads_n++] = *head;
	return 0;
}

static bool
fault(struct verify *v, enum verify_fault what)
{
	if (v->fault == VERIFY_FINE) {
		v->fault = what;
		v->fault_file = v->file;
		v->fault_line = v->line;
	}
	return false;
}

void
verify_file(struct verify *v)
{
	v->file++;
	v->line = 0;
}

static bool
same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, AUDIT_HASH) == 0;
}

/* The first line of all: where the chain comes from is what it says itself. */
static bool
begin_chain(struct verify *v, const struct chain_line *l)
{
	static const uint8_t none[AUDIT_HASH];
	if (!l->opens || (l->seq == 1) != same(l->prev, none))
		return fault(v, VERIFY_MIDDLE);
	v->first = l->seq;
	v->at.seq = l->seq - 1;
	memcpy(v->at.hash, l->prev, AUDIT_HASH);
	return true;
}

static bool
follows(struct verify *v, const struct chain_line *l)
{
	uint8_t hash[AUDIT_HASH];
	if (l->seq > v->at.seq + 1) {
		v->from = v->at.seq + 1;
		v->to = l->seq - 1;
		return fault(v, VERIFY_MISSING);
	}
	if (l->seq <= v->at.seq)
		return fault(v, VERIFY_ORDER);
	chain_hash((struct str){ (const char *)v->at.hash, AUDIT_HASH }, l->hashed, hash);
	if (same(hash, l->hash))
		return true;
	return fault(v, l->opens && !same(l->prev, v->at.hash) ? VERIFY_LINK : VERIFY_CHANGED);
}

static bool
fits_heads(struct verify *v)
{
	for (unsigned i = 0; i < v->heads_n; i++) {
		if (v->heads[i].seq != v->at.seq)
			continue;
		if (!same(v->heads[i].hash, v->at.hash))
			return fault(v, VERIFY_REWRITTEN);
		v->anchored = v->at.seq;
	}
	return true;
}

/* The first of the lines that are none, and that nobody says were torn. */
static bool
never_torn(struct verify *v)
{
	v->line -= v->pending - 1;
	return fault(v, VERIFY_NO_LINE);
}

/* What is no line may be what a crash left of one: the broker then says so in the next. */
static bool
no_line(struct verify *v, struct str line)
{
	chain_torn(v->pending > 0, v->pending_hash, line);
	v->pending++;
	return line.n <= AUDIT_LINE_MAX || never_torn(v);
}

static bool
take_line(struct verify *v, struct str line)
{
	struct chain_line l;
	v->line++;
	v->lines++;
	if (chain_line_parse(line, &l) != 0)
		return no_line(v, line);
	if (v->pending > 0 && !(l.torn && same(l.torn_hash, v->pending_hash))) {
		v->line--;
		return never_torn(v);
	}
	if (l.torn && v->pending == 0) /* what was torn is gone */
		return fault(v, VERIFY_LINK);
	v->torn += v->pending;
	v->pending = 0;
	if (v->first == 0 && !begin_chain(v, &l))
		return false;
	if (!follows(v, &l))
		return false;
	v->openings += l.opens;
	v->at.seq = l.seq;
	memcpy(v->at.hash, l.hash, AUDIT_HASH);
	return fits_heads(v);
}

bool
verify_feed(struct verify *v, const void *p, size_t n)
{
	struct str s = { p, n };
	while (s.n > 0 && v->fault == VERIFY_FINE) {
		const char *end = memchr(s.p, '\n', s.n);
		size_t some = end != NULL ? (size_t)(end - s.p) : s.n;
		if (v->rest.n == 0 && end != NULL) { /* whole: where it lies */
			(void)take_line(v, (struct str){ s.p, some });
		} else if (buf_add(&v->rest, s.p, some) != 0) {
			v->line++;
			v->lines++;
			v->pending++;
			return never_torn(v);
		} else if (end != NULL) {
			(void)take_line(v, buf_str(&v->rest));
			v->rest.n = 0;
		}
		some += end != NULL;
		s.p += some;
		s.n -= some;
	}
	return v->fault == VERIFY_FINE;
}

bool
verify_file_end(struct verify *v)
{
	if (v->fault != VERIFY_FINE)
		return false;
	if (v->rest.n > 0) {
		v->line++;
		return fault(v, VERIFY_UNFINISHED);
	}
	return v->pending == 0 || never_torn(v);
}

bool
verify_end(struct verify *v)
{
	if (v->fault != VERIFY_FINE)
		return false;
	for (unsigned i = 0; i < v->heads_n; i++) {
		if (v->heads[i].seq <= v->at.seq && v->first != 0)
			continue;
		if (v->to < v->heads[i].seq)
			v->to = v->heads[i].seq;
	}
	if (v->to != 0) {
		v->from = v->at.seq + 1;
		return fault(v, VERIFY_CUT);
	}
	return v->first != 0 || fault(v, VERIFY_EMPTY);
}

static const char *
reason(enum verify_fault f)
{
	switch (f) {
	case VERIFY_NO_LINE: return "this is no line that the broker wrote: it was changed or put there";
	case VERIFY_CHANGED: return "this line was changed, or put there by somebody else";
	case VERIFY_ORDER: return "this line's number was there already: lines were swapped, repeated or put there";
	case VERIFY_LINK: return "the broker began anew after another line than the one above: what stood between was replaced";
	case VERIFY_MIDDLE: return "a file begins with an opening: what stood before this line is missing";
	case VERIFY_UNFINISHED: return "the last line has no end: it was cut, or the broker was killed while it wrote";
	case VERIFY_REWRITTEN: return "this is not the line that the broker wrote with this number: this line, or all "
	    "up to it, was written anew";
	case VERIFY_EMPTY: return "there is no line";
	default: return "";
	}
}

char *
verify_text(const struct verify *v, char *out, size_t size)
{
	char many[128];
	snprintf(many, sizeof(many), v->from == v->to ? "%" PRIu64 " is" : "%" PRIu64 " to %" PRIu64 " are", v->from, v->to);
	if (v->fault == VERIFY_MISSING)
		snprintf(out, size, "before this line number %s missing", many);
	else if (v->fault == VERIFY_CUT)
		snprintf(out, size, "the end was cut off: number %s missing", many);
	else
		snprintf(out, size, "%s", reason(v->fault));
	return out;
}
