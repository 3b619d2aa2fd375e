/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose access differs: what is narrowed down to is held against every user asked about every node, after changes at
 * random; and what a person would expect, by hand.
 */
#include "fixture.h"

#include "acl/compare.h"

#define ROWS_MAX 4096

struct told {
	int n, most;
	struct acl_difference rows[ROWS_MAX];
};

static int
tell(const struct acl_difference *d, void *arg)
{
	struct told *t = arg;
	assert_true(d->gained != 0 || d->lost != 0);
	assert_int_equal(d->gained & d->lost, 0);
	if (t->n == t->most)
		return 1;
	t->rows[t->n++] = *d;
	return 0;
}

static struct acl_comparison
comparison(const struct acl_image *before, const struct castle *c)
{
	return (struct acl_comparison){ .before = before, .after = c->image, .was_open = true, .is_open = true, .now_ms = 1000,
		.most = 1000000 };
}

static struct told *
compare(const struct acl_comparison *c, struct arena *arena)
{
	struct told *t = arena_zalloc(arena, sizeof(*t));
	t->most = ROWS_MAX;
	assert_true(acl_compare(c, arena, tell, t));
	return t;
}

static const struct acl_difference *
row_of(const struct told *t, const char *name, enum acl_type type, const char *node)
{
	const struct acl_difference *found = NULL;
	for (int i = 0; i < t->n; i++) {
		if (!str_is(t->rows[i].user, name) || t->rows[i].type != type || !str_is(t->rows[i].name, node))
			continue;
		assert_null(found); /* each once */
		found = &t->rows[i];
	}
	return found;
}

/* ---- at random ---- */

static uint64_t rng = 7;

static unsigned
dice(unsigned n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(rng >> 33) % n;
}

static const char *const people[] = { "admin", "boss", "anna", "bert", "carl", "dora" };
static const char *const teams[] = { "", "billing", "admins" };
static const char *const things[] = { "orders", "ord", "o", "bills", "new" };
static const enum acl_type types[] = { ACL_TOPIC, ACL_GROUP, ACL_TXN };
#define ONE_OF(array) ((array)[dice(sizeof(array) / sizeof((array)[0]))])

static void
change_node(struct castle *c)
{
	static const enum acl_type own[] = { ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	bool one = dice(8) == 0;
	enum acl_type type = one ? ONE_OF(own) : ONE_OF(types);
	const char *name = one ? "" : ONE_OF(things);
	if (!one && dice(4) == 0)
		CHANGE(c, 0, acl_tenant_del_node(t, type, str_from(name)));
	else
		set_node(c, 0, type, name, ONE_OF(people), ONE_OF(teams), dice(512));
}

static void
change_user(struct castle *c)
{
	const char *name = ONE_OF(people);
	if (dice(4) == 0)
		CHANGE(c, 0, acl_tenant_del_user(t, str_from(name)));
	else
		add_user(c, 0, name, ONE_OF(teams), dice(10) == 0);
}

static void
change_rule(struct castle *c)
{
	static const char *const who[] = { "User:anna", "User:bert", "User:*", "Team:billing", "User:dora" };
	static const enum acl_op ops[] = { ACL_READ, ACL_WRITE, ACL_ALL, ACL_DESCRIBE, ACL_DELETE };
	bool tenant = dice(10) == 0;
	enum acl_type type = tenant ? ACL_TENANT : ONE_OF(types);
	enum acl_op op = tenant ? ACL_ALTER : type == ACL_TXN ? ACL_DESCRIBE : type == ACL_GROUP ? ACL_READ : ONE_OF(ops);
	const char *name = tenant ? ACL_CLUSTER_NAME : dice(6) == 0 ? "*" : ONE_OF(things);
	int pattern = tenant || strcmp(name, "*") == 0 || dice(2) == 0 ? ACL_LITERAL : ACL_PREFIXED;
	struct acl_rule *r = make_rule((int)type, pattern, name, ONE_OF(who), "*", (int)op, dice(3) == 0 ? ACL_DENY : ACL_ALLOW, false);
	if (dice(2) == 0) {
		add_rule_by(c, 0, r);
		return;
	}
	CHANGE(c, 0, acl_tenant_del_rule(t, r));
	acl_rule_unref(&r);
}

static uint32_t
operations(const struct acl_image *image, const char *name, enum acl_type type, const char *node)
{
	struct acl_who who;
	struct addr any = { .family = 0 };
	struct acl_object o = obj(type, 0, node);
	uint32_t ops = 0;
	acl_who_named(image, NAME(0, str_from(name)), any, 1000, &who);
	bool counts = who.record != NULL || who.anonymous || *name == '\0';
	for (int op = ACL_ALL + 1; counts && op <= ACL_OP_LAST; op++)
		if (acl_op_valid(type, (enum acl_op)op) && acl_op_telling(type, (enum acl_op)op) &&
		    acl_check(image, &who, (enum acl_op)op, &o, NULL))
			ops |= UINT32_C(1) << op;
	return ops;
}

static bool
is_operator(const struct acl_image *image, const char *name)
{
	const struct acl_user *u = acl_tenant_user(acl_image_tenant(image, 0), str_from(name));
	return u != NULL && u->is_operator;
}

static void
pair_agrees(const struct acl_image *before, const struct castle *c, const struct told *t, const char *name, enum acl_type type,
    const char *node)
{
	uint32_t was = operations(before, name, type, node), is = operations(c->image, name, type, node);
	bool had = type == ACL_ROOT || acl_tenant_node(acl_image_tenant(before, 0), type, str_from(node)) != NULL;
	bool has = type == ACL_ROOT || acl_tenant_node(acl_image_tenant(c->image, 0), type, str_from(node)) != NULL;
	const struct acl_difference *d = row_of(t, name, type, node);
	was = had ? was : 0; /* of names to come nobody has anything yet */
	is = has ? is : 0;
	if (is_operator(before, name) && is_operator(c->image, name))
		was = is = 0;
	assert_int_equal(d == NULL ? 0 : d->gained, is & ~was);
	assert_int_equal(d == NULL ? 0 : d->lost, was & ~is);
}

static void
all_agree(const struct acl_image *before, const struct castle *c, const struct told *t)
{
	static const enum acl_type own[] = { ACL_ROOT, ACL_TENANT, ACL_TOPICS, ACL_GROUPS, ACL_TXNS };
	static const char *const all[] = { "admin", "boss", "anna", "bert", "carl", "dora", "", "ANONYMOUS" };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
			pair_agrees(before, c, t, all[i], own[k], "");
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
			for (size_t m = 0; m < sizeof(things) / sizeof(things[0]); m++)
				if (acl_tenant_node(acl_image_tenant(before, 0), types[k], str_from(things[m])) != NULL ||
				    acl_tenant_node(acl_image_tenant(c->image, 0), types[k], str_from(things[m])) != NULL)
					pair_agrees(before, c, t, all[i], types[k], things[m]);
	}
}

static void
nothing_that_differs_is_left_out(void **state)
{
	static void (*const changes[])(struct castle *c) = { change_node, change_node, change_user, change_rule, change_rule };
	struct castle *c = *state;
	int differed = 0;
	for (int i = 0; i < 3000; i++) {
		struct arena *arena = arena_create(SIZE_MAX);
		struct acl_image *before = acl_image_ref(c->image);
		for (unsigned k = 0; k <= dice(3); k++)
			ONE_OF(changes)(c);
		struct acl_comparison cmp = comparison(before, c);
		struct told *t = compare(&cmp, arena);
		all_agree(before, c, t);
		differed += t->n > 0;
		acl_image_unref(&before);
		arena_destroy(&arena);
	}
	assert_true(differed > 500);
}

/* ---- by hand ---- */

#define BIT(op) (UINT32_C(1) << (op))

static void
a_mode_and_a_rule(void **state)
{
	struct castle *c = *state;
	struct arena *arena = arena_create(SIZE_MAX);
	struct acl_image *before = acl_image_ref(c->image);
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0660);
	rule(c, ACL_ALLOW, "User:carl", ACL_READ, ACL_TOPIC, ACL_LITERAL, "to-come");
	struct acl_comparison cmp = comparison(before, c);
	struct told *t = compare(&cmp, arena);
	assert_int_equal(t->n, 2);
	assert_int_equal(row_of(t, "bert", ACL_TOPIC, "orders")->gained, BIT(ACL_WRITE));
	assert_int_equal(row_of(t, "carl", ACL_TOPIC, "to-come")->gained, BIT(ACL_READ) | BIT(ACL_DESCRIBE));
	cmp.only = s("bert");
	assert_int_equal(compare(&cmp, arena)->n, 1);
	acl_image_unref(&before);
	arena_destroy(&arena);
}

/* Its node lies in no image; one that is reserved goes before it. */
static void
a_group_by_use(void **state)
{
	struct castle *c = *state;
	struct acl_by_use used = { ACL_GROUP, s("readers"), { .owner = s("anna"), .team = s("billing"), .mode = 0640 } };
	struct arena *arena = arena_create(SIZE_MAX);
	struct acl_image *before = acl_image_ref(c->image);
	add_user(c, 0, "carl", "billing", false);
	struct acl_comparison cmp = comparison(before, c);
	cmp.by_use = &used;
	cmp.n_by_use = 1;
	assert_int_equal(row_of(compare(&cmp, arena), "carl", ACL_GROUP, "readers")->gained,
	    BIT(ACL_READ) | BIT(ACL_DESCRIBE) | BIT(ACL_DESCRIBE_CONFIGS));
	set_node(c, 0, ACL_GROUP, "readers", "boss", "", 0600);
	cmp.after = c->image;
	assert_int_equal(row_of(compare(&cmp, arena), "anna", ACL_GROUP, "readers")->gained, 0);
	assert_true((row_of(compare(&cmp, arena), "anna", ACL_GROUP, "readers")->lost & BIT(ACL_READ)) != 0);
	assert_null(row_of(compare(&cmp, arena), "carl", ACL_GROUP, "readers"));
	acl_image_unref(&before);
	arena_destroy(&arena);
}

static void
a_tenant_that_is_closed(void **state)
{
	struct castle *c = *state;
	struct arena *arena = arena_create(SIZE_MAX);
	struct acl_comparison cmp = comparison(c->image, c);
	cmp.tenant = 3;
	assert_int_equal(compare(&cmp, arena)->n, 0);
	cmp.is_open = false;
	struct told *t = compare(&cmp, arena);
	assert_true((row_of(t, "otto", ACL_TENANT, "")->lost & BIT(ACL_ALTER)) != 0);
	for (int i = 0; i < t->n; i++)
		assert_int_equal(t->rows[i].gained, 0);
	arena_destroy(&arena);
}

static void
it_ends_where_it_must(void **state)
{
	struct castle *c = *state;
	struct arena *arena = arena_create(SIZE_MAX);
	struct acl_image *before = acl_image_ref(c->image);
	struct told t = { .most = 0 };
	set_node(c, 0, ACL_TOPIC, "orders", "anna", "billing", 0666);
	struct acl_comparison cmp = comparison(before, c);
	assert_false(acl_compare(&cmp, arena, tell, &t));
	t.most = ROWS_MAX;
	for (cmp.most = 0; !acl_compare(&cmp, arena, tell, &t); cmp.most++)
		t.n = 0;
	assert_true(cmp.most > 10 && cmp.most < 1000);
	acl_image_unref(&before);
	arena_destroy(&arena);
}

TEST_MAIN(CT(nothing_that_differs_is_left_out), CT(a_mode_and_a_rule), CT(a_group_by_use), CT(a_tenant_that_is_closed),
    CT(it_ends_where_it_must))
