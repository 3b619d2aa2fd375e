/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"

/*
 * Metrics as text: OpenMetrics 1.0, or the older format of Prometheus (0.0.4). They differ in the names of counters'
 * families and in the end. Buffers that are full lose what does not fit; the caller makes them large enough.
 */
enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_SUMMARY, METRIC_HISTOGRAM };

#define TEXT_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TEXT_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

/* # TYPE and # HELP. */
void text_family(struct buf *out, bool open, enum metric_type type, const char *family, const char *help);
/* The beginning of a sample: its name, with what the type puts behind it ("": that of a plain sample). */
void text_sample(struct buf *out, enum metric_type type, const char *family, const char *suffix);
/* One label, the first behind "{", others behind ","; the value is escaped. */
void text_label(struct buf *out, bool first, const char *name, struct str value);
void text_label_int(struct buf *out, bool first, const char *name, int64_t value);
/* "} VALUE", or " VALUE" where there were no labels. */
void text_value(struct buf *out, bool labels, double value);
void text_count(struct buf *out, bool labels, int64_t value);
