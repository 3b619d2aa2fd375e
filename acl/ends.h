/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside acl/: the rules of one tenant that end, in the order of what is due of them (acl_rule_due_ms). Beside the
 * index, which knows all rules: whoever looks for the next end passes over no rule that has none. A version is a
 * pmap handle (base/pmap.h); the functions put the next one in the place of *ends.
 */
#include "acl/acl.h"
#include "acl/rule.h"
#include "base/pmap.h"

void acl_ends_unref(struct pmap **ends);

/* rule NULL, or without an end: nothing is done. */
void acl_ends_add(struct pmap **ends, const struct acl_rule *rule);
void acl_ends_del(struct pmap **ends, const struct acl_rule *rule);

/* As acl_tenant_rules_due(). */
int acl_ends_due(const struct pmap *ends, int64_t now_ms,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg);
