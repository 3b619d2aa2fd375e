/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/*
 * The keys by which a listener accepts Kerberos tickets: every principal of one
 * keytab. The file is opened again at each accept, so new keys in it need no
 * restart. Shared by any threads.
 */
struct gss_keys;

/* keytab: a file; NULL or "" for the system's (krb5.conf, KRB5_KTNAME). rcache:
 * "none:" where TLS protects from replay, else "file2:PATH". ERR_IO with
 * Kerberos' own reason where the keytab is missing, unreadable or empty. */
int gss_keys_open(const char *keytab, const char *rcache, struct gss_keys **ret,
    struct why *why);
void gss_keys_close(struct gss_keys **keys);

/* The gss_cred_id_t, for libsasl2's SASL_GSS_CREDS. */
const void *gss_keys_handle(const struct gss_keys *keys);

/* krb5.conf's default realm, which libsasl2 cuts off names; free with
 * mem_free(). ERR_NOTFOUND where none is set. Reads files. */
int gss_default_realm(char **ret);
