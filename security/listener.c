/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of a configuration to a listener: each part is made in turn, and
 * the first that fails gives back those before it. */
#include "security/listener.h"

#include <stdio.h>

#include "base/mem.h"
#include "security/gss.h"
#include "security/mapping.h"

#define RCACHE_NAME_MAX 4200

static int
take_mechanisms(const struct sasl_setup *setup, struct sasl_listener *l, struct why *why)
{
	for (size_t i = 0; i < setup->mechanisms_n; i++) {
		const char *name = setup->mechanisms[i];
		enum mech mech;
		if (mech_parse(str_from(name), &mech) != 0 || !mech_is_sasl(mech))
			return why_set(why, ERR_INVAL, "\"%s\" is no SASL mechanism; there are "
			    "SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, GSSAPI and OAUTHBEARER", name);
		if (mech_needs_tls(mech) && !setup->tls)
			return why_set(why, ERR_INVAL, "%s shows %s: it needs TLS", name,
			    mech == MECH_PLAIN ? "passwords" : "tokens");
		l->mechanisms |= MECH_BIT(mech);
	}
	return 0;
}

static int
take_rules(const struct sasl_setup *setup, struct sasl_listener *l, struct why *why)
{
	struct ssl_rules *ssl = NULL;
	struct krb_rules *krb = NULL;
	int err = ssl_rules_parse(str_from(setup->ssl_rules), &ssl, why);
	if (err != 0) {
		why_prefix(why, "ssl.principal.mapping.rules");
		return err;
	}
	l->ssl_rules = ssl;
	err = krb_rules_parse(str_from(setup->krb_rules), str_from(l->realm), &krb, why);
	if (err != 0)
		why_prefix(why, "sasl.kerberos.principal.to.local.rules");
	l->krb_rules = krb;
	return err;
}

static int
take_kerberos(const struct sasl_setup *setup, struct sasl_listener *l, struct why *why)
{
	char rcache[RCACHE_NAME_MAX];
	struct gss_keys *keys = NULL;
	char *realm = NULL;

	if (gss_default_realm(&realm) != 0)
		return why_set(why, ERR_NOTFOUND, "GSSAPI needs a default_realm in krb5.conf");
	l->realm = realm;
	if (!setup->tls && setup->rcache == NULL)
		return why_set(why, ERR_INVAL, "GSSAPI without TLS needs a file for its replay cache");
	snprintf(rcache, sizeof(rcache), setup->tls ? "none:%s" : "file2:%s",
	    setup->tls ? "" : setup->rcache);
	int err = gss_keys_open(setup->keytab, rcache, &keys, why);
	l->gss = keys;
	return err;
}

static int
take_tokens(const struct sasl_setup *setup, struct sasl_listener *l, struct why *why)
{
	struct oauth *oauth = NULL;
	int err = oauth_open(setup->oauth, &oauth, why);
	l->oauth = oauth;
	return err;
}

static int
take_binds(const struct sasl_setup *setup, struct sasl_listener *l, struct why *why)
{
	struct binds *binds = NULL;
	const char *option = NULL;
	int err = binds_open(&setup->binds, &binds, &option, why);
	if (err != 0)
		why_prefix(why, "%s", option);
	l->binds = binds;
	return err;
}

int
sasl_listener_open(const struct sasl_lib *lib, const struct sasl_setup *setup,
    struct sasl_listener *ret, struct why *why)
{
	struct sasl_listener l = {
		.tenant_from = setup->tenant_from,
		.tenant = setup->tenant,
		.tls = setup->tls,
		.double_nonce = setup->double_nonce,
		.unknown_ok = setup->unknown_ok,
	};
	int err = take_mechanisms(setup, &l, why);
	if (err == 0 && lib != NULL)
		err = sasl_lib_check(lib, l.mechanisms, why);
	if (err == 0 && lib != NULL && (l.mechanisms & MECH_BIT(MECH_GSSAPI)) != 0)
		err = take_kerberos(setup, &l, why);
	if (err == 0 && (l.mechanisms & MECH_BIT(MECH_OAUTHBEARER)) != 0)
		err = take_tokens(setup, &l, why);
	if (err == 0)
		err = take_rules(setup, &l, why);
	if (err == 0)
		err = take_binds(setup, &l, why);
	if (err != 0) {
		sasl_listener_close(&l);
		return err;
	}
	l.fqdn = mem_strdup(setup->fqdn == NULL ? "localhost" : setup->fqdn);
	*ret = l;
	return 0;
}

void
sasl_listener_close(struct sasl_listener *l)
{
	/* They are const for those who log in by them; here is their owner. */
	struct gss_keys *keys = (struct gss_keys *)(uintptr_t)l->gss;
	struct ssl_rules *ssl = (struct ssl_rules *)(uintptr_t)l->ssl_rules;
	struct krb_rules *krb = (struct krb_rules *)(uintptr_t)l->krb_rules;
	struct oauth *oauth = (struct oauth *)(uintptr_t)l->oauth;
	struct binds *binds = (struct binds *)(uintptr_t)l->binds;
	binds_close(&binds);
	oauth_close(&oauth);
	gss_keys_close(&keys);
	ssl_rules_destroy(&ssl);
	krb_rules_destroy(&krb);
	mem_free((char *)(uintptr_t)l->realm);
	mem_free((char *)(uintptr_t)l->fqdn);
	*l = (struct sasl_listener){ 0 };
}
