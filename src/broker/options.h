/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The option table as data. One row says where its value lies in the struct,
 * so the parser, -T, DescribeConfigs and reload need no code for an option.
 */

enum option_type {
	OPTION_INT,			/* int64_t */
	OPTION_BOOL,			/* bool */
	OPTION_TEXT,			/* const char *, NULL: unset */
	OPTION_PATH,			/* const char *, absolute; NULL: unset */
	OPTION_ENUM,			/* int: place of the word, -1: unset */
	OPTION_LIST,			/* struct option_list */
	OPTION_REAL,			/* double */
};

enum option_flags {
	OPTION_REQ = 1,			/* has no default: must be written */
	OPTION_LIVE = 2,		/* a reload takes it */
	OPTION_PUB = 4,			/* tenants see it in DescribeConfigs */
	OPTION_SECRET = 8,		/* its value is shown to nobody */
};

struct option_list {
	const char **v;
	size_t n;
};

struct conf_option {
	enum option_type type;
	const char *name;		/* as written in the file */
	const char *def;		/* default as written in the file; "" may mean unset */
	double min, max;		/* of INT and REAL, for messages */
	int64_t imin, imax;
	const char *unit;		/* of a number, or the words "a|b" */
	int flags;
	const char *help;		/* one sentence */
	size_t at;			/* offset of the value in its struct */
};

/* The rows for struct conf and struct conf_listener, in the table's order. */
extern const struct conf_option conf_options[];
extern const size_t conf_option_count;
extern const struct conf_option listener_options[];
extern const size_t listener_option_count;

/* The row of that name, or NULL. */
const struct conf_option *option_find(const struct conf_option *table, size_t n, struct str name);
/* The name in the table that is most like name, or NULL where none is near:
 * for "did you mean". */
const char *option_nearest(const struct conf_option *table, size_t n, struct str name);

/* One scalar as it stands in the file. plain: written without quotes, so that
 * YAML itself would take some words for booleans or null. */
struct option_text {
	struct str s;
	bool plain;
};

/* Checks and stores values (one, or several for a LIST) into the struct at
 * base. Strings are copied into the arena; a PATH is made absolute with dir.
 * On ERR_INVAL the reason tells what was expected and nothing is stored. */
int option_set(const struct conf_option *opt, void *base, const struct option_text *values, size_t n,
    const char *dir, struct arena *arena, struct why *why);
/* Stores the default. */
void option_reset(const struct conf_option *opt, void *base, struct arena *arena);

/* The value as it would be written in the file, without quotes; lists with
 * commas; NULL where it is unset. The string lives in the arena. Secrets are
 * not hidden here. */
const char *option_text(const struct conf_option *opt, const void *base, struct arena *arena);
/* Whether two structs hold the same value. */
bool option_same(const struct conf_option *opt, const void *a, const void *b);
