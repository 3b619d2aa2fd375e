/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A place for an audit log, whose disk and clock do as they are told, and what is found there. */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

/* The disk, as it is told to behave. -1: well; else so many bytes of the next write, then it is full. */
static atomic_long room = -1;
static atomic_bool holds_on, sync_fails;

/* And the clock, which can be put forward; nobody wakes for that. */
static _Atomic uint64_t later;

uint64_t __real_clock_mono_ns(void);
uint64_t __wrap_clock_mono_ns(void);

uint64_t
__wrap_clock_mono_ns(void)
{
	return __real_clock_mono_ns() + atomic_load(&later);
}

int __real_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __real_fs_truncate(int fd, int64_t size);
int __wrap_fs_truncate(int fd, int64_t size);
int __real_fs_sync(int fd);
int __wrap_fs_sync(int fd);

int
__wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at)
{
	long left = atomic_load(&room);
	if (left < 0)
		return __real_fs_pwrite(fd, p, n, at);
	if (left > 0)
		(void)__real_fs_pwrite(fd, p, (size_t)left < n ? (size_t)left : n, at);
	atomic_store(&room, 0);
	return ERR_NOSPACE;
}

/* An append-only file lets nothing be taken away. */
int
__wrap_fs_truncate(int fd, int64_t size)
{
	return atomic_load(&holds_on) ? ERR_DENIED : __real_fs_truncate(fd, size);
}

int
__wrap_fs_sync(int fd)
{
	return atomic_load(&sync_fails) ? ERR_IO : __real_fs_sync(fd);
}

struct place {
	char dir[64], file[80], log[80];
	struct log_sink sink;
	struct event ev;
	struct audit_config config;
	struct audit_kept kept;		/* the metadata, so to say */
	atomic_int copies;
};

static inline int
keep(void *arg, const struct audit_kept *kept)
{
	((struct place *)arg)->kept = *kept;
	return 0;
}

static inline void
copy(void *arg, struct str line, int64_t wall_ms)
{
	struct place *p = arg;
	assert_true(wall_ms > 0 && line.n > 2 && line.p[line.n - 1] == '\n' && memchr(line.p, '\n', line.n) == line.p + line.n - 1);
	atomic_fetch_add(&p->copies, 1);
}

static inline void
begin(struct place *p)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/test-audit-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/audit.log", p->dir);
	snprintf(p->log, sizeof(p->log), "%s/log", p->dir);
	p->sink.fd = open(p->log, O_CREAT | O_RDWR | O_APPEND, 0600);
	atomic_store(&p->sink.level, LOG_LVL_DEBUG);
	event_root(&p->ev, &p->sink);
	p->config = (struct audit_config){ .file = p->file, .refuse = true, .queue_bytes = 65536, .ev = &p->ev, .keep = keep,
		.copy = copy, .arg = p };
	atomic_store(&room, -1);
	atomic_store(&holds_on, false);
	atomic_store(&sync_fails, false);
	atomic_store(&later, 0);
}

static inline void
end(struct place *p)
{
	close(p->sink.fd);
	assert_int_equal(fs_rmtree(p->dir), 0);
}

static inline struct audit *
open_it(struct place *p)
{
	struct audit *a = NULL;
	struct why why = { "" };
	p->config.kept = p->kept;
	assert_int_equal(audit_open(&p->config, &a, &why), 0);
	return a;
}

/* gcc 12 with the thread sanitizer takes the value for the variable's address where it is inlined. */
__attribute__((noinline, unused)) static char *
contents(const char *file, size_t *ret_n)
{
	char *s;
	assert_int_equal(fs_slurp(file, 1 << 24, &s, ret_n), 0);
	return s;
}

static inline bool
logged(const struct place *p, const char *text)
{
	size_t n;
	char *s = contents(p->log, &n);
	bool found = strstr(s, text) != NULL;
	mem_free(s);
	return found;
}

static inline bool
has(const char *file, const char *text)
{
	size_t n;
	char *s = contents(file, &n);
	bool found = strstr(s, text) != NULL;
	mem_free(s);
	return found;
}

static inline enum verify_fault
verify(struct place *p, struct verify *v)
{
	size_t n;
	char *s = contents(p->file, &n);
	verify_begin(v);
	assert_int_equal(verify_expect(v, &p->kept.head), 0);
	verify_file(v);
	if (verify_feed(v, s, n) && verify_file_end(v))
		(void)verify_end(v);
	verify_free(v);
	mem_free(s);
	return v->fault;
}

static inline void
eventually(bool (*true_of)(struct audit *a), struct audit *a)
{
	for (int i = 0; i < 1000 && !true_of(a); i++)
		usleep(10000);
	assert_true(true_of(a));
}

static inline bool
fails(struct audit *a)
{
	struct audit_status s;
	audit_status(a, &s);
	return s.failing;
}

static inline bool
works(struct audit *a)
{
	return !fails(a);
}

#define LINE STR("\"what\":\"login\",\"user\":\"anna\"")
