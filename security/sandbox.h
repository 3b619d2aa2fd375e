/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * What the process may still do once it is started, held by the kernel: which files it opens (landlock(7)) and
 * which system calls it makes (seccomp(2)). What is given up is given up for good, by the thread that calls and by
 * all that it starts later: from main, while there is one, after drop_harden(), which both need.
 */

/* Each with the rights of those before it. Nothing is executed anywhere. */
enum sandbox_right {
	SANDBOX_READ,		/* files and the names in directories */
	SANDBOX_APPEND,		/* files may be made and written */
	SANDBOX_WRITE,		/* and removed and renamed, and directories made */
};

/* The places that stay open. */
struct sandbox;

struct sandbox *sandbox_create(void);
void sandbox_destroy(struct sandbox **sandbox);

/* A file, or a directory and all below it. One that is not there is no place. */
void sandbox_place(struct sandbox *sandbox, const char *path, enum sandbox_right right);

/* The directory of a file, and that of what it links to: so that it may be replaced, by a new file or a new
 * link. What is not absolute, NULL among it, is no file. */
void sandbox_file(struct sandbox *sandbox, const char *file, enum sandbox_right right);

/* Whether a file may be read, or made and read: it lies in one of the places, links followed. A file that is not
 * there is judged by its directory. */
bool sandbox_reaches(const struct sandbox *sandbox, const char *file);

/* Files outside of the places cannot be opened any more. What is open stays so. ERR_UNSUPPORTED: the kernel has no
 * landlock, or an older one than 5.19, which forbids renames; ERR_IO with the reason. */
int sandbox_hold_files(const struct sandbox *sandbox, struct why *why);

/* System calls that are not in sandbox_calls.def are refused as a kernel refuses those that it does not know
 * (ENOSYS), and noted; some end the process. ERR_UNSUPPORTED: the kernel or the build has no seccomp; ERR_IO. */
int sandbox_hold_calls(struct why *why);

/* What was refused since it was last asked, one call at a time: its name, into ret, and how often. Any thread. */
#define SANDBOX_NAME 32
bool sandbox_refused(char ret_name[SANDBOX_NAME], unsigned *ret_times);

/* Whether this build lets calls through that only its sanitizers need. */
bool sandbox_is_wide(void);
