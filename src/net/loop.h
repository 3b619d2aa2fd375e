/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/rcu.h"
#include "base/timer.h"
#include "base/transport.h"

/*
 * An event loop: one thread, its sockets, its timers, its messages from other
 * threads. It sleeps in the kernel until there is something to do; an idle loop
 * uses no processor time. Functions are for the loop's own thread, except where
 * "any thread" is said.
 */
struct loop;

/* A message: embedded in whatever it is about, run once on the loop for each time it was
 * posted. It must not be posted again before it has run. */
struct post {
	struct post *next;
	void (*run)(struct post *post);
};

/* A socket or the like. ready() gets EPOLL* bits. */
struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source, uint32_t events);
};

/* Something to be done once, when all that woke this turn has been handled:
 * where replies are flushed, so that one write carries many. */
struct loop_task {
	struct list hook;
	void (*run)(struct loop_task *task);
};

/* Starts the thread; name at most 15 bytes. rcu must outlive the loop. settle(arg), which may be NULL, is
 * called when all that woke a turn has been handled, and again behind what was deferred: for what
 * is better done once for many. */
struct loop *loop_create(const char *name, struct rcu *rcu, void (*settle)(void *arg), void *arg);
/* Ends the thread after the turn that sees it; posts that come later never run. Any other
 * thread. */
void loop_destroy(struct loop **loop);

/* Any thread. Wakes the loop only if it sleeps. */
void loop_post(struct loop *loop, struct post *post);

/* events: EPOLLIN, EPOLLOUT; level-triggered. Adding cannot fail short of memory. */
void loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
/* After it ready() is not called any more, this turn included. */
void loop_remove(struct loop *loop, struct loop_source *source);

void loop_defer(struct loop *loop, struct loop_task *task);

struct timers *loop_timers(struct loop *loop);
/* Monotonic ns, read once a turn. */
uint64_t loop_now(const struct loop *loop);
/* For the bill of a connection. A lap begins where the one before has ended, with loop_lap_begin() or
 * with the turn; loop_lap() ends one and gives its ns, which the loop has worked for a connection.
 * loop_share() is its part of what a turn costs beside (sleeping, waking, looking what there is), ns,
 * as measured lately. */
void loop_lap_begin(struct loop *loop);
uint64_t loop_lap(struct loop *loop);
uint64_t loop_share(struct loop *loop);
/* Buffers for the length of one call. */
struct transport_scratch *loop_scratch(struct loop *loop);
/* For what lives and ends on the loop's thread. */
struct arena_pool *loop_arenas(struct loop *loop);
