/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/ration.h"
#include "base/str.h"

/*
 * Who holds memory, of those who are logged in: users and their tenants, and what each holds for what. Any thread; the
 * lock PAYERS is taken when one comes and when he goes.
 *
 * Besides the rations each may have a limit of his own, of all kinds together. A user has what his limit says, and
 * two thirds of what the others of his tenant leave of the tenant's, as within a ration: so none of them takes the last of it.
 */
enum payer_for {
	PAYER_FRAMES,		/* requests that are being received */
	PAYER_HELD,		/* what else connections hold */
	PAYER_KINDS
};

struct payers;
/* One user. For holding.c; what else there is of him is private. */
struct payer {
	struct ration *rations;		/* by kind */
	struct ration_payer parts[PAYER_KINDS];
	_Atomic bool bounded;		/* he or his tenant has a limit of his own */
};

/* max: bytes for each. */
struct payers *payers_create(const int64_t max[PAYER_KINDS]);
/* Every payer must have gone, and have given back all that he took. */
void payers_destroy(struct payers **payers);

/* Bytes that a user or, by a null string, a tenant may hold; 0: no limit. Called with the lock held. */
typedef double payer_limit_of(const void *arg, struct name who);
/* New limits, for those who are there and those who come: `of` is asked until the next call, arg is not needed after it. NULL:
 * there are none. */
void payers_limit(struct payers *payers, payer_limit_of *of, const void *arg);

/* A limit as it is met. */
struct payer_bound {
	bool of_user;			/* his, not his tenant's */
	int64_t used, most;
};
/* What is still to be had under the limits, and the one that leaves the least; below 0 where more is held. For who is bounded. */
int64_t payer_room(const struct payer *payer, struct payer_bound *ret);
/* Whether a request of n bytes, which are held for it already, has room. Where nothing else is being received it has, whatever
 * else is held, or all could wait for each other: what waits to be received is held, too. */
bool payer_takes_frame(const struct payer *payer, int64_t n);
/* The largest request that may ever come under the limits, which *ret is about. */
int64_t payer_largest(const struct payer *payer, struct payer_bound *ret);
/* Whether to tell of a limit of his: once a minute. now_ns: not 0. */
bool payer_tells(struct payer *payer, uint64_t now_ns);

/* A reference, the same payer for the same user; the name is copied. payer_put() gives it back. */
struct payer *payer_get(struct payers *payers, struct name user);
void payer_put(struct payer **payer);

/* What a user or, by a null string, a tenant holds now, and what it may hold, as things stand. */
void payers_usage(struct payers *payers, struct name user, enum payer_for what, int64_t *ret_used, int64_t *ret_most);
/* Bytes that all of them hold. */
int64_t payers_hold(const struct payers *payers, enum payer_for what);

/* The two are for ration_*(). */
static inline struct ration *
payer_ration(const struct payer *p, enum payer_for what)
{
	return &p->rations[what];
}

static inline struct ration_payer *
payer_part(struct payer *p, enum payer_for what)
{
	return &p->parts[what];
}

static inline bool
payer_is_bounded(const struct payer *p)
{
	return atomic_load_explicit(&p->bounded, memory_order_relaxed);
}
