/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens are HMACs; a failure inside OpenSSL is no token. */
#include "security/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"

bool
token_hmac(const uint8_t secret[TOKEN_SECRET_LEN], struct str id, uint8_t ret[TOKEN_HMAC_LEN])
{
	return HMAC(EVP_sha512(), secret, TOKEN_SECRET_LEN, (const uint8_t *)id.p, id.n, ret, NULL) != NULL;
}

int
token_keys(const uint8_t hmac[TOKEN_HMAC_LEN], struct scram_key ret[SCRAM_HASHES])
{
	char password[TOKEN_PASSWORD_LEN];
	size_t n = base64_encode(hmac, TOKEN_HMAC_LEN, password);
	int err = 0;
	for (int h = 0; h < SCRAM_HASHES && err == 0; h++)
		err = scram_key_make((enum scram_hash)h, (struct str){ password, n }, SCRAM_ITERATIONS_DEFAULT, &ret[h]);
	mem_cleanse(password, sizeof(password));
	return err;
}

bool
token_digest(const void *hmac, size_t n, uint8_t ret[TOKEN_DIGEST_LEN])
{
	return EVP_Digest(hmac, n, ret, NULL, EVP_sha256(), NULL) == 1;
}

bool
token_hmac_eq(const uint8_t a[TOKEN_HMAC_LEN], const void *b, size_t n)
{
	return n == TOKEN_HMAC_LEN && CRYPTO_memcmp(a, b, TOKEN_HMAC_LEN) == 0;
}
