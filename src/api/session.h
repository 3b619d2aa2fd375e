/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/core.h"
#include "api/request.h"
#include "base/principal.h"
#include "net/conn.h"

/*
 * What the protocol knows of one connection: who logged in, by what, and which
 * requests are under way. Lives on the connection's loop.
 */
enum session_phase {
	SESSION_START,		/* nothing but ApiVersions and SaslHandshake */
	SESSION_TOKENS,		/* a mechanism is chosen; SaslAuthenticate */
	SESSION_RAW,		/* as TOKENS, after SaslHandshake v0: frames are tokens */
	SESSION_READY,		/* logged in */
	SESSION_RENEW,		/* READY, and a new login under way (KIP-368) */
	SESSION_PHASES
};

/* A consumer group that it has spoken for a member of, who may be gone by now. */
struct session_member {
	struct session_member *next;
	struct str group, member_id;	/* views of what follows */
	char bytes[];
};

struct session {
	struct conn *conn;
	uint64_t number;		/* from 1, since the start of the broker */
	struct broker_core *core;
	const struct core_listener *listener;
	enum session_phase phase;
	struct sasl_login *login;	/* while one is under way */
	struct principal principal;	/* from READY on */
	char *user;			/* the bytes of its name: the same when it is renewed */
	uint32_t tenant;		/* of all names here: the user's, but for Enter */
	uint64_t tenant_generation;	/* of the user's, when he logged in (meta/image.h) */
	uint64_t tenant_seen;		/* 1 more than the generation of the image that it was found in */
	struct quota_link *quota;	/* from READY on: made by who lets him in (bounds.h) */
	struct tally_loop *counts;	/* of the loop; NULL: nothing is counted */
	struct tally *tally;		/* of its tenant on the loop, from READY on */
	struct memo *memo;		/* what the gate has allowed lately; NULL: nothing */
	uint64_t around_ns;		/* of the loop's time, for no request yet billed */
	struct request *login_rq;	/* the SaslAuthenticate that waits for a check */
	uint64_t login_until;		/* monotonic ns; a session past it must renew; 0: never */
	uint64_t renewal_began;		/* the last one; 0: none yet */
	struct timer term;		/* READY: login_until; RENEW: that its end is late */
	struct list requests;		/* all that are not finished */
	struct fetch_session *fetches;	/* what it reads (KIP-227); NULL: none was begun */
	struct token_end *token_end;	/* of a login by a delegation token (tokens.h) */
	unsigned login_requests;	/* before READY: bounded */
	struct session_member *members;	/* the latest first; bounded */
	char *software;			/* what the client says it is: name and version, each with its end; NULL: nothing */
	bool moves_records;		/* see session_moves_records() */
	bool closing;
	bool stopping;			/* nothing waits for what others may bring */
};

/* conn_ops of net/conn.h, for every listener. */
extern const struct conn_ops session_ops;

/* Whether requests of the login, those of any time, and those behind it are legal now. */
bool session_may_login(const struct session *s);
bool session_may_ask(const struct session *s);
bool session_may_work(const struct session *s);

/* Whether the login has ended: nothing but its renewal is legal any more (KIP-368). */
bool session_is_over(const struct session *s);
/* Whether a request is answered with what there is, instead of waiting for more: the broker
 * stops, or the login has ended. */
bool session_hurries(const struct session *s);

/* Called with each Produce and Fetch. From the first on OpenSSL's own buffers are not overwritten
 * any more, which costs by the byte; until then whatever comes may be a secret. */
void session_moves_records(struct session *s);

/* The broker stops: no more requests; those under way are answered, a Fetch with what
 * there is. Who has not logged in is not waited for. On the connection's loop. */
void session_stop(struct conn *conn);
/* A member of a group has joined, or is alive, by this connection. */
void session_speaks_for(struct session *s, struct str group, struct str member_id);
/* What the client says it is (KIP-511), of which the beginning is kept. */
void session_names_client(struct session *s, struct str name, struct str version);
/* Frees what these two have kept. */
void session_forget(struct session *s);
/* Closes the connection; the session is gone when it returns. */
void session_close(struct session *s);

/* A legal move of the phase table, or the process stops. */
void session_move(struct session *s, enum session_phase to);

/* The login is complete: who it is, what it is billed to, larger frames. lifetime_ms: how
 * long it holds; 0: for good. */
void session_ready(struct session *s, const struct principal *p, int64_t lifetime_ms);
/* A new login begins on one that is READY (KIP-368). */
void session_renew(struct session *s);

/* stays_tenant() of the session's user (stays.h). */
bool session_tenant_stays(const struct session *s, const struct image *image);
/* Whether the session's user may still be here in the current image: not
 * deleted, locked, expired or re-keyed, and neither is the token that he came by; and his tenant stays. */
bool session_user_stays(struct session *s);
