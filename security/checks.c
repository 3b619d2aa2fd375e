/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place (address) with checks has an entry: how many run, and a list of those
 * that wait for one of its two turns. A check that ends hands its turn to the
 * next of its place; the entry goes with the last. The pool's own queue then
 * never holds more than two of one place, which makes it fair between places.
 *
 * Fails at submission only (ERR_LIMIT). A check that was accepted always runs: the
 * pool takes as many as places can have turns, and where it is full all the same
 * the check runs on the thread that hands it on.
 */
#include "security/checks.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "security/network.h"

struct checks_place {
	uint8_t key[NETWORK_LEN];
	unsigned running, waiting;
	struct list queue;
};

struct checks {
	struct lock lock;
	struct workers *workers;
	struct map *places;
	size_t accepted, max; /* accepted: waiting or with a turn */
};

static void check_run(struct job *job);

struct checks *
checks_create(unsigned threads, size_t max)
{
	struct checks *c = MEM_NEW(struct checks);
	lock_init(&c->lock, LOCK_CHECKS);
	c->workers = workers_create("login", threads, max + threads);
	c->places = map_create();
	c->max = max;
	return c;
}

static bool
idle(struct checks *c)
{
	lock_take(&c->lock);
	bool none = c->accepted == 0;
	lock_drop(&c->lock);
	return none;
}

void
checks_destroy(struct checks **checks)
{
	struct checks *c = *checks;
	if (c == NULL)
		return;
	/* A pool that stops takes no more jobs; what still waits for its turn
	 * then runs on the threads that end theirs (check_next). */
	workers_destroy(&c->workers);
	if (!idle(c))
		abort();
	map_destroy(&c->places);
	lock_free(&c->lock);
	mem_free(c);
	*checks = NULL;
}

static struct name
place_name(const uint8_t *key)
{
	return NAME(0, ((struct str){ (const char *)key, NETWORK_LEN }));
}

/* The entry of an address, made where there is none. Lock held. */
static struct checks_place *
place_of(struct checks *c, const struct addr *peer)
{
	uint8_t key[NETWORK_LEN];
	network_of(peer, key);
	struct checks_place *p = map_get(c->places, place_name(key));
	if (p != NULL)
		return p;
	p = MEM_NEW(struct checks_place);
	memcpy(p->key, key, NETWORK_LEN);
	list_init(&p->queue);
	map_put(c->places, place_name(p->key), p);
	return p;
}

/* Lock held. */
static void
place_drop_if_empty(struct checks *c, struct checks_place *p)
{
	if (p->running > 0 || p->waiting > 0)
		return;
	map_del(c->places, place_name(p->key));
	mem_free(p);
}

/* Gives back a turn and passes it to the next of the place, or NULL. */
static struct check *
turn_next(struct checks *c, struct checks_place *p)
{
	struct check *next = NULL;
	lock_take(&c->lock);
	c->accepted--;
	if (p->waiting > 0) {
		next = CONTAINER_OF(p->queue.next, struct check, hook);
		list_del(&next->hook);
		p->waiting--;
	} else {
		p->running--;
		place_drop_if_empty(c, p);
	}
	lock_drop(&c->lock);
	return next;
}

static void
check_run(struct job *job)
{
	struct check *check = CONTAINER_OF(job, struct check, job);
	while (check != NULL) {
		struct checks *c = check->checks;
		struct checks_place *p = check->place;
		check->run(check); /* may free it */
		check = turn_next(c, p);
		/* To the end of the pool's queue, behind other places. */
		if (check != NULL && workers_submit(c->workers, &check->job) == 0)
			check = NULL;
	}
}

int
checks_submit(struct checks *c, struct check *check, const struct addr *peer)
{
	int err = 0;
	bool now = false;

	check->checks = c;
	check->job.run = check_run;
	list_init(&check->hook);
	lock_take(&c->lock);
	struct checks_place *p = place_of(c, peer);
	check->place = p;
	if (c->accepted >= c->max || p->waiting >= CHECKS_WAITING_PER_ADDRESS) {
		err = ERR_LIMIT;
	} else if (p->running < CHECKS_PER_ADDRESS) {
		p->running++;
		now = true;
	} else {
		list_add(&p->queue, &check->hook);
		p->waiting++;
	}
	c->accepted += err == 0;
	/* Under the lock, or the place could be gone before the undo. */
	if (now && (err = workers_submit(c->workers, &check->job)) != 0) {
		p->running--;
		c->accepted--;
	}
	place_drop_if_empty(c, p);
	lock_drop(&c->lock);
	return err;
}
