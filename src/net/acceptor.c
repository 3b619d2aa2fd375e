/* SPDX-License-Identifier: Apache-2.0 */
#include "net/acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"

#define REST_NS (100 * NS_PER_MS)

static void
acceptable(struct loop_source *source, uint32_t events)
{
	struct acceptor *a = CONTAINER_OF(source, struct acceptor, source);
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof(ss);
		int fd = accept4(a->source.fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			a->came(a, fd, &ss);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			ev_err(a->ev, "cannot accept: %s", strerror(errno));
			loop_modify(a->loop, &a->source, 0);
			timer_set(loop_timers(a->loop), &a->rest, loop_now(a->loop) + REST_NS);
			return;
		} else if (errno == EAGAIN)
			return;
	}
}

static void
rested(struct timer *timer, uint64_t now)
{
	struct acceptor *a = CONTAINER_OF(timer, struct acceptor, rest);
	(void)now;
	loop_modify(a->loop, &a->source, EPOLLIN);
}

void
acceptor_init(struct acceptor *a, struct loop *loop, int fd, const struct event *ev,
    void (*came)(struct acceptor *a, int fd, const struct sockaddr_storage *from))
{
	a->source = (struct loop_source){ fd, acceptable };
	a->loop = loop;
	a->rest.fire = rested;
	a->ev = ev;
	a->came = came;
}

void
acceptor_open(struct acceptor *a)
{
	loop_add(a->loop, &a->source, EPOLLIN);
}

void
acceptor_shut(struct acceptor *a)
{
	timer_cancel(loop_timers(a->loop), &a->rest);
	loop_remove(a->loop, &a->source);
}

uint16_t
acceptor_port_of(const struct sockaddr_storage *ss)
{
	return ntohs(ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)ss)->sin6_port :
	    ((const struct sockaddr_in *)(const void *)ss)->sin_port);
}
