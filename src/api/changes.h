/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "meta/controller.h"

/* What handlers that change metadata have in common. */

/* Hands the change to the controller and parks the request; resume finds the
 * results. The change lies in the request's arena, which lives until it is done,
 * also where the connection goes away first. The value to return. */
enum api_turn change_submit(struct request *rq, struct change *change,
    enum api_turn (*resume)(struct request *));
/* The same, and done is called on the controller's thread whether or not the connection is
 * still there; it wakes the request. */
enum api_turn change_submit_then(struct request *rq, struct change *change,
    void (*done)(struct change *change), enum api_turn (*resume)(struct request *));

/* The sentence beside a result; null where it is CHANGE_OK. In the arena. */
struct str change_text(struct request *rq, enum change_result result, const struct why *why);

/* For each name of a list: 0, it is there once; 1, the first of several; 2,
 * another one of them. In the arena. */
const uint8_t *names_repeated(struct arena *arena, const struct name *names, int32_t n);

/* Whether the caller's controller mutations are in debt (KIP-599): clients that
 * know the error are told to come later. */
bool mutations_over(struct request *rq);
/* Bills partitions made or deleted. */
void mutations_charge(struct request *rq, double partitions);
/* Whether limits.topic.* hold for the caller: they do for all but operators. */
bool caller_limited(struct request *rq);
