/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: options, then a noun and a verb (or a verb that stands
 * alone), found in the tables that each file of nouns brings. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/rehearse.h"
#include "cli/verbs.h"

static const char intro[] =
    "schlossctl - administer a Schloss broker\n\n"
    "usage: schlossctl [-F FILE] [-o table|json] [--tenant TENANT] NOUN VERB [...]\n\n";

static const char outro[] =
    "\n-F names the client file (default: $SCHLOSSCTL_CONF, ~/.config/schloss/admin.conf).\n"
    "Exit: 0 done or allowed, 1 denied (why), 2 wrong call, 3 no connection or login,\n"
    "4 refused by the broker, or not there. See schlossctl(1); schlossctl help NOUN [VERB] shows usages.\n\n"
    "A first quarter of an hour:\n"
    "  schlossctl user create anna --conf anna.conf\n"
    "  schlossctl topic create orders -p 3 --owner anna\n"
    "  schlossctl user create bert --conf bert.conf\n"
    "  schlossctl why bert write topics/orders\n"
    "  schlossctl setfacl -m user:bert:w topics/orders\n"
    "  schlossctl getfacl topics/orders\n";

#define USAGE "%s%s%s %s%s"
#define USAGE_ARGS(v) (v)->noun != NULL ? (v)->noun : "", (v)->noun != NULL ? " " : "", (v)->name, (v)->usage, \
	(v)->rehearses ? " [--dry-run]" : ""

static void
print_usage(FILE *out, const struct verb *v)
{
	fprintf(out, "  schlossctl " USAGE "\n      %s\n", USAGE_ARGS(v), v->help);
}

/* All verbs, or those of one noun with their usage; how many. */
static int
print_verbs(FILE *out, const char *noun)
{
	int count = 0;
	for (const struct verb *v = verbs_next(NULL); v != NULL; v = verbs_next(v)) {
		bool alone = v->noun == NULL;
		if (noun != NULL && strcmp(alone ? v->name : v->noun, noun) != 0)
			continue;
		if (noun != NULL)
			print_usage(out, v);
		else
			fprintf(out, "  %-7s%-11s %s\n", alone ? "" : v->noun, v->name, v->help);
		count++;
	}
	return count;
}

/* Nouns, and verbs that stand alone: what a command may begin with. */
static const char *
first_words(struct arena *arena)
{
	struct str s = STR("");
	const char *last = "";
	for (const struct verb *v = verbs_next(NULL); v != NULL; v = verbs_next(v)) {
		const char *word = v->noun != NULL ? v->noun : v->name;
		if (strcmp(word, last) != 0)
			s = arena_printf(arena, "%.*s %s", STR_ARG(s), word);
		last = word;
	}
	return s.p;
}

static int
unknown_verb(struct cli *cli, char **argv, int argc)
{
	char *turned[] = { argc > 1 ? argv[1] : NULL, argv[0] };
	int words;
	if (print_verbs(stderr, argv[0]) == 0) {
		if (argc > 1 && verbs_find(turned, 2, &words) != NULL && words == 2)
			return cli_complain(CLI_USAGE, "the noun stands first: schlossctl %s %s", argv[1], argv[0]);
		return cli_complain(CLI_USAGE, "there is no %s, but:%s\n  schlossctl help shows what they do",
		    cli_escape(cli, str_from(argv[0])), first_words(cli->arena));
	}
	return argc < 2 ? cli_complain(CLI_USAGE, "%s: a verb is missing, one of those above", argv[0]) :
	    cli_complain(CLI_USAGE, "%s has no verb %s, but those above", argv[0], argv[1]);
}

/* Of everything, of a noun, or of one verb. */
static int
help(struct cli *cli, char **argv, int argc)
{
	int words;
	const struct verb *verb = argc > 0 ? verbs_find(argv, argc, &words) : NULL;
	if (verb != NULL)
		print_usage(stdout, verb);
	else if (argc > 1)
		return unknown_verb(cli, argv, argc);
	else if (argc == 1)
		return print_verbs(stdout, argv[0]) > 0 ? CLI_OK : unknown_verb(cli, argv, argc);
	else {
		fputs(intro, stdout);
		print_verbs(stdout, NULL);
		fputs(outro, stdout);
	}
	return CLI_OK;
}

/* The options that every verb has; they may stand anywhere. */
static int
global_options(struct cli *cli, struct args *args)
{
	const char *form = NULL, *last = "";
	args_option(args, "-F", &cli->file);
	args_option(args, "--tenant", &cli->tenant);
	args_option(args, "-o|--output", &form);
	for (int i = 0; i < args->n && strcmp(args->v[i], "--") != 0; i++)
		last = args->v[i];
	if (strcmp(last, "-F") == 0 || strcmp(last, "--tenant") == 0 || strcmp(last, "-o") == 0)
		return cli_complain(CLI_USAGE, "%s: its value is missing", last);
	if (args_again(args) != 0)
		return CLI_USAGE;
	if (form == NULL || strcmp(form, "table") == 0)
		cli->print.form = PRINT_TABLE;
	else if (strcmp(form, "json") == 0)
		cli->print.form = PRINT_JSON;
	else
		return cli_complain(CLI_USAGE, "-o: \"%s\" is neither table nor json", form);
	return 0;
}

static int
run_verb(struct cli *cli, const struct verb *verb, struct args *args)
{
	if (verb->rehearses)
		cli->dry_run = cli->print.quiet = args_flag(args, "--dry-run");
	int status = verb->run(cli, args);
	if (status == CLI_OK && cli->dry_run)
		status = rehearse_tell(cli);
	print_end(&cli->print, status != CLI_OK);
	return status;
}

static int
run(struct cli *cli, struct args *args)
{
	int words;
	if (args_flag(args, "-h|--help"))
		return help(cli, args->v, args->n);
	if (args->n == 0) {
		fputs(intro, stderr);
		return cli_complain(CLI_USAGE, "schlossctl help shows nouns and verbs");
	}
	if (strcmp(args->v[0], "help") == 0)
		return help(cli, args->v + 1, args->n - 1);
	if (strcmp(args->v[0], "complete") == 0)
		return complete(cli, args->v + 1, args->n - 1);
	const struct verb *verb = verbs_find(args->v, args->n, &words);
	if (verb == NULL)
		return unknown_verb(cli, args->v, args->n);
	args->usage = arena_printf(cli->arena, USAGE, USAGE_ARGS(verb)).p;
	args->v += words;
	args->n -= words;
	return run_verb(cli, verb, args);
}

/* Not by a reader who reads no further, as head does: he has what he wanted. */
static bool
output_lost(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };
	(void)fflush(stdout);
	return ferror(stdout) && !(poll(&out, 1, 0) == 1 && (out.revents & POLLERR));
}

int
main(int argc, char **argv)
{
	struct cli cli = { .arena = arena_create(SIZE_MAX), .print = { .out = stdout } };
	struct args args = { .v = argv + 1, .n = argc - 1, .usage = "" };
	signal(SIGPIPE, SIG_IGN);
	cli.print.arena = cli.arena;
	int status;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		status = printf("schlossctl %s\n", PACKAGE_VERSION) > 0 ? CLI_OK : CLI_REFUSED;
	else {
		status = global_options(&cli, &args);
		if (status == 0)
			status = run(&cli, &args);
	}
	conn_close(&cli.conn);
	if (output_lost())
		status = cli_complain(CLI_REFUSED, "the output could not be written");
	arena_wipe(cli.arena); /* passwords and keys went through it */
	arena_destroy(&cli.arena);
	return status;
}
