/* SPDX-License-Identifier: Apache-2.0 */
/* A few words each, looked at in turn: a listener has tenants by the dozen, and a login costs far more. */
#include "security/binds.h"

#include <string.h>

#include "base/be.h"
#include "base/mem.h"
#include "security/mapping.h"
#include "security/names.h"

struct bind {
	struct str tenant, name;	/* views of text */
	char *text;
};

struct bind_list {
	struct bind *v;
	size_t n;
};

struct binds {
	struct bind_list server_names, realms;
	struct ssl_rules *certificates;	/* NULL: none */
};

/* ---- server names ---- */

static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Small letters, at most SERVER_NAME_MAX of them, and none of its labels is empty. */
static bool
is_host(struct str s)
{
	bool ok = s.n > 0 && s.n <= SERVER_NAME_MAX && s.p[0] != '.' && s.p[s.n - 1] != '.';
	for (size_t i = 0; i < s.n && ok; i++)
		ok = is_host_char(s.p[i]) && (s.p[i] != '.' || s.p[i + 1] != '.');
	return ok;
}

enum { LIST_LENGTH = 2, ENTRY_HEAD = 3, TYPE_HOST = 0 };

int
server_name_parse(const uint8_t *p, size_t n, char ret[SERVER_NAME_MAX + 1])
{
	char name[SERVER_NAME_MAX + 1];
	if (n < LIST_LENGTH + ENTRY_HEAD || be_get(p, 2) != n - LIST_LENGTH || p[LIST_LENGTH] != TYPE_HOST)
		return ERR_CORRUPT;
	size_t len = n - LIST_LENGTH - ENTRY_HEAD;
	if (be_get(p + LIST_LENGTH + 1, 2) != len)
		return ERR_CORRUPT;
	const char *host = (const char *)p + LIST_LENGTH + ENTRY_HEAD;
	len -= len > 0 && host[len - 1] == '.';
	if (len > SERVER_NAME_MAX)
		return ERR_INVAL;
	for (size_t i = 0; i < len; i++)
		name[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i];
	name[len] = '\0';
	if (!is_host((struct str){ name, len }))
		return ERR_INVAL;
	memcpy(ret, name, len + 1);
	return 0;
}

/* "*.acme.example" is each name with one more label before ".acme.example". */
static bool
host_matches(struct str pattern, struct str host)
{
	if (pattern.p[0] != '*')
		return str_eq(pattern, host);
	const char *dot = memchr(host.p, '.', host.n);
	if (dot == NULL)
		return false;
	size_t label = (size_t)(dot - host.p);
	return str_eq((struct str){ pattern.p + 1, pattern.n - 1 }, (struct str){ dot, host.n - label });
}

static bool
host_pattern_ok(struct str s)
{
	bool any = s.n > 2 && s.p[0] == '*' && s.p[1] == '.';
	return is_host(any ? (struct str){ s.p + 2, s.n - 2 } : s);
}

/* ---- realms ---- */

static bool
realm_ok(struct str s)
{
	return s.n > 0 && memchr(s.p, '@', s.n) == NULL && memchr(s.p, '/', s.n) == NULL;
}

/* ---- the words ---- */

static void
free_list(struct bind_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		mem_free(list->v[i].text);
	mem_free(list->v);
}

static int
take_word(struct bind_list *list, const char *word, bool (*ok)(struct str), struct why *why)
{
	struct bind *b = &list->v[list->n];
	*b = (struct bind){ .text = mem_strdup(word) };
	b->name = str_from(b->text);
	list->n++;
	str_cut(&b->name, '=', &b->tenant);
	if (b->name.p == NULL || !tenant_name_valid(b->tenant) || !ok(b->name))
		return why_set(why, ERR_INVAL, "\"%s\" is not TENANT=NAME, with the name of a tenant", word);
	for (size_t i = 0; i + 1 < list->n; i++)
		if (str_eq(list->v[i].name, b->name))
			return why_set(why, ERR_INVAL, "%.*s stands twice", STR_ARG(b->name));
	return 0;
}

static int
take_words(struct bind_list *list, const char *const *words, size_t n, bool (*ok)(struct str), struct why *why)
{
	int err = 0;
	list->v = mem_zalloc((n + 1) * sizeof(*list->v));
	for (size_t i = 0; i < n && err == 0; i++)
		err = take_word(list, words[i], ok, why);
	return err;
}

int
binds_open(const struct binds_setup *setup, struct binds **ret, const char **ret_option, struct why *why)
{
	if (setup->server_names_n == 0 && setup->realms_n == 0 && setup->certificate_rules == NULL) {
		*ret = NULL;
		return 0;
	}
	struct binds *b = MEM_NEW(struct binds);
	const char *option = "tenant.server.names";
	int err = take_words(&b->server_names, setup->server_names, setup->server_names_n, host_pattern_ok, why);
	if (err == 0) {
		option = "tenant.realms";
		err = take_words(&b->realms, setup->realms, setup->realms_n, realm_ok, why);
	}
	if (err == 0 && setup->certificate_rules != NULL) {
		option = "tenant.certificate.rules";
		err = ssl_rules_parse(str_from(setup->certificate_rules), &b->certificates, why);
	}
	if (err != 0) {
		*ret_option = option;
		binds_close(&b);
		return err;
	}
	*ret = b;
	return 0;
}

void
binds_close(struct binds **binds)
{
	struct binds *b = *binds;
	*binds = NULL;
	if (b == NULL)
		return;
	free_list(&b->server_names);
	free_list(&b->realms);
	ssl_rules_destroy(&b->certificates);
	mem_free(b);
}

bool
binds_server_name(const struct binds *b, struct str server_name, struct str *ret_tenant)
{
	const struct bind *any = NULL;
	for (size_t i = 0; b != NULL && server_name.n > 0 && i < b->server_names.n; i++) {
		const struct bind *one = &b->server_names.v[i];
		if (!host_matches(one->name, server_name))
			continue;
		any = one;
		if (one->name.p[0] != '*') /* the name itself is more than a pattern */
			break;
	}
	if (any != NULL)
		*ret_tenant = any->tenant;
	return any != NULL;
}

bool
binds_realm(const struct binds *b, struct str realm, struct str *ret_tenant)
{
	for (size_t i = 0; b != NULL && i < b->realms.n; i++) {
		if (!str_eq(b->realms.v[i].name, realm))
			continue;
		*ret_tenant = b->realms.v[i].tenant;
		return true;
	}
	return false;
}

int
binds_certificate(const struct binds *b, struct str subject, struct buf *ret)
{
	return b == NULL || b->certificates == NULL ? ERR_NOTFOUND : ssl_rules_map(b->certificates, subject, ret);
}
