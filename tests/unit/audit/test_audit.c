/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: what fails, what is refused and what is counted, and where a chain goes on. */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/journal.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

/* The disk, as it is told to behave. -1: well; else so many bytes of the next write, then it is full. */
static atomic_long room = -1;
static atomic_bool holds_on, sync_fails;

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
	return atomic_exchange(&sync_fails, false) ? ERR_IO : __real_fs_sync(fd);
}

struct place {
	char dir[64], file[80], log[80];
	struct log_sink sink;
	struct event ev;
	struct audit_config config;
	struct audit_kept kept;		/* the metadata, so to say */
	atomic_int copies;
};

static int
keep(void *arg, const struct audit_kept *kept)
{
	((struct place *)arg)->kept = *kept;
	return 0;
}

static void
copy(void *arg, struct str line, int64_t wall_ms)
{
	struct place *p = arg;
	assert_true(wall_ms > 0 && line.n > 2 && line.p[line.n - 1] == '\n' && memchr(line.p, '\n', line.n) == line.p + line.n - 1);
	atomic_fetch_add(&p->copies, 1);
}

static void
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
}

static void
end(struct place *p)
{
	close(p->sink.fd);
	assert_int_equal(fs_rmtree(p->dir), 0);
}

static struct audit *
open_it(struct place *p)
{
	struct audit *a = NULL;
	struct why why = { "" };
	p->config.kept = p->kept;
	assert_int_equal(audit_open(&p->config, &a, &why), 0);
	return a;
}

static char *
contents(const char *file, size_t *ret_n)
{
	char *s;
	assert_int_equal(fs_slurp(file, 1 << 24, &s, ret_n), 0);
	return s;
}

static bool
logged(const struct place *p, const char *text)
{
	size_t n;
	char *s = contents(p->log, &n);
	bool found = strstr(s, text) != NULL;
	mem_free(s);
	return found;
}

static bool
has(const char *file, const char *text)
{
	size_t n;
	char *s = contents(file, &n);
	bool found = strstr(s, text) != NULL;
	mem_free(s);
	return found;
}

static enum verify_fault
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

static void
eventually(bool (*true_of)(struct audit *a), struct audit *a)
{
	for (int i = 0; i < 1000 && !true_of(a); i++)
		usleep(10000);
	assert_true(true_of(a));
}

static bool
fails(struct audit *a)
{
	struct audit_status s;
	audit_status(a, &s);
	return s.failing;
}

static bool
works(struct audit *a)
{
	return !fails(a);
}

#define LINE STR("\"what\":\"login\",\"user\":\"anna\"")

static void
lines_are_chained_over_restarts(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	for (int i = 0; i < 3; i++) {
		struct audit *a = open_it(&p);
		for (int k = 0; k < 100; k++)
			assert_int_equal(audit_done(a, LINE), 0);
		audit_close(a);
		assert_int_equal(audit_done(a, LINE), 0);	/* too late: nobody is refused, nothing is written */
		audit_free(&a);
		assert_true(p.kept.ended);
		assert_int_equal(p.kept.head.seq, (i + 1) * 102);
		assert_int_equal(verify(&p, &v), VERIFY_FINE);
		assert_int_equal(v.anchored, (i + 1) * 102);
	}
	assert_int_equal(v.openings, 3);
	assert_int_equal(atomic_load(&p.copies), 306);
	struct stat st;
	assert_int_equal(stat(p.file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	end(&p);
}

static void
while_the_disk_is_full_what_is_done_is_refused(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	struct audit *a = open_it(&p);
	atomic_store(&room, 30);			/* half a line, which is taken away again */
	assert_int_equal(audit_done(a, LINE), 0);	/* it is not known yet */
	eventually(fails, a);
	assert_true(audit_must_refuse(a));
	assert_int_equal(audit_done(a, LINE), ERR_AGAIN);
	audit_refused(a, LINE);				/* waits, as long as there is room */
	assert_true(logged(&p, "refused until it can"));
	atomic_store(&room, -1);
	eventually(works, a);
	assert_int_equal(audit_done(a, LINE), 0);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_int_equal(v.lines, 5);
	assert_int_equal(v.torn, 0);
	assert_false(has(p.file, "\"what\":\"gap\""));
	end(&p);
}

static void
or_it_is_counted_and_the_gap_is_told(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	struct audit_status s;
	begin(&p);
	p.config.refuse = false;
	struct audit *a = open_it(&p);
	atomic_store(&room, 0);
	assert_int_equal(audit_done(a, LINE), 0);
	eventually(fails, a);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(audit_done(a, LINE), 0);
	audit_status(a, &s);
	assert_in_range(s.lost, 1000, 9999);
	uint64_t lost = s.lost;
	atomic_store(&room, -1);
	eventually(works, a);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	char gap[64];
	snprintf(gap, sizeof(gap), "\"what\":\"gap\",\"lost\":%llu", (unsigned long long)lost);
	assert_true(has(p.file, gap));
	assert_int_equal(v.lines, 1 + 10001 - lost + 1 + 1);
	end(&p);
}

/* A flood of denials has half of the room; what is done goes on. */
static void
what_is_refused_anyway_shuts_nobody_out(void **state)
{
	(void)state;
	struct place p;
	struct audit_status s;
	begin(&p);
	p.config.refuse = false;
	struct audit *a = open_it(&p);
	atomic_store(&room, 0);				/* so that nothing leaves the queue */
	audit_refused(a, LINE);
	eventually(fails, a);
	for (int i = 0; i < 1000; i++)
		audit_refused(a, LINE);
	audit_status(a, &s);
	assert_true(s.lost > 0);
	uint64_t lost = s.lost;
	for (int i = 0; i < 100; i++)
		assert_int_equal(audit_done(a, LINE), 0);
	audit_status(a, &s);
	assert_int_equal(s.lost, lost);
	audit_free(&a);
	end(&p);
}

static void
room_that_was_promised_is_given_back(void **state)
{
	(void)state;
	struct place p;
	begin(&p);
	struct audit *a = open_it(&p);
	for (int i = 0; i < 1000; i++) {
		struct audit_lines l = { .first = NULL };
		for (int k = 0; k < 300; k++)
			audit_lines_add(&l, LINE);
		assert_int_equal(audit_admit(a, &l), 0);
		audit_drop(a, &l);
	}
	audit_free(&a);
	end(&p);
}

/* Where a change does not fit beside what is queued it is refused, in an empty queue it is not. */
static void
a_large_change_is_admitted_alone(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	struct audit *a = open_it(&p);
	struct audit_lines l = { .first = NULL }, more = { .first = NULL };
	for (int k = 0; k < 3000; k++)
		audit_lines_add(&l, LINE);
	audit_lines_add(&more, LINE);
	while (audit_admit(a, &l) != 0)			/* the opening may be on its way */
		usleep(1000);
	assert_int_equal(audit_admit(a, &more), ERR_AGAIN);
	audit_drop(a, &more);
	audit_send(a, &l);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_true(v.lines >= 3001);
	end(&p);
}

/* A file from which nothing can be taken away keeps half a line, and the next says so. */
static void
half_a_line_that_stays_is_marked(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	struct audit *a = open_it(&p);
	struct audit_lines l = { .first = NULL };
	for (int k = 0; k < 5; k++)
		audit_lines_add(&l, LINE);
	atomic_store(&holds_on, true);
	atomic_store(&room, 400);			/* two lines and a half */
	assert_int_equal(audit_admit(a, &l), 0);
	audit_send(a, &l);
	eventually(fails, a);
	atomic_store(&room, -1);
	eventually(works, a);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_int_equal(v.torn, 1);
	assert_int_equal(v.lines, 1 + 5 + 2 + 1);	/* what is torn, and the opening behind it, are lines, too */
	end(&p);
}

static void
took_what_there_was(void)
{
	for (int i = 0; i < 1000 && atomic_load(&room) != 0; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&room), 0);
}

/* Sends n lines, of which the file takes so many bytes, and again so many of what is tried then. Each line that
 * stands in the file must have been copied, once. */
static void
lines_where_nothing_can_be_taken_away(int n, const long *takes, int takes_n, struct verify *v)
{
	struct place p;
	begin(&p);
	p.config.queue_bytes = 1 << 20;
	struct audit *a = open_it(&p);
	struct audit_lines l = { .first = NULL };
	for (int k = 0; k < n; k++)
		audit_lines_add(&l, LINE);
	atomic_store(&holds_on, true);
	atomic_store(&room, takes[0]);
	assert_int_equal(audit_admit(a, &l), 0);
	audit_send(a, &l);
	for (int i = 1; i < takes_n; i++) {
		took_what_there_was();
		atomic_store(&room, takes[i]);
	}
	took_what_there_was();
	eventually(fails, a);
	atomic_store(&room, -1);
	eventually(works, a);
	audit_free(&a);
	assert_int_equal(verify(&p, v), VERIFY_FINE);
	assert_int_equal(v->anchored, v->at.seq);
	assert_int_equal(v->at.seq, v->lines - v->torn);
	assert_int_equal(v->at.seq, n + 1 + v->openings);
	assert_int_equal(atomic_load(&p.copies), v->at.seq);
	end(&p);
}

/* The whole lines of a batch stand, however many they are, and are not written again. */
static void
a_large_batch_that_stays_by_half(void **state)
{
	(void)state;
	struct verify v;
	lines_where_nothing_can_be_taken_away(2000, (long[]){ 200000 }, 1, &v);
	assert_int_equal(v.torn, 1);
	assert_int_equal(v.openings, 2);
}

static void
half_lines_that_stay_one_after_the_other(void **state)
{
	(void)state;
	struct verify v;
	lines_where_nothing_can_be_taken_away(20, (long[]){ 400, 950 }, 2, &v);	/* the opening was whole */
	assert_int_equal(v.torn, 2);
	assert_int_equal(v.openings, 3);
	lines_where_nothing_can_be_taken_away(20, (long[]){ 400, 1, 60, 61 }, 4, &v);	/* or half a line, too */
	assert_int_equal(v.torn, 3);
	assert_int_equal(v.openings, 2);
}

static void
append(const char *file, const char *text)
{
	FILE *f = fopen(file, "a");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As a crash leaves it: no last line, a head that is a little old, half a line at the end. */
static void
a_crash_leaves_what_can_be_verified(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	struct audit *a = open_it(&p);
	audit_done(a, LINE);
	audit_free(&a);
	p.kept.ended = false;
	append(p.file, "{\"time\":\"2026-11-30T1");
	audit_free((a = open_it(&p), &a));
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_int_equal(v.torn, 1);
	assert_false(logged(&p, "not as the broker left it"));
	end(&p);
}

/* Opens it again and says what was logged. */
static void
is_told_at_the_start(struct place *p, const char *what)
{
	struct verify v;
	audit_free(&(struct audit *){ open_it(p) });
	assert_true(logged(p, what));
	assert_true(has(p->file, what));
	assert_int_not_equal(verify(p, &v), VERIFY_FINE);
}

static void
what_was_done_to_it_while_stopped_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct place p;
		size_t n;
		begin(&p);
		struct audit *a = open_it(&p);
		for (int k = 0; k < 10; k++)
			audit_done(a, LINE);
		audit_free(&a);
		char *s = contents(p.file, &n);
		if (i == 0) {			/* cut at the end of a line */
			*strstr(strstr(s, "\"seq\":8"), "\n") = '\0';
			assert_int_equal(fs_replace(p.file, s, strlen(s)), 0);
			append(p.file, "\n");
			is_told_at_the_start(&p, "its end was cut off");
		} else if (i == 1) {		/* the last line, with a hash of its own */
			struct audit_head h = { .seq = 11 };
			struct buf b;
			buf_init(&b, 1000);
			chain_seal(&h, 1700000000000, LINE, &b);
			assert_int_equal(h.seq, 12);
			char *last = strstr(s, "\"seq\":12");
			while (last > s && last[-1] != '\n')
				last--;
			*last = '\0';
			assert_int_equal(fs_replace(p.file, s, strlen(s)), 0);
			buf_add(&b, "", 1);
			append(p.file, (const char *)b.p);
			buf_free(&b);
			is_told_at_the_start(&p, "it was written anew");
		} else if (i == 2) {		/* one more, well chained */
			struct audit_head h = p.kept.head;
			struct buf b;
			buf_init(&b, 1000);
			chain_seal(&h, 1700000000000, LINE, &b);
			buf_add(&b, "", 1);
			append(p.file, (const char *)b.p);
			buf_free(&b);
			is_told_at_the_start(&p, "lines were added while the broker was stopped");
		} else if (i == 4 || i == 5) {	/* after an orderly stop nothing was torn */
			append(p.file, i == 4 ? "x\n" : "x");
			is_told_at_the_start(&p, "lines were added while the broker was stopped");
		} else if (i == 6) {
			assert_int_equal(fs_replace(p.file, "x", 1), 0);
			is_told_at_the_start(&p, "its end was cut off");
		} else {
			append(p.file, "x\ny\n");
			is_told_at_the_start(&p, "its end is no line that the broker wrote");
		}
		mem_free(s);
		end(&p);
	}
}

static void
a_file_that_was_renamed_is_followed_by_another(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	char old[100];
	begin(&p);
	snprintf(old, sizeof(old), "%s.1", p.file);
	struct audit *a = open_it(&p);
	audit_done(a, LINE);
	audit_reopen(a);				/* nothing was renamed: nothing happens */
	audit_done(a, LINE);
	struct audit_status s;
	for (audit_status(a, &s); s.written.seq < 3; audit_status(a, &s))
		usleep(1000);
	assert_int_equal(rename(p.file, old), 0);
	audit_reopen(a);
	audit_done(a, LINE);
	audit_free(&a);
	size_t n, m;
	char *first = contents(old, &n), *second = contents(p.file, &m);
	verify_begin(&v);
	assert_int_equal(verify_expect(&v, &p.kept.head), 0);
	verify_file(&v);
	assert_true(verify_feed(&v, first, n) && verify_file_end(&v));
	verify_file(&v);
	assert_true(verify_feed(&v, second, m) && verify_file_end(&v) && verify_end(&v));
	assert_int_equal(v.openings, 2);
	assert_int_equal(v.anchored, v.at.seq);
	verify_free(&v);
	mem_free(first);
	mem_free(second);
	/* And so is one that is gone at the next start. */
	assert_int_equal(unlink(p.file), 0);
	audit_free((a = open_it(&p), &a));
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_true(v.first > 1);
	end(&p);
}

static void
a_sync_that_fails_is_told_in_the_file(void **state)
{
	(void)state;
	struct place p;
	struct verify v;
	begin(&p);
	struct audit *a = open_it(&p);
	atomic_store(&sync_fails, true);
	while (audit_done(a, LINE) == 0)
		usleep(1000);
	eventually(works, a);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_true(has(p.file, "the disk did not take them"));
	end(&p);
}

static void
a_start_without_a_file_is_refused_or_goes_on(void **state)
{
	(void)state;
	struct place p;
	struct audit *a = NULL;
	struct why why;
	char file[100];
	begin(&p);
	snprintf(file, sizeof(file), "%s/none/audit.log", p.dir);
	p.config.file = file;
	assert_int_not_equal(audit_open(&p.config, &a, &why), 0);
	assert_null(a);
	assert_non_null(strstr(why.text, "audit.failure: count"));
	p.config.refuse = false;
	assert_int_equal(audit_open(&p.config, &a, &why), 0);
	assert_true(fails(a));
	assert_int_equal(audit_done(a, LINE), 0);
	*strrchr(file, '/') = '\0';
	assert_int_equal(mkdir(file, 0700), 0);
	file[strlen(file)] = '/';
	eventually(works, a);
	audit_free(&a);
	assert_true(has(file, "\"seq\":2,\"what\":\"login\""));
	end(&p);
}

/* A reload comes before the file could ever be opened: its chain goes on all the same. */
static void
a_reload_before_there_was_a_file(void **state)
{
	(void)state;
	struct place p;
	char dir[80], file[100];
	begin(&p);
	audit_free(&(struct audit *){ open_it(&p) });
	assert_int_equal(p.kept.head.seq, 2);
	snprintf(dir, sizeof(dir), "%s/none", p.dir);
	snprintf(file, sizeof(file), "%s/audit.log", dir);
	p.config.file = file;
	p.config.refuse = false;
	struct audit *a = open_it(&p);
	assert_true(fails(a));
	assert_int_equal(mkdir(dir, 0700), 0);
	audit_reopen(a);
	eventually(works, a);
	audit_free(&a);
	assert_true(has(file, "\"seq\":3,\"what\":\"open\""));
	end(&p);
}

/* The new file cannot be made at once: that is tried until it can, and the old one has the lines meanwhile. */
static void
a_reload_that_cannot_open_is_not_forgotten(void **state)
{
	(void)state;
	struct place p;
	char dir[80], old[80], file[100];
	begin(&p);
	snprintf(dir, sizeof(dir), "%s/logs", p.dir);
	snprintf(old, sizeof(old), "%s/logs.1", p.dir);
	snprintf(file, sizeof(file), "%s/audit.log", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	p.config.file = file;
	struct audit *a = open_it(&p);
	assert_int_equal(rename(dir, old), 0);
	audit_reopen(a);
	for (int i = 0; i < 1000 && !logged(&p, "the old file is written on"); i++)
		usleep(10000);
	assert_int_equal(audit_done(a, LINE), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	for (int i = 0; i < 1000 && !fs_exists(file); i++)
		usleep(10000);
	assert_true(fs_exists(file));
	assert_int_equal(audit_done(a, LINE), 0);
	audit_free(&a);
	assert_true(has(file, "\"seq\":3,\"what\":\"open\""));
	snprintf(file, sizeof(file), "%s/audit.log", old);
	assert_true(has(file, "\"seq\":2,\"what\":\"login\""));
	end(&p);
}

/* A start that writes nothing takes nothing back of what is known of the end. */
static void
a_start_that_fails_forgets_no_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct place p;
		struct audit *a = NULL;
		struct why why;
		char file[100];
		begin(&p);
		audit_free(&(struct audit *){ open_it(&p) });
		append(p.file, "x\n");
		snprintf(file, sizeof(file), "%s/none/audit.log", p.dir);
		p.config.kept = p.kept;
		p.config.refuse = i == 0;
		p.config.file = i == 0 ? p.file : file;
		atomic_store(&room, 0);
		if (i == 0)				/* there is no room */
			assert_int_equal(audit_open(&p.config, &a, &why), ERR_IO);
		else					/* or no directory; nobody is refused */
			assert_int_equal(audit_open(&p.config, &a, &why), 0);
		audit_free(&a);
		assert_true(p.kept.ended);
		atomic_store(&room, -1);
		p.config.file = p.file;
		is_told_at_the_start(&p, "lines were added while the broker was stopped");
		end(&p);
	}
}

static void
journald_gets_the_line(void **state)
{
	(void)state;
	struct place p;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char got[4096];
	begin(&p);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", p.dir);
	assert_int_equal(journal_send(at.sun_path, LINE), ERR_NOTFOUND);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	p.config.journal = at.sun_path;
	struct audit *a = open_it(&p);
	audit_free(&a);
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);		/* of the close; the opening came before the thread */
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, "SYSLOG_IDENTIFIER=schloss-audit\n"));
	char *line = strstr(got, "\nMESSAGE={\"time\":");
	assert_non_null(line);
	assert_non_null(strstr(line, "\"}\n"));
	assert_int_equal(got[n - 1], '\n');
	close(fd);
	end(&p);
}

TEST_MAIN(T(lines_are_chained_over_restarts), T(while_the_disk_is_full_what_is_done_is_refused),
    T(or_it_is_counted_and_the_gap_is_told), T(what_is_refused_anyway_shuts_nobody_out),
    T(room_that_was_promised_is_given_back), T(a_large_change_is_admitted_alone), T(half_a_line_that_stays_is_marked),
    T(a_large_batch_that_stays_by_half), T(half_lines_that_stay_one_after_the_other),
    T(a_crash_leaves_what_can_be_verified), T(what_was_done_to_it_while_stopped_is_told),
    T(a_file_that_was_renamed_is_followed_by_another), T(a_sync_that_fails_is_told_in_the_file),
    T(a_start_without_a_file_is_refused_or_goes_on), T(journald_gets_the_line),
    T(a_reload_before_there_was_a_file), T(a_reload_that_cannot_open_is_not_forgotten), T(a_start_that_fails_forgets_no_end))
