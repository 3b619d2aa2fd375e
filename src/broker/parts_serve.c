/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops, what requests share, consumer groups; and that users who may not stay
 * go. The listeners are in parts_doors.c.
 */
#include <stdio.h>
#include <unistd.h>

#include "api/backups.h"
#include "api/groups.h"
#include "api/roster.h"
#include "api/session.h"
#include "api/tally.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/parts.h"
#include "net/listener.h"

#define NEW_MEMBER_MS	300000

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
int64_t
parts_frames_max(const struct conf *c)
{
	uint64_t max = parts_memory(c) / 4;
	return max < FRAMES_MIN ? (int64_t)FRAMES_MIN : (int64_t)max;
}

/* What a user could never hold is not begun: a tenth of all memory. */
size_t
parts_largest_frame(const struct conf *c)
{
	int64_t most = ration_most(parts_frames_max(c)) - CONN_LENGTH_BYTES;
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
	s->arena_max = (uint64_t)parts_largest_frame(c) * 2;
	s->fetch_max_bytes = (int32_t)c->fetch_max_bytes;
	s->fetch_sessions_max = parts_memory(c) / 64;
	s->describe_modes = c->acl_describe_modes;
	s->limits.v[LIMIT_SEGMENT_BYTES] = (double)c->limits_topic_segment_bytes_min;
	s->limits.v[LIMIT_SEGMENT_MS] = (double)c->limits_topic_segment_ms_min;
	s->limits.v[LIMIT_SEGMENT_INDEX] = (double)c->limits_topic_segment_index_bytes_min;
	s->limits.v[LIMIT_DIRTY_RATIO] = c->limits_topic_dirty_ratio_min;
	s->limits.v[LIMIT_MESSAGE_BYTES] = (double)c->limits_topic_max_message_bytes_max;
	s->limits.v[LIMIT_FILE_DELETE] = (double)c->limits_topic_file_delete_delay_ms_max;
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
	b->core.tallies = tallies_create(b->loops, b->loops_n);
	b->core.backups = backups_create(b->store, b->meta, &b->ev);
	b->core.workers = workers_create("work", (unsigned)c->num_io_threads, 100000);
	return 0;
}

void
part_core_stop(struct broker *b)
{
	workers_destroy(&b->core.workers);	/* its jobs read in a backup */
	backups_destroy(&b->core.backups);
	rosters_destroy(&b->core.rosters);
	tallies_destroy(&b->core.tallies);
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
