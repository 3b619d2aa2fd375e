/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	C: gs2-header  [m=,] n=user,r=CNONCE [,ext]
 *	S: r=CNONCE SNONCE,s=salt,i=iterations
 *	C: c=base64(gs2-header),r=CNONCE SNONCE [,ext],p=proof
 *	S: v=signature
 *
 * The proof covers all text before it (AuthMessage), which is collected in auth
 * as it passes. Whatever is wrong moves the machine to FAILED, where it stays; a
 * call that is not due does the same.
 */
#include "security/scram.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/err.h"
#include "base/mem.h"
#include "security/base64.h"

void
scram_init(struct scram *s, enum scram_hash hash, bool double_ok)
{
	memset(s, 0, sizeof(*s));
	s->hash = hash;
	s->double_ok = double_ok;
	buf_init(&s->auth, 4 * SCRAM_TOKEN_MAX);
	buf_init(&s->out, SCRAM_TOKEN_MAX);
}

void
scram_clean(struct scram *s)
{
	buf_free(&s->auth);
	buf_free(&s->out);
	mem_cleanse(&s->key, sizeof(s->key));
}

/* Takes the next attribute off in: its name (letters) and value. */
static int
attribute(struct str *in, struct str *ret_name, struct str *ret_value)
{
	struct str part;
	if (in->p == NULL)
		return ERR_CORRUPT;
	str_cut(in, ',', &part);
	const char *eq = part.n == 0 ? NULL : memchr(part.p, '=', part.n);
	if (eq == NULL || eq == part.p)
		return ERR_CORRUPT;
	for (const char *p = part.p; p < eq; p++)
		if ((*p | 0x20) < 'a' || (*p | 0x20) > 'z')
			return ERR_CORRUPT;
	*ret_name = (struct str){ part.p, (size_t)(eq - part.p) };
	*ret_value = (struct str){ eq + 1, part.n - ret_name->n - 1 };
	return 0;
}

/* The next attribute, which must be called name. */
static int
expect(struct str *in, const char *name, struct str *ret_value)
{
	struct str got;
	int err = attribute(in, &got, ret_value);
	if (err != 0)
		return err;
	if (str_is(got, "m"))
		return ERR_UNSUPPORTED; /* a mandatory extension: none is known */
	return str_is(got, name) ? 0 : ERR_CORRUPT;
}

int
sasl_name_decode(struct str in, char *out, size_t max, size_t *ret_n)
{
	size_t o = 0;
	if (in.n == 0 || !str_is_utf8(in) || memchr(in.p, '\0', in.n) != NULL)
		return ERR_CORRUPT;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c == '=') {
			struct str code = { in.p + i, in.n - i < 3 ? in.n - i : 3 };
			if (!str_is(code, "=2C") && !str_is(code, "=3D"))
				return ERR_CORRUPT;
			c = code.p[2] == 'C' ? ',' : '=';
			i += 2;
		}
		if (o == max)
			return ERR_LIMIT;
		out[o++] = c;
	}
	*ret_n = o;
	return 0;
}

static bool
nonce_ok(struct str s)
{
	if (s.n == 0 || s.n > SCRAM_NONCE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return true;
}

int
sasl_gs2_header(struct str *in, struct str *ret_authzid)
{
	struct str flag, authzid;
	if (!str_cut(in, ',', &flag) || !str_cut(in, ',', &authzid))
		return ERR_CORRUPT;
	if (str_starts(flag, STR("p=")))
		return ERR_UNSUPPORTED;
	if (!str_is(flag, "n") && !str_is(flag, "y"))
		return ERR_CORRUPT;
	if (authzid.n > 0 && !str_starts(authzid, STR("a=")))
		return ERR_CORRUPT;
	*ret_authzid = authzid.n == 0 ? STR_NULL : (struct str){ authzid.p + 2, authzid.n - 2 };
	return 0;
}

/* The header comes again in the last message; in goes on behind it. */
static int
take_header(struct scram *s, struct str *in, struct str *ret_authzid)
{
	const char *start = in->p;
	int err = sasl_gs2_header(in, ret_authzid);
	if (err != 0)
		return err;
	size_t n = (size_t)(in->p - start);
	if (BASE64_LEN(n) > sizeof(s->gs2))
		return ERR_LIMIT;
	s->gs2_n = base64_encode(start, n, s->gs2);
	return 0;
}

/* Behind what must be there: attributes that may be. */
static int
extensions(struct str in, bool *ret_tokenauth)
{
	while (in.p != NULL) {
		struct str name, value;
		int err = attribute(&in, &name, &value);
		if (err != 0)
			return err;
		if (str_is(name, "m"))
			return ERR_UNSUPPORTED;
		if (str_is(name, "tokenauth") && str_is(value, "true"))
			*ret_tokenauth = true;
	}
	return 0;
}

static int
first_bare(struct scram *s, struct str in, struct str *ret_nonce)
{
	struct str user, nonce;
	int err = expect(&in, "n", &user);
	if (err == 0)
		err = sasl_name_decode(user, s->user, sizeof(s->user), &s->user_n);
	if (err == 0)
		err = expect(&in, "r", &nonce);
	if (err == 0 && !nonce_ok(nonce))
		err = ERR_CORRUPT;
	if (err == 0)
		err = extensions(in, &s->tokenauth);
	if (err == 0)
		*ret_nonce = nonce;
	return err;
}

/* Empty or the same name. */
static int
check_authzid(struct scram *s, struct str escaped)
{
	char name[sizeof(s->user)];
	size_t n;
	if (escaped.p == NULL)
		return 0;
	int err = sasl_name_decode(escaped, name, sizeof(name), &n);
	if (err != 0)
		return err;
	return n == s->user_n && memcmp(name, s->user, n) == 0 ? 0 : ERR_DENIED;
}

static int
first(struct scram *s, struct str in)
{
	struct str authzid, nonce;
	if (in.n > SCRAM_TOKEN_MAX)
		return ERR_LIMIT;
	int err = take_header(s, &in, &authzid);
	if (err == 0)
		err = first_bare(s, in, &nonce);
	if (err == 0)
		err = check_authzid(s, authzid);
	if (err == 0)
		err = buf_add_str(&s->auth, in);
	if (err == 0)
		err = buf_add_str(&s->auth, STR(","));
	if (err != 0)
		return err;
	s->nonce_at = (size_t)(nonce.p - in.p); /* until the challenge has it joined */
	s->client_n = nonce.n;
	return 0;
}

int
scram_first(struct scram *s, struct str in, struct str *ret_user)
{
	int err = s->state == SCRAM_FIRST ? first(s, in) : ERR_CONFLICT;
	s->state = err == 0 ? SCRAM_CHALLENGE : SCRAM_FAILED;
	if (err == 0)
		*ret_user = (struct str){ s->user, s->user_n };
	return err;
}

static int
challenge(struct scram *s, struct str nonce)
{
	char client[SCRAM_NONCE_MAX], salt[BASE64_LEN(SCRAM_SALT_MAX)];
	if (!nonce_ok(nonce))
		return ERR_INVAL;
	memcpy(client, s->auth.p + s->nonce_at, s->client_n);
	size_t salt_n = base64_encode(s->key.salt, s->key.salt_len, salt);
	int err = buf_printf(&s->out, "r=%.*s%.*s,s=%.*s,i=%u", (int)s->client_n, client,
	    STR_ARG(nonce), (int)salt_n, salt, s->key.iterations);
	size_t at = s->auth.n + 2;
	if (err == 0)
		err = buf_add_str(&s->auth, buf_str(&s->out));
	if (err == 0)
		err = buf_add_str(&s->auth, STR(","));
	s->nonce_at = at;
	s->server_n = nonce.n;
	return err;
}

int
scram_challenge(struct scram *s, const struct scram_key *key, struct str nonce,
    struct str *ret_out)
{
	s->key = *key;
	int err = s->state == SCRAM_CHALLENGE ? challenge(s, nonce) : ERR_CONFLICT;
	s->state = err == 0 ? SCRAM_FINAL : SCRAM_FAILED;
	if (err == 0)
		*ret_out = buf_str(&s->out);
	return err;
}

static bool
same(struct str a, struct str b)
{
	return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* c || s, or c || c || s where that is accepted; nothing else. */
static bool
nonce_matches(struct scram *s, struct str nonce)
{
	char doubled[3 * SCRAM_NONCE_MAX];
	const char *joined = (const char *)s->auth.p + s->nonce_at;
	size_t n = s->client_n + s->server_n;

	if (same(nonce, (struct str){ joined, n }))
		return true;
	memcpy(doubled, joined, s->client_n);
	memcpy(doubled + s->client_n, joined, n);
	s->doubled = same(nonce, (struct str){ doubled, s->client_n + n });
	return s->double_ok && s->doubled;
}

/* Whether ClientKey = proof XOR HMAC(StoredKey, AuthMessage) hashes to StoredKey. */
static bool
proof_matches(const struct scram *s, const uint8_t *proof)
{
	uint8_t client[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX];
	size_t n = scram_hash_len(s->hash);

	if (!scram_hmac(s->hash, s->key.stored, buf_str(&s->auth), client))
		return false;
	for (size_t i = 0; i < n; i++)
		client[i] ^= proof[i];
	bool ok = scram_digest(s->hash, client, stored) &&
	    CRYPTO_memcmp(stored, s->key.stored, n) == 0;
	mem_cleanse(client, sizeof(client));
	mem_cleanse(stored, sizeof(stored));
	return ok;
}

/* Cuts ",p=proof" off the end. */
static int
cut_proof(struct scram *s, struct str *in, uint8_t proof[SCRAM_KEY_MAX])
{
	const char *comma = in->n == 0 ? NULL : memrchr(in->p, ',', in->n);
	size_t n;
	if (comma == NULL)
		return ERR_CORRUPT;
	struct str p = { comma + 1, in->n - (size_t)(comma - in->p) - 1 };
	if (!str_starts(p, STR("p=")))
		return ERR_CORRUPT;
	int err = base64_decode((struct str){ p.p + 2, p.n - 2 }, proof, SCRAM_KEY_MAX, &n);
	if (err != 0 || n != scram_hash_len(s->hash))
		return ERR_CORRUPT;
	in->n = (size_t)(comma - in->p);
	return 0;
}

static int
check_final(struct scram *s, struct str in)
{
	uint8_t proof[SCRAM_KEY_MAX];
	struct str binding, nonce, rest;
	bool ignored;

	if (in.n > SCRAM_TOKEN_MAX)
		return ERR_LIMIT;
	int err = cut_proof(s, &in, proof);
	rest = in;
	if (err == 0)
		err = expect(&rest, "c", &binding);
	if (err == 0)
		err = expect(&rest, "r", &nonce);
	if (err == 0)
		err = extensions(rest, &ignored);
	if (err == 0)
		err = buf_add_str(&s->auth, in);
	if (err != 0)
		return err;
	/* All three are computed, whichever is wrong. */
	bool bound = same(binding, (struct str){ s->gs2, s->gs2_n });
	bool fresh = nonce_matches(s, nonce);
	bool proved = proof_matches(s, proof);
	return bound && fresh && proved ? 0 : ERR_DENIED;
}

static int
final(struct scram *s, struct str in)
{
	uint8_t signature[SCRAM_KEY_MAX];
	char text[BASE64_LEN(SCRAM_KEY_MAX)];

	int err = check_final(s, in);
	if (err != 0)
		return err;
	if (!scram_hmac(s->hash, s->key.server, buf_str(&s->auth), signature))
		return ERR_NOMEM;
	size_t n = base64_encode(signature, scram_hash_len(s->hash), text);
	buf_consume(&s->out, s->out.n);
	return buf_printf(&s->out, "v=%.*s", (int)n, text);
}

int
scram_final(struct scram *s, struct str in, struct str *ret_out)
{
	int err = s->state == SCRAM_FINAL ? final(s, in) : ERR_CONFLICT;
	s->state = err == 0 ? SCRAM_DONE : SCRAM_FAILED;
	if (err == 0)
		*ret_out = buf_str(&s->out);
	return err;
}
