/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/event.h"
#include "base/rcu.h"
#include "log/store.h"
#include "meta/image.h"
#include "meta/meta.h"

/*
 * The one place that changes metadata. Changes run in order on the controller's
 * own thread: each plans nodes to write from the image that is current, commits
 * them as one multi, carries out what follows in the log (partitions), publishes
 * the new image, and reports. Permissions are the caller's matter, who asks an image
 * that may be older; what he asked about and what made him say yes (this topic, this
 * node, no operator's record) is compared here again, or who asks without end would
 * sooner or later be ahead of a change that takes the right away.
 */
struct controller;
struct change;
struct plan;

enum change_result {
#define X(name, code, text) CHANGE_##name,
#include "meta/results.def"
#undef X
};

/* Kafka's number for it. */
int change_code(enum change_result result);

/* Of a change that is only tried: it is planned upon this image, which becomes what the change would make of it, where
 * it could be made. Nothing is written, carried out, told or published. */
struct change_trial {
	struct image *image;		/* a reference of the owner's; the controller's until done() */
};

/* One change: embedded in the struct of its kind (topics.h, users.h, ...). */
struct change {
	/* On the controller's thread: reads plan_image(), writes nodes by plan_put().
	 * Anything but CHANGE_OK commits nothing. */
	enum change_result (*plan)(struct change *change, struct plan *plan);
	/* After the commit, before the publication; plan_image() is the new one. May
	 * block. NULL: nothing. */
	void (*carry_out)(struct change *change, struct plan *plan);
	/* Last, on the controller's thread: posts, and waits for nobody. */
	void (*done)(struct change *change);
	void *arg;			/* of done's owner */
	struct change_trial *trial;	/* NULL: it is meant */
	const void *by;			/* who asks, for config.begins(); NULL: the broker itself */

	enum change_result result;
	struct why why;			/* a sentence, where result is not CHANGE_OK */
	struct arena *arena;		/* for what the change needs and returns; the caller's */
	struct change *next;		/* private */
};

/* What a change does to one node. Null: there is, or will be, none. */
struct change_node {
	struct str path, before, after;
};

struct controller_config {
	struct meta *meta;
	struct store *store;
	struct rcu *rcu;
	struct image *_Atomic *image;	/* where it publishes */
	const struct topic_overrides *defaults;	/* of the file; must stay */
	int32_t node_id;
	int32_t num_partitions;
	const struct event *ev;
	/* After each publication, on the controller's thread: tells the loops. */
	void (*published)(void *arg, const struct image *image);
	/* Around the commit of a change that writes nodes: begins() may refuse it (CHANGE_AUDIT); else ends() follows, with
	 * CHANGE_OK where it holds, CHANGE_UNKNOWN_OUTCOME where it may. Both or neither are NULL. next: with the change. */
	int (*begins)(void *arg, const struct change *change, const struct image *next, const struct change_node *nodes, int n);
	void (*ends)(void *arg, enum change_result result);
	/* A topic is gone: offsets committed for it go too. */
	void (*topic_gone)(void *arg, struct name topic);
	/* A tenant is gone, its topics first: so do its groups. NULL: nobody is told. */
	void (*tenant_gone)(void *arg, uint32_t tenant);
	void *arg;
};

/* Loads the tree, makes partitions that a crash left unmade, publishes the first
 * image, and starts the thread. May block. */
int controller_create(const struct controller_config *config, struct controller **ret, struct why *why);
/* Runs what is queued, then stops; retires the image. */
void controller_destroy(struct controller **controller);

/* Any thread. The change is the caller's again in done(). */
void controller_submit(struct controller *controller, struct change *change);
/* For tests and start-up: submits and waits. */
enum change_result controller_run(struct controller *controller, struct change *change);

/* ---- for plans ---- */

const struct image *plan_image(const struct plan *plan);
/* The one that this change began with: the published one, or a trial's. */
const struct image *plan_before(const struct plan *plan);
const struct controller_config *plan_config(const struct plan *plan);
struct arena *plan_arena(struct plan *plan);
/* One node; path by printf with parts that record_path_part() made. Later puts see
 * earlier ones only through plan_image(), which moves along. */
void plan_put(struct plan *plan, struct buf *value, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void plan_delete(struct plan *plan, const char *path, ...) __attribute__((format(printf, 2, 3)));

/* The store's era has risen since the image was published (partition_recover() gave records up): all
 * partitions are led by it, and it is published. */
void era_change_init(struct change *change);

/* Makes what is missing of a topic's partitions and leads them all, each by the image's epoch.
 * Those that have seen a later one are left as they are, and *ret_behind rises to the
 * greatest difference. May block. */
int topic_partitions_make(struct store *store, const struct image *im, const struct image_topic *t,
    int64_t *ret_behind, struct why *why);

/* Makes a data directory's tree: main, its directories, and one operator. For
 * `schlossd init`; blocks. */
struct meta_first_user {
	struct str name;
	uint32_t mechanisms;		/* MECH_BITs */
	struct scram_key scram[SCRAM_HASHES];
};
int meta_init(const char *file, const struct meta_first_user *admin, struct why *why);
/* New keys for a user of main or of a tenant, the broker being stopped. */
int meta_set_keys(const char *file, struct name user, const struct scram_key keys[SCRAM_HASHES],
    struct why *why);
