/* SPDX-License-Identifier: Apache-2.0
 *
 * Options are taken out of the words one by one, by the verb that knows them;
 * what begins with '-' and is still there at the end is unknown. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

static void
drop(struct args *args, int at, int count)
{
	for (int i = at; i + count < args->n; i++)
		args->v[i] = args->v[i + count];
	args->n -= count;
}

/* Whether word is one of "a|b", or of them with "=VALUE" behind. */
static bool
matches(const char *word, const char *names, const char **ret_value)
{
	struct str rest = str_from(names), name;
	*ret_value = NULL;
	while (rest.p != NULL) {
		str_cut(&rest, '|', &name);
		if (strncmp(word, name.p, name.n) != 0)
			continue;
		if (word[name.n] == '\0')
			return true;
		if (word[name.n] == '=' && name.n > 2) {
			*ret_value = word + name.n + 1;
			return true;
		}
	}
	return false;
}

static void
took(struct args *args, const char *names)
{
	for (int i = 0; i < args->taken_n; i++)
		if (args->taken[i] == names)
			return;
	if (args->taken_n < ARGS_TAKEN_MAX)
		args->taken[args->taken_n++] = names;
}

bool
args_option(struct args *args, const char *names, const char **ret)
{
	for (int i = 0; i < args->n && strcmp(args->v[i], "--") != 0; i++) {
		const char *value;
		if (!matches(args->v[i], names, &value))
			continue;
		if (value == NULL && i + 1 >= args->n)
			return false; /* stays, and is blamed at the end */
		*ret = value != NULL ? value : args->v[i + 1];
		drop(args, i, value != NULL ? 1 : 2);
		took(args, names);
		return true;
	}
	return false;
}

bool
args_flag(struct args *args, const char *names)
{
	for (int i = 0; i < args->n && strcmp(args->v[i], "--") != 0; i++) {
		const char *value;
		if (matches(args->v[i], names, &value) && value == NULL) {
			drop(args, i, 1);
			took(args, names);
			return true;
		}
	}
	return false;
}

static int
usage(const struct args *args)
{
	fprintf(stderr, "usage: schlossctl %s\n", args->usage);
	return CLI_USAGE;
}

int
args_again(const struct args *args)
{
	const char *value;
	for (int i = 0; i < args->n && strcmp(args->v[i], "--") != 0; i++)
		for (int k = 0; k < args->taken_n; k++)
			if (matches(args->v[i], args->taken[k], &value))
				return cli_complain(CLI_USAGE, "%.*s stands twice", (int)strcspn(args->v[i], "="), args->v[i]);
	return 0;
}

int
args_end(struct args *args, int min, int max)
{
	if (args_again(args) != 0)
		return usage(args);
	for (int i = 0; i < args->n; i++) {
		if (strcmp(args->v[i], "--") == 0) {
			drop(args, i, 1);
			break;
		}
		if (args->v[i][0] == '-' && args->v[i][1] != '\0') {
			cli_complain(CLI_USAGE, i + 1 == args->n ? "%s is unknown here, or its value is missing" :
			    "%s is unknown here", args->v[i]);
			return usage(args);
		}
	}
	if (args->n < min)
		cli_complain(CLI_USAGE, "something is missing");
	else if (args->n > max && strchr(args->v[max], '=') != NULL && strstr(args->usage, "-c SETTING") != NULL)
		cli_complain(CLI_USAGE, "%s is one word too many: -c %s sets it", args->v[max], args->v[max]);
	else if (args->n > max)
		cli_complain(CLI_USAGE, "\"%s\" is one word too many", args->v[max]);
	else
		return 0;
	return usage(args);
}

int
args_number(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret)
{
	if (str_to_i64(str_from(text), min, max, ret) == 0)
		return 0;
	return cli_complain(CLI_USAGE, "%s: \"%s\" is no number from %lld to %lld", option, text,
	    (long long)min, (long long)max);
}

int
args_period(const char *text, int64_t *ret_ms)
{
	static const struct { char unit; int64_t s; } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	struct str s = str_from(text);
	int64_t n;
	for (size_t i = 0; s.n > 1 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (s.p[s.n - 1] != units[i].unit ||
		    str_to_i64((struct str){ s.p, s.n - 1 }, 1, INT64_C(36500) * 86400 / units[i].s, &n) != 0)
			continue;
		*ret_ms = n * units[i].s * 1000;
		return 0;
	}
	return ERR_INVAL;
}
