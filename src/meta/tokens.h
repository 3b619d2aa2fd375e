/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "acl/acl.h"
#include "base/array.h"
#include "meta/controller.h"
#include "meta/image_tokens.h"

/*
 * Changes of delegation tokens; form and duties as in topics.h. Who asks is compared again with the image of the
 * change: he may have been given new keys meanwhile, with which all that the old ones made is gone.
 */
#define TOKEN_RENEWERS_MAX 32

/* Whether who may give this token another end: its owner, his renewers, and who administers its owner. Quiet. */
bool token_may_end(const struct image *image, const struct acl_who *who, const struct image_token *t);
/* Whether who may see it, HMAC and all: those, and who made it. administers: acl_is_admin() of t's tenant, which who
 * goes through a list asks once, so that others are not asked about for each token. */
bool token_may_see(const struct image *image, const struct acl_who *who, bool administers, const struct image_token *t);
/* Whether t is owner's, made by him, or his to renew: Kafka's filter of lists. */
bool token_concerns(const struct image_token *t, struct name user);

/* The tenant's secret, where it has none yet: bytes become it. */
struct token_secret_change {
	struct change change;
	uint32_t tenant;
	uint8_t bytes[TOKEN_SECRET_LEN];	/* cleansed at the end */
};
void token_secret_init(struct token_secret_change *c);

struct token_create {
	struct change change;
	struct principal by;		/* who asks; his name lies in the arena */
	struct name id;
	struct str owner;
	ARRAY(struct str) renewers;
	int64_t now_ms, expires_ms, max_ms;
	struct scram_key keys[SCRAM_HASHES];	/* cleansed at the end */
	int32_t most;			/* tokens that the owner may have */
};
/* CHANGE_RESOURCE_NOT_FOUND: no such owner; CHANGE_SECURITY: who asked may no more; CHANGE_POLICY: the owner has too many.
 * The change asks it of its image; who has keys to make, before that work. Needs by, the id's tenant, owner, now_ms, most. */
enum change_result token_create_ask(const struct image *image, const struct token_create *c);
void token_create_init(struct token_create *c);

struct token_alter {
	struct change change;
	struct principal by;
	struct name id;
	int64_t now_ms;
	int64_t expires_ms;		/* at most its max_ms; -1: it is gone at once */
	int64_t ret_expires_ms;
};
/* CHANGE_RESOURCE_NOT_FOUND: gone or expired meanwhile. */
void token_alter_init(struct token_alter *c);

/* Tokens that have expired go. */
struct tokens_sweep {
	struct change change;
	int64_t now_ms;
	size_t ret_gone;
};
void tokens_sweep_init(struct tokens_sweep *c);
