/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by quota.c (rates) and amounts.c. */

#include <stdatomic.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "tenant/bucket.h"

#define AMOUNTS (QUOTA_KEYS - QUOTA_RATES)
#define AMOUNT(key) ((int)(key) - QUOTA_RATES)

/* A tenant, a user, a client id, or an address. */
struct node {
	struct bucket bucket;
	struct node *parent;
	struct name name;		/* its key in the map that holds it; bytes its own */
	struct map *children;		/* of users: client ids; of tenants: those of all users */
	struct list invented;		/* children without an entry, oldest first */
	unsigned n_invented;
	struct list hook;		/* in the parent's invented, or alone */
	unsigned holds;			/* links, children and promises */
	unsigned links;			/* of a tenant or a user: connections */
	/* Amounts, by key from QUOTA_RATES on: what the count of that number, or one before, has found. */
	_Atomic double amount[AMOUNTS];
	uint32_t counted[AMOUNTS];
	uint64_t told_ns[AMOUNTS];	/* that one was refused; 0: never */
};

struct quota {
	struct quota_config config;
	struct lock lock;		/* guards everything but buckets and epoch */
	struct map *tenants, *users, *addrs;
	struct quota_image *image;
	_Atomic uint32_t epoch;		/* rises with each image */
	uint32_t count;			/* the number of the present count of amounts */
};

/* Of a link that has had to wait, which most never have. */
struct queued {
	int64_t place[QUOTA_LEVELS][QUOTA_RATES]; /* among those who wait; 0: does not */
	uint64_t turn[QUOTA_LEVELS][QUOTA_RATES]; /* when those before are through; 0: now */
};

struct quota_link {
	struct quota *quota;
	uint32_t epoch;			/* of the limits below */
	struct node *at[QUOTA_LEVELS];	/* tenant and user always, the others where limited */
	double rate[QUOTA_LEVELS][QUOTA_RATES];	/* units a second; 0: no limit */
	double most[QUOTA_USER + 1][AMOUNTS];	/* of amounts, which are no client id's; 0: no limit */
	uint8_t limited[QUOTA_RATES];	/* levels that have a limit, a bit each */
	unsigned places;		/* among those who wait */
	struct queued *queued;		/* NULL: it never has */
	double last[QUOTA_RATES];	/* what was charged last */
	struct str client;		/* own bytes */
};

/* What a map has under the name, made if need be. The lock is held. */
struct node *quota_node(struct map *map, struct name name, struct node *parent);
/* The lock is held. */
struct quota_link *quota_link_create(struct quota *q, struct name user);
/* Takes it off its buckets; quota_close() frees the rest. The lock is held. */
void quota_link_end(struct quota_link *l);
double quota_amount(const struct quota *q, const struct node *n, enum quota_key key);
/* The limits of the image that holds. Takes the lock if it is a new one. */
void quota_refresh(struct quota_link *l);
