/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "meta/controller.h"

/*
 * Rehearse: a request that carries others. Each is handled as if it had come by itself, by its own row, gate and
 * handler, upon the image that the ones before it would have made; its changes are planned and go no further. While one
 * is handled rq->rehearsal is set, and row, header, in and out of the request are that one's.
 */
struct rehearsal;

/* For who submits a change: what it is planned upon instead of the published image; NULL: it is meant. */
struct change_trial *rehearse_trial(struct request *rq);

/* rq->resume of the call that waits, on the loop; then the next ones. */
enum api_turn rehearse_resume(struct request *rq);

/* For rehearse.c: fills the answer with whose access differs between the images, on a worker. They stay until the
 * request ends. The value to return. */
enum api_turn rehearse_compare(struct request *rq, const struct image *before, const struct image *after,
    struct rehearse_rsp *out);
