/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>

#include "base/err.h"
#include "security/base64.h"
#include "scram_client.h"

#define CNONCE "rOprNGfwEbeRWgbNEkqO"
#define SNONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define FIRST "n,,n=user,r=" CNONCE

/* The key of "pencil" under the salt of RFC 7677 section 3. */
static struct scram_key
pencil(enum scram_hash hash)
{
	uint8_t salt[16], salted[64];
	struct scram_key key;
	size_t n;
	assert_ok(base64_decode(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, sizeof(salt), &n));
	const struct str s = { (char *)salt, n };
	client_salted(hash, STR("pencil"), s, 4096, salted);
	assert_ok(scram_key_from_salted(hash, s, (struct str){ (char *)salted,
	    scram_hash_len(hash) }, 4096, &key));
	return key;
}

/* One exchange with these messages; the answer to the last, in out. */
static int
exchange(enum scram_hash hash, bool doubled, const char *first, const char *final, char *out)
{
	struct scram s;
	struct str user, answer;
	struct scram_key key = pencil(hash);
	scram_init(&s, hash, doubled);
	int err = scram_first(&s, str_from(first), &user);
	if (err == 0)
		err = scram_challenge(&s, &key, STR(SNONCE), &answer);
	if (err == 0)
		err = scram_final(&s, str_from(final), &answer);
	if (err == 0)
		snprintf(out, 128, "%.*s", STR_ARG(answer));
	assert_int_equal(s.state, err == 0 ? SCRAM_DONE : SCRAM_FAILED);
	scram_clean(&s);
	return err;
}

static void
rfc7677(void **state)
{
	(void)state;
	char out[128];
	struct scram s;
	struct str user, answer;
	struct scram_key key = pencil(SCRAM_SHA_256);

	scram_init(&s, SCRAM_SHA_256, false);
	assert_ok(scram_first(&s, STR(FIRST), &user));
	assert_str(user, "user");
	assert_ok(scram_challenge(&s, &key, STR(SNONCE), &answer));
	assert_str(answer, "r=" CNONCE SNONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	scram_clean(&s);
	assert_ok(exchange(SCRAM_SHA_256, false, FIRST, "c=biws,r=" CNONCE SNONCE
	    ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", out));
	assert_string_equal(out, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/* The same input with the other hash, computed with Python's hashlib. */
static void
sha512(void **state)
{
	(void)state;
	char out[128];
	assert_ok(exchange(SCRAM_SHA_512, false, FIRST, "c=biws,r=" CNONCE SNONCE
	    ",p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==", out));
	assert_string_equal(out, "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==");
}

static void
wrong_proof(void **state)
{
	(void)state;
	char out[128];
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, "c=biws,r=" CNONCE SNONCE
	    ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", out), ERR_DENIED);
	/* A proof of the other hash's length, none, and one that is no base64. */
	assert_int_equal(exchange(SCRAM_SHA_512, false, FIRST, "c=biws,r=" CNONCE SNONCE
	    ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", out), ERR_CORRUPT);
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, "c=biws,r=" CNONCE SNONCE, out),
	    ERR_CORRUPT);
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, "c=biws,r=" CNONCE SNONCE
	    ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=", out), ERR_CORRUPT);
}

/* A client-final for pencil with any nonce and binding. */
static void
make_final(const char *binding, const char *nonce, const char *ext, char *out, size_t size)
{
	char text[700], bare[500];
	snprintf(bare, sizeof(bare), "c=%s,r=%s%s", binding, nonce, ext);
	snprintf(text, sizeof(text), "n=user,r=" CNONCE ",r=" CNONCE "%s"
	    ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,%s", SNONCE, bare);
	uint8_t salt[16];
	size_t n;
	base64_decode(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, sizeof(salt), &n);
	char proof[128];
	client_proof(SCRAM_SHA_256, STR("pencil"), (struct str){ (char *)salt, n }, 4096,
	    str_from(text), proof);
	snprintf(out, size, "%s,p=%s", bare, proof);
}

/* CVE-2024-56128: the proof is right each time, only the nonce is not. */
static void
nonce_is_compared_whole(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		SNONCE, CNONCE, "x" CNONCE SNONCE, CNONCE SNONCE "x", CNONCE CNONCE CNONCE SNONCE,
		CNONCE SNONCE SNONCE, "x" SNONCE, SNONCE CNONCE, CNONCE "X" CNONCE SNONCE,
	};
	char final[700], out[128];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_final("biws", wrong[i], "", final, sizeof(final));
		assert_int_equal(exchange(SCRAM_SHA_256, true, FIRST, final, out), ERR_DENIED);
	}
	make_final("biws", CNONCE SNONCE, "", final, sizeof(final));
	assert_ok(exchange(SCRAM_SHA_256, true, FIRST, final, out));
}

/* CVE-2021-38153: how long a verdict takes must not tell what was right. All three
 * comparisons are made, each over its whole length, whichever fails first. */
static struct {
	size_t n[16];
	unsigned count;
} compared;

int
CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differs = 0;
	if (compared.count < 16)
		compared.n[compared.count] = n;
	compared.count++;
	for (size_t i = 0; i < n; i++)
		differs |= (uint8_t)(x[i] ^ y[i]);
	return differs;
}

static void
a_verdict_compares_everything(void **state)
{
	(void)state;
	static const size_t want[] = { 4, sizeof(CNONCE SNONCE) - 1, 32 };
	char right[700], out[128];
	make_final("biws", CNONCE SNONCE, "", right, sizeof(right));
	/* The first or the last byte of each: binding, nonce; and all is right. */
	static const size_t at[] = { 2, 5, 9, 9 + sizeof(CNONCE SNONCE) - 2, 0 };
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		char final[700];
		memcpy(final, right, sizeof(final));
		if (at[i] > 0)
			final[at[i]] = final[at[i]] == 'A' ? 'B' : 'A';
		compared.count = 0;
		assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, final, out), at[i] > 0 ? ERR_DENIED : 0);
		assert_int_equal(compared.count, 3);
		assert_memory_equal(compared.n, want, sizeof(want));
	}
	struct scram_key key = pencil(SCRAM_SHA_512);
	static const char *const passwords[] = { "pencil", "qencil", "pencim", "p", "" };
	for (size_t i = 0; i < 5; i++) {
		compared.count = 0;
		assert_int_equal(scram_key_verify(SCRAM_SHA_512, &key, str_from(passwords[i])), i == 0);
		assert_int_equal(compared.count, 1);
		assert_int_equal(compared.n[0], 64);
	}
}

/* librdkafka before 2.6.1 (librdkafka#4895). */
static void
doubled_nonce(void **state)
{
	(void)state;
	char final[700], out[128];
	make_final("biws", CNONCE CNONCE SNONCE, "", final, sizeof(final));
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, final, out), ERR_DENIED);
	assert_ok(exchange(SCRAM_SHA_256, true, FIRST, final, out));
}

static void
binding_must_be_the_header(void **state)
{
	(void)state;
	char final[700], out[128];
	make_final("eSws", CNONCE SNONCE, "", final, sizeof(final)); /* "y,," */
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, final, out), ERR_DENIED);
	assert_ok(exchange(SCRAM_SHA_256, false, "y,,n=user,r=" CNONCE, final, out));
	make_final("biws", CNONCE SNONCE, ",ext=1", final, sizeof(final));
	assert_ok(exchange(SCRAM_SHA_256, false, FIRST, final, out));
	make_final("biws", CNONCE SNONCE, ",m=1", final, sizeof(final));
	assert_int_equal(exchange(SCRAM_SHA_256, false, FIRST, final, out), ERR_UNSUPPORTED);
}

static int
first_of(const char *text, char *user)
{
	struct scram s;
	struct str name;
	scram_init(&s, SCRAM_SHA_256, false);
	int err = scram_first(&s, str_from(text), &name);
	if (err == 0)
		snprintf(user, 256, "%.*s%s", STR_ARG(name), s.tokenauth ? "(token)" : "");
	scram_clean(&s);
	return err;
}

static void
first_messages(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int err;
		const char *user;
	} rows[] = {
		{ "n,,n=a=2Cb=3Dc,r=x", 0, "a,b=c" },
		{ "n,a=bob,n=bob,r=x", 0, "bob" },
		{ "n,,n=bob,r=x,tokenauth=true", 0, "bob(token)" },
		{ "n,,n=bob,r=x,tokenauth=false,z=1", 0, "bob" },
		{ "n,,n=b\xc3\xb6,r=x", 0, "b\xc3\xb6" },
		{ "n,a=eve,n=bob,r=x", ERR_DENIED, NULL }, /* CVE-2017-12610 */
		{ "n,a=bob ,n=bob,r=x", ERR_DENIED, NULL },
		{ "p=tls-unique,,n=bob,r=x", ERR_UNSUPPORTED, NULL },
		{ "n,,m=1,n=bob,r=x", ERR_UNSUPPORTED, NULL },
		{ "n,,n=bob,r=x,m=1", ERR_UNSUPPORTED, NULL },
		{ "", ERR_CORRUPT, NULL }, { "n", ERR_CORRUPT, NULL }, { "n,", ERR_CORRUPT, NULL },
		{ "n,,", ERR_CORRUPT, NULL }, { "n,,n=bob", ERR_CORRUPT, NULL },
		{ "n,,n=bob,r=", ERR_CORRUPT, NULL }, { "n,,n=,r=x", ERR_CORRUPT, NULL },
		{ "n,,r=x,n=bob", ERR_CORRUPT, NULL }, { "z,,n=bob,r=x", ERR_CORRUPT, NULL },
		{ "n,b=c,n=bob,r=x", ERR_CORRUPT, NULL }, { "n,,n=b=2Xb,r=x", ERR_CORRUPT, NULL },
		{ "n,,n=b=2,r=x", ERR_CORRUPT, NULL }, { "n,,n=b=,r=x", ERR_CORRUPT, NULL },
		{ "n,,n=bob,r=x y", ERR_CORRUPT, NULL }, { "n,,n=bob,r=\xc3\xb6", ERR_CORRUPT, NULL },
		{ "n,,n=b\xff,r=x", ERR_CORRUPT, NULL }, { "n,,n=bob,r=x,", ERR_CORRUPT, NULL },
		{ "n,,n=bob,r=x,1=2", ERR_CORRUPT, NULL }, { "n,,n=bob,r=x,=2", ERR_CORRUPT, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char user[256] = "";
		assert_int_equal(first_of(rows[i].text, user), rows[i].err);
		if (rows[i].err == 0)
			assert_string_equal(user, rows[i].user);
	}
}

static void
sizes_are_bounded(void **state)
{
	(void)state;
	char text[4096], user[256];
	snprintf(text, sizeof(text), "n,,n=%0*d,r=x", LOGIN_TEXT_MAX, 0);
	assert_ok(first_of(text, user));
	snprintf(text, sizeof(text), "n,,n=%0*d,r=x", LOGIN_TEXT_MAX + 1, 0);
	assert_int_equal(first_of(text, user), ERR_LIMIT);
	snprintf(text, sizeof(text), "n,,n=bob,r=%0*d", SCRAM_NONCE_MAX, 0);
	assert_ok(first_of(text, user));
	snprintf(text, sizeof(text), "n,,n=bob,r=%0*d", SCRAM_NONCE_MAX + 1, 0);
	assert_int_equal(first_of(text, user), ERR_CORRUPT);
	snprintf(text, sizeof(text), "n,,n=bob,r=x,e=%0*d", SCRAM_TOKEN_MAX, 0);
	assert_int_equal(first_of(text, user), ERR_LIMIT);
}

static void
out_of_turn(void **state)
{
	(void)state;
	struct scram s;
	struct str out;
	struct scram_key key = pencil(SCRAM_SHA_256);
	scram_init(&s, SCRAM_SHA_256, false);
	assert_int_equal(scram_final(&s, STR("c=biws,r=x,p="), &out), ERR_CONFLICT);
	assert_int_equal(scram_first(&s, STR(FIRST), &out), ERR_CONFLICT);
	assert_int_equal(scram_challenge(&s, &key, STR("x"), &out), ERR_CONFLICT);
	scram_clean(&s);
}

/* Any one byte changed anywhere: refused, and nothing is read out of bounds. */
static void
mutations(void **state)
{
	(void)state;
	char first[] = FIRST, final[700], out[128];
	make_final("biws", CNONCE SNONCE, "", final, sizeof(final));
	for (size_t i = 0; i < strlen(first); i++) {
		char was = first[i];
		first[i] = (char)(was ^ 0x11);
		assert_int_not_equal(exchange(SCRAM_SHA_256, true, first, final, out), 0);
		first[i] = was;
	}
	for (size_t i = 0; i < strlen(final); i++) {
		char was = final[i];
		final[i] = (char)(was ^ 0x11);
		assert_int_not_equal(exchange(SCRAM_SHA_256, true, first, final, out), 0);
		final[i] = '\0';
		assert_int_not_equal(exchange(SCRAM_SHA_256, true, first, final, out), 0);
		final[i] = was;
	}
	assert_ok(exchange(SCRAM_SHA_256, true, first, final, out));
}

TEST_MAIN(T(rfc7677), T(sha512), T(wrong_proof), T(nonce_is_compared_whole),
    T(a_verdict_compares_everything), T(doubled_nonce),
    T(binding_must_be_the_header), T(first_messages), T(sizes_are_bounded), T(out_of_turn),
    T(mutations))
