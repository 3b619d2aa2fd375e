/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by server.c (listeners, places) and exchange.c (one connection). */

#include "http/server.h"

enum exchange_state {
	EX_HANDSHAKE,
	EX_HEAD,		/* a request is awaited, or in the middle */
	EX_SERVE,		/* a route has it */
	EX_SEND,		/* its answer is on the way */
	EX_CLOSED,		/* freed at the end of the turn */
};

struct http_server {
	struct http_config config;
	struct loop *loop;
	struct list conns;	/* the one with which least happened lately first */
	struct list listeners;
	unsigned conns_n;
	uint64_t count;		/* ever */
};

/* One connection, and the request of it that is at hand. */
struct http_exchange {
	struct list hook;
	struct loop_source source;
	struct http_server *server;
	struct transport *transport;
	enum exchange_state state;
	uint32_t events;	/* what epoll watches for */
	struct timer timer;
	struct loop_task task;
	uint64_t asked, progress;	/* when the request was whole; when the peer took something */
	struct addr peer;
	char peer_text[ADDR_TEXT + 8];
	struct event ev;
	void *listener_arg, *memory;
	uint64_t number;
	struct http_request request;
	struct buf next;	/* came with the request, and is not its own */
	bool more;		/* EX_HEAD: to be read without epoll saying so */
	/* The answer: what is not yet taken of it, and where the rest comes from. */
	struct buf out;
	size_t out_at;
	bool last;		/* the connection ends with this answer */
	bool chunked;
	const char *abandoned;	/* why; NULL: it goes on */
	bool (*part)(void *arg, struct buf *out);
	void (*end)(void *arg);	/* of a stream, or gone() of who waits */
	void *arg;
};

/* Connections from the network of peer. */
unsigned http_from_there(const struct http_server *server, const struct addr *peer);
void http_open(struct http_server *server, int fd, struct transport *transport, const struct addr *peer, uint16_t port,
    void *listener_arg, const struct event *ev);
/* why: for the log, may be NULL. */
void http_close(struct http_exchange *x, const char *why);
