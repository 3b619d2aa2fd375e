/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, certificates and policy of a listener. Immutable once made, but for the keys of
 * tickets: a reload makes another context, and connections that are open keep theirs.
 */
#include "security/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/str.h"
#include "security/tls_hello.h"
#include "security/tls_staple.h"
#include "security/tls_tickets.h"

#define VERIFY_DEPTH	6
#define KEYSTORE_MAX	(1 << 20)

/* Forward secrecy and authenticated encryption only; the shorter key first: it
 * is a fifth cheaper and breaks no sooner. */
static const char default_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char default_tls13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

struct tls_context {
	struct ref ref;
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	struct tls_tickets *tickets;	/* NULL: no resumption */
	struct tls_staple *staple;	/* NULL: none */
	struct tls_ends ends;
};

SSL_CTX *
tls_context_ssl(const struct tls_context *c)
{
	return c->ctx;
}

BIO_METHOD *
tls_context_bio(const struct tls_context *c)
{
	return c->bio;
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	ref_get(&c->ref);
	return c;
}

void
tls_context_unref(struct tls_context **context)
{
	struct tls_context *c = *context;
	*context = NULL;
	if (c == NULL || !ref_put(&c->ref))
		return;
	SSL_CTX_free(c->ctx);
	tls_staple_destroy(&c->staple);
	tls_tickets_destroy(&c->tickets);
	BIO_meth_free(c->bio);
	mem_free(c);
}

void
tls_context_ends(const struct tls_context *c, struct tls_ends *ret)
{
	*ret = c->ends;
}

void
tls_context_tick(struct tls_context *c, struct rcu *rcu, uint64_t now_ns)
{
	if (c->tickets != NULL)
		tls_tickets_tick(c->tickets, rcu, now_ns);
}

void
tls_context_retire(struct tls_context *c, struct rcu *rcu, uint64_t now_ns)
{
	if (c->tickets != NULL)
		tls_tickets_forget(c->tickets, rcu, now_ns);
}

/* The reason that OpenSSL gives, behind what was attempted. */
static int
refuse(struct why *why, const char *what, const char *file)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
	int err;
	if (file != NULL && access(file, R_OK) != 0)
		err = why_set(why, ERR_INVAL, "%s: %s", file, strerror(errno));
	else
		err = why_set(why, ERR_INVAL, "%s%s%s: %s", file == NULL ? "" : file,
		    file == NULL ? "" : ": ", what, text == NULL ? "not usable" : text);
	ERR_clear_error();
	return err;
}

static int
password(char *out, int size, int writing, void *arg)
{
	const char *given = arg;
	(void)writing;
	if (given == NULL || strlen(given) >= (size_t)size)
		return -1;
	memcpy(out, given, strlen(given));
	return (int)strlen(given);
}

/* The certificate, which is the first one, and those behind it. */
static bool
use_chain(SSL_CTX *ctx, struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
	bool good = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;
	X509_free(cert);
	while (good && (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			good = false;
		}
	BIO_free(in);
	good = good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; /* the end */
	if (good)
		ERR_clear_error();
	return good;
}

/* By the functions of OpenSSL that overwrite what they have used, but for the last line of text. */
static EVP_PKEY *
read_key(BIO *in, const struct tls_config *f)
{
	void *secret = (void *)(uintptr_t)f->key_password;
	unsigned char *der = NULL;
	char *name = NULL;
	long n = 0;
	EVP_PKEY *key = NULL;
	if (PEM_bytes_read_bio_secmem(&der, &n, &name, PEM_STRING_EVP_PKEY, in, password, secret) != 1)
		return NULL;
	const unsigned char *p = der;
	if (strcmp(name, PEM_STRING_PKCS8) == 0) {
		BIO *sealed = BIO_new_mem_buf(der, (int)n);
		key = d2i_PKCS8PrivateKey_bio(sealed, NULL, password, secret);
		BIO_free(sealed);
	} else {
		key = d2i_AutoPrivateKey(NULL, &p, n);
	}
	OPENSSL_secure_clear_free(der, (size_t)n);
	OPENSSL_secure_free(name);
	return key;
}

/* The key, which is overwritten in pem: what reads on in there must not copy it. */
static bool
use_key(SSL_CTX *ctx, const struct tls_config *f, char *pem, size_t n)
{
	static const char end[] = "PRIVATE KEY-----";
	char *mark = memmem(pem, n, end, sizeof(end) - 1), *begin = mark, *stop = NULL;
	while (begin != NULL && begin > pem && begin[-1] != '\n')
		begin--;
	if (mark != NULL)
		stop = memmem(mark + 1, n - (size_t)(mark + 1 - pem), end, sizeof(end) - 1);
	if (stop == NULL)
		return false;
	size_t length = (size_t)(stop - begin) + sizeof(end) - 1;
	BIO *in = BIO_new_mem_buf(begin, (int)length);
	EVP_PKEY *key = read_key(in, f);
	bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(in);
	mem_cleanse(begin, length);
	memset(begin, '\n', length);
	return good;
}

/* The file is read once, and nothing of its text stays in memory. */
static int
load_keys(SSL_CTX *ctx, const struct tls_config *f, int64_t *ret_ends, struct why *why)
{
	struct tm tm;
	char *pem;
	size_t n;
	if (fs_slurp(f->keystore, KEYSTORE_MAX, &pem, &n) != 0)
		return refuse(why, "no certificate in PEM", f->keystore);
	bool key = use_key(ctx, f, pem, n);
	bool chain = use_chain(ctx, (struct str){ pem, n });
	mem_cleanse(pem, n);
	mem_free(pem);
	if (!chain)
		return refuse(why, "no certificate in PEM", f->keystore);
	if (!key)
		return refuse(why, "no private key in PEM (or its password is wrong)", f->keystore);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(why, "the private key is not the certificate's", f->keystore);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &tm) != 1)
		return refuse(why, "the certificate has no end", f->keystore);
	*ret_ends = timegm(&tm);
	return 0;
}

/* Every certificate of a chain must then be of an authority that has a list here, which is not over: where one is
 * missing nobody can say that the certificate was not revoked. */
static int
load_crls(SSL_CTX *ctx, const struct tls_config *f, int64_t *ret_ends, struct why *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *in = BIO_new_file(f->crl, "r");
	X509_CRL *crl;
	struct tm tm;
	int n = 0;
	while (in != NULL && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
		const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
		int64_t ends = end != NULL && ASN1_TIME_to_tm(end, &tm) == 1 ? timegm(&tm) : INT64_MAX;
		if (n == 0 || ends < *ret_ends)
			*ret_ends = ends;
		n += X509_STORE_add_crl(store, crl);
		X509_CRL_free(crl);
	}
	BIO_free(in);
	bool whole = n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; /* its end */
	if (!whole)
		return refuse(why, "no certificate revocation lists in PEM", f->crl);
	ERR_clear_error();
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

static int
load_clients(SSL_CTX *ctx, const struct tls_config *f, int64_t *ret_crl_ends, struct why *why)
{
	int mode = SSL_VERIFY_PEER;
	if (f->client_cert == TLS_CERT_NONE)
		return 0;
	if (f->truststore == NULL || f->truststore[0] == '\0')
		return why_set(why, ERR_INVAL, "client certificates need ssl.truststore.location");
	if (SSL_CTX_load_verify_file(ctx, f->truststore) != 1)
		return refuse(why, "no certificate authorities in PEM", f->truststore);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(f->truststore);
	if (names == NULL)
		return refuse(why, "no certificate authorities in PEM", f->truststore);
	SSL_CTX_set_client_CA_list(ctx, names);
	if (f->client_cert == TLS_CERT_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set_verify_depth(ctx, VERIFY_DEPTH);
	return f->crl == NULL || f->crl[0] == '\0' ? 0 : load_crls(ctx, f, ret_crl_ends, why);
}

/* Adds a name to its version's list. ERR_LIMIT. */
static int
sort_cipher(const char *name, size_t n, char *v12, char *v13, size_t size)
{
	bool suite = strncmp(name, "TLS_AES", 7) == 0 || strncmp(name, "TLS_CHACHA", 10) == 0;
	char *to = suite ? v13 : v12;
	size_t have = strlen(to);
	if (have + n + 2 > size)
		return ERR_LIMIT;
	snprintf(to + have, size - have, "%s%.*s", have > 0 ? ":" : "", (int)n, name);
	return 0;
}

/* One list of names may hold those of both versions: each setter takes its own. */
static int
set_ciphers(SSL_CTX *ctx, const struct tls_config *f, struct why *why)
{
	char v12[1024] = "", v13[1024] = "";
	const char *at = f->ciphers == NULL ? "" : f->ciphers;
	if (at[0] == '\0') {
		snprintf(v12, sizeof(v12), "%s", default_tls12);
		snprintf(v13, sizeof(v13), "%s", default_tls13);
	}
	while (*at != '\0') {
		size_t n = strcspn(at, ":,");
		if (sort_cipher(at, n, v12, v13, sizeof(v12)) != 0)
			return why_set(why, ERR_LIMIT, "ssl.cipher.suites is too long");
		at += n + (at[n] != '\0');
	}
	if (v12[0] != '\0' ? SSL_CTX_set_cipher_list(ctx, v12) != 1 : f->tls12 && !f->tls13)
		return refuse(why, "ssl.cipher.suites: no such cipher for TLS 1.2", NULL);
	if (v13[0] != '\0' ? SSL_CTX_set_ciphersuites(ctx, v13) != 1 : f->tls13 && !f->tls12)
		return refuse(why, "ssl.cipher.suites: no such suite for TLS 1.3", NULL);
	return 0;
}

static int
configure(SSL_CTX *ctx, const struct tls_config *f, struct tls_ends *ret_ends, struct why *why)
{
	if (!f->tls12 && !f->tls13)
		return why_set(why, ERR_INVAL, "no version of TLS is enabled");
	SSL_CTX_set_min_proto_version(ctx, f->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ctx, f->tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_client_hello_cb(ctx, tls_note_hello, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	int err = load_keys(ctx, f, &ret_ends->certificate, why);
	if (err == 0)
		err = load_clients(ctx, f, &ret_ends->crl, why);
	if (err == 0)
		err = set_ciphers(ctx, f, why);
	return err;
}

/* Whether the server's signature is cheap beside what a ticket costs. */
static bool
signs_quickly(const SSL_CTX *ctx)
{
	char group[32];
	const EVP_PKEY *key = SSL_CTX_get0_privatekey(ctx);
	return EVP_PKEY_is_a(key, "ED25519") ||
	    (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, SN_X9_62_prime256v1) == 0);
}

static int
make_tickets(SSL_CTX *ctx, const struct tls_config *f, struct tls_tickets **ret, struct why *why)
{
	if (f->client_cert != TLS_CERT_NONE || f->resume == TLS_RESUME_NEVER)
		return 0;
	if (f->resume == TLS_RESUME_AUTO && signs_quickly(ctx))
		return 0;
	*ret = tls_tickets_create(ctx);
	return *ret == NULL ? refuse(why, "OpenSSL", NULL) : 0;
}

int
tls_context_create(const struct tls_config *config, struct tls_context **ret, struct why *why)
{
	struct tls_tickets *tickets = NULL;
	struct tls_staple *staple = NULL;
	struct tls_ends ends = { 0 };
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL)
		return refuse(why, "OpenSSL", NULL);
	int err = configure(ctx, config, &ends, why);
	if (err == 0 && config->staple != NULL && config->staple[0] != '\0')
		err = tls_staple_load(ctx, config->staple, &staple, why);
	if (err == 0)
		err = make_tickets(ctx, config, &tickets, why);
	if (err != 0) {
		SSL_CTX_free(ctx);
		tls_staple_destroy(&staple);
		return err;
	}
	struct tls_context *c = MEM_NEW(struct tls_context);
	ref_init(&c->ref);
	c->ctx = ctx;
	c->tickets = tickets;
	c->staple = staple;
	c->ends = ends;
	c->ends.staple = staple == NULL ? 0 : tls_staple_ends(staple);
	c->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 126, "schloss");
	tls_bio_method(c->bio);
	*ret = c;
	return 0;
}
