/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A group on virtual time, with clients that tests play by hand. */
#include "../test.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/group.h"

#define MAX 1200

struct client {
	char id[80], leader[80], protocol[32], assignment[64];
	enum kerr err;
	int joins, syncs, generation, members;
	bool skip;
};

struct world {
	struct timers timers;
	struct group *group;
	uint64_t now;
	int stores, store_err;
	size_t id_n;			/* of the last member id that was told */
	struct client c[MAX];
};

extern const struct group_settings settings;
extern const struct group_ops ops;

int setup(void **state);
int teardown(void **state);
#define G(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* Time goes on, and what is due happens. */
void pass(struct world *w, uint64_t ms);
/* protocols: "range,sticky"; the metadata is the client's tag. */
void join_as(struct world *w, struct client *c, const char *instance, const char *protocols,
    const char *tag, bool needs_id, bool can_skip);
void join(struct world *w, struct client *c);
void sync_(struct world *w, struct client *c, struct client *all, int n);
enum kerr beat(struct world *w, struct client *c);
/* n clients from nothing to a stable generation. */
void form(struct world *w, int n);
void form_of(struct world *w, struct client *c, int n);
