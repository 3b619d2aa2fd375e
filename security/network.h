/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "base/addr.h"

/* What counts as one place that guesses: an IPv4 address, or an IPv6 /64, of
 * which anybody has all. */
#define NETWORK_LEN 9

static inline void
network_of(const struct addr *a, uint8_t out[NETWORK_LEN])
{
	memset(out, 0, NETWORK_LEN);
	out[0] = a->family;
	memcpy(out + 1, a->b, a->family == 6 ? 8 : 4);
}
