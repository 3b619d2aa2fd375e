/* SPDX-License-Identifier: Apache-2.0
 *
 * Users' records go by our own request; a new password by Kafka's, so that
 * there is one way to set one. */
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/secret.h"

enum { TEAM_ADD = 2 };
enum { USER_CREATE = 0, USER_ALTER = 1, USER_DELETE = 2 };

static const char *const password_mechanisms[] = { "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN" };

static const char *
what(struct cli *cli, const char *name)
{
	return arena_printf(cli->arena, "user %s", cli_escape(cli, str_from(name))).p;
}

static struct user_alter_req_change *
new_change(struct cli *cli, struct user_alter_req *in, int action)
{
	wire_defaults(&user_alter_req_msg, in);
	in->tenant = cli_tenant_field(cli);
	struct user_alter_req_change *c = WIRE_ADD(cli->arena, in->changes, user_alter_req_change);
	c->action = (int8_t)action;
	return c;
}

/* verb, rest: the command, for who named somebody as he logs in. */
static int
send_change(struct cli *cli, struct user_alter_req *in, const char *name, const char *verb, const char *rest)
{
	struct user_alter_rsp out;
	in->changes.v[0].user = str_from(name);
	int status = cli_call(cli, WIRE_KEY_USER_ALTER, in, &out);
	if (status == 0)
		status = cli_answer(cli, what(cli, name), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, what(cli, name), out.results.v[i].error_code,
		    out.results.v[i].error_message);
	if (status == CLI_REFUSED && verb != NULL)
		cli_hint_login(cli, in->tenant, str_from(name), verb, rest);
	return status;
}

static void
add_keys(struct cli *cli, struct user_alter_req_change *c, const struct scram_key keys[SCRAM_HASHES])
{
	for (int i = 0; i < SCRAM_HASHES; i++) {
		size_t n = scram_hash_len((enum scram_hash)i);
		struct user_alter_req_key *k = WIRE_ADD(cli->arena, c->keys, user_alter_req_key);
		k->mechanism = str_from(password_mechanisms[i]);
		k->iterations = (int32_t)keys[i].iterations;
		k->salt = (struct bytes){ keys[i].salt, keys[i].salt_len };
		k->stored_key = (struct bytes){ keys[i].stored, n };
		k->server_key = (struct bytes){ keys[i].server, n };
	}
}

/* --mechanism, or all that a password is for; whether one of them needs one. */
static bool
take_mechanisms(struct cli *cli, struct args *args, struct user_alter_req_change *c)
{
	const char *word;
	bool needs = false;
	c->mechanisms.n = 0;
	while (args_option(args, "--mechanism", &word))
		*ARRAY_ADD(cli->arena, c->mechanisms) = str_from(word);
	needs = c->mechanisms.n == 0;
	for (size_t i = 0; i < 3 && needs; i++)
		*ARRAY_ADD(cli->arena, c->mechanisms) = str_from(password_mechanisms[i]);
	for (int32_t k = 0; k < c->mechanisms.n; k++)
		for (size_t i = 0; i < 3; i++)
			needs |= str_is(c->mechanisms.v[k], password_mechanisms[i]);
	return needs;
}

/* The first is the primary one; into the others he is put when he is made. */
static void
take_teams(struct cli *cli, struct args *args, struct user_alter_req_change *c,
    struct team_alter_req *more)
{
	const char *word;
	wire_defaults(&team_alter_req_msg, more);
	more->tenant = cli_tenant_field(cli);
	while (args_option(args, "--team", &word)) {
		if (c->primary_team.p == NULL) {
			c->primary_team = str_from(word);
			continue;
		}
		struct team_alter_req_change *t = WIRE_ADD(cli->arena, more->changes, team_alter_req_change);
		t->action = TEAM_ADD;
		t->team = str_from(word);
	}
}

static int
join_teams(struct cli *cli, struct team_alter_req *in, const char *user)
{
	struct team_alter_rsp out;
	if (in->changes.n <= 0)
		return 0;
	for (int32_t i = 0; i < in->changes.n; i++)
		*ARRAY_ADD(cli->arena, in->changes.v[i].users) = str_from(user);
	int status = cli_call(cli, WIRE_KEY_TEAM_ALTER, in, &out);
	if (status == 0)
		status = cli_answer(cli, what(cli, user), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, arena_printf(cli->arena, "team %s",
		    cli_escape(cli, out.results.v[i].team)).p, out.results.v[i].error_code,
		    out.results.v[i].error_message);
	return status;
}

/* Both are asked for before anything is changed. */
static int
teams_exist(struct cli *cli, struct str primary, const struct team_alter_req *more)
{
	int status = primary.p != NULL ? cli_team_exists(cli, primary) : 0;
	for (int32_t i = 0; status == 0 && i < more->changes.n; i++)
		status = cli_team_exists(cli, more->changes.v[i].team);
	return status;
}

static int
no_user(struct cli *cli, const char *name, const char *verb)
{
	cli_complain(CLI_REFUSED, "there is no user %s\n"
	    "  schlossctl user list shows those that there are, schlossctl user create makes one",
	    cli_escape(cli, str_from(name)));
	cli_hint_login(cli, cli_tenant_field(cli), str_from(name), verb, NULL);
	return CLI_REFUSED;
}

static int
user_exists(struct cli *cli, const char *name, const char *verb)
{
	struct user_list_req in;
	struct user_list_rsp out;
	wire_defaults(&user_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.users.n = 0;
	*ARRAY_ADD(cli->arena, in.users) = str_from(name);
	int status = cli_call(cli, WIRE_KEY_USER_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, what(cli, name), out.error_code, out.error_message);
	return status != 0 || out.users.n > 0 ? status : no_user(cli, name, verb);
}

static int
create_with(struct cli *cli, struct user_alter_req *in, struct secret *s, const char *name,
    bool needs_password)
{
	struct scram_key keys[SCRAM_HASHES];
	int status = 0;
	if (needs_password) {
		status = secret_get(cli, s);
		if (status == 0)
			status = secret_keys(s, keys);
		if (status == 0)
			add_keys(cli, &in->changes.v[0], keys);
	} else if (s->conf != NULL)
		status = cli_complain(CLI_USAGE, "--conf is for users with a password");
	if (status == 0)
		status = send_change(cli, in, name, NULL, NULL);
	mem_cleanse(keys, sizeof(keys));
	if (status == 0)
		print_done(&cli->print, "User %s is made.", name);
	return status != 0 || !needs_password ? status :
	    secret_deliver(cli, s, name, str_from(cli->tenant));
}

static int
user_create(struct cli *cli, struct args *args)
{
	struct user_alter_req in;
	struct team_alter_req teams;
	struct secret s = { .given = NULL };
	struct user_alter_req_change *c = new_change(cli, &in, USER_CREATE);
	secret_options(args, &s);
	take_teams(cli, args, c, &teams);
	bool needs_password = take_mechanisms(cli, args, c);
	s.mechanisms = c->mechanisms.v;
	s.mechanisms_n = c->mechanisms.n;
	if (args_flag(args, "--operator"))
		c->operator = 1;
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = cli_open(cli);
	if (status == 0)
		status = secret_check_conf(cli, &s, args->v[0], str_from(cli->tenant));
	if (status == 0)
		status = teams_exist(cli, c->primary_team, &teams);
	if (status == 0)
		status = create_with(cli, &in, &s, args->v[0], needs_password);
	if (status == 0)
		status = join_teams(cli, &teams, args->v[0]);
	secret_clear(&s);
	return status;
}

/* Kafka's request for one hash: it carries the salted password. */
static int
send_scram(struct cli *cli, const struct secret *s, const char *name, int hash)
{
	struct alter_user_scram_credentials_req in;
	struct alter_user_scram_credentials_rsp out;
	struct scram_key key;
	unsigned char salted[SCRAM_KEY_MAX];
	int n = (int)scram_hash_len((enum scram_hash)hash);
	/* A key of our own only for its salt, which must be random. */
	if (scram_key_make((enum scram_hash)hash, str_from(s->password), SCRAM_ITERATIONS_DEFAULT, &key) != 0)
		return cli_complain(CLI_USAGE, "that cannot be a password: 1 to %d bytes of UTF-8", PASSWORD_MAX);
	PKCS5_PBKDF2_HMAC(s->password, (int)strlen(s->password), key.salt, key.salt_len,
	    (int)key.iterations, hash == SCRAM_SHA_512 ? EVP_sha512() : EVP_sha256(), n, salted);
	wire_defaults(&alter_user_scram_credentials_req_msg, &in);
	struct alter_user_scram_credentials_req_upsertion *u =
	    WIRE_ADD(cli->arena, in.upsertions, alter_user_scram_credentials_req_upsertion);
	u->name = cli_name(name);
	u->mechanism = (int8_t)(hash + 1);
	u->iterations = (int32_t)key.iterations;
	u->salt = (struct bytes){ key.salt, key.salt_len };
	u->salted_password = (struct bytes){ salted, (size_t)n };
	int status = cli_call(cli, WIRE_KEY_ALTER_USER_SCRAM_CREDENTIALS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++)
		status = cli_answer(cli, what(cli, name), out.results.v[i].error_code,
		    out.results.v[i].error_message);
	mem_cleanse(salted, sizeof(salted));
	mem_cleanse(&key, sizeof(key));
	return status;
}

static int
user_passwd(struct cli *cli, struct args *args)
{
	struct secret s = { .given = NULL };
	secret_options(args, &s);
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status == 0)
		status = secret_check_conf(cli, &s, args->v[0], str_from(cli->tenant));
	if (status == 0)
		status = user_exists(cli, args->v[0], "user passwd"); /* Kafka's request would make one */
	if (status == 0)
		status = secret_get(cli, &s);
	for (int hash = SCRAM_HASHES - 1; status == 0 && hash >= 0; hash--)
		status = send_scram(cli, &s, args->v[0], hash);
	if (status == 0) {
		print_done(&cli->print, "The password of %s is changed.", args->v[0]);
		status = secret_deliver(cli, &s, args->v[0], str_from(cli->tenant));
	}
	secret_clear(&s);
	return status;
}

static int
set_locked(struct cli *cli, struct args *args, bool locked)
{
	struct user_alter_req in;
	int status = args_end(args, 1, 1);
	if (status != 0)
		return status;
	new_change(cli, &in, USER_ALTER)->locked = locked;
	status = send_change(cli, &in, args->v[0], locked ? "user lock" : "user unlock", NULL);
	if (status == 0)
		print_done(&cli->print, "User %s is %s.", args->v[0], locked ? "locked" : "unlocked");
	return status;
}

static int
user_lock(struct cli *cli, struct args *args)
{
	return set_locked(cli, args, true);
}

static int
user_unlock(struct cli *cli, struct args *args)
{
	return set_locked(cli, args, false);
}

#define DAY_MS INT64_C(86400000)

/* "2027-03-31", in UTC, "2027-03-31T18:00Z", "30d", or "never": ms since 1970, 0 for never. */
static int
parse_when(const char *text, int64_t now_ms, int64_t *ret)
{
	struct tm tm = { 0 };
	int64_t days = 0;
	struct str s = str_from(text);
	if (strcmp(text, "never") == 0) {
		*ret = 0;
		return 0;
	}
	if (s.n > 1 && s.p[s.n - 1] == 'd' && str_to_i64((struct str){ s.p, s.n - 1 }, 0, 36500, &days) == 0) {
		*ret = now_ms + days * DAY_MS;
		return 0;
	}
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d" };
	const char *end = NULL;
	for (size_t i = 0; i < 3 && (end == NULL || *end != '\0'); i++) {
		tm = (struct tm){ 0 };
		end = strptime(text, forms[i], &tm);
	}
	struct tm same = tm;
	int64_t seconds = end != NULL && *end == '\0' ? (int64_t)timegm(&same) : 0;
	if (seconds <= 0 || same.tm_mday != tm.tm_mday) /* the 31st of February is none */
		return cli_complain(CLI_USAGE, "\"%s\" is no time: 2027-03-31 (the beginning of that day in UTC), "
		    "2027-03-31T18:00Z, 30d (from now), or never", text);
	*ret = seconds * 1000;
	return 0;
}

static int
user_expire(struct cli *cli, struct args *args)
{
	struct user_alter_req in;
	int64_t when = 0;
	int status = args_end(args, 2, 2);
	if (status == 0)
		status = parse_when(args->v[1], clock_wall_ms(), &when);
	if (status != 0)
		return status;
	new_change(cli, &in, USER_ALTER)->expires_ms = when;
	status = send_change(cli, &in, args->v[0], "user expire", args->v[1]);
	if (status == 0 && when == 0)
		print_done(&cli->print, "User %s does not expire.", args->v[0]);
	else if (status == 0)
		print_done(&cli->print, "User %s %s at %s.", args->v[0],
		    when <= clock_wall_ms() ? "has expired" : "expires", cli_when(cli, when).p);
	return status;
}

static int
user_delete(struct cli *cli, struct args *args)
{
	struct user_alter_req in;
	const char *heir = NULL;
	struct user_alter_req_change *c = new_change(cli, &in, USER_DELETE);
	args_option(args, "--chown-to", &heir);
	c->chown_to = str_from(heir);
	c->purge = args_flag(args, "--purge");
	int status = args_end(args, 1, 1);
	if (status == 0 && heir != NULL && c->purge)
		status = cli_complain(CLI_USAGE, "--chown-to or --purge, not both");
	if (status == 0)
		status = send_change(cli, &in, args->v[0], "user delete", c->purge ? "--purge" : heir == NULL ? NULL :
		    arena_printf(cli->arena, "--chown-to %s", cli_escape(cli, c->chown_to)).p);
	if (status == CLI_REFUSED && heir != NULL)
		cli_hint_login(cli, in.tenant, c->chown_to, NULL, NULL);
	if (status == 0)
		print_done(&cli->print, "User %s is deleted.", args->v[0]);
	return status;
}

static struct str
words(struct cli *cli, const struct str *v, int32_t n)
{
	struct str s = STR_NULL;
	for (int32_t i = 0; i < n; i++)
		s = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(s), i > 0 ? "," : "", STR_ARG(v[i]));
	return s;
}

static void
list_row(struct cli *cli, struct print_table *t, const struct user_list_rsp_user *u)
{
	struct str *cell = print_row(t);
	cell[0] = u->name;
	cell[1] = u->primary_team;
	cell[2] = words(cli, u->teams.v, u->teams.n);
	cell[3] = print_bool(u->operator);
	cell[4] = print_bool(u->locked);
	cell[5] = u->expires_ms == 0 ? STR_NULL : cli_when(cli, u->expires_ms);
	cell[6] = words(cli, u->mechanisms.v, u->mechanisms.n);
}

static bool
listed(const struct user_list_rsp *out, struct str name)
{
	ARRAY_FOREACH(const struct user_list_rsp_user, u, out->users)
		if (str_eq(u->name, name))
			return true;
	return false;
}

static int
user_list(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "name", PRINT_TEXT }, { "primary_team", PRINT_TEXT }, { "teams", PRINT_LIST },
		{ "operator", PRINT_BOOL }, { "locked", PRINT_BOOL }, { "expires", PRINT_TEXT },
		{ "mechanisms", PRINT_LIST },
	};
	struct user_list_req in;
	struct user_list_rsp out;
	struct print_table t;
	wire_defaults(&user_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.users.n = -1;
	int status = args_end(args, 0, 500); /* as many as a request may name */
	for (int i = 0; status == 0 && i < args->n; i++)
		*ARRAY_ADD(cli->arena, in.users) = str_from(args->v[i]);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_USER_LIST, &in, &out);
	if (status == 0)
		status = cli_answer(cli, "users", out.error_code, out.error_message);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "users", columns, 7);
	ARRAY_FOREACH(const struct user_list_rsp_user, u, out.users)
		list_row(cli, &t, u);
	print_table(&cli->print, &t);
	for (int i = 0; i < args->n; i++)
		if (!listed(&out, str_from(args->v[i])))
			status = no_user(cli, args->v[i], "user list");
	return status;
}

const struct verb user_verbs[] = {
	{ "user", "create", user_create,
	    "NAME [--team TEAM] ... [--password P | --password-file FILE] [--conf FILE] [--operator] "
	    "[--mechanism M] ...", "make a user, and a client file for him", true },
	{ "user", "passwd", user_passwd, "NAME [--password P | --password-file FILE] [--conf FILE]",
	    "set a new password; his connections end", true },
	{ "user", "lock", user_lock, "NAME", "let him log in no more; his connections end", true },
	{ "user", "unlock", user_unlock, "NAME", "let him log in again", true },
	{ "user", "expire", user_expire, "NAME WHEN", "end his logins at 2027-03-31, 2027-03-31T18:00Z, in 30d, or never", true },
	{ "user", "delete", user_delete, "NAME [--chown-to USER | --purge]",
	    "delete a user; what he owns goes to another, or to nobody", true },
	{ "user", "list", user_list, "[NAME ...]", "users with their teams" },
	{ .name = NULL },
};
