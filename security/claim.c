/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name that somebody claims to a user record, and the verdict on it. A
 * claim never ends early: what is wrong with it is noted as its doom, so that
 * unknown users, unknown tenants, locked, expired and wrong mechanisms take
 * the same way as a wrong password and end where that ends.
 */
#include <string.h>

#include "base/mem.h"
#include "security/binds.h"
#include "security/mapping.h"
#include "security/sasl_private.h"

#define NO_TENANT UINT32_MAX

static void
doom(struct claim *c, bool bad, const char *reason)
{
	if (bad && c->doom == NULL)
		c->doom = reason;
}

/* Sets the name, cut to what a user can have. */
static void
set_name(struct claim *c, uint32_t tenant, struct str user)
{
	size_t n = user.n < sizeof(c->text) ? user.n : sizeof(c->text);
	doom(c, user_name_check(user, NULL) != 0, "not a valid user name");
	if (n > 0)
		memcpy(c->text, user.p, n);
	c->user = NAME(tenant, ((struct str){ c->text, n }));
}

static void
judge(struct claim *c)
{
	doom(c, c->cred.locked, "the user is locked");
	doom(c, c->cred.expired, c->by_token ? "the token or its owner has expired" : "the user has expired");
	doom(c, (c->cred.mechanisms & MECH_BIT(c->mech)) == 0,
	    "the user may not log in by this mechanism");
}

/* Asks for the record. none: why there is no tenant, where there is none. */
static void
find_record(struct claim *c, const struct way *way, uint32_t tenant, struct str user, const char *none)
{
	const struct sasl_shared *shared = way->shared;
	set_name(c, tenant, user);
	if (c->doom == NULL)
		shared->lookup.user(shared->lookup.arg, c->user, &c->cred);
	doom(c, c->cred.closed, "the tenant is suspended or marked for deletion");
	doom(c, tenant == NO_TENANT, none);
	if (!c->cred.exists) {
		c->cred = (struct cred){ 0 };
		doom(c, !mech_is_mapped(c->mech) || !way->listener->unknown_ok, "no such user");
		return;
	}
	judge(c);
}

static uint32_t
tenant_named(const struct way *way, struct str name)
{
	const struct sasl_shared *shared = way->shared;
	uint32_t tenant = NO_TENANT;
	if (!tenant_name_valid(name) || shared->lookup.tenant(shared->lookup.arg, name, &tenant) != 0)
		return NO_TENANT;
	return tenant;
}

/* Whether the server name is bound to a tenant, and to which, that there may be no more. */
static bool
by_server_name(const struct way *way, uint32_t *ret)
{
	struct str name;
	if (!binds_server_name(way->listener->binds, way->server_name, &name))
		return false;
	*ret = tenant_named(way, name);
	return true;
}

/* Where a login name belongs; *user becomes the part of it that names somebody there. Who comes by a tenant's
 * server name is in that tenant, or nowhere. */
static uint32_t
tenant_of(const struct way *way, struct str *user, const char **ret_none)
{
	struct str name;
	uint32_t tenant = NO_TENANT, bound = NO_TENANT;
	bool named = by_server_name(way, &bound);
	*ret_none = "no such tenant";
	switch (way->listener->tenant_from) {
	case TENANT_FIXED:
		return named ? bound : way->listener->tenant;
	case TENANT_FROM_SERVER_NAME:
		if (!named)
			*ret_none = "the client came by no server name that is a tenant's";
		return bound;
	case TENANT_FROM_LOGIN:
		break;
	}
	login_name_split(*user, user, &name);
	tenant = tenant_named(way, name);
	if (!named || bound == tenant)
		return tenant;
	*ret_none = "the login name and the server name are of two tenants";
	return NO_TENANT;
}

void
claim_login(struct claim *c, const struct way *way, enum mech mech, struct str login)
{
	const char *none;
	struct str user = login;
	uint32_t tenant = tenant_of(way, &user, &none);

	*c = (struct claim){ .mech = mech };
	find_record(c, way, tenant, user, none);
}

void
claim_token(struct claim *c, const struct way *way, enum mech mech, struct str login)
{
	const struct sasl_shared *shared = way->shared;
	struct cred_token t = { .cred = { .exists = false } };
	const char *none;
	struct str id = login;
	uint32_t tenant = tenant_of(way, &id, &none);

	*c = (struct claim){ .mech = mech, .by_token = true };
	set_name(c, tenant, id);
	if (c->doom == NULL && shared->lookup.token != NULL)
		shared->lookup.token(shared->lookup.arg, c->user, &t);
	doom(c, !t.cred.exists, tenant == NO_TENANT ? none : "no such delegation token");
	if (t.cred.exists) {
		c->cred = t.cred;
		c->token = t.id;
		set_name(c, tenant, (struct str){ t.owner, t.owner_n });
		doom(c, c->cred.closed, "the tenant is suspended or marked for deletion");
		judge(c);
	}
	mem_cleanse(&t, sizeof(t));
}

/* Whose a proof is that nothing binds to a tenant. */
static uint32_t
tenant_of_unbound(const struct sasl_listener *listener, const char **ret_none)
{
	switch (listener->tenant_from) {
	case TENANT_FIXED:
		return listener->tenant;
	case TENANT_FROM_LOGIN:
		return 0;
	case TENANT_FROM_SERVER_NAME:
		break;
	}
	*ret_none = "nothing binds this certificate, ticket or token to a tenant";
	return NO_TENANT;
}

/* A server name says where somebody wants to be, and a CA, a realm or an issuer where its own are: it
 * must be the same, and the name alone decides nothing (model section 2). */
static uint32_t
tenant_of_proof(const struct way *way, struct str tenant, const char **ret_none)
{
	const struct sasl_listener *listener = way->listener;
	uint32_t bound = NO_TENANT;
	*ret_none = "no such tenant";
	uint32_t proved = tenant.p != NULL ? tenant_named(way, tenant) : tenant_of_unbound(listener, ret_none);
	bool named = by_server_name(way, &bound);
	if (proved == NO_TENANT)
		return NO_TENANT;
	if (named ? bound == proved : listener->tenant_from != TENANT_FIXED || listener->tenant == proved)
		return proved;
	*ret_none = named ? "the server name is another tenant's than the certificate, ticket or token"
	    : "the listener is another tenant's than the certificate, ticket or token";
	return NO_TENANT;
}

void
claim_mapped(struct claim *c, const struct way *way, enum mech mech, struct str name, struct str tenant)
{
	const char *none;
	uint32_t number = tenant_of_proof(way, tenant, &none);

	*c = (struct claim){ .mech = mech };
	doom(c, way->listener->tenant_from == TENANT_FROM_LOGIN && memchr(name.p, '@', name.n) != NULL,
	    "a certificate, ticket or token names no tenant");
	find_record(c, way, number, name, none);
}

enum scram_hash
claim_hash(const struct claim *c)
{
	bool only_256 = c->cred.exists && c->cred.scram[SCRAM_SHA_512].iterations == 0 &&
	    c->cred.scram[SCRAM_SHA_256].iterations != 0;
	return only_256 ? SCRAM_SHA_256 : SCRAM_SHA_512;
}

void
claim_key(const struct claim *c, const struct sasl_shared *shared, enum scram_hash hash,
    struct scram_key *ret)
{
	/* The fake is made in any case: its time must not tell who exists. */
	scram_key_fake(&shared->fake, hash, c->user.tenant, c->user.s, ret);
	if (c->cred.exists && c->cred.scram[hash].iterations != 0)
		*ret = c->cred.scram[hash];
}

void
claim_principal(const struct claim *c, const struct addr *peer, struct principal *ret)
{
	*ret = (struct principal){
		.user = c->user,
		.unknown_ok = !c->cred.exists,
		.mechanism = mech_name(c->mech),
		.user_generation = c->cred.exists ? c->cred.generation : 0,
		.token = c->token,
		.host = *peer,
	};
}

bool
sasl_same_principal(const struct principal *before, const struct principal *now)
{
	return before->anonymous == now->anonymous && name_eq(before->user, now->user) &&
	    uuid_is_zero(&before->token) == uuid_is_zero(&now->token) &&
	    str_is(str_from(before->mechanism), now->mechanism);
}

int
sasl_certificate(const struct sasl_listener *listener, const struct sasl_shared *shared,
    struct str server_name, struct str subject, const struct addr *peer, const struct event *ev,
    char *name, struct principal *ret, const char **ret_reason)
{
	struct event line;
	struct claim claim = { 0 };
	struct way way = { listener, shared, server_name };
	struct buf mapped, tenant;
	const char *reason = "no rule maps this subject to a user";

	event_child(&line, ev, "subject", subject);
	buf_init(&mapped, PRINCIPAL_MAX);
	buf_init(&tenant, PRINCIPAL_MAX);
	int err = ssl_rules_map(listener->ssl_rules, subject, &mapped);
	int bound = binds_certificate(listener->binds, subject, &tenant);
	if (err == 0 && bound != ERR_NOTFOUND && (bound != 0 || tenant.n == 0)) {
		reason = "the rule that binds this subject makes no tenant of it";
	} else if (err == 0) {
		claim_mapped(&claim, &way, MECH_TLS, buf_str(&mapped), bound == 0 ? buf_str(&tenant) : STR_NULL);
		reason = claim.doom;
	}
	buf_free(&mapped);
	buf_free(&tenant);
	if (err != 0 || reason != NULL) {
		mem_cleanse(&claim, sizeof(claim));
		ev_notice(&line, "login refused: %s", reason);
		*ret_reason = reason;
		return ERR_DENIED;
	}
	claim_principal(&claim, peer, ret);
	memcpy(name, claim.text, claim.user.s.n);
	ret->user.s.p = name;
	mem_cleanse(&claim, sizeof(claim));
	return 0;
}
