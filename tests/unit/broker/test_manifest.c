/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <openssl/sha.h>
#include <string.h>

#include "broker/manifest.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD "schloss-backup 1\ncluster nzdnYzppRKyDuO2jFI4gRQ\nbroker 0.1.0\nbegun 1796086984630\n"
#define BODY HEAD "file " HASH " 0 a\nfile " HASH " 9223372036854775807 orders-0/b\n"

struct at {
	struct arena *arena;
	struct manifest m;
	struct why why;
};

static int
take(struct at *at, struct str text)
{
	at->why.text[0] = '\0';
	at->m = (struct manifest){ .cluster = STR_NULL };
	return manifest_parse(text, at->arena, &at->m, &at->why);
}

/* With a last line that counts n files and is right. */
static struct str
sign(struct at *at, const char *body, int n)
{
	uint8_t hash[MANIFEST_HASH];
	SHA256((const uint8_t *)body, strlen(body), hash);
	struct str s = arena_printf(at->arena, "%send %d ", body, n);
	for (int i = 0; i < MANIFEST_HASH; i++)
		s = arena_printf(at->arena, "%.*s%02x", STR_ARG(s), hash[i]);
	return arena_printf(at->arena, "%.*s\n", STR_ARG(s));
}

static int
setup(void **state)
{
	struct at *at = test_calloc(1, sizeof(*at));
	at->arena = arena_create(SIZE_MAX);
	*state = at;
	return 0;
}

static int
teardown(void **state)
{
	struct at *at = *state;
	arena_destroy(&at->arena);
	test_free(at);
	return 0;
}

static void
what_is_written_is_read(void **state)
{
	struct at *at = *state;
	struct manifest m = { .cluster = STR("nzdnYzppRKyDuO2jFI4gRQ"), .broker = STR("0.1.0"), .begun_ms = 1796086984630 };
	static const char *const paths[] = { "orders-0/b", "a" };
	struct buf out;
	for (int i = 0; i < 2; i++) {
		struct manifest_file *f = ARRAY_ADD(at->arena, m.files);
		f->path = str_from(paths[i]);
		f->length = i == 0 ? INT64_MAX : 0;
		for (int j = 0; j < MANIFEST_HASH; j++)
			f->hash[j] = (uint8_t)j;
	}
	buf_init(&out, SIZE_MAX);
	assert_int_equal(manifest_write(&m, &out), 0);
	assert_true(str_eq(buf_str(&out), sign(at, BODY, 2)));
	assert_int_equal(take(at, buf_str(&out)), 0);
	assert_int_equal(at->m.files.n, 2);
	assert_true(str_is(at->m.cluster, "nzdnYzppRKyDuO2jFI4gRQ") && str_is(at->m.broker, "0.1.0"));
	assert_true(at->m.begun_ms == 1796086984630);
	assert_true(str_is(at->m.files.v[0].path, "a") && str_is(at->m.files.v[1].path, "orders-0/b"));
	assert_true(at->m.files.v[1].length == INT64_MAX);
	assert_memory_equal(at->m.files.v[0].hash, m.files.v[0].hash, MANIFEST_HASH);
	buf_free(&out);
	m.files.v[1].path = m.files.v[0].path;
	buf_init(&out, SIZE_MAX);
	assert_int_equal(manifest_write(&m, &out), ERR_EXISTS);
	buf_free(&out);
}

static void
each_cut_and_each_change_shows(void **state)
{
	struct at *at = *state;
	struct str whole = sign(at, BODY, 2), s;
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(take(at, (struct str){ whole.p, n }), ERR_SHORT);
	s = arena_str(at->arena, whole);
	char *p = (char *)s.p;
	for (size_t i = 0; i < s.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			p[i] ^= (char)(1 << bit);
			assert_int_not_equal(take(at, s), 0);
			assert_true(at->why.text[0] != '\0');
			p[i] ^= (char)(1 << bit);
		}
	}
	assert_int_equal(take(at, s), 0);
}

static void
what_is_refused(void **state)
{
	struct at *at = *state;
	static const struct {
		const char *body;
		int files, err;
		const char *words;
	} v[] = {
		{ "schloss-backup 2\nanything\n", 0, ERR_UNSUPPORTED, "newer schlossctl" },
		{ "schloss-backup 0\n", 0, ERR_CORRUPT, "no manifest" },
		{ "schloss-backup 01\n", 0, ERR_CORRUPT, "no manifest" },
		{ "schloss-backup -1\n", 0, ERR_CORRUPT, "no manifest" },
		{ "schloss-backup 9999999999999999999999\n", 0, ERR_CORRUPT, "no manifest" },
		{ "another file\n", 0, ERR_CORRUPT, "no manifest" },
		{ "schloss-backup 1\nbroker x\n", 0, ERR_CORRUPT, "line 2: another line" },
		{ "schloss-backup 1\ncluster a b\nbroker x\nbegun 1\n", 0, ERR_CORRUPT, "no words" },
		{ "schloss-backup 1\ncluster a\nbroker x\nbegun x\n", 0, ERR_CORRUPT, "no time" },
		{ HEAD "file " HASH " 1 a\n", 2, ERR_CORRUPT, "another number of files" },
		{ HEAD "file " HASH " 1 b\nfile " HASH " 1 a\n", 2, ERR_CORRUPT, "line 6: paths are not in order" },
		{ HEAD "file " HASH " 1 a\nfile " HASH " 1 a\n", 2, ERR_CORRUPT, "not in order" },
		{ HEAD "file " HASH " 01 a\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "file " HASH " -1 a\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "file " HASH " 9223372036854775808 a\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "file " HASH "00 1 a\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "file " HASH " 1\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "file A" HASH " 1 a\n", 1, ERR_CORRUPT, "are expected" },
		{ HEAD "dir a\n", 0, ERR_CORRUPT, "another line" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(take(at, sign(at, v[i].body, v[i].files)), v[i].err);
		assert_non_null(strstr(at->why.text, v[i].words));
	}
	struct str s = sign(at, BODY, 2);
	assert_int_equal(take(at, arena_printf(at->arena, "%.*smore\n", STR_ARG(s))), ERR_CORRUPT);
}

static void
no_path_leads_out(void **state)
{
	struct at *at = *state;
	static const char *const bad[] = { "", "/", "/a", "a/", "//", ".", "..", "../a", "a/..", "a/.", "./a", "a/b/c", "a//b", "a b", "a\tb",
		"a\x7f", "a\xc3\xa4" };
	static const char *const good[] = { "a", "...", ".a", "a..", "..a/b..", "3%2F%x-0/00000000000000000000.log", "a/b" };
	char name[300];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(manifest_path_good(str_from(bad[i])));
		assert_int_equal(take(at, sign(at, arena_printf(at->arena, HEAD "file " HASH " 1 %s\n", bad[i]).p, 1)), ERR_CORRUPT);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(manifest_path_good(str_from(good[i])));
	memset(name, 'a', sizeof(name));
	assert_true(manifest_path_good((struct str){ name, 255 }));
	assert_false(manifest_path_good((struct str){ name, 256 }));
	assert_false(manifest_path_good((struct str){ "a\0b", 3 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(each_cut_and_each_change_shows, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_path_leads_out, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
