/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A login as states (login_states.def). SCRAM costs microseconds and runs where
 * it is called; PLAIN (PBKDF2), GSSAPI (files, public keys) and OAUTHBEARER
 * (public keys) go to a worker:
 * step() copies the token, submits and returns WAIT, the worker takes one step
 * of libsasl2, or reads a token, and calls done(), resume() draws the conclusion on the caller's
 * thread. So credentials are looked up and penalties counted on one thread only.
 *
 * Every failure is one answer: no bytes, not before a time that is counted from
 * the arrival of the token, so that how long the check took does not show. OAUTHBEARER's comes behind words
 * that the RFC asks for, which are the same whatever is wrong.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "security/binds.h"
#include "security/mapping.h"
#include "security/oauth.h"
#include "security/penalty.h"
#include "security/sasl_private.h"

static const uint8_t moves[LOGIN_STATES] = {
#define TO(state) (1u << LOGIN_##state)
#define X(name, what, to) [LOGIN_##name] = (to),
#include "security/login_states.def"
#undef X
#undef TO
};

static void
move(struct sasl_login *l, enum login_state to)
{
	assert(moves[l->state] >> to & 1);
	l->state = to;
}

struct sasl_login *
sasl_login_create(const struct sasl_listener *listener, const struct sasl_shared *shared,
    const struct addr *peer, const struct event *ev, void (*done)(void *arg), void *arg)
{
	struct sasl_login *l = MEM_NEW(struct sasl_login);
	l->way = (struct way){ listener, shared, STR_NULL };
	l->listener = listener;
	l->shared = shared;
	l->peer = *peer;
	l->ev = *ev;
	l->state = LOGIN_NEW;
	l->done = done;
	l->arg = arg;
	buf_init(&l->in, GSSAPI_TOKEN_MAX);
	buf_init(&l->out, GSSAPI_TOKEN_MAX);
	lock_init(&l->lock, LOCK_LOGIN);
	return l;
}

static void
login_free(struct sasl_login *l)
{
	sasl_conn_close(l);
	if (l->scram_used)
		scram_clean(&l->scram);
	buf_free_secret(&l->in);
	buf_free_secret(&l->out);
	lock_free(&l->lock);
	mem_cleanse(&l->claim.cred, sizeof(l->claim.cred));
	mem_free(l);
}

void
sasl_login_destroy(struct sasl_login **login)
{
	struct sasl_login *l = *login;
	*login = NULL;
	if (l == NULL)
		return;
	lock_take(&l->lock);
	/* A worker that still has it frees it. */
	bool theirs = l->working;
	l->abandoned = theirs;
	lock_drop(&l->lock);
	if (!theirs)
		login_free(l);
}

unsigned
sasl_listener_mechanisms(const struct sasl_listener *listener, struct str *ret, unsigned max)
{
	unsigned n = 0;
	for (unsigned m = 0; m < MECH_COUNT && n < max; m++)
		if ((listener->mechanisms & MECH_BIT(m)) != 0 && mech_is_sasl(m) &&
		    (!mech_needs_tls(m) || listener->tls))
			ret[n++] = str_from(mech_name(m));
	return n;
}

int
sasl_login_mechanism(struct sasl_login *l, struct str mechanism)
{
	struct str offered[MECH_COUNT];
	unsigned n = sasl_listener_mechanisms(l->listener, offered, MECH_COUNT);
	bool there = false;

	if (l->state != LOGIN_NEW)
		return ERR_CONFLICT;
	for (unsigned i = 0; i < n; i++)
		there |= str_eq(mechanism, offered[i]);
	if (!there || mech_parse(mechanism, &l->mech) != 0)
		return ERR_UNSUPPORTED;
	if ((l->mech == MECH_GSSAPI && l->listener->gss == NULL) ||
	    (l->mech == MECH_OAUTHBEARER && l->listener->oauth == NULL))
		return ERR_UNSUPPORTED;
	int err = l->mech == MECH_OAUTHBEARER ? 0 : sasl_conn_open(l);
	if (err == 0)
		move(l, LOGIN_READY);
	return err;
}

/* Whom successes and failures are counted for: a delegation token by itself, and so what a ticket or a token of an issuer
 * says, or who has one would be trusted to guess its owner's password. */
static struct name
counted(const struct sasl_login *l)
{
	if (!l->claimed)
		return NAME(UINT32_MAX, STR(""));
	if (mech_is_mapped(l->mech))
		return NAME(UINT32_MAX, str_from(l->principal_text));
	if (l->claim.by_token)
		return NAME(l->claim.user.tenant, ((struct str){ l->login, l->login_n }));
	return l->claim.user;
}

static struct str
claimed(const struct sasl_login *l)
{
	return mech_is_mapped(l->mech) ? str_from(l->principal_text) : (struct str){ l->login, l->login_n };
}

bool
sasl_login_refused(struct sasl_login *l, struct str *ret_who, const char **ret_mechanism, const char **ret_reason)
{
	const char *reason = l->refused;
	l->refused = NULL;
	*ret_who = claimed(l);
	*ret_mechanism = mech_name(l->mech);
	*ret_reason = reason;
	return reason != NULL;
}

void
sasl_login_came_by(struct sasl_login *l, struct str server_name)
{
	l->way.server_name = server_name;
}

void
sasl_login_renews(struct sasl_login *l, const struct principal *before)
{
	l->renews = before;
}

/* Kafka's rule: nor by a better one. */
static bool
mechanism_stays(const struct sasl_login *l)
{
	return l->renews == NULL || str_is(str_from(l->renews->mechanism), mech_name(l->mech));
}

/* Counts and logs a failure; how long after the token its answer is due. */
static uint64_t
count_failure(struct sasl_login *l, uint64_t now, const char *reason)
{
	struct event user, mech, detail;
	uint32_t count = 0;

	l->refused = reason;
	uint64_t delay = penalty_fail(l->shared->penalty, &l->peer, counted(l), now, &count);
	event_child(&user, &l->ev, "user", claimed(l));
	event_child(&mech, &user, "mechanism", str_from(mech_name(l->mech)));
	event_child(&detail, &mech, "detail", str_from(l->detail));
	/* Of a row of failures the first, second, fourth, eighth ... is told. */
	if ((count & (count - 1)) == 0)
		ev_notice(l->detail[0] == '\0' ? &mech : &detail,
		    "login refused: %s (failure %u in a row)", reason, count);
	return delay;
}

static void
fail(struct sasl_login *l, uint64_t delay, struct sasl_turn *ret)
{
	if (l->state != LOGIN_FAILED && l->state != LOGIN_DONE)
		move(l, LOGIN_FAILED);
	sasl_conn_close(l);
	*ret = (struct sasl_turn){ SASL_STEP_FAILED, STR(""), l->began + delay };
}

static void
refuse(struct sasl_login *l, uint64_t now, const char *reason, struct sasl_turn *ret)
{
	fail(l, count_failure(l, now, reason), ret);
}

/* A token is refused in two steps (RFC 7628 section 3.2.3): words, which are the same whatever
 * is wrong, and the failure, once the client has taken note. It counts now: a client
 * that goes away between has failed as well. */
static void
refuse_token(struct sasl_login *l, uint64_t now, const char *reason, struct sasl_turn *ret)
{
	l->delay = count_failure(l, now, reason);
	move(l, LOGIN_ASKED);
	*ret = (struct sasl_turn){ SASL_STEP_CONTINUE, STR(OAUTH_REFUSAL), 0 };
}

/* Whose tickets of this realm are; null: nobody's in particular. */
static struct str
realm_tenant(const struct sasl_listener *listener, struct str principal)
{
	struct str tenant = STR_NULL;
	const char *at = principal.n == 0 ? NULL : memrchr(principal.p, '@', principal.n);
	if (at != NULL)
		(void)binds_realm(listener->binds, (struct str){ at + 1, principal.n - (size_t)(at + 1 - principal.p) }, &tenant);
	return tenant;
}

/* The ticket's name, with the realm that libsasl2 cut off, mapped by the rules. */
static void
claim_ticket(struct sasl_login *l)
{
	const struct sasl_listener *listener = l->listener;
	struct str name = str_from(l->principal_text);
	struct buf full, mapped;
	bool has_realm = memchr(name.p, '@', name.n) != NULL;

	buf_init(&full, 2 * PRINCIPAL_MAX);
	buf_init(&mapped, PRINCIPAL_MAX);
	/* An escaped '@' or '/' inside a component is nobody's user name. */
	int err = memchr(name.p, '\\', name.n) != NULL ? ERR_INVAL : buf_add_str(&full, name);
	if (err == 0 && !has_realm)
		err = buf_printf(&full, "@%s", listener->realm);
	if (err == 0)
		err = krb_rules_map(listener->krb_rules, buf_str(&full), &mapped);
	claim_mapped(&l->claim, &l->way, l->mech, buf_str(&mapped), realm_tenant(listener, buf_str(&full)));
	if (err != 0)
		l->claim.doom = "no rule maps this principal to a user";
	l->claimed = true;
	buf_free(&full);
	buf_free(&mapped);
}

/* NULL, or why a proof that holds does not let in. */
static const char *
find_user(struct sasl_login *l)
{
	if (l->mech == MECH_GSSAPI)
		claim_ticket(l);
	if (l->mech == MECH_OAUTHBEARER) {
		claim_mapped(&l->claim, &l->way, l->mech, str_from(l->principal_text), STR_NULL);
		l->claimed = true;
	}
	if (!l->claimed || l->claim.doom != NULL)
		return l->claimed ? l->claim.doom : "no name";
	claim_principal(&l->claim, &l->peer, &l->principal);
	if (l->renews != NULL && !sasl_same_principal(l->renews, &l->principal))
		return "a login is renewed by the same user only";
	return NULL;
}

static void
accept_login(struct sasl_login *l, uint64_t now, struct sasl_turn *ret)
{
	const char *reason = find_user(l);
	if (reason != NULL && l->mech == MECH_OAUTHBEARER) {
		refuse_token(l, now, reason, ret);
		return;
	}
	if (reason != NULL) {
		refuse(l, now, reason, ret);
		return;
	}
	move(l, LOGIN_DONE);
	penalty_success(l->shared->penalty, &l->peer, counted(l), now);
	if (l->scram_used && l->scram.doubled)
		ev_info(&l->ev, "the client sends its nonce twice (librdkafka before 2.6.1)");
	*ret = (struct sasl_turn){ SASL_STEP_DONE, buf_str(&l->out), 0 };
}

static void
conclude(struct sasl_login *l, uint64_t now, struct sasl_turn *ret)
{
	switch (l->rc) {
	case SASL_OK:
		accept_login(l, now, ret);
		break;
	case SASL_CONTINUE:
		move(l, LOGIN_ASKED);
		*ret = (struct sasl_turn){ SASL_STEP_CONTINUE, buf_str(&l->out), 0 };
		break;
	default:
		if (l->reason != NULL) {
			refuse_token(l, now, l->reason, ret);
			break;
		}
		refuse(l, now, l->claimed && l->claim.doom != NULL ? l->claim.doom :
		    "not what the mechanism expects", ret);
	}
}

static void
work(struct check *check)
{
	struct sasl_login *l = CONTAINER_OF(check, struct sasl_login, check);
	/* Nothing is spent on a client that has gone while its login waited. */
	lock_take(&l->lock);
	bool abandoned = l->abandoned;
	lock_drop(&l->lock);
	if (!abandoned && l->mech == MECH_OAUTHBEARER)
		oauth_run(l);
	else if (!abandoned)
		sasl_run(l);
	lock_take(&l->lock);
	abandoned = l->abandoned;
	l->working = false;
	if (!abandoned)
		l->done(l->arg);
	lock_drop(&l->lock);
	if (abandoned)
		login_free(l);
}

/* authzid NUL authcid NUL password: whose password is to be checked. */
static int
claim_plain(struct sasl_login *l)
{
	struct str rest = buf_str(&l->in), authzid, name;
	if (!str_cut(&rest, '\0', &authzid) || !str_cut(&rest, '\0', &name))
		return ERR_CORRUPT;
	if (name.n == 0 || name.n > sizeof(l->login) || rest.n == 0)
		return ERR_CORRUPT;
	memcpy(l->login, name.p, name.n);
	l->login_n = name.n;
	claim_login(&l->claim, &l->way, l->mech, name);
	l->claimed = true;
	return 0;
}

static void
hand_over(struct sasl_login *l, uint64_t now, struct sasl_turn *ret)
{
	if (l->mech == MECH_PLAIN && claim_plain(l) != 0) {
		refuse(l, now, "malformed message", ret);
		return;
	}
	enum login_state before = l->state;
	move(l, LOGIN_WORKING);
	l->working = true;
	l->check.run = work;
	if (checks_submit(l->shared->checks, &l->check, &l->peer) != 0) {
		l->working = false;
		l->state = before;
		refuse(l, now, "too many logins wait for a check", ret);
		return;
	}
	*ret = (struct sasl_turn){ SASL_STEP_WAIT, STR(""), 0 };
}

static size_t
token_max(enum mech mech)
{
	static const size_t max[MECH_COUNT] = {
		[MECH_SCRAM_SHA_256] = SCRAM_TOKEN_MAX, [MECH_SCRAM_SHA_512] = SCRAM_TOKEN_MAX,
		[MECH_PLAIN] = PLAIN_TOKEN_MAX, [MECH_GSSAPI] = GSSAPI_TOKEN_MAX,
		[MECH_OAUTHBEARER] = OAUTH_MESSAGE_MAX,
	};
	return max[mech];
}

void
sasl_login_step(struct sasl_login *l, struct str in, uint64_t now, struct sasl_turn *ret)
{
	l->began = now;
	if (l->state != LOGIN_READY && l->state != LOGIN_ASKED) {
		assert(l->state != LOGIN_WORKING);
		refuse(l, now, "a token out of turn", ret);
		return;
	}
	if (l->mech == MECH_OAUTHBEARER && l->state == LOGIN_ASKED) { /* the client has taken note of its refusal */
		fail(l, l->delay, ret);
		return;
	}
	if (!mechanism_stays(l)) {
		refuse(l, now, "a login is renewed by the same mechanism only", ret);
		return;
	}
	buf_consume(&l->in, l->in.n);
	if (++l->steps > LOGIN_STEPS_MAX || in.n > token_max(l->mech) ||
	    buf_add_str(&l->in, in) != 0) {
		refuse(l, now, "too many or too large tokens", ret);
		return;
	}
	if (l->mech == MECH_PLAIN || l->mech == MECH_GSSAPI || l->mech == MECH_OAUTHBEARER) {
		hand_over(l, now, ret);
		return;
	}
	sasl_run(l);
	conclude(l, now, ret);
}

void
sasl_login_resume(struct sasl_login *l, uint64_t now, struct sasl_turn *ret)
{
	assert(l->state == LOGIN_WORKING);
	conclude(l, now, ret);
}

const struct principal *
sasl_login_principal(const struct sasl_login *l)
{
	return l->state == LOGIN_DONE ? &l->principal : NULL;
}

int64_t
sasl_login_expires_ms(const struct sasl_login *l)
{
	int64_t user = l->claim.cred.exists ? l->claim.cred.expires_ms : 0, proof = l->proof_expires_ms;
	return user == 0 || (proof != 0 && proof < user) ? proof : user;
}
