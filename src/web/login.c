/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks: what Authorization shows, else a client certificate, else nobody, where that is allowed. Basic is the
 * mechanism PLAIN, Bearer is OAUTHBEARER: the same states, queue, penalties and lines of the audit log as on Kafka's
 * listeners (security/sasl.h), so that a guess costs the same through every door.
 *
 * A login holds for its connection. Requests come one by one and each shows what it showed before; of that
 * only a keyed digest is kept, by which it is known again. It ends with the user's record as every session does, with
 * what it was proved by, and after connections.max.reauth.ms.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "api/bounds.h"
#include "api/stays.h"
#include "base/clock.h"
#include "base/mem.h"
#include "security/tls.h"
#include "web/web.h"

#define DIGEST 32
#define TOKEN_MAX (HTTP_HEAD_MAX + 64)

/* Of a connection. */
struct memory {
	struct principal principal;
	char user[USER_NAME_MAX];
	uint64_t tenant_generation;	/* api/stays.h */
	struct quota_link *quota;	/* among the connections that he and his tenant may have */
	bool by_certificate;
	uint8_t digest[DIGEST];
	int64_t until_ms;		/* wall time; 0: none */
	uint64_t until_ns;		/* monotonic; 0: none */
};

struct login {
	struct post post;
	atomic_bool posted;
	bool dead;			/* nobody waits; its post frees it */
	struct http_exchange *x;
	struct sasl_login *sasl;
	struct timer timer;
	uint8_t digest[DIGEST];
	void (*then)(struct http_exchange *x, const struct principal *p);
};

static struct web_door *
door_of(const struct http_exchange *x)
{
	return http_listener_arg(x);
}

void
web_forget(void *memory)
{
	struct memory *m = memory;
	quota_close(&m->quota);
	mem_cleanse(memory, sizeof(struct memory));
	mem_free(memory);
}

/* ---- who was let in before ---- */

static void
digest_of(const struct web *web, struct str authorization, uint8_t out[DIGEST])
{
	unsigned n = DIGEST;
	HMAC(EVP_sha256(), web->key, sizeof(web->key), (const uint8_t *)authorization.p, authorization.n, out, &n);
}

/* Who was here before is not any more, and has no place that another login of his would lack. */
static void
forget_last(struct http_exchange *x)
{
	if (http_memory(x) != NULL)
		web_forget(http_memory(x));
	http_set_memory(x, NULL);
}

static void
remember(struct http_exchange *x, const struct principal *p, struct quota_link *quota, const uint8_t *digest, int64_t until_ms)
{
	const struct core_listener *l = &door_of(x)->core;
	struct memory *m = MEM_NEW(struct memory);
	m->quota = quota;
	m->principal = *p;
	m->principal.user.s.p = m->user;
	memcpy(m->user, p->user.s.p, p->user.s.n);
	m->tenant_generation = stays_generation(rcu_read(*l->core->image), p->user.tenant);
	m->by_certificate = digest == NULL;
	if (digest != NULL)
		memcpy(m->digest, digest, DIGEST);
	m->until_ms = until_ms;
	m->until_ns = l->reauth_ms > 0 ? loop_now(http_loop(x)) + (uint64_t)l->reauth_ms * NS_PER_MS : 0;
	http_set_memory(x, m);
}

/* NULL, or the principal of before, who shows the same (digest NULL: nothing) and may still be here. */
static const struct principal *
remembered(const struct http_exchange *x, const uint8_t *digest)
{
	const struct memory *m = http_memory(x);
	if (m == NULL || m->by_certificate != (digest == NULL))
		return NULL;
	if (digest != NULL && CRYPTO_memcmp(digest, m->digest, DIGEST) != 0)
		return NULL;
	if ((m->until_ms != 0 && clock_wall_ms() >= m->until_ms) || (m->until_ns != 0 && loop_now(http_loop(x)) >= m->until_ns))
		return NULL;
	const struct image *image = rcu_read(*web_of(x)->core->image);
	return stays_user(image, &m->principal, m->tenant_generation) ? &m->principal : NULL;
}

/* ---- answers ---- */

static void
answer_refused(struct http_exchange *x, const char *text)
{
	const struct sasl_listener *l = &door_of(x)->core.login;
	char extra[128];
	bool basic = l->tls && (l->mechanisms & MECH_BIT(MECH_PLAIN)) != 0;
	bool bearer = l->tls && (l->mechanisms & MECH_BIT(MECH_OAUTHBEARER)) != 0;
	snprintf(extra, sizeof(extra), "%s%s", basic ? "WWW-Authenticate: Basic realm=\"schloss\", charset=\"UTF-8\"\r\n" : "",
	    bearer ? "WWW-Authenticate: Bearer realm=\"schloss\"\r\n" : "");
	http_answer(x, basic || bearer ? 401 : 403, WEB_TEXT, str_from(text), extra);
}

static void
answer_wrong(struct http_exchange *x)
{
	answer_refused(x, "the user, the password or the token is wrong\n");
}

static void
answer_untold(struct http_exchange *x)
{
	http_answer(x, 503, WEB_TEXT, STR("the audit log cannot be written, and nobody is let in without a line there\n"),
	    "Retry-After: 5\r\n");
}

/* A place among the connections that he may have, and a line in the audit log; NULL: he is answered that he may not come in. */
static struct quota_link *
take_place(struct http_exchange *x, const struct principal *p)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct str message;
	forget_last(x);
	struct quota_link *l = bounds_open(web_of(x)->core, p, http_event(x), loop_now(http_loop(x)), arena, &message);
	if (l == NULL) {
		web_audit_refused(x, p->user.s, p->mechanism, "the limit of connections");
		http_answer(x, 429, WEB_TEXT, arena_printf(arena, "%.*s\n", STR_ARG(message)), "Retry-After: 5\r\n");
	} else if (!web_audit_login(x, p)) {
		answer_untold(x);
		quota_close(&l);
	}
	arena_destroy(&arena);
	return l;
}

/* Whoever has proved who he is, where there is a place for him; else he is answered that there is none. */
static void
let_in(struct http_exchange *x, const struct principal *p, const uint8_t *digest, int64_t until_ms,
    void (*then)(struct http_exchange *x, const struct principal *principal))
{
	struct quota_link *quota = take_place(x, p);
	if (quota == NULL)
		return;
	remember(x, p, quota, digest, until_ms);
	const struct memory *m = http_memory(x);
	then(x, &m->principal);
}

/* ---- a login under way ---- */

static void
login_free(struct login *l)
{
	timer_cancel(loop_timers(http_loop(l->x)), &l->timer);
	mem_free(l);
}

/* Its connection has gone, or has its answer. */
static void
login_end(void *arg)
{
	struct login *l = arg;
	sasl_login_destroy(&l->sasl); /* from here on nothing is posted */
	l->dead = true;
	if (!atomic_load(&l->posted))
		login_free(l);
	else
		timer_cancel(loop_timers(http_loop(l->x)), &l->timer);
}

static void
checked(void *arg)
{
	struct login *l = arg;
	atomic_store(&l->posted, true);
	loop_post(http_loop(l->x), &l->post);
}

static void
refused(struct timer *timer, uint64_t now)
{
	struct login *l = CONTAINER_OF(timer, struct login, timer);
	struct http_exchange *x = l->x;
	(void)now;
	answer_wrong(x);
	login_end(l);
}

static void
accept_login(struct login *l)
{
	struct http_exchange *x = l->x;
	const struct principal *p = sasl_login_principal(l->sasl);
	const char *late = stays_too_late(rcu_read(*web_of(x)->core->image), p);
	if (late != NULL) {
		web_audit_refused(x, p->user.s, p->mechanism, late);
		answer_wrong(x);
		login_end(l);
		return;
	}
	let_in(x, p, l->digest, sasl_login_expires_ms(l->sasl), l->then);
	login_end(l);
}

static void
act(struct login *l, const struct sasl_turn *turn)
{
	const char *mechanism, *reason;
	struct sasl_turn next = *turn;
	struct str who;
	uint64_t now = loop_now(http_loop(l->x));
	if (sasl_login_refused(l->sasl, &who, &mechanism, &reason))
		web_audit_refused(l->x, who, mechanism, reason);
	if (next.step == SASL_STEP_CONTINUE) /* the words of a token's refusal, of which a client takes note */
		sasl_login_step(l->sasl, STR("\x01"), now, &next);
	switch (next.step) {
	case SASL_STEP_WAIT:
		break;
	case SASL_STEP_DONE:
		accept_login(l);
		break;
	default:
		l->timer.fire = refused;
		timer_set(loop_timers(http_loop(l->x)), &l->timer, next.not_before > now ? next.not_before : now);
	}
}

static void
resumed(struct post *post)
{
	struct login *l = CONTAINER_OF(post, struct login, post);
	struct sasl_turn turn;
	atomic_store(&l->posted, false);
	if (l->dead) {
		mem_free(l);
		return;
	}
	sasl_login_resume(l->sasl, loop_now(http_loop(l->x)), &turn);
	act(l, &turn);
}

/* The first message of the mechanism; cleansed by the caller. ERR_INVAL: Authorization is of no kind that is known here. */
static int
message_of(struct str authorization, enum mech *ret_mech, struct buf *out)
{
	char plain[TOKEN_MAX];
	struct str user, password, token;
	int err = http_basic(authorization, plain, sizeof(plain), &user, &password);
	if (err == 0) {
		*ret_mech = MECH_PLAIN;
		(void)buf_add(out, "", 1);
		(void)buf_add_str(out, user);
		(void)buf_add(out, "", 1);
		err = buf_add_str(out, password);
	} else if (http_bearer(authorization, &token) == 0) {
		*ret_mech = MECH_OAUTHBEARER;
		err = buf_printf(out, "n,,\x01" "auth=Bearer %.*s\x01\x01", STR_ARG(token));
	}
	mem_cleanse(plain, sizeof(plain));
	return err;
}

static void
begin(struct http_exchange *x, const uint8_t *digest, void (*then)(struct http_exchange *x, const struct principal *p))
{
	struct web_door *door = door_of(x);
	enum mech mech = MECH_PLAIN;
	struct sasl_turn turn;
	struct buf token;
	buf_init(&token, TOKEN_MAX);
	struct login *l = MEM_NEW(struct login);
	l->x = x;
	l->then = then;
	l->post.run = resumed;
	memcpy(l->digest, digest, DIGEST);
	l->sasl = sasl_login_create(&door->core.login, &web_of(x)->core->sasl, http_peer(x), http_event(x), checked, l);
	int err = message_of(http_request_of(x)->authorization, &mech, &token);
	if (err == 0)
		err = sasl_login_mechanism(l->sasl, str_from(mech_name(mech)));
	if (err != 0) {
		answer_refused(x, !door->core.tls ? "a login needs TLS\n" : "this kind of login is not taken here\n");
		login_end(l);
	} else {
		http_wait(x, login_end, l);
		sasl_login_step(l->sasl, buf_str(&token), loop_now(http_loop(x)), &turn);
		act(l, &turn);
	}
	buf_free_secret(&token);
}

/* ---- without a login ---- */

static void
by_certificate(struct http_exchange *x, void (*then)(struct http_exchange *x, const struct principal *p))
{
	const struct core_listener *l = &door_of(x)->core;
	char subject[1024], name[256];
	struct principal p = { .anonymous = true, .mechanism = "", .host = *http_peer(x),
		.user = NAME(l->login.tenant, STR("ANONYMOUS")) };
	const char *reason = NULL;
	int err = !l->tls ? ERR_NOTFOUND : tls_peer_subject(http_transport(x), subject, sizeof(subject));
	if (err == 0)
		err = sasl_certificate(&l->login, &web_of(x)->core->sasl, STR_NULL /* none is bound here */, str_from(subject),
		    http_peer(x), http_event(x), name, &p, &reason);
	else if (err == ERR_NOTFOUND && l->anonymous)
		err = 0;
	if (err == 0 && !image_tenant_is_open(rcu_read(*web_of(x)->core->image), p.user.tenant)) {
		reason = "the tenant is suspended or marked for deletion";
		err = ERR_CLOSED;
	}
	if (err != 0) {
		if (reason != NULL)
			web_audit_refused(x, err == ERR_DENIED ? str_from(subject) : STR_NULL, "TLS", reason);
		answer_refused(x, l->tls ? "a login is needed\n" : "a login is needed, and that needs TLS\n");
		return;
	}
	let_in(x, &p, NULL, 0, then);
}

void
web_login(struct http_exchange *x, void (*then)(struct http_exchange *x, const struct principal *p))
{
	struct str authorization = http_request_of(x)->authorization;
	uint8_t digest[DIGEST];
	if (authorization.p != NULL)
		digest_of(web_of(x), authorization, digest);
	const struct principal *p = remembered(x, authorization.p != NULL ? digest : NULL);
	if (p != NULL)
		then(x, p);
	else if (authorization.p != NULL)
		begin(x, digest, then);
	else
		by_certificate(x, then);
}
