/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "wire/kerr.h"

static void
codes_have_kafkas_numbers(void **state)
{
	(void)state;
	assert_int_equal(KERR_UNKNOWN_SERVER_ERROR, -1);
	assert_int_equal(KERR_NONE, 0);
	assert_int_equal(KERR_TOPIC_AUTHORIZATION_FAILED, 29);
	assert_int_equal(KERR_UNSUPPORTED_VERSION, 35);
	assert_int_equal(KERR_KAFKA_STORAGE_ERROR, 56);
	assert_int_equal(KERR_MEMBER_ID_REQUIRED, 79);
	assert_int_equal(KERR_UNKNOWN_TOPIC_ID, 100);
	assert_int_equal(KERR_SHARE_SESSION_LIMIT_REACHED, 133);
}

static void
every_code_has_a_name_and_a_text(void **state)
{
	(void)state;
	for (int code = -1; code <= 133; code++) {
		assert_string_not_equal(kerr_name(code), "UNKNOWN");
		assert_true(kerr_text(code)[0] != '\0');
	}
	assert_string_equal(kerr_name(-1), "UNKNOWN_SERVER_ERROR");
	assert_string_equal(kerr_name(6), "NOT_LEADER_OR_FOLLOWER");
}

static void
other_numbers_are_no_codes(void **state)
{
	(void)state;
	static const int wrong[] = { -2, 134, INT32_MIN, INT32_MAX };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_string_equal(kerr_name(wrong[i]), "UNKNOWN");
		assert_non_null(kerr_text(wrong[i]));
		assert_false(kerr_retriable(wrong[i]));
	}
}

static void
clients_retry_what_may_pass(void **state)
{
	(void)state;
	assert_true(kerr_retriable(KERR_COORDINATOR_LOAD_IN_PROGRESS));
	assert_true(kerr_retriable(KERR_KAFKA_STORAGE_ERROR));
	assert_false(kerr_retriable(KERR_GROUP_AUTHORIZATION_FAILED));
	assert_false(kerr_retriable(KERR_NONE));
}

TEST_MAIN(T(codes_have_kafkas_numbers), T(every_code_has_a_name_and_a_text),
    T(other_numbers_are_no_codes), T(clients_retry_what_may_pass))
