/* SPDX-License-Identifier: Apache-2.0 */
/* A short sorted array; a log has few epochs. */
#include "log/epochs.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"

void
epochs_free(struct epochs *e)
{
	mem_free(e->v);
	*e = (struct epochs){ NULL, 0, 0, false };
}

int32_t
epochs_newest(const struct epochs *e)
{
	return e->n == 0 ? -1 : e->v[e->n - 1].epoch;
}

void
epochs_note(struct epochs *e, int32_t epoch, int64_t offset)
{
	if (epoch < 0 || epoch >= EPOCH_MAX || (e->n > 0 && e->v[e->n - 1].epoch == epoch && e->v[e->n - 1].start <= offset))
		return;
	while (e->n > 0 && (e->v[e->n - 1].epoch >= epoch || e->v[e->n - 1].start >= offset))
		e->n--;
	if (e->n == e->cap) {
		e->cap = e->cap == 0 ? 4 : e->cap * 2;
		e->v = mem_realloc(e->v, e->cap * sizeof(*e->v));
	}
	e->v[e->n++] = (struct epoch_start){ epoch, offset };
	e->dirty = true;
}

void
epochs_cut_end(struct epochs *e, int64_t end)
{
	while (e->n > 0 && e->v[e->n - 1].start >= end) {
		e->n--;
		e->dirty = true;
	}
}

void
epochs_cut_start(struct epochs *e, int64_t start)
{
	size_t gone = 0;
	while (gone + 1 < e->n && e->v[gone + 1].start <= start)
		gone++;
	if (gone > 0) {
		memmove(e->v, e->v + gone, (e->n - gone) * sizeof(*e->v));
		e->n -= gone;
		e->dirty = true;
	}
	if (e->n > 0 && e->v[0].start < start) {
		e->v[0].start = start;
		e->dirty = true;
	}
}

int32_t
epochs_at(const struct epochs *e, int64_t offset)
{
	for (size_t i = e->n; i-- > 0;)
		if (e->v[i].start <= offset)
			return e->v[i].epoch;
	return -1;
}

bool
epochs_end(const struct epochs *e, int32_t epoch, int32_t current, int64_t log_end,
    int32_t *ret_epoch, int64_t *ret_end)
{
	size_t above = 0;
	if (epoch < 0 || epoch > current)
		return false;
	while (above < e->n && e->v[above].epoch <= epoch)
		above++;
	*ret_epoch = epoch == current || above == 0 ? epoch : e->v[above - 1].epoch;
	*ret_end = above < e->n ? e->v[above].start : log_end;
	return true;
}

void
epochs_encode(const struct epochs *e, struct buf *out)
{
	buf_printf(out, "0\n%zu\n", e->n);
	for (size_t i = 0; i < e->n; i++)
		buf_printf(out, "%" PRId32 " %" PRId64 "\n", e->v[i].epoch, e->v[i].start);
}

static int
parse_pair(struct str line, int64_t *ret_epoch, int64_t *ret_start)
{
	struct str part;
	str_cut(&line, ' ', &part);
	if (line.p == NULL || str_to_i64(part, 0, INT32_MAX, ret_epoch) != 0)
		return ERR_CORRUPT;
	return str_to_i64(line, 0, INT64_MAX, ret_start) == 0 ? 0 : ERR_CORRUPT;
}

int
epochs_decode(struct epochs *e, struct str text)
{
	int64_t count, epoch, start;
	struct str line;
	str_cut(&text, '\n', &line);
	if (!str_is(line, "0") || text.p == NULL)
		return ERR_CORRUPT;
	str_cut(&text, '\n', &line);
	if (str_to_i64(line, 0, INT32_MAX, &count) != 0)
		return ERR_CORRUPT;
	while (text.p != NULL && text.n > 0) {
		int64_t after = e->n == 0 ? -1 : e->v[e->n - 1].start;
		str_cut(&text, '\n', &line);
		if (parse_pair(line, &epoch, &start) != 0 || start <= after ||
		    epoch <= epochs_newest(e)) {
			epochs_free(e);
			return ERR_CORRUPT;
		}
		epochs_note(e, (int32_t)epoch, start);
	}
	if ((int64_t)e->n != count) {
		epochs_free(e);
		return ERR_CORRUPT;
	}
	e->dirty = false;
	return 0;
}
