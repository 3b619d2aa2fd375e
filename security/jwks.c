/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key is made of the numbers that its kind has, by EVP_PKEY_fromdata(), and is of
 * use only for that kind's algorithm: a token's header chooses among keys, never
 * how a key is used. Each kind is one row of a table.
 */
#include "security/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/ref.h"
#include "security/base64.h"
#include "security/jsondoc.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192		/* a verification of 0.5 ms */
#define RSA_E_BITS_MAX 33		/* and so is its exponent bounded: 65537 everywhere */
#define POINT_BYTES 32			/* a coordinate of P-256, and all of Ed25519's */

static const char PRIVATE[] = "a private key: whoever issued it must take it back";

struct jwk {
	EVP_PKEY *key;
	enum jws_alg alg;
	char *kid;			/* NULL: it has none */
};

struct jwks {
	struct ref ref;
	size_t n, left_out;
	const char *first_reason;
	struct jwk key[JWKS_KEYS_MAX];
};

int
jws_alg_parse(struct str s, enum jws_alg *ret)
{
	static const char *const names[JWS_ALGS] = {
		[JWS_RS256] = "RS256", [JWS_ES256] = "ES256", [JWS_EDDSA] = "EdDSA",
	};
	for (unsigned i = 0; i < JWS_ALGS; i++) {
		if (str_is(s, names[i])) {
			*ret = (enum jws_alg)i;
			return 0;
		}
	}
	return ERR_UNSUPPORTED;
}

/* ---- numbers to keys ---- */

static EVP_PKEY *
key_of_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static BIGNUM *
number(const json_t *jwk, const char *name)
{
	uint8_t bytes[RSA_BITS_MAX / 8];
	size_t n;
	struct str text = jsondoc_text(jwk, name);
	if (text.n == 0 || base64url_decode(text, bytes, sizeof(bytes), &n) != 0)
		return NULL;
	return BN_bin2bn(bytes, (int)n, NULL);
}

static const char *
check_rsa(const BIGNUM *n, const BIGNUM *e)
{
	if (n == NULL || e == NULL)
		return "an RSA key without n and e of at most 8192 bits";
	if (BN_num_bits(n) < RSA_BITS_MIN)
		return "an RSA key of less than 2048 bits";
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > RSA_E_BITS_MAX)
		return "an RSA key whose numbers are none of RSA's";
	return NULL;
}

static const char *
make_rsa(const json_t *jwk, EVP_PKEY **ret)
{
	BIGNUM *n = number(jwk, "n"), *e = number(jwk, "e");
	const char *reason = check_rsa(n, e);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	if (reason == NULL && bld != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
		OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
		*ret = key_of_params("RSA", params);
		OSSL_PARAM_free(params);
	}
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return reason;
}

static bool
coordinate(const json_t *jwk, const char *name, uint8_t out[POINT_BYTES])
{
	size_t n;
	struct str text = jsondoc_text(jwk, name);
	return base64url_decode(text, out, POINT_BYTES, &n) == 0 && n == POINT_BYTES;
}

static const char *
make_ec(const json_t *jwk, EVP_PKEY **ret)
{
	char group[] = "P-256";
	uint8_t point[1 + 2 * POINT_BYTES] = { 4 };
	if (!str_is(jsondoc_text(jwk, "crv"), group))
		return "an EC key of another curve than P-256";
	if (!coordinate(jwk, "x", point + 1) || !coordinate(jwk, "y", point + 1 + POINT_BYTES))
		return "an EC key without x and y of 32 bytes";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	*ret = key_of_params("EC", params);
	return *ret == NULL ? "an EC key that is no point of its curve" : NULL;
}

static const char *
make_okp(const json_t *jwk, EVP_PKEY **ret)
{
	uint8_t point[POINT_BYTES];
	if (!str_is(jsondoc_text(jwk, "crv"), "Ed25519"))
		return "an OKP key of another curve than Ed25519";
	if (!coordinate(jwk, "x", point))
		return "an Ed25519 key without x of 32 bytes";
	*ret = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, sizeof(point));
	return NULL;
}

static const struct kind {
	const char *kty, *alg;
	enum jws_alg jws;
	/* NULL and *ret, NULL and no *ret (OpenSSL refuses it), or a reason. */
	const char *(*make)(const json_t *jwk, EVP_PKEY **ret);
} kinds[] = {
	{ "RSA", "RS256", JWS_RS256, make_rsa },
	{ "EC", "ES256", JWS_ES256, make_ec },
	{ "OKP", "EdDSA", JWS_EDDSA, make_okp },
};

/* ---- the set ---- */

/* What the key is for, where it says so. */
static const char *
check_purpose(const json_t *jwk, const struct kind *kind)
{
	const json_t *use = json_object_get(jwk, "use"), *alg = json_object_get(jwk, "alg");
	const json_t *ops = json_object_get(jwk, "key_ops"), *op;
	size_t i;
	bool verifies = ops == NULL;
	if (json_object_get(jwk, "d") != NULL)
		return PRIVATE;
	if (use != NULL && !str_is(jsondoc_text(jwk, "use"), "sig"))
		return "a key that is not for signatures";
	if (alg != NULL && !str_is(jsondoc_text(jwk, "alg"), kind->alg))
		return "a key for another algorithm than RS256, ES256 and EdDSA";
	json_array_foreach(ops, i, op)
		verifies |= json_is_string(op) && strcmp(json_string_value(op), "verify") == 0;
	if (!verifies)
		return "a key that is not for verification";
	return NULL;
}

static const struct jwk *
named(const struct jwks *keys, enum jws_alg alg, struct str kid)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->key[i].alg == alg && keys->key[i].kid != NULL && str_is(kid, keys->key[i].kid))
			return &keys->key[i];
	return NULL;
}

/* NULL, or why it is left out. */
static const char *
add_key(struct jwks *keys, const json_t *jwk)
{
	struct str kty = jsondoc_text(jwk, "kty"), kid = jsondoc_text(jwk, "kid");
	const struct kind *kind = NULL;
	EVP_PKEY *key = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_is(kty, kinds[i].kty))
			kind = &kinds[i];
	if (kind == NULL)
		return "a key of another kind than RSA, EC and OKP";
	const char *reason = check_purpose(jwk, kind);
	if (reason == NULL && kid.n > JWK_KID_MAX)
		reason = "a key with a kid of more than 256 bytes";
	if (reason == NULL && kid.p != NULL && named(keys, kind->jws, kid) != NULL)
		reason = "a second key of the same kid";
	if (reason == NULL)
		reason = kind->make(jwk, &key);
	if (reason == NULL && key == NULL)
		reason = "a key that OpenSSL does not take";
	ERR_clear_error();
	if (reason == NULL)
		keys->key[keys->n++] = (struct jwk){ key, kind->jws, kid.p == NULL ? NULL : str_dup(kid) };
	return reason;
}

static int
add_keys(struct jwks *keys, const json_t *list, struct why *why)
{
	size_t i;
	const json_t *jwk;
	if (!json_is_array(list))
		return why_set(why, ERR_INVAL, "no JWK Set: there is no list \"keys\"");
	if (json_array_size(list) > JWKS_KEYS_MAX)
		return why_set(why, ERR_LIMIT, "more than %d keys", JWKS_KEYS_MAX);
	json_array_foreach(list, i, jwk) {
		const char *reason = add_key(keys, jwk);
		if (reason == NULL)
			continue;
		if (keys->left_out++ == 0 || reason == PRIVATE) /* which is told before all else */
			keys->first_reason = reason;
	}
	if (keys->n > 0)
		return 0;
	return why_set(why, ERR_INVAL, "none of its %zu keys can be used%s%s", keys->left_out,
	    keys->left_out > 0 ? "; the first is " : "", keys->left_out > 0 ? keys->first_reason : "");
}

int
jwks_parse(struct str text, struct jwks **ret, struct why *why)
{
	json_t *doc;
	if (text.n > JWKS_BYTES_MAX)
		return why_set(why, ERR_LIMIT, "more than %zu bytes", JWKS_BYTES_MAX);
	int err = jsondoc_parse(text, JWKS_DEPTH_MAX, &doc);
	if (err != 0)
		return why_set(why, err, err == ERR_LIMIT ? "no JWK Set: it is nested too deeply"
		    : "no JWK Set: it is no JSON object");
	struct jwks *keys = MEM_NEW(struct jwks);
	ref_init(&keys->ref);
	err = add_keys(keys, json_object_get(doc, "keys"), why);
	json_decref(doc);
	if (err != 0)
		jwks_unref(&keys);
	else
		*ret = keys;
	return err;
}

struct jwks *
jwks_ref(struct jwks *keys)
{
	ref_get(&keys->ref);
	return keys;
}

void
jwks_unref(struct jwks **keys)
{
	struct jwks *k = *keys;
	*keys = NULL;
	if (k == NULL || !ref_put(&k->ref))
		return;
	for (size_t i = 0; i < k->n; i++) {
		EVP_PKEY_free(k->key[i].key);
		mem_free(k->key[i].kid);
	}
	mem_free(k);
}

size_t
jwks_count(const struct jwks *keys)
{
	return keys->n;
}

size_t
jwks_left_out(const struct jwks *keys, const char **ret_reason)
{
	*ret_reason = keys->first_reason;
	return keys->left_out;
}

int
jwks_find(const struct jwks *keys, enum jws_alg alg, struct str kid, EVP_PKEY **ret)
{
	const struct jwk *found = NULL;
	if (kid.p != NULL) {
		found = named(keys, alg, kid);
	} else {
		for (size_t i = 0; i < keys->n; i++) {
			if (keys->key[i].alg != alg)
				continue;
			if (found != NULL)
				return ERR_CONFLICT;
			found = &keys->key[i];
		}
	}
	if (found == NULL)
		return ERR_NOTFOUND;
	*ret = found->key;
	return 0;
}
