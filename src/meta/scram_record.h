/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "meta/record.h"
#include "security/cred.h"

/* SCRAM keys as the records of users and tokens hold them: "iterations:salt:stored:server" in hex, one field
 * a hash. */

/* Behind record_begin(); keys of 0 iterations are none. The texts are made in the arena. */
void record_add_scram(struct arena *arena, struct buf *b, const struct scram_key keys[SCRAM_HASHES]);
/* A field that is not there leaves its key alone. ERR_CORRUPT, ret then half taken. */
int record_get_scram(const struct record *r, struct scram_key ret[SCRAM_HASHES]);
