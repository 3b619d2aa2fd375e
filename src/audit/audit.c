/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue with a bound in bytes, and one thread. What the thread has taken stays `pending` until it
 * stands in the file, and is numbered and chained anew with each try, so that a failure leaves no
 * number out. Room is given back when a line is written, not when it is taken.
 */
#include "audit/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/file.h"
#include "audit/journal.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/worker.h"
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define BATCH_BYTES	(256u << 10)
#define RETRY_MS	1000u
#define KEEP_NS		NS_PER_SEC
#define TELL_NS		(3600 * NS_PER_SEC)

enum item_kind { ITEM_LINE, ITEM_OPEN };

struct audit_item {
	struct audit_item *next;
	enum item_kind kind;
	const char *found;		/* OPEN: what was wrong with the file; NULL: nothing */
	bool starts;			/* OPEN: of the broker, not only of a file */
	int64_t wall_ms;
	size_t n;
	char body[];
};

struct audit {
	struct audit_config config;
	struct lock lock;
	pthread_cond_t wake;
	struct audit_item *head, **tail;
	size_t used;			/* bytes that are queued, pending, or promised */
	bool stop, stopped, reopen, failing;
	uint64_t lost;			/* that no gap tells of yet */
	struct audit_status status;
	pthread_t thread;

	/* The writer's own. */
	struct audit_file file;
	struct audit_item *pending, **pending_tail;
	struct audit_head chain;
	struct buf out;
	bool told_copy, told_keep, wrote;
	uint64_t synced_due, kept_due, told_due, opened_due;	/* monotonic; 0: nothing to do */
	struct audit_head synced;
};

/* ---- lines of those who call ---- */

static struct audit_item *
item_create(enum item_kind kind, struct str body)
{
	struct audit_item *i = mem_zalloc(sizeof(*i) + body.n);
	i->kind = kind;
	i->n = body.n;
	if (body.n > 0)
		memcpy(i->body, body.p, body.n);
	return i;
}

void
audit_lines_add(struct audit_lines *lines, struct str body)
{
	struct audit_item *i = item_create(ITEM_LINE, body);
	if (lines->first == NULL)
		lines->tail = &lines->first;
	*lines->tail = i;
	lines->tail = &i->next;
	lines->bytes += sizeof(*i) + i->n;
	lines->n++;
}

static void
free_items(struct audit_item *i)
{
	for (struct audit_item *next; i != NULL; i = next) {
		next = i->next;
		mem_free(i);
	}
}

/* One that is larger than the queue passes where that is empty. */
static bool
fits(const struct audit *a, size_t bytes, size_t max)
{
	return !(a->failing && a->status.refuse) && (a->used == 0 || a->used + bytes <= max);
}

int
audit_admit(struct audit *a, struct audit_lines *lines)
{
	lock_take(&a->lock);
	lines->admitted = !a->stopped && fits(a, lines->bytes, a->config.queue_bytes);
	bool may = lines->admitted || a->stopped || !a->status.refuse;
	if (lines->admitted)
		a->used += lines->bytes;
	lock_drop(&a->lock);
	return may ? 0 : ERR_AGAIN;
}

static void
lose(struct audit *a, uint64_t n)
{
	a->lost += n;
	a->status.lost += n;
}

/* Locked. */
static void
enqueue(struct audit *a, struct audit_lines *lines)
{
	int64_t now = clock_wall_ms();
	for (struct audit_item *i = lines->first; i != NULL; i = i->next)
		i->wall_ms = now;
	if (lines->first == NULL)
		return;
	*a->tail = lines->first;
	a->tail = lines->tail;
	lines->first = NULL;
	pthread_cond_signal(&a->wake);
}

void
audit_send(struct audit *a, struct audit_lines *lines)
{
	lock_take(&a->lock);
	if (lines->admitted && !a->stopped)
		enqueue(a, lines);
	else if (!a->stopped)
		lose(a, lines->n);
	lock_drop(&a->lock);
	free_items(lines->first);
	memset(lines, 0, sizeof(*lines));
}

void
audit_drop(struct audit *a, struct audit_lines *lines)
{
	if (lines->admitted) {
		lock_take(&a->lock);
		a->used -= lines->bytes;
		lock_drop(&a->lock);
	}
	free_items(lines->first);
	memset(lines, 0, sizeof(*lines));
}

int
audit_done(struct audit *a, struct str body)
{
	struct audit_lines lines = { .first = NULL };
	audit_lines_add(&lines, body);
	int err = audit_admit(a, &lines);
	if (err == 0)
		audit_send(a, &lines);
	else
		audit_drop(a, &lines);
	return err;
}

void
audit_refused(struct audit *a, struct str body)
{
	struct audit_lines lines = { .first = NULL };
	audit_lines_add(&lines, body);
	lock_take(&a->lock);
	if (!a->stopped && a->used + lines.bytes <= a->config.queue_bytes / 2) {
		a->used += lines.bytes;
		enqueue(a, &lines);
	} else if (!a->stopped)
		lose(a, 1);
	lock_drop(&a->lock);
	free_items(lines.first);
}

bool
audit_must_refuse(struct audit *a)
{
	lock_take(&a->lock);
	bool must = a->failing && a->status.refuse;
	lock_drop(&a->lock);
	return must;
}

void
audit_set_refuse(struct audit *a, bool refuse)
{
	lock_take(&a->lock);
	a->status.refuse = refuse;
	lock_drop(&a->lock);
}

void
audit_reopen(struct audit *a)
{
	lock_take(&a->lock);
	a->reopen = true;
	pthread_cond_signal(&a->wake);
	lock_drop(&a->lock);
}

void
audit_status(struct audit *a, struct audit_status *ret)
{
	lock_take(&a->lock);
	*ret = a->status;
	ret->failing = a->failing;
	lock_drop(&a->lock);
}

const char *
audit_path(const struct audit *a)
{
	return a->config.file;
}

/* ---- the writer ---- */

static void
push_first(struct audit *a, struct audit_item *i)
{
	i->next = a->pending;
	a->pending = i;
	if (i->next == NULL)
		a->pending_tail = &i->next;
}

static void
push_open(struct audit *a, bool starts, const char *found)
{
	struct audit_item *i = item_create(ITEM_OPEN, STR(""));
	i->wall_ms = clock_wall_ms();
	i->starts = starts;
	i->found = found;
	push_first(a, i);
}

/* The members that verify.h reads stand first. */
static void
open_body(struct audit *a, const struct audit_item *i, const struct audit_head *head, struct record_out *r)
{
	char hash[AUDIT_HASH_TEXT];
	out_begin(r, AUDIT_OPEN);
	out_text(r, "prev", chain_hash_text(head->hash, hash));
	if (a->file.torn)
		out_text(r, "torn", chain_hash_text(a->file.torn_hash, hash));
	out_text(r, "version", PACKAGE_VERSION);
	out_text(r, "why", i->starts ? "start" : "file");
	if (i->found != NULL)
		out_text(r, "found", i->found);
}

static int
seal(struct audit *a, const struct audit_item *i, struct audit_head *head)
{
	struct record_out r;
	if (i->kind == ITEM_LINE)
		return chain_seal(head, i->wall_ms, (struct str){ i->body, i->n }, &a->out);
	open_body(a, i, head, &r);
	int err = chain_seal(head, i->wall_ms, out_end(&r), &a->out);
	out_free(&r);
	return err;
}

static void
copy_lines(struct audit *a, struct str lines, int64_t wall_ms)
{
	while (lines.n > 0) {
		const char *end = memchr(lines.p, '\n', lines.n);
		size_t n = end == NULL ? lines.n : (size_t)(end + 1 - lines.p);
		if (a->config.copy != NULL)
			a->config.copy(a->config.arg, (struct str){ lines.p, n }, wall_ms);
		if (a->config.journal != NULL && journal_send(a->config.journal, (struct str){ lines.p, n - 1 }) != 0 &&
		    !a->told_copy) {
			a->told_copy = true;
			ev_warn(a->config.ev, "audit: a line could not be copied to journald; the file has it (told once)");
		}
		lines.p += n;
		lines.n -= n;
	}
}

/* The first n of what is pending stand in the file. */
static void
settle(struct audit *a, unsigned n)
{
	size_t bytes = 0;
	for (; n > 0 && a->pending != NULL; n--) {
		struct audit_item *i = a->pending;
		a->pending = i->next;
		bytes += i->kind == ITEM_LINE ? sizeof(*i) + i->n : 0;
		mem_free(i);
	}
	if (a->pending == NULL)
		a->pending_tail = &a->pending;
	lock_take(&a->lock);
	a->used -= bytes < a->used ? bytes : a->used;
	a->status.written = a->chain;
	lock_drop(&a->lock);
}

static void
fails(struct audit *a, int err)
{
	lock_take(&a->lock);
	bool before = a->failing, refuse = a->status.refuse;
	a->failing = true;
	lock_drop(&a->lock);
	if (!before)
		ev_err(a->config.ev, "audit: %s cannot be written: %s; %s", a->config.file, err_text(err), refuse
		    ? "changes and logins are refused until it can (audit.failure: refuse)"
		    : "what happens is counted until it can (audit.failure: count)");
}

static void
works(struct audit *a)
{
	lock_take(&a->lock);
	bool before = a->failing;
	a->failing = false;
	lock_drop(&a->lock);
	if (before)
		ev_notice(a->config.ev, "audit: %s is written again", a->config.file);
}

/* What is missing is told of before what follows. */
static void
tell_gap(struct audit *a)
{
	struct record_out r;
	lock_take(&a->lock);
	uint64_t lost = a->failing ? 0 : a->lost;
	a->lost -= lost;
	lock_drop(&a->lock);
	if (lost == 0)
		return;
	out_begin(&r, AUDIT_GAP);
	out_int(&r, "lost", (int64_t)lost);
	struct audit_item *i = item_create(ITEM_LINE, out_end(&r));
	i->wall_ms = clock_wall_ms();
	*a->pending_tail = i;
	a->pending_tail = &i->next;
	lock_take(&a->lock);
	a->used += sizeof(*i) + i->n;
	lock_drop(&a->lock);
	out_free(&r);
	ev_warn(a->config.ev, "audit: %" PRIu64 " lines could not be written; a line says so", lost);
}

/* After half a line that could not be taken away, what follows begins with saying so. */
static void
mend_torn(struct audit *a)
{
	if (a->file.torn && (a->pending == NULL || a->pending->kind != ITEM_OPEN))
		push_open(a, false, NULL);
}

/* The first n lines that were to be written behind `skip` bytes. The chain is at the last of them: not as it would be
 * sealed now, but as it stands there. */
static struct str
first_lines(struct audit *a, size_t skip, unsigned n)
{
	struct str lines = { (const char *)a->out.p + skip, 0 };
	for (; n > 0; n--) {
		struct chain_line l;
		struct str line = { lines.p + lines.n, 0 };
		while (line.p[line.n] != '\n')
			line.n++;
		lines.n += line.n + 1;
		if (n > 1 || chain_line_parse(line, &l) != 0)
			continue;
		a->chain.seq = l.seq;
		memcpy(a->chain.hash, l.hash, AUDIT_HASH);
	}
	return lines;
}

/* The first n of what is pending are lines of the file now, and are to be synced. */
static void
stands(struct audit *a, unsigned n, struct str lines, int64_t wall_ms)
{
	settle(a, n);
	if (a->synced_due == 0)
		a->synced_due = clock_mono_ns() + a->config.sync_ns;
	copy_lines(a, lines, wall_ms);
}

/* As many as make one batch. False: they could not be written. */
static bool
write_batch(struct audit *a)
{
	struct audit_head head = a->chain;
	unsigned n = 0, whole;
	int64_t wall_ms = clock_wall_ms();
	a->out.n = 0;
	if (a->file.new_line)
		(void)buf_add(&a->out, "\n", 1);
	size_t skip = a->out.n;
	for (const struct audit_item *i = a->pending; i != NULL && a->out.n < BATCH_BYTES; i = i->next, n++)
		if (seal(a, i, &head) != 0)
			break;
	int64_t before = a->file.size;
	int err = audit_file_append(&a->file, buf_str(&a->out), &whole);
	a->wrote = a->wrote || err == 0 || a->file.size != before;
	if (err == 0) {
		a->chain = head;
		stands(a, n, (struct str){ (const char *)a->out.p + skip, a->out.n - skip }, wall_ms);
		return true;
	}
	whole -= whole > 0 && skip > 0; /* what only ends a line that was torn before is no line of ours */
	if (whole > 0)
		stands(a, whole, first_lines(a, skip, whole), wall_ms);
	fails(a, err);
	return false;
}

static void
sync_file(struct audit *a)
{
	int err = fs_sync(a->file.fd);
	a->synced_due = 0;
	if (err != 0) {
		/* The pages are gone: what the file has is known when it is read again. */
		ev_err(a->config.ev, "audit: %s could not be synced: %s", a->config.file, err_text(err));
		fails(a, err);
		push_open(a, false, "lines before this one may be lost: the disk did not take them");
		return;
	}
	a->synced = a->chain;
	if (a->kept_due == 0)
		a->kept_due = clock_mono_ns() + KEEP_NS;
}

static void
keep_head(struct audit *a, bool ended)
{
	struct audit_kept kept = { a->synced, ended };
	a->kept_due = 0;
	int err = a->config.keep == NULL ? 0 : a->config.keep(a->config.arg, &kept);
	if (err != 0 && !a->told_keep)
		ev_err(a->config.ev, "audit: the head of the chain could not be kept: %s (told once until it can)", err_text(err));
	a->told_keep = err != 0;
	if (err != 0) {
		a->kept_due = clock_mono_ns() + KEEP_NS;
		return;
	}
	lock_take(&a->lock);
	a->status.kept = kept;
	lock_drop(&a->lock);
}

static void
tell_head(struct audit *a, uint64_t now)
{
	char text[AUDIT_HEAD_TEXT];
	if (a->told_due != 0 && a->chain.seq > 0)
		ev_notice(a->config.ev, "audit: the chain is at %s", chain_head_text(&a->chain, text));
	a->told_due = now + TELL_NS;
}

static void
open_again(struct audit *a)
{
	struct audit_file next = { .fd = -1 };
	bool told = a->opened_due != 0;
	a->opened_due = 0;
	if (a->file.fd < 0 || !audit_file_moved(&a->file)) /* one that never was opened is when lines are written */
		return;
	int err = audit_file_open(&next, a->config.file);
	if (err != 0) {
		if (!told)
			ev_err(a->config.ev, "audit: %s cannot be opened: %s; the old file is written on until it can",
			    a->config.file, err_text(err));
		a->opened_due = clock_mono_ns() + RETRY_MS * NS_PER_MS;
		return;
	}
	if (told)
		ev_notice(a->config.ev, "audit: %s could be opened", a->config.file);
	if (a->synced_due != 0)
		sync_file(a);
	audit_file_close(&a->file);
	a->file = next;
	push_open(a, false, NULL);
}

/* Opens the file for the first time: where its chain goes on, and what is wrong with it. */
static int
go_on(struct audit *a)
{
	struct audit_tail tail;
	int err = audit_file_open(&a->file, a->config.file);
	if (err == 0)
		err = audit_file_tail(&a->file, a->config.kept.head.seq, &tail);
	if (err != 0) {
		audit_file_close(&a->file);
		return err;
	}
	const char *found = audit_file_resume(&tail, &a->config.kept, &a->chain);
	if (found != NULL)
		ev_err(a->config.ev, "audit: %s is not as the broker left it: %s; schlossctl audit verify tells the place",
		    a->config.file, found);
	a->file.torn = a->file.torn && found == NULL; /* or the opening would excuse what somebody put there */
	push_open(a, true, found);
	if (a->config.kept.ended && a->config.keep != NULL) /* before a line is, or a crash would leave one too many */
		(void)a->config.keep(a->config.arg, &(struct audit_kept){ a->config.kept.head, false });
	return 0;
}

static void
write_pending(struct audit *a)
{
	int err = a->file.fd < 0 ? go_on(a) : 0;
	if (err != 0) {
		fails(a, err);
		return;
	}
	do {
		mend_torn(a);
		if (!write_batch(a))
			return;
		works(a);
		tell_gap(a);
	} while (a->pending != NULL);
}

/* Until when there is nothing to do, ms; 0: there is. */
static unsigned
idle_ms(const struct audit *a, uint64_t now)
{
	uint64_t due = a->told_due;
	if (a->synced_due != 0 && a->synced_due < due)
		due = a->synced_due;
	if (a->kept_due != 0 && a->kept_due < due)
		due = a->kept_due;
	if (a->opened_due != 0 && a->opened_due < due)
		due = a->opened_due;
	uint64_t ms = due <= now ? 0 : (due - now) / NS_PER_MS + 1;
	if (a->failing && ms > RETRY_MS)
		ms = RETRY_MS;
	return (unsigned)(ms > 3600000 ? 3600000 : ms);
}

static void
take_queue(struct audit *a)
{
	*a->pending_tail = a->head;
	if (a->head != NULL)
		a->pending_tail = a->tail;
	a->head = NULL;
	a->tail = &a->head;
}

static void
turn(struct audit *a, bool reopen)
{
	if (reopen || (a->opened_due != 0 && a->opened_due <= clock_mono_ns()))
		open_again(a);
	if (a->pending != NULL)
		write_pending(a);
	else if (!a->failing)
		tell_gap(a);
	else if (a->file.fd < 0)
		write_pending(a);
	uint64_t now = clock_mono_ns();
	if (a->synced_due != 0 && a->synced_due <= now)
		sync_file(a);
	if (a->kept_due != 0 && a->kept_due <= now)
		keep_head(a, false);
	if (a->told_due <= now)
		tell_head(a, now);
}

static void *
work(void *arg)
{
	struct audit *a = arg;
	lock_take(&a->lock);
	for (;;) {
		unsigned ms = idle_ms(a, clock_mono_ns());
		bool waits = a->head == NULL && (a->pending == NULL || a->failing) && !a->stop && !a->reopen &&
		    (a->lost == 0 || a->failing);
		if (waits && ms > 0)
			(void)lock_wait_ms(&a->lock, &a->wake, ms);
		bool stop = a->stop, reopen = a->reopen;
		a->reopen = false;
		take_queue(a);
		lock_drop(&a->lock);
		turn(a, reopen);
		lock_take(&a->lock);
		if (stop)
			break;
	}
	lock_drop(&a->lock);
	return NULL;
}

/* ---- start and stop ---- */

/* Where nothing was written the file ends as it did. */
static bool
has_ended(const struct audit *a)
{
	return a->wrote ? a->pending == NULL : a->config.kept.ended;
}

int
audit_open(const struct audit_config *config, struct audit **ret, struct why *why)
{
	struct audit *a = MEM_NEW(struct audit);
	a->config = *config;
	a->status.refuse = config->refuse;
	a->status.kept = config->kept;
	a->synced = config->kept.head;
	a->file.fd = -1;
	a->tail = &a->head;
	a->pending_tail = &a->pending;
	buf_init(&a->out, BATCH_BYTES + 2 * AUDIT_LINE_MAX);
	lock_init(&a->lock, LOCK_AUDIT);
	lock_cond_init(&a->wake);
	write_pending(a);
	if (a->failing && config->refuse) {
		int err = why_set(why, ERR_IO, "audit.file: %s cannot be written (audit.failure: count starts all the same)", config->file);
		a->stopped = true;
		if (config->kept.ended)
			keep_head(a, has_ended(a));
		audit_free(&a);
		return err;
	}
	a->thread = thread_start("audit", work, a);
	*ret = a;
	return 0;
}

void
audit_close(struct audit *a)
{
	struct record_out r;
	if (a == NULL || a->stopped)
		return;
	out_begin(&r, AUDIT_CLOSE);
	(void)audit_done(a, out_end(&r));
	out_free(&r);
	lock_take(&a->lock);
	a->stop = a->stopped = true;
	pthread_cond_signal(&a->wake);
	lock_drop(&a->lock);
	pthread_join(a->thread, NULL);
	if (a->pending != NULL)
		ev_err(a->config.ev, "audit: lines could not be written before the end");
	if (a->synced_due != 0)
		sync_file(a);
	keep_head(a, has_ended(a));
}

void
audit_free(struct audit **audit)
{
	struct audit *a = *audit;
	if (a == NULL)
		return;
	audit_close(a);
	audit_file_close(&a->file);
	free_items(a->pending);
	free_items(a->head);
	buf_free(&a->out);
	pthread_cond_destroy(&a->wake);
	lock_free(&a->lock);
	mem_free(a);
	*audit = NULL;
}
