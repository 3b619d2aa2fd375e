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
static inline __attribute__((always_inline)) void
encode_length(struct encoder *e, const struct wire_step *s, int64_t n)
{
	if (n > (s->len == WIRE_LEN_16 ? INT16_MAX : INT32_MAX - 1))
		writer_fail(e->w, ERR_LIMIT);
	if (s->len == WIRE_LEN_COMPACT)
		writer_varint(e->w, (uint32_t)(n + 1));
	else if (s->len == WIRE_LEN_32)
		writer_i32(e->w, (int32_t)n);
	else
		writer_i16(e->w, (int16_t)n);
}

/* A null where none may be is sent as empty. */
static void
encode_text(struct encoder *e, const struct wire_step *s, const void *p, size_t n)
{
	encode_length(e, s, p != NULL ? (int64_t)n : s->null ? -1 : 0);
	if (p != NULL)
		writer_bytes(e->w, p, n);
}

static void
encode_name(struct encoder *e, const struct wire_field *f, const struct wire_step *s,
    const char *parent, const struct name *name)
{
	if (name->s.n > 0 && name->tenant != e->tenant && wire_sem_of(f, parent) != WIRE_SEM_PLAIN)
		writer_fail(e->w, ERR_FOREIGN);
	encode_text(e, s, name->s.p, name->s.n);
}

static void
encode_records(struct encoder *e, const struct wire_step *s, const struct pieces *list)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < list->n; i++)
		n += list->v[i].n;
	encode_length(e, s, list->n < 0 && s->null ? -1 : n > INT32_MAX ? INT32_MAX : (int64_t)n);
	for (int32_t i = 0; i < list->n; i++)
		writer_piece(e->w, list->v[i].p, list->v[i].n);
}

static void
encode_pointer(struct encoder *e, const struct wire_type *type, bool null, const void *in)
{
	if (in == NULL && !null)
		writer_fail(e->w, ERR_INVAL);
	writer_i8(e->w, in == NULL ? -1 : 1);
	if (in != NULL)
		encode_struct(e, type, in);
}

/* What has no length, into room that is there; returns what is behind it. */
static inline __attribute__((always_inline)) uint8_t *
put_fixed(uint8_t *p, unsigned kind, const void *at)
{
	uint64_t bits;
	switch (kind) {
	case WIRE_BOOL:
		*p = *(const bool *)at ? 1 : 0;
		return p + 1;
	case WIRE_I8:
		*p = *(const uint8_t *)at;
		return p + 1;
	case WIRE_I16:
	case WIRE_U16:
		be_put(p, *(const uint16_t *)at, 2);
		return p + 2;
	case WIRE_I32:
	case WIRE_U32:
		be_put(p, *(const uint32_t *)at, 4);
		return p + 4;
	case WIRE_I64:
	case WIRE_F64:
		memcpy(&bits, at, 8);
		be_put(p, bits, 8);
		return p + 8;
	default:
		memcpy(p, at, sizeof(struct uuid));
		return p + sizeof(struct uuid);
	}
}

static inline void
encode_fixed(struct encoder *e, const struct wire_step *s, const void *at)
{
	uint8_t *p = writer_room(e->w, s->least);
	if (p != NULL)
		put_fixed(p, s->op, at);
}

/* s: the head. */
static inline void
encode_run(struct encoder *e, const struct wire_step *s, const char *in)
{
	const struct wire_step *last = s + s->size;
	uint8_t *p = writer_room(e->w, s->least);
	while (p != NULL && s < last) {
		s++;
		p = put_fixed(p, s->op, in + s->off);
	}
}

static void encode_array(struct encoder *e, const struct wire_type *type, const struct wire_step *s,
    const char *parent, const struct wire_array *list);

/* in: the struct, or one element of an array in it; parent: the struct, for names that hang on
 * another field. */
static void
encode_steps(struct encoder *e, const struct wire_type *type, const struct wire_step *s,
    const struct wire_step *end, const char *parent, const char *in)
{
	for (; s < end; s++) {
		const void *at = in + s->off;
		const struct str *text = at;
		const struct bytes *b = at;
		switch (s->op) {
		case WIRE_STR:	encode_text(e, s, text->p, text->n); break;
		case WIRE_BYTES: encode_text(e, s, b->p, b->n); break;
		case WIRE_NAME:	encode_name(e, &type->fields[s->field], s, parent, at); break;
		case WIRE_RECORDS: encode_records(e, s, at); break;
		case WIRE_STRUCT: encode_struct(e, type->fields[s->field].type, at); break;
		case WIRE_OP_POINTER:
			encode_pointer(e, type->fields[s->field].type, s->null, *(void *const *)at);
			break;
		case WIRE_OP_ARRAY:
			encode_array(e, type, s++, parent, at);
			break;
		case WIRE_OP_RUN:
			encode_run(e, s, in);
			s += s->size;
			break;
		default:
			encode_fixed(e, s, at);
		}
	}
}

static void
encode_array(struct encoder *e, const struct wire_type *type, const struct wire_step *s,
    const char *parent, const struct wire_array *list)
{
	const struct wire_type *inner = type->fields[s->field].type;
	const char *in = list->v;
	if (list->n < 0 && !s->null)
		writer_fail(e->w, ERR_INVAL);
	encode_length(e, s, list->n);
	for (int32_t i = 0; i < list->n && e->w->err == 0; i++, in += s->size)
		if (inner != NULL)
			encode_struct(e, inner, in);
		else
			encode_steps(e, type, s + 1, s + 2, parent, in);
}

static void
encode_tag(struct encoder *e, const struct wire_type *type, const struct wire_step *s, const char *in)
{
	struct writer *whole = e->w, one;
	struct pieces list = { NULL, 0 };
	writer_init(&one, whole->arena);
	e->w = &one;
	encode_steps(e, type, s, wire_step_next(s), in, in);
	e->w = whole;
	if (writer_finish(&one, &list) != 0)
		writer_fail(whole, one.err);
	writer_varint(whole, (uint32_t)type->fields[s->field].tag);
	writer_varint(whole, (uint32_t)one.n);
	for (int32_t i = 0; i < list.n; i++)
		writer_bytes(whole, list.v[i].p, list.v[i].n);
}

static __attribute__((noinline)) void
encode_tags(struct encoder *e, const struct wire_type *type, const struct wire_plan *plan, const char *in)
{
	const struct wire_step *first = plan->steps + plan->n, *end = first + plan->n_tagged, *s;
	uint32_t n = 0;
	for (s = first; s < end; s = wire_step_next(s))
		n += !wire_is_absent(&type->fields[s->field], in, false);
	writer_varint(e->w, n);
	for (s = first; s < end && n > 0; s = wire_step_next(s))
		if (!wire_is_absent(&type->fields[s->field], in, false))
			encode_tag(e, type, s, in);
}

static void
encode_struct(struct encoder *e, const struct wire_type *type, const char *in)
{
	const struct wire_plan *plan = type->plans[e->version];
	for (uint16_t i = 0; i < plan->n_lacks; i++)
		if (!wire_is_absent(&type->fields[plan->lacks[i]], in, true))
			writer_fail(e->w, ERR_INVAL); /* it cannot be said */
	encode_steps(e, type, plan->steps, plan->steps + plan->n, in, in);
	if (e->flex && plan->n_tagged > 0)
		encode_tags(e, type, plan, in);
	else if (e->flex)
		writer_varint(e->w, 0);
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

int
wire_encode_whole(const struct wire_msg *msg, int version, struct arena *arena, uint32_t tenant, const void *in, struct bytes *ret)
{
	struct writer w;
	struct pieces list;
	writer_init(&w, arena);
	int err = wire_encode(msg, version, &w, tenant, in);
	if (err == 0)
		err = writer_finish(&w, &list);
	if (err != 0)
		return err;
	uint8_t *p = arena_alloc(arena, w.n + 1), *end = p;
	for (int32_t i = 0; i < list.n; end += list.v[i++].n)
		memcpy(end, list.v[i].p, list.v[i].n);
	*ret = (struct bytes){ p, w.n };
	return 0;
}
