/* SPDX-License-Identifier: Apache-2.0
 * F1, the other direction: an answer as a hostile broker may send it to
 * schlossctl: key and version (16 bits each), then header and body. */
#include "wire_fuzz.h"

#include "base/arena.h"
#include "wire/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(data, size);
	const struct wire_api *api = wire_api_find(reader_i16(&r));
	int version = reader_i16(&r);
	int32_t correlation;
	if (api == NULL || wire_header_answered(&r, api, version, &correlation) != 0)
		return 0;
	struct arena *arena = arena_create(WIRE_FUZZ_MEMORY);
	wire_fuzz_message(api->rsp, version, &r, arena);
	arena_destroy(&arena);
	return 0;
}
