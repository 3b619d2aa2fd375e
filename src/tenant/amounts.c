/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts: of what a tenant and a user have, not how fast. Connections are counted by their links, exactly. The others
 * are counted elsewhere now and then and reported here; in between what is admitted is added, so that many who
 * ask at once between two counts do not all find the room of the last one.
 */
#include "tenant/quota.h"

#include <string.h>

#include "tenant/quota_impl.h"

#define TELL_AGAIN_NS UINT64_C(60000000000)

/* What was reported in the present count or the one before it; of who was in neither there is nothing. */
double
quota_amount(const struct quota *q, const struct node *n, enum quota_key key)
{
	if (key == QUOTA_CONNECTIONS)
		return n->links;
	return q->count - n->counted[AMOUNT(key)] > 1 ? 0 : atomic_load_explicit(&n->amount[AMOUNT(key)], memory_order_relaxed);
}

double
quota_image_limit(const struct quota_image *image, struct name user, enum quota_key key)
{
	struct quota_entity e = { .tenant = user.tenant, .has_user = user.s.p != NULL, .user = user.s };
	struct quota_values v = { 0 };
	(void)quota_image_get(image, &e, &v);
	if (v.v[key] > 0 || !e.has_user)
		return v.v[key];
	e.user = STR_NULL;
	memset(&v, 0, sizeof(v));
	(void)quota_image_get(image, &e, &v);
	return v.v[key];
}

/* The node of a user or, by a null string, of a tenant; NULL: nobody has met it. */
static struct node *
holder(const struct quota *q, struct name user)
{
	return user.s.p == NULL ? map_get(q->tenants, NAME(user.tenant, STR(""))) : map_get(q->users, user);
}

/* Whether it is a minute since the last time; of two loops one may be a little behind the other. */
static bool
is_news(struct node *n, enum quota_key key, uint64_t now_ns)
{
	uint64_t *told = &n->told_ns[AMOUNT(key)];
	bool news = *told == 0 || now_ns >= *told + TELL_AGAIN_NS;
	if (news)
		*told = now_ns;
	return news;
}

/* The lock is held. */
static bool
fits_one(struct quota *q, struct name user, enum quota_key key, double more, uint64_t now_ns, struct quota_bound *ret)
{
	double limit = quota_image_limit(q->image, user, key);
	struct node *n = limit > 0 ? holder(q, user) : NULL;
	double used = n == NULL ? 0 : quota_amount(q, n, key);
	if (!(limit > 0) || used + more <= limit)
		return true;
	*ret = (struct quota_bound){ .of_user = user.s.p != NULL, .used = used, .limit = limit,
		.tell = n == NULL || is_news(n, key, now_ns) };
	return false;
}

static bool
fits(struct quota *q, struct name user, enum quota_key key, double more, uint64_t now_ns, struct quota_bound *ret)
{
	return fits_one(q, NAME(user.tenant, STR_NULL), key, more, now_ns, ret) && fits_one(q, user, key, more, now_ns, ret);
}

bool
quota_fits(struct quota *q, struct name user, enum quota_key key, double more, uint64_t now_ns, struct quota_bound *ret)
{
	lock_take(&q->lock);
	bool yes = fits(q, user, key, more, now_ns, ret);
	lock_drop(&q->lock);
	return yes;
}

/* The link is counted already. The lock is held. */
static bool
is_within(struct quota_link *l, enum quota_level level, uint64_t now_ns, struct quota_bound *ret)
{
	struct node *n = l->at[level];
	double limit = l->most[level][AMOUNT(QUOTA_CONNECTIONS)];
	if (!(limit > 0) || n->links <= limit)
		return true;
	*ret = (struct quota_bound){ .of_user = level == QUOTA_USER, .used = n->links - 1, .limit = limit,
		.tell = is_news(n, QUOTA_CONNECTIONS, now_ns) };
	return false;
}

struct quota_link *
quota_open_within(struct quota *q, struct name user, uint64_t now_ns, struct quota_bound *ret)
{
	lock_take(&q->lock);
	struct quota_link *l = quota_link_create(q, user);
	bool yes = is_within(l, QUOTA_TENANT, now_ns, ret) && is_within(l, QUOTA_USER, now_ns, ret);
	if (!yes)
		quota_link_end(l);
	lock_drop(&q->lock);
	if (!yes)
		quota_close(&l);
	return l;
}

bool
quota_tells(struct quota *q, struct name user, enum quota_key key, uint64_t now_ns)
{
	lock_take(&q->lock);
	struct node *n = holder(q, user);
	bool news = n == NULL || is_news(n, key, now_ns);
	lock_drop(&q->lock);
	return news;
}

void
quota_recount(struct quota *q)
{
	lock_take(&q->lock);
	q->count++;
	lock_drop(&q->lock);
}

void
quota_report(struct quota *q, struct name user, enum quota_key key, double used)
{
	lock_take(&q->lock);
	struct node *t = quota_node(q->tenants, NAME(user.tenant, STR("")), NULL);
	struct node *n = user.s.p == NULL ? t : quota_node(q->users, user, t);
	atomic_store_explicit(&n->amount[AMOUNT(key)], used, memory_order_relaxed);
	n->counted[AMOUNT(key)] = q->count;
	lock_drop(&q->lock);
}

static void
add_amount(struct node *n, enum quota_key key, double more)
{
	_Atomic double *amount = &n->amount[AMOUNT(key)];
	double had = atomic_load_explicit(amount, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(amount, &had, had + more, memory_order_relaxed, memory_order_relaxed))
		;
}

void
quota_add(struct quota *q, struct name user, enum quota_key key, double more)
{
	lock_take(&q->lock);
	struct node *t = quota_node(q->tenants, NAME(user.tenant, STR("")), NULL);
	struct node *both[] = { t, user.s.p == NULL ? NULL : quota_node(q->users, user, t) };
	for (int i = 0; i < 2 && both[i] != NULL; i++) {
		struct node *n = both[i];
		if (q->count - n->counted[AMOUNT(key)] > 1) { /* in no count: it is the first that he has */
			atomic_store_explicit(&n->amount[AMOUNT(key)], 0, memory_order_relaxed);
			n->counted[AMOUNT(key)] = q->count;
		}
		add_amount(n, key, more);
	}
	lock_drop(&q->lock);
}

bool
quota_link_limits(struct quota_link *l, enum quota_key key)
{
	quota_refresh(l);
	return l->most[QUOTA_TENANT][AMOUNT(key)] > 0 || l->most[QUOTA_USER][AMOUNT(key)] > 0;
}

bool
quota_link_fits(struct quota_link *l, enum quota_key key, double more)
{
	quota_refresh(l);
	double limit = l->most[QUOTA_TENANT][AMOUNT(key)];
	return !(limit > 0) || atomic_load_explicit(&l->at[QUOTA_TENANT]->amount[AMOUNT(key)], memory_order_relaxed) + more <= limit;
}

void
quota_link_add(struct quota_link *l, enum quota_key key, double more)
{
	if (l->most[QUOTA_TENANT][AMOUNT(key)] > 0)
		add_amount(l->at[QUOTA_TENANT], key, more);
}
