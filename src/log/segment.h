/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/ref.h"
#include "log/fdcache.h"
#include "log/indexes.h"

/*
 * One segment: "<20 digits>.log" and its indexes. Sizes and times change under the
 * partition's lock, files under its io lock. Counted: chunks and readers hold it
 * beyond its removal from the partition.
 */
struct partition;

struct segment {
	struct ref ref;
	struct list hook;
	int64_t base;			/* first offset it may hold */
	int64_t end;			/* behind the last record */
	int64_t size;			/* bytes, also those still in the tail */
	int64_t bytes;			/* the partition's byte count before its first one */
	int64_t written;		/* bytes in the file */
	int64_t written_end;		/* the offset behind them */
	int64_t synced;			/* bytes known to be on the disk */
	int64_t max_time, max_time_offset;	/* -1, -1: none */
	int64_t file_time;		/* where there is none: when the file was written; or -1 */
	int64_t first_time;		/* of its first batch: rolls by age count from it */
	uint64_t made_ns;		/* this object; where first_time is -1 they count from here */
	uint64_t dice;			/* its part of segment.jitter.ms */
	bool on_disk;			/* the .log file exists */
	bool dir_synced;		/* and its directory entry is durable */
	bool naming;			/* or will be, by the sync of the directory that goes on */
	bool sealed;			/* closed: indexes are on disk */
	bool learned;			/* its time index was asked for its greatest time */
	bool mended;			/* and the files were looked at (mend.c), or are this run's */
	bool synced_indexes;		/* they are known to be on the disk */
	bool unlooked;			/* since the start nobody has seen whether the file has its size */
	bool removed;			/* its files are renamed or gone */
	int64_t replay_at, replay_next;	/* replay.c: how far it was compared */
	struct indexes indexes;
	struct fd_slot file, direct;	/* its .log file; the same, past the page cache */
	char *path;			/* of the .log file */
};

struct segment *segment_create(const char *dir, int64_t base);
static inline struct segment *
segment_get(struct segment *g)
{
	ref_get(&g->ref);
	return g;
}
void segment_put(struct segment *g);
/* Its files are gone: their room must not wait for who still has it. */
void segment_retire_files(struct segment *g);

/* "<dir>/<20 digits>.<suffix>" */
char *segment_path(const char *dir, int64_t base, const char *suffix);
/* The path of its .log file with another suffix. */
char *segment_sibling(const struct segment *g, const char *suffix);
/* The base offset of a file name with the suffix; false for any other name. */
bool segment_parse(const char *name, const char *suffix, int64_t *ret_base);

/* Removes the .log file and all that belongs to it. Blocks. */
void segment_remove_files(const char *dir, int64_t base);

/* Whether another entry would pass segment.index.bytes. */
bool segment_index_full(const struct segment *g, int32_t index_bytes);

/* Accounts for a batch that lies at g->size, and notes it for the indexes. */
void segment_note(struct segment *g, const uint8_t *head, int32_t interval);
