/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "cli/props.h"
#include "stream.h"
#include "wire/msg.h"

/*
 * What the modes of the load generator share: load.c moves records, calls.c asks for
 * all else. Whatever goes wrong ends the program with its reason.
 */
struct load {
	struct props props;
	struct str topic;
	int connections, in_flight, partitions, acks;
	bool each;			/* record has a stamp */
	size_t batch_bytes, message_bytes;
	uint64_t bytes;			/* to move in all */
	double rate, seconds;		/* 0: as fast as it goes, until all bytes are moved */

	int epoll;
	uint64_t start, end;		/* by the clock that only rises; end 0: when the mode returns */
	struct stream *streams;
	struct stamps *stamps;		/* by partition */
	struct out *spare;		/* frames that are not under way */
	uint64_t *counts;		/* of batches, by connection and partition */
	uint8_t *frame;			/* what all of them are copies of */
	size_t frame_n, batch_n, batch_at, index_at;
	int messages;			/* in a batch */
	uint64_t asked, moved, requests, records;
	uint64_t *latency;
	size_t latencies, latency_max;
};

__attribute__((noreturn)) void load_fail(const char *what);

/* A request as one run of bytes, with its length in front; mem_free(). */
uint8_t *load_encode(int key, int version, const void *in, size_t *ret_n);
/* The struct of an answer, in the arena. */
void *load_decode(int key, int version, const uint8_t *p, size_t n, struct arena *arena);

/* All that was to be asked for, or all the time. */
bool load_enough(const struct load *l);
bool load_any_under_way(const struct load *l);
void load_note_latency(struct load *l, uint64_t when);
/* Waits for answers, and has `answered` take those of each connection that moved. */
void load_turn(struct load *l, uint64_t wait_ns, void (*answered)(struct load *, struct stream *));

/* calls.c. The streams of load_logins() are not open. */
void load_commit(struct load *l);
void load_poll(struct load *l);
void load_ends(struct load *l);
void load_logins(struct load *l);
