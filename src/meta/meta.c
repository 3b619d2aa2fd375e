/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for an engine's answer, whichever it is. Fails as the engine does. */
#include "meta/meta.h"

#include <pthread.h>

struct waiting {
	struct meta_multi multi;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
	int err;
};

static void
wait_done(struct meta_multi *multi, int err)
{
	struct waiting *w = (struct waiting *)multi;
	pthread_mutex_lock(&w->mutex);
	w->done = true;
	w->err = err;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

int
meta_multi_wait(struct meta *m, const struct meta_op *ops, int n)
{
	struct waiting w = { .multi = { .ops = ops, .n = n, .done = wait_done },
		.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	meta_multi(m, &w.multi);
	pthread_mutex_lock(&w.mutex);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.mutex);
	pthread_mutex_unlock(&w.mutex);
	return w.err;
}
