/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buckets of a broker and the way of a connection to them.
 *
 * A link resolves its limits once for each image and client id, under the lock;
 * a charge then touches only its own numbers and the buckets' atomics. Buckets
 * exist for tenants, for users, for client ids below a user, and for client ids
 * with an entry of their own below the tenant. A user may invent ids: those
 * without an entry get at most clients_per_user buckets, and the next id takes
 * over the least recently resolved one with its debt, so inventing gains
 * nothing. Debt outlives connections; idle buckets are reaped.
 *
 * Who waits for a bucket comes back when its debt and what those before him will cost are
 * paid. If all came when the debt is paid, all but one would come for nothing, a hundred
 * connections would cost more by coming than by what they ask for, and some would never have
 * their turn.
 *
 * Of all the buckets that he needs he waits for one at a time, those of the fewest first, and
 * keeps his place only with those that he is through: with a place everywhere, who cannot go for
 * his own limit would keep waiting who needs only the tenant's; and who left each as soon as it let
 * him would begin anew with one whenever another is ready.
 */
#include "tenant/quota.h"

#include <string.h>

#include "base/mem.h"
#include "tenant/quota_impl.h"

const struct quota_config quota_config_default = {
	.window_ns = UINT64_C(10000000000),
	.burst_ns = UINT64_C(500000000),
	.clients_per_user = 32,
};

/* Every level that has a limit of the key; most have none. */
#define FOREACH_LIMIT(level, link, key) \
	for (unsigned more_ = (link)->limited[key], level; \
	    more_ != 0 && (level = (unsigned)__builtin_ctz(more_), true); more_ &= more_ - 1)

/* Holds its buckets: its link may have others by the time it is settled, or be gone. */
struct quota_held {
	struct quota *quota;
	enum quota_key key;
	struct node *at[QUOTA_LEVELS];
	double rate[QUOTA_LEVELS];	/* when it was promised */
	int64_t ns[QUOTA_LEVELS];	/* what it counts there */
};

/* ---- nodes; the lock is held ---- */

static struct node *
node_create(struct map *map, struct name name, struct node *parent)
{
	struct node *n = MEM_NEW(struct node);
	n->name = NAME(name.tenant, ((struct str){ str_dup(name.s), name.s.n }));
	n->parent = parent;
	if (parent != NULL)
		parent->holds++;
	list_init(&n->invented);
	list_init(&n->hook);
	map_put(map, n->name, n);
	return n;
}

struct node *
quota_node(struct map *map, struct name name, struct node *parent)
{
	struct node *n = map_get(map, name);
	return n != NULL ? n : node_create(map, name, parent);
}

static void
node_free(struct node *n)
{
	if (!list_empty(&n->hook)) {
		list_del(&n->hook);
		n->parent->n_invented--;
	}
	if (n->parent != NULL)
		n->parent->holds--;
	map_destroy(&n->children);
	mem_free((char *)(uintptr_t)n->name.s.p);
	mem_free(n);
}

static struct map *
children_of(struct node *n)
{
	if (n->children == NULL)
		n->children = map_create();
	return n->children;
}

/* The id takes over the oldest invented one's bucket and debt. */
static struct node *
take_over(struct node *user, struct name name)
{
	struct node *n = CONTAINER_OF(user->invented.next, struct node, hook);
	map_del(user->children, n->name);
	mem_free((char *)(uintptr_t)n->name.s.p);
	n->name.s = (struct str){ str_dup(name.s), name.s.n };
	map_put(user->children, n->name, n);
	return n;
}

/* The bucket of a client id below a user. invented: it has no entry of its own. */
static struct node *
client_node(const struct quota *q, struct node *user, struct str client, bool invented)
{
	struct name name = NAME(user->name.tenant, client);
	struct node *n = map_get(children_of(user), name);
	if (n == NULL && invented && user->n_invented >= q->config.clients_per_user)
		n = take_over(user, name);
	else if (n == NULL)
		n = node_create(user->children, name, user);
	if (!list_empty(&n->hook)) {
		list_del(&n->hook);
		user->n_invented--;
	}
	if (invented) {
		list_add(&user->invented, &n->hook);
		user->n_invented++;
	}
	return n;
}

/* ---- the buckets of a link; to change them the lock is held ---- */

static void
leave(struct quota_link *l, int level, int key)
{
	if (l->queued == NULL || l->queued->place[level][key] == 0)
		return;
	bucket_leave(&l->at[level]->bucket, (enum quota_key)key, l->queued->place[level][key]);
	l->queued->place[level][key] = 0;
	l->places--;
}

/* Puts n (may be NULL) in the place of what the link holds. */
static void
hold(struct quota_link *l, int level, struct node *n)
{
	struct node *old = l->at[level];
	for (int k = 0; n != old && k < QUOTA_RATES; k++)
		leave(l, level, k);
	if (n != NULL)
		n->holds++;
	if (old != NULL)
		old->holds--;
	l->at[level] = n;
}

/* ---- limits; the lock is held ---- */

/* The entities that can name a connection, in Kafka's order of precedence. */
enum { USER_CLIENT, USER_DEFAULT, USER, DEFAULT_CLIENT, DEFAULT_DEFAULT, DEFAULT_USER, CLIENT,
	DEFAULT_ID, ENTITIES };

static const struct {
	uint8_t user, client;		/* 0: no such part, 1: default, 2: named */
	enum quota_level level;
	bool named;			/* the client id has an entry of its own */
} entities[ENTITIES] = {
	[USER_CLIENT] =		{ 2, 2, QUOTA_CLIENT, true },
	[USER_DEFAULT] =	{ 2, 1, QUOTA_CLIENT, false },
	[USER] =		{ 2, 0, QUOTA_USER, false },
	[DEFAULT_CLIENT] =	{ 1, 2, QUOTA_CLIENT, true },
	[DEFAULT_DEFAULT] =	{ 1, 1, QUOTA_CLIENT, false },
	[DEFAULT_USER] =	{ 1, 0, QUOTA_USER, false },
	[CLIENT] =		{ 0, 2, QUOTA_CLIENT_ALL, true },
	/* Kafka shares this bucket among users with the same id; here a user
	 * cannot use up another's. */
	[DEFAULT_ID] =		{ 0, 1, QUOTA_CLIENT, false },
};

static void
read_limits(const struct quota_image *image, struct name user, struct str client,
    struct quota_values ret[ENTITIES])
{
	memset(ret, 0, ENTITIES * sizeof(ret[0]));
	for (int i = 0; i < ENTITIES; i++) {
		struct quota_entity e = {
			.tenant = user.tenant,
			.has_user = entities[i].user != 0,
			.has_client = entities[i].client != 0,
			.user = entities[i].user == 2 ? user.s : STR_NULL,
			.client = entities[i].client == 2 ? client : STR_NULL,
		};
		quota_image_get(image, &e, &ret[i]);
	}
}

/* A rate in the units that are charged: request time comes in nanoseconds. */
static double
unit_rate(enum quota_key key, double value)
{
	return key == QUOTA_REQUEST ? value * 1e7 : value;
}

static double
of_user(const struct quota_values *v, enum quota_key key)
{
	return v[USER].v[key] > 0 ? v[USER].v[key] : v[DEFAULT_USER].v[key];
}

/* Sets the link's rates of one key; notes which client buckets are needed. */
static void
resolve_key(struct quota_link *l, enum quota_key key, const struct quota_values *v,
    bool *needs, bool *named)
{
	l->rate[QUOTA_USER][key] = unit_rate(key, of_user(v, key));
	for (int i = 0; i < ENTITIES; i++) {
		if (!(v[i].v[key] > 0))
			continue;
		enum quota_level level = entities[i].level;
		l->rate[level][key] = unit_rate(key, v[i].v[key]);
		needs[level] = true;
		*named = *named || (level == QUOTA_CLIENT && entities[i].named);
		break;
	}
}

static void
note_limits(struct quota_link *l)
{
	memset(l->limited, 0, sizeof(l->limited));
	for (int i = 0; i < QUOTA_LEVELS; i++)
		for (int k = 0; k < QUOTA_RATES; k++)
			if (l->at[i] != NULL && l->rate[i][k] > 0)
				l->limited[k] |= (uint8_t)(1u << i);
}

static void
resolve(struct quota_link *l)
{
	struct quota *q = l->quota;
	struct node *user = l->at[QUOTA_USER];
	struct quota_values v[ENTITIES], tenant = { 0 };
	struct quota_entity e = { .tenant = user->name.tenant };
	bool needs[QUOTA_LEVELS] = { false }, named = false;

	l->epoch = atomic_load_explicit(&q->epoch, memory_order_relaxed);
	memset(l->rate, 0, sizeof(l->rate));
	if (l->queued != NULL)
		memset(l->queued->turn, 0, sizeof(l->queued->turn)); /* it went by the limits of before */
	read_limits(q->image, user->name, l->client, v);
	quota_image_get(q->image, &e, &tenant);
	for (int k = 0; k < QUOTA_RATES; k++) {
		l->rate[QUOTA_TENANT][k] = unit_rate((enum quota_key)k, tenant.v[k]);
		resolve_key(l, (enum quota_key)k, v, needs, &named);
	}
	for (int k = QUOTA_RATES; k < QUOTA_KEYS; k++) {
		l->most[QUOTA_TENANT][AMOUNT(k)] = tenant.v[k];
		l->most[QUOTA_USER][AMOUNT(k)] = of_user(v, (enum quota_key)k);
	}
	hold(l, QUOTA_CLIENT,
	    needs[QUOTA_CLIENT] ? client_node(q, user, l->client, !named) : NULL);
	struct node *t = l->at[QUOTA_TENANT];
	hold(l, QUOTA_CLIENT_ALL, needs[QUOTA_CLIENT_ALL] ?
	    quota_node(children_of(t), NAME(t->name.tenant, l->client), t) : NULL);
	note_limits(l);
}

void
quota_refresh(struct quota_link *l)
{
	if (l->epoch == atomic_load_explicit(&l->quota->epoch, memory_order_acquire))
		return;
	lock_take(&l->quota->lock);
	resolve(l);
	lock_drop(&l->quota->lock);
}

/* ---- the whole ---- */

struct quota *
quota_create(const struct quota_config *config)
{
	struct quota *q = MEM_NEW(struct quota);
	q->config = *config;
	if (q->config.clients_per_user == 0)
		q->config.clients_per_user = 1;
	lock_init(&q->lock, LOCK_QUOTA);
	q->tenants = map_create();
	q->users = map_create();
	q->addrs = map_create();
	return q;
}

static bool
has_nothing(const struct quota *q, const struct node *n)
{
	for (int k = QUOTA_RATES; k < QUOTA_KEYS; k++)
		if (quota_amount(q, n, (enum quota_key)k) > 0)
			return false;
	return true;
}

/* Frees the nodes of a map that nothing holds and that time has made full (all
 * with always), children first. */
static void
sweep(struct quota *q, struct map *map, uint64_t now_ns, bool always)
{
	size_t pos = 0;
	struct name key;
	for (struct node *n; map != NULL && (n = map_next(map, &pos, &key)) != NULL;) {
		sweep(q, n->children, now_ns, always);
		if (n->holds == 0 && (always || (bucket_idle(&n->bucket, now_ns, &q->config) && has_nothing(q, n)))) {
			map_del(map, n->name);
			node_free(n);
		}
	}
}

void
quota_destroy(struct quota **quota)
{
	struct quota *q = *quota;
	*quota = NULL;
	if (q == NULL)
		return;
	sweep(q, q->users, 0, true);
	sweep(q, q->tenants, 0, true);
	sweep(q, q->addrs, 0, true);
	map_destroy(&q->addrs);
	map_destroy(&q->users);
	map_destroy(&q->tenants);
	quota_image_unref(&q->image);
	lock_free(&q->lock);
	mem_free(q);
}

void
quota_publish(struct quota *q, struct quota_image *image)
{
	lock_take(&q->lock);
	struct quota_image *old = q->image;
	q->image = quota_image_ref(image);
	atomic_fetch_add_explicit(&q->epoch, 1, memory_order_release);
	lock_drop(&q->lock);
	quota_image_unref(&old);
}

void
quota_reap(struct quota *q, uint64_t now_ns)
{
	lock_take(&q->lock);
	sweep(q, q->users, now_ns, false);
	sweep(q, q->tenants, now_ns, false);
	sweep(q, q->addrs, now_ns, false);
	lock_drop(&q->lock);
}

/* Connections a second from the address; the lock is held. */
static double
connect_rate(const struct quota *q, struct str from)
{
	struct quota_entity e = { .has_ip = true, .ip = from };
	struct quota_values v = { 0 };
	(void)quota_image_get(q->image, &e, &v);
	e.ip = STR_NULL;
	if (!(v.v[QUOTA_CONNECT] > 0))
		(void)quota_image_get(q->image, &e, &v);
	return v.v[QUOTA_CONNECT];
}

bool
quota_connect(struct quota *q, const struct addr *from, uint64_t now_ns)
{
	char text[ADDR_TEXT];
	struct str name = str_from(addr_format(from, text));
	struct quota_config config = q->config;
	config.burst_ns = config.window_ns;
	lock_take(&q->lock);
	double rate = connect_rate(q, name);
	struct bucket *b = rate > 0 ? &quota_node(q->addrs, NAME(0, name), NULL)->bucket : NULL;
	bool admit = b == NULL || bucket_delay(b, QUOTA_CONNECT, now_ns, &config) == 0;
	if (b != NULL && admit) {
		bucket_count(b, QUOTA_CONNECT, 1, now_ns);
		bucket_charge(b, QUOTA_CONNECT, 1e9 / rate, now_ns, &config);
	}
	lock_drop(&q->lock);
	return admit;
}

struct quota_link *
quota_link_create(struct quota *q, struct name user)
{
	struct quota_link *l = MEM_NEW(struct quota_link);
	l->quota = q;
	l->client = (struct str){ mem_strdup(""), 0 };
	hold(l, QUOTA_TENANT, quota_node(q->tenants, NAME(user.tenant, STR("")), NULL));
	hold(l, QUOTA_USER, quota_node(q->users, user, l->at[QUOTA_TENANT]));
	l->at[QUOTA_TENANT]->links++;
	l->at[QUOTA_USER]->links++;
	resolve(l);
	return l;
}

struct quota_link *
quota_open(struct quota *q, struct name user)
{
	lock_take(&q->lock);
	struct quota_link *l = quota_link_create(q, user);
	lock_drop(&q->lock);
	return l;
}

void
quota_link_end(struct quota_link *l)
{
	l->at[QUOTA_TENANT]->links--;
	l->at[QUOTA_USER]->links--;
	for (int i = 0; i < QUOTA_LEVELS; i++)
		hold(l, i, NULL);
}

void
quota_close(struct quota_link **link)
{
	struct quota_link *l = *link;
	*link = NULL;
	if (l == NULL)
		return;
	if (l->at[QUOTA_USER] != NULL) {
		lock_take(&l->quota->lock);
		quota_link_end(l);
		lock_drop(&l->quota->lock);
	}
	mem_free((char *)(uintptr_t)l->client.p);
	mem_free(l->queued);
	mem_free(l);
}

void
quota_client(struct quota_link *l, struct str client_id)
{
	if (client_id.p == NULL)
		client_id = STR("");
	if (client_id.n > QUOTA_CLIENT_MAX)
		client_id.n = QUOTA_CLIENT_MAX;
	if (str_eq(l->client, client_id))
		return;
	mem_free((char *)(uintptr_t)l->client.p);
	l->client = (struct str){ str_dup(client_id), client_id.n };
	lock_take(&l->quota->lock);
	resolve(l);
	lock_drop(&l->quota->lock);
}

struct str
quota_client_now(const struct quota_link *l)
{
	return l->client;
}

uint64_t
quota_charge(struct quota_link *l, enum quota_key key, double amount, uint64_t now_ns)
{
	uint64_t longest = 0;
	quota_refresh(l);
	l->last[key] = amount;
	for (int i = 0; i < QUOTA_LEVELS; i++) {
		if (l->at[i] == NULL)
			continue;
		bucket_count(&l->at[i]->bucket, key, amount, now_ns);
		if (key == QUOTA_REQUEST)
			bucket_count(&l->at[i]->bucket, BUCKET_REQUESTS, 1, now_ns);
	}
	FOREACH_LIMIT(i, l, key) {
		uint64_t delay = bucket_charge(&l->at[i]->bucket, key,
		    amount * 1e9 / l->rate[i][key], now_ns, &l->quota->config);
		longest = delay > longest ? delay : longest;
	}
	return longest;
}

/* How long until one bucket lets it through; it has a place with it from then on. */
static uint64_t
wait_at(struct quota_link *l, int level, enum quota_key key, double amount, uint64_t now_ns)
{
	struct bucket *b = &l->at[level]->bucket;
	if (l->queued == NULL)
		l->queued = MEM_NEW(struct queued);
	uint64_t *turn = &l->queued->turn[level][key];
	int64_t *place = &l->queued->place[level][key];
	bool joins = *place == 0;
	uint64_t through = now_ns + bucket_wait(b, key, amount * 1e9 / l->rate[level][key], now_ns,
	    &l->quota->config, place);
	l->places += joins && *place != 0;
	uint64_t delay = bucket_delay(b, key, now_ns, &l->quota->config);
	if (joins || *turn > through)
		*turn = through; /* later: some have left */
	return *turn > now_ns + delay ? *turn - now_ns : delay;
}

/* Whether no bucket of what it asks for is in debt or waited for. */
static bool
passes_at_once(const struct quota_link *l, const struct quota_ask *asks, unsigned n, uint64_t now_ns)
{
	for (unsigned k = 0; k < n; k++)
		FOREACH_LIMIT(i, l, asks[k].key)
			if (!bucket_is_free(&l->at[i]->bucket, asks[k].key, now_ns))
				return false;
	return true;
}

uint64_t
quota_admit(struct quota_link *l, const struct quota_ask *asks, unsigned n, uint64_t now_ns)
{
	uint64_t wait = 0;
	bool behind = false;
	quota_refresh(l);
	if (l->places == 0 && passes_at_once(l, asks, n, now_ns))
		return 0;
	for (int i = QUOTA_LEVELS - 1; i >= 0; i--) {
		for (unsigned k = 0; k < n; k++) {
			enum quota_key key = asks[k].key;
			if (behind || l->at[i] == NULL || !(l->rate[i][key] > 0))
				leave(l, i, key);
			else if (wait == 0) {
				wait = wait_at(l, i, key, asks[k].amount < 0 ? l->last[key] : asks[k].amount, now_ns);
				behind = wait > 0 && l->queued->turn[i][key] > now_ns;
			}
		}
	}
	for (int i = 0; wait == 0 && i < QUOTA_LEVELS; i++)
		for (unsigned k = 0; k < n; k++)
			leave(l, i, asks[k].key);
	return wait;
}

void
quota_step_aside(struct quota_link *l)
{
	for (int i = 0; i < QUOTA_LEVELS; i++)
		for (int k = 0; k < QUOTA_RATES; k++)
			leave(l, i, k);
}

struct quota_held *
quota_hold(struct quota_link *l, enum quota_key key, double amount)
{
	quota_refresh(l);
	if (l->limited[key] == 0 || !(amount > 0))
		return NULL;
	struct quota_held *h = MEM_NEW(struct quota_held);
	h->quota = l->quota;
	h->key = key;
	lock_take(&l->quota->lock);
	for (int i = 0; i < QUOTA_LEVELS; i++) {
		if (l->at[i] == NULL)
			continue;
		h->at[i] = l->at[i];
		h->at[i]->holds++;
		h->rate[i] = l->rate[i][key];
		if (h->rate[i] > 0)
			h->ns[i] = bucket_hold(&h->at[i]->bucket, key, amount * 1e9 / h->rate[i], &l->quota->config);
	}
	lock_drop(&l->quota->lock);
	return h;
}

void
quota_release(struct quota_held **held)
{
	struct quota_held *h = *held;
	*held = NULL;
	if (h == NULL)
		return;
	lock_take(&h->quota->lock);
	for (int i = 0; i < QUOTA_LEVELS; i++) {
		if (h->at[i] == NULL)
			continue;
		bucket_release(&h->at[i]->bucket, h->key, h->ns[i]);
		h->at[i]->holds--;
	}
	lock_drop(&h->quota->lock);
	mem_free(h);
}

void
quota_settle(struct quota_held **held, double amount, uint64_t now_ns)
{
	struct quota_held *h = *held;
	for (int i = 0; h != NULL && i < QUOTA_LEVELS; i++) {
		if (h->at[i] == NULL)
			continue;
		bucket_count(&h->at[i]->bucket, h->key, amount, now_ns);
		if (h->rate[i] > 0)
			bucket_charge(&h->at[i]->bucket, h->key, amount * 1e9 / h->rate[i], now_ns,
			    &h->quota->config);
	}
	quota_release(held);
}

uint64_t
quota_delay(struct quota_link *l, enum quota_key key, uint64_t now_ns)
{
	uint64_t longest = 0;
	quota_refresh(l);
	FOREACH_LIMIT(i, l, key) {
		uint64_t delay = bucket_delay(&l->at[i]->bucket, key, now_ns, &l->quota->config);
		longest = delay > longest ? delay : longest;
	}
	return longest;
}

uint64_t
quota_most(struct quota_link *l, enum quota_key key)
{
	double least = 0;
	quota_refresh(l);
	FOREACH_LIMIT(i, l, key) {
		double most = l->rate[i][key] * (double)l->quota->config.burst_ns / 1e9;
		if (!(least > 0) || most < least)
			least = most;
	}
	return !(least > 0) || least >= 1e18 ? UINT64_MAX : least < 1 ? 1 : (uint64_t)least;
}

bool
quota_usage(struct quota *q, struct name user, uint64_t now_ns, struct quota_usage *ret)
{
	bool whole = user.s.p == NULL;
	struct quota_values v[ENTITIES], tenant = { 0 };
	struct quota_entity e = { .tenant = user.tenant };

	lock_take(&q->lock);
	const struct node *n = whole ? map_get(q->tenants, NAME(user.tenant, STR(""))) :
	    map_get(q->users, user);
	quota_image_get(q->image, &e, &tenant);
	read_limits(q->image, user, STR(""), v);
	for (int k = 0; k < QUOTA_KEYS; k++) {
		double own = v[USER].v[k] > 0 ? v[USER].v[k] : v[DEFAULT_USER].v[k];
		ret->limit[k] = whole ? tenant.v[k] : own;
	}
	ret->connections = n == NULL ? 0 : n->links;
	for (int k = 0; k < QUOTA_RATES; k++) {
		ret->rate[k] = 0;
		ret->delay_ns[k] = 0;
		if (n == NULL)
			continue;
		ret->rate[k] = bucket_rate(&n->bucket, (enum quota_key)k, now_ns);
		if (k == QUOTA_REQUEST)
			ret->rate[k] /= 1e7;
		ret->delay_ns[k] = bucket_delay(&n->bucket, (enum quota_key)k, now_ns, &q->config);
	}
	ret->requests = n == NULL ? 0 : bucket_rate(&n->bucket, BUCKET_REQUESTS, now_ns);
	lock_drop(&q->lock);
	return n != NULL;
}
