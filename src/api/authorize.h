/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"

/*
 * What may the caller of this request do? Handlers ask here, by the row of their
 * API (api.def); each answer is one of the image that is current now, and a
 * denial is logged (folded). Errors are the resource type's own (29, 30, 31, 53), or 56 where what is allowed
 * must be told of in the audit log and cannot.
 */

/* The row's operation on one topic, group or transactional id; for a group also 14, see group_unloaded(). */
enum kerr may_topic(struct request *rq, struct name topic);
enum kerr may_group(struct request *rq, struct name group);
/* The same for what only a group with a name can have: members. The empty name is one for
 * offsets alone (24 after the right was asked, as Kafka answers). */
enum kerr may_member(struct request *rq, struct name group);
enum kerr may_txn(struct request *rq, struct name txn);
/* The row's operation on its cluster node; the other form leaves no trace. */
enum kerr may_cluster(struct request *rq);
bool may_cluster_quietly(struct request *rq);
/* The caller as the current image sees him. */
void caller(struct request *rq, struct acl_who *ret);

/* Logs a denial that acl/change.h gave, folded like the others. */
void note_denial(struct request *rq, const struct acl_who *w, const struct acl_answer *a);

/* What the gate has allowed the session under this image (memo.h); NULL: it must be asked. */
struct memo_item *may_kept(struct request *rq, enum acl_op op, const struct acl_object *object);

/* Whether the topic exists for the caller (DESCRIBE); never logged: filtering a
 * list is no denial. */
bool sees_topic(struct request *rq, struct name topic);
/* The same for one that the client has named: it may do so again. */
bool sees_asked_topic(struct request *rq, struct name topic);
/* The row's operation on a group whose owner is at hand, for a list; never logged. */
bool may_group_owned(struct request *rq, struct name group, const struct group_owner *owner);

/* Any operation on any object, logged when denied: KERR_NONE, `denial`, or why it cannot be told now. */
enum kerr may(struct request *rq, enum acl_op op, const struct acl_object *object, enum kerr denial);
/* The same without a trace. */
bool may_quietly(struct request *rq, enum acl_op op, const struct acl_object *object);

/* The authorized_operations field for a topic, a group, or the tenant. */
int32_t operations_on(struct request *rq, enum acl_type type, struct name name);

/* Whether a denial about the group could be wrong, because whose it is, if it was made by use, is only known
 * once it is loaded: clients give up when they hear a no, and come again when they hear 14. It is so for
 * every name of the shard, and so it says nothing of which groups there are. */
bool group_unloaded(struct request *rq, struct name group);
/* A group's owner as made by use, copied into the request's arena; NULL where
 * there is none. To be handed to acl in the object's node. */
const struct acl_node *group_node(struct request *rq, struct name group);
