/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

static void
count_drop(void *object)
{
	++*(int *)object;
}

static void
arena_reset_drops_links(void **state)
{
	(void)state;
	int drops = 0;
	struct arena *a = arena_create(1 << 20);
	arena_link(a, count_drop, &drops);
	arena_link(a, count_drop, &drops);
	arena_reset(a);
	assert_int_equal(drops, 2);
	arena_link(a, count_drop, &drops);
	arena_destroy(&a);
	assert_int_equal(drops, 3);
	assert_null(a);
}

/* Small pieces, those that have a block of their own, and what came before a new block. */
static void
arena_wipe_leaves_nothing(void **state)
{
	(void)state;
	int drops = 0;
	struct arena *a = arena_create(SIZE_MAX);
	static const size_t sizes[] = { 16, 3000, 100000, 24, 200000, 60000, 8 };
	char *p[sizeof(sizes) / sizeof(sizes[0])];
	arena_link(a, count_drop, &drops);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		p[i] = arena_alloc(a, sizes[i]);
		memset(p[i], 's', sizes[i]);
	}
	arena_wipe(a);
	assert_int_equal(drops, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_null(memchr(p[i], 's', sizes[i]));
	arena_destroy(&a);
	assert_int_equal(drops, 1);
}

static void
arena_limit_holds(void **state)
{
	(void)state;
	struct arena *a = arena_create(1000);
	assert_non_null(arena_try(a, 900));
	assert_null(arena_try(a, 200));
	assert_null(arena_try(a, SIZE_MAX));
	arena_reset(a);
	assert_non_null(arena_try(a, 900));
	arena_destroy(&a);
}

static void
arena_pieces_do_not_overlap(void **state)
{
	(void)state;
	struct arena *a = arena_create(SIZE_MAX);
	unsigned char *p[400];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 400; i++) {
			size_t n = (size_t)(i * 37 % 5000 + 1);
			p[i] = arena_alloc(a, n);
			assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
			memset(p[i], i & 0xff, n);
		}
		for (int i = 0; i < 400; i++)
			for (int k = 0; k < i * 37 % 5000 + 1; k++)
				assert_int_equal(p[i][k], i & 0xff);
		arena_reset(a);
	}
	arena_destroy(&a);
}

static void
array_grows(void **state)
{
	(void)state;
	struct arena *a = arena_create(SIZE_MAX);
	ARRAY(int) arr = { NULL, -1 };
	int sum = 0;
	ARRAY_FOREACH(int, v, arr)
		sum += *v;
	assert_int_equal(sum, 0);
	for (int i = 0; i < 1000; i++)
		*ARRAY_ADD(a, arr) = i;
	assert_int_equal(arr.n, 1000);
	ARRAY_FOREACH(int, v, arr)
		sum += *v;
	assert_int_equal(sum, 499500);
	arena_destroy(&a);
}

static void
buf_has_a_maximum(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	for (int i = 0; i < 10; i++)
		assert_ok(buf_add(&b, "0123456789", 10));
	assert_int_equal(buf_add(&b, "x", 1), ERR_LIMIT);
	assert_int_equal(b.n, 100);
	buf_consume(&b, 95);
	assert_str(buf_str(&b), "56789");
	assert_ok(buf_printf(&b, "%d-%s", 42, "x"));
	assert_str(buf_str(&b), "5678942-x");
	assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
	buf_free_secret(&b);
	buf_init(&b, 8);
	assert_ok(buf_add(&b, "01234567", 8));
	assert_int_equal(buf_add(&b, "x", 1), ERR_LIMIT);
	buf_free(&b);
}

static void
huge_blocks_are_aligned(void **state)
{
	(void)state;
	uint8_t *p[3];
	for (int i = 0; i < 3; i++) {
		p[i] = mem_huge_try();
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % MEM_HUGE, 0);
		memset(p[i], i, MEM_HUGE);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(p[i][0], i);
		assert_int_equal(p[i][MEM_HUGE - 1], i);
		mem_huge_free(p[i]);
	}
	mem_huge_free(NULL);
}

TEST_MAIN(T(arena_reset_drops_links), T(arena_wipe_leaves_nothing), T(arena_limit_holds), T(arena_pieces_do_not_overlap),
    T(array_grows), T(buf_has_a_maximum),
    T(huge_blocks_are_aligned))
