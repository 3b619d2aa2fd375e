/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer.h"

#include "base/mem.h"

void
timers_init(struct timers *s)
{
	*s = (struct timers){ 0 };
}

void
timers_free(struct timers *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->heap[i]->pos = 0;
	mem_free(s->heap);
	timers_init(s);
}

static void
place(struct timers *s, size_t i, struct timer *t)
{
	s->heap[i] = t;
	t->pos = i + 1;
}

static void
sift_up(struct timers *s, size_t i, struct timer *t)
{
	while (i > 0 && s->heap[(i - 1) / 2]->when > t->when) {
		place(s, i, s->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(s, i, t);
}

static void
sift_down(struct timers *s, size_t i, struct timer *t)
{
	for (size_t c; (c = 2 * i + 1) < s->n; i = c) {
		if (c + 1 < s->n && s->heap[c + 1]->when < s->heap[c]->when)
			c++;
		if (s->heap[c]->when >= t->when)
			break;
		place(s, i, s->heap[c]);
	}
	place(s, i, t);
}

void
timer_cancel(struct timers *s, struct timer *t)
{
	if (t->pos == 0)
		return;
	size_t i = t->pos - 1;
	struct timer *last = s->heap[--s->n];
	t->pos = 0;
	if (last == t)
		return;
	sift_down(s, i, last);
	sift_up(s, last->pos - 1, last);
}

void
timer_set(struct timers *s, struct timer *t, uint64_t when)
{
	timer_cancel(s, t);
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->heap = mem_realloc(s->heap, s->cap * sizeof(*s->heap));
	}
	t->when = when;
	sift_up(s, s->n++, t);
}

uint64_t
timers_next(const struct timers *s)
{
	return s->n == 0 ? UINT64_MAX : s->heap[0]->when;
}

unsigned
timers_run(struct timers *s, uint64_t now)
{
	unsigned n = 0;
	for (; s->n > 0 && s->heap[0]->when <= now; n++) {
		struct timer *t = s->heap[0];
		timer_cancel(s, t);
		t->fire(t, now);
	}
	return n;
}
