/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys are an image that is replaced, never changed: handshakes read it without a lock
 * (base/rcu.h), and the last one out overwrites it. OpenSSL seals a session by the key that
 * ticket_key() sets (AES-256-CBC, then HMAC-SHA-256) and carries a stamp of ours in it; what
 * fails in any way, a key that is not known, a damaged ticket, another server name, is not an
 * error but a full handshake.
 *
 * Under TLS 1.3 each resumption gives one new ticket, as clients use each once (RFC 8446, C.4);
 * OpenSSL dates the new one anew, so the stamp says when the chain began.
 */
#include "security/tls_tickets.h"

#include <openssl/core_names.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "security/tls_hello.h"

#define NAME_BYTES	16		/* of a key: it begins each of its tickets */
#define IV_BYTES	16

struct key {
	uint8_t name[NAME_BYTES];
	uint8_t seal[32], mac[32];
};

struct keys {
	struct key now, before;
	bool has_before;
	uint64_t since_ns;		/* of `now` */
};

struct tls_tickets {
	struct keys *_Atomic keys;
	EVP_CIPHER *cipher;
};

/* Goes along in a ticket. */
struct stamp {
	uint8_t server_name[TLS_SERVER_NAME];
	int64_t began_s;		/* by the wall clock: the full handshake */
};

/* ---- keys ---- */

static struct keys *
make_keys(uint64_t now_ns)
{
	struct keys *k = MEM_NEW(struct keys);
	rand_bytes(&k->now, sizeof(k->now));
	k->since_ns = now_ns;
	return k;
}

static void
free_keys(void *keys)
{
	mem_cleanse(keys, sizeof(struct keys));
	mem_free(keys);
}

static void
publish(struct tls_tickets *t, struct rcu *rcu, struct keys *fresh)
{
	rcu_retire(rcu, free_keys, rcu_publish(t->keys, fresh));
}

void
tls_tickets_tick(struct tls_tickets *t, struct rcu *rcu, uint64_t now_ns)
{
	const struct keys *old = rcu_read(t->keys);
	uint64_t age_s = (now_ns - old->since_ns) / NS_PER_SEC;
	struct keys *fresh;
	if (age_s >= TLS_TICKET_KEY_S) {
		fresh = make_keys(now_ns);
		fresh->before = old->now;
		fresh->has_before = age_s < TLS_TICKET_KEY_S + TLS_TICKET_S; /* not: nobody has ticked */
	} else if (old->has_before && age_s >= TLS_TICKET_S) {
		fresh = mem_dup(old, sizeof(*old));
		fresh->has_before = false;
	} else
		return;
	if (!fresh->has_before)
		mem_cleanse(&fresh->before, sizeof(fresh->before));
	publish(t, rcu, fresh);
}

void
tls_tickets_forget(struct tls_tickets *t, struct rcu *rcu, uint64_t now_ns)
{
	publish(t, rcu, make_keys(now_ns));
}

static bool
set_key(const struct tls_tickets *t, const struct key *k, const uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int seal)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_CipherInit_ex(cipher, t->cipher, NULL, k->seal, iv, seal) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's answers: -1 an error, 0 there is no such key, 1 set, 2 set and a new ticket is due. */
static int
ticket_key(SSL *ssl, unsigned char name[NAME_BYTES], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	const struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct keys *keys = rcu_read(t->keys);
	if (seal) {
		memcpy(name, keys->now.name, NAME_BYTES);
		rand_bytes(iv, IV_BYTES);
		return set_key(t, &keys->now, iv, cipher, mac, 1) ? 1 : -1;
	}
	if (memcmp(name, keys->now.name, NAME_BYTES) == 0)
		return set_key(t, &keys->now, iv, cipher, mac, 0) ? 1 : -1;
	if (keys->has_before && memcmp(name, keys->before.name, NAME_BYTES) == 0)
		return set_key(t, &keys->before, iv, cipher, mac, 0) ? 2 : -1;
	return 0;
}

/* ---- what a ticket is bound to ---- */

static const uint8_t *
server_name_of(const SSL *ssl)
{
	const struct tls_hello *hello = SSL_get_app_data(ssl);
	return hello->digest;
}

static int
stamp_ticket(SSL *ssl, void *arg)
{
	struct stamp stamp;
	(void)arg;
	if (SSL_session_reused(ssl))
		return 1; /* the session has the first one's */
	memset(&stamp, 0, sizeof(stamp));
	memcpy(stamp.server_name, server_name_of(ssl), TLS_SERVER_NAME);
	stamp.began_s = clock_wall_ms() / 1000;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &stamp, sizeof(stamp));
}

static SSL_TICKET_RETURN
check_stamp(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name, size_t key_name_n, SSL_TICKET_STATUS status,
    void *arg)
{
	struct stamp stamp;
	void *p;
	size_t n;
	(void)key_name;
	(void)key_name_n;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_ticket_appdata(session, &p, &n) != 1 || n != sizeof(stamp))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	memcpy(&stamp, p, sizeof(stamp));
	int64_t age_s = clock_wall_ms() / 1000 - stamp.began_s;
	if (memcmp(stamp.server_name, server_name_of(ssl), TLS_SERVER_NAME) != 0 || age_s < 0 || age_s > TLS_RESUMED_S)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION || status == SSL_TICKET_SUCCESS_RENEW
	    ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

/* ---- the whole ---- */

struct tls_tickets *
tls_tickets_create(SSL_CTX *ctx)
{
	uint8_t id[SSL_MAX_SID_CTX_LENGTH];
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	rand_bytes(id, sizeof(id));
	if (cipher == NULL || SSL_CTX_set_session_id_context(ctx, id, sizeof(id)) != 1) {
		EVP_CIPHER_free(cipher);
		return NULL;
	}
	struct tls_tickets *t = MEM_NEW(struct tls_tickets);
	t->cipher = cipher;
	atomic_init(&t->keys, make_keys(clock_mono_ns()));
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_timeout(ctx, TLS_TICKET_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key);
	SSL_CTX_set_session_ticket_cb(ctx, stamp_ticket, check_stamp, NULL);
	return t;
}

void
tls_tickets_destroy(struct tls_tickets **tickets)
{
	struct tls_tickets *t = *tickets;
	*tickets = NULL;
	if (t == NULL)
		return;
	free_keys(rcu_read(t->keys));
	EVP_CIPHER_free(t->cipher);
	mem_free(t);
}
