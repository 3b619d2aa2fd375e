/* SPDX-License-Identifier: Apache-2.0 */
/* Files are searched where they lie, entry by entry: twenty small reads from the page
 * cache, and no memory for segments that nobody reads. */
#include "log/indexes.h"

#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"

#define AT_BYTES	8
#define TIME_BYTES	12

void
indexes_free(struct indexes *x)
{
	mem_free(x->ats);
	mem_free(x->times);
	*x = (struct indexes){ .ats = NULL };
}

static void
note_time(struct indexes *x, int64_t time, int32_t offset)
{
	if (time < 0 || (x->times_n > 0 && x->times[x->times_n - 1].time >= time))
		return;
	if (x->times_n == x->times_cap) {
		x->times_cap = x->times_cap == 0 ? 8 : x->times_cap * 2;
		x->times = mem_realloc(x->times, x->times_cap * sizeof(*x->times));
	}
	x->times[x->times_n++] = (struct index_time){ time, offset };
}

void
indexes_close(struct indexes *x, int64_t time, int32_t offset)
{
	note_time(x, time, offset);
}

void
indexes_note(struct indexes *x, int32_t last, int64_t at, int64_t n, int64_t time,
    int64_t time_offset, int32_t interval)
{
	if (x->noted > interval && at <= INT32_MAX) {
		if (x->ats_n == x->ats_cap) {
			x->ats_cap = x->ats_cap == 0 ? 8 : x->ats_cap * 2;
			x->ats = mem_realloc(x->ats, x->ats_cap * sizeof(*x->ats));
		}
		x->ats[x->ats_n++] = (struct index_at){ last, (int32_t)at };
		note_time(x, time, (int32_t)time_offset);
		x->noted = 0;
	}
	x->noted += n;
}

void
indexes_cut(struct indexes *x, int64_t size, int32_t end)
{
	while (x->ats_n > 0 && x->ats[x->ats_n - 1].at >= size)
		x->ats_n--;
	while (x->times_n > 0 && x->times[x->times_n - 1].offset >= end)
		x->times_n--;
	x->ats_saved = x->ats_saved > x->ats_n ? x->ats_n : x->ats_saved;
	x->times_saved = x->times_saved > x->times_n ? x->times_n : x->times_saved;
}

bool
indexes_find(const struct indexes *x, int32_t offset, int32_t *ret_at)
{
	size_t lo = 0, hi = x->ats_n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (x->ats[mid].offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return false;
	*ret_at = x->ats[lo - 1].at;
	return true;
}

bool
indexes_find_time(const struct indexes *x, int64_t time, int32_t *ret_offset)
{
	for (size_t i = x->times_n; i-- > 0;) {
		if (x->times[i].time < time) {
			*ret_offset = x->times[i].offset;
			return true;
		}
	}
	return false;
}

/* ---- files ---- */

struct entries {
	int fd;
	int64_t n;
	unsigned size;
};

static int
entries_open(const char *path, int flags, unsigned size, struct entries *e)
{
	int64_t bytes = 0;
	int err = fs_open(path, flags, &e->fd);
	if (err != 0)
		return err;
	err = fs_size(e->fd, &bytes);
	if (err != 0)
		fs_close(&e->fd);
	e->size = size;
	e->n = bytes / size;
	return err;
}

/* The number of leading entries for which key(entry) < bound. A file that does not
 * rise gives some number; what it leads to is checked anyway. */
static int
entries_below(const struct entries *e, int64_t (*key)(const uint8_t *), int64_t bound,
    int64_t *ret, uint8_t last[TIME_BYTES])
{
	int64_t lo = 0, hi = e->n;
	uint8_t b[TIME_BYTES];
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;
		int err = fs_pread(e->fd, b, e->size, mid * e->size);
		if (err != 0)
			return err;
		if (key(b) < bound) {
			lo = mid + 1;
			memcpy(last, b, e->size);
		} else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

static int64_t key_offset(const uint8_t *b) { return (int32_t)be_get(b, 4); }
static int64_t key_at(const uint8_t *b) { return (int32_t)be_get(b + 4, 4); }
static int64_t key_time(const uint8_t *b) { return (int64_t)be_get(b, 8); }

static int
file_below(const char *path, unsigned size, int64_t (*key)(const uint8_t *), int64_t bound,
    int64_t *ret, uint8_t last[TIME_BYTES])
{
	struct entries e = { -1, 0, 0 };
	int err = entries_open(path, O_RDONLY, size, &e);
	if (err != 0)
		return err;
	err = entries_below(&e, key, bound, ret, last);
	fs_close(&e.fd);
	return err;
}

int
index_file_find(const char *path, int32_t offset, int64_t limit, int32_t *ret_at)
{
	uint8_t b[TIME_BYTES];
	int64_t n = 0;
	int err = file_below(path, AT_BYTES, key_offset, (int64_t)offset + 1, &n, b);
	if (err != 0)
		return err;
	if (n == 0 || key_at(b) < 0 || key_at(b) >= limit)
		return ERR_NOTFOUND;
	*ret_at = (int32_t)key_at(b);
	return 0;
}

int
index_file_find_time(const char *path, int64_t time, int32_t *ret_offset)
{
	uint8_t b[TIME_BYTES];
	int64_t n = 0;
	int err = file_below(path, TIME_BYTES, key_time, time, &n, b);
	if (err != 0)
		return err;
	if (n == 0 || (int32_t)be_get(b + 8, 4) < 0)
		return ERR_NOTFOUND;
	*ret_offset = (int32_t)be_get(b + 8, 4);
	return 0;
}

/* The last entry whose key is below; of all (INT64_MAX) ERR_CORRUPT where the file ends
 * within one. */
static int
file_last(const char *path, unsigned size, int64_t (*key)(const uint8_t *), int64_t below,
    uint8_t ret[TIME_BYTES])
{
	int64_t bytes = 0, n = 0;
	if (below < INT64_MAX) {
		int e = file_below(path, size, key, below, &n, ret);
		return e == 0 && n == 0 ? ERR_NOTFOUND : e;
	}
	int fd, err = fs_open(path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	err = fs_size(fd, &bytes);
	if (err == 0 && bytes == 0)
		err = ERR_NOTFOUND;
	if (err == 0 && bytes % size != 0)
		err = ERR_CORRUPT;
	if (err == 0)
		err = fs_pread(fd, ret, size, bytes - size);
	fs_close(&fd);
	return err;
}

int
index_file_last(const char *path, int64_t below, struct index_at *ret)
{
	uint8_t b[TIME_BYTES];
	int err = file_last(path, AT_BYTES, key_at, below, b);
	if (err == 0)
		*ret = (struct index_at){ (int32_t)key_offset(b), (int32_t)key_at(b) };
	return err;
}

static int64_t
key_time_offset(const uint8_t *b)
{
	return (int32_t)be_get(b + 8, 4);
}

int
index_file_last_time(const char *path, int64_t below, struct index_time *ret)
{
	uint8_t b[TIME_BYTES];
	int err = file_last(path, TIME_BYTES, key_time_offset, below, b);
	if (err == 0)
		*ret = (struct index_time){ key_time(b), (int32_t)be_get(b + 8, 4) };
	return err;
}

size_t
index_file_count(const char *path, int64_t limit)
{
	uint8_t b[TIME_BYTES];
	int64_t n = 0;
	return file_below(path, AT_BYTES, key_at, limit, &n, b) == 0 ? (size_t)n : 0;
}

/* Cuts the file at `bytes` and writes n bytes there. */
static int
save(int fd, int64_t bytes, const uint8_t *p, size_t n)
{
	int err = fs_truncate(fd, bytes);
	return err != 0 ? err : fs_pwrite(fd, p, n, bytes);
}

int
index_file_save(const char *path, size_t keep, const struct index_at *v, size_t n)
{
	uint8_t *p = mem_alloc(n * AT_BYTES + 1);
	for (size_t i = 0; i < n; i++) {
		be_put(p + i * AT_BYTES, (uint32_t)v[i].offset, 4);
		be_put(p + i * AT_BYTES + 4, (uint32_t)v[i].at, 4);
	}
	int fd, err = fs_open(path, O_WRONLY | O_CREAT, &fd);
	if (err == 0) {
		err = save(fd, (int64_t)keep * AT_BYTES, p, n * AT_BYTES);
		fs_close(&fd);
	}
	mem_free(p);
	return err;
}

int
index_file_save_times(const char *path, int64_t keep_below, const struct index_time *v, size_t n)
{
	uint8_t b[TIME_BYTES], *p = mem_alloc(n * TIME_BYTES + 1);
	struct entries e = { -1, 0, 0 };
	int64_t keep = 0;
	int err = entries_open(path, O_RDWR | O_CREAT, TIME_BYTES, &e);
	if (err == 0)
		err = entries_below(&e, key_time, keep_below, &keep, b);
	for (size_t i = 0; i < n; i++) {
		be_put(p + i * TIME_BYTES, (uint64_t)v[i].time, 8);
		be_put(p + i * TIME_BYTES + 8, (uint32_t)v[i].offset, 4);
	}
	if (err == 0)
		err = save(e.fd, keep * TIME_BYTES, p, n * TIME_BYTES);
	fs_close(&e.fd);
	mem_free(p);
	return err;
}
