/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "base/err.h"
#include "base/event.h"

/*
 * The audit log: lines go through a bounded queue to one thread, which numbers and chains them, appends
 * them to a file, has them synced, and then has the head of the chain kept elsewhere. Lines are in the
 * queue when a call returns, not on the disk.
 *
 * What is about to be done (a change, a login) asks for room first, and where there is none, or the file
 * cannot be written, `refuse` says whether it may be done all the same: then its line is counted, and a
 * gap is told of when the file can be written again. What is refused in any case (a denial, a failed
 * login) has half of the queue: a flood of it shuts nobody out.
 *
 * Thread-safe (LOCK_AUDIT) but for open and close.
 */
struct audit;

/* What is known elsewhere of the chain's end. */
struct audit_kept {
	struct audit_head head;
	bool ended;			/* the broker stopped in order after it: nothing may follow */
};

struct audit_config {
	const char *file;		/* must stay */
	bool refuse;
	size_t queue_bytes;
	uint64_t sync_ns;		/* how long what was written may wait for its sync; 0: not at all */
	const char *journal;		/* the socket of journald; NULL: no copies there. Must stay */
	struct audit_kept kept;
	const struct event *ev;		/* must stay */
	/* On the writer's thread, about once a second while there is something new: keeps it. Blocks. An enum err. */
	int (*keep)(void *arg, const struct audit_kept *kept);
	/* On the writer's thread: a line, with its newline, that stands in the file. NULL: nothing. */
	void (*copy)(void *arg, struct str line, int64_t wall_ms);
	void *arg;
};

/* Opens the file, which is made where it is not there, and goes on with the chain. What the file
 * should have had and has not is logged and stands in the first line that is written. Where it
 * cannot be written: an error if `refuse`, else that is tried again and again. May block. */
int audit_open(const struct audit_config *config, struct audit **ret, struct why *why);
/* Writes what is queued and a last line. After it no line is taken and everything is admitted; audit_free()
 * follows when nobody can call any more. May block. */
void audit_close(struct audit *audit);
void audit_free(struct audit **audit);

/* The file was renamed (logrotate): the next line begins a new one, as soon as that can be opened. */
void audit_reopen(struct audit *audit);
void audit_set_refuse(struct audit *audit, bool refuse);

/* Lines of one thing that is about to be done. Starts zeroed. */
struct audit_lines {
	struct audit_item *first, **tail;
	size_t bytes;
	unsigned n;
	bool admitted;
};
void audit_lines_add(struct audit_lines *lines, struct str body);
/* Room for them. ERR_AGAIN: it must not be done; the lines are still the caller's. */
int audit_admit(struct audit *audit, struct audit_lines *lines);
/* It was done, after audit_admit(): they are the queue's. */
void audit_send(struct audit *audit, struct audit_lines *lines);
/* It was not done, or not admitted. audit may be NULL where none were admitted. */
void audit_drop(struct audit *audit, struct audit_lines *lines);

/* One line of what is done: 0, or ERR_AGAIN, and then it must not be. */
int audit_done(struct audit *audit, struct str body);
/* One line of what was refused. */
void audit_refused(struct audit *audit, struct str body);
/* Whether something that would be told of later must be refused now. */
bool audit_must_refuse(struct audit *audit);

struct audit_status {
	struct audit_head written;	/* the last line in the file */
	struct audit_kept kept;
	uint64_t lost;			/* lines, since the start */
	bool failing;			/* the file cannot be written now */
	bool refuse;
};
void audit_status(struct audit *audit, struct audit_status *ret);
const char *audit_path(const struct audit *audit);
