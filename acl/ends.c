/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A persistent map from (when something is due, the rule's fields) to the rule. The time stands first, big-endian,
 * so that the order of keys is the order of what comes next. Nothing fails.
 */
#include "acl/ends.h"

#include "base/be.h"
#include "base/mem.h"

#define HEAD 16				/* the time, four codes, two lengths */

struct item {
	struct ref ref;
	struct acl_rule *rule;
	struct str key;
	char bytes[];
};

static struct str
item_key(const void *v)
{
	return ((const struct item *)v)->key;
}

static void
item_get(void *v)
{
	ref_get(&((struct item *)v)->ref);
}

static void
item_put(void *v)
{
	struct item *it = v;
	if (!ref_put(&it->ref))
		return;
	acl_rule_unref(&it->rule);
	mem_free(it);
}

static const struct pmap_ops item_ops = { item_key, item_get, item_put };

void
acl_ends_unref(struct pmap **ends)
{
	pmap_unref(ends, &item_ops);
}

static char *
put(char *at, struct str s)
{
	memcpy(at, s.p, s.n);
	return at + s.n;
}

/* Lengths of name and principal stand in it: no two rules have one key. */
static struct item *
item_create(const struct acl_rule *rule)
{
	const struct acl_binding *b = &rule->b;
	struct item *it = mem_zalloc(sizeof(*it) + HEAD + b->name.n + b->principal.n + b->host.n);
	ref_init(&it->ref);
	it->rule = acl_rule_ref(rule);
	be_put((uint8_t *)it->bytes, (uint64_t)acl_rule_due_ms(rule), 8);
	it->bytes[8] = b->type;
	it->bytes[9] = b->pattern;
	it->bytes[10] = b->op;
	it->bytes[11] = b->permission;
	be_put((uint8_t *)it->bytes + 12, b->name.n, 2);
	be_put((uint8_t *)it->bytes + 14, b->principal.n, 2);
	char *end = put(put(put(it->bytes + HEAD, b->name), b->principal), b->host);
	it->key = (struct str){ it->bytes, (size_t)(end - it->bytes) };
	return it;
}

static void
replace(struct pmap **ends, struct pmap *next)
{
	pmap_unref(ends, &item_ops);
	*ends = next;
}

void
acl_ends_add(struct pmap **ends, const struct acl_rule *rule)
{
	if (rule != NULL && rule->b.until_ms != 0)
		replace(ends, pmap_set(*ends, &item_ops, item_create(rule)));
}

void
acl_ends_del(struct pmap **ends, const struct acl_rule *rule)
{
	if (rule == NULL || rule->b.until_ms == 0)
		return;
	struct item *it = item_create(rule);
	replace(ends, pmap_del(*ends, &item_ops, it->key));
	item_put(it);
}

int
acl_ends_due(const struct pmap *ends, int64_t now_ms,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg)
{
	bool first = true;
	struct str at = STR("");
	for (struct item *it; (it = pmap_after(ends, &item_ops, at, first)) != NULL; at = it->key, first = false) {
		if (acl_rule_due_ms(it->rule) > now_ms)
			return 0;
		int err = each(it->rule, arg);
		if (err != 0)
			return err;
	}
	return 0;
}
