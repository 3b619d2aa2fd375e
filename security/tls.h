/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/transport.h"

/*
 * TLS 1.2 and 1.3 by OpenSSL, as a transport. No renegotiation, no compression, no early
 * data, no session cache. Resumption, where it is given at all, is by tickets
 * (tls_tickets.h): within one context, and never where a client certificate is asked for.
 */
struct tls_context;
struct rcu;

enum tls_client_cert {
	TLS_CERT_NONE,			/* not asked for */
	TLS_CERT_REQUESTED,		/* verified where one is given */
	TLS_CERT_REQUIRED,
};

enum tls_resume {
	/* Where it pays: not with a P-256 or Ed25519 key, with which a full handshake of TLS 1.3 costs
	 * no more than a resumed one (bench/README.md). */
	TLS_RESUME_AUTO,
	TLS_RESUME_ALWAYS, TLS_RESUME_NEVER,
};

struct tls_config {
	const char *keystore;		/* PEM file: private key, certificate, chain */
	const char *key_password;	/* NULL or "": the key is not encrypted */
	const char *truststore;		/* PEM file of client CAs; NULL or "" where none */
	const char *crl;		/* PEM file of their revocation lists, one of each CA at least; NULL or "": none are looked at */
	const char *staple;		/* DER file: what the server's authority says of its certificate; NULL or "": nothing is given */
	enum tls_client_cert client_cert;
	enum tls_resume resume;		/* whatever it says, not where client_cert asks */
	bool tls12, tls13;
	const char *ciphers;		/* OpenSSL's names, ':'; NULL or "": the default */
};

/* Reads the files and checks that key and certificate belong together. Counted:
 * connections keep the context they were made with. */
int tls_context_create(const struct tls_config *config, struct tls_context **ret, struct why *why);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context **context);
/* When what it was made of ends: seconds since 1970, 0 where there is none. */
struct tls_ends {
	int64_t certificate;		/* the server's */
	int64_t crl;			/* the first of the revocation lists: from then on certificates of that authority are refused */
	int64_t staple;			/* the response of ssl.ocsp.response.location: from then on it is given to nobody */
};
void tls_context_ends(const struct tls_context *context, struct tls_ends *ret);

/* New keys for tickets where they are due; to be called every few seconds. These two: one thread,
 * while those that make and serve its connections are readers of rcu. */
void tls_context_tick(struct tls_context *context, struct rcu *rcu, uint64_t now_ns);
/* It makes no more connections, though those that are there keep it: its tickets are good for nothing any more. */
void tls_context_retire(struct tls_context *context, struct rcu *rcu, uint64_t now_ns);

/* The server's side on an accepted non-blocking socket. scratch: the owning
 * thread's, used for the length of each call. Takes its own reference. */
struct transport *tls_create(struct tls_context *context, int fd, struct transport_scratch *scratch);

/* Of a transport made by tls_create(): whether what OpenSSL has handed out is overwritten in
 * its own buffers. So it is at first, for secrets; it costs time by the byte. */
void tls_wipe_read(struct transport *t, bool on);

/* After the handshake, of such a transport. */
/* The verified client certificate's subject, written as Java's X500Principal.getName()
 * (RFC 2253; attributes that it does not name as OID=#DER). ERR_NOTFOUND without a
 * certificate, ERR_LIMIT. */
int tls_peer_subject(const struct transport *t, char *out, size_t size);
/* The host that the client asked for, in small letters; empty: none, or no name that a host can have. A view of the transport. */
struct str tls_server_name(const struct transport *t);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256", for logs; valid as long as the transport. */
const char *tls_cipher(const struct transport *t);

/* The subject of a DER certificate in the same form: for tests and mapping rules. */
int tls_subject_of_der(const uint8_t *der, size_t n, char *out, size_t size);
