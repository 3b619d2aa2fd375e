/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers rise, so who begins is put at the end of an array that is always in order. Who ends leaves a hole; when half of the
 * array is holes it is closed up. A name is loop and number, sent through a Feistel cipher of four
 * rounds under the process's random key (base/hash.h): one of another session cannot be guessed from it.
 */
#include "api/roster.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "api/session.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define A_TURN		256u		/* sessions that are looked at */
#define NUMBER_BITS	52
#define NUMBER_MASK	((UINT64_C(1) << NUMBER_BITS) - 1)
#define ROUNDS		4
#define PLACES_MIN	64u

struct place {
	uint64_t number;
	struct session *session;	/* NULL: it has gone */
};

struct roster {
	struct place *v;
	size_t n, cap, gone;
};

struct rosters {
	struct loop **loops;
	unsigned n;
	atomic_bool quiet;
	struct roster of[];
};

struct rosters *
rosters_create(struct loop **loops, unsigned n)
{
	struct rosters *r = mem_zalloc(sizeof(*r) + n * sizeof(r->of[0]));
	r->loops = loops;
	r->n = n;
	return r;
}

void
rosters_destroy(struct rosters **rosters)
{
	struct rosters *r = *rosters;
	*rosters = NULL;
	for (unsigned i = 0; r != NULL && i < r->n; i++)
		mem_free(r->of[i].v);
	mem_free(r);
}

void
rosters_quiet(struct rosters *r)
{
	if (r != NULL)
		atomic_store(&r->quiet, true);
}

static struct roster *
roster_of(const struct session *s)
{
	struct rosters *r = s->core->rosters;
	for (unsigned i = 0; r != NULL && i < r->n; i++)
		if (r->loops[i] == conn_loop(s->conn))
			return &r->of[i];
	return NULL;
}

/* The first place whose number is greater. */
static size_t
behind(const struct roster *r, uint64_t number)
{
	size_t lo = 0, hi = r->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (r->v[mid].number > number)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void
close_up(struct roster *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].session != NULL)
			r->v[n++] = r->v[i];
	r->n = n;
	r->gone = 0;
}

void
roster_enter(struct session *s)
{
	struct roster *r = roster_of(s);
	if (r == NULL)
		return;
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? PLACES_MIN : 2 * r->cap;
		struct place *v = mem_alloc(cap * sizeof(*v));
		if (r->n > 0)
			memcpy(v, r->v, r->n * sizeof(*v));
		mem_free(r->v);
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = (struct place){ s->number, s };
}

void
roster_leave(struct session *s)
{
	struct roster *r = roster_of(s);
	if (r == NULL)
		return;
	size_t at = behind(r, s->number - 1);
	if (at == r->n || r->v[at].session != s)
		return;
	r->v[at].session = NULL;
	if (++r->gone > r->n / 2)
		close_up(r);
}

/* ---- names ---- */

static uint32_t
scrambled(unsigned round, uint32_t half)
{
	return (uint32_t)hash_pair(UINT64_C(0x726f7374) + round, &half, sizeof(half));
}

const char *
roster_id(unsigned loop, uint64_t number, char out[ROSTER_ID_MAX])
{
	uint64_t plain = (uint64_t)loop << NUMBER_BITS | (number & NUMBER_MASK);
	uint32_t a = (uint32_t)(plain >> 32), b = (uint32_t)plain;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t next = a ^ scrambled(i, b);
		a = b;
		b = next;
	}
	snprintf(out, ROSTER_ID_MAX, "%08x%08x", a, b);
	return out;
}

bool
roster_id_parse(const struct rosters *r, struct str id, unsigned *ret_loop, uint64_t *ret_number)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t v = 0;
	if (id.p == NULL || id.n != ROSTER_ID_MAX - 1)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		const char *d = id.p[i] == '\0' ? NULL : strchr(digits, id.p[i]);
		if (d == NULL)
			return false;
		v = v << 4 | (uint64_t)(d - digits);
	}
	uint32_t a = (uint32_t)(v >> 32), b = (uint32_t)v;
	for (unsigned i = ROUNDS; i-- > 0;) {
		uint32_t before = b ^ scrambled(i, a);
		b = a;
		a = before;
	}
	v = (uint64_t)a << 32 | b;
	if (v >> NUMBER_BITS >= r->n)
		return false;
	*ret_loop = (unsigned)(v >> NUMBER_BITS);
	*ret_number = v & NUMBER_MASK;
	return true;
}

/* ---- going through ---- */

enum step { STEP_MORE, STEP_LOOP_ENDS, STEP_ENOUGH };

/* Looked for anew each time: each() may have closed it up. */
static enum step
step(struct walk *w, const struct roster *r)
{
	w->pause = false;
	for (unsigned i = 0; i < A_TURN && !w->pause; i++) {
		size_t at = behind(r, w->after);
		while (at < r->n && r->v[at].session == NULL)
			at++;
		if (at == r->n)
			return STEP_LOOP_ENDS;
		w->after = r->v[at].number;
		if (!w->each(w, r->v[at].session))
			return STEP_ENOUGH;
	}
	return STEP_MORE;
}

static void
walk_step(struct post *post)
{
	struct walk *w = CONTAINER_OF(post, struct walk, post);
	struct rosters *all = w->rq->core->rosters;
	uint64_t began = clock_thread_cpu_ns();
	enum step done = atomic_load(&all->quiet) ? STEP_LOOP_ENDS : step(w, &all->of[w->loop]);
	w->cpu_ns += clock_thread_cpu_ns() - began;
	bool last = w->one || atomic_load(&all->quiet) || w->loop + 1 == all->n;
	if (done == STEP_ENOUGH || (done == STEP_LOOP_ENDS && last)) {
		w->complete = done == STEP_LOOP_ENDS;
		request_wake(w->rq);
		return;
	}
	if (done == STEP_LOOP_ENDS) {
		w->loop++;
		w->after = 0;
	}
	loop_post(all->loops[w->loop], &w->post);
}

void
walk_bill(const struct walk *w)
{
	w->rq->cpu_ns += w->cpu_ns;
}

enum api_turn
walk_begin(struct walk *w, enum api_turn (*resume)(struct request *))
{
	struct request *rq = w->rq;
	enum api_turn turn = request_park(rq, resume, NULL, UINT64_MAX, false);
	w->post.run = walk_step;
	loop_post(rq->core->rosters->loops[w->loop], &w->post);
	return turn;
}
