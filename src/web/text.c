/* SPDX-License-Identifier: Apache-2.0 */
#include "web/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#define WHOLE_MAX	0x1p53

/* Of a label's value: what the format gives a meaning to, and no more; names here are UTF-8. */
static void
add_escaped(struct buf *out, struct str s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		const char *as = s.p[i] == '\\' ? "\\\\" : s.p[i] == '"' ? "\\\"" : s.p[i] == '\n' ? "\\n" : NULL;
		if (as == NULL)
			continue;
		(void)buf_add(out, s.p + from, i - from);
		(void)buf_add_str(out, str_from(as));
		from = i + 1;
	}
	(void)buf_add(out, s.p + from, s.n - from);
}

void
text_family(struct buf *out, bool open, enum metric_type type, const char *family, const char *help)
{
	static const char *const words[] = { "gauge", "counter", "summary", "histogram" };
	const char *behind = type == METRIC_COUNTER && !open ? "_total" : "";
	(void)buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family, behind, help, family, behind, words[type]);
}

void
text_sample(struct buf *out, enum metric_type type, const char *family, const char *suffix)
{
	(void)buf_printf(out, "%s%s%s", family, suffix, type == METRIC_COUNTER ? "_total" : "");
}

void
text_label(struct buf *out, bool first, const char *name, struct str value)
{
	(void)buf_printf(out, "%s%s=\"", first ? "{" : ",", name);
	add_escaped(out, value);
	(void)buf_add(out, "\"", 1);
}

void
text_label_int(struct buf *out, bool first, const char *name, int64_t value)
{
	(void)buf_printf(out, "%s%s=\"%" PRId64 "\"", first ? "{" : ",", name, value);
}

void
text_value(struct buf *out, bool labels, double value)
{
	/* Below that a double holds each whole number, and no digit of a counter may be lost. */
	if (fabs(value) < WHOLE_MAX && trunc(value) == value)
		text_count(out, labels, (int64_t)value);
	else
		(void)buf_printf(out, "%s %.15g\n", labels ? "}" : "", value);
}

void
text_count(struct buf *out, bool labels, int64_t value)
{
	(void)buf_printf(out, "%s %" PRId64 "\n", labels ? "}" : "", value);
}
