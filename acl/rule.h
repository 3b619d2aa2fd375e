/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rules: Kafka's ACL bindings with teams and address blocks added. A binding
 * is the form that comes and goes by wire and text; a rule is the checked,
 * immutable form inside an image.
 */

#include "acl/acl.h"
#include "base/err.h"
#include "base/ref.h"

/* Kafka's codes; ANY and MATCH stand in filters only. */
enum acl_pattern {
	ACL_PATTERN_ANY = 1,
	ACL_PATTERN_MATCH = 2,
	ACL_LITERAL = 3,
	ACL_PREFIXED = 4,
};

enum acl_permission {
	ACL_PERMISSION_ANY = 1,
	ACL_DENY = 2,
	ACL_ALLOW = 3,
};

/* What the tenant is called in bindings. */
#define ACL_CLUSTER_NAME "kafka-cluster"

/* Views of somebody's memory. Codes are as they came: checked by acl_rule_create(). */
struct acl_binding {
	int8_t type;
	int8_t pattern;
	int8_t op;
	int8_t permission;
	struct str name;
	struct str principal;		/* "User:anna", "User:*", "Team:billing" */
	struct str host;		/* "*", an address, "10.0.0.0/8" */
	/* Ours, and no part of what makes two equal, nor of filters: when it ends, wall clock; 0: never. */
	int64_t until_ms;
};

struct acl_host {
	bool any;
	struct cidr block;
};

/* Immutable and counted; its strings are its own, terminated. */
struct acl_rule {
	struct ref ref;
	struct acl_binding b;		/* host in its normal form */
	struct acl_host host;
	/* Set by the right of ownership, so it dies with its node; one set by an
	 * administrator outlives names. Not part of what makes rules equal. */
	bool by_owner;
	/* An allow rule that has been seen past its end: it stays ended, whatever the clock says later. */
	bool ended;
};

/* What has ended is kept so long, to be told of, and as a deny rule holds again where the clock is set back. */
#define ACL_RULE_RESTS_MS INT64_C(86400000)

/* Whether the rule has ended: it gives and denies nothing. now_ms 0: only whether it was seen to. */
bool acl_rule_is_over(const struct acl_rule *rule, int64_t now_ms);
/* When something is to be done about its end, wall clock: an allow rule is to be marked as ended at its end, and all
 * are deleted when they have rested. INT64_MAX: never. */
int64_t acl_rule_due_ms(const struct acl_rule *rule);

/* Checks a binding and makes a rule; the caller owns one reference. ERR_INVAL
 * with the reason in why (may be NULL). */
int acl_rule_create(const struct acl_binding *b, bool by_owner, struct acl_rule **ret,
    struct why *why);
struct acl_rule *acl_rule_ref(const struct acl_rule *rule);
void acl_rule_unref(struct acl_rule **rule);

/* Equal in all seven fields of Kafka's binding. */
bool acl_rule_eq(const struct acl_rule *a, const struct acl_rule *b);

/* Whether the rule speaks of this host and operation; principal and name are
 * found by the index. Implied operations count for allow rules only. */
bool acl_rule_applies(const struct acl_rule *rule, const struct addr *host, enum acl_op op);

/* Whether the rule's principal stands for who: himself, a team of his, or everybody. */
bool acl_rule_names(const struct acl_rule *rule, const struct acl_who *who);

/* "topic:orders allow User:bert from * to read", for answers and logs. */
char *acl_rule_format(const struct acl_rule *rule, char *out, size_t size);

/*
 * Filters as in DescribeAcls and DeleteAcls (facts: Kafka's AclBindingFilter):
 * code ANY (1) or a null string matches everything. Pattern MATCH finds what
 * affects the name: the literal, "*" and every prefix of it; pattern ANY with a
 * name finds rules of any pattern with exactly that name. ERR_INVAL for codes
 * that Kafka does not know.
 */
int acl_filter_check(const struct acl_binding *filter, struct why *why);
bool acl_filter_match(const struct acl_binding *filter, const struct acl_binding *b);
/* Names one binding in full: nothing null, no ANY, no MATCH. */
bool acl_filter_exact(const struct acl_binding *filter);

/* The form of a team's name (model section 1); ERR_INVAL with a reason. */
int acl_team_name_check(struct str name, struct why *why);
