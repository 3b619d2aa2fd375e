/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAUTHBEARER of a login, beside libsasl2, which has none and would add nothing: one
 * message with all that there is to know. A worker reads it and verifies the token,
 * within the bounded queue that passwords are checked in (some 0.1 ms, 0.5 ms by the
 * largest key that is taken), so that no loop waits for it and one address has two
 * at a time; the user is looked up on the loop, as that of a ticket (sasl_login.c).
 */
#include <stdio.h>
#include <string.h>

#include "security/mapping.h"
#include "security/oauth.h"
#include "security/sasl_private.h"

/* From the subject to a name; the identity that was asked for must be that, or none. */
static const char *
take_name(struct sasl_login *l, const struct oauth_message *m, struct str subject)
{
	struct buf mapped;
	const char *reason = NULL;
	buf_init(&mapped, PRINCIPAL_MAX);
	int err = ssl_rules_map(l->listener->oauth->names, subject, &mapped);
	struct str name = buf_str(&mapped);
	if (err != 0 || memchr(name.p, '\0', name.n) != NULL)
		reason = "no rule maps this token to a user";
	else if (m->authzid_n > 0 && !str_eq((struct str){ m->authzid, m->authzid_n }, name))
		reason = "asked to act as another user";
	if (err == 0) {
		memcpy(l->principal_text, name.p, name.n);
		l->principal_text[name.n] = '\0';
	}
	buf_free(&mapped);
	return reason;
}

static const char *
check_token(struct sasl_login *l, const struct oauth_message *m)
{
	const struct oauth *o = l->listener->oauth;
	struct jwks *keys = jwks_source_keys(o->source);
	struct jwt_facts facts;
	const char *reason;
	if (keys == NULL)
		return "the keys of tokens have not been fetched yet";
	int err = jwt_check(m->token, keys, &o->rules, l->shared->wall_ms(), &facts, &reason);
	jwks_unref(&keys);
	if (err == ERR_NOTFOUND)
		jwks_source_missed(o->source);
	if (err != 0)
		return reason;
	snprintf(l->principal_text, sizeof(l->principal_text), "%s", facts.subject);
	l->proof_expires_ms = facts.expires_ms;
	return take_name(l, m, str_from(facts.subject));
}

void
oauth_run(struct sasl_login *l)
{
	struct oauth_message m;
	l->rc = SASL_BADPROT;
	if (oauth_parse(buf_str(&l->in), &m) != 0)
		return;
	l->reason = check_token(l, &m);
	l->rc = l->reason == NULL ? SASL_OK : SASL_BADAUTH;
}
