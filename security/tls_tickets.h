/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/rcu.h"

/*
 * Tickets by which a client resumes a session (RFC 5077; RFC 8446, 4.6.1): the session itself,
 * sealed by a key that only one SSL_CTX has. The server keeps nothing but two keys.
 *
 * A ticket is good for one listener and one load of its files (keys and session id context
 * are made with the SSL_CTX, and go with it), for the server name that the client
 * asked for, for TLS_TICKET_S; and what began with one full handshake ends TLS_RESUMED_S
 * after it. It says nothing of who the client is. Never to be used in an SSL_CTX that asks for client
 * certificates: resumption would skip them (the class of CVE-2025-23419).
 */
struct tls_tickets;

#define TLS_TICKET_S	3600		/* a ticket */
#define TLS_TICKET_KEY_S (4 * 3600)	/* a key seals for so long, and opens for TLS_TICKET_S more */
#define TLS_RESUMED_S	86400		/* from a full handshake, by however many tickets */

/* Makes ctx give and take tickets. Each SSL of it must note its ClientHello (tls_hello.h). NULL: OpenSSL cannot. To be destroyed after ctx. */
struct tls_tickets *tls_tickets_create(SSL_CTX *ctx);
void tls_tickets_destroy(struct tls_tickets **tickets);

/* A new key where that is due, and the end of an old one. These two: one thread, while those that do
 * handshakes are readers of rcu. */
void tls_tickets_tick(struct tls_tickets *tickets, struct rcu *rcu, uint64_t now_ns);
/* From now on no ticket that was given is taken. */
void tls_tickets_forget(struct tls_tickets *tickets, struct rcu *rcu, uint64_t now_ns);
