/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "broker/ask.h"
#include "cli/cli.h"
#include "security/scram_keys.h"

/*
 * The password of a user who is made or changed, and what follows from it.
 * Cleanse it with secret_clear() when done.
 */
struct secret {
	const char *given;		/* --password */
	const char *file;		/* --password-file */
	const char *conf;		/* --conf */
	const struct str *mechanisms;	/* that he may use by it, n; NULL: all */
	int32_t mechanisms_n;
	char password[ASK_MAX];
	bool made;			/* invented here */
};

/* Takes the three options out of the words. */
void secret_options(struct args *args, struct secret *s);
/* That --conf can be written and no other user's file is lost by it; asked before
 * anything is changed, or there would be a user whose password nobody knows. */
int secret_check_conf(struct cli *cli, const struct secret *s, const char *user, struct str tenant);
/* Fills password: as given, from the file, by asking; invented where there is
 * --conf, nobody to ask, or nothing was typed. */
int secret_get(struct cli *cli, struct secret *s);
/* Keys for both hashes, SHA-256 first. */
int secret_keys(const struct secret *s, struct scram_key ret[SCRAM_HASHES]);
/* Writes --conf for this user, or tells an invented password. tenant: null for
 * the caller's own. */
int secret_deliver(struct cli *cli, const struct secret *s, const char *user, struct str tenant);
void secret_clear(struct secret *s);
