/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "wire/codec.h"

/* How the codec's files walk the tables; for them alone. */

/* Every ARRAY(type), seen without its type. */
struct wire_array {
	void *v;
	int32_t n;
};

/* Bytes of one value of the field's kind in memory (of an element, for arrays). */
size_t wire_size(const struct wire_field *f);

/* Bytes that one element takes on the wire at least; never 0. */
unsigned wire_least(const struct wire_field *f, int version, bool flex);

/* Gives the field of the struct at out the value of a field that is absent. */
void wire_absent(const struct wire_field *f, uint32_t tenant, char *out);

/* Whether the field of the struct at in says no more than an absent one would;
 * zero_too: or than a zeroed one. */
bool wire_is_absent(const struct wire_field *f, const char *in, bool zero_too);
