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
#include "security/tls_context.h"
#include "security/tls_tickets.h"

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
make_cert_of(EVP_PKEY *key, const char *cn, const struct pair *issuer, const char *ou)
{
	struct pair p = { key, X509_new() };
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

static struct pair
make_cert(const char *cn, const struct pair *issuer, const char *ou)
{
	return make_cert_of(EVP_EC_gen("P-256"), cn, issuer, ou);
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
make_resuming(const char *keystore, enum tls_client_cert cert, enum tls_resume resume, struct tls_context **ret)
{
	struct why why;
	struct tls_config f = { .keystore = at(keystore), .truststore = at("ca.pem"), .client_cert = cert,
		.resume = resume, .tls12 = true, .tls13 = true };
	return tls_context_create(&f, ret, &why);
}

static int
make_context(enum tls_client_cert cert, struct tls_context **ret)
{
	return make_resuming("server.pem", cert, TLS_RESUME_AUTO, ret);
}

static void
start(enum tls_client_cert cert)
{
	memset(&echo, 0, sizeof(echo));
	echo.limits = conn_limits_default;
	assert_ok(make_context(cert, &context));
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

static void
make_peer(struct peer *p, int version, const struct pair *cert)
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
}

static bool
try_connect(struct peer *p, int version, const struct pair *cert)
{
	make_peer(p, version, cert);
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
	assert_ok(make_context(TLS_CERT_NONE, &next));
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

/* ---- tickets ---- */

/* New connections are made by another one. */
static void
serve_by(struct tls_context *next)
{
	tls_context_unref(&context);
	context = next; /* between two accepts: the test's loop reads it there only */
}

static void
start_resuming(void)
{
	struct tls_context *c;
	start(TLS_CERT_NONE);
	assert_ok(make_resuming("server.pem", TLS_CERT_NONE, TLS_RESUME_ALWAYS, &c));
	serve_by(c);
}

/* A connection that offers *session, and the session that it ends with in its place (NULL: of no
 * use for a next one). Whether it was resumed. */
static bool
resumed(int version, const char *server_name, SSL_SESSION **session)
{
	struct peer p;
	make_peer(&p, version, NULL);
	if (server_name != NULL)
		SSL_set_tlsext_host_name(p.ssl, server_name);
	if (*session != NULL)
		SSL_set_session(p.ssl, *session);
	SSL_SESSION_free(*session);
	assert_int_equal(SSL_connect(p.ssl), 1);
	assert_true(exchange(&p, (const uint8_t *)"hi", 2)); /* under 1.3 a ticket comes behind the handshake */
	bool reused = SSL_session_reused(p.ssl);
	*session = SSL_get1_session(p.ssl);
	if (!SSL_SESSION_has_ticket(*session)) {
		SSL_SESSION_free(*session);
		*session = NULL;
	}
	SSL_shutdown(p.ssl); /* OpenSSL resumes nothing that broke */
	hang_up(&p);
	return reused;
}

static SSL_SESSION *
first_session(int version, const char *server_name)
{
	SSL_SESSION *session = NULL;
	assert_false(resumed(version, server_name, &session));
	assert_non_null(session);
	return session;
}

/* Whether it is taken, where it is offered now. */
static bool
taken(SSL_SESSION *session, int version)
{
	bool is = resumed(version, NULL, &session);
	SSL_SESSION_free(session);
	return is;
}

static void
a_session_is_resumed_by_its_ticket(void **state)
{
	(void)state;
	start_resuming();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		SSL_SESSION *session = first_session(v, "a.example");
		for (int i = 0; i < 5; i++) {
			assert_true(resumed(v, "a.example", &session));
			assert_non_null(session);
			assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
			assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(session), 1, TLS_TICKET_S);
		}
		SSL_SESSION_free(session);
	}
	assert_int_equal(SSL_CTX_sess_number(tls_context_ssl(context)), 0); /* nothing is kept here */
	stop();
}

static void
a_ticket_is_of_no_use_in_another_context(void **state)
{
	struct tls_context *other;
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		start_resuming();
		SSL_SESSION *session = first_session(v, NULL);
		assert_ok(make_resuming("server.pem", TLS_CERT_NONE, TLS_RESUME_ALWAYS, &other));
		serve_by(other);
		assert_false(resumed(v, NULL, &session));
		assert_true(taken(session, v));
		stop();
	}
}

static void
a_ticket_is_for_one_server_name(void **state)
{
	static const char *const names[] = { "a.example", "b.example", "a.exampl", NULL };
	(void)state;
	start_resuming();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++)
		for (int from = 0; from < 4; from++)
			for (int to = 0; to < 4; to++) {
				SSL_SESSION *session = first_session(v, names[from]);
				assert_int_equal(resumed(v, names[to], &session), from == to);
				SSL_SESSION_free(session);
			}
	stop();
}

/* CVE-2025-23419: who was let in without a certificate, or by another listener's rules, resumed. */
static void
no_ticket_where_certificates_are_asked_for(void **state)
{
	static const enum tls_client_cert kinds[] = { TLS_CERT_REQUESTED, TLS_CERT_REQUIRED };
	struct tls_context *strict;
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++)
		for (int i = 0; i < 2; i++) {
			struct peer p;
			start_resuming();
			SSL_SESSION *session = first_session(v, NULL);
			assert_ok(make_resuming("server.pem", kinds[i], TLS_RESUME_ALWAYS, &strict));
			serve_by(strict);
			make_peer(&p, v, NULL);
			SSL_set_session(p.ssl, session);
			bool served = SSL_connect(p.ssl) == 1 && exchange(&p, (const uint8_t *)"hi", 2);
			assert_int_equal(served, kinds[i] == TLS_CERT_REQUESTED);
			assert_false(served && SSL_session_reused(p.ssl));
			hang_up(&p);
			assert_true(try_connect(&p, v, &client));
			assert_true(exchange(&p, (const uint8_t *)"hi", 2));
			assert_false(SSL_SESSION_has_ticket(SSL_get0_session(p.ssl)));
			hang_up(&p);
			SSL_SESSION_free(session);
			stop();
		}
}

static void
keys_of_tickets_are_replaced(void **state)
{
	const uint64_t key_ns = TLS_TICKET_KEY_S * NS_PER_SEC, ticket_ns = TLS_TICKET_S * NS_PER_SEC;
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		start_resuming();
		uint64_t now = clock_mono_ns() + NS_PER_SEC;
		SSL_SESSION *old[3];
		for (int i = 0; i < 3; i++)
			old[i] = first_session(v, NULL);
		tls_context_tick(context, echo.rcu, now + key_ns - 60 * NS_PER_SEC);
		assert_true(taken(old[0], v));
		tls_context_tick(context, echo.rcu, now + key_ns);
		SSL_SESSION *young = first_session(v, NULL);
		assert_true(taken(old[1], v));
		tls_context_tick(context, echo.rcu, now + key_ns + ticket_ns);
		assert_false(taken(old[2], v));
		assert_true(resumed(v, NULL, &young));
		/* A clock that was not looked at for long: nothing is as old as it may be. */
		tls_context_tick(context, echo.rcu, now + 4 * key_ns);
		assert_false(taken(young, v));
		stop();
	}
}

static void
a_retired_context_takes_no_tickets(void **state)
{
	(void)state;
	start_resuming();
	SSL_SESSION *session = first_session(TLS1_3_VERSION, NULL);
	tls_context_retire(context, echo.rcu, clock_mono_ns());
	assert_false(taken(session, TLS1_3_VERSION));
	stop();
}

/* A full handshake, and no error. */
static void
a_damaged_ticket_is_no_ticket(void **state)
{
	(void)state;
	start_resuming();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++)
		for (size_t i = 0;; i += 7) {
			const unsigned char *ticket;
			size_t n;
			SSL_SESSION *session = first_session(v, NULL);
			SSL_SESSION_get0_ticket(session, &ticket, &n);
			if (i < n)
				((unsigned char *)(uintptr_t)ticket)[i] ^= 1;
			assert_int_equal(taken(session, v), i >= n);
			if (i >= n)
				break;
		}
	stop();
}

static void
tickets_are_given_where_they_pay(void **state)
{
	static const struct {
		const char *keystore;
		enum tls_resume resume;
		bool gives;
	} rows[] = {
		{ "server.pem", TLS_RESUME_AUTO, false }, { "server.pem", TLS_RESUME_ALWAYS, true },
		{ "rsa.pem", TLS_RESUME_AUTO, true }, { "rsa.pem", TLS_RESUME_NEVER, false },
		{ "p384.pem", TLS_RESUME_AUTO, true },
	};
	(void)state;
	struct pair rsa = make_cert_of(EVP_RSA_gen(2048), "server", &ca, NULL);
	struct pair p384 = make_cert_of(EVP_EC_gen("P-384"), "server", &ca, NULL);
	write_pem("rsa.pem", &rsa, true);
	write_pem("p384.pem", &p384, true);
	start(TLS_CERT_NONE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
			struct tls_context *c;
			SSL_SESSION *session = NULL;
			assert_ok(make_resuming(rows[i].keystore, TLS_CERT_NONE, rows[i].resume, &c));
			serve_by(c);
			assert_false(resumed(v, NULL, &session));
			assert_int_equal(session != NULL, rows[i].gives);
			SSL_SESSION_free(session);
		}
	stop();
	pair_free(&rsa);
	pair_free(&p384);
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
	struct tls_ends ends;
	tls_context_ends(c, &ends);
	assert_true(ends.certificate > 0 && ends.crl == 0 && ends.staple == 0);
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
		T(a_session_is_resumed_by_its_ticket), T(a_ticket_is_of_no_use_in_another_context),
		T(a_ticket_is_for_one_server_name), T(no_ticket_where_certificates_are_asked_for),
		T(keys_of_tickets_are_replaced), T(a_retired_context_takes_no_tickets),
		T(a_damaged_ticket_is_no_ticket), T(tickets_are_given_where_they_pay),
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
