/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "security/base64.h"
#include "security/scram_keys.h"

/*
 * Delegation tokens (KIP-48): HMAC-SHA-512 of a token's id under a secret. Its base64 text
 * is the password of a SCRAM login by the id (tokenauth=true), so the keys of a login are
 * those of any password, and the HMAC itself need not be kept: who has the secret makes it anew.
 */
#define TOKEN_SECRET_LEN 64
#define TOKEN_HMAC_LEN 64
#define TOKEN_PASSWORD_LEN BASE64_LEN(TOKEN_HMAC_LEN)
#define TOKEN_DIGEST_LEN 32

/* False where OpenSSL fails. */
bool token_hmac(const uint8_t secret[TOKEN_SECRET_LEN], struct str id, uint8_t ret[TOKEN_HMAC_LEN]);

/* SCRAM keys of the HMAC's text. Takes milliseconds: not on a loop. ERR_NOMEM. */
int token_keys(const uint8_t hmac[TOKEN_HMAC_LEN], struct scram_key ret[SCRAM_HASHES]);

/* What an HMAC is looked up by: how long a comparison of digests takes tells nothing about
 * what they are digests of. False where OpenSSL fails. */
bool token_digest(const void *hmac, size_t n, uint8_t ret[TOKEN_DIGEST_LEN]);

/* In constant time. */
bool token_hmac_eq(const uint8_t a[TOKEN_HMAC_LEN], const void *b, size_t n);
