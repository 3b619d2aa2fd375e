/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops and listeners: the last to start and the first to stop. Listeners are
 * bound before they accept, so that an address in use is an error of the start;
 * they accept when everything behind them is there.
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

#define NEW_MEMBER_MS	300000
#define DRAIN_NS	(5 * NS_PER_SEC)
#define PAUSE_US	5000

struct door {
	struct core_listener core;
	struct listener *listener;
};

/* ---- revocation ---- */

/*
 * After a publication each loop looks at its own connections, a quarter of a
 * second later, so that many publications cost one look. Posted at most once
 * until it has run.
 */
#define WATCH_NS	(NS_PER_SEC / 4)

struct watch {
	struct post post;
	struct timer timer;
	struct broker *b;
	struct loop *loop;
	atomic_bool posted;
};

static void
check_one(struct conn *conn, void *arg)
{
	struct session *s = conn_session(conn);
	(void)arg;
	if (s != NULL && !session_user_stays(s))
		conn_close(conn, "the user was deleted, locked, or given new keys or another end, or the tenant suspended or renamed");
}

static void
watch_fire(struct timer *timer, uint64_t now)
{
	struct watch *w = CONTAINER_OF(timer, struct watch, timer);
	(void)now;
	if (atomic_load(&w->b->doors_open))
		listeners_each(w->b->listeners, w->loop, check_one, NULL);
}

static void
watch_run(struct post *post)
{
	struct watch *w = CONTAINER_OF(post, struct watch, post);
	atomic_store(&w->posted, false);
	if (!timer_is_set(&w->timer))
		timer_set(loop_timers(w->loop), &w->timer, loop_now(w->loop) + WATCH_NS);
}

void
parts_sweep_users(struct broker *b)
{
	for (unsigned i = 0; i < b->loops_n; i++)
		if (!atomic_exchange(&b->watches[i].posted, true))
			loop_post(b->loops[i], &b->watches[i].post);
}

/* ---- loops ---- */

/* Once a turn, not for each append. */
static void
settle(void *store)
{
	store_go(store);
}

int
part_loops_start(struct broker *b, struct why *why)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	char name[16];
	(void)why;
	b->loops_n = b->conf->num_network_threads > 0 ? (unsigned)b->conf->num_network_threads
	    : cores > 0 ? (unsigned)cores : 1;
	b->loops = mem_zalloc(b->loops_n * sizeof(struct loop *));
	b->watches = mem_zalloc(b->loops_n * sizeof(*b->watches));
	for (unsigned i = 0; i < b->loops_n; i++) {
		snprintf(name, sizeof(name), "loop%u", i);
		b->loops[i] = loop_create(name, b->rcu, settle, b->store);
		b->watches[i] = (struct watch){ .post = { NULL, watch_run }, .timer = { .fire = watch_fire },
		    .b = b, .loop = b->loops[i] };
	}
	return 0;
}

void
part_loops_stop(struct broker *b)
{
	for (unsigned i = 0; i < b->loops_n; i++)
		loop_destroy(&b->loops[i]);
	mem_free(b->loops);
	mem_free(b->watches);
	b->loops = NULL;
	b->watches = NULL;
	b->loops_n = 0;
}

/* ---- what requests share ---- */

#define FRAMES_MIN (UINT64_C(4) << 20)

/* A quarter of all memory for requests that are being received. */
static int64_t
frames_max(const struct conf *c)
{
	uint64_t max = parts_memory(c) / 4;
	return max < FRAMES_MIN ? (int64_t)FRAMES_MIN : (int64_t)max;
}

/* What a user could never hold is not begun: a tenth of all memory. */
static size_t
largest_frame(const struct conf *c)
{
	int64_t most = ration_most(frames_max(c)) - CONN_LENGTH_BYTES;
	return (size_t)(c->socket_request_max_bytes < most ? c->socket_request_max_bytes : most);
}

int
part_core_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	struct core_settings *s = &b->core.settings;
	(void)why;
	s->node_id = (int32_t)c->node_id;
	s->auto_create_topics = c->auto_create_topics_enable;
	s->delete_topics = c->delete_topic_enable;
	s->arena_max = (uint64_t)largest_frame(c) * 2;
	s->fetch_max_bytes = (int32_t)c->fetch_max_bytes;
	s->fetch_sessions_max = parts_memory(c) / 64;
	s->describe_modes = c->acl_describe_modes;
	s->limits.v[LIMIT_SEGMENT_BYTES] = (double)c->limits_topic_segment_bytes_min;
	s->limits.v[LIMIT_SEGMENT_MS] = (double)c->limits_topic_segment_ms_min;
	s->limits.v[LIMIT_SEGMENT_INDEX] = (double)c->limits_topic_segment_index_bytes_min;
	s->limits.v[LIMIT_DIRTY_RATIO] = c->limits_topic_dirty_ratio_min;
	s->limits.v[LIMIT_MESSAGE_BYTES] = (double)c->limits_topic_max_message_bytes_max;
	s->limits.v[LIMIT_PARTITIONS_REQUEST] = (double)c->limits_topic_partitions_request_max;
	s->limits.v[LIMIT_PARTITIONS] = (double)c->limits_topic_partitions_max;
	b->core.rcu = b->rcu;
	b->core.image = &b->image;
	b->core.store = b->store;
	b->core.controller = b->controller;
	b->core.quota = b->quota;
	b->core.denials = b->denials;
	b->core.log = &b->ev;
	b->core.option = parts_option;
	parts_show_options(b, b->conf);
	b->core.rosters = rosters_create(b->loops, b->loops_n);
	b->core.workers = workers_create("work", (unsigned)c->num_io_threads, 100000);
	return 0;
}

void
part_core_stop(struct broker *b)
{
	workers_destroy(&b->core.workers);
	rosters_destroy(&b->core.rosters);
	parts_show_options(b, NULL);
}

/* ---- consumer groups ---- */

int
part_groups_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	struct groups_config g = {
		.core = &b->core, .loops = b->loops, .loops_n = b->loops_n,
		.coord = {
			.group = {
				.min_session_ms = (int32_t)c->group_min_session_timeout_ms,
				.max_session_ms = (int32_t)c->group_max_session_timeout_ms,
				.initial_delay_ms = (int32_t)c->group_initial_rebalance_delay_ms,
				.max_size = (int32_t)c->group_max_size,
				.new_member_timeout_ms = NEW_MEMBER_MS,
			},
			.shards = (int32_t)c->offsets_topic_num_partitions,
			.retention_ms = c->offsets_retention_minutes * 60000,
			.metadata_max = (int32_t)c->offset_metadata_max_bytes,
			.memory_max = (int64_t)(parts_memory(c) / 8),	/* half of it for one tenant */
		},
		.expire_every_ms = c->offsets_retention_check_interval_ms,
		.segment_bytes = c->offsets_topic_segment_bytes,
	};
	return groups_start(&g, &b->groups, why);
}

void
part_groups_stop(struct broker *b)
{
	groups_quiet(b->groups);
}

void
part_groups_free(struct broker *b)
{
	groups_stop(&b->groups);
}

/* ---- doors ---- */

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

static struct transport *
make_transport(void *arg, int fd, struct loop *loop)
{
	struct core_listener *l = arg;
	if (!l->tls)
		return plain_create(fd);
	return tls_create(rcu_read(l->tls_context), fd, loop_scratch(loop));
}

static int
open_login(struct broker *b, const struct conf_listener *l, struct core_listener *core, struct why *why)
{
	const struct conf *c = b->conf;
	uint32_t tenant = 0;
	const struct image *im = atomic_load(&b->image);
	const struct acl_tenant *t = acl_image_tenant_named(image_acl(im), str_from(l->tenant));
	if (t == NULL && !l->tenant_from_login)
		return why_set(why, ERR_NOTFOUND, "there is no tenant '%s'", l->tenant);
	if (t != NULL)
		tenant = acl_tenant_number(t);
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

/* In the memory of the configuration of the start, which stays. */
static void
fill_told(struct broker *b, const struct conf_listener *l, struct core_listener *core)
{
	size_t n = l->tenant_advertised.n;
	struct core_told *told = arena_zalloc(b->boot->arena, (n + 1) * sizeof(*told));
	for (size_t i = 0; i < n; i++) {
		const struct conf_told *one = &l->told_by_tenant[i];
		told[i] = (struct core_told){ str_from(one->tenant), { str_from(one->at.host), one->at.port } };
	}
	core->told_by_tenant = told;
	core->told_by_tenant_n = n;
}

static int
open_door(struct broker *b, const struct conf_listener *l, struct door *d, struct why *why)
{
	struct tls_context *tls = NULL;
	d->core.core = &b->core;
	d->core.name = str_from(l->name);
	d->core.told = (struct core_endpoint){ str_from(l->told.host), l->told.port };
	fill_told(b, l, &d->core);
	d->core.tls = l->tls;
	d->core.sasl = l->sasl;
	d->core.anonymous = l->allow_anonymous;
	d->core.reauth_ms = l->max_reauth_ms;
	d->core.login_ns = b->conn_limits.login_ns;
	int err = l->tls ? parts_make_tls(b->conf, l, &tls, why) : 0;
	if (err == 0)
		err = open_login(b, l, &d->core, why);
	atomic_store(&d->core.tls_context, tls);
	if (err != 0)
		return err;
	return listener_create(b->listeners, &(struct listener_config){ .name = l->name,
	    .host = l->bind.host, .port = l->bind.port, .proxies = l->proxies, .ops = &session_ops, .arg = &d->core,
	    .transport = make_transport, .ev = &b->ev }, &d->listener, why);
}

static void
fill_limits(struct broker *b, const struct conf *c, struct conn_limits *ret)
{
	*ret = conn_limits_default;
	ret->payers = b->payers;
	ret->frame_max = largest_frame(c);
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
	for (size_t i = 0; i < b->doors_n; i++) {
		struct door *d = &b->doors[i];
		struct tls_context *tls = atomic_exchange(&d->core.tls_context, NULL);
		listener_destroy(&d->listener);
		sasl_listener_close(&d->core.login);
		tls_context_unref(&tls);
	}
	mem_free(b->doors);
	b->doors = NULL;
	b->doors_n = 0;
	listeners_destroy(&b->listeners);
	payers_destroy(&b->payers);
}

static bool
may_connect(void *arg, const struct addr *from, uint64_t now_ns)
{
	return quota_connect(arg, from, now_ns);
}

int
part_doors_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	int err = 0;
	b->payers = payers_create((int64_t[PAYER_KINDS]){ [PAYER_FRAMES] = frames_max(c), [PAYER_HELD] = frames_max(c) / 2 });
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
	b->doors = mem_zalloc(c->listener_count * sizeof(*b->doors));
	for (size_t i = 0; i < c->listener_count && err == 0; i++) {
		b->doors_n = i + 1;
		err = open_door(b, &c->listeners[i], &b->doors[i], why);
		if (err != 0)
			why_prefix(why, "listener %s", c->listeners[i].name);
	}
	if (err != 0) {
		close_doors(b);
		return err;
	}
	parts_recount(b);
	atomic_store(&b->doors_open, true);
	for (size_t i = 0; i < b->doors_n; i++) {
		listener_open(b->doors[i].listener);
		struct conf_hostport at = { c->listeners[i].bind.host, listener_port(b->doors[i].listener) };
		ev_notice(&b->ev, "listener %s: %.*s", c->listeners[i].name,
		    STR_ARG(rules_hostport_text(&at, c->arena)));
	}
	return 0;
}

static void
release_tls(void *object)
{
	struct tls_context *tls = object;
	tls_context_unref(&tls);
}

/* Connections keep the old one; nobody resumes what began with it. */
static void
replace_tls(struct broker *b, struct door *d, struct tls_context *fresh)
{
	struct tls_context *old = rcu_publish(d->core.tls_context, fresh);
	tls_context_retire(old, b->rcu, clock_mono_ns());
	rcu_retire(b->rcu, release_tls, old);
}

void
parts_tick_doors(struct broker *b, uint64_t now_ns)
{
	for (size_t i = 0; i < b->doors_n; i++) {
		struct tls_context *tls = atomic_load(&b->doors[i].core.tls_context);
		if (tls != NULL)
			tls_context_tick(tls, b->rcu, now_ns);
	}
}

/* New certificates for new connections. A listener whose files cannot be used
 * keeps what it has, and so do all others. */
int
part_doors_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	struct tls_context *fresh[CONF_LISTENERS_MAX] = { NULL };
	int err = 0;
	for (size_t i = 0; i < b->doors_n && err == 0; i++) {
		const struct conf_listener *l = NULL;
		for (size_t k = 0; k < conf->listener_count; k++)
			if (str_is(b->doors[i].core.name, conf->listeners[k].name))
				l = &conf->listeners[k];
		if (l != NULL && b->doors[i].core.tls)
			err = parts_make_tls(conf, l, &fresh[i], why);
	}
	for (size_t i = 0; i < b->doors_n; i++) {
		if (err != 0)
			tls_context_unref(&fresh[i]);
		else if (fresh[i] != NULL)
			replace_tls(b, &b->doors[i], fresh[i]);
	}
	if (err == 0)
		listeners_set_max(b->listeners, (unsigned)conf->max_connections,
		    (unsigned)conf->max_connections_per_ip, (unsigned)conf->login_max_connections,
		    (unsigned)conf->login_max_connections_per_ip);
	return err;
}

size_t
parts_certificates(const struct broker *b, int64_t *ret_ends, const char **ret_names, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < b->doors_n && n < max; i++) {
		const struct tls_context *tls = atomic_load(&b->doors[i].core.tls_context);
		ret_names[n] = b->doors[i].core.name.p;
		ret_ends[n++] = tls == NULL ? 0 : tls_context_expires(tls);
	}
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
