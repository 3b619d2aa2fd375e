/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are read where they stand, not as JSON in general: the broker writes these members in this
 * order, and a line that has them otherwise is not the broker's.
 */
#include "audit/chain.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

void
chain_hash(struct str a, struct str b, uint8_t out[AUDIT_HASH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(ctx, a.p, a.n) != 1 ||
	    EVP_DigestUpdate(ctx, b.p, b.n) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
		fprintf(stderr, "<2>audit: SHA-256 does not work\n");
		abort();
	}
	EVP_MD_CTX_free(ctx);
}

void
chain_torn(bool more, uint8_t hash[AUDIT_HASH], struct str line)
{
	uint8_t next[AUDIT_HASH];
	chain_hash(more ? (struct str){ (const char *)hash, AUDIT_HASH } : STR(""), line, next);
	memcpy(hash, next, sizeof(next));
}

char *
chain_hash_text(const uint8_t hash[AUDIT_HASH], char out[AUDIT_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < AUDIT_HASH; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[AUDIT_HASH_TEXT - 1] = '\0';
	return out;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
chain_hash_parse(struct str s, uint8_t ret[AUDIT_HASH])
{
	uint8_t hash[AUDIT_HASH];
	if (s.n != 2 * AUDIT_HASH)
		return ERR_INVAL;
	for (size_t i = 0; i < AUDIT_HASH; i++) {
		int high = digit(s.p[2 * i]), low = digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return ERR_INVAL;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, hash, sizeof(hash));
	return 0;
}

char *
chain_head_text(const struct audit_head *head, char out[AUDIT_HEAD_TEXT])
{
	char hash[AUDIT_HASH_TEXT];
	snprintf(out, AUDIT_HEAD_TEXT, "%" PRIu64 ":%s", head->seq, chain_hash_text(head->hash, hash));
	return out;
}

int
chain_head_parse(struct str s, struct audit_head *ret)
{
	struct audit_head head;
	struct str seq;
	int64_t n;
	if (!str_cut(&s, ':', &seq) || str_to_i64(seq, 0, INT64_MAX, &n) != 0 || chain_hash_parse(s, head.hash) != 0)
		return ERR_INVAL;
	head.seq = (uint64_t)n;
	*ret = head;
	return 0;
}

static void
time_text(int64_t wall_ms, char out[AUDIT_TIME_LEN + 8])
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n = 0;
	if (gmtime_r(&s, &tm) != NULL)
		n = strftime(out, AUDIT_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, AUDIT_TIME_LEN + 8 - n, ".%03dZ", (int)(wall_ms % 1000));
}

int
chain_seal(struct audit_head *head, int64_t wall_ms, struct str body, struct buf *out)
{
	char when[AUDIT_TIME_LEN + 8], hash[AUDIT_HASH_TEXT];
	struct audit_head next = { .seq = head->seq + 1 };
	size_t before = out->n;
	time_text(wall_ms, when);
	int err = buf_printf(out, "{\"time\":\"%s\",\"seq\":%" PRIu64 ",", when, next.seq);
	if (err == 0)
		err = buf_add_str(out, body);
	if (err == 0) {
		struct str line = { (const char *)out->p + before, out->n - before };
		chain_hash((struct str){ (const char *)head->hash, AUDIT_HASH }, line, next.hash);
		err = buf_printf(out, ",\"hash\":\"%s\"}\n", chain_hash_text(next.hash, hash));
	}
	if (err != 0) {
		out->n = before;
		return err;
	}
	*head = next;
	return 0;
}

/* Takes text from the front of s. */
static bool
take(struct str *s, const char *text)
{
	struct str t = str_from(text);
	if (!str_starts(*s, t))
		return false;
	s->p += t.n;
	s->n -= t.n;
	return true;
}

static bool
take_hash(struct str *s, uint8_t ret[AUDIT_HASH])
{
	if (s->n < 2 * AUDIT_HASH || chain_hash_parse((struct str){ s->p, 2 * AUDIT_HASH }, ret) != 0)
		return false;
	s->p += 2 * AUDIT_HASH;
	s->n -= 2 * AUDIT_HASH;
	return take(s, "\"");
}

static bool
take_seq(struct str *s, uint64_t *ret)
{
	struct str digits = { s->p, 0 };
	int64_t n;
	while (digits.n < s->n && s->p[digits.n] >= '0' && s->p[digits.n] <= '9')
		digits.n++;
	if (digits.n == 0 || (digits.n > 1 && digits.p[0] == '0') || str_to_i64(digits, 1, INT64_MAX, &n) != 0)
		return false;
	s->p += digits.n;
	s->n -= digits.n;
	*ret = (uint64_t)n;
	return true;
}

/* What an opening says behind its word. */
static bool
take_opening(struct str s, struct chain_line *l)
{
	l->opens = take(&s, "open\"");
	if (!l->opens)
		return true;
	if (!take(&s, ",\"prev\":\"") || !take_hash(&s, l->prev))
		return false;
	l->torn = take(&s, ",\"torn\":\"");
	return !l->torn || take_hash(&s, l->torn_hash);
}

#define END ",\"hash\":\""
#define END_LEN (sizeof(END) - 1 + 2 * AUDIT_HASH + 2)

int
chain_line_parse(struct str line, struct chain_line *ret)
{
	struct chain_line l = { .seq = 0 };
	struct str s = line;
	if (line.n > AUDIT_LINE_MAX || !take(&s, "{\"time\":\"") || s.n < AUDIT_TIME_LEN)
		return ERR_CORRUPT;
	s.p += AUDIT_TIME_LEN;
	s.n -= AUDIT_TIME_LEN;
	if (!take(&s, "\",\"seq\":") || !take_seq(&s, &l.seq) || !take(&s, ",\"what\":\"") || s.n < END_LEN)
		return ERR_CORRUPT;
	l.hashed = (struct str){ line.p, line.n - END_LEN };
	struct str end = { line.p + l.hashed.n, END_LEN };
	if (!take(&end, END) || !take_hash(&end, l.hash) || !str_is(end, "}") || !take_opening(s, &l))
		return ERR_CORRUPT;
	*ret = l;
	return 0;
}
