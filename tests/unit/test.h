/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every unit test includes: cmocka with its prerequisites, and the two
 * assertions that it lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_ok(expr) assert_int_equal((expr), 0)
#define assert_str(s, lit) do { \
	struct str s_ = (s); \
	assert_int_equal(s_.n, sizeof(lit) - 1); \
	assert_memory_equal(s_.p, (lit), sizeof(lit) - 1); \
} while (0)

#define TEST_MAIN(...) \
	int main(void) { \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}
#define T(fn) cmocka_unit_test(fn)
