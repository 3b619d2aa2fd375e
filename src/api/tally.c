/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tally.h"

#include "api/request.h"
#include "api/session.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct tallies {
	struct lock lock;		/* the maps of all loops */
	unsigned n;
	struct tally_loop *loops;
};

/* A key of the map: the number, without a name. */
#define TENANT(number) NAME((number), STR(""))

struct tallies *
tallies_create(struct loop *const *loops, unsigned n)
{
	struct tallies *t = MEM_NEW(struct tallies);
	lock_init(&t->lock, LOCK_TALLY);
	t->n = n;
	t->loops = mem_zalloc(n * sizeof(*t->loops));
	for (unsigned i = 0; i < n; i++) {
		t->loops[i].loop = loops[i];
		t->loops[i].all = t;
		t->loops[i].tenants = map_create();
	}
	return t;
}

void
tallies_destroy(struct tallies **tallies)
{
	struct tallies *t = *tallies;
	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->n; i++) {
		struct name key;
		size_t pos = 0;
		for (struct tally *one; (one = map_next(t->loops[i].tenants, &pos, &key)) != NULL;)
			mem_free(one);
		map_destroy(&t->loops[i].tenants);
	}
	mem_free(t->loops);
	lock_free(&t->lock);
	mem_free(t);
	*tallies = NULL;
}

struct tally_loop *
tallies_loop(struct tallies *t, const struct loop *loop)
{
	for (unsigned i = 0; t != NULL && i < t->n; i++)
		if (t->loops[i].loop == loop)
			return &t->loops[i];
	return NULL;
}

struct tally *
tally_tenant(struct tally_loop *l, uint32_t tenant)
{
	lock_take(&l->all->lock);
	struct tally *one = map_get(l->tenants, TENANT(tenant));
	if (one == NULL) {
		one = MEM_NEW(struct tally);
		map_put(l->tenants, TENANT(tenant), one);
	}
	lock_drop(&l->all->lock);
	return one;
}

static unsigned
time_of(uint64_t ns)
{
	unsigned i = ns < TALLY_TIME_NS(0) ? 0 : 64u - (unsigned)__builtin_clzll(ns / TALLY_TIME_NS(0));
	return i < TALLY_TIMES ? i : TALLY_TIMES - 1;
}

static void
count_for_tenant(struct tally *t, const struct request *rq)
{
	tally_add(&t->v[TALLY_REQUESTS], 1);
	if (rq->row->bill == API_BILL_PRODUCE) {
		tally_add(&t->v[TALLY_PRODUCES], 1);
		tally_add(&t->v[TALLY_BYTES_IN], rq->bytes_in);
	} else if (rq->row->bill == API_BILL_FETCH) {
		tally_add(&t->v[TALLY_FETCHES], 1);
		tally_add(&t->v[TALLY_BYTES_OUT], rq->beside);
	}
	if (rq->throttle_ns == 0)
		return;
	tally_add(&t->v[TALLY_THROTTLED], 1);
	tally_add(&t->v[TALLY_THROTTLE_NS], rq->throttle_ns);
}

void
tally_answered(const struct request *rq)
{
	const struct session *s = rq->session;
	if (s->counts == NULL || rq->row == NULL)
		return;
	/* The loop's clock stands still within a turn. */
	uint64_t passed = request_now(rq) - rq->came, ns = passed > rq->cpu_ns ? passed : rq->cpu_ns;
	struct tally_api *a = &s->counts->api[rq->row - api_row(0)];
	tally_add(&a->ns, ns);
	tally_add(&a->times[time_of(ns)], 1);
	if (s->tally != NULL)
		count_for_tenant(s->tally, rq);
}

/* ---- reading ---- */

void
tallies_tenant(struct tallies *t, uint32_t tenant, uint64_t ret[TALLY_KEYS])
{
	memset(ret, 0, TALLY_KEYS * sizeof(ret[0]));
	lock_take(&t->lock);
	for (unsigned i = 0; i < t->n; i++) {
		struct tally *one = map_get(t->loops[i].tenants, TENANT(tenant));
		for (int k = 0; one != NULL && k < TALLY_KEYS; k++)
			ret[k] += atomic_load_explicit(&one->v[k], memory_order_relaxed);
	}
	lock_drop(&t->lock);
}

void
tallies_api(struct tallies *t, enum api_id id, struct tally_sum *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < t->n; i++) {
		struct tally_api *a = &t->loops[i].api[id];
		ret->ns += atomic_load_explicit(&a->ns, memory_order_relaxed);
		for (int k = 0; k < TALLY_TIMES; k++) {
			uint64_t n = atomic_load_explicit(&a->times[k], memory_order_relaxed);
			ret->times[k] += n;
			ret->n += n;
		}
	}
}
