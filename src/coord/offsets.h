/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "coord/budget.h"

/*
 * The committed offsets of one group, by topic and partition. Plain state, no
 * I/O; all calls under the lock of the group's shard. Topics are plain names:
 * a group and the topics it commits for belong to one tenant.
 */
struct offset {
	struct str topic;		/* owned */
	int32_t partition;
	int64_t offset;
	int32_t leader_epoch;		/* -1: the client did not say */
	struct str metadata;		/* owned */
	int64_t commit_ms;		/* wall time of the commit */
	int64_t expire_ms;		/* wall time, or -1: by offsets.retention.minutes */
};

struct offsets;

/* What they take is counted on the share, which must outlive them. */
struct offsets *offsets_create(struct share *share);
void offsets_destroy(struct offsets **offsets);

/* How much more memory this offset takes at most than what is there. listed: another
 * one of its topic will be there before it. */
size_t offsets_need(const struct offsets *offsets, const struct offset *o, bool listed);
/* Copies what o points to. */
void offsets_put(struct offsets *offsets, const struct offset *o);
const struct offset *offsets_get(const struct offsets *offsets, struct str topic, int32_t partition);
bool offsets_del(struct offsets *offsets, struct str topic, int32_t partition);
/* Removes those of which gone() says so; it is asked once for each, in offsets_next()'s order. */
void offsets_prune(struct offsets *offsets, bool (*gone)(const struct offset *o, void *arg), void *arg);
size_t offsets_count(const struct offsets *offsets);

/* All, grouped by topic: topics in the order of their first commit, partitions
 * ascending. Begin with NULL; valid while nothing changes. */
const struct offset *offsets_next(const struct offsets *offsets, const struct offset *after);
