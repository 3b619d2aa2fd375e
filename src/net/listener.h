/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/conn.h"

/*
 * Listening sockets, and how many connections there may be: in all, from one
 * address, and not yet logged in. Where those that have not logged in fill
 * their share, or all places are taken and some of them by such, the oldest of
 * them is closed for the new one, so that somebody who opens connections and
 * says nothing cannot keep others out.
 */
struct listeners;
struct listener;

struct listeners_config {
	struct loop **loops;			/* connections are dealt out to them in turn */
	unsigned loops_n;
	const struct conn_limits *limits;
	unsigned max, max_per_ip;		/* connections in all */
	unsigned login_max, login_max_per_ip;	/* of them, not logged in */
	/* Whether one more may come from there at this time; on the accepting loop. May be NULL. */
	bool (*admit)(void *arg, const struct addr *from, uint64_t now_ns);
	void *admit_arg;
	/* Who have not had their PROXY header yet: for how long, and how many. */
	uint64_t proxy_ns;
	unsigned proxy_max;
};

/* The counters that all listeners of a broker share; outlives them. */
struct listeners *listeners_create(const struct listeners_config *config);
/* Every connection must be gone. */
void listeners_destroy(struct listeners **all);

/* New limits from the next accept on. Any thread. */
void listeners_set_max(struct listeners *all, unsigned max, unsigned max_per_ip,
    unsigned login_max, unsigned login_max_per_ip);

/* A listening socket, non-blocking. ERR_* and the reason. */
int listener_bind(const char *host, uint16_t port, int *ret_fd, struct why *why);

struct listener_config {
	const char *name, *host;		/* "*": every address */
	uint16_t port;				/* 0: any free one */
	const struct cidr_list *proxies;	/* from there each connection begins with a PROXY header, which says whose it is; borrowed; NULL: nowhere */
	const struct conn_ops *ops;
	void *arg;				/* for conn_ops.opened() */
	/* Makes the transport of an accepted socket; NULL where it cannot. On the
	 * connection's loop. */
	struct transport *(*transport)(void *arg, int fd, struct loop *loop);
	const struct event *ev;
};

/* Binds and listens, but accepts nothing before listener_open(). */
int listener_create(struct listeners *all, const struct listener_config *config,
    struct listener **ret, struct why *why);
void listener_open(struct listener *l);
/* Stops accepting; connections stay, and so does what they log through, until
 * listeners_destroy(). Waits for the accepting loop: not from a loop. */
void listener_destroy(struct listener **l);
/* From now on connections that are accepted have another arg, and come by other proxies; those that are open keep
 * theirs. Any thread; what both point at stays until listeners_destroy(). */
void listener_turn(struct listener *l, void *arg, const struct cidr_list *proxies);
uint16_t listener_port(const struct listener *l);

/* A connection has logged in: it does not count as waiting any more. */
void listener_logged_in(struct conn *conn);

/* An operator has logged in on it: from now on a few places are kept for his
 * address, in all and before the login, whoever fills the others. */
void listener_vouch(struct conn *conn);

/* Calls each(conn, arg) for every connection of a loop; on that loop. */
void listeners_each(struct listeners *all, struct loop *loop,
    void (*each)(struct conn *conn, void *arg), void *arg);
/* Connections in all; any thread. */
unsigned listeners_count(const struct listeners *all);
