/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine itself costs: each thing that a broker cannot avoid, done by one thread and
 * nothing else, and then the same things one after the other, without any broker. Figures of a
 * broker say little without these: two machines of one kind differ by a factor of two. (A busy
 * broker with many connections sleeps less often than this and can come out below it.)
 *
 * usage: floor DIR [MEGABYTES]
 *
 * Prints "NAME VALUE" lines: CPU seconds of the thread per GB (1e9 bytes), for `sync`
 * milliseconds, and for `echo` microseconds of the thread per request: 64 connections, each of which sends
 * a small request when the one before is answered, and an answer of a few bytes. `produce` is: receive 256 KiB, check the CRC, copy it to where readers find it, write
 * each megabyte past the page cache. `produce-tls` decrypts records of 16 KiB as well.
 * `write-N` is the write by itself, N bytes a call. `fetch` sends megabytes that were appended a while ago, `fetch-tls` encrypts them first.
 * DIR should be on the disk in question. The first of two runs touches the memory and does not count.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#define FRAME	(256u * 1024)
#define WRITE	(1024u * 1024)		/* in one call, if not said otherwise */
#define RING	(64u << 20)		/* the tail of a log */
#define RECORD	(16u * 1024)
#define TAG	16
#define SYNCS	1000
#define ECHOERS	64		/* connections */
#define ECHOES	200000
#define REQUEST	220		/* bytes: a Produce of one record of 100 bytes */
#define ANSWER	70

enum { CRC = 1, COPY = 2, DISK = 4, CIPHER = 8, RECEIVE = 16, SEND = 32 };

struct floor {
	const char *path;
	uint64_t bytes;
	int work;			/* bits */
	size_t write;			/* bytes in one call */
	int port, listener;
	uint8_t *ring, *frame;
	EVP_CIPHER_CTX *cipher;
	int disk;
	uint64_t at, written;
	uint32_t crc;
};

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

/* One record's worth, in place; the tag is not looked at: what is measured is the work. */
static void
crypt_records(struct floor *f, uint8_t *p, size_t n, int encrypt)
{
	static const uint8_t key[16], iv[12];
	for (size_t at = 0; at < n; at += RECORD) {
		int out;
		if (EVP_CipherInit_ex(f->cipher, EVP_aes_128_gcm(), NULL, key, iv, encrypt) != 1 ||
		    EVP_CipherUpdate(f->cipher, p + at, &out, p + at, RECORD) != 1)
			fail("cipher");
	}
}

static void
write_out(struct floor *f)
{
	while (f->at - f->written >= f->write) {
		if (fs_pwrite(f->disk, f->ring + f->written % RING, f->write, (int64_t)f->written) != 0)
			fail("write");
		f->written += f->write;
	}
}

/* What is done with each frame beside the socket. */
static void
work_frame(struct floor *f)
{
	if ((f->work & CIPHER) != 0)
		crypt_records(f, f->frame, FRAME, 0);
	if ((f->work & CRC) != 0)
		f->crc ^= crc32c(0, f->frame, FRAME);
	if ((f->work & COPY) != 0)
		memcpy(f->ring + f->at % RING, f->frame, FRAME);
	f->at += FRAME;
	if ((f->work & DISK) != 0)
		write_out(f);
}

static int
dial(const struct floor *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("connect");
	return fd;
}

/* The other end: gives or takes as fast as it can. */
static void *
peer(void *arg)
{
	const struct floor *f = arg;
	uint8_t *p = mem_zalloc(WRITE);
	int fd = dial(f);
	if ((f->work & RECEIVE) != 0)
		for (uint64_t n = 0; n < f->bytes;) {
			ssize_t put = send(fd, p, FRAME - n % FRAME, MSG_NOSIGNAL);
			if (put <= 0)
				fail("send");
			n += (uint64_t)put;
		}
	else
		while (recv(fd, p, WRITE, 0) > 0)
			continue;
	close(fd);
	mem_free(p);
	return NULL;
}

static void
receive_all(struct floor *f, int fd)
{
	int whole = FRAME;
	/* A frame a wake, as a busy broker has it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &whole, sizeof(whole));
	for (uint64_t n = 0; n < f->bytes; n += FRAME) {
		if (recv(fd, f->frame, FRAME, MSG_WAITALL) != (ssize_t)FRAME)
			fail("recv");
		work_frame(f);
	}
}

static void
send_all(struct floor *f, int fd)
{
	for (uint64_t n = 0; n < f->bytes; n += FRAME) {
		const uint8_t *p = f->ring + n % RING;
		if ((f->work & CIPHER) != 0) {
			memcpy(f->frame, p, FRAME);	/* into the record's place */
			crypt_records(f, f->frame, FRAME, 1);
			p = f->frame;
		}
		for (size_t at = 0; at < FRAME;) {
			ssize_t put = send(fd, p + at, FRAME - at, MSG_NOSIGNAL);
			if (put <= 0)
				fail("send");
			at += (size_t)put;
		}
	}
}

static void
over_socket(struct floor *f)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, peer, f) != 0)
		fail("thread");
	int fd = accept(f->listener, NULL, NULL);
	if (fd < 0)
		fail("accept");
	if ((f->work & RECEIVE) != 0)
		receive_all(f, fd);
	else
		send_all(f, fd);
	close(fd);
	pthread_join(thread, NULL);
}

static void
once(struct floor *f)
{
	f->at = f->written = 0;
	if ((f->work & DISK) != 0 && fs_open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, &f->disk) != 0)
		fail(f->path);
	if ((f->work & (RECEIVE | SEND)) != 0)
		over_socket(f);
	else
		while (f->at < f->bytes)
			work_frame(f);
	fs_close(&f->disk);
	(void)unlink(f->path);
}

static void
measure(struct floor *f, const char *name, int work, size_t write)
{
	f->work = work;
	f->write = write == 0 ? WRITE : write;
	once(f);
	uint64_t began = clock_thread_cpu_ns();
	once(f);
	printf("%s %.3f\n", name, (double)(clock_thread_cpu_ns() - began) / (double)f->bytes);
	fflush(stdout);
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* A block that is on the disk when the call returns, in a file whose blocks are there. */
static void
measure_sync(struct floor *f)
{
	uint64_t *ns = mem_alloc(SYNCS * sizeof(*ns));
	int fd;
	if (fs_open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT | O_DSYNC, &fd) != 0 ||
	    fs_pwrite(fd, f->ring, WRITE, 0) != 0)
		fail(f->path);
	for (int i = 0; i < SYNCS; i++) {
		uint64_t began = clock_mono_ns();
		if (fs_pwrite(fd, f->ring, 4096, i % 256 * 4096) != 0)
			fail("sync");
		ns[i] = clock_mono_ns() - began;
	}
	qsort(ns, SYNCS, sizeof(*ns), by_value);
	printf("sync-p50 %.3f\nsync-p99 %.3f\n", (double)ns[SYNCS / 2] / 1e6, (double)ns[SYNCS * 99 / 100] / 1e6);
	fs_close(&fd);
	(void)unlink(f->path);
	mem_free(ns);
}

/* Waits for the next that is readable and takes what it has; its descriptor. */
static int
next_readable(int epoll, struct epoll_event *ready, int *n, uint8_t *p, size_t size)
{
	while (*n == 0) {
		*n = epoll_wait(epoll, ready, ECHOERS, -1);
		if (*n < 0)
			fail("epoll_wait");
	}
	int fd = ready[--*n].data.fd;
	if (recv(fd, p, size, 0) <= 0)
		fail("recv");
	return fd;
}

static void
watch(int epoll, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		fail("epoll_ctl");
}

static void
say(int fd, const uint8_t *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		fail("send");
}

/* The other end: a request for each answer. */
static void *
echo_peer(void *arg)
{
	const struct floor *f = arg;
	struct epoll_event ready[ECHOERS];
	uint8_t p[REQUEST] = { 0 };
	int fds[ECHOERS], n = 0, epoll = epoll_create1(0);
	for (int i = 0; i < ECHOERS; i++) {
		fds[i] = dial(f);
		watch(epoll, fds[i]);
		say(fds[i], p, sizeof(p));
	}
	for (int i = 0; i < ECHOES; i++) {
		int fd = next_readable(epoll, ready, &n, p, sizeof(p));
		if (i < ECHOES - ECHOERS)
			say(fd, p, sizeof(p));
	}
	for (int i = 0; i < ECHOERS; i++)
		close(fds[i]);
	close(epoll);
	return NULL;
}

static void
measure_echo(struct floor *f)
{
	struct epoll_event ready[ECHOERS];
	uint8_t p[REQUEST];
	int fds[ECHOERS], n = 0, epoll = epoll_create1(0);
	pthread_t thread;
	if (pthread_create(&thread, NULL, echo_peer, f) != 0)
		fail("thread");
	for (int i = 0; i < ECHOERS; i++) {
		fds[i] = accept(f->listener, NULL, NULL);
		if (fds[i] < 0)
			fail("accept");
		watch(epoll, fds[i]);
	}
	uint64_t began = clock_thread_cpu_ns();
	for (int i = 0; i < ECHOES; i++)
		say(next_readable(epoll, ready, &n, p, sizeof(p)), p, ANSWER);
	printf("echo %.2f\n", (double)(clock_thread_cpu_ns() - began) / 1e3 / ECHOES);
	pthread_join(thread, NULL);
	for (int i = 0; i < ECHOERS; i++)
		close(fds[i]);
	close(epoll);
}

static void
open_listener(struct floor *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, n) != 0 ||
	    listen(f->listener, ECHOERS) != 0 || getsockname(f->listener, (struct sockaddr *)&a, &n) != 0)
		fail("listen");
	f->port = ntohs(a.sin_port);
}

int
main(int argc, char **argv)
{
	static const struct { const char *name; int work; size_t write; } list[] = {
		{ "crc", CRC, 0 }, { "copy", COPY, 0 }, { "cipher", CIPHER, 0 },
		{ "write-256k", DISK, 256 << 10 }, { "write-1m", DISK, 1 << 20 }, { "write-4m", DISK, 4 << 20 },
		{ "receive", RECEIVE, 0 }, { "produce", RECEIVE | CRC | COPY | DISK, 0 },
		{ "produce-tls", RECEIVE | CIPHER | CRC | COPY | DISK, 0 }, { "fetch", SEND, 0 },
		{ "fetch-tls", SEND | CIPHER, 0 },
	};
	char path[4096];
	struct floor f = { .path = path, .bytes = UINT64_C(1) << 30, .disk = -1 };
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: floor DIR [MEGABYTES]\n");
		return 2;
	}
	if (argc == 3)
		f.bytes = strtoull(argv[2], NULL, 10) << 20;
	snprintf(path, sizeof(path), "%s/floor.tmp", argv[1]);
	f.ring = mem_try_aligned(MEM_HUGE, RING);
	if (f.ring == NULL)
		fail("memory");
	memset(f.ring, 1, RING);
	f.frame = mem_zalloc(FRAME);
	f.cipher = EVP_CIPHER_CTX_new();
	open_listener(&f);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		measure(&f, list[i].name, list[i].work, list[i].write);
	measure_sync(&f);
	measure_echo(&f);
	EVP_CIPHER_CTX_free(f.cipher);
	close(f.listener);
	mem_free(f.frame);
	mem_free(f.ring);
	return 0;
}
