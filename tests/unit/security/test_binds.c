/* SPDX-License-Identifier: Apache-2.0 */
/* What binds server names, realms and certificates to tenants, and which tenant a login is in by them. */
#include "../test.h"

#include <stdio.h>

#include "sasl_fixture.h"
#include "security/binds.h"
#include "security/mapping.h"

static struct fix f;

static int
start(void **state)
{
	(void)state;
	fix_start(&f);
	f.users[4].cred.mechanisms |= MECH_BIT(MECH_TLS);
	return 0;
}

static int
stop(void **state)
{
	struct binds *b = (struct binds *)(uintptr_t)f.listener.binds;
	(void)state;
	binds_close(&b);
	fix_stop(&f);
	return 0;
}

static const char *
problem(const char *name, const char *realm, const char *rules)
{
	static char text[1024];
	struct binds *b = NULL;
	struct why why = { "" };
	const char *option = "";
	struct binds_setup setup = { .server_names = &name, .server_names_n = name != NULL,
		.realms = &realm, .realms_n = realm != NULL, .certificate_rules = rules };
	int err = binds_open(&setup, &b, &option, &why);
	snprintf(text, sizeof(text), "%s: %s", option, why.text);
	binds_close(&b);
	return err == 0 ? "" : text;
}

static void
words(void **state)
{
	static const char *const wrong[] = { "acme", "acme=", "=host", "Acme=host", "acme=HOST", "acme=a..b", "acme=.a", "acme=a.", "acme=*",
		"acme=*a.b", "acme=a.*.b", "acme=a b", "acme=a=b" };
	(void)state;
	assert_string_equal(problem("acme=kafka.acme.example", "acme=ACME.EXAMPLE", "RULE:^O=Acme$/acme/"), "");
	assert_string_equal(problem("acme=*.acme.example", NULL, NULL), "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(strstr(problem(wrong[i], NULL, NULL), "tenant.server.names: \""));
	assert_non_null(strstr(problem(NULL, "acme=a@B", NULL), "tenant.realms: \""));
	assert_non_null(strstr(problem(NULL, NULL, "RULE:((/x/"), "tenant.certificate.rules: "));
	const char *const twice[] = { "acme=host", "main=host" };
	struct binds *b;
	const char *option;
	struct why why;
	assert_int_equal(binds_open(&(struct binds_setup){ .server_names = twice, .server_names_n = 2 }, &b, &option, &why), ERR_INVAL);
	assert_ok(binds_open(&(struct binds_setup){ .realms_n = 0 }, &b, &option, &why));
	assert_null(b);
}

static void
bind_all(void)
{
	static const char *const names[] = { "main=*.b.example", "acme=kafka.acme.example", "acme=one.b.example", "gone=gone.example" };
	static const char *const realms[] = { "acme=ACME.EXAMPLE", "main=MAIN.EXAMPLE" };
	struct binds *b;
	const char *option;
	assert_ok(binds_open(&(struct binds_setup){ .server_names = names, .server_names_n = 4, .realms = realms, .realms_n = 2,
	    .certificate_rules = "RULE:^.*,O=Acme$/acme/,RULE:^.*,O=Works$/main/,RULE:^.*,O=Gone$/gone/,"
	    "RULE:^.*,O=Team(.*)$/$1/,RULE:^.*,O=T.*$/main/" }, &b, &option, NULL));
	f.listener.binds = b;
}

static const char *
tenant_by_name(const char *name)
{
	static char text[64];
	struct str tenant = STR("-");
	(void)binds_server_name(f.listener.binds, str_from(name), &tenant);
	snprintf(text, sizeof(text), "%.*s", STR_ARG(tenant));
	return text;
}

static void
names_and_realms(void **state)
{
	struct str tenant = STR_NULL;
	(void)state;
	assert_string_equal(tenant_by_name("kafka.acme.example"), "-");
	bind_all();
	assert_string_equal(tenant_by_name("kafka.acme.example"), "acme");
	assert_string_equal(tenant_by_name("two.b.example"), "main");
	assert_string_equal(tenant_by_name("one.b.example"), "acme"); /* the name itself is more than a pattern */
	assert_string_equal(tenant_by_name("b.example"), "-");
	assert_string_equal(tenant_by_name("x.two.b.example"), "-");
	assert_string_equal(tenant_by_name(".b.example"), "main");
	assert_string_equal(tenant_by_name(""), "-");
	assert_true(binds_realm(f.listener.binds, STR("ACME.EXAMPLE"), &tenant) && str_is(tenant, "acme"));
	assert_false(binds_realm(f.listener.binds, STR("acme.example"), &tenant));
}

static const char *
parsed(const char *bytes, size_t n)
{
	static char name[SERVER_NAME_MAX + 1];
	int err = server_name_parse((const uint8_t *)bytes, n, name);
	return err == 0 ? name : err == ERR_CORRUPT ? "corrupt" : "invalid";
}
#define PARSED(s) parsed((s), sizeof(s) - 1)

static void
extensions(void **state)
{
	char large[5 + 300];
	(void)state;
	assert_string_equal(PARSED("\0\7\0\0\4Ab.c"), "ab.c");
	assert_string_equal(PARSED("\0\7\0\0\4abc."), "abc");
	assert_string_equal(PARSED("\0\7\1\0\4ab.c"), "corrupt");
	assert_string_equal(PARSED("\0\7\0\0\5ab.c"), "corrupt");
	assert_string_equal(PARSED("\0\10\0\0\4ab.c"), "corrupt");
	assert_string_equal(PARSED("\0\3\0\0\0"), "invalid");
	assert_string_equal(PARSED("\0\4\0\0\1."), "invalid");
	assert_string_equal(PARSED("\0\7\0\0\4a..b"), "invalid");
	assert_string_equal(PARSED("\0\7\0\0\4a\0bc"), "invalid");
	assert_string_equal(PARSED("\0\7\0\0\4*.bc"), "invalid");
	assert_string_equal(PARSED("\0\2\0\0"), "corrupt");
	assert_string_equal(PARSED(""), "corrupt");
	memset(large, 'a', sizeof(large));
	for (size_t n = SERVER_NAME_MAX; n <= SERVER_NAME_MAX + 1; n++) {
		memcpy(large, (const uint8_t[]){ (uint8_t)((n + 3) >> 8), (uint8_t)(n + 3), 0, 0, (uint8_t)n }, 5);
		assert_int_equal(strlen(parsed(large, n + 5)), n == SERVER_NAME_MAX ? n : strlen("invalid"));
	}
}

/* "7/anna", or the reason. */
static const char *
by_password(const char *server_name, const char *login)
{
	static char text[128];
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
	struct str who;
	const char *mechanism, *reason = "?";
	sasl_login_came_by(l, str_from(server_name));
	if (fix_scram(&f, l, SCRAM_SHA_256, login, PASSWORD, false, NULL, &turn) == SASL_STEP_DONE) {
		struct name user = sasl_login_principal(l)->user;
		snprintf(text, sizeof(text), "%u/%.*s", user.tenant, STR_ARG(user.s));
	} else {
		(void)sasl_login_refused(l, &who, &mechanism, &reason);
		snprintf(text, sizeof(text), "%s", reason);
	}
	sasl_login_destroy(&l);
	return text;
}

#define TWO_TENANTS "the login name and the server name are of two tenants"

static void
passwords(void **state)
{
	(void)state;
	bind_all();
	/* A listener's tenant is that of who comes by no bound name. */
	f.listener.tenant_from = TENANT_FIXED;
	assert_string_equal(by_password("", "anna"), "0/anna");
	assert_string_equal(by_password("other.example", "anna"), "0/anna");
	assert_string_equal(by_password("kafka.acme.example", "anna"), "7/anna");
	assert_string_equal(by_password("two.b.example", "anna"), "0/anna");
	assert_string_equal(by_password("kafka.acme.example", "anna@acme"), "no such user"); /* a plain character there */
	assert_string_equal(by_password("gone.example", "anna"), "no such tenant");
	/* Of a login name and a server name both count; no @ is main. */
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	assert_string_equal(by_password("", "anna@acme"), "7/anna");
	assert_string_equal(by_password("kafka.acme.example", "anna@acme"), "7/anna");
	assert_string_equal(by_password("kafka.acme.example", "anna"), TWO_TENANTS);
	assert_string_equal(by_password("kafka.acme.example", "anna@main"), TWO_TENANTS);
	assert_string_equal(by_password("two.b.example", "anna@acme"), TWO_TENANTS);
	assert_string_equal(by_password("two.b.example", "anna"), "0/anna");
	assert_string_equal(by_password("gone.example", "anna@gone"), "no such tenant");
	assert_string_equal(by_password("gone.example", "anna"), TWO_TENANTS);
	/* Without a bound name there is no tenant. */
	f.listener.tenant_from = TENANT_FROM_SERVER_NAME;
	assert_string_equal(by_password("kafka.acme.example", "anna"), "7/anna");
	assert_string_equal(by_password("", "anna"), "the client came by no server name that is a tenant's");
	assert_string_equal(by_password("other.example", "anna"), "the client came by no server name that is a tenant's");
}

/* A certificate of that organization, by that name: "7/anna", or the reason. */
static const char *
by_certificate(const char *server_name, const char *organization)
{
	static char text[128];
	char name[USER_NAME_MAX], subject[64];
	struct ssl_rules *rules;
	const char *reason = "";
	struct principal p;
	snprintf(subject, sizeof(subject), "CN=anna,O=%s", organization);
	assert_ok(ssl_rules_parse(STR("RULE:CN=([^,]+).*/$1/"), &rules, NULL));
	f.listener.ssl_rules = rules;
	int err = sasl_certificate(&f.listener, &f.shared, str_from(server_name), str_from(subject), &f.peer, &f.ev, name, &p, &reason);
	ssl_rules_destroy(&rules);
	f.listener.ssl_rules = NULL;
	if (err == 0)
		snprintf(text, sizeof(text), "%u/%.*s", p.user.tenant, STR_ARG(p.user.s));
	return err == 0 ? text : reason;
}

#define NOT_THE_NAMES "the server name is another tenant's than the certificate, ticket or token"
#define NOT_THE_LISTENERS "the listener is another tenant's than the certificate, ticket or token"

static void
certificates(void **state)
{
	(void)state;
	bind_all();
	f.listener.tenant_from = TENANT_FIXED;
	assert_string_equal(by_certificate("", "Else"), "0/anna");
	assert_string_equal(by_certificate("", "Acme"), NOT_THE_LISTENERS);
	assert_string_equal(by_certificate("kafka.acme.example", "Acme"), "7/anna");
	assert_string_equal(by_certificate("kafka.acme.example", "Works"), NOT_THE_NAMES);
	assert_string_equal(by_certificate("kafka.acme.example", "Else"), NOT_THE_NAMES); /* the name alone decides nothing */
	assert_string_equal(by_certificate("", "Gone"), "no such tenant");
	assert_string_equal(by_certificate("gone.example", "Gone"), "no such tenant");
	/* The first rule that fits binds, also where nothing comes of it. */
	assert_string_equal(by_certificate("", "Teammain"), "0/anna");
	assert_string_equal(by_certificate("", "Team"), "the rule that binds this subject makes no tenant of it");
	assert_string_equal(by_certificate("", "Teamnobody"), "no such tenant");
	assert_string_equal(by_certificate("", "Times"), "0/anna");
	f.listener.tenant = 7;
	assert_string_equal(by_certificate("", "Acme"), "7/anna");
	assert_string_equal(by_certificate("", "Works"), NOT_THE_LISTENERS);
	f.listener.tenant = 0;
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	assert_string_equal(by_certificate("", "Acme"), "7/anna");
	assert_string_equal(by_certificate("", "Else"), "0/anna");
	assert_string_equal(by_certificate("kafka.acme.example", "Acme"), "7/anna");
	assert_string_equal(by_certificate("two.b.example", "Acme"), NOT_THE_NAMES);
	f.listener.tenant_from = TENANT_FROM_SERVER_NAME;
	assert_string_equal(by_certificate("kafka.acme.example", "Acme"), "7/anna");
	assert_string_equal(by_certificate("", "Acme"), "7/anna");
	assert_string_equal(by_certificate("kafka.acme.example", "Else"), "nothing binds this certificate, ticket or token to a tenant");
	/* Nor does it make a user of who has no record. */
	f.listener.unknown_ok = true;
	assert_string_equal(by_certificate("kafka.acme.example", "Works"), NOT_THE_NAMES);
	assert_string_equal(by_certificate("gone.example", "Gone"), "no such tenant");
}

#define TS(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = { TS(words), TS(names_and_realms), TS(extensions), TS(passwords), TS(certificates) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
