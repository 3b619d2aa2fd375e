/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "broker/pki.h"

#define NOW INT64_C(1790000000)

static X509 *
parse(const struct buf *pem)
{
	BIO *in = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	BIO_free(in);
	assert_non_null(cert);
	return cert;
}

static int
verify(X509 *ca, X509 *cert, const char *host, const char *ip, int64_t when)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, ca);
	X509_STORE_CTX_init(ctx, store, cert, NULL);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_time(param, (time_t)when);
	if (host != NULL)
		X509_VERIFY_PARAM_set1_host(param, host, 0);
	if (ip != NULL)
		X509_VERIFY_PARAM_set1_ip_asc(param, ip);
	int ok = X509_verify_cert(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ok;
}

struct made {
	struct buf ca_key, ca_cert, server;
	struct pki_names names;
};

static void
make(struct made *m)
{
	struct why why = { "" };
	buf_init(&m->ca_key, 1 << 16);
	buf_init(&m->ca_cert, 1 << 16);
	buf_init(&m->server, 1 << 16);
	m->names.n = 0;
	assert_ok(pki_names_add(&m->names, STR("kafka.example.org")));
	assert_ok(pki_names_add(&m->names, STR("10.1.2.3")));
	pki_names_add_local(&m->names);
	pki_names_add_local(&m->names);
	assert_int_equal(m->names.n, 5);
	assert_ok(pki_make_ca("Schloss test", NOW, &m->ca_key, &m->ca_cert, &why));
	assert_ok(pki_make_server(buf_str(&m->ca_key), buf_str(&m->ca_cert), &m->names, NOW,
	    &m->server, &why));
}

static void
unmake(struct made *m)
{
	buf_free_secret(&m->ca_key);
	buf_free(&m->ca_cert);
	buf_free_secret(&m->server);
	pki_names_free(&m->names);
}

static void
chain_is_good(void **state)
{
	struct made m;
	(void)state;
	make(&m);
	X509 *ca = parse(&m.ca_cert), *cert = parse(&m.server);
	int64_t year = 365 * INT64_C(86400);
	assert_int_equal(verify(ca, cert, "kafka.example.org", NULL, NOW), 1);
	assert_int_equal(verify(ca, cert, "localhost", NULL, NOW - 60), 1);
	assert_int_equal(verify(ca, cert, NULL, "10.1.2.3", NOW + year), 1);
	assert_int_equal(verify(ca, cert, NULL, "::1", NOW), 1);
	assert_int_equal(verify(ca, cert, "[::1]", NULL, NOW), 1); /* as librdkafka asks for it */
	assert_int_equal(verify(ca, cert, "[::2]", NULL, NOW), 0);
	assert_int_equal(verify(ca, cert, "[10.1.2.3]", NULL, NOW), 0);
	assert_int_equal(verify(ca, cert, "other.example.org", NULL, NOW), 0);
	assert_int_equal(verify(ca, cert, NULL, "10.1.2.4", NOW), 0);
	assert_int_equal(verify(ca, cert, "localhost", NULL, NOW + 3 * year), 0);
	assert_int_equal(verify(ca, cert, "localhost", NULL, NOW - 2 * 86400), 0);
	assert_int_equal(X509_check_ca(ca), 1);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_get_pathlen(ca), 0);
	X509_free(ca);
	X509_free(cert);
	unmake(&m);
}

/* When the first certificate ends. */
static int64_t
end_of(const struct buf *pem)
{
	X509 *cert = parse(pem);
	struct tm tm;
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm), 1);
	X509_free(cert);
	return (int64_t)timegm(&tm);
}

static void
names_come_back(void **state)
{
	struct made m;
	struct why why;
	struct pki_names back = { .n = 0 };
	(void)state;
	make(&m);
	assert_ok(pki_names_of(buf_str(&m.server), &back, &why));
	assert_int_equal(back.n, 5);
	for (size_t i = 0; i < back.n; i++)
		assert_string_equal(back.v[i], m.names.v[i]);
	assert_int_equal(end_of(&m.server), NOW + PKI_SERVER_DAYS * INT64_C(86400));
	assert_int_equal(end_of(&m.ca_cert), NOW + PKI_CA_DAYS * INT64_C(86400));
	pki_names_free(&back);
	unmake(&m);
}

static void
refusals(void **state)
{
	struct made a, b;
	struct why why = { "" };
	struct pki_names none = { .n = 0 };
	struct buf out;
	(void)state;
	make(&a);
	make(&b);
	buf_init(&out, 1 << 16);
	assert_int_equal(pki_make_server(buf_str(&a.ca_key), buf_str(&b.ca_cert), &a.names, NOW, &out,
	    &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "do not belong together"));
	assert_int_equal(pki_make_server(STR("x"), buf_str(&b.ca_cert), &a.names, NOW, &out, &why),
	    ERR_INVAL);
	assert_int_equal(pki_make_server(buf_str(&a.ca_key), STR("x"), &a.names, NOW, &out, &why),
	    ERR_INVAL);
	assert_int_equal(pki_make_server(buf_str(&a.ca_key), buf_str(&a.ca_cert), &none, NOW, &out,
	    &why), ERR_INVAL);
	assert_int_equal(out.n, 0);
	assert_int_equal(pki_names_add(&none, STR("a b")), ERR_INVAL);
	assert_int_equal(pki_names_add(&none, STR("a,IP:1.2.3.4")), ERR_INVAL);
	assert_int_equal(pki_names_add(&none, STR("")), ERR_INVAL);
	assert_int_equal(pki_names_add(&none, STR("a\0b")), ERR_INVAL);
	assert_int_equal(none.n, 0);
	buf_free(&out);
	unmake(&a);
	unmake(&b);
}

TEST_MAIN(T(chain_is_good), T(names_come_back), T(refusals))
