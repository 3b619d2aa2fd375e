/* SPDX-License-Identifier: Apache-2.0
 * F6: start on a data directory with arbitrary files. The input is a list of files:
 * kind (1), flags (1), length (3, big-endian), bytes; flag 1 mends the checksums, so
 * that what lies behind them is reached. Start must succeed or say why; what is served
 * then is whole batches in order; what is appended is there after a second start. Of a clean
 * stop's mark the bytes are a row then, for the files as they are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/mark.h"
#include "log/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); abort(); } } while (0)

enum { KIND_CHECKPOINT, KIND_CLEAN, KIND_JOURNAL0, KIND_JOURNAL1, KIND_METADATA, KIND_EPOCHS,
	KIND_LOG0, KIND_LOG1, KIND_INDEX0, KIND_TIMES0, KIND_SNAPSHOT0, KIND_SNAPSHOT1, KIND_SWAP,
	KIND_FORMAT, KIND_ERA, KINDS };

static const char *const names[KINDS] = {
	"checkpoint", "clean-stop", "journal/0000.journal", "journal/0001.journal",
	"orders-0/partition.metadata", "orders-0/leader-epoch-checkpoint",
	"orders-0/00000000000000000000.log", "orders-0/00000000000000000010.log",
	"orders-0/00000000000000000000.index", "orders-0/00000000000000000000.timeindex",
	"orders-0/00000000000000000010.snapshot", "orders-0/00000000000000000020.snapshot",
	"orders-0/00000000000000000000.00000000000000000010.swap", "format",
	"leader-epoch",
};

static void
mend_batches(uint8_t *p, size_t n)
{
	for (size_t at = 0; n - at >= HEAD_BYTES && head_sane(p + at, (int64_t)(n - at));) {
		size_t size = (size_t)head_size(p + at);
		be_put(p + at + 17, crc32c(0, p + at + HEAD_CRC_FROM, size - HEAD_CRC_FROM), 4);
		at += size;
	}
}

static uint32_t ckpt_crc;

/* The bytes are the rest of a row: believed, whatever they say of files. */
static void
write_mark(const char *dir, const struct buf *row)
{
	char path[256];
	int64_t changed;
	struct buf b;
	buf_init(&b, 1 << 23);
	snprintf(path, sizeof(path), "%s/orders-0", dir);
	MUST(fs_changed(path, &changed) == 0);
	mark_begin(&b, ckpt_crc);
	MUST(buf_printf(&b, "orders-0 %" PRId64 " ", changed) == 0 && buf_add(&b, row->p, row->n) == 0);
	MUST(buf_add(&b, "\n", 1) == 0);
	mark_end(&b);
	snprintf(path, sizeof(path), "%s/clean-stop", dir);
	MUST(fs_replace_lazy(path, b.p, b.n) == 0);
	buf_free(&b);
}

static void
mend(unsigned kind, struct buf *b)
{
	if (kind == KIND_CHECKPOINT)
		ckpt_crc = ckpt_end(b);
	if (kind == KIND_LOG0 || kind == KIND_LOG1 || kind == KIND_SWAP)
		mend_batches(b->p, b->n);
	if ((kind == KIND_SNAPSHOT0 || kind == KIND_SNAPSHOT1) && b->n >= 6)
		be_put(b->p + 2, crc32c(0, b->p + 6, b->n - 6), 4);
}

/* Whether there is a mark that is believed. */
static bool
unpack(const char *dir, const uint8_t *p, size_t n)
{
	struct buf mark;
	bool marked = false;
	buf_init(&mark, 1 << 22);
	static const char *const dirs[] = { "", "/journal", "/orders-0" };
	char path[256];
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, dirs[i]);
		fs_mkdir(path);
	}
	while (n >= 5) {
		unsigned kind = p[0] % KINDS, flags = p[1];
		size_t length = (size_t)be_get(p + 2, 3);
		p += 5;
		n -= 5;
		if (length > n)
			length = n;
		struct buf b;
		buf_init(&b, 1 << 22);
		MUST(buf_add(&b, p, length) == 0);
		if ((flags & 1) != 0)
			mend(kind, &b);
		snprintf(path, sizeof(path), "%s/%s", dir, names[kind]);
		if (kind == KIND_CLEAN && (flags & 1) != 0) {
			marked = true;
			mark.n = 0;
			MUST(buf_add(&mark, b.p, b.n) == 0);
		} else
			MUST(fs_replace_lazy(path, b.p, b.n) == 0);
		buf_free(&b);
		p += length;
		n -= length;
	}
	if (marked)
		write_mark(dir, &mark);
	buf_free(&mark);
	return marked;
}

static int
see(const uint8_t *b, void *arg)
{
	int64_t *next = arg;
	/* A base offset is not under the CRC: one that lies may reach back, not stand still. */
	MUST(head_end(b) > *next);
	*next = head_end(b);
	return 0;
}

/* Reads all of it, forward; the end of what could be read. */
static int
look(struct partition *p, void *arg)
{
	struct log_ends e;
	int64_t next = 0;
	partition_ends(p, &e);
	MUST(e.log_start <= e.high_watermark && e.high_watermark <= e.end);
	int err = partition_walk(p, e.log_start, see, &next);
	MUST(err == 0 || err == ERR_CORRUPT || err == ERR_CLOSED || err == ERR_NOTFOUND);
	MUST(next <= e.high_watermark || next == 0);
	*(int64_t *)arg = e.end;
	return 0;
}

static int
append(struct partition *p, void *arg)
{
	uint8_t b[HEAD_BYTES + 20] = { 0 };
	struct append_result r;
	struct append in = { b, sizeof(b), -1, NULL };
	be_put(b + 8, sizeof(b) - HEAD_PREFIX, 4);
	b[16] = 2;
	be_put(b + 43, UINT64_MAX, 8);
	be_put(b + 53, UINT32_MAX, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, sizeof(b) - HEAD_CRC_FROM), 4);
	if (partition_append(p, &in, &r) == 0)
		*(int64_t *)arg = r.end;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/schloss-f6-XXXXXX";
	struct log_sink sink = { 2, 0, LOG_LVL_CRIT - 1 };
	struct event root;
	struct store_config config = store_config_default;
	struct store *s;
	struct why why = { "" };
	int64_t end = 0, after = 0;
	MUST(mkdtemp(dir) != NULL);
	bool marked = unpack(dir, data, size);
	event_root(&root, &sink);
	config.journal_bytes = 32768;
	config.no_background = true;
	config.ballast_bytes = 0;
	config.soft_free_percent = 0;
	int err = store_open(dir, &config, &root, &s, &why);
	MUST(err == 0 || why.text[0] != '\0');
	if (err == 0) {
		store_each(s, look, &end);
		store_each(s, append, &end);
		store_close(&s);
		err = store_open(dir, &config, &root, &s, &why);
		MUST(err == 0);
		store_each(s, look, &after);
		MUST(after == end || end == 0 || marked);	/* a mark that lies is found out by who uses the files */
		store_close(&s);
	}
	fs_rmtree(dir);
	return 0;
}
