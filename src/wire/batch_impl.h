/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the fields of a batch's head lie: for the batch_*.c files alone. */

#include "base/be.h"

#define AT_LENGTH	8
#define AT_LEADER_EPOCH	12
#define AT_MAGIC	16
#define AT_CRC		17
#define AT_ATTRIBUTES	21
#define AT_LAST_DELTA	23
#define AT_BASE_TIME	27
#define AT_MAX_TIME	35
#define AT_PRODUCER	43
#define AT_EPOCH	51
#define AT_SEQUENCE	53
#define AT_COUNT	57
