/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 5802 without channel binding: client-first, client-final, and the check
 * of the server's signature, which is what tells a broker from one who only
 * claims to be it. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"
#include "cli/login.h"

#define ITERATIONS_MIN 4096
#define ITERATIONS_MAX 1000000
#define SALT_MAX 1024

static const EVP_MD *
digest(const struct scram_client *sc)
{
	return sc->sha == 512 ? EVP_sha512() : EVP_sha256();
}

/* A name with '=' and ',' written =3D and =2C. */
static struct str
sasl_name(struct arena *arena, const char *user)
{
	struct str s = STR("");
	for (const char *c = user; *c != '\0'; c++) {
		const char *as = *c == '=' ? "=3D" : *c == ',' ? "=2C" : NULL;
		s = as != NULL ? arena_printf(arena, "%.*s%s", STR_ARG(s), as) :
		    arena_printf(arena, "%.*s%c", STR_ARG(s), *c);
	}
	return s;
}

struct str
scram_client_first(struct scram_client *sc)
{
	struct str name = sasl_name(sc->arena, sc->user);
	sc->first_bare = arena_printf(sc->arena, "n=%.*s,r=%s", STR_ARG(name), sc->nonce);
	return arena_printf(sc->arena, "n,,%.*s", STR_ARG(sc->first_bare));
}

/* The value of "k=value" at the head of the rest; null where another stands. */
static struct str
attribute(struct str *rest, char key)
{
	struct str part = STR_NULL;
	if (rest->p == NULL)
		return STR_NULL;
	str_cut(rest, ',', &part);
	if (part.n < 2 || part.p[0] != key || part.p[1] != '=')
		return STR_NULL;
	return (struct str){ part.p + 2, part.n - 2 };
}

static int
base64_decode(struct arena *arena, struct str s, struct str *ret)
{
	if (s.p == NULL || s.n == 0 || s.n % 4 != 0 || s.n > SALT_MAX)
		return ERR_CORRUPT;
	unsigned char *out = arena_alloc(arena, s.n);
	int n = EVP_DecodeBlock(out, (const unsigned char *)s.p, (int)s.n);
	if (n < 0)
		return ERR_CORRUPT;
	n -= s.p[s.n - 1] == '=';
	n -= s.p[s.n - 2] == '=';
	*ret = (struct str){ (char *)out, (size_t)n };
	return 0;
}

static const char *
base64_encode(struct arena *arena, const void *p, size_t n)
{
	unsigned char *out = arena_alloc(arena, n * 2 + 8);
	EVP_EncodeBlock(out, p, (int)n);
	return (const char *)out;
}

static void
hmac(const struct scram_client *sc, const void *key, size_t n, struct str text, unsigned char *out)
{
	unsigned len;
	HMAC(digest(sc), key, (int)n, (const unsigned char *)text.p, text.n, out, &len);
}

/* The proof that we know the password; keeps the key of the server's. */
static int
prove(struct scram_client *sc, struct str salt, int iterations, unsigned char proof[64])
{
	unsigned char salted[64], client[64], stored[64], signature[64];
	size_t n = (size_t)sc->sha / 8;
	if (PKCS5_PBKDF2_HMAC(sc->password, (int)strlen(sc->password), (const unsigned char *)salt.p,
	    (int)salt.n, iterations, digest(sc), (int)n, salted) != 1)
		return ERR_NOMEM;
	hmac(sc, salted, n, STR("Client Key"), client);
	hmac(sc, salted, n, STR("Server Key"), sc->server_key);
	EVP_Digest(client, n, stored, NULL, digest(sc), NULL);
	hmac(sc, stored, n, sc->auth_message, signature);
	for (size_t i = 0; i < n; i++)
		proof[i] = client[i] ^ signature[i];
	mem_cleanse(salted, sizeof(salted));
	mem_cleanse(client, sizeof(client));
	sc->keys = true;
	return 0;
}

int
scram_client_final(struct scram_client *sc, struct str server_first, struct str *ret)
{
	struct str rest = server_first, salt = STR_NULL;
	struct str nonce = attribute(&rest, 'r'), salt64 = attribute(&rest, 's');
	struct str count = attribute(&rest, 'i');
	unsigned char proof[64];
	int64_t iterations;
	size_t own = strlen(sc->nonce);
	if (nonce.p == NULL || nonce.n <= own || memcmp(nonce.p, sc->nonce, own) != 0 ||
	    count.p == NULL || base64_decode(sc->arena, salt64, &salt) != 0)
		return ERR_CORRUPT;
	if (str_to_i64(count, ITERATIONS_MIN, ITERATIONS_MAX, &iterations) != 0)
		return ERR_LIMIT;
	struct str without = arena_printf(sc->arena, "c=biws,r=%.*s", STR_ARG(nonce));
	sc->auth_message = arena_printf(sc->arena, "%.*s,%.*s,%.*s", STR_ARG(sc->first_bare),
	    STR_ARG(server_first), STR_ARG(without));
	int err = prove(sc, salt, (int)iterations, proof);
	if (err == 0)
		*ret = arena_printf(sc->arena, "%.*s,p=%s", STR_ARG(without),
		    base64_encode(sc->arena, proof, (size_t)sc->sha / 8));
	return err;
}

int
scram_client_verify(struct scram_client *sc, struct str server_final)
{
	unsigned char expected[64];
	struct str rest = server_final, got;
	size_t n = (size_t)sc->sha / 8;
	if (!sc->keys || base64_decode(sc->arena, attribute(&rest, 'v'), &got) != 0)
		return ERR_DENIED;
	hmac(sc, sc->server_key, n, sc->auth_message, expected);
	return got.n == n && CRYPTO_memcmp(got.p, expected, n) == 0 ? 0 : ERR_DENIED;
}
