/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"
#include "wire/codec.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* What stands before a request's body (KIP-482: version 1, or 2 with tags). */
struct wire_header {
	int16_t key, version;
	int32_t correlation;
	struct str client_id;		/* a view into the request; may be null */
	const struct wire_api *api;	/* NULL: no such API */
	bool supported;			/* api has a schema for this version */
};

/*
 * Reads a request's header. An unknown API, or a version outside its range, is
 * no error here: key, version and correlation are then filled, `supported` is
 * false, client_id is null, and the rest of the reader is not to be trusted.
 * The reader's error otherwise.
 */
int wire_header_decode(struct reader *r, struct wire_header *ret);

/* A response's header: version 0 (the correlation id), or 1 with tags from the
 * API's first flexible version; ApiVersions stays at 0 for ever (KIP-511). */
void wire_header_answer(struct writer *w, const struct wire_api *api, int version,
    int32_t correlation);

/* The other side, for clients: writes a request's header, reads an answer's. */
void wire_header_encode(struct writer *w, const struct wire_api *api, int version,
    int32_t correlation, struct str client_id);
int wire_header_answered(struct reader *r, const struct wire_api *api, int version,
    int32_t *ret_correlation);
