/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "audit/audit.h"

/* The file below the writer: appending, and where a chain goes on after a start. One thread; blocks. */
struct audit_file {
	const char *path;
	int fd;				/* -1: it could not be opened */
	int64_t size;
	bool torn;			/* it ends with half a line, whose hash is torn_hash */
	bool new_line;			/* and without a newline */
	uint8_t torn_hash[AUDIT_HASH];
};

/* How the file ends. */
struct audit_tail {
	struct audit_head last;		/* seq 0: there is no line */
	bool has_kept;			/* the line of the kept head lies in what was looked at */
	uint8_t kept_hash[AUDIT_HASH];	/* its hash as it stands there */
	bool torn;			/* behind it stands half a line */
	bool damaged;			/* what stands at the end are no lines */
};

int audit_file_open(struct audit_file *f, const char *path);
void audit_file_close(struct audit_file *f);
/* Looks at the end of it for the last line, and for that of the number kept. */
int audit_file_tail(struct audit_file *f, uint64_t kept, struct audit_tail *ret);
/* Lines, whole or not at all, as far as the file lets that be. On failure *ret_whole of them stand there, and where a
 * part of another does, f->torn says so until something could be appended. */
int audit_file_append(struct audit_file *f, struct str bytes, unsigned *ret_whole);
/* Whether another file is at the path now, or none. */
bool audit_file_moved(const struct audit_file *f);

/* Where the chain goes on after a start; NULL, or what is wrong with the file. Then the chain goes on from
 * what was kept, so that whoever verifies it finds the place. */
const char *audit_file_resume(const struct audit_tail *tail, const struct audit_kept *kept, struct audit_head *ret);
