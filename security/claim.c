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

/* Sets the name, cut to what a user can have, and asks for the record. */
static void
find_record(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, uint32_t tenant, struct str user)
{
	bool mapped = c->mech == MECH_GSSAPI || c->mech == MECH_TLS;

	doom(c, user_name_check(user, NULL) != 0, "not a valid user name");
	size_t n = user.n < sizeof(c->text) ? user.n : sizeof(c->text);
	if (n > 0)
		memcpy(c->text, user.p, n);
	c->user = NAME(tenant, ((struct str){ c->text, n }));
	if (c->doom == NULL)
		shared->lookup.user(shared->lookup.arg, c->user, &c->cred);
	if (!c->cred.exists) {
		c->cred = (struct cred){ 0 };
		doom(c, !mapped || !listener->unknown_ok, "no such user");
		return;
	}
	doom(c, c->cred.locked, "the user is locked");
	doom(c, c->cred.expired, "the user has expired");
	doom(c, (c->cred.mechanisms & MECH_BIT(c->mech)) == 0,
	    "the user may not log in by this mechanism");
}

void
claim_login(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, enum mech mech, struct str login)
{
	uint32_t tenant = listener->tenant;
	struct str user = login;

	*c = (struct claim){ .mech = mech };
	if (listener->tenant_from == TENANT_FROM_LOGIN) {
		struct str name;
		tenant = NO_TENANT;
		login_name_split(login, &user, &name);
		if (!tenant_name_valid(name) ||
		    shared->lookup.tenant(shared->lookup.arg, name, &tenant) != 0)
			tenant = NO_TENANT;
	}
	find_record(c, listener, shared, tenant, user);
	doom(c, tenant == NO_TENANT, "no such tenant");
}

void
claim_mapped(struct claim *c, const struct sasl_listener *listener,
    const struct sasl_shared *shared, enum mech mech, struct str name)
{
	*c = (struct claim){ .mech = mech };
	/* No CA and no realm is bound to a tenant other than main. */
	if (listener->tenant_from == TENANT_FROM_LOGIN) {
		doom(c, memchr(name.p, '@', name.n) != NULL,
		    "a certificate or ticket names no tenant");
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
		.host = *peer,
	};
}

bool
sasl_same_principal(const struct principal *before, const struct principal *now)
{
	return before->anonymous == now->anonymous && name_eq(before->user, now->user) &&
	    str_is(str_from(before->mechanism), now->mechanism);
}

int
sasl_certificate(const struct sasl_listener *listener, const struct sasl_shared *shared,
    struct str subject, const struct addr *peer, const struct event *ev, char *name,
    struct principal *ret)
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
		ev_notice(&line, "login refused: %s", reason);
		return ERR_DENIED;
	}
	claim_principal(&claim, peer, ret);
	memcpy(name, claim.text, claim.user.s.n);
	ret->user.s.p = name;
	mem_cleanse(&claim, sizeof(claim));
	return 0;
}
