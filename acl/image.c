/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images. A tenant is a handful of persistent maps; a change copies the
 * tenant's own struct (a few pointers, each counted once more) and one path in
 * one map. Values begin with their count and hold all their strings in the same
 * allocation. Nothing here fails but adding a rule over its limit.
 */
#include "acl/image.h"

#include "acl/ends.h"
#include "acl/index.h"
#include "base/mem.h"

/* A node, or only a name (of a team). Every counted value begins so. */
struct entry {
	struct ref ref;
	struct str key;
	struct acl_node node;
	char bytes[];
};

enum { DIR_TENANT, DIR_TOPICS, DIR_GROUPS, DIR_TXNS, DIRS };
enum { NODES_TOPIC, NODES_GROUP, NODES_TXN, NODES };

struct acl_tenant {
	struct ref ref;
	uint32_t number;
	uint8_t number_key[4];		/* big-endian: the order of numbers */
	struct entry *name;
	struct entry *dirs[DIRS];
	struct pmap *nodes[NODES];
	struct pmap *users, *teams, *rules;
	struct pmap *ends;		/* of the rules that have one */
	size_t n_rules;
};

struct acl_image {
	struct ref ref;
	struct pmap *by_number, *by_name;
};

/* ---- values ---- */

static struct str
entry_key(const void *v)
{
	return ((const struct entry *)v)->key;
}

static void
entry_get(void *v)
{
	ref_get(&((struct entry *)v)->ref);
}

static void
entry_put(void *v)
{
	if (ref_put(&((struct entry *)v)->ref))
		mem_free(v);
}

static const struct pmap_ops entry_ops = { entry_key, entry_get, entry_put };

static struct str
keep(char **at, struct str s)
{
	struct str copy = { *at, s.n };
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

static struct entry *
entry_create(struct str key, const struct acl_node *node)
{
	struct entry *e = mem_zalloc(sizeof(*e) + key.n + node->owner.n + node->team.n);
	char *at = e->bytes;
	ref_init(&e->ref);
	e->node = *node;
	e->key = keep(&at, key);
	e->node.owner = keep(&at, node->owner);
	e->node.team = keep(&at, node->team);
	return e;
}

static struct str
user_key(const void *v)
{
	return ((const struct acl_user *)v)->name;
}

static void
user_get(void *v)
{
	ref_get(&((struct acl_user *)v)->ref);
}

static void
user_put(void *v)
{
	if (ref_put(&((struct acl_user *)v)->ref))
		mem_free(v);
}

static const struct pmap_ops user_ops = { user_key, user_get, user_put };

static struct acl_user *
user_create(const struct acl_user *from)
{
	size_t table = from->n_teams * sizeof(struct str), bytes = from->name.n + from->team.n;
	for (uint32_t i = 0; i < from->n_teams; i++)
		bytes += from->teams[i].n;
	struct acl_user *u = mem_zalloc(sizeof(*u) + table + bytes);
	struct str *teams = (struct str *)(u + 1);
	char *at = (char *)teams + table;
	*u = *from;
	ref_init(&u->ref);
	u->name = keep(&at, from->name);
	u->team = keep(&at, from->team);
	for (uint32_t i = 0; i < from->n_teams; i++)
		teams[i] = keep(&at, from->teams[i]);
	u->teams = teams;
	return u;
}

bool
acl_user_in(const struct acl_user *user, struct str team)
{
	for (uint32_t i = 0; user != NULL && team.n > 0 && i < user->n_teams; i++)
		if (str_eq(user->teams[i], team))
			return true;
	return false;
}

/* ---- one tenant ---- */

struct acl_tenant *
acl_tenant_create(uint32_t number, struct str name, struct str owner)
{
	static const struct acl_node none;
	static const uint16_t modes[DIRS] = {
		[DIR_TENANT] = 0770, [DIR_TOPICS] = 0770, [DIR_GROUPS] = 0772, [DIR_TXNS] = 0772,
	};
	struct acl_tenant *t = MEM_NEW(struct acl_tenant);
	ref_init(&t->ref);
	t->number = number;
	for (int i = 0; i < 4; i++)
		t->number_key[i] = (uint8_t)(number >> (24 - 8 * i));
	t->name = entry_create(name, &none);
	for (int i = 0; i < DIRS; i++) {
		struct acl_node node = { owner, STR("admins"), modes[i], 0740 };
		t->dirs[i] = entry_create(STR(""), &node);
	}
	t->teams = pmap_set(NULL, &entry_ops, entry_create(STR("admins"), &none));
	return t;
}

struct acl_tenant *
acl_tenant_ref(const struct acl_tenant *tenant)
{
	struct acl_tenant *t = (struct acl_tenant *)tenant;
	ref_get(&t->ref);
	return t;
}

void
acl_tenant_unref(struct acl_tenant **tenant)
{
	struct acl_tenant *t = *tenant;
	*tenant = NULL;
	if (t == NULL || !ref_put(&t->ref))
		return;
	entry_put(t->name);
	for (int i = 0; i < DIRS; i++)
		entry_put(t->dirs[i]);
	for (int i = 0; i < NODES; i++)
		pmap_unref(&t->nodes[i], &entry_ops);
	pmap_unref(&t->users, &user_ops);
	pmap_unref(&t->teams, &entry_ops);
	acl_index_unref(&t->rules);
	acl_ends_unref(&t->ends);
	mem_free(t);
}

/* A new version that is equal so far. */
static struct acl_tenant *
copy(const struct acl_tenant *from)
{
	struct acl_tenant *t = mem_dup(from, sizeof(*from));
	ref_init(&t->ref);
	entry_get(t->name);
	for (int i = 0; i < DIRS; i++)
		entry_get(t->dirs[i]);
	for (int i = 0; i < NODES; i++)
		pmap_ref(t->nodes[i]);
	pmap_ref(t->users);
	pmap_ref(t->teams);
	acl_index_ref(t->rules);
	pmap_ref(t->ends);
	return t;
}

/* Puts next (taken over) in the place of *map. */
static void
replace(struct pmap **map, const struct pmap_ops *ops, struct pmap *next)
{
	pmap_unref(map, ops);
	*map = next;
}

uint32_t
acl_tenant_number(const struct acl_tenant *tenant)
{
	return tenant->number;
}

struct str
acl_tenant_name(const struct acl_tenant *tenant)
{
	return tenant->name->key;
}

struct acl_tenant *
acl_tenant_rename(const struct acl_tenant *tenant, struct str name)
{
	static const struct acl_node none;
	struct acl_tenant *t = copy(tenant);
	entry_put(t->name);
	t->name = entry_create(name, &none);
	return t;
}

const struct acl_user *
acl_tenant_user(const struct acl_tenant *tenant, struct str name)
{
	return pmap_get(tenant->users, &user_ops, name);
}

const struct acl_user *
acl_tenant_next_user(const struct acl_tenant *tenant, struct str after)
{
	return pmap_after(tenant->users, &user_ops, after, false);
}

struct acl_tenant *
acl_tenant_set_user(const struct acl_tenant *tenant, const struct acl_user *user)
{
	struct acl_tenant *t = copy(tenant);
	replace(&t->users, &user_ops, pmap_set(t->users, &user_ops, user_create(user)));
	return t;
}

struct acl_tenant *
acl_tenant_del_user(const struct acl_tenant *tenant, struct str name)
{
	struct acl_tenant *t = copy(tenant);
	replace(&t->users, &user_ops, pmap_del(t->users, &user_ops, name));
	return t;
}

bool
acl_tenant_has_team(const struct acl_tenant *tenant, struct str team)
{
	return pmap_get(tenant->teams, &entry_ops, team) != NULL;
}

struct str
acl_tenant_next_team(const struct acl_tenant *tenant, struct str after)
{
	const struct entry *e = pmap_after(tenant->teams, &entry_ops, after, false);
	return e == NULL ? STR_NULL : e->key;
}

struct acl_tenant *
acl_tenant_set_team(const struct acl_tenant *tenant, struct str team)
{
	static const struct acl_node none;
	struct acl_tenant *t = copy(tenant);
	replace(&t->teams, &entry_ops, pmap_set(t->teams, &entry_ops, entry_create(team, &none)));
	return t;
}

struct acl_tenant *
acl_tenant_del_team(const struct acl_tenant *tenant, struct str team)
{
	struct acl_tenant *t = copy(tenant);
	replace(&t->teams, &entry_ops, pmap_del(t->teams, &entry_ops, team));
	return t;
}

/* Place in dirs, or -1. */
static int
dir_of(enum acl_type type)
{
	switch ((int)type) {
	case ACL_TENANT: return DIR_TENANT;
	case ACL_TOPICS: return DIR_TOPICS;
	case ACL_GROUPS: return DIR_GROUPS;
	case ACL_TXNS: return DIR_TXNS;
	default: return -1;
	}
}

/* Place in nodes, or -1. */
static int
nodes_of(enum acl_type type)
{
	switch ((int)type) {
	case ACL_TOPIC: return NODES_TOPIC;
	case ACL_GROUP: return NODES_GROUP;
	case ACL_TXN: return NODES_TXN;
	default: return -1;
	}
}

const struct acl_node *
acl_tenant_node(const struct acl_tenant *tenant, enum acl_type type, struct str name)
{
	int dir = dir_of(type), kind = nodes_of(type);
	const struct entry *e = dir >= 0 ? tenant->dirs[dir] :
	    kind >= 0 ? pmap_get(tenant->nodes[kind], &entry_ops, name) : NULL;
	return e == NULL ? NULL : &e->node;
}

struct acl_tenant *
acl_tenant_set_node(const struct acl_tenant *tenant, enum acl_type type, struct str name,
    const struct acl_node *node)
{
	struct acl_tenant *t = copy(tenant);
	int dir = dir_of(type), kind = nodes_of(type);
	if (dir >= 0) {
		struct entry *old = t->dirs[dir];
		t->dirs[dir] = entry_create(STR(""), node);
		entry_put(old);
	} else if (kind >= 0)
		replace(&t->nodes[kind], &entry_ops,
		    pmap_set(t->nodes[kind], &entry_ops, entry_create(name, node)));
	return t;
}

struct acl_tenant *
acl_tenant_del_node(const struct acl_tenant *tenant, enum acl_type type, struct str name)
{
	struct acl_tenant *t = acl_tenant_del_owned_rules(tenant, type, name);
	int kind = nodes_of(type);
	if (kind >= 0)
		replace(&t->nodes[kind], &entry_ops, pmap_del(t->nodes[kind], &entry_ops, name));
	return t;
}

const struct acl_node *
acl_tenant_next_node(const struct acl_tenant *tenant, enum acl_type type, struct str after,
    struct str *ret_name)
{
	int kind = nodes_of(type);
	const struct entry *e = kind < 0 ? NULL :
	    pmap_after(tenant->nodes[kind], &entry_ops, after, false);
	if (e == NULL)
		return NULL;
	*ret_name = e->key;
	return &e->node;
}

int
acl_tenant_add_rule(const struct acl_tenant *tenant, struct acl_rule *rule,
    struct acl_tenant **ret)
{
	struct pmap *rules;
	bool added;
	int err = acl_index_add(tenant->rules, rule, &rules, &added);
	if (err != 0)
		return err;
	struct acl_tenant *t = copy(tenant);
	const struct acl_rule *was = acl_index_get(t->rules, rule), *is = acl_index_get(rules, rule);
	if (was != is) {
		acl_ends_del(&t->ends, was);
		acl_ends_add(&t->ends, is);
	}
	acl_index_unref(&t->rules);
	t->rules = rules;
	t->n_rules += added;
	*ret = t;
	return 0;
}

struct acl_tenant *
acl_tenant_del_rule(const struct acl_tenant *tenant, const struct acl_rule *rule)
{
	size_t fewer;
	struct acl_tenant *t = copy(tenant);
	acl_ends_del(&t->ends, acl_index_get(t->rules, rule));
	struct pmap *rules = acl_index_del(t->rules, rule, &fewer);
	acl_index_unref(&t->rules);
	t->rules = rules;
	t->n_rules -= fewer;
	return t;
}

static void
forget_end(const struct acl_rule *rule, void *arg)
{
	acl_ends_del(arg, rule);
}

struct acl_tenant *
acl_tenant_del_owned_rules(const struct acl_tenant *tenant, enum acl_type type, struct str name)
{
	size_t fewer;
	struct acl_tenant *t = copy(tenant);
	acl_index_owned(t->rules, type, name, forget_end, &t->ends);
	struct pmap *rules = acl_index_del_owned(t->rules, type, name, &fewer);
	acl_index_unref(&t->rules);
	t->rules = rules;
	t->n_rules -= fewer;
	return t;
}

const struct acl_rule *
acl_tenant_rule(const struct acl_tenant *tenant, const struct acl_rule *rule)
{
	return acl_index_get(tenant->rules, rule);
}

int
acl_tenant_rules_due(const struct acl_tenant *tenant, int64_t now_ms,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	return acl_ends_due(tenant->ends, now_ms, each, arg);
}

size_t
acl_tenant_rule_count(const struct acl_tenant *tenant)
{
	return tenant->n_rules;
}

int
acl_tenant_rules(const struct acl_tenant *tenant, const struct acl_binding *filter,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	return acl_index_each(tenant->rules, filter, each, arg);
}

struct acl_found
acl_tenant_find_rules(const struct acl_tenant *tenant, const struct acl_who *who, enum acl_op op,
    enum acl_type type, struct str name, unsigned *ret_steps)
{
	return acl_index_find(tenant->rules, who, op, type, name, ret_steps);
}

/* ---- the installation ---- */

static struct str
tenant_number_key(const void *v)
{
	const struct acl_tenant *t = v;
	return (struct str){ (const char *)t->number_key, sizeof(t->number_key) };
}

static struct str
tenant_name_key(const void *v)
{
	return acl_tenant_name(v);
}

static void
tenant_get(void *v)
{
	ref_get(&((struct acl_tenant *)v)->ref);
}

static void
tenant_put(void *v)
{
	struct acl_tenant *t = v;
	acl_tenant_unref(&t);
}

static const struct pmap_ops number_ops = { tenant_number_key, tenant_get, tenant_put };
static const struct pmap_ops name_ops = { tenant_name_key, tenant_get, tenant_put };

struct acl_image *
acl_image_create(void)
{
	struct acl_image *image = MEM_NEW(struct acl_image);
	struct acl_tenant *main_tenant = acl_tenant_create(0, STR("main"), STR(""));
	ref_init(&image->ref);
	image->by_name = pmap_set(NULL, &name_ops, acl_tenant_ref(main_tenant));
	image->by_number = pmap_set(NULL, &number_ops, main_tenant);
	return image;
}

struct acl_image *
acl_image_ref(const struct acl_image *image)
{
	struct acl_image *i = (struct acl_image *)image;
	ref_get(&i->ref);
	return i;
}

void
acl_image_unref(struct acl_image **image)
{
	struct acl_image *i = *image;
	*image = NULL;
	if (i == NULL || !ref_put(&i->ref))
		return;
	pmap_unref(&i->by_name, &name_ops);
	pmap_unref(&i->by_number, &number_ops);
	mem_free(i);
}

const struct acl_tenant *
acl_image_tenant(const struct acl_image *image, uint32_t number)
{
	char key[4];
	for (int i = 0; i < 4; i++)
		key[i] = (char)(number >> (24 - 8 * i));
	return pmap_get(image->by_number, &number_ops, (struct str){ key, sizeof(key) });
}

const struct acl_tenant *
acl_image_tenant_named(const struct acl_image *image, struct str name)
{
	return pmap_get(image->by_name, &name_ops, name);
}

const struct acl_tenant *
acl_image_next(const struct acl_image *image, struct str after)
{
	return pmap_after(image->by_name, &name_ops, after, false);
}

struct acl_image *
acl_image_set_tenant(const struct acl_image *image, struct acl_tenant *tenant)
{
	struct acl_image *next = acl_image_del_tenant(image, tenant->number);
	replace(&next->by_name, &name_ops,
	    pmap_set(next->by_name, &name_ops, acl_tenant_ref(tenant)));
	replace(&next->by_number, &number_ops, pmap_set(next->by_number, &number_ops, tenant));
	return next;
}

struct acl_image *
acl_image_del_tenant(const struct acl_image *image, uint32_t number)
{
	const struct acl_tenant *old = acl_image_tenant(image, number);
	struct acl_image *next = MEM_NEW(struct acl_image);
	ref_init(&next->ref);
	next->by_name = pmap_ref(image->by_name);
	next->by_number = pmap_ref(image->by_number);
	if (old != NULL) {
		replace(&next->by_name, &name_ops,
		    pmap_del(next->by_name, &name_ops, acl_tenant_name(old)));
		replace(&next->by_number, &number_ops,
		    pmap_del(next->by_number, &number_ops, tenant_number_key(old)));
	}
	return next;
}
