/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Regular expressions for mapping rules, in time linear in the input whatever
 * the pattern (a Pike machine, no backtracking). The notation is the part of
 * Java's that such rules use: literals, . [] [^] \d \D \w \W \s \S and escaped
 * punctuation, ^ $, ( ) (?: ), |, * + ? {n} {n,} {n,m} greedy and lazy. Lookaround,
 * back references, possessive quantifiers, flags and \p are errors. Matching
 * is over code points, leftmost-first as in Java; only a repeated group that can
 * match nothing may end up with other offsets than there.
 */
#define RX_GROUPS 10			/* the whole match and nine groups */
#define RX_INPUT_MAX 4096

struct rx;

/* Offsets into the input; start > end: the group took no part. */
struct rx_match {
	struct { size_t start, end; } group[RX_GROUPS];
	unsigned groups;		/* in the pattern, the whole match not counted */
};

/* why: what is wrong and at which byte (from 1) of the pattern. */
int rx_compile(struct str pattern, struct rx **ret, struct why *why);
void rx_destroy(struct rx **rx);
unsigned rx_groups(const struct rx *rx);

/* The whole input must match. 0, ERR_NOTFOUND; ERR_INVAL where the input is no
 * UTF-8, ERR_LIMIT where it is too long or the budget of steps is used up. */
int rx_full(const struct rx *rx, struct str in, struct rx_match *ret);
/* The first match at or after byte from. Errors as above. */
int rx_find(const struct rx *rx, struct str in, size_t from, struct rx_match *ret);
