/* SPDX-License-Identifier: Apache-2.0
 * Headers of requests and answers. The client id keeps its 16-bit length in
 * every version; tags are skipped, there are none that a client sends. */
#include "wire/header.h"

#include "base/err.h"
#include "wire/msg.h"

static void
skip_tags(struct reader *r)
{
	uint32_t n = reader_varint(r);
	int64_t last = -1;
	if (n > WIRE_TAGS_MAX)
		reader_fail(r, ERR_LIMIT);
	for (uint32_t i = 0; i < n && r->err == 0; i++) {
		uint32_t tag = reader_varint(r);
		if (tag <= last)
			reader_fail(r, ERR_CORRUPT);
		last = tag;
		reader_skip(r, reader_varint(r));
	}
}

static bool
has_schema(const struct wire_api *api, int version)
{
	return api != NULL && version >= api->lo && version <= api->hi;
}

int
wire_header_decode(struct reader *r, struct wire_header *ret)
{
	struct wire_header h = { 0 };
	const uint8_t *p = reader_bytes(r, 8);
	if (p == NULL)
		return r->err;
	h.key = (int16_t)be_get(p, 2);
	h.version = (int16_t)be_get(p + 2, 2);
	h.correlation = (int32_t)be_get(p + 4, 4);
	h.api = wire_api_find(h.key);
	h.supported = has_schema(h.api, h.version);
	if (h.supported) {
		h.client_id = reader_str(r, true);
		if (h.version >= h.api->flex)
			skip_tags(r);
		if (r->err != 0)
			return r->err;
	}
	*ret = h;
	return 0;
}

static bool
answer_has_tags(const struct wire_api *api, int version)
{
	return api->key != WIRE_KEY_API_VERSIONS && version >= api->flex;
}

void
wire_header_answer(struct writer *w, const struct wire_api *api, int version, int32_t correlation)
{
	writer_i32(w, correlation);
	if (answer_has_tags(api, version))
		writer_varint(w, 0);
}

void
wire_header_encode(struct writer *w, const struct wire_api *api, int version,
    int32_t correlation, struct str client_id)
{
	writer_i16(w, api->key);
	writer_i16(w, (int16_t)version);
	writer_i32(w, correlation);
	writer_str(w, client_id);
	if (version >= api->flex)
		writer_varint(w, 0);
}

int
wire_header_answered(struct reader *r, const struct wire_api *api, int version,
    int32_t *ret_correlation)
{
	int32_t correlation = reader_i32(r);
	if (answer_has_tags(api, version))
		skip_tags(r);
	if (r->err == 0)
		*ret_correlation = correlation;
	return r->err;
}
