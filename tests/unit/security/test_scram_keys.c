/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <string.h>

#include "base/err.h"
#include "security/base64.h"
#include "security/scram_keys.h"

static void
make_and_verify(void **state)
{
	(void)state;
	for (int h = 0; h < SCRAM_HASHES; h++) {
		struct scram_key a, b;
		enum scram_hash hash = (enum scram_hash)h;
		assert_ok(scram_key_make(hash, STR("geheim"), SCRAM_ITERATIONS_MIN, &a));
		assert_ok(scram_key_make(hash, STR("geheim"), SCRAM_ITERATIONS_MIN, &b));
		assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_LEN);
		assert_memory_not_equal(a.stored, b.stored, scram_hash_len(hash));
		assert_true(scram_key_verify(hash, &a, STR("geheim")));
		assert_false(scram_key_verify(hash, &a, STR("Geheim")));
		assert_false(scram_key_verify(hash, &a, STR("")));
		assert_false(scram_key_verify(hash, &a, STR("geheim ")));
		assert_false(scram_key_verify(hash == SCRAM_SHA_256 ? SCRAM_SHA_512 : SCRAM_SHA_256,
		    &a, STR("geheim")));
	}
}

static void
bounds(void **state)
{
	(void)state;
	struct scram_key key;
	char large[PASSWORD_MAX + 1];
	memset(large, 'x', sizeof(large));
	assert_int_equal(scram_key_make(SCRAM_SHA_256, STR("x"), 4095, &key), ERR_LIMIT);
	assert_int_equal(scram_key_make(SCRAM_SHA_256, STR("x"), 16385, &key), ERR_LIMIT);
	assert_int_equal(scram_key_make(SCRAM_SHA_256, STR(""), 4096, &key), ERR_INVAL);
	assert_int_equal(scram_key_make(SCRAM_SHA_256, STR("a\0b"), 4096, &key), ERR_INVAL);
	assert_int_equal(scram_key_make(SCRAM_SHA_256, STR("\xff"), 4096, &key), ERR_INVAL);
	assert_int_equal(scram_key_make(SCRAM_SHA_256, (struct str){ large, sizeof(large) }, 4096,
	    &key), ERR_LIMIT);
	assert_ok(scram_key_make(SCRAM_SHA_256, (struct str){ large, PASSWORD_MAX }, 4096, &key));
	key.iterations = 0;
	assert_false(scram_key_verify(SCRAM_SHA_256, &key, STR("x")));
	key.iterations = UINT32_MAX;
	assert_false(scram_key_verify(SCRAM_SHA_256, &key, STR("x")));
}

/* KIP-554: what an admin client sends. */
static void
from_salted(void **state)
{
	(void)state;
	struct scram_key key;
	uint8_t salted[32] = { 1 };
	const struct str s = { (char *)salted, sizeof(salted) };
	assert_ok(scram_key_from_salted(SCRAM_SHA_256, STR("salt"), s, 4096, &key));
	assert_int_equal(key.salt_len, 4);
	assert_int_equal(scram_key_from_salted(SCRAM_SHA_512, STR("salt"), s, 4096, &key), ERR_INVAL);
	assert_int_equal(scram_key_from_salted(SCRAM_SHA_256, STR(""), s, 4096, &key), ERR_INVAL);
	assert_int_equal(scram_key_from_salted(SCRAM_SHA_256, STR("s"), s, 100, &key), ERR_LIMIT);
}

static void
fakes_are_stable_and_differ(void **state)
{
	(void)state;
	struct scram_fake fake = { { 7 }, 8192, 0 }, other = { { 8 }, 8192, 0 };
	struct scram_key a, b;
	scram_key_fake(&fake, SCRAM_SHA_256, 3, STR("nobody"), &a);
	scram_key_fake(&fake, SCRAM_SHA_256, 3, STR("nobody"), &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.iterations, 8192);
	assert_int_equal(a.salt_len, SCRAM_SALT_LEN);
	scram_key_fake(&fake, SCRAM_SHA_256, 4, STR("nobody"), &b);
	assert_memory_not_equal(a.salt, b.salt, a.salt_len);
	scram_key_fake(&fake, SCRAM_SHA_256, 3, STR("somebody"), &b);
	assert_memory_not_equal(a.salt, b.salt, a.salt_len);
	scram_key_fake(&other, SCRAM_SHA_256, 3, STR("nobody"), &b);
	assert_memory_not_equal(a.salt, b.salt, a.salt_len);
	scram_key_fake(&fake, SCRAM_SHA_512, 3, STR("nobody"), &b);
	assert_memory_not_equal(a.salt, b.salt, a.salt_len);
	assert_memory_not_equal(a.stored, a.server, 32);
	assert_memory_not_equal(a.stored, a.salt, 32);
	fake.salt_len = 100;
	scram_key_fake(&fake, SCRAM_SHA_512, 3, STR("nobody"), &b);
	assert_memory_not_equal(b.salt, b.salt + 64, 36); /* no block is used twice */
}

static void
base64(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "+/+/" };
	static const char *const wrong[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==",
		"Zm9v\n", " Zm9", "Zm-v", "====", "Z===" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t bytes[8];
		char text[16];
		size_t n;
		assert_ok(base64_decode(str_from(texts[i]), bytes, sizeof(bytes), &n));
		assert_int_equal(base64_encode(bytes, n, text), strlen(texts[i]));
		assert_memory_equal(text, texts[i], strlen(texts[i]));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t bytes[16];
		size_t n;
		assert_int_equal(base64_decode(str_from(wrong[i]), bytes, sizeof(bytes), &n), ERR_INVAL);
	}
	uint8_t bytes[2];
	size_t n;
	assert_int_equal(base64_decode(STR("Zm9v"), bytes, 2, &n), ERR_LIMIT);
}

TEST_MAIN(T(make_and_verify), T(bounds), T(from_salted), T(fakes_are_stable_and_differ),
    T(base64))
