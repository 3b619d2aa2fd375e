/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/event.h"
#include "base/rcu.h"
#include "base/worker.h"
#include "coord/coord.h"
#include "log/store.h"
#include "security/sasl.h"
#include "tenant/limits.h"
#include "tenant/quota.h"

#include "meta/controller.h"
#include "meta/image.h"

struct acl_denials;
struct audit;
struct audit_paths;
struct backups;
struct groups;
struct payers;
struct rosters;
struct tallies;
struct tls_context;

/* One address that clients are told to come to. */
struct core_endpoint {
	struct str host;
	uint16_t port;
};

/* What a tenant's clients are told instead. */
struct core_told {
	struct str tenant;
	struct core_endpoint at;
};

/* Logins by mechanism, since the start; each costs more than an atomic does. */
struct core_logins {
	_Atomic uint64_t taken[MECH_COUNT], refused[MECH_COUNT];
};

/* A listener, as far as requests look at it. Immutable while connections of it live. */
struct core_listener {
	struct broker_core *core;
	struct str name;
	struct core_endpoint told;	/* what Metadata and FindCoordinator answer, see told.h */
	const struct core_told *told_by_tenant;
	size_t told_by_tenant_n;
	bool tls, sasl;
	bool anonymous;			/* who proves nothing comes in as User:ANONYMOUS */
	int64_t reauth_ms;		/* connections.max.reauth.ms; 0: a login holds for good */
	uint64_t login_ns;		/* that a login may take, and its renewal */
	struct tls_context *_Atomic tls_context;	/* replaced by a reload */
	struct sasl_listener login;
	struct core_logins *logins;	/* NULL: they are not counted */
};

/* Settings that handlers look at, of the start: a reload takes none of them. */
struct core_settings {
	int32_t node_id;
	bool auto_create_topics;
	bool delete_topics;		/* delete.topic.enable */
	uint64_t arena_max;		/* bytes that decoding one request may take */
	int32_t fetch_max_bytes;
	uint64_t fetch_sessions_max;	/* bytes that all of them may take */
	bool describe_modes;		/* acl.describe.modes */
	struct limits limits;
};

/* One option of the broker, for DescribeConfigs. Null: unset. */
struct core_option {
	struct str name, value, def, doc;
	int type;			/* Kafka's number (enum config_type) */
	bool is_public;			/* tenants see it */
	bool sensitive;			/* nobody sees its value */
};

/* Of delegation tokens; a reload changes them. */
struct core_tokens {
	_Atomic int64_t max_lifetime_ms, expiry_ms;
	_Atomic int32_t per_user;
};

/*
 * What all requests share: made and owned by src/broker, in the order of its
 * start table; handed to every request. The image is read once a turn of the
 * loop (rcu_read), so one request sees one image.
 */
struct broker_core {
	struct rcu *rcu;
	struct image *_Atomic *image;	/* rcu_read(*core->image) */
	struct core_settings settings;
	struct core_tokens tokens;
	struct store *store;
	struct controller *controller;
	struct coord *coord;
	struct groups *groups;
	struct backups *backups;		/* NULL: none can be taken */
	struct quota *quota;
	struct payers *payers;
	struct acl_denials *denials;
	struct audit *audit;			/* NULL: there is no audit log; then neither are the next ones */
	struct acl_denials *audit_denied, *audit_allowed;	/* what is folded for it */
	struct audit_paths *_Atomic audit_paths;	/* rcu_read(); NULL: no path of audit.allows */
	struct tallies *tallies;		/* counters for the metrics (tally.h); NULL: nothing is counted */
	_Atomic uint64_t connections;		/* counted, for the lines of one to be found */
	struct rosters *rosters;		/* who is connected; NULL: nobody looks */
	struct workers *workers;
	struct sasl_shared sasl;
	struct event *log;
	/* The i-th option as the file has it; false behind the last. Strings lie in the
	 * arena or are const. Any loop. */
	bool (*option)(const struct broker_core *core, size_t i, struct arena *arena,
	    struct core_option *ret);
	_Atomic uint64_t producer_ids;	/* what is left of a block (init_producer_id.c) */
	_Atomic uint64_t fetch_sessions;	/* bytes that they take (fetch_session.c) */
};
