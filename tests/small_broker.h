/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A whole broker in this process, but for TLS, logins and the file system's limits: the daemon's
 * own parts, a small store, one listener in plain text on a free port. What goes wrong ends the
 * process, with the reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acl/image.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/fs.h"
#include "broker/bootstrap.h"
#include "broker/parts.h"
#include "net/plain.h"

struct small_broker {
	struct broker b;
	struct core_listener core;
	struct conn_limits limits;
	struct listener *door;
	char dir[64];
};

static inline void
small_must(bool well, const char *what, const struct why *why)
{
	if (well)
		return;
	fprintf(stderr, "small broker: %s: %s\n", what, why->text);
	abort();
}

static inline struct transport *
small_transport(void *arg, int fd, struct loop *loop)
{
	(void)arg, (void)loop;
	return plain_create(fd);
}

static inline int
small_store_start(struct broker *b, struct why *why)
{
	struct store_config c = store_config_default;
	c.journal_bytes = 1 << 20;
	c.journal_files = 2;
	c.soft_free_percent = 0;
	c.ballast_bytes = 0;
	c.readers = 1;
	return store_open(b->conf->log_dirs, &c, &b->ev, &b->store, why);
}

/* As the daemon's (broker.c). */
static const struct part small_parts[] = {
	{ "rcu", part_rcu_start, part_rcu_stop, NULL },
	{ "log", small_store_start, part_store_stop, NULL },
	{ "metadata", part_meta_start, part_meta_stop, NULL },
	{ "limits", part_limits_start, part_limits_stop, NULL },
	{ "groups' memory", NULL, part_groups_free, NULL },
	{ "loops", part_loops_start, part_loops_stop, NULL },
	{ "controller", part_controller_start, part_controller_stop, NULL },
	{ "requests", part_core_start, part_core_stop, NULL },
	{ "tokens", part_tokens_start, NULL, part_tokens_reload },
	{ "groups", part_groups_start, part_groups_stop, NULL },
};
enum { SMALL_PARTS = sizeof(small_parts) / sizeof(small_parts[0]) };

static inline void
small_configure(struct small_broker *h, const char *parent)
{
	char text[400], path[100];
	struct why why = { "" };
	snprintf(h->dir, sizeof(h->dir), "%s/schloss-small-XXXXXX", parent);
	small_must(mkdtemp(h->dir) != NULL, parent, &why);
	snprintf(path, sizeof(path), "%s/data", h->dir);
	small_must(fs_mkdir(path) == 0 && bootstrap_metadata(path, STR("admin"), STR("x"), &why) == 0, path, &why);
	int n = snprintf(text, sizeof(text), "log.dirs: \"%s\"\nnum.network.threads: 1\nnum.io.threads: 2\n"
	    "offsets.topic.num.partitions: 2\ngroup.initial.rebalance.delay.ms: 0\n"
	    "listeners:\n  A:\n    address: 127.0.0.1:9\n    protocol: PLAINTEXT\n"
	    "    allow.plaintext: true\n    allow.anonymous: true\n", path);
	snprintf(path, sizeof(path), "%s/conf", h->dir);
	small_must(fs_replace_lazy(path, text, (size_t)n) == 0 && conf_load(path, &h->b.boot, &why) == 0, path, &why);
	h->b.conf = conf_ref(h->b.boot);
}

/* In opened(): who has just come is the operator. */
static inline void
small_login(struct session *s)
{
	const struct acl_image *im = image_acl(rcu_read(*s->core->image));
	s->principal.anonymous = false;
	s->principal.user = NAME(0, STR("admin"));
	s->principal.user_generation = acl_tenant_user(acl_image_tenant(im, 0), s->principal.user.s)->generation;
}

static inline void
small_open(struct small_broker *h, const struct conn_ops *ops)
{
	struct broker *b = &h->b;
	struct why why = { "" };
	h->core = (struct core_listener){ .core = &b->core, .name = STR("A"), .told = { STR("h"), 9 },
		.anonymous = true };
	b->listeners = listeners_create(&(struct listeners_config){ .loops = b->loops, .loops_n = b->loops_n,
	    .limits = &h->limits, .max = 100, .max_per_ip = 100, .login_max = 100, .login_max_per_ip = 100 });
	small_must(listener_create(b->listeners, &(struct listener_config){ .name = "A", .host = "127.0.0.1",
	    .ops = ops, .arg = &h->core, .transport = small_transport, .ev = &b->ev }, &h->door, &why) == 0, "listener", &why);
	listener_open(h->door);
}

/* parent: where its directory is made. ops: of its connections, who are in `main` and nobody. The
 * log goes to fd. frame_max: bytes of a request. */
static inline void
small_broker_start(struct small_broker *h, const char *parent, const struct conn_ops *ops, int fd, int level,
    size_t frame_max)
{
	struct why why = { "" };
	small_configure(h, parent);
	h->limits = conn_limits_default;
	h->limits.frame_max = frame_max;
	h->b.sink = (struct log_sink){ .fd = fd, .level = level };
	event_root(&h->b.ev, &h->b.sink);
	for (int i = 0; i < SMALL_PARTS; i++)
		if (small_parts[i].start != NULL)
			small_must(small_parts[i].start(&h->b, &why) == 0, small_parts[i].name, &why);
	small_open(h, ops);
}

/* When no client has a connection any more, or will close it within a minute. */
static inline void
small_broker_stop(struct small_broker *h)
{
	struct why why = { "connections are left" };
	listener_destroy(&h->door);
	uint64_t end = clock_mono_ns() + 60 * NS_PER_SEC;
	while (listeners_count(h->b.listeners) > 0) {
		small_must(clock_mono_ns() < end, "stop", &why);
		usleep(1000);
	}
	for (int i = SMALL_PARTS - 1; i >= 0; i--) {
		if (small_parts[i].stop == part_limits_stop) /* the loops are gone, what is charged is not */
			listeners_destroy(&h->b.listeners);
		if (small_parts[i].stop != NULL)
			small_parts[i].stop(&h->b);
	}
	conf_unref(&h->b.conf);
	conf_unref(&h->b.boot);
	fs_rmtree(h->dir);
}
