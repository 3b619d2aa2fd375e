/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds on what users set on topics; a table and two comparisons. A value out
 * of bounds is refused with the bound, not bent silently. */
#include "tenant/limits.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>

const struct limit_info limit_table[LIMIT_COUNT] = {
#define X(name, option, setting, bound, dflt, what) { option, setting, bound, dflt, what },
#include "tenant/limits.def"
#undef X
};

void
limits_default(struct limits *ret)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		ret->v[i] = limit_table[i].dflt;
}

int
limits_check(const struct limits *limits, struct str setting, double value, struct why *why)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_info *l = &limit_table[i];
		if (l->setting == NULL || !str_is(setting, l->setting))
			continue;
		bool ok = l->bound == LIMIT_MIN ? value >= limits->v[i] : value <= limits->v[i];
		if (!ok || isnan(value))
			return why_set(why, ERR_LIMIT, "%s must be at %s %.15g here (%s)",
			    l->setting, l->bound == LIMIT_MIN ? "least" : "most", limits->v[i],
			    l->option);
	}
	return 0;
}

int
limits_check_partitions(const struct limits *limits, uint64_t in_request, uint64_t in_all,
    struct why *why)
{
	if ((double)in_request > limits->v[LIMIT_PARTITIONS_REQUEST])
		return why_set(why, ERR_LIMIT, "one request may make %.15g partitions, not %" PRIu64
		    " (%s)", limits->v[LIMIT_PARTITIONS_REQUEST], in_request,
		    limit_table[LIMIT_PARTITIONS_REQUEST].option);
	if ((double)in_all > limits->v[LIMIT_PARTITIONS])
		return why_set(why, ERR_LIMIT, "the tenant may have %.15g partitions, with these "
		    "it would have %" PRIu64 " (%s)", limits->v[LIMIT_PARTITIONS], in_all,
		    limit_table[LIMIT_PARTITIONS].option);
	return 0;
}
