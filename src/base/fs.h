/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * The only way to a disk. Every function retries EINTR, finishes short reads
 * and writes, and gives an enum err; errno is kept for the message. Tests wrap
 * these by name at link time to count, fail, tear and replay operations.
 * Files are made 0600, directories 0700, whatever the umask. All may block:
 * never call one on an event loop.
 */

/* flags as open(2); O_CLOEXEC is added. */
int fs_open(const char *path, int flags, int *ret_fd);
int fs_openat(int dirfd, const char *name, int flags, int *ret_fd);
void fs_close(int *fd);

/* The whole range or an error: ERR_SHORT where the file ends before. */
int fs_pread(int fd, void *p, size_t n, int64_t at);
/* Up to n bytes, fewer only at the end of the file. */
int fs_pread_some(int fd, void *p, size_t n, int64_t at, size_t *ret_n);
/* All bytes; on ERR_NOSPACE or ERR_IO the file may hold a part of them. */
int fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at);
int fs_truncate(int fd, int64_t size);
/* Blocks for [at, at+n) without changing the size; ERR_NOSPACE early. */
int fs_reserve(int fd, int64_t at, int64_t n);
/* fdatasync(2). After an error the pages are clean and the data is not there:
 * never call it again for the same data. */
int fs_sync(int fd);
/* Opens, syncs and closes a directory: makes its renames and creations last. */
int fs_sync_dir(const char *path);
int fs_size(int fd, int64_t *ret);
/* The size of a regular file by its name; ERR_NOTFOUND, or ERR_INVAL for others. */
int fs_path_size(const char *path, int64_t *ret);
/* When a file was last written, in milliseconds since 1970. */
int fs_path_time(const char *path, int64_t *ret);
/* When a directory was last changed, by the kernel's clock, which no program can set: what is made, removed or renamed
 * in it shows, and so does another one in its place. Nanoseconds since 1970. */
int fs_changed(const char *path, int64_t *ret);
/* syncfs(2): everything unwritten of the file system that holds path. */
int fs_sync_all(const char *path);
/* Forgets the cached pages of a file, so that the next read asks the disk. */
int fs_drop_cache(int fd);
/* An exclusive lock on an open file (flock(2)), held until it is closed; ERR_BUSY
 * where another process has it. */
int fs_lock(int fd);

int fs_rename(const char *from, const char *to);
/* Another name for a file; ERR_EXISTS. */
int fs_link(const char *from, const char *to);
int fs_unlink(const char *path);
int fs_mkdir(const char *path);		/* ERR_EXISTS if it is there */
int fs_rmtree(const char *path);	/* a directory with all in it */
bool fs_exists(const char *path);

/* Replaces path by n bytes, whole or not at all, also over a power loss:
 * temporary file, sync, rename, sync of the directory. */
int fs_replace(const char *path, const void *p, size_t n);
/* The same without the syncs: after a power loss it may be empty or the old one. For
 * many small files before one fs_sync_all(). */
int fs_replace_lazy(const char *path, const void *p, size_t n);
/* The whole file, at most max bytes (ERR_LIMIT), with a terminator behind;
 * free *ret with mem_free(). */
int fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n);

/* Free bytes for us and all bytes of the file system that holds path. */
int fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total);

/* Calls each(name, arg) for every entry but . and .., in bytewise order. */
int fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
/* How many entries it has. */
int fs_count(const char *path, size_t *ret);
