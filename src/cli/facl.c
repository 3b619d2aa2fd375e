/* SPDX-License-Identifier: Apache-2.0
 *
 * getfacl and setfacl: a second notation for Kafka's ACL bindings. The broker
 * is asked for the rules alone, without the bindings that it shows for modes: a
 * rule may say what the mode says, and has to be seen and removed all the same.
 * So getfacl's output, given to setfacl --set-file, changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acl/acl.h"
#include "acl/text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/when.h"
#include "cli/cli.h"
#include "cli/tree.h"
#include "wire/kerr.h"

#define RULES_MAX (1024 * 1024)
#define NEAR_MAX 8	/* that are shown beside a rule that is not there */

/* Rules on one path. */
struct rules {
	struct cli *cli;
	struct str text;		/* the path */
	struct acl_path path;
	struct acl_binding on;		/* type, pattern and name, for parsing */
	ARRAY(struct acl_binding) list;
};

static int
rules_on(struct cli *cli, const char *text, struct rules *ret)
{
	struct why why;
	*ret = (struct rules){ .cli = cli };
	int status = tree_node_path(cli, text, &ret->text);
	if (status != 0)
		return status;
	if (acl_path_parse(cli->arena, ret->text, &ret->path, &why) != 0 ||
	    acl_path_binding(&ret->path, &ret->on, &why) != 0)
		return cli_complain(CLI_USAGE, "%s: %s", text, why.text);
	return 0;
}

static int
keep(const struct acl_binding *b, void *arg)
{
	struct rules *r = arg;
	struct acl_binding *mine = ARRAY_ADD(r->cli->arena, r->list);
	*mine = *b;
	mine->name = arena_str(r->cli->arena, b->name);
	mine->principal = arena_str(r->cli->arena, b->principal);
	mine->host = arena_str(r->cli->arena, b->host);
	return 0;
}

static bool
same(const struct acl_binding *a, const struct acl_binding *b)
{
	return a->type == b->type && a->pattern == b->pattern && a->op == b->op &&
	    a->permission == b->permission && str_eq(a->name, b->name) &&
	    str_eq(a->principal, b->principal) && str_eq(a->host, b->host);
}

static bool
has(const struct rules *r, const struct acl_binding *b)
{
	for (int32_t i = 0; i < r->list.n; i++)
		if (same(&r->list.v[i], b))
			return true;
	return false;
}

/* The node of the path, where we may see it. */
static int
ask_node(struct cli *cli, const struct rules *r, struct tree_list_rsp_node *ret, bool *ret_found)
{
	struct tree_list_req in;
	struct tree_list_rsp out;
	wire_defaults(&tree_list_req_msg, &in);
	in.tenant = cli_tenant_field(cli);
	in.path = r->text;
	in.limit = 10;
	*ret_found = false;
	int status = cli_call(cli, WIRE_KEY_TREE_LIST, &in, &out);
	if (status == 0 && out.error_code == KERR_COORDINATOR_LOAD_IN_PROGRESS) /* it may be there */
		return cli_answer(cli, cli_escape(cli, r->text), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && out.error_code == 0 && i < out.nodes.n; i++) {
		if (str_eq(out.nodes.v[i].path, r->text)) {
			*ret = out.nodes.v[i];
			*ret_found = true;
		}
	}
	return status;
}

/* quiet: a refusal is not said. */
static int
ask_rules(struct cli *cli, struct rules *r, bool quiet)
{
	struct describe_acls_req in;
	struct describe_acls_rsp out;
	wire_defaults(&describe_acls_req_msg, &in);
	in.resource_type_filter = r->on.type;
	in.resource_name_filter = NAME(0, r->on.name);
	in.pattern_type_filter = r->on.pattern;
	in.operation = ACL_OP_ANY;
	in.permission_type = ACL_PERMISSION_ANY;
	in.rules_only = true;
	int status = cli_open_in(cli, r->path.tenant);
	if (status == 0)
		status = cli_call(cli, WIRE_KEY_DESCRIBE_ACLS, &in, &out);
	if (status == 0 && quiet && out.error_code != 0)
		return CLI_REFUSED;
	if (status == 0)
		status = cli_answer(cli, cli_escape(cli, r->text), out.error_code, out.error_message);
	for (int32_t i = 0; status == 0 && i < out.resources.n; i++) {
		const struct describe_acls_rsp_resource *res = &out.resources.v[i];
		for (int32_t k = 0; k < res->acls.n; k++) {
			struct acl_binding b = { res->resource_type, res->pattern_type, res->acls.v[k].operation,
			    res->acls.v[k].permission_type, res->resource_name.s, res->acls.v[k].principal,
			    res->acls.v[k].host, res->acls.v[k].until_ms };
			keep(&b, r);
		}
	}
	return status;
}

static void
print_head(struct cli *cli, const struct rules *r, const struct tree_list_rsp_node *node)
{
	char mode[ACL_MODE_TEXT];
	printf("# path: %s\n", cli_escape(cli, r->text));
	if (node != NULL)
		printf("# owner: %s\n# team: %s\n# mode: %s\n", cli_escape(cli, node->owner),
		    cli_escape(cli, node->team), acl_mode_format((unsigned)node->mode & 0777, mode));
}

static bool
one_line(const struct acl_binding *a, const struct acl_binding *b)
{
	return a->permission == b->permission && str_eq(a->principal, b->principal) &&
	    str_eq(a->host, b->host) && a->until_ms == b->until_ms;
}

/* The line of the i-th rule and of all that differ only in the operation;
 * null where an earlier one's line has it. */
static struct str
rule_text(struct cli *cli, const struct rules *r, int32_t i)
{
	const struct acl_binding *b = &r->list.v[i];
	uint32_t ops = 0;
	struct buf line;
	for (int32_t k = 0; k < r->list.n; k++) {
		if (!one_line(b, &r->list.v[k]))
			continue;
		if (k < i)
			return STR_NULL;
		ops |= UINT32_C(1) << r->list.v[k].op;
	}
	buf_init(&line, 65536);
	struct str text = acl_rule_text_format(&line, b, ops) == 0 ? arena_str(cli->arena, buf_str(&line)) :
	    STR("# a rule that is too long to show");
	buf_free(&line);
	return text;
}

static void
print_rules_json(struct cli *cli, const struct rules *r)
{
	static const struct print_column columns[] = {
		{ "path", PRINT_TEXT }, { "rule", PRINT_TEXT },
	};
	struct print_table t;
	print_table_init(&t, &cli->print, "rules", columns, 2);
	for (int32_t i = 0; i < r->list.n; i++) {
		struct str text = rule_text(cli, r, i);
		if (text.p == NULL)
			continue;
		struct str *cell = print_row(&t);
		cell[0] = r->text;
		cell[1] = text;
	}
	print_table(&cli->print, &t);
}

static int
run_getfacl(struct cli *cli, struct args *args)
{
	struct rules r;
	struct tree_list_rsp_node node;
	bool found;
	int status = args_end(args, 1, 1);
	if (status == 0)
		status = rules_on(cli, args->v[0], &r);
	if (status == 0)
		status = ask_node(cli, &r, &node, &found);
	if (status == 0)
		status = ask_rules(cli, &r, false);
	if (status != 0)
		return status;
	if (cli->print.form == PRINT_JSON) {
		print_rules_json(cli, &r);
		return 0;
	}
	print_head(cli, &r, found ? &node : NULL);
	for (int32_t i = 0; i < r.list.n; i++) {
		struct str text = rule_text(cli, &r, i);
		if (text.p != NULL)
			printf("%.*s\n", STR_ARG(text));
	}
	return 0;
}

/* Of each user that the rules name, once. */
static void
warn_of_nobody(struct cli *cli, const struct rules *r)
{
	for (int32_t i = 0; i < r->list.n; i++) {
		struct str who = r->list.v[i].principal, kind;
		bool again = i > 0 && str_eq(who, r->list.v[i - 1].principal);
		if (!again && str_cut(&who, ':', &kind) && str_is(kind, "User") && !str_is(who, "*"))
			cli_warn_of_nobody(cli, r->path.tenant, who);
	}
}

static int
add_rules(struct cli *cli, const struct rules *r)
{
	struct create_acls_req in;
	struct create_acls_rsp out;
	wire_defaults(&create_acls_req_msg, &in);
	if (r->list.n == 0)
		return 0;
	for (int32_t i = 0; i < r->list.n; i++) {
		const struct acl_binding *b = &r->list.v[i];
		struct create_acls_req_creation *c = WIRE_ADD(cli->arena, in.creations, create_acls_req_creation);
		c->resource_type = b->type;
		c->resource_name = NAME(0, b->name);
		c->resource_pattern_type = b->pattern;
		c->principal = b->principal;
		c->host = b->host;
		c->operation = b->op;
		c->permission_type = b->permission;
		c->until_ms = b->until_ms;
	}
	int status = cli_call(cli, WIRE_KEY_CREATE_ACLS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.results.n; i++) {
		status = cli_answer(cli, cli_escape(cli, r->text), out.results.v[i].error_code,
		    out.results.v[i].error_message);
		if (status == 0 && i < r->list.n && out.results.v[i].until_ms != r->list.v[i].until_ms)
			status = cli_complain(CLI_REFUSED, "%s: this broker knows of no rules that end, and has made one "
			    "without: remove it with setfacl -x", cli_escape(cli, r->text));
	}
	if (status == 0)
		warn_of_nobody(cli, r);
	return status;
}

/* Whether the line of the i-th rule has the principal of a missing one, or else one's operation. */
static bool
is_near(const struct rules *now, int32_t i, const struct rules *missing, bool by_who)
{
	for (int32_t k = 0; k < now->list.n; k++) {
		const struct acl_binding *b = &now->list.v[k];
		for (int32_t m = 0; one_line(&now->list.v[i], b) && m < missing->list.n; m++)
			if (by_who ? str_eq(b->principal, missing->list.v[m].principal) : b->op == missing->list.v[m].op)
				return true;
	}
	return false;
}

/* Those that may have been meant: of the same user or team first, then for the same operation. */
static void
show_near(struct cli *cli, const struct rules *missing)
{
	struct rules now = { .cli = cli, .text = missing->text, .path = missing->path, .on = missing->on };
	struct str s = STR_NULL;
	int shown = 0;
	if (ask_rules(cli, &now, true) != 0)
		return;
	for (int pass = 0; pass < 2; pass++)
		for (int32_t i = 0; i < now.list.n; i++) {
			struct str text = rule_text(cli, &now, i);
			bool who = is_near(&now, i, missing, true);
			if (text.p == NULL || (pass == 0 ? !who : who || !is_near(&now, i, missing, false)) || shown++ >= NEAR_MAX)
				continue;
			s = arena_printf(cli->arena, "%.*s%s%.*s", STR_ARG(s), s.n > 0 ? ", " : "", STR_ARG(text));
		}
	if (s.n > 0)
		fprintf(stderr, "  there is %.*s%s\n", STR_ARG(s), shown > NEAR_MAX ? ", and more" : "");
	else if (now.list.n > 0)
		fprintf(stderr, "  schlossctl getfacl shows those that there are\n");
	else
		fprintf(stderr, "  it has no rules\n");
}

static void
say_missing(struct cli *cli, const struct rules *missing)
{
	for (int32_t i = 0; i < missing->list.n; i++) {
		struct str text = rule_text(cli, missing, i);
		if (text.p != NULL)
			cli_complain(CLI_REFUSED, "%s: there is no rule %.*s", cli_escape(cli, missing->text), STR_ARG(text));
	}
	show_near(cli, missing);
}

/* ret_missing: those among the first `named` that were not there. */
static int
remove_rules(struct cli *cli, const struct rules *r, int32_t named, struct rules *ret_missing)
{
	struct delete_acls_req in;
	struct delete_acls_rsp out;
	wire_defaults(&delete_acls_req_msg, &in);
	if (r->list.n == 0)
		return 0;
	for (int32_t i = 0; i < r->list.n; i++) {
		const struct acl_binding *b = &r->list.v[i];
		struct delete_acls_req_filter *f = WIRE_ADD(cli->arena, in.filters, delete_acls_req_filter);
		f->resource_type_filter = b->type;
		f->resource_name_filter = NAME(0, b->name);
		f->pattern_type_filter = b->pattern;
		f->principal_filter = b->principal;
		f->host_filter = b->host;
		f->operation = b->op;
		f->permission_type = b->permission;
	}
	int status = cli_call(cli, WIRE_KEY_DELETE_ACLS, &in, &out);
	if (status != 0)
		return status;
	for (int32_t i = 0; i < out.filter_results.n; i++) {
		const struct delete_acls_rsp_filter_result *f = &out.filter_results.v[i];
		if (f->error_code != 0 && status == 0)
			status = cli_answer(cli, cli_escape(cli, r->text), f->error_code, f->error_message);
		else if (f->error_code == 0 && i < named && f->matching_acls.n == 0)
			keep(&r->list.v[i], ret_missing);
	}
	return status;
}

/* Lines or words with ',' between; '#' begins a comment. */
static int
parse_rules(struct rules *r, struct str text, char separator)
{
	struct str line;
	struct why why;
	while (text.p != NULL) {
		str_cut(&text, separator, &line);
		line = str_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (acl_rule_text_parse(r->cli->arena, line, &r->on, keep, r, &why) != 0)
			return cli_complain(CLI_USAGE, "\"%s\": %s", cli_escape(r->cli, line), why.text);
	}
	return 0;
}

/* What was read replaces every rule, so that it must be whole, and something: a
 * getfacl that failed leaves nothing in the pipe. */
static int
parse_file(struct rules *r, const char *file)
{
	struct buf text;
	char block[4096];
	size_t n;
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	int err = 0, status;
	if (in == NULL)
		return cli_complain(CLI_USAGE, "%s: cannot be read: %s", file, strerror(errno));
	buf_init(&text, RULES_MAX);
	while (err == 0 && (n = fread(block, 1, sizeof(block), in)) > 0)
		err = buf_add(&text, block, n);
	if (err != 0)
		status = cli_complain(CLI_USAGE, "%s: too large", file);
	else if (ferror(in))
		status = cli_complain(CLI_USAGE, "%s: cannot be read: %s", file, strerror(errno));
	else if (str_trim(buf_str(&text)).n == 0)
		status = cli_complain(CLI_USAGE, "%s: there is nothing in it, and so nothing was changed; setfacl -b "
		    "removes all rules", file);
	else
		status = parse_rules(r, arena_str(r->cli->arena, buf_str(&text)), '\n');
	if (in != stdin)
		fclose(in);
	buf_free(&text);
	return status;
}

struct setfacl {
	ARRAY(const char *) add, remove;
	const char *file;
	bool clear;
	int64_t until_ms;		/* of rules of -m that do not say it themselves; 0: none is given */
};

static int
parse_words(struct rules *r, const char *const *v, int32_t n)
{
	int status = 0;
	for (int32_t i = 0; status == 0 && i < n; i++)
		status = parse_rules(r, str_from(v[i]), ',');
	return status;
}

/* Those of -m, which end with --until where they do not say it themselves, and those of the file. */
static int
parse_added(struct rules *add, const struct setfacl *s)
{
	int status = parse_words(add, s->add.v, s->add.n);
	for (int32_t i = 0; i < add->list.n; i++)
		if (add->list.v[i].until_ms == 0)
			add->list.v[i].until_ms = s->until_ms;
	return status == 0 && s->file != NULL ? parse_file(add, s->file) : status;
}

/* Adds before it removes, so that nobody loses a right in between; but a deny
 * rule that is to go, goes after what is to come. ret_missed: some that were to
 * go were not there, which was said; all else is done. */
static int
apply(struct cli *cli, const struct setfacl *s, const struct rules *on, bool *ret_missed)
{
	struct rules add = *on, gone = *on, now = *on, missing = *on;
	int status = parse_added(&add, s);
	if (status == 0)
		status = parse_words(&gone, s->remove.v, s->remove.n);
	int32_t named = gone.list.n;
	if (status == 0 && (s->clear || s->file != NULL)) {
		status = ask_rules(cli, &now, false);
		for (int32_t i = 0; status == 0 && i < now.list.n; i++)
			if (!has(&add, &now.list.v[i]))
				keep(&now.list.v[i], &gone);
	}
	if (status == 0)
		status = cli_open_in(cli, on->path.tenant);
	if (status == 0)
		status = add_rules(cli, &add);
	if (status == 0)
		status = remove_rules(cli, &gone, named, &missing);
	if (missing.list.n > 0) {
		say_missing(cli, &missing);
		*ret_missed = true;
	}
	return status;
}

/* "2027-03-31T18:00:00Z", or "8h": from now on. */
static int
parse_until(const char *text, int64_t *ret)
{
	int64_t period;
	if (when_parse(str_from(text), ret) == 0)
		return 0;
	if (args_period(text, &period) == 0) {
		*ret = clock_wall_ms() + period;
		*ret -= *ret % 1000; /* what was asked for in seconds is told in such */
		return 0;
	}
	return cli_complain(CLI_USAGE, "\"%s\" is no end: 2027-03-31T18:00:00Z, or from now on 90m, 8h, 30d, 2w", text);
}

static int
read_until(struct args *args, struct setfacl *s)
{
	const char *until;
	if (!args_option(args, "--until", &until))
		return 0;
	if (s->add.n == 0)
		return cli_complain(CLI_USAGE, "--until is the end of rules that -m adds; in a file each rule says its own: "
		    "user:NAME:OPS until 2027-03-31T18:00:00Z");
	return parse_until(until, &s->until_ms);
}

static int
read_setfacl(struct cli *cli, struct args *args, struct setfacl *ret)
{
	struct setfacl s = { .file = NULL };
	const char *rule;
	while (args_option(args, "-m|--modify", &rule))
		*ARRAY_ADD(cli->arena, s.add) = rule;
	while (args_option(args, "-x|--remove", &rule))
		*ARRAY_ADD(cli->arena, s.remove) = rule;
	args_option(args, "--set-file", &s.file);
	s.clear = args_flag(args, "-b|--remove-all");
	int status = read_until(args, &s);
	if (status == 0)
		status = args_end(args, 1, 1000);
	if (status == 0 && s.add.n == 0 && s.remove.n == 0 && s.file == NULL && !s.clear)
		status = cli_complain(CLI_USAGE, "nothing to do: -m RULE adds, -x RULE removes, -b removes all, "
		    "--set-file FILE replaces all; a rule is [deny:]user:NAME:OPS[@HOST] or team:NAME:OPS");
	if (status == 0 && s.file != NULL && args->n > 1)
		status = cli_complain(CLI_USAGE, "--set-file is for one path");
	*ret = s;
	return status;
}

static int
run_setfacl(struct cli *cli, struct args *args)
{
	struct setfacl s;
	struct rules on;
	bool missed = false;
	int status = read_setfacl(cli, args, &s);
	for (int i = 0; status == 0 && i < args->n; i++) {
		status = rules_on(cli, args->v[i], &on);
		if (status == 0)
			status = apply(cli, &s, &on, &missed);
	}
	return status == 0 && missed ? CLI_REFUSED : status;
}

const struct verb facl_verbs[] = {
	{ NULL, "getfacl", run_getfacl, "PATH", "the rules on a path; setfacl reads its output" },
	{ NULL, "setfacl", run_setfacl,
	    "{-m RULE,... [--until TIME] | -x RULE,... | -b | --set-file FILE} PATH ...",
	    "add, remove, replace rules: [deny:]user:NAME:OPS[@HOST], team:NAME:OPS", true },
	{ .name = NULL },
};
