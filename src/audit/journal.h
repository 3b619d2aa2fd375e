/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* One entry for journald by its own protocol: MESSAGE is the line, SYSLOG_IDENTIFIER says schloss-audit. path: of
 * its socket. Never waits: an enum err where journald does not take it now. */
int journal_send(const char *path, struct str line);
