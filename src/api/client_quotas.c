/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeClientQuotas and AlterClientQuotas (KIP-546). Users and client ids are
 * of the caller's tenant and take x on it; a tenant's own limits (entity type
 * "tenant") and those of addresses are the installation's: for operators.
 */
#include "acl/change.h"
#include "acl/image.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/request.h"
#include "base/addr.h"
#include "meta/image.h"
#include "meta/tree.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_ANY = 2 };

/* One kind of part that an entity can have. */
enum part { PART_USER, PART_CLIENT, PART_IP, PART_TENANT, PARTS };
static const char *const part_names[PARTS] = { "user", "client-id", "ip", "tenant" };

static int
part_of(struct str type)
{
	for (int i = 0; i < PARTS; i++)
		if (str_is(type, part_names[i]))
			return i;
	return -1;
}

/* Whether the entity has the part, and its name (null: Kafka's default entity). */
static bool
has_part(const struct quota_entity *e, enum part part, struct str *ret_name)
{
	*ret_name = part == PART_USER ? e->user : part == PART_CLIENT ? e->client
	    : part == PART_IP ? e->ip : STR_NULL;
	switch (part) {
	case PART_USER:		return e->has_user;
	case PART_CLIENT:	return e->has_client;
	case PART_IP:		return e->has_ip;
	case PART_TENANT:
	case PARTS:
		break;
	}
	return !e->has_user && !e->has_client && !e->has_ip;
}

/* An address has many spellings; other names are as they are. */
static struct str
spelled(struct arena *arena, enum part part, struct str name)
{
	struct addr addr;
	char text[ADDR_TEXT];
	if (part != PART_IP || name.p == NULL || addr_parse(name, &addr) != 0)
		return name;
	return arena_str(arena, str_from(addr_format(&addr, text)));
}

/* ---- describe ---- */

struct describing {
	struct request *rq;
	const struct describe_client_quotas_req *in;
	struct describe_client_quotas_rsp *out;
	const struct acl_image *acl;
	bool named[PARTS];
	bool is_operator;
};

static enum kerr
check_filter(struct describing *d)
{
	ARRAY_FOREACH(const struct describe_client_quotas_req_component, c, d->in->components) {
		int part = part_of(c->entity_type);
		if (part < 0)
			return c->entity_type.n == 0 ? KERR_INVALID_REQUEST
			    : KERR_UNSUPPORTED_VERSION; /* as Kafka says it of unknown types */
		if (d->named[part] || c->match_type < MATCH_EXACT || c->match_type > MATCH_ANY ||
		    (c->match_type == MATCH_EXACT) != (c->match.s.p != NULL))
			return KERR_INVALID_REQUEST;
		d->named[part] = true;
	}
	if (d->named[PART_IP] && (d->named[PART_USER] || d->named[PART_CLIENT]))
		return KERR_INVALID_REQUEST;
	return KERR_NONE;
}

static struct str
tenant_name(const struct describing *d, uint32_t number)
{
	const struct acl_tenant *t = acl_image_tenant(d->acl, number);
	return t == NULL ? STR("") : acl_tenant_name(t);
}

static bool
matches(const struct describing *d, const struct quota_entity *e)
{
	struct str name;
	ARRAY_FOREACH(const struct describe_client_quotas_req_component, c, d->in->components) {
		enum part part = (enum part)part_of(c->entity_type);
		if (!has_part(e, part, &name))
			return false;
		if (part == PART_TENANT)
			name = tenant_name(d, e->tenant);
		if ((c->match_type == MATCH_EXACT && (name.p == NULL ||
		    !str_eq(name, spelled(d->rq->arena, part, c->match.s)))) ||
		    (c->match_type == MATCH_DEFAULT && name.p != NULL))
			return false;
	}
	for (int i = 0; d->in->strict && i < PARTS; i++)
		if (!d->named[i] && has_part(e, (enum part)i, &name))
			return false;
	return true;
}

/* Of another tenant only its own limits are told, and those to operators. */
static bool
may_see(const struct describing *d, const struct quota_entity *e)
{
	struct str name;
	if (has_part(e, PART_IP, &name))
		return d->is_operator;
	return e->tenant == request_tenant(d->rq) || (d->is_operator && has_part(e, PART_TENANT, &name));
}

static void
describe(const struct describing *d, const struct quota_entity *e, const struct quota_values *v)
{
	struct arena *arena = d->rq->arena;
	struct str name;
	struct describe_client_quotas_rsp_entry *a = WIRE_ADD(arena, d->out->entries, describe_client_quotas_rsp_entry);
	for (int i = 0; i < PARTS; i++) {
		if (!has_part(e, (enum part)i, &name))
			continue;
		struct describe_client_quotas_rsp_entity *p = WIRE_ADD(arena, a->entity, describe_client_quotas_rsp_entity);
		p->entity_type = str_from(part_names[i]);
		p->entity_name = NAME(request_tenant(d->rq), i == PART_TENANT ? tenant_name(d, e->tenant) : name);
	}
	for (int i = 0; i < QUOTA_KEYS; i++) {
		if (v->v[i] == 0)
			continue;
		struct describe_client_quotas_rsp_value *q = WIRE_ADD(arena, a->values, describe_client_quotas_rsp_value);
		q->key = str_from(quota_key_name((enum quota_key)i));
		q->value = v->v[i];
	}
}

enum api_turn
api_describe_client_quotas(struct request *rq, const void *vin, void *vout)
{
	struct describing d = { .rq = rq, .in = vin, .out = vout, .acl = image_acl(rq->image) };
	struct quota_entity e;
	struct quota_values v;
	struct str pos = STR("");
	enum kerr err = may_cluster(rq);
	if (err == KERR_NONE)
		err = check_filter(&d);
	d.out->error_code = (int16_t)err;
	d.out->entries.n = err == KERR_NONE ? 0 : -1;
	d.is_operator = !caller_limited(rq);
	while (err == KERR_NONE && quota_image_next(image_quotas(rq->image), &pos, &e, &v))
		if (may_see(&d, &e) && matches(&d, &e))
			describe(&d, &e, &v);
	return API_ANSWER;
}

/* ---- alter ---- */

struct altering {
	struct quotas_change change;
	int32_t *answers;
};

struct failure {
	enum kerr code;
	const char *text;
};

static struct failure
take_part(struct request *rq, const struct alter_client_quotas_req_entity *in, bool named[PARTS],
    struct quota_entity *e)
{
	int part = part_of(in->entity_type);
	if (part < 0)
		return (struct failure){ KERR_INVALID_REQUEST, "quotas are of users, client ids, addresses and tenants" };
	struct str name = spelled(rq->arena, (enum part)part, in->entity_name.s);
	if (named[part])
		return (struct failure){ KERR_INVALID_REQUEST, "a part of the entity is named twice" };
	named[part] = true;
	switch ((enum part)part) {
	case PART_USER:
		e->has_user = true;
		e->user = name;
		break;
	case PART_CLIENT:
		e->has_client = true;
		e->client = name;
		break;
	case PART_IP:
		e->has_ip = true;
		e->ip = name;
		e->tenant = 0;
		break;
	case PART_TENANT: {
		const struct acl_tenant *t = acl_image_tenant_named(image_acl(rq->image), name);
		e->tenant = t == NULL ? UINT32_MAX : acl_tenant_number(t);
		break;
	}
	case PARTS:
		break;
	}
	return (struct failure){ KERR_NONE, NULL };
}

/* Before anything is said about the entity. */
static bool
may_alter(struct request *rq, const bool named[PARTS])
{
	struct acl_who w;
	struct acl_answer a;
	caller(rq, &w);
	bool install = named[PART_IP] || named[PART_TENANT];
	if (install ? acl_may_install(image_acl(rq->image), &w, &a)
	    : acl_may_admin(image_acl(rq->image), &w, request_tenant(rq), &a))
		return true;
	note_denial(rq, &w, &a);
	return false;
}

static struct failure
take_op(const struct alter_client_quotas_req_op *op, struct quota_set *s)
{
	enum quota_key key;
	if (quota_key_parse(op->key, &key) != 0)
		return (struct failure){ KERR_INVALID_REQUEST, "quotas are producer_byte_rate, consumer_byte_rate, "
		    "request_percentage, controller_mutation_rate, partitions, connections, groups, producer_ids, in_flight_bytes, "
		    "of tenants stored_bytes, and of addresses connection_creation_rate" };
	if (s->named[key])
		return (struct failure){ KERR_INVALID_REQUEST, "a quota is named twice" };
	if (!op->remove && !quota_key_takes(key, op->value))
		return (struct failure){ KERR_INVALID_REQUEST,
			"a quota is a number above 0, of bytes and connections a whole one, as of all that is counted" };
	s->named[key] = true;
	s->values.v[key] = op->remove ? 0 : op->value;
	return (struct failure){ KERR_NONE, NULL };
}

static struct failure
take_entry(struct request *rq, const struct alter_client_quotas_req_entry *in, struct quota_set *s)
{
	bool named[PARTS] = { false };
	struct failure f = { KERR_NONE, NULL };
	*s = (struct quota_set){ .entity.tenant = request_tenant(rq) };
	for (int32_t i = 0; i < in->entity.n && f.code == KERR_NONE; i++)
		f = take_part(rq, &in->entity.v[i], named, &s->entity);
	if (!may_alter(rq, named))
		return (struct failure){ KERR_CLUSTER_AUTHORIZATION_FAILED, "not allowed to change this quota" };
	if (f.code == KERR_NONE && (in->entity.n <= 0 || (named[PART_TENANT] && in->entity.n > 1)))
		f = (struct failure){ KERR_INVALID_REQUEST, "the entity makes no sense" };
	if (f.code == KERR_NONE && s->entity.tenant == UINT32_MAX)
		f = (struct failure){ KERR_RESOURCE_NOT_FOUND, "there is no such tenant" };
	for (int32_t i = 0; i < in->ops.n && f.code == KERR_NONE; i++)
		f = take_op(&in->ops.v[i], s);
	return f;
}

static enum api_turn
altered(struct request *rq)
{
	struct altering *s = rq->state;
	struct alter_client_quotas_rsp *out = rq->out;
	for (int32_t i = 0; i < s->change.n; i++) {
		struct quota_set *set = &s->change.sets[i];
		enum change_result r = s->change.change.result != CHANGE_OK ? s->change.change.result : set->result;
		struct alter_client_quotas_rsp_entry *a = &out->entries.v[s->answers[i]];
		a->error_code = (int16_t)change_code(r);
		a->error_message = change_text(rq, r, &set->why);
	}
	return API_ANSWER;
}

enum api_turn
api_alter_client_quotas(struct request *rq, const void *vin, void *vout)
{
	const struct alter_client_quotas_req *in = vin;
	struct alter_client_quotas_rsp *out = vout;
	struct altering *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	size_t most = in->entries.n > 0 ? (size_t)in->entries.n : 0;
	s->answers = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->answers));
	s->change.sets = arena_zalloc(rq->arena, (most + 1) * sizeof(*s->change.sets));
	ARRAY_FOREACH(const struct alter_client_quotas_req_entry, e, in->entries) {
		struct alter_client_quotas_rsp_entry *a = WIRE_ADD(rq->arena, out->entries, alter_client_quotas_rsp_entry);
		ARRAY_FOREACH(const struct alter_client_quotas_req_entity, part, e->entity) {
			struct alter_client_quotas_rsp_entity *p = WIRE_ADD(rq->arena, a->entity, alter_client_quotas_rsp_entity);
			p->entity_type = part->entity_type;
			p->entity_name = part->entity_name;
		}
		struct failure f = take_entry(rq, e, &s->change.sets[s->change.n]);
		a->error_code = (int16_t)f.code;
		a->error_message = str_from(f.text);
		if (f.code == KERR_NONE)
			s->answers[s->change.n++] = out->entries.n - 1;
	}
	if (s->change.n == 0)
		return API_ANSWER;
	s->change.validate_only = in->validate_only;
	quotas_change_init(&s->change);
	return change_submit(rq, &s->change.change, altered);
}
