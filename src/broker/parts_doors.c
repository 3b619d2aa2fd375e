/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listeners: the last to start and the first to stop. They are bound before they accept, so that an address in
 * use is an error of the start; they accept when everything behind them is there.
 *
 * A reload makes all that it needs first (certificates, logins, sockets), and only then exchanges it, so that what is
 * no good changes nothing. What the file says of a listener is its *way in*: a connection keeps the one that it came
 * by, until it ends; a listener whose settings change has another one from then on, behind the same socket, and those
 * of the past stay until the end of the process. A certificate alone makes no way in: it is exchanged in the one there is.
 *
 * Stopping: no more accepts; every connection drains (what was asked is
 * answered, nothing new is read) or is closed when the time for it is over.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/groups.h"
#include "api/roster.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/parts.h"
#include "broker/rules.h"
#include "net/listener.h"
#include "net/plain.h"
#include "security/checks.h"
#include "security/listener.h"
#include "security/tls.h"

#define DRAIN_NS	(5 * NS_PER_SEC)
#define PAUSE_US	5000

struct way {
	struct core_listener core;
	struct conf *conf;		/* whose strings it uses */
	const struct conf_listener *set;	/* in conf */
	struct way *older;		/* in b->ways: of the past, connections may be on it */
};

struct door {
	struct listener *listener;
	struct way *way;		/* of who comes now */
};

/* What a reload has made for one listener of the new configuration. */
struct door_next {
	const struct conf_listener *set;
	struct door *had;		/* of that name, or NULL */
	struct listener *listener;	/* bound: there was none at this address, or NULL */
	struct way *way;		/* where anything that it is made of has changed, or NULL */
	struct tls_context *tls;	/* for the way that there is, or NULL */
};

struct doors_next {
	struct door_next v[CONF_LISTENERS_MAX];
	size_t n;
};

/* ---- a way in ---- */

static const char *
pick(const char *own, const char *all)
{
	return own != NULL && own[0] != '\0' ? own : all;
}

int
parts_make_tls(const struct conf *c, const struct conf_listener *l, struct tls_context **ret, struct why *why)
{
	struct tls_config f = {
		.keystore = pick(l->keystore, c->ssl_keystore_location),
		.key_password = c->ssl_key_password,
		.truststore = pick(l->truststore, c->ssl_truststore_location),
		.crl = pick(l->crl, c->ssl_crl_location),
		.staple = l->staple,
		.client_cert = (enum tls_client_cert)l->client_auth,
		.resume = (enum tls_resume)c->ssl_session_tickets,
		.ciphers = c->ssl_cipher_suites,
	};
	for (size_t i = 0; i < c->ssl_enabled_protocols.n; i++) {
		f.tls12 = f.tls12 || strcmp(c->ssl_enabled_protocols.v[i], "TLSv1.2") == 0;
		f.tls13 = f.tls13 || strcmp(c->ssl_enabled_protocols.v[i], "TLSv1.3") == 0;
	}
	return tls_context_create(&f, ret, why);
}

struct transport *
parts_transport(void *arg, int fd, struct loop *loop)
{
	struct core_listener *l = arg;
	if (!l->tls)
		return plain_create(fd);
	return tls_create(rcu_read(l->tls_context), fd, loop_scratch(loop));
}

/* On main's thread, which is no loop: it looks at an image for as long as this takes. */
static int
find_tenant(struct broker *b, const struct conf_listener *l, uint32_t *ret_number, struct why *why)
{
	struct rcu_reader *reader = rcu_join(b->rcu);
	rcu_enter(b->rcu, reader);
	const struct acl_tenant *t = acl_image_tenant_named(image_acl(rcu_read(b->image)), str_from(l->home));
	*ret_number = t == NULL ? 0 : acl_tenant_number(t);
	rcu_leave(b->rcu, reader);
	rcu_part(b->rcu, &reader);
	return t != NULL || l->tenant_from_login ? 0 : why_set(why, ERR_NOTFOUND, "there is no tenant '%s'", l->home);
}

int
parts_open_login(struct broker *b, const struct conf *c, const struct conf_listener *l, struct core_listener *core, struct why *why)
{
	uint32_t tenant;
	int err = find_tenant(b, l, &tenant, why);
	if (err != 0)
		return err;
	const struct option_list *m = l->mechanisms.n > 0 ? &l->mechanisms : &c->sasl_enabled_mechanisms;
	struct oauth_setup oauth;
	rules_oauth(c, l, &oauth);
	oauth.sources = b->token_keys;
	struct sasl_setup setup = {
		.mechanisms = m->v, .mechanisms_n = l->sasl ? m->n : 0,
		.tenant_from = l->tenant_from_login ? TENANT_FROM_LOGIN :
		    l->tenant_from_name ? TENANT_FROM_SERVER_NAME : TENANT_FIXED,
		.tenant = tenant, .tls = l->tls, .double_nonce = l->allow_double_nonce,
		.unknown_ok = l->unknown_users == CONF_UNKNOWN_ALLOW, .fqdn = l->told.host,
		.ssl_rules = pick(l->principal_rules, c->ssl_principal_mapping_rules),
		.krb_rules = pick(l->kerberos_rules, c->sasl_kerberos_rules),
		.keytab = pick(l->keytab, c->sasl_kerberos_keytab), .rcache = b->rcache, .oauth = &oauth,
	};
	rules_binds(l, &setup.binds);
	return sasl_listener_open(b->sasl_lib, &setup, &core->login, why);
}

/* In the memory of the configuration that the way keeps. */
static void
fill_told(const struct conf *c, const struct conf_listener *l, struct core_listener *core)
{
	size_t n = l->tenant_advertised.n;
	struct core_told *told = arena_zalloc(c->arena, (n + 1) * sizeof(*told));
	for (size_t i = 0; i < n; i++) {
		const struct conf_told *one = &l->told_by_tenant[i];
		told[i] = (struct core_told){ str_from(one->tenant), { str_from(one->at.host), one->at.port } };
	}
	core->told_by_tenant = told;
	core->told_by_tenant_n = n;
}

static void
free_way(struct way **way)
{
	struct way *w = *way;
	*way = NULL;
	if (w == NULL)
		return;
	struct tls_context *tls = atomic_exchange(&w->core.tls_context, NULL);
	tls_context_unref(&tls);
	sasl_listener_close(&w->core.login);
	conf_unref(&w->conf);
	mem_free(w);
}

/* logins: of the listener, whatever its settings are. */
static int
make_way(struct broker *b, struct conf *c, const struct conf_listener *l, struct core_logins *logins, struct way **ret,
    struct why *why)
{
	struct tls_context *tls = NULL;
	struct way *w = MEM_NEW(struct way);
	w->conf = conf_ref(c);
	w->set = l;
	w->core.core = &b->core;
	w->core.logins = logins;
	w->core.name = str_from(l->name);
	w->core.told = (struct core_endpoint){ str_from(l->told.host), l->told.port };
	fill_told(c, l, &w->core);
	w->core.tls = l->tls;
	w->core.sasl = l->sasl;
	w->core.anonymous = l->allow_anonymous;
	w->core.reauth_ms = l->max_reauth_ms;
	w->core.login_ns = b->conn_limits.login_ns;
	int err = l->tls ? parts_make_tls(c, l, &tls, why) : 0;
	if (err == 0)
		err = parts_open_login(b, c, l, &w->core, why);
	atomic_store(&w->core.tls_context, tls);
	if (err != 0)
		free_way(&w);
	else
		*ret = w;
	return err;
}

static int
bind_door(struct broker *b, const struct conf_listener *l, struct way *w, struct listener **ret, struct why *why)
{
	return listener_create(b->listeners, &(struct listener_config){ .name = w->set->name,
	    .host = l->bind.host, .port = l->bind.port, .proxies = &w->set->proxies, .ops = &session_ops, .arg = &w->core,
	    .transport = parts_transport, .ev = &b->ev }, ret, why);
}

static void
open_door(struct broker *b, const struct conf_listener *l, struct listener *listener)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct conf_hostport at = { l->bind.host, listener_port(listener) };
	listener_open(listener);
	ev_notice(&b->ev, "listener %s: %.*s", l->name, STR_ARG(rules_hostport_text(&at, arena)));
	arena_destroy(&arena);
}

/* ---- start ---- */

static void
fill_limits(struct broker *b, const struct conf *c, struct conn_limits *ret)
{
	*ret = conn_limits_default;
	ret->payers = b->payers;
	ret->frame_max = parts_largest_frame(c);
	ret->tls_ns = (uint64_t)c->login_tls_timeout_ms * NS_PER_MS;
	ret->login_ns = (uint64_t)c->login_timeout_ms * NS_PER_MS;
	ret->idle_ns = (uint64_t)c->connections_max_idle_ms * NS_PER_MS;
}

/* No connection is left, so nothing is handed to the checks any more; but one of who has gone
 * may run, and looks at its listener. */
static void
close_doors(struct broker *b)
{
	checks_destroy(&b->core.sasl.checks);
	for (size_t i = 0; i < b->doors_n; i++)
		listener_destroy(&b->doors[i].listener);
	listeners_destroy(&b->listeners); /* logs by names of ways */
	for (size_t i = 0; i < b->doors_n; i++)
		free_way(&b->doors[i].way);
	while (b->ways != NULL) {
		struct way *w = b->ways;
		b->ways = w->older;
		free_way(&w);
	}
	mem_free(b->doors);
	b->doors = NULL;
	b->doors_n = 0;
}

static bool
may_connect(void *arg, const struct addr *from, uint64_t now_ns)
{
	return quota_connect(arg, from, now_ns);
}

/* They stay until the end: who came by a listener that is gone may log in anew. */
static struct core_logins *
make_logins(struct broker *b)
{
	return arena_zalloc(b->boot->arena, sizeof(struct core_logins));
}

static int
make_door(struct broker *b, const struct conf_listener *l, struct door *ret, struct why *why)
{
	int err = make_way(b, b->conf, l, make_logins(b), &ret->way, why);
	if (err == 0)
		err = bind_door(b, l, ret->way, &ret->listener, why);
	if (err != 0)
		why_prefix(why, "listener %s", l->name);
	return err;
}

int
part_doors_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	int err = 0;
	b->core.payers = b->payers;
	fill_limits(b, c, &b->conn_limits);
	b->listeners = listeners_create(&(struct listeners_config){ .loops = b->loops, .loops_n = b->loops_n,
	    .limits = &b->conn_limits, .max = (unsigned)c->max_connections,
	    .max_per_ip = (unsigned)c->max_connections_per_ip,
	    .login_max = (unsigned)c->login_max_connections,
	    .login_max_per_ip = (unsigned)c->login_max_connections_per_ip,
	    .admit = may_connect, .admit_arg = b->quota,
	    .proxy_ns = (uint64_t)c->proxy_timeout_ms * NS_PER_MS,
	    .proxy_max = (unsigned)c->proxy_max_connections });
	b->doors = mem_zalloc(CONF_LISTENERS_MAX * sizeof(*b->doors));
	for (size_t i = 0; i < c->listener_count && err == 0; i++) {
		if (!c->listeners[i].http)
			err = make_door(b, &c->listeners[i], &b->doors[b->doors_n++], why);
	}
	if (err != 0) {
		close_doors(b);
		return err;
	}
	parts_recount(b);
	atomic_store(&b->doors_open, true);
	for (size_t i = 0; i < b->doors_n; i++)
		open_door(b, b->doors[i].way->set, b->doors[i].listener);
	return 0;
}

/* ---- reload: first all is made ---- */

/* Options of the whole broker that a way is made of and that no listener has a copy of. */
static const char *const shared_options[] = {
	"sasl.enabled.mechanisms", "sasl.oauthbearer.jwks.endpoint.truststore.location", "sasl.oauthbearer.scope.claim.name",
	"sasl.oauthbearer.sub.claim.name", "sasl.oauthbearer.clock.skew.seconds",
};

/* Whether another way would be like this one, but for what stands in the files of TLS. */
static bool
way_stays(const struct way *w, const struct conf *c, const struct conf_listener *l)
{
	for (size_t i = 0; i < listener_option_count; i++)
		if (!option_same(&listener_options[i], w->set, l))
			return false;
	for (size_t i = 0; i < sizeof(shared_options) / sizeof(shared_options[0]); i++) {
		const struct conf_option *opt = option_find(conf_options, conf_option_count, str_from(shared_options[i]));
		if (!option_same(opt, w->conf, c))
			return false;
	}
	return true;
}

static bool
same_address(const struct conf_listener *a, const struct conf_listener *b)
{
	return a->bind.port == b->bind.port && strcmp(a->bind.host, b->bind.host) == 0;
}

/* Whether the tenant of that name is still the one that it was: not so where it was made anew, or the name is another's
 * now. Where there is none of that name the way stays with what was renamed. */
static bool
same_tenant(struct broker *b, const struct way *w, const struct conf_listener *l)
{
	uint32_t number;
	struct why why;
	return find_tenant(b, l, &number, &why) != 0 || number == w->core.login.tenant;
}

/* A socket of another name's cannot be bound again, nor handed over. */
static int
check_address(const struct broker *b, const struct conf_listener *l, struct why *why)
{
	for (size_t i = 0; i < b->doors_n; i++) {
		const struct conf_listener *other = b->doors[i].way->set;
		if (strcmp(other->name, l->name) != 0 && same_address(other, l))
			return why_set(why, ERR_CONFLICT, "its address is that of listener %s; restart, or remove that one by "
			    "a reload before this one", other->name);
	}
	return 0;
}

static int
prepare_one(struct broker *b, struct conf *c, const struct conf_listener *l, struct door_next *next, struct why *why)
{
	for (size_t i = 0; i < b->doors_n; i++)
		if (strcmp(b->doors[i].way->set->name, l->name) == 0)
			next->had = &b->doors[i];
	if (next->had != NULL && way_stays(next->had->way, c, l) && same_tenant(b, next->had->way, l))
		return l->tls ? parts_make_tls(c, l, &next->tls, why) : 0;
	int err = make_way(b, c, l, next->had != NULL ? next->had->way->core.logins : make_logins(b), &next->way, why);
	if (err != 0 || (next->had != NULL && same_address(next->had->way->set, l)))
		return err;
	err = check_address(b, l, why);
	return err != 0 ? err : bind_door(b, l, next->way, &next->listener, why);
}

int
part_doors_prepare(struct broker *b, struct conf *conf, struct why *why)
{
	int err = 0;
	b->doors_next = MEM_NEW(struct doors_next);
	for (size_t i = 0; i < conf->listener_count && err == 0; i++) {
		if (conf->listeners[i].http)
			continue;
		struct door_next *next = &b->doors_next->v[b->doors_next->n++];
		next->set = &conf->listeners[i];
		err = prepare_one(b, conf, next->set, next, why);
		if (err != 0)
			why_prefix(why, "%s", conf->listeners[i].name);
	}
	return err;
}

void
part_doors_abandon(struct broker *b)
{
	for (size_t i = 0; b->doors_next != NULL && i < b->doors_next->n; i++) {
		struct door_next *next = &b->doors_next->v[i];
		listener_destroy(&next->listener);
		tls_context_unref(&next->tls);
		free_way(&next->way);
	}
	mem_free(b->doors_next);
	b->doors_next = NULL;
}

/* ---- and then exchanged ---- */

static void
release_tls(void *object)
{
	struct tls_context *tls = object;
	tls_context_unref(&tls);
}

/* Connections keep the old one; nobody resumes what began with it. */
void
parts_replace_tls(struct broker *b, struct core_listener *core, struct tls_context *fresh)
{
	struct tls_context *old = rcu_publish(core->tls_context, fresh);
	tls_context_retire(old, b->rcu, clock_mono_ns());
	rcu_retire(b->rcu, release_tls, old);
}

void
parts_tick_doors(struct broker *b, uint64_t now_ns)
{
	for (size_t i = 0; i < b->doors_n; i++) {
		struct tls_context *tls = atomic_load(&b->doors[i].way->core.tls_context);
		if (tls != NULL)
			tls_context_tick(tls, b->rcu, now_ns);
	}
}

static void
retire_way(struct broker *b, struct way *w)
{
	w->older = b->ways;
	b->ways = w;
}

/* The socket of a listener that is gone, or has moved; who came by it stays. */
static void
close_door(struct broker *b, struct door *d)
{
	ev_notice(&b->ev, "listener %s: closed; who came by it stays", d->way->set->name);
	listener_destroy(&d->listener);
}

/* Takes what was made; the door as it is from now on. */
static struct door
exchange(struct broker *b, struct door_next *next)
{
	struct door d = next->had == NULL ? (struct door){ NULL, NULL } : *next->had;
	if (next->tls != NULL)
		parts_replace_tls(b, &d.way->core, next->tls);
	if (next->way == NULL)
		return d;
	if (next->listener != NULL) {
		open_door(b, next->set, next->listener);
		if (d.listener != NULL)
			close_door(b, &d);
		d.listener = next->listener;
	} else {
		listener_turn(d.listener, &next->way->core, &next->way->set->proxies);
		ev_notice(&b->ev, "listener %s: its settings have changed, for connections from now on", next->set->name);
	}
	if (d.way != NULL)
		retire_way(b, d.way);
	d.way = next->way;
	return d;
}

static bool
goes_on(const struct doors_next *next, const struct door *d)
{
	for (size_t i = 0; i < next->n; i++)
		if (next->v[i].had == d)
			return true;
	return false;
}

/* New connections have new certificates and settings; old ones keep what they came by. */
int
part_doors_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	struct doors_next *next = b->doors_next;
	struct door *doors = mem_zalloc(CONF_LISTENERS_MAX * sizeof(*doors));
	(void)why;
	for (size_t i = 0; i < b->doors_n; i++) {
		struct door *d = &b->doors[i];
		if (goes_on(next, d))
			continue;
		close_door(b, d);
		retire_way(b, d->way);
	}
	for (size_t i = 0; i < next->n; i++)
		doors[i] = exchange(b, &next->v[i]);
	mem_free(b->doors);
	b->doors = doors;
	b->doors_n = next->n;
	mem_free(next);
	b->doors_next = NULL;
	listeners_set_max(b->listeners, (unsigned)conf->max_connections,
	    (unsigned)conf->max_connections_per_ip, (unsigned)conf->login_max_connections,
	    (unsigned)conf->login_max_connections_per_ip);
	return 0;
}

const struct conf_listener *
parts_listener_named(const struct conf *conf, struct str name)
{
	for (size_t k = 0; k < conf->listener_count; k++)
		if (str_is(name, conf->listeners[k].name))
			return &conf->listeners[k];
	return NULL;
}

const struct conf_listener *
parts_door_of(const struct broker *b, const struct conf_listener *l)
{
	for (size_t i = 0; i < b->doors_n; i++)
		if (rules_same_place(l, b->doors[i].way->set))
			return b->doors[i].way->set;
	return NULL;
}

size_t
parts_logins(const struct broker *b, struct web_logins *ret, size_t max)
{
	size_t n = 0;
	for (; n < b->doors_n && n < max; n++)
		ret[n] = (struct web_logins){ b->doors[n].way->core.name, b->doors[n].way->core.logins };
	return n;
}

size_t
parts_certificates(const struct broker *b, struct parts_certificate *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < b->doors_n && n < max; i++)
		ret[n++] = parts_certificate_of(&b->doors[i].way->core);
	return n;
}

/* ---- the end ---- */

struct sweep {
	struct post post;
	struct broker *b;
	struct loop *loop;
	void (*each)(struct conn *conn, void *arg);
	_Atomic int *left;
};

static void
sweep_run(struct post *post)
{
	struct sweep *s = CONTAINER_OF(post, struct sweep, post);
	listeners_each(s->b->listeners, s->loop, s->each, NULL);
	atomic_fetch_sub(s->left, 1);
}

static void
stop_one(struct conn *conn, void *arg)
{
	(void)arg;
	session_stop(conn);
}

static void
close_one(struct conn *conn, void *arg)
{
	(void)arg;
	conn_close(conn, NULL);
}

static void
wait_until_gone(struct broker *b, uint64_t ns)
{
	uint64_t end = clock_mono_ns() + ns;
	while (listeners_count(b->listeners) > 0 && clock_mono_ns() < end)
		usleep(PAUSE_US);
}

/* Runs each() for every connection, each loop for its own. */
static void
sweep_and_wait(struct broker *b, void (*each)(struct conn *conn, void *arg))
{
	struct sweep *sweeps = mem_zalloc(b->loops_n * sizeof(*sweeps));
	_Atomic int left = (int)b->loops_n;
	for (unsigned i = 0; i < b->loops_n; i++) {
		sweeps[i] = (struct sweep){ { NULL, sweep_run }, b, b->loops[i], each, &left };
		loop_post(b->loops[i], &sweeps[i].post);
	}
	while (atomic_load(&left) > 0)
		usleep(PAUSE_US);
	mem_free(sweeps);
}

void
part_doors_stop(struct broker *b)
{
	for (size_t i = 0; i < b->doors_n; i++)
		listener_destroy(&b->doors[i].listener);
	sweep_and_wait(b, stop_one);
	groups_leave(b->groups); /* after the sweep: nobody joins any more */
	wait_until_gone(b, DRAIN_NS);
	rosters_quiet(b->core.rosters);
	atomic_store(&b->doors_open, false); /* each loop sees it before the next sweep ends */
	sweep_and_wait(b, close_one);
	wait_until_gone(b, UINT64_MAX / 2);
	sweep_and_wait(b, close_one); /* behind who went from one loop to the next meanwhile (api/roster.h) */
	close_doors(b);
}
