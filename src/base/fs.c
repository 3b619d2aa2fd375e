/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static int
failed(void)
{
	return err_from_errno(errno);
}

int
fs_openat(int dirfd, const char *name, int flags, int *ret_fd)
{
	int fd;
	do {
		fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return failed();
	*ret_fd = fd;
	return 0;
}

int
fs_open(const char *path, int flags, int *ret_fd)
{
	return fs_openat(AT_FDCWD, path, flags, ret_fd);
}

void
fs_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
fs_pread_some(int fd, void *p, size_t n, int64_t at, size_t *ret_n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = pread(fd, (char *)p + done, n - done, at + (int64_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed();
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_n = done;
	return 0;
}

int
fs_pread(int fd, void *p, size_t n, int64_t at)
{
	size_t got;
	int err = fs_pread_some(fd, p, n, at, &got);
	return err != 0 ? err : got < n ? ERR_SHORT : 0;
}

int
fs_pwrite(int fd, const void *p, size_t n, int64_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = pwrite(fd, (const char *)p + done, n - done, at + (int64_t)done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return failed();
		done += (size_t)put;
	}
	return 0;
}

int
fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at)
{
	while (count > 0) {
		int step = count > IOV_MAX ? IOV_MAX : count;
		ssize_t put = pwritev(fd, iov, step, at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return failed();
		at += put;
		while (count > 0 && (size_t)put >= iov->iov_len) {
			put -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (put > 0) { /* a short write inside one piece: finish that piece */
			int err = fs_pwrite(fd, (char *)iov->iov_base + put,
			    iov->iov_len - (size_t)put, at);
			if (err != 0)
				return err;
			at += (int64_t)iov->iov_len - put;
			iov++;
			count--;
		}
	}
	return 0;
}

int
fs_truncate(int fd, int64_t size)
{
	return ftruncate(fd, size) == 0 ? 0 : failed();
}

int
fs_reserve(int fd, int64_t at, int64_t n)
{
	int rc;
	do {
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, at, n);
	} while (rc != 0 && errno == EINTR);
	if (rc == 0 || errno == EOPNOTSUPP)
		return 0;
	return failed();
}

int
fs_sync(int fd)
{
	return fdatasync(fd) == 0 ? 0 : failed();
}

int
fs_sync_dir(const char *path)
{
	int fd = -1, err = fs_open(path, O_RDONLY | O_DIRECTORY, &fd);
	if (err != 0)
		return err;
	if (fsync(fd) != 0)
		err = failed();
	close(fd);
	return err;
}

int
fs_size(int fd, int64_t *ret)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return failed();
	*ret = st.st_size;
	return 0;
}

int
fs_path_size(const char *path, int64_t *ret)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return failed();
	if (!S_ISREG(st.st_mode))
		return ERR_INVAL;
	*ret = st.st_size;
	return 0;
}

int
fs_path_time(const char *path, int64_t *ret)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return failed();
	*ret = st.st_mtim.tv_sec * INT64_C(1000) + st.st_mtim.tv_nsec / 1000000;
	return 0;
}

int
fs_changed(const char *path, int64_t *ret)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return failed();
	if (!S_ISDIR(st.st_mode))
		return ERR_INVAL;
	*ret = st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
	return 0;
}

int
fs_sync_all(const char *path)
{
	int fd = -1, err = fs_open(path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	if (syncfs(fd) != 0)
		err = failed();
	close(fd);
	return err;
}

int
fs_drop_cache(int fd)
{
	int rc = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return err_from_errno(rc);
}

int
fs_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? ERR_BUSY : failed();
}

int
fs_rename(const char *from, const char *to)
{
	return rename(from, to) == 0 ? 0 : failed();
}

int
fs_link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0 ? 0 : failed();
}

int
fs_unlink(const char *path)
{
	return unlink(path) == 0 ? 0 : failed();
}

int
fs_mkdir(const char *path)
{
	return mkdir(path, 0700) == 0 ? 0 : failed();
}

static int
rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
fs_rmtree(const char *path)
{
	return nftw(path, rm_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : failed();
}

bool
fs_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static int
sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return fs_sync_dir(".");
	int n = snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (n < 0 || (size_t)n >= sizeof(dir))
		return ERR_LIMIT;
	return fs_sync_dir(n == 0 ? "/" : dir);
}

static int
replace(const char *path, const void *p, size_t n, bool lasting)
{
	char tmp[PATH_MAX];
	int fd = -1;
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= sizeof(tmp))
		return ERR_LIMIT;
	int err = fs_open(tmp, O_WRONLY | O_CREAT | O_TRUNC, &fd);
	if (err != 0)
		return err;
	err = fs_pwrite(fd, p, n, 0);
	if (err == 0 && lasting)
		err = fs_sync(fd);
	fs_close(&fd);
	if (err == 0)
		err = fs_rename(tmp, path);
	if (err != 0) {
		int keep = errno;
		fs_unlink(tmp);
		errno = keep;
		return err;
	}
	return lasting ? sync_parent(path) : 0;
}

int
fs_replace(const char *path, const void *p, size_t n)
{
	return replace(path, p, n, true);
}

int
fs_replace_lazy(const char *path, const void *p, size_t n)
{
	return replace(path, p, n, false);
}

int
fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n)
{
	int fd = -1;
	int64_t size = 0;
	int err = fs_open(path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	err = fs_size(fd, &size);
	if (err == 0 && (uint64_t)size > max)
		err = ERR_LIMIT;
	if (err == 0) {
		char *p = mem_alloc((size_t)size + 1);
		err = fs_pread_some(fd, p, (size_t)size, 0, ret_n);
		if (err == 0) {
			p[*ret_n] = '\0';
			*ret = p;
		} else
			mem_free(p);
	}
	fs_close(&fd);
	return err;
}

int
fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statvfs st;
	if (statvfs(path, &st) != 0)
		return failed();
	*ret_free = (uint64_t)st.f_bavail * st.f_frsize;
	*ret_total = (uint64_t)st.f_blocks * st.f_frsize;
	return 0;
}

static int
bytewise(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg)
{
	struct dirent **entries;
	int err = 0, n = scandir(path, &entries, NULL, bytewise);
	if (n < 0)
		return failed();
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		if (err == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			err = each(name, arg);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int
count_one(const char *name, void *arg)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

int
fs_count(const char *path, size_t *ret)
{
	*ret = 0;
	return fs_list(path, count_one, ret);
}
