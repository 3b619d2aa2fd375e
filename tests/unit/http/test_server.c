/* SPDX-License-Identifier: Apache-2.0 */
/* Turns and places: what one peer sends at once, and whom it costs. */
#include "../test.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/private.h"
#include "net/plain.h"

#define MANY	3000

static struct rcu *rcu;
static struct http_server *server;
static uint16_t port;
static struct log_sink sink = { .fd = 2, .level = LOG_LVL_CRIT };
static struct event ev;

/* ---- routes ---- */

static atomic_uint served, turns, gone;
static atomic_bool posted;
static struct post next_turn;

/* Posted by a loop to itself it runs in the next turn. */
static void
a_turn_begins(struct post *post)
{
	(void)post;
	atomic_fetch_add(&turns, 1);
	atomic_store(&posted, false);
}

static void
serve_number(struct http_exchange *x)
{
	atomic_fetch_add(&served, 1);
	if (!atomic_exchange(&posted, true))
		loop_post(http_loop(x), &next_turn);
	http_answer(x, 200, "text/plain", http_request_of(x)->query, "");
}

static void
told(void *arg)
{
	(void)arg;
	atomic_fetch_add(&gone, 1);
}

static void
serve_wait(struct http_exchange *x)
{
	atomic_fetch_add(&served, 1);
	http_wait(x, told, NULL);
}

static void
serve_known(struct http_exchange *x)
{
	http_set_memory(x, mem_alloc(1));
	serve_wait(x);
}

static void
forget(void *memory)
{
	mem_free(memory);
}

static const struct http_route routes[] = {
	{ "/number", serve_number }, { "/wait", serve_wait }, { "/known", serve_known }, { NULL, NULL },
};

/* ---- the peer ---- */

static struct transport *
plain(void *arg, int fd, struct loop *loop)
{
	(void)arg;
	(void)loop;
	return plain_create(fd);
}

static int
setup(void **state)
{
	struct why why;
	(void)state;
	served = turns = gone = 0;
	posted = false;
	next_turn.run = a_turn_begins;
	event_root(&ev, &sink);
	rcu = rcu_create();
	struct http_config config = { .rcu = rcu, .limits = http_limits_default, .routes = routes, .forget = forget };
	config.limits.max = 4;
	server = http_server_create(&config);
	return http_listen(server, &(struct http_listener_config){ .name = "test", .host = "127.0.0.1", .transport = plain,
	    .ev = &ev }, &port, &why);
}

static int
teardown(void **state)
{
	(void)state;
	http_server_destroy(&server);
	rcu_destroy(&rcu);
	return 0;
}

static int
come(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 10 }, sizeof(struct timeval)));
	assert_ok(connect(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

static void
ask(int fd, const char *path)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
}

static void
await(const atomic_uint *what, unsigned n)
{
	for (int i = 0; i < 10000 && atomic_load(what) < n; i++)
		usleep(1000);
	assert_int_equal(atomic_load(what), n);
}

/* The numbers of n answers, each in its place. */
static void
reads_in_order(int fd, unsigned n)
{
	static char text[1 << 20];
	size_t got = 0;
	char *at = text;
	for (unsigned i = 0; i < n; i++) {
		char want[16], *end;
		while ((end = strstr(at, "\r\n\r\n")) == NULL || strchr(end + 4, ';') == NULL) {
			ssize_t more = recv(fd, text + got, sizeof(text) - 1 - got, 0);
			assert_true(more > 0);
			got += (size_t)more;
			text[got] = '\0';
		}
		snprintf(want, sizeof(want), "%u;", i);
		assert_memory_equal(end + 4, want, strlen(want));
		at = end + 4 + strlen(want);
	}
	memset(text, 0, sizeof(text));
}

/* ---- tests ---- */

/* Others, and whoever waits for the loop, come between any two requests of who sends them all at once. */
static void
one_request_a_turn(void **state)
{
	static char text[MANY * 64];
	size_t n = 0;
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "GET /number?%u; HTTP/1.1\r\nHost: x\r\n\r\n", i);
	int fd = come();
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	reads_in_order(fd, MANY);
	assert_int_equal(atomic_load(&served), MANY);
	await(&turns, MANY);
	ask(fd, "/number?0;"); /* and it is awake for the next one */
	reads_in_order(fd, 1);
	close(fd);
}

/* The last one is cut in two: the rest comes when nobody reads without being told. */
static void
half_a_request_waits_for_the_rest(void **state)
{
	static const char all[] = "GET /number?0; HTTP/1.1\r\nHost: x\r\n\r\nGET /number?1; HTTP/1.1\r\nHo";
	(void)state;
	int fd = come();
	assert_int_equal(send(fd, all, sizeof(all) - 1, MSG_NOSIGNAL), sizeof(all) - 1);
	await(&served, 1);
	usleep(20000);
	assert_int_equal(send(fd, "st: x\r\n\r\n", 9, MSG_NOSIGNAL), 9);
	reads_in_order(fd, 2);
	close(fd);
}

static bool
is_closed(int fd)
{
	char byte;
	return recv(fd, &byte, 1, 0) == 0;
}

/* Who waits for a login makes room, the oldest first; who has logged in does not. */
static void
logins_under_way_make_room(void **state)
{
	int waits[4], fd;
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		waits[i] = come();
		ask(waits[i], i == 0 ? "/known" : "/wait");
		await(&served, i + 1);
	}
	for (unsigned i = 1; i < 4; i++) {
		fd = come();
		ask(fd, "/known");
		assert_true(is_closed(waits[i]));
		await(&served, 4 + i);
		assert_int_equal(atomic_load(&gone), i);
		waits[i] = fd;
	}
	fd = come();
	assert_true(is_closed(fd)); /* all are at work */
	close(fd);
	assert_int_equal(atomic_load(&gone), 3);
	for (unsigned i = 0; i < 4; i++)
		close(waits[i]);
}

static void
a_network_is_one_place(void **state)
{
	static const char *const from[] = { "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", "192.0.2.1", "192.0.2.2" };
	static const unsigned counted[] = { 2, 2, 1, 1, 1 };
	struct http_server s = { .conns_n = 0 };
	struct http_exchange *x = calloc(5, sizeof(*x));
	(void)state;
	list_init(&s.conns);
	for (size_t i = 0; i < 5; i++) {
		assert_ok(addr_parse(str_from(from[i]), &x[i].peer));
		list_add(&s.conns, &x[i].hook);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(http_from_there(&s, &x[i].peer), counted[i]);
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_request_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_request_waits_for_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(logins_under_way_make_room, setup, teardown),
		cmocka_unit_test(a_network_is_one_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
