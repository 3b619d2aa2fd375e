/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "audit/chain.h"

/*
 * Whether files are the lines that the broker wrote, none changed, missing or put in between. Files are
 * given oldest first, in pieces of any size; memory does not grow with them. The first
 * fault ends it. What only the last lines could tell takes a head that was kept elsewhere.
 */
enum verify_fault {
	VERIFY_FINE,
	VERIFY_NO_LINE,			/* not one that the broker writes */
	VERIFY_CHANGED,			/* the hash is not the line's */
	VERIFY_MISSING,			/* lines before it */
	VERIFY_ORDER,			/* its number was there already */
	VERIFY_LINK,			/* an opening that does not follow what stands before it */
	VERIFY_MIDDLE,			/* a first file does not begin with an opening */
	VERIFY_UNFINISHED,		/* the last line has no end */
	VERIFY_REWRITTEN,		/* the line of a head is another one */
	VERIFY_CUT,			/* the line of a head is not there */
	VERIFY_EMPTY,			/* no line at all */
};

#define VERIFY_HEADS_MAX 8

struct verify {
	struct audit_head at;		/* the last line that was read */
	uint64_t first;			/* the first one's number; 0: none yet */
	struct audit_head heads[VERIFY_HEADS_MAX];
	unsigned heads_n;
	uint64_t anchored;		/* the greatest of their lines that was found as it was */
	enum verify_fault fault;
	unsigned file, fault_file;	/* from 1 */
	uint64_t line, lines, fault_line;	/* in the file, from 1; in all */
	uint64_t from, to;		/* MISSING, CUT: the numbers that are missing */
	uint64_t openings, torn;	/* lines that were cut short by a crash and are marked as such */
	struct buf rest;		/* the beginning of a line */
	uint64_t pending;		/* lines that are none may have been torn: the next one tells */
	uint8_t pending_hash[AUDIT_HASH];
};

void verify_begin(struct verify *v);
/* One more line that must be there as it was: before the first byte. ERR_LIMIT. */
int verify_expect(struct verify *v, const struct audit_head *head);
void verify_file(struct verify *v);
/* false: there is a fault, the rest need not come. */
bool verify_feed(struct verify *v, const void *p, size_t n);
bool verify_file_end(struct verify *v);
/* Behind the last file. True where all is as it was written, as far as the heads reach. */
bool verify_end(struct verify *v);
void verify_free(struct verify *v);

/* The fault as a sentence, where there is one. */
char *verify_text(const struct verify *v, char *out, size_t size);
