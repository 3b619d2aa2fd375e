/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate has allowed holds for one image, one question, and no longer than the user's record. */
#include "../test.h"

#include <string.h>

#include "api/memo.h"
#include "base/clock.h"
#include "base/mem.h"

struct place {
	struct image *image;
	struct memo *memo;
};

static struct acl_object
topic(const char *name)
{
	return (struct acl_object){ ACL_TOPIC, NAME(3, str_from(name)), NULL };
}

static bool
knows(struct place *p, enum acl_op op, struct acl_object o)
{
	return memo_find(p->memo, p->image, op, &o) != NULL;
}

static void
note(struct place *p, enum acl_op op, struct acl_object o)
{
	memo_note(&p->memo, p->image, op, &o, 0);
}

static int
make(void **state)
{
	struct place *p = MEM_NEW(struct place);
	p->image = image_create(NULL);
	image_set_generation(p->image, 7);
	*state = p;
	return 0;
}

static int
end(void **state)
{
	struct place *p = *state;
	memo_destroy(&p->memo);
	assert_null(p->memo);
	image_unref(&p->image);
	mem_free(p);
	return 0;
}

static void
a_yes_answers_the_same_question(void **state)
{
	struct place *p = *state;
	assert_false(knows(p, ACL_READ, topic("orders")));
	note(p, ACL_READ, topic("orders"));
	assert_true(knows(p, ACL_READ, topic("orders")));
}

static void
and_no_other_question(void **state)
{
	struct place *p = *state;
	struct acl_object o = topic("orders");
	note(p, ACL_READ, o);
	assert_false(knows(p, ACL_WRITE, o));
	assert_false(knows(p, ACL_READ, topic("order")));
	assert_false(knows(p, ACL_READ, topic("orders2")));
	assert_false(knows(p, ACL_READ, topic("")));
	o.type = ACL_GROUP;
	assert_false(knows(p, ACL_READ, o));
	o.type = ACL_TOPIC;
	o.name.tenant = 4;
	assert_false(knows(p, ACL_READ, o));
}

static void
nothing_is_kept_across_images(void **state)
{
	struct place *p = *state;
	note(p, ACL_READ, topic("orders"));
	note(p, ACL_READ, topic("bills"));
	image_set_generation(p->image, 8);
	assert_false(knows(p, ACL_READ, topic("orders")));
	note(p, ACL_READ, topic("bills"));
	assert_true(knows(p, ACL_READ, topic("bills")));
	assert_false(knows(p, ACL_READ, topic("orders")));
}

static void
nothing_outlives_the_users_record(void **state)
{
	struct place *p = *state;
	struct acl_object o = topic("orders");
	memo_note(&p->memo, p->image, ACL_READ, &o, clock_wall_ms() + 3600000);
	assert_true(knows(p, ACL_READ, o));
	memo_note(&p->memo, p->image, ACL_READ, &o, clock_wall_ms());
	assert_false(knows(p, ACL_READ, o));
}

static void
nothing_outlives_the_first_end_of_a_rule(void **state)
{
	struct place *p = *state;
	struct acl_object o = topic("orders");
	memo_note(&p->memo, p->image, ACL_READ, &o, clock_wall_ms());
	note(p, ACL_DESCRIBE, o);	/* rests on what has no end, and forgets what was over */
	assert_true(knows(p, ACL_DESCRIBE, o));
	assert_false(knows(p, ACL_READ, o));
	memo_note(&p->memo, p->image, ACL_READ, &o, clock_wall_ms());
	memo_note(&p->memo, p->image, ACL_WRITE, &o, 0);
	memo_note(&p->memo, p->image, ACL_READ, &o, clock_wall_ms());
	memo_note(&p->memo, p->image, ACL_WRITE, &o, INT64_MAX);
	assert_false(knows(p, ACL_READ, o));
	assert_true(knows(p, ACL_WRITE, o));
}

static void
the_oldest_makes_room(void **state)
{
	struct place *p = *state;
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	for (int i = 0; i < 5; i++)
		note(p, ACL_READ, topic(names[i]));
	assert_false(knows(p, ACL_READ, topic("a")));
	for (int i = 1; i < 5; i++)
		assert_true(knows(p, ACL_READ, topic(names[i])));
}

/* A Fetch by id asks DESCRIBE and READ of each: as many topics as it has places. */
static void
one_place_holds_all_that_is_known_of_a_name(void **state)
{
	struct place *p = *state;
	static const char *const names[] = { "a", "b", "c", "d" };
	for (int i = 0; i < 4; i++) {
		note(p, ACL_DESCRIBE, topic(names[i]));
		note(p, ACL_READ, topic(names[i]));
	}
	for (int i = 0; i < 4; i++) {
		struct acl_object o = topic(names[i]);
		assert_true(knows(p, ACL_DESCRIBE, o));
		assert_ptr_equal(memo_find(p->memo, p->image, ACL_READ, &o), memo_find(p->memo, p->image, ACL_DESCRIBE, &o));
		assert_false(knows(p, ACL_WRITE, o));
		assert_false(knows(p, ACL_OP_ANY, o));
	}
	note(p, ACL_READ, topic("e"));	/* what made room leaves nothing to who has its place */
	assert_false(knows(p, ACL_DESCRIBE, topic("e")));
	assert_false(knows(p, ACL_READ, topic("a")));
}

static void
what_is_too_long_is_not_kept(void **state)
{
	struct place *p = *state;
	char name[257];
	memset(name, 'x', 256);
	name[256] = '\0';
	note(p, ACL_READ, topic(name));
	assert_false(knows(p, ACL_READ, topic(name)));
	name[255] = '\0';
	note(p, ACL_READ, topic(name));
	assert_true(knows(p, ACL_READ, topic(name)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_yes_answers_the_same_question, make, end),
		cmocka_unit_test_setup_teardown(and_no_other_question, make, end),
		cmocka_unit_test_setup_teardown(nothing_is_kept_across_images, make, end),
		cmocka_unit_test_setup_teardown(nothing_outlives_the_users_record, make, end),
		cmocka_unit_test_setup_teardown(nothing_outlives_the_first_end_of_a_rule, make, end),
		cmocka_unit_test_setup_teardown(the_oldest_makes_room, make, end),
		cmocka_unit_test_setup_teardown(one_place_holds_all_that_is_known_of_a_name, make, end),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_not_kept, make, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
