/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection under TLS. OpenSSL sees two BIOs of our own: reading takes a
 * large receive into the thread's scratch and feeds it piece by piece, so that one
 * system call serves many records; writing gathers ciphertext in the scratch and sends it at
 * once. The scratch is only ours during a call: what is left in it at the end
 * (input that was not asked for, output that the socket did not take) moves to
 * small buffers of the connection.
 *
 * Plain text is cut into full records of 16 KiB, small pieces joined.
 *
 * OpenSSL reads on by itself until it has plain text. A peer that sends none, only new
 * keys or handshakes that are refused, would keep the thread for as long as it
 * sends: such messages are counted against the data that comes between them, and a call
 * receives only so much. Clients that renew keys do so once in many GB.
 */
#include "security/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "security/tls_context.h"
#include "security/tls_name.h"
#include "security/tls_hello.h"

#define RECORD		16384u
#define WRITE_MAX	(16 * RECORD)	/* of plain text in one call */
#define KEEP_MAX	(4u << 20)
#define RECORD_WIRE	(RECORD + 256u + 5u)	/* the largest record of TLS 1.3, with its head */
#define FOR_NOTHING_MAX	64		/* a peer that sends more of it only burns our time */
#define FORGIVEN_FOR	65536u		/* bytes of data that make good for one of them */

struct tls {
	struct transport t;
	SSL *ssl;
	struct tls_context *context;
	struct transport_scratch *scratch;
	const unsigned char *in;	/* received, not decrypted: in the scratch or in kept_in */
	size_t in_n;
	size_t in_max;			/* of the next receive: what is not asked for has to be kept */
	size_t in_left;			/* that this call may still receive; then others have their turn */
	size_t out_n;			/* encrypted, not sent: in the scratch */
	struct buf kept_in, kept_out;
	unsigned for_nothing;		/* messages that brought no data, less those made good */
	size_t good;			/* bytes towards the next that is */
	struct tls_hello hello;
	bool eof, broken;
	char reason[160];
	char cipher[96];
};

static struct tls *
tls_of(const struct transport *t)
{
	return (struct tls *)(uintptr_t)t;
}

/* ---- what OpenSSL reads from and writes to ---- */

static ssize_t
receive(struct tls *s)
{
	size_t max = s->in_max < s->in_left ? s->in_max : s->in_left;
	if (max == 0 || s->t.dry) {
		errno = EAGAIN;
		return -1;
	}
	ssize_t got = recv(s->t.fd, s->scratch->in, max, 0);
	s->in_left -= got > 0 ? (size_t)got : 0;
	s->t.dry = got > 0 && (size_t)got < max;
	return got;
}

static int
bio_read(BIO *bio, char *p, int n)
{
	struct tls *s = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (s->for_nothing > FOR_NOTHING_MAX)
		return -1;
	if (s->in_n == 0) {
		ssize_t got = receive(s);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			BIO_set_retry_read(bio);
			return -1;
		}
		if (got <= 0) {
			s->eof = true;
			return got < 0 ? -1 : 0;
		}
		s->in = s->scratch->in;
		s->in_n = (size_t)got;
	}
	size_t take = s->in_n < (size_t)n ? s->in_n : (size_t)n;
	memcpy(p, s->in, take);
	s->in += take;
	s->in_n -= take;
	return (int)take;
}

/* Sends as much as the socket takes; the bytes sent. */
static size_t
send_some(struct tls *s, const unsigned char *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t put = send(s->t.fd, p + done, n - done, MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			s->broken = s->broken || errno != EAGAIN;
			break;
		}
		done += (size_t)put;
	}
	return done;
}

static int
bio_write(BIO *bio, const char *p, int n)
{
	struct tls *s = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (s->kept_out.n == 0 && s->out_n + (size_t)n <= s->scratch->size) {
		memcpy(s->scratch->out + s->out_n, p, (size_t)n);
		s->out_n += (size_t)n;
		return n;
	}
	return buf_add(&s->kept_out, p, (size_t)n) == 0 ? n : -1;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

void
tls_bio_method(BIO_METHOD *method)
{
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
}

/* ---- around every call ---- */

static void
borrow(struct tls *s)
{
	s->in = s->kept_in.p;
	s->in_n = s->kept_in.n;
	s->in_max = s->scratch->size;
	s->in_left = 2 * s->scratch->size;
	s->t.dry = false;
	s->out_n = 0;
	if (ERR_peek_error() != 0) /* to clear what is empty costs more than a small record */
		ERR_clear_error();
}

/* Sends what was gathered and gives the scratch back. */
static int
give_back(struct tls *s)
{
	int err = 0;
	size_t sent = s->out_n == 0 ? 0 : send_some(s, s->scratch->out, s->out_n);
	if (sent < s->out_n)
		err = buf_add(&s->kept_out, s->scratch->out + sent, s->out_n - sent);
	s->out_n = 0;
	if (s->kept_in.n > 0 && s->in >= s->kept_in.p && s->in <= s->kept_in.p + s->kept_in.n) {
		buf_consume(&s->kept_in, s->kept_in.n - s->in_n);
		if (s->kept_in.n == 0)
			buf_free(&s->kept_in);
	} else {
		buf_free(&s->kept_in);
		if (err == 0 && s->in_n > 0)
			err = buf_add(&s->kept_in, s->in, s->in_n);
	}
	s->in_n = 0;
	return err != 0 || s->broken ? ERR_CLOSED : 0;
}

static const struct {
	int reason;		/* OpenSSL's */
	const char *words;
} in_words[] = {
	{ SSL_R_HTTP_REQUEST, "the peer speaks HTTP" },
	{ SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS (is the client set to PLAINTEXT?)" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
	    "the peer gave no certificate, and this listener requires one" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	    "the client does not know the authority of our certificate (is ca.pem its ssl.ca.location?)" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
	    "the client does not trust our certificate (is it for the name that the client uses?)" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
	    "the client does not trust our certificate (is ca.pem its ssl.ca.location?)" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
	    "our certificate has expired by the client's clock (schlossd cert makes a new one)" },
};

static const char *
why_it_failed(struct tls *s, unsigned long code)
{
	int reason = ERR_GET_REASON(code);
	if (s->for_nothing > FOR_NOTHING_MAX)
		return "the peer changes keys, or asks for handshakes, without end";
	if (s->eof && code == 0)
		return "the peer closed the connection";
	for (size_t i = 0; i < sizeof(in_words) / sizeof(in_words[0]); i++)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && in_words[i].reason == reason)
			return in_words[i].words;
	if (code == 0)
		return "the TLS connection broke";
	return ERR_reason_error_string(code) == NULL ? "TLS error" : ERR_reason_error_string(code);
}

/* What an SSL_* call's result means; after give_back(). */
static int
outcome(struct tls *s, int rc)
{
	int what = SSL_get_error(s->ssl, rc);
	unsigned long code = ERR_peek_last_error();
	if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
		return s->eof ? ERR_CLOSED : ERR_AGAIN;
	snprintf(s->reason, sizeof(s->reason), "%s", why_it_failed(s, code));
	ERR_clear_error();
	return what == SSL_ERROR_ZERO_RETURN || code == 0 ? ERR_CLOSED : ERR_CORRUPT;
}

/* ---- the transport ---- */

static int
tls_handshake(struct transport *t)
{
	struct tls *s = tls_of(t);
	borrow(s);
	int rc = SSL_do_handshake(s->ssl);
	int err = rc == 1 ? 0 : outcome(s, rc);
	int sent = give_back(s);
	if (err == 0)
		snprintf(s->cipher, sizeof(s->cipher), "%s %s", SSL_get_version(s->ssl),
		    SSL_get_cipher_name(s->ssl));
	return err == 0 || err == ERR_AGAIN ? (sent != 0 ? sent : err) : ERR_DENIED;
}

static void
make_good(struct tls *s, size_t n)
{
	size_t enough = (s->good + n) / FORGIVEN_FOR;
	s->good = (s->good + n) % FORGIVEN_FOR;
	s->for_nothing -= enough < s->for_nothing ? (unsigned)enough : s->for_nothing;
}

static int
tls_read(struct transport *t, void *p, size_t n, size_t *ret_n)
{
	struct tls *s = tls_of(t);
	size_t got = 0;
	int err = 0;
	borrow(s);
	while (got < n && err == 0) {
		int step = n - got > INT32_MAX ? INT32_MAX : (int)(n - got);
		/* One record more than full ones would need. */
		size_t most = (n - got) / RECORD * RECORD_WIRE + RECORD_WIRE;
		s->in_max = most < s->scratch->size ? most : s->scratch->size;
		int rc = SSL_read(s->ssl, (char *)p + got, step);
		if (rc > 0)
			got += (size_t)rc;
		else
			err = outcome(s, rc);
		/* The socket was emptied by the last receive: do not ask it again. */
		if (rc > 0 && s->in_n == 0 && SSL_pending(s->ssl) == 0)
			break;
	}
	int sent = give_back(s);
	if (s->for_nothing > FOR_NOTHING_MAX) {
		snprintf(s->reason, sizeof(s->reason), "%s", why_it_failed(s, 0));
		return ERR_CORRUPT;
	}
	if (got == 0)
		return err != 0 ? err : sent != 0 ? sent : ERR_AGAIN;
	make_good(s, got);
	*ret_n = got;
	return 0;
}

static int
tls_flush(struct transport *t)
{
	struct tls *s = tls_of(t);
	if (s->kept_out.n > 0) {
		size_t sent = send_some(s, s->kept_out.p, s->kept_out.n);
		buf_consume(&s->kept_out, sent);
		if (s->kept_out.n == 0)
			buf_free(&s->kept_out);
	}
	if (s->broken)
		return ERR_CLOSED;
	return s->kept_out.n > 0 ? ERR_AGAIN : 0;
}

/* The next record's plain text: a view of the first piece where it is large,
 * else small pieces joined. Returns its size. */
static size_t
next_record(struct tls *s, const struct iovec *iov, int count, size_t skip, const void **ret)
{
	size_t first = iov->iov_len - skip, n = 0;
	if (first >= RECORD || count == 1) {
		*ret = (const char *)iov->iov_base + skip;
		return first < RECORD ? first : RECORD;
	}
	for (; count > 0 && n < RECORD; iov++, count--, skip = 0) {
		size_t part = iov->iov_len - skip;
		if (part > RECORD - n)
			part = RECORD - n;
		memcpy(s->scratch->plain + n, (const char *)iov->iov_base + skip, part);
		n += part;
	}
	*ret = s->scratch->plain;
	return n;
}

static int
tls_write(struct transport *t, const struct iovec *iov, int count, size_t *ret_n)
{
	struct tls *s = tls_of(t);
	size_t done = 0, skip = 0;
	int err = tls_flush(t);
	if (err != 0)
		return err;
	borrow(s);
	while (count > 0 && done < WRITE_MAX && err == 0) {
		const void *p;
		size_t n = next_record(s, iov, count, skip, &p);
		int rc = n == 0 ? 0 : SSL_write(s->ssl, p, (int)n);
		if (n > 0 && rc <= 0) {
			err = outcome(s, rc);
			break;
		}
		done += (size_t)rc;
		for (skip += (size_t)rc; count > 0 && skip >= iov->iov_len; iov++, count--)
			skip -= iov->iov_len;
	}
	int sent = give_back(s);
	if (sent != 0)
		return sent;
	if (done == 0)
		return err != 0 ? err : ERR_AGAIN;
	*ret_n = done;
	return 0;
}

static int
tls_pending(const struct transport *t)
{
	struct tls *s = tls_of(t);
	return s->kept_in.n > 0 || SSL_pending(s->ssl) > 0;
}

static const char *
tls_reason(const struct transport *t)
{
	return tls_of(t)->reason[0] != '\0' ? tls_of(t)->reason : "the peer closed the connection";
}

static void
tls_destroy(struct transport **t)
{
	struct tls *s = tls_of(*t);
	borrow(s);
	if (SSL_is_init_finished(s->ssl) && !s->broken)
		(void)SSL_shutdown(s->ssl); /* close_notify, if the socket takes it now */
	(void)give_back(s);
	ERR_clear_error();
	SSL_free(s->ssl);
	mem_free(s->hello.server_name);
	buf_free_secret(&s->kept_in);
	buf_free(&s->kept_out);
	tls_context_unref(&s->context);
	mem_free(s);
	*t = NULL;
}

static const struct transport_ops tls_ops = { tls_handshake, tls_read, tls_write, tls_flush,
	tls_pending, tls_reason, tls_destroy };

/* New keys, and what we answer by an alert and otherwise ignore: a handshake anew under TLS 1.2. */
static void
count_messages(int write_p, int version, int type, const void *p, size_t n, SSL *ssl, void *arg)
{
	struct tls *s = arg;
	(void)version;
	(void)ssl;
	if (write_p ? type == SSL3_RT_ALERT
	    : type == SSL3_RT_HANDSHAKE && n > 0 && *(const uint8_t *)p == SSL3_MT_KEY_UPDATE)
		s->for_nothing++;
}

struct transport *
tls_create(struct tls_context *context, int fd, struct transport_scratch *scratch)
{
	SSL *ssl = SSL_new(tls_context_ssl(context));
	BIO *bio = BIO_new(tls_context_bio(context));
	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	SSL_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
	struct tls *s = MEM_NEW(struct tls);
	s->t = (struct transport){ &tls_ops, fd };
	s->ssl = ssl;
	s->context = tls_context_ref(context);
	s->scratch = scratch;
	buf_init(&s->kept_in, KEEP_MAX);
	buf_init(&s->kept_out, KEEP_MAX);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	SSL_set_app_data(ssl, &s->hello);
	SSL_set_msg_callback(ssl, count_messages);
	SSL_set_msg_callback_arg(ssl, s);
	return &s->t;
}

void
tls_wipe_read(struct transport *t, bool on)
{
	if (on)
		SSL_set_options(tls_of(t)->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	else
		SSL_clear_options(tls_of(t)->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

int
tls_peer_subject(const struct transport *t, char *out, size_t size)
{
	struct tls *s = tls_of(t);
	X509 *cert = SSL_get_verify_result(s->ssl) == X509_V_OK ? SSL_get1_peer_certificate(s->ssl) : NULL;
	if (cert == NULL)
		return ERR_NOTFOUND;
	int err = tls_name_format(X509_get_subject_name(cert), out, size);
	X509_free(cert);
	return err;
}

struct str
tls_server_name(const struct transport *t)
{
	return str_from(tls_of(t)->hello.server_name);
}

const char *
tls_cipher(const struct transport *t)
{
	return tls_of(t)->cipher;
}
