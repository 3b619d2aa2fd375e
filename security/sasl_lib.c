/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsasl2, tamed. By itself it would load every plugin on the system, read
 * /etc/sasl2, ask sasldb and LDAP for passwords, log to syslog and guard its
 * lists with locks that do nothing. The callbacks here leave it PLAIN, GSSAPI
 * and our SCRAM, answer its options from a table, and give it real mutexes.
 */
#include <stdio.h>
#include <stdlib.h>


#include "base/mem.h"
#include "security/sasl_private.h"

struct sasl_lib {
	struct event ev;
	sasl_callback_t callbacks[4];
};

/* Everything that libsasl2 and its plugins may ask; what is not here has no value. */
static const struct {
	const char *option, *value;
} options[] = {
	{ "mech_list", "SCRAM-SHA-256 SCRAM-SHA-512 PLAIN GSSAPI" },
	/* No password store: ours is asked by callback, and these name none. */
	{ "auxprop_plugin", "none" },
	{ "pwcheck_method", "none" },
	{ "auto_transition", "no" },
	{ "log_level", "3" },
};

static int
get_option(void *context, const char *plugin, const char *option, const char **result,
    unsigned *len)
{
	(void)context;
	(void)plugin;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!str_is(str_from(option), options[i].option))
			continue;
		*result = options[i].value;
		if (len != NULL)
			*len = (unsigned)str_from(options[i].value).n;
		return SASL_OK;
	}
	return SASL_FAIL;
}

/* Of the plugin directory only these are loaded; of configuration nothing. */
static int
verify_file(void *context, const char *file, sasl_verify_type_t type)
{
	static const char *const wanted[] = { "libplain.", "libgssapiv2." };
	(void)context;
	const char *slash = strrchr(file, '/');
	struct str name = str_from(slash == NULL ? file : slash + 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (type == SASL_VRFY_PLUGIN && str_starts(name, str_from(wanted[i])))
			return SASL_OK;
	return SASL_CONTINUE;
}

bool
sasl_say(const struct event *ev, int level, const char *message)
{
	struct event line;
	/* TRACE and PASS would show tokens and passwords. */
	if (message == NULL || level == SASL_LOG_NONE || level >= SASL_LOG_TRACE)
		return false;
	event_child(&line, ev, "text", str_from(message));
	ev_debug(&line, "libsasl2 says");
	return true;
}

static int
log_line(void *context, int level, const char *message)
{
	(void)sasl_say(&((struct sasl_lib *)context)->ev, level, message);
	return SASL_OK;
}

static void *
mutex_alloc(void)
{
	pthread_mutex_t *m = MEM_NEW(pthread_mutex_t);
	pthread_mutex_init(m, NULL);
	return m;
}

static int
mutex_lock(void *m)
{
	return pthread_mutex_lock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static int
mutex_unlock(void *m)
{
	return pthread_mutex_unlock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static void
mutex_free(void *m)
{
	pthread_mutex_destroy(m);
	mem_free(m);
}

int
sasl_lib_create(const struct event *ev, struct sasl_lib **ret, struct why *why)
{
	if (sasl_global_listmech() != NULL)
		return why_set(why, ERR_BUSY, "libsasl2 is in use already");
	struct sasl_lib *lib = MEM_NEW(struct sasl_lib);
	event_child(&lib->ev, ev, "part", STR("sasl"));
	lib->callbacks[0] = (sasl_callback_t){ SASL_CB_GETOPT, SASL_PROC(get_option), lib };
	lib->callbacks[1] = (sasl_callback_t){ SASL_CB_VERIFYFILE, SASL_PROC(verify_file), lib };
	lib->callbacks[2] = (sasl_callback_t){ SASL_CB_LOG, SASL_PROC(log_line), lib };
	lib->callbacks[3] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	sasl_set_mutex(mutex_alloc, mutex_lock, mutex_unlock, mutex_free);
	/* No application name: so no /etc/sasl2/NAME.conf. */
	int rc = sasl_server_init(lib->callbacks, NULL);
	if (rc == SASL_OK)
		rc = sasl_server_add_plugin("SCHLOSS-SCRAM", scram_plugin_init);
	if (rc != SASL_OK) {
		why_set(why, ERR_UNSUPPORTED, "libsasl2 does not start: %s",
		    sasl_errstring(rc, NULL, NULL));
		sasl_server_done();
		mem_free(lib);
		return ERR_UNSUPPORTED;
	}
	*ret = lib;
	return 0;
}

void
sasl_lib_destroy(struct sasl_lib **lib)
{
	if (*lib == NULL)
		return;
	sasl_server_done();
	mem_free(*lib);
	*lib = NULL;
}

int
sasl_lib_check(const struct sasl_lib *lib, uint32_t mechanisms, struct why *why)
{
	(void)lib;
	for (unsigned m = 0; m < MECH_COUNT; m++) {
		/* Ours are always there; the list was made before SCRAM was registered. */
		bool there = m == MECH_SCRAM_SHA_256 || m == MECH_SCRAM_SHA_512 || m == MECH_OAUTHBEARER;
		if ((mechanisms & MECH_BIT(m)) == 0 || !mech_is_sasl(m))
			continue;
		for (const char **p = sasl_global_listmech(); p != NULL && *p != NULL; p++)
			there |= str_is(str_from(*p), mech_name(m));
		if (!there)
			return why_set(why, ERR_UNSUPPORTED, "libsasl2 has no %s: install "
			    "its plugin (Debian: %s)", mech_name(m), m == MECH_GSSAPI ?
			    "libsasl2-modules-gssapi-mit" : "libsasl2-modules");
	}
	return 0;
}
