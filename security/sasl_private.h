/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of sasl share; for nobody else. */

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include "base/buf.h"
#include "base/lock.h"
#include "security/checks.h"
#include "security/sasl.h"
#include "security/scram.h"

/* The id under which a connection's callbacks carry its login to our plugin. */
#define SASL_CB_LOGIN UINT32_C(0x53434801)

/* libsasl2 keeps all callbacks as int (*)(void) and calls them by their id. */
#define SASL_PROC(fn) ((int (*)(void))(void (*)(void))(fn))

/* Round trips of one login: Kerberos needs three, SCRAM two. */
#define LOGIN_STEPS_MAX 8
#define PLAIN_TOKEN_MAX (2 * LOGIN_TEXT_MAX + PASSWORD_MAX + 2)
#define GSSAPI_TOKEN_MAX 65536
#define DETAIL_MAX 256
#define PRINCIPAL_MAX 1024		/* of a Kerberos name or a subject */

enum login_state {
#define X(name, what, moves) LOGIN_##name,
#include "security/login_states.def"
#undef X
	LOGIN_STATES
};

/* Who somebody says to be, and what is known about that user. */
struct claim {
	struct name user;		/* view of text; tenant UINT32_MAX: there is none */
	char text[LOGIN_TEXT_MAX];
	enum mech mech;
	struct cred cred;
	bool by_token;
	struct uuid token;		/* the one that was named; zero: there is none */
	const char *doom;		/* why it will fail in the end; NULL: it may succeed */
};

/* By which way somebody came. */
struct way {
	const struct sasl_listener *listener;
	const struct sasl_shared *shared;
	struct str server_name;		/* of TLS; empty: none */
};

/* The steps that every claim takes, whatever is wrong with it: tenant, name,
 * lookup, each in the same time. */
void claim_login(struct claim *c, const struct way *way, enum mech mech, struct str login);
/* The same for a delegation token's id, which is its owner's claim where there is one. */
void claim_token(struct claim *c, const struct way *way, enum mech mech, struct str login);
/* A name that a rule made of a certificate, a ticket or a token. tenant: whose that proof is, by
 * configuration; null where nothing binds it. */
void claim_mapped(struct claim *c, const struct way *way, enum mech mech, struct str name, struct str tenant);
/* The key to check against: the user's, or one that nobody has a password for. */
void claim_key(const struct claim *c, const struct sasl_shared *shared, enum scram_hash hash,
    struct scram_key *ret);
/* The hash that a password is checked by. */
enum scram_hash claim_hash(const struct claim *c);
void claim_principal(const struct claim *c, const struct addr *peer, struct principal *ret);

struct sasl_login {
	struct way way;
	const struct sasl_listener *listener;	/* the way's, for short */
	const struct sasl_shared *shared;
	struct addr peer;
	struct event ev;
	enum login_state state;
	enum mech mech;
	sasl_conn_t *conn;
	sasl_callback_t callbacks[7];
	unsigned steps;
	uint64_t began;			/* when the last token came */
	bool claimed;
	struct claim claim;
	char login[LOGIN_TEXT_MAX];	/* as the client wrote it */
	size_t login_n;
	struct scram scram;
	bool scram_used;
	char principal_text[PRINCIPAL_MAX + 1]; /* GSSAPI's own; OAUTHBEARER's, mapped */
	int64_t proof_expires_ms;	/* of the token; 0: never */
	const char *reason;		/* what is wrong with the token */
	uint64_t delay;			/* of the answer to a client that has taken note of its refusal */
	char detail[DETAIL_MAX];	/* Kerberos' own words for what is wrong, or "" */
	struct buf in, out;
	int rc;				/* libsasl2's answer to the last token */
	struct principal principal;
	const char *refused;		/* why, until somebody has asked; NULL: it was not */
	const struct principal *renews;	/* who logged in before on this connection; NULL: nobody */

	void (*done)(void *arg);
	void *arg;
	struct check check;
	struct lock lock;		/* guards the next two */
	bool working, abandoned;
};

/* What libsasl2 logs, as debug lines of ev; false for what must not be told to anybody. */
bool sasl_say(const struct event *ev, int level, const char *message);
/* One libsasl2 step over l->in, on any thread; sets l->rc and l->out, and
 * disposes of the connection where that was the last. */
void sasl_run(struct sasl_login *l);
/* Makes l->conn for l->mech; ERR_NOMEM. */
int sasl_conn_open(struct sasl_login *l);
/* The one message of OAUTHBEARER, on a worker; sets l->rc and what is known of the token. */
void oauth_run(struct sasl_login *l);
void sasl_conn_close(struct sasl_login *l);

/* sasl_server_plug_init_t of our SCRAM. */
int scram_plugin_init(const sasl_utils_t *utils, int max_version, int *ret_version,
    sasl_server_plug_t **ret_plugs, int *ret_count);
