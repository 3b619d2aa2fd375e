/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: what is pinned stays open, what is not may go, and what was removed goes as soon as it can. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>

#include "log/fdcache.h"

enum { FILES = 5, LIMIT = 3 };

struct world {
	char dir[64];
	char path[FILES][96];
	struct fd_cache cache;
	struct fd_slot slot[FILES];
};

static int
setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	char dir[] = "/tmp/schloss-fds-XXXXXX";
	if (mkdtemp(dir) == NULL)
		return 1;
	memcpy(w->dir, dir, sizeof(dir));
	fd_cache_init(&w->cache, LIMIT);
	for (int i = 0; i < FILES; i++) {
		snprintf(w->path[i], sizeof(w->path[i]), "%s/%d", dir, i);
		fd_slot_init(&w->slot[i]);
	}
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < FILES; i++) {
		fd_drop(&w->slot[i]);
		unlink(w->path[i]);
	}
	rmdir(w->dir);
	fd_cache_free(&w->cache);
	mem_free(w);
	return 0;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int
pin(struct world *w, int i)
{
	int fd = -1;
	assert_ok(fd_pin(&w->cache, &w->slot[i], w->path[i], true, &fd));
	assert_true(is_open(fd));
	return fd;
}

static void
unpin(struct world *w, int i)
{
	fd_unpin(&w->cache, &w->slot[i]);
}

static void
the_oldest_idle_one_goes(void **state)
{
	struct world *w = *state;
	int fd[FILES];
	for (int i = 0; i < LIMIT; i++) {
		fd[i] = pin(w, i);
		unpin(w, i);
	}
	assert_int_equal(pin(w, 0), fd[0]);	/* used again: now 1 is the oldest */
	unpin(w, 0);
	pin(w, 3);
	assert_int_equal(fd_cache_open(&w->cache), LIMIT);
	assert_int_equal(w->slot[1].fd, -1);
	assert_int_equal(w->slot[0].fd, fd[0]);
	unpin(w, 3);
}

static void
what_is_pinned_stays(void **state)
{
	struct world *w = *state;
	int fd[FILES];
	for (int i = 0; i < FILES; i++)
		fd[i] = pin(w, i);
	assert_int_equal(fd_cache_open(&w->cache), FILES);	/* over the limit */
	fd_drop(&w->slot[0]);
	for (int i = 0; i < FILES; i++)
		assert_true(is_open(fd[i]));
	for (int i = 0; i < FILES; i++)
		unpin(w, i);
	assert_int_equal(fd_cache_open(&w->cache), LIMIT);
}

static void
two_pins_are_one_file(void **state)
{
	struct world *w = *state;
	int fd = pin(w, 0);
	assert_int_equal(pin(w, 0), fd);
	unpin(w, 0);
	fd_drop(&w->slot[0]);
	assert_true(is_open(fd));
	unpin(w, 0);
	fd_drop(&w->slot[0]);
	assert_false(is_open(fd));
	assert_int_equal(fd_cache_open(&w->cache), 0);
}

static void
what_is_not_there_is_not_open(void **state)
{
	struct world *w = *state;
	int fd = -7;
	assert_int_equal(fd_pin(&w->cache, &w->slot[0], w->path[0], false, &fd), ERR_NOTFOUND);
	assert_int_equal(fd, -7);
	assert_int_equal(fd_cache_open(&w->cache), 0);
	fd_drop(&w->slot[1]);	/* never pinned */
	fd_retire(&w->slot[1]);
}

/* A removed file keeps its room on the disk while it is open. */
static void
retired_at_once_where_nobody_has_it(void **state)
{
	struct world *w = *state;
	int fd = pin(w, 0);
	unpin(w, 0);
	assert_true(is_open(fd));
	fd_retire(&w->slot[0]);
	assert_false(is_open(fd));
	assert_int_equal(fd_cache_open(&w->cache), 0);
}

static void
retired_with_the_last_pin(void **state)
{
	struct world *w = *state;
	int fd = pin(w, 0);
	assert_int_equal(pin(w, 0), fd);
	unlink(w->path[0]);
	fd_retire(&w->slot[0]);
	assert_true(is_open(fd));
	unpin(w, 0);
	assert_true(is_open(fd));
	unpin(w, 0);
	assert_false(is_open(fd));
	assert_int_equal(w->slot[0].fd, -1);
	assert_int_equal(fd_cache_open(&w->cache), 0);
	/* Others are counted as before. */
	for (int i = 1; i < FILES; i++) {
		pin(w, i);
		unpin(w, i);
	}
	assert_int_equal(fd_cache_open(&w->cache), LIMIT);
}

static void *
pin_much(void *arg)
{
	struct world *w = arg;
	for (int n = 0; n < 2000; n++) {
		int fd, i = n % FILES;
		assert_ok(fd_pin(&w->cache, &w->slot[i], w->path[i], true, &fd));
		assert_true(is_open(fd));
		fd_unpin(&w->cache, &w->slot[i]);
	}
	return NULL;
}

static void
threads_share_slots(void **state)
{
	struct world *w = *state;
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pin_much, w), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(fd_cache_open(&w->cache) <= LIMIT);
}

#define TS(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TS(the_oldest_idle_one_goes), TS(what_is_pinned_stays), TS(two_pins_are_one_file),
		TS(what_is_not_there_is_not_open), TS(retired_at_once_where_nobody_has_it),
		TS(retired_with_the_last_pin), TS(threads_share_slots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
