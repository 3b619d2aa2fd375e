/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "base/err.h"
#include "cli/props.h"
#include "wire/msg.h"

/*
 * A connection of a client: TCP, TLS, frames, one request at a time. Every call
 * waits for its end: 10 s for TCP, for TLS and for ApiVersions, 20 s for the login,
 * 60 s of silence at a request. Every failure has a reason for a human.
 */
struct conn;

/* Where there are several bootstrap servers: why each of those that were tried in vain took no
 * connection, a sentence each, in the arena. */
struct conn_misses {
	struct arena *arena;
	ARRAY(struct str) v;
};

/* Connects to the first of the bootstrap servers that answers, checks its
 * certificate, and logs in. misses may be NULL. */
int conn_open(const struct props *props, struct conn_misses *misses, struct conn **ret, struct why *why);
void conn_close(struct conn **conn);

/*
 * Sends a request and waits for its answer, in the highest version that both
 * sides know (own APIs: ours). in and ret are the structs of wire/msg.h for the
 * API with this key; what ret points to lives in the arena.
 */
int conn_call(struct conn *conn, struct arena *arena, int key, const void *in, void *ret,
    struct why *why);

/* The version that conn_call() would take; below the API's lowest: the broker does not know it. */
int conn_version(const struct conn *conn, int key);

/* One exchange of SASL tokens (SaslAuthenticate), for login.c: the answer's
 * bytes live in the arena. ERR_DENIED with the broker's words. */
int conn_sasl_token(struct conn *conn, struct arena *arena, struct str token, struct str *ret,
    struct why *why);

/* For login.c: until fd, which is another's, has something to read, or the time of the step is over: 0, or
 * ERR_TIMEOUT, after how many seconds that is. */
int conn_wait(const struct conn *conn, int fd, int *ret_seconds);

/* The socket, which does not block, and the TLS on it (an SSL *; NULL without), for
 * bench/, which goes on by itself after the login. Owned by the connection. */
int conn_fd(const struct conn *conn);
void *conn_tls(const struct conn *conn);

/* The host that answered, as it was written in the client file. */
const char *conn_host(const struct conn *conn);
