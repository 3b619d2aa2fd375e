/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which things are copied (doc/adr/014): logs, then the metadata, then the era. So metadata know of each
 * producer id, topic and leader epoch that the logs do. What metadata name and the logs lack was made while the
 * backup was, and a start makes it, empty; what the logs have and no metadata name was deleted meanwhile, and is set aside.
 */
#include "api/backups.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/worker.h"
#include "log/pin.h"

#define IDLE_NS (60 * NS_PER_SEC)
#define LOOK_MS 2000		/* whether it is over; while there is one */

enum state { NONE, MAKING, READY, FAILED, ENDING };

struct backups {
	struct store *store;
	struct meta *meta;
	struct event ev;
	struct lock lock;		/* BACKUP: what follows */
	pthread_cond_t wake;
	enum state state;
	bool started;			/* there is a thread to be joined */
	bool end;			/* it is to end */
	unsigned readers;
	char id[BACKUP_ID];
	_Atomic uint64_t session;	/* whose it is; 0: there is none. Read without the lock */
	uint64_t touched;		/* when it was asked about, monotonic ns */
	int64_t begun_ms, files, bytes, list_bytes;
	int err;
	struct why why;
	char *dir;
	struct pins pins;		/* but for its counters, the thread's */
	pthread_t thread;
};

struct backups *
backups_create(struct store *store, struct meta *meta, const struct event *ev)
{
	struct backups *b = MEM_NEW(struct backups);
	b->store = store;
	b->meta = meta;
	event_child(&b->ev, ev, "part", STR("backup"));
	lock_init(&b->lock, LOCK_BACKUP);
	lock_cond_init(&b->wake);
	return b;
}

void
backups_destroy(struct backups **backups)
{
	struct backups *b = *backups;
	if (b == NULL)
		return;
	lock_take(&b->lock);
	b->end = true;
	atomic_store(&b->pins.stop, true);
	pthread_cond_signal(&b->wake);
	bool started = b->started;
	lock_drop(&b->lock);
	if (started)
		pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->wake);
	lock_free(&b->lock);
	mem_free(b);
	*backups = NULL;
}

/* ---- its thread ---- */

static int
copy_metadata(struct backups *b, struct why *why)
{
	char path[PINS_PATH];
	int err = meta_copy(b->meta, pins_next(&b->pins, path), why);
	if (err == 0 && (err = pins_made(&b->pins, "meta.db")) != 0)
		why_set(why, err, "%s: %s", path, err_text(err));
	return err;
}

static int
write_list(struct backups *b, struct why *why)
{
	char path[PINS_PATH];
	snprintf(path, sizeof(path), "%s/0", b->dir);
	int err = fs_replace_lazy(path, b->pins.list.p, b->pins.list.n);
	return err == 0 ? 0 : why_set(why, err, "%s: %s", path, err_text(err));
}

static int
make(struct backups *b, struct why *why)
{
	int err = pins_begin(&b->pins, b->dir);
	if (err != 0)
		return why_set(why, err, "%s: %s", b->dir, err_text(err));
	err = store_pin(b->store, &b->pins, why);
	if (err == 0)
		err = copy_metadata(b, why);
	if (err == 0)
		err = store_pin_era(b->store, &b->pins, why);
	return err != 0 ? err : write_list(b, why);
}

/* Until it is to end, or nobody has asked for long. */
static void
wait_end(struct backups *b)
{
	while (!b->end) {
		if (b->readers == 0 && clock_mono_ns() >= b->touched + IDLE_NS) {
			ev_warn(&b->ev, "nobody has read for a minute: what was held is let go");
			return;
		}
		lock_wait_ms(&b->lock, &b->wake, LOOK_MS);
	}
}

static void *
run(void *arg)
{
	struct backups *b = arg;
	struct why why = { "" };
	int err = make(b, &why);
	lock_take(&b->lock);
	b->files = b->pins.files;
	b->bytes = b->pins.bytes;
	b->list_bytes = (int64_t)b->pins.list.n;
	b->err = err;
	b->why = why;
	b->state = err == 0 ? READY : FAILED;
	if (err != 0 && err != ERR_CLOSED)
		ev_err(&b->ev, "%s", why.text);
	lock_drop(&b->lock);
	pins_free(&b->pins);
	if (err != 0)
		(void)fs_rmtree(b->dir);
	lock_take(&b->lock);
	wait_end(b);
	b->state = ENDING;
	atomic_store(&b->session, 0);
	while (b->readers > 0)
		lock_wait(&b->lock, &b->wake);
	lock_drop(&b->lock);
	err = fs_rmtree(b->dir);
	if (err != 0 && err != ERR_NOTFOUND)
		ev_err(&b->ev, "%s cannot be removed, which a restart does: %s", b->dir, err_text(err));
	else
		ev_notice(&b->ev, "a backup has ended");
	lock_take(&b->lock);
	mem_free(b->dir);
	b->dir = NULL;
	b->state = NONE;
	lock_drop(&b->lock);
	return NULL;
}

/* ---- what requests do ---- */

static void
make_id(char ret[BACKUP_ID])
{
	uint64_t v[2];
	rand_bytes(v, sizeof(v));
	snprintf(ret, BACKUP_ID, "%016" PRIx64 "%016" PRIx64, v[0], v[1]);
}

int
backups_begin(struct backups *b, uint64_t session, struct str by, char ret_id[BACKUP_ID])
{
	lock_take(&b->lock);
	if (b->state != NONE) {
		int err = b->end || b->state == ENDING ? ERR_AGAIN : ERR_BUSY;
		lock_drop(&b->lock);
		return err;
	}
	if (b->started)
		pthread_join(b->thread, NULL); /* it has nothing more to do */
	memset(&b->pins, 0, sizeof(b->pins));
	make_id(b->id);
	b->dir = pins_place(b->store);
	b->state = MAKING;
	b->end = false;
	b->err = 0;
	b->touched = clock_mono_ns();
	b->begun_ms = clock_wall_ms();
	b->files = b->bytes = b->list_bytes = 0;
	atomic_store(&b->session, session);
	memcpy(ret_id, b->id, BACKUP_ID);
	ev_notice(&b->ev, "%.*s takes a backup", STR_ARG(by));
	b->thread = thread_start("backup", run, b);
	b->started = true;
	lock_drop(&b->lock);
	return 0;
}

/* Locked. */
static bool
is_that(struct backups *b, uint64_t session, struct str id)
{
	if (b->end || session == 0 || atomic_load(&b->session) != session || !str_is(id, b->id))
		return false;
	b->touched = clock_mono_ns();
	return b->state != NONE && b->state != ENDING;
}

/* Locked. */
static void
let_end(struct backups *b)
{
	b->end = true;
	atomic_store(&b->pins.stop, true);
	pthread_cond_signal(&b->wake);
}

int
backups_look(struct backups *b, uint64_t session, struct str id, struct backup_state *ret)
{
	lock_take(&b->lock);
	bool found = is_that(b, session, id);
	if (found) {
		memcpy(ret->id, b->id, BACKUP_ID);
		ret->ready = b->state == READY;
		ret->err = b->err;
		ret->why = b->why;
		ret->done = atomic_load(&b->pins.done);
		ret->total = atomic_load(&b->pins.total);
		ret->begun_ms = b->begun_ms;
		ret->files = b->files;
		ret->bytes = b->bytes;
		ret->list_bytes = b->list_bytes;
		if (b->state == FAILED)
			let_end(b);
	}
	lock_drop(&b->lock);
	return found ? 0 : ERR_NOTFOUND;
}

int
backups_hold(struct backups *b, uint64_t session, struct str id)
{
	lock_take(&b->lock);
	int err = !is_that(b, session, id) ? ERR_NOTFOUND : b->state != READY ? ERR_AGAIN : 0;
	b->readers += err == 0;
	lock_drop(&b->lock);
	return err;
}

void
backups_let(struct backups *b)
{
	lock_take(&b->lock);
	b->readers--;
	b->touched = clock_mono_ns();
	if (b->readers == 0)
		pthread_cond_signal(&b->wake);
	lock_drop(&b->lock);
}

int
backups_read(struct backups *b, int64_t file, int64_t offset, void *p, size_t n, size_t *ret_n)
{
	char path[PINS_PATH];
	int fd;
	snprintf(path, sizeof(path), "%s/%" PRId64, b->dir, file);
	int err = fs_open(path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	err = fs_pread_some(fd, p, n, offset, ret_n);
	fs_close(&fd);
	return err;
}

int
backups_end(struct backups *b, uint64_t session, struct str id)
{
	lock_take(&b->lock);
	bool found = is_that(b, session, id);
	if (found)
		let_end(b);
	lock_drop(&b->lock);
	return found ? 0 : ERR_NOTFOUND;
}

void
backups_forget(struct backups *b, uint64_t session)
{
	if (b == NULL || atomic_load(&b->session) != session)
		return;
	lock_take(&b->lock);
	if (atomic_load(&b->session) == session)
		let_end(b);
	lock_drop(&b->lock);
}
