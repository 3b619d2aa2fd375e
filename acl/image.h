/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Immutable images of users, teams, nodes and rules. A change makes a new
 * version that shares what did not change (base/pmap.h) and costs O(log n)
 * whatever the size. Every object here is counted; any number of threads may
 * read one without a lock, and whoever makes a new version holds a reference to
 * the old one. Functions that give a version give the caller one reference and
 * leave the old one as it was; `set` of what is equal or `del` of what is absent
 * may give the same version again.
 */

#include "acl/acl.h"
#include "acl/rule.h"
#include "base/pmap.h"
#include "base/ref.h"

#define ACL_TEAMS_MAX 64		/* of one user */
#define ACL_RULES_PER_TARGET 1024	/* of one principal on one name pattern */

/* A user's record; to make one, fill a struct acl_user with views and hand it
 * to acl_tenant_set_user(), which copies. */
struct acl_user {
	struct ref ref;			/* filled by the image */
	struct str name;
	uint64_t generation;		/* another one means: log in again; never 0 */
	int64_t expires_ms;		/* wall clock; 0: never */
	uint32_t mechanisms;		/* bits that security/ defines */
	bool is_operator;		/* only in tenant 0 */
	bool locked;
	struct str team;		/* primary; empty: none */
	const struct str *teams;	/* all of them, the primary one too */
	uint32_t n_teams;
};

/* ---- the installation ---- */

/* Tenant main (number 0) exists, owned by nobody. */
struct acl_image *acl_image_create(void);
struct acl_image *acl_image_ref(const struct acl_image *image);
void acl_image_unref(struct acl_image **image);

/* Borrowed; NULL where there is none. */
const struct acl_tenant *acl_image_tenant(const struct acl_image *image, uint32_t number);
const struct acl_tenant *acl_image_tenant_named(const struct acl_image *image, struct str name);
/* Walks by name: start with after = STR(""), then each one's name; NULL ends. */
const struct acl_tenant *acl_image_next(const struct acl_image *image, struct str after);

/* The tenant takes the place of the one with its number, whose name may differ
 * (a rename). Takes over the caller's reference to tenant. */
struct acl_image *acl_image_set_tenant(const struct acl_image *image, struct acl_tenant *tenant);
struct acl_image *acl_image_del_tenant(const struct acl_image *image, uint32_t number);

/* ---- one tenant ---- */

/* With the directories and modes of a new tenant (model section 3): /T and
 * topics 0770, groups and txns 0772, create mode 0740, team admins. */
struct acl_tenant *acl_tenant_create(uint32_t number, struct str name, struct str owner);
struct acl_tenant *acl_tenant_ref(const struct acl_tenant *tenant);
void acl_tenant_unref(struct acl_tenant **tenant);
uint32_t acl_tenant_number(const struct acl_tenant *tenant);
struct str acl_tenant_name(const struct acl_tenant *tenant);
struct acl_tenant *acl_tenant_rename(const struct acl_tenant *tenant, struct str name);

/* Users. All lookups borrow. */
const struct acl_user *acl_tenant_user(const struct acl_tenant *tenant, struct str name);
const struct acl_user *acl_tenant_next_user(const struct acl_tenant *tenant, struct str after);
struct acl_tenant *acl_tenant_set_user(const struct acl_tenant *tenant, const struct acl_user *user);
struct acl_tenant *acl_tenant_del_user(const struct acl_tenant *tenant, struct str name);
bool acl_user_in(const struct acl_user *user, struct str team);	/* user may be NULL */

/* Teams exist by name; who is in one stands in the users' records. */
bool acl_tenant_has_team(const struct acl_tenant *tenant, struct str team);
struct str acl_tenant_next_team(const struct acl_tenant *tenant, struct str after); /* null ends */
struct acl_tenant *acl_tenant_set_team(const struct acl_tenant *tenant, struct str team);
struct acl_tenant *acl_tenant_del_team(const struct acl_tenant *tenant, struct str team);

/*
 * Nodes. The tenant and its directories (ACL_TENANT, ACL_TOPICS, ACL_GROUPS,
 * ACL_TXNS; the name is ignored) always have one; topics have one each; groups
 * and transactional ids only where one was set. Deleting a node deletes the
 * literal rules that its owner set.
 */
const struct acl_node *acl_tenant_node(const struct acl_tenant *tenant, enum acl_type type,
    struct str name);
struct acl_tenant *acl_tenant_set_node(const struct acl_tenant *tenant, enum acl_type type,
    struct str name, const struct acl_node *node);
struct acl_tenant *acl_tenant_del_node(const struct acl_tenant *tenant, enum acl_type type,
    struct str name);
/* Walks the nodes of ACL_TOPIC, ACL_GROUP or ACL_TXN in bytewise order; NULL ends. */
const struct acl_node *acl_tenant_next_node(const struct acl_tenant *tenant, enum acl_type type,
    struct str after, struct str *ret_name);

/* Rules. ERR_LIMIT over ACL_RULES_PER_TARGET. An equal rule stays; if either of
 * the two was set by an administrator, so is what stays. One of another end takes the place
 * of the equal one. */
int acl_tenant_add_rule(const struct acl_tenant *tenant, struct acl_rule *rule,
    struct acl_tenant **ret);
struct acl_tenant *acl_tenant_del_rule(const struct acl_tenant *tenant, const struct acl_rule *rule);
/* For groups and transactional ids made by use, when they end. */
struct acl_tenant *acl_tenant_del_owned_rules(const struct acl_tenant *tenant, enum acl_type type,
    struct str name);
/* The rule that is equal; NULL: none. */
const struct acl_rule *acl_tenant_rule(const struct acl_tenant *tenant, const struct acl_rule *rule);
/* Calls each(rule, arg) for the rules that something is due of by now_ms (acl_rule_due_ms), the earliest first;
 * stops at the first nonzero, which is returned. Costs nothing for those that have no end. */
int acl_tenant_rules_due(const struct acl_tenant *tenant, int64_t now_ms,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg);
size_t acl_tenant_rule_count(const struct acl_tenant *tenant);

/* Calls each(rule, arg) for every rule that the filter matches (NULL: all),
 * ordered by type, pattern, name, principal; stops at the first nonzero, which
 * is returned. */
int acl_tenant_rules(const struct acl_tenant *tenant, const struct acl_binding *filter,
    int (*each)(const struct acl_rule *rule, void *arg), void *arg);

/*
 * What acl_check() asks: the first rules that apply to the name, through literal, prefixed
 * and "*" patterns, for any principal of who; NULL: none. One walk finds both, and ends at a deny:
 * where there is one, allow may not have been looked for. Rules that have ended are passed over, but the first
 * allow rule of them is told, too. ret_steps (may be NULL) is increased by the lookups made.
 */
struct acl_found {
	const struct acl_rule *deny, *allow, *ended;
};
struct acl_found acl_tenant_find_rules(const struct acl_tenant *tenant, const struct acl_who *who,
    enum acl_op op, enum acl_type type, struct str name, unsigned *ret_steps);
