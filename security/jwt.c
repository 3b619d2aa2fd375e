/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three parts between dots. The header is read to find the key and refused where it
 * wants anything else of us (crit), brings a key or an address of one along (jwk,
 * jku, x5c, x5u), or is of another thing than a token. Then the signature, over the
 * bytes as they came; then the claims. Which algorithm verifies follows from the
 * key, and a key is found only by the algorithm that it is for.
 */
#include "security/jwt.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "security/base64.h"
#include "security/jsondoc.h"

#define SIGNATURE_MAX 1024		/* of an RSA key of 8192 bits */
#define ES256_BYTES 64
#define TIME_MAX 1e11			/* seconds since 1970: beyond, it is no time but a mistake, such as ms */

struct parts {
	struct str header, claims, signature, signed_text;
};

static int
split(struct str token, struct parts *ret)
{
	struct str rest = token;
	if (!str_cut(&rest, '.', &ret->header) || !str_cut(&rest, '.', &ret->claims) || rest.p == NULL ||
	    memchr(rest.p, '.', rest.n) != NULL)
		return ERR_INVAL;
	ret->signature = rest;
	ret->signed_text = (struct str){ token.p, ret->header.n + 1 + ret->claims.n };
	return 0;
}

static int
decode_object(struct str part, json_t **ret)
{
	size_t max = BASE64URL_BYTES(part.n), n;
	uint8_t *bytes = mem_try(max);
	if (bytes == NULL)
		return ERR_NOMEM;
	int err = base64url_decode(part, bytes, max, &n);
	if (err == 0)
		err = jsondoc_parse((struct str){ (const char *)bytes, n }, JWT_DEPTH_MAX, ret);
	mem_free(bytes);
	return err;
}

/* ---- header and signature ---- */

static bool
same_folded(struct str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* typ (RFC 8725 3.11): none, a token, or an access token; nothing else that is signed alike. */
static bool
is_token(const json_t *header)
{
	struct str typ = jsondoc_text(header, "typ");
	if (json_object_get(header, "typ") == NULL)
		return true;
	return same_folded(typ, "JWT") || same_folded(typ, "at+jwt") || same_folded(typ, "application/at+jwt");
}

static const char *
check_header(const json_t *header)
{
	static const char *const refused[] = { "crit", "jwk", "jku", "x5c", "x5u", "cty", "zip", "enc", "b64" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(header, refused[i]) != NULL)
			return "the token's header asks for what is not done (crit, jwk, jku, x5c, x5u, cty, zip, enc, b64)";
	if (!is_token(header))
		return "the token's typ is of something else";
	if (json_object_get(header, "kid") != NULL && jsondoc_text(header, "kid").p == NULL)
		return "the token's kid is no text";
	return NULL;
}

static int
find_key(const json_t *header, const struct jwks *keys, enum jws_alg *ret_alg, EVP_PKEY **ret, const char **ret_reason)
{
	*ret_reason = check_header(header);
	if (*ret_reason == NULL && jws_alg_parse(jsondoc_text(header, "alg"), ret_alg) != 0)
		*ret_reason = "the token is signed by another algorithm than RS256, ES256 and EdDSA";
	if (*ret_reason != NULL)
		return ERR_DENIED;
	int err = jwks_find(keys, *ret_alg, jsondoc_text(header, "kid"), ret);
	if (err == 0)
		return 0;
	*ret_reason = err == ERR_CONFLICT ? "the token does not name one of several keys"
	    : "the token is signed by a key that is not there";
	return err == ERR_NOTFOUND ? ERR_NOTFOUND : ERR_DENIED;
}

/* r and s, 32 bytes each (RFC 7518 section 3.4), as OpenSSL has them; its length or -1. */
static int
es256_to_der(const uint8_t *p, uint8_t **ret)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(p, ES256_BYTES / 2, NULL), *s = BN_bin2bn(p + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
	int n = -1;
	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		n = i2d_ECDSA_SIG(sig, ret);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n;
}

static bool
verify(EVP_PKEY *key, enum jws_alg alg, const uint8_t *sig, size_t n, struct str text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = alg == JWS_EDDSA ? NULL : EVP_sha256();
	bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig, n, (const uint8_t *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static bool
signature_holds(EVP_PKEY *key, enum jws_alg alg, const struct parts *p)
{
	uint8_t sig[SIGNATURE_MAX], *der = NULL;
	size_t n;
	if (base64url_decode(p->signature, sig, sizeof(sig), &n) != 0)
		return false;
	if (alg != JWS_ES256)
		return verify(key, alg, sig, n, p->signed_text);
	int der_n = n == ES256_BYTES ? es256_to_der(sig, &der) : -1;
	bool ok = der_n > 0 && verify(key, alg, der, (size_t)der_n, p->signed_text);
	OPENSSL_free(der);
	return ok;
}

/* ---- claims ---- */

/* A NumericDate, which may have a fraction; seconds. ERR_NOTFOUND: there is none. */
static int
take_time(const json_t *claims, const char *name, double *ret)
{
	const json_t *v = json_object_get(claims, name);
	if (v == NULL)
		return ERR_NOTFOUND;
	if (!json_is_number(v))
		return ERR_INVAL;
	double s = json_number_value(v);
	if (!isfinite(s) || s < 0 || s > TIME_MAX)
		return ERR_INVAL;
	*ret = s;
	return 0;
}

static const char *
check_times(const json_t *claims, int64_t skew_s, int64_t now_ms, int64_t *ret_expires_ms)
{
	double now = (double)now_ms / 1000, skew = (double)skew_s, t;
	if (take_time(claims, "exp", &t) != 0)
		return "the token does not say when it ends (exp)";
	if (now >= t + skew)
		return "the token has expired";
	*ret_expires_ms = (int64_t)(t * 1000);
	int err = take_time(claims, "nbf", &t);
	if (err == ERR_INVAL || (err == 0 && now < t - skew))
		return "the token does not hold yet (nbf)";
	err = take_time(claims, "iat", &t);
	if (err == ERR_INVAL || (err == 0 && now < t - skew))
		return "the token was issued in the time to come (iat): look at the clocks";
	return NULL;
}

static bool
among(struct str s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(s, list[i]))
			return true;
	return false;
}

static bool
for_us(const json_t *claims, const struct jwt_rules *rules)
{
	const json_t *aud = json_object_get(claims, "aud"), *v;
	size_t i;
	if (json_is_string(aud))
		return among(jsondoc_text(claims, "aud"), rules->audiences, rules->audiences_n);
	json_array_foreach(aud, i, v)
		if (json_is_string(v) && among((struct str){ json_string_value(v), json_string_length(v) },
		    rules->audiences, rules->audiences_n))
			return true;
	return false;
}

/* A list, or words with a space between (RFC 8693 section 4.2). */
static bool
has_scope(const json_t *claims, const char *claim, const char *wanted)
{
	const json_t *v, *list = json_object_get(claims, claim);
	struct str rest = jsondoc_text(claims, claim), word;
	size_t i;
	json_array_foreach(list, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), wanted) == 0)
			return true;
	while (rest.p != NULL) {
		str_cut(&rest, ' ', &word);
		if (str_is(word, wanted))
			return true;
	}
	return false;
}

static const char *
check_claims(const json_t *claims, const struct jwt_rules *rules, int64_t now_ms, struct jwt_facts *ret)
{
	if (!str_is(jsondoc_text(claims, "iss"), rules->issuer))
		return "the token is of another issuer (iss)";
	if (!for_us(claims, rules))
		return "the token is for somebody else (aud)";
	const char *reason = check_times(claims, rules->skew_s, now_ms, &ret->expires_ms);
	if (reason != NULL)
		return reason;
	for (size_t i = 0; i < rules->scopes_n; i++)
		if (!has_scope(claims, rules->scope_claim, rules->scopes[i]))
			return "the token lacks a scope that is required";
	struct str subject = jsondoc_text(claims, rules->subject_claim);
	if (subject.n == 0 || subject.n > JWT_SUBJECT_MAX)
		return "the token names nobody, or by a name that is too long";
	memcpy(ret->subject, subject.p, subject.n);
	ret->subject[subject.n] = '\0';
	return NULL;
}

/* ---- all of it ---- */

static int
check_signature(const struct parts *p, const struct jwks *keys, const char **ret_reason)
{
	json_t *header;
	EVP_PKEY *key;
	enum jws_alg alg;
	if (decode_object(p->header, &header) != 0) {
		*ret_reason = "the token's header is no JSON object";
		return ERR_DENIED;
	}
	int err = find_key(header, keys, &alg, &key, ret_reason);
	json_decref(header);
	if (err != 0)
		return err;
	if (signature_holds(key, alg, p))
		return 0;
	*ret_reason = "the token's signature is wrong";
	return ERR_DENIED;
}

int
jwt_check(struct str token, const struct jwks *keys, const struct jwt_rules *rules, int64_t now_ms,
    struct jwt_facts *ret, const char **ret_reason)
{
	struct jwt_facts facts = { .expires_ms = 0 };
	struct parts p;
	json_t *claims;
	*ret_reason = "this is no signed token";
	if (token.n > JWT_BYTES_MAX || split(token, &p) != 0)
		return ERR_DENIED;
	int err = check_signature(&p, keys, ret_reason);
	if (err != 0)
		return err;
	*ret_reason = "the token's claims are no JSON object";
	if (decode_object(p.claims, &claims) != 0)
		return ERR_DENIED;
	*ret_reason = check_claims(claims, rules, now_ms, &facts);
	json_decref(claims);
	if (*ret_reason != NULL)
		return ERR_DENIED;
	*ret = facts;
	return 0;
}
