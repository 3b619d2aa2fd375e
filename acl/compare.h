/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whose access differs between two images of one tenant: the decision, asked of both. Only of what the difference can
 * reach, as far as that is seen from outside: a user whose record is another one is asked about everything, and so is
 * everybody where the tenant's own node or a directory's is another; else those nodes that are others, and those that rules reach which
 * are others and name the user. Who is an operator before and after may everything, and is not told of.
 */

#include "acl/acl.h"
#include "base/arena.h"

enum acl_subject {
	ACL_SUBJECT_USER,
	ACL_SUBJECT_WITHOUT_RECORD,	/* anybody who has none */
	ACL_SUBJECT_ANONYMOUS,
};

struct acl_difference {
	enum acl_subject subject;
	struct str user;		/* views of the images, like name */
	enum acl_type type;
	struct str name;
	uint32_t gained, lost;		/* 1 << enum acl_op */
};

/* A group or transactional id made by use, whose node lies in no image. */
struct acl_by_use {
	enum acl_type type;
	struct str name;
	struct acl_node node;
};

struct acl_comparison {
	const struct acl_image *before, *after;
	uint32_t tenant;
	bool was_open, is_open;		/* whether its users are let in at all */
	int64_t now_ms;			/* as in struct acl_who */
	const struct acl_by_use *by_use;
	int32_t n_by_use;
	struct str only;		/* this user alone; null: all */
	size_t most;			/* things looked at, then it gives up */
};

/* Operations that are worth telling of. It goes without saying that everybody may write idempotently, that no client may
 * act for the cluster, that what is there is not made again, and that writing to a directory is making names in it. */
bool acl_op_telling(enum acl_type type, enum acl_op op);

/* Calls each(difference, arg) for all that differ, by user, then by node; it stops where that is not 0. True where all
 * was looked at, and each() has stopped nothing. Lists lie in the arena. Any thread that holds the images. A user without a record, who is
 * locked, or has expired, may nothing. */
bool acl_compare(const struct acl_comparison *c, struct arena *arena,
    int (*each)(const struct acl_difference *d, void *arg), void *arg);
