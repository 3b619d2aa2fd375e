/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SMALL	1024u

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
	/* calloc(3) of glibc before 2.41 does not look into the thread's cache, which malloc(3) finds
	 * small pieces in; large ones may come from the kernel, zeroed. */
	if (size > SMALL)
		return must(calloc(1, size), size);
	return memset(mem_alloc(size), 0, size);
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

void *
mem_try_aligned(size_t alignment, size_t size)
{
	void *p;
	return posix_memalign(&p, alignment, size) == 0 ? p : NULL;
}

/* Twice the size is asked for, and what lies outside of the aligned half returned. */
void *
mem_huge_try(void)
{
	char *p = mmap(NULL, 2 * MEM_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)p & (MEM_HUGE - 1);
	if (before > 0)
		munmap(p, before);
	munmap(p + before + MEM_HUGE, MEM_HUGE - before);
	(void)madvise(p + before, MEM_HUGE, MADV_HUGEPAGE);
	return p + before;
}

void
mem_huge_free(void *p)
{
	if (p != NULL)
		munmap(p, MEM_HUGE);
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
