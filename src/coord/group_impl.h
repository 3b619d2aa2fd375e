/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of one state machine: group.c (members, states),
 * group_join.c, group_sync.c. Nobody else includes it. */

#include "coord/group.h"

/* A legal move of the state table, or the process stops. */
void group_move(struct group *g, enum group_state to);

bool member_joining(const struct member *m);	/* its JoinGroup is parked */
/* Parks one, or none any more (NULL); gives back what was parked. */
void *member_swap_join(struct member *m, void *cookie);
bool member_is_leader(const struct group *g, const struct member *m);
/* Begins the session anew from now. */
void member_touch(struct member *m);
void member_arm(struct member *m, uint64_t delay_ns);

struct member *group_add_member(struct group *g, const struct group_join *join, char *id);
/* What it takes has changed. */
void group_count(struct group *g);
void member_count(struct member *m);
void member_take_join(struct member *m, const struct group_join *join);
/* Ends a parked request with an error; nothing where none is parked. */
void member_fail_join(struct member *m, enum kerr err);
void member_fail_sync(struct member *m, enum kerr err);
void group_remove_member(struct group *g, struct member *m, enum kerr err);
/* Gives a static member a new id: the old one's parked requests are fenced. */
void member_rename(struct member *m, char *id);

/* What a member knows begins, or ceases, to count. */
void group_protocols_add(struct group *g, const struct member *m);
void group_protocols_drop(struct group *g, const struct member *m);
void group_protocols_free(struct group *g);
/* What the names take that nobody in the group (NULL: a new one) said yet; one that is named
 * twice is counted twice. */
size_t group_protocols_new_bytes(const struct group *g, const struct group_join *join);
bool group_all_know(const struct group *g, struct str protocol);
/* Each member votes for the first of its protocols that all know. Null: there is none. */
struct str group_elect_protocol(const struct group *g);

/* A member id that was given out and not used: counts as awaited until then. */
void group_add_pending(struct group *g, char *id, int32_t session_ms);
bool group_take_pending(struct group *g, struct str id);

/* After members changed: start a rebalance, or end its join phase if all are there. */
void group_rebalance(struct group *g);
void group_try_complete_join(struct group *g);
void group_complete_join(struct group *g);
void group_answer_join(struct group *g, struct member *m, bool with_members);

/* The member that the caller claims to be: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
enum kerr group_find(const struct group *g, struct str member_id, struct str instance_id,
    struct member **ret);

/* Whether two pieces of metadata of one protocol subscribe to the same topics; where that
 * cannot be read, whether they are the same bytes. */
bool group_same_topics(const struct group *g, struct bytes a, struct bytes b);
