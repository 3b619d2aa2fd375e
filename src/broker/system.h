/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/event.h"
#include "broker/conf.h"

/* The process among others: its user, its limits, its data directory. */

/* Started as root: becomes conf->user for good; without one it stays root and
 * says so. Started as another: nothing. Call before threads are started. */
int system_drop_privileges(const struct conf *conf, const struct event *ev, struct why *why);

/* Raises the limit of open files as far as it goes, and ignores SIGPIPE. */
void system_limits(const struct event *ev);

/* The log level of the file. */
enum log_level system_log_level(const struct conf *conf);

/* Takes the directory for this process alone: a lock on DIR/.lock, held until
 * system_unlock() or the end of the process. the same lock that the
 * running broker's store takes. ERR_BUSY: it runs; ERR_NOTFOUND where the directory is not there. */
int system_lock(const char *dir, int *ret_fd, struct why *why);
void system_unlock(int *fd);
