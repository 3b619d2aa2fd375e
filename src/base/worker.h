/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/list.h"

/*
 * A pool of named threads for what may stall: disk, key derivation, name
 * service, Kerberos. Jobs run in the order given, each once, on any thread of
 * the pool. A job reports its end itself (usually by posting to a loop).
 */
struct workers;

struct job {
	struct list hook;
	void (*run)(struct job *job);
};

/* name: at most 12 bytes, shown by ps -L. max: jobs that may wait. */
struct workers *workers_create(const char *name, unsigned threads, size_t max);
/* Runs what is queued, then joins the threads. */
void workers_destroy(struct workers **workers);

/* The job stays the caller's until run() is called. ERR_LIMIT when max wait. */
int workers_submit(struct workers *workers, struct job *job);

/* One named thread with all signals blocked; aborts where none can be had. */
#include <pthread.h>
pthread_t thread_start(const char *name, void *(*run)(void *arg), void *arg);
