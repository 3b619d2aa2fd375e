/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "wire/reader.h"
#include "wire/writer.h"

static int
make_arena(void **state)
{
	*state = arena_create(1 << 20);
	return 0;
}

static int
drop_arena(void **state)
{
	struct arena *arena = *state;
	arena_destroy(&arena);
	return 0;
}

static struct str
flat(struct writer *w)
{
	struct pieces list;
	struct str s = { arena_alloc(w->arena, w->n + 1), 0 };
	assert_ok(writer_finish(w, &list));
	for (int32_t i = 0; i < list.n; i++) {
		memcpy((char *)s.p + s.n, list.v[i].p, list.v[i].n);
		s.n += list.v[i].n;
	}
	assert_int_equal(s.n, w->n);
	return s;
}

static void
what_is_written_can_be_read(void **state)
{
	struct writer w;
	writer_init(&w, *state);
	writer_i8(&w, -2);
	writer_i16(&w, -3);
	writer_i32(&w, INT32_MIN);
	writer_varint(&w, 0);
	writer_varint(&w, 128);
	writer_varint(&w, UINT32_MAX);
	writer_str(&w, STR("name"));
	writer_str(&w, STR_NULL);
	writer_compact_str(&w, STR(""));
	writer_compact_str(&w, STR_NULL);
	struct str s = flat(&w);
	struct reader r = reader_of(s.p, s.n);
	assert_int_equal(reader_i8(&r), -2);
	assert_int_equal(reader_i16(&r), -3);
	assert_int_equal(reader_i32(&r), INT32_MIN);
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_varint(&r), 128);
	assert_int_equal(reader_varint(&r), UINT32_MAX);
	assert_str(reader_str(&r, false), "name");
	assert_null(reader_str(&r, true).p);
	assert_non_null(reader_compact_str(&r, true).p);
	assert_null(reader_compact_str(&r, true).p);
	assert_ok(reader_end(&r));
}

static void
pieces_are_pointed_to_not_copied(void **state)
{
	static const uint8_t records[] = "records";
	struct pieces list;
	struct writer w;
	writer_init(&w, *state);
	writer_i32(&w, 1);
	writer_piece(&w, records, sizeof(records));
	writer_piece(&w, records, 0);
	writer_i32(&w, 2);
	assert_ok(writer_finish(&w, &list));
	assert_int_equal(list.n, 3);
	assert_ptr_equal(list.v[1].p, records);
	assert_int_equal(list.v[1].n, sizeof(records));
	assert_int_equal(list.v[0].n, 4);
	assert_int_equal(list.v[2].n, 4);
	assert_int_equal(w.n, 8 + sizeof(records));
}

static void
output_grows_over_many_blocks(void **state)
{
	struct writer w;
	writer_init(&w, *state);
	for (int32_t i = 0; i < 50000; i++)
		writer_i32(&w, i);
	struct str s = flat(&w);
	struct reader r = reader_of(s.p, s.n);
	for (int32_t i = 0; i < 50000; i++)
		assert_int_equal(reader_i32(&r), i);
	assert_ok(reader_end(&r));
}

static void
a_hole_is_filled_later(void **state)
{
	struct writer w;
	writer_init(&w, *state);
	uint8_t *hole = writer_hole(&w);
	writer_bytes(&w, "payload", 7);
	writer_fill(hole, (int32_t)w.n - 4);
	struct str s = flat(&w);
	assert_str(s, "\0\0\0\7payload");
}

static void
a_long_string_is_refused_not_cut(void **state)
{
	struct writer w;
	char *text = arena_zalloc(*state, 40000);
	writer_init(&w, *state);
	writer_str(&w, (struct str){ text, 32768 });
	assert_int_equal(w.err, ERR_LIMIT);
	writer_i32(&w, 1);
	struct pieces list;
	assert_int_equal(writer_finish(&w, &list), ERR_LIMIT);
	assert_null(writer_hole(&w));
	writer_fill(NULL, 1);
	assert_int_equal(writer_fail(&w, ERR_INVAL), ERR_LIMIT);
}

static void
output_ends_before_2_gib(void **state)
{
	struct writer w;
	uint8_t byte = 0;
	writer_init(&w, *state);
	/* Only pointed to, never read. */
	writer_piece(&w, &byte, INT32_MAX - (1 << 18));
	assert_ok(w.err);
	for (int i = 0; i < 1 << 17; i++)
		writer_i32(&w, 0);
	assert_int_equal(w.err, ERR_LIMIT);
	assert_true(w.n < INT32_MAX);
}

#define A(fn) cmocka_unit_test_setup_teardown(fn, make_arena, drop_arena)
TEST_MAIN(A(what_is_written_can_be_read), A(pieces_are_pointed_to_not_copied),
    A(output_grows_over_many_blocks), A(a_hole_is_filled_later),
    A(a_long_string_is_refused_not_cut), A(output_ends_before_2_gib))
