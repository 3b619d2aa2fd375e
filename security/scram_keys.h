/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "security/cred.h"

/* Kafka's bounds (ScramMechanism): fewer are weak, more are a way to burn CPU. */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 16384
#define SCRAM_ITERATIONS_DEFAULT 8192	/* of keys made here, so of the fake ones */
#define SCRAM_SALT_LEN 32		/* of keys made here */
#define PASSWORD_MAX 1024

/* The bytes of the hash: 32 or 64. */
size_t scram_hash_len(enum scram_hash hash);
/* The mechanism that uses this hash. */
enum mech scram_hash_mech(enum scram_hash hash);

/*
 * Keys for a password under a new random salt. Takes milliseconds: not on a
 * loop. The password is used as its UTF-8 bytes, without SASLprep, as Kafka's
 * own clients and tools do (RFC 5802 section 2.2 would normalise it).
 * ERR_INVAL: no UTF-8, empty, with a NUL; ERR_LIMIT: over PASSWORD_MAX bytes or
 * iterations out of bounds.
 */
int scram_key_make(enum scram_hash hash, struct str password, uint32_t iterations,
    struct scram_key *ret);

/* Keys from what AlterUserScramCredentials carries (KIP-554): the client sent
 * the salt and SaltedPassword. ERR_INVAL, ERR_LIMIT as above. Fast. */
int scram_key_from_salted(enum scram_hash hash, struct str salt, struct str salted,
    uint32_t iterations, struct scram_key *ret);

/* Whether the password belongs to the key, compared in constant time. Takes
 * milliseconds, the same for right and wrong: not on a loop. False for a key
 * with iterations 0 or out of bounds, after no work. */
bool scram_key_verify(enum scram_hash hash, const struct scram_key *key, struct str password);

/* What unknown users are shown: one per process, the secret kept over restarts
 * (so that a salt seen today is the one seen tomorrow). */
struct scram_fake {
	uint8_t secret[32];
	uint32_t iterations;		/* SCRAM_ITERATIONS_DEFAULT, but in tests */
	uint8_t salt_len;		/* 0: SCRAM_SALT_LEN */
};

/* Keys that nobody has a password for: a pure function of secret and name. */
void scram_key_fake(const struct scram_fake *fake, enum scram_hash hash, uint32_t tenant,
    struct str user, struct scram_key *ret);

/* HMAC and hash with the mechanism's function, of one hash length each; false
 * where OpenSSL fails. */
bool scram_hmac(enum scram_hash hash, const uint8_t *key, struct str data, uint8_t *ret);
bool scram_digest(enum scram_hash hash, const uint8_t *in, uint8_t *ret);
