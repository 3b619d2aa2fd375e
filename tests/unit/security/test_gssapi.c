/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by ticket, against a real MIT KDC that kdc.sh starts (or a skip). The
 * tests t_d_... are the traps of libsasl2 that need Kerberos. */
#include "../test.h"

#include <libgen.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cyrus_client.h"
#include "security/gss.h"
#include "security/listener.h"
#include "security/mapping.h"
#include "security/sasl_private.h"

static struct fix f;
static char dir[256], script[1024];
static struct krb_rules *rules;

static int
sh(const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	int rc = system(line);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 1;
}

static const char *
path(const char *name)
{
	static char text[4][512];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", dir, name);
	return text[turn];
}

/* From now on the client is this principal. */
static void
kinit(const char *principal, const char *password)
{
	assert_int_equal(sh("echo %s | kinit -c FILE:%s %s >/dev/null", password, path("ccache"),
	    principal), 0);
}

static void
set_rules(const char *text)
{
	struct why why;
	krb_rules_destroy(&rules);
	if (krb_rules_parse(str_from(text), STR("EXAMPLE.TEST"), &rules, &why) != 0)
		fail_msg("%s", why.text);
	f.listener.krb_rules = rules;
}

static struct gss_keys *
keys(const char *keytab, const char *rcache)
{
	struct gss_keys *k;
	struct why why;
	if (gss_keys_open(path(keytab), rcache, &k, &why) != 0)
		fail_msg("%s", why.text);
	return k;
}

static int
start(void **state)
{
	(void)state;
	fix_start(&f);
	cyrus_init();
	struct gss_keys *k = keys("kafka.keytab", "none:");
	f.listener.mechanisms = MECH_BIT(MECH_GSSAPI);
	f.listener.realm = "EXAMPLE.TEST";
	f.listener.gss = k;
	set_rules("DEFAULT");
	fix_user(&f, 0, "root", MECH_BIT(MECH_GSSAPI));
	fix_user(&f, 0, "svc", MECH_BIT(MECH_GSSAPI));
	fix_user(&f, 0, "nokrb", MECH_BIT(MECH_PLAIN));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	struct gss_keys *k = (struct gss_keys *)(uintptr_t)f.listener.gss;
	gss_keys_close(&k);
	krb_rules_destroy(&rules);
	sasl_client_done();
	fix_stop(&f);
	return 0;
}

/* Logs in with the ticket at hand; the user's name in out, or "refused". */
static const char *
login(const char *authzid)
{
	static char out[256];
	struct cyrus c = { .authzid = authzid };
	struct sasl_login *l = fix_login(&f, "GSSAPI");
	enum sasl_step step = cyrus_login(&f, &c, "GSSAPI", l);
	snprintf(out, sizeof(out), "refused");
	if (step == SASL_STEP_DONE) {
		const struct principal *p = sasl_login_principal(l);
		assert_string_equal(p->mechanism, "GSSAPI");
		snprintf(out, sizeof(out), "%u/%.*s", p->user.tenant, STR_ARG(p->user.s));
	}
	sasl_login_destroy(&l);
	return out;
}

static void
a_ticket_logs_in(void **state)
{
	(void)state;
	kinit("anna", "anna");
	assert_string_equal(login(NULL), "0/anna");
}

/* D: Java sends its principal as authorization identity, which libsasl2's own
 * policy refuses; and whoever believes SASL_USERNAME lets clients choose. */
static void
t_d_the_ticket_says_who(void **state)
{
	(void)state;
	kinit("anna", "anna");
	assert_string_equal(login("anna@EXAMPLE.TEST"), "0/anna");
	assert_string_equal(login("kafka@broker.example.test"), "0/anna"); /* kafka-python */
	assert_string_equal(login("root"), "0/anna");
	assert_string_equal(login("root@EXAMPLE.TEST"), "0/anna");
	kinit("svc/host1", "svc");
	assert_string_equal(login("root@EXAMPLE.TEST"), "0/svc");
}

/* E: the default realm is cut off, a foreign one kept: anna@OTHER.TEST must
 * not become anna, and rules see both in full. */
static void
t_e_realms_are_told_apart(void **state)
{
	(void)state;
	kinit("anna@OTHER.TEST", "anna");
	assert_string_equal(login(NULL), "refused");
	set_rules("RULE:[1:$1@$0](.*@EXAMPLE\\.TEST)s/@.*//");
	assert_string_equal(login(NULL), "refused");
	set_rules("RULE:[1:$1@$0](.*@OTHER\\.TEST)s/@.*//");
	assert_string_equal(login(NULL), "0/anna");
	kinit("anna", "anna");
	assert_string_equal(login(NULL), "refused");
	set_rules("RULE:[1:$1@$0](.*@EXAMPLE\\.TEST)s/@.*//");
	assert_string_equal(login(NULL), "0/anna");
	/* The file changed under us: nobody gets in by a guess. */
	f.listener.realm = "OTHER.TEST";
	assert_string_equal(login(NULL), "refused");
	assert_non_null(strstr(fix_log(&f), "another default realm"));
}

static void
a_record_is_needed(void **state)
{
	(void)state;
	kinit("anna", "anna");
	f.users[0].cred.mechanisms &= ~MECH_BIT(MECH_GSSAPI);
	assert_string_equal(login(NULL), "refused");
	f.users[0].cred.mechanisms = MECH_BIT(MECH_GSSAPI);
	f.users[0].cred.locked = true;
	assert_string_equal(login(NULL), "refused");
	f.users[0].cred.exists = false;
	assert_string_equal(login(NULL), "refused");
	f.listener.unknown_ok = true;
	assert_string_equal(login(NULL), "0/anna");
	f.users[0].cred.exists = true; /* unknown.users lets in no locked user */
	assert_string_equal(login(NULL), "refused");
}

/* Neither a KDC nor a rule can name another tenant than the listener's. */
static void
tenant_of_a_ticket(void **state)
{
	(void)state;
	kinit("anna", "anna");
	f.listener.tenant = 7;
	f.users[4].cred.mechanisms |= MECH_BIT(MECH_GSSAPI);
	assert_string_equal(login(NULL), "7/anna");
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	assert_string_equal(login(NULL), "0/anna");
}

/* A keytab per listener, whatever its host is called; a wrong one is refused. */
static void
keytabs(void **state)
{
	(void)state;
	struct gss_keys *old = (struct gss_keys *)(uintptr_t)f.listener.gss, *k = NULL;
	struct why why;
	kinit("anna", "anna");
	f.listener.fqdn = "another.name.example";
	assert_string_equal(login(NULL), "0/anna");
	struct gss_keys *other = keys("other.keytab", "none:");
	f.listener.gss = other;
	assert_string_equal(login(NULL), "refused");
	gss_keys_close(&other);
	f.listener.gss = old;
	assert_int_equal(gss_keys_open(path("none.keytab"), "none:", &k, &why), ERR_IO);
	assert_non_null(strstr(why.text, "none.keytab"));
	assert_int_equal(sh(": >%s", path("empty.keytab")), 0);
	assert_int_equal(gss_keys_open(path("empty.keytab"), "none:", &k, &why), ERR_IO);
	assert_null(k);
}

/* M: an idle sasl_conn_t is 7 KB: it goes with the last step. N: without a name
 * libsasl2 asks the DNS for its own. */
static void
t_m_n_connection(void **state)
{
	(void)state;
	const void *name = NULL;
	struct cyrus c = { .authzid = NULL };
	kinit("anna", "anna");
	struct sasl_login *l = fix_login(&f, "GSSAPI");
	assert_int_equal(sasl_getprop(l->conn, SASL_SERVERFQDN, &name), SASL_OK);
	assert_string_equal(name, "broker.example.test");
	assert_int_equal(cyrus_login(&f, &c, "GSSAPI", l), SASL_STEP_DONE);
	assert_null(l->conn);
	sasl_login_destroy(&l);
}

/* O: only "no layer" is offered, to those who ask for 256 bits too. */
static void
t_o_no_security_layer(void **state)
{
	(void)state;
	struct cyrus c = { .layers = true, .ssf = 99 };
	kinit("anna", "anna");
	struct sasl_login *l = fix_login(&f, "GSSAPI");
	assert_int_equal(cyrus_login(&f, &c, "GSSAPI", l), SASL_STEP_DONE);
	assert_int_equal(c.ssf, 0);
	sasl_login_destroy(&l);
}

/* The first token of a client, sent to two logins. */
static enum sasl_step
replay(struct sasl_turn *turn)
{
	struct cyrus c = { .authzid = NULL };
	const char *out, *chosen;
	unsigned n;
	char token[8192];
	cyrus_open(&c);
	cyrus_leaks(true);
	assert_int_equal(sasl_client_start(c.conn, "GSSAPI", NULL, &out, &n, &chosen), SASL_CONTINUE);
	cyrus_leaks(false);
	assert_true(n < sizeof(token));
	memcpy(token, out, n);
	cyrus_close(&c);
	for (int i = 0;; i++) {
		struct sasl_login *l = fix_login(&f, "GSSAPI");
		enum sasl_step step = fix_step(&f, l, (struct str){ token, n }, turn);
		sasl_login_destroy(&l);
		if (i == 1)
			return step;
		assert_int_equal(step, SASL_STEP_CONTINUE);
	}
}

/* S: MIT would open and lock /var/tmp/krb5_UID.rcache2 at each login. */
static void
t_s_replay_cache(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct stat before = { 0 }, after = { 0 };
	char name[512], file[600];
	kinit("anna", "anna");
	snprintf(name, sizeof(name), "/var/tmp/krb5_%u.rcache2", (unsigned)getuid());
	stat(name, &before);
	assert_int_equal(replay(&turn), SASL_STEP_CONTINUE);
	stat(name, &after);
	/* Opened it is written, and made where it was not. */
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_size, after.st_size);
	struct gss_keys *old = (struct gss_keys *)(uintptr_t)f.listener.gss;
	snprintf(file, sizeof(file), "file2:%s", path("rcache"));
	struct gss_keys *k = keys("kafka.keytab", file);
	f.listener.gss = k;
	assert_int_equal(replay(&turn), SASL_STEP_FAILED);
	assert_int_equal(stat(path("rcache"), &after), 0);
	f.listener.gss = old;
	gss_keys_close(&k);
}

/* From the words of a configuration: opened, and closed again. */
static void
a_configured_listener(void **state)
{
	(void)state;
	static const char *const mechs[] = { "GSSAPI", "PLAIN" };
	char keytab[512], rcache[512];
	struct why why;
	struct sasl_listener l, old = f.listener;
	snprintf(keytab, sizeof(keytab), "%s", path("kafka.keytab"));
	snprintf(rcache, sizeof(rcache), "%s", path("own-rcache"));
	struct sasl_setup setup = { .mechanisms = mechs, .mechanisms_n = 2, .tls = true,
		.fqdn = "broker.example.test", .keytab = keytab, .krb_rules = "RULE:[1:$1]" };
	kinit("anna", "anna");
	assert_ok(sasl_listener_open(f.lib, &setup, &l, &why));
	assert_string_equal(l.realm, "EXAMPLE.TEST");
	f.listener = l;
	assert_string_equal(login(NULL), "0/anna");
	f.listener = old;
	sasl_listener_close(&l);
	assert_null(l.gss);
	/* Without TLS tickets can be replayed: a cache of our own, or none of it. */
	setup.tls = false;
	setup.mechanisms_n = 1;
	assert_int_equal(sasl_listener_open(f.lib, &setup, &l, &why), ERR_INVAL);
	assert_non_null(strstr(why.text, "replay cache"));
	setup.rcache = rcache;
	assert_ok(sasl_listener_open(f.lib, &setup, &l, &why));
	f.listener = l;
	assert_string_equal(login(NULL), "0/anna");
	f.listener = old;
	sasl_listener_close(&l);
	struct stat st;
	assert_int_equal(stat(rcache, &st), 0);
	setup.keytab = path("none.keytab");
	assert_int_equal(sasl_listener_open(f.lib, &setup, &l, &why), ERR_IO);
	/* Unset is the system's, which KRB5_KTNAME names. */
	setup.keytab = "";
	setenv("KRB5_KTNAME", keytab, 1);
	assert_ok(sasl_listener_open(f.lib, &setup, &l, &why));
	sasl_listener_close(&l);
	unsetenv("KRB5_KTNAME");
	/* A check of the file opens nothing. */
	assert_ok(sasl_listener_open(NULL, &setup, &l, &why));
	assert_null(l.gss);
	sasl_listener_close(&l);
}

static void
broken_tokens(void **state)
{
	(void)state;
	struct cyrus c = { .authzid = NULL };
	const char *out, *chosen;
	unsigned n;
	static char token[8192];
	struct sasl_turn turn;
	kinit("anna", "anna");
	cyrus_open(&c);
	cyrus_leaks(true);
	assert_int_equal(sasl_client_start(c.conn, "GSSAPI", NULL, &out, &n, &chosen), SASL_CONTINUE);
	cyrus_leaks(false);
	memcpy(token, out, n);
	cyrus_close(&c);
	for (unsigned i = 0; i < n; i += n / 12) {
		struct sasl_login *l = fix_login(&f, "GSSAPI");
		token[i] ^= 0x55;
		fix_step(&f, l, (struct str){ token, n }, &turn);
		if (turn.step != SASL_STEP_CONTINUE)
			assert_int_equal(turn.out.n, 0);
		assert_null(sasl_login_principal(l));
		sasl_login_destroy(&l);
		l = fix_login(&f, "GSSAPI");
		assert_int_equal(fix_step(&f, l, (struct str){ token, i }, &turn), SASL_STEP_FAILED);
		sasl_login_destroy(&l);
		token[i] ^= 0x55;
	}
}

static void
endless_tokens(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "GSSAPI");
	for (int i = 0; i <= LOGIN_STEPS_MAX; i++)
		if (fix_step(&f, l, STR(""), &turn) == SASL_STEP_FAILED)
			break;
	assert_int_equal(turn.step, SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

#define TS(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int
main(void)
{
	char file[] = __FILE__;
	const struct CMUnitTest tests[] = {
		TS(a_ticket_logs_in), TS(t_d_the_ticket_says_who), TS(t_e_realms_are_told_apart),
		TS(a_record_is_needed), TS(tenant_of_a_ticket), TS(keytabs), TS(t_m_n_connection),
		TS(t_o_no_security_layer), TS(t_s_replay_cache), TS(a_configured_listener),
		TS(broken_tokens), TS(endless_tokens),
	};
	snprintf(dir, sizeof(dir), "/tmp/schloss-kdc-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(script, sizeof(script), "%s/kdc.sh", dirname(file));
	int rc = sh("sh %s start %s", script, dir);
	if (rc == 0) {
		setenv("KRB5_CONFIG", path("krb5.conf"), 1);
		char cache[600];
		snprintf(cache, sizeof(cache), "FILE:%s", path("ccache"));
		setenv("KRB5CCNAME", cache, 1);
		rc = cmocka_run_group_tests(tests, NULL, NULL);
	}
	sh("sh %s stop %s; rm -rf %s", script, dir, dir);
	return rc;
}
