/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/uuid.h"

/*
 * The journal of a data directory: what `flush: ack` waits for. Batches of all
 * partitions are gathered into groups; a group is one synced write, and the next
 * one begins when it ends, so that groups grow with the load. Formats: doc/FORMATS.md.
 */
struct journal;
struct partition;
struct chunk;

struct journal_config {
	const char *dir;		/* DIR/journal, made if need be */
	uint64_t file_bytes;
	unsigned files;			/* above it, journal_pressing() */
	uint64_t keep_file;		/* files from this number on are not free: as after commits */
	uint64_t next_file, next_group;	/* from journal_replay(); 1, 1 for a new one */
	/* Called when the last spare file was taken: arrange for journal_prepare(). */
	void (*hungry)(void *arg);
	/* Called when there is no room for another file; true where it made some. */
	bool (*starved)(void *arg);
	void *arg;
};

/* May block. Every other file that is there counts as free: replay first. */
int journal_open(const struct journal_config *config, const struct event *ev,
    struct journal **ret);
/* Commits what waits, then stops. */
void journal_close(struct journal **journal);

/* Enters a batch that was just appended at p->end. Called with p's lock held;
 * partition_committed(p, ...) follows from the journal's thread, which is not woken for it
 * where that is for later: by journal_go(). */
void journal_add(struct journal *j, struct partition *p, struct chunk *c, const uint8_t *at,
    uint32_t n, bool later);
void journal_go(struct journal *j);

/* 0, or why nothing can be committed any more. Any thread. */
int journal_error(const struct journal *j);

/* A mark that divides what was added before from what comes after; once all
 * before it is synced in segments, journal_trim(mark) frees its files. */
uint64_t journal_mark(struct journal *j);
void journal_trim(struct journal *j, uint64_t mark);
/* Whether segments should be forced out so that files become free. */
bool journal_pressing(struct journal *j);
/* Prewrites a spare file if there is none. Blocks; not the journal's thread. */
void journal_prepare(struct journal *j);

/* Above the numbers of all groups that were written, whole or not. */
uint64_t journal_next_group(struct journal *j);

struct journal_stats {
	uint64_t commits, entries, bytes;
	unsigned files, free;
};
void journal_stats(struct journal *j, struct journal_stats *ret);

/* One entry as replay finds it; the bytes are valid during the call. */
struct journal_entry {
	struct uuid topic;
	int32_t partition;
	uint32_t generation;
	uint64_t group;
	const uint8_t *batch;
	uint32_t n;
};

struct journal_end {
	uint64_t first_file;		/* of those that count; next_file: there are none */
	uint64_t next_file, next_group;
	uint64_t groups, entries;
	bool damaged;			/* a committed group could not be read */
};

#define JOURNAL_EMPTY { 1, 1, 1, 0, 0, false }

/* The number of the present use of a journal's file; 0: it had none. Blocks. */
int journal_file_number(const char *path, uint64_t *ret);

/* Calls each for every entry of every committed group, oldest first. A torn last
 * group is the end. Stops at an error of each and returns it. Where each is NULL only
 * the next numbers are found. Blocks. */
int journal_replay(const char *dir, int (*each)(const struct journal_entry *e, void *arg),
    void *arg, const struct event *ev, struct journal_end *ret);
