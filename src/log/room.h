/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

struct store;

/* Room on the disk: the soft limit, and a file that is kept only to be given up.
 * All block; none is called on a loop. */

/* Makes the reserve if there is none and room for it. */
void store_keep_reserve(struct store *s);
/* After ENOSPC: notes that the disk is full and, for internal topics, gives up the
 * reserve. True where another try is worth it. */
bool store_spend_reserve(struct store *s, bool internal);
/* Looks how much is free, refuses or readmits appends, and brings FULL partitions
 * back. */
void store_check_room(struct store *s);
