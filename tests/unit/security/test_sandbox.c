/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "security/drop.h"
#include "security/sandbox.h"

static char top[64];

static const char *
at(const char *name)
{
	static char path[2][128];
	static unsigned turn;
	char *p = path[turn++ % 2];
	snprintf(p, sizeof(path[0]), "%s/%s", top, name);
	return p;
}

static void
put(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int
set_up(void **state)
{
	(void)state;
	strcpy(top, "/tmp/schloss-sandbox-XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	static const char *const dirs[] = { "read", "append", "write", "write/a", "write/b", "shut", "live", "archive" };
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(at(dirs[i]), 0700) != 0)
			return -1;
	put("read/file");
	put("append/file");
	put("write/a/file");
	put("shut/file");
	put("archive/1.pem");
	return symlink("../archive/1.pem", at("live/now.pem"));
}

static int
tear_down(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* In a child, because there is no way back; what waitpid() says. */
static int
child(int (*run)(void))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(run());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
ends_well(int status)
{
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not with this kernel, or in this build */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- files ---- */

static int
hold_files(void)
{
	struct why why;
	struct sandbox *s = sandbox_create();
	sandbox_place(s, at("read"), SANDBOX_READ);
	sandbox_file(s, at("append/log"), SANDBOX_APPEND);
	sandbox_place(s, at("write"), SANDBOX_WRITE);
	sandbox_file(s, at("live/now.pem"), SANDBOX_READ);
	sandbox_place(s, at("none"), SANDBOX_WRITE);
	sandbox_file(s, NULL, SANDBOX_READ);
	sandbox_file(s, "", SANDBOX_READ);
	int err = drop_harden(&why) != 0 ? ERR_IO : sandbox_hold_files(s, &why);
	sandbox_destroy(&s);
	return err;
}

/* The errno of it, or 0. */
static int
opens(const char *name, int flags)
{
	int fd = open(name[0] == '/' ? name : at(name), flags, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

#define CHECK(yes) do { if (!(yes)) return __LINE__ % 70 + 1; } while (0)

static int
read_only(void)
{
	int err = hold_files();
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	CHECK(opens("read/file", O_RDONLY) == 0);
	CHECK(opens("read/file", O_RDWR) == EACCES);
	CHECK(opens("read/new", O_WRONLY | O_CREAT) == EACCES);
	CHECK(unlink(at("read/file")) != 0 && errno == EACCES);
	CHECK(opens("live/now.pem", O_RDONLY) == 0);
	CHECK(opens("archive/1.pem", O_RDONLY) == 0);
	CHECK(opens("shut/file", O_RDONLY) == EACCES);
	CHECK(opens("/etc/passwd", O_RDONLY) == EACCES);
	return 0;
}

static int
append_only(void)
{
	int err = hold_files();
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	CHECK(opens("append/file", O_WRONLY | O_APPEND) == 0);
	CHECK(opens("append/new", O_WRONLY | O_CREAT | O_APPEND) == 0);
	CHECK(unlink(at("append/file")) != 0 && errno == EACCES);
	CHECK(rename(at("append/file"), at("append/other")) != 0 && errno == EACCES);
	CHECK(mkdir(at("append/dir"), 0700) != 0 && errno == EACCES);
	return 0;
}

static int
written(void)
{
	int err = hold_files();
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	CHECK(opens("write/new", O_WRONLY | O_CREAT) == 0);
	CHECK(rename(at("write/a/file"), at("write/b/file")) == 0);
	CHECK(mkdir(at("write/c"), 0700) == 0 && rmdir(at("write/c")) == 0);
	CHECK(symlink("/etc/passwd", at("write/link")) != 0 && errno == EACCES);
	CHECK(rename(at("write/b/file"), at("shut/taken")) != 0);
	CHECK(access(at("write/b/file"), F_OK) == 0);
	return 0;
}

static int
executed(void)
{
	struct why why;
	struct sandbox *s = sandbox_create();
	sandbox_place(s, "/", SANDBOX_WRITE);
	int err = drop_harden(&why) != 0 ? ERR_IO : sandbox_hold_files(s, &why);
	sandbox_destroy(&s);
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 1;
}

static void
files_that_are_read(void **state)
{
	(void)state;
	ends_well(child(read_only));
}

static void
files_that_are_appended_to(void **state)
{
	(void)state;
	ends_well(child(append_only));
}

static void
files_that_are_written(void **state)
{
	(void)state;
	ends_well(child(written));
}

static void
nothing_is_executed(void **state)
{
	(void)state;
	ends_well(child(executed));
}

static void
what_is_reached(void **state)
{
	(void)state;
	struct sandbox *s = sandbox_create();
	sandbox_place(s, at("read"), SANDBOX_READ);
	sandbox_file(s, at("live/now.pem"), SANDBOX_READ);
	assert_true(sandbox_reaches(s, at("read/file")));
	assert_true(sandbox_reaches(s, at("read/not-there")));
	assert_true(sandbox_reaches(s, at("live/now.pem")));
	assert_true(sandbox_reaches(s, at("archive/2.pem")));
	assert_false(sandbox_reaches(s, at("shut/file")));
	assert_false(sandbox_reaches(s, at("reader")));
	assert_false(sandbox_reaches(s, at("read/../shut/file")));
	assert_false(sandbox_reaches(s, at("none/file")));
	assert_int_equal(symlink("../shut/file", at("read/out")), 0);
	assert_false(sandbox_reaches(s, at("read/out")));
	sandbox_destroy(&s);
}

/* ---- system calls ---- */

static int
hold_calls(void)
{
	struct why why;
	return drop_harden(&why) != 0 ? ERR_IO : sandbox_hold_calls(&why);
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
what_a_broker_does(void)
{
	pthread_t t;
	char name[SANDBOX_NAME];
	unsigned times;
	int err = hold_calls();
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	CHECK(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
	CHECK(opens("read/file", O_RDONLY) == 0);
	CHECK(socket(AF_INET6, SOCK_STREAM, 0) >= 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(prctl(PR_SET_NAME, "loop0", 0, 0, 0) == 0);
	CHECK(!sandbox_refused(name, &times));
	return 0;
}

/* As by a kernel that does not know it, and told of once. */
static int
what_it_does_not(void)
{
	char name[SANDBOX_NAME];
	unsigned times;
	int err = hold_calls();
	if (err == ERR_UNSUPPORTED)
		return 77;
	CHECK(err == 0);
	for (int i = 0; i < 3; i++)
		CHECK(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == ENOSYS);
	CHECK(sandbox_refused(name, &times) && strcmp(name, "io_uring_setup") == 0 && times == 3);
	CHECK(!sandbox_refused(name, &times));
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == ENOSYS);
	CHECK(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(sandbox_refused(name, &times) && strcmp(name, "mmap") == 0);
	CHECK(sandbox_refused(name, &times) && strcmp(name, "socket") == 0);
	if (sandbox_is_wide())
		return 0;
	CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 && errno == ENOSYS);
	CHECK(kill(getppid(), 0) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == -1 && errno == ENOSYS);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == ENOSYS);
	return 0;
}

static int
another_program(void)
{
	if (hold_calls() == ERR_UNSUPPORTED)
		return 77;
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

static int
another_process(void)
{
	if (hold_calls() == ERR_UNSUPPORTED)
		return 77;
	char byte;
	struct iovec iov = { &byte, 1 };
	syscall(SYS_process_vm_readv, getppid(), &iov, 1, &iov, 1, 0);
	return 1;
}

static void
calls_of_a_broker(void **state)
{
	(void)state;
	ends_well(child(what_a_broker_does));
}

static void
other_calls_are_refused_and_noted(void **state)
{
	(void)state;
	ends_well(child(what_it_does_not));
}

static void
some_end_the_process(void **state)
{
	(void)state;
	int (*const runs[])(void) = { another_program, another_process };
	for (size_t i = 0; i < 2; i++) {
		int status = child(runs[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			skip();
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(files_that_are_read), T(files_that_are_appended_to), T(files_that_are_written),
		T(nothing_is_executed), T(what_is_reached), T(calls_of_a_broker), T(other_calls_are_refused_and_noted),
		T(some_end_the_process) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
