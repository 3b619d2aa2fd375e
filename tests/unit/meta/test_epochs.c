/* SPDX-License-Identifier: Apache-2.0 */
/* Leader epochs over the life of topics: each partition's own, and none goes back, whatever
 * file of the directory or node of the metadata is older than it should be. */
#include "room.h"

#include "log/impl.h"
#include "meta/topics.h"
#include "meta/tree.h"

static void
make(struct room *r, const char *name, int32_t partitions)
{
	struct topic_new t = { .name = NAME(0, str_from(name)), .partitions = partitions, .replication = 1,
		.owner = STR("admin"), .team = STR(""), .mode = 0640 };
	struct topics_create c = { .topics = &t, .n = 1 };
	topics_create_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	assert_int_equal(t.result, CHANGE_OK);
}

static void
grow(struct room *r, const char *name, int32_t count)
{
	struct topic_grow g = { .name = NAME(0, str_from(name)), .count = count, .assignments = { NULL, -1 } };
	struct topics_grow c = { .topics = &g, .n = 1 };
	topics_grow_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	assert_int_equal(g.result, CHANGE_OK);
}

/* Everything else that writes a topic's node. */
static void
touch(struct room *r, const char *name, bool replace)
{
	struct topic_alteration a = { STR("retention.ms"), STR("5000"), TOPIC_SET };
	struct topic_alter t = { .name = NAME(0, str_from(name)), .replace = replace, .settings = { &a, 1 } };
	struct topics_alter c = { .topics = &t, .n = 1 };
	struct node_change n = { .type = ACL_TOPIC, .name = NAME(0, str_from(name)), .node = { .owner = STR("admin"),
		.team = STR(""), .mode = 0600 } };
	struct nodes_change chmod = { .nodes = &n, .n = 1 };
	topics_alter_init(&c);
	nodes_change_init(&chmod);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	assert_int_equal(t.result, CHANGE_OK);
	assert_int_equal(submit(r, &chmod.change), CHANGE_OK);
}

static struct partition *
partition_of(struct room *r, const char *name, int32_t index)
{
	const struct image_topic *t = image_topic(atomic_load(&r->image), NAME(0, str_from(name)));
	assert_non_null(t);
	struct partition *p = store_find(r->log.store, &t->id, index);
	assert_non_null(p);
	return p;
}

/* What is told, and what the log goes by: "2 1 1". */
static void
epochs_are(struct room *r, const char *name, const char *want)
{
	const struct image *im = atomic_load(&r->image);
	const struct image_topic *t = image_topic(im, NAME(0, str_from(name)));
	char told[64] = "", held[64] = "";
	assert_non_null(t);
	for (int32_t i = 0; i < t->partitions; i++) {
		struct partition *p = partition_of(r, name, i);
		size_t n = strlen(told), m = strlen(held);
		snprintf(told + n, sizeof(told) - n, "%s%d", i > 0 ? " " : "", image_leader_epoch(im, t, i));
		snprintf(held + m, sizeof(held) - m, "%s%d", i > 0 ? " " : "", partition_epoch(p));
		partition_put(&p);
	}
	assert_string_equal(told, want);
	assert_string_equal(held, want);
}

static void
append(struct room *r, const char *name, int32_t index)
{
	struct append_result a;
	uint8_t b[100];
	struct partition *p = partition_of(r, name, index);
	make_batch(b, sizeof(b), 1, 5, 0);
	assert_ok(append_durable(p, b, sizeof(b), &a));
	partition_put(&p);
}

static void
stop(struct room *r)
{
	controller_destroy(&r->controller);
	store_close(&r->log.store);
}

static void
start(struct room *r)
{
	fixture_open(&r->log);
	room_open(r);
}

/* Without the file of this name in the directory; with this text in it. */
static void
lose(struct room *r, const char *file, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", r->log.dir, file);
	assert_ok(text == NULL ? fs_unlink(path) : fs_replace(path, text, strlen(text)));
}

static void
crash(struct room *r)
{
	stop(r);
	lose(r, "clean-stop", NULL);
	start(r);
}

static void
restart(struct room *r)
{
	stop(r);
	start(r);
}

static void
each_partition_has_its_own(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	make(&r, "a", 1);
	epochs_are(&r, "a", "0");
	crash(&r);
	make(&r, "b", 1);
	grow(&r, "a", 3);
	for (int i = 0; i < 2; i++) {
		epochs_are(&r, "a", "1 0 0");
		epochs_are(&r, "b", "0");
		restart(&r);
	}
	for (int i = 0; i < 2; i++)
		touch(&r, "a", i != 0);
	crash(&r);
	grow(&r, "a", 4);
	grow(&r, "a", 5);
	epochs_are(&r, "a", "2 1 1 0 0");
	epochs_are(&r, "b", "1");
	crash(&r);
	crash(&r);
	epochs_are(&r, "a", "4 3 3 2 2");
	epochs_are(&r, "b", "3");
	room_free(&r);
}

static void
a_topic_of_the_same_name_begins_anew(void **state)
{
	struct room r;
	struct topic_gone g = { .name = NAME(0, STR("a")) };
	struct topics_delete c = { .topics = &g, .n = 1 };
	(void)state;
	room_make(&r);
	make(&r, "a", 2);
	crash(&r);
	append(&r, "a", 0);
	topics_delete_init(&c);
	assert_int_equal(submit(&r, &c.change), CHANGE_OK);
	make(&r, "a", 2);
	epochs_are(&r, "a", "0 0");
	crash(&r);
	epochs_are(&r, "a", "1 1");
	room_free(&r);
}

/* The era's file is lost, or older: what logs have seen holds for all, the empty ones too. */
static void
logs_know_how_late_it_is(void **state)
{
	static const char *const older[] = { NULL, "0\n", "1\n", "2\n" };
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct room r;
		room_make(&r);
		make(&r, "a", 2);
		crash(&r);
		make(&r, "b", 1);
		crash(&r);
		crash(&r);
		append(&r, "b", 0);
		stop(&r);
		lose(&r, "leader-epoch", older[i / 2]);
		if (i % 2 != 0)
			lose(&r, "clean-stop", NULL);
		start(&r);
		epochs_are(&r, "a", i % 2 != 0 ? "4 4" : "3 3");
		epochs_are(&r, "b", i % 2 != 0 ? "3" : "2");
		assert_int_equal(store_era(r.log.store), 3 + i % 2);
		append(&r, "b", 0);
		restart(&r);
		epochs_are(&r, "b", i % 2 != 0 ? "3" : "2");
		room_free(&r);
	}
}

/* Nothing is in any log: the topics know of an era themselves. */
static void
topics_know_how_late_it_is(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	make(&r, "a", 1);
	crash(&r);
	crash(&r);
	make(&r, "b", 1);
	stop(&r);
	lose(&r, "leader-epoch", NULL);
	start(&r);
	epochs_are(&r, "a", "2");
	epochs_are(&r, "b", "0");
	crash(&r);
	epochs_are(&r, "a", "3");
	epochs_are(&r, "b", "1");
	room_free(&r);
}

/* Older metadata says the same of what it knows, as an era is never written again; so does a
 * node that was written before there were eras. */
static void
older_metadata_takes_nothing_back(void **state)
{
	struct room r;
	bool there;
	(void)state;
	room_make(&r);
	make(&r, "a", 1);
	crash(&r);
	make(&r, "b", 1);
	int at = engine_find(r.engine, STR("/tenants/0/topics/b"), &there);
	assert_true(there);
	const struct meta_op older = { META_PUT, STR("/tenants/0/topics/b"),
		arena_printf(r.arena, "%.*s", (int)r.engine->node[at].value_n, r.engine->node[at].value), 0 };
	grow(&r, "b", 2);
	touch(&r, "b", false);
	crash(&r);
	append(&r, "b", 0);
	epochs_are(&r, "b", "1 1");
	stop(&r);
	engine_op(r.engine, &older);
	start(&r);
	epochs_are(&r, "b", "1");
	epochs_are(&r, "a", "2");
	stop(&r);
	char *era = strstr((char *)(uintptr_t)older.value.p, "era=0:1");
	assert_non_null(era);
	era[0] = 'x';
	engine_op(r.engine, &older);
	start(&r);
	epochs_are(&r, "b", "2");
	room_free(&r);
}

/* Records that were given up begin an era while the broker runs; topics that are made before it is
 * known begin in the one before, and that does no harm. */
static void
an_era_may_begin_at_any_time(void **state)
{
	struct room r;
	struct change c;
	(void)state;
	room_make(&r);
	make(&r, "a", 2);
	append(&r, "a", 0);
	era_change_init(&c);
	assert_int_equal(submit(&r, &c), CHANGE_OK);
	epochs_are(&r, "a", "0 0");
	assert_ok(store_next_era(r.log.store));
	make(&r, "b", 1);
	uint64_t published = image_generation(atomic_load(&r.image));
	for (int i = 0; i < 2; i++) {	/* the second one has nothing to do */
		era_change_init(&c);
		assert_int_equal(submit(&r, &c), CHANGE_OK);
		epochs_are(&r, "a", "1 1");
		epochs_are(&r, "b", "1");
		assert_int_equal(image_generation(atomic_load(&r.image)), published + 1);
	}
	make(&r, "c", 1);
	epochs_are(&r, "c", "0");
	restart(&r);
	epochs_are(&r, "a", "1 1");
	epochs_are(&r, "b", "1");
	epochs_are(&r, "c", "0");
	room_free(&r);
}

TEST_MAIN(T(an_era_may_begin_at_any_time), T(each_partition_has_its_own), T(a_topic_of_the_same_name_begins_anew), T(logs_know_how_late_it_is),
    T(topics_know_how_late_it_is), T(older_metadata_takes_nothing_back))
