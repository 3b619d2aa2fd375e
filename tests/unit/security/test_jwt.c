/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "jwt_maker.h"

#include "base/err.h"
#include "security/jsondoc.h"
#include "security/oauth.h"

#define RS "{\"alg\":\"RS256\",\"kid\":\"rs\"}"
#define ES "{\"alg\":\"ES256\",\"kid\":\"es\"}"
#define ED "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"JWT\"}"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct maker m;
static struct jwks *keys;
static const char *const audiences[] = { "other", "schloss" }, *const scopes[] = { "kafka" };
static struct jwt_rules rules = {
	.issuer = "https://issuer", .audiences = audiences, .audiences_n = 2, .scope_claim = "scope",
	.subject_claim = "sub", .skew_s = 30,
};
static struct jwt_facts facts;
static const char *reason;

static int
start(void **state)
{
	struct buf text;
	struct why why;
	(void)state;
	jsondoc_init();
	maker_start(&m);
	buf_init(&text, 65536);
	maker_jwks(&m, &text);
	assert_ok(jwks_parse(buf_str(&text), &keys, &why));
	buf_free(&text);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	jwks_unref(&keys);
	maker_stop(&m);
	return 0;
}

static int
check_at(struct str token, int64_t now_s)
{
	memset(&facts, 0xaa, sizeof(facts));
	reason = NULL;
	int err = jwt_check(token, keys, &rules, now_s * 1000, &facts, &reason);
	assert_true((err == 0) == (reason == NULL));
	if (err != 0)
		assert_int_equal((uint8_t)facts.subject[0], 0xaa);
	return err;
}

static int
check_signed(enum jws_alg by, const char *header, struct str claims)
{
	struct buf token;
	buf_init(&token, 1 << 20);
	maker_token(m.key[by], header, claims, &token);
	int err = check_at(buf_str(&token), MAKER_NOW);
	buf_free(&token);
	return err;
}

static void
each_algorithm(void **state)
{
	(void)state;
	static const char *const headers[] = { RS, ES, ED };
	for (int i = 0; i < JWS_ALGS; i++) {
		assert_ok(check_signed((enum jws_alg)i, headers[i], STR(MAKER_CLAIMS)));
		assert_string_equal(facts.subject, "anna");
		assert_int_equal(facts.expires_ms, INT64_C(1800000300000));
	}
	/* Without a kid where one key can be meant. */
	assert_ok(check_signed(JWS_RS256, "{\"alg\":\"RS256\"}", STR(MAKER_CLAIMS)));
}

/* RFC 8725 2.1: the token does not choose how it is verified. */
static void
algorithms_that_are_none(void **state)
{
	(void)state;
	static const char *const names[] = { "none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256",
		"ES384", "ES512", "ES256K", "EdDSA ", "eddsa", "Ed25519", "rs256", "RS256\\u0000", "dir", "RSA-OAEP" };
	char header[128];
	for (size_t i = 0; i < N(names); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"rs\"}", names[i]);
		assert_int_equal(check_signed(JWS_RS256, header, STR(MAKER_CLAIMS)), ERR_DENIED);
	}
	static const char *const odd[] = { "{\"kid\":\"rs\"}", "{\"alg\":null,\"kid\":\"rs\"}", "{\"alg\":[\"RS256\"],\"kid\":\"rs\"}",
		"{\"alg\":{\"a\":\"RS256\"}}", "{\"alg\":256}", "[]", "\"RS256\"", "null", "", "{", "{\"alg\":\"RS256\"}x" };
	for (size_t i = 0; i < N(odd); i++)
		assert_int_equal(check_signed(JWS_RS256, odd[i], STR(MAKER_CLAIMS)), ERR_DENIED);
}

/* A token without a signature, as alg none has it. */
static void
nothing_signed(void **state)
{
	(void)state;
	static const char *const headers[] = { "{\"alg\":\"none\"}", RS, ES, ED };
	for (size_t i = 0; i < N(headers); i++) {
		struct buf token;
		buf_init(&token, 65536);
		maker_add_url(&token, headers[i], strlen(headers[i]));
		buf_add(&token, ".", 1);
		maker_add_url(&token, MAKER_CLAIMS, strlen(MAKER_CLAIMS));
		assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED); /* two parts */
		buf_add(&token, ".", 1);
		assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
		buf_add(&token, ".", 1);
		assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
		buf_free(&token);
	}
}

/* The RSA key as the secret of an HMAC, and each key for the algorithm of another. */
static void
keys_of_another_kind(void **state)
{
	(void)state;
	static const char *const algs[] = { "RS256", "ES256", "EdDSA" }, *const kids[] = { "rs", "es", "ed" };
	char header[64];
	for (int by = 0; by < JWS_ALGS; by++) {
		for (int alg = 0; alg < JWS_ALGS; alg++) {
			for (int kid = 0; kid < JWS_ALGS; kid++) {
				snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[alg], kids[kid]);
				int err = check_signed((enum jws_alg)by, header, STR(MAKER_CLAIMS));
				assert_int_equal(err, alg != kid ? ERR_NOTFOUND : by != kid ? ERR_DENIED : 0);
			}
		}
	}
	struct buf set, token;
	uint8_t mac[32];
	unsigned n = sizeof(mac);
	buf_init(&set, 65536);
	buf_init(&token, 65536);
	maker_add_public(&set, m.key[JWS_RS256]);
	const char *hs = "{\"alg\":\"HS256\",\"kid\":\"rs\"}";
	maker_add_url(&token, hs, strlen(hs));
	buf_add(&token, ".", 1);
	maker_add_url(&token, MAKER_CLAIMS, strlen(MAKER_CLAIMS));
	HMAC(EVP_sha256(), set.p, (int)set.n, token.p, token.n, mac, &n);
	buf_add(&token, ".", 1);
	maker_add_url(&token, mac, n);
	assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
	buf_free(&set);
	buf_free(&token);
}

static void
headers_that_ask_for_more(void **state)
{
	(void)state;
	static const char *const more[] = {
		"\"crit\":[\"exp\"]", "\"crit\":[]", "\"jku\":\"https://evil.example/keys\"", "\"x5u\":\"https://evil.example/c\"",
		"\"x5c\":[\"MII\"]", "\"cty\":\"JWT\"", "\"zip\":\"DEF\"", "\"enc\":\"A128GCM\"", "\"b64\":false",
		"\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		"\"typ\":\"logout+jwt\"", "\"typ\":\"dpop+jwt\"", "\"typ\":7", "\"typ\":null", "\"typ\":\"\"",
		"\"kid\":7", "\"kid\":null", "\"kid\":[\"rs\"]",
		"\"alg\":\"RS256\"",			/* twice */
		"\"\\u0061lg\":\"none\"",		/* and so spelt */
	};
	char header[256];
	for (size_t i = 0; i < N(more); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"RS256\",%s}", more[i]);
		assert_int_equal(check_signed(JWS_RS256, header, STR(MAKER_CLAIMS)), ERR_DENIED);
	}
	static const char *const fine[] = { "\"typ\":\"JWT\"", "\"typ\":\"jwt\"", "\"typ\":\"at+jwt\"",
		"\"typ\":\"application/at+jwt\"", "\"x5t\":\"abc\"", "\"unknown\":{\"a\":[1]}" };
	for (size_t i = 0; i < N(fine); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"RS256\",%s}", fine[i]);
		assert_ok(check_signed(JWS_RS256, header, STR(MAKER_CLAIMS)));
	}
}

static void
a_key_that_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(check_signed(JWS_RS256, "{\"alg\":\"RS256\",\"kid\":\"rs2\"}", STR(MAKER_CLAIMS)), ERR_NOTFOUND);
	assert_int_equal(check_signed(JWS_RS256, "{\"alg\":\"RS256\",\"kid\":\"\"}", STR(MAKER_CLAIMS)), ERR_NOTFOUND);
	assert_int_equal(check_signed(JWS_RS256, "{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", STR(MAKER_CLAIMS)),
	    ERR_NOTFOUND);
}

/* Every bit of a token counts, and so does where it ends. */
static void
every_character_counts(void **state)
{
	(void)state;
	struct buf token;
	buf_init(&token, 65536);
	maker_token(m.key[JWS_ES256], ES, STR(MAKER_CLAIMS), &token);
	assert_ok(check_at(buf_str(&token), MAKER_NOW));
	for (size_t i = 0; i < token.n; i++) {
		uint8_t was = token.p[i];
		for (unsigned k = 0; k < 3; k++) {
			static const char to[] = { 'A', '_', '=' };
			token.p[i] = (uint8_t)to[k];
			if (token.p[i] != was)
				assert_int_not_equal(check_at(buf_str(&token), MAKER_NOW), 0);
		}
		token.p[i] = was;
		assert_int_not_equal(check_at((struct str){ (const char *)token.p, i }, MAKER_NOW), 0);
	}
	assert_ok(check_at(buf_str(&token), MAKER_NOW));
	buf_add(&token, "A", 1);
	assert_int_not_equal(check_at(buf_str(&token), MAKER_NOW), 0);
	buf_free(&token);
}

/* CVE-2022-21449: r and s that are nothing; and signatures of other lengths. */
static void
signatures_that_are_none(void **state)
{
	(void)state;
	static const uint8_t bytes[1100];
	static const size_t lengths[] = { 0, 1, 32, 63, 64, 65, 70, 72, 255, 256, 257, 1024, 1025, 1100 };
	static const char *const headers[] = { RS, ES, ED };
	for (size_t h = 0; h < N(headers); h++) {
		for (size_t i = 0; i < N(lengths); i++) {
			struct buf token;
			buf_init(&token, 65536);
			maker_add_url(&token, headers[h], strlen(headers[h]));
			buf_add(&token, ".", 1);
			maker_add_url(&token, MAKER_CLAIMS, strlen(MAKER_CLAIMS));
			buf_add(&token, ".", 1);
			maker_add_url(&token, bytes, lengths[i]);
			assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
			buf_free(&token);
		}
	}
}

#define WITH(more) "{\"iss\":\"https://issuer\",\"aud\":\"schloss\",\"sub\":\"anna\"," more "}"

static void
times(void **state)
{
	(void)state;
	static const struct {
		struct str claims;
		bool fine;
	} cases[] = {
#define C(more, fine) { STR(WITH(more)), fine }
		C("\"exp\":1800000001", true), C("\"exp\":1799999971", true), C("\"exp\":1799999970", false),
		C("\"exp\":1799999970.5", true), C("\"exp\":1", false), C("\"exp\":0", false), C("\"exp\":-1", false),
		C("\"exp\":\"1800000300\"", false), C("\"exp\":null", false), C("\"exp\":true", false),
		C("\"exp\":1e400", false), C("\"exp\":1800000300000", false), C("\"exp\":99999999999999999999", false),
		C("\"exp\":[1800000300]", false), C("\"nbf\":1", false),
		C("\"exp\":1.8000003e9", true), C("\"exp\":1800000300,\"exp\":1", false), C("\"exp\":1,\"exp\":1800000300", false),
		C("\"exp\":1800000300,\"nbf\":1800000030", true), C("\"exp\":1800000300,\"nbf\":1800000031", false),
		C("\"exp\":1800000300,\"nbf\":\"1\"", false), C("\"exp\":1800000300,\"nbf\":null", false),
		C("\"exp\":1800000300,\"iat\":1800000030", true), C("\"exp\":1800000300,\"iat\":1800000031", false),
		C("\"exp\":1800000300,\"iat\":{}", false),
#undef C
	};
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(check_signed(JWS_EDDSA, ED, cases[i].claims), cases[i].fine ? 0 : ERR_DENIED);
}

static void
issuer_audience_scope_subject(void **state)
{
	(void)state;
#define BODY(iss, aud, sub, scope) "{\"iss\":" iss ",\"aud\":" aud ",\"sub\":" sub ",\"scope\":" scope ",\"exp\":1800000300}"
#define OK_ISS "\"https://issuer\""
#define OK_AUD "\"schloss\""
#define OK_SUB "\"anna\""
#define OK_SCOPE "\"kafka\""
	static const struct {
		struct str claims;
		bool fine;
	} cases[] = {
#define C(iss, aud, sub, scope, fine) { STR(BODY(iss, aud, sub, scope)), fine }
		C(OK_ISS, OK_AUD, OK_SUB, OK_SCOPE, true),
		C("\"https://issuer/\"", OK_AUD, OK_SUB, OK_SCOPE, false), C("\"HTTPS://issuer\"", OK_AUD, OK_SUB, OK_SCOPE, false),
		C("null", OK_AUD, OK_SUB, OK_SCOPE, false), C("[\"https://issuer\"]", OK_AUD, OK_SUB, OK_SCOPE, false),
		C(OK_ISS, "[\"x\",\"schloss\"]", OK_SUB, OK_SCOPE, true), C(OK_ISS, "\"other\"", OK_SUB, OK_SCOPE, true),
		C(OK_ISS, "\"Schloss\"", OK_SUB, OK_SCOPE, false), C(OK_ISS, "[]", OK_SUB, OK_SCOPE, false),
		C(OK_ISS, "[7,null,{}]", OK_SUB, OK_SCOPE, false), C(OK_ISS, "\"schloss other\"", OK_SUB, OK_SCOPE, false),
		C(OK_ISS, "{\"schloss\":1}", OK_SUB, OK_SCOPE, false), C(OK_ISS, "[[\"schloss\"]]", OK_SUB, OK_SCOPE, false),
		C(OK_ISS, "\"schloss\\u0000\"", OK_SUB, OK_SCOPE, false),
		C(OK_ISS, OK_AUD, OK_SUB, "\"a kafka b\"", true), C(OK_ISS, OK_AUD, OK_SUB, "[\"a\",\"kafka\"]", true),
		C(OK_ISS, OK_AUD, OK_SUB, "\"kafkas\"", false), C(OK_ISS, OK_AUD, OK_SUB, "\"\"", false),
		C(OK_ISS, OK_AUD, OK_SUB, "[\"a kafka\"]", false), C(OK_ISS, OK_AUD, OK_SUB, "null", false),
		C(OK_ISS, OK_AUD, "\"\"", OK_SCOPE, false), C(OK_ISS, OK_AUD, "7", OK_SCOPE, false),
		C(OK_ISS, OK_AUD, "[\"anna\"]", OK_SCOPE, false), C(OK_ISS, OK_AUD, "\"anna\\u0000\"", OK_SCOPE, false),
		C(OK_ISS, OK_AUD, "\"\\ud800\"", OK_SCOPE, false),
#undef C
	};
	rules.scopes = scopes;
	rules.scopes_n = 1;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(check_signed(JWS_EDDSA, ED, cases[i].claims), cases[i].fine ? 0 : ERR_DENIED);
	rules.scopes_n = 0;
	rules.subject_claim = "email";
	assert_int_equal(check_signed(JWS_EDDSA, ED, STR(MAKER_CLAIMS)), ERR_DENIED);
	assert_ok(check_signed(JWS_EDDSA, ED, STR(WITH("\"email\":\"anna@x\",\"exp\":1800000300"))));
	assert_string_equal(facts.subject, "anna@x");
	rules.subject_claim = "sub";
}

/* Nothing of the claims is looked at before the signature: not even whether they are JSON. */
static void
signature_first(void **state)
{
	(void)state;
	struct buf token;
	buf_init(&token, 65536);
	maker_token(m.key[JWS_RS256], RS, STR("{{{{"), &token);
	assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
	assert_string_equal(reason, "the token's claims are no JSON object");
	token.p[token.n - 10] = token.p[token.n - 10] == 'A' ? 'B' : 'A';
	assert_int_equal(check_at(buf_str(&token), MAKER_NOW), ERR_DENIED);
	assert_string_equal(reason, "the token's signature is wrong");
	buf_free(&token);
}

static void
size_and_depth_are_bounded(void **state)
{
	(void)state;
	struct buf claims, deep;
	buf_init(&claims, 1 << 20);
	buf_printf(&claims, "%.*s", (int)strlen(MAKER_CLAIMS) - 1, MAKER_CLAIMS);
	buf_printf(&claims, ",\"x\":\"");
	size_t base = claims.n;
	for (size_t n = 1024; n <= 16384; n += 1024) {
		claims.n = base;
		for (size_t i = 0; i < n; i++)
			buf_add(&claims, "x", 1);
		buf_add(&claims, "\"}", 2);
		bool fits = (claims.n + 2) / 3 * 4 < 16000;
		if (fits)
			assert_ok(check_signed(JWS_EDDSA, ED, buf_str(&claims)));
		else if (n > 13000)
			assert_int_equal(check_signed(JWS_EDDSA, ED, buf_str(&claims)), ERR_DENIED);
	}
	for (unsigned depth = 1; depth < 4000; depth = depth < 12 ? depth + 1 : depth * 4) {
		buf_init(&deep, 1 << 20);
		buf_printf(&deep, "%.*s,\"x\":", (int)strlen(MAKER_CLAIMS) - 1, MAKER_CLAIMS);
		for (unsigned i = 0; i < depth; i++)
			buf_add(&deep, i % 2 ? "{\"a\":" : "[", i % 2 ? 5 : 1);
		buf_add(&deep, "1", 1);
		for (unsigned i = depth; i-- > 0;)
			buf_add(&deep, i % 2 ? "}" : "]", 1);
		buf_add(&deep, "}", 1);
		assert_int_equal(check_signed(JWS_EDDSA, ED, buf_str(&deep)), depth < JWT_DEPTH_MAX ? 0 : ERR_DENIED);
		buf_free(&deep);
	}
	buf_free(&claims);
}

static void
duplicates_are_refused(void **state)
{
	(void)state;
	static const struct str claims[] = {
		STR(WITH("\"exp\":1800000300,\"sub\":\"admin\"")), STR(WITH("\"exp\":1800000300,\"\\u0073ub\":\"admin\"")),
		STR(WITH("\"exp\":1800000300,\"iss\":\"https://issuer\"")), STR(WITH("\"exp\":1800000300,\"x\":{\"a\":1,\"a\":2}")),
	};
	for (size_t i = 0; i < N(claims); i++)
		assert_int_equal(check_signed(JWS_EDDSA, ED, claims[i]), ERR_DENIED);
}

/* ---- sets of keys ---- */

static int
set_of(const char *fmt_before, EVP_PKEY *key, const char *after, struct jwks **ret, struct why *why)
{
	struct buf text;
	buf_init(&text, 1 << 16);
	buf_printf(&text, "{\"keys\":[{%s", fmt_before);
	if (key != NULL)
		maker_add_public(&text, key);
	buf_printf(&text, "%s}]}", after);
	int err = jwks_parse(buf_str(&text), ret, why);
	buf_free(&text);
	return err;
}

static void
keys_that_are_left_out(void **state)
{
	(void)state;
	struct jwks *set;
	struct why why;
	EVP_PKEY *small = EVP_RSA_gen(1024), *rsa = m.key[JWS_RS256];
	assert_ok(set_of("\"kid\":\"a\"", rsa, "", &set, &why));
	assert_int_equal(jwks_count(set), 1);
	jwks_unref(&set);
	assert_int_equal(set_of("\"kid\":\"a\"", small, "", &set, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "less than 2048 bits"));
	static const char *const odd[] = {
		",\"use\":\"enc\"", ",\"alg\":\"RS512\"", ",\"alg\":\"ES256\"", ",\"key_ops\":[\"sign\"]", ",\"key_ops\":[]",
		",\"key_ops\":\"verify\"", ",\"d\":\"AQAB\"", ",\"use\":7", ",\"alg\":null",
	};
	for (size_t i = 0; i < N(odd); i++) {
		set = NULL;
		assert_int_equal(set_of("\"kid\":\"a\"", rsa, odd[i], &set, &why), ERR_INVAL);
		assert_null(set);
	}
	assert_int_equal(set_of("\"kid\":\"a\"", rsa, ",\"d\":\"AQAB\",\"key_ops\":[\"sign\"]", &set, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "a private key"));
	assert_int_equal(set_of("\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	    "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", NULL, "", &set, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "another curve than P-256"));
	assert_ok(set_of("\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"RS256\",\"key_ops\":[\"verify\"],\"x\":1", rsa, "", &set, &why));
	jwks_unref(&set);
	static const char *const numbers[] = {
		"\"kty\":\"oct\",\"k\":\"c2VjcmV0\"", "\"kty\":\"RSA\"", "\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"",
		"\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"", "\"kty\":\"EC\",\"crv\":\"P-256\"",
		"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
		"\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AQ\",\"y\":\"AQ\"", "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"",
		"\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "\"kty\":7", "\"a\":1",
		"\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"",
	};
	for (size_t i = 0; i < N(numbers); i++)
		assert_int_equal(set_of(numbers[i], NULL, "", &set, &why), ERR_INVAL);
	EVP_PKEY_free(small);
}

/* e of 1 leaves the message as its own signature; a long one makes a verification dear. */
static void
exponents(void **state)
{
	(void)state;
	static const char *const es[] = { "AQ", "Ag", "AA", "AQAA", "AQAAAAAAAAAB", "" };
	struct buf text, with;
	struct jwks *set;
	struct why why;
	buf_init(&text, 1 << 16);
	maker_add_public(&text, m.key[JWS_RS256]);
	buf_add(&text, "", 1);
	char *e = strstr((char *)text.p, "\"e\":");
	assert_non_null(e);
	*e = '\0';
	for (size_t i = 0; i < N(es); i++) {
		buf_init(&with, 1 << 16);
		buf_printf(&with, "{\"keys\":[{\"kid\":\"a\"%s\"e\":\"%s\"}]}", (char *)text.p, es[i]);
		assert_int_equal(jwks_parse(buf_str(&with), &set, &why), ERR_INVAL);
		buf_free(&with);
	}
	buf_free(&text);
}

static void
documents_that_are_none(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "[]", "{}", "null", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1,null,\"x\",[]]}",
		"{\"keys\":[],\"keys\":[]}", "<html>", "{\"keys\":[", "{\"keys\":[{}]} x", "{\"keys\":[[[[[[[[[[[]]]]]]]]]]]}" };
	struct jwks *set;
	struct why why;
	struct buf text;
	for (size_t i = 0; i < N(texts); i++)
		assert_int_not_equal(jwks_parse(str_from(texts[i]), &set, &why), 0);
	buf_init(&text, SIZE_MAX);
	buf_printf(&text, "{\"keys\":[");
	for (int i = 0; i <= JWKS_KEYS_MAX; i++) {
		buf_printf(&text, "%s{\"kid\":\"%d\"", i > 0 ? "," : "", i);
		maker_add_public(&text, m.key[JWS_EDDSA]);
		buf_add(&text, "}", 1);
	}
	size_t n = text.n;
	buf_printf(&text, "]}");
	assert_int_equal(jwks_parse(buf_str(&text), &set, &why), ERR_LIMIT);
	text.n = n;
	while (text.n <= JWKS_BYTES_MAX)
		buf_add(&text, " ", 1);
	assert_int_equal(jwks_parse(buf_str(&text), &set, &why), ERR_LIMIT);
	buf_free(&text);
}

/* Without a kid only where there is no choice; of two by one name the first. */
static void
names_of_keys(void **state)
{
	(void)state;
	struct buf text;
	struct jwks *set;
	struct why why;
	EVP_PKEY *key, *other = EVP_EC_gen("P-256");
	const char *left_out;
	buf_init(&text, 1 << 16);
	buf_printf(&text, "{\"keys\":[{\"kid\":\"a\"");
	maker_add_public(&text, m.key[JWS_ES256]);
	buf_printf(&text, "},{\"kid\":\"a\"");
	maker_add_public(&text, other);
	buf_printf(&text, "},{\"kid\":\"a\"");
	maker_add_public(&text, m.key[JWS_EDDSA]);
	buf_printf(&text, "},{\"x5t\":\"a\"");
	maker_add_public(&text, other);
	buf_printf(&text, "}]}");
	assert_ok(jwks_parse(buf_str(&text), &set, &why));
	assert_int_equal(jwks_count(set), 3);
	assert_int_equal(jwks_left_out(set, &left_out), 1);
	assert_string_equal(left_out, "a second key of the same kid");
	assert_ok(jwks_find(set, JWS_ES256, STR("a"), &key));
	assert_int_equal(EVP_PKEY_eq(key, m.key[JWS_ES256]), 1);
	assert_ok(jwks_find(set, JWS_EDDSA, STR("a"), &key));
	assert_ok(jwks_find(set, JWS_EDDSA, STR_NULL, &key));
	assert_int_equal(jwks_find(set, JWS_ES256, STR_NULL, &key), ERR_CONFLICT);
	assert_int_equal(jwks_find(set, JWS_RS256, STR("a"), &key), ERR_NOTFOUND);
	jwks_unref(&set);
	EVP_PKEY_free(other);
	buf_free(&text);
}

/* ---- what a client sends ---- */

static void
messages(void **state)
{
	(void)state;
	struct oauth_message msg;
	static const struct {
		struct str text;
		const char *token, *authzid;	/* token NULL: refused */
	} cases[] = {
		{ STR("n,,\1auth=Bearer a.b.c\1\1"), "a.b.c", "" },
		{ STR("y,,\1auth=bearer   a.b.c\1\1"), "a.b.c", "" },
		{ STR("n,a=anna,\1auth=Bearer a.b.c\1\1"), "a.b.c", "anna" },
		{ STR("n,a=a=2Cb=3D,\1auth=Bearer a.b.c\1\1"), "a.b.c", "a,b=" },
		{ STR("n,,\1host=x\1port=1\1auth=Bearer t\1ext=a b\t\r\n~!\1\1"), "t", "" },
		{ STR("n,,\1x=\1auth=Bearer t\1\1"), "t", "" },
		{ STR(""), NULL, NULL }, { STR("n"), NULL, NULL }, { STR("n,,"), NULL, NULL }, { STR("n,,\1"), NULL, NULL },
		{ STR("n,,\1\1"), NULL, NULL }, { STR("n,,\1host=x\1\1"), NULL, NULL },
		{ STR("n,,auth=Bearer t\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer t\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer t"), NULL, NULL }, { STR("n,,\1auth=Bearer t\1\1x"), NULL, NULL },
		{ STR("n,,\1auth=Bearer t\1\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer t\1auth=Bearer u\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Basic t\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer \1\1"), NULL, NULL }, { STR("n,,\1auth=Bearert\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer a b\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer a=\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer a\0\1\1"), NULL, NULL }, { STR("n,,\1Auth=Bearer t\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer t\1=x\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer t\1x1=x\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer t\1noequals\1\1"), NULL, NULL }, { STR("n,,\1auth=Bearer t\1x=\x7f\1\1"), NULL, NULL },
		{ STR("n,,\1auth=Bearer t\1x=\xc3\xa4\1\1"), NULL, NULL },
		{ STR("p=tls-unique,,\1auth=Bearer t\1\1"), NULL, NULL }, { STR("x,,\1auth=Bearer t\1\1"), NULL, NULL },
		{ STR("N,,\1auth=Bearer t\1\1"), NULL, NULL }, { STR("n,anna,\1auth=Bearer t\1\1"), NULL, NULL },
		{ STR("n,a=,\1auth=Bearer t\1\1"), NULL, NULL }, { STR("n,a==2c,\1auth=Bearer t\1\1"), NULL, NULL },
		{ STR("n,a=\xff,\1auth=Bearer t\1\1"), NULL, NULL },
	};
	for (size_t i = 0; i < N(cases); i++) {
		int err = oauth_parse(cases[i].text, &msg);
		assert_int_equal(err == 0, cases[i].token != NULL);
		if (err != 0)
			continue;
		assert_true(str_is(msg.token, cases[i].token));
		assert_true(str_is((struct str){ msg.authzid, msg.authzid_n }, cases[i].authzid));
	}
	assert_int_equal(oauth_parse(STR("p=tls-unique,,\1auth=Bearer t\1\1"), &msg), ERR_UNSUPPORTED);
}

static void
where_keys_may_be(void **state)
{
	(void)state;
	static const char *const fine[] = { "file:///etc/keys.json", "https://h/", "https://h", "https://h:8443/a/b?c=d" };
	static const char *const bad[] = { "", "file://", "file:///", "file://host/x", "http://h/", "HTTPS://h/", "https:///x", "https://",
		"https://u@h/", "https://u:p@h/x", "/etc/keys", "ftp://h/", "https://h/a b", "https://h/\n", "file:///a\x01",
		"file:///\xc3\xa4" };
	struct why why;
	for (size_t i = 0; i < N(fine); i++)
		assert_ok(jwks_source_check(str_from(fine[i]), &why));
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(jwks_source_check(str_from(bad[i]), &why), ERR_INVAL);
}

static void
base64url(void **state)
{
	(void)state;
	uint8_t out[16];
	size_t n;
	static const char *const fine[] = { "", "AA", "AAA", "AAAA", "-_-_", "_w" };
	static const char *const bad[] = { "A", "AAAAA", "AB", "AAB", "AA==", "AAA=", "A+AA", "A/AA", "AA A", "AA\n", "=", "====",
		"AAAA====", "\xc3\xa4==" };
	for (size_t i = 0; i < N(fine); i++) {
		assert_ok(base64url_decode(str_from(fine[i]), out, sizeof(out), &n));
		assert_int_equal(n, strlen(fine[i]) * 3 / 4);
		assert_true(n <= BASE64URL_BYTES(strlen(fine[i])));
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(base64url_decode(str_from(bad[i]), out, sizeof(out), &n), ERR_INVAL);
	assert_int_equal(base64url_decode(STR("AAAA"), out, 2, &n), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_algorithm), T(algorithms_that_are_none), T(nothing_signed), T(keys_of_another_kind),
		T(headers_that_ask_for_more), T(a_key_that_is_not_there), T(every_character_counts),
		T(signatures_that_are_none), T(times), T(issuer_audience_scope_subject), T(signature_first),
		T(size_and_depth_are_bounded), T(duplicates_are_refused), T(keys_that_are_left_out), T(exponents),
		T(documents_that_are_none), T(names_of_keys), T(messages), T(where_keys_may_be), T(base64url),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
