/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * `schlossd init`: a new broker, from nothing to a file that a client can log
 * in with. Everything is made in a directory beside the final one, which takes
 * its place by one rename: a failed or killed init leaves no broker behind.
 */
struct init {
	const char *dir;		/* where; NULL: the places of an installation */
	const char *listen;		/* HOST:PORT */
	const char *advertise;		/* HOST:PORT, or NULL: the same */
	const char *admin;		/* the first operator's name */
	int64_t now;			/* seconds since 1970 */
	/* Makes the metadata with one operator in it; data_dir exists and is empty. */
	int (*metadata)(const char *data_dir, struct str admin, struct str password,
	    struct why *why);
	/* Of an installation; NULL: what was configured at build time. */
	const char *conf_dir, *data_dir, *user;
};

#define INIT_PATH 4096

/* What was made, for the words to the administrator. */
struct init_result {
	char conf[INIT_PATH];		/* schlossd.yaml */
	char client[INIT_PATH];		/* admin.conf */
	char java[INIT_PATH];		/* admin.properties */
	char ca_key[INIT_PATH];
};

#define INIT_LISTEN "127.0.0.1:9093"
#define INIT_ADMIN "admin"

/* May block. On failure the reason is one sentence and nothing is left. */
int init_run(const struct init *in, struct init_result *ret, struct why *why);
