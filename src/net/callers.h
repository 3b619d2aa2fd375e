/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/event.h"
#include "net/loop.h"

/*
 * Accepted sockets whose proxy has not yet said whose they are (proxy.h): no connections,
 * and counted for no address, before it has. They have a deadline and a number of their
 * own: past it the one that has waited longest is closed. Everything on one loop, the
 * one that accepts.
 */
struct callers;

struct callers *callers_create(struct loop *loop, uint64_t deadline_ns, unsigned max);
/* None may wait any more. */
void callers_destroy(struct callers **callers);

struct caller_config {
	int fd;				/* taken over */
	struct addr proxy;
	uint16_t proxy_port;
	const struct event *ev;		/* of the listener */
	/* Whose it is: takes the socket over. May be called at once. */
	void (*known)(void *arg, int fd, const struct addr *from, uint16_t port);
	void *arg;
};

void callers_wait(struct callers *callers, const struct caller_config *config);
/* Closes those that were waited for with this arg. */
void callers_forget(struct callers *callers, const void *arg);
