/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by coord.c (the doors), replay.c (loading) and commit.c (offsets). */

#include "base/lock.h"
#include "coord/coord.h"

enum shard_state {
	SHARD_AWAY,		/* not ours, or its log failed */
	SHARD_LOADING,
	SHARD_ACTIVE,
};

/* A group with what lies beside its state. */
struct entry {
	struct group *group;
	struct offsets *offsets;
	char *owner, *team;		/* team NULL: none */
	uint16_t mode;
	struct shard *shard;
	struct share *share;		/* the tenant's */
	size_t counted;
};

struct shard {
	struct lock lock;
	enum shard_state state;
	struct coord *coord;
	int32_t index;
	struct map *groups;		/* name -> struct entry */
	struct timers timers;
	int64_t end;			/* offset behind the last append; -1: none */
	int64_t wall_ms;		/* of the call that runs */
};

struct coord {
	struct coord_settings settings;
	struct coord_io io;
	struct budget *budget;
	struct shard *shards;
};

/* NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS or NONE. Lock held. */
enum kerr shard_ready(const struct shard *s);
struct entry *shard_find(struct shard *s, struct name group);
struct entry *shard_make(struct shard *s, struct name group, const struct group_owner *maker,
    struct coord_time t);
/* What owner and team take has changed. */
void shard_count(struct entry *e);
/* Whether a new group of this tenant may take so many bytes, and what it is itself. */
bool shard_has_room(struct shard *s, struct name group, const struct group_owner *maker, size_t more);
void shard_drop(struct shard *s, struct entry *e);

/* Collects records, then appends them as one batch (pen.c). */
struct pen_record {
	size_t key_n, value_n;		/* bytes lie one behind the other */
	bool deletes;
};

#define PEN_FEW 4			/* records that take no memory of their own */

struct pen {
	struct arena *arena;		/* joined names; NULL while there are none */
	struct buf bytes;
	struct pen_record few[PEN_FEW], *v;
	int n, cap;
	struct shard *shard;
	int err;
};
void pen_init(struct pen *p, struct shard *s);
void pen_offset(struct pen *p, struct name group, const struct offset *o, bool deletes);
void pen_group(struct pen *p, const struct entry *e, bool deletes);
void pen_owner(struct pen *p, const struct entry *e, bool deletes);
/* Writes what was collected; 0 where that is nothing. Frees the pen. */
int pen_finish(struct pen *p);
