/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A controller with all that it needs: a log in a directory of its own, and an engine that
 * misbehaves on demand. */
#include "../log/support.h"

#include "base/arena.h"
#include "engine.h"
#include "meta/controller.h"

struct room {
	struct fixture log;
	struct engine *engine;
	struct rcu *rcu;
	struct image *_Atomic image;
	struct topic_overrides defaults;
	struct controller *controller;
	struct arena *arena;		/* of what the current change names */
	struct change_trial *trial;	/* of all that is submitted; NULL: it is meant */
	uint64_t rng;
	uint64_t generation;
	int (*begins)(void *arg, const struct change *change, const struct image *next, const struct change_node *nodes, int n);
	void (*ends)(void *arg, enum change_result result);
};

static inline void
room_open(struct room *r)
{
	struct controller_config c = { .meta = &r->engine->meta, .store = r->log.store, .rcu = r->rcu,
		.image = &r->image, .defaults = &r->defaults, .node_id = 1, .num_partitions = 1,
		.ev = &r->log.root,
		.begins = r->begins, .ends = r->ends, .arg = r };
	struct why why = { "" };
	if (controller_create(&c, &r->controller, &why) != 0)
		fail_msg("%s", why.text);
}

static inline void
room_make(struct room *r)
{
	memset(r, 0, sizeof(*r));
	fixture_make(&r->log);
	fixture_open(&r->log);
	r->engine = engine_make();
	r->rcu = rcu_create();
	r->arena = arena_create(SIZE_MAX);
	r->rng = 20260101;
	const struct meta_op first[] = {
		{ META_PUT, STR("/tenants/0"), STR("v1\nname=main\nowner=admin\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n"), 0 },
		{ META_PUT, STR("/tenants/0/users/admin"), STR("v1\ngeneration=1\nmechanism=SCRAM-SHA-256\noperator=1\n"), 0 },
	};
	for (int i = 0; i < 2; i++)
		engine_op(r->engine, &first[i]);
	room_open(r);
}

static inline void
room_free(struct room *r)
{
	controller_destroy(&r->controller);
	rcu_destroy(&r->rcu);
	arena_destroy(&r->arena);
	engine_free(r->engine);
	fixture_free(&r->log);
}

static inline enum change_result
submit(struct room *r, struct change *c)
{
	c->arena = r->arena;
	c->trial = r->trial;
	return controller_run(r->controller, c);
}
