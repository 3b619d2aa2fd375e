/* SPDX-License-Identifier: Apache-2.0 */
/* What is promised to a bucket, and taken back: by those who stay, and by those who have gone. */
#include "quota_fixture.h"

/* What is to come is known to others before it is charged, and is not charged twice. */
static void
what_is_held_counts_until_it_is_released(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	struct quota_usage use;
	limit(&image, 5, NULL, NULL, QUOTA_FETCH, 1e6);
	limit(&image, 5, "anna", NULL, QUOTA_FETCH, 1e6);
	quota_publish(q, image);
	struct quota_link *a = quota_open(q, NAME(5, s("anna"))), *b = quota_open(q, NAME(5, s("bert")));
	struct quota_held *held = quota_hold(a, QUOTA_FETCH, 1e6);
	assert_int_equal(quota_delay(a, QUOTA_FETCH, 100 * SEC), 500 * MS);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 100 * SEC), 500 * MS); /* by the tenant's */
	quota_release(&held);
	assert_null(held);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 100 * SEC), 0);
	assert_int_equal(quota_charge(a, QUOTA_FETCH, 6e5, 100 * SEC), 100 * MS);
	assert_true(quota_usage(q, NAME(5, s("anna")), 100 * SEC, &use));
	assert_true(use.rate[QUOTA_FETCH] > 59e3 && use.rate[QUOTA_FETCH] < 61e3);
	quota_close(&a);
	quota_close(&b);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Taking a promise back leaves the others' debt as it would be without: where the window's end cut
 * it short, and where time has passed meanwhile, that others have used. */
static void
a_promise_forgives_nobodys_debt(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	limit(&image, 5, NULL, NULL, QUOTA_FETCH, 1e6);
	quota_publish(q, image);
	struct quota_link *a = quota_open(q, NAME(5, s("anna"))), *b = quota_open(q, NAME(5, s("bert")));
	quota_charge(b, QUOTA_FETCH, 9.5e6, 100 * SEC);
	struct quota_held *held = quota_hold(a, QUOTA_FETCH, 5e6);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 100 * SEC), 10 * SEC); /* never more than a window */
	quota_release(&held);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 100 * SEC), 9 * SEC);

	held = quota_hold(a, QUOTA_FETCH, 5e6);
	quota_charge(b, QUOTA_FETCH, 1e6, 203 * SEC);
	quota_release(&held);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 203 * SEC), 500 * MS);
	quota_close(&a);
	quota_close(&b);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Neither another limit nor another client id, nor the end of the link, changes what is taken back. */
static void
a_promise_is_kept_where_it_was_made(void **state)
{
	(void)state;
	struct quota *q = quota_create(&quota_config_default);
	struct quota_image *image = NULL;
	limit(&image, 5, NULL, NULL, QUOTA_FETCH, 1e6);
	limit(&image, 5, "anna", "", QUOTA_FETCH, 1e6);
	quota_publish(q, image);
	struct quota_link *a = quota_open(q, NAME(5, s("anna"))), *b = quota_open(q, NAME(5, s("bert")));
	quota_client(a, s("first"));
	struct quota_held *held = quota_hold(a, QUOTA_FETCH, 1e6);
	limit(&image, 5, NULL, NULL, QUOTA_FETCH, 5e6);
	quota_publish(q, image);
	quota_client(a, s("second"));
	assert_int_equal(quota_delay(a, QUOTA_FETCH, 300 * SEC), 500 * MS); /* by the tenant's */
	quota_close(&a);
	quota_reap(q, 300 * SEC);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 300 * SEC), 500 * MS);
	quota_release(&held);
	assert_int_equal(quota_delay(b, QUOTA_FETCH, 300 * SEC), 0);
	assert_int_equal(quota_charge(b, QUOTA_FETCH, 3e6, 300 * SEC), 100 * MS);
	quota_close(&b);
	quota_image_unref(&image);
	quota_destroy(&q);
}

/* Connections, one for each request, that go before it is answered. */
struct comer {
	uint64_t ready;
	struct quota_held *held;
};

/* What was read for them. */
static double
come_and_go(struct quota *q, struct comer *c, size_t n, double brings, uint64_t until)
{
	double sum = 0;
	for (;;) {
		struct comer *next = &c[0];
		for (size_t i = 1; i < n; i++)
			if (c[i].ready < next->ready)
				next = &c[i];
		uint64_t now = next->ready;
		if (now >= until)
			return sum;
		sum += next->held != NULL ? brings : 0;
		quota_settle(&next->held, brings, now);
		struct quota_link *l = quota_open(q, NAME(5, s("anna")));
		uint64_t delay = quota_delay(l, QUOTA_FETCH, now);
		if (delay == 0)
			next->held = quota_hold(l, QUOTA_FETCH, 5e5);
		/* A read takes a while. The delay that promises make may end earlier. */
		next->ready = now + (delay == 0 || delay > 20 * MS ? 20 * MS : delay);
		quota_close(&l);
	}
}

static void
who_comes_and_goes_gains_nothing(void **state)
{
	(void)state;
	static const size_t counts[] = { 1, 10, 100 };
	static const double brings[] = { 5e5, 1e5, 64e3 };
	for (size_t k = 0; k < 9; k++) {
		struct quota *q = quota_create(&quota_config_default);
		struct quota_image *image = NULL;
		struct comer c[100] = { 0 };
		size_t n = counts[k / 3];
		limit(&image, 5, "anna", NULL, QUOTA_FETCH, 1e6);
		quota_publish(q, image);
		for (size_t i = 0; i < n; i++)
			c[i].ready = 1000 * SEC + i;
		within_ten_percent(come_and_go(q, c, n, brings[k % 3], 1000 * SEC + RUN), 20e6);
		for (size_t i = 0; i < n; i++)
			quota_release(&c[i].held);
		struct quota_link *l = quota_open(q, NAME(5, s("anna")));
		assert_int_equal(quota_charge(l, QUOTA_FETCH, 5e5, 1100 * SEC), 0);
		quota_close(&l);
		quota_image_unref(&image);
		quota_destroy(&q);
	}
}

TEST_MAIN(T(what_is_held_counts_until_it_is_released), T(a_promise_forgives_nobodys_debt),
    T(a_promise_is_kept_where_it_was_made), T(who_comes_and_goes_gains_nothing))
