/* SPDX-License-Identifier: Apache-2.0 */
#include "base/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"

struct workers {
	struct lock lock;
	pthread_cond_t wake;
	struct list jobs;
	size_t queued, max;
	bool stop;
	unsigned n;
	pthread_t threads[];
};

struct beginning {
	void *(*run)(void *arg);
	void *arg;
	char name[16];		/* shortened */
};

/* It names itself: to name another one is to write a file of /proc, which the sandbox shuts. */
static void *
begin(void *arg)
{
	struct beginning b = *(struct beginning *)arg;
	mem_free(arg);
	pthread_setname_np(pthread_self(), b.name);
	return b.run(b.arg);
}

pthread_t
thread_start(const char *name, void *(*run)(void *arg), void *arg)
{
	pthread_t t;
	sigset_t all, old;
	struct beginning *b = MEM_NEW(struct beginning);

	*b = (struct beginning){ .run = run, .arg = arg };
	snprintf(b->name, sizeof(b->name), "%s", name);

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the thread itself, as a fault is: security/sandbox_calls.c */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&t, NULL, begin, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		fprintf(stderr, "<2>no thread for %s: %s\n", name, strerror(rc));
		abort();
	}
	return t;
}

static void *
work(void *arg)
{
	struct workers *w = arg;
	lock_take(&w->lock);
	for (;;) {
		while (list_empty(&w->jobs) && !w->stop)
			lock_wait(&w->lock, &w->wake);
		if (list_empty(&w->jobs))
			break;
		struct job *job = CONTAINER_OF(w->jobs.next, struct job, hook);
		list_del(&job->hook);
		w->queued--;
		lock_drop(&w->lock);
		job->run(job);
		lock_take(&w->lock);
	}
	lock_drop(&w->lock);
	return NULL;
}

struct workers *
workers_create(const char *name, unsigned threads, size_t max)
{
	struct workers *w = mem_zalloc(sizeof(*w) + threads * sizeof(w->threads[0]));
	lock_init(&w->lock, LOCK_WORKERS);
	lock_cond_init(&w->wake);
	list_init(&w->jobs);
	w->max = max;
	w->n = threads;
	for (unsigned i = 0; i < threads; i++) {
		char label[32];
		snprintf(label, sizeof(label), "%.12s%u", name, i);
		w->threads[i] = thread_start(label, work, w);
	}
	return w;
}

void
workers_destroy(struct workers **workers)
{
	struct workers *w = *workers;
	if (w == NULL)
		return;
	lock_take(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->wake);
	lock_drop(&w->lock);
	for (unsigned i = 0; i < w->n; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->wake);
	lock_free(&w->lock);
	mem_free(w);
	*workers = NULL;
}

int
workers_submit(struct workers *w, struct job *job)
{
	int err = 0;
	lock_take(&w->lock);
	if (w->queued >= w->max || w->stop) {
		err = ERR_LIMIT;
	} else {
		list_add(&w->jobs, &job->hook);
		w->queued++;
		pthread_cond_signal(&w->wake);
	}
	lock_drop(&w->lock);
	return err;
}
