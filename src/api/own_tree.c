/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree as paths: TreeList walks it in one order (the tenant, then each
 * directory with what is in it), TreeSet changes owners, teams and modes, and
 * GroupCreate reserves a group's name. All nodes that one request changes are
 * one change; what may not be is answered for its path.
 */
#include "acl/change.h"
#include "acl/text.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "meta/image.h"
#include "meta/tree.h"

#define LIST_MAX 10000

static const struct {
	enum acl_type dir, type;
} dirs[] = {
	{ ACL_TOPICS, ACL_TOPIC }, { ACL_GROUPS, ACL_GROUP }, { ACL_TXNS, ACL_TXN },
};

/* A walk from one path; visit() stops it by a nonzero value. */
struct walk {
	struct request *rq;
	const struct acl_tenant *tenant;
	struct acl_path from;
	enum { WALK_NODE, WALK_LEVEL, WALK_ALL } depth;
	int (*visit)(struct walk *w, enum acl_type type, struct str name, const struct acl_node *node,
	    bool by_use);
	void *arg;
	int end;
	bool hid;			/* visit() has left out what the caller does not see */
	bool unloaded;			/* groups may be missing, because they are not loaded */
};

static void
visit(struct walk *w, enum acl_type type, struct str name, const struct acl_node *node, bool by_use)
{
	if (node != NULL && w->end == 0)
		w->end = w->visit(w, type, name, node, by_use);
}

static void
visit_used(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct walk *w = arg;
	struct str name = group->name.s;
	if (acl_tenant_node(w->tenant, ACL_GROUP, name) != NULL || owner == NULL)
		return;
	struct acl_node node = { .owner = owner->owner, .mode = owner->mode,
		.team = owner->team.p == NULL ? STR("") : owner->team };
	visit(w, ACL_GROUP, name, &node, true);
}

static void
walk_children(struct walk *w, enum acl_type type)
{
	struct str name = STR("");
	const struct acl_node *node;
	while (w->end == 0 && (node = acl_tenant_next_node(w->tenant, type, name, &name)) != NULL)
		visit(w, type, name, node, false);
	if (type == ACL_GROUP && w->end == 0 && w->rq->core->coord != NULL)
		w->unloaded = coord_list(w->rq->core->coord, acl_tenant_number(w->tenant), visit_used, w) != KERR_NONE;
}

/* Whose a group is that has no node. */
static const struct acl_node *
used_node(struct walk *w)
{
	struct name name = NAME(acl_tenant_number(w->tenant), w->from.name);
	bool unloaded = group_unloaded(w->rq, name); /* in this order, or it could be loaded in between */
	const struct acl_node *node = group_node(w->rq, name);
	w->unloaded = node == NULL && unloaded;
	return node;
}

/* The node itself, then what is below it: nothing, one level, or all. */
static void
walk_run(struct walk *w)
{
	enum acl_type type = w->from.type;
	const struct acl_node *node = acl_tenant_node(w->tenant, type, w->from.name);
	bool used = node == NULL && type == ACL_GROUP;
	if (used)
		node = used_node(w);
	visit(w, type, w->from.name, node, used);
	if (type == ACL_GROUP && node != NULL && w->hid) /* reserved, which who does not see it is not to learn */
		w->unloaded = group_unloaded(w->rq, NAME(acl_tenant_number(w->tenant), w->from.name));
	for (size_t i = 0; w->depth != WALK_NODE && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (type == ACL_TENANT)
			visit(w, dirs[i].dir, STR(""), acl_tenant_node(w->tenant, dirs[i].dir, STR("")), false);
		if (type == dirs[i].dir || (type == ACL_TENANT && w->depth == WALK_ALL))
			walk_children(w, dirs[i].type);
	}
}

/* The path's tenant; KERR_NONE, or why it cannot be looked at. */
static enum kerr
open_path(struct request *rq, struct str text, struct acl_path *ret_path,
    const struct acl_tenant **ret_tenant, struct str *ret_message)
{
	struct why why;
	uint32_t number;
	if (acl_path_parse(rq->arena, text.p == NULL ? STR("") : text, ret_path, &why) != 0) {
		*ret_message = arena_str(rq->arena, str_from(why.text));
		return KERR_INVALID_REQUEST;
	}
	if (ret_path->type == ACL_ROOT || ret_path->type == ACL_USER || ret_path->star) {
		*ret_message = STR("this path has no owner and no mode");
		return KERR_INVALID_REQUEST;
	}
	enum kerr err = own_tenant(rq, ret_path->tenant, &number);
	*ret_tenant = err == KERR_NONE ? acl_image_tenant(image_acl(rq->image), number) : NULL;
	return err == KERR_NONE && *ret_tenant == NULL ? KERR_RESOURCE_NOT_FOUND : err;
}

static enum kerr
say_unloaded(struct request *rq, struct str *ret_message)
{
	*ret_message = change_text(rq, CHANGE_LOADING, &(struct why){ "" });
	return change_code(CHANGE_LOADING);
}

/* ---- TreeList ---- */

struct listing {
	struct tree_list_rsp *out;
	struct str after;		/* null: from the beginning, or found */
	int32_t limit;
};

static int
list_node(struct walk *w, enum acl_type type, struct str name, const struct acl_node *node, bool by_use)
{
	struct listing *l = w->arg;
	struct acl_object o = { type, NAME(acl_tenant_number(w->tenant), name), by_use ? node : NULL };
	struct acl_who who;
	caller(w->rq, &who);
	if (!acl_visible(image_acl(w->rq->image), &who, &o)) {
		w->hid = true;
		return 0;
	}
	struct str path = own_path(w->rq, w->tenant, type, name, false);
	if (l->after.p != NULL) {
		if (str_eq(path, l->after))
			l->after = STR_NULL;
		return 0;
	}
	if (l->out->nodes.n == l->limit) {
		l->out->more = true;
		return 1;
	}
	bool dir = type == ACL_TOPICS || type == ACL_GROUPS || type == ACL_TXNS;
	struct tree_list_rsp_node *row = WIRE_ADD(w->rq->arena, l->out->nodes, tree_list_rsp_node);
	row->path = path;
	row->kind = (int8_t)type;
	row->owner = arena_str(w->rq->arena, node->owner);
	row->team = arena_str(w->rq->arena, node->team);
	row->mode = (int16_t)node->mode;
	row->create_mode = dir ? (int16_t)node->create_mode : -1;
	row->by_use = by_use;
	return 0;
}

enum api_turn
api_tree_list(struct request *rq, const void *vin, void *vout)
{
	const struct tree_list_req *in = vin;
	struct tree_list_rsp *out = vout;
	struct listing l = { out, in->after,
		in->limit > 0 && in->limit < LIST_MAX ? in->limit : LIST_MAX };
	struct walk w = { .rq = rq, .depth = in->recursive ? WALK_ALL : WALK_LEVEL, .visit = list_node,
		.arg = &l };
	out->error_code = (int16_t)open_path(rq, in->path, &w.from, &w.tenant, &out->error_message);
	if (out->error_code != 0)
		return API_ANSWER;
	walk_run(&w);
	if (w.unloaded && !out->more) /* beside what is known */
		out->error_code = (int16_t)say_unloaded(rq, &out->error_message);
	return API_ANSWER;
}

/* ---- TreeSet ---- */

struct setting {
	struct nodes_change change;
	ARRAY(struct node_change) list;
	ARRAY(int32_t) row;		/* of the result, for each of the list */
	const struct tree_set_req_change *in;
	int32_t at;
	int tries;
	struct tree_set_rsp *out;
};

#define TRIES_MAX 4		/* of a change whose nodes others change meanwhile */

/* Whether who may make this change to one node; the node as it would be. */
static enum kerr
plan_node(struct walk *w, const struct acl_object *o, struct acl_node *node, struct str *ret_message)
{
	const struct setting *s = w->arg;
	const struct tree_set_req_change *in = s->in;
	const struct acl_image *acl = image_acl(w->rq->image);
	struct acl_who who;
	struct acl_answer a;
	struct why why;
	bool modes = in->mode_clear != 0 || in->mode_set != 0;
	caller(w->rq, &who);
	if ((modes && !acl_may_chmod(acl, &who, o, &a)) ||
	    (in->owner.p != NULL && !acl_may_chown(acl, &who, o, &a)) ||
	    (in->team.p != NULL && !acl_may_chgrp(acl, &who, o, in->team, &a)))
		return own_denied(w->rq, &who, &a);
	if (in->owner.p != NULL)
		node->owner = in->owner;
	if (in->team.p != NULL)
		node->team = in->team;
	if (modes)
		node->mode = (uint16_t)((node->mode & ~(unsigned)in->mode_clear) | (unsigned)in->mode_set);
	if (modes && acl_mode_check(o->type, node->mode, in->force, &why) != 0) {
		*ret_message = arena_str(w->rq->arena, str_from(why.text));
		return KERR_INVALID_REQUEST;
	}
	return KERR_NONE;
}

static int
set_node(struct walk *w, enum acl_type type, struct str name, const struct acl_node *node, bool by_use)
{
	struct setting *s = w->arg;
	struct tree_set_rsp_result *r = &s->out->results.v[s->at];
	struct acl_object o = { type, NAME(acl_tenant_number(w->tenant), name), by_use ? node : NULL };
	struct acl_node next = *node;
	struct acl_who who;
	caller(w->rq, &who);
	/* Who administers needs no r to change what he does not see. */
	if (!acl_visible(image_acl(w->rq->image), &who, &o) &&
	    !acl_is_admin(image_acl(w->rq->image), &who, o.name.tenant)) {
		w->hid = true;
		return 0;
	}
	if (type == ACL_TOPIC && acl_is_internal(o.name)) { /* they belong to / */
		if (s->in->recursive)
			return 0;
		r->error_code = KERR_INVALID_REQUEST;
		r->error_message = STR("an internal topic has no owner and no mode: operators read it, nobody writes it");
		return 1;
	}
	enum kerr err = plan_node(w, &o, &next, &r->error_message);
	if (err != KERR_NONE) {
		r->error_code = (int16_t)err;
		return 1;
	}
	r->nodes++;
	r->owner = arena_str(w->rq->arena, next.owner);
	r->team = arena_str(w->rq->arena, next.team);
	r->mode = (int16_t)next.mode;
	next.owner = r->owner;
	next.team = r->team;
	struct acl_node seen = *node;
	seen.owner = arena_str(w->rq->arena, node->owner);
	seen.team = arena_str(w->rq->arena, node->team);
	*ARRAY_ADD(w->rq->arena, s->list) = (struct node_change){ .type = type,
		.name = NAME(o.name.tenant, arena_str(w->rq->arena, name)), .node = next, .seen = seen,
		.before = by_use ? NODE_NONE : NODE_SEEN };
	*ARRAY_ADD(w->rq->arena, s->row) = s->at;
	return 0;
}

static void
plan_path(struct request *rq, struct setting *s)
{
	struct tree_set_rsp_result *r = &s->out->results.v[s->at];
	struct walk w = { .rq = rq, .depth = s->in->recursive ? WALK_ALL : WALK_NODE, .visit = set_node,
		.arg = s };
	int32_t before = s->list.n;
	r->path = s->in->path;
	r->error_code = (int16_t)open_path(rq, s->in->path, &w.from, &w.tenant, &r->error_message);
	if (r->error_code == 0)
		walk_run(&w);
	if (r->error_code == 0 && w.unloaded)
		r->error_code = (int16_t)say_unloaded(rq, &r->error_message);
	if (r->error_code == 0 && r->nodes == 0) {
		r->error_code = KERR_RESOURCE_NOT_FOUND;
		r->error_message = STR("there is no such node, or you may not see it");
	}
	if (r->error_code != 0) { /* whole or not at all */
		s->list.n = before;
		s->row.n = before;
		r->nodes = 0;
	}
}

static enum api_turn set_nodes(struct request *rq);

static enum api_turn
nodes_set(struct request *rq)
{
	struct setting *s = rq->state;
	/* It was decided on what is no more: ask again what may be done to what is. */
	if (s->change.change.result == CHANGE_CHANGED && s->tries < TRIES_MAX)
		return set_nodes(rq);
	for (int32_t i = 0; i < s->list.n; i++) {
		struct node_change *c = &s->list.v[i];
		struct tree_set_rsp_result *r = &s->out->results.v[s->row.v[i]];
		enum change_result result = c->result != CHANGE_OK ? c->result : s->change.change.result;
		const struct why *why = c->result != CHANGE_OK ? &c->why : &s->change.change.why;
		if (r->error_code == 0)
			r->error_code = (int16_t)own_result(rq, result, why, &r->error_message);
	}
	return API_ANSWER;
}

static enum api_turn
set_nodes(struct request *rq)
{
	const struct tree_set_req *in = rq->in;
	struct setting *s = rq->state;
	s->tries++;
	s->list.n = s->row.n = s->out->results.n = 0;
	for (int32_t i = 0; i < in->changes.n; i++)
		WIRE_ADD(rq->arena, s->out->results, tree_set_rsp_result);
	for (s->at = 0; s->at < in->changes.n; s->at++) {
		s->in = &in->changes.v[s->at];
		plan_path(rq, s);
	}
	if (s->list.n == 0 || in->dry_run)
		return API_ANSWER;
	nodes_change_init(&s->change);
	s->change.nodes = s->list.v;
	s->change.n = s->list.n;
	return change_submit(rq, &s->change.change, nodes_set);
}

enum api_turn
api_tree_set(struct request *rq, const void *vin, void *vout)
{
	struct setting *s = rq->state = arena_zalloc(rq->arena, sizeof(*s));
	(void)vin;
	s->out = vout;
	return set_nodes(rq);
}

/* ---- GroupCreate ---- */

static enum api_turn
group_made(struct request *rq)
{
	const struct nodes_change *c = rq->state;
	struct group_create_rsp *out = rq->out;
	enum change_result result = c->nodes->result != CHANGE_OK ? c->nodes->result : c->change.result;
	const struct why *why = c->nodes->result != CHANGE_OK ? &c->nodes->why : &c->change.why;
	out->error_code = (int16_t)own_result(rq, result, why, &out->error_message);
	return API_ANSWER;
}

/* Making it needs the right to; giving it away, the right to administer. */
static enum kerr
may_reserve(struct request *rq, const struct group_create_req *in, struct name name)
{
	struct acl_who w;
	struct acl_answer a;
	enum kerr err = may_group(rq, name);
	if (err != KERR_NONE)
		return err;
	caller(rq, &w);
	bool gives = in->owner.p != NULL && !name_eq(NAME(name.tenant, in->owner), w.user);
	bool other_team = in->team.p != NULL && !acl_user_in(w.record, in->team);
	if ((gives || other_team) && !acl_may_admin(image_acl(rq->image), &w, name.tenant, &a))
		return own_denied(rq, &w, &a);
	return KERR_NONE;
}

enum api_turn
api_group_create(struct request *rq, const void *vin, void *vout)
{
	const struct group_create_req *in = vin;
	struct group_create_rsp *out = vout;
	struct nodes_change *c = rq->state = arena_zalloc(rq->arena, sizeof(*c));
	struct node_change *n = arena_zalloc(rq->arena, sizeof(*n));
	struct acl_who w;
	uint32_t tenant;
	out->error_code = (int16_t)own_tenant(rq, in->tenant, &tenant);
	struct name name = NAME(tenant, in->group);
	if (out->error_code == 0 && in->group.n == 0)
		out->error_code = KERR_INVALID_GROUP_ID;
	if (out->error_code == 0)
		out->error_code = (int16_t)may_reserve(rq, in, name);
	if (out->error_code != 0)
		return API_ANSWER;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), tenant);
	bool unloaded = group_unloaded(rq, name); /* in this order, or it could be loaded in between */
	if (acl_tenant_node(t, ACL_GROUP, name.s) != NULL || group_node(rq, name) != NULL) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = STR("the group exists already; schlossctl chown changes whose it is");
		return API_ANSWER;
	}
	if (unloaded) { /* it may be somebody's */
		out->error_code = (int16_t)say_unloaded(rq, &out->error_message);
		return API_ANSWER;
	}
	caller(rq, &w);
	struct acl_node node = acl_new_node(image_acl(rq->image), &w, ACL_GROUP, tenant);
	*n = (struct node_change){ .type = ACL_GROUP, .name = name, .before = NODE_NONE, .node = { .mode = node.mode,
		.owner = arena_str(rq->arena, in->owner.p != NULL ? in->owner : node.owner),
		.team = arena_str(rq->arena, in->team.p != NULL ? in->team : node.team) } };
	if (in->mode >= 0)
		n->node.mode = (uint16_t)in->mode;
	nodes_change_init(c);
	c->nodes = n;
	c->n = 1;
	return change_submit(rq, &c->change, group_made);
}
