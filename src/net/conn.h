/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/piece.h"
#include "base/transport.h"
#include "net/loop.h"
#include "net/payers.h"

/*
 * One connection: frames in, replies out in the order of the requests. Lives on
 * one loop from accept to close; every function is for that loop's thread.
 *
 * Reading stops by itself while the connection is held or muted, and while too
 * much that was answered has not been taken by the peer: that is the
 * back-pressure, nothing is read that cannot be worked on. So it does while connections
 * hold more than their ration of memory together.
 */
struct conn;
struct reply;

#define CONN_LENGTH_BYTES 4		/* before each frame */

/* What the layer above does; one const table for each kind of listener. */
struct conn_ops {
	/* The transport is ready (TLS done). Returns what the other calls get as
	 * `session`; NULL closes the connection. */
	void *(*opened)(struct conn *conn, void *listener);
	/* Asked before each frame: 0, or how long (ns) it has to wait, unread. May be NULL. */
	uint64_t (*admit)(struct conn *conn, void *session, const uint8_t *p, size_t n);
	/* One frame without its length; the bytes are net's again after it. */
	void (*frame)(struct conn *conn, void *session, const uint8_t *p, size_t n);
	/* Last call. conn_reply_* must not be used any more. */
	void (*closed)(struct conn *conn, void *session);
	/* A limit of its payer's is met, and nothing is read; or a frame of that many bytes is more than it will
	 * ever take, and the connection is closed next. Not each time. May be NULL. */
	void (*bounded)(struct conn *conn, void *session, const struct payer_bound *bound, size_t frame);
};

/* Limits; shared by the connections of a broker, replaced as a whole. */
struct conn_limits {
	size_t frame_before_login, frame_max;		/* bytes */
	uint64_t tls_ns, login_ns;			/* from accept */
	uint64_t idle_ns;				/* without a request */
	uint64_t stall_ns;				/* without the peer taking a byte */
	size_t unsent_bytes;				/* and not reading any more */
	unsigned unsent_replies;
	struct payers *payers;				/* who holds what of the memory; NULL: no bound */
};
extern const struct conn_limits conn_limits_default;

struct conn_config {
	struct loop *loop;
	int fd;						/* taken over */
	struct transport *transport;			/* taken over */
	struct addr peer;
	uint16_t peer_port;
	const struct conn_ops *ops;
	void *listener;					/* for opened() */
	const struct conn_limits *limits;
	const struct event *ev;				/* of the listener */
	/* Called once, at the end, with the connection's last state. */
	void (*gone)(void *arg, const struct conn *conn);
	void *gone_arg;
};

struct conn *conn_create(const struct conn_config *config);

/* The login is complete: larger frames, no login deadline. */
void conn_set_ready(struct conn *conn);
/* Whether no request is read before the peer takes more of what it is sent. */
bool conn_is_choked(const struct conn *conn);
bool conn_is_ready(const struct conn *conn);

/* At the first login: whose part of the memory it holds from now on. */
void conn_set_payer(struct conn *conn, struct name user);
/* Bytes that an answer may have, as far as memory goes. */
size_t conn_room(const struct conn *conn);

/* Frames wait until conn_resume(). Counted. */
void conn_hold(struct conn *conn);
void conn_resume(struct conn *conn);
/* Reads nothing until then (monotonic ns); the later of two holds (KIP-219). */
void conn_mute(struct conn *conn, uint64_t until);

/* No more frames; closed as soon as every reply has been taken. */
void conn_drain(struct conn *conn);
/* closed() is called before it returns; replies that wait are dropped. why: for
 * the log, may be NULL. */
void conn_close(struct conn *conn, const char *why);

/* A place in the order of replies. Then exactly one of: */
struct reply *conn_reply_begin(struct conn *conn);
/* What its request and its answer hold in memory now, bytes, until it is gone. */
void conn_reply_holds(struct reply *reply, size_t bytes);
/* The pieces' bytes stay until sent(arg): when the peer's kernel or the cipher has
 * taken them all, or the connection is gone. The first piece begins with the
 * frame's length. */
void conn_reply_send(struct reply *reply, const struct pieces *pieces, void (*sent)(void *arg), void *arg);
/* The protocol has no answer to this one. */
void conn_reply_none(struct reply *reply);

struct loop *conn_loop(const struct conn *conn);
struct transport *conn_transport(const struct conn *conn);
const struct addr *conn_peer(const struct conn *conn);
/* With the field peer; its lines name the connection. */
const struct event *conn_event(const struct conn *conn);
/* What opened() returned. */
void *conn_session(const struct conn *conn);
/* The gone_arg it was created with. */
void *conn_gone_arg(const struct conn *conn);
/* What the connection has taken of the loop's time since the last call, until now, ns:
 * handshake, cipher, system calls, handlers, looking in vain whether it may go on, and
 * its share of what the loop does for all. */
uint64_t conn_take_time_ns(struct conn *conn);
/* Around what is done for a connection on its loop, but not from one of its own events. */
void conn_begin(struct conn *conn);
void conn_end(struct conn *conn);
/* When it was accepted, monotonic ns. */
uint64_t conn_since(const struct conn *conn);

/* How it is now, for people to see. */
struct conn_look {
	uint64_t active, muted_until;	/* monotonic ns: the last request came; nothing is read (0: it is) */
	uint64_t rate_in, rate_out;	/* bytes a second, over the last 10 to 20 s */
	size_t memory;			/* bytes: requests, answers, and what is received */
	unsigned requests;		/* whose answers have not left */
};
void conn_look(const struct conn *conn, struct conn_look *ret);
