/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* RFC 4648 section 4, with padding, without line breaks. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(n) characters, no terminator; returns their number. */
size_t base64_encode(const void *p, size_t n, char *out);

/* Strict: the canonical form only (padding, no stray bits, nothing else).
 * ERR_INVAL; ERR_LIMIT where it is more than max bytes. */
int base64_decode(struct str in, uint8_t *out, size_t max, size_t *ret_n);

/* RFC 4648 section 5 without padding (RFC 7515's BASE64URL), as strictly. */
#define BASE64URL_BYTES(n) ((n) / 4 * 3 + 2)	/* that n characters hold at most */
int base64url_decode(struct str in, uint8_t *out, size_t max, size_t *ret_n);
