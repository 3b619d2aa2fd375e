/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An engine in memory that misbehaves on demand: it refuses, answers late, or
 * says that it does not know, having done it or not. All of it is what
 * ZooKeeper does when a connection breaks (meta.h).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "meta/meta.h"

#define ENGINE_NODES 4096

enum engine_fault {
	ENGINE_FINE,
	ENGINE_REFUSES,			/* did not happen: ERR_IO */
	ENGINE_LOST,			/* did not happen: ERR_UNKNOWN */
	ENGINE_DONE,			/* happened: ERR_UNKNOWN */
	ENGINE_LATE,			/* answers when engine_answer() is called */
};

struct engine_node {
	char *path, *value;
	size_t path_n, value_n;
	int64_t version;
};

struct engine {
	struct meta meta;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct engine_node node[ENGINE_NODES];	/* by path */
	int n;
	enum engine_fault fault;	/* of the multi after `after` others */
	int after;
	bool blind;			/* a walk fails */
	struct meta_multi *late;
	int multis;			/* how many came */
};

static inline struct str
engine_copy(struct str s)
{
	char *p = malloc(s.n + 1);
	if (p == NULL)
		abort();
	memcpy(p, s.n == 0 ? "" : s.p, s.n);
	return (struct str){ p, s.n };
}

static inline int
engine_find(const struct engine *e, struct str path, bool *ret_there)
{
	int at = 0;
	while (at < e->n && str_cmp((struct str){ e->node[at].path, e->node[at].path_n }, path) < 0)
		at++;
	*ret_there = at < e->n && str_eq((struct str){ e->node[at].path, e->node[at].path_n }, path);
	return at;
}

static inline void
engine_op(struct engine *e, const struct meta_op *op)
{
	bool there;
	int at = engine_find(e, op->path, &there);
	struct engine_node *n = &e->node[at];
	if (op->kind == META_DELETE && there) {
		free(n->path);
		free(n->value);
		memmove(n, n + 1, (size_t)(--e->n - at) * sizeof(*n));
	} else if (op->kind == META_PUT) {
		struct str value = engine_copy(op->value);
		if (there) {
			free(n->value);
		} else {
			if (e->n == ENGINE_NODES)
				abort();
			memmove(n + 1, n, (size_t)(e->n++ - at) * sizeof(*n));
			struct str path = engine_copy(op->path);
			*n = (struct engine_node){ .path = (char *)(uintptr_t)path.p, .path_n = path.n, .version = -1 };
		}
		n->value = (char *)(uintptr_t)value.p;
		n->value_n = value.n;
		n->version++;
	}
}

static inline void
engine_do(struct engine *e, const struct meta_multi *m)
{
	for (int i = 0; i < m->n; i++)
		engine_op(e, &m->ops[i]);
}

static void
engine_multi(struct meta *meta, struct meta_multi *m)
{
	struct engine *e = (struct engine *)meta;
	pthread_mutex_lock(&e->mutex);
	enum engine_fault fault = e->after == 0 ? e->fault : ENGINE_FINE;
	if (e->after > 0)
		e->after--;
	if (fault != ENGINE_FINE)
		e->fault = ENGINE_FINE;
	e->multis++;
	if (fault == ENGINE_FINE || fault == ENGINE_DONE)
		engine_do(e, m);
	if (fault == ENGINE_LATE)
		e->late = m;
	pthread_cond_broadcast(&e->cond);
	pthread_mutex_unlock(&e->mutex);
	if (fault != ENGINE_LATE)
		m->done(m, fault == ENGINE_FINE ? 0 : fault == ENGINE_REFUSES ? ERR_IO : ERR_UNKNOWN);
}

/* Waits for the multi that is to be answered late, does it, and answers. */
static inline void
engine_answer(struct engine *e)
{
	pthread_mutex_lock(&e->mutex);
	while (e->late == NULL)
		pthread_cond_wait(&e->cond, &e->mutex);
	struct meta_multi *m = e->late;
	e->late = NULL;
	engine_do(e, m);
	pthread_mutex_unlock(&e->mutex);
	m->done(m, 0);
}

static int
engine_walk(struct meta *meta, int (*each)(struct str, struct str, int64_t, void *), void *arg,
    struct why *why)
{
	struct engine *e = (struct engine *)meta;
	if (e->blind)
		return why_set(why, ERR_IO, "the engine cannot be read");
	for (int i = 0; i < e->n; i++) {
		const struct engine_node *n = &e->node[i];
		int err = each((struct str){ n->path, n->path_n }, (struct str){ n->value, n->value_n }, n->version, arg);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
engine_get(struct meta *meta, struct str path, struct buf *ret)
{
	struct engine *e = (struct engine *)meta;
	for (int i = 0; i < e->n; i++)
		if (str_eq((struct str){ e->node[i].path, e->node[i].path_n }, path))
			return buf_add(ret, e->node[i].value, e->node[i].value_n);
	return ERR_NOTFOUND;
}

static const struct meta_engine engine_calls = { engine_multi, engine_walk, engine_get, NULL, NULL };

static inline struct engine *
engine_make(void)
{
	struct engine *e = calloc(1, sizeof(*e));
	if (e == NULL)
		abort();
	e->meta.engine = &engine_calls;
	pthread_mutex_init(&e->mutex, NULL);
	pthread_cond_init(&e->cond, NULL);
	return e;
}

static inline void
engine_free(struct engine *e)
{
	for (int i = 0; i < e->n; i++) {
		free(e->node[i].path);
		free(e->node[i].value);
	}
	pthread_cond_destroy(&e->cond);
	pthread_mutex_destroy(&e->mutex);
	free(e);
}
