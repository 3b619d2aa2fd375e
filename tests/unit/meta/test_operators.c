/* SPDX-License-Identifier: Apache-2.0 */
/* Operators are changed by operators, whatever the image said when the gate was passed; and one of them stays. */
#include "room.h"

#include "meta/users.h"

static enum change_result
team_is(struct room *r, enum team_change_kind kind, bool by_operator)
{
	struct team_change c = { .kind = kind, .by_operator = by_operator, .team = STR("crew"), .user = STR("admin") };
	team_change_init(&c);
	return submit(r, &c.change);
}

static enum change_result
change_operator(struct room *r, const char *name, enum user_change_kind kind, int64_t expires_ms)
{
	struct user_change u = { .kind = kind, .user = NAME(0, str_from(name)), .by_operator = true, .purge = true,
		.is_operator = true, .mechanisms = MECH_BIT(MECH_PLAIN), .expires_ms = expires_ms };
	struct users_change c = { .users = &u, .n = 1 };
	users_change_init(&c);
	assert_int_equal(submit(r, &c.change), CHANGE_OK);
	return u.result;
}

/* One who will be shut out some day is no second one. */
static void
the_last_operator_stays(void **state)
{
	struct room r;
	(void)state;
	room_make(&r);
	assert_int_equal(change_operator(&r, "admin", USER_EXPIRE, 0), CHANGE_OK);
	assert_int_equal(change_operator(&r, "admin", USER_EXPIRE, INT64_MAX), CHANGE_POLICY);
	assert_int_equal(change_operator(&r, "root", USER_CREATE, 0), CHANGE_OK);
	assert_int_equal(change_operator(&r, "root", USER_EXPIRE, INT64_MAX), CHANGE_OK);
	assert_int_equal(change_operator(&r, "admin", USER_EXPIRE, 1), CHANGE_POLICY);
	assert_int_equal(change_operator(&r, "admin", USER_LOCK, 0), CHANGE_POLICY);
	assert_int_equal(change_operator(&r, "admin", USER_DELETE, 0), CHANGE_POLICY);
	assert_int_equal(change_operator(&r, "root", USER_EXPIRE, 0), CHANGE_OK);
	assert_int_equal(change_operator(&r, "admin", USER_EXPIRE, 1), CHANGE_OK);
	assert_int_equal(change_operator(&r, "root", USER_EXPIRE, 1), CHANGE_POLICY);
	room_free(&r);
}

/* Whatever the record was when the gate was passed. */
static void
operators_records_are_the_operators(void **state)
{
	static const enum user_change_kind kinds[] = { USER_SET_KEYS, USER_DELETE_KEY, USER_LOCK, USER_UNLOCK,
		USER_SET_MECHANISMS, USER_EXPIRE, USER_DELETE };
	struct room r;
	(void)state;
	room_make(&r);
	assert_int_equal(team_is(&r, TEAM_CREATE, false), CHANGE_OK);
	assert_int_equal(team_is(&r, TEAM_ADD, false), CHANGE_SECURITY);
	assert_int_equal(team_is(&r, TEAM_ADD, true), CHANGE_OK);
	assert_int_equal(team_is(&r, TEAM_REMOVE, false), CHANGE_SECURITY);
	assert_int_equal(team_is(&r, TEAM_DELETE, false), CHANGE_SECURITY);
	assert_int_equal(team_is(&r, TEAM_DELETE, true), CHANGE_OK);
	struct user_change other = { .kind = USER_CREATE, .user = NAME(0, STR("root")), .is_operator = true,
		.by_operator = true, .has_key = { true, false }, .keys = { { .iterations = 4096, .salt_len = 8 } },
		.mechanisms = MECH_BIT(MECH_PLAIN) };
	struct users_change others = { .users = &other, .n = 1 };
	users_change_init(&others);
	assert_int_equal(submit(&r, &others.change), CHANGE_OK);
	assert_int_equal(other.result, CHANGE_OK);
	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct user_change u = { .kind = kinds[i / 2], .user = NAME(0, STR("admin")), .by_operator = i % 2 != 0,
			.has_key = { true, false }, .keys = { { .iterations = 4096, .salt_len = 8 } }, .purge = true,
			.mechanisms = MECH_BIT(MECH_PLAIN) };
		struct users_change c = { .users = &u, .n = 1 };
		users_change_init(&c);
		assert_int_equal(submit(&r, &c.change), CHANGE_OK);
		assert_int_equal(u.result, u.by_operator ? CHANGE_OK : CHANGE_SECURITY);
	}
	room_free(&r);
}

TEST_MAIN(T(operators_records_are_the_operators), T(the_last_operator_stays))
