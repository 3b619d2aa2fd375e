/* SPDX-License-Identifier: Apache-2.0 */
/* The chain, and that verify finds whatever was done to it. */
#include "../test.h"

#include <stdio.h>

#include "audit/verify.h"
#include "base/err.h"
#include "base/mem.h"

#define LINES 20

/* A chain of openings and lines, and where each line is. */
struct sample {
	struct buf b;
	size_t at[64];			/* of line i; at[n] is the end */
	int n;
	struct audit_head head[64];	/* after line i */
	struct audit_head now;
};

static void
add(struct sample *s, const char *body)
{
	s->at[s->n] = s->b.n;
	assert_int_equal(chain_seal(&s->now, 1700000000123 + s->n, str_from(body), &s->b), 0);
	s->head[s->n++] = s->now;
	s->at[s->n] = s->b.n;
}

static void
add_open(struct sample *s)
{
	char hash[AUDIT_HASH_TEXT], body[256];
	snprintf(body, sizeof(body), "\"what\":\"open\",\"prev\":\"%s\",\"version\":\"1\"", chain_hash_text(s->now.hash, hash));
	add(s, body);
}

static void
fill(struct sample *s, int n)
{
	char body[64];
	memset(s, 0, sizeof(*s));
	buf_init(&s->b, 1 << 20);
	add_open(s);
	for (int i = 1; i < n; i++) {
		snprintf(body, sizeof(body), "\"what\":\"login\",\"user\":\"u%d\"", i);
		add(s, body);
	}
}

static struct str
line(const struct sample *s, int i)
{
	return (struct str){ (const char *)s->b.p + s->at[i], s->at[i + 1] - s->at[i] };
}

/* One file in pieces of `piece` bytes; the heads may be NULL. */
static enum verify_fault
verify(struct str bytes, size_t piece, const struct audit_head *head, struct verify *v)
{
	verify_begin(v);
	if (head != NULL)
		assert_int_equal(verify_expect(v, head), 0);
	verify_file(v);
	for (size_t at = 0; at < bytes.n; at += piece)
		if (!verify_feed(v, bytes.p + at, bytes.n - at < piece ? bytes.n - at : piece))
			break;
	if (verify_file_end(v))
		(void)verify_end(v);
	verify_free(v);
	return v->fault;
}

static enum verify_fault
check(struct str bytes, const struct audit_head *head, struct verify *v)
{
	enum verify_fault f = verify(bytes, 100000, head, v);
	struct verify w;
	for (size_t piece = 1; piece < 200; piece += 61) {
		assert_int_equal(verify(bytes, piece, head, &w), f);
		assert_int_equal(w.fault_line, v->fault_line);
	}
	return f;
}

static void
what_was_written_is_fine(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	fill(&s, LINES);
	assert_int_equal(check(buf_str(&s.b), NULL, &v), VERIFY_FINE);
	assert_int_equal(v.lines, LINES);
	assert_int_equal(v.first, 1);
	assert_int_equal(v.anchored, 0);
	assert_int_equal(check(buf_str(&s.b), &s.now, &v), VERIFY_FINE);
	assert_int_equal(v.anchored, LINES);
	assert_int_equal(check(buf_str(&s.b), &s.head[7], &v), VERIFY_FINE);
	assert_int_equal(v.anchored, 8);
	buf_free(&s.b);
}

/* The hash is what FORMATS.md says: the digests are sha256sum's. */
static void
a_line_is_hashed_as_is_written_down(void **state)
{
	(void)state;
	struct audit_head head = { .seq = 0 };
	struct buf b;
	char text[AUDIT_HASH_TEXT];
	buf_init(&b, 1000);
	assert_int_equal(chain_seal(&head, 1700000000123, STR("\"what\":\"close\""), &b), 0);
	static const char want[] = "{\"time\":\"2023-11-14T22:13:20.123Z\",\"seq\":1,\"what\":\"close\",\"hash\":\"";
	assert_memory_equal(b.p, want, sizeof(want) - 1);
	assert_string_equal(chain_hash_text(head.hash, text), "4035b68234d4069f2684d8a7b70c73f0d3c6a7f2f2c995e4a75c5e55eeaacf29");
	assert_int_equal(chain_head_parse(STR("1:00"), &head), ERR_INVAL);
	buf_free(&b);
}

/* Each byte of each line, changed to another one: never fine, and never before the line above it. */
static void
a_changed_byte_is_found(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	fill(&s, 4);
	struct str all = buf_str(&s.b);
	char *copy = mem_dup(all.p, all.n);
	for (size_t i = 0; i < all.n; i++) {
		copy[i] = copy[i] == 'a' ? 'b' : 'a';
		if (copy[i] == all.p[i])
			copy[i] = 'c';
		assert_int_not_equal(verify((struct str){ copy, all.n }, all.n, &s.now, &v), VERIFY_FINE);
		size_t at = 0;
		while (s.at[at + 1] <= i)
			at++;
		if (v.fault != VERIFY_CUT)
			assert_in_range(v.fault_line, at + 1, at + 2);
		copy[i] = all.p[i];
	}
	mem_free(copy);
	buf_free(&s.b);
}

static void
a_changed_word_names_its_line(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	char text[256];
	fill(&s, LINES);
	char *u = strstr((char *)s.b.p, "u13");
	u[2] = '4';
	assert_int_equal(check(buf_str(&s.b), NULL, &v), VERIFY_CHANGED);
	assert_int_equal(v.fault_line, 14);
	assert_non_null(strstr(verify_text(&v, text, sizeof(text)), "changed"));
	buf_free(&s.b);
}

/* The lines of the sample in this order. */
static struct str
pick(const struct sample *s, const int *order, int n, struct buf *out)
{
	buf_init(out, 1 << 20);
	for (int i = 0; i < n; i++)
		buf_add_str(out, line(s, order[i]));
	return buf_str(out);
}

static void
lines_that_are_missing_swapped_or_repeated(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	struct buf b;
	char text[256];
	fill(&s, 6);
	assert_int_equal(check(pick(&s, (int[]){ 0, 1, 4, 5 }, 4, &b), NULL, &v), VERIFY_MISSING);
	assert_int_equal(v.fault_line, 3);
	assert_string_equal(verify_text(&v, text, sizeof(text)), "before this line number 3 to 4 are missing");
	buf_free(&b);
	assert_int_equal(check(pick(&s, (int[]){ 0, 1, 3, 2, 4, 5 }, 6, &b), NULL, &v), VERIFY_MISSING);
	buf_free(&b);
	assert_int_equal(check(pick(&s, (int[]){ 0, 1, 2, 2, 3, 4, 5 }, 7, &b), NULL, &v), VERIFY_ORDER);
	assert_int_equal(v.fault_line, 4);
	buf_free(&b);
	assert_int_equal(check(pick(&s, (int[]){ 1, 2, 3 }, 3, &b), NULL, &v), VERIFY_MIDDLE);
	buf_free(&b);
	assert_int_equal(check(STR(""), NULL, &v), VERIFY_EMPTY);
	assert_int_equal(check(STR("\n"), NULL, &v), VERIFY_NO_LINE);
	assert_int_equal(check(STR("{\"time\":\"x\"}\n"), NULL, &v), VERIFY_NO_LINE);
	buf_free(&s.b);
}

/* Without a head from elsewhere a cut at the end of a line cannot be seen; with one it is. */
static void
a_cut_tail_is_found_by_the_head(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	char text[256];
	fill(&s, LINES);
	struct str cut = { (const char *)s.b.p, s.at[15] };
	assert_int_equal(check(cut, NULL, &v), VERIFY_FINE);
	assert_int_equal(check(cut, &s.now, &v), VERIFY_CUT);
	assert_string_equal(verify_text(&v, text, sizeof(text)), "the end was cut off: number 16 to 20 are missing");
	assert_int_equal(check(cut, &s.head[14], &v), VERIFY_FINE);
	cut.n--;
	assert_int_equal(check(cut, NULL, &v), VERIFY_UNFINISHED);
	assert_int_equal(check(STR(""), &s.now, &v), VERIFY_CUT);
	buf_free(&s.b);
}

/* Made anew as a whole, with one name changed and every hash right. */
static void
a_rewritten_file_is_found_by_the_head(void **state)
{
	(void)state;
	struct sample s, forged;
	struct verify v;
	fill(&s, LINES);
	fill(&forged, 9);
	add(&forged, "\"what\":\"login\",\"user\":\"nobody\"");
	while (forged.n < LINES)
		add(&forged, "\"what\":\"login\",\"user\":\"x\"");
	assert_int_equal(check(buf_str(&forged.b), NULL, &v), VERIFY_FINE);
	assert_int_equal(check(buf_str(&forged.b), &s.now, &v), VERIFY_REWRITTEN);
	assert_int_equal(v.fault_line, LINES);
	assert_int_equal(check(buf_str(&forged.b), &s.head[8], &v), VERIFY_FINE);	/* what the head holds is there */
	buf_free(&s.b);
	buf_free(&forged.b);
}

static void
files_of_a_rotated_set(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	fill(&s, 5);
	int second = s.n;
	add_open(&s);
	add(&s, "\"what\":\"close\"");
	struct str first = { (const char *)s.b.p, s.at[second] };
	struct str rest = { first.p + first.n, s.b.n - first.n };
	verify_begin(&v);
	assert_int_equal(verify_expect(&v, &s.now), 0);
	verify_file(&v);
	assert_true(verify_feed(&v, first.p, first.n) && verify_file_end(&v));
	verify_file(&v);
	assert_true(verify_feed(&v, rest.p, rest.n) && verify_file_end(&v) && verify_end(&v));
	assert_int_equal(v.openings, 2);
	verify_free(&v);
	/* The younger one alone begins with an opening, and is anchored. */
	assert_int_equal(check(rest, &s.now, &v), VERIFY_FINE);
	assert_int_equal(v.first, second + 1);
	/* A line less at the end of the older one. */
	verify_begin(&v);
	verify_file(&v);
	assert_true(verify_feed(&v, first.p, s.at[second - 1]) && verify_file_end(&v));
	verify_file(&v);
	assert_false(verify_feed(&v, rest.p, rest.n));
	assert_int_equal(v.fault, VERIFY_MISSING);
	assert_int_equal(v.fault_file, 2);
	verify_free(&v);
	buf_free(&s.b);
}

/* Half a line that a crash left, and the opening that says so. */
static void
a_torn_line_that_the_broker_knows_of(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	uint8_t hash[AUDIT_HASH];
	char prev[AUDIT_HASH_TEXT], torn[AUDIT_HASH_TEXT], body[512];
	fill(&s, 3);
	buf_add_str(&s.b, STR("{\"time\":\"2026-"));
	chain_hash(STR(""), STR("{\"time\":\"2026-"), hash);
	buf_add_str(&s.b, STR("\n"));
	snprintf(body, sizeof(body), "\"what\":\"open\",\"prev\":\"%s\",\"torn\":\"%s\"", chain_hash_text(s.now.hash, prev),
	    chain_hash_text(hash, torn));
	add(&s, body);
	assert_int_equal(check(buf_str(&s.b), &s.now, &v), VERIFY_FINE);
	assert_int_equal(v.torn, 1);
	*strstr((char *)s.b.p, "2026-") = '3';		/* not what was torn */
	assert_int_equal(check(buf_str(&s.b), &s.now, &v), VERIFY_NO_LINE);
	assert_int_equal(v.fault_line, 4);
	struct buf b;
	size_t half = strlen("{\"time\":\"2026-\n");
	buf_init(&b, 1 << 20);
	buf_add(&b, s.b.p, s.at[3] - half);
	buf_add(&b, s.b.p + s.at[3], s.b.n - s.at[3]);
	assert_int_equal(check(buf_str(&b), &s.now, &v), VERIFY_LINK);	/* it was taken away */
	assert_int_equal(v.fault_line, 4);
	buf_free(&b);
	buf_free(&s.b);
}

/* Two in a row, told of by one hash; and a file that begins with half a line. */
static void
torn_lines_in_a_row_and_at_the_beginning(void **state)
{
	(void)state;
	for (int at = 0; at < 2; at++) {
		struct sample s;
		struct verify v;
		uint8_t hash[AUDIT_HASH];
		char prev[AUDIT_HASH_TEXT], torn[AUDIT_HASH_TEXT], body[512];
		if (at == 0)
			fill(&s, 3);
		else {
			memset(&s, 0, sizeof(s));
			buf_init(&s.b, 1 << 20);
		}
		buf_add_str(&s.b, STR("{\"time\n{\n"));
		chain_torn(false, hash, STR("{\"time"));
		chain_torn(true, hash, STR("{"));
		snprintf(body, sizeof(body), "\"what\":\"open\",\"prev\":\"%s\",\"torn\":\"%s\"",
		    chain_hash_text(s.now.hash, prev), chain_hash_text(hash, torn));
		add(&s, body);
		assert_int_equal(check(buf_str(&s.b), &s.now, &v), VERIFY_FINE);
		assert_int_equal(v.torn, 2);
		memcpy(strstr((char *)s.b.p, "{\"time\n"), "{\n{\"time\n", 9);	/* the other way round */
		assert_int_equal(check(buf_str(&s.b), &s.now, &v), VERIFY_NO_LINE);
		assert_int_equal(v.fault_line, at == 0 ? 4 : 1);
		buf_free(&s.b);
	}
}

/* An opening within the file that begins anew from elsewhere. */
static void
an_opening_must_follow(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	fill(&s, 3);
	s.now.hash[0] ^= 1;
	add_open(&s);
	assert_int_equal(check(buf_str(&s.b), NULL, &v), VERIFY_LINK);
	buf_free(&s.b);
}

static void
what_is_too_long_is_no_line(void **state)
{
	(void)state;
	struct sample s;
	struct verify v;
	char *big = mem_zalloc(AUDIT_LINE_MAX + 10);
	fill(&s, 2);
	memset(big, 'x', AUDIT_LINE_MAX + 9);
	buf_add_str(&s.b, str_from(big));
	assert_int_equal(check(buf_str(&s.b), NULL, &v), VERIFY_NO_LINE);
	assert_int_equal(v.fault_line, 3);
	mem_free(big);
	buf_free(&s.b);
}

TEST_MAIN(T(what_was_written_is_fine), T(a_line_is_hashed_as_is_written_down), T(a_changed_byte_is_found),
    T(a_changed_word_names_its_line), T(lines_that_are_missing_swapped_or_repeated), T(a_cut_tail_is_found_by_the_head),
    T(a_rewritten_file_is_found_by_the_head), T(files_of_a_rotated_set), T(a_torn_line_that_the_broker_knows_of),
    T(torn_lines_in_a_row_and_at_the_beginning),
    T(an_opening_must_follow), T(what_is_too_long_is_no_line))
