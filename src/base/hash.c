/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <isa-l/crc.h>
#include <string.h>
#include <sys/auxv.h>

static inline uint64_t
rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

struct sip {
	uint64_t a, b, c, d;
};

static inline void
sip_round(struct sip *v)
{
	v->a += v->b; v->b = rotl(v->b, 13); v->b ^= v->a; v->a = rotl(v->a, 32);
	v->c += v->d; v->d = rotl(v->d, 16); v->d ^= v->c;
	v->a += v->d; v->d = rotl(v->d, 21); v->d ^= v->a;
	v->c += v->b; v->b = rotl(v->b, 17); v->b ^= v->c; v->c = rotl(v->c, 32);
}

static inline void
sip_word(struct sip *v, uint64_t m)
{
	v->d ^= m;
	sip_round(v);
	v->a ^= m;
}

uint64_t
hash_pair(uint64_t a, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t last = (uint64_t)n << 56, m, key[2];

	/* 16 random bytes that the kernel gives every process image. */
	memcpy(key, (const void *)getauxval(AT_RANDOM), sizeof(key));
	struct sip v = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
	    key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	sip_word(&v, a);
	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&m, b, 8);
		sip_word(&v, m);
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)b[i] << (8 * i);
	sip_word(&v, last);
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}

uint64_t
hash_bytes(const void *p, size_t n)
{
	return hash_pair(0, p, n);
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;
	/* ISA-L counts bytes in an int, and leaves both inversions to its caller. */
	for (crc = ~crc; n > 0;) {
		int step = n > (1u << 30) ? 1 << 30 : (int)n;
		crc = crc32_iscsi((unsigned char *)(uintptr_t)b, step, crc);
		b += step;
		n -= (size_t)step;
	}
	return ~crc;
}
