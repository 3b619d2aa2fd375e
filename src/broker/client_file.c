/* SPDX-License-Identifier: Apache-2.0
 *
 * Two notations with two ways of escaping: librdkafka's has none, so values
 * that need some are refused; Java's is a JAAS string inside of a property. */
#include "broker/client_file.h"

#include <stdbool.h>
#include <string.h>

#include "base/fs.h"
#include "base/rand.h"

void
password_make(char out[PASSWORD_TEXT])
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";
	for (size_t i = 0; i + 1 < PASSWORD_TEXT; i++)
		out[i] = set[rand_below(sizeof(set) - 1)];
	out[PASSWORD_TEXT - 1] = '\0';
}

static bool
survives(const char *s)
{
	struct str t = str_from(s);
	return t.n > 0 && strpbrk(s, "\r\n") == NULL && str_trim(t).n == t.n;
}

static int
add_line(struct buf *ret, const char *key, const char *value)
{
	if (value == NULL)
		return 0;
	return survives(value) ? buf_printf(ret, "%s=%s\n", key, value) : ERR_INVAL;
}

int
client_file_rdkafka(const struct client_file *cf, struct buf *ret)
{
	const struct { const char *key, *value; } lines[] = {
		{ "bootstrap.servers", cf->bootstrap },
		{ "security.protocol", cf->protocol },
		{ "ssl.ca.location", cf->ca_path },
		{ "sasl.mechanisms", cf->mechanism },
		{ "sasl.username", cf->mechanism != NULL ? cf->login : NULL },
		{ "sasl.password", cf->mechanism != NULL ? cf->password : NULL },
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < sizeof(lines) / sizeof(lines[0]); i++)
		err = add_line(ret, lines[i].key, lines[i].value);
	return err;
}

/* A value of a property: backslashes doubled, line breaks as \n. */
static int
add_property(struct buf *ret, struct str s)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < s.n; i++) {
		if (s.p[i] == '\n')
			err = buf_add_str(ret, STR("\\n"));
		else if (s.p[i] == '\\')
			err = buf_add_str(ret, STR("\\\\"));
		else if (s.p[i] != '\r')
			err = buf_add(ret, s.p + i, 1);
	}
	return err;
}

/* A string in JAAS: quotes and backslashes behind a backslash. */
static int
add_jaas(struct buf *ret, const char *key, const char *value)
{
	int err = buf_printf(ret, " %s=\"", key);
	for (const char *c = value; err == 0 && *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			err = buf_add_str(ret, STR("\\"));
		if (err == 0)
			err = buf_add(ret, c, 1);
	}
	return err != 0 ? err : buf_add_str(ret, STR("\""));
}

static int
add_login(const struct client_file *cf, struct buf *ret)
{
	struct buf jaas;
	const char *module = strcmp(cf->mechanism, "PLAIN") == 0 ? "plain.PlainLoginModule" :
	    "scram.ScramLoginModule";
	if (cf->login == NULL || cf->password == NULL || !survives(cf->login) || !survives(cf->password))
		return ERR_INVAL;
	buf_init(&jaas, 8192);
	int err = buf_printf(&jaas, "org.apache.kafka.common.security.%s required", module);
	if (err == 0)
		err = add_jaas(&jaas, "username", cf->login);
	if (err == 0)
		err = add_jaas(&jaas, "password", cf->password);
	if (err == 0)
		err = buf_add_str(&jaas, STR(";"));
	if (err == 0)
		err = buf_printf(ret, "sasl.mechanism=%s\nsasl.jaas.config=", cf->mechanism);
	if (err == 0)
		err = add_property(ret, buf_str(&jaas));
	if (err == 0)
		err = buf_add_str(ret, STR("\n"));
	buf_free_secret(&jaas);
	return err;
}

int
client_file_java(const struct client_file *cf, struct buf *ret)
{
	int err = buf_printf(ret, "bootstrap.servers=%s\nsecurity.protocol=%s\n", cf->bootstrap,
	    cf->protocol);
	if (err == 0 && cf->mechanism != NULL)
		err = add_login(cf, ret);
	if (err != 0 || cf->ca_pem.p == NULL)
		return err;
	err = buf_add_str(ret, STR("ssl.truststore.type=PEM\nssl.truststore.certificates="));
	if (err == 0)
		err = add_property(ret, cf->ca_pem);
	return err != 0 ? err : buf_add_str(ret, STR("\n"));
}

int
client_file_write(const char *path, const struct client_file *cf, struct why *why)
{
	static const char java[] = ".properties";
	struct buf text;
	size_t n = strlen(path), k = sizeof(java) - 1;
	bool is_java = n > k && strcmp(path + n - k, java) == 0;
	buf_init(&text, 1 << 20);
	int err = is_java ? client_file_java(cf, &text) : client_file_rdkafka(cf, &text);
	if (err == ERR_INVAL)
		why_set(why, err, "%s: a name or password with line breaks or with spaces at its ends "
		    "cannot stand in this file", path);
	else if (err == 0) {
		err = fs_replace(path, text.p, text.n);
		if (err != 0)
			why_set(why, err, "%s: %s", path, err_text(err));
	}
	buf_free_secret(&text);
	return err;
}
