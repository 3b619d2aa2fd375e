/* SPDX-License-Identifier: Apache-2.0 */
/* Logins without Kerberos. Tests t_a_... to t_t_... are the traps of libsasl2,
 * each with what it would do by itself; those of GSSAPI are in test_gssapi.c. */
#include "../test.h"

#include <errno.h>

#include "sasl_between.h"
#include "sasl_fixture.h"
#include "security/base64.h"

static struct fix f;

static int
start(void **state)
{
	(void)state;
	fix_start(&f);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fix_stop(&f);
	return 0;
}

static enum sasl_step
plain(const char *authzid, const char *user, const char *password)
{
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "PLAIN");
	enum sasl_step step = fix_plain(&f, l, authzid, user, password, &turn);
	if (step == SASL_STEP_FAILED)
		assert_int_equal(turn.out.n, 0);
	sasl_login_destroy(&l);
	return step;
}

static enum sasl_step
scram(enum scram_hash hash, const char *user, const char *password)
{
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, mech_name(scram_hash_mech(hash)));
	enum sasl_step step = fix_scram(&f, l, hash, user, password, false, NULL, &turn);
	if (step == SASL_STEP_FAILED)
		assert_int_equal(turn.out.n, 0);
	sasl_login_destroy(&l);
	return step;
}

static void
plain_and_scram_log_in(void **state)
{
	(void)state;
	struct sasl_turn turn;
	static const char *const mechs[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" };
	for (int i = 0; i < 3; i++) {
		struct sasl_login *l = fix_login(&f, mechs[i]);
		assert_null(sasl_login_principal(l));
		enum sasl_step step = i == 0 ? fix_plain(&f, l, "", "anna", PASSWORD, &turn) :
		    fix_scram(&f, l, i == 1 ? SCRAM_SHA_256 : SCRAM_SHA_512, "anna", PASSWORD, false,
			NULL, &turn);
		assert_int_equal(step, SASL_STEP_DONE);
		const struct principal *p = sasl_login_principal(l);
		assert_non_null(p);
		assert_true(name_eq(p->user, NAME(0, STR("anna"))));
		assert_string_equal(p->mechanism, mechs[i]);
		assert_int_equal(p->user_generation, 101);
		assert_false(p->anonymous);
		assert_false(p->unknown_ok);
		assert_true(addr_eq(&p->host, &f.peer));
		sasl_login_destroy(&l);
	}
	assert_int_equal(plain("anna", "anna", PASSWORD), SASL_STEP_DONE);
	assert_int_equal(plain("", "anna", "wrong"), SASL_STEP_FAILED);
	assert_int_equal(scram(SCRAM_SHA_256, "anna", "wrong"), SASL_STEP_FAILED);
	assert_int_equal(scram(SCRAM_SHA_512, "anna", "wrong"), SASL_STEP_FAILED);
}

/* A: after a failed PLAIN libsasl2 still gives the claimed name, and a second
 * try on the same connection succeeds. Here a failure is the end. */
static void
t_a_failure_is_the_end(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "PLAIN");
	assert_int_equal(fix_plain(&f, l, "", "anna", "wrong", &turn), SASL_STEP_FAILED);
	assert_null(sasl_login_principal(l));
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_FAILED);
	assert_null(sasl_login_principal(l));
	assert_int_equal(sasl_login_mechanism(l, STR("PLAIN")), ERR_CONFLICT);
	sasl_login_destroy(&l);
	l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_scram(&f, l, SCRAM_SHA_256, "anna", "no", false, NULL, &turn),
	    SASL_STEP_FAILED);
	assert_int_equal(fix_scram(&f, l, SCRAM_SHA_256, "anna", PASSWORD, false, NULL, &turn),
	    SASL_STEP_FAILED);
	sasl_login_destroy(&l);
	/* Nor does anything follow a success. */
	l = fix_login(&f, "PLAIN");
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_DONE);
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

/* B: serverout may point at freed memory when a step failed: here it always does. */
static void
t_b_no_bytes_on_failure(void **state)
{
	(void)state;
	struct sasl_turn turn;
	leaves_bytes = true;
	static const char *const junk[] = { "", "x", "n,,n=anna", "n,,n=,r=", "\0\0", "GARBAGE" };
	static const char *const mechs[] = { "PLAIN", "SCRAM-SHA-256" };
	for (size_t i = 0; i < 2 * sizeof(junk) / sizeof(junk[0]); i++) {
		struct sasl_login *l = fix_login(&f, mechs[i % 2]);
		assert_int_equal(fix_step(&f, l, str_from(junk[i / 2]), &turn), SASL_STEP_FAILED);
		assert_int_equal(turn.out.n, 0);
		sasl_login_destroy(&l);
	}
	assert_int_equal(plain("", "anna", "wrong"), SASL_STEP_FAILED);
	assert_int_equal(scram(SCRAM_SHA_256, "anna", "wrong"), SASL_STEP_FAILED);
	leaves_bytes = false;
}

/* C: without SASL_SUCCESS_DATA the last message of SCRAM comes a step too early. */
static void
t_c_final_message_comes_with_success(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_scram(&f, l, SCRAM_SHA_256, "anna", PASSWORD, false, NULL, &turn),
	    SASL_STEP_DONE);
	assert_true(str_starts(turn.out, STR("v=")));
	sasl_login_destroy(&l);
}

/* D, its password half (CVE-2017-12610): nobody becomes somebody else. */
static void
t_d_no_one_acts_for_another(void **state)
{
	(void)state;
	struct sasl_turn turn;
	assert_int_equal(plain("anna@acme", "anna", PASSWORD), SASL_STEP_FAILED);
	assert_int_equal(plain("root", "anna", PASSWORD), SASL_STEP_FAILED);
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_step(&f, l, STR("n,a=root,n=anna,r=abc"), &turn), SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

/* F: a client must not choose its tenant by typing '@'. */
static void
t_f_at_sign_is_plain_on_a_fixed_listener(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "PLAIN");
	assert_int_equal(fix_plain(&f, l, "", "anna@acme", PASSWORD, &turn), SASL_STEP_DONE);
	assert_true(name_eq(sasl_login_principal(l)->user, NAME(0, STR("anna@acme"))));
	sasl_login_destroy(&l);
	f.listener.tenant = 7;
	l = fix_login(&f, "PLAIN");
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_DONE);
	assert_true(name_eq(sasl_login_principal(l)->user, NAME(7, STR("anna"))));
	sasl_login_destroy(&l);
	assert_int_equal(plain("", "anna@main", PASSWORD), SASL_STEP_FAILED);
}

static void
tenant_from_login(void **state)
{
	(void)state;
	static const struct { const char *login, *user; uint32_t tenant; } rows[] = {
		{ "anna@acme", "anna", 7 }, { "anna", "anna", 0 }, { "anna@main", "anna", 0 },
	};
	static const char *const wrong[] = { "anna@nowhere", "anna@", "@acme", "anna@ACME", "anna@@",
		"locked@acme", "anna@acme@nowhere", "anna@acme " };
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	for (size_t i = 0; i < 3; i++) {
		struct sasl_turn turn;
		struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
		assert_int_equal(fix_scram(&f, l, SCRAM_SHA_256, rows[i].login, PASSWORD, false, NULL,
		    &turn), SASL_STEP_DONE);
		assert_true(name_eq(sasl_login_principal(l)->user,
		    NAME(rows[i].tenant, str_from(rows[i].user))));
		sasl_login_destroy(&l);
		assert_int_equal(plain("", rows[i].login, PASSWORD), SASL_STEP_DONE);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(scram(SCRAM_SHA_256, wrong[i], PASSWORD), SASL_STEP_FAILED);
		assert_int_equal(plain("", wrong[i], PASSWORD), SASL_STEP_FAILED);
	}
}

/* G: libsasl2 strips spaces (" anna " is anna) and takes controls and non-UTF-8. */
static void
t_g_names_are_exact(void **state)
{
	(void)state;
	static const char *const wrong[] = { " anna", "anna ", "anna\n", "an\x01na", "anna\xff",
		"ANNA", "Anna", "anna\t", "anna/x", "anna:x", ("\xc2\x85" "anna"), "anna\\" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(plain("", wrong[i], PASSWORD), SASL_STEP_FAILED);
		assert_int_equal(plain(wrong[i], "anna", PASSWORD), SASL_STEP_FAILED);
		assert_int_equal(scram(SCRAM_SHA_256, wrong[i], PASSWORD), SASL_STEP_FAILED);
	}
	/* And what was logged about them is one line each. */
	for (char *line = (char *)(uintptr_t)fix_log(&f); *line != '\0';) {
		size_t n = strcspn(line, "\n");
		assert_true(n > 20 && line[4] == '-' && line[10] == 'T');
		for (size_t i = 0; i < n; i++)
			assert_true((unsigned char)line[i] >= 0x20);
		line += n + (line[n] == '\n');
	}
}

/* H: without mech_list everything installed is offered, and without
 * auxprop_plugin every password store on the system is asked. */
static void
t_h_only_our_mechanisms(void **state)
{
	(void)state;
	const char **list = sasl_global_listmech();
	unsigned n = 0;
	for (; list[n] != NULL; n++) {
		enum mech m;
		/* Built into libsasl2 and into its GSSAPI plugin: mech_list keeps
		 * them from being offered, and our own list from being tried. */
		if (strcmp(list[n], "EXTERNAL") != 0 && strcmp(list[n], "GSS-SPNEGO") != 0)
			assert_ok(mech_parse(str_from(list[n]), &m));
	}
	assert_true(n >= 4 && n <= 6);
	const char *offered;
	sasl_conn_t *conn;
	assert_int_equal(sasl_server_new("kafka", "x.test", NULL, NULL, NULL, NULL, 0, &conn), SASL_OK);
	assert_int_equal(sasl_listmech(conn, NULL, "", " ", "", &offered, NULL, NULL), SASL_OK);
	assert_null(strstr(offered, "PLUS"));
	assert_null(strstr(offered, "SPNEGO"));
	assert_null(strstr(offered, "LOGIN"));
	assert_null(strstr(offered, "EXTERNAL"));
	assert_null(strstr(offered, "ANONYMOUS"));
	/* No password store answers beside the callback, nor is one asked. */
	assert_int_equal(sasl_auxprop_add_plugin("store", store_init), SASL_OK);
	assert_int_not_equal(sasl_checkpass(conn, "anna", 4, "theirs", 6), SASL_OK);
	sasl_dispose(&conn);
	assert_int_equal(plain("", "anna", "theirs"), SASL_STEP_FAILED);
	assert_int_equal(plain("", "anna", PASSWORD), SASL_STEP_DONE);
	assert_int_equal(scram(SCRAM_SHA_256, "anna", PASSWORD), SASL_STEP_DONE);
	assert_int_equal(store_asked, 0);
	assert_null(strstr(fix_log(&f), "sasldb"));
	assert_int_equal(sasl_lib_create(&f.ev, &f.lib, NULL), ERR_BUSY);
	assert_ok(sasl_lib_check(f.lib, MECH_BIT(MECH_SCRAM_SHA_512) | MECH_BIT(MECH_PLAIN) |
	    MECH_BIT(MECH_TLS), NULL));
}

/* I: sasl_server_init loads every plugin of the system, DIGEST-MD5 with its
 * overflow among them. What is mapped into the process tells. */
static void
t_i_no_other_plugin_is_loaded(void **state)
{
	(void)state;
	static const char *const never[] = { "libdigestmd5", "libcrammd5", "libntlm", "libsasldb",
		"libscram", "liblogin", "libanonymous", "libgs2", "libldapdb", "libsql" };
	static char maps[1 << 20];
	FILE *file = fopen("/proc/self/maps", "r");
	assert_non_null(file);
	size_t n = fread(maps, 1, sizeof(maps) - 1, file);
	fclose(file);
	maps[n] = '\0';
	assert_non_null(strstr(maps, "libplain"));
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_null(strstr(maps, never[i]));
	assert_int_equal(confs, 0);
}

/* J: libsasl2's nonces have 48 bits of seed; ours come from the kernel. */
static void
t_j_nonces_are_random(void **state)
{
	(void)state;
	char seen[64][512];
	for (int i = 0; i < 64; i++) {
		struct sasl_turn turn;
		struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
		assert_int_equal(fix_step(&f, l, STR("n,,n=anna,r=abc"), &turn), SASL_STEP_CONTINUE);
		snprintf(seen[i], sizeof(seen[i]), "%.*s", STR_ARG(turn.out));
		/* They are what the kernel gave last, and nothing else: r=abcNONCE,s=... */
		char nonce[BASE64_LEN(sizeof(kernel_random.bytes))];
		size_t n = base64_encode(kernel_random.bytes, kernel_random.n, nonce);
		assert_true(kernel_random.n >= 18);
		assert_int_equal(strcspn(seen[i], ","), 5 + n);
		assert_memory_equal(seen[i] + 5, nonce, n);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
		sasl_login_destroy(&l);
	}
}

/* The shape of a challenge without what is random: salt length and iterations. */
static void
challenge(const char *mechanism, const char *user, char *salt, size_t *ret_tail)
{
	struct sasl_turn turn;
	char text[512];
	struct sasl_login *l = fix_login(&f, mechanism);
	snprintf(text, sizeof(text), "n,,n=%s,r=abc", user);
	assert_int_equal(fix_step(&f, l, str_from(text), &turn), SASL_STEP_CONTINUE);
	snprintf(text, sizeof(text), "%.*s", STR_ARG(turn.out));
	const char *s = strstr(text, ",s=");
	snprintf(salt, 256, "%s", s);
	*ret_tail = strlen(s);
	sasl_login_destroy(&l);
}

/* K: with libsasl2 an unknown user fails one step before a wrong password. */
static void
t_k_unknown_users_look_like_others(void **state)
{
	(void)state;
	static const char *const users[] = { "anna", "nobody", "locked", "expired", "certonly",
		"a/b", "Anna" };
	static const char *const mechs[] = { "SCRAM-SHA-256", "SCRAM-SHA-512" };
	for (int m = 0; m < 2; m++) {
		char first[256], again[256];
		size_t want, n;
		challenge(mechs[m], "anna", first, &want);
		for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
			challenge(mechs[m], users[i], first, &n);
			assert_int_equal(n, want);
			challenge(mechs[m], users[i], again, &n);
			assert_string_equal(first, again);
			const char *tail = strstr(first, ",i=");
			assert_string_equal(tail, ",i=4096");
		}
	}
	/* Each fails at the last step, with the right password too. */
	for (size_t i = 1; i < sizeof(users) / sizeof(users[0]); i++)
		assert_int_equal(scram(SCRAM_SHA_256, users[i], PASSWORD), SASL_STEP_FAILED);
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	char salt[256];
	size_t n;
	challenge("SCRAM-SHA-256", "anna@nowhere", salt, &n);
	assert_int_equal(n, strlen(salt));
}

/* A lock must not change the salt, or it would tell that the user is real. */
static void
a_lock_does_not_show(void **state)
{
	(void)state;
	char before[256], after[256];
	size_t n;
	challenge("SCRAM-SHA-256", "anna", before, &n);
	f.users[0].cred.locked = f.users[0].cred.closed = true;
	challenge("SCRAM-SHA-256", "anna", after, &n);
	assert_string_equal(before, after);
	f.users[0].cred.mechanisms = MECH_BIT(MECH_TLS);
	challenge("SCRAM-SHA-256", "anna", after, &n);
	assert_string_equal(before, after);
}

/* One answer, the same time: all are due at one moment after the token came. */
static void
every_failure_is_one_answer(void **state)
{
	(void)state;
	static const struct { const char *user, *password; } rows[] = {
		{ "anna", "wrong" }, { "nobody", PASSWORD }, { "locked", PASSWORD },
		{ "expired", PASSWORD }, { "certonly", PASSWORD }, { "anna", "" }, { "a/b", "x" },
		{ "anna@nowhere", PASSWORD },
	};
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sasl_turn turn;
		struct sasl_login *l = fix_login(&f, "PLAIN");
		f.peer.b[3] = (uint8_t)(10 + i); /* the first failure of each */
		sasl_login_destroy(&l);
		l = fix_login(&f, "PLAIN");
		assert_int_equal(fix_plain(&f, l, "", rows[i].user, rows[i].password, &turn),
		    SASL_STEP_FAILED);
		assert_int_equal(turn.out.n, 0);
		assert_int_equal(turn.not_before, FIX_T0 + PENALTY_FIRST_NS);
		sasl_login_destroy(&l);
		l = fix_login(&f, "SCRAM-SHA-512");
		assert_int_equal(fix_scram(&f, l, SCRAM_SHA_512, rows[i].user, rows[i].password, false,
		    NULL, &turn), SASL_STEP_FAILED);
		if (rows[i].password[0] != '\0')
			assert_int_equal(turn.not_before, FIX_T0 + 2 * PENALTY_FIRST_NS);
		sasl_login_destroy(&l);
	}
}

/* A record that is not there is looked for like one that is. */
static void
every_claim_is_looked_up_once(void **state)
{
	(void)state;
	static const char *const users[] = { "anna", "nobody", "locked", "certonly" };
	for (size_t i = 0; i < 4; i++) {
		f.lookups = 0;
		plain("", users[i], "wrong");
		assert_int_equal(f.lookups, 1);
		scram(SCRAM_SHA_512, users[i], "wrong");
		assert_int_equal(f.lookups, 2);
	}
}

static void
penalties_grow_and_end(void **state)
{
	(void)state;
	struct sasl_turn turn;
	for (unsigned i = 0; i < 4; i++) {
		struct sasl_login *l = fix_login(&f, "PLAIN");
		fix_plain(&f, l, "", "anna", "wrong", &turn);
		assert_int_equal(turn.not_before, FIX_T0 + (PENALTY_FIRST_NS << i));
		sasl_login_destroy(&l);
	}
	assert_int_equal(plain("", "anna", PASSWORD), SASL_STEP_DONE);
	struct sasl_login *l = fix_login(&f, "PLAIN");
	fix_plain(&f, l, "", "anna", "wrong", &turn);
	assert_int_equal(turn.not_before, FIX_T0);
	sasl_login_destroy(&l);
}

struct crowd {
	pthread_t thread;
	int good;
};

static _Atomic int crowd_done;

static void
crowd_wake(void *arg)
{
	atomic_store((_Atomic int *)arg, 1);
	atomic_fetch_add(&crowd_done, 1);
}

static void *
crowd_run(void *arg)
{
	struct crowd *c = arg;
	for (int i = 0; i < 20; i++) {
		struct sasl_turn turn;
		_Atomic int woken = 0;
		struct addr peer = { 4, { 10, (uint8_t)i, (uint8_t)(uintptr_t)c, 1 } };
		struct sasl_login *l = sasl_login_create(&f.listener, &f.shared, &peer, &f.ev,
		    crowd_wake, &woken);
		assert_ok(sasl_login_mechanism(l, i % 2 == 0 ? STR("SCRAM-SHA-256") : STR("PLAIN")));
		if (i % 2 == 0) {
			fix_scram(&f, l, SCRAM_SHA_256, "anna", PASSWORD, false, NULL, &turn);
		} else {
			sasl_login_step(l, STR("\0anna\0" PASSWORD), FIX_T0, &turn);
			while (atomic_load(&woken) == 0)
				usleep(100);
			sasl_login_resume(l, FIX_T0, &turn);
		}
		c->good += turn.step == SASL_STEP_DONE;
		sasl_login_destroy(&l);
	}
	return NULL;
}

/* L: libsasl2 locks nothing unless it is given mutexes before it starts. */
static void
t_l_many_threads(void **state)
{
	(void)state;
	struct crowd crowd[4] = { 0 };
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, crowd_run, &crowd[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(crowd[i].thread, NULL);
		assert_int_equal(crowd[i].good, 20);
	}
	/* A missing lock shows once in a thousand runs: so they are looked at, too. */
	assert_true(mutexes.first);
	void *m = mutexes.alloc();
	assert_int_equal(mutexes.lock(m), SASL_OK);
	assert_int_equal(pthread_mutex_trylock(m), EBUSY);
	assert_int_equal(mutexes.unlock(m), SASL_OK);
	assert_int_equal(pthread_mutex_trylock(m), 0);
	assert_int_equal(mutexes.unlock(m), SASL_OK);
	mutexes.free(m);
}

/* P: libsasl2 takes "plain" for PLAIN. */
static void
t_p_mechanism_names_are_exact(void **state)
{
	(void)state;
	static const char *const wrong[] = { "plain", "Plain", "PLAIN ", " PLAIN", "", "PLAI", "PLAINX",
		"scram-sha-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "LOGIN", "ANONYMOUS", "EXTERNAL",
		"TLS", "GSSAPI", "GSS-SPNEGO", "OAUTHBEARER" };
	struct sasl_login *l = sasl_login_create(&f.listener, &f.shared, &f.peer, &f.ev, fix_done, &f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(sasl_login_mechanism(l, str_from(wrong[i])), ERR_UNSUPPORTED);
	assert_int_equal(sasl_login_mechanism(l, STR("PLAIN\0x")), ERR_UNSUPPORTED);
	assert_ok(sasl_login_mechanism(l, STR("PLAIN")));
	assert_int_equal(sasl_login_mechanism(l, STR("PLAIN")), ERR_CONFLICT);
	sasl_login_destroy(&l);
}

static void
plain_never_without_tls(void **state)
{
	(void)state;
	struct str names[MECH_COUNT];
	assert_int_equal(sasl_listener_mechanisms(&f.listener, names, MECH_COUNT), 3);
	assert_str(names[0], "SCRAM-SHA-256");
	assert_str(names[2], "PLAIN");
	f.listener.tls = false;
	assert_int_equal(sasl_listener_mechanisms(&f.listener, names, MECH_COUNT), 2);
	struct sasl_login *l = sasl_login_create(&f.listener, &f.shared, &f.peer, &f.ev, fix_done, &f);
	assert_int_equal(sasl_login_mechanism(l, STR("PLAIN")), ERR_UNSUPPORTED);
	sasl_login_destroy(&l);
	assert_int_equal(scram(SCRAM_SHA_256, "anna", PASSWORD), SASL_STEP_DONE);
}

/* Q: were channel binding set, clients that say "y" would fail. */
static void
t_q_no_channel_binding(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_step(&f, l, STR("y,,n=anna,r=abc"), &turn), SASL_STEP_CONTINUE);
	sasl_login_destroy(&l);
	l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_step(&f, l, STR("p=tls-server-end-point,,n=anna,r=abc"), &turn),
	    SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

/* R: libsasl2 would write to syslog; reasons go to our log and never out, and
 * passwords and tokens go nowhere. */
static void
t_r_reasons_are_logged_not_sent(void **state)
{
	(void)state;
	fix_log(&f);
	assert_int_equal(plain("", "nobody", "S3cret-word"), SASL_STEP_FAILED);
	const char *log = fix_log(&f);
	assert_non_null(strstr(log, "login refused: no such user"));
	assert_non_null(strstr(log, "user=nobody mechanism=PLAIN"));
	assert_null(strstr(log, "S3cret"));
	assert_int_equal(plain("", "locked", PASSWORD), SASL_STEP_FAILED);
	assert_non_null(strstr(fix_log(&f), "the user is locked"));
	assert_int_equal(scram(SCRAM_SHA_256, "anna", "S3cret-word"), SASL_STEP_FAILED);
	log = fix_log(&f);
	assert_non_null(strstr(log, "wrong password"));
	assert_null(strstr(log, "S3cret"));
	/* Not a line for each of a thousand. */
	for (int i = 0; i < 31; i++)
		plain("", "guess", "x");
	unsigned lines = 0;
	for (log = fix_log(&f); (log = strstr(log, "login refused")) != NULL; log++)
		lines++;
	assert_int_equal(lines, 5);
	assert_int_equal(syslogs, 0);
}

/* T: libsasl2's codes differ by mechanism and reason; outside there is one. */
static void
t_t_all_codes_are_one_failure(void **state)
{
	(void)state;
	f.users[0].cred.scram[SCRAM_SHA_256].iterations = 0; /* no such variant: "no memory" */
	assert_int_equal(scram(SCRAM_SHA_256, "anna", PASSWORD), SASL_STEP_FAILED);
	assert_int_equal(scram(SCRAM_SHA_512, "anna", PASSWORD), SASL_STEP_DONE);
	f.users[0].cred.scram[SCRAM_SHA_512] = (struct scram_key){ 0 };
	assert_int_equal(plain("", "anna", PASSWORD), SASL_STEP_FAILED);
	assert_int_equal(scram(SCRAM_SHA_512, "nobody", PASSWORD), SASL_STEP_FAILED);
	assert_int_equal(plain("", "nobody", PASSWORD), SASL_STEP_FAILED);
}

/* Two zeros part what PLAIN says; a third, or one that is missing, is no login: not even with
 * the right password in front of it. */
static void
plain_has_two_zeros(void **state)
{
	(void)state;
	static const struct str wrong[] = {
		STR("\0anna\0" PASSWORD "\0"), STR("\0anna\0" PASSWORD "\0x"), STR("\0\0anna\0" PASSWORD),
		STR("anna\0" PASSWORD), STR("\0anna" PASSWORD), STR("\0an\0na\0" PASSWORD), STR("\0\0" PASSWORD),
		STR("\0anna\0"), STR("\0anna\0\0" PASSWORD), STR("\0"), STR("\0\0"), STR("\0\0\0"),
		STR("\0anna\0\0anna\0" PASSWORD), STR("anna\0anna\0" PASSWORD "\0"),
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sasl_turn turn;
		struct sasl_login *l = fix_login(&f, "PLAIN");
		assert_int_equal(fix_step(&f, l, wrong[i], &turn), SASL_STEP_FAILED);
		assert_int_equal(turn.out.n, 0);
		sasl_login_destroy(&l);
	}
}

static void
plain_with_either_hash(void **state)
{
	(void)state;
	f.users[0].cred.scram[SCRAM_SHA_512].iterations = 0;
	assert_int_equal(plain("", "anna", PASSWORD), SASL_STEP_DONE);
	assert_int_equal(plain("", "anna", "x"), SASL_STEP_FAILED);
}

static void
doubled_nonce_only_where_allowed(void **state)
{
	(void)state;
	static const struct { bool tls, allowed; enum sasl_step step; } rows[] = {
		{ true, true, SASL_STEP_DONE }, { true, false, SASL_STEP_FAILED },
		{ false, true, SASL_STEP_FAILED }, { false, false, SASL_STEP_FAILED },
	};
	for (size_t i = 0; i < 4; i++) {
		struct sasl_turn turn;
		f.listener.tls = rows[i].tls;
		f.listener.double_nonce = rows[i].allowed;
		struct sasl_login *l = fix_login(&f, "SCRAM-SHA-512");
		assert_int_equal(fix_scram(&f, l, SCRAM_SHA_512, "anna", PASSWORD, true, NULL, &turn),
		    rows[i].step);
		sasl_login_destroy(&l);
	}
	assert_non_null(strstr(fix_log(&f), "nonce twice"));
}

static void
delegation_tokens_are_unknown_users(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct buf final;
	const char *first = "n,,n=anna,r=abc,tokenauth=true";
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-256");
	assert_int_equal(fix_step(&f, l, str_from(first), &turn), SASL_STEP_CONTINUE);
	buf_init(&final, 4096);
	/* own nonce is cut at the comma */
	client_final(SCRAM_SHA_256, PASSWORD, first, turn.out, false, &final);
	assert_int_equal(fix_step(&f, l, buf_str(&final), &turn), SASL_STEP_FAILED);
	buf_free(&final);
	sasl_login_destroy(&l);
	assert_non_null(strstr(fix_log(&f), "no such delegation token"));
}

static void
tokens_are_bounded(void **state)
{
	(void)state;
	static char large[70000];
	struct sasl_turn turn;
	static const char *const mechs[] = { "PLAIN", "SCRAM-SHA-256" };
	memset(large, 'x', sizeof(large));
	for (int i = 0; i < 2; i++) {
		struct sasl_login *l = fix_login(&f, mechs[i]);
		sasl_login_step(l, (struct str){ large, sizeof(large) }, FIX_T0, &turn);
		assert_int_equal(turn.step, SASL_STEP_FAILED); /* at once, no worker */
		sasl_login_destroy(&l);
	}
	/* A step before a mechanism. */
	struct sasl_login *l = sasl_login_create(&f.listener, &f.shared, &f.peer, &f.ev, fix_done, &f);
	sasl_login_step(l, STR("x"), FIX_T0, &turn);
	assert_int_equal(turn.step, SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

/* A connection may close while a worker has its login. */
static void
destroyed_while_waiting(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct sasl_turn turn;
		struct sasl_login *l = fix_login(&f, "PLAIN");
		sasl_login_step(l, STR("\0anna\0" PASSWORD), FIX_T0, &turn);
		assert_int_equal(turn.step, SASL_STEP_WAIT);
		if (i % 4 == 0)
			usleep(1000 * (unsigned)i);
		sasl_login_destroy(&l);
	}
}

static void
too_many_wait(void **state)
{
	(void)state;
	struct sasl_login *l[CHECKS_PER_ADDRESS + CHECKS_WAITING_PER_ADDRESS + 20];
	unsigned n = sizeof(l) / sizeof(l[0]), failed = 0;
	for (unsigned i = 0; i < n; i++) {
		struct sasl_turn turn;
		l[i] = fix_login(&f, "PLAIN");
		sasl_login_step(l[i], STR("\0anna\0" PASSWORD), FIX_T0, &turn);
		failed += turn.step == SASL_STEP_FAILED;
		if (failed != 1 || turn.step != SASL_STEP_FAILED)
			continue;
		/* That is the address's affair: from another one there is no crowd. */
		struct addr peer = f.peer;
		f.peer.b[3]++;
		struct sasl_login *other = fix_login(&f, "PLAIN");
		sasl_login_step(other, STR("\0anna\0" PASSWORD), FIX_T0, &turn);
		assert_int_equal(turn.step, SASL_STEP_WAIT);
		sasl_login_destroy(&other);
		f.peer = peer;
	}
	for (unsigned i = 0; i < n; i++)
		sasl_login_destroy(&l[i]);
	assert_true(failed > 0);
}

static void
re_authentication(void **state)
{
	(void)state;
	struct principal a = { .user = NAME(0, STR("anna")), .mechanism = "PLAIN" }, b = a;
	assert_true(sasl_same_principal(&a, &b));
	b.user_generation = 9; /* a new password in between is fine */
	assert_true(sasl_same_principal(&a, &b));
	b.user.tenant = 1;
	assert_false(sasl_same_principal(&a, &b));
	b = a;
	b.user.s = STR("bert");
	assert_false(sasl_same_principal(&a, &b));
	b = a;
	b.mechanism = "SCRAM-SHA-256";
	assert_false(sasl_same_principal(&a, &b));
	b = a;
	b.anonymous = true;
	assert_false(sasl_same_principal(&a, &b));
}

/* Not even by a good password, and another mechanism is not so much as tried. */
static void
another_renews_nothing(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct principal before = { .user = NAME(0, STR("anna")), .mechanism = "PLAIN" };
	struct sasl_login *l = fix_login(&f, "PLAIN");
	sasl_login_renews(l, &before);
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_DONE);
	sasl_login_destroy(&l);

	before.user.s = STR("bert");
	l = fix_login(&f, "PLAIN");
	sasl_login_renews(l, &before);
	fix_log(&f);
	assert_int_equal(fix_plain(&f, l, "", "anna", PASSWORD, &turn), SASL_STEP_FAILED);
	assert_null(sasl_login_principal(l));
	assert_non_null(strstr(fix_log(&f), "renewed by the same user only"));
	sasl_login_destroy(&l);

	before.user.s = STR("anna");
	l = fix_login(&f, "SCRAM-SHA-256");
	sasl_login_renews(l, &before);
	unsigned lookups = f.lookups;
	assert_int_equal(fix_scram(&f, l, SCRAM_SHA_256, "anna", PASSWORD, false, NULL, &turn), SASL_STEP_FAILED);
	assert_int_equal(f.lookups, lookups);
	assert_non_null(strstr(fix_log(&f), "renewed by the same mechanism only"));
	sasl_login_destroy(&l);
}

static void
expiry_is_told(void **state)
{
	(void)state;
	struct sasl_turn turn;
	f.users[0].cred.expires_ms = 1234;
	struct sasl_login *l = fix_login(&f, "PLAIN");
	fix_plain(&f, l, "", "anna", PASSWORD, &turn);
	assert_int_equal(sasl_login_expires_ms(l), 1234);
	sasl_login_destroy(&l);
}

#define TS(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TS(plain_and_scram_log_in), TS(t_a_failure_is_the_end), TS(t_b_no_bytes_on_failure),
		TS(t_c_final_message_comes_with_success), TS(t_d_no_one_acts_for_another),
		TS(t_f_at_sign_is_plain_on_a_fixed_listener), TS(tenant_from_login),
		TS(t_g_names_are_exact), TS(t_h_only_our_mechanisms), TS(t_i_no_other_plugin_is_loaded),
		TS(t_j_nonces_are_random), TS(t_k_unknown_users_look_like_others),
		TS(a_lock_does_not_show), TS(every_failure_is_one_answer),
		TS(every_claim_is_looked_up_once), TS(penalties_grow_and_end), TS(t_l_many_threads),
		TS(t_p_mechanism_names_are_exact), TS(plain_never_without_tls), TS(t_q_no_channel_binding),
		TS(t_r_reasons_are_logged_not_sent), TS(t_t_all_codes_are_one_failure),
		TS(plain_has_two_zeros), TS(plain_with_either_hash), TS(doubled_nonce_only_where_allowed),
		TS(delegation_tokens_are_unknown_users), TS(tokens_are_bounded),
		TS(destroyed_while_waiting), TS(too_many_wait), TS(re_authentication),
		TS(another_renews_nothing), TS(expiry_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
