/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InitProducerId for idempotent producers: a number that nobody was given
 * before. Numbers come from the metadata in blocks; what is left of one lies in
 * one word (the next number and how many), taken without a lock. Of two requests that
 * fetch a block together the later one's is kept: numbers may be lost, never
 * given twice. Transactions are refused, after the gate.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "meta/tree.h"

#define LEFT_BITS 10
#define LEFT_MAX ((1 << LEFT_BITS) - 1)

static int64_t
take(_Atomic uint64_t *ids)
{
	uint64_t had = atomic_load(ids), next;
	do {
		if ((had & LEFT_MAX) == 0)
			return -1;
		next = (((had >> LEFT_BITS) + 1) << LEFT_BITS) | ((had & LEFT_MAX) - 1);
	} while (!atomic_compare_exchange_weak(ids, &had, next));
	return (int64_t)(had >> LEFT_BITS);
}

static enum api_turn
got_block(struct request *rq)
{
	struct producer_block *b = rq->state;
	struct init_producer_id_rsp *out = rq->out;
	if (b->change.result != CHANGE_OK || b->ret_count < 1) {
		out->error_code = KERR_COORDINATOR_NOT_AVAILABLE; /* clients try again */
		return API_ANSWER;
	}
	int64_t left = b->ret_count - 1 < LEFT_MAX ? b->ret_count - 1 : LEFT_MAX;
	out->producer_id = b->ret_first;
	out->producer_epoch = 0;
	atomic_store(&rq->core->producer_ids, ((uint64_t)(b->ret_first + 1) << LEFT_BITS) | (uint64_t)left);
	return API_ANSWER;
}

enum api_turn
api_init_producer_id(struct request *rq, const void *vin, void *vout)
{
	const struct init_producer_id_req *in = vin;
	struct init_producer_id_rsp *out = vout;
	out->producer_epoch = -1; /* as in Kafka, where there is an error */
	if (in->transactional_id.s.p != NULL) {
		enum kerr err = may_txn(rq, in->transactional_id);
		out->error_code = (int16_t)(err != KERR_NONE ? err : KERR_INVALID_REQUEST);
		return API_ANSWER;
	}
	out->error_code = (int16_t)may_cluster(rq);
	if (out->error_code == KERR_NONE && in->producer_id < 0 && in->producer_epoch >= 0)
		out->error_code = KERR_INVALID_REQUEST;
	if (out->error_code != KERR_NONE)
		return API_ANSWER;
	out->producer_id = take(&rq->core->producer_ids);
	if (out->producer_id >= 0) {
		out->producer_epoch = 0;
		return API_ANSWER;
	}
	struct producer_block *b = rq->state = arena_zalloc(rq->arena, sizeof(*b));
	producer_block_init(b);
	return change_submit(rq, &b->change, got_block);
}
