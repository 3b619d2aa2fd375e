/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

/*
 * Big-endian numbers of n bytes, at most 8, at any address. With a constant n of 2, 4 or 8 each is one
 * load or store: gcc leaves the obvious loop over bytes a loop, and a batch's head is read a dozen times
 * on its way.
 */
static inline uint64_t
be_get(const uint8_t *p, unsigned n)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v = 0;
	switch (n) {
	case 2:
		memcpy(&v16, p, 2);
		return be16toh(v16);
	case 4:
		memcpy(&v32, p, 4);
		return be32toh(v32);
	case 8:
		memcpy(&v, p, 8);
		return be64toh(v);
	default:
		for (unsigned i = 0; i < n; i++)
			v = v << 8 | p[i];
		return v;
	}
}

/* The low n bytes of v. */
static inline void
be_put(uint8_t *p, uint64_t v, unsigned n)
{
	uint16_t v16 = htobe16((uint16_t)v);
	uint32_t v32 = htobe32((uint32_t)v);
	uint64_t v64 = htobe64(v);
	switch (n) {
	case 2:
		memcpy(p, &v16, 2);
		break;
	case 4:
		memcpy(p, &v32, 4);
		break;
	case 8:
		memcpy(p, &v64, 8);
		break;
	default:
		for (; n-- > 0; v >>= 8)
			p[n] = (uint8_t)v;
	}
}
