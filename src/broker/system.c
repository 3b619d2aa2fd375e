/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock ends with the process however it ends, so that a file left behind by a
 * crash locks nobody out. */
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

enum log_level
system_log_level(const struct conf *conf)
{
	/* In the order of the words of log.level. */
	static const enum log_level levels[] = {
		LOG_LVL_CRIT, LOG_LVL_ERR, LOG_LVL_WARN, LOG_LVL_NOTICE, LOG_LVL_INFO, LOG_LVL_DEBUG,
	};
	return levels[conf->log_level];
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
	err = fs_lock(fd);
	if (err != 0) {
		fs_close(&fd);
		return err == ERR_BUSY ? why_set(why, err, "%s is in use by a running schlossd: stop it first", dir) :
		    why_set(why, err, "%s: %s", path, err_text(err));
	}
	*ret_fd = fd;
	return 0;
}

void
system_unlock(int *fd)
{
	fs_close(fd);
}
