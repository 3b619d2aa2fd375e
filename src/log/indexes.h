/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The sparse indexes of one segment, Kafka's .index and .timeindex: in memory what
 * was noted since the segment was opened, in the files what was saved before. Hints:
 * a reader checks where they point. Memory under the partition's lock, files under its
 * io lock.
 */
struct index_at {
	int32_t offset, at;		/* of the last record of the batch that begins at `at` */
};

struct index_time {
	int64_t time;			/* the greatest up to here, and its record */
	int32_t offset;
};

struct indexes {
	struct index_at *ats;
	struct index_time *times;
	size_t ats_n, ats_cap, ats_saved;	/* saved: how many of them are in the file */
	size_t times_n, times_cap, times_saved;
	size_t file_ats;			/* entries of the file that count, from before */
	int64_t noted;				/* bytes of the log behind the last entry */
};

void indexes_free(struct indexes *x);

/* A batch was added: `last` its last offset relative to the segment, `at` its byte, n
 * its size; time and its offset: the greatest of the segment so far. */
void indexes_note(struct indexes *x, int32_t last, int64_t at, int64_t n, int64_t time,
    int64_t time_offset, int32_t interval);
/* The segment ends at byte `size`. */
void indexes_cut(struct indexes *x, int64_t size, int32_t end);
/* The segment is closed: the last entry of the time index. */
void indexes_close(struct indexes *x, int64_t time, int32_t offset);
static inline size_t
indexes_bytes(const struct indexes *x)
{
	return (x->file_ats + x->ats_n) * 8;
}

/* The newest entry in memory at or before offset; false where it is older. */
bool indexes_find(const struct indexes *x, int32_t offset, int32_t *ret_at);
bool indexes_find_time(const struct indexes *x, int64_t time, int32_t *ret_offset);

/* The same in a file: `path` of .index or .timeindex. Entries must rise, and point
 * below `limit`. ERR_NOTFOUND. Blocks. */
int index_file_find(const char *path, int32_t offset, int64_t limit, int32_t *ret_at);
int index_file_find_time(const char *path, int64_t time, int32_t *ret_offset);
/* The last entry of a .index that points below byte `below`; of a .timeindex, whose offset is
 * below it. INT64_MAX: of the whole file, and ERR_CORRUPT where that ends within an entry.
 * ERR_NOTFOUND. Blocks. */
int index_file_last(const char *path, int64_t below, struct index_at *ret);
int index_file_last_time(const char *path, int64_t below, struct index_time *ret);
/* How many entries of a .index point below `limit`. */
size_t index_file_count(const char *path, int64_t limit);

/* Appends entries to a file behind the first `keep` ones. Blocks. */
int index_file_save(const char *path, size_t keep, const struct index_at *v, size_t n);
int index_file_save_times(const char *path, int64_t keep_below, const struct index_time *v,
    size_t n);
