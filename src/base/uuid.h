/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* 128 bits in network order. Kafka writes topic and cluster ids as 22
 * characters of unpadded base64url. All zero means "none". */
struct uuid {
	uint8_t b[16];
};

#define UUID_TEXT 23 /* bytes for the text with its terminator */

/* A random (version 4) id whose text does not begin with '-', so that it can
 * stand as an argument of a command; never zero. */
struct uuid uuid_make(void);
char *uuid_format(const struct uuid *u, char out[UUID_TEXT]);
/* ERR_INVAL for anything but 22 characters of base64url. */
int uuid_parse(struct str s, struct uuid *ret);

static inline bool
uuid_is_zero(const struct uuid *u)
{
	static const struct uuid zero;
	return memcmp(u, &zero, sizeof(zero)) == 0;
}

static inline bool
uuid_eq(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
