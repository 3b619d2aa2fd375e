/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/payers.h"

/*
 * What one connection holds of the memory that all of them share (base/ration.h). A frame that is being received has room of its
 * own, for all of it, before it is read on: those that have begun can end. What else is held (beginnings that wait
 * for that, waiting requests, answers that the peer has not taken) is there already and counts past the bound;
 * then nothing else is begun. Nobody is told when there is room again: who has to wait looks again.
 *
 * Who has not logged in holds nothing of it, or strangers could take it all by what they announce: they have
 * small frames, buffers that grow with what comes, and a number of connections that is bounded.
 */
struct holding {
	struct payer *payer;		/* a reference; NULL: no bound */
	size_t promised;		/* for the frame whose beginning is kept; bytes */
	size_t counted;			/* of what it holds besides */
};

/* So much is counted for nobody. */
#define HOLDING_SMALL (16u << 10)

/* What it holds now besides a frame that has room. */
void holding_count(struct holding *s, size_t bytes);
/* Whether a frame of so many bytes has room; false: not yet. */
bool holding_promise(struct holding *s, size_t bytes);
/* The frame has come, or will not. */
void holding_give_back(struct holding *s);
/* Holds nothing any more, of nobody's. */
void holding_end(struct holding *s);

/* Whether a frame of so many bytes is more than the limits of its payer will ever take, and which one. */
bool holding_exceeds(const struct holding *s, size_t bytes, struct payer_bound *ret);
/* Whether to say that a limit has no room for so many bytes more, and which one: once a minute of one payer. now_ns: not 0. */
bool holding_tells(const struct holding *s, size_t bytes, uint64_t now_ns, struct payer_bound *ret);

/* Whether nothing may be begun. A frame that has room goes on, or all might wait for each other. */
bool holding_is_full(const struct holding *s);
/* Whether the payer uses half of what he may have now, or more. */
bool holding_is_scarce(const struct holding *s, enum payer_for what);
/* Bytes that an answer may have: an eighth of what is left, so that many slow ones come near the bound and
 * not past it. */
size_t holding_room(const struct holding *s);
