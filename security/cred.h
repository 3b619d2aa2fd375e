/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a login sees credentials: a copy of one user's, taken through callbacks
 * that the broker implements over its metadata image. Nothing in this directory
 * knows where they are kept.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/principal.h"
#include "base/str.h"

enum mech {
#define X(id, number, name, sasl) MECH_##id = (number),
#include "security/mechs.def"
#undef X
	MECH_COUNT
};

/* Sets of mechanisms: in a user record (may log in by) and of a listener. */
#define MECH_BIT(mech) (UINT32_C(1) << (mech))

/* Kafka's name of it, "TLS" for a certificate; never NULL. */
const char *mech_name(enum mech mech);
/* Exact and case-sensitive, as Kafka compares; ERR_INVAL. */
int mech_parse(struct str s, enum mech *ret);
bool mech_is_sasl(enum mech mech);
/* Whether it shows what it proves by, so that whoever reads along could log in. */
bool mech_needs_tls(enum mech mech);
/* Whether a rule makes the name of a user from what it proves, instead of the user's own words. */
bool mech_is_mapped(enum mech mech);

enum scram_hash {
	SCRAM_SHA_256,
	SCRAM_SHA_512,
	SCRAM_HASHES
};

#define SCRAM_SALT_MAX 128		/* Kafka's clients choose salts of their own */
#define SCRAM_KEY_MAX 64

/* What is stored instead of a password (RFC 5802 section 3). */
struct scram_key {
	uint32_t iterations;		/* 0: there is no key for this hash */
	uint8_t salt_len;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored[SCRAM_KEY_MAX];	/* as many bytes as the hash has */
	uint8_t server[SCRAM_KEY_MAX];
};

struct cred {
	bool exists;			/* false: the rest means nothing */
	bool closed;			/* the tenant lets nobody in; also where exists is false */
	bool locked;
	bool expired;			/* the callback asks the wall clock */
	uint32_t mechanisms;		/* MECH_BITs that may log in as this user */
	int64_t expires_ms;		/* wall clock, 0: never; bounds the session */
	uint64_t generation;		/* changes with every change of the record */
	struct scram_key scram[SCRAM_HASHES];
};

/* A delegation token as its owner's credential: the token's keys and end, his record. */
struct cred_token {
	struct cred cred;		/* exists: there is such a token */
	struct uuid id;
	char owner[USER_NAME_MAX];
	size_t owner_n;
};

/*
 * Called on the thread that steps the login, never on a worker, and must not
 * block. user() says an absent user by exists == false, tenant() an absent
 * tenant by ERR_NOTFOUND. user() is asked for any syntactically valid name in any tenant number, also
 * for UINT32_MAX (a tenant that does not exist), so that time says nothing.
 */
struct cred_lookup {
	void *arg;
	void (*user)(void *arg, struct name user, struct cred *ret);
	int (*tenant)(void *arg, struct str name, uint32_t *ret_number);
	/* By its id, as user() by name; NULL: there are no tokens. */
	void (*token)(void *arg, struct name id, struct cred_token *ret);
};
