/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include "base/err.h"
#include "base/rand.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct uuid
uuid_make(void)
{
	struct uuid u;
	char text[UUID_TEXT];
	do {
		rand_bytes(u.b, sizeof(u.b));
		u.b[6] = (u.b[6] & 0x0f) | 0x40;
		u.b[8] = (u.b[8] & 0x3f) | 0x80;
	} while (uuid_format(&u, text)[0] == '-');
	return u;
}

char *
uuid_format(const struct uuid *u, char out[UUID_TEXT])
{
	uint32_t acc = 0;
	int bits = 0, o = 0;
	for (int i = 0; i < 16; i++) {
		acc = acc << 8 | u->b[i];
		for (bits += 8; bits >= 6; bits -= 6)
			out[o++] = digits[acc >> (bits - 6) & 63];
	}
	out[o++] = digits[acc << (6 - bits) & 63];
	out[o] = '\0';
	return out;
}

int
uuid_parse(struct str s, struct uuid *ret)
{
	struct uuid u;
	uint32_t acc = 0;
	int bits = 0, o = 0;
	if (s.n != 22)
		return ERR_INVAL;
	for (size_t i = 0; i < s.n; i++) {
		const char *d = s.p[i] == '\0' ? NULL : strchr(digits, s.p[i]);
		if (d == NULL)
			return ERR_INVAL;
		acc = acc << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			u.b[o++] = (uint8_t)(acc >> bits);
		}
	}
	if ((acc & 15) != 0)
		return ERR_INVAL;
	*ret = u;
	return 0;
}
