/* SPDX-License-Identifier: Apache-2.0
 *
 * X.509 by OpenSSL's builder functions; names go in as typed objects, never
 * through its configuration strings. Any failure of OpenSSL is ERR_INVAL with
 * its own reason: there is nothing to retry. */
#include "broker/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

static int
failed(struct why *why, const char *what)
{
	char text[160];
	unsigned long code = ERR_get_error();
	ERR_clear_error();
	if (code == 0)
		return why_set(why, ERR_INVAL, "%s", what);
	ERR_error_string_n(code, text, sizeof(text));
	return why_set(why, ERR_INVAL, "%s: %s", what, text);
}

/* The 4 or 16 bytes of an address in text, or 0. */
static size_t
address_bytes(const char *s, uint8_t out[16])
{
	if (inet_pton(AF_INET, s, out) == 1)
		return 4;
	return inet_pton(AF_INET6, s, out) == 1 ? 16 : 0;
}

static bool
is_host_name(const char *s)
{
	static const char set[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	size_t n = strlen(s);
	return n > 0 && n < 254 && strspn(s, set) == n && s[0] != '.' && s[0] != '-';
}

int
pki_names_add(struct pki_names *names, struct str name)
{
	uint8_t bytes[16];
	char *copy = str_dup(name);
	int err = 0;
	if (copy == NULL || strlen(copy) != name.n ||
	    (address_bytes(copy, bytes) == 0 && !is_host_name(copy)))
		err = ERR_INVAL;
	bool there = false;
	for (size_t i = 0; err == 0 && i < names->n; i++)
		there |= strcasecmp(names->v[i], copy) == 0;
	if (err == 0 && !there && names->n == PKI_NAMES_MAX)
		err = ERR_LIMIT;
	if (err == 0 && !there)
		names->v[names->n++] = copy;
	else
		mem_free(copy);
	return err;
}

void
pki_names_add_local(struct pki_names *names)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "::1" };
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		(void)pki_names_add(names, str_from(local[i])); /* full: they are a courtesy */
}

void
pki_names_free(struct pki_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->v[i]);
	names->n = 0;
}

static bool
set_serial(X509 *cert)
{
	BIGNUM *bn = BN_new();
	bool ok = bn != NULL && BN_rand(bn, 126, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
	BN_free(bn);
	return ok;
}

static bool
set_subject(X509 *cert, const char *common_name)
{
	char cn[65]; /* the longest that X.520 allows */
	size_t n = strlen(common_name) < 64 ? strlen(common_name) : 64;
	memcpy(cn, common_name, n);
	cn[n] = '\0';
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0) == 1;
}

/* Valid from an hour ago, for clients whose clocks are behind. */
static bool
set_times(X509 *cert, int64_t now, int days)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(now - 3600)) != NULL &&
	    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(now + (int64_t)days * 86400)) != NULL;
}

/* A constant extension, in OpenSSL's notation. */
static bool
add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool
add_general_name(GENERAL_NAMES *list, int type, const void *p, size_t n)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	if (name == NULL || value == NULL || ASN1_STRING_set(value, p, (int)n) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(list, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

/* An IPv6 address as an address, and once more as a name in brackets: librdkafka looks for
 * what stands in front of the port, and takes what has brackets for a host name. */
static bool
add_one_name(GENERAL_NAMES *list, const char *text)
{
	char bracketed[INET6_ADDRSTRLEN + 2];
	uint8_t bytes[16];
	size_t n = address_bytes(text, bytes);
	if (n == 0)
		return add_general_name(list, GEN_DNS, text, strlen(text));
	if (!add_general_name(list, GEN_IPADD, bytes, n))
		return false;
	snprintf(bracketed, sizeof(bracketed), "[%s]", text);
	return n == 4 || add_general_name(list, GEN_DNS, bracketed, strlen(bracketed));
}

static bool
add_names(X509 *cert, const struct pki_names *names)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < names->n; i++)
		ok = add_one_name(list, names->v[i]);
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return ok;
}

static bool
write_key(EVP_PKEY *key, BIO *out)
{
	return PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;
}

static int
take_bio(BIO *bio, struct buf *ret)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	return n > 0 ? buf_add(ret, p, (size_t)n) : ERR_NOMEM;
}

/* What both kinds of certificate have in common, unsigned. */
static X509 *
new_cert(EVP_PKEY *key, const char *common_name, int64_t now, int days)
{
	X509 *cert = X509_new();
	if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	    set_subject(cert, common_name) && set_times(cert, now, days) &&
	    X509_set_pubkey(cert, key) == 1)
		return cert;
	X509_free(cert);
	return NULL;
}

static bool
finish_ca(X509 *cert, EVP_PKEY *key)
{
	return X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
	    add_ext(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_ext(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_ext(cert, cert, NID_subject_key_identifier, "hash") &&
	    X509_sign(cert, key, EVP_sha256()) > 0;
}

int
pki_make_ca(const char *common_name, int64_t now, struct buf *ret_key, struct buf *ret_cert,
    struct why *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key != NULL ? new_cert(key, common_name, now, PKI_CA_DAYS) : NULL;
	BIO *key_out = BIO_new(BIO_s_secmem()), *cert_out = BIO_new(BIO_s_mem());
	int err = 0;
	if (cert == NULL || key_out == NULL || cert_out == NULL || !finish_ca(cert, key) ||
	    !write_key(key, key_out) || PEM_write_bio_X509(cert_out, cert) != 1)
		err = failed(why, "the authority could not be made");
	if (err == 0)
		err = take_bio(key_out, ret_key);
	if (err == 0)
		err = take_bio(cert_out, ret_cert);
	BIO_free(key_out);
	BIO_free(cert_out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

static bool
finish_server(X509 *cert, X509 *ca, EVP_PKEY *ca_key, const struct pki_names *names)
{
	return X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
	    add_ext(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_ext(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	    add_ext(cert, ca, NID_ext_key_usage, "serverAuth") &&
	    add_ext(cert, ca, NID_subject_key_identifier, "hash") &&
	    add_ext(cert, ca, NID_authority_key_identifier, "keyid:always") &&
	    add_names(cert, names) && X509_sign(cert, ca_key, EVP_sha256()) > 0;
}

static X509 *
read_cert(struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	BIO_free(in);
	return cert;
}

static EVP_PKEY *
read_key(struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	BIO_free(in);
	return key;
}

static int
sign_server(X509 *ca, EVP_PKEY *ca_key, const struct pki_names *names, int64_t now,
    struct buf *ret, struct why *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key != NULL ? new_cert(key, names->v[0], now, PKI_SERVER_DAYS) : NULL;
	BIO *out = BIO_new(BIO_s_secmem());
	int err = 0;
	if (cert == NULL || out == NULL || !finish_server(cert, ca, ca_key, names) ||
	    !write_key(key, out) || PEM_write_bio_X509(out, cert) != 1)
		err = failed(why, "the server certificate could not be made");
	if (err == 0)
		err = take_bio(out, ret);
	BIO_free(out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

int
pki_make_server(struct str ca_key, struct str ca_cert, const struct pki_names *names,
    int64_t now, struct buf *ret, struct why *why)
{
	X509 *ca = read_cert(ca_cert);
	EVP_PKEY *key = read_key(ca_key);
	int err;
	if (names->n == 0)
		err = why_set(why, ERR_INVAL, "a server certificate needs a name");
	else if (ca == NULL)
		err = failed(why, "no certificate of an authority");
	else if (key == NULL)
		err = failed(why, "no private key of an authority");
	else if (X509_check_private_key(ca, key) != 1)
		err = failed(why, "key and certificate of the authority do not belong together");
	else
		err = sign_server(ca, key, names, now, ret, why);
	X509_free(ca);
	EVP_PKEY_free(key);
	return err;
}

static int
add_general(struct pki_names *ret, const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	struct str raw;
	if (type != GEN_DNS && type != GEN_IPADD)
		return 0;
	raw = (struct str){ (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	if (type == GEN_DNS && raw.n > 2 && raw.p[0] == '[' && raw.p[raw.n - 1] == ']')
		raw = (struct str){ raw.p + 1, raw.n - 2 }; /* an address, there already */
	if (type == GEN_DNS)
		return pki_names_add(ret, raw);
	if (raw.n != 4 && raw.n != 16)
		return ERR_INVAL;
	if (inet_ntop(raw.n == 4 ? AF_INET : AF_INET6, raw.p, text, sizeof(text)) == NULL)
		return ERR_INVAL;
	return pki_names_add(ret, str_from(text));
}

int
pki_names_of(struct str pem, struct pki_names *ret, struct why *why)
{
	X509 *cert = read_cert(pem);
	int err = 0;
	if (cert == NULL)
		return failed(why, "no certificate");
	GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; list != NULL && err == 0 && i < sk_GENERAL_NAME_num(list); i++)
		err = add_general(ret, sk_GENERAL_NAME_value(list, i));
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	X509_free(cert);
	return err == 0 ? 0 : why_set(why, err, "the certificate has a name that cannot be kept");
}
