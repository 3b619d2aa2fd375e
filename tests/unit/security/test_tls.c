/* SPDX-License-Identifier: Apache-2.0 */
/* TLS against OpenSSL's own client over real sockets, with certificates made here. */
#include "../test.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../net/echo.h"
#include "base/err.h"
#include "base/fs.h"
#include "security/tls.h"

static char dir[] = "/tmp/schloss-tls-XXXXXX";
static struct echo echo;
static struct tls_context *context;
static char subject[512];

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static struct pair ca, other_ca, server, client, stranger;

static struct pair
make_cert(const char *cn, const struct pair *issuer, const char *ou)
{
	struct pair p = { EVP_EC_gen("P-256"), X509_new() };
	X509_NAME *name = X509_NAME_new();
	X509_set_version(p.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), rand());
	X509_gmtime_adj(X509_getm_notBefore(p.cert), -100);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), 86400);
	X509_NAME_add_entry_by_txt(name, "C", MBSTRING_UTF8, (const uint8_t *)"DE", -1, -1, 0);
	if (ou != NULL)
		X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_UTF8, (const uint8_t *)ou, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
	X509_set_subject_name(p.cert, name);
	X509_set_issuer_name(p.cert, issuer == NULL ? name : X509_get_subject_name(issuer->cert));
	X509_set_pubkey(p.cert, p.key);
	if (issuer == NULL) {
		X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
		X509_add_ext(p.cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(p.cert, issuer == NULL ? p.key : issuer->key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return p;
}

static void
pair_free(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static const char *
at(const char *name)
{
	static char path[32][128];
	static int turn;
	char *p = path[turn++ % 32];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void
write_pem(const char *name, const struct pair *p, bool with_key)
{
	FILE *f = fopen(at(name), "w");
	if (with_key)
		PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL, NULL);
	PEM_write_X509(f, p->cert);
	fclose(f);
}

static struct transport *
make_transport(void *arg, int fd, struct loop *loop)
{
	(void)arg;
	return tls_create(context, fd, loop_scratch(loop));
}

static int
make_context(enum tls_client_cert cert, bool tls12, bool tls13, struct tls_context **ret)
{
	struct why why;
	struct tls_config f = { .keystore = at("server.pem"), .truststore = at("ca.pem"),
		.client_cert = cert, .tls12 = tls12, .tls13 = tls13 };
	return tls_context_create(&f, ret, &why);
}

static void
start(enum tls_client_cert cert)
{
	memset(&echo, 0, sizeof(echo));
	echo.limits = conn_limits_default;
	assert_ok(make_context(cert, true, true, &context));
	echo_start(&echo, make_transport);
}

static void
stop(void)
{
	echo_stop(&echo);
	tls_context_unref(&context);
}

/* ---- a blocking client ---- */

struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static bool
try_connect(struct peer *p, int version, const struct pair *cert)
{
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(p->ctx, version);
	SSL_CTX_set_max_proto_version(p->ctx, version);
	SSL_CTX_load_verify_file(p->ctx, at("ca.pem"));
	SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	if (cert != NULL) {
		SSL_CTX_use_certificate(p->ctx, cert->cert);
		SSL_CTX_use_PrivateKey(p->ctx, cert->key);
	}
	p->fd = echo_connect(&echo);
	p->ssl = SSL_new(p->ctx);
	SSL_set_fd(p->ssl, p->fd);
	return SSL_connect(p->ssl) == 1;
}

static void
hang_up(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	close(p->fd);
	ERR_clear_error();
}

static bool
exchange(struct peer *p, const uint8_t *frame, size_t n)
{
	uint8_t *got = mem_alloc(n + 4), *out = mem_alloc(n + 4);
	uint32_t be = htonl((uint32_t)n);
	size_t done = 0;
	memcpy(out, &be, 4);
	memcpy(out + 4, frame, n);
	bool fine = SSL_write(p->ssl, out, (int)n + 4) > 0;
	while (fine && done < n + 4) {
		int rc = SSL_read(p->ssl, got + done, (int)(n + 4 - done));
		fine = rc > 0;
		done += fine ? (size_t)rc : 0;
	}
	fine = fine && memcmp(got, out, n + 4) == 0;
	mem_free(got);
	mem_free(out);
	return fine;
}

static void
both_versions_echo(void **state)
{
	static uint8_t big[60000];
	(void)state;
	start(TLS_CERT_NONE);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct peer p;
		assert_true(try_connect(&p, v, NULL));
		assert_true(exchange(&p, (const uint8_t *)"ready", 5));
		for (int i = 0; i < 20; i++)
			assert_true(exchange(&p, big, sizeof(big)));
		assert_int_equal(SSL_session_reused(p.ssl), 0);
		assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(p.ssl)), 0);
		hang_up(&p);
	}
	struct peer old;
	assert_false(try_connect(&old, TLS1_1_VERSION, NULL));
	hang_up(&old);
	stop();
}

static void
large_answers_are_whole(void **state)
{
	static uint8_t got[(1 << 20) + 4];
	(void)state;
	start(TLS_CERT_NONE);
	struct peer p;
	assert_true(try_connect(&p, TLS1_3_VERSION, NULL));
	assert_true(exchange(&p, (const uint8_t *)"ready", 5));
	for (int i = 0; i < 5; i++)
		assert_int_equal(SSL_write(p.ssl, "\0\0\0\3big", 7), 7);
	usleep(100000); /* until the socket is full and the rest waits */
	for (int i = 0; i < 5; i++) {
		for (size_t done = 0; done < sizeof(got);) {
			int rc = SSL_read(p.ssl, got + done, (int)(sizeof(got) - done));
			assert_true(rc > 0);
			done += (size_t)rc;
		}
		assert_memory_equal(got, "\0\x10\0\0", 4);
	}
	hang_up(&p);
	stop();
}

/* More than a turn reads at once: what TLS has received already makes no event, and
 * the last frame of a burst waits for nothing else. */
static void
bursts_are_read_to_their_end(void **state)
{
	enum { FRAME = 262000, BURST = 20, ROUNDS = 40 };
	uint8_t *frame = mem_zalloc(FRAME + 4), got[8];
	uint32_t be = htonl(FRAME);
	struct peer p;
	(void)state;
	memcpy(frame, &be, 4);
	memcpy(frame + 4, "sink", 4);
	start(TLS_CERT_NONE);
	assert_true(try_connect(&p, TLS1_3_VERSION, NULL));
	assert_true(exchange(&p, (const uint8_t *)"ready", 5));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < BURST; i++)
			assert_int_equal(SSL_write(p.ssl, frame, FRAME + 4), FRAME + 4);
		for (int i = 0; i < BURST; i++) {
			assert_int_equal(SSL_read(p.ssl, got, 8), 8);
			assert_memory_equal(got, "\0\0\0\4sunk", 8);
		}
	}
	hang_up(&p);
	stop();
	mem_free(frame);
}

static bool
served(const struct pair *cert, int version)
{
	struct peer p;
	/* Under 1.3 the client learns of a refusal only when it reads. */
	bool fine = try_connect(&p, version, cert) && exchange(&p, (const uint8_t *)"hi", 2);
	hang_up(&p);
	return fine;
}

static void
client_certificates(void **state)
{
	(void)state;
	start(TLS_CERT_REQUIRED);
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		assert_true(served(&client, v));
		assert_false(served(NULL, v));
		assert_false(served(&stranger, v));
	}
	stop();
	start(TLS_CERT_REQUESTED);
	assert_true(served(NULL, TLS1_3_VERSION));
	assert_false(served(&stranger, TLS1_3_VERSION));
	stop();
}

static void
garbage_is_closed(void **state)
{
	static const char *const junk[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\0\0\0\x10\0\x12\0\0\0\0\0\1\0\4junk", "\x16\x03\x01\xff\xff\x01", "\xff\xff\xff\xff\xff\xff" };
	static const size_t size[] = { 27, 18, 6, 6 };
	(void)state;
	start(TLS_CERT_NONE);
	for (int i = 0; i < 4; i++) {
		char c;
		int fd = echo_connect(&echo);
		assert_int_equal(send(fd, junk[i], size[i], MSG_NOSIGNAL), size[i]);
		if (i == 2) /* a record that never ends waits for the deadline */
			shutdown(fd, SHUT_WR);
		while (recv(fd, &c, 1, 0) > 0)
			continue; /* an alert, then the end */
		close(fd);
	}
	assert_true(served(NULL, TLS1_3_VERSION));
	assert_int_equal(atomic_load(&echo.frames), 1);
	stop();
}

static void
renegotiation_is_refused(void **state)
{
	(void)state;
	start(TLS_CERT_NONE);
	struct peer p;
	assert_true(try_connect(&p, TLS1_2_VERSION, NULL));
	assert_true(exchange(&p, (const uint8_t *)"hi", 2));
	SSL_renegotiate(p.ssl);
	assert_true(SSL_do_handshake(p.ssl) != 1 || !SSL_renegotiate_pending(p.ssl));
	ERR_clear_error();
	assert_true(SSL_get_secure_renegotiation_support(p.ssl));
	hang_up(&p);
	stop();
}

static void
endless_key_updates_end(void **state)
{
	(void)state;
	start(TLS_CERT_NONE);
	struct peer p;
	assert_true(try_connect(&p, TLS1_3_VERSION, NULL));
	bool fine = true;
	for (int i = 0; i < 300 && fine; i++)
		fine = SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		    exchange(&p, (const uint8_t *)"k", 1);
	assert_false(fine);
	hang_up(&p);
	/* With no data between them they are handled inside of one read. */
	int n = 0;
	assert_true(try_connect(&p, TLS1_3_VERSION, NULL));
	while (n < 1000000 && SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
	    SSL_do_handshake(p.ssl) == 1)
		n++;
	assert_true(n < 1000000);
	hang_up(&p);
	stop();
}

static void
keys_changed_between_much_data_are_fine(void **state)
{
	static uint8_t big[60000];
	(void)state;
	start(TLS_CERT_NONE);
	struct peer p;
	assert_true(try_connect(&p, TLS1_3_VERSION, NULL));
	for (int i = 0; i < 200; i++) {
		assert_int_equal(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_true(exchange(&p, big, sizeof(big)));
		assert_true(exchange(&p, big, sizeof(big)));
	}
	hang_up(&p);
	stop();
}

static void
reload_serves_the_new_certificate(void **state)
{
	(void)state;
	start(TLS_CERT_NONE);
	struct peer before, after;
	assert_true(try_connect(&before, TLS1_3_VERSION, NULL));
	assert_true(exchange(&before, (const uint8_t *)"hi", 2));
	struct pair fresh = make_cert("fresh", &ca, NULL);
	write_pem("server.pem", &fresh, true);
	struct tls_context *next;
	assert_ok(make_context(TLS_CERT_NONE, true, true, &next));
	struct tls_context *old = context;
	context = next; /* between two accepts: the test's loop reads it there only */
	tls_context_unref(&old);
	assert_true(try_connect(&after, TLS1_3_VERSION, NULL));
	X509 *seen = SSL_get1_peer_certificate(after.ssl);
	assert_int_equal(X509_cmp(seen, fresh.cert), 0);
	X509_free(seen);
	assert_true(exchange(&before, (const uint8_t *)"still", 5));
	hang_up(&before);
	hang_up(&after);
	pair_free(&fresh);
	write_pem("server.pem", &server, true);
	stop();
}

static int
refused(const struct tls_config *f, const char *what)
{
	struct tls_context *c;
	struct why why = { "" };
	int err = tls_context_create(f, &c, &why);
	assert_int_not_equal(err, 0);
	assert_non_null(strstr(why.text, what));
	return err;
}

static void
bad_files_have_reasons(void **state)
{
	(void)state;
	struct tls_config good = { .keystore = at("server.pem"), .tls13 = true }, f = good;
	f.keystore = at("none.pem");
	refused(&f, "none.pem");
	f.keystore = at("ca.pem");
	refused(&f, "no private key");
	write_pem("mixed.pem", &server, false);
	FILE *out = fopen(at("mixed.pem"), "a");
	PEM_write_PrivateKey(out, client.key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
	f.keystore = at("mixed.pem");
	refused(&f, "private key");
	f = good;
	f.client_cert = TLS_CERT_REQUIRED;
	refused(&f, "ssl.truststore.location");
	f = good;
	f.ciphers = "NO-SUCH-CIPHER";
	f.tls12 = true;
	refused(&f, "ssl.cipher.suites");
	f = good;
	f.tls13 = false;
	refused(&f, "no version");
	struct tls_context *c;
	struct why why;
	f = good;
	f.ciphers = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";
	f.tls12 = true;
	assert_ok(tls_context_create(&f, &c, &why));
	assert_true(tls_context_expires(c) > 0);
	tls_context_unref(&c);
}

/* What Java's X500Principal.getName() gives for the same names. */
static void
subjects_are_written_as_java_does(void **state)
{
	(void)state;
	struct pair p = make_cert("a, \"b\" +c<d>;#e\\", NULL, "  Team  ");
	unsigned char *der = NULL;
	int n = i2d_X509(p.cert, &der);
	assert_ok(tls_subject_of_der(der, (size_t)n, subject, sizeof(subject)));
	assert_string_equal(subject, "CN=a\\, \\\"b\\\" \\+c\\<d\\>\\;#e\\\\,OU=\\  Team \\ ,C=DE");
	assert_int_equal(tls_subject_of_der(der, (size_t)n, subject, 10), ERR_LIMIT);
	assert_int_equal(tls_subject_of_der(der, 10, subject, sizeof(subject)), ERR_CORRUPT);
	OPENSSL_free(der);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"svc", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "emailAddress", MBSTRING_ASC, (const uint8_t *)"a@b.c", -1, -1, 0);
	X509_set_subject_name(p.cert, name);
	X509_sign(p.cert, p.key, EVP_sha256());
	der = NULL;
	n = i2d_X509(p.cert, &der);
	assert_ok(tls_subject_of_der(der, (size_t)n, subject, sizeof(subject)));
	assert_string_equal(subject, "1.2.840.113549.1.9.1=#16056140622e63,CN=svc");
	OPENSSL_free(der);
	X509_NAME_free(name);
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(both_versions_echo), T(large_answers_are_whole), T(bursts_are_read_to_their_end),
		T(client_certificates), T(garbage_is_closed), T(renegotiation_is_refused),
		T(endless_key_updates_end), T(keys_changed_between_much_data_are_fine),
		T(reload_serves_the_new_certificate),
		T(bad_files_have_reasons), T(subjects_are_written_as_java_does) };
	if (mkdtemp(dir) == NULL)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	ca = make_cert("ca", NULL, NULL);
	other_ca = make_cert("other", NULL, NULL);
	server = make_cert("server", &ca, NULL);
	client = make_cert("client", &ca, NULL);
	stranger = make_cert("client", &other_ca, NULL);
	write_pem("ca.pem", &ca, false);
	write_pem("server.pem", &server, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	struct pair *all[] = { &ca, &other_ca, &server, &client, &stranger };
	for (int i = 0; i < 5; i++)
		pair_free(all[i]);
	fs_rmtree(dir);
	return failed;
}
