/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three libraries behind one door, each fed in steps so that the output grows
 * as it comes and stops at the bound; snappy is in snappy.c.
 */
#include "wire/compress.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"
#include "wire/snappy.h"

#define STEP		(64u * 1024u)
#define ZSTD_WINDOW_LOG	23		/* 8 MiB: what the highest level of a client uses */
#define GZIP_WINDOW	(15 + 16)	/* the gzip form, not zlib's */

/* Room for one more step, or for as much as the bound leaves. */
static int
step_room(struct buf *out, size_t *ret)
{
	size_t left = out->max - out->n;
	if (left == 0)
		return ERR_LIMIT;
	*ret = left < STEP ? left : STEP;
	return buf_reserve(out, *ret);
}

static int
gunzip(const uint8_t *p, size_t n, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n };
	int err = 0, rc = Z_OK;
	size_t room;
	if (n > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return ERR_NOMEM;
	while (rc != Z_STREAM_END && err == 0) {
		err = step_room(out, &room);
		if (err != 0)
			break;
		z.next_out = out->p + out->n;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		out->n += room - z.avail_out;
		if (rc != Z_OK && rc != Z_STREAM_END)
			err = ERR_CORRUPT;
		else if (rc == Z_OK && z.avail_in == 0 && z.avail_out > 0)
			err = ERR_CORRUPT; /* ends early */
	}
	inflateEnd(&z);
	return err == 0 && z.avail_in > 0 ? ERR_CORRUPT : err;
}

static int
unlz4(const uint8_t *p, size_t n, struct buf *out)
{
	LZ4F_dctx *ctx;
	size_t hint = 1, room;
	int err = 0;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return ERR_NOMEM;
	while (hint != 0 && err == 0) {
		size_t in = n;
		err = step_room(out, &room);
		if (err != 0)
			break;
		hint = LZ4F_decompress(ctx, out->p + out->n, &room, p, &in, NULL);
		if (LZ4F_isError(hint) || (hint != 0 && in == 0 && room == 0))
			err = ERR_CORRUPT;
		out->n += room;
		p += in;
		n -= in;
	}
	LZ4F_freeDecompressionContext(ctx);
	return err == 0 && n > 0 ? ERR_CORRUPT : err;
}

static int
unzstd(const uint8_t *p, size_t n, struct buf *out)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = { p, n, 0 };
	size_t rc = 1, room;
	int err = ctx == NULL ? ERR_NOMEM : 0;
	if (err == 0)
		(void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	while (err == 0 && rc != 0) {
		err = step_room(out, &room);
		if (err != 0)
			break;
		ZSTD_outBuffer o = { out->p + out->n, room, 0 };
		rc = ZSTD_decompressStream(ctx, &o, &in);
		out->n += o.pos;
		if (ZSTD_isError(rc) || (rc != 0 && in.pos == in.size && o.pos < o.size))
			err = ERR_CORRUPT;
	}
	ZSTD_freeDCtx(ctx);
	return err == 0 && in.pos < in.size ? ERR_CORRUPT : err;
}

int
decompress(enum batch_codec codec, const uint8_t *p, size_t n, struct buf *out)
{
	switch (codec) {
	case BATCH_NONE:	return buf_add(out, p, n);
	case BATCH_GZIP:	return gunzip(p, n, out);
	case BATCH_SNAPPY:	return snappy_decompress(p, n, out);
	case BATCH_LZ4:		return unlz4(p, n, out);
	case BATCH_ZSTD:	return unzstd(p, n, out);
	case BATCH_CODECS:	break;
	}
	return ERR_UNSUPPORTED;
}

static int
gzip(const uint8_t *p, size_t n, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n };
	if (n > INT32_MAX || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		return ERR_NOMEM;
	size_t bound = deflateBound(&z, n);
	int err = buf_reserve(out, bound);
	if (err == 0) {
		z.next_out = out->p + out->n;
		z.avail_out = (uInt)bound;
		err = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : ERR_LIMIT;
		out->n += bound - z.avail_out;
	}
	deflateEnd(&z);
	return err;
}

static int
lz4(const uint8_t *p, size_t n, struct buf *out)
{
	size_t bound = LZ4F_compressFrameBound(n, NULL);
	int err = buf_reserve(out, bound);
	size_t put = err != 0 ? 0 : LZ4F_compressFrame(out->p + out->n, bound, p, n, NULL);
	if (err == 0 && LZ4F_isError(put))
		err = ERR_LIMIT;
	out->n += err == 0 ? put : 0;
	return err;
}

static int
zstd(const uint8_t *p, size_t n, struct buf *out)
{
	size_t bound = ZSTD_compressBound(n);
	int err = buf_reserve(out, bound);
	size_t put = err != 0 ? 0 : ZSTD_compress(out->p + out->n, bound, p, n, 3);
	if (err == 0 && ZSTD_isError(put))
		err = ERR_LIMIT;
	out->n += err == 0 ? put : 0;
	return err;
}

int
compress_to(enum batch_codec codec, const uint8_t *p, size_t n, struct buf *out)
{
	switch (codec) {
	case BATCH_NONE:	return buf_add(out, p, n);
	case BATCH_GZIP:	return gzip(p, n, out);
	case BATCH_SNAPPY:	return snappy_compress(p, n, out);
	case BATCH_LZ4:		return lz4(p, n, out);
	case BATCH_ZSTD:	return zstd(p, n, out);
	case BATCH_CODECS:	break;
	}
	return ERR_UNSUPPORTED;
}
