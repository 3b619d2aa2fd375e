/* SPDX-License-Identifier: Apache-2.0
 * One line of text for a message, from the same tables. What is marked secret
 * is never read; strings are escaped and cut, long arrays are cut. And the end of secrets. */
#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"
#include "wire/codec.h"
#include "wire/table.h"

enum { SHOWN_MAX = 16, TEXT_MAX = 160 };

static int dump_struct(const struct wire_type *type, int version, const char *in, struct buf *buf);

static int
dump_text(struct str s, struct buf *buf)
{
	char text[TEXT_MAX];
	if (s.p == NULL)
		return buf_printf(buf, "null");
	return buf_printf(buf, "\"%s\"", str_escape(s, text, sizeof(text)));
}

static int
dump_bulk(const struct wire_field *f, const void *at, struct buf *buf)
{
	uint64_t n = 0;
	const struct pieces *list = at;
	if (f->kind == WIRE_BYTES)
		return buf_printf(buf, "%zu bytes", ((const struct bytes *)at)->n);
	for (int32_t i = 0; i < list->n; i++)
		n += list->v[i].n;
	return buf_printf(buf, "%" PRIu64 " bytes", n);
}

static int
dump_number(const struct wire_field *f, const void *at, struct buf *buf)
{
	switch (f->kind) {
	case WIRE_BOOL:	return buf_printf(buf, "%s", *(const bool *)at ? "true" : "false");
	case WIRE_I8:	return buf_printf(buf, "%d", *(const int8_t *)at);
	case WIRE_I16:	return buf_printf(buf, "%d", *(const int16_t *)at);
	case WIRE_U16:	return buf_printf(buf, "%u", *(const uint16_t *)at);
	case WIRE_I32:	return buf_printf(buf, "%" PRId32, *(const int32_t *)at);
	case WIRE_U32:	return buf_printf(buf, "%" PRIu32, *(const uint32_t *)at);
	case WIRE_I64:	return buf_printf(buf, "%" PRId64, *(const int64_t *)at);
	default:	return buf_printf(buf, "%g", *(const double *)at);
	}
}

static int
dump_value(const struct wire_field *f, int version, const void *at, struct buf *buf)
{
	char text[UUID_TEXT];
	if (f->flags & WIRE_F_SECRET)
		return buf_printf(buf, "***");
	switch (f->kind) {
	case WIRE_UUID:	return buf_printf(buf, "%s", uuid_format(at, text));
	case WIRE_STR:	return dump_text(*(const struct str *)at, buf);
	case WIRE_NAME:	return dump_text(((const struct name *)at)->s, buf);
	case WIRE_BYTES:
	case WIRE_RECORDS: return dump_bulk(f, at, buf);
	case WIRE_STRUCT: return dump_struct(f->type, version, at, buf);
	default:	return dump_number(f, at, buf);
	}
}

static int
dump_array(const struct wire_field *f, int version, const struct wire_array *list, struct buf *buf)
{
	int err = list->n < 0 ? buf_printf(buf, "null") : buf_printf(buf, "[");
	for (int32_t i = 0; i < list->n && err == 0; i++) {
		if (i == SHOWN_MAX)
			return buf_printf(buf, " ... %" PRId32 " in all]", list->n);
		if (i > 0)
			err = buf_printf(buf, " ");
		if (err == 0)
			err = dump_value(f, version, (const char *)list->v + (size_t)i * wire_size(f), buf);
	}
	return err != 0 || list->n < 0 ? err : buf_printf(buf, "]");
}

static int
dump_field(const struct wire_field *f, int version, const char *in, struct buf *buf)
{
	const void *at = in + f->off;
	int err = buf_printf(buf, "%s=", f->name);
	if (err != 0)
		return err;
	if (f->flags & WIRE_F_ARRAY)
		return dump_array(f, version, at, buf);
	if ((f->flags & WIRE_F_POINTER) == 0)
		return dump_value(f, version, at, buf);
	at = *(void *const *)at;
	return at == NULL ? buf_printf(buf, "null") : dump_value(f, version, at, buf);
}

static int
dump_struct(const struct wire_type *type, int version, const char *in, struct buf *buf)
{
	int err = buf_printf(buf, "{");
	bool any = false;
	for (uint16_t i = 0; i < type->n && err == 0; i++) {
		const struct wire_field *f = &type->fields[i];
		if (version < f->lo || version > f->hi)
			continue;
		if (any)
			err = buf_printf(buf, " ");
		any = true;
		if (err == 0)
			err = dump_field(f, version, in, buf);
	}
	return err != 0 ? err : buf_printf(buf, "}");
}

int
wire_dump(const struct wire_msg *msg, int version, const void *in, struct buf *buf)
{
	return dump_struct(msg->type, version, in, buf);
}

/* The field's own bytes, or those of what it holds. */
static void
wipe_value(const struct wire_field *f, void *at)
{
	const struct str *s = at;
	const struct bytes *b = at;
	if (f->kind == WIRE_STRUCT)
		wire_wipe(f->type, at);
	else if (f->kind == WIRE_STR && s->n > 0)
		mem_cleanse((char *)(uintptr_t)s->p, s->n);
	else if (f->kind == WIRE_BYTES && b->n > 0)
		mem_cleanse((uint8_t *)(uintptr_t)b->p, b->n);
}

void
wire_wipe(const struct wire_type *type, void *in)
{
	for (const struct wire_field *f = type->fields; f < type->fields + type->n; f++) {
		char *at = (char *)in + f->off;
		const struct wire_array *list = (const void *)at;
		if (f->kind == WIRE_STRUCT ? !f->type->secret : (f->flags & WIRE_F_SECRET) == 0)
			continue;
		if ((f->flags & WIRE_F_ARRAY) != 0) {
			for (int32_t i = 0; i < list->n; i++)
				wipe_value(f, (char *)list->v + (size_t)i * wire_size(f));
			continue;
		}
		if ((f->flags & WIRE_F_POINTER) != 0)
			at = *(void **)(void *)at;
		if (at != NULL)
			wipe_value(f, at);
	}
}
