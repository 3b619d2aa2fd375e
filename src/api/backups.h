/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/core.h"
#include "meta/meta.h"

/*
 * The one backup that may be under way: made, kept and taken away by a thread of its own. It belongs to a
 * connection, and ends with it, when it is not asked about for a minute, at BackupEnd, and when the broker stops; what
 * a crash leaves is removed by the next start.
 */
struct backups;

/* Borrows both, which must outlive it. */
struct backups *backups_create(struct store *store, struct meta *meta, const struct event *ev);
/* Waits for its thread. */
void backups_destroy(struct backups **backups);

#define BACKUP_ID 33		/* with its end */
#define BACKUP_NUMBER 48

struct backup_state {
	char id[BACKUP_ID];
	bool ready;
	int err;			/* not 0: it could not be made, and is over */
	struct why why;
	int64_t done, total;
	int64_t begun_ms, files, bytes, list_bytes;
};

/* Begins one for the connection of that number (session.h). ERR_BUSY: there is one; ERR_AGAIN: what one that is over
 * has held is still being removed. by: for the log. Any thread; never
 * blocks for long. */
int backups_begin(struct backups *b, uint64_t session, struct str by, char ret_id[BACKUP_ID]);
/* How far it is. ERR_NOTFOUND: it is none of this connection's, or over. One that failed is over when that was told. */
int backups_look(struct backups *b, uint64_t session, struct str id, struct backup_state *ret);
/* Whoever holds it may read in it: the files stay until backups_let(). ERR_NOTFOUND as above, ERR_AGAIN: not ready. */
int backups_hold(struct backups *b, uint64_t session, struct str id);
void backups_let(struct backups *b);
/* Of one that is held: as fs_pread_some(). May block. */
int backups_read(struct backups *b, int64_t file, int64_t offset, void *p, size_t n, size_t *ret_n);
int backups_end(struct backups *b, uint64_t session, struct str id);
/* The connection goes away: what is its. Costs nothing where there is none. */
void backups_forget(struct backups *b, uint64_t session);
