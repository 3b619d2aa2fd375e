/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One socket, level-triggered. A failure ends the program with its reason: a
 * measurement with half of its connections is none.
 */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_MAX	(128u << 20)
#define READ	(256u << 10)

static void
die(const struct stream *s, const char *what)
{
	fprintf(stderr, "load: connection %d: %s\n", s->number, what);
	exit(1);
}

static void
watch(struct stream *s, int epoll, int op, bool write)
{
	struct epoll_event e = { .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = s };
	s->wants_write = write;
	if (epoll_ctl(epoll, op, s->fd, &e) != 0)
		die(s, strerror(errno));
}

void
stream_open(struct stream *s, const struct props *props, int epoll, int number)
{
	struct why why = { "" };
	int one = 1;
	*s = (struct stream){ .number = number };
	if (conn_open(props, NULL, &s->conn, &why) != 0)
		die(s, why.text);
	s->fd = conn_fd(s->conn);
	s->tls = conn_tls(s->conn);
	buf_init(&s->in, IN_MAX);
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (s->tls != NULL)
		SSL_set_mode(s->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		    SSL_MODE_RELEASE_BUFFERS);
	watch(s, epoll, EPOLL_CTL_ADD, false);
}

void
stream_close(struct stream *s)
{
	buf_free(&s->in);
	conn_close(&s->conn);
}

/* Bytes written; 0: the socket takes no more now. */
static size_t
put(struct stream *s, const uint8_t *p, size_t n)
{
	if (s->tls == NULL) {
		ssize_t done = send(s->fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			die(s, strerror(errno));
		return done < 0 ? 0 : (size_t)done;
	}
	int done = SSL_write(s->tls, p, (int)n);
	if (done > 0)
		return (size_t)done;
	int err = SSL_get_error(s->tls, done);
	if (err != SSL_ERROR_WANT_WRITE && err != SSL_ERROR_WANT_READ)
		die(s, "TLS failed while writing");
	return 0;
}

static size_t
get(struct stream *s, uint8_t *p, size_t n)
{
	if (s->tls == NULL) {
		ssize_t done = recv(s->fd, p, n, 0);
		if (done == 0 || (done < 0 && errno != EAGAIN && errno != EINTR))
			die(s, done == 0 ? "closed by the broker" : strerror(errno));
		return done < 0 ? 0 : (size_t)done;
	}
	int done = SSL_read(s->tls, p, (int)n);
	if (done > 0)
		return (size_t)done;
	int err = SSL_get_error(s->tls, done);
	if (err != SSL_ERROR_WANT_WRITE && err != SSL_ERROR_WANT_READ)
		die(s, "closed by the broker, or TLS failed");
	return 0;
}

static void
flush(struct stream *s, int epoll)
{
	while (s->sent != s->queued) {
		struct frame *f = &s->flight[s->sent % STREAM_FLIGHT];
		if (s->at == 0) {
			uint32_t correlation = htonl(s->sent);
			memcpy(f->p + 8, &correlation, 4);
		}
		size_t n = put(s, f->p + s->at, f->n - s->at);
		if (n == 0)
			break;
		s->at += n;
		if (s->at == f->n) {
			s->at = 0;
			s->sent++;
		}
	}
	if ((s->sent != s->queued) != s->wants_write)
		watch(s, epoll, EPOLL_CTL_MOD, !s->wants_write);
}

bool
stream_send(struct stream *s, int epoll, uint8_t *p, size_t n, uint64_t when)
{
	if (stream_under_way(s) == STREAM_FLIGHT)
		return false;
	s->flight[s->queued++ % STREAM_FLIGHT] = (struct frame){ p, n, when };
	flush(s, epoll);
	return true;
}

void
stream_move(struct stream *s, int epoll)
{
	flush(s, epoll);
	if (s->in_at > 0) {
		buf_consume(&s->in, s->in_at);
		s->in_at = 0;
	}
	for (;;) {
		if (buf_reserve(&s->in, READ) != 0)
			die(s, "an answer is too large");
		size_t n = get(s, s->in.p + s->in.n, READ);
		if (n == 0)
			break;
		s->in.n += n;
		if (s->in.n > 4 * READ)
			break;
	}
}

const uint8_t *
stream_answer(struct stream *s, size_t *ret_n, struct frame *ret)
{
	const uint8_t *p = s->in.p + s->in_at;
	size_t left = s->in.n - s->in_at;
	uint32_t n, correlation;
	if (left < 8)
		return NULL;
	memcpy(&n, p, 4);
	memcpy(&correlation, p + 4, 4);
	n = ntohl(n);
	if (left - 4 < n)
		return NULL;
	if (ntohl(correlation) != s->answered || s->answered == s->sent)
		die(s, "an answer to another request");
	*ret = s->flight[s->answered++ % STREAM_FLIGHT];
	*ret_n = n;
	s->in_at += 4 + (size_t)n;
	return p + 4;
}
