/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

int
journal_send(const char *path, struct str line)
{
	static const char head[] = "PRIORITY=5\nSYSLOG_FACILITY=13\nSYSLOG_IDENTIFIER=schloss-audit\nMESSAGE=";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec iov[3] = {
		{ (void *)(uintptr_t)head, sizeof(head) - 1 },
		{ (void *)(uintptr_t)line.p, line.n },
		{ (void *)(uintptr_t)"\n", 1 },
	};
	if (strlen(path) >= sizeof(to.sun_path))
		return ERR_LIMIT;
	memcpy(to.sun_path, path, strlen(path));
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 3 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_IO;
	ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	int err = sent >= 0 ? 0 : errno == EAGAIN ? ERR_AGAIN : errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	close(fd);
	return err;
}
