/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nodes to images. One row for each kind of node says where it lies and
 * what it does; a path is split into its parts once, the tenant's number is the
 * second. A node that cannot be read is an error and changes nothing: a rule, a
 * mode or a limit that is left out could mean more rights than were given.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "meta/address.h"
#include "meta/image.h"
#include "meta/image_impl.h"
#include "meta/record.h"
#include "meta/scram_record.h"

struct apply {
	struct image *im;
	struct arena *arena;
	struct str part[4];		/* of the path */
	int parts;
	uint32_t tenant;
	struct str name;		/* the last part, unescaped */
	struct record r;		/* of the value */
	bool deleted;
	struct why *why;
};

static void
swap_map(struct pmap **map, struct pmap *next, const struct pmap_ops *ops)
{
	pmap_unref(map, ops);
	*map = next;
}

static void
set_acl(struct image *im, struct acl_tenant *tenant)
{
	struct acl_image *next = acl_image_set_tenant(im->acl, tenant);
	acl_image_unref(&im->acl);
	im->acl = next;
}

static struct acl_tenant *
tenant_of(struct apply *a)
{
	return (struct acl_tenant *)(uintptr_t)acl_image_tenant(a->im->acl, a->tenant);
}

static int
no_tenant(struct apply *a)
{
	return why_set(a->why, ERR_NOTFOUND, "tenant %u does not exist", a->tenant);
}

/* ---- tenants ---- */

static int
apply_tenant(struct apply *a)
{
	char key[4];
	if (a->deleted) {
		struct acl_image *next = acl_image_del_tenant(a->im->acl, a->tenant);
		acl_image_unref(&a->im->acl);
		a->im->acl = next;
		swap_map(&a->im->tenants, pmap_del(a->im->tenants, &image_tenant_ops,
		    image_key(NAME(a->tenant, STR("")), key)), &image_tenant_ops);
		return 0;
	}
	struct str name = record_get(&a->r, "name"), cluster = record_get(&a->r, "cluster.id");
	struct str owner = record_get(&a->r, "owner"), state = record_get(&a->r, "state");
	enum tenant_state is = TENANT_OPEN;
	int64_t generation;
	if (name.n == 0 || cluster.n == 0 || cluster.n >= UUID_TEXT)
		return why_set(a->why, ERR_CORRUPT, "no name or cluster.id");
	if ((state.p != NULL && tenant_state_parse(state, &is) != 0) ||
	    record_int(&a->r, "generation", 0, &generation) != 0 || generation < 0)
		return why_set(a->why, ERR_CORRUPT, "damaged state or generation");
	if ((uint64_t)generation >= a->im->next_generation)
		a->im->next_generation = (uint64_t)generation + 1;
	struct acl_tenant *had = tenant_of(a);
	set_acl(a->im, had == NULL || a->tenant == 0
	    ? acl_tenant_create(a->tenant, name, owner.p == NULL ? STR("") : owner)
	    : acl_tenant_rename(had, name));
	const struct image_tenant *old = image_tenant(a->im, a->tenant);
	struct image_tenant *t = MEM_NEW(struct image_tenant);
	ref_init(&t->ref);
	t->key = image_key_dup(NAME(a->tenant, STR("")));
	t->number = a->tenant;
	t->name = (struct str){ str_dup(name), name.n };
	t->owner = (struct str){ str_dup(owner), owner.n };
	t->state = is;
	t->generation = (uint64_t)generation;
	memcpy(t->cluster_id, cluster.p, cluster.n);
	t->topics = old == NULL ? 0 : old->topics;
	t->partitions = old == NULL ? 0 : old->partitions;
	swap_map(&a->im->tenants, pmap_set(a->im->tenants, &image_tenant_ops, t), &image_tenant_ops);
	return 0;
}

static void
count_topic(struct image *im, uint32_t number, int sign, int32_t partitions)
{
	const struct image_tenant *old = image_tenant(im, number);
	if (old == NULL)
		return;
	struct image_tenant *t = mem_dup(old, sizeof(*old));
	ref_init(&t->ref);
	t->key = image_key_dup(NAME(number, STR("")));
	t->name = (struct str){ str_dup(old->name), old->name.n };
	t->owner = (struct str){ str_dup(old->owner), old->owner.n };
	t->topics += (uint32_t)sign;
	t->partitions += (uint64_t)((int64_t)sign * partitions);
	swap_map(&im->tenants, pmap_set(im->tenants, &image_tenant_ops, t), &image_tenant_ops);
}

/* ---- nodes of the tree ---- */

static int
read_node(const struct record *r, struct acl_node *ret)
{
	int64_t mode, create;
	if (record_int(r, "mode", -1, &mode) != 0 || record_int(r, "create", 0740, &create) != 0 ||
	    mode < 0 || mode > 0777 || create < 0 || create > 0777)
		return ERR_CORRUPT;
	struct str owner = record_get(r, "owner"), team = record_get(r, "team");
	*ret = (struct acl_node){ .owner = owner.p == NULL ? STR("") : owner,
		.team = team.p == NULL ? STR("") : team, .mode = (uint16_t)mode,
		.create_mode = (uint16_t)create };
	return 0;
}

static int
set_node(struct apply *a, enum acl_type type, struct str name)
{
	struct acl_tenant *t = tenant_of(a);
	struct acl_node node;
	if (t == NULL)
		return no_tenant(a);
	if (a->deleted) {
		set_acl(a->im, acl_tenant_del_node(t, type, name));
		return 0;
	}
	if (read_node(&a->r, &node) != 0)
		return why_set(a->why, ERR_CORRUPT, "no mode");
	set_acl(a->im, acl_tenant_set_node(t, type, name, &node));
	return 0;
}

static int
apply_dir(struct apply *a)
{
	static const struct { const char *name; enum acl_type type; } dirs[] = {
		{ "tenant", ACL_TENANT }, { "topics", ACL_TOPICS }, { "groups", ACL_GROUPS },
		{ "txns", ACL_TXNS },
	};
	for (size_t i = 0; i < 4; i++)
		if (str_is(a->name, dirs[i].name))
			return a->deleted ? 0 : set_node(a, dirs[i].type, STR(""));
	return why_set(a->why, ERR_CORRUPT, "no such directory");
}

static int
apply_group(struct apply *a)
{
	return set_node(a, ACL_GROUP, a->name);
}

static int
apply_txn(struct apply *a)
{
	return set_node(a, ACL_TXN, a->name);
}

/* ---- topics ---- */

static void
forget_topic(struct apply *a, const struct image_topic *t)
{
	char key[16];
	memcpy(key, t->id.b, 16);
	count_topic(a->im, a->tenant, -1, t->partitions);
	swap_map(&a->im->by_id, pmap_del(a->im->by_id, &image_id_ops, (struct str){ key, 16 }),
	    &image_id_ops);
	struct str whole = image_key_dup(t->name);
	swap_map(&a->im->topics, pmap_del(a->im->topics, &image_topic_ops, whole), &image_topic_ops);
	mem_free((void *)(uintptr_t)whole.p);
}

static int
read_overrides(const struct record *r, struct topic_overrides *ret, struct why *why)
{
	ARRAY_FOREACH(const struct record_field, f, r->fields) {
		enum topic_key key;
		struct str k = f->key;
		if (!str_starts(k, STR("config.")))
			continue;
		k.p += 7;
		k.n -= 7;
		if (topic_key_find(k, &key) != 0 || topic_value_check(key, f->value, NULL) != 0)
			return why_set(why, ERR_CORRUPT, "%.*s=%.*s is no setting", STR_ARG(k), STR_ARG(f->value));
		if (ret->v[key] == NULL)
			ret->v[key] = str_dup(f->value);
	}
	return 0;
}

/* "FIRST:ERA", once or more, FIRST rising from 0. A node without any is older than they are:
 * its leader epoch was the era itself. */
static int
read_eras(const struct record *r, struct image_topic *t)
{
	int64_t first, era, last = -1;
	t->eras = mem_zalloc((size_t)(r->fields.n + 1) * sizeof(*t->eras));
	ARRAY_FOREACH(const struct record_field, f, r->fields) {
		struct str rest = f->value, part;
		if (!str_is(f->key, "era"))
			continue;
		str_cut(&rest, ':', &part);
		if (rest.p == NULL || str_to_i64(part, last + 1, t->partitions - 1, &first) != 0 ||
		    (last < 0 && first != 0) || str_to_i64(rest, 0, INT32_MAX - 1, &era) != 0)
			return ERR_CORRUPT;
		t->eras[t->eras_n++] = (struct topic_era){ (int32_t)first, (int32_t)era };
		last = first;
	}
	if (t->eras_n == 0)
		t->eras_n = 1;
	t->eras = mem_realloc(t->eras, (size_t)t->eras_n * sizeof(*t->eras));
	return 0;
}

static int
apply_topic(struct apply *a)
{
	const struct image_topic *old = image_topic(a->im, NAME(a->tenant, a->name));
	int64_t partitions;
	struct uuid id;
	if (tenant_of(a) == NULL)
		return no_tenant(a);
	if (!a->deleted && (record_int(&a->r, "partitions", 0, &partitions) != 0 || partitions < 1 ||
	    partitions > INT32_MAX || uuid_parse(record_get(&a->r, "id"), &id) != 0))
		return why_set(a->why, ERR_CORRUPT, "no id or partitions");
	if (old != NULL)
		forget_topic(a, old);
	int err = set_node(a, ACL_TOPIC, a->name);
	if (err != 0 || a->deleted)
		return err;
	struct image_topic *t = MEM_NEW(struct image_topic);
	ref_init(&t->ref);
	t->key = image_key_dup(NAME(a->tenant, a->name));
	t->name = NAME(a->tenant, ((struct str){ t->key.p + 4, t->key.n - 4 }));
	t->id = id;
	t->partitions = (int32_t)partitions;
	t->internal = record_flag(&a->r, "internal");
	err = read_overrides(&a->r, &t->set, a->why);
	if (err == 0 && read_eras(&a->r, t) != 0)
		err = why_set(a->why, ERR_CORRUPT, "no eras of partitions");
	if (err != 0) {
		image_topic_ops.put(t);
		return err;
	}
	topic_config_make(&t->set, &a->im->dflt, &t->config);
	ref_get(&t->ref);
	swap_map(&a->im->topics, pmap_set(a->im->topics, &image_topic_ops, t), &image_topic_ops);
	swap_map(&a->im->by_id, pmap_set(a->im->by_id, &image_id_ops, t), &image_id_ops);
	count_topic(a->im, a->tenant, 1, t->partitions);
	return 0;
}

/* ---- users and teams ---- */

static int
read_user(struct apply *a, struct acl_user *u, struct cred *c)
{
	int64_t generation, expires;
	ARRAY(struct str) teams = { NULL, 0 };
	if (record_int(&a->r, "generation", 0, &generation) != 0 || generation < 1 ||
	    record_int(&a->r, "expires", 0, &expires) != 0 ||
	    record_get_scram(&a->r, c->scram) != 0)
		return why_set(a->why, ERR_CORRUPT, "damaged user record");
	c->generation = u->generation = (uint64_t)generation;
	c->expires_ms = u->expires_ms = expires;
	c->locked = u->locked = record_flag(&a->r, "locked");
	u->is_operator = record_flag(&a->r, "operator") && a->tenant == 0;
	ARRAY_FOREACH(const struct record_field, f, a->r.fields) {
		enum mech mech;
		if (str_is(f->key, "mechanism") && mech_parse(f->value, &mech) == 0)
			c->mechanisms |= MECH_BIT(mech);
		else if (str_is(f->key, "team") && teams.n < ACL_TEAMS_MAX)
			*ARRAY_ADD(a->arena, teams) = f->value;
	}
	u->mechanisms = c->mechanisms;
	u->name = a->name;
	u->team = record_get(&a->r, "primary");
	if (u->team.p == NULL)
		u->team = STR("");
	u->teams = teams.v;
	u->n_teams = (uint32_t)teams.n;
	return 0;
}

static int
apply_user(struct apply *a)
{
	struct acl_tenant *t = tenant_of(a);
	struct acl_user u = { .name = a->name };
	struct image_user *x = MEM_NEW(struct image_user);
	ref_init(&x->ref);
	x->key = image_key_dup(NAME(a->tenant, a->name));
	int err = t == NULL ? no_tenant(a) : a->deleted ? 0 : read_user(a, &u, &x->cred);
	if (err != 0 || a->deleted) {
		if (err == 0)
			swap_map(&a->im->users, pmap_del(a->im->users, &image_user_ops, x->key), &image_user_ops);
		if (err == 0)
			set_acl(a->im, acl_tenant_del_user(t, a->name));
		image_user_ops.put(x);
		return err;
	}
	swap_map(&a->im->users, pmap_set(a->im->users, &image_user_ops, x), &image_user_ops);
	set_acl(a->im, acl_tenant_set_user(t, &u));
	if (u.generation >= a->im->next_generation)
		a->im->next_generation = u.generation + 1;
	return 0;
}

static int
apply_secret(struct apply *a)
{
	if (tenant_of(a) == NULL)
		return no_tenant(a);
	if (!str_is(a->name, "tokens"))
		return why_set(a->why, ERR_CORRUPT, "no such secret");
	int err = image_apply_secret(a->im, a->tenant, a->deleted ? NULL : &a->r);
	return err == 0 ? 0 : why_set(a->why, err, "damaged secret");
}

static int
apply_token(struct apply *a)
{
	if (tenant_of(a) == NULL)
		return no_tenant(a);
	int err = image_apply_token(a->im, NAME(a->tenant, a->name), a->deleted ? NULL : &a->r);
	return err == 0 ? 0 : why_set(a->why, err, "damaged token, or there is no secret for it");
}

static int
apply_team(struct apply *a)
{
	struct acl_tenant *t = tenant_of(a);
	if (t == NULL)
		return no_tenant(a);
	set_acl(a->im, a->deleted ? acl_tenant_del_team(t, a->name) : acl_tenant_set_team(t, a->name));
	return 0;
}

/* ---- rules and quotas: the path is only an address, the value says it all; what a
 * deleted one stood for is found again from the path ---- */

static int
apply_rule(struct apply *a)
{
	struct acl_tenant *t = tenant_of(a), *next;
	struct acl_rule *rule;
	struct acl_binding b;
	if (t == NULL)
		return no_tenant(a);
	if (address_rule(a->arena, a->name, &b) != 0)
		return why_set(a->why, ERR_CORRUPT, "no rule");
	if (!a->deleted && record_int(&a->r, "until", 0, &b.until_ms) != 0)
		return why_set(a->why, ERR_CORRUPT, "no end of a rule");
	int err = acl_rule_create(&b, !a->deleted && record_flag(&a->r, "by.owner"), &rule, a->why);
	if (err != 0)
		return err;
	rule->ended = !a->deleted && record_flag(&a->r, "ended");
	if (a->deleted)
		next = acl_tenant_del_rule(t, rule);
	else
		err = acl_tenant_add_rule(t, rule, &next);
	if (err == 0)
		set_acl(a->im, next);
	acl_rule_unref(&rule);
	return err;
}

static bool
read_quota(struct str s, double *ret)
{
	char text[64], *end;
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*ret = strtod(text, &end);
	return *end == '\0' && *ret >= 0;
}

static int
apply_quota(struct apply *a)
{
	struct quota_entity e = { .tenant = a->tenant };
	struct quota_values v = { 0 };
	if (address_quota(a->arena, a->name, &e) != 0)
		return why_set(a->why, ERR_CORRUPT, "no quota entity");
	for (int i = 0; i < QUOTA_KEYS && !a->deleted; i++) {
		struct str s = record_get(&a->r, quota_key_name((enum quota_key)i));
		if (s.p != NULL && !read_quota(s, &v.v[i]))
			return why_set(a->why, ERR_CORRUPT, "%s=%.*s is no quota",
			    quota_key_name((enum quota_key)i), STR_ARG(s));
	}
	struct quota_image *next = quota_image_set(a->im->quotas, &e, &v);
	quota_image_unref(&a->im->quotas);
	a->im->quotas = next;
	return 0;
}

/* ---- the broker ---- */

/* Topics whose settings rest on the broker's defaults are made anew. */
static void
refresh_topics(struct image *im)
{
	struct pmap *old = pmap_ref(im->topics);
	const struct image_topic *t = pmap_after(old, &image_topic_ops, STR(""), true);
	for (; t != NULL; t = pmap_after(old, &image_topic_ops, t->key, false)) {
		struct image_topic *n = mem_dup(t, sizeof(*t));
		ref_init(&n->ref);
		n->key = (struct str){ mem_dup(t->key.p, t->key.n), t->key.n };
		n->name.s.p = n->key.p + 4;
		for (int i = 0; i < TOPIC_KEYS; i++)
			if (n->set.v[i] != NULL)
				n->set.v[i] = mem_strdup(n->set.v[i]);
		n->eras = mem_dup(t->eras, (size_t)t->eras_n * sizeof(*t->eras));
		topic_config_make(&n->set, &im->dflt, &n->config);
		ref_get(&n->ref);
		swap_map(&im->topics, pmap_set(im->topics, &image_topic_ops, n), &image_topic_ops);
		swap_map(&im->by_id, pmap_set(im->by_id, &image_id_ops, n), &image_id_ops);
	}
	pmap_unref(&old, &image_topic_ops);
}

static int
apply_option(struct apply *a)
{
	if (a->deleted) {
		swap_map(&a->im->options, pmap_del(a->im->options, &image_option_ops, a->name), &image_option_ops);
	} else {
		struct str value = record_get(&a->r, "value");
		struct image_option *o = MEM_NEW(struct image_option);
		ref_init(&o->ref);
		o->key = (struct str){ str_dup(a->name), a->name.n };
		o->value = (struct str){ str_dup(value.p == NULL ? STR("") : value), value.n };
		swap_map(&a->im->options, pmap_set(a->im->options, &image_option_ops, o), &image_option_ops);
	}
	for (int i = 0; i < TOPIC_KEYS; i++) {
		if (!str_is(a->name, topic_keys[i].synonym) || a->name.n == 0)
			continue;
		struct str set = image_broker_option(a->im, a->name);
		a->im->dflt.v[i] = set.p != NULL ? set.p : a->im->file_dflt.v[i];
		refresh_topics(a->im);
	}
	return 0;
}

static int
apply_next(struct apply *a)
{
	int64_t tenant, generation, producer;
	if (a->deleted)
		return 0;
	if (record_int(&a->r, "tenant", 1, &tenant) != 0 || record_int(&a->r, "producer.id", 0, &producer) != 0 ||
	    record_int(&a->r, "generation", 1, &generation) != 0)
		return why_set(a->why, ERR_CORRUPT, "damaged counters");
	a->im->next_tenant = (uint32_t)tenant;
	a->im->next_producer_id = producer;
	if ((uint64_t)generation > a->im->next_generation)
		a->im->next_generation = (uint64_t)generation;
	return 0;
}

/* Of no image: what is kept of the audit log (audit/). */
static int
apply_nothing(struct apply *a)
{
	(void)a;
	return 0;
}

/* ---- which node is what ---- */

static const struct {
	const char *first, *third;	/* parts of the path; the second is the tenant's number */
	int parts;
	int (*apply)(struct apply *a);
	bool strict;			/* knows what "v2" means there */
} kinds[] = {
	{ "tenants", NULL,	2, apply_tenant },
	{ "tenants", "dirs",	4, apply_dir },
	{ "tenants", "topics",	4, apply_topic },
	{ "tenants", "groups",	4, apply_group },
	{ "tenants", "txns",	4, apply_txn },
	{ "tenants", "users",	4, apply_user },
	{ "tenants", "teams",	4, apply_team },
	{ "tenants", "secrets",	4, apply_secret },
	{ "tenants", "tokens",	4, apply_token },
	{ "tenants", "rules",	4, apply_rule, .strict = true },
	{ "tenants", "quotas",	4, apply_quota },
	{ "broker",  NULL,	2, apply_option },
	{ "next",    NULL,	1, apply_next },
	{ "audit",   NULL,	1, apply_nothing },
};

static int
find_kind(struct apply *a)
{
	int64_t number = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].parts != a->parts || !str_is(a->part[0], kinds[i].first) ||
		    (kinds[i].third != NULL && !str_is(a->part[2], kinds[i].third)))
			continue;
		if (str_is(a->part[0], "tenants") && str_to_i64(a->part[1], 0, UINT32_MAX - 1, &number) != 0)
			break;
		a->tenant = (uint32_t)number;
		if (a->r.strict && !kinds[i].strict)
			return why_set(a->why, ERR_UNSUPPORTED, "a node as a later version writes it");
		int err = record_path_name(a->arena, a->part[a->parts - 1], &a->name);
		return err != 0 ? err : kinds[i].apply(a);
	}
	return why_set(a->why, ERR_UNSUPPORTED, "a node of a kind that this version does not know");
}

/* The same maps under a new roof. The count is not even read: others count themselves in meanwhile. */
static struct image *
clone(struct image *im)
{
	const size_t behind = offsetof(struct image, generation);
	struct image *n = MEM_NEW(struct image);
	memcpy((char *)n + behind, (const char *)im + behind, sizeof(*im) - behind);
	ref_init(&n->ref);
	n->acl = acl_image_ref(im->acl);
	n->quotas = quota_image_ref(im->quotas);
	n->topics = pmap_ref(im->topics);
	n->by_id = pmap_ref(im->by_id);
	n->users = pmap_ref(im->users);
	n->tenants = pmap_ref(im->tenants);
	n->options = pmap_ref(im->options);
	n->tokens = pmap_ref(im->tokens);
	n->tokens_by_owner = pmap_ref(im->tokens_by_owner);
	n->tokens_by_digest = pmap_ref(im->tokens_by_digest);
	n->secrets = pmap_ref(im->secrets);
	return n;
}

void
image_raise_era(struct image **image, int32_t era)
{
	if (era <= (*image)->era)
		return;
	struct image *next = clone(*image);
	next->era = era;
	image_unref(image);
	*image = next;
}

int
image_apply(struct image **image, struct str path, struct str value, struct why *why)
{
	struct image *next = clone(*image);
	struct apply a = { .im = next, .arena = arena_create(SIZE_MAX), .deleted = value.p == NULL,
		.why = why };
	struct str rest = path, part;
	int err = 0;
	if (rest.n == 0 || rest.p[0] != '/')
		err = ERR_CORRUPT;
	rest.p++;
	rest.n--;
	while (err == 0 && rest.p != NULL) {
		str_cut(&rest, '/', &part);
		if (a.parts == 4)
			err = ERR_CORRUPT;
		else
			a.part[a.parts++] = part;
	}
	if (err == 0 && !a.deleted)
		err = record_parse(a.arena, value, &a.r);
	if (err == 0)
		err = find_kind(&a);
	arena_destroy(&a.arena);
	if (err != 0) {
		image_unref(&next);
		return err;
	}
	image_unref(image);
	*image = next;
	return 0;
}
