/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Which tenant a TLS server name, a Kerberos realm or a client certificate belongs to,
 * as a listener says it (model section 2). Names of tenants, not numbers: they are looked up at
 * each login, so that a tenant may be made later. Immutable; any thread may ask.
 */
struct binds;

/* What the configuration says; borrowed for the call. Each word is TENANT=NAME. A server name may
 * begin with "*." for any one label. */
struct binds_setup {
	const char *const *server_names, *const *realms;
	size_t server_names_n, realms_n;
	const char *certificate_rules;	/* as ssl_rules_parse() takes them, but to names of tenants; NULL: none */
};

/* *ret is NULL where nothing is bound. ERR_INVAL with the reason, and in *ret_option the option's name. */
int binds_open(const struct binds_setup *setup, struct binds **ret, const char **ret_option, struct why *why);
void binds_close(struct binds **binds);

/* True, and the tenant's name (a view of the binds); binds may be NULL, and binds nothing then. */
bool binds_server_name(const struct binds *binds, struct str server_name, struct str *ret_tenant);
bool binds_realm(const struct binds *binds, struct str realm, struct str *ret_tenant);
/* For a subject as tls_peer_subject() writes it; the tenant's name is added to ret. ERR_NOTFOUND: nothing binds it; else
 * an error: it is bound, by a rule that makes no name of it, and so in no tenant. */
int binds_certificate(const struct binds *binds, struct str subject, struct buf *ret);

#define SERVER_NAME_MAX 253
/* The host name of a TLS extension server_name (RFC 6066, section 3), in small letters and without
 * a dot at the end. ERR_CORRUPT; ERR_INVAL: it has no form that a host's name has. */
int server_name_parse(const uint8_t *p, size_t n, char ret[SERVER_NAME_MAX + 1]);
