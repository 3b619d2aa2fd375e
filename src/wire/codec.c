/* SPDX-License-Identifier: Apache-2.0
 * What decoding and encoding share: sizes, what is absent, the meaning of a field.
 * All of it is a walk over const tables and cannot fail. */
#include "wire/codec.h"

#include "wire/msg.h"
#include "wire/table.h"

static const uint8_t sizes[] = {
	[WIRE_BOOL] = sizeof(bool), [WIRE_I8] = 1, [WIRE_I16] = 2, [WIRE_U16] = 2, [WIRE_I32] = 4,
	[WIRE_U32] = 4, [WIRE_I64] = 8, [WIRE_F64] = 8, [WIRE_UUID] = sizeof(struct uuid),
	[WIRE_STR] = sizeof(struct str), [WIRE_BYTES] = sizeof(struct bytes),
	[WIRE_NAME] = sizeof(struct name), [WIRE_RECORDS] = sizeof(struct pieces),
};

size_t
wire_size(const struct wire_field *f)
{
	return f->kind == WIRE_STRUCT ? f->type->size : sizes[f->kind];
}

static int64_t
number_at(const struct wire_field *f, const void *at)
{
	switch (f->kind) {
	case WIRE_BOOL:	return *(const bool *)at;
	case WIRE_I8:	return *(const int8_t *)at;
	case WIRE_I16:	return *(const int16_t *)at;
	case WIRE_U16:	return *(const uint16_t *)at;
	case WIRE_I32:	return *(const int32_t *)at;
	case WIRE_U32:	return *(const uint32_t *)at;
	default:	return *(const int64_t *)at;
	}
}

/* Length of what a text-like field holds, -1 for null. */
static int64_t
length_at(const struct wire_field *f, const void *at)
{
	const struct bytes *b = at;
	if (f->flags & WIRE_F_ARRAY)
		return ((const struct wire_array *)at)->n;
	if (f->kind == WIRE_RECORDS)
		return ((const struct pieces *)at)->n;
	if (f->kind == WIRE_NAME)
		return ((const struct name *)at)->s.p == NULL ? -1 : (int64_t)((const struct name *)at)->s.n;
	if (f->kind == WIRE_STR)
		return ((const struct str *)at)->p == NULL ? -1 : (int64_t)((const struct str *)at)->n;
	return b->p == NULL ? -1 : (int64_t)b->n;
}

static bool
struct_is_absent(const struct wire_type *type, const char *in, bool zero_too)
{
	if (memcmp(in, type->absent, type->size) == 0)
		return true; /* the usual; padding or another empty array may make it differ */
	for (uint16_t i = 0; i < type->n; i++)
		if (!wire_is_absent(&type->fields[i], in, zero_too))
			return false;
	return true;
}

bool
wire_is_absent(const struct wire_field *f, const char *in, bool zero_too)
{
	const void *at = in + f->off;
	if (f->flags & WIRE_F_POINTER)
		return *(void *const *)at == NULL;
	if (f->flags & WIRE_F_ARRAY || (f->kind >= WIRE_STR && f->kind <= WIRE_RECORDS)) {
		int64_t n = length_at(f, at);
		return n == (f->flags & WIRE_F_EMPTY ? 0 : -1) || (n <= 0 && zero_too);
	}
	if (f->kind == WIRE_STRUCT)
		return struct_is_absent(f->type, at, zero_too);
	if (f->kind == WIRE_UUID)
		return uuid_is_zero(at);
	if (f->kind == WIRE_F64)
		return *(const double *)at == 0;
	int64_t n = number_at(f, at);
	return n == f->dflt || (n == 0 && zero_too);
}

enum wire_sem
wire_sem_of(const struct wire_field *field, const void *parent)
{
	if (field->by == NULL)
		return field->sem;
	const void *at = (const char *)parent + field->by->off;
	bool text = field->flags & WIRE_F_TEXT;
	for (int i = 0; i < field->variant->n; i++) {
		const struct wire_case *c = &field->variant->cases[i];
		if (text ? str_is(*(const struct str *)at, c->text) : number_at(field->by, at) == c->value)
			return c->sem;
	}
	return WIRE_SEM_NONE;
}
