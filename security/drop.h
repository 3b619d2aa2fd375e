/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What the process gives up before it serves: privilege, core dumps, the reach
 * of debuggers. Once, from main, while there is one thread, after listeners
 * are bound and keys are read.
 */

/* No core dumps (RLIMIT_CORE 0), no ptrace or /proc/PID/mem by others
 * (PR_SET_DUMPABLE 0), no new privileges by exec (PR_SET_NO_NEW_PRIVS). For any
 * user; after drop_to_user(). ERR_IO with the reason where the kernel refuses. */
int drop_harden(struct why *why);

/* Whether the process may still act as root: real, effective or saved. */
bool drop_is_root(void);

/*
 * Becomes user: its uid in all three, its primary and supplementary groups, no
 * capabilities; and proves that there is no way back. ERR_NOTFOUND: no such user;
 * ERR_INVAL: that user is root; ERR_DENIED: we are not root (and not that user
 * already); ERR_IO: a step failed, and the caller must exit.
 */
int drop_to_user(const char *user, struct why *why);
