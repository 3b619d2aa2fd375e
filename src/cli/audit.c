/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: where its chain is, and whether files are what the broker wrote. The broker is asked
 * first and the files are read after, so that no line of the head's is missing; of what it writes meanwhile half a line
 * may be seen, and another look then finds it whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/verify.h"
#include "cli/cli.h"
#include "cli/term.h"

static void
take_head(int64_t seq, struct bytes hash, struct audit_head *ret)
{
	*ret = (struct audit_head){ .seq = 0 };
	if (seq <= 0 || hash.n != AUDIT_HASH)
		return;
	ret->seq = (uint64_t)seq;
	memcpy(ret->hash, hash.p, AUDIT_HASH);
}

static int
ask(struct cli *cli, struct audit_head_rsp *ret)
{
	struct audit_head_req in;
	wire_defaults(&audit_head_req_msg, &in);
	int status = cli_call(cli, WIRE_KEY_AUDIT_HEAD, &in, ret);
	return status != 0 ? status : cli_answer(cli, "audit", ret->error_code, ret->error_message);
}

static struct str
head_cell(struct cli *cli, int64_t seq, struct bytes hash)
{
	char text[AUDIT_HEAD_TEXT];
	struct audit_head head;
	take_head(seq, hash, &head);
	return head.seq == 0 ? STR_NULL : arena_str(cli->arena, str_from(chain_head_text(&head, text)));
}

static int
audit_status_verb(struct cli *cli, struct args *args)
{
	static const struct print_column columns[] = {
		{ "file", PRINT_TEXT }, { "state", PRINT_TEXT }, { "failure", PRINT_TEXT }, { "lost", PRINT_NUMBER },
		{ "written", PRINT_TEXT }, { "kept", PRINT_TEXT },
	};
	struct audit_head_rsp out;
	struct print_table t;
	int status = args_end(args, 0, 0);
	if (status == 0)
		status = ask(cli, &out);
	if (status != 0)
		return status;
	print_table_init(&t, &cli->print, "audit", columns, 6);
	struct str *cell = print_row(&t);
	cell[0] = out.file;
	cell[1] = out.failing ? STR("failing") : STR("ok");
	cell[2] = out.refuse ? STR("refuse") : STR("count");
	cell[3] = print_number(&cli->print, out.lost);
	cell[4] = head_cell(cli, out.written, out.written_hash);
	cell[5] = head_cell(cli, out.kept, out.kept_hash);
	print_table(&cli->print, &t);
	return 0;
}

/* ---- verify ---- */

static int
expect_broker(struct cli *cli, struct verify *v)
{
	struct audit_head_rsp out;
	struct audit_head head;
	int status = ask(cli, &out);
	if (status != 0)
		return status;
	take_head(out.kept, out.kept_hash, &head);
	(void)verify_expect(v, &head);
	take_head(out.written, out.written_hash, &head);
	(void)verify_expect(v, &head);
	return 0;
}

/* False where it ends: at a fault, or where it cannot be read (*ret_status). */
static bool
read_file(const char *name, struct verify *v, struct progress *progress, uint64_t *done, int *ret_status)
{
	char piece[65536];
	ssize_t n;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*ret_status = cli_complain(CLI_USAGE, "%s: %s", name, strerror(errno));
		return false;
	}
	verify_file(v);
	while ((n = read(fd, piece, sizeof(piece))) > 0 && verify_feed(v, piece, (size_t)n))
		progress_at(progress, *done += (uint64_t)n);
	progress_end(progress);
	if (n < 0)
		*ret_status = cli_complain(CLI_USAGE, "%s: %s", name, strerror(errno));
	close(fd);
	return *ret_status == 0 && verify_file_end(v);
}

static int
tell_fault(const struct verify *v, const struct args *args)
{
	char text[512];
	verify_text(v, text, sizeof(text));
	const char *name = args->v[v->fault_file > 0 ? v->fault_file - 1 : 0];
	if (v->fault == VERIFY_CUT || v->fault == VERIFY_EMPTY)
		return cli_complain(CLI_NO, "%s: %s", args->v[args->n - 1], text);
	return cli_complain(CLI_NO, "%s:%" PRIu64 ": %s", name, v->fault_line, text);
}

static void
tell_fine(struct cli *cli, const struct verify *v)
{
	char head[AUDIT_HEAD_TEXT];
	print_told(&cli->print, "head", chain_head_text(&v->at, head),
	    "%" PRIu64 " lines, number %" PRIu64 " to %" PRIu64 ", are as they were written, one after the other.", v->lines,
	    v->first, v->at.seq);
	if (v->torn > 0)
		print_done(&cli->print, "%" PRIu64 " were cut short by a crash, and the broker says so.", v->torn);
	if (v->anchored == 0)
		print_done(&cli->print, "No line is known from elsewhere: whether all of them were written anew, or the end was "
		    "cut off, cannot be told. The chain is at %s.", head);
	else if (v->anchored < v->at.seq)
		print_done(&cli->print, "Up to number %" PRIu64 " that is sure; those behind it are known from the files alone.",
		    v->anchored);
}

static int
take_arguments(struct args *args, struct verify *v, bool *ret_offline)
{
	struct audit_head head;
	const char *text;
	*ret_offline = args_flag(args, "--offline");
	while (args_option(args, "--head", &text)) {
		if (text == NULL || chain_head_parse(str_from(text), &head) != 0 || head.seq == 0)
			return cli_complain(CLI_USAGE, "--head: NUMBER:HASH is expected, as schlossctl audit status and the log tell it");
		if (verify_expect(v, &head) != 0)
			return cli_complain(CLI_USAGE, "--head: at most %d", VERIFY_HEADS_MAX);
		*ret_offline = true;
	}
	return args_end(args, 1, 10000);
}

/* Of all files together; what is no file has none. */
static uint64_t
bytes_of(const struct args *args)
{
	struct stat st;
	uint64_t sum = 0;
	for (int i = 0; i < args->n; i++)
		sum += stat(args->v[i], &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return sum;
}

static int
audit_verify(struct cli *cli, struct args *args)
{
	struct verify v;
	bool offline;
	verify_begin(&v);
	int status = take_arguments(args, &v, &offline);
	if (status == 0 && !offline)
		status = expect_broker(cli, &v);
	struct progress progress = { .what = "audit verify", .total = status == 0 ? bytes_of(args) : 0 };
	uint64_t done = 0;
	int i = 0;
	while (status == 0 && i < args->n && read_file(args->v[i], &v, &progress, &done, &status))
		i++;
	if (status == 0 && verify_end(&v))
		tell_fine(cli, &v);
	else if (status == 0)
		status = tell_fault(&v, args);
	verify_free(&v);
	return status;
}

const struct verb audit_verbs[] = {
	{ "audit", "status", audit_status_verb, "", "where the audit log is, whether it is written, the head of its chain" },
	{ "audit", "verify", audit_verify, "[--offline | --head NUMBER:HASH] FILE ...",
	    "whether files of the audit log, oldest first, are what the broker wrote" },
	{ .name = NULL },
};
