/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays open to the process: what the configuration names, and what the libraries read of the system. Directories
 * rather than files, so that a certificate may be replaced; those of the start, for what is shut stays shut. A reload
 * that names a file elsewhere is therefore told so before anything of it is taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/parts.h"
#include "security/sandbox.h"

/* Of name service, OpenSSL, Kerberos, libsasl2, libcurl, the C library. */
static const char *const system_places[] = {
	"/etc", "/usr", "/lib", "/lib64", "/run", "/var/lib/sss", "/dev/urandom", "/proc/self", "/proc/sys", "/proc/meminfo",
	"/proc/stat", "/proc/cpuinfo", "/sys/devices/system",
};

/* Where the environment says that such a library finds its files; lists have colons. */
static const char *const variables[] = {
	"KRB5_CONFIG", "KRB5_KTNAME", "GSS_MECH_CONFIG", "OPENSSL_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR", "SASL_PATH",
};

static void
place_variable(struct sandbox *s, const char *name)
{
	const char *value = getenv(name);
	char *copy = mem_strdup(value == NULL ? "" : value), *rest = copy, *one;
	while ((one = strsep(&rest, ":")) != NULL) {
		if (one[0] != '/')
			continue;
		sandbox_file(s, one, SANDBOX_READ);
		sandbox_place(s, one, SANDBOX_READ);
	}
	mem_free(copy);
}

static const char *
path_of(const struct conf_option *opt, const void *base)
{
	return opt->type != OPTION_PATH ? NULL : *(const char *const *)((const char *)base + opt->at);
}

static const char *
path_of_url(const char *url)
{
	return url != NULL && strncmp(url, "file://", 7) == 0 ? url + 7 : NULL;
}

static void
place_listener(struct sandbox *s, const struct conf_listener *l)
{
	for (size_t i = 0; i < listener_option_count; i++) {
		sandbox_file(s, path_of(&listener_options[i], l), SANDBOX_READ);
		sandbox_file(s, l->origins[i].file, SANDBOX_READ);
	}
	sandbox_file(s, path_of_url(l->oauth_jwks_url), SANDBOX_READ);
}

static void
place_all(struct sandbox *s, const struct conf *c)
{
	for (size_t i = 0; i < sizeof(system_places) / sizeof(system_places[0]); i++)
		sandbox_place(s, system_places[i], SANDBOX_READ);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		place_variable(s, variables[i]);
	sandbox_place(s, "/dev/null", SANDBOX_APPEND);
	if (sandbox_is_wide())
		sandbox_file(s, "/proc/self/exe", SANDBOX_READ); /* for the lines of a stack */
	sandbox_file(s, c->file, SANDBOX_READ);
	for (size_t i = 0; i < conf_option_count; i++) {
		sandbox_file(s, c->origins[i].file, SANDBOX_READ);
		if (path_of(&conf_options[i], c) != c->log_dirs && path_of(&conf_options[i], c) != c->audit_file)
			sandbox_file(s, path_of(&conf_options[i], c), SANDBOX_READ);
	}
	for (size_t i = 0; i < c->listener_count; i++)
		place_listener(s, &c->listeners[i]);
	for (size_t i = 0; i < c->sandbox_read.n; i++)
		sandbox_place(s, c->sandbox_read.v[i], SANDBOX_READ);
	sandbox_file(s, c->audit_file, SANDBOX_APPEND);
	sandbox_place(s, c->log_dirs, SANDBOX_WRITE);
}

/* Whether it goes on without: told of, and an error where it must not. */
static int
not_held(struct broker *b, int err, const char *what, struct why *why)
{
	if (b->conf->sandbox != CONF_SANDBOX_ALWAYS) {
		ev_warn(&b->ev, "sandbox: %s are not held back: %s", what, why->text);
		return 0;
	}
	why_prefix(why, "sandbox: %s cannot be held back", what);
	return err;
}

int
part_sandbox_start(struct broker *b, struct why *why)
{
	if (b->conf->sandbox == CONF_SANDBOX_NEVER) {
		ev_warn(&b->ev, "sandbox: never: whoever takes this process over has all of its user's rights");
		return 0;
	}
	b->sandbox = sandbox_create();
	place_all(b->sandbox, b->conf);
	int files = sandbox_hold_files(b->sandbox, why);
	int err = files == 0 ? 0 : not_held(b, files, "files", why);
	if (files != 0)
		sandbox_destroy(&b->sandbox);
	int calls = err != 0 ? err : sandbox_hold_calls(why);
	if (err == 0 && calls != 0)
		err = not_held(b, calls, "system calls", why);
	if (err == 0 && files == 0)
		ev_notice(&b->ev, "sandbox: files: written below log.dirs%s alone, read there, in the system's directories and beside "
		    "what the configuration names (landlock)", b->conf->audit_file == NULL ? "" : " and beside audit.file");
	if (err == 0 && calls == 0)
		ev_notice(&b->ev, "sandbox: system calls: those of a broker alone, and no other program (seccomp)%s",
		    sandbox_is_wide() ? "; wider, for its sanitizers" : "");
	return err;
}

void
part_sandbox_stop(struct broker *b)
{
	parts_tick_sandbox(b);
	sandbox_destroy(&b->sandbox);
}

void
parts_tick_sandbox(struct broker *b)
{
	char name[SANDBOX_NAME];
	unsigned times;
	while (sandbox_refused(name, &times))
		ev_err(&b->ev, "sandbox: the system call %s was refused, %u times: please report it; sandbox: never goes without",
		    name, times);
}

static int
outside(const char *option, const char *path, struct why *why)
{
	return why_set(why, ERR_DENIED, "%s: %s lies outside of what the sandbox left open at the start: restart, or name "
	    "its directory in sandbox.read and restart once", option, path);
}

static int
check_path(const struct broker *b, const struct conf_option *opt, const void *base, struct why *why)
{
	const char *path = path_of(opt, base);
	if (path == NULL || !(opt->flags & OPTION_LIVE) || sandbox_reaches(b->sandbox, path))
		return 0;
	return outside(opt->name, path, why);
}

int
part_sandbox_prepare(struct broker *b, struct conf *conf, struct why *why)
{
	int err = 0;
	if (b->sandbox == NULL)
		return 0;
	for (size_t i = 0; i < conf_option_count && err == 0; i++)
		err = check_path(b, &conf_options[i], conf, why);
	for (size_t k = 0; k < conf->listener_count && err == 0; k++) {
		const char *keys = path_of_url(conf->listeners[k].oauth_jwks_url);
		if (keys != NULL && !sandbox_reaches(b->sandbox, keys))
			err = outside("sasl.oauthbearer.jwks.endpoint.url", keys, why);
		for (size_t i = 0; i < listener_option_count && err == 0; i++)
			err = check_path(b, &listener_options[i], &conf->listeners[k], why);
	}
	return err;
}
