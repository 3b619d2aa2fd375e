/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acl/acl.h"
#include "wire/codec.h"
#include "wire/msg.h"

/*
 * The table of APIs (api.def), joined with the handlers; keys, versions and
 * messages are the schema's (wire/msg.h). Const: one for the process.
 */

struct request;

/* What a step of the pipeline, a handler, or its continuation decides. */
enum api_turn {
	API_NEXT,		/* pipeline only: go on with the next step */
	API_ANSWER,		/* rq->out is complete: encode and send it */
	API_WAIT,		/* parked: request_wake() or the deadline calls rq->resume */
	API_SILENT,		/* done, and the protocol has no response (acks=0) */
	API_RAW,		/* answered already: a raw token of the login */
	API_CLOSE,		/* close the connection, nothing more is sent */
};

/* The event loop that owns the connection runs it. `in` is decoded and stays as
 * long as the request, but for `records`, which are gone once the handler has
 * returned; `out` has its defaults set. */
typedef enum api_turn api_handler(struct request *rq, const void *in, void *out);

enum api_phase {
	API_PHASE_ANY,		/* before, during and after the login */
	API_PHASE_LOGIN,	/* until the login is complete, and to renew it */
	API_PHASE_READY,	/* after the login */
};

enum api_bill {
	API_BILL_NONE,
	API_BILL_PRODUCE,
	API_BILL_FETCH,
};

enum api_node {
	API_NODE_NONE,
	API_NODE_TENANT,	/* /T, what Kafka calls the cluster */
	API_NODE_ROOT,		/* /, the installation */
};

enum api_id {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node) API_ID_##name,
#define FLAG(api, name, lo, hi)
#include "api/api.def"
#undef API
#undef FLAG
	API_COUNT
};

enum api_flag {
#define API(name, upper, phase, bill, topic, group, txn, cluster, node)
#define FLAG(api, name, lo, hi) FLAG_##api##_##name,
#include "api/api.def"
#undef API
#undef FLAG
	FLAG_COUNT
};

struct api_row {
	enum api_phase phase;
	enum api_bill bill;
	enum acl_op topic, group, txn, cluster;	/* 0: none */
	enum api_node node;
	api_handler *handler;
};

/* The row of an API key, or NULL: then the API does not exist here. */
const struct api_row *api_find(int16_t key);

/* All rows, in the order of api.def. */
const struct api_row *api_row(enum api_id id);
/* Key, versions and messages of a row. */
const struct wire_api *api_wire(enum api_id id);

/* Whether a named difference holds for this version of its API. */
bool api_flag_holds(enum api_flag flag, int16_t version);

#define API(name, upper, phase, bill, topic, group, txn, cluster, node) \
	api_handler api_##name;
#define FLAG(api, name, lo, hi)
#include "api/api.def"
#undef API
#undef FLAG
