/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "log/log.h"

/* Whether a partition may go from one state to the other; no state goes to
 * itself. */
bool log_state_may(enum log_state from, enum log_state to);

/* What an append gets in this state: 0, or its error. internal: of a topic that
 * may use the reserve. */
int log_state_append(enum log_state state, bool internal);

/* Whether readers are served (up to the high watermark). */
bool log_state_reads(enum log_state state);
