/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of src/log share and nobody above may see. */

#include <pthread.h>
#include <stdatomic.h>

#include "base/event.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/ref.h"
#include "base/timer.h"
#include "base/worker.h"
#include "log/direct.h"
#include "log/epochs.h"
#include "log/fdcache.h"
#include "log/partition.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/state.h"
#include "log/store.h"
#include "log/tail.h"

struct journal;

/* An end of the log: an offset, and how many bytes were appended before it since
 * the partition was loaded. */
struct log_pos {
	int64_t offset;
	int64_t bytes;
};

/* A recovery point: everything before it is synced, and what belongs to it is saved. */
struct log_point {
	int64_t offset;
	int64_t base, at;		/* the segment and the byte in it */
	uint32_t producers;		/* how many there are in the snapshot; 0: no file */
	int32_t epoch;			/* the newest in the log; -1: none */
};

/* How appended batches of a partition become durable now. It follows the setting
 * `flush`, but goes to the journal only when nothing older is unsynced: a batch in
 * the journal behind a hole could not be recovered. */
enum log_mode {
	MODE_JOURNAL,		/* journal commit */
	MODE_SYNC,		/* written, then the segment is synced */
	MODE_WRITTEN,		/* written */
};

struct partition {
	struct ref ref;
	struct store *store;
	struct uuid topic;
	int32_t index;
	bool internal;
	char *label;			/* the directory's name */
	char *dir;
	struct event ev;

	struct lock io;			/* LOGIO: files of this partition change under it */
	struct lock lock;		/* PARTITION: everything below */
	struct log_config config;
	bool configured;		/* its topic's settings are known: may be cleaned */
	enum log_state state;
	int fail_err;			/* why it left ONLINE */
	enum log_mode mode;
	int32_t epoch;			/* for appends */
	uint32_t generation;		/* of truncations */
	int64_t promised;		/* of a damaged one: so far it was durable; else 0. Where that is
					 * behind its end the checkpoint says so, too */
	int64_t damaged;		/* the last batch in its files that is known to be bad; -1: none. Until
					 * it is read again whole, deleted, or recovered, also over starts */
	bool unloaded;			/* the start could not read it: OFFLINE, and without segments */
	bool in_journal;		/* so are batches of it, which is kept for them */
	bool unproved;			/* nor its partition.metadata: whose the directory is, its name says alone */
	bool rest_left;			/* this start found a bad batch below `promised`, and what follows it
					 * in the files is left there until the journal proves to have it */
	int64_t covered;		/* of such a one: so far the journal goes on from its end without a gap; else 0 */
	int64_t replayed;		/* so far this start has found it in the journal; 0: it did not */
	int64_t voided;			/* groups of the journal below it count no more */
	int64_t log_start;
	int64_t clean_offset;		/* compaction has seen everything below it */
	int64_t bad_offset;		/* what it cannot read begins there; -1: nothing */
	int64_t kept_base, kept_offset;	/* of the recovery point that is in the checkpoint's file */
	struct log_pos end;		/* appended */
	struct log_pos journaled;	/* committed in the journal */
	struct log_pos written;		/* in segment files */
	struct log_pos synced;		/* synced in segment files */
	struct log_pos durable;		/* the high watermark */
	uint64_t last_append_ns;
	struct list segments;		/* oldest first; the last one is active */
	struct list doomed;		/* cut off: files to remove under io */
	bool trim;			/* the active file is longer than `written` */
	bool untidy;			/* files with names of their own may be in its directory (*.deleted, *.swap) */
	bool stale;			/* producers must be rebuilt before ONLINE */
	struct list tail;		/* chunks, oldest first, contiguous up to end */
	struct producers *producers;
	struct epochs epochs;
	struct log_point point;		/* what the next checkpoint says of it */
	struct log_point old_point;	/* LOGPASS: the one before, whose snapshot may go */
	struct list durable_waiters;	/* by target */
	struct list data_waiters;

	struct list write_hook;		/* WRITER: in a queue of unwritten partitions */
	bool write_urgent;		/* WRITER: in which */
	uint64_t write_due;		/* WRITER: when its turn comes in the lazy one (monotonic) */
	struct list sync_hook;		/* WRITER: in the queue of unsynced partitions */
	struct timer sync_timer;	/* WRITER: flush.ms */
	struct list room_waiters;	/* ROOM */
	struct list room_hook;

	/* The journal thread's, while a commit completes. */
	struct list commit_hook;
	struct log_pos commit_pos;
	uint32_t commit_generation;
};

struct store {
	char *path;
	int lock_fd, dir_fd;
	struct event ev;
	struct store_config config;
	bool was_clean, is_new;
	uint32_t ckpt_crc;		/* CKPT: of the newest checkpoint file */
	bool keep_journal;		/* by this start, for partitions that it cannot read */
	struct map *nameless;		/* STORE: directories by name of which it could not read whose they are */
	struct map *orphans;		/* STORE: who has batches in the journal and may be one of them; as the table */
	bool claimed;			/* STORE: all that have a topic are in the table */
	struct lock era_lock;		/* LOGERA: one writer of its file at a time */
	_Atomic int32_t era;

	struct lock lock;		/* STORE: the table */
	struct map *table;		/* by topic id (name bytes) with the index as tenant */
	struct list dead;		/* renamed directories waiting to be removed */

	struct tail_cache tail;
	struct fd_cache fds;
	struct direct direct;
	struct producers_budget producers;
	struct journal *journal;
	struct workers *readers;

	_Atomic int64_t dirty;		/* bytes appended and not in a segment file */
	_Atomic bool full;		/* below the soft limit, or a write hit ENOSPC */
	_Atomic bool starved;		/* the reserve is used up too */

	struct lock room;		/* ROOM: who waits for dirty bytes to shrink */
	struct list room_list;		/* partitions with room_waiters */

	struct lock wlock;		/* WRITER */
	pthread_cond_t wwake, fwake;
	struct list write_urgent, write_lazy, sync_queue;
	struct timers sync_timers;
	bool lazy_turn;			/* the last one written was a lazy one */
	bool stop, writer_asleep, journal_hungry;
	_Atomic bool wake_owed;		/* to the writing thread, by store_go() */
	bool damage_found;		/* and the checkpoint does not say so yet */
	int64_t unsynced_bytes;		/* written since the last pass */
	uint64_t pass_due;		/* monotonic ns; UINT64_MAX: nothing to sync */
	uint64_t look_due;		/* while full: the next look for room */
	pthread_t writer, flusher, maintainer;
	bool threads;

	struct lock pass;		/* LOGPASS */
	struct lock ckpt;		/* CKPT: one writer of checkpoint files at a time */

	struct lock mlock;		/* MAINT */
	pthread_cond_t mwake;
	bool clock_seen;
	int64_t clock_base_ms;		/* wall minus monotonic, as last seen */
	uint64_t clock_pause_until;	/* no deletion by time before it (monotonic) */
	uint64_t maintain_due;
	bool maintains;
	_Atomic bool maintain_stop;	/* also asked without the lock */

	_Atomic uint64_t n_appended, n_written, n_syncs, n_hot, n_cold;
};

/* partition.c */
struct partition *partition_create(struct store *s, const struct uuid *topic, int32_t index,
    bool internal, const char *label, const struct log_config *config);
/* Moves the high watermark to what is durable now and fires waiters. Locked. */
void partition_advance(struct partition *p);
/* Cuts the log back to `durable`, fires every waiter with err. Locked. */
void partition_cut(struct partition *p, int err);
/* partition_cut and a move to `state` (which must be legal, or nothing happens but the cut). */
void partition_fail(struct partition *p, enum log_state state, int err);
void partition_move(struct partition *p, enum log_state to);
/* Whoever waits for the log as it was gets err. Locked. */
void partition_fire(struct partition *p, int err);
/* The end of its life in memory: waiters get err, the tail goes. Locked. */
void partition_close(struct partition *p, int err);
/* Forgets the tail, written or not. Locked. */
void partition_drop_tail(struct partition *p);
/* Data waiters look again. Locked. */
void partition_wake_readers(struct partition *p);
/* A new active segment at offset base. Locked. */
struct segment *partition_add_segment(struct partition *p, int64_t base);
static inline struct segment *
partition_active(const struct partition *p)
{
	return list_empty(&p->segments) ? NULL :
	    CONTAINER_OF(p->segments.prev, struct segment, hook);
}
/* A walk through the segments whose steps let go of the lock. Begin with zeros. */
struct segment_walk {
	struct segment *at;		/* counted; NULL: none yet, or no more */
	uint32_t generation;
};
/* The next segment, or NULL at the end; from the first one again where the log was cut or the
 * one before has left it. walk_stop() after an earlier end. Locked. */
struct segment *segment_walk_next(struct partition *p, struct segment_walk *w);
static inline void
segment_walk_stop(struct segment_walk *w)
{
	segment_put(w->at);
	w->at = NULL;
}
/* The closed segments that take() picks, which may mark them; counted, the array is the
 * caller's. Locked. */
struct segment **partition_pick(struct partition *p, bool (*take)(struct segment *g), size_t *ret_n);
/* The segment that holds offset, or the first one; NULL where there is none. Locked. */
struct segment *partition_segment(const struct partition *p, int64_t offset);
/* Drops written chunks: all, or while the cache is over its budget. Locked. */
void partition_shed(struct partition *p, bool all);
/* The journal has committed everything up to pos (err == 0), or failed. */
void partition_committed(struct partition *p, struct log_pos pos, uint32_t generation, int err);

/* writer.c */
void writer_start(struct store *s);
void writer_sync_due(struct timer *timer, uint64_t now);
void writer_stop(struct store *s);
/* Empties the queues, once nothing can fill them any more. */
void writer_drain(struct store *s);
/* There are bytes to write; urgent: somebody waits for them. Partition locked. */
void writer_poke(struct partition *p, bool urgent);
/* Urgent, but the thread is woken by writer_wake_owed(). */
void writer_poke_later(struct partition *p);
void writer_wake_owed(struct store *s);
/* Somebody waits for a sync. Partition locked. */
void writer_poke_sync(struct partition *p);
/* Arranges for the sync that the settings ask for. Partition locked. */
void writer_sync_later(struct partition *p);
/* Writes what may be written: all of it, or where that is behind the journal only whole
 * chunks as long as there is more than one of them. Takes p->io. */
int partition_write_out(struct partition *p, bool all);
/* write_out and sync of all segments; moves the recovery point. */
int partition_flush(struct partition *p);
/* Syncs what is written. */
int partition_sync_files(struct partition *p);
/* Under p->io: partition_write_out without taking it. */
int partition_write_locked(struct partition *p, bool all);
/* Lets room waiters go when half of the dirty budget is free; all of them with err. */
void store_room_check(struct store *s);
void store_fire_room(struct store *s, int err);

/* load.c: recovery of one partition's segments; p->synced is the recovery point after
 * it. partition_settle() makes it ready for use. */
struct ckpt_row;
enum load_how {
	LOAD_CLEAN,			/* the row is the whole truth, if the files agree */
	LOAD_CRASH,			/* read from the recovery point on */
	LOAD_ALL,			/* read everything */
};
int partition_load(struct partition *p, const struct ckpt_row *row, enum load_how how);
/* The same after a clean stop whose mark says what there is. False: it does not, and nothing was done. */
struct mark;
bool partition_load_marked(struct partition *p, const struct ckpt_row *row, const struct mark *mark);
/* A file that is there; it belongs behind all others. */
struct segment *segment_found(struct partition *p, int64_t base, int64_t size);
void partition_drop_segments(struct partition *p);
/* Whether a start would have something to remove, or to complete, in its directory. */
bool partition_has_leftovers(struct partition *p);
/* Everything from byte at of g on is not part of the log; the end is p->end.offset. */
int partition_cut_files(struct partition *p, struct segment *g, int64_t at);
/* What a bad batch has left behind the end (rest_left) goes: the journal has it. */
int partition_cut_rest(struct partition *p);
void partition_settle(struct partition *p);
/* It cannot be read, or synced, by this start: what is known of it is the checkpoint's row. */
void partition_unload(struct partition *p, const char *what, int err);
/* So far it was durable, and it ends before that: it is damaged. */
void partition_lacks(struct partition *p, int64_t promised);

/* swap.c: completes exchanges of files that a crash interrupted. */
int partition_finish_swaps(struct partition *p);

/* replay.c: the journal's entries go to the segments that lack them. clean: only
 * find its next numbers. */
struct journal_end;
int partition_append_file(struct partition *p, const uint8_t *b, uint32_t n);
int store_replay(struct store *s, bool clean, struct journal_end *ret);
/* An unloaded partition leaves what the journal has of it, up to `end`, where it is. */
void partition_leave_entries(struct partition *p, int64_t end);

/* Calls each(batch) for every batch from offset up to the high watermark until it
 * returns nonzero, and returns that. Blocks. */
int partition_walk(struct partition *p, int64_t offset,
    int (*each)(const uint8_t *batch, void *arg), void *arg);

/* Closed segments that were not read since the start learn their greatest times from
 * their indexes. Blocks. */
void partition_learn_times(struct partition *p);

/* pass.c: flushes every partition, writes the checkpoint, trims the journal. */
int store_pass(struct store *s);
/* Of these (all) partitions: flush what is new, then write the checkpoint. failed, where there is one, is
 * asked about each that could not be flushed before the checkpoint is written: 0 where that may be. */
int store_save(struct store *s, struct partition **v, size_t n, int (*failed)(struct partition *p, int err));
/* Flushes a partition and moves its recovery point to where it ended before. ERR_AGAIN
 * where it could not be moved now. lasting: else fs_sync_all() before the checkpoint. */
int partition_checkpoint(struct partition *p, bool lasting);
int store_write_checkpoint(struct store *s);
/* What the checkpoint says of it. False where the next start is to ask the directory itself. */
bool ckpt_row_of(struct partition *p, struct ckpt_row *ret);
/* Damage was found: the checkpoint is to say so soon, without a pass. Any lock below WRITER may be held. */
void store_note_damage(struct store *s);
/* Milliseconds until the next pass is due: 0 now, UINT32_MAX never. wlock held. */
unsigned store_pass_wait(struct store *s, uint64_t now);
void store_pass_turn(struct store *s);
/* The journal has no spare file: the syncing thread makes one. arg: the store. */
void store_hungry(void *arg);
/* There is no room for another: the reserve is given up. */
bool store_starved(void *arg);
/* Bytes have been written; looks whether a pass should come sooner. */
void store_note_written(struct store *s, int64_t bytes);

/* store.c */
/* "<path>/<name>" on the heap. */
char *store_file(const struct store *s, const char *name);
/* The start could not read whose directory this is. */
void store_add_nameless(struct store *s, const char *label);
/* The journal has batches up to `end` of a partition that is not there: true where it may be one whose
 * directory could not be read. */
bool store_add_orphan(struct store *s, const struct uuid *topic, int32_t index, int64_t end);
/* Whether there are any that nobody has claimed and nobody given up. */
bool store_has_orphans(struct store *s);
void store_drop_orphans(struct store *s);
/* All partitions, counted; free with store_release(). */
struct partition **store_collect(struct store *s, size_t *ret_n);
void store_release(struct partition **v, size_t n);
/* Adds a partition to the table, which takes over the reference. */
void store_add(struct store *s, struct partition *p);
/* The directory name of a partition; ERR_LIMIT where it does not fit. */
int store_label(struct name topic, int32_t index, const struct uuid *id, char *out, size_t size);
bool store_label_index(const char *label, int32_t *ret);

/* files.c: partition.metadata, marks and the rest of a data directory. */
int meta_write(const char *dir, const struct uuid *topic, bool sync);
int meta_read(const char *dir, struct uuid *ret);
/* The era's file; a start can read what another wrote. ERR_NOTFOUND; ERR_CORRUPT: it holds no number. */
#define ERA_MAX (INT32_MAX - 1)
int era_read(const struct store *s, int32_t *ret);
int era_write(const struct store *s, int32_t era);
/* What was durable is given up: an era begins while the broker runs. Any lock below LOGERA may be held. */
int store_next_era(struct store *s);
