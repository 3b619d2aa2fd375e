/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker never learns a password from here, only keys made of it. */
#include "cli/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "broker/client_file.h"

void
secret_options(struct args *args, struct secret *s)
{
	args_option(args, "--password", &s->given);
	args_option(args, "--password-file", &s->file);
	args_option(args, "--conf", &s->conf);
}

static void
invent(struct secret *s)
{
	char text[PASSWORD_TEXT];
	password_make(text);
	snprintf(s->password, sizeof(s->password), "%s", text);
	mem_cleanse(text, sizeof(text));
	s->made = true;
}

int
secret_get(struct cli *cli, struct secret *s)
{
	struct why why;
	int err = 0;
	if (s->given != NULL && s->file != NULL)
		return cli_complain(CLI_USAGE, "--password or --password-file, not both");
	if (s->given != NULL) {
		fprintf(stderr, "schlossctl: warning: everybody on this machine can see --password in the list "
		    "of processes; --password-file - reads it from standard input\n");
		if (s->given[0] == '\0' || strlen(s->given) >= sizeof(s->password))
			return cli_complain(CLI_USAGE, "--password: 1 to %d bytes", ASK_MAX - 1);
		snprintf(s->password, sizeof(s->password), "%s", s->given);
	} else if (s->file != NULL)
		err = ask_from_file(s->file, s->password, &why);
	else if (s->conf != NULL || cli->dry_run || !isatty(STDIN_FILENO))
		invent(s);
	else
		err = ask_new_password("Password", s->password, &why);
	return err == 0 ? 0 : cli_complain(CLI_USAGE, "%s", why.text);
}

int
secret_keys(const struct secret *s, struct scram_key ret[SCRAM_HASHES])
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (scram_key_make((enum scram_hash)hash, str_from(s->password), SCRAM_ITERATIONS_DEFAULT,
		    &ret[hash]) != 0)
			return cli_complain(CLI_USAGE, "that cannot be a password: 1 to %d bytes of UTF-8", PASSWORD_MAX);
	return 0;
}

/* What the user types as his name: with the tenant behind it where he logs in
 * through a listener that takes it from there. */
static const char *
login_of(struct cli *cli, const char *user, struct str tenant)
{
	const char *at = cli->props.user != NULL ? strrchr(cli->props.user, '@') : NULL;
	if (tenant.p == NULL && at != NULL && str_is(cli->own_tenant, at + 1))
		tenant = str_from(at + 1);
	if (tenant.p == NULL || str_is(tenant, "main"))
		return user;
	return arena_printf(cli->arena, "%s@%.*s", user, STR_ARG(tenant)).p;
}

/* Whether the file may be replaced: it is empty, or this login's already. */
static bool
is_of(struct cli *cli, const char *file, const char *login)
{
	char *text;
	size_t n;
	if (fs_slurp(file, 1 << 20, &text, &n) != 0)
		return false;
	bool of = n == 0 || strstr(text, arena_printf(cli->arena, "\nsasl.username=%s\n", login).p) != NULL ||
	    strstr(text, arena_printf(cli->arena, " username=\"%s\"", login).p) != NULL;
	mem_cleanse(text, n);
	mem_free(text);
	return of;
}

int
secret_check_conf(struct cli *cli, const struct secret *s, const char *user, struct str tenant)
{
	const char *slash = s->conf != NULL ? strrchr(s->conf, '/') : NULL;
	const char *dir = slash == NULL ? "." : slash == s->conf ? "/" :
	    arena_printf(cli->arena, "%.*s", (int)(slash - s->conf), s->conf).p;
	struct stat st;
	int status = s->conf == NULL ? 0 : cli_own_tenant(cli);
	if (s->conf == NULL || status != 0)
		return status;
	if (access(dir, W_OK | X_OK) != 0)
		return cli_complain(CLI_USAGE, "--conf %s cannot be written: %s", s->conf, strerror(errno));
	if (stat(s->conf, &st) != 0)
		return 0;
	return S_ISREG(st.st_mode) && is_of(cli, s->conf, login_of(cli, user, tenant)) ? 0 :
	    cli_complain(CLI_USAGE, "--conf %s is there already and is not %s's client file: name another", s->conf, user);
}

/* Whether the listener that we came in by takes passwords is known where we gave one. */
static bool
by_password(const struct cli *cli)
{
	return cli->props.mechanism != NULL && strcmp(cli->props.mechanism, "GSSAPI") != 0;
}

static bool
may_use(const struct secret *s, const char *mechanism)
{
	for (int32_t i = 0; i < s->mechanisms_n; i++)
		if (str_is(s->mechanisms[i], mechanism))
			return true;
	return s->mechanisms == NULL;
}

/* Whether he may come as whoever makes him came, which is known to work. */
static bool
comes_alike(const struct cli *cli, const struct secret *s)
{
	return by_password(cli) && may_use(s, cli->props.mechanism);
}

static const char *
mechanism_of(const struct cli *cli, const struct secret *s)
{
	static const char *const others[] = { "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN" };
	if (comes_alike(cli, s))
		return cli->props.mechanism;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (may_use(s, others[i]))
			return others[i];
	return others[0];
}

/* The file names the listener that we came in by, and that may not be for him: of a
 * fixed tenant, for certificates, or without his mechanism. Then it is better said now than found out. */
static void
try_login(struct cli *cli, const struct secret *s, const char *login)
{
	struct props p = cli->props;
	struct conn *conn = NULL;
	struct why why;
	p.file = s->conf;
	p.sasl = true;
	p.mechanism = mechanism_of(cli, s);
	p.user = login;
	p.password = s->password;
	if (conn_open(&p, NULL, &conn, &why) != 0)
		cli_complain(CLI_OK, "warning: %s\n  bootstrap.servers there is a listener that lets nobody in as %s by %s; one "
		    "does that has\n  %s among its mechanisms, and tenant: from-login, or for a name of main with an @ in it "
		    "tenant: main: see\n  LISTENERS in schlossd.yaml(5)", cli_escape(cli, str_from(why.text)), login, p.mechanism,
		    p.mechanism);
	conn_close(&conn);
}

static int
write_conf(struct cli *cli, const struct secret *s, const char *login)
{
	const struct props *p = &cli->props;
	struct client_file cf = {
		.bootstrap = p->bootstrap,
		.protocol = p->tls ? "SASL_SSL" : "SASL_PLAINTEXT",
		.mechanism = mechanism_of(cli, s),
		.login = login,
		.password = s->password,
		.ca_path = p->ca,
	};
	struct why why;
	char *pem = NULL;
	size_t n = 0;
	if (p->ca != NULL && fs_slurp(p->ca, 1 << 20, &pem, &n) == 0)
		cf.ca_pem = (struct str){ pem, n };
	int err = client_file_write(s->conf, &cf, &why);
	mem_free(pem);
	return err == 0 ? 0 : cli_complain(CLI_REFUSED, "%s", why.text);
}

int
secret_deliver(struct cli *cli, const struct secret *s, const char *user, struct str tenant)
{
	int status = cli->dry_run ? 0 : cli_own_tenant(cli);
	if (status != 0 || cli->dry_run) /* it opens nothing */
		return status;
	const char *login = login_of(cli, user, tenant);
	if (s->conf != NULL)
		status = write_conf(cli, s, login);
	if (status == 0 && s->conf != NULL)
		print_told(&cli->print, "conf", s->conf, "The client file of %s is %s.", login, s->conf);
	else if (s->made)
		print_told(&cli->print, "password", s->password, "The password of %s is %s", login, s->password);
	if (status == 0 && s->conf != NULL && (strchr(login, '@') != NULL || !comes_alike(cli, s)))
		try_login(cli, s, login);
	return status;
}

void
secret_clear(struct secret *s)
{
	mem_cleanse(s->password, sizeof(s->password));
}
