/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "api/core.h"
#include "http/server.h"
#include "security/tls.h"

/*
 * What is served over HTTP: whether the broker lives and is ready, for everybody, and the metrics, for those who may
 * see them. Routes stand in a table (routes.c), and what they need of the broker in struct web, which src/broker
 * fills: `source` only once everything behind it is there.
 */
enum web_state {
	WEB_STARTING,		/* nothing but health is answered, and that is: not ready */
	WEB_OPEN,
	WEB_STOPPING,
};

/* One certificate of the broker's own. */
struct web_certificate {
	struct str listener;
	struct tls_ends ends;
};
#define WEB_LISTENERS_MAX 128

/* Logins of one listener, and what they are counted in. */
struct web_logins {
	struct str listener;
	struct core_logins *logins;
};

/* Numbers of the whole broker that others keep. */
struct web_figures {
	unsigned connections;		/* of Kafka's protocol */
	uint64_t memory_max, memory_held, requests_held, groups_held;	/* bytes */
	size_t certificates;
	struct web_certificate certificate[WEB_LISTENERS_MAX];
	size_t listeners;
	struct web_logins logins[WEB_LISTENERS_MAX];
};

#define WEB_SCRAPES_MAX 8	/* at a time */

struct web {
	atomic_int state;		/* enum web_state */
	struct broker_core *core;	/* the rest is looked at while OPEN, on the server's loop */
	int64_t started_s;
	void (*figures)(void *arg, struct web_figures *ret);
	void *arg;

	/* Private. */
	uint8_t key[32];		/* of this process: see login.c */
	unsigned scrapes;
	uint32_t slots[WEB_SCRAPES_MAX];	/* whose they are */
	struct {
		uint64_t at_ns;
		const char *reason;
	} health;			/* as it was found last */
};

/* A listener; what logins need lies where the Kafka listeners have it. */
struct web_door {
	struct web *web;
	struct core_listener core;
	struct core_logins logins;
};

/* http_config.routes and .forget. */
extern const struct http_route web_routes[];
void web_forget(void *memory);

/* ---- within the room ---- */

#define WEB_TEXT "text/plain; charset=utf-8"

struct web *web_of(const struct http_exchange *x);
/* Who asks, and then(), with a principal that lives as long as the connection or until the next login on it; whoever may not come in
 * is answered. A login holds for its connection, as on Kafka's listeners, as long as the same is shown with each request. */
void web_login(struct http_exchange *x, void (*then)(struct http_exchange *x, const struct principal *p));
/* The gate: DESCRIBE on this tenant. Denials are logged, and both may be told of in the audit log: 0, ERR_DENIED, or
 * ERR_AGAIN where it is allowed and cannot be told. */
int web_may(struct http_exchange *x, const struct principal *p, const struct acl_who *who, uint32_t tenant);

/* Lines of the audit log about logins. False: it cannot be told of, and so must not be. */
bool web_audit_login(struct http_exchange *x, const struct principal *p);
void web_audit_refused(struct http_exchange *x, struct str who, const char *mechanism, const char *reason);

void web_livez(struct http_exchange *x);
void web_readyz(struct http_exchange *x);
void web_metrics(struct http_exchange *x);
