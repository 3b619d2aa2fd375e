/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A private certificate authority and the server certificates that it signs:
 * ECDSA on P-256, made by `schlossd init` and `schlossd cert`. The running
 * daemon uses none of this. Times are seconds since 1970.
 */

#define PKI_NAMES_MAX 32
#define PKI_CA_DAYS 3652		/* ten years */
#define PKI_SERVER_DAYS 730

/* DNS names and IP addresses, told apart by their form. */
struct pki_names {
	char *v[PKI_NAMES_MAX];
	size_t n;
};

/* Adds a copy unless it is there already. ERR_INVAL for what is neither an
 * address nor a host name, ERR_LIMIT when full. */
int pki_names_add(struct pki_names *names, struct str name);
/* localhost, 127.0.0.1 and ::1. */
void pki_names_add_local(struct pki_names *names);
void pki_names_free(struct pki_names *names);

/* A new authority that may sign only end certificates. PEM is appended to
 * ret_key and ret_cert. common_name: what certificate viewers show. */
int pki_make_ca(const char *common_name, int64_t now, struct buf *ret_key, struct buf *ret_cert,
    struct why *why);

/* A server certificate (serverAuth) for the names, the first of which is its
 * common name. Appends key and certificate, PEM, to ret. ERR_INVAL where key
 * and certificate of the authority cannot be read or do not belong together. */
int pki_make_server(struct str ca_key, struct str ca_cert, const struct pki_names *names,
    int64_t now, struct buf *ret, struct why *why);

/* The names in the first certificate of a PEM text, added to ret. */
int pki_names_of(struct str pem, struct pki_names *ret, struct why *why);
