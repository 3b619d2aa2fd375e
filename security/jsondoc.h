/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/str.h"

/*
 * JSON of strangers (RFC 8259), by Jansson, which is kept from what it would
 * take: nesting beyond depth_max, before it begins to nest itself, and a member
 * that is there twice. Integers that 64 bits do not hold, NUL in strings and
 * bytes behind the end are errors of its own.
 */

/* Once, before the first document: the secret behind Jansson's hash tables, which it would
 * otherwise choose when it is first used. */
void jsondoc_init(void);

/* An object; free it with json_decref(). ERR_INVAL; ERR_LIMIT: nested too deeply. */
int jsondoc_parse(struct str text, unsigned depth_max, json_t **ret);

/* The text of a member, which lives as long as the object; STR_NULL where there is none
 * of that name or it is no text. */
struct str jsondoc_text(const json_t *object, const char *name);
