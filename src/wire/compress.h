/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "wire/batch.h"

/*
 * The codecs of record batches, with bounded output: gzip (RFC 1952), snappy
 * (raw blocks, and the framing of Java's library), lz4 frames, zstd. Lengths
 * that the input declares are never trusted. Stateless; any thread.
 */

/* Adds the output to out, whose maximum is the bound: ERR_LIMIT beyond it,
 * ERR_CORRUPT for bytes that are not of the codec or end early. */
int decompress(enum batch_codec codec, const uint8_t *p, size_t n, struct buf *out);

/* Adds the compressed input to out. BATCH_NONE copies. ERR_LIMIT. */
int compress_to(enum batch_codec codec, const uint8_t *p, size_t n, struct buf *out);
