/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/list.h"
#include "base/map.h"
#include "base/timer.h"
#include "coord/budget.h"
#include "wire/kerr.h"
#include "wire/types.h"

/*
 * One consumer group of the classic protocol: its members, its generation, its
 * rebalances. A state machine without I/O: time is an argument, timers lie in
 * the shard's set, answers to parked requests and the one durable effect leave
 * through group_ops. All calls for one group are made under its shard's lock.
 *
 * Cookies stand for parked requests. A cookie that was taken is given back
 * exactly once: by joined() or synced(), or dropped by group_abandon().
 */
enum group_state {
	GROUP_EMPTY,		/* no members; offsets may be kept */
	GROUP_PREPARING,	/* members are called to rejoin */
	GROUP_COMPLETING,	/* all have joined; the leader's assignment is awaited */
	GROUP_STABLE,
	GROUP_STATES
};

/* As Kafka's tools print it: "Empty", "PreparingRebalance", ... */
const char *group_state_name(enum group_state state);

/* About what one takes, beside what others chose to say: itself, its id, its places in maps. */
#define GROUP_BYTES	1536u
#define GROUP_MEMBER_BYTES 768u
#define GROUP_PENDING_BYTES 512u
#define GROUP_PROTOCOL_BYTES 160u

/* What a member or a protocol may be called: these are kept as C strings, and two
 * names that differ only behind a zero byte must not become one. */
static inline bool
group_word_fits(struct str s)
{
	return s.n == 0 || memchr(s.p, '\0', s.n) == NULL;
}

/* At most so many protocols, and so many bytes of their names and metadata, of one
 * member; beyond, its join is an INVALID_REQUEST. */
#define GROUP_PROTOCOLS_MAX	32
#define GROUP_SUBSCRIPTION_MAX	((size_t)1 << 20)

struct group_protocol {
	struct str name;
	struct bytes metadata;
};

struct group_member_view {
	struct str member_id, instance_id;	/* instance_id null: a dynamic member */
	struct bytes metadata;
};

struct group_join {
	struct str member_id, instance_id, client_id, client_host, protocol_type;
	ARRAY(struct group_protocol) protocols;
	int32_t session_ms, rebalance_ms;	/* rebalance_ms < 0: as session_ms (v0) */
	bool needs_member_id;			/* KIP-394 */
	bool can_skip_assignment;		/* v9: told by a flag, not by an empty list */
};

struct group_joined {
	enum kerr err;
	int32_t generation;
	struct str protocol_type, protocol, leader, member_id;
	bool skip_assignment;
	ARRAY(struct group_member_view) members;	/* for the leader only */
};

struct group_assignment {
	struct str member_id;
	struct bytes assignment;
};

struct group_sync {
	struct str member_id, instance_id, protocol_type, protocol;	/* null: not said */
	int32_t generation;
	ARRAY(struct group_assignment) assignments;
};

struct group_synced {
	enum kerr err;
	struct str protocol_type, protocol;
	struct bytes assignment;
};

/* A member, by the means it names itself with in later requests. */
struct group_caller {
	struct str member_id, instance_id;
	int32_t generation;
};

struct group;

/* What a group needs from its shard. ctx is the shard's. Pointers in an answer
 * are valid during the call only. */
struct group_ops {
	void (*joined)(void *ctx, void *cookie, const struct group_joined *answer);
	void (*synced)(void *ctx, void *cookie, const struct group_synced *answer);
	/* The group's state must be in the log before later answers leave. ERR_* where
	 * the log takes nothing: the caller's change is undone. */
	int (*store)(void *ctx, struct group *group);
};

struct group_settings {
	int32_t min_session_ms, max_session_ms;
	int32_t initial_delay_ms;
	int32_t max_size;
	int32_t new_member_timeout_ms;		/* 5 minutes in Kafka, not configurable */
};

struct member {
	struct list hook;			/* of group.members, in the order of joining */
	struct timer session;
	struct group *group;
	char *id, *instance_id, *client_id, *client_host;
	int32_t session_ms, rebalance_ms;
	struct group_protocol *protocols;	/* one allocation with all they point to */
	int protocols_n;
	uint8_t *assignment;
	size_t assignment_n;
	void *join_cookie, *sync_cookie;
	bool is_new, pending_sync, can_skip_assignment;
	size_t counted;				/* bytes, on the group's share */
};

/* One protocol's name, and how many members know it: at least one. */
struct group_support {
	int members;
	uint64_t round;				/* of counting, that met it last */
	size_t counted;
	char name[];
};

struct group {
	struct name name;			/* owned */
	enum group_state state;
	int64_t state_since_ms;			/* wall time: offsets expire by it */
	int32_t generation;
	char *protocol_type, *protocol, *leader;
	struct list members;
	struct map *by_id, *by_instance, *pending;	/* pending: ids given out, not yet used */
	int members_n, joining_n;		/* of the members, those whose JoinGroup is parked */
	struct map *supported;			/* struct group_support by protocol */
	uint64_t support_round;
	struct timer rebalance;			/* ends the join or the sync phase */
	uint64_t delay_ns, delay_left_ns;	/* of the first rebalance */
	bool in_delay, joined_in_delay;
	bool unstored;				/* became empty, and the log took nothing */
	struct timers *timers;
	const struct group_settings *settings;
	const struct group_ops *ops;
	void *ctx;
	struct share *share;			/* what it takes is counted on it; not owned */
	size_t counted;				/* of its own words; each member has a number, too */
	uint64_t now;				/* of the call that runs */
	int64_t wall_ms;
};

struct group *group_create(struct name name, const struct group_settings *settings,
    const struct group_ops *ops, void *ctx, struct timers *timers, int64_t wall_ms);
void group_destroy(struct group **group);

/* Every call begins by telling the time: monotonic ns, wall ms. */
void group_at(struct group *group, uint64_t now, int64_t wall_ms);

/* JoinGroup. The answer comes through joined(), now or later. */
void group_join(struct group *group, const struct group_join *join, void *cookie);
/* Whether what the member says of itself is fit for the group: what else group_join() refuses. */
enum kerr group_may_join(const struct group *group, const struct group_join *join);
/* What a member that says this takes to begin with, in a group that is there or a new one (NULL). */
size_t group_join_bytes(const struct group *group, const struct group_join *join);
/* SyncGroup. The answer comes through synced(), now or later. */
void group_sync(struct group *group, const struct group_sync *sync, void *cookie);
enum kerr group_heartbeat(struct group *group, const struct group_caller *caller);
/* LeaveGroup of one member (member_id may be empty where instance_id is given). */
enum kerr group_leave(struct group *group, struct str member_id, struct str instance_id);
/* Whether a commit of offsets is to be taken from this caller (KIP-211, KIP-345). */
enum kerr group_may_commit(struct group *group, const struct group_caller *caller);

/* The parked request of this cookie is gone; the member stays until its session ends. */
void group_abandon(struct group *group, void *cookie);

/* Fails every parked request: the group is about to be forgotten. */
void group_fail_parked(struct group *group, enum kerr err);

/* Whether a member of the group is subscribed to the topic, as far as the
 * "consumer" protocol's subscriptions can be read; true where they cannot. */
bool group_subscribes(const struct group *group, struct str topic);

struct member *group_member_by_id(const struct group *group, struct str member_id);
/* The metadata that the member gave for the group's chosen protocol. */
struct bytes member_metadata(const struct member *member, const char *protocol);

/* For replay: a group as a stored record describes it; members get fresh sessions. */
struct group_stored_member {
	struct str id, instance_id, client_id, client_host;
	int32_t rebalance_ms, session_ms;
	struct bytes subscription, assignment;
};

struct group_stored {
	struct str protocol_type, protocol, leader;
	int32_t generation;
	int64_t state_since_ms;
	ARRAY(struct group_stored_member) members;
};
void group_restore(struct group *group, const struct group_stored *stored);
