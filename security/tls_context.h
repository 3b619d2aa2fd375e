/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "security/tls.h"

/* What tls.c needs of a context and nobody else. */
SSL_CTX *tls_context_ssl(const struct tls_context *context);
BIO_METHOD *tls_context_bio(const struct tls_context *context);
/* Fills in the functions of tls.c. */
void tls_bio_method(BIO_METHOD *method);
