/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/login.h"

/* RFC 7677 section 3. */
static void
scram_vector(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct scram_client sc = { .arena = arena, .user = "user", .password = "pencil",
	    .nonce = "rOprNGfwEbeRWgbNEkqO", .sha = 256 };
	struct str final;
	(void)state;
	assert_str(scram_client_first(&sc), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	assert_int_equal(scram_client_verify(&sc, STR("v=AAAA")), ERR_DENIED);
	assert_ok(scram_client_final(&sc, STR("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), &final));
	assert_str(final, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	assert_ok(scram_client_verify(&sc, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
	assert_int_equal(scram_client_verify(&sc, STR("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")),
	    ERR_DENIED);
	assert_int_equal(scram_client_verify(&sc, STR("e=other-error")), ERR_DENIED);
	assert_int_equal(scram_client_verify(&sc, STR("")), ERR_DENIED);
	arena_destroy(&arena);
}

static void
scram_refusals(void **state)
{
	static const struct { const char *first; int err; } rows[] = {
		{ "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_CORRUPT },
		{ "r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_CORRUPT },	/* nothing of its own */
		{ "r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096", ERR_CORRUPT },
		{ "r=abcd,s=,i=4096", ERR_CORRUPT },
		{ "r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==", ERR_CORRUPT },
		{ "r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", ERR_LIMIT },
		{ "r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2147483647", ERR_LIMIT },
		{ "m=x,r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_CORRUPT },
		{ "", ERR_CORRUPT },
	};
	struct arena *arena = arena_create(1 << 20);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scram_client sc = { .arena = arena, .user = "a=b,c", .password = "x", .nonce = "abc",
		    .sha = 512 };
		struct str final = STR_NULL;
		assert_str(scram_client_first(&sc), "n,,n=a=3Db=2Cc,r=abc");
		assert_int_equal(scram_client_final(&sc, str_from(rows[i].first), &final), rows[i].err);
		assert_null(final.p);
	}
	arena_destroy(&arena);
}

static char file[64];

static int
load(const char *text, struct arena *arena, struct props *ret, struct why *why)
{
	char made[] = "/tmp/test_cli.XXXXXX";
	int fd = mkstemp(made);
	assert_true(fd >= 0);
	close(fd);
	snprintf(file, sizeof(file), "%s", made);
	assert_ok(fs_replace(file, text, strlen(text)));
	int err = props_load(file, arena, ret, why);
	assert_ok(fs_unlink(file));
	return err;
}

static void
client_files(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct props p;
	struct why why = { "" };
	(void)state;
	assert_ok(load("# made by init\nbootstrap.servers=h:1,i:2\r\nsecurity.protocol = sasl_ssl\n"
	    "sasl.mechanisms=PLAIN\nsasl.username=anna@acme\nsasl.password=a=b \nlinger.ms=5\n\n"
	    "ssl.ca.location=/ca.pem", arena, &p, &why));
	assert_string_equal(p.bootstrap, "h:1,i:2");
	assert_true(p.tls && p.sasl && !p.any_host);
	assert_string_equal(p.user, "anna@acme");
	assert_string_equal(p.password, "a=b");
	assert_string_equal(p.service, "kafka");
	assert_string_equal(p.ca, "/ca.pem");
	assert_null(p.cert);

	static const struct { const char *text, *message; } rows[] = {
		{ "bootstrap.servers", ":1: key=value is expected" },
		{ "\n\nx y", ":3: key=value is expected" },
		{ "security.protocol=SSL", ": bootstrap.servers is missing" },
		{ "bootstrap.servers=h:1\nsecurity.protocol=TLS", ": security.protocol=TLS is none of SASL_SSL" },
		{ "bootstrap.servers=h:1\nsecurity.protocol=SASL_SSL", ": sasl.mechanisms is missing" },
		{ "bootstrap.servers=h:1\nsecurity.protocol=SASL_SSL\nsasl.mechanisms=SCRAM-SHA-256",
		    ": sasl.username and sasl.password are missing" },
		{ "bootstrap.servers=h:1\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanisms=PLAIN\n"
		    "sasl.username=a\nsasl.password=b", ": PLAIN without TLS would show the password" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(load(rows[i].text, arena, &p, &why), ERR_INVAL);
		assert_memory_equal(why.text, file, strlen(file));
		assert_memory_equal(why.text + strlen(file), rows[i].message, strlen(rows[i].message));
	}
	assert_int_equal(props_load("/nonexistent/f", arena, &p, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "-F FILE"));
	arena_destroy(&arena);
}

static void
options(void **state)
{
	const char *v[] = { "a", "-p", "3", "--owner=anna", "b", "--force", "--", "-x" };
	struct args args = { .v = (char **)v, .n = 8, .usage = "test" };
	const char *text = NULL;
	(void)state;
	assert_true(args_option(&args, "-p|--partitions", &text));
	assert_string_equal(text, "3");
	assert_false(args_option(&args, "-p|--partitions", &text));
	assert_true(args_option(&args, "--owner", &text));
	assert_string_equal(text, "anna");
	assert_true(args_flag(&args, "--force"));
	assert_false(args_flag(&args, "-x"));
	assert_ok(args_end(&args, 3, 3));
	assert_string_equal(args.v[0], "a");
	assert_string_equal(args.v[1], "b");
	assert_string_equal(args.v[2], "-x");
}

static void
wrong_options(void **state)
{
	const char *missing[] = { "a", "--owner" }, *unknown[] = { "--what", "a" }, *many[] = { "a", "b" };
	const char *text = NULL;
	int64_t n = 7;
	(void)state;
	struct args args = { .v = (char **)missing, .n = 2, .usage = "test" };
	assert_false(args_option(&args, "--owner", &text));
	assert_int_equal(args_end(&args, 1, 1), CLI_USAGE);
	args = (struct args){ .v = (char **)unknown, .n = 2, .usage = "test" };
	assert_int_equal(args_end(&args, 1, 1), CLI_USAGE);
	args = (struct args){ .v = (char **)many, .n = 2, .usage = "test" };
	assert_int_equal(args_end(&args, 1, 1), CLI_USAGE);
	assert_int_equal(args_end(&args, 3, 3), CLI_USAGE);
	assert_ok(args_end(&args, 2, 2));
	assert_int_equal(args_number("-p", "x", 1, 9, &n), CLI_USAGE);
	assert_int_equal(args_number("-p", "10", 1, 9, &n), CLI_USAGE);
	assert_int_equal(n, 7);
	assert_ok(args_number("-p", "9", 1, 9, &n));
	assert_int_equal(n, 9);
}

static void
options_twice(void **state)
{
	const char *twice[] = { "--owner", "anna", "a", "--owner=bert" }, *behind[] = { "--force", "--", "--force" };
	const char *list[] = { "-c", "x=1", "-c", "y=2" };
	const char *text = NULL;
	(void)state;
	struct args args = { .v = (char **)twice, .n = 4, .usage = "test" };
	assert_ok(args_again(&args));
	assert_true(args_option(&args, "-o|--owner", &text));
	assert_int_equal(args_again(&args), CLI_USAGE);
	assert_int_equal(args_end(&args, 2, 2), CLI_USAGE);
	args = (struct args){ .v = (char **)behind, .n = 3, .usage = "test" };
	assert_true(args_flag(&args, "--force"));
	assert_ok(args_again(&args));
	assert_ok(args_end(&args, 1, 1));
	args = (struct args){ .v = (char **)list, .n = 4, .usage = "test" };
	while (args_option(&args, "-c|--config", &text))
		assert_ok(strcmp(text, args.n == 2 ? "x=1" : "y=2"));
	assert_ok(args_end(&args, 0, 0));
}

static const struct print_column columns[] = {
	{ "name", PRINT_TEXT }, { "next_offset", PRINT_NUMBER }, { "ok", PRINT_BOOL },
	{ "words", PRINT_LIST },
};

/* What is printed of two rows, in this form; free with mem_free(). */
static char *
printed(enum print_form form, bool parts)
{
	char *text = NULL;
	size_t n = 0;
	struct arena *arena = arena_create(1 << 20);
	FILE *out = open_memstream(&text, &n);
	struct print p = { .form = form, .out = out, .arena = arena };
	struct print_table t;
	assert_non_null(out);
	print_table_init(&t, &p, "things", columns, 4);
	struct str *cell = print_row(&t);
	cell[0] = STR("a\n\"b");
	cell[1] = print_number(&p, 17);
	cell[2] = print_bool(true);
	cell[3] = STR("x,y");
	print_row(&t)[0] = STR("b\xc3\xa4");
	if (parts)
		print_open(&p);
	print_table(&p, &t);
	if (parts) {
		print_table_init(&t, &p, "none", columns, 4);
		print_table(&p, &t);
		print_close(&p);
	}
	fclose(out);
	arena_destroy(&arena);
	return text;
}

static void
printing(void **state)
{
	(void)state;
	char *text = printed(PRINT_TABLE, false);
	assert_string_equal(text,
	    "NAME     NEXT-OFFSET  OK    WORDS\n"
	    "a\\x0a\"b           17  true  x,y\n"
	    "b\xc3\xa4                 -  -     -\n");
	free(text);
	text = printed(PRINT_JSON, false);
	assert_string_equal(text, "[\n"
	    "  {\"name\": \"a\\u000a\\\"b\", \"next_offset\": 17, \"ok\": true, \"words\": [\"x\", \"y\"]},\n"
	    "  {\"name\": \"b\xc3\xa4\", \"next_offset\": null, \"ok\": null, \"words\": []}\n]\n");
	free(text);
	text = printed(PRINT_JSON, true);
	assert_memory_equal(text, "{\n\"things\": [\n", 14);
	assert_non_null(strstr(text, "],\n\"none\": []\n}\n"));
	free(text);
}

TEST_MAIN(T(scram_vector), T(scram_refusals), T(client_files), T(options), T(wrong_options), T(options_twice),
    T(printing))
