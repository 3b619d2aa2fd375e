/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Logging in. One struct sasl_login is one attempt: choose a mechanism, step
 * with what the client sent until DONE or FAILED. It never touches a socket,
 * a clock or a database: the caller carries bytes and time, credentials come
 * through struct cred_lookup, slow work goes to struct checks and comes back
 * through a callback. The same steps serve SaslAuthenticate (36) and the raw
 * tokens after SaslHandshake v0. README.md has the states.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/event.h"
#include "base/principal.h"
#include "base/str.h"
#include "security/cred.h"
#include "security/scram_keys.h"

struct sasl_lib;
struct sasl_login;
struct checks;
struct penalty;
struct binds;
struct gss_keys;
struct krb_rules;
struct ssl_rules;
struct oauth;

/*
 * libsasl2, set up for this process: once, from main, before threads start.
 * Loads no plugin but PLAIN and GSSAPI, reads no configuration file, and logs
 * into ev (which must outlive it). ERR_BUSY where it is set up already.
 */
int sasl_lib_create(const struct event *ev, struct sasl_lib **ret, struct why *why);
/* After the last login is gone. */
void sasl_lib_destroy(struct sasl_lib **lib);

/* Whether libsasl2 has these (MECH_BITs): ERR_UNSUPPORTED names the one that is
 * not installed. */
int sasl_lib_check(const struct sasl_lib *lib, uint32_t mechanisms, struct why *why);

enum tenant_from {
	TENANT_FIXED,			/* tenant: NAME; '@' is a plain character */
	TENANT_FROM_LOGIN,		/* user@tenant */
	TENANT_FROM_SERVER_NAME,	/* by what is bound alone; '@' is a plain character */
};

/* What a listener says about logins. Immutable; a reload makes a new one, and
 * logins keep the one they began with. */
struct sasl_listener {
	uint32_t mechanisms;		/* MECH_BITs */
	enum tenant_from tenant_from;
	uint32_t tenant;		/* its number, for TENANT_FIXED: of who comes by no server name that is bound */
	const struct binds *binds;	/* NULL: nothing is bound to a tenant */
	bool tls;
	bool double_nonce;		/* accept librdkafka < 2.6.1 (TLS only) */
	bool unknown_ok;		/* unknown.users: allow */
	const char *fqdn;		/* a name for libsasl2, never looked up */
	const struct gss_keys *gss;	/* NULL: no GSSAPI */
	const char *realm;		/* the default realm; NULL: no GSSAPI */
	const struct krb_rules *krb_rules;
	const struct ssl_rules *ssl_rules;
	const struct oauth *oauth;	/* NULL: no OAUTHBEARER */
};

/* What all logins of the process share. */
struct sasl_shared {
	struct cred_lookup lookup;
	struct scram_fake fake;
	struct penalty *penalty;
	struct checks *checks;
	int64_t (*wall_ms)(void);	/* the wall clock, by which tokens end; any thread */
};

enum sasl_step {
	SASL_STEP_CONTINUE,		/* send out, then step with the answer */
	SASL_STEP_DONE,			/* send out, then take the principal */
	SASL_STEP_FAILED,		/* answer 58 (no bytes), not before not_before, close */
	SASL_STEP_WAIT,			/* done() will be called; then sasl_login_resume() */
};

struct sasl_turn {
	enum sasl_step step;
	struct str out;			/* of the login; until its next call. May be empty */
	uint64_t not_before;		/* FAILED: ns, monotonic, the clock of `now` */
};

/* A login over a connection from peer. listener and shared are borrowed and
 * must outlive it. ev: the connection's event. done(arg) is called once per
 * WAIT on a worker thread, under a lock: it only posts to the loop. */
struct sasl_login *sasl_login_create(const struct sasl_listener *listener,
    const struct sasl_shared *shared, const struct addr *peer, const struct event *ev,
    void (*done)(void *arg), void *arg);
/* The TLS server name that the client came by, lower case; a view that must outlive the login. Before
 * the first step; without it there was none. */
void sasl_login_came_by(struct sasl_login *login, struct str server_name);
/* In any state, WAIT too; after it done() is not called any more (it may have
 * been just before: what it posted must be allowed to arrive). */
void sasl_login_destroy(struct sasl_login **login);

/* SaslHandshake: exact, case-sensitive match against the listener's list.
 * ERR_UNSUPPORTED (Kafka's 33): not on it, or PLAIN or a token without TLS; the login may
 * be asked again. ERR_CONFLICT: a mechanism was chosen already. */
int sasl_login_mechanism(struct sasl_login *login, struct str mechanism);

/* One token of the client; in is not kept. now: ns, monotonic. A step that is
 * not legal in this state, or after a terminal one, is FAILED. */
void sasl_login_step(struct sasl_login *login, struct str in, uint64_t now,
    struct sasl_turn *ret);
/* The rest of a step that was WAIT, once done() was called. now: as of now. */
void sasl_login_resume(struct sasl_login *login, uint64_t now, struct sasl_turn *ret);

/* Who logged in, after DONE; the name is a view of the login. */
const struct principal *sasl_login_principal(const struct sasl_login *login);
/* Once for each failure that was counted, for those who keep a record of it: true, with the name as the client
 * wrote it (of a ticket or a token: what that says), a view of the login, and with what was wrong. Never for the client. */
bool sasl_login_refused(struct sasl_login *login, struct str *ret_who, const char **ret_mechanism, const char **ret_reason);
/* When the user or the token expires, whichever is first: wall ms, 0: never. Bounds the session (KIP-368). */
int64_t sasl_login_expires_ms(const struct sasl_login *login);

/* Re-authentication (KIP-368): from now on neither user, tenant nor mechanism may be
 * another one than before's, which must outlive the login; else it is FAILED. Before
 * the first step. One by a token is renewed by a token (another one of the same owner, too). */
void sasl_login_renews(struct sasl_login *login, const struct principal *before);
bool sasl_same_principal(const struct principal *before, const struct principal *now);

/* The names of a listener's SASL mechanisms, in the order of mechs.def; at most
 * max. Returns how many. What mech_needs_tls() is not among them without TLS. */
unsigned sasl_listener_mechanisms(const struct sasl_listener *listener, struct str *ret,
    unsigned max);

/*
 * A client certificate that TLS has verified: its subject, mapped by the
 * listener's rules, must be a user who may log in by TLS. The tenant is what
 * tenant.certificate.rules make of the subject, else the listener's; on a TENANT_FROM_LOGIN one it is
 * main else, and '@' is refused. A server name must agree, and decides nothing. name: at least USER_NAME_MAX bytes that the
 * principal's name will be a view of. ERR_DENIED; the reason is logged to ev, and *ret_reason.
 */
int sasl_certificate(const struct sasl_listener *listener, const struct sasl_shared *shared,
    struct str server_name, struct str subject, const struct addr *peer, const struct event *ev,
    char *name, struct principal *ret, const char **ret_reason);
