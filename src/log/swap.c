/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "<20 digits>.<20 digits>.swap" is a compacted file that is whole and replaces the
 * segments that begin between the two offsets. Found at start, it still has to: they
 * are removed with their indexes, and it gets its name.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/impl.h"

struct swap {
	struct partition *p;
	int64_t base, end;
};

/* The second number stands where the suffix of a segment's file begins. */
static bool
swap_parse(const char *name, int64_t *ret_base, int64_t *ret_end)
{
	char first[32];
	if (strlen(name) != 46 || name[20] != '.')
		return false;
	snprintf(first, sizeof(first), "%.20s.x", name);
	return segment_parse(first, "x", ret_base) && segment_parse(name + 21, "swap", ret_end) &&
	    *ret_base < *ret_end;
}

static int
remove_replaced(const char *name, void *arg)
{
	struct swap *s = arg;
	int64_t base;
	if (!segment_parse(name, "log", &base) || base < s->base || base >= s->end)
		return 0;
	segment_remove_files(s->p->dir, base);
	return 0;
}

static int
see_swap(const char *name, void *arg)
{
	struct swap s = { .p = arg };
	if (!swap_parse(name, &s.base, &s.end))
		return 0;
	char *to = segment_path(s.p->dir, s.base, "log");
	size_t n = strlen(s.p->dir) + strlen(name) + 2;
	char *from = mem_alloc(n);
	snprintf(from, n, "%s/%s", s.p->dir, name);
	int err = fs_list(s.p->dir, remove_replaced, &s);
	if (err == 0)	/* none of them may be there again when it has its name */
		err = fs_sync_dir(s.p->dir);
	if (err == 0)
		err = fs_rename(from, to);
	if (err == 0)
		err = fs_sync_dir(s.p->dir);
	mem_free(from);
	mem_free(to);
	return err;
}

int
partition_finish_swaps(struct partition *p)
{
	return fs_list(p->dir, see_swap, p);
}
