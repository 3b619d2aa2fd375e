/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FindCoordinator: it is always this broker, at the address that the client is told
 * of it (told.h). Coordinators of transactions and of share groups do not exist; that
 * is said after the permission was asked, so it tells nothing to strangers.
 */
#include "api/authorize.h"
#include "api/request.h"
#include "api/told.h"

enum { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2 };

static enum kerr
check(struct request *rq, int8_t type, struct name key, struct str *ret_why)
{
	enum kerr err = type == KEY_TRANSACTION ? may_txn(rq, key) : may_group(rq, key);
	if (err != KERR_NONE || type == KEY_GROUP)
		return err;
	*ret_why = type == KEY_TRANSACTION ? STR("transactions are not supported")
	    : type == KEY_SHARE ? STR("share groups are not supported") : STR("unknown type of coordinator");
	return KERR_INVALID_REQUEST;
}

enum api_turn
api_find_coordinator(struct request *rq, const void *vin, void *vout)
{
	const struct find_coordinator_req *in = vin;
	struct find_coordinator_rsp *out = vout;
	struct core_endpoint told = request_told(rq);
	struct str why = STR_NULL;
	if (!request_flag(rq, FLAG_find_coordinator_batched)) {
		out->error_code = (int16_t)check(rq, in->key_type, in->key, &why);
		bool found = out->error_code == KERR_NONE;
		out->error_message = why;
		out->node_id = found ? rq->core->settings.node_id : -1;
		out->host = found ? told.host : STR("");
		out->port = found ? told.port : -1;
		return API_ANSWER;
	}
	ARRAY_FOREACH(const struct name, key, in->coordinator_keys) {
		struct find_coordinator_rsp_coordinator *c = WIRE_ADD(rq->arena, out->coordinators,
		    find_coordinator_rsp_coordinator);
		why = STR_NULL;
		c->key = *key;
		c->error_code = (int16_t)check(rq, in->key_type, *key, &why);
		bool found = c->error_code == KERR_NONE;
		c->error_message = why;
		c->node_id = found ? rq->core->settings.node_id : -1;
		c->host = found ? told.host : STR("");
		c->port = found ? told.port : -1;
	}
	return API_ANSWER;
}
