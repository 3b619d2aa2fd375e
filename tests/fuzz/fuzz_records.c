/* SPDX-License-Identifier: Apache-2.0
 * F7: keys and values of __consumer_offsets as any writer may have left them, and the
 * subscriptions that consumers send inside of JoinGroup. The first byte says which. What
 * can be read must be written as something that reads the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "coord/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); abort(); } } while (0)

enum { RECORD_MAX = 1 << 20 };

static struct bytes
view(const struct buf *b)
{
	return (struct bytes){ b->p, b->n };
}

static void
key(struct bytes in)
{
	struct coord_key a, b;
	struct buf out;
	if (coord_key_decode(in, &a) != 0)
		return;
	buf_init(&out, RECORD_MAX);
	MUST(coord_key_encode(&a, &out) == 0 && coord_key_decode(view(&out), &b) == 0);
	MUST(a.kind == b.kind && str_eq(a.group, b.group) && a.partition == b.partition);
	MUST(a.kind != COORD_KEY_OFFSET || str_eq(a.topic, b.topic));
	buf_free(&out);
}

static void
offset(struct bytes in)
{
	struct offset a = { .partition = 3 }, b = { .partition = 3 };
	struct buf out;
	if (coord_offset_decode(in, &a) != 0)
		return;
	buf_init(&out, RECORD_MAX);
	MUST(coord_offset_encode(&a, &out) == 0 && coord_offset_decode(view(&out), &b) == 0);
	MUST(a.offset == b.offset && a.commit_ms == b.commit_ms && str_eq(a.metadata, b.metadata));
	MUST(a.expire_ms < 0 ? b.expire_ms == -1 : a.expire_ms == b.expire_ms);
	MUST(a.expire_ms >= 0 || a.leader_epoch == b.leader_epoch);
	buf_free(&out);
}

static void
owner(struct bytes in)
{
	struct group_owner a, b;
	struct buf out;
	if (coord_owner_decode(in, &a) != 0)
		return;
	buf_init(&out, RECORD_MAX);
	MUST(coord_owner_encode(&a, &out) == 0 && coord_owner_decode(view(&out), &b) == 0);
	MUST(str_eq(a.owner, b.owner) && str_eq(a.team, b.team) && a.mode == b.mode);
	buf_free(&out);
}

/* ---- whole groups ---- */

static void
joined(void *ctx, void *cookie, const struct group_joined *answer)
{
	(void)ctx, (void)cookie, (void)answer;
}

static void
synced(void *ctx, void *cookie, const struct group_synced *answer)
{
	(void)ctx, (void)cookie, (void)answer;
}

static int
store(void *ctx, struct group *group)
{
	(void)ctx, (void)group;
	return 0;
}

static const struct group_ops ops = { joined, synced, store };
static const struct group_settings settings = { 6000, 1800000, 0, 1000, 300000 };

/* Lets a restored group be asked, written and read, and all its sessions end. */
static void
live(const struct group_stored *stored, struct arena *arena)
{
	struct timers timers;
	struct group_stored again;
	struct buf out;
	timers_init(&timers);
	struct group *g = group_create(NAME(0, STR("g")), &settings, &ops, NULL, &timers, 1);
	group_at(g, 1, 1);
	group_restore(g, stored);
	(void)group_subscribes(g, STR("orders"));
	(void)group_heartbeat(g, &(struct group_caller){ STR("m"), STR_NULL, 1 });
	buf_init(&out, RECORD_MAX);
	MUST(coord_group_encode(g, &out) == 0 && coord_group_decode(view(&out), arena, &again) == 0);
	MUST(again.members.n == g->members_n && again.generation == g->generation);
	buf_free(&out);
	timers_run(&timers, UINT64_MAX / 2);
	group_destroy(&g);
	timers_free(&timers);
}

static void
group(struct bytes in)
{
	struct arena *arena = arena_create(16 * RECORD_MAX);
	struct group_stored stored;
	if (coord_group_decode(in, arena, &stored) == 0)
		live(&stored, arena);
	arena_destroy(&arena);
}

static void
subscription(struct bytes in)
{
	struct arena *arena = arena_create(16 * RECORD_MAX);
	struct group_stored stored = { .protocol_type = STR("consumer"), .protocol = STR("range"),
		.leader = STR("m"), .generation = 1, .state_since_ms = 1 };
	ARRAY_SIZE(arena, stored.members, 1);
	stored.members.v[0] = (struct group_stored_member){ .id = STR("m"), .client_id = STR("c"),
		.client_host = STR("/h"), .rebalance_ms = 60000, .session_ms = 10000, .subscription = in };
	live(&stored, arena);
	arena_destroy(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct bytes in) = { key, offset, owner, group, subscription };
	if (size == 0 || size > 65536)
		return 0;
	kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))]((struct bytes){ data + 1, size - 1 });
	return 0;
}
