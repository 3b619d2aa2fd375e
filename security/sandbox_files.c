/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock takes directories by descriptor: where one is a link it is what that leads to now, which later renames do
 * not change. Its numbers are the kernel's, written down here because the headers of Debian 12 know fewer than its
 * kernels do; each version of the interface handles more rights, and only what is handled is forbidden.
 */
#include "security/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define FS_EXECUTE	(UINT64_C(1) << 0)
#define FS_WRITE_FILE	(UINT64_C(1) << 1)
#define FS_READ_FILE	(UINT64_C(1) << 2)
#define FS_READ_DIR	(UINT64_C(1) << 3)
#define FS_REMOVE_DIR	(UINT64_C(1) << 4)
#define FS_REMOVE_FILE	(UINT64_C(1) << 5)
#define FS_MAKE_DIR	(UINT64_C(1) << 7)
#define FS_MAKE_REG	(UINT64_C(1) << 8)
#define FS_REFER	(UINT64_C(1) << 13)
#define FS_TRUNCATE	(UINT64_C(1) << 14)	/* since version 3 */
#define FS_IOCTL_DEV	(UINT64_C(1) << 15)	/* since version 5 */
#define FS_VERSION_2	(FS_REFER | (FS_REFER - 1))
#define FS_OF_FILES	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define SCOPE_SIGNAL	(UINT64_C(1) << 1)	/* since version 6 */

#define RULESET_VERSION	1U
#define RULE_PATH	1
#define VERSION_MIN	2	/* before, no file could be renamed into another directory */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct place {
	char *path;		/* absolute, without links */
	enum sandbox_right right;
};

struct sandbox {
	struct place *places;
	size_t n;
};

struct sandbox *
sandbox_create(void)
{
	return MEM_NEW(struct sandbox);
}

void
sandbox_destroy(struct sandbox **sandbox)
{
	struct sandbox *s = *sandbox;
	*sandbox = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		mem_free(s->places[i].path);
	mem_free(s->places);
	mem_free(s);
}

void
sandbox_place(struct sandbox *s, const char *path, enum sandbox_right right)
{
	char real[PATH_MAX];
	if (path == NULL || path[0] == '\0' || realpath(path, real) == NULL)
		return;
	s->places = mem_realloc(s->places, (s->n + 1) * sizeof(*s->places));
	s->places[s->n++] = (struct place){ mem_strdup(real), right };
}

/* Cuts the last name of an absolute path off. */
static void
to_directory(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash != NULL)
		slash[slash == path] = '\0';
}

void
sandbox_file(struct sandbox *s, const char *file, enum sandbox_right right)
{
	char path[PATH_MAX];
	if (file == NULL || file[0] != '/' || snprintf(path, sizeof(path), "%s", file) >= PATH_MAX)
		return;
	to_directory(path);
	sandbox_place(s, path, right);
	if (realpath(file, path) != NULL) {
		to_directory(path);
		sandbox_place(s, path, right);
	}
}

static bool
lies_in(const char *path, const char *place)
{
	size_t n = strlen(place);
	return strncmp(path, place, n) == 0 && (path[n] == '\0' || path[n] == '/' || place[n - 1] == '/');
}

bool
sandbox_reaches(const struct sandbox *s, const char *file)
{
	char path[PATH_MAX], real[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s", file) >= PATH_MAX)
		return false;
	if (realpath(path, real) == NULL) {
		to_directory(path);
		if (realpath(path, real) == NULL)
			return false;
	}
	for (size_t i = 0; i < s->n; i++)
		if (lies_in(real, s->places[i].path))
			return true;
	return false;
}

static int
failed(struct why *why, const char *what)
{
	int err = errno;
	return why_set(why, err == ENOSYS || err == EOPNOTSUPP ? ERR_UNSUPPORTED : ERR_IO, "%s: %s", what, strerror(err));
}

static uint64_t
rights_of(enum sandbox_right right)
{
	uint64_t rights = FS_READ_FILE | FS_READ_DIR;
	if (right >= SANDBOX_APPEND)
		rights |= FS_WRITE_FILE | FS_MAKE_REG | FS_TRUNCATE;
	if (right >= SANDBOX_WRITE)
		rights |= FS_REMOVE_FILE | FS_REMOVE_DIR | FS_MAKE_DIR | FS_REFER;
	return rights;
}

static int
add_place(int ruleset, uint64_t handled, const struct place *place, struct why *why)
{
	struct stat st;
	struct path_attr rule = { .allowed = rights_of(place->right) & handled };
	rule.fd = open(place->path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : failed(why, place->path);
	if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILES;
	long rc = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0);
	int err = rc == 0 ? 0 : failed(why, place->path);
	close(rule.fd);
	return err;
}

static void
fill_attr(struct ruleset_attr *ret, long version)
{
	*ret = (struct ruleset_attr){ .fs = FS_VERSION_2 };
	if (version >= 3)
		ret->fs |= FS_TRUNCATE;
	if (version >= 5)
		ret->fs |= FS_IOCTL_DEV;
	if (version >= 6)
		ret->scoped = SCOPE_SIGNAL;
}

int
sandbox_hold_files(const struct sandbox *s, struct why *why)
{
	struct ruleset_attr attr;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
	if (version < 0)
		return failed(why, "landlock");
	if (version < VERSION_MIN)
		return why_set(why, ERR_UNSUPPORTED, "landlock: this kernel's is of version %ld, and %d is needed (Linux 5.19)",
		    version, VERSION_MIN);
	fill_attr(&attr, version);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return failed(why, "landlock");
	int err = 0;
	for (size_t i = 0; i < s->n && err == 0; i++)
		err = add_place(ruleset, attr.fs, &s->places[i], why);
	if (err == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		err = failed(why, "landlock");
	close(ruleset);
	return err;
}
