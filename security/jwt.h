/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "security/jwks.h"

/*
 * Tokens: a JWT (RFC 7519) as a compact JWS (RFC 7515), by the rules of RFC 8725.
 * Pure: bytes, keys and a time in, facts or a reason out. One verification a token.
 */
#define JWT_BYTES_MAX 16384		/* of a token, before anything is decoded */
#define JWT_DEPTH_MAX 8			/* of its header and of its claims */
#define JWT_SUBJECT_MAX 1023

/* What a token must say; all borrowed. */
struct jwt_rules {
	const char *issuer;			/* iss, exactly */
	const char *const *audiences;		/* one of them in aud */
	size_t audiences_n;
	const char *const *scopes;		/* all of them in the scope */
	size_t scopes_n;
	const char *scope_claim, *subject_claim;
	int64_t skew_s;				/* that clocks may differ by */
};

/* What it says, once it is believed. */
struct jwt_facts {
	char subject[JWT_SUBJECT_MAX + 1];	/* without NUL, not empty */
	int64_t expires_ms;			/* its exp, wall clock */
};

/*
 * 0 and the facts, or an error and *ret_reason, a literal for the log: ERR_NOTFOUND
 * where keys does not have the one that the token names, else ERR_DENIED. The
 * signature is verified before any claim is read.
 */
int jwt_check(struct str token, const struct jwks *keys, const struct jwt_rules *rules, int64_t now_ms,
    struct jwt_facts *ret, const char **ret_reason);
