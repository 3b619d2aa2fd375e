/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/socket.h>

#include "base/event.h"
#include "net/loop.h"

/*
 * A listening socket on a loop, which takes what comes a few at a time. Where the process or the system has no more to give
 * it rests for a moment: what can be accepted but is not would otherwise wake the loop for ever. It lies in what it
 * belongs to. On its loop.
 */
#define ACCEPTS_A_TURN 16

struct acceptor {
	struct loop_source source;
	struct loop *loop;
	struct timer rest;
	const struct event *ev;
	void (*came)(struct acceptor *a, int fd, const struct sockaddr_storage *from);
};

/* Any thread. came() is called for each and has its fd, which does not block; what cannot be taken is told to ev. */
void acceptor_init(struct acceptor *a, struct loop *loop, int fd, const struct event *ev,
    void (*came)(struct acceptor *a, int fd, const struct sockaddr_storage *from));
void acceptor_open(struct acceptor *a);
/* Takes no more; the socket is the caller's to close. */
void acceptor_shut(struct acceptor *a);

/* Of either family. Any thread. */
uint16_t acceptor_port_of(const struct sockaddr_storage *ss);
