/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"

/* Snappy (google/snappy, format_description.txt): a lone raw block, as
 * librdkafka sends it, or blocks in the framing of Java's library ("xerial").
 * Debian's library drags in the C++ runtime for 200 lines of C. */
int snappy_decompress(const uint8_t *p, size_t n, struct buf *out);
/* One raw block. */
int snappy_compress(const uint8_t *p, size_t n, struct buf *out);
