/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coord/group.h"
#include "coord/offsets.h"
#include "coord/records.h"

/*
 * The group coordinator: all groups, in shards. A shard is the groups of one
 * partition of __consumer_offsets; it is loaded by replaying that partition and
 * from then on writes each change to it before an answer tells of it. Without
 * I/O of its own: time and records come in as arguments, appends and answers go
 * out through coord_io. What replay makes of the log equals the live state.
 *
 * Threads: any thread may call; each call takes its shard's lock (rank
 * GROUP_SHARD) and io's functions are called under it.
 *
 * Barriers: an answer that rests on a write carries the log offset that must be
 * durable before it may leave (-1: none). Where the log then fails, the shard
 * is unloaded and replayed, so nothing that was not durable is ever told twice.
 */
struct coord;

struct coord_record {
	struct bytes key, value;	/* value.p NULL deletes */
};

struct coord_io {
	void *ctx;
	/* One batch at the end of partition `shard`; *ret_end: the offset behind it. */
	int (*append)(void *ctx, int32_t shard, const struct coord_record *records, int n,
	    int64_t wall_ms, int64_t *ret_end);
	void (*joined)(void *ctx, void *cookie, const struct group_joined *answer, int64_t barrier);
	void (*synced)(void *ctx, void *cookie, const struct group_synced *answer, int64_t barrier);
	/* The group has ended: deleted, or nothing of it is left. */
	void (*ended)(void *ctx, struct name group);
	/* Something new was refused: all that groups may take is used up, or else the tenant's share. */
	void (*full)(void *ctx, uint32_t tenant, bool all);
	/* coord_tick() is wanted for this shard at `when` (monotonic ns) or earlier. */
	void (*wake_at)(void *ctx, int32_t shard, uint64_t when);
};

struct coord_settings {
	struct group_settings group;
	int32_t shards;			/* partitions of __consumer_offsets; fixed for life */
	int64_t retention_ms;		/* offsets.retention.minutes */
	int32_t metadata_max;		/* offset.metadata.max.bytes */
	int64_t memory_max;		/* bytes of all groups (budget.h); 0: no bound */
};

/* When a call happens. */
struct coord_time {
	uint64_t now;			/* monotonic ns */
	int64_t wall_ms;
};

struct coord *coord_create(const struct coord_settings *settings, const struct coord_io *io);
void coord_destroy(struct coord **coord);

/* The bytes that all groups take, as they are counted. */
int64_t coord_memory(const struct coord *coord);

/* abs(hash of the joined name, as Java computes it) % shards: where every tool
 * that reads __consumer_offsets looks for the group. */
int32_t coord_shard_of(const struct coord *coord, struct name group);

/* Loading: begin, then every record in order, then end. Between begin and end
 * callers get COORDINATOR_LOAD_IN_PROGRESS, before it NOT_COORDINATOR. */
void coord_load_begin(struct coord *coord, int32_t shard);
/* ERR_CORRUPT, ERR_UNSUPPORTED: the record was passed over; loading goes on. */
int coord_load_record(struct coord *coord, int32_t shard, struct bytes key, struct bytes value,
    struct coord_time t);
void coord_load_end(struct coord *coord, int32_t shard, struct coord_time t);
/* Forgets the shard's state; parked requests fail with NOT_COORDINATOR. */
void coord_unload(struct coord *coord, int32_t shard);
/* Its log failed, so its state may not be what is stored: as coord_unload(), but the
 * shard counts as loading until it has been loaded. False where it was not in use:
 * then whoever loads it reads what is stored anyway. */
bool coord_doubt(struct coord *coord, int32_t shard);

/* Session ends, rebalances: what is due. */
void coord_tick(struct coord *coord, int32_t shard, struct coord_time t);
/* Drops expired offsets and groups that hold nothing; every ten minutes or so. */
void coord_expire(struct coord *coord, int32_t shard, struct coord_time t);

/* Whose the group is, for the permission check: copied into the arena. False
 * where the group does not exist (or has not been loaded). */
bool coord_group_owner(struct coord *coord, struct name group, struct arena *arena,
    struct group_owner *ret);

/* maker: who owns the group if this request makes it. Answers through io. */
void coord_join(struct coord *coord, struct name group, const struct group_join *join,
    const struct group_owner *maker, struct coord_time t, void *cookie);
void coord_sync(struct coord *coord, struct name group, const struct group_sync *sync,
    struct coord_time t, void *cookie);
/* The parked request of this cookie is gone; after it, cookie is not used again. */
void coord_abandon(struct coord *coord, struct name group, void *cookie, struct coord_time t);

enum kerr coord_heartbeat(struct coord *coord, struct name group,
    const struct group_caller *caller, struct coord_time t);
enum kerr coord_leave(struct coord *coord, struct name group, struct str member_id,
    struct str instance_id, struct coord_time t, int64_t *ret_barrier);

/* One partition of a commit; err is the answer. */
struct coord_commit {
	struct str topic;
	int32_t partition;
	int64_t offset;
	int32_t leader_epoch;
	struct str metadata;
	enum kerr err;			/* in: nonzero if refused already, then skipped */
};

/* retention_ms < 0: the broker's. The whole-request error is returned and also
 * stands in every item. */
enum kerr coord_commit(struct coord *coord, struct name group, const struct group_caller *caller,
    const struct group_owner *maker, int64_t retention_ms, struct coord_commit *items, int n,
    struct coord_time t, int64_t *ret_barrier);

/* Calls each(offset, arg) for one partition's commit (offset -1 where there is
 * none), or for all of the group. */
enum kerr coord_fetch_one(struct coord *coord, struct name group, struct str topic,
    int32_t partition, void (*each)(const struct offset *o, void *arg), void *arg,
    int64_t *ret_barrier);
enum kerr coord_fetch_all(struct coord *coord, struct name group,
    void (*each)(const struct offset *o, void *arg), void *arg, int64_t *ret_barrier);

/* Calls look(group, arg) under the lock: for DescribeGroups. GROUP_ID_NOT_FOUND. */
enum kerr coord_look(struct coord *coord, struct name group,
    void (*look)(const struct group *group, void *arg), void *arg);
/* NOT_COORDINATOR or LOAD_IN_PROGRESS where the group's shard is not there: whether the
 * group exists, and whose it is, is not known then. */
enum kerr coord_known(struct coord *coord, struct name group);
#define COORD_ALL_TENANTS UINT32_MAX
/* Every group of a tenant, or of all, by a walk over all there are; NOT_COORDINATOR or LOAD_IN_PROGRESS if a shard is not
 * there (the others are listed all the same). */
enum kerr coord_list(struct coord *coord, uint32_t tenant,
    void (*each)(const struct group *group, const struct group_owner *owner, void *arg), void *arg);

enum kerr coord_delete_group(struct coord *coord, struct name group, struct coord_time t,
    int64_t *ret_barrier);
/* items' offset, epoch and metadata are ignored. */
enum kerr coord_delete_offsets(struct coord *coord, struct name group, struct coord_commit *items,
    int n, struct coord_time t, int64_t *ret_barrier);
/* A topic is gone: its offsets go from every group of the tenant. */
void coord_forget_topic(struct coord *coord, struct name topic, struct coord_time t);
