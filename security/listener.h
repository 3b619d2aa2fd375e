/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "security/binds.h"
#include "security/oauth.h"
#include "security/sasl.h"

/* What the configuration says about the logins of one listener, as text. All is
 * borrowed for the call. */
struct sasl_setup {
	const char *const *mechanisms;	/* Kafka's names */
	size_t mechanisms_n;
	enum tenant_from tenant_from;
	uint32_t tenant;
	struct binds_setup binds;
	bool tls;
	bool double_nonce;
	bool unknown_ok;
	const char *fqdn;		/* the advertised host */
	const char *ssl_rules;		/* NULL: DEFAULT */
	const char *krb_rules;		/* NULL: DEFAULT */
	const char *keytab;		/* NULL or "": the system's */
	const struct oauth_setup *oauth;	/* looked at for OAUTHBEARER */
	const char *rcache;		/* a file of ours, for a listener without TLS */
};

/*
 * Checks the names, parses the rules, and with GSSAPI opens the keytab and asks
 * for the default realm; the result owns all of it. lib may be NULL (a check of
 * a configuration file): then installed plugins are not asked for, and neither
 * keytab nor realm is touched. ERR_INVAL, ERR_UNSUPPORTED, ERR_IO with the reason.
 */
int sasl_listener_open(const struct sasl_lib *lib, const struct sasl_setup *setup,
    struct sasl_listener *ret, struct why *why);
/* No login may use it any more. Sets all to zero. */
void sasl_listener_close(struct sasl_listener *listener);
