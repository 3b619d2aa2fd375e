/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* A pattern with its replacement, as Java's Matcher replaces: $N is a group (of
 * more digits the longest number that is one), a backslash makes the next
 * character plain. Immutable; any thread may apply it. */
struct subst;

/* literal_refs: a $N that is no group stands for itself (as in Kafka's SSL rules,
 * where the pattern has groups), else it is an error. */
int subst_compile(struct str pattern, struct str replacement, bool literal_refs,
    struct subst **ret, struct why *why);
void subst_destroy(struct subst **subst);

/* 0 or ERR_NOTFOUND: whether the whole of in matches; rx_full()'s errors too. */
int subst_matches(const struct subst *subst, struct str in);
/* Adds in to ret with the first match, or all, replaced. ERR_LIMIT past ret's
 * maximum or 64 replacements. */
int subst_apply(const struct subst *subst, struct str in, bool all, struct buf *ret);
