/* SPDX-License-Identifier: Apache-2.0 */
#include "security/tls_hello.h"

#include <openssl/sha.h>

#include "base/mem.h"
#include "security/binds.h"

/* Called again for the second hello behind a HelloRetryRequest. */
int
tls_note_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_hello *h = SSL_get_app_data(ssl);
	const unsigned char *p = NULL;
	char name[SERVER_NAME_MAX + 1];
	size_t n = 0;
	(void)alert;
	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1)
		n = 0;
	SHA256(n > 0 ? p : (const unsigned char *)"", n, h->digest);
	mem_free(h->server_name);
	h->server_name = n > 0 && server_name_parse(p, n, name) == 0 ? mem_strdup(name) : NULL;
	return SSL_CLIENT_HELLO_SUCCESS;
}
