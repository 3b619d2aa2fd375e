/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BackupBegin, BackupRead, BackupEnd: the gate, and from there to backups.c. Files are read by jobs off the loop, a
 * bounded piece each. Nobody names a path: what may be read is what the backup holds, by numbers.
 */
#include "config.h"

#include "api/auditing.h"
#include "api/authorize.h"
#include "api/backups.h"
#include "api/own.h"
#include "api/session.h"
#include "base/err.h"

#define READ_MAX (1 << 20)

/* The keys of all users are in it. */
static enum kerr
may_back_up(struct request *rq, struct str *ret_message)
{
	enum kerr err = may_cluster(rq);
	if (err == KERR_NONE && rq->core->backups == NULL)
		return KERR_RESOURCE_NOT_FOUND;
	if (err != KERR_NONE || own_may_have_keys(rq->session))
		return err;
	*ret_message = STR("a backup, which has the keys of users in it, is taken over TLS, by who has logged in by his own credential");
	return KERR_CLUSTER_AUTHORIZATION_FAILED;
}

static enum kerr
gone(struct str *ret_message)
{
	*ret_message = STR("there is no such backup: its connection was closed, or nobody has read for a minute");
	return KERR_RESOURCE_NOT_FOUND;
}

static void
tell(struct request *rq, const struct backup_state *s, struct backup_begin_rsp *out)
{
	const struct image_tenant *it = image_tenant(rq->image, 0);
	if (s->err != 0) {
		out->error_code = KERR_KAFKA_STORAGE_ERROR;
		out->error_message = arena_str(rq->arena, str_from(s->why.text));
		return;
	}
	out->id = arena_str(rq->arena, str_from(s->id));
	out->ready = s->ready;
	out->done = s->done;
	out->total = s->total;
	out->cluster_id = it == NULL ? STR_NULL : arena_str(rq->arena, str_from(it->cluster_id));
	out->broker = STR(PACKAGE_VERSION);
	out->begun_ms = s->begun_ms;
	out->files = s->files;
	out->bytes = s->bytes;
	out->list_bytes = s->list_bytes;
}

static enum kerr
begin(struct request *rq, char ret_id[BACKUP_ID], struct str *ret_message)
{
	struct backups *b = rq->core->backups;
	uint64_t session = rq->session->number;
	int err = backups_begin(b, session, rq->session->principal.user.s, ret_id);
	if (err == ERR_AGAIN) {
		*ret_message = STR("the backup before is over, and what it has held is still being removed: ask again");
		return KERR_REQUEST_TIMED_OUT;
	}
	if (err != 0) {
		*ret_message = STR("another backup is under way: one at a time");
		return KERR_DUPLICATE_RESOURCE;
	}
	if (auditing_backup(rq))
		return KERR_NONE;
	(void)backups_end(b, session, str_from(ret_id));	/* nothing of it was given */
	*ret_message = STR("it cannot be told of in the audit log, so it is not given (audit.failure: refuse)");
	return KERR_KAFKA_STORAGE_ERROR;
}

enum api_turn
api_backup_begin(struct request *rq, const void *vin, void *vout)
{
	const struct backup_begin_req *in = vin;
	struct backup_begin_rsp *out = vout;
	struct backup_state *s = arena_zalloc(rq->arena, sizeof(*s));
	char id[BACKUP_ID] = "";
	enum kerr err = may_back_up(rq, &out->error_message);
	if (err == KERR_NONE && in->id.p == NULL)
		err = begin(rq, id, &out->error_message);
	if (err == KERR_NONE && backups_look(rq->core->backups, rq->session->number, in->id.p == NULL ? str_from(id) : in->id, s) != 0)
		err = gone(&out->error_message);
	out->error_code = (int16_t)err;
	if (err == KERR_NONE)
		tell(rq, s, out);
	return API_ANSWER;
}

/* ---- reading ---- */

struct piece_job {
	struct job job;
	struct request *rq;
	int64_t file, offset;
	uint8_t *p;
	size_t n, got;
	int err;
};

static void
run(struct job *job)
{
	struct piece_job *j = CONTAINER_OF(job, struct piece_job, job);
	struct backups *b = j->rq->core->backups;
	j->err = backups_read(b, j->file, j->offset, j->p, j->n, &j->got);
	backups_let(b);
	request_wake(j->rq);
}

static enum api_turn
done(struct request *rq)
{
	struct backup_read_rsp *out = rq->out;
	const struct piece_job *j = rq->state;
	if (j->err == 0)
		out->data = (struct bytes){ j->p, j->got };
	else if (j->err == ERR_NOTFOUND) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = STR("there is no such file");
	} else {
		out->error_code = KERR_KAFKA_STORAGE_ERROR;
		out->error_message = str_from(err_text(j->err));
	}
	return API_ANSWER;
}

static enum kerr
hold(struct request *rq, const struct backup_read_req *in, struct str *ret_message)
{
	enum kerr denied = may_back_up(rq, ret_message);
	if (denied != KERR_NONE)
		return denied;
	if (in->file < 0 || in->offset < 0 || in->length < 0)
		return KERR_INVALID_REQUEST;
	int err = backups_hold(rq->core->backups, rq->session->number, in->id);
	if (err == ERR_AGAIN) {
		*ret_message = STR("it is not ready");
		return KERR_INVALID_REQUEST;
	}
	return err == 0 ? KERR_NONE : gone(ret_message);
}

enum api_turn
api_backup_read(struct request *rq, const void *vin, void *vout)
{
	const struct backup_read_req *in = vin;
	struct backup_read_rsp *out = vout;
	out->error_code = (int16_t)hold(rq, in, &out->error_message);
	if (out->error_code != 0)
		return API_ANSWER;
	struct piece_job *j = rq->state = arena_zalloc(rq->arena, sizeof(*j));
	*j = (struct piece_job){ .job = { .run = run }, .rq = rq, .file = in->file, .offset = in->offset,
		.n = in->length < READ_MAX ? (size_t)in->length : READ_MAX };
	j->p = arena_alloc(rq->arena, j->n + 1);
	if (workers_submit(rq->core->workers, &j->job) == 0)
		return request_park(rq, done, NULL, UINT64_MAX, false);
	backups_let(rq->core->backups);
	out->error_code = KERR_REQUEST_TIMED_OUT;
	return API_ANSWER;
}

enum api_turn
api_backup_end(struct request *rq, const void *vin, void *vout)
{
	const struct backup_end_req *in = vin;
	struct backup_end_rsp *out = vout;
	enum kerr err = may_back_up(rq, &out->error_message);
	if (err == KERR_NONE && backups_end(rq->core->backups, rq->session->number, in->id) != 0)
		err = gone(&out->error_message);
	out->error_code = (int16_t)err;
	return API_ANSWER;
}
