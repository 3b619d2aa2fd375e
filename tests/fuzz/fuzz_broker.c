/* SPDX-License-Identifier: Apache-2.0
 * F11: a sequence of requests to a whole broker in this process: loops, gate, controller,
 * log, groups. The first byte says who sends them (the operator, or nobody who is known);
 * then each begins with a byte: 0 any API and version with a body as it comes, else a
 * Produce whose batch is mended. Held: every answer can be decoded and has the number of its
 * request; the broker goes on answering, on this connection or the next; and at the end
 * the ends of each partition are in order. The broker is made anew now and then. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../small_broker.h"
#include "api/groups.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/partition.h"
#include "wire/codec.h"
#include "wire/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #x, \
	strerror(errno)); abort(); } } while (0)

enum { FRAME_MAX = 8 << 20, CALLS_MAX = 60, FENCE = 0x70000000, PATIENCE_MS = 30, HANG_MS = 60000,
	RUNS_MAX = 400 };

struct host {
	struct small_broker small;
	struct conn_ops ops;
	int runs;
	_Atomic bool operator;		/* who the next connection is */
};

static struct host *host;	/* of the process: libFuzzer hands none in */

/* ---- the broker ---- */

static void *
opened(struct conn *conn, void *arg)
{
	struct session *s = session_ops.opened(conn, arg);
	if (s != NULL && atomic_load(&host->operator))
		small_login(s);
	return s;
}

static void
start(void)
{
	struct host *h = host = MEM_NEW(struct host);
	h->ops = session_ops;
	h->ops.opened = opened;
	small_broker_start(&h->small, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", &h->ops, 2, LOG_LVL_CRIT,
	    FRAME_MAX);
}

static void
stop(void)
{
	if (host != NULL)
		small_broker_stop(&host->small);
	mem_free(host);
	host = NULL;
}

/* ---- a client ---- */

struct client {
	int fd;				/* -1: not connected */
	int32_t sent;			/* number of the last request */
	const struct wire_api *api;	/* of it */
	int version;
	struct arena *arena;
};

static void
hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Closed connections hold their ports for a minute, and one address has too few for an hour
 * of this: the next one is taken in time. */
static void
from_another_address(int fd)
{
	static uint32_t dialled;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (dialled++ >> 13 & 0xff) * 256) };
	int one = 1;
	MUST(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) == 0);
	MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
}

static void
dial(struct client *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(listener_port(host->small.door)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(c->fd >= 0);
	from_another_address(c->fd);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		/* libFuzzer's clock interrupts it: it goes on by itself. */
		struct pollfd p = { c->fd, POLLOUT, 0 };
		socklen_t n = sizeof(errno);
		MUST(errno == EINTR);
		while (poll(&p, 1, HANG_MS) < 0 && errno == EINTR)
			;
		MUST(getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errno, &n) == 0 && errno == 0);
	}
	MUST(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
}

static void
put(struct client *c, const void *p, size_t n)
{
	for (size_t at = 0; at < n && c->fd >= 0;) {
		ssize_t w = send(c->fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
		if (w <= 0)
			hang_up(c);
		else
			at += (size_t)w;
	}
}

static void
send_frame(struct client *c, const struct wire_api *api, int version, int32_t number, const void *body, size_t n)
{
	struct writer w;
	struct pieces pieces;
	if (c->fd < 0)
		dial(c);
	writer_init(&w, c->arena);
	uint8_t *length = writer_hole(&w);
	wire_header_encode(&w, api, version, number, STR("f11"));
	writer_fill(length, (int32_t)(w.n - 4 + n));
	MUST(writer_finish(&w, &pieces) == 0);
	for (int32_t i = 0; i < pieces.n; i++)
		put(c, pieces.v[i].p, pieces.v[i].n);
	put(c, body, n);
}

/* True when n bytes have come; hangs up where the broker did, or says nothing. */
static bool
get(struct client *c, void *p, size_t n, int patience_ms)
{
	for (size_t at = 0; at < n;) {
		struct pollfd f = { c->fd, POLLIN, 0 };
		int ready = poll(&f, 1, patience_ms);
		if (ready < 0 && errno == EINTR)
			continue;
		ssize_t r = ready <= 0 ? -1 : recv(c->fd, (char *)p + at, n - at, 0);
		MUST(ready != 0 || patience_ms != HANG_MS);
		if (r <= 0) {
			hang_up(c);
			return false;
		}
		at += (size_t)r;
	}
	return true;
}

static void
check_answer(struct client *c, const uint8_t *p, size_t n)
{
	struct reader r = reader_of(p, n);
	int32_t number;
	MUST(wire_header_answered(&r, c->api, c->version, &number) == 0);
	MUST(number == c->sent);
	void *out = arena_zalloc(c->arena, c->api->rsp->type->size);
	MUST(wire_decode(c->api->rsp, c->version, &r, c->arena, 0, out) == 0 && reader_end(&r) == 0);
}

/* Reads up to the answer of the fence, which comes last where it comes. */
static void
hear(struct client *c, int patience_ms)
{
	uint8_t head[8];
	bool fenced = false;
	while (!fenced && c->fd >= 0 && get(c, head, 4, patience_ms)) {
		uint32_t n = (uint32_t)be_get(head, 4);
		MUST(n >= 4 && n < 64u << 20);
		uint8_t *p = mem_alloc(n);
		if (get(c, p, n, HANG_MS)) {
			fenced = be_get(p, 4) == FENCE;
			if (!fenced)
				check_answer(c, p, n);
		}
		mem_free(p);
	}
}

static void
call(struct client *c, const struct wire_api *api, int version, const void *body, size_t n, int patience_ms)
{
	static const struct wire_api *versions;
	if (versions == NULL)
		versions = wire_api_find(WIRE_KEY_API_VERSIONS);
	c->api = api;
	c->version = version;
	send_frame(c, api, version, ++c->sent, body, n);
	if (c->fd >= 0)
		send_frame(c, versions, 0, FENCE, NULL, 0);
	hear(c, patience_ms);
}

/* ---- what the input says ---- */

struct input {
	const uint8_t *p;
	size_t n;
};

static unsigned
byte(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static struct input
rest(struct input *in)
{
	size_t n = byte(in) << 8;
	n |= byte(in);
	struct input out = { in->p, n < in->n ? n : in->n };
	in->p += out.n;
	in->n -= out.n;
	return out;
}

static void
any(struct client *c, struct input *in)
{
	const struct wire_api *api = &wire_apis[byte(in) % (unsigned)wire_apis_n];
	int version = api->lo + (int)(byte(in) % (unsigned)(api->hi - api->lo + 1));
	struct input body = rest(in);
	call(c, api, version, body.p, body.n, PATIENCE_MS);
}

static void
add_be(struct buf *b, uint64_t v, int n)
{
	uint8_t raw[8];
	be_put(raw, v, (size_t)n);
	MUST(buf_add(b, raw, (size_t)n) == 0);
}

/* Produce version 3: to "t" or "u", partition 0 or 1. */
static void
produce(struct client *c, struct input *in)
{
	struct buf b;
	unsigned how = byte(in);
	struct input batch = rest(in);
	buf_init(&b, FRAME_MAX);
	add_be(&b, 0xffff, 2);
	add_be(&b, how & 4 ? 0xffff : (how & 8) / 8, 2);
	add_be(&b, 1000, 4);
	add_be(&b, 1, 4);
	add_be(&b, 1, 2);
	add_be(&b, how & 1 ? 't' : 'u', 1);
	add_be(&b, 1, 4);
	add_be(&b, (how & 2) / 2, 4);
	add_be(&b, batch.n, 4);
	size_t at = b.n;
	MUST(buf_add(&b, batch.p, batch.n) == 0);
	uint8_t *p = b.p + at;
	if (batch.n >= HEAD_BYTES && (how & 16) == 0) {
		be_put(p + 8, batch.n - HEAD_PREFIX, 4);
		be_put(p + 17, crc32c(0, p + HEAD_CRC_FROM, batch.n - HEAD_CRC_FROM), 4);
	}
	call(c, wire_api_find(WIRE_KEY_PRODUCE), 3, b.p, b.n, 1000);
	buf_free(&b);
}

static int
see(struct partition *p, void *arg)
{
	struct log_ends e;
	(void)arg;
	partition_ends(p, &e);
	MUST(e.log_start >= 0 && e.log_start <= e.high_watermark && e.high_watermark <= e.end);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool registered;
	struct input in = { data, size };
	struct client c = { .fd = -1 };
	if (!registered)
		atexit(stop);
	registered = true;
	if (host != NULL && host->runs++ == RUNS_MAX)
		stop();
	if (host == NULL)
		start();
	atomic_store(&host->operator, byte(&in) % 4 != 0);
	c.arena = arena_create(SIZE_MAX);
	for (int i = 0; i < CALLS_MAX && in.n > 0; i++) {
		if (byte(&in) % 4 == 1)
			produce(&c, &in);
		else
			any(&c, &in);
	}
	hang_up(&c);
	/* And for somebody else it is as ever. */
	call(&c, wire_api_find(WIRE_KEY_METADATA), 0, "\0\0\0\0", 4, HANG_MS);
	MUST(c.fd >= 0);
	hang_up(&c);
	(void)store_each(host->small.b.store, see, NULL);
	arena_destroy(&c.arena);
	return 0;
}
