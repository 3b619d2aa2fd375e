/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/piece.h"
#include "base/str.h"
#include "base/worker.h"
#include "log/log.h"

/*
 * One partition's log. Counted: hold a reference while using it. Functions that
 * do not say otherwise may be called on event loops from any thread: they take
 * the partition's short lock and never touch the disk.
 */
struct partition;

struct partition *partition_get(struct partition *p);
void partition_put(struct partition **p);

/* Who it is; fixed. The label ("orders-3") is for people: log lines. */
const struct uuid *partition_topic(const struct partition *p);
int32_t partition_index(const struct partition *p);
const char *partition_label(const struct partition *p);

/* New settings; they hold from the next append on. */
void partition_set_config(struct partition *p, const struct log_config *config);

/* The leader epoch that appended batches get from now on. Never lower than
 * partition_epoch(): ERR_CONFLICT. */
int partition_lead(struct partition *p, int32_t epoch);
/* The one that holds. Before partition_lead() the least that there may be: the newest in the
 * log, or above it after an unclean start. */
int32_t partition_epoch(struct partition *p);

/*
 * Append. `batch` is one record batch (magic 2) that wire/batch has validated,
 * with its final CRC; base offset and leader epoch are set in the copy. Returns
 * at once with the offsets; durable is another matter: wait for `end`.
 */
struct append {
	const uint8_t *batch;
	size_t n;
	int32_t leader_epoch;		/* the caller's; -1: whatever it is. Else ERR_CONFLICT */
	/* Where not NULL and the result is 0: queued as by partition_wait_durable(end)
	 * under the same lock; ret->waiting tells. The way for acks=1 and all: a failure
	 * cannot slip in between the append and the wait. */
	struct log_waiter *waiter;
	/* Others may follow in this turn: those who write are woken by store_go() at its end, once for
	 * all, and do not contend with them. Where not set they are woken at once. */
	bool more;
	/* Only of a producer that the partition knows, or of none: else ERR_CONFLICT, and ret->stranger. */
	bool known;
};

enum append_verdict {			/* of the idempotent producer's sequence */
	APPEND_NEW,
	APPEND_DUPLICATE,		/* of a batch that is still known: its offsets (code 0) */
	APPEND_OLD_DUPLICATE,		/* older than the last five: 46 */
	APPEND_OUT_OF_ORDER,		/* 45 */
	APPEND_OLD_EPOCH,		/* 47 */
};

struct append_result {
	enum append_verdict verdict;
	int64_t base;			/* first offset */
	int64_t end;			/* wait for this one to be durable */
	int64_t log_start;
	int64_t append_ms;		/* of the original, for a duplicate; else -1 */
	bool waiting;			/* in->waiter will be fired; else `end` is durable now */
	bool stranger;			/* its idempotent producer was not known before */
};

/* 0 for APPEND_NEW and APPEND_DUPLICATE. ERR_CONFLICT: not appended, see
 * verdict (APPEND_NEW: a stale leader epoch, or a stranger). ERR_AGAIN: too much is unwritten, see
 * partition_wait_room(). ERR_NOSPACE: the disk is full. ERR_IO: offline.
 * ERR_CORRUPT: damaged. ERR_CLOSED: deleted. *ret is set for 0 and ERR_CONFLICT. */
int partition_append(struct partition *p, const struct append *in, struct append_result *ret);

/*
 * Waiting. Each returns 0 when the waiter will be fired (exactly once, unless
 * cancelled before); ERR_EXISTS when there is nothing to wait for; another error when
 * it will never come. Only with 0 is the waiter queued. After partition_wait_cancel() returns, fire is not and
 * will not be called; cancelling one that fired is harmless.
 */
/* Until `offset` is the high watermark or below it. */
int partition_wait_durable(struct partition *p, struct log_waiter *w, int64_t offset);
/* Until at least min_bytes of batches lie between offset and the high watermark
 * (or the log start passes the offset, or the partition's state changes). */
int partition_wait_data(struct partition *p, struct log_waiter *w, int64_t offset,
    uint32_t min_bytes);
/* After ERR_AGAIN from an append: until another try is worth it. */
int partition_wait_room(struct partition *p, struct log_waiter *w);
void partition_wait_cancel(struct partition *p, struct log_waiter *w);

/* Always works, also on a deleted partition. */
void partition_ends(struct partition *p, struct log_ends *ret);

/*
 * Read whole batches from the one that contains offset (which may begin before
 * it) up to the high watermark: at most max_bytes, but the first batch whatever
 * its size where at_least_one. The bytes stay valid until the arena is reset.
 */
struct log_read {
	struct pieces pieces;
	size_t bytes;
	struct log_ends ends;		/* at the same moment */
};

/* 0, also with nothing to read (offset == high watermark). ERR_AGAIN: it lies on
 * the disk only, use partition_read_cold(). ERR_NOTFOUND: out of range. ERR_CORRUPT:
 * at damage. ERR_CLOSED. ret->ends is set in every case; pieces are added to. */
int partition_read(struct partition *p, int64_t offset, size_t max_bytes, bool at_least_one,
    struct arena *arena, struct log_read *ret);

/* The same from the disk, on one of the store's reader threads. */
struct log_read_job {
	struct partition *p;		/* set by the caller; the job holds a reference */
	int64_t offset;
	size_t max_bytes;
	bool at_least_one;
	/* On a reader thread, last: may only post. */
	void (*done)(struct log_read_job *job);

	int err;			/* as partition_read(), but never ERR_AGAIN */
	struct log_buf *buf;		/* the bytes; NULL unless err == 0 and there are any */
	struct log_ends ends;
	struct job job;			/* private */
};

/* Bytes that were read for one reader; counted. */
struct log_buf;
struct piece log_buf_bytes(const struct log_buf *buf);
/* Hands the reference over to an arena: dropped at its reset. */
void log_buf_link(struct log_buf *buf, struct arena *arena);
void log_buf_put(struct log_buf *buf);

/* ERR_LIMIT when too many reads wait already, ERR_CLOSED while stopping; then done is
 * not called. */
int partition_read_cold(struct log_read_job *job);

/* Look-ups, on a reader thread as well. */
enum log_lookup {
	LOG_LOOKUP_TIME,		/* first record whose timestamp is >= time */
	LOG_LOOKUP_MAX_TIME,		/* the record with the greatest timestamp */
};

struct log_lookup_job {
	struct partition *p;
	enum log_lookup what;
	int64_t time;
	void (*done)(struct log_lookup_job *job);

	int err;			/* 0; ERR_NOTFOUND: no such record; ERR_IO, ERR_CORRUPT */
	int64_t ret_offset, ret_time;
	int32_t ret_epoch;
	struct job job;			/* private */
};
int partition_lookup(struct log_lookup_job *job);

/* The last epoch <= epoch and its end offset (KIP-320): -1, -1 where epoch is above the
 * current one. The current one ends at the log's end, also where it has no records. */
void partition_epoch_end(struct partition *p, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end);

/* The epoch of the batch at offset; -1 where it is not known. */
int32_t partition_epoch_at(struct partition *p, int64_t offset);

/* DeleteRecords: nothing below offset is seen any more, also after a crash.
 * offset -1: the high watermark. ERR_NOTFOUND above the high watermark. Sets
 * *ret_log_start. May block (a checkpoint is synced). */
int partition_delete_records(struct partition *p, int64_t offset, int64_t *ret_log_start);
/* Its two halves, for many partitions at once: each moves its start in memory, then one
 * write, through any of them, keeps those of the whole store. */
int partition_move_start(struct partition *p, int64_t offset, int64_t *ret_log_start);
int partition_keep_starts(struct partition *p);

/* Does it wait for partition_recover()? So does one that no append has told yet that
 * its journal failed. Any thread. */
bool partition_failed(struct partition *p);

/* `schlossctl topic recover`: reads the tail again past the page cache, cuts what
 * is not whole, and makes an OFFLINE or CORRUPT partition ONLINE. Cutting below
 * the durable point needs `force`, else ERR_CORRUPT. May block. */
int partition_recover(struct partition *p, bool force);

/* Bytes of all its segments. */
uint64_t partition_size(struct partition *p);
/* Idempotent producers that are known. */
size_t partition_producers(struct partition *p);
