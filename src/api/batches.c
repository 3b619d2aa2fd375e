/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a client sent to what the log takes. The fault of a batch becomes
 * the code that Kafka has for it; where one record is at fault it is named.
 */
#include "api/batches.h"

#include "base/clock.h"
#include "base/err.h"
#include "meta/image.h"
#include "wire/batch.h"

#define DECOMPRESSED_MIN	(64u << 20)

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

static enum kerr
refuse(struct request *rq, enum batch_fault fault, const struct batch_info *info,
    struct produce_rsp_partition *answer)
{
	answer->error_message = str_from(batch_fault_text(fault));
	if (info->bad_record >= 0) {
		struct produce_rsp_record_error *e = WIRE_ADD(rq->arena, answer->record_errors,
		    produce_rsp_record_error);
		e->batch_index = info->bad_record;
		e->batch_index_error_message = answer->error_message;
	}
	return kerr_of_fault(fault);
}

enum kerr
batches_accept(struct request *rq, const struct image_topic *topic, const struct pieces *records,
    const uint8_t **ret_batch, size_t *ret_n, struct produce_rsp_partition *answer)
{
	const struct topic_config *c = &topic->config;
	struct batch_info info = { .bad_record = -1 };
	if (records->n != 1 || records->v[0].n == 0)
		return refuse(rq, BATCH_FAULT_SHORT, &info, answer) == KERR_NONE ? KERR_NONE : KERR_INVALID_RECORD;
	uint8_t *p = (uint8_t *)(uintptr_t)records->v[0].p; /* the frame, ours while we look */
	size_t n = records->v[0].n;
	struct batch_rules rules = { .max_bytes = c->max_message_bytes,
		.need_key = (c->log.cleanup & LOG_CLEANUP_COMPACT) != 0,
		.zstd = request_flag(rq, FLAG_produce_zstd), .now_ms = clock_wall_ms(),
		.before_max_ms = c->append_time ? -1 : c->timestamp_before_max_ms,
		.after_max_ms = c->append_time ? -1 : c->timestamp_after_max_ms,
		.decompressed_max = n * 16 > DECOMPRESSED_MIN ? n * 16 : DECOMPRESSED_MIN };
	enum batch_fault fault = batch_check(p, n, &rules, &info);
	if (fault != BATCH_FINE)
		return refuse(rq, fault, &info, answer);
	if (info.transactional) {
		answer->error_message = STR("transactions are not supported");
		return KERR_INVALID_REQUEST;
	}
	if (c->append_time)
		batch_set_append_time(p, n, rules.now_ms);
	else
		batch_set_create_time(p, n, info.max_timestamp);
	*ret_batch = p;
	*ret_n = n;
	return KERR_NONE;
}
