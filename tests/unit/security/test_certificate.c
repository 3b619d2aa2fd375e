/* SPDX-License-Identifier: Apache-2.0 */
/* From the subject of a client certificate to a principal. */
#include "../test.h"

#include "sasl_fixture.h"
#include "security/listener.h"
#include "security/mapping.h"
#include "security/names.h"

static struct fix f;
static struct ssl_rules *rules;

static void
set_rules(const char *text)
{
	ssl_rules_destroy(&rules);
	assert_ok(ssl_rules_parse(str_from(text), &rules, NULL));
	f.listener.ssl_rules = rules;
}

static int
start(void **state)
{
	(void)state;
	fix_start(&f);
	set_rules("RULE:CN=([^,]+).*/$1/");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	ssl_rules_destroy(&rules);
	fix_stop(&f);
	return 0;
}

static const char *came_by = "";

static const char *
who(const char *subject)
{
	static char out[256];
	char name[USER_NAME_MAX];
	const char *reason = NULL;
	struct principal p;
	int err = sasl_certificate(&f.listener, &f.shared, str_from(came_by), str_from(subject), &f.peer, &f.ev, name, &p, &reason);
	if (err != 0) {
		assert_int_equal(err, ERR_DENIED);
		assert_non_null(reason);
		return "refused";
	}
	assert_string_equal(p.mechanism, "TLS");
	assert_true(p.unknown_ok || p.user_generation != 0);
	assert_false(p.anonymous);
	snprintf(out, sizeof(out), "%u/%.*s%s", p.user.tenant, STR_ARG(p.user.s),
	    p.unknown_ok ? "?" : "");
	return out;
}

static void
a_record_is_needed(void **state)
{
	(void)state;
	assert_string_equal(who("CN=anna,O=Org"), "0/anna");
	assert_string_equal(who("CN=certonly"), "0/certonly");
	assert_string_equal(who("CN=nobody"), "refused");
	assert_string_equal(who("CN=locked"), "refused");
	assert_string_equal(who("CN=expired"), "refused");
	assert_string_equal(who("O=Org"), "refused");
	assert_string_equal(who(""), "refused");
	f.users[0].cred.mechanisms = MECH_BIT(MECH_PLAIN);
	assert_string_equal(who("CN=anna"), "refused");
	assert_non_null(strstr(fix_log(&f), "subject=CN=anna login refused: the user may not"));
}

static void
names_are_checked(void **state)
{
	(void)state;
	f.listener.unknown_ok = true;
	assert_string_equal(who("CN=new"), "0/new?");
	f.closed = true;
	assert_string_equal(who("CN=new"), "refused");
	assert_string_equal(who("CN=anna"), "refused");
	f.closed = false;
	assert_string_equal(who("CN=a/b"), "refused");
	assert_string_equal(who("CN= a"), "refused");
	assert_string_equal(who("CN=*"), "refused");
	assert_string_equal(who("CN=ANONYMOUS"), "refused");
	assert_string_equal(who("CN=a\nb"), "refused");
	assert_string_equal(who("CN=locked"), "refused");
	char large[400];
	snprintf(large, sizeof(large), "CN=%0300d", 0);
	assert_string_equal(who(large), "refused");
	/* The whole subject is no user's name: a site needs a rule, or is told so. */
	set_rules("DEFAULT");
	assert_string_equal(who("CN=anna,O=Org"), "refused");
	assert_string_equal(who("CN=anna"), "0/CN=anna?");
}

/* A CA is bound to no tenant but the listener's own. */
static void
a_certificate_names_no_tenant(void **state)
{
	(void)state;
	f.listener.tenant = 7;
	f.users[4].cred.mechanisms |= MECH_BIT(MECH_TLS);
	assert_string_equal(who("CN=anna"), "7/anna");
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	assert_string_equal(who("CN=anna"), "0/anna");
	assert_string_equal(who("CN=anna@acme"), "refused");
	f.listener.tenant_from = TENANT_FIXED;
	f.listener.tenant = 0;
	assert_string_equal(who("CN=anna@acme"), "0/anna@acme");
}

static int
open_with(const char *mech, bool tls, const char *ssl, const char *krb, struct why *why)
{
	struct sasl_listener l;
	struct sasl_setup setup = { .mechanisms = &mech, .mechanisms_n = 1, .tls = tls,
		.ssl_rules = ssl, .krb_rules = krb };
	int err = sasl_listener_open(f.lib, &setup, &l, why);
	if (err == 0)
		sasl_listener_close(&l);
	return err;
}

static void
configuration_errors(void **state)
{
	(void)state;
	struct why why;
	assert_ok(open_with("SCRAM-SHA-256", false, NULL, NULL, &why));
	assert_ok(open_with("PLAIN", true, "DEFAULT", "DEFAULT", &why));
	assert_int_equal(open_with("PLAIN", false, NULL, NULL, &why), ERR_INVAL);
	assert_int_equal(open_with("plain", true, NULL, NULL, &why), ERR_INVAL);
	assert_int_equal(open_with("TLS", true, NULL, NULL, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "\"TLS\" is no SASL mechanism"));
	assert_int_equal(open_with("PLAIN", true, "RULE:a", NULL, &why), ERR_INVAL);
	assert_string_equal(why.text, "ssl.principal.mapping.rules: rule 1: expected a '/' behind "
	    "pattern and replacement");
	assert_int_equal(open_with("PLAIN", true, NULL, "RULE:", &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "sasl.kerberos.principal.to.local.rules: rule 1 (byte 1)"));
}

#define TS(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TS(a_record_is_needed), TS(names_are_checked), TS(a_certificate_names_no_tenant),
		TS(configuration_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
