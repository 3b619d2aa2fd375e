/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * How bytes cross a connected socket: in the clear (net/plain.h) or under TLS
 * (security/tls.h). Non-blocking; used by the one thread that owns the
 * connection. ERR_AGAIN means: when the socket is readable (handshake, read) or
 * writable (write, flush) again.
 */
struct transport;

/* Large buffers that all connections of one thread share for the length of one
 * call: nothing in them outlives it. */
struct transport_scratch {
	unsigned char *plain;		/* what a connection reads */
	unsigned char *in, *out;	/* ciphertext as received, and to be sent */
	size_t size;			/* of each */
};

struct transport_ops {
	/* 0 when the connection may be used; ERR_AGAIN; ERR_DENIED, ERR_CLOSED. */
	int (*handshake)(struct transport *t);
	/* At least one byte, or ERR_AGAIN, ERR_CLOSED, ERR_CORRUPT. Sets `dry`. */
	int (*read)(struct transport *t, void *p, size_t n, size_t *ret_n);
	/* Takes some or all of the bytes; ERR_AGAIN if none. Taken is not sent: see flush. */
	int (*write)(struct transport *t, const struct iovec *iov, int count, size_t *ret_n);
	/* Sends what was taken and not sent; 0 when nothing is left. */
	int (*flush)(struct transport *t);
	/* Bytes were received that a read would give without touching the socket. */
	int (*pending)(const struct transport *t);
	/* Why the last call failed, for the log; never NULL. */
	const char *(*reason)(const struct transport *t);
	/* Says goodbye where the protocol has a way to, frees; closes no descriptor. */
	void (*destroy)(struct transport **t);
};

struct transport {
	const struct transport_ops *ops;
	int fd;
	bool dry;			/* the last read got less than it asked the socket for: nobody need
					 * ask again before epoll says so */
};
