/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy into the page cache and the kernel's write-back of it cost more than all
 * else that happens to a large batch. The tail is a cache of our own, laid out so that
 * a chunk's bytes lie in memory as they lie in the file's blocks: the whole blocks of a long
 * piece are written from where they are, the rest of it (less than a block at each end)
 * through the page cache. Both are one file to the kernel, which keeps them
 * coherent, and no block is ever written both ways at once.
 *
 * A second descriptor is kept for it, in the cache of all of them. Where O_DIRECT is refused (tmpfs) it is not asked for again. Where
 * acks wait for the page cache alone (`os`, `interval`) and the disk is slow or busy, the
 * page cache takes the writes for a while. One slow write is no sign of that: it may have waited
 * for a processor, and the page cache costs more of that.
 */
#include "log/direct.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "log/fdcache.h"

#define DIRECT_MIN	(64 * 1024)	/* bytes; measured: shorter ones gain nothing */
#define NS_PER_BYTE	5		/* slower than 200 MB/s: slow */
#define SLOW_SPARE_NS	(5 * NS_PER_MS)
#define SLOW_FOR_NS	NS_PER_SEC
#define SLOW_IN_A_ROW	4		/* writes */
#define PIECES		8

/* What goes through the page cache next. */
struct gather {
	int fd;
	struct iovec iov[PIECES];
	int n;
	int64_t at;
};

static int
gather_write(struct gather *g)
{
	int err = g->n == 0 ? 0 : fs_pwritev(g->fd, g->iov, g->n, g->at);
	g->n = 0;
	return err;
}

static int
gather_add(struct gather *g, uint8_t *p, size_t n, int64_t at)
{
	int err = g->n == PIECES ? gather_write(g) : 0;
	if (n == 0 || err != 0)
		return err;
	if (g->n == 0)
		g->at = at;
	g->iov[g->n++] = (struct iovec){ p, n };
	return 0;
}

/* How many bytes before the first whole block of a piece; *ret_n: of whole blocks,
 * 0 where it does not pay. */
static size_t
blocks_of(const struct iovec *v, int64_t at, size_t *ret_n)
{
	size_t before = (size_t)(-at & (int64_t)(DIRECT_ALIGN - 1));
	uintptr_t p = (uintptr_t)v->iov_base + before;
	size_t n = v->iov_len < before ? 0 : (v->iov_len - before) & ~(size_t)(DIRECT_ALIGN - 1);
	*ret_n = n < DIRECT_MIN || (p & (DIRECT_ALIGN - 1)) != 0 ? 0 : n;
	return *ret_n == 0 ? 0 : before;
}

static bool
pays(const struct iovec *iov, int count, int64_t at)
{
	bool yes = false;
	for (int i = 0; i < count && !yes; i++) {
		size_t n;
		(void)blocks_of(&iov[i], at, &n);
		yes = n > 0;
		at += (int64_t)iov[i].iov_len;
	}
	return yes;
}

static int
write_blocks(struct direct *d, int fd, const uint8_t *p, size_t n, int64_t at, bool awaited)
{
	uint64_t start = awaited ? clock_mono_ns() : 0;
	int err = fs_pwrite(fd, p, n, at);
	if (awaited) {
		uint64_t now = clock_mono_ns();
		if (now - start <= SLOW_SPARE_NS + n * NS_PER_BYTE)
			atomic_store(&d->slow_n, 0);
		else if (atomic_fetch_add(&d->slow_n, 1) + 1 >= SLOW_IN_A_ROW)
			atomic_store(&d->slow_until, now + SLOW_FOR_NS);
	}
	return err;
}

static int
write_pieces(struct direct *d, int direct_fd, struct gather *g, const struct iovec *iov, int count,
    int64_t at, bool awaited)
{
	int err = 0;
	for (int i = 0; i < count && err == 0; i++) {
		uint8_t *p = iov[i].iov_base;
		size_t n, all = iov[i].iov_len, before = blocks_of(&iov[i], at, &n);
		err = gather_add(g, p, n == 0 ? all : before, at);
		if (n > 0 && err == 0) {
			err = gather_write(g);
			if (err == 0)
				err = write_blocks(d, direct_fd, p + before, n, at + (int64_t)before, awaited);
			if (err == 0)
				err = gather_add(g, p + before + n, all - before - n, at + (int64_t)(before + n));
		}
		at += (int64_t)all;
	}
	return err == 0 ? gather_write(g) : err;
}

int
direct_write(struct direct *d, const struct direct_file *f, const struct iovec *iov, int count,
    int64_t at, bool awaited)
{
	struct gather g = { .fd = f->fd };
	int direct_fd;
	if (!pays(iov, count, at) || atomic_load_explicit(&d->off, memory_order_relaxed) ||
	    (awaited && atomic_load_explicit(&d->slow_until, memory_order_relaxed) > clock_mono_ns()))
		return fs_pwritev(f->fd, iov, count, at);
	int err = fd_pin_direct(f->cache, f->slot, f->path, &direct_fd);
	bool opened = err == 0;
	if (opened) {
		err = write_pieces(d, direct_fd, &g, iov, count, at, awaited);
		fd_unpin(f->cache, f->slot);
	}
	if (opened && err != ERR_INVAL)
		return err;
	if (err == ERR_INVAL)
		atomic_store(&d->off, true);
	return fs_pwritev(f->fd, iov, count, at);
}
