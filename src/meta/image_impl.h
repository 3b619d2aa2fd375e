/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by image.c (reading) and image_apply.c (making new versions). */

#include "meta/image.h"
#include "meta/record.h"
#include "security/token.h"

struct image_user {
	struct ref ref;
	struct str key;
	struct cred cred;		/* locked and expires as stored */
};

struct image_option {
	struct ref ref;
	struct str key, value;
};

/* Of a tenant's delegation tokens. */
struct image_secret {
	struct ref ref;
	struct str key;
	uint8_t bytes[TOKEN_SECRET_LEN];
};

struct image {
	struct ref ref;
	uint64_t generation;
	struct acl_image *acl;
	struct quota_image *quotas;
	struct pmap *topics, *by_id, *users, *tenants, *options;
	struct pmap *tokens, *tokens_by_owner, *tokens_by_digest, *secrets;
	struct topic_overrides dflt;	/* the file's, over it what was set at run time */
	struct topic_overrides file_dflt;
	uint32_t next_tenant;
	uint64_t next_generation;
	int64_t next_producer_id;
	int32_t era;
};

extern const struct pmap_ops image_topic_ops, image_id_ops, image_user_ops, image_tenant_ops,
    image_option_ops, image_token_ops, image_token_owner_ops, image_token_digest_ops, image_secret_ops;

/* Tenant number and name as one key that sorts by both; into out of 4 + name.n. */
struct str image_key(struct name name, char *out);
/* The same on the heap. */
struct str image_key_dup(struct name name);

/* image_tokens.c. r NULL: deleted. ERR_CORRUPT, also for a token before its secret. */
int image_apply_token(struct image *image, struct name id, const struct record *r);
int image_apply_secret(struct image *image, uint32_t tenant, const struct record *r);
