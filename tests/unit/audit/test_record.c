/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are JSON whatever they are made of, bounded, and hold no secret. */
#include "../test.h"

#include <stdio.h>

#include "acl/image.h"
#include "audit/nodes.h"
#include "audit/paths.h"

static struct record_out r;

static const char *
text(void)
{
	static char out[AUDIT_BODY_MAX + 8];
	struct str s = out_end(&r);
	snprintf(out, sizeof(out), "{%.*s}", STR_ARG(s));
	out_free(&r);
	return out;
}

static void
strings_of_clients_are_one_visible_token(void **state)
{
	(void)state;
	out_begin(&r, AUDIT_LOGIN);
	out_str(&r, "a", STR("plain \"quoted\" back\\slash"));
	out_str(&r, "b", STR("nl\nnul\0esc\x1b[31m bad\xff csi\xc2\x9b rlo\xe2\x80\xae \xc3\x9f"));
	out_str(&r, "c", STR_NULL);
	out_str(&r, "d", STR(""));
	assert_string_equal(text(), "{\"what\":\"login\",\"a\":\"plain \\\"quoted\\\" back\\\\x5cslash\","
	    "\"b\":\"nl\\\\x0anul\\\\x00esc\\\\x1b[31m bad\\\\xff csi\\\\xc2\\\\x9b rlo\\\\xe2\\\\x80\\\\xae \xc3\x9f\","
	    "\"c\":null,\"d\":\"\"}");
}

static void
long_strings_are_cut_between_characters(void **state)
{
	char big[2000];
	(void)state;
	for (size_t i = 0; i + 1 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\x9f", 2);
	out_begin(&r, AUDIT_LOGIN);
	out_str(&r, "a", (struct str){ big + 1, 1999 });		/* begins within one */
	const char *s = text();
	assert_in_range(strlen(s), 500, 600);
	assert_non_null(strstr(s, "...\"}"));
	assert_null(strstr(s, "\\\\xc3\""));
}

static void
a_body_is_bounded_and_says_what_is_missing(void **state)
{
	(void)state;
	out_begin(&r, AUDIT_CONFIG);
	out_open(&r, "before", '{');
	for (int i = 0; i < 10000; i++)
		out_int(&r, "key", i);
	out_close(&r, '}');
	out_text(&r, "after", "this does not fit, either: it is cut out as a whole");
	struct str s = out_end(&r);
	assert_in_range(s.n, AUDIT_BODY_MAX - 200, AUDIT_BODY_MAX);
	const char *t = text();
	assert_non_null(strstr(t, "},\"left_out\":"));
	assert_int_equal(t[strlen(t) - 1], '}');
}

/* ---- nodes ---- */

static struct acl_image *image;

static int
start(void **state)
{
	(void)state;
	image = acl_image_create();
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	acl_image_unref(&image);
	return 0;
}

#define NODE(path, before, after) node(STR(path), before, after)
static const char *
node(struct str path, struct str before, struct str after)
{
	static const struct audit_by by = { .user = { "anna", 4 }, .from = { "192.0.2.1:7", 11 } };
	return node_record(image, image, path, before, after, &by, &r) ? text() : "";
}

#define HEAD "\"user\":\"anna\",\"from\":\"192.0.2.1:7\","

static void
each_kind_of_node_has_its_line(void **state)
{
	(void)state;
	assert_string_equal(NODE("/tenants/0/topics/orders", STR_NULL, STR("v1\npartitions=3\nowner=anna\nmode=416\nera=0:1\n")),
	    "{\"what\":\"topic\"," HEAD "\"object\":\"/main/topics/orders\",\"before\":null,"
	    "\"after\":{\"partitions\":\"3\",\"owner\":\"anna\",\"mode\":\"0640\"}}");
	assert_string_equal(NODE("/tenants/0/topics/orders", STR("v1\npartitions=3\nmode=416\n"), STR("v1\npartitions=3\nmode=432\n")),
	    "{\"what\":\"permission\"," HEAD "\"object\":\"/main/topics/orders\",\"before\":{\"mode\":\"0640\"},"
	    "\"after\":{\"mode\":\"0660\"}}");
	assert_string_equal(NODE("/tenants/0/topics/orders", STR("v1\nconfig.flush=ack\n"), STR("v1\nconfig.flush=os\n")),
	    "{\"what\":\"config\"," HEAD "\"object\":\"/main/topics/orders\",\"before\":{\"config.flush\":\"ack\"},"
	    "\"after\":{\"config.flush\":\"os\"}}");
	assert_string_equal(NODE("/tenants/0/rules/2%2f3%2f3%2f2%2ford%2fUser:bert%2f*", STR("v1\n"), STR_NULL),
	    "{\"what\":\"rule\"," HEAD "\"object\":\"/main/topics/ord\",\"rule\":\"deny:user:bert:r\",\"before\":{},\"after\":null}");
	assert_string_equal(NODE("/tenants/0/quotas/ubert%2fc", STR_NULL, STR("v1\nproducer_byte_rate=5\n")),
	    "{\"what\":\"quota\"," HEAD "\"object\":\"/main/users/bert\",\"client_id\":\"*\",\"before\":null,"
	    "\"after\":{\"producer_byte_rate\":\"5\"}}");
	assert_string_equal(NODE("/tenants/0/dirs/topics", STR_NULL, STR("v1\nmode=504\ncreate=480\n")),
	    "{\"what\":\"permission\"," HEAD "\"object\":\"/main/topics\",\"before\":null,"
	    "\"after\":{\"mode\":\"0770\",\"create\":\"0740\"}}");
	assert_string_equal(NODE("/tenants/9", STR_NULL, STR("v1\nname=acme\n")),
	    "{\"what\":\"tenant\"," HEAD "\"object\":\"/acme\",\"before\":null,\"after\":{\"name\":\"acme\"}}");
	assert_string_equal(NODE("/broker/log.retention.ms", STR("v1\nvalue=1\n"), STR_NULL),
	    "{\"what\":\"config\"," HEAD "\"object\":\"/\",\"option\":\"log.retention.ms\",\"before\":{\"value\":\"1\"},\"after\":null}");
	assert_string_equal(NODE("/tenants/0/teams/crew", STR("v1\n"), STR_NULL),
	    "{\"what\":\"team\"," HEAD "\"object\":\"/main/teams/crew\",\"before\":{},\"after\":null}");
}

static void
what_says_nothing_is_no_line(void **state)
{
	(void)state;
	assert_string_equal(NODE("/next", STR_NULL, STR("v1\ntenant=2\n")), "");
	assert_string_equal(NODE("/audit", STR_NULL, STR("v1\nhead=1:00\n")), "");
	assert_string_equal(NODE("/tenants/0/teams/crew", STR("v1\n"), STR("v1\n")), "");
	assert_string_equal(NODE("/tenants/0/teams/crew", STR_NULL, STR_NULL), "");
}

/* Keys, and whatever a later version may keep, are not on the list of what is shown. */
static void
no_secret_is_shown(void **state)
{
	(void)state;
	const char *s = NODE("/tenants/0/users/bert", STR("v1\ngeneration=4\nscram-sha-256=4096:5a17:570ed:5e4e4\nteam=a\n"),
	    STR("v1\ngeneration=5\nscram-sha-256=4096:5a18:570ee:5e4e5\nteam=a\nteam=b\n"));
	assert_string_equal(s, "{\"what\":\"user\"," HEAD "\"object\":\"/main/users/bert\","
	    "\"before\":{\"generation\":\"4\",\"scram-sha-256\":\"*\",\"team\":\"a\"},"
	    "\"after\":{\"generation\":\"5\",\"scram-sha-256\":\"*\",\"team\":[\"a\",\"b\"]}}");
	s = NODE("/tenants/0/users/bert", STR_NULL, STR("v1\nhmac=5ec4e7\n"));
	assert_null(strstr(s, "5ec4e7"));
	s = NODE("/tenants/0/tokens/abc", STR_NULL, STR("v1\nowner=x\nhmac=5ec4e7\n"));
	assert_string_equal(s, "{\"what\":\"token\"," HEAD "\"object\":\"/main/tokens/abc\",\"before\":null,"
	    "\"after\":{\"owner\":\"x\",\"hmac\":\"*\"}}");
	s = NODE("/tenants/0/secrets/tokens", STR_NULL, STR("v1\nbytes=5ec4e7\n"));
	assert_string_equal(s, "{\"what\":\"metadata\"," HEAD "\"object\":\"/tenants/0/secrets/tokens\"}");
}

static void
paths_have_what_is_below_them(void **state)
{
	static const char *const texts[] = { "/main/topics/ord*", "/main/groups" };
	static const char *const bad[] = { "orders" };
	(void)state;
	struct audit_paths *p;
	struct why why;
	struct acl_object o = { ACL_TOPIC, NAME(0, STR("orders")), NULL };
	assert_int_equal(audit_paths_parse(bad, 1, &p, &why), ERR_INVAL);
	assert_int_equal(audit_paths_parse(NULL, 0, &p, &why), 0);
	assert_null(p);
	assert_int_equal(audit_paths_parse(texts, 2, &p, &why), 0);
	assert_true(audit_paths_have(p, image, &o));
	o.name.s = STR("or");
	assert_false(audit_paths_have(p, image, &o));
	o.type = ACL_GROUP;
	assert_true(audit_paths_have(p, image, &o));
	o.name.tenant = 5;
	assert_false(audit_paths_have(p, image, &o));
	audit_paths_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(strings_of_clients_are_one_visible_token), T(long_strings_are_cut_between_characters),
		T(a_body_is_bounded_and_says_what_is_missing), T(each_kind_of_node_has_its_line),
		T(what_says_nothing_is_no_line), T(no_secret_is_shown), T(paths_have_what_is_below_them),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
