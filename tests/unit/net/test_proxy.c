/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers of version 2, as bytes. */
#include "../test.h"

#include "base/err.h"
#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct made {
	uint8_t b[PROXY_MAX + 64];
	size_t n;
};

/* body: how many bytes follow; the first of them are given. */
static struct made
make(uint8_t command, uint8_t family, const void *p, size_t n, size_t body)
{
	struct made m = { .n = PROXY_HEAD + body };
	memcpy(m.b, SIGNATURE, 12);
	m.b[12] = command;
	m.b[13] = family;
	m.b[14] = (uint8_t)(body >> 8);
	m.b[15] = (uint8_t)body;
	if (n > 0)
		memcpy(m.b + PROXY_HEAD, p, n);
	return m;
}

/* Portions of at most step bytes; "" or why it is none. */
static const char *
read_by(const struct made *m, size_t step, struct proxy_head *h)
{
	const char *why = "";
	size_t at = 0;
	int err = ERR_AGAIN;
	*h = (struct proxy_head){ .got = 0 };
	while (err == ERR_AGAIN) {
		size_t want = proxy_wants(h), n = want < step ? want : step;
		assert_true(want > 0);
		if (n > m->n - at)
			return "more is wanted";
		err = proxy_take(h, m->b + at, n, &why);
		at += n;
	}
	if (err == 0)
		assert_int_equal(proxy_wants(h), 0);
	return err == 0 ? "" : why;
}

static void
expect_client(struct made m, const char *want, uint16_t want_port)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7, 16 };
	for (size_t i = 0; i < 4; i++) {
		struct proxy_head h;
		struct addr a = { .family = 0 };
		char text[ADDR_TEXT];
		uint16_t port = 0;
		assert_string_equal(read_by(&m, steps[i], &h), "");
		assert_int_equal(h.got, m.n);
		assert_int_equal(proxy_client(&h, &a, &port), want != NULL);
		if (want == NULL)
			continue;
		assert_string_equal(addr_format(&a, text), want);
		assert_int_equal(port, want_port);
	}
}

static const uint8_t v4[12] = { 10, 1, 2, 3, 10, 9, 9, 9, 0x12, 0x67, 0x23, 0x85 };
static const uint8_t v6[36] = { 0x20, 1, 0xd, 0xb8, [15] = 7, [31] = 1, 0x12, 0x67, 0x23, 0x85 };
static const uint8_t mapped[36] = { [10] = 0xff, 0xff, 10, 1, 2, 3, [32] = 0x12, 0x67, 0x23, 0x85 };

static void
addresses(void **state)
{
	(void)state;
	expect_client(make(0x21, 0x11, v4, 12, 12), "10.1.2.3", 4711);
	expect_client(make(0x21, 0x21, v6, 36, 36), "2001:db8::7", 4711);
	expect_client(make(0x21, 0x21, mapped, 36, 36), "10.1.2.3", 4711);
}

static void
what_has_no_address(void **state)
{
	(void)state;
	expect_client(make(0x20, 0x00, NULL, 0, 0), NULL, 0);
	expect_client(make(0x20, 0x11, v4, 12, 12), NULL, 0);
	expect_client(make(0x21, 0x00, NULL, 0, 0), NULL, 0);
	expect_client(make(0x21, 0x00, NULL, 0, 300), NULL, 0);
	expect_client(make(0x21, 0x31, NULL, 0, 216), NULL, 0);
	expect_client(make(0x21, 0x12, v4, 12, 12), NULL, 0);
}

static void
more_behind_is_skipped_within_a_limit(void **state)
{
	(void)state;
	struct proxy_head h;
	expect_client(make(0x21, 0x11, v4, 12, 300), "10.1.2.3", 4711);
	expect_client(make(0x21, 0x11, v4, 12, PROXY_MAX - PROXY_HEAD), "10.1.2.3", 4711);
	struct made m = make(0x21, 0x11, v4, 12, PROXY_MAX - PROXY_HEAD + 1);
	assert_string_equal(read_by(&m, SIZE_MAX, &h), "a PROXY header that is too long");
}

static void
expect_none(struct made m, const char *want)
{
	struct proxy_head h;
	assert_non_null(strstr(read_by(&m, SIZE_MAX, &h), want));
	assert_non_null(strstr(read_by(&m, 1, &h), want));
}

static void
what_is_none(void **state)
{
	(void)state;
	expect_none(make(0x22, 0x11, v4, 12, 12), "unknown command");
	expect_none(make(0x11, 0x11, v4, 12, 12), "another version");
	expect_none(make(0x21, 0x41, v6, 36, 36), "unknown kind");
	expect_none(make(0x21, 0x13, v4, 12, 12), "unknown kind");
	expect_none(make(0x21, 0x11, v4, 11, 11), "too short");
	expect_none(make(0x21, 0x21, v6, 35, 35), "too short");
	struct made m = make(0x21, 0x11, v4, 12, 12);
	for (size_t i = 0; i < 12; i++) {
		struct made spoilt = m;
		spoilt.b[i] ^= 0x80;
		expect_none(spoilt, "no PROXY header");
	}
	struct made old = { .n = 30, .b = "PROXY TCP4 10.0.0.1 10.0.0.2 1" };
	expect_none(old, "version 1");
}

/* Whoever speaks something else is found out by his first byte. */
static void
a_stranger_is_known_at_once(void **state)
{
	(void)state;
	struct proxy_head h = { .got = 0 };
	const char *why = NULL;
	assert_int_equal(proxy_take(&h, (const uint8_t *)"\x16", 1, &why), ERR_CORRUPT);
	assert_non_null(strstr(why, "no PROXY header"));
}

TEST_MAIN(T(addresses), T(what_has_no_address), T(more_behind_is_skipped_within_a_limit), T(what_is_none),
    T(a_stranger_is_known_at_once))
