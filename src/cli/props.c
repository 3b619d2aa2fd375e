/* SPDX-License-Identifier: Apache-2.0
 *
 * One key=value a line; the first '=' divides. Each key that we know is a row
 * with the member that it fills. */
#include "cli/props.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

#define FILE_MAX 65536

struct raw {
	const char *bootstrap, *protocol, *mechanism, *user, *password, *service;
	const char *ca, *cert, *key, *key_password, *identification;
	const char *jaas;		/* of a Java file, which is not for us */
};

static const struct {
	const char *key;
	size_t at;
} rows[] = {
	{ "bootstrap.servers", offsetof(struct raw, bootstrap) },
	{ "metadata.broker.list", offsetof(struct raw, bootstrap) },
	{ "security.protocol", offsetof(struct raw, protocol) },
	{ "sasl.mechanisms", offsetof(struct raw, mechanism) },
	{ "sasl.mechanism", offsetof(struct raw, mechanism) },
	{ "sasl.username", offsetof(struct raw, user) },
	{ "sasl.password", offsetof(struct raw, password) },
	{ "sasl.kerberos.service.name", offsetof(struct raw, service) },
	{ "ssl.ca.location", offsetof(struct raw, ca) },
	{ "ssl.certificate.location", offsetof(struct raw, cert) },
	{ "ssl.key.location", offsetof(struct raw, key) },
	{ "ssl.key.password", offsetof(struct raw, key_password) },
	{ "ssl.endpoint.identification.algorithm", offsetof(struct raw, identification) },
	{ "sasl.jaas.config", offsetof(struct raw, jaas) },
};

static void
take(struct raw *raw, struct str key, struct str value, struct arena *arena)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_is(key, rows[i].key))
			*(const char **)((char *)raw + rows[i].at) = arena_str(arena, value).p;
}

static int
parse(struct str text, struct raw *raw, const char *file, struct arena *arena, struct why *why)
{
	struct str line, key;
	for (unsigned number = 1; text.p != NULL; number++) {
		str_cut(&text, '\n', &line);
		line = str_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!str_cut(&line, '=', &key))
			return why_set(why, ERR_INVAL, "%s:%u: key=value is expected", file, number);
		take(raw, str_trim(key), str_trim(line), arena);
	}
	return 0;
}

static bool
is(const char *value, const char *word)
{
	return value != NULL && strcasecmp(value, word) == 0;
}

static int
check_login(const struct raw *raw, struct props *p, struct why *why)
{
	p->mechanism = p->sasl ? raw->mechanism : NULL;
	if (!p->sasl)
		return 0;
	if (p->mechanism == NULL)
		return why_set(why, ERR_INVAL, "%s: sasl.mechanisms is missing, such as SCRAM-SHA-256", p->file);
	if (strcmp(p->mechanism, "GSSAPI") == 0)
		return 0;
	if (p->user == NULL && raw->jaas != NULL)
		return why_set(why, ERR_INVAL, "%s is a client file for Java: name one that ends in .conf", p->file);
	if (p->user == NULL || p->password == NULL)
		return why_set(why, ERR_INVAL, "%s: sasl.username and sasl.password are missing", p->file);
	if (!p->tls && strcmp(p->mechanism, "PLAIN") == 0)
		return why_set(why, ERR_INVAL, "%s: PLAIN without TLS would show the password to everybody on "
		    "the way: set security.protocol=SASL_SSL", p->file);
	return 0;
}

static int
check(const struct raw *raw, struct props *p, struct why *why)
{
	const char *protocol = raw->protocol != NULL ? raw->protocol : "PLAINTEXT";
	p->tls = is(protocol, "SASL_SSL") || is(protocol, "SSL");
	p->sasl = is(protocol, "SASL_SSL") || is(protocol, "SASL_PLAINTEXT");
	if (!p->tls && !p->sasl && !is(protocol, "PLAINTEXT"))
		return why_set(why, ERR_INVAL, "%s: security.protocol=%s is none of SASL_SSL, SSL, "
		    "SASL_PLAINTEXT, PLAINTEXT", p->file, protocol);
	p->bootstrap = raw->bootstrap;
	p->user = raw->user;
	p->password = raw->password;
	p->service = raw->service != NULL ? raw->service : "kafka";
	p->ca = raw->ca;
	p->cert = raw->cert;
	p->key = raw->key;
	p->key_password = raw->key_password;
	p->any_host = is(raw->identification, "none");
	if (p->bootstrap == NULL)
		return why_set(why, ERR_INVAL, "%s: bootstrap.servers is missing", p->file);
	return check_login(raw, p, why);
}

int
props_load(const char *file, struct arena *arena, struct props *ret, struct why *why)
{
	struct raw raw = { .bootstrap = NULL };
	struct props p = { .file = arena_str(arena, str_from(file)).p };
	char *text;
	size_t n;
	int err = fs_slurp(file, FILE_MAX, &text, &n);
	if (err != 0)
		return why_set(why, err, "%s: %s; name a client file by -F FILE (schlossd init and schlossctl "
		    "user create --conf make them)", file, err_text(err));
	err = parse((struct str){ text, n }, &raw, p.file, arena, why);
	mem_cleanse(text, n);
	mem_free(text);
	if (err == 0)
		err = check(&raw, &p, why);
	if (err == 0)
		*ret = p;
	return err;
}

const char *
props_default(struct arena *arena)
{
	const char *named = getenv("SCHLOSSCTL_CONF"), *home = getenv("HOME");
	if (named != NULL && named[0] != '\0')
		return named;
	if (home == NULL || home[0] == '\0')
		return NULL;
	return arena_printf(arena, "%s/.config/schloss/admin.conf", home).p;
}
