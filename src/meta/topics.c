/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics: each of a request is planned by itself, so that one that cannot be
 * made does not keep the others; the request's nodes are committed together.
 * Partitions are made in the log after the commit: a crash between leaves a
 * topic whose partitions the next start makes.
 */
#include "meta/topics.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "meta/plan.h"
#include "meta/record.h"
#include "tenant/limits.h"

#define PARTITIONS_MAX 100000		/* of one topic, whoever asks */

int
topic_name_check(struct str name, struct why *why)
{
	if (name.n == 0)
		return why_set(why, ERR_INVAL, "a topic's name cannot be empty");
	if (name.n > TOPIC_NAME_MAX)
		return why_set(why, ERR_INVAL, "a topic's name has at most %d characters", TOPIC_NAME_MAX);
	if (str_is(name, ".") || str_is(name, ".."))
		return why_set(why, ERR_INVAL, "a topic cannot be called '.' or '..'");
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    c == '.' || c == '_' || c == '-';
		if (!fine)
			return why_set(why, ERR_INVAL, "a topic's name has letters, digits, '.', '_' and '-' only");
	}
	return 0;
}

void
topic_put(struct plan *p, const struct image_topic *t, const struct acl_node *node)
{
	struct buf b;
	char text[UUID_TEXT], key[96];
	buf_init(&b, META_NODE_MAX);
	record_begin(&b);
	record_add(&b, "id", str_from(uuid_format(&t->id, text)));
	record_add_int(&b, "partitions", t->partitions);
	for (int32_t i = 0; i < t->eras_n; i++) {
		snprintf(key, sizeof(key), "%d:%d", t->eras[i].first, t->eras[i].era);
		record_add(&b, "era", str_from(key));
	}
	if (t->internal)
		record_add_int(&b, "internal", 1);
	record_add(&b, "owner", node->owner);
	record_add(&b, "team", node->team);
	record_add_int(&b, "mode", node->mode);
	for (int i = 0; i < TOPIC_KEYS; i++) {
		if (t->set.v[i] == NULL)
			continue;
		snprintf(key, sizeof(key), "config.%s", topic_keys[i].name);
		record_add(&b, key, str_from(t->set.v[i]));
	}
	plan_put(p, &b, "/tenants/%u/topics/%.*s", t->name.tenant, STR_ARG(t->name.s));
}

/* Checks one setting and notes it. */
static enum change_result
take_setting(struct plan *p, struct str name, struct str value, const struct limits *limits,
    struct topic_overrides *set, struct why *why)
{
	enum topic_key key;
	if (topic_key_find(name, &key) != 0) {
		why_set(why, ERR_INVAL, "%.*s is no setting of a topic", STR_ARG(name));
		return CHANGE_BAD_CONFIG;
	}
	if (value.p == NULL) {
		why_set(why, ERR_INVAL, "%s needs a value", topic_keys[key].name);
		return CHANGE_BAD_CONFIG;
	}
	if (topic_value_check(key, value, why) != 0)
		return CHANGE_BAD_CONFIG;
	if (limits != NULL && limits_check(limits, name, topic_value_number(key, value), why) != 0)
		return CHANGE_POLICY;
	set->v[key] = arena_str(plan_arena(p), value).p;
	return CHANGE_OK;
}

/* ---- making ---- */

/* Each partition from 0 to n - 1 once, on this broker alone. */
static bool
assignment_fits(struct plan *p, const struct topic_new *t)
{
	if (t->assignments.n > PARTITIONS_MAX)
		return false;
	bool *seen = arena_zalloc(plan_arena(p), (size_t)t->assignments.n * sizeof(*seen));
	for (int32_t i = 0; i < t->assignments.n; i++) {
		const struct topic_assignment *a = &t->assignments.v[i];
		if (a->partition < 0 || a->partition >= t->assignments.n || seen[a->partition] ||
		    a->brokers_n != 1 || a->brokers[0] != plan_config(p)->node_id)
			return false;
		seen[a->partition] = true;
	}
	return true;
}

static enum change_result
check_assignment(struct plan *p, struct topic_new *t)
{
	if (t->assignments.n <= 0)
		return CHANGE_OK;
	if (t->partitions != -1 || t->replication != -1) {
		why_set(&t->why, 0, "give either the assignment or the numbers of partitions and replicas");
		return CHANGE_BAD_REQUEST;
	}
	if (!assignment_fits(p, t)) {
		why_set(&t->why, 0, "partitions go from 0 without a gap, each on broker %d alone",
		    plan_config(p)->node_id);
		return CHANGE_BAD_ASSIGNMENT;
	}
	t->partitions = t->assignments.n;
	t->replication = 1;
	return CHANGE_OK;
}

static uint64_t
partitions_of(const struct image *im, struct name owner)
{
	const struct acl_tenant *t = acl_image_tenant(image_acl(im), owner.tenant);
	const struct image_topic *topic = image_next_topic(im, owner.tenant, STR_NULL);
	uint64_t n = 0;
	for (; topic != NULL; topic = image_next_topic(im, owner.tenant, topic->name.s)) {
		const struct acl_node *node = acl_tenant_node(t, ACL_TOPIC, topic->name.s);
		if (node != NULL && str_eq(node->owner, owner.s))
			n += (uint64_t)topic->partitions;
	}
	return n;
}

static uint64_t
owned_by(struct plan *p, struct name owner, struct topics_owned *o)
{
	if (!o->known || !str_eq(o->owner, owner.s))
		*o = (struct topics_owned){ true, arena_str(plan_arena(p), owner.s), partitions_of(plan_image(p), owner) };
	return o->partitions;
}

static void
owned_more(struct topics_owned *o, struct str owner, uint64_t more)
{
	if (o->known && str_eq(o->owner, owner))
		o->partitions += more;
}

/* The quotas of partitions: the tenant's, and the owner's. */
static enum change_result
check_quotas(struct plan *p, struct name owner, struct topics_owned *owned, uint64_t in_all, uint64_t more, struct why *why)
{
	const struct quota_image *q = image_quotas(plan_image(p));
	double most = quota_image_limit(q, NAME(owner.tenant, STR_NULL), QUOTA_PARTITIONS);
	if (most > 0 && (double)in_all > most) {
		why_set(why, 0, "the tenant may have %.15g partitions, with these it would have %" PRIu64 " (quota partitions)",
		    most, in_all);
		return CHANGE_AMOUNT;
	}
	most = owner.s.n > 0 ? quota_image_limit(q, owner, QUOTA_PARTITIONS) : 0;
	if (most > 0 && (double)(owned_by(p, owner, owned) + more) > most) {
		why_set(why, 0, "user %.*s may have topics of %.15g partitions, with these there would be %" PRIu64
		    " (quota partitions)", STR_ARG(owner.s), most, owned->partitions + more);
		return CHANGE_AMOUNT;
	}
	return CHANGE_OK;
}

/* May the owner, and his tenant, have `more`? `made` are of the same request: an image that is only tried
 * does not have them. limits: NULL for none, nor quotas. */
static enum change_result
check_room(struct plan *p, struct name owner, const struct limits *limits, struct topics_owned *owned, bool tried,
    uint64_t made, uint64_t more, struct why *why)
{
	const struct image_tenant *t = image_tenant(plan_image(p), owner.tenant);
	uint64_t before = tried ? made : 0, have = (t == NULL ? 0 : t->partitions) + before;
	if (limits == NULL)
		return CHANGE_OK;
	if (limits_check_partitions(limits, made + more, have + more, why) != 0)
		return CHANGE_AMOUNT;
	return check_quotas(p, owner, owned, have + more, before + more, why);
}

static enum change_result
check_numbers(struct plan *p, struct topics_create *c, struct topic_new *t)
{
	if (t->partitions == -1)
		t->partitions = plan_config(p)->num_partitions;
	if (t->partitions <= 0 || t->partitions > PARTITIONS_MAX) {
		why_set(&t->why, 0, "a topic has between 1 and %d partitions", PARTITIONS_MAX);
		return CHANGE_BAD_PARTITIONS;
	}
	if (t->replication != -1 && t->replication != 1) {
		why_set(&t->why, 0, "there is one broker: the replication factor is 1, not %d", t->replication);
		return CHANGE_BAD_REPLICATION;
	}
	return check_room(p, NAME(t->name.tenant, t->owner), c->limited ? c->limits : NULL, &c->owned, c->validate_only,
	    c->made, (uint64_t)t->partitions, &t->why);
}

/* Kafka refuses names that differ only in '.' and '_': their metrics collide. */
static const struct image_topic *
colliding(const struct image *im, struct name name)
{
	const struct image_topic *t;
	if (name.s.n > TOPIC_NAME_MAX || (memchr(name.s.p, '.', name.s.n) == NULL && memchr(name.s.p, '_', name.s.n) == NULL))
		return NULL;
	for (t = image_next_topic(im, name.tenant, STR_NULL); t != NULL;
	    t = image_next_topic(im, name.tenant, t->name.s)) {
		bool same = t->name.s.n == name.s.n;
		for (size_t i = 0; i < name.s.n && same; i++) {
			char a = t->name.s.p[i] == '.' ? '_' : t->name.s.p[i];
			char b = name.s.p[i] == '.' ? '_' : name.s.p[i];
			same = a == b;
		}
		if (same)
			return t;
	}
	return NULL;
}

static enum change_result
plan_new(struct plan *p, struct topics_create *c, struct topic_new *t)
{
	struct topic_era born = { 0, image_era(plan_image(p)) };
	struct image_topic made = { .name = t->name, .internal = t->internal, .eras = &born, .eras_n = 1 };
	if (topic_name_check(t->name.s, &t->why) != 0)
		return CHANGE_BAD_TOPIC_NAME;
	if (image_topic(plan_image(p), t->name) != NULL) {
		why_set(&t->why, 0, "topic '%.*s' exists already", STR_ARG(t->name.s));
		return CHANGE_TOPIC_EXISTS;
	}
	const struct image_topic *other = colliding(plan_image(p), t->name);
	if (other != NULL) {
		why_set(&t->why, 0, "'%.*s' and '%.*s' differ only in '.' and '_'", STR_ARG(t->name.s),
		    STR_ARG(other->name.s));
		return CHANGE_BAD_TOPIC_NAME;
	}
	enum change_result r = check_assignment(p, t);
	if (r == CHANGE_OK)
		r = check_numbers(p, c, t);
	for (int32_t i = 0; i < t->settings.n && r == CHANGE_OK; i++)
		r = take_setting(p, t->settings.v[i].name, t->settings.v[i].value,
		    c->limited ? c->limits : NULL, &made.set, &t->why);
	if (r == CHANGE_OK && topic_overrides_check(&made.set, image_defaults(plan_image(p)), &t->why) != 0)
		r = CHANGE_BAD_CONFIG;
	if (r != CHANGE_OK || c->validate_only)
		return r;
	if (uuid_is_zero(&t->id))
		t->id = uuid_make();
	made.id = t->id;
	made.partitions = t->partitions;
	struct acl_node node = { .owner = t->owner, .team = t->team, .mode = t->mode };
	topic_put(p, &made, &node);
	owned_more(&c->owned, t->owner, (uint64_t)t->partitions);
	return CHANGE_OK;
}

static enum change_result
create_plan(struct change *change, struct plan *p)
{
	struct topics_create *c = CONTAINER_OF(change, struct topics_create, change);
	c->made = 0;
	c->owned.known = false;
	for (int32_t i = 0; i < c->n; i++) {
		struct topic_new *t = &c->topics[i];
		if (t->result == CHANGE_OK)
			t->result = plan_new(p, c, t);
		if (t->result == CHANGE_OK)
			c->made += (uint64_t)t->partitions;
	}
	return CHANGE_OK;
}

int
topic_partitions_make(struct store *store, const struct image *im, const struct image_topic *t,
    int64_t *ret_behind, struct why *why)
{
	struct store_topic st = { t->id, t->name, t->internal, t->config.log };
	int err = store_create_partitions(store, &st, 0, t->partitions, why);
	for (int32_t i = 0; i < t->partitions && err == 0; i++) {
		struct partition *p = store_find(store, &t->id, i);
		int64_t epoch = image_leader_epoch(im, t, i);
		if (p != NULL && partition_lead(p, (int32_t)epoch) != 0 && partition_epoch(p) - epoch > *ret_behind)
			*ret_behind = partition_epoch(p) - epoch;
		partition_put(&p);
	}
	return err;
}

/* As the new image has it; of its era, in which all partitions are led. */
static void
make_partitions(struct plan *p, struct name name, enum change_result *result, struct why *why)
{
	const struct image *im = plan_image(p);
	int64_t behind = 0;
	if (topic_partitions_make(plan_config(p)->store, im, image_topic(im, name), &behind, why) != 0)
		*result = CHANGE_STORAGE;
}

static void
create_carry_out(struct change *change, struct plan *p)
{
	struct topics_create *c = CONTAINER_OF(change, struct topics_create, change);
	for (int32_t i = 0; i < c->n && !c->validate_only; i++)
		if (c->topics[i].result == CHANGE_OK)
			make_partitions(p, c->topics[i].name, &c->topics[i].result, &c->topics[i].why);
}

void
topics_create_init(struct topics_create *c)
{
	c->change.plan = create_plan;
	c->change.carry_out = create_carry_out;
}

/* The topic of the name; NULL also where it is another since the gate was asked. */
static const struct image_topic *
topic_meant(struct plan *p, struct name name, const struct uuid *id)
{
	const struct image_topic *t = image_topic(plan_image(p), name);
	return t == NULL || uuid_is_zero(id) || uuid_eq(&t->id, id) ? t : NULL;
}

/* ---- deleting ---- */

void
topic_plan_end(struct plan *p, struct arena *arena, const struct image_topic *t, struct topic_gone *g)
{
	g->id = t->id;
	g->partitions = t->partitions;
	g->name = NAME(t->name.tenant, arena_str(arena, t->name.s));
	rules_delete_owned(p, g->name, ACL_TOPIC);
	plan_delete(p, "/tenants/%u/topics/%.*s", g->name.tenant, STR_ARG(g->name.s));
}

static enum change_result
delete_plan(struct change *change, struct plan *p)
{
	struct topics_delete *c = CONTAINER_OF(change, struct topics_delete, change);
	for (int32_t i = 0; i < c->n; i++) {
		struct topic_gone *g = &c->topics[i];
		if (g->result != CHANGE_OK)
			continue;
		bool by_id = g->name.s.n == 0;
		const struct image_topic *t = by_id ? image_topic_by_id(plan_image(p), &g->id)
		    : topic_meant(p, g->name, &g->id);
		if (t == NULL) {
			g->result = by_id ? CHANGE_UNKNOWN_ID : CHANGE_NOT_FOUND;
			continue;
		}
		topic_plan_end(p, change->arena, t, g);
	}
	return CHANGE_OK;
}

void
topic_files_end(struct plan *p, const struct topic_gone *g)
{
	for (int32_t k = 0; k < g->partitions; k++)
		(void)store_delete_partition(plan_config(p)->store, &g->id, k);
}

void
topic_end(struct plan *p, const struct topic_gone *g)
{
	const struct controller_config *f = plan_config(p);
	topic_files_end(p, g);
	if (f->topic_gone != NULL)
		f->topic_gone(f->arg, g->name);
}

static void
delete_carry_out(struct change *change, struct plan *p)
{
	struct topics_delete *c = CONTAINER_OF(change, struct topics_delete, change);
	for (int32_t i = 0; i < c->n; i++)
		if (c->topics[i].result == CHANGE_OK)
			topic_end(p, &c->topics[i]);
}

void
topics_delete_init(struct topics_delete *c)
{
	c->change.plan = delete_plan;
	c->change.carry_out = delete_carry_out;
}

/* ---- growing ---- */

/* The topic with so many partitions: the new ones were made in the era that is now. */
static struct image_topic
grown(struct plan *p, const struct image_topic *t, int32_t partitions)
{
	struct image_topic g = *t;
	int32_t era = image_era(plan_image(p));
	if (t->eras[t->eras_n - 1].era != era) {
		g.eras = arena_alloc(plan_arena(p), (size_t)(t->eras_n + 1) * sizeof(*g.eras));
		memcpy(g.eras, t->eras, (size_t)t->eras_n * sizeof(*g.eras));
		g.eras[g.eras_n++] = (struct topic_era){ t->partitions, era };
	}
	g.partitions = partitions;
	return g;
}

static enum change_result
plan_grow(struct plan *p, struct topics_grow *c, struct topic_grow *g)
{
	const struct image_topic *t = topic_meant(p, g->name, &g->id);
	if (t == NULL)
		return CHANGE_NOT_FOUND;
	if (g->count > PARTITIONS_MAX || g->count <= t->partitions) {
		why_set(&g->why, 0, g->count <= t->partitions ? "the topic has %d partitions; their number can only rise"
		    : "too many partitions (it has %d)", t->partitions);
		return CHANGE_BAD_PARTITIONS;
	}
	int32_t more = g->count - t->partitions;
	if (g->assignments.n >= 0 && g->assignments.n != more) {
		why_set(&g->why, 0, "%d partitions are new, %d are assigned", more, g->assignments.n);
		return CHANGE_BAD_ASSIGNMENT;
	}
	for (int32_t i = 0; i < g->assignments.n; i++)
		if (g->assignments.v[i].brokers_n != 1 ||
		    g->assignments.v[i].brokers[0] != plan_config(p)->node_id)
			return CHANGE_BAD_ASSIGNMENT;
	const struct acl_node *node = acl_tenant_node(acl_image_tenant(image_acl(plan_image(p)),
	    g->name.tenant), ACL_TOPIC, g->name.s);
	enum change_result r = check_room(p, NAME(g->name.tenant, node == NULL ? STR("") : node->owner),
	    c->limited ? c->limits : NULL, &c->owned, c->validate_only, c->made, (uint64_t)more, &g->why);
	if (r != CHANGE_OK)
		return r;
	c->made += (uint64_t)more;
	if (c->validate_only)
		return CHANGE_OK;
	struct image_topic next = grown(p, t, g->count);
	owned_more(&c->owned, node == NULL ? STR("") : node->owner, (uint64_t)more);
	topic_put(p, &next, node);
	return CHANGE_OK;
}

static enum change_result
grow_plan(struct change *change, struct plan *p)
{
	struct topics_grow *c = CONTAINER_OF(change, struct topics_grow, change);
	c->made = 0;
	c->owned.known = false;
	for (int32_t i = 0; i < c->n; i++)
		if (c->topics[i].result == CHANGE_OK)
			c->topics[i].result = plan_grow(p, c, &c->topics[i]);
	return CHANGE_OK;
}

static void
grow_carry_out(struct change *change, struct plan *p)
{
	struct topics_grow *c = CONTAINER_OF(change, struct topics_grow, change);
	for (int32_t i = 0; i < c->n && !c->validate_only; i++)
		if (c->topics[i].result == CHANGE_OK)
			make_partitions(p, c->topics[i].name, &c->topics[i].result, &c->topics[i].why);
}

void
topics_grow_init(struct topics_grow *c)
{
	c->change.plan = grow_plan;
	c->change.carry_out = grow_carry_out;
}

/* ---- settings ---- */

/* APPEND and SUBTRACT on lists: the words of value put to, or taken from, had. */
static struct str
edit_list(struct arena *arena, struct str had, struct str value, bool append)
{
	struct buf b;
	struct str rest = had, word, others, other;
	buf_init(&b, had.n + value.n + 2);
	while (rest.p != NULL && rest.n > 0) {
		bool named = false;
		str_cut(&rest, ',', &word);
		for (others = value; others.p != NULL && others.n > 0;) {
			str_cut(&others, ',', &other);
			named = named || str_eq(str_trim(other), str_trim(word));
		}
		if (!named)
			(void)buf_printf(&b, "%s%.*s", b.n > 0 ? "," : "", STR_ARG(str_trim(word)));
	}
	if (append)
		(void)buf_printf(&b, "%s%.*s", b.n > 0 ? "," : "", STR_ARG(value));
	struct str out = arena_str(arena, buf_str(&b));
	buf_free(&b);
	return out;
}

static enum change_result
alter_one(struct plan *p, const struct topics_alter *c, struct topic_alter *t,
    const struct topic_alteration *a, struct topic_overrides *set)
{
	enum topic_key key;
	const struct limits *limits = c->limited ? c->limits : NULL;
	struct str value = a->value;
	if (topic_key_find(a->name, &key) != 0) {
		why_set(&t->why, 0, "%.*s is no setting of a topic", STR_ARG(a->name));
		return CHANGE_BAD_CONFIG;
	}
	if (a->op == TOPIC_UNSET) {
		set->v[key] = NULL;
		return CHANGE_OK;
	}
	if (a->op != TOPIC_SET) {
		if (topic_keys[key].kind != TOPIC_KIND_LIST) {
			why_set(&t->why, 0, "%s is no list", topic_keys[key].name);
			return CHANGE_BAD_CONFIG;
		}
		const char *had = set->v[key] != NULL ? set->v[key] : image_defaults(plan_image(p))->v[key];
		value = edit_list(plan_arena(p), str_from(had != NULL ? had : topic_keys[key].dflt), value,
		    a->op == TOPIC_APPEND);
	}
	return take_setting(p, a->name, value, limits, set, &t->why);
}

static enum change_result
plan_alter(struct plan *p, const struct topics_alter *c, struct topic_alter *a)
{
	const struct image_topic *t = topic_meant(p, a->name, &a->id);
	if (t == NULL)
		return CHANGE_NOT_FOUND;
	struct image_topic next = *t;
	if (a->replace)
		next.set = (struct topic_overrides){ { NULL } };
	for (int32_t i = 0; i < a->settings.n; i++) {
		for (int32_t k = 0; k < i; k++) {
			if (str_eq(a->settings.v[k].name, a->settings.v[i].name)) {
				why_set(&a->why, 0, "%.*s is named twice", STR_ARG(a->settings.v[i].name));
				return CHANGE_BAD_REQUEST;
			}
		}
		enum change_result r = alter_one(p, c, a, &a->settings.v[i], &next.set);
		if (r != CHANGE_OK)
			return r;
	}
	if (topic_overrides_check(&next.set, image_defaults(plan_image(p)), &a->why) != 0)
		return CHANGE_BAD_CONFIG;
	if (c->validate_only)
		return CHANGE_OK;
	const struct acl_node *node = acl_tenant_node(acl_image_tenant(image_acl(plan_image(p)),
	    a->name.tenant), ACL_TOPIC, a->name.s);
	topic_put(p, &next, node);
	return CHANGE_OK;
}

static enum change_result
alter_plan(struct change *change, struct plan *p)
{
	struct topics_alter *c = CONTAINER_OF(change, struct topics_alter, change);
	for (int32_t i = 0; i < c->n; i++)
		if (c->topics[i].result == CHANGE_OK)
			c->topics[i].result = plan_alter(p, c, &c->topics[i]);
	return CHANGE_OK;
}

/* The log obeys the new settings from its next append on. */
static void
alter_carry_out(struct change *change, struct plan *p)
{
	struct topics_alter *c = CONTAINER_OF(change, struct topics_alter, change);
	for (int32_t i = 0; i < c->n && !c->validate_only; i++) {
		const struct image_topic *t = image_topic(plan_image(p), c->topics[i].name);
		for (int32_t k = 0; t != NULL && c->topics[i].result == CHANGE_OK && k < t->partitions; k++) {
			struct partition *part = store_find(plan_config(p)->store, &t->id, k);
			if (part == NULL)
				continue;
			partition_set_config(part, &t->config.log);
			partition_put(&part);
		}
	}
}

void
topics_alter_init(struct topics_alter *c)
{
	c->change.plan = alter_plan;
	c->change.carry_out = alter_carry_out;
}
