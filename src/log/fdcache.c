/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are opened outside the lock; where two threads race for one slot, the
 * second one's file is closed again. Over the limit the oldest idle ones are
 * closed, also outside the lock. Where all are pinned the limit is passed: better
 * a few files more than a broker that cannot write.
 */
#include "log/fdcache.h"

#include <fcntl.h>

#include "base/fs.h"

void
fd_cache_init(struct fd_cache *c, unsigned max)
{
	*c = (struct fd_cache){ .max = max };
	lock_init(&c->lock, LOCK_FDCACHE);
	list_init(&c->idle);
}

void
fd_cache_free(struct fd_cache *c)
{
	lock_free(&c->lock);
}

unsigned
fd_cache_open(struct fd_cache *c)
{
	lock_take(&c->lock);
	unsigned n = c->open;
	lock_drop(&c->lock);
	return n;
}

void
fd_slot_init(struct fd_slot *s)
{
	*s = (struct fd_slot){ .fd = -1 };
	list_init(&s->hook);
}

/* Takes one file too many out of the cache; -1 where there is none. Locked. */
static int
surplus(struct fd_cache *c)
{
	if (c->open <= c->max || list_empty(&c->idle))
		return -1;
	struct fd_slot *old = CONTAINER_OF(c->idle.next, struct fd_slot, hook);
	int fd = old->fd;
	list_del(&old->hook);
	old->fd = -1;
	c->open--;
	return fd;
}

static bool
pin_open(struct fd_slot *s, int *ret_fd)
{
	if (s->fd < 0)
		return false;
	if (s->pins++ == 0)
		list_del(&s->hook);
	*ret_fd = s->fd;
	return true;
}

static int
pin(struct fd_cache *c, struct fd_slot *s, const char *path, int flags, int *ret_fd)
{
	int fd, old = -1;
	lock_take(&c->lock);
	s->cache = c;
	bool have = pin_open(s, ret_fd);
	lock_drop(&c->lock);
	if (have)
		return 0;
	int err = fs_open(path, flags, &fd);
	if (err != 0)
		return err;
	lock_take(&c->lock);
	if (pin_open(s, ret_fd)) {
		old = fd;
	} else {
		s->fd = *ret_fd = fd;
		s->pins = 1;
		c->open++;
		old = surplus(c);
	}
	lock_drop(&c->lock);
	fs_close(&old);
	return 0;
}

int
fd_pin(struct fd_cache *c, struct fd_slot *s, const char *path, bool create, int *ret_fd)
{
	return pin(c, s, path, O_RDWR | (create ? O_CREAT : 0), ret_fd);
}

int
fd_pin_direct(struct fd_cache *c, struct fd_slot *s, const char *path, int *ret_fd)
{
	return pin(c, s, path, O_WRONLY | O_DIRECT, ret_fd);
}

void
fd_unpin(struct fd_cache *c, struct fd_slot *s)
{
	int old = -1;
	lock_take(&c->lock);
	if (--s->pins == 0 && s->retired) {
		old = s->fd;
		s->fd = -1;
		c->open--;
	} else if (s->pins == 0) {
		list_add(&c->idle, &s->hook);
		old = surplus(c);
	}
	lock_drop(&c->lock);
	fs_close(&old);
}

void
fd_drop(struct fd_slot *s)
{
	struct fd_cache *c = s->cache;
	int fd = -1;
	if (c == NULL)
		return;
	lock_take(&c->lock);
	if (s->fd >= 0 && s->pins == 0) {
		fd = s->fd;
		s->fd = -1;
		list_del(&s->hook);
		c->open--;
	}
	lock_drop(&c->lock);
	fs_close(&fd);
}

void
fd_retire(struct fd_slot *s)
{
	struct fd_cache *c = s->cache;
	if (c == NULL)
		return;
	lock_take(&c->lock);
	s->retired = true;
	lock_drop(&c->lock);
	fd_drop(s);
}
