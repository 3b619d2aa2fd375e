/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values are kept as the text that was given, because that is what tools want
 * back; they are checked when they are set and parsed when a topic's effective
 * settings are made.
 */
#include "meta/topic_config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

#define TOPIC_KIND_OF(kind) TOPIC_KIND_##kind

const struct topic_key_info topic_keys[TOPIC_KEYS] = {
#define X(name, kind, field, text, dflt, min, max, words, synonym, effect, doc) \
	{ text, TOPIC_KIND_OF(kind), dflt, (double)(min), (double)(max), words, synonym, effect, doc },
#include "meta/topic_config.def"
#undef X
};

static const size_t offsets[TOPIC_KEYS] = {
#define X(name, kind, field, text, dflt, min, max, words, synonym, effect, doc) \
	offsetof(struct topic_config, field),
#include "meta/topic_config.def"
#undef X
};

int
topic_key_find(struct str name, enum topic_key *ret)
{
	for (int i = 0; i < TOPIC_KEYS; i++) {
		if (str_is(name, topic_keys[i].name)) {
			*ret = (enum topic_key)i;
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

/* The place of a word in "a,b,c"; -1. */
static int
word_index(const char *words, struct str text)
{
	struct str rest = str_from(words), head;
	for (int i = 0; rest.p != NULL; i++) {
		str_cut(&rest, ',', &head);
		if (str_eq(head, text))
			return i;
	}
	return -1;
}

static int
parse_real(struct str text, double *ret)
{
	char copy[64], *end;
	if (text.n == 0 || text.n >= sizeof(copy))
		return ERR_INVAL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	errno = 0;
	*ret = strtod(copy, &end);
	return errno == 0 && *end == '\0' && *ret == *ret ? 0 : ERR_INVAL;
}

/* The bits of a list's words, or -1. */
static int64_t
parse_list(const char *words, struct str text)
{
	int64_t bits = 0;
	struct str head;
	if (str_trim(text).n == 0)
		return -1;
	while (text.p != NULL) {
		str_cut(&text, ',', &head);
		int i = word_index(words, str_trim(head));
		if (i < 0)
			return -1;
		bits |= INT64_C(1) << i;
	}
	return bits;
}

static int
number_check(const struct topic_key_info *k, struct str text, struct why *why)
{
	int64_t v;
	/* The bounds are doubles: INT64_MAX as one would be just too large. */
	int64_t max = k->max >= 9e18 ? INT64_MAX : (int64_t)k->max;
	if (str_to_i64(text, INT64_MIN, INT64_MAX, &v) != 0)
		return why_set(why, ERR_INVAL, "%s must be a whole number, not '%.*s'", k->name, STR_ARG(text));
	if (v < (int64_t)k->min || v > max)
		return why_set(why, ERR_INVAL, "%s must be between %ld and %ld, not %ld", k->name,
		    (long)k->min, (long)max, (long)v);
	return 0;
}

/* Java's Boolean does not look at the case. */
static bool
is_either(struct str text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

int
topic_value_check(enum topic_key key, struct str text, struct why *why)
{
	const struct topic_key_info *k = &topic_keys[key];
	double real;
	switch (k->kind) {
	case TOPIC_KIND_INT:
	case TOPIC_KIND_INT32:
		return number_check(k, text, why);
	case TOPIC_KIND_REAL:
		if (parse_real(text, &real) != 0 || real < k->min || real > k->max)
			return why_set(why, ERR_INVAL, "%s must be a number between %g and %g, not '%.*s'",
			    k->name, k->min, k->max, STR_ARG(text));
		return 0;
	case TOPIC_KIND_BOOL:
		if (!is_either(text, "true") && !is_either(text, "false"))
			return why_set(why, ERR_INVAL, "%s must be true or false, not '%.*s'", k->name, STR_ARG(text));
		return 0;
	case TOPIC_KIND_ENUM:
		if (word_index(k->words, text) < 0)
			return why_set(why, ERR_INVAL, "%s must be one of %s, not '%.*s'", k->name, k->words, STR_ARG(text));
		return 0;
	case TOPIC_KIND_LIST:
		if (parse_list(k->words, text) < 0)
			return why_set(why, ERR_INVAL, "%s must be a list of %s, not '%.*s'", k->name, k->words, STR_ARG(text));
		return 0;
	case TOPIC_KIND_TEXT:
		break;
	}
	return text.n <= 4096 ? 0 : why_set(why, ERR_INVAL, "%s is too long", k->name);
}

double
topic_value_number(enum topic_key key, struct str text)
{
	double v = 0;
	enum topic_kind kind = topic_keys[key].kind;
	if (kind == TOPIC_KIND_INT || kind == TOPIC_KIND_INT32 || kind == TOPIC_KIND_REAL)
		(void)parse_real(text, &v);
	return v;
}

static void
put_value(struct topic_config *out, enum topic_key key, struct str text)
{
	const struct topic_key_info *k = &topic_keys[key];
	void *field = (char *)out + offsets[key];
	int64_t v = 0;
	if (!k->effect)
		return;
	switch (k->kind) {
	case TOPIC_KIND_INT:
		(void)str_to_i64(text, INT64_MIN, INT64_MAX, field);
		break;
	case TOPIC_KIND_INT32:
		(void)str_to_i64(text, INT32_MIN, INT32_MAX, &v);
		*(int32_t *)field = (int32_t)v;
		break;
	case TOPIC_KIND_REAL:
		(void)parse_real(text, field);
		break;
	case TOPIC_KIND_ENUM:
		*(int *)field = word_index(k->words, text);
		break;
	case TOPIC_KIND_LIST:
		*(unsigned *)field = (unsigned)parse_list(k->words, text);
		break;
	case TOPIC_KIND_BOOL:
	case TOPIC_KIND_TEXT:
		break;
	}
}

void
topic_config_make(const struct topic_overrides *set, const struct topic_overrides *defaults,
    struct topic_config *ret)
{
	struct topic_config c = { .log = log_config_default };
	for (int i = 0; i < TOPIC_KEYS; i++) {
		const char *text = set->v[i];
		if (text == NULL && defaults != NULL)
			text = defaults->v[i];
		put_value(&c, (enum topic_key)i, str_from(text != NULL ? text : topic_keys[i].dflt));
	}
	*ret = c;
}

int
topic_overrides_check(const struct topic_overrides *set, const struct topic_overrides *defaults,
    struct why *why)
{
	struct topic_config c;
	topic_config_make(set, defaults, &c);
	if (c.log.min_compaction_lag_ms > c.log.max_compaction_lag_ms)
		return why_set(why, ERR_INVAL, "min.compaction.lag.ms is above max.compaction.lag.ms (%ld, %ld)",
		    (long)c.log.min_compaction_lag_ms, (long)c.log.max_compaction_lag_ms);
	return 0;
}
