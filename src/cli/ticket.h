/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The client's side of GSSAPI: libsasl2, with the ticket that kinit left, in a child process. libkrb5 waits
 * for KDCs and for the DNS as long as it likes and cannot be told to stop; a process can.
 */
struct ticket {
	pid_t pid;
	int fd;				/* readable when there is something to take */
};

int ticket_begin(const char *service, const char *host, struct ticket *ret, struct why *why);
/* The next token for the broker; last: the library is content with it. ERR_DENIED with the reason. Waits. */
int ticket_take(struct ticket *t, struct arena *arena, struct str *ret, bool *ret_last, struct why *why);
/* What the broker answered. */
int ticket_give(struct ticket *t, struct str answer, struct why *why);
/* Ends the child, whatever it waits for. */
void ticket_end(struct ticket *t);

/* The reason, where nothing came within that time: whose KDC did not answer, and where it was looked for. ERR_TIMEOUT. */
int ticket_late(const char *service, const char *host, int seconds, struct why *why);
