/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "log/store.h"

/*
 * A copy of a data directory as it is at a moment, made while the broker writes on: its files are held by
 * hard links, so that retention, compaction and deletion take nothing away, and what still grows counts up to a length.
 * They lie under numbers in a directory inside the data directory; the list says how they are called: a line
 * "LENGTH NAME" for each, in the order of the numbers, from 1 on. One thread makes it.
 */
struct pins {
	const char *dir;		/* where the links are; made by pins_begin() */
	struct buf list;
	int64_t files, bytes;
	_Atomic int64_t done, total;	/* partitions; for others to look at */
	atomic_bool stop;		/* by others: no more is wanted */
};

/* The directory in the data directory for what is held, under a name that no other has and that any start
 * removes. Free with mem_free(). */
char *pins_place(const struct store *store);
int pins_begin(struct pins *pins, const char *dir);
void pins_free(struct pins *pins);

/* A file as it is now, or as far as length (-1: all of it): a link. ERR_NOTFOUND. */
int pins_link(struct pins *pins, const char *path, const char *name, int64_t length);
/* A small file of these bytes. */
int pins_put(struct pins *pins, const char *name, const void *p, size_t n);
/* The path of the next number, for a file that its maker writes; pins_made() counts it. In a buffer of
 * PINS_PATH bytes. */
#define PINS_PATH 4200
char *pins_next(const struct pins *pins, char out[PINS_PATH]);
int pins_made(struct pins *pins, const char *name);

/*
 * All logs with all that is durable now, the checkpoint that belongs to them, and the other files of the
 * directory but for the era and the metadata, whose turn is after: see store_pin_era(). Offsets of groups are never
 * ahead of the records: internal topics are held first. Refused where a partition's log failed, or is damaged, as the copy
 * would lack some of it. May block for long. ERR_CLOSED: stopped.
 */
int store_pin(struct store *store, struct pins *pins, struct why *why);
/* The era, once the metadata are copied: none of them may know of a later one. */
int store_pin_era(struct store *store, struct pins *pins, struct why *why);
