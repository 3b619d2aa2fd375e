/* SPDX-License-Identifier: Apache-2.0
 *
 * export, apply and diff: a site as a file that can be kept under version control. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/site.h"
#include "wire/kerr.h"

#define EXPORT_MAX ((size_t)64 * 1024 * 1024)
#define DIGEST_TEXT 17			/* of a plan: 64 bits, for nobody tries to forge one */

/* ---- export ---- */

/* A file of its own that takes the place of the old one: nobody has opened it before, and nobody else may read it. */
static int
write_file(const char *file, struct str text, struct arena *arena)
{
	const char *tmp = arena_printf(arena, "%s.tmp", file).p;
	struct stat st;
	int fd = -1;
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return ERR_EXISTS; /* a device would be replaced, not written to */
	(void)fs_unlink(tmp);
	int err = fs_open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, &fd);
	if (err != 0)
		return err;
	err = fs_pwrite(fd, text.p, text.n, 0);
	if (err == 0)
		err = fs_sync(fd);
	fs_close(&fd);
	if (err == 0)
		err = fs_rename(tmp, file);
	if (err != 0)
		(void)fs_unlink(tmp);
	return err;
}

static int
put_file(struct cli *cli, const char *file, struct str text, bool keys)
{
	if (file == NULL)
		return fwrite(text.p, 1, text.n, stdout) == text.n ? 0 : CLI_REFUSED; /* main() says so */
	int err = write_file(file, text, cli->arena);
	if (err != 0)
		return cli_complain(CLI_REFUSED, "%s: cannot be written: %s", file, err_text(err));
	print_done(&cli->print, "%s has the site%s.", file, keys ? ", with what passwords are checked by: keep it as you keep those" : "");
	return 0;
}

static int
needs_tls(struct cli *cli)
{
	return conn_tls(cli->conn) != NULL ? 0 :
	    cli_complain(CLI_USAGE, "keys are sent over TLS only: name a listener that has it in the client file");
}

static int
run_export(struct cli *cli, struct args *args)
{
	struct site s;
	struct buf out;
	const char *file = NULL;
	args_option(args, "--file", &file);
	bool keys = args_flag(args, "--with-keys");
	int status = args_end(args, 0, 1);
	if (status == 0 && keys && file == NULL)
		status = cli_complain(CLI_USAGE, "--with-keys needs --file FILE, which nobody else can read then");
	if (status == 0 && file == NULL && cli->print.form == PRINT_JSON)
		status = cli_complain(CLI_USAGE, "an export is YAML: --file FILE is written, whatever -o says");
	if (status == 0)
		status = cli_open(cli);
	if (status == 0 && keys)
		status = needs_tls(cli);
	if (status == 0)
		status = site_ask(cli, str_from(args->n == 1 ? args->v[0] : cli->tenant), keys, &s);
	if (status != 0)
		return status;
	buf_init(&out, EXPORT_MAX);
	int err = site_write(&s, &out);
	if (err != 0)
		status = cli_complain(CLI_REFUSED, "it cannot be written as YAML: %s", err_text(err));
	else
		status = put_file(cli, file, buf_str(&out), keys);
	buf_free_secret(&out);
	return status;
}

/* ---- apply ---- */

static void
digest(const site_changes *changes, char ret[DIGEST_TEXT])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char hash[EVP_MAX_MD_SIZE] = { 0 };
	bool fine = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	ARRAY_FOREACH(const struct site_change, c, *changes) {
		const struct site_fact *sides[] = { c->have, c->want };
		for (int i = 0; fine && i < 2; i++) {
			static const struct site_fact none = { .kind = SITE_KINDS };
			const struct site_fact *f = sides[i] != NULL ? sides[i] : &none;
			const struct str parts[] = { f->tenant, f->name, f->attr, f->value };
			fine = EVP_DigestUpdate(ctx, &f->kind, sizeof(f->kind)) == 1;
			for (int k = 0; fine && k < 4; k++)
				fine = EVP_DigestUpdate(ctx, &parts[k].n, sizeof(parts[k].n)) == 1 &&
				    EVP_DigestUpdate(ctx, parts[k].p, parts[k].n) == 1;
		}
	}
	fine = fine && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	for (int i = 0; i < (DIGEST_TEXT - 1) / 2; i++)
		snprintf(ret + 2 * (size_t)i, 3, "%02x", hash[i]);
}

struct apply {
	const char *expected;		/* the plan that was looked at, or NULL */
	bool dry_run;
};

static int
say_nothing_to_do(struct cli *cli)
{
	if (cli->print.form == PRINT_TABLE)
		puts("Nothing to change: it is as the file says.");
	return 0;
}

/* Users that were made of a file without keys. */
static void
note_keyless(const struct site_plan *p)
{
	int32_t n = 0;
	struct str last = STR("");
	ARRAY_FOREACH(const struct site_change, c, p->changes) {
		const struct site_fact *f = c->want;
		bool made = f != NULL && c->have == NULL && f->kind == SITE_USER && str_starts(f->attr, STR("mechanisms/SCRAM-"));
		bool keys = made && (site_find(p->want, f->tenant, f->kind, f->name, STR(KEYS "SCRAM-SHA-256")) != NULL ||
		    site_find(p->want, f->tenant, f->kind, f->name, STR(KEYS "SCRAM-SHA-512")) != NULL ||
		    site_has(&p->have, f->tenant, f->kind, f->name));
		n += made && !keys && !str_eq(last, f->name);
		last = made ? f->name : last;
	}
	if (n > 0)
		fprintf(stderr, "schlossctl: %d users of these have no password yet: schlossctl user passwd\n", n);
}

static int
carry_out(struct site_plan *p, const struct apply *a)
{
	struct cli *cli = p->cli;
	char plan[DIGEST_TEXT];
	bool table = cli->print.form == PRINT_TABLE;
	int32_t n = p->changes.n;
	digest(&p->changes, plan);
	if (n > 0 || !table)
		site_print_changes(cli, "changes", &p->changes);
	if (p->left > 0)
		fprintf(stderr, "schlossctl: %d that are there and not in the file are left alone; --prune takes them away\n", p->left);
	if (a->expected != NULL && strcmp(a->expected, plan) != 0)
		return cli_complain(CLI_REFUSED, "this is plan %s and not %s: the file or the broker has changed since, and nothing "
		    "was done", plan, a->expected);
	note_keyless(p);
	if (n == 0)
		return say_nothing_to_do(cli);
	(void)fflush(stdout);
	if (a->dry_run) {
		if (table)
			printf("Plan %s, %d change%s; nothing was done.\n", plan, n, n == 1 ? "" : "s");
		return 0;
	}
	int status = site_plan_run(p);
	if (status == 0 && table)
		printf("%d change%s done.\n", n, n == 1 ? " is" : "s are");
	return status;
}

static int
read_file(struct cli *cli, const char *file, struct site *ret)
{
	struct why why = { "" };
	return site_read(file, cli->arena, ret, &why) == 0 ? 0 :
	    cli_complain(CLI_USAGE, "%s", cli_escape(cli, str_from(why.text)));
}

static int
run_apply(struct cli *cli, struct args *args)
{
	struct site want;
	struct site_plan p = { .cli = cli, .want = &want };
	struct apply a = { .expected = NULL };
	args_option(args, "--if-plan", &a.expected);
	a.dry_run = args_flag(args, "--dry-run");
	p.prune = args_flag(args, "--prune");
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = read_file(cli, args->v[0], &want);
	if (status == 0)
		status = cli_open(cli);
	if (status == 0 && want.keys)
		status = needs_tls(cli);
	if (status == 0)
		status = site_plan_make(&p);
	if (status == 0)
		status = site_plan_try(&p);
	return status == 0 ? carry_out(&p, &a) : status;
}

/* ---- diff ---- */

static int
run_diff(struct cli *cli, struct args *args)
{
	struct site have, want;
	site_changes changes;
	int status = args_end(args, 1, 2);
	bool files = args->n == 2;
	if (status == 0)
		status = read_file(cli, args->v[args->n - 1], &want);
	if (status == 0 && files)
		status = read_file(cli, args->v[0], &have);
	else if (status == 0) {
		status = cli_open(cli);
		if (status == 0 && want.keys)
			status = needs_tls(cli);
		if (status == 0)
			status = site_ask_like(cli, &want, &have);
	}
	if (status != 0)
		return status;
	site_diff(cli->arena, &have, &want, false, &changes);
	site_print_changes(cli, "changes", &changes);
	return changes.n > 0 ? CLI_NO : CLI_OK;
}

const struct verb site_verbs[] = {
	{ NULL, "export", run_export, "[TENANT] [--with-keys] [--file FILE]",
	    "all of the site, or of a tenant, but records, as YAML" },
	{ NULL, "apply", run_apply, "FILE [--dry-run] [--prune] [--if-plan PLAN]",
	    "make it as such a file says, after showing what that changes" },
	{ NULL, "diff", run_diff, "[FILE] FILE",
	    "how two such files differ, or the broker and one; exits 1 where they do" },
	{ .name = NULL },
};
