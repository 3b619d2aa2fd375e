/* SPDX-License-Identifier: Apache-2.0
 *
 * One function for each mechanism: a conversation of tokens over
 * conn_sasl_token(). GSSAPI is libsasl2's client, with the ticket that kinit
 * left; the other two need no library. */
#include "cli/login.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <sasl/sasl.h>

#include "base/mem.h"
#include "base/rand.h"

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

static int
sasl_reason(sasl_conn_t *sasl, struct why *why)
{
	return why_set(why, ERR_DENIED, "no login by Kerberos: %s; is there a ticket (klist)?",
	    sasl_errdetail(sasl));
}

/* Steps until the library is content and the broker too (it has the last word
 * with an empty token). */
static int
gssapi_steps(struct conn *conn, sasl_conn_t *sasl, struct arena *arena, struct why *why)
{
	const char *out = NULL, *mechanism;
	unsigned n = 0;
	int rc = sasl_client_start(sasl, "GSSAPI", NULL, &out, &n, &mechanism);
	for (int turn = 0; turn < 8; turn++) {
		struct str answer;
		if (rc != SASL_OK && rc != SASL_CONTINUE)
			return sasl_reason(sasl, why);
		bool done = rc == SASL_OK;
		int err = conn_sasl_token(conn, arena, (struct str){ n > 0 ? out : "", n }, &answer, why);
		if (err != 0 || done)
			return err;
		rc = sasl_client_step(sasl, answer.p, (unsigned)answer.n, NULL, &out, &n);
	}
	return why_set(why, ERR_DENIED, "no login by Kerberos: it does not come to an end");
}

static int
gssapi(struct conn *conn, const struct props *props, struct arena *arena, struct why *why)
{
	sasl_conn_t *sasl = NULL;
	sasl_security_properties_t none = { .max_ssf = 0 };
	if (sasl_client_init(NULL) != SASL_OK ||
	    sasl_client_new(props->service, conn_host(conn), NULL, NULL, NULL, 0, &sasl) != SASL_OK)
		return why_set(why, ERR_UNSUPPORTED, "libsasl2 cannot be used");
	sasl_setprop(sasl, SASL_SEC_PROPS, &none);
	int err = gssapi_steps(conn, sasl, arena, why);
	sasl_dispose(&sasl);
	sasl_client_done();
	return err;
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
