/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/hash.h"
#include "base/rand.h"

static void
crc32c_vectors(void **state)
{
	(void)state;
	uint8_t zero[32] = { 0 }, ones[32], up[32];
	memset(ones, 0xff, sizeof(ones));
	for (int i = 0; i < 32; i++)
		up[i] = (uint8_t)i;
	/* RFC 3720 B.4 */
	assert_int_equal(crc32c(0, zero, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void
hash_depends_on_every_byte(void **state)
{
	(void)state;
	uint8_t b[40];
	rand_bytes(b, sizeof(b));
	for (size_t n = 0; n < sizeof(b); n++) {
		uint64_t h = hash_bytes(b, n);
		assert_true(h == hash_bytes(b, n));
		assert_true(h != hash_pair(1, b, n));
		assert_true(n == 0 || h != hash_bytes(b, n - 1));
		for (size_t i = 0; i < n; i++) {
			b[i] ^= 1;
			assert_true(h != hash_bytes(b, n));
			b[i] ^= 1;
		}
	}
}

static void
rand_below_stays_below(void **state)
{
	(void)state;
	int seen[10] = { 0 };
	for (int i = 0; i < 10000; i++)
		seen[rand_below(10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 700, 1300);
}

TEST_MAIN(T(crc32c_vectors), T(hash_depends_on_every_byte), T(rand_below_stays_below))
