/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "base/buf.h"
#include "wire/batch.h"

struct image_topic;

/*
 * One partition's batch on its way from the frame to the log: checked by the
 * topic's rules, with another codec where the topic has one, LogAppendTime set.
 * In the request's arena. What takes long (much to decompress, a codec to
 * change) is left to a worker; its time is billed to the request.
 */
struct intake {
	const uint8_t *batch;		/* to be appended, once err is KERR_NONE */
	size_t n;
	enum kerr err;

	void *owner;			/* of done() */
	int32_t *nameable;		/* how many more bad records the answer may name */
	size_t *at_once;		/* bytes that the loop may still unpack for the request */

	/* Private. */
	struct job job;
	void (*done)(struct intake *intake);
	struct batch_rules rules;
	struct batch_info info;
	enum batch_fault fault;
	bool append_time, recode;
	enum batch_codec codec;		/* where recode */
	struct buf recoded;
	uint64_t cpu_ns;
};

/* Records at fault that the answer to one request names at most: a bad record is 7 bytes,
 * its error ten times as much. Each batch names its first, whatever is left. */
#define INTAKE_NAMEABLE	1000

/* What the loop unpacks for one request. A batch of 100 bytes may unpack to more than the
 * loop may stay for; there is room for a million of those in a request. */
#define INTAKE_AT_ONCE	((size_t)4 << 20)

/* True: it is decided, err says how, and answer has the sentence and the records at
 * fault. False: intake_submit() is to follow. nameable and at_once are the caller's, set before. */
bool intake_begin(struct request *rq, const struct image_topic *topic, const struct pieces *records,
    struct intake *intake, struct produce_rsp_partition *answer);
/* The batch lies in the frame until then; from here on in the arena. */
void intake_keep(struct request *rq, struct intake *intake);
/* Has a worker do it, or does it now where too much waits already. done() is called
 * once, on any thread; it may only wake. The request must live until then. */
void intake_submit(struct request *rq, struct intake *intake, void (*done)(struct intake *intake));
/* After done(), on the request's loop: err and the answer as from intake_begin(). */
void intake_end(struct request *rq, struct intake *intake, struct produce_rsp_partition *answer);
