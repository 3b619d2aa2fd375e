/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <dlfcn.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* These stand before the libraries' own: what libsasl2 is told of locks, what it
 * would say behind our back, what it leaves to be sent after a failure, which of
 * its files it reads, and where random bytes come from. */
static struct {
	sasl_mutex_alloc_t *alloc;
	sasl_mutex_lock_t *lock;
	sasl_mutex_unlock_t *unlock;
	sasl_mutex_free_t *free;
	bool first;
} mutexes;
static _Atomic unsigned syslogs;
static bool leaves_bytes;
static _Atomic unsigned confs;
static _Thread_local struct {
	uint8_t bytes[64];
	size_t n;
} kernel_random;

void
sasl_set_mutex(sasl_mutex_alloc_t *alloc, sasl_mutex_lock_t *lock, sasl_mutex_unlock_t *unlock,
    sasl_mutex_free_t *release)
{
	void (*next)(sasl_mutex_alloc_t *, sasl_mutex_lock_t *, sasl_mutex_unlock_t *, sasl_mutex_free_t *);
	*(void **)&next = dlsym(RTLD_NEXT, "sasl_set_mutex");
	mutexes.alloc = alloc;
	mutexes.lock = lock;
	mutexes.unlock = unlock;
	mutexes.free = release;
	mutexes.first = sasl_global_listmech() == NULL;
	next(alloc, lock, unlock, release);
}

/* Not by <syslog.h>, which makes the one a macro for the other where clang fortifies. */
void syslog(int priority, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...);

void
syslog(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
	syslogs++;
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	(void)priority;
	(void)flag;
	(void)format;
	syslogs++;
}

static int
leave_bytes(int rc, const char **out, unsigned *n)
{
	if (leaves_bytes && rc != SASL_OK && rc != SASL_CONTINUE) {
		*out = "what was freed";
		*n = 14;
	}
	return rc;
}

int
sasl_server_start(sasl_conn_t *conn, const char *mech, const char *in, unsigned in_n, const char **out,
    unsigned *n)
{
	int (*next)(sasl_conn_t *, const char *, const char *, unsigned, const char **, unsigned *);
	*(void **)&next = dlsym(RTLD_NEXT, "sasl_server_start");
	return leave_bytes(next(conn, mech, in, in_n, out, n), out, n);
}

int
sasl_server_step(sasl_conn_t *conn, const char *in, unsigned in_n, const char **out, unsigned *n)
{
	int (*next)(sasl_conn_t *, const char *, unsigned, const char **, unsigned *);
	*(void **)&next = dlsym(RTLD_NEXT, "sasl_server_step");
	return leave_bytes(next(conn, in, in_n, out, n), out, n);
}

ssize_t
getrandom(void *p, size_t n, unsigned flags)
{
	ssize_t (*next)(void *, size_t, unsigned);
	*(void **)&next = dlsym(RTLD_NEXT, "getrandom");
	ssize_t got = next(p, n, flags);
	if (got > 0 && (size_t)got <= sizeof(kernel_random.bytes)) {
		memcpy(kernel_random.bytes, p, (size_t)got);
		kernel_random.n = (size_t)got;
	}
	return got;
}

FILE *
fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *);
	*(void **)&next = dlsym(RTLD_NEXT, "fopen");
	confs += strstr(path, "sasl") != NULL && strstr(path, ".conf") != NULL;
	return next(path, mode);
}

/* A password store that somebody put on the system: it knows everybody. */
static unsigned store_asked;

static int
store_lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned n)
{
	(void)glob;
	(void)flags;
	(void)user;
	(void)n;
	store_asked++;
	return params->utils->prop_set(params->propctx, SASL_AUX_PASSWORD, "theirs", 0);
}

static int
store_init(const sasl_utils_t *utils, int max_version, int *ret_version, sasl_auxprop_plug_t **ret,
    const char *name)
{
	static sasl_auxprop_plug_t plug = { .auxprop_lookup = store_lookup, .name = (char *)(uintptr_t)"store" };
	(void)utils;
	(void)max_version;
	(void)name;
	*ret_version = SASL_AUXPROP_PLUG_VERSION;
	*ret = &plug;
	return SASL_OK;
}
