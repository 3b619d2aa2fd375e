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

void mem_free(void *p);

/* Overwrites with zeros, not optimised away: for keys and passwords. */
void mem_cleanse(void *p, size_t size);

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
