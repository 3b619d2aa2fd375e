/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

/*
 * What is kept of a ClientHello: the server name that the client came for, as it says. OpenSSL's
 * own SSL_get_servername() has none where a session is resumed under TLS 1.2.
 */
#define TLS_SERVER_NAME	32		/* bytes of a digest of it */

/* Begins the application data of each SSL that has note_hello(). */
struct tls_hello {
	uint8_t digest[TLS_SERVER_NAME];	/* of the extension as it came: two spellings are two names */
	char *server_name;			/* as server_name_parse(); NULL: none that a host can have */
};

/* An SSL_client_hello_cb_fn; refuses nothing. */
int tls_note_hello(SSL *ssl, int *alert, void *arg);
