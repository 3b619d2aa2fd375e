/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * From what a certificate, a ticket or a token proves to a user name, by rules in
 * Kafka's own syntax. Immutable once parsed; any thread may map.
 */
struct ssl_rules;
struct krb_rules;

#define MAPPING_RULES_MAX 64

/*
 * ssl.principal.mapping.rules (KIP-371): a comma-separated list of DEFAULT and
 * RULE:pattern/replacement/[LU]. A rule applies where its pattern matches the
 * whole subject; then every match of it is replaced, as Java's replaceAll.
 * An empty text is DEFAULT. why: the reason and the byte (from 1).
 */
int ssl_rules_parse(struct str text, struct ssl_rules **ret, struct why *why);
void ssl_rules_destroy(struct ssl_rules **rules);
/* subject: as Java's X500Principal.getName() prints it (RFC 2253). The name is
 * added to ret (whose maximum bounds it). ERR_NOTFOUND: no rule applies. */
int ssl_rules_map(const struct ssl_rules *rules, struct str subject, struct buf *ret);

/*
 * sasl.kerberos.principal.to.local.rules: DEFAULT (the realm is default_realm:
 * its first component) and RULE:[n:format](match)s/from/to/[g]/[L|U]. A result
 * with '/' or '@' is an error, as in Kafka. An empty text is DEFAULT.
 */
int krb_rules_parse(struct str text, struct str default_realm, struct krb_rules **ret,
    struct why *why);
void krb_rules_destroy(struct krb_rules **rules);
/* principal: "name[/instance]@REALM". ERR_NOTFOUND: no rule applies; ERR_INVAL:
 * not such a principal, or the result is not a simple name. */
int krb_rules_map(const struct krb_rules *rules, struct str principal, struct buf *ret);
