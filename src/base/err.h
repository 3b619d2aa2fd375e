/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Errors inside Schloss. Functions return 0 or a negative enum err; outputs
 * (`ret_*`) are untouched on failure. Two other worlds of errors exist and
 * never mix with this one: Kafka's codes (wire/kerr.h) at the API, and
 * struct why, a sentence for a human, in configuration and command lines.
 */

enum err {
	ERR_OK = 0,
#define X(name, number, text) ERR_##name = (number),
#include "base/err.def"
#undef X
};

/* The text of an error number; never NULL, also for numbers out of range. */
const char *err_text(int err);

/* The error that stands for an errno value; ERR_IO where none fits better. */
int err_from_errno(int errnum);

/* A reason for a human: one sentence, no newline, always terminated. */
struct why {
	char text[512];
};

/* Sets the reason (truncating) and returns err, so that callers can write
 * `return why_set(why, ERR_INVAL, ...)`. why may be NULL. */
int why_set(struct why *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "text: " before the reason that is there already. why may be NULL. */
void why_prefix(struct why *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
