/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>

#include "base/map.h"

enum { N = 5000 };
static char keys[N][16];

static struct name
key(int i)
{
	snprintf(keys[i], sizeof(keys[i]), "k%d", i / 2);
	return NAME((uint32_t)(i % 2), str_from(keys[i])); /* pairs differ by tenant alone */
}

static void
put_get_del(void **state)
{
	(void)state;
	struct map *m = map_create();
	assert_null(map_get(m, key(0)));
	for (int i = 0; i < N; i++)
		assert_null(map_put(m, key(i), &keys[i]));
	assert_int_equal(map_count(m), N);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(m, key(i)), &keys[i]);
	for (int i = 0; i < N; i += 3)
		assert_ptr_equal(map_del(m, key(i)), &keys[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(m, key(i)), i % 3 == 0 ? NULL : &keys[i]);
	assert_null(map_del(m, key(0)));
	assert_ptr_equal(map_put(m, key(1), m), &keys[1]);
	map_destroy(&m);
}

static void
walk_while_deleting(void **state)
{
	(void)state;
	struct map *m = map_create();
	for (int i = 0; i < N; i++)
		map_put(m, key(i), &keys[i]);
	size_t pos = 0, seen = 0;
	struct name k;
	for (void *v; (v = map_next(m, &pos, &k)) != NULL; seen++)
		assert_ptr_equal(map_del(m, k), v);
	assert_int_equal(seen, N);
	assert_int_equal(map_count(m), 0);
	/* Graves are reused, not collected without end. */
	for (int i = 0; i < 100 * N; i++) {
		map_put(m, key(i % N), &keys[i % N]);
		map_del(m, key(i % N));
	}
	assert_int_equal(map_count(m), 0);
	map_destroy(&m);
}

static void
empty_key(void **state)
{
	(void)state;
	struct map *m = map_create();
	assert_null(map_put(m, NAME(3, STR_NULL), m));
	assert_ptr_equal(map_get(m, NAME(3, STR(""))), m);
	assert_null(map_get(m, NAME(4, STR(""))));
	map_destroy(&m);
}

TEST_MAIN(T(put_get_del), T(walk_while_deleting), T(empty_key))
