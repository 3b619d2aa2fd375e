/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "net/conn.h"
#include "net/holding.h"
#include "net/traffic.h"

/* A connection from within: conn.c, and what only looks at it. */
enum conn_state {
	CONN_HANDSHAKE,		/* the transport is being set up */
	CONN_LOGIN,		/* frames, small ones */
	CONN_READY,		/* frames */
	CONN_DRAIN,		/* replies only */
	CONN_CLOSED,		/* freed at the end of the turn */
	CONN_STATES
};

struct reply {
	struct list hook;
	struct conn *conn;
	bool done;
	struct piece *v;
	int32_t n, at;			/* pieces; the first that is not taken whole */
	uint32_t skip;			/* bytes of it that are taken */
	size_t bytes, held;
	void (*sent)(void *arg);
	void *arg;
};

struct conn {
	struct loop_source source;
	struct loop *loop;
	struct transport *transport;
	enum conn_state state;
	uint32_t events;		/* what epoll watches for */
	const struct conn_ops *ops;
	void *listener, *session;
	const struct conn_limits *limits;
	struct buf in;			/* from a frame's beginning; see the top */
	struct list replies;
	unsigned replies_n;
	size_t unsent;
	size_t held;			/* by replies */
	size_t sending;			/* taken by the transport and not sent, at most */
	struct holding holding;		/* of the memory of all */
	unsigned holds;
	bool in_frame, go_on;		/* go_on: look at what was read but not handled */
	bool in_vain;			/* input has come, and may not be read now */
	uint64_t muted_until, since, active, progress, slow_since;
	struct traffic traffic;
	uint64_t time_ns;		/* see conn_take_time_ns(): laps that have ended */
	bool busy;			/* the lap is its own */
	struct timer deadline;
	struct timer unmute;		/* or, not muted: goes on reading in the next turn */
	struct loop_task task;
	struct addr peer;
	char peer_text[ADDR_TEXT + 8];
	struct event ev;
	void (*gone)(void *arg, const struct conn *conn);
	void *gone_arg;
};
