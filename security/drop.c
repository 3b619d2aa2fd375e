/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters: groups, then gid, then uid, each with all three ids, while
 * there is still the right to set them. Setting the uid from 0 clears the
 * capabilities. Afterwards an attempt to become root again must fail, or the
 * whole is a failure: an attempt that works means that we do not know what we
 * are. A change of uid sets the dumpable flag anew, so drop_harden() comes last.
 */
#include "security/drop.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

#define PASSWD_BYTES 16384

int
drop_harden(struct why *why)
{
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return why_set(why, ERR_IO, "core dumps cannot be forbidden: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return why_set(why, ERR_IO, "PR_SET_DUMPABLE: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return why_set(why, ERR_IO, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	return 0;
}

bool
drop_is_root(void)
{
	uid_t real, effective, saved;
	if (getresuid(&real, &effective, &saved) != 0)
		return true;
	return real == 0 || effective == 0 || saved == 0;
}

static int
look_up(const char *user, uid_t *ret_uid, gid_t *ret_gid, struct why *why)
{
	struct passwd pw, *found = NULL;
	char *text = mem_alloc(PASSWD_BYTES);
	int rc = getpwnam_r(user, &pw, text, PASSWD_BYTES, &found);
	if (found != NULL) {
		*ret_uid = pw.pw_uid;
		*ret_gid = pw.pw_gid;
	}
	mem_free(text);
	if (found == NULL)
		return why_set(why, ERR_NOTFOUND, "user %s: %s", user,
		    rc == 0 ? "no such user on this system" : strerror(rc));
	if (*ret_uid == 0)
		return why_set(why, ERR_INVAL, "user %s is root: name one that is not", user);
	return 0;
}

static bool
is_entirely(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];
	if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return true;
}

int
drop_to_user(const char *user, struct why *why)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int err = look_up(user, &uid, &gid, why);
	if (err != 0)
		return err;
	if (is_entirely(uid, gid))
		return 0;
	if (geteuid() != 0)
		return why_set(why, ERR_DENIED, "only root can become user %s", user);
	if (initgroups(user, gid) != 0)
		return why_set(why, ERR_IO, "groups of %s: %s", user, strerror(errno));
	if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return why_set(why, ERR_IO, "becoming %s: %s", user, strerror(errno));
	if (!is_entirely(uid, gid) || setuid(0) == 0 || seteuid(0) == 0)
		return why_set(why, ERR_IO, "the rights of root did not go away");
	return 0;
}
