/* SPDX-License-Identifier: Apache-2.0
 * What decoding and encoding share: sizes, defaults, the meaning of a field.
 * All of it is a walk over const tables and cannot fail. */
#include "wire/codec.h"

#include "wire/msg.h"
#include "wire/table.h"

static const struct {
	uint8_t size, least, least_flex;
} kinds[] = {
	[WIRE_BOOL] = { sizeof(bool), 1, 1 },
	[WIRE_I8] = { 1, 1, 1 },
	[WIRE_I16] = { 2, 2, 2 },
	[WIRE_U16] = { 2, 2, 2 },
	[WIRE_I32] = { 4, 4, 4 },
	[WIRE_U32] = { 4, 4, 4 },
	[WIRE_I64] = { 8, 8, 8 },
	[WIRE_F64] = { 8, 8, 8 },
	[WIRE_UUID] = { sizeof(struct uuid), 16, 16 },
	[WIRE_STR] = { sizeof(struct str), 2, 1 },
	[WIRE_BYTES] = { sizeof(struct bytes), 4, 1 },
	[WIRE_NAME] = { sizeof(struct name), 2, 1 },
	[WIRE_RECORDS] = { sizeof(struct pieces), 4, 1 },
};

size_t
wire_size(const struct wire_field *f)
{
	return f->kind == WIRE_STRUCT ? f->type->size : kinds[f->kind].size;
}

unsigned
wire_least(const struct wire_field *f, int version, bool flex)
{
	if (f->kind == WIRE_STRUCT)
		return f->type->least[version];
	return flex ? kinds[f->kind].least_flex : kinds[f->kind].least;
}

/* Out of line, as few fields are structs: the others then need no registers saved. */
static __attribute__((noinline)) void
absent_struct(const struct wire_field *f, uint32_t tenant, void *at)
{
	for (uint16_t i = 0; i < f->type->n; i++)
		wire_absent(&f->type->fields[i], tenant, at);
}

static void
absent_value(const struct wire_field *f, uint32_t tenant, void *at)
{
	const char *text = f->flags & WIRE_F_EMPTY ? "" : NULL;
	switch (f->kind) {
	case WIRE_BOOL:	*(bool *)at = f->dflt != 0; break;
	case WIRE_I8:	*(int8_t *)at = (int8_t)f->dflt; break;
	case WIRE_I16:
	case WIRE_U16:	*(int16_t *)at = (int16_t)f->dflt; break;
	case WIRE_I32:
	case WIRE_U32:	*(int32_t *)at = (int32_t)f->dflt; break;
	case WIRE_I64:	*(int64_t *)at = f->dflt; break;
	case WIRE_F64:	*(double *)at = (double)f->dflt; break;
	case WIRE_UUID:	*(struct uuid *)at = (struct uuid){ { 0 } }; break;
	case WIRE_STR:	*(struct str *)at = (struct str){ text, 0 }; break;
	case WIRE_BYTES: *(struct bytes *)at = (struct bytes){ (const uint8_t *)text, 0 }; break;
	case WIRE_NAME:	*(struct name *)at = NAME(tenant, ((struct str){ text, 0 })); break;
	case WIRE_RECORDS: *(struct pieces *)at = (struct pieces){ NULL, text == NULL ? -1 : 0 }; break;
	default:	absent_struct(f, tenant, at);
	}
}

void
wire_absent(const struct wire_field *f, uint32_t tenant, char *out)
{
	void *at = out + f->off;
	if (f->flags & WIRE_F_ARRAY)
		*(struct wire_array *)at = (struct wire_array){ NULL, f->flags & WIRE_F_EMPTY ? 0 : -1 };
	else if (f->flags & WIRE_F_POINTER)
		*(void **)at = NULL;
	else
		absent_value(f, tenant, at);
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

void
wire_defaults_of(const struct wire_type *type, void *ret_item)
{
	for (uint16_t i = 0; i < type->n; i++)
		wire_absent(&type->fields[i], 0, ret_item);
}

void
wire_defaults(const struct wire_msg *msg, void *ret_msg)
{
	wire_defaults_of(msg->type, ret_msg);
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

const struct wire_api *
wire_api_find(int key)
{
	int lo = 0, hi = wire_apis_n;
	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		if (wire_apis[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < wire_apis_n && wire_apis[lo].key == key ? &wire_apis[lo] : NULL;
}
