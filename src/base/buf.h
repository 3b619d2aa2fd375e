/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Growable bytes that the holder owns, with a hard maximum. Embed it and start
 * with buf_init(); not thread-safe. p may be NULL while n == 0. */
struct buf {
	uint8_t *p;
	size_t n, cap, max;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
/* As buf_free, but overwrites what was held: for secrets. */
void buf_free_secret(struct buf *b);

/* Makes room for more bytes behind n; ERR_LIMIT past the maximum, ERR_NOMEM.
 * After it, b->p + b->n has that much room. */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *p, size_t n);
int buf_add_str(struct buf *b, struct str s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the first n bytes, moving the rest down. */
void buf_consume(struct buf *b, size_t n);

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p == NULL ? "" : (const char *)b->p, b->n };
}
