/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/ref.h"
#include "broker/options.h"

/*
 * The configuration: read once from schlossd.yaml and what it includes, checked
 * whole, and immutable from then on; a reload makes another one. Counted, so
 * that any thread may keep the one it works with.
 */

/* Values of the ENUM options, in the order of their words in options.def. */
enum conf_protocol { CONF_SASL_SSL, CONF_SSL, CONF_SASL_PLAINTEXT, CONF_PLAINTEXT, CONF_HTTPS, CONF_HTTP };
enum conf_client_auth { CONF_CERT_NONE, CONF_CERT_REQUESTED, CONF_CERT_REQUIRED };
enum conf_sandbox { CONF_SANDBOX_AUTO, CONF_SANDBOX_ALWAYS, CONF_SANDBOX_NEVER };
enum conf_session_tickets { CONF_TICKETS_AUTO, CONF_TICKETS_ALWAYS, CONF_TICKETS_NEVER };
enum conf_unknown_users { CONF_UNKNOWN_DENY, CONF_UNKNOWN_ALLOW };
enum conf_audit_failure { CONF_AUDIT_REFUSE, CONF_AUDIT_COUNT };
enum conf_flush { CONF_FLUSH_ACK, CONF_FLUSH_INTERVAL, CONF_FLUSH_OS };
enum conf_timestamp_type { CONF_CREATE_TIME, CONF_LOG_APPEND_TIME };

#define CONF_FIELD_INT int64_t
#define CONF_FIELD_BOOL bool
#define CONF_FIELD_TEXT const char *
#define CONF_FIELD_PATH const char *
#define CONF_FIELD_ENUM int
#define CONF_FIELD_LIST struct option_list
#define CONF_FIELD_REAL double

/* A host and a port; host is a name or an address without brackets, "*" for
 * every address of the machine. */
struct conf_hostport {
	const char *host;
	uint16_t port;
};

/* What clients of a tenant are told. */
struct conf_told {
	const char *tenant;
	struct conf_hostport at;
};

/* Where a value came from. */
struct conf_origin {
	const char *file;		/* NULL: the default */
	unsigned line, column;		/* of the key */
};

/* In one configuration; more are refused. */
#define CONF_LISTENERS_MAX 64

struct conf_listener {
	const char *name;
	struct conf_origin where;
	struct conf_origin *origins;	/* one for each row of listener_options */
	struct conf_hostport bind;	/* address, parsed */
	struct conf_hostport told;	/* advertised, or the address */
	bool tls, sasl;			/* from the protocol */
	struct cidr_list proxies;	/* proxy.protocol.from, parsed */
	bool http;			/* health and metrics, not Kafka's protocol */
	bool tenant_from_login;		/* tenant: from-login */
	bool tenant_from_name;		/* tenant: from-server-name */
	const char *home;		/* the tenant that tenant names; main where it is one of these words */
	const struct conf_told *told_by_tenant;	/* tenant.advertised, parsed */
	/* Unset values are filled from the options for the whole broker, so that
	 * a reader never looks in two places. */
#define LISTENER(type, field, name, def, min, max, unit, flags, help) CONF_FIELD_##type field;
#include "broker/options.def"
};

struct conf {
	struct ref ref;
	struct arena *arena;		/* all strings below */
	const char *file;		/* absolute */
	const char *dir;		/* its directory, absolute */
	struct conf_listener *listeners;
	size_t listener_count;
	struct cidr_list exempt;	/* login.penalty.exempt, parsed */
	struct conf_origin *origins;	/* one for each row of conf_options */
#define OPTION(type, field, name, def, min, max, unit, flags, help) CONF_FIELD_##type field;
#include "broker/options.def"
};

/* Reads and checks a file. On failure the reason is one line that begins with
 * FILE:LINE:COLUMN where a place is to blame. May block. */
int conf_load(const char *file, struct conf **ret, struct why *why);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf **conf);

/* The effective configuration in a form that conf_load() would take again, with
 * the origin of each value as a comment; secrets as comments without value. */
void conf_print(const struct conf *conf, FILE *out);

/* Things that are allowed but that an administrator should know at each start:
 * calls say(text, arg) for each (anonymous or plaintext listeners, ...). */
void conf_warnings(const struct conf *conf, void (*say)(const char *text, void *arg), void *arg);

/* Calls say(name, arg) for each option that differs and that a reload does not
 * take; of a listener it takes all. Returns how many. */
size_t conf_frozen_changes(const struct conf *old, const struct conf *new,
    void (*say)(const char *name, void *arg), void *arg);
