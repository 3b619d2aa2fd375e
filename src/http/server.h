/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"
#include "base/rcu.h"
#include "base/transport.h"
#include "http/request.h"
#include "net/loop.h"

/*
 * A small server of HTTP/1.1: listeners, connections and their requests, all on one loop of its own, so that
 * nothing that happens here costs a loop of Kafka's a turn. What is served stands in a table of routes. One
 * request of a connection is worked on at a time; the next one is not read before its answer is gone.
 *
 * Everything that a peer can do has an end: bytes and time of a request, the time of an answer that he does not
 * take, connections in all and from one network (security/network.h). Where all places are taken the connection goes
 * that has waited longest with nothing asked, or for the answer to its first login.
 */
struct http_server;
struct http_listener;
struct http_exchange;

struct http_route {
	const char *path;			/* exact */
	void (*serve)(struct http_exchange *x);
};

struct http_limits {
	unsigned max, max_per_ip;		/* connections; of IPv6 a /64 is one */
	uint64_t tls_ns;			/* from accept to the end of the handshake */
	uint64_t head_ns;			/* for a request, from its first byte; the first one from accept */
	uint64_t idle_ns;			/* between two requests */
	uint64_t stall_ns;			/* without the peer taking a byte */
	uint64_t answer_ns;			/* from the request to the end of its answer */
};
extern const struct http_limits http_limits_default;

struct http_config {
	struct rcu *rcu;
	struct http_limits limits;
	const struct http_route *routes;	/* ends with a path of NULL; must stay */
	/* Whether one more may come from there; on the loop. May be NULL. */
	bool (*admit)(void *arg, const struct addr *from, uint64_t now_ns);
	/* What a route kept of a connection (http_set_memory()) is not needed any more. */
	void (*forget)(void *memory);
	void *arg;				/* http_arg() */
};

struct http_server *http_server_create(const struct http_config *config);
/* Closes everything. Any other thread. */
void http_server_destroy(struct http_server **server);
struct loop *http_server_loop(struct http_server *server);

struct http_listener_config {
	const char *name, *host;		/* "*": every address */
	uint16_t port;
	struct transport *(*transport)(void *arg, int fd, struct loop *loop);
	void *arg;				/* http_listener_arg() */
	const struct event *ev;
};
/* Binds and listens, and accepts from now on. Lives as long as the server. */
int http_listen(struct http_server *server, const struct http_listener_config *config, uint16_t *ret_port, struct why *why);

/* Closes the connections that have an answer under way or a memory, and waits for it; what others have posted for them
 * has run when it returns. Any other thread: before that goes what routes look at. */
void http_server_cut(struct http_server *server);

/* ---- of one request; on the loop ---- */

const struct http_request *http_request_of(const struct http_exchange *x);
void *http_arg(const struct http_exchange *x);
void *http_listener_arg(const struct http_exchange *x);
struct transport *http_transport(const struct http_exchange *x);
struct loop *http_loop(const struct http_exchange *x);
const struct addr *http_peer(const struct http_exchange *x);
const struct event *http_event(const struct http_exchange *x);
/* Counted from 1, of the connection. */
uint64_t http_connection(const struct http_exchange *x);
/* What a route keeps with the connection, from one request to the next; NULL at first. */
void *http_memory(const struct http_exchange *x);
void http_set_memory(struct http_exchange *x, void *memory);

/* The answer, one of: */
/* Whole. type, text: copied. extra: header lines, each with its CRLF, or "". */
void http_answer(struct http_exchange *x, unsigned status, const char *type, struct str text, const char *extra);
/* In parts, of which the next one is made when the peer has taken the last: part(arg, out) adds some bytes and returns
 * whether it is to be called again. It may add none, where it has looked at much that is not for this peer: it is called
 * again in the next turn of the loop all the same. end(arg): when it is over, or the connection is. */
void http_stream(struct http_exchange *x, const char *type, bool (*part)(void *arg, struct buf *out), void (*end)(void *arg), void *arg);
#define HTTP_PART_BYTES (32u << 10)	/* about what a part should have */
/* From within part(): the answer cannot go on, and ends where it is, with its connection. */
void http_abandon(struct http_exchange *x, const char *why);
/* Later, on the loop. gone(arg): the connection has ended; x must not be used any more. */
void http_wait(struct http_exchange *x, void (*gone)(void *arg), void *arg);
