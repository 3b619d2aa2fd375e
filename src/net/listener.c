/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every listener is watched by the first loop; an accepted socket goes by a
 * message to the loop whose turn it is. Each loop has its own list of its
 * connections, those without a login in the order they came; counters are
 * atomic or, by address, under one lock.
 *
 * A few places are kept for addresses that an operator has logged in from
 * lately: a flood from elsewhere neither fills them nor pushes their logins out.
 *
 * What comes from a proxy waits for its header (callers.h) and is then treated as if it had been
 * accepted from the client's address: limits, rates and all that follows see no other.
 */
#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/acceptor.h"
#include "net/callers.h"

#define BACKLOG		1024
#define VOUCHED_MAX	64	/* addresses that are remembered */
#define KEPT		8	/* places for them: in all, and before the login on each loop */

/* What is counted by address. */
struct from {
	unsigned all, login;
	struct addr addr;
};

/* One loop's connections. */
struct crowd {
	struct loop *loop;
	struct list login, ready;
	unsigned login_n;
	unsigned kept_n;		/* of them, on kept places */
	unsigned waiting;		/* login_n and those on their way here; under the lock */
};

struct listeners {
	struct listeners_config config;
	struct crowd *crowds;
	struct callers *callers;	/* the accepting loop's */
	struct lock lock;
	struct map *by_addr;
	struct list listeners;		/* their memory stays: connections log through them */
	unsigned count, turn;
	struct addr vouched[VOUCHED_MAX];
	unsigned vouched_n;		/* ever; the oldest gives way */
};

/* Put beside each connection: what listeners know of it. */
struct guest {
	struct list hook;
	struct conn *conn;
	struct listeners *all;
	struct crowd *crowd;
	struct addr addr;
	bool waiting;			/* for its login */
	bool kept;			/* on a place kept for its address */
};

struct listener {
	struct list hook;
	struct acceptor acceptor;
	struct listeners *all;
	struct listener_config config;
	void *_Atomic arg;		/* of config, or its successor */
	const struct cidr_list *_Atomic proxies;	/* in the same way */
	struct event ev;
	struct post opening, closing;	/* two: one may wait behind the other */
	pthread_cond_t done;
	bool closed;
};

/* A socket on its way to its loop. */
struct arrival {
	struct post post;
	struct listener *listener;
	struct crowd *crowd;
	int fd;
	struct addr addr;
	uint16_t port;
	bool vouched;
	bool over;			/* it takes the place of one that has not logged in */
};

struct listeners *
listeners_create(const struct listeners_config *config)
{
	struct listeners *all = MEM_NEW(struct listeners);
	all->config = *config;
	all->crowds = mem_zalloc(config->loops_n * sizeof(*all->crowds));
	for (unsigned i = 0; i < config->loops_n; i++) {
		all->crowds[i].loop = config->loops[i];
		list_init(&all->crowds[i].login);
		list_init(&all->crowds[i].ready);
	}
	all->callers = callers_create(config->loops[0], config->proxy_ns, config->proxy_max);
	lock_init(&all->lock, LOCK_PEERS);
	all->by_addr = map_create();
	list_init(&all->listeners);
	return all;
}

void
listeners_destroy(struct listeners **all)
{
	if (*all == NULL)
		return;
	LIST_FOREACH(hook, &(*all)->listeners)
		mem_free(CONTAINER_OF(hook, struct listener, hook));
	callers_destroy(&(*all)->callers);
	map_destroy(&(*all)->by_addr);
	lock_free(&(*all)->lock);
	mem_free((*all)->crowds);
	mem_free(*all);
	*all = NULL;
}

void
listeners_set_max(struct listeners *all, unsigned max, unsigned max_per_ip,
    unsigned login_max, unsigned login_max_per_ip)
{
	lock_take(&all->lock);
	all->config.max = max;
	all->config.max_per_ip = max_per_ip;
	all->config.login_max = login_max;
	all->config.login_max_per_ip = login_max_per_ip;
	lock_drop(&all->lock);
}

unsigned
listeners_count(const struct listeners *all)
{
	struct listeners *a = (struct listeners *)(uintptr_t)all;
	lock_take(&a->lock);
	unsigned n = a->count;
	lock_drop(&a->lock);
	return n;
}

static struct name
addr_key(const struct addr *a)
{
	return NAME(a->family, ((struct str){ (const char *)a->b, sizeof(a->b) }));
}

/* Lock held. */
static bool
is_vouched(const struct listeners *all, const struct addr *addr)
{
	for (unsigned i = 0; i < all->vouched_n && i < VOUCHED_MAX; i++)
		if (addr_eq(&all->vouched[i], addr))
			return true;
	return false;
}

void
listener_vouch(struct conn *conn)
{
	struct guest *g = conn_gone_arg(conn);
	struct listeners *all = g->all;
	lock_take(&all->lock);
	if (!is_vouched(all, &g->addr))
		all->vouched[all->vouched_n++ % VOUCHED_MAX] = g->addr;
	lock_drop(&all->lock);
}

/* The loop whose turn it is; where the house is full, one that has somebody to
 * close, or NULL, also where too many are already on their way. Lock held. */
static struct crowd *
choose_crowd(struct listeners *all, bool full)
{
	struct crowd *best = &all->crowds[all->turn++ % all->config.loops_n];
	for (unsigned i = 0; full && i < all->config.loops_n; i++)
		if (all->crowds[i].waiting > best->waiting)
			best = &all->crowds[i];
	bool refuse = best->waiting == 0 || all->count >= (uint64_t)all->config.max + KEPT + ACCEPTS_A_TURN;
	return full && refuse ? NULL : best;
}

/* Counts one more from the arrival's address and finds it a loop, or says why not. */
static const char *
admit(struct listeners *all, struct arrival *a)
{
	const char *why = NULL;
	lock_take(&all->lock);
	struct from *f = map_get(all->by_addr, addr_key(&a->addr));
	a->vouched = is_vouched(all, &a->addr);
	a->over = all->count >= all->config.max + (a->vouched ? KEPT : 0);
	a->crowd = choose_crowd(all, a->over);
	if (a->crowd == NULL)
		why = "max.connections is reached";
	else if (f != NULL && f->all >= all->config.max_per_ip)
		why = "max.connections.per.ip is reached";
	else if (f != NULL && f->login >= all->config.login_max_per_ip)
		why = "login.max.connections.per.ip is reached";
	if (why == NULL) {
		if (f == NULL) {
			f = MEM_NEW(struct from);
			f->addr = a->addr;
			map_put(all->by_addr, addr_key(&f->addr), f);
		}
		f->all++;
		f->login++;
		all->count++;
		a->crowd->waiting++;
	}
	lock_drop(&all->lock);
	return why;
}

/* login: the crowd where it waited for its login, or NULL where it does not any more. */
static void
discount(struct listeners *all, const struct addr *addr, struct crowd *login, bool gone)
{
	lock_take(&all->lock);
	struct from *f = map_get(all->by_addr, addr_key(addr));
	if (login != NULL) {
		f->login--;
		login->waiting--;
	}
	if (gone) {
		f->all--;
		all->count--;
	}
	if (f->all == 0) {
		map_del(all->by_addr, addr_key(addr));
		mem_free(f);
	}
	lock_drop(&all->lock);
}

/* It waits no more. */
static void
step_aside(struct guest *g)
{
	list_del(&g->hook);
	g->waiting = false;
	g->crowd->login_n--;
	g->crowd->kept_n -= g->kept;
}

static void
guest_gone(void *arg, const struct conn *conn)
{
	struct guest *g = arg;
	bool waiting = g->waiting;
	(void)conn;
	if (waiting)
		step_aside(g);
	else
		list_del(&g->hook);
	discount(g->all, &g->addr, waiting ? g->crowd : NULL, true);
	mem_free(g);
}

void
listener_logged_in(struct conn *conn)
{
	struct guest *g = conn_gone_arg(conn);
	if (!g->waiting)
		return;
	step_aside(g);
	list_add(&g->crowd->ready, &g->hook);
	discount(g->all, &g->addr, g->crowd, false);
}

void
listeners_each(struct listeners *all, struct loop *loop,
    void (*each)(struct conn *conn, void *arg), void *arg)
{
	for (unsigned i = 0; i < all->config.loops_n; i++) {
		struct crowd *c = &all->crowds[i];
		if (c->loop != loop)
			continue;
		LIST_FOREACH(hook, &c->ready)
			each(CONTAINER_OF(hook, struct guest, hook)->conn, arg);
		LIST_FOREACH(hook, &c->login)
			each(CONTAINER_OF(hook, struct guest, hook)->conn, arg);
	}
}

/* Who has waited longest on a place that is not kept for him. */
static struct guest *
oldest_of(struct crowd *c)
{
	LIST_FOREACH(hook, &c->login) {
		struct guest *g = CONTAINER_OF(hook, struct guest, hook);
		if (!g->kept)
			return g;
	}
	return NULL;
}

static void
close_waiting(struct guest *g, const char *why)
{
	step_aside(g); /* it goes at the end of the turn */
	discount(g->all, &g->addr, g->crowd, false);
	conn_close(g->conn, why);
}

/* Whether it waits on a place that is kept for its address. */
static bool
takes_kept(const struct arrival *a)
{
	return a->vouched && a->crowd->kept_n < KEPT;
}

/* Closes those in whose place this one comes; false where there is none (any more). share: how many of
 * the crowd may wait on other places than the kept ones. */
static bool
make_room(struct arrival *a, unsigned share)
{
	struct crowd *c = a->crowd;
	struct guest *oldest = oldest_of(c);
	if (a->over && oldest == NULL && a->vouched && !list_empty(&c->login))
		oldest = CONTAINER_OF(c->login.next, struct guest, hook);
	if (a->over && oldest == NULL)
		return false;
	if (a->over)
		close_waiting(oldest, "max.connections is reached; this one has waited longest for its login");
	while (c->login_n - c->kept_n + !takes_kept(a) > share && (oldest = oldest_of(c)) != NULL)
		close_waiting(oldest, "too many have not logged in; this one has waited longest");
	return true;
}

static void
arrived(struct post *post)
{
	struct arrival *a = CONTAINER_OF(post, struct arrival, post);
	struct listener *l = a->listener;
	struct listeners *all = l->all;
	struct loop *loop = a->crowd->loop;
	struct transport *t = NULL;
	void *arg = atomic_load(&l->arg);
	if (make_room(a, (all->config.login_max + all->config.loops_n - 1) / all->config.loops_n))
		t = l->config.transport(arg, a->fd, loop);
	if (t == NULL) {
		close(a->fd);
		discount(all, &a->addr, a->crowd, true);
		mem_free(a);
		return;
	}
	struct guest *g = MEM_NEW(struct guest);
	*g = (struct guest){ .all = all, .crowd = a->crowd, .addr = a->addr, .waiting = true,
		.kept = takes_kept(a) };
	list_init(&g->hook);
	list_add(&a->crowd->login, &g->hook);
	a->crowd->login_n++;
	a->crowd->kept_n += g->kept;
	g->conn = conn_create(&(struct conn_config){ .loop = loop, .fd = a->fd, .transport = t,
	    .peer = a->addr, .peer_port = a->port, .ops = l->config.ops, .listener = arg,
	    .limits = all->config.limits, .ev = &l->ev, .gone = guest_gone, .gone_arg = g });
	mem_free(a);
}

static void
welcome(void *arg, int fd, const struct addr *from, uint16_t port)
{
	struct listener *l = arg;
	char text[ADDR_TEXT];
	int one = 1;
	struct arrival *a = MEM_NEW(struct arrival);
	*a = (struct arrival){ .listener = l, .fd = fd, .port = port, .addr = *from };
	a->post.run = arrived;
	const struct listeners_config *f = &l->all->config;
	const char *why = f->admit != NULL && !f->admit(f->admit_arg, &a->addr, loop_now(f->loops[0])) ?
	    "connection_creation_rate is reached" : admit(l->all, a);
	if (why != NULL) {
		ev_info(&l->ev, "refused a connection from %s: %s", addr_format(&a->addr, text), why);
		close(fd);
		mem_free(a);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	loop_post(a->crowd->loop, &a->post);
}

static void
accepted(struct acceptor *a, int fd, const struct sockaddr_storage *ss)
{
	struct listener *l = CONTAINER_OF(a, struct listener, acceptor);
	struct addr from = addr_from_sockaddr((const struct sockaddr *)(const void *)ss);
	const struct cidr_list *proxies = atomic_load(&l->proxies);
	if (proxies != NULL && cidr_list_has(proxies, &from))
		callers_wait(l->all->callers, &(struct caller_config){ .fd = fd, .proxy = from,
		    .proxy_port = acceptor_port_of(ss), .ev = &l->ev, .known = welcome, .arg = l });
	else
		welcome(l, fd, &from, acceptor_port_of(ss));
}

static int
bind_one(const struct addrinfo *ai)
{
	int one = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int keep = errno;
	close(fd);
	errno = keep;
	return -1;
}

static const char *
advice_for(int error)
{
	return error == EADDRINUSE ? ": another program listens there" :
	    error == EADDRNOTAVAIL ? ": no address of this machine" :
	    error == EACCES ? ": ports below 1024 need CAP_NET_BIND_SERVICE" : "";
}

int
listener_bind(const char *host, uint16_t port, int *ret_fd, struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	bool any = strcmp(host, "*") == 0;
	char service[8];
	int fd = -1;
	snprintf(service, sizeof(service), "%u", port);
	hints.ai_family = any ? AF_INET6 : AF_UNSPEC;
	int rc = getaddrinfo(any ? NULL : host, service, &hints, &list);
	if (rc != 0)
		return why_set(why, ERR_NOTFOUND, "%s: %s", host, gai_strerror(rc));
	for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = bind_one(ai);
	int err = fd >= 0 ? 0 : why_set(why, err_from_errno(errno), "%s:%u: %s%s", host, port, strerror(errno),
	    advice_for(errno));
	freeaddrinfo(list);
	if (err == 0)
		*ret_fd = fd;
	return err;
}

int
listener_create(struct listeners *all, const struct listener_config *config,
    struct listener **ret, struct why *why)
{
	int fd = -1, err = listener_bind(config->host, config->port, &fd, why);
	if (err != 0)
		return err;
	struct listener *l = MEM_NEW(struct listener);
	l->all = all;
	l->config = *config;
	atomic_init(&l->arg, config->arg);
	atomic_init(&l->proxies, config->proxies);
	lock_cond_init(&l->done);
	list_add(&all->listeners, &l->hook);
	event_child(&l->ev, config->ev, "listener", str_from(config->name));
	acceptor_init(&l->acceptor, all->config.loops[0], fd, &l->ev, accepted);
	*ret = l;
	return 0;
}

static void
open_on_loop(struct post *post)
{
	struct listener *l = CONTAINER_OF(post, struct listener, opening);
	acceptor_open(&l->acceptor);
}

void
listener_open(struct listener *l)
{
	l->opening.run = open_on_loop;
	loop_post(l->all->config.loops[0], &l->opening);
}

static void
close_on_loop(struct post *post)
{
	struct listener *l = CONTAINER_OF(post, struct listener, closing);
	acceptor_shut(&l->acceptor);
	callers_forget(l->all->callers, l);
	lock_take(&l->all->lock);
	l->closed = true;
	pthread_cond_signal(&l->done);
	lock_drop(&l->all->lock);
}

void
listener_destroy(struct listener **listener)
{
	struct listener *l = *listener;
	if (l == NULL)
		return;
	if (l->opening.run != NULL) {
		l->closing.run = close_on_loop;
		loop_post(l->all->config.loops[0], &l->closing);
		lock_take(&l->all->lock);
		while (!l->closed)
			lock_wait(&l->all->lock, &l->done);
		lock_drop(&l->all->lock);
	}
	close(l->acceptor.source.fd);
	l->acceptor.source.fd = -1;
	pthread_cond_destroy(&l->done);
	*listener = NULL;
}

void
listener_turn(struct listener *l, void *arg, const struct cidr_list *proxies)
{
	atomic_store(&l->arg, arg);
	atomic_store(&l->proxies, proxies);
}

uint16_t
listener_port(const struct listener *l)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	return getsockname(l->acceptor.source.fd, (struct sockaddr *)&ss, &n) == 0 ? acceptor_port_of(&ss) : 0;
}
