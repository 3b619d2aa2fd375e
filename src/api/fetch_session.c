/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node is in one of three places: in the list of those due, with the request that looks at it
 * (in no list), or waiting on its partition. The partition's thread, which finds it grown, pushes
 * the node on a stack and posts to the loop; there it becomes due, and a parked request is woken.
 *
 * Rights, topics and leader epochs are looked at when a node is due. So that a change of them is
 * not missed by nodes that wait, a new image makes all of them due.
 *
 * What can fail: room. All sessions together have a budget (core_settings), one a quarter of it;
 * beyond that a fetch has no session and costs what it names.
 */
#include "api/fetch_session.h"

#include <stdatomic.h>

#include "api/session.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

/* A node with a short name and its place in the map, in a heap of odd sizes. */
#define NODE_BYTES (sizeof(struct fetch_node) + 96)

struct fetch_session {
	struct map *nodes;		/* by partition and topic */
	struct list due;
	struct broker_core *core;
	struct request *parked;
	struct loop *loop;
	struct fetch_node *_Atomic fired;	/* a stack */
	atomic_bool posted;
	struct post post;
	uint64_t bytes;			/* of all nodes */
	uint64_t generation;		/* of the image that was looked at last */
	int32_t id, epoch;		/* epoch: of the request that is to come */
	bool by_id, is_new, dead;
};

/* ---- nodes that have fired ---- */

static void
woken(struct post *post)
{
	struct fetch_session *fs = CONTAINER_OF(post, struct fetch_session, post);
	atomic_store(&fs->posted, false);
	if (fs->dead)
		mem_free(fs);
	else if (fs->parked != NULL)
		request_wake(fs->parked);
}

/* Any thread, under the partition's lock. */
static void
has_grown(struct log_waiter *w, int err)
{
	struct fetch_node *node = CONTAINER_OF(w, struct fetch_node, waiter);
	struct fetch_session *fs = node->session;
	struct fetch_node *head = atomic_load(&fs->fired);
	(void)err; /* whoever looks at it finds out */
	do {
		node->next_fired = head;
	} while (!atomic_compare_exchange_weak(&fs->fired, &head, node));
	if (!atomic_exchange(&fs->posted, true))
		loop_post(fs->loop, &fs->post);
}

static void
make_due(struct fetch_session *fs, struct fetch_node *node)
{
	partition_put(&node->p);
	list_add(&fs->due, &node->hook);
}

static void
take_fired(struct fetch_session *fs)
{
	struct fetch_node *node = atomic_exchange(&fs->fired, NULL), *first = NULL;
	while (node != NULL) { /* the latest is on top: turn them round */
		struct fetch_node *next = node->next_fired;
		node->next_fired = first;
		first = node;
		node = next;
	}
	for (; first != NULL; first = first->next_fired)
		make_due(fs, first);
}

/* Makes sure that it does not wait: it is due then, unless a request has it. */
static void
stop_waiting(struct fetch_session *fs, struct fetch_node *node)
{
	if (node->p == NULL)
		return;
	partition_wait_cancel(node->p, &node->waiter);
	take_fired(fs); /* it may be among them */
	if (node->p != NULL)
		make_due(fs, node);
}

/* ---- nodes ---- */

static struct name
key_of(const struct fetch_session *fs, struct name topic, const struct uuid *id, int32_t partition)
{
	return NAME((uint32_t)partition, fs->by_id ? ((struct str){ (const char *)id->b, sizeof(id->b) }) : topic.s);
}

static bool
take_room(struct fetch_session *fs, uint64_t bytes)
{
	uint64_t max = fs->core->settings.fetch_sessions_max;
	if (fs->bytes + bytes > max / 4)
		return false;
	if (atomic_fetch_add(&fs->core->fetch_sessions, bytes) + bytes > max) {
		atomic_fetch_sub(&fs->core->fetch_sessions, bytes);
		return false;
	}
	fs->bytes += bytes;
	return true;
}

/* False where there is no room for another. */
static bool
add_node(struct fetch_session *fs, const struct fetch_req_topic *t, const struct fetch_req_partition *in)
{
	struct name key = key_of(fs, t->topic, &t->topic_id, in->partition);
	struct fetch_node *node = map_get(fs->nodes, key);
	if (node != NULL) {
		stop_waiting(fs, node);
		node->in = *in;
		return true;
	}
	if (!take_room(fs, NODE_BYTES + key.s.n))
		return false;
	node = mem_zalloc(sizeof(*node) + key.s.n);
	memcpy(node->key, key.s.p, key.s.n);
	node->topic = NAME(t->topic.tenant, fs->by_id ? STR("") : ((struct str){ node->key, key.s.n }));
	node->id = t->topic_id;
	node->bytes = NODE_BYTES + key.s.n;
	node->in = *in;
	node->session = fs;
	node->told = (struct fetch_ends){ -1, -1 };
	node->waiter.fire = has_grown;
	list_init(&node->waiter.hook);
	list_add(&fs->due, &node->hook);
	map_put(fs->nodes, NAME(key.tenant, ((struct str){ node->key, key.s.n })), node);
	return true;
}

static void
drop_node(struct fetch_session *fs, struct fetch_node *node)
{
	stop_waiting(fs, node);
	list_del(&node->hook);
	atomic_fetch_sub(&fs->core->fetch_sessions, node->bytes);
	fs->bytes -= node->bytes;
	mem_free(node);
}

static void
forget(struct fetch_session *fs, const struct fetch_req_forgotten_topic *t)
{
	ARRAY_FOREACH(const int32_t, partition, t->partitions) {
		struct fetch_node *node = map_del(fs->nodes, key_of(fs, t->topic, &t->topic_id, *partition));
		if (node != NULL)
			drop_node(fs, node);
	}
}

/* ---- sessions ---- */

static struct fetch_session *
make(struct request *rq)
{
	struct fetch_session *fs = MEM_NEW(struct fetch_session);
	fs->nodes = map_create();
	list_init(&fs->due);
	fs->core = rq->core;
	fs->loop = rq->loop;
	fs->post.run = woken;
	fs->generation = image_generation(rq->image);
	fs->by_id = request_flag(rq, FLAG_fetch_by_topic_id);
	fs->is_new = true;
	while (fs->id <= 0)
		rand_bytes(&fs->id, sizeof(fs->id));
	fs->epoch = 1;
	return fs;
}

void
fetch_session_destroy(struct fetch_session **session)
{
	struct fetch_session *fs = *session;
	struct fetch_node *node;
	struct name key;
	size_t pos = 0;
	*session = NULL;
	if (fs == NULL)
		return;
	while ((node = map_next(fs->nodes, &pos, &key)) != NULL) {
		map_del(fs->nodes, key);
		drop_node(fs, node);
	}
	map_destroy(&fs->nodes);
	fs->parked = NULL;
	fs->dead = true;
	if (!atomic_load(&fs->posted))
		mem_free(fs);
}

/* Names and forgets what the request does. False where there is no room for all of it. */
static bool
update(struct fetch_session *fs, const struct fetch_req *in)
{
	ARRAY_FOREACH(const struct fetch_req_topic, t, in->topics)
		ARRAY_FOREACH(const struct fetch_req_partition, p, t->partitions)
			if (!add_node(fs, t, p))
				return false;
	ARRAY_FOREACH(const struct fetch_req_forgotten_topic, t, in->forgotten_topics_data)
		forget(fs, t);
	return true;
}

/* An epoch of 0 begins a session, -1 wants none; either ends the one before. */
static void
begin_anew(struct request *rq, const struct fetch_req *in, struct fetch_session **own)
{
	if (in->session_epoch == 0 || (*own != NULL && (*own)->id == in->session_id))
		fetch_session_destroy(own);
	if (in->session_epoch != 0 || in->topics.n <= 0)
		return;
	*own = make(rq);
	if (!update(*own, in))
		fetch_session_destroy(own);
}

enum kerr
fetch_session_begin(struct request *rq, const struct fetch_req *in, struct fetch_session **ret)
{
	struct fetch_session **own = &rq->session->fetches, *fs = *own;
	*ret = NULL;
	if (in->session_epoch <= 0) {
		begin_anew(rq, in, own);
		*ret = in->session_epoch == 0 ? *own : NULL;
		return KERR_NONE;
	}
	if (fs == NULL || fs->id != in->session_id)
		return KERR_FETCH_SESSION_ID_NOT_FOUND;
	if (fs->epoch != in->session_epoch)
		return KERR_INVALID_FETCH_SESSION_EPOCH;
	if (fs->by_id != request_flag(rq, FLAG_fetch_by_topic_id))
		return KERR_FETCH_SESSION_TOPIC_ID_ERROR;
	fs->epoch = fs->epoch == INT32_MAX ? 1 : fs->epoch + 1;
	fs->is_new = false;
	if (!update(fs, in)) {
		fetch_session_destroy(own);
		return KERR_FETCH_SESSION_ID_NOT_FOUND;
	}
	if (map_count(fs->nodes) == 0)
		fetch_session_destroy(own); /* an answer without a session, as Kafka's */
	*ret = *own;
	return KERR_NONE;
}

bool
fetch_session_is_new(const struct fetch_session *fs)
{
	return fs->is_new;
}

int32_t
fetch_session_id(const struct fetch_session *fs)
{
	return fs->id;
}

static void
look_at_image(struct fetch_session *fs, const struct image *image)
{
	struct fetch_node *node;
	struct name key;
	size_t pos = 0;
	if (fs->generation == image_generation(image))
		return;
	fs->generation = image_generation(image);
	while ((node = map_next(fs->nodes, &pos, &key)) != NULL)
		stop_waiting(fs, node);
}

struct fetch_node *
fetch_session_next(struct fetch_session *fs, const struct image *image)
{
	take_fired(fs);
	look_at_image(fs, image);
	if (list_empty(&fs->due))
		return NULL;
	struct fetch_node *node = CONTAINER_OF(fs->due.next, struct fetch_node, hook);
	list_del(&node->hook);
	return node;
}

void
fetch_session_park(struct fetch_session *fs, struct request *rq)
{
	fs->parked = rq;
	if (rq != NULL && atomic_load(&fs->fired) != NULL)
		request_wake(rq);
}

bool
fetch_node_is_news(const struct fetch_node *node, const struct fetch_ends *ends)
{
	return ends->high_watermark != node->told.high_watermark || ends->log_start != node->told.log_start;
}

void
fetch_session_keep(struct fetch_session *fs, struct fetch_node *node,
    const struct fetch_ends *told, struct partition *p)
{
	if (told != NULL)
		node->told = *told;
	if (p != NULL) {
		node->p = partition_get(p);
		if (partition_wait_data(p, &node->waiter, node->in.fetch_offset, 1) == 0)
			return;
		partition_put(&node->p);
	}
	list_add(&fs->due, &node->hook);
}
