/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of rules. The key of a target is its type and pattern in two bytes,
 * then the name, so all prefixes of one type lie together in bytewise order.
 * The prefixes of a name are walked from the longest down: the greatest key <=
 * the name is one of them, or shares with the name a beginning within which all
 * others lie. Each step is one descent and shortens the name, so a check costs
 * O(log n) for each prefix that there is, however many rules there are.
 *
 * Nothing fails here but ERR_LIMIT on adding: arrays below a principal are
 * copied on change, so they are bounded.
 */
#include "acl/index.h"

#include "acl/image.h"
#include "base/mem.h"

#define HEAD 2				/* type and pattern */
#define KEY_MAX (HEAD + 1024)		/* names in rules are not longer: rule.c */
#define PRINCIPAL_MAX 256		/* "User:" and a name of 200 bytes */

/* The rules of one principal on one target. */
struct bundle {
	struct ref ref;
	struct str principal;		/* the first rule's */
	uint32_t n;
	struct acl_rule *rules[];
};

struct target {
	struct ref ref;
	struct str key;
	struct pmap *bundles;
	char bytes[];
};

static struct str
bundle_key(const void *v)
{
	return ((const struct bundle *)v)->principal;
}

static void
bundle_get(void *v)
{
	ref_get(&((struct bundle *)v)->ref);
}

static void
bundle_put(void *v)
{
	struct bundle *b = v;
	if (!ref_put(&b->ref))
		return;
	for (uint32_t i = 0; i < b->n; i++)
		acl_rule_unref(&b->rules[i]);
	mem_free(b);
}

static const struct pmap_ops bundle_ops = { bundle_key, bundle_get, bundle_put };

static struct str
target_key(const void *v)
{
	return ((const struct target *)v)->key;
}

static void
target_get(void *v)
{
	ref_get(&((struct target *)v)->ref);
}

static void
target_put(void *v)
{
	struct target *t = v;
	if (!ref_put(&t->ref))
		return;
	pmap_unref(&t->bundles, &bundle_ops);
	mem_free(t);
}

static const struct pmap_ops target_ops = { target_key, target_get, target_put };

struct pmap *
acl_index_ref(struct pmap *index)
{
	return pmap_ref(index);
}

void
acl_index_unref(struct pmap **index)
{
	pmap_unref(index, &target_ops);
}

/* The key in the caller's buffer; a longer name is cut, as none in a rule is. */
static struct str
make_key(char buf[KEY_MAX], int type, int pattern, struct str name)
{
	size_t n = name.n < KEY_MAX - HEAD ? name.n : KEY_MAX - HEAD;
	buf[0] = (char)type;
	buf[1] = (char)pattern;
	if (n > 0)
		memcpy(buf + HEAD, name.p, n);
	return (struct str){ buf, n + HEAD };
}

/* Takes over the reference to bundles. */
static struct target *
target_create(struct str key, struct pmap *bundles)
{
	struct target *t = mem_zalloc(sizeof(*t) + key.n);
	ref_init(&t->ref);
	memcpy(t->bytes, key.p, key.n);
	t->key = (struct str){ t->bytes, key.n };
	t->bundles = bundles;
	return t;
}

/* The index with these bundles (taken over) under key; empty ones leave. */
static struct pmap *
with_bundles(struct pmap *index, struct str key, struct pmap *bundles)
{
	if (bundles == NULL)
		return pmap_del(index, &target_ops, key);
	return pmap_set(index, &target_ops, target_create(key, bundles));
}

/* A bundle of n rules: those of old without the one at skip, then more. Each
 * is referenced anew. Either may be absent: skip >= old->n, more NULL. */
static struct bundle *
bundle_with(const struct bundle *old, uint32_t skip, struct acl_rule *more)
{
	uint32_t n = old == NULL ? 0 : old->n, count = 0;
	struct bundle *b = mem_zalloc(sizeof(*b) + (n + 1) * sizeof(b->rules[0]));
	ref_init(&b->ref);
	for (uint32_t i = 0; i < n; i++)
		if (i != skip)
			b->rules[count++] = acl_rule_ref(old->rules[i]);
	if (more != NULL)
		b->rules[count++] = acl_rule_ref(more);
	b->n = count;
	if (count > 0)
		b->principal = b->rules[0]->b.principal;
	return b;
}

static uint32_t
bundle_find(const struct bundle *b, const struct acl_rule *rule)
{
	uint32_t i = 0;
	while (b != NULL && i < b->n && !acl_rule_eq(b->rules[i], rule))
		i++;
	return i;
}

static bool
same_end(const struct acl_rule *a, const struct acl_rule *b)
{
	return a->b.until_ms == b->b.until_ms && a->ended == b->ended;
}

const struct acl_rule *
acl_index_get(const struct pmap *index, const struct acl_rule *rule)
{
	char buf[KEY_MAX];
	const struct target *t = pmap_get(index, &target_ops,
	    make_key(buf, rule->b.type, rule->b.pattern, rule->b.name));
	const struct bundle *b = t == NULL ? NULL : pmap_get(t->bundles, &bundle_ops, rule->b.principal);
	uint32_t at = bundle_find(b, rule);
	return b == NULL || at == b->n ? NULL : b->rules[at];
}

int
acl_index_add(struct pmap *index, struct acl_rule *rule, struct pmap **ret, bool *ret_added)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, rule->b.type, rule->b.pattern, rule->b.name);
	struct target *t = pmap_get(index, &target_ops, key);
	struct pmap *bundles = t == NULL ? NULL : t->bundles;
	struct bundle *old = pmap_get(bundles, &bundle_ops, rule->b.principal);
	uint32_t at = bundle_find(old, rule);
	bool there = old != NULL && at < old->n;

	if (there && same_end(old->rules[at], rule) && (!old->rules[at]->by_owner || rule->by_owner)) {
		*ret = pmap_ref(index);
		*ret_added = false;
		return 0;
	}
	if (!there && old != NULL && old->n >= ACL_RULES_PER_TARGET)
		return ERR_LIMIT;
	bundles = pmap_set(bundles, &bundle_ops, bundle_with(old, at, rule));
	*ret = with_bundles(index, key, bundles);
	*ret_added = !there;
	return 0;
}

/* bundles without the rule at this place of b. */
static struct pmap *
without(struct pmap *bundles, const struct bundle *b, uint32_t at)
{
	if (b->n == 1)
		return pmap_del(bundles, &bundle_ops, b->principal);
	return pmap_set(bundles, &bundle_ops, bundle_with(b, at, NULL));
}

struct pmap *
acl_index_del(struct pmap *index, const struct acl_rule *rule, size_t *ret_n)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, rule->b.type, rule->b.pattern, rule->b.name);
	struct target *t = pmap_get(index, &target_ops, key);
	struct bundle *b = t == NULL ? NULL :
	    pmap_get(t->bundles, &bundle_ops, rule->b.principal);
	uint32_t at = bundle_find(b, rule);

	*ret_n = 0;
	if (b == NULL || at == b->n)
		return pmap_ref(index);
	*ret_n = 1;
	return with_bundles(index, key, without(t->bundles, b, at));
}

/* The next rule of the bundles that its owner set. */
static const struct bundle *
find_owned(const struct pmap *bundles, uint32_t *ret_at)
{
	bool first = true;
	struct str at = STR("");
	for (struct bundle *b; (b = pmap_after(bundles, &bundle_ops, at, first)) != NULL;
	    at = b->principal, first = false)
		for (uint32_t i = 0; i < b->n; i++)
			if (b->rules[i]->by_owner) {
				*ret_at = i;
				return b;
			}
	return NULL;
}

struct pmap *
acl_index_del_owned(struct pmap *index, enum acl_type type, struct str name, size_t *ret_n)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, type, ACL_LITERAL, name);
	struct target *t = name.n > KEY_MAX - HEAD ? NULL : pmap_get(index, &target_ops, key);
	const struct bundle *b;
	uint32_t at;

	*ret_n = 0;
	if (t == NULL || find_owned(t->bundles, &at) == NULL)
		return pmap_ref(index);
	struct pmap *bundles = pmap_ref(t->bundles);
	while ((b = find_owned(bundles, &at)) != NULL) {
		struct pmap *next = without(bundles, b, at);
		pmap_unref(&bundles, &bundle_ops);
		bundles = next;
		++*ret_n;
	}
	return with_bundles(index, key, bundles);
}

void
acl_index_owned(const struct pmap *index, enum acl_type type, struct str name,
    void (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	char buf[KEY_MAX];
	const struct target *t = name.n > KEY_MAX - HEAD ? NULL :
	    pmap_get(index, &target_ops, make_key(buf, type, ACL_LITERAL, name));
	bool first = true;
	struct str at = STR("");
	for (const struct bundle *b; t != NULL && (b = pmap_after(t->bundles, &bundle_ops, at, first)) != NULL;
	    at = b->principal, first = false)
		for (uint32_t i = 0; i < b->n; i++)
			if (b->rules[i]->by_owner)
				each(b->rules[i], arg);
}

static int
each_in_target(const struct target *t, const struct acl_binding *filter,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	bool first = true;
	struct str at = STR("");
	for (struct bundle *b; (b = pmap_after(t->bundles, &bundle_ops, at, first)) != NULL;
	    at = b->principal, first = false)
		for (uint32_t i = 0; i < b->n; i++) {
			if (filter != NULL && !acl_filter_match(filter, &b->rules[i]->b))
				continue;
			int err = each(b->rules[i], arg);
			if (err != 0)
				return err;
		}
	return 0;
}

int
acl_index_each(const struct pmap *index, const struct acl_binding *filter,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	bool first = true;
	struct str at = STR("");
	for (struct target *t; (t = pmap_after(index, &target_ops, at, first)) != NULL;
	    at = t->key, first = false) {
		int err = each_in_target(t, filter, each, arg);
		if (err != 0)
			return err;
	}
	return 0;
}

/* One question to the index, with what it has cost. */
struct search {
	const struct acl_who *who;
	enum acl_op op;
	struct acl_found found;
	unsigned steps;
};

/* The rule that comes first stays; a deny ends it all. */
static void
look_in_bundle(struct search *s, const struct target *t, struct str principal)
{
	const struct bundle *b = pmap_get(t->bundles, &bundle_ops, principal);
	s->steps++;
	for (uint32_t i = 0; b != NULL && i < b->n && s->found.deny == NULL; i++, s->steps++) {
		const struct acl_rule *r = b->rules[i], **first =
		    r->b.permission == ACL_DENY ? &s->found.deny : &s->found.allow;
		if (acl_rule_is_over(r, s->who->now_ms)) {
			if (r->b.permission == ACL_DENY)
				continue;
			first = &s->found.ended;
		}
		if (*first == NULL && acl_rule_applies(r, &s->who->host, s->op))
			*first = r;
	}
}

/* "User:anna" in the caller's buffer; cut where no rule can be that long. */
static struct str
principal_name(char buf[PRINCIPAL_MAX], struct str kind, struct str name)
{
	size_t n = name.n < PRINCIPAL_MAX - kind.n ? name.n : PRINCIPAL_MAX - kind.n;
	memcpy(buf, kind.p, kind.n);
	if (n > 0)
		memcpy(buf + kind.n, name.p, n);
	return (struct str){ buf, kind.n + n };
}

static void
look_in_target(struct search *s, const struct target *t)
{
	char buf[PRINCIPAL_MAX];
	const struct acl_user *u = s->who->record;
	struct str name = s->who->anonymous ? STR("ANONYMOUS") : s->who->user.s;
	look_in_bundle(s, t, principal_name(buf, STR("User:"), name));
	if (s->found.deny == NULL)
		look_in_bundle(s, t, STR("User:*"));
	for (uint32_t i = 0; s->found.deny == NULL && u != NULL && !s->who->anonymous && i < u->n_teams; i++)
		look_in_bundle(s, t, principal_name(buf, STR("Team:"), u->teams[i]));
}

static void
look_literally(struct search *s, const struct pmap *index, enum acl_type type, struct str name)
{
	char buf[KEY_MAX];
	if (name.n > KEY_MAX - HEAD)
		return;
	const struct target *t = pmap_get(index, &target_ops,
	    make_key(buf, type, ACL_LITERAL, name));
	s->steps++;
	if (t != NULL)
		look_in_target(s, t);
}

static size_t
common(struct str a, struct str b)
{
	size_t n = 0;
	while (n < a.n && n < b.n && a.p[n] == b.p[n])
		n++;
	return n;
}

static void
look_at_prefixes(struct search *s, const struct pmap *index, enum acl_type type, struct str name)
{
	char buf[KEY_MAX];
	struct str key = make_key(buf, type, ACL_PREFIXED, name);
	while (key.n > HEAD && s->found.deny == NULL) {
		const struct target *t = pmap_floor(index, &target_ops, key);
		s->steps++;
		if (t == NULL)
			return;
		size_t n = common(t->key, key);
		if (n == t->key.n) {
			look_in_target(s, t);
			n--;
		}
		key.n = n;
	}
}

struct acl_found
acl_index_find(const struct pmap *index, const struct acl_who *who, enum acl_op op,
    enum acl_type type, struct str name, unsigned *ret_steps)
{
	struct search s = { .who = who, .op = op };
	if (index != NULL)
		look_literally(&s, index, type, name);
	if (index != NULL && s.found.deny == NULL)
		look_at_prefixes(&s, index, type, name);
	if (index != NULL && s.found.deny == NULL)
		look_literally(&s, index, type, STR("*"));
	if (ret_steps != NULL)
		*ret_steps += s.steps;
	return s.found;
}
