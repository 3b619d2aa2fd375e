/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/array.h"
#include "meta/controller.h"

/* Changes of permissions, rules and quotas; form and duties as in topics.h. */

/* chmod, chown, chgrp of one node. Groups and transactional ids get a node here that
 * stays until it is deleted. The node is written whole, so whoever decided on one that
 * is another meanwhile (or of another topic) is told: CHANGE_CHANGED. */
struct node_change {
	enum acl_type type;
	struct name name;
	enum { NODE_ANY, NODE_SEEN, NODE_NONE } before;	/* what was decided on */
	struct acl_node seen;
	struct acl_node node;		/* what it is to be, whole */
	enum change_result result;
	struct why why;
};

struct nodes_change {
	struct change change;
	struct node_change *nodes;
	int32_t n;
};
void nodes_change_init(struct nodes_change *c);

/* Groups that ended: the rules that their owners set go with them, lest the next
 * owner of a name inherits a stranger's grant. A name that was reserved stays as it
 * is, unless reserved_too. Nothing is written where nothing is there. */
struct names_end {
	struct change change;
	struct name *names;
	int32_t n;
	bool reserved_too;
};
void names_end_init(struct names_end *c);

struct rule_change {
	struct acl_binding binding;
	bool by_owner;			/* set by the right of ownership */
	struct str owner;		/* of the node then, asked again; null: a group without one */
	enum change_result result;
	struct why why;
};

/* Adding rules. */
struct rules_add {
	struct change change;
	uint32_t tenant;
	struct rule_change *rules;
	int32_t n;
	int64_t now_ms;			/* wall clock, that ends are held against */
};
void rules_add_init(struct rules_add *c);

/* Deleting named rules (a filter's matches are listed by the caller, who asked
 * for each whether it may go); one that is gone already is no error. */
struct rules_delete {
	struct change change;
	uint32_t tenant;
	const struct acl_binding *rules;
	int32_t n;
};
void rules_delete_init(struct rules_delete *c);

/* Whether something is due of the end of a rule in this image. */
bool rules_are_due(const struct image *image, int64_t now_ms);
/* It is done: allow rules are marked as ended, and what has rested is deleted; some at a time. */
struct rules_end {
	struct change change;
	int64_t now_ms;			/* wall clock */
	size_t ret_ended, ret_gone;
};
void rules_end_init(struct rules_end *c);

/* One entity's values: those named are set, or removed with a value of 0. */
struct quota_set {
	struct quota_entity entity;
	bool named[QUOTA_KEYS];
	struct quota_values values;
	enum change_result result;
	struct why why;
};

struct quotas_change {
	struct change change;
	struct quota_set *sets;
	int32_t n;
	bool validate_only;
};
void quotas_change_init(struct quotas_change *c);

/* Options of the broker that are set at run time; value null: unset. The
 * caller has checked name and value. */
struct option_set {
	struct str name, value;
};

struct options_change {
	struct change change;
	const struct option_set *options;
	int32_t n;
};
void options_change_init(struct options_change *c);

/* A block of producer ids that nobody was given before, also after a crash. */
struct producer_block {
	struct change change;
	int64_t ret_first, ret_count;
};
void producer_block_init(struct producer_block *c);
