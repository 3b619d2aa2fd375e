/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *p, size_t size)
{
	if (p == NULL) {
		fprintf(stderr, "<2>out of memory: %zu bytes refused\n", size);
		abort();
	}
	return p;
}

void *
mem_alloc(size_t size)
{
	return must(malloc(size == 0 ? 1 : size), size);
}

void *
mem_zalloc(size_t size)
{
	return must(calloc(1, size == 0 ? 1 : size), size);
}

void *
mem_realloc(void *p, size_t size)
{
	return must(realloc(p, size == 0 ? 1 : size), size);
}

void *
mem_dup(const void *p, size_t size)
{
	void *copy = mem_alloc(size);
	if (size > 0)
		memcpy(copy, p, size);
	return copy;
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

void *
mem_try(size_t size)
{
	return malloc(size == 0 ? 1 : size);
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_cleanse(void *p, size_t size)
{
	explicit_bzero(p, size);
}
