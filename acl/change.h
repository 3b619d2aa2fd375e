/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who may change permissions (model section 6): ownership and x on the tenant,
 * never x on a node or a rule. Pure, with the same answer as acl_check(). All
 * return ret->allow; ret may be NULL.
 */

#include "acl/acl.h"
#include "acl/rule.h"
#include "base/err.h"

/* Whether who administers the tenant: operator, or x on /T. */
/* A deny rule for alter on the cluster takes the right away; no rule gives it. */
bool acl_is_admin(const struct acl_image *image, const struct acl_who *who, uint32_t tenant);

/* chmod: the owner, or x on /T; of directories and /T itself x on /T. */
bool acl_may_chmod(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret);
/* chgrp: the owner to a team that he is in, or x on /T. */
bool acl_may_chgrp(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct str team, struct acl_answer *ret);
/* chown: x on /T. */
bool acl_may_chown(const struct acl_image *image, const struct acl_who *who,
    const struct acl_object *object, struct acl_answer *ret);
/* Adding or removing a rule. Literal ones on a node: its owner, or x on /T;
 * prefixed, "*" and those on the tenant: x on /T. node: as in struct acl_object.
 * ret_by_owner (may be NULL): the rule is to die with its node. */
bool acl_may_rule(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    const struct acl_binding *rule, const struct acl_node *node, bool *ret_by_owner,
    struct acl_answer *ret);
/* Seeing rules, for who has no DESCRIBE on /T (acl_check() answers that): the filter, as
 * of DescribeAcls, is of the literal rules on one node, and he owns it. node: as above. */
bool acl_may_see_rules(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    const struct acl_binding *filter, const struct acl_node *node, struct acl_answer *ret);
/* Making, changing, locking, deleting, regrouping or re-keying a user record: x
 * on /T; an operator's record, or one about to be one (to_operator): operators
 * only, whatever rights exist on the tenant. */
bool acl_may_user(const struct acl_image *image, const struct acl_who *who, struct name user,
    bool to_operator, struct acl_answer *ret);
/* The same without to_operator, of who is known to administer the user's tenant (acl_is_admin): once for a list of
 * users, in which only the record is another. */
bool acl_admin_may_user(const struct acl_image *image, const struct acl_who *who, struct name user);
/* Teams, and quotas of users below the tenant's own: x on /T. */
bool acl_may_admin(const struct acl_image *image, const struct acl_who *who, uint32_t tenant,
    struct acl_answer *ret);
/* Tenants, a tenant's own limits, everything on "/": operators. */
bool acl_may_install(const struct acl_image *image, const struct acl_who *who,
    struct acl_answer *ret);
/* `why` about user: free about oneself, else x on /T. */
bool acl_may_ask_why(const struct acl_image *image, const struct acl_who *who, struct name user,
    struct acl_answer *ret);

/*
 * Whether a mode can be set: no bits beyond 0777; other <= team <= owner bit by
 * bit, so that allow bindings can tell the truth about it; o+x on a topic, group
 * or transactional id only with force. ERR_INVAL with the reason (why may be NULL).
 */
int acl_mode_check(enum acl_type type, unsigned mode, bool force, struct why *why);
