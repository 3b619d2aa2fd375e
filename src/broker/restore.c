/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backup is read as who we are, and written as the broker's user: root never makes or opens a file where that user
 * could have put a link. Of the backup only what the manifest names is opened, and links are followed in neither place.
 * Files lie as they will be from the beginning, but for meta.db: a copy that a crash ended has none, and is refused by
 * the broker and by the next restore.
 */
#include "broker/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/limits.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "broker/bootstrap.h"
#include "broker/manifest.h"
#include "broker/system.h"
#include "log/store.h"

#define PIECE		((size_t)1 << 20)
#define META		"meta.db"
#define META_HALF	"meta.db.tmp"

struct restore {
	const struct conf *conf;
	const char *dir;
	const char *data;		/* of the backup */
	struct arena *arena;
	struct manifest manifest;
	void (*progress)(uint64_t done, uint64_t total);
	struct why *why;
	uid_t uid;			/* whose the files will be; 0: ours */
	gid_t gid;
	bool made;			/* the data directory is ours, too */
	bool began;			/* something may lie in it */
	uint64_t done, total;
	EVP_MD_CTX *hash;
	uint8_t *piece;
	char last_dir[PATH_MAX];
};

static int
failed(struct restore *r, int err, const char *path)
{
	return why_set(r->why, err, "%s: %s", path, err_text(err));
}

static int
join(struct restore *r, char out[PATH_MAX], const char *dir, struct str name)
{
	size_t n = strlen(dir);
	if (n + 1 + name.n >= PATH_MAX)
		return why_set(r->why, ERR_LIMIT, "the path %s is too long", dir);
	memcpy(out, dir, n);
	out[n] = '/';
	memcpy(out + n + 1, name.p, name.n);
	out[n + 1 + name.n] = '\0';
	return 0;
}

/* ---- who we are ---- */

static int
find_user(struct restore *r)
{
	if (geteuid() != 0 || r->conf->user == NULL)
		return 0;
	const struct passwd *pw = getpwnam(r->conf->user);
	if (pw == NULL)
		return why_set(r->why, ERR_NOTFOUND, "user: there is no system user %s", r->conf->user);
	r->uid = pw->pw_uid;
	r->gid = pw->pw_gid;
	return 0;
}

static int
be_user(struct restore *r)
{
	if (r->uid != 0 && (setegid(r->gid) != 0 || seteuid(r->uid) != 0))
		return why_set(r->why, ERR_DENIED, "becoming %s: %s", r->conf->user, strerror(errno));
	return 0;
}

static int
be_ourselves(struct restore *r)
{
	if (r->uid != 0 && (seteuid(0) != 0 || setegid(0) != 0))
		return why_set(r->why, ERR_DENIED, "becoming root again: %s", strerror(errno));
	return 0;
}

/* ---- the backup ---- */

static int
read_manifest(struct restore *r)
{
	const char *path = arena_printf(r->arena, "%s/" MANIFEST_NAME, r->dir).p;
	char *text;
	size_t n;
	int err = fs_slurp(path, MANIFEST_MAX, &text, &n);
	if (err == ERR_NOTFOUND)
		return why_set(r->why, err, "%s has no " MANIFEST_NAME ": it is no backup, or one that was not finished", r->dir);
	if (err != 0)
		return failed(r, err, path);
	struct str kept = arena_str(r->arena, (struct str){ text, n });
	mem_free(text);
	err = manifest_parse(kept, r->arena, &r->manifest, r->why);
	if (err != 0)
		why_prefix(r->why, "%s", path);
	return err;
}

static const struct manifest_file *
find(const struct restore *r, const char *path)
{
	ARRAY_FOREACH(const struct manifest_file, f, r->manifest.files)
		if (str_is(f->path, path))
			return f;
	return NULL;
}

/* The directory that the file is in; *ret_name: how it is called there. */
static int
enter(struct restore *r, struct str file, int *ret_fd, const char **ret_name)
{
	const char *slash = memchr(file.p, '/', file.n);
	int err;
	if (slash == NULL) {
		*ret_name = arena_str(r->arena, file).p;
		err = fs_open(r->data, O_RDONLY | O_DIRECTORY, ret_fd);
		return err == 0 ? 0 : failed(r, err, r->data);
	}
	const char *dir = arena_str(r->arena, (struct str){ file.p, (size_t)(slash - file.p) }).p;
	int above = -1;
	*ret_name = arena_str(r->arena, (struct str){ slash + 1, file.n - (size_t)(slash - file.p) - 1 }).p;
	err = fs_open(r->data, O_RDONLY | O_DIRECTORY, &above);
	if (err != 0)
		return failed(r, err, r->data);
	err = fs_openat(above, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, ret_fd);
	fs_close(&above);
	if (err == ERR_KIND)
		return why_set(r->why, err, "%s/%s is no directory", r->data, dir);
	return err == 0 ? 0 : why_set(r->why, err, "%s/%s: %s: the backup is not whole", r->data, dir, err_text(err));
}

/* Looked at once it is open: whoever may write in the backup cannot exchange it in between. */
static int
open_file(struct restore *r, const struct manifest_file *f, char path[PATH_MAX], int *ret_fd)
{
	struct stat st;
	const char *name = NULL;
	int dir = -1, fd = -1, err = join(r, path, r->data, f->path);
	if (err == 0)
		err = enter(r, f->path, &dir, &name);
	if (err != 0)
		return err;
	err = fs_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd);
	bool link = err != 0 && errno == ELOOP;
	fs_close(&dir);
	if (link || (err == 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))))
		err = why_set(r->why, ERR_KIND, "%s is no plain file", path);
	else if (err != 0)
		err = why_set(r->why, err, "%s: %s: the backup is not whole", path, err_text(err));
	else if (st.st_size != f->length)
		err = why_set(r->why, ERR_CORRUPT, "%s has %" PRId64 " bytes and had %" PRId64 " when the backup was made", path,
		    (int64_t)st.st_size, f->length);
	if (err == 0)
		*ret_fd = fd;
	else
		fs_close(&fd);
	return err;
}

/* That all is there and what we can read, before anything is written. */
static int
look(struct restore *r)
{
	static const char *const needed[] = { META, "format", "checkpoint", "leader-epoch" };
	char path[PATH_MAX];
	int err = 0, fd;
	r->data = arena_printf(r->arena, "%s/" MANIFEST_DATA, r->dir).p;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (find(r, needed[i]) == NULL)
			return why_set(r->why, ERR_CORRUPT, "%s: the backup has no %s", r->dir, needed[i]);
	ARRAY_FOREACH(const struct manifest_file, f, r->manifest.files) {
		if (err == 0 && (err = open_file(r, f, path, &fd)) == 0)
			fs_close(&fd);
		r->total += (uint64_t)f->length;
	}
	if (err == 0)
		err = store_look(r->data, r->why);
	if (err == 0)
		err = join(r, path, r->data, STR(META));
	return err != 0 ? err : bootstrap_look(path, r->conf, r->why);
}

/* ---- the data directory ---- */

struct entries {
	const char *first;
	struct arena *arena;
};

static int
see_entry(const char *name, void *arg)
{
	struct entries *e = arg;
	if (strcmp(name, ".lock") != 0 && strcmp(name, "lost+found") != 0 && e->first == NULL)
		e->first = arena_str(e->arena, str_from(name)).p;
	return 0;
}

/* As its user. */
static int
check_empty(struct restore *r)
{
	struct entries e = { NULL, r->arena };
	int err = fs_list(r->conf->log_dirs, see_entry, &e);
	if (err != 0)
		return failed(r, err, r->conf->log_dirs);
	return e.first == NULL ? 0 : why_set(r->why, ERR_EXISTS, "log.dirs: %s is not empty, there is %s: a restore does not "
	    "lay one broker's data over another's; move it away first", r->conf->log_dirs, e.first);
}

static int
make_place(struct restore *r)
{
	const char *path = r->conf->log_dirs;
	int err = fs_mkdir(path);
	if (err == ERR_EXISTS)
		return 0;
	if (err != 0)
		return failed(r, err, path);
	r->made = true;
	if (r->uid != 0 && lchown(path, r->uid, r->gid) != 0)
		return failed(r, err_from_errno(errno), path);
	return 0;
}

static int
remove_entry(const char *name, void *arg)
{
	struct restore *r = arg;
	char path[PATH_MAX];
	if (strcmp(name, "lost+found") == 0 || (strcmp(name, ".lock") == 0 && !r->made))
		return 0;
	if (join(r, path, r->conf->log_dirs, str_from(name)) == 0)
		(void)fs_rmtree(path);
	return 0;
}

/* As it was before: it was empty. */
static void
undo(struct restore *r)
{
	if ((r->began || r->made) && be_user(r) == 0)
		(void)fs_list(r->conf->log_dirs, remove_entry, r);
	if (be_ourselves(r) == 0 && r->made)
		(void)rmdir(r->conf->log_dirs);
}

/* ---- copying ---- */

static int
make_file(struct restore *r, struct str path, char name[PATH_MAX], int *ret_fd)
{
	const char *slash = memchr(path.p, '/', path.n);
	int err = slash == NULL ? 0 : join(r, name, r->conf->log_dirs, (struct str){ path.p, (size_t)(slash - path.p) });
	if (err != 0)
		return err;
	if (slash != NULL && strcmp(name, r->last_dir) != 0) {
		if ((err = fs_mkdir(name)) != 0)
			return failed(r, err, name);
		memcpy(r->last_dir, name, strlen(name) + 1);
	}
	if ((err = join(r, name, r->conf->log_dirs, str_is(path, META) ? STR(META_HALF) : path)) != 0)
		return err;
	err = fs_open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, ret_fd);
	return err == 0 ? 0 : failed(r, err, name);
}

static int
copy_bytes(struct restore *r, const struct manifest_file *f, int in, const char *from, int out, const char *to)
{
	uint8_t hash[MANIFEST_HASH];
	int err = EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL) == 1 ? 0 : failed(r, ERR_NOMEM, from);
	for (int64_t at = 0; at < f->length && err == 0; at += (int64_t)PIECE) {
		size_t n = f->length - at < (int64_t)PIECE ? (size_t)(f->length - at) : PIECE;
		if ((err = fs_pread(in, r->piece, n, at)) != 0)
			return failed(r, err, from);
		if (EVP_DigestUpdate(r->hash, r->piece, n) != 1)
			return failed(r, ERR_NOMEM, from);
		if ((err = fs_pwrite(out, r->piece, n, at)) != 0)
			return failed(r, err, to);
		if (r->progress != NULL)
			r->progress(r->done += n, r->total);
	}
	if (err == 0 && EVP_DigestFinal_ex(r->hash, hash, NULL) != 1)
		err = failed(r, ERR_NOMEM, from);
	if (err == 0 && memcmp(hash, f->hash, sizeof(hash)) != 0)
		err = why_set(r->why, ERR_CORRUPT, "%s is not what it was when the backup was made: its hash is another one", from);
	return err;
}

static int
copy_file(struct restore *r, const struct manifest_file *f)
{
	char from[PATH_MAX], to[PATH_MAX];
	int in = -1, out = -1, err = open_file(r, f, from, &in);
	if (err == 0 && (err = be_user(r)) == 0)
		err = make_file(r, f->path, to, &out);
	if (err == 0)
		err = be_ourselves(r);
	if (err == 0)
		err = copy_bytes(r, f, in, from, out, to);
	fs_close(&in);
	fs_close(&out);
	return err;
}

/* From here on it may start. */
static int
finish(struct restore *r)
{
	char half[PATH_MAX], whole[PATH_MAX];
	int err = be_user(r);
	if (err == 0)
		err = join(r, half, r->conf->log_dirs, STR(META_HALF));
	if (err == 0)
		err = join(r, whole, r->conf->log_dirs, STR(META));
	if (err != 0)
		return err;
	err = fs_sync_all(r->conf->log_dirs);
	if (err == 0)
		err = fs_rename(half, whole);
	if (err == 0)
		err = fs_sync_dir(r->conf->log_dirs);
	return err == 0 ? be_ourselves(r) : failed(r, err, r->conf->log_dirs);
}

static int
lay(struct restore *r)
{
	int lock = -1, err = make_place(r);
	if (err == 0 && (err = be_user(r)) == 0)
		err = system_lock(r->conf->log_dirs, &lock, r->why);
	if (err == 0)
		err = check_empty(r);
	if (err == 0)
		err = be_ourselves(r);
	r->began = err == 0;
	ARRAY_FOREACH(const struct manifest_file, f, r->manifest.files)
		err = err != 0 ? err : copy_file(r, f);
	if (err == 0)
		err = finish(r);
	if (err != 0)
		undo(r);
	system_unlock(&lock);
	return err;
}

int
restore_run(const struct conf *conf, const char *dir, void (*progress)(uint64_t done, uint64_t total),
    struct restored *ret, struct why *why)
{
	struct restore r = { .conf = conf, .dir = dir, .why = why, .progress = progress };
	r.arena = arena_create(SIZE_MAX);
	r.hash = EVP_MD_CTX_new();
	r.piece = mem_alloc(PIECE);
	int err = r.hash == NULL ? why_set(why, ERR_NOMEM, "out of memory") : find_user(&r);
	if (err == 0)
		err = read_manifest(&r);
	if (err == 0)
		err = look(&r);
	if (err == 0)
		err = lay(&r);
	if (err == 0) {
		snprintf(ret->cluster, sizeof(ret->cluster), "%.*s", STR_ARG(r.manifest.cluster));
		snprintf(ret->broker, sizeof(ret->broker), "%.*s", STR_ARG(r.manifest.broker));
		ret->begun_ms = r.manifest.begun_ms;
		ret->files = r.manifest.files.n;
		ret->bytes = (int64_t)r.total;
	}
	mem_cleanse(r.piece, PIECE);
	mem_free(r.piece);
	EVP_MD_CTX_free(r.hash);
	arena_destroy(&r.arena);
	return err;
}
