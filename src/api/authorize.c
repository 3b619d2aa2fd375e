/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: every question goes to acl_check() with the image of this turn and
 * the caller as that image sees him; what it allowed a session is used again under the very same
 * image, and never under another (memo.h). Denials are explained once and then counted (acl/denials.h).
 */
#include "api/authorize.h"

#include "acl/denials.h"
#include "acl/rule.h"
#include "acl/text.h"
#include "api/auditing.h"
#include "api/memo.h"
#include "api/session.h"
#include "api/tally.h"
#include "base/clock.h"
#include "coord/coord.h"
#include "meta/image_tokens.h"

static void
who(struct request *rq, struct acl_who *ret)
{
	const struct principal *p = &rq->session->principal;
	int64_t now = clock_wall_ms();
	acl_who_of(image_acl(rq->image), p, now, ret);
	ret->gone = ret->gone || image_token_over(rq->image, p->user.tenant, &p->token, now);
}

void
caller(struct request *rq, struct acl_who *ret)
{
	who(rq, ret);
}

static void
tell(struct request *rq, const struct acl_who *w, const struct acl_answer *a)
{
	char line[512];
	if (rq->session->tally != NULL)
		tally_add(&rq->session->tally->v[TALLY_DENIED], 1);
	if (!acl_denials_count(rq->core->denials, w, a, request_now(rq))) {
		acl_explain(image_acl(rq->image), w, a, line, sizeof(line));
		acl_denials_add(rq->core->denials, w, a, str_from(line), request_now(rq));
	}
	auditing_denied(rq, w, a);
}

void
note_denial(struct request *rq, const struct acl_who *w, const struct acl_answer *a)
{
	tell(rq, w, a);
}

/* A yes that has to be told of each time is not kept, and neither is one to a token, which ends by itself. */
static bool
keeps(const struct request *rq)
{
	return uuid_is_zero(&rq->session->principal.token) && !auditing_allows(rq);
}

struct memo_item *
may_kept(struct request *rq, enum acl_op op, const struct acl_object *object)
{
	return keeps(rq) ? memo_find(rq->session->memo, rq->image, op, object) : NULL;
}

static void
keep(struct request *rq, enum acl_op op, const struct acl_object *object, const struct acl_who *w, const struct acl_answer *a)
{
	int64_t ends = w->record == NULL ? 0 : w->record->expires_ms, until = a->rule == NULL ? 0 : a->rule->b.until_ms;
	if (keeps(rq))
		memo_note(&rq->session->memo, rq->image, op, object, until != 0 && (ends == 0 || until < ends) ? until : ends);
}

/* KERR_NONE, the error for a denial, or 56: allowed, but it cannot be told of. again: the session will ask so with
 * each of its requests, and the answer rests on the image alone. */
static enum kerr
ask(struct request *rq, enum acl_op op, const struct acl_object *object, enum kerr denial, bool again)
{
	struct acl_who w;
	struct acl_answer a;
	who(rq, &w);
	if (!acl_check(image_acl(rq->image), &w, op, object, &a)) {
		tell(rq, &w, &a);
		return denial;
	}
	if (rq->core->audit != NULL && rq->rehearsal == NULL && !auditing_allowed(rq, &w, &a))
		return KERR_KAFKA_STORAGE_ERROR;
	if (again)
		keep(rq, op, object, &w, &a);
	return KERR_NONE;
}

enum kerr
may(struct request *rq, enum acl_op op, const struct acl_object *object, enum kerr denial)
{
	return ask(rq, op, object, denial, false);
}

bool
may_quietly(struct request *rq, enum acl_op op, const struct acl_object *object)
{
	struct acl_who w;
	who(rq, &w);
	return acl_check(image_acl(rq->image), &w, op, object, NULL);
}

enum kerr
may_topic(struct request *rq, struct name topic)
{
	struct acl_object o = { ACL_TOPIC, topic, NULL };
	if (may_kept(rq, rq->row->topic, &o) != NULL)
		return KERR_NONE;
	return ask(rq, rq->row->topic, &o, KERR_TOPIC_AUTHORIZATION_FAILED, true);
}

/* Whether the image has the group's node, which then goes before whatever lies beside its state. */
static bool
is_reserved(const struct request *rq, struct name group)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), group.tenant);
	return t != NULL && acl_tenant_node(t, ACL_GROUP, group.s) != NULL;
}

enum kerr
may_group(struct request *rq, struct name group)
{
	struct acl_object o = { ACL_GROUP, group, NULL };
	if (may_kept(rq, rq->row->group, &o) != NULL)
		return KERR_NONE;
	bool reserved = is_reserved(rq, group);
	if (!reserved)
		o.node = group_node(rq, group);
	if (o.node == NULL && !may_quietly(rq, rq->row->group, &o)) {
		if (group_unloaded(rq, group))
			return KERR_COORDINATOR_LOAD_IN_PROGRESS;
		o.node = group_node(rq, group); /* it may have been loaded in between */
	}
	return ask(rq, rq->row->group, &o, KERR_GROUP_AUTHORIZATION_FAILED, reserved);
}

enum kerr
may_member(struct request *rq, struct name group)
{
	enum kerr err = may_group(rq, group);
	return err == KERR_NONE && group.s.n == 0 ? KERR_INVALID_GROUP_ID : err;
}

enum kerr
may_txn(struct request *rq, struct name txn)
{
	struct acl_object o = { ACL_TXN, txn, NULL };
	return ask(rq, rq->row->txn, &o, KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, false);
}

static struct acl_object
cluster_of(struct request *rq)
{
	enum acl_type type = rq->row->node == API_NODE_ROOT ? ACL_ROOT : ACL_TENANT;
	return (struct acl_object){ type, NAME(request_tenant(rq), STR("")), NULL };
}

enum kerr
may_cluster(struct request *rq)
{
	struct acl_object o = cluster_of(rq);
	return ask(rq, rq->row->cluster, &o, KERR_CLUSTER_AUTHORIZATION_FAILED, false);
}

bool
may_cluster_quietly(struct request *rq)
{
	struct acl_object o = cluster_of(rq);
	return may_quietly(rq, rq->row->cluster, &o);
}

bool
sees_topic(struct request *rq, struct name topic)
{
	struct acl_object o = { ACL_TOPIC, topic, NULL };
	struct acl_who w;
	who(rq, &w);
	return acl_visible(image_acl(rq->image), &w, &o);
}

bool
sees_asked_topic(struct request *rq, struct name topic)
{
	struct acl_object o = { ACL_TOPIC, topic, NULL };
	struct acl_who w;
	struct acl_answer a;
	if (may_kept(rq, ACL_DESCRIBE, &o) != NULL)
		return true;
	who(rq, &w);
	if (!acl_check(image_acl(rq->image), &w, ACL_DESCRIBE, &o, &a))
		return false;
	keep(rq, ACL_DESCRIBE, &o, &w, &a);
	return true;
}

bool
may_group_owned(struct request *rq, struct name group, const struct group_owner *owner)
{
	struct acl_node node;
	struct acl_object o = { ACL_GROUP, group, NULL };
	if (owner != NULL) {
		node = (struct acl_node){ .owner = owner->owner,
			.team = owner->team.p == NULL ? STR("") : owner->team, .mode = owner->mode };
		o.node = &node;
	}
	return may_quietly(rq, rq->row->group, &o);
}

int32_t
operations_on(struct request *rq, enum acl_type type, struct name name)
{
	struct acl_object o = { type, name, type == ACL_GROUP ? group_node(rq, name) : NULL };
	struct acl_who w;
	who(rq, &w);
	return acl_operations(image_acl(rq->image), &w, &o);
}

bool
group_unloaded(struct request *rq, struct name group)
{
	return rq->core->coord != NULL &&
	    coord_known(rq->core->coord, group) == KERR_COORDINATOR_LOAD_IN_PROGRESS;
}

const struct acl_node *
group_node(struct request *rq, struct name group)
{
	struct group_owner owner;
	if (rq->core->coord == NULL || !coord_group_owner(rq->core->coord, group, rq->arena, &owner))
		return NULL;
	struct acl_node *node = arena_zalloc(rq->arena, sizeof(*node));
	node->owner = owner.owner;
	node->team = owner.team.p == NULL ? STR("") : owner.team;
	node->mode = owner.mode;
	return node;
}
