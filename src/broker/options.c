/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of options.def as const tables, and the five verbs that work on any
 * of them: find, set, reset, text, same. A value is checked whole before it is
 * stored. Plain words that YAML takes for booleans or null are never taken as
 * text: somebody who writes `user: no` is asked to say what he means. */
#include "broker/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/conf.h"

#define REQ OPTION_REQ
#define LIVE OPTION_LIVE
#define PUB OPTION_PUB
#define SECRET OPTION_SECRET
#define ROW(type, str, field, name, def, min, max, unit, flags, help) \
	{ OPTION_##type, name, def, (double)(min), (double)(max), (int64_t)(min), (int64_t)(max), \
	  unit, flags, help, offsetof(struct str, field) },

const struct conf_option conf_options[] = {
#define OPTION(type, field, name, def, min, max, unit, flags, help) \
	ROW(type, conf, field, name, def, min, max, unit, flags, help)
#include "broker/options.def"
};
const size_t conf_option_count = sizeof(conf_options) / sizeof(conf_options[0]);

const struct conf_option listener_options[] = {
#define LISTENER(type, field, name, def, min, max, unit, flags, help) \
	ROW(type, conf_listener, field, name, def, min, max, unit, flags, help)
#include "broker/options.def"
};
const size_t listener_option_count = sizeof(listener_options) / sizeof(listener_options[0]);

const struct conf_option *
option_find(const struct conf_option *table, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(name, table[i].name))
			return &table[i];
	return NULL;
}

#define NAME_MAX_BYTES 64

/* Levenshtein's distance, for names of at most NAME_MAX_BYTES. */
static size_t
distance(struct str a, struct str b)
{
	size_t row[NAME_MAX_BYTES + 1];
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

const char *
option_nearest(const struct conf_option *table, size_t n, struct str name)
{
	const char *nearest = NULL;
	size_t least = name.n / 3 + 1;
	if (name.n > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct str s = str_from(table[i].name);
		size_t d = s.n > NAME_MAX_BYTES ? SIZE_MAX : distance(name, s);
		if (d < least) {
			least = d;
			nearest = table[i].name;
		}
	}
	return nearest;
}

/* Whether YAML 1.1, or its users, would read this plain word as no text. */
static bool
is_trap(const struct option_text *t)
{
	static const char *const words[] = {
		"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "",
	};
	if (!t->plain)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (t->s.n == strlen(words[i]) && strncasecmp(t->s.p, words[i], t->s.n) == 0)
			return true;
	return false;
}

static int
check_text(const struct option_text *t, struct why *why)
{
	if (t->s.n == 0)
		return why_set(why, ERR_INVAL, "a value is missing");
	if (is_trap(t))
		return why_set(why, ERR_INVAL, "%.*s without quotes is no text in YAML: "
		    "write \"%.*s\" if that word is meant", STR_ARG(t->s), STR_ARG(t->s));
	if (memchr(t->s.p, '\0', t->s.n) != NULL || !str_is_utf8(t->s))
		return why_set(why, ERR_INVAL, "the text is no UTF-8 or has a zero byte");
	if (t->s.n >= 2 && memcmp(t->s.p, "${", 2) == 0)
		return why_set(why, ERR_INVAL, "${...} is not replaced here: write the value");
	return 0;
}

/* Which of the words "a|b|c" s is, or -1. */
static int
word_index(const char *words, struct str s)
{
	struct str rest = str_from(words), word;
	for (int i = 0; rest.p != NULL; i++) {
		str_cut(&rest, '|', &word);
		if (str_eq(word, s))
			return i;
	}
	return -1;
}

static int
check_word(const struct conf_option *opt, const struct option_text *t, int *ret, struct why *why)
{
	char words[256];
	int i = word_index(opt->unit, t->s);
	if (i >= 0) {
		*ret = i;
		return 0;
	}
	snprintf(words, sizeof(words), "%s", opt->unit);
	for (char *bar = words; (bar = strchr(bar, '|')) != NULL;)
		*bar = ' ';
	return why_set(why, ERR_INVAL, "\"%.*s\" is none of: %s", STR_ARG(t->s), words);
}

static int
check_int(const struct conf_option *opt, struct str s, int64_t *ret, struct why *why)
{
	int64_t v;
	int err = str_to_i64(s, INT64_MIN, INT64_MAX, &v);
	bool octal = s.n > 1 && s.p[0] == '0';
	if (err == ERR_INVAL || octal)
		return why_set(why, ERR_INVAL, "\"%.*s\" is no plain number%s%s%s: write digits only, "
		    "such as %s", STR_ARG(s), opt->unit[0] ? " (" : "", opt->unit,
		    opt->unit[0] ? ")" : "", opt->def[0] ? opt->def : "1");
	if (err != 0 || v < opt->imin || v > opt->imax)
		return why_set(why, ERR_INVAL, "%.*s is not in the range %lld to %lld", STR_ARG(s),
		    (long long)opt->imin, (long long)opt->imax);
	*ret = v;
	return 0;
}

static int
check_real(const struct conf_option *opt, struct str s, double *ret, struct why *why)
{
	char text[32], *end;
	double v = 0;
	bool fits = s.n > 0 && s.n < sizeof(text) && strspn(s.p, "0123456789.") >= s.n;
	if (fits) {
		snprintf(text, sizeof(text), "%.*s", STR_ARG(s));
		v = strtod(text, &end);
		fits = *end == '\0';
	}
	if (!fits)
		return why_set(why, ERR_INVAL, "\"%.*s\" is no number such as 0.5", STR_ARG(s));
	if (v < opt->min || v > opt->max)
		return why_set(why, ERR_INVAL, "%.*s is not in the range %g to %g", STR_ARG(s),
		    opt->min, opt->max);
	*ret = v;
	return 0;
}

static int
check_bool(const struct option_text *t, bool *ret, struct why *why)
{
	if (t->plain && str_is(t->s, "true"))
		*ret = true;
	else if (t->plain && str_is(t->s, "false"))
		*ret = false;
	else
		return why_set(why, ERR_INVAL, "\"%.*s\" is neither true nor false%s", STR_ARG(t->s),
		    t->plain ? "" : ", which stand without quotes");
	return 0;
}

static int
set_list(const struct conf_option *opt, struct option_list *list, const struct option_text *values,
    size_t n, struct arena *arena, struct why *why)
{
	struct option_list made = { arena_zalloc(arena, (n + 1) * sizeof(*made.v)), 0 };
	for (size_t i = 0; i < n; i++) {
		int word, err = check_text(&values[i], why);
		if (err == 0 && opt->unit[0] != '\0')
			err = check_word(opt, &values[i], &word, why);
		if (err != 0)
			return err;
		for (size_t k = 0; k < made.n; k++)
			if (str_is(values[i].s, made.v[k]))
				return why_set(why, ERR_INVAL, "%.*s stands twice", STR_ARG(values[i].s));
		made.v[made.n++] = arena_str(arena, values[i].s).p;
	}
	if (made.n == 0)
		return why_set(why, ERR_INVAL, "the list is empty");
	*list = made;
	return 0;
}

/* Kafka's form: one scalar with commas between. */
static int
set_commas(const struct conf_option *opt, struct option_list *list, const struct option_text *t,
    struct arena *arena, struct why *why)
{
	struct option_text parts[32];
	struct str rest = t->s, part;
	size_t n = 0;
	while (rest.p != NULL) {
		str_cut(&rest, ',', &part);
		if (n == sizeof(parts) / sizeof(parts[0]))
			return why_set(why, ERR_INVAL, "more than %zu values", n);
		parts[n++] = (struct option_text){ str_trim(part), t->plain };
	}
	return set_list(opt, list, parts, n, arena, why);
}

static int
set_string(const struct conf_option *opt, const char **at, const struct option_text *t,
    const char *dir, struct arena *arena, struct why *why)
{
	int err = check_text(t, why);
	if (err != 0)
		return err;
	if (opt->type == OPTION_PATH && t->s.p[0] != '/')
		*at = arena_printf(arena, "%s/%.*s", dir, STR_ARG(t->s)).p;
	else
		*at = arena_str(arena, t->s).p;
	return 0;
}

int
option_set(const struct conf_option *opt, void *base, const struct option_text *values, size_t n,
    const char *dir, struct arena *arena, struct why *why)
{
	void *at = (char *)base + opt->at;
	int err;
	if (opt->type == OPTION_LIST && n != 1)
		return set_list(opt, at, values, n, arena, why);
	if (n != 1)
		return why_set(why, ERR_INVAL, "one value is expected, not a list");
	switch (opt->type) {
	case OPTION_INT:
		return check_int(opt, values->s, at, why);
	case OPTION_BOOL:
		return check_bool(values, at, why);
	case OPTION_REAL:
		return check_real(opt, values->s, at, why);
	case OPTION_LIST:
		return set_commas(opt, at, values, arena, why);
	case OPTION_ENUM:
		err = check_text(values, why);
		return err != 0 ? err : check_word(opt, values, at, why);
	case OPTION_TEXT:
	case OPTION_PATH:
		break;
	}
	return set_string(opt, at, values, dir, arena, why);
}

void
option_reset(const struct conf_option *opt, void *base, struct arena *arena)
{
	void *at = (char *)base + opt->at;
	struct option_text def = { str_from(opt->def), true };
	if (opt->def[0] != '\0') {
		int err = option_set(opt, base, &def, 1, "", arena, NULL);
		if (err != 0)
			abort(); /* a row of options.def contradicts itself */
		return;
	}
	switch (opt->type) {
	case OPTION_TEXT:
	case OPTION_PATH:
		*(const char **)at = NULL;
		break;
	case OPTION_LIST:
		*(struct option_list *)at = (struct option_list){ NULL, 0 };
		break;
	case OPTION_ENUM:
		*(int *)at = -1;
		break;
	default:
		abort();
	}
}

static const char *
enum_text(const struct conf_option *opt, int place, struct arena *arena)
{
	struct str rest = str_from(opt->unit), word = STR_NULL;
	if (place < 0)
		return NULL;
	for (int i = 0; i <= place; i++)
		str_cut(&rest, '|', &word);
	return arena_str(arena, word).p;
}

static const char *
list_text(const struct option_list *list, struct arena *arena)
{
	struct str s = STR_NULL;
	for (size_t i = 0; i < list->n; i++)
		s = arena_printf(arena, "%.*s%s%s", STR_ARG(s), i > 0 ? "," : "", list->v[i]);
	return s.p;
}

const char *
option_text(const struct conf_option *opt, const void *base, struct arena *arena)
{
	const void *at = (const char *)base + opt->at;
	switch (opt->type) {
	case OPTION_INT:
		return arena_printf(arena, "%lld", (long long)*(const int64_t *)at).p;
	case OPTION_BOOL:
		return *(const bool *)at ? "true" : "false";
	case OPTION_REAL:
		return arena_printf(arena, "%g", *(const double *)at).p;
	case OPTION_ENUM:
		return enum_text(opt, *(const int *)at, arena);
	case OPTION_LIST:
		return list_text(at, arena);
	case OPTION_TEXT:
	case OPTION_PATH:
		break;
	}
	return *(const char *const *)at;
}

bool
option_same(const struct conf_option *opt, const void *a, const void *b)
{
	struct arena *arena = arena_create(SIZE_MAX);
	const char *x = option_text(opt, a, arena), *y = option_text(opt, b, arena);
	bool same = x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
	arena_destroy(&arena);
	return same;
}
