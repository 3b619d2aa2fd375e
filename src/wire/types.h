/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/piece.h"
#include "base/str.h"
#include "base/uuid.h"

/*
 * What fields of wire structs are made of, besides C's own numbers:
 *   struct str, struct bytes	null is p == NULL
 *   struct name		a topic, group, transactional id or user: (tenant, plain name)
 *   struct uuid		all zero is Kafka's "none"
 *   struct pieces		record batches: one view into the input when decoded, a list
 *				of pieces to gather when encoded; null is n == -1
 *   ARRAY(type)		.v[i], .n; null is n == -1
 *   int16_t			error codes: enum kerr of wire/kerr.h
 */
struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES_NULL ((struct bytes){ NULL, 0 })
