/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/x509.h>
#include <stddef.h>

/* A distinguished name as Java prints it, terminated. ERR_LIMIT over size,
 * ERR_CORRUPT for values that are no text. */
int tls_name_format(const X509_NAME *name, char *out, size_t size);
