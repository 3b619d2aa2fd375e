/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The client's arithmetic of SCRAM, apart from the code under test. */

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "security/scram.h"

static inline const EVP_MD *
client_md(enum scram_hash hash)
{
	return hash == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha512();
}

static inline void
client_salted(enum scram_hash hash, struct str password, struct str salt, unsigned iterations,
    uint8_t out[64])
{
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const uint8_t *)salt.p, (int)salt.n,
	    (int)iterations, client_md(hash), EVP_MD_size(client_md(hash)), out) != 1)
		abort();
}

/* base64 of the proof over an AuthMessage; text needs 89 bytes. */
static inline void
client_proof(enum scram_hash hash, struct str password, struct str salt, unsigned iterations,
    struct str message, char *text)
{
	uint8_t salted[64], key[64], stored[64], signature[64];
	int n = EVP_MD_size(client_md(hash));
	client_salted(hash, password, salt, iterations, salted);
	HMAC(client_md(hash), salted, n, (const uint8_t *)"Client Key", 10, key, NULL);
	EVP_Digest(key, (size_t)n, stored, NULL, client_md(hash), NULL);
	HMAC(client_md(hash), stored, n, (const uint8_t *)message.p, message.n, signature, NULL);
	for (int i = 0; i < n; i++)
		key[i] ^= signature[i];
	EVP_EncodeBlock((uint8_t *)text, key, n);
}

/*
 * client-final for a server-first; first is the whole client-first ("n,,n=...").
 * doubled: as librdkafka before 2.6.1. Empty where server-first is not one.
 */
static inline struct str
client_final(enum scram_hash hash, const char *password, const char *first,
    struct str server_first, bool doubled, struct buf *out)
{
	struct str rest = server_first, nonce, salt64, count;
	uint8_t salt[256];
	char text[4096], proof[96];
	str_cut(&rest, ',', &nonce);
	str_cut(&rest, ',', &salt64);
	count = rest;
	if (!str_starts(nonce, STR("r=")) || !str_starts(salt64, STR("s=")) ||
	    !str_starts(count, STR("i=")) || salt64.n > 256)
		return STR("");
	int n = EVP_DecodeBlock(salt, (const uint8_t *)salt64.p + 2, (int)salt64.n - 2);
	for (size_t i = salt64.n; i > 0 && salt64.p[i - 1] == '='; i--)
		n--;
	const char *own = strstr(first, "r=") + 2;
	int own_n = (int)strcspn(own, ",");
	buf_consume(out, out->n);
	buf_printf(out, "c=biws,r=%.*s%.*s", doubled ? own_n : 0, own, (int)nonce.n - 2,
	    nonce.p + 2);
	snprintf(text, sizeof(text), "%s,%.*s,%.*s", first + 3, STR_ARG(server_first),
	    STR_ARG(buf_str(out)));
	int64_t iterations; /* what stands behind them is no text's end */
	if (str_to_i64((struct str){ count.p + 2, count.n - 2 }, 1, 1000000, &iterations) != 0)
		return STR("");
	client_proof(hash, str_from(password), (struct str){ (char *)salt, (size_t)n }, (unsigned)iterations,
	    str_from(text), proof);
	buf_printf(out, ",p=%s", proof);
	return buf_str(out);
}
