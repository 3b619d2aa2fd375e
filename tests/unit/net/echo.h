/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A server on one loop that echoes frames, for the tests of net and TLS, and a
 * blocking client's end. "ready" and "vouch" log in, as ECHO_USER, the latter as an operator. A
 * frame "hold" is answered only after the next one; "mute" mutes for 200 ms; "none"
 * has no answer; "big" is answered by 1 MiB, what begins with "sink" by "sunk", "bill" by
 * "paid" where reading and writing took time since the last. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/plain.h"

#define ECHO_USER NAME(0, STR("echo"))

struct echo {
	struct rcu *rcu;
	struct loop *loop;
	struct listeners *all;
	struct listener *listener;
	struct log_sink sink;
	struct event ev;
	struct conn_limits limits;
	_Atomic int opened, closed, frames, bounded;
	uint16_t port;
};

struct echo_session {
	struct echo *echo;
	struct reply *held;
	bool ready_at_once;
};

struct echo_answer {
	struct pieces pieces;
	struct piece piece;
	uint8_t bytes[];
};

static void *
echo_opened(struct conn *conn, void *arg)
{
	struct echo_session *s = MEM_NEW(struct echo_session);
	s->echo = arg;
	atomic_fetch_add(&s->echo->opened, 1);
	(void)conn;
	return s;
}

static void
echo_send(struct reply *r, const uint8_t *p, size_t n)
{
	struct echo_answer *a = mem_alloc(sizeof(*a) + n + 4);
	uint32_t be = htonl((uint32_t)n);
	memcpy(a->bytes, &be, 4);
	memcpy(a->bytes + 4, p, n);
	a->piece = (struct piece){ a->bytes, (uint32_t)n + 4 };
	a->pieces = (struct pieces){ &a->piece, 1 };
	conn_reply_send(r, &a->pieces, mem_free, a);
}

static void
echo_frame(struct conn *conn, void *session, const uint8_t *p, size_t n)
{
	struct echo_session *s = session;
	struct reply *r = conn_reply_begin(conn);
	atomic_fetch_add(&s->echo->frames, 1);
	if ((n == 5 && memcmp(p, "ready", 5) == 0) || (n == 5 && memcmp(p, "vouch", 5) == 0)) {
		conn_set_payer(conn, ECHO_USER);
		conn_set_ready(conn);
		listener_logged_in(conn);
	}
	if (n == 5 && memcmp(p, "vouch", 5) == 0)
		listener_vouch(conn);
	if (n > 4 && memcmp(p, "sink", 4) == 0) {
		echo_send(r, (const uint8_t *)"sunk", 4);
		return;
	}
	if (n == 4 && memcmp(p, "hold", 4) == 0) {
		s->held = r;
		return;
	}
	if (n == 4 && memcmp(p, "bill", 4) == 0) {
		uint64_t end = clock_mono_ns() + 20 * NS_PER_MS, first, again;
		while (clock_mono_ns() < end)
			continue;
		first = conn_take_time_ns(conn);
		again = conn_take_time_ns(conn);
		echo_send(r, (const uint8_t *)(first >= 20 * NS_PER_MS && again < first / 2 ? "paid" : "free"), 4);
		return;
	}
	if (n == 4 && memcmp(p, "none", 4) == 0) {
		conn_reply_none(r);
		return;
	}
	if (n == 3 && memcmp(p, "big", 3) == 0) {
		uint8_t *big = mem_zalloc(1 << 20);
		echo_send(r, big, 1 << 20);
		mem_free(big);
		return;
	}
	echo_send(r, p, n);
	if (s->held != NULL) {
		echo_send(s->held, (const uint8_t *)"held", 4);
		s->held = NULL;
	}
	if (n == 4 && memcmp(p, "mute", 4) == 0)
		conn_mute(conn, loop_now(conn_loop(conn)) + 200 * NS_PER_MS);
	if (n == 5 && memcmp(p, "drain", 5) == 0)
		conn_drain(conn);
}

static void
echo_closed(struct conn *conn, void *session)
{
	struct echo_session *s = session;
	(void)conn;
	atomic_fetch_add(&s->echo->closed, 1);
	mem_free(s);
}

static void
echo_bounded(struct conn *conn, void *session, const struct payer_bound *bound, size_t frame)
{
	struct echo_session *s = session;
	(void)conn;
	if (bound->of_user)
		atomic_fetch_add(&s->echo->bounded, frame == 0 ? 1 : 100);
}

static const struct conn_ops echo_ops = { .opened = echo_opened, .frame = echo_frame,
	.closed = echo_closed, .bounded = echo_bounded };

static inline struct transport *
echo_plain(void *arg, int fd, struct loop *loop)
{
	(void)arg;
	(void)loop;
	return plain_create(fd);
}

static void
echo_start(struct echo *e, struct transport *(*transport)(void *, int, struct loop *))
{
	struct why why;
	e->sink = (struct log_sink){ .fd = 2, .level = LOG_LVL_CRIT };
	event_root(&e->ev, &e->sink);
	e->rcu = rcu_create();
	e->loop = loop_create("echo", e->rcu, NULL, NULL);
	e->all = listeners_create(&(struct listeners_config){ .loops = &e->loop, .loops_n = 1,
	    .limits = &e->limits, .max = 100, .max_per_ip = 50, .login_max = 10, .login_max_per_ip = 20 });
	if (listener_create(e->all, &(struct listener_config){ .name = "t", .host = "127.0.0.1",
	    .ops = &echo_ops, .arg = e, .transport = transport, .ev = &e->ev }, &e->listener, &why) != 0)
		abort();
	e->port = listener_port(e->listener);
	listener_open(e->listener);
}

struct echo_close {
	struct post post;
	struct echo *e;
	atomic_bool done;
};

static void
echo_close_one(struct conn *conn, void *arg)
{
	(void)arg;
	conn_close(conn, NULL);
}

static void
echo_close_all(struct post *post)
{
	struct echo_close *c = CONTAINER_OF(post, struct echo_close, post);
	listeners_each(c->e->all, c->e->loop, echo_close_one, NULL);
	atomic_store(&c->done, true);
}

static void
echo_stop(struct echo *e)
{
	struct echo_close c = { .post.run = echo_close_all, .e = e };
	listener_destroy(&e->listener);
	loop_post(e->loop, &c.post);
	while (!atomic_load(&c.done) || listeners_count(e->all) > 0)
		usleep(1000);
	loop_destroy(&e->loop);
	listeners_destroy(&e->all);
	rcu_destroy(&e->rcu);
}

/* From 127.0.0.HOST. */
static inline int
echo_connect_from(struct echo *e, unsigned host)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 + host) };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(e->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { 10, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		abort();
	int one = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
		abort();
	return fd;
}

static int
echo_connect(struct echo *e)
{
	return echo_connect_from(e, 1);
}
