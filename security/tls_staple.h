/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's authority says of its certificate: an OCSP response (RFC 6960) that clients
 * get with the handshake (RFC 6066 8), so that they need not ask the authority who is theirs. */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/err.h"

struct tls_staple;

/* Reads file (DER) and checks it against ctx's certificate, whose issuer must stand behind it in the chain; sets ctx to
 * give it to those who ask, as long as it holds. *ret must outlive ctx. One that is over is taken, but given to nobody:
 * a broker that starts late shall start. ERR_INVAL with the file and the reason: none, of another certificate, forged,
 * or the authority says that the certificate is revoked. */
int tls_staple_load(SSL_CTX *ctx, const char *file, struct tls_staple **ret, struct why *why);
void tls_staple_destroy(struct tls_staple **staple);
/* Seconds since 1970. */
int64_t tls_staple_ends(const struct tls_staple *staple);
