/* SPDX-License-Identifier: Apache-2.0 */
/* A window slides over the file; it grows only for a batch that lies whole within
 * the limit, so a lying length costs nothing. */
#include "log/scan.h"

#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"

#define WINDOW (256u * 1024u)

void
scan_start(struct scan *s, int fd, int64_t at, int64_t limit, int64_t next, bool crc)
{
	*s = (struct scan){ .fd = fd, .at = at, .limit = limit, .next = next, .crc = crc,
		.buf_at = at };
}

void
scan_stop(struct scan *s)
{
	mem_free(s->buf);
	s->buf = NULL;
}

/* Makes [at, at+n) available; it lies below the limit. */
static int
fill(struct scan *s, uint32_t n)
{
	if (s->at >= s->buf_at && s->at + n <= s->buf_at + s->have)
		return 0;
	int64_t left = s->limit - s->at;
	uint32_t want = n > WINDOW ? n : left < WINDOW ? (uint32_t)left : WINDOW;
	if (want > s->cap) {
		uint8_t *grown = mem_try(want);
		if (grown == NULL)
			return ERR_NOMEM;
		mem_free(s->buf);
		s->buf = grown;
		s->cap = want;
	}
	s->have = 0;
	s->buf_at = s->at;
	int err = fs_pread(s->fd, s->buf, want, s->at);
	if (err == 0)
		s->have = want;
	return err == ERR_SHORT ? ERR_CORRUPT : err;
}

int
scan_next(struct scan *s, const uint8_t **ret_batch, int64_t *ret_at)
{
	int64_t left = s->limit - s->at;
	if (left <= 0)
		return ERR_NOTFOUND;
	if (left < HEAD_BYTES)
		return ERR_CORRUPT;
	int err = fill(s, HEAD_BYTES);
	if (err != 0)
		return err;
	const uint8_t *b = s->buf + (s->at - s->buf_at);
	if (!head_sane(b, left) || head_base(b) < s->next)
		return ERR_CORRUPT;
	uint32_t n = (uint32_t)head_size(b);
	err = fill(s, n);
	if (err != 0)
		return err;
	b = s->buf + (s->at - s->buf_at);
	if (s->crc && crc32c(0, b + HEAD_CRC_FROM, n - HEAD_CRC_FROM) != head_crc(b))
		return ERR_CORRUPT;
	*ret_batch = b;
	*ret_at = s->at;
	s->at += n;
	s->next = head_end(b);
	return 0;
}
