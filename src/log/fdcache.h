/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"

/*
 * Open segment files, least recently used closed first, so that the number of
 * partitions is not bounded by file descriptors. A slot is embedded in what the
 * file belongs to. A pinned slot stays open; pins are short (one operation).
 */
struct fd_cache {
	struct lock lock;		/* LOCK_FDCACHE */
	struct list idle;		/* open, not pinned; oldest first */
	unsigned open, max;
};

struct fd_slot {
	struct fd_cache *cache;		/* set by the first pin */
	struct list hook;
	int fd;				/* -1: closed */
	unsigned pins;
	bool retired;			/* closed with the last pin */
};

void fd_cache_init(struct fd_cache *cache, unsigned max);
void fd_cache_free(struct fd_cache *cache);
void fd_slot_init(struct fd_slot *slot);

/* How many files are open now. Any thread. */
unsigned fd_cache_open(struct fd_cache *cache);

/* The open file at path, opened O_RDWR (and made, where create) if need be. Blocks.
 * Two callers may pin one slot at once; both get the same file. */
int fd_pin(struct fd_cache *cache, struct fd_slot *slot, const char *path, bool create,
    int *ret_fd);
/* The same, for writing past the page cache; a slot is for one of the two. */
int fd_pin_direct(struct fd_cache *cache, struct fd_slot *slot, const char *path, int *ret_fd);
void fd_unpin(struct fd_cache *cache, struct fd_slot *slot);
/* Closes it now, unless somebody has it pinned. */
void fd_drop(struct fd_slot *slot);
/* Its file was removed: closed now or with the last pin, for an open file keeps its
 * room on the disk. */
void fd_retire(struct fd_slot *slot);
