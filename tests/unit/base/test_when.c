/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/err.h"
#include "base/when.h"

static void
times_come_back(void **state)
{
	static const struct { int64_t ms; const char *text; } times[] = {
		{ 1, "1970-01-01T00:00:00.001Z" }, { 1000, "1970-01-01T00:00:01Z" }, { 10, "1970-01-01T00:00:00.010Z" },
		{ 1711909800500, "2024-03-31T18:30:00.500Z" }, { 253402300799999, "9999-12-31T23:59:59.999Z" },
	};
	char out[WHEN_TEXT];
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_string_equal(when_format(times[i].ms, out), times[i].text);
		assert_ok(when_parse(str_from(out), &ms));
		assert_int_equal(ms, times[i].ms);
	}
	assert_string_equal(when_format(253402300800000, out), "253402300800000");
	assert_ok(when_parse(STR("2024-03-31T20:30:00+02:00"), &ms));
	assert_int_equal(ms, 1711909800000);
	assert_ok(when_parse(STR("2024-03-31T16:30:00.1239-02:00"), &ms));
	assert_int_equal(ms, 1711909800123);
}

/* What is taken for the beginning of 1970 would be "never" to all who ask. */
static void
what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"", "never", "2024-03-31", "2024-03-31T18:30:00", "2024-02-31T18:30:00Z", "2024-03-31T18:30:00.Z",
		"2024-03-31T18:30:00+2:00", "2024-03-31T18:30:00+24:00", "2024-03-31T18:30:00Zx", "1970-01-01T00:00:00Z",
		"1970-01-01T00:00:00.000Z", "1970-01-01T01:00:00+01:00", "1969-12-31T23:59:59Z", "1970-01-01T00:30:00+01:00",
		"2024-03-31T18:30:00.00000000000000000000000000Z",
	};
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (when_parse(str_from(bad[i]), &ms) == 0)
			fail_msg("%s is taken", bad[i]);
	assert_int_not_equal(when_parse((struct str){ "2024-03-31T18:30:00Z\0", 21 }, &ms), 0);
}

TEST_MAIN(T(times_come_back), T(what_is_no_time))
