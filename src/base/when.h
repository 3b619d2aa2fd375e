/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* Points in time as RFC 3339 writes them; ms since 1970, as clock_wall_ms() has them. */

/* "2027-03-31T18:00:00Z", with three digits of a fraction where it is no whole second; a number where it
 * has no year of four digits. */
#define WHEN_TEXT 40
char *when_format(int64_t ms, char out[WHEN_TEXT]);

/* Any offset, "Z" or "+02:00", and a fraction, of which what is below a millisecond is dropped. ERR_INVAL for all
 * else, and for a time that is not after the beginning of 1970: 0 is "never" to those who ask. */
int when_parse(struct str text, int64_t *ret_ms);
