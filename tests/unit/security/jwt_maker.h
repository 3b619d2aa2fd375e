/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An issuer of tokens: a key of each kind, their JWK Set, and signatures over whatever it is told. Used by the unit
 * tests and by the fuzz target. */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "security/base64.h"
#include "security/jwt.h"

#define MAKER_CHECK(x) do { if (!(x)) abort(); } while (0)
#define MAKER_NOW INT64_C(1800000000)		/* s */
#define MAKER_CLAIMS "{\"iss\":\"https://issuer\",\"aud\":\"schloss\",\"sub\":\"anna\",\"exp\":1800000300," \
	"\"iat\":1799999990,\"scope\":\"kafka more\"}"

struct maker {
	EVP_PKEY *key[JWS_ALGS];
};

static inline void
maker_start(struct maker *m)
{
	static const uint8_t seed[32] = "a key that everybody may know ..";
	m->key[JWS_RS256] = EVP_RSA_gen(2048);
	m->key[JWS_ES256] = EVP_EC_gen("P-256");
	m->key[JWS_EDDSA] = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	for (int i = 0; i < JWS_ALGS; i++)
		MAKER_CHECK(m->key[i] != NULL);
}

static inline void
maker_stop(struct maker *m)
{
	for (int i = 0; i < JWS_ALGS; i++)
		EVP_PKEY_free(m->key[i]);
}

static inline void
maker_add_url(struct buf *out, const void *p, size_t n)
{
	char *text = mem_alloc(BASE64_LEN(n) + 1);
	size_t len = base64_encode(p, n, text);
	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	MAKER_CHECK(buf_add(out, text, len) == 0);
	mem_free(text);
}

static inline void
maker_add_number(struct buf *out, EVP_PKEY *key, const char *param, const char *name, int width)
{
	BIGNUM *n = NULL;
	uint8_t bytes[1024];
	MAKER_CHECK(EVP_PKEY_get_bn_param(key, param, &n) == 1);
	int len = width > 0 ? BN_bn2binpad(n, bytes, width) : BN_bn2bin(n, bytes);
	BN_free(n);
	MAKER_CHECK(buf_printf(out, ",\"%s\":\"", name) == 0);
	maker_add_url(out, bytes, (size_t)len);
	MAKER_CHECK(buf_add(out, "\"", 1) == 0);
}

/* The numbers of a public key, as a JWK has them. */
static inline void
maker_add_public(struct buf *out, EVP_PKEY *key)
{
	uint8_t raw[32];
	size_t n = sizeof(raw);
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		MAKER_CHECK(buf_printf(out, ",\"kty\":\"RSA\"") == 0);
		maker_add_number(out, key, OSSL_PKEY_PARAM_RSA_N, "n", 0);
		maker_add_number(out, key, OSSL_PKEY_PARAM_RSA_E, "e", 0);
		break;
	case EVP_PKEY_EC:
		MAKER_CHECK(buf_printf(out, ",\"kty\":\"EC\",\"crv\":\"P-256\"") == 0);
		maker_add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_X, "x", 32);
		maker_add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_Y, "y", 32);
		break;
	default:
		MAKER_CHECK(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
		MAKER_CHECK(buf_printf(out, ",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"") == 0);
		maker_add_url(out, raw, n);
		MAKER_CHECK(buf_add(out, "\"", 1) == 0);
	}
}

/* {"keys": [...]} with the key of each kind, by the kids rs, es and ed. */
static inline void
maker_jwks(const struct maker *m, struct buf *out)
{
	static const char *const kids[] = { "rs", "es", "ed" };
	MAKER_CHECK(buf_printf(out, "{\"keys\":[") == 0);
	for (int i = 0; i < JWS_ALGS; i++) {
		MAKER_CHECK(buf_printf(out, "%s{\"kid\":\"%s\",\"use\":\"sig\"", i > 0 ? "," : "", kids[i]) == 0);
		maker_add_public(out, m->key[i]);
		MAKER_CHECK(buf_add(out, "}", 1) == 0);
	}
	MAKER_CHECK(buf_add(out, "]}", 2) == 0);
}

static inline size_t
maker_sign_raw(EVP_PKEY *key, const void *p, size_t n, uint8_t *sig, size_t max)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	size_t len = max;
	MAKER_CHECK(EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1);
	MAKER_CHECK(EVP_DigestSign(ctx, sig, &len, p, n) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

/* A JWS: header and claims as they stand, signed by the key in the way of its kind. */
static inline void
maker_token(EVP_PKEY *key, const char *header, struct str claims, struct buf *out)
{
	uint8_t sig[1024], flat[64];
	size_t from = out->n;
	maker_add_url(out, header, strlen(header));
	MAKER_CHECK(buf_add(out, ".", 1) == 0);
	maker_add_url(out, claims.p, claims.n);
	size_t n = maker_sign_raw(key, out->p + from, out->n - from, sig, sizeof(sig));
	MAKER_CHECK(buf_add(out, ".", 1) == 0);
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
		maker_add_url(out, sig, n);
		return;
	}
	const uint8_t *der = sig;
	ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)n);
	MAKER_CHECK(parts != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(parts), flat, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(parts), flat + 32, 32);
	ECDSA_SIG_free(parts);
	maker_add_url(out, flat, sizeof(flat));
}
