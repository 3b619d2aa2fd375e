/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/conn.h"

/* Proves to the broker who we are, by props->mechanism: SCRAM-SHA-256 and -512,
 * PLAIN, GSSAPI. SCRAM checks the broker's proof as well. */
int login_run(struct conn *conn, const struct props *props, struct why *why);

/*
 * The client's side of SCRAM (RFC 5802), step by step, so that it can be tested
 * against the published vectors. Strings live in the arena.
 */
struct scram_client {
	struct arena *arena;
	const char *user, *password;
	const char *nonce;		/* the client's part */
	int sha;			/* 256 or 512 */
	struct str first_bare, auth_message;
	unsigned char server_key[64];
	bool keys;			/* final message was made */
};

struct str scram_client_first(struct scram_client *sc);
/* ERR_CORRUPT: not what a server would say; ERR_LIMIT: iterations out of bounds. */
int scram_client_final(struct scram_client *sc, struct str server_first, struct str *ret);
/* ERR_DENIED: the server does not know the password either. */
int scram_client_verify(struct scram_client *sc, struct str server_final);
