/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "security/drop.h"

/* In a child, because there is no way back; its exit status. */
static int
in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(run());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
harden(void)
{
	struct rlimit core;
	if (drop_harden(NULL) != 0)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 2;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	return 0;
}

static int
become_nobody(void)
{
	gid_t groups[64];
	const struct passwd *pw = getpwnam("nobody");
	if (pw == NULL || drop_to_user("nobody", NULL) != 0)
		return 1;
	if (getuid() != pw->pw_uid || geteuid() != pw->pw_uid || getgid() != pw->pw_gid)
		return 2;
	int n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == 0)
			return 3;
	if (setuid(0) == 0 || drop_is_root())
		return 4;
	if (drop_to_user("nobody", NULL) != 0) /* again is no error */
		return 5;
	return drop_to_user("daemon", NULL) == ERR_DENIED ? 0 : 6;
}

static void
hardened(void **state)
{
	(void)state;
	assert_int_equal(in_child(harden), 0);
}

static void
wrong_users(void **state)
{
	(void)state;
	struct why why;
	assert_int_equal(drop_to_user("no-such-user-here", &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "no-such-user-here"));
	assert_int_equal(drop_to_user("root", &why), ERR_INVAL);
}

static void
no_way_back(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	assert_true(drop_is_root());
	assert_int_equal(in_child(become_nobody), 0);
}

TEST_MAIN(T(hardened), T(wrong_users), T(no_way_back))
