/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <string.h>

#include "base/err.h"
#include "security/token.h"

/* As Kafka makes it: HMAC-SHA-512 (the bytes by Python's hmac). */
static void
an_hmac_is_the_secrets_and_the_ids(void **state)
{
	uint8_t secret[TOKEN_SECRET_LEN], a[TOKEN_HMAC_LEN], b[TOKEN_HMAC_LEN];
	static const uint8_t begins[] = { 0xb7, 0xc3, 0xa4, 0xf2, 0x2b, 0xd4, 0xe7, 0xd3 };
	(void)state;
	memset(secret, 'k', sizeof(secret));
	assert_true(token_hmac(secret, STR("BMAanhw9R0aLAhKS4K-PUw"), a));
	assert_memory_equal(a, begins, sizeof(begins));
	assert_true(token_hmac(secret, STR("BMAanhw9R0aLAhKS4K-PUx"), b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(token_hmac_eq(a, a, sizeof(a)));
	assert_false(token_hmac_eq(a, b, sizeof(b)));
	assert_false(token_hmac_eq(a, a, sizeof(a) - 1));
}

/* The password is the base64 text of the HMAC, for both hashes. */
static void
its_text_is_a_password(void **state)
{
	uint8_t hmac[TOKEN_HMAC_LEN];
	char text[TOKEN_PASSWORD_LEN];
	struct scram_key keys[SCRAM_HASHES];
	(void)state;
	memset(hmac, 0xa5, sizeof(hmac));
	struct str password = { text, base64_encode(hmac, sizeof(hmac), text) };
	assert_int_equal(password.n, TOKEN_PASSWORD_LEN);
	assert_ok(token_keys(hmac, keys));
	for (int h = 0; h < SCRAM_HASHES; h++) {
		assert_int_equal(keys[h].iterations, SCRAM_ITERATIONS_DEFAULT); /* as those of who is nobody */
		assert_true(scram_key_verify((enum scram_hash)h, &keys[h], password));
		assert_false(scram_key_verify((enum scram_hash)h, &keys[h], (struct str){ text, password.n - 1 }));
	}
}

static void
a_digest_tells_hmacs_apart(void **state)
{
	uint8_t hmac[TOKEN_HMAC_LEN] = { 0 }, a[TOKEN_DIGEST_LEN], b[TOKEN_DIGEST_LEN];
	(void)state;
	assert_true(token_digest(hmac, sizeof(hmac), a));
	hmac[63] = 1;
	assert_true(token_digest(hmac, sizeof(hmac), b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(token_digest("", 0, b));
}

TEST_MAIN(T(an_hmac_is_the_secrets_and_the_ids), T(its_text_is_a_password), T(a_digest_tells_hmacs_apart))
