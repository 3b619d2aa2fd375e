/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "coord/coord.h"

/*
 * Between the coordinator (src/coord), which has no I/O, and the log, the loops
 * and parked requests. Owned by the broker; handlers reach it through
 * core->groups.
 */
struct groups;

struct groups_config {
	struct broker_core *core;
	struct loop **loops;
	unsigned loops_n;
	struct coord_settings coord;
	int64_t expire_every_ms;
	int64_t segment_bytes;		/* of __consumer_offsets, where it has to be made */
	struct acl_node node;		/* of __consumer_offsets, where it has to be made */
};

/* Makes __consumer_offsets where there is none, then loads it on a thread of its
 * own; until then requests are answered COORDINATOR_LOAD_IN_PROGRESS. May block. */
int groups_start(const struct groups_config *config, struct groups **ret, struct why *why);
/* Ends what runs on threads of its own, before the loops stop. */
void groups_quiet(struct groups *groups);
/* The broker stops: whoever waits for the rest of a group is sent to look for its
 * coordinator. Any thread. */
void groups_leave(struct groups *groups);
/* After the loops: they hold its timers. */
void groups_stop(struct groups **groups);
/* Loads the shard anew, whose log may hold something else than it did: after a
 * repair. Any thread. */
void groups_reload(struct groups *groups, int32_t shard);
/* A name is no group any more, or another's: the rules that its owner had set go. Any thread. */
void groups_ended(void *groups, struct name name);
/* A topic is gone: its offsets go. Any thread. */
void groups_forget_topic(struct groups *groups, struct name topic);

/* A tenant is gone: its groups end, members or not. Any thread. */
void groups_forget_tenant(struct groups *groups, uint32_t tenant);

/* Now, as the coordinator wants it told. */
struct coord_time groups_time(struct request *rq);
/* Who owns a group that this request makes. In the request's arena. */
const struct group_owner *groups_maker(struct request *rq);

/* What an answer rests on: log offsets that must be durable before it leaves, one
 * for each shard. Zeroed to begin. In the request's arena. */
struct group_barrier {
	struct name group;		/* one of the shard's */
	int32_t shard;
	int64_t end;
};
struct group_barriers {
	ARRAY(struct group_barrier) v;
};
/* barrier as the coordinator gave it; -1: none. */
void groups_need(struct request *rq, struct group_barriers *need, struct name group, int64_t barrier);

/* Answers as soon as all of it is durable: the value to return from a handler. Where
 * a log fails first, failed() sets the errors. */
enum api_turn groups_answer_all(struct request *rq, const struct group_barriers *need,
    void (*failed)(struct request *rq));
/* For one group. */
enum api_turn groups_answer(struct request *rq, struct name group, int64_t barrier,
    void (*failed)(struct request *rq));

/* Parks a JoinGroup or SyncGroup whose cookie is the request; `run` submits it. The group's
 * right is asked again when the answer comes, and without it denied() makes another. */
enum api_turn groups_park(struct request *rq, struct name group, void (*run)(struct request *rq),
    void (*failed)(struct request *rq), void (*denied)(struct request *rq, enum kerr err));
