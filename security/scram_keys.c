/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 5802 section 3, over OpenSSL:
 *	SaltedPassword = PBKDF2(password, salt, iterations)
 *	ClientKey = HMAC(SaltedPassword, "Client Key"); StoredKey = H(ClientKey)
 *	ServerKey = HMAC(SaltedPassword, "Server Key")
 * Only StoredKey and ServerKey are kept; everything on the way to them is
 * overwritten. Fake keys are HMACs of the name under a secret. A failure inside
 * OpenSSL (no memory) is ERR_NOMEM, and a verification that could not be
 * computed is a failed one.
 */
#include "security/scram_keys.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rand.h"

/* Longer names are cut: they are no user's. */
#define FAKE_NAME_MAX 512

static const struct {
	size_t len;
	enum mech mech;
	const EVP_MD *(*md)(void);
} hashes[SCRAM_HASHES] = {
	[SCRAM_SHA_256] = { 32, MECH_SCRAM_SHA_256, EVP_sha256 },
	[SCRAM_SHA_512] = { 64, MECH_SCRAM_SHA_512, EVP_sha512 },
};

size_t
scram_hash_len(enum scram_hash hash)
{
	return hashes[hash].len;
}

enum mech
scram_hash_mech(enum scram_hash hash)
{
	return hashes[hash].mech;
}

bool
scram_hmac(enum scram_hash hash, const uint8_t *key, struct str data, uint8_t *ret)
{
	return HMAC(hashes[hash].md(), key, (int)hashes[hash].len, (const uint8_t *)data.p,
	    data.n, ret, NULL) != NULL;
}

bool
scram_digest(enum scram_hash hash, const uint8_t *in, uint8_t *ret)
{
	return EVP_Digest(in, hashes[hash].len, ret, NULL, hashes[hash].md(), NULL) == 1;
}

/* StoredKey and ServerKey of a salted password. */
static bool
derive(enum scram_hash hash, const uint8_t *salted, uint8_t *stored, uint8_t *server)
{
	uint8_t client[SCRAM_KEY_MAX];
	bool ok = scram_hmac(hash, salted, STR("Client Key"), client) &&
	    scram_digest(hash, client, stored) &&
	    scram_hmac(hash, salted, STR("Server Key"), server);
	mem_cleanse(client, sizeof(client));
	return ok;
}

static bool
salt_password(enum scram_hash hash, struct str password, const struct scram_key *key,
    uint8_t *ret)
{
	return PKCS5_PBKDF2_HMAC(password.p, (int)password.n, key->salt, key->salt_len,
	    (int)key->iterations, hashes[hash].md(), (int)hashes[hash].len, ret) == 1;
}

static bool
iterations_ok(uint32_t n)
{
	return n >= SCRAM_ITERATIONS_MIN && n <= SCRAM_ITERATIONS_MAX;
}

static bool
password_ok(struct str s)
{
	return s.n > 0 && memchr(s.p, '\0', s.n) == NULL && str_is_utf8(s);
}

int
scram_key_make(enum scram_hash hash, struct str password, uint32_t iterations,
    struct scram_key *ret)
{
	struct scram_key key = { .iterations = iterations, .salt_len = SCRAM_SALT_LEN };
	uint8_t salted[SCRAM_KEY_MAX];

	if (password.n > PASSWORD_MAX || !iterations_ok(iterations))
		return ERR_LIMIT;
	if (!password_ok(password))
		return ERR_INVAL;
	rand_bytes(key.salt, key.salt_len);
	bool ok = salt_password(hash, password, &key, salted) &&
	    derive(hash, salted, key.stored, key.server);
	mem_cleanse(salted, sizeof(salted));
	if (ok)
		*ret = key;
	mem_cleanse(&key, sizeof(key));
	return ok ? 0 : ERR_NOMEM;
}

int
scram_key_from_salted(enum scram_hash hash, struct str salt, struct str salted,
    uint32_t iterations, struct scram_key *ret)
{
	struct scram_key key = { .iterations = iterations };

	if (!iterations_ok(iterations) || salt.n > SCRAM_SALT_MAX)
		return ERR_LIMIT;
	if (salt.n == 0 || salted.n != hashes[hash].len)
		return ERR_INVAL;
	key.salt_len = (uint8_t)salt.n;
	memcpy(key.salt, salt.p, salt.n);
	bool ok = derive(hash, (const uint8_t *)salted.p, key.stored, key.server);
	if (ok)
		*ret = key;
	mem_cleanse(&key, sizeof(key));
	return ok ? 0 : ERR_NOMEM;
}

bool
scram_key_verify(enum scram_hash hash, const struct scram_key *key, struct str password)
{
	uint8_t salted[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX], server[SCRAM_KEY_MAX];

	if (!iterations_ok(key->iterations) || password.n > PASSWORD_MAX)
		return false;
	bool ok = salt_password(hash, password, key, salted) &&
	    derive(hash, salted, stored, server) &&
	    CRYPTO_memcmp(stored, key->stored, hashes[hash].len) == 0;
	mem_cleanse(salted, sizeof(salted));
	mem_cleanse(stored, sizeof(stored));
	mem_cleanse(server, sizeof(server));
	return ok;
}

/* n bytes that depend on the secret, the label and the name: HMAC-SHA-512 in
 * counter mode; the label's first byte counts. */
static void
fake_bytes(const struct scram_fake *fake, struct str name, uint8_t *out, size_t n)
{
	uint8_t block[64], counted[FAKE_NAME_MAX];
	for (size_t at = 0; at < n; at += sizeof(block)) {
		memcpy(counted, name.p, name.n);
		counted[0] = (uint8_t)(at / sizeof(block));
		if (HMAC(EVP_sha512(), fake->secret, sizeof(fake->secret), counted, name.n,
		    block, NULL) == NULL)
			memset(block, 0, sizeof(block));
		memcpy(out + at, block, n - at < sizeof(block) ? n - at : sizeof(block));
	}
	mem_cleanse(block, sizeof(block));
}

void
scram_key_fake(const struct scram_fake *fake, enum scram_hash hash, uint32_t tenant,
    struct str user, struct scram_key *ret)
{
	uint8_t name[FAKE_NAME_MAX] = { 0 };
	const size_t head = 8;
	size_t n = user.n < sizeof(name) - head ? user.n : sizeof(name) - head;

	*ret = (struct scram_key){ .iterations = fake->iterations };
	ret->salt_len = fake->salt_len == 0 ? SCRAM_SALT_LEN : fake->salt_len;
	if (ret->salt_len > SCRAM_SALT_MAX)
		ret->salt_len = SCRAM_SALT_MAX;
	name[1] = (uint8_t)hash;
	memcpy(name + 4, &tenant, sizeof(tenant));
	if (n > 0)
		memcpy(name + head, user.p, n);
	const struct str in = { (char *)name, head + n };
	/* The label tells which of the three is made. */
	name[2] = 's';
	fake_bytes(fake, in, ret->salt, ret->salt_len);
	name[2] = 'k';
	fake_bytes(fake, in, ret->stored, hashes[hash].len);
	name[2] = 'v';
	fake_bytes(fake, in, ret->server, hashes[hash].len);
}
