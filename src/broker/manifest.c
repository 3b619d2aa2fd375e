/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of text, each ended by a newline; the last one counts the files and has SHA-256 of all before it. So what was cut
 * short, changed or put together by hand shows; who changes it on purpose writes a new last line, and is kept out by the
 * modes of the directory and not by this.
 */
#include "broker/manifest.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define FIRST		"schloss-backup "
#define VERSION		1
#define NAME_LONGEST	255
#define HEX		((size_t)2 * MANIFEST_HASH)

static bool
name_good(struct str s)
{
	if (s.n == 0 || s.n > NAME_LONGEST || str_is(s, ".") || str_is(s, ".."))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '/')
			return false;
	return true;
}

bool
manifest_path_good(struct str path)
{
	const char *slash = path.n == 0 ? NULL : memchr(path.p, '/', path.n);
	if (slash == NULL)
		return name_good(path);
	size_t n = (size_t)(slash - path.p);
	return name_good((struct str){ path.p, n }) && name_good((struct str){ slash + 1, path.n - n - 1 });
}

/* ---- writing ---- */

static int
add_hash(struct buf *out, const uint8_t hash[MANIFEST_HASH])
{
	int err = 0;
	for (int i = 0; i < MANIFEST_HASH && err == 0; i++)
		err = buf_printf(out, "%02x", hash[i]);
	return err;
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct manifest_file *)a)->path, ((const struct manifest_file *)b)->path);
}

int
manifest_write(struct manifest *m, struct buf *out)
{
	uint8_t hash[MANIFEST_HASH];
	if (m->files.n > 0)
		qsort(m->files.v, (size_t)m->files.n, sizeof(*m->files.v), by_path);
	int err = buf_printf(out, FIRST "%d\ncluster %.*s\nbroker %.*s\nbegun %" PRId64 "\n", VERSION, STR_ARG(m->cluster),
	    STR_ARG(m->broker), m->begun_ms);
	for (int32_t i = 0; i < m->files.n && err == 0; i++) {
		const struct manifest_file *f = &m->files.v[i];
		if (i > 0 && str_eq(f->path, f[-1].path))
			return ERR_EXISTS;
		err = buf_add_str(out, STR("file "));
		if (err == 0)
			err = add_hash(out, f->hash);
		if (err == 0)
			err = buf_printf(out, " %" PRId64 " %.*s\n", f->length, STR_ARG(f->path));
	}
	if (err != 0)
		return err;
	SHA256((const uint8_t *)out->p, out->n, hash);
	err = buf_printf(out, "end %" PRId32 " ", m->files.n);
	if (err == 0)
		err = add_hash(out, hash);
	return err != 0 ? err : buf_add_str(out, STR("\n"));
}

/* ---- reading ---- */

struct reading {
	struct str all, left;
	struct arena *arena;
	struct manifest *m;
	struct why *why;
	int line;
};

static int
bad(struct reading *r, const char *what)
{
	return why_set(r->why, ERR_CORRUPT, "line %d: %s", r->line, what);
}

/* The next whole line, which begins with the word; what stands behind that. */
static int
line(struct reading *r, const char *word, struct str *ret)
{
	struct str s, w = str_from(word);
	const char *end = r->left.n == 0 ? NULL : memchr(r->left.p, '\n', r->left.n);
	r->line++;
	if (end == NULL)
		return why_set(r->why, ERR_SHORT, "its end is missing: the backup was not finished, or this file was cut");
	s = (struct str){ r->left.p, (size_t)(end - r->left.p) };
	if (!str_starts(s, w))
		return bad(r, r->line == 1 ? "this is no manifest of a backup" : "another line is expected here");
	r->left = (struct str){ end + 1, r->left.n - s.n - 1 };
	*ret = (struct str){ s.p + w.n, s.n - w.n };
	return 0;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_hash(struct str s, uint8_t ret[MANIFEST_HASH])
{
	if (s.n != HEX)
		return false;
	for (size_t i = 0; i < MANIFEST_HASH; i++) {
		int high = digit(s.p[2 * i]), low = digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

/* As it is written: no sign, no zeros in front. */
static bool
take_number(struct str s, int64_t *ret)
{
	return s.n > 0 && (s.n == 1 || s.p[0] != '0') && digit(s.p[0]) >= 0 && str_to_i64(s, 0, INT64_MAX, ret) == 0;
}

static bool
word_good(struct str s)
{
	return s.n <= NAME_LONGEST && name_good(s);
}

static int
head(struct reading *r)
{
	struct str s = STR_NULL;
	int64_t version = 0;
	int err = line(r, FIRST, &s);
	if (err != 0)
		return err;
	if (!take_number(s, &version) || version == 0)
		return bad(r, "this is no manifest of a backup");
	if (version != VERSION)
		return why_set(r->why, ERR_UNSUPPORTED, "the backup was made by a newer schlossctl: its format is %" PRId64
		    ", known is %d", version, VERSION);
	if ((err = line(r, "cluster ", &r->m->cluster)) != 0 || (err = line(r, "broker ", &r->m->broker)) != 0)
		return err;
	if (!word_good(r->m->cluster) || !word_good(r->m->broker))
		return bad(r, "no words");
	if ((err = line(r, "begun ", &s)) != 0)
		return err;
	return take_number(s, &r->m->begun_ms) ? 0 : bad(r, "no time");
}

static int
one_file(struct reading *r)
{
	struct str s = STR_NULL, hash = STR_NULL, length = STR_NULL;
	struct manifest_file f;
	int err = line(r, "file ", &s);
	if (err != 0)
		return err;
	str_cut(&s, ' ', &hash);
	if (s.p != NULL)
		str_cut(&s, ' ', &length);
	if (s.p == NULL || !take_hash(hash, f.hash) || !take_number(length, &f.length))
		return bad(r, "a hash, a length and a path are expected");
	if (!manifest_path_good(s))
		return bad(r, "the path is none of a backup: it might leave its directory");
	f.path = s;
	if (r->m->files.n > 0 && str_cmp(r->m->files.v[r->m->files.n - 1].path, s) >= 0)
		return bad(r, "paths are not in order");
	*ARRAY_ADD(r->arena, r->m->files) = f;
	return 0;
}

static int
last(struct reading *r)
{
	uint8_t said[MANIFEST_HASH], hash[MANIFEST_HASH];
	struct str s = STR_NULL, count = STR_NULL, before = { r->all.p, (size_t)(r->left.p - r->all.p) };
	int64_t n;
	int err = line(r, "end ", &s);
	if (err != 0)
		return err;
	str_cut(&s, ' ', &count);
	if (s.p == NULL || !take_number(count, &n) || !take_hash(s, said))
		return bad(r, "a count and a hash are expected");
	SHA256((const uint8_t *)before.p, before.n, hash);
	if (memcmp(said, hash, sizeof(hash)) != 0)
		return bad(r, "the hash is another one: what stands before it was changed");
	if (n != r->m->files.n)
		return bad(r, "there is another number of files");
	return r->left.n == 0 ? 0 : bad(r, "something stands behind the end");
}

int
manifest_parse(struct str text, struct arena *arena, struct manifest *ret, struct why *why)
{
	struct manifest m = { .cluster = STR_NULL };
	struct reading r = { .all = text, .left = text, .arena = arena, .m = &m, .why = why };
	int err = text.n > MANIFEST_MAX ? why_set(why, ERR_LIMIT, "it is too long") : head(&r);
	while (err == 0 && str_starts(r.left, STR("file ")))
		err = one_file(&r);
	if (err == 0)
		err = last(&r);
	if (err == 0)
		*ret = m;
	return err;
}
