/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: what fails, what is refused and what is counted, what is synced and kept, and the copies. */
#include "place.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "audit/journal.h"

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

static bool
refuses(struct audit *a)
{
	return audit_done(a, LINE) == ERR_AGAIN;
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
	assert_int_equal(audit_done(a, LINE), 0);	/* it is not known yet */
	eventually(refuses, a);
	atomic_store(&sync_fails, false);
	eventually(works, a);
	audit_free(&a);
	assert_int_equal(verify(&p, &v), VERIFY_FINE);
	assert_true(has(p.file, "the disk did not take them"));
	end(&p);
}

/* Writes one more line, and gives back what is known then. */
static struct audit_status
one_more(struct audit *a)
{
	struct audit_status before, s;
	audit_status(a, &before);
	assert_int_equal(audit_done(a, LINE), 0);
	for (int i = 0; i < 1000; i++) {
		audit_status(a, &s);
		if (s.written.seq > before.written.seq)
			break;
		usleep(10000);
	}
	assert_int_equal(s.written.seq, before.written.seq + 1);
	return s;
}

static uint64_t
kept_seq(struct audit *a, uint64_t at_least)
{
	struct audit_status s;
	for (int i = 0; i < 1000; i++) {
		audit_status(a, &s);
		if (s.kept.head.seq >= at_least)
			break;
		usleep(10000);
	}
	return s.kept.head.seq;
}

/* What was written waits for its sync, and only what was synced is kept: a power loss takes the rest, and the file
 * would be one from which lines were cut. */
static void
what_was_not_synced_is_not_kept(void **state)
{
	(void)state;
	struct place p;
	begin(&p);
	p.config.sync_ns = 1000 * NS_PER_SEC;
	struct audit *a = open_it(&p);			/* 1 */
	(void)one_more(a);
	atomic_fetch_add(&later, 100 * NS_PER_SEC);
	assert_int_equal(one_more(a).kept.head.seq, 0);
	atomic_fetch_add(&later, 900 * NS_PER_SEC);
	(void)one_more(a);				/* 4, and all are synced */
	(void)one_more(a);				/* 5 waits */
	atomic_fetch_add(&later, 2 * NS_PER_SEC);
	(void)one_more(a);				/* 6, too, and the head is kept */
	assert_int_equal(kept_seq(a, 1), 4);
	audit_free(&a);
	assert_int_equal(p.kept.head.seq, 7);
	end(&p);
}

static void
the_chain_is_told_hourly(void **state)
{
	(void)state;
	struct place p;
	begin(&p);
	struct audit *a = open_it(&p);
	(void)one_more(a);
	(void)one_more(a);				/* the turn of the first is over */
	assert_false(logged(&p, "the chain is at"));
	atomic_fetch_add(&later, 3600 * NS_PER_SEC);
	struct audit_status s = one_more(a);
	char want[AUDIT_HEAD_TEXT + 32], head[AUDIT_HEAD_TEXT];
	snprintf(want, sizeof(want), "the chain is at %s", chain_head_text(&s.written, head));
	audit_free(&a);
	assert_true(logged(&p, want));
	end(&p);
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
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, "\"what\":\"open\""));
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, "\"what\":\"close\""));
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
    T(room_that_was_promised_is_given_back), T(a_large_change_is_admitted_alone),
    T(half_a_line_that_stays_is_marked), T(a_large_batch_that_stays_by_half),
    T(half_lines_that_stay_one_after_the_other), T(a_sync_that_fails_is_told_in_the_file),
    T(what_was_not_synced_is_not_kept), T(the_chain_is_told_hourly), T(journald_gets_the_line))
