/* SPDX-License-Identifier: Apache-2.0
 * Encoding: the same walk the other way. The error that counts is the writer's;
 * the first one stays and stops the output. A tagged field is written into a
 * writer of its own first, because its size stands before it. */
#include "base/err.h"
#include "wire/codec.h"
#include "wire/table.h"

struct encoder {
	struct writer *w;
	uint32_t tenant;
	int version;
	bool flex;
};

static void encode_struct(struct encoder *e, const struct wire_type *type, const char *in);

/* n: -1 is null. The counterpart of decode_length(). */
static void
encode_length(struct encoder *e, const struct wire_field *f, int64_t n, bool wide)
{
	if (n > (wide || e->flex ? INT32_MAX - 1 : INT16_MAX))
		writer_fail(e->w, ERR_LIMIT);
	if (e->flex && (f->flags & WIRE_F_CLASSIC) == 0)
		writer_varint(e->w, (uint32_t)(n + 1));
	else if (wide)
		writer_i32(e->w, (int32_t)n);
	else
		writer_i16(e->w, (int16_t)n);
}

/* A null where none may be is sent as empty. */
static void
encode_text(struct encoder *e, const struct wire_field *f, const void *p, size_t n, bool wide)
{
	bool null = p == NULL && e->version >= f->null_lo;
	encode_length(e, f, null ? -1 : p == NULL ? 0 : (int64_t)n, wide);
	if (p != NULL)
		writer_bytes(e->w, p, n);
}

static void
encode_name(struct encoder *e, const struct wire_field *f, const char *parent, const struct name *name)
{
	if (name->s.n > 0 && name->tenant != e->tenant && wire_sem_of(f, parent) != WIRE_SEM_PLAIN)
		writer_fail(e->w, ERR_FOREIGN);
	encode_text(e, f, name->s.p, name->s.n, false);
}

static void
encode_records(struct encoder *e, const struct wire_field *f, const struct pieces *list)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < list->n; i++)
		n += list->v[i].n;
	bool null = list->n < 0 && e->version >= f->null_lo;
	encode_length(e, f, null ? -1 : n > INT32_MAX ? INT32_MAX : (int64_t)n, true);
	for (int32_t i = 0; i < list->n; i++)
		writer_piece(e->w, list->v[i].p, list->v[i].n);
}

/* parent: the struct that holds the field, for names that hang on another. */
static void
encode_value(struct encoder *e, const struct wire_field *f, const char *parent, const void *at)
{
	const struct str *s = at;
	const struct bytes *b = at;
	switch (f->kind) {
	case WIRE_BOOL:	writer_i8(e->w, *(const bool *)at ? 1 : 0); break;
	case WIRE_I8:	writer_i8(e->w, *(const int8_t *)at); break;
	case WIRE_I16:
	case WIRE_U16:	writer_i16(e->w, *(const int16_t *)at); break;
	case WIRE_I32:
	case WIRE_U32:	writer_i32(e->w, *(const int32_t *)at); break;
	case WIRE_I64:	writer_i64(e->w, *(const int64_t *)at); break;
	case WIRE_F64:	writer_f64(e->w, *(const double *)at); break;
	case WIRE_UUID:	writer_bytes(e->w, ((const struct uuid *)at)->b, 16); break;
	case WIRE_STR:	encode_text(e, f, s->p, s->n, false); break;
	case WIRE_BYTES: encode_text(e, f, b->p, b->n, true); break;
	case WIRE_NAME:	encode_name(e, f, parent, at); break;
	case WIRE_RECORDS: encode_records(e, f, at); break;
	default:	encode_struct(e, f->type, at);
	}
}

static void
encode_array(struct encoder *e, const struct wire_field *f, const char *parent,
    const struct wire_array *list)
{
	size_t size = wire_size(f);
	struct wire_field one = *f;
	one.null_lo = WIRE_NEVER;
	if (list->n < 0 && e->version < f->null_lo)
		writer_fail(e->w, ERR_INVAL);
	encode_length(e, f, list->n, true);
	for (int32_t i = 0; i < list->n && e->w->err == 0; i++)
		encode_value(e, &one, parent, (const char *)list->v + (size_t)i * size);
}

static void
encode_pointer(struct encoder *e, const struct wire_field *f, const void *in)
{
	if (in == NULL && e->version < f->null_lo)
		writer_fail(e->w, ERR_INVAL);
	writer_i8(e->w, in == NULL ? -1 : 1);
	if (in != NULL)
		encode_struct(e, f->type, in);
}

static void
encode_field(struct encoder *e, const struct wire_field *f, const char *in)
{
	const void *at = in + f->off;
	if (f->flags & WIRE_F_ARRAY)
		encode_array(e, f, in, at);
	else if (f->flags & WIRE_F_POINTER)
		encode_pointer(e, f, *(void *const *)at);
	else
		encode_value(e, f, in, at);
}

static bool
carried(const struct encoder *e, const struct wire_field *f)
{
	return e->version >= f->lo && e->version <= f->hi;
}

/* What this version cannot say. */
static void
encode_lack(struct encoder *e, const struct wire_field *f, const char *in)
{
	if ((f->flags & WIRE_F_LOSSY) == 0 && !wire_is_absent(f, in, true))
		writer_fail(e->w, ERR_INVAL);
}

static void
encode_tag(struct encoder *e, const struct wire_field *f, const char *in)
{
	struct writer *whole = e->w, one;
	struct pieces list = { NULL, 0 };
	writer_init(&one, whole->arena);
	e->w = &one;
	encode_field(e, f, in);
	e->w = whole;
	if (writer_finish(&one, &list) != 0)
		writer_fail(whole, one.err);
	writer_varint(whole, (uint32_t)f->tag);
	writer_varint(whole, (uint32_t)one.n);
	for (int32_t i = 0; i < list.n; i++)
		writer_bytes(whole, list.v[i].p, list.v[i].n);
}

static void
encode_tags(struct encoder *e, const struct wire_type *type, const char *in)
{
	const struct wire_field *first = type->fields + type->plain, *end = type->fields + type->n;
	uint32_t n = 0;
	if (first == end) {
		writer_i8(e->w, 0);
		return;
	}
	for (const struct wire_field *f = first; f < end; f++) {
		if (!carried(e, f))
			encode_lack(e, f, in);
		else if (!wire_is_absent(f, in, false))
			n++;
	}
	writer_varint(e->w, n);
	for (const struct wire_field *f = first; f < end && n > 0; f++)
		if (carried(e, f) && !wire_is_absent(f, in, false))
			encode_tag(e, f, in);
}

static void
encode_struct(struct encoder *e, const struct wire_type *type, const char *in)
{
	const struct wire_field *f = type->fields, *plain = f + type->plain, *end = f + type->n;
	for (; f < plain; f++) {
		if (carried(e, f))
			encode_field(e, f, in);
		else
			encode_lack(e, f, in);
	}
	if (e->flex)
		encode_tags(e, type, in);
	else
		for (; f < end; f++)
			encode_lack(e, f, in);
}

int
wire_encode(const struct wire_msg *msg, int version, struct writer *w,
    uint32_t tenant, const void *in)
{
	struct encoder e = { w, tenant, version, version >= msg->flex };
	if (version < msg->lo || version > msg->hi)
		return writer_fail(w, ERR_UNSUPPORTED);
	encode_struct(&e, msg->type, in);
	return w->err;
}
