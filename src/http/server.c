/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and connections. All of it lives on the server's loop: no lock, no counter that is shared. What other
 * threads want (a listener, the end) is posted, and waited for.
 *
 * A connection reads until a request is whole and then watches for nothing but its end, until the answer is gone. What came
 * with the request and belongs to the next one waits in a small buffer.
 */
#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "http/private.h"
#include "net/acceptor.h"
#include "net/listener.h"
#include "security/network.h"

const struct http_limits http_limits_default = {
	.max = 128, .max_per_ip = 32,
	.tls_ns = 10 * NS_PER_SEC,
	.head_ns = 10 * NS_PER_SEC,
	.idle_ns = 120 * NS_PER_SEC,
	.stall_ns = 15 * NS_PER_SEC,
	.answer_ns = 120 * NS_PER_SEC,
};

struct http_listener {
	struct list hook;
	struct acceptor acceptor;
	struct http_server *server;
	struct http_listener_config config;
	struct event ev;
};

/* ---- on the loop, from elsewhere ---- */

struct errand {
	struct post post;
	void (*run)(void *arg);
	void *arg;
	struct lock lock;
	pthread_cond_t done;
	bool over;
};

static void
errand_run(struct post *post)
{
	struct errand *e = CONTAINER_OF(post, struct errand, post);
	e->run(e->arg);
	lock_take(&e->lock);
	e->over = true;
	pthread_cond_signal(&e->done);
	lock_drop(&e->lock);
}

static void
run_there(struct http_server *s, void (*run)(void *arg), void *arg)
{
	struct errand e = { .post.run = errand_run, .run = run, .arg = arg };
	lock_init(&e.lock, LOCK_PEERS);
	lock_cond_init(&e.done);
	loop_post(s->loop, &e.post);
	lock_take(&e.lock);
	while (!e.over)
		lock_wait(&e.lock, &e.done);
	lock_drop(&e.lock);
	pthread_cond_destroy(&e.done);
	lock_free(&e.lock);
}

/* ---- listeners ---- */

unsigned
http_from_there(const struct http_server *s, const struct addr *peer)
{
	uint8_t there[NETWORK_LEN], other[NETWORK_LEN];
	unsigned n = 0;
	network_of(peer, there);
	LIST_FOREACH(hook, &s->conns) {
		network_of(&CONTAINER_OF(hook, struct http_exchange, hook)->peer, other);
		n += memcmp(there, other, NETWORK_LEN) == 0;
	}
	return n;
}

/* Makes room by closing who has waited longest, with nothing asked or for a login: the answer to a wrong password is
 * late, and must not hold a place from those who need none. False where all are at work. */
static bool
make_room(struct http_server *s)
{
	if (s->conns_n < s->config.limits.max)
		return true;
	LIST_FOREACH(hook, &s->conns) {
		struct http_exchange *x = CONTAINER_OF(hook, struct http_exchange, hook);
		bool idle = x->state == EX_HANDSHAKE || x->state == EX_HEAD;
		if (!idle && (x->state != EX_SERVE || x->memory != NULL))
			continue;
		http_close(x, "all places are taken; this one has waited longest");
		return true;
	}
	return false;
}

static const char *
admit(struct http_server *s, const struct addr *peer)
{
	const struct http_config *f = &s->config;
	if (f->admit != NULL && !f->admit(f->arg, peer, loop_now(s->loop)))
		return "connection_creation_rate is reached";
	if (http_from_there(s, peer) >= f->limits.max_per_ip)
		return "too many connections from this network";
	return make_room(s) ? NULL : "too many connections";
}

static void
welcome(struct acceptor *a, int fd, const struct sockaddr_storage *ss)
{
	struct http_listener *l = CONTAINER_OF(a, struct http_listener, acceptor);
	struct http_server *s = l->server;
	char text[ADDR_TEXT];
	int one = 1;
	struct addr peer = addr_from_sockaddr((const struct sockaddr *)(const void *)ss);
	const char *why = admit(s, &peer);
	struct transport *t = why == NULL ? l->config.transport(l->config.arg, fd, s->loop) : NULL;
	if (why != NULL)
		ev_info(&l->ev, "refused a connection from %s: %s", addr_format(&peer, text), why);
	if (t == NULL) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	http_open(s, fd, t, &peer, acceptor_port_of(ss), l->config.arg, &l->ev);
}

static void
open_listener(void *arg)
{
	struct http_listener *l = arg;
	list_add(&l->server->listeners, &l->hook);
	acceptor_open(&l->acceptor);
}

int
http_listen(struct http_server *s, const struct http_listener_config *config, uint16_t *ret_port, struct why *why)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	int fd, err = listener_bind(config->host, config->port, &fd, why);
	if (err != 0)
		return err;
	struct http_listener *l = MEM_NEW(struct http_listener);
	l->server = s;
	l->config = *config;
	event_child(&l->ev, config->ev, "listener", str_from(config->name));
	acceptor_init(&l->acceptor, s->loop, fd, &l->ev, welcome);
	*ret_port = getsockname(fd, (struct sockaddr *)&ss, &n) == 0 ? acceptor_port_of(&ss) : 0;
	run_there(s, open_listener, l);
	return 0;
}

/* ---- the server ---- */

struct http_server *
http_server_create(const struct http_config *config)
{
	struct http_server *s = MEM_NEW(struct http_server);
	s->config = *config;
	list_init(&s->conns);
	list_init(&s->listeners);
	s->loop = loop_create("http", config->rcu, NULL, NULL);
	return s;
}

struct loop *
http_server_loop(struct http_server *s)
{
	return s->loop;
}

static void
cut(void *arg)
{
	struct http_server *s = arg;
	LIST_FOREACH(hook, &s->conns) {
		struct http_exchange *x = CONTAINER_OF(hook, struct http_exchange, hook);
		if (x->memory != NULL || x->state == EX_SERVE || x->state == EX_SEND)
			http_close(x, NULL);
	}
}

static void
nothing(void *arg)
{
	(void)arg;
}

void
http_server_cut(struct http_server *s)
{
	run_there(s, cut, s);
	run_there(s, nothing, NULL); /* behind what was posted before that */
}

static void
close_all(void *arg)
{
	struct http_server *s = arg;
	LIST_FOREACH(hook, &s->listeners) {
		struct http_listener *l = CONTAINER_OF(hook, struct http_listener, hook);
		acceptor_shut(&l->acceptor);
		close(l->acceptor.source.fd);
	}
	LIST_FOREACH(hook, &s->conns)
		http_close(CONTAINER_OF(hook, struct http_exchange, hook), NULL);
}

void
http_server_destroy(struct http_server **server)
{
	struct http_server *s = *server;
	if (s == NULL)
		return;
	run_there(s, close_all, s);
	run_there(s, nothing, NULL); /* connections are freed at the end of a turn */
	loop_destroy(&s->loop);
	LIST_FOREACH(hook, &s->listeners)
		mem_free(CONTAINER_OF(hook, struct http_listener, hook));
	mem_free(s);
	*server = NULL;
}
