/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/uuid.h"

/*
 * What all of src/log shares: settings, states, waiters. store.h is a data
 * directory, partition.h one partition in it.
 */

/* When an acknowledged batch counts as durable (topic setting `flush`). */
enum log_flush {
	LOG_FLUSH_ACK,		/* synced, through the directory's journal */
	LOG_FLUSH_INTERVAL,	/* written; synced every flush.messages or flush.ms */
	LOG_FLUSH_OS,		/* written; synced when the kernel likes to */
};

#define LOG_CLEANUP_DELETE	1u
#define LOG_CLEANUP_COMPACT	2u

/* The settings of a topic that the log obeys, in Kafka's units; -1 is "no limit"
 * where Kafka says so. A plain value: copy it. */
struct log_config {
	enum log_flush flush;
	int64_t flush_messages, flush_ms;	/* interval only */
	unsigned cleanup;			/* LOG_CLEANUP_ bits */
	int32_t segment_bytes, segment_index_bytes, index_interval_bytes;
	int64_t segment_ms, segment_jitter_ms;
	int64_t retention_bytes, retention_ms;
	int64_t file_delete_delay_ms;
	int64_t delete_retention_ms;
	int64_t min_compaction_lag_ms, max_compaction_lag_ms;
	double min_cleanable_dirty_ratio;
};

/* Kafka's defaults, but for flush: ack. */
extern const struct log_config log_config_default;

/* What may be done with a partition; the legal moves are in state.c. */
enum log_state {
	LOG_ONLINE,		/* all */
	LOG_FULL,		/* no room: reads; appends of internal topics from the reserve */
	LOG_OFFLINE,		/* a write or sync failed: reads below the high watermark */
	LOG_CORRUPT,		/* damage below the durable point: reads up to it */
	LOG_DELETED,		/* nothing */
	LOG_STATES
};

const char *log_state_name(enum log_state state);

/*
 * Somebody who waits for a partition. Embed it; it is in at most one list. fire
 * is called once, on whatever thread made the progress, with its list's
 * lock held: it may only post to a loop or count down. err is 0, or what
 * went wrong (ERR_IO, ERR_NOSPACE, ERR_CLOSED: the batch is not durable).
 */
struct log_waiter {
	struct list hook;
	int64_t target;			/* an offset, or a count of bytes */
	void (*fire)(struct log_waiter *waiter, int err);
	bool for_room;			/* the log's own: which lock its list is under */
};

/* The ends of a partition's log; offsets of the next record. */
struct log_ends {
	int64_t log_start;		/* the first offset that readers may see */
	int64_t high_watermark;		/* readers and acknowledgements stop here */
	int64_t end;			/* appended */
	int32_t leader_epoch;		/* the newest in the log; -1 in an empty one */
	enum log_state state;
};
