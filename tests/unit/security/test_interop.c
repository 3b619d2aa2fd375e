/* SPDX-License-Identifier: Apache-2.0 */
/* libsasl2's client logs in by PLAIN and by SCRAM. */
#include "../test.h"

#include "cyrus_client.h"

static void
every_mechanism(void **state)
{
	(void)state;
	static const struct {
		const char *mech, *user, *authzid, *password;
		enum sasl_step step;
	} rows[] = {
		{ "PLAIN", "anna", "", PASSWORD, SASL_STEP_DONE },
		{ "PLAIN", "anna", "anna", PASSWORD, SASL_STEP_DONE },
		{ "PLAIN", "anna", "root", PASSWORD, SASL_STEP_FAILED },
		{ "PLAIN", "anna", "", "wrong", SASL_STEP_FAILED },
		{ "SCRAM-SHA-256", "anna", "", PASSWORD, SASL_STEP_DONE },
		{ "SCRAM-SHA-256", "anna", "anna", PASSWORD, SASL_STEP_DONE },
		{ "SCRAM-SHA-256", "anna", "root", PASSWORD, SASL_STEP_FAILED },
		{ "SCRAM-SHA-256", "nobody", "", PASSWORD, SASL_STEP_FAILED },
		{ "SCRAM-SHA-512", "anna", "", PASSWORD, SASL_STEP_DONE },
		{ "SCRAM-SHA-512", "anna", "", "wrong", SASL_STEP_FAILED },
	};
	struct fix f;
	fix_start(&f);
	cyrus_init();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cyrus c = { .user = rows[i].user, .authzid = rows[i].authzid,
			.password = rows[i].password };
		struct sasl_login *l = fix_login(&f, rows[i].mech);
		assert_int_equal(cyrus_login(&f, &c, rows[i].mech, l), rows[i].step);
		if (rows[i].step == SASL_STEP_DONE)
			assert_str(sasl_login_principal(l)->user.s, "anna");
		sasl_login_destroy(&l);
	}
	sasl_client_done();
	fix_stop(&f);
}

TEST_MAIN(T(every_mechanism))
