/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most proxies send their header with the connection, so it is looked for at once, and
 * the socket is watched only where it is not whole. Each receive asks for what the header
 * lacks and no byte more.
 */
#include "net/callers.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/timer.h"
#include "net/proxy.h"

#define PORTION	1024u			/* of what is skipped */

struct callers {
	struct loop *loop;
	uint64_t deadline_ns;
	unsigned max, n;
	struct list waiting;		/* oldest first */
};

struct caller {
	struct list hook;
	struct loop_source source;
	struct timer deadline;
	struct callers *all;
	struct caller_config config;
	struct proxy_head head;
};

struct callers *
callers_create(struct loop *loop, uint64_t deadline_ns, unsigned max)
{
	struct callers *all = MEM_NEW(struct callers);
	all->loop = loop;
	all->deadline_ns = deadline_ns;
	all->max = max > 0 ? max : 1;
	list_init(&all->waiting);
	return all;
}

void
callers_destroy(struct callers **callers)
{
	mem_free(*callers);
	*callers = NULL;
}

/* Nobody waits for it any more; the socket stays. */
static void
leave(struct caller *c)
{
	if (!list_empty(&c->hook)) {
		list_del(&c->hook);
		timer_cancel(loop_timers(c->all->loop), &c->deadline);
		loop_remove(c->all->loop, &c->source);
		c->all->n--;
	}
	mem_free(c);
}

/* why: for the log; NULL: nothing is said. */
static void
hang_up(struct caller *c, const char *why)
{
	char text[ADDR_TEXT], peer[ADDR_TEXT + 8];
	struct event ev;
	int fd = c->config.fd;
	if (why != NULL) {
		snprintf(peer, sizeof(peer), c->config.proxy.family == 6 ? "[%s]:%u" : "%s:%u",
		    addr_format(&c->config.proxy, text), c->config.proxy_port);
		event_child(&ev, c->config.ev, "proxy", str_from(peer));
		ev_info(&ev, "closed: %s", why);
	}
	leave(c);
	close(fd);
}

static void
deadline_due(struct timer *timer, uint64_t now)
{
	(void)now;
	hang_up(CONTAINER_OF(timer, struct caller, deadline), "no whole PROXY header came in time");
}

/* The header is whole. */
static void
pass_on(struct caller *c)
{
	struct caller_config f = c->config;
	struct addr from = f.proxy;
	uint16_t port = f.proxy_port;
	(void)proxy_client(&c->head, &from, &port);
	leave(c);
	f.known(f.arg, f.fd, &from, port);
}

/* Reads on; false where it has gone, one way or the other. */
static bool
listen_to(struct caller *c)
{
	uint8_t portion[PORTION];
	const char *why = NULL;
	int err = ERR_AGAIN;
	while (err == ERR_AGAIN) {
		size_t want = proxy_wants(&c->head);
		ssize_t got = recv(c->config.fd, portion, want < PORTION ? want : PORTION, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got <= 0) {
			/* Who looks whether somebody listens, and says nothing, is not told of. */
			hang_up(c, c->head.got == 0 ? NULL : "the proxy closed the connection within its PROXY header");
			return false;
		}
		err = proxy_take(&c->head, portion, (size_t)got, &why);
	}
	if (err == 0)
		pass_on(c);
	else
		hang_up(c, why);
	return false;
}

static void
readable(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)listen_to(CONTAINER_OF(source, struct caller, source));
}

void
callers_wait(struct callers *all, const struct caller_config *config)
{
	struct caller *c = MEM_NEW(struct caller);
	list_init(&c->hook);
	c->all = all;
	c->config = *config;
	c->source = (struct loop_source){ config->fd, readable };
	c->deadline.fire = deadline_due;
	if (!listen_to(c))
		return;
	if (all->n >= all->max)
		hang_up(CONTAINER_OF(all->waiting.next, struct caller, hook),
		    "too many PROXY headers are waited for; this one for longest");
	list_add(&all->waiting, &c->hook);
	all->n++;
	loop_add(all->loop, &c->source, EPOLLIN);
	timer_set(loop_timers(all->loop), &c->deadline, loop_now(all->loop) + all->deadline_ns);
}

void
callers_forget(struct callers *all, const void *arg)
{
	LIST_FOREACH(hook, &all->waiting) {
		struct caller *c = CONTAINER_OF(hook, struct caller, hook);
		if (c->config.arg == arg)
			hang_up(c, NULL);
	}
}
