/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a broker: somebody else's code inside of it, as after a hole in a parser. While $BREAKOUT_DIR/now is
 * there, the next sync does what a broker never does and tells, in $BREAKOUT_DIR/told, opened before the
 * sandbox was shut, what came of each: a name and an errno. What is in the file "now" says what comes last: "run"
 * another program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int told = -1, dir = -1;
static atomic_int done;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("BREAKOUT_DIR");
	dir = open(path, O_PATH | O_CLOEXEC);
	told = openat(dir, "told", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void
tell(const char *what, int failed)
{
	dprintf(told, "%s %s\n", what, failed ? strerrorname_np(errno) : "done");
}

static void
try_all(void)
{
	char path[512];
	struct stat st;
	tell("read-a-file-of-others", openat(dir, "secret", O_RDONLY) < 0);
	snprintf(path, sizeof(path), "%s/left-behind", getenv("BREAKOUT_DIR"));
	tell("write-elsewhere", open(path, O_WRONLY | O_CREAT, 0600) < 0);
	tell("change-the-configuration", open(getenv("BREAKOUT_YAML"), O_WRONLY | O_APPEND) < 0);
	tell("read-the-configuration", open(getenv("BREAKOUT_YAML"), O_RDONLY) < 0);
	tell("change-the-system", open("/etc/schloss-was-here", O_WRONLY | O_CREAT, 0600) < 0);
	tell("raw-socket", socket(AF_PACKET, SOCK_RAW, 0) < 0);
	tell("writable-code", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	tell("ring", syscall(SYS_io_uring_setup, 1, NULL) < 0);
	tell("key-ring", syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0);
	if (fstatat(dir, "run", &st, 0) == 0) {
		dprintf(told, "run\n");
		syscall(SYS_execve, "/bin/true", (char *[]){ "true", NULL }, (char *[]){ NULL });
		tell("run", 1);
	}
}

int
fdatasync(int fd)
{
	struct stat st;
	if (fstatat(dir, "now", &st, 0) == 0 && atomic_exchange(&done, 1) == 0)
		try_all();
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return fdatasync(fd);
}
