/* SPDX-License-Identifier: Apache-2.0
 * What strangers write in a login by token: the message, a JWS as it comes, a header and claims that a good key has
 * signed, a token that was good until one byte of it was changed; and a JWK Set. No forged token is believed,
 * and one that is says what it must. */
#include "../unit/security/jwt_maker.h"

#include "base/err.h"
#include "security/jsondoc.h"
#include "security/oauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)
#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"

struct world {
	EVP_PKEY *key;
	struct jwks *keys;
	struct jwt_rules rules;
};

/* One key that is always the same, so that tokens of the corpus are good in each run. */
static struct world *
world(void)
{
	static const uint8_t seed[32] = "a key that everybody may know ..";
	static const char *const audiences[] = { "schloss" };
	static struct world w;
	struct buf set;
	struct why why;
	if (w.key != NULL)
		return &w;
	jsondoc_init();
	w.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	MUST(w.key != NULL);
	w.rules = (struct jwt_rules){ .issuer = "https://issuer", .audiences = audiences, .audiences_n = 1,
		.scope_claim = "scope", .subject_claim = "sub", .skew_s = 30 };
	buf_init(&set, 65536);
	MUST(buf_printf(&set, "{\"keys\":[{\"kid\":\"ed\"") == 0);
	maker_add_public(&set, w.key);
	MUST(buf_printf(&set, "}]}") == 0);
	MUST(jwks_parse(buf_str(&set), &w.keys, &why) == 0);
	buf_free(&set);
	return &w;
}

static int
check(struct world *w, struct str token, struct jwt_facts *facts)
{
	const char *reason = NULL;
	int err = jwt_check(token, w->keys, &w->rules, MAKER_NOW * 1000, facts, &reason);
	MUST((err == 0) == (reason == NULL));
	if (err != 0)
		return err;
	size_t n = strlen(facts->subject);
	MUST(n > 0 && n <= JWT_SUBJECT_MAX && str_is_utf8((struct str){ facts->subject, n }));
	MUST(facts->expires_ms > (MAKER_NOW - w->rules.skew_s) * 1000);
	return 0;
}

static void
message(struct world *w, struct str in)
{
	struct oauth_message m;
	struct jwt_facts facts;
	if (oauth_parse(in, &m) != 0)
		return;
	MUST(m.token.n > 0 && m.token.p > in.p && m.token.p + m.token.n < in.p + in.n && m.authzid_n <= sizeof(m.authzid));
	(void)check(w, m.token, &facts);
}

/* Header, a line's end, claims: signed as they are. */
static void
signed_claims(struct world *w, struct str in)
{
	struct str header;
	struct buf token;
	struct jwt_facts facts;
	char text[512];
	str_cut(&in, '\n', &header);
	if (in.p == NULL || header.n >= sizeof(text) || memchr(header.p, '\0', header.n) != NULL)
		return;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(header));
	buf_init(&token, 1 << 20);
	maker_token(w->key, text, in, &token);
	if (check(w, buf_str(&token), &facts) == 0)
		MUST(token.n <= JWT_BYTES_MAX);
	buf_free(&token);
}

/* Where, and what instead. */
static void
changed(struct world *w, struct str in)
{
	struct buf token;
	struct jwt_facts facts;
	buf_init(&token, 65536);
	maker_token(w->key, HEADER, STR(MAKER_CLAIMS), &token);
	MUST(check(w, buf_str(&token), &facts) == 0);
	if (in.n >= 3) {
		size_t at = (size_t)((uint8_t)in.p[0] << 8 | (uint8_t)in.p[1]) % token.n;
		bool same = token.p[at] == (uint8_t)in.p[2];
		token.p[at] = (uint8_t)in.p[2];
		MUST((check(w, buf_str(&token), &facts) == 0) == same);
	}
	buf_free(&token);
}

static void
key_set(struct str in)
{
	struct jwks *keys = NULL;
	struct why why;
	EVP_PKEY *key;
	const char *reason;
	if (jwks_parse(in, &keys, &why) != 0) {
		MUST(keys == NULL);
		return;
	}
	MUST(jwks_count(keys) > 0 && jwks_count(keys) <= JWKS_KEYS_MAX);
	MUST((jwks_left_out(keys, &reason) > 0) == (reason != NULL));
	for (int alg = 0; alg < JWS_ALGS; alg++)
		if (jwks_find(keys, (enum jws_alg)alg, STR_NULL, &key) == 0 && alg == JWS_RS256)
			MUST(EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192);
	jwks_unref(&keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = world();
	struct jwt_facts facts;
	if (size == 0)
		return 0;
	struct str in = { (const char *)data + 1, size - 1 };
	switch (data[0] % 5) {
	case 0:
		message(w, in);
		break;
	case 1:
		(void)check(w, in, &facts);
		break;
	case 2:
		signed_claims(w, in);
		break;
	case 3:
		changed(w, in);
		break;
	default:
		key_set(in);
	}
	return 0;
}
