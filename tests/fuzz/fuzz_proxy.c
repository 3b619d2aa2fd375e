/* SPDX-License-Identifier: Apache-2.0
 * What a proxy, or somebody in its place, sends first. However the bytes are cut the verdict
 * is the same, none beyond the header is asked for, and the address is one of a family that there is. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

/* In portions of at most step bytes; the bytes that were taken. */
static size_t
feed(struct proxy_head *h, const uint8_t *data, size_t size, size_t step, int *ret_err)
{
	size_t at = 0;
	const char *why = NULL;
	*ret_err = ERR_AGAIN;
	while (*ret_err == ERR_AGAIN && at < size) {
		size_t want = proxy_wants(h), n = want < step ? want : step;
		MUST(want > 0 && h->got + want <= PROXY_MAX);
		n = n < size - at ? n : size - at;
		*ret_err = proxy_take(h, data + at, n, &why);
		at += n;
	}
	MUST(*ret_err == 0 || *ret_err == ERR_AGAIN || (*ret_err == ERR_CORRUPT && why != NULL));
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size > 0 ? data[size - 1] % 40 + 1u : 1;
	struct proxy_head whole = { .got = 0 }, cut = { .got = 0 };
	int err, same;
	size_t n = feed(&whole, data, size, SIZE_MAX, &err), m = feed(&cut, data, size, step, &same);
	struct addr from = { .family = 0 };
	uint16_t port = 0;
	MUST(err == same);
	if (err != 0)
		return 0;
	MUST(n == m && n == whole.all && proxy_wants(&whole) == 0 && memcmp(whole.b, cut.b, sizeof(cut.b)) == 0);
	if (proxy_client(&whole, &from, &port))
		MUST(from.family == 4 || from.family == 6);
	return 0;
}
