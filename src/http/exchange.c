/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection. What it does next is decided at the end of each turn that it had a part in: send what there is, make
 * the next part of an answer, begin with the next request, or be freed. So a route may answer from wherever it is
 * called, a long answer costs one part a turn, and a connection has one request a turn, however many have come. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/private.h"

#define READ_BYTES	4096
#define OUT_MAX		(1u << 20)

static void ready(struct loop_source *source, uint32_t events);
static void turn_ends(struct loop_task *task);
static void too_late(struct timer *timer, uint64_t now);

static void
defer(struct http_exchange *x)
{
	if (list_empty(&x->task.hook))
		loop_defer(x->server->loop, &x->task);
}

/* Moves on, and to the end of those that may have to go. */
static void
become(struct http_exchange *x, enum exchange_state state)
{
	x->state = state;
	list_del(&x->hook);
	list_add(&x->server->conns, &x->hook);
}

static void
give_until(struct http_exchange *x, uint64_t ns)
{
	timer_set(loop_timers(x->server->loop), &x->timer, loop_now(x->server->loop) + ns);
}

void
http_open(struct http_server *s, int fd, struct transport *t, const struct addr *peer, uint16_t port, void *listener_arg,
    const struct event *ev)
{
	struct http_exchange *x = MEM_NEW(struct http_exchange);
	char text[ADDR_TEXT];
	x->server = s;
	x->source = (struct loop_source){ fd, ready };
	x->transport = t;
	x->peer = *peer;
	x->listener_arg = listener_arg;
	x->number = ++s->count;
	x->timer.fire = too_late;
	x->task.run = turn_ends;
	list_init(&x->task.hook);
	list_init(&x->hook);
	buf_init(&x->next, HTTP_HEAD_MAX);
	buf_init(&x->out, OUT_MAX);
	http_request_begin(&x->request);
	snprintf(x->peer_text, sizeof(x->peer_text), peer->family == 6 ? "[%s]:%u" : "%s:%u", addr_format(peer, text), port);
	event_child(&x->ev, ev, "peer", str_from(x->peer_text));
	become(x, EX_HANDSHAKE);
	s->conns_n++;
	x->events = EPOLLIN;
	loop_add(s->loop, &x->source, x->events);
	give_until(x, s->config.limits.tls_ns);
}

/* The answer's maker, or who waits, is told once. */
static void
end_answer(struct http_exchange *x)
{
	void (*end)(void *arg) = x->end;
	x->part = NULL;
	x->end = NULL;
	if (end != NULL)
		end(x->arg);
}

void
http_close(struct http_exchange *x, const char *why)
{
	if (x->state == EX_CLOSED)
		return;
	if (why != NULL)
		ev_info(&x->ev, "closed: %s", why);
	x->state = EX_CLOSED;
	list_del(&x->hook);
	x->server->conns_n--;
	timer_cancel(loop_timers(x->server->loop), &x->timer);
	loop_remove(x->server->loop, &x->source);
	end_answer(x);
	if (x->memory != NULL)
		x->server->config.forget(x->memory);
	x->memory = NULL;
	defer(x);
}

static void
free_it(struct http_exchange *x)
{
	uint8_t rest[READ_BYTES];
	/* Bytes that nobody has read would have the kernel reset the connection, and the peer never see his answer. */
	for (int i = 0; i < 64 && recv(x->source.fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
		continue;
	x->transport->ops->destroy(&x->transport);
	close(x->source.fd);
	http_request_clean(&x->request);
	buf_free_secret(&x->next);
	buf_free(&x->out);
	mem_free(x);
}

static void
too_late(struct timer *timer, uint64_t now)
{
	static const char *const why[] = {
		[EX_HANDSHAKE] = "the TLS handshake took too long",
		[EX_HEAD] = NULL,
		[EX_SERVE] = "the answer took too long",
		[EX_SEND] = "the peer takes no answer",
	};
	struct http_exchange *x = CONTAINER_OF(timer, struct http_exchange, timer);
	const struct http_limits *l = &x->server->config.limits;
	uint64_t end = x->progress + l->stall_ns, all = x->asked + l->answer_ns;
	if (x->state == EX_SEND && now < end && now < all)
		timer_set(loop_timers(x->server->loop), timer, end < all ? end : all);
	else
		http_close(x, x->state == EX_HEAD && x->request.n > 0 ? "the request took too long" : why[x->state]);
}

/* ---- reading ---- */

static void
refuse_request(struct http_exchange *x)
{
	x->request.keep_alive = false;
	become(x, EX_SERVE);
	http_answer(x, x->request.status, "text/plain; charset=utf-8", STR("the request is malformed, or more than is taken here\n"), "");
}

static void
serve(struct http_exchange *x)
{
	const struct http_request *r = &x->request;
	become(x, EX_SERVE);
	x->asked = loop_now(x->server->loop);
	give_until(x, x->server->config.limits.answer_ns);
	for (const struct http_route *route = x->server->config.routes; route->path != NULL; route++) {
		if (!str_is(r->path, route->path))
			continue;
		if (r->get || r->head_only)
			route->serve(x);
		else
			http_answer(x, 405, "text/plain; charset=utf-8", STR("only GET and HEAD\n"), "Allow: GET, HEAD\r\n");
		return;
	}
	http_answer(x, 404, "text/plain; charset=utf-8", STR("there is nothing here\n"), "");
}

/* Bytes that have come; the rest, behind the end of a request, is kept. */
static void
take(struct http_exchange *x, const uint8_t *p, size_t n)
{
	size_t used;
	bool began = x->request.n == 0;
	switch (http_request_read(&x->request, p, n, &used)) {
	case HTTP_MORE:
		if (began)
			give_until(x, x->server->config.limits.head_ns);
		return;
	case HTTP_BAD:
		refuse_request(x);
		return;
	case HTTP_WHOLE:
		break;
	}
	if (used < n && buf_add(&x->next, p + used, n - used) != 0) {
		http_close(x, "too many requests at once");
		return;
	}
	serve(x);
}

/* Of one request; what is behind it is read in another turn. */
static void
read_some(struct http_exchange *x)
{
	uint8_t bytes[READ_BYTES];
	size_t n;
	struct buf came = x->next;
	x->more = false;
	buf_init(&x->next, HTTP_HEAD_MAX);
	if (came.n > 0)
		take(x, came.p, came.n);
	buf_free_secret(&came);
	while (x->state == EX_HEAD) {
		int err = x->transport->ops->read(x->transport, bytes, sizeof(bytes), &n);
		if (err == ERR_AGAIN)
			break;
		if (err != 0)
			http_close(x, err == ERR_CLOSED ? NULL : x->transport->ops->reason(x->transport));
		else {
			take(x, bytes, n);
			mem_cleanse(bytes, n); /* it may be a password */
		}
	}
}

static void
shake(struct http_exchange *x)
{
	int err = x->transport->ops->handshake(x->transport);
	if (err == ERR_AGAIN)
		return;
	if (err != 0) {
		http_close(x, x->transport->ops->reason(x->transport));
		return;
	}
	become(x, EX_HEAD);
	give_until(x, x->server->config.limits.head_ns);
	read_some(x);
}

static void
ready(struct loop_source *source, uint32_t events)
{
	struct http_exchange *x = CONTAINER_OF(source, struct http_exchange, source);
	if (x->state == EX_HANDSHAKE)
		shake(x);
	else if (x->state == EX_HEAD)
		read_some(x);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		http_close(x, NULL);
	defer(x);
}

/* ---- answering ---- */

static const char *
reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 413, "Content Too Large" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

/* Small, and from us. length < 0: it is not known. */
static void
add_head(struct http_exchange *x, unsigned status, const char *type, int64_t length, const char *extra)
{
	char size[48] = "";
	x->last = !x->request.keep_alive || (length < 0 && !x->request.v1_1);
	if (length >= 0)
		snprintf(size, sizeof(size), "Content-Length: %" PRId64 "\r\n", length);
	else if (x->request.v1_1)
		snprintf(size, sizeof(size), "Transfer-Encoding: chunked\r\n");
	(void)buf_printf(&x->out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n%sCache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n%s%s\r\n", status, reason_of(status), type, size, extra,
	    x->last ? "Connection: close\r\n" : "");
}

static void
begin_sending(struct http_exchange *x)
{
	const struct http_limits *l = &x->server->config.limits;
	become(x, EX_SEND);
	x->progress = loop_now(x->server->loop);
	give_until(x, l->stall_ns);
	defer(x);
}

void
http_answer(struct http_exchange *x, unsigned status, const char *type, struct str text, const char *extra)
{
	x->end = NULL;
	x->part = NULL;
	add_head(x, status, type, (int64_t)text.n, extra);
	if (!x->request.head_only)
		(void)buf_add_str(&x->out, text);
	begin_sending(x);
}

void
http_stream(struct http_exchange *x, const char *type, bool (*part)(void *arg, struct buf *out), void (*end)(void *arg), void *arg)
{
	add_head(x, 200, type, -1, "");
	x->chunked = x->request.v1_1;
	x->part = part;
	x->end = end;
	x->arg = arg;
	if (x->request.head_only)
		end_answer(x);
	begin_sending(x);
}

void
http_abandon(struct http_exchange *x, const char *why)
{
	x->abandoned = why;
}

void
http_wait(struct http_exchange *x, void (*gone)(void *arg), void *arg)
{
	x->end = gone;
	x->arg = arg;
}

/* The next part of a stream, framed; the size of a chunk is known afterwards and has its place before. */
static void
make_part(struct http_exchange *x)
{
	static const char room[] = "00000000\r\n";
	char size[24];
	size_t at = x->out.n, head = x->chunked ? sizeof(room) - 1 : 0;
	(void)buf_add(&x->out, room, head);
	bool more = x->part(x->arg, &x->out);
	size_t n = x->out.n - at - head;
	if (x->chunked && n > 0) {
		snprintf(size, sizeof(size), "%08x\r\n", (unsigned)n);
		memcpy(x->out.p + at, size, head);
		(void)buf_add_str(&x->out, STR("\r\n"));
	} else
		x->out.n = at + n;
	if (more)
		return;
	if (x->chunked)
		(void)buf_add_str(&x->out, STR("0\r\n\r\n"));
	end_answer(x);
}

/* 0: all of it is taken; ERR_AGAIN: the peer must take some first. */
static int
send_out(struct http_exchange *x)
{
	int err = x->transport->ops->flush(x->transport);
	while (err == 0 && x->out_at < x->out.n) {
		struct iovec iov = { x->out.p + x->out_at, x->out.n - x->out_at };
		size_t put;
		err = x->transport->ops->write(x->transport, &iov, 1, &put);
		if (err != 0)
			break;
		x->out_at += put;
		x->progress = loop_now(x->server->loop);
		err = x->transport->ops->flush(x->transport);
	}
	if (err == 0)
		x->out.n = x->out_at = 0;
	return err;
}

/* The answer is gone: the next request, of which something may be here already, in `next` or in the transport, of which
 * epoll knows nothing. Others come first. */
static void
next_request(struct http_exchange *x)
{
	http_request_clean(&x->request);
	buf_free(&x->out);
	x->chunked = false;
	become(x, EX_HEAD);
	give_until(x, x->server->config.limits.idle_ns);
	x->more = true;
}

/* Sends, and makes one part at most; ERR_AGAIN where epoll has to tell when to go on. */
static int
send_turn(struct http_exchange *x)
{
	int err = send_out(x);
	if (err != 0)
		return err;
	if (x->part != NULL) {
		make_part(x);
		if (x->abandoned != NULL) {
			http_close(x, x->abandoned);
			return 0;
		}
		err = send_out(x);
		if (err != 0 || x->part != NULL)
			return err;
	}
	if (x->last)
		http_close(x, NULL);
	else
		next_request(x);
	return 0;
}

static void
watch(struct http_exchange *x, uint32_t events)
{
	if (events != x->events)
		loop_modify(x->server->loop, &x->source, events);
	x->events = events;
}

static void
turn_ends(struct loop_task *task)
{
	struct http_exchange *x = CONTAINER_OF(task, struct http_exchange, task);
	if (x->state == EX_SEND) {
		int err = send_turn(x);
		if (err != 0 && err != ERR_AGAIN)
			http_close(x, NULL);
	}
	if (x->state == EX_CLOSED) {
		if (list_empty(&x->task.hook))
			free_it(x);
		return;
	}
	/* A socket that can be written wakes the loop for the next part or request, in its next turn. */
	bool reads = x->state == EX_HANDSHAKE || x->state == EX_HEAD;
	watch(x, (reads ? EPOLLIN : 0) | (x->state == EX_SEND || x->more ? EPOLLOUT : 0));
}

/* ---- what it is ---- */

const struct http_request *
http_request_of(const struct http_exchange *x)
{
	return &x->request;
}

void *
http_arg(const struct http_exchange *x)
{
	return x->server->config.arg;
}

void *
http_listener_arg(const struct http_exchange *x)
{
	return x->listener_arg;
}

struct transport *
http_transport(const struct http_exchange *x)
{
	return x->transport;
}

struct loop *
http_loop(const struct http_exchange *x)
{
	return x->server->loop;
}

const struct addr *
http_peer(const struct http_exchange *x)
{
	return &x->peer;
}

const struct event *
http_event(const struct http_exchange *x)
{
	return &x->ev;
}

uint64_t
http_connection(const struct http_exchange *x)
{
	return x->number;
}

void *
http_memory(const struct http_exchange *x)
{
	return x->memory;
}

void
http_set_memory(struct http_exchange *x, void *memory)
{
	x->memory = memory;
}
