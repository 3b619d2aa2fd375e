/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sasl_conn_t and its callbacks. What libsasl2 gets wrong for us is put
 * right here: an answer counts only with the code that came with it, the name
 * is the authenticated one and never the one asked for, output of a failed step
 * is not looked at, and a connection is disposed of after its last step.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "security/gss.h"
#include "security/sasl_private.h"

/* GSSAPI names are principals ("kafka/host.example"), the others user names. */
static bool
canon_ok(const struct sasl_login *l, struct str name)
{
	if (l->mech != MECH_GSSAPI)
		return str_eq(name, (struct str){ l->login, l->login_n }) &&
		    user_name_check(l->claim.user.s, NULL) == 0;
	if (name.n == 0 || name.n > PRINCIPAL_MAX || !str_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return true;
}

/*
 * The authorization identity of a ticket is ignored, as Kafka's server does:
 * Java sends its principal, kafka-python the name of the service.
 */
static int
canon_user(sasl_conn_t *conn, void *context, const char *in, unsigned n, unsigned flags,
    const char *realm, char *out, unsigned max, unsigned *ret_n)
{
	const struct sasl_login *l = context;
	struct str name = { in, n };
	(void)conn;
	(void)realm;
	if (l->mech == MECH_GSSAPI && (flags & SASL_CU_AUTHID) == 0)
		name = STR("ignored");
	else if (l->mech != MECH_GSSAPI && (flags & SASL_CU_AUTHID) == 0)
		return n <= max && n < LOGIN_TEXT_MAX ? (memmove(out, in, n), *ret_n = n, SASL_OK) :
		    SASL_BADPROT;
	else if (!canon_ok(l, name))
		return SASL_BADPROT;
	if (name.n > max)
		return SASL_BUFOVER;
	memmove(out, name.p, name.n);
	*ret_n = (unsigned)name.n;
	return SASL_OK;
}

/* Nobody acts for somebody else (CVE-2017-12610). */
static int
proxy_policy(sasl_conn_t *conn, void *context, const char *user, unsigned n, const char *authid,
    unsigned authid_n, const char *realm, unsigned realm_n, struct propctx *props)
{
	struct sasl_login *l = context;
	(void)conn;
	(void)realm;
	(void)realm_n;
	(void)props;
	if (l->mech == MECH_GSSAPI)
		return SASL_OK;
	if (str_eq((struct str){ user, n }, (struct str){ authid, authid_n }))
		return SASL_OK;
	if (l->claim.doom == NULL)
		l->claim.doom = "asked to act as another user";
	return SASL_NOAUTHZ;
}

/* PLAIN, on a worker. The work is the same whoever it is. */
static int
check_password(sasl_conn_t *conn, void *context, const char *user, const char *pass,
    unsigned n, struct propctx *props)
{
	struct sasl_login *l = context;
	struct scram_key key;
	(void)conn;
	(void)props;
	enum scram_hash hash = claim_hash(&l->claim);
	claim_key(&l->claim, l->shared, hash, &key);
	bool ok = scram_key_verify(hash, &key, (struct str){ pass, n });
	mem_cleanse(&key, sizeof(key));
	if (!ok && l->claim.doom == NULL)
		l->claim.doom = "wrong password";
	if (!str_eq(str_from(user), (struct str){ l->login, l->login_n }))
		return SASL_BADAUTH;
	return l->claim.doom == NULL ? SASL_OK : SASL_BADAUTH;
}

/*
 * A wrong clock, an old ticket and a key that the keytab lacks are one refusal to the
 * client; the administrator is told them apart by Kerberos' own words, which come this
 * way only. The first line is the cause, what follows it is libsasl2's.
 */
static int
keep_words(void *context, int level, const char *message)
{
	struct sasl_login *l = context;
	if (sasl_say(&l->ev, level, message) && l->mech == MECH_GSSAPI && level <= SASL_LOG_FAIL &&
	    l->detail[0] == '\0')
		snprintf(l->detail, sizeof(l->detail), "%s", message);
	return SASL_OK;
}

int
sasl_conn_open(struct sasl_login *l)
{
	const struct sasl_listener *listener = l->listener;
	sasl_callback_t *c = l->callbacks;

	*c++ = (sasl_callback_t){ SASL_CB_CANON_USER, SASL_PROC(canon_user), l };
	*c++ = (sasl_callback_t){ SASL_CB_PROXY_POLICY, SASL_PROC(proxy_policy), l };
	*c++ = (sasl_callback_t){ SASL_CB_SERVER_USERDB_CHECKPASS, SASL_PROC(check_password), l };
	*c++ = (sasl_callback_t){ SASL_CB_LOGIN, NULL, l };
	*c++ = (sasl_callback_t){ SASL_CB_LOG, SASL_PROC(keep_words), l };
	*c = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	/* A name, so that none is looked up; no realm, which would be a tenant
	 * that clients could choose. */
	int rc = sasl_server_new("kafka", listener->fqdn, NULL, NULL, NULL, l->callbacks,
	    SASL_SUCCESS_DATA, &l->conn);
	if (rc == SASL_OK && l->mech == MECH_GSSAPI)
		rc = sasl_setprop(l->conn, SASL_GSS_CREDS, gss_keys_handle(listener->gss));
	if (rc != SASL_OK)
		sasl_conn_close(l);
	return rc == SASL_OK ? 0 : ERR_NOMEM;
}

void
sasl_conn_close(struct sasl_login *l)
{
	if (l->conn != NULL)
		sasl_dispose(&l->conn);
}

/*
 * libsasl2 cuts the default realm of krb5.conf off a name, and we put the
 * listener's on again. Were the file changed in between, a name would move to
 * another realm; until the listener is reloaded nobody gets in by ticket then.
 */
static bool
realm_unchanged(struct sasl_login *l)
{
	char *realm = NULL;
	bool same = gss_default_realm(&realm) == 0 && l->listener->realm != NULL &&
	    str_is(str_from(realm), l->listener->realm);
	mem_free(realm);
	if (!same)
		ev_err(&l->ev, "krb5.conf has another default realm now: reload");
	return same;
}

/* The authenticated name; libsasl2 also has the one that was asked for. */
static int
take_name(struct sasl_login *l)
{
	const void *p = NULL;
	if (sasl_getprop(l->conn, SASL_AUTHUSER, &p) != SASL_OK || p == NULL)
		return SASL_FAIL;
	struct str name = str_from(p);
	if (l->mech != MECH_GSSAPI)
		return str_eq(name, (struct str){ l->login, l->login_n }) ? SASL_OK : SASL_FAIL;
	if (name.n > PRINCIPAL_MAX)
		return SASL_BUFOVER;
	memcpy(l->principal_text, name.p, name.n + 1);
	return realm_unchanged(l) ? SASL_OK : SASL_FAIL;
}

void
sasl_run(struct sasl_login *l)
{
	const char *in = l->in.n == 0 ? "" : (const char *)l->in.p, *out = NULL;
	unsigned n = 0;

	l->rc = l->steps == 1 ?
	    sasl_server_start(l->conn, mech_name(l->mech), in, (unsigned)l->in.n, &out, &n) :
	    sasl_server_step(l->conn, in, (unsigned)l->in.n, &out, &n);
	buf_consume(&l->out, l->out.n);
	if (l->rc == SASL_OK)
		l->rc = take_name(l);
	else if (l->rc != SASL_CONTINUE)
		ev_debug(&l->ev, "libsasl2 answered %d", l->rc);
	/* Only these two say that out is anything. */
	if ((l->rc == SASL_OK || l->rc == SASL_CONTINUE) && out != NULL &&
	    buf_add(&l->out, out, n) != 0)
		l->rc = SASL_FAIL;
	if (l->rc != SASL_CONTINUE)
		sasl_conn_close(l);
}
