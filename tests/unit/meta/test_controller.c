/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes at random against an engine that refuses, loses, does and does not
 * say, and answers late: whatever happens, what is published is what a restart
 * would find, and nobody is told "done" of what was not stored.
 */
#include "room.h"

#include "dump.h"
#include "token_changes.h"
#include "meta/load.h"
#include "meta/tenants.h"
#include "meta/topics.h"
#include "meta/tree.h"
#include "meta/users.h"

static uint32_t
dice(struct room *r, uint32_t n)
{
	r->rng = r->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(r->rng >> 33) % n;
}

/* ---- changes ---- */

static struct str
one_of(struct room *r, const char *stem, uint32_t n)
{
	return arena_printf(r->arena, "%s%u", stem, dice(r, n));
}

/* main, or one that perhaps exists */
static uint32_t
some_tenant(struct room *r)
{
	return dice(r, 4) == 0 ? 1 + dice(r, 3) : 0;
}

static enum change_result
make_topic(struct room *r)
{
	struct topic_setting set = { STR("retention.ms"), STR("777777") };
	struct topic_new t = { .name = { some_tenant(r), one_of(r, "t", 9) }, .partitions = 1 + (int)dice(r, 2),
		.replication = 1, .settings = { &set, (int32_t)dice(r, 2) }, .owner = STR("u1"), .team = STR(""), .mode = 0640 };
	struct topics_create c = { .topics = &t, .n = 1 };
	topics_create_init(&c);
	return submit(r, &c.change);
}

static enum change_result
drop_topic(struct room *r)
{
	struct topic_gone g = { .name = { some_tenant(r), one_of(r, "t", 9) } };
	struct topics_delete c = { .topics = &g, .n = 1 };
	topics_delete_init(&c);
	return submit(r, &c.change);
}

static enum change_result
alter_topic(struct room *r)
{
	struct topic_alteration a = { STR("retention.ms"), one_of(r, "10", 9), dice(r, 2) ? TOPIC_SET : TOPIC_UNSET };
	struct topic_alter t = { .name = { some_tenant(r), one_of(r, "t", 9) }, .settings = { &a, 1 } };
	struct topics_alter c = { .topics = &t, .n = 1 };
	topics_alter_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_user(struct room *r)
{
	static const enum user_change_kind kinds[] = { USER_CREATE, USER_CREATE, USER_DELETE, USER_SET_KEYS,
		USER_LOCK, USER_UNLOCK, USER_SET_MECHANISMS, USER_EXPIRE };
	struct user_change u = { .kind = kinds[dice(r, 8)], .user = { some_tenant(r), one_of(r, "u", 6) },
		.mechanisms = MECH_BIT(MECH_SCRAM_SHA_256), .expires_ms = dice(r, 2), .team = dice(r, 2) ? one_of(r, "team", 3) : STR(""),
		.purge = dice(r, 2), .has_key = { true, false } };
	struct users_change c = { .users = &u, .n = 1 };
	u.keys[0].iterations = 4096 + dice(r, 100);
	u.keys[0].salt_len = 16;
	memset(u.keys[0].stored, (int)dice(r, 255), 32);
	users_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_team(struct room *r)
{
	struct team_change c = { .kind = dice(r, 4), .tenant = some_tenant(r), .team = one_of(r, "team", 3),
		.user = one_of(r, "u", 6) };
	team_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_tenant(struct room *r)
{
	if (dice(r, 2)) {
		struct tenant_create c = { .name = one_of(r, "tenant", 3), .admin = { .kind = USER_CREATE,
			.user = { 0, one_of(r, "u", 6) }, .mechanisms = MECH_BIT(MECH_PLAIN), .team = STR("") } };
		tenant_create_init(&c);
		return submit(r, &c.change);
	}
	struct tenant_alter a = { .kind = dice(r, TENANT_MARK + 1), .name = one_of(r, "tenant", 3),
		.new_name = one_of(r, "tenant", 3), .purge = dice(r, 2) };
	tenant_alter_init(&a);
	enum change_result result = submit(r, &a.change);
	if (result != CHANGE_OK || a.kind != TENANT_MARK || dice(r, 2))
		return result;
	struct tenant_delete c = { .name = a.name, .confirm = a.ret_confirm };
	tenant_delete_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_node(struct room *r)
{
	static const enum acl_type types[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TOPIC, ACL_GROUP, ACL_TXN };
	struct node_change n = { .type = types[dice(r, 6)], .name = { some_tenant(r), one_of(r, "t", 9) },
		.node = { .owner = one_of(r, "u", 6), .team = one_of(r, "team", 3), .mode = (uint16_t)dice(r, 01000),
		.create_mode = (uint16_t)dice(r, 01000) } };
	struct nodes_change c = { .nodes = &n, .n = 1 };
	nodes_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_rule(struct room *r)
{
	struct acl_binding b = { .type = ACL_TOPIC, .pattern = dice(r, 2) ? ACL_LITERAL : ACL_PREFIXED,
		.op = ACL_READ, .permission = dice(r, 2) ? ACL_DENY : ACL_ALLOW, .name = one_of(r, "t", 9),
		.principal = one_of(r, "User:u", 6), .host = STR("*") };
	if (dice(r, 2)) {
		struct rule_change rule = { .binding = b, .by_owner = dice(r, 2) };
		struct rules_add c = { .tenant = some_tenant(r), .rules = &rule, .n = 1 };
		rules_add_init(&c);
		return submit(r, &c.change);
	}
	struct rules_delete c = { .tenant = some_tenant(r), .rules = &b, .n = 1 };
	rules_delete_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_quota(struct room *r)
{
	struct quota_set q = { .entity = { .tenant = some_tenant(r), .has_user = dice(r, 2), .has_client = dice(r, 2),
		.user = one_of(r, "u", 6), .client = one_of(r, "client %", 3) } };
	struct quotas_change c = { .sets = &q, .n = 1 };
	q.named[QUOTA_PRODUCE] = true;
	q.values.v[QUOTA_PRODUCE] = dice(r, 3) * 1024.5;
	quotas_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_option(struct room *r)
{
	struct option_set o = { STR("log.retention.ms"), dice(r, 2) ? one_of(r, "10", 9) : STR_NULL };
	struct options_change c = { .options = &o, .n = 1 };
	options_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
take_producers(struct room *r)
{
	struct producer_block c = { .ret_first = -1 };
	producer_block_init(&c);
	return submit(r, &c.change);
}

/* Of few users and ids, so that they meet. */
static enum change_result
change_token(struct room *r)
{
	struct principal by = asker(r, NAME(some_tenant(r), one_of(r, "u", 6)));
	const char *id = arena_printf(r->arena, "AAAAAAAAAAAAAAAAAAAA%uA", dice(r, 8)).p, *other = one_of(r, "u", 6).p;
	struct tokens_sweep sweep = { .now_ms = 2000 };
	tokens_sweep_init(&sweep);
	if (image_token_secret(atomic_load(&r->image), by.user.tenant) == NULL)
		return secret_is(r, by.user.tenant, 1);
	switch (dice(r, 8)) {
	case 0:
		return submit(r, &sweep.change);
	case 1:
		return end_token(r, &by, id, 1000, dice(r, 2) ? -1 : 2500);
	default:
		return make_token(r, &by, by.user.s.p, id, dice(r, 2) ? other : NULL);
	}
}

static enum change_result
change_something(struct room *r)
{
	static enum change_result (*const changes[])(struct room *) = { make_topic, make_topic, drop_topic,
		alter_topic, change_user, change_user, change_team, change_tenant, change_node, change_rule, change_rule,
		change_quota, change_option, take_producers, change_token, change_token };
	arena_destroy(&r->arena);
	r->arena = arena_create(SIZE_MAX);
	return changes[dice(r, sizeof(changes) / sizeof(changes[0]))](r);
}

/* ---- what must hold ---- */

static void
same_as_stored(struct room *r, int round)
{
	struct image *stored;
	struct buf a, b;
	struct why why = { "" };
	bool happened;
	if (load_image(&r->engine->meta, &r->defaults, NULL, 0, &stored, &happened, &why) != 0)
		fail_msg("%s", why.text);
	assert_true(image_next_generation(atomic_load(&r->image)) >= image_next_generation(stored));
	assert_true(image_next_generation(atomic_load(&r->image)) >= r->generation);
	r->generation = image_next_generation(atomic_load(&r->image));
	dump_image(atomic_load(&r->image), &a);
	dump_image(stored, &b);
	if (a.n != b.n || memcmp(a.p, b.p, a.n) != 0) {
		fprintf(stderr, "published:\n%.*sstored:\n%.*s", STR_ARG(buf_str(&a)), STR_ARG(buf_str(&b)));
		fail_msg("after change %d they differ", round);
	}
	buf_free(&a);
	buf_free(&b);
	image_unref(&stored);
}

static void
what_is_published_is_what_is_stored(void **state)
{
	struct room r;
	int done = 0;
	(void)state;
	room_make(&r);
	for (int i = 0; i < 1500; i++) {
		done += change_something(&r) == CHANGE_OK;
		same_as_stored(&r, i);
	}
	assert_true(done > 700);
	controller_destroy(&r.controller);
	r.generation = 0;
	room_open(&r);
	same_as_stored(&r, -1);
	room_free(&r);
}

/* What is tried ends as what is meant, and leaves the published image, what is stored and the log alone; a trial goes
 * on from where the one before has led. */
static void
what_is_tried_leaves_nothing(void **state)
{
	struct room r;
	int done = 0;
	(void)state;
	room_make(&r);
	for (int i = 0; i < 800; i++) {
		const struct image *published = atomic_load(&r.image);
		struct change_trial trial = { image_ref(published) };
		int multis = r.engine->multis;
		uint64_t rng = r.rng, generation = image_generation(published);
		r.trial = &trial;
		enum change_result tried = change_something(&r);
		(void)change_something(&r);
		assert_ptr_equal(atomic_load(&r.image), published);
		assert_int_equal(r.engine->multis, multis);
		assert_int_equal(image_generation(published), generation);
		/* A generation of its own: what is remembered of one image must hold for no other. */
		assert_true(trial.image == published || image_generation(trial.image) > UINT64_C(1) << 62);
		image_unref(&trial.image);
		r.trial = NULL;
		r.rng = rng;
		assert_int_equal(change_something(&r), tried);
		same_as_stored(&r, i);
		done += tried == CHANGE_OK;
	}
	assert_true(done > 300);
	room_free(&r);
}

static void
doubt_is_settled_by_looking(void **state)
{
	static const enum engine_fault faults[] = { ENGINE_REFUSES, ENGINE_LOST, ENGINE_DONE };
	struct room r;
	int told[3] = { 0 };
	(void)state;
	room_make(&r);
	for (int i = 0; i < 600; i++) {
		int which = (int)dice(&r, 3), before = r.engine->multis;
		r.engine->fault = faults[which];
		enum change_result got = change_something(&r);
		same_as_stored(&r, i);
		if (r.engine->multis == before) /* nothing was to be written */
			continue;
		assert_int_equal(r.engine->fault, ENGINE_FINE);
		if (faults[which] == ENGINE_LOST && got == CHANGE_OK)
			continue; /* it asked for what was so already */
		assert_int_equal(got, faults[which] == ENGINE_DONE ? CHANGE_OK : CHANGE_STORAGE);
		told[which]++;
	}
	for (int i = 0; i < 3; i++)
		assert_true(told[i] > 50);
	room_free(&r);
}

static enum change_result
lock_user(struct room *r, enum user_change_kind kind)
{
	struct user_change u = { .kind = kind, .user = NAME(0, STR("victim")), .mechanisms = MECH_BIT(MECH_PLAIN) };
	struct users_change c = { .users = &u, .n = 1 };
	users_change_init(&c);
	enum change_result result = submit(r, &c.change);
	return result != CHANGE_OK ? result : u.result;
}

/* Not even looking helps: no change is begun until it does, and then the truth
 * comes to light although nobody asks for it again. */
static void
blind_controllers_take_nothing(void **state)
{
	struct room r;
	struct cred cred;
	(void)state;
	room_make(&r);
	assert_int_equal(lock_user(&r, USER_CREATE), CHANGE_OK);
	r.engine->fault = ENGINE_DONE;
	r.engine->blind = true;
	assert_int_equal(lock_user(&r, USER_LOCK), CHANGE_UNKNOWN_OUTCOME);
	int multis = r.engine->multis;
	assert_int_equal(take_producers(&r), CHANGE_STORAGE);
	assert_int_equal(r.engine->multis, multis);
	r.engine->blind = false;
	assert_int_equal(take_producers(&r), CHANGE_OK);
	image_cred(atomic_load(&r.image), NAME(0, STR("victim")), 1, &cred);
	assert_true(cred.locked);
	same_as_stored(&r, 0);
	room_free(&r);
}

/* More operations than a multi holds: the second one is lost. */
static void
half_a_change_is_seen(void **state)
{
	enum { RULES = 150 };
	struct rule_change rules[RULES] = { 0 };
	struct room r;
	(void)state;
	room_make(&r);
	for (int i = 0; i < RULES; i++)
		rules[i].binding = (struct acl_binding){ ACL_TOPIC, ACL_LITERAL, ACL_READ, ACL_ALLOW,
			arena_printf(r.arena, "n%d", i), STR("User:u1"), STR("*") };
	struct rules_add c = { .tenant = 0, .rules = rules, .n = RULES };
	rules_add_init(&c);
	r.engine->fault = ENGINE_REFUSES;
	r.engine->after = 1;
	assert_int_equal(submit(&r, &c.change), CHANGE_STORAGE);
	assert_int_equal(acl_tenant_rule_count(acl_image_tenant(image_acl(atomic_load(&r.image)), 0)), META_OPS_MAX);
	same_as_stored(&r, 0);
	room_free(&r);
}

/* ---- what is too large for one multi, and the broker dies between two of them ---- */

enum { MANY = 150 };			/* more than META_OPS_MAX */

static void
make_groups(struct room *r, uint32_t tenant, const char *owner)
{
	struct node_change n[MANY] = { 0 };
	for (int i = 0; i < MANY; i++)
		n[i] = (struct node_change){ .type = ACL_GROUP, .name = { tenant, arena_printf(r->arena, "g%d", i) },
			.node = { .owner = str_from(owner), .team = STR(""), .mode = 0700 } };
	struct nodes_change c = { .nodes = n, .n = MANY };
	nodes_change_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
}

static void
make_rules(struct room *r, uint32_t tenant, const char *principal, const char *on, bool by_owner)
{
	struct rule_change rules[MANY] = { 0 };
	for (int i = 0; i < MANY; i++) {
		rules[i].binding = (struct acl_binding){ ACL_TOPIC, ACL_LITERAL, ACL_READ, ACL_ALLOW,
			on == NULL ? arena_printf(r->arena, "t%d", i) : str_from(on),
			principal == NULL ? arena_printf(r->arena, "User:x%d", i) : str_from(principal), STR("*") };
		rules[i].by_owner = by_owner;
	}
	struct rules_add c = { .tenant = tenant, .rules = rules, .n = MANY };
	rules_add_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
}

static enum change_result
user_is(struct room *r, uint32_t tenant, enum user_change_kind kind)
{
	struct user_change u = { .kind = kind, .user = NAME(tenant, STR("victim")), .mechanisms = MECH_BIT(MECH_PLAIN),
		.purge = true };
	struct users_change c = { .users = &u, .n = 1 };
	users_change_init(&c);
	enum change_result result = submit(r, &c.change);
	return result != CHANGE_OK ? result : u.result;
}

static const struct acl_tenant *
tenant_of(struct room *r, uint32_t tenant)
{
	return acl_image_tenant(image_acl(atomic_load(&r->image)), tenant);
}

/* Groups of this owner's, or of anybody. */
static int
groups_of(struct room *r, uint32_t tenant, const char *owner)
{
	const struct acl_tenant *t = tenant_of(r, tenant);
	struct str name = STR("");
	int n = 0;
	for (const struct acl_node *g; (g = acl_tenant_next_node(t, ACL_GROUP, name, &name)) != NULL;)
		n += owner == NULL || str_is(g->owner, owner);
	return n;
}

/* The multi behind `after` others is not done, and the broker that comes next finds what there is. */
static void
die_after(struct room *r, int after, struct change *c)
{
	r->engine->fault = ENGINE_REFUSES;
	r->engine->after = after;
	assert_int_equal(submit(r, c), CHANGE_STORAGE);
	assert_int_equal(r->engine->fault, ENGINE_FINE);
	controller_destroy(&r->controller);
	r->generation = 0;
	room_open(r);
	same_as_stored(r, after);
}

/* While anything names him he exists: or the next one of his name would have it. */
static void
nobody_inherits_from_a_half_deleted_user(void **state)
{
	(void)state;
	for (int after = 0; after < 4; after++) {
		struct room r;
		room_make(&r);
		assert_int_equal(user_is(&r, 0, USER_CREATE), CHANGE_OK);
		make_groups(&r, 0, "victim");
		make_rules(&r, 0, "User:victim", NULL, false);
		struct user_change u = { .kind = USER_DELETE, .user = NAME(0, STR("victim")), .purge = true };
		struct users_change c = { .users = &u, .n = 1 };
		users_change_init(&c);
		die_after(&r, after, &c.change);
		assert_non_null(acl_tenant_user(tenant_of(&r, 0), STR("victim")));
		assert_int_equal(groups_of(&r, 0, NULL), MANY);
		assert_int_equal(user_is(&r, 0, USER_DELETE), CHANGE_OK);
		assert_null(acl_tenant_user(tenant_of(&r, 0), STR("victim")));
		assert_int_equal(user_is(&r, 0, USER_CREATE), CHANGE_OK);
		assert_int_equal(groups_of(&r, 0, NULL), MANY);
		assert_int_equal(groups_of(&r, 0, "victim"), 0);
		assert_int_equal(acl_tenant_rule_count(tenant_of(&r, 0)), 0);
		room_free(&r);
	}
}

static uint32_t
make_tenant(struct room *r)
{
	struct tenant_create c = { .name = STR("acme"), .admin = { .kind = USER_CREATE,
		.user = NAME(0, STR("victim")), .mechanisms = MECH_BIT(MECH_PLAIN), .team = STR("") } };
	tenant_create_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return c.ret_number;
}

/* How many nodes below a tenant's are stored. */
static int
stored_below(struct room *r, uint32_t tenant)
{
	struct str path = arena_printf(r->arena, "/tenants/%u", tenant);
	int n = 0;
	for (int i = 0; i < r->engine->n; i++) {
		const struct engine_node *e = &r->engine->node[i];
		struct str at = { e->path, e->path_n };
		n += str_starts(at, path) && (at.n == path.n || at.p[path.n] == '/');
	}
	return n;
}

/* The first step of its deletion: the word that the second takes. */
static struct str
mark_tenant(struct room *r)
{
	struct tenant_alter a = { .kind = TENANT_MARK, .name = STR("acme"), .purge = true };
	tenant_alter_init(&a);
	assert_int_equal(submit(r, &a.change), CHANGE_OK);
	return a.ret_confirm;
}

/* A tenant of which a part is gone has nobody in it; deleting it again does the rest. */
static void
a_half_deleted_tenant_is_empty_of_users(void **state)
{
	(void)state;
	for (int after = 0; after < 4; after++) {
		struct room r;
		room_make(&r);
		uint32_t number = make_tenant(&r);
		struct tenant_delete c = { .name = STR("acme"), .confirm = mark_tenant(&r) };
		make_groups(&r, number, "victim");
		make_rules(&r, number, "User:victim", NULL, false);
		int whole = stored_below(&r, number);
		tenant_delete_init(&c);
		die_after(&r, after, &c.change);
		assert_non_null(tenant_of(&r, number));
		assert_int_equal(stored_below(&r, number) < whole, after > 0);
		assert_int_equal(acl_tenant_user(tenant_of(&r, number), STR("victim")) == NULL, after > 0);
		c = (struct tenant_delete){ .name = STR("acme"), .confirm = mark_tenant(&r) };
		tenant_delete_init(&c);
		assert_int_equal(submit(&r, &c.change), CHANGE_OK);
		assert_null(tenant_of(&r, number));
		assert_int_equal(stored_below(&r, number), 0);
		assert_true(make_tenant(&r) > number);
		room_free(&r);
	}
}

/* What an owner allowed on his topic goes first: it is nothing for the next owner of the name. */
static void
owners_rules_do_not_outlive_a_half_deleted_topic(void **state)
{
	(void)state;
	for (int after = 0; after < 2; after++) {
		struct room r;
		struct topic_new t = { .name = NAME(0, STR("doomed")), .partitions = 1, .replication = 1,
			.owner = STR("victim"), .team = STR(""), .mode = 0600 };
		struct topics_create make = { .topics = &t, .n = 1 };
		struct topic_gone g = { .name = NAME(0, STR("doomed")) };
		struct topics_delete c = { .topics = &g, .n = 1 };
		room_make(&r);
		topics_create_init(&make);
		assert_int_equal(submit(&r, &make.change), CHANGE_OK);
		make_rules(&r, 0, NULL, "doomed", true);
		topics_delete_init(&c);
		die_after(&r, after, &c.change);
		assert_non_null(image_topic(atomic_load(&r.image), NAME(0, STR("doomed"))));
		g = (struct topic_gone){ .name = NAME(0, STR("doomed")) };
		topics_delete_init(&c);
		assert_int_equal(submit(&r, &c.change), CHANGE_OK);
		assert_int_equal(g.result, CHANGE_OK);
		assert_null(image_topic(atomic_load(&r.image), NAME(0, STR("doomed"))));
		assert_int_equal(acl_tenant_rule_count(tenant_of(&r, 0)), 0);
		room_free(&r);
	}
}

struct late {
	struct producer_block c;
	atomic_bool done;
};

static void
late_done(struct change *change)
{
	struct late *l = CONTAINER_OF(change, struct late, c.change);
	atomic_store(&l->done, true);
}

static void
nothing_is_published_before_the_answer(void **state)
{
	struct room r;
	struct late l = { .done = false };
	(void)state;
	room_make(&r);
	int64_t first = image_next_producer_id(atomic_load(&r.image));
	producer_block_init(&l.c);
	l.c.change.arena = r.arena;
	l.c.change.done = late_done;
	r.engine->fault = ENGINE_LATE;
	controller_submit(r.controller, &l.c.change);
	pthread_mutex_lock(&r.engine->mutex);
	while (r.engine->late == NULL)
		pthread_cond_wait(&r.engine->cond, &r.engine->mutex);
	pthread_mutex_unlock(&r.engine->mutex);
	assert_false(atomic_load(&l.done));
	assert_int_equal(image_next_producer_id(atomic_load(&r.image)), first);
	engine_answer(r.engine);
	assert_int_equal(take_producers(&r), CHANGE_OK); /* runs behind it */
	assert_true(atomic_load(&l.done));
	assert_int_equal(l.c.ret_first, first);
	assert_int_equal(image_next_producer_id(atomic_load(&r.image)), first + 2 * l.c.ret_count);
	room_free(&r);
}

/* ---- what was allowed of one thing is not done to another ---- */

static struct uuid
owned_topic(struct room *r, const char *owner)
{
	struct topic_new t = { .name = NAME(0, STR("thing")), .partitions = 1, .replication = 1, .owner = str_from(owner),
		.team = STR(""), .mode = 0700 };
	struct topics_create c = { .topics = &t, .n = 1 };
	topics_create_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	assert_int_equal(t.result, CHANGE_OK);
	return t.id;
}

static enum change_result
delete_topic(struct room *r, const struct uuid *id)
{
	struct topic_gone g = { .name = NAME(0, STR("thing")), .id = *id };
	struct topics_delete c = { .topics = &g, .n = 1 };
	topics_delete_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return g.result;
}

static enum change_result
grow_topic(struct room *r, const struct uuid *id)
{
	struct topic_grow g = { .name = NAME(0, STR("thing")), .id = *id, .count = 2, .assignments = { NULL, -1 } };
	struct topics_grow c = { .topics = &g, .n = 1 };
	topics_grow_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return g.result;
}

static enum change_result
set_topic(struct room *r, const struct uuid *id)
{
	struct topic_alteration a = { STR("retention.ms"), STR("1000"), TOPIC_SET };
	struct topic_alter t = { .name = NAME(0, STR("thing")), .id = *id, .settings = { &a, 1 } };
	struct topics_alter c = { .topics = &t, .n = 1 };
	topics_alter_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return t.result;
}

static void
changes_are_of_the_topic_that_was_meant(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	struct uuid first = owned_topic(&r, "admin");
	assert_int_equal(delete_topic(&r, &first), CHANGE_OK);
	struct uuid second = owned_topic(&r, "admin");
	assert_int_equal(set_topic(&r, &first), CHANGE_NOT_FOUND);
	assert_int_equal(grow_topic(&r, &first), CHANGE_NOT_FOUND);
	assert_int_equal(delete_topic(&r, &first), CHANGE_NOT_FOUND);
	assert_int_equal(set_topic(&r, &second), CHANGE_OK);
	assert_int_equal(grow_topic(&r, &second), CHANGE_OK);
	assert_int_equal(delete_topic(&r, &second), CHANGE_OK);
	room_free(&r);
}

static enum change_result
add_rule(struct room *r, const char *owner)
{
	struct rule_change rule = { .by_owner = true, .owner = str_from(owner), .binding = { ACL_TOPIC, ACL_LITERAL,
		ACL_READ, ACL_ALLOW, STR("thing"), STR("User:x"), STR("*") } };
	struct rules_add c = { .rules = &rule, .n = 1 };
	rules_add_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return rule.result;
}

static void
owners_make_rules_while_they_are(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	assert_int_equal(add_rule(&r, "admin"), CHANGE_SECURITY);
	owned_topic(&r, "admin");
	assert_int_equal(add_rule(&r, "victim"), CHANGE_SECURITY);
	assert_int_equal(acl_tenant_rule_count(tenant_of(&r, 0)), 0);
	assert_int_equal(add_rule(&r, "admin"), CHANGE_OK);
	assert_int_equal(acl_tenant_rule_count(tenant_of(&r, 0)), 1);
	room_free(&r);
}

static void
end_rules(struct room *r, int64_t now_ms, size_t ended, size_t gone)
{
	struct rules_end e = { .now_ms = now_ms };
	rules_end_init(&e);
	assert_int_equal(submit(r, &e.change), CHANGE_OK);
	assert_true(e.ret_ended == ended && e.ret_gone == gone);
	assert_false(rules_are_due(r->image, now_ms));
}

static void
rules_end_and_go_a_day_later(void **state)
{
	struct room r;
	struct rule_change rules[2] = { { .binding = { ACL_TOPIC, ACL_LITERAL, ACL_READ, ACL_ALLOW, STR("t"), STR("User:x"), STR("*"), 2000 } },
		{ .binding = { ACL_TOPIC, ACL_LITERAL, ACL_READ, ACL_DENY, STR("t"), STR("User:x"), STR("*"), 1000 } } };
	struct rules_add c = { .rules = rules, .n = 2 };
	(void)state;
	room_make(&r);
	rules_add_init(&c);
	assert_int_equal(submit(&r, &c.change), CHANGE_OK);
	end_rules(&r, 1999, 0, 0);
	end_rules(&r, 2000, 1, 0);
	end_rules(&r, 1000 + ACL_RULE_RESTS_MS, 0, 1);
	end_rules(&r, 2000 + ACL_RULE_RESTS_MS, 0, 1);
	assert_int_equal(acl_tenant_rule_count(tenant_of(&r, 0)), 0);
	room_free(&r);
}

static enum change_result
set_node(struct room *r, int before, const char *seen, const char *owner)
{
	struct node_change n = { .type = ACL_GROUP, .name = NAME(0, STR("g")), .before = before,
		.seen = { .owner = str_from(seen), .team = STR(""), .mode = 0700 },
		.node = { .owner = str_from(owner), .team = STR(""), .mode = 0700 } };
	struct nodes_change c = { .nodes = &n, .n = 1 };
	nodes_change_init(&c);
	return submit(r, &c.change);
}

static void
nodes_are_written_over_what_was_seen(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	assert_int_equal(user_is(&r, 0, USER_CREATE), CHANGE_OK);
	assert_int_equal(set_node(&r, NODE_SEEN, "admin", "admin"), CHANGE_CHANGED);
	assert_int_equal(set_node(&r, NODE_NONE, "", "admin"), CHANGE_OK);
	assert_int_equal(set_node(&r, NODE_NONE, "", "victim"), CHANGE_CHANGED);
	assert_int_equal(set_node(&r, NODE_SEEN, "victim", "victim"), CHANGE_CHANGED);
	assert_int_equal(groups_of(&r, 0, "admin"), 1);
	assert_int_equal(set_node(&r, NODE_SEEN, "admin", "victim"), CHANGE_OK);
	assert_int_equal(groups_of(&r, 0, "victim"), 1);
	room_free(&r);
}

/* Once all topics have what is theirs, the log need keep nothing for others. */
static void
a_start_tells_the_log_that_all_is_claimed(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	controller_destroy(&r.controller);
	store_add_nameless(r.log.store, "orders-0");
	assert_true(store_add_orphan(r.log.store, &r.log.id, 0, 5));
	assert_true(store_has_orphans(r.log.store));
	room_open(&r);
	assert_false(store_has_orphans(r.log.store));
	room_free(&r);
}

TEST_MAIN(T(rules_end_and_go_a_day_later), T(a_start_tells_the_log_that_all_is_claimed), T(what_is_published_is_what_is_stored), T(what_is_tried_leaves_nothing), T(doubt_is_settled_by_looking),
    T(blind_controllers_take_nothing), T(half_a_change_is_seen), T(nobody_inherits_from_a_half_deleted_user),
    T(a_half_deleted_tenant_is_empty_of_users), T(owners_rules_do_not_outlive_a_half_deleted_topic),
    T(nothing_is_published_before_the_answer), T(changes_are_of_the_topic_that_was_meant),
    T(owners_make_rules_while_they_are), T(nodes_are_written_over_what_was_seen))
