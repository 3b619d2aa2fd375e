/* SPDX-License-Identifier: Apache-2.0 */
/* The object, its names, and its accounts; its bytes are written by writer.c. */
#include "log/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/head.h"

char *
segment_path(const char *dir, int64_t base, const char *suffix)
{
	size_t n = strlen(dir) + strlen(suffix) + 32;
	char *path = mem_alloc(n);
	snprintf(path, n, "%s/%020" PRId64 ".%s", dir, base, suffix);
	return path;
}

char *
segment_sibling(const struct segment *g, const char *suffix)
{
	size_t stem = strlen(g->path) - 3, n = strlen(suffix) + 1;
	char *path = mem_alloc(stem + n);
	memcpy(path, g->path, stem);
	memcpy(path + stem, suffix, n);
	return path;
}

bool
segment_parse(const char *name, const char *suffix, int64_t *ret_base)
{
	int64_t base = 0;
	if (strlen(name) != 20 + 1 + strlen(suffix) || name[20] != '.' ||
	    strcmp(name + 21, suffix) != 0)
		return false;
	for (int i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9' ||
		    __builtin_mul_overflow(base, 10, &base) ||
		    __builtin_add_overflow(base, name[i] - '0', &base))
			return false;
	}
	*ret_base = base;
	return true;
}

struct segment *
segment_create(const char *dir, int64_t base)
{
	struct segment *g = MEM_NEW(struct segment);
	ref_init(&g->ref);
	list_init(&g->hook);
	fd_slot_init(&g->file);
	fd_slot_init(&g->direct);
	g->base = g->end = base;
	g->max_time = g->max_time_offset = g->first_time = g->file_time = -1;
	g->made_ns = clock_mono_ns();
	g->dice = (g->made_ns ^ (uint64_t)(uintptr_t)g) * UINT64_C(0x9e3779b97f4a7c15) >> 20;	/* no secret, and many are made at a start */
	g->path = segment_path(dir, base, "log");
	return g;
}

void
segment_retire_files(struct segment *g)
{
	fd_retire(&g->file);
	fd_retire(&g->direct);
}

void
segment_put(struct segment *g)
{
	if (g == NULL || !ref_put(&g->ref))
		return;
	fd_drop(&g->file);
	fd_drop(&g->direct);
	indexes_free(&g->indexes);
	mem_free(g->path);
	mem_free(g);
}

void
segment_note(struct segment *g, const uint8_t *head, int32_t interval)
{
	int64_t time = head_max_time(head);
	if (g->size == 0)
		g->first_time = time;
	if (time > g->max_time) {
		g->max_time = time;
		g->max_time_offset = head_end(head) - 1;
	}
	indexes_note(&g->indexes, (int32_t)(head_end(head) - 1 - g->base), g->size, head_size(head),
	    g->max_time, g->max_time_offset - g->base, interval);
	g->size += head_size(head);
	g->end = head_end(head);
}
