/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a client sent to what the log takes. The fault of a batch becomes
 * the code that Kafka has for it; where records are at fault they are named.
 *
 * Every batch is first checked on the loop with a small bound of output, until what the
 * loop may unpack for one request is used up. What proves larger is checked again, from the
 * start, by a worker: that costs it at most a bound's worth of work twice, and needs
 * no state between the two.
 */
#include "api/batches.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "meta/image.h"
#include "wire/batch_build.h"

#define DECOMPRESSED_MIN	(64u << 20)
#define AT_ONCE			(256u << 10)	/* output that a loop may stay for */

static const struct {
	enum batch_fault fault;
	enum kerr err;
} codes[] = {
	{ BATCH_FAULT_TOO_LARGE, KERR_MESSAGE_TOO_LARGE },
	{ BATCH_FAULT_BOMB, KERR_MESSAGE_TOO_LARGE },
	{ BATCH_FAULT_OLD_MAGIC, KERR_UNSUPPORTED_FOR_MESSAGE_FORMAT },
	{ BATCH_FAULT_CRC, KERR_CORRUPT_MESSAGE },
	{ BATCH_FAULT_SHORT, KERR_CORRUPT_MESSAGE },
	{ BATCH_FAULT_MAGIC, KERR_CORRUPT_MESSAGE },
	{ BATCH_FAULT_COMPRESSED, KERR_CORRUPT_MESSAGE },
	{ BATCH_FAULT_CODEC, KERR_UNSUPPORTED_COMPRESSION_TYPE },
	{ BATCH_FAULT_ZSTD_VERSION, KERR_UNSUPPORTED_COMPRESSION_TYPE },
	{ BATCH_FAULT_TIMESTAMP, KERR_INVALID_TIMESTAMP },
};

static enum kerr
kerr_of_fault(enum batch_fault fault)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].fault == fault)
			return codes[i].err;
	return KERR_INVALID_RECORD;
}

static void
name_record(struct request *rq, int32_t record, enum batch_fault fault, struct produce_rsp_partition *answer)
{
	struct produce_rsp_record_error *e = WIRE_ADD(rq->arena, answer->record_errors,
	    produce_rsp_record_error);
	e->batch_index = record;
	e->batch_index_error_message = str_from(batch_fault_text(fault));
}

static enum kerr
refuse(struct request *rq, struct intake *in, enum batch_fault fault, struct produce_rsp_partition *answer)
{
	struct batch_info *info = &in->info;
	answer->error_message = str_from(batch_fault_text(fault));
	if (info->bad_record >= 0)
		name_record(rq, info->bad_record, info->bad_n > 0 ? info->bad[0].fault : fault, answer);
	for (int32_t i = 1; i < info->bad_n && *in->nameable > 0; i++, (*in->nameable)--)
		name_record(rq, info->bad[i].record, info->bad[i].fault, answer);
	return kerr_of_fault(fault);
}

static void
drop_buffers(void *object)
{
	struct intake *in = object;
	buf_free(&in->recoded);
	mem_free(in->info.bad);
	in->info.bad = NULL;
}

/* Again, by a worker, where the bound was too small: the first look's list goes. */
static void
look(struct intake *in)
{
	mem_free(in->info.bad);
	in->fault = batch_check(in->batch, in->n, &in->rules, &in->info);
}

/* On the loop. A compressed batch that there is no room for is taken for a large one. */
static void
look_at_once(struct intake *in)
{
	bool packed = in->n >= BATCH_HEAD && batch_codec_of(in->batch) != BATCH_NONE;
	if (packed && *in->at_once == 0) {
		in->fault = BATCH_FAULT_BOMB;
		return;
	}
	if (packed && *in->at_once < AT_ONCE)
		in->rules.decompressed_max = *in->at_once;
	look(in);
	*in->at_once -= in->info.unpacked < *in->at_once ? in->info.unpacked : *in->at_once;
}

/* The batch as it goes into the log; err is set. */
static void
finish(struct request *rq, struct intake *in, struct produce_rsp_partition *answer)
{
	in->err = KERR_NONE;
	if (in->fault != BATCH_FINE) {
		in->err = refuse(rq, in, in->fault, answer);
		return;
	}
	if (in->info.transactional) {
		answer->error_message = STR("transactions are not supported");
		in->err = KERR_INVALID_REQUEST;
		return;
	}
	uint8_t *p = (uint8_t *)(uintptr_t)in->batch; /* the frame's, or a copy: ours while we look */
	if (in->append_time)
		batch_set_append_time(p, in->n, in->rules.now_ms);
	else
		batch_set_create_time(p, in->n, in->info.max_timestamp);
}

bool
intake_begin(struct request *rq, const struct image_topic *topic, const struct pieces *records,
    struct intake *in, struct produce_rsp_partition *answer)
{
	const struct topic_config *c = &topic->config;
	in->info.bad_record = -1;
	if (records->n != 1 || records->v[0].n == 0) {
		(void)refuse(rq, in, BATCH_FAULT_SHORT, answer);
		in->err = KERR_INVALID_RECORD;
		return true;
	}
	in->batch = records->v[0].p;
	in->n = records->v[0].n;
	in->append_time = c->append_time;
	in->rules = (struct batch_rules){ .max_bytes = c->max_message_bytes,
		.need_key = (c->log.cleanup & LOG_CLEANUP_COMPACT) != 0,
		.zstd = request_flag(rq, FLAG_produce_zstd), .now_ms = clock_wall_ms(),
		.before_max_ms = c->append_time ? -1 : c->timestamp_before_max_ms,
		.after_max_ms = c->append_time ? -1 : c->timestamp_after_max_ms,
		.decompressed_max = AT_ONCE, .bad_max = INTAKE_NAMEABLE };
	look_at_once(in);
	if (in->info.bad != NULL)
		arena_link(rq->arena, drop_buffers, in);
	bool large = in->fault == BATCH_FAULT_BOMB;
	in->codec = (enum batch_codec)(c->compression - TOPIC_UNCOMPRESSED);
	in->recode = (large || in->fault == BATCH_FINE) && c->compression != TOPIC_PRODUCER &&
	    batch_codec_of(in->batch) != in->codec;
	if (large || in->recode)
		return false;
	finish(rq, in, answer);
	return true;
}

void
intake_keep(struct request *rq, struct intake *in)
{
	uint8_t *copy = arena_alloc(rq->arena, in->n);
	memcpy(copy, in->batch, in->n);
	in->batch = copy;
	rq->beside += in->n;
}

/* On a worker. */
static void
work(struct job *job)
{
	struct intake *in = CONTAINER_OF(job, struct intake, job);
	uint64_t start = clock_thread_cpu_ns();
	size_t bound = in->n * 16 > DECOMPRESSED_MIN ? in->n * 16 : DECOMPRESSED_MIN;
	in->rules.decompressed_max = bound;
	look(in);
	if (in->fault == BATCH_FINE && in->recode) {
		buf_init(&in->recoded, 2 * bound);
		int err = batch_recode(in->batch, in->n, in->codec, bound, &in->recoded);
		in->batch = in->recoded.p;
		in->n = in->recoded.n;
		if (err != 0 || in->n > (size_t)in->rules.max_bytes)
			in->fault = BATCH_FAULT_TOO_LARGE;
	}
	in->cpu_ns = clock_thread_cpu_ns() - start;
	in->done(in);
}

void
intake_submit(struct request *rq, struct intake *in, void (*done)(struct intake *intake))
{
	in->done = done;
	in->job.run = work;
	arena_link(rq->arena, drop_buffers, in);
	if (workers_submit(rq->core->workers, &in->job) != 0)
		work(&in->job);
}

void
intake_end(struct request *rq, struct intake *in, struct produce_rsp_partition *answer)
{
	rq->cpu_ns += in->cpu_ns;
	finish(rq, in, answer);
}
