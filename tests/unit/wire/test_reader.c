/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/err.h"
#include "wire/reader.h"

#define READER(lit) reader_of((lit), sizeof(lit) - 1)

static void
numbers_are_big_endian(void **state)
{
	(void)state;
	struct reader r = READER("\xfe\xff\xfe\x80\x00\x00\x01\x80\x00\x00\x00\x00\x00\x00\x02");
	assert_int_equal(reader_i8(&r), -2);
	assert_int_equal(reader_i16(&r), -2);
	assert_int_equal(reader_i32(&r), INT32_MIN + 1);
	assert_int_equal(reader_i64(&r), INT64_MIN + 2);
	assert_ok(reader_end(&r));
}

static void
the_first_error_stays(void **state)
{
	(void)state;
	struct reader r = READER("\x01\x02\x03");
	assert_int_equal(reader_i32(&r), 0);
	assert_int_equal(r.err, ERR_SHORT);
	/* The three bytes are not given to a later, smaller read. */
	assert_int_equal(reader_i8(&r), 0);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_fail(&r, ERR_CORRUPT), ERR_SHORT);
	assert_null(reader_bytes(&r, 0));
}

static void
a_length_is_compared_never_added(void **state)
{
	(void)state;
	struct reader r = READER("abc");
	assert_null(reader_bytes(&r, SIZE_MAX));
	assert_int_equal(r.err, ERR_SHORT);
}

static void
varints_end_at_32_bits(void **state)
{
	(void)state;
	struct reader r = READER("\x00\x7f\x80\x01\xff\xff\xff\xff\x0f");
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_varint(&r), 127);
	assert_int_equal(reader_varint(&r), 128);
	assert_int_equal(reader_varint(&r), UINT32_MAX);
	assert_ok(reader_end(&r));
	struct reader wide = READER("\xff\xff\xff\xff\x10");
	reader_varint(&wide);
	assert_int_equal(wide.err, ERR_CORRUPT);
	struct reader longer = READER("\x80\x80\x80\x80\x80\x01");
	reader_varint(&longer);
	assert_int_equal(longer.err, ERR_CORRUPT);
	struct reader cut = READER("\x80\x80");
	reader_varint(&cut);
	assert_int_equal(cut.err, ERR_SHORT);
}

static void
strings_are_views_and_null_only_where_allowed(void **state)
{
	(void)state;
	struct reader r = READER("\x00\x02hi\x00\x00\xff\xff");
	assert_str(reader_str(&r, false), "hi");
	struct str empty = reader_str(&r, false);
	assert_non_null(empty.p);
	assert_int_equal(empty.n, 0);
	assert_null(reader_str(&r, true).p);
	assert_ok(reader_end(&r));
	struct reader null = READER("\xff\xff");
	reader_str(&null, false);
	assert_int_equal(null.err, ERR_CORRUPT);
	struct reader minus_two = READER("\xff\xfe");
	reader_str(&minus_two, true);
	assert_int_equal(minus_two.err, ERR_CORRUPT);
	struct reader lie = READER("\x7f\xffhi");
	reader_str(&lie, false);
	assert_int_equal(lie.err, ERR_SHORT);
}

static void
compact_strings_count_from_one(void **state)
{
	(void)state;
	struct reader r = READER("\x03hi\x01\x00");
	assert_str(reader_compact_str(&r, false), "hi");
	assert_int_equal(reader_compact_str(&r, false).n, 0);
	assert_null(reader_compact_str(&r, true).p);
	assert_ok(reader_end(&r));
	struct reader null = READER("\x00");
	reader_compact_str(&null, false);
	assert_int_equal(null.err, ERR_CORRUPT);
	struct reader lie = READER("\xff\xff\xff\xff\x0fhi");
	reader_compact_str(&lie, false);
	assert_int_equal(lie.err, ERR_SHORT);
}

static void
a_part_is_read_alone(void **state)
{
	(void)state;
	struct reader r = READER("\x01\x02\x03");
	struct reader part = reader_sub(&r, 2);
	assert_int_equal(reader_i16(&part), 0x0102);
	assert_int_equal(reader_i8(&part), 0);
	assert_int_equal(part.err, ERR_SHORT);
	assert_int_equal(reader_i8(&r), 3);
	struct reader too_far = reader_sub(&r, 1);
	assert_int_equal(too_far.err, ERR_SHORT);
	assert_int_equal(r.err, ERR_SHORT);
}

static void
bytes_left_over_are_an_error(void **state)
{
	(void)state;
	struct reader r = READER("\x01\x02");
	reader_i8(&r);
	assert_int_equal(reader_end(&r), ERR_CORRUPT);
	struct reader failed = READER("\x01");
	reader_i16(&failed);
	assert_int_equal(reader_end(&failed), ERR_SHORT);
}

TEST_MAIN(T(numbers_are_big_endian), T(the_first_error_stays), T(a_length_is_compared_never_added),
    T(varints_end_at_32_bits),     T(strings_are_views_and_null_only_where_allowed), T(compact_strings_count_from_one),
    T(a_part_is_read_alone), T(bytes_left_over_are_an_error))
