/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a data directory, and the names of directories in it. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"

#define NAME_BYTES 255

char *
store_file(const struct store *s, const char *name)
{
	size_t n = strlen(s->path) + strlen(name) + 2;
	char *path = mem_alloc(n);
	snprintf(path, n, "%s/%s", s->path, name);
	return path;
}

/* Topic names hold neither % nor /, so "N%2Fname" cannot be a topic of `main`. A
 * name that gets too long for a directory that way is replaced by the topic's id. */
int
store_label(struct name topic, int32_t index, const struct uuid *id, char *out, size_t size)
{
	char text[UUID_TEXT];
	int n;
	if (topic.s.n == 0 || memchr(topic.s.p, '/', topic.s.n) != NULL ||
	    memchr(topic.s.p, '%', topic.s.n) != NULL || index < 0)
		return ERR_INVAL;
	if (topic.tenant == 0)
		n = snprintf(out, size, "%.*s-%" PRId32, STR_ARG(topic.s), index);
	else
		n = snprintf(out, size, "%" PRIu32 "%%2F%.*s-%" PRId32, topic.tenant,
		    STR_ARG(topic.s), index);
	if (n > NAME_BYTES && topic.tenant != 0)
		n = snprintf(out, size, "%" PRIu32 "%%2F%%%s-%" PRId32, topic.tenant,
		    uuid_format(id, text), index);
	return n < 0 || n > NAME_BYTES || (size_t)n >= size ? ERR_LIMIT : 0;
}

bool
store_label_index(const char *label, int32_t *ret)
{
	const char *dash = strrchr(label, '-');
	int64_t index;
	if (dash == NULL || dash == label || label[0] == '.' || strlen(label) > NAME_BYTES ||
	    str_to_i64(str_from(dash + 1), 0, INT32_MAX, &index) != 0)
		return false;
	*ret = (int32_t)index;
	return true;
}

int
meta_write(const char *dir, const struct uuid *topic, bool sync)
{
	char path[4096], text[128], id[UUID_TEXT];
	int fd, n = snprintf(text, sizeof(text), "version: 0\ntopic_id: %s\n", uuid_format(topic, id));
	if (snprintf(path, sizeof(path), "%s/partition.metadata", dir) >= (int)sizeof(path))
		return ERR_LIMIT;
	if (sync)
		return fs_replace(path, text, (size_t)n);
	int err = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd);
	if (err != 0)
		return err;
	err = fs_pwrite(fd, text, (size_t)n, 0);
	fs_close(&fd);
	return err;
}

int
meta_read(const char *dir, struct uuid *ret)
{
	char path[4096], *text;
	struct str rest, line;
	size_t n;
	if (snprintf(path, sizeof(path), "%s/partition.metadata", dir) >= (int)sizeof(path))
		return ERR_LIMIT;
	int err = fs_slurp(path, 4096, &text, &n);
	if (err != 0)
		return err;
	err = ERR_CORRUPT;
	for (rest = (struct str){ text, n }; rest.p != NULL;) {
		str_cut(&rest, '\n', &line);
		if (!str_starts(line, STR("topic_id:")))
			continue;
		line.p += sizeof("topic_id:") - 1;
		line.n -= sizeof("topic_id:") - 1;
		if (uuid_parse(str_trim(line), ret) == 0)
			err = 0;
	}
	mem_free(text);
	return err;
}

int
era_read(const struct store *s, int32_t *ret)
{
	char *path = store_file(s, "leader-epoch"), *text = NULL;
	size_t n;
	int64_t era = 0;
	int err = fs_slurp(path, 64, &text, &n);
	if (err == 0 && str_to_i64(str_trim((struct str){ text, n }), 0, ERA_MAX, &era) != 0)
		err = ERR_CORRUPT;
	if (err == 0)
		*ret = (int32_t)era;
	mem_free(text);
	mem_free(path);
	return err == ERR_LIMIT ? ERR_CORRUPT : err;
}

int
era_write(const struct store *s, int32_t era)
{
	char *path = store_file(s, "leader-epoch"), text[16];
	int n = snprintf(text, sizeof(text), "%" PRId32 "\n", era);
	int err = fs_replace(path, text, (size_t)n);
	mem_free(path);
	return err;
}

void
segment_remove_files(const char *dir, int64_t base)
{
	static const char *const kinds[] = { "log", "index", "timeindex", "txnindex", "snapshot" };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *path = segment_path(dir, base, kinds[i]);
		fs_unlink(path);
		mem_free(path);
	}
}
