/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/request.h"

/*
 * The sessions of all loops, in the order in which they began, so that somebody may look at them all without holding
 * up a loop: he goes on where he was by a binary search, however many have come and gone. Each loop has a list of its own,
 * which nobody else touches, and there are no locks.
 */
struct rosters;

/* loops: must stay, and be there until every session has gone. */
struct rosters *rosters_create(struct loop **loops, unsigned loops_n);
void rosters_destroy(struct rosters **rosters);
/* The broker stops: whoever goes through them is at the end, from his next step on. Any thread. */
void rosters_quiet(struct rosters *rosters);

/* A session begins and ends; on its loop. Nothing where the core has no rosters. */
void roster_enter(struct session *s);
void roster_leave(struct session *s);

/*
 * The name of a session for who may know of it: from it nobody learns how many others there are or were. It
 * names no other session before the broker is started anew.
 */
#define ROSTER_ID_MAX 17
const char *roster_id(unsigned loop, uint64_t number, char out[ROSTER_ID_MAX]);
bool roster_id_parse(const struct rosters *rosters, struct str id, unsigned *ret_loop, uint64_t *ret_number);

/*
 * A way through them, a few hundred sessions a turn of each loop. each() is called on the session's loop, where
 * it may close it; false: the way ends behind this one. Then the request is woken. Lies in the request's arena, which
 * each() may use, and nothing else of the request.
 */
struct walk {
	struct request *rq;
	bool (*each)(struct walk *walk, struct session *s);
	unsigned loop;			/* where to begin, and where it ended */
	uint64_t after;			/* the number before; ended: the last one */
	bool one;			/* only of that loop */
	bool pause;			/* set by each(): that was enough for this turn */
	bool complete;			/* there are no more */
	uint64_t cpu_ns;		/* processor time used so far, of whichever loops */
	struct post post;
};

/* Parks the request; resume() finds it ended, and begins with walk_bill(). */
enum api_turn walk_begin(struct walk *walk, enum api_turn (*resume)(struct request *));
/* What the walk has taken of all loops goes on the bill of who asked for it; on the request's own loop. */
void walk_bill(const struct walk *walk);
