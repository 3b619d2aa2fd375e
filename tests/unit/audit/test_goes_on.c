/* SPDX-License-Identifier: Apache-2.0 */
/* Where a chain goes on: starts, crashes, reloads, and what was done to the file meanwhile. */
#include "place.h"

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

TEST_MAIN(T(a_crash_leaves_what_can_be_verified), T(what_was_done_to_it_while_stopped_is_told),
    T(a_file_that_was_renamed_is_followed_by_another), T(a_start_without_a_file_is_refused_or_goes_on),
    T(a_reload_before_there_was_a_file), T(a_reload_that_cannot_open_is_not_forgotten),
    T(a_start_that_fails_forgets_no_end))
