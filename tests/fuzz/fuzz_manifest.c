/* SPDX-License-Identifier: Apache-2.0
 * A manifest of a backup, as a hostile hand may have written it. Whatever is taken names files that lie in the backup, and is
 * what is written of it, byte by byte; whatever is refused has a reason. */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "broker/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) abort(); } while (0)

static void
look(struct str text, struct manifest *m)
{
	struct buf out;
	buf_init(&out, SIZE_MAX);
	ARRAY_FOREACH(const struct manifest_file, f, m->files) {
		struct str left = f->path, part;
		MUST(f->length >= 0 && f->path.n < 512);
		while (left.p != NULL) {
			str_cut(&left, '/', &part);
			MUST(part.n > 0 && !str_is(part, ".") && !str_is(part, "..") && memchr(part.p, '\0', part.n) == NULL);
		}
	}
	MUST(manifest_write(m, &out) == 0);
	MUST(str_eq(buf_str(&out), text));
	buf_free(&out);
}

static void
try(struct str text)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct manifest m;
	struct why why = { "" };
	if (manifest_parse(text, arena, &m, &why) == 0)
		look(text, &m);
	else
		MUST(why.text[0] != '\0');
	arena_destroy(&arena);
}

/* With a last line that is right, as by who changes it on purpose: the hash keeps nothing out. */
static void
try_signed(const uint8_t *data, size_t size)
{
	uint8_t hash[MANIFEST_HASH];
	struct str left = { (const char *)data, size }, line;
	struct buf out;
	int files = 0;
	while (str_cut(&left, '\n', &line))
		files += str_starts(line, STR("file "));
	buf_init(&out, SIZE_MAX);
	buf_add(&out, data, size);
	SHA256(data, size, hash);
	buf_printf(&out, "end %d ", files);
	for (int i = 0; i < MANIFEST_HASH; i++)
		buf_printf(&out, "%02x", hash[i]);
	buf_add_str(&out, STR("\n"));
	try(buf_str(&out));
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	try((struct str){ (const char *)data, size });
	try_signed(data, size);
	return 0;
}
