/* SPDX-License-Identifier: Apache-2.0
 * Decoding: a walk over the steps of a version. All bytes come through the reader, all
 * memory through arena_try(); a count is believed only as far as the bytes that
 * are left could hold so many of the shortest elements. The first error stays
 * in the reader and empties it, so loops end by themselves at the next look. */
#include "base/err.h"
#include "wire/codec.h"
#include "wire/table.h"

struct decoder {
	struct reader *r;
	struct arena *arena;
	uint32_t tenant;
	int version;
	bool flex;
};

static void decode_struct(struct decoder *d, const struct wire_type *type, char *out);

/* The length of a string, bytes, records or array: -1 is null. */
static inline int64_t
decode_length(struct decoder *d, const struct wire_step *s)
{
	int64_t n;
	if (s->len == WIRE_LEN_COMPACT)
		n = (int64_t)reader_varint(d->r) - 1;
	else
		n = s->len == WIRE_LEN_32 ? reader_i32(d->r) : reader_i16(d->r);
	if (n < 0 && (n < -1 || !s->null))
		reader_fail(d->r, ERR_CORRUPT);
	return d->r->err != 0 ? -1 : n;
}

/* A copy in the arena; null stays null. */
static const uint8_t *
decode_copy(struct decoder *d, int64_t n)
{
	if (n <= 0)
		return n < 0 ? NULL : (const uint8_t *)"";
	const uint8_t *from = reader_bytes(d->r, (size_t)n);
	if (from == NULL)
		return NULL;
	uint8_t *to = arena_try(d->arena, (size_t)n);
	if (to == NULL) {
		reader_fail(d->r, ERR_LIMIT);
		return NULL;
	}
	memcpy(to, from, (size_t)n);
	return to;
}

static struct str
decode_str(struct decoder *d, int64_t n)
{
	const uint8_t *p = decode_copy(d, n);
	return (struct str){ (const char *)p, p == NULL ? 0 : (size_t)n };
}

static struct name
decode_name(struct decoder *d, int64_t n)
{
	struct str text = decode_str(d, n);
	if (text.n > 0 && !str_is_utf8(text))
		reader_fail(d->r, ERR_CORRUPT);
	return NAME(d->tenant, text);
}

static struct bytes
decode_bytes(struct decoder *d, int64_t n)
{
	const uint8_t *p = decode_copy(d, n);
	return (struct bytes){ p, p == NULL ? 0 : (size_t)n };
}

/* One piece: a view of what the reader reads from. */
static struct pieces
decode_records(struct decoder *d, int64_t n)
{
	struct pieces list = { NULL, 0 };
	const uint8_t *p = n > 0 ? reader_bytes(d->r, (size_t)n) : NULL;
	if (n < 0)
		list.n = -1;
	else if (p != NULL)
		pieces_add(d->arena, &list, p, (uint32_t)n);
	return list;
}

/* What has no length, from bytes that are there; returns what is behind it. */
static inline const uint8_t *
get_fixed(const uint8_t *p, unsigned kind, void *at)
{
	uint64_t bits;
	switch (kind) {
	case WIRE_BOOL:
		*(bool *)at = *p != 0;
		return p + 1;
	case WIRE_I8:
		*(int8_t *)at = (int8_t)*p;
		return p + 1;
	case WIRE_I16:
	case WIRE_U16:
		*(int16_t *)at = (int16_t)be_get(p, 2);
		return p + 2;
	case WIRE_I32:
	case WIRE_U32:
		*(int32_t *)at = (int32_t)be_get(p, 4);
		return p + 4;
	case WIRE_I64:
	case WIRE_F64:
		bits = be_get(p, 8);
		memcpy(at, &bits, 8);
		return p + 8;
	default:
		memcpy(at, p, sizeof(struct uuid));
		return p + sizeof(struct uuid);
	}
}

static inline void
decode_fixed(struct decoder *d, const struct wire_step *s, void *at)
{
	const uint8_t *p = reader_bytes(d->r, s->least);
	if (p != NULL)
		get_fixed(p, s->op, at);
}

/* s: the head. */
static inline void
decode_run(struct decoder *d, const struct wire_step *s, char *out)
{
	const struct wire_step *last = s + s->size;
	const uint8_t *p = reader_bytes(d->r, s->least);
	while (p != NULL && s < last) {
		s++;
		p = get_fixed(p, s->op, out + s->off);
	}
}

static void *
decode_pointer(struct decoder *d, const struct wire_type *type, bool null)
{
	int8_t mark = reader_i8(d->r);
	if (mark == -1 && null)
		return NULL;
	void *out = arena_try(d->arena, type->size);
	if (mark != 1 || out == NULL) {
		reader_fail(d->r, mark != 1 ? ERR_CORRUPT : ERR_LIMIT);
		return NULL;
	}
	decode_struct(d, type, out);
	return out;
}

static void decode_array(struct decoder *d, const struct wire_type *type, const struct wire_step *s,
    int64_t n, struct wire_array *out);

/* out: the struct, or one element of an array in it. */
static void
decode_steps(struct decoder *d, const struct wire_type *type, const struct wire_step *s,
    const struct wire_step *end, char *out)
{
	for (; s < end; s++) {
		int64_t n = s->len == WIRE_LEN_NONE ? 0 : decode_length(d, s);
		void *at = out + s->off;
		switch (s->op) {
		case WIRE_STR:	*(struct str *)at = decode_str(d, n); break;
		case WIRE_BYTES: *(struct bytes *)at = decode_bytes(d, n); break;
		case WIRE_NAME:	*(struct name *)at = decode_name(d, n); break;
		case WIRE_RECORDS: *(struct pieces *)at = decode_records(d, n); break;
		case WIRE_STRUCT: decode_struct(d, type->fields[s->field].type, at); break;
		case WIRE_OP_POINTER:
			*(void **)at = decode_pointer(d, type->fields[s->field].type, s->null);
			break;
		case WIRE_OP_ARRAY:
			decode_array(d, type, s++, n, at);
			break;
		case WIRE_OP_RUN:
			decode_run(d, s, out);
			s += s->size;
			break;
		default:
			decode_fixed(d, s, at);
		}
	}
}

/* Room for n elements, of which so many may still come; NULL after an error. */
static char *
array_room(struct decoder *d, const struct wire_step *s, int64_t n)
{
	char *v = NULL;
	if (n > WIRE_ARRAY_MAX)
		reader_fail(d->r, ERR_LIMIT);
	else if ((uint64_t)n * s[1].least > reader_left(d->r))
		reader_fail(d->r, ERR_SHORT);
	else if ((v = arena_try(d->arena, (size_t)n * s->size)) == NULL)
		reader_fail(d->r, ERR_LIMIT);
	return v;
}

static void
decode_array(struct decoder *d, const struct wire_type *type, const struct wire_step *s,
    int64_t n, struct wire_array *out)
{
	const struct wire_type *inner = type->fields[s->field].type;
	*out = (struct wire_array){ NULL, n < 0 ? -1 : 0 };
	char *v = n <= 0 ? NULL : array_room(d, s, n);
	if (v == NULL)
		return;
	*out = (struct wire_array){ v, (int32_t)n };
	for (char *end = v + (size_t)n * s->size; v < end && d->r->err == 0; v += s->size)
		if (inner != NULL)
			decode_struct(d, inner, v);
		else
			decode_steps(d, type, s + 1, s + 2, v);
}

static const struct wire_step *
find_tag(const struct wire_type *type, const struct wire_plan *plan, uint32_t tag)
{
	const struct wire_step *s = plan->steps + plan->n, *end = s + plan->n_tagged;
	for (; s < end; s = wire_step_next(s))
		if ((uint32_t)type->fields[s->field].tag == tag)
			return s;
	return NULL;
}

/* Tags ascend; what is not known is skipped; what is known fills its size. */
static __attribute__((noinline)) void
decode_tags(struct decoder *d, const struct wire_type *type, const struct wire_plan *plan, uint32_t n,
    char *out)
{
	struct reader *whole = d->r;
	int64_t last = -1;
	if (n > WIRE_TAGS_MAX)
		reader_fail(whole, ERR_LIMIT);
	for (uint32_t i = 0; i < n && whole->err == 0; i++) {
		uint32_t tag = reader_varint(whole);
		struct reader one = reader_sub(whole, reader_varint(whole));
		const struct wire_step *s = find_tag(type, plan, tag);
		if (tag <= last)
			reader_fail(whole, ERR_CORRUPT);
		last = tag;
		if (s == NULL || whole->err != 0)
			continue;
		d->r = &one;
		decode_steps(d, type, s, wire_step_next(s), out);
		d->r = whole;
		if (reader_end(&one) != 0)
			reader_fail(whole, one.err);
	}
}

/* Names that stand for nothing of the tenant's lose the tenant again. */
static void
fix_names(const struct wire_type *type, char *out)
{
	for (const struct wire_field *f = type->fields; f < type->fields + type->n; f++) {
		if (f->by == NULL || wire_sem_of(f, out) != WIRE_SEM_PLAIN)
			continue;
		struct name *name = (struct name *)(void *)(out + f->off);
		struct wire_array *list = (struct wire_array *)(void *)name;
		if ((f->flags & WIRE_F_ARRAY) == 0)
			name->tenant = 0;
		else
			for (int32_t i = 0; i < list->n; i++)
				((struct name *)(void *)list->v)[i].tenant = 0;
	}
}

static void
decode_struct(struct decoder *d, const struct wire_type *type, char *out)
{
	const struct wire_plan *plan = type->plans[d->version];
	if (plan->partial)
		memcpy(out, type->absent, type->size);
	decode_steps(d, type, plan->steps, plan->steps + plan->n, out);
	uint32_t tags = d->flex ? reader_varint(d->r) : 0;
	if (tags > 0)
		decode_tags(d, type, plan, tags, out);
	if (type->fix && d->r->err == 0)
		fix_names(type, out);
}

int
wire_decode(const struct wire_msg *msg, int version, struct reader *r,
    struct arena *arena, uint32_t tenant, void *ret_msg)
{
	struct decoder d = { r, arena, tenant, version, version >= msg->flex };
	if (version < msg->lo || version > msg->hi)
		return reader_fail(r, ERR_UNSUPPORTED);
	decode_struct(&d, msg->type, ret_msg);
	return r->err;
}
