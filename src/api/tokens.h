/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/request.h"
#include "meta/tokens.h"

/* What the requests about delegation tokens share. */

#define TOKEN_PRINCIPAL_TYPE "User"

/* Whether tokens may be spoken of over this connection: who is there must have proved it by his own credential, not
 * by a token, and as TLS alone keeps an HMAC from others, there must be TLS. */
enum kerr tokens_gate(struct request *rq);

/* Who asks, for a change: his name is in the request's arena. */
struct principal tokens_asker(struct request *rq);

/* The name that the token's client logs in by, at a listener like this one: its id, and where login names carry
 * tenants, @TENANT. */
struct str token_login(struct request *rq, struct str id);

/* A session by a token: false where the token has ended, else true and it is closed when the token ends, unless
 * that is put off meanwhile. On its loop, after the login and after each publication. */
bool token_session_stays(struct session *s);
void token_session_closed(struct session *s);
