/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

/* How a request ends. Each uses the request up. */

/* Encodes rq->out and sends it: quotas are charged, the delay they ask for is told
 * in throttle_time_ms, and the connection is muted for as long (KIP-219). A
 * response that cannot be encoded closes the connection. */
void answer_send(struct request *rq);
/* The protocol has no response. */
void answer_none(struct request *rq);
/* A version that is not ours: error 35, in version 0 for ApiVersions (KIP-511);
 * for others the connection is closed, as there is no schema to answer in. Sets
 * rq->out or not, and says how to go on. */
enum api_turn answer_unsupported(struct request *rq);
