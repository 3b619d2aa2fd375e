/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the journal after a crash. Of the files with a valid head those count whose
 * numbers follow each other up to the newest; older ones were freed and say only
 * what segments hold. Groups count while their numbers rise by one; the first that
 * is not whole was being written when the lights went out, unless a later one is
 * whole: then a committed group is lost, and that is said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/journal.h"
#include "log/journal_format.h"

/* What a start leaves out of the numbers of groups: far more than one file can hold, and than can be
 * lost between two files that count. */
#define START_GROUPS (UINT64_C(1) << 32)

struct found {
	char *path;
	struct journal_file_head head;
};

struct search {
	const char *dir;
	struct found *v;
	size_t n, cap;
};

static bool
head_valid(const struct journal_file_head *h)
{
	return h->magic == JOURNAL_FILE_MAGIC && h->version == 1 && h->file > 0 &&
	    h->file < UINT64_MAX && h->crc == crc32c(0, &h->file, sizeof(*h) - 8);
}

/* A head that cannot be read: what it said stands in the first group as well. Whether
 * that is one shows when it is read. */
static bool
head_guess(int fd, struct journal_file_head *ret)
{
	struct journal_group_head g;
	if (fs_pread(fd, &g, sizeof(g), JOURNAL_BLOCK) != 0 || g.magic != JOURNAL_GROUP_MAGIC ||
	    g.file == 0 || g.file == UINT64_MAX)
		return false;
	*ret = (struct journal_file_head){ JOURNAL_FILE_MAGIC, 0, g.file, g.group, 1, 0 };
	return true;
}

/* ERR_NOTFOUND where there is none. */
static int
head_read(const char *path, struct journal_file_head *ret)
{
	size_t got = 0;
	int fd, err = fs_open(path, 0, &fd);
	if (err != 0)
		return err;
	err = fs_pread_some(fd, ret, sizeof(*ret), 0, &got);
	if (err == 0 && (got < sizeof(*ret) || (!head_valid(ret) && !head_guess(fd, ret))))
		err = ERR_NOTFOUND;
	fs_close(&fd);
	return err;
}

int
journal_file_number(const char *path, uint64_t *ret)
{
	struct journal_file_head h;
	int err = head_read(path, &h);
	if (err != 0 && err != ERR_NOTFOUND)
		return err;
	*ret = err == 0 ? h.file : 0;
	return 0;
}

static int
see(const char *name, void *arg)
{
	struct search *s = arg;
	struct journal_file_head h;
	char path[4096];
	size_t n = strlen(name);
	if (n < 8 || strcmp(name + n - 8, ".journal") != 0 ||
	    snprintf(path, sizeof(path), "%s/%s", s->dir, name) >= (int)sizeof(path))
		return 0;
	int err = head_read(path, &h);
	if (err != 0)
		return err == ERR_NOTFOUND ? 0 : err;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 8 : s->cap * 2;
		s->v = mem_realloc(s->v, s->cap * sizeof(*s->v));
	}
	s->v[s->n++] = (struct found){ mem_strdup(path), h };
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct found *)a)->head.file, y = ((const struct found *)b)->head.file;
	return x < y ? -1 : x > y;
}

/* ---- groups ---- */

struct reader {
	const uint8_t *p;		/* one file, whole */
	size_t n, at;
	uint64_t file, group;		/* what the next group must be */
};

/* Checks one entry at *at; its batch, and *at behind it. */
static bool
entry_read(const uint8_t *p, size_t end, size_t *at, uint32_t *crc, struct journal_entry *ret)
{
	struct journal_entry_head h;
	if (end - *at < sizeof(h))
		return false;
	memcpy(&h, p + *at, sizeof(h));
	size_t left = end - *at - sizeof(h);
	if (h.pad > left || h.bytes < HEAD_BYTES || h.bytes > left - h.pad || h.partition > INT32_MAX)
		return false;
	const uint8_t *batch = p + *at + sizeof(h) + h.pad;
	*crc = crc32c(crc32c(*crc, p + *at, sizeof(h)), batch, JOURNAL_COVERED);
	if (!head_sane(batch, h.bytes) || head_size(batch) != (int64_t)h.bytes)
		return false;
	memcpy(ret->topic.b, h.topic, 16);
	ret->partition = (int32_t)h.partition;
	ret->generation = h.generation;
	ret->batch = batch;
	ret->n = h.bytes;
	size_t next = ((size_t)(batch - p) + h.bytes + 7) & ~(size_t)7;
	*at = next > end ? end : next;
	return true;
}

static bool
group_head(const struct reader *r, size_t at, struct journal_group_head *h)
{
	if (at > r->n || r->n - at < sizeof(*h))
		return false;
	memcpy(h, r->p + at, sizeof(*h));
	return h->magic == JOURNAL_GROUP_MAGIC && h->file == r->file &&
	    h->bytes >= sizeof(*h) && h->bytes <= r->n - at;
}

/* Whether a whole group lies at `at`. */
static bool
group_whole(const struct reader *r, size_t at, struct journal_group_head *h)
{
	struct journal_entry e;
	if (!group_head(r, at, h))
		return false;
	uint32_t crc = crc32c(0, &h->file, sizeof(*h) - 8);
	size_t pos = at + sizeof(*h);
	for (uint32_t i = 0; i < h->count; i++) {
		if (!entry_read(r->p, at + h->bytes, &pos, &crc, &e))
			return false;
		if (crc32c(0, e.batch + HEAD_CRC_FROM, e.n - HEAD_CRC_FROM) != head_crc(e.batch))
			return false;
	}
	return crc == h->crc;
}

static int
group_apply(const struct reader *r, const struct journal_group_head *h,
    int (*each)(const struct journal_entry *, void *), void *arg, uint64_t *entries)
{
	struct journal_entry e;
	uint32_t crc = 0;
	size_t pos = r->at + sizeof(*h);
	for (uint32_t i = 0; i < h->count; i++) {
		entry_read(r->p, r->at + h->bytes, &pos, &crc, &e);
		e.group = h->group;
		int err = each(&e, arg);
		if (err != 0)
			return err;
		++*entries;
	}
	return 0;
}

/* Whether a group newer than the expected one lies behind the end. */
static bool
more_behind(const struct reader *r)
{
	struct journal_group_head h;
	for (size_t at = r->at; at < r->n; at += JOURNAL_BLOCK)
		if (group_head(r, at, &h) && h.group > r->group && group_whole(r, at, &h))
			return true;
	return false;
}

static int
file_apply(const struct found *f, struct reader *r,
    int (*each)(const struct journal_entry *, void *), void *arg, struct journal_end *end)
{
	struct journal_group_head h;
	char *p;
	int err = fs_slurp(f->path, JOURNAL_FILE_MAX, &p, &r->n);
	if (err != 0)
		return err;
	r->p = (const uint8_t *)p;
	r->at = JOURNAL_BLOCK;
	r->file = f->head.file;
	while (err == 0 && group_whole(r, r->at, &h) && h.group == r->group) {
		err = group_apply(r, &h, each, arg, &end->entries);
		r->at = journal_blocks(r->at + h.bytes);
		r->group++;
		end->groups++;
	}
	if (err == 0 && more_behind(r))
		end->damaged = true;
	mem_free(p);
	return err;
}

/* The first of the files whose numbers run without a gap up to the newest. */
static size_t
chain(const struct search *s)
{
	size_t first = s->n;
	while (first > 0 && (first == s->n || s->v[first - 1].head.file + 1 == s->v[first].head.file))
		first--;
	return first;
}

/* Whether there were groups between the last one of a file, which is the one before `next`, and the
 * first one of the file after it: unless that was begun by a later start. */
static bool
groups_lost(uint64_t next, uint64_t first)
{
	return first != next && (first < next || first - next < START_GROUPS / 2);
}

/* The first file that counts; the last one where none is read. */
static void
begin(const struct search *s, size_t first, bool unread, struct reader *r, struct journal_end *end)
{
	r->group = s->v[first].head.first_group;
	end->next_file = s->v[s->n - 1].head.file + 1;
	end->first_file = unread ? end->next_file : s->v[first].head.file;
}

int
journal_replay(const char *dir, int (*each)(const struct journal_entry *e, void *arg), void *arg,
    const struct event *ev, struct journal_end *ret)
{
	struct search s = { .dir = dir };
	struct journal_end end = JOURNAL_EMPTY;
	struct reader r = { .group = 1 };
	int err = fs_exists(dir) ? fs_list(dir, see, &s) : 0;
	if (s.n > 0)
		qsort(s.v, s.n, sizeof(*s.v), by_number);
	if (s.n > 0)
		begin(&s, each == NULL ? s.n - 1 : chain(&s), each == NULL, &r, &end);
	for (size_t i = chain(&s); err == 0 && each != NULL && i < s.n; i++) {
		if (groups_lost(r.group, s.v[i].head.first_group))
			end.damaged = true;
		if (s.v[i].head.first_group > r.group)
			r.group = s.v[i].head.first_group;
		err = file_apply(&s.v[i], &r, each, arg, &end);
	}
	end.next_group = r.group + START_GROUPS;	/* nor is a torn group's number used again */
	if (end.damaged)
		ev_crit(ev, "committed groups of the journal cannot be read");
	for (size_t i = 0; i < s.n; i++)
		mem_free(s.v[i].path);
	mem_free(s.v);
	if (err == 0)
		*ret = end;
	return err;
}
