/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "log/partition.h"

/*
 * The idempotent producers of one partition: the last five batches of each, so that
 * a repeated batch is answered with its first offset (KIP-98, KIP-360). Derived from
 * the log alone. One owner at a time: the partition's lock.
 */
struct producers;

struct producers *producers_create(void);
void producers_destroy(struct producers **ps);

/* 0: ret->verdict is NEW or DUPLICATE (base, end and append_ms set); else
 * ERR_CONFLICT and why. */
int producers_check(const struct producers *ps, const uint8_t *head, struct append_result *ret);
/* The batch is in the log now, whatever its sequence. now_ns: monotonic. */
void producers_note(struct producers *ps, const uint8_t *head, uint64_t now_ns);

/* The offset behind the newest batch of the producer of this batch; -1: not known. */
int64_t producers_newest(const struct producers *ps, const uint8_t *head);
/* Forgets producers whose newest batch is older than before_ms, if this process has
 * not seen them since before_ns either: timestamps are the client's own. */
void producers_expire(struct producers *ps, int64_t before_ms, uint64_t before_ns);
size_t producers_count(const struct producers *ps);

/* Kafka's snapshot file (version 1): only the newest batch of each is in it. */
void producers_encode(const struct producers *ps, struct buf *out);
/* Adds what it says to an empty set; ERR_CORRUPT leaves the set empty. */
int producers_decode(struct producers *ps, const void *p, size_t n, uint64_t now_ns);
