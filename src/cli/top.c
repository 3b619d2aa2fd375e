/* SPDX-License-Identifier: Apache-2.0
 *
 * top: tenants, users or topics by what they do, again and again. The broker's counters are asked for; of topics it tells
 * how far they have come, and the rate is the difference between two looks. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/term.h"

enum { OF_TENANTS, OF_USERS, OF_TOPICS, OF_KINDS };
static const char *const kinds[OF_KINDS] = { "tenants", "users", "topics" };
enum { BY_NAME, BY_IN, BY_OUT, BY_REQUESTS, BY_CPU, BY_KINDS };
static const char *const sorts[BY_KINDS] = { "name", "in", "out", "requests", "cpu" };

/* One look: all lives in its arena. */
struct look {
	struct arena *arena;
	uint64_t at;			/* monotonic ns */
	ARRAY(struct rate_list_rsp_row) rows;
};

struct top {
	struct cli *cli;
	struct look now, before;	/* before: of topics; arena NULL: none */
	int of, by;
};

static int
find_word(const char *const *words, int n, const char *word)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* ---- looking ---- */

static void
forget(struct look *l)
{
	arena_destroy(&l->arena);
	*l = (struct look){ .arena = NULL };
}

static int
ask(struct top *t, struct look *ret)
{
	struct rate_list_req in;
	struct rate_list_rsp out;
	struct cli *cli = t->cli;
	struct arena *keep = cli->arena;
	wire_defaults(&rate_list_req_msg, &in);
	*ret = (struct look){ .arena = arena_create(SIZE_MAX) };
	in.tenant = cli_tenant_field(cli);
	in.what = (int8_t)t->of;
	cli->arena = ret->arena; /* a look goes as a whole: top may run for days */
	int status = 0;
	do {
		status = cli_call(cli, WIRE_KEY_RATE_LIST, &in, &out);
		if (status == 0)
			status = cli_answer(cli, "top", out.error_code, out.error_message);
		for (int32_t i = 0; status == 0 && i < out.rows.n; i++)
			*ARRAY_ADD(ret->arena, ret->rows) = out.rows.v[i];
		in.after = out.next;
	} while (status == 0 && in.after.p != NULL);
	cli->arena = keep;
	ret->at = clock_mono_ns();
	if (status != 0)
		forget(ret);
	return status;
}

static struct str
key_of(struct arena *arena, const struct rate_list_rsp_row *row)
{
	return arena_printf(arena, "%.*s/%.*s", STR_ARG(row->tenant), STR_ARG(row->name));
}

/* A topic's rates stand in rate_in, records, and in rate_out, bytes that its log has grown by; both a second. */
static void
difference(struct look *now, const struct look *before)
{
	struct map *old = map_create();
	double seconds = (double)(now->at - before->at) / 1e9;
	for (int32_t i = 0; i < before->rows.n; i++)
		(void)map_put(old, NAME(0, key_of(before->arena, &before->rows.v[i])), &before->rows.v[i]);
	for (int32_t i = 0; i < now->rows.n; i++) {
		struct rate_list_rsp_row *row = &now->rows.v[i];
		const struct rate_list_rsp_row *was = map_get(old, NAME(0, key_of(now->arena, row)));
		int64_t records = was == NULL ? 0 : row->records - was->records, bytes = was == NULL ? 0 : row->bytes - was->bytes;
		row->rate_in = records > 0 && seconds > 0 ? (int64_t)((double)records / seconds + 0.5) : 0;
		row->rate_out = bytes > 0 && seconds > 0 ? (int64_t)((double)bytes / seconds + 0.5) : 0;
	}
	map_destroy(&old);
}

static void
end_looks(struct top *t)
{
	if (t->now.arena != t->before.arena)
		forget(&t->now);
	forget(&t->before);
	t->now = t->before;
}

/* The first look at topics has nothing to compare with: another follows after ms. */
static int
look(struct top *t, int first_ms)
{
	int status = 0;
	if (t->of == OF_TOPICS && t->before.arena == NULL) {
		status = ask(t, &t->before);
		if (status != 0)
			return status;
		struct timespec wait = { first_ms / 1000, (long)(first_ms % 1000) * 1000000 };
		nanosleep(&wait, NULL);
	}
	struct look now;
	status = ask(t, &now);
	if (status != 0)
		return status;
	if (t->of == OF_TOPICS)
		difference(&now, &t->before);
	end_looks(t);
	t->now = now;
	if (t->of == OF_TOPICS)
		t->before = now; /* the same one */
	return 0;
}

/* ---- order ---- */

static int64_t
amount(const struct rate_list_rsp_row *r, int by)
{
	return by == BY_IN ? r->rate_in : by == BY_OUT ? r->rate_out : by == BY_REQUESTS ? r->requests :
	    by == BY_CPU ? r->cpu : 0;
}

static int
compare(const void *va, const void *vb, void *arg)
{
	const struct rate_list_rsp_row *a = va, *b = vb;
	int64_t x = amount(a, *(const int *)arg), y = amount(b, *(const int *)arg);
	int order = x > y ? -1 : x < y;
	if (order == 0)
		order = str_cmp(a->name, b->name);
	return order != 0 ? order : str_cmp(a->tenant, b->tenant);
}

static void
sort(struct top *t)
{
	if (t->now.rows.n > 0)
		qsort_r(t->now.rows.v, (size_t)t->now.rows.n, sizeof(*t->now.rows.v), compare, &t->by);
}

/* ---- showing ---- */

static const struct print_column of_others[] = {
	{ "name", PRINT_TEXT }, { "tenant", PRINT_TEXT }, { "bytes_in", PRINT_NUMBER }, { "bytes_out", PRINT_NUMBER },
	{ "requests", PRINT_NUMBER }, { "cpu_percent", PRINT_NUMBER }, { "delay_ms", PRINT_NUMBER },
};
static const struct print_column of_topics[] = {
	{ "name", PRINT_TEXT }, { "tenant", PRINT_TEXT }, { "records_in", PRINT_NUMBER }, { "grows", PRINT_NUMBER },
	{ "records", PRINT_NUMBER }, { "bytes", PRINT_NUMBER },
};

static void
fill(struct print *p, struct print_table *t, int of, const struct rate_list_rsp_row *r)
{
	struct str *cell = print_row(t);
	cell[0] = of == OF_TENANTS ? r->tenant : r->name;
	cell[1] = r->tenant;
	cell[2] = print_number(p, r->rate_in);
	cell[3] = print_number(p, r->rate_out);
	if (of == OF_TOPICS) {
		cell[4] = print_number(p, r->records);
		cell[5] = print_number(p, r->bytes);
		return;
	}
	cell[4] = arena_printf(p->arena, "%lld.%lld", (long long)(r->requests / 1000), (long long)(r->requests % 1000 / 100));
	cell[5] = arena_printf(p->arena, "%lld.%02lld", (long long)(r->cpu / 1000), (long long)(r->cpu % 1000 / 10));
	cell[6] = print_number(p, r->delay_ms);
}

static void
table(struct top *t, struct print *p, const char *name, int most)
{
	struct print_table out;
	bool topics = t->of == OF_TOPICS;
	print_table_init(&out, p, name, topics ? of_topics : of_others, topics ? 6 : 7);
	for (int32_t i = 0; i < t->now.rows.n && i < most; i++)
		fill(p, &out, t->of, &t->now.rows.v[i]);
	print_table(p, &out);
}

/* At most so many columns of a line, which is ASCII or UTF-8; what is cut off begins no character. */
static size_t
cut(const char *s, size_t n, int columns)
{
	size_t at = 0;
	for (int seen = 0; at < n; at++) {
		seen += ((unsigned char)s[at] & 0xc0) != 0x80;
		if (seen > columns)
			break;
	}
	return at;
}

static void
screen(struct top *t)
{
	char *text = NULL;
	size_t size = 0;
	int rows, columns;
	struct arena *arena = arena_create(SIZE_MAX);
	FILE *f = open_memstream(&text, &size);
	if (f == NULL)
		abort();
	struct print p = { .out = f, .arena = arena };
	term_size(&rows, &columns);
	sort(t);
	fprintf(f, "schlossctl top: %s by %s, %d\n", kinds[t->of], sorts[t->by], (int)t->now.rows.n);
	fprintf(f, "q quit  1 tenants  2 users  3 topics  sort: n name  i in  o out  r requests  c cpu\n");
	table(t, &p, NULL, rows > 3 ? rows - 3 : 0);
	fclose(f);
	fputs("\033[H", stdout);
	int line = 0;
	for (char *at = text, *end; line < rows && *at != '\0'; at = end + 1, line++) {
		end = strchrnul(at, '\n');
		printf("%s%.*s\033[K", line == 0 ? "" : "\n", (int)cut(at, (size_t)(end - at), columns), at);
		if (*end == '\0')
			break;
	}
	fputs("\033[J", stdout);
	(void)fflush(stdout);
	free(text);
	arena_destroy(&arena);
}

/* True: to the end. */
static bool
take_key(struct top *t, int key, bool *ret_ask)
{
	static const char of_keys[] = "123", by_keys[] = "niorc";
	if (key == 'q' || key == 'Q' || key == -1)
		return true;
	const char *of = key > 0 ? strchr(of_keys, key) : NULL, *by = key > 0 ? strchr(by_keys, key) : NULL;
	if (of != NULL)
		t->of = (int)(of - of_keys);
	if (by != NULL)
		t->by = (int)(by - by_keys);
	*ret_ask = of != NULL || key == ' ';
	return false;
}

static int
run_live(struct top *t, int ms)
{
	bool ends = false;
	int status = look(t, 500);
	if (status != 0)
		return status;
	if (!term_enter())
		return cli_complain(CLI_USAGE, "top needs a terminal; --batch prints tables");
	while (!ends && status == 0) {
		uint64_t until = clock_mono_ns() + (uint64_t)ms * 1000000;
		bool again = false;
		screen(t);
		for (uint64_t now = clock_mono_ns(); !ends && !again && now < until; now = clock_mono_ns()) {
			ends = take_key(t, term_key((int)((until - now) / 1000000) + 1), &again);
			if (!ends && !again)
				screen(t);
		}
		if (!ends) {
			int of = t->of;
			status = look(t, 500);
			if (status == CLI_REFUSED && of == OF_TENANTS) {
				t->of = OF_USERS; /* those are told to everybody */
				status = look(t, 500);
			}
		}
	}
	term_leave();
	return status;
}

static int
run_batch(struct top *t, int64_t times, int ms)
{
	struct print *p = &t->cli->print;
	int status = 0;
	if (times > 1)
		print_open(p);
	for (int64_t i = 0; i < times && status == 0; i++) {
		struct timespec wait = { ms / 1000, (long)(ms % 1000) * 1000000 };
		if (i > 0)
			nanosleep(&wait, NULL);
		status = look(t, ms);
		if (status != 0)
			break;
		sort(t);
		table(t, p, arena_printf(t->cli->arena, "%lld", (long long)i + 1).p, INT32_MAX);
		(void)fflush(p->out);
	}
	if (times > 1)
		print_close(p);
	return status;
}

struct options {
	bool batch;
	int of, by;
	int64_t times, seconds;
};

static int
take_options(struct args *args, struct options *o)
{
	const char *by = "in", *of = "users", *times = "1", *seconds = "2";
	o->batch = args_flag(args, "--batch");
	bool counted = args_option(args, "-n", &times);
	args_option(args, "-d|--delay", &seconds);
	args_option(args, "--of", &of);
	args_option(args, "--sort", &by);
	int status = args_end(args, 0, 0);
	if (status == 0)
		status = args_number("-n", times, 1, 1000000, &o->times);
	if (status == 0)
		status = args_number("-d", seconds, 1, 3600, &o->seconds);
	if (status != 0)
		return status;
	o->of = find_word(kinds, OF_KINDS, of);
	o->by = find_word(sorts, BY_KINDS, by);
	if (o->of < 0)
		return cli_complain(CLI_USAGE, "--of: tenants, users or topics");
	if (o->by < 0)
		return cli_complain(CLI_USAGE, "--sort: name, in, out, requests or cpu");
	return !o->batch && counted ? cli_complain(CLI_USAGE, "-n is for --batch") : 0;
}

static int
run_top(struct cli *cli, struct args *args)
{
	struct options o = { .batch = false };
	int status = take_options(args, &o);
	if (status == 0 && !o.batch &&
	    (cli->print.form == PRINT_JSON || term_columns(stdout) == 0 || term_columns(stdin) == 0))
		status = cli_complain(CLI_USAGE, "top needs a terminal; --batch prints tables");
	if (status == 0)
		status = cli_open(cli); /* in its own arena */
	if (status != 0)
		return status;
	struct top t = { .cli = cli, .of = o.of, .by = o.by };
	status = o.batch ? run_batch(&t, o.times, (int)o.seconds * 1000) : run_live(&t, (int)o.seconds * 1000);
	end_looks(&t);
	return status;
}

const struct verb top_verbs[] = {
	{ NULL, "top", run_top, "[--of tenants|users|topics] [--sort name|in|out|requests|cpu] [-d SECONDS] [--batch [-n TIMES]]",
	    "tenants, users or topics by what they do, live" },
	{ .name = NULL },
};
