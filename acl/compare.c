/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images share what did not change, so that records and rules are compared by their address; one that was made anew and
 * says the same costs questions, no wrong answer. Each look at a node, a rule or a decision counts, and where they are
 * too many the rest is left out, which the caller is told.
 */
#include "acl/compare.h"

#include "acl/image.h"
#include "acl/rule.h"
#include "base/array.h"

struct target {
	enum acl_type type;
	struct str name;
	const struct acl_node *by_use;
};

struct work {
	const struct acl_comparison *c;
	struct arena *arena;
	const struct acl_tenant *was, *is;	/* NULL: there is none */
	ARRAY(struct target) nodes;		/* that are others */
	ARRAY(const struct acl_rule *) rules;	/* likewise */
	bool wide;				/* everybody is asked about everything */
	const struct acl_tenant *other;		/* while rules are compared */
	int (*each)(const struct acl_difference *d, void *arg);
	void *arg;
	size_t looked;
	bool stopped;
};

/* One of the users, as both images see him. */
struct subject {
	enum acl_subject kind;
	struct str name;
	struct acl_who was, is;
	bool everything;
};

bool
acl_op_telling(enum acl_type type, enum acl_op op)
{
	switch ((int)op) {
	case ACL_IDEMPOTENT_WRITE: case ACL_CLUSTER_ACTION:
		return false;
	case ACL_CREATE:
		return type != ACL_TOPIC && type != ACL_GROUP && type != ACL_TXN;
	case ACL_WRITE:
		return type == ACL_TOPIC || type == ACL_TXN;
	default:
		return true;
	}
}

/* At so many things more; false: it is enough. */
static bool
look_at(struct work *w, size_t n)
{
	w->looked += n;
	if (w->looked > w->c->most)
		w->stopped = true;
	return !w->stopped;
}

static bool
look(struct work *w)
{
	return look_at(w, 1);
}

/* ---- both tenants as one ---- */

static bool
is_first(struct str a, struct str b)
{
	return b.p == NULL || (a.p != NULL && str_cmp(a, b) <= 0);
}

/* The next name of either, in order; false behind the last. */
static bool
next_name(const struct work *w, enum acl_type type, struct str after, struct str *ret)
{
	struct str a = STR_NULL, b = STR_NULL;
	if (w->was == NULL || acl_tenant_next_node(w->was, type, after, &a) == NULL)
		a = STR_NULL;
	if (w->is == NULL || acl_tenant_next_node(w->is, type, after, &b) == NULL)
		b = STR_NULL;
	*ret = is_first(a, b) ? a : b;
	return ret->p != NULL;
}

static bool
next_user(const struct work *w, struct str after, struct str *ret)
{
	const struct acl_user *a = w->was == NULL ? NULL : acl_tenant_next_user(w->was, after);
	const struct acl_user *b = w->is == NULL ? NULL : acl_tenant_next_user(w->is, after);
	struct str an = a == NULL ? STR_NULL : a->name, bn = b == NULL ? STR_NULL : b->name;
	*ret = is_first(an, bn) ? an : bn;
	return ret->p != NULL;
}

static const struct acl_node *
node_of(const struct acl_tenant *t, enum acl_type type, struct str name)
{
	return t == NULL ? NULL : acl_tenant_node(t, type, name);
}

static bool
same_node(const struct acl_node *a, const struct acl_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a == b || (a->mode == b->mode && a->create_mode == b->create_mode && str_eq(a->owner, b->owner) &&
	    str_eq(a->team, b->team));
}

/* A node in an image goes before it: it counts where one of them has none. */
static const struct acl_node *
by_use(const struct work *w, enum acl_type type, struct str name)
{
	if (node_of(w->was, type, name) != NULL && node_of(w->is, type, name) != NULL)
		return NULL;
	for (int32_t i = 0; i < w->c->n_by_use; i++)
		if (w->c->by_use[i].type == type && str_eq(w->c->by_use[i].name, name))
			return &w->c->by_use[i].node;
	return NULL;
}

/* ---- what is another ---- */

static const enum acl_type own_nodes[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
static const enum acl_type named[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
note_node(struct work *w, enum acl_type type, struct str name)
{
	if (!look(w) || same_node(node_of(w->was, type, name), node_of(w->is, type, name)))
		return;
	*ARRAY_ADD(w->arena, w->nodes) = (struct target){ type, name, by_use(w, type, name) };
	w->wide = w->wide || name.n == 0; /* the tenant's and the directories' reach what is below */
}

static int
note_rule(const struct acl_rule *rule, void *arg)
{
	struct work *w = arg;
	if (!look(w))
		return 1;
	if (w->other == NULL || acl_tenant_rule(w->other, rule) != rule)
		*ARRAY_ADD(w->arena, w->rules) = rule;
	return 0;
}

static void
note_changes(struct work *w)
{
	for (size_t i = 0; i < COUNT(own_nodes); i++)
		note_node(w, own_nodes[i], STR(""));
	for (size_t i = 0; i < COUNT(named); i++)
		for (struct str name = STR(""); !w->stopped && next_name(w, named[i], name, &name);)
			note_node(w, named[i], name);
	w->other = w->is;
	if (w->was != NULL)
		(void)acl_tenant_rules(w->was, NULL, note_rule, w);
	w->other = w->was;
	if (w->is != NULL)
		(void)acl_tenant_rules(w->is, NULL, note_rule, w);
	w->wide = w->wide || w->was == NULL || w->is == NULL || w->c->was_open != w->c->is_open;
}

/* ---- asking ---- */

static uint32_t
operations(const struct acl_image *image, const struct acl_who *who, const struct acl_object *o)
{
	uint32_t ops = 0;
	for (int op = ACL_ALL + 1; op <= ACL_OP_LAST; op++)
		if (acl_op_valid(o->type, (enum acl_op)op) && acl_op_telling(o->type, (enum acl_op)op) &&
		    acl_check(image, who, (enum acl_op)op, o, NULL))
			ops |= UINT32_C(1) << op;
	return ops;
}

/* Who has no record is let in by no login that asks for one; and of what is there in the other image alone
 * nobody has anything in this one, whatever he may of names to come. */
static bool
may_any(const struct subject *s, const struct acl_who *who, const struct acl_tenant *t, bool open, bool there)
{
	return t != NULL && open && there && (s->kind != ACL_SUBJECT_USER || who->record != NULL);
}

static void
ask(struct work *w, const struct subject *s, enum acl_type type, struct str name, const struct acl_node *used)
{
	struct acl_object o = { type, NAME(w->c->tenant, name), used };
	bool had = type == ACL_ROOT || used != NULL || node_of(w->was, type, name) != NULL;
	bool has = type == ACL_ROOT || used != NULL || node_of(w->is, type, name) != NULL;
	if (!look_at(w, ACL_OP_LAST))
		return;
	uint32_t was = may_any(s, &s->was, w->was, w->c->was_open, had || !has) ? operations(w->c->before, &s->was, &o) : 0;
	uint32_t is = may_any(s, &s->is, w->is, w->c->is_open, has || !had) ? operations(w->c->after, &s->is, &o) : 0;
	if (was == is)
		return;
	const struct acl_difference d = { s->kind, s->name, type, name, is & ~was, was & ~is };
	w->stopped = w->each(&d, w->arg) != 0;
}

static bool
names(const struct acl_rule *rule, const struct subject *s)
{
	return acl_rule_names(rule, &s->was) || acl_rule_names(rule, &s->is);
}

static bool
reaches(const struct acl_rule *rule, enum acl_type type, struct str name)
{
	const struct acl_binding *b = &rule->b;
	if (b->type != (int8_t)type)
		return false;
	if (str_is(b->name, "*") && b->pattern == ACL_LITERAL)
		return true;
	return b->pattern == ACL_LITERAL ? str_eq(b->name, name) :
	    name.n >= b->name.n && str_eq((struct str){ name.p, b->name.n }, b->name);
}

/* Whether a rule that is another one speaks to him of the name. */
static bool
ruled(struct work *w, const struct subject *s, enum acl_type type, struct str name)
{
	ARRAY_FOREACH(const struct acl_rule *, rule, w->rules)
		if (look(w) && reaches(*rule, type, name) && names(*rule, s))
			return true;
	return false;
}

static void
ask_named(struct work *w, const struct subject *s, enum acl_type type)
{
	for (struct str name = STR(""); !w->stopped && next_name(w, type, name, &name);)
		if (look(w) && (s->everything || ruled(w, s, type, name) ||
		    !same_node(node_of(w->was, type, name), node_of(w->is, type, name))))
			ask(w, s, type, name, by_use(w, type, name));
	for (int32_t i = 0; i < w->c->n_by_use && !w->stopped; i++) {
		const struct acl_by_use *u = &w->c->by_use[i];
		if (u->type == type && look(w) && node_of(w->was, type, u->name) == NULL &&
		    node_of(w->is, type, u->name) == NULL && (s->everything || ruled(w, s, type, u->name)))
			ask(w, s, type, u->name, &u->node);
	}
}

/* Of names that there are not yet, those that a rule says in full. */
static void
ask_to_come(struct work *w, const struct subject *s)
{
	for (int32_t i = 0; i < w->rules.n && !w->stopped; i++) {
		const struct acl_binding *b = &w->rules.v[i]->b;
		enum acl_type type = (enum acl_type)b->type;
		bool again = b->pattern != ACL_LITERAL || str_is(b->name, "*") || type == ACL_TENANT;
		for (int32_t k = 0; k < i && !again; k++)
			again = look(w) && w->rules.v[k]->b.type == b->type && w->rules.v[k]->b.pattern == b->pattern &&
			    str_eq(w->rules.v[k]->b.name, b->name);
		if (!again && node_of(w->was, type, b->name) == NULL && node_of(w->is, type, b->name) == NULL &&
		    by_use(w, type, b->name) == NULL)
			ask(w, s, type, b->name, NULL);
	}
}

static void
ask_own(struct work *w, const struct subject *s)
{
	if (s->everything && w->c->tenant == 0)
		ask(w, s, ACL_ROOT, STR(""), NULL);
	for (size_t i = 0; i < COUNT(own_nodes) && s->everything; i++)
		ask(w, s, own_nodes[i], STR(""), NULL);
}

/* False: he has no part in the comparison. */
static bool
take_subject(struct work *w, struct subject *s)
{
	struct addr host = { .family = 0 };
	struct name user = NAME(w->c->tenant, s->name);
	if (!look(w) || (w->c->only.p != NULL && (s->kind != ACL_SUBJECT_USER || !str_eq(w->c->only, s->name))))
		return false;
	acl_who_named(w->c->before, user, host, w->c->now_ms, &s->was);
	acl_who_named(w->c->after, user, host, w->c->now_ms, &s->is);
	s->everything = w->wide || s->was.record != s->is.record;
	return !s->was.is_operator || !s->is.is_operator;
}

static void
ask_about(struct work *w, enum acl_subject kind, struct str name)
{
	struct subject s = { .kind = kind, .name = name };
	bool ruled_at_all = false;
	if (!take_subject(w, &s))
		return;
	ARRAY_FOREACH(const struct acl_rule *, rule, w->rules) {
		bool speaks = look(w) && names(*rule, &s);
		ruled_at_all = ruled_at_all || speaks;
		s.everything = s.everything || (speaks && (*rule)->b.type == ACL_TENANT);
	}
	if (!s.everything && !ruled_at_all && w->nodes.n == 0)
		return;
	ask_own(w, &s);
	for (size_t i = 0; i < COUNT(named); i++)
		ask_named(w, &s, named[i]);
	if (ruled_at_all)
		ask_to_come(w, &s);
}

bool
acl_compare(const struct acl_comparison *c, struct arena *arena, int (*each)(const struct acl_difference *d, void *arg),
    void *arg)
{
	struct work w = { .c = c, .arena = arena, .each = each, .arg = arg,
		.was = acl_image_tenant(c->before, c->tenant), .is = acl_image_tenant(c->after, c->tenant) };
	if (w.was == w.is && c->was_open == c->is_open)
		return true;
	note_changes(&w);
	ask_about(&w, ACL_SUBJECT_WITHOUT_RECORD, STR(""));
	ask_about(&w, ACL_SUBJECT_ANONYMOUS, STR("ANONYMOUS"));
	for (struct str name = STR(""); !w.stopped && next_user(&w, name, &name);)
		ask_about(&w, ACL_SUBJECT_USER, name);
	return !w.stopped;
}
