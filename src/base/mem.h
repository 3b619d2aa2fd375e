/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Memory. Small structures of our own never fail to allocate: a broker that
 * cannot have 200 bytes stops, and recovery is the code path it has for that.
 * Whatever a peer can make large goes through mem_try(), an arena with a limit
 * or a buf with a maximum, and fails with an error instead.
 */

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t size) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* As malloc: NULL where there is no memory. */
void *mem_try(size_t size) __attribute__((malloc));
/* The same, beginning at a multiple of alignment, a power of two. */
void *mem_try_aligned(size_t alignment, size_t size) __attribute__((malloc));
/* A block of MEM_HUGE bytes, aligned to its size, that the kernel backs by one large page
 * where it can: cheaper to touch, to copy to and to hand to the disk than small
 * pages. NULL where there is no memory. mem_huge_free() gives it back to the system. */
#define MEM_HUGE	((size_t)2 << 20)
void *mem_huge_try(void);
void mem_huge_free(void *p);

void mem_free(void *p);

/* Overwrites with zeros, not optimised away: for keys and passwords. */
void mem_cleanse(void *p, size_t size);

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
