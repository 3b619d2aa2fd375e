/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata and DescribeCluster: this broker, at the address of the listener that
 * was used, and the caller's tenant as if it were a cluster of its own.
 *
 * A topic asked for by name that may not be seen is answered 29 whether it
 * exists or not; a list of all leaves it out in silence. Where topics are made
 * on first use, the making is submitted and the request waits for it: kinder
 * than an error that asks the client to come again.
 */
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "api/session.h"
#include "api/told.h"
#include "api/topics.h"
#include "base/mem.h"
#include "meta/topics.h"

#define NOT_ASKED INT32_MIN

enum { ENDPOINT_BROKER = 1, ENDPOINT_CONTROLLER = 2 }; /* KIP-919 */

struct auto_create {
	struct topics_create create;
	struct request *rq;
};

static void
add_broker(struct request *rq, struct metadata_rsp *out)
{
	struct metadata_rsp_broker *b = WIRE_ADD(rq->arena, out->brokers, metadata_rsp_broker);
	struct core_endpoint told = request_told(rq);
	b->node_id = rq->core->settings.node_id;
	b->host = told.host;
	b->port = told.port;
}

/* None where the tenant may not be described; the list of brokers is everybody's. */
static int32_t
cluster_operations(struct request *rq)
{
	if (!may_cluster_quietly(rq))
		return 0;
	return operations_on(rq, ACL_TENANT, NAME(request_tenant(rq), STR("")));
}

static void
fill_topic(struct request *rq, const struct metadata_req *in, const struct image_topic *t,
    struct metadata_rsp_topic *a)
{
	int32_t node = rq->core->settings.node_id;
	a->name = t->name;
	a->topic_id = t->id;
	a->is_internal = t->internal;
	if (in->include_topic_authorized_operations)
		a->topic_authorized_operations = operations_on(rq, ACL_TOPIC, t->name);
	for (int32_t i = 0; i < t->partitions; i++) {
		struct metadata_rsp_partition *p = WIRE_ADD(rq->arena, a->partitions, metadata_rsp_partition);
		p->partition_index = i;
		p->leader_id = node;
		p->leader_epoch = image_leader_epoch(rq->image, t, i);
		*ARRAY_ADD(rq->arena, p->replica_nodes) = node;
		*ARRAY_ADD(rq->arena, p->isr_nodes) = node;
		if (is_offline(rq, t, i))
			*ARRAY_ADD(rq->arena, p->offline_replicas) = node;
	}
}

static struct metadata_rsp_topic *
add_topic(struct request *rq, struct metadata_rsp *out)
{
	struct metadata_rsp_topic *a = WIRE_ADD(rq->arena, out->topics, metadata_rsp_topic);
	a->topic_authorized_operations = NOT_ASKED;
	return a;
}

static void
all_topics(struct request *rq, const struct metadata_req *in, struct metadata_rsp *out)
{
	uint32_t tenant = request_tenant(rq);
	const struct image_topic *t = image_next_topic(rq->image, tenant, STR_NULL);
	for (; t != NULL; t = image_next_topic(rq->image, tenant, t->name.s))
		if (sees_topic(rq, t->name))
			fill_topic(rq, in, t, add_topic(rq, out));
}

/* Whether the topic is to be made now; with the error that stands in for it. */
static bool
may_make(struct request *rq, const struct metadata_req *in, struct name name,
    enum kerr *ret_err)
{
	struct acl_object o = { ACL_TOPIC, name, NULL };
	bool wanted = in->allow_auto_topic_creation || request_flag(rq, FLAG_metadata_may_auto_create);
	if (!wanted || !rq->core->settings.auto_create_topics || acl_is_internal(name))
		return false;
	enum kerr err = may(rq, ACL_CREATE, &o, KERR_TOPIC_AUTHORIZATION_FAILED);
	if (err != KERR_NONE)
		*ret_err = err;
	return err == KERR_NONE;
}

static void
note_new(struct request *rq, struct name name)
{
	struct auto_create *c = rq->state;
	struct acl_who w;
	if (c == NULL) {
		c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
		c->rq = rq;
	}
	caller(rq, &w);
	struct acl_node node = acl_new_node(image_acl(rq->image), &w, ACL_TOPIC, name.tenant);
	struct { struct topic_new *v; int32_t n; } list = { c->create.topics, c->create.n };
	struct topic_new *t = ARRAY_ADD(rq->arena, list);
	c->create.topics = list.v;
	c->create.n = list.n;
	*t = (struct topic_new){ .name = name, .partitions = -1, .replication = -1, .mode = node.mode,
		.owner = arena_str(rq->arena, node.owner), .team = arena_str(rq->arena, node.team) };
}

static void
one_topic(struct request *rq, const struct metadata_req *in, const struct metadata_req_topic *ask,
    struct metadata_rsp *out, bool may_wait)
{
	enum kerr err;
	struct why why;
	bool by_id = !uuid_is_zero(&ask->topic_id);
	const struct image_topic *t = find_topic(rq, ask->name, by_id ? &ask->topic_id : NULL, &err);
	if (t == NULL && !by_id)
		err = topic_missing(ask->name, err, &why);
	if (t == NULL && err == KERR_UNKNOWN_TOPIC_OR_PARTITION && !by_id && may_wait &&
	    may_make(rq, in, ask->name, &err)) {
		note_new(rq, ask->name);
		return;
	}
	struct metadata_rsp_topic *a = add_topic(rq, out);
	if (t != NULL) {
		fill_topic(rq, in, t, a);
		return;
	}
	a->error_code = (int16_t)err;
	a->topic_id = ask->topic_id;
	a->name = by_id ? NAME(request_tenant(rq), STR_NULL) : ask->name;
}

/* Each topic once, as Kafka does: a topic's answer is a thousand times its question. */
static void
asked_topics(struct request *rq, const struct metadata_req *in, struct metadata_rsp *out, bool may_wait)
{
	struct name *names = arena_zalloc(rq->arena, ((size_t)in->topics.n + 1) * sizeof(*names));
	for (int32_t i = 0; i < in->topics.n; i++) {
		const struct metadata_req_topic *t = &in->topics.v[i];
		names[i] = uuid_is_zero(&t->topic_id) ? t->name
		    : NAME(UINT32_MAX, ((struct str){ (const char *)t->topic_id.b, sizeof(t->topic_id.b) }));
	}
	const uint8_t *repeated = names_repeated(rq->arena, names, in->topics.n);
	for (int32_t i = 0; i < in->topics.n; i++)
		if (repeated[i] != 2)
			one_topic(rq, in, &in->topics.v[i], out, may_wait);
}

static void
fill(struct request *rq, const struct metadata_req *in, struct metadata_rsp *out, bool may_wait)
{
	bool all = in->topics.n < 0 || (in->topics.n == 0 && request_flag(rq, FLAG_metadata_empty_means_all));
	const struct image_tenant *tenant = image_tenant(rq->image, request_tenant(rq));
	memset(out, 0, sizeof(*out));
	wire_defaults(rq->header.api->rsp, out);
	add_broker(rq, out);
	out->controller_id = rq->core->settings.node_id;
	out->cluster_id = str_from(tenant->cluster_id);
	out->cluster_authorized_operations = in->include_cluster_authorized_operations
	    ? cluster_operations(rq) : NOT_ASKED;
	if (all)
		all_topics(rq, in, out);
	else
		asked_topics(rq, in, out, may_wait);
}

static enum api_turn
made(struct request *rq)
{
	fill(rq, rq->in, rq->out, false);
	return API_ANSWER;
}

enum api_turn
api_metadata(struct request *rq, const void *in, void *out)
{
	fill(rq, in, out, true);
	struct auto_create *c = rq->state;
	if (c == NULL)
		return API_ANSWER;
	topics_create_init(&c->create);
	c->create.limits = &rq->core->settings.limits;
	c->create.limited = caller_limited(rq);
	return change_submit(rq, &c->create.change, made);
}

enum api_turn
api_describe_cluster(struct request *rq, const void *vin, void *vout)
{
	const struct describe_cluster_req *in = vin;
	struct describe_cluster_rsp *out = vout;
	const struct image_tenant *tenant = image_tenant(rq->image, request_tenant(rq));
	out->cluster_id = str_from(tenant->cluster_id);
	out->cluster_authorized_operations = NOT_ASKED;
	if (in->endpoint_type != ENDPOINT_BROKER) {
		bool known = in->endpoint_type == ENDPOINT_CONTROLLER;
		out->error_code = known ? KERR_MISMATCHED_ENDPOINT_TYPE : KERR_UNSUPPORTED_ENDPOINT_TYPE;
		out->error_message = known ? STR("this listener is a broker's; controllers have none of their own here")
		    : STR("endpoints are of type 1 (brokers) or 2 (controllers)");
		return API_ANSWER;
	}
	struct core_endpoint told = request_told(rq);
	struct describe_cluster_rsp_broker *b = WIRE_ADD(rq->arena, out->brokers, describe_cluster_rsp_broker);
	b->broker_id = out->controller_id = rq->core->settings.node_id;
	b->host = told.host;
	b->port = told.port;
	if (in->include_cluster_authorized_operations)
		out->cluster_authorized_operations = cluster_operations(rq);
	return API_ANSWER;
}
