/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/limits.h>
#include <stdatomic.h>

#include "api/core.h"
#include "audit/audit.h"
#include "base/event.h"
#include "base/rcu.h"
#include "broker/conf.h"
#include "log/store.h"
#include "net/listener.h"
#include "meta/controller.h"
#include "meta/meta.h"
#include "meta/tokens.h"
#include "meta/tree.h"
#include "tenant/quota.h"
#include "web/web.h"

/*
 * The parts of the running daemon, in the order in which they are made; each is
 * NULL until its step has run. One thread, main's, starts, reloads and stops.
 */
struct acl_denials;
struct door;
struct doors_next;
struct front;
struct jwks_sources;
struct parts_certificate;
struct sandbox;
struct watch;
struct way;

struct broker {
	struct conf *boot;			/* of the start: its strings are used until the end */
	struct conf *conf;			/* the one that holds */
	struct log_sink sink;
	struct event ev;

	struct sandbox *sandbox;		/* NULL: files are not held; parts_sandbox.c */
	struct rcu *rcu;
	struct image *_Atomic image;
	struct topic_overrides defaults;	/* views of conf's options as text */
	struct arena *defaults_arena;
	struct store *store;
	struct meta *meta;
	struct quota *quota;
	struct acl_denials *denials;
	struct audit *audit;			/* NULL: none is kept; parts_audit.c */
	struct audit_lines audit_lines;		/* of the change that the controller is at */
	struct partition *_Atomic audit_partition;
	bool audit_topic_failed;		/* the writer's */
	struct controller *controller;

	struct broker_core core;
	struct conf *_Atomic shown;	/* the options that requests are told of */
	struct sasl_lib *sasl_lib;
	struct jwks_sources *token_keys;
	const char *rcache;
	uint64_t next_reap, next_recount, next_cert_check;	/* monotonic ns; parts_tick.c */
	uint64_t next_token_sweep;
	struct tokens_sweep token_sweep;	/* the controller's while token_sweeping */
	atomic_bool token_sweeping;
	struct rules_end rules_end;		/* the controller's while rules_ending */
	atomic_bool rules_ending;
	atomic_int rules_end_rest;		/* looks left out after one that failed */
	struct loop **loops;
	struct watch *watches;		/* one a loop: who may not stay goes */
	unsigned loops_n;
	atomic_bool doors_open;		/* loops may look at listeners */
	struct conn_limits conn_limits;
	struct payers *payers;			/* of memory for what connections hold */
	struct quota_image *payers_limits;	/* that hold for them; the controller's thread */
	struct groups *groups;
	struct listeners *listeners;
	struct door *doors;			/* room for CONF_LISTENERS_MAX; parts_doors.c */
	size_t doors_n;
	struct way *ways;			/* of the past */
	struct doors_next *doors_next;		/* of the reload that is under way */
	struct front *front;			/* NULL: no listener has HTTP; parts_web.c */
};

/* One part: start() or a reason; stop() of what start() made, also where a later
 * part failed. A reload asks prepare() of all parts first: whether the new configuration can be taken, and makes what is
 * needed for it. Then either abandon() of all, for one could not, or reload() of all: takes it (b->conf is still the old
 * one). NULL where there is nothing to do. */
struct part {
	const char *name;
	int (*start)(struct broker *b, struct why *why);
	void (*stop)(struct broker *b);
	int (*reload)(struct broker *b, const struct conf *conf, struct why *why);
	int (*prepare)(struct broker *b, struct conf *conf, struct why *why);
	void (*abandon)(struct broker *b);
};

/* In the order of starting; ends with a row of name NULL. */
extern const struct part parts[];

/* parts_sandbox.c */
int part_sandbox_start(struct broker *b, struct why *why);
void part_sandbox_stop(struct broker *b);
/* Whether files that a reload would open lie where they can be. */
int part_sandbox_prepare(struct broker *b, struct conf *conf, struct why *why);
/* Tells of system calls that were refused. */
void parts_tick_sandbox(struct broker *b);

/* parts_data.c */
int part_rcu_start(struct broker *b, struct why *why);
void part_rcu_stop(struct broker *b);
int part_store_start(struct broker *b, struct why *why);
void part_store_stop(struct broker *b);
int part_meta_start(struct broker *b, struct why *why);
void part_meta_stop(struct broker *b);
int part_limits_start(struct broker *b, struct why *why);
void part_limits_stop(struct broker *b);
int part_controller_start(struct broker *b, struct why *why);
void part_controller_stop(struct broker *b);

/* The file of the metadata, which must be there already. */
int parts_metadata_file(const struct conf *conf, char ret[PATH_MAX], struct why *why);

/* parts_audit.c */
int part_audit_start(struct broker *b, struct why *why);
void part_audit_stop(struct broker *b);
int part_audit_reload(struct broker *b, const struct conf *conf, struct why *why);
int part_audit_prepare(struct broker *b, struct conf *conf, struct why *why);
int part_audit_topic_start(struct broker *b, struct why *why);
/* begins() and ends() of the controller. */
int parts_audit_begins(void *arg, const struct change *change, const struct image *next, const struct change_node *nodes, int n);
void parts_audit_ends(void *arg, enum change_result result);
void parts_tick_audit(struct broker *b, uint64_t now_ns);

/* parts_login.c */
int part_login_start(struct broker *b, struct why *why);
void part_login_stop(struct broker *b);
int part_login_reload(struct broker *b, const struct conf *conf, struct why *why);
/* Whether who comes by the listener may log in by that. */
bool parts_offers(const struct conf *conf, const struct conf_listener *l, const char *mechanism);
int part_login_prepare(struct broker *b, struct conf *conf, struct why *why);

/* parts_tokens.c */
int part_tokens_start(struct broker *b, struct why *why);
int part_tokens_reload(struct broker *b, const struct conf *conf, struct why *why);
/* Expired tokens go, where it is time for that; main's thread. */
void parts_tick_tokens(struct broker *b, uint64_t now_ns, int64_t wall_ms);

/* parts_rules.c: the ends of rules; a few times a second, as they have to be seen by what waits within one. Main's thread. */
void parts_tick_rules(struct broker *b, int64_t wall_ms);

/* parts_serve.c */
int part_loops_start(struct broker *b, struct why *why);
void part_loops_stop(struct broker *b);
int part_core_start(struct broker *b, struct why *why);
void part_core_stop(struct broker *b);
int part_groups_start(struct broker *b, struct why *why);
void part_groups_stop(struct broker *b);
void part_groups_free(struct broker *b);
/* A quarter of all memory is for requests that are being received; the largest one of them. */
int64_t parts_frames_max(const struct conf *c);
size_t parts_largest_frame(const struct conf *c);

/* parts_doors.c */
int part_doors_start(struct broker *b, struct why *why);
void part_doors_stop(struct broker *b);
int part_doors_reload(struct broker *b, const struct conf *conf, struct why *why);
int part_doors_prepare(struct broker *b, struct conf *conf, struct why *why);
void part_doors_abandon(struct broker *b);
/* Reads the files of a listener with TLS. */
int parts_make_tls(const struct conf *c, const struct conf_listener *l, struct tls_context **ret, struct why *why);
/* New keys for TLS tickets, where they are due; main's thread. */
void parts_tick_doors(struct broker *b, uint64_t now_ns);
/* Closes the connections of users who may not stay, in the current image, within
 * a quarter of a second. Any thread, while the loops run. */
void parts_sweep_users(struct broker *b);

/* What listeners of both kinds have. */
int parts_open_login(struct broker *b, const struct conf *conf, const struct conf_listener *l, struct core_listener *core,
    struct why *why);
struct transport *parts_transport(void *core_listener, int fd, struct loop *loop);
void parts_replace_tls(struct broker *b, struct core_listener *core, struct tls_context *fresh);
const struct conf_listener *parts_listener_named(const struct conf *conf, struct str name);
/* The Kafka listener at work that has this one's name or address; NULL: none. Main's thread, before a reload is taken. */
const struct conf_listener *parts_door_of(const struct broker *b, const struct conf_listener *l);
/* The counters of the Kafka listeners' logins. Main's thread; what is counted in stays until the end. */
size_t parts_logins(const struct broker *b, struct web_logins *ret, size_t max);

/* parts_web.c: health from the beginning to the end; what else is served over HTTP while all the rest is there. */
int part_front_start(struct broker *b, struct why *why);
void part_front_stop(struct broker *b);
int part_front_prepare(struct broker *b, struct conf *conf, struct why *why);
void part_front_abandon(struct broker *b);
int part_front_reload(struct broker *b, const struct conf *conf, struct why *why);
int part_web_start(struct broker *b, struct why *why);
void part_web_stop(struct broker *b);
/* After the listeners': tells the metrics of them. */
int part_web_reload(struct broker *b, const struct conf *conf, struct why *why);
/* As parts_tick_doors() and parts_certificates(). */
void parts_tick_front(struct broker *b, uint64_t now_ns);
size_t parts_front_certificates(const struct broker *b, struct parts_certificate *ret, size_t max);

/* parts_options.c: the i-th option, for requests (api/core.h). Any loop. */
bool parts_option(const struct broker_core *core, size_t i, struct arena *arena, struct core_option *ret);
/* Requests are told of this configuration from now on; NULL: of none. */
void parts_show_options(struct broker *b, struct conf *conf);

/* parts_tick.c: what is due now and then; every second, on main's thread. */
void parts_tick(struct broker *b, uint64_t now_ns, int64_t wall_ms);
/* Counts what is held against limits of amounts. */
void parts_recount(struct broker *b);
/* So long before a certificate ends it is warned of, in seconds. */
#define PARTS_CERT_WARN_S (30 * INT64_C(86400))
/* When what a listener shows and looks at ends; all 0 where it has no TLS. */
struct parts_certificate {
	const char *listener;
	struct tls_ends ends;
};
struct parts_certificate parts_certificate_of(const struct core_listener *core);
/* Of each listener; how many. Main's thread. */
size_t parts_certificates(const struct broker *b, struct parts_certificate *ret, size_t max);

/* What the file says about topics, as the settings that topics take it for; only
 * options that the file sets. Strings live in the arena. */
void parts_topic_defaults(const struct conf *conf, struct arena *arena,
    struct topic_overrides *ret);
/* memory.max, or a quarter of the machine's. */
uint64_t parts_memory(const struct conf *conf);
