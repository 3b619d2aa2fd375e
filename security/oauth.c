/* SPDX-License-Identifier: Apache-2.0 */
/* The message is read once, from the left, and nothing of it is copied but the
 * identity, which may be escaped. */
#include "security/oauth.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "security/mapping.h"
#include "security/scram.h"

#define KVSEP '\x01'
#define SCHEME "Bearer"

/* ---- the message ---- */

static int
take_header(struct str *in, struct oauth_message *m)
{
	struct str authzid;
	int err = sasl_gs2_header(in, &authzid);
	if (err != 0 || authzid.p == NULL)
		return err;
	return sasl_name_decode(authzid, m->authzid, sizeof(m->authzid), &m->authzid_n);
}

static bool
is_token_char(char c)
{
	return isascii(c) && (isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.');
}

/* "Bearer", in any case of letters, spaces, and what a compact JWS consists of. */
static int
take_bearer(struct str value, struct str *ret)
{
	size_t n = strlen(SCHEME);
	if (value.n <= n || strncasecmp(value.p, SCHEME, n) != 0 || value.p[n] != ' ')
		return ERR_CORRUPT;
	while (n < value.n && value.p[n] == ' ')
		n++;
	*ret = (struct str){ value.p + n, value.n - n };
	for (size_t i = 0; i < ret->n; i++)
		if (!is_token_char(ret->p[i]))
			return ERR_CORRUPT;
	if (ret->n > JWT_BYTES_MAX)
		return ERR_LIMIT;
	return ret->n == 0 ? ERR_CORRUPT : 0;
}

/* key = 1*(ALPHA); value = *(VCHAR / SP / HTAB / CR / LF ) */
static bool
is_pair(struct str key, struct str value)
{
	for (size_t i = 0; i < key.n; i++)
		if (!isascii(key.p[i]) || !isalpha((unsigned char)key.p[i]))
			return false;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if ((c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n')
			return false;
	}
	return key.n > 0;
}

int
oauth_parse(struct str in, struct oauth_message *ret)
{
	struct oauth_message m = { .token = STR_NULL };
	struct str pair, key;
	int err = take_header(&in, &m);
	if (err != 0)
		return err;
	if (in.n == 0 || in.p[0] != KVSEP)
		return ERR_CORRUPT;
	in = (struct str){ in.p + 1, in.n - 1 };
	while (str_cut(&in, KVSEP, &pair) && pair.n > 0) {
		if (!str_cut(&pair, '=', &key) || !is_pair(key, pair))
			return ERR_CORRUPT;
		if (!str_is(key, "auth"))
			continue;
		if (m.token.p != NULL)
			return ERR_CORRUPT;
		err = take_bearer(pair, &m.token);
		if (err != 0)
			return err;
	}
	/* An empty pair is the end, and nothing is behind it. */
	if (m.token.p == NULL || pair.n > 0 || in.p == NULL || in.n > 0)
		return ERR_CORRUPT;
	*ret = m;
	return 0;
}

/* ---- what a listener asks ---- */

static const char **
copy_words(const char *const *words, size_t n)
{
	const char **copy = mem_zalloc((n + 1) * sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(words[i]);
	return copy;
}

static void
free_words(const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mem_free((char *)(uintptr_t)words[i]);
	mem_free((void *)(uintptr_t)words);
}

static int
check_setup(const struct oauth_setup *setup, struct why *why)
{
	if (setup->url == NULL)
		return why_set(why, ERR_INVAL, "sasl.oauthbearer.jwks.endpoint.url must be set for OAUTHBEARER: "
		    "without its issuer's keys a token proves nothing");
	if (setup->issuer == NULL)
		return why_set(why, ERR_INVAL, "sasl.oauthbearer.expected.issuer must be set for OAUTHBEARER");
	if (setup->audiences_n == 0)
		return why_set(why, ERR_INVAL, "sasl.oauthbearer.expected.audience must be set for OAUTHBEARER: "
		    "else whoever a token was shown to could log in with it");
	int err = jwks_source_check(str_from(setup->url), why);
	if (err != 0)
		why_prefix(why, "sasl.oauthbearer.jwks.endpoint.url");
	return err;
}

int
oauth_open(const struct oauth_setup *setup, struct oauth **ret, struct why *why)
{
	struct ssl_rules *names = NULL;
	struct jwks_source *source = NULL;
	int err = check_setup(setup, why);
	if (err == 0 && (err = ssl_rules_parse(str_from(setup->names), &names, why)) != 0)
		why_prefix(why, "sasl.oauthbearer.principal.mapping.rules");
	if (err == 0 && setup->sources != NULL &&
	    (err = jwks_source_open(setup->sources, setup->url, setup->ca, setup->refresh_ms, &source, why)) != 0)
		why_prefix(why, "sasl.oauthbearer.jwks.endpoint.url");
	if (err != 0) {
		ssl_rules_destroy(&names);
		return err;
	}
	struct oauth *o = MEM_NEW(struct oauth);
	*o = (struct oauth){ source, {
		.issuer = mem_strdup(setup->issuer), .skew_s = setup->skew_s,
		.scope_claim = mem_strdup(setup->scope_claim), .subject_claim = mem_strdup(setup->subject_claim),
		.audiences = copy_words(setup->audiences, setup->audiences_n), .audiences_n = setup->audiences_n,
		.scopes = copy_words(setup->scopes, setup->scopes_n), .scopes_n = setup->scopes_n }, names };
	*ret = o;
	return 0;
}

void
oauth_close(struct oauth **oauth)
{
	struct oauth *o = *oauth;
	*oauth = NULL;
	if (o == NULL)
		return;
	jwks_source_close(&o->source);
	ssl_rules_destroy(&o->names);
	mem_free((char *)(uintptr_t)o->rules.issuer);
	mem_free((char *)(uintptr_t)o->rules.scope_claim);
	mem_free((char *)(uintptr_t)o->rules.subject_claim);
	free_words(o->rules.audiences, o->rules.audiences_n);
	free_words(o->rules.scopes, o->rules.scopes_n);
	mem_free(o);
}
