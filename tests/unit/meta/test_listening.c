/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever listens to the controller hears of each node as it stands and as it will, may refuse, and hears how it ended. */
#include "room.h"

#include "meta/topics.h"
#include "meta/users.h"

/* What was heard of the last change. */
static struct {
	int begun, ended, n;
	bool refuses;
	enum change_result result;
	const void *by;
	char path[3][128], before[3][512], after[3][512];
} heard;

static void
note(char *out, size_t size, struct str s)
{
	snprintf(out, size, "%.*s", s.p == NULL ? 4 : (int)s.n, s.p == NULL ? "none" : s.p);
}

static int
begins(void *arg, const struct change *change, const struct image *next, const struct change_node *nodes, int n)
{
	const struct room *r = arg;
	assert_ptr_not_equal(next, atomic_load(&r->image));
	heard.begun++;
	heard.by = change->by;
	heard.n = n;
	for (int i = 0; i < n && i < 3; i++) {
		note(heard.path[i], sizeof(heard.path[i]), nodes[i].path);
		note(heard.before[i], sizeof(heard.before[i]), nodes[i].before);
		note(heard.after[i], sizeof(heard.after[i]), nodes[i].after);
	}
	return heard.refuses ? ERR_AGAIN : 0;
}

static void
ends(void *arg, enum change_result result)
{
	(void)arg;
	heard.ended++;
	heard.result = result;
}

static void
hear(struct room *r)
{
	room_make(r);
	controller_destroy(&r->controller);
	r->begins = begins;
	r->ends = ends;
	room_open(r);
	memset(&heard, 0, sizeof(heard));
}

static enum change_result
lock_admin(struct room *r, enum user_change_kind kind, const void *by)
{
	struct user_change u[2] = { { .kind = kind, .user = NAME(0, STR("anna")), .mechanisms = 1 },
		{ .kind = USER_LOCK, .user = NAME(0, STR("anna")) } };
	struct users_change c = { .users = u, .n = kind == USER_CREATE ? 2 : 1, .change.by = by };
	users_change_init(&c);
	return submit(r, &c.change);
}

static void
a_node_is_told_once_before_and_after(void **state)
{
	struct room r;
	(void)state;
	hear(&r);
	/* Two writes of one node are one: from what stands there to what will. */
	assert_int_equal(lock_admin(&r, USER_CREATE, &r), CHANGE_OK);
	assert_int_equal(heard.begun, 1);
	assert_int_equal(heard.ended, 1);
	assert_int_equal(heard.result, CHANGE_OK);
	assert_ptr_equal(heard.by, &r);
	assert_int_equal(heard.n, 1);
	assert_string_equal(heard.path[0], "/tenants/0/users/anna");
	assert_string_equal(heard.before[0], "none");
	assert_non_null(strstr(heard.after[0], "locked=1"));
	assert_int_equal(lock_admin(&r, USER_UNLOCK, NULL), CHANGE_OK);
	assert_non_null(strstr(heard.before[0], "locked=1"));
	assert_null(strstr(heard.after[0], "locked=1"));
	assert_int_equal(lock_admin(&r, USER_DELETE, NULL), CHANGE_OK);
	assert_string_equal(heard.after[0], "none");
	room_free(&r);
}

static void
what_is_refused_does_not_happen(void **state)
{
	struct room r;
	(void)state;
	hear(&r);
	heard.refuses = true;
	const struct image *before = atomic_load(&r.image);
	int multis = r.engine->multis;
	assert_int_equal(lock_admin(&r, USER_CREATE, NULL), CHANGE_AUDIT);
	assert_int_equal(change_code(CHANGE_AUDIT), 56);
	assert_int_equal(heard.begun, 1);
	assert_int_equal(heard.ended, 0);
	assert_ptr_equal(before, atomic_load(&r.image));
	assert_int_equal(r.engine->multis, multis);
	room_free(&r);
}

static void
a_commit_that_fails_has_an_end(void **state)
{
	struct room r;
	(void)state;
	hear(&r);
	r.engine->fault = ENGINE_REFUSES;
	assert_int_equal(lock_admin(&r, USER_CREATE, NULL), CHANGE_STORAGE);
	assert_int_equal(heard.ended, 1);
	assert_int_equal(heard.result, CHANGE_STORAGE);
	/* And one that plans nothing is not begun. */
	heard.begun = 0;
	assert_int_equal(lock_admin(&r, USER_LOCK, NULL), CHANGE_OK);
	assert_int_equal(heard.begun, 0);
	room_free(&r);
}

TEST_MAIN(T(a_node_is_told_once_before_and_after), T(what_is_refused_does_not_happen), T(a_commit_that_fails_has_an_end))
