/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/event.h"
#include "base/str.h"
#include "base/uuid.h"
#include "log/log.h"
#include "log/partition.h"

/*
 * One data directory: its partitions, its journal, and the threads that write
 * behind the event loops. Everything that says "may block" is for start and
 * stop, worker threads and tests; the rest may run on a loop.
 */
struct store;

struct store_config {
	uint64_t tail_bytes;		/* budget of the cached tails */
	uint64_t dirty_bytes;		/* appended, not yet in a segment: back-pressure above */
	uint64_t journal_bytes;		/* size of one journal file */
	unsigned journal_files;		/* how many before segments are forced out */
	unsigned open_files;		/* segment files held open */
	unsigned readers;		/* threads for cold reads and look-ups */
	unsigned soft_free_percent;	/* below it appends are refused; 0: no soft limit */
	uint64_t ballast_bytes;		/* reserve for internal topics and checkpoints */
	uint64_t checkpoint_bytes;	/* of one partition between two recovery points */
	int64_t checkpoint_ms;
	int64_t retention_check_ms;
	int64_t producer_expiry_ms;
	uint64_t producers_bytes;	/* for the idempotent producers of all partitions */
	bool no_background;		/* tests: no maintenance thread */
};

extern const struct store_config store_config_default;

/* Locks and opens DIR (made if it is not there), recovers what a crash left,
 * and starts the threads. May block for as long as recovery takes. Fails with a
 * reason: another broker holds it, a newer format, damage of the directory
 * itself. Files that are not ours are named in the log and left alone. ev must
 * outlive the store. */
int store_open(const char *path, const struct store_config *config, const struct event *ev,
    struct store **ret, struct why *why);

/* Writes and syncs everything, marks the directory as cleanly stopped, and frees
 * the store. Every waiter still there is fired with ERR_CLOSED; no partition and no
 * bytes read from one may be in use any more. May block. */
void store_close(struct store **store);

/* Whether store_open() would take the format of DIR; touches nothing. May block. */
int store_look(const char *path, struct why *why);

/* Whether the last stop was clean (or the directory is new). */
bool store_was_clean(const struct store *store);

/* The directory's era: how many unclean starts it has seen, this one included. At each
 * of them what was served but not durable may be gone, and clients that saw it must
 * notice (KIP-320): leader epochs are counted in eras (meta/image.h). It only rises, and
 * is on the disk when store_open() returns. */
int32_t store_era(const struct store *store);
/* For who knows of a later one, before anybody is served. Durable when it returns.
 * ERR_LIMIT: there are no more. */
int store_raise_era(struct store *store, int32_t era);

struct store_topic {
	struct uuid id;
	struct name name;
	bool internal;			/* may append from the reserve of a full disk */
	struct log_config config;
};

/* Makes partitions first..first+count-1 of a topic, all of them durable when it
 * returns; those that exist with the same id are left as they are (only their
 * config is set). ERR_EXISTS where another topic id holds the directory. One
 * sync for all. May block. */
int store_create_partitions(struct store *store, const struct store_topic *topic,
    int32_t first, int32_t count, struct why *why);

/* Wakes those who write, where appends have left that for later (struct append). Any thread; cheap
 * where there is nothing. */
void store_go(struct store *store);

/* At a start, once the partitions of every topic have been made: what the journal has of others is
 * nobody's. Until then it is kept, as a directory may be theirs of which the disk did not let the start read
 * whose it is. Such a one is offline once its topic has made it, until a start or a recovery by
 * hand can read it; later topics do not get it (ERR_IO). */
void store_claimed(struct store *store);

/* A counted reference (partition_put), or NULL. Never blocks on the disk. */
struct partition *store_find(struct store *store, const struct uuid *topic, int32_t index);

/* Fires its waiters with ERR_CLOSED, renames the directory to .<uuid>-...-delete at
 * once and removes it after file.delete.delay.ms. ERR_NOTFOUND. May block. */
int store_delete_partition(struct store *store, const struct uuid *topic, int32_t index);

/* A partition that no topic has: its directory is kept under another name, which ends in
 * -stray and is left alone from then on, and the log says so. ERR_NOTFOUND. May block. */
int store_set_aside(struct store *store, const struct uuid *topic, int32_t index);

/* Calls each with every partition (borrowed) until it returns nonzero, and
 * returns that. Partitions that come or go meanwhile may be missed. */
int store_each(struct store *store, int (*each)(struct partition *p, void *arg), void *arg);

size_t store_count(const struct store *store);

/* The directory for DescribeLogDirs: its path, and the file system's bytes (statvfs(2): on
 * a local file system no disk is waited for). */
const char *store_path(const struct store *store);
int store_space(const struct store *store, uint64_t *ret_free, uint64_t *ret_total);

/* Counters for metrics; each only rises, but for dirty, tail and open_files. */
struct store_stats {
	uint64_t appended_bytes, written_bytes, journal_bytes;
	uint64_t journal_commits, journal_entries, segment_syncs;
	uint64_t hot_reads, cold_reads;
	uint64_t dirty, tail, open_files;
	unsigned partitions, offline;
	bool full;
};
void store_stats(const struct store *store, struct store_stats *ret);

/* Runs retention, compaction, producer expiry and overdue deletions once, now;
 * what the maintenance thread does by itself. wall_ms, mono_ns: the clocks. May
 * block. */
void store_maintain(struct store *store, int64_t wall_ms, uint64_t mono_ns);

/* Writes and syncs everything that was appended, then the recovery points. May
 * block. */
int store_checkpoint(struct store *store);
