/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/core.h"
#include "base/arena.h"
#include "base/timer.h"
#include "net/conn.h"
#include "net/loop.h"
#include "wire/header.h"
#include "wire/kerr.h"

/*
 * One request: from the frame to the last byte of its response. It lives on the
 * loop of its connection; only request_wake() may be called from elsewhere.
 *
 * A handler that cannot answer yet returns request_park(). Then request_wake()
 * or the deadline runs `resume` on the loop, which answers or parks anew. Where
 * the connection goes away first, `abandon` is called instead: after it nobody
 * may call request_wake() for this request any more.
 */
struct session;

struct request {
	struct session *session;
	struct broker_core *core;	/* what all requests share */
	struct loop *loop;
	const struct image *image;	/* of this turn of the loop; anew at each resume */
	const struct api_row *row;	/* NULL: a token without a frame of Kafka's, and no header */
	struct wire_header header;	/* version, correlation id, client id */
	struct arena *arena;		/* everything of this request lives here, itself too */
	void *in, *out;
	struct reply *reply;		/* its place in the connection's out queue */
	int answer_version;		/* of the response, where not the request's; else -1 */
	const uint8_t *frame;		/* valid until the handler has returned */
	size_t frame_n, bytes_in;
	size_t decoded;			/* bytes of the arena when the handler began */
	size_t beside;			/* that it holds besides, or will when they have been read */
	struct quota_held *held;	/* of the fetch quota: promised to what is being read for it */
	uint64_t came;			/* monotonic ns of the loop */
	uint64_t cpu_ns;		/* processor time used so far, for the request quota */
	uint64_t throttle_ns;		/* the longest delay that a quota asked for */
	bool parked, overtake, by_deadline, ended;
	bool outlives;			/* parked without abandon: lives until it is woken */
	bool awaits_last;		/* and by nothing but request_wake_last() */
	struct rehearsal *rehearsal;	/* while one of its calls is handled (rehearse.h); NULL: all is meant */
	bool for_others;		/* parked for what may never come: session_stop() wakes it */

	/* While parked. */
	enum api_turn (*resume)(struct request *rq);
	void (*abandon)(struct request *rq);
	void *state;			/* the handler's own, in the arena */
	struct timer deadline;
	struct list hook;		/* of the session's requests */
	struct post post, last;
	atomic_bool posted;
};

struct request *request_make(struct session *session, const uint8_t *frame, size_t n);
/* Takes it out of its session; frees it now, or when its last wake has arrived. */
void request_end(struct request *rq);
void request_free(struct request *rq);

/* Parks until a wake or deadline_ns (monotonic; UINT64_MAX: none; then
 * rq->by_deadline says which). The value to return from the handler. overtake:
 * the next request of the connection may run meanwhile (a Produce that only
 * waits for durability); else it waits. abandon NULL: what was started cannot be
 * called back and will wake the request exactly once; then the request outlives
 * its connection until that wake, and no deadline may be given. */
enum api_turn request_park(struct request *rq, enum api_turn (*resume)(struct request *),
    void (*abandon)(struct request *), uint64_t deadline_ns, bool overtake);

/* Any thread, any number of times, until the request is resumed or abandoned. */
void request_wake(struct request *rq);

/* For a request that has been parked with others before and is now without abandon: a wake of
 * theirs may still be on its way and must not be taken for the one that it waits for, for it would
 * run `resume`, or free the request, while that one still uses it. So that one is a call of
 * request_wake_last(): once, from any thread; the request is not looked at after it. */
enum api_turn request_park_last(struct request *rq, enum api_turn (*resume)(struct request *));
void request_wake_last(struct request *rq);

/* Whether a FLAG of api.def holds for this request's version. */
bool request_flag(const struct request *rq, enum api_flag flag);

/* The tenant that all names of this request belong to. */
uint32_t request_tenant(const struct request *rq);
/* Monotonic nanoseconds of this turn of the loop. */
uint64_t request_now(const struct request *rq);
