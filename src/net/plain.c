/* SPDX-License-Identifier: Apache-2.0 */
#include "net/plain.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"

static int
socket_error(void)
{
	return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
}

static int
plain_handshake(struct transport *t)
{
	(void)t;
	return 0;
}

static int
plain_read(struct transport *t, void *p, size_t n, size_t *ret_n)
{
	ssize_t got = recv(t->fd, p, n, 0);
	t->dry = got < (ssize_t)n;
	if (got < 0)
		return socket_error();
	if (got == 0)
		return ERR_CLOSED;
	*ret_n = (size_t)got;
	return 0;
}

static int
plain_write(struct transport *t, const struct iovec *iov, int count, size_t *ret_n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)(count > IOV_MAX ? IOV_MAX : count) };
	ssize_t put = count == 1 ? send(t->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
	    : sendmsg(t->fd, &m, MSG_NOSIGNAL);
	if (put < 0)
		return socket_error();
	*ret_n = (size_t)put;
	return 0;
}

static int
plain_flush(struct transport *t)
{
	(void)t;
	return 0;
}

static int
plain_pending(const struct transport *t)
{
	(void)t;
	return 0;
}

static const char *
plain_reason(const struct transport *t)
{
	(void)t;
	return "the peer closed the connection";
}

static void
plain_destroy(struct transport **t)
{
	mem_free(*t);
	*t = NULL;
}

static const struct transport_ops plain_ops = { plain_handshake, plain_read, plain_write,
	plain_flush, plain_pending, plain_reason, plain_destroy };

struct transport *
plain_create(int fd)
{
	struct transport *t = MEM_NEW(struct transport);
	t->ops = &plain_ops;
	t->fd = fd;
	return t;
}
