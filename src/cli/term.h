/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The terminal, where there is one. */

/* Columns of the terminal that out goes to; 0: it is none, or its size is not known. */
int term_columns(FILE *out);
/* Whether out may have colours: a terminal that is not dumb, and no $NO_COLOR. */
bool term_colours(FILE *out);

/*
 * How far something long has come, in one line of standard error: only on a terminal, only when it takes longer than a moment,
 * and gone at the end. Starts zeroed but for what and total (0: not known).
 */
struct progress {
	const char *what;
	uint64_t total;
	uint64_t next;			/* private: when it is shown again, monotonic ns */
	bool shown;
};
void progress_at(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);

/*
 * The whole screen, for who shows something that changes: keys come one by one and unseen, and what was there before
 * comes back at term_leave(), at exit(), at a signal that ends the program and at one that stops it. One at a time.
 * False: standard input and output are no terminal.
 */
bool term_enter(void);
void term_leave(void);
/* Waits for a key: its byte; 0 after ms milliseconds, or when the size has changed or the program goes on after a stop; -1 at
 * the end of the input. */
int term_key(int ms);
void term_size(int *ret_rows, int *ret_columns);
