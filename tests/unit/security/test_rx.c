/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "security/rx.h"

/* "0-3 1-2 -": groups of the match, or its error. */
static const char *
show(int err, const struct rx_match *m, char *out, size_t size)
{
	size_t o = 0;
	out[0] = '\0';
	if (err != 0)
		snprintf(out, size, "%s", err == ERR_NOTFOUND ? "none" : err_text(err));
	for (unsigned g = 0; err == 0 && g <= m->groups; g++) {
		const char *sep = g == 0 ? "" : " ";
		o += m->group[g].start > m->group[g].end ?
		    (size_t)snprintf(out + o, size - o, "%s-", sep) :
		    (size_t)snprintf(out + o, size - o, "%s%zu-%zu", sep, m->group[g].start,
			m->group[g].end);
	}
	return out;
}

static const char *
try(const char *pattern, const char *in, bool full, char *out, size_t size)
{
	struct rx *rx;
	struct rx_match m;
	struct why why;
	if (rx_compile(str_from(pattern), &rx, &why) != 0)
		fail_msg("%s: %s", pattern, why.text);
	int err = full ? rx_full(rx, str_from(in), &m) : rx_find(rx, str_from(in), 0, &m);
	rx_destroy(&rx);
	return show(err, &m, out, size);
}

/* What java.util.regex answers: matches() and find(). */
static void
as_java_does(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *in, *full, *find;
	} rows[] = {
		{ "abc", "abc", "0-3", "0-3" },
		{ "abc", "xabcx", "none", "1-4" },
		{ "", "", "0-0", "0-0" },
		{ "", "a", "none", "0-0" },
		{ "a*", "aaa", "0-3", "0-3" },
		{ "a*?", "aaa", "0-3", "0-0" },
		{ "a+?", "aaa", "0-3", "0-1" },
		{ "(a|ab)(c|bcd)(d*)", "abcd", "0-4 0-1 1-4 4-4", "0-4 0-1 1-4 4-4" },
		{ "a|ab", "ab", "0-2", "0-1" },
		{ "(a)|(b)", "b", "0-1 - 0-1", "0-1 - 0-1" },
		{ "(?:a)(b)", "ab", "0-2 1-2", "0-2 1-2" },
		{ "^a$", "a", "0-1", "0-1" },
		{ "^b", "ab", "none", "none" },
		{ "a$", "ab", "none", "none" },
		{ "a{2}", "aaa", "none", "0-2" },
		{ "a{2,}", "aaa", "0-3", "0-3" },
		{ "a{1,2}", "aaa", "none", "0-2" },
		{ "a{1,2}?", "aaa", "none", "0-1" },
		{ "(a{0,2}){2}", "aaa", "0-3 2-3", "0-3 2-3" },
		{ "[a-c]+", "abcd", "none", "0-3" },
		{ "[^,]+", "ab,c", "none", "0-2" },
		{ "[]a]", "]", "err", "err" },
		{ "[a-]", "-", "0-1", "0-1" },
		{ "[\\]\\\\]+", "]\\", "0-2", "0-2" },
		{ "\\d+", "a12", "none", "1-3" },
		{ "\\D\\w\\W\\s\\S", "ab, c", "0-5", "0-5" },
		{ "[\\d.]+", "1.2", "0-3", "0-3" },
		{ "[^\\d]", "a", "0-1", "0-1" },
		{ "a.c", "a\nc", "none", "none" },
		{ "a.c", "a\xc3\xb6" "c", "0-4", "0-4" },
		{ "[\xc3\xa4-\xc3\xbc]", "\xc3\xb6", "0-2", "0-2" },
		{ "\\.\\*\\/\\-", ".*/-", "0-4", "0-4" },
		{ "(a*)*", "aa", "0-2 0-2", "0-2 0-2" },
		{ "(a|b)*c|(a|ab)*c", "abc", "0-3 1-2 -", "0-3 1-2 -" },
		{ "CN=(.*?),OU=(.*?),.*", "CN=a,OU=b,O=c", "0-13 3-4 8-9", "0-13 3-4 8-9" },
		{ "CN=(.*?)(?:,OU=x)?", "CN=a,OU=x", "0-9 3-4", "0-3 3-3" },
		{ ".*", "", "0-0", "0-0" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[128];
		if (strcmp(rows[i].full, "err") == 0)
			continue;
		assert_string_equal(try(rows[i].pattern, rows[i].in, true, out, sizeof(out)),
		    rows[i].full);
		assert_string_equal(try(rows[i].pattern, rows[i].in, false, out, sizeof(out)),
		    rows[i].find);
	}
}

static void
errors_say_where(void **state)
{
	(void)state;
	static const struct { const char *pattern, *why; } rows[] = {
		{ "a(", "at byte 3 of the pattern: the group has no end" },
		{ "a)", "at byte 2 of the pattern: a ) without its (" },
		{ "*a", "at byte 1 of the pattern: nothing to repeat" },
		{ "a**", "at byte 3 of the pattern: only one quantifier, and none is possessive" },
		{ "a*+", "at byte 3 of the pattern: only one quantifier, and none is possessive" },
		{ "[a", "at byte 3 of the pattern: the class has no end" },
		{ "[]", "at byte 2 of the pattern: the class is empty" },
		{ "[c-a]", "at byte 5 of the pattern: the range is backwards" },
		{ "[a[b]]", "at byte 3 of the pattern: nested classes are not supported" },
		{ "[a&&b]", "at byte 3 of the pattern: nested classes are not supported" },
		{ "a\\", "at byte 3 of the pattern: nothing after the backslash" },
		{ "\\1", "at byte 2 of the pattern: this escape is not supported" },
		{ "\\b", "at byte 2 of the pattern: this escape is not supported" },
		{ "\\pL", "at byte 2 of the pattern: this escape is not supported" },
		{ "(?=a)", "at byte 3 of the pattern: of (? ) only (?: ) is supported" },
		{ "(?i)a", "at byte 3 of the pattern: of (? ) only (?: ) is supported" },
		{ "a{x}", "at byte 3 of the pattern: a number is expected here" },
		{ "a{2,1}", "at byte 7 of the pattern: bad repetition" },
		{ "a{256}", "at byte 6 of the pattern: at most 255 repetitions" },
		{ "((((((((((a))))))))))", "at byte 11 of the pattern: more than nine groups" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rx *rx = NULL;
		struct why why = { "" };
		assert_int_equal(rx_compile(str_from(rows[i].pattern), &rx, &why), ERR_INVAL);
		assert_string_equal(why.text, rows[i].why);
		assert_null(rx);
	}
}

static void
sizes_are_bounded(void **state)
{
	(void)state;
	static const char *const large[] = {
		"(?:(?:a{255}){255}){255}", "(?:(?:(?:(?:){255}){255}){255}){255}",
		"(?:a{0,255}){0,255}",
		("(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:(?:"
		"(?:(?:(?:(?:a)))))))))))))))))))))))))))))))))"),
	};
	char pattern[600], in[RX_INPUT_MAX + 2], out[64];
	struct rx *rx = NULL;
	struct rx_match m;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		assert_int_equal(rx_compile(str_from(large[i]), &rx, NULL), ERR_INVAL);
	memset(pattern, 'a', sizeof(pattern));
	assert_int_equal(rx_compile((struct str){ pattern, 513 }, &rx, NULL), ERR_INVAL);
	assert_ok(rx_compile((struct str){ pattern, 512 }, &rx, NULL));
	memset(in, 'a', sizeof(in));
	assert_int_equal(rx_full(rx, (struct str){ in, RX_INPUT_MAX + 1 }, &m), ERR_LIMIT);
	assert_int_equal(rx_full(rx, (struct str){ in, RX_INPUT_MAX }, &m), ERR_NOTFOUND);
	assert_int_equal(rx_full(rx, STR("\xff"), &m), ERR_INVAL);
	rx_destroy(&rx);
	(void)out;
}

/* What backtracking takes 2^n steps for ends at once, or at the budget. */
static void
no_catastrophe(void **state)
{
	(void)state;
	static const char *const patterns[] = { "(a*)*b", "(a|a)*b", "(a|aa)+b", "(.*)*.*=.*",
		"(.*?)(.*?)(.*?)(.*?)(.*?)(.*?)b", "(?:a?){100}a{100}b" };
	char in[RX_INPUT_MAX];
	memset(in, 'a', sizeof(in));
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct rx *rx;
		struct rx_match m;
		assert_ok(rx_compile(str_from(patterns[i]), &rx, NULL));
		assert_int_equal(rx_full(rx, (struct str){ in, 1000 }, &m), ERR_NOTFOUND);
		int err = rx_find(rx, (struct str){ in, sizeof(in) }, 0, &m);
		assert_true(err == ERR_NOTFOUND || err == ERR_LIMIT);
		rx_destroy(&rx);
	}
}

TEST_MAIN(T(as_java_does), T(errors_say_where), T(sizes_are_bounded), T(no_catastrophe))
