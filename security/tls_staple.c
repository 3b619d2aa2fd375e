/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A response is checked once, when it is read: that it is signed by the issuer of the server's
 * certificate or by whom that issuer lets answer, that it is about this certificate, and says
 * "good". What the file says otherwise fails the load, so a reload keeps the one before. At a
 * handshake only its end is looked at: a client must not get what it would refuse.
 */
#include "security/tls_staple.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#define RESPONSE_MAX	(64 << 10)
#define SKEW_S		300		/* of the authority's clock */

struct tls_staple {
	unsigned char *der;
	size_t n;
	int64_t ends;
};

/* What is looked at while a response is checked. */
struct inquiry {
	X509 *cert, *issuer;
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic;
	OCSP_SINGLERESP *single;	/* within basic */
};

static X509 *
find_issuer(SSL_CTX *ctx, X509 *cert)
{
	STACK_OF(X509) *chain = NULL;
	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK)
			return sk_X509_value(chain, i);
	return NULL;
}

/* Whether what is said is said of the certificate: names are compared in the digest that the response chose. */
static bool
is_about(const OCSP_SINGLERESP *single, X509 *cert, X509 *issuer)
{
	ASN1_OBJECT *digest;
	OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
	OCSP_id_get0_info(NULL, &digest, NULL, NULL, theirs);
	const EVP_MD *md = EVP_get_digestbyobj(digest);
	OCSP_CERTID *ours = md == NULL ? NULL : OCSP_cert_to_id(md, cert, issuer);
	bool same = ours != NULL && OCSP_id_cmp(theirs, ours) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static bool
find_single(struct inquiry *q)
{
	for (int i = 0; i < OCSP_resp_count(q->basic) && q->single == NULL; i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(q->basic, i);
		if (is_about(single, q->cert, q->issuer))
			q->single = single;
	}
	return q->single != NULL;
}

/* By the issuer itself, or by a certificate that it made for that. */
static bool
is_signed(const struct inquiry *q)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	bool good = store != NULL && others != NULL && X509_STORE_add_cert(store, q->issuer) == 1 &&
	    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 && sk_X509_push(others, q->issuer) > 0 &&
	    OCSP_basic_verify(q->basic, others, store, 0) == 1;
	sk_X509_free(others);
	X509_STORE_free(store);
	return good;
}

static bool
seconds_of(const ASN1_GENERALIZEDTIME *at, int64_t *ret)
{
	struct tm tm;
	if (at == NULL || ASN1_TIME_to_tm(at, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

/* NULL where the response is one that clients take, else what is wrong. */
static const char *
examine(struct inquiry *q, int64_t *ret_ends)
{
	ASN1_GENERALIZEDTIME *begin, *end;
	int64_t begins;
	int reason;
	if (q->issuer == NULL)
		return "the certificate's issuer is not in the chain behind it, and nobody else could tell whether this is its response";
	if (OCSP_response_status(q->response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return OCSP_response_status_str(OCSP_response_status(q->response));
	q->basic = OCSP_response_get1_basic(q->response);
	if (q->basic == NULL || !find_single(q))
		return "it is about another certificate: fetch one for the new";
	if (!is_signed(q))
		return "it is not signed by the certificate's issuer";
	int status = OCSP_single_get0_status(q->single, &reason, NULL, &begin, &end);
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return status == V_OCSP_CERTSTATUS_REVOKED ? "the authority says that the certificate is revoked" :
		    "the authority does not know the certificate";
	if (!seconds_of(begin, &begins) || begins > time(NULL) + SKEW_S)
		return "it does not hold yet";
	return seconds_of(end, ret_ends) ? NULL : "it does not say until when it holds";
}

static void
inquiry_done(struct inquiry *q)
{
	OCSP_BASICRESP_free(q->basic);
	OCSP_RESPONSE_free(q->response);
	ERR_clear_error();
}

/* RFC 6066 8: only to a client that asks. OpenSSL frees what it is given. */
static int
give(SSL *ssl, void *arg)
{
	const struct tls_staple *s = arg;
	if (s->ends <= time(NULL))
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *copy = OPENSSL_memdup(s->der, s->n);
	if (copy == NULL || SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->n) != 1) {
		OPENSSL_free(copy);
		return SSL_TLSEXT_ERR_NOACK;
	}
	return SSL_TLSEXT_ERR_OK;
}

int
tls_staple_load(SSL_CTX *ctx, const char *file, struct tls_staple **ret, struct why *why)
{
	char *der;
	size_t n;
	int64_t ends = 0;
	int err = fs_slurp(file, RESPONSE_MAX, &der, &n);
	if (err != 0)
		return why_set(why, ERR_INVAL, "%s: %s", file, err == ERR_LIMIT ? "too large for an OCSP response" : strerror(errno));
	const unsigned char *p = (const unsigned char *)der;
	struct inquiry q = { .cert = SSL_CTX_get0_certificate(ctx), .response = d2i_OCSP_RESPONSE(NULL, &p, (long)n) };
	q.issuer = find_issuer(ctx, q.cert);
	const char *wrong = q.response == NULL ? "no OCSP response in DER" : examine(&q, &ends);
	inquiry_done(&q);
	if (wrong != NULL) {
		mem_free(der);
		return why_set(why, ERR_INVAL, "%s: %s", file, wrong);
	}
	struct tls_staple *s = MEM_NEW(struct tls_staple);
	*s = (struct tls_staple){ (unsigned char *)der, n, ends };
	SSL_CTX_set_tlsext_status_cb(ctx, give);
	SSL_CTX_set_tlsext_status_arg(ctx, s);
	*ret = s;
	return 0;
}

void
tls_staple_destroy(struct tls_staple **staple)
{
	struct tls_staple *s = *staple;
	*staple = NULL;
	if (s == NULL)
		return;
	mem_free(s->der);
	mem_free(s);
}

int64_t
tls_staple_ends(const struct tls_staple *s)
{
	return s->ends;
}
