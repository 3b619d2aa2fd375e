/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server's side of SCRAM (RFC 5802, RFC 7677) as a machine over bytes: no
 * randomness, no credentials and no clock of its own. One struct scram is one
 * exchange: first, challenge, final. Without channel binding.
 */

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "security/names.h"
#include "security/scram_keys.h"

#define SCRAM_TOKEN_MAX 2048		/* of a client's message */
#define SCRAM_NONCE_MAX 256		/* of either side's part */
#define SCRAM_GS2_MAX 1024

enum scram_state {
	SCRAM_FIRST,			/* waits for client-first */
	SCRAM_CHALLENGE,		/* waits for the user's key */
	SCRAM_FINAL,			/* waits for client-final */
	SCRAM_DONE,
	SCRAM_FAILED,
};

struct scram {
	enum scram_hash hash;
	enum scram_state state;
	bool double_ok;			/* accept r = c || c || s as well */
	bool doubled;			/* and the client did send that */
	bool tokenauth;			/* the extension tokenauth=true (KIP-48) was there */
	char user[LOGIN_TEXT_MAX];
	size_t user_n;
	char gs2[SCRAM_GS2_MAX];		/* what c= must be: base64 of the GS2 header */
	size_t gs2_n;
	struct buf auth;		/* client-first-bare "," server-first "," ... */
	size_t nonce_at, client_n, server_n; /* the joined nonce inside auth */
	struct buf out;
	struct scram_key key;
};

void scram_init(struct scram *s, enum scram_hash hash, bool double_ok);
void scram_clean(struct scram *s);

/* client-first-message. *ret_user: the name, unescaped; a view of s. The
 * authorization identity must be empty or the same (ERR_DENIED, CVE-2017-12610).
 * ERR_CORRUPT malformed, ERR_LIMIT too long, ERR_UNSUPPORTED channel binding or
 * a mandatory extension. */
int scram_first(struct scram *s, struct str in, struct str *ret_user);

/* "n,[a=authzid]," or the same with y (RFC 5801); in goes on behind it. The authzid as it stands, null where there is
 * none. ERR_CORRUPT; ERR_UNSUPPORTED for channel binding. */
int sasl_gs2_header(struct str *in, struct str *ret_authzid);
/* saslname: "=2C" is a comma, "=3D" an equals sign, no other '='; UTF-8 without NUL, not
 * empty. ERR_CORRUPT, ERR_LIMIT. */
int sasl_name_decode(struct str in, char *out, size_t max, size_t *ret_n);

/* server-first-message. key is copied. nonce: printable ASCII, no comma. */
int scram_challenge(struct scram *s, const struct scram_key *key, struct str nonce,
    struct str *ret_out);

/* client-final-message; *ret_out is server-final. Nonce and proof are compared
 * whole and in constant time (CVE-2024-56128, CVE-2021-38153). ERR_DENIED where
 * either is wrong, ERR_CORRUPT where it is malformed. */
int scram_final(struct scram *s, struct str in, struct str *ret_out);
