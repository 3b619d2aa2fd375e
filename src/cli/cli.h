/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "cli/conn.h"
#include "cli/print.h"
#include "cli/props.h"

/* Exit statuses, as schlossctl(1) documents them. */
enum {
	CLI_OK = 0,
	CLI_NO = 1,		/* why: denied */
	CLI_USAGE = 2,
	CLI_UNREACHED = 3,	/* no connection, no login, no client file */
	CLI_REFUSED = 4,	/* the broker answered with an error, or what was named is not there */
};

/* One call of schlossctl. Everything lives in the arena until the end. */
struct cli {
	struct arena *arena;
	struct print print;
	const char *file;		/* -F, or NULL */
	const char *tenant;		/* --tenant, or NULL */
	struct props props;		/* from cli_open() on */
	struct conn *conn;
	struct str own_tenant;		/* null until it was asked for */
	bool dry_run;
	ARRAY(struct rehearse_req_call) rehearsed;	/* of a dry run, all that was asked */
	struct str entered;		/* the tenant that Kafka's requests are about; null: own */
};

/* The words behind noun and verb. Options are taken out wherever they stand;
 * "--" ends them. */
#define ARGS_TAKEN_MAX 16
struct args {
	char **v;
	int n;
	const char *usage;		/* of the verb, for messages */
	const char *taken[ARGS_TAKEN_MAX];	/* the names of options that stood there */
	int taken_n;
};

struct verb {
	const char *noun;		/* NULL: the verb stands alone (ls, chmod) */
	const char *name;
	int (*run)(struct cli *cli, struct args *args);
	const char *usage;		/* what stands behind noun and verb */
	const char *help;		/* one line */
	bool rehearses;			/* --dry-run: all that it changes is the metadata */
};

/* Each file of nouns ends its list with a row of name NULL. */
extern const struct verb topic_verbs[], group_verbs[], user_verbs[], team_verbs[], quota_verbs[],
    tenant_verbs[], token_verbs[], tree_verbs[], facl_verbs[], who_verbs[], audit_verbs[],
    connection_verbs[], lag_verbs[], tail_verbs[], top_verbs[], site_verbs[], backup_verbs[];

/* True, and the value, where the option is there; takes the first that stands.
 * A value that is missing is said at args_end(). names: "--owner" or "-p|--partitions". */
bool args_option(struct args *args, const char *names, const char **ret);
bool args_flag(struct args *args, const char *names);
/* Whether an option that was taken stands there once more: CLI_USAGE after saying so, or 0. */
int args_again(const struct args *args);
/* After all options: that what is left are min to max plain words. 0, or
 * CLI_USAGE after saying what is wrong. */
int args_end(struct args *args, int min, int max);
/* A number; CLI_USAGE after saying what is wrong. */
int args_number(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret);

/* "90s", "30m", "12h", "7d", "2w", up to a hundred years: ms. ERR_INVAL, and nothing is said. */
int args_period(const char *text, int64_t *ret_ms);

/* "schlossctl: ..." on standard error; returns status. */
int cli_complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads the client file, connects and logs in; once. */
int cli_open(struct cli *cli);
/* As cli_open; then Kafka's own requests are about the tenant of that name
 * (null: --tenant, or the caller's own). */
int cli_open_in(struct cli *cli, struct str tenant);
/* The caller's own tenant, by name. */
int cli_own_tenant(struct cli *cli);
/* What a path begins with: --tenant or the own one. */
int cli_path_tenant(struct cli *cli, struct str *ret);
/* The tenant field of our own requests. */
struct str cli_tenant_field(const struct cli *cli);

/* Sends and waits. 0, or CLI_UNREACHED after saying why. */
int cli_call(struct cli *cli, int key, const void *in, void *ret);

/* 0 for no error; else CLI_REFUSED after saying what was refused, why, and
 * what to do next. what: escaped or ours. message: the broker's, or null. */
int cli_answer(struct cli *cli, const char *what, int kerr, struct str message);

/* 0, or a status after saying that there is none: the broker's request would make
 * one, and a name that was mistyped would be a team. */
int cli_team_exists(struct cli *cli, struct str team);

/* Rules and quotas may name somebody who is not there yet, and a name that was mistyped
 * is nobody: says so. tenant: as in our own requests. */
void cli_warn_of_nobody(struct cli *cli, struct str tenant, struct str user);
/* Whether user is not a name in that tenant but a login name, NAME@TENANT (who may not see the
 * tenant's users knows his own), and its parts: commands take the name alone. tenant: as above. */
bool cli_is_login(struct cli *cli, struct str tenant, struct str user, struct str *ret_name,
    struct str *ret_tenant);

/* Where it is so, says how he is called here; command, where there is one: what to say instead, up to the
 * name and behind it. tenant: as above. */
void cli_hint_login(struct cli *cli, struct str tenant, struct str user, const char *command, const char *rest);

/* A time, wall ms, as a cell or in a sentence. */
struct str cli_when(struct cli *cli, int64_t ms);

/* Operations as words with commas between: bits, 1 << Kafka's number. */
struct str cli_operations(struct cli *cli, int32_t bits);

/* A string of the broker or the user as one visible token. */
const char *cli_escape(struct cli *cli, struct str s);

/* A name as wire structs have it; the broker adds the tenant. */
struct name cli_name(const char *s);
