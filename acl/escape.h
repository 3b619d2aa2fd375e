/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside acl/: names in text, odd bytes as %XX. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends s; '/', '%', '*', ':', '#', '"', blanks, controls, DEL, and bytes that
 * are no UTF-8 as %XX. ERR_LIMIT. */
int acl_escape(struct buf *out, struct str s);
/* Undoes it: any %XX becomes its byte. ERR_INVAL for a '%' without two hex
 * digits and for bytes that are no UTF-8. */
int acl_unescape(struct arena *arena, struct str s, struct str *ret, struct why *why);
