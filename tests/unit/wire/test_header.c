/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/arena.h"
#include "base/err.h"
#include "wire/header.h"
#include "wire/msg.h"

#define READER(lit) reader_of((lit), sizeof(lit) - 1)

static int
make_arena(void **state)
{
	*state = arena_create(1 << 20);
	return 0;
}

static int
drop_arena(void **state)
{
	struct arena *arena = *state;
	arena_destroy(&arena);
	return 0;
}

static void
version_1_has_no_tags(void **state)
{
	(void)state;
	struct reader r = READER("\x00\x03\x00\x04\xff\xff\xff\xff\x00\x02me\x99");
	struct wire_header h;
	assert_ok(wire_header_decode(&r, &h));
	assert_int_equal(h.key, WIRE_KEY_METADATA);
	assert_int_equal(h.version, 4);
	assert_int_equal(h.correlation, -1);
	assert_str(h.client_id, "me");
	assert_true(h.supported);
	assert_int_equal(reader_left(&r), 1);
}

static void
version_2_skips_tags_and_keeps_the_classic_client_id(void **state)
{
	(void)state;
	struct reader r = READER("\x00\x03\x00\x0c\x00\x00\x00\x07\x00\x02me\x02\x00\x01x\x09\x00\x99");
	struct wire_header h;
	assert_ok(wire_header_decode(&r, &h));
	assert_str(h.client_id, "me");
	assert_int_equal(reader_left(&r), 1);
}

static void
client_id_may_be_null_or_long(void **state)
{
	struct wire_header h;
	struct reader null = READER("\x00\x03\x00\x00\x00\x00\x00\x01\xff\xff");
	assert_ok(wire_header_decode(&null, &h));
	assert_null(h.client_id.p);
	char *raw = arena_zalloc(*state, 10 + 32767);
	memcpy(raw, "\x00\x03\x00\x00\x00\x00\x00\x01\x7f\xff", 10);
	struct reader full = reader_of(raw, 10 + 32767);
	assert_ok(wire_header_decode(&full, &h));
	assert_int_equal(h.client_id.n, 32767);
	struct reader cut = reader_of(raw, 10 + 32766);
	assert_int_equal(wire_header_decode(&cut, &h), ERR_SHORT);
	struct reader minus_two = READER("\x00\x03\x00\x00\x00\x00\x00\x01\xff\xfe");
	assert_int_equal(wire_header_decode(&minus_two, &h), ERR_CORRUPT);
}

static void
unknown_apis_and_versions_are_told_not_refused(void **state)
{
	(void)state;
	struct wire_header h;
	/* ApiVersions 99 and what may follow it: no byte of it is looked at. */
	struct reader newer = READER("\x00\x12\x00\x63\x00\x00\x00\x05\xde\xad");
	assert_ok(wire_header_decode(&newer, &h));
	assert_int_equal(h.api->key, WIRE_KEY_API_VERSIONS);
	assert_false(h.supported);
	assert_int_equal(h.correlation, 5);
	struct reader unknown = READER("\x7f\xff\x00\x00\x00\x00\x00\x05");
	assert_ok(wire_header_decode(&unknown, &h));
	assert_null(h.api);
	assert_false(h.supported);
	struct reader negative = READER("\x00\x03\xff\xff\x00\x00\x00\x05");
	assert_ok(wire_header_decode(&negative, &h));
	assert_false(h.supported);
	struct reader old = READER("\x00\x02\x00\x00\x00\x00\x00\x05");
	assert_ok(wire_header_decode(&old, &h));
	assert_int_equal(h.api->lo, 1);
	assert_false(h.supported);
}

static void
bad_tags_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *tags;
		size_t n;
		int err;
	} rows[] = {
		{ "\xff\xff\xff\xff\x0f", 5, ERR_LIMIT },	/* 4 G of tags */
		{ "\x91\x4e", 2, ERR_LIMIT },			/* 10,001 */
		{ "\x90\x4e", 2, ERR_SHORT },			/* 10,000, and nothing there */
		{ "\xff\xff\xff\xff\x7f", 5, ERR_CORRUPT },	/* overflow */
		{ "\x01\x00\x7f", 3, ERR_SHORT },		/* larger than the rest */
		{ "\x02\x01\x00\x01\x00", 5, ERR_CORRUPT },	/* the same tag twice */
		{ "\x02\x02\x00\x01\x00", 5, ERR_CORRUPT },	/* descending */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t raw[32] = { 0, 3, 0, 12, 0, 0, 0, 7, 0xff, 0xff };
		struct wire_header h;
		memcpy(raw + 10, rows[i].tags, rows[i].n);
		struct reader r = reader_of(raw, 10 + rows[i].n);
		assert_int_equal(wire_header_decode(&r, &h), rows[i].err);
	}
}

static void
a_short_header_leaves_the_output_alone(void **state)
{
	(void)state;
	struct wire_header h = { .key = 77 };
	struct reader r = READER("\x00\x03\x00\x00\x00\x00\x00");
	assert_int_equal(wire_header_decode(&r, &h), ERR_SHORT);
	assert_int_equal(h.key, 77);
}

static size_t
answer_size(struct arena *arena, int key, int version)
{
	struct writer w;
	writer_init(&w, arena);
	wire_header_answer(&w, wire_api_find(key), version, 9);
	assert_ok(w.err);
	return w.n;
}

static void
answers_have_tags_from_flexible_versions_but_api_versions(void **state)
{
	assert_int_equal(answer_size(*state, WIRE_KEY_FETCH, 11), 4);
	assert_int_equal(answer_size(*state, WIRE_KEY_FETCH, 12), 5);
	assert_int_equal(answer_size(*state, WIRE_KEY_API_VERSIONS, 3), 4);
	assert_int_equal(answer_size(*state, WIRE_KEY_API_VERSIONS, 4), 4);
	assert_int_equal(answer_size(*state, WIRE_KEY_SASL_HANDSHAKE, 1), 4);
	assert_int_equal(answer_size(*state, WIRE_KEY_TREE_LIST, 0), 5);
}

static void
a_client_and_a_broker_understand_each_other(void **state)
{
	static const int8_t versions[] = { 4, 11, 12, 18 };
	const struct wire_api *api = wire_api_find(WIRE_KEY_FETCH);
	for (size_t i = 0; i < sizeof(versions); i++) {
		struct writer w;
		struct pieces list;
		struct wire_header h;
		int32_t correlation;
		writer_init(&w, *state);
		wire_header_encode(&w, api, versions[i], 41, STR("cli"));
		assert_ok(writer_finish(&w, &list));
		struct reader r = reader_of(list.v[0].p, list.v[0].n);
		assert_ok(wire_header_decode(&r, &h));
		assert_int_equal(h.version, versions[i]);
		assert_str(h.client_id, "cli");
		assert_ok(reader_end(&r));
		writer_init(&w, *state);
		wire_header_answer(&w, api, versions[i], 42);
		assert_ok(writer_finish(&w, &list));
		r = reader_of(list.v[0].p, list.v[0].n);
		assert_ok(wire_header_answered(&r, api, versions[i], &correlation));
		assert_int_equal(correlation, 42);
		assert_ok(reader_end(&r));
	}
}

#define A(fn) cmocka_unit_test_setup_teardown(fn, make_arena, drop_arena)
TEST_MAIN(T(version_1_has_no_tags), T(version_2_skips_tags_and_keeps_the_classic_client_id),
    A(client_id_may_be_null_or_long), T(unknown_apis_and_versions_are_told_not_refused),
    T(bad_tags_are_refused), T(a_short_header_leaves_the_output_alone),
    A(answers_have_tags_from_flexible_versions_but_api_versions),
    A(a_client_and_a_broker_understand_each_other))
