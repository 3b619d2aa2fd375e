/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "security/mapping.h"

static const char *
say(int err, struct buf *b, char *out, size_t size)
{
	if (err != 0)
		snprintf(out, size, "%s", err == ERR_NOTFOUND ? "none" : err_text(err));
	else
		snprintf(out, size, "%.*s", STR_ARG(buf_str(b)));
	buf_free(b);
	return out;
}

static const char *
ssl(const char *text, const char *subject, char *out, size_t size)
{
	struct ssl_rules *rules;
	struct why why;
	struct buf b;
	buf_init(&b, 1024);
	if (ssl_rules_parse(str_from(text), &rules, &why) != 0)
		fail_msg("%s: %s", text, why.text);
	int err = ssl_rules_map(rules, str_from(subject), &b);
	ssl_rules_destroy(&rules);
	return say(err, &b, out, size);
}

static const char *
krb(const char *text, const char *principal, char *out, size_t size)
{
	struct krb_rules *rules;
	struct why why;
	struct buf b;
	buf_init(&b, 1024);
	if (krb_rules_parse(str_from(text), STR("REALM"), &rules, &why) != 0)
		fail_msg("%s: %s", text, why.text);
	int err = krb_rules_map(rules, str_from(principal), &b);
	krb_rules_destroy(&rules);
	return say(err, &b, out, size);
}

static void
certificates(void **state)
{
	(void)state;
#define DUKE "CN=Duke,OU=ServiceUsers,O=Org,C=US"
	static const struct { const char *rules, *subject, *user; } rows[] = {
		{ "", DUKE, DUKE },
		{ "DEFAULT", DUKE, DUKE },
		{ " DEFAULT ", DUKE, DUKE },
		{ "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/,DEFAULT", DUKE, "Duke" },
		{ "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L", DUKE, "duke" },
		{ "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/U , DEFAULT", DUKE, "DUKE" },
		{ "RULE:^CN=(.*?),OU=Other.*$/$1/,RULE:^.*,OU=(.*?),.*$/$1/L,DEFAULT", DUKE,
		    "serviceusers" },
		{ "RULE:^CN=(.*?),OU=Other.*$/$1/", DUKE, "none" },
		{ "RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/L", "cn=A,ou=B,dc=x,dc=y", "a@b" },
		{ "RULE:CN=(.*),OU=.*/$1-$2/", DUKE, "Duke-$2" },
		{ "RULE:CN=(.*),OU=.*/$12/", DUKE, "Duke2" },
		{ "RULE:CN=(.*),OU=.*/\\$1/", DUKE, "$1" },
		{ "RULE:CN=(.*),OU=.*/a\\/b/", DUKE, "a/b" },
		{ "RULE:CN=a\\/(.*)/$1/", "CN=a/b", "b" },
		{ "RULE:.*/x/", "abc", "xx" }, /* Java's replaceAll, and so Kafka's */
		{ "RULE:a*b*/-/", "ab", "--" },
		{ "RULE:CN=(.*?)/<$1>/", "CN=abc", "<>abc" },
		/* As Java prints what has no name in RFC 2253. */
		{ "RULE:^(?:[0-9.]+=#[0-9a-f]+,)*CN=([^,]+).*$/$1/",
		    "2.5.4.5=#13023432,1.2.840.113549.1.9.1=#16056140622e63,CN=svc,O=x", "svc" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[128];
		assert_string_equal(ssl(rows[i].rules, rows[i].subject, out, sizeof(out)), rows[i].user);
	}
}

static void
certificate_rule_errors(void **state)
{
	(void)state;
	static const struct { const char *rules, *why; } rows[] = {
		{ "default", "rule 1: expected DEFAULT or RULE:pattern/replacement/" },
		{ "DEFAULT,", "rule 2: expected DEFAULT or RULE:pattern/replacement/" },
		{ "RULE:a", "rule 1: expected a '/' behind pattern and replacement" },
		{ "RULE:a/b", "rule 1: expected a '/' behind pattern and replacement" },
		{ "RULE:a/b/X", "rule 1: expected a comma or the end" },
		{ "DEFAULT,RULE:a(/b/", "rule 2: at byte 3 of the pattern: the group has no end" },
		{ "RULE:a/$1/", "rule 1: at byte 1 of the replacement: the pattern has no such group" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ssl_rules *rules = NULL;
		struct why why = { "" };
		assert_int_equal(ssl_rules_parse(str_from(rows[i].rules), &rules, &why), ERR_INVAL);
		assert_string_equal(why.text, rows[i].why);
		assert_null(rules);
	}
}

static void
tickets(void **state)
{
	(void)state;
	static const struct { const char *rules, *principal, *user; } rows[] = {
		{ "", "anna@REALM", "anna" },
		{ "DEFAULT", "kafka/host@REALM", "kafka" },
		{ "DEFAULT", "anna@OTHER", "none" },
		{ "DEFAULT", "anna@realm", "none" },
		{ "RULE:[1:$1@$0](.*@OTHER)s/@.*//,DEFAULT", "anna@OTHER", "anna" },
		{ "RULE:[1:$1@$0](.*@OTHER)s/@.*//,DEFAULT", "anna@REALM", "anna" },
		{ "RULE:[1:$1@$0](.*@OTHER)s/@.*//,DEFAULT", "anna/x@OTHER", "none" },
		{ "RULE:[2:$1.$2]", "kafka/host@OTHER", "kafka.host" },
		{ "RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "bob/admin@OTHER", "bob" },
		{ "RULE:[1:$1](App\\..*)s/App\\.(.*)/$1/g/L,RULE:[1:$1]", "App.Service@REALM", "service" },
		{ "RULE:[1:$1](App\\..*)s/App\\.(.*)/$1/g/U", "App.Service@REALM", "SERVICE" },
		{ "RULE:[1:$1]/L", "Anna@REALM", "anna" },
		{ "RULE:[1:$1]L", "Anna@REALM", "anna" },
		{ "RULE:[1:$1]s/a/o/", "anaa@REALM", "onaa" },
		{ "RULE:[1:$1]s/a/o/g", "anaa@REALM", "onoo" },
		{ "RULE:[1:x$1]", "anna@REALM", "xanna" },
		/* Not a simple name: an error, and no later rule is asked. */
		{ "RULE:[1:$1@$0],DEFAULT", "anna@REALM", "invalid argument" },
		{ "RULE:[2:$1/$2],DEFAULT", "a/b@REALM", "invalid argument" },
		{ "RULE:[1:$1]s/.*//,DEFAULT", "anna@REALM", "invalid argument" },
		{ "RULE:[1:],DEFAULT", "anna@REALM", "invalid argument" },
		{ "DEFAULT", "anna", "invalid argument" },
		{ "DEFAULT", "anna@", "invalid argument" },
		{ "DEFAULT", "@REALM", "invalid argument" },
		{ "DEFAULT", "a/b/c@REALM", "invalid argument" },
		{ "DEFAULT", "a@b@REALM", "invalid argument" },
		{ "DEFAULT", "/b@REALM", "invalid argument" },
		{ "DEFAULT", "a/@REALM", "invalid argument" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[128];
		assert_string_equal(krb(rows[i].rules, rows[i].principal, out, sizeof(out)),
		    rows[i].user);
	}
}

static void
ticket_rule_errors(void **state)
{
	(void)state;
	static const struct { const char *rules, *why; } rows[] = {
		{ "default", "rule 1 (byte 1): expected DEFAULT or RULE:[n:format]" },
		{ "DEFAULT,", "rule 2 (byte 9): expected DEFAULT or RULE:[n:format]" },
		{ "DEFAULT,RULE:[3:$1]", "rule 2 (byte 9): a principal has 1 or 2 components" },
		{ "RULE:[1:$2]", "rule 1 (byte 1): a $ of the format is none of $0 to $1" },
		{ "RULE:[1:$]", "rule 1 (byte 1): a $ of the format is none of $0 to $1" },
		{ "RULE:[1:$1", "rule 1 (byte 1): expected a ']'" },
		{ "RULE:[1]", "rule 1 (byte 1): expected a ':'" },
		{ "RULE:[1:$1](a", "rule 1 (byte 1): expected a ')'" },
		{ "RULE:[1:$1](a[)", "rule 1 (byte 1): at byte 3 of the pattern: the class has no end" },
		{ "RULE:[1:$1]s/a", "rule 1 (byte 1): expected a '/'" },
		{ "RULE:[1:$1]s/a/b", "rule 1 (byte 1): expected a '/'" },
		{ "RULE:[1:$1]s/a/$1/", "rule 1 (byte 1): at byte 1 of the replacement: the pattern has "
		    "no such group" },
		{ "RULE:[1:$1]x", "rule 1 (byte 1): \"x\" is not expected" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct krb_rules *rules = NULL;
		struct why why = { "" };
		assert_int_equal(krb_rules_parse(str_from(rows[i].rules), STR("REALM"), &rules, &why),
		    ERR_INVAL);
		assert_string_equal(why.text, rows[i].why);
		assert_null(rules);
	}
}

static void
results_are_bounded(void **state)
{
	(void)state;
	char subject[5000], out[128];
	memset(subject, 'a', sizeof(subject));
	subject[200] = '\0';
	assert_string_equal(ssl("RULE:a*/x/", subject, out, sizeof(out)), "xx");
	assert_string_equal(ssl("RULE:(?:a)+?/xx/", subject, out, sizeof(out)), "over a limit");
	subject[200] = 'a';
	subject[4999] = '\0';
	assert_string_equal(ssl("RULE:a*/x/", subject, out, sizeof(out)), "over a limit");
	assert_string_equal(ssl("DEFAULT", subject, out, sizeof(out)), "over a limit");
}

TEST_MAIN(T(certificates), T(certificate_rule_errors), T(tickets), T(ticket_rule_errors),
    T(results_are_bounded))
