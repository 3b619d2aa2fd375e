/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"

#define TAIL_BYTES (INT64_C(1) << 20)

int
audit_file_open(struct audit_file *f, const char *path)
{
	char dir[4096];
	bool is_new = !fs_exists(path);
	int fd = -1;
	int err = fs_open(path, O_RDWR | O_CREAT | O_APPEND, &fd);
	if (err == 0)
		err = fs_size(fd, &f->size);
	if (err != 0) {
		fs_close(&fd);
		return err;
	}
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	if (is_new && n > 0 && n < sizeof(dir)) {
		memcpy(dir, path, n);
		dir[n] = '\0';
		(void)fs_sync_dir(dir);
	}
	f->path = path;
	f->fd = fd;
	f->torn = f->new_line = false;
	return 0;
}

void
audit_file_close(struct audit_file *f)
{
	fs_close(&f->fd);
	f->fd = -1;
}

/* ---- how it ends ---- */

/* The line that ends at *end, which moves to the end of the one before. */
static struct str
line_before(const char *p, size_t *end)
{
	size_t from = *end;
	while (from > 0 && p[from - 1] != '\n')
		from--;
	struct str line = { p + from, *end - from };
	*end = from > 0 ? from - 1 : 0;
	return line;
}

static void
look_for_kept(const char *p, size_t end, bool whole, uint64_t kept, struct audit_tail *ret)
{
	struct chain_line l;
	while (end > 0 && !ret->has_kept) {
		struct str line = line_before(p, &end);
		if ((end == 0 && !whole) || chain_line_parse(line, &l) != 0 || l.seq < kept)
			return;
		ret->has_kept = l.seq == kept;
		memcpy(ret->kept_hash, l.hash, AUDIT_HASH);
	}
}

static void
note_torn(struct audit_file *f, struct str line, bool open)
{
	chain_torn(f->torn, f->torn_hash, line);
	f->torn = true;
	f->new_line = open;
}

/* p: n bytes at the end of it; whole: all of it. */
static void
find_last(struct audit_file *f, const char *p, size_t n, bool whole, uint64_t kept, struct audit_tail *ret)
{
	struct chain_line l;
	size_t end = n;
	if (p[n - 1] != '\n')
		note_torn(f, line_before(p, &end), true);
	else
		end--;
	size_t last = end;
	ret->torn = f->torn;
	if (end == 0)
		return;
	struct str line = line_before(p, &end);
	if (chain_line_parse(line, &l) != 0 && !f->torn && end > 0) {
		note_torn(f, line, false); /* ended by a start that then failed */
		ret->torn = true;
		last = end;
		line = line_before(p, &end);
	}
	if (chain_line_parse(line, &l) != 0) {
		ret->damaged = true;
		return;
	}
	ret->last.seq = l.seq;
	memcpy(ret->last.hash, l.hash, AUDIT_HASH);
	look_for_kept(p, last, whole, kept, ret);
}

int
audit_file_tail(struct audit_file *f, uint64_t kept, struct audit_tail *ret)
{
	size_t n = (size_t)(f->size < TAIL_BYTES ? f->size : TAIL_BYTES);
	*ret = (struct audit_tail){ .last.seq = 0 };
	if (n == 0)
		return 0;
	char *p = mem_alloc(n);
	int err = fs_pread(f->fd, p, n, f->size - (int64_t)n);
	if (err == 0)
		find_last(f, p, n, (int64_t)n == f->size, kept, ret);
	mem_free(p);
	return err;
}

const char *
audit_file_resume(const struct audit_tail *tail, const struct audit_kept *kept, struct audit_head *ret)
{
	bool added = kept->ended && tail->torn; /* an orderly stop leaves no half line */
	*ret = kept->head;
	if (tail->damaged)
		return "its end is no line that the broker wrote";
	if (tail->last.seq == 0 && !added)
		return NULL; /* a new file */
	if (tail->last.seq < kept->head.seq)
		return "its end was cut off";
	if (tail->has_kept && memcmp(tail->kept_hash, kept->head.hash, AUDIT_HASH) != 0)
		return "it was written anew";
	if (added || (kept->ended && tail->last.seq > kept->head.seq))
		return "lines were added while the broker was stopped";
	*ret = tail->last;
	return NULL;
}

/* ---- writing ---- */

/* What a failed write left of itself is taken away, or it would be half a line for good. Where the
 * file lets nothing be taken away the lines that are whole stand, and the rest is torn. */
static void
take_back(struct audit_file *f, struct str bytes, unsigned *ret_whole)
{
	int64_t now;
	if (fs_size(f->fd, &now) != 0 || now <= f->size || fs_truncate(f->fd, f->size) == 0)
		return;
	size_t left = (size_t)(now - f->size);
	struct str torn = { bytes.p, left < bytes.n ? left : bytes.n };
	const char *end;
	bool mended = f->new_line; /* the first newline ends what was torn before */
	while (torn.n > 0 && (end = memchr(torn.p, '\n', torn.n)) != NULL) {
		++*ret_whole;
		torn.n -= (size_t)(end + 1 - torn.p);
		torn.p = end + 1;
	}
	if (*ret_whole > 0)
		f->new_line = false;
	if (*ret_whole > mended)
		f->torn = false;
	if (torn.n > 0)
		note_torn(f, torn, true);
	f->size = now;
}

int
audit_file_append(struct audit_file *f, struct str bytes, unsigned *ret_whole)
{
	*ret_whole = 0;
	if (f->fd < 0)
		return ERR_CLOSED;
	/* O_APPEND: the offset does not count. */
	int err = fs_pwrite(f->fd, bytes.p, bytes.n, f->size);
	if (err != 0) {
		take_back(f, bytes, ret_whole);
		return err;
	}
	f->torn = f->new_line = false;
	/* Whoever cut it meanwhile (copytruncate) is not undone when a later write fails. */
	return fs_size(f->fd, &f->size);
}

bool
audit_file_moved(const struct audit_file *f)
{
	struct stat here, there;
	return fstat(f->fd, &here) != 0 || stat(f->path, &there) != 0 ||
	    here.st_dev != there.st_dev || here.st_ino != there.st_ino;
}
