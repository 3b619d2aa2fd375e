/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The public keys of who issues tokens: a JWK Set (RFC 7517; RFC 7518 section 6,
 * RFC 8037). Immutable and counted; any thread may verify by it.
 */
struct jwks;

/* How a token may be signed, and by which kind of key: JWS_RS256 by RSA of 2048 to
 * 8192 bits, JWS_ES256 by P-256, JWS_EDDSA by Ed25519. There is no other. */
enum jws_alg {
	JWS_RS256,
	JWS_ES256,
	JWS_EDDSA,
	JWS_ALGS
};

#define JWKS_BYTES_MAX ((size_t)1 << 20)
#define JWKS_KEYS_MAX 256
#define JWKS_DEPTH_MAX 8
#define JWK_KID_MAX 256

/* The alg of a token's header, exactly; ERR_UNSUPPORTED. */
int jws_alg_parse(struct str s, enum jws_alg *ret);

/*
 * Keys that are for something else, or that nothing should be trusted to (RSA below
 * 2048 bits, a point that is not on its curve, a second key of one name), are left
 * out. ERR_INVAL: no JWK Set, or none of its keys can be used; ERR_LIMIT.
 */
int jwks_parse(struct str text, struct jwks **ret, struct why *why);
struct jwks *jwks_ref(struct jwks *keys);
void jwks_unref(struct jwks **keys);

size_t jwks_count(const struct jwks *keys);
/* How many of the document's were left out, and why the first of them was. */
size_t jwks_left_out(const struct jwks *keys, const char **ret_reason);

/* The key for a token that names kid (STR_NULL: none, which is enough where only one
 * key can be meant). Lives as long as the set. ERR_NOTFOUND; ERR_CONFLICT: several. */
int jwks_find(const struct jwks *keys, enum jws_alg alg, struct str kid, EVP_PKEY **ret);
