/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeGroups, ListGroups, DeleteGroups. */
#include <strings.h>

#include "api/authorize.h"
#include "api/changes.h"
#include "api/groups.h"
#include "base/mem.h"
#include "meta/tree.h"

#define NOT_ASKED INT32_MIN

struct describing {
	struct request *rq;
	struct describe_groups_rsp_group *out;
};

static struct str
text(struct request *rq, const char *s)
{
	return arena_str(rq->arena, str_from(s == NULL ? "" : s));
}

static struct bytes
blob(struct request *rq, struct bytes b)
{
	struct str s = arena_str(rq->arena, (struct str){ b.p == NULL ? "" : (const char *)b.p, b.n });
	return (struct bytes){ (const uint8_t *)s.p, s.n };
}

static void
describe(const struct group *g, void *arg)
{
	struct describing *d = arg;
	struct request *rq = d->rq;
	d->out->group_state = str_from(group_state_name(g->state));
	d->out->protocol_type = text(rq, g->protocol_type);
	/* A protocol that is still being agreed on is none. */
	bool agreed = g->state == GROUP_STABLE || g->state == GROUP_COMPLETING;
	d->out->protocol_data = text(rq, agreed ? g->protocol : "");
	LIST_FOREACH(hook, &g->members) {
		const struct member *m = CONTAINER_OF(hook, struct member, hook);
		struct describe_groups_rsp_member *o = WIRE_ADD(rq->arena, d->out->members, describe_groups_rsp_member);
		o->member_id = text(rq, m->id);
		o->group_instance_id = m->instance_id == NULL ? STR_NULL : text(rq, m->instance_id);
		o->client_id = text(rq, m->client_id);
		o->client_host = text(rq, m->client_host);
		o->member_metadata = blob(rq, agreed ? member_metadata(m, g->protocol) : (struct bytes){ NULL, 0 });
		o->member_assignment = blob(rq, (struct bytes){ m->assignment, m->assignment_n });
	}
}

enum api_turn
api_describe_groups(struct request *rq, const void *vin, void *vout)
{
	const struct describe_groups_req *in = vin;
	struct describe_groups_rsp *out = vout;
	const uint8_t *repeated = names_repeated(rq->arena, in->groups.v, in->groups.n);
	ARRAY_FOREACH(const struct name, name, in->groups) {
		if (repeated[name - in->groups.v] == 2)
			continue; /* all of its members once are enough */
		struct describe_groups_rsp_group *g = WIRE_ADD(rq->arena, out->groups, describe_groups_rsp_group);
		struct describing d = { rq, g };
		g->group_id = *name;
		g->authorized_operations = NOT_ASKED;
		enum kerr err = may_group(rq, *name);
		if (err == KERR_NONE && in->include_authorized_operations)
			g->authorized_operations = operations_on(rq, ACL_GROUP, *name);
		if (err == KERR_NONE)
			err = coord_look(rq->core->coord, *name, describe, &d);
		if (err == KERR_GROUP_ID_NOT_FOUND) {
			g->group_state = STR("Dead");
			g->error_message = STR("there is no such group");
			if (!request_flag(rq, FLAG_describe_groups_unknown_is_error))
				err = KERR_NONE;
		}
		g->error_code = (int16_t)err;
	}
	return API_ANSWER;
}

struct listing {
	struct request *rq;
	struct list_groups_rsp *out;
	bool all;			/* the caller may see every group */
	bool states[GROUP_STATES], type;	/* what the filters let through */
};

/* Whether a filter is empty or names the word, in any case. */
static bool
named(const struct str *v, int32_t n, const char *word)
{
	for (int32_t i = 0; i < n; i++)
		if (v[i].n == strlen(word) && strncasecmp(v[i].p, word, v[i].n) == 0)
			return true;
	return n <= 0;
}

static void
list_one(const struct group *g, const struct group_owner *owner, void *arg)
{
	struct listing *l = arg;
	if (!l->states[g->state] || !l->type)
		return;
	if (!l->all && !may_group_owned(l->rq, g->name, owner))
		return;
	struct list_groups_rsp_group *o = WIRE_ADD(l->rq->arena, l->out->groups, list_groups_rsp_group);
	o->group_id = NAME(g->name.tenant, arena_str(l->rq->arena, g->name.s));
	o->protocol_type = text(l->rq, g->protocol_type);
	o->group_state = str_from(group_state_name(g->state));
	o->group_type = STR("classic");
}

enum api_turn
api_list_groups(struct request *rq, const void *vin, void *vout)
{
	const struct list_groups_req *in = vin;
	struct listing l = { .rq = rq, .out = vout, .all = may_cluster_quietly(rq) };
	/* Filters may be long; they are read once, not for each group. */
	for (int i = 0; i < GROUP_STATES; i++)
		l.states[i] = named(in->states_filter.v, in->states_filter.n, group_state_name((enum group_state)i));
	l.type = named(in->types_filter.v, in->types_filter.n, "classic");
	l.out->error_code = (int16_t)coord_list(rq->core->coord, request_tenant(rq), list_one, &l);
	return API_ANSWER;
}

/* ---- deleting ---- */

/* Names that were reserved end here too, and so do the rules that owners set. */
struct deleting {
	struct names_end end;
	struct group_barriers need;
};

static void
delete_failed(struct request *rq)
{
	struct delete_groups_rsp *out = rq->out;
	ARRAY_FOREACH(struct delete_groups_rsp_result, r, out->results)
		r->error_code = KERR_NOT_COORDINATOR;
}

static enum api_turn
names_ended(struct request *rq)
{
	struct deleting *d = rq->state;
	struct delete_groups_rsp *out = rq->out;
	if (d->end.change.result == CHANGE_OK)
		return groups_answer_all(rq, &d->need, delete_failed);
	ARRAY_FOREACH(struct delete_groups_rsp_result, r, out->results)
		for (int32_t i = 0; i < d->end.n; i++)
			if (name_eq(d->end.names[i], r->group_id))
				r->error_code = KERR_COORDINATOR_NOT_AVAILABLE;
	return groups_answer_all(rq, &d->need, delete_failed);
}

static enum kerr
delete_one(struct request *rq, struct deleting *d, struct name name)
{
	int64_t barrier = -1;
	enum kerr err = may_group(rq, name);
	if (err != KERR_NONE)
		return err;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), name.tenant);
	bool reserved = t != NULL && acl_tenant_node(t, ACL_GROUP, name.s) != NULL;
	err = coord_delete_group(rq->core->coord, name, groups_time(rq), &barrier);
	if (err == KERR_GROUP_ID_NOT_FOUND && reserved)
		err = KERR_NONE;
	if (err == KERR_NONE)
		d->end.names[d->end.n++] = name;
	groups_need(rq, &d->need, name, barrier);
	return err;
}

enum api_turn
api_delete_groups(struct request *rq, const void *vin, void *vout)
{
	const struct delete_groups_req *in = vin;
	struct delete_groups_rsp *out = vout;
	struct deleting *d = arena_zalloc(rq->arena, sizeof(*d));
	d->end.names = arena_alloc(rq->arena, ((size_t)in->groups_names.n + 1) * sizeof(struct name));
	d->end.reserved_too = true;
	ARRAY_FOREACH(const struct name, name, in->groups_names) {
		struct delete_groups_rsp_result *r = WIRE_ADD(rq->arena, out->results, delete_groups_rsp_result);
		r->group_id = *name;
		r->error_code = (int16_t)delete_one(rq, d, *name);
	}
	if (d->end.n == 0)
		return groups_answer_all(rq, &d->need, delete_failed);
	names_end_init(&d->end);
	rq->state = d;
	return change_submit(rq, &d->end.change, names_ended);
}
