/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of opening are TCP, TLS with the name checked, ApiVersions, login;
 * the first failure ends it with a reason, and the next bootstrap server is
 * tried only where there was no TCP connection. The socket does not block: what
 * waits, waits in poll(2) until the deadline of its step, which TLS cannot
 * prolong by asking the socket again. */
#include "cli/conn.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/login.h"
#include "wire/header.h"

#define PATIENCE_MS 3000	/* with a broker that was started a moment ago: it refuses until it is ready */
#define AGAIN_MS 50
#define ANSWER_MAX (64 * 1024 * 1024)
#define APIS_MAX 256
#define CLIENT_ID "schlossctl"

enum step { STEP_TCP, STEP_TLS, STEP_VERSIONS, STEP_LOGIN, STEP_CALL };

static const struct {
	int seconds;
	const char *what, *perhaps;	/* of a message; what: NULL is the request's name */
} steps[] = {
	[STEP_TCP] = { 10, "the TCP connection", "the host is down, or a firewall drops what is sent there" },
	[STEP_TLS] = { 10, "the TLS handshake", "the broker hangs, or something else listens there" },
	[STEP_VERSIONS] = { 10, "ApiVersions", "the broker hangs, or something else listens there" },
	[STEP_LOGIN] = { 20, "the login", "the broker hangs" }, /* it answers a failure up to ten seconds late */
	[STEP_CALL] = { 60, NULL, "the broker hangs" },
};

struct conn {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	bool encrypted;			/* the private key: its password was asked for */
	enum step step;
	uint64_t deadline;		/* of the step, as clock_mono_ns() */
	char host[256];
	char server[264];		/* with the port: for messages */
	int32_t correlation;
	int16_t highest[APIS_MAX];	/* what the broker has of Kafka's; -1: none */
	const struct props *props;
	struct buf in;
};

/* Where a newer version has a meaning that is of no use to us. */
static int
version_of(const struct conn *conn, const struct wire_api *api)
{
	int version = api->hi;
	if (api->own)
		return version;
	if (api->key == WIRE_KEY_API_VERSIONS)
		return 3;
	if (api->key == WIRE_KEY_OFFSET_FETCH)
		version = 9; /* by topic names */
	if (api->key == WIRE_KEY_FETCH)
		version = 12; /* the same */
	if (api->key >= 0 && api->key < APIS_MAX && conn->highest[api->key] < version)
		version = conn->highest[api->key];
	return version;
}

int
conn_fd(const struct conn *conn)
{
	return conn->fd;
}

void *
conn_tls(const struct conn *conn)
{
	return conn->ssl;
}

const char *
conn_host(const struct conn *conn)
{
	return conn->host;
}

/* What to do about a certificate that is not trusted. */
static const char *
advice_for(long verify)
{
	switch (verify) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "bootstrap.servers there should name the broker as its certificate does (schlossd cert --name adds a name)";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "look at the clocks of both machines; schlossd cert makes a new one";
	default:
		return "ssl.ca.location there should name the file of its authority (ca.pem)";
	}
}

/* What the broker's alert says against our certificate: a reason, or 0 where it says nothing. Under
 * TLS 1.3 it comes when we believe that the handshake is over. */
static int
certificate_refused(const struct conn *conn, struct why *why)
{
	static const struct { int alert; const char *text; } rows[] = {
		{ SSL_AD_UNKNOWN_CA, "its authority is none of those in the listener's ssl.truststore.location" },
		{ SSL_AD_CERTIFICATE_EXPIRED, "it has expired by the broker's clock" },
		{ SSL_AD_CERTIFICATE_REVOKED, "it was revoked" },
		{ SSL_AD_UNSUPPORTED_CERTIFICATE, "it is none for a client (extendedKeyUsage lacks clientAuth)" },
		{ SSL_AD_BAD_CERTIFICATE, "it is damaged, too weak, or not valid yet by the broker's clock" },
		{ SSL_AD_CERTIFICATE_UNKNOWN, "the broker's log says why" },
	};
	const struct props *p = conn->props;
	unsigned long code = ERR_peek_error();
	int alert = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET : -1;
	bool unsaid = alert == SSL_AD_HANDSHAKE_FAILURE && p->cert == NULL; /* TLS 1.2 has no alert for it */
	if (alert == SSL_AD_CERTIFICATE_REQUIRED || unsaid)
		return why_set(why, ERR_DENIED, "%s: %s%s wants a client certificate: ssl.certificate.location and "
		    "ssl.key.location there name it", p->file, unsaid ? "perhaps " : "", conn->server);
	for (size_t i = 0; p->cert != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].alert == alert)
			return why_set(why, ERR_DENIED, "%s: %s refused the certificate of ssl.certificate.location=%s: %s",
			    p->file, conn->server, p->cert, rows[i].text);
	return 0;
}

/* The connection ended where an answer was expected; what: to which request. */
static int
closed(const struct conn *conn, const char *what, struct why *why)
{
	const struct props *p = conn->props;
	int err = certificate_refused(conn, why);
	if (err != 0)
		return err;
	if (!p->sasl && p->tls && p->cert != NULL)
		return why_set(why, ERR_CLOSED, "%s closed the connection at %s: perhaps no user may log in by this "
		    "certificate (schlossctl user create NAME --mechanism TLS; the broker's log says who it takes it for), "
		    "or it wants a login (security.protocol=SASL_SSL)", conn->host, what);
	return why_set(why, ERR_CLOSED, "%s closed the connection at %s%s", conn->host, what,
	    p->sasl ? "" : ": perhaps it wants a login (security.protocol=SASL_SSL)");
}

static int
tls_failed(struct conn *conn, const char *what, struct why *why)
{
	long verify = conn->ssl != NULL ? SSL_get_verify_result(conn->ssl) : X509_V_OK;
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);
	if (verify != X509_V_OK)
		return why_set(why, ERR_DENIED, "%s: the certificate of %s is not trusted: %s; %s", conn->props->file,
		    conn->host, X509_verify_cert_error_string(verify), advice_for(verify));
	int err = certificate_refused(conn, why);
	if (err != 0)
		return err;
	if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER || ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST)
		return why_set(why, ERR_IO, "%s: what listens at that port of %s does not speak TLS: another program, or "
		    "a listener without it (security.protocol=SASL_PLAINTEXT)", conn->props->file, conn->host);
	return why_set(why, ERR_IO, "%s: %s: %s", conn->host, what, text != NULL ? text : "the connection was closed");
}

static void
begin(struct conn *conn, enum step step)
{
	conn->step = step;
	conn->deadline = clock_mono_ns() + (uint64_t)steps[step].seconds * NS_PER_SEC;
}

static int
timed_out(const struct conn *conn, const char *what, struct why *why)
{
	return why_set(why, ERR_TIMEOUT, "no answer to %s from %s within %d s: perhaps %s",
	    steps[conn->step].what != NULL ? steps[conn->step].what : what, conn->server, steps[conn->step].seconds,
	    steps[conn->step].perhaps);
}

/* Until the descriptor is ready: 0, or ERR_TIMEOUT. */
static int
wait_on(const struct conn *conn, int fd, short events)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = clock_mono_ns();
		if (now >= conn->deadline)
			return ERR_TIMEOUT;
		int rc = poll(&p, 1, (int)((conn->deadline - now) / NS_PER_MS) + 1);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return ERR_IO;
	}
}

static int
wait_for(const struct conn *conn, short events)
{
	return wait_on(conn, conn->fd, events);
}

int
conn_wait(const struct conn *conn, int fd, int *ret_seconds)
{
	*ret_seconds = steps[conn->step].seconds;
	return wait_on(conn, fd, POLLIN);
}

/* After a call of OpenSSL's that did not do its work: 0 where it is to be made again. */
static int
wait_for_tls(const struct conn *conn, int rc)
{
	switch (SSL_get_error(conn->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(conn, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(conn, POLLOUT);
	default:
		return ERR_CLOSED;
	}
}

static int
wait_for_plain(const struct conn *conn, ssize_t rc, short events)
{
	return rc < 0 && (errno == EAGAIN || errno == EINTR) ? wait_for(conn, events) : ERR_CLOSED;
}

/* A long answer may take its time, silence may not; before the login nothing is long. */
static void
went_on(struct conn *conn)
{
	if (conn->step == STEP_CALL)
		begin(conn, STEP_CALL);
}

static int
read_some(struct conn *conn, void *p, size_t n)
{
	int err = 0;
	for (size_t done = 0; err == 0 && done < n;) {
		ERR_clear_error();
		ssize_t got = conn->ssl != NULL ? SSL_read(conn->ssl, (char *)p + done, (int)(n - done)) :
		    recv(conn->fd, (char *)p + done, n - done, 0);
		if (got > 0) {
			done += (size_t)got;
			went_on(conn);
		} else
			err = conn->ssl != NULL ? wait_for_tls(conn, (int)got) : wait_for_plain(conn, got, POLLIN);
	}
	return err;
}

static int
write_all(struct conn *conn, const void *p, size_t n)
{
	int err = 0;
	for (size_t done = 0; err == 0 && done < n;) {
		ERR_clear_error();
		ssize_t put = conn->ssl != NULL ? SSL_write(conn->ssl, (const char *)p + done, (int)(n - done)) :
		    send(conn->fd, (const char *)p + done, n - done, MSG_NOSIGNAL);
		if (put > 0) {
			done += (size_t)put;
			went_on(conn);
		} else
			err = conn->ssl != NULL ? wait_for_tls(conn, (int)put) : wait_for_plain(conn, put, POLLOUT);
	}
	return err;
}

static int
send_request(struct conn *conn, struct arena *arena, const struct wire_api *api, int version,
    const void *in)
{
	struct writer w;
	struct pieces out;
	struct buf frame;
	writer_init(&w, arena);
	uint8_t *hole = writer_hole(&w);
	wire_header_encode(&w, api, version, ++conn->correlation, STR(CLIENT_ID));
	int err = wire_encode(api->req, version, &w, 0, in);
	if (err == 0)
		err = writer_finish(&w, &out);
	if (err != 0)
		return err;
	writer_fill(hole, (int32_t)(w.n - 4));
	buf_init(&frame, ANSWER_MAX);
	for (int32_t i = 0; err == 0 && i < out.n; i++)
		err = buf_add(&frame, out.v[i].p, out.v[i].n);
	if (err == 0)
		err = write_all(conn, frame.p, frame.n);
	buf_free_secret(&frame);
	return err;
}

static int
read_answer(struct conn *conn, struct arena *arena, const struct wire_api *api, int version, void *ret)
{
	uint8_t head[4];
	int32_t correlation;
	int err = read_some(conn, head, sizeof(head));
	if (err != 0)
		return err;
	struct reader length = reader_of(head, sizeof(head));
	int32_t n = reader_i32(&length);
	if (n < 4 || n > ANSWER_MAX)
		return ERR_CORRUPT;
	conn->in.n = 0;
	err = buf_reserve(&conn->in, (size_t)n);
	if (err == 0)
		err = read_some(conn, conn->in.p, (size_t)n);
	if (err != 0)
		return err;
	conn->in.n = (size_t)n;
	struct reader r = reader_of(conn->in.p, conn->in.n);
	err = wire_header_answered(&r, api, version, &correlation);
	if (err == 0 && correlation != conn->correlation)
		err = ERR_CORRUPT;
	return err != 0 ? err : wire_decode(api->rsp, version, &r, arena, 0, ret);
}

int
conn_call(struct conn *conn, struct arena *arena, int key, const void *in, void *ret, struct why *why)
{
	const struct wire_api *api = wire_api_find(key);
	int version = version_of(conn, api);
	if (version < api->lo)
		return why_set(why, ERR_UNSUPPORTED, "%s does not know %s: is it a broker of another kind or age?",
		    conn->host, api->name);
	went_on(conn);
	int err = send_request(conn, arena, api, version, in);
	if (err == 0)
		err = read_answer(conn, arena, api, version, ret);
	if (err == ERR_TIMEOUT)
		return timed_out(conn, api->name, why);
	if (err == ERR_CLOSED)
		return closed(conn, api->name, why);
	if (err != 0)
		return why_set(why, err, "%s: %s: %s", conn->host, api->name, err_text(err));
	return 0;
}

int
conn_version(const struct conn *conn, int key)
{
	return version_of(conn, wire_api_find(key));
}

int
conn_sasl_token(struct conn *conn, struct arena *arena, struct str token, struct str *ret,
    struct why *why)
{
	struct sasl_authenticate_req in;
	struct sasl_authenticate_rsp out;
	wire_defaults(&sasl_authenticate_req_msg, &in);
	in.auth_bytes = (struct bytes){ (const uint8_t *)token.p, token.n };
	int err = conn_call(conn, arena, WIRE_KEY_SASL_AUTHENTICATE, &in, &out, why);
	if (err != 0)
		return err;
	if (out.error_code != 0)
		return why_set(why, ERR_DENIED, "no login as %s: %.*s; user name and password stand in %s",
		    conn->props->user != NULL ? conn->props->user : "the ticket's user",
		    STR_ARG(out.error_message), conn->props->file);
	*ret = (struct str){ (const char *)out.auth_bytes.p, out.auth_bytes.n };
	return 0;
}

static int
ask_versions(struct conn *conn, struct why *why)
{
	struct arena *arena = arena_create(1 << 20);
	struct api_versions_req in;
	struct api_versions_rsp out;
	wire_defaults(&api_versions_req_msg, &in);
	in.client_software_name = STR(CLIENT_ID);
	in.client_software_version = STR("1");
	int err = conn_call(conn, arena, WIRE_KEY_API_VERSIONS, &in, &out, why);
	for (int i = 0; i < APIS_MAX; i++)
		conn->highest[i] = -1;
	for (int32_t i = 0; err == 0 && i < out.api_keys.n; i++)
		if (out.api_keys.v[i].api_key >= 0 && out.api_keys.v[i].api_key < APIS_MAX)
			conn->highest[out.api_keys.v[i].api_key] = out.api_keys.v[i].max_version;
	arena_destroy(&arena);
	if (err == ERR_CLOSED && !conn->props->tls)
		why_set(why, err, "%s closed the connection: perhaps it wants TLS (security.protocol=SASL_SSL)",
		    conn->host);
	return err;
}

/* OpenSSL's own would ask at a terminal that nobody looks at, and wait. */
static int
key_password(char *ret, int size, int writing, void *arg)
{
	struct conn *conn = arg;
	const char *password = conn->props->key_password;
	size_t n = password != NULL ? strlen(password) : 0;
	conn->encrypted = true;
	if (password == NULL)
		return isatty(STDIN_FILENO) ? PEM_def_callback(ret, size, writing, NULL) : -1;
	if (n > (size_t)size)
		return -1;
	memcpy(ret, password, n);
	return (int)n;
}

static int
cannot_load(struct conn *conn, const char *option, const char *file, struct why *why)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error()); /* the first is the cause */
	if (access(file, R_OK) != 0)
		reason = strerror(errno);
	ERR_clear_error();
	if (conn->encrypted)
		return why_set(why, ERR_DENIED, conn->props->key_password == NULL ?
		    "%s: %s=%s: the key is encrypted: ssl.key.password there opens it" :
		    "%s: %s=%s: ssl.key.password there does not open the key", conn->props->file, option, file);
	return why_set(why, ERR_IO, "%s: %s=%s: %s", conn->props->file, option, file,
	    reason != NULL ? reason : "this is no PEM file");
}

static int
load_certificates(struct conn *conn, struct why *why)
{
	const struct props *p = conn->props;
	if (p->ca != NULL && SSL_CTX_load_verify_locations(conn->ctx, p->ca, NULL) != 1)
		return cannot_load(conn, "ssl.ca.location", p->ca, why);
	if (p->ca == NULL)
		SSL_CTX_set_default_verify_paths(conn->ctx);
	SSL_CTX_set_default_passwd_cb(conn->ctx, key_password);
	SSL_CTX_set_default_passwd_cb_userdata(conn->ctx, conn);
	if (p->cert != NULL && SSL_CTX_use_certificate_chain_file(conn->ctx, p->cert) != 1)
		return cannot_load(conn, "ssl.certificate.location", p->cert, why);
	const char *key = p->key != NULL ? p->key : p->cert; /* one file may have both */
	if (key != NULL && SSL_CTX_use_PrivateKey_file(conn->ctx, key, SSL_FILETYPE_PEM) != 1)
		return cannot_load(conn, p->key != NULL ? "ssl.key.location" : "ssl.certificate.location", key, why);
	return 0;
}

static bool
expect_host(struct conn *conn)
{
	struct addr a;
	X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);
	bool is_address = addr_parse(str_from(conn->host), &a) == 0;
	if (!is_address)
		SSL_set_tlsext_host_name(conn->ssl, conn->host);
	if (conn->props->any_host)
		return true;
	return is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, conn->host) == 1 :
	    X509_VERIFY_PARAM_set1_host(param, conn->host, 0) == 1;
}

static int
start_tls(struct conn *conn, struct why *why)
{
	conn->ctx = SSL_CTX_new(TLS_client_method());
	if (conn->ctx == NULL)
		return tls_failed(conn, "TLS", why);
	SSL_CTX_set_min_proto_version(conn->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(conn->ctx, SSL_VERIFY_PEER, NULL);
	int err = load_certificates(conn, why);
	if (err != 0)
		return err;
	conn->ssl = SSL_new(conn->ctx);
	if (conn->ssl == NULL || !expect_host(conn) || SSL_set_fd(conn->ssl, conn->fd) != 1)
		return tls_failed(conn, "TLS", why);
	SSL_set_mode(conn->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	begin(conn, STEP_TLS);
	while (err == 0) {
		ERR_clear_error();
		int rc = SSL_connect(conn->ssl);
		if (rc == 1)
			return 0;
		err = wait_for_tls(conn, rc);
	}
	return err == ERR_TIMEOUT ? timed_out(conn, NULL, why) : tls_failed(conn, "TLS", why);
}

/* 0, or what errno says. */
static int
connect_one(struct conn *conn, const struct addrinfo *a)
{
	int failed = 0;
	socklen_t n = sizeof(failed);
	conn->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (conn->fd < 0)
		return errno;
	begin(conn, STEP_TCP);
	if (connect(conn->fd, a->ai_addr, a->ai_addrlen) != 0)
		failed = errno;
	if (failed == EINPROGRESS) {
		failed = ETIMEDOUT;
		if (wait_for(conn, POLLOUT) == 0)
			getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &failed, &n);
	}
	if (failed != 0) {
		close(conn->fd);
		conn->fd = -1;
	}
	return failed;
}

static int
connect_any(struct conn *conn, const struct addrinfo *list)
{
	int failed = EADDRNOTAVAIL;
	for (const struct addrinfo *a = list; a != NULL && conn->fd < 0; a = a->ai_next)
		failed = connect_one(conn, a);
	return failed;
}

/* Splits "HOST:PORT" or "[ADDRESS]:PORT". */
static int
connect_to(struct conn *conn, struct str server, struct why *why)
{
	char port[8];
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	const char *colon = server.n > 0 ? memrchr(server.p, ':', server.n) : NULL;
	size_t tail = colon == NULL ? 0 : (size_t)(server.p + server.n - colon - 1);
	struct str host = { server.p, colon == NULL ? 0 : (size_t)(colon - server.p) };
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = (struct str){ host.p + 1, host.n - 2 };
	if (host.n == 0 || host.n >= sizeof(conn->host) || tail == 0 || tail >= sizeof(port))
		return why_set(why, ERR_INVAL, "\"%.*s\" is not HOST:PORT", STR_ARG(server));
	snprintf(conn->host, sizeof(conn->host), "%.*s", STR_ARG(host));
	snprintf(port, sizeof(port), "%.*s", (int)tail, colon + 1);
	snprintf(conn->server, sizeof(conn->server), "%.*s", STR_ARG(server));
	int rc = getaddrinfo(conn->host, port, &hints, &list);
	if (rc != 0)
		return why_set(why, ERR_NOTFOUND, "%s: %s", conn->host, gai_strerror(rc));
	int failed = connect_any(conn, list);
	freeaddrinfo(list);
	if (failed == ETIMEDOUT)
		return timed_out(conn, NULL, why);
	if (failed != 0)
		return why_set(why, failed == ECONNREFUSED ? ERR_BUSY : ERR_CLOSED, "no connection to %s: %s",
		    conn->server, strerror(failed));
	return 0;
}

/* Of one server alone: what to look at. */
static int
only_server(const struct conn *conn, int err, struct why *why)
{
	struct why text = *why;
	if (err == ERR_INVAL || err == ERR_NOTFOUND)
		why_prefix(why, "%s: bootstrap.servers", conn->props->file);
	else if (err != ERR_TIMEOUT)
		why_set(why, err, "%s; is the broker running there?", text.text);
	return err;
}

/* The first of the servers that takes the connection; ERR_BUSY: one of them refused it. */
static int
connect_first(struct conn *conn, struct conn_misses *misses, struct why *why)
{
	struct str rest = str_from(conn->props->bootstrap), server;
	int err = ERR_INVAL, tried = 0;
	bool refused = false;
	misses->v.n = 0;
	while (conn->fd < 0 && rest.p != NULL) {
		bool alone = !str_cut(&rest, ',', &server) && tried == 0;
		err = connect_to(conn, str_trim(server), why);
		if (alone && err != 0)
			return only_server(conn, err, why);
		if (err != 0)
			*ARRAY_ADD(misses->arena, misses->v) = arena_str(misses->arena, str_from(why->text));
		refused = refused || err == ERR_BUSY;
		tried++;
	}
	return err == 0 ? 0 : why_set(why, refused ? ERR_BUSY : err, "%s: bootstrap.servers: none of the %d takes a "
	    "connection; is the broker running there?", conn->props->file, tried);
}

static int
connect_patiently(struct conn *conn, struct conn_misses *misses, struct why *why)
{
	const struct timespec pause = { .tv_nsec = AGAIN_MS * 1000000L };
	uint64_t end = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
	int err = connect_first(conn, misses, why);
	while (err == ERR_BUSY && clock_mono_ns() < end) { /* others than who refuses may take their time */
		(void)nanosleep(&pause, NULL);
		err = connect_first(conn, misses, why);
	}
	return err;
}

static int
open_steps(struct conn *conn, struct conn_misses *misses, struct why *why)
{
	int err = connect_patiently(conn, misses, why);
	if (err == 0 && conn->props->tls)
		err = start_tls(conn, why);
	if (err != 0)
		return err;
	begin(conn, STEP_VERSIONS);
	err = ask_versions(conn, why);
	if (err == 0 && conn->props->sasl) {
		begin(conn, STEP_LOGIN);
		err = login_run(conn, conn->props, why);
	}
	begin(conn, STEP_CALL);
	return err;
}

int
conn_open(const struct props *props, struct conn_misses *misses, struct conn **ret, struct why *why)
{
	struct arena *arena = misses == NULL ? arena_create(SIZE_MAX) : NULL;
	struct conn_misses own = { .arena = arena };
	struct conn *conn = MEM_NEW(struct conn);
	conn->fd = -1;
	conn->props = props;
	buf_init(&conn->in, ANSWER_MAX);
	for (int i = 0; i < APIS_MAX; i++)
		conn->highest[i] = INT16_MAX;
	int err = open_steps(conn, misses != NULL ? misses : &own, why);
	arena_destroy(&arena);
	if (err != 0)
		conn_close(&conn);
	else
		*ret = conn;
	return err;
}

void
conn_close(struct conn **pconn)
{
	struct conn *conn = *pconn;
	*pconn = NULL;
	if (conn == NULL)
		return;
	if (conn->ssl != NULL)
		SSL_shutdown(conn->ssl);
	ERR_clear_error(); /* of the next connection's reasons the first is told */
	SSL_free(conn->ssl);
	SSL_CTX_free(conn->ctx);
	if (conn->fd >= 0)
		close(conn->fd);
	buf_free_secret(&conn->in);
	mem_free(conn);
}
