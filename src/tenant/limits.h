/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * limits.topic.*: what those who are no operators may set on a topic, and how
 * many partitions they may make. One table (limits.def) feeds the options, the
 * check and the manual.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum limit {
#define X(name, option, setting, bound, dflt, what) LIMIT_##name,
#include "tenant/limits.def"
#undef X
	LIMIT_COUNT
};

enum limit_bound { LIMIT_MIN, LIMIT_MAX };

struct limit_info {
	const char *option;		/* "limits.topic.segment.bytes.min" */
	const char *setting;		/* the topic setting it bounds; NULL: a count */
	enum limit_bound bound;
	double dflt;
	const char *what;
};
extern const struct limit_info limit_table[LIMIT_COUNT];

/* Filled with limits_default(), then by options. */
struct limits {
	double v[LIMIT_COUNT];
};
void limits_default(struct limits *ret);

/* ERR_LIMIT with a reason where value lies outside for setting; settings that
 * no limit names are free. */
int limits_check(const struct limits *limits, struct str setting, double value, struct why *why);
/* Partitions asked for in one request, and those of the tenant with them. */
int limits_check_partitions(const struct limits *limits, uint64_t in_request, uint64_t in_all,
    struct why *why);
