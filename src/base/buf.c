/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_free(struct buf *b)
{
	mem_free(b->p);
	buf_init(b, b->max);
}

void
buf_free_secret(struct buf *b)
{
	if (b->p != NULL)
		mem_cleanse(b->p, b->cap);
	buf_free(b);
}

int
buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->n >= more)
		return 0;
	if (more > b->max || b->n > b->max - more)
		return ERR_LIMIT;
	size_t cap = b->cap < 64 ? 64 : b->cap;
	if (cap > b->max)
		cap = b->max;
	while (cap < b->n + more)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	uint8_t *p = realloc(b->p, cap);
	if (p == NULL)
		return ERR_NOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	int err = buf_reserve(b, n);
	if (err != 0)
		return err;
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

int
buf_add_str(struct buf *b, struct str s)
{
	return buf_add(b, s.p, s.n);
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return ERR_INVAL;
	int err = buf_reserve(b, (size_t)n + 1);
	if (err != 0)
		return err;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->n -= n;
	if (b->n > 0)
		memmove(b->p, b->p + n, b->n);
}
