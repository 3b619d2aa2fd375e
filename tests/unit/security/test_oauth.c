/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by OAUTHBEARER from the first byte to the principal; what tokens are good is test_jwt.c's. */
#include "../test.h"

#include "jwt_maker.h"
#include "sasl_fixture.h"

#include "base/fs.h"
#include "security/mapping.h"
#include "security/oauth.h"

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"
#define CLAIMS(sub, exp) "{\"iss\":\"https://issuer\",\"aud\":\"schloss\",\"sub\":\"" sub "\",\"exp\":" exp "}"
#define GOOD CLAIMS("anna", "1800000300")

static struct fix f;
static struct maker m;
static struct jwks_sources *sources;
static struct oauth *oauth;
static char path[] = "/tmp/schloss-jwks-XXXXXX";
static int64_t now_s;

static int64_t
clock_of_test(void)
{
	return now_s * 1000;
}

static void
write_keys(const char *text)
{
	struct buf keys;
	buf_init(&keys, 65536);
	if (text == NULL)
		maker_jwks(&m, &keys);
	else
		buf_printf(&keys, "%s", text);
	assert_ok(fs_replace(path, keys.p, keys.n));
	buf_free(&keys);
}

static int
read_again(struct why *why)
{
	char url[64];
	snprintf(url, sizeof(url), "file://%s", path);
	return jwks_sources_reload(sources, &(struct jwks_place){ url, NULL }, 1, why);
}

static void
open_oauth(const char *names, struct oauth **ret)
{
	char url[64];
	static const char *const audience[] = { "schloss" };
	struct why why;
	snprintf(url, sizeof(url), "file://%s", path);
	assert_ok(oauth_open(&(struct oauth_setup){ .sources = sources, .url = url, .refresh_ms = 1000, .skew_s = 30,
	    .issuer = "https://issuer", .scope_claim = "scope", .subject_claim = "sub", .names = names, .audiences = audience,
	    .audiences_n = 1 }, ret, &why));
}

static int
start(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	close(fd);
	fix_start(&f);
	f.shared.wall_ms = clock_of_test;
	now_s = MAKER_NOW;
	fix_user(&f, 0, "olga", MECH_BIT(MECH_OAUTHBEARER));
	f.users[0].cred.mechanisms |= MECH_BIT(MECH_OAUTHBEARER);
	for (unsigned i = 0; i < f.n; i++)
		if (str_is(str_from(f.users[i].name), "locked") || str_is(str_from(f.users[i].name), "expired"))
			f.users[i].cred.mechanisms |= MECH_BIT(MECH_OAUTHBEARER);
	maker_start(&m);
	write_keys(NULL);
	sources = jwks_sources_create(&f.ev);
	open_oauth("DEFAULT", &oauth);
	f.listener.oauth = oauth;
	f.listener.mechanisms |= MECH_BIT(MECH_OAUTHBEARER);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	oauth_close(&oauth);
	jwks_sources_destroy(&sources);
	maker_stop(&m);
	fix_stop(&f);
	unlink(path);
	return 0;
}

/* What a client sends; authzid "" for none. */
static void
message(const char *authzid, const char *claims, struct buf *out)
{
	buf_init(out, 65536);
	buf_printf(out, authzid[0] == '\0' ? "n,%s,\1auth=Bearer " : "n,a=%s,\1auth=Bearer ", authzid);
	maker_token(m.key[JWS_EDDSA], HEADER, str_from(claims), out);
	buf_printf(out, "\1traceId=123\1\1");
}

static struct sasl_login *
say(const char *authzid, const char *claims, struct sasl_turn *turn)
{
	struct buf msg;
	struct sasl_login *l = fix_login(&f, "OAUTHBEARER");
	message(authzid, claims, &msg);
	fix_step(&f, l, buf_str(&msg), turn);
	buf_free(&msg);
	return l;
}

/* Words that are the same whatever is wrong, then the failure, late. */
static void
is_refused(struct sasl_login *l, struct sasl_turn *turn, const char *answer, const char *reason)
{
	assert_int_equal(turn->step, SASL_STEP_CONTINUE);
	assert_str(turn->out, OAUTH_REFUSAL);
	assert_null(sasl_login_principal(l));
	assert_non_null(strstr(fix_log(&f), reason));
	assert_int_equal(fix_step(&f, l, str_from(answer), turn), SASL_STEP_FAILED);
	assert_int_equal(turn->out.n, 0);
	assert_null(sasl_login_principal(l));
	assert_null(strstr(fix_log(&f), "login refused")); /* told once, counted once */
	assert_int_equal(fix_step(&f, l, STR("\1"), turn), SASL_STEP_FAILED);
	sasl_login_destroy(&l);
}

static void
refused(const char *authzid, const char *claims, const char *reason)
{
	struct sasl_turn turn;
	/* An address of its own each time: of a row of failures not all are logged. */
	f.peer.b[3]++;
	fix_log(&f);
	struct sasl_login *l = say(authzid, claims, &turn);
	is_refused(l, &turn, "\1", reason);
}

static void
a_token_lets_in(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct sasl_login *l = say("", GOOD, &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	assert_int_equal(turn.out.n, 0);
	const struct principal *p = sasl_login_principal(l);
	assert_str(p->user.s, "anna");
	assert_int_equal(p->user.tenant, 0);
	assert_string_equal(p->mechanism, "OAUTHBEARER");
	assert_false(p->unknown_ok);
	assert_int_equal(sasl_login_expires_ms(l), INT64_C(1800000300000));
	sasl_login_destroy(&l);
	l = say("anna", GOOD, &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	sasl_login_destroy(&l);
}

/* Whichever ends first. */
static void
its_end_bounds_the_login(void **state)
{
	(void)state;
	struct sasl_turn turn;
	f.users[0].cred.expires_ms = INT64_C(1800000100000);
	struct sasl_login *l = say("", GOOD, &turn);
	assert_int_equal(sasl_login_expires_ms(l), INT64_C(1800000100000));
	sasl_login_destroy(&l);
	f.users[0].cred.expires_ms = INT64_C(1900000000000);
	l = say("", GOOD, &turn);
	assert_int_equal(sasl_login_expires_ms(l), INT64_C(1800000300000));
	sasl_login_destroy(&l);
	f.users[0].cred.expires_ms = 0;
}

static void
who_is_not_let_in(void **state)
{
	(void)state;
	refused("", CLAIMS("anna", "1700000000"), "has expired");
	refused("", CLAIMS("nobody", "1800000300"), "no such user");
	refused("", CLAIMS("certonly", "1800000300"), "may not log in by this mechanism");
	refused("", CLAIMS("locked", "1800000300"), "the user is locked");
	refused("", CLAIMS("expired", "1800000300"), "the user has expired");
	refused("", CLAIMS("an/na", "1800000300"), "not a valid user name");
	refused("", CLAIMS(" anna", "1800000300"), "not a valid user name");
	refused("", CLAIMS("anna\\n", "1800000300"), "not a valid user name");
	refused("olga", GOOD, "act as another user");
	refused("Anna", GOOD, "act as another user");
	f.listener.unknown_ok = true;
	struct sasl_turn turn;
	struct sasl_login *l = say("", CLAIMS("nobody", "1800000300"), &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	assert_true(sasl_login_principal(l)->unknown_ok);
	sasl_login_destroy(&l);
	f.listener.unknown_ok = false;
}

static void
messages_that_are_none(void **state)
{
	(void)state;
	static const struct str texts[] = { STR(""), STR("\1"), STR("n,,\1\1"), STR("n,,\1auth=Bearer \1\1"), STR("\0anna\0secret"),
		STR("p=tls-exporter,,\1auth=Bearer t\1\1") };
	struct sasl_turn turn;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sasl_login *l = fix_login(&f, "OAUTHBEARER");
		assert_int_equal(fix_step(&f, l, texts[i], &turn), SASL_STEP_FAILED);
		assert_int_equal(turn.out.n, 0);
		sasl_login_destroy(&l);
	}
	char *large = mem_zalloc(OAUTH_MESSAGE_MAX + 1);
	struct sasl_login *l = fix_login(&f, "OAUTHBEARER");
	assert_int_equal(fix_step(&f, l, (struct str){ large, OAUTH_MESSAGE_MAX + 1 }, &turn), SASL_STEP_FAILED);
	sasl_login_destroy(&l);
	mem_free(large);
}

/* Nothing that is sent after the refusal makes it good, not even a good token. */
static void
a_refusal_is_the_end(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct buf good;
	message("", GOOD, &good);
	buf_add(&good, "", 1);
	const char *const answers[] = { "", "\1", "\1\1", "n,,\1\1" };
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		f.peer.b[3]++;
		struct sasl_login *l = say("", CLAIMS("nobody", "1800000300"), &turn);
		is_refused(l, &turn, answers[i], "no such user");
	}
	f.peer.b[3]++;
	struct sasl_login *l = say("", CLAIMS("nobody", "1800000300"), &turn);
	is_refused(l, &turn, (const char *)good.p, "no such user");
	buf_free(&good);
}

/* It counts though the client goes away before the failure. */
static void
failures_count_at_once(void **state)
{
	(void)state;
	struct sasl_turn turn;
	uint64_t last = 0;
	f.peer.b[2]++;
	for (int i = 0; i < 5; i++) {
		struct sasl_login *l = say("", CLAIMS("nobody", "1800000300"), &turn);
		if (i == 4) {
			fix_step(&f, l, STR("\1"), &turn);
			last = turn.not_before - FIX_T0;
		}
		sasl_login_destroy(&l);
	}
	assert_true(last >= 16 * PENALTY_FIRST_NS);
}

/* Or who has one would guess its owner's password for a day without a delay. */
static void
a_token_is_trusted_for_no_password(void **state)
{
	(void)state;
	struct sasl_turn turn;
	f.peer.b[2]++;
	sasl_login_destroy(&(struct sasl_login *){ say("", GOOD, &turn) });
	assert_int_equal(turn.step, SASL_STEP_DONE);
	for (unsigned i = 0; i < 3; i++) {
		struct sasl_login *l = fix_login(&f, "PLAIN");
		assert_int_equal(fix_plain(&f, l, "", "anna", "guessed", &turn), SASL_STEP_FAILED);
		assert_int_equal(turn.not_before, FIX_T0 + (PENALTY_FIRST_NS << i));
		sasl_login_destroy(&l);
	}
}

static void
never_without_tls(void **state)
{
	(void)state;
	struct sasl_login *l = sasl_login_create(&f.listener, &f.shared, &f.peer, &f.ev, fix_done, &f);
	f.listener.tls = false;
	assert_int_equal(sasl_login_mechanism(l, STR("OAUTHBEARER")), ERR_UNSUPPORTED);
	f.listener.tls = true;
	assert_int_equal(sasl_login_mechanism(l, STR("oauthbearer")), ERR_UNSUPPORTED);
	assert_ok(sasl_login_mechanism(l, STR("OAUTHBEARER")));
	sasl_login_destroy(&l);
}

static void
names_are_mapped(void **state)
{
	(void)state;
	struct oauth *mapped;
	struct sasl_turn turn;
	open_oauth("RULE:^([a-z]+)@works$/$1/, RULE:^OLGA$/$0/L", &mapped);
	f.listener.oauth = mapped;
	struct sasl_login *l = say("anna", CLAIMS("anna@works", "1800000300"), &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	assert_str(sasl_login_principal(l)->user.s, "anna");
	sasl_login_destroy(&l);
	l = say("", CLAIMS("OLGA", "1800000300"), &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	sasl_login_destroy(&l);
	refused("anna@works", CLAIMS("anna@works", "1800000300"), "act as another user");
	refused("", CLAIMS("anna@elsewhere", "1800000300"), "no rule maps this token");
	f.listener.oauth = oauth;
	oauth_close(&mapped);
}

/* An issuer is bound to the listener's tenant, and to main where names decide. */
static void
tenant_of_a_token(void **state)
{
	(void)state;
	struct sasl_turn turn;
	f.listener.tenant_from = TENANT_FROM_LOGIN;
	struct sasl_login *l = say("", GOOD, &turn);
	assert_int_equal(sasl_login_principal(l)->user.tenant, 0);
	sasl_login_destroy(&l);
	refused("", CLAIMS("anna@acme", "1800000300"), "names no tenant");
	f.listener.tenant_from = TENANT_FIXED;
	f.listener.tenant = 7;
	refused("", GOOD, "may not log in by this mechanism"); /* another anna */
	f.listener.tenant = 0;
}

static void
renewals(void **state)
{
	(void)state;
	struct sasl_turn turn;
	struct buf msg;
	struct principal before = { .user = NAME(0, STR("anna")), .mechanism = "OAUTHBEARER" };
	struct sasl_login *l = fix_login(&f, "OAUTHBEARER");
	sasl_login_renews(l, &before);
	message("", CLAIMS("anna", "1800009999"), &msg);
	assert_int_equal(fix_step(&f, l, buf_str(&msg), &turn), SASL_STEP_DONE);
	buf_free(&msg);
	sasl_login_destroy(&l);
	l = fix_login(&f, "OAUTHBEARER");
	sasl_login_renews(l, &before);
	message("", CLAIMS("olga", "1800009999"), &msg);
	fix_log(&f);
	f.peer.b[3]++;
	fix_step(&f, l, buf_str(&msg), &turn);
	buf_free(&msg);
	is_refused(l, &turn, "\1", "renewed by the same user only");
}

/* A reload takes new keys, and keeps the old ones where it cannot. */
static void
keys_are_exchanged(void **state)
{
	(void)state;
	struct why why;
	struct sasl_turn turn;
	static const char *const broken[] = { "", "{}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}" };
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		write_keys(broken[i]);
		assert_int_not_equal(read_again(&why), 0);
		assert_non_null(strstr(why.text, path));
		struct sasl_login *l = say("", GOOD, &turn);
		assert_int_equal(turn.step, SASL_STEP_DONE);
		sasl_login_destroy(&l);
	}
	write_keys("{\"keys\":[{\"kid\":\"other\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
	assert_ok(read_again(&why));
	refused("", GOOD, "signed by a key that is not there");
	write_keys(NULL);
	assert_ok(read_again(&why));
	struct sasl_login *l = say("", GOOD, &turn);
	assert_int_equal(turn.step, SASL_STEP_DONE);
	sasl_login_destroy(&l);
}

/* Of a source that nobody has open, or that is not named any more, no file is read. */
static void
what_is_not_used_rests(void **state)
{
	(void)state;
	char here[64], there[] = "/tmp/schloss-jwks-XXXXXX", url[64];
	struct jwks_source *s, *again;
	struct jwks *keys;
	struct why why;
	close(mkstemp(there));
	struct buf text;
	buf_init(&text, 65536);
	maker_jwks(&m, &text);
	assert_ok(fs_replace(there, text.p, text.n));
	snprintf(here, sizeof(here), "file://%s", path);
	snprintf(url, sizeof(url), "file://%s", there);
	const struct jwks_place both[] = { { here, NULL }, { url, NULL } };
	assert_ok(jwks_source_open(sources, url, NULL, 1000, &s, &why));
	assert_ok(jwks_source_open(sources, url, NULL, 1000, &again, &why));
	assert_ptr_equal(s, again);
	jwks_source_close(&again);
	assert_null(again);
	assert_ok(jwks_sources_check(sources, both, 2, &why));
	unlink(there);
	assert_int_equal(jwks_sources_check(sources, both, 2, &why), ERR_NOTFOUND);
	assert_int_equal(jwks_sources_reload(sources, both, 2, &why), ERR_NOTFOUND);
	/* Not named: who has it keeps its keys. */
	assert_ok(jwks_sources_check(sources, both, 1, &why));
	assert_ok(jwks_sources_reload(sources, both, 1, &why));
	keys = jwks_source_keys(s);
	assert_non_null(keys);
	jwks_unref(&keys);
	assert_int_equal(jwks_source_open(sources, url, NULL, 1000, &again, &why), ERR_NOTFOUND);
	/* Nobody's: it may be named, as by a reload that came to nothing. */
	assert_ok(fs_replace(there, text.p, text.n));
	assert_ok(jwks_sources_reload(sources, both, 2, &why));
	jwks_source_close(&s);
	unlink(there);
	assert_ok(jwks_sources_check(sources, both, 2, &why));
	assert_ok(jwks_sources_reload(sources, both, 2, &why));
	/* And what is open is looked at until it is closed, whatever goes before. */
	struct jwks_sources *others = jwks_sources_create(&f.ev);
	assert_ok(jwks_source_open(others, here, NULL, 1000, &s, &why));
	jwks_sources_destroy(&others);
	jwks_source_close(&s);
	buf_free(&text);
}

static void
what_must_be_configured(void **state)
{
	(void)state;
	static const char *const audience[] = { "schloss" };
	struct oauth_setup whole = { .url = "https://h/k", .issuer = "i", .audiences = audience, .audiences_n = 1, .names = "DEFAULT",
		.scope_claim = "scope", .subject_claim = "sub" }, part;
	struct oauth *o;
	struct why why;
	assert_ok(oauth_open(&whole, &o, &why)); /* only checked: nothing is fetched */
	oauth_close(&o);
	part = whole;
	part.url = NULL;
	assert_int_equal(oauth_open(&part, &o, &why), ERR_INVAL);
	part = whole;
	part.issuer = NULL;
	assert_int_equal(oauth_open(&part, &o, &why), ERR_INVAL);
	part = whole;
	part.audiences_n = 0;
	assert_int_equal(oauth_open(&part, &o, &why), ERR_INVAL);
	part = whole;
	part.names = "RULE:";
	assert_int_equal(oauth_open(&part, &o, &why), ERR_INVAL);
	part = whole;
	part.url = "file:///nowhere/at/all";
	part.sources = sources;
	assert_int_equal(oauth_open(&part, &o, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "/nowhere/at/all"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_token_lets_in), T(its_end_bounds_the_login), T(who_is_not_let_in), T(messages_that_are_none),
		T(a_refusal_is_the_end), T(failures_count_at_once), T(a_token_is_trusted_for_no_password), T(never_without_tls), T(names_are_mapped),
		T(tenant_of_a_token), T(renewals), T(keys_are_exchanged), T(what_is_not_used_rests), T(what_must_be_configured),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
