/* SPDX-License-Identifier: Apache-2.0
 * For codec.sh: reads lines "KEY VERSION request|response HEX", decodes each as
 * tenant 7's, encodes it again and writes a line: the bytes in hex, and
 * whether encoding for tenant 8 was refused ("foreign" or "free"); or a
 * negative error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/msg.h"

enum { LINE_MAX_BYTES = 4 * 1024 * 1024, ARENA_MAX = 256 * 1024 * 1024, OURS = 7, THEIRS = 8 };

static size_t
unhex(char *text)
{
	size_t n = strlen(text) / 2;
	for (size_t i = 0; i < n; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1], '\0' };
		text[i] = (char)strtoul(two, NULL, 16);
	}
	return n;
}

static void
print_pieces(const struct pieces *list)
{
	putchar('.');
	for (int32_t i = 0; i < list->n; i++)
		for (uint32_t j = 0; j < list->v[i].n; j++)
			printf("%02x", list->v[i].p[j]);
}

static const char *
foreign(const struct wire_msg *msg, int version, struct arena *arena, const void *in)
{
	struct writer w;
	writer_init(&w, arena);
	int err = wire_encode(msg, version, &w, THEIRS, in);
	return err == ERR_FOREIGN ? "foreign" : err == 0 ? "free" : "error";
}

static void
recode(const struct wire_msg *msg, int version, const void *raw, size_t n, struct arena *arena)
{
	void *in = arena_alloc(arena, msg->type->size);
	struct reader r = reader_of(raw, n);
	struct pieces list = { NULL, 0 };
	struct writer w;
	int err = wire_decode(msg, version, &r, arena, OURS, in);
	if (err == 0)
		err = reader_end(&r);
	writer_init(&w, arena);
	if (err == 0)
		err = wire_encode(msg, version, &w, OURS, in);
	if (err == 0)
		err = writer_finish(&w, &list);
	if (err != 0) {
		printf("%d\n", err);
		return;
	}
	print_pieces(&list);
	printf(" %s\n", foreign(msg, version, arena, in));
}

int
main(void)
{
	char *line = mem_alloc(LINE_MAX_BYTES), *hex = mem_alloc(LINE_MAX_BYTES);
	struct arena *arena = arena_create(ARENA_MAX);
	while (fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
		char direction[16];
		int key, version;
		hex[0] = '\0';
		if (sscanf(line, "%d %d %15s %s", &key, &version, direction, hex) < 3)
			return 1;
		const struct wire_api *api = wire_api_find(key);
		if (api == NULL)
			return 1;
		size_t n = unhex(hex);
		uint8_t *raw = mem_dup(hex, n > 0 ? n : 1);
		recode(strcmp(direction, "request") == 0 ? api->req : api->rsp, version, raw, n, arena);
		mem_free(raw);
		arena_reset(arena);
	}
	arena_destroy(&arena);
	mem_free(line);
	mem_free(hex);
	return 0;
}
