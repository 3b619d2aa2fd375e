/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One acceptor credential per keytab, for any principal in it, so that no host
 * name has to match. Keytab and replay cache are named in the credential and
 * not in the environment, which is the process's; MIT's default cache in
 * /var/tmp is never opened.
 */
#include "security/gss.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdbool.h>

#include "base/mem.h"

struct gss_keys {
	gss_cred_id_t cred;
};

/* Kerberos' words for an error, which name the file. */
static int
explain(struct why *why, const char *keytab, OM_uint32 minor)
{
	OM_uint32 ignored, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	if (gss_display_status(&ignored, minor, GSS_C_MECH_CODE,
	    (gss_OID)(uintptr_t)gss_mech_krb5, &more, &text) != GSS_S_COMPLETE)
		return why_set(why, ERR_IO, "keytab %s cannot be used", keytab);
	why_set(why, ERR_IO, "keytab %s: %.*s", keytab, (int)text.length, (char *)text.value);
	gss_release_buffer(&ignored, &text);
	return ERR_IO;
}

int
gss_keys_open(const char *keytab, const char *rcache, struct gss_keys **ret, struct why *why)
{
	bool own = keytab != NULL && keytab[0] != '\0';
	gss_key_value_element_desc element[] = { { "rcache", rcache }, { "keytab", keytab } };
	gss_key_value_set_desc store = { own ? 2 : 1, element };
	gss_OID_set_desc mechs = { 1, (gss_OID)(uintptr_t)gss_mech_krb5 };
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	OM_uint32 minor;

	OM_uint32 major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs,
	    GSS_C_ACCEPT, &store, &cred, NULL, NULL);
	if (major != GSS_S_COMPLETE)
		return explain(why, own ? keytab : "of the system", minor);
	*ret = MEM_NEW(struct gss_keys);
	(*ret)->cred = cred;
	return 0;
}

void
gss_keys_close(struct gss_keys **keys)
{
	OM_uint32 minor;
	if (*keys == NULL)
		return;
	gss_release_cred(&minor, &(*keys)->cred);
	mem_free(*keys);
	*keys = NULL;
}

const void *
gss_keys_handle(const struct gss_keys *keys)
{
	return keys->cred;
}

int
gss_default_realm(char **ret)
{
	krb5_context context;
	char *realm;
	if (krb5_init_context(&context) != 0)
		return ERR_NOTFOUND;
	int err = krb5_get_default_realm(context, &realm) == 0 ? 0 : ERR_NOTFOUND;
	if (err == 0) {
		*ret = mem_strdup(realm);
		krb5_free_default_realm(context, realm);
	}
	krb5_free_context(context);
	return err;
}
