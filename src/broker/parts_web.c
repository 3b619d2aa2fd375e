/* SPDX-License-Identifier: Apache-2.0
 *
 * The listeners with HTTP. They are there before the log is read and after the last connection of Kafka's protocol is gone, so
 * that /readyz can say what is going on; what looks at anything else is let in by the last part, and shut out first. */
#include <stdio.h>

#include "api/groups.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/parts.h"
#include "broker/rules.h"
#include "net/listener.h"
#include "security/listener.h"
#include "security/tls.h"

struct front {
	struct web web;
	struct http_server *server;
	struct web_door *doors;
	size_t doors_n;
	struct tls_context *next[CONF_LISTENERS_MAX];	/* of the doors, for the reload that is under way */
	struct lock lock;
	/* Under the lock: what the server's loop is told of the listeners, which a reload changes. */
	struct web_figures told;
};

static bool
may_connect(void *arg, const struct addr *from, uint64_t now_ns)
{
	const struct web *web = arg;
	return atomic_load(&web->state) != WEB_OPEN || quota_connect(web->core->quota, from, now_ns);
}

static struct transport *
make_transport(void *arg, int fd, struct loop *loop)
{
	struct web_door *d = arg;
	return parts_transport(&d->core, fd, loop);
}

static int
open_front_door(struct broker *b, const struct conf_listener *l, struct web_door *d, struct why *why)
{
	struct tls_context *tls = NULL;
	uint16_t port;
	d->web = &b->front->web;
	d->core = (struct core_listener){
		.core = &b->core, .name = str_from(l->name), .logins = &d->logins,
		.tls = l->tls, .sasl = l->sasl, .anonymous = l->allow_anonymous, .reauth_ms = l->max_reauth_ms,
	};
	int err = l->tls ? parts_make_tls(b->conf, l, &tls, why) : 0;
	atomic_store(&d->core.tls_context, tls);
	if (err == 0)
		err = http_listen(b->front->server, &(struct http_listener_config){ .name = l->name, .host = l->bind.host,
		    .port = l->bind.port, .transport = make_transport, .arg = d, .ev = &b->ev }, &port, why);
	if (err != 0) {
		why_prefix(why, "listener %s", l->name);
		return err;
	}
	struct conf_hostport at = { l->bind.host, port };
	ev_notice(&b->ev, "listener %s: %s on %.*s", l->name, l->tls ? "HTTPS" : "HTTP",
	    STR_ARG(rules_hostport_text(&at, b->conf->arena)));
	return 0;
}

int
part_front_start(struct broker *b, struct why *why)
{
	const struct conf *c = b->conf;
	size_t n = 0, err = 0;
	for (size_t i = 0; i < c->listener_count; i++)
		n += c->listeners[i].http;
	if (n == 0)
		return 0;
	struct front *f = b->front = MEM_NEW(struct front);
	lock_init(&f->lock, LOCK_FRONT);
	rand_bytes(f->web.key, sizeof(f->web.key));
	f->web.core = &b->core;
	f->web.started_s = clock_wall_ms() / 1000;
	f->doors = mem_zalloc(n * sizeof(*f->doors));
	struct http_config h = { .rcu = b->rcu, .limits = http_limits_default, .routes = web_routes, .admit = may_connect,
		.forget = web_forget, .arg = &f->web };
	h.limits.tls_ns = (uint64_t)c->login_tls_timeout_ms * NS_PER_MS;
	f->server = http_server_create(&h);
	for (size_t i = 0; i < c->listener_count && err == 0; i++)
		if (c->listeners[i].http)
			err = open_front_door(b, &c->listeners[i], &f->doors[f->doors_n++], why) != 0;
	if (err == 0)
		return 0;
	part_front_stop(b);
	return ERR_INVAL;
}

/* The queue for checks is gone: nothing looks at what logins need any more. */
void
part_front_stop(struct broker *b)
{
	struct front *f = b->front;
	if (f == NULL)
		return;
	http_server_destroy(&f->server);
	for (size_t i = 0; i < f->doors_n; i++) {
		struct tls_context *tls = atomic_exchange(&f->doors[i].core.tls_context, NULL);
		sasl_listener_close(&f->doors[i].core.login);
		tls_context_unref(&tls);
	}
	mem_cleanse(f->web.key, sizeof(f->web.key));
	lock_free(&f->lock);
	mem_free(f->doors);
	mem_free(f);
	b->front = NULL;
}

/* ---- reload: certificates alone ---- */

/* Whether it is what it was, but for what stands in files. */
static bool
same_settings(const struct conf_listener *a, const struct conf_listener *b)
{
	if (a == NULL || b == NULL || !a->http || !b->http)
		return (a == NULL || !a->http) && (b == NULL || !b->http);
	for (size_t i = 0; i < listener_option_count; i++)
		if (listener_options[i].type != OPTION_PATH && !option_same(&listener_options[i], a, b))
			return false;
	return true;
}

/* With what there is since the start, whatever reloads have said since. */
static void
warn_of_changes(struct broker *b, const struct conf *of, const struct conf *other, bool both)
{
	for (size_t i = 0; i < of->listener_count; i++) {
		const struct conf_listener *l = &of->listeners[i], *o = parts_listener_named(other, str_from(l->name));
		if (!same_settings(l, o) && (both || o == NULL))
			ev_warn(&b->ev, "reload: listener %s: what is served over HTTP changes with the next start, but for certificates",
			    l->name);
	}
}

/* What HTTP is served on since the start, with the name or the address of this one. */
static const struct conf_listener *
front_door_of(const struct broker *b, const struct conf_listener *l)
{
	for (size_t i = 0; i < b->boot->listener_count; i++)
		if (b->boot->listeners[i].http && rules_same_place(l, &b->boot->listeners[i]))
			return &b->boot->listeners[i];
	return NULL;
}

/* A socket is not handed from HTTP to Kafka's protocol nor back: one could not be bound, and the other would be closed
 * with nothing behind it until the next start. */
static int
check_kinds(const struct broker *b, const struct conf *conf, struct why *why)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];
		const struct conf_listener *other = l->http ? parts_door_of(b, l) : front_door_of(b, l);
		if (other != NULL)
			return why_set(why, ERR_CONFLICT, "%s: listener %s has its name or address, and speaks %s until the next "
			    "start: restart, or take another name and address", l->name, other->name,
			    other->http ? "HTTP" : "Kafka's protocol");
	}
	return 0;
}

int
part_front_prepare(struct broker *b, struct conf *conf, struct why *why)
{
	int err = check_kinds(b, conf, why);
	for (size_t i = 0; b->front != NULL && i < b->front->doors_n && err == 0; i++) {
		struct core_listener *core = &b->front->doors[i].core;
		const struct conf_listener *l = parts_listener_named(conf, core->name);
		if (l == NULL || !l->http || !l->tls || !core->tls)
			continue;
		err = parts_make_tls(conf, l, &b->front->next[i], why);
		if (err != 0)
			why_prefix(why, "%s", l->name);
	}
	return err;
}

void
part_front_abandon(struct broker *b)
{
	for (size_t i = 0; b->front != NULL && i < b->front->doors_n; i++)
		tls_context_unref(&b->front->next[i]);
}

int
part_front_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	(void)why;
	warn_of_changes(b, conf, b->boot, true);
	warn_of_changes(b, b->boot, conf, false);
	for (size_t i = 0; b->front != NULL && i < b->front->doors_n; i++) {
		struct tls_context *fresh = b->front->next[i];
		b->front->next[i] = NULL;
		if (fresh != NULL)
			parts_replace_tls(b, &b->front->doors[i].core, fresh);
	}
	return 0;
}

void
parts_tick_front(struct broker *b, uint64_t now_ns)
{
	for (size_t i = 0; b->front != NULL && i < b->front->doors_n; i++) {
		struct tls_context *tls = atomic_load(&b->front->doors[i].core.tls_context);
		if (tls != NULL)
			tls_context_tick(tls, b->rcu, now_ns);
	}
}

size_t
parts_front_certificates(const struct broker *b, struct parts_certificate *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; b->front != NULL && i < b->front->doors_n && n < max; i++)
		ret[n++] = parts_certificate_of(&b->front->doors[i].core);
	return n;
}

/* ---- figures ---- */

static void
certificates(const struct broker *b, struct web_figures *ret)
{
	struct parts_certificate c[CONF_LISTENERS_MAX];
	size_t n = parts_certificates(b, c, CONF_LISTENERS_MAX);
	n += parts_front_certificates(b, c + n, CONF_LISTENERS_MAX - n);
	for (size_t i = 0; i < n; i++)
		if (c[i].ends.certificate != 0)
			ret->certificate[ret->certificates++] = (struct web_certificate){ str_from(c[i].listener), c[i].ends };
}

/* Main's thread. */
static void
tell_of_listeners(struct broker *b)
{
	struct front *f = b->front;
	struct web_figures *now = MEM_NEW(struct web_figures);
	certificates(b, now);
	now->listeners = parts_logins(b, now->logins, WEB_LISTENERS_MAX);
	for (size_t i = 0; i < f->doors_n && now->listeners < WEB_LISTENERS_MAX; i++)
		now->logins[now->listeners++] = (struct web_logins){ f->doors[i].core.name, &f->doors[i].logins };
	lock_take(&f->lock);
	f->told = *now;
	lock_drop(&f->lock);
	mem_free(now);
}

/* On the server's loop. */
static void
figures(void *arg, struct web_figures *ret)
{
	struct broker *b = arg;
	lock_take(&b->front->lock);
	*ret = b->front->told;
	lock_drop(&b->front->lock);
	ret->connections = listeners_count(b->listeners);
	ret->memory_max = parts_memory(b->boot);
	ret->requests_held = (uint64_t)payers_hold(b->payers, PAYER_FRAMES);
	ret->memory_held = (uint64_t)payers_hold(b->payers, PAYER_HELD);
	ret->groups_held = (uint64_t)coord_memory(b->core.coord);
}

int
part_web_start(struct broker *b, struct why *why)
{
	struct front *f = b->front;
	if (f == NULL)
		return 0;
	for (size_t i = 0; i < f->doors_n; i++) {
		const struct conf_listener *l = parts_listener_named(b->conf, f->doors[i].core.name);
		int err = parts_open_login(b, b->conf, l, &f->doors[i].core, why);
		if (err != 0) {
			why_prefix(why, "listener %s", l->name);
			return err;
		}
	}
	tell_of_listeners(b);
	f->web.figures = figures;
	f->web.arg = b;
	atomic_store(&f->web.state, WEB_OPEN);
	return 0;
}

void
part_web_stop(struct broker *b)
{
	if (b->front == NULL)
		return;
	atomic_store(&b->front->web.state, WEB_STOPPING);
	http_server_cut(b->front->server);
}

int
part_web_reload(struct broker *b, const struct conf *conf, struct why *why)
{
	(void)conf;
	(void)why;
	if (b->front != NULL)
		tell_of_listeners(b);
	return 0;
}
