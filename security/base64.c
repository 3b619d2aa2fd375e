/* SPDX-License-Identifier: Apache-2.0 */
/* Four characters a turn; decoding refuses every text that encoding would not
 * have made, so that a value has one form only. */
#include "security/base64.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(const void *p, size_t n, char *out)
{
	const uint8_t *b = p;
	size_t o = 0;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)b[i] << 16;
		v |= i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0;
		v |= i + 2 < n ? b[i + 2] : 0;
		out[o++] = digits[v >> 18];
		out[o++] = digits[v >> 12 & 63];
		out[o++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		out[o++] = i + 2 < n ? digits[v & 63] : '=';
	}
	return o;
}

/* One group: how many bytes it gives (1..3), or 0. */
static size_t
decode_group(const char *in, uint8_t out[3])
{
	uint32_t v = 0;
	size_t pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
	for (size_t i = 0; i < 4 - pad; i++) {
		const char *d = in[i] == '\0' ? NULL : strchr(digits, in[i]);
		if (d == NULL)
			return 0;
		v |= (uint32_t)(d - digits) << (18 - 6 * i);
	}
	if (pad > 0 && (v & (pad == 1 ? 0xff : 0xffff)) != 0)
		return 0;
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	return 3 - pad;
}

/* Appends what a group gives, which is less than 3 bytes in the last one only. */
static int
put_group(const char group[4], bool last, uint8_t *out, size_t max, size_t *o)
{
	uint8_t b[3];
	size_t n = decode_group(group, b);
	if (n == 0 || (n < 3 && !last))
		return ERR_INVAL;
	if (*o + n > max)
		return ERR_LIMIT;
	memcpy(out + *o, b, n);
	*o += n;
	return 0;
}

int
base64_decode(struct str in, uint8_t *out, size_t max, size_t *ret_n)
{
	size_t o = 0;
	int err = in.n % 4 == 0 ? 0 : ERR_INVAL;
	for (size_t i = 0; err == 0 && i < in.n; i += 4)
		err = put_group(in.p + i, i + 4 == in.n, out, max, &o);
	*ret_n = o;
	return err;
}

int
base64url_decode(struct str in, uint8_t *out, size_t max, size_t *ret_n)
{
	size_t o = 0;
	int err = 0;
	for (size_t i = 0; err == 0 && i < in.n; i += 4) {
		char group[4] = { '=', '=', '=', '=' };
		for (size_t k = 0; k < 4 && i + k < in.n; k++) {
			char c = in.p[i + k];
			if (c == '+' || c == '/' || c == '=')
				return ERR_INVAL;
			group[k] = c == '-' ? '+' : c == '_' ? '/' : c;
		}
		err = put_group(group, in.n - i <= 4, out, max, &o);
	}
	*ret_n = o;
	return err;
}
