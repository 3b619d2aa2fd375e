/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/addr.h"
#include "base/err.h"

static void
parse_and_format(void **state)
{
	static const char *same[] = { "10.1.2.3", "::1", "2001:db8::7" };
	char text[ADDR_TEXT];
	struct addr a;
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_ok(addr_parse(str_from(same[i]), &a));
		assert_string_equal(addr_format(&a, text), same[i]);
	}
	assert_ok(addr_parse(STR("::ffff:10.1.2.3"), &a));
	assert_string_equal(addr_format(&a, text), "10.1.2.3");
	assert_int_equal(addr_parse(STR("10.1.2"), &a), ERR_INVAL);
	assert_int_equal(addr_parse(STR("localhost"), &a), ERR_INVAL);
	assert_int_equal(addr_parse(STR(""), &a), ERR_INVAL);
	a.family = 0;
	assert_string_equal(addr_format(&a, text), "-");
}

static bool
has(const char *block, const char *address)
{
	struct cidr c;
	struct addr a;
	assert_ok(cidr_parse(str_from(block), &c));
	assert_ok(addr_parse(str_from(address), &a));
	return cidr_has(&c, &a);
}

static void
blocks(void **state)
{
	struct cidr c;
	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.1.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("10.0.0.0/9", "10.127.0.1"));
	assert_false(has("10.0.0.0/9", "10.128.0.1"));
	assert_true(has("0.0.0.0/0", "8.8.8.8"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_true(has("10.0.0.7", "::ffff:10.0.0.7"));
	assert_true(has("::ffff:10.0.0.0/104", "10.9.9.9"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_int_equal(cidr_parse(STR("10.0.0.1/8"), &c), ERR_INVAL);
	assert_int_equal(cidr_parse(STR("10.0.0.0/33"), &c), ERR_INVAL);
	assert_int_equal(cidr_parse(STR("10.0.0.0/"), &c), ERR_INVAL);
	assert_int_equal(cidr_parse(STR("::ffff:10.0.0.0/8"), &c), ERR_INVAL);
}

TEST_MAIN(T(parse_and_format), T(blocks))
