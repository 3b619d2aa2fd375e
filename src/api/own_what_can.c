/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WhatCan: the decision, asked for one user about each node of the tenant and each operation, by the same function
 * that a request meets. It goes through the tenant in phases: the tenant and its directories, the nodes of each
 * kind by name, the groups made by use by name, and last the rules that reach names to come. A page ends
 * after as many nodes as are asked about without holding up the loop; where it ended is a phase and a name. Rules, and the
 * names of groups made by use, are gone through whole in one turn: each is only compared, not decided about.
 */
#include <string.h>

#include "acl/change.h"
#include "acl/compare.h"
#include "acl/image.h"
#include "api/authorize.h"
#include "api/changes.h"
#include "api/own.h"
#include "api/own_why.h"
#include "base/clock.h"
#include "coord/coord.h"
#include "meta/image.h"

#define NODES_A_PAGE 500

/* Of named nodes, in order; behind them: */
static const enum acl_type named[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
#define NAMED (int)(sizeof(named) / sizeof(named[0]))
enum { PHASE_USED = NAMED };

struct used {
	struct str name;
	struct acl_node node;
};

struct what_can {
	struct request *rq;
	struct acl_who who;
	const struct acl_tenant *tenant;
	bool administered;		/* the asker administers it */
	struct what_can_rsp *out;
	int phase;
	struct str after;
	struct used used[NODES_A_PAGE];	/* the least names after it, in order */
	int n_used;
};

static void
ask_about(struct what_can *w, enum acl_type type, struct str name, const struct acl_node *used)
{
	struct acl_object o = { type, NAME(acl_tenant_number(w->tenant), name), used };
	uint32_t ops = 0;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		if (acl_op_valid(type, (enum acl_op)op) && acl_op_telling(type, (enum acl_op)op) &&
		    acl_check(image_acl(w->rq->image), &w->who, (enum acl_op)op, &o, NULL))
			ops |= UINT32_C(1) << op;
	if (ops == 0)
		return;
	struct what_can_rsp_node *row = WIRE_ADD(w->rq->arena, w->out->nodes, what_can_rsp_node);
	row->path = own_path(w->rq, w->tenant, type, name, false);
	row->operations = (int32_t)ops;
}

/* ---- groups made by use ---- */

/* Keeps it where it is among the least names after w->after. */
static void
keep_used(const struct group *group, const struct group_owner *owner, void *arg)
{
	struct what_can *w = arg;
	struct arena *arena = w->rq->arena;
	struct str name = group->name.s;
	int at = w->n_used;
	if (owner == NULL || str_cmp(name, w->after) <= 0 || acl_tenant_node(w->tenant, ACL_GROUP, name) != NULL)
		return;
	while (at > 0 && str_cmp(name, w->used[at - 1].name) < 0)
		at--;
	if (at == NODES_A_PAGE)
		return;
	if (w->n_used == NODES_A_PAGE)
		w->n_used--;
	memmove(&w->used[at + 1], &w->used[at], (size_t)(w->n_used - at) * sizeof(w->used[0]));
	w->n_used++;
	w->used[at] = (struct used){ arena_str(arena, name), { .owner = arena_str(arena, owner->owner),
		.team = arena_str(arena, owner->team.p == NULL ? STR("") : owner->team), .mode = owner->mode } };
}

/* ---- rules ---- */

/* One that speaks of him, and of a name that has no node. */
static int
add_rule(const struct acl_rule *rule, void *arg)
{
	struct what_can *w = arg;
	const struct acl_binding *b = &rule->b;
	enum acl_type type = (enum acl_type)b->type;
	bool every = str_is(b->name, "*");
	if (type == ACL_TENANT || !acl_rule_names(rule, &w->who) || acl_rule_is_over(rule, w->who.now_ms))
		return 0;
	if (b->permission == ACL_DENY ? !w->administered : w->who.anonymous) /* to himself it says only what he may */
		return 0;
	if (b->pattern == ACL_LITERAL && !every && (acl_tenant_node(w->tenant, type, b->name) != NULL ||
	    (type == ACL_GROUP && group_node(w->rq, NAME(acl_tenant_number(w->tenant), b->name)) != NULL)))
		return 0;
	struct what_can_rsp_rule *row = WIRE_ADD(w->rq->arena, w->out->rules, what_can_rsp_rule);
	row->path = own_path(w->rq, w->tenant, type, every ? STR("") : b->name, every || b->pattern == ACL_PREFIXED);
	row->text = why_rule(w->rq, b);
	return 0;
}

/* ---- the way ---- */

static void
end_page(struct what_can *w, struct str name)
{
	w->out->next = arena_printf(w->rq->arena, "%d%.*s", w->phase, STR_ARG(name));
}

static void
ask_used(struct what_can *w)
{
	enum kerr err = KERR_NONE;
	if (w->rq->core->coord != NULL)
		err = coord_list(w->rq->core->coord, acl_tenant_number(w->tenant), keep_used, w);
	for (int i = 0; i < w->n_used; i++)
		ask_about(w, ACL_GROUP, w->used[i].name, &w->used[i].node);
	if (w->n_used == NODES_A_PAGE) {
		end_page(w, w->used[w->n_used - 1].name);
		return;
	}
	(void)acl_tenant_rules(w->tenant, NULL, add_rule, w);
	if (err != KERR_NONE) { /* beside what is known */
		w->out->error_code = (int16_t)change_code(CHANGE_LOADING);
		w->out->error_message = change_text(w->rq, CHANGE_LOADING, &(struct why){ "" });
	}
}

static void
ask_page(struct what_can *w)
{
	for (int n = 0; w->phase < NAMED; w->phase++, w->after = STR("")) {
		struct str name;
		while (acl_tenant_next_node(w->tenant, named[w->phase], w->after, &name) != NULL) {
			if (n++ == NODES_A_PAGE) {
				end_page(w, w->after);
				return;
			}
			ask_about(w, named[w->phase], name, NULL);
			w->after = name;
		}
	}
	ask_used(w);
}

/* Where the page before ended: the number of a phase and a name. */
static bool
take_after(struct what_can *w, struct str after)
{
	if (after.p == NULL)
		return true;
	if (after.n == 0 || after.p[0] < '0' || after.p[0] > '0' + PHASE_USED)
		return false;
	w->phase = after.p[0] - '0';
	w->after = (struct str){ after.p + 1, after.n - 1 };
	return true;
}

static enum kerr
take(struct what_can *w, const struct what_can_req *in, struct str *ret_message)
{
	const struct acl_image *acl = image_acl(w->rq->image);
	uint32_t number;
	struct acl_who asker;
	struct acl_answer a;
	struct addr host;
	caller(w->rq, &asker);
	enum kerr err = own_tenant(w->rq, in->tenant, &number);
	if (err == KERR_NONE)
		err = why_take_host(in->host, &host, ret_message);
	if (err != KERR_NONE)
		return err;
	if (!take_after(w, in->after))
		return KERR_INVALID_REQUEST;
	struct name user = in->user.p == NULL ? asker.user : NAME(number, in->user);
	w->tenant = acl_image_tenant(acl, number);
	w->administered = acl_is_admin(acl, &asker, number);
	acl_who_named(acl, user, host, clock_wall_ms(), &w->who);
	if (name_eq(user, asker.user) && !asker.is_operator)
		w->who.is_operator = false; /* who came by a token is told of what he may by it */
	if (!acl_may_ask_why(acl, &asker, user, &a))
		return own_denied(w->rq, &asker, &a);
	return w->tenant == NULL || (w->administered && w->who.record == NULL && !w->who.anonymous) ?
	    KERR_RESOURCE_NOT_FOUND : KERR_NONE;
}

enum api_turn
api_what_can(struct request *rq, const void *vin, void *vout)
{
	struct what_can *w = arena_zalloc(rq->arena, sizeof(*w));
	w->rq = rq;
	w->out = vout;
	w->after = STR("");
	enum kerr err = take(w, vin, &w->out->error_message);
	w->out->error_code = (int16_t)err;
	if (err != KERR_NONE)
		return API_ANSWER;
	if (((const struct what_can_req *)vin)->after.p == NULL) {
		static const enum acl_type first[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
		for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
			ask_about(w, first[i], STR(""), NULL);
	}
	ask_page(w);
	return API_ANSWER;
}
