/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion reads the same usages that help prints: the words before the last one
 * are followed through the usage of their verb, which says what the last one is to be.
 * What is not understood offers nothing. */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acl/acl.h"
#include "cli/verbs.h"

#define PATIENCE_S 3	/* of who has pressed a key; the signal's default ends the process */

/* A part of a usage: an option, what it takes, or a word that stands by its place. */
struct part {
	struct str text;
	bool option, closed;		/* closed: a bracket ends behind it */
};

/* Where the words have led. */
struct place {
	const struct verb *verb;
	struct str option;		/* its value comes next; empty: none */
	int n;				/* so many words stand before that have a place of their own */
};

static bool
next_part(struct str *usage, struct part *ret)
{
	struct str s;
	do {
		if (usage->p == NULL)
			return false;
		str_cut(usage, ' ', &s);
	} while (s.n == 0);
	*ret = (struct part){ .closed = memchr(s.p, ']', s.n) != NULL && s.p[s.n - 1] == ']' };
	while (s.n > 0 && memchr("[{'", s.p[0], 3) != NULL) {
		s.p++;
		s.n--;
	}
	ret->closed |= s.n > 0 && s.p[s.n - 1] == '}';
	while (s.n > 0 && memchr("}'", s.p[s.n - 1], 2) != NULL)
		s.n--;
	bool inner = memchr(s.p, '[', s.n) != NULL;	/* NAME[:PARTITION] */
	while (s.n > 0 && s.p[s.n - 1] == ']' && !inner)
		s.n--;
	ret->text = s;
	ret->option = s.n > 1 && s.p[0] == '-';
	return true;
}

/* Whether an option of the usage takes a value; which. */
static bool
takes_value(struct str usage, const struct part *option, struct str *ret)
{
	struct part next;
	bool opens = usage.n > 0 && usage.p[0] == '[';
	if (option->closed || opens || !next_part(&usage, &next) || next.option || str_is(next.text, "|"))
		return false;
	*ret = next.text;
	return true;
}

/* ---- the words ---- */

/* The last is another name of the one before, and not offered. */
static const char *const global[] = { "-F", "--tenant", "-o", "--output" };

static bool
is_global(const char *word)
{
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++)
		if (strcmp(word, global[i]) == 0)
			return true;
	return false;
}

/* Whether the verb has such an option, which takes a value. */
static bool
takes(const struct verb *v, const char *word, struct str *ret_value)
{
	struct str usage = str_from(v->usage);
	struct part part;
	while (next_part(&usage, &part))
		if (part.option && str_is(part.text, word))
			return takes_value(usage, &part, ret_value);
	return false;
}

/* Options of every verb are taken to heart and out of the words; how many are left. */
static int
take_global(struct cli *cli, char **argv, int argc)
{
	int n = 0;
	for (int i = 0; i < argc; i++) {
		if (i + 2 < argc && is_global(argv[i])) {
			if (strcmp(argv[i], "-F") == 0)
				cli->file = argv[i + 1];
			if (strcmp(argv[i], "--tenant") == 0)
				cli->tenant = argv[i + 1];
			i++;
		} else {
			argv[n++] = argv[i];
		}
	}
	return n;
}

/* Follows the words behind the verb, but the last one. */
static void
follow(struct place *p, char **argv, int argc)
{
	struct str value;
	for (int i = 0; i + 1 < argc; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			p->n++;
		else if (strchr(argv[i], '=') == NULL && takes(p->verb, argv[i], &value)) {
			if (i + 2 == argc)
				p->option = value;
			i++;
		}
	}
}

/* ---- what the last one is to be ---- */

/* A word of a usage in capitals stands for something; in small letters it is to be typed. */
static enum complete_kind
kind_of(const struct verb *v, struct str text)
{
	static const struct { const char *text; enum complete_kind kind; } kinds[] = {
		{ "USER", COMPLETE_USERS }, { "TEAM", COMPLETE_TEAMS }, { "TOPIC", COMPLETE_TOPICS }, { "TENANT", COMPLETE_TENANTS },
		{ "FILE", COMPLETE_FILES }, { "DIR", COMPLETE_FILES }, { "PATH", COMPLETE_PATHS }, { "/TENANT", COMPLETE_PATHS },
		{ "OPERATION", COMPLETE_OPERATIONS }, { "QUOTA=VALUE", COMPLETE_QUOTAS },
	};
	static const struct { const char *noun; enum complete_kind kind; } nouns[] = {
		{ "topic", COMPLETE_TOPICS }, { "group", COMPLETE_GROUPS }, { "user", COMPLETE_USERS }, { "team", COMPLETE_TEAMS },
		{ "tenant", COMPLETE_TENANTS },
	};
	struct str word = text;
	const char *inner = memchr(text.p, '[', text.n);
	if (inner != NULL)
		word.n = (size_t)(inner - text.p);
	if (word.n > 0 && word.p[0] >= 'a' && word.p[0] <= 'z')
		return COMPLETE_WORDS;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_is(word, kinds[i].text))
			return kinds[i].kind;
	if (!str_is(word, "NAME") || v->noun == NULL || strcmp(v->name, "create") == 0)
		return COMPLETE_NOTHING;
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (strcmp(v->noun, nouns[i].noun) == 0)
			return nouns[i].kind;
	return COMPLETE_NOTHING;
}

void
complete_offer(struct str s, struct str typed)
{
	if (s.n < typed.n || (typed.n > 0 && memcmp(s.p, typed.p, typed.n) != 0))
		return;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return;
	printf("%.*s\n", STR_ARG(s));
}

static void
offer(struct cli *cli, const struct verb *v, struct str text, struct str typed)
{
	enum complete_kind kind = kind_of(v, text);
	struct str word;
	switch (kind) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_WORDS:
		while (text.p != NULL) {
			str_cut(&text, '|', &word);
			if (word.n > 0 && word.p[0] >= 'a' && word.p[0] <= 'z')
				complete_offer(word, typed);
		}
		break;
	case COMPLETE_FILES:
		puts("\tfiles");
		break;
	default:
		complete_names(cli, kind, typed);
	}
}

/* The word whose turn it is; the last one of a usage repeats where dots say so. Those behind a bar have one place. */
static void
offer_word(struct cli *cli, const struct place *p, struct str typed)
{
	struct str usage = str_from(p->verb->usage);
	struct part part;
	struct str value, at = STR_NULL;
	int n = -1;
	bool same = false, again = false;
	while (next_part(&usage, &part)) {
		if (part.option && takes_value(usage, &part, &value))
			(void)next_part(&usage, &part);
		else if (str_is(part.text, "..."))
			again = true;
		else if (str_is(part.text, "|"))
			same = true;
		else if (!part.option) {
			if (!same && ++n == p->n)
				at = part.text;
			again = same = false;
			value = part.text;
		}
	}
	if (at.p == NULL && again && n >= 0)
		at = value;
	if (at.p != NULL)
		offer(cli, p->verb, at, typed);
}

static void
offer_options(const struct verb *v, struct str typed)
{
	struct str usage = v == NULL ? STR_NULL : str_from(v->usage);
	struct part part;
	while (next_part(&usage, &part))
		if (part.option)
			complete_offer(part.text, typed);
	for (size_t i = 0; i + 1 < sizeof(global) / sizeof(global[0]); i++)
		complete_offer(str_from(global[i]), typed);
	if (v != NULL && v->rehearses)
		complete_offer(STR("--dry-run"), typed);
	complete_offer(STR("--help"), typed);
}

/* Nouns and verbs that stand alone, or the verbs of a noun. */
static void
offer_verbs(const char *noun, struct str typed)
{
	const char *last = "help";
	if (noun == NULL)
		complete_offer(STR("help"), typed);
	for (const struct verb *v = verbs_next(NULL); v != NULL; v = verbs_next(v)) {
		const char *first = v->noun != NULL ? v->noun : v->name;
		const char *word = noun == NULL ? first : v->name;
		bool is = noun == NULL ? strcmp(first, last) != 0 : v->noun != NULL && strcmp(v->noun, noun) == 0;
		if (is)
			complete_offer(str_from(word), typed);
		last = first;
	}
}

static void
offer_global(struct cli *cli, const char *option, struct str typed)
{
	if (strcmp(option, "-F") == 0)
		puts("\tfiles");
	else if (strcmp(option, "--tenant") == 0)
		complete_names(cli, COMPLETE_TENANTS, typed);
	else {
		complete_offer(STR("table"), typed);
		complete_offer(STR("json"), typed);
	}
}

/* Whatever is typed, behind the options of every verb. */
static void
offer_last(struct cli *cli, char **argv, int argc, struct str typed)
{
	int words = 0;
	bool helps = argc > 1 && strcmp(argv[0], "help") == 0;
	argv += helps;
	argc -= helps;
	struct place p = { .verb = argc > 1 ? verbs_find(argv, argc - 1, &words) : NULL };
	if (p.verb != NULL && !helps)
		follow(&p, argv + words, argc - words);
	if (p.option.p != NULL)
		offer(cli, p.verb, p.option, typed);
	else if (typed.n > 0 && typed.p[0] == '-')
		offer_options(p.verb, typed);
	else if (p.verb == NULL && argc <= 2)
		offer_verbs(argc == 2 ? argv[0] : NULL, typed);
	else if (p.verb != NULL && !helps)
		offer_word(cli, &p, typed);
}

int
complete(struct cli *cli, char **argv, int argc)
{
	bool marked = argc > 0 && strcmp(argv[0], "--") == 0; /* so that nobody else takes options out of the words */
	argv += marked;
	argc -= marked;
	if (argc == 0 || freopen("/dev/null", "r", stdin) == NULL || freopen("/dev/null", "w", stderr) == NULL)
		return CLI_OK;
	alarm(PATIENCE_S);
	argc = take_global(cli, argv, argc);
	struct str typed = str_from(argv[argc - 1]);
	if (argc > 1 && is_global(argv[argc - 2]))
		offer_global(cli, argv[argc - 2], typed);
	else
		offer_last(cli, argv, argc, typed);
	return CLI_OK;
}
