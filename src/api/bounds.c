/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about limits. The tenant's limit is asked before the user's: the wider one says more about what to do. */
#include "api/bounds.h"

#include "acl/image.h"
#include "api/session.h"
#include "base/clock.h"
#include "meta/image.h"

static struct str
tenant_name(const struct broker_core *core, uint32_t number)
{
	const struct image_tenant *t = image_tenant(rcu_read(*core->image), number);
	return t == NULL ? STR("?") : t->name;
}

static struct str
sentence(const struct broker_core *core, struct arena *arena, struct name user, enum quota_key key,
    const struct quota_bound *b)
{
	if (b->of_user)
		return arena_printf(arena, "user %.*s has %.15g of at most %.15g %s", STR_ARG(user.s), b->used, b->limit,
		    quota_key_name(key));
	return arena_printf(arena, "tenant %.*s has %.15g of at most %.15g %s", STR_ARG(tenant_name(core, user.tenant)),
	    b->used, b->limit, quota_key_name(key));
}

static void
tell(const struct broker_core *core, const struct event *ev, struct name user, const char *what, struct str why)
{
	char name[256];
	str_escape(user.s, name, sizeof(name));
	ev_warn(ev, "%s of %s of tenant %.*s refused: %.*s (said once a minute)", what, name,
	    STR_ARG(tenant_name(core, user.tenant)), STR_ARG(why));
}

/* Names that are bound: those of who works in his own tenant. */
static bool
is_at_home(const struct request *rq)
{
	return rq->session->quota != NULL && rq->session->principal.user.tenant == request_tenant(rq);
}

/* whose: the limits that count, where that is not who asks. */
static bool
allow(struct request *rq, struct name whose, enum quota_key key, double more, struct str *ret_message)
{
	struct session *s = rq->session;
	struct quota_bound b;
	if (!is_at_home(rq) || quota_fits(rq->core->quota, whose, key, more, request_now(rq), &b))
		return true;
	*ret_message = sentence(rq->core, rq->arena, whose, key, &b);
	if (b.tell)
		tell(rq->core, conn_event(s->conn), s->principal.user, rq->header.api->name, *ret_message);
	return false;
}

bool
bounds_allow(struct request *rq, enum quota_key key, double more, struct str *ret_message)
{
	return allow(rq, rq->session->principal.user, key, more, ret_message);
}

/* A null string, and so the tenant, where nobody owns it. */
static struct name
topic_owner(const struct request *rq, struct name topic)
{
	const struct acl_node *node = acl_tenant_node(acl_image_tenant(image_acl(rq->image), topic.tenant), ACL_TOPIC, topic.s);
	return NAME(topic.tenant, node == NULL || node->owner.n == 0 ? STR_NULL : node->owner);
}

bool
bounds_allow_producer(struct request *rq, struct name topic, struct str *ret_message)
{
	return allow(rq, topic_owner(rq, topic), QUOTA_PRODUCERS, 1, ret_message);
}

void
bounds_add_producer(struct request *rq, struct name topic)
{
	quota_add(rq->core->quota, topic_owner(rq, topic), QUOTA_PRODUCERS, 1);
}

bool
bounds_allow_group(struct request *rq, struct name group)
{
	struct group_owner owner;
	struct str message;
	const struct acl_tenant *t = acl_image_tenant(image_acl(rq->image), group.tenant);
	if (!is_at_home(rq) || !quota_link_limits(rq->session->quota, QUOTA_GROUPS) ||
	    acl_tenant_node(t, ACL_GROUP, group.s) != NULL ||
	    coord_group_owner(rq->core->coord, group, rq->arena, &owner) || coord_known(rq->core->coord, group) != KERR_NONE)
		return true;
	if (!bounds_allow(rq, QUOTA_GROUPS, 1, &message))
		return false;
	quota_add(rq->core->quota, rq->session->principal.user, QUOTA_GROUPS, 1);
	return true;
}

struct quota_link *
bounds_open(const struct broker_core *core, const struct principal *p, const struct event *ev, uint64_t now_ns,
    struct arena *arena, struct str *ret_message)
{
	struct quota_bound b;
	struct acl_who who;
	struct quota_link *l = quota_open_within(core->quota, p->user, now_ns, &b);
	if (l != NULL)
		return l;
	acl_who_of(image_acl(rcu_read(*core->image)), p, 0, &who);
	if (who.is_operator)
		return quota_open(core->quota, p->user);
	*ret_message = sentence(core, arena, p->user, QUOTA_CONNECTIONS, &b);
	if (b.tell)
		tell(core, ev, p->user, "a login", *ret_message);
	return NULL;
}

void
bounds_tell_memory(const struct session *s, const struct payer_bound *bound, size_t frame)
{
	const struct broker_core *core = s->core;
	struct name user = s->principal.user;
	struct quota_bound b = { .of_user = bound->of_user, .used = (double)bound->used, .limit = (double)bound->most };
	struct arena *arena = arena_create(SIZE_MAX);
	struct name whose = NAME(user.tenant, bound->of_user ? user.s : STR_NULL);
	char name[256];
	if (quota_tells(core->quota, whose, QUOTA_MEMORY, loop_now(conn_loop(s->conn)))) {
		struct str what = frame == 0 ? STR("requests") : arena_printf(arena, "a request of %zu bytes", frame);
		str_escape(user.s, name, sizeof(name));
		ev_warn(conn_event(s->conn), "%.*s of %s of tenant %.*s %s: %.*s (said once a minute)", STR_ARG(what), name,
		    STR_ARG(tenant_name(core, user.tenant)), frame == 0 ? "wait" : "refused",
		    STR_ARG(sentence(core, arena, user, QUOTA_MEMORY, &b)));
	}
	arena_destroy(&arena);
}

void
bounds_tell(struct request *rq, enum quota_key key, const char *why)
{
	struct session *s = rq->session;
	if (quota_tells(rq->core->quota, NAME(request_tenant(rq), STR_NULL), key, request_now(rq)))
		tell(rq->core, conn_event(s->conn), s->principal.user, rq->header.api->name, str_from(why));
}
