/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "meta/image.h"
#include "security/token.h"

/*
 * Delegation tokens in the image (KIP-48). A token that is there holds until expires_ms, as long as its owner
 * may log in; its HMAC is made anew from the tenant's secret where somebody may see it.
 */
struct image_token {
	struct ref ref;
	struct str key;			/* private: tenant and id */
	struct str owner_key;		/* private: tenant, owner, NUL, id */
	char digest_key[4 + TOKEN_DIGEST_LEN];	/* private: tenant and the digest of the HMAC */
	struct name id;
	struct str owner;
	struct str requester;		/* who made it for him; empty: himself, or nobody of this tenant */
	struct str *renewers;
	uint32_t renewers_n;
	int64_t issued_ms, expires_ms, max_ms;	/* wall */
	struct scram_key scram[SCRAM_HASHES];
};

/* Borrowed; NULL where there is none. */
const struct image_token *image_token(const struct image *image, struct name id);
const struct image_token *image_token_by_hmac(const struct image *image, uint32_t tenant, const void *hmac, size_t n);
/* The tenant's tokens by owner, then by id; after NULL: the first. */
const struct image_token *image_next_token(const struct image *image, uint32_t tenant, const struct image_token *after);
/* One owner's; the same way. */
const struct image_token *image_next_token_of(const struct image *image, struct name owner,
    const struct image_token *after);

/* False where OpenSSL fails. */
bool image_token_hmac(const struct image *image, const struct image_token *t, uint8_t ret[TOKEN_HMAC_LEN]);
/* The secret of the tenant's tokens; NULL: none was made yet. */
const uint8_t *image_token_secret(const struct image *image, uint32_t tenant);

/* For logins: the owner's credential with the token's keys, and the earlier of both ends. */
void image_cred_token(const struct image *image, struct name id, int64_t wall_ms, struct cred_token *ret);
/* Whether a login by this token has ended; false for the zero id, no token. */
bool image_token_over(const struct image *image, uint32_t tenant, const struct uuid *id, int64_t wall_ms);
