/* SPDX-License-Identifier: Apache-2.0
 * A file that a site is made from, as a hand or a hostile one may have written it. What is taken is written again, and that
 * is taken as the same; what is refused says where. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

static int
read_text(struct str text, struct arena *arena, struct site *ret, struct why *why)
{
	int fd = memfd_create("site.yaml", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
	const char *file = arena_printf(arena, "/proc/self/fd/%d", fd).p;
	int err = site_read(file, arena, ret, why);
	MUST(err == 0 || strncmp(why->text, file, strlen(file)) == 0);
	close(fd);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct site first, again;
	struct why why = { "" };
	struct buf out;
	buf_init(&out, (size_t)64 * 1024 * 1024);
	if (size > 0 && read_text((struct str){ (const char *)data, size }, arena, &first, &why) == 0 &&
	    site_write(&first, &out) == 0) {
		site_changes changes;
		MUST(read_text(buf_str(&out), arena, &again, &why) == 0);
		site_diff(arena, &first, &again, false, &changes);
		MUST(changes.n == 0);
	}
	buf_free(&out);
	arena_destroy(&arena);
	return 0;
}
