/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/* Passwords from people and from files: at most ASK_MAX - 1 bytes, one line.
 * The caller cleanses what it was given. All may block. */
#define ASK_MAX 1025

/* On the terminal, twice, without showing it; ERR_UNSUPPORTED where there is
 * no terminal, ERR_INVAL where the two differ or it is empty. */
int ask_new_password(const char *prompt, char ret[ASK_MAX], struct why *why);

/* The first line of a file; "-" is the standard input. */
int ask_from_file(const char *path, char ret[ASK_MAX], struct why *why);
