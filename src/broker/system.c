/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks are open file description locks: they end with the process however it
 * ends, so that a file left behind by a crash locks nobody out. */
#include "broker/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "security/drop.h"

int
system_drop_privileges(const struct conf *conf, const struct event *ev, struct why *why)
{
	if (geteuid() != 0)
		return 0;
	if (conf->user == NULL) {
		ev_warn(ev, "running as root: set user: in %s to a system user of its own", conf->file);
		return 0;
	}
	int err = drop_to_user(conf->user, why);
	if (err != 0)
		why_prefix(why, "user");
	return err;
}

void
system_limits(const struct event *ev)
{
	struct rlimit files;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) != 0)
			ev_warn(ev, "the limit of open files could not be raised: %s", strerror(errno));
	}
}

/* Who holds the lock, for the message; 0 where it cannot be read. */
static long
holder(int fd)
{
	char text[32] = "";
	size_t n;
	int64_t pid;
	if (fs_pread_some(fd, text, sizeof(text) - 1, 0, &n) != 0)
		return 0;
	return str_to_i64(str_trim((struct str){ text, n }), 1, INT32_MAX, &pid) == 0 ? (long)pid : 0;
}

static int
lock_file(int fd, const char *dir, struct why *why)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[32];
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return why_set(why, ERR_BUSY, "%s is in use by another schlossd (process %ld): stop it "
			    "first", dir, holder(fd));
		return why_set(why, err_from_errno(errno), "%s/.lock: %s", dir, strerror(errno));
	}
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	int err = fs_truncate(fd, 0);
	if (err == 0)
		err = fs_pwrite(fd, text, (size_t)n, 0);
	if (err == ERR_NOSPACE)
		err = 0; /* the number is only for the message */
	return err == 0 ? 0 : why_set(why, err, "%s/.lock: %s", dir, err_text(err));
}

int
system_lock(const char *dir, int *ret_fd, struct why *why)
{
	char path[PATH_MAX];
	int fd = -1;
	if ((size_t)snprintf(path, sizeof(path), "%s/.lock", dir) >= sizeof(path))
		return why_set(why, ERR_LIMIT, "the path %s is too long", dir);
	int err = fs_open(path, O_RDWR | O_CREAT, &fd);
	if (err == ERR_NOTFOUND)
		return why_set(why, err, "log.dirs: %s does not exist; schlossd init makes one", dir);
	if (err != 0)
		return why_set(why, err, "%s: %s", path, err_text(err));
	err = lock_file(fd, dir, why);
	if (err != 0)
		fs_close(&fd);
	else
		*ret_fd = fd;
	return err;
}

void
system_unlock(int *fd)
{
	fs_close(fd);
}
