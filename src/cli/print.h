/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/str.h"

/*
 * The one printer of schlossctl: tables for people, JSON for programs, from the
 * same cells. An answer is one table, or several named ones (print_open); or
 * sentences about what was done. In JSON it is one value in any case.
 */
enum print_form { PRINT_TABLE, PRINT_JSON };

enum print_kind {
	PRINT_TEXT,
	PRINT_NUMBER,
	PRINT_BOOL,			/* "true" or "false" */
	PRINT_LIST,			/* words with commas between */
	PRINT_LINES,			/* sentences with '\n' between, for JSON */
};

struct print_column {
	const char *name;		/* JSON's key; a table's head in capitals */
	enum print_kind kind;
};

/* What was done; more: what a program wants of it by itself, as a member of its own. */
struct print_sentence {
	struct str text, key, more;
};

struct print {
	enum print_form form;
	FILE *out;
	struct arena *arena;
	bool quiet;			/* nothing was done */
	bool open;			/* between print_open and print_close */
	unsigned parts;
	ARRAY(struct print_sentence) done;	/* JSON: they are printed together */
};

#define PRINT_COLUMNS_MAX 24

struct print_table {
	const char *name;		/* of this part, where there are several */
	const struct print_column *columns;
	size_t width;			/* of them */
	struct print_row *first, **tail;
	struct arena *arena;
};

struct print_row {
	struct print_row *next;
	struct str cell[];
};

void print_table_init(struct print_table *t, struct print *p, const char *name,
    const struct print_column *columns, size_t width);
/* A new row of null cells: set them in the order of the columns. A null cell
 * shows as "-", in JSON as null. Cells' bytes must stay until the table is printed. */
struct str *print_row(struct print_table *t);
/* A number as a cell. */
struct str print_number(struct print *p, long long v);
struct str print_bool(bool v);
/* A name that the broker leaves empty where there is none, as a cell: null then. */
struct str print_name(struct str s);

/* Several parts in one answer. */
void print_open(struct print *p);
void print_table(struct print *p, const struct print_table *t);
void print_close(struct print *p);

/* What was done, as a sentence; in JSON {"done": "..."} in one array with the others.
 * Strings from the broker must have been escaped or checked by the caller. */
void print_done(struct print *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same; what it tells is a member of that name, too. */
void print_told(struct print *p, const char *key, const char *more, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Behind all: in JSON the array of what was done. failed: the verb was refused, so that an
 * empty one would say too much. */
void print_end(struct print *p, bool failed);
