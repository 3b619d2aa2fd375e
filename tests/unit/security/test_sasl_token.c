/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by delegation tokens (KIP-48). */
#include "../test.h"

#include "sasl_fixture.h"

static struct fix f;

/* A whole login by this name, as by a token or not. */
static enum sasl_step
by_scram(const char *name, bool token, struct principal *ret)
{
	struct sasl_turn turn;
	struct buf final;
	char first[100];
	struct sasl_login *l = fix_login(&f, "SCRAM-SHA-512");
	snprintf(first, sizeof(first), "n,,n=%s,r=abc%s", name, token ? ",tokenauth=true" : "");
	assert_int_equal(fix_step(&f, l, str_from(first), &turn), SASL_STEP_CONTINUE);
	buf_init(&final, 4096);
	client_final(SCRAM_SHA_512, PASSWORD, first, turn.out, false, &final);
	enum sasl_step step = fix_step(&f, l, buf_str(&final), &turn);
	if (step == SASL_STEP_DONE) {
		*ret = *sasl_login_principal(l);
		assert_str(ret->user.s, "anna");
		ret->user.s = STR("anna"); /* it was the login's */
		assert_str(str_from(ret->mechanism), "SCRAM-SHA-512");
	}
	buf_free(&final);
	sasl_login_destroy(&l);
	return step;
}

static void
a_delegation_token_is_its_owner(void **state)
{
	(void)state;
	struct principal by_token, by_password;
	assert_int_equal(by_scram("tok-anna", true, &by_token), SASL_STEP_DONE);
	assert_false(uuid_is_zero(&by_token.token));
	assert_int_equal(by_scram("anna", false, &by_password), SASL_STEP_DONE);
	assert_true(uuid_is_zero(&by_password.token));
	assert_int_equal(by_token.user_generation, by_password.user_generation);
	assert_false(sasl_same_principal(&by_token, &by_password)); /* what renews what */
	assert_false(sasl_same_principal(&by_password, &by_token));
	by_token.token.b[5] = 7;
	assert_int_equal(by_scram("tok-anna", true, &by_password), SASL_STEP_DONE);
	assert_true(sasl_same_principal(&by_token, &by_password));
	assert_int_equal(by_scram("tok-anna", false, &by_token), SASL_STEP_FAILED);
	assert_int_equal(by_scram("tok-nobody", true, &by_token), SASL_STEP_FAILED);
	f.users[0].cred.locked = true;
	assert_int_equal(by_scram("tok-anna", true, &by_token), SASL_STEP_FAILED);
	f.users[0].cred.locked = false;
	f.users[0].cred.closed = true; /* the tenant lets nobody in */
	assert_int_equal(by_scram("tok-anna", true, &by_token), SASL_STEP_FAILED);
	assert_int_equal(by_scram("anna", false, &by_password), SASL_STEP_FAILED);
	f.users[0].cred.closed = false;
	assert_int_equal(by_scram("anna", false, &by_password), SASL_STEP_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(a_delegation_token_is_its_owner) };
	fix_start(&f);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	fix_stop(&f);
	return failed;
}
