/* SPDX-License-Identifier: Apache-2.0 */
/* Text, so that an administrator can read it; a CRC in the last line, so that a
 * damaged file is not believed. Replaced as a whole (fs_replace). */
#include "log/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#define FIRST_LINE "schloss-checkpoint 1"

void
ckpt_begin(struct buf *out)
{
	buf_add_str(out, STR(FIRST_LINE "\n"));
}

void
ckpt_add(struct buf *out, const struct ckpt_row *r)
{
	char topic[UUID_TEXT];
	buf_printf(out, "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %" PRIu32 " %" PRId32 " %" PRId64, r->label, uuid_format(&r->topic, topic), r->log_start,
	    r->base, r->at, r->offset, r->producers, r->epoch, r->clean);
	if (r->promised > 0 || r->voided > 0 || r->damaged >= 0)
		buf_printf(out, " %" PRId64 " %" PRId64, r->promised, r->voided);
	if (r->damaged >= 0)
		buf_printf(out, " %" PRId64, r->damaged);
	buf_add_str(out, STR("\n"));
}

uint32_t
ckpt_end(struct buf *out)
{
	uint32_t crc = crc32c(0, out->p, out->n);
	buf_printf(out, "crc %08" PRIx32 "\n", crc);
	return crc;
}

static int
field(struct str *line, int64_t min, int64_t max, int64_t *ret)
{
	struct str part;
	if (line->p == NULL)
		return ERR_CORRUPT;
	str_cut(line, ' ', &part);
	return str_to_i64(part, min, max, ret) == 0 ? 0 : ERR_CORRUPT;
}

/* Files of older brokers do not have the first of these; logs that were always whole none of the
 * next two, and those without a bad batch not the last. */
static int
parse_rest(struct str line, struct ckpt_row *r)
{
	if (line.p != NULL && field(&line, 0, INT64_MAX, &r->clean) != 0)
		return ERR_CORRUPT;
	if (line.p != NULL && (field(&line, 0, INT64_MAX, &r->promised) != 0 ||
	    field(&line, 0, INT64_MAX, &r->voided) != 0))
		return ERR_CORRUPT;
	if (line.p != NULL && field(&line, 0, INT64_MAX, &r->damaged) != 0)
		return ERR_CORRUPT;
	return line.p == NULL ? 0 : ERR_CORRUPT;
}

static int
parse_row(struct str line, struct ckpt_row *r)
{
	struct str label, topic;
	str_cut(&line, ' ', &label);
	if (label.n == 0 || label.n >= sizeof(r->label) || line.p == NULL)
		return ERR_CORRUPT;
	memcpy(r->label, label.p, label.n);
	r->label[label.n] = '\0';
	str_cut(&line, ' ', &topic);
	int64_t producers, epoch;
	if (uuid_parse(topic, &r->topic) != 0 || field(&line, 0, INT64_MAX, &r->log_start) != 0 ||
	    field(&line, 0, INT64_MAX, &r->base) != 0 || field(&line, 0, INT64_MAX, &r->at) != 0 ||
	    field(&line, 0, INT64_MAX, &r->offset) != 0 ||
	    field(&line, 0, UINT32_MAX, &producers) != 0 ||
	    field(&line, -1, INT32_MAX, &epoch) != 0)
		return ERR_CORRUPT;
	r->producers = (uint32_t)producers;
	r->epoch = (int32_t)epoch;
	return parse_rest(line, r);
}

static int
by_label(const void *a, const void *b)
{
	return strcmp(((const struct ckpt_row *)a)->label, ((const struct ckpt_row *)b)->label);
}

/* The text without its last line, when that is its right CRC. */
static int
check_crc(struct str *text, uint32_t *ret)
{
	char want[16];
	const size_t n = sizeof("crc 00000000\n") - 1;
	if (text->n < n)
		return ERR_CORRUPT;
	text->n -= n;
	*ret = crc32c(0, text->p, text->n);
	snprintf(want, sizeof(want), "crc %08" PRIx32 "\n", *ret);
	return memcmp(text->p + text->n, want, n) == 0 ? 0 : ERR_CORRUPT;
}

int
ckpt_parse(struct str text, struct ckpt *ret)
{
	struct ckpt c = { NULL, 0, 0 };
	struct str line;
	size_t cap = 0;
	int err = check_crc(&text, &c.crc);
	if (err != 0)
		return err;
	str_cut(&text, '\n', &line);
	if (!str_is(line, FIRST_LINE))
		return str_starts(line, STR("schloss-checkpoint ")) ? ERR_UNSUPPORTED : ERR_CORRUPT;
	while (err == 0 && text.p != NULL && text.n > 0) {
		str_cut(&text, '\n', &line);
		if (c.n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			c.v = mem_realloc(c.v, cap * sizeof(*c.v));
		}
		memset(&c.v[c.n], 0, sizeof(c.v[c.n]));
		c.v[c.n].damaged = -1;
		err = parse_row(line, &c.v[c.n++]);
	}
	if (err != 0) {
		ckpt_free(&c);
		return err;
	}
	if (c.n > 0)
		qsort(c.v, c.n, sizeof(*c.v), by_label);
	*ret = c;
	return 0;
}

void
ckpt_free(struct ckpt *c)
{
	mem_free(c->v);
	*c = (struct ckpt){ NULL, 0, 0 };
}

const struct ckpt_row *
ckpt_find(const struct ckpt *c, const char *label)
{
	size_t lo = 0, hi = c->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(c->v[mid].label, label);
		if (order == 0)
			return &c->v[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
