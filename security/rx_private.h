/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The program that rx_compile.c writes and rx_match.c runs. */

#include "security/rx.h"

#define RX_PATTERN_MAX 512
#define RX_PROGRAM_MAX 1024
#define RX_SETS_MAX 64
#define RX_RANGES_MAX 32
#define RX_REPEAT_MAX 255

enum rx_op {
	RX_CHAR,			/* c */
	RX_ANY,				/* all but line ends */
	RX_SET,				/* set x */
	RX_BEGIN,
	RX_END,
	RX_SPLIT,			/* x, else y */
	RX_JUMP,			/* x */
	RX_SAVE,			/* offset into slot x */
	RX_MATCH,
};

struct rx_inst {
	enum rx_op op;
	uint16_t x, y;
	uint32_t c;
};

struct rx_set {
	bool negated;
	unsigned n;
	struct { uint32_t lo, hi; } range[RX_RANGES_MAX];
};

struct rx {
	unsigned groups, n, sets_n;
	struct rx_inst *program;
	struct rx_set *sets;
};

/* The code point at in[at] of well-formed UTF-8, and its length in bytes. */
uint32_t rx_decode(struct str in, size_t at, size_t *ret_n);
