/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup: the broker holds its files, they are fetched one after the other, and what was fetched is written down with
 * its hashes, last. The broker's list is believed in nothing: a path in it must be one that a backup may have, or a
 * broker could write anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "broker/manifest.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "wire/kerr.h"

#define PIECE		(1 << 20)
#define WAIT_FIRST_MS	10
#define WAIT_MS		500
#define REMOVAL_MS	60000

struct backup {
	struct cli *cli;
	const char *dir;
	struct backup_begin_rsp held;
	struct manifest manifest;
	struct str list;
	char last_dir[PATH_MAX];	/* that was made for the file before */
	EVP_MD_CTX *hash;
	struct progress progress;
	bool made;			/* the directory is ours */
	uint64_t done;
	struct arena *answers;		/* of one request, again and again */
};

static int
local(const char *path, int err)
{
	return cli_complain(CLI_USAGE, "%s: %s", path, err_text(err));
}

static int
prepare(struct backup *b)
{
	size_t entries = 0;
	int err = fs_mkdir(b->dir);
	b->made = err == 0;
	if (err == ERR_EXISTS) {
		err = fs_count(b->dir, &entries);
		if (err == 0 && entries > 0)
			return cli_complain(CLI_USAGE, "%s is not empty: name a directory that is not there yet", b->dir);
		if (err == 0 && chmod(b->dir, 0700) != 0)
			err = err_from_errno(errno);
	}
	return err == 0 ? 0 : local(b->dir, err);
}

/* ---- asking ---- */

static int
call(struct backup *b, int key, const void *in, void *ret)
{
	struct why why;
	struct arena *arena = key == WIRE_KEY_BACKUP_READ ? b->answers : b->cli->arena;
	arena_reset(b->answers);
	return conn_call(b->cli->conn, arena, key, in, ret, &why) == 0 ? 0 : cli_complain(CLI_UNREACHED, "%s", why.text);
}

/* The broker may still be at removing what the last one has held: that is waited for. */
static int
ask_begin(struct backup *b, struct str id)
{
	struct backup_begin_req in;
	int status, left = REMOVAL_MS / WAIT_MS;
	wire_defaults(&backup_begin_req_msg, &in);
	in.id = id;
	while ((status = call(b, WIRE_KEY_BACKUP_BEGIN, &in, &b->held)) == 0 && b->held.error_code == KERR_REQUEST_TIMED_OUT && left-- > 0)
		usleep(WAIT_MS * 1000);
	return status != 0 ? status : cli_answer(b->cli, "backup", b->held.error_code, b->held.error_message);
}

/* Until the broker has all. */
static int
begin(struct backup *b)
{
	struct progress progress = { .what = "partitions" };
	unsigned ms = WAIT_FIRST_MS;
	int status = ask_begin(b, STR_NULL);
	while (status == 0 && !b->held.ready) {
		progress.total = (uint64_t)b->held.total;
		progress_at(&progress, (uint64_t)b->held.done);
		usleep(ms * 1000);
		ms = ms * 2 < WAIT_MS ? ms * 2 : WAIT_MS;
		status = ask_begin(b, b->held.id);
	}
	progress_end(&progress);
	if (status == 0 && (b->held.list_bytes < 0 || (uint64_t)b->held.list_bytes > MANIFEST_MAX || b->held.files < 0))
		status = cli_complain(CLI_REFUSED, "the broker's list is too long");
	return status;
}

static int
ask_piece(struct backup *b, int64_t file, int64_t offset, int64_t left, struct bytes *ret)
{
	struct backup_read_req in;
	struct backup_read_rsp out;
	wire_defaults(&backup_read_req_msg, &in);
	in.id = b->held.id;
	in.file = file;
	in.offset = offset;
	in.length = left < PIECE ? (int32_t)left : PIECE;
	int status = call(b, WIRE_KEY_BACKUP_READ, &in, &out);
	if (status == 0)
		status = cli_answer(b->cli, "backup", out.error_code, out.error_message);
	if (status == 0 && (out.data.n == 0 || (int64_t)out.data.n > in.length))
		status = cli_complain(CLI_REFUSED, "the broker's file %" PRId64 " ends too early", file);
	*ret = out.data;
	return status;
}

static void
end(struct backup *b)
{
	struct backup_end_req in;
	struct backup_end_rsp out;
	struct why why;
	wire_defaults(&backup_end_req_msg, &in);
	in.id = b->held.id;
	if (b->held.id.p != NULL) /* it ends with the connection, too */
		(void)conn_call(b->cli->conn, b->cli->arena, WIRE_KEY_BACKUP_END, &in, &out, &why);
}

/* ---- files ---- */

static int
fetch_list(struct backup *b)
{
	int64_t n = b->held.list_bytes;
	char *p = arena_alloc(b->cli->arena, (size_t)n + 1);
	struct bytes piece;
	int status = 0;
	for (int64_t at = 0; at < n && status == 0; at += (int64_t)piece.n) {
		status = ask_piece(b, 0, at, n - at, &piece);
		if (status != 0)
			break;
		memcpy(p + at, piece.p, piece.n);
	}
	b->list = (struct str){ p, (size_t)n };
	return status;
}

static int
open_file(struct backup *b, struct str path, char name[PATH_MAX], int *ret_fd)
{
	const char *slash = memchr(path.p, '/', path.n);
	int dir = slash == NULL ? 0 : (int)(slash - path.p), err = 0;
	if (snprintf(name, PATH_MAX, "%s/" MANIFEST_DATA "/%.*s", b->dir, dir, path.p) >= PATH_MAX - 300)
		return ERR_LIMIT;
	if (dir > 0 && strcmp(name, b->last_dir) != 0) {
		err = fs_mkdir(name);
		memcpy(b->last_dir, name, strlen(name) + 1);
	}
	if (err != 0 && err != ERR_EXISTS)
		return err;
	snprintf(name, PATH_MAX, "%s/" MANIFEST_DATA "/%.*s", b->dir, STR_ARG(path));
	return fs_open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, ret_fd);
}

static int
fetch_bytes(struct backup *b, int64_t number, int fd, const char *name, struct manifest_file *f)
{
	int status = 0, err = EVP_DigestInit_ex(b->hash, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;
	struct bytes piece = { NULL, 0 };
	for (int64_t at = 0; at < f->length && status == 0 && err == 0; at += (int64_t)piece.n) {
		status = ask_piece(b, number, at, f->length - at, &piece);
		if (status == 0)
			err = fs_pwrite(fd, piece.p, piece.n, at);
		if (status == 0 && err == 0)
			err = EVP_DigestUpdate(b->hash, piece.p, piece.n) == 1 ? 0 : ERR_NOMEM;
		progress_at(&b->progress, b->done += piece.n);
	}
	if (status == 0 && err == 0)
		err = EVP_DigestFinal_ex(b->hash, f->hash, NULL) == 1 ? 0 : ERR_NOMEM;
	return status != 0 ? status : err != 0 ? local(name, err) : 0;
}

static int
fetch_file(struct backup *b, int64_t number, struct manifest_file *f)
{
	char name[PATH_MAX];
	int fd = -1, err = open_file(b, f->path, name, &fd);
	if (err != 0)
		return local(name, err);
	int status = fetch_bytes(b, number, fd, name, f);
	fs_close(&fd);
	return status;
}

/* The next line of the list. */
static int
take_line(struct backup *b, struct manifest_file *ret)
{
	struct str line, length;
	bool whole = str_cut(&b->list, '\n', &line);
	if (!whole || !str_cut(&line, ' ', &length) || str_to_i64(length, 0, INT64_MAX, &ret->length) != 0 ||
	    !manifest_path_good(line))
		return cli_complain(CLI_REFUSED, "the broker's list of files cannot be read");
	ret->path = line;
	return 0;
}

static int
fetch_all(struct backup *b)
{
	char data[PATH_MAX];
	if (snprintf(data, sizeof(data), "%s/" MANIFEST_DATA, b->dir) >= (int)sizeof(data))
		return local(b->dir, ERR_LIMIT);
	int err = fs_mkdir(data), status = err == 0 ? fetch_list(b) : local(data, err);
	for (int64_t i = 1; status == 0 && i <= b->held.files; i++) {
		struct manifest_file *f = ARRAY_ADD(b->cli->arena, b->manifest.files);
		status = take_line(b, f);
		if (status == 0)
			status = fetch_file(b, i, f);
	}
	progress_end(&b->progress);
	return status;
}

/* Whatever happens to the machine afterwards, what it names is there. */
static int
write_manifest(struct backup *b)
{
	struct buf out;
	char name[PATH_MAX];
	b->manifest.cluster = b->held.cluster_id;
	b->manifest.broker = b->held.broker;
	b->manifest.begun_ms = b->held.begun_ms;
	snprintf(name, sizeof(name), "%s/" MANIFEST_NAME, b->dir);
	buf_init(&out, MANIFEST_MAX);
	int err = fs_sync_all(b->dir);
	if (err == 0)
		err = manifest_write(&b->manifest, &out);
	if (err == 0)
		err = fs_replace(name, out.p, out.n);
	buf_free(&out);
	return err == 0 ? 0 : local(name, err);
}

static int
take(struct backup *b)
{
	int status = begin(b);
	b->progress = (struct progress){ .what = "backup", .total = (uint64_t)b->held.bytes };
	if (status == 0)
		status = fetch_all(b);
	if (status == 0)
		status = write_manifest(b);
	end(b);
	return status;
}

static int
run_backup(struct cli *cli, struct args *args)
{
	struct backup b = { .cli = cli };
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = cli_open(cli);
	if (status != 0)
		return status;
	b.dir = args->v[0];
	if ((status = prepare(&b)) != 0)
		return status;
	b.answers = arena_create(SIZE_MAX);
	b.hash = EVP_MD_CTX_new();
	status = b.hash == NULL ? cli_complain(CLI_USAGE, "out of memory") : take(&b);
	EVP_MD_CTX_free(b.hash);
	arena_destroy(&b.answers);
	if (status != 0 && (!b.made || rmdir(b.dir) != 0))
		cli_complain(status, "%s is no backup: remove it", b.dir);
	if (status != 0)
		return status;
	const char *name = cli_escape(cli, str_from(b.dir));
	print_told(&cli->print, "backup", b.dir, "%s has all that was acknowledged before: %" PRId64 " files, %" PRId64 " bytes.",
	    name, b.held.files, b.held.bytes);
	print_done(&cli->print, "The keys of users are in it: keep it as safe as the broker itself. "
	    "schlossd restore makes a broker's data of it; its configuration and TLS files are not in it.");
	return 0;
}

const struct verb backup_verbs[] = {
	{ NULL, "backup", run_backup, "DIR", "copy all records and metadata of the running broker into a new directory" },
	{ .name = NULL },
};
