/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Nodes that more than one kind of change writes. */

#include "acl/rule.h"
#include "meta/controller.h"

/* The node of a topic, group, transactional id, directory or the tenant. */
void tree_put_node(struct plan *p, uint32_t tenant, enum acl_type type, struct str name,
    const struct acl_node *node);
/* A topic's record, whole: what image_topic will have, and its node. */
void topic_put(struct plan *p, const struct image_topic *t, const struct acl_node *node);
/* The end of a topic: planned, with what carrying it out needs in *g; then its files and
 * the offsets committed for it. */
struct topic_gone;
void topic_plan_end(struct plan *p, struct arena *arena, const struct image_topic *t, struct topic_gone *g);
void topic_files_end(struct plan *p, const struct topic_gone *g);
void topic_end(struct plan *p, const struct topic_gone *g);	/* and what groups hold of it */
/* ended: it was seen past its end (acl/rule.h). */
void rules_put_one(struct plan *p, uint32_t tenant, const struct acl_binding *b, bool by_owner, bool ended);
void rules_delete_one(struct plan *p, uint32_t tenant, const struct acl_binding *b);
/* The literal rules on a name that its owner set: before its node goes. */
void rules_delete_owned(struct plan *p, struct name name, enum acl_type type);
/* The quotas that a user has, by himself and with client ids; STR_NULL: all of the tenant. */
void quotas_delete_of(struct plan *p, uint32_t tenant, struct str user);
/* All of a tenant below its users and teams: rules, quotas, nodes. */
void tree_delete_all(struct plan *p, uint32_t tenant);
/* A user's tokens: with the user, and with the keys that they were made by. */
void tokens_delete_of(struct plan *p, struct name owner);
/* He is no more: his tokens go, and nobody of his name renews those of others. */
void tokens_forget_user(struct plan *p, struct name user);
/* All of a tenant, and the secret. */
void tokens_delete_all(struct plan *p, uint32_t tenant);
/* The record of a new tenant. */
void tenant_put_new(struct plan *p, uint32_t number, struct str name, struct str owner);
void plan_counters(struct plan *p, uint32_t tenant, int64_t producer_id);
