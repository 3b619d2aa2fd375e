/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "security/jwks_source.h"
#include "security/jwt.h"
#include "security/names.h"

/*
 * OAUTHBEARER (RFC 7628; KIP-255, 342, 768), as far as it needs no connection: what
 * a client sends, and what a listener asks of tokens.
 */

/* The largest message: a token, an identity, and extensions. */
#define OAUTH_MESSAGE_MAX (JWT_BYTES_MAX + 4096)

struct oauth_message {
	struct str token;			/* view of the message */
	char authzid[LOGIN_TEXT_MAX];
	size_t authzid_n;			/* 0: none */
};

/*
 * client-resp of RFC 7628 section 3.1: a GS2 header, then name=value pairs, each
 * ended by %x01, and one more. "auth" has to be there once, as "Bearer TOKEN";
 * other pairs (extensions) must be well formed and mean nothing. ERR_CORRUPT;
 * ERR_LIMIT; ERR_UNSUPPORTED: channel binding.
 */
int oauth_parse(struct str in, struct oauth_message *ret);

/* The server's answer to a token that does not let in, whatever is wrong with it
 * (RFC 7628 section 3.2.2); the client sends a %x01, and the login fails. */
#define OAUTH_REFUSAL "{\"status\":\"invalid_token\"}"

/* Of one listener, immutable; owned by it. */
struct oauth {
	struct jwks_source *source;		/* open; NULL where a configuration is only checked */
	struct jwt_rules rules;
	struct ssl_rules *names;		/* from the subject to a user */
};

/* What the configuration says, as text; borrowed for the call. */
struct oauth_setup {
	struct jwks_sources *sources;		/* NULL: nothing is read, the words are checked */
	const char *url, *ca;			/* ca: NULL: the system's */
	int64_t refresh_ms;
	const char *issuer, *scope_claim, *subject_claim, *names;
	const char *const *audiences, *const *scopes;
	size_t audiences_n, scopes_n;
	int64_t skew_s;
};

/* ERR_INVAL, ERR_IO with the option's name and the reason. */
int oauth_open(const struct oauth_setup *setup, struct oauth **ret, struct why *why);
void oauth_close(struct oauth **oauth);
