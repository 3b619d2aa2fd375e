/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* What a word of a command stands for. */
enum complete_kind {
	COMPLETE_NOTHING,		/* what only the user knows */
	COMPLETE_WORDS,			/* one of those in the usage */
	COMPLETE_FILES,			/* the shell knows better */
	COMPLETE_TOPICS, COMPLETE_GROUPS, COMPLETE_USERS, COMPLETE_TEAMS, COMPLETE_TENANTS,
	COMPLETE_PATHS, COMPLETE_OPERATIONS, COMPLETE_QUOTAS,
};

/*
 * For the shell: argv are the words behind schlossctl up to the one that is being typed, which is the last, be it
 * empty. Prints what it could be, a line each: "TAB files" where the shell is to offer files. Where the broker must be
 * asked and does not answer within seconds, or refuses, nothing; nobody is asked for a password. Returns 0.
 */
int complete(struct cli *cli, char **argv, int argc);

/* Prints s, where it begins with what is typed and is one line. */
void complete_offer(struct str s, struct str typed);
/* Prints those of a kind that the broker knows. */
void complete_names(struct cli *cli, enum complete_kind kind, struct str typed);
