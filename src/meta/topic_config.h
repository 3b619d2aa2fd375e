/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "log/log.h"

/*
 * The settings of topics: one table (topic_config.def) for their names, types,
 * bounds, defaults and descriptions. A topic stores only what was set on it, as
 * text; what holds is that over the broker's defaults over the table's.
 */
enum topic_key {
#define X(name, kind, field, text, dflt, min, max, words, synonym, effect, doc) TOPIC_##name,
#include "meta/topic_config.def"
#undef X
	TOPIC_KEYS
};

enum topic_kind {
	TOPIC_KIND_INT, TOPIC_KIND_INT32, TOPIC_KIND_REAL, TOPIC_KIND_BOOL, TOPIC_KIND_ENUM,
	TOPIC_KIND_LIST, TOPIC_KIND_TEXT,
};

struct topic_key_info {
	const char *name;
	enum topic_kind kind;
	const char *dflt;
	double min, max;
	const char *words, *synonym;
	bool effect;
	const char *doc;
};
extern const struct topic_key_info topic_keys[TOPIC_KEYS];

enum topic_compression {	/* in the order of the words */
	TOPIC_PRODUCER, TOPIC_UNCOMPRESSED, TOPIC_GZIP, TOPIC_SNAPPY, TOPIC_LZ4, TOPIC_ZSTD,
};

/* What holds for a topic, in a form for use. */
struct topic_config {
	struct log_config log;
	int compression;		/* enum topic_compression */
	int append_time;		/* 1: LogAppendTime */
	int32_t max_message_bytes, min_insync_replicas;
	int64_t timestamp_after_max_ms, timestamp_before_max_ms;
	int64_t none;			/* where settings without effect go */
};

/* What was set: NULL where nothing was. */
struct topic_overrides {
	const char *v[TOPIC_KEYS];
};

/* ERR_NOTFOUND for what is no setting of a topic. */
int topic_key_find(struct str name, enum topic_key *ret);

/* Whether text is a value of the setting; ERR_INVAL with the reason. Blanks around it are
 * not: requests are trimmed where they come in, as in Kafka. */
int topic_value_check(enum topic_key key, struct str text, struct why *why);
/* Of a value that was checked; 0 for what is no number. */
double topic_value_number(enum topic_key key, struct str text);

/* set over defaults over the table. Values must have been checked; defaults
 * may be NULL. */
void topic_config_make(const struct topic_overrides *set, const struct topic_overrides *defaults,
    struct topic_config *ret);
/* Whether the settings, over the defaults, go together; ERR_INVAL with the reason. */
int topic_overrides_check(const struct topic_overrides *set, const struct topic_overrides *defaults,
    struct why *why);
