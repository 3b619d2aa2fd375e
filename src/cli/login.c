/* SPDX-License-Identifier: Apache-2.0
 *
 * One function for each mechanism: a conversation of tokens over
 * conn_sasl_token(). GSSAPI is libsasl2's client in a child process (ticket.h);
 * the other two need no library. */
#include "cli/login.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "base/rand.h"
#include "cli/ticket.h"

static int
scram(struct conn *conn, const struct props *props, struct arena *arena, int sha, struct why *why)
{
	unsigned char random[18];
	char nonce[32];
	struct str answer, final;
	rand_bytes(random, sizeof(random));
	EVP_EncodeBlock((unsigned char *)nonce, random, sizeof(random));
	struct scram_client sc = { .arena = arena, .user = props->user, .password = props->password,
	    .nonce = nonce, .sha = sha };
	int err = conn_sasl_token(conn, arena, scram_client_first(&sc), &answer, why);
	if (err != 0)
		return err;
	err = scram_client_final(&sc, answer, &final);
	if (err != 0)
		return why_set(why, err, "the broker's side of SCRAM is wrong: %s", err_text(err));
	err = conn_sasl_token(conn, arena, final, &answer, why);
	if (err == 0 && scram_client_verify(&sc, answer) != 0)
		err = why_set(why, ERR_DENIED, "the broker could not prove that it knows %s's password: it may "
		    "be another than you think", props->user);
	mem_cleanse(sc.server_key, sizeof(sc.server_key));
	return err;
}

static int
plain(struct conn *conn, const struct props *props, struct arena *arena, struct why *why)
{
	struct str answer;
	size_t user = strlen(props->user), password = strlen(props->password);
	char *token = arena_zalloc(arena, user + password + 2);
	memcpy(token + 1, props->user, user);
	memcpy(token + 2 + user, props->password, password);
	int err = conn_sasl_token(conn, arena, (struct str){ token, user + password + 2 }, &answer, why);
	mem_cleanse(token, user + password + 2);
	return err;
}

/* Tokens go to and fro until both sides are content; the broker has the last word. */
static int
gssapi(struct conn *conn, const struct props *props, struct arena *arena, struct why *why)
{
	struct ticket t;
	bool last = false;
	int seconds, err = ticket_begin(props->service, conn_host(conn), &t, why);
	if (err != 0)
		return err;
	for (int turn = 0; err == 0 && !last && turn < 8; turn++) {
		struct str token, answer;
		if (conn_wait(conn, t.fd, &seconds) == ERR_TIMEOUT)
			err = ticket_late(props->service, conn_host(conn), seconds, why);
		else
			err = ticket_take(&t, arena, &token, &last, why);
		if (err == 0)
			err = conn_sasl_token(conn, arena, token, &answer, why);
		if (err == 0 && !last)
			err = ticket_give(&t, answer, why);
	}
	ticket_end(&t);
	return err != 0 || last ? err : why_set(why, ERR_DENIED, "no login by Kerberos: it does not come to an end");
}

static int
handshake(struct conn *conn, const struct props *props, struct arena *arena, struct why *why)
{
	struct sasl_handshake_req in;
	struct sasl_handshake_rsp out;
	struct str offered = STR("");
	wire_defaults(&sasl_handshake_req_msg, &in);
	in.mechanism = str_from(props->mechanism);
	int err = conn_call(conn, arena, WIRE_KEY_SASL_HANDSHAKE, &in, &out, why);
	if (err != 0 || out.error_code == 0)
		return err;
	for (int32_t i = 0; i < out.mechanisms.n; i++)
		offered = arena_printf(arena, "%.*s %.*s", STR_ARG(offered), STR_ARG(out.mechanisms.v[i]));
	return why_set(why, ERR_DENIED, "this listener has no %s, but:%.*s; change sasl.mechanisms in %s",
	    props->mechanism, STR_ARG(offered), props->file);
}

int
login_run(struct conn *conn, const struct props *props, struct why *why)
{
	struct arena *arena = arena_create(1 << 20);
	const char *m = props->mechanism;
	int err = handshake(conn, props, arena, why);
	if (err != 0)
		;
	else if (strcmp(m, "SCRAM-SHA-256") == 0)
		err = scram(conn, props, arena, 256, why);
	else if (strcmp(m, "SCRAM-SHA-512") == 0)
		err = scram(conn, props, arena, 512, why);
	else if (strcmp(m, "PLAIN") == 0)
		err = plain(conn, props, arena, why);
	else if (strcmp(m, "GSSAPI") == 0)
		err = gssapi(conn, props, arena, why);
	else
		err = why_set(why, ERR_UNSUPPORTED, "%s: sasl.mechanisms=%s is none of SCRAM-SHA-256, "
		    "SCRAM-SHA-512, PLAIN, GSSAPI", props->file, m);
	arena_destroy(&arena);
	return err;
}
