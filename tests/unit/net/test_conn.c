/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over real sockets, in the clear: splitting, order, limits, deadlines. */
#include "../test.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "echo.h"

static struct echo echo;

static int
setup(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof(echo));
	echo.limits = conn_limits_default;
	/* Or it would end, before the client's patience does, what should have been refused. */
	echo.limits.tls_ns = 60 * NS_PER_SEC;
	echo_start(&echo, echo_plain);
	return 0;
}

static int
setup_quick(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof(echo));
	echo.limits = conn_limits_default;
	echo.limits.login_ns = 200 * NS_PER_MS;
	echo.limits.stall_ns = 300 * NS_PER_MS;
	echo.limits.unsent_bytes = 64 * 1024;
	echo_start(&echo, echo_plain);
	return 0;
}

static int
setup_bounded(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof(echo));
	echo.limits = conn_limits_default;
	echo.limits.payers = payers_create((int64_t[PAYER_KINDS]){ 16 << 20, 16 << 20 });
	echo_start(&echo, echo_plain);
	return 0;
}

/* The same, and who is slow while memory is scarce goes soon. */
static int
setup_scarce(void **state)
{
	int err = setup_bounded(state);
	echo.limits.stall_ns = 300 * NS_PER_MS;
	return err;
}

static int
teardown(void **state)
{
	(void)state;
	echo_stop(&echo);
	payers_destroy(&echo.limits.payers);
	assert_int_equal(atomic_load(&echo.opened), atomic_load(&echo.closed));
	return 0;
}

static void
put(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static size_t
frame_of(uint8_t *out, const char *text)
{
	uint32_t be = htonl((uint32_t)strlen(text));
	memcpy(out, &be, 4);
	memcpy(out + 4, text, strlen(text));
	return 4 + strlen(text);
}

static void
say(int fd, const char *text)
{
	uint8_t b[256];
	put(fd, b, frame_of(b, text));
}

static bool
get(int fd, void *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static void
hear(int fd, const char *text)
{
	uint8_t want[256], got[256];
	size_t n = frame_of(want, text);
	assert_true(get(fd, got, n));
	assert_memory_equal(got, want, n);
}

/* Not so where it only says nothing until the socket's time-out. */
static bool
is_closed(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static void
split_at_every_byte(void **state)
{
	uint8_t b[64];
	(void)state;
	int fd = echo_connect(&echo);
	size_t n = frame_of(b, "first");
	n += frame_of(b + n, "second one");
	for (size_t cut = 0; cut <= n; cut++) {
		put(fd, b, cut);
		usleep(300);
		put(fd, b + cut, n - cut);
		hear(fd, "first");
		hear(fd, "second one");
	}
	close(fd);
}

static void
ten_thousand_at_once(void **state)
{
	enum { N = 10000 };
	static uint8_t b[N * 12], want[N * 12], got[N * 12];
	size_t n = 0;
	(void)state;
	int fd = echo_connect(&echo);
	for (int i = 0; i < N; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%07d", i);
		n += frame_of(b + n, text);
	}
	memcpy(want, b, n);
	if (fork() == 0) {
		put(fd, b, n);
		_exit(0);
	}
	assert_true(get(fd, got, n));
	assert_memory_equal(got, want, n);
	close(fd);
}

static void
large_frames(void **state)
{
	enum { N = 3 << 20 };
	static uint8_t b[N + 4], got[N + 4];
	uint32_t be = htonl(N);
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "ready");
	hear(fd, "ready");
	memcpy(b, &be, 4);
	for (int i = 0; i < N; i++)
		b[i + 4] = (uint8_t)(i * 31 >> 3);
	if (fork() == 0) {
		for (int k = 0; k < 3; k++)
			put(fd, b, sizeof(b));
		_exit(0);
	}
	for (int k = 0; k < 3; k++) {
		assert_true(get(fd, got, sizeof(got)));
		assert_memory_equal(got, b, sizeof(b));
	}
	close(fd);
}

static void
bad_lengths_close(void **state)
{
	static const uint32_t bad[] = { 0xffffffff, 0x80000000, 0x7fffffff, 65537 };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = echo_connect(&echo);
		uint32_t be = htonl(bad[i]);
		put(fd, &be, 4);
		assert_true(is_closed(fd));
		close(fd);
	}
	assert_int_equal(atomic_load(&echo.frames), 0);
}

static void
half_a_frame_then_gone(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	put(fd, "\0\0\0\x10" "abc", 7);
	close(fd);
	while (atomic_load(&echo.opened) == 0 || atomic_load(&echo.closed) == 0)
		usleep(1000);
	assert_int_equal(atomic_load(&echo.frames), 0);
}

static void
replies_keep_their_order(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "hold");
	say(fd, "none");
	say(fd, "next");
	hear(fd, "held");
	hear(fd, "next");
	close(fd);
}

static void
muted_reads_nothing(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	uint64_t start = clock_mono_ns();
	say(fd, "mute");
	say(fd, "after");
	hear(fd, "mute");
	assert_true(clock_mono_ns() - start < 150 * NS_PER_MS);
	hear(fd, "after");
	assert_true(clock_mono_ns() - start >= 195 * NS_PER_MS);
	close(fd);
}

static void
drains(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "drain");
	hear(fd, "drain");
	assert_true(is_closed(fd));
	close(fd);
}

static void
oldest_without_login_goes(void **state)
{
	int fd[12];
	(void)state;
	for (int i = 0; i < 12; i++) {
		fd[i] = echo_connect(&echo);
		say(fd[i], i == 0 ? "ready" : "x");
		hear(fd[i], i == 0 ? "ready" : "x");
	}
	assert_true(is_closed(fd[1]));
	say(fd[0], "still here");
	hear(fd[0], "still here");
	say(fd[11], "me too");
	hear(fd[11], "me too");
	for (int i = 0; i < 12; i++)
		close(fd[i]);
}

/* A flood from elsewhere takes neither the place of an operator's login that is
 * under way, nor the last one in all. */
static void
places_are_kept_for_operators_addresses(void **state)
{
	int operator_ = echo_connect_from(&echo, 2), waiting, fd[100], late;
	(void)state;
	say(operator_, "vouch");
	hear(operator_, "vouch");
	waiting = echo_connect_from(&echo, 2);
	for (int i = 0; i < 12; i++)
		fd[i] = echo_connect_from(&echo, 3);
	assert_true(is_closed(fd[0]));
	say(waiting, "ready");
	hear(waiting, "ready");
	close(waiting);
	for (int i = 0; i < 12; i++)
		close(fd[i]);
	while (listeners_count(echo.all) > 1)
		usleep(1000);
	for (int i = 0; i < 99; i++) {
		fd[i] = echo_connect_from(&echo, 3 + (unsigned)i / 40);
		say(fd[i], "ready");
		hear(fd[i], "ready");
	}
	late = echo_connect_from(&echo, 9);
	assert_true(is_closed(late));
	waiting = echo_connect_from(&echo, 2);
	say(waiting, "ready");
	hear(waiting, "ready");
	close(waiting);
	close(late);
	close(operator_);
	for (int i = 0; i < 99; i++)
		close(fd[i]);
}

/* Whoever comes on a kept place comes in nobody's: strangers have as many as ever. */
static void
a_kept_place_is_no_strangers(void **state)
{
	enum { MAX = 10 };		/* login.max.connections in echo.h */
	int operator_ = echo_connect_from(&echo, 2), fd[MAX], waiting;
	(void)state;
	say(operator_, "vouch");
	hear(operator_, "vouch");
	for (int i = 0; i < MAX; i++) {
		fd[i] = echo_connect_from(&echo, 3);
		say(fd[i], "x");
		hear(fd[i], "x");
	}
	waiting = echo_connect_from(&echo, 2);
	say(waiting, "x");
	hear(waiting, "x");
	for (int i = 0; i < MAX; i++) {
		say(fd[i], "still here");
		hear(fd[i], "still here");
		close(fd[i]);
	}
	close(waiting);
	close(operator_);
}

/* They are eight: who comes from an operator's address after that waits among strangers,
 * and is counted as one. */
static void
kept_places_are_few(void **state)
{
	enum { KEPT = 8, MAX = 10 };	/* of listener.c; login.max.connections in echo.h */
	int operator_ = echo_connect_from(&echo, 2), fd[KEPT + MAX], more;
	(void)state;
	say(operator_, "vouch");
	hear(operator_, "vouch");
	for (int i = 0; i < KEPT + MAX; i++) {
		fd[i] = echo_connect_from(&echo, 2);
		say(fd[i], "x");
		hear(fd[i], "x");
	}
	more = echo_connect_from(&echo, 2);
	assert_true(is_closed(fd[KEPT]));
	for (int i = 0; i < KEPT + MAX; i++) {
		if (i == KEPT)
			continue;
		say(fd[i], "x");
		hear(fd[i], "x");
	}
	for (int i = 0; i < KEPT + MAX; i++)
		close(fd[i]);
	close(more);
	close(operator_);
}

static void
one_address_has_its_limit(void **state)
{
	int fd[51];
	(void)state;
	for (int i = 0; i < 51; i++) {
		fd[i] = echo_connect(&echo);
		if (i == 50) {
			assert_true(is_closed(fd[i]));
			break;
		}
		say(fd[i], "ready");
		hear(fd[i], "ready");
	}
	for (int i = 0; i < 51; i++)
		close(fd[i]);
}

/* Who has not logged in counts by address, too; who has does not any more. */
static void
strangers_of_one_address_have_their_limit(void **state)
{
	int fd[5], other;
	(void)state;
	listeners_set_max(echo.all, 100, 50, 10, 4);
	for (int i = 0; i < 4; i++) {
		fd[i] = echo_connect_from(&echo, 2);
		say(fd[i], "x");
		hear(fd[i], "x");
	}
	fd[4] = echo_connect_from(&echo, 2);
	assert_true(is_closed(fd[4]));
	close(fd[4]);
	other = echo_connect_from(&echo, 3);
	say(other, "x");
	hear(other, "x");
	say(fd[0], "ready");
	hear(fd[0], "ready");
	fd[4] = echo_connect_from(&echo, 2);
	for (int i = 0; i < 5; i++) {
		say(fd[i], "still here");
		hear(fd[i], "still here");
		close(fd[i]);
	}
	close(other);
}

static void
login_has_a_deadline(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	uint64_t start = clock_mono_ns();
	say(fd, "x");
	hear(fd, "x");
	assert_true(is_closed(fd));
	assert_true(clock_mono_ns() - start >= 150 * NS_PER_MS);
	close(fd);
}

/* A peer that asks and never takes the answers: bounded, then closed. */
static void
answers_never_taken(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "ready");
	hear(fd, "ready");
	for (int i = 0; i < 200; i++)
		say(fd, "big");
	for (int i = 0; i < 300 && atomic_load(&echo.closed) == 0; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&echo.closed), 1);
	assert_true(atomic_load(&echo.frames) < 30);
	close(fd);
}

/* Memory that all others hold, as much as is said, until it is given back. */
static int64_t
hold(struct payer *p, enum payer_for what, int64_t n)
{
	ration_add(payer_ration(p, what), payer_part(p, what), n);
	return n;
}

static bool
says_nothing_yet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, 100) == 0;
}

static void
both_end(int fd, int other, struct payer **p)
{
	close(fd);
	close(other);
	while (atomic_load(&echo.closed) < 2)
		usleep(1000);
	assert_int_equal(ration_used(payer_part(*p, PAYER_FRAMES)), 0);
	payer_put(p);
}

/* A large frame waits for room of its own, and small ones go on beside it; without room for anything nothing is
 * begun. Either goes on by itself when there is room again. */
static void
who_waits_for_room_goes_on_when_there_is_some(void **state)
{
	enum { N = 1 << 20, MAX = 16 << 20 };
	static uint8_t large[4 + N];
	struct payer *p = payer_get(echo.limits.payers, ECHO_USER);
	uint32_t be = htonl(N);
	int64_t n;
	(void)state;
	int fd = echo_connect(&echo), other = echo_connect(&echo);
	say(fd, "ready"), hear(fd, "ready");
	say(other, "ready"), hear(other, "ready");
	memcpy(large, &be, 4);
	memcpy(large + 4, "sink", 4);

	n = hold(p, PAYER_FRAMES, MAX);
	pid_t sender = fork();
	if (sender == 0) {
		put(fd, large, sizeof(large));
		_exit(0);
	}
	assert_true(says_nothing_yet(fd));
	say(other, "small"), hear(other, "small");
	(void)hold(p, PAYER_FRAMES, -n);
	hear(fd, "sunk");
	waitpid(sender, NULL, 0);

	n = hold(p, PAYER_HELD, MAX);
	say(fd, "anything");
	say(other, "anything");
	assert_true(says_nothing_yet(fd) && says_nothing_yet(other));
	(void)hold(p, PAYER_HELD, -n);
	hear(fd, "anything");
	hear(other, "anything");
	both_end(fd, other, &p);
}

static double
limit_of_users(const void *arg, struct name who)
{
	(void)arg;
	return who.s.p == NULL ? 0 : 512 << 10;
}

/* A limit of the user's own: what fits waits, and what will never do ends the connection. Either is told. */
static void
limits_are_met_and_told(void **state)
{
	enum { N = 1 << 20, LIMIT = 512 << 10 };
	static uint8_t large[4 + N];
	struct payer *p = payer_get(echo.limits.payers, ECHO_USER);
	int64_t n;
	(void)state;
	payers_limit(echo.limits.payers, limit_of_users, NULL);
	int fd = echo_connect(&echo), other = echo_connect(&echo);
	say(fd, "ready"), hear(fd, "ready");
	say(other, "ready"), hear(other, "ready");

	n = hold(p, PAYER_HELD, LIMIT + 1);
	say(other, "anything");
	assert_true(says_nothing_yet(other));
	(void)hold(p, PAYER_HELD, -n);
	hear(other, "anything");
	assert_int_equal(atomic_load(&echo.bounded), 1);	/* and not each time that it has looked */
	n = hold(p, PAYER_HELD, LIMIT);
	say(other, "anything"), hear(other, "anything");
	(void)hold(p, PAYER_HELD, -n);

	uint32_t be = htonl(N);
	memcpy(large, &be, 4);
	pid_t sender = fork();
	if (sender == 0) {
		(void)send(fd, large, sizeof(large), MSG_NOSIGNAL);
		_exit(0);
	}
	while (atomic_load(&echo.closed) < 1)
		usleep(1000);
	waitpid(sender, NULL, 0);
	assert_int_equal(atomic_load(&echo.bounded), 101);
	say(other, "small"), hear(other, "small");
	both_end(fd, other, &p);
}

static void
keep_busy(struct post *post)
{
	(void)post;
	usleep(50000);
}

/* Both messages wait for a loop that is busy. */
static void
closed_before_it_is_open(void **state)
{
	struct post busy = { .run = keep_busy };
	struct listener *l;
	struct why why;
	(void)state;
	loop_post(echo.loop, &busy);
	assert_int_equal(listener_create(echo.all, &(struct listener_config){ .name = "u",
	    .host = "127.0.0.1", .ops = &echo_ops, .arg = &echo, .transport = echo_plain, .ev = &echo.ev },
	    &l, &why), 0);
	listener_open(l);
	listener_destroy(&l);
	assert_null(l);
}

static void
its_time_is_counted_once(void **state)
{
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "bill");
	hear(fd, "paid");
	say(fd, "bill");
	hear(fd, "paid");
	close(fd);
}

static bool
closes_within(int tenths)
{
	while (tenths-- > 0 && atomic_load(&echo.closed) == 0)
		usleep(100000);
	return atomic_load(&echo.closed) > 0;
}

/* And only there. */
static void
half_a_frame_ends_where_memory_is_scarce(void **state)
{
	enum { N = 100000, MAX = 16 << 20 };
	static uint8_t frame[4 + N];
	struct payer *p = payer_get(echo.limits.payers, ECHO_USER);
	uint32_t be = htonl(N);
	(void)state;
	int fd = echo_connect(&echo);
	say(fd, "ready"), hear(fd, "ready");
	memcpy(frame, &be, 4);
	put(fd, frame, N / 4);
	usleep(50000);
	put(fd, frame + N / 4, N / 4); /* it has room from here on */
	assert_false(closes_within(15));
	int64_t n = hold(p, PAYER_FRAMES, MAX);
	assert_true(closes_within(80));
	(void)hold(p, PAYER_FRAMES, -n);
	close(fd);
	payer_put(&p);
}

#define C(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define Q(fn) cmocka_unit_test_setup_teardown(fn, setup_quick, teardown)
#define S(fn) cmocka_unit_test_setup_teardown(fn, setup_scarce, teardown)
#define B(fn) cmocka_unit_test_setup_teardown(fn, setup_bounded, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		C(split_at_every_byte), C(ten_thousand_at_once), C(large_frames), C(bad_lengths_close),
		C(half_a_frame_then_gone), C(replies_keep_their_order), C(muted_reads_nothing),
		C(drains), C(oldest_without_login_goes), C(one_address_has_its_limit),
		C(places_are_kept_for_operators_addresses), C(kept_places_are_few),
		C(a_kept_place_is_no_strangers),
		C(strangers_of_one_address_have_their_limit),
		C(closed_before_it_is_open), C(its_time_is_counted_once),
		Q(login_has_a_deadline), Q(answers_never_taken),
		B(who_waits_for_room_goes_on_when_there_is_some),
		B(limits_are_met_and_told),
		S(half_a_frame_ends_where_memory_is_scarce),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
