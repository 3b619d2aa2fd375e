/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a broker by tests that want disks that fail or are slow, and clocks that jump.
 * $SHIM_DIR/eio holds a part of a path: writes and syncs of such files fail while it is
 * there. $SHIM_DIR/slow does the same for syncs that take half a second, $SHIM_DIR/held for
 * writes that wait until it is gone, $SHIM_DIR/unread for reads that do. While $SHIM_DIR/checked is there,
 * with something in it, no check of a password comes to its end. $SHIM_DIR/syncs, where it is, gets the path of each file that
 * is synced. $SHIM_DIR/skew holds the seconds by which the wall clock is wrong,
 * $SHIM_DIR/passed those by which the clock that never goes back is ahead (where SHIM_PASSED is set:
 * that clock is asked all the time). Where $SHIM_DIR/hurry has something in it, who would wait in poll(2) for
 * more than half a minute waits for a second, and that clock is ahead by the rest.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The text of a file in $SHIM_DIR; its length, or 0. By system calls: what is here
 * runs inside of the calls that it replaces. */
static size_t
note(const char *name, char *ret, size_t n)
{
	const char *dir = getenv("SHIM_DIR");
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", dir == NULL ? "" : dir, name);
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	long got = syscall(SYS_read, fd, ret, n - 1);
	syscall(SYS_close, fd);
	if (got <= 0)
		return 0;
	ret[got] = '\0';
	return (size_t)got;
}

static size_t
path_of(int fd, char *ret, size_t n)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, ret, n - 1);
	ret[got < 0 ? 0 : got] = '\0';
	return got < 0 ? 0 : (size_t)got;
}

static void
tells(int fd)
{
	char path[512];
	const char *dir = getenv("SHIM_DIR");
	snprintf(path, sizeof(path), "%s/syncs", dir == NULL ? "" : dir);
	int to = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (to < 0)
		return;
	size_t n = path_of(fd, path, sizeof(path));
	path[n] = '\n';
	syscall(SYS_write, to, path, n + 1);
	syscall(SYS_close, to);
}

/* Is the file one of those that a note names? */
static int
named(const char *kind, int fd)
{
	char want[256], path[512];
	return note(kind, want, sizeof(want)) > 0 && path_of(fd, path, sizeof(path)) > 0 && strstr(path, want) != NULL;
}

static int
fails(int fd)
{
	if (!named("eio", fd))
		return 0;
	errno = EIO;
	return 1;
}

static void
takes_time(int fd)
{
	struct timespec t = { 0, 500000000 };
	if (named("slow", fd))
		syscall(SYS_nanosleep, &t, NULL);
}

static void
waits(int fd, const char *why)
{
	struct timespec t = { 0, 10000000 };
	while (named(why, fd))
		syscall(SYS_nanosleep, &t, NULL);
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int
fsync(int fd)
{
	takes_time(fd);
	tells(fd);
	return fails(fd) ? -1 : NEXT(fsync)(fd);
}

int
fdatasync(int fd)
{
	takes_time(fd);
	tells(fd);
	return fails(fd) ? -1 : NEXT(fdatasync)(fd);
}

/* Of libcrypto, whose headers are not needed for this. */
int PKCS5_PBKDF2_HMAC(const char *password, int password_n, const unsigned char *salt, int salt_n, int rounds, const void *digest,
    int n, unsigned char *ret);

int
PKCS5_PBKDF2_HMAC(const char *password, int password_n, const unsigned char *salt, int salt_n, int rounds, const void *digest,
    int n, unsigned char *ret)
{
	struct timespec t = { 0, 10000000 };
	char text[8];
	while (note("checked", text, sizeof(text)) > 0)
		syscall(SYS_nanosleep, &t, NULL);
	return NEXT(PKCS5_PBKDF2_HMAC)(password, password_n, salt, salt_n, rounds, digest, n, ret);
}

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	waits(fd, "unread");
	return NEXT(pread)(fd, p, n, at);
}

ssize_t
pread64(int fd, void *p, size_t n, off64_t at)
{
	waits(fd, "unread");
	return NEXT(pread64)(fd, p, n, at);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	waits(fd, "held");
	return fails(fd) ? -1 : NEXT(pwrite)(fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	waits(fd, "held");
	return fails(fd) ? -1 : NEXT(pwrite64)(fd, p, n, at);
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	waits(fd, "held");
	return fails(fd) ? -1 : NEXT(pwritev)(fd, v, n, at);
}

ssize_t
pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	waits(fd, "held");
	return fails(fd) ? -1 : NEXT(pwritev64)(fd, v, n, at);
}

static int hurried;		/* seconds */

int
poll(struct pollfd *v, nfds_t n, int ms)
{
	char text[32];
	if (ms <= 30000 || note("hurry", text, sizeof(text)) == 0)
		return NEXT(poll)(v, n, ms);
	int rc = NEXT(poll)(v, n, 1000);
	hurried += rc == 0 ? ms / 1000 : 0;
	return rc;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	char text[32];
	long rc = syscall(SYS_clock_gettime, id, ts);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && note("skew", text, sizeof(text)) > 0)
		ts->tv_sec += atol(text);
	if (rc == 0 && id == CLOCK_BOOTTIME && getenv("SHIM_PASSED") != NULL && note("passed", text, sizeof(text)) > 0)
		ts->tv_sec += atol(text);
	if (rc == 0 && id == CLOCK_BOOTTIME)
		ts->tv_sec += hurried;
	return (int)rc;
}

time_t
time(time_t *ret)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret != NULL)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	ret->tv_sec = ts.tv_sec;
	ret->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
