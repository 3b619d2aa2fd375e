/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void
rand_bytes(void *p, size_t n)
{
	uint8_t *b = p;
	while (n > 0) {
		ssize_t got = getrandom(b, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			perror("<2>getrandom");
			abort();
		}
		b += got;
		n -= (size_t)got;
	}
}

uint64_t
rand_below(uint64_t bound)
{
	uint64_t v, tail = (0 - bound) % bound; /* 2^64 mod bound */
	do {
		rand_bytes(&v, sizeof(v));
	} while (v < tail);
	return v % bound;
}
