/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small world for logins: a set of users, one process-wide libsasl2, and a
 * client that plays PLAIN and SCRAM by hand. Used by the unit tests and by the
 * fuzz target.
 */

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/event.h"
#include "base/mem.h"
#include "security/checks.h"
#include "security/penalty.h"
#include "security/sasl.h"
#include "scram_client.h"

#define PASSWORD "geheim und l\xc3\xa4nger"
#define FIX_T0 (UINT64_C(3600) * 1000000000)

struct fix_user {
	uint32_t tenant;
	const char *name;
	struct cred cred;
};

struct fix {
	struct log_sink sink;
	struct event ev;
	struct sasl_lib *lib;
	struct sasl_shared shared;
	struct sasl_listener listener;
	struct addr peer;
	struct fix_user users[16];
	unsigned n;
	bool closed;			/* every tenant is: of users who are there and who are not */
	_Atomic unsigned lookups;
	_Atomic int done;
	char log[65536];
	int log_fd[2];
};

static inline void
fix_lookup(void *arg, struct name user, struct cred *ret)
{
	struct fix *f = arg;
	f->lookups++;
	*ret = (struct cred){ 0 };
	for (unsigned i = 0; i < f->n; i++)
		if (f->users[i].tenant == user.tenant && str_is(user.s, f->users[i].name))
			*ret = f->users[i].cred;
	ret->closed |= f->closed;
}

/* "tok-NAME" is a delegation token of NAME's, with his password. */
static inline void
fix_token(void *arg, struct name id, struct cred_token *ret)
{
	struct fix *f = arg;
	*ret = (struct cred_token){ .cred = { .exists = false } };
	for (unsigned i = 0; i < f->n; i++) {
		const struct fix_user *u = &f->users[i];
		if (u->tenant != id.tenant || !str_starts(id.s, STR("tok-")) ||
		    !str_is((struct str){ id.s.p + 4, id.s.n - 4 }, u->name))
			continue;
		ret->cred = u->cred;
		ret->cred.mechanisms = MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512);
		ret->id = (struct uuid){ { 1 } };
		ret->owner_n = id.s.n - 4;
		memcpy(ret->owner, id.s.p + 4, ret->owner_n);
	}
}

static inline int
fix_tenant(void *arg, struct str name, uint32_t *ret)
{
	(void)arg;
	if (str_is(name, "main"))
		*ret = 0;
	else if (str_is(name, "acme"))
		*ret = 7;
	else
		return ERR_NOTFOUND;
	return 0;
}

static inline struct cred *
fix_user(struct fix *f, uint32_t tenant, const char *name, uint32_t mechanisms)
{
	struct fix_user *u = &f->users[f->n++];
	*u = (struct fix_user){ tenant, name, { .exists = true, .mechanisms = mechanisms,
	    .generation = 100 + f->n } };
	for (int h = 0; h < SCRAM_HASHES; h++)
		if (scram_key_make((enum scram_hash)h, STR(PASSWORD), SCRAM_ITERATIONS_MIN,
		    &u->cred.scram[h]) != 0)
			abort();
	return &u->cred;
}

static inline void
fix_done(void *arg)
{
	struct fix *f = arg;
	atomic_fetch_add(&f->done, 1);
}

#define FIX_ALL (MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_SCRAM_SHA_512) | \
	MECH_BIT(MECH_PLAIN) | MECH_BIT(MECH_GSSAPI) | MECH_BIT(MECH_TLS))

static inline void
fix_start(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->sink.level = LOG_LVL_DEBUG;
	if (pipe2(f->log_fd, O_NONBLOCK) != 0)
		abort();
	f->sink.fd = f->log_fd[1];
	event_root(&f->ev, &f->sink);
	if (sasl_lib_create(&f->ev, &f->lib, NULL) != 0)
		abort();
	f->shared = (struct sasl_shared){
		.lookup = { f, fix_lookup, fix_tenant, fix_token },
		.fake = { { 42 }, SCRAM_ITERATIONS_MIN, 0 },
		.penalty = penalty_create(1000), .checks = checks_create(2, 100), .wall_ms = clock_wall_ms };
	f->listener = (struct sasl_listener){ .mechanisms = FIX_ALL & ~MECH_BIT(MECH_GSSAPI),
		.tls = true, .double_nonce = true, .fqdn = "broker.example.test" };
	f->peer = (struct addr){ 4, { 192, 0, 2, 1 } };
	fix_user(f, 0, "anna", FIX_ALL);
	fix_user(f, 0, "locked", FIX_ALL)->locked = true;
	fix_user(f, 0, "expired", FIX_ALL)->expired = true;
	fix_user(f, 0, "certonly", MECH_BIT(MECH_TLS));
	fix_user(f, 7, "anna", MECH_BIT(MECH_SCRAM_SHA_256) | MECH_BIT(MECH_PLAIN));
	fix_user(f, 0, "anna@acme", FIX_ALL);
}

/* What was logged since the last call, with a terminator. */
static inline const char *
fix_log(struct fix *f)
{
	ssize_t n = read(f->log_fd[0], f->log, sizeof(f->log) - 1);
	f->log[n < 0 ? 0 : n] = '\0';
	return f->log;
}

static inline void
fix_stop(struct fix *f)
{
	checks_destroy(&f->shared.checks);
	penalty_destroy(&f->shared.penalty);
	sasl_lib_destroy(&f->lib);
	close(f->log_fd[0]);
	close(f->log_fd[1]);
}

static inline struct sasl_login *
fix_login(struct fix *f, const char *mechanism)
{
	struct sasl_login *l = sasl_login_create(&f->listener, &f->shared, &f->peer, &f->ev,
	    fix_done, f);
	if (sasl_login_mechanism(l, str_from(mechanism)) != 0)
		abort();
	return l;
}

/* A step, waiting for the worker where there is one. */
static inline enum sasl_step
fix_step(struct fix *f, struct sasl_login *l, struct str in, struct sasl_turn *turn)
{
	atomic_store(&f->done, 0);
	sasl_login_step(l, in, FIX_T0, turn);
	if (turn->step == SASL_STEP_WAIT) {
		while (atomic_load(&f->done) == 0)
			usleep(200);
		sasl_login_resume(l, FIX_T0 + 1, turn);
	}
	return turn->step;
}

/* PLAIN with any three parts. */
static inline enum sasl_step
fix_plain(struct fix *f, struct sasl_login *l, const char *authzid, const char *user,
    const char *password, struct sasl_turn *turn)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "%s%c%s%c%s", authzid, 0, user, 0, password);
	return fix_step(f, l, (struct str){ text, (size_t)n }, turn);
}

/* SCRAM; user is written as it stands. ret_challenge: server-first, if not NULL. */
static inline enum sasl_step
fix_scram(struct fix *f, struct sasl_login *l, enum scram_hash hash, const char *user,
    const char *password, bool doubled, char *ret_challenge, struct sasl_turn *turn)
{
	char first[1024];
	struct buf final;
	snprintf(first, sizeof(first), "n,,n=%s,r=fyko+d2lbbFgONRv9qkxdawL", user);
	if (fix_step(f, l, str_from(first), turn) != SASL_STEP_CONTINUE)
		return turn->step;
	if (ret_challenge != NULL)
		snprintf(ret_challenge, 512, "%.*s", STR_ARG(turn->out));
	buf_init(&final, 4096);
	client_final(hash, password, first, turn->out, doubled, &final);
	enum sasl_step step = fix_step(f, l, buf_str(&final), turn);
	buf_free(&final);
	return step;
}
