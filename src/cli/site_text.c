/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the texts of a file and what requests carry: paths, rules, whose quotas, keys. Each text is
 * the only one for what it says, or an export could not be compared. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acl/text.h"
#include "base/when.h"
#include "cli/site.h"
#include "security/cred.h"
#include "security/scram_keys.h"

struct str
site_path(struct arena *arena, struct str tenant, struct str name)
{
	return str_is(name, "/") ? arena_printf(arena, "/%.*s", STR_ARG(tenant)) :
	    arena_printf(arena, "/%.*s/%.*s", STR_ARG(tenant), STR_ARG(name));
}

static const struct str until_word = { "until ", 6 };

struct str
site_rule_end(struct arena *arena, int64_t until_ms)
{
	char text[WHEN_TEXT];
	return until_ms == 0 ? STR("") : arena_printf(arena, "until %s", when_format(until_ms, text));
}

int64_t
site_rule_until(const struct site_fact *f)
{
	int64_t ms = 0;
	struct str s = f->value;
	if (str_starts(s, until_word))
		(void)when_parse((struct str){ s.p + until_word.n, s.n - until_word.n }, &ms);
	return ms;
}

/* A rule's text has one operation, but "x" would be three: there is one binding, or it is no such text. */
struct one {
	struct arena *arena;
	struct acl_binding b;
	int n;
};

static int
take_one(const struct acl_binding *b, void *arg)
{
	struct one *one = arg;
	one->b = *b;
	one->b.name = arena_str(one->arena, b->name);
	one->b.principal = arena_str(one->arena, b->principal);
	one->b.host = arena_str(one->arena, b->host);
	one->n++;
	return 0;
}

int
site_rule(struct arena *arena, const struct site_fact *f, struct acl_binding *ret, struct why *why)
{
	struct acl_path path;
	struct acl_binding on;
	struct one one = { .arena = arena };
	int err = acl_path_parse(arena, site_path(arena, f->tenant, f->name), &path, why);
	if (err == 0)
		err = acl_path_binding(&path, &on, why);
	if (err == 0)
		err = acl_rule_text_parse(arena, f->attr, &on, take_one, &one, why);
	if (err == 0 && one.n != 1)
		err = why_set(why, ERR_INVAL, "one operation is expected");
	one.b.until_ms = site_rule_until(f);
	if (err == 0)
		*ret = one.b;
	return err;
}

/* ---- whose quotas ---- */

static struct str
part_text(struct arena *arena, bool dflt, struct str name)
{
	struct str s = STR("");
	if (dflt)
		return STR("*");
	if (str_is(name, "*"))
		return STR("%2A");
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '%' || name.p[i] == '/')
			s = arena_printf(arena, "%.*s%%%02X", STR_ARG(s), (unsigned)(unsigned char)name.p[i]);
		else
			s = arena_printf(arena, "%.*s%c", STR_ARG(s), name.p[i]);
	return s;
}

struct str
site_whose_text(struct arena *arena, const struct site_whose *w)
{
	struct str s = w->tenant ? STR("tenant") : STR("");
	if (w->ip.there)
		return arena_printf(arena, "addresses/%.*s", STR_ARG(part_text(arena, w->ip.dflt, w->ip.name)));
	if (w->user.there)
		s = arena_printf(arena, "users/%.*s", STR_ARG(part_text(arena, w->user.dflt, w->user.name)));
	if (w->client.there)
		s = arena_printf(arena, "%.*s%sclients/%.*s", STR_ARG(s), s.n > 0 ? "/" : "",
		    STR_ARG(part_text(arena, w->client.dflt, w->client.name)));
	return s;
}

static int
part_parse(struct arena *arena, struct str text, bool *ret_dflt, struct str *ret)
{
	char *out = arena_alloc(arena, text.n + 1);
	size_t n = 0;
	*ret_dflt = str_is(text, "*");
	for (size_t i = 0; i < text.n; i++) {
		char hex[3] = { 0 };
		if (text.p[i] != '%') {
			out[n++] = text.p[i];
			continue;
		}
		if (i + 2 >= text.n)
			return ERR_INVAL;
		memcpy(hex, text.p + i + 1, 2);
		if (strcmp(hex, "25") != 0 && strcmp(hex, "2F") != 0 && strcmp(hex, "2A") != 0)
			return ERR_INVAL;
		out[n++] = (char)strtol(hex, NULL, 16);
		i += 2;
	}
	out[n] = '\0';
	*ret = *ret_dflt ? STR_NULL : (struct str){ out, n };
	return text.n > 0 ? 0 : ERR_INVAL;
}

/* "users", "clients" or "addresses", and which. */
static int
take_part(struct arena *arena, struct str word, struct str name, struct site_whose *w)
{
	if (w->client.there || w->ip.there) /* nothing stands behind these */
		return ERR_INVAL;
	if (str_is(word, "clients")) {
		w->client.there = true;
		return part_parse(arena, name, &w->client.dflt, &w->client.name);
	}
	if (w->user.there)
		return ERR_INVAL;
	if (str_is(word, "users")) {
		w->user.there = true;
		return part_parse(arena, name, &w->user.dflt, &w->user.name);
	}
	w->ip.there = true;
	return str_is(word, "addresses") ? part_parse(arena, name, &w->ip.dflt, &w->ip.name) : ERR_INVAL;
}

int
site_whose_parse(struct arena *arena, struct str text, struct site_whose *ret)
{
	struct site_whose w = { .tenant = str_is(text, "tenant") };
	struct str rest = text, word, name;
	int err = 0;
	while (!w.tenant && err == 0 && rest.p != NULL) {
		if (!str_cut(&rest, '/', &word))
			return ERR_INVAL;
		str_cut(&rest, '/', &name);
		err = take_part(arena, word, name, &w);
	}
	if (err == 0 && !str_eq(site_whose_text(arena, &w), text)) /* another way to write the same */
		err = ERR_INVAL;
	if (err == 0)
		*ret = w;
	return err;
}

/* The shortest that is the same number. */
struct str
site_number(struct arena *arena, double value)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return arena_str(arena, str_from(text));
}

/* ---- keys ---- */

static const char *
base64(struct arena *arena, struct bytes b)
{
	char *out = arena_zalloc(arena, (b.n + 2) / 3 * 4 + 1);
	(void)EVP_EncodeBlock((unsigned char *)out, b.p, (int)b.n);
	return out;
}

struct str
site_key_text(struct arena *arena, const struct site_key *key)
{
	return arena_printf(arena, "%d %s %s %s", key->iterations, base64(arena, key->salt), base64(arena, key->stored),
	    base64(arena, key->server));
}

static int
unbase64(struct arena *arena, struct str text, size_t max, struct bytes *ret)
{
	if (text.n == 0 || text.n % 4 != 0 || text.n > (max + 2) / 3 * 4)
		return ERR_INVAL;
	uint8_t *out = arena_zalloc(arena, text.n / 4 * 3 + 1);
	int n = EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.n);
	size_t pad = (size_t)(text.p[text.n - 1] == '=') + (size_t)(text.p[text.n - 2] == '=');
	if (n < 0)
		return ERR_INVAL;
	*ret = (struct bytes){ out, (size_t)n - pad };
	return str_is(text, base64(arena, *ret)) ? 0 : ERR_INVAL;
}

int
site_key_parse(struct arena *arena, struct str text, struct site_key *ret)
{
	struct site_key key;
	struct str rest = text, part[4];
	int64_t n;
	for (int i = 0; i < 4; i++) {
		if (rest.p == NULL)
			return ERR_INVAL;
		str_cut(&rest, ' ', &part[i]);
	}
	if (rest.p != NULL || str_to_i64(part[0], SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX, &n) != 0 ||
	    unbase64(arena, part[1], SCRAM_SALT_MAX, &key.salt) != 0 ||
	    unbase64(arena, part[2], SCRAM_KEY_MAX, &key.stored) != 0 ||
	    unbase64(arena, part[3], SCRAM_KEY_MAX, &key.server) != 0)
		return ERR_INVAL;
	key.iterations = (int32_t)n;
	*ret = key;
	return 0;
}

/* ---- times ---- */

struct str
site_time(struct arena *arena, int64_t ms)
{
	char text[WHEN_TEXT];
	return ms == 0 ? STR("never") : arena_str(arena, str_from(when_format(ms, text)));
}

int
site_time_parse(struct str text, int64_t *ret)
{
	if (str_is(text, "never")) {
		*ret = 0;
		return 0;
	}
	if (str_to_i64(text, 1, INT64_MAX, ret) == 0)
		return 0;
	/* There are more ways to write it, and a file has one, or two could not be compared. */
	char same[WHEN_TEXT];
	int64_t ms;
	if (when_parse(text, &ms) != 0 || !str_is(text, when_format(ms, same)))
		return ERR_INVAL;
	*ret = ms;
	return 0;
}
