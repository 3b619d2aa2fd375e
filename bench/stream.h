/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/conn.h"

/*
 * A connection of the load generator: logged in by src/cli, from then on
 * without blocking. Frames go out from memory that the caller keeps, in order;
 * answers come in whole.
 */
struct frame {
	uint8_t *p;			/* the caller's; its correlation id is written here */
	size_t n;
	uint64_t when;			/* when it should have been sent, for latency */
};

#define STREAM_FLIGHT 512

struct stream {
	struct conn *conn;
	int fd;
	void *tls;
	struct frame flight[STREAM_FLIGHT];	/* a ring: [answered, queued) */
	uint32_t answered, sent, queued;
	size_t at;			/* bytes of flight[sent] that are out */
	struct buf in;
	size_t in_at;			/* bytes of `in` that were taken */
	bool wants_write;		/* epoll watches for it */
	int number;
	int partition;			/* that it fetches, */
	int64_t offset;			/* and from where */
};

/* Logs in; exits with the reason where that fails. */
void stream_open(struct stream *s, const struct props *props, int epoll, int number);
void stream_close(struct stream *s);

/* Queues a frame and sends what the socket takes. False where too much is under way. */
bool stream_send(struct stream *s, int epoll, uint8_t *p, size_t n, uint64_t when);
/* Sends what is left, reads what is there. */
void stream_move(struct stream *s, int epoll);
/* The next whole answer, without its length; valid until stream_move(). ret: the
 * frame that it answers. NULL: none yet. */
const uint8_t *stream_answer(struct stream *s, size_t *ret_n, struct frame *ret);

static inline uint32_t
stream_under_way(const struct stream *s)
{
	return s->queued - s->answered;
}
