/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Writing a segment past the page cache (O_DIRECT), where that pays: whole blocks of
 * long pieces. Ragged ends and short pieces go through the page cache.
 */
#define DIRECT_ALIGN	4096u		/* bytes: of memory and of the place in the file */

struct direct {
	_Atomic bool off;		/* the file system does not take it */
	_Atomic unsigned slow_n;	/* writes in a row that took too long */
	_Atomic uint64_t slow_until;	/* monotonic ns: the disk is slower than its cache */
};

/* A file that fd is open on, by the page cache; and where another descriptor of it is kept. */
struct fd_cache;
struct fd_slot;
struct direct_file {
	int fd;
	const char *path;
	struct fd_cache *cache;
	struct fd_slot *slot;
};

/* Writes the pieces one behind the other from `at` on. awaited: somebody waits until it is in the page cache, so a disk that is busy
 * is left to write later. Blocks. Which part is written after an error is not known. */
int direct_write(struct direct *direct, const struct direct_file *file, const struct iovec *iov,
    int count, int64_t at, bool awaited);
