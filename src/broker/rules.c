/* SPDX-License-Identifier: Apache-2.0
 *
 * Each rule is a function that blames one key of one listener, and a row of the
 * table below; a listener must pass all of them. */
#include "broker/rules.h"

#include <string.h>

#include "audit/paths.h"
#include "security/mapping.h"

struct check {
	struct conf *conf;
	struct conf_listener *l;
	const struct yaml_node *node;
	struct why *why;
};

/* Blames the key if it was written, else the listener. */
#define BLAME(c, key, ...) blame((c), (key), arena_printf((c)->conf->arena, __VA_ARGS__).p)

static int
blame(struct check *c, const char *key, const char *text)
{
	const struct yaml_node *at = yaml_get(c->node, key);
	if (at != NULL)
		return yaml_blame_value(at, c->why, "listener %s: %s: %s", c->l->name, key, text);
	return yaml_blame(c->node, c->why, "listener %s: %s: %s", c->l->name, key, text);
}

static bool
host_ok(struct str host)
{
	static const char set[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";
	for (size_t i = 0; i < host.n; i++)
		if (strchr(set, host.p[i]) == NULL || host.p[i] == '\0')
			return false;
	return host.n > 0 && host.n < 256;
}

struct str
rules_hostport_text(const struct conf_hostport *hp, struct arena *arena)
{
	bool v6 = strchr(hp->host, ':') != NULL;
	return arena_printf(arena, v6 ? "[%s]:%u" : "%s:%u", hp->host, hp->port);
}

int
rules_hostport(struct str s, struct arena *arena, struct conf_hostport *ret, struct why *why)
{
	struct str host = s, port = STR_NULL;
	int64_t number;
	for (size_t i = s.n; i > 0 && port.p == NULL; i--) {
		if (s.p[i - 1] == ':') {
			port = (struct str){ s.p + i, s.n - i };
			host.n = i - 1;
		}
	}
	if (port.p == NULL || str_to_i64(port, 1, 65535, &number) != 0)
		return why_set(why, ERR_INVAL, "\"%.*s\" is not HOST:PORT with a port from 1 to 65535",
		    STR_ARG(s));
	bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (brackets)
		host = (struct str){ host.p + 1, host.n - 2 };
	else if (memchr(host.p, ':', host.n) != NULL)
		return why_set(why, ERR_INVAL, "\"%.*s\": an IPv6 address stands in brackets, as in "
		    "[::1]:9093", STR_ARG(s));
	if (str_is(host, "*") || str_is(host, "0.0.0.0") || str_is(host, "::"))
		host = STR("*");
	else if (!host_ok(host))
		return why_set(why, ERR_INVAL, "\"%.*s\" has no host that can be", STR_ARG(s));
	*ret = (struct conf_hostport){ arena_str(arena, host).p, (uint16_t)number };
	return 0;
}

/* What only Kafka's protocol has. */
static int
rule_http(struct check *c)
{
	static const char *const keys[] = {
		"advertised", "proxy.protocol.from", "tenant.server.names", "tenant.realms", "tenant.certificate.rules",
		"tenant.advertised",
	};
	for (size_t i = 0; c->l->http && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (yaml_get(c->node, keys[i]) != NULL)
			return BLAME(c, keys[i], "has no effect with protocol %s: remove it", c->l->tls ? "HTTPS" : "HTTP");
	return 0;
}

static int
rule_addresses(struct check *c)
{
	struct conf_listener *l = c->l;
	struct why reason;
	if (l->address == NULL)
		return BLAME(c, "address", "must be set, as HOST:PORT");
	if (rules_hostport(str_from(l->address), c->conf->arena, &l->bind, &reason) != 0)
		return BLAME(c, "address", "%s", reason.text);
	l->told = l->bind;
	if (l->http)
		l->told.host = "localhost";
	if (l->advertised != NULL &&
	    rules_hostport(str_from(l->advertised), c->conf->arena, &l->told, &reason) != 0)
		return BLAME(c, "advertised", "%s", reason.text);
	if (strcmp(l->told.host, "*") == 0 && l->advertised != NULL)
		return BLAME(c, "advertised", "clients cannot connect to \"%s\"", l->advertised);
	if (strcmp(l->told.host, "*") == 0)
		return BLAME(c, "advertised", "must be set, as HOST:PORT: clients cannot connect to "
		    "\"%s\"", l->address);
	return 0;
}

int
rules_blocks(const struct option_list *list, struct arena *arena, struct cidr_list *ret, struct why *why)
{
	struct cidr *v = arena_zalloc(arena, (list->n + 1) * sizeof(*v));
	for (size_t i = 0; i < list->n; i++)
		if (cidr_parse(str_from(list->v[i]), &v[i]) != 0)
			return why_set(why, ERR_INVAL, "\"%s\" is neither an address nor a block such as 10.0.0.0/8, "
			    "with no bit set behind the first ones", list->v[i]);
	*ret = (struct cidr_list){ v, list->n };
	return 0;
}

static int
rule_proxies(struct check *c)
{
	struct why reason;
	if (rules_blocks(&c->l->proxy_from, c->conf->arena, &c->l->proxies, &reason) != 0)
		return BLAME(c, "proxy.protocol.from", "%s", reason.text);
	return 0;
}

static bool
same_address(const struct conf_listener *a, const struct conf_listener *b)
{
	return a->bind.port == b->bind.port && (strcmp(a->bind.host, b->bind.host) == 0 ||
	    strcmp(a->bind.host, "*") == 0 || strcmp(b->bind.host, "*") == 0);
}

bool
rules_same_place(const struct conf_listener *a, const struct conf_listener *b)
{
	return strcmp(a->name, b->name) == 0 || same_address(a, b);
}

static int
rule_unique(struct check *c)
{
	for (size_t i = 0; i + 1 < c->conf->listener_count; i++) {
		const struct conf_listener *other = &c->conf->listeners[i];
		if (same_address(other, c->l))
			return BLAME(c, "address", "port %u is taken by listener %s",
			    c->l->bind.port, other->name);
	}
	return 0;
}

static bool
tenant_ok(const char *s)
{
	return s[0] >= 'a' && s[0] <= 'z' && strlen(s) <= 31 &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static int
rule_tenant(struct check *c)
{
	struct conf_listener *l = c->l;
	l->home = l->tenant;
	if (strcmp(l->tenant, "from-login") == 0) {
		l->tenant_from_login = true;
		l->home = "main";
		if (!l->sasl)
			return BLAME(c, "tenant", "from-login needs SASL: without it there is no login name");
	}
	if (strcmp(l->tenant, "from-server-name") == 0) {
		l->tenant_from_name = true;
		l->home = "main";
		if (l->server_names.n == 0 || !l->tls)
			return BLAME(c, "tenant", "from-server-name needs TLS and tenant.server.names");
	}
	if (!tenant_ok(l->home))
		return BLAME(c, "tenant", "\"%s\" is no name of a tenant: a small letter, then at most 30 "
		    "small letters, digits or -", l->tenant);
	return 0;
}

static bool
has_mechanism(const struct conf_listener *l, const char *name)
{
	for (size_t i = 0; i < l->mechanisms.n; i++)
		if (strcmp(l->mechanisms.v[i], name) == 0)
			return true;
	return false;
}

static size_t
row_of(const struct conf_option *table, size_t n, const char *name)
{
	return (size_t)(option_find(table, n, str_from(name)) - table);
}

/* The key comes from where the option for the whole broker does. */
static void
inherit(const struct conf *conf, struct conf_listener *l, const char *key, const char *option)
{
	l->origins[row_of(listener_options, listener_option_count, key)] =
	    conf->origins[row_of(conf_options, conf_option_count, option)];
}

/* What Authorization can show. */
static int
http_logins(struct check *c)
{
	struct conf_listener *l = c->l;
	if (!l->tls && l->mechanisms.n > 0)
		return BLAME(c, "mechanisms", "needs protocol HTTPS: a login shows a password or a token");
	for (size_t i = 0; i < l->mechanisms.n; i++)
		if (strcmp(l->mechanisms.v[i], "PLAIN") != 0 && strcmp(l->mechanisms.v[i], "OAUTHBEARER") != 0)
			return BLAME(c, "mechanisms", "protocol HTTPS has PLAIN (Basic) and OAUTHBEARER (Bearer)");
	if (!l->tls || l->mechanisms.n > 0)
		return 0;
	l->mechanisms = (struct option_list){ arena_zalloc(c->conf->arena, sizeof(*l->mechanisms.v)), 1 };
	l->mechanisms.v[0] = "PLAIN";
	return 0;
}

static int
rule_sasl(struct check *c)
{
	struct conf_listener *l = c->l;
	if (l->http)
		return http_logins(c);
	if (!l->sasl && l->mechanisms.n > 0)
		return BLAME(c, "mechanisms", "needs protocol SASL_SSL or SASL_PLAINTEXT");
	if (!l->sasl && yaml_get(c->node, "connections.max.reauth.ms") != NULL)
		return BLAME(c, "connections.max.reauth.ms", "needs protocol SASL_SSL or SASL_PLAINTEXT");
	if (!l->sasl)
		return 0;
	if (l->mechanisms.n == 0) {
		l->mechanisms = c->conf->sasl_enabled_mechanisms;
		inherit(c->conf, l, "mechanisms", "sasl.enabled.mechanisms");
	}
	if (!l->tls && has_mechanism(l, "PLAIN"))
		return BLAME(c, "mechanisms", "PLAIN shows passwords: it needs protocol SASL_SSL");
	if (!l->tls && has_mechanism(l, "OAUTHBEARER"))
		return BLAME(c, "mechanisms", "OAUTHBEARER shows tokens: it needs protocol SASL_SSL");
	return 0;
}

void
rules_binds(const struct conf_listener *l, struct binds_setup *ret)
{
	*ret = (struct binds_setup){
		.server_names = l->server_names.v, .server_names_n = l->server_names.n,
		.realms = l->realms.v, .realms_n = l->realms.n, .certificate_rules = l->certificate_rules,
	};
}

/* Whether what is bound can ever be seen here, and can be read. */
static int
rule_binds(struct check *c)
{
	struct conf_listener *l = c->l;
	struct binds_setup setup;
	struct binds *binds;
	const char *option;
	struct why reason;
	if (l->server_names.n > 0 && !l->tls)
		return BLAME(c, "tenant.server.names", "needs TLS, which tells the name");
	if (l->server_names.n > 0 && l->allow_anonymous)
		return BLAME(c, "tenant.server.names", "needs a login: a name proves nothing of who is nobody (allow.anonymous)");
	if (l->realms.n > 0 && !has_mechanism(l, "GSSAPI"))
		return BLAME(c, "tenant.realms", "needs the mechanism GSSAPI");
	if (l->certificate_rules != NULL && (l->sasl || l->client_auth == CONF_CERT_NONE))
		return BLAME(c, "tenant.certificate.rules", "needs protocol SSL with client certificates");
	rules_binds(l, &setup);
	if (binds_open(&setup, &binds, &option, &reason) != 0)
		return BLAME(c, option, "%s", reason.text);
	binds_close(&binds);
	return 0;
}

static int
rule_told(struct check *c)
{
	struct conf_listener *l = c->l;
	struct arena *arena = c->conf->arena;
	struct conf_told *told = arena_zalloc(arena, (l->tenant_advertised.n + 1) * sizeof(*told));
	struct str at, tenant;
	struct why reason;
	for (size_t i = 0; i < l->tenant_advertised.n; i++) {
		at = str_from(l->tenant_advertised.v[i]);
		str_cut(&at, '=', &tenant);
		told[i].tenant = arena_str(arena, tenant).p;
		if (at.p == NULL || !tenant_ok(told[i].tenant))
			return BLAME(c, "tenant.advertised", "\"%s\" is not TENANT=HOST:PORT, with the name of a tenant", l->tenant_advertised.v[i]);
		if (rules_hostport(at, arena, &told[i].at, &reason) != 0)
			return BLAME(c, "tenant.advertised", "%s", reason.text);
		if (strcmp(told[i].at.host, "*") == 0)
			return BLAME(c, "tenant.advertised", "clients cannot connect to \"%.*s\"", STR_ARG(at));
		for (size_t k = 0; k < i; k++)
			if (strcmp(told[k].tenant, told[i].tenant) == 0)
				return BLAME(c, "tenant.advertised", "tenant %s stands twice", told[i].tenant);
	}
	l->told_by_tenant = told;
	return 0;
}

/* The words are checked as a start does; oauth_open() names the option. */
static int
rule_tokens(struct check *c)
{
	struct conf_listener *l = c->l;
	struct oauth *oauth;
	struct oauth_setup setup;
	struct why reason;
	if (!l->sasl || !has_mechanism(l, "OAUTHBEARER"))
		return 0;
	rules_oauth(c->conf, l, &setup);
	if (oauth_open(&setup, &oauth, &reason) != 0)
		return BLAME(c, "mechanisms", "%s", reason.text);
	oauth_close(&oauth);
	return 0;
}

static int
rule_tls(struct check *c)
{
	struct conf_listener *l = c->l;
	if (!l->tls && l->client_auth >= 0 && l->client_auth != CONF_CERT_NONE)
		return BLAME(c, "client.auth", "needs protocol SSL or SASL_SSL");
	if (l->client_auth < 0)
		l->client_auth = l->tls && !l->sasl && !l->allow_anonymous ? CONF_CERT_REQUIRED :
		    CONF_CERT_NONE;
	if (!l->tls)
		return l->allow_plaintext ? 0 : BLAME(c, "protocol", "everybody on the way can read "
		    "and change what is sent; use SASL_SSL, or add allow.plaintext: true");
	if (l->allow_plaintext)
		return BLAME(c, "allow.plaintext", "has no effect with TLS: remove it");
	if (l->keystore == NULL)
		return BLAME(c, "protocol", "TLS needs ssl.keystore.location, a PEM file with key and "
		    "certificate; schlossd init makes one");
	if (l->client_auth != CONF_CERT_NONE && l->truststore == NULL)
		return BLAME(c, "client.auth", "needs ssl.truststore.location, a PEM file with the "
		    "authorities that are trusted");
	return 0;
}

/* Of this listener: what stands for all of them is for those that ask. */
static int
rule_revoked(struct check *c)
{
	if (c->l->client_auth == CONF_CERT_NONE && yaml_get(c->node, "ssl.crl.location") != NULL)
		return BLAME(c, "ssl.crl.location", "has no effect where no client shows a certificate: remove it, or set client.auth");
	return 0;
}

static int
rule_anonymous(struct check *c)
{
	struct conf_listener *l = c->l;
	bool proves = l->sasl || l->client_auth == CONF_CERT_REQUIRED;
	if (l->http && !l->tls)
		return 0; /* health is for everybody, and nobody can log in */
	if (!proves && !l->allow_anonymous)
		return BLAME(c, "protocol", "nobody has to prove who he is; use SASL_SSL, or SSL with "
		    "client.auth: required, or add allow.anonymous: true");
	if (proves && l->allow_anonymous)
		return BLAME(c, "allow.anonymous", "has no effect where everybody must log in: remove it");
	return 0;
}

/* Whether the mapping rules can be read; the realm makes no difference here. */
static int
rule_mappings(struct check *c)
{
	struct ssl_rules *ssl = NULL;
	struct krb_rules *krb = NULL;
	struct why reason;
	if (ssl_rules_parse(str_from(c->l->principal_rules), &ssl, &reason) != 0)
		return BLAME(c, "ssl.principal.mapping.rules", "%s", reason.text);
	ssl_rules_destroy(&ssl);
	if (krb_rules_parse(str_from(c->l->kerberos_rules), STR("REALM"), &krb, &reason) != 0)
		return BLAME(c, "sasl.kerberos.principal.to.local.rules", "%s", reason.text);
	krb_rules_destroy(&krb);
	return 0;
}

/* Of the same name in both tables. */
static void
inherit_text(const struct conf *conf, struct conf_listener *l, const char **own, const char *all, const char *key)
{
	if (*own != NULL)
		return;
	*own = all;
	inherit(conf, l, key, key);
}

static void
inherit_list(const struct conf *conf, struct conf_listener *l, struct option_list *own, struct option_list all, const char *key)
{
	if (own->n > 0)
		return;
	*own = all;
	inherit(conf, l, key, key);
}

static void
fill_tokens(struct conf *conf, struct conf_listener *l)
{
	inherit_text(conf, l, &l->oauth_jwks_url, conf->oauth_jwks_url, "sasl.oauthbearer.jwks.endpoint.url");
	inherit_text(conf, l, &l->oauth_issuer, conf->oauth_issuer, "sasl.oauthbearer.expected.issuer");
	inherit_list(conf, l, &l->oauth_audience, conf->oauth_audience, "sasl.oauthbearer.expected.audience");
	inherit_list(conf, l, &l->oauth_scope, conf->oauth_scope, "sasl.oauthbearer.required.scope");
	inherit_text(conf, l, &l->oauth_rules, conf->oauth_rules, "sasl.oauthbearer.principal.mapping.rules");
}

void
rules_oauth(const struct conf *conf, const struct conf_listener *l, struct oauth_setup *ret)
{
	*ret = (struct oauth_setup){
		.url = l->oauth_jwks_url, .ca = conf->oauth_jwks_ca, .refresh_ms = conf->oauth_jwks_refresh_ms,
		.issuer = l->oauth_issuer, .skew_s = conf->oauth_skew_s, .names = l->oauth_rules,
		.scope_claim = conf->oauth_scope_claim, .subject_claim = conf->oauth_sub_claim,
		.audiences = l->oauth_audience.v, .audiences_n = l->oauth_audience.n,
		.scopes = l->oauth_scope.v, .scopes_n = l->oauth_scope.n,
	};
}

static void
fill(struct conf *conf, struct conf_listener *l)
{
	l->tls = l->protocol == CONF_SASL_SSL || l->protocol == CONF_SSL || l->protocol == CONF_HTTPS;
	l->sasl = l->protocol == CONF_SASL_SSL || l->protocol == CONF_SASL_PLAINTEXT || l->protocol == CONF_HTTPS;
	l->http = l->protocol == CONF_HTTPS || l->protocol == CONF_HTTP;
	if (l->keystore == NULL || l->keystore[0] == '\0')	/* it is about that certificate */
		inherit_text(conf, l, &l->staple, conf->ssl_ocsp_response_location, "ssl.ocsp.response.location");
	inherit_text(conf, l, &l->keystore, conf->ssl_keystore_location, "ssl.keystore.location");
	inherit_text(conf, l, &l->truststore, conf->ssl_truststore_location, "ssl.truststore.location");
	inherit_text(conf, l, &l->principal_rules, conf->ssl_principal_mapping_rules, "ssl.principal.mapping.rules");
	inherit_text(conf, l, &l->kerberos_rules, conf->sasl_kerberos_rules, "sasl.kerberos.principal.to.local.rules");
	if (l->max_reauth_ms < 0) {
		l->max_reauth_ms = conf->connections_max_reauth_ms;
		inherit(conf, l, "connections.max.reauth.ms", "connections.max.reauth.ms");
	}
	fill_tokens(conf, l);
	inherit_text(conf, l, &l->keytab, conf->sasl_kerberos_keytab, "sasl.kerberos.keytab");
}

int
rules_listener(struct conf *conf, struct conf_listener *l, const struct yaml_node *node,
    struct why *why)
{
	static int (*const rules[])(struct check *) = {
		rule_http, rule_addresses, rule_proxies, rule_unique, rule_tenant, rule_sasl, rule_tokens, rule_tls,
		rule_revoked, rule_anonymous, rule_mappings, rule_binds, rule_told,
	};
	struct check c = { conf, l, node, why };
	fill(conf, l);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int err = rules[i](&c);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The least is above the greatest: whichever stands in the file is blamed, and
 * the other told, which may be a default that nobody wrote. */
static int
above(const struct conf *conf, int64_t least, const char *least_name, int64_t most, const char *most_name, struct why *why)
{
	const struct conf_origin *from = &conf->origins[row_of(conf_options, conf_option_count, least_name)];
	const struct conf_origin *to = &conf->origins[row_of(conf_options, conf_option_count, most_name)];
	if (least <= most)
		return 0;
	if (from->file != NULL)
		return why_set(why, ERR_INVAL, "%s:%u:%u: %s: %lld is above %s: %lld%s", from->file, from->line,
		    from->column, least_name, (long long)least, most_name, (long long)most,
		    to->file == NULL ? " (default)" : "");
	return why_set(why, ERR_INVAL, "%s:%u:%u: %s: %lld is below %s: %lld (default)", to->file, to->line,
	    to->column, most_name, (long long)most, least_name, (long long)least);
}

/* What would be kept nowhere is not asked for. */
static int
audit_ok(const struct conf *conf, struct why *why)
{
	const char *asks = conf->audit_topic ? "audit.topic" : conf->audit_journald ? "audit.journald" :
	    conf->audit_allows.n > 0 ? "audit.allows" : NULL;
	struct audit_paths *paths = NULL;
	const struct conf_origin *at = asks == NULL ? NULL : &conf->origins[row_of(conf_options, conf_option_count, asks)];
	if (asks != NULL && conf->audit_file == NULL)
		return why_set(why, ERR_INVAL, "%s:%u:%u: %s: audit.file must be set, of which this is a copy or a part",
		    at->file, at->line, at->column, asks);
	int err = audit_paths_parse(conf->audit_allows.v, conf->audit_allows.n, &paths, why);
	audit_paths_free(paths);
	return err;
}

static int
exempt_ok(struct conf *conf, struct why *why)
{
	const struct conf_origin *at = &conf->origins[row_of(conf_options, conf_option_count, "login.penalty.exempt")];
	int err = rules_blocks(&conf->penalty_exempt, conf->arena, &conf->exempt, why);
	if (err != 0)
		why_prefix(why, "%s:%u:%u: login.penalty.exempt", at->file, at->line, at->column);
	return err;
}

int
rules_check(struct conf *conf, struct why *why)
{
	int err = above(conf, conf->group_min_session_timeout_ms, "group.min.session.timeout.ms",
	    conf->group_max_session_timeout_ms, "group.max.session.timeout.ms", why);
	if (err == 0)
		err = above(conf, conf->login_tls_timeout_ms, "login.tls.timeout.ms",
		    conf->login_timeout_ms, "login.timeout.ms", why);
	if (err == 0)
		err = above(conf, conf->log_cleaner_min_compaction_lag_ms, "log.cleaner.min.compaction.lag.ms",
		    conf->log_cleaner_max_compaction_lag_ms, "log.cleaner.max.compaction.lag.ms", why);
	if (err == 0)
		err = above(conf, conf->login_max_connections, "login.max.connections",
		    conf->max_connections, "max.connections", why);
	if (err == 0)
		err = exempt_ok(conf, why);
	return err != 0 ? err : audit_ok(conf, why);
}
