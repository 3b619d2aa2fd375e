/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as text, and what the table of metrics must be for both formats. */
#include "../test.h"

#include "web/scrape.h"

static struct buf out;

static void
reads(const char *want)
{
	assert_int_equal(out.n, strlen(want));
	assert_memory_equal(out.p, want, out.n);
	out.n = 0;
}

static void
a_counter_in_both_formats(void **state)
{
	(void)state;
	text_family(&out, true, METRIC_COUNTER, "a_b", "It is.");
	reads("# HELP a_b It is.\n# TYPE a_b counter\n");
	text_family(&out, false, METRIC_COUNTER, "a_b", "It is.");
	reads("# HELP a_b_total It is.\n# TYPE a_b_total counter\n");
	text_sample(&out, METRIC_COUNTER, "a_b", "");
	text_count(&out, false, 7);
	reads("a_b_total 7\n");
}

static void
labels_are_escaped_and_nothing_else(void **state)
{
	(void)state;
	text_sample(&out, METRIC_GAUGE, "g", "");
	text_label(&out, true, "a", STR("x\\y\"z\n\t\r{},="));
	text_label_int(&out, false, "b", -1);
	text_label(&out, false, "c", STR(""));
	text_value(&out, true, 0.1);
	reads("g{a=\"x\\\\y\\\"z\\n\t\r{},=\",b=\"-1\",c=\"\"} 0.1\n");
	text_label(&out, true, "u", STR("\xc3\xa4\xe2\x82\xac"));
	reads("{u=\"\xc3\xa4\xe2\x82\xac\"");
}

static void
numbers_are_whole(void **state)
{
	(void)state;
	text_count(&out, false, INT64_MAX);
	text_value(&out, true, 1796073028);
	text_value(&out, false, 1e15);
	reads(" 9223372036854775807\n} 1796073028\n 1000000000000000\n");
}

/* What a counter counts is told to the last one, as far as a double knows it. */
static void
no_digit_is_lost(void **state)
{
	(void)state;
	text_value(&out, false, 12345678901);
	text_value(&out, false, 9007199254740991);
	text_value(&out, false, -9007199254740991);
	text_value(&out, false, -0.0);
	reads(" 12345678901\n 9007199254740991\n -9007199254740991\n 0\n");
	text_value(&out, false, 9007199254740992);
	text_value(&out, false, 1e300);
	text_value(&out, false, 12345678901.25);
	text_value(&out, false, 0.001);
	reads(" 9.00719925474099e+15\n 1e+300\n 12345678901.25\n 0.001\n");
}

/* A family has one row; no family is a prefix's samples of another; names are names. */
static void
families_are_apart(void **state)
{
	static const char *const suffixes[] = { "_total", "_sum", "_count", "_bucket" };
	(void)state;
	for (int i = 0; i < METRICS; i++) {
		const char *a = metrics[i].family;
		size_t n = strlen(a);
		assert_true(strspn(a, "abcdefghijklmnopqrstuvwxyz_") == n && metrics[i].help[strlen(metrics[i].help) - 1] == '.');
		assert_null(strpbrk(metrics[i].help, "\\\n"));
		for (int k = 0; k < METRICS; k++) {
			const char *b = metrics[k].family;
			assert_true(i == k || strcmp(a, b) != 0);
			for (size_t s = 0; s < 4; s++)
				if (metrics[i].type != METRIC_GAUGE && strncmp(a, b, n) == 0)
					assert_string_not_equal(b + n, suffixes[s]);
		}
	}
}

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 65536);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_in_both_formats),
		cmocka_unit_test(labels_are_escaped_and_nothing_else),
		cmocka_unit_test(numbers_are_whole),
		cmocka_unit_test(no_digit_is_lost),
		cmocka_unit_test(families_are_apart),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
