/* SPDX-License-Identifier: Apache-2.0
 * F3: bytes that say they are compressed. The first byte is the codec, the second the
 * bound in KiB. Output never passes the bound; what was compressed here comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); abort(); } } while (0)

static void
there_and_back(enum batch_codec codec, const uint8_t *p, size_t n)
{
	struct buf packed, out;
	buf_init(&packed, 2 * n + 65536);
	buf_init(&out, n + 65536);
	MUST(compress_to(codec, p, n, &packed) == 0);
	MUST(decompress(codec, packed.p, packed.n, &out) == 0);
	MUST(out.n == n && (n == 0 || memcmp(out.p, p, n) == 0));
	buf_free(&packed);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out;
	if (size < 2)
		return 0;
	enum batch_codec codec = (enum batch_codec)(data[0] % BATCH_CODECS);
	size_t max = (size_t)data[1] * 1024 + 1;
	buf_init(&out, max);
	int err = decompress(codec, data + 2, size - 2, &out);
	MUST(err == 0 || err == ERR_CORRUPT || err == ERR_LIMIT || err == ERR_NOMEM);
	MUST(out.n <= max);
	buf_free(&out);
	there_and_back(codec, data + 2, size - 2);
	return 0;
}
