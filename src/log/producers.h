/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "log/partition.h"

/*
 * The idempotent producers of one partition: the last five batches of each, so that
 * a repeated batch is answered with its first offset (KIP-98, KIP-360). Derived from
 * the log alone. One owner at a time: the partition's lock.
 */
struct producers;

/*
 * How many there may be in all partitions together: a client can have as many ids as it
 * sends batches. Beyond it a new producer takes the place of the one in its own partition
 * that was silent for longest; a partition may always have PRODUCERS_LEAST. One that is
 * forgotten and comes back is taken as it is, as after an expiry.
 */
#define PRODUCERS_LEAST 16u
#define PRODUCERS_STEP 512u		/* some 50 us */
#define PRODUCERS_BYTES 384u		/* what one takes, with its place in the map */

struct producers_budget {
	_Atomic int64_t n;
	int64_t max;
};

/* budget must outlive it; NULL: no bound. */
struct producers *producers_create(struct producers_budget *budget);
void producers_destroy(struct producers **ps);

/* 0: ret->verdict is NEW (also of a stranger) or DUPLICATE (base, end and append_ms set); else
 * ERR_CONFLICT and why. */
int producers_check(const struct producers *ps, const uint8_t *head, struct append_result *ret);
/* The batch is in the log now, whatever its sequence. now_ns: monotonic. */
void producers_note(struct producers *ps, const uint8_t *head, uint64_t now_ns);

/* The offset behind the newest batch of the producer of this batch; -1: not known. */
int64_t producers_newest(const struct producers *ps, const uint8_t *head);
/* Forgets producers whose newest batch is older than before_ms, if this process has
 * not seen them since before_ns either: timestamps are the client's own. Looks at PRODUCERS_STEP
 * of them, for appends wait meanwhile; true: call it again. */
bool producers_expire(struct producers *ps, int64_t before_ms, uint64_t before_ns);
size_t producers_count(const struct producers *ps);

/*
 * Kafka's snapshot file (version 1): the newest batch of each; before it, of those that were
 * seen since since_ns and may send again what they sent, the others that are known. As of the
 * moment of producers_save_begin(), though it is made in steps and batches are noted between
 * them: one that changes before its turn is written down first.
 */
struct producer;
struct producers_saving {
	uint64_t since_ns;
	struct list *at;		/* the next one to look at */
	size_t left;			/* of those of the beginning, how many are not in it */
	struct producer *taken;		/* copies of the last step */
	size_t taken_n;
	struct buf out;			/* the file */
	struct buf late;		/* of those that changed: they come last, as the newest */
	int err;
};
/* One at a time for a set. */
void producers_save_begin(struct producers *ps, uint64_t since_ns, struct producers_saving *s);
/* Copies PRODUCERS_STEP of them, then producers_save_put() must follow. False: that were all, or
 * the set is another one; s has nothing to do with any set any more. */
bool producers_save_take(struct producers *ps, struct producers_saving *s);
/* Gives up the saving of this set, if there is one. */
void producers_save_stop(struct producers *ps);
/* These two need no owner: they see s only. The second one makes s->out the whole file. */
void producers_save_put(struct producers_saving *s);
int producers_save_finish(struct producers_saving *s);
void producers_save_free(struct producers_saving *s);

/* Adds what it says to an empty set; ERR_CORRUPT leaves the set empty. */
int producers_decode(struct producers *ps, const void *p, size_t n, uint64_t now_ns);
