/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the two kinds of mapping rules share. */

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Lower ('L') or upper ('U') case of the ASCII letters behind from; 0: none. */
void mapping_fold(struct buf *b, size_t from, char fold);
/* Takes word off the front of s, if it stands there. */
bool mapping_take(struct str *s, const char *word);
