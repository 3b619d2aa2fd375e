/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "api/api.h"

struct request;
struct session;

/* One complete request of a connection, without its length. On the loop of the
 * connection. The bytes are the caller's again when it returns. */
void dispatch(struct session *session, const uint8_t *frame, size_t n);

/* Whether a decoded request changes metadata, and more things at once than there is room for: each, small on the wire,
 * has a place for its result and for a sentence about it. */
bool dispatch_too_much(const struct request *rq);

/* A parked request goes on: woken, or its deadline has come. */
void dispatch_resume(struct request *rq);

/* What follows from a turn: sends, parks, ends, closes. */
void dispatch_settle(struct request *rq, enum api_turn turn);
