/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "broker/bootstrap.h"
#include "broker/conf.h"
#include "meta/controller.h"
#include "meta/meta_sqlite.h"
#include "security/scram_keys.h"

static char dir[64];

static int
setup(void **state)
{
	char made[] = "/tmp/test_bootstrap.XXXXXX";
	(void)state;
	if (mkdtemp(made) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s", made);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fs_rmtree(dir);
}

static int
apply(struct str path, struct str value, int64_t version, void *arg)
{
	struct why why = { "" };
	(void)version;
	if (image_apply(arg, path, value, &why) != 0)
		fail_msg("%.*s: %s", STR_ARG(path), why.text);
	return 0;
}

/* The user as a broker that starts now would see him. */
static struct cred
stored(struct name user)
{
	char file[128];
	struct why why;
	struct meta *meta;
	struct cred cred;
	struct image *image = image_create(NULL);
	snprintf(file, sizeof(file), "%s/meta.db", dir);
	assert_ok(meta_sqlite_open(file, &meta, &why));
	assert_ok(meta_walk(meta, apply, &image, &why));
	meta_close(&meta);
	image_cred(image, user, 0, &cred);
	image_unref(&image);
	return cred;
}

static void
first_operator_and_lost_password(void **state)
{
	struct why why;
	(void)state;
	assert_ok(bootstrap_metadata(dir, STR("admin"), STR("first"), &why));
	struct cred c = stored(NAME(0, STR("admin")));
	assert_true(c.exists && !c.locked);
	assert_true(c.mechanisms & MECH_BIT(MECH_PLAIN));
	assert_true(scram_key_verify(SCRAM_SHA_256, &c.scram[SCRAM_SHA_256], STR("first")));
	assert_true(scram_key_verify(SCRAM_SHA_512, &c.scram[SCRAM_SHA_512], STR("first")));
	assert_false(scram_key_verify(SCRAM_SHA_256, &c.scram[SCRAM_SHA_256], STR("second")));
	assert_false(stored(NAME(0, STR("other"))).exists);

	assert_ok(bootstrap_password(dir, STR("main"), STR("admin"), STR("second"), &why));
	struct cred d = stored(NAME(0, STR("admin")));
	assert_true(scram_key_verify(SCRAM_SHA_256, &d.scram[SCRAM_SHA_256], STR("second")));
	assert_false(scram_key_verify(SCRAM_SHA_512, &d.scram[SCRAM_SHA_512], STR("first")));
	assert_int_equal(d.scram[0].iterations, SCRAM_ITERATIONS_DEFAULT);
	assert_true(d.generation > c.generation);
}

static void
refusals(void **state)
{
	struct why why;
	(void)state;
	assert_int_equal(bootstrap_password(dir, STR("main"), STR("nobody"), STR("x"), &why),
	    ERR_NOTFOUND);
	assert_int_equal(bootstrap_password(dir, STR("acme"), STR("admin"), STR("x"), &why),
	    ERR_NOTFOUND);
	assert_string_equal(why.text, "there is no tenant 'acme'");
	assert_int_not_equal(bootstrap_password(dir, STR("main"), STR("admin"), STR(""), &why), 0);
	assert_true(scram_key_verify(SCRAM_SHA_256, &stored(NAME(0, STR("admin"))).scram[0], STR("second")));
}

/* Every setting of topics that has a broker's default finds its option. */
static void
topic_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < TOPIC_KEYS; i++) {
		const char *synonym = topic_keys[i].synonym;
		if (synonym == NULL || synonym[0] == '\0' || !topic_keys[i].effect)
			continue;
		const struct conf_option *opt = option_find(conf_options, conf_option_count, str_from(synonym));
		if (opt == NULL)
			fail_msg("%s: no option %s", topic_keys[i].name, synonym);
		struct arena *arena = arena_create(1 << 16);
		struct why why = { "" };
		if (topic_value_check((enum topic_key)i, str_from(opt->def), &why) != 0)
			fail_msg("%s: default %s: %s", synonym, opt->def, why.text);
		arena_destroy(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_operator_and_lost_password), T(refusals), T(topic_defaults),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
