/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "wire/codec.h"

/*
 * What the codec's files walk; for them alone. Versions, nullability and compact forms are
 * resolved when the tables are made: the walk compares no versions.
 */

/* Every ARRAY(type), seen without its type. */
struct wire_array {
	void *v;
	int32_t n;
};

/* What a step reads or writes: a value of some wire_kind, or one of these. */
enum {
	WIRE_OP_ARRAY = WIRE_STRUCT + 1,	/* the next step is that of its elements */
	WIRE_OP_POINTER,			/* a struct, behind a mark */
	WIRE_OP_RUN,				/* the next steps are of values without a length: one look at the
						 * bytes that are left, or one at the room, does for all */
};

/* How a length stands on the wire. */
enum { WIRE_LEN_NONE, WIRE_LEN_16, WIRE_LEN_32, WIRE_LEN_COMPACT };

struct wire_step {
	uint16_t off;		/* in the struct; 0 for elements */
	uint16_t field;		/* the row that it is made of, in the type's fields */
	uint16_t size;		/* of an array: an element's, in memory; of a run: how many steps are in it */
	uint8_t op, len;
	uint8_t least;		/* bytes that it takes at least; never 0. All that it takes, where it has no length */
	bool null;		/* may be null */
};

/* What one version of a struct carries. */
struct wire_plan {
	const struct wire_step *steps;	/* n in order on the wire, then the tagged ones by tag */
	const uint16_t *lacks;		/* fields that it does not carry and that must not be lost */
	uint16_t n, n_tagged, n_lacks;	/* those of elements and the heads of runs are counted, too */
	bool partial;			/* some field gets its value from no step */
};

/* Bytes of one value of the field's kind in memory (of an element, for arrays). */
size_t wire_size(const struct wire_field *f);

/* Whether the field of the struct at in says no more than an absent one would;
 * zero_too: or than a zeroed one. */
bool wire_is_absent(const struct wire_field *f, const char *in, bool zero_too);

/* The step behind s and what belongs to it. */
static inline const struct wire_step *
wire_step_next(const struct wire_step *s)
{
	return s + (s->op == WIRE_OP_ARRAY ? 2 : 1);
}
