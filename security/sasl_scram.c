/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCRAM-SHA-256 and SCRAM-SHA-512 as a plugin inside libsasl2, registered in
 * the process. It is glue: bytes go to the machine in scram.c, names and keys
 * come from the login, which the connection's callbacks carry.
 *
 * An unknown, locked or otherwise doomed user takes every step with a key and
 * fails at the last, after the proof was checked like any other.
 */
#include <string.h>


#include "base/mem.h"
#include "base/rand.h"
#include "security/base64.h"
#include "security/sasl_private.h"

static enum scram_hash
hash_of(const struct sasl_login *l)
{
	return l->mech == MECH_SCRAM_SHA_256 ? SCRAM_SHA_256 : SCRAM_SHA_512;
}

static int
plug_new(void *glob, sasl_server_params_t *params, const char *challenge, unsigned n,
    void **ret_context)
{
	(void)glob;
	(void)challenge;
	(void)n;
	for (const sasl_callback_t *c = params->callbacks; c != NULL && c->id != 0; c++) {
		if (c->id != SASL_CB_LOGIN)
			continue;
		struct sasl_login *l = c->context;
		/* The second form of the nonce only where TLS prevents replay. */
		scram_init(&l->scram, hash_of(l), l->listener->tls && l->listener->double_nonce);
		l->scram_used = true;
		*ret_context = l;
		return SASL_OK;
	}
	return SASL_BADPARAM;
}

static int
step_first(struct sasl_login *l, struct str in, struct str *ret_out)
{
	uint8_t random[24];
	char nonce[BASE64_LEN(sizeof(random))];
	struct scram_key key;
	struct str user;

	if (scram_first(&l->scram, in, &user) != 0)
		return SASL_BADPROT;
	memcpy(l->login, user.p, user.n);
	l->login_n = user.n;
	if (l->scram.tokenauth)
		claim_token(&l->claim, &l->way, l->mech, user);
	else
		claim_login(&l->claim, &l->way, l->mech, user);
	l->claimed = true;
	claim_key(&l->claim, l->shared, l->scram.hash, &key);
	rand_bytes(random, sizeof(random));
	size_t n = base64_encode(random, sizeof(random), nonce);
	int err = scram_challenge(&l->scram, &key, (struct str){ nonce, n }, ret_out);
	mem_cleanse(&key, sizeof(key));
	return err == 0 ? SASL_CONTINUE : SASL_FAIL;
}

static int
step_final(struct sasl_login *l, sasl_server_params_t *params, struct str in,
    struct str *ret_out, sasl_out_params_t *oparams)
{
	int err = scram_final(&l->scram, in, ret_out);
	if (err != 0 && l->claim.doom == NULL)
		l->claim.doom = err != ERR_DENIED ? "malformed message" :
		    l->scram.doubled && !l->scram.double_ok ? "nonce sent twice" : "wrong password";
	if (l->claim.doom != NULL)
		return SASL_BADAUTH;
	oparams->doneflag = 1;
	oparams->mech_ssf = 0;
	oparams->maxoutbuf = 0;
	return params->canon_user(params->utils->conn, l->login, (unsigned)l->login_n,
	    SASL_CU_AUTHID | SASL_CU_AUTHZID | SASL_CU_EXTERNALLY_VERIFIED, oparams);
}

static int
plug_step(void *context, sasl_server_params_t *params, const char *in, unsigned n,
    const char **ret_out, unsigned *ret_n, sasl_out_params_t *oparams)
{
	struct sasl_login *l = context;
	struct str token = { in, n }, out = STR("");
	int rc = l->scram.state == SCRAM_FIRST ? step_first(l, token, &out) :
	    step_final(l, params, token, &out, oparams);
	*ret_out = out.p;
	*ret_n = (unsigned)out.n;
	return rc;
}

/* The machine belongs to the login and goes with it. */
static void
plug_dispose(void *context, const sasl_utils_t *utils)
{
	(void)context;
	(void)utils;
}

#define SCRAM_PLUG(name) { \
	.mech_name = (name), .max_ssf = 0, \
	.security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS | SASL_SEC_NOACTIVE | \
	    SASL_SEC_MUTUAL_AUTH, \
	.features = SASL_FEAT_WANT_CLIENT_FIRST | SASL_FEAT_ALLOWS_PROXY, \
	.mech_new = plug_new, .mech_step = plug_step, .mech_dispose = plug_dispose }

int
scram_plugin_init(const sasl_utils_t *utils, int max_version, int *ret_version,
    sasl_server_plug_t **ret_plugs, int *ret_count)
{
	static const sasl_server_plug_t plugs[] = {
		SCRAM_PLUG("SCRAM-SHA-256"), SCRAM_PLUG("SCRAM-SHA-512"),
	};
	(void)utils;
	if (max_version < SASL_SERVER_PLUG_VERSION)
		return SASL_BADVERS;
	*ret_version = SASL_SERVER_PLUG_VERSION;
	/* libsasl2 reads them and does not write. */
	*ret_plugs = (sasl_server_plug_t *)(uintptr_t)plugs;
	*ret_count = 2;
	return SASL_OK;
}
