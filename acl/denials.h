/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Folding of denial lines: who, operation and node are logged once, then one
 * line a minute with a count. Memory is bounded: over the limit the oldest
 * entry makes room, its count being told first.
 */

#include <stdint.h>

#include "acl/acl.h"

struct acl_denials;

/* max: entries kept; line_max: bytes of a line that are. by_host: the same from another address is another one.
 * Thread-safe (LOCK_DENIALS). emit is called with no lock held; count: 0 the first time, else how many
 * more there were since the last line. */
struct acl_denials *acl_denials_create(size_t max, size_t line_max, bool by_host,
    void (*emit)(void *arg, struct str line, uint64_t count), void *arg);
void acl_denials_destroy(struct acl_denials **denials);

/* Tells or counts a denial. line: acl_explain()'s. now_ns: monotonic. */
void acl_denials_add(struct acl_denials *denials, const struct acl_who *who,
    const struct acl_answer *answer, struct str line, uint64_t now_ns);
/* The same for one that is known, whose line need not be made again; false where it is not. */
bool acl_denials_count(struct acl_denials *denials, const struct acl_who *who,
    const struct acl_answer *answer, uint64_t now_ns);

/* Tells the counts that are a minute old; call it every few seconds. */
void acl_denials_tick(struct acl_denials *denials, uint64_t now_ns);
