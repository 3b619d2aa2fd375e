/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

static char dir[] = "/tmp/schloss-fs-XXXXXX";

static char *
at(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void
files_are_private(void **state)
{
	(void)state;
	struct stat st;
	umask(0);
	assert_ok(fs_replace(at("secret"), "abc", 3));
	assert_int_equal(stat(at("secret"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_ok(fs_mkdir(at("sub")));
	assert_int_equal(stat(at("sub"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fs_mkdir(at("sub")), ERR_EXISTS);
	assert_false(fs_exists(at("secret.tmp")));
}

static void
vectors_are_written_whole(void **state)
{
	(void)state;
	enum { N = 3000 }; /* more than IOV_MAX */
	static struct iovec iov[N];
	static char got[N * 3 + 1];
	int fd;
	int64_t size;
	for (int i = 0; i < N; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)"xyz", 3 };
	assert_ok(fs_open(at("v"), O_RDWR | O_CREAT, &fd));
	assert_ok(fs_pwritev(fd, iov, N, 7));
	assert_ok(fs_size(fd, &size));
	assert_int_equal(size, 7 + N * 3);
	assert_ok(fs_pread(fd, got, N * 3, 7));
	for (int i = 0; i < N * 3; i++)
		assert_int_equal(got[i], "xyz"[i % 3]);
	assert_int_equal(fs_pread(fd, got, N * 3, 8), ERR_SHORT);
	assert_ok(fs_truncate(fd, 3));
	assert_ok(fs_sync(fd));
	fs_close(&fd);
	assert_int_equal(fd, -1);
}

static void
slurp_has_a_limit(void **state)
{
	(void)state;
	char *p;
	size_t n;
	assert_ok(fs_replace(at("s"), "hello", 5));
	assert_int_equal(fs_slurp(at("s"), 4, &p, &n), ERR_LIMIT);
	assert_ok(fs_slurp(at("s"), 5, &p, &n));
	assert_string_equal(p, "hello");
	mem_free(p);
	assert_int_equal(fs_slurp(at("none"), 4, &p, &n), ERR_NOTFOUND);
}

static int
collect(const char *name, void *arg)
{
	strcat(arg, name);
	strcat(arg, " ");
	return 0;
}

static void
list_is_sorted(void **state)
{
	(void)state;
	char all[256] = "";
	fs_mkdir(at("l"));
	fs_replace(at("l/b"), "", 0);
	fs_replace(at("l/a"), "", 0);
	fs_replace(at("l/B"), "", 0);
	assert_ok(fs_list(at("l"), collect, all));
	assert_string_equal(all, "B a b ");
	assert_ok(fs_rmtree(at("l")));
	assert_false(fs_exists(at("l")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(files_are_private), T(vectors_are_written_whole),
		T(slurp_has_a_limit), T(list_is_sorted) };
	if (mkdtemp(dir) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	fs_rmtree(dir);
	return failed;
}
