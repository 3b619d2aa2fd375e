/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of HTTP from bytes: whole, in pieces, too large, and wrong. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "http/request.h"

static struct http_request r;

/* In steps of so many bytes; what is left over is given back. */
static enum http_read
feed(const char *text, size_t step, size_t *ret_left)
{
	size_t n = strlen(text), at = 0, used;
	enum http_read got = HTTP_MORE;
	http_request_clean(&r);
	while (at < n && got == HTTP_MORE) {
		size_t take = n - at < step ? n - at : step;
		got = http_request_read(&r, (const uint8_t *)text + at, take, &used);
		at += used;
		assert_true(used <= take);
		if (got == HTTP_MORE)
			assert_int_equal(used, take);
	}
	*ret_left = n - at;
	return got;
}

#define IS(str, text) do { assert_int_equal((str).n, strlen(text)); assert_memory_equal((str).p, text, (str).n); } while (0)

static void
pieces_of_any_size(void **state)
{
	static const char text[] = "GET /metrics?a=b HTTP/1.1\r\nHost: h:1\r\nauthorization:  Basic YTpi \r\nAccept: text/plain\r\n"
	    "User-Agent: prom\r\nX-Other: y\r\n\r\n";
	size_t left;
	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		assert_int_equal(feed(text, step, &left), HTTP_WHOLE);
		assert_int_equal(left, 0);
		IS(r.path, "/metrics");
		IS(r.query, "a=b");
		IS(r.authorization, "Basic YTpi");
		IS(r.accept, "text/plain");
		IS(r.agent, "prom");
		assert_true(r.get && !r.head_only && r.keep_alive && r.v1_1);
	}
}

static void
the_next_request_is_left(void **state)
{
	size_t left;
	(void)state;
	assert_int_equal(feed("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n", 1000, &left), HTTP_WHOLE);
	assert_int_equal(left, strlen("GET /b HTTP/1.1\r\n"));
	IS(r.path, "/a");
	for (size_t i = 0; i < HTTP_HEAD_MAX; i++)
		assert_true(i < r.n || r.head[i] == 0); /* it may hold a password */
}

static void
how_long_it_stays(void **state)
{
	size_t left;
	(void)state;
	assert_int_equal(feed("GET / HTTP/1.0\r\n\r\n", 100, &left), HTTP_WHOLE);
	assert_false(r.keep_alive || r.v1_1);
	assert_int_equal(feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 100, &left), HTTP_WHOLE);
	assert_true(r.keep_alive);
	assert_int_equal(feed("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 100, &left), HTTP_WHOLE);
	assert_false(r.keep_alive || r.get);
	assert_true(r.head_only);
	assert_int_equal(feed("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 100, &left), HTTP_WHOLE);
	assert_false(r.keep_alive);
}

static void
what_is_not_taken(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} bad[] = {
		{ "nonsense\r\n\r\n", 501 }, { "GET /\r\n\r\n", 505 }, { "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505 },
		{ "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505 }, { "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 }, { "GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 413 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 413 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\n b\r\n\r\n", 400 }, { "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400 }, { "GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400 },
	};
	size_t left;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t step = 1; step < 40; step += 38) {
			if (feed(bad[i].text, step, &left) != HTTP_BAD)
				fail_msg("%s: taken", bad[i].text);
			if (r.status != bad[i].status)
				fail_msg("%s: %u, not %u", bad[i].text, r.status, bad[i].status);
		}
}

static void
sizes_are_bounded(void **state)
{
	char text[HTTP_HEAD_MAX + 200];
	size_t left, n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	(void)state;
	memset(text + n, 'a', sizeof(text) - n);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(feed(text, 100, &left), HTTP_BAD);
	assert_int_equal(r.status, 431);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 5); /* just so */
	assert_int_equal(feed(text, 4096, &left), HTTP_WHOLE);
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "X%d: y\r\n", i);
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(feed(text, 4096, &left), HTTP_BAD);
	assert_int_equal(r.status, 431);
}

static void
basic_and_bearer(void **state)
{
	char out[32];
	struct str user, password, token;
	(void)state;
	assert_int_equal(http_basic(STR("Basic YTpiOmM="), out, sizeof(out), &user, &password), 0);
	IS(user, "a");
	IS(password, "b:c");
	assert_int_equal(http_basic(STR("BASIC   YTo="), out, sizeof(out), &user, &password), 0);
	IS(password, "");
	static const char *const bad[] = { "", "Basic", "Basic ", "Basic YTpi=", "Basic Y T", "Basic YQ==", "Bearer YTpi", "Basic \xff\xff\xff\xff",
		"Basic YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYTph" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (http_basic(str_from(bad[i]), out, sizeof(out), &user, &password) == 0)
			fail_msg("%s: taken", bad[i]);
	assert_int_not_equal(http_basic(STR_NULL, out, sizeof(out), &user, &password), 0);
	assert_int_equal(http_bearer(STR("bearer a.b.c"), &token), 0);
	IS(token, "a.b.c");
	assert_int_equal(http_bearer(STR("Bearer a b"), &token), ERR_INVAL);
	assert_int_equal(http_bearer(STR("Bearer a\x01" "b"), &token), ERR_INVAL);
	assert_int_equal(http_bearer(STR("Basic a"), &token), ERR_INVAL);
}

static void
weights_of_accept(void **state)
{
	static const struct {
		const char *accept;
		int thousandths;
	} rows[] = {
		{ "", 0 }, { "text/plain", 1000 }, { "TEXT/Plain ; version=0.0.4; q=0.5", 500 }, { "a/b,text/plain;q=0.25,c/d", 250 },
		{ "text/plain;q=0", 0 }, { "text/plain;q=1.000", 1000 }, { "text/plain;q=0.12345", 123 }, { "text/plain;q=", 1000 }, { "text/*", 0 },
		{ ",,;;,text/plain;q=.5", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double q = http_accepts(str_from(rows[i].accept), STR("text/plain"));
		if ((int)(q * 10000 + 5) / 10 != rows[i].thousandths && (int)(q * 1000 + 0.5) != rows[i].thousandths)
			fail_msg("%s: %f", rows[i].accept, q);
	}
	assert_true(http_accepts(STR_NULL, STR("text/plain")) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(the_next_request_is_left),
		cmocka_unit_test(how_long_it_stays),
		cmocka_unit_test(what_is_not_taken),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(basic_and_bearer),
		cmocka_unit_test(weights_of_accept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
