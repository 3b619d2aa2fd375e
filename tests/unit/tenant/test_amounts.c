/* SPDX-License-Identifier: Apache-2.0 */
/* How much there may be of something: counted now and then, added to in between, of tenants and of users. */
#include "quota_fixture.h"

static const struct name anna = { 5, { "anna", 4 } }, bert = { 5, { "bert", 4 } }, tenant = { 5, { NULL, 0 } },
    other = { 6, { "anna", 4 } };

static bool
fits(struct quota *q, struct name user, double more)
{
	struct quota_bound b;
	return quota_fits(q, user, QUOTA_GROUPS, more, SEC, &b);
}

static void
both_levels_hold_at_once(void **state)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_bound b;
	(void)state;
	limit(&image, 5, NULL, NULL, QUOTA_GROUPS, 10);
	limit(&image, 5, "anna", NULL, QUOTA_GROUPS, 4);
	quota_publish(q, image);
	quota_recount(q);
	quota_report(q, tenant, QUOTA_GROUPS, 8);
	quota_report(q, anna, QUOTA_GROUPS, 3);
	assert_true(fits(q, anna, 1));
	assert_false(quota_fits(q, anna, QUOTA_GROUPS, 2, SEC, &b));
	assert_true(b.of_user && b.tell);
	assert_false(quota_fits(q, anna, QUOTA_GROUPS, 2, SEC - 1, &b) || b.tell);	/* asked by another loop */
	assert_float_equal(b.used, 3, 0);
	assert_float_equal(b.limit, 4, 0);
	assert_true(fits(q, bert, 2));	/* who has no limit has his tenant's */
	assert_false(quota_fits(q, bert, QUOTA_GROUPS, 3, SEC, &b));
	assert_true(!b.of_user && b.used == 8 && b.limit == 10);
	assert_true(fits(q, other, 1000));
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Those who ask between two counts do not all find the room of the last one; also whose first it is. */
static void
what_is_admitted_is_added(void **state)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	(void)state;
	limit(&image, 5, NULL, NULL, QUOTA_GROUPS, 100);
	limit(&image, 5, "anna", NULL, QUOTA_GROUPS, 3);
	quota_publish(q, image);
	struct quota_link *l = quota_open(q, anna);
	for (int count = 0; count < 3; count++) { /* she has nothing, so none reports her */
		quota_recount(q);
		quota_report(q, tenant, QUOTA_GROUPS, 50);
	}
	for (int i = 0; i < 3; i++) {
		assert_true(fits(q, anna, 1));
		quota_add(q, anna, QUOTA_GROUPS, 1);
	}
	assert_false(fits(q, anna, 1));
	quota_recount(q);
	assert_false(fits(q, anna, 1));	/* the count goes on: what was known holds */
	quota_recount(q);
	assert_true(fits(q, anna, 3));	/* two have not found her */
	quota_close(&l);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Of the tenant alone, once; and of who has no connection, and was in no count. */
static void
what_is_added_is_whose_it_is(void **state)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_bound b;
	(void)state;
	limit(&image, 5, NULL, NULL, QUOTA_PRODUCERS, 10);
	limit(&image, 5, "anna", NULL, QUOTA_PRODUCERS, 2);
	quota_publish(q, image);
	quota_recount(q);
	quota_add(q, tenant, QUOTA_PRODUCERS, 5);
	assert_true(quota_fits(q, tenant, QUOTA_PRODUCERS, 5, SEC, &b));
	assert_false(quota_fits(q, tenant, QUOTA_PRODUCERS, 6, SEC, &b));
	assert_true(!b.of_user && b.used == 5);
	quota_add(q, anna, QUOTA_PRODUCERS, 2);
	assert_false(quota_fits(q, anna, QUOTA_PRODUCERS, 1, SEC, &b));
	assert_true(b.of_user && b.used == 2);
	assert_true(quota_fits(q, bert, QUOTA_PRODUCERS, 3, SEC, &b));
	assert_false(quota_fits(q, bert, QUOTA_PRODUCERS, 4, SEC, &b));
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
the_default_users_limit_is_each_users(void **state)
{
	struct quota_image *image = NULL;
	struct quota *q = quota_create(&quota_config_default);
	(void)state;
	limit(&image, 5, "", NULL, QUOTA_GROUPS, 4);
	limit(&image, 5, "anna", NULL, QUOTA_GROUPS, 9);
	assert_float_equal(quota_image_limit(image, anna, QUOTA_GROUPS), 9, 0);
	assert_float_equal(quota_image_limit(image, bert, QUOTA_GROUPS), 4, 0);
	assert_float_equal(quota_image_limit(image, bert, QUOTA_CONNECTIONS), 0, 0);
	assert_float_equal(quota_image_limit(image, tenant, QUOTA_GROUPS), 0, 0);
	assert_float_equal(quota_image_limit(image, other, QUOTA_GROUPS), 0, 0);
	quota_publish(q, image);
	quota_report(q, bert, QUOTA_GROUPS, 4);
	quota_report(q, anna, QUOTA_GROUPS, 4);
	assert_false(fits(q, bert, 1));
	assert_true(fits(q, anna, 5));
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
connections_are_counted_exactly(void **state)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_link *a[3] = { NULL }, *b;
	struct quota_bound bound;
	struct quota_usage use;
	(void)state;
	limit(&image, 5, NULL, NULL, QUOTA_CONNECTIONS, 3);
	limit(&image, 5, "anna", NULL, QUOTA_CONNECTIONS, 2);
	quota_publish(q, image);
	for (int i = 0; i < 2; i++)
		assert_non_null(a[i] = quota_open_within(q, anna, SEC, &bound));
	assert_null(quota_open_within(q, anna, SEC, &bound));
	assert_true(bound.of_user && bound.used == 2 && bound.limit == 2 && bound.tell);
	assert_null(quota_open_within(q, anna, 60 * SEC, &bound));
	assert_false(bound.tell);	/* not yet a minute */
	assert_null(quota_open_within(q, anna, 61 * SEC, &bound));
	assert_true(bound.tell);
	assert_non_null(b = quota_open_within(q, bert, SEC, &bound));
	assert_null(quota_open_within(q, bert, SEC, &bound));
	assert_false(bound.of_user);
	assert_true(quota_usage(q, tenant, SEC, &use) && use.connections == 3);
	assert_true(quota_usage(q, anna, SEC, &use) && use.connections == 2 && use.limit[QUOTA_CONNECTIONS] == 2);
	quota_close(&a[1]);
	assert_non_null(a[1] = quota_open_within(q, anna, SEC, &bound));
	for (int i = 0; i < 2; i++)
		quota_close(&a[i]);
	quota_close(&b);
	quota_reap(q, 1000 * SEC);
	assert_false(quota_usage(q, tenant, 1000 * SEC, &use));
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* A link looks at its tenant's limit alone; nothing is forgotten while there is something. */
static void
bytes_are_of_the_tenant(void **state)
{
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	(void)state;
	struct quota_link *l = quota_open(q, anna), *m = quota_open(q, other);
	assert_true(quota_link_fits(l, QUOTA_STORED, 1e18));
	limit(&image, 5, NULL, NULL, QUOTA_STORED, 1000);
	quota_publish(q, image);
	quota_report(q, tenant, QUOTA_STORED, 900);
	assert_true(quota_link_fits(l, QUOTA_STORED, 100));
	assert_false(quota_link_fits(l, QUOTA_STORED, 101));
	quota_link_add(l, QUOTA_STORED, 50);
	assert_false(quota_link_fits(l, QUOTA_STORED, 51));
	assert_true(quota_link_fits(m, QUOTA_STORED, 1e9));
	quota_close(&l);
	quota_reap(q, 1000 * SEC);
	l = quota_open(q, bert);
	assert_false(quota_link_fits(l, QUOTA_STORED, 51));
	quota_close(&l);
	quota_close(&m);
	quota_image_unref(&image);
	quota_destroy(&q);
}

static void
amounts_are_no_client_ids(void **state)
{
	struct quota_entity user = { .tenant = 5, .has_user = true, .user = STR("anna") }, whole = { .tenant = 5 };
	struct quota_entity client = { .tenant = 5, .has_client = true, .client = STR("c") };
	struct why why;
	(void)state;
	for (int k = QUOTA_RATES; k < QUOTA_KEYS; k++) {
		assert_ok(quota_entity_check(&whole, (enum quota_key)k, 5, &why));
		assert_int_equal(quota_entity_check(&client, (enum quota_key)k, 5, &why), ERR_INVAL);
		assert_int_equal(quota_entity_check(&user, (enum quota_key)k, 5, &why) == 0, k != QUOTA_STORED);
		assert_false(quota_key_takes((enum quota_key)k, 1.5));
	}
}

TEST_MAIN(T(both_levels_hold_at_once), T(what_is_admitted_is_added), T(what_is_added_is_whose_it_is), T(the_default_users_limit_is_each_users),
    T(connections_are_counted_exactly), T(bytes_are_of_the_tenant), T(amounts_are_no_client_ids))
