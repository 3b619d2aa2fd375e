/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside acl/: the rules of one tenant, found by what they speak of. Two levels
 * of persistent maps: (type, pattern, name) and below it the principal, where a
 * few rules lie in an array. A version is a pmap handle; the same rules of
 * counting hold (base/pmap.h).
 */
#include "acl/acl.h"
#include "acl/rule.h"
#include "base/pmap.h"

struct pmap *acl_index_ref(struct pmap *index);
void acl_index_unref(struct pmap **index);

/* As acl_tenant_add_rule(); takes no reference to rule but its own. *ret_added:
 * whether there is one rule more. ERR_LIMIT. */
int acl_index_add(struct pmap *index, struct acl_rule *rule, struct pmap **ret, bool *ret_added);
/* The rule equal to this one leaves; *ret_n: how many rules fewer (0 or 1). */
struct pmap *acl_index_del(struct pmap *index, const struct acl_rule *rule, size_t *ret_n);
/* The literal rules on the name that its owner set leave. */
struct pmap *acl_index_del_owned(struct pmap *index, enum acl_type type, struct str name,
    size_t *ret_n);

/* Calls each(rule, arg) for those that acl_index_del_owned() would delete. */
void acl_index_owned(const struct pmap *index, enum acl_type type, struct str name,
    void (*each)(const struct acl_rule *rule, void *arg), void *arg);
/* The rule equal to this one; NULL. */
const struct acl_rule *acl_index_get(const struct pmap *index, const struct acl_rule *rule);

/* As acl_tenant_rules(). */
int acl_index_each(const struct pmap *index, const struct acl_binding *filter,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg);

/* As acl_tenant_find_rules(). */
struct acl_found acl_index_find(const struct pmap *index, const struct acl_who *who, enum acl_op op,
    enum acl_type type, struct str name, unsigned *ret_steps);
