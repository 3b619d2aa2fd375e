/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Where metadata is kept: a small tree of versioned nodes. Engines: embedded
 * (meta_sqlite.h), ZooKeeper later; everything above this header is the same on
 * all of them.
 *
 * Asynchronous: a call returns at once, the answer comes by done() on a thread
 * of the engine, which may only post. An answer may be ERR_UNKNOWN: it happened
 * or it did not, look. Paths are absolute ("/tenants/0/topics/orders"); a node has
 * at most META_NODE_MAX bytes, a multi at most META_OPS_MAX operations.
 */
#define META_NODE_MAX	(512 * 1024)
#define META_OPS_MAX	100

struct meta;

enum meta_op_kind {
	META_PUT,		/* make or replace */
	META_DELETE,		/* of a node that may be absent */
	META_CHECK,		/* fails with ERR_CONFLICT unless it has this version (-1: is absent) */
};

struct meta_op {
	enum meta_op_kind kind;
	struct str path, value;
	int64_t version;	/* META_CHECK */
};

/* All or nothing. The operations and what they point to must stay until done(). */
struct meta_multi {
	const struct meta_op *ops;
	int n;
	void (*done)(struct meta_multi *multi, int err);
	struct meta_multi *next;	/* the engine's */
};

struct meta_engine {
	void (*multi)(struct meta *meta, struct meta_multi *multi);
	/* Every node, in bytewise order of paths: each(path, value, version, arg) on the
	 * calling thread. For loading; blocks. */
	int (*walk)(struct meta *meta, int (*each)(struct str path, struct str value,
	    int64_t version, void *arg), void *arg, struct why *why);
	/* One node as it is stored, appended to ret. Blocks. ERR_NOTFOUND. */
	int (*get)(struct meta *meta, struct str path, struct buf *ret);
	/* Changes by others: fired() once, a hint that something below prefix may
	 * differ. The embedded engine has no others and never fires. */
	void (*watch)(struct meta *meta, struct str prefix, void (*fired)(void *arg), void *arg);
	void (*close)(struct meta **meta);
	/* The tree as it is at a moment, into a file that is not there yet; changes go on. Blocks. ERR_NOSPACE. */
	int (*copy)(struct meta *meta, const char *file, struct why *why);
};

struct meta {
	const struct meta_engine *engine;
};

static inline void
meta_multi(struct meta *m, struct meta_multi *multi)
{
	m->engine->multi(m, multi);
}

/* Waits for the answer: for threads that may block. */
int meta_multi_wait(struct meta *m, const struct meta_op *ops, int n);

static inline int
meta_walk(struct meta *m, int (*each)(struct str, struct str, int64_t, void *), void *arg,
    struct why *why)
{
	return m->engine->walk(m, each, arg, why);
}

static inline int
meta_get(struct meta *m, struct str path, struct buf *ret)
{
	return m->engine->get(m, path, ret);
}

static inline int
meta_copy(struct meta *m, const char *file, struct why *why)
{
	return m->engine->copy(m, file, why);
}

static inline void
meta_close(struct meta **m)
{
	if (*m != NULL)
		(*m)->engine->close(m);
}
