/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* libsasl2's own client against our logins, in one process. */

#include <sasl/sasl.h>

#include "sasl_fixture.h"

/* libsasl2's GSSAPI client does not give back its credential (cyrus-sasl 2.1.28);
 * what the server's side would lose is still found. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static inline void
cyrus_leaks(bool on)
{
	if (on && __lsan_disable != NULL)
		__lsan_disable();
	else if (!on && __lsan_enable != NULL)
		__lsan_enable();
}

struct cyrus {
	const char *user, *authzid, *password;
	sasl_callback_t callbacks[4];
	sasl_secret_t *secret;
	sasl_conn_t *conn;
	bool layers;			/* asks for encryption by the mechanism */
	sasl_ssf_t ssf;			/* what it got */
};

#define CYRUS_PROC(fn) ((int (*)(void))(void (*)(void))(fn))

static inline int
cyrus_simple(void *context, int id, const char **result, unsigned *len)
{
	struct cyrus *c = context;
	*result = id == SASL_CB_USER ? c->authzid : c->user;
	if (len != NULL)
		*len = *result == NULL ? 0 : (unsigned)strlen(*result);
	return SASL_OK;
}

static inline int
cyrus_secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **ret)
{
	struct cyrus *c = context;
	(void)conn;
	(void)id;
	*ret = c->secret;
	return SASL_OK;
}

static inline int
cyrus_verify(void *context, const char *file, sasl_verify_type_t type)
{
	(void)context;
	return type == SASL_VRFY_PLUGIN && (strstr(file, "libplain") != NULL ||
	    strstr(file, "libscram") != NULL || strstr(file, "libgssapiv2") != NULL) ?
	    SASL_OK : SASL_CONTINUE;
}

/* After the server's side was set up. */
static inline void
cyrus_init(void)
{
	static const sasl_callback_t callbacks[] = {
		{ SASL_CB_VERIFYFILE, CYRUS_PROC(cyrus_verify), NULL },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	if (sasl_client_init(callbacks) != SASL_OK)
		abort();
}

static inline void
cyrus_open(struct cyrus *c)
{
	size_t n = c->password == NULL ? 0 : strlen(c->password);
	c->secret = malloc(sizeof(*c->secret) + n + 1);
	c->secret->len = n;
	memcpy(c->secret->data, c->password == NULL ? "" : c->password, n + 1);
	c->callbacks[0] = (sasl_callback_t){ SASL_CB_USER, CYRUS_PROC(cyrus_simple), c };
	c->callbacks[1] = (sasl_callback_t){ SASL_CB_AUTHNAME, CYRUS_PROC(cyrus_simple), c };
	c->callbacks[2] = (sasl_callback_t){ SASL_CB_PASS, CYRUS_PROC(cyrus_secret), c };
	c->callbacks[3] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	if (sasl_client_new("kafka", "broker.example.test", NULL, NULL, c->callbacks,
	    SASL_SUCCESS_DATA, &c->conn) != SASL_OK)
		abort();
	sasl_security_properties_t props = { .max_ssf = c->layers ? 256 : 0,
		.maxbufsize = c->layers ? 65536 : 0 };
	sasl_setprop(c->conn, SASL_SEC_PROPS, &props);
}

static inline void
cyrus_close(struct cyrus *c)
{
	sasl_dispose(&c->conn);
	free(c->secret);
}

/* A whole login; the last turn's step. The client must agree where it is DONE. */
static inline enum sasl_step
cyrus_login(struct fix *f, struct cyrus *c, const char *mechanism, struct sasl_login *l)
{
	const char *out = NULL, *chosen;
	unsigned n = 0;
	struct sasl_turn turn = { .step = SASL_STEP_FAILED };

	cyrus_open(c);
	cyrus_leaks(true);
	int rc = sasl_client_start(c->conn, mechanism, NULL, &out, &n, &chosen);
	cyrus_leaks(false);
	while (rc == SASL_OK || rc == SASL_CONTINUE) {
		struct str token = { out == NULL ? "" : out, n };
		enum sasl_step step = fix_step(f, l, token, &turn);
		if (step != SASL_STEP_CONTINUE && turn.out.n == 0)
			break;
		cyrus_leaks(true);
		rc = sasl_client_step(c->conn, turn.out.p, (unsigned)turn.out.n, NULL, &out, &n);
		cyrus_leaks(false);
		if (step == SASL_STEP_DONE) {
			if (rc != SASL_OK)
				abort();
			break;
		}
	}
	if (rc != SASL_OK && rc != SASL_CONTINUE)
		fprintf(stderr, "client: %s\n", sasl_errdetail(c->conn));
	const void *ssf = NULL;
	if (turn.step == SASL_STEP_DONE && sasl_getprop(c->conn, SASL_SSF, &ssf) == SASL_OK)
		c->ssf = *(const sasl_ssf_t *)ssf;
	cyrus_close(c);
	return turn.step;
}
