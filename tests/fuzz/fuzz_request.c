/* SPDX-License-Identifier: Apache-2.0
 * F1: a frame as any peer may send it: request header and body, of every API
 * and version. What decodes must encode, and what was encoded must decode to
 * the same again; and it can be printed. */
#include "wire_fuzz.h"

#include "base/arena.h"
#include "wire/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(data, size);
	struct wire_header h;
	if (wire_header_decode(&r, &h) != 0 || !h.supported)
		return 0;
	struct arena *arena = arena_create(WIRE_FUZZ_MEMORY);
	wire_fuzz_message(h.api->req, h.version, &r, arena);
	arena_destroy(&arena);
	return 0;
}
