/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "meta/image.h"

/*
 * What the gate has allowed a session lately. A decision is a function of the image, of who asks, of what
 * is asked and of the clock; a session is of one user and one address, so a yes can be used again for as long as the
 * image is the very same one and neither the user's record nor a rule that it rests on has come to its end. It is not kept across images
 * (model section 7): the first look under another one forgets everything, and so a right that was taken away is
 * gone for the next request. A no is not kept: it has to be told each time.
 *
 * Only for decisions that rest on the image alone: not for a group whose owner lies beside its
 * state. Lives on the session's loop, inside its turn.
 */
struct memo;

struct memo_item {
	const struct image_topic *topic;	/* the image's, once it was found; else NULL */
	struct name name;			/* own bytes */
	uint32_t ops;				/* 1 << op of those that were allowed */
	uint8_t type;				/* 0: free */
};

/* What is kept of op on object; NULL: the gate must be asked. */
struct memo_item *memo_find(struct memo *memo, const struct image *image, enum acl_op op,
    const struct acl_object *object);
/* The gate has allowed it. expires_ms: when the yes ends by itself, 0: never; the earliest holds for all. Makes *memo where it is NULL. */
void memo_note(struct memo **memo, const struct image *image, enum acl_op op,
    const struct acl_object *object, int64_t expires_ms);
/* Who asks has changed, or is gone. */
void memo_destroy(struct memo **memo);
