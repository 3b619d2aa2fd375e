/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* All verbs, those of a noun behind one another: for help, completion, and to run one. */

/* The first one (NULL), the one behind it; NULL at the end. */
const struct verb *verbs_next(const struct verb *verb);
/* words: how many of argv are the noun and the verb. NULL: none. */
const struct verb *verbs_find(char **argv, int argc, int *ret_words);
