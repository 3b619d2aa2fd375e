/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The chain over the lines. A line is
 *
 *	{"time":"2026-11-30T15:40:15.123Z","seq":7,BODY,"hash":"64 hex digits"}
 *
 * and its hash is SHA-256 over the 32 bytes of the hash before it and the bytes of the line up to
 * the comma before "hash". So a line holds all those before it. The first one follows 32 zero bytes.
 */
#define AUDIT_HASH 32
#define AUDIT_HASH_TEXT (2 * AUDIT_HASH + 1)
#define AUDIT_LINE_MAX 16384		/* without its newline */
#define AUDIT_TIME_LEN 24

/* The last line of a chain; seq 0: there is none. */
struct audit_head {
	uint64_t seq;
	uint8_t hash[AUDIT_HASH];
};

/* Appends one line and its newline, and moves the head to it. wall_ms: its time. body: what
 * record.h makes, at most AUDIT_BODY_MAX. ERR_LIMIT where out is full; the head is then as it was. */
#define AUDIT_BODY_MAX (AUDIT_LINE_MAX - 256)
int chain_seal(struct audit_head *head, int64_t wall_ms, struct str body, struct buf *out);

/* SHA-256 over a and b. */
void chain_hash(struct str a, struct str b, uint8_t out[AUDIT_HASH]);

/* The hash of half a line, or of one more of them in a row. */
void chain_torn(bool more, uint8_t hash[AUDIT_HASH], struct str line);

/* The hash as text, and "SEQ:HASH", which a person can keep; and back (ERR_INVAL). */
char *chain_hash_text(const uint8_t hash[AUDIT_HASH], char out[AUDIT_HASH_TEXT]);
#define AUDIT_HEAD_TEXT (AUDIT_HASH_TEXT + 22)
char *chain_head_text(const struct audit_head *head, char out[AUDIT_HEAD_TEXT]);
int chain_head_parse(struct str s, struct audit_head *ret);
int chain_hash_parse(struct str s, uint8_t ret[AUDIT_HASH]);

/* What a line says of itself. Views of the line. */
struct chain_line {
	uint64_t seq;
	struct str hashed;		/* what the hash is over */
	uint8_t hash[AUDIT_HASH];
	bool opens;			/* "what":"open" */
	uint8_t prev[AUDIT_HASH];	/* of one that opens: the hash before */
	bool torn;			/* of one that opens: the lines before were cut short, by a crash or a full disk */
	uint8_t torn_hash[AUDIT_HASH];	/* and their chain_torn() */
};
/* A line without its newline; ERR_CORRUPT for what is none. */
int chain_line_parse(struct str line, struct chain_line *ret);
