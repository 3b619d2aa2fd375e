/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name that somebody claims to a user record, and the verdict on it. A
 * claim never ends early: what is wrong with it is noted as its doom, so that
 * unknown users, unknown tenants, locked, expired and wrong mechanisms take
 * the same way as a wrong password and end where that ends.
 */
#include <string.h>

#include "base/mem.h"
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

/* Asks for the record. */
static void
find_record(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, uint32_t tenant, struct str user)
{
	set_name(c, tenant, user);
	if (c->doom == NULL)
		shared->lookup.user(shared->lookup.arg, c->user, &c->cred);
	doom(c, c->cred.closed, "the tenant is suspended or marked for deletion");
	if (!c->cred.exists) {
		c->cred = (struct cred){ 0 };
		doom(c, !mech_is_mapped(c->mech) || !listener->unknown_ok, tenant == NO_TENANT ? "no such tenant" : "no such user");
		return;
	}
	judge(c);
}

/* Where a login name belongs; *user becomes the part of it that names somebody there. */
static uint32_t
tenant_of(const struct sasl_listener *listener, const struct sasl_shared *shared, struct str *user)
{
	uint32_t tenant = NO_TENANT;
	struct str name;
	if (listener->tenant_from != TENANT_FROM_LOGIN)
		return listener->tenant;
	login_name_split(*user, user, &name);
	if (!tenant_name_valid(name) ||
	    shared->lookup.tenant(shared->lookup.arg, name, &tenant) != 0)
		return NO_TENANT;
	return tenant;
}

void
claim_login(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, enum mech mech, struct str login)
{
	struct str user = login;
	uint32_t tenant = tenant_of(listener, shared, &user);

	*c = (struct claim){ .mech = mech };
	find_record(c, listener, shared, tenant, user);
}

void
claim_token(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, enum mech mech, struct str login)
{
	struct cred_token t = { .cred = { .exists = false } };
	struct str id = login;
	uint32_t tenant = tenant_of(listener, shared, &id);

	*c = (struct claim){ .mech = mech, .by_token = true };
	set_name(c, tenant, id);
	if (c->doom == NULL && shared->lookup.token != NULL)
		shared->lookup.token(shared->lookup.arg, c->user, &t);
	doom(c, !t.cred.exists, tenant == NO_TENANT ? "no such tenant" : "no such delegation token");
	if (t.cred.exists) {
		c->cred = t.cred;
		c->token = t.id;
		set_name(c, tenant, (struct str){ t.owner, t.owner_n });
		doom(c, c->cred.closed, "the tenant is suspended or marked for deletion");
		judge(c);
	}
	mem_cleanse(&t, sizeof(t));
}

void
claim_mapped(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, enum mech mech, struct str name)
{
	*c = (struct claim){ .mech = mech };
	/* No CA, realm or issuer is bound to a tenant other than main. */
	if (listener->tenant_from == TENANT_FROM_LOGIN) {
		doom(c, memchr(name.p, '@', name.n) != NULL,
		    "a certificate, ticket or token names no tenant");
		find_record(c, listener, shared, 0, name);
		return;
	}
	find_record(c, listener, shared, listener->tenant, name);
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
    struct str subject, const struct addr *peer, const struct event *ev, char *name,
    struct principal *ret, const char **ret_reason)
{
	struct event line;
	struct claim claim = { 0 };
	struct buf mapped;
	const char *reason = "no rule maps this subject to a user";

	event_child(&line, ev, "subject", subject);
	buf_init(&mapped, PRINCIPAL_MAX);
	int err = ssl_rules_map(listener->ssl_rules, subject, &mapped);
	if (err == 0) {
		claim_mapped(&claim, listener, shared, MECH_TLS, buf_str(&mapped));
		reason = claim.doom;
	}
	buf_free(&mapped);
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
