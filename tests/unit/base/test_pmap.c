/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pmap.h"

struct item {
	int refs, number;
	char key[16];
};

static int live;

static struct str
item_key(const void *v)
{
	return str_from(((const struct item *)v)->key);
}

static void
item_get(void *v)
{
	((struct item *)v)->refs++;
}

static void
item_put(void *v)
{
	if (--((struct item *)v)->refs == 0) {
		live--;
		mem_free(v);
	}
}

static const struct pmap_ops ops = { item_key, item_get, item_put };

static struct item *
item(int i, int number)
{
	struct item *it = MEM_NEW(struct item);
	it->refs = 1;
	it->number = number;
	snprintf(it->key, sizeof(it->key), "%05d", i);
	live++;
	return it;
}

static void
replace(struct pmap **m, struct pmap *next)
{
	pmap_unref(m, &ops);
	*m = next;
}

static void
old_versions_stay(void **state)
{
	(void)state;
	struct pmap *m = NULL;
	for (int i = 0; i < 100; i++)
		replace(&m, pmap_set(m, &ops, item(i, 1)));
	struct pmap *old = pmap_ref(m);
	for (int i = 0; i < 100; i += 2)
		replace(&m, pmap_set(m, &ops, item(i, 2)));
	replace(&m, pmap_del(m, &ops, STR("00001")));
	assert_int_equal(pmap_count(m), 99);
	assert_int_equal(pmap_count(old), 100);
	assert_int_equal(((struct item *)pmap_get(old, &ops, STR("00000")))->number, 1);
	assert_int_equal(((struct item *)pmap_get(m, &ops, STR("00000")))->number, 2);
	assert_null(pmap_get(m, &ops, STR("00001")));
	assert_non_null(pmap_get(old, &ops, STR("00001")));
	pmap_unref(&old, &ops);
	pmap_unref(&m, &ops);
	assert_int_equal(live, 0);
}

/* Against a plain array, through random changes. */
static void
agrees_with_an_array(void **state)
{
	(void)state;
	enum { N = 500 };
	int model[N] = { 0 }, count = 0;
	struct pmap *m = NULL;
	srand(1);
	for (int step = 1; step <= 20000; step++) {
		int i = rand() % N;
		char k[16];
		snprintf(k, sizeof(k), "%05d", i);
		if (rand() % 3 == 0) {
			replace(&m, pmap_del(m, &ops, str_from(k)));
			count -= model[i] != 0;
			model[i] = 0;
		} else {
			replace(&m, pmap_set(m, &ops, item(i, step)));
			count += model[i] == 0;
			model[i] = step;
		}
		assert_int_equal(pmap_count(m), count);
	}
	int i = -1;
	struct str at = STR("");
	for (struct item *it; (it = pmap_after(m, &ops, at, i < 0)) != NULL; at = item_key(it)) {
		for (i++; model[i] == 0; i++)
			continue;
		assert_int_equal(atoi(it->key), i);
		assert_int_equal(it->number, model[i]);
		assert_ptr_equal(pmap_floor(m, &ops, item_key(it)), it);
	}
	for (i++; i < N; i++)
		assert_int_equal(model[i], 0);
	assert_null(pmap_floor(m, &ops, STR("")));
	pmap_unref(&m, &ops);
	assert_int_equal(live, 0);
}

TEST_MAIN(T(old_versions_stay), T(agrees_with_an_array))
