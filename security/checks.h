/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/worker.h"

/*
 * The bounded queue for what a login costs in CPU (PBKDF2, Kerberos): own
 * threads, at most two at a time for one address (IPv6: one /64), so that
 * guessing from one place starves nobody else. Thread-safe (LOCK_CHECKS).
 */
#define CHECKS_PER_ADDRESS 2
#define CHECKS_WAITING_PER_ADDRESS 64

struct checks;
struct checks_place;

/* Embedded in the caller's object; run() is called once, on a worker, and may
 * free the object that holds it. */
struct check {
	void (*run)(struct check *check);
	struct checks *checks;		/* the rest is the queue's */
	struct checks_place *place;
	struct job job;
	struct list hook;
};

/* max: checks that may wait in all. */
struct checks *checks_create(unsigned threads, size_t max);
/* Runs what is queued, then joins the threads. */
void checks_destroy(struct checks **checks);

/* ERR_LIMIT when too many wait, in all or for this address. */
int checks_submit(struct checks *checks, struct check *check, const struct addr *peer);
