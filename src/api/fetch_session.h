/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "api/request.h"
#include "base/list.h"
#include "log/partition.h"
#include "wire/msg.h"

/*
 * Fetch sessions (KIP-227): the broker keeps what a consumer reads, the consumer says what has
 * changed since its last request, and the answer has only what is new. A session belongs to one
 * connection, which has one at most, and ends with it: the client then begins anew, as after any
 * error 70.
 *
 * A partition of it is a node. A node is *due* when a request has to look at it: it was named in
 * the request, it had something to say the last time, its partition has grown, or the rights or
 * topics of the installation have changed since. All others wait on their partitions and cost a
 * request nothing. All functions belong to the connection's loop.
 */
struct fetch_session;

struct fetch_ends {
	int64_t high_watermark, log_start;	/* -1: unknown */
};

struct fetch_node {
	struct name topic;		/* of sessions by name; else "" */
	struct uuid id;			/* of sessions by id; else zero */
	struct fetch_req_partition in;	/* as the client has said last */

	/* Private. */
	struct list hook;		/* of the due ones, or none */
	struct fetch_session *session;
	struct log_waiter waiter;
	struct partition *p;		/* that it waits on: a reference; NULL: it does not wait */
	struct fetch_node *next_fired;
	struct fetch_ends told;
	uint64_t bytes;			/* that it takes */
	char key[];
};

/*
 * Finds or makes the session that a request means, and brings it up to date with it; *ret is NULL
 * for a fetch without one. KERR_NONE, or the answer's error, and then the request is over: 70 no
 * such session, 71 not the request that was to come, 106 names where there were ids or the other
 * way. Where there is no room for a new session, it is a fetch without one.
 */
enum kerr fetch_session_begin(struct request *rq, const struct fetch_req *in, struct fetch_session **ret);

/* Whether the request began it: its answer has every partition. */
bool fetch_session_is_new(const struct fetch_session *fs);
int32_t fetch_session_id(const struct fetch_session *fs);

/* The next node that is due, which is then the caller's until fetch_session_keep(); NULL: no other
 * is due. In the order in which they became due, those with data last. */
struct fetch_node *fetch_session_next(struct fetch_session *fs, const struct image *image);

/* rq is parked and will be woken when a node becomes due; NULL: no longer. */
void fetch_session_park(struct fetch_session *fs, struct request *rq);

/* Whether these ends are others than the client was told. */
bool fetch_node_is_news(const struct fetch_node *node, const struct fetch_ends *ends);

/* Gives a node back. told: what the client knows now; NULL: as before. p: where to wait for more;
 * NULL: it is due again at once, as it still has something to say. */
void fetch_session_keep(struct fetch_session *fs, struct fetch_node *node,
    const struct fetch_ends *told, struct partition *p);

/* Ends it; *fs may be NULL. No request may be parked with it. */
void fetch_session_destroy(struct fetch_session **fs);
