/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "base/err.h"
#include "wire/kerr.h"
#include "wire/msg.h"

enum { OURS = 7, THEIRS = 8 };

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

/* Decodes literal bytes as the message and version; the error. */
#define DECODE(arena, msg, version, lit, ret) \
	decode((arena), &(msg), (version), (lit), sizeof(lit) - 1, (ret))

static int
decode(struct arena *arena, const struct wire_msg *msg, int version, const void *p, size_t n, void *ret)
{
	struct reader r = reader_of(p, n);
	int err = wire_decode(msg, version, &r, arena, OURS, ret);
	return err != 0 ? err : reader_end(&r);
}

static struct str
encoded(struct arena *arena, const struct wire_msg *msg, int version, const void *in)
{
	struct bytes b;
	assert_ok(wire_encode_whole(msg, version, arena, OURS, in, &b));
	return (struct str){ (const char *)b.p, b.n };
}

static int
encode_error(struct arena *arena, const struct wire_msg *msg, int version, const void *in)
{
	struct writer w;
	writer_init(&w, arena);
	return wire_encode(msg, version, &w, OURS, in);
}

/* Arrays and strings of facts 4.4: what may not be null, negative, or huge. */

static void
null_arrays_only_where_nullable(void **state)
{
	struct metadata_req in;
	/* v0: not nullable; v1: null is "all topics", empty is none. */
	assert_int_equal(DECODE(*state, metadata_req_msg, 0, "\xff\xff\xff\xff", &in), ERR_CORRUPT);
	assert_ok(DECODE(*state, metadata_req_msg, 1, "\xff\xff\xff\xff", &in));
	assert_int_equal(in.topics.n, -1);
	assert_ok(DECODE(*state, metadata_req_msg, 1, "\0\0\0\0", &in));
	assert_int_equal(in.topics.n, 0);
	/* Compact: 0 is null, 1 is empty. */
	assert_ok(DECODE(*state, metadata_req_msg, 9, "\0\1\0\0\0", &in));
	assert_int_equal(in.topics.n, -1);
	assert_ok(DECODE(*state, metadata_req_msg, 9, "\1\1\0\0\0", &in));
	assert_int_equal(in.topics.n, 0);
	struct describe_groups_req groups;
	assert_int_equal(DECODE(*state, describe_groups_req_msg, 5, "\0\0\0", &groups), ERR_CORRUPT);
}

static void
lengths_that_lie_are_refused_before_memory(void **state)
{
	struct metadata_req in;
	size_t used = arena_used(*state);
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\xff\xff\xff\xfe", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\x80\0\0\0", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\x7f\xff\xff\xff", &in), ERR_LIMIT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\0\x0f\x42\x41", &in), ERR_LIMIT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\0\x0f\x42\x40", &in), ERR_SHORT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 9, "\xff\xff\xff\xff\x0f", &in), ERR_LIMIT);
	assert_int_equal(DECODE(*state, metadata_req_msg, 9, "\xff\xff\xff\xff\x1f", &in), ERR_CORRUPT);
	/* Two elements of at least 2 bytes each do not fit into 3. */
	assert_int_equal(DECODE(*state, metadata_req_msg, 1, "\0\0\0\2\0\0\0", &in), ERR_SHORT);
	assert_int_equal(arena_used(*state), used);
}

static void
a_million_empty_elements_meet_the_arenas_limit(void **state)
{
	(void)state;
	enum { N = 1000000 };
	struct arena *small = arena_create(1 << 16);
	uint8_t *raw = calloc(1, 4 + 2 * N);
	struct metadata_req in;
	memcpy(raw, "\0\x0f\x42\x40", 4);
	assert_int_equal(decode(small, &metadata_req_msg, 1, raw, 4 + 2 * N, &in), ERR_LIMIT);
	assert_true(arena_used(small) <= 1 << 16);
	free(raw);
	arena_destroy(&small);
}

static void
strings_too_meet_the_arenas_limit(void **state)
{
	(void)state;
	struct arena *small = arena_create(100);
	uint8_t raw[300] = { 0, 200 };
	struct heartbeat_req in;
	memset(raw + 2, 'g', 200);
	assert_int_equal(decode(small, &heartbeat_req_msg, 0, raw, sizeof(raw), &in), ERR_LIMIT);
	arena_destroy(&small);
}

static void
null_strings_only_where_nullable(void **state)
{
	struct find_coordinator_req in;
	struct sasl_handshake_req hand;
	assert_int_equal(DECODE(*state, find_coordinator_req_msg, 0, "\xff\xff", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, find_coordinator_req_msg, 0, "\xff\xfe", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, find_coordinator_req_msg, 3, "\0\0\0", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, sasl_handshake_req_msg, 1, "\x7f\xffPLAIN", &hand), ERR_SHORT);
	struct sasl_authenticate_req auth;
	assert_int_equal(DECODE(*state, sasl_authenticate_req_msg, 0, "\xff\xff\xff\xff", &auth), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, sasl_authenticate_req_msg, 0, "\x7f\xff\xff\xff", &auth), ERR_SHORT);
}

static void
names_are_utf8_and_otherwise_as_they_came(void **state)
{
	struct find_coordinator_req in;
	assert_int_equal(DECODE(*state, find_coordinator_req_msg, 0, "\0\2\xc3(", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, find_coordinator_req_msg, 0, "\0\2\xc0\x80", &in), ERR_CORRUPT);
	/* NUL, slashes and dots are no business of the codec; nor is a tenant's prefix. */
	assert_ok(DECODE(*state, find_coordinator_req_msg, 0, "\0\7../\0a/b", &in));
	assert_str(in.key.s, "../\0a/b");
	assert_ok(DECODE(*state, find_coordinator_req_msg, 0, "\0\3" "8/x", &in));
	assert_int_equal(in.key.tenant, OURS);
	/* An opaque string may hold any bytes. */
	struct sasl_handshake_req hand;
	assert_ok(DECODE(*state, sasl_handshake_req_msg, 1, "\0\2\xc3(", &hand));
}

/* Tags. */

static void
tags_ascend_fill_their_size_and_may_be_unknown(void **state)
{
	/* DeleteTopics 6: no topics, timeout 1. */
#define BODY "\1\0\0\0\1"
	struct delete_topics_req in;
	assert_ok(DECODE(*state, delete_topics_req_msg, 6, BODY "\0", &in));
	assert_ok(DECODE(*state, delete_topics_req_msg, 6, BODY "\2\7\1x\xe7\7\0", &in));
	assert_int_equal(DECODE(*state, delete_topics_req_msg, 6, BODY "\2\7\0\7\0", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, delete_topics_req_msg, 6, BODY "\2\7\0\6\0", &in), ERR_CORRUPT);
	assert_int_equal(DECODE(*state, delete_topics_req_msg, 6, BODY "\1\7\2x", &in), ERR_SHORT);
	assert_int_equal(DECODE(*state, delete_topics_req_msg, 6, BODY "\x91\x4e", &in), ERR_LIMIT);
	assert_int_equal(DECODE(*state, delete_topics_req_msg, 6, BODY "\xff\xff\xff\xff\x7f", &in), ERR_CORRUPT);
#undef BODY
	/* ApiVersions 3 response, tag 1: finalized_features_epoch, 8 bytes. */
	struct api_versions_rsp rsp;
#define BODY "\0\0\1\0\0\0\0"
	assert_ok(DECODE(*state, api_versions_rsp_msg, 3, BODY "\1\1\10\0\0\0\0\0\0\0\5", &rsp));
	assert_int_equal(rsp.finalized_features_epoch, 5);
	assert_int_equal(DECODE(*state, api_versions_rsp_msg, 3, BODY "\1\1\7\0\0\0\0\0\0\0", &rsp), ERR_SHORT);
	assert_int_equal(DECODE(*state, api_versions_rsp_msg, 3, BODY "\1\1\11\0\0\0\0\0\0\0\5\5", &rsp), ERR_CORRUPT);
#undef BODY
}

static void
a_tag_is_sent_only_when_it_says_something(void **state)
{
	struct api_versions_rsp rsp;
	wire_defaults(&api_versions_rsp_msg, &rsp);
	assert_int_equal(rsp.finalized_features_epoch, -1);
	assert_str(encoded(*state, &api_versions_rsp_msg, 3, &rsp), "\0\0\1\0\0\0\0\0");
	rsp.finalized_features_epoch = 0;
	assert_str(encoded(*state, &api_versions_rsp_msg, 3, &rsp), "\0\0\1\0\0\0\0\1\1\10\0\0\0\0\0\0\0\0");
	/* The first versions know no tags, and it is lossy. */
	assert_str(encoded(*state, &api_versions_rsp_msg, 0, &rsp), "\0\0\0\0\0\0");
}

/* Versions. */

static void
what_a_version_lacks_has_its_default(void **state)
{
	struct fetch_req in;
	memset(&in, 0x55, sizeof(in));
	assert_ok(DECODE(*state, fetch_req_msg, 4,
	    "\xff\xff\xff\xff\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\0\0", &in));
	assert_int_equal(in.max_wait_ms, 1);
	assert_int_equal(in.session_epoch, -1);
	assert_int_equal(in.session_id, 0);
	assert_int_equal(in.replica_state.replica_id, -1);
	assert_null(in.cluster_id.p);
	assert_non_null(in.rack_id.p);
	assert_int_equal(in.rack_id.n, 0);
	assert_int_equal(in.forgotten_topics_data.n, 0);
}

static void
versions_outside_the_range_are_unsupported(void **state)
{
	struct fetch_req in;
	wire_defaults(&fetch_req_msg, &in);
	assert_int_equal(DECODE(*state, fetch_req_msg, 3, "", &in), ERR_UNSUPPORTED);
	assert_int_equal(DECODE(*state, fetch_req_msg, 19, "", &in), ERR_UNSUPPORTED);
	assert_int_equal(DECODE(*state, fetch_req_msg, -1, "", &in), ERR_UNSUPPORTED);
	assert_int_equal(encode_error(*state, &fetch_req_msg, 19, &in), ERR_UNSUPPORTED);
}

static void
what_cannot_be_said_is_an_error_unless_lossy(void **state)
{
	struct find_coordinator_rsp rsp;
	wire_defaults(&find_coordinator_rsp_msg, &rsp);
	rsp.throttle_time_ms = 5;		/* from 1, lossy */
	assert_ok(encode_error(*state, &find_coordinator_rsp_msg, 0, &rsp));
	WIRE_ADD(*state, rsp.coordinators, find_coordinator_rsp_coordinator);
	assert_ok(encode_error(*state, &find_coordinator_rsp_msg, 4, &rsp));
	assert_int_equal(encode_error(*state, &find_coordinator_rsp_msg, 3, &rsp), ERR_INVAL);
}

static void
a_zeroed_struct_can_be_sent(void **state)
{
	struct metadata_rsp rsp = { 0 };
	struct metadata_rsp_topic *t = ARRAY_ADD((struct arena *)*state, rsp.topics);
	(void)ARRAY_ADD((struct arena *)*state, t->partitions);
	for (int v = metadata_rsp_msg.lo; v <= metadata_rsp_msg.hi; v++)
		assert_ok(encode_error(*state, &metadata_rsp_msg, v, &rsp));
	rsp.brokers.n = -1;
	assert_int_equal(encode_error(*state, &metadata_rsp_msg, 1, &rsp), ERR_INVAL);
}

static void
new_elements_have_their_defaults(void **state)
{
	struct fetch_rsp rsp;
	wire_defaults(&fetch_rsp_msg, &rsp);
	struct fetch_rsp_topic *t = WIRE_ADD(*state, rsp.responses, fetch_rsp_topic);
	struct fetch_rsp_partition *p = WIRE_ADD(*state, t->partitions, fetch_rsp_partition);
	assert_int_equal(p->last_stable_offset, -1);
	assert_int_equal(p->current_leader.leader_id, -1);
	assert_int_equal(p->preferred_read_replica, -1);
	assert_int_equal(p->records.n, -1);
	assert_int_equal(p->aborted_transactions.n, 0);
	/* So no tag is sent: one for the partition, topic and message each. */
	struct str s = encoded(*state, &fetch_rsp_msg, 12, &rsp);
	assert_memory_equal(s.p + s.n - 3, "\0\0\0", 3);
}

/* Ownership. */

static void
a_message_outlives_its_input_but_for_records(void **state)
{
	uint8_t raw[] = "\xff\xff\0\1\0\0\0\x1e\0\0\0\1\0\6orders\0\0\0\1\0\0\0\2\0\0\0\4data";
	struct produce_req in;
	assert_ok(decode(*state, &produce_req_msg, 3, raw, sizeof(raw) - 1, &in));
	const struct produce_req_partition *p = &in.topic_data.v[0].partition_data.v[0];
	assert_int_equal(p->records.n, 1);
	assert_int_equal(p->records.v[0].n, 4);
	assert_ptr_equal(p->records.v[0].p, raw + sizeof(raw) - 5);
	memset(raw, 0, sizeof(raw));
	assert_str(in.topic_data.v[0].name.s, "orders");
	assert_null(in.transactional_id.s.p);
}

static void
records_are_gathered_not_copied(void **state)
{
	static const uint8_t one[] = "first", two[] = "second";
	struct fetch_rsp rsp;
	struct writer w;
	struct pieces list;
	bool seen_one = false, seen_two = false;
	wire_defaults(&fetch_rsp_msg, &rsp);
	struct fetch_rsp_topic *t = WIRE_ADD(*state, rsp.responses, fetch_rsp_topic);
	struct fetch_rsp_partition *p = WIRE_ADD(*state, t->partitions, fetch_rsp_partition);
	p->records.n = 0;
	pieces_add(*state, &p->records, one, 5);
	pieces_add(*state, &p->records, two, 6);
	writer_init(&w, *state);
	assert_ok(wire_encode(&fetch_rsp_msg, 11, &w, OURS, &rsp));
	assert_ok(writer_finish(&w, &list));
	for (int32_t i = 0; i < list.n; i++) {
		seen_one |= list.v[i].p == one && list.v[i].n == 5;
		seen_two |= list.v[i].p == two && list.v[i].n == 6;
	}
	assert_true(seen_one && seen_two);
}

/* Tenants. */

static void
names_get_the_tenant_and_lose_it(void **state)
{
	struct delete_groups_req in;
	assert_ok(DECODE(*state, delete_groups_req_msg, 0, "\0\0\0\1\0\1g", &in));
	assert_int_equal(in.groups_names.v[0].tenant, OURS);
	assert_str(encoded(*state, &delete_groups_req_msg, 0, &in), "\0\0\0\1\0\1g");
	in.groups_names.v[0].tenant = THEIRS;
	assert_int_equal(encode_error(*state, &delete_groups_req_msg, 0, &in), ERR_FOREIGN);
	/* A foreign name inside a tag or behind other fields fails as well. */
	struct metadata_rsp rsp;
	wire_defaults(&metadata_rsp_msg, &rsp);
	WIRE_ADD(*state, rsp.topics, metadata_rsp_topic)->name = NAME(THEIRS, STR("t"));
	assert_int_equal(encode_error(*state, &metadata_rsp_msg, 12, &rsp), ERR_FOREIGN);
	/* What names nothing is nobody's. */
	rsp.topics.v[0].name = NAME(0, STR_NULL);
	assert_ok(encode_error(*state, &metadata_rsp_msg, 12, &rsp));
}

static void
a_names_kind_hangs_on_the_field_beside_it(void **state)
{
	struct describe_configs_req in;
	assert_ok(DECODE(*state, describe_configs_req_msg, 1,
	    "\0\0\0\3\2\0\1t\xff\xff\xff\xff\4\0\1" "1\xff\xff\xff\xff\x63\0\1?\xff\xff\xff\xff\0", &in));
	assert_int_equal(in.resources.v[0].resource_name.tenant, OURS);
	assert_int_equal(in.resources.v[1].resource_name.tenant, 0);	/* a broker is nobody's */
	assert_int_equal(in.resources.v[2].resource_name.tenant, OURS);	/* unknown kinds are */
	assert_ok(encode_error(*state, &describe_configs_req_msg, 1, &in));
	in.resources.v[1].resource_name.tenant = THEIRS;
	assert_ok(encode_error(*state, &describe_configs_req_msg, 1, &in));
	in.resources.v[2].resource_name.tenant = 0;
	assert_int_equal(encode_error(*state, &describe_configs_req_msg, 1, &in), ERR_FOREIGN);
}

static void
a_quota_entitys_kind_is_a_word(void **state)
{
	struct alter_client_quotas_req in;
	assert_ok(DECODE(*state, alter_client_quotas_req_msg, 0,
	    "\0\0\0\1\0\0\0\2\0\4user\0\1u\0\2ip\0\7" "1.2.3.4\0\0\0\0\0", &in));
	assert_int_equal(in.entries.v[0].entity.v[0].entity_name.tenant, OURS);
	assert_int_equal(in.entries.v[0].entity.v[1].entity_name.tenant, 0);
	const struct wire_field *name = &alter_client_quotas_req_entity_type.fields[1];
	assert_int_equal(wire_sem_of(name, &in.entries.v[0].entity.v[0]), WIRE_SEM_USER);
	assert_int_equal(wire_sem_of(name, &in.entries.v[0].entity.v[1]), WIRE_SEM_PLAIN);
}

/* Nullable structs. */

static void
a_struct_may_be_null(void **state)
{
	struct describe_topic_partitions_req in;
	assert_ok(DECODE(*state, describe_topic_partitions_req_msg, 0, "\1\0\0\0\1\xff\0", &in));
	assert_null(in.cursor);
	assert_ok(DECODE(*state, describe_topic_partitions_req_msg, 0, "\1\0\0\0\1\1\2t\0\0\0\2\0\0", &in));
	assert_str(in.cursor->topic_name.s, "t");
	assert_int_equal(in.cursor->partition_index, 2);
	assert_int_equal(in.cursor->topic_name.tenant, OURS);
	assert_str(encoded(*state, &describe_topic_partitions_req_msg, 0, &in),
	    "\1\0\0\0\1\1\2t\0\0\0\2\0\0");
	assert_int_equal(DECODE(*state, describe_topic_partitions_req_msg, 0, "\1\0\0\0\1\2", &in), ERR_CORRUPT);
}

/* Text. */

static void
dump_masks_secrets_and_escapes(void **state)
{
	struct buf text;
	struct sasl_authenticate_req auth;
	struct heartbeat_req beat;
	buf_init(&text, 4096);
	assert_ok(DECODE(*state, sasl_authenticate_req_msg, 0, "\0\0\0\6hunter", &auth));
	assert_ok(wire_dump(&sasl_authenticate_req_msg, 0, &auth, &text));
	assert_str(buf_str(&text), "{auth_bytes=***}");
	buf_consume(&text, text.n);
	assert_ok(DECODE(*state, heartbeat_req_msg, 0, "\0\3a\nb\0\0\0\5\0\1m", &beat));
	assert_ok(wire_dump(&heartbeat_req_msg, 0, &beat, &text));
	assert_str(buf_str(&text), "{group_id=\"a\\x0ab\" generation_id=5 member_id=\"m\"}");
	buf_free(&text);
	buf_init(&text, 8);
	assert_int_equal(wire_dump(&heartbeat_req_msg, 0, &beat, &text), ERR_LIMIT);
	buf_free(&text);
}

static void
own_keys_never_show(void **state)
{
	struct buf text;
	struct user_alter_req req;
	wire_defaults(&user_alter_req_msg, &req);
	struct user_alter_req_change *c = WIRE_ADD(*state, req.changes, user_alter_req_change);
	struct user_alter_req_key *key = WIRE_ADD(*state, c->keys, user_alter_req_key);
	key->salt = key->stored_key = key->server_key = (struct bytes){ (const uint8_t *)"hunter2", 7 };
	buf_init(&text, 4096);
	assert_ok(wire_dump(&user_alter_req_msg, 0, &req, &text));
	assert_ok(buf_add(&text, "", 1));
	assert_null(strstr((char *)text.p, "hunter2"));
	assert_non_null(strstr((char *)text.p, "stored_key=***"));
	buf_free(&text);
}

/* The tables. */

static void
apis_are_found_by_key(void **state)
{
	(void)state;
	for (int i = 0; i < wire_apis_n; i++) {
		const struct wire_api *api = &wire_apis[i];
		assert_ptr_equal(wire_api_find(api->key), api);
		assert_true(i == 0 || wire_apis[i - 1].key < api->key);
		assert_true(api->lo <= api->hi);
		assert_int_equal(api->own, api->key >= 20000);
	}
	assert_null(wire_api_find(-1));
	assert_null(wire_api_find(4));
	assert_null(wire_api_find(19999));
	assert_null(wire_api_find(INT16_MAX));
	assert_string_equal(wire_api_find(WIRE_KEY_LIST_OFFSETS)->name, "ListOffsets");
	assert_int_equal(wire_api_find(WIRE_KEY_PRODUCE)->lo, 0);
	assert_int_equal(wire_api_find(WIRE_KEY_LIST_OFFSETS)->lo, 1);
}

static void
check_rows(const struct wire_type *type)
{
	for (uint16_t i = 0; i < type->n; i++) {
		const struct wire_field *f = &type->fields[i];
		if (f->kind == WIRE_STR || f->kind == WIRE_BYTES)
			assert_true(f->sem == WIRE_SEM_OPAQUE || f->flags & WIRE_F_SECRET);
		if (f->kind == WIRE_NAME)
			assert_true(f->sem != WIRE_SEM_NONE || f->variant != NULL);
		if (f->kind == WIRE_STRUCT)
			check_rows(f->type);
		assert_true(f->off < type->size);
	}
}

static void
every_string_has_a_meaning_or_a_reason(void **state)
{
	(void)state;
	for (int i = 0; i < wire_apis_n; i++) {
		check_rows(wire_apis[i].req->type);
		check_rows(wire_apis[i].rsp->type);
	}
}

#define A(fn) cmocka_unit_test_setup_teardown(fn, make_arena, drop_arena)
TEST_MAIN(A(null_arrays_only_where_nullable), A(lengths_that_lie_are_refused_before_memory),
    T(a_million_empty_elements_meet_the_arenas_limit), T(strings_too_meet_the_arenas_limit),
    A(null_strings_only_where_nullable), A(names_are_utf8_and_otherwise_as_they_came),
    A(tags_ascend_fill_their_size_and_may_be_unknown), A(a_tag_is_sent_only_when_it_says_something),
    A(what_a_version_lacks_has_its_default), A(versions_outside_the_range_are_unsupported),
    A(what_cannot_be_said_is_an_error_unless_lossy), A(a_zeroed_struct_can_be_sent),
    A(new_elements_have_their_defaults), A(a_message_outlives_its_input_but_for_records),
    A(records_are_gathered_not_copied), A(names_get_the_tenant_and_lose_it),
    A(a_names_kind_hangs_on_the_field_beside_it), A(a_quota_entitys_kind_is_a_word),
    A(a_struct_may_be_null), A(dump_masks_secrets_and_escapes), A(own_keys_never_show),
    T(apis_are_found_by_key), T(every_string_has_a_meaning_or_a_reason))
